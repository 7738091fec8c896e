//! The HTTP server: accepts connections, describes clients, hands requests to the dispatch, drains on shutdown.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use longshore_api_common::Response;
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::client::Client;
use longshore_api_common::metrics::Metrics;
use longshore_api_common::origin::{Origin, is_authority};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::dispatch::Dispatch;

/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take for the header of a request, and stay idle between requests.
const HEADER: Duration = Duration::from_secs(60);
/// Read buffer of a connection; the header of a request must fit.
const BUFFER_BYTES: usize = 64 << 10;
/// How much and how long a refused client may still send.
const DRAIN_BYTES: usize = 16 << 20;
const DRAIN: Duration = Duration::from_secs(5);
/// Wait after a failed accept (no file descriptors).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

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

/// Finds out who a client is and what it calls this registry.
pub struct Clients {
    /// The configured public origin.
    pub origin: Option<Arc<str>>,
    /// Proxies whose headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether this server itself speaks TLS.
    pub has_tls: bool,
    /// Beginning of the request ids of this process.
    pub id_prefix: String,
    /// Counts requests.
    pub requests: AtomicU64,
}

impl Clients {
    fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Describes the client of a request that came over a connection from `peer`.
    pub fn describe(&self, peer: IpAddr, authority: Option<&str>, headers: &HeaderMap) -> Client {
        let behind_proxy = self.is_trusted(peer);
        let forwarded = |name: &HeaderName| {
            headers.get(name).filter(|_| behind_proxy).and_then(|value| value.to_str().ok())
        };
        let address = if behind_proxy { self.forwarded_address(peer, headers) } else { peer.to_canonical() };
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let request_id = match forwarded(&REQUEST_ID).filter(|id| is_request_id(id)) {
            Some(id) => id.into(),
            None => format!("{}{number:x}", self.id_prefix).into(),
        };
        let origin = match &self.origin {
            Some(origin) => Origin::Known(Arc::clone(origin)),
            None => {
                let scheme = match forwarded(&FORWARDED_PROTO) {
                    Some("https") => "https",
                    Some("http") => "http",
                    _ if self.has_tls => "https",
                    _ => "http",
                };
                let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).or(authority);
                match (
                    forwarded(&FORWARDED_HOST).filter(|host| is_authority(host)),
                    host.filter(|host| is_authority(host)),
                ) {
                    (Some(host), _) => Origin::Known(format!("{scheme}://{host}").into()),
                    (None, Some(host)) => Origin::Addressed(format!("{scheme}://{host}").into()),
                    (None, None) => Origin::Addressed("http://localhost".into()),
                }
            }
        };
        Client { address, request_id, origin }
    }

    /// The last address that no trusted proxy has added.
    fn forwarded_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let listed = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','));
        let listed: Vec<Option<IpAddr>> = listed.map(|text| text.trim().parse().ok()).collect();
        let mut address = peer;
        for candidate in listed.into_iter().rev() {
            let Some(candidate) = candidate else { break };
            address = candidate;
            if !self.is_trusted(candidate) {
                break;
            }
        }
        address.to_canonical()
    }
}

fn is_request_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// What every connection needs.
pub struct Server {
    pub dispatch: Dispatch,
    pub clients: Clients,
    pub metrics: Metrics,
}

impl Server {
    async fn answer(&self, peer: IpAddr, mut request: Request<Incoming>) -> Result<Response, Infallible> {
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let client = self.clients.describe(peer, authority, request.headers());
        let request_id = Arc::clone(&client.request_id);
        request.extensions_mut().insert(client);
        let (request, left_over) = returnable(request);
        let mut response = self.dispatch.answer(request).await;
        if response.status().is_client_error() || response.status().is_server_error() {
            tokio::spawn(drain(left_over));
        }
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        Ok(response)
    }
}

/// Makes a request's body come back when whoever answers drops it unread.
fn returnable(request: Request<Incoming>) -> (Request<RequestBody>, Option<oneshot::Receiver<Incoming>>) {
    if request.body().is_end_stream() {
        return (request.map(RequestBody::new), None);
    }
    let (home, left_over) = oneshot::channel();
    let wrap = |body| RequestBody::new(Returnable { body: Some(body), home: Some(home) });
    (request.map(wrap), Some(left_over))
}

