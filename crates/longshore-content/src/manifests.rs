//! Manifests: pulling, pushing, deleting.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountId;
use longshore_domain::descriptor::{Descriptor, MediaType, Platform};
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::manifest::{Manifest, platform_of_config};
use longshore_domain::name::{Reference, RepositoryName, Tag};
use longshore_domain::past::{PastRefusal, PastTag};
use longshore_domain::policy::SparseIndexes;
use longshore_domain::ports::blobs::ByteRange;
use longshore_domain::ports::metadata::{
    ContentTx, ManifestHead, ManifestId, ManifestPut, NewManifest, PushedTag, Review, RowLock, TagInterval,
    UsageKind,
};
use longshore_domain::repository::{Repository, RepositoryId};
use longshore_domain::tier::Tiers;
use longshore_domain::{Error, Field, Result};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::Content;
use crate::limits::check_stored;
use crate::removal::Removal;
use crate::repositories::ensure_repository;
use longshore_platform::later;

/// Configurations larger than this are not looked into.
const CONFIG_LIMIT_BYTES: u64 = 1 << 20;
/// Most tags that one push may set.
pub const TAGS_PER_PUSH_LIMIT: usize = 50;

/// Manifests that were pulled of late. They never change.
pub(crate) struct ManifestCache(Cache<ManifestId, Bytes, ByBytes>);

#[derive(Clone)]
struct ByBytes;

impl Weighter<ManifestId, Bytes> for ByBytes {
    fn weight(&self, _: &ManifestId, content: &Bytes) -> u64 {
        content.len() as u64 + 64
    }
}

impl ManifestCache {
    pub(crate) fn new(limit_bytes: u64) -> Self {
        let typical = usize::try_from(limit_bytes / 2048).unwrap_or(1024);
        Self(Cache::with_weighter(typical, limit_bytes, ByBytes))
    }
}

/// A manifest as pulled.
#[derive(Clone, Debug)]
pub struct PulledManifest {
    /// Digest of the content.
    pub digest: Digest,
    /// Media type as pushed.
    pub media_type: MediaType,
    /// The content, byte for byte as pushed.
    pub content: Bytes,
}

/// What a push of a manifest depends on (RFC 9110, conditional requests).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// The tag must not exist.
    Absent,
    /// The tag or manifest must exist.
    Present,
    /// The tag must point at one of these.
    OneOf(Vec<Digest>),
}

impl Condition {
    /// Checks what a tag points at now.
    ///
    /// # Errors
    /// `PreconditionFailed`.
    pub fn check(&self, current: Option<Digest>) -> Result<()> {
        let holds = match self {
            Self::None => true,
            Self::Absent => current.is_none(),
            Self::Present => current.is_some(),
            Self::OneOf(digests) => current.is_some_and(|current| digests.contains(&current)),
        };
        if holds { Ok(()) } else { Err(Error::PreconditionFailed) }
    }
}

/// A manifest to be pushed.
pub struct ManifestPush {
    /// The tag to set, or the digest that the content must have.
    pub reference: Reference,
    /// Further tags to set (OCI distribution, end-7b).
    pub tags: Vec<Tag>,
    /// `Content-Type` as sent.
    pub media_type: Option<String>,
    /// The content.
    pub content: Bytes,
    /// What the push depends on.
    pub condition: Condition,
}

/// A manifest as pushed.
#[derive(Debug)]
pub struct PushedManifest {
    /// Digest of the content.
    pub digest: Digest,
    /// Its media type.
    pub media_type: MediaType,
    /// Digest of its subject.
    pub subject: Option<Digest>,
    /// Tags that now point at it.
    pub tags: Vec<Tag>,
}

impl Content {
    pub(crate) async fn find_manifest_content(&self, manifest: ManifestId) -> Result<Option<Vec<u8>>> {
        self.metadata.look_up(manifest, |tx, id| Box::pin(tx.find_manifest_content(*id))).await
    }

