//! Repositories and their settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patch::removable;

/// A repository in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepositorySummary {
    /// Its full name.
    pub name: String,
    /// `private` or `public`.
    pub visibility: String,
    /// What it is for, in a line.
    pub description: String,
    /// When it was created.
    pub created_at: String,
    /// The last push, or its creation.
    pub updated_at: String,
    /// How many tags it has.
    pub tags: u64,
    /// How many images it has, with and without tags.
    pub images: u64,
    /// Bytes of its images, each by itself: what they share counts for each.
    pub images_bytes: u64,
    /// Bytes that are stored for it, each layer once, with what can still be brought back.
    pub stored_bytes: u64,
    /// Pulls of its images, ever.
    pub pulls: u64,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepositoryInfo {
    /// What a list has of it.
    #[serde(flatten)]
    pub summary: RepositorySummary,
    /// What it is for, in Markdown.
    pub readme: String,
    /// Which tags never move.
    pub immutable_tags: ImmutableTagRules,
    /// What the caller may do in it.
    pub actions: Vec<Allowed>,
}

/// What somebody may do in a repository.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// Look at its tags and images.
    ViewTags,
    /// Pull from it.
    Pull,
    /// Push to it, and set tags.
    Push,
    /// Delete tags.
    DeleteTag,
    /// Delete images.
    Delete,
    /// Change its settings.
    Edit,
    /// Decide which tags never move.
    SetImmutability,
    /// Decide who may do what in it.
    AssignTeam,
    /// Delete it.
    Remove,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// Which tags never move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImmutableTagRules {
    /// Whether there are such tags.
    pub enabled: bool,
    /// Regular expressions; a tag that one matches stays where it is. Without one, all tags do.
    #[serde(default)]
    pub rules: Vec<String>,
}

/// A new repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRepository {
    /// Its full name.
    pub name: String,
    /// `private`, which it is unless something else is said, or `public`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<String>,
    /// What it is for, in a line of at most 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is for, in Markdown, at most 25,000 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readme: Option<String>,
}

/// What changes; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRepository {
    /// `private` or `public`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<String>,
    /// What it is for, in a line of at most 100 characters; null for nothing.
    #[serde(default, deserialize_with = "removable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub description: Option<Option<String>>,
    /// What it is for, in Markdown, at most 25,000 bytes; null for nothing.
    #[serde(default, deserialize_with = "removable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub readme: Option<Option<String>>,
    /// Which tags never move; null for none.
    #[serde(default, deserialize_with = "removable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ImmutableTagRules>")]
    pub immutable_tags: Option<Option<ImmutableTagRules>>,
}

/// What a repository is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Readme {
    /// In Markdown, up to 25,000 bytes; empty for none.
    pub readme: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_removes_and_what_is_left_out_stays() {
        let read = |text: &str| serde_json::from_str::<ChangeRepository>(text).unwrap();
        for (text, readme) in [
            ("{}", None),
            (r#"{"readme":null}"#, Some(None)),
            (r#"{"readme":"a"}"#, Some(Some("a".to_owned()))),
        ] {
            let change = read(text);
            assert_eq!(change.readme, readme);
            assert_eq!(serde_json::to_string(&change).unwrap(), text);
        }
        assert!(serde_json::from_str::<ChangeRepository>(r#"{"readme":"a","color":1}"#).is_err());
    }
}
