//! Where one is signed in.

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::access::actor::Proof;
use longshore_domain::ports::metadata::WebSession;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::context::Context;
use crate::format::{Age, count};
use crate::page::{Frame, Message, Place, lead, show};

struct Row {
    id: String,
    is_this: bool,
    program: String,
    address: String,
    has_second_factor: bool,
    began: Age,
    seen: Age,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    name: String,
    rows: Vec<Row>,
    programs: u64,
    programs_text: String,
}

/// Names browser and system, as far as the text says which they are.
fn program(agent: &str) -> String {
    let of = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    let browser = of(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chromium"),
        ("Safari/", "Safari"),
    ]);
    let system = of(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) if agent.is_empty() => "A browser that gives no name".into(),
        (None, _) => agent.chars().take(60).collect(),
    }
}

fn row(context: &Context, session: &WebSession, this: Uuid) -> Row {
    let now = context.app.platform.now();
    Row {
        id: session.id.to_string(),
        is_this: session.id == this,
        program: program(&session.program),
        address: session.address.clone(),
        has_second_factor: session.proof == Proof::SecondFactor,
        began: Age { at: session.created_at, now },
        seen: Age { at: session.seen_at, now },
    }
}

/// `GET /ui/account/sessions`.
pub(crate) async fn show_sessions(context: &Context, _body: RequestBody) -> Result<Response> {
    let here = context.signed_in()?;
    let found = context.app.identity.list_own_sessions(context.actor()).await?;
    let message = match context.query("ended").as_deref() {
        Some("one") => Some(Message::done("The session is ended.")),
        Some("others") => {
            Some(Message::done("You are signed out everywhere else, and so are your programs."))
        }
        _ => None,
    };
    let this = here.browser.session.id;
    let mut rows: Vec<Row> = found.browsers.iter().map(|session| row(context, session, this)).collect();
    rows.sort_by_key(|row| !row.is_this);
    let frame = Frame::new(context, Place::Elsewhere, "Sessions").saying(message);
    let programs_text = match found.programs {
        0..1000 => count(found.programs),
        more => format!("{} or more", count(more)),
    };
    let name = here.browser.account.name.to_string();
    show(context, &SessionsPage { frame, name, rows, programs: found.programs, programs_text })
}

/// `POST /ui/account/sessions/{id}/end`.
pub(crate) async fn end_session(context: &Context, _body: RequestBody) -> Result<Response> {
    let id: Uuid = context.parameter("id").parse().map_err(|_| Error::SessionUnknown)?;
    context.app.identity.end_own_session(context.actor(), id).await?;
    Ok(lead(context, "/ui/account/sessions?ended=one"))
}

/// `POST /ui/account/sessions/end-others`.
pub(crate) async fn end_other_sessions(context: &Context, _body: RequestBody) -> Result<Response> {
    context.app.identity.end_other_sessions(&context.signed_in()?.browser).await?;
    Ok(lead(context, "/ui/account/sessions?ended=others"))
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn browsers_are_named_as_people_name_them() {
        let cases = [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
                "Chromium on Linux",
            ),
            ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.14", "curl/8.14"),
            ("", "A browser that gives no name"),
        ];
        for (agent, name) in cases {
            assert_eq!(program(agent), name);
        }
    }
}
