//! What a deletion would do, to the byte, before it is done: what goes, what stays and why, and what is freed when.
//!
//! The plan is made by the same function for looking and for deleting, from one snapshot. It says what goes with what was named:
//! tags with their image, parts with their index where that is wanted, and what the registry collects by itself afterwards, if
//! it collects images without a tag. A blob is freed when nothing that stays needs it, in whatever repository.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::conflict::Conflict;
use longshore_domain::deletion::{DeletionId, NewDeletion};
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::image::{DELETED_TAGS_LIMIT, DELETION_LIMIT, ImageFilter};
use longshore_domain::immutability::TagRules;
use longshore_domain::name::{Reference, RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::policy::UntaggedManifests;
use longshore_domain::ports::metadata::{BlobId, ContentTx, ManifestId, Reached};
use longshore_domain::repository::Repository;
use longshore_domain::{Error, Field, Result};
use longshore_platform::later;
use longshore_platform::origins::note_deletion;

use crate::Content;
use crate::images::{DeletionOutcome, DeletionPlan};
use crate::removal::remove_tags;

/// Most images, and most tags, that are named one by one.
const NAMED_LIMIT: usize = 1000;
/// Most images and tags that a plan is made for.
const PLANNED_LIMIT: usize = 100_000;
/// Most layers and configurations of images that a plan looks at.
const BLOBS_LIMIT: usize = 2_000_000;
/// Most images that hang together with what goes that a plan looks at at once.
const EDGES_LIMIT: usize = 2 * PLANNED_LIMIT;
/// Most things that stay of which a plan says why.
const KEPT_LIMIT: usize = 1000;
/// How often a part of a deletion is planned again that changes meanwhile.
const PART_ATTEMPTS: usize = 2000;
/// How much one statement takes.
const AT_ONCE: usize = 1000;

/// What is to be deleted.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Images, with the tags that point at them.
    pub digests: BTreeSet<Digest>,
    /// Any number of images, as far as they are still there, with the tags that point at them.
    pub present: BTreeSet<Digest>,
    /// Tags.
    pub tags: BTreeSet<Tag>,
    /// Any number of tags, as far as they still point there.
    pub pointing: BTreeMap<Tag, Digest>,
    /// All images of a filter.
    pub filter: Option<ImageFilter>,
    /// Whether what an index lists goes with it, unless something else needs it.
    pub with_parts: bool,
}

/// Why something that was named stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptReason {
    /// An index lists it that stays.
    PartOf(Digest),
    /// This tag of it is immutable.
    ImmutableTag(Tag),
}

/// What a deletion does.
#[derive(Clone, Debug)]
pub struct DeletionPreview {
    /// Names this plan: another one has another name, also when a tag has moved since.
    pub plan: String,
    /// Tags that go, with what they point at.
    pub tags: BTreeMap<Tag, Digest>,
    /// Images that go.
    pub images: BTreeSet<Digest>,
    /// Images that the registry collects afterwards by itself.
    pub collected_later: BTreeSet<Digest>,
    /// Bytes that the store has less in the end.
    pub freed_bytes: u64,
    /// Bytes of layers and configurations of what goes that stay, because something else needs them.
    pub shared_bytes: u64,
    /// When all of that is freed at the latest, if nothing else happens.
    pub freed_at: Timestamp,
    /// What was named and stays, the first thousand.
    pub kept: Vec<(Digest, KeptReason)>,
}

/// What became of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectedDeletion {
    /// It is done.
    Done(DeletionId),
    /// There was nothing to be deleted.
    Nothing,
    /// It is more than one request deletes; nothing was deleted.
    TooMuch,
}

/// Some of what a larger deletion is to delete.
#[derive(Clone, Debug)]
pub struct DeletionPart<'p> {
    /// Images.
    pub images: BTreeSet<Digest>,
    /// Tags whose images stay, with what they pointed at when the whole was planned.
    pub alone: BTreeMap<Tag, Digest>,
    /// All tags of the whole plan, with what they pointed at then.
    pub planned: &'p BTreeMap<Tag, Digest>,
}

