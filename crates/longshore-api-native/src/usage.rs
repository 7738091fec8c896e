//! What namespaces hold, store and send.

use std::time::Duration;

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_client::types;
use longshore_content::usage::{DayUsage, NamespaceUsage};
use longshore_domain::Result;
use longshore_domain::name::Namespace;
use longshore_platform::earlier;

use crate::context::Context;
use crate::wire::time;

fn day(usage: &DayUsage) -> types::UsageDay {
    types::UsageDay {
        day: usage.day.to_string(),
        stored_bytes: usage.stored_bytes,
        sent_bytes: usage.sent_bytes,
        pulls: usage.pulls,
        pushes: usage.pushes,
    }
}

/// `GET /api/v1/namespaces/{name}/usage`.
pub(crate) async fn get_usage(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor): (Namespace, _) = (context.parsed("name")?, context.actor().await?);
    let usage: NamespaceUsage = context.app.content.get_namespace_usage(&actor, &name).await?;
    let info = types::NamespaceUsage {
        namespace: name.to_string(),
        repositories: usage.repositories,
        tags: usage.tags,
        stored_bytes: usage.stored_bytes,
        sent_bytes: usage.sent_bytes,
        days: usage.days.iter().map(day).collect(),
    };
    Ok(json(StatusCode::OK, &info))
}

/// How long images have been neither pushed nor pulled that are counted as such, unless something else is asked for.
const INACTIVE: Duration = Duration::from_secs(180 * 24 * 3600);

/// `GET /api/v1/repositories/{repository}/-/usage`.
pub(crate) async fn get_repository_usage(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, since) = (context.repository()?, context.time("inactive_since")?);
    let since = since.unwrap_or_else(|| earlier(context.app.platform.now(), INACTIVE));
    let actor = context.actor().await?;
    let usage = context.app.content.get_repository_usage(&actor, &name, since).await?;
    let info = types::RepositoryUsage {
        repository: name.to_string(),
        tags: usage.counts.tags,
        images: usage.counts.images,
        images_bytes: usage.counts.bytes,
        stored_bytes: usage.counts.stored_bytes,
        only_here_bytes: usage.only_here_bytes,
        inactive_images: usage.inactive,
        inactive_bytes: usage.inactive_bytes,
        inactive_since: time(since),
    };
    Ok(json(StatusCode::OK, &info))
}
