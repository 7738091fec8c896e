//! Traces: spans that are sent to a collector, in OpenTelemetry's protocol (OTLP over HTTP, in protobuf).
//!
//! Off unless `traces.otlp_url` is set; then the stores are wrapped, so that their calls are spans too.
//! At most 2,048 spans wait to be sent; what comes beyond is dropped, and so is what the collector does not take.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use longshore_domain::clock::{Clock, ClockDifference};
use longshore_domain::ports::blobs::{
    BlobStore, BlobWriter, ByteRange, ByteStream, Certainty, Listing, ObjectToDelete, Progress, Staged,
    StorageKey, Synced,
};
use longshore_domain::ports::metadata::{Metadata, Work};
use longshore_platform::spans::{TARGET, of_blobs, of_metadata};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Instrument, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use crate::config::Traces;

/// How long the collector may take for one batch.
const TIMEOUT: Duration = Duration::from_secs(5);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Makes the layer that sends spans to a collector.
///
/// # Errors
/// When the URL is none.
pub fn layer<S>(traces: &Traces) -> Result<impl Layer<S> + Send + Sync + use<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(traces.endpoint())
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(TIMEOUT)
        .build()
        .context("traces.otlp_url: cannot be used")?;
    let resource = Resource::builder()
        .with_service_name("longshore")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::TraceIdRatioBased(traces.ratio()))
        .with_resource(resource)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("longshore"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    let _ = PROVIDER.set(provider);
    Ok(layer.with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET)))
}

/// Returns whether spans are exported.
pub fn are_on() -> bool {
    PROVIDER.get().is_some()
}

/// Sends what waits, but not for ever.
pub fn finish() {
    if let Some(provider) = PROVIDER.get() {
        let _ = provider.shutdown_with_timeout(TIMEOUT);
    }
}

/// A metadata store whose transactions are spans.
pub struct TracedMetadata(pub Arc<dyn Metadata>);

#[async_trait]
impl Metadata for TracedMetadata {
    async fn run_write(&self, work: Work) -> longshore_domain::Result<Box<dyn std::any::Any + Send>> {
        self.0.run_write(work).instrument(of_metadata("write")).await
    }

    async fn run_look_up(&self, work: Work) -> longshore_domain::Result<Box<dyn std::any::Any + Send>> {
        self.0.run_look_up(work).instrument(of_metadata("look_up")).await
    }

    async fn run_read(&self, work: Work) -> longshore_domain::Result<Box<dyn std::any::Any + Send>> {
        self.0.run_read(work).instrument(of_metadata("read")).await
    }

    fn authority_epoch(&self) -> u64 {
        self.0.authority_epoch()
    }

    async fn check(&self) -> longshore_domain::Result<()> {
        self.0.check().await
    }

    async fn compare_clock(&self, clock: &dyn Clock) -> longshore_domain::Result<Option<ClockDifference>> {
        self.0.compare_clock(clock).await
    }

    async fn check_integrity(&self) -> longshore_domain::Result<Vec<String>> {
        self.0.check_integrity().await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

/// A blob store whose calls are spans. Of a stream, the span is until it begins.
pub struct TracedBlobs(pub Arc<dyn BlobStore>);

#[async_trait]
impl BlobStore for TracedBlobs {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn open_writer(&self, staged: &Staged) -> longshore_domain::Result<Box<dyn BlobWriter>> {
        let writer = self.0.open_writer(staged).instrument(of_blobs("open_writer")).await?;
        Ok(Box::new(TracedWriter(writer)))
    }

    async fn read(&self, key: StorageKey, range: ByteRange) -> longshore_domain::Result<ByteStream> {
        self.0.read(key, range).instrument(of_blobs("read")).await
    }

    async fn find_size(&self, key: StorageKey) -> longshore_domain::Result<Option<u64>> {
        self.0.find_size(key).instrument(of_blobs("find_size")).await
    }

    async fn delete(&self, object: &ObjectToDelete) -> longshore_domain::Result<()> {
        self.0.delete(object).instrument(of_blobs("delete")).await
    }

    async fn delete_all(&self, objects: &[ObjectToDelete]) -> Vec<longshore_domain::Result<()>> {
        self.0.delete_all(objects).instrument(of_blobs("delete_all")).await
    }

    async fn list(&self) -> longshore_domain::Result<Listing> {
        self.0.list().instrument(of_blobs("list")).await
    }

    async fn sign_url(&self, key: StorageKey, valid: Duration) -> longshore_domain::Result<Option<String>> {
        self.0.sign_url(key, valid).instrument(of_blobs("sign_url")).await
    }

    async fn abort_orphans(&self, before: Timestamp) -> longshore_domain::Result<u64> {
        self.0.abort_orphans(before).instrument(of_blobs("abort_strays")).await
    }

    async fn find_identity(&self) -> longshore_domain::Result<Option<Uuid>> {
        self.0.find_identity().await
    }

    async fn ensure_identity(&self, fresh: Uuid) -> longshore_domain::Result<Uuid> {
        self.0.ensure_identity(fresh).await
    }

    async fn check(&self) -> longshore_domain::Result<()> {
        self.0.check().await
    }
}

struct TracedWriter(Box<dyn BlobWriter>);

#[async_trait]
impl BlobWriter for TracedWriter {
    async fn write(&mut self, bytes: Bytes) -> longshore_domain::Result<Progress> {
        self.0.write(bytes).await
    }

    async fn sync(&mut self) -> longshore_domain::Result<Synced> {
        self.0.sync().instrument(of_blobs("sync")).await
    }

    async fn finish(&mut self) -> longshore_domain::Result<(Synced, Certainty)> {
        self.0.finish().instrument(of_blobs("finish")).await
    }
}
