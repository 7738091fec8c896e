//! The metadata port: records of accounts, repositories, manifests, tags, blobs and uploads.
//!
//! The metadata store is the only truth about what exists and what is referenced.
//! A use case runs as one unit of work in one transaction: see [`Metadata`] and its `write`.

mod accounts;
mod blobs;
mod deletions;
mod directory;
mod email_changes;
mod events;
mod gc;
mod gc_runs;
mod idempotency;
mod images;
mod inventory;
mod invites;
mod jobs;
mod leases;
mod manifests;
mod nodes;
mod orphans;
mod reach;
mod registries;
mod repositories;
mod retention;
mod rooms;
mod second_factors;
mod settings;
mod shares;
mod sign_ins;
mod tags;
mod teams;
mod times;
mod tokens;
mod uploads;
mod user_permissions;
mod web_sessions;
mod work;

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::{Clock, ClockDifference};
use crate::error::Result;

pub use accounts::{AccountRecords, Clearing, NewAccount};
pub use blobs::{Blob, BlobId, BlobRecords, LinkedBlob};
pub use deletions::{DeletedManifest, DeletionRecords, DeletionsOf, PartOutcome};
pub use directory::{
    DirectoryEntry, DirectoryGroupRecords, DirectoryRecords, GroupEntry, NewScimToken, ScimTokenRecords,
    WantedUsers,
};
pub use email_changes::{EmailChange, EmailChangeRecords};
pub use events::{EventRecords, UsageKind};
pub use gc::{
    Backlog, DueReview, GcCounts, GcRecords, LinkReview, ManifestReview, RepositoryPurge, Review, Tombstone,
};
pub use gc_runs::GcRunRecords;
pub use idempotency::{AttemptTerms, IdempotencyRecords};
pub use images::{ImageRecords, RepositoryCounts};
pub use inventory::{DigestQuery, FoundDigest, InventoryRecords, UsageDay};
pub use invites::{InviteRecords, NewInvite};
pub use jobs::{JobOutcome, JobRecords};
pub use leases::LeaseRecords;
pub use manifests::{
    ManifestHead, ManifestId, ManifestPut, ManifestRecords, NewManifest, PullCount, Referrer,
};
pub use nodes::NodeRecords;
pub use orphans::OrphanRecords;
pub use reach::{LinkNeeds, Linked, Needed, ReachRecords, Reached};
pub use registries::RegistryRecords;
pub use repositories::RepositoryRecords;
pub use retention::{PushedTag, RetentionRecords};
pub use rooms::{
    AccessRoom, AccessTx, ContentRoom, ContentTx, IdentityRoom, IdentityTx, LifecycleRoom, LifecycleTx,
    OrganizationsRoom, OrganizationsTx, PlatformRoom, PlatformTx, Records, Room, RoomWork, Tx, WholeHouse,
};
pub use second_factors::{SecondFactor, SecondFactorRecords, SignInChallenge};
pub use settings::SettingRecords;
pub use shares::ShareRecords;
pub use sign_ins::{SignInFailures, SignInRecords};
pub use tags::{MovedWith, Mover, TagInterval, TagRecords};
pub use teams::{NewTeam, TeamChange, TeamRecords, TeamRepository};
pub use times::{Ahead, TimeRecords};
pub use tokens::{
    AccessTokenChange, AccessTokenCounts, NewAccessToken, RefreshToken, SigningKeyRecord, TokenRecords,
};
pub use uploads::UploadRecords;
pub use user_permissions::{PermissionTarget, UserPermissionRecords};
pub use web_sessions::{WebSession, WebSessionRecords};
pub use work::{Rescheduled, WorkRecords};

/// A future that a unit of work returns.
pub type WorkFuture<'t, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 't>>;

/// The untyped form of a unit of work, as adapters run it.
pub type Work = Arc<dyn for<'t> Fn(&'t mut dyn Tx) -> WorkFuture<'t, Box<dyn Any + Send>> + Send + Sync>;

/// Runs units of work against the metadata store.
#[async_trait]
pub trait Metadata: Send + Sync {
    /// Runs work in one durable transaction. When the answer is `Ok`, the changes survive power loss.
    async fn run_write(&self, work: Work) -> Result<Box<dyn Any + Send>>;

    /// Runs look-ups by index on the caller's thread; each statement sees the newest state.
    async fn run_look_up(&self, work: Work) -> Result<Box<dyn Any + Send>>;

    /// Runs reads that may be long on a thread of their own, on one snapshot.
    async fn run_read(&self, work: Work) -> Result<Box<dyn Any + Send>>;

    /// Counts the changes to who may do what (accounts, members, tokens, visibility, deletion of
    /// repositories). An answer derived from permissions may be kept as long as this stays the same.
    fn authority_epoch(&self) -> u64;

    /// Checks that the store can be read, and that its schema is one that this program works with.
    async fn check(&self) -> Result<()>;

    /// Compares a clock of this machine with the store's; `None` for a store that tells the time by this machine's.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer within seconds.
    async fn compare_clock(&self, clock: &dyn Clock) -> Result<Option<ClockDifference>>;

    /// Checks the store's own structure and returns what is wrong with it, line by line.
    async fn check_integrity(&self) -> Result<Vec<String>>;

    /// Ends the store's work; later calls fail with `Unavailable`.
    async fn close(&self);
}

impl dyn Metadata {
    /// Runs `work` over `input` in one durable transaction, with all records.
    pub async fn write<I, T>(self: &Arc<Self>, input: I, work: RoomWork<WholeHouse, I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        Records::<WholeHouse>::of(self).write(input, work).await
    }

    /// Runs look-ups by index; see [`Metadata::run_look_up`].
    pub async fn look_up<I, T>(self: &Arc<Self>, input: I, work: RoomWork<WholeHouse, I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        Records::<WholeHouse>::of(self).look_up(input, work).await
    }

    /// Runs longer reads on one snapshot; see [`Metadata::run_read`].
    pub async fn read<I, T>(self: &Arc<Self>, input: I, work: RoomWork<WholeHouse, I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        Records::<WholeHouse>::of(self).read(input, work).await
    }
}

/// How a unit of work keeps what it decides on from being changed by others until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowLock {
    /// Others may rely on it too, nobody may take it away: for what refers to it.
    Shared,
    /// Others wait: for taking it away.
    Exclusive,
}
