//! What teams and single users are given in repositories and namespaces.

use std::str::FromStr;

use uuid::Uuid;

use crate::access::action::Level;
use crate::account::AccountId;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::Namespace;

/// What a team may do in a repository, or a user there or in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryPermission {
    /// Pull.
    Read,
    /// Pull and push.
    Write,
    /// Everything.
    Admin,
}

impl RepositoryPermission {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Returns how much it allows.
    pub fn level(self) -> Level {
        match self {
            Self::Read => Level::Read,
            Self::Write => Level::Write,
            Self::Admin => Level::Admin,
        }
    }
}

impl FromStr for RepositoryPermission {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => Err(Error::Invalid {
                field: Field::Permission,
                reason: "must be read, write or admin".into(),
            }),
        }
    }
}

/// A user who was given something, with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPermission {
    /// Number of the account.
    pub user_id: AccountId,
    /// Public id of the account.
    pub uuid: Uuid,
    /// Its name.
    pub name: Namespace,
    /// What it was given.
    pub permission: RepositoryPermission,
}

/// Most users who may be given something in one namespace, or in one repository.
pub const USER_PERMISSIONS_LIMIT: u64 = 1000;
