//! Cursors of a request's list.

use jiff::Timestamp;
use longshore_api_common::cursor;
pub(crate) use longshore_api_common::cursor::{time, write};
use longshore_domain::Result;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::context::Context;

/// Reads `after` of a request; `None` for the first page.
///
/// # Errors
/// `Invalid` for what is no cursor of this list.
pub(crate) fn read<T: DeserializeOwned>(context: &Context, list: &str) -> Result<Option<T>> {
    let Some(text) = context.query("after") else { return Ok(None) };
    cursor::parse(&text, list).map(Some)
}

/// Reads `after` of a list that has the newest first: when the last one was made, and its id; `None` for the first page.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_newest(context: &Context, list: &str) -> Result<Option<(Timestamp, Uuid)>> {
    let last: Option<(i64, Uuid)> = read(context, list)?;
    last.map(|(at, id)| Ok((time(at)?, id))).transpose()
}

/// Writes where the next page of such a list begins.
pub(crate) fn write_newest(list: &str, at: Timestamp, id: Uuid) -> Result<String> {
    write(list, &(at.as_microsecond(), id))
}
