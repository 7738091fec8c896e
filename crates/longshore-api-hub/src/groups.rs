//! Teams, which the Hub calls groups. Docker Hub API, "Groups (Teams)", and `CreateRepositoryGroup` of "Repositories".

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::Result;
use longshore_domain::name::Namespace;
use longshore_domain::organization::{Team, TeamId, TeamName};
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::ports::metadata::TeamChange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bare;
use crate::context::Context;
use crate::orgs::prefix;
use crate::users::{self, UserDocument};
use crate::wire::{self, Page};

/// `org_group`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GroupDocument {
    id: i64,
    uuid: String,
    name: String,
    description: String,
    member_count: u64,
}

/// A new group, or the whole new state of one.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GroupRequest {
    #[schemars(regex(pattern = "^[a-z0-9_-]{1,63}$"))]
    name: String,
    #[serde(default)]
    #[schemars(length(max = 1000))]
    description: String,
}

/// What changes about a group.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GroupPatch {
    #[schemars(regex(pattern = "^[a-z0-9_-]{1,63}$"))]
    name: Option<String>,
    #[schemars(length(max = 1000))]
    description: Option<String>,
}

/// A member to be added.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct MemberRequest {
    /// Name of the user.
    member: String,
}

/// `RepositoryGroupCreationRequest`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PermissionRequest {
    group_id: i64,
    #[schemars(extend("enum" = ["read", "write", "admin"]))]
    permission: String,
}

/// What a group may do from now on.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PermissionPatch {
    #[schemars(extend("enum" = ["read", "write", "admin"]))]
    permission: String,
}

/// `RepositoryGroup`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PermissionDocument {
    group_name: String,
    permission: String,
    group_id: i64,
}

/// How hub-tool begins the name that it gives itself.
const HUB_TOOL: &str = "hub-tool/";

fn document(team: &Team) -> GroupDocument {
    GroupDocument {
        id: team.id.0,
        uuid: team.uuid.to_string(),
        name: team.name.to_string(),
        description: team.description.clone(),
        member_count: team.member_count,
    }
}

fn organization(context: &Context) -> Result<Namespace> {
    context.parsed("org_name")
}

/// Returns the team that the path names; what cannot be a name is no team.
fn team_name(context: &Context) -> Result<TeamName> {
    let text = context.parameter("group_name");
    text.parse().map_err(|_| longshore_domain::Error::TeamUnknown(text.chars().take(64).collect()))
}

/// `GET /v2/orgs/{org_name}/groups`.
pub(crate) async fn get_orgs_groups(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let wanted = context.page()?;
    let of_member: Option<Namespace> = context.query("username").map(|name| name.parse()).transpose()?;
    let (teams, count) = context
        .app
        .organizations
        .list_teams(
            &actor,
            &organization(context)?,
            of_member.as_ref(),
            &prefix(context),
            wanted.offset(),
            wanted.size,
        )
        .await?;
    let results = teams.iter().map(document).collect();
    Ok(wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)))
}

/// `POST /v2/orgs/{org_name}/groups`.
pub(crate) async fn post_orgs_groups(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization = organization(context)?;
    let request: GroupRequest = context.document(body).await?;
    let name = request.name.parse()?;
    let team =
        context.app.organizations.create_team(&actor, &organization, &name, &request.description).await?;
    Ok(wire::json(StatusCode::CREATED, &document(&team)))
}

/// `GET /v2/orgs/{org_name}/groups/{group_name}`.
pub(crate) async fn get_orgs_group(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let team =
        context.app.organizations.get_team(&actor, &organization(context)?, &team_name(context)?).await?;
    Ok(wire::json(StatusCode::OK, &document(&team)))
}

async fn change(context: &Context, change: TeamChange) -> Result<Response> {
    let actor = context.signed_in().await?;
    let team = context
        .app
        .organizations
        .change_team(&actor, &organization(context)?, &team_name(context)?, change)
        .await?;
    Ok(wire::json(StatusCode::OK, &document(&team)))
}

/// `PUT /v2/orgs/{org_name}/groups/{group_name}`.
pub(crate) async fn put_orgs_group(context: &Context, body: RequestBody) -> Result<Response> {
    context.signed_in().await?;
    let request: GroupRequest = context.document(body).await?;
    let whole = TeamChange { name: Some(request.name.parse()?), description: Some(request.description) };
    change(context, whole).await
}

/// `PATCH /v2/orgs/{org_name}/groups/{group_name}`.
pub(crate) async fn patch_orgs_group(context: &Context, body: RequestBody) -> Result<Response> {
    context.signed_in().await?;
    let request: GroupPatch = context.document(body).await?;
    let name = request.name.map(|name| name.parse()).transpose()?;
    change(context, TeamChange { name, description: request.description }).await
}

