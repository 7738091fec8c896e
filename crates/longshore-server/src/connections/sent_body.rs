//! The body of a response on its way: counted in pieces, from the store until the last byte has left.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use longshore_api_common::ResponseBody;
use longshore_domain::Error;
use tokio::time::Instant;

use super::watch::Flight;

/// Most bytes that are handed to HTTP at once: what a stream of HTTP/2 holds while its window is shut.
const PIECE_BYTES: usize = 64 << 10;

/// Bytes of all responses that have not left.
pub struct Held {
    /// From here on each response has one piece in memory at most.
    ample: usize,
    bytes: AtomicUsize,
}

impl Held {
    pub fn new(ample: usize) -> Arc<Self> {
        Arc::new(Self { ample, bytes: AtomicUsize::new(0) })
    }

    fn is_ample(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < self.ample
    }
}

/// A body that is watched.
pub struct SentBody {
    inner: ResponseBody,
    /// What came in one piece and is handed on in several.
    rest: Bytes,
    flight: Arc<Flight>,
    held: Arc<Held>,
}

impl SentBody {
    /// Begins the client's turn.
    pub fn new(inner: ResponseBody, flight: Arc<Flight>, held: Arc<Held>) -> Self {
        flight.patience().start(Instant::now());
        Self { inner, rest: Bytes::new(), flight, held }
    }

    fn next_piece(&mut self) -> Bytes {
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        self.flight.hold(piece.len());
        self.held.bytes.fetch_add(piece.len(), Ordering::Relaxed);
        Bytes::from_owner(Piece {
            bytes: piece,
            flight: Arc::clone(&self.flight),
            held: Arc::clone(&self.held),
        })
    }

    fn may_have_more(&self) -> bool {
        self.flight.held() == 0 || self.held.is_ample()
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if !self.may_have_more() {
            self.flight.wake_on_release(context.waker());
            if !self.may_have_more() {
                return Poll::Pending;
            }
        }
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.next_piece()))));
        }
        let now = Instant::now();
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        match polled {
            Poll::Pending => {
                self.flight.patience().stop(now);
                Poll::Pending
            }
            Poll::Ready(next) => {
                self.flight.patience().start(now);
                Poll::Ready(next.map(|frame| {
                    frame.map(|frame| match frame.into_data() {
                        Ok(bytes) if !bytes.is_empty() => {
                            self.rest = bytes;
                            Frame::data(self.next_piece())
                        }
                        Ok(bytes) => Frame::data(bytes),
                        Err(frame) => frame,
                    })
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// Bytes that were handed to HTTP; they have left when this is dropped.
struct Piece {
    bytes: Bytes,
    flight: Arc<Flight>,
    held: Arc<Held>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.held.bytes.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        self.flight.release(self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use http_body_util::BodyExt;
    use longshore_api_common::body;

    use super::*;
    use crate::connections::patience::Pace;
    use crate::connections::watch::{Deadlines, Watch};

    fn flight() -> Arc<Flight> {
        let pace = Pace { idle: Duration::from_secs(60), bytes_per_second: 1024 };
        let deadlines =
            Deadlines { first_request: Duration::from_secs(30), idle: Duration::from_secs(60), pace };
        Flight::begin(&Watch::new(deadlines, Instant::now()), None)
    }

    #[tokio::test]
    async fn a_body_arrives_as_it_is() {
        let content: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
        let held = Held::new(1 << 20);
        let sent = SentBody::new(body::full(content.clone()), flight(), Arc::clone(&held));
        assert_eq!(sent.size_hint().exact(), Some(300_000));
        let received = sent.collect().await.unwrap().to_bytes();
        assert_eq!(received, content);
        assert_eq!(held.bytes.load(Ordering::Relaxed), 0);
        assert!(SentBody::new(body::empty(), flight(), held).is_end_stream());
    }

    #[tokio::test]
    async fn without_ample_memory_a_response_has_one_piece() {
        let (held, flight) = (Held::new(0), flight());
        let mut sent = SentBody::new(body::full(vec![0; 3 * PIECE_BYTES]), Arc::clone(&flight), held);
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Ok(first))) = Pin::new(&mut sent).poll_frame(&mut context) else {
            panic!("the first piece is there")
        };
        assert!(Pin::new(&mut sent).poll_frame(&mut context).is_pending());
        assert_eq!(flight.held(), PIECE_BYTES);
        drop(first);
        assert!(Pin::new(&mut sent).poll_frame(&mut context).is_ready());
    }
}
