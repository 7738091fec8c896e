//! What users and organizations have in common.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_client::types;
use longshore_domain::account::{Account, AccountKind, ProfileChange};
use longshore_domain::email::EmailAddress;
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Result};
use longshore_identity::accounts::AccountChange;

use crate::context::Context;
use crate::cursor;
use crate::wire::{page, time};

/// Shows an account.
pub(crate) fn info(account: &Account) -> types::AccountInfo {
    types::AccountInfo {
        name: account.name.to_string(),
        id: account.uuid.to_string(),
        kind: kind(account.kind),
        full_name: account.profile.full_name.clone(),
        email: account.profile.email.as_ref().map(EmailAddress::as_str).map(str::to_owned),
        company: account.profile.company.clone(),
        location: account.profile.location.clone(),
        url: account.profile.url.clone(),
        is_active: account.is_active,
        is_administrator: account.is_administrator,
        is_verified_publisher: account.is_verified_publisher,
        plan: account.plan.as_str().to_owned(),
        created_at: time(account.created_at),
    }
}

/// Says what an account is.
pub(crate) fn kind(kind: AccountKind) -> types::CallerKind {
    match kind {
        AccountKind::User => types::CallerKind::User,
        AccountKind::Organization => types::CallerKind::Organization,
    }
}

/// Lists accounts of a kind.
pub(crate) async fn list(context: &Context, kind: AccountKind) -> Result<Response> {
    let (list, size) = (kind.as_str(), context.page_size()?);
    let after: Option<String> = cursor::read(context, list)?;
    let after: Option<Namespace> = after.map(|name| name.parse()).transpose()?;
    let actor = context.actor().await?;
    let found = context.app.identity.list_accounts(&actor, kind, after.as_ref(), size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|account| cursor::write(list, &account.name.as_str())).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(info).collect(), next, count: None })
}

fn account_change(request: types::ChangeAccount) -> Result<AccountChange> {
    let text = |value: Option<Option<String>>| value.map(Option::unwrap_or_default);
    let address = |address: Option<String>| address.map(|address| address.parse()).transpose();
    Ok(AccountChange {
        is_active: request.is_active,
        is_administrator: request.is_administrator,
        is_verified_publisher: request.is_verified_publisher,
        plan: request.plan.map(|plan| plan.parse()).transpose()?,
        profile: ProfileChange {
            full_name: text(request.full_name),
            company: text(request.company),
            location: text(request.location),
            url: text(request.url),
            email: request.email.map(address).transpose()?,
        },
        members_pull: request.members_pull,
        may_provision: request.may_provision,
    })
}

/// Changes an account of a kind, which the path names.
pub(crate) async fn change(context: &Context, body: RequestBody, kind: AccountKind) -> Result<Response> {
    change_named(context, body, kind, context.parsed("name")?).await
}

/// Changes an account of a kind.
pub(crate) async fn change_named(
    context: &Context,
    body: RequestBody,
    kind: AccountKind,
    name: Namespace,
) -> Result<Response> {
    let change = account_change(context.json::<types::ChangeAccount>(body).await?)?;
    let actor = match change.is_for_the_operator() {
        true => context.operator().await?,
        false => context.actor().await?,
    };
    let account = context.app.identity.change_account(&actor, kind, &name, change).await?;
    Ok(json(StatusCode::OK, &info(&account)))
}

/// Reads a time of a body at which something ends.
pub(crate) fn expiry(text: Option<&str>) -> Result<Option<jiff::Timestamp>> {
    let invalid = |_| Error::Invalid {
        field: longshore_domain::Field::ExpiresAt,
        reason: "must be a time such as 2027-01-01T00:00:00Z".into(),
    };
    text.map(|text| text.parse().map_err(invalid)).transpose()
}
