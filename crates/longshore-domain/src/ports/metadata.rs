//! The metadata port: records of accounts, repositories, manifests, tags, blobs and uploads.
//!
//! The metadata store is the only truth about what exists and what is referenced.
//! A use case runs as one unit of work in one transaction: see [`Metadata`] and its `write`.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::account::{Account, AccountId, AccountKind, Member, OrganizationRole};
use crate::credential::{AccessToken, AccessTokenId, Scope, SecretHash};
use crate::descriptor::{MediaType, Platform};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::event::{Event, NewEvent};
use crate::manifest::ManifestKind;
use crate::name::{Namespace, Reference, RepositoryName, Tag};
use crate::page::PageSize;
use crate::ports::blobs::StorageKey;
use crate::repository::{Repository, RepositoryId, Visibility};
use crate::upload::{Upload, UploadId};

/// A future that a unit of work returns.
pub type WorkFuture<'t, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 't>>;

/// The untyped form of a unit of work, as adapters run it.
pub type Work = Arc<dyn for<'t> Fn(&'t mut dyn Tx) -> WorkFuture<'t, Box<dyn Any + Send>> + Send + Sync>;

/// A unit of work over some input. It may run more than once, so it changes nothing but the transaction.
pub type WorkFn<I, T> = for<'t> fn(&'t mut dyn Tx, &'t I) -> WorkFuture<'t, T>;

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

    /// Checks that the store answers.
    async fn check(&self) -> Result<()>;

    /// Checks the store's own structure and returns what is wrong with it, line by line.
    async fn check_integrity(&self) -> Result<Vec<String>>;

    /// Ends the store's work; later calls fail with `Unavailable`.
    async fn close(&self);
}

fn untyped<I, T>(input: I, work: WorkFn<I, T>) -> Work
where
    I: Send + Sync + 'static,
    T: Send + 'static,
{
    let input = Arc::new(input);
    Arc::new(move |tx| {
        let input = Arc::clone(&input);
        Box::pin(async move {
            let answer = work(tx, &input).await?;
            Ok(Box::new(answer) as Box<dyn Any + Send>)
        })
    })
}

fn typed<T: 'static>(answer: Box<dyn Any + Send>) -> Result<T> {
    answer
        .downcast()
        .map(|answer| *answer)
        .map_err(|_| Error::internal("a unit of work answered with another type"))
}

impl dyn Metadata {
    /// Runs `work` over `input` in one durable transaction.
    pub async fn write<I, T>(&self, input: I, work: WorkFn<I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        typed(self.run_write(untyped(input, work)).await?)
    }

    /// Runs look-ups by index; see [`Metadata::run_look_up`].
    pub async fn look_up<I, T>(&self, input: I, work: WorkFn<I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        typed(self.run_look_up(untyped(input, work)).await?)
    }

    /// Runs longer reads on one snapshot; see [`Metadata::run_read`].
    pub async fn read<I, T>(&self, input: I, work: WorkFn<I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        typed(self.run_read(untyped(input, work)).await?)
    }
}

/// One transaction: all records.
pub trait Tx:
    AccountRecords
    + TokenRecords
    + RepositoryRecords
    + BlobRecords
    + ManifestRecords
    + TagRecords
    + UploadRecords
    + CollectionRecords
    + EventRecords
    + SignInRecords
    + StrayRecords
    + Send
{
}

/// An account to be created.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Public id.
    pub uuid: Uuid,
    /// User or organization.
    pub kind: AccountKind,
    /// Name.
    pub name: Namespace,
    /// Password hash (PHC string); `None` for organizations.
    pub password_hash: Option<String>,
    /// Operator of the whole registry.
    pub is_administrator: bool,
    /// When.
    pub created_at: Timestamp,
}

/// How a unit of work keeps what it decides on from being changed by others until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Others may rely on it too, nobody may take it away: for what refers to it.
    Shared,
    /// Others wait: for taking it away.
    Exclusive,
}

