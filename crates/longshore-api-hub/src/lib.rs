//! The Docker Hub dialect.
//!
//! Sources: the Docker Hub API document (sign-in, access tokens, audit logs, organization settings, tags), its older
//! part on images, and the routes that Hub clients use. What is done and what is left out: `docs/api/hub.md`.
//! [`routes`] is the table of all operations; each group of them has a file. Nothing is decided here: every handler
//! calls one operation of `longshore-app` and renders its answer.

mod access_tokens;
mod audit_logs;
mod auth;
mod authentication;
mod context;
mod error;
mod fields;
mod groups;
mod images;
mod invites;
mod legacy;
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

use longshore_domain::access::actor::Actor;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Request;
use longshore_api_common::Response;
use longshore_api_common::api_request::ApiRequest;
use longshore_api_common::body::RequestBody;
use longshore_api_common::metrics::Metrics;
use longshore_api_common::origin::Origin;
pub(crate) use longshore_api_common::response::bare;
use longshore_api_common::table::{self, Answer, Paths, RateHeaders, RouteMatch, Table};
use longshore_app::App;

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
    app: Arc<App>,
    table: Table,
    /// Made when it is asked for first.
    document: OnceLock<Bytes>,
}

impl Hub {
    /// Makes the dialect.
    ///
    /// # Errors
    /// `Internal` when two rows of the table have the same path in different words.
    pub fn new(app: Arc<App>, metrics: &Metrics) -> longshore_domain::Result<Self> {
        let table = Table::new("hub", metrics, ROUTES, RateHeaders::COMMON)?;
        Ok(Self { app, table, document: OnceLock::new() })
    }

    /// Returns the OpenAPI document of this dialect, for a client that reaches the registry there.
    pub fn document(&self, origin: &Origin) -> Response {
        let document = self.document.get_or_init(|| openapi::document(ROUTES).to_string().into());
        table::document(document, origin)
    }

    /// Answers a request to one of this dialect's paths.
    pub async fn handle(&self, request: Request<RequestBody>) -> Response {
        self.table
            .serve(request, |wanted| async {
                match wanted {
                    RouteMatch::Operation(number, asked, body) => {
                        self.answer(&ROUTES[number], *asked, body).await
                    }
                    RouteMatch::OtherMethod(asked, allow) => {
                        let response = error::method_not_allowed(&asked.parts.method, &allow);
                        self.answer_nothing(&asked, response).await
                    }
                    RouteMatch::Unknown(asked) => self.answer_nothing(&asked, error::not_found()).await,
                }
            })
            .await
    }

    /// Answers what is no operation; it counts as a request all the same.
    async fn answer_nothing(&self, asked: &ApiRequest, response: Response) -> Answer {
        let actor = auth::signed_in(&self.app, &asked.parts.headers).await;
        let principal = actor.as_ref().map_or(&Actor::ANONYMOUS, |(actor, _)| actor);
        let allowance = self.app.platform.count_request(principal, asked.client.address).await;
        Answer::unless_exceeded(response, allowance, |allowance| {
            let now = self.app.platform.now();
            error::render_plain(&allowance.refusal(now), &asked.client, now)
        })
    }

    async fn answer(&self, route: &'static Route, asked: ApiRequest, body: RequestBody) -> Answer {
        let context = Context::new(Arc::clone(&self.app), route, asked);
        if let Err(error) = context.check_turn() {
            return Answer { response: error::render(&error, &context), allowance: None };
        }
        let allowance = limits::count(&context).await;
        let answer = match allowance {
            Some(allowance) if allowance.is_exceeded => Err(allowance.refusal(self.app.platform.now())),
            _ => match context.check_query() {
                Ok(()) => (route.handler)(&context, body).await,
                Err(error) => Err(error),
            },
        };
        let response = answer.unwrap_or_else(|error| error::render(&error, &context));
        Answer { response, allowance }
    }
}
