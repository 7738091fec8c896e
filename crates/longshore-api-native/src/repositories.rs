//! Repositories and their settings.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::list_place::{
    REPOSITORY_ORDERS, RepositoryPlace, repository_key, repository_place,
};
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_content::inventory::{Browsed, HeldRepository};
use longshore_domain::access::action::{Actions, RepositoryAction};
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::name::RepositoryName;
use longshore_domain::ports::metadata::RepositoryCounts;
use longshore_domain::repository::query::NamespaceFilter;
use longshore_domain::repository::{RepositoryChange, Visibility};
use longshore_domain::{Error, Field, Result};

use crate::context::Context;
use crate::cursor;
use crate::wire::{located, page, time, versioned};

const ALLOWED: &[(RepositoryAction, types::Allowed)] = &[
    (RepositoryAction::ViewTags, types::Allowed::ViewTags),
    (RepositoryAction::Pull, types::Allowed::Pull),
    (RepositoryAction::Push, types::Allowed::Push),
    (RepositoryAction::DeleteTag, types::Allowed::DeleteTag),
    (RepositoryAction::Delete, types::Allowed::Delete),
    (RepositoryAction::Edit, types::Allowed::Edit),
    (RepositoryAction::SetImmutability, types::Allowed::SetImmutability),
    (RepositoryAction::AssignTeam, types::Allowed::AssignTeam),
    (RepositoryAction::Remove, types::Allowed::Remove),
];

/// Says what somebody may do in a repository.
pub(crate) fn allowed(actions: Actions) -> Vec<types::Allowed> {
    ALLOWED.iter().filter(|(action, _)| actions.contains(*action)).map(|(_, word)| *word).collect()
}

fn visibility(text: Option<&str>) -> Result<Option<Visibility>> {
    text.map(str::parse).transpose()
}

fn summary(held: &HeldRepository) -> types::RepositorySummary {
    let details = &held.details;
    types::RepositorySummary {
        name: details.repository.name.to_string(),
        visibility: details.repository.visibility.as_str().to_owned(),
        description: details.description.clone(),
        created_at: time(details.repository.created_at),
        updated_at: time(details.updated_at),
        tags: held.counts.tags,
        images: held.counts.images,
        images_bytes: held.counts.bytes,
        stored_bytes: held.counts.stored_bytes,
        pulls: details.pulls,
    }
}

fn info(held: &HeldRepository, allowed: Actions) -> types::RepositoryInfo {
    types::RepositoryInfo {
        summary: summary(held),
        readme: held.details.full_description.clone(),
        immutable_tags: rules(&held.details.immutable_tags),
        actions: self::allowed(allowed),
    }
}

async fn show(context: &Context, name: &RepositoryName, status: StatusCode) -> Result<Response> {
    let actor = context.actor().await?;
    let (held, allowed) = context.app.content.get_held_repository(&actor, name).await?;
    versioned(status, &info(&held, allowed), &held.details.settings_version())
}

/// Orders of the repositories of a namespace: `-` in front is backwards.
pub(crate) const ORDERS: &[&str] =
    &["name", "-name", "pushed", "-pushed", "pulls", "-pulls", "size", "-size"];
/// What narrows or sorts lists of one namespace.
const OF_NAMESPACE: &[&str] = &["name_part", "visibility", "pushed_since", "not_pushed_since", "order"];

/// `GET /api/v1/repositories`.
pub(crate) async fn list_repositories(context: &Context, _body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let (namespace, size) = (context.namespace()?, context.page_size()?);
    let order = context.choice("order", REPOSITORY_ORDERS)?;
    let filter = NamespaceFilter {
        name_part: context.text("name_part"),
        visibility: visibility(context.query("visibility").as_deref())?,
        pushed_since: context.time("pushed_since")?,
        not_pushed_since: context.time("not_pushed_since")?,
    };
    if namespace.is_none()
        && let Some(parameter) =
            OF_NAMESPACE.iter().find(|name| context.query(name).is_some_and(|text| !text.is_empty()))
    {
        return Err(Error::Invalid {
            field: Field::Parameter(parameter),
            reason: "is for the list of one namespace; say which with namespace".into(),
        });
    }
    let list = format!("repositories of {namespace:?} {order:?} {filter:?}");
    let after: Option<RepositoryPlace> = cursor::read(context, &list)?;
    let after = after.map(|place| repository_key(order, place)).transpose()?;
    let among = match &namespace {
        Some(name) => Browsed::Namespace { name, filter, order },
        None => Browsed::Registry,
    };
    let found = context.app.content.browse_repositories(&actor, among, after, size).await?;
    let next = found.next.map(|next| cursor::write(&list, &repository_place(next))).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(summary).collect(), next, count: None })
}

