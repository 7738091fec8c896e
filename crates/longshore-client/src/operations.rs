//! The operations that this client calls, as the API's document names them; a test holds the two together.

use reqwest::Method;

/// An operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name in the document.
    pub id: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path, with its parameters in braces.
    pub path: &'static str,
    /// What its query may have, in the order of the document.
    pub query: &'static [&'static str],
}

macro_rules! operations {
    ($($name:ident $id:literal $method:ident $path:literal [$($query:literal),*];)*) => {
        $(pub(crate) const $name: &Operation =
            &Operation { id: $id, method: Method::$method, path: $path, query: &[$($query),*] };)*
        /// All of them.
        pub const OPERATIONS: &[&Operation] = &[$($name),*];
    };
}

operations! {
    GET_ABOUT "get_about" GET "/api/v1" [];
    GET_WHOAMI "get_whoami" GET "/api/v1/whoami" [];
    LIST_REPOSITORIES "list_repositories" GET "/api/v1/repositories" ["limit", "after", "namespace", "name_part", "visibility", "pushed_since", "not_pushed_since", "order"];
    CREATE_REPOSITORY "create_repository" POST "/api/v1/repositories" [];
    GET_REPOSITORY "get_repository" GET "/api/v1/repositories/{repository}" [];
    CHANGE_REPOSITORY "change_repository" PATCH "/api/v1/repositories/{repository}" ["dry_run"];
    DELETE_REPOSITORY "delete_repository" DELETE "/api/v1/repositories/{repository}" ["dry_run"];
    GET_REPOSITORY_USAGE "get_repository_usage" GET "/api/v1/repositories/{repository}/-/usage" ["inactive_since"];
    LIST_TAGS "list_tags" GET "/api/v1/repositories/{repository}/-/tags" ["limit", "after", "as_of", "prefix", "order", "contains", "os", "architecture", "active_since", "inactive_since", "digest_tags"];
    GET_TAG "get_tag" GET "/api/v1/repositories/{repository}/-/tags/{tag}" ["as_of"];
    SET_TAG "set_tag" PUT "/api/v1/repositories/{repository}/-/tags/{tag}" [];
    DELETE_TAG "delete_tag" DELETE "/api/v1/repositories/{repository}/-/tags/{tag}" ["dry_run"];
    LIST_TAG_HISTORY "list_tag_history" GET "/api/v1/repositories/{repository}/-/tags/{tag}/history" ["limit", "after"];
    ROLL_BACK_TAG "roll_back_tag" POST "/api/v1/repositories/{repository}/-/tags/{tag}/rollback" [];
    LIST_CHANGES "list_changes" GET "/api/v1/repositories/{repository}/-/changes" ["limit", "after", "from", "to", "prefix"];
    COMPARE_IMAGES "compare_images" GET "/api/v1/repositories/{repository}/-/compare" ["from", "to"];
    LIST_IMAGES "list_images" GET "/api/v1/repositories/{repository}/-/images" ["limit", "after", "order", "tagged", "active_since", "inactive_since", "kind", "artifact_type", "os", "architecture"];
    GET_IMAGE "get_image" GET "/api/v1/repositories/{repository}/-/images/{digest}" [];
    GET_REFERRERS "get_referrers" GET "/api/v1/repositories/{repository}/-/images/{digest}/referrers" [];
    CREATE_DELETION "create_deletion" POST "/api/v1/repositories/{repository}/-/deletions" [];
    GET_ACCESS "get_access" GET "/api/v1/repositories/{repository}/-/access" [];
    EXPLAIN_ACCESS "explain_access" GET "/api/v1/repositories/{repository}/-/access/explain" ["user"];
    GRANT_USER_ACCESS "grant_user_access" PUT "/api/v1/repositories/{repository}/-/access/users/{user}" [];
    REVOKE_USER_ACCESS "revoke_user_access" DELETE "/api/v1/repositories/{repository}/-/access/users/{user}" [];
    GRANT_TEAM_ACCESS "grant_team_access" PUT "/api/v1/repositories/{repository}/-/access/teams/{team}" [];
    REVOKE_TEAM_ACCESS "revoke_team_access" DELETE "/api/v1/repositories/{repository}/-/access/teams/{team}" [];
    SHARE_REPOSITORY "share_repository" PUT "/api/v1/repositories/{repository}/-/access/shares/{account}" [];
    UNSHARE_REPOSITORY "unshare_repository" DELETE "/api/v1/repositories/{repository}/-/access/shares/{account}" [];
    LIST_RETENTION_POLICIES "list_retention_policies" GET "/api/v1/repositories/{repository}/-/retention" [];
    CREATE_RETENTION_POLICY "create_retention_policy" POST "/api/v1/repositories/{repository}/-/retention" [];
    PREVIEW_RETENTION "preview_retention" POST "/api/v1/repositories/{repository}/-/retention/preview" [];
    GET_RETENTION_POLICY "get_retention_policy" GET "/api/v1/repositories/{repository}/-/retention/{id}" [];
    SET_RETENTION_POLICY "set_retention_policy" PUT "/api/v1/repositories/{repository}/-/retention/{id}" [];
    DELETE_RETENTION_POLICY "delete_retention_policy" DELETE "/api/v1/repositories/{repository}/-/retention/{id}" [];
    RUN_RETENTION_POLICY "run_retention_policy" POST "/api/v1/repositories/{repository}/-/retention/{id}/run" [];
    MATCH_TAGS "match_tags" GET "/api/v1/repositories/{repository}/-/immutable-tags/matches" ["rule"];
    GET_IMMUTABLE_TAGS "get_immutable_tags" GET "/api/v1/repositories/{repository}/-/immutable-tags" [];
    SET_IMMUTABLE_TAGS "set_immutable_tags" PUT "/api/v1/repositories/{repository}/-/immutable-tags" [];
    GET_README "get_readme" GET "/api/v1/repositories/{repository}/-/readme" [];
    SET_README "set_readme" PUT "/api/v1/repositories/{repository}/-/readme" [];
    LIST_DELETIONS "list_deletions" GET "/api/v1/deletions" ["limit", "after", "namespace", "repository"];
    GET_DELETION "get_deletion" GET "/api/v1/deletions/{id}" [];
    RESTORE_DELETION "restore_deletion" POST "/api/v1/deletions/{id}/restore" [];
    END_DELETION "end_deletion" DELETE "/api/v1/deletions/{id}" [];
    SEARCH "search" GET "/api/v1/search" ["q", "limit"];
    GET_USAGE "get_usage" GET "/api/v1/namespaces/{name}/usage" [];
    PREVIEW_REGISTRY_GC "preview_registry_gc" POST "/api/v1/namespaces/{name}/gc/preview" [];
    LIST_REGISTRY_GC_RUNS "list_registry_gc_runs" GET "/api/v1/namespaces/{name}/gc/runs" ["limit", "after"];
    CREATE_REGISTRY_GC_RUN "create_registry_gc_run" POST "/api/v1/namespaces/{name}/gc/runs" [];
    GET_REGISTRY_GC_RUN "get_registry_gc_run" GET "/api/v1/namespaces/{name}/gc/runs/{id}" [];
    CANCEL_REGISTRY_GC_RUN "cancel_registry_gc_run" DELETE "/api/v1/namespaces/{name}/gc/runs/{id}" [];
    GET_ACCOUNT "get_account" GET "/api/v1/account" [];
    CHANGE_OWN_ACCOUNT "change_own_account" PATCH "/api/v1/account" [];
    DELETE_OWN_ACCOUNT "delete_own_account" DELETE "/api/v1/account" ["name"];
    LIST_OWN_ORGANIZATIONS "list_own_organizations" GET "/api/v1/account/organizations" ["limit", "after"];
    PROVE_PRESENCE "prove_presence" POST "/api/v1/account/presence" [];
    CHANGE_OWN_PASSWORD "change_own_password" POST "/api/v1/account/password" [];
    WANT_EMAIL "want_email" POST "/api/v1/account/email" [];
    CONFIRM_EMAIL "confirm_email" POST "/api/v1/account/email/confirm" [];
    LIST_OWN_SESSIONS "list_own_sessions" GET "/api/v1/account/sessions" [];
    END_OWN_SESSIONS "end_own_sessions" DELETE "/api/v1/account/sessions" [];
    END_OWN_SESSION "end_own_session" DELETE "/api/v1/account/sessions/{id}" [];
    GET_SECOND_FACTOR "get_second_factor" GET "/api/v1/account/second-factor" [];
    ENROL_SECOND_FACTOR "enrol_second_factor" POST "/api/v1/account/second-factor" [];
    CONFIRM_SECOND_FACTOR "confirm_second_factor" POST "/api/v1/account/second-factor/confirm" [];
    DISABLE_SECOND_FACTOR "disable_second_factor" POST "/api/v1/account/second-factor/disable" [];
    RENEW_RECOVERY_CODES "renew_recovery_codes" POST "/api/v1/account/second-factor/recovery-codes" [];
    LIST_USERS "list_users" GET "/api/v1/users" ["limit", "after"];
    CREATE_USER "create_user" POST "/api/v1/users" [];
    GET_USER "get_user" GET "/api/v1/users/{name}" [];
    CHANGE_USER "change_user" PATCH "/api/v1/users/{name}" [];
    DELETE_USER "delete_user" DELETE "/api/v1/users/{name}" [];
    SET_USER_PASSWORD "set_user_password" POST "/api/v1/users/{name}/password" [];
    DELETE_USER_SECOND_FACTOR "delete_user_second_factor" DELETE "/api/v1/users/{name}/second-factor" [];
    LIST_ORGANIZATIONS "list_organizations" GET "/api/v1/organizations" ["limit", "after"];
    CREATE_ORGANIZATION "create_organization" POST "/api/v1/organizations" [];
    GET_ORGANIZATION "get_organization" GET "/api/v1/organizations/{name}" [];
    CHANGE_ORGANIZATION "change_organization" PATCH "/api/v1/organizations/{name}" [];
    DELETE_ORGANIZATION "delete_organization" DELETE "/api/v1/organizations/{name}" [];
    LIST_MEMBERS "list_members" GET "/api/v1/organizations/{name}/members" ["limit", "after", "prefix", "role"];
    SET_MEMBER "set_member" PUT "/api/v1/organizations/{name}/members/{user}" [];
    DELETE_MEMBER "delete_member" DELETE "/api/v1/organizations/{name}/members/{user}" [];
    GET_ORGANIZATION_SETTINGS "get_organization_settings" GET "/api/v1/organizations/{name}/settings" [];
    SET_ORGANIZATION_SETTINGS "set_organization_settings" PUT "/api/v1/organizations/{name}/settings" [];
    LIST_TEAMS "list_teams" GET "/api/v1/organizations/{name}/teams" ["limit", "after"];
    CREATE_TEAM "create_team" POST "/api/v1/organizations/{name}/teams" [];
    GET_TEAM "get_team" GET "/api/v1/organizations/{name}/teams/{team}" [];
    CHANGE_TEAM "change_team" PATCH "/api/v1/organizations/{name}/teams/{team}" [];
    DELETE_TEAM "delete_team" DELETE "/api/v1/organizations/{name}/teams/{team}" [];
    LIST_TEAM_MEMBERS "list_team_members" GET "/api/v1/organizations/{name}/teams/{team}/members" ["limit", "after"];
    ADD_TEAM_MEMBER "add_team_member" PUT "/api/v1/organizations/{name}/teams/{team}/members/{user}" [];
    DELETE_TEAM_MEMBER "delete_team_member" DELETE "/api/v1/organizations/{name}/teams/{team}/members/{user}" [];
    LIST_TEAM_REPOSITORIES "list_team_repositories" GET "/api/v1/organizations/{name}/teams/{team}/repositories" ["limit", "after"];
    LIST_INVITES "list_invites" GET "/api/v1/organizations/{name}/invites" [];
    CREATE_INVITES "create_invites" POST "/api/v1/organizations/{name}/invites" [];
    CANCEL_INVITE "cancel_invite" DELETE "/api/v1/invites/{id}" [];
    RESEND_INVITE "resend_invite" POST "/api/v1/invites/{id}/resend" [];
    LIST_SCIM_TOKENS "list_scim_tokens" GET "/api/v1/organizations/{name}/scim-tokens" [];
    CREATE_SCIM_TOKEN "create_scim_token" POST "/api/v1/organizations/{name}/scim-tokens" [];
    ROTATE_SCIM_TOKEN "rotate_scim_token" POST "/api/v1/organizations/{name}/scim-tokens/{id}/rotate" [];
    DELETE_SCIM_TOKEN "delete_scim_token" DELETE "/api/v1/organizations/{name}/scim-tokens/{id}" [];
    GET_PROVISIONING "get_provisioning" GET "/api/v1/organizations/{name}/provisioning" [];
    LIST_PROVISIONED_USERS "list_provisioned_users" GET "/api/v1/organizations/{name}/provisioning/users" ["limit", "after"];
    LIST_TOKENS "list_tokens" GET "/api/v1/accounts/{name}/tokens" ["limit", "after"];
    CREATE_TOKEN "create_token" POST "/api/v1/accounts/{name}/tokens" [];
    GET_TOKEN "get_token" GET "/api/v1/accounts/{name}/tokens/{id}" [];
    CHANGE_TOKEN "change_token" PATCH "/api/v1/accounts/{name}/tokens/{id}" [];
    DELETE_TOKEN "delete_token" DELETE "/api/v1/accounts/{name}/tokens/{id}" [];
    LIST_KEYS "list_keys" GET "/api/v1/keys" [];
    ROTATE_KEY "rotate_key" POST "/api/v1/keys/rotate" [];
    GET_GC "get_gc" GET "/api/v1/gc" [];
    CREATE_GC_RUN "create_gc_run" POST "/api/v1/gc/runs" [];
    LIST_WORK "list_work" GET "/api/v1/work" ["state"];
    GET_WORK "get_work" GET "/api/v1/work/{id}" [];
    RETRY_WORK "retry_work" POST "/api/v1/work/{id}/retry" [];
    DELETE_WORK "delete_work" DELETE "/api/v1/work/{id}" [];
    LIST_JOBS "list_jobs" GET "/api/v1/jobs" ["limit", "after"];
    CREATE_JOB "create_job" POST "/api/v1/jobs" [];
    GET_JOB "get_job" GET "/api/v1/jobs/{id}" [];
    CANCEL_JOB "cancel_job" DELETE "/api/v1/jobs/{id}" [];
    FOLLOW_JOB "follow_job" GET "/api/v1/jobs/{id}/events" [];
    GET_HEALTH "get_health" GET "/api/v1/health" [];
    LIST_NODES "list_nodes" GET "/api/v1/nodes" [];
    LIST_STORES "list_stores" GET "/api/v1/stores" [];
    LIST_SETTINGS "list_settings" GET "/api/v1/settings" [];
    LIST_EVENTS "list_events" GET "/api/v1/audit" ["limit", "after", "account", "order", "after_id", "actor", "action", "subject", "address", "since", "until"];
}