/// Users, organizations and their members.
#[async_trait]
pub trait AccountRecords {
    /// Waits until no other unit of work changes accounts or members, and keeps others waiting: for decisions
    /// over several of them, such as who is the last owner.
    async fn hold_authority(&mut self) -> Result<()>;
    /// Keeps others from creating repositories in an account's namespace.
    async fn hold_account(&mut self, id: AccountId) -> Result<()>;
    /// Creates an account.
    ///
    /// # Errors
    /// `Exists` when the name is taken, also by a deleted account.
    async fn create_account(&mut self, account: &NewAccount) -> Result<AccountId>;
    /// Finds an account that is not deleted.
    async fn find_account(&mut self, id: AccountId) -> Result<Option<Account>>;
    /// Finds an account that is not deleted, by name.
    async fn find_account_by_name(&mut self, name: &Namespace) -> Result<Option<Account>>;
    /// Gives a user's password hash.
    async fn find_password_hash(&mut self, id: AccountId) -> Result<Option<String>>;
    /// Lists accounts of a kind by name, strictly after `after`; one more than `size` when more follow.
    async fn list_accounts(
        &mut self,
        kind: AccountKind,
        after: Option<&Namespace>,
        size: PageSize,
    ) -> Result<Vec<Account>>;
    /// Switches an account on or off.
    async fn set_account_active(&mut self, id: AccountId, is_active: bool) -> Result<()>;
    /// Makes a user an administrator or ends that.
    async fn set_administrator(&mut self, id: AccountId, is_administrator: bool) -> Result<()>;
    /// Changes a user's password and voids all bearer and refresh tokens issued before.
    async fn set_password_hash(&mut self, id: AccountId, password_hash: &str) -> Result<()>;
    /// Deletes an account; its name stays taken.
    async fn delete_account(&mut self, id: AccountId, at: Timestamp) -> Result<()>;
    /// Counts administrators that are active.
    async fn count_active_administrators(&mut self) -> Result<i64>;
    /// Finds a user's role in an organization.
    async fn find_role(
        &mut self,
        organization: AccountId,
        user: AccountId,
    ) -> Result<Option<OrganizationRole>>;
    /// Adds a member or changes the role.
    async fn put_member(
        &mut self,
        organization: AccountId,
        user: AccountId,
        role: OrganizationRole,
        at: Timestamp,
    ) -> Result<()>;
    /// Removes a member; false when there was none.
    async fn delete_member(&mut self, organization: AccountId, user: AccountId) -> Result<bool>;
    /// Lists members by name, strictly after `after`; one more than `size` when more follow.
    async fn list_members(
        &mut self,
        organization: AccountId,
        after: Option<&Namespace>,
        size: PageSize,
    ) -> Result<Vec<Member>>;
    /// Counts the owners of an organization.
    async fn count_owners(&mut self, organization: AccountId) -> Result<i64>;
    /// Finds an organization of which the user is the only owner.
    async fn find_organization_owned_only_by(&mut self, user: AccountId) -> Result<Option<Namespace>>;
    /// Says that who may do what has changed: see [`Metadata::authority_epoch`].
    async fn advance_authority_epoch(&mut self) -> Result<()>;
    /// Gives a named value of the registry itself.
    async fn find_setting(&mut self, name: &str) -> Result<Option<String>>;
    /// Sets a named value of the registry itself.
    async fn put_setting(&mut self, name: &str, value: &str) -> Result<()>;
}

/// An access token to be created.
#[derive(Clone, Debug)]
pub struct NewAccessToken {
    /// Public id.
    pub uuid: Uuid,
    /// Whose authority it carries.
    pub account_id: AccountId,
    /// Label.
    pub label: String,
    /// Cap.
    pub scope: Scope,
    /// Hash of the secret.
    pub secret_hash: SecretHash,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When.
    pub created_at: Timestamp,
}

