//! SCIM 2.0: how identity providers provision the users of an organization.
//!
//! RFC 7643 (schema), RFC 7644 (protocol), and the Docker Hub API document, "SCIM". What is done and what is left out:
//! `docs/api/scim.md`. [`routes`] is the table of all operations; [`schema`] says what attributes there are, and everything
//! that reads attributes asks it. Nothing is decided here: every handler calls operations of `longshore-app`.

pub mod attribute;
mod bulk;
mod context;
mod discovery;
mod error;
mod evaluate;
mod fields;
pub mod filter;
mod groups;
mod openapi;
mod patch;
pub mod patch_path;
mod projection;
pub mod routes;
mod scan;
pub mod schema;
mod search;
mod users;
mod wire;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Method, Request};
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
pub const PATHS: Paths = Paths { segments: &["scim"], others: &[] };

/// The dialect.
pub struct Scim {
    app: Arc<App>,
    table: Table,
    /// Made when it is asked for first.
    document: OnceLock<Bytes>,
}

impl Scim {
    /// Makes the dialect.
    ///
    /// # Errors
    /// `Internal` when two rows of the table have the same path in different words.
    pub fn new(app: Arc<App>, metrics: &Metrics) -> longshore_domain::Result<Self> {
        let table = Table::new("scim", metrics, ROUTES, RateHeaders::COMMON)?;
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
        let account = context::find_provisioner(&self.app, asked).await.ok();
        let account = account.map(|provisioner| provisioner.organization.id);
        let allowance = self.app.platform.count_request_of(account, asked.client.address).await;
        Answer::unless_exceeded(response, allowance, |allowance| {
            error::render(&allowance.refusal(self.app.platform.now()).into(), &asked.client)
        })
    }

    async fn answer(&self, route: &'static Route, asked: ApiRequest, body: RequestBody) -> Answer {
        let context = Context::new(Arc::clone(&self.app), route, asked);
        let (allowance, checked) = context.check().await;
        let answer = match checked {
            Ok(()) => (context.route.handler)(&context, body).await,
            Err(refusal) => Err(refusal),
        };
        let is_change = route.method != Method::GET && !route.path.ends_with("/.search");
        if let (Err(refusal), true) = (&answer, is_change) {
            context.note_refusal(refusal).await;
        }
        let response = answer.unwrap_or_else(|refusal| error::render(&refusal, &context.client));
        Answer { response, allowance }
    }
}
