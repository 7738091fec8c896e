//! Signing in and out: password, second factor, the cookie.

use askama::Template;
use http::{HeaderValue, StatusCode, header};
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::retry_after;
use longshore_domain::access::actor::{Actor, Proof};
use longshore_domain::credential::is_access_token;
use longshore_domain::{Error, Result};
use longshore_identity::sign_in::{CHALLENGE_TTL, SignIn};
use serde::Deserialize;
use std::time::Duration;

use crate::context::{Context, next};
use crate::cookies::Cookie;
use crate::error::status;
use crate::format::counted;
use crate::page::{Frame, Kept, Message, Place, lead, send, show};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    user: String,
    next: String,
    is_wrong: bool,
}

#[derive(Template)]
#[template(path = "second_step.html")]
struct SecondStepPage {
    frame: Frame,
    next: String,
    is_wrong: bool,
}

fn first_step(context: &Context, user: &str, next: &str, problem: Option<String>) -> SignInPage {
    let is_wrong = problem.is_some();
    SignInPage {
        frame: Frame::new(context, Place::Elsewhere, "Sign in").saying(problem.map(Message::problem)),
        user: user.to_owned(),
        next: next.to_owned(),
        is_wrong,
    }
}

fn second_step(context: &Context, next: &str, problem: Option<String>) -> SecondStepPage {
    let is_wrong = problem.is_some();
    SecondStepPage {
        frame: Frame::new(context, Place::Elsewhere, "Second step").saying(problem.map(Message::problem)),
        next: next.to_owned(),
        is_wrong,
    }
}

/// Adds a cookie to a response.
pub(crate) fn keep(context: &Context, response: &mut Response, cookie: Cookie, value: &str, kept: Duration) {
    if let Some(header) = cookie.header(&context.client.origin, value, kept) {
        response.headers_mut().append(header::SET_COOKIE, header);
    }
}

/// `GET /ui/sign-in`.
pub(crate) async fn show_sign_in(context: &Context, _body: RequestBody) -> Result<Response> {
    let next = next(&context.text("next")).to_owned();
    if context.here().is_some() {
        return Ok(lead(context, &next));
    }
    let mut page = first_step(context, "", &next, None);
    if context.query("password").is_some() {
        page.frame.messages.push(Message::done("The password is changed. Sign in with the new one."));
    }
    show(context, &page)
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// Returns what is said about a sign-in that failed; `None` for what is no such failure.
fn failure(error: &Error, wrong: &str) -> Option<String> {
    match error {
        Error::Unauthenticated(_) => Some(wrong.to_owned()),
        Error::Throttled { retry_after_seconds } => Some(format!(
            "There were too many wrong tries. Try again in {}.",
            counted(*retry_after_seconds, "second", "seconds")
        )),
        _ => None,
    }
}

fn refused(context: &Context, error: &Error, page: &impl Template) -> Result<Response> {
    let mut response = send(context, status(error), Kept::Never, page)?;
    if let Some(seconds) = retry_after(error) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    Ok(response)
}

/// `POST /ui/sign-in`.
pub(crate) async fn sign_in(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Credentials = context.form(body).await?;
    let next = next(&sent.next).to_owned();
    let user = sent.user.trim();
    let identity = &context.app.identity;
    if is_access_token(&sent.password) {
        let text = "Access tokens sign in docker and scripts, not people. Type your password.";
        let page = first_step(context, user, &next, Some(text.into()));
        return send(context, StatusCode::UNAUTHORIZED, Kept::Never, &page);
    }
    match identity.sign_in(user, &sent.password, Some(context.client.address)).await {
        Ok(SignIn::Done(actor)) if actor.proof() == Proof::Password => begin(context, &actor, &next).await,
        Ok(SignIn::Done(_)) => {
            let page = first_step(context, user, &next, Some("User name or password is wrong.".into()));
            send(context, StatusCode::UNAUTHORIZED, Kept::Never, &page)
        }
        Ok(SignIn::SecondFactorNeeded(challenge)) => {
            let path = format!("/ui/sign-in/second-factor?next={}", crate::assets::encoded(&next));
            let mut response = lead(context, &path);
            keep(context, &mut response, Cookie::Challenge, challenge.expose(), CHALLENGE_TTL);
            Ok(response)
        }
        Err(error) => match failure(&error, "User name or password is wrong.") {
            Some(text) => refused(context, &error, &first_step(context, user, &next, Some(text))),
            None => Err(error),
        },
    }
}

/// `GET /ui/sign-in/second-factor`.
pub(crate) async fn show_second_step(context: &Context, _body: RequestBody) -> Result<Response> {
    let next = next(&context.text("next")).to_owned();
    match Cookie::Challenge.read(&context.client.origin, &context.parts.headers) {
        Some(_) => show(context, &second_step(context, &next, None)),
        None => Ok(lead(context, "/ui/sign-in")),
    }
}

#[derive(Deserialize)]
struct SecondStep {
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// `POST /ui/sign-in/second-factor`.
pub(crate) async fn complete_sign_in(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: SecondStep = context.form(body).await?;
    let next = next(&sent.next).to_owned();
    let Some(challenge) = Cookie::Challenge.read(&context.client.origin, &context.parts.headers) else {
        let text = "That took too long. Type your password again.";
        let page = first_step(context, "", &next, Some(text.into()));
        return send(context, StatusCode::UNAUTHORIZED, Kept::Never, &page);
    };
    match context.app.identity.complete_sign_in(&challenge, sent.code.trim()).await {
        Ok(actor) => {
            let mut response = begin(context, &actor, &next).await?;
            keep(context, &mut response, Cookie::Challenge, "", Duration::ZERO);
            Ok(response)
        }
        Err(error) => {
            let wrong = "The code is wrong or was used. After five wrong codes, or five minutes, begin again with the password.";
            match failure(&error, wrong) {
                Some(text) => refused(context, &error, &second_step(context, &next, Some(text))),
                None => Err(error),
            }
        }
    }
}

/// Begins a session for who signed in, in the place of one that there was.
pub(crate) async fn begin(context: &Context, actor: &Actor, next: &str) -> Result<Response> {
    let identity = &context.app.identity;
    let address = Some(context.client.address);
    let secret = identity.open_web_session(actor, address, context.user_agent()).await?;
    if let Some(here) = context.here() {
        // Somebody may have ended it meanwhile.
        let _ = identity.end_own_session(&here.browser.actor, here.browser.session.id).await;
    }
    let mut response = lead(context, next);
    let kept = context.app.platform.settings().session_ttl;
    keep(context, &mut response, Cookie::Session, secret.expose(), kept);
    Ok(response)
}

#[derive(Deserialize)]
struct SentEnd {
    #[serde(default)]
    next: String,
}

/// `POST /ui/sign-out`.
pub(crate) async fn sign_out(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: SentEnd = context.form(body).await?;
    if let Some(here) = context.here() {
        match context.app.identity.end_own_session(&here.browser.actor, here.browser.session.id).await {
            // Ended meanwhile.
            Ok(()) | Err(Error::SessionUnknown | Error::Unauthenticated(_)) => {}
            Err(other) => return Err(other),
        }
    }
    let path = if sent.next.is_empty() { "/ui/sign-in" } else { next(&sent.next) };
    let mut response = lead(context, path);
    keep(context, &mut response, Cookie::Session, "", Duration::ZERO);
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}