/// Whether a conflict means that a plan has to be made again.
fn is_about_changes(conflict: &Conflict) -> bool {
    matches!(conflict, Conflict::PlanChanged | Conflict::ImagesChanged)
}

/// How a plan is made, besides the state of things.
#[derive(Clone)]
struct Terms {
    now: Timestamp,
    undo: std::time::Duration,
    /// How long after it has lost its last tag an image stays at least.
    stays: std::time::Duration,
    untagged: UntaggedManifests,
}

/// A plan that is being made.
struct Planning<'p> {
    tx: &'p mut dyn ContentTx,
    repository: &'p Repository,
    rules: TagRules,
    /// Images that go, by number.
    doomed: BTreeMap<ManifestId, Digest>,
    /// Tags that go.
    tags: BTreeMap<Tag, (ManifestId, Digest)>,
    kept: Vec<(Digest, KeptReason)>,
}

fn too_much(what: &str, limit: usize) -> Error {
    Error::Invalid {
        field: Field::DeletedImages,
        reason: format!("a plan is made for at most {limit} {what}; narrow what is to be deleted"),
    }
}

fn check_edges(found: usize) -> Result<()> {
    if found > EDGES_LIMIT { Err(too_much("images that hang together", EDGES_LIMIT)) } else { Ok(()) }
}

