//! Repositories. Docker Hub API, "Repositories"; and the older paths that clients use.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::access::action::{Actions, RepositoryAction};
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::repository::{RepositoryChange, RepositoryDetails, RepositoryOrder, Visibility};
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bare;
use crate::context::Context;
use crate::wire::{self, Page};

/// Shortest name that a repository is created with.
const NAME_MINIMUM: usize = 2;

/// `repository_list_entry`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EntryDocument {
    name: String,
    namespace: String,
    repository_type: Option<&'static str>,
    status: u32,
    status_description: &'static str,
    description: String,
    is_private: bool,
    star_count: u64,
    pull_count: u64,
    last_updated: Option<String>,
    last_modified: Option<String>,
    date_registered: String,
    affiliation: &'static str,
    media_types: Vec<String>,
    content_types: Vec<&'static str>,
    categories: Vec<Category>,
}

/// A category; Longshore has none.
#[derive(Serialize, JsonSchema)]
struct Category {
    name: String,
    slug: String,
}

/// `repository_info`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InfoDocument {
    #[serde(flatten)]
    entry: EntryDocument,
    user: String,
    is_automated: bool,
    collaborator_count: u64,
    hub_user: Option<String>,
    has_starred: bool,
    full_description: String,
    permissions: Permissions,
    immutable_tags_settings: ImmutableTagsDocument,
    source: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Permissions {
    read: bool,
    write: bool,
    admin: bool,
}

#[derive(Serialize, JsonSchema)]
struct ImmutableTagsDocument {
    enabled: bool,
    /// Regular expressions; none means all tags.
    rules: Vec<String>,
}

/// `repo_creation_request`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateRequest {
    #[schemars(length(min = 2, max = 255), regex(pattern = "^[a-z0-9]+(?:[._-][a-z0-9]+)*$"))]
    name: String,
    /// May be left out where the path has it.
    namespace: Option<String>,
    #[schemars(length(max = 100))]
    description: Option<String>,
    #[schemars(length(max = 25_000))]
    full_description: Option<String>,
    #[serde(default)]
    is_private: bool,
}

/// What changes about a repository.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PatchRequest {
    #[schemars(length(max = 100))]
    description: Option<String>,
    #[schemars(length(max = 25_000))]
    full_description: Option<String>,
    is_private: Option<bool>,
    /// Whether tags never move.
    immutable_tags: Option<bool>,
    /// Which, when `immutable_tags` is given.
    immutable_tags_rules: Option<Rules>,
}

/// Rules of immutable tags, as different clients send them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Rules {
    /// Regular expressions.
    List(Vec<String>),
    /// Regular expressions with commas between them.
    Text(String),
}

impl Rules {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::List(rules) => rules,
            Self::Text(text) => text.split(',').filter(|rule| !rule.is_empty()).map(str::to_owned).collect(),
        }
    }
}

/// A new visibility, as older clients send it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PrivacyRequest {
    is_private: bool,
}

/// `update_repository_immutable_tags_request`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ImmutableTagsRequest {
    immutable_tags: bool,
    /// Regular expressions; none means all tags.
    #[schemars(length(max = 20), inner(length(min = 1, max = 200)))]
    immutable_tags_rules: Vec<String>,
}

/// `immutable_tags_verify_request`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct VerifyRequest {
    #[schemars(length(min = 1, max = 200))]
    regex: String,
}

/// `immutable_tags_verify_response`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VerifyDocument {
    /// The first hundred tags that match.
    tags: Vec<String>,
}

fn entry(details: &RepositoryDetails) -> EntryDocument {
    let name = &details.repository.name;
    EntryDocument {
        name: name.rest().to_owned(),
        namespace: name.namespace_str().to_owned(),
        repository_type: Some("image"),
        status: 1,
        status_description: "active",
        description: details.description.clone(),
        is_private: details.repository.visibility == Visibility::Private,
        star_count: 0,
        pull_count: details.pulls,
        last_updated: Some(wire::time(details.updated_at)),
        last_modified: Some(wire::time(details.updated_at)),
        date_registered: wire::time(details.repository.created_at),
        affiliation: "",
        media_types: Vec::new(),
        content_types: Vec::new(),
        categories: Vec::new(),
    }
}

fn info(details: &RepositoryDetails, allowed: Actions) -> InfoDocument {
    let entry = entry(details);
    InfoDocument {
        user: entry.namespace.clone(),
        is_automated: false,
        collaborator_count: 0,
        hub_user: None,
        has_starred: false,
        full_description: details.full_description.clone(),
        permissions: Permissions {
            read: allowed.contains(RepositoryAction::View),
            write: allowed.contains(RepositoryAction::Push),
            admin: allowed.contains(RepositoryAction::Remove),
        },
        immutable_tags_settings: ImmutableTagsDocument {
            enabled: details.immutable_tags.is_enabled(),
            rules: details.immutable_tags.rules().to_vec(),
        },
        source: None,
        entry,
    }
}

async fn shown(context: &Context, status: StatusCode, name: &RepositoryName) -> Result<Response> {
    let actor = context.actor().await?;
    let (details, allowed) = context.app.content.get_repository_details(&actor, name).await?;
    Ok(wire::json(status, &info(&details, allowed)))
}

fn visibility(is_private: bool) -> Visibility {
    if is_private { Visibility::Private } else { Visibility::Public }
}

