//! A mail server that keeps what it takes.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A mail server on a port of this machine, for one test. It speaks just enough SMTP (RFC 5321).
pub struct MailServer {
    host: String,
    taken: Arc<Mutex<Vec<String>>>,
    refuses: Arc<AtomicBool>,
}

impl MailServer {
    /// Starts one.
    #[expect(clippy::new_without_default, reason = "it opens a port and starts a thread")]
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (taken, refuses) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let server = Self { host, taken: Arc::clone(&taken), refuses: Arc::clone(&refuses) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taken, refuses) = (Arc::clone(&taken), Arc::clone(&refuses));
                // A client that goes away ends its conversation.
                std::thread::spawn(move || drop(talk(stream, &taken, &refuses)));
            }
        });
        server
    }

    /// Returns host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Lets it refuse every message from now on, or no longer.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
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

fn talk(stream: TcpStream, taken: &Mutex<Vec<String>>, refuses: &AtomicBool) -> std::io::Result<()> {
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
        let answer: &[u8] = match command.get(..4) {
            Some("MAIL") if refuses.load(Ordering::SeqCst) => b"451 not now\r\n",
            Some("QUIT") => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        answers.write_all(answer)?;
    }
    Ok(())
}