/// `DELETE /v2/orgs/{org_name}/groups/{group_name}`.
pub(crate) async fn delete_orgs_group(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    context.app.organizations.delete_team(&actor, &organization(context)?, &team_name(context)?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET /v2/orgs/{org_name}/groups/{group_name}/members`. hub-tool reads a bare list; everybody else gets a page, also
/// Terraform's provider, which asks the same otherwise.
pub(crate) async fn get_orgs_group_members(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let is_bare = context.user_agent().starts_with(HUB_TOOL);
    let wanted = context.page_of(if is_bare { 100 } else { 10 })?;
    let (members, count) = context
        .app
        .organizations
        .list_team_members(
            &actor,
            &organization(context)?,
            &team_name(context)?,
            &prefix(context),
            wanted.offset(),
            wanted.size,
        )
        .await?;
    let results: Vec<UserDocument> = members.iter().map(users::document).collect();
    Ok(match is_bare {
        true => wire::json(StatusCode::OK, &results),
        false => wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)),
    })
}

/// `POST /v2/orgs/{org_name}/groups/{group_name}/members`.
pub(crate) async fn post_orgs_group_members(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let request: MemberRequest = context.document(body).await?;
    let user = request.member.parse()?;
    context
        .app
        .organizations
        .add_team_member(&actor, &organization(context)?, &team_name(context)?, &user)
        .await?;
    Ok(bare(StatusCode::OK))
}

/// `DELETE /v2/orgs/{org_name}/groups/{group_name}/members/{username}`.
pub(crate) async fn delete_orgs_group_member(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let user = context.parsed("username")?;
    context
        .app
        .organizations
        .delete_team_member(&actor, &organization(context)?, &team_name(context)?, &user)
        .await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

fn permission_document(team: &Team, permission: RepositoryPermission) -> PermissionDocument {
    PermissionDocument {
        group_name: team.name.to_string(),
        permission: permission.as_str().to_owned(),
        group_id: team.id.0,
    }
}

/// Returns the team that the path names by its number; what is no number is no team.
fn team_id(context: &Context) -> Result<TeamId> {
    let text = context.parameter("group_id");
    let number = text.parse();
    number.map(TeamId).map_err(|_| longshore_domain::Error::TeamUnknown(text.chars().take(64).collect()))
}

/// `GET /v2/repositories/{namespace}/{repository}/groups`.
pub(crate) async fn list_repository_groups(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let wanted = context.page()?;
    let (teams, count) = context
        .app
        .organizations
        .list_repository_teams(&actor, &context.repository()?, wanted.offset(), wanted.size)
        .await?;
    let results = teams.iter().map(|(team, permission)| permission_document(team, *permission)).collect();
    Ok(wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)))
}

/// `GET /v2/repositories/{namespace}/{repository}/groups/{group_id}`.
pub(crate) async fn get_repository_group(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let (team, permission) = context
        .app
        .organizations
        .get_team_permission(&actor, &context.repository()?, team_id(context)?)
        .await?;
    Ok(wire::json(StatusCode::OK, &permission_document(&team, permission)))
}

/// `PATCH /v2/repositories/{namespace}/{repository}/groups/{group_id}`.
pub(crate) async fn patch_repository_group(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let (name, team) = (context.repository()?, team_id(context)?);
    let request: PermissionPatch = context.document(body).await?;
    let permission = request.permission.parse()?;
    // One that may do nothing there is not changed.
    context.app.organizations.get_team_permission(&actor, &name, team).await?;
    let team = context.app.organizations.set_team_permission(&actor, &name, team, permission).await?;
    Ok(wire::json(StatusCode::OK, &permission_document(&team, permission)))
}

/// `DELETE /v2/repositories/{namespace}/{repository}/groups/{group_id}`.
pub(crate) async fn delete_repository_group(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    context
        .app
        .organizations
        .delete_team_permission(&actor, &context.repository()?, team_id(context)?)
        .await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /v2/repositories/{namespace}/{repository}/groups`.
pub(crate) async fn create_repository_group(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.repository()?;
    let request: PermissionRequest = context.document(body).await?;
    let permission: RepositoryPermission = request.permission.parse()?;
    let team = context
        .app
        .organizations
        .set_team_permission(&actor, &name, TeamId(request.group_id), permission)
        .await?;
    Ok(wire::json(StatusCode::OK, &permission_document(&team, permission)))
}
