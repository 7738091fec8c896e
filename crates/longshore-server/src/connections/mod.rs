//! One connection: from the accepted socket to its end, with a deadline for everything that a client may leave undone.
//!
//! Nothing here looks at what is asked: that is `http_server` and `dispatch`.

mod guard;
mod limits;
mod patience;
mod sent_body;
mod watch;

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use longshore_api_common::Response;
use longshore_api_common::shares::Shares;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::guard::Guarded;
use self::guard::{Rewound, Version, detect};
pub use self::limits::{Ended, Limits, refusal_name, refused_connection, refused_request};
pub use self::patience::Pace;
pub use self::sent_body::{Held, SentBody};
use self::watch::Verdict;
pub use self::watch::{Deadlines, Flight, Watch};

/// What a connection may hold of what its client sends before anybody reads it.
struct Width {
    /// Read buffer of HTTP/1.1; the header of a request must fit.
    buffer_bytes: usize,
    /// Unread bytes of HTTP/2, on all streams together.
    window_bytes: u32,
    /// Requests in progress on one HTTP/2 connection.
    streams: u32,
}

/// While there is room for it (`Limits::widths`).
const WIDE: Width = Width { buffer_bytes: 64 << 10, window_bytes: 256 << 10, streams: 100 };
/// Otherwise. A connection of HTTP/2 cannot begin with a smaller window (RFC 9113, section 6.9.2).
const NARROW: Width = Width { buffer_bytes: 16 << 10, window_bytes: 65_535, streams: 16 };

/// Longest list of headers of HTTP/2.
const HEADER_LIST_BYTES: u32 = 64 << 10;
/// What is handed to an HTTP/2 stream beyond what the client takes.
const STREAM_SEND_BYTES: usize = 64 << 10;
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(60);
const PONG: Duration = Duration::from_secs(20);
/// How long a connection that has just been made has for its first request when the server stops: a proxy that chose this node
/// has sent it already, and does not send what changes something to another one.
const FIRST_AT_STOP: Duration = Duration::from_secs(1);
/// How long an HTTP/2 client that was told to go may take.
const GOODBYE: Duration = Duration::from_secs(5);

/// A response on its way. On the heap, and gone when it is there: what is kept for each stream stays small.
pub type Answer = Pin<Box<dyn Future<Output = http::Response<SentBody>> + Send>>;

/// Speaks HTTP on sockets.
pub struct Speaker {
    wide: Builders,
    narrow: Builders,
    widths: Arc<Shares>,
}

struct Builders {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Builders {
    fn new(width: &Width) -> Self {
        let mut http1 = http1::Builder::new();
        // The watch of the connection has the deadlines.
        http1.header_read_timeout(None).max_buf_size(width.buffer_bytes);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(PING))
            .keep_alive_timeout(PONG)
            .max_concurrent_streams(width.streams)
            .initial_stream_window_size(width.window_bytes)
            .initial_connection_window_size(width.window_bytes)
            .max_send_buf_size(STREAM_SEND_BYTES)
            .max_header_list_size(HEADER_LIST_BYTES);
        Self { http1, http2 }
    }
}

impl Speaker {
    /// `widths` is shared by the connections that are wide, in bytes.
    pub fn new(widths: Arc<Shares>) -> Self {
        Self { wide: Builders::new(&WIDE), narrow: Builders::new(&NARROW), widths }
    }

    /// Serves a connection until it ends or its watch says so. `answer` begins a flight for each request; `peer` is `None` for
    /// a trusted proxy.
    pub async fn serve<S, A>(
        &self,
        mut stream: S,
        peer: Option<IpAddr>,
        watch: &Arc<Watch>,
        stop: &CancellationToken,
        answer: A,
    ) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: Fn(Request<Incoming>) -> Answer + Send + 'static,
    {
        let detected = {
            let mut detecting = pin!(detect(&mut stream));
            loop {
                let next = match watch.verdict(Instant::now()) {
                    Verdict::GoOn(next) => next,
                    Verdict::Idle => return Ended::Well,
                    Verdict::Cut(cut) => return Ended::Cut(cut),
                };
                tokio::select! {
                    detected = detecting.as_mut() => break detected,
                    () = time_to_end(stop, watch) => return Ended::Well,
                    () = tokio::time::sleep_until(next) => {}
                }
            }
        };
        let (version, before) = match detected {
            Ok(detected) => detected,
            Err(error) => return Ended::Broken(error.to_string()),
        };
        let io = TokioIo::new(Rewound::new(stream, before));
        let service = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let wide_bytes = match version {
            Version::Http1 => WIDE.buffer_bytes as u64,
            Version::Http2 => u64::from(WIDE.window_bytes),
        };
        let width = self.widths.take(peer, wide_bytes);
        let Builders { http1, http2 } = if width.is_ok() { &self.wide } else { &self.narrow };
        match version {
            Version::Http1 => drive(Box::pin(http1.serve_connection(io, service)), watch, stop).await,
            Version::Http2 => drive(Box::pin(http2.serve_connection(io, service)), watch, stop).await,
        }
    }
}

/// Waits until the server stops, and on a connection without a request yet as long as the first one may take then.
pub async fn time_to_end(stop: &CancellationToken, watch: &Watch) {
    stop.cancelled().await;
    if !watch.has_begun() {
        tokio::time::sleep(FIRST_AT_STOP).await;
    }
}

/// A connection that can be told to end after what is in progress.
trait Connection: Future<Output = hyper::Result<()>> {
    fn end(self: Pin<&mut Self>);
}

impl<I, S> Connection for http1::Connection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<Incoming, ResBody = SentBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Connection for http2::Connection<I, S, TokioExecutor>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<Incoming, ResBody = SentBody>,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

async fn drive(mut connection: Pin<Box<impl Connection>>, watch: &Watch, stop: &CancellationToken) -> Ended {
    let mut is_stopping = false;
    let mut goodbye = None;
    loop {
        let now = Instant::now();
        let next = match watch.verdict(now) {
            Verdict::GoOn(next) => next,
            Verdict::Cut(cut) => return Ended::Cut(cut),
            Verdict::Idle => match goodbye {
                Some(until) if until <= now => return Ended::Well,
                Some(until) => until,
                None => {
                    connection.as_mut().end();
                    *goodbye.insert(now + GOODBYE)
                }
            },
        };
        tokio::select! {
            ended = connection.as_mut() => {
                return ended.map_or_else(|error| Ended::Broken(error.to_string()), |()| Ended::Well);
            }
            () = time_to_end(stop, watch), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().end();
            }
            () = watch.changed() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// Begins the watch over what a request is answered with.
pub fn watched(response: Response, flight: Arc<Flight>, held: &Arc<Held>) -> http::Response<SentBody> {
    response.map(|body| SentBody::new(body, flight, Arc::clone(held)))
}
