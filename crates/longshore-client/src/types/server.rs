//! The registry as its operator sees it: collection, work, keys, the audit log.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a node can do what it must.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Whether all of it is well.
    pub is_well: bool,
    /// What the node needs, for reading and for writing.
    pub parts: Vec<HealthPart>,
    /// How far the node's clock is ahead of the database's, negative when behind; null where there is nothing to compare.
    pub clock_ahead_seconds: Option<f64>,
    /// How much work was given up.
    pub dead_work: u64,
}

/// Whether a part of what a node needs works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthPart {
    /// The part, in words.
    pub name: String,
    /// Whether it was tried for pushes as well, by writing to it.
    pub is_for_pushes: bool,
    /// Whether it works.
    pub is_well: bool,
    /// What is wrong.
    pub problem: Option<String>,
}

/// A key that signs tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SigningKey {
    /// Its id, which tokens name.
    pub kid: String,
}

/// A key that signs tokens, or has signed some that still count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SigningKeyInfo {
    /// Its id, which tokens name.
    pub kid: String,
    /// When it was made.
    pub created_at: String,
    /// Until when tokens that it signed are taken; null for the one that signs.
    pub expires_at: Option<String>,
}

/// What garbage collection did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GcCounts {
    /// Uploads that were given up.
    pub uploads_expired: u64,
    /// Manifests without a tag that were deleted.
    pub manifests_collected: u64,
    /// Deleted manifests that were removed.
    pub manifests_purged: u64,
    /// Links of blobs to repositories that were removed.
    pub links_removed: u64,
    /// Objects that were deleted.
    pub blobs_deleted: u64,
    /// Their bytes.
    pub freed_bytes: u64,
}

/// What garbage collection has to do, and has done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GcStatus {
    /// Changes that are due for a look.
    pub reviews_due: u64,
    /// Changes that are looked at later.
    pub reviews_waiting: u64,
    /// Objects that are to be deleted.
    pub objects_to_delete: u64,
    /// Uploads in progress.
    pub uploads_in_progress: u64,
    /// When something was collected last.
    pub last_at: Option<String>,
    /// What was done since the registry was set up.
    pub totals: GcCounts,
}

/// A collection that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateGcRun {
    /// Whether to count only what a run would begin with.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a collection did, or would begin with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GcRunInfo {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// What it did.
    #[serde(flatten)]
    pub counts: GcCounts,
}

/// What a collection of a registry takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GcKind {
    /// Images without a tag; they can still be brought back.
    UntaggedImages,
    /// The bytes of what is deleted or was never used by an image; nothing of it can be brought back after that.
    #[default]
    UnusedBytes,
    /// Both, one after the other.
    Both,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// A collection of a registry that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRegistryGcRun {
    /// What it takes.
    #[serde(default)]
    pub kind: GcKind,
}

/// What a collection of a registry would do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GcForecast {
    /// What it takes.
    pub kind: GcKind,
    /// Images without a tag that it deletes.
    pub untagged_images: u64,
    /// Deleted images that can be brought back now, and could not any more.
    pub final_images: u64,
    /// Deleted repositories that could not be brought back any more.
    pub final_repositories: u64,
    /// Blobs whose bytes are deleted.
    pub blobs: u64,
    /// Their size.
    pub freed_bytes: u64,
    /// Whether all was looked at; else it is that much at least.
    pub is_complete: bool,
}

/// Where a collection of a registry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GcRunState {
    /// Nobody works on it yet; nobody gets a token for pushing any more.
    Requested,
    /// Tokens for pushing that were given before still work.
    Waiting,
    /// Images that are not needed are looked for.
    Scanning,
    /// Blobs that are not needed are deleted.
    Deleting,
    /// All that could go is gone.
    Succeeded,
    /// It is to end as soon as possible.
    Cancelling,
    /// It ended before all was done, because somebody wanted that.
    Cancelled,
    /// It ended before all was done; what it did is done, and the background goes on.
    Failed,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

impl GcRunState {
    /// Returns whether the collection has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cancelled | Self::Failed)
    }
}

/// A collection of a registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryGcRun {
    /// Its id.
    pub id: String,
    /// What it takes.
    pub kind: GcKind,
    /// Where it stands.
    pub state: GcRunState,
    /// Name of who asked for it; null for what an older version did.
    pub started_by: Option<String>,
    /// When it was asked for.
    pub created_at: String,
    /// When something about it changed last.
    pub updated_at: String,
    /// When the last token for pushing that was given before expires; it begins then.
    pub waits_until: String,
    /// Blobs that it found when it began; null before.
    pub found_blobs: Option<u64>,
    /// Their size.
    pub found_bytes: Option<u64>,
    /// Blobs whose bytes it has deleted.
    pub blobs_deleted: u64,
    /// Their size.
    pub freed_bytes: u64,
}

/// Work that the registry does later: messages, housekeeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkInfo {
    /// Its number.
    pub id: i64,
    /// What is to be done.
    pub kind: String,
    /// What it is about.
    pub about: Option<String>,
    /// For whom it is done.
    pub r#for: Option<String>,
    /// What becomes of it.
    pub state: WorkState,
    /// When it is done next.
    pub due_at: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// When it was wished for.
    pub created_at: String,
    /// When it was given up.
    pub died_at: Option<String>,
    /// When it was done last, of what repeats.
    pub last_done_at: Option<String>,
    /// How long that took, in milliseconds.
    pub last_took_ms: Option<u64>,
    /// How much was done then.
    pub last_items: Option<u64>,
}

/// What becomes of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkState {
    /// It is done when it is due.
    Waiting,
    /// It is being done.
    Running,
    /// It was given up.
    Dead,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// An event of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventInfo {
    /// Its number, ascending in the order of recording.
    pub id: i64,
    /// When; the first time of several.
    pub at: String,
    /// The account whose log it belongs to, by its present name.
    pub account: Option<String>,
    /// Name of who did it.
    pub actor: String,
    /// What was done, `noun.verb`.
    pub action: String,
    /// Name of what it was done to.
    pub subject: String,
    /// Details.
    pub data: BTreeMap<String, String>,
    /// How often it happened.
    pub times: u64,
    /// Address of the client, where a request did it.
    pub address: Option<String>,
    /// What the client said that it is.
    pub program: Option<String>,
}