/// A refresh token of the token service.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// Hash of the secret.
    pub secret_hash: SecretHash,
    /// Who signed in.
    pub account_id: AccountId,
    /// The access token used to sign in, if any; the refresh token dies with it.
    pub access_token_id: Option<AccessTokenId>,
    /// The account's credential epoch then.
    pub credential_epoch: i64,
    /// The service it was issued for.
    pub service: String,
    /// When.
    pub created_at: Timestamp,
}

/// A key that signs bearer tokens.
#[derive(Clone)]
pub struct SigningKeyRecord {
    /// Key id, the JWT header's `kid`.
    pub kid: String,
    /// PKCS #8 document.
    pub private_key: Vec<u8>,
    /// When it was created; the newest key signs.
    pub created_at: Timestamp,
    /// When its signatures stop being accepted; `None` while it signs.
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeyRecord").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Access tokens, refresh tokens and signing keys.
#[async_trait]
pub trait TokenRecords {
    /// Creates an access token.
    async fn create_access_token(&mut self, token: &NewAccessToken) -> Result<AccessTokenId>;
    /// Finds an access token by its secret.
    async fn find_access_token_by_secret(&mut self, hash: &SecretHash) -> Result<Option<AccessToken>>;
    /// Finds an access token by number.
    async fn find_access_token(&mut self, id: AccessTokenId) -> Result<Option<AccessToken>>;
    /// Finds an account's access token by public id.
    async fn find_access_token_by_uuid(
        &mut self,
        account: AccountId,
        uuid: Uuid,
    ) -> Result<Option<AccessToken>>;
    /// Lists an account's access tokens by id, strictly after `after`; one more than `size` when more follow.
    async fn list_access_tokens(
        &mut self,
        account: AccountId,
        after: Option<Uuid>,
        size: PageSize,
    ) -> Result<Vec<AccessToken>>;
    /// Switches an access token on or off.
    async fn set_access_token_active(&mut self, id: AccessTokenId, is_active: bool) -> Result<()>;
    /// Deletes an access token and the refresh tokens made with it.
    async fn delete_access_token(&mut self, id: AccessTokenId) -> Result<()>;
    /// Records the use of an access token.
    async fn record_access_token_use(&mut self, id: AccessTokenId, at: Timestamp) -> Result<()>;
    /// Creates a refresh token.
    async fn create_refresh_token(&mut self, token: &RefreshToken) -> Result<()>;
    /// Finds a refresh token by its secret.
    async fn find_refresh_token(&mut self, hash: &SecretHash) -> Result<Option<RefreshToken>>;
    /// Deletes all refresh tokens of an account.
    async fn delete_refresh_tokens(&mut self, account: AccountId) -> Result<()>;
    /// Lists the signing keys, newest first.
    async fn list_signing_keys(&mut self) -> Result<Vec<SigningKeyRecord>>;
    /// Creates a signing key; it signs from now on.
    async fn create_signing_key(&mut self, key: &SigningKeyRecord) -> Result<()>;
    /// Ends signing with all keys but `kid`; their signatures are accepted until `expires_at`.
    async fn retire_signing_keys_except(&mut self, kid: &str, expires_at: Timestamp) -> Result<()>;
    /// Deletes keys that expired.
    async fn delete_expired_signing_keys(&mut self, now: Timestamp) -> Result<()>;
}

/// Whose repositories a list or search may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Everything.
    All,
    /// What is public.
    Public,
    /// What is public, the account's own and its organizations'.
    Account(AccountId),
}

