//! A small load generator: raw HTTP/1.1 over plain sockets, so that it costs little beside what it measures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// One connection to a registry.
pub struct Connection {
    host: String,
    authorization: Option<String>,
    stream: BufReader<TcpStream>,
    discarded: Vec<u8>,
}

/// The head of a response.
pub struct Head {
    pub status: u16,
    pub location: String,
}

/// A body that is one block, sent so many times.
#[derive(Clone, Copy)]
pub struct Body<'b> {
    pub block: &'b [u8],
    pub times: usize,
}

impl Connection {
    pub fn open(host: &str, authorization: Option<&str>) -> Result<Self> {
        Self::on(TcpStream::connect(host)?, host, authorization)
    }

    /// Opens one from an address.
    pub fn open_from(from: IpAddr, host: &str, authorization: Option<&str>) -> Result<Self> {
        let stream = crate::hostile::attacks::connect(from, host.parse()?, None)?;
        Self::on(stream, host, authorization)
    }

    fn on(stream: TcpStream, host: &str, authorization: Option<&str>) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self {
            host: host.to_owned(),
            authorization: authorization.map(str::to_owned),
            stream: BufReader::with_capacity(64 << 10, stream),
            discarded: vec![0; 1 << 20],
        })
    }

    /// Sends a request, discards the response's body, and gives its head.
    pub fn send(&mut self, method: &str, path: &str, headers: &str, body: Body<'_>) -> Result<Head> {
        let path =
            path.split("://").nth(1).and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or(path);
        let length = body.block.len() * body.times;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n{headers}",
            self.host
        );
        if let Some(authorization) = &self.authorization {
            head.push_str(&format!("Authorization: {authorization}\r\n"));
        }
        head.push_str("\r\n");
        let socket = self.stream.get_mut();
        socket.write_all(head.as_bytes())?;
        for _ in 0..body.times {
            socket.write_all(body.block)?;
        }
        self.receive(method)
    }

    fn receive(&mut self, method: &str) -> Result<Head> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|text| text.parse().ok())
            .with_context(|| format!("no response: {line:?}"))?;
        let (mut location, mut length) = (String::new(), 0_usize);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let header = line.trim_end();
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap_or((header, ""));
            match name.to_ascii_lowercase().as_str() {
                "location" => location = value.trim().to_owned(),
                "content-length" => length = value.trim().parse()?,
                _ => {}
            }
        }
        if method != "HEAD" {
            while length > 0 {
                let wanted = length.min(self.discarded.len());
                let got = self.stream.read(&mut self.discarded[..wanted])?;
                if got == 0 {
                    bail!("the connection broke");
                }
                length -= got;
            }
        }
        Ok(Head { status, location })
    }

    /// Pushes a blob: `POST`, then `PUT` with the bytes, as containerd does.
    pub fn push_blob(&mut self, repository: &str, digest: &str, body: Body<'_>) -> Result<()> {
        let nothing = Body { block: b"", times: 0 };
        let begun = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), "", nothing)?;
        if begun.status != 202 {
            bail!("an upload could not be begun: {}", begun.status);
        }
        let separator = if begun.location.contains('?') { '&' } else { '?' };
        let path = format!("{}{separator}digest={digest}", begun.location);
        let done = self.send("PUT", &path, "Content-Type: application/octet-stream\r\n", body)?;
        if done.status != 201 {
            bail!("a blob could not be pushed: {}", done.status);
        }
        Ok(())
    }
}

/// Runs work on several threads and waits for all.
pub fn in_parallel(threads: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|number| {
                scope.spawn({
                    let work = &work;
                    move || work(number)
                })
            })
            .collect();
        for thread in running {
            thread.join().map_err(|_| anyhow::anyhow!("a load thread panicked"))??;
        }
        Ok(())
    })
}
