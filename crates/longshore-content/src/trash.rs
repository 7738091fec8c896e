//! The trash: what was deleted and can be brought back, until its garbage is collected.
//!
//! Whatever deletes makes a [`NewDeletion`], and the statements that delete write down what went with it; so every deletion can be
//! undone, whoever made it. Undoing is all or nothing as far as collection is concerned: it begins by holding all images that
//! went, and is refused when one is collected. Then it goes on in steps, and again from where it stood after a crash.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::conflict::Conflict;
use longshore_domain::deletion::{
    DeletedItem, DeletedKind, Deletion, DeletionCause, DeletionId, NewDeletion,
};
use longshore_domain::digest::Digest;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::name::{Namespace, RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::policy::RESTORING;
use longshore_domain::ports::metadata::{
    BlobId, ContentTx, DeletedManifest, DeletionsOf, ManifestId, PartOutcome, PushedTag, RowLock,
};
use longshore_domain::repository::RepositoryId;
use longshore_domain::tier::Tiers;
use longshore_domain::{Error, Result};
use longshore_platform::{earlier, later};

use crate::Content;
use crate::limits::check_new_repository;

/// Parts of a deletion that one transaction brings back.
const RESTORED_AT_ONCE: u64 = 250;
/// Most tags of which an answer says why they did not come back.
const NAMED_TAGS: usize = 1000;
/// Most deletions that are looked at for one page of a list: of each, it is decided whether it is shown.
const LISTED_AT_ONCE: u64 = 200;
/// How much longer than it can be undone a deletion is remembered, so that people see what became of it.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// A page of deletions: of those that were looked at, those that the actor may undo.
#[derive(Clone, Debug)]
pub struct DeletionPage {
    /// The deletions, newest first.
    pub items: Vec<Deletion>,
    /// The one that was looked at last, when the list goes on behind it.
    pub next: Option<(Timestamp, DeletionId)>,
}

/// A deletion with the first of what went with it.
#[derive(Clone, Debug)]
pub struct DeletionDetails {
    /// The deletion.
    pub deletion: Deletion,
    /// The first tags, images and blobs.
    pub items: Vec<DeletedItem>,
}

/// How a deletion is undone.
#[derive(Clone, Debug, Default)]
pub struct Restoring {
    /// Whether tags that point elsewhere by now are moved back.
    pub overwrites: bool,
    /// Under which name a repository comes back; as it was called when not given.
    pub name: Option<RepositoryName>,
}

/// Why a tag did not come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRestored {
    /// It points at something else by now.
    PointsElsewhere {
        /// The tag.
        tag: Tag,
        /// What it pointed at when it was deleted.
        digest: Digest,
        /// What it points at.
        present: Digest,
    },
    /// What it pointed at was deleted by another deletion, or is collected.
    ImageGone {
        /// The tag.
        tag: Tag,
        /// What it pointed at.
        digest: Digest,
        /// The deletion by which that went, if it can be undone.
        deletion: Option<DeletionId>,
    },
}

/// What came of undoing a deletion.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The name of the repository.
    pub repository: String,
    /// Tags that point again at what they pointed at.
    pub tags: u64,
    /// Images that are there again.
    pub images: u64,
    /// Blobs that are there again.
    pub blobs: u64,
    /// What was there already: pushed again meanwhile, or brought back before.
    pub present: u64,
    /// Images and blobs that were brought back before, and went by another deletion since.
    pub deleted_since: u64,
    /// Tags that did not come back, the first thousand.
    pub conflicts: Vec<NotRestored>,
}

/// Where a deletion is undone.
struct Whereabouts {
    /// The name by which it is decided who may: that of the repository, when it is there.
    name: RepositoryName,
    /// Whether the repository is there.
    is_there: bool,
}

/// A step of undoing.
struct RestoreStep {
    deletion: Deletion,
    items: Vec<DeletedItem>,
    overwrites: bool,
    lease_until: Timestamp,
    /// Who undoes it, and when.
    event: NewEvent,
}

