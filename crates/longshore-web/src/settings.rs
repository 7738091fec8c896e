//! Describing, protecting and deleting a repository.

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::inventory::HeldRepository;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::name::RepositoryName;
use longshore_domain::repository::{DESCRIPTION_LIMIT_CHARACTERS, RepositoryChange, Visibility};
use longshore_domain::{Error, Field, Result};
use serde::Deserialize;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::{Size, counted, date};
use crate::page::{Frame, Kept, Message, lead, send, show};
use crate::repository::{RepositoryHead, Tab, frame, open};

#[derive(Default, Deserialize)]
struct Sent {
    #[serde(default)]
    description: String,
    #[serde(default)]
    readme: String,
    #[serde(default)]
    visibility: String,
    /// `off`, `all` or `rules`.
    #[serde(default)]
    immutable: String,
    /// One a line.
    #[serde(default)]
    rules: String,
    /// The settings that were shown.
    #[serde(default)]
    version: String,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    head: RepositoryHead,
    sent: Sent,
    wrong: &'static str,
    may_edit: bool,
    may_protect: bool,
    may_remove: bool,
    limit: usize,
}

fn present(held: &HeldRepository) -> Sent {
    let details = &held.details;
    let tags = &details.immutable_tags;
    Sent {
        description: details.description.clone(),
        readme: details.full_description.clone(),
        visibility: details.repository.visibility.as_str().to_owned(),
        immutable: match (tags.is_enabled(), tags.rules()) {
            (false, _) => "off",
            (true, []) => "all",
            (true, _) => "rules",
        }
        .to_owned(),
        rules: tags.rules().join("\n"),
        version: details.settings_version(),
    }
}

fn page(
    context: &Context,
    name: &RepositoryName,
    head: RepositoryHead,
    sent: Sent,
    error: Option<&Error>,
) -> SettingsPage {
    let wrong = match error {
        Some(Error::Invalid { field: Field::Description, .. }) => "description",
        Some(Error::Invalid { field: Field::FullDescription, .. }) => "readme",
        Some(Error::Invalid { field: Field::ImmutableTagRules, .. }) => "rules",
        _ => "",
    };
    let may = |action| head.may.contains(action);
    SettingsPage {
        frame: frame(context, name, "Settings").saying(error.map(|error| Message::problem(sentence(error)))),
        may_edit: may(RepositoryAction::Edit),
        may_protect: may(RepositoryAction::SetImmutability),
        may_remove: may(RepositoryAction::Remove),
        head,
        sent,
        wrong,
        limit: DESCRIPTION_LIMIT_CHARACTERS,
    }
}

/// Returns the refusal to those who change nothing here.
fn check_may_change(name: &RepositoryName, head: &RepositoryHead) -> Result<()> {
    match head.changes() {
        true => Ok(()),
        false => Err(Error::RepositoryUnknown(name.clone())),
    }
}

/// `GET /ui/r/{repository}/-/settings`.
pub(crate) async fn show_settings(context: &Context, _body: RequestBody) -> Result<Response> {
    let name = context.repository()?;
    let (head, held) = open(context, &name, Tab::Settings).await?;
    check_may_change(&name, &head)?;
    let mut page = page(context, &name, head, present(&held), None);
    page.frame.messages.extend(context.query("saved").map(|_| Message::done("Saved.")));
    show(context, &page)
}

fn immutable_tags(sent: &Sent) -> Result<ImmutableTags> {
    let rules = sent.rules.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
    match sent.immutable.as_str() {
        "all" => ImmutableTags::new(true, Vec::new()),
        "rules" => {
            let rules: Vec<String> = rules.collect();
            if rules.is_empty() {
                return Err(Error::Invalid {
                    field: Field::ImmutableTagRules,
                    reason: "has no rule; write one a line, or choose all tags".into(),
                });
            }
            ImmutableTags::new(true, rules)
        }
        // What they were is kept for the next time.
        _ => ImmutableTags::new(false, rules.collect()),
    }
}

