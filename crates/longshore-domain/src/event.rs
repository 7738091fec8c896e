//! Audit events: what happened, append-only, written in the transaction that did it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::access::actor::Credential;
use crate::account::AccountId;
use crate::page::PageSize;

/// What was done. The stored names are those of Docker Hub where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant's text says what it is")]
pub enum EventAction {
    UserCreated,
    UserEnabled,
    UserDisabled,
    UserDeleted,
    UserPasswordChanged,
    SignedIn,
    SignInFailed,
    RecoveryCodeUsed,
    CredentialRefused,
    SessionEnded,
    ProfileChanged,
    UserMadeAdministrator,
    SecondFactorEnabled,
    SecondFactorDisabled,
    RecoveryCodesRenewed,
    UserAdministratorRevoked,
    OrganizationCreated,
    OrganizationEnabled,
    OrganizationDisabled,
    OrganizationDeleted,
    MemberAdded,
    MemberRoleChanged,
    MemberRemoved,
    MemberDeactivated,
    MemberReactivated,
    DirectoryUserUpdated,
    ScimTokenCreated,
    ScimTokenRotated,
    ScimTokenRevoked,
    InviteSent,
    InviteCancelled,
    InviteNotDelivered,
    AccessTokenCreated,
    AccessTokenChanged,
    AccessTokenEnabled,
    AccessTokenDisabled,
    AccessTokenDeleted,
    OrganizationTokenCreated,
    OrganizationTokenUpdated,
    OrganizationTokenDeleted,
    OrganizationSettingsUpdated,
    TeamCreated,
    TeamUpdated,
    TeamDeleted,
    TeamMemberAdded,
    TeamMemberRemoved,
    TeamPermissionChanged,
    PlanChanged,
    VerifiedPublisherChanged,
    SigningKeyRotated,
    RepositoryCreated,
    RepositoryUpdated,
    ImmutableTagsUpdated,
    RepositoryVisibilityChanged,
    RepositoryDeleted,
    PermissionGranted,
    PermissionRevoked,
    RepositoryShared,
    RepositoryShareChanged,
    RepositoryUnshared,
    RetentionPolicyCreated,
    RetentionPolicyUpdated,
    RetentionPolicyDeleted,
    RegistryCreated,
    RegistryDeleted,
    SubscriptionChanged,
    GcRequested,
    GcCancelled,
    BlobPushed,
    BlobMounted,
    BlobDeleted,
    ManifestPushed,
    ManifestDeleted,
    ManifestCollected,
    DeletionUndone,
    /// The time in which a deletion can be undone was ended.
    DeletionEnded,
    TagPushed,
    TagDeleted,
}

impl EventAction {
    /// All.
    pub const ALL: &[Self] = &[
        Self::UserCreated,
        Self::UserEnabled,
        Self::UserDisabled,
        Self::UserDeleted,
        Self::UserPasswordChanged,
        Self::SignedIn,
        Self::SignInFailed,
        Self::RecoveryCodeUsed,
        Self::CredentialRefused,
        Self::SessionEnded,
        Self::ProfileChanged,
        Self::UserMadeAdministrator,
        Self::SecondFactorEnabled,
        Self::SecondFactorDisabled,
        Self::RecoveryCodesRenewed,
        Self::UserAdministratorRevoked,
        Self::OrganizationCreated,
        Self::OrganizationEnabled,
        Self::OrganizationDisabled,
        Self::OrganizationDeleted,
        Self::MemberAdded,
        Self::MemberRoleChanged,
        Self::MemberRemoved,
        Self::MemberDeactivated,
        Self::MemberReactivated,
        Self::DirectoryUserUpdated,
        Self::ScimTokenCreated,
        Self::ScimTokenRotated,
        Self::ScimTokenRevoked,
        Self::InviteSent,
        Self::InviteCancelled,
        Self::InviteNotDelivered,
        Self::AccessTokenCreated,
        Self::AccessTokenChanged,
        Self::AccessTokenEnabled,
        Self::AccessTokenDisabled,
        Self::AccessTokenDeleted,
        Self::OrganizationTokenCreated,
        Self::OrganizationTokenUpdated,
        Self::OrganizationTokenDeleted,
        Self::OrganizationSettingsUpdated,
        Self::TeamCreated,
        Self::TeamUpdated,
        Self::TeamDeleted,
        Self::TeamMemberAdded,
        Self::TeamMemberRemoved,
        Self::TeamPermissionChanged,
        Self::PlanChanged,
        Self::VerifiedPublisherChanged,
        Self::SigningKeyRotated,
        Self::RepositoryCreated,
        Self::RepositoryUpdated,
        Self::ImmutableTagsUpdated,
        Self::RepositoryVisibilityChanged,
        Self::RepositoryDeleted,
        Self::PermissionGranted,
        Self::PermissionRevoked,
        Self::RepositoryShared,
        Self::RepositoryShareChanged,
        Self::RepositoryUnshared,
        Self::RetentionPolicyCreated,
        Self::RetentionPolicyUpdated,
        Self::RetentionPolicyDeleted,
        Self::RegistryCreated,
        Self::RegistryDeleted,
        Self::SubscriptionChanged,
        Self::GcRequested,
        Self::GcCancelled,
        Self::BlobPushed,
        Self::BlobMounted,
        Self::BlobDeleted,
        Self::ManifestPushed,
        Self::ManifestDeleted,
        Self::ManifestCollected,
        Self::DeletionUndone,
        Self::DeletionEnded,
        Self::TagPushed,
        Self::TagDeleted,
    ];