    /// Pulls a manifest and counts that. OCI distribution 1.1, end-3.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for pulling; `ManifestUnknown`; `OverLimit` when the subscription includes no more.
    pub async fn pull_manifest(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<PulledManifest> {
        let access = self.access.authorize(actor, name, RepositoryAction::Pull).await?;
        self.check_bandwidth(&access).await?;
        let repository = access.repository.ok_or_else(|| Error::RepositoryUnknown(name.clone()))?;
        let (head, tag) = self.find_manifest(&repository, reference).await?;
        let content = match self.manifests.0.get(&head.id) {
            Some(content) => content,
            None => {
                let content =
                    self.metadata.look_up(head.id, |tx, id| Box::pin(tx.find_manifest_content(*id))).await?;
                let unknown =
                    || Error::ManifestUnknown { repository: name.clone(), reference: reference.clone() };
                let content = Bytes::from(content.ok_or_else(unknown)?);
                self.manifests.0.insert(head.id, content.clone());
                content
            }
        };
        self.count_pull(repository.id, head.id, tag);
        self.count_traffic(repository.namespace_id, content.len() as u64);
        Ok(PulledManifest { digest: head.digest, media_type: head.media_type, content })
    }

    /// Finds a manifest, with the tag that points at it now where it was looked for by that. A tag of the past is looked for when
    /// there is no tag of that name.
    pub(crate) async fn find_manifest<'r>(
        &self,
        repository: &Repository,
        reference: &'r Reference,
    ) -> Result<(ManifestHead, Option<&'r Tag>)> {
        let head = self
            .metadata
            .look_up((repository.id, reference.clone()), |tx, (id, reference)| {
                Box::pin(tx.find_manifest(*id, reference))
            })
            .await?;
        let tag = match reference {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        match (head, tag.and_then(|tag| self.parse_past(tag))) {
            (Some(head), _) => Ok((head, tag)),
            (None, Some(past)) => self.find_past_manifest(repository, past).await.map(|head| (head, None)),
            (None, None) => Err(Error::ManifestUnknown {
                repository: repository.name.clone(),
                reference: reference.clone(),
            }),
        }
    }

    /// Reads a tag of the past, where these are on.
    pub(crate) fn parse_past(&self, tag: &Tag) -> Option<PastTag> {
        self.settings.history.as_of_tags.then(|| PastTag::parse(tag)).flatten()
    }

    async fn find_past_manifest(&self, repository: &Repository, past: PastTag) -> Result<ManifestHead> {
        if past.at > self.clock.now() {
            return Err(Error::past(PastRefusal::NotYet(past)));
        }
        let found = self
            .metadata
            .look_up((repository.id, past.clone()), |tx, (id, past)| {
                Box::pin(async move {
                    let mut found = tx.find_tags_at(*id, std::slice::from_ref(&past.tag), past.at).await?;
                    let Some(interval) = found.remove(&past.tag) else { return Ok(None) };
                    let head = tx.find_manifest(*id, &Reference::Digest(interval.digest)).await?;
                    Ok(Some((interval, head)))
                })
            })
            .await?;
        let repository = repository.name.clone();
        match found {
            Some((_, Some(head))) => Ok(head),
            Some((TagInterval { digest, from, until, .. }, None)) => {
                Err(Error::past(PastRefusal::Gone { repository, past, digest, from, until }))
            }
            None => Err(Error::past(PastRefusal::NotThere { repository, past })),
        }
    }

    /// Finds a manifest for somebody who asks whether it must be pushed: it then stays at least for half a
    /// lease, if the actor may push. No pull is counted. OCI distribution 1.1, end-3 (`HEAD`).
    ///
    /// # Errors
    /// As [`Content::pull_manifest`].
    pub async fn check_manifest(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestHead> {
        let (repository, renewal) = self.access.authorize_asking(actor, name).await?;
        let (head, _) = self.find_manifest(&repository, reference).await?;
        let lease = self.settings.gc.lease;
        let is_short = head.lease_until < later(self.clock.now(), self.settings.gc.renewed_below(renewal));
        if is_short && self.may_push(actor, name).await? {
            let input = (head.id, later(self.clock.now(), lease));
            // While nobody can write, no push can rely on it, and whoever pulls must not fail for it.
            let renewed = self.platform.write_beside(
                &self.metadata,
                input,
                |tx, (id, until)| Box::pin(tx.extend_manifest_lease(*id, *until)),
                true,
            );
            if !renewed.await? {
                return Err(Error::ManifestUnknown {
                    repository: name.clone(),
                    reference: reference.clone(),
                });
            }
        }
        Ok(head)
    }

    /// Pushes a manifest: one transaction with its references, tags, their history, the events and the usage.
    /// OCI distribution 1.1, end-7a and end-7b.
    ///
    /// # Errors
    /// As [`authorize`](longshore_access::AccessControl::authorize) for pushing; `ManifestTooLarge`, `ManifestInvalid`; `DigestMismatch` when pushed by
    /// another digest; `ManifestReferencesUnknown` when content is missing; `PreconditionFailed`; `OverLimit` when the
    /// subscription includes no more; `StorageFull`.
    pub async fn push_manifest(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        push: ManifestPush,
    ) -> Result<PushedManifest> {
        let access = self.access.authorize(actor, name, RepositoryAction::Push).await?;
        self.platform.check_space().await?;
        let namespace_id = access.namespace_id.ok_or_else(|| Error::RepositoryUnknown(name.clone()))?;
        let limit_bytes = self.settings.manifest_limit_bytes;
        if push.content.len() as u64 > limit_bytes {
            return Err(Error::ManifestTooLarge { limit_bytes });
        }
        let (algorithm, mut tags) = match &push.reference {
            Reference::Digest(digest) => (digest.algorithm(), Vec::new()),
            Reference::Tag(tag) => (Algorithm::Sha256, vec![tag.clone()]),
        };
        for tag in push.tags {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        if tags.len() > TAGS_PER_PUSH_LIMIT {
            return Err(Error::Invalid {
                field: Field::PushedTags,
                reason: format!("at most {TAGS_PER_PUSH_LIMIT} tags fit into one push"),
            });
        }
        let manifest = Manifest::parse(push.content, push.media_type.as_deref(), algorithm)?;
        if let Reference::Digest(expected) = push.reference
            && expected != manifest.digest
        {
            return Err(Error::DigestMismatch { expected, actual: manifest.digest });
        }
        let annotations = serde_json::to_string(&manifest.annotations).map_err(Error::internal)?;
        let platform = match (&access.repository, &manifest.config) {
            (Some(repository), Some(config)) => self.find_platform(repository.id, config).await?,
            _ => None,
        };
        let event = self.platform.event(
            actor,
            Some(namespace_id),
            EventAction::ManifestPushed,
            name.as_str(),
            [("digest", manifest.digest.to_string())],
        );
        let digest = manifest.digest;
        let media_type = manifest.media_type.clone();
        let subject = manifest.subject.as_ref().map(|subject| subject.digest);
        let plan = PushPlan {
            namespace_id,
            name: name.clone(),
            lease_until: later(event.at, self.settings.gc.lease),
            manifest,
            annotations,
            platform,
            tags: tags.clone(),
            condition: push.condition,
            reference: push.reference,
            reserves_past: self.settings.history.as_of_tags,
            sparse: self.settings.sparse_indexes,
            tiers: Arc::clone(&self.settings.tiers),
            event,
        };
        self.metadata.write(plan, |tx, plan| Box::pin(store_manifest(tx, plan))).await?;
        Ok(PushedManifest { digest, media_type, subject, tags })
    }

    /// Looks into an image's configuration for its platform; none when that is not what the config is.
    ///
    /// # Errors
    /// `ManifestInvalid` when readers disagree on what the configuration says.
    async fn find_platform(&self, repository: RepositoryId, config: &Descriptor) -> Result<Option<Platform>> {
        let bytes = self.read_config(repository, config).await?;
        bytes.map_or(Ok(None), |bytes| platform_of_config(&bytes))
    }

    /// Reads an image's configuration; none when that is not what the config is, or it is large or missing.
    pub(crate) async fn read_config(
        &self,
        repository: RepositoryId,
        config: &Descriptor,
    ) -> Result<Option<Vec<u8>>> {
        if !config.media_type.is_image_config() || config.size_bytes > CONFIG_LIMIT_BYTES {
            return Ok(None);
        }
        let linked = self
            .metadata
            .look_up((repository, config.digest), |tx, (id, digest)| {
                Box::pin(tx.find_linked_blob(*id, digest))
            })
            .await?;
        // A missing config is reported with everything else that is missing.
        let Some(blob) =
            linked.map(|linked| linked.blob).filter(|blob| blob.size_bytes <= CONFIG_LIMIT_BYTES)
        else {
            return Ok(None);
        };
        let range = ByteRange { start: 0, end: blob.size_bytes };
        let Some(mut stream) = self.inspector().read(&blob, range).await? else { return Ok(None) };
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(Some(bytes))
    }

    /// Deletes a manifest and the tags that point at it: invisible at once, collected when the undo window has
    /// ended. OCI distribution 1.1, end-9.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for deleting; `ManifestUnknown`; `InUse` while an index lists it.
    pub async fn delete_manifest(&self, actor: &Actor, name: &RepositoryName, digest: &Digest) -> Result<()> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::Delete).await?;
        let event = self.platform.event(
            actor,
            Some(repository.namespace_id),
            EventAction::ManifestDeleted,
            name.as_str(),
            [("digest", digest.to_string())],
        );
        let review_at = later(event.at, self.settings.gc.undo);
        let deletion = self.new_deletion(repository.id, &event);
        let removal = Removal { repository, digest: *digest, deletion, event, review_at };
        self.remove_manifest(removal).await
    }
}

/// A push that has been checked as far as that is possible without the transaction.
struct PushPlan {
    namespace_id: AccountId,
    name: RepositoryName,
    manifest: Manifest,
    annotations: String,
    platform: Option<Platform>,
    tags: Vec<Tag>,
    reference: Reference,
    condition: Condition,
    /// Whether tags of the past are not pushed, but where there is one from before.
    reserves_past: bool,
    sparse: SparseIndexes,
    tiers: Arc<Tiers>,
    lease_until: jiff::Timestamp,
    event: NewEvent,
}

/// What a manifest references, as found in its repository.
#[derive(Default)]
struct References {
    blobs: Vec<longshore_domain::ports::metadata::BlobId>,
    /// Position, digest, and number if it is a manifest that is present.
    children: Vec<(u32, Digest, Option<ManifestId>)>,
    missing: Vec<Digest>,
    total_size_bytes: u64,
}

impl References {
    fn check(&self) -> Result<()> {
        match self.missing.is_empty() {
            true => Ok(()),
            false => Err(Error::ManifestReferencesUnknown(self.missing.clone())),
        }
    }
}

async fn store_manifest(tx: &mut dyn ContentTx, plan: &PushPlan) -> Result<()> {
    let PushPlan { manifest, event, .. } = plan;
    let repository = ensure_repository(tx, plan.namespace_id, &plan.name, &plan.tiers, event).await?;
    // From the names of the tags on, whoever moves the same ones waits: what can be read before is read before.
    let own = Reference::Digest(manifest.digest);
    let known = match tx.find_manifest(repository.id, &own).await? {
        Some(_) => Some(find_references(tx, repository.id, plan, Holding::Nothing).await?),
        None => None,
    };
    let mut tags = plan.tags.clone();
    tags.sort_unstable();
    let (immutable, before) = match tags.is_empty() {
        true => (ImmutableTags::default(), Vec::new()),
        false => {
            (tx.find_immutable_tags(repository.id).await?, tx.lock_tags_to_set(repository.id, &tags).await?)
        }
    };
    check_condition(tx, repository.id, plan, &before).await?;
    if plan.reserves_past {
        check_not_past(&tags, &before)?;
    }
    let held = match known {
        // It keeps what it references, so that only it is to be held.
        Some(references) => {
            let held = tx.lock_manifest(repository.id, &manifest.digest, RowLock::Exclusive).await?;
            held.map(|head| (head.id, references))
        }
        None => None,
    };
    let id = match held {
        Some((id, references)) => {
            references.check()?;
            tx.put_held_manifest(id, &new_manifest(repository.id, plan, &references)).await?;
            id
        }
        None => put_manifest(tx, repository.id, plan).await?,
    };
    tx.record_event(event).await?;
    tx.enqueue_review(Review::Manifest(id), plan.lease_until).await?;
    let moved: Vec<&PushedTag> = before.iter().filter(|tag| tag.manifest != id).collect();
    if !moved.is_empty() {
        let rules = immutable.compile()?;
        for tag in &moved {
            rules.check(&tag.tag)?;
            tx.enqueue_review(Review::Manifest(tag.manifest), plan.lease_until).await?;
        }
    }
    if !tags.is_empty() {
        tx.set_tags(repository.id, &tags, &before, id, &manifest.digest, &event.into()).await?;
    }
    for tag in &tags {
        tx.record_event(&tag_event(event, EventAction::TagPushed, tag, &manifest.digest)).await?;
    }
    Ok(())
}

fn new_manifest(repository: RepositoryId, plan: &PushPlan, references: &References) -> NewManifest {
    let PushPlan { manifest, event, .. } = plan;
    NewManifest {
        repository,
        digest: manifest.digest,
        media_type: manifest.media_type.clone(),
        kind: manifest.kind,
        artifact_type: manifest.artifact_type.clone(),
        subject: manifest.subject.as_ref().map(|subject| subject.digest),
        platform: plan.platform.clone(),
        total_size_bytes: references.total_size_bytes,
        annotations: plan.annotations.clone(),
        content: manifest.bytes.clone(),
        pushed_by: event.actor_id,
        pushed_at: event.at,
        lease_until: plan.lease_until,
    }
}

/// Stores a manifest with what it references, which is held.
async fn put_manifest(
    tx: &mut dyn ContentTx,
    repository: RepositoryId,
    plan: &PushPlan,
) -> Result<ManifestId> {
    let PushPlan { manifest, event, .. } = plan;
    let references = find_references(tx, repository, plan, Holding::All).await?;
    references.check()?;
    let put = tx.put_manifest(&new_manifest(repository, plan, &references)).await?;
    let id = put.id();
    match put {
        ManifestPut::Created(_) => {
            for blob in references.blobs {
                tx.add_manifest_blob(id, repository, blob).await?;
            }
            for (position, digest, child) in references.children {
                tx.add_manifest_child(id, position, &digest, child).await?;
            }
            tx.adopt_waiting_indexes(repository, &manifest.digest, id).await?;
            let amount = i64::try_from(manifest.bytes.len()).unwrap_or(i64::MAX);
            tx.add_usage(plan.namespace_id, UsageKind::ManifestBytes, amount, event.at).await?;
            check_stored(tx, plan.namespace_id, &plan.tiers).await?;
        }
        ManifestPut::Restored(_) => {
            // An index that was pushed while it was deleted did not find it.
            tx.adopt_waiting_indexes(repository, &manifest.digest, id).await?;
            tx.restore_manifest_links(id).await?;
        }
        ManifestPut::Existing(_) => {}
    }
    tx.add_usage(plan.namespace_id, UsageKind::Pushes, 1, event.at).await?;
    Ok(id)
}

fn tag_event(by: &NewEvent, action: EventAction, tag: &Tag, digest: &Digest) -> NewEvent {
    NewEvent { action, data: [("tag", tag.to_string()), ("digest", digest.to_string())].into(), ..by.clone() }
}

/// Checks the condition against what nobody else can change any more: the tags are held.
async fn check_condition(
    tx: &mut dyn ContentTx,
    repository: RepositoryId,
    plan: &PushPlan,
    before: &[PushedTag],
) -> Result<()> {
    if plan.condition == Condition::None {
        return Ok(());
    }
    let current = match &plan.reference {
        Reference::Tag(tag) => before.iter().find(|held| held.tag == *tag).map(|held| held.digest),
        Reference::Digest(_) => tx.find_manifest(repository, &plan.reference).await?.map(|head| head.digest),
    };
    plan.condition.check(current)
}

/// Checks that no new tag is one of the past.
fn check_not_past(tags: &[Tag], before: &[PushedTag]) -> Result<()> {
    let is_new = |tag: &&Tag| !before.iter().any(|held| held.tag == **tag);
    match tags.iter().filter(is_new).find(|tag| PastTag::parse(tag).is_some()) {
        Some(tag) => Err(Error::past(PastRefusal::Reserved(tag.clone()))),
        None => Ok(()),
    }
}

/// What is held of what is found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holding {
    Nothing,
    All,
}

