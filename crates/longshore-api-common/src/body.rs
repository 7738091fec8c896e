//! Bodies: requests as bounded or streamed bytes, responses from bytes or streams.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http::Extensions;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyDataStream, BodyExt, Empty, Full, StreamBody};
use longshore_domain::ports::blobs::ByteStream;
use longshore_domain::{Error, Result};

use crate::ResponseBody;
use crate::allotment::Allotment;

/// The body of a request, as the server hands it to every dialect.
pub struct RequestBody(UnsyncBoxBody<Bytes, BodyError>);

/// Why a body broke: the connection, as whoever reads it sees that.
type BodyError = Box<dyn std::error::Error + Send + Sync>;

impl RequestBody {
    /// Makes one of any body.
    pub fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BodyError>> + Send + 'static,
    {
        Self(body.map_err(Into::into).boxed_unsync())
    }

    /// Makes an empty one.
    pub fn empty() -> Self {
        Self::new(Empty::new())
    }
}

impl<T: Into<Bytes>> From<T> for RequestBody {
    fn from(bytes: T) -> Self {
        Self::new(Full::new(bytes.into()))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// Makes an empty body.
pub fn empty() -> ResponseBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Makes a body of bytes in memory.
pub fn full(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Reads the body of a response that was made of bytes.
///
/// # Errors
/// What reading it fails with.
pub async fn bytes_of(body: ResponseBody) -> Result<Bytes> {
    Ok(body.collect().await?.to_bytes())
}

/// Makes a body of a stream of known length. A stream that fails ends the connection.
pub fn stream(bytes: ByteStream, length: u64) -> ResponseBody {
    Streamed { bytes, remaining: length }.boxed_unsync()
}

/// Makes a body of a stream whose length is not known. A stream that fails ends the connection.
pub fn pieces(bytes: ByteStream) -> ResponseBody {
    let pieces = bytes.map(|piece| piece.inspect_err(log_broken_stream).map(Frame::data));
    StreamBody::new(pieces).boxed_unsync()
}

struct Streamed {
    bytes: ByteStream,
    remaining: u64,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        self.bytes.as_mut().poll_next(context).map(|next| {
            next.map(|piece| {
                let piece = piece.inspect_err(log_broken_stream)?;
                self.remaining = self.remaining.saturating_sub(piece.len() as u64);
                Ok(Frame::data(piece))
            })
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

fn log_broken_stream(error: &Error) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(error = %error, cause, "what is sent could not be read to its end; the connection is cut");
}

/// Returns a request's body as a stream. A broken connection is `BodyInterrupted`.
pub fn received(body: RequestBody) -> Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>> {
    Box::pin(BodyDataStream::new(body).map(|piece| piece.map_err(|_| Error::BodyInterrupted)))
}

/// Memory that a body gets before anything of it has arrived; it doubles as the body grows.
const FIRST_BYTES: u64 = 4 << 10;

/// Reads a request's body into memory, of which it gets what is left of the memory for all bodies, as far as it needs it.
///
/// # Errors
/// `too_large` when it has more than `limit_bytes`; `BodyInterrupted` when it breaks, stalls for `idle` or takes longer than
/// any body may; `Overloaded` when there is no memory for it.
pub async fn collect(
    extensions: &Extensions,
    body: RequestBody,
    limit_bytes: u64,
    idle: Duration,
    too_large: fn(u64) -> Error,
) -> Result<Bytes> {
    if body.size_hint().lower() > limit_bytes {
        return Err(too_large(limit_bytes));
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let most = body.size_hint().exact().unwrap_or(limit_bytes).max(1);
    let mut taken = FIRST_BYTES.min(most);
    Allotment::take(extensions, taken)?;
    let began_at = tokio::time::Instant::now();
    let mut pieces = received(body);
    let mut collected = BytesMut::new();
    loop {
        let left = Allotment::total(extensions).map(|total| total.saturating_sub(began_at.elapsed()));
        match tokio::time::timeout(left.map_or(idle, |left| left.min(idle)), pieces.next()).await {
            Err(_) => return Err(Error::BodyInterrupted),
            Ok(None) => return Ok(collected.freeze()),
            Ok(Some(piece)) => {
                let piece = piece?;
                let length = (collected.len() + piece.len()) as u64;
                if length > limit_bytes {
                    return Err(too_large(limit_bytes));
                }
                if length > taken {
                    let wanted = length.max((2 * taken).min(most));
                    Allotment::take(extensions, wanted - taken)?;
                    taken = wanted;
                    collected.reserve(usize::try_from(taken).unwrap_or_default() - collected.len());
                }
                collected.extend_from_slice(&piece);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::*;
    use crate::allotment::Bodies;

    const IDLE: Duration = Duration::from_secs(60);

    fn too_large(limit_bytes: u64) -> Error {
        Error::BodyTooLarge { limit_bytes }
    }

    fn extensions(bodies: &Arc<Bodies>, last: u8) -> Extensions {
        let mut extensions = Extensions::new();
        let address = Some(IpAddr::from([127, 0, 1, last]));
        extensions.insert(Allotment::new(bodies, address, false));
        extensions
    }

    fn streamed(pieces: impl Stream<Item = Result<Bytes>> + Send + 'static) -> RequestBody {
        RequestBody::new(StreamBody::new(pieces.map(|piece| piece.map(Frame::data))))
    }

    /// A body that sends so many bytes and then nothing, without ending.
    fn stopping(bytes: usize) -> RequestBody {
        let sent = futures::stream::once(async move { Ok::<_, Error>(Bytes::from(vec![0; bytes])) });
        streamed(sent.chain(futures::stream::pending()))
    }

    async fn collect_from(extensions: &Extensions, body: RequestBody) -> Result<Bytes> {
        collect(extensions, body, 1 << 20, IDLE, too_large).await
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_stop_take_no_more_than_the_memory_for_all_and_others_go_on() {
        let bodies = Bodies::new(1 << 20, Duration::from_secs(300));
        let mut waiting = Vec::new();
        for _ in 0..1000 {
            let extensions = extensions(&bodies, 1);
            waiting.push(tokio::spawn(async move { collect_from(&extensions, stopping(100 << 10)).await }));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(bodies.taken_bytes() <= 128 << 10, "one address has half of the anonymous part at most");
        let refused = waiting.iter().filter(|waiting| waiting.is_finished()).count();
        assert!(refused > 900, "{refused}");
        let other = extensions(&bodies, 2);
        assert_eq!(collect_from(&other, RequestBody::from("{}")).await.unwrap(), "{}");
        let signed_in = extensions(&bodies, 1);
        Allotment::sign_in(&signed_in);
        assert!(collect_from(&signed_in, RequestBody::from(vec![0; 200 << 10])).await.is_ok());
        drop((other, signed_in));
        for waiting in waiting {
            let error = waiting.await.unwrap().unwrap_err();
            assert!(matches!(error, Error::Overloaded(_) | Error::BodyInterrupted), "{error}");
        }
        assert_eq!(bodies.taken_bytes(), 0, "all is given back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_ends_after_the_time_for_all_of_it() {
        let bodies = Bodies::new(1 << 20, Duration::from_secs(300));
        let extensions = extensions(&bodies, 1);
        let trickle = futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Some((Ok::<_, Error>(Bytes::from_static(b"x")), ()))
        });
        let began_at = tokio::time::Instant::now();
        let answer = collect_from(&extensions, streamed(trickle)).await;
        assert!(matches!(answer, Err(Error::BodyInterrupted)));
        assert_eq!(began_at.elapsed(), Duration::from_secs(300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_pauses_less_than_the_idle_limit_is_read() {
        let bodies = Bodies::new(1 << 20, Duration::from_secs(300));
        let extensions = extensions(&bodies, 1);
        let slow = futures::stream::iter(0..4).then(|_| async {
            tokio::time::sleep(Duration::from_secs(50)).await;
            Ok::<_, Error>(Bytes::from_static(b"x"))
        });
        assert_eq!(collect_from(&extensions, streamed(slow)).await.unwrap(), "xxxx");
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused_before_it_is_read() {
        let bodies = Bodies::new(8 << 20, IDLE);
        let extensions = extensions(&bodies, 1);
        let answer = collect_from(&extensions, RequestBody::from(vec![0; (1 << 20) + 1])).await;
        assert!(matches!(answer, Err(Error::BodyTooLarge { .. })));
        assert_eq!(bodies.taken_bytes(), 0);
    }
}
