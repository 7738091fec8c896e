//! Accepting an invite: by an account that there is, or by one that is made with it.
//!
//! What the link holds stands behind its `#`, which browsers do not send: a form takes it from there, and then a cookie keeps it
//! while somebody signs in, so that it is never part of an address that is asked for.

use std::time::Duration;

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::credential::SECRET_LIMIT_BYTES;
use longshore_domain::invite::Invite;
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Result};
use longshore_identity::sign_in::SignIn;
use serde::Deserialize;

use crate::context::Context;
use crate::cookies::Cookie;
use crate::error::{sentence, status};
use crate::format::date;
use crate::page::{Frame, Kept, Message, Place, lead, send};
use crate::sign_in::{begin, keep};

/// How long the invite is remembered while somebody signs in.
const REMEMBERED: Duration = Duration::from_secs(3600);
const PATH: &str = "/ui/invite";

struct Shown {
    organization: String,
    inviter: String,
    invitee: String,
    role: String,
    team: String,
    until: String,
    may_join: bool,
}

#[derive(Template)]
#[template(path = "invite.html")]
struct InvitePage {
    frame: Frame,
    invite: Option<Shown>,
    secret: String,
    user: String,
    is_wrong: bool,
}

fn page(context: &Context, invite: Option<&Invite>, secret: &str, problem: Option<String>) -> InvitePage {
    let shown = |invite: &Invite| Shown {
        organization: invite.organization.to_string(),
        inviter: invite.inviter.name.clone(),
        invitee: invite.invitee.to_string(),
        role: invite.role.as_str().to_owned(),
        team: invite.team.as_ref().map(|(_, name)| name.to_string()).unwrap_or_default(),
        until: date(invite.expires_at),
        may_join: context.app.organizations.may_join(invite),
    };
    InvitePage {
        is_wrong: problem.is_some(),
        frame: Frame::new(context, Place::Elsewhere, "Invite").saying(problem.map(Message::problem)),
        invite: invite.map(shown),
        secret: secret.to_owned(),
        user: String::new(),
    }
}

async fn find(context: &Context, secret: &str) -> Result<Invite> {
    match secret.len() <= SECRET_LIMIT_BYTES {
        true => context.app.organizations.get_invite(secret).await,
        false => Err(Error::InviteUnknown),
    }
}

/// Returns the secret of the invite that this browser looks at.
fn remembered(context: &Context) -> Result<String> {
    Cookie::Invite.read(&context.client.origin, &context.parts.headers).ok_or(Error::InviteUnknown)
}

/// `GET /ui/invite`.
pub(crate) async fn show_invite(context: &Context, _body: RequestBody) -> Result<Response> {
    let shown = match remembered(context) {
        Ok(secret) => match find(context, &secret).await {
            Ok(invite) => page(context, Some(&invite), "", None),
            // Accepted or cancelled meanwhile.
            Err(Error::InviteUnknown) => page(context, None, "", None),
            Err(other) => return Err(other),
        },
        Err(_) => page(context, None, "", None),
    };
    send(context, StatusCode::OK, Kept::Never, &shown)
}

#[derive(Deserialize)]
struct SentSecret {
    #[serde(default)]
    secret: String,
}

/// `POST /ui/invite`: looks at the invite of a link.
pub(crate) async fn open_invite(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: SentSecret = context.form(body).await?;
    let secret = sent.secret.trim();
    match find(context, secret).await {
        Ok(_) => {
            let mut response = lead(context, PATH);
            keep(context, &mut response, Cookie::Invite, secret, REMEMBERED);
            Ok(response)
        }
        Err(error @ Error::InviteUnknown) => gone(context, &error, secret),
        Err(other) => Err(other),
    }
}

/// Says that there is no such invite.
fn gone(context: &Context, error: &Error, secret: &str) -> Result<Response> {
    let text = "There is no such invite: it was accepted or cancelled, is too old, or the link is not whole. Ask who invited you for another one.";
    let page = page(context, None, secret, Some(text.into()));
    let mut response = send(context, status(error), Kept::Never, &page)?;
    forget(context, &mut response);
    Ok(response)
}

fn forget(context: &Context, response: &mut Response) {
    keep(context, response, Cookie::Invite, "", Duration::ZERO);
}

/// `POST /ui/invite/accept`, for an account that is signed in.
pub(crate) async fn accept_invite(context: &Context, _body: RequestBody) -> Result<Response> {
    let secret = match remembered(context) {
        Ok(secret) => secret,
        Err(error) => return gone(context, &error, ""),
    };
    match context.app.organizations.accept_invite(context.actor(), &secret).await {
        Ok(organization) => {
            let mut response = lead(context, &format!("/ui/orgs/{organization}"));
            forget(context, &mut response);
            Ok(response)
        }
        Err(error @ Error::Denied { .. }) => {
            let invite = find(context, &secret).await?;
            let page = page(context, Some(&invite), "", Some(sentence(&error)));
            send(context, status(&error), Kept::Never, &page)
        }
        Err(error @ Error::InviteUnknown) => gone(context, &error, ""),
        Err(other) => Err(other),
    }
}

#[derive(Deserialize)]
struct SentJoin {
    #[serde(default)]
    user: String,
    #[serde(default)]
    new_password: String,
}

/// `POST /ui/invite/join`: makes an account and a member of it.
pub(crate) async fn join_by_invite(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: SentJoin = context.form(body).await?;
    let secret = match remembered(context) {
        Ok(secret) => secret,
        Err(error) => return gone(context, &error, ""),
    };
    let organizations = &context.app.organizations;
    let joined = match sent.user.trim().parse::<Namespace>() {
        Ok(name) => organizations.join_by_invite(&secret, &name, &sent.new_password).await,
        Err(error) => Err(error),
    };
    match joined {
        Ok(organization) => {
            let address = Some(context.client.address);
            let signed_in = context.app.identity.sign_in(sent.user.trim(), &sent.new_password, address).await;
            let mut response = match signed_in {
                Ok(SignIn::Done(actor)) => {
                    begin(context, &actor, &format!("/ui/orgs/{organization}")).await?
                }
                // The account is there all the same.
                _ => lead(context, "/ui/sign-in"),
            };
            forget(context, &mut response);
            Ok(response)
        }
        Err(error @ Error::InviteUnknown) => gone(context, &error, ""),
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            let invite = find(context, &secret).await?;
            let mut page = page(context, Some(&invite), "", Some(sentence(&error)));
            page.user = sent.user;
            send(context, status(&error), Kept::Never, &page)
        }
    }
}
