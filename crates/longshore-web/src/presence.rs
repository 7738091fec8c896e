//! What takes the password: forms that are done only for somebody who gave it within ten minutes. Otherwise it is asked for in
//! between, and what was typed is kept.

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::form;
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Result};
use longshore_identity::own_account::BothFactors;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::sentence;
use crate::page::{Frame, Kept, Message, Place, send};

/// Names of the fields in which the password and the code come.
const PASSWORD: &str = "presence_password";
const CODE: &str = "presence_code";
/// What is in the name of a field whose value is not sent to the browser again.
const SECRET: [&str; 3] = ["password", "code", "secret"];

#[derive(Template)]
#[template(path = "presence.html")]
struct PresencePage {
    frame: Frame,
    path: String,
    fields: Vec<(String, String)>,
    has_second_factor: bool,
    is_wrong: bool,
}

/// What came of asking for a form.
pub(crate) enum Present<T> {
    /// The form, of somebody who is there.
    Form(T),
    /// The page that asks for the password.
    Asks(Response),
}

fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

async fn ask(context: &Context, fields: Vec<(String, String)>, problem: Option<String>) -> Result<Response> {
    let status = context.app.identity.second_factor_status(context.actor()).await?;
    let is_secret = |name: &str| SECRET.iter().any(|word| name.contains(word));
    let is_wrong = problem.is_some();
    let page = PresencePage {
        frame: Frame::new(context, Place::Elsewhere, "Your password").saying(problem.map(Message::problem)),
        path: context.parts.uri.path().to_owned(),
        fields: fields.into_iter().filter(|(name, _)| !is_secret(name)).collect(),
        has_second_factor: status.confirmed_at.is_some(),
        is_wrong,
    };
    let status = if is_wrong { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    send(context, status, Kept::Never, &page)
}

/// Reads a form that is done only for somebody who is there.
pub(crate) async fn form<T: DeserializeOwned>(context: &Context, body: RequestBody) -> Result<Present<T>> {
    let here = context.signed_in()?;
    let (identity, actor) = (&context.app.identity, context.actor());
    let bytes = context.bytes(body, context.app.platform.settings().body_idle).await?;
    let fields = pairs(&bytes);
    let find = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    if let Some(password) = find(PASSWORD) {
        let code = find(CODE).map(str::trim).filter(|code| !code.is_empty());
        let session = Some(here.secret.as_str());
        let factors = BothFactors { password, code, address: Some(context.client.address), session };
        match identity.prove_presence(actor, &here.secret, factors).await {
            Ok(_) => {}
            Err(Error::Unauthenticated(Unauthenticated::InvalidToken | Unauthenticated::Missing)) => {
                return Err(Error::Unauthenticated(Unauthenticated::Missing));
            }
            Err(Error::Unauthenticated(_)) => {
                let text = "The password or the code is wrong.".to_owned();
                return ask(context, fields, Some(text)).await.map(Present::Asks);
            }
            Err(error @ (Error::Throttled { .. } | Error::Invalid { .. })) => {
                return ask(context, fields, Some(sentence(&error))).await.map(Present::Asks);
            }
            Err(other) => return Err(other),
        }
    } else if !identity.is_present(&here.secret).await? {
        return ask(context, fields, None).await.map(Present::Asks);
    }
    form::parse(&bytes).map(Present::Form)
}