/// `GET /v2/namespaces/{namespace}/repositories`.
pub(crate) async fn list_namespace_repositories(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let wanted = context.page()?;
    let order = match context.query("ordering").as_deref() {
        None | Some("name") => RepositoryOrder::Name,
        Some("-name") => RepositoryOrder::NameDescending,
        Some("last_updated") => RepositoryOrder::Updated,
        Some("-last_updated") => RepositoryOrder::UpdatedDescending,
        Some("pull_count") => RepositoryOrder::Pulls,
        Some("-pull_count") => RepositoryOrder::PullsDescending,
        Some(_) => {
            return Err(Error::Invalid {
                field: Field::Parameter("ordering"),
                reason: "must be name, last_updated or pull_count, with a - for the other direction".into(),
            });
        }
    };
    let part = context.query("name").unwrap_or_default().into_owned();
    let (repositories, count) = context
        .app
        .content
        .list_namespace_repositories(
            &actor,
            &context.parsed("namespace")?,
            &part,
            order,
            wanted.offset(),
            wanted.size,
        )
        .await?;
    if repositories.is_empty() && wanted.number > 1 {
        return Err(Error::PageUnknown(wanted.number));
    }
    let results = repositories.iter().map(entry).collect();
    Ok(wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)))
}

/// `POST /v2/namespaces/{namespace}/repositories`, and `POST /v2/repositories` with the namespace in the body.
pub(crate) async fn create_repository(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let request: CreateRequest = context.document(body).await?;
    let invalid = |name, reason: String| Error::Invalid { field: Field::Member(name), reason };
    let in_path = Some(context.parameter("namespace")).filter(|namespace| !namespace.is_empty());
    let namespace = match (in_path, request.namespace.as_deref()) {
        (Some(path), Some(body)) if path != body => {
            return Err(invalid("namespace", "must be that of the path".into()));
        }
        (Some(namespace), _) | (None, Some(namespace)) => namespace,
        (None, None) => return Err(invalid("namespace", "must be given".into())),
    };
    let namespace: Namespace =
        namespace.parse().map_err(|error: Error| invalid("namespace", error.to_string()))?;
    if request.name.len() < NAME_MINIMUM {
        return Err(invalid("name", format!("must have at least {NAME_MINIMUM} characters")));
    }
    let name: RepositoryName = format!("{namespace}/{}", request.name)
        .parse()
        .map_err(|error: Error| invalid("name", error.to_string()))?;
    let change = RepositoryChange {
        description: request.description,
        full_description: request.full_description,
        ..RepositoryChange::default()
    };
    let is_private = visibility(request.is_private);
    let created = context.app.content.create_repository(&actor, &name, is_private, change).await;
    let (details, allowed) = created.map_err(|error| match error {
        // The Hub answers 400.
        Error::Exists(what) => invalid("name", format!("{what} already exists")),
        other => other,
    })?;
    // Whoever may create it need not be allowed to look at it later.
    Ok(wire::json(StatusCode::CREATED, &info(&details, allowed)))
}

/// `GET /v2/namespaces/{namespace}/repositories/{repository}` and its `HEAD`.
pub(crate) async fn get_repository(context: &Context, _: RequestBody) -> Result<Response> {
    shown(context, StatusCode::OK, &context.repository()?).await
}

/// `PATCH /v2/namespaces/{namespace}/repositories/{repository}`.
pub(crate) async fn patch_repository(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.repository()?;
    let request: PatchRequest = context.document(body).await?;
    let change = RepositoryChange {
        description: request.description,
        full_description: request.full_description,
        visibility: request.is_private.map(visibility),
        immutable_tags: match request.immutable_tags {
            None => None,
            Some(enabled) => {
                let rules = request.immutable_tags_rules.map(Rules::into_list).unwrap_or_default();
                Some(ImmutableTags::new(enabled, rules)?)
            }
        },
        ..RepositoryChange::default()
    };
    context.app.content.change_repository(&actor, &name, change).await?;
    shown(context, StatusCode::OK, &name).await
}

/// `POST /v2/repositories/{namespace}/{repository}/privacy`.
pub(crate) async fn set_repository_privacy(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.repository()?;
    let request: PrivacyRequest = context.document(body).await?;
    context.app.content.set_visibility(&actor, &name, visibility(request.is_private)).await?;
    Ok(bare(StatusCode::OK))
}

/// `DELETE /v2/namespaces/{namespace}/repositories/{repository}`. The Hub answers 202.
pub(crate) async fn delete_repository(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    context.app.content.delete_repository(&actor, &context.repository()?).await?;
    Ok(bare(StatusCode::ACCEPTED))
}

/// `PATCH …/immutabletags`.
pub(crate) async fn update_repository_immutable_tags(
    context: &Context,
    body: RequestBody,
) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.repository()?;
    let request: ImmutableTagsRequest = context.document(body).await?;
    let tags = ImmutableTags::new(request.immutable_tags, request.immutable_tags_rules)?;
    let change = RepositoryChange { immutable_tags: Some(tags), ..RepositoryChange::default() };
    context.app.content.change_repository(&actor, &name, change).await?;
    shown(context, StatusCode::OK, &name).await
}

/// `POST …/immutabletags/verify`.
pub(crate) async fn verify_repository_immutable_tags(
    context: &Context,
    body: RequestBody,
) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.repository()?;
    let request: VerifyRequest = context.document(body).await?;
    let tags = context.app.content.match_tags(&actor, &name, &request.regex).await?;
    let tags = tags.iter().map(ToString::to_string).collect();
    Ok(wire::json(StatusCode::OK, &VerifyDocument { tags }))
}
