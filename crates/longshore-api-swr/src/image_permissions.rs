//! Permissions of users for a repository.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_domain::Result;
use longshore_organizations::user_permissions::PermissionOf;

use crate::context::Context;
use crate::organization_permissions::{document, users, wanted};

/// `GET …/repos/{repository}/access`.
pub(crate) async fn show_repo_auth(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let name = context.repository()?;
    let list = context.app.organizations.list_permissions(&actor, PermissionOf::Repository(&name)).await?;
    Ok(json(StatusCode::OK, &document(&list, name.rest(), None)))
}

/// `POST …/repos/{repository}/access`.
pub(crate) async fn create_repo_auth(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, wanted) = (context.repository()?, wanted(context, body).await?);
    context.app.organizations.grant_permissions(&actor, PermissionOf::Repository(&name), wanted).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `PATCH …/repos/{repository}/access`.
pub(crate) async fn update_repo_auth(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, wanted) = (context.repository()?, wanted(context, body).await?);
    context.app.organizations.update_permissions(&actor, PermissionOf::Repository(&name), wanted).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `DELETE …/repos/{repository}/access`.
pub(crate) async fn delete_repo_auth(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, users) = (context.repository()?, users(context, body).await?);
    context.app.organizations.revoke_permissions(&actor, PermissionOf::Repository(&name), users).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
