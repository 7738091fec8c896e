//! Shapes that several groups share: JSON bodies, times, the envelope of a page.

use jiff::Timestamp;
pub(crate) use longshore_api_common::response::json;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::{Context, WantedPage};

/// Writes a time as the Hub does: RFC 3339 with microseconds, UTC.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Writes a time that a client gave as short as it goes, for clients that compare it with what they gave.
pub(crate) fn given_time(at: Timestamp) -> String {
    at.to_string()
}

/// One page of a list, with links to its neighbours.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    /// Number of entries on all pages.
    pub count: u64,
    /// Link to the next page.
    pub next: Option<String>,
    /// Link to the previous page.
    pub previous: Option<String>,
    /// The entries.
    pub results: Vec<T>,
}

/// Returns the links to the next and the previous page.
pub(crate) fn links(context: &Context, wanted: WantedPage, count: u64) -> (Option<String>, Option<String>) {
    let last = count.div_ceil(u64::from(wanted.size.get())).max(1);
    let next = (wanted.number < last).then(|| context.page_link(wanted.number + 1));
    let previous = (wanted.number > 1).then(|| context.page_link((wanted.number - 1).min(last)));
    (next, previous)
}

impl<T> Page<T> {
    pub(crate) fn new(context: &Context, wanted: WantedPage, count: u64, results: Vec<T>) -> Self {
        let (next, previous) = links(context, wanted, count);
        Self { count, next, previous, results }
    }
}
