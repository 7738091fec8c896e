//! Repositories: one, those of an account, and those that are shared.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_content::inventory::{ListedRepository, SharedSide, WantedShares};
use longshore_domain::repository::query::RepositoryFilter;
use longshore_domain::repository::{
    InventoryColumn, InventoryOrder, RepositoryChange, RepositoryDetails, Visibility,
};
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::wire::{self, Paging};

/// Keys of the filter of `listReposDetails`.
const FILTER: &[&str] =
    &["namespace", "name", "category", "is_public", "limit", "offset", "order_column", "order_type"];
/// Keys of the filter of `listSharedReposDetails`.
const SHARED_FILTER: &[&str] = &[
    "center",
    "namespace",
    "name",
    "domain_name",
    "status",
    "limit",
    "offset",
    "order_column",
    "order_type",
];

/// Columns by which repositories are sorted; the documents name one of them differently in different places.
pub(crate) const COLUMNS: &[(&str, InventoryColumn)] = &[
    ("updated_time", InventoryColumn::Updated),
    ("updated_at", InventoryColumn::Updated),
    ("name", InventoryColumn::Name),
    ("tag_count", InventoryColumn::Tags),
    ("namespace", InventoryColumn::Namespace),
    ("is_public", InventoryColumn::Visibility),
];
/// Columns by which shared repositories are sorted.
pub(crate) const SHARED_COLUMNS: &[(&str, InventoryColumn)] = &[
    ("updated_at", InventoryColumn::Updated),
    ("updated_time", InventoryColumn::Updated),
    ("name", InventoryColumn::Name),
    ("tag_count", InventoryColumn::Tags),
    ("namespace", InventoryColumn::Namespace),
    ("domain_name", InventoryColumn::Namespace),
];

/// Body of `createRepo`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateRequest {
    /// Name, which may hold slashes.
    repository: String,
    is_public: bool,
    #[serde(default)]
    category: Option<String>,
    /// At most 25,000 bytes.
    #[serde(default)]
    description: Option<String>,
}

/// Body of `updateRepo`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct UpdateRequest {
    is_public: bool,
    #[serde(default)]
    category: Option<String>,
    /// At most 25,000 bytes.
    #[serde(default)]
    description: Option<String>,
}

/// Schema `ShowRepository`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShowRepository")]
pub(crate) struct RepositoryDocument {
    id: i64,
    ns_id: i64,
    name: String,
    category: String,
    description: String,
    creator_id: String,
    creator_name: String,
    /// Bytes of all its images.
    size: u64,
    is_public: bool,
    /// How many tags it has.
    num_images: u64,
    num_download: u64,
    /// Empty: there are no logos.
    url: String,
    path: String,
    internal_path: String,
    created: String,
    updated: String,
    domain_id: String,
    priority: i64,
}

/// Schema `ShowReposResp`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShowReposResp")]
pub(crate) struct ListedDocument {
    name: String,
    category: String,
    description: String,
    /// Bytes of all its images.
    size: u64,
    is_public: bool,
    /// How many tags it has.
    num_images: u64,
    num_download: u64,
    created_at: String,
    updated_at: String,
    /// Empty: there are no logos.
    logo: String,
    /// Empty: there are no logos.
    url: String,
    path: String,
    internal_path: String,
    domain_name: String,
    namespace: String,
    /// The newest, 100 at most.
    tags: Vec<String>,
    /// Whether the sharing is valid.
    status: bool,
    /// Records of all pages.
    total_range: u64,
}

fn description(details: &RepositoryDetails) -> String {
    match details.full_description.is_empty() {
        true => details.description.clone(),
        false => details.full_description.clone(),
    }
}

fn change(is_public: bool, category: Option<String>, description: Option<String>) -> RepositoryChange {
    let change =
        RepositoryChange { visibility: Some(visibility(is_public)), category, ..RepositoryChange::default() };
    match description {
        Some(text) => change.described(text),
        None => change,
    }
}

fn visibility(is_public: bool) -> Visibility {
    if is_public { Visibility::Public } else { Visibility::Private }
}

