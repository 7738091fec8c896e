//! Spans: how long each operation and each job took, and where. They cost nothing unless they are exported.
//!
//! All have one target, so that one rule turns them on and off, and that no other record of the log becomes part of a trace.
//! Their attributes are names and numbers, never what a client sent as a query, a header or a body.

use longshore_domain::access::actor::Actor;
use longshore_domain::name::RepositoryName;
use tracing::field::Empty;
use tracing::{Span, info_span};

/// The target of all spans.
pub const TARGET: &str = "longshore::span";

/// Begins the span of a request: an operation of a dialect.
pub fn of_request(dialect: &'static str, operation: &'static str, request_id: &str) -> Span {
    info_span!(
        target: TARGET,
        "request",
        otel.name = operation,
        otel.kind = "server",
        dialect,
        operation,
        request_id,
        account = Empty,
        repository = Empty,
        status = Empty,
    )
}

/// Begins the span of a run of a job.
pub fn of_job(name: &'static str) -> Span {
    info_span!(target: TARGET, "job", otel.name = name, job = name)
}

/// Begins the span of a call of the metadata store: `write`, `look_up` or `read`.
pub fn of_metadata(call: &'static str) -> Span {
    info_span!(target: TARGET, "metadata", otel.name = call, otel.kind = "client", store = "metadata")
}

/// Begins the span of a call of the blob store.
pub fn of_blobs(call: &'static str) -> Span {
    info_span!(target: TARGET, "blobs", otel.name = call, otel.kind = "client", store = "blobs")
}

/// Says who acts in the present span.
pub fn record_actor(actor: &Actor) {
    Span::current().record("account", actor.display_name());
}

/// Says which repository the present span is about.
pub fn record_repository(name: &RepositoryName) {
    Span::current().record("repository", name.as_str());
}
