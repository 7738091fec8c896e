//! One's own account.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_domain::access::actor::Proof;
use longshore_domain::credential::Secret;
use longshore_domain::email::EmailAddress;
use longshore_domain::organization::{OwnOrganization, TeamName};
use longshore_domain::ports::metadata::WebSession;
use longshore_domain::{Error, Field, Result};
use longshore_identity::own_account::BothFactors;
use uuid::Uuid;

use crate::accounts;
use crate::context::Context;
use crate::cursor;
use crate::wire::{page, secret, time};

fn organization(own: &OwnOrganization) -> types::OwnOrganization {
    types::OwnOrganization {
        name: own.account.name.to_string(),
        full_name: own.account.profile.full_name.clone(),
        role: own.role.as_str().to_owned(),
        teams: own.teams.iter().map(TeamName::to_string).collect(),
        team_count: own.team_count,
    }
}

/// What somebody gives who is signed in.
fn factors<'f>(
    context: &Context,
    session: &'f str,
    password: &'f str,
    code: Option<&'f str>,
) -> BothFactors<'f> {
    BothFactors { password, code, address: Some(context.client.address), session: Some(session) }
}

/// `GET /api/v1/account`.
pub(crate) async fn get_account(context: &Context, _body: RequestBody) -> Result<Response> {
    let account = context.app.access.get_own_account(&*context.actor().await?).await?;
    Ok(json(StatusCode::OK, &accounts::info(&account)))
}

/// `PATCH /api/v1/account`.
pub(crate) async fn change_own_account(context: &Context, body: RequestBody) -> Result<Response> {
    let own = context.app.access.get_own_account(&*context.actor().await?).await?;
    accounts::change_named(context, body, own.kind, own.name).await
}

