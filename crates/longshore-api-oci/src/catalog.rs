//! The catalog: `/v2/_catalog`, of Docker's registry API; not part of the OCI specification.

use http::{StatusCode, header};
use longshore_api_common::Response;
use longshore_domain::error::Unauthenticated;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use serde_json::json;

use crate::wire::{self, PageQuery};
use crate::{Context, auth};

/// Lists the repositories that the actor may see, by name, in pages.
pub(crate) async fn list_repositories(context: &Context) -> Result<Response> {
    let actor = auth::actor(context).await?;
    if !context.parts.headers.contains_key(header::AUTHORIZATION) {
        return Err(Error::Unauthenticated(Unauthenticated::Missing));
    }
    let query = PageQuery::of(context)?;
    let size = query.size.unwrap_or(PageSize::MAX);
    let page = context.app.content.list_repositories(&actor, query.last.as_deref(), size).await?;
    if query.size.is_none() {
        return Ok(wire::json(StatusCode::OK, &json!({ "repositories": [] })));
    }
    let names: Vec<&str> = page.items.iter().map(|repository| repository.name.as_str()).collect();
    let mut response = wire::json(StatusCode::OK, &json!({ "repositories": names }));
    if let Some(last) = names.last().filter(|_| page.has_more) {
        response.headers_mut().insert(header::LINK, query.link(context, "/v2/_catalog", last));
    }
    Ok(response)
}
