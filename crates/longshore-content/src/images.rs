//! Images and tags with their activity, and safe deletion.
//!
//! Docker Hub API, "Images" and "Repositories / tags".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::access::refusal::Refusal;
use longshore_domain::account::{AccountId, Feature};
use longshore_domain::conflict::Conflict;
use longshore_domain::deletion::NewDeletion;
use longshore_domain::descriptor::Descriptor;
use longshore_domain::digest::Digest;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::image::{
    DELETED_TAGS_LIMIT, DELETION_LIMIT, DeletionError, DeletionFacts, DeletionWarning, IgnoredWarning, Image,
    ImageFilter, ImageQuery, ImageStatus, ImageTag, Layer, ManifestDetails, TagDetails, TagFilter, TagQuery,
    check_deletion,
};
use longshore_domain::image_order::ImageOrder;
use longshore_domain::immutability::TagRules;
use longshore_domain::manifest::{Manifest, instructions_of_config};
use longshore_domain::name::{Reference, RepositoryName, TAG_LIMIT_BYTES, Tag};
use longshore_domain::page::{KeyedPage, PageSize};
use longshore_domain::ports::metadata::{ContentTx, ManifestHead, ManifestId, PushedTag, RowLock};
use longshore_domain::repository::{Repository, RepositoryId};
use longshore_domain::tag_order::{TagKey, TagOrder};
use longshore_domain::{Error, Field, Result};

use crate::Content;
use crate::removal::delete_held;
use crate::removal::remove_tags;
use longshore_platform::STEP;
use longshore_platform::later;
use longshore_platform::origins::note_deletion;

/// Tags that a list shows of each image; there is a list of the tags of one image for the others.
pub(crate) const LISTED_TAGS: u64 = 100;
/// Images that a list shows of each tag.
pub(crate) const LISTED_IMAGES: u64 = 100;
/// Most tags or images that a page of a list is looked for in.
pub(crate) const EXAMINED: u32 = 10_000;
/// Images of one tag whose layers are shown, and layers of each.
const IMAGES_WITH_LAYERS: usize = 20;
const LISTED_LAYERS: usize = 200;
/// Configurations of images that one request reads at once.
const PARALLEL_CONFIGS: usize = 4;

/// How many images were active since a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSummary {
    /// The time.
    pub active_from: Timestamp,
    /// Images pushed or pulled since.
    pub active: u64,
    /// The others.
    pub inactive: u64,
}

/// Images to be deleted from one repository.
#[derive(Clone, Debug)]
pub struct DeletionRequest {
    /// Their digests; one that is given twice counts once.
    pub digests: BTreeSet<String>,
    /// Since when an image must have been active to count as such; a month ago when not given.
    pub active_from: Option<Timestamp>,
    /// Warnings that were seen.
    pub ignored: Vec<IgnoredWarning>,
    /// Whether to delete.
    pub mode: DeletionMode,
}

/// Whether a deletion deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionMode {
    /// All or nothing.
    Delete,
    /// Only tells what would happen.
    DryRun,
}

/// What came of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletionOutcome {
    /// All are deleted, or would be.
    Deleted {
        /// How many images.
        manifests: u64,
        /// How many tags with them.
        tags: u64,
    },
    /// Nothing is deleted.
    Refused {
        /// What cannot be deleted.
        errors: Vec<(String, DeletionError)>,
        /// What should be looked at.
        warnings: Vec<DeletionWarning>,
    },
}

/// What a deletion works on.
#[derive(Clone)]
pub(crate) struct DeletionPlan {
    repository: RepositoryId,
    request: DeletionRequest,
    active_from: Timestamp,
    deletion: NewDeletion,
    event: NewEvent,
    review_at: Timestamp,
    /// What tags pointed at when somebody saw them, and knew what is active: then only of others is warned.
    seen: Option<Arc<BTreeMap<Tag, Digest>>>,
}

