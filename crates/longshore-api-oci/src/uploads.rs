//! Uploads: end-4, end-5, end-6, end-11, end-13 and end-14.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use longshore_api_common::Response;
use longshore_api_common::body::{RequestBody, received};
use longshore_content::uploads::Chunk;
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::name::RepositoryName;
use longshore_domain::upload::{Upload, UploadId};
use longshore_domain::{Error, Result};

use crate::operation::Name;
use crate::wire::{self, Query};
use crate::{Context, auth, bare};

/// end-4a, end-4b, end-4c and end-11: begins an upload, or pushes or mounts a whole blob.
pub(crate) async fn begin_upload(context: &Context, name: &Name, body: RequestBody) -> Result<Response> {
    let actor = auth::actor(context).await?;
    let query = Query::of(context);
    if let Some(digest) = query.given("mount") {
        let digest: Digest = digest.parse()?;
        // A source that is no name has no blobs; the client then uploads.
        let from: Option<std::result::Result<RepositoryName, Error>> = query.given("from").map(str::parse);
        let mounted = match from {
            Some(Err(_)) => None,
            Some(Ok(from)) => {
                context.app.content.mount_blob(&actor, &name.repository, &digest, Some(&from)).await?
            }
            None => context.app.content.mount_blob(&actor, &name.repository, &digest, None).await?,
        };
        if mounted.is_some() {
            return Ok(created(context, name, &digest));
        }
    } else if let Some(digest) = query.given("digest") {
        let digest: Digest = digest.parse()?;
        let chunk = chunk(&context.parts.headers, body)?;
        context.app.content.push_blob(&actor, &name.repository, &digest, chunk).await?;
        return Ok(created(context, name, &digest));
    }
    let algorithm = match (query.given("digest-algorithm"), query.given("mount")) {
        (Some(algorithm), _) => algorithm.parse()?,
        // The upload that follows a mount that failed will most likely have its digest.
        (None, Some(digest)) => digest.parse::<Digest>()?.algorithm(),
        (None, None) => Algorithm::Sha256,
    };
    let upload = context.app.content.begin_upload(&actor, &name.repository, algorithm).await?;
    Ok(in_progress(context, name, &upload, StatusCode::ACCEPTED))
}

/// end-13: tells how far an upload is.
pub(crate) async fn get_upload(context: &Context, name: &Name, id: Option<UploadId>) -> Result<Response> {
    let by = auth::upload_actor(context).await?;
    let upload = context.app.content.get_upload(&by, &name.repository, known(id)).await?;
    Ok(in_progress(context, name, &upload, StatusCode::NO_CONTENT))
}

/// end-5: appends a chunk.
pub(crate) async fn append_to_upload(
    context: &Context,
    name: &Name,
    id: Option<UploadId>,
    body: RequestBody,
) -> Result<Response> {
    let by = auth::upload_actor(context).await?;
    let chunk = chunk(&context.parts.headers, body)?;
    let upload = context.app.content.append_to_upload(&by, &name.repository, known(id), chunk).await?;
    Ok(in_progress(context, name, &upload, StatusCode::ACCEPTED))
}

/// end-6: ends an upload.
pub(crate) async fn finish_upload(
    context: &Context,
    name: &Name,
    id: Option<UploadId>,
    body: RequestBody,
) -> Result<Response> {
    let by = auth::upload_actor(context).await?;
    let query = Query::of(context);
    let digest = query.first("digest").ok_or(Error::DigestInvalid {
        digest: String::new(),
        reason: "end the upload with ?digest=<digest of the whole blob>",
    })?;
    let digest: Digest = digest.parse()?;
    let chunk = chunk(&context.parts.headers, body)?;
    context.app.content.finish_upload(&by, &name.repository, known(id), &digest, chunk).await?;
    Ok(created(context, name, &digest))
}

/// end-14: cancels an upload.
pub(crate) async fn cancel_upload(context: &Context, name: &Name, id: Option<UploadId>) -> Result<Response> {
    let by = auth::upload_actor(context).await?;
    context.app.content.cancel_upload(&by, &name.repository, known(id)).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// An id that is none is treated like one that does not exist, after the actor's rights were checked.
fn known(id: Option<UploadId>) -> UploadId {
    id.unwrap_or(UploadId(Default::default()))
}

fn created(context: &Context, name: &Name, digest: &Digest) -> Response {
    let mut response = bare(StatusCode::CREATED);
    let headers = response.headers_mut();
    let location = format!("/v2/{}/blobs/{digest}", name.written);
    headers.insert(header::LOCATION, wire::value(&context.client.origin.link(location)));
    headers.insert(wire::CONTENT_DIGEST, wire::value(&digest.to_string()));
    response
}

fn in_progress(context: &Context, name: &Name, upload: &Upload, status: StatusCode) -> Response {
    let mut response = bare(status);
    let headers = response.headers_mut();
    let location = format!("/v2/{}/blobs/uploads/{}", name.written, upload.id);
    headers.insert(header::LOCATION, wire::value(&context.client.origin.link(location)));
    // An empty upload is "0-0" as well: that is what Docker's registry says and its clients expect.
    headers.insert(header::RANGE, wire::value(&format!("0-{}", upload.offset_bytes.saturating_sub(1))));
    headers.insert("docker-upload-uuid", wire::value(&upload.id.to_string()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Reads `Content-Range` (`first-last`, and as some clients write it `bytes first-last/*`) and `Content-Length`.
fn chunk(headers: &HeaderMap, body: RequestBody) -> Result<Chunk> {
    let invalid = || Error::UploadInvalid("Content-Range must have the form first-last, in bytes".into());
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let announced = match headers.get(header::CONTENT_LENGTH) {
        None => None,
        Some(value) => Some(value.to_str().ok().and_then(number).ok_or_else(invalid)?),
    };
    let Some(range) = headers.get(header::CONTENT_RANGE) else {
        return Ok(Chunk { start: None, length: announced, body: received(body) });
    };
    let text = range.to_str().map_err(|_| invalid())?;
    let text = text.strip_prefix("bytes").unwrap_or(text).trim_start_matches([' ', '=']);
    let text = text.split('/').next().unwrap_or(text);
    let (first, last) = text.split_once('-').ok_or_else(invalid)?;
    let (first, last) = number(first).zip(number(last)).ok_or_else(invalid)?;
    let length = last.checked_sub(first).and_then(|rest| rest.checked_add(1)).ok_or_else(invalid)?;
    match announced {
        Some(actual_bytes) if actual_bytes != length => {
            Err(Error::SizeMismatch { expected_bytes: length, actual_bytes })
        }
        _ => Ok(Chunk { start: Some(first), length: Some(length), body: received(body) }),
    }
}
