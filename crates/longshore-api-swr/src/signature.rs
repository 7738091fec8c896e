//! Signed requests: what stands in the `Authorization` header, and how a request is written down to be signed.
//!
//! Huawei Cloud API signing guide, `SDK-HMAC-SHA256`; tested against what the vendor's SDK signs.

use std::fmt::Write;

use http::request::Parts;
use http::{HeaderMap, header};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// The one algorithm that is known.
const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// Names that other algorithms of the same family begin with.
const FAMILY: &[&str] = &["SDK-", "V11-HMAC-"];
/// When the request was signed.
const DATE: &str = "x-sdk-date";
/// What stands for the digest of the body.
const CONTENT: &str = "x-sdk-content-sha256";
/// Most headers that a signature covers.
const SIGNED_HEADERS_LIMIT: usize = 100;

/// All but letters, digits and `-`, `.`, `_`, `~` is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a signed request cannot be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Another algorithm.
    Algorithm,
    /// The header is not as documented.
    Header,
    /// The host, the date or the project is not covered by the signature.
    Uncovered,
    /// There is no date, or it is none.
    Date,
    /// The digest that was signed is not that of the body.
    Content,
    /// The query could be read in more than one way.
    Query,
    /// The path could be read in more than one way.
    Path,
}

impl Malformed {
    /// Returns what is wrong and what to do.
    pub fn description(self) -> &'static str {
        match self {
            Self::Algorithm => "requests are signed with SDK-HMAC-SHA256, and not with another algorithm",
            Self::Header => {
                "the Authorization header must be SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…"
            }
            Self::Uncovered => {
                "the signature must cover the headers host and x-sdk-date, and x-project-id, x-domain-id and x-subject-token where they are sent"
            }
            Self::Date => "the header X-Sdk-Date must be the time of signing, UTC, such as 20300101T000000Z",
            Self::Query => {
                "the query of a signed request names each parameter once, and writes a space as %20 and a plus sign as %2B"
            }
            Self::Path => {
                "the path of a signed request writes a slash in a name as $ and not as %2F, which is signed like a slash between two names"
            }
            Self::Content => "the body is not the one that X-Sdk-Content-Sha256 tells of",
        }
    }
}

/// What stands in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization<'h> {
    /// The access key.
    pub access_key: &'h str,
    /// Names of the headers that the signature covers, in lower case and in the order in which they were signed.
    pub signed_headers: Vec<&'h str>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// A request as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub text: String,
    /// When it says that it was signed.
    pub signed_at: Timestamp,
}

/// Returns whether the value of an `Authorization` header is a signature, of this algorithm or one of its family.
pub fn is_signature(authorization: &str) -> bool {
    FAMILY.iter().any(|beginning| authorization.starts_with(beginning))
}

impl<'h> Authorization<'h> {
    /// Reads a header `SDK-HMAC-SHA256 Access=…, SignedHeaders=a;b, Signature=…`.
    ///
    /// # Errors
    /// `Algorithm`, `Header`.
    pub fn parse(header: &'h str) -> Result<Self, Malformed> {
        let rest = header.strip_prefix(ALGORITHM).ok_or(Malformed::Algorithm)?;
        let rest = rest.strip_prefix(' ').ok_or(Malformed::Header)?;
        let (mut access_key, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or(Malformed::Header)?;
            let place = match name {
                "Access" => &mut access_key,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(Malformed::Header),
            };
            if place.replace(value).is_some() {
                return Err(Malformed::Header);
            }
        }
        let signed_headers: Vec<&str> = signed_headers.ok_or(Malformed::Header)?.split(';').collect();
        let is_name = |name: &&str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
        };
        if signed_headers.len() > SIGNED_HEADERS_LIMIT || !signed_headers.iter().all(is_name) {
            return Err(Malformed::Header);
        }
        let signature = signature.and_then(|text| hex::decode(text).ok()).ok_or(Malformed::Header)?;
        Ok(Self { access_key: access_key.ok_or(Malformed::Header)?, signed_headers, signature })
    }
}