impl DeletionPlan {
    /// Makes one of images whose tags were seen.
    pub(crate) fn of_seen(
        images: impl IntoIterator<Item = Digest>,
        tags: BTreeMap<Tag, Digest>,
        deletion: NewDeletion,
        event: NewEvent,
        review_at: Timestamp,
    ) -> Self {
        let digests = images.into_iter().map(|digest| digest.to_string()).collect();
        let request =
            DeletionRequest { digests, active_from: None, ignored: Vec::new(), mode: DeletionMode::Delete };
        Self {
            repository: deletion.repository,
            request,
            active_from: event.at,
            deletion,
            event,
            review_at,
            seen: Some(Arc::new(tags)),
        }
    }
}

/// Returns the time a month earlier, since which images are active when nothing else is said.
pub fn a_month_before(now: Timestamp) -> Timestamp {
    let earlier = now.to_zoned(TimeZone::UTC).checked_sub(1.month());
    earlier.map_or(Timestamp::MIN, |at| at.timestamp())
}

impl Content {
    /// Lists images with the first of their tags, leaving out the first `offset`, and counts all of the filter.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing; `Denied` when the plan does not have it.
    pub async fn list_images(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        filter: ImageFilter,
        order: ImageOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<Image>, u64)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.check_feature(repository.namespace_id, Feature::ImageManagement).await?;
        self.metadata
            .read(
                ImageQuery { filter, offset, ..ImageQuery::all(repository.id, order, size) },
                |tx, query| {
                    Box::pin(async move {
                        let tags = PageSize::clamped(LISTED_TAGS)?;
                        let mut images = tx.list_images(query).await?.items;
                        let digests: Vec<Digest> = images.iter().map(|image| image.digest).collect();
                        let mut tags = tx.list_tags_of_images(query.repository, &digests, tags).await?;
                        for image in &mut images {
                            image.tags = tags.remove(&image.digest).unwrap_or_default();
                        }
                        Ok((images, tx.count_images(query.repository, &query.filter).await?))
                    })
                },
            )
            .await
    }

    /// Counts images by their activity.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing; `Denied` when the plan does not have it.
    pub async fn summarize_images(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        active_from: Timestamp,
    ) -> Result<ImageSummary> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.check_feature(repository.namespace_id, Feature::ImageManagement).await?;
        self.metadata
            .read((repository.id, active_from), |tx, (id, active_from)| {
                Box::pin(async move {
                    let of = |status| ImageFilter { active_from: *active_from, status, is_tagged: None };
                    let active = tx.count_images(*id, &of(Some(ImageStatus::Active))).await?;
                    let inactive = tx.count_images(*id, &of(Some(ImageStatus::Inactive))).await?;
                    Ok(ImageSummary { active_from: *active_from, active, inactive })
                })
            })
            .await
    }

    /// Lists the tags that an image has or had by name, leaving out the first `offset`, and counts all.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing; `ManifestUnknown`; `Denied` when the plan does not have it.
    pub async fn list_image_tags(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        digest: &Digest,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<ImageTag>, u64)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.check_feature(repository.namespace_id, Feature::ImageManagement).await?;
        self.metadata
            .read((repository, *digest, offset, size), |tx, (repository, digest, offset, size)| {
                Box::pin(async move {
                    if tx.find_image(repository.id, digest).await?.is_none() {
                        return Err(unknown(repository, Reference::Digest(*digest)));
                    }
                    let tags = tx.list_image_tags(repository.id, digest, *offset, *size).await?;
                    Ok((tags, tx.count_image_tags(repository.id, digest).await?))
                })
            })
            .await
    }

    /// Lists tags with what they point at, leaving out the first `offset`, and counts all of the filter.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing.
    pub async fn list_tag_details(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        filter: TagFilter,
        order: TagOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<(RepositoryId, Vec<TagDetails>, u64)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        // No name is that long.
        if filter.name_part.len() > TAG_LIMIT_BYTES {
            return Ok((repository.id, Vec::new(), 0));
        }
        let repository = repository.id;
        let query = TagQuery { repository, filter, after: None, order, offset, size, examined: None };
        self.metadata
            .read(query, |tx, query| {
                Box::pin(async move {
                    let images = PageSize::clamped(LISTED_IMAGES)?;
                    let tags = tx.list_tag_details(query, images).await?.items;
                    Ok((query.repository, tags, tx.count_tags(query.repository, &query.filter).await?))
                })
            })
            .await
    }

    /// Lists tags with what they point at, strictly behind one in the order; counts them where none is left out.
    ///
    /// Where some are left out, a page looks at so many tags at most, and may have fewer entries than it could, or none.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing.
    pub async fn browse_tags(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        filter: TagFilter,
        order: TagOrder,
        after: Option<TagKey>,
        size: PageSize,
    ) -> Result<(KeyedPage<TagDetails, TagKey>, Option<u64>)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        let examined = Some(EXAMINED);
        let query = TagQuery { repository: repository.id, filter, after, order, offset: 0, size, examined };
        self.metadata
            .read(query, |tx, query| {
                Box::pin(async move {
                    let page = tx.list_tag_details(query, PageSize::clamped(LISTED_IMAGES)?).await?;
                    let count = match query.filter.is_empty() {
                        true => Some(tx.count_tags(query.repository, &query.filter).await?),
                        false => None,
                    };
                    Ok((page, count))
                })
            })
            .await
    }

    /// Returns a tag with what it points at, and, when they are wanted, the layers of its first images.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing; `ManifestUnknown`.
    pub async fn get_tag_details(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        tag: &Tag,
        wants_layers: bool,
    ) -> Result<(RepositoryId, TagDetails, Vec<Vec<Layer>>)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        let id = repository.id;
        // What made a layer stands in content that is pulled.
        let may_pull = self.access.authorize(actor, name, RepositoryAction::Pull).await.is_ok();
        let details = self
            .metadata
            .read((repository, tag.clone()), |tx, (repository, tag)| {
                Box::pin(async move {
                    let images = PageSize::clamped(LISTED_IMAGES)?;
                    let found = tx.find_tag_details(repository.id, tag, images).await?;
                    found.ok_or_else(|| unknown(repository, Reference::Tag(tag.clone())))
                })
            })
            .await?;
        let images = if wants_layers {
            details.images.iter().take(IMAGES_WITH_LAYERS).cloned().collect()
        } else {
            Vec::new()
        };
        let layers = stream::iter(images).map(|image| self.find_layers(id, image, may_pull));
        let layers = layers.buffered(PARALLEL_CONFIGS).try_collect().await?;
        Ok((id, details, layers))
    }

    /// Returns the layers of an image; none for what has none.
    pub(crate) async fn find_layers(
        &self,
        repository: RepositoryId,
        image: ManifestDetails,
        may_pull: bool,
    ) -> Result<Vec<Layer>> {
        let id = ManifestId(image.id);
        let content = self.metadata.look_up(id, |tx, id| Box::pin(tx.find_manifest_content(*id))).await?;
        // Collected meanwhile.
        let Some(content) = content else { return Ok(Vec::new()) };
        // One that was pushed before what readers disagree on was refused.
        let Ok(manifest) = Manifest::parse(content.into(), Some(&image.media_type), image.digest.algorithm())
        else {
            return Ok(Vec::new());
        };
        let config = match &manifest.config {
            // Without it there are layers all the same.
            Some(config) if may_pull && manifest.layers.len() <= LISTED_LAYERS => {
                self.read_config(repository, config).await.unwrap_or_default()
            }
            _ => None,
        };
        let instructions = config.map(|config| instructions_of_config(&config)).unwrap_or_default();
        // One that has another number of steps tells of other layers.
        let instructions = Some(instructions).filter(|steps| steps.len() == manifest.layers.len());
        let mut instructions = instructions.unwrap_or_default().into_iter();
        let layer = |layer: Descriptor| Layer {
            digest: layer.digest,
            size_bytes: layer.size_bytes,
            instruction: instructions.next().unwrap_or_default(),
        };
        Ok(manifest.layers.into_iter().take(LISTED_LAYERS).map(layer).collect())
    }

    /// Checks that the plan of a namespace has a feature.
    async fn check_feature(&self, namespace: AccountId, feature: Feature) -> Result<()> {
        let account =
            self.metadata.look_up(namespace, |tx, namespace| Box::pin(tx.find_account(*namespace))).await?;
        account.map_or(Ok(()), |account| account.plan.check(feature))
    }

    /// Deletes images with their current tags, all or none: none when one of them cannot be deleted, or when there is a
    /// warning that was not seen.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody; `Invalid` for too many images; `Denied` when the plan does not have it. What is wrong with an image is in the outcome.
    pub async fn delete_images(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        request: DeletionRequest,
    ) -> Result<DeletionOutcome> {
        self.access.get_own_account(actor).await?;
        if request.digests.len() > DELETION_LIMIT {
            return Err(Error::Invalid {
                field: Field::DeletedImages,
                reason: format!("at most {DELETION_LIMIT} images are deleted at once"),
            });
        }
        let access = self.access.access(actor, name).await?;
        let decided = access.decide(actor, name, RepositoryAction::Delete);
        let repository = match (access.repository, decided) {
            (Some(repository), Ok(())) => repository,
            (None, _) | (_, Err(Refusal::Hidden)) => return Ok(refused(&request, DeletionError::NotFound)),
            (Some(_), Err(_)) => return Ok(refused(&request, DeletionError::Unauthorized)),
        };
        self.check_feature(repository.namespace_id, Feature::ImageManagement).await?;
        // What was pulled from this node up to now counts.
        self.record_pulls().await?;
        let event = self.platform.event(
            actor,
            Some(repository.namespace_id),
            EventAction::ManifestDeleted,
            name.as_str(),
            [],
        );
        let plan = DeletionPlan {
            repository: repository.id,
            active_from: request.active_from.unwrap_or_else(|| a_month_before(event.at)),
            request,
            review_at: later(event.at, self.settings.gc.undo),
            deletion: self.new_deletion(repository.id, &event),
            event,
            seen: None,
        };
        self.delete_by_plan(plan).await
    }

    /// Deletes images in parts, after all was looked at: all or none.
    pub(crate) async fn delete_by_plan(&self, plan: DeletionPlan) -> Result<DeletionOutcome> {
        let rules =
            self.metadata.look_up(plan.repository, |tx, id| Box::pin(tx.find_immutable_tags(*id))).await?;
        // Read first: there may be far more than one transaction should change, and others write meanwhile.
        let parts = self
            .metadata
            .read((plan.clone(), rules), |tx, (plan, rules)| {
                Box::pin(async move { find_parts(tx, plan, &rules.compile()?).await })
            })
            .await?;
        let parts = match parts {
            Deletion::Ended(outcome) => return Ok(outcome),
            Deletion::InParts(parts) => parts,
        };
        let (mut manifests, mut tags) = (0, 0);
        let mut ignored: BTreeMap<String, Vec<IgnoredWarning>> = BTreeMap::new();
        for warning in plan.request.ignored {
            ignored.entry(warning.digest.clone()).or_default().push(warning);
        }
        for digests in parts {
            let ignored = digests.iter().filter_map(|digest| ignored.remove(digest)).flatten().collect();
            let request = DeletionRequest { digests, ignored, ..plan.request };
            let (deletion, event, seen) = (plan.deletion.clone(), plan.event.clone(), plan.seen.clone());
            let part = DeletionPlan { request, deletion, event, seen, ..plan };
            match self.metadata.write(part, |tx, plan| Box::pin(delete_all(tx, plan))).await? {
                DeletionOutcome::Deleted { manifests: more, tags: more_tags } => {
                    note_deletion(plan.deletion.id);
                    manifests += more;
                    tags += more_tags;
                }
                refused @ DeletionOutcome::Refused { .. } if manifests == 0 => return Ok(refused),
                DeletionOutcome::Refused { .. } => return Err(Conflict::ImagesChanged.into()),
            }
        }
        Ok(DeletionOutcome::Deleted { manifests, tags })
    }
}

