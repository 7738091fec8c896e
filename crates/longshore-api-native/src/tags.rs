//! Tags: lists now and at a time, one tag, and where it points.

use http::StatusCode;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_content::history::{NameRange, TagAt};
use longshore_content::planning::Selection;
use longshore_domain::image::{TagDetails, TagFilter, TagKey, TagOrder};
use longshore_domain::name::{RepositoryName, TAG_LIMIT_BYTES, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::ManifestHead;
use longshore_domain::{Error, Field, Result};

use crate::context::Context;
use crate::cursor;
use crate::images::manifest;
use crate::planning;
use crate::wire::{page, time, versioned};

/// Orders of tags: `-` in front is backwards.
pub(crate) const ORDERS: &[&str] = &["name", "-name", "pushed", "-pushed"];
const ORDERS_BY_NAME: &[(&str, TagOrder)] = &[
    ("name", TagOrder::Name),
    ("-name", TagOrder::NameDescending),
    ("pushed", TagOrder::Oldest),
    ("-pushed", TagOrder::Newest),
];

fn info(tag: &TagDetails) -> types::TagInfo {
    types::TagInfo {
        name: tag.tag.to_string(),
        digest: tag.manifest.digest.to_string(),
        created_at: Some(time(tag.created_at)),
        pushed_at: time(tag.updated_at),
        pushed_by: tag.updated_by.as_ref().map(|(_, name)| name.clone()),
        pulled_at: tag.pulled_at.map(time),
        until: None,
        image: Some(manifest(&tag.manifest)),
        images: tag.images.iter().map(manifest).collect(),
    }
}

fn info_at(then: &TagAt) -> types::TagInfo {
    types::TagInfo {
        name: then.tag.to_string(),
        digest: then.interval.digest.to_string(),
        created_at: None,
        pushed_at: time(then.interval.from),
        pushed_by: then.interval.set_by.clone(),
        pulled_at: None,
        until: then.interval.until.map(time),
        image: then.manifest.as_ref().map(manifest),
        images: Vec::new(),
    }
}

/// Answers with where a tag points now.
pub(crate) fn pointed(tag: &Tag, head: &ManifestHead) -> Result<Response> {
    let digest = head.digest.to_string();
    versioned(StatusCode::OK, &types::PointedTag { name: tag.to_string(), digest: digest.clone() }, &digest)
}

/// Returns what the names of tags begin with, from `prefix`. No name is longer than it may be.
pub(crate) fn prefix(context: &Context) -> Result<String> {
    let prefix = context.query("prefix").unwrap_or_default().into_owned();
    match prefix.len() <= TAG_LIMIT_BYTES {
        true => Ok(prefix),
        false => Err(Error::Invalid {
            field: Field::Parameter("prefix"),
            reason: format!("may have at most {TAG_LIMIT_BYTES} bytes, as tags have"),
        }),
    }
}

/// `GET /api/v1/repositories/{repository}/-/tags`.
pub(crate) async fn list_tags(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, prefix, size) = (context.repository()?, prefix(context)?, context.page_size()?);
    let order = context.choice("order", ORDERS_BY_NAME)?;
    if let Some(at) = context.time("as_of")? {
        for other in ["order", "os", "architecture"] {
            if context.query(other).is_some_and(|value| value != "name") {
                return Err(Error::Invalid {
                    field: Field::Parameter(other),
                    reason: "cannot be together with as_of, which lists all tags by name".into(),
                });
            }
        }
        return list_tags_at(context, &name, at, &prefix, size).await;
    }
    let text = |name| context.query(name).unwrap_or_default().into_owned();
    let filter = TagFilter {
        name_beginning: prefix,
        os: text("os"),
        architecture: text("architecture"),
        ..TagFilter::default()
    };
    let list = format!("tags {order:?} {} {} {}", filter.name_beginning, filter.os, filter.architecture);
    let after: Option<(i64, String)> = cursor::read(context, &list)?;
    let key = |(at, name)| Ok::<_, Error>(TagKey { name, pushed_at: from_microseconds(at)? });
    let after = after.map(key).transpose()?;
    let actor = context.actor().await?;
    let (found, count) = context.app.content.browse_tags(&actor, &name, filter, order, after, size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let key = |tag: &TagDetails| cursor::write(&list, &(tag.updated_at.as_microsecond(), tag.tag.as_str()));
    let next = last.map(key).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(info).collect(), next, count })
}

/// Reads a time of a cursor.
pub(crate) fn from_microseconds(at: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(at).map_err(|_| Error::Invalid {
        field: Field::Parameter("after"),
        reason: "is no cursor; begin with the first page, and follow next from there".into(),
    })
}

async fn list_tags_at(
    context: &Context,
    name: &RepositoryName,
    at: Timestamp,
    prefix: &str,
    size: PageSize,
) -> Result<Response> {
    let list = format!("tags at {at} {prefix}");
    let after: Option<String> = cursor::read(context, &list)?;
    let names = NameRange { beginning: prefix, after: after.as_deref() };
    let actor = context.actor().await?;
    let found = context.app.content.list_tags_at(&actor, name, at, names, size).await?;
    let next = found.next.map(|last| cursor::write(&list, &last.as_str())).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(info_at).collect(), next, count: None })
}

/// `GET /api/v1/repositories/{repository}/-/tags/{tag}`.
pub(crate) async fn get_tag(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, tag, actor) = (context.repository()?, context.tag()?, context.actor().await?);
    let content = &context.app.content;
    let info = match context.time("as_of")? {
        Some(at) => info_at(&content.get_tag_at(&actor, &name, &tag, at).await?),
        None => info(&content.get_tag_details(&actor, &name, &tag, false).await?.1),
    };
    versioned(StatusCode::OK, &info, &info.digest)
}

/// `PUT /api/v1/repositories/{repository}/-/tags/{tag}`.
pub(crate) async fn set_tag(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::SetTag = context.json(body).await?;
    let (name, tag, condition) = (context.repository()?, context.tag()?, context.tag_condition()?);
    let from = request.from.parse()?;
    let actor = context.actor().await?;
    pointed(&tag, &context.app.content.point_tag(&actor, &name, &tag, &from, condition).await?)
}

/// `DELETE /api/v1/repositories/{repository}/-/tags/{tag}`.
pub(crate) async fn delete_tag(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, tag, condition) = (context.repository()?, context.tag()?, context.tag_condition()?);
    if context.truth("dry_run")?.unwrap_or_default() {
        let selection = Selection { tags: [tag].into(), ..Selection::default() };
        let preview =
            context.app.content.preview_deletion(&*context.actor().await?, &name, selection).await?;
        condition.check(preview.tags.values().next().copied())?;
        return Ok(json(StatusCode::OK, &planning::info(&preview, None)));
    }
    context.app.content.delete_tag_if(&*context.actor().await?, &name, &tag, condition).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