async fn change(context: &Context, name: &RepositoryName, head: &RepositoryHead, sent: &Sent) -> Result<()> {
    let mut change = RepositoryChange {
        expected: Some(vec![sent.version.clone()]).filter(|_| !sent.version.is_empty()),
        ..RepositoryChange::default()
    };
    if head.may.contains(RepositoryAction::Edit) {
        change.description = Some(sent.description.clone());
        change.full_description = Some(sent.readme.replace("\r\n", "\n"));
        change.visibility = Some(sent.visibility.parse()?);
    }
    if head.may.contains(RepositoryAction::SetImmutability) {
        change.immutable_tags = Some(immutable_tags(sent)?);
    }
    context.app.content.change_repository(context.actor(), name, change).await.map(|_| ())
}

/// `POST /ui/r/{repository}/-/settings`.
pub(crate) async fn change_settings(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, Sent) = (context.repository()?, context.form(body).await?);
    let (head, held) = open(context, &name, Tab::Settings).await?;
    check_may_change(&name, &head)?;
    let makes_public = sent.visibility == Visibility::Public.as_str()
        && held.details.repository.visibility != Visibility::Public;
    match change(context, &name, &head, &sent).await {
        Ok(()) if makes_public => Ok(lead(context, &format!("/ui/r/{name}/-/settings?saved=public"))),
        Ok(()) => Ok(lead(context, &format!("/ui/r/{name}/-/settings?saved=1"))),
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            let status = status(&error);
            // What was typed stays, on top of what somebody else saved meanwhile.
            let mut sent = sent;
            if matches!(error, Error::PreconditionFailed) {
                sent.version = held.details.settings_version();
            }
            let mut page = page(context, &name, head, sent, Some(&error));
            if matches!(error, Error::PreconditionFailed) {
                page.frame.messages.clear();
                page.frame.messages.push(Message::problem(
                    "Somebody else changed these settings meanwhile. Below is what you typed; save again to replace theirs.",
                ));
            }
            send(context, status, Kept::Never, &page)
        }
    }
}

#[derive(Template)]
#[template(path = "delete_repository.html")]
struct DeletePage {
    frame: Frame,
    head: RepositoryHead,
    tags: String,
    images: String,
    stored: Size,
    pulls: String,
    undo_until: Option<String>,
    version: String,
}

/// `GET /ui/r/{repository}/-/delete`.
pub(crate) async fn show_delete(context: &Context, _body: RequestBody) -> Result<Response> {
    let name = context.repository()?;
    let (head, held) = open(context, &name, Tab::Settings).await?;
    let version = held.details.settings_version();
    context
        .app
        .content
        .check_repository_deletion(context.actor(), &name, Some(vec![version.clone()]))
        .await?;
    let undo = context.app.platform.settings().gc.undo;
    let until = longshore_platform::later(context.app.platform.now(), undo);
    let page = DeletePage {
        frame: frame(context, &name, "Delete"),
        head,
        tags: counted(held.counts.tags, "tag", "tags"),
        images: counted(held.counts.images, "image", "images"),
        stored: Size(held.counts.stored_bytes),
        pulls: counted(held.details.pulls, "pull", "pulls"),
        undo_until: (!undo.is_zero()).then(|| date(until)),
        version,
    };
    show(context, &page)
}

#[derive(Deserialize)]
struct SentDelete {
    #[serde(default)]
    version: String,
}

/// `POST /ui/r/{repository}/-/delete`.
pub(crate) async fn delete_repository(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, SentDelete) = (context.repository()?, context.form(body).await?);
    let expected = Some(vec![sent.version]).filter(|versions| !versions[0].is_empty());
    context.app.content.delete_repository_if(context.actor(), &name, expected).await?;
    Ok(lead(context, &format!("/ui/n/{}/deleted", name.namespace())))
}