fn unknown(repository: &Repository, reference: Reference) -> Error {
    Error::ManifestUnknown { repository: repository.name.clone(), reference }
}

fn refused(request: &DeletionRequest, error: DeletionError) -> DeletionOutcome {
    let errors = request.digests.iter().map(|digest| (digest.clone(), error)).collect();
    DeletionOutcome::Refused { errors, warnings: Vec::new() }
}

/// What was decided on images.
enum Deletion {
    Ended(DeletionOutcome),
    /// All may be deleted, in these parts, one after the other: others would wait too long for one transaction.
    InParts(Vec<BTreeSet<String>>),
}

/// An image that is to be deleted.
struct Doomed {
    head: ManifestHead,
    facts: DeletionFacts,
    /// The indexes that list it.
    indexes: Vec<Digest>,
    /// The tags that point at itself.
    own_tags: Vec<Tag>,
}

impl Doomed {
    /// What is deleted with it, and itself.
    fn rows(&self) -> u64 {
        1 + self.own_tags.len() as u64
    }
}

type Facts = BTreeMap<String, Result<DeletionFacts, DeletionError>>;

/// Decides on all images, and gives the parts in which they are deleted if all may be deleted.
async fn find_parts(tx: &mut dyn ContentTx, plan: &DeletionPlan, immutable: &TagRules) -> Result<Deletion> {
    let (doomed, facts) = find_all_doomed(tx, plan, immutable).await?;
    if let Some(ended) = decide(plan, &doomed, &facts) {
        return Ok(Deletion::Ended(ended));
    }
    let (mut parts, mut room): (Vec<BTreeSet<String>>, u64) = (Vec::new(), 0);
    for image in &doomed {
        let needed = image.rows();
        if needed > room {
            parts.push(BTreeSet::new());
            room = STEP;
        }
        room = room.saturating_sub(needed);
        parts.last_mut().map(|part| part.insert(image.head.digest.to_string()));
    }
    Ok(Deletion::InParts(parts))
}

