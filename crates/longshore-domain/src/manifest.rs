//! Manifests: the strict parser from bytes to what the registry needs to know.
//!
//! The bytes are kept as pushed and never serialized again.
//! Sources: OCI image specification 1.1 ("Image Manifest", "Image Index"), Docker image manifest version 2 schema 2.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::descriptor::{Annotations, Descriptor, MediaType, Platform};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Result};

/// Most descriptors that one manifest may hold.
pub const MANIFEST_DESCRIPTORS_LIMIT: usize = 10_000;
/// Longest instruction that is read out of a configuration, in characters.
const INSTRUCTION_LIMIT_CHARACTERS: usize = 1000;

/// What a manifest is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestKind {
    /// Has a config and layers (or, for artifacts, blobs).
    Image,
    /// Lists other manifests.
    Index,
}

impl ManifestKind {
    /// Gives the stored form.
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
    /// `artifactType`, or for an image without one the media type of its config.
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
    config: Option<WireDescriptor>,
    layers: Option<Vec<WireDescriptor>>,
    blobs: Option<Vec<WireDescriptor>>,
    manifests: Option<Vec<WireDescriptor>>,
    subject: Option<WireDescriptor>,
    annotations: Option<Annotations>,
    fs_layers: Option<de::IgnoredAny>,
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
        serde_json::from_str::<Unambiguous>(text)
            .map_err(|e| invalid(format!("the manifest is not valid JSON: {e}")))?;
        let document: Document = serde_json::from_str(text)
            .map_err(|e| invalid(format!("the manifest does not have the form of one: {e}")))?;

        let declared: Option<MediaType> = declared.map(str::parse).transpose()?;
        let own: Option<MediaType> = document.media_type.as_deref().map(str::parse).transpose()?;
        if let (Some(declared), Some(own)) = (&declared, &own)
            && declared != own
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
        let media_type = match declared.or(own) {
            Some(media_type) => media_type,
            None if manifests.is_some() => MediaType::OCI_INDEX.parse()?,
            None if layers.is_some() => MediaType::OCI_MANIFEST.parse()?,
            None => return Err(invalid("send the manifest's media type as Content-Type".into())),
        };
        let kind = match media_type.as_str() {
            MediaType::OCI_INDEX | MediaType::DOCKER_MANIFEST_LIST if manifests.is_none() => {
                return Err(invalid(format!("{media_type} needs the list manifests")));
            }
            MediaType::OCI_MANIFEST | MediaType::DOCKER_MANIFEST if config.is_none() || layers.is_none() => {
                return Err(invalid(format!("{media_type} needs config and layers")));
            }
            MediaType::OCI_ARTIFACT if manifests.is_some() || config.is_some() || layers.is_some() => {
                return Err(invalid(format!(
                    "{media_type} has blobs, and neither config, layers nor manifests"
                )));
            }
            MediaType::OCI_MANIFEST | MediaType::DOCKER_MANIFEST | MediaType::OCI_ARTIFACT => {
                ManifestKind::Image
            }
            other if !other.ends_with("+json") && other != "application/json" => {
                return Err(invalid(format!("{other} is not the media type of a manifest")));
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

    /// Gives the blobs that must be present, each digest once: config and layers, but not foreign layers.
    pub fn required_blobs(&self) -> Vec<&Descriptor> {
        let mut seen = HashSet::new();
        self.config
            .iter()
            .chain(self.layers.iter().filter(|layer| !layer.media_type.is_foreign_layer()))
            .filter(|descriptor| seen.insert(descriptor.digest))
            .collect()
    }

    /// Gives the children of an index, each digest once.
    pub fn distinct_children(&self) -> Vec<&Descriptor> {
        let mut seen = HashSet::new();
        self.children.iter().filter(|child| seen.insert(child.digest)).collect()
    }
}

/// Reads the platform out of an image's configuration; `None` when it does not name one.
///
/// OCI image specification, "Image Configuration": `os`, `architecture`, `variant`.
pub fn platform_of_config(config: &[u8]) -> Option<Platform> {
    #[derive(Deserialize)]
    struct Config {
        os: String,
        architecture: String,
        #[serde(default)]
        variant: String,
    }
    let config: Config = serde_json::from_slice(config).ok()?;
    let fits = [&config.os, &config.architecture, &config.variant].iter().all(|text| text.len() <= 64);
    fits.then_some(Platform { os: config.os, architecture: config.architecture, variant: config.variant })
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
        #[serde(default)]
        history: Vec<Step>,
    }
    #[derive(Deserialize)]
    struct Step {
        #[serde(default)]
        created_by: String,
        #[serde(default)]
        empty_layer: bool,
    }
    let Ok(config) = serde_json::from_slice::<Config>(config) else { return Vec::new() };
    let steps = config.history.into_iter().filter(|step| !step.empty_layer);
    steps
        .map(|step| {
            // What is before the instruction tells nothing (builders of before BuildKit).
            let text = step.created_by.trim_start_matches("/bin/sh -c #(nop)").trim();
            text.chars().take(INSTRUCTION_LIMIT_CHARACTERS).collect()
        })
        .collect()
}

/// A JSON object in which no object has a key twice, at any depth.
///
/// Two parsers may disagree on which of two equal keys counts; such a document could be one thing to the
/// registry and another to its reader. Depth is limited by the JSON library (128).
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(Checker)?;
        Ok(Self)
    }
}

struct Checker;
struct AnyValue;

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Checker)?;
        Ok(Self)
    }
}