/// `DELETE /api/v1/account`.
pub(crate) async fn delete_own_account(context: &Context, _body: RequestBody) -> Result<Response> {
    let name = context.query("name").ok_or_else(|| Error::Invalid {
        field: Field::Parameter("name"),
        reason: "must be the name of the account, as this cannot be undone".into(),
    })?;
    let (actor, session) = context.session().await?;
    context.app.identity.delete_own_account(&actor, session, &name.parse()?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET /api/v1/account/organizations`.
pub(crate) async fn list_own_organizations(context: &Context, _body: RequestBody) -> Result<Response> {
    const LIST: &str = "own organizations";
    let size = context.page_size()?;
    // Nobody belongs to so many that leaving out those before would take time.
    let offset = cursor::read::<u64>(context, LIST)?.unwrap_or_default();
    let actor = context.actor().await?;
    let (found, count) = context.app.organizations.list_own_organizations(&actor, offset, size).await?;
    let behind = offset.saturating_add(found.len() as u64);
    let next = (behind < count && !found.is_empty()).then(|| cursor::write(LIST, &behind)).transpose()?;
    page(context, &types::Page { items: found.iter().map(organization).collect(), next, count: Some(count) })
}

/// `POST /api/v1/account/presence`.
pub(crate) async fn prove_presence(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::ProvePresence = context.json(body).await?;
    let (actor, session) = context.session().await?;
    let factors = factors(context, session, &request.password, request.code.as_deref());
    let until = context.app.identity.prove_presence(&actor, session, factors).await?;
    Ok(json(StatusCode::OK, &types::Presence { until: time(until) }))
}

/// `POST /api/v1/account/password`.
pub(crate) async fn change_own_password(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::ChangeOwnPassword = context.json(body).await?;
    let (actor, session) = context.session().await?;
    let factors = factors(context, session, &request.current, request.code.as_deref());
    context.app.identity.change_own_password(&actor, factors, &request.new).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /api/v1/account/email`.
pub(crate) async fn want_email(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::WantEmail = context.json(body).await?;
    let email: EmailAddress = request.email.parse()?;
    let (actor, session) = context.session().await?;
    let factors = factors(context, session, &request.password, request.code.as_deref());
    let until = context.app.identity.want_email(&actor, factors, email.clone()).await?;
    let wanted = types::WantedEmail { email: email.to_string(), until: time(until) };
    Ok(json(StatusCode::ACCEPTED, &wanted))
}

/// `POST /api/v1/account/email/confirm`.
pub(crate) async fn confirm_email(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::ConfirmEmail = context.json(body).await?;
    let actor = context.actor().await?;
    context.app.identity.confirm_email(&actor, &Secret::presented(&request.code)).await?;
    let account = context.app.access.get_own_account(&actor).await?;
    Ok(json(StatusCode::OK, &accounts::info(&account)))
}

fn browser(session: &WebSession) -> types::BrowserSession {
    types::BrowserSession {
        id: session.id.to_string(),
        address: Some(session.address.clone()).filter(|address| !address.is_empty()),
        program: session.program.clone(),
        second_factor: session.proof == Proof::SecondFactor,
        created_at: time(session.created_at),
        seen_at: time(session.seen_at),
        expires_at: time(session.expires_at),
    }
}

/// `GET /api/v1/account/sessions`.
pub(crate) async fn list_own_sessions(context: &Context, _body: RequestBody) -> Result<Response> {
    let found = context.app.identity.list_own_sessions(&*context.actor().await?).await?;
    let info = types::OwnSessions {
        browsers: found.browsers.iter().map(browser).collect(),
        programs: found.programs,
    };
    Ok(json(StatusCode::OK, &info))
}

/// `DELETE /api/v1/account/sessions/{id}`.
pub(crate) async fn end_own_session(context: &Context, _body: RequestBody) -> Result<Response> {
    let id: Uuid = context.parameter("id").parse().map_err(|_| Error::SessionUnknown)?;
    context.app.identity.end_own_session(&*context.actor().await?, id).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `DELETE /api/v1/account/sessions`.
pub(crate) async fn end_own_sessions(context: &Context, _body: RequestBody) -> Result<Response> {
    context.app.identity.end_own_sessions(&*context.actor().await?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET /api/v1/account/second-factor`.
pub(crate) async fn get_second_factor(context: &Context, _body: RequestBody) -> Result<Response> {
    let status = context.app.identity.second_factor_status(&*context.actor().await?).await?;
    let info = types::SecondFactorInfo {
        enabled_at: status.confirmed_at.map(time),
        recovery_codes: status.recovery_codes,
    };
    Ok(json(StatusCode::OK, &info))
}

/// `POST /api/v1/account/second-factor`.
pub(crate) async fn enrol_second_factor(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::EnrolSecondFactor = context.json(body).await?;
    let (actor, address) = (context.actor().await?, Some(context.client.address));
    let begun = context.app.identity.enrol_second_factor(&actor, &request.password, address).await?;
    let enrolment =
        types::SecondFactorEnrolment { secret: begun.secret.base32(), otpauth_url: begun.otpauth_url };
    Ok(secret(StatusCode::OK, &enrolment))
}

/// `POST /api/v1/account/second-factor/confirm`.
pub(crate) async fn confirm_second_factor(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::ConfirmSecondFactor = context.json(body).await?;
    let (actor, identity) = (context.actor().await?, &context.app.identity);
    let confirmed = identity.confirm_second_factor(&actor, &request.code).await?;
    let ttl = context.app.platform.settings().session_ttl;
    let confirmation = types::SecondFactorConfirmation {
        session: identity.issue_session(&confirmed.actor, ttl, serde_json::Map::new())?,
        recovery_codes: confirmed.recovery_codes,
    };
    Ok(secret(StatusCode::OK, &confirmation))
}

/// `POST /api/v1/account/second-factor/disable`.
pub(crate) async fn disable_second_factor(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::SecondFactorProof = context.json(body).await?;
    let (actor, address) = (context.actor().await?, Some(context.client.address));
    let types::SecondFactorProof { password, code } = &request;
    context.app.identity.disable_second_factor(&actor, password, code, address).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /api/v1/account/second-factor/recovery-codes`.
pub(crate) async fn renew_recovery_codes(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::SecondFactorProof = context.json(body).await?;
    let (actor, address) = (context.actor().await?, Some(context.client.address));
    let types::SecondFactorProof { password, code } = &request;
    let recovery_codes = context.app.identity.renew_recovery_codes(&actor, password, code, address).await?;
    Ok(secret(StatusCode::OK, &types::RecoveryCodes { recovery_codes }))
}
