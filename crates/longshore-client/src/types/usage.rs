//! What namespaces hold, store and send.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a namespace holds, stores and sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamespaceUsage {
    /// The namespace.
    pub namespace: String,
    /// How many repositories it has.
    pub repositories: u64,
    /// How many tags they have.
    pub tags: u64,
    /// Bytes that are stored for it: a layer that several of its repositories have counts once.
    pub stored_bytes: u64,
    /// Bytes that were pulled from it in this month.
    pub sent_bytes: u64,
    /// The last 30 days, the oldest first; counted within a minute or two.
    pub days: Vec<UsageDay>,
}

/// What a namespace stored and sent on a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageDay {
    /// The day, UTC, such as `2026-11-01`.
    pub day: String,
    /// Bytes that it stored at the end of it.
    pub stored_bytes: u64,
    /// Bytes that were pulled from it.
    pub sent_bytes: u64,
    /// Images that were pulled from it.
    pub pulls: u64,
    /// Images that were pushed to it.
    pub pushes: u64,
}

/// What a repository holds and stores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepositoryUsage {
    /// The repository.
    pub repository: String,
    /// How many tags it has.
    pub tags: u64,
    /// How many images it has, with and without tags.
    pub images: u64,
    /// Bytes of its images, each by itself: what they share counts for each.
    pub images_bytes: u64,
    /// Bytes that are stored for it, each layer once, with what can still be brought back.
    pub stored_bytes: u64,
    /// Bytes of the layers that no other repository of the namespace has; none for those who do not see all of the namespace, and
    /// when it has more than twenty thousand layers.
    pub only_here_bytes: Option<u64>,
    /// How many of its images were neither pushed nor pulled since `inactive_since`.
    pub inactive_images: u64,
    /// Their bytes, each by itself: what they share counts for each. What deleting them frees, a plan says. Null for more than
    /// 20,000.
    pub inactive_bytes: Option<u64>,
    /// The time.
    pub inactive_since: String,
}
