//! Repositories and their settings.

use http::{HeaderValue, StatusCode, header};
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::bare;
use longshore_content::inventory::HeldRepository;
use longshore_domain::access::action::{Actions, RepositoryAction};
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::name::RepositoryName;
use longshore_domain::ports::metadata::RepositoryCounts;
use longshore_domain::repository::{RepositoryChange, Visibility};
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::context::Context;
use crate::cursor;
use crate::wire::{Page, page, time, versioned};

/// A repository in a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RepositorySummary {
    /// Its full name.
    name: String,
    /// `private` or `public`.
    visibility: String,
    /// What it is for, in a line.
    description: String,
    /// When it was created.
    created_at: String,
    /// The last push, or its creation.
    updated_at: String,
    /// How many tags it has.
    tags: u64,
    /// How many images it has, with and without tags.
    images: u64,
    /// Bytes of its images, each by itself: what they share counts for each.
    images_bytes: u64,
    /// Pulls of its images, ever.
    pulls: u64,
}

/// A page of repositories.
pub(crate) type RepositoryPage = Page<RepositorySummary>;

/// A repository.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RepositoryInfo {
    #[serde(flatten)]
    summary: RepositorySummary,
    /// What it is for, in Markdown.
    readme: String,
    /// Which tags never move.
    immutable_tags: ImmutableTagRules,
    /// What the caller may do in it.
    actions: Vec<Allowed>,
}

/// What somebody may do in a repository.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Allowed {
    /// Look at its tags and images.
    ViewTags,
    /// Pull from it.
    Pull,
    /// Push to it, and set tags.
    Push,
    /// Delete tags.
    DeleteTag,
    /// Delete images.
    Delete,
    /// Change its settings.
    Edit,
    /// Decide which tags never move.
    SetImmutability,
    /// Decide who may do what in it.
    AssignTeam,
    /// Delete it.
    Remove,
}

const ALLOWED: &[(RepositoryAction, Allowed)] = &[
    (RepositoryAction::ViewTags, Allowed::ViewTags),
    (RepositoryAction::Pull, Allowed::Pull),
    (RepositoryAction::Push, Allowed::Push),
    (RepositoryAction::DeleteTag, Allowed::DeleteTag),
    (RepositoryAction::Delete, Allowed::Delete),
    (RepositoryAction::Edit, Allowed::Edit),
    (RepositoryAction::SetImmutability, Allowed::SetImmutability),
    (RepositoryAction::AssignTeam, Allowed::AssignTeam),
    (RepositoryAction::Remove, Allowed::Remove),
];

/// Which tags never move.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImmutableTagRules {
    /// Whether there are such tags.
    enabled: bool,
    /// Regular expressions; a tag that one matches stays where it is. Without one, all tags do.
    #[serde(default)]
    rules: Vec<String>,
}

/// A new repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateRequest {
    /// Its full name.
    name: String,
    /// `private`, which it is unless something else is said, or `public`.
    visibility: Option<String>,
    /// What it is for, in a line of at most 100 characters.
    description: Option<String>,
    /// What it is for, in Markdown, at most 25,000 bytes.
    readme: Option<String>,
}

/// What changes; what is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRequest {
    /// `private` or `public`.
    visibility: Option<String>,
    /// What it is for, in a line of at most 100 characters; null for nothing.
    #[serde(default, deserialize_with = "removable")]
    #[schemars(with = "Option<String>")]
    description: Option<Option<String>>,
    /// What it is for, in Markdown, at most 25,000 bytes; null for nothing.
    #[serde(default, deserialize_with = "removable")]
    #[schemars(with = "Option<String>")]
    readme: Option<Option<String>>,
    /// Which tags never move; null for none.
    #[serde(default, deserialize_with = "removable")]
    #[schemars(with = "Option<ImmutableTagRules>")]
    immutable_tags: Option<Option<ImmutableTagRules>>,
}

/// Reads a member of a merge patch that null removes; what is not there is `None`.
fn removable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn visibility(text: Option<&str>) -> Result<Option<Visibility>> {
    text.map(str::parse).transpose()
}

fn summary(held: &HeldRepository) -> RepositorySummary {
    let details = &held.details;
    RepositorySummary {
        name: details.repository.name.to_string(),
        visibility: details.repository.visibility.as_str().to_owned(),
        description: details.description.clone(),
        created_at: time(details.repository.created_at),
        updated_at: time(details.updated_at),
        tags: held.counts.tags,
        images: held.counts.images,
        images_bytes: held.counts.bytes,
        pulls: details.pulls,
    }
}

