//! Failures of one cause are logged a few times a minute, then counted; the count is said when the minute is over.
//!
//! Holds for every line at ERROR and WARN of every part of the program, for one place in the code and one cause:
//! a database that is full must not fill the disk of the log as well.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines of one cause that are logged in a minute.
const EACH: u32 = 5;
/// After which time the others are said, and the next are logged again.
const WINDOW: Duration = Duration::from_secs(60);
/// Causes that are told apart at a time; others count together.
const CAUSES: usize = 256;
/// Characters of a cause that are looked at.
const CAUSE_CHARACTERS: usize = 200;
/// The fields that say what went wrong. Others (ids, addresses, keys) differ from line to line.
const FIELDS: [&str; 4] = ["message", "error", "cause", "job"];

/// What was not logged.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// The message of the lines.
    pub what: String,
    /// What is behind it.
    pub cause: String,
    /// How many lines were not logged.
    pub more: u64,
    /// In which time.
    pub seconds: u64,
}

struct Seen {
    began_at: Instant,
    logged: u32,
    more: u64,
}

/// Causes of the last minute.
#[derive(Default)]
pub struct Repeats {
    seen: Mutex<HashMap<(String, String), Seen>>,
}

impl Repeats {
    /// Counts a line; returns whether it is to be logged.
    pub fn admit(&self, what: String, cause: String, now: Instant) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (what, cause);
        if seen.len() >= CAUSES && !seen.contains_key(&key) {
            key = ("several causes".into(), String::new());
        }
        let entry = seen.entry(key).or_insert(Seen { began_at: now, logged: 0, more: 0 });
        // What is due is said by `take_due`, which comes soon.
        if entry.more == 0 && now.duration_since(entry.began_at) >= WINDOW {
            *entry = Seen { began_at: now, logged: 0, more: 0 };
        }
        if entry.logged < EACH {
            entry.logged += 1;
            return true;
        }
        entry.more += 1;
        false
    }

    /// Takes the counts whose minute is over.
    pub fn take_due(&self, now: Instant) -> Vec<Said> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |_: &(String, String), seen: &mut Seen| now.duration_since(seen.began_at) >= WINDOW;
        let over = seen.extract_if(is_over);
        over.filter(|(_, seen)| seen.more > 0)
            .map(|((what, cause), seen)| Said {
                what,
                cause,
                more: seen.more,
                seconds: now.duration_since(seen.began_at).as_secs(),
            })
            .collect()
    }
}

/// Lets through what [`Repeats`] admits.
pub struct Filter(pub Arc<Repeats>);

impl<S: Subscriber> Layer<S> for Filter {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if *event.metadata().level() > Level::WARN {
            return true;
        }
        let mut words = Words::default();
        event.record(&mut words);
        self.0.admit(words.message, words.cause, Instant::now())
    }
}

#[derive(Default)]
struct Words {
    message: String,
    cause: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if !FIELDS.contains(&field.name()) {
            return;
        }
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        let text = without_numbers(&text);
        match field.name() {
            "message" => self.message = text,
            _ if text.is_empty() => {}
            _ if self.cause.is_empty() => self.cause = text,
            _ => self.cause = format!("{}: {text}", self.cause),
        }
    }
}

/// Leaves out what differs between lines of one cause: numbers, digests, ids.
fn without_numbers(text: &str) -> String {
    let mut words = String::new();
    for word in
        text.chars().take(CAUSE_CHARACTERS).collect::<String>().split_inclusive([' ', '/', ':', ',', '"'])
    {
        match word.chars().any(|c| c.is_ascii_digit()) {
            true => {
                words.push('#');
                words.extend(word.chars().last().filter(|c| !c.is_ascii_alphanumeric()));
            }
            false => words.push_str(word),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(repeats: &Repeats, cause: &str, times: usize, now: Instant) -> usize {
        (0..times).filter(|_| repeats.admit("a request failed".into(), cause.into(), now)).count()
    }

    #[test]
    fn failures_of_one_cause_are_logged_a_few_times_and_counted() {
        let (repeats, now) = (Repeats::default(), Instant::now());
        assert_eq!(admitted(&repeats, "disk full", 19_868, now), 5);
        assert_eq!(admitted(&repeats, "no connection", 2, now), 2, "another cause is logged");
        assert!(repeats.take_due(now + WINDOW / 2).is_empty());
        let said = repeats.take_due(now + WINDOW);
        let expected = Said {
            what: "a request failed".into(),
            cause: "disk full".into(),
            more: 19_863,
            seconds: WINDOW.as_secs(),
        };
        assert_eq!(said, [expected]);
        assert_eq!(admitted(&repeats, "disk full", 7, now + WINDOW), 5, "a new minute begins");
    }

    #[test]
    fn causes_that_are_all_different_are_bounded_too() {
        let (repeats, now) = (Repeats::default(), Instant::now());
        let logged: usize = (0..10_000).map(|i| admitted(&repeats, &format!("cause {i}"), 1, now)).sum();
        assert!(logged <= CAUSES + 5, "{logged}");
        assert!(repeats.seen.lock().unwrap().len() <= CAUSES + 1);
    }

    #[test]
    fn what_differs_from_line_to_line_is_left_out() {
        let one = without_numbers("no blob sha256:0a1b at /var/a/b77: error 28");
        assert_eq!(one, without_numbers("no blob sha256:ff02 at /var/a/b12: error 28"));
        assert_ne!(one, without_numbers("no upload sha256:ff02 at /var/a/b12: error 28"));
    }
}
