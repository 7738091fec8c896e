//! What every page has: its frame, its headers, and how it is sent.

use askama::Template;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use longshore_api_common::{Response, body};
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::{Error, Result};

use crate::compression::{accepts_gzip, gzip};
use crate::context::Context;
use crate::cookies::is_https;

/// What pages may do: load their own files, send their own forms, ask this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types longshore";
/// Smaller pages are not compressed.
const COMPRESSED_FROM: usize = 1000;
/// How hard pages are compressed.
const LEVEL: u32 = 3;
/// Digits of a digest in an entity tag.
const TAG_DIGITS: usize = 16;

/// Which entry of the navigation a page belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// The start.
    Home,
    /// Repositories and what is in them.
    Repositories,
    /// Organizations.
    Organizations,
    /// What administrators do.
    Administration,
    /// One's own account, and everything else.
    #[default]
    Elsewhere,
}

impl Place {
    pub(crate) fn is_home(self) -> bool {
        self == Self::Home
    }

    pub(crate) fn is_repositories(self) -> bool {
        self == Self::Repositories
    }

    pub(crate) fn is_organizations(self) -> bool {
        self == Self::Organizations
    }

    pub(crate) fn is_administration(self) -> bool {
        self == Self::Administration
    }
}

/// Where a page stands: the pages above it, with their paths.
pub(crate) struct Crumb {
    pub(crate) text: String,
    /// Path; empty for the page itself.
    pub(crate) path: String,
}

/// How important a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Something was done.
    Done,
    /// Something was not done.
    Problem,
}

/// A message at the top of a page.
pub(crate) struct Message {
    pub(crate) weight: Weight,
    pub(crate) text: String,
    /// What can be done about it: path of a form, and the words of its button.
    pub(crate) undo: Option<(String, String)>,
}

impl Message {
    pub(crate) fn done(text: impl Into<String>) -> Self {
        Self { weight: Weight::Done, text: text.into(), undo: None }
    }

    pub(crate) fn problem(text: impl Into<String>) -> Self {
        Self { weight: Weight::Problem, text: text.into(), undo: None }
    }

    pub(crate) fn class(&self) -> &'static str {
        match self.weight {
            Weight::Done => "note",
            Weight::Problem => "note danger",
        }
    }

    pub(crate) fn role(&self) -> &'static str {
        if self.weight == Weight::Problem { "alert" } else { "status" }
    }
}

/// What every page has around what it shows.
pub(crate) struct Frame {
    /// Title, without the name of the registry.
    pub(crate) title: String,
    pub(crate) place: Place,
    pub(crate) crumbs: Vec<Crumb>,
    pub(crate) messages: Vec<Message>,
    /// Path prefix that the registry is served behind.
    pub(crate) root: String,
    /// Host that clients name in references.
    pub(crate) host: String,
    /// Who is signed in.
    pub(crate) user: Option<String>,
    pub(crate) is_administrator: bool,
    pub(crate) theme: &'static str,
    pub(crate) has_keys: bool,
    /// What the operator has to say.
    pub(crate) notice: String,
    pub(crate) css: String,
    pub(crate) js: String,
    pub(crate) icons: String,
    pub(crate) mark: String,
    /// Path and query of this page, to come back to.
    pub(crate) here: String,
    /// What is in the field for searching.
    pub(crate) search: String,
}

impl Frame {
    /// Makes the frame of a page.
    pub(crate) fn new(context: &Context, place: Place, title: impl Into<String>) -> Self {
        let site = &context.site;
        let origin = &context.client.origin;
        let user = context.here().map(|here| here.browser.account.name.to_string());
        let uri = &context.parts.uri;
        let path = |file: &str| format!("{}{}", origin.prefix(), site.assets.path(file));
        Self {
            title: title.into(),
            place,
            crumbs: Vec::new(),
            messages: Vec::new(),
            root: origin.prefix().to_owned(),
            host: format!("{}{}", origin.host(), origin.prefix()),
            user,
            is_administrator: context.is_administrator(),
            theme: context.preferences.theme.as_str(),
            has_keys: context.preferences.has_keys,
            notice: site.notice.clone(),
            css: path("ui.css"),
            js: path("ui.js"),
            icons: path("icons.svg"),
            mark: path("mark.svg"),
            here: uri.path_and_query().map_or("/ui/", |path| path.as_str()).to_owned(),
            search: String::new(),
        }
    }

    /// Adds the pages above this one, as texts and paths.
    #[must_use]
    pub(crate) fn below<const N: usize>(mut self, crumbs: [(&str, String); N]) -> Self {
        self.crumbs.extend(crumbs.map(|(text, path)| Crumb { text: text.to_owned(), path }));
        self
    }

    /// Adds a message.
    #[must_use]
    pub(crate) fn saying(mut self, message: Option<Message>) -> Self {
        self.messages.extend(message);
        self
    }
}

/// Whether a page shows something that is shown once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// By the browser, which asks whether it is still right.
    Private,
    /// By nobody.
    Never,
}

/// Adds the headers that every page has.
pub(crate) fn protect(headers: &mut HeaderMap, secure: bool) {
    let fixed = [
        ("content-security-policy", POLICY),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=(), clipboard-write=(self)"),
        ("x-robots-tag", "noindex"),
        ("x-content-type-options", "nosniff"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if secure {
        headers.insert("strict-transport-security", HeaderValue::from_static("max-age=31536000"));
    }
}

fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| known.trim() == tag)
}

/// Sends a page.
pub(crate) fn send(
    context: &Context,
    status: StatusCode,
    kept: Kept,
    page: &impl Template,
) -> Result<Response> {
    let html = page.render().map_err(Error::internal)?;
    Ok(respond(&context.parts.headers, is_https(&context.client.origin), status, kept, html))
}

/// Sends a page with its usual headers.
pub(crate) fn show(context: &Context, page: &impl Template) -> Result<Response> {
    send(context, StatusCode::OK, Kept::Private, page)
}

/// Makes the response of a rendered page.
pub(crate) fn respond(
    asked: &HeaderMap,
    secure: bool,
    status: StatusCode,
    kept: Kept,
    html: String,
) -> Response {
    let digest = Digest::of(Algorithm::Sha256, html.as_bytes()).to_string();
    let tag: String = digest.trim_start_matches("sha256:").chars().take(TAG_DIGITS).collect();
    let tag = format!("W/\"{tag}\"");
    let is_kept = kept == Kept::Private && status == StatusCode::OK;
    let is_known = is_kept && has_tag(asked, &tag);
    let is_compressed =
        kept == Kept::Private && html.len() >= COMPRESSED_FROM && accepts_gzip(asked) && !is_known;
    let content = match (is_known, is_compressed) {
        (true, _) => body::empty(),
        (false, true) => body::full(gzip(html.as_bytes(), LEVEL)),
        (false, false) => body::full(html),
    };
    let mut response = Response::new(content);
    *response.status_mut() = if is_known { StatusCode::NOT_MODIFIED } else { status };
    let headers = response.headers_mut();
    protect(headers, secure);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::VARY, HeaderValue::from_static("Cookie, Accept-Encoding"));
    let caching = if is_kept { "private, no-cache" } else { "no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if is_kept && let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Leads the browser to another page, which it asks for with `GET`. The path is one of the pages', without the prefix.
pub(crate) fn lead(context: &Context, path: &str) -> Response {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let origin = &context.client.origin;
    let headers = response.headers_mut();
    protect(headers, is_https(origin));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let location = HeaderValue::from_str(&format!("{}{path}", origin.prefix()));
    headers.insert(header::LOCATION, location.unwrap_or(HeaderValue::from_static("/ui/")));
    response
}
