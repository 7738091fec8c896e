//! Inventory: what a registry holds, as the lists of its owner show it.

use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::digest::Digest;
use longshore_domain::error::Unauthenticated;
use longshore_domain::image::{ManifestDetails, TagDetails, TagOrder};
use longshore_domain::name::{Namespace, RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::permission::Action;
use longshore_domain::ports::metadata::{ManifestId, RepositoryCounts, Tx};
use longshore_domain::registry::RegistryAction;
use longshore_domain::repository::{
    InventoryFilter, InventoryOrder, NamespaceView, Repository, RepositoryListing, RepositoryOrder,
    Visibility,
};
use longshore_domain::share::SharedBy;
use longshore_domain::{Error, Result};

use crate::Services;
use crate::authentication::Caller;

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

async fn with_tags_and_blobs(tx: &mut dyn Tx, details: ManifestDetails) -> Result<ManifestSummary> {
    let size = PageSize::clamped(LISTED_WITH_MANIFEST)?;
    let id = ManifestId(details.id);
    let tags = tx.list_tags_of(id, size).await?;
    Ok(ManifestSummary { tags, blobs: tx.list_manifest_blobs(id, size).await?, details })
}

async fn summarize(
    tx: &mut dyn Tx,
    repository: Repository,
    wanted: WantedLatest,
) -> Result<RepositorySummary> {
    let (one, images) = (PageSize::clamped(1)?, PageSize::clamped(LISTED_IMAGES)?);
    let counts = tx.repository_counts(repository.id).await?;
    let latest = match wanted {
        WantedLatest::Tag => {
            let tag = tx.list_tag_details(repository.id, TagOrder::Newest, 0, one, images).await?.pop();
            tag.map(|tag| Latest::Tag(Box::new(tag)))
        }
        WantedLatest::Manifest => match tx.list_pushed_images(repository.id, 0, one).await?.pop() {
            Some(details) => Some(Latest::Manifest(Box::new(with_tags_and_blobs(tx, details).await?))),
            None => None,
        },
    };
    Ok(RepositorySummary { name: repository.name, tags: counts.tags, manifests: counts.images, latest })
}

impl Services {
    /// Lists the repositories of a registry that the caller may see by name, and counts all.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for viewing.
    pub async fn list_registry_repositories(
        &self,
        caller: &Caller,
        registry: &Namespace,
        start: RepositoryStart,
        size: PageSize,
        wanted: WantedLatest,
    ) -> Result<(Vec<RepositorySummary>, u64)> {
        self.authorize_registry(&caller.principal, registry, RegistryAction::View).await?;
        let unknown = |_| Error::RegistryUnknown(registry.to_string());
        let (id, view) = self.view_of(&caller.principal, registry).await.map_err(unknown)?;
        self.metadata
            .read(
                (id, view, start, size, wanted),
                |tx, (id, view, start, size, wanted): &(_, NamespaceView, _, _, _)| {
                    Box::pin(async move {
                        let page = match start {
                            RepositoryStart::Offset(offset) => {
                                tx.list_namespace_repositories(
                                    *id,
                                    *view,
                                    "",
                                    RepositoryOrder::Name,
                                    *offset,
                                    *size,
                                )
                                .await?
                            }
                            RepositoryStart::After(name) => {
                                tx.list_namespace_repositories_after(*id, *view, name.as_str(), *size).await?
                            }
                        };
                        let mut repositories = Vec::new();
                        for details in page {
                            repositories.push(summarize(tx, details.repository, *wanted).await?);
                        }
                        Ok((repositories, tx.count_namespace_repositories(*id, *view, "").await?))
                    })
                },
            )
            .await
    }

    /// Checks that a repository is one of a registry that the caller may look at.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for viewing.
    async fn check_in_registry(&self, caller: &Caller, name: &RepositoryName) -> Result<()> {
        self.authorize_registry(&caller.principal, &name.namespace(), RegistryAction::View).await.map(|_| ())
    }

    /// Lists the tags of a registry's repository with what they point at, newest first, leaving out the first `offset`, and
    /// counts all.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for viewing, and [`Services::list_tag_details`].
    pub async fn list_registry_tags(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<TagDetails>, u64)> {
        self.check_in_registry(caller, name).await?;
        let (_, tags, total) = self.list_tag_details(caller, name, TagOrder::Newest, offset, size).await?;
        Ok((tags, total))
    }

    /// Deletes a tag of a registry's repository.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for viewing, and [`Services::delete_tag`].
    pub async fn delete_registry_tag(&self, caller: &Caller, name: &RepositoryName, tag: &Tag) -> Result<()> {
        self.check_in_registry(caller, name).await?;
        self.delete_tag(caller, name, tag).await
    }

    /// Deletes a manifest of a registry's repository.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for viewing, and [`Services::delete_manifest`].
    pub async fn delete_registry_manifest(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<()> {
        self.check_in_registry(caller, name).await?;
        self.delete_manifest(caller, name, digest).await
    }

    /// Deletes a repository of a registry.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for viewing, and [`Services::delete_repository`].
    pub async fn delete_registry_repository(&self, caller: &Caller, name: &RepositoryName) -> Result<()> {
        self.check_in_registry(caller, name).await?;
        self.delete_repository(caller, name).await
    }

    /// Lists the manifests of a registry's repository by their last push, newest first, leaving out the first `offset`, and
    /// counts all.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for viewing, and [`Services::authorize_existing`] for viewing tags.
    pub async fn list_registry_manifests(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<ManifestSummary>, u64)> {
        self.check_in_registry(caller, name).await?;
        let repository = self.authorize_existing(caller, name, Action::ViewTags).await?;
        self.metadata
            .read((repository.id, offset, size), |tx, (id, offset, size)| {
                Box::pin(async move {
                    let mut manifests = Vec::new();
                    for details in tx.list_pushed_images(*id, *offset, *size).await? {
                        manifests.push(with_tags_and_blobs(tx, details).await?);
                    }
                    Ok((manifests, tx.repository_counts(*id).await?.images))
                })
            })
            .await
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

/// Which repositories somebody wants, of those that are listed anyway.
#[derive(Clone, Debug, Default)]
pub struct WantedRepositories {
    /// Only those of the namespace of this name.
    pub namespace: Option<String>,
    /// Only those whose name holds this text.
    pub name_part: String,
    /// Only those of this category.
    pub category: Option<String>,
    /// Only those of this visibility.
    pub visibility: Option<Visibility>,
    /// Of shared ones, only those whose sharing is valid, or only the others.
    pub is_valid: Option<bool>,
}

/// Tags that a list shows of each repository.
const LISTED_TAGS: u64 = 100;

async fn hold(tx: &mut dyn Tx, listing: RepositoryListing, is_valid: bool) -> Result<ListedRepository> {
    let id = listing.details.repository.id;
    let counts = tx.repository_counts(id).await?;
    let newest = tx.list_pushed_tags(id, (Timestamp::MAX, ""), PageSize::clamped(LISTED_TAGS)?).await?;
    let tags = newest.into_iter().map(|pushed| pushed.tag).collect();
    Ok(ListedRepository { listing, counts, tags, is_valid })
}

impl Services {
    async fn inventory_filter(
        &self,
        caller: &Caller,
        wanted: WantedRepositories,
    ) -> Result<(InventoryFilter, AccountId)> {
        let acting = caller.principal.account().ok_or(Error::Unauthenticated(Unauthenticated::Missing))?;
        let (own, token) = self.acting_with(acting).await?;
        let project = self.get_project(caller).await?;
        let WantedRepositories { namespace, name_part, category, visibility, is_valid } = wanted;
        // An access token for what is public sees nothing else.
        let public_only = token.is_some_and(|token| !token.cap.lists_private());
        let filter = InventoryFilter {
            own: own.id,
            only: (project.id != own.id).then_some(project.id),
            namespace,
            name_part,
            category,
            visibility: if public_only { Some(Visibility::Public) } else { visibility },
            is_valid,
        };
        Ok((filter, project.id))
    }

    /// Lists the repositories of the caller's namespaces, and those that it has a permission for, leaving out the first
    /// `offset`, and counts all.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn list_own_repositories(
        &self,
        caller: &Caller,
        wanted: WantedRepositories,
        order: InventoryOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<ListedRepository>, u64)> {
        let (filter, _) = self.inventory_filter(caller, wanted).await?;
        self.metadata
            .read((filter, order, offset, size), |tx, (filter, order, offset, size)| {
                Box::pin(async move {
                    let mut listed = Vec::new();
                    for listing in tx.list_own_repositories(filter, *order, *offset, *size).await? {
                        listed.push(hold(tx, listing, true).await?);
                    }
                    Ok((listed, tx.count_own_repositories(filter).await?))
                })
            })
            .await
    }

    /// Lists the repositories that the caller's project shares, or that are shared with it, leaving out the first `offset`,
    /// and counts all.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void; `Denied` for access tokens of public repositories.
    pub async fn list_shared_repositories(
        &self,
        caller: &Caller,
        side: SharedSide,
        wanted: WantedRepositories,
        order: InventoryOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<ListedRepository>, u64)> {
        let (filter, project) = self.inventory_filter(caller, wanted).await?;
        if filter.visibility == Some(Visibility::Public) {
            return Err(Error::Denied("this access token is for public repositories only".into()));
        }
        let shared = match side {
            SharedSide::Own => SharedBy::Account(project),
            SharedSide::Others => SharedBy::Others(project),
        };
        let input = (shared, filter, order, self.clock.now(), offset, size);
        self.metadata
            .read(input, |tx, (shared, filter, order, now, offset, size)| {
                Box::pin(async move {
                    let page =
                        tx.list_shared_repositories(*shared, filter, *order, *now, *offset, *size).await?;
                    let mut listed = Vec::new();
                    for (listing, is_valid) in page {
                        listed.push(hold(tx, listing, is_valid).await?);
                    }
                    Ok((listed, tx.count_shared_repositories(*shared, filter, *now).await?))
                })
            })
            .await
    }

    /// Gives a repository as lists over all namespaces show it.
    ///
    /// # Errors
    /// As [`Services::authorize_existing`] for viewing.
    pub async fn get_listed_repository(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<ListedRepository> {
        let repository = self.authorize_existing(caller, name, Action::View).await?;
        let found = self
            .metadata
            .read(repository.id, |tx, id| {
                Box::pin(async move {
                    match tx.find_repository_listing(*id).await? {
                        None => Ok(None),
                        Some(listing) => hold(tx, listing, true).await.map(Some),
                    }
                })
            })
            .await?;
        found.ok_or_else(|| Error::RepositoryUnknown(name.clone()))
    }

    /// Gives the content of a manifest that a list showed; `None` when it was collected meanwhile.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn read_manifest_content(&self, manifest: ManifestId) -> Result<Option<Vec<u8>>> {
        self.metadata.look_up(manifest, |tx, id| Box::pin(tx.find_manifest_content(*id))).await
    }
}
