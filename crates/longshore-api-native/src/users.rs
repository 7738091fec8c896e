//! Users, as administrators manage them.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_domain::Result;
use longshore_domain::account::AccountKind;
use longshore_domain::name::Namespace;

use crate::accounts;
use crate::context::Context;
use crate::wire::{located, secret};

/// `GET /api/v1/users`.
pub(crate) async fn list_users(context: &Context, _body: RequestBody) -> Result<Response> {
    accounts::list(context, AccountKind::User).await
}

/// `POST /api/v1/users`.
pub(crate) async fn create_user(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateUser = context.json(body).await?;
    let name: Namespace = request.name.parse()?;
    let made = request.password.is_none();
    let password = request.password.unwrap_or_else(|| context.app.generate_password());
    let actor = context.actor().await?;
    let identity = &context.app.identity;
    let account = identity.create_user(&actor, &name, &password, request.is_administrator).await?;
    let created =
        types::CreatedUser { account: accounts::info(&account), password: made.then_some(password) };
    let response = secret(StatusCode::CREATED, &created);
    located(context, response, format_args!("/api/v1/users/{name}"))
}

/// `GET /api/v1/users/{name}`.
pub(crate) async fn get_user(context: &Context, _body: RequestBody) -> Result<Response> {
    let name: Namespace = context.parsed("name")?;
    let actor = context.actor().await?;
    let account = context.app.identity.get_user(&actor, &name).await?;
    Ok(json(StatusCode::OK, &accounts::info(&account)))
}

/// `PATCH /api/v1/users/{name}`.
pub(crate) async fn change_user(context: &Context, body: RequestBody) -> Result<Response> {
    accounts::change(context, body, AccountKind::User).await
}

/// `DELETE /api/v1/users/{name}`.
pub(crate) async fn delete_user(context: &Context, _body: RequestBody) -> Result<Response> {
    let name: Namespace = context.parsed("name")?;
    context.app.identity.delete_user(&*context.actor().await?, &name).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /api/v1/users/{name}/password`.
pub(crate) async fn set_user_password(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::SetPassword = context.json_or_default(body).await?;
    let name: Namespace = context.parsed("name")?;
    let made = request.password.is_none();
    let password = request.password.unwrap_or_else(|| context.app.generate_password());
    context.app.identity.set_password(&*context.actor().await?, &name, &password).await?;
    let set = types::PasswordSet { name: name.to_string(), password: made.then_some(password) };
    Ok(secret(StatusCode::OK, &set))
}

/// `DELETE /api/v1/users/{name}/second-factor`.
pub(crate) async fn delete_user_second_factor(context: &Context, _body: RequestBody) -> Result<Response> {
    let name: Namespace = context.parsed("name")?;
    context.app.identity.reset_second_factor(&*context.actor().await?, &name).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
