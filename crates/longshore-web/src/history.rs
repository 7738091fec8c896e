//! Who moved a tag when, and moving it back.

use askama::Template;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::cursor;
use longshore_content::history::WayBack;
use longshore_content::manifests::Condition;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::digest::Digest;
use longshore_domain::name::Reference;
use longshore_domain::ports::metadata::{MovedWith, TagInterval};
use longshore_domain::{Error, Result};
use serde::Deserialize;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::{Age, short};
use crate::list::{self, Pager};
use crate::page::{Frame, Kept, Message, lead, send, show};
use crate::repository::{RepositoryHead, Tab, frame, open};

struct Row {
    digest: String,
    whole: String,
    from: Age,
    until: Option<Age>,
    set_by: String,
    ended_by: String,
    is_now: bool,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    head: RepositoryHead,
    tag: String,
    rows: Vec<Row>,
    pager: Pager,
    may_push: bool,
    /// What the tag points at, for what is only done while it still does.
    now: String,
}

fn with(used: Option<&MovedWith>) -> String {
    match used.and_then(|used| used.token.as_ref()) {
        Some(token) => format!(" with the token {token}"),
        None => String::new(),
    }
}

fn by(name: Option<&String>, used: Option<&MovedWith>) -> String {
    match name {
        Some(name) => format!("{name}{}", with(used)),
        None => String::new(),
    }
}

fn row(context: &Context, interval: &TagInterval) -> Row {
    let now = context.app.platform.now();
    Row {
        digest: short(&interval.digest),
        whole: interval.digest.to_string(),
        from: Age { at: interval.from, now },
        until: interval.until.map(|at| Age { at, now }),
        set_by: by(interval.set_by.as_ref(), interval.set_with.as_ref()),
        ended_by: by(interval.ended_by.as_ref(), interval.ended_with.as_ref()),
        is_now: interval.until.is_none(),
    }
}

async fn page(context: &Context, message: Option<Message>) -> Result<HistoryPage> {
    let (name, tag) = (context.repository()?, context.tag()?);
    let (actor, content) = (context.actor(), &context.app.content);
    let (head, _) = open(context, &name, Tab::Tags).await?;
    let list = format!("history of {tag}");
    let after = list::read_ahead(context, &list, cursor::time)?;
    let before = after.unwrap_or(Timestamp::MAX);
    let found = content.list_tag_history(actor, &name, &tag, before, context.page_size()?).await?;
    if found.items.is_empty() && after.is_none() {
        return Err(Error::ManifestUnknown { repository: name, reference: Reference::Tag(tag) });
    }
    let next = found.items.last().filter(|_| found.has_more).map(|last| last.from.as_microsecond());
    let pager = list::ahead(context, &list, after.is_none(), next)?;
    let mut frame = frame(context, &name, &format!("History of {tag}"));
    frame.messages.extend(message);
    Ok(HistoryPage {
        may_push: head.may.contains(RepositoryAction::Push),
        frame,
        head,
        tag: tag.to_string(),
        now: found
            .items
            .first()
            .filter(|first| first.until.is_none())
            .map(|first| first.digest.to_string())
            .unwrap_or_default(),
        rows: found.items.iter().map(|interval| row(context, interval)).collect(),
        pager,
    })
}

/// `GET /ui/r/{repository}/-/tags/{tag}/history`.
pub(crate) async fn show_tag_history(context: &Context, _body: RequestBody) -> Result<Response> {
    let message = context.query("moved").map(|_| Message::done("The tag points there again."));
    show(context, &page(context, message).await?)
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    to: String,
    /// What it must point at still; empty for nothing.
    #[serde(default)]
    now: String,
}

/// `POST /ui/r/{repository}/-/tags/{tag}/rollback`.
pub(crate) async fn roll_back_tag(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Sent = context.form(body).await?;
    let (name, tag) = (context.repository()?, context.tag()?);
    let to: Digest = sent.to.parse()?;
    let condition = match sent.now.as_str() {
        "" => Condition::Absent,
        digest => Condition::OneOf(vec![digest.parse()?]),
    };
    let moved = context
        .app
        .content
        .roll_back_tag(context.actor(), &name, &tag, &WayBack::Digest(to), condition)
        .await;
    match moved {
        Ok(_) => Ok(lead(context, &format!("/ui/r/{name}/-/tags/{tag}/history?moved=1"))),
        Err(error @ (Error::TagImmutable(_) | Error::Past(_) | Error::PreconditionFailed)) => {
            let page = page(context, Some(Message::problem(sentence(&error)))).await?;
            send(context, status(&error), Kept::Never, &page)
        }
        Err(other) => Err(other),
    }
}
