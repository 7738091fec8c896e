//! Commands about access tokens, and about tokens of identity providers.

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use longshore_client::Client;
use longshore_client::types::{
    ChangeToken, CreateScimToken, CreateToken, CreatedScimToken, ScimTokenInfo, TokenInfo, TokenResource,
};
use serde_json::{Value, json};

use crate::failure::{Exit, NotFound, Usage};
use crate::output::{Column, Kind, WIDE, column, now};
use crate::session::Session;

/// Commands about access tokens.
#[derive(Subcommand)]
#[expect(missing_docs, reason = "what an argument is stands where it needs words")]
pub enum TokenCommand {
    /// List the tokens of a user or organization
    #[command(alias = "list")]
    Ls { owner: String },
    /// Show a token (not its secret, which nobody has)
    Show {
        /// User or organization
        owner: String,
        /// Which one, by id or label
        id: String,
    },
    /// Create an access token; it is shown once
    Create {
        /// User or organization
        owner: String,
        /// What it is for
        #[arg(long)]
        label: String,
        /// repo:public_read, repo:read, repo:write or repo:admin [default: repo:read]
        #[arg(long, conflicts_with = "resource")]
        scope: Option<String>,
        /// Of a token of an organization: acme/app=SCOPE,… or acme/*=SCOPE,… or acme=SCOPE,… with scopes such as scope-image-push
        #[arg(long, value_name = "PATH=SCOPES", value_parser = parse_resource)]
        resource: Vec<TokenResource>,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Create a pair of keys that clients of Huawei Cloud and Open Telekom Cloud sign requests with; the secret key is shown once
    CreateAccessKey {
        /// User or organization
        owner: String,
        /// What it is for
        #[arg(long)]
        label: String,
        /// account (everything that the user may do), repo:public_read, repo:read, repo:write or repo:admin
        #[arg(long, default_value = "account")]
        scope: String,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Make another token in the place of one, with the same label and scope; the one before is deleted
    Renew {
        /// User or organization
        owner: String,
        /// Which one, by id or label
        id: String,
        /// Let the one before work on
        #[arg(long)]
        keep: bool,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Let a disabled token work again
    Enable {
        /// User or organization
        owner: String,
        /// Which one, by id or label
        id: String,
    },
    /// Switch a token off, at once
    Disable {
        /// User or organization
        owner: String,
        /// Which one, by id or label
        id: String,
    },
    /// Delete a token for good
    #[command(alias = "delete")]
    Rm {
        /// User or organization
        owner: String,
        /// Which one, by id or label
        id: String,
    },
}

/// Commands about the tokens of identity providers (SCIM).
#[derive(Subcommand)]
#[expect(missing_docs, reason = "what an argument is stands where it needs words")]
pub enum ScimTokenCommand {
    /// List the tokens of an organization
    #[command(alias = "list")]
    Ls { organization: String },
    /// Create a token that an identity provider manages an organization's users with; it is shown once
    Create {
        organization: String,
        /// What it is for, such as okta; the audit log names it
        #[arg(long, default_value = "scim")]
        label: String,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Give a token another secret, which is shown once; the one before stops working at once
    Rotate {
        organization: String,
        /// Which one, by id or label, if there are several
        id: Option<String>,
    },
    /// Revoke a token; it stops working at once
    #[command(alias = "revoke")]
    Rm {
        organization: String,
        /// Which one, by id or label, if there are several
        id: Option<String>,
    },
}

/// When a token ends.
#[derive(Args)]
pub struct Expiry {
    /// Days after which it stops working, at most 36500 [default: never]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires_in_days: Option<u32>,
}

impl Expiry {
    fn time(&self) -> Option<String> {
        let days = i64::from(self.expires_in_days?);
        Some(format!("{:.6}", now() + SignedDuration::from_hours(24 * days)))
    }
}

const COLUMNS: &[Column] = &[
    column("ID", "id", Kind::Text, 0),
    column("LABEL", "label", Kind::Text, 0),
    column("SCOPE", "scope", Kind::Text, 1),
    column("ACTIVE", "is_active", Kind::Text, 2),
    column("EXPIRES", "expires_at", Kind::Time, 3),
    column("LAST USED", "last_used_at", Kind::Time, 4),
    column("ACCESS KEY", "access_key", Kind::Text, WIDE),
    column("BY", "created_by", Kind::Text, WIDE),
    column("CREATED", "created_at", Kind::Time, WIDE),
];
const LINES: &[Column] = &[
    column("id", "id", Kind::Text, 0),
    column("label", "label", Kind::Text, 0),
    column("scope", "scope", Kind::Text, 0),
    column("access key", "access_key", Kind::Text, 0),
    column("active", "is_active", Kind::Text, 0),
    column("expires", "expires_at", Kind::Time, 0),
    column("last used", "last_used_at", Kind::Time, 0),
    column("created", "created_at", Kind::Time, 0),
    column("by", "created_by", Kind::Text, 0),
];
const SCIM_COLUMNS: &[Column] = &[
    column("ID", "id", Kind::Text, 0),
    column("LABEL", "label", Kind::Text, 0),
    column("BY", "created_by", Kind::Text, 3),
    column("CREATED", "created_at", Kind::Time, 4),
    column("EXPIRES", "expires_at", Kind::Time, 1),
    column("LAST USED", "last_used_at", Kind::Time, 2),
];

/// Reads what a token may use, and for what.
fn parse_resource(text: &str) -> Result<TokenResource, String> {
    let wrong = || "must have the form acme/app=scope-image-pull,scope-tag-read".to_owned();
    let (path, scopes) = text.split_once('=').ok_or_else(wrong)?;
    let scopes: Vec<String> = scopes.split(',').map(str::to_owned).collect();
    match path.is_empty() || scopes.iter().any(String::is_empty) {
        true => Err(wrong()),
        false => Ok(TokenResource { path: path.to_owned(), scopes }),
    }
}

/// Returns whether a text is an id rather than a label.
fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Finds the token that is meant, by id or label.
fn find(client: &Client, owner: &str, text: &str) -> Result<TokenInfo> {
    if is_id(text) {
        return Ok(client.get_token(owner, text)?);
    }
    let mut found = None;
    for token in client.list_tokens(owner) {
        let token = token?;
        if token.label == text && found.replace(token).is_some() {
            let text = format!(
                "{owner} has several access tokens {text:?}; say which one by its id (see: longshore token ls {owner})"
            );
            return Err(Usage(text).into());
        }
    }
    let missing =
        || NotFound(format!("{owner} has no access token {text:?}; see: longshore token ls {owner}"));
    Ok(found.ok_or_else(missing)?)
}

/// Runs a command about access tokens.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run(command: TokenCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        TokenCommand::Ls { owner } => output.list(COLUMNS, "id", client.list_tokens(&owner))?,
        TokenCommand::Show { owner, id } => output.object(LINES, "id", &find(client, &owner, &id)?)?,
        TokenCommand::Create { owner, label, scope, resource: resources, expiry } => {
            let scope = scope.or_else(|| resources.is_empty().then(|| "repo:read".to_owned()));
            let expires_at = expiry.time();
            let new = CreateToken { label, scope, resources, expires_at, is_access_key: false };
            let made = client.create_token(&owner, &new)?;
            let text = format!(
                "token {} is created for {owner}, {}\ntoken  {}    (shown this once; use it as the password of {owner})",
                made.info.id, made.info.scope, made.secret
            );
            output.told_once(&text, "token", &with(&made.info, "token", &made.secret)?)?;
        }
        TokenCommand::Renew { owner, id, keep, expiry } => {
            let before = find(client, &owner, &id)?;
            let expires_at = expiry
                .time()
                .or_else(|| before.expires_at.as_deref().and_then(|end| as_long(&before.created_at, end)));
            let new = CreateToken {
                label: before.label.clone(),
                scope: before.resources.is_empty().then(|| before.scope.clone()),
                resources: before.resources.clone(),
                expires_at,
                is_access_key: before.access_key.is_some(),
            };
            let made = client.create_token(&owner, &new)?;
            if !keep {
                client.delete_token(&owner, &before.id)?;
            }
            let key =
                made.info.access_key.as_ref().map(|key| format!("\naccess key  {key}")).unwrap_or_default();
            let text = format!(
                "token {} of {owner} is made in the place of {}{key}\nsecret  {}    (shown this once)",
                made.info.id, before.id, made.secret
            );
            output.told_once(&text, "secret", &with(&made.info, "secret", &made.secret)?)?;
        }
        TokenCommand::CreateAccessKey { owner, label, scope, expiry } => {
            let (scope, resources, expires_at) = (Some(scope), Vec::new(), expiry.time());
            let new = CreateToken { label, scope, resources, expires_at, is_access_key: true };
            let made = client.create_token(&owner, &new)?;
            let text = format!(
                "token {} is created for {owner}, {}\naccess key  {}\nsecret key  {}    (shown this once)",
                made.info.id,
                made.info.scope,
                made.info.access_key.as_deref().unwrap_or_default(),
                made.secret
            );
            output.told_once(&text, "secret_key", &with(&made.info, "secret_key", &made.secret)?)?;
        }
        TokenCommand::Enable { owner, id } => switch(session, &owner, &id, true)?,
        TokenCommand::Disable { owner, id } => switch(session, &owner, &id, false)?,
        TokenCommand::Rm { owner, id } => {
            let token = find(client, &owner, &id)?;
            session.confirm(&format!("deletes this token of {owner}"), || {
                Ok(format!("{} {} {}", token.id, token.label, token.scope))
            })?;
            client.delete_token(&owner, &token.id)?;
            output.said(&format!("token {id} is deleted and no longer works"), "id", &token)?;
        }
    }
    Ok(Exit::Done)
}

/// Returns when a token ends that works from now on as long as another one did.
fn as_long(began: &str, ended: &str) -> Option<String> {
    let (began, ended): (jiff::Timestamp, jiff::Timestamp) = (began.parse().ok()?, ended.parse().ok()?);
    Some(now().checked_add(ended.duration_since(began)).ok()?.to_string())
}

/// What scripts get of something with a secret.
fn with(info: &impl serde::Serialize, key: &str, secret: &str) -> Result<Value> {
    let mut value = serde_json::to_value(info)?;
    value[key] = secret.into();
    Ok(value)
}

fn switch(session: &Session, owner: &str, id: &str, is_active: bool) -> Result<()> {
    let token = find(session.client, owner, id)?;
    let change = ChangeToken { is_active: Some(is_active), ..ChangeToken::default() };
    let token = session.client.change_token(owner, &token.id, &change)?;
    let what = if is_active { "works again" } else { "no longer works" };
    session.output.said(&format!("token {id} {what}"), "id", &token)
}

/// Finds the token of an identity provider that is meant: by id or label, or the only one.
fn find_scim(client: &Client, organization: &str, id: Option<&str>) -> Result<ScimTokenInfo> {
    let mut tokens = client.list_scim_tokens(organization)?;
    if let Some(id) = id {
        tokens.retain(|token| token.id == id || token.label == id);
    }
    match (tokens.pop(), tokens.is_empty(), id) {
        (Some(token), true, _) => Ok(token),
        (None, _, Some(id)) => {
            let text = format!(
                "{organization} has no SCIM token {id:?}; see: longshore scim-token ls {organization}"
            );
            Err(NotFound(text).into())
        }
        (None, _, None) => {
            let text = format!(
                "{organization} has no SCIM token; create one first: longshore scim-token create {organization}"
            );
            Err(NotFound(text).into())
        }
        (Some(_), false, _) => {
            let text = format!(
                "{organization} has several SCIM tokens; say which one, by id or label (see: longshore scim-token ls {organization})"
            );
            Err(Usage(text).into())
        }
    }
}

fn say_scim(session: &Session, what: &str, made: &CreatedScimToken) -> Result<()> {
    let text = format!(
        "{what}\ntoken  {}    (shown this once)\nGive it to the identity provider with the address https://YOUR-REGISTRY/v2/scim/2.0",
        made.secret
    );
    session.output.told_once(&text, "token", &with(&made.info, "token", &made.secret)?)
}

/// Runs a command about tokens of identity providers.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_scim(command: ScimTokenCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        ScimTokenCommand::Ls { organization } => {
            output.list(
                SCIM_COLUMNS,
                "id",
                client.list_scim_tokens(&organization)?.into_iter().map(anyhow::Ok),
            )?;
        }
        ScimTokenCommand::Create { organization, label, expiry } => {
            let new = CreateScimToken { label, expires_at: expiry.time() };
            let made = client.create_scim_token(&organization, &new)?;
            let what =
                format!("SCIM token {} ({}) is created for {organization}", made.info.id, made.info.label);
            say_scim(session, &what, &made)?;
        }
        ScimTokenCommand::Rotate { organization, id } => {
            let token = find_scim(client, &organization, id.as_deref())?;
            let made = client.rotate_scim_token(&organization, &token.id)?;
            let what = format!(
                "SCIM token {} ({}) has a new secret; the one before no longer works",
                made.info.id, made.info.label
            );
            say_scim(session, &what, &made)?;
        }
        ScimTokenCommand::Rm { organization, id } => {
            let token = find_scim(client, &organization, id.as_deref())?;
            let what = format!(
                "revokes a SCIM token of {organization}, so that its identity provider reaches nothing any more"
            );
            session.confirm(&what, || Ok(format!("{} {}", token.id, token.label)))?;
            client.delete_scim_token(&organization, &token.id)?;
            let text = format!("SCIM token {} ({}) no longer works", token.id, token.label);
            output.said(&text, "id", &json!({ "id": token.id, "label": token.label }))?;
        }
    }
    Ok(Exit::Done)
}
