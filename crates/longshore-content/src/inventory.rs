//! Inventory: what a registry holds, as the lists of its owner show it.

use std::collections::VecDeque;

use jiff::Timestamp;
use longshore_domain::access::action::{
    AccountAction, Actions, NamespaceAction, RegistryAction, RepositoryAction,
};
use longshore_domain::access::actor::Actor;
use longshore_domain::account::Account;
use longshore_domain::digest::Digest;
use longshore_domain::error::Unauthenticated;
use longshore_domain::image::{ImageQuery, ManifestDetails, TagDetails, TagFilter, TagQuery};
use longshore_domain::image_order::ImageOrder;
use longshore_domain::name::{Namespace, RepositoryName, Tag};
use longshore_domain::page::{KeyedPage, PageSize};
use longshore_domain::ports::metadata::{ContentTx, ManifestId, RepositoryCounts};
use longshore_domain::repository::query::{NamespaceFilter, Repositories, RepositoryFilter, RepositoryQuery};
use longshore_domain::repository::{
    InventoryOrder, Repository, RepositoryDetails, RepositoryId, RepositoryKey, RepositoryListing,
    RepositoryOrder,
};
use longshore_domain::share::SharedBy;
use longshore_domain::tag_order::TagOrder;
use longshore_domain::{Error, Result};

use crate::Content;

/// Most tags, and most blobs, that are listed with a manifest.
const LISTED_WITH_MANIFEST: u64 = 200;
/// Most images that are looked at behind a tag.
const LISTED_IMAGES: u64 = 100;

/// A manifest with its tags and blobs.
#[derive(Clone, Debug)]
pub struct ManifestSummary {
    /// The manifest.
    pub details: ManifestDetails,
    /// The tags that point at it by name, the first 200.
    pub tags: Vec<Tag>,
    /// Digests and sizes of the blobs that it references, the first 200.
    pub blobs: Vec<(Digest, u64)>,
}

/// A repository with the newest of what is in it.
#[derive(Clone, Debug)]
pub struct RepositorySummary {
    /// Its name.
    pub name: RepositoryName,
    /// How many tags it has.
    pub tags: u64,
    /// How many manifests it has.
    pub manifests: u64,
    /// What was pushed last, of the kind that was asked for.
    pub latest: Option<Latest>,
}

/// What was pushed last.
#[derive(Clone, Debug)]
pub enum Latest {
    /// A tag.
    Tag(Box<TagDetails>),
    /// A manifest.
    Manifest(Box<ManifestSummary>),
}

/// What is wanted of what was pushed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedLatest {
    /// The tag.
    Tag,
    /// The manifest.
    Manifest,
}

/// Where a page of repositories begins.
#[derive(Clone, Debug)]
pub enum RepositoryStart {
    /// After so many; each page costs more than the one before.
    Offset(u64),
    /// After the one of this name.
    After(RepositoryName),
}

async fn with_tags_and_blobs(tx: &mut dyn ContentTx, details: ManifestDetails) -> Result<ManifestSummary> {
    let size = PageSize::clamped(LISTED_WITH_MANIFEST)?;
    let id = ManifestId(details.id);
    let tags = tx.list_tags_of(id, None, size).await?;
    Ok(ManifestSummary { tags, blobs: tx.list_manifest_blobs(id, size).await?, details })
}

async fn summarize(
    tx: &mut dyn ContentTx,
    repository: Repository,
    wanted: WantedLatest,
) -> Result<RepositorySummary> {
    let (one, images) = (PageSize::clamped(1)?, PageSize::clamped(LISTED_IMAGES)?);
    let counts = tx.repository_counts(repository.id).await?;
    let latest = match wanted {
        WantedLatest::Tag => {
            let query = TagQuery { order: TagOrder::NEWEST, ..TagQuery::by_name(repository.id, None, one) };
            let tag = tx.list_tag_details(&query, images).await?.items.pop();
            tag.map(|tag| Latest::Tag(Box::new(tag)))
        }
        WantedLatest::Manifest => {
            let query = ImageQuery::all(repository.id, ImageOrder::NEWEST, one);
            match tx.list_image_details(&query).await?.items.pop() {
                Some(details) => Some(Latest::Manifest(Box::new(with_tags_and_blobs(tx, details).await?))),
                None => None,
            }
        }
    };
    Ok(RepositorySummary { name: repository.name, tags: counts.tags, manifests: counts.images, latest })
}

