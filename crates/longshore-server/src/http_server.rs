//! The HTTP server: accepts connections, describes clients, hands requests to the dispatch, drains on shutdown.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::metrics::Metrics;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::clients::{Clients, REQUEST_ID};
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
