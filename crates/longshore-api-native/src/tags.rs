//! Tags: lists now and at a time, one tag, and where it points.

use http::StatusCode;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::list_place::{TagPlace, tag_key, tag_place};
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_content::history::{NameRange, TagAt};
use longshore_content::planning::Selection;
use longshore_domain::image::{TagDetails, TagFilter};
use longshore_domain::name::{RepositoryName, TAG_LIMIT_BYTES, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::ManifestHead;
use longshore_domain::tag_order::{TagOrder, TagSort};
use longshore_domain::{Error, Field, Result};

use crate::context::Context;
use crate::cursor;
use crate::images::manifest;
use crate::planning;
use crate::wire::{page, time, versioned};

/// Orders of tags: `-` in front is backwards.
pub(crate) const ORDERS: &[&str] =
    &["name", "-name", "pushed", "-pushed", "pulled", "-pulled", "size", "-size", "version", "-version"];

fn order(context: &Context) -> Result<TagOrder> {
    let (by, is_descending) = context.order(ORDERS, |word| match word {
        "pushed" => TagSort::Pushed,
        "pulled" => TagSort::Pulled,
        "size" => TagSort::Size,
        "version" => TagSort::Version,
        _ => TagSort::Name,
    })?;
    Ok(TagOrder { by, is_descending })
}

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

/// What narrows or sorts lists of tags as they are now.
const NOW_ONLY: &[&str] =
    &["order", "contains", "os", "architecture", "active_since", "inactive_since", "digest_tags"];

/// Returns what the names of tags begin with, from `prefix`.
pub(crate) fn prefix(context: &Context) -> Result<String> {
    name_text(context, "prefix")
}

/// Returns a part of names of tags. No name is longer than it may be.
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

/// `GET /api/v1/repositories/{repository}/-/tags`.
pub(crate) async fn list_tags(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, prefix, size) = (context.repository()?, prefix(context)?, context.page_size()?);
    let order = order(context)?;
    if let Some(at) = context.time("as_of")? {
        for other in NOW_ONLY {
            if context.query(other).is_some_and(|value| *other != "order" || value != "name") {
                return Err(Error::Invalid {
                    field: Field::Parameter(other),
                    reason: "cannot be together with as_of, which lists all tags by name".into(),
                });
            }
        }
        return list_tags_at(context, &name, at, &prefix, size).await;
    }
    let filter = TagFilter {
        name_part: name_text(context, "contains")?,
        name_beginning: prefix,
        status: context.activity()?,
        os: context.text("os"),
        architecture: context.text("architecture"),
        leaves_out_digests: context.truth("digest_tags")? == Some(false),
    };
    let list = format!("tags {order:?} {filter:?}");
    let after: Option<TagPlace> = cursor::read(context, &list)?;
    let after = after.map(|place| tag_key(order.by, place)).transpose()?;
    let actor = context.actor().await?;
    let (found, count) = context.app.content.browse_tags(&actor, &name, filter, order, after, size).await?;
    let next = found.next.map(|next| cursor::write(&list, &tag_place(next))).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(info).collect(), next, count })
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