impl Content {
    /// Lists the repositories of a registry that the actor may see by name, and counts all.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing.
    pub async fn list_registry_repositories(
        &self,
        actor: &Actor,
        registry: &Namespace,
        start: RepositoryStart,
        size: PageSize,
        wanted: WantedLatest,
    ) -> Result<(Vec<RepositorySummary>, u64)> {
        self.access.authorize_registry(actor, registry, RegistryAction::View).await?;
        let unknown = |_| Error::RegistryUnknown(registry.to_string());
        let (id, visible, _) = self.access.visible_in_namespace(actor, registry).await.map_err(unknown)?;
        let (after, offset) = match start {
            RepositoryStart::Offset(offset) => (None, offset),
            RepositoryStart::After(name) => (Some(RepositoryKey::Name(name.to_string())), 0),
        };
        let (filter, order) = (NamespaceFilter::default(), RepositoryOrder::Name);
        let among = Repositories::Namespace { namespace: id, visible, filter, after, order };
        self.metadata
            .read((RepositoryQuery { among, offset, size }, wanted), |tx, (query, wanted)| {
                Box::pin(async move {
                    let mut repositories = Vec::new();
                    for repository in tx.list_repositories(query).await?.items {
                        repositories.push(summarize(tx, repository, *wanted).await?);
                    }
                    let count = tx.count_repositories(&query.among).await?;
                    Ok((repositories, count.unwrap_or_default()))
                })
            })
            .await
    }

    /// Checks that a repository is one of a registry that the actor may look at.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing.
    async fn check_in_registry(&self, actor: &Actor, name: &RepositoryName) -> Result<()> {
        self.access.authorize_registry(actor, &name.namespace(), RegistryAction::View).await.map(|_| ())
    }

    /// Lists the tags of a registry's repository with what they point at, newest first, leaving out the first `offset`, and
    /// counts all.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing, and [`Content::list_tag_details`].
    pub async fn list_registry_tags(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<TagDetails>, u64)> {
        self.check_in_registry(actor, name).await?;
        let (_, tags, total) =
            self.list_tag_details(actor, name, TagFilter::default(), TagOrder::NEWEST, offset, size).await?;
        Ok((tags, total))
    }

    /// Deletes a tag of a registry's repository.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing, and [`Content::delete_tag`].
    pub async fn delete_registry_tag(&self, actor: &Actor, name: &RepositoryName, tag: &Tag) -> Result<()> {
        self.check_in_registry(actor, name).await?;
        self.delete_tag(actor, name, tag).await
    }

    /// Deletes a manifest of a registry's repository.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing, and [`Content::delete_manifest`].
    pub async fn delete_registry_manifest(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<()> {
        self.check_in_registry(actor, name).await?;
        self.delete_manifest(actor, name, digest).await
    }

    /// Deletes a repository of a registry.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing, and [`Content::delete_repository`].
    pub async fn delete_registry_repository(&self, actor: &Actor, name: &RepositoryName) -> Result<()> {
        self.check_in_registry(actor, name).await?;
        self.delete_repository(actor, name).await
    }

    /// Lists the manifests of a registry's repository by their last push, newest first, leaving out the first `offset`, and
    /// counts all.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing, and [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags.
    pub async fn list_registry_manifests(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<ManifestSummary>, u64)> {
        self.check_in_registry(actor, name).await?;
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.metadata
            .read(
                ImageQuery { offset, ..ImageQuery::all(repository.id, ImageOrder::NEWEST, size) },
                |tx, query| {
                    Box::pin(async move {
                        let mut manifests = Vec::new();
                        for details in tx.list_image_details(query).await?.items {
                            manifests.push(with_tags_and_blobs(tx, details).await?);
                        }
                        Ok((manifests, tx.repository_counts(query.repository).await?.images))
                    })
                },
            )
            .await
    }
}

/// Among which repositories somebody looks.
#[derive(Clone, Debug)]
pub enum Browsed<'n> {
    /// All, by name.
    Registry,
    /// Those of a namespace.
    Namespace {
        /// The name of its account.
        name: &'n Namespace,
        /// Which of them.
        filter: NamespaceFilter,
        /// In which order.
        order: RepositoryOrder,
    },
}