/// `POST /v2/manage/namespaces/{namespace}/repos`.
pub(crate) async fn create_repo(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    context.namespace()?;
    let request: CreateRequest = context.json(body).await?;
    let name = context.repository_named(&request.repository)?;
    let visibility = visibility(request.is_public);
    let change = change(request.is_public, request.category, request.description);
    context.app.content.create_repository(&actor, &name, visibility, change).await?;
    Ok(bare(StatusCode::OK))
}

/// `GET …/repos/{repository}`.
pub(crate) async fn show_repository(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let name = context.repository()?;
    let (listed, owner) = context.app.content.get_listed_repository(&actor, &name).await?;
    let (details, creator) = (&listed.listing.details, &listed.listing.created_by);
    let document = RepositoryDocument {
        id: details.repository.id.0,
        ns_id: details.repository.namespace_id.0,
        name: name.rest().to_owned(),
        category: listed.listing.category.clone(),
        description: description(details),
        creator_id: creator.as_ref().map(|(uuid, _)| wire::id(*uuid)).unwrap_or_default(),
        creator_name: creator.as_ref().map(|(_, name)| name.to_string()).unwrap_or_default(),
        size: listed.counts.bytes,
        is_public: details.repository.visibility == Visibility::Public,
        num_images: listed.counts.tags,
        num_download: listed.counts.pulls,
        url: String::new(),
        path: format!("{}/{name}", context.host()),
        internal_path: format!("{}/{name}", context.internal_host()),
        created: wire::time(details.repository.created_at),
        updated: wire::time(details.updated_at),
        domain_id: wire::account_id(&owner),
        priority: 0,
    };
    Ok(json(StatusCode::OK, &document))
}

