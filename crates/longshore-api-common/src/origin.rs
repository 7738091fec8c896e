//! Addresses of the registry itself, as a client can reach them.

use std::fmt;
use std::sync::Arc;

/// Scheme and authority under which a client reaches this registry, and the path prefix if it is served behind one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Configured, or told by a trusted proxy: links are absolute.
    Known(Arc<str>),
    /// As the client itself addressed the registry: links are relative, so that they are right wherever it is.
    /// Only the token realm, which must be absolute, echoes the client's own words back to it.
    Addressed(Arc<str>),
}

impl Origin {
    fn parts(&self) -> (&str, &str) {
        let (Self::Known(origin) | Self::Addressed(origin)) = self;
        let begins_at = origin.find("://").map_or(0, |colon| colon + 3);
        let ends_at = origin[begins_at..].find('/').map_or(origin.len(), |slash| begins_at + slash);
        (&origin[begins_at..ends_at], &origin[ends_at..])
    }

    /// Returns the path prefix that the registry is served behind, such as `/registry`; empty for none.
    pub fn prefix(&self) -> &str {
        self.parts().1
    }

    /// Makes a link to a path of the registry.
    pub fn link(&self, path: impl fmt::Display) -> String {
        match self {
            Self::Known(origin) => format!("{origin}{path}"),
            Self::Addressed(_) => format!("{}{path}", self.prefix()),
        }
    }

    /// Returns the host, with its port if it has one of its own.
    pub fn host(&self) -> &str {
        self.parts().0
    }

    /// Makes a link with scheme and authority.
    pub fn absolute(&self, path: &str) -> String {
        match self {
            Self::Known(origin) | Self::Addressed(origin) => format!("{origin}{path}"),
        }
    }
}

/// Returns whether a text is a host with an optional port, and nothing that could break out of a header or URL.
pub fn is_authority(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(allowed)
        && text.parse::<http::uri::Authority>().is_ok()
}

/// Returns whether a text is a path prefix such as `/registry` or `/a/b`, without a slash at its end, and nothing that could
/// break out of a header or URL or mean another path.
pub fn is_prefix(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let is_segment = |text: &str| !matches!(text, "" | "." | "..") && text.bytes().all(allowed);
    text.len() <= 255 && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_have_the_prefix() {
        let known = Origin::Known("https://r.example:8443/team/registry".into());
        assert_eq!((known.host(), known.prefix()), ("r.example:8443", "/team/registry"));
        assert_eq!(known.link("/v2/"), "https://r.example:8443/team/registry/v2/");
        let addressed = Origin::Addressed("http://[::1]:5000/registry".into());
        assert_eq!((addressed.host(), addressed.prefix()), ("[::1]:5000", "/registry"));
        assert_eq!(addressed.link("/v2/"), "/registry/v2/");
        assert_eq!(addressed.absolute("/token"), "http://[::1]:5000/registry/token");
        let plain = Origin::Addressed("http://localhost".into());
        assert_eq!((plain.host(), plain.prefix(), &*plain.link("/v2/")), ("localhost", "", "/v2/"));
    }

    #[test]
    fn prefixes_cannot_break_out_of_a_link() {
        for good in ["/registry", "/a/b", "/a.b_c-d~e"] {
            assert!(is_prefix(good), "{good}");
        }
        let long = format!("/{}", "a".repeat(255));
        for bad in [
            "", "/", "a", "/a/", "//a", "/a//b", "/..", "/a/../b", "/.", "/a b", "/a\"b", "/a%2Fb", "/a?b",
            "/a,b", &long,
        ] {
            assert!(!is_prefix(bad), "{bad}");
        }
    }

    #[test]
    fn authorities_cannot_break_out_of_a_header() {
        for good in ["registry.example.org", "localhost:5000", "[::1]:5000", "192.0.2.1"] {
            assert!(is_authority(good), "{good}");
        }
        let long = "a".repeat(256);
        for bad in ["", "a b", "a\"b", "a/b", "user@host", "a,b", "a:b:c", &long] {
            assert!(!is_authority(bad), "{bad}");
        }
    }
}