fn decoded(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

fn encode(bytes: &[u8], into: &mut String) {
    // What is no UTF-8 nobody signs; it becomes something else, which no signature fits.
    let text = String::from_utf8_lossy(bytes);
    into.extend(utf8_percent_encode(&text, ENCODED));
}

/// Writes the path down as the vendor's SDK does, which decodes it first: an encoded slash would be signed like one that
/// parts the path, so that who has one signature could ask for another path.
fn canonical_path(path: &str, into: &mut String) -> Result<(), Malformed> {
    if path.as_bytes().windows(3).any(|three| three.eq_ignore_ascii_case(b"%2F")) {
        return Err(Malformed::Path);
    }
    for (number, segment) in decoded(path).split(|byte| *byte == b'/').enumerate() {
        if number > 0 {
            into.push('/');
        }
        encode(segment, into);
    }
    if !into.ends_with('/') {
        into.push('/');
    }
    Ok(())
}

fn canonical_query(query: &str, into: &mut String) -> Result<(), Malformed> {
    // What is signed does not tell these apart from something else.
    if query.contains('+') {
        return Err(Malformed::Query);
    }
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (decoded(name), decoded(value))
    };
    let mut pairs: Vec<_> = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
    pairs.sort();
    if pairs.iter().zip(pairs.iter().skip(1)).any(|(one, next)| one.0 == next.0) {
        return Err(Malformed::Query);
    }
    for (number, (name, value)) in pairs.iter().enumerate() {
        if number > 0 {
            into.push('&');
        }
        encode(name, into);
        into.push('=');
        encode(value, into);
    }
    Ok(())
}

/// Returns a header's value; of several the ones after the other.
fn header_value(headers: &HeaderMap, parts: &Parts, name: &str) -> String {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    match (values.is_empty(), parts.uri.authority()) {
        // HTTP/2 has it in the request line.
        (true, Some(authority)) if name == "host" => authority.to_string(),
        _ => values.iter().map(|value| value.trim()).collect::<Vec<_>>().join(","),
    }
}

fn content_digest(headers: &HeaderMap, body: &[u8]) -> Result<String, Malformed> {
    let actual = hex::encode(Sha256::digest(body));
    match headers.get(CONTENT) {
        // Clients that say something about an empty body sign the digest of an empty one.
        Some(signed) if !body.is_empty() => match signed.to_str() {
            Ok(signed) if signed.eq_ignore_ascii_case(&actual) => Ok(signed.to_owned()),
            _ => Err(Malformed::Content),
        },
        _ => Ok(actual),
    }
}

/// Writes a request down as it was signed.
///
/// # Errors
/// `Uncovered`, `Date`, `Content`, `Query`, `Path`.
pub fn signed(parts: &Parts, authorization: &Authorization<'_>, body: &[u8]) -> Result<Signed, Malformed> {
    let covers = |name| authorization.signed_headers.contains(&name);
    // What else decides what a request does.
    let deciding = ["x-project-id", "x-domain-id", "x-subject-token"];
    let has_open = deciding.into_iter().any(|name| parts.headers.contains_key(name) && !covers(name));
    if !covers("host") || !covers(DATE) || has_open {
        return Err(Malformed::Uncovered);
    }
    let date = parts.headers.get(DATE).and_then(|value| value.to_str().ok()).ok_or(Malformed::Date)?;
    let at = DateTime::strptime("%Y%m%dT%H%M%SZ", date).map_err(|_| Malformed::Date)?;
    let signed_at = at.to_zoned(TimeZone::UTC).map_err(|_| Malformed::Date)?.timestamp();
    let mut request = format!("{}\n", parts.method);
    let mut path = String::new();
    canonical_path(parts.uri.path(), &mut path)?;
    request.push_str(&path);
    request.push('\n');
    canonical_query(parts.uri.query().unwrap_or_default(), &mut request)?;
    request.push('\n');
    for name in &authorization.signed_headers {
        let _ = writeln!(request, "{name}:{}", header_value(&parts.headers, parts, name));
    }
    request.push('\n');
    request.push_str(&authorization.signed_headers.join(";"));
    request.push('\n');
    request.push_str(&content_digest(&parts.headers, body)?);
    let text = format!("{ALGORITHM}\n{date}\n{}", hex::encode(Sha256::digest(request.as_bytes())));
    Ok(Signed { text, signed_at })
}

/// Returns the `Authorization` header of a request if it is a signature.
pub(crate) fn header_of(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    is_signature(value).then_some(value)
}
