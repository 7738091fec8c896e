//! Collection runs: garbage collections of one registry that its owner asked for, with a time in which nothing is pushed.
//!
//! Source: DigitalOcean API, "Container Registry", garbage collection.

use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::account::AccountId;
use crate::error::{Error, Result};
use crate::name::Namespace;

/// What a run collects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunKind {
    /// Deletes manifests that have no tag; they can still be restored.
    UntaggedManifests,
    /// Frees what is deleted or was never referenced.
    #[default]
    UnreferencedBlobs,
    /// Both, one after the other.
    Both,
}

impl RunKind {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UntaggedManifests => "untagged_manifests",
            Self::UnreferencedBlobs => "unreferenced_blobs",
            Self::Both => "both",
        }
    }

    /// Returns whether manifests without a tag go.
    pub fn takes_untagged(self) -> bool {
        matches!(self, Self::UntaggedManifests | Self::Both)
    }

    /// Returns whether blobs go.
    pub fn takes_blobs(self) -> bool {
        matches!(self, Self::UnreferencedBlobs | Self::Both)
    }
}

impl FromStr for RunKind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        [Self::UntaggedManifests, Self::UnreferencedBlobs, Self::Both]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::internal(format!("{text:?} is no kind of collection run")))
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Nobody works on it yet; nobody gets a token for pushing any more.
    Requested,
    /// Tokens for pushing that were given before still work.
    Waiting,
    /// Manifests that are not needed are looked for.
    Scanning,
    /// Blobs that are not needed are deleted.
    Deleting,
    /// All that could go is gone.
    Succeeded,
    /// It is to end as soon as possible.
    Cancelling,
    /// It ended before all was done, because somebody wanted that.
    Cancelled,
    /// It ended before all was done; what it did is done.
    Failed,
}

impl RunStatus {
    const ALL: [Self; 8] = [
        Self::Requested,
        Self::Waiting,
        Self::Scanning,
        Self::Deleting,
        Self::Succeeded,
        Self::Cancelling,
        Self::Cancelled,
        Self::Failed,
    ];

    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Waiting => "waiting",
            Self::Scanning => "scanning",
            Self::Deleting => "deleting",
            Self::Succeeded => "succeeded",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Returns whether the run is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cancelled | Self::Failed)
    }
}

impl FromStr for RunStatus {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| Error::internal(format!("{text:?} is no status of a collection run")))
    }
}

/// What a collection run of a registry would do now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcForecast {
    /// Images without a tag that it deletes; they can be restored as long as the run leaves them.
    pub untagged_images: u64,
    /// Deleted images that can be restored now, and could not any more.
    pub final_images: u64,
    /// Deleted repositories that could not be restored any more.
    pub final_repositories: u64,
    /// Blobs whose bytes it deletes.
    pub blobs: u64,
    /// Their size.
    pub freed_bytes: u64,
    /// Whether all was looked at; of more than that it says what goes at least.
    pub is_complete: bool,
}

/// A collection run.
#[derive(Clone, Debug)]
pub struct GcRun {
    /// Public id.
    pub uuid: Uuid,
    /// The namespace that the registry is.
    pub namespace_id: AccountId,
    /// Name of the registry.
    pub registry: Namespace,
    /// What it collects.
    pub kind: RunKind,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When something about it changed last.
    pub updated_at: Timestamp,
    /// When the last token for pushing that was given before expires.
    pub waits_until: Timestamp,
    /// Until when nobody gets a token for pushing, should nobody go on with the run.
    pub read_only_until: Timestamp,
    /// Steps that failed.
    pub failures: u64,
    /// Blobs whose bytes it has deleted.
    pub blobs_deleted: u64,
    /// Their size.
    pub freed_bytes: u64,
    /// Name of who asked for it, as it was then; nothing for runs of older versions.
    pub started_by: Option<String>,
    /// Blobs that it found to be deleted when it began, and their size; nothing as long as it has not begun.
    pub found: Option<(u64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_forms_are_read_back() {
        for status in RunStatus::ALL {
            assert_eq!(status.as_str().parse::<RunStatus>().unwrap(), status);
        }
        for kind in [RunKind::UntaggedManifests, RunKind::UnreferencedBlobs, RunKind::Both] {
            assert_eq!(kind.as_str().parse::<RunKind>().unwrap(), kind);
        }
        assert!("blobs".parse::<RunKind>().is_err());
    }
}
