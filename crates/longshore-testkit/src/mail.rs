//! A mail server that keeps what it takes.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A mail server on a port of this machine, for one test. It speaks just enough SMTP (RFC 5321).
pub struct MailServer {
    host: String,
    taken: Arc<Mutex<Vec<String>>>,
    answer: Arc<AtomicU8>,
}

/// What a mail server says to a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailAnswer {
    /// It takes the message.
    Takes,
    /// It does not take it now (451).
    NotNow,
    /// It never takes it (550).
    Never,
}

impl MailServer {
    /// Starts one.
    #[expect(clippy::new_without_default, reason = "it opens a port and starts a thread")]
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (taken, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU8::new(0)));
        let server = Self { host, taken: Arc::clone(&taken), answer: Arc::clone(&answer) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taken, answer) = (Arc::clone(&taken), Arc::clone(&answer));
                // A client that goes away ends its conversation.
                std::thread::spawn(move || drop(talk(stream, &taken, &answer)));
            }
        });
        server
    }

    /// Returns host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Lets it answer so from now on.
    pub fn answer(&self, answer: MailAnswer) {
        self.answer.store(answer as u8, Ordering::SeqCst);
    }

    /// Waits until it has taken so many messages in all, and returns them.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let taken = self.taken();
            if taken.len() >= count {
                return taken;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "only {} messages came", taken.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the newest line that holds a text of the messages to an address, as it was before it was wrapped.
    pub fn line_to(&self, address: &str, text: &str) -> Option<String> {
        let to = format!("To: {address}\n");
        let messages = self.taken();
        let message = messages.iter().rev().find(|message| message.contains(&to))?;
        // Quoted-printable (RFC 2045), as far as links need it.
        let message = message.replace("=\n", "").replace("=3D", "=");
        message.lines().find(|line| line.contains(text)).map(|line| line.trim_end().to_owned())
    }

    /// Returns the messages so far, with their headers.
    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

fn talk(stream: TcpStream, taken: &Mutex<Vec<String>>, said: &AtomicU8) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    answers.write_all(b"220 test\r\n")?;
    while let Some(line) = lines.next() {
        let command = line?.to_uppercase();
        if command.starts_with("DATA") {
            answers.write_all(b"354 go on\r\n")?;
            let mut message = String::new();
            for line in lines.by_ref() {
                let line = line?;
                if line == "." {
                    break;
                }
                message.push_str(&line);
                message.push('\n');
            }
            taken.lock().unwrap().push(message);
        }
        let said = said.load(Ordering::SeqCst);
        let answer: &[u8] = match command.get(..4) {
            Some("MAIL") if said == MailAnswer::NotNow as u8 => b"451 not now\r\n",
            Some("RCPT") if said == MailAnswer::Never as u8 => b"550 no such user\r\n",
            Some("QUIT") => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        answers.write_all(answer)?;
    }
    Ok(())
}
