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
mod org_scim_tokens;
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

use bytes::Bytes;
use http::Request;
use longshore_api_common::Response;
use longshore_api_common::asked::Asked;
use longshore_api_common::body::RequestBody;
use longshore_api_common::metrics::Metrics;
use longshore_api_common::origin::Origin;
pub(crate) use longshore_api_common::response::bare;
use longshore_api_common::table::{self, Paths, Table, Wanted};
use longshore_services::Services;

use crate::context::Context;
use crate::routes::{ROUTES, Route};

/// The paths of this dialect.
pub const PATHS: Paths = Paths {
    segments: &[
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
    ],
    others: &["/api/billing/", "/api/search/", "/v1/_ping", "/v1/repositories/", "/v1/search"],
};

/// The dialect.
pub struct Hub {
    services: Arc<Services>,
    table: Table,
    document: Bytes,
}

impl Hub {
    /// Makes the dialect.
    ///
    /// # Errors
    /// `Internal` when two rows of the table have the same path in different words.
    pub fn new(services: Arc<Services>, metrics: &Metrics) -> longshore_domain::Result<Self> {
        let table = Table::new("hub", metrics, ROUTES)?;
        Ok(Self { services, table, document: openapi::document(ROUTES).to_string().into() })
    }

    /// Gives the OpenAPI document of this dialect, for a client that reaches the registry there.
    pub fn document(&self, origin: &Origin) -> Response {
        table::document(&self.document, origin)
    }

    /// Answers a request to one of this dialect's paths.
    pub async fn handle(&self, request: Request<RequestBody>) -> Response {
        self.table
            .serve(request, |wanted| async {
                match wanted {
                    Wanted::Operation(number, asked, body) => {
                        self.answer(&ROUTES[number], *asked, body).await
                    }
                    Wanted::OtherMethod { method, allow, .. } => error::method_not_allowed(&method, &allow),
                    Wanted::Unknown(_) => error::not_found(),
                }
            })
            .await
    }

    async fn answer(&self, route: &'static Route, asked: Asked, body: RequestBody) -> Response {
        let context = Context::new(Arc::clone(&self.services), route, asked);
        if let Err(error) = context.check_turn() {
            return error::render(&error, &context);
        }
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