/// Reads on, for a while, what a client still sends after it was refused; otherwise the connection would be
/// reset, and many clients would not get to see why they were refused.
async fn drain(left_over: Option<oneshot::Receiver<Incoming>>) {
    let Some(left_over) = left_over else { return };
    let Ok(mut body) = left_over.await else { return };
    let mut room = DRAIN_BYTES;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            room = room.saturating_sub(frame.data_ref().map_or(0, bytes::Bytes::len));
            if room == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN, reading).await;
}

struct Returnable {
    body: Option<Incoming>,
    home: Option<oneshot::Sender<Incoming>>,
}

impl Body for Returnable {
    type Data = bytes::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, hyper::Error>>> {
        match self.body.as_mut() {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Returnable {
    fn drop(&mut self) {
        if let (Some(body), Some(home)) = (self.body.take(), self.home.take()) {
            let _ = home.send(body);
        }
    }
}

/// Listens until `stop` is cancelled, then lets requests in progress finish within `drain`.
pub async fn run(
    server: Arc<Server>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limit: usize,
    stop: CancellationToken,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limit));
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(BUFFER_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(HEADER))
        .max_concurrent_streams(250)
        .max_header_list_size(64 << 10);
    let builder = Arc::new(builder);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let (server, builder, tls) = (Arc::clone(&server), Arc::clone(&builder), tls.clone());
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            server.metrics.connections.increment();
            match tls {
                None => serve_connection(&server, &builder, stream, peer, watcher).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => serve_connection(&server, &builder, stream, peer, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
                },
            }
            server.metrics.connections.decrement();
            drop(slot);
        });
    }
    drop(listener);
    let open = graceful.count();
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(open, "some requests did not finish in time and are cut off; uploads can be resumed");
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Small responses must not wait for the client's acknowledgement of earlier ones.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_RETRY).await;
            None
        }
    }
}

async fn serve_connection<S>(
    server: &Arc<Server>,
    builder: &Builder<TokioExecutor>,
    stream: S,
    peer: SocketAddr,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let server = Arc::clone(server);
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { server.answer(peer.ip(), request).await }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "a connection ended with an error");
    }
}

/// Serves `/metrics` on a listener of its own.
pub async fn run_metrics(exposition: Arc<Exposition>, listener: TcpListener, stop: CancellationToken) {
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
        let exposition = Arc::clone(&exposition);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let response = match request.uri().path() {
                    "/metrics" => exposition.render(),
                    _ => crate::dispatch::text(StatusCode::NOT_FOUND, "only /metrics is here\n"),
                };
                std::future::ready(Ok::<_, Infallible>(response))
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEADER);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(origin: Option<&str>) -> Clients {
        Clients {
            origin: origin.map(Into::into),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            has_tls: false,
            id_prefix: "t-".into(),
            requests: AtomicU64::new(0),
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    const FORWARDED: &[(&str, &str)] = &[
        ("host", "inside:5000"),
        ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "registry.example.org"),
        ("x-request-id", "abc-123"),
    ];

    #[test]
    fn a_trusted_proxy_is_believed() {
        let client = clients(None).describe([10, 0, 0, 1].into(), None, &headers(FORWARDED));
        assert_eq!(
            client.address,
            IpAddr::from([198, 51, 100, 7]),
            "the first address that no proxy of ours added"
        );
        assert_eq!(client.origin, Origin::Known("https://registry.example.org".into()));
        assert_eq!(&*client.request_id, "abc-123");
    }

    #[test]
    fn abuse_26_headers_of_others_are_not_believed() {
        let client = clients(None).describe([203, 0, 113, 5].into(), None, &headers(FORWARDED));
        assert_eq!(client.address, IpAddr::from([203, 0, 113, 5]));
        assert_eq!(client.origin, Origin::Addressed("http://inside:5000".into()));
        assert_ne!(&*client.request_id, "abc-123");
    }

    #[test]
    fn the_configured_origin_beats_every_header() {
        let client =
            clients(Some("https://r.example")).describe([10, 0, 0, 1].into(), None, &headers(FORWARDED));
        assert_eq!(client.origin, Origin::Known("https://r.example".into()));
    }

    #[test]
    fn a_hostile_host_header_is_not_echoed() {
        let hostile = headers(&[("host", "evil\",scope=\"x")]);
        let client = clients(None).describe([203, 0, 113, 5].into(), None, &hostile);
        assert_eq!(client.origin, Origin::Addressed("http://localhost".into()));
    }
}