impl Planning<'_> {
    fn keep(&mut self, digest: Digest, reason: KeptReason) {
        if self.kept.len() < KEPT_LIMIT {
            self.kept.push((digest, reason));
        }
    }

    async fn reached(&mut self, ids: &[ManifestId]) -> Result<Vec<Reached>> {
        let mut found = Vec::new();
        for ids in ids.chunks(AT_ONCE) {
            found.extend(self.tx.find_reached(ids).await?);
        }
        Ok(found)
    }

    async fn tags_of(&mut self, ids: &[ManifestId]) -> Result<BTreeMap<ManifestId, Vec<Tag>>> {
        let (mut found, mut count) = (BTreeMap::<ManifestId, Vec<Tag>>::new(), 0);
        for ids in ids.chunks(AT_ONCE) {
            for (id, tag) in self.tx.list_tags_of_each(ids, PLANNED_LIMIT as u64 + 1).await? {
                found.entry(id).or_default().push(tag);
                count += 1;
            }
            if count > PLANNED_LIMIT {
                return Err(too_much("tags", PLANNED_LIMIT));
            }
        }
        Ok(found)
    }

    /// The indexes that list manifests, of each.
    async fn indexes_of(&mut self, ids: &[ManifestId]) -> Result<BTreeMap<ManifestId, Vec<ManifestId>>> {
        let (mut found, mut count) = (BTreeMap::<ManifestId, Vec<ManifestId>>::new(), 0);
        for ids in ids.chunks(AT_ONCE) {
            let indexes = self.tx.list_indexes_of_each(ids, EDGES_LIMIT as u64 + 1).await?;
            count += indexes.len();
            check_edges(count)?;
            for (index, part) in indexes {
                found.entry(part).or_default().push(index);
            }
        }
        Ok(found)
    }

    async fn parts_of(&mut self, ids: &[ManifestId]) -> Result<BTreeSet<ManifestId>> {
        let mut found = BTreeSet::new();
        for ids in ids.chunks(AT_ONCE) {
            found.extend(self.tx.list_parts_of_each(ids, EDGES_LIMIT as u64 + 1).await?);
            check_edges(found.len())?;
        }
        Ok(found)
    }

    async fn referrers_of(&mut self, digests: &[Digest]) -> Result<BTreeSet<ManifestId>> {
        let mut found = BTreeSet::new();
        for digests in digests.chunks(AT_ONCE) {
            let limit = EDGES_LIMIT as u64 + 1;
            found.extend(self.tx.list_referrers_of_each(self.repository.id, digests, limit).await?);
            check_edges(found.len())?;
        }
        Ok(found)
    }

    fn unknown(&self, reference: Reference) -> Error {
        Error::ManifestUnknown { repository: self.repository.name.clone(), reference }
    }

    /// Finds what was named.
    async fn select(&mut self, selection: &Selection) -> Result<()> {
        let id = self.repository.id;
        if selection.digests.len().max(selection.tags.len()) > NAMED_LIMIT {
            return Err(Error::Invalid {
                field: Field::DeletedImages,
                reason: format!("at most {NAMED_LIMIT} images and {NAMED_LIMIT} tags are named at once"),
            });
        }
        for tag in &selection.tags {
            let reference = Reference::Tag(tag.clone());
            let head = self.tx.find_manifest(id, &reference).await?.ok_or_else(|| self.unknown(reference))?;
            match self.rules.cover(tag) {
                true => self.keep(head.digest, KeptReason::ImmutableTag(tag.clone())),
                false => drop(self.tags.insert(tag.clone(), (head.id, head.digest))),
            }
        }
        for (tag, digest) in &selection.pointing {
            let head = self.tx.find_manifest(id, &Reference::Tag(tag.clone())).await?;
            let Some(head) = head.filter(|head| head.digest == *digest) else { continue };
            match self.rules.cover(tag) {
                true => self.keep(head.digest, KeptReason::ImmutableTag(tag.clone())),
                false => drop(self.tags.insert(tag.clone(), (head.id, head.digest))),
            }
        }
        let digests: Vec<Digest> = selection.digests.iter().copied().collect();
        for digests in digests.chunks(AT_ONCE) {
            for (digest, head) in digests.iter().zip(self.tx.find_manifests(id, digests).await?) {
                let head = head.ok_or_else(|| self.unknown(Reference::Digest(*digest)))?;
                self.doomed.insert(head.id, head.digest);
            }
        }
        let present: Vec<Digest> = selection.present.iter().copied().collect();
        for digests in present.chunks(AT_ONCE) {
            let heads = self.tx.find_manifests(id, digests).await?;
            self.doomed.extend(heads.into_iter().flatten().map(|head| (head.id, head.digest)));
        }
        if let Some(filter) = selection.filter {
            self.select_filtered(filter).await?;
        }
        match self.doomed.len() > PLANNED_LIMIT {
            true => Err(too_much("images", PLANNED_LIMIT)),
            false => Ok(()),
        }
    }

    async fn select_filtered(&mut self, filter: ImageFilter) -> Result<()> {
        let mut after = None;
        loop {
            let id = self.repository.id;
            let page = self.tx.list_images_behind(id, &filter, after, PageSize::MAX).await?;
            after = page.last().map(|(_, digest)| *digest);
            let is_last = page.len() < PageSize::MAX.get() as usize;
            self.doomed.extend(page);
            if is_last {
                return Ok(());
            }
            if self.doomed.len() > PLANNED_LIMIT {
                return Err(too_much("images", PLANNED_LIMIT));
            }
        }
    }

    /// Adds what the indexes list that go, and what these list.
    async fn add_parts(&mut self) -> Result<BTreeSet<ManifestId>> {
        let mut parts = BTreeSet::new();
        let mut open: Vec<ManifestId> = self.doomed.keys().copied().collect();
        while !open.is_empty() {
            let found = self.parts_of(&open).await?;
            open = found.into_iter().filter(|id| !self.doomed.contains_key(id)).collect();
            for reached in self.reached(&open).await? {
                self.doomed.insert(reached.id, reached.digest);
                parts.insert(reached.id);
            }
            if self.doomed.len() > PLANNED_LIMIT {
                return Err(too_much("images", PLANNED_LIMIT));
            }
        }
        Ok(parts)
    }

    /// Takes out what stays: what an immutable tag points at, and what an index lists that stays. Parts stay as well when they have
    /// tags of their own that do not go.
    async fn hold(&mut self, parts: &BTreeSet<ManifestId>) -> Result<()> {
        let ids: Vec<ManifestId> = self.doomed.keys().copied().collect();
        let tags = self.tags_of(&ids).await?;
        for (id, tags) in &tags {
            let is_part = parts.contains(id);
            let immutable = tags.iter().find(|tag| self.rules.cover(tag));
            let of_its_own = tags.iter().any(|tag| !self.tags.contains_key(tag));
            if immutable.is_none() && !(is_part && of_its_own) {
                continue;
            }
            let digest = self.doomed.remove(id);
            if let (Some(digest), Some(tag), false) = (digest, immutable, is_part) {
                self.keep(digest, KeptReason::ImmutableTag(tag.clone()));
            }
        }
        let indexes = self.indexes_of(&ids).await?;
        let mut listed = BTreeMap::<ManifestId, Vec<ManifestId>>::new();
        for (part, by) in &indexes {
            for index in by {
                listed.entry(*index).or_default().push(*part);
            }
        }
        // What stays holds what it lists, and so on.
        let mut staying: BTreeSet<ManifestId> =
            listed.keys().filter(|index| !self.doomed.contains_key(index)).copied().collect();
        while !staying.is_empty() {
            let ids: Vec<ManifestId> = staying.into_iter().collect();
            staying = BTreeSet::new();
            for Reached { id: index, digest: by, .. } in self.reached(&ids).await? {
                for part in listed.remove(&index).unwrap_or_default() {
                    let Some(digest) = self.doomed.remove(&part) else { continue };
                    if !parts.contains(&part) {
                        self.keep(digest, KeptReason::PartOf(by));
                    }
                    if listed.contains_key(&part) {
                        staying.insert(part);
                    }
                }
            }
        }
        for (id, tags) in tags {
            if let Some(digest) = self.doomed.get(&id) {
                self.tags.extend(tags.into_iter().map(|tag| (tag, (id, *digest))));
            }
        }
        Ok(())
    }

    /// Finds what the registry collects by itself when that is gone, and when the last of it is.
    async fn follow(&mut self, terms: &Terms) -> Result<(BTreeMap<ManifestId, Digest>, Timestamp)> {
        let mut later_on = BTreeMap::new();
        let gone_at = later(terms.now, terms.undo);
        let mut freed_at = if self.doomed.is_empty() { terms.now } else { gone_at };
        if terms.untagged == UntaggedManifests::Keep {
            return Ok((later_on, freed_at));
        }
        let mut going = BTreeMap::<ManifestId, u64>::new();
        for (id, _) in self.tags.values() {
            *going.entry(*id).or_default() += 1;
        }
        // What has lost its last tag, and what hangs on what goes; each level goes an undo window after the one before.
        let mut next: BTreeSet<ManifestId> =
            going.keys().filter(|id| !self.doomed.contains_key(id)).copied().collect();
        let mut level: BTreeMap<ManifestId, Digest> = self.doomed.clone();
        let mut level_at = freed_at;
        let mut is_first = true;
        loop {
            let ids: Vec<ManifestId> = level.keys().copied().collect();
            let digests: Vec<Digest> = level.values().copied().collect();
            next.extend(self.parts_of(&ids).await?);
            next.extend(self.referrers_of(&digests).await?);
            next.retain(|id| !self.doomed.contains_key(id) && !later_on.contains_key(id));
            let candidates: Vec<ManifestId> = std::mem::take(&mut next).into_iter().collect();
            let indexes = self.indexes_of(&candidates).await?;
            let found = self.reached(&candidates).await?;
            let goes = |id: &ManifestId| self.doomed.contains_key(id) || later_on.contains_key(id);
            let is_kept = |reached: &Reached| {
                let tagged = reached.tags > going.get(&reached.id).copied().unwrap_or_default();
                let listed = indexes.get(&reached.id).is_some_and(|by| by.iter().any(|index| !goes(index)));
                tagged || listed || reached.subject.is_some_and(|subject| !goes(&subject))
            };
            level =
                found.into_iter().filter(|reached| !is_kept(reached)).map(|it| (it.id, it.digest)).collect();
            if level.is_empty() {
                return Ok((later_on, freed_at));
            }
            if is_first {
                level_at = level_at.max(later(terms.now, terms.stays));
            }
            is_first = false;
            level_at = later(level_at, terms.undo);
            freed_at = freed_at.max(level_at);
            later_on.extend(level.iter().map(|(id, digest)| (*id, *digest)));
            if later_on.len() > PLANNED_LIMIT {
                return Err(too_much("images", PLANNED_LIMIT));
            }
        }
    }

    /// Returns how many bytes of blobs are freed when manifests go, how many stay, and until when leases hold some.
    async fn measure(&mut self, ids: &[ManifestId]) -> Result<(u64, u64, Timestamp)> {
        // How often what goes needs each blob, and its size.
        let (mut needed, mut edges) = (BTreeMap::<BlobId, (u64, u64)>::new(), 0);
        for ids in ids.chunks(AT_ONCE) {
            let blobs = self.tx.list_blobs_of_each(ids, BLOBS_LIMIT as u64 + 1).await?;
            edges += blobs.len();
            if edges > BLOBS_LIMIT {
                return Err(too_much("layers", BLOBS_LIMIT));
            }
            for (blob, size) in blobs {
                needed.entry(blob).or_insert((0, size)).0 += 1;
            }
        }
        // Those that are needed about as often together, so that no more is counted than decides.
        let mut order: Vec<(u64, BlobId)> = needed.iter().map(|(blob, (times, _))| (*times, *blob)).collect();
        order.sort_unstable();
        let (mut freed, mut shared, mut leased) = (0, 0, Timestamp::MIN);
        for part in order.chunks(AT_ONCE) {
            let most = part.last().map_or(0, |(times, _)| *times);
            let blobs: Vec<BlobId> = part.iter().map(|(_, blob)| *blob).collect();
            for found in self.tx.count_references(&blobs, most + 1).await? {
                let (times, size) = needed[&found.blob];
                match found.references > times {
                    true => shared += size,
                    false => {
                        freed += size;
                        leased = leased.max(found.lease_until);
                    }
                }
            }
        }
        Ok((freed, shared, leased))
    }
}

