//! The first run: the administrator's own password, by a link that works once.

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::{Error, Field, Result};
use serde::Deserialize;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::page::{Frame, Kept, Message, Place, send};
use crate::sign_in::begin;

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    frame: Frame,
    secret: String,
    wants_factor: bool,
    is_wrong: bool,
}

#[derive(Default, Deserialize)]
struct Sent {
    #[serde(default)]
    secret: String,
    #[serde(default)]
    new_password: String,
    #[serde(default)]
    again_password: String,
    #[serde(default)]
    factor: String,
}

fn page(context: &Context, sent: &Sent, problem: Option<String>) -> SetupPage {
    let is_wrong = problem.is_some();
    SetupPage {
        frame: Frame::new(context, Place::Elsewhere, "Set this registry up")
            .saying(problem.map(Message::problem)),
        secret: sent.secret.clone(),
        wants_factor: sent.factor == "yes",
        is_wrong,
    }
}

/// `GET /ui/setup`.
pub(crate) async fn show_setup(context: &Context, _body: RequestBody) -> Result<Response> {
    let sent = Sent { factor: "yes".into(), ..Sent::default() };
    send(context, StatusCode::OK, Kept::Never, &page(context, &sent, None))
}

/// `POST /ui/setup`.
pub(crate) async fn set_up(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Sent = context.form(body).await?;
    let done = match sent.new_password == sent.again_password {
        true => context.app.identity.use_first_run_secret(sent.secret.trim(), &sent.new_password).await,
        false => Err(Error::Invalid {
            field: Field::Password,
            reason: "is typed differently the second time; nothing was changed".into(),
        }),
    };
    match done {
        Ok(actor) => {
            let next = if sent.factor == "yes" { "/ui/account/second-factor" } else { "/ui/" };
            begin(context, &actor, next).await
        }
        Err(error @ Error::Unauthenticated(_)) => {
            let text = "This link was used, is older than an hour, or is none. On the machine of the registry, longshore user password admin sets another password; then sign in with that.";
            send(context, status(&error), Kept::Never, &page(context, &sent, Some(text.into())))
        }
        Err(error @ Error::Conflict(_)) => {
            let text =
                "The administrator has a second factor, for which this link does not stand. Sign in with it.";
            send(context, status(&error), Kept::Never, &page(context, &sent, Some(text.into())))
        }
        Err(error @ Error::Invalid { .. }) => {
            send(context, status(&error), Kept::Never, &page(context, &sent, Some(sentence(&error))))
        }
        Err(other) => Err(other),
    }
}
