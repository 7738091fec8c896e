//! Which path speaks which dialect: decided by the first segment after `/v2/`, from the closed list of reserved names.

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header};
use longshore_api_common::allotment::Allotment;
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::client::Client;
use longshore_api_common::origin::{Origin, is_prefix};
use longshore_api_common::{Response, response};
use longshore_api_docr::Docr;
use longshore_api_hub::Hub;
use longshore_api_native::Native;
use longshore_api_oci::Oci;
use longshore_api_scim::Scim;
use longshore_api_swr::Swr;
use longshore_app::App;
use longshore_platform::origins::noted_deletions;
use longshore_web::Web;
use tokio_util::sync::CancellationToken;

use crate::pages;
use crate::readiness::Readiness;

/// By which id what was deleted can be brought back: of every answer to a request that deleted something, in every dialect.
const DELETION: HeaderName = HeaderName::from_static("longshore-deletion");
/// Beginnings of all paths that are answered, up to their second slash.
const BEGINNINGS: &[&str] = &[
    "api",
    "healthz",
    "invite",
    "invite.css",
    "invite.js",
    "metrics",
    "readyz",
    "token",
    "ui",
    "v1",
    "v2",
    "v3",
    "v3.0",
];

/// Returns whether the registry can be served behind a path prefix: what begins with it means nothing else here.
pub fn may_be_prefix(text: &str) -> bool {
    let first = text.split('/').nth(1).unwrap_or_default();
    is_prefix(text) && !BEGINNINGS.contains(&first)
}

