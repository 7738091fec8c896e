//! The OCI distribution dialect and its token service.
//!
//! Sources: OCI distribution specification 1.1 and its main branch; Docker token authentication specification.
//! What is done and what is left out: `docs/api/oci.md`. Paths are parsed by hand in [`operation`], because repository
//! names contain slashes. Each group of operations has a file; `routes` is the table of all.

mod auth;
mod blobs;
mod catalog;
mod error;
mod fields;
mod limits;
mod manifests;
pub mod operation;
mod ranges;
mod redirects;
mod referrers;
pub mod routes;
mod tags;
mod token;
mod uploads;
mod wire;

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, Request, StatusCode};
use longshore_api_common::allotment::Allotment;
use longshore_api_common::body::RequestBody;
use longshore_api_common::client::Client;
use longshore_api_common::metrics::{Metrics, OperationMetrics};
pub(crate) use longshore_api_common::response::bare;
use longshore_api_common::{Response, observe};
use longshore_app::App;
use longshore_domain::Error;
use longshore_platform::spans;
use tracing::Instrument;

use crate::operation::{Operation, ParseError};
pub use crate::redirects::Redirects;
use crate::routes::OperationKind;

/// The dialect.
pub struct Oci {
    app: Arc<App>,
    metrics: Vec<OperationMetrics>,
    warning: Option<HeaderValue>,
    redirects: Option<Arc<Redirects>>,
}

/// A request that is understood, and who sent it.
pub(crate) struct Context {
    pub app: Arc<App>,
    pub client: Client,
    pub parts: http::request::Parts,
    pub redirects: Option<Arc<Redirects>>,
}

impl Oci {
    /// Makes the dialect. `notice` is a text for the users of all clients that show warnings; without `redirects`, clients
    /// get all blobs through the registry.
    ///
    /// # Errors
    /// `Invalid` when the notice does not fit into a header.
    pub fn new(
        app: Arc<App>,
        metrics: &Metrics,
        notice: Option<&str>,
        redirects: Option<Redirects>,
    ) -> longshore_domain::Result<Self> {
        let metrics = OperationKind::ALL.iter().map(|kind| metrics.operation("oci", kind.name())).collect();
        let warning = notice.map(wire::warning).transpose()?;
        Ok(Self { app, metrics, warning, redirects: redirects.map(Arc::new) })
    }

    /// Answers a request to `/v2/…`.
    pub async fn handle(&self, request: Request<RequestBody>) -> Response {
        let began_at = Instant::now();
        let (parts, body) = request.into_parts();
        let client = Client::of(&parts.extensions).clone();
        let parsed = Operation::parse(&parts.method, parts.uri.path());
        let kind = parsed.as_ref().map_or(OperationKind::Unknown, Operation::kind);
        let method = parts.method.clone();
        let context = self.context(client, parts);
        let span = spans::of_request("oci", kind.name(), &context.client.request_id);
        let mut response = match parsed {
            Ok(operation) => {
                let challenge = operation.challenge(&wire::Query::of(&context));
                let answer = self.answer(&context, operation, body).instrument(span.clone()).await;
                answer.unwrap_or_else(|error| error::render(&error, &context, challenge.as_ref()))
            }
            Err(ParseError::Invalid(error)) => error::render(&error, &context, None),
            Err(ParseError::MethodNotAllowed(allow)) => error::method_not_allowed(&method, allow),
            Err(ParseError::NotFound) => error::not_found(),
        };
        let headers = response.headers_mut();
        headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        if let Some(warning) = &self.warning {
            headers.append(http::header::WARNING, warning.clone());
        }
        span.record("status", response.status().as_u16());
        self.observe(kind, &context, &method, response.status(), began_at);
        response
    }

    /// Answers a request to `/token`.
    pub async fn handle_token(&self, request: Request<RequestBody>) -> Response {
        let began_at = Instant::now();
        let (parts, body) = request.into_parts();
        let client = Client::of(&parts.extensions).clone();
        let method = parts.method.clone();
        let context = self.context(client, parts);
        let span = spans::of_request("oci", OperationKind::Token.name(), &context.client.request_id);
        let response = token::handle(&context, body).instrument(span.clone()).await;
        span.record("status", response.status().as_u16());
        self.observe(OperationKind::Token, &context, &method, response.status(), began_at);
        response
    }

    fn context(&self, client: Client, parts: http::request::Parts) -> Context {
        Context { app: Arc::clone(&self.app), client, parts, redirects: self.redirects.clone() }
    }

    fn observe(
        &self,
        kind: OperationKind,
        context: &Context,
        method: &http::Method,
        status: StatusCode,
        began_at: Instant,
    ) {
        let duration = began_at.elapsed();
        self.metrics[kind as usize].record(status, duration);
        observe::log_request(
            "oci",
            kind.name(),
            &context.client,
            method,
            context.parts.uri.path(),
            status,
            duration,
        );
    }

    async fn answer(
        &self,
        context: &Context,
        operation: Operation,
        body: RequestBody,
    ) -> Result<Response, Error> {
        Allotment::check(&context.parts.extensions)?;
        match operation {
            Operation::Ping => auth::ping(context).await,
            Operation::ListRepositories => catalog::list_repositories(context).await,
            Operation::ListTags { name } => tags::list_tags(context, &name).await,
            Operation::ListReferrers { name, digest } => {
                referrers::list_referrers(context, &name, &digest).await
            }
            Operation::GetManifest { name, reference } => {
                manifests::get_manifest(context, &name, &reference).await
            }
            Operation::HeadManifest { name, reference } => {
                manifests::head_manifest(context, &name, &reference).await
            }
            Operation::PutManifest { name, reference } => {
                manifests::put_manifest(context, &name, reference, body).await
            }
            Operation::DeleteManifest { name, reference } => {
                manifests::delete_manifest(context, &name, &reference).await
            }
            Operation::GetBlob { name, digest } => blobs::get_blob(context, &name, &digest).await,
            Operation::HeadBlob { name, digest } => blobs::head_blob(context, &name, &digest).await,
            Operation::DeleteBlob { name, digest } => blobs::delete_blob(context, &name, &digest).await,
            Operation::BeginUpload { name } => uploads::begin_upload(context, &name, body).await,
            Operation::GetUpload { name, id } => uploads::get_upload(context, &name, id).await,
            Operation::AppendToUpload { name, id } => {
                uploads::append_to_upload(context, &name, id, body).await
            }
            Operation::FinishUpload { name, id } => uploads::finish_upload(context, &name, id, body).await,
            Operation::CancelUpload { name, id } => uploads::cancel_upload(context, &name, id).await,
        }
    }
}