impl<'de> Visitor<'de> for Checker {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object without repeated keys")
    }
    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> std::result::Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> std::result::Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> std::result::Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> std::result::Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> std::result::Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
        while seq.next_element::<AnyValue>()?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(de::Error::custom(format!(
                    "the key {:?} stands twice",
                    crate::name::shorten(&key)
                )));
            }
            keys.insert(key);
            map.next_value::<AnyValue>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn descriptor(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{HEX}","size":2}}"#)
    }

    fn image(extra: &str) -> String {
        let config = descriptor("application/vnd.oci.image.config.v1+json");
        let layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip");
        format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer},{layer}]{extra}}}"#)
    }

    fn parse(text: &str, media_type: Option<&str>) -> Result<Manifest> {
        Manifest::parse(Bytes::copy_from_slice(text.as_bytes()), media_type, Algorithm::Sha256)
    }

    #[test]
    fn an_image_is_understood_and_kept_byte_for_byte() {
        let text = image(r#","annotations":{"a":"b"},"unknown":[1,{"x":null}]"#);
        let manifest =
            parse(&text, Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8")).unwrap();
        assert_eq!(manifest.bytes, text);
        assert_eq!(manifest.kind, ManifestKind::Image);
        assert_eq!(manifest.layers.len(), 2);
        assert_eq!(manifest.required_blobs().len(), 1, "a digest counts once");
        assert_eq!(manifest.artifact_type.as_deref(), Some("application/vnd.oci.image.config.v1+json"));
    }

    #[test]
    fn foreign_layers_need_not_be_present() {
        let layer = descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
            .replace(HEX, &"a".repeat(64));
        let config = descriptor("application/vnd.docker.container.image.v1+json");
        let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#);
        let manifest = parse(&text, Some(MediaType::DOCKER_MANIFEST)).unwrap();
        assert_eq!(manifest.required_blobs().len(), 1);
    }

    #[test]
    fn ambiguous_and_malformed_documents_are_refused() {
        let child = descriptor(MediaType::OCI_MANIFEST);
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let many = vec![child.as_str(); MANIFEST_DESCRIPTORS_LIMIT + 1].join(",");
        let oci = Some(MediaType::OCI_MANIFEST);
        let index = Some(MediaType::OCI_INDEX);
        let cases: Vec<(String, Option<&str>)> = vec![
            (String::new(), oci),
            ("[]".into(), oci),
            ("null".into(), oci),
            ("{}".into(), oci),
            ("{}".into(), None),
            (format!("\u{feff}{}", image("")), oci),
            (image(r#","schemaVersion":2"#), oci),
            (image(r#","annotations":{"a":"b","a":"c"}"#), oci),
            (image(&format!(r#","manifests":[{child}]"#)), oci),
            (image(""), index),
            (image(r#","mediaType":"application/vnd.oci.image.index.v1+json""#), oci),
            (image(&format!(r#","x":{deep}"#)), oci),
            (image(r#","x":1e999"#), oci),
            (image("").replace("\"size\":2", "\"size\":-2"), oci),
            (image("").replace("\"size\":2", "\"size\":9223372036854775808"), oci),
            (image("").replace("sha256:", "sha256:../"), oci),
            (image("").replace("\"schemaVersion\":2", "\"schemaVersion\":1"), oci),
            (image("").replace("\"schemaVersion\":2", "\"schemaVersion\":3"), oci),
            (image("") + "x", oci),
            (image(""), Some("text/plain")),
            (image(""), Some("no media type")),
            (format!(r#"{{"schemaVersion":2,"manifests":[{many}]}}"#), index),
            (
                r#"{"schemaVersion":1,"fsLayers":[]}"#.into(),
                Some("application/vnd.docker.distribution.manifest.v1+json"),
            ),
        ];
        for (text, media_type) in cases {
            let shown: String = text.chars().take(100).collect();
            assert!(matches!(parse(&text, media_type), Err(Error::ManifestInvalid(_))), "{shown}");
        }
        assert!(Manifest::parse(Bytes::from_static(b"\xff\xfe"), oci, Algorithm::Sha256).is_err());
    }

    #[test]
    fn the_shape_decides_when_no_media_type_is_given() {
        assert_eq!(parse(&image(""), None).unwrap().media_type.as_str(), MediaType::OCI_MANIFEST);
        let index = parse(r#"{"schemaVersion":2,"manifests":[]}"#, None).unwrap();
        assert_eq!((index.kind, index.media_type.as_str()), (ManifestKind::Index, MediaType::OCI_INDEX));
    }

    #[test]
    fn platforms_come_from_the_configuration() {
        let platform =
            platform_of_config(br#"{"os":"linux","architecture":"arm64","variant":"v8"}"#).unwrap();
        assert_eq!((platform.os.as_str(), platform.variant.as_str()), ("linux", "v8"));
        assert!(platform_of_config(b"{}").is_none() && platform_of_config(b"tar").is_none());
    }

    #[test]
    fn instructions_come_from_the_history() {
        let config = br#"{"history":[{"created_by":"/bin/sh -c #(nop) ADD file:x in / "},
            {"created_by":"ENV A=1","empty_layer":true},{"created_by":"RUN make"},{}]}"#;
        assert_eq!(instructions_of_config(config), ["ADD file:x in /", "RUN make", ""]);
        assert!(instructions_of_config(b"{}").is_empty() && instructions_of_config(b"tar").is_empty());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "[{}\\[\\]\",:a-z0-9]{0,200}") {
            let _ = parse(&text, Some(MediaType::OCI_MANIFEST));
        }
    }
}
