//! Deletion of manifests with the tags that point at them, in steps between which others have their turn.
//!
//! Tags go first, the manifest last. A step is one transaction with the events of what it deletes, so that what a crash leaves is
//! an image with some of its tags, and deleting it again goes on from there.

use std::sync::Arc;

use jiff::Timestamp;
use longshore_domain::conflict::Conflict;
use longshore_domain::deletion::NewDeletion;
use longshore_domain::digest::Digest;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::name::Reference;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{ContentTx, ManifestHead, PushedTag, Review, RowLock};
use longshore_domain::repository::Repository;
use longshore_domain::{Error, Result};

use crate::Content;
use longshore_platform::origins::note_deletion;

/// Tags of one manifest that one transaction deletes: each is several rows.
const TAGS_AT_ONCE: u64 = 500;
/// Steps after which a deletion gives up: somebody sets new tags as fast as they are deleted.
const STEPS_LIMIT: u64 = 10_000;

/// A manifest to be deleted.
#[derive(Clone)]
pub(crate) struct Removal {
    pub repository: Arc<Repository>,
    pub digest: Digest,
    /// The deletion that it is part of.
    pub deletion: NewDeletion,
    /// What is written down of the manifest, and, with the tag, of each tag.
    pub event: NewEvent,
    pub review_at: Timestamp,
}

/// Deletes tags that are held and may be deleted, with an event for each; their manifests are looked at after the leases of what
/// was pushed.
pub async fn remove_tags(
    tx: &mut dyn ContentTx,
    deletion: &NewDeletion,
    held: &[PushedTag],
    event: &NewEvent,
    review_at: Timestamp,
) -> Result<()> {
    tx.delete_tags(held, deletion).await?;
    for tag in held {
        tx.enqueue_review(Review::Manifest(tag.manifest), review_at).await?;
    }
    let details = held.iter().map(|held| {
        let mut data = event.data.clone();
        data.insert("tag", held.tag.to_string());
        data.insert("digest", held.digest.to_string());
        data
    });
    let details: Vec<_> = details.collect();
    let deleted = NewEvent { action: EventAction::TagDeleted, ..event.clone() };
    tx.record_events(&deleted, &details).await
}

/// How a step of a deletion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There are, or may be, further tags.
    Unfinished,
    /// The manifest is deleted.
    Done,
}

impl Removal {
    fn unknown(&self) -> Error {
        Error::ManifestUnknown {
            repository: self.repository.name.clone(),
            reference: Reference::Digest(self.digest),
        }
    }

    async fn check_unused(&self, tx: &mut dyn ContentTx, head: &ManifestHead) -> Result<()> {
        match tx.find_index_with_child(head.id).await? {
            Some(referenced_by) => Err(Error::InUse { digest: self.digest, referenced_by }),
            None => Ok(()),
        }
    }

    /// Deletes some of the tags, and the manifest when there are no others. Holds tags before the manifest, as all do.
    async fn step(&self, tx: &mut dyn ContentTx) -> Result<Step> {
        let id = self.repository.id;
        let rules = tx.find_immutable_tags(id).await?.compile()?;
        let reference = Reference::Digest(self.digest);
        let head = tx.find_manifest(id, &reference).await?.ok_or_else(|| self.unknown())?;
        self.check_unused(tx, &head).await?;
        let tags = tx.list_tags_of(head.id, None, PageSize::clamped(TAGS_AT_ONCE)?).await?;
        for tag in &tags {
            rules.check(tag)?;
        }
        let mut held = tx.lock_tags(id, &tags).await?;
        // A push may have moved it away since it was listed.
        held.retain(|held| held.manifest == head.id);
        remove_tags(tx, &self.deletion, &held, &self.event, self.review_at).await?;
        if tags.len() as u64 >= TAGS_AT_ONCE {
            return Ok(Step::Unfinished);
        }
        let head =
            tx.lock_manifest(id, &self.digest, RowLock::Exclusive).await?.ok_or_else(|| self.unknown())?;
        self.check_unused(tx, &head).await?;
        // Nobody sets one from here on, but somebody may have before.
        if !tx.list_tags_of(head.id, None, PageSize::clamped(1)?).await?.is_empty() {
            return Ok(Step::Unfinished);
        }
        delete_held(tx, &self.deletion, &head, &self.event, self.review_at).await?;
        Ok(Step::Done)
    }
}

/// Deletes a manifest that is held and has no tags.
pub(crate) async fn delete_held(
    tx: &mut dyn ContentTx,
    deletion: &NewDeletion,
    head: &ManifestHead,
    event: &NewEvent,
    review_at: Timestamp,
) -> Result<()> {
    tx.delete_manifest(head.id, deletion).await?;
    tx.enqueue_review(Review::Manifest(head.id), review_at).await?;
    tx.record_event(event).await
}

impl Content {
    /// Deletes a manifest and the tags that point at it: nothing when there is an immutable one among them.
    pub(crate) async fn remove_manifest(&self, removal: Removal) -> Result<()> {
        self.check_tags_move(&removal).await?;
        let removal = Arc::new(removal);
        for _ in 0..STEPS_LIMIT {
            let step =
                self.metadata.write(Arc::clone(&removal), |tx, removal| Box::pin(removal.step(tx))).await?;
            note_deletion(removal.deletion.id);
            if step == Step::Done {
                return Ok(());
            }
        }
        Err(Conflict::ImageTagged.into())
    }

    /// Checks all tags before the first is deleted. Each step checks its own again.
    async fn check_tags_move(&self, removal: &Removal) -> Result<()> {
        let id = removal.repository.id;
        let rules = self.metadata.look_up(id, |tx, id| Box::pin(tx.find_immutable_tags(*id))).await?;
        if !rules.is_enabled() {
            return Ok(());
        }
        let rules = rules.compile()?;
        let input = (id, Reference::Digest(removal.digest));
        let found =
            self.metadata.look_up(input, |tx, (id, digest)| Box::pin(tx.find_manifest(*id, digest))).await?;
        let head = found.ok_or_else(|| removal.unknown())?;
        let mut after: Option<String> = None;
        loop {
            let tags = self
                .metadata
                .look_up((head.id, after.take()), |tx, (id, after)| {
                    Box::pin(tx.list_tags_of(*id, after.as_deref(), PageSize::MAX))
                })
                .await?;
            for tag in &tags {
                rules.check(tag)?;
            }
            match tags.last() {
                Some(last) => after = Some(last.to_string()),
                None => return Ok(()),
            }
        }
    }
}