    /// Returns the stored form, `noun.verb`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserCreated => "user.create",
            Self::UserEnabled => "user.enable",
            Self::UserDisabled => "user.disable",
            Self::UserDeleted => "user.delete",
            Self::UserPasswordChanged => "user.change_password",
            Self::SignedIn => "user.sign_in",
            Self::SignInFailed => "user.sign_in.fail",
            Self::RecoveryCodeUsed => "user.use_recovery_code",
            Self::CredentialRefused => "user.refuse_credential",
            Self::SessionEnded => "user.end_session",
            Self::ProfileChanged => "user.change_profile",
            Self::SecondFactorEnabled => "user.enable_second_factor",
            Self::SecondFactorDisabled => "user.disable_second_factor",
            Self::RecoveryCodesRenewed => "user.renew_recovery_codes",
            Self::UserMadeAdministrator => "user.make_administrator",
            Self::UserAdministratorRevoked => "user.revoke_administrator",
            Self::OrganizationCreated => "org.create",
            Self::OrganizationEnabled => "org.enable",
            Self::OrganizationDisabled => "org.disable",
            Self::OrganizationDeleted => "org.delete",
            Self::MemberAdded => "org.member.add",
            Self::MemberRoleChanged => "org.member.role.change",
            Self::MemberRemoved => "org.member.remove",
            Self::MemberDeactivated => "org.member.deactivate",
            Self::MemberReactivated => "org.member.reactivate",
            Self::DirectoryUserUpdated => "org.directory.user.update",
            Self::ScimTokenCreated => "org.scim_token.create",
            Self::ScimTokenRotated => "org.scim_token.rotate",
            Self::ScimTokenRevoked => "org.scim_token.revoke",
            Self::InviteSent => "org.member.invite.send",
            Self::InviteCancelled => "org.member.invite.cancel",
            Self::InviteNotDelivered => "org.member.invite.fail",
            Self::AccessTokenCreated => "access_token.create",
            Self::AccessTokenChanged => "access_token.update",
            Self::AccessTokenEnabled => "access_token.enable",
            Self::AccessTokenDisabled => "access_token.disable",
            Self::AccessTokenDeleted => "access_token.delete",
            Self::OrganizationTokenCreated => "org.access_token.create",
            Self::OrganizationTokenUpdated => "org.access_token.update",
            Self::OrganizationTokenDeleted => "org.access_token.delete",
            Self::OrganizationSettingsUpdated => "org.settings.update",
            Self::TeamCreated => "org.team.create",
            Self::TeamUpdated => "org.team.update",
            Self::TeamDeleted => "org.team.delete",
            Self::TeamMemberAdded => "org.team.member.add",
            Self::TeamMemberRemoved => "org.team.member.remove",
            Self::TeamPermissionChanged => "repo.team.change_permission",
            Self::PlanChanged => "billing.plan.change",
            Self::VerifiedPublisherChanged => "user.change_verified_publisher",
            Self::SigningKeyRotated => "signing_key.rotate",
            Self::RepositoryCreated => "repo.create",
            Self::RepositoryUpdated => "repo.update",
            Self::ImmutableTagsUpdated => "repo.immutable.tags.updated",
            Self::RepositoryVisibilityChanged => "repo.change_privacy",
            Self::RepositoryDeleted => "repo.delete",
            Self::PermissionGranted => "repo.permission.grant",
            Self::PermissionRevoked => "repo.permission.revoke",
            Self::RepositoryShared => "repo.share",
            Self::RepositoryShareChanged => "repo.share.change",
            Self::RepositoryUnshared => "repo.unshare",
            Self::RetentionPolicyCreated => "repo.retention.create",
            Self::RetentionPolicyUpdated => "repo.retention.update",
            Self::RetentionPolicyDeleted => "repo.retention.delete",
            Self::RegistryCreated => "registry.create",
            Self::RegistryDeleted => "registry.delete",
            Self::SubscriptionChanged => "registry.subscription.change",
            Self::GcRequested => "registry.gc.start",
            Self::GcCancelled => "registry.gc.cancel",
            Self::BlobPushed => "repo.blob.push",
            Self::BlobMounted => "repo.blob.mount",
            Self::BlobDeleted => "repo.blob.delete",
            Self::ManifestPushed => "repo.manifest.push",
            Self::ManifestDeleted => "repo.manifest.delete",
            Self::ManifestCollected => "repo.manifest.collect",
            Self::DeletionUndone => "repo.deletion.undo",
            Self::DeletionEnded => "repo.deletion.end",
            Self::TagPushed => "repo.tag.push",
            Self::TagDeleted => "repo.tag.delete",
        }
    }
}

