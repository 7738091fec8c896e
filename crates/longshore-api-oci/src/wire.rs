//! Shapes that several groups share: JSON bodies, page parameters and links, entity tags, warnings.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use longshore_api_common::entity_tags::entity_tags;
pub(crate) use longshore_api_common::response::json;
use longshore_domain::digest::Digest;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Field, Result};

use crate::Context;

/// Longest `last` of a list; no name is longer.
const LAST_LIMIT_BYTES: usize = 255;
/// Bytes of warning text that all headers of one response may hold.
const WARNING_LIMIT_BYTES: usize = 2048;

/// Name of the header with a content's digest.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Makes a header value of text that is known to fit.
pub(crate) fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Makes the value of a `Warning` header (OCI distribution, "Warnings").
///
/// # Errors
/// `Invalid` when the text is too long or has other than printable ASCII characters.
pub(crate) fn warning(text: &str) -> Result<HeaderValue> {
    let invalid = |reason: &str| Error::Invalid { field: Field::Setting("notice"), reason: reason.into() };
    if text.len() > WARNING_LIMIT_BYTES {
        return Err(invalid("must have at most 2048 bytes"));
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    HeaderValue::from_str(&format!("299 - \"{escaped}\""))
        .map_err(|_| invalid("must have printable ASCII characters only"))
}

/// The parameters of a request's query.
pub(crate) struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Query<'q> {
    pub(crate) fn of(context: &'q Context) -> Self {
        let query = context.parts.uri.query().unwrap_or_default();
        Self(form_urlencoded::parse(query.as_bytes()).collect())
    }

    /// Returns the first value of a parameter.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// Returns the first value of a parameter; an empty one is none, as some clients send all parameters that they know.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.first(name).filter(|value| !value.is_empty())
    }

    /// Returns all values of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_ref())
    }
}

/// `n` and `last` of a list.
pub(crate) struct PageQuery {
    /// `None` for `n=0`, which asks for an empty list.
    pub size: Option<PageSize>,
    /// Go on after this.
    pub last: Option<String>,
    /// `n` as sent, to be repeated in the link.
    n: Option<u64>,
}

impl PageQuery {
    /// Parses the parameters; `n` beyond the largest page is served in pages.
    ///
    /// # Errors
    /// `Invalid` when `n` is no number, or `last` longer than any name.
    pub(crate) fn of(context: &Context) -> Result<Self> {
        let query = Query::of(context);
        let invalid = |reason: &str| Error::Invalid { field: Field::Parameter("n"), reason: reason.into() };
        let n = match query.first("n") {
            None => None,
            Some(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
                Some(text.parse::<u64>().unwrap_or(u64::MAX))
            }
            Some(_) => return Err(invalid("must be a number of entries, 0 or more")),
        };
        let last = query.first("last").map(str::to_owned);
        if last.as_ref().is_some_and(|last| last.len() > LAST_LIMIT_BYTES) {
            return Err(Error::Invalid {
                field: Field::Parameter("last"),
                reason: "is longer than any name".into(),
            });
        }
        let size = match n {
            Some(0) => None,
            Some(n) => Some(PageSize::clamped(n)?),
            None => Some(PageSize::MAX),
        };
        Ok(Self { size, last, n })
    }

    /// Makes the `Link` to the page after `last`.
    pub(crate) fn link(&self, context: &Context, path: &str, last: &str) -> HeaderValue {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(n) = self.n {
            query.append_pair("n", &n.to_string());
        }
        query.append_pair("last", last);
        next_link(context, path, &query.finish())
    }
}

/// Makes a `Link` with the relation `next` (RFC 5988).
pub(crate) fn next_link(context: &Context, path: &str, query: &str) -> HeaderValue {
    value(&format!("<{}>; rel=\"next\"", context.client.origin.link(format_args!("{path}?{query}"))))
}

/// Makes the entity tag of content with a digest.
pub(crate) fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Returns whether the client has the content already (RFC 9110, `If-None-Match`).
pub(crate) fn is_known_to_client(headers: &HeaderMap, digest: &Digest) -> bool {
    if !headers.contains_key(header::IF_NONE_MATCH) {
        return false;
    }
    let digest = digest.to_string();
    entity_tags(headers, &header::IF_NONE_MATCH)
        .is_some_and(|tags| tags.iter().any(|tag| tag == "*" || *tag == digest))
}