/// Makes a plan.
async fn plan(
    tx: &mut dyn ContentTx,
    repository: &Repository,
    rules: TagRules,
    selection: &Selection,
    terms: &Terms,
) -> Result<DeletionPreview> {
    let (doomed, tags) = (BTreeMap::new(), BTreeMap::new());
    let mut planning = Planning { tx, repository, rules, doomed, tags, kept: Vec::new() };
    planning.select(selection).await?;
    let parts = match selection.with_parts {
        true => planning.add_parts().await?,
        false => BTreeSet::new(),
    };
    planning.hold(&parts).await?;
    let (later_on, freed_at) = planning.follow(terms).await?;
    let ids: Vec<ManifestId> = planning.doomed.keys().chain(later_on.keys()).copied().collect();
    let (freed_bytes, shared_bytes, leased) = planning.measure(&ids).await?;
    let tags: BTreeMap<Tag, Digest> =
        planning.tags.into_iter().map(|(tag, (_, digest))| (tag, digest)).collect();
    let images: BTreeSet<Digest> = planning.doomed.into_values().collect();
    let facts = format!("{} {images:?} {tags:?} {freed_bytes} {:?}", repository.id.0, planning.kept);
    let plan = Digest::of(Algorithm::Sha256, facts.as_bytes()).to_string();
    Ok(DeletionPreview {
        plan: plan.trim_start_matches("sha256:").chars().take(32).collect(),
        tags,
        images,
        collected_later: later_on.into_values().collect(),
        freed_bytes,
        shared_bytes,
        freed_at: freed_at.max(leased),
        kept: planning.kept,
    })
}

