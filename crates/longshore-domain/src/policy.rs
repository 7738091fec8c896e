//! Policies: what the operator decides, as pure values.

use std::time::Duration;

/// How long nothing of a deletion is collected after somebody began to undo it.
pub const RESTORING: Duration = Duration::from_secs(3600);

/// Whether an index may name manifests that the repository does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SparseIndexes {
    /// Every child must be present.
    Refuse,
    /// Children may be missing; they are linked when they arrive.
    Accept,
}

/// Whether manifests without a tag are collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UntaggedManifests {
    /// They stay until deleted.
    Keep,
    /// They are deleted when their lease has ended, unless an index or a present subject holds them.
    Collect,
}

/// How often leases are renewed by a HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseRenewal {
    /// As the background's collection needs it.
    Plain,
    /// As the collection of a registry needs it.
    OfRegistry,
}

/// What becomes of the history of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPolicy {
    /// Whether tags of the past can be pulled, and so not be pushed.
    pub as_of_tags: bool,
    /// How long what a tag pointed at stays after the tag moved on, for want of a tag alone: it can be deleted all the same.
    pub keep: Duration,
}

/// Rules of garbage collection.
#[derive(Clone, Copy, Debug)]
pub struct GcPolicy {
    /// How long content stays after it was uploaded, mounted or answered to a HEAD of someone who may push.
    pub lease: Duration,
    /// How long it stays when an owner collects the garbage of a registry; at most as long as the lease.
    pub grace: Duration,
    /// How long deleted content can be restored.
    pub undo: Duration,
    /// What happens to manifests without a tag.
    pub untagged: UntaggedManifests,
    /// Rows that one transaction may review.
    pub batch: u32,
    /// How long objects that no record names are kept after they were found; at least as long as an upload without
    /// progress.
    pub quarantine: Duration,
}

impl GcPolicy {
    /// Returns how much of a lease must be left for it not to be renewed by a HEAD: so that what was answered to one stays
    /// for half of the lease, and in a registry for half of the grace when its owner collects.
    pub fn renewed_below(&self, renewal: LeaseRenewal) -> Duration {
        match renewal {
            LeaseRenewal::Plain => self.lease / 2,
            LeaseRenewal::OfRegistry => self.lease.saturating_sub(self.lease.min(self.grace) / 2),
        }
    }
}