/// Takes the prefix from the path of a request whose proxy has left it there.
fn without_prefix(mut request: Request<RequestBody>, prefix: &str) -> Request<RequestBody> {
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let Some(rest) = path.strip_prefix(prefix).filter(|_| !prefix.is_empty()) else { return request };
    let rest = match rest.as_bytes().first() {
        Some(b'/') => rest.to_owned(),
        None | Some(b'?') => format!("/{rest}"),
        // Another word that begins alike.
        Some(_) => return request,
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = rest.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

/// What speaks to clients, each in its own words.
pub struct Dialects {
    pub oci: Oci,
    pub hub: Hub,
    pub docr: Docr,
    pub swr: Swr,
    pub scim: Scim,
    pub native: Arc<Native>,
    /// The pages, unless they are switched off.
    pub web: Option<Web>,
}

/// All that answers requests.
pub struct Dispatch {
    dialects: Dialects,
    readiness: Readiness,
    /// Cancelled when the node is about to stop: it is not ready any more, and keeps no connection.
    draining: CancellationToken,
}

impl Dispatch {
    pub fn new(app: Arc<App>, dialects: Dialects, draining: CancellationToken) -> Self {
        Self { dialects, readiness: Readiness::new(app), draining }
    }

    /// Answers a request whose client has been described. No answer to `HEAD` has a body, whoever made it.
    pub async fn answer(&self, request: Request<RequestBody>) -> Response {
        let origin = Client::of(request.extensions()).origin.clone();
        let request = without_prefix(request, origin.prefix());
        let (is_head, version) = (*request.method() == Method::HEAD, request.version());
        let mut response = self.find_answer(request, &origin).await;
        if is_head {
            response = response::without_body(response);
        }
        name_deletions(&mut response);
        // Balancers keep connections open, and would ask over one just when it is closed.
        if self.draining.is_cancelled() && version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn find_answer(&self, request: Request<RequestBody>, origin: &Origin) -> Response {
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
        if longshore_api_native::owns(path) {
            return self.dialects.native.handle(request).await;
        }
        if longshore_web::owns(path)
            && let Some(web) = &self.dialects.web
        {
            return web.handle(request).await;
        }
        if path == "/v2" || path.starts_with("/v2/") {
            return self.dialects.oci.handle(request).await;
        }
        if path == "/token" {
            return self.dialects.oci.handle_token(request).await;
        }
        if Allotment::check(request.extensions()).is_err() {
            let mut response = text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the registry has too much to do now; try again in a moment\n",
            );
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            return response;
        }
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let led = self.dialects.web.as_ref().and_then(|_| longshore_web::lead_browser(&request));
        // Leads elsewhere what has no answer of its own, or none for people.
        if matches!(path, "/" | "/invite")
            && let Some(response) = led
        {
            return response;
        }
        match path {
            "/" if is_read => text(
                StatusCode::OK,
                "This is a Longshore container registry. Clients talk to it below /v2/.\n",
            ),
            _ if is_read && let Some(page) = pages::find(path) => page,
            _ if is_read && let Some(page) = longshore_api_native::problems::page(path) => page,
            "/api/openapi/digitalocean.json" if is_read => self.dialects.docr.document(origin),
            "/api/openapi/hub.json" if is_read => self.dialects.hub.document(origin),
            "/api/openapi/native.json" if is_read => self.dialects.native.document(origin),
            "/api/openapi/scim.json" if is_read => self.dialects.scim.document(origin),
            "/api/openapi/swr.json" if is_read => self.dialects.swr.document(origin),
            "/healthz" if is_read => text(StatusCode::OK, "ok\n"),
            "/readyz" if is_read && self.draining.is_cancelled() => {
                text(StatusCode::SERVICE_UNAVAILABLE, "not ready: this node is about to stop\n")
            }
            "/readyz" if is_read => self.readiness.answer(request.uri().query().unwrap_or_default()).await,
            "/metrics" => text(
                StatusCode::NOT_FOUND,
                "Metrics are not here but on a listener of their own: see metrics.listen in the configuration.\n",
            ),
            _ => led.unwrap_or_else(|| {
                text(
                    StatusCode::NOT_FOUND,
                    "There is nothing here. Clients of the registry talk to it below /v2/.\n",
                )
            }),
        }
    }
}

/// Names in an answer what the request has deleted.
pub fn name_deletions(response: &mut Response) {
    let deletions = noted_deletions();
    if !deletions.is_empty() {
        let ids: Vec<String> = deletions.iter().map(ToString::to_string).collect();
        if let Ok(ids) = HeaderValue::from_str(&ids.join(", ")) {
            response.headers_mut().insert(DELETION, ids);
        }
    }
}

/// Makes a response of plain text.
pub fn text(status: StatusCode, text: impl Into<bytes::Bytes>) -> Response {
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

    use super::*;

    #[test]
    fn no_prefix_begins_as_a_path_that_means_something() {
        let tables = [
            longshore_api_hub::routes::ROUTES.iter().map(|route| route.path).collect::<Vec<_>>(),
            longshore_api_docr::routes::ROUTES.iter().map(|route| route.path).collect(),
            longshore_api_swr::routes::ROUTES.iter().map(|route| route.path).collect(),
            longshore_api_scim::routes::ROUTES.iter().map(|route| route.path).collect(),
            longshore_api_native::routes::ROUTES.iter().map(|route| route.path).collect(),
            longshore_api_oci::routes::OperationKind::ALL.iter().map(|kind| kind.row().3).collect(),
            pages::paths().collect(),
            longshore_web::routes::SCREENS.iter().map(|screen| screen.path).collect(),
            vec!["/healthz", "/readyz", "/metrics", "/api/openapi/hub.json"],
        ];
        for path in tables.into_iter().flatten().filter(|path| !matches!(*path, "" | "/")) {
            assert!(!may_be_prefix(&path.replace(['{', '}', '<', '>'], "")), "{path}");
        }
        assert!(may_be_prefix("/registry") && may_be_prefix("/team/v2"));
    }

    #[test]
    fn a_prefix_that_is_still_there_is_taken_away_once() {
        let cases = [
            ("/registry/v2/", "/v2/"),
            ("/registry/v2/a?n=1", "/v2/a?n=1"),
            ("/registry", "/"),
            ("/registry?a", "/?a"),
            ("/registry/registry/v2/", "/registry/v2/"),
            ("/v2/", "/v2/"),
            ("/registry2/v2/", "/registry2/v2/"),
            ("http://r.example/registry/v2/", "http://r.example/v2/"),
        ];
        for (sent, expected) in cases {
            let request = Request::get(sent).body(RequestBody::empty()).unwrap();
            assert_eq!(without_prefix(request, "/registry").uri(), expected, "{sent}");
        }
        let request = Request::get("/v2/").body(RequestBody::empty()).unwrap();
        assert_eq!(without_prefix(request, "").uri(), "/v2/");
    }

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
