//! One's own account.

use crate::client::{Call, Client};
use crate::error::Result;
use crate::list::List;
use crate::operations as op;
use crate::types::{
    AccountInfo, ChangeAccount, ChangeOwnPassword, ConfirmEmail, ConfirmSecondFactor, EnrolSecondFactor,
    OwnOrganization, OwnSessions, Presence, ProvePresence, RecoveryCodes, SecondFactorConfirmation,
    SecondFactorEnrolment, SecondFactorInfo, SecondFactorProof, WantEmail, WantedEmail,
};

/// As all calls, these fail for what the registry refuses, or when it is not reached.
impl Client {
    /// Gives one's own account.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_account(&self) -> Result<AccountInfo> {
        self.read(&Call::of(op::GET_ACCOUNT, &[]))
    }

    /// Changes one's own account, all of it or nothing.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn change_own_account(&self, change: &ChangeAccount) -> Result<AccountInfo> {
        self.read(&Call::of(op::CHANGE_OWN_ACCOUNT, &[]).sending(change)?)
    }

    /// Deletes one's own account without repositories, whose name is said; it stays taken.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_own_account(&self, name: &str) -> Result<()> {
        self.run(&Call::of(op::DELETE_OWN_ACCOUNT, &[]).with("name", Some(name))).map(|_| ())
    }

    /// Lists the organizations that one is a member of, by name.
    pub fn list_own_organizations(&self) -> List<'_, OwnOrganization> {
        List::new(self, Call::of(op::LIST_OWN_ORGANIZATIONS, &[]))
    }

    /// Shows that the owner of a session is there, which counts for ten minutes.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn prove_presence(&self, proof: &ProvePresence) -> Result<Presence> {
        self.read(&Call::of(op::PROVE_PRESENCE, &[]).sending(proof)?)
    }

    /// Sets one's own password; whatever was signed in with the one before must sign in again.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn change_own_password(&self, change: &ChangeOwnPassword) -> Result<()> {
        self.run(&Call::of(op::CHANGE_OWN_PASSWORD, &[]).sending(change)?).map(|_| ())
    }

    /// Sends what confirms an address to it. For sessions, as what follows.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn want_email(&self, wanted: &WantEmail) -> Result<WantedEmail> {
        self.read(&Call::of(op::WANT_EMAIL, &[]).sending(wanted)?)
    }

    /// Gives the account the address that it wanted, by what was sent there.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn confirm_email(&self, confirmation: &ConfirmEmail) -> Result<AccountInfo> {
        self.read(&Call::of(op::CONFIRM_EMAIL, &[]).sending(confirmation)?)
    }

    /// Lists where the account is signed in.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn list_own_sessions(&self) -> Result<OwnSessions> {
        self.read(&Call::of(op::LIST_OWN_SESSIONS, &[]))
    }

    /// Ends one session of the pages.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn end_own_session(&self, id: &str) -> Result<()> {
        self.run(&Call::of(op::END_OWN_SESSION, &[id])).map(|_| ())
    }

    /// Signs out everywhere; access tokens stay.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn end_own_sessions(&self) -> Result<()> {
        self.run(&Call::of(op::END_OWN_SESSIONS, &[])).map(|_| ())
    }

    /// Tells whether one's own account has a second factor.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_second_factor(&self) -> Result<SecondFactorInfo> {
        self.read(&Call::of(op::GET_SECOND_FACTOR, &[]))
    }

    /// Begins to set up a second factor.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn enrol_second_factor(&self, wanted: &EnrolSecondFactor) -> Result<SecondFactorEnrolment> {
        self.read(&Call::of(op::ENROL_SECOND_FACTOR, &[]).sending(wanted)?)
    }

    /// Lets a second factor be asked for from now on; what was signed in before must sign in again.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn confirm_second_factor(&self, code: &ConfirmSecondFactor) -> Result<SecondFactorConfirmation> {
        self.read(&Call::of(op::CONFIRM_SECOND_FACTOR, &[]).sending(code)?)
    }

    /// Removes one's own second factor.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn disable_second_factor(&self, proof: &SecondFactorProof) -> Result<()> {
        self.run(&Call::of(op::DISABLE_SECOND_FACTOR, &[]).sending(proof)?).map(|_| ())
    }

    /// Makes recovery codes in the place of those before.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn renew_recovery_codes(&self, proof: &SecondFactorProof) -> Result<RecoveryCodes> {
        self.read(&Call::of(op::RENEW_RECOVERY_CODES, &[]).sending(proof)?)
    }
}
