//! Whether the registry works, for everybody.

use std::time::Duration;

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_app::readiness::{Part, Purpose};
use longshore_domain::Result;

use crate::context::Context;
use crate::page::{Frame, Kept, Place, send};

/// What does not answer in this time does not work.
const LIMIT: Duration = Duration::from_secs(1);

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    frame: Frame,
    is_ready: bool,
}

/// `GET /ui/health`.
pub(crate) async fn show_health(context: &Context, _body: RequestBody) -> Result<Response> {
    let parts = [Part::Database, Part::BlobStore].map(|part| async move {
        tokio::time::timeout(LIMIT, context.app.check_part(part, Purpose::Read)).await
    });
    let is_ready = futures::future::join_all(parts).await.iter().all(|found| matches!(found, Ok(Ok(()))));
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let page = HealthPage { frame: Frame::new(context, Place::Elsewhere, "Health"), is_ready };
    send(context, status, Kept::Never, &page)
}
