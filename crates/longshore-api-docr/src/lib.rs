//! The DigitalOcean dialect: its container registry API, in the older form for one registry and in the newer for several,
//! with what clients call beside it.
//!
//! Source: DigitalOcean API, "Container Registry" and "Container Registries". What is done and what is left out:
//! `docs/api/digitalocean.md`. [`routes`] is the table of all operations; each group of them has a file. Nothing is
//! decided here: every handler calls one operation of `longshore-services` and renders its answer.

mod accounts;
mod context;
mod credentials;
mod error;
mod garbage_collection;
mod kubernetes;
mod limits;
mod openapi;
mod registries;
mod repositories;
pub mod routes;
mod subscription;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use longshore_api_common::Response;
use longshore_api_common::asked::Asked;
use longshore_api_common::body::RequestBody;
use longshore_api_common::metrics::Metrics;
use longshore_api_common::origin::Origin;
use longshore_api_common::table::{self, Paths, Table, Wanted};
use longshore_services::Services;

use crate::context::Context;
use crate::routes::{ROUTES, Route};

/// The paths of this dialect.
pub const PATHS: Paths =
    Paths { segments: &["account", "kubernetes", "registries", "registry"], others: &["/v1/oauth/"] };

/// The dialect.
pub struct Docr {
    services: Arc<Services>,
    table: Table,
    document: Bytes,
}

impl Docr {
    /// Makes the dialect.
    ///
    /// # Errors
    /// `Internal` when two rows of the table have the same path in different words.
    pub fn new(services: Arc<Services>, metrics: &Metrics) -> longshore_domain::Result<Self> {
        let document = openapi::document(ROUTES, &services.settings().tiers, &services.settings().regions);
        let table = Table::new("digitalocean", metrics, ROUTES)?;
        Ok(Self { services, table, document: document.to_string().into() })
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
                    Wanted::OtherMethod { method, allow, client } => {
                        error::method_not_allowed(&method, &allow, &client)
                    }
                    Wanted::Unknown(client) => error::not_found(&client),
                }
            })
            .await
    }

    async fn answer(&self, route: &'static Route, asked: Asked, body: RequestBody) -> Response {
        let context = Context::new(Arc::clone(&self.services), route, asked);
        if let Err(error) = context.check_turn() {
            return error::render(&error, &context.client);
        }
        let allowance = limits::count(&context).await;
        let answer = match allowance {
            Some(allowance) if allowance.is_exceeded => Err(allowance.refusal(self.services.now())),
            _ => match context.check().await {
                Ok(()) => (route.handler)(&context, body).await,
                Err(error) => Err(error),
            },
        };
        let mut response = answer.unwrap_or_else(|error| error::render(&error, &context.client));
        if let Some(allowance) = allowance {
            limits::show(&mut response, allowance);
        }
        response
    }
}
