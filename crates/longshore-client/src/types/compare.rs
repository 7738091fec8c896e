//! What differs between two images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ManifestInfo;

/// What differs between two images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The first image.
    pub from: ManifestInfo,
    /// The second one.
    pub to: ManifestInfo,
    /// Whether both are the same.
    pub is_same: bool,
    /// The images of an index, or the one image, that only the first one has.
    pub removed_images: Vec<ManifestInfo>,
    /// Those that only the second one has.
    pub added_images: Vec<ManifestInfo>,
    /// Layers and configurations that only the first one has.
    pub removed: Vec<BlobInfo>,
    /// Layers and configurations that only the second one has: what a machine that has the first one must pull.
    pub added: Vec<BlobInfo>,
    /// Bytes of those that only the first one has, each once.
    pub removed_bytes: u64,
    /// Bytes of those that only the second one has, each once.
    pub added_bytes: u64,
    /// Bytes of those that both have, each once.
    pub common_bytes: u64,
    /// False when an index lists 100 images or more, or an image has 1,000 layers or more: the others are not compared.
    pub is_complete: bool,
}

/// A layer or configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlobInfo {
    /// Its digest.
    pub digest: String,
    /// Its size.
    pub size_bytes: u64,
}
