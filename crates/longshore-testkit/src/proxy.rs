//! A proxy between the registry and a store that lets the nth call go wrong.
//!
//! On the way to an S3 server a call is an HTTP request; on the way to a database it is whatever the client sends
//! before it waits for an answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before the call reaches the store.
    Refused,
    /// The store gets the call, the answer is lost.
    Dropped,
    /// The answer comes after this time.
    Slow(Duration),
    /// The store answers with this status (HTTP only; a database drops the connection).
    Status(u16),
    /// The answer breaks off in the middle.
    Truncated,
    /// The store gets the call twice (HTTP only).
    Duplicated,
    /// One bit of the answer's body is another (HTTP only).
    Flipped,
    /// The answer's body has half its length, and says so (HTTP only).
    Halved,
}

impl Fault {
    /// All that can go wrong with an HTTP store.
    pub const HTTP: [Self; 7] = [
        Self::Refused,
        Self::Dropped,
        Self::Slow(Duration::from_millis(100)),
        Self::Status(500),
        Self::Status(503),
        Self::Truncated,
        Self::Duplicated,
    ];
    /// All that can go wrong with a database.
    pub const DATABASE: [Self; 4] =
        [Self::Refused, Self::Dropped, Self::Slow(Duration::from_millis(100)), Self::Truncated];
}

/// What the store speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Http,
    Bytes,
}

/// A running proxy; it ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: SocketAddr,
    speech: Speech,
    stopped: AtomicBool,
    /// All calls fail in this way.
    outage: Mutex<Option<Fault>>,
    fault: Mutex<Fault>,
    /// The fault happens when this has counted down to 0.
    left: AtomicI64,
    calls: AtomicU64,
    /// Heads of HTTP requests, in lower case.
    heads: Mutex<Vec<String>>,
    script: Mutex<Option<Script>>,
}

/// Answers a request itself, by its first line, instead of the store.
type Script = Box<dyn FnMut(&str) -> Option<String> + Send>;

impl Proxy {
    /// Stands before an HTTP server, `host:port`.
    pub fn http(target: &str) -> Self {
        Self::start(target, Speech::Http)
    }

    /// Stands before a database server, `host:port`.
    pub fn database(target: &str) -> Self {
        Self::start(target, Speech::Bytes)
    }

