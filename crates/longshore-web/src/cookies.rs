//! The cookies of the pages: who is signed in, what is awaited, how pages are to look.

use std::fmt::Write;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use longshore_api_common::origin::Origin;

/// Longest value that is read.
const VALUE_LIMIT_BYTES: usize = 512;

/// Which cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The secret of the session.
    Session,
    /// What stands for a right password until the code has come.
    Challenge,
    /// The secret of the invite that is looked at.
    Invite,
    /// How pages are to look.
    Preferences,
}

/// Returns whether a browser reaches the registry over HTTPS.
pub(crate) fn is_https(origin: &Origin) -> bool {
    origin.absolute("").starts_with("https://")
}

impl Cookie {
    /// Returns the name. Browsers share the cookies of a host between its ports, so over HTTP, where there may be several
    /// registries on one, the port is in the name.
    fn name(self, origin: &Origin) -> String {
        let kind = match self {
            Self::Session => "longshore",
            Self::Challenge => "longshore-challenge",
            Self::Invite => "longshore-invite",
            Self::Preferences => "longshore-preferences",
        };
        if is_https(origin) {
            return format!("__Host-{kind}");
        }
        let host = origin.host();
        let port = host
            .rsplit_once(':')
            .map(|(_, port)| port)
            .filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
        format!("{kind}-{}", port.unwrap_or("80"))
    }

    /// Reads it from a request.
    pub(crate) fn read(self, origin: &Origin, headers: &HeaderMap) -> Option<String> {
        let name = self.name(origin);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.to_owned())
            .filter(|value| !value.is_empty() && value.len() <= VALUE_LIMIT_BYTES)
    }

    /// Writes the header that keeps a value for a time, or with an empty one forgets it. The value is no text of a client's.
    pub(crate) fn header(self, origin: &Origin, value: &str, kept: Duration) -> Option<HeaderValue> {
        let mut text = format!("{}={value}; HttpOnly; SameSite=Strict", self.name(origin));
        let age = if value.is_empty() { 0 } else { kept.as_secs() };
        let _ = write!(text, "; Max-Age={age}");
        match is_https(origin) {
            true => text.push_str("; Secure; Path=/"),
            false => {
                let _ = write!(text, "; Path={}/ui", origin.prefix());
            }
        }
        HeaderValue::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::Known(text.into())
    }

    #[test]
    fn a_cookie_is_as_strict_as_its_origin_lets_it_be() {
        let header = |at: &str, value: &str| {
            let header = Cookie::Session.header(&origin(at), value, Duration::from_secs(60)).unwrap();
            header.to_str().unwrap().to_owned()
        };
        assert_eq!(
            header("https://r.example/registry", "lsw_1"),
            "__Host-longshore=lsw_1; HttpOnly; SameSite=Strict; Max-Age=60; Secure; Path=/"
        );
        assert_eq!(
            header("http://localhost:5000", "lsw_1"),
            "longshore-5000=lsw_1; HttpOnly; SameSite=Strict; Max-Age=60; Path=/ui"
        );
        assert_eq!(
            header("http://[::1]/registry", ""),
            "longshore-80=; HttpOnly; SameSite=Strict; Max-Age=0; Path=/registry/ui"
        );
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers: HeaderMap = [
            (header::COOKIE, "a=b; longshore-5001=other".parse().unwrap()),
            (header::COOKIE, "longshore-5000=lsw_1 ; __Host-longshore=x".parse().unwrap()),
        ]
        .into_iter()
        .collect();
        // Two headers of a name: `collect` keeps the last alone.
        let mut both = HeaderMap::new();
        both.append(header::COOKIE, "a=b; longshore-5001=other".parse().unwrap());
        for (_, value) in &headers {
            both.append(header::COOKIE, value.clone());
        }
        let read = |at: &str| Cookie::Session.read(&origin(at), &both);
        assert_eq!(read("http://localhost:5000").as_deref(), Some("lsw_1"));
        assert_eq!(read("http://localhost:5001").as_deref(), Some("other"));
        assert_eq!(read("https://localhost").as_deref(), Some("x"));
        assert_eq!(read("http://localhost"), None);
    }
}
