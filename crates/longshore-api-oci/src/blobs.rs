//! Blobs: end-2 and end-10.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use longshore_api_common::{Response, body};
use longshore_content::blobs::ReadableBlob;
use longshore_domain::digest::Digest;
use longshore_domain::ports::blobs::ByteRange;
use longshore_domain::ports::metadata::Blob;
use longshore_domain::{Error, Result};

use crate::operation::Name;
use crate::ranges::{self, Wanted};
use crate::{Context, auth, bare, wire};

/// Media type of all blobs: what they are stands in the manifests.
const CONTENT_TYPE: &str = "application/octet-stream";

/// end-2: pulls a blob, whole or in ranges (RFC 9110, section 14), or is sent to where it lies.
pub(crate) async fn get_blob(context: &Context, name: &Name, digest: &Digest) -> Result<Response> {
    let actor = auth::actor(context).await?;
    let readable = context.app.content.get_blob(&actor, &name.repository, digest).await?;
    let blob = &readable.blob;
    let headers = &context.parts.headers;
    if wire::is_known_to_client(headers, digest) {
        return Ok(describe(bare(StatusCode::NOT_MODIFIED), blob));
    }
    let size = blob.size_bytes;
    let wanted = Wanted::of(headers, digest, size);
    if wanted == Wanted::Nothing {
        let mut response = describe(bare(StatusCode::RANGE_NOT_SATISFIABLE), blob);
        response.headers_mut().insert(header::CONTENT_RANGE, wire::value(&format!("bytes */{size}")));
        return Ok(response);
    }
    // The store has entity tags of its own, which the condition does not mean, and its own way with several ranges.
    let stays = headers.contains_key(header::IF_RANGE) || ranges::asks_for_several(headers);
    if let Some(redirects) = context.redirects.as_ref().filter(|_| !stays)
        && let Some(url) = redirects.url(&context.app, &context.client, &readable).await?
    {
        // The client repeats its `Range` there.
        let mut response = describe(bare(StatusCode::TEMPORARY_REDIRECT), blob);
        response.headers_mut().insert(header::LOCATION, wire::value(&url));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return Ok(response);
    }
    let (status, range) = match wanted {
        Wanted::Parts(parts) => return send_parts(context, readable, parts).await,
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Whole | Wanted::Nothing => (StatusCode::OK, ByteRange { start: 0, end: size }),
    };
    let length = range.end - range.start;
    let bytes = context.app.content.read_blob(&readable, range).await?;
    let mut response = describe(Response::new(body::stream(bytes, length)), blob);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(header::CONTENT_RANGE, wire::value(&content_range(range, size)));
    }
    Ok(response)
}

/// Sends several ranges of a blob as `multipart/byteranges` (RFC 9110, section 14.6), one after the other: of the store, one
/// is open at a time.
async fn send_parts(context: &Context, readable: ReadableBlob, ranges: Vec<ByteRange>) -> Result<Response> {
    let size = readable.blob.size_bytes;
    // Nobody who pushes knows it, so no blob can hold it to end a part early.
    let boundary = context.app.content.new_separator();
    let head = |(number, range): (usize, &ByteRange)| {
        let end_of_last = if number == 0 { "" } else { "\r\n" };
        let content_range = content_range(*range, size);
        Bytes::from(format!(
            "{end_of_last}--{boundary}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Range: {content_range}\r\n\r\n"
        ))
    };
    let heads: Vec<Bytes> = ranges.iter().enumerate().map(head).collect();
    let tail = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let around = heads.iter().map(Bytes::len).sum::<usize>() + tail.len();
    let length = ranges.iter().map(|range| range.end - range.start).sum::<u64>() + around as u64;
    let mut response = describe(bare(StatusCode::PARTIAL_CONTENT), &readable.blob);
    let headers = response.headers_mut();
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    headers.insert(header::CONTENT_TYPE, wire::value(&content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    // Before the answer begins, so that a store that cannot be read is said as such.
    let mut opened = match ranges.first() {
        Some(range) => Some(context.app.content.read_blob(&readable, *range).await?),
        None => None,
    };
    let app = Arc::clone(&context.app);
    let parts = stream::iter(heads.into_iter().zip(ranges)).then(move |(head, range)| {
        let (opened, app, readable) = (opened.take(), Arc::clone(&app), readable.clone());
        async move {
            let bytes = match opened {
                Some(bytes) => bytes,
                None => app.content.read_blob(&readable, range).await?,
            };
            Ok::<_, Error>(stream::iter([Ok(head)]).chain(bytes))
        }
    });
    let parts = parts.try_flatten().chain(stream::iter([Ok(tail)]));
    *response.body_mut() = body::stream(Box::pin(parts), length);
    Ok(response)
}

fn content_range(range: ByteRange, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

/// end-2: tells whether a blob is there.
pub(crate) async fn head_blob(context: &Context, name: &Name, digest: &Digest) -> Result<Response> {
    let actor = auth::actor(context).await?;
    let blob = context.app.content.check_blob(&actor, &name.repository, digest).await?;
    let mut response = describe(bare(StatusCode::OK), &blob);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(blob.size_bytes));
    Ok(response)
}

/// end-10: deletes a blob from this repository.
pub(crate) async fn delete_blob(context: &Context, name: &Name, digest: &Digest) -> Result<Response> {
    let actor = auth::actor(context).await?;
    context.app.content.delete_blob(&actor, &name.repository, digest).await?;
    Ok(bare(StatusCode::ACCEPTED))
}

fn describe(mut response: Response, blob: &Blob) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert(wire::CONTENT_DIGEST, wire::value(&blob.digest.to_string()));
    headers.insert(header::ETAG, wire::value(&wire::entity_tag(&blob.digest)));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    response
}
