//! Repositories.

use std::str::FromStr;

use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::{Error, Result};
use crate::name::RepositoryName;

/// Number of a repository in the metadata store. It is never used again, so a repository that is deleted
/// and created anew under the same name has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryId(pub i64);

/// Who may see a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Only those with a permission of their own.
    Private,
    /// Everybody, also without signing in, unless the operator requires it.
    Public,
}

impl Visibility {
    /// Gives the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

impl FromStr for Visibility {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "private" => Ok(Self::Private),
            "public" => Ok(Self::Public),
            _ => Err(Error::Invalid { field: "visibility", reason: "must be private or public".into() }),
        }
    }
}

/// A named collection of manifests, blobs and tags.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Number in the metadata store.
    pub id: RepositoryId,
    /// The account that owns it.
    pub namespace_id: AccountId,
    /// Full name.
    pub name: RepositoryName,
    /// Who may see it.
    pub visibility: Visibility,
    /// When it was created.
    pub created_at: Timestamp,
}