/// Decides on the images of a part, and deletes them if all may be deleted. Holds tags before manifests, as all do.
async fn delete_all(tx: &mut dyn ContentTx, plan: &DeletionPlan) -> Result<DeletionOutcome> {
    let immutable = tx.find_immutable_tags(plan.repository).await?.compile()?;
    let (doomed, facts) = find_all_doomed(tx, plan, &immutable).await?;
    if let Some(ended) = decide(plan, &doomed, &facts) {
        return Ok(ended);
    }
    // Of more than one, some have got tags since they were looked at.
    if doomed.len() > 1 && doomed.iter().map(Doomed::rows).sum::<u64>() > 2 * STEP {
        return Err(Conflict::ImagesChanged.into());
    }
    let own_tags = |doomed: &[Doomed]| -> Vec<Tag> {
        doomed.iter().flat_map(|image| image.own_tags.iter().cloned()).collect()
    };
    let held = tx.lock_tags(plan.repository, &own_tags(&doomed)).await?;
    let manifests: Vec<_> = doomed.iter().map(|image| (image.head.digest, RowLock::Exclusive)).collect();
    tx.lock_manifests(plan.repository, &manifests).await?;
    // Again, now that nothing changes any more.
    let (doomed, facts) = find_all_doomed(tx, plan, &immutable).await?;
    if let Some(ended) = decide(plan, &doomed, &facts) {
        return Ok(ended);
    }
    let current: BTreeSet<Tag> = own_tags(&doomed).into_iter().collect();
    let held: Vec<PushedTag> = held.into_iter().filter(|held| current.contains(&held.tag)).collect();
    if held.len() != current.len() {
        return Err(Conflict::ImagesChanged.into());
    }
    remove_tags(tx, &plan.deletion, &held, &plan.event, plan.review_at).await?;
    // One that was set before they were held would point at nothing.
    let ids: Vec<ManifestId> = doomed.iter().map(|image| image.head.id).collect();
    if !tx.list_tags_of_each(&ids, 1).await?.is_empty() {
        return Err(Conflict::ImagesChanged.into());
    }
    for Doomed { head, .. } in &doomed {
        let mut event = plan.event.clone();
        event.data.insert("digest", head.digest.to_string());
        delete_held(tx, &plan.deletion, head, &event, plan.review_at).await?;
    }
    let (manifests, tags) = (doomed.len() as u64, held.len() as u64);
    Ok(DeletionOutcome::Deleted { manifests, tags })
}

