//! The SWR dialect: the image management API of Huawei Cloud and Open Telekom Cloud, with as much of their identity service
//! (Keystone v3) as clients need to sign in.
//!
//! Sources: SWR API reference, IAM API reference. What is done and what is left out: `docs/api/swr.md`. [`routes`] is the table
//! of all operations; each group of them has a file. Nothing is decided here: every handler calls one operation of
//! `longshore-app` and renders its answer.

mod access_keys;
mod api_versions;
mod context;
mod error;
mod fields;
pub mod filter;
mod image_permissions;
mod image_repositories;
mod image_tags;
mod limits;
mod openapi;
mod organization_permissions;
mod organizations;
mod overview;
mod projects;
mod quotas;
mod retention_policies;
pub mod routes;
mod shared_accounts;
pub mod signature;
mod temporary_login;
mod tokens;
mod wire;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Method, Request, header};
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
pub const PATHS: Paths = Paths { segments: &["domains", "manage"], others: &["/v3"] };

/// Returns whether a request that others could answer too is meant for this dialect: its list of versions, which stands at paths
/// where browsers and registry clients look for something else.
pub fn asks_for_versions(request: &Request<RequestBody>) -> bool {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let is_client = headers.contains_key("x-auth-token")
        || text(header::AUTHORIZATION).is_some_and(signature::is_signature);
    match request.uri().path() {
        "/" => is_read && (is_client || text(header::ACCEPT).is_some_and(|accept| accept.contains("json"))),
        "/v2" => is_read && is_client,
        _ => false,
    }
}

/// The dialect.
pub struct Swr {
    app: Arc<App>,
    table: Table,
    /// Made when it is asked for first.
    document: OnceLock<Bytes>,
    /// Host at which the operator's own machines reach the registry.
    internal_address: Option<Arc<str>>,
}

impl Swr {
    /// Makes the dialect.
    ///
    /// # Errors
    /// `Internal` when two rows of the table have the same path in different words.
    pub fn new(
        app: Arc<App>,
        metrics: &Metrics,
        internal_address: Option<String>,
    ) -> longshore_domain::Result<Self> {
        let table = Table::new("swr", metrics, ROUTES, RateHeaders::COMMON)?;
        Ok(Self { app, table, document: OnceLock::new(), internal_address: internal_address.map(Arc::from) })
    }

    /// Returns the OpenAPI document of this dialect, for a client that reaches the registry there.
    pub fn document(&self, origin: &Origin) -> Response {
        let document = self.document.get_or_init(|| openapi::document(ROUTES).to_string().into());
        table::document(document, origin)
    }

    /// Answers a request to one of this dialect's paths.
    pub async fn handle(&self, request: Request<RequestBody>) -> Response {
        let is_identity = routes::is_identity(request.uri().path());
        self.table
            .serve(request, |wanted| async move {
                match wanted {
                    RouteMatch::Operation(number, asked, body) => {
                        self.answer(&ROUTES[number], *asked, body).await
                    }
                    RouteMatch::OtherMethod(asked, allow) => {
                        let response = error::method_not_allowed(&asked.parts.method, &allow, is_identity);
                        self.answer_nothing(&asked, response, is_identity).await
                    }
                    RouteMatch::Unknown(asked) => {
                        self.answer_nothing(&asked, error::not_found(is_identity), is_identity).await
                    }
                }
            })
            .await
    }

    /// Answers what is no operation; it counts as a request of the address all the same.
    async fn answer_nothing(&self, asked: &ApiRequest, response: Response, is_identity: bool) -> Answer {
        let allowance = limits::count(&self.app, None, &asked.client).await;
        Answer::unless_exceeded(response, allowance, |allowance| {
            error::too_many(&allowance.refusal(self.app.platform.now()), &asked.client, is_identity)
        })
    }

    async fn answer(&self, route: &'static Route, asked: ApiRequest, body: RequestBody) -> Answer {
        let internal = self.internal_address.clone();
        let context = Context::new(Arc::clone(&self.app), route, asked, internal);
        let taken = match context.check_turn() {
            Ok(()) => context.take_in(body).await,
            Err(error) => Err(error),
        };
        let (allowance, answer) = match taken {
            Err(error) => (limits::count(&self.app, None, &context.client).await, Err(error)),
            Ok(body) => match context.check().await {
                (allowance, Ok(())) => (allowance, (context.route.handler)(&context, body).await),
                (allowance, Err(error)) => (allowance, Err(error)),
            },
        };
        let response = answer.unwrap_or_else(|error| error::render(&error, &context));
        Answer { response, allowance }
    }
}
