//! The HTTP server: accepts connections, describes clients, hands requests to the dispatch, drains on shutdown.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use longshore_api_common::Response;
use longshore_api_common::allotment::Allotment;
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::client::Client;
use longshore_api_common::metrics::Metrics;
use longshore_api_common::shares::{Refusal, Share};
use longshore_platform::origins::RequestOrigin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clients::{Clients, REQUEST_ID};
use crate::connections::{
    Answer, Ended, Flight, Guarded, Limits, SentBody, Speaker, Watch, refusal_name, refused_connection,
    refused_request, time_to_end, watched,
};
use crate::dispatch::Dispatch;

/// Most connections that wait to be accepted when the server stops, and still are.
const WAITING: usize = 1024;
/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How much and how long a refused client may still send.
const DRAIN_BYTES: usize = 16 << 20;
const DRAIN: Duration = Duration::from_secs(5);
/// Headers of a request that count as one turn; a request with more of them counts as several.
const HEADER_TURN_BYTES: usize = 8 << 10;
/// What those are told for whom there is no connection.
const NO_CONNECTION: &str = "there are too many connections, or too many from your address; try again\n";
/// Wait after a failed accept (no file descriptors).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What every connection needs.
pub struct Server {
    pub dispatch: Dispatch,
    pub clients: Clients,
    pub metrics: Metrics,
    pub limits: Limits,
}

impl Server {
    /// Begins to answer a request. Whether it gets a turn is decided here and now: what is kept for those without one must be
    /// small, as they can be many at once.
    fn answer(self: Arc<Self>, peer: IpAddr, request: Request<Incoming>, watch: &Arc<Watch>) -> Answer {
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let client = self.clients.describe(peer, authority, request.headers());
        // A proxy that does not say for whom it asks speaks for many.
        let address = self.clients.unless_trusted(client.address);
        let turn = self.turn(client.address, address, request.headers());
        let flight = Flight::begin(watch, turn);
        if watch.is_insistent() {
            // The connection is about to be cut.
            let mut response = Response::new(body::empty());
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return Box::pin(std::future::ready(watched(response, flight, &self.limits.held)));
        }
        let allotment = Allotment::new(&self.limits.bodies, address, flight.is_refused());
        Box::pin(async move { self.dispatch(request, client, allotment, flight).await })
    }

    async fn dispatch(
        &self,
        request: Request<Incoming>,
        client: Client,
        allotment: Allotment,
        flight: Arc<Flight>,
    ) -> http::Response<SentBody> {
        let request_id = Arc::clone(&client.request_id);
        let program = request.headers().get(http::header::USER_AGENT).map(HeaderValue::as_bytes);
        let origin = RequestOrigin::of(client.address, program);
        let (mut request, left_over) = returnable(request);
        request.extensions_mut().insert(allotment);
        request.extensions_mut().insert(client);
        let mut response = origin.scope(self.dispatch.answer(request)).await;
        if response.status().is_client_error() || response.status().is_server_error() {
            tokio::spawn(drain(left_over, Arc::clone(&flight)));
        }
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        watched(response, flight, &self.limits.held)
    }

