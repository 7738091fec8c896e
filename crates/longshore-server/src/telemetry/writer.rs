//! The writer of log lines: whoever logs never waits and never fails.
//!
//! Lines go to a thread that writes them. When it cannot (a full disk, a closed pipe) or may not (a pipe that nobody
//! reads), lines are dropped and counted, and their number is said when the log can be written again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that wait for being written.
const WAITING_BYTES: usize = 1 << 20;

enum Message {
    Line(Vec<u8>),
    /// All lines before it were looked at.
    Flush(Sender<()>),
}

#[derive(Default)]
struct Counts {
    waiting_bytes: AtomicUsize,
    lost_lines: AtomicU64,
}

/// Takes log lines.
#[derive(Clone)]
pub struct LogWriter {
    lines: Sender<Message>,
    counts: Arc<Counts>,
}

impl LogWriter {
    /// Starts the thread that writes to `output`; `notice` renders the line about lines that were lost.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(output: impl Write + Send + 'static, notice: fn(u64) -> String) -> io::Result<Self> {
        let (lines, waiting) = channel();
        let counts = Arc::new(Counts::default());
        let own = Arc::clone(&counts);
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_lines(output, notice, &waiting, &own))?;
        Ok(Self { lines, counts })
    }

    /// Takes a line with its end; drops and counts it when too many wait.
    pub fn send(&self, line: Vec<u8>) {
        let length = line.len();
        let waiting = self.counts.waiting_bytes.fetch_add(length, Ordering::Relaxed);
        if waiting + length > WAITING_BYTES || self.lines.send(Message::Line(line)).is_err() {
            self.counts.waiting_bytes.fetch_sub(length, Ordering::Relaxed);
            self.counts.lost_lines.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the lines that were taken are written or lost, at most so long.
    pub fn flush(&self, limit: Duration) {
        let (done, is_done) = channel();
        if self.lines.send(Message::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(limit);
        }
    }
}

fn write_lines(
    mut output: impl Write,
    notice: fn(u64) -> String,
    waiting: &Receiver<Message>,
    counts: &Counts,
) {
    for message in waiting {
        let line = match message {
            Message::Line(line) => line,
            Message::Flush(done) => {
                let _ = done.send(());
                continue;
            }
        };
        counts.waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
        let lost = counts.lost_lines.swap(0, Ordering::Relaxed);
        let told = match lost {
            0 => Ok(()),
            lost => output.write_all(notice(lost).as_bytes()),
        };
        let lost_now = match told {
            Err(_) => lost + 1,
            Ok(()) => u64::from(output.write_all(&line).is_err()),
        };
        counts.lost_lines.fetch_add(lost_now, Ordering::Relaxed);
    }
}

impl<'w> MakeWriter<'w> for LogWriter {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line { writer: self, text: Vec::new() }
    }
}

/// One line, sent when it is dropped.
pub struct Line<'w> {
    writer: &'w LogWriter,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.writer.send(std::mem::take(&mut self.text));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A disk that is full while it is told so.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(bool, Vec<u8>)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock().unwrap();
            if disk.0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            disk.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_a_full_disk_did_not_take_are_counted_and_their_number_is_said() {
        let disk = Disk::default();
        let writer = LogWriter::start(disk.clone(), |lost| format!("lost_lines={lost}\n")).unwrap();
        disk.0.lock().unwrap().0 = true;
        for _ in 0..7 {
            writer.send(b"lost\n".to_vec());
        }
        writer.flush(Duration::from_secs(60));
        disk.0.lock().unwrap().0 = false;
        writer.send(b"kept\n".to_vec());
        writer.flush(Duration::from_secs(60));
        let text = String::from_utf8(disk.0.lock().unwrap().1.clone()).unwrap();
        assert!(text.contains("lost_lines=7") && text.ends_with("kept\n"), "{text}");
        assert!(!text.contains("lost\n"), "{text}");
    }

    #[test]
    fn whoever_logs_never_waits_for_a_pipe_that_nobody_reads() {
        let (gate, opened) = channel::<()>();
        let (at_the_gate, arrived) = channel::<()>();
        struct Stuck(Sender<()>, Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.send(());
                let _ = self.1.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writer = LogWriter::start(Stuck(at_the_gate, opened), |_| String::new()).unwrap();
        writer.send(b"the first\n".to_vec());
        arrived.recv().unwrap();
        for _ in 0..10_000 {
            writer.send(vec![b'x'; 1000]);
        }
        assert!(writer.counts.waiting_bytes.load(Ordering::Relaxed) <= WAITING_BYTES);
        let kept = (WAITING_BYTES / 1000) as u64;
        assert_eq!(writer.counts.lost_lines.load(Ordering::Relaxed), 10_000 - kept);
        writer.flush(Duration::from_millis(1));
        drop(gate);
    }
}
