//! Descriptors, media types and platforms.
//!
//! OCI image specification, "Content Descriptors".

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::name::shorten;

/// Longest media type in bytes (RFC 6838 allows 127 for each of its two parts).
pub const MEDIA_TYPE_LIMIT_BYTES: usize = 255;

/// A media type such as `application/vnd.oci.image.manifest.v1+json`, without parameters, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(String);

impl MediaType {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI artifact manifest, from release candidates of the image specification 1.1.
    pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
    /// Docker image manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

    /// Gives the media type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether this is one of the media types that are always manifests, never blobs.
    pub fn is_manifest(&self) -> bool {
        matches!(
            self.as_str(),
            Self::OCI_MANIFEST
                | Self::OCI_INDEX
                | Self::OCI_ARTIFACT
                | Self::DOCKER_MANIFEST
                | Self::DOCKER_MANIFEST_LIST
        )
    }

    /// Tells whether a layer of this media type may lie elsewhere ("non-distributable" or "foreign").
    pub fn is_foreign_layer(&self) -> bool {
        self.as_str().starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
            || self.as_str().starts_with("application/vnd.docker.image.rootfs.foreign.")
    }

    /// Tells whether this is the configuration of a runnable image.
    pub fn is_image_config(&self) -> bool {
        matches!(
            self.as_str(),
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
        )
    }
}

impl FromStr for MediaType {
    type Err = Error;
    /// Parses a media type; parameters after `;` are dropped (OCI distribution 1.1, "Pushing Manifests").
    fn from_str(text: &str) -> Result<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        let token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+*%'`|~".contains(&b))
        };
        match essence.split_once('/') {
            Some((kind, subtype))
                if token(kind) && token(subtype) && essence.len() <= MEDIA_TYPE_LIMIT_BYTES =>
            {
                Ok(Self(essence.to_ascii_lowercase()))
            }
            _ => Err(Error::ManifestInvalid(format!("{:?} is not a media type", shorten(essence)))),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The platform that an image runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// Operating system, for example `linux`.
    pub os: String,
    /// CPU architecture, for example `amd64`.
    pub architecture: String,
    /// CPU variant, for example `v8`; empty when not given.
    pub variant: String,
}

/// What one document says about another piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Media type of the content.
    pub media_type: MediaType,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content.
    pub size_bytes: u64,
}

/// Key and value texts that a document carries.
pub type Annotations = BTreeMap<String, String>;
