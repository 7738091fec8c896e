//! Deletions that can be undone: what went together, by whom and why, until it is collected.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::access::actor::Credential;
use crate::account::AccountId;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::event::NewEvent;
use crate::name::{RepositoryName, Tag};
use crate::repository::RepositoryId;

/// Id of a deletion, as clients know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeletionId(pub Uuid);

impl fmt::Display for DeletionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeletionId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        // What is no id is the id of nothing.
        text.parse().map(Self).map_err(|_| Error::DeletionUnknown)
    }
}

/// Why something was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionCause {
    /// Somebody asked for it.
    Request,
    /// A retention policy does not keep it.
    Retention,
    /// It had no tag, and the registry collects such images.
    Untagged,
}

impl DeletionCause {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retention => "retention",
            Self::Untagged => "untagged",
        }
    }
}

impl FromStr for DeletionCause {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "request" => Ok(Self::Request),
            "retention" => Ok(Self::Retention),
            "untagged" => Ok(Self::Untagged),
            _ => Err(Error::internal(format!("{text:?} is no cause of a deletion"))),
        }
    }
}

/// A deletion that is being made. What deletes takes one, so that nothing goes without being part of a deletion.
#[derive(Clone, Debug)]
pub struct NewDeletion {
    /// Its id; the steps of one deletion have the same.
    pub id: DeletionId,
    /// From which repository.
    pub repository: RepositoryId,
    /// Why.
    pub cause: DeletionCause,
    /// Number of the account that deletes; `None` for the operator and the registry itself.
    pub actor_id: Option<AccountId>,
    /// Its name.
    pub actor_name: String,
    /// What it came with.
    pub credential: Credential,
    /// When.
    pub at: Timestamp,
}

impl NewDeletion {
    /// Makes one for what an event tells of.
    pub fn new(id: Uuid, repository: RepositoryId, cause: DeletionCause, event: &NewEvent) -> Self {
        Self {
            id: DeletionId(id),
            repository,
            cause,
            actor_id: event.actor_id,
            actor_name: event.actor_name.clone(),
            credential: event.credential,
            at: event.at,
        }
    }

    /// Makes that part of a deletion over several repositories which concerns one of them. Its id is made of both, so that the
    /// steps of a part have the same.
    #[must_use]
    pub fn part(&self, repository: RepositoryId) -> Self {
        let part = self.id.0.as_u128() ^ u128::from(repository.0.unsigned_abs());
        Self { id: DeletionId(Uuid::from_u128(part)), repository, ..self.clone() }
    }
}

/// A deletion.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Its id.
    pub id: DeletionId,
    /// Number of the namespace.
    pub namespace: AccountId,
    /// From which repository.
    pub repository: RepositoryId,
    /// What that was called then.
    pub repository_name: RepositoryName,
    /// Whether the repository itself was deleted, with all that was in it.
    pub is_whole: bool,
    /// Why.
    pub cause: DeletionCause,
    /// Who did it.
    pub actor_name: String,
    /// When.
    pub at: Timestamp,
    /// How many tags went.
    pub tags: u64,
    /// How many images.
    pub images: u64,
    /// How many blobs by themselves.
    pub blobs: u64,
    /// When it was undone, and by whom.
    pub undone: Option<(Timestamp, String)>,
    /// When somebody ended the time in which it can be undone.
    pub ended_at: Option<Timestamp>,
}

/// A part of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedItem {
    /// Number, by which lists are read.
    pub number: i64,
    /// What it is.
    pub kind: DeletedKind,
    /// The tag, of one.
    pub tag: Option<Tag>,
    /// The digest; of a tag that of what it pointed at.
    pub digest: Digest,
    /// Number of the manifest or blob.
    pub subject: i64,
}

/// What a part of a deletion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletedKind {
    /// A tag.
    Tag,
    /// An image.
    Image,
    /// A blob that no manifest needs.
    Blob,
}

impl DeletedKind {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Image => "image",
            Self::Blob => "blob",
        }
    }
}

impl FromStr for DeletedKind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "tag" => Ok(Self::Tag),
            "image" => Ok(Self::Image),
            "blob" => Ok(Self::Blob),
            _ => Err(Error::internal(format!("{text:?} is no part of a deletion"))),
        }
    }
}
