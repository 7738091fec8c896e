//! Which requests come from our own pages.
//!
//! Nothing in forms tells that: a browser says where a request comes from (Fetch Metadata, `Sec-Fetch-Site`; RFC 6454,
//! `Origin`), and a cookie of `SameSite=Strict` does not come with those of others.

use http::{HeaderMap, Method, header};
use longshore_api_common::origin::Origin;

/// Why a request that changes something is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// Where it says that it comes from.
    pub(crate) came_from: String,
    /// Where the pages are.
    pub(crate) expected: String,
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns scheme and authority of where the pages are.
fn own(origin: &Origin) -> String {
    let absolute = origin.absolute("");
    let prefix = origin.prefix();
    absolute.strip_suffix(prefix).filter(|_| !prefix.is_empty()).unwrap_or(&absolute).to_ascii_lowercase()
}

/// Checks that what changes something was sent by a page of this registry.
pub(crate) fn check(method: &Method, headers: &HeaderMap, origin: &Origin) -> Result<(), Foreign> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let expected = own(origin);
    let said = text(headers, header::ORIGIN.as_str());
    let is_own = match text(headers, "sec-fetch-site") {
        Some(site) => site == "same-origin",
        // Browsers that send none, as over plain HTTP to other hosts than this machine.
        None => said.is_some_and(|said| said.to_ascii_lowercase() == expected),
    };
    let came_from =
        || said.or_else(|| text(headers, "sec-fetch-site")).unwrap_or("nowhere").chars().take(100).collect();
    if is_own { Ok(()) } else { Err(Foreign { came_from: came_from(), expected }) }
}

/// Returns whether a page is asked for by following a link of another site, with which no cookie comes: the browser must ask
/// again from here. `again` says that it does so for the second time.
pub(crate) fn comes_from_elsewhere(method: &Method, headers: &HeaderMap, again: bool) -> bool {
    if *method != Method::GET || again {
        return false;
    }
    match (text(headers, "sec-fetch-site"), text(headers, "sec-fetch-dest")) {
        (Some(site), Some("document")) => site == "cross-site" || site == "same-site",
        (Some(_), _) => false,
        // A browser that does not say.
        (None, _) => text(headers, header::REFERER.as_str()).is_some() && accepts_pages(headers),
    }
}

/// Returns whether a client is a browser, as far as it says what it wants.
pub(crate) fn accepts_pages(headers: &HeaderMap) -> bool {
    text(headers, header::ACCEPT.as_str())
        .is_some_and(|value| value.to_ascii_lowercase().contains("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_pages_of_ones_own_change_something() {
        let origin = Origin::Known("https://r.example/registry".into());
        let cases: [(&[(&str, &str)], bool); 8] = [
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://r.example")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "https://R.example")], true),
            (&[("origin", "https://evil.example")], false),
            (&[], false),
        ];
        for (pairs, expected) in cases {
            assert_eq!(check(&Method::POST, &headers(pairs), &origin).is_ok(), expected, "{pairs:?}");
            assert!(check(&Method::GET, &headers(pairs), &origin).is_ok());
        }
        let refused = check(&Method::POST, &headers(&[("origin", "null")]), &origin).unwrap_err();
        assert_eq!(refused, Foreign { came_from: "null".into(), expected: "https://r.example".into() });
    }

    #[test]
    fn links_of_other_sites_are_followed_from_here() {
        let from =
            |pairs: &[(&'static str, &str)]| comes_from_elsewhere(&Method::GET, &headers(pairs), false);
        assert!(from(&[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")]));
        assert!(!from(&[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image")]));
        assert!(!from(&[("sec-fetch-site", "none"), ("sec-fetch-dest", "document")]));
        assert!(!from(&[("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "document")]));
        assert!(from(&[("referer", "http://chat.example/"), ("accept", "text/html")]));
        assert!(!from(&[("accept", "text/html")]));
        let link = headers(&[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")]);
        assert!(!comes_from_elsewhere(&Method::POST, &link, false));
        assert!(!comes_from_elsewhere(&Method::GET, &link, true));
    }
}
