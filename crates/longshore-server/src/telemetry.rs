//! Logs: structured, to standard error, as text or JSON lines.

use std::io::IsTerminal;

use anyhow::{Result, anyhow};
use tracing_subscriber::EnvFilter;

use crate::config::Log;

/// Checks a filter such as `info,longshore_services=debug`.
pub fn check_filter(level: &str) -> Result<()> {
    EnvFilter::try_new(level).map(|_| ()).map_err(|error| anyhow!("log.level: {error}"))
}

/// Begins to log.
pub fn start(log: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| anyhow!("log.level: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format.as_str() {
        "json" => builder.json().flatten_event(true).try_init(),
        _ => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| anyhow!("cannot start logging: {error}"))
}
