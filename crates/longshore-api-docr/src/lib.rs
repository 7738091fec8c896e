//! The DigitalOcean dialect: its container registry API, in the older form for one registry and in the newer for several,
//! with what clients call beside it.
//!
//! Source: DigitalOcean API, "Container Registry" and "Container Registries". What is done and what is left out:
//! `docs/api/digitalocean.md`. [`routes`] is the table of all operations; each group of them has a file. Nothing is
//! decided here: every handler calls one operation of `longshore-app` and renders its answer.

mod accounts;
mod context;
mod credentials;
mod error;
mod fields;
mod garbage_collection;
mod kubernetes;
mod limits;
mod openapi;
mod registries;
mod repositories;
pub mod routes;
mod subscription;
mod wire;

use longshore_domain::access::actor::Actor;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderName, Request};
use longshore_api_common::Response;
use longshore_api_common::api_request::ApiRequest;
use longshore_api_common::body::RequestBody;
use longshore_api_common::metrics::Metrics;
use longshore_api_common::origin::Origin;
use longshore_api_common::table::{self, Answer, Paths, RateHeaders, RouteMatch, Table};
use longshore_app::App;

use crate::context::Context;
use crate::routes::{ROUTES, Route};

/// The paths of this dialect.
pub const PATHS: Paths =
    Paths { segments: &["account", "kubernetes", "registries", "registry"], others: &["/v1/oauth/"] };

/// Headers in which DigitalOcean tells what is left of a minute's requests.
const RATES: RateHeaders = RateHeaders {
    limit: HeaderName::from_static("ratelimit-limit"),
    remaining: HeaderName::from_static("ratelimit-remaining"),
    reset: HeaderName::from_static("ratelimit-reset"),
};

/// The dialect.
pub struct Docr {
    app: Arc<App>,
    table: Table,
    /// Made when it is asked for first.
    document: OnceLock<Bytes>,
}

impl Docr {
    /// Makes the dialect.
    ///
    /// # Errors
    /// `Internal` when two rows of the table have the same path in different words.
    pub fn new(app: Arc<App>, metrics: &Metrics) -> longshore_domain::Result<Self> {
        let table = Table::new("digitalocean", metrics, ROUTES, RATES)?;
        Ok(Self { app, table, document: OnceLock::new() })
    }

    /// Returns the OpenAPI document of this dialect, for a client that reaches the registry there.
    pub fn document(&self, origin: &Origin) -> Response {
        let document = self.document.get_or_init(|| {
            let settings = self.app.platform.settings();
            openapi::document(ROUTES, &settings.tiers, &settings.regions).to_string().into()
        });
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
                        let response = error::method_not_allowed(&asked.parts.method, &allow, &asked.client);
                        self.answer_nothing(&asked, response).await
                    }
                    RouteMatch::Unknown(asked) => {
                        let response = error::not_found(&asked.client);
                        self.answer_nothing(&asked, response).await
                    }
                }
            })
            .await
    }

    /// Answers what is no operation; it counts as a request all the same.
    async fn answer_nothing(&self, asked: &ApiRequest, response: Response) -> Answer {
        let actor = context::actor(&self.app, asked).await;
        let principal = actor.as_ref().map_or(&Actor::ANONYMOUS, |actor| actor);
        let allowance = self.app.platform.count_request(principal, asked.client.address).await;
        Answer::unless_exceeded(response, allowance, |allowance| {
            error::render(&allowance.refusal(self.app.platform.now()), &asked.client)
        })
    }

    async fn answer(&self, route: &'static Route, asked: ApiRequest, body: RequestBody) -> Answer {
        let context = Context::new(Arc::clone(&self.app), route, asked);
        if let Err(error) = context.check_turn() {
            return Answer { response: error::render(&error, &context.client), allowance: None };
        }
        let allowance = limits::count(&context).await;
        let answer = match allowance {
            Some(allowance) if allowance.is_exceeded => Err(allowance.refusal(self.app.platform.now())),
            _ => match context.check().await {
                Ok(()) => (route.handler)(&context, body).await,
                Err(error) => Err(error),
            },
        };
        let response = answer.unwrap_or_else(|error| error::render(&error, &context.client));
        Answer { response, allowance }
    }
}
