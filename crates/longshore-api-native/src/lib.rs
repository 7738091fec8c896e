//! The registry's own API, under `/api/v1/`: everything that there is to do here, by one set of rules.
//!
//! Problems are those of RFC 9457 ([`problems`]), lists are read by cursors, what changes has an `ETag`. [`routes`] is the table
//! of all operations; each group of them has a file. Nothing is decided here: every handler calls one operation of
//! `longshore-app` and renders its answer. What it does and why: `docs/api/native.md`.

mod about;
mod access;
mod account;
mod accounts;
mod compare;
mod context;
mod cursor;
mod deletions;
mod error;
mod fields;
mod history;
mod idempotency;
mod images;
mod invites;
mod jobs;
mod limits;
mod openapi;
mod organizations;
mod planning;
pub mod problems;
mod provisioning;
mod registry_gc;
mod repositories;
mod retention;
pub mod routes;
mod search;
mod server;
mod tags;
mod teams;
mod tokens;
mod usage;
mod users;
mod wire;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use longshore_api_common::Response;
use longshore_api_common::api_request::ApiRequest;
use longshore_api_common::body::RequestBody;
use longshore_api_common::metrics::Metrics;
use longshore_api_common::origin::Origin;
use longshore_api_common::table::{self, Answer, RateHeaders, RouteMatch, Table};
use longshore_app::App;
use longshore_client::types::SettingInfo;
use longshore_domain::access::actor::Actor;

use crate::context::Context;
use crate::routes::{ROUTES, Route};

/// Beginning of all paths but the first.
const PREFIX: &str = "/api/v1/";
/// Beginning of the paths in which a repository is named with its slashes.
const REPOSITORIES: &str = "/api/v1/repositories/";
/// Says which version answers.
const VERSION: HeaderName = HeaderName::from_static("longshore-version");

/// Returns whether a path is one of this dialect.
pub fn owns(path: &str) -> bool {
    path == PREFIX.trim_end_matches('/') || path.starts_with(PREFIX)
}

/// Returns a path as the table and the document know it: with the slashes of the repository's name encoded.
pub fn with_name_in_one(path: &str) -> Cow<'_, str> {
    table::with_name_in_one(path, REPOSITORIES)
}

/// What operations there are, as the document says it.
struct Described {
    document: Bytes,
    /// The parameters that the query of each operation may have, in the order of the table.
    parameters: Vec<Vec<String>>,
}

/// The dialect.
pub struct Native {
    app: Arc<App>,
    table: Table,
    /// The configuration as it is in force.
    settings: Arc<[SettingInfo]>,
    /// Made when it is needed first.
    described: OnceLock<Described>,
}

impl Native {
    /// Makes the dialect. `settings` are the configuration as it is in force, without secrets.
    ///
    /// # Errors
    /// `Internal` when two rows of the table have the same path in different words.
    pub fn new(
        app: Arc<App>,
        metrics: &Metrics,
        settings: Vec<SettingInfo>,
    ) -> longshore_domain::Result<Self> {
        let table =
            Table::new("native", metrics, ROUTES, RateHeaders::COMMON)?.reading_paths(with_name_in_one);
        Ok(Self { app, table, settings: settings.into(), described: OnceLock::new() })
    }

    fn described(&self) -> &Described {
        self.described.get_or_init(|| {
            let document = openapi::document(ROUTES);
            let parameters = ROUTES.iter().map(|route| openapi::query_of(&document, route)).collect();
            Described { document: document.to_string().into(), parameters }
        })
    }

    /// Returns the OpenAPI document of this dialect, for a client that reaches the registry there.
    pub fn document(&self, origin: &Origin) -> Response {
        table::document(&self.described().document, origin)
    }

    /// Answers a request to one of this dialect's paths.
    pub async fn handle(&self, request: Request<RequestBody>) -> Response {
        let mut response = self
            .table
            .serve(request, |wanted| async {
                match wanted {
                    RouteMatch::Operation(number, asked, body) => self.answer(number, *asked, body).await,
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
            .await;
        response.headers_mut().insert(VERSION, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
        response
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

    async fn answer(&self, number: usize, asked: ApiRequest, body: RequestBody) -> Answer {
        let route: &'static Route = &ROUTES[number];
        let context = Arc::new(Context::new(Arc::clone(&self.app), Arc::clone(&self.settings), route, asked));
        if let Err(error) = context.check_turn() {
            return Answer { response: error::render(&error, &context.client), allowance: None };
        }
        let allowance = limits::count(&context).await;
        let answer = match allowance {
            Some(allowance) if allowance.is_exceeded => Err(allowance.refusal(self.app.platform.now())),
            _ => match context.check(&self.described().parameters[number]).await {
                Ok(()) => idempotency::handle(&context, body).await,
                Err(error) => Err(error),
            },
        };
        let response = answer.unwrap_or_else(|error| error::render(&error, &context.client));
        Answer { response, allowance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_repository_is_one_part_of_the_path() {
        let cases = [
            ("/api/v1/repositories/acme/team/app", "/api/v1/repositories/acme%2Fteam%2Fapp"),
            ("/api/v1/repositories/acme/app/", "/api/v1/repositories/acme%2Fapp"),
            ("/api/v1/repositories/acme/app/-/tags/v1", "/api/v1/repositories/acme%2Fapp/-/tags/v1"),
            ("/api/v1/repositories/acme%2Fapp/-/tags", "/api/v1/repositories/acme%2Fapp/-/tags"),
            ("/api/v1/repositories/acme/app/-/-/tags", "/api/v1/repositories/acme%2Fapp/-/-/tags"),
            ("/api/v1/repositories", "/api/v1/repositories"),
            ("/api/v1/repositories/", "/api/v1/repositories/"),
            ("/api/v1/whoami", "/api/v1/whoami"),
        ];
        for (sent, read) in cases {
            assert_eq!(with_name_in_one(sent), read, "{sent}");
        }
    }

    #[test]
    fn no_other_path_is_this_dialects() {
        for path in ["/api/v1", "/api/v1/", "/api/v1/whoami"] {
            assert!(owns(path), "{path}");
        }
        for path in ["/api/v10", "/api/", "/api/openapi/native.json", "/v1/", "/api/v1x"] {
            assert!(!owns(path), "{path}");
        }
    }
}
