//! Access tokens: one's own, and those of an organization.

use askama::Template;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::credential::{AccessToken, Scope, TokenOrigin, TokenRestriction};
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::token_resource::{TokenResource, TokenResources};
use longshore_domain::{Error, Field, Result};
use longshore_identity::access_tokens::{TokenOwner, WantedToken};
use serde::Deserialize;
use uuid::Uuid;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::Age;
use crate::list::{self, Choice, Pager, choices};
use crate::organizations;
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
    by: String,
    from: String,
    is_on: bool,
    is_over: bool,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    name: String,
    /// Where these tokens are: `/ui/account/tokens`, or that of an organization.
    path: String,
    is_organization: bool,
    repositories: String,
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
    path: String,
    label: String,
    secret: String,
    config: String,
}

/// Whose tokens a page is about.
struct Whose {
    name: Namespace,
    is_organization: bool,
}

impl Whose {
    /// Returns the organization that the path names, or who is signed in.
    fn of(context: &Context) -> Result<Self> {
        match context.parameter("organization").is_empty() {
            true => {
                Ok(Self { name: context.signed_in()?.browser.account.name.clone(), is_organization: false })
            }
            false => Ok(Self { name: context.parsed("organization")?, is_organization: true }),
        }
    }

    fn owner(&self) -> TokenOwner<'_> {
        match self.is_organization {
            true => TokenOwner::Organization(&self.name),
            false => TokenOwner::Account(&self.name),
        }
    }

    fn path(&self) -> String {
        match self.is_organization {
            true => format!("/ui/orgs/{}/tokens", self.name),
            false => "/ui/account/tokens".to_owned(),
        }
    }

    fn frame(&self, context: &Context, title: &str) -> Frame {
        match self.is_organization {
            true => organizations::frame(context, &self.name, title),
            false => frame(context, title),
        }
    }

    /// Returns what a new token is limited to: the repositories are one a line, and none means all.
    fn restriction(&self, sent: &Sent) -> Result<TokenRestriction> {
        let scope: Scope = sent.scope.parse()?;
        if !self.is_organization {
            return Ok(TokenRestriction::Scope(scope));
        }
        let paths: Vec<&str> =
            sent.repositories.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let invalid =
            |reason: &str| Err(Error::Invalid { field: Field::TokenResources, reason: reason.into() });
        let resources = match (paths.is_empty(), scope) {
            (true, _) => TokenResources::like(scope, &self.name),
            (false, Scope::PublicRead) => {
                return invalid("are for other scopes: this one pulls what is public, and nothing else");
            }
            _ if paths.iter().any(|path| !path.starts_with(&format!("{}/", self.name))) => {
                return invalid(&format!("must each begin with {}/", self.name));
            }
            (false, _) => TokenResources::like_for(scope, &paths)?,
        };
        Ok(TokenRestriction::Resources(resources))
    }
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
        None => return resource_words(restriction),
    }
    .to_owned()
}

fn resource_words(restriction: &TokenRestriction) -> String {
    let TokenRestriction::Resources(resources) = restriction else { return restriction.to_string() };
    let each = resources.as_slice().iter();
    let name = |scope: &'static str| scope.strip_prefix("scope-").unwrap_or(scope);
    let scopes = |resource: &TokenResource| resource.scope_names().into_iter().map(name).collect::<Vec<_>>();
    each.map(|resource| format!("{}: {}", resource.path(), scopes(resource).join(", ")))
        .collect::<Vec<_>>()
        .join("; ")
}

fn row(token: &AccessToken, now: Timestamp) -> Row {
    Row {
        id: token.uuid.to_string(),
        label: token.label.clone(),
        scope: scope_words(&token.restriction),
        created: Age { at: token.created_at, now },
        ends: token.expires_at.map(|at| Age { at, now }),
        used: token.last_used_at.map(|at| Age { at, now }),
        by: token.created_by.clone(),
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
    /// Of an organization's token; one a line.
    #[serde(default)]
    repositories: String,
}

async fn page(context: &Context, sent: &Sent, message: Option<Message>) -> Result<TokensPage> {
    let whose = Whose::of(context)?;
    let list = format!("tokens of {}", whose.name);
    let after = list::read_ahead(context, &list, |id: Uuid| Ok(id))?;
    let (actor, size) = (context.actor(), PageSize::clamped(context.preferences.rows)?);
    let owner = whose.owner();
    let found = context.app.identity.list_access_tokens(actor, owner, after, size).await?;
    let next = found.items.last().filter(|_| found.has_more).map(|last| last.uuid);
    let pager = list::ahead(context, &list, after.is_none(), next)?;
    let now = context.app.platform.now();
    let chosen = if sent.scope.is_empty() { Scope::Write.as_str() } else { sent.scope.as_str() };
    let scopes = SCOPES.map(|(scope, words)| (scope.as_str().to_owned(), words, scope.as_str() == chosen));
    Ok(TokensPage {
        frame: whose.frame(context, "Access tokens").saying(message),
        path: whose.path(),
        is_organization: whose.is_organization,
        repositories: sent.repositories.clone(),
        name: whose.name.to_string(),
        rows: found.items.iter().map(|token| row(token, now)).collect(),
        pager,
        label: sent.label.clone(),
        scopes: scopes.into(),
        ends: choices(&ENDS, if sent.ends.is_empty() { ENDS[0].0 } else { &sent.ends }),
        wrong: "",
    })
}

/// `GET /ui/account/tokens`, and of an organization `/ui/orgs/{organization}/tokens`.
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
            if matches!(error, Error::Invalid { field: Field::TokenResources, .. }) {
                page.wrong = "repositories";
            }
            send(context, status(&error), Kept::Never, &page)
        }
        Err(other) => Err(other),
    }
}

async fn make(context: &Context, sent: &Sent) -> Result<MadePage> {
    let whose = Whose::of(context)?;
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
        restriction: whose.restriction(sent)?,
        expires_at,
        origin: TokenOrigin { address: context.client.address.to_string(), agent: context.user_agent() },
    };
    let identity = &context.app.identity;
    let (token, secret) = identity.create_access_token(context.actor(), whose.owner(), wanted).await?;
    let frame = whose.frame(context, "New access token");
    let login = longshore_api_common::docker_config::encoded(whose.name.as_str(), secret.expose());
    Ok(MadePage {
        path: whose.path(),
        name: whose.name.to_string(),
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
    let (id, whose) = (token_id(context)?, Whose::of(context)?);
    let sent: SentState = match presence::form(context, body).await? {
        Present::Form(sent) => sent,
        Present::Asks(page) => return Ok(page),
    };
    let is_on = match sent.state.as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(Error::Unsupported("a token is switched on or off".into())),
    };
    let change = AccessTokenChange { is_active: Some(is_on), ..AccessTokenChange::default() };
    context.app.identity.change_access_token(context.actor(), whose.owner(), id, change).await?;
    let done = if is_on { "on" } else { "off" };
    Ok(lead(context, &format!("{}?done={done}", whose.path())))
}

/// `POST /ui/account/tokens/{id}/delete`.
pub(crate) async fn delete_token(context: &Context, _body: RequestBody) -> Result<Response> {
    let id = token_id(context)?;
    let whose = Whose::of(context)?;
    context.app.identity.delete_access_token(context.actor(), whose.owner(), id).await?;
    Ok(lead(context, &format!("{}?done=deleted", whose.path())))
}
