//! Manifests: end-3, end-7 and end-9.

use http::{HeaderValue, StatusCode, header};
use longshore_api_common::Response;
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::entity_tags::entity_tags;
use longshore_content::manifests::{Condition, ManifestPush};
use longshore_domain::descriptor::MediaType;
use longshore_domain::digest::Digest;
use longshore_domain::name::Reference;
use longshore_domain::{Error, Result};

use crate::operation::Name;
use crate::wire::{self, Query};
use crate::{Context, auth, bare, limits};

/// Shown to those who push a media type that newer clients no longer read.
const ARTIFACT_WARNING: &str = "299 - \"the artifact manifest media type was withdrawn from the OCI specification; push an image manifest with artifactType\"";

/// end-3: pulls a manifest, byte for byte as it was pushed.
pub(crate) async fn get_manifest(context: &Context, name: &Name, reference: &Reference) -> Result<Response> {
    let actor = auth::actor(context).await?;
    limits::check(context, &actor).await?;
    let manifest = context.app.content.pull_manifest(&actor, &name.repository, reference).await?;
    if wire::is_known_to_client(&context.parts.headers, &manifest.digest) {
        return Ok(describe(bare(StatusCode::NOT_MODIFIED), &manifest.digest, &manifest.media_type));
    }
    let length = manifest.content.len();
    let mut response =
        describe(Response::new(body::full(manifest.content)), &manifest.digest, &manifest.media_type);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    limits::show(context, &actor, 1, &mut response).await;
    Ok(response)
}

/// end-3: tells whether a manifest is there.
pub(crate) async fn head_manifest(context: &Context, name: &Name, reference: &Reference) -> Result<Response> {
    let actor = auth::actor(context).await?;
    let head = context.app.content.check_manifest(&actor, &name.repository, reference).await?;
    if wire::is_known_to_client(&context.parts.headers, &head.digest) {
        return Ok(describe(bare(StatusCode::NOT_MODIFIED), &head.digest, &head.media_type));
    }
    let mut response = describe(bare(StatusCode::OK), &head.digest, &head.media_type);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(head.size_bytes));
    limits::show(context, &actor, 0, &mut response).await;
    Ok(response)
}

/// end-7a and end-7b: pushes a manifest.
pub(crate) async fn put_manifest(
    context: &Context,
    name: &Name,
    reference: Reference,
    body: RequestBody,
) -> Result<Response> {
    let actor = auth::actor(context).await?;
    // Before the body is read, so that nobody sends megabytes in vain.
    context
        .app
        .access
        .authorize(&actor, &name.repository, longshore_domain::access::action::RepositoryAction::Push)
        .await?;
    let settings = context.app.platform.settings();
    let too_large = |limit_bytes| Error::ManifestTooLarge { limit_bytes };
    let content = body::collect(
        &context.parts.extensions,
        body,
        settings.manifest_limit_bytes,
        settings.body_idle,
        too_large,
    )
    .await?;
    let headers = &context.parts.headers;
    let media_type = match headers.get(header::CONTENT_TYPE) {
        None => None,
        Some(value) => {
            let text = value
                .to_str()
                .map_err(|_| Error::ManifestInvalid("Content-Type is not a media type".into()))?;
            Some(text.to_owned())
        }
    };
    let query = Query::of(context);
    let tags = query.all("tag").map(str::parse).collect::<Result<_>>();
    let tags = tags.map_err(|error| Error::ManifestInvalid(error.to_string()))?;
    let push = ManifestPush { reference, tags, media_type, content, condition: condition(context)? };
    let sets_tags = !push.tags.is_empty();
    let pushed = context.app.content.push_manifest(&actor, &name.repository, push).await?;
    let mut response = bare(StatusCode::CREATED);
    let location = format!("/v2/{}/manifests/{}", name.written, pushed.digest);
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, wire::value(&context.client.origin.link(location)));
    headers.insert(wire::CONTENT_DIGEST, wire::value(&pushed.digest.to_string()));
    if let Some(subject) = pushed.subject {
        headers.insert("oci-subject", wire::value(&subject.to_string()));
    }
    if sets_tags {
        for tag in &pushed.tags {
            headers.append("oci-tag", wire::value(tag.as_str()));
        }
    }
    if pushed.media_type.as_str() == MediaType::OCI_ARTIFACT {
        headers.append(header::WARNING, HeaderValue::from_static(ARTIFACT_WARNING));
    }
    Ok(response)
}

/// end-9: deletes a tag, or a manifest with its tags.
pub(crate) async fn delete_manifest(
    context: &Context,
    name: &Name,
    reference: &Reference,
) -> Result<Response> {
    let actor = auth::actor(context).await?;
    match reference {
        Reference::Tag(tag) => context.app.content.delete_tag(&actor, &name.repository, tag).await?,
        Reference::Digest(digest) => {
            context.app.content.delete_manifest(&actor, &name.repository, digest).await?
        }
    }
    Ok(bare(StatusCode::ACCEPTED))
}

fn describe(mut response: Response, digest: &Digest, media_type: &MediaType) -> Response {
    let headers = response.headers_mut();
    let digest = digest.to_string();
    headers.insert(header::CONTENT_TYPE, wire::value(media_type.as_str()));
    headers.insert(header::ETAG, wire::value(&format!("\"{digest}\"")));
    headers.insert(wire::CONTENT_DIGEST, wire::value(&digest));
    response
}

/// What the push depends on: `If-Match` and `If-None-Match` (RFC 9110, section 13), as the referrers tag schema uses them.
fn condition(context: &Context) -> Result<Condition> {
    let headers = &context.parts.headers;
    if let Some(tags) = entity_tags(headers, &header::IF_MATCH) {
        if tags.iter().any(|tag| tag == "*") {
            return Ok(Condition::Present);
        }
        return Ok(Condition::OneOf(tags.iter().filter_map(|tag| tag.parse().ok()).collect()));
    }
    match entity_tags(headers, &header::IF_NONE_MATCH) {
        None => Ok(Condition::None),
        Some(tags) if tags.iter().all(|tag| tag == "*") => Ok(Condition::Absent),
        Some(_) => Err(Error::Unsupported("If-None-Match on a push can only be *".into())),
    }
}
