//! Entity tags (RFC 9110, section 8.8.3), and the conditions of requests that are made of them.

use http::{HeaderMap, HeaderName};

/// Lists the entity tags of a header, without their quotation marks and `W/`; `*` stays as it is. `None` when the header is not
/// there.
pub fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().unwrap_or_default();
        let strip = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
        tags.extend(text.split(',').map(strip).filter(|tag| !tag.is_empty()));
    }
    headers.contains_key(name).then_some(tags)
}
