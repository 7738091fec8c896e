//! Descriptors, media types and platforms.
//!
//! OCI image specification, "Content Descriptors".

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::name::shorten;

/// Longest media type in bytes, without parameters (RFC 6838 allows 127 for each of its two parts).
pub const MEDIA_TYPE_LIMIT_BYTES: usize = 255;
/// Longest parameters of a media type in bytes.
const PARAMETERS_LIMIT_BYTES: usize = 512;

/// A media type such as `application/vnd.oci.image.manifest.v1+json`, as it is written: clients compare texts, so neither
/// letter case nor parameters are changed.
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

    /// Those that are always manifests, never blobs.
    const MANIFESTS: &[&str] = &[
        Self::OCI_MANIFEST,
        Self::OCI_INDEX,
        Self::OCI_ARTIFACT,
        Self::DOCKER_MANIFEST,
        Self::DOCKER_MANIFEST_LIST,
    ];

    /// Returns the media type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the media type without its parameters.
    pub fn essence(&self) -> &str {
        self.0.split(';').next().unwrap_or_default().trim_ascii_end()
    }

    /// Reads the media type of a `Content-Type` header: without parameters, which mean nothing there (OCI distribution 1.1,
    /// "Pushing Manifests"), and with the name of a manifest's type as clients compare it, in lower case.
    ///
    /// # Errors
    /// `ManifestInvalid` when it is no media type.
    pub fn of_header(text: &str) -> Result<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim_ascii();
        Self::find_manifest(essence).unwrap_or(essence).parse()
    }

    /// Finds the manifest's type that is meant, whatever the letter case.
    fn find_manifest(essence: &str) -> Option<&'static str> {
        Self::MANIFESTS.iter().copied().find(|known| known.eq_ignore_ascii_case(essence))
    }

    /// Returns whether this is one of the media types that are always manifests, never blobs.
    pub fn is_manifest(&self) -> bool {
        Self::MANIFESTS.contains(&self.as_str())
    }

    /// Returns whether content of this media type is JSON.
    pub fn is_json(&self) -> bool {
        let essence = self.essence().to_ascii_lowercase();
        essence == "application/json" || essence.ends_with("+json")
    }

    /// Returns whether a layer of this media type may lie elsewhere ("non-distributable" or "foreign").
    pub fn is_foreign_layer(&self) -> bool {
        self.as_str().starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
            || self.as_str().starts_with("application/vnd.docker.image.rootfs.foreign.")
    }

    /// Returns whether this is the configuration of a runnable image.
    pub fn is_image_config(&self) -> bool {
        matches!(
            self.essence(),
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
        )
    }
}

impl FromStr for MediaType {
    type Err = Error;
    /// Parses a media type, with or without parameters, and keeps it as it is written. The types of manifests must be
    /// written exactly: clients compare texts, and would take another spelling for something else.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = |reason: &str| Err(Error::ManifestInvalid(format!("{:?} {reason}", shorten(text))));
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let essence = essence.trim_ascii_end();
        let token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+*%'`|~".contains(&b))
        };
        let is_type = essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype));
        if !is_type || essence.len() > MEDIA_TYPE_LIMIT_BYTES {
            return invalid("is not a media type");
        }
        let is_printable = parameters.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b));
        if !is_printable || parameters.len() > PARAMETERS_LIMIT_BYTES {
            return invalid("has parameters that no media type has");
        }
        if let Some(known) = Self::find_manifest(essence).filter(|known| *known != text) {
            return invalid(&format!("must be written {known}"));
        }
        Ok(Self(text.to_owned()))
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
