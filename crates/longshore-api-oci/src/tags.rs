//! Tags: end-8.

use http::{StatusCode, header};
use longshore_api_common::Response;
use longshore_domain::Result;
use longshore_domain::page::PageSize;
use serde::Serialize;

use crate::operation::Name;
use crate::wire::{PageQuery, json};
use crate::{Context, auth};

#[derive(Serialize)]
struct TagList<'t> {
    name: &'t str,
    tags: Vec<&'t str>,
}

/// end-8a and end-8b: lists tags in ASCII order, in pages.
pub(crate) async fn list_tags(context: &Context, name: &Name) -> Result<Response> {
    let actor = auth::actor(context).await?;
    let query = PageQuery::of(context)?;
    let size = query.size.unwrap_or(PageSize::MAX);
    let page = context.app.content.list_tags(&actor, &name.repository, query.last.as_deref(), size).await?;
    if query.size.is_none() {
        return Ok(json(StatusCode::OK, &TagList { name: &name.written, tags: Vec::new() }));
    }
    let tags: Vec<&str> = page.items.iter().map(|tag| tag.as_str()).collect();
    let link = tags
        .last()
        .filter(|_| page.has_more)
        .map(|last| query.link(context, &format!("/v2/{}/tags/list", name.written), last));
    let mut response = json(StatusCode::OK, &TagList { name: &name.written, tags });
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}