fn info(held: &HeldRepository, allowed: Actions) -> RepositoryInfo {
    let tags = &held.details.immutable_tags;
    RepositoryInfo {
        summary: summary(held),
        readme: held.details.full_description.clone(),
        immutable_tags: ImmutableTagRules { enabled: tags.is_enabled(), rules: tags.rules().to_vec() },
        actions: ALLOWED
            .iter()
            .filter(|(action, _)| allowed.contains(*action))
            .map(|(_, word)| *word)
            .collect(),
    }
}

async fn show(context: &Context, name: &RepositoryName, status: StatusCode) -> Result<Response> {
    let actor = context.actor().await?;
    let (held, allowed) = context.app.content.get_held_repository(&actor, name).await?;
    versioned(status, &info(&held, allowed), &held.details.settings_version())
}

/// `GET /api/v1/repositories`.
pub(crate) async fn list_repositories(context: &Context, _body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let (namespace, size) = (context.namespace()?, context.page_size()?);
    let name_part = context.query("name_part").map(std::borrow::Cow::into_owned).unwrap_or_default();
    if namespace.is_none() && !name_part.is_empty() {
        return Err(Error::Invalid {
            field: Field::Parameter("name_part"),
            reason: "narrows the list of one namespace; say which with namespace".into(),
        });
    }
    let list = match &namespace {
        Some(namespace) => format!("repositories of {namespace} with {name_part}"),
        None => "repositories".to_owned(),
    };
    let after: Option<String> = cursor::read(context, &list)?;
    let content = &context.app.content;
    let found =
        content.browse_repositories(&actor, namespace.as_ref(), &name_part, after.as_deref(), size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|held| cursor::write(&list, &held.details.repository.name.as_str())).transpose()?;
    page(context, &Page { items: found.items.iter().map(summary).collect(), next, count: None })
}

/// `POST /api/v1/repositories`.
pub(crate) async fn create_repository(context: &Context, body: RequestBody) -> Result<Response> {
    let request: CreateRequest = context.json(body).await?;
    let actor = context.actor().await?;
    let name: RepositoryName = request.name.parse()?;
    let visibility = visibility(request.visibility.as_deref())?.unwrap_or(Visibility::Private);
    let descriptions = RepositoryChange {
        description: request.description,
        full_description: request.readme,
        ..RepositoryChange::default()
    };
    let (details, allowed) =
        context.app.content.create_repository(&actor, &name, visibility, descriptions).await?;
    // Not read again: whoever may create it need not be one who may look at it.
    let held = HeldRepository { details, counts: RepositoryCounts::default() };
    let mut response =
        versioned(StatusCode::CREATED, &info(&held, allowed), &held.details.settings_version())?;
    let location = context.client.origin.link(format_args!("/api/v1/repositories/{name}"));
    let location = HeaderValue::from_str(&location).map_err(Error::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// `GET /api/v1/repositories/{repository}`.
pub(crate) async fn get_repository(context: &Context, _body: RequestBody) -> Result<Response> {
    show(context, &context.repository()?, StatusCode::OK).await
}

/// `PATCH /api/v1/repositories/{repository}`.
pub(crate) async fn change_repository(context: &Context, body: RequestBody) -> Result<Response> {
    let request: ChangeRequest = context.json(body).await?;
    let name = context.repository()?;
    let immutable_tags = request.immutable_tags.map(|tags| match tags {
        Some(tags) => ImmutableTags::new(tags.enabled, tags.rules),
        None => Ok(ImmutableTags::default()),
    });
    let change = RepositoryChange {
        description: request.description.map(Option::unwrap_or_default),
        full_description: request.readme.map(Option::unwrap_or_default),
        visibility: visibility(request.visibility.as_deref())?,
        immutable_tags: immutable_tags.transpose()?,
        expected: context.expected_versions(),
        ..RepositoryChange::default()
    };
    context.app.content.change_repository(&*context.actor().await?, &name, change).await?;
    show(context, &name, StatusCode::OK).await
}

/// `DELETE /api/v1/repositories/{repository}`.
pub(crate) async fn delete_repository(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, expected) = (context.repository()?, context.expected_versions());
    context.app.content.delete_repository_if(&*context.actor().await?, &name, expected).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_removes_and_what_is_left_out_stays() {
        let read = |text: &str| serde_json::from_str::<ChangeRequest>(text).unwrap();
        assert_eq!(read("{}").readme, None);
        assert_eq!(read(r#"{"readme":null}"#).readme, Some(None));
        assert_eq!(read(r#"{"readme":"a"}"#).readme, Some(Some("a".to_owned())));
        assert!(serde_json::from_str::<ChangeRequest>(r#"{"readme":"a","color":1}"#).is_err());
    }
}
