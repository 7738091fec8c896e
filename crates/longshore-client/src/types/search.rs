//! What is found by a word, a tag or a digest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was found, among what the caller may see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchResult {
    /// Repositories with a word in their name that begins with what was looked for.
    pub repositories: Vec<FoundRepository>,
    /// Tags, of `name:tag`.
    pub tags: Vec<FoundTag>,
    /// Images and layers, of a digest or its beginning.
    pub digests: Vec<FoundDigest>,
    /// Whether there is more than this.
    pub is_cut: bool,
}

/// A repository that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundRepository {
    /// Its full name.
    pub name: String,
    /// `private` or `public`.
    pub visibility: String,
    /// What it is for, in a line.
    pub description: String,
    /// Pulls of its images, ever.
    pub pulls: u64,
}

/// A tag that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundTag {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub name: String,
    /// What it points at.
    pub digest: String,
}

/// A digest that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundDigest {
    /// The repository that has it.
    pub repository: String,
    /// The digest.
    pub digest: String,
    /// What it is: `image`, also of an index or an artifact, or `layer`, also of a configuration.
    pub kind: FoundKind,
}

/// What has a digest.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundKind {
    /// An image, an index or an artifact.
    Image,
    /// A layer or a configuration.
    Layer,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}
