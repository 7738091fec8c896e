//! Organizations and their members.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_domain::Result;
use longshore_domain::account::{AccountKind, Member, OrganizationRole};
use longshore_domain::name::Namespace;
use longshore_domain::organization::{ImageRestriction, MemberFilter};

use crate::accounts;
use crate::context::Context;
use crate::cursor;
use crate::wire::{located, page, time};

fn member(member: &Member) -> types::MemberInfo {
    types::MemberInfo {
        user: member.user.to_string(),
        role: member.role.as_str().to_owned(),
        since: time(member.created_at),
    }
}

fn settings(restriction: ImageRestriction) -> types::OrganizationSettings {
    types::OrganizationSettings {
        restricted_images: types::RestrictedImages {
            enabled: restriction.is_enabled,
            allow_official_images: restriction.allows_official_images,
            allow_verified_publishers: restriction.allows_verified_publishers,
        },
    }
}

/// `GET /api/v1/organizations`.
pub(crate) async fn list_organizations(context: &Context, _body: RequestBody) -> Result<Response> {
    accounts::list(context, AccountKind::Organization).await
}

/// `POST /api/v1/organizations`.
pub(crate) async fn create_organization(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateOrganization = context.json(body).await?;
    let (name, owner): (Namespace, Namespace) = (request.name.parse()?, request.owner.parse()?);
    let actor = context.actor().await?;
    let account = context.app.organizations.create_organization(&actor, &name, &owner).await?;
    let response = json(StatusCode::CREATED, &accounts::info(&account));
    located(context, response, format_args!("/api/v1/organizations/{name}"))
}

/// `GET /api/v1/organizations/{name}`.
pub(crate) async fn get_organization(context: &Context, _body: RequestBody) -> Result<Response> {
    let name: Namespace = context.parsed("name")?;
    let actor = context.actor().await?;
    let account = context.app.organizations.get_own_organization(&actor, &name).await?;
    Ok(json(StatusCode::OK, &accounts::info(&account)))
}

/// `PATCH /api/v1/organizations/{name}`.
pub(crate) async fn change_organization(context: &Context, body: RequestBody) -> Result<Response> {
    accounts::change(context, body, AccountKind::Organization).await
}

/// `DELETE /api/v1/organizations/{name}`.
pub(crate) async fn delete_organization(context: &Context, _body: RequestBody) -> Result<Response> {
    let name: Namespace = context.parsed("name")?;
    context.app.organizations.delete_organization(&*context.actor().await?, &name).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET /api/v1/organizations/{name}/members`.
pub(crate) async fn list_members(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, size): (Namespace, _) = (context.parsed("name")?, context.page_size()?);
    let role: Option<OrganizationRole> = context.query("role").map(|role| role.parse()).transpose()?;
    let prefix = context.text("prefix").to_lowercase();
    let list = format!("members of {name} {prefix} {role:?}");
    let name_prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
    let filter = MemberFilter { name_prefix, role, ..MemberFilter::default() };
    let after: Option<String> = cursor::read(context, &list)?;
    let after: Option<Namespace> = after.map(|name| name.parse()).transpose()?;
    let actor = context.actor().await?;
    let found = context.app.organizations.list_members(&actor, &name, filter, after.as_ref(), size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|member| cursor::write(&list, &member.user.as_str())).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(member).collect(), next, count: None })
}

/// `PUT /api/v1/organizations/{name}/members/{user}`.
pub(crate) async fn set_member(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::SetMember = context.json(body).await?;
    let (name, user): (Namespace, Namespace) = (context.parsed("name")?, context.parsed("user")?);
    let role: OrganizationRole = request.role.parse()?;
    let actor = context.operator_or_caller().await?;
    context.app.organizations.put_member(&actor, &name, &user, role).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET /api/v1/organizations/{name}/settings`.
pub(crate) async fn get_organization_settings(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor): (Namespace, _) = (context.parsed("name")?, context.actor().await?);
    let restriction = context.app.organizations.get_image_restriction(&actor, &name).await?;
    Ok(json(StatusCode::OK, &settings(restriction)))
}

/// `PUT /api/v1/organizations/{name}/settings`.
pub(crate) async fn set_organization_settings(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::OrganizationSettings = context.json(body).await?;
    let (name, actor): (Namespace, _) = (context.parsed("name")?, context.actor().await?);
    let restriction = ImageRestriction {
        is_enabled: request.restricted_images.enabled,
        allows_official_images: request.restricted_images.allow_official_images,
        allows_verified_publishers: request.restricted_images.allow_verified_publishers,
    };
    context.app.organizations.put_image_restriction(&actor, &name, restriction).await?;
    Ok(json(StatusCode::OK, &settings(restriction)))
}

/// `DELETE /api/v1/organizations/{name}/members/{user}`.
pub(crate) async fn delete_member(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, user): (Namespace, Namespace) = (context.parsed("name")?, context.parsed("user")?);
    context.app.organizations.delete_member(&*context.actor().await?, &name, &user).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
