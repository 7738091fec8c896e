//! Manifests: the strict parser from bytes to what the registry needs to know.
//!
//! The bytes are kept as pushed and never serialized again.
//! Sources: OCI image specification 1.1 ("Image Manifest", "Image Index"), Docker image manifest version 2 schema 2.

mod unambiguous;

use std::collections::HashSet;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use crate::descriptor::{Annotations, Descriptor, MediaType, Platform};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Result};

/// Most descriptors that one manifest may hold.
pub const MANIFEST_DESCRIPTORS_LIMIT: usize = 10_000;
/// Longest instruction that is read out of a configuration, in characters.
const INSTRUCTION_LIMIT_CHARACTERS: usize = 1000;
/// Longest name of an operating system, architecture or variant that is read out of a configuration, in bytes.
const PLATFORM_LIMIT_BYTES: usize = 64;
/// Longest artifact type in bytes.
pub const ARTIFACT_TYPE_LIMIT_BYTES: usize = 1024;

/// What a manifest is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestKind {
    /// Has a config and layers (or, for artifacts, blobs).
    Image,
    /// Lists other manifests.
    Index,
}

impl ManifestKind {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Index => "index",
        }
    }
}

/// A manifest: its bytes and the parsed view of them.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The bytes as pushed.
    pub bytes: Bytes,
    /// Digest of the bytes.
    pub digest: Digest,
    /// Media type as pushed.
    pub media_type: MediaType,
    /// Image or index.
    pub kind: ManifestKind,
    /// `artifactType`, or for an image without one the media type of its config; either as it is written.
    pub artifact_type: Option<String>,
    /// Configuration of an image.
    pub config: Option<Descriptor>,
    /// Layers of an image, or blobs of an artifact, in order.
    pub layers: Vec<Descriptor>,
    /// Children of an index, in order.
    pub children: Vec<Descriptor>,
    /// The manifest that this one refers to; it need not exist.
    pub subject: Option<Descriptor>,
    /// Annotations of the document itself.
    pub annotations: Annotations,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    #[serde(default, deserialize_with = "present")]
    config: Option<Option<WireDescriptor>>,
    #[serde(default, deserialize_with = "present")]
    layers: Option<Vec<WireDescriptor>>,
    #[serde(default, deserialize_with = "present")]
    blobs: Option<Vec<WireDescriptor>>,
    #[serde(default, deserialize_with = "present")]
    manifests: Option<Vec<WireDescriptor>>,
    subject: Option<WireDescriptor>,
    annotations: Option<Annotations>,
    #[serde(default, deserialize_with = "present")]
    fs_layers: Option<IgnoredAny>,
}

