//! One's own access tokens.

use askama::Template;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::credential::{AccessToken, Scope, TokenOrigin, TokenRestriction};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::{Error, Field, Result};
use longshore_identity::access_tokens::{TokenOwner, WantedToken};
use serde::Deserialize;
use uuid::Uuid;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::Age;
use crate::list::{self, Choice, Pager, choices};
use crate::page::{Frame, Kept, Message, lead, send, show};
use crate::presence::{self, Present};
use crate::profile::frame;

struct Row {
    id: String,
    label: String,
    scope: String,
    created: Age,
    ends: Option<Age>,
    used: Option<Age>,
    from: String,
    is_on: bool,
    is_over: bool,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    name: String,
    rows: Vec<Row>,
    pager: Pager,
    label: String,
    scopes: Vec<(String, &'static str, bool)>,
    ends: Vec<Choice>,
    wrong: &'static str,
}

#[derive(Template)]
#[template(path = "token_made.html")]
struct MadePage {
    frame: Frame,
    name: String,
    label: String,
    secret: String,
    config: String,
}

/// What each scope can do, and cannot.
const SCOPES: [(Scope, &str); 4] = [
    (Scope::Read, "Pull all that you may pull; what a server needs"),
    (Scope::Write, "Pull and push, and nothing is deleted; what CI needs"),
    (Scope::Admin, "Pull, push and delete, and manage repositories"),
    (Scope::PublicRead, "Pull what is public, counted as yours"),
];
/// Days after which a token ends.
const ENDS: [(&str, &str); 4] =
    [("90", "after 90 days"), ("30", "after 30 days"), ("365", "after a year"), ("never", "never")];

fn scope_words(restriction: &TokenRestriction) -> String {
    match restriction.scope() {
        Some(Scope::PublicRead) => "pull what is public",
        Some(Scope::Read) => "pull",
        Some(Scope::Write) => "pull and push",
        Some(Scope::Admin) => "pull, push, delete, manage",
        Some(Scope::Account) => "everything that you may do",
        None => return restriction.to_string(),
    }
    .to_owned()
}

fn row(token: &AccessToken, now: Timestamp) -> Row {
    Row {
        id: token.uuid.to_string(),
        label: token.label.clone(),
        scope: scope_words(&token.restriction),
        created: Age { at: token.created_at, now },
        ends: token.expires_at.map(|at| Age { at, now }),
        used: token.last_used_at.map(|at| Age { at, now }),
        from: token.origin.address.clone(),
        is_on: token.is_active,
        is_over: token.expires_at.is_some_and(|at| at <= now),
    }
}

#[derive(Default, Deserialize)]
struct Sent {
    #[serde(default)]
    label: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    ends: String,
}

async fn page(context: &Context, sent: &Sent, message: Option<Message>) -> Result<TokensPage> {
    let account = &context.signed_in()?.browser.account;
    let list = format!("tokens of {}", account.name);
    let from = list::read(context, &list, |id: Uuid| Ok(id))?;
    let (actor, size) = (context.actor(), PageSize::clamped(context.preferences.rows)?);
    let owner = TokenOwner::Account(&account.name);
    let found = context.app.identity.list_access_tokens(actor, owner, from.key, size).await?;
    let older = match found.items.last().filter(|_| found.has_more) {
        Some(last) => {
            let text = longshore_api_common::cursor::write(&list, &last.uuid)?;
            Some(list::link(context, &[("after", Some(&text))]))
        }
        None => None,
    };
    let now = context.app.platform.now();
    let chosen = if sent.scope.is_empty() { Scope::Write.as_str() } else { sent.scope.as_str() };
    let scopes = SCOPES.map(|(scope, words)| (scope.as_str().to_owned(), words, scope.as_str() == chosen));
    Ok(TokensPage {
        frame: frame(context, "Access tokens").saying(message),
        name: account.name.to_string(),
        rows: found.items.iter().map(|token| row(token, now)).collect(),
        pager: Pager { first: from.key.map(|_| list::link(context, &[("after", None)])), newer: None, older },
        label: sent.label.clone(),
        scopes: scopes.into(),
        ends: choices(&ENDS, if sent.ends.is_empty() { ENDS[0].0 } else { &sent.ends }),
        wrong: "",
    })
}

/// `GET /ui/account/tokens`.
pub(crate) async fn show_tokens(context: &Context, _body: RequestBody) -> Result<Response> {
    let message = match context.query("done").as_deref() {
        Some("deleted") => Some(Message::done("The access token is deleted; what used it is signed out.")),
        Some("off") => Some(Message::done("The access token is switched off.")),
        Some("on") => Some(Message::done("The access token is switched on.")),
        _ => None,
    };
    show(context, &page(context, &Sent::default(), message).await?)
}

/// `POST /ui/account/tokens`.
pub(crate) async fn create_token(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Sent = match presence::form(context, body).await? {
        Present::Form(sent) => sent,
        Present::Asks(page) => return Ok(page),
    };
    match make(context, &sent).await {
        Ok(made) => send(context, StatusCode::OK, Kept::Never, &made),
        Err(error @ (Error::Invalid { .. } | Error::LimitReached { .. } | Error::Denied(_))) => {
            let mut page = page(context, &sent, Some(Message::problem(sentence(&error)))).await?;
            if matches!(error, Error::Invalid { field: Field::TokenLabel, .. }) {
                page.wrong = "label";
            }
            send(context, status(&error), Kept::Never, &page)
        }
        Err(other) => Err(other),
    }
}

async fn make(context: &Context, sent: &Sent) -> Result<MadePage> {
    let account = &context.signed_in()?.browser.account;
    let scope: Scope = sent.scope.parse()?;
    let now = context.app.platform.now();
    let invalid =
        || Error::Invalid { field: Field::ExpiresAt, reason: "must be one of those offered".into() };
    let expires_at = match sent.ends.as_str() {
        "never" => None,
        days => {
            let days: i64 = days.parse().ok().filter(|days| (1..=3650).contains(days)).ok_or_else(invalid)?;
            Some(now.checked_add(SignedDuration::from_hours(24 * days)).map_err(|_| invalid())?)
        }
    };
    let wanted = WantedToken {
        label: &sent.label,
        description: "",
        restriction: TokenRestriction::Scope(scope),
        expires_at,
        origin: TokenOrigin { address: context.client.address.to_string(), agent: context.user_agent() },
    };
    let owner = TokenOwner::Account(&account.name);
    let (token, secret) = context.app.identity.create_access_token(context.actor(), owner, wanted).await?;
    let frame = frame(context, "New access token");
    let login = longshore_api_common::docker_config::encoded(account.name.as_str(), secret.expose());
    Ok(MadePage {
        name: account.name.to_string(),
        label: token.label,
        secret: secret.expose().to_owned(),
        config: format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{login}\"}}}}}}", frame.host),
        frame,
    })
}