/// Deletes tags whose images stay; false, and none, when one of them points elsewhere by now.
async fn delete_as_planned(
    tx: &mut dyn ContentTx,
    deletion: &NewDeletion,
    tags: &BTreeMap<Tag, Digest>,
    event: &NewEvent,
    review_at: Timestamp,
) -> Result<bool> {
    let rules = tx.find_immutable_tags(deletion.repository).await?.compile()?;
    let names: Vec<Tag> = tags.keys().cloned().collect();
    let held = tx.lock_tags(deletion.repository, &names).await?;
    let is_as_planned =
        held.len() == tags.len() && held.iter().all(|held| tags.get(&held.tag) == Some(&held.digest));
    if !is_as_planned || names.iter().any(|tag| rules.cover(tag)) {
        return Ok(false);
    }
    remove_tags(tx, deletion, &held, event, review_at).await?;
    Ok(true)
}

impl Content {
    fn planning_terms(&self) -> Terms {
        let stays = self.settings.gc.lease.max(self.settings.history.keep);
        let (now, undo) = (self.clock.now(), self.settings.gc.undo);
        Terms { now, undo, stays, untagged: self.settings.gc.untagged }
    }

    async fn authorize_planning(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        selection: &Selection,
    ) -> Result<Arc<Repository>> {
        let takes_images =
            !selection.digests.is_empty() || !selection.present.is_empty() || selection.filter.is_some();
        let action = if takes_images { RepositoryAction::Delete } else { RepositoryAction::DeleteTag };
        self.access.authorize_existing(actor, name, action).await
    }

