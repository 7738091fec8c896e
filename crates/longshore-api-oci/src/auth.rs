//! This dialect's credentials: `Basic`, and bearer tokens of the token service.

use std::sync::Arc;

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::allotment::Allotment;
use longshore_api_common::credentials::Credentials;
use longshore_domain::access::actor::Actor;
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Result};
use longshore_identity::authentication::UploadActor;

use crate::Context;
use crate::wire::json;

/// Finds out who calls.
pub(crate) async fn actor(context: &Context) -> Result<Arc<Actor>> {
    let actor = match Credentials::of(&context.parts.headers)? {
        Credentials::None => return Ok(Arc::new(Actor::ANONYMOUS)),
        Credentials::Bearer(token) => context.app.identity.authenticate_bearer(token).await?,
        Credentials::Basic { user, secret } => {
            context.app.identity.authenticate_basic(&user, &secret, Some(context.client.address)).await?
        }
    };
    // A bearer token can be an anonymous one.
    if !actor.is_anonymous() {
        Allotment::sign_in(&context.parts.extensions);
    }
    Ok(actor)
}

/// Finds out who calls for an upload in progress; the token that was good when it began may have expired.
pub(crate) async fn upload_actor(context: &Context) -> Result<UploadActor> {
    match Credentials::of(&context.parts.headers)? {
        Credentials::Bearer(token) => context.app.identity.authenticate_bearer_for_upload(token).await,
        Credentials::None | Credentials::Basic { .. } => {
            Ok(UploadActor { actor: actor(context).await?, validity: None })
        }
    }
}

/// end-1. Clients ask this first, to learn how to sign in; so it is refused to those who have not.
pub(crate) async fn ping(context: &Context) -> Result<Response> {
    let actor = match Credentials::of(&context.parts.headers)? {
        Credentials::None => return Err(Error::Unauthenticated(Unauthenticated::Missing)),
        Credentials::Bearer(_) | Credentials::Basic { .. } => actor(context).await?,
    };
    context.app.access.check_actor(&actor).await?;
    Ok(json(StatusCode::OK, &serde_json::json!({})))
}