/// What came of a step.
#[derive(Default)]
struct StepOutcome {
    restored: u64,
    /// Images that came back with tags.
    images: u64,
    present: u64,
    deleted_since: u64,
    conflicts: Vec<NotRestored>,
}

impl StepOutcome {
    fn count(&mut self, part: PartOutcome) -> Result<()> {
        match part {
            PartOutcome::Restored => self.restored += 1,
            PartOutcome::Present => self.present += 1,
            PartOutcome::DeletedSince => self.deleted_since += 1,
            PartOutcome::Collected => return Err(Conflict::DeletionFinal.into()),
        }
        Ok(())
    }
}

impl RestoreStep {
    /// Brings back what it is about, in a repository that stays meanwhile.
    async fn run(&self, tx: &mut dyn ContentTx, kind: DeletedKind) -> Result<StepOutcome> {
        hold_repository(tx, &self.deletion).await?;
        match kind {
            DeletedKind::Image => self.restore_images(tx).await,
            DeletedKind::Blob => self.restore_blobs(tx).await,
            DeletedKind::Tag => self.restore_tags(tx).await,
        }
    }

    async fn restore_images(&self, tx: &mut dyn ContentTx) -> Result<StepOutcome> {
        let mut outcome = StepOutcome::default();
        let ids: Vec<ManifestId> = self.items.iter().map(|item| ManifestId(item.subject)).collect();
        for part in tx.restore_manifests(&ids, self.deletion.id, self.lease_until).await? {
            outcome.count(part)?;
        }
        Ok(outcome)
    }

    async fn restore_blobs(&self, tx: &mut dyn ContentTx) -> Result<StepOutcome> {
        let mut outcome = StepOutcome::default();
        for item in &self.items {
            let (repository, at) = (self.deletion.repository, self.deletion.at);
            let blob = BlobId(item.subject);
            outcome.count(tx.restore_blob_link(repository, blob, at, self.lease_until).await?)?;
        }
        Ok(outcome)
    }

    /// Sets tags again. Holds tags before manifests, as all do.
    async fn restore_tags(&self, tx: &mut dyn ContentTx) -> Result<StepOutcome> {
        let repository = self.deletion.repository;
        let rules = tx.find_immutable_tags(repository).await?.compile()?;
        let tags: Vec<Tag> = self.items.iter().filter_map(|item| item.tag.clone()).collect();
        let held = tx.lock_tags_to_set(repository, &tags).await?;
        let present: BTreeMap<&Tag, &PushedTag> = held.iter().map(|held| (&held.tag, held)).collect();
        let mut outcome = StepOutcome::default();
        let mut wanted: BTreeMap<i64, (Digest, Vec<Tag>)> = BTreeMap::new();
        for item in &self.items {
            let Some(tag) = item.tag.clone() else { continue };
            match present.get(&tag) {
                Some(held) if held.manifest.0 == item.subject => outcome.present += 1,
                Some(held) if !self.overwrites || rules.cover(&tag) => {
                    let (digest, present) = (item.digest, held.digest);
                    outcome.conflicts.push(NotRestored::PointsElsewhere { tag, digest, present });
                }
                _ => wanted.entry(item.subject).or_insert((item.digest, Vec::new())).1.push(tag),
            }
        }
        for (manifest, (digest, tags)) in wanted {
            let id = ManifestId(manifest);
            match self.find_image(tx, id, digest, &mut outcome).await? {
                Ok(()) => {
                    let held: Vec<PushedTag> =
                        held.iter().filter(|held| tags.contains(&held.tag)).cloned().collect();
                    tx.set_tags(repository, &tags, &held, id, &digest, &(&self.event).into()).await?;
                    outcome.restored += tags.len() as u64;
                }
                Err(deletion) => {
                    let gone = |tag| NotRestored::ImageGone { tag, digest, deletion };
                    outcome.conflicts.extend(tags.into_iter().map(gone));
                }
            }
        }
        Ok(outcome)
    }

