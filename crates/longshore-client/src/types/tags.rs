//! Tags, now and at a time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ManifestInfo;

/// A tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TagInfo {
    /// Its name.
    pub name: String,
    /// What it points at.
    pub digest: String,
    /// Since when there has been such a tag; of a tag at a time null.
    pub created_at: Option<String>,
    /// When it was last pushed; of a tag at a time, since when it pointed there.
    pub pushed_at: String,
    /// Name of who pushed it last; null for the operator and for accounts that are gone.
    pub pushed_by: Option<String>,
    /// When it was last pulled, to the hour; of a tag at a time null.
    pub pulled_at: Option<String>,
    /// Until when it pointed there; null for still.
    pub until: Option<String>,
    /// What it points at; null when that was deleted since.
    pub image: Option<ManifestInfo>,
    /// The images of an index, the first 100, or the one image; of a tag at a time none.
    pub images: Vec<ManifestInfo>,
}

/// Where a tag is to point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTag {
    /// A digest, a tag, or a tag at a time (`latest.asof.20261101T120000Z`), of the same repository.
    pub from: String,
}

/// A tag that was pointed somewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PointedTag {
    /// Its name.
    pub name: String,
    /// What it points at.
    pub digest: String,
}
