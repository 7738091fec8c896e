//! What organizations have beside members: teams, invites, settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patch::removable;

/// An organization of the caller's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnOrganization {
    /// Its name.
    pub name: String,
    /// Name of the organization in words.
    pub full_name: String,
    /// What the caller is there: `owner`, `editor` or `member`.
    pub role: String,
    /// The caller's teams there, at most a hundred.
    pub teams: Vec<String>,
    /// How many teams it has.
    pub team_count: u64,
}

/// A team of an organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TeamInfo {
    /// Its name.
    pub name: String,
    /// Its id, which stays the same.
    pub id: String,
    /// What it is for.
    pub description: String,
    /// How many members it has.
    pub members: u64,
}

/// A new team.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTeam {
    /// Its name: 1 to 63 lower-case letters, digits, `_` and `-`.
    pub name: String,
    /// What it is for, at most 1,000 characters.
    #[serde(default)]
    pub description: String,
}

/// What changes of a team; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTeam {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for; null for nothing.
    #[serde(default, deserialize_with = "removable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub description: Option<Option<String>>,
}

/// A member of a team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TeamMember {
    /// The user.
    pub user: String,
    /// Its name in words.
    pub full_name: String,
}

/// A repository in which a team may do something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TeamRepository {
    /// The repository.
    pub repository: String,
    /// What it may do: `read`, `write` or `admin`.
    pub permission: String,
}

/// Who is to be invited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInvites {
    /// E-mail addresses or names of users, 1 to 100.
    #[schemars(length(min = 1, max = 100))]
    pub invitees: Vec<String>,
    /// `owner`, `editor` or `member`; `member`, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// A team that they are put into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whether to say only what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

/// An invite that waits to be accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InviteInfo {
    /// Its id.
    pub id: String,
    /// Name of the user, or the e-mail address.
    pub invitee: String,
    /// The organization.
    pub organization: String,
    /// What whoever accepts becomes.
    pub role: String,
    /// The team that whoever accepts is put into.
    pub team: Option<String>,
    /// Who invited.
    pub invited_by: String,
    /// When.
    pub created_at: String,
    /// Until when it can be accepted.
    pub expires_at: String,
}

/// What came of inviting somebody.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteOutcome {
    /// The invite waits to be accepted.
    Invited,
    /// It would.
    WouldBeInvited,
    /// A message went a short time ago; nothing was changed.
    TooSoon,
    /// Is a member already.
    IsMember,
    /// No user has this name, and it is no address.
    Unknown,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// What came of inviting one of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InvitedOne {
    /// As it was given.
    pub invitee: String,
    /// What came of it.
    pub outcome: InviteOutcome,
    /// The invite.
    pub invite: Option<InviteInfo>,
    /// Where it is accepted, to be passed on; told this once, and only where no mail was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What came of inviting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedInvites {
    /// One for each who was named.
    pub items: Vec<InvitedOne>,
}

/// What an organization has decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationSettings {
    /// What its members may pull.
    pub restricted_images: RestrictedImages,
}

/// What members of an organization may pull beside their organizations' own images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestrictedImages {
    /// Whether it is restricted; else the other two have no effect.
    pub enabled: bool,
    /// Whether official images (`library/…`) are allowed.
    pub allow_official_images: bool,
    /// Whether images of verified publishers are allowed.
    pub allow_verified_publishers: bool,
}

/// What an organization's identity provider does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProvisioningInfo {
    /// Whether the organization may provision users; the operator decides that.
    pub may_provision: bool,
    /// Users in its directory.
    pub users: u64,
    /// Users who cannot use what the organization gives, among the first 10,000.
    pub inactive_users: u64,
    /// Teams, up to 10,000.
    pub groups: u64,
    /// When a user or a team changed last, whoever changed it.
    pub changed_at: Option<String>,
    /// What the identity provider was refused last; null when there was nothing.
    pub last_refusal: Option<ProvisioningRefusal>,
}

/// What an identity provider was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProvisioningRefusal {
    /// When.
    pub at: String,
    /// Status of the answer.
    pub status: u16,
    /// What it was told.
    pub reason: String,
}

/// A user in the directory of an organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProvisionedUser {
    /// What the identity provider calls the user whose account it made; of others, the name of the account.
    pub user_name: String,
    /// Name of the account.
    pub user: String,
    /// The identity provider's own id.
    pub external_id: Option<String>,
    /// Whether the user can use what the organization gives.
    pub is_active: bool,
    /// Whether the organization made the account, so that its identity provider may change it.
    pub is_managed: bool,
    /// Its teams, the first 200.
    pub teams: Vec<String>,
    /// When the entry changed last.
    pub updated_at: String,
}