/// Returns the answer when nothing is to be deleted.
fn decide(plan: &DeletionPlan, doomed: &[Doomed], facts: &Facts) -> Option<DeletionOutcome> {
    let (errors, mut warnings) = check_deletion(facts, plan.active_from, &plan.request.ignored);
    if let Some(seen) = &plan.seen {
        let is_unseen = |image: &&Doomed| {
            image.own_tags.len() > DELETED_TAGS_LIMIT
                || image.own_tags.iter().any(|tag| seen.get(tag) != Some(&image.head.digest))
        };
        let unseen: BTreeSet<String> =
            doomed.iter().filter(is_unseen).map(|image| image.head.digest.to_string()).collect();
        warnings.retain(|warning| unseen.contains(&warning.digest));
    }
    if !errors.is_empty() || !warnings.is_empty() {
        return Some(DeletionOutcome::Refused { errors, warnings });
    }
    let tags = doomed.iter().map(|image| image.own_tags.len() as u64).sum();
    (plan.request.mode == DeletionMode::DryRun)
        .then_some(DeletionOutcome::Deleted { manifests: doomed.len() as u64, tags })
}

async fn find_all_doomed(
    tx: &mut dyn ContentTx,
    plan: &DeletionPlan,
    immutable: &TagRules,
) -> Result<(Vec<Doomed>, Facts)> {
    let (mut doomed, mut facts) = (BTreeMap::new(), Facts::new());
    for text in &plan.request.digests {
        let found = match text.parse() {
            Ok(digest) => find_doomed(tx, plan.repository, digest, immutable).await?,
            // What is no digest is no image.
            Err(_) => None,
        };
        match found {
            Some(found) => drop(doomed.insert(found.head.digest, found)),
            None => drop(facts.insert(text.clone(), Err(DeletionError::NotFound))),
        }
    }
    let doomed = indexes_first(doomed);
    for Doomed { head, facts: known, .. } in &doomed {
        facts.insert(head.digest.to_string(), Ok(known.clone()));
    }
    Ok((doomed, facts))
}

