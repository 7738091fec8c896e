//! Shares: repositories that other accounts may pull from, for some time or for ever.
//!
//! SWR API, "Shared accounts".

use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::{Namespace, RepositoryName};
use crate::repository::RepositoryId;

/// Most accounts that one repository is shared with.
pub const SHARES_LIMIT: u64 = 500;
/// Longest description in characters.
pub const SHARE_DESCRIPTION_LIMIT_CHARACTERS: usize = 1000;

/// A repository that is shared with an account.
#[derive(Clone, Debug)]
pub struct Share {
    /// The repository.
    pub repository_id: RepositoryId,
    /// Its name.
    pub repository: RepositoryName,
    /// Name of the account: a user, or an organization for all its members.
    pub account: Namespace,
    /// Until when; `None` for ever.
    pub expires_at: Option<Timestamp>,
    /// What for.
    pub description: String,
    /// Who shared it: public id and name.
    pub created_by: Option<(uuid::Uuid, Namespace)>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What decides about a share.
#[derive(Clone, Debug)]
pub struct ShareTerms {
    /// Until when; `None` for ever.
    pub expires_at: Option<Timestamp>,
    /// What for.
    pub description: String,
}

impl ShareTerms {
    /// Checks the length of the description.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        let is_short = self.description.chars().count() <= SHARE_DESCRIPTION_LIMIT_CHARACTERS;
        match is_short && !self.description.contains('\0') {
            true => Ok(()),
            false => Err(Error::Invalid {
                field: Field::Description,
                reason: format!("may have at most {SHARE_DESCRIPTION_LIMIT_CHARACTERS} characters"),
            }),
        }
    }
}

impl Share {
    /// Returns whether it lets somebody in at this time.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// Whose shares are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedBy {
    /// Repositories of the namespace of this account, and of the organizations that it owns.
    Account(AccountId),
    /// What is shared with this account.
    Others(AccountId),
}