/// Repositories.
#[async_trait]
pub trait RepositoryRecords {
    /// Finds a repository that is not deleted.
    async fn find_repository(&mut self, name: &RepositoryName) -> Result<Option<Repository>>;
    /// Creates a repository.
    ///
    /// # Errors
    /// `Exists`; `RepositoryUnknown` when the account of its namespace has been deleted.
    async fn create_repository(
        &mut self,
        namespace: AccountId,
        name: &RepositoryName,
        visibility: Visibility,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Repository>;
    /// Lists the repositories that a viewer may see by name, strictly after `after`; one more than `size` when more follow.
    async fn list_repositories(
        &mut self,
        viewer: Viewer,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Repository>>;
    /// Changes who may see a repository.
    async fn set_visibility(&mut self, id: RepositoryId, visibility: Visibility) -> Result<()>;
    /// Deletes a repository: invisible at once, collected later.
    async fn delete_repository(&mut self, id: RepositoryId, at: Timestamp) -> Result<()>;
    /// Tells whether an account's namespace has repositories that are not deleted.
    async fn has_repositories(&mut self, namespace: AccountId) -> Result<bool>;
}

/// Number of a blob in the metadata store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId(pub i64);

/// A stored blob.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Number in the metadata store.
    pub id: BlobId,
    /// Digest.
    pub digest: Digest,
    /// Size.
    pub size_bytes: u64,
    /// Where its bytes lie.
    pub storage_key: StorageKey,
}

/// A blob as a repository sees it.
#[derive(Clone, Debug)]
pub struct LinkedBlob {
    /// The blob.
    pub blob: Blob,
    /// Until when the link stays even if no manifest needs it.
    pub lease_until: Timestamp,
}

/// Blobs, and the links through which repositories see them.
#[async_trait]
pub trait BlobRecords {
    /// Finds a blob by digest, whoever may see it. For the registry's own use only.
    async fn find_blob(&mut self, digest: &Digest) -> Result<Option<Blob>>;
    /// Creates a blob.
    async fn create_blob(
        &mut self,
        digest: &Digest,
        size_bytes: u64,
        store: &str,
        key: StorageKey,
        at: Timestamp,
    ) -> Result<BlobId>;
    /// Lets a blob's bytes lie elsewhere; false when they no longer lay at `from`.
    async fn move_blob(&mut self, id: BlobId, from: StorageKey, store: &str, to: StorageKey) -> Result<bool>;
    /// Finds a blob that the repository sees.
    async fn find_linked_blob(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Option<LinkedBlob>>;
    /// Finds a blob that the repository sees, and holds the link.
    async fn hold_linked_blob(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
        hold: Hold,
    ) -> Result<Option<LinkedBlob>>;
    /// Lets the repository see a blob until `lease_until` at least; true when it did not see it before.
    async fn put_blob_link(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
        lease_until: Timestamp,
    ) -> Result<bool>;
    /// Extends the lease of a link; false when the link is gone.
    async fn extend_link_lease(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
        until: Timestamp,
    ) -> Result<bool>;
    /// Hides a blob from the repository; it is unlinked later.
    async fn hide_blob_link(&mut self, repository: RepositoryId, blob: BlobId, at: Timestamp) -> Result<()>;
    /// Finds a manifest in the repository, not deleted, that needs the blob.
    async fn find_manifest_with_blob(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
    ) -> Result<Option<Digest>>;
    /// Finds a repository that has a blob and that the viewer may see.
    async fn find_repository_with_blob(
        &mut self,
        viewer: Viewer,
        digest: &Digest,
    ) -> Result<Option<Repository>>;
    /// Lists all blobs by number, strictly after `after`, at most `size`.
    async fn list_blobs(&mut self, after: BlobId, size: PageSize) -> Result<Vec<Blob>>;
}

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
    /// Gives the manifest's number.
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
    async fn hold_manifest(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
        hold: Hold,
    ) -> Result<Option<ManifestHead>>;
    /// Gives a manifest's content; `None` when it was collected meanwhile.
    async fn find_manifest_content(&mut self, id: ManifestId) -> Result<Option<Vec<u8>>>;
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
    /// Deletes a manifest: invisible at once, collected later.
    async fn delete_manifest(&mut self, id: ManifestId, at: Timestamp) -> Result<()>;
    /// Lists the referrers of a digest by number, strictly after `after`; one more than `size` when more follow.
    async fn list_referrers(
        &mut self,
        repository: RepositoryId,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: ManifestId,
        size: PageSize,
    ) -> Result<Vec<Referrer>>;
    /// Gives a manifest's annotations as JSON.
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

/// Tags and their history.
#[async_trait]
pub trait TagRecords {
    /// Points a tag at a manifest and writes its history; returns what it pointed at before.
    async fn set_tag(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        manifest: ManifestId,
        digest: &Digest,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Option<(ManifestId, Digest)>>;
    /// Deletes a tag and ends its history, if it exists and points at `from`, where that is given; returns what it
    /// pointed at.
    async fn delete_tag(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        from: Option<ManifestId>,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Option<(ManifestId, Digest)>>;
    /// Lists tags in byte order, strictly after `after`; one more than `size` when more follow.
    async fn list_tags(
        &mut self,
        repository: RepositoryId,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Tag>>;
    /// Lists the tags that point at a manifest, at most `size`.
    async fn list_tags_of(&mut self, manifest: ManifestId, size: PageSize) -> Result<Vec<Tag>>;
    /// Lists what a tag pointed at, newest first, at most `size`.
    async fn list_tag_history(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        size: PageSize,
    ) -> Result<Vec<TagInterval>>;
}

/// A time in which a tag pointed at one manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagInterval {
    /// What it pointed at.
    pub digest: Digest,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None` for still.
    pub until: Option<Timestamp>,
}

/// Uploads.
#[async_trait]
pub trait UploadRecords {
    /// Creates an upload.
    async fn create_upload(&mut self, upload: &Upload) -> Result<()>;
    /// Finds an upload.
    async fn find_upload(&mut self, id: UploadId) -> Result<Option<Upload>>;
    /// Saves an upload's progress if its revision is still `upload.revision`, and counts it up; false otherwise.
    async fn save_upload(&mut self, upload: &Upload) -> Result<bool>;
    /// Deletes an upload's record, leaving its bytes to the caller; `None` when it was gone.
    async fn take_upload(&mut self, id: UploadId) -> Result<Option<Upload>>;
    /// Deletes an upload's record if its revision is still `revision`; false otherwise.
    async fn end_upload(&mut self, id: UploadId, revision: i64) -> Result<bool>;
    /// Lists uploads that expired, at most `size`.
    async fn list_expired_uploads(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Upload>>;
    /// Deletes the records of uploads that expired, at most `size`, leaving their bytes to the caller.
    async fn take_expired_uploads(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Upload>>;
}

/// Something to be reviewed by garbage collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Review {
    /// A repository that was deleted.
    Repository(RepositoryId),
    /// A manifest.
    Manifest(ManifestId),
    /// A blob's link to a repository.
    Link(RepositoryId, BlobId),
    /// A blob.
    Blob(BlobId),
}

/// State of a manifest that a review decides on.
#[derive(Clone, Debug)]
pub struct ManifestReview {
    /// Where it is.
    pub repository: RepositoryId,
    /// Its digest.
    pub digest: Digest,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Until when it stays even if nothing needs it.
    pub lease_until: Timestamp,
    /// True when a tag points at it.
    pub is_tagged: bool,
    /// True when an index lists it, also a deleted one that can be restored.
    pub has_parent: bool,
    /// True when it refers to a manifest that is present.
    pub has_present_subject: bool,
}

/// State of a link that a review decides on.
#[derive(Clone, Debug)]
pub struct LinkReview {
    /// When it was hidden.
    pub hidden_at: Option<Timestamp>,
    /// Until when it stays even if nothing needs it.
    pub lease_until: Timestamp,
    /// True when a manifest needs it, also a deleted one that can be restored.
    pub is_referenced: bool,
}

/// An object to be deleted from its store.
#[derive(Clone, Debug)]
pub struct Tombstone {
    /// Number in the metadata store.
    pub id: i64,
    /// The object.
    pub storage_key: StorageKey,
    /// What the store needs to delete an unfinished object.
    pub store_state: Vec<u8>,
    /// Its size, as far as known.
    pub size_bytes: u64,
}

/// A run of garbage collection, as reported.
#[derive(Clone, Debug, Default)]
pub struct CollectionCounts {
    /// Uploads given up.
    pub uploads_expired: u64,
    /// Manifests deleted by policy.
    pub manifests_collected: u64,
    /// Deleted manifests whose undo window had ended.
    pub manifests_purged: u64,
    /// Links removed.
    pub links_removed: u64,
    /// Blobs whose bytes were deleted.
    pub blobs_deleted: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
}

/// Garbage collection: review queue, tombstones, leases of jobs.
#[async_trait]
pub trait CollectionRecords {
    /// Asks for a review at or after a time; an earlier one that is asked for already stays.
    async fn enqueue_review(&mut self, review: Review, at: Timestamp) -> Result<()>;
    /// Lists reviews that are due, at most `size`.
    async fn list_due_reviews(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Review>>;
    /// Takes reviews that are due out of the queue, at most `size`. What is not settled must be asked for again.
    async fn take_due_reviews(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Review>>;
    /// Asks for a review, now, of manifests that have no tag; numbers after `after`, at most `size`. Returns the last number looked at.
    async fn enqueue_untagged_manifests(
        &mut self,
        after: ManifestId,
        size: PageSize,
        at: Timestamp,
    ) -> Result<Option<ManifestId>>;
    /// Keeps others from changing or newly needing a manifest.
    async fn hold_reviewed_manifest(&mut self, id: ManifestId) -> Result<()>;
    /// Loads what a manifest's review decides on.
    async fn find_manifest_review(&mut self, id: ManifestId) -> Result<Option<ManifestReview>>;
    /// Removes a manifest's record and asks for reviews of its blobs' links, its children and its referrers.
    async fn purge_manifest(&mut self, id: ManifestId, at: Timestamp) -> Result<()>;
    /// Keeps others from changing or newly needing links.
    async fn hold_links(&mut self, links: &[(RepositoryId, BlobId)]) -> Result<()>;
    /// Loads what the reviews of links decide on, in order.
    async fn find_link_reviews(
        &mut self,
        links: &[(RepositoryId, BlobId)],
    ) -> Result<Vec<Option<LinkReview>>>;
    /// Removes links and asks for reviews of their blobs.
    async fn purge_links(&mut self, links: &[(RepositoryId, BlobId)], at: Timestamp) -> Result<()>;
    /// Turns those of the blobs that have no links into tombstones.
    async fn bury_blobs(&mut self, ids: &[BlobId], at: Timestamp) -> Result<()>;
    /// Takes a deleted repository apart, at most `size` records of each kind; true when nothing of it is left.
    async fn purge_repository(&mut self, id: RepositoryId, size: PageSize, at: Timestamp) -> Result<bool>;
    /// Says when a deleted repository was deleted; `None` when it is not deleted or gone.
    async fn find_repository_deletion(&mut self, id: RepositoryId) -> Result<Option<Timestamp>>;
    /// Creates a tombstone for an object that nothing needs.
    async fn create_tombstone(
        &mut self,
        key: StorageKey,
        store_state: &[u8],
        size_bytes: u64,
        at: Timestamp,
    ) -> Result<()>;
    /// Lists tombstones that are due, oldest first, at most `size`.
    async fn list_tombstones(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Tombstone>>;
    /// Takes tombstones that are due, oldest first, at most `size`; nobody else gets them before `until`.
    async fn claim_tombstones(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        size: PageSize,
    ) -> Result<Vec<Tombstone>>;
    /// Removes tombstones after their objects were deleted.
    async fn delete_tombstones(&mut self, ids: &[i64]) -> Result<()>;
    /// Takes or renews a job's lease; false when another holder has it.
    async fn take_lease(
        &mut self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool>;
    /// Gives a job's lease back.
    async fn release_lease(&mut self, name: &str, holder: Uuid) -> Result<()>;
    /// Counts what waits: reviews, tombstones, uploads.
    async fn count_collectable(&mut self, now: Timestamp) -> Result<Backlog>;
    /// Adds to the totals of collection.
    async fn add_collection_counts(&mut self, counts: &CollectionCounts, at: Timestamp) -> Result<()>;
    /// Gives the totals of collection and when it last did something.
    async fn collection_totals(&mut self) -> Result<(CollectionCounts, Option<Timestamp>)>;
}

/// Failed sign-ins of one account, address, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInFailures {
    /// How many, in this window.
    pub failures: i64,
    /// When the window began.
    pub began_at: Timestamp,
}

/// Failed sign-ins, counted over all nodes.
#[async_trait]
pub trait SignInRecords {
    /// Finds the failures of a subject, in whatever window they were.
    async fn find_sign_in_failures(&mut self, subject: &str) -> Result<Option<SignInFailures>>;
    /// Counts a failure. A window that began at or before `ended` is over: the next one begins now.
    async fn add_sign_in_failure(&mut self, subject: &str, now: Timestamp, ended: Timestamp) -> Result<()>;
    /// Forgets the failures of a subject.
    async fn delete_sign_in_failures(&mut self, subject: &str) -> Result<()>;
    /// Forgets windows that began at or before `ended`, at most `size`; returns how many.
    async fn delete_ended_sign_in_failures(&mut self, ended: Timestamp, size: PageSize) -> Result<u64>;
}

/// Objects that the store has and no record names.
#[async_trait]
pub trait StrayRecords {
    /// Says of each object whether a blob, an upload or a tombstone names it. What an upload in progress has beside
    /// its own object is not known here; such objects are young.
    async fn are_objects_known(&mut self, keys: &[StorageKey]) -> Result<Vec<bool>>;
    /// Remembers objects that no record names, with their sizes, to be deleted later; those that are remembered
    /// already keep their time. Returns how many are new.
    async fn quarantine(&mut self, objects: &[(StorageKey, u64)], at: Timestamp) -> Result<u64>;
    /// Forgets objects that were remembered at or before `before`, at most `size`, and gives them.
    async fn take_quarantined(&mut self, before: Timestamp, size: PageSize)
    -> Result<Vec<(StorageKey, u64)>>;
    /// Counts remembered objects and their bytes.
    async fn count_quarantined(&mut self) -> Result<(u64, u64)>;
    /// Says when the oldest upload in progress was begun.
    async fn find_oldest_upload(&mut self) -> Result<Option<Timestamp>>;
}

/// What waits for garbage collection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    /// Reviews that are due.
    pub reviews_due: u64,
    /// Reviews in the future.
    pub reviews_waiting: u64,
    /// Objects to be deleted.
    pub tombstones: u64,
    /// Uploads in progress.
    pub uploads: u64,
}

/// Audit events and usage.
#[async_trait]
pub trait EventRecords {
    /// Appends an event.
    async fn record_event(&mut self, event: &NewEvent) -> Result<()>;
    /// Lists an account's events (or with `None` all), newest first, strictly before `before`; one more than `size` when more follow.
    async fn list_events(
        &mut self,
        account: Option<AccountId>,
        before: Option<i64>,
        size: PageSize,
    ) -> Result<Vec<Event>>;
    /// Numbers events without gaps per account, at most `size`; returns how many.
    async fn number_events(&mut self, size: PageSize) -> Result<u64>;
    /// Appends a change of a namespace's usage.
    async fn add_usage(
        &mut self,
        namespace: AccountId,
        kind: UsageKind,
        amount: i64,
        at: Timestamp,
    ) -> Result<()>;
    /// Folds usage changes into totals, at most `size`; returns how many.
    async fn fold_usage(&mut self, size: PageSize) -> Result<u64>;
    /// Gives a namespace's usage by kind, folded or not.
    async fn usage_of(&mut self, namespace: AccountId) -> Result<BTreeMap<String, i64>>;
}

/// What usage counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageKind {
    /// Bytes of blobs linked into repositories of the namespace (a blob counts once per repository).
    LinkedBytes,
    /// Bytes of manifests.
    ManifestBytes,
}

impl UsageKind {
    /// Gives the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinkedBytes => "linked_bytes",
            Self::ManifestBytes => "manifest_bytes",
        }
    }
}
