//! Blobs: end-2 and end-10.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use longshore_api_common::{Response, body};
use longshore_domain::Result;
use longshore_domain::digest::Digest;
use longshore_domain::ports::blobs::ByteRange;
use longshore_domain::ports::metadata::Blob;

use crate::operation::Name;
use crate::{Context, auth, bare, wire};

/// end-2: pulls a blob, whole or one range of it (RFC 9110, section 14), or is sent to where it lies.
pub(crate) async fn get_blob(context: &Context, name: &Name, digest: &Digest) -> Result<Response> {
    let caller = auth::caller(context).await?;
    let readable = context.services.get_blob(&caller, &name.repository, digest).await?;
    let blob = &readable.blob;
    let headers = &context.parts.headers;
    if wire::is_known_to_client(headers, digest) {
        return Ok(describe(bare(StatusCode::NOT_MODIFIED), blob));
    }
    let size = blob.size_bytes;
    let (status, range) = match wanted_range(headers, digest, size) {
        Wanted::Whole => (StatusCode::OK, ByteRange { start: 0, end: size }),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => {
            let mut response = describe(bare(StatusCode::RANGE_NOT_SATISFIABLE), blob);
            response.headers_mut().insert(header::CONTENT_RANGE, wire::value(&format!("bytes */{size}")));
            return Ok(response);
        }
    };
    // The store has entity tags of its own, which this condition does not mean.
    let is_conditional = headers.contains_key(header::IF_RANGE);
    if let Some(redirects) = context.redirects.as_ref().filter(|_| !is_conditional)
        && let Some(url) = redirects.url(&context.services, &context.client, &readable).await?
    {
        // The client repeats its `Range` there.
        let mut response = describe(bare(StatusCode::TEMPORARY_REDIRECT), blob);
        response.headers_mut().insert(header::LOCATION, wire::value(&url));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return Ok(response);
    }
    let length = range.end - range.start;
    let bytes = context.services.read_blob(&readable, range).await?;
    let mut response = describe(Response::new(body::stream(bytes, length)), blob);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        headers.insert(header::CONTENT_RANGE, wire::value(&text));
    }
    Ok(response)
}

/// end-2: tells whether a blob is there.
pub(crate) async fn head_blob(context: &Context, name: &Name, digest: &Digest) -> Result<Response> {
    let caller = auth::caller(context).await?;
    let blob = context.services.check_blob(&caller, &name.repository, digest).await?;
    let mut response = describe(bare(StatusCode::OK), &blob);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(blob.size_bytes));
    Ok(response)
}

/// end-10: deletes a blob from this repository.
pub(crate) async fn delete_blob(context: &Context, name: &Name, digest: &Digest) -> Result<Response> {
    let caller = auth::caller(context).await?;
    context.services.delete_blob(&caller, &name.repository, digest).await?;
    Ok(bare(StatusCode::ACCEPTED))
}

fn describe(mut response: Response, blob: &Blob) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(wire::CONTENT_DIGEST, wire::value(&blob.digest.to_string()));
    headers.insert(header::ETAG, wire::value(&wire::entity_tag(&blob.digest)));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    response
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(ByteRange),
    Nothing,
}

/// Reads `Range` and `If-Range`. Several ranges, and what is not understood, give the whole blob, as RFC 9110 allows.
fn wanted_range(headers: &HeaderMap, digest: &Digest, size: u64) -> Wanted {
    let Some(text) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Wanted::Whole;
    };
    let Some(text) = text.strip_prefix("bytes=") else { return Wanted::Whole };
    if let Some(condition) = headers.get(header::IF_RANGE)
        && condition.as_bytes() != wire::entity_tag(digest).as_bytes()
    {
        return Wanted::Whole;
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let Some((first, last)) = text.trim().split_once('-') else { return Wanted::Whole };
    let range = match (number(first), number(last)) {
        (Some(start), Some(last)) if last >= start => {
            ByteRange { start, end: last.saturating_add(1).min(size) }
        }
        (Some(_), Some(_)) => return Wanted::Nothing,
        (Some(start), None) if last.is_empty() => ByteRange { start, end: size },
        (None, Some(length)) if first.is_empty() => {
            ByteRange { start: size.saturating_sub(length), end: size }
        }
        _ => return Wanted::Whole,
    };
    if range.start < range.end { Wanted::Part(range) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use longshore_domain::digest::Algorithm;

    use super::*;

    fn wanted(range: &str) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(range).unwrap());
        wanted_range(&headers, &Digest::of(Algorithm::Sha256, b""), 100)
    }

    #[test]
    fn ranges_follow_rfc_9110() {
        let part = |start, end| Wanted::Part(ByteRange { start, end });
        let cases = [
            ("bytes=0-0", part(0, 1)),
            ("bytes=10-19", part(10, 20)),
            ("bytes=90-", part(90, 100)),
            ("bytes=-10", part(90, 100)),
            ("bytes=-1000", part(0, 100)),
            ("bytes=50-1000", part(50, 100)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=100-200", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=20-10", Wanted::Nothing),
        ];
        for (text, expected) in cases {
            assert_eq!(wanted(text), expected, "{text}");
        }
    }

    #[test]
    fn abuse_28_hostile_ranges_cost_nothing() {
        let many = format!("bytes={}0-", "0-,".repeat(1000));
        for text in [many.as_str(), "bytes=--1", "bytes=a-b", "lines=1-2", "bytes=", "bytes=-", "bytes=+1-2"]
        {
            assert_eq!(wanted(text), Wanted::Whole, "{text}");
        }
        assert_eq!(wanted("bytes=9223372036854775808-"), Wanted::Nothing);
        assert_eq!(wanted("bytes=0-99999999999999999999999"), Wanted::Part(ByteRange { start: 0, end: 100 }));
    }
}
