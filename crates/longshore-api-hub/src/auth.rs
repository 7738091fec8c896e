//! This dialect's credentials: session tokens, as `Bearer` or, as older scripts write it, `JWT`.

use std::sync::Arc;

use http::{HeaderMap, header};
use longshore_app::App;
use longshore_domain::access::actor::Actor;
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Result};

/// Finds out who calls, who must be somebody whose credential is good now, and the id of that account.
pub(crate) async fn signed_in(app: &App, headers: &HeaderMap) -> Result<(Arc<Actor>, String)> {
    let actor = actor(app, headers).await?;
    let account = app.access.get_own_account(&actor).await?;
    Ok((actor, account.uuid.simple().to_string()))
}

/// Finds out who calls; that the account and credential are still good is asked with every operation.
pub(crate) async fn actor(app: &App, headers: &HeaderMap) -> Result<Arc<Actor>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(Arc::new(Actor::ANONYMOUS));
    };
    let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
    let (scheme, token) = value.to_str().map_err(|_| invalid())?.split_once(' ').ok_or_else(invalid)?;
    if !["bearer", "jwt"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(invalid());
    }
    app.identity.authenticate_session(token.trim()).await
}
