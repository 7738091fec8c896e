//! The tags of a repository.

use askama::Template;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::list_place::{tag_key, tag_place};
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::image::{ImageStatus, TagDetails, TagFilter};
use longshore_domain::immutability::TagRules;
use longshore_domain::name::TAG_LIMIT_BYTES;
use longshore_domain::tag_order::{TagOrder, TagSort};
use longshore_domain::{Error, Field, Result};
use longshore_platform::earlier;

use crate::context::Context;
use crate::format::{Age, Size, counted, short};
use crate::list::{self, Choice, Head, Pager, choices};
use crate::page::{Frame, lead, show};
use crate::repository::{Pull, RepositoryHead, STALE, Tab, frame, open, pull};

/// Orders of tags: `-` in front is backwards.
const ORDERS: &[(&str, TagOrder)] = &[
    ("-pushed", TagOrder { by: TagSort::Pushed, is_descending: true }),
    ("pushed", TagOrder { by: TagSort::Pushed, is_descending: false }),
    ("name", TagOrder { by: TagSort::Name, is_descending: false }),
    ("-name", TagOrder { by: TagSort::Name, is_descending: true }),
    ("-version", TagOrder { by: TagSort::Version, is_descending: true }),
    ("version", TagOrder { by: TagSort::Version, is_descending: false }),
    ("-pulled", TagOrder { by: TagSort::Pulled, is_descending: true }),
    ("pulled", TagOrder { by: TagSort::Pulled, is_descending: false }),
    ("-size", TagOrder { by: TagSort::Size, is_descending: true }),
    ("size", TagOrder { by: TagSort::Size, is_descending: false }),
];

/// Platforms that are offered to choose from; others are typed into the address, or reached by a click on one.
const PLATFORMS: &[(&str, &str)] = &[
    ("", "Any"),
    ("linux/amd64", "linux/amd64"),
    ("linux/arm64", "linux/arm64"),
    ("linux/arm", "linux/arm"),
    ("linux/386", "linux/386"),
    ("linux/ppc64le", "linux/ppc64le"),
    ("linux/s390x", "linux/s390x"),
    ("linux/riscv64", "linux/riscv64"),
    ("windows/amd64", "windows/amd64"),
];

struct Platform {
    text: String,
    /// Path of the image for it.
    path: String,
}

struct Row {
    name: String,
    digest: String,
    /// The whole reference, to be copied.
    reference: String,
    siblings: Vec<String>,
    is_immutable: bool,
    is_stale: bool,
    platforms: Vec<Platform>,
    size: Size,
    pushed: Age,
    by: String,
    pulled: Option<Age>,
}

#[derive(Template)]
#[template(path = "tags.html")]
struct TagsPage {
    frame: Frame,
    head: RepositoryHead,
    pull: Option<Pull>,
    heads: Vec<Head>,
    rows: Vec<Row>,
    pager: Pager,
    caption: String,
    prefix: String,
    holds: String,
    platforms: Vec<Choice>,
    activity: Vec<Choice>,
    shown: Vec<Choice>,
    orders: Vec<Choice>,
    is_filtered: bool,
    is_empty: bool,
    may_delete: bool,
}

/// Reads a part of names of tags. No name is longer than it may be.
fn name_text(context: &Context, parameter: &'static str) -> Result<String> {
    let text = context.text(parameter);
    match text.len() <= TAG_LIMIT_BYTES {
        true => Ok(text),
        false => Err(Error::Invalid {
            field: Field::Parameter(parameter),
            reason: format!("may have at most {TAG_LIMIT_BYTES} bytes, as tags have"),
        }),
    }
}

/// Writes the platform of an image; `None` for attestations, which are for none.
pub(crate) fn platform(details: &longshore_domain::image::ManifestDetails) -> Option<String> {
    let platform = details.platform.as_ref().filter(|platform| platform.os != "unknown")?;
    Some(match platform.variant.as_str() {
        "" => format!("{}/{}", platform.os, platform.architecture),
        variant => format!("{}/{}/{variant}", platform.os, platform.architecture),
    })
}

fn row(
    context: &Context,
    head: &RepositoryHead,
    host: &str,
    tag: &TagDetails,
    siblings: Vec<String>,
    rules: &TagRules,
    stale_before: Timestamp,
) -> Row {
    let now = context.app.platform.now();
    let platforms = tag.images.iter().filter_map(|image| {
        let text = platform(image)?;
        Some(Platform { text, path: format!("/ui/r/{}/-/images/{}", head.name, image.digest) })
    });
    let is_stale = tag.updated_at < stale_before && tag.pulled_at.is_none_or(|at| at < stale_before);
    Row {
        name: tag.tag.to_string(),
        digest: short(&tag.manifest.digest),
        reference: format!("{host}/{}:{}", head.name, tag.tag),
        siblings,
        is_immutable: rules.cover(&tag.tag),
        is_stale,
        platforms: platforms.collect(),
        size: Size(tag.manifest.total_size_bytes),
        pushed: Age { at: tag.updated_at, now },
        by: tag.updated_by.as_ref().map(|(_, name)| name.clone()).unwrap_or_default(),
        pulled: tag.pulled_at.map(|at| Age { at, now }),
    }
}