/// A repository with what it holds.
#[derive(Clone, Debug)]
pub struct HeldRepository {
    /// The repository.
    pub details: RepositoryDetails,
    /// What it holds.
    pub counts: RepositoryCounts,
}

impl HeldRepository {
    /// Returns where the repository stands in an order.
    pub fn key(&self, order: RepositoryOrder) -> RepositoryKey {
        order.key(&self.details, self.counts.stored_bytes)
    }
}

impl Content {
    /// Lists the repositories that the actor may see, strictly behind one in the order: all by name, or those of one namespace,
    /// of which some may be left out.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void or does not cover listing; `OrganizationUnknown` when there is no
    /// such namespace, or nothing of it may be seen.
    pub async fn browse_repositories(
        &self,
        actor: &Actor,
        among: Browsed<'_>,
        after: Option<RepositoryKey>,
        size: PageSize,
    ) -> Result<KeyedPage<HeldRepository, RepositoryKey>> {
        if !actor.scope().covers_catalog() {
            return Err(Error::Unauthenticated(Unauthenticated::InsufficientScope));
        }
        let (namespace, order) = match &among {
            Browsed::Registry => (None, RepositoryOrder::Name),
            Browsed::Namespace { name, order, .. } => (Some(*name), *order),
        };
        let (among, of_all) = match among {
            Browsed::Registry => {
                let after = match after {
                    Some(RepositoryKey::Name(name)) => Some(name),
                    Some(RepositoryKey::Total { .. }) | None => None,
                };
                (Repositories::Registry { visible: self.access.visible(actor).await?, after }, None)
            }
            Browsed::Namespace { name, filter, order } => {
                let (id, visible, is_known) = self.access.visible_in_namespace(actor, name).await?;
                let among = Repositories::Namespace { namespace: id, visible, filter, after, order };
                // Of which nothing may be seen is not there, unless it is known.
                (among, (!is_known).then(|| Repositories::of_namespace(id, visible)))
            }
        };
        let found = self
            .metadata
            .read(
                (RepositoryQuery { among, offset: 0, size }, of_all, order),
                |tx, (query, of_all, order)| {
                    Box::pin(async move {
                        let page = tx.list_repository_listings(query).await?;
                        if let (Some(all), true) = (of_all, page.items.is_empty())
                            && tx.count_repositories(all).await? == Some(0)
                        {
                            return Ok(None);
                        }
                        let last = page.items.last().filter(|_| page.has_more);
                        let next = last.map(|listing| listing.key(*order));
                        let mut items = Vec::new();
                        for listing in page.items {
                            let counts = tx.repository_counts(listing.details.repository.id).await?;
                            items.push(HeldRepository { details: listing.details, counts });
                        }
                        Ok(Some(KeyedPage { items, next }))
                    })
                },
            )
            .await?;
        found.ok_or_else(|| {
            Error::OrganizationUnknown(namespace.map(Namespace::to_string).unwrap_or_default())
        })
    }

    /// Returns a repository with what it holds, and what the actor may do in it.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing.
    pub async fn get_held_repository(
        &self,
        actor: &Actor,
        name: &RepositoryName,
    ) -> Result<(HeldRepository, Actions)> {
        let (details, allowed) = self.get_repository_details(actor, name).await?;
        let id = details.repository.id;
        let counts = self.metadata.read(id, |tx, id| Box::pin(tx.repository_counts(*id))).await?;
        Ok((HeldRepository { details, counts }, allowed))
    }
}

