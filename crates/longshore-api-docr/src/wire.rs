//! Shapes that several groups share: times, `links` and `meta` of lists.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::{Context, WantedPage};

/// Writes a time: RFC 3339, UTC.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Schema `meta_properties`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Meta {
    /// Entries of all pages.
    total: u64,
}

/// Schema `page_links`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Links {
    pages: PageLinks,
}

#[derive(Default, Serialize, JsonSchema)]
struct PageLinks {
    /// Absent on the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    /// Absent on the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

/// Makes `links` and `meta` of a page; `next_token` is what finds the next one faster.
pub(crate) fn paging(
    context: &Context,
    wanted: WantedPage,
    total: u64,
    next_token: Option<String>,
) -> (Links, Meta) {
    let size = u64::from(wanted.size.get());
    let last = total.div_ceil(size).max(1);
    let link = |number: u64, token: Option<String>| {
        context.link(&[
            ("page", Some(number.to_string())),
            ("page_token", token),
            ("per_page", Some(size.to_string())),
        ])
    };
    let (has_previous, has_next) = (wanted.number > 1, wanted.number < last);
    let pages = PageLinks {
        first: has_previous.then(|| link(1, None)),
        prev: has_previous.then(|| link((wanted.number - 1).min(last), None)),
        next: has_next.then(|| link(wanted.number + 1, next_token)),
        last: has_next.then(|| link(last, None)),
    };
    (Links { pages }, Meta { total })
}
