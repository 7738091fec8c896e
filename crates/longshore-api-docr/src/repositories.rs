//! Repositories, tags and manifests of a registry.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::api_request::PAGE_LIMIT;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_content::inventory::{
    Latest, ManifestSummary, RepositoryStart, RepositorySummary, WantedLatest,
};
use longshore_domain::digest::Digest;
use longshore_domain::image::TagDetails;
use longshore_domain::name::{Namespace, RepositoryName, Tag};
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::{Context, WantedPage};
use crate::wire::{self, Links, Meta, paging};

/// Schema `repository_tag`. What is unknown is absent: the uncompressed size always.
#[derive(Default, Serialize, JsonSchema)]
struct TagDocument {
    registry_name: String,
    repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest_digest: Option<String>,
    /// Config and layers; of an index, those of its images.
    #[serde(skip_serializing_if = "Option::is_none")]
    compressed_size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
}

/// Schema `repository_blob`.
#[derive(Serialize, JsonSchema)]
struct BlobDocument {
    digest: String,
    compressed_size_bytes: u64,
}

/// Schema `repository_manifest`. What is unknown is absent: the uncompressed size always.
#[derive(Serialize, JsonSchema)]
struct ManifestDocument {
    registry_name: String,
    repository: String,
    digest: String,
    compressed_size_bytes: u64,
    updated_at: String,
    /// The first 200.
    tags: Vec<String>,
    /// The first 200.
    blobs: Vec<BlobDocument>,
}

/// Schema `repository`.
#[derive(Serialize, JsonSchema)]
struct RepositoryDocument {
    registry_name: String,
    name: String,
    /// Without a tag in it where there is none: clients look into it.
    latest_tag: TagDocument,
    tag_count: u64,
}

/// Schema `repository_v2`.
#[derive(Serialize, JsonSchema)]
struct RepositoryV2Document {
    registry_name: String,
    name: String,
    /// Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_manifest: Option<ManifestDocument>,
    tag_count: u64,
    manifest_count: u64,
}

/// Response `all_repositories`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RepositoriesPage {
    repositories: Vec<RepositoryDocument>,
    links: Links,
    meta: Meta,
}

/// Response `all_repositories_v2`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RepositoriesV2Page {
    repositories: Vec<RepositoryV2Document>,
    links: Links,
    meta: Meta,
}

/// Response `repository_tags`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TagsPage {
    tags: Vec<TagDocument>,
    links: Links,
    meta: Meta,
}

/// Response `repository_manifests`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ManifestsPage {
    manifests: Vec<ManifestDocument>,
    links: Links,
    meta: Meta,
}

/// What a page token holds: the number of its page, and the repository before it.
#[derive(Serialize, Deserialize)]
struct PageToken(u64, String);

impl PageToken {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str, registry: &Namespace) -> Result<(u64, RepositoryName)> {
        let read = || {
            let Self(number, after) = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let after: RepositoryName = after.parse().ok()?;
            let is_good = (1..=PAGE_LIMIT).contains(&number) && after.namespace() == *registry;
            is_good.then_some((number, after))
        };
        read().ok_or_else(|| Error::Invalid {
            field: Field::Parameter("page_token"),
            reason: "is none that was given for this list; begin with the first page".into(),
        })
    }
}

fn tag(registry: &Namespace, name: &RepositoryName, details: &TagDetails) -> TagDocument {
    let manifest = &details.manifest;
    let size = match manifest.is_index {
        true => details.images.iter().map(|image| image.total_size_bytes).sum(),
        false => manifest.total_size_bytes,
    };
    TagDocument {
        registry_name: registry.to_string(),
        repository: name.rest().to_owned(),
        tag: Some(details.tag.to_string()),
        manifest_digest: Some(manifest.digest.to_string()),
        compressed_size_bytes: Some(size),
        updated_at: Some(wire::time(details.updated_at)),
    }
}

fn manifest(registry: &Namespace, name: &RepositoryName, summary: &ManifestSummary) -> ManifestDocument {
    let blob = |(digest, size): &(Digest, u64)| BlobDocument {
        digest: digest.to_string(),
        compressed_size_bytes: *size,
    };
    ManifestDocument {
        registry_name: registry.to_string(),
        repository: name.rest().to_owned(),
        digest: summary.details.digest.to_string(),
        compressed_size_bytes: summary.details.total_size_bytes,
        updated_at: wire::time(summary.details.pushed_at),
        tags: summary.tags.iter().map(Tag::to_string).collect(),
        blobs: summary.blobs.iter().map(blob).collect(),
    }
}

async fn summaries(
    context: &Context,
    start: RepositoryStart,
    wanted: WantedPage,
    latest: WantedLatest,
) -> Result<(Namespace, Vec<RepositorySummary>, u64)> {
    let actor = context.actor().await?;
    let registry = context.registry()?;
    let (repositories, total) =
        context.app.content.list_registry_repositories(&actor, &registry, start, wanted.size, latest).await?;
    Ok((registry, repositories, total))
}

