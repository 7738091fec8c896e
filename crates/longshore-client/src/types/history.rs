//! What tags pointed at, and what changed between two times.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CallerProof;

/// A time in which a tag pointed at one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TagInterval {
    /// What it pointed at.
    pub digest: String,
    /// Since when.
    pub from: String,
    /// Until when; null for still.
    pub until: Option<String>,
    /// Name of who set it; null for the operator, the registry itself, and accounts that are gone.
    pub set_by: Option<String>,
    /// What they came with; null where it was not written down.
    pub set_with: Option<UsedCredential>,
    /// Name of who moved it on or deleted it, in the same way.
    pub ended_by: Option<String>,
    /// What they came with.
    pub ended_with: Option<UsedCredential>,
}

/// What somebody came with who did something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsedCredential {
    /// How they had proven who they were; null for nothing.
    pub proof: Option<CallerProof>,
    /// What its owner calls the access token; null if it was none, or is gone.
    pub token: Option<String>,
}

/// Where a tag goes back to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBackTag {
    /// `previous` for what it pointed at before, a time (RFC 3339) for what it pointed at then, or a digest that it once
    /// pointed at.
    pub to: String,
}

/// A tag that was made, moved or deleted between two times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedTag {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub change: TagChange,
    /// What it pointed at at the first time; null when there was none.
    pub from: Option<String>,
    /// What it pointed at at the second time; null when there was none.
    pub to: Option<String>,
}

/// What became of a tag.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TagChange {
    /// There was none before.
    Added,
    /// It points elsewhere.
    Moved,
    /// There is none any more.
    Deleted,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}
