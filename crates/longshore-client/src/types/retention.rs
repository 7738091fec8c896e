//! Retention policies: which tags of a repository are kept, and so which go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PlanInfo;

/// A retention policy; it is applied when it is made or changed, and then every day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetentionPolicyInfo {
    /// Its number.
    pub id: i64,
    /// Its rules: a tag that none of them keeps goes.
    pub rules: Vec<RetentionRule>,
    /// When it was created.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// When it is applied next.
    pub due_at: String,
}

/// A rule: keeps what is young, or what is newest, and what is excepted. One of `keep_days` and `keep_newest` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// Keeps tags that were pushed in the last days, 1 to 100,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
    /// Keeps the tags that were pushed last, 1 to 100,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_newest: Option<u32>,
    /// Tags that are kept besides, and not counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except_tags: Vec<String>,
    /// Regular expressions of tags that are kept besides, each of a whole tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except_patterns: Vec<String>,
}

/// Rules of a policy, saved or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionRules {
    /// The rules, 1 to 10.
    #[schemars(length(min = 1, max = 10))]
    pub rules: Vec<RetentionRule>,
}

/// What rules would do, of the 20,000 newest tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetentionPreview {
    /// How many tags would go.
    pub goes: u64,
    /// How many would stay.
    pub stays: u64,
    /// Whether there are tags that were not looked at.
    pub is_cut: bool,
    /// The first thousand tags that would go, the newest first.
    pub going: Vec<GoingTag>,
    /// The first thousand tags that would stay, the newest first, and why.
    pub staying: Vec<StayingTag>,
    /// What deleting those that go would do, as any other plan says it.
    pub plan: PlanInfo,
}

/// A tag that would go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GoingTag {
    /// The tag.
    pub name: String,
    /// What it points at.
    pub digest: String,
}

/// A tag that would stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StayingTag {
    /// The tag.
    pub name: String,
    /// What it points at.
    pub digest: String,
    /// Why.
    pub because: StaysBecause,
    /// The first rule that keeps it, by its place, counted from 0; null when it is immutable.
    pub rule: Option<u64>,
}

/// Why a tag would stay.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StaysBecause {
    /// It was pushed in the last days.
    Young,
    /// It is among the newest.
    Newest,
    /// It is an exception.
    Exception,
    /// It never moves.
    Immutable,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// Tags that a rule matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchedTags {
    /// The first hundred, by name, of the first ten thousand tags.
    pub names: Vec<String>,
}
