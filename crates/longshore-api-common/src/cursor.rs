//! Cursors: where the next page of a list begins, as an opaque text that belongs to that list in that order alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::{Error, Field, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Digits of the digest that stands for a list.
const LIST_DIGITS: usize = 16;
/// Longest cursor that is read: a name of a repository and a tag, with room.
const LIMIT_BYTES: usize = 1024;

/// Writes where the next page of a list begins. `list` names the list, its order and what narrows it.
///
/// # Errors
/// `Internal` for a key that is no JSON.
pub fn write(list: &str, key: &impl Serialize) -> Result<String> {
    let text = serde_json::to_vec(&(of(list), key)).map_err(Error::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(text))
}

/// Returns what stands for a list in its cursors, however much narrows it.
fn of(list: &str) -> String {
    let digest = Digest::of(Algorithm::Sha256, list.as_bytes()).to_string();
    digest.trim_start_matches("sha256:").chars().take(LIST_DIGITS).collect()
}

fn invalid(reason: &str) -> Error {
    Error::Invalid { field: Field::Parameter("after"), reason: reason.to_owned() }
}

/// Returns the refusal of what is no cursor.
pub fn unreadable() -> Error {
    invalid("is no cursor; begin with the first page, and follow next from there")
}

/// Reads a time of a cursor.
///
/// # Errors
/// `Invalid` for what is none.
pub fn time(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds).map_err(|_| unreadable())
}

/// Reads a cursor of a list.
///
/// # Errors
/// `Invalid` for what is no cursor of this list.
pub fn parse<T: DeserializeOwned>(text: &str, list: &str) -> Result<T> {
    if text.len() > LIMIT_BYTES {
        return Err(unreadable());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| unreadable())?;
    let (written_for, key): (String, serde_json::Value) =
        serde_json::from_slice(&bytes).map_err(|_| unreadable())?;
    if written_for != of(list) {
        return Err(invalid(
            "is a cursor of another list, order or filter; begin with the first page of this one",
        ));
    }
    serde_json::from_value(key).map_err(|_| unreadable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_by_the_list_that_it_is_of() {
        let written = write("tags by name", &("v1", 7)).unwrap();
        assert_eq!(parse::<(String, i64)>(&written, "tags by name").unwrap(), ("v1".to_owned(), 7));
        for (text, list) in [
            (written.as_str(), "tags by push"),
            ("", "tags by name"),
            ("v1", "tags by name"),
            ("!", "tags by name"),
            (&"A".repeat(LIMIT_BYTES + 1), "tags by name"),
            (&write("tags by name", &7).unwrap(), "tags by name"),
        ] {
            assert!(parse::<(String, i64)>(text, list).is_err(), "{text} {list}");
        }
    }
}
