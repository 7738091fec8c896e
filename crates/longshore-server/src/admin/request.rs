//! What can be asked.

use serde::{Deserialize, Serialize};

/// An administration command with its arguments, as typed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    UserCreate {
        name: String,
        password: Option<String>,
        administrator: bool,
    },
    UserList,
    UserShow {
        name: String,
    },
    UserEnable {
        name: String,
    },
    UserDisable {
        name: String,
    },
    UserMakeAdministrator {
        name: String,
    },
    UserRevokeAdministrator {
        name: String,
    },
    UserPassword {
        name: String,
        password: Option<String>,
    },
    UserResetSecondFactor {
        name: String,
    },
    UserDelete {
        name: String,
    },
    OrgCreate {
        name: String,
        owner: String,
    },
    AccountSetProfile {
        name: String,
        full_name: Option<String>,
        email: Option<String>,
        company: Option<String>,
        location: Option<String>,
        url: Option<String>,
    },
    AccountSetPlan {
        name: String,
        plan: String,
    },
    AccountSetVerifiedPublisher {
        name: String,
        verified: bool,
    },
    OrgList,
    OrgShow {
        name: String,
    },
    OrgSetMember {
        name: String,
        user: String,
        role: String,
    },
    OrgRemoveMember {
        name: String,
        user: String,
    },
    OrgSetMembersPull {
        name: String,
        all: bool,
    },
    OrgSetProvisioning {
        name: String,
        may: bool,
    },
    OrgSetActive {
        name: String,
        active: bool,
    },
    OrgDelete {
        name: String,
    },
    TokenCreate {
        owner: String,
        label: String,
        scope: String,
        expires_in_days: Option<u32>,
    },
    AccessKeyCreate {
        owner: String,
        label: String,
        scope: String,
        expires_in_days: Option<u32>,
    },
    TokenList {
        owner: String,
    },
    TokenShow {
        owner: String,
        id: String,
    },
    TokenEnable {
        owner: String,
        id: String,
    },
    TokenDisable {
        owner: String,
        id: String,
    },
    TokenDelete {
        owner: String,
        id: String,
    },
    ScimTokenCreate {
        organization: String,
        label: String,
        expires_in_days: Option<u32>,
    },
    ScimTokenRotate {
        organization: String,
        id: Option<String>,
    },
    ScimTokenRevoke {
        organization: String,
        id: Option<String>,
    },
    ScimTokenList {
        organization: String,
    },
    RepoCreate {
        name: String,
        visibility: String,
    },
    RepoList,
    RepoShow {
        name: String,
    },
    RepoSetVisibility {
        name: String,
        visibility: String,
    },
    RepoDelete {
        name: String,
    },
    TagHistory {
        repository: String,
        tag: String,
    },
    TagAt {
        repository: String,
        at: String,
        tag: Option<String>,
    },
    TagDiff {
        repository: String,
        from: String,
        to: Option<String>,
    },
    TagRollback {
        repository: String,
        tag: String,
        to: String,
    },
    DeletionPlan {
        repository: String,
        digests: Vec<String>,
        tags: Vec<String>,
        with_parts: bool,
    },
    Delete {
        repository: String,
        digests: Vec<String>,
        tags: Vec<String>,
        with_parts: bool,
    },
    TrashList {
        of: String,
    },
    TrashShow {
        id: String,
    },
    TrashRestore {
        id: String,
        overwrite: bool,
        name: Option<String>,
    },
    KeyRotate,
    GcRun {
        dry_run: bool,
    },
    GcStatus,
    WorkList {
        dead: bool,
    },
    WorkShow {
        id: i64,
    },
    WorkRetry {
        id: i64,
    },
    WorkDrop {
        id: i64,
    },
    AuditList {
        account: Option<String>,
        limit: u32,
    },
    AuditExport {
        account: Option<String>,
        after: i64,
    },
    Verify {
        store: bool,
    },
}
