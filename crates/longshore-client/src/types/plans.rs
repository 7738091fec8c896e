//! What a deletion does, or would do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDeletion {
    /// Images, with the tags that point at them.
    #[serde(default)]
    pub digests: Vec<String>,
    /// Tags; their images stay.
    #[serde(default)]
    pub tags: Vec<String>,
    /// All images that this describes, with the tags that point at them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<ImageFilter>,
    /// Whether the images that an index lists go with it, unless something else needs them.
    #[serde(default)]
    pub with_parts: bool,
    /// Whether to say only what would happen.
    #[serde(default)]
    pub dry_run: bool,
    /// Deletes only if this is still the plan, as a dry run has named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// Which images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFilter {
    /// Only those that a tag reaches, by itself or through an index, or only the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tagged: Option<bool>,
    /// Only those that were neither pushed nor pulled since this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive_since: Option<String>,
}

/// What a deletion does, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanInfo {
    /// Names this plan.
    pub plan: String,
    /// Id of the deletion, by which it can be undone; null when nothing was deleted.
    pub id: Option<String>,
    /// Id of the job that does it, of more than one request takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// How many images go.
    pub images: u64,
    /// How many tags go.
    pub tags: u64,
    /// Digests of the images, the first thousand.
    pub image_digests: Vec<String>,
    /// The tags, the first thousand, with what they point at.
    pub tag_names: Vec<PlannedTag>,
    /// How many images the registry collects afterwards by itself.
    pub collected_later: u64,
    /// Bytes that the store has less in the end.
    pub freed_bytes: u64,
    /// Bytes of what goes that stay, because something else needs them.
    pub shared_bytes: u64,
    /// When all of that is freed at the latest, if nothing else happens.
    pub freed_at: String,
    /// What was named and stays, the first thousand.
    pub kept: Vec<KeptImage>,
}

/// A tag that goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTag {
    /// Its name.
    pub name: String,
    /// What it points at.
    pub digest: String,
}

/// Something that stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeptImage {
    /// Its digest.
    pub digest: String,
    /// Why it stays.
    pub reason: KeptReason,
    /// The index that lists it, or the tag that is immutable.
    pub by: String,
}

/// Why something stays.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeptReason {
    /// An index lists it that stays.
    PartOf,
    /// A tag of it is immutable.
    ImmutableTag,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}
