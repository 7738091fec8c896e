//! Counters of requests, by dialect and operation, looked up once so that a request costs a few atomic additions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of the duration histogram, in seconds.
const DURATIONS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 10.0, 60.0];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    dialect: &'static str,
    operation: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    dialect: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// A counter by reason.
#[derive(Clone, Default)]
pub struct ReasonCounter(Family<ReasonLabels, Counter>);

impl ReasonCounter {
    /// Counts one.
    pub fn count(&self, reason: &'static str) {
        self.0.get_or_create(&ReasonLabels { reason }).inc();
    }
}

/// Counters of one operation. They appear when they are first used: most nodes never see most operations.
pub struct OperationMetrics {
    all: Metrics,
    dialect: &'static str,
    operation: &'static str,
    requests: [OnceLock<Counter>; 5],
    seconds: OnceLock<Histogram>,
}

impl OperationMetrics {
    /// Counts one request.
    pub fn record(&self, status: StatusCode, duration: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        let (dialect, operation) = (self.dialect, self.operation);
        let requests = self.requests[class].get_or_init(|| {
            let labels = RequestLabels { dialect, operation, status: CLASSES[class] };
            self.all.requests.get_or_create(&labels).clone()
        });
        requests.inc();
        let labels = OperationLabels { dialect, operation };
        let seconds = self.seconds.get_or_init(|| self.all.seconds.get_or_create(&labels).clone());
        seconds.observe(duration.as_secs_f64());
    }
}

/// All request counters of the process.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<OperationLabels, Histogram, fn() -> Histogram>,
    /// Connections that are open.
    pub connections: Arc<Gauge>,
    /// Connections that were closed at once.
    pub connections_refused: ReasonCounter,
    /// Connections that were cut.
    pub connections_cut: ReasonCounter,
    /// Requests that were answered with 503 because of others in progress.
    pub requests_refused: ReasonCounter,
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Adds one.
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one away.
    pub fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns the number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metrics {
    /// Registers the counters.
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        let seconds: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(DURATIONS));
        registry.register(
            "longshore_requests",
            "Requests by dialect, operation and class of status",
            requests.clone(),
        );
        registry.register(
            "longshore_request_duration_seconds",
            "Time from the request's header to the response's header",
            seconds.clone(),
        );
        let mut by_reason = |name, help| {
            let counter = ReasonCounter::default();
            registry.register(name, help, counter.0.clone());
            counter
        };
        Self {
            requests,
            seconds,
            connections: Arc::default(),
            connections_refused: by_reason(
                "longshore_connections_refused",
                "Connections that were closed at once: their address had its share, or all places were taken",
            ),
            connections_cut: by_reason(
                "longshore_connections_cut",
                "Connections that were cut because their client sent no request or did not take its response",
            ),
            requests_refused: by_reason(
                "longshore_requests_refused",
                "Requests that were refused because too many were in progress",
            ),
        }
    }

    /// Makes the counters of an operation.
    pub fn operation(&self, dialect: &'static str, operation: &'static str) -> OperationMetrics {
        OperationMetrics {
            all: self.clone(),
            dialect,
            operation,
            requests: Default::default(),
            seconds: OnceLock::new(),
        }
    }
}
