//! Clients that cost a registry more than themselves, each a socket that is opened and then left alone.
//!
//! The end-to-end tests of the server use this file as well.

use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// Longest that a hostile client itself waits for anything.
const PATIENCE: Duration = Duration::from_secs(5);
/// Receive buffer of readers that do not read.
const SMALL_BUFFER_BYTES: usize = 4096;
/// Streams that are opened on each connection of HTTP/2.
const STREAMS: u32 = 100;
/// What each body says that it has, and what is sent of it.
const BODY_BYTES: usize = 1 << 20;
const SENT_BYTES: usize = 8 << 10;

/// How an HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a hostile client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Nothing.
    Silent,
    /// Half of what an HTTP/2 connection begins with.
    HalfPreface,
    /// A preface, settings, and then nothing.
    NoStream,
    /// Half of the header of a request.
    HalfHeader,
    /// Many requests on one HTTP/1.1 connection, none of whose responses is read.
    StalledHttp1,
    /// A hundred requests on one HTTP/2 connection that gives no window to any response.
    StalledHttp2,
    /// A sign-in whose body stops.
    StoppedLogin,
    /// A hundred sign-ins on one HTTP/2 connection whose bodies stop.
    StoppedLogins,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Silent,
        Self::HalfPreface,
        Self::NoStream,
        Self::HalfHeader,
        Self::StalledHttp1,
        Self::StalledHttp2,
        Self::StoppedLogin,
        Self::StoppedLogins,
    ];

    /// Begins from an address; `targets` are paths of large responses.
    ///
    /// # Errors
    /// Those of the socket: the registry may close it at any time.
    pub fn begin(self, from: IpAddr, to: SocketAddr, targets: &[String]) -> io::Result<TcpStream> {
        let small = matches!(self, Self::StalledHttp1 | Self::StalledHttp2);
        let mut stream = connect(from, to, small.then_some(SMALL_BUFFER_BYTES))?;
        let target = |number: usize| targets[number % targets.len()].as_str();
        match self {
            Self::Silent => {}
            Self::HalfPreface => stream.write_all(&PREFACE[..12])?,
            Self::NoStream => stream.write_all(&[PREFACE, &settings(65_535)].concat())?,
            Self::HalfHeader => stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Half: ")?,
            Self::StalledHttp1 => {
                let requests =
                    (0..50).map(|number| format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target(number)));
                stream.write_all(requests.collect::<String>().as_bytes())?;
            }
            Self::StalledHttp2 => {
                let mut frames = [PREFACE, &settings(0)].concat();
                for stream in 0..STREAMS {
                    frames.extend(headers(2 * stream + 1, "GET", target(stream as usize), true));
                }
                stream.write_all(&frames)?;
            }
            Self::StoppedLogin => {
                let head = format!(
                    "POST /v2/users/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
                );
                stream.write_all(&[head.as_bytes(), &vec![b' '; SENT_BYTES * 32]].concat())?;
            }
            Self::StoppedLogins => {
                let mut frames = [PREFACE, &settings(65_535)].concat();
                for stream in 0..STREAMS {
                    frames.extend(headers(2 * stream + 1, "POST", "/v2/users/login", false));
                    frames.extend(frame(0, 0, 2 * stream + 1, &vec![b' '; SENT_BYTES]));
                }
                stream.write_all(&frames)?;
            }
        }
        stream.set_nonblocking(true)?;
        Ok(stream)
    }
}

/// Returns whether the registry has closed a connection; what it sent may be read for that.
pub fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.peek(&mut [0]) {
        Ok(0) => true,
        // Readers that do not read leave it there: a reset shows as an error later.
        Ok(_) => false,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Connects from an address, with a small receive buffer where that is wanted.
pub fn connect(from: IpAddr, to: SocketAddr, receive_bytes: Option<usize>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    if let Some(bytes) = receive_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.connect_timeout(&to.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Settings with a window for each stream (RFC 9113, section 6.5.2).
fn settings(window: u32) -> Vec<u8> {
    let mut payload = 4_u16.to_be_bytes().to_vec();
    payload.extend(window.to_be_bytes());
    frame(4, 0, 0, &payload)
}

/// The header of a request, without compression (RFC 7541, section 6.2.2).
pub fn headers(stream: u32, method: &str, path: &str, ends: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")] {
        payload.push(0);
        for text in [name, value] {
            // Lengths from 127 on take more bytes (RFC 7541, section 5.1).
            match text.len() {
                length @ 0..127 => payload.push(length as u8),
                length => {
                    payload.extend([127, ((length - 127) & 127) as u8 | 128, ((length - 127) >> 7) as u8])
                }
            }
            payload.extend(text.as_bytes());
        }
    }
    frame(1, if ends { 5 } else { 4 }, stream, &payload)
}
