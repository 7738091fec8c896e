//! Referrers: end-12.

use http::{HeaderValue, StatusCode, header};
use longshore_api_common::Response;
use longshore_content::referrers::AnnotatedReferrer;
use longshore_domain::descriptor::MediaType;
use longshore_domain::digest::Digest;
use longshore_domain::manifest::ARTIFACT_TYPE_LIMIT_BYTES;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::ManifestId;
use longshore_domain::{Error, Field, Result};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::operation::Name;
use crate::wire::{self, Query, json};
use crate::{Context, auth};

/// Referrers on one page; their annotations come with them, so it is small.
const PAGE: u64 = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'r> {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'r> {
    media_type: &'r str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'r RawValue>,
}

impl<'r> Descriptor<'r> {
    fn of((referrer, annotations): &'r AnnotatedReferrer) -> Result<Self> {
        let annotations: &RawValue = serde_json::from_str(annotations).map_err(Error::internal)?;
        Ok(Self {
            media_type: referrer.media_type.as_str(),
            digest: referrer.digest.to_string(),
            size: referrer.size_bytes,
            artifact_type: referrer.artifact_type.as_deref(),
            annotations: Some(annotations).filter(|annotations| annotations.get() != "{}"),
        })
    }
}

/// end-12a and end-12b: lists the manifests whose subject has this digest, in pages.
pub(crate) async fn list_referrers(context: &Context, name: &Name, subject: &Digest) -> Result<Response> {
    let actor = auth::actor(context).await?;
    let query = Query::of(context);
    let artifact_type = query.given("artifactType").map(with_plus);
    let artifact_type = artifact_type.as_deref();
    if artifact_type.is_some_and(|text| text.len() > ARTIFACT_TYPE_LIMIT_BYTES) {
        return Err(Error::Invalid {
            field: Field::Parameter("artifactType"),
            reason: "is longer than any media type".into(),
        });
    }
    let after = match query.first("last") {
        None => ManifestId(0),
        Some(text) => {
            let invalid = |_| Error::Invalid {
                field: Field::Parameter("last"),
                reason: "follow the Link of the page before".into(),
            };
            ManifestId(text.parse().map_err(invalid)?)
        }
    };
    let size = PageSize::clamped(PAGE)?;
    let page = context
        .app
        .content
        .list_referrers(&actor, &name.repository, subject, artifact_type, after, size)
        .await?;
    let manifests = page.items.iter().map(Descriptor::of).collect::<Result<_>>()?;
    let mut response =
        json(StatusCode::OK, &Index { schema_version: 2, media_type: MediaType::OCI_INDEX, manifests });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MediaType::OCI_INDEX));
    if artifact_type.is_some() {
        headers.insert("oci-filters-applied", HeaderValue::from_static("artifactType"));
    }
    if let Some((last, _)) = page.items.last().filter(|_| page.has_more) {
        let mut next = form_urlencoded::Serializer::new(String::new());
        if let Some(artifact_type) = artifact_type {
            next.append_pair("artifactType", artifact_type);
        }
        next.append_pair("last", &last.id.0.to_string());
        let path = format!("/v2/{}/referrers/{subject}", name.written);
        headers.insert(header::LINK, wire::next_link(context, &path, &next.finish()));
    }
    Ok(response)
}

/// Reads a blank in a media type as the `+` that it was before it was decoded: there are no blanks in one, and some clients
/// do not encode. In its parameters a blank is a blank.
fn with_plus(text: &str) -> String {
    let (essence, parameters) = text.split_at(text.find(';').unwrap_or(text.len()));
    format!("{}{parameters}", essence.replace(' ', "+"))
}