/// One event to be appended.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The account whose log it belongs to; `None` for the registry's own.
    pub account_id: Option<AccountId>,
    /// Who did it; `None` for the operator and the server itself.
    pub actor_id: Option<AccountId>,
    /// Name of who did it, as it was then.
    pub actor_name: String,
    /// What they came with.
    pub credential: Credential,
    /// What was done.
    pub action: EventAction,
    /// Name of what it was done to.
    pub subject: String,
    /// Details, for example `digest` and `tag`.
    pub data: BTreeMap<&'static str, String>,
    /// When.
    pub at: Timestamp,
    /// Address of the client, where a request did it.
    pub address: Option<IpAddr>,
    /// What the client said that it is.
    pub program: Option<String>,
}

/// An event that may happen often, and makes one row in a while.
#[derive(Clone, Debug)]
pub struct CountedEvent {
    /// What is the same makes one row.
    pub key: String,
    /// The first of them.
    pub event: NewEvent,
    /// How often it happened.
    pub times: u64,
}

/// Which events of an account a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only one action, `noun.verb`.
    pub action: Option<String>,
    /// Only those done to something of this name, of a repository without its namespace.
    pub subject: Option<String>,
    /// Only those done by an account of this name.
    pub actor: Option<String>,
    /// Only those at or after a time.
    pub from: Option<Timestamp>,
    /// Only those at or before a time.
    pub until: Option<Timestamp>,
}

/// Which events are wanted in the order of their recording, and which page of them.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Of which account; `None` for all.
    pub account: Option<AccountId>,
    /// Which of them; `subject` is a name with or without its namespace.
    pub filter: EventFilter,
    /// Only those from this address.
    pub address: Option<String>,
    /// Backwards.
    pub newest_first: bool,
    /// The page has only those behind the one of this number.
    pub after: Option<i64>,
    /// At most so many.
    pub size: PageSize,
    /// Most events that are looked at; a page may then have fewer than `size` and yet not be the last.
    pub examined: u32,
}

/// An event as read back.
#[derive(Clone, Debug)]
pub struct Event {
    /// Number, ascending in the order of recording.
    pub id: i64,
    /// Name of who did it.
    pub actor_name: String,
    /// What was done, `noun.verb`.
    pub action: String,
    /// Name of what it was done to.
    pub subject: String,
    /// Details.
    pub data: BTreeMap<String, String>,
    /// When; the first time of several.
    pub at: Timestamp,
    /// Address of the client, where a request did it.
    pub address: Option<String>,
    /// What the client said that it is.
    pub program: Option<String>,
    /// How often it happened.
    pub times: u64,
    /// The account whose log it belongs to, by its present name.
    pub account: Option<String>,
}