/// Reads a member that is there; `null`, which Go writes for a list that was never filled, is an empty one. `None` remains
/// for one that is not there.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> std::result::Result<Option<T>, D::Error> {
    Option::<T>::deserialize(deserializer).map(|value| Some(value.unwrap_or_default()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDescriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl WireDescriptor {
    fn into_descriptor(self) -> Result<Descriptor> {
        let size_bytes = self.size;
        if i64::try_from(size_bytes).is_err() {
            return Err(Error::ManifestInvalid(format!(
                "a descriptor's size of {size_bytes} bytes is impossible"
            )));
        }
        Ok(Descriptor {
            media_type: self.media_type.parse()?,
            digest: self
                .digest
                .parse()
                .map_err(|e| Error::ManifestInvalid(format!("in a descriptor: {e}")))?,
            size_bytes,
        })
    }
}

fn is_plain(text: &str) -> bool {
    text.len() <= ARTIFACT_TYPE_LIMIT_BYTES && !text.chars().any(char::is_control)
}

fn descriptors(list: Vec<WireDescriptor>) -> Result<Vec<Descriptor>> {
    list.into_iter().map(WireDescriptor::into_descriptor).collect()
}

impl Manifest {
    /// Parses a manifest.
    ///
    /// `declared` is the media type that the client sent (`Content-Type`), if any; it must agree with the
    /// document's own `mediaType`. With neither, the shape of the document decides.
    /// `algorithm` is the one that the manifest will be addressed by.
    ///
    /// # Errors
    /// `ManifestInvalid` when the document is not one unambiguous JSON object of a known shape.
    pub fn parse(bytes: Bytes, declared: Option<&str>, algorithm: Algorithm) -> Result<Self> {
        let invalid = |reason: String| Error::ManifestInvalid(reason);
        let text =
            std::str::from_utf8(&bytes).map_err(|_| invalid("the manifest is not UTF-8 text".into()))?;
        if text.starts_with('\u{feff}') {
            return Err(invalid("the manifest begins with a byte order mark; remove it".into()));
        }
        unambiguous::check_manifest(text)
            .map_err(|e| invalid(format!("the manifest is not valid JSON: {e}")))?;
        let document: Document = serde_json::from_str(text)
            .map_err(|e| invalid(format!("the manifest does not have the form of one: {e}")))?;

        let declared = declared.map(MediaType::of_header).transpose()?;
        // Go writes an empty text for a media type that was never set.
        let own: Option<MediaType> =
            document.media_type.as_deref().filter(|text| !text.is_empty()).map(str::parse).transpose()?;
        if let (Some(declared), Some(own)) = (&declared, &own)
            && declared.essence() != own.essence()
        {
            return Err(invalid(format!("Content-Type is {declared} but the manifest's mediaType is {own}")));
        }
        let Document { config, layers, blobs, manifests, .. } = document;
        if document.fs_layers.is_some() || document.schema_version == Some(1) {
            return Err(invalid(
                "Docker image manifest schema 1 is obsolete; push schema 2 or an OCI manifest".into(),
            ));
        }
        if manifests.is_some() && (layers.is_some() || config.is_some() || blobs.is_some()) {
            return Err(invalid("the document is both an image and an index".into()));
        }
        if layers.is_some() && blobs.is_some() {
            return Err(invalid("the document has both layers and blobs".into()));
        }
        let media_type = match own.or(declared) {
            Some(media_type) => media_type,
            None if manifests.is_some() => MediaType::OCI_INDEX.parse()?,
            None if layers.is_some() => MediaType::OCI_MANIFEST.parse()?,
            None => return Err(invalid("send the manifest's media type as Content-Type".into())),
        };
        let config = config.flatten();
        let kind = match media_type.as_str() {
            MediaType::OCI_INDEX | MediaType::DOCKER_MANIFEST_LIST if manifests.is_none() => {
                return Err(invalid(format!("{media_type} needs the list manifests")));
            }
            MediaType::OCI_MANIFEST | MediaType::DOCKER_MANIFEST if config.is_none() => {
                return Err(invalid(format!("{media_type} needs config and layers")));
            }
            MediaType::OCI_MANIFEST | MediaType::DOCKER_MANIFEST if blobs.is_some() => {
                return Err(invalid(format!("{media_type} has layers, not blobs")));
            }
            MediaType::OCI_ARTIFACT if manifests.is_some() || config.is_some() || layers.is_some() => {
                return Err(invalid(format!(
                    "{media_type} has blobs, and neither config, layers nor manifests"
                )));
            }
            MediaType::OCI_MANIFEST | MediaType::DOCKER_MANIFEST | MediaType::OCI_ARTIFACT => {
                ManifestKind::Image
            }
            _ if !media_type.is_json() => {
                return Err(invalid(format!("{media_type} is not the media type of a manifest")));
            }
            _ if manifests.is_some() => ManifestKind::Index,
            _ => ManifestKind::Image,
        };
        let needs_version = media_type.is_manifest() && media_type.as_str() != MediaType::OCI_ARTIFACT;
        if document.schema_version != Some(2) && needs_version {
            return Err(invalid("schemaVersion must be 2".into()));
        }
        let lengths = [&layers, &blobs, &manifests].map(|list| list.as_ref().map_or(0, Vec::len));
        if lengths.iter().sum::<usize>() > MANIFEST_DESCRIPTORS_LIMIT {
            return Err(invalid(format!(
                "a manifest may list at most {MANIFEST_DESCRIPTORS_LIMIT} descriptors"
            )));
        }
        let config = config.map(WireDescriptor::into_descriptor).transpose()?;
        let artifact_type = document
            .artifact_type
            .filter(|text| !text.is_empty())
            .or_else(|| config.as_ref().map(|config| config.media_type.to_string()));
        if artifact_type.as_ref().is_some_and(|text| !is_plain(text)) {
            return Err(invalid(format!(
                "artifactType has more than {ARTIFACT_TYPE_LIMIT_BYTES} bytes, or control characters"
            )));
        }
        Ok(Self {
            digest: Digest::of(algorithm, &bytes),
            media_type,
            kind,
            artifact_type,
            config,
            layers: descriptors(layers.or(blobs).unwrap_or_default())?,
            children: descriptors(manifests.unwrap_or_default())?,
            subject: document.subject.map(WireDescriptor::into_descriptor).transpose()?,
            annotations: document.annotations.unwrap_or_default(),
            bytes,
        })
    }

    /// Returns the blobs that must be present, each digest once: config and layers, but not foreign layers.
    pub fn required_blobs(&self) -> Vec<&Descriptor> {
        let mut seen = HashSet::new();
        self.config
            .iter()
            .chain(self.layers.iter().filter(|layer| !layer.media_type.is_foreign_layer()))
            .filter(|descriptor| seen.insert(descriptor.digest))
            .collect()
    }

    /// Returns the children of an index, each digest once.
    pub fn distinct_children(&self) -> Vec<&Descriptor> {
        let mut seen = HashSet::new();
        self.children.iter().filter(|child| seen.insert(child.digest)).collect()
    }
}

/// Reads the platform out of an image's configuration; `None` when it does not name one.
///
/// OCI image specification, "Image Configuration": `os`, `architecture`, `variant`.
///
/// # Errors
/// `ManifestInvalid` when readers disagree on what the configuration says.
pub fn platform_of_config(config: &[u8]) -> Result<Option<Platform>> {
    #[derive(Deserialize)]
    struct Config {
        os: String,
        architecture: String,
        variant: Option<String>,
    }
    let Some(text) = config_text(config) else { return Ok(None) };
    if let Err(error) = unambiguous::check_config(text)
        && error.is_data()
    {
        return Err(Error::ManifestInvalid(format!("in the image's configuration: {error}")));
    }
    let Ok(Config { os, architecture, variant }) = serde_json::from_str(text) else { return Ok(None) };
    let platform = Platform { os, architecture, variant: variant.unwrap_or_default() };
    let fits = [&platform.os, &platform.architecture, &platform.variant]
        .iter()
        .all(|text| text.len() <= PLATFORM_LIMIT_BYTES && !text.chars().any(char::is_control));
    Ok(fits.then_some(platform))
}

/// Returns a configuration as text if it can be one: configurations of other things have any content.
fn config_text(config: &[u8]) -> Option<&str> {
    std::str::from_utf8(config).ok().filter(|text| text.trim_ascii_start().starts_with('{'))
}

/// Reads the digest of the configuration out of the manifest of an image; none for an index.
pub fn config_digest(content: &[u8]) -> Option<Digest> {
    #[derive(Deserialize)]
    struct Image {
        config: Config,
    }
    #[derive(Deserialize)]
    struct Config {
        digest: String,
    }
    serde_json::from_slice::<Image>(content).ok()?.config.digest.parse().ok()
}

/// Reads out of an image's configuration what made each of its layers, in order; none when it does not tell.
///
/// OCI image specification, "Image Configuration": `history`.
pub fn instructions_of_config(config: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Config {
        history: Option<Vec<Step>>,
    }
    #[derive(Deserialize)]
    struct Step {
        created_by: Option<String>,
        empty_layer: Option<bool>,
    }
    let read = |text| serde_json::from_str::<Config>(text).ok();
    let history = config_text(config).and_then(read).and_then(|config| config.history);
    let steps = history.unwrap_or_default().into_iter().filter(|step| step.empty_layer != Some(true));
    steps
        .map(|step| {
            let text = step.created_by.unwrap_or_default();
            // What is before the instruction tells nothing (builders of before BuildKit).
            let text = text.trim_start_matches("/bin/sh -c #(nop)").trim();
            text.chars().take(INSTRUCTION_LIMIT_CHARACTERS).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests;
