//! Setting a second factor up, step by step, and removing it.

use std::fmt;

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::qr::svg_of;
use longshore_domain::conflict::Conflict;
use longshore_domain::{Error, Result};
use serde::Deserialize;

use crate::context::Context;
use crate::cookies::Cookie;
use crate::error::{sentence, status};
use crate::format::{Age, count};
use crate::page::{Frame, Kept, Message, lead, send, show};
use crate::profile::frame;
use crate::sign_in::keep;

/// A picture that we made.
struct Picture(String);

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Picture {}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct StatusPage {
    frame: Frame,
    name: String,
    since: Option<Age>,
    codes: String,
    is_wrong: bool,
}

#[derive(Template)]
#[template(path = "second_factor_scan.html")]
struct ScanPage {
    frame: Frame,
    name: String,
    picture: Picture,
    /// In groups of four.
    key: String,
    secret: String,
    url: String,
    is_wrong: bool,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct CodesPage {
    frame: Frame,
    name: String,
    codes: Vec<String>,
}

async fn status_page(context: &Context, message: Option<Message>) -> Result<StatusPage> {
    let found = context.app.identity.second_factor_status(context.actor()).await?;
    let now = context.app.platform.now();
    let is_wrong = message.as_ref().is_some_and(|message| message.role() == "alert");
    Ok(StatusPage {
        frame: frame(context, "Second factor").saying(message),
        name: context.signed_in()?.browser.account.name.to_string(),
        since: found.confirmed_at.map(|at| Age { at, now }),
        codes: count(found.recovery_codes),
        is_wrong,
    })
}

/// `GET /ui/account/second-factor`.
pub(crate) async fn show_second_factor(context: &Context, _body: RequestBody) -> Result<Response> {
    let message = context.query("off").map(|_| Message::done("The second factor is off."));
    show(context, &status_page(context, message).await?)
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    url: String,
}

/// Returns what is said when password or code are wrong; `None` for other errors.
fn refusal(error: &Error) -> Option<String> {
    match error {
        Error::Unauthenticated(_) => Some("The password or the code is wrong.".into()),
        Error::Throttled { .. } | Error::Invalid { .. } | Error::Conflict(_) => Some(sentence(error)),
        _ => None,
    }
}

async fn refused(context: &Context, error: Error) -> Result<Response> {
    match refusal(&error) {
        Some(text) => {
            let page = status_page(context, Some(Message::problem(text))).await?;
            send(context, status(&error), Kept::Never, &page)
        }
        None => Err(error),
    }
}

fn scan_page(context: &Context, secret: &str, url: &str, problem: Option<String>) -> Result<ScanPage> {
    let letters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    let is_wrong = problem.is_some();
    let svg = svg_of(url)?;
    // Without what stands before a picture that is a file of its own.
    let begins_at = svg.find("<svg").unwrap_or_default();
    let picture =
        svg[begins_at..].replacen("<svg", "<svg role=\"img\" aria-label=\"QR code of the key below\"", 1);
    Ok(ScanPage {
        frame: frame(context, "Set up a second factor").saying(problem.map(Message::problem)),
        name: context.signed_in()?.browser.account.name.to_string(),
        picture: Picture(picture),
        key: groups.join(" "),
        secret: secret.to_owned(),
        url: url.to_owned(),
        is_wrong,
    })
}

/// `POST /ui/account/second-factor`: begins.
pub(crate) async fn enrol_second_factor(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Sent = context.form(body).await?;
    let address = Some(context.client.address);
    match context.app.identity.enrol_second_factor(context.actor(), &sent.password, address).await {
        Ok(begun) => {
            let page = scan_page(context, &begun.secret.base32(), &begun.otpauth_url, None)?;
            send(context, StatusCode::OK, Kept::Never, &page)
        }
        Err(error) => refused(context, error).await,
    }
}

/// Returns whether an address is one that an authenticator opens, as we made it; nothing else is drawn.
fn is_enrolment(url: &str) -> bool {
    url.starts_with("otpauth://totp/") && url.len() <= 500
}

/// `POST /ui/account/second-factor/confirm`.
pub(crate) async fn confirm_second_factor(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Sent = context.form(body).await?;
    let identity = &context.app.identity;
    let code = sent.code.replace(' ', "");
    let confirmed = match identity.confirm_second_factor(context.actor(), &code).await {
        Ok(confirmed) => confirmed,
        // It can be tried again with the same key.
        Err(error @ (Error::Unauthenticated(_) | Error::Invalid { .. } | Error::Throttled { .. }))
            if is_enrolment(&sent.url) =>
        {
            let text = match &error {
                Error::Unauthenticated(_) => "That code is wrong. Wait for the next one, and see that the clock of the device is right.".into(),
                other => sentence(other),
            };
            let page = scan_page(context, &sent.secret, &sent.url, Some(text))?;
            return send(context, status(&error), Kept::Never, &page);
        }
        Err(error) => return refused(context, error).await,
    };
    // What was signed in before is not any more, this browser too: it goes on with both factors.
    let address = Some(context.client.address);
    let secret = identity.open_web_session(&confirmed.actor, address, context.user_agent()).await?;
    let page = CodesPage {
        frame: frame(context, "Recovery codes").saying(Some(Message::done("The second factor is on."))),
        name: context.signed_in()?.browser.account.name.to_string(),
        codes: confirmed.recovery_codes,
    };
    let mut response = send(context, StatusCode::OK, Kept::Never, &page)?;
    let kept = context.app.platform.settings().session_ttl;
    keep(context, &mut response, Cookie::Session, secret.expose(), kept);
    Ok(response)
}

/// `POST /ui/account/second-factor/recovery-codes`.
pub(crate) async fn renew_recovery_codes(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Sent = context.form(body).await?;
    let address = Some(context.client.address);
    let identity = &context.app.identity;
    match identity.renew_recovery_codes(context.actor(), &sent.password, sent.code.trim(), address).await {
        Ok(codes) => {
            let text = "These are in the place of the codes before.";
            let page = CodesPage {
                frame: frame(context, "Recovery codes").saying(Some(Message::done(text))),
                name: context.signed_in()?.browser.account.name.to_string(),
                codes,
            };
            send(context, StatusCode::OK, Kept::Never, &page)
        }
        Err(error) => refused(context, error).await,
    }
}

/// `POST /ui/account/second-factor/disable`.
pub(crate) async fn disable_second_factor(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Sent = context.form(body).await?;
    let address = Some(context.client.address);
    let identity = &context.app.identity;
    match identity.disable_second_factor(context.actor(), &sent.password, sent.code.trim(), address).await {
        Ok(()) | Err(Error::Conflict(Conflict::NoSecondFactor(_))) => {
            Ok(lead(context, "/ui/account/second-factor?off=1"))
        }
        Err(error) => refused(context, error).await,
    }
}
