//! Who may do what in a repository.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Allowed;

/// Who may do something in a repository, beside those who may everywhere: owners and editors of its organization, and
/// administrators of the registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccessList {
    /// `private`, or `public`: everybody may pull.
    pub visibility: String,
    /// Whether it is an organization's, so that teams may be given something.
    pub is_of_organization: bool,
    /// Whether all members of the organization pull from it.
    pub members_pull: bool,
    /// What was given: to teams, to users, and to accounts that it is shared with.
    pub items: Vec<AccessEntry>,
}

/// Whom something was given.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessKind {
    /// A team of the organization.
    Team,
    /// A user, member or not.
    User,
    /// An account that pulls because it is shared with that: a user, or an organization for all its members.
    Share,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// Something that was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccessEntry {
    /// Whom.
    pub kind: AccessKind,
    /// Name of the team, the user or the account.
    pub name: String,
    /// What: `read`, `write` or `admin`.
    pub permission: String,
    /// How many users are in the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<u64>,
    /// Until when it is shared; null for ever.
    pub until: Option<String>,
    /// Why it is shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What a team or a user is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantAccess {
    /// `read`, `write` or `admin`.
    pub permission: String,
}

/// How a repository is shared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareRepository {
    /// Until when; for ever, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why, at most 1,000 characters.
    #[serde(default)]
    pub description: String,
}

/// What somebody may do in a repository, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccessExplanation {
    /// The account.
    pub user: String,
    /// False while it is switched off: then it may do nothing.
    pub is_active: bool,
    /// How much it may do: `none`, `read`, `write` or `admin`.
    pub level: String,
    /// What it may do, whatever its credentials cover.
    pub actions: Vec<Allowed>,
    /// Everything that gives it something; the most of it counts.
    pub reasons: Vec<AccessReason>,
    /// An organization of its that does not let its members pull from here, whatever else there is.
    pub blocked_by: Option<String>,
}

/// Something that lets somebody do something in a repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccessReason {
    /// What it is.
    pub because: Because,
    /// The team, or what the permission was given for.
    pub name: Option<String>,
    /// How much it allows.
    pub level: String,
    /// Until when, if that is limited.
    pub until: Option<String>,
}

/// Why somebody may do something in a repository.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// It is the operator.
    Operator,
    /// It administers the registry.
    Administrator,
    /// The namespace is its own.
    Own,
    /// It owns the organization.
    Owner,
    /// It is an editor of the organization.
    Editor,
    /// It is a member of the organization, all of whom pull.
    Member,
    /// It was given a permission, for the namespace or the repository.
    Permission,
    /// It is in a team that was given a permission.
    Team,
    /// The repository is shared with it, or with an organization of its.
    Share,
    /// The repository is public.
    Public,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}