/// `GET /ui/r/{repository}/-/tags`.
pub(crate) async fn show_tags(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor, content) = (context.repository()?, context.actor(), &context.app.content);
    let (head, held) = open(context, &name, Tab::Tags).await?;
    let stale_before = earlier(context.app.platform.now(), STALE);
    let (prefix, holds) = (name_text(context, "prefix")?, name_text(context, "holds")?);
    let wanted_platform = context.text("platform");
    let (os, rest) = wanted_platform.split_once('/').unwrap_or((wanted_platform.as_str(), ""));
    let status = context.choice(
        "activity",
        &[("", None), ("stale", Some(ImageStatus::Inactive)), ("active", Some(ImageStatus::Active))],
    )?;
    let shows_digests = context.choice("show", &[("", false), ("all", true)])?;
    let order = context.choice("order", ORDERS)?;
    let now_order = context.query("order").unwrap_or(ORDERS[0].0.into()).into_owned();
    let filter = TagFilter {
        name_part: holds.clone(),
        name_beginning: prefix.clone(),
        status: status.map(|status| (status, stale_before)),
        os: os.to_owned(),
        architecture: rest.split('/').next().unwrap_or_default().to_owned(),
        leaves_out_digests: !shows_digests,
    };
    // What is stale is so to the day, so that the pages of a list are of one list.
    let list = format!("tags {order:?} {prefix:?} {holds:?} {wanted_platform:?} {status:?} {shows_digests}");
    let from = list::read(context, &list, |place| tag_key(order.by, place))?;
    let read_order = if from.is_backward { order.reversed() } else { order };
    let size = context.page_size()?;
    let (found, _) = content.browse_tags(actor, &name, filter, read_order, from.key.clone(), size).await?;
    let arranged = list::arrange(context, &list, &from, found, |tag| tag.key(order.by), tag_place)?;
    let Some((items, pager)) = arranged else { return Ok(lead(context, &list::first(context))) };
    let siblings = content.list_sibling_tags(actor, &name, &items).await?;
    let rules = held.details.immutable_tags.compile()?;
    let frame = frame(context, &name, "Tags");
    let rows: Vec<Row> = items
        .iter()
        .map(|tag| {
            let others = siblings.get(&tag.manifest.digest).into_iter().flatten();
            let others = others.filter(|other| **other != tag.tag).map(ToString::to_string).collect();
            row(context, &head, &frame.host, tag, others, &rules, stale_before)
        })
        .collect();
    let is_filtered =
        ["prefix", "holds", "platform", "activity"].iter().any(|name| context.query(name).is_some());
    let all = counted(held.counts.tags, "tag", "tags");
    let shown = counted(rows.len() as u64, "tag", "tags");
    let caption = match (is_filtered, pager.older.is_some() && rows.is_empty()) {
        (_, true) => format!("None of the 10,000 tags that were looked at is like that; there are {all}"),
        (true, false) => format!("{shown} of {all} on this page"),
        (false, false) => all,
    };
    let caption = format!("{caption}, {}", order_in_words(&now_order));
    let words = [("", "Any"), ("stale", "Stale: none for 6 months"), ("active", "In the last 6 months")];
    let activity = choices(&words, &context.text("activity"));
    let mut platforms = choices(PLATFORMS, &wanted_platform);
    if !wanted_platform.is_empty() && platforms.iter().all(|choice| !choice.is_chosen) {
        let text: String = wanted_platform.chars().take(60).collect();
        platforms.push(Choice { value: text.clone(), text, is_chosen: true });
    }
    let orders: Vec<(&str, &str)> = ORDERS.iter().map(|(word, _)| (*word, order_in_words(word))).collect();
    let orders = choices(&orders, &now_order);
    let shown = choices(&[("", "Tags"), ("all", "Tags of signatures too")], &context.text("show"));
    let first = rows.first().map(|row| format!("{name}:{}", row.name));
    let page = TagsPage {
        pull: first.map(|reference| pull(context, &frame, &reference)),
        heads: heads(context, &now_order),
        is_empty: held.counts.tags == 0,
        may_delete: head.may.contains(RepositoryAction::DeleteTag),
        frame,
        head,
        rows,
        pager,
        caption,
        prefix,
        holds,
        platforms,
        activity,
        shown,
        orders,
        is_filtered,
    };
    show(context, &page)
}

fn order_in_words(order: &str) -> &'static str {
    match order {
        "pushed" => "oldest push first",
        "name" => "by name",
        "-name" => "by name, backwards",
        "version" => "lowest version first",
        "-version" => "highest version first",
        "pulled" => "longest not pulled first",
        "-pulled" => "last pulled first",
        "size" => "smallest first",
        "-size" => "largest first",
        _ => "newest push first",
    }
}

fn heads(context: &Context, now: &str) -> Vec<Head> {
    vec![
        Head::sorting(context, "Tag", "name", "-name", now),
        Head::plain("Platforms"),
        Head::sorting(context, "Size", "-size", "size", now).number(),
        Head::sorting(context, "Pushed", "-pushed", "pushed", now),
        Head::sorting(context, "Pulled", "-pulled", "pulled", now),
    ]
}
