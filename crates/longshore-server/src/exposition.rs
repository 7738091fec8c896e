//! Counters, as Prometheus reads them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use longshore_api_common::{Response, body, response};
use longshore_app::App;
use longshore_content::damage::Damage;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a client may take for the header of a request, and stay idle between requests.
const HEADER: Duration = Duration::from_secs(60);
/// Connections at the same time: those of a few programs that read metrics. More are closed.
const CONNECTIONS: usize = 64;
/// Wait after a failed accept (no file descriptors).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// All counters, in the text form that Prometheus reads.
pub struct Exposition(pub Registry);

impl Exposition {
    /// Renders the counters.
    pub fn render(&self) -> Response {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &self.0).is_err() {
            return crate::dispatch::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics could not be rendered\n",
            );
        }
        let mut response = Response::new(body::full(text));
        let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// Serves `/metrics` on a listener of its own.
pub async fn run(exposition: Arc<Exposition>, listener: TcpListener, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            },
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
        let exposition = Arc::clone(&exposition);
        tokio::spawn(async move {
            let _slot = slot;
            let service = service_fn(|request: Request<Incoming>| {
                let mut response = match request.uri().path() {
                    "/metrics" => exposition.render(),
                    _ => crate::dispatch::text(StatusCode::NOT_FOUND, "only /metrics is here\n"),
                };
                if *request.method() == Method::HEAD {
                    response = response::without_body(response);
                }
                std::future::ready(Ok::<_, Infallible>(response))
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEADER);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Writes a gauge that is read when the metrics are.
pub fn write_gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: impl EncodeGaugeValue,
) -> Result<(), std::fmt::Error> {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

/// Writes such a gauge of a number of things.
pub fn write_count(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    count: u64,
) -> Result<(), std::fmt::Error> {
    write_gauge(encoder, name, help, i64::try_from(count).unwrap_or(i64::MAX))
}

/// Open connections, read when the metrics are.
#[derive(Debug)]
pub struct ConnectionGauge(pub Arc<longshore_api_common::metrics::Gauge>);

impl Collector for ConnectionGauge {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        write_count(&mut encoder, "longshore_connections", "Connections that are open", self.0.get())
    }
}

/// Damage that is known, read when the metrics are.
pub struct DamageMetrics(pub Arc<App>);

impl std::fmt::Debug for DamageMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DamageMetrics").finish_non_exhaustive()
    }
}

impl Collector for DamageMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Damage { marked, found } = self.0.content.damage();
        let text = "Blobs that are damaged, answer 404 and wait for a push that heals them";
        write_count(&mut encoder, "longshore_damaged_blobs", text, marked)?;
        let counter = ConstCounter::new(found);
        let text = "Blobs that were found damaged since the start";
        counter.encode(encoder.encode_descriptor(
            "longshore_damage_found",
            text,
            None,
            MetricType::Counter,
        )?)
    }
}

/// How far this machine's clock is ahead of the database's, read when the metrics are; absent where nothing is compared.
pub struct ClockGauge(pub Arc<App>);

impl std::fmt::Debug for ClockGauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClockGauge").finish_non_exhaustive()
    }
}

impl Collector for ClockGauge {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(ahead) = self.0.platform.clock_skew() else { return Ok(()) };
        let text = "How far the clock of this machine is ahead of the database's, negative when behind";
        write_gauge(&mut encoder, "longshore_clock_skew_seconds", text, ahead.as_secs_f64())
    }
}

/// How the jobs of this node went, and how much durable work there is, read when the metrics are.
pub struct JobMetrics(pub Arc<App>);

impl std::fmt::Debug for JobMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobMetrics").finish_non_exhaustive()
    }
}

impl Collector for JobMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let jobs = self.0.platform.job_figures();
        let (counter, gauge) = (MetricType::Counter, MetricType::Gauge);
        let (job, seconds) = (|name| [("job", name)], Some(&Unit::Seconds));

        let text = "Runs of each job since the start of this node";
        let runs = jobs.iter().flat_map(|(name, figure)| {
            [("success", figure.succeeded), ("failure", figure.failed)]
                .map(|(outcome, count)| ([("job", *name), ("outcome", outcome)], ConstCounter::new(count)))
        });
        write_each(encoder.encode_descriptor("longshore_job_runs", text, None, counter)?, runs)?;

        let text = "Things that each job dealt with since the start of this node";
        let items = jobs.iter().map(|(name, figure)| (job(*name), ConstCounter::new(figure.items)));
        write_each(encoder.encode_descriptor("longshore_job_items", text, None, counter)?, items)?;

        let text = "Time that each job took since the start of this node";
        let took =
            jobs.iter().map(|(name, figure)| (job(*name), ConstCounter::new(figure.took.as_secs_f64())));
        write_each(encoder.encode_descriptor("longshore_job_duration", text, seconds, counter)?, took)?;

        let text = "Time that the last run of each job took";
        let last =
            jobs.iter().map(|(name, figure)| (job(*name), ConstGauge::new(figure.last_took.as_secs_f64())));
        write_each(encoder.encode_descriptor("longshore_job_last_duration", text, seconds, gauge)?, last)?;

        let text = "When the last run of each job ended, since 1970";
        let ended = jobs.iter().map(|(name, figure)| {
            let at = figure.last_ended_at.map(Timestamp::as_second).unwrap_or_default();
            (job(*name), ConstGauge::new(at))
        });
        write_each(encoder.encode_descriptor("longshore_job_last_end", text, seconds, gauge)?, ended)?;

        let work = self.0.work_depths();
        let kind = |name| [("kind", name)];
        let count = |count: u64| ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));

        let text = "Durable work that waits, on all nodes; counted up to 10000 of each kind";
        let waiting = work.iter().map(|(name, depth)| (kind(*name), count(depth.waiting)));
        write_each(encoder.encode_descriptor("longshore_work_waiting", text, None, gauge)?, waiting)?;

        let text =
            "Durable work that was given up (longshore work ls --dead); counted up to 10000 of each kind";
        let dead = work.iter().map(|(name, depth)| (kind(*name), count(depth.dead)));
        write_each(encoder.encode_descriptor("longshore_work_dead", text, None, gauge)?, dead)?;

        let text = "How long the oldest durable work of each kind has been due";
        let now = self.0.platform.now();
        let overdue = work.iter().map(|(name, depth)| {
            let late = depth.oldest_due_at.map_or(0, |due_at| now.duration_since(due_at).as_secs().max(0));
            (kind(*name), ConstGauge::new(late))
        });
        write_each(encoder.encode_descriptor("longshore_work_overdue", text, seconds, gauge)?, overdue)
    }
}

/// Writes one metric of several things, each with its labels.
fn write_each<const N: usize>(
    mut family: MetricEncoder<'_>,
    each: impl IntoIterator<Item = ([(&'static str, &'static str); N], impl EncodeMetric)>,
) -> Result<(), std::fmt::Error> {
    for (labels, metric) in each {
        metric.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
