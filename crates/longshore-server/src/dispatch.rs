//! Which path speaks which dialect: decided by the first segment after `/v2/`, from the closed list of reserved names.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, Request, StatusCode, header};
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::client::Client;
use longshore_api_common::{Response, observe, response};
use longshore_api_docr::Docr;
use longshore_api_hub::Hub;
use longshore_api_oci::Oci;
use longshore_api_scim::Scim;
use longshore_api_swr::Swr;
use longshore_domain::Error;
use longshore_services::Services;
use tokio::sync::Mutex;

use crate::exposition::Exposition;
use crate::pages;

/// How long the answer of `/readyz` is kept, so that asking often costs nothing.
const READY_KEPT: Duration = Duration::from_secs(1);

/// A store that does not answer in this time is not ready.
const READY_LIMIT: Duration = Duration::from_secs(5);

/// What speaks to clients, each in its own words.
pub struct Dialects {
    pub oci: Oci,
    pub hub: Hub,
    pub docr: Docr,
    pub swr: Swr,
    pub scim: Scim,
}

/// All that answers requests.
pub struct Dispatch {
    services: Arc<Services>,
    dialects: Dialects,
    metrics: Arc<Exposition>,
    /// Whether `/metrics` has a listener of its own.
    metrics_elsewhere: bool,
    ready: Mutex<Option<(Instant, bool)>>,
}

impl Dispatch {
    pub fn new(
        services: Arc<Services>,
        dialects: Dialects,
        metrics: Arc<Exposition>,
        metrics_elsewhere: bool,
    ) -> Self {
        Self { services, dialects, metrics, metrics_elsewhere, ready: Mutex::new(None) }
    }

    /// Answers a request whose client has been described. No answer to `HEAD` has a body, whoever made it.
    pub async fn answer(&self, request: Request<RequestBody>) -> Response {
        let is_head = *request.method() == Method::HEAD;
        let response = self.find_answer(request).await;
        if is_head { response::without_body(response) } else { response }
    }

    async fn find_answer(&self, request: Request<RequestBody>) -> Response {
        let path = request.uri().path();
        if longshore_api_hub::PATHS.contain(path) {
            return self.dialects.hub.handle(request).await;
        }
        if longshore_api_docr::PATHS.contain(path) {
            return self.dialects.docr.handle(request).await;
        }
        if longshore_api_swr::PATHS.contain(path) || longshore_api_swr::asks_for_versions(&request) {
            return self.dialects.swr.handle(request).await;
        }
        if longshore_api_scim::PATHS.contain(path) {
            return self.dialects.scim.handle(request).await;
        }
        if path == "/v2" || path.starts_with("/v2/") {
            return self.dialects.oci.handle(request).await;
        }
        if path == "/token" {
            return self.dialects.oci.handle_token(request).await;
        }
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match path {
            "/" if is_read => text(
                StatusCode::OK,
                "This is a Longshore container registry. Clients talk to it below /v2/.\n",
            ),
            _ if is_read && let Some(page) = pages::find(path) => page,
            "/api/openapi/digitalocean.json" if is_read => self.dialects.docr.document(),
            "/api/openapi/hub.json" if is_read => self.dialects.hub.document(),
            "/api/openapi/scim.json" if is_read => self.dialects.scim.document(),
            "/api/openapi/swr.json" if is_read => self.dialects.swr.document(),
            "/healthz" if is_read => text(StatusCode::OK, "ok\n"),
            "/readyz" if is_read => self.ready(Client::of(request.extensions()).clone()).await,
            "/metrics" if is_read && self.may_read_metrics(&request) => self.metrics.render(),
            _ => text(
                StatusCode::NOT_FOUND,
                "There is nothing here. Clients of the registry talk to it below /v2/.\n",
            ),
        }
    }

    fn may_read_metrics(&self, request: &Request<RequestBody>) -> bool {
        !self.metrics_elsewhere && Client::of(request.extensions()).address.is_loopback()
    }

    async fn ready(&self, client: Client) -> Response {
        let mut kept = self.ready.lock().await;
        let is_ready = match *kept {
            Some((at, is_ready)) if at.elapsed() < READY_KEPT => is_ready,
            _ => {
                let checked = tokio::time::timeout(READY_LIMIT, self.services.check_ready()).await;
                let checked = checked
                    .unwrap_or_else(|_| Err(Error::Unavailable("a store took too long to answer".into())));
                if let Err(error) = &checked {
                    observe::log_fault(&client, error);
                }
                *kept = Some((Instant::now(), checked.is_ok()));
                checked.is_ok()
            }
        };
        match is_ready {
            true => text(StatusCode::OK, "ready\n"),
            false => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "not ready: the storage cannot be written to; see the log\n",
            ),
        }
    }
}

/// Makes a response of plain text.
pub fn text(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use longshore_domain::name::is_reserved;

    #[test]
    fn no_account_can_have_the_name_of_a_dialects_path() {
        for paths in [
            longshore_api_hub::PATHS,
            longshore_api_docr::PATHS,
            longshore_api_swr::PATHS,
            longshore_api_scim::PATHS,
        ] {
            for segment in paths.segments {
                assert!(is_reserved(segment), "{segment}");
            }
        }
    }
}