/// `POST /api/v1/repositories`.
pub(crate) async fn create_repository(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateRepository = context.json(body).await?;
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
    let response = versioned(StatusCode::CREATED, &info(&held, allowed), &held.details.settings_version())?;
    located(context, response, format_args!("/api/v1/repositories/{name}"))
}

/// `GET /api/v1/repositories/{repository}`.
pub(crate) async fn get_repository(context: &Context, _body: RequestBody) -> Result<Response> {
    show(context, &context.repository()?, StatusCode::OK).await
}

/// `PATCH /api/v1/repositories/{repository}`.
pub(crate) async fn change_repository(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::ChangeRepository = context.json(body).await?;
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
    let (actor, content) = (context.actor().await?, &context.app.content);
    if context.truth("dry_run")?.unwrap_or_default() {
        content.check_repository_change(&actor, &name, change.clone()).await?;
        let (mut held, allowed) = content.get_held_repository(&actor, &name).await?;
        let details = &mut held.details;
        details.repository.visibility = change.visibility.unwrap_or(details.repository.visibility);
        details.description = change.description.unwrap_or_else(|| details.description.clone());
        details.full_description =
            change.full_description.unwrap_or_else(|| details.full_description.clone());
        details.immutable_tags = change.immutable_tags.unwrap_or_else(|| details.immutable_tags.clone());
        return Ok(json(StatusCode::OK, &info(&held, allowed)));
    }
    content.change_repository(&actor, &name, change).await?;
    show(context, &name, StatusCode::OK).await
}

/// `GET /api/v1/repositories/{repository}/-/readme`.
pub(crate) async fn get_readme(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor) = (context.repository()?, context.actor().await?);
    let (held, _) = context.app.content.get_held_repository(&actor, &name).await?;
    let readme = types::Readme { readme: held.details.full_description.clone() };
    versioned(StatusCode::OK, &readme, &held.details.settings_version())
}

/// `PUT /api/v1/repositories/{repository}/-/readme`.
pub(crate) async fn set_readme(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::Readme = context.json(body).await?;
    let name = context.repository()?;
    let change = RepositoryChange {
        full_description: Some(request.readme),
        expected: context.expected_versions(),
        ..RepositoryChange::default()
    };
    context.app.content.change_repository(&*context.actor().await?, &name, change).await?;
    get_readme(context, RequestBody::empty()).await
}

fn rules(tags: &ImmutableTags) -> types::ImmutableTagRules {
    types::ImmutableTagRules { enabled: tags.is_enabled(), rules: tags.rules().to_vec() }
}

/// `GET /api/v1/repositories/{repository}/-/immutable-tags`.
pub(crate) async fn get_immutable_tags(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor) = (context.repository()?, context.actor().await?);
    let (held, _) = context.app.content.get_held_repository(&actor, &name).await?;
    versioned(StatusCode::OK, &rules(&held.details.immutable_tags), &held.details.settings_version())
}

/// `PUT /api/v1/repositories/{repository}/-/immutable-tags`.
pub(crate) async fn set_immutable_tags(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::ImmutableTagRules = context.json(body).await?;
    let name = context.repository()?;
    let change = RepositoryChange {
        immutable_tags: Some(ImmutableTags::new(request.enabled, request.rules)?),
        expected: context.expected_versions(),
        ..RepositoryChange::default()
    };
    context.app.content.change_repository(&*context.actor().await?, &name, change).await?;
    get_immutable_tags(context, RequestBody::empty()).await
}

/// `DELETE /api/v1/repositories/{repository}`.
pub(crate) async fn delete_repository(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, expected) = (context.repository()?, context.expected_versions());
    if context.truth("dry_run")?.unwrap_or_default() {
        let (actor, content) = (context.actor().await?, &context.app.content);
        content.check_repository_deletion(&actor, &name, expected).await?;
        let (held, allowed) = content.get_held_repository(&actor, &name).await?;
        return Ok(json(StatusCode::OK, &info(&held, allowed)));
    }
    context.app.content.delete_repository_if(&*context.actor().await?, &name, expected).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
