//! Manifests, what they reference, and pulls.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::deletion::NewDeletion;
use crate::descriptor::{MediaType, Platform};
use crate::digest::Digest;
use crate::error::Result;
use crate::manifest::ManifestKind;
use crate::name::{Reference, Tag};
use crate::page::PageSize;
use crate::ports::metadata::{BlobId, RowLock};
use crate::repository::RepositoryId;

/// Number of a manifest in the metadata store; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ManifestId(pub i64);

/// What identifies a stored manifest, without its content.
#[derive(Clone, Debug)]
pub struct ManifestHead {
    /// Number in the metadata store.
    pub id: ManifestId,
    /// Digest.
    pub digest: Digest,
    /// Media type as pushed.
    pub media_type: MediaType,
    /// Size of the content.
    pub size_bytes: u64,
    /// Until when it stays even if nothing needs it.
    pub lease_until: Timestamp,
}

/// A manifest to be stored.
#[derive(Clone, Debug)]
pub struct NewManifest {
    /// Where.
    pub repository: RepositoryId,
    /// Digest of the content.
    pub digest: Digest,
    /// Media type as pushed.
    pub media_type: MediaType,
    /// Image or index.
    pub kind: ManifestKind,
    /// Artifact type, also derived from the config.
    pub artifact_type: Option<String>,
    /// Digest of the subject.
    pub subject: Option<Digest>,
    /// Platform of an image.
    pub platform: Option<Platform>,
    /// Sum of config and layers, or of the children that are present.
    pub total_size_bytes: u64,
    /// Annotations as JSON.
    pub annotations: String,
    /// Content.
    pub content: Bytes,
    /// Who pushes.
    pub pushed_by: Option<AccountId>,
    /// When.
    pub pushed_at: Timestamp,
    /// Until when it stays even if nothing needs it.
    pub lease_until: Timestamp,
}

/// What became of a manifest that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestPut {
    /// It is new.
    Created(ManifestId),
    /// It had been deleted and is back.
    Restored(ManifestId),
    /// It was there.
    Existing(ManifestId),
}

impl ManifestPut {
    /// Returns the manifest's number.
    pub fn id(self) -> ManifestId {
        match self {
            Self::Created(id) | Self::Restored(id) | Self::Existing(id) => id,
        }
    }
}

/// A referrer, as its descriptor shows it.
#[derive(Clone, Debug)]
pub struct Referrer {
    /// Number in the metadata store, the key of the list.
    pub id: ManifestId,
    /// Digest.
    pub digest: Digest,
    /// Media type.
    pub media_type: MediaType,
    /// Size of the content.
    pub size_bytes: u64,
    /// Artifact type.
    pub artifact_type: Option<String>,
    /// Image or index.
    pub kind: ManifestKind,
    /// Size of its annotations as JSON.
    pub annotations_bytes: u64,
}

/// Manifests and what they reference.
#[async_trait]
pub trait ManifestRecords {
    /// Finds a manifest that is not deleted.
    async fn find_manifest(
        &mut self,
        repository: RepositoryId,
        reference: &Reference,
    ) -> Result<Option<ManifestHead>>;
    /// Finds a manifest that is not deleted, by digest, and holds it.
    async fn lock_manifest(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
        hold: RowLock,
    ) -> Result<Option<ManifestHead>>;
    /// Finds manifests that are not deleted, by digest and in this order.
    async fn find_manifests(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<Option<ManifestHead>>>;
    /// Finds manifests that are not deleted, by digest and in this order, and holds them, the oldest first.
    async fn lock_manifests(
        &mut self,
        repository: RepositoryId,
        wanted: &[(Digest, RowLock)],
    ) -> Result<Vec<Option<ManifestHead>>>;
    /// Returns a manifest's content; `None` when it was collected meanwhile.
    async fn find_manifest_content(&mut self, id: ManifestId) -> Result<Option<Vec<u8>>>;
    /// Returns a manifest's content if it has at most so many bytes.
    async fn find_short_manifest_content(&mut self, id: ManifestId, limit: u64) -> Result<Option<Vec<u8>>>;
    /// Extends the lease of a manifest that is pushed again, is not deleted and is held exclusively.
    async fn put_held_manifest(&mut self, id: ManifestId, manifest: &NewManifest) -> Result<()>;
    /// Stores a manifest, or finds it stored, and extends its lease.
    async fn put_manifest(&mut self, manifest: &NewManifest) -> Result<ManifestPut>;
    /// Records that a manifest needs a blob that its repository sees.
    async fn add_manifest_blob(
        &mut self,
        manifest: ManifestId,
        repository: RepositoryId,
        blob: BlobId,
    ) -> Result<()>;
    /// Records that an index lists a child, present or not.
    async fn add_manifest_child(
        &mut self,
        index: ManifestId,
        position: u32,
        digest: &Digest,
        child: Option<ManifestId>,
    ) -> Result<()>;
    /// Links a manifest to the indexes in its repository that wait for it.
    async fn adopt_waiting_indexes(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
        id: ManifestId,
    ) -> Result<()>;
    /// Makes the blobs of a restored manifest visible again.
    async fn restore_manifest_links(&mut self, manifest: ManifestId) -> Result<()>;
    /// Extends a manifest's lease; false when it is gone.
    async fn extend_manifest_lease(&mut self, id: ManifestId, until: Timestamp) -> Result<bool>;
    /// Finds an index, not deleted, that lists the manifest.
    async fn find_index_with_child(&mut self, id: ManifestId) -> Result<Option<Digest>>;
    /// Lists the indexes, not deleted, that list the manifest, at most `size`.
    async fn list_indexes_with_child(&mut self, id: ManifestId, size: PageSize) -> Result<Vec<Digest>>;
    /// Deletes a manifest, as part of a deletion: invisible at once, collected later.
    async fn delete_manifest(&mut self, id: ManifestId, deletion: &NewDeletion) -> Result<()>;
    /// Lists the referrers of a digest by number, strictly after `after`; one more than `size` when more follow.
    async fn list_referrers(
        &mut self,
        repository: RepositoryId,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: ManifestId,
        size: PageSize,
    ) -> Result<Vec<Referrer>>;
    /// Returns a manifest's annotations as JSON.
    async fn find_annotations(&mut self, id: ManifestId) -> Result<Option<String>>;
    /// Lists all manifests by number, strictly after `after`, at most `size`, with digest and content.
    async fn list_manifest_contents(
        &mut self,
        after: ManifestId,
        size: PageSize,
    ) -> Result<Vec<(ManifestId, Digest, Vec<u8>)>>;
    /// Adds to the pull counts of manifests and tags.
    async fn record_pulls(&mut self, pulls: &[PullCount]) -> Result<()>;
}

/// Pulls of one manifest since the last time they were recorded.
#[derive(Clone, Debug)]
pub struct PullCount {
    /// Where.
    pub repository: RepositoryId,
    /// What.
    pub manifest: ManifestId,
    /// The tag that it was pulled by, if any.
    pub tag: Option<Tag>,
    /// How often.
    pub count: i64,
    /// When last.
    pub last_at: Timestamp,
}
