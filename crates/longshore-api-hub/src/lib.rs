//! The Docker Hub dialect.
//!
//! Sources: the Docker Hub API document (sign-in, access tokens, audit logs, organization settings, tags), its older
//! part on images, and the routes that Hub clients use. What is done and what is left out: `docs/api/hub.md`.
//! [`routes`] is the table of all operations; each group of them has a file. Nothing is decided here: every handler
//! calls one operation of `longshore-services` and renders its answer.

mod access_tokens;
mod audit_logs;
mod auth;
mod authentication;
mod context;
mod error;
mod former;
mod groups;
mod images;
mod invites;
mod limits;
mod openapi;
mod org_access_tokens;
mod org_settings;
mod orgs;
mod repositories;
pub mod routes;
mod search;
mod second_factor;
mod tags;
mod users;
mod wire;

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, Method, Request, header};
use longshore_api_common::asked::Asked;
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::client::Client;
use longshore_api_common::metrics::{Metrics, OperationMetrics};
pub(crate) use longshore_api_common::response::bare;
use longshore_api_common::table::{Found, Router};
use longshore_api_common::{Response, observe};
use longshore_services::Services;

use crate::context::Context;
use crate::routes::{ROUTES, Route};

/// First path segments after `/v2/` that are this dialect's. No account can be named so.
const SEGMENTS: &[&str] = &[
    "access-tokens",
    "api_tokens",
    "auditlogs",
    "auth",
    "invites",
    "namespaces",
    "orgs",
    "repositories",
    "search",
    "user",
    "users",
];

/// Beginnings of other paths that are this dialect's.
const OTHER_PATHS: &[&str] =
    &["/api/billing/", "/api/search/", "/v1/_ping", "/v1/repositories/", "/v1/search"];

/// Tells whether a path is one of this dialect.
pub fn owns(path: &str) -> bool {
    let first = path.strip_prefix("/v2/").and_then(|rest| rest.split('/').next());
    first.is_some_and(|first| SEGMENTS.contains(&first))
        || OTHER_PATHS.iter().any(|beginning| path.starts_with(beginning))
}

/// The dialect.
pub struct Hub {
    services: Arc<Services>,
    router: Router,
    metrics: Vec<OperationMetrics>,
    unknown: OperationMetrics,
    document: String,
}

impl Hub {
    /// Makes the dialect.
    ///
    /// # Errors
    /// `Internal` when two rows of the table have the same path in different words.
    pub fn new(services: Arc<Services>, metrics: &Metrics) -> longshore_domain::Result<Self> {
        let router = Router::new(ROUTES.iter().map(|route| (route.method.clone(), route.path)))?;
        Ok(Self {
            services,
            router,
            metrics: ROUTES.iter().map(|route| metrics.operation("hub", route.operation)).collect(),
            unknown: metrics.operation("hub", "unknown"),
            document: openapi::document(ROUTES).to_string(),
        })
    }

    /// Gives the OpenAPI document of this dialect.
    pub fn document(&self) -> Response {
        let mut response = Response::new(body::full(self.document.clone()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// Answers a request to one of this dialect's paths.
    pub async fn handle(&self, request: Request<RequestBody>) -> Response {
        let began_at = Instant::now();
        let (parts, body) = request.into_parts();
        let client = Client::of(&parts.extensions).clone();
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let (metrics, operation, mut response) = match self.router.find(&method, &path) {
            Found::Row(number, parameters) => {
                let route = &ROUTES[number];
                let asked = Asked::new(client.clone(), parts, parameters);
                let response = self.answer(route, asked, body).await;
                (&self.metrics[number], route.operation, response)
            }
            Found::MethodNotAllowed(allow) => {
                (&self.unknown, "unknown", error::method_not_allowed(&method, &allow))
            }
            Found::Nothing => (&self.unknown, "unknown", error::not_found()),
        };
        if method == Method::HEAD {
            *response.body_mut() = body::empty();
        }
        let headers = response.headers_mut();
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        let duration = began_at.elapsed();
        metrics.record(response.status(), duration);
        observe::log_request("hub", operation, &client, &method, &path, response.status(), duration);
        response
    }

    async fn answer(&self, route: &'static Route, asked: Asked, body: RequestBody) -> Response {
        let context = Context::new(Arc::clone(&self.services), route, asked);
        let allowance = limits::count(&context).await;
        let answer = match allowance {
            Some(allowance) if allowance.is_exceeded => Err(allowance.refusal(self.services.now())),
            _ => match context.check_query() {
                Ok(()) => (route.handler)(&context, body).await,
                Err(error) => Err(error),
            },
        };
        let mut response = answer.unwrap_or_else(|error| error::render(&error, &context));
        if let Some(allowance) = allowance {
            limits::show(&mut response, allowance);
        }
        response
    }
}
