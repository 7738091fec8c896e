//! Images, with and without tags.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestInfo {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// What kind of artifact it is, where it says that.
    pub artifact_type: Option<String>,
    /// Whether it is an index of others.
    pub is_index: bool,
    /// What it runs on, if that is known.
    pub platform: Option<PlatformInfo>,
    /// Bytes of its configuration and layers; of an index, of what it lists.
    pub size_bytes: u64,
    /// When it was last pushed.
    pub pushed_at: String,
    /// When it was last pulled, to the hour.
    pub pulled_at: Option<String>,
}

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlatformInfo {
    /// Operating system.
    pub os: String,
    /// Architecture of the processor.
    pub architecture: String,
    /// Which kind of that; empty for none in particular.
    pub variant: String,
}

/// An image in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageSummary {
    /// What it is.
    #[serde(flatten)]
    pub manifest: ManifestInfo,
    /// The tags that point at it, the first 100 by name.
    pub tags: Vec<String>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageInfo {
    /// What a list has of it.
    #[serde(flatten)]
    pub summary: ImageSummary,
    /// The images that an index lists, the first 100.
    pub images: Vec<ManifestInfo>,
    /// Digests of the indexes that list it, the first 100.
    pub indexes: Vec<String>,
    /// Its layers, the first 200.
    pub layers: Vec<LayerInfo>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LayerInfo {
    /// Its digest.
    pub digest: String,
    /// Its size.
    pub size_bytes: u64,
    /// What made it, for who may pull; empty when the configuration does not tell.
    pub instruction: String,
}

/// What belongs to an image: its parts, and what vouches for them or describes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReferrerTree {
    /// The image first; each entry stands before those that belong to it. At most 200, three levels deep.
    pub entries: Vec<ReferrerInfo>,
    /// False when these levels have more, or may have.
    pub is_complete: bool,
}

/// An image, or something that belongs to one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReferrerInfo {
    /// How many entries are above it.
    pub depth: u32,
    /// Digest of what it belongs to; of the image itself, none.
    pub parent: Option<String>,
    /// How it belongs to it.
    pub belonging: Belonging,
    /// The tag that is named after it, if that is how it belongs to it.
    pub tag: Option<String>,
    /// What it is for, as it says itself; nothing is verified. None for what runs.
    pub purposes: Vec<PurposeInfo>,
    /// The manifest.
    #[serde(flatten)]
    pub manifest: ManifestInfo,
}

/// How something belongs to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Belonging {
    /// It is the image itself.
    Root,
    /// The index lists it.
    Part,
    /// It names the other one as its subject.
    Subject,
    /// The index lists it as an attestation of the other one.
    Attestation,
    /// A tag is named after the other one.
    Tag,
}

/// What something is for, and in which form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PurposeInfo {
    /// What for.
    pub kind: PurposeKind,
    /// The form, as its makers call it, such as `SPDX`; its type where that is not known.
    pub format: String,
}

/// What something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PurposeKind {
    /// Says who vouches for an image.
    Signature,
    /// Lists what an image is made of.
    Sbom,
    /// Tells how and from what an image was built.
    Provenance,
    /// Lists known weaknesses.
    Vulnerabilities,
    /// Says which known weaknesses matter.
    Vex,
    /// Says something else about an image.
    Attestation,
    /// A package for Kubernetes.
    Chart,
    /// Helps to start an image before all of it is there.
    LazyIndex,
    /// A program for WebAssembly.
    Wasm,
    /// Something else.
    Other,
}
