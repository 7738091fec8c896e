//! What the identity providers of organizations do, for their owners.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_client::types;
use longshore_domain::Result;
use longshore_domain::directory::{DirectoryUser, ProvisioningRefusal};
use longshore_domain::name::Namespace;

use crate::context::Context;
use crate::cursor;
use crate::wire::{page, time};

fn refusal(refusal: &ProvisioningRefusal) -> types::ProvisioningRefusal {
    types::ProvisioningRefusal {
        at: time(refusal.at),
        status: refusal.status,
        reason: refusal.reason.clone(),
    }
}

/// `GET /api/v1/organizations/{name}/provisioning`.
pub(crate) async fn get_provisioning(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor): (Namespace, _) = (context.parsed("name")?, context.actor().await?);
    let state = context.app.organizations.get_directory_state(&actor, &name).await?;
    let info = types::ProvisioningInfo {
        may_provision: state.may_provision,
        users: state.users,
        inactive_users: state.inactive,
        groups: state.groups,
        changed_at: state.changed_at.map(time),
        last_refusal: state.refusal.as_ref().map(refusal),
    };
    Ok(json(StatusCode::OK, &info))
}

fn user(user: &DirectoryUser) -> types::ProvisionedUser {
    // Of an account that the organization did not make, it may be a private e-mail address.
    types::ProvisionedUser {
        user_name: if user.is_managed { user.user_name.clone() } else { user.name.to_string() },
        user: user.name.to_string(),
        external_id: user.external_id.clone(),
        is_active: user.is_active,
        is_managed: user.is_managed,
        teams: user.teams.iter().map(|team| team.display_name.clone()).collect(),
        updated_at: time(user.updated_at),
    }
}

/// `GET /api/v1/organizations/{name}/provisioning/users`.
pub(crate) async fn list_provisioned_users(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, size): (Namespace, _) = (context.parsed("name")?, context.page_size()?);
    let list = format!("provisioned users {name}");
    let (after, actor): (Option<i64>, _) = (cursor::read(context, &list)?, context.actor().await?);
    let found = context.app.organizations.list_provisioned_users(&actor, &name, after, size).await?;
    let last = found.last().filter(|_| found.len() >= size.get() as usize);
    let next = last.map(|last| cursor::write(&list, &last.position)).transpose()?;
    page(context, &types::Page { items: found.iter().map(user).collect(), next, count: None })
}
