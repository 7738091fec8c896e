//! Access tokens, refresh tokens and signing keys.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::access_key::AccessKey;
use crate::account::AccountId;
use crate::credential::{AccessToken, AccessTokenId, Scope, SecretHash, TokenOrigin, TokenRestriction};
use crate::error::Result;
use crate::page::PageSize;
use crate::token_resource::TokenResources;

/// An access token to be created.
#[derive(Clone, Debug)]
pub struct NewAccessToken {
    /// Public id.
    pub uuid: Uuid,
    /// Whose authority it carries.
    pub account_id: AccountId,
    /// Label.
    pub label: String,
    /// Description.
    pub description: String,
    /// Name of who creates it.
    pub created_by: String,
    /// Cap.
    pub restriction: TokenRestriction,
    /// The access token that it is made with, with which it ends.
    pub made_with: Option<AccessTokenId>,
    /// Hash of the secret.
    pub secret_hash: SecretHash,
    /// The access key with its secret key, encrypted, if it is a pair of keys.
    pub access_key: Option<(AccessKey, Vec<u8>)>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When.
    pub created_at: Timestamp,
    /// Where.
    pub origin: TokenOrigin,
}

/// What an owner changes about an access token; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct AccessTokenChange {
    /// Label.
    pub label: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// What it may do at most, of organizations only.
    pub resources: Option<TokenResources>,
    /// On or off.
    pub is_active: Option<bool>,
}

/// How many access tokens an account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessTokenCounts {
    /// All.
    pub all: u64,
    /// Those that are switched on.
    pub active: u64,
    /// Those that were made for signing Docker in, for one registry or for some hours.
    pub credentials: u64,
}

/// A refresh token of the token service.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// Hash of the secret.
    pub secret_hash: SecretHash,
    /// Who signed in.
    pub account_id: AccountId,
    /// The access token used to sign in, if any; the refresh token dies with it.
    pub access_token_id: Option<AccessTokenId>,
    /// The account's credential epoch then.
    pub credential_epoch: i64,
    /// The service it was issued for.
    pub service: String,
    /// When.
    pub created_at: Timestamp,
}