    /// Holds an image that tags are to point at again. One that went because it had no tag any more comes back with them; of
    /// another one that is gone, the deletion by which it went.
    async fn find_image(
        &self,
        tx: &mut dyn ContentTx,
        id: ManifestId,
        digest: Digest,
        outcome: &mut StepOutcome,
    ) -> Result<Result<(), Option<DeletionId>>> {
        let Some(DeletedManifest { deletion, is_deleted }) = tx.find_deleted_manifest(id).await? else {
            return Ok(Err(None));
        };
        if let (true, Some(by)) = (is_deleted, deletion) {
            let found = tx.find_deletion(by).await?;
            let is_ours = |deletion: &Deletion| {
                deletion.cause == DeletionCause::Untagged && deletion.ended_at.is_none()
            };
            if !found.as_ref().is_some_and(is_ours) {
                return Ok(Err(Some(by)));
            }
            let parts = tx.restore_manifests(&[id], by, self.lease_until).await?;
            outcome.images += u64::from(parts.contains(&PartOutcome::Restored));
        }
        let held = tx.lock_manifest(self.deletion.repository, &digest, RowLock::Shared).await?;
        Ok(held.filter(|head| head.id == id).map(|_| ()).ok_or(None))
    }
}

impl Content {
    /// Makes the deletion that an event tells of.
    pub(crate) fn new_deletion(&self, repository: RepositoryId, event: &NewEvent) -> NewDeletion {
        NewDeletion::new(self.platform.new_uuid(), repository, DeletionCause::Request, event)
    }

    /// Returns until when a deletion can be undone.
    pub fn restorable_until(&self, deletion: &Deletion) -> Timestamp {
        let until = later(deletion.at, self.settings.gc.undo);
        deletion.ended_at.map_or(until, |ended_at| ended_at.min(until))
    }

    async fn find_whereabouts(&self, deletion: &Deletion) -> Result<Whereabouts> {
        let input = (deletion.repository, deletion.repository_name.clone());
        let (present, other) = self
            .metadata
            .look_up(input, |tx, (id, name)| {
                Box::pin(async move {
                    Ok((tx.find_repository_details(*id).await?, tx.find_repository(name).await?))
                })
            })
            .await?;
        let name = match (present, other) {
            (Some(present), _) => {
                return Ok(Whereabouts { name: present.repository.name, is_there: true });
            }
            (None, None) => deletion.repository_name.clone(),
            // What somebody may do in another repository of that name says nothing of this one: decided as of what nobody has.
            (None, Some(_)) => format!("{}/{}", deletion.repository_name.namespace(), deletion.id).parse()?,
        };
        Ok(Whereabouts { name, is_there: false })
    }

    /// Checks that the actor may undo a deletion: whoever could make it.
    async fn authorize_undoing(&self, actor: &Actor, deletion: &Deletion) -> Result<Whereabouts> {
        let whereabouts = self.find_whereabouts(deletion).await?;
        let access = self.access.authorize(actor, &whereabouts.name, needed_to_undo(deletion)).await?;
        let present = access.repository.map(|present| present.id);
        // Renamed or deleted since it was looked for.
        let is_it = present == whereabouts.is_there.then_some(deletion.repository);
        if is_it { Ok(whereabouts) } else { Err(Error::DeletionUnknown) }
    }

