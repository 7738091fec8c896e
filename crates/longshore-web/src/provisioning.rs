//! What the identity provider of an organization signs in with, and what it does, for owners.

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::credential::Secret;
use longshore_domain::directory::{DirectoryUser, ScimToken};
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Result};
use serde::Deserialize;
use uuid::Uuid;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::{Age, count};
use crate::list::{self, Pager};
use crate::organizations;
use crate::page::{Frame, Kept, Message, Weight, lead, send, show};
use crate::presence::{self, Present};

/// Where identity providers come.
const ADDRESS: &str = "/v2/scim/2.0";

struct TokenRow {
    id: String,
    label: String,
    by: String,
    created: Age,
    ends: Option<Age>,
    used: Option<Age>,
    is_over: bool,
}

struct Refusal {
    status: u16,
    reason: String,
    at: Age,
}

struct Person {
    user_name: String,
    user: String,
    external_id: String,
    is_active: bool,
    teams: String,
    changed: Age,
}

#[derive(Template)]
#[template(path = "provisioning.html")]
struct ProvisioningPage {
    frame: Frame,
    name: String,
    address: String,
    may_provision: bool,
    users: String,
    inactive: String,
    groups: String,
    changed: Option<Age>,
    refusal: Option<Refusal>,
    tokens: Vec<TokenRow>,
    people: Vec<Person>,
    pager: Pager,
    label: String,
    is_wrong: bool,
}

#[derive(Template)]
#[template(path = "scim_token_made.html")]
struct MadePage {
    frame: Frame,
    name: String,
    label: String,
    address: String,
    secret: String,
}

fn organization(context: &Context) -> Result<Namespace> {
    context.parsed("organization")
}

fn path(name: &Namespace) -> String {
    format!("/ui/orgs/{name}/provisioning")
}

async fn page(context: &Context, label: &str, message: Option<Message>) -> Result<ProvisioningPage> {
    let (name, actor) = (organization(context)?, context.actor());
    let organizations = &context.app.organizations;
    let state = organizations.get_directory_state(actor, &name).await?;
    let tokens = context.app.identity.list_scim_tokens(actor, &name).await?;
    let list = format!("provisioned users {name}");
    let after = list::read_ahead(context, &list, |position: i64| Ok(position))?;
    let size = context.page_size()?;
    let found = organizations.list_provisioned_users(actor, &name, after, size).await?;
    let is_full = found.len() as u64 >= u64::from(size.get());
    let next = found.last().filter(|_| is_full).map(|last| last.position);
    let pager = list::ahead(context, &list, after.is_none(), next)?;
    let now = context.app.platform.now();
    let token = |token: &ScimToken| TokenRow {
        id: token.uuid.to_string(),
        label: token.label.clone(),
        by: token.created_by.clone(),
        created: Age { at: token.created_at, now },
        ends: token.expires_at.map(|at| Age { at, now }),
        used: token.last_used_at.map(|at| Age { at, now }),
        is_over: token.expires_at.is_some_and(|at| at <= now),
    };
    // Of an account that the organization did not make, the name may be a private e-mail address.
    let person = |user: &DirectoryUser| Person {
        user_name: if user.is_managed { user.user_name.clone() } else { user.name.to_string() },
        user: user.name.to_string(),
        external_id: user.external_id.clone().unwrap_or_default(),
        is_active: user.is_active,
        teams: user.teams.iter().map(|team| team.display_name.clone()).collect::<Vec<_>>().join(", "),
        changed: Age { at: user.updated_at, now },
    };
    let is_wrong = message.as_ref().is_some_and(|message| message.weight == Weight::Problem);
    Ok(ProvisioningPage {
        frame: organizations::frame(context, &name, "Identity provider").saying(message),
        address: context.client.origin.absolute(ADDRESS),
        may_provision: state.may_provision,
        users: count(state.users),
        inactive: count(state.inactive),
        groups: count(state.groups),
        changed: state.changed_at.map(|at| Age { at, now }),
        refusal: state.refusal.map(|refusal| Refusal {
            status: refusal.status,
            reason: refusal.reason,
            at: Age { at: refusal.at, now },
        }),
        tokens: tokens.iter().map(token).collect(),
        people: found.iter().map(person).collect(),
        pager,
        label: label.to_owned(),
        is_wrong,
        name: name.to_string(),
    })
}

/// `GET /ui/orgs/{organization}/provisioning`.
pub(crate) async fn show_provisioning(context: &Context, _body: RequestBody) -> Result<Response> {
    let message = context
        .query("done")
        .map(|_| Message::done("The token is revoked; the identity provider that had it is signed out."));
    show(context, &page(context, "", message).await?)
}

fn made(context: &Context, name: &Namespace, token: &ScimToken, secret: &Secret) -> Result<Response> {
    let page = MadePage {
        frame: organizations::frame(context, name, "Token of the identity provider"),
        name: name.to_string(),
        label: token.label.clone(),
        address: context.client.origin.absolute(ADDRESS),
        secret: secret.expose().to_owned(),
    };
    send(context, StatusCode::OK, Kept::Never, &page)
}

async fn refused(context: &Context, label: &str, error: Error) -> Result<Response> {
    match error {
        Error::Invalid { .. } | Error::LimitReached { .. } | Error::Conflict(_) | Error::Denied(_) => {
            let page = page(context, label, Some(Message::problem(sentence(&error)))).await?;
            send(context, status(&error), Kept::Never, &page)
        }
        other => Err(other),
    }
}

#[derive(Default, Deserialize)]
struct Sent {
    #[serde(default)]
    label: String,
}

/// `POST /ui/orgs/{organization}/provisioning/tokens`.
pub(crate) async fn create_scim_token(context: &Context, body: RequestBody) -> Result<Response> {
    let name = organization(context)?;
    let sent: Sent = match presence::form(context, body).await? {
        Present::Form(sent) => sent,
        Present::Asks(page) => return Ok(page),
    };
    match context.app.identity.create_scim_token(context.actor(), &name, sent.label.trim(), None).await {
        Ok((token, secret)) => made(context, &name, &token, &secret),
        Err(error) => refused(context, &sent.label, error).await,
    }
}

fn token_id(context: &Context) -> Result<Uuid> {
    let text = context.parameter("id");
    text.parse().map_err(|_| Error::TokenUnknown(text.to_owned()))
}

/// `POST /ui/orgs/{organization}/provisioning/tokens/{id}/rotate`.
pub(crate) async fn rotate_scim_token(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, id) = (organization(context)?, token_id(context)?);
    match presence::form::<Sent>(context, body).await? {
        Present::Form(_) => {}
        Present::Asks(page) => return Ok(page),
    }
    let (token, secret) = context.app.identity.rotate_scim_token(context.actor(), &name, id).await?;
    made(context, &name, &token, &secret)
}

/// `POST /ui/orgs/{organization}/provisioning/tokens/{id}/revoke`.
pub(crate) async fn delete_scim_token(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id) = (organization(context)?, token_id(context)?);
    context.app.identity.revoke_scim_token(context.actor(), &name, id).await?;
    Ok(lead(context, &format!("{}?done=1", path(&name))))
}
