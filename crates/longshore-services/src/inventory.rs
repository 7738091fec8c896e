//! Inventory: what a registry holds, as the lists of its owner show it.

use longshore_domain::digest::Digest;
use longshore_domain::image::{ManifestDetails, TagDetails, TagOrder};
use longshore_domain::name::{Namespace, RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::permission::Action;
use longshore_domain::ports::metadata::{ManifestId, Tx};
use longshore_domain::registry::RegistryAction;
use longshore_domain::repository::{NamespaceView, Repository, RepositoryOrder};
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
