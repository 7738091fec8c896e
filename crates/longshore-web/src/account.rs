//! How somebody wants pages to look and behave; kept by the browser.

use std::time::Duration;

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::Result;
use serde::Deserialize;

use crate::context::{Context, next};
use crate::cookies::Cookie;
use crate::list::{Choice, choices};
use crate::page::{Frame, Message, Place, lead, show};
use crate::preferences::{Preferences, ROWS, Theme, Tool};
use crate::sign_in::keep;

/// How long a browser keeps them.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

#[derive(Template)]
#[template(path = "preferences.html")]
struct PreferencesPage {
    frame: Frame,
    themes: Vec<Choice>,
    rows: Vec<Choice>,
    tools: Vec<Choice>,
    has_keys: bool,
}

/// Returns the entries of the field for the tool that pulls.
pub(crate) fn tools(chosen: Tool) -> Vec<Choice> {
    let entries = Tool::ALL.map(|tool| {
        (
            tool.as_str(),
            match tool {
                Tool::Docker => "docker",
                Tool::Podman => "podman",
                Tool::Crane => "crane",
                Tool::Skopeo => "skopeo",
                Tool::Helm => "helm",
                Tool::Kubernetes => "Kubernetes",
                Tool::Reference => "Reference alone",
            },
        )
    });
    choices(&entries, chosen.as_str())
}

/// `GET /ui/preferences`.
pub(crate) async fn show_preferences(context: &Context, _body: RequestBody) -> Result<Response> {
    let preferences = context.preferences;
    let themes = Theme::ALL.map(|theme| {
        (
            theme.as_str(),
            match theme {
                Theme::System => "As the system has it",
                Theme::Light => "Light",
                Theme::Dark => "Dark",
            },
        )
    });
    let numbers = ROWS.map(|rows| rows.to_string());
    let numbers: Vec<(&str, &str)> = numbers.iter().map(|text| (text.as_str(), text.as_str())).collect();
    let message = context.query("kept").map(|_| Message::done("Kept in this browser."));
    let page = PreferencesPage {
        frame: Frame::new(context, Place::Elsewhere, "Appearance and keys").saying(message),
        themes: choices(&themes, preferences.theme.as_str()),
        rows: choices(&numbers, &preferences.rows.to_string()),
        tools: tools(preferences.tool),
        has_keys: preferences.has_keys,
    };
    show(context, &page)
}

#[derive(Deserialize)]
struct Sent {
    theme: Option<String>,
    rows: Option<String>,
    tool: Option<String>,
    keys: Option<String>,
    #[serde(default)]
    next: String,
}

/// `POST /ui/preferences`. What is left out stays.
pub(crate) async fn set_preferences(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Sent = context.form(body).await?;
    let words = [sent.theme, sent.rows, sent.tool, sent.keys];
    let text =
        words.into_iter().flatten().fold(context.preferences.write(), |text, word| format!("{text}.{word}"));
    let mut response = match sent.next.is_empty() {
        true => lead(context, "/ui/preferences?kept=1"),
        false => lead(context, next(&sent.next)),
    };
    let preferences = Preferences::read(&text).write();
    keep(context, &mut response, Cookie::Preferences, &preferences, KEPT);
    Ok(response)
}