    /// Says what deleting would do.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for deleting images, or tags where only
    /// tags are named; `ManifestUnknown` for what is not there; `Invalid` for too much.
    pub async fn preview_deletion(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        selection: Selection,
    ) -> Result<DeletionPreview> {
        let repository = self.authorize_planning(actor, name, &selection).await?;
        self.plan_deletion(repository, selection).await
    }

    async fn plan_deletion(
        &self,
        repository: Arc<Repository>,
        selection: Selection,
    ) -> Result<DeletionPreview> {
        let rules =
            self.metadata.look_up(repository.id, |tx, id| Box::pin(tx.find_immutable_tags(*id))).await?;
        let input = (repository, rules, selection, self.planning_terms());
        self.metadata
            .read(input, |tx, (repository, rules, selection, terms)| {
                Box::pin(async move { plan(tx, repository, rules.compile()?, selection, terms).await })
            })
            .await
    }

    /// Deletes what a plan says, as one deletion that can be undone; more than a thousand images or 999 tags are left, for
    /// [`Content::delete_part`]. With the name of a plan, only if it is still that one.
    ///
    /// # Errors
    /// As [`Content::preview_deletion`]; `Conflict` when the plan is another one by now.
    pub async fn delete_selected(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        selection: Selection,
        expected: Option<&str>,
    ) -> Result<(DeletionPreview, SelectedDeletion)> {
        let repository = self.authorize_planning(actor, name, &selection).await?;
        // What was pulled from this node up to now counts.
        self.record_pulls().await?;
        let preview = self.plan_deletion(Arc::clone(&repository), selection).await?;
        if expected.is_some_and(|expected| expected != preview.plan) {
            return Err(Conflict::PlanChanged.into());
        }
        if preview.images.len() > DELETION_LIMIT || preview.tags.len() > DELETED_TAGS_LIMIT {
            return Ok((preview, SelectedDeletion::TooMuch));
        }
        if preview.images.is_empty() && preview.tags.is_empty() {
            return Ok((preview, SelectedDeletion::Nothing));
        }
        let id = DeletionId(self.platform.new_uuid());
        self.carry_out(actor, name, &repository, &preview, id).await?;
        note_deletion(id);
        Ok((preview, SelectedDeletion::Done(id)))
    }

