//! A repository in one look: what it is, how to use it, what it holds.

use std::time::Duration;

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::inventory::HeldRepository;
use longshore_domain::Result;
use longshore_domain::access::action::{Actions, RepositoryAction};
use longshore_domain::image::TagFilter;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::PageSize;
use longshore_domain::repository::Visibility;
use longshore_domain::tag_order::TagOrder;
use longshore_platform::earlier;

use crate::account::tools;
use crate::context::Context;
use crate::format::{Age, Size, count, percent, short};
use crate::list::Choice;
use crate::markdown::{Readme, render};
use crate::page::{Crumb, Frame, Message, Place, show};

/// Newest tags that are shown.
const NEWEST: u64 = 8;
/// How long images have been neither pushed nor pulled that are called stale.
pub(crate) const STALE: Duration = Duration::from_secs(180 * 24 * 3600);

/// Which page of a repository is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Tags,
    Images,
    Retention,
    Access,
    Settings,
}

/// What stands at the top of each page of a repository.
pub(crate) struct RepositoryHead {
    pub(crate) name: String,
    pub(crate) is_public: bool,
    /// Rules of its immutable tags; empty for none.
    pub(crate) immutable: String,
    pub(crate) tab: Tab,
    pub(crate) may: Actions,
}

impl RepositoryHead {
    pub(crate) fn is_overview(&self) -> bool {
        self.tab == Tab::Overview
    }

    pub(crate) fn is_tags(&self) -> bool {
        self.tab == Tab::Tags
    }

    pub(crate) fn is_images(&self) -> bool {
        self.tab == Tab::Images
    }

    pub(crate) fn is_retention(&self) -> bool {
        self.tab == Tab::Retention
    }

    pub(crate) fn is_access(&self) -> bool {
        self.tab == Tab::Access
    }

    pub(crate) fn is_settings(&self) -> bool {
        self.tab == Tab::Settings
    }

    /// Returns whether somebody decides about who may do what here.
    pub(crate) fn sees_access(&self) -> bool {
        self.may.contains(RepositoryAction::AssignTeam)
    }

    /// Returns whether somebody changes something about the repository.
    pub(crate) fn changes(&self) -> bool {
        let actions = [RepositoryAction::Edit, RepositoryAction::SetImmutability, RepositoryAction::Remove];
        actions.into_iter().any(|action| self.may.contains(action))
    }

    pub(crate) fn sees_tags(&self) -> bool {
        self.may.contains(RepositoryAction::ViewTags)
    }
}

/// Finds a repository, for a page of it.
pub(crate) async fn open(
    context: &Context,
    name: &RepositoryName,
    tab: Tab,
) -> Result<(RepositoryHead, HeldRepository)> {
    let (held, may) = context.app.content.get_held_repository(context.actor(), name).await?;
    let details = &held.details;
    let immutable = match (details.immutable_tags.is_enabled(), details.immutable_tags.rules()) {
        (false, _) => String::new(),
        (true, []) => "all".to_owned(),
        (true, rules) => rules.join(", "),
    };
    let head = RepositoryHead {
        name: name.to_string(),
        is_public: details.repository.visibility == Visibility::Public,
        immutable,
        tab,
        may,
    };
    Ok((head, held))
}

/// Makes the frame of a page of a repository; `text` names the page, empty for the repository itself.
pub(crate) fn frame(context: &Context, name: &RepositoryName, text: &str) -> Frame {
    let namespace = name.namespace();
    let rest = name.as_str().strip_prefix(&format!("{namespace}/")).unwrap_or(name.as_str()).to_owned();
    let title = match text {
        "" => name.to_string(),
        text => format!("{text} · {name}"),
    };
    let mut frame = Frame::new(context, Place::Repositories, title).below([
        ("Repositories", "/ui/repositories".into()),
        (namespace.as_str(), format!("/ui/n/{namespace}")),
    ]);
    let path = if text.is_empty() { String::new() } else { format!("/ui/r/{name}") };
    frame.crumbs.push(Crumb { text: rest, path });
    if !text.is_empty() {
        frame.crumbs.push(Crumb { text: text.to_owned(), path: String::new() });
    }
    frame
}

/// How an image is pulled.
pub(crate) struct Pull {
    pub(crate) command: String,
    pub(crate) tools: Vec<Choice>,
    /// Address of this page, to come back to.
    pub(crate) next: String,
}

/// Says how something is pulled, by the part of its reference behind the host.
pub(crate) fn pull(context: &Context, frame: &Frame, reference: &str) -> Pull {
    let tool = context.preferences.tool;
    Pull {
        command: tool.command(&format!("{}/{reference}", frame.host)),
        tools: tools(tool),
        next: frame.here.clone(),
    }
}

struct NewTag {
    name: String,
    digest: String,
    pushed: Age,
    by: String,
}

struct Usage {
    tags: String,
    images: String,
    pulls: String,
    stored: Size,
    sum: Size,
    shared_percent: u64,
    stale: String,
    stale_bytes: Option<Size>,
}

#[derive(Template)]
#[template(path = "repository.html")]
struct RepositoryPage {
    frame: Frame,
    head: RepositoryHead,
    description: String,
    readme: Option<Readme>,
    pull: Option<Pull>,
    newest: Vec<NewTag>,
    usage: Option<Usage>,
    pushed: Age,
}

/// `GET /ui/r/{repository}`.
pub(crate) async fn show_repository(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor, content) = (context.repository()?, context.actor(), &context.app.content);
    let (head, held) = open(context, &name, Tab::Overview).await?;
    let now = context.app.platform.now();
    let mut frame = frame(context, &name, "");
    if context.query("new").is_some() {
        frame.messages.push(Message::done(format!("{name} is made. Push to it as below.")));
    }
    let (mut newest, mut usage) = (Vec::new(), None);
    if head.sees_tags() {
        let size = PageSize::clamped(NEWEST)?;
        let (found, _) =
            content.browse_tags(actor, &name, TagFilter::default(), TagOrder::NEWEST, None, size).await?;
        newest = found
            .items
            .iter()
            .map(|tag| NewTag {
                name: tag.tag.to_string(),
                digest: short(&tag.manifest.digest),
                pushed: Age { at: tag.updated_at, now },
                by: tag.updated_by.as_ref().map(|(_, name)| name.clone()).unwrap_or_default(),
            })
            .collect();
        let found = content.get_repository_usage(actor, &name, earlier(now, STALE)).await?;
        usage = Some(Usage {
            tags: count(found.counts.tags),
            images: count(found.counts.images),
            pulls: count(held.details.pulls),
            stored: Size(found.counts.stored_bytes),
            sum: Size(found.counts.bytes),
            shared_percent: percent(
                found.counts.bytes.saturating_sub(found.counts.stored_bytes),
                found.counts.bytes,
            ),
            stale: count(found.inactive),
            stale_bytes: found.inactive_bytes.map(Size),
        });
    }
    let first = newest.first().map(|tag| format!("{name}:{}", tag.name));
    let page = RepositoryPage {
        pull: first.map(|reference| pull(context, &frame, &reference)),
        frame,
        description: held.details.description.clone(),
        readme: Some(&held.details.full_description).filter(|text| !text.is_empty()).map(|text| render(text)),
        newest,
        usage,
        pushed: Age { at: held.details.updated_at, now },
        head,
    };
    show(context, &page)
}