/// Finds everything that the manifest needs, and the manifest itself, and may hold all of it, manifests before blobs. What the actor cannot see in this
/// repository is missing, even if the registry has it elsewhere.
async fn find_references(
    tx: &mut dyn ContentTx,
    repository: RepositoryId,
    plan: &PushPlan,
    holding: Holding,
) -> Result<References> {
    let mut found = References::default();
    let required: Vec<&Descriptor> = plan.manifest.required_blobs();
    let children: Vec<(u32, &Descriptor)> = (0..).zip(plan.manifest.distinct_children()).collect();
    let mut manifests = vec![(plan.manifest.digest, RowLock::Exclusive)];
    manifests.extend(children.iter().map(|(_, child)| (child.digest, RowLock::Shared)));
    let found_manifests = match holding {
        Holding::All => tx.lock_manifests(repository, &manifests).await?,
        Holding::Nothing => {
            let digests: Vec<Digest> = manifests.iter().map(|(digest, _)| *digest).collect();
            tx.find_manifests(repository, &digests).await?
        }
    };
    // The first is the manifest itself, which may be there.
    let held = found_manifests.into_iter().skip(1);
    let mut absent = Vec::new();
    for ((position, descriptor), child) in children.into_iter().zip(held) {
        match child {
            Some(child) => {
                check_size(descriptor, child.size_bytes)?;
                found.total_size_bytes += descriptor.size_bytes;
                found.children.push((position, descriptor.digest, Some(child.id)));
            }
            None => absent.push((position, descriptor)),
        }
    }
    // Build caches list their layers in an index (BuildKit, `--cache-to type=registry,image-manifest=false`).
    let layers =
        absent.iter().map(|(_, descriptor)| *descriptor).filter(|child| !child.media_type.is_manifest());
    let digests: Vec<Digest> = required.iter().copied().chain(layers).map(|blob| blob.digest).collect();
    let linked = match holding {
        Holding::All => tx.lock_linked_blobs(repository, &digests).await?,
        Holding::Nothing => tx.find_linked_blobs(repository, &digests).await?,
    };
    let mut linked = linked.into_iter();
    let mut add = |found: &mut References, descriptor: &Descriptor| {
        let Some(linked) = linked.next().flatten() else { return Ok(false) };
        check_size(descriptor, linked.blob.size_bytes)?;
        found.total_size_bytes += descriptor.size_bytes;
        found.blobs.push(linked.blob.id);
        Ok::<_, Error>(true)
    };
    for descriptor in required {
        if !add(&mut found, descriptor)? {
            found.missing.push(descriptor.digest);
        }
    }
    for (position, descriptor) in absent {
        if !descriptor.media_type.is_manifest() {
            if !add(&mut found, descriptor)? {
                found.missing.push(descriptor.digest);
            }
            continue;
        }
        match plan.sparse {
            SparseIndexes::Accept => found.children.push((position, descriptor.digest, None)),
            SparseIndexes::Refuse => found.missing.push(descriptor.digest),
        }
    }
    Ok(found)
}

fn check_size(descriptor: &Descriptor, size_bytes: u64) -> Result<()> {
    if descriptor.size_bytes == size_bytes {
        return Ok(());
    }
    let Descriptor { digest, size_bytes: declared, .. } = descriptor;
    Err(Error::ManifestInvalid(format!("{digest} has {size_bytes} bytes, but the manifest says {declared}")))
}
