//! Blobs: reading, mounting and deleting.

use std::sync::Arc;

use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountId;
use longshore_domain::digest::Digest;
use longshore_domain::event::EventAction;
use longshore_domain::name::RepositoryName;
use longshore_domain::ports::blobs::{ByteRange, ByteStream};
use longshore_domain::ports::metadata::{Blob, BlobId, Review, UsageKind};
use longshore_domain::repository::{Repository, Visibility};
use longshore_domain::tier::Tiers;
use longshore_domain::{Error, Result};

use crate::Content;
use crate::limits::check_stored;
use crate::repositories::ensure_repository;
use longshore_platform::later;
use longshore_platform::origins::note_deletion;

/// A blob that somebody may read.
#[derive(Clone, Debug)]
pub struct ReadableBlob {
    /// The blob.
    pub blob: Blob,
    /// The repository that it is pulled from.
    repository: RepositoryName,
    /// The namespace of that.
    namespace_id: AccountId,
}

impl Content {
    /// Finds a blob that a repository sees. OCI distribution 1.1, end-2.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for pulling; `BlobUnknown`; `OverLimit` when the subscription includes no more.
    pub async fn get_blob(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<ReadableBlob> {
        let access = self.access.authorize(actor, name, RepositoryAction::Pull).await?;
        self.check_bandwidth(&access).await?;
        let repository = access.repository.ok_or_else(|| Error::RepositoryUnknown(name.clone()))?;
        let linked = self
            .metadata
            .look_up((repository.id, *digest), |tx, (id, digest)| Box::pin(tx.find_linked_blob(*id, digest)))
            .await?;
        let linked =
            linked.ok_or_else(|| Error::BlobUnknown { repository: name.clone(), digest: *digest })?;
        Ok(ReadableBlob {
            blob: linked.blob,
            repository: name.clone(),
            namespace_id: repository.namespace_id,
        })
    }

    /// Finds a blob for somebody who asks whether it must be pushed: it then stays at least for half a lease,
    /// if the actor may push. OCI distribution 1.1, end-2 (`HEAD`).
    ///
    /// # Errors
    /// As [`Content::get_blob`].
    pub async fn check_blob(&self, actor: &Actor, name: &RepositoryName, digest: &Digest) -> Result<Blob> {
        let (repository, renewal) = self.access.authorize_asking(actor, name).await?;
        let unknown = || Error::BlobUnknown { repository: name.clone(), digest: *digest };
        let linked = self
            .metadata
            .look_up((repository.id, *digest), |tx, (id, digest)| Box::pin(tx.find_linked_blob(*id, digest)))
            .await?
            .ok_or_else(unknown)?;
        let lease = self.settings.gc.lease;
        let is_short = linked.lease_until < later(self.clock.now(), self.settings.gc.renewed_below(renewal));
        if is_short && self.may_push(actor, name).await? {
            // Durable before the answer: the client will rely on it.
            let input = (repository.id, linked.blob.id, later(self.clock.now(), lease));
            // While nobody can write, no push can rely on it, and whoever pulls must not fail for it.
            let renewed = self.platform.write_beside(
                &self.metadata,
                input,
                |tx, (repository, blob, until)| {
                    Box::pin(async move {
                        let is_there = tx.extend_link_lease(*repository, *blob, *until).await?;
                        if is_there {
                            tx.enqueue_review(Review::Link(*repository, *blob), *until).await?;
                        }
                        Ok(is_there)
                    })
                },
                true,
            );
            if !renewed.await? {
                return Err(unknown());
            }
        }
        Ok(linked.blob)
    }

    /// Returns whether the actor may push, as its credential and rights are now.
    pub(crate) async fn may_push(&self, actor: &Actor, name: &RepositoryName) -> Result<bool> {
        let access = self.access.access(actor, name).await?;
        Ok(access.decide(actor, name, RepositoryAction::Push).is_ok())
    }

    /// Reads a range of a blob, and counts it as pulled.
    ///
    /// # Errors
    /// `BlobUnknown` when its object turns out to be missing or of another length; those of the blob store.
    pub async fn read_blob(&self, readable: &ReadableBlob, range: ByteRange) -> Result<ByteStream> {
        let bytes = self.inspector().read(&readable.blob, range).await?;
        let bytes = bytes.ok_or_else(|| Error::BlobUnknown {
            repository: readable.repository.clone(),
            digest: readable.blob.digest,
        })?;
        self.count_traffic(readable.namespace_id, range.end - range.start);
        Ok(bytes)
    }

    /// Makes a text that no blob holds, to tell apart what is sent of one.
    pub fn new_separator(&self) -> String {
        self.platform.new_uuid().simple().to_string()
    }

    /// Returns a URL under which a client can fetch a blob from the store itself, for some time; `None` when the store
    /// has none. Whoever has the URL needs no permission: it is for a client that may pull the blob.
    ///
    /// # Errors
    /// `BlobUnknown` when its object turns out to be missing or of another length; those of the blob store.
    pub async fn blob_url(
        &self,
        readable: &ReadableBlob,
        valid: std::time::Duration,
    ) -> Result<Option<String>> {
        // Nobody here sees what becomes of the client's request, so the object is looked for first, once in a while.
        if !self.looked_for.is_recent(readable.blob.storage_key, self.clock.now()) {
            if !self.inspector().is_there(&readable.blob).await {
                return Err(Error::BlobUnknown {
                    repository: readable.repository.clone(),
                    digest: readable.blob.digest,
                });
            }
            self.looked_for.remember(readable.blob.storage_key, self.clock.now());
        }
        self.blobs.sign_url(readable.blob.storage_key, valid).await
    }

    /// Counts a blob as pulled whose URL a client was given.
    pub fn count_redirect(&self, readable: &ReadableBlob) {
        self.count_traffic(readable.namespace_id, readable.blob.size_bytes);
    }

    /// Mounts a blob from another repository, or, when `from` is not given, from any that the actor may read;
    /// `None` when there is none, whatever the reason. OCI distribution 1.1, end-11.
    ///
    /// # Errors
    /// As [`authorize`](longshore_access::AccessControl::authorize) for pushing to `name`.
    pub async fn mount_blob(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Option<Blob>> {
        let access = self.access.authorize(actor, name, RepositoryAction::Push).await?;
        let Some(namespace_id) = access.namespace_id else { return Ok(None) };
        let Some(source) = self.find_mount_source(actor, digest, from).await? else { return Ok(None) };
        let data = [("digest", digest.to_string()), ("from", source.name.to_string())];
        let event =
            self.platform.event(actor, Some(namespace_id), EventAction::BlobMounted, name.as_str(), data);
        let lease_until = later(event.at, self.settings.gc.lease);
        let tiers = Arc::clone(&self.settings.tiers);
        let input = (namespace_id, name.clone(), *digest, source.id, event, lease_until, tiers);
        self.metadata
            .write(input, |tx, (namespace_id, name, digest, source, event, lease_until, tiers)| {
                Box::pin(async move {
                    // Looked up again: collection may have been faster.
                    let Some(linked) = tx.find_linked_blob(*source, digest).await? else { return Ok(None) };
                    let blob = linked.blob;
                    let repository = ensure_repository(tx, *namespace_id, name, tiers, event).await?;
                    let link = NewLink {
                        repository: &repository,
                        blob: blob.id,
                        size_bytes: blob.size_bytes,
                        lease_until: *lease_until,
                    };
                    if link_blob(tx, &link, tiers, event).await? {
                        tx.record_event(event).await?;
                    }
                    Ok(Some(blob))
                })
            })
            .await
    }

    /// Finds a repository that has the blob and that the actor may read.
    async fn find_mount_source(
        &self,
        actor: &Actor,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Option<Arc<Repository>>> {
        let source = match from {
            Some(from) => {
                let access = self.access.access(actor, from).await?;
                access.allows(RepositoryAction::Pull).then_some(access.repository).flatten()
            }
            None => {
                let input = (self.access.visible(actor).await?, *digest);
                let found = self.metadata.read(input, |tx, (visible, digest)| {
                    Box::pin(tx.find_repository_with_blob(*visible, digest))
                });
                match found.await? {
                    Some(found) => {
                        let access = self.access.access(actor, &found.name).await?;
                        access.allows(RepositoryAction::Pull).then_some(access.repository).flatten()
                    }
                    None => None,
                }
            }
        };
        let Some(source) = source else { return Ok(None) };
        let linked = self
            .metadata
            .look_up((source.id, *digest), |tx, (id, digest)| Box::pin(tx.find_linked_blob(*id, digest)))
            .await?;
        // A token never does more than its scopes, but what everybody may pull needs none.
        let is_covered = source.visibility == Visibility::Public
            || actor.scope().covers(&source.name, RepositoryAction::Pull);
        match linked {
            Some(_) if !is_covered => Err(Error::MountSourceNotCovered(source.name.clone())),
            Some(_) => Ok(Some(source)),
            None => Ok(None),
        }
    }

    /// Deletes a blob from a repository; other repositories keep it. OCI distribution 1.1, end-10.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for deleting; `BlobUnknown`; `InUse` while a manifest needs it.
    pub async fn delete_blob(&self, actor: &Actor, name: &RepositoryName, digest: &Digest) -> Result<()> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::Delete).await?;
        let event = self.platform.event(
            actor,
            Some(repository.namespace_id),
            EventAction::BlobDeleted,
            name.as_str(),
            [("digest", digest.to_string())],
        );
        let review_at = later(event.at, self.settings.gc.undo);
        let deletion = self.new_deletion(repository.id, &event);
        let id = deletion.id;
        let input = (repository, *digest, deletion, event, review_at);
        self.metadata
            .write(input, |tx, (repository, digest, deletion, event, review_at)| {
                Box::pin(async move {
                    let linked = tx.lock_linked_blob(repository.id, digest).await?;
                    let blob = linked
                        .ok_or_else(|| Error::BlobUnknown {
                            repository: repository.name.clone(),
                            digest: *digest,
                        })?
                        .blob;
                    if let Some(referenced_by) = tx.find_manifest_with_blob(repository.id, blob.id).await? {
                        return Err(Error::InUse { digest: *digest, referenced_by });
                    }
                    tx.hide_blob_link(&blob, deletion).await?;
                    tx.enqueue_review(Review::Link(repository.id, blob.id), *review_at).await?;
                    tx.record_event(event).await
                })
            })
            .await?;
        note_deletion(id);
        Ok(())
    }
}

/// A link to be made.
pub(crate) struct NewLink<'l> {
    pub repository: &'l Repository,
    pub blob: BlobId,
    pub size_bytes: u64,
    pub lease_until: jiff::Timestamp,
}

/// Lets a repository see a blob, with lease, review and usage, if the subscription includes that; true when it did not
/// before.
pub(crate) async fn link_blob(
    tx: &mut dyn longshore_domain::ports::metadata::ContentTx,
    link: &NewLink<'_>,
    tiers: &Tiers,
    by: &longshore_domain::event::NewEvent,
) -> Result<bool> {
    let is_new = tx.put_blob_link(link.repository.id, link.blob, link.lease_until).await?;
    tx.enqueue_review(Review::Link(link.repository.id, link.blob), link.lease_until).await?;
    let namespace = link.repository.namespace_id;
    if is_new && tx.put_namespace_blob(namespace, link.blob).await? {
        let amount = i64::try_from(link.size_bytes).unwrap_or(i64::MAX);
        tx.add_usage(namespace, UsageKind::StoredBytes, amount, by.at).await?;
        check_stored(tx, namespace, tiers).await?;
    }
    Ok(is_new)
}
