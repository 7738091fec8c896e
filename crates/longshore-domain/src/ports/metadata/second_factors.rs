//! Second factors, recovery codes, and sign-ins that wait for one.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::credential::SecretHash;
use crate::error::Result;
use crate::page::PageSize;
use crate::second_factor::TotpSecret;

/// A user's second factor.
#[derive(Clone, Debug)]
pub struct SecondFactor {
    /// Shared with the user's authenticator.
    pub secret: TotpSecret,
    /// When the user has shown to have it; until then it is not asked for.
    pub confirmed_at: Option<Timestamp>,
    /// Recovery codes that were not used yet.
    pub recovery_codes: u64,
}

/// A sign-in whose password was right.
#[derive(Clone, Debug)]
pub struct SignInChallenge {
    /// Hash of what stands for it.
    pub secret_hash: SecretHash,
    /// Who signs in.
    pub user_id: AccountId,
    /// The account's credential epoch then.
    pub credential_epoch: i64,
    /// Wrong codes so far.
    pub failures: i64,
    /// Until when the code is awaited.
    pub expires_at: Timestamp,
}

/// Second factors.
#[async_trait]
pub trait SecondFactorRecords {
    /// Finds a user's second factor, confirmed or not.
    async fn find_second_factor(&mut self, user: AccountId) -> Result<Option<SecondFactor>>;
    /// Begins the set-up of a second factor, in the place of one that was begun before; false when there is a confirmed one.
    async fn put_second_factor(
        &mut self,
        user: AccountId,
        secret: &TotpSecret,
        at: Timestamp,
    ) -> Result<bool>;
    /// Ends the set-up: from now on it is asked for, and what was signed in without it is void. False when the user has
    /// another secret by now, or one that is confirmed.
    async fn confirm_second_factor(
        &mut self,
        user: AccountId,
        secret: &TotpSecret,
        at: Timestamp,
    ) -> Result<bool>;
    /// Deletes a user's second factor and recovery codes; false when there was none.
    async fn delete_second_factor(&mut self, user: AccountId) -> Result<bool>;
    /// Remembers that the code of a time step was used; false when it, or one of the next few, was used before:
    /// one much later was used under a clock that has gone back since.
    async fn use_step(&mut self, user: AccountId, step: i64) -> Result<bool>;
    /// Puts new recovery codes in the place of all that the user has.
    async fn put_recovery_codes(&mut self, user: AccountId, codes: &[SecretHash]) -> Result<()>;
    /// Uses a recovery code up; false when the user has no such code.
    async fn use_recovery_code(&mut self, user: AccountId, code: &SecretHash) -> Result<bool>;
    /// Remembers a sign-in that waits for its second factor.
    async fn create_challenge(&mut self, challenge: &SignInChallenge) -> Result<()>;
    /// Finds a sign-in that waits, and holds it.
    async fn lock_challenge(&mut self, secret: &SecretHash) -> Result<Option<SignInChallenge>>;
    /// Counts a wrong code.
    async fn add_challenge_failure(&mut self, secret: &SecretHash) -> Result<()>;
    /// Forgets a sign-in that waits; false when it was gone.
    async fn delete_challenge(&mut self, secret: &SecretHash) -> Result<bool>;
    /// Forgets sign-ins that waited in vain, at most `size`; returns how many.
    async fn delete_expired_challenges(&mut self, now: Timestamp, size: PageSize) -> Result<u64>;
}
