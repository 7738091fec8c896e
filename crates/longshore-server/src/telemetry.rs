//! Logs: structured, to standard error, as text or JSON lines.
//!
//! A log that cannot be written harms neither a request nor the shutdown: a thread of its own writes (`writer`), and
//! failures that come again and again are counted (`repeats`).

mod repeats;
mod writer;

use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, Traces};
use crate::traces;
use longshore_platform::spans::TARGET;
use repeats::{Repeats, Said};
use writer::LogWriter;

/// How long the end of the program waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How often it is looked whether there is a count of repeated failures to say.
const SUMMARIES: Duration = Duration::from_secs(5);

static WRITER: OnceLock<LogWriter> = OnceLock::new();

/// Reads a filter: levels, and targets with their levels, such as `info,longshore_content=debug`.
///
/// # Errors
/// For what is no level. As a target without one, which the library takes it for, it would silence everything else.
pub fn parse_filter(text: &str) -> Result<Targets> {
    let text: String = text.split_whitespace().collect();
    for part in text.split(',').filter(|part| !part.contains('=')) {
        // The library takes nothing for a level, too.
        let level = part.parse::<LevelFilter>().ok().filter(|_| !part.is_empty());
        level.with_context(|| {
            format!(
                "log.level: {part:?} is none of error, warn, info, debug, trace, off, and no TARGET=LEVEL"
            )
        })?;
    }
    text.parse().map_err(|error| anyhow!("log.level: {error}"))
}

/// Begins to log, and to export spans where that is wanted.
pub fn start(log: &Log, wanted: &Traces) -> Result<()> {
    // Whatever the level, spans are made when they are exported, and only then.
    let of_spans = if wanted.are_wanted() { LevelFilter::INFO } else { LevelFilter::OFF };
    let filter = parse_filter(&log.level)?.with_target(TARGET, of_spans);
    let is_terminal = std::io::stderr().is_terminal();
    let notice = match log.format.as_str() {
        "json" => lost_as_json,
        _ => lost_as_text,
    };
    let writer = LogWriter::start(std::io::stderr(), notice)?;
    let repeats = Arc::new(Repeats::default());
    // What cannot be written is counted by the writer; the subscriber itself would complain to standard error, and
    // panic when that fails.
    let lines = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(writer.clone());
    let lines: Box<dyn Layer<_> + Send + Sync> = match log.format.as_str() {
        "json" => lines.json().flatten_event(true).boxed(),
        _ => lines.with_ansi(is_terminal).boxed(),
    };
    let (lines, spans) = match wanted.are_wanted() {
        true => {
            // Lines of the log are the same with and without traces.
            let lines = lines.with_filter(filter_fn(|metadata| metadata.target() != TARGET)).boxed();
            (lines, Some(traces::layer(wanted)?))
        }
        false => (lines, None),
    };
    tracing_subscriber::registry()
        .with(filter)
        // A layer that says no for all: the filter of one layer that decides by the event leaves the subscriber's
        // state behind, which is an assertion in debug builds.
        .with(repeats::Filter(Arc::clone(&repeats)))
        .with(lines)
        .with(spans)
        .try_init()
        .map_err(|error| anyhow!("cannot start logging: {error}"))?;
    let _ = WRITER.set(writer);
    std::thread::Builder::new()
        .name("log summaries".into())
        .spawn(move || {
            loop {
                std::thread::sleep(SUMMARIES);
                say_repeats(&repeats);
            }
        })
        .map_err(|error| anyhow!("cannot start logging: {error}"))?;
    // The standard hook writes to standard error itself, and waits for whoever reads it.
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let cause = panic.payload_as_str().unwrap_or_default();
        tracing::error!(at, cause, "the program met a defect of its own; please report it");
    }));
    Ok(())
}

fn lost_as_text(lost: u64) -> String {
    format!("WARN longshore: the log could not be written for a while; lost_lines={lost}\n")
}

fn lost_as_json(lost: u64) -> String {
    let line = serde_json::json!({ "level": "WARN", "message": "the log could not be written for a while", "lost_lines": lost });
    format!("{line}\n")
}

fn say_repeats(repeats: &Repeats) {
    for Said { what, cause, more, seconds } in repeats.take_due(std::time::Instant::now()) {
        tracing::warn!(what, cause, more, seconds, "the same came again, and was not logged each time");
    }
}

/// Ends the log and the export of spans: waits for the last of them, but not for ever.
pub fn finish() {
    traces::finish();
    if let Some(writer) = WRITER.get() {
        writer.flush(LAST_LINES);
    }
}

/// Writes a last word for a person to standard error, through the log's writer when there is one.
pub fn last_word(text: &str) {
    match WRITER.get() {
        Some(writer) => writer.send(format!("{text}\n").into_bytes()),
        None => longshore_cli::console::say(text),
    }
    finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_of_levels_and_of_targets_with_their_levels() {
        for good in ["info", "WARN", "off", "info,longshore_content=debug", "error, hyper=trace"] {
            assert!(parse_filter(good).is_ok(), "{good}");
        }
        for bad in ["", "loud", "warning", "info,loud", "longshore_content", "info,hyper=loud"] {
            let refused = parse_filter(bad).unwrap_err().to_string();
            assert!(refused.starts_with("log.level: "), "{refused}");
        }
    }
}