    /// Looks through the deletions of a namespace or a repository, newest first, for those that the actor may undo; at 200 at most
    /// for one page.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody, and when the credential has become void; of a repository as
    /// [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing.
    pub async fn list_deletions(
        &self,
        actor: &Actor,
        namespace: &Namespace,
        repository: Option<&RepositoryName>,
        before: Option<(Timestamp, DeletionId)>,
        size: PageSize,
    ) -> Result<DeletionPage> {
        self.access.check_actor(actor).await?;
        let of = match repository {
            Some(name) => {
                let repository = self.access.authorize_existing(actor, name, RepositoryAction::View).await?;
                DeletionsOf::Repository(repository.id)
            }
            None => {
                let found = self
                    .metadata
                    .look_up(namespace.clone(), |tx, name| Box::pin(tx.find_account_by_name(name)))
                    .await?;
                // Of what may not be seen there is nothing to see either.
                let Some(account) = found else { return Ok(DeletionPage { items: Vec::new(), next: None }) };
                DeletionsOf::Namespace(account.id)
            }
        };
        let size = PageSize::clamped(u64::from(size.get()).min(LISTED_AT_ONCE))?;
        let found = self
            .metadata
            .read((of, before, size), |tx, (of, before, size)| {
                Box::pin(tx.list_deletions(*of, *before, *size))
            })
            .await?;
        let next = found.items.last().filter(|_| found.has_more).map(|last| (last.at, last.id));
        let (mut items, mut decided) = (Vec::new(), HashMap::new());
        for deletion in found.items {
            // Mostly they are of the same few repositories.
            let asked = (deletion.repository, needed_to_undo(&deletion));
            let may = match decided.get(&asked) {
                Some(may) => *may,
                None => match self.authorize_undoing(actor, &deletion).await {
                    Err(error) if error.is_fault() => return Err(error),
                    outcome => *decided.entry(asked).or_insert(outcome.is_ok()),
                },
            };
            if may {
                items.push(deletion);
            }
        }
        Ok(DeletionPage { items, next })
    }

    async fn find_undoable(&self, actor: &Actor, id: DeletionId) -> Result<(Deletion, Whereabouts)> {
        self.access.check_actor(actor).await?;
        let found = self.metadata.look_up(id, |tx, id| Box::pin(tx.find_deletion(*id))).await?;
        let deletion = found.ok_or(Error::DeletionUnknown)?;
        match self.authorize_undoing(actor, &deletion).await {
            // Whether there is one is told to who may know of its repository.
            Err(Error::RepositoryUnknown(_) | Error::Unauthenticated(_)) => Err(Error::DeletionUnknown),
            decided => decided.map(|whereabouts| (deletion, whereabouts)),
        }
    }

    /// Returns a deletion with the first of what went with it.
    ///
    /// # Errors
    /// `DeletionUnknown`; `Denied` when the actor may see its repository and not undo it.
    pub async fn get_deletion(
        &self,
        actor: &Actor,
        id: DeletionId,
        size: PageSize,
    ) -> Result<DeletionDetails> {
        let (deletion, _) = self.find_undoable(actor, id).await?;
        let items = self
            .metadata
            .read((id, size), |tx, (id, size)| {
                Box::pin(async move {
                    let mut items = Vec::new();
                    for kind in [DeletedKind::Tag, DeletedKind::Image, DeletedKind::Blob] {
                        items.extend(tx.list_deleted_items(*id, kind, i64::MAX, *size).await?);
                    }
                    items.truncate(size.get() as usize);
                    Ok(items)
                })
            })
            .await?;
        Ok(DeletionDetails { deletion, items })
    }

    /// Brings back what a deletion took: images, blobs, then tags, or a repository with all that was in it. Doing it again goes
    /// on from where it stood.
    ///
    /// # Errors
    /// As [`Content::get_deletion`]; `Denied` when tags are to be moved back and the actor may not push; `Conflict` when it can be
    /// undone no more, or the repository was deleted since; `Exists` when a repository has the name by now; `OverLimit` when the
    /// subscription includes no more.
    pub async fn undo_deletion(&self, actor: &Actor, id: DeletionId, how: Restoring) -> Result<Restored> {
        let (deletion, Whereabouts { name, is_there }) = self.find_undoable(actor, id).await?;
        let event = self.platform.event(
            actor,
            Some(deletion.namespace),
            EventAction::DeletionUndone,
            name.as_str(),
            [("deletion", id.to_string())],
        );
        match (deletion.is_whole, is_there) {
            (true, true) => {
                return Ok(Restored { repository: name.to_string(), present: 1, ..Restored::default() });
            }
            (true, false) => return self.restore_repository(actor, deletion, how, event).await,
            (false, true) => {}
            (false, false) => return Err(Conflict::RepositoryDeleted.into()),
        }
        if how.overwrites {
            self.access.authorize_existing(actor, &name, RepositoryAction::Push).await?;
        }
        self.begin_undoing(&deletion, &event).await?;
        let mut restored = Restored { repository: name.to_string(), ..Restored::default() };
        for kind in [DeletedKind::Blob, DeletedKind::Image, DeletedKind::Tag] {
            self.restore_kind(&deletion, kind, &how, &event, &mut restored).await?;
        }
        let mut event = event;
        event.data.insert("tags", restored.tags.to_string());
        event.data.insert("images", restored.images.to_string());
        self.metadata.write(event, |tx, event| Box::pin(tx.record_event(event))).await?;
        Ok(restored)
    }

