//! What is said on standard output and standard error. The only place that writes there: nothing here panics.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes to standard output, and a line end after it.
///
/// A reader that has had enough (`longshore audit ls | head -3`) is no failure.
///
/// # Errors
/// When it cannot be written, such as to a full disk.
pub fn print(text: &str) -> Result<()> {
    print_part(text)?;
    print_part("\n")
}

/// Writes to standard output.
///
/// # Errors
/// As [`print`].
pub fn print_part(text: &str) -> Result<()> {
    match write(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes to standard output, for those who want to know that the reader is gone.
///
/// # Errors
/// Those of the write, `BrokenPipe` among them.
pub fn write(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Writes a line to standard error. What cannot be said there can be said nowhere.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes a question to standard error, without a line end.
pub fn ask(question: &str) {
    let _ = write!(io::stderr(), "{question}");
}