/// A repository in a list over all namespaces, with what it holds.
#[derive(Clone, Debug)]
pub struct ListedRepository {
    /// The repository.
    pub listing: RepositoryListing,
    /// What it holds.
    pub counts: RepositoryCounts,
    /// Its newest tags, the first 100.
    pub tags: Vec<Tag>,
    /// Of a shared one, whether the sharing is valid.
    pub is_valid: bool,
}

/// Which of the shared repositories are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedSide {
    /// Those that the account shares with others.
    Own,
    /// Those that others share with the account.
    Others,
}

/// Which shared repositories somebody wants.
#[derive(Clone, Debug)]
pub struct WantedShares {
    /// Who shares.
    pub side: SharedSide,
    /// Which of them.
    pub filter: RepositoryFilter,
    /// Only those whose sharing is valid, or only the others.
    pub is_valid: Option<bool>,
}

/// Tags that a list shows of each repository.
const LISTED_TAGS: u64 = 100;

async fn hold(tx: &mut dyn ContentTx, listing: RepositoryListing) -> Result<ListedRepository> {
    let id = listing.details.repository.id;
    let counts = tx.repository_counts(id).await?;
    let newest = tx.list_pushed_tags(id, (Timestamp::MAX, ""), PageSize::clamped(LISTED_TAGS)?).await?;
    let tags = newest.into_iter().map(|pushed| pushed.tag).collect();
    let is_valid = listing.is_share_valid;
    Ok(ListedRepository { listing, counts, tags, is_valid })
}

/// Leaves of a repository whose sharing has expired that there was one: what it is now is nothing of theirs.
fn expired(mut listing: RepositoryListing) -> ListedRepository {
    listing.details.description = String::new();
    listing.details.full_description = String::new();
    listing.details.updated_at = listing.details.repository.created_at;
    listing.category = String::new();
    ListedRepository { listing, counts: RepositoryCounts::default(), tags: Vec::new(), is_valid: false }
}