    /// Holds what a deletion took, all of it, so that nothing is collected until it is back.
    async fn begin_undoing(&self, deletion: &Deletion, event: &NewEvent) -> Result<()> {
        // Begun in time, it goes on.
        let goes_on = deletion.undone.is_some() && deletion.ended_at.is_none();
        if !goes_on && self.restorable_until(deletion) <= event.at {
            return Err(Conflict::DeletionFinal.into());
        }
        let lease_until = later(event.at, self.settings.gc.lease);
        self.metadata
            .write((deletion.clone(), event.clone(), lease_until), |tx, (deletion, event, lease_until)| {
                Box::pin(async move {
                    hold_repository(tx, deletion).await?;
                    let is_held = tx.hold_deleted_items(deletion, *lease_until).await?;
                    // Somebody may have ended its time since it was looked for.
                    if !is_held || !tx.begin_undoing(deletion.id, &event.actor_name, event.at).await? {
                        return Err(Conflict::DeletionFinal.into());
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn restore_kind(
        &self,
        deletion: &Deletion,
        kind: DeletedKind,
        how: &Restoring,
        event: &NewEvent,
        restored: &mut Restored,
    ) -> Result<()> {
        let mut before = i64::MAX;
        loop {
            let input = (deletion.id, kind, before, PageSize::clamped(RESTORED_AT_ONCE)?);
            let items = self
                .metadata
                .look_up(input, |tx, (id, kind, before, size)| {
                    Box::pin(tx.list_deleted_items(*id, *kind, *before, *size))
                })
                .await?;
            let Some(last) = items.last() else { return Ok(()) };
            before = last.number;
            let step = Arc::new(RestoreStep {
                deletion: deletion.clone(),
                items,
                overwrites: how.overwrites,
                lease_until: later(event.at, self.settings.gc.lease),
                event: event.clone(),
            });
            let outcome =
                self.metadata.write((step, kind), |tx, (step, kind)| Box::pin(step.run(tx, *kind))).await?;
            *match kind {
                DeletedKind::Tag => &mut restored.tags,
                DeletedKind::Image => &mut restored.images,
                DeletedKind::Blob => &mut restored.blobs,
            } += outcome.restored;
            restored.images += outcome.images;
            restored.present += outcome.present;
            restored.deleted_since += outcome.deleted_since;
            let room = NAMED_TAGS.saturating_sub(restored.conflicts.len());
            restored.conflicts.extend(outcome.conflicts.into_iter().take(room));
        }
    }

    async fn restore_repository(
        &self,
        actor: &Actor,
        deletion: Deletion,
        how: Restoring,
        event: NewEvent,
    ) -> Result<Restored> {
        if self.restorable_until(&deletion) <= event.at {
            return Err(Conflict::DeletionFinal.into());
        }
        let name = how.name.unwrap_or_else(|| deletion.repository_name.clone());
        if name.namespace() != deletion.repository_name.namespace() {
            return Err(Error::denied("a repository comes back in the namespace where it was"));
        }
        // Under another name, it is one more that the actor makes.
        self.access.authorize(actor, &name, RepositoryAction::Create).await?;
        let (tags, images) = (deletion.tags, deletion.images);
        let input = (deletion, name.clone(), Arc::clone(&self.settings.tiers), event);
        self.metadata
            .write(input, |tx, (deletion, name, tiers, event)| {
                Box::pin(restore_repository(tx, deletion, name, tiers, event))
            })
            .await?;
        Ok(Restored { repository: name.to_string(), tags, images, ..Restored::default() })
    }

    /// Ends the time in which a deletion can be undone: what it took, and nothing has brought back, is collected as soon as its
    /// leases have ended. Doing it again goes on from where it stood.
    ///
    /// # Errors
    /// As [`Content::get_deletion`]; `Denied` to who may not delete the whole repository; `Conflict` when somebody began to undo it
    /// less than an hour ago.
    pub async fn end_deletion(&self, actor: &Actor, id: DeletionId) -> Result<()> {
        let (deletion, Whereabouts { name, .. }) = self.find_undoable(actor, id).await?;
        self.access.authorize(actor, &name, RepositoryAction::Remove).await?;
        let event = self.platform.event(
            actor,
            Some(deletion.namespace),
            EventAction::DeletionEnded,
            name.as_str(),
            [("deletion", id.to_string())],
        );
        let undoing_since = earlier(event.at, RESTORING);
        self.metadata
            .write((deletion.clone(), event.clone(), undoing_since), |tx, (deletion, event, since)| {
                Box::pin(async move {
                    // The repository before its deletion, as who restores it.
                    if deletion.is_whole {
                        tx.release_deleted_repository(deletion, event.at).await?;
                    }
                    if tx.end_deletion(deletion.id, *since, event.at).await? {
                        tx.record_event(event).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        for kind in [DeletedKind::Image, DeletedKind::Blob] {
            let (mut before, size) = (i64::MAX, PageSize::clamped(RESTORED_AT_ONCE)?);
            loop {
                let items = self
                    .metadata
                    .look_up((id, kind, before, size), |tx, (id, kind, before, size)| {
                        Box::pin(tx.list_deleted_items(*id, *kind, *before, *size))
                    })
                    .await?;
                let Some(last) = items.last() else { break };
                before = last.number;
                self.metadata
                    .write((deletion.clone(), items, event.at), |tx, (deletion, items, at)| {
                        Box::pin(tx.release_deleted_items(deletion, items, *at))
                    })
                    .await?;
            }
        }
        Ok(())
    }

    /// Forgets deletions that can be undone no more, some time after that.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn forget_deletions(&self) -> Result<u64> {
        let before = earlier(self.clock.now(), self.settings.gc.undo.saturating_add(REMEMBERED));
        self.metadata
            .drain(before, |tx, before| Box::pin(tx.delete_old_deletions(*before, PageSize::MAX)))
            .await
    }
}

/// What one may do who may undo a deletion: whoever could make it.
fn needed_to_undo(deletion: &Deletion) -> RepositoryAction {
    match deletion {
        Deletion { is_whole: true, .. } => RepositoryAction::Remove,
        Deletion { images: 0, blobs: 0, .. } => RepositoryAction::DeleteTag,
        Deletion { .. } => RepositoryAction::Delete,
    }
}

async fn hold_repository(tx: &mut dyn ContentTx, deletion: &Deletion) -> Result<()> {
    match tx.hold_repository(deletion.repository).await? {
        true => Ok(()),
        false => Err(Conflict::RepositoryDeleted.into()),
    }
}

/// Makes a repository visible again.
async fn restore_repository(
    tx: &mut dyn ContentTx,
    deletion: &Deletion,
    name: &RepositoryName,
    tiers: &Tiers,
    event: &NewEvent,
) -> Result<()> {
    check_new_repository(tx, deletion.namespace, tiers).await?;
    let is_back = tx.restore_repository(deletion.repository, deletion.at, name).await?;
    if !is_back || !tx.begin_undoing(deletion.id, &event.actor_name, event.at).await? {
        return Err(Conflict::DeletionFinal.into());
    }
    tx.record_event(&NewEvent { subject: name.to_string(), ..event.clone() }).await
}