/// A key that signs bearer tokens.
#[derive(Clone)]
pub struct SigningKeyRecord {
    /// Key id, the JWT header's `kid`.
    pub kid: String,
    /// PKCS #8 document.
    pub private_key: Vec<u8>,
    /// When it was created; the newest key signs.
    pub created_at: Timestamp,
    /// When its signatures stop being accepted; `None` while it signs.
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeyRecord").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Access tokens, refresh tokens and signing keys.
#[async_trait]
pub trait TokenRecords {
    /// Creates an access token.
    async fn create_access_token(&mut self, token: &NewAccessToken) -> Result<AccessTokenId>;
    /// Finds an access token by its secret.
    async fn find_access_token_by_secret(&mut self, hash: &SecretHash) -> Result<Option<AccessToken>>;
    /// Finds an access token by its access key, with the encrypted secret key.
    async fn find_access_key(&mut self, key: &AccessKey) -> Result<Option<(AccessToken, Vec<u8>)>>;
    /// Remembers a signature until it cannot be used any more; gives when it was taken first.
    async fn record_signature(
        &mut self,
        signature: &[u8],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Timestamp>;
    /// Forgets signatures that cannot be used any more, at most `size`; returns how many.
    async fn delete_old_signatures(&mut self, now: Timestamp, size: PageSize) -> Result<u64>;
    /// Ends a session token before it expires.
    async fn revoke_session(&mut self, id: Uuid, expires_at: Timestamp) -> Result<()>;
    /// Returns whether one of two session tokens was ended.
    async fn is_session_revoked(&mut self, ids: [Uuid; 2]) -> Result<bool>;
    /// Forgets session tokens that have expired, at most `size`; returns how many.
    async fn delete_old_revocations(&mut self, now: Timestamp, size: PageSize) -> Result<u64>;
    /// Remembers that the owner of a session has shown to be there.
    async fn put_presence(&mut self, session: Uuid, at: Timestamp) -> Result<()>;
    /// Finds when the owner of a session has shown to be there.
    async fn find_presence(&mut self, session: Uuid) -> Result<Option<Timestamp>>;
    /// Forgets presences of before a time, at most `size`; returns how many.
    async fn delete_old_presences(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
    /// Finds an access token by number.
    async fn find_access_token(&mut self, id: AccessTokenId) -> Result<Option<AccessToken>>;
    /// Finds an account's access token by public id.
    async fn find_access_token_by_uuid(
        &mut self,
        account: AccountId,
        uuid: Uuid,
    ) -> Result<Option<AccessToken>>;
    /// Lists an account's access tokens by id, strictly after `after`; one more than `size` when more follow.
    async fn list_access_tokens(
        &mut self,
        account: AccountId,
        after: Option<Uuid>,
        size: PageSize,
    ) -> Result<Vec<AccessToken>>;
    /// Lists an account's access tokens by id, leaving out the first `offset`, at most `size`.
    async fn list_access_tokens_at(
        &mut self,
        account: AccountId,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<AccessToken>>;
    /// Counts an account's access tokens.
    async fn count_access_tokens(&mut self, account: AccountId) -> Result<AccessTokenCounts>;
    /// Counts an account's credentials for Docker that were made with an access token, or with none.
    async fn count_logins_made_with(
        &mut self,
        account: AccountId,
        made_with: Option<AccessTokenId>,
    ) -> Result<u64>;
    /// Deletes an account's credentials for Docker that were made without an access token.
    async fn delete_logins_of_sessions(&mut self, account: AccountId) -> Result<()>;
    /// Changes an access token.
    async fn change_access_token(&mut self, id: AccessTokenId, change: &AccessTokenChange) -> Result<()>;
    /// Deletes an access token and the refresh tokens made with it.
    async fn delete_access_token(&mut self, id: AccessTokenId) -> Result<()>;
    /// Finds an access token by number, and keeps others from deleting it.
    async fn lock_access_token(&mut self, id: AccessTokenId) -> Result<bool>;
    /// Deletes the credentials of a scope that were made with an access token.
    async fn delete_credentials_made_with(&mut self, id: AccessTokenId, scope: Scope) -> Result<()>;
    /// Deletes credentials for registries that expired before a time, at most `size`; returns how many.
    async fn delete_expired_credentials(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
    /// Records the use of an access token.
    async fn record_access_token_use(&mut self, id: AccessTokenId, at: Timestamp) -> Result<()>;
    /// Deletes the oldest refresh tokens that were got with one credential of an account (an access token, or with `None` the
    /// password) but for the `kept` newest; a thousand at most.
    async fn delete_refresh_tokens_beyond(
        &mut self,
        account: AccountId,
        access_token: Option<AccessTokenId>,
        kept: u64,
    ) -> Result<()>;
    /// Creates a refresh token.
    async fn create_refresh_token(&mut self, token: &RefreshToken) -> Result<()>;
    /// Finds a refresh token by its secret.
    async fn find_refresh_token(&mut self, hash: &SecretHash) -> Result<Option<RefreshToken>>;
    /// Deletes refresh tokens that were created at or before `before`, at most `size`; returns how many.
    async fn delete_old_refresh_tokens(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
    /// Counts the refresh tokens of an account, up to `limit`.
    async fn count_refresh_tokens(&mut self, account: AccountId, limit: u64) -> Result<u64>;
    /// Deletes all refresh tokens of an account.
    async fn delete_refresh_tokens(&mut self, account: AccountId) -> Result<()>;
    /// Lists the signing keys, newest first.
    async fn list_signing_keys(&mut self) -> Result<Vec<SigningKeyRecord>>;
    /// Creates a signing key; it signs from now on.
    async fn create_signing_key(&mut self, key: &SigningKeyRecord) -> Result<()>;
    /// Ends signing with all keys but `kid`; their signatures are accepted until `expires_at`.
    async fn retire_signing_keys_except(&mut self, kid: &str, expires_at: Timestamp) -> Result<()>;
    /// Deletes keys that expired.
    async fn delete_expired_signing_keys(&mut self, now: Timestamp) -> Result<()>;
}
