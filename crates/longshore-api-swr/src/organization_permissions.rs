//! Permissions of users for an organization; the shapes are those of image permissions too.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_domain::permission::UserPermission;
use longshore_domain::{Error, Result};
use longshore_organizations::user_permissions::{PermissionList, PermissionOf, WantedPermission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::context::Context;
use crate::fields;
use crate::wire;

/// Schema `UserAuth`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UserAuth")]
pub(crate) struct UserAuth {
    /// 32 hexadecimal digits.
    user_id: String,
    /// The name that belongs to the id.
    user_name: String,
    /// 7 manage, 3 write, 1 read.
    auth: u8,
}

/// Schema `ShowAuth`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShowAuth")]
pub(crate) struct AuthDocument {
    id: i64,
    name: String,
    /// Of organizations only.
    #[serde(skip_serializing_if = "Option::is_none")]
    creator_name: Option<String>,
    self_auth: UserAuth,
    /// For who may change them; empty for others.
    others_auths: Vec<UserAuth>,
}

fn user_auth(permission: &UserPermission) -> UserAuth {
    UserAuth {
        user_id: wire::id(permission.uuid),
        user_name: permission.name.to_string(),
        auth: wire::auth(permission.permission),
    }
}

/// Makes the document of a list.
pub(crate) fn document(list: &PermissionList, name: &str, creator_name: Option<String>) -> AuthDocument {
    AuthDocument {
        id: list.id,
        name: name.to_owned(),
        creator_name,
        self_auth: user_auth(&list.own),
        others_auths: list.others.iter().map(user_auth).collect(),
    }
}

fn user_id(text: &str) -> Result<Uuid> {
    wire::parse_id(text).ok_or_else(|| Error::Invalid {
        field: fields::USER_ID,
        reason: "must be the 32 hexadecimal digits of a user's id".into(),
    })
}

/// Reads the permissions that a request asks for.
pub(crate) async fn wanted(context: &Context, body: RequestBody) -> Result<Vec<WantedPermission>> {
    let listed: Vec<UserAuth> = context.json_list(body).await?;
    let read = |listed: UserAuth| {
        let name = listed.user_name.parse().map_err(|_| Error::UserUnknown(listed.user_name))?;
        Ok(WantedPermission {
            uuid: user_id(&listed.user_id)?,
            name,
            permission: wire::parse_auth(listed.auth)?,
        })
    };
    listed.into_iter().map(read).collect()
}

/// Reads the users whose permissions a request ends.
pub(crate) async fn users(context: &Context, body: RequestBody) -> Result<Vec<Uuid>> {
    let listed: Vec<String> = context.json_list(body).await?;
    listed.iter().map(|text| user_id(text)).collect()
}

/// `GET /v2/manage/namespaces/{namespace}/access`.
pub(crate) async fn show_namespace_auth(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let name = context.namespace()?;
    let list = context.app.organizations.list_permissions(&actor, PermissionOf::Namespace(&name)).await?;
    let creator = context.app.organizations.get_own_namespace(&actor, &name).await?.creator;
    Ok(json(StatusCode::OK, &document(&list, name.as_str(), Some(creator))))
}

/// `POST /v2/manage/namespaces/{namespace}/access`.
pub(crate) async fn create_namespace_auth(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, wanted) = (context.namespace()?, wanted(context, body).await?);
    context.app.organizations.grant_permissions(&actor, PermissionOf::Namespace(&name), wanted).await?;
    Ok(bare(StatusCode::OK))
}

/// `PATCH /v2/manage/namespaces/{namespace}/access`.
pub(crate) async fn update_namespace_auth(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, wanted) = (context.namespace()?, wanted(context, body).await?);
    context.app.organizations.update_permissions(&actor, PermissionOf::Namespace(&name), wanted).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `DELETE /v2/manage/namespaces/{namespace}/access`.
pub(crate) async fn delete_namespace_auth(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, users) = (context.namespace()?, users(context, body).await?);
    context.app.organizations.revoke_permissions(&actor, PermissionOf::Namespace(&name), users).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