fn token_id(context: &Context) -> Result<Uuid> {
    let text = context.parameter("id");
    text.parse().map_err(|_| Error::TokenUnknown(text.to_owned()))
}

#[derive(Deserialize)]
struct SentState {
    #[serde(default)]
    state: String,
}

/// `POST /ui/account/tokens/{id}`.
pub(crate) async fn change_token(context: &Context, body: RequestBody) -> Result<Response> {
    let (id, sent): (_, SentState) = (token_id(context)?, context.form(body).await?);
    let account = &context.signed_in()?.browser.account;
    let is_on = sent.state == "on";
    let change = AccessTokenChange { is_active: Some(is_on), ..AccessTokenChange::default() };
    let owner = TokenOwner::Account(&account.name);
    context.app.identity.change_access_token(context.actor(), owner, id, change).await?;
    Ok(lead(context, if is_on { "/ui/account/tokens?done=on" } else { "/ui/account/tokens?done=off" }))
}

/// `POST /ui/account/tokens/{id}/delete`.
pub(crate) async fn delete_token(context: &Context, _body: RequestBody) -> Result<Response> {
    let id = token_id(context)?;
    let account = &context.signed_in()?.browser.account;
    let owner = TokenOwner::Account(&account.name);
    context.app.identity.delete_access_token(context.actor(), owner, id).await?;
    Ok(lead(context, "/ui/account/tokens?done=deleted"))
}
