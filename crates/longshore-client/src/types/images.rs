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
