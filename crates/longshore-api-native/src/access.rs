//! Who may do what in a repository, and why.

use http::StatusCode;
use longshore_access::explanation::{Explanation, Grant};
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_domain::Result;
use longshore_domain::access::action::Level;
use longshore_domain::access::policy::Ground;
use longshore_domain::account::OrganizationRole;
use longshore_domain::name::Namespace;
use longshore_domain::organization::TeamName;
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::share::ShareTerms;
use longshore_organizations::repository_access::RepositoryAccess;
use longshore_organizations::user_permissions::PermissionOf;

use crate::accounts::expiry;
use crate::context::Context;
use crate::repositories::allowed;
use crate::wire::time;

fn list(access: &RepositoryAccess) -> types::AccessList {
    let entry = |kind, name: String, permission: RepositoryPermission| types::AccessEntry {
        kind,
        name,
        permission: permission.as_str().to_owned(),
        members: None,
        until: None,
        description: None,
    };
    let teams = access.teams.iter().map(|(team, permission)| types::AccessEntry {
        members: Some(team.member_count),
        ..entry(types::AccessKind::Team, team.name.to_string(), *permission)
    });
    let users = access
        .users
        .iter()
        .map(|user| entry(types::AccessKind::User, user.name.to_string(), user.permission));
    let shares = access.shares.iter().map(|share| types::AccessEntry {
        until: share.expires_at.map(time),
        description: Some(share.description.clone()),
        ..entry(types::AccessKind::Share, share.account.to_string(), RepositoryPermission::Read)
    });
    types::AccessList {
        visibility: access.visibility.as_str().to_owned(),
        is_of_organization: access.is_of_organization,
        members_pull: access.members_pull,
        items: teams.chain(users).chain(shares).collect(),
    }
}

fn level(level: Level) -> String {
    match level {
        Level::None => "none",
        Level::Read | Level::Write | Level::Admin => level.describe(),
    }
    .to_owned()
}

fn reason(grant: &Grant) -> types::AccessReason {
    types::AccessReason {
        because: match grant.ground {
            Ground::Operator => types::Because::Operator,
            Ground::Administrator => types::Because::Administrator,
            Ground::Own => types::Because::Own,
            Ground::Role(OrganizationRole::Owner) => types::Because::Owner,
            Ground::Role(OrganizationRole::Editor) => types::Because::Editor,
            Ground::Role(OrganizationRole::Member) => types::Because::Member,
            Ground::Permission => types::Because::Permission,
            Ground::Team => types::Because::Team,
            Ground::Share => types::Because::Share,
            Ground::Public => types::Because::Public,
        },
        name: grant.name.clone(),
        level: level(grant.level),
        until: grant.until.map(time),
    }
}

fn explanation(explanation: &Explanation) -> types::AccessExplanation {
    types::AccessExplanation {
        user: explanation.account.to_string(),
        is_active: explanation.is_active,
        level: level(explanation.level),
        actions: allowed(explanation.allowed),
        reasons: explanation.grants.iter().map(reason).collect(),
        blocked_by: explanation.blocked_by.as_ref().map(Namespace::to_string),
    }
}

/// `GET /api/v1/repositories/{repository}/-/access`.
pub(crate) async fn get_access(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor) = (context.repository()?, context.actor().await?);
    let access = context.app.organizations.get_repository_access(&actor, &name).await?;
    Ok(json(StatusCode::OK, &list(&access)))
}

/// `GET /api/v1/repositories/{repository}/-/access/explain`.
pub(crate) async fn explain_access(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor) = (context.repository()?, context.actor().await?);
    let user: Namespace = match context.query("user") {
        Some(user) => user.parse()?,
        None => context.app.access.get_own_account(&actor).await?.name,
    };
    Ok(json(StatusCode::OK, &explanation(&context.app.access.explain(&actor, &name, &user).await?)))
}

/// `PUT /api/v1/repositories/{repository}/-/access/users/{user}`.
pub(crate) async fn grant_user_access(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::GrantAccess = context.json(body).await?;
    let (name, user): (_, Namespace) = (context.repository()?, context.parsed("user")?);
    let permission = request.permission.parse()?;
    let (actor, of) = (context.actor().await?, PermissionOf::Repository(&name));
    context.app.organizations.put_permission(&actor, of, &user, permission).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `DELETE /api/v1/repositories/{repository}/-/access/users/{user}`.
pub(crate) async fn revoke_user_access(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, user): (_, Namespace) = (context.repository()?, context.parsed("user")?);
    let (actor, of) = (context.actor().await?, PermissionOf::Repository(&name));
    context.app.organizations.revoke_permission(&actor, of, &user).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `PUT /api/v1/repositories/{repository}/-/access/teams/{team}`.
pub(crate) async fn grant_team_access(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::GrantAccess = context.json(body).await?;
    let (name, team): (_, TeamName) = (context.repository()?, context.parsed("team")?);
    let (permission, actor) = (request.permission.parse()?, context.actor().await?);
    context.app.organizations.set_team_permission(&actor, &name, team, permission).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `DELETE /api/v1/repositories/{repository}/-/access/teams/{team}`.
pub(crate) async fn revoke_team_access(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, team): (_, TeamName) = (context.repository()?, context.parsed("team")?);
    let actor = context.actor().await?;
    context.app.organizations.delete_team_permission(&actor, &name, team).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `PUT /api/v1/repositories/{repository}/-/access/shares/{account}`.
pub(crate) async fn share_repository(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::ShareRepository = context.json(body).await?;
    let (name, account): (_, Namespace) = (context.repository()?, context.parsed("account")?);
    let terms =
        ShareTerms { expires_at: expiry(request.until.as_deref())?, description: request.description };
    let actor = context.actor().await?;
    context.app.organizations.put_share(&actor, &name, &account, terms).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `DELETE /api/v1/repositories/{repository}/-/access/shares/{account}`.
pub(crate) async fn unshare_repository(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, account): (_, Namespace) = (context.repository()?, context.parsed("account")?);
    let actor = context.actor().await?;
    context.app.organizations.delete_share(&actor, &name, &account).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