/// `PATCH …/repos/{repository}`.
pub(crate) async fn update_repo(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let name = context.repository()?;
    let request: UpdateRequest = context.json(body).await?;
    let change = change(request.is_public, request.category, request.description);
    context.app.content.change_repository(&actor, &name, change).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `DELETE …/repos/{repository}`.
pub(crate) async fn delete_repo(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    context.app.content.delete_repository(&actor, &context.repository()?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

fn listed_document(context: &Context, listed: &ListedRepository, total: u64) -> ListedDocument {
    let details = &listed.listing.details;
    let name = &details.repository.name;
    ListedDocument {
        name: name.rest().to_owned(),
        category: listed.listing.category.clone(),
        description: description(details),
        size: listed.counts.bytes,
        is_public: details.repository.visibility == Visibility::Public,
        num_images: listed.counts.tags,
        num_download: listed.counts.pulls,
        created_at: wire::time(details.repository.created_at),
        updated_at: wire::time(details.updated_at),
        logo: String::new(),
        url: String::new(),
        path: format!("{}/{name}", context.host()),
        internal_path: format!("{}/{name}", context.internal_host()),
        // An account has one namespace, of its name.
        domain_name: name.namespace_str().to_owned(),
        namespace: name.namespace_str().to_owned(),
        tags: listed.tags.iter().map(ToString::to_string).collect(),
        status: listed.is_valid,
        total_range: total,
    }
}

fn order(wanted: Option<(InventoryColumn, bool)>) -> InventoryOrder {
    let (column, is_descending) = wanted.unwrap_or((InventoryColumn::Updated, true));
    InventoryOrder { column, is_descending }
}

/// `GET /v2/manage/repos`.
pub(crate) async fn list_repos_details(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let listed = context.listed(FILTER)?;
    let (paging, order) = (listed.paging()?, order(listed.order(COLUMNS)?));
    let wanted = RepositoryFilter {
        namespace: listed.get("namespace"),
        name_part: listed.get("name").unwrap_or_default(),
        category: listed.get("category"),
        visibility: listed.truth("is_public")?.map(visibility),
    };
    let (found, total) =
        context.app.content.list_own_repositories(&actor, wanted, order, paging.offset, paging.size).await?;
    Ok(list(context, &found, paging.offset, total))
}

fn list(context: &Context, found: &[ListedRepository], offset: u64, total: u64) -> Response {
    let documents: Vec<_> = found.iter().map(|listed| listed_document(context, listed, total)).collect();
    let mut response = json(StatusCode::OK, &documents);
    wire::show_range(&mut response, offset, documents.len(), total);
    response
}

/// `GET /v2/manage/shared-repositories`.
pub(crate) async fn list_shared_repos_details(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let listed = context.listed(SHARED_FILTER)?;
    let (paging, order) = (listed.paging()?, order(listed.order(SHARED_COLUMNS)?));
    let side = match listed.get("center").as_deref() {
        Some("self") => SharedSide::Own,
        Some("thirdparty") => SharedSide::Others,
        _ => {
            return Err(Error::Invalid {
                field: Field::Parameter("center"),
                reason: "must be self or thirdparty".into(),
            });
        }
    };
    let (namespace, owner) = (listed.get("namespace"), listed.get("domain_name"));
    let is_valid = listed.truth("status")?;
    // An account has one namespace, of its name.
    if namespace.is_some() && owner.is_some() && namespace != owner {
        return Ok(list(context, &[], paging.offset, 0));
    }
    let filter = RepositoryFilter {
        namespace: namespace.or(owner),
        name_part: listed.get("name").unwrap_or_default(),
        ..RepositoryFilter::default()
    };
    let wanted = WantedShares { side, filter, is_valid };
    let (found, total) = context
        .app
        .content
        .list_shared_repositories(&actor, wanted, order, paging.offset, paging.size)
        .await?;
    Ok(list(context, &found, paging.offset, total))
}

/// Schema `ShowReposRespV3`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShowReposRespV3")]
pub(crate) struct NewerDocument {
    id: i64,
    name: String,
    category: String,
    description: String,
    size: u64,
    is_public: bool,
    num_images: u64,
    num_download: u64,
    created_at: String,
    updated_at: String,
    domain_name: String,
    namespace_name: String,
    status: bool,
}

/// Response of the newer lists of repositories.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MarkedRepositories {
    repos: Vec<NewerDocument>,
    /// Absent on the last page.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<u64>,
}

fn newer(context: &Context, found: &[ListedRepository], paging: Paging, total: u64) -> Response {
    let document = |listed: &ListedRepository| {
        let id = listed.listing.details.repository.id.0;
        let older = listed_document(context, listed, total);
        NewerDocument {
            id,
            name: older.name,
            category: older.category,
            description: older.description,
            size: older.size,
            is_public: older.is_public,
            num_images: older.num_images,
            num_download: older.num_download,
            created_at: older.created_at,
            updated_at: older.updated_at,
            domain_name: older.domain_name,
            namespace_name: older.namespace,
            status: older.status,
        }
    };
    let next_marker = paging.next(found.len(), total);
    let repos = found.iter().map(document).collect();
    json(StatusCode::OK, &MarkedRepositories { repos, next_marker })
}

/// `GET /v3/manage/repos`.
pub(crate) async fn list_repo_details(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let listed = context.listed(&[])?;
    let paging = listed.marker()?;
    let wanted = RepositoryFilter {
        namespace: listed.get("namespace"),
        name_part: listed.get("name").unwrap_or_default(),
        category: listed.get("category"),
        visibility: listed.truth("is_public")?.map(visibility),
    };
    let (found, total) = context
        .app
        .content
        .list_own_repositories(&actor, wanted, order(None), paging.offset, paging.size)
        .await?;
    Ok(newer(context, &found, paging, total))
}

/// `GET /v3/manage/shared-repositories`.
pub(crate) async fn list_shared_repo_details(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let listed = context.listed(&[])?;
    let paging = listed.marker()?;
    let side = match listed.get("shared_by").as_deref() {
        Some("self") => SharedSide::Own,
        None | Some("thirdparty") => SharedSide::Others,
        Some(_) => {
            return Err(Error::Invalid {
                field: Field::Parameter("shared_by"),
                reason: "must be self or thirdparty".into(),
            });
        }
    };
    let filter = RepositoryFilter {
        namespace: listed.get("namespace"),
        name_part: listed.get("name").unwrap_or_default(),
        ..RepositoryFilter::default()
    };
    let wanted = WantedShares { side, filter, is_valid: listed.truth("status")? };
    let (found, total) = context
        .app
        .content
        .list_shared_repositories(&actor, wanted, order(None), paging.offset, paging.size)
        .await?;
    Ok(newer(context, &found, paging, total))
}
