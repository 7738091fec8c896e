//! What lies between a socket and HTTP: whether the client takes what is written, and which version it speaks.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::watch::Watch;

/// How an HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A socket that tells the watch of its connection when the client does not take what is written.
pub struct Guarded<S> {
    io: S,
    watch: Arc<Watch>,
}

impl<S> Guarded<S> {
    pub fn new(io: S, watch: Arc<Watch>) -> Self {
        Self { io, watch }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.watch.io().take_turn(*bytes, Instant::now()),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.watch.io().start(Instant::now()),
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// The version of HTTP that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Http1,
    Http2,
}

/// Reads until it is clear which version the client speaks; gives what was read as well. It waits for as long as the client
/// says nothing: the actor sets the deadline.
///
/// # Errors
/// Those of the socket; `UnexpectedEof` when the client goes before it is clear.
pub async fn detect(io: &mut (impl AsyncRead + Unpin)) -> io::Result<(Version, Bytes)> {
    let mut read = [0; PREFACE.len()];
    let mut length = 0;
    loop {
        let more = io.read(&mut read[length..]).await?;
        if more == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += more;
        if read[..length] != PREFACE[..length] {
            return Ok((Version::Http1, Bytes::copy_from_slice(&read[..length])));
        }
        if length == PREFACE.len() {
            return Ok((Version::Http2, Bytes::from_static(PREFACE)));
        }
    }
}

/// A socket of which something was read before.
pub struct Rewound<S> {
    io: S,
    before: Bytes,
}

impl<S> Rewound<S> {
    pub fn new(io: S, before: Bytes) -> Self {
        Self { io, before }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let length = self.before.len().min(buffer.remaining());
        buffer.put_slice(&self.before[..length]);
        self.before.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn detected(mut bytes: &[u8]) -> io::Result<(Version, Bytes)> {
        detect(&mut bytes).await
    }

    #[tokio::test]
    async fn the_version_is_clear_at_the_first_byte_that_differs() {
        for begin in ["GET / HTTP/1.1\r\n", "PUT /", "POST /", "PRI * HTTP/2.0\r\n\r\nSX", "\x16\x03\x01"] {
            let (version, read) = detected(begin.as_bytes()).await.unwrap();
            assert_eq!(version, Version::Http1, "{begin}");
            assert!(begin.as_bytes().starts_with(&read));
        }
        let (version, read) = detected(&[PREFACE, b"more"].concat()).await.unwrap();
        assert_eq!((version, &read[..]), (Version::Http2, PREFACE));
        for part in [&b""[..], b"P", &PREFACE[..23]] {
            assert!(detected(part).await.is_err(), "{part:?} and then nothing");
        }
    }

    #[tokio::test]
    async fn what_was_read_is_read_again() {
        let mut rewound = Rewound::new(&b"lo"[..], Bytes::from_static(b"hel"));
        let mut text = String::new();
        rewound.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
    }
}
