//! Teams of organizations.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_domain::Result;
use longshore_domain::account::Account;
use longshore_domain::name::Namespace;
use longshore_domain::organization::{Team, TeamName};
use longshore_domain::ports::metadata::{TeamChange, TeamRepository};
use longshore_domain::repository::RepositoryId;

use crate::context::Context;
use crate::cursor;
use crate::wire::{located, page};

fn info(team: &Team) -> types::TeamInfo {
    types::TeamInfo {
        name: team.name.to_string(),
        id: team.uuid.to_string(),
        description: team.description.clone(),
        members: team.member_count,
    }
}

fn member(account: &Account) -> types::TeamMember {
    types::TeamMember { user: account.name.to_string(), full_name: account.profile.full_name.clone() }
}

fn repository(repository: &TeamRepository) -> types::TeamRepository {
    types::TeamRepository {
        repository: repository.name.to_string(),
        permission: repository.permission.as_str().to_owned(),
    }
}

fn names(context: &Context) -> Result<(Namespace, TeamName)> {
    Ok((context.parsed("name")?, context.parsed("team")?))
}

/// `GET /api/v1/organizations/{name}/teams`.
pub(crate) async fn list_teams(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, size): (Namespace, _) = (context.parsed("name")?, context.page_size()?);
    let list = format!("teams of {name}");
    let after = cursor::read(context, &list)?;
    let actor = context.actor().await?;
    let found = context.app.organizations.browse_teams(&actor, &name, after, size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|team| cursor::write(&list, &team.name.as_str())).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(info).collect(), next, count: None })
}

/// `POST /api/v1/organizations/{name}/teams`.
pub(crate) async fn create_team(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateTeam = context.json(body).await?;
    let (name, team): (Namespace, TeamName) = (context.parsed("name")?, request.name.parse()?);
    let actor = context.actor().await?;
    let made = context.app.organizations.create_team(&actor, &name, &team, &request.description).await?;
    let response = json(StatusCode::CREATED, &info(&made));
    located(context, response, format_args!("/api/v1/organizations/{name}/teams/{team}"))
}

/// `GET /api/v1/organizations/{name}/teams/{team}`.
pub(crate) async fn get_team(context: &Context, _body: RequestBody) -> Result<Response> {
    let ((name, team), actor) = (names(context)?, context.actor().await?);
    Ok(json(StatusCode::OK, &info(&context.app.organizations.get_team(&actor, &name, &team).await?)))
}

/// `PATCH /api/v1/organizations/{name}/teams/{team}`.
pub(crate) async fn change_team(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::ChangeTeam = context.json(body).await?;
    let (name, team) = names(context)?;
    let change = TeamChange {
        name: request.name.map(|name| name.parse()).transpose()?,
        description: request.description.map(Option::unwrap_or_default),
    };
    let actor = context.actor().await?;
    Ok(json(
        StatusCode::OK,
        &info(&context.app.organizations.change_team(&actor, &name, &team, change).await?),
    ))
}

/// `DELETE /api/v1/organizations/{name}/teams/{team}`.
pub(crate) async fn delete_team(context: &Context, _body: RequestBody) -> Result<Response> {
    let ((name, team), actor) = (names(context)?, context.actor().await?);
    context.app.organizations.delete_team(&actor, &name, &team).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET /api/v1/organizations/{name}/teams/{team}/members`.
pub(crate) async fn list_team_members(context: &Context, _body: RequestBody) -> Result<Response> {
    let ((name, team), size) = (names(context)?, context.page_size()?);
    let list = format!("members of {name}/{team}");
    let after = cursor::read(context, &list)?;
    let actor = context.actor().await?;
    let found = context.app.organizations.browse_team_members(&actor, &name, &team, after, size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|account| cursor::write(&list, &account.name.as_str())).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(member).collect(), next, count: None })
}

/// `PUT /api/v1/organizations/{name}/teams/{team}/members/{user}`.
pub(crate) async fn add_team_member(context: &Context, _body: RequestBody) -> Result<Response> {
    let ((name, team), user): (_, Namespace) = (names(context)?, context.parsed("user")?);
    let actor = context.actor().await?;
    context.app.organizations.add_team_member(&actor, &name, &team, &user).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `DELETE /api/v1/organizations/{name}/teams/{team}/members/{user}`.
pub(crate) async fn delete_team_member(context: &Context, _body: RequestBody) -> Result<Response> {
    let ((name, team), user): (_, Namespace) = (names(context)?, context.parsed("user")?);
    let actor = context.actor().await?;
    context.app.organizations.delete_team_member(&actor, &name, &team, &user).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET /api/v1/organizations/{name}/teams/{team}/repositories`.
pub(crate) async fn list_team_repositories(context: &Context, _body: RequestBody) -> Result<Response> {
    let ((name, team), size) = (names(context)?, context.page_size()?);
    let list = format!("repositories of {name}/{team}");
    let after: Option<i64> = cursor::read(context, &list)?;
    let after = after.map(RepositoryId);
    let actor = context.actor().await?;
    let found = context.app.organizations.browse_team_repositories(&actor, &name, &team, after, size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|repository| cursor::write(&list, &repository.id.0)).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(repository).collect(), next, count: None })
}
