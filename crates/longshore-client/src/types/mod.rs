//! What is sent and answered: one definition, which the server uses as well, so that the two cannot differ.
//!
//! Times are RFC 3339 in UTC with microseconds, sizes are bytes. What a newer registry adds is passed over; of a word that this
//! version does not know, `Other` is read.

mod about;
mod access;
mod account;
mod accounts;
mod compare;
mod deletions;
mod history;
mod images;
mod jobs;
mod operation;
mod organizations;
mod page;
mod patch;
mod plans;
mod problem;
mod repositories;
mod retention;
mod search;
mod server;
mod tags;
mod tokens;
mod usage;

pub use about::{About, Caller, CallerKind, CallerProof, Capability, Limits, PresentedToken};
pub use access::{
    AccessEntry, AccessExplanation, AccessKind, AccessList, AccessReason, Because, GrantAccess,
    ShareRepository,
};
pub use account::{
    BrowserSession, ChangeOwnPassword, ConfirmEmail, ConfirmSecondFactor, EnrolSecondFactor, OwnSessions,
    Presence, ProvePresence, RecoveryCodes, SecondFactorConfirmation, SecondFactorEnrolment,
    SecondFactorInfo, SecondFactorProof, WantEmail, WantedEmail,
};
pub use accounts::{
    AccountInfo, ChangeAccount, CreateOrganization, CreateUser, CreatedUser, MemberInfo, PasswordSet,
    SetMember, SetPassword,
};
pub use compare::{BlobInfo, Comparison};
pub use deletions::{
    DeletedItem, DeletionCause, DeletionInfo, DeletionSummary, NotRestored, NotRestoredReason,
    RestoreDeletion, RestoreResult,
};
pub use history::{ChangedTag, RollBackTag, TagChange, TagInterval, UsedCredential};
pub use images::{
    Belonging, ImageInfo, ImageSummary, LayerInfo, ManifestInfo, PlatformInfo, PurposeInfo, PurposeKind,
    ReferrerInfo, ReferrerTree,
};
pub use jobs::{CreateJob, JobInfo, JobKind, JobProgress, JobState};
pub use operation::{NodeInfo, SettingInfo, SettingSource, StoreInfo};
pub use organizations::{
    ChangeTeam, CreateInvites, CreateTeam, CreatedInvites, InviteInfo, InviteOutcome, InvitedOne,
    OrganizationSettings, OwnOrganization, ProvisionedUser, ProvisioningInfo, ProvisioningRefusal,
    RestrictedImages, TeamInfo, TeamMember, TeamRepository,
};
pub use page::Page;
pub use plans::{CreateDeletion, ImageFilter, KeptImage, KeptReason, PlanInfo, PlannedTag};
pub use problem::ProblemDetails;
pub use repositories::{
    Allowed, ChangeRepository, CreateRepository, ImmutableTagRules, Readme, RepositoryInfo, RepositorySummary,
};
pub use retention::{
    GoingTag, MatchedTags, RetentionPolicyInfo, RetentionPreview, RetentionRule, RetentionRules, StayingTag,
    StaysBecause,
};
pub use search::{FoundDigest, FoundKind, FoundRepository, FoundTag, SearchResult};
pub use server::{
    CreateGcRun, CreateRegistryGcRun, EventInfo, GcCounts, GcForecast, GcKind, GcRunInfo, GcRunState,
    GcStatus, Health, HealthPart, RegistryGcRun, SigningKey, SigningKeyInfo, WorkInfo, WorkState,
};
pub use tags::{PointedTag, SetTag, TagInfo};
pub use tokens::{
    ChangeToken, CreateScimToken, CreateToken, CreatedScimToken, CreatedToken, ScimTokenInfo, TokenInfo,
    TokenResource,
};
pub use usage::{NamespaceUsage, RepositoryUsage, UsageDay};
