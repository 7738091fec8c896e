//! Projects and domains that somebody may sign in to.
//!
//! Keystone v3, "Projects", "Domains"; IAM, `KeystoneListProjects`.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_domain::Result;
use longshore_domain::account::Account;
use longshore_domain::page::PageSize;
use longshore_identity::projects::ProjectName;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::wire;

/// Schema `Project`.
#[derive(Serialize, JsonSchema)]
struct Project {
    id: String,
    name: String,
    domain_id: String,
    is_domain: bool,
    enabled: bool,
    description: String,
    parent_id: String,
}

/// Schema `Domain`.
#[derive(Serialize, JsonSchema)]
struct Domain {
    id: String,
    name: String,
    enabled: bool,
    description: String,
}

/// Response of `listProjects`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Projects {
    projects: Vec<Project>,
}

/// Response of `listDomains`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Domains {
    domains: Vec<Domain>,
}

fn project(account: &Account, name: &str) -> Project {
    let id = wire::account_id(account);
    Project {
        name: name.to_owned(),
        domain_id: id.clone(),
        is_domain: false,
        enabled: account.is_active,
        description: String::new(),
        parent_id: id.clone(),
        id,
    }
}

async fn accounts(context: &Context) -> Result<Vec<Account>> {
    let actor = context.actor()?;
    let all = context.app.organizations.list_projects(&actor, 0, PageSize::MAX).await?;
    Ok(all.into_iter().filter(|account| actor.scope().covers_namespace(&account.name)).collect())
}

/// `GET /v3/projects` and `GET /v3/auth/projects`.
pub(crate) async fn list_projects(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let projects = match context.query("name") {
        None => {
            accounts(context).await?.iter().map(|account| project(account, account.name.as_str())).collect()
        }
        Some(name) => {
            let found = context.app.identity.find_project(&actor, &ProjectName::Name(&name)).await?;
            let found = found.filter(|account| actor.scope().covers_namespace(&account.name));
            found.iter().map(|account| project(account, &name)).collect()
        }
    };
    Ok(json(StatusCode::OK, &Projects { projects }))
}

/// `GET /v3/auth/domains`: one's own, as clients for a whole account want exactly one.
pub(crate) async fn list_domains(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let account = context.app.identity.get_project(&actor).await?;
    let domain = Domain {
        id: wire::account_id(&account),
        name: account.name.to_string(),
        enabled: account.is_active,
        description: String::new(),
    };
    Ok(json(StatusCode::OK, &Domains { domains: vec![domain] }))
}
