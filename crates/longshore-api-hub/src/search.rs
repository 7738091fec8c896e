//! Search of repositories, in the three forms that clients ask for: `docker search` (`/v1/search`), the Hub's own pages
//! (`/v2/search/repositories/`), and hub-mcp (`/api/search/v4`). The Hub documents none of them.

use std::sync::Arc;

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::credentials::Credentials;
use longshore_domain::access::actor::Actor;
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::LIBRARY;
use longshore_domain::page::PageSize;
use longshore_domain::repository::RepositoryDetails;
use longshore_domain::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::wire::{self, Page};

/// Entries of `docker search` when the client does not say.
const DEFAULT_RESULTS: u64 = 25;

/// Answer of `docker search`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClassicDocument {
    query: String,
    num_results: u64,
    num_pages: u64,
    page: u64,
    page_size: u32,
    results: Vec<ClassicResult>,
}

#[derive(Serialize, JsonSchema)]
struct ClassicResult {
    name: String,
    description: String,
    star_count: u64,
    is_official: bool,
    is_automated: bool,
    is_trusted: bool,
}

/// An entry of the Hub's own search.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RepositoryResult {
    repo_name: String,
    repo_owner: String,
    short_description: String,
    star_count: u64,
    pull_count: u64,
    is_official: bool,
    is_automated: bool,
}

/// Answer of `/api/search/v4`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CatalogDocument {
    total: u64,
    results: Vec<CatalogResult>,
}

#[derive(Serialize, JsonSchema)]
struct CatalogResult {
    id: String,
    name: String,
    slug: String,
    #[serde(rename = "type")]
    kind: &'static str,
    publisher: PublisherDocument,
    short_description: String,
    created_at: String,
    updated_at: String,
    star_count: u64,
    /// A number as text.
    pull_count: String,
    badge: &'static str,
    /// Always empty: search does not know what images run on.
    operating_systems: Vec<String>,
    /// Always empty.
    architectures: Vec<String>,
    /// Always empty.
    categories: Vec<String>,
    extension_reviewed: bool,
    archived: bool,
}

/// Whose a repository is.
#[derive(Serialize, JsonSchema)]
struct PublisherDocument {
    id: String,
    name: String,
}

/// Answer of `/v1/_ping`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PingDocument {
    standalone: bool,
}

/// Returns a name as people type it: without `library/`.
fn shown(details: &RepositoryDetails) -> String {
    let name = &details.repository.name;
    match is_official(details) {
        true => name.rest().to_owned(),
        false => name.to_string(),
    }
}

fn is_official(details: &RepositoryDetails) -> bool {
    details.repository.name.namespace_str() == LIBRARY
}

/// `GET /v1/_ping`: what `docker search` asks first.
pub(crate) async fn ping(_: &Context, _: RequestBody) -> Result<Response> {
    Ok(wire::json(StatusCode::OK, &PingDocument { standalone: true }))
}

/// Finds out who searches. Docker sends what it signed in to the registry with: a name and password, or, when the sign-in
/// gave it a token for getting others, a token of the token service for `registry:catalog:search`.
async fn searcher(context: &Context) -> Result<Arc<Actor>> {
    let headers = &context.parts.headers;
    match Credentials::of(headers) {
        Ok(Credentials::Basic { user, secret }) => {
            context.app.identity.authenticate_basic(&user, &secret, Some(context.client.address)).await
        }
        Ok(Credentials::Bearer(token)) => match context.app.identity.authenticate_session(token).await {
            Err(Error::Unauthenticated(_)) => context.app.identity.authenticate_bearer(token).await,
            session => session,
        },
        // podman, and whatever else is made of containers/image, never signs in here, but where this refuses it, it looks
        // through `_catalog`, signed in. It says which API it speaks, which Docker does not.
        Ok(Credentials::None) if headers.contains_key("docker-distribution-api-version") => {
            Err(Error::Unauthenticated(Unauthenticated::Missing))
        }
        _ => context.actor().await,
    }
}

/// `GET /v1/search`.
pub(crate) async fn search_classic(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = searcher(context).await?;
    let number = context.number("page", 1, 1, 1_000_000)?;
    let size = PageSize::clamped(context.number("n", DEFAULT_RESULTS, 1, 100)?)?;
    let query = context.query("q").unwrap_or_default().into_owned();
    let offset = (number - 1) * u64::from(size.get());
    let (found, count) = context.app.content.search_repositories(&actor, &query, offset, size).await?;
    let result = |details: &RepositoryDetails| ClassicResult {
        name: shown(details),
        description: details.description.clone(),
        star_count: 0,
        is_official: is_official(details),
        is_automated: false,
        is_trusted: false,
    };
    let document = ClassicDocument {
        query,
        num_results: count,
        num_pages: count.div_ceil(u64::from(size.get())),
        page: number,
        page_size: size.get(),
        results: found.iter().map(result).collect(),
    };
    Ok(wire::json(StatusCode::OK, &document))
}

/// `GET /v2/search/repositories`.
pub(crate) async fn search_repositories(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let wanted = context.page()?;
    let query = context.query("query").unwrap_or_default();
    let (found, count) =
        context.app.content.search_repositories(&actor, &query, wanted.offset(), wanted.size).await?;
    let result = |details: &RepositoryDetails| RepositoryResult {
        repo_name: shown(details),
        repo_owner: String::new(),
        short_description: details.description.clone(),
        star_count: 0,
        pull_count: details.pulls,
        is_official: is_official(details),
        is_automated: false,
    };
    let results = found.iter().map(result).collect();
    Ok(wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)))
}

/// `GET /api/search/v4`.
pub(crate) async fn search_catalog(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let offset = context.number("from", 0, 0, u64::from(u32::MAX))?;
    let size = PageSize::clamped(context.number("size", DEFAULT_RESULTS, 1, 100)?)?;
    let query = context.query("query").unwrap_or_default();
    let (found, total) = context.app.content.search_repositories(&actor, &query, offset, size).await?;
    let result = |details: &RepositoryDetails| CatalogResult {
        id: details.repository.name.to_string(),
        name: shown(details),
        slug: shown(details),
        kind: "image",
        publisher: PublisherDocument {
            id: details.repository.name.namespace_str().to_owned(),
            name: details.repository.name.namespace_str().to_owned(),
        },
        short_description: details.description.clone(),
        created_at: wire::time(details.repository.created_at),
        updated_at: wire::time(details.updated_at),
        star_count: 0,
        pull_count: details.pulls.to_string(),
        badge: if is_official(details) { "official" } else { "none" },
        operating_systems: Vec::new(),
        architectures: Vec::new(),
        categories: Vec::new(),
        extension_reviewed: false,
        archived: false,
    };
    Ok(wire::json(StatusCode::OK, &CatalogDocument { total, results: found.iter().map(result).collect() }))
}