    /// Takes a turn for a request of somebody, or of many.
    fn turn(&self, seen: IpAddr, address: Option<IpAddr>, headers: &HeaderMap) -> Option<Share> {
        let header_bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let turns = 1 + (header_bytes / HEADER_TURN_BYTES) as u64;
        self.limits
            .turns
            .take(address, turns)
            .inspect_err(|refusal| {
                self.metrics.requests_refused.count(refusal_name(*refusal));
                tracing::warn!(address = %seen, cause = refused_request(*refusal), "a request was refused");
            })
            .ok()
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
async fn drain(left_over: Option<oneshot::Receiver<Incoming>>, _in_progress: Arc<Flight>) {
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
    stop: CancellationToken,
    drain: Duration,
) {
    let open = TaskTracker::new();
    let speaker = Arc::new(Speaker::new(Arc::clone(&server.limits.widths)));
    let admit = |stream: TcpStream, peer: SocketAddr| {
        let place = match server.limits.connections.take(server.clients.unless_trusted(peer.ip()), 1) {
            Ok(place) => place,
            Err(refusal) => return turn_away(&server, stream, peer, refusal, tls.is_some()),
        };
        let (server, speaker, tls, stop) =
            (Arc::clone(&server), Arc::clone(&speaker), tls.clone(), stop.clone());
        open.spawn(async move {
            server.metrics.connections.increment();
            let ended = serve_socket(&server, &speaker, stream, peer.ip(), tls, &stop).await;
            server.metrics.connections.decrement();
            drop(place);
            match ended {
                Ended::Well => {}
                Ended::Broken(error) => tracing::debug!(%peer, error, "a connection ended with an error"),
                Ended::Cut(cut) => {
                    server.metrics.connections_cut.count(cut.name());
                    tracing::warn!(%peer, cause = cut.cause(), "a connection was cut");
                }
            }
        });
    };
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(stream, peer),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    // Closing resets what waits to be accepted; its clients have sent their requests.
    if let Ok(listener) = listener.into_std() {
        for (stream, peer) in std::iter::from_fn(|| listener.accept().ok()).take(WAITING) {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                admit(stream, peer);
            }
        }
    }
    open.close();
    let count = open.len();
    if tokio::time::timeout(drain, open.wait()).await.is_err() {
        tracing::warn!(
            open = count,
            "some requests did not finish in time and are cut off; uploads can be resumed"
        );
    }
}

/// Closes a connection for which there is no place. Clients that speak plain HTTP are told so, as far as that takes no time.
fn turn_away(server: &Server, stream: TcpStream, peer: SocketAddr, refusal: Refusal, has_tls: bool) {
    server.metrics.connections_refused.count(refusal_name(refusal));
    tracing::warn!(%peer, cause = refused_connection(refusal), "a connection was refused");
    if has_tls {
        return;
    }
    if let Ok(mut stream) = stream.into_std() {
        use std::io::{Read, Write};
        // What is not read would make the closing a reset, and the answer would be lost.
        let _ = stream.read(&mut [0; 2048]);
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{NO_CONNECTION}",
            NO_CONNECTION.len()
        );
        let _ = stream.write(answer.as_bytes());
    }
}

async fn serve_socket(
    server: &Arc<Server>,
    speaker: &Speaker,
    stream: TcpStream,
    peer: IpAddr,
    tls: Option<TlsAcceptor>,
    stop: &CancellationToken,
) -> Ended {
    // Small responses must not wait for the client's acknowledgement of earlier ones.
    let _ = stream.set_nodelay(true);
    let watch = Watch::new(server.limits.deadlines, Instant::now());
    let stream = Guarded::new(stream, Arc::clone(&watch));
    let Some(tls) = tls else { return serve_http(server, speaker, stream, peer, &watch, stop).await };
    let limit = HANDSHAKE.min(server.limits.deadlines.first_request);
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(limit, tls.accept(stream)) => shaken,
        () = time_to_end(stop, &watch) => return Ended::Well,
    };
    match shaken {
        Ok(Ok(stream)) => {
            watch.restart(Instant::now());
            serve_http(server, speaker, stream, peer, &watch, stop).await
        }
        Ok(Err(error)) => Ended::Broken(format!("a TLS handshake failed: {error}")),
        Err(_) => Ended::Broken("a TLS handshake took too long".into()),
    }
}

async fn serve_http<S>(
    server: &Arc<Server>,
    speaker: &Speaker,
    stream: S,
    peer: IpAddr,
    watch: &Arc<Watch>,
    stop: &CancellationToken,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (server, watched) = (Arc::clone(server), Arc::clone(watch));
    let sharer = server.clients.unless_trusted(peer);
    let answer = move |request| Arc::clone(&server).answer(peer, request, &watched);
    speaker.serve(stream, sharer, watch, stop, answer).await
}
