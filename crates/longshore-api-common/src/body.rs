//! Bodies: requests as bounded or streamed bytes, responses from bytes or streams.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyDataStream, BodyExt, Empty, Full};
use longshore_domain::ports::blobs::ByteStream;
use longshore_domain::{Error, Result};

use crate::ResponseBody;

/// The body of a request, as the server hands it to every dialect.
pub type RequestBody = axum::body::Body;

/// Makes an empty body.
pub fn empty() -> ResponseBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Makes a body of bytes in memory.
pub fn full(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Makes a body of a stream of known length. A stream that fails ends the connection.
pub fn stream(bytes: ByteStream, length: u64) -> ResponseBody {
    Streamed { bytes, remaining: length }.boxed_unsync()
}

/// Makes a body of a stream whose length is not known. A stream that fails ends the connection.
pub fn pieces(bytes: ByteStream) -> ResponseBody {
    let pieces = bytes.map(|piece| piece.inspect_err(log_broken_stream).map(Frame::data));
    http_body_util::StreamBody::new(pieces).boxed_unsync()
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

/// Gives a request's body as a stream. A broken connection is `BodyInterrupted`.
pub fn received(body: RequestBody) -> Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>> {
    Box::pin(BodyDataStream::new(body).map(|piece| piece.map_err(|_| Error::BodyInterrupted)))
}

/// Reads a request's body into memory.
///
/// # Errors
/// `too_large` when it has more than `limit_bytes`; `BodyInterrupted` when it breaks or stalls for `idle`.
pub async fn collect(
    body: RequestBody,
    limit_bytes: u64,
    idle: Duration,
    too_large: fn(u64) -> Error,
) -> Result<Bytes> {
    if body.size_hint().lower() > limit_bytes {
        return Err(too_large(limit_bytes));
    }
    let mut pieces = received(body);
    let mut collected = BytesMut::new();
    loop {
        match tokio::time::timeout(idle, pieces.next()).await {
            Err(_) => return Err(Error::BodyInterrupted),
            Ok(None) => return Ok(collected.freeze()),
            Ok(Some(piece)) => {
                let piece = piece?;
                if (collected.len() + piece.len()) as u64 > limit_bytes {
                    return Err(too_large(limit_bytes));
                }
                collected.extend_from_slice(&piece);
            }
        }
    }
}
