//! Commands about the tokens of identity providers.

use longshore_app::App;
use longshore_domain::Result;
use longshore_domain::conflict::Conflict;
use longshore_domain::credential::Secret;
use longshore_domain::directory::ScimToken;
use longshore_domain::name::Namespace;
use serde_json::{Value, json};

use super::Outcome;
use super::run::{OPERATOR, done, expiry, time};

fn token_json(token: &ScimToken) -> Value {
    json!({
        "id": token.uuid.to_string(),
        "label": token.label,
        "created_by": token.created_by,
        "created_at": time(token.created_at),
        "expires_at": token.expires_at.map(time),
        "last_used_at": token.last_used_at.map(time),
    })
}

fn with_secret(what: &str, token: &ScimToken, secret: &Secret) -> Outcome {
    let mut json = token_json(token);
    json["token"] = Value::String(secret.expose().to_owned());
    let text = format!(
        "{what}\ntoken  {}    (shown this once)\nGive it to the identity provider with the address https://YOUR-REGISTRY/v2/scim/2.0",
        secret.expose()
    );
    Outcome::said(text, json)
}

/// Creates a token.
pub(super) async fn create(
    app: &App,
    organization: &Namespace,
    label: &str,
    expires_in_days: Option<u32>,
) -> Result<Outcome> {
    let expires_at = expiry(app, expires_in_days);
    let (token, secret) = app.identity.create_scim_token(&OPERATOR, organization, label, expires_at).await?;
    let what = format!("SCIM token {} ({label}) is created for {organization}", token.uuid);
    Ok(with_secret(&what, &token, &secret))
}

/// Finds the token that is meant: by id or label, or the only one.
async fn find(app: &App, organization: &Namespace, id: Option<&str>) -> Result<ScimToken> {
    let tokens = app.identity.list_scim_tokens(&OPERATOR, organization).await?;
    match (id, tokens.as_slice()) {
        (Some(id), tokens) => {
            let is_it = |token: &&ScimToken| token.uuid.to_string() == id || token.label == id;
            tokens.iter().find(is_it).cloned().ok_or_else(|| {
                Conflict::Setup(format!(
                    "{organization} has no SCIM token {id:?}; see: longshore scim-token list {organization}"
                )).into()
            })
        }
        (None, [token]) => Ok(token.clone()),
        (None, []) => Err(Conflict::Setup(format!(
            "{organization} has no SCIM token; create one first: longshore scim-token create {organization}"
        )).into()),
        (None, _) => Err(Conflict::Setup(format!(
            "{organization} has several SCIM tokens; say which one, by id or label (see: longshore scim-token list {organization})"
        )).into()),
    }
}

/// Replaces the secret of a token.
pub(super) async fn rotate(app: &App, organization: &Namespace, id: Option<&str>) -> Result<Outcome> {
    let token = find(app, organization, id).await?;
    let (token, secret) = app.identity.rotate_scim_token(&OPERATOR, organization, token.uuid).await?;
    let what = format!(
        "SCIM token {} ({}) has a new secret; the one before no longer works",
        token.uuid, token.label
    );
    Ok(with_secret(&what, &token, &secret))
}

/// Revokes a token.
pub(super) async fn revoke(app: &App, organization: &Namespace, id: Option<&str>) -> Result<Outcome> {
    let token = find(app, organization, id).await?;
    app.identity.revoke_scim_token(&OPERATOR, organization, token.uuid).await?;
    let text = format!("SCIM token {} ({}) no longer works", token.uuid, token.label);
    Ok(done(text, &token.uuid.to_string()))
}

/// Lists tokens.
pub(super) async fn list(app: &App, organization: &Namespace) -> Result<Outcome> {
    let tokens = app.identity.list_scim_tokens(&OPERATOR, organization).await?;
    let columns = &[
        ("ID", "id"),
        ("LABEL", "label"),
        ("BY", "created_by"),
        ("CREATED", "created_at"),
        ("EXPIRES", "expires_at"),
        ("LAST USED", "last_used_at"),
    ];
    Ok(Outcome::table(columns, tokens.iter().map(token_json).collect()))
}