    /// Deletes some of what a larger deletion is to delete, as part of that, and gives how many images and tags went. What is not
    /// there any more is passed over, and so are images with a tag that the whole plan did not have.
    ///
    /// # Errors
    /// As [`Content::preview_deletion`].
    pub async fn delete_part(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        id: DeletionId,
        part: DeletionPart<'_>,
    ) -> Result<(u64, u64)> {
        let DeletionPart { mut images, alone, planned } = part;
        // Nothing more is to go that could not come back.
        let begun = self.metadata.look_up(id, |tx, id| Box::pin(tx.find_deletion(*id))).await?;
        if begun.is_some_and(|deletion| deletion.ended_at.is_some()) {
            return Err(Conflict::DeletionFinal.into());
        }
        for _ in 0..PART_ATTEMPTS {
            let selection =
                Selection { present: images.clone(), pointing: alone.clone(), ..Selection::default() };
            let repository = self.authorize_planning(actor, name, &selection).await?;
            let preview = self.plan_deletion(Arc::clone(&repository), selection).await?;
            let newer = preview.tags.iter().filter(|(tag, digest)| planned.get(*tag) != Some(digest));
            let newer: BTreeSet<Digest> = newer.map(|(_, digest)| *digest).collect();
            if newer.iter().any(|digest| images.remove(digest)) {
                continue;
            }
            if preview.images.is_empty() && preview.tags.is_empty() {
                return Ok((0, 0));
            }
            match self.carry_out(actor, name, &repository, &preview, id).await {
                Ok(()) => return Ok((preview.images.len() as u64, preview.tags.len() as u64)),
                // Something has changed since the part was planned a moment ago.
                Err(Error::Conflict(conflict)) if is_about_changes(&conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Conflict::PlanChanged.into())
    }

    /// Does what a plan says, as a deletion or a part of one.
    async fn carry_out(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        repository: &Repository,
        preview: &DeletionPreview,
        id: DeletionId,
    ) -> Result<()> {
        let event = self.platform.event(
            actor,
            Some(repository.namespace_id),
            EventAction::ManifestDeleted,
            name.as_str(),
            [],
        );
        let deletion = NewDeletion { id, ..self.new_deletion(repository.id, &event) };
        // Tags whose image stays go by themselves.
        let alone: BTreeMap<Tag, Digest> = preview
            .tags
            .iter()
            .filter(|(_, digest)| !preview.images.contains(digest))
            .map(|(tag, digest)| (tag.clone(), *digest))
            .collect();
        let has_images = !preview.images.is_empty();
        if has_images {
            let review_at = later(event.at, self.settings.gc.undo);
            let (images, tags) = (preview.images.iter().copied(), preview.tags.clone());
            let plan = DeletionPlan::of_seen(images, tags, deletion.clone(), event.clone(), review_at);
            match self.delete_by_plan(plan).await? {
                DeletionOutcome::Deleted { .. } => {}
                DeletionOutcome::Refused { .. } => return Err(Conflict::PlanChanged.into()),
            }
        }
        if !alone.is_empty() {
            let review_at = later(event.at, self.settings.gc.lease);
            let is_as_planned = self
                .metadata
                .write((deletion, alone, event, review_at), |tx, (deletion, tags, event, review_at)| {
                    Box::pin(delete_as_planned(tx, deletion, tags, event, *review_at))
                })
                .await?;
            match (is_as_planned, has_images) {
                (true, _) => {}
                (false, false) => return Err(Conflict::PlanChanged.into()),
                // The images went.
                (false, true) => return Err(Conflict::ImagesChanged.into()),
            }
        }
        Ok(())
    }
}
