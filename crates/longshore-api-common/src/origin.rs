//! Addresses of the registry itself, as a client can reach them.

use std::fmt;
use std::sync::Arc;

/// Scheme and authority under which a client reaches this registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Configured, or told by a trusted proxy: links are absolute.
    Known(Arc<str>),
    /// As the client itself addressed the registry: links are relative, so that they are right wherever it is.
    /// Only the token realm, which must be absolute, echoes the client's own words back to it.
    Addressed(Arc<str>),
}

impl Origin {
    /// Makes a link to a path of the registry.
    pub fn link(&self, path: impl fmt::Display) -> String {
        match self {
            Self::Known(origin) => format!("{origin}{path}"),
            Self::Addressed(_) => path.to_string(),
        }
    }

    /// Gives the host, with its port if it has one of its own.
    pub fn host(&self) -> &str {
        let (Self::Known(origin) | Self::Addressed(origin)) = self;
        origin.split_once("://").map_or(&**origin, |(_, host)| host)
    }

    /// Makes a link with scheme and authority.
    pub fn absolute(&self, path: &str) -> String {
        match self {
            Self::Known(origin) | Self::Addressed(origin) => format!("{origin}{path}"),
        }
    }
}

/// Tells whether a text is a host with an optional port, and nothing that could break out of a header or URL.
pub fn is_authority(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(allowed)
        && text.parse::<http::uri::Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
