//! Users, organizations and their members.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CallerKind;
use super::patch::removable;

/// A user or an organization, as administrators see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccountInfo {
    /// Its name, with which its repositories begin.
    pub name: String,
    /// Its id, which stays the same.
    pub id: String,
    /// What it is.
    pub kind: CallerKind,
    /// Name of the person or organization.
    pub full_name: String,
    /// Its e-mail address, if there is one.
    pub email: Option<String>,
    /// Its company.
    pub company: String,
    /// Its place.
    pub location: String,
    /// Its web page.
    pub url: String,
    /// False while it is switched off.
    pub is_active: bool,
    /// Whether it administers the registry.
    pub is_administrator: bool,
    /// Whether its images count as those of a verified publisher.
    pub is_verified_publisher: bool,
    /// What it has subscribed to: `personal`, `pro`, `team` or `business`.
    pub plan: String,
    /// When it was created.
    pub created_at: String,
}

/// A new user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// The name.
    pub name: String,
    /// The password; one is made, and told once, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether the user administers the registry.
    #[serde(default)]
    pub is_administrator: bool,
}

/// A user that was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedUser {
    /// The user.
    #[serde(flatten)]
    pub account: AccountInfo,
    /// The password that was made; it is told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// What changes of an account; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// False switches it off, with all its tokens, at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    /// Whether it administers the registry; of users only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_administrator: Option<bool>,
    /// Whether its images count as those of a verified publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_verified_publisher: Option<bool>,
    /// What it has subscribed to: `personal`, `pro`, `team` or `business`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Name of the person or organization; null for none.
    #[serde(default, deserialize_with = "removable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub full_name: Option<Option<String>>,
    /// The e-mail address; null for none.
    #[serde(default, deserialize_with = "removable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub email: Option<Option<String>>,
    /// The company; null for none.
    #[serde(default, deserialize_with = "removable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub company: Option<Option<String>>,
    /// The place; null for none.
    #[serde(default, deserialize_with = "removable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub location: Option<Option<String>>,
    /// The web page, `http` or `https`; null for none.
    #[serde(default, deserialize_with = "removable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub url: Option<Option<String>>,
    /// Whether members pull from all repositories without a team; of organizations only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_pull: Option<bool>,
    /// Whether it may provision users over SCIM; of organizations only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_provision: Option<bool>,
}

/// A new password.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// The password; one is made, and told once, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// A password that was set.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PasswordSet {
    /// Whose it is.
    pub name: String,
    /// The password that was made; it is told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// A new organization.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOrganization {
    /// Its name.
    pub name: String,
    /// The user who owns it.
    pub owner: String,
}

/// A member of an organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemberInfo {
    /// The user.
    pub user: String,
    /// `owner`, `editor` or `member`.
    pub role: String,
    /// Since when.
    pub since: String,
}

/// What somebody is in an organization.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMember {
    /// `owner`, `editor` or `member`.
    pub role: String,
}