    fn start(target: &str, speech: Speech) -> Self {
        let target = target.to_socket_addrs().unwrap().find(SocketAddr::is_ipv4).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target,
            speech,
            stopped: AtomicBool::new(false),
            outage: Mutex::new(None),
            fault: Mutex::new(Fault::Refused),
            left: AtomicI64::new(i64::MAX),
            calls: AtomicU64::new(0),
            heads: Mutex::default(),
            script: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if serving.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                let shared = Arc::clone(&serving);
                thread::spawn(move || {
                    let _ = client.set_nodelay(true);
                    let _ = match shared.speech {
                        Speech::Http => shared.serve_http(&client),
                        Speech::Bytes => shared.serve_bytes(&client),
                    };
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, shared }
    }

    /// `localhost:port`
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// Lets the nth call from now go wrong (1 is the next), and only that one.
    pub fn fail_at(&self, n: i64, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
        self.shared.left.store(n, Ordering::SeqCst);
    }

    /// Lets all calls go wrong, or ends that.
    pub fn set_outage(&self, fault: Option<Fault>) {
        *self.shared.outage.lock().unwrap() = fault;
    }

    /// Returns whether the fault has happened, and lets none happen any more.
    pub fn mend(&self) -> bool {
        self.shared.left.swap(i64::MAX, Ordering::SeqCst) <= 0
    }

    /// Answers HTTP requests in place of the store with 200 and what a function of their first line gives; `None` lets one
    /// through.
    pub fn answer_by(&self, script: impl FnMut(&str) -> Option<String> + Send + 'static) {
        *self.shared.script.lock().unwrap() = Some(Box::new(script));
    }

    /// Heads of the HTTP requests so far, in lower case.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn next_fault(&self) -> Option<Fault> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if let Some(fault) = *self.outage.lock().unwrap() {
            return Some(fault);
        }
        (self.left.fetch_sub(1, Ordering::SeqCst) == 1).then(|| *self.fault.lock().unwrap())
    }

    fn serve_http(&self, client: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(client);
        loop {
            let Some(head) = read_head(&mut reader)? else { return Ok(()) };
            self.heads.lock().unwrap().push(head.concat().to_lowercase());
            let fault = self.next_fault();
            if fault == Some(Fault::Refused) {
                return Ok(());
            }
            if head.iter().any(|line| line.eq_ignore_ascii_case("expect: 100-continue\r\n")) {
                (&*client).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            let mut request: Vec<u8> = Vec::new();
            for line in &head {
                let is_about_connection = line.to_ascii_lowercase().starts_with("connection:");
                if line == "\r\n" {
                    request.extend_from_slice(b"connection: close\r\n\r\n");
                } else if !is_about_connection {
                    request.extend_from_slice(line.as_bytes());
                }
            }
            request.extend_from_slice(&read_body(&mut reader, &head)?);
            let scripted = self.script.lock().unwrap().as_mut().and_then(|script| script(&head[0]));
            if let Some(text) = scripted {
                let length = text.len();
                write!(&*client, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{text}")?;
                continue;
            }
            if let Some(Fault::Status(status)) = fault {
                let text = "<Error><Code>InternalError</Code><Message>the test's fault</Message></Error>";
                let length = text.len();
                write!(&*client, "HTTP/1.1 {status} Fault\r\ncontent-length: {length}\r\n\r\n{text}")?;
                continue;
            }
            if fault == Some(Fault::Duplicated) {
                self.forward(&request)?;
            }
            let answer = self.forward(&request)?;
            match fault {
                Some(Fault::Dropped) => return Ok(()),
                Some(Fault::Truncated) => {
                    // At least the head, so that it is a body that breaks off, where there is one.
                    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
                    return (&*client).write_all(&answer[..head + (answer.len() - head) / 2]);
                }
                Some(Fault::Slow(time)) => thread::sleep(time),
                Some(Fault::Flipped) => return (&*client).write_all(&flipped(answer)),
                Some(Fault::Halved) => return (&*client).write_all(&halved(&answer)),
                _ => {}
            }
            (&*client).write_all(&answer)?;
            // The store closes its connection, and has told the client so.
            return Ok(());
        }
    }

    fn forward(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut store = TcpStream::connect(self.target)?;
        store.write_all(request)?;
        let mut answer = Vec::new();
        store.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn serve_bytes(&self, client: &TcpStream) -> std::io::Result<()> {
        let store = TcpStream::connect(self.target)?;
        store.set_nodelay(true)?;
        let (mut from_store, mut to_client) = (store.try_clone()?, client.try_clone()?);
        let next = Arc::new(Mutex::new(None::<Fault>));
        let for_answers = Arc::clone(&next);
        let answering = thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(length @ 1..) = from_store.read(&mut buffer) {
                let fault = for_answers.lock().unwrap().take();
                let sent = match fault {
                    Some(Fault::Dropped) => break,
                    Some(Fault::Truncated) => {
                        let _ = to_client.write_all(&buffer[..length / 2]);
                        break;
                    }
                    Some(Fault::Slow(time)) => {
                        thread::sleep(time);
                        to_client.write_all(&buffer[..length])
                    }
                    _ => to_client.write_all(&buffer[..length]),
                };
                if sent.is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown(Shutdown::Both);
            let _ = from_store.shutdown(Shutdown::Both);
        });
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = (&*client).read(&mut buffer) {
            match self.next_fault() {
                Some(Fault::Refused | Fault::Status(_)) => break,
                fault => *next.lock().unwrap() = fault,
            }
            (&store).write_all(&buffer[..length])?;
        }
        let _ = store.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
        let _ = answering.join();
        Ok(())
    }
}

/// Where the body of an answer begins.
fn body_of(answer: &[u8]) -> usize {
    answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(answer.len(), |at| at + 4)
}

fn flipped(mut answer: Vec<u8>) -> Vec<u8> {
    let body = body_of(&answer);
    let middle = body + (answer.len() - body) / 2;
    if let Some(byte) = answer.get_mut(middle) {
        *byte ^= 0x10;
    }
    answer
}

fn halved(answer: &[u8]) -> Vec<u8> {
    let body = body_of(answer);
    let length = (answer.len() - body) / 2;
    let head = String::from_utf8_lossy(&answer[..body]);
    let lines = head.split_inclusive("\r\n").map(|line| {
        match line.to_ascii_lowercase().starts_with("content-length:") {
            true => format!("content-length: {length}\r\n"),
            false => line.to_owned(),
        }
    });
    let mut shorter = lines.collect::<String>().into_bytes();
    shorter.extend_from_slice(&answer[body..body + length]);
    shorter
}

/// Reads the lines of a request's head, with their ends; `None` when the client has nothing more to say.
fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let is_end = line == "\r\n";
        lines.push(line);
        if is_end {
            return Ok(Some(lines));
        }
    }
}

/// Reads a request's body, as it is on the wire.
fn read_body(reader: &mut impl BufRead, head: &[String]) -> std::io::Result<Vec<u8>> {
    let value = |name: &str| {
        head.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let mut body = Vec::new();
    if value("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            body.extend_from_slice(line.as_bytes());
            let length = u64::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            reader.take(length + 2).read_to_end(&mut body)?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
    let length: u64 = value("content-length").and_then(|text| text.parse().ok()).unwrap_or_default();
    reader.take(length).read_to_end(&mut body)?;
    Ok(body)
}
