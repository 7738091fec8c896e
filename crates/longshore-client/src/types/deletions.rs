//! Deletions that can be undone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A deletion in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeletionSummary {
    /// Its id, as the header `Longshore-Deletion` of the answer to what deleted had it.
    pub id: String,
    /// The repository, as it was called then.
    pub repository: String,
    /// Whether the repository itself was deleted, with all that was in it.
    pub is_repository: bool,
    /// Why.
    pub cause: DeletionCause,
    /// Name of who did it.
    pub deleted_by: String,
    /// When.
    pub deleted_at: String,
    /// Until when it can be undone.
    pub restorable_until: String,
    /// How many tags went.
    pub tags: u64,
    /// How many images.
    pub images: u64,
    /// How many blobs by themselves.
    pub blobs: u64,
    /// When it was undone; null if it was not.
    pub undone_at: Option<String>,
    /// Name of who undid it.
    pub undone_by: Option<String>,
}

/// Why something was deleted.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletionCause {
    /// Somebody asked for it.
    Request,
    /// A retention policy did not keep it.
    Retention,
    /// It had no tag, and the registry collects such images.
    Untagged,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// A deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeletionInfo {
    /// What a list has of it.
    #[serde(flatten)]
    pub summary: DeletionSummary,
    /// What went, the first thousand: tags, then images, then blobs. Of a repository nothing is listed.
    pub items: Vec<DeletedItem>,
}

/// What went with a deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeletedItem {
    /// `tag`, `image` or `blob`.
    pub kind: String,
    /// The tag, of one.
    pub tag: Option<String>,
    /// The digest; of a tag that of what it pointed at.
    pub digest: String,
}

/// How a deletion is undone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreDeletion {
    /// Whether tags that point elsewhere by now are moved back; otherwise they stay, and are reported.
    #[serde(default)]
    pub overwrite: bool,
    /// Under which name a repository comes back, in the same namespace; as it was called, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What came of undoing a deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreResult {
    /// The repository.
    pub repository: String,
    /// Tags that point again at what they pointed at.
    pub tags: u64,
    /// Images that are there again.
    pub images: u64,
    /// Blobs that are there again.
    pub blobs: u64,
    /// How much of it was there already.
    pub already_there: u64,
    /// Images and blobs that were brought back before, and were deleted again since.
    pub deleted_since: u64,
    /// Tags that did not come back, the first thousand.
    pub conflicts: Vec<NotRestored>,
}

/// A tag that did not come back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotRestored {
    /// The tag.
    pub tag: String,
    /// What it pointed at when it was deleted.
    pub digest: String,
    /// Why it did not come back.
    pub reason: NotRestoredReason,
    /// What it points at by now.
    pub present: Option<String>,
    /// The deletion by which its image went, if that can be undone first.
    pub deletion: Option<String>,
}

/// Why a tag did not come back.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotRestoredReason {
    /// It points elsewhere by now; with `overwrite` it is moved back, unless it is immutable.
    PointsElsewhere,
    /// Its image went by another deletion, or is collected.
    ImageGone,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}