/// `GET /v2/registry/{registry_name}/repositories`.
pub(crate) async fn list_repositories(context: &Context, _: RequestBody) -> Result<Response> {
    let wanted = context.page()?;
    let (registry, repositories, total) =
        summaries(context, RepositoryStart::Offset(wanted.offset()), wanted, WantedLatest::Tag).await?;
    let document = |summary: &RepositorySummary| RepositoryDocument {
        registry_name: registry.to_string(),
        name: summary.name.rest().to_owned(),
        latest_tag: match &summary.latest {
            Some(Latest::Tag(details)) => tag(&registry, &summary.name, details),
            _ => TagDocument {
                registry_name: registry.to_string(),
                repository: summary.name.rest().to_owned(),
                ..TagDocument::default()
            },
        },
        tag_count: summary.tags,
    };
    let (links, meta) = paging(context, wanted, total, None);
    let repositories = repositories.iter().map(document).collect();
    Ok(json(StatusCode::OK, &RepositoriesPage { repositories, links, meta }))
}

/// `GET /v2/registry/{registry_name}/repositoriesV2`.
pub(crate) async fn list_repositories_v2(context: &Context, _: RequestBody) -> Result<Response> {
    let (start, wanted) = match context.query("page_token") {
        None => {
            let wanted = context.page()?;
            (RepositoryStart::Offset(wanted.offset()), wanted)
        }
        Some(token) => {
            let (number, after) = PageToken::decode(&token, &context.registry()?)?;
            (RepositoryStart::After(after), WantedPage { number, size: context.page_size()? })
        }
    };
    let (registry, repositories, total) = summaries(context, start, wanted, WantedLatest::Manifest).await?;
    let document = |summary: &RepositorySummary| RepositoryV2Document {
        registry_name: registry.to_string(),
        name: summary.name.rest().to_owned(),
        latest_manifest: match &summary.latest {
            Some(Latest::Manifest(latest)) => Some(manifest(&registry, &summary.name, latest)),
            _ => None,
        },
        tag_count: summary.tags,
        manifest_count: summary.manifests,
    };
    let next = repositories.last().map(|last| PageToken(wanted.number + 1, last.name.to_string()).encode());
    let (links, meta) = paging(context, wanted, total, next);
    let repositories = repositories.iter().map(document).collect();
    Ok(json(StatusCode::OK, &RepositoriesV2Page { repositories, links, meta }))
}

/// `DELETE /v2/registries/{registry_name}/repositories/{repository_name}`.
pub(crate) async fn delete_repository(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    context.app.content.delete_registry_repository(&actor, &context.repository()?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET …/repositories/{repository_name}/tags`.
pub(crate) async fn list_tags(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let (registry, name, wanted) = (context.registry()?, context.repository()?, context.page()?);
    let (details, total) =
        context.app.content.list_registry_tags(&actor, &name, wanted.offset(), wanted.size).await?;
    let (links, meta) = paging(context, wanted, total, None);
    let tags = details.iter().map(|details| tag(&registry, &name, details)).collect();
    Ok(json(StatusCode::OK, &TagsPage { tags, links, meta }))
}

/// `DELETE …/repositories/{repository_name}/tags/{repository_tag}`.
pub(crate) async fn delete_tag(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let tag: Tag = context.parsed("repository_tag")?;
    context.app.content.delete_registry_tag(&actor, &context.repository()?, &tag).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET …/repositories/{repository_name}/digests`.
pub(crate) async fn list_manifests(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let (registry, name, wanted) = (context.registry()?, context.repository()?, context.page()?);
    let (summaries, total) =
        context.app.content.list_registry_manifests(&actor, &name, wanted.offset(), wanted.size).await?;
    let (links, meta) = paging(context, wanted, total, None);
    let manifests = summaries.iter().map(|summary| manifest(&registry, &name, summary)).collect();
    Ok(json(StatusCode::OK, &ManifestsPage { manifests, links, meta }))
}

/// `DELETE …/repositories/{repository_name}/digests/{manifest_digest}`.
pub(crate) async fn delete_manifest(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let digest: Digest = context.parsed("manifest_digest")?;
    context.app.content.delete_registry_manifest(&actor, &context.repository()?, &digest).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_tokens_are_of_one_registry() {
        let token = PageToken(3, "shop/app".into()).encode();
        let decode = |text: &str, registry: &str| PageToken::decode(text, &registry.parse().unwrap());
        assert_eq!(decode(&token, "shop").unwrap(), (3, "shop/app".parse().unwrap()));
        for (bad, registry) in [
            (token.as_str(), "other"),
            ("", "shop"),
            ("%", "shop"),
            (&PageToken(0, "shop/app".into()).encode(), "shop"),
            (&PageToken(u64::MAX, "shop/app".into()).encode(), "shop"),
            (&PageToken(1, "shop/A b".into()).encode(), "shop"),
        ] {
            assert!(decode(bad, registry).is_err(), "{bad}");
        }
    }
}
