//! What namespaces hold, store and send.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_client::types;
use longshore_content::usage::{DayUsage, NamespaceUsage};
use longshore_domain::Result;
use longshore_domain::name::Namespace;

use crate::context::Context;

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
