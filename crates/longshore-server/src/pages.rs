//! The page on which invites are accepted. It is a static document; its script speaks the management API.
//!
//! It names everything relative to itself, so that it works behind a path prefix.
//!
//! The link's secret stands behind the `#`, which browsers do not send, and no other page is asked for anything.

use http::{HeaderValue, StatusCode, header};
use longshore_api_common::{Response, body};

/// Files: path, media type, content.
const FILES: &[(&str, &str, &str)] = &[
    ("/invite", "text/html; charset=utf-8", include_str!("../assets/invite.html")),
    ("/invite.css", "text/css; charset=utf-8", include_str!("../assets/invite.css")),
    ("/invite.js", "text/javascript; charset=utf-8", include_str!("../assets/invite.js")),
];

/// What the page may do: load its own files, and ask this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Lists the paths of all files.
#[cfg(test)]
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, ..)| *path)
}

/// Returns the file of a path.
pub fn find(path: &str) -> Option<Response> {
    let (_, media_type, content) = FILES.iter().find(|(known, ..)| *known == path)?;
    let mut response = Response::new(body::full(*content));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}