impl Content {
    /// Lists what the actor sees of its namespaces, and the repositories that it has a permission for, leaving out the first
    /// `offset`, and counts all. An access token for public repositories lists these only.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn list_own_repositories(
        &self,
        actor: &Actor,
        filter: RepositoryFilter,
        order: InventoryOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<ListedRepository>, u64)> {
        let (own, _) = self.access.authorize_account(actor, AccountAction::Identify).await?;
        let visible = self.access.visible(actor).await?;
        let project = self.identity.get_project(actor).await?;
        let only = (project.id != own.id).then_some(project.id);
        let among = Repositories::Own { account: own.id, only, visible, filter, order };
        self.metadata
            .read(RepositoryQuery { among, offset, size }, |tx, query| {
                Box::pin(async move {
                    let mut listed = Vec::new();
                    for listing in tx.list_repository_listings(query).await?.items {
                        listed.push(hold(tx, listing).await?);
                    }
                    Ok((listed, tx.count_repositories(&query.among).await?.unwrap_or_default()))
                })
            })
            .await
    }

    /// Lists the repositories that the actor's project shares, or that are shared with it, leaving out the first `offset`,
    /// and counts all. Of those that are no longer shared with it, it learns nothing else.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void; `Denied` for access tokens of public repositories, and
    /// for members of an organization who only read, as to what it shares.
    pub async fn list_shared_repositories(
        &self,
        actor: &Actor,
        wanted: WantedShares,
        order: InventoryOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<ListedRepository>, u64)> {
        let (own, _) = self.access.authorize_account(actor, AccountAction::Read).await?;
        let project = self.identity.get_project(actor).await?;
        let WantedShares { side, filter, is_valid } = wanted;
        // Members may not see each repository of their organization.
        if side == SharedSide::Own && project.id != own.id {
            self.access.authorize_namespace(actor, &project.name, NamespaceAction::ViewShares).await?;
        }
        let project = project.id;
        let shared = match side {
            SharedSide::Own => SharedBy::Account(project),
            SharedSide::Others => SharedBy::Others(project),
        };
        let among = Repositories::Shared { shared, is_valid, now: self.clock.now(), filter, order };
        self.metadata
            .read((side, RepositoryQuery { among, offset, size }), |tx, (side, query)| {
                Box::pin(async move {
                    let mut listed = Vec::new();
                    for listing in tx.list_repository_listings(query).await?.items {
                        listed.push(match (side, listing.is_share_valid) {
                            (SharedSide::Others, false) => expired(listing),
                            _ => hold(tx, listing).await?,
                        });
                    }
                    Ok((listed, tx.count_repositories(&query.among).await?.unwrap_or_default()))
                })
            })
            .await
    }

    /// Returns a repository as lists over all namespaces show it, and the account whose it is.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing.
    pub async fn get_listed_repository(
        &self,
        actor: &Actor,
        name: &RepositoryName,
    ) -> Result<(ListedRepository, Account)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::View).await?;
        let found = self
            .metadata
            .read(repository, |tx, repository| {
                Box::pin(async move {
                    let listing = tx.find_repository_listing(repository.id).await?;
                    let owner = tx.find_account(repository.namespace_id).await?;
                    match listing.zip(owner) {
                        None => Ok(None),
                        Some((listing, owner)) => Ok(Some((hold(tx, listing).await?, owner))),
                    }
                })
            })
            .await?;
        found.ok_or_else(|| Error::RepositoryUnknown(name.clone()))
    }

    /// Lists the tags of a repository so that their manifests can be read one after the other, leaving out the first `offset`:
    /// all, or the one of a name, if it is there.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags.
    pub async fn list_readable_tags(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        only: Option<&str>,
        order: TagOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<ReadableTags> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        let may_read = self.access.authorize(actor, name, RepositoryAction::Pull).await.is_ok();
        let owner = self
            .metadata
            .look_up(repository.namespace_id, |tx, id| Box::pin(tx.find_account(*id)))
            .await?
            .ok_or_else(|| Error::RepositoryUnknown(name.clone()))?;
        let (tags, total) = match only {
            None => {
                let (_, tags, total) =
                    self.list_tag_details(actor, name, TagFilter::default(), order, offset, size).await?;
                (tags, total)
            }
            Some(text) => {
                let found = match text.parse::<Tag>() {
                    Ok(tag) => self.get_tag_details(actor, name, &tag, false).await.map(Some),
                    // What cannot be a tag is not there.
                    Err(_) => Ok(None),
                };
                let found = match found {
                    Err(Error::ManifestUnknown { .. }) => None,
                    found => found?,
                };
                let total = u64::from(found.is_some());
                let tag = found.filter(|_| offset == 0).map(|(_, tag, _)| tag);
                (tag.into_iter().collect(), total)
            }
        };
        Ok(ReadableTags { repository: repository.id, owner, tags: tags.into(), total, may_read })
    }

    /// Takes the next of some tags, with its manifest: empty when that was collected meanwhile, or may not be read.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn read_next_tag(&self, tags: &mut ReadableTags) -> Result<Option<(TagDetails, Vec<u8>)>> {
        let Some(tag) = tags.tags.pop_front() else { return Ok(None) };
        let content = match tags.may_read {
            true => self.find_manifest_content(ManifestId(tag.manifest.id)).await?,
            false => None,
        };
        Ok(Some((tag, content.unwrap_or_default())))
    }
}

/// Tags whose manifests somebody reads one after the other.
#[derive(Debug)]
pub struct ReadableTags {
    /// The repository.
    pub repository: RepositoryId,
    /// The account whose it is.
    pub owner: Account,
    /// How many there are in all.
    pub total: u64,
    tags: VecDeque<TagDetails>,
    may_read: bool,
}

impl ReadableTags {
    /// Returns how many are left.
    pub fn left(&self) -> usize {
        self.tags.len()
    }
}
