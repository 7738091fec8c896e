//! Digests as people type them: whole, or the beginning that tables show.

use anyhow::Result;
use longshore_client::Client;

use crate::failure::{NotFound, Usage};

/// Fewest hexadecimal digits of a beginning.
const DIGITS: usize = 12;
/// Hexadecimal digits of a whole digest.
const WHOLE: usize = 64;

/// Whether a text is the beginning of a digest.
fn is_beginning(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    (DIGITS..WHOLE).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
}

/// Returns the whole digest of an image of a repository, of which somebody has typed the beginning; anything else stays as it is.
///
/// # Errors
/// When several images begin so; what the registry refused.
pub(crate) fn whole(client: &Client, repository: &str, text: &str) -> Result<String> {
    if !is_beginning(text) {
        return Ok(text.to_owned());
    }
    let found = client.search(text, Some(100))?;
    let mut digests: Vec<String> = found
        .digests
        .into_iter()
        .filter(|found| found.repository == repository)
        .map(|found| found.digest)
        .collect();
    digests.sort();
    digests.dedup();
    match (digests.pop(), digests.is_empty()) {
        (Some(digest), true) => Ok(digest),
        (Some(_), false) => {
            Err(Usage(format!("several digests of {repository} begin with {text}; type more of it")).into())
        }
        // It may be a tag.
        (None, _) if !text.contains(':') => Ok(text.to_owned()),
        (None, _) => Err(NotFound(format!(
            "no image of {repository} begins with {text}; see: longshore image ls {repository}"
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_told_from_a_tag_and_from_a_whole_digest() {
        for beginning in ["sha256:08f838816f45", "08f838816f45", &"0".repeat(63)] {
            assert!(is_beginning(beginning), "{beginning}");
        }
        for other in ["v1", "latest", "08f838816f4", "08f838816f4x", "sha256:", &"0".repeat(64)] {
            assert!(!is_beginning(other), "{other}");
        }
    }
}