/// Puts images behind the indexes that list them and are to be deleted too, which go with them. The tags of such an index
/// reach its images, so that they warn of those as well.
fn indexes_first(mut doomed: BTreeMap<Digest, Doomed>) -> Vec<Doomed> {
    let mut ordered: Vec<Doomed> = Vec::new();
    while !doomed.is_empty() {
        let is_next = |next: &Doomed| !next.indexes.iter().any(|index| doomed.contains_key(index));
        let next: Vec<Digest> =
            doomed.values().filter(|next| is_next(next)).map(|next| next.head.digest).collect();
        // No index lists itself, not through others either.
        debug_assert!(!next.is_empty());
        let taken: Vec<Doomed> = match next.is_empty() {
            true => std::mem::take(&mut doomed).into_values().collect(),
            false => next.iter().filter_map(|digest| doomed.remove(digest)).collect(),
        };
        for mut image in taken {
            let is_index = |known: &&Doomed| image.indexes.contains(&known.head.digest);
            let indexes: Vec<&Doomed> = ordered.iter().filter(is_index).collect();
            image.facts.is_child = indexes.len() < image.indexes.len();
            let tags = indexes.iter().flat_map(|index| index.facts.current_tags.iter().cloned());
            let room = (DELETED_TAGS_LIMIT + 1).saturating_sub(image.facts.current_tags.len());
            let tags: Vec<Tag> = tags.take(room).collect();
            image.facts.current_tags.extend(tags);
            ordered.push(image);
        }
    }
    ordered
}

/// Loads what the deletion of an image depends on.
async fn find_doomed(
    tx: &mut dyn ContentTx,
    repository: RepositoryId,
    digest: Digest,
    immutable: &TagRules,
) -> Result<Option<Doomed>> {
    let Some(head) = tx.find_manifest(repository, &Reference::Digest(digest)).await? else { return Ok(None) };
    let Some(image) = tx.find_image(repository, &digest).await? else { return Ok(None) };
    let one_too_many = PageSize::clamped(DELETED_TAGS_LIMIT as u64 + 1)?;
    let own_tags = tx.list_tags_of(head.id, None, one_too_many).await?;
    // One index more than one request deletes is one that stays.
    let indexes = tx.list_indexes_with_child(head.id, PageSize::clamped(DELETION_LIMIT as u64 + 1)?).await?;
    let facts = DeletionFacts {
        is_child: !indexes.is_empty(),
        has_immutable_tag: own_tags.iter().any(|tag| immutable.cover(tag)),
        pushed_at: image.pushed_at,
        pulled_at: image.pulled_at,
        current_tags: own_tags.iter().cloned().collect(),
    };
    Ok(Some(Doomed { head, facts, indexes, own_tags }))
}
