//! THE TABLE: every page, with its name in logs and metrics, its path, who gets it, and what does the same in an API.
//!
//! In paths, `/-/` separates the name of a repository, which has slashes, from what is wanted of it.

use http::Method;
use longshore_api_common::table::Handler;

use crate::context::Context;
use crate::{
    access, account, admin, audit, compare, health, history, home, image, invites, jobs, manage, namespaces,
    organization_settings, organizations, profile, provisioning, registry, repositories, repository,
    retention, search, second_factor, session_pages, settings, setup, sign_in, tags, tokens, trash,
};

/// Who gets a page; what of it, the operations decide that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nobody in particular, and it is the same for everybody.
    Nobody,
    /// Whoever may see what it shows, signed in or not.
    Anybody,
    /// Whoever is signed in.
    Account,
    /// Administrators of the registry, where they may do so from afar.
    Administrator,
}

/// What does the same as a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// The page changes nothing.
    Reads,
    /// An operation of the registry's own API.
    Operation(&'static str),
    /// Nothing does, for a reason.
    None(&'static str),
}

/// A row of the table.
pub struct Screen {
    /// Method.
    pub method: Method,
    /// Path, with its parameters in braces.
    pub path: &'static str,
    /// Name in logs and metrics.
    pub operation: &'static str,
    /// Who gets it.
    pub needs: Needs,
    /// What does the same.
    pub twin: Twin,
    /// Makes it.
    pub handler: Handler<Context>,
}

macro_rules! screens {
    ($($method:ident $path:literal $operation:ident $needs:ident $twin:expr => $handler:path;)*) => {
        &[$(Screen {
            method: Method::$method,
            path: $path,
            operation: stringify!($operation),
            needs: Needs::$needs,
            twin: $twin,
            handler: |context, body| Box::pin($handler(context, body)),
        }),*]
    };
}

const SESSION: Twin = Twin::None("a browser's session is the pages' own");

/// All pages.
pub const SCREENS: &[Screen] = screens! {
    GET "/ui" show_home Anybody Twin::Reads => home::show_home;
    GET "/ui/health" show_health Nobody Twin::Reads => health::show_health;
    GET "/ui/sign-in" show_sign_in Nobody Twin::Reads => sign_in::show_sign_in;
    POST "/ui/sign-in" sign_in Nobody SESSION => sign_in::sign_in;
    GET "/ui/sign-in/second-factor" show_second_step Nobody Twin::Reads => sign_in::show_second_step;
    POST "/ui/sign-in/second-factor" complete_sign_in Nobody SESSION => sign_in::complete_sign_in;
    GET "/ui/setup" show_setup Nobody Twin::Reads => setup::show_setup;
    POST "/ui/setup" set_up Nobody Twin::None("the first run is set up on the pages, or at the machine") => setup::set_up;
    GET "/ui/invite" show_invite Nobody Twin::Reads => invites::show_invite;
    POST "/ui/invite" open_invite Nobody Twin::None("the API of Docker Hub describes invites") => invites::open_invite;
    POST "/ui/invite/accept" accept_invite Account Twin::None("the API of Docker Hub accepts invites") => invites::accept_invite;
    POST "/ui/invite/join" join_by_invite Nobody Twin::None("the API of Docker Hub accepts invites") => invites::join_by_invite;
    GET "/ui/admin" show_overview Administrator Twin::Reads => admin::show_overview;
    GET "/ui/admin/users" show_users Administrator Twin::Reads => admin::show_users;
    POST "/ui/admin/users" create_user Administrator Twin::Operation("create_user") => admin::create_user;
    GET "/ui/admin/users/{account}" show_user Administrator Twin::Reads => admin::show_user;
    POST "/ui/admin/users/{account}" change_user Administrator Twin::Operation("change_user") => admin::change_user;
    POST "/ui/admin/users/{account}/password" set_user_password Administrator Twin::Operation("set_user_password") => admin::set_user_password;
    GET "/ui/admin/organizations" show_all_organizations Administrator Twin::Reads => admin::show_all_organizations;
    GET "/ui/admin/settings" show_configuration Administrator Twin::Reads => admin::show_configuration;
    GET "/ui/admin/audit" show_all_audit Administrator Twin::Reads => audit::show_all_audit;
    POST "/ui/sign-out" sign_out Nobody SESSION => sign_in::sign_out;
    GET "/ui/preferences" show_preferences Nobody Twin::Reads => account::show_preferences;
    POST "/ui/preferences" set_preferences Nobody Twin::None("kept by the browser") => account::set_preferences;
    GET "/ui/account" show_account Account Twin::Reads => profile::show_account;
    POST "/ui/account" change_account Account Twin::Operation("change_own_account") => profile::change_account;
    GET "/ui/account/password" show_password Account Twin::Reads => profile::show_password;
    POST "/ui/account/password" change_password Account Twin::Operation("change_own_password") => profile::change_password;
    GET "/ui/account/tokens" show_tokens Account Twin::Reads => tokens::show_tokens;
    POST "/ui/account/tokens" create_token Account Twin::Operation("create_token") => tokens::create_token;
    POST "/ui/account/tokens/{id}" change_token Account Twin::Operation("change_token") => tokens::change_token;
    POST "/ui/account/tokens/{id}/delete" delete_token Account Twin::Operation("delete_token") => tokens::delete_token;
    GET "/ui/account/second-factor" show_second_factor Account Twin::Reads => second_factor::show_second_factor;
    POST "/ui/account/second-factor" enrol_second_factor Account Twin::Operation("enrol_second_factor") => second_factor::enrol_second_factor;
    POST "/ui/account/second-factor/confirm" confirm_second_factor Account Twin::Operation("confirm_second_factor") => second_factor::confirm_second_factor;
    POST "/ui/account/second-factor/disable" disable_second_factor Account Twin::Operation("disable_second_factor") => second_factor::disable_second_factor;
    POST "/ui/account/second-factor/recovery-codes" renew_recovery_codes Account Twin::Operation("renew_recovery_codes") => second_factor::renew_recovery_codes;
    GET "/ui/account/audit" show_own_audit Account Twin::Reads => audit::show_own_audit;
    GET "/ui/account/sessions" show_sessions Account Twin::Reads => session_pages::show_sessions;
    POST "/ui/account/sessions/end-others" end_other_sessions Account Twin::Operation("end_own_sessions") => session_pages::end_other_sessions;
    POST "/ui/account/sessions/{id}/end" end_session Account Twin::Operation("end_own_session") => session_pages::end_session;
    GET "/ui/search" show_search Anybody Twin::Reads => search::show_search;
    GET "/ui/repositories" show_repositories Anybody Twin::Reads => repositories::show_repositories;
    GET "/ui/repositories/new" show_new_repository Account Twin::Reads => repositories::show_new_repository;
    POST "/ui/repositories/new" create_repository Account Twin::Operation("create_repository") => repositories::create_repository;
    GET "/ui/orgs" show_organizations Account Twin::Reads => organizations::show_organizations;
    POST "/ui/orgs" create_organization Account Twin::None("the API of SWR makes organizations, and our own those of operators") => organizations::create_organization;
    GET "/ui/orgs/{organization}" show_organization Account Twin::Reads => organizations::show_organization;
    POST "/ui/orgs/{organization}/members/{user}" set_member Account Twin::Operation("set_member") => organizations::set_member;
    POST "/ui/orgs/{organization}/members/{user}/remove" delete_member Account Twin::Operation("delete_member") => organizations::delete_member;
    POST "/ui/orgs/{organization}/invites" create_invites Account Twin::Operation("create_invites") => organizations::create_invites;
    POST "/ui/orgs/{organization}/invites/{id}/cancel" cancel_invite Account Twin::Operation("cancel_invite") => organizations::cancel_invite;
    POST "/ui/orgs/{organization}/teams" create_team Account Twin::Operation("create_team") => organizations::create_team;
    GET "/ui/orgs/{organization}/teams/{team}" show_team Account Twin::Reads => organizations::show_team;
    POST "/ui/orgs/{organization}/teams/{team}/members" add_team_member Account Twin::Operation("add_team_member") => organizations::add_team_member;
    POST "/ui/orgs/{organization}/teams/{team}/members/{user}/remove" delete_team_member Account Twin::Operation("delete_team_member") => organizations::delete_team_member;
    POST "/ui/orgs/{organization}/teams/{team}/delete" delete_team Account Twin::Operation("delete_team") => organizations::delete_team;
    GET "/ui/orgs/{organization}/tokens" show_organization_tokens Account Twin::Reads => tokens::show_tokens;
    POST "/ui/orgs/{organization}/tokens" create_organization_token Account Twin::Operation("create_token") => tokens::create_token;
    POST "/ui/orgs/{organization}/tokens/{id}" change_organization_token Account Twin::Operation("change_token") => tokens::change_token;
    POST "/ui/orgs/{organization}/tokens/{id}/delete" delete_organization_token Account Twin::Operation("delete_token") => tokens::delete_token;
    GET "/ui/orgs/{organization}/settings" show_organization_settings Account Twin::Reads => organization_settings::show_organization_settings;
    POST "/ui/orgs/{organization}/settings" set_organization_settings Account Twin::Operation("set_organization_settings") => organization_settings::set_organization_settings;
    GET "/ui/orgs/{organization}/provisioning" show_provisioning Account Twin::Reads => provisioning::show_provisioning;
    POST "/ui/orgs/{organization}/provisioning/tokens" create_scim_token Account Twin::Operation("create_scim_token") => provisioning::create_scim_token;
    POST "/ui/orgs/{organization}/provisioning/tokens/{id}/rotate" rotate_scim_token Account Twin::Operation("rotate_scim_token") => provisioning::rotate_scim_token;
    POST "/ui/orgs/{organization}/provisioning/tokens/{id}/revoke" delete_scim_token Account Twin::Operation("delete_scim_token") => provisioning::delete_scim_token;
    GET "/ui/orgs/{organization}/audit" show_audit Account Twin::Reads => audit::show_audit;
    GET "/ui/jobs/{id}" show_job Account Twin::Reads => jobs::show_job;
    POST "/ui/jobs/{id}/cancel" cancel_job Account Twin::Operation("cancel_job") => jobs::cancel_job;
    GET "/ui/deletions/{id}" show_deletion Account Twin::Reads => trash::show_deletion;
    POST "/ui/deletions/{id}/restore" restore_deletion Account Twin::Operation("restore_deletion") => trash::restore_deletion;
    GET "/ui/n/{namespace}/deleted" show_namespace_deleted Account Twin::Reads => trash::show_namespace_deleted;
    GET "/ui/n/{namespace}/registry" show_registry Account Twin::Reads => registry::show_registry;
    POST "/ui/n/{namespace}/registry" create_registry Account Twin::None("the API of DigitalOcean makes registries") => registry::create_registry;
    POST "/ui/n/{namespace}/registry/collections" create_registry_gc_run Account Twin::Operation("create_registry_gc_run") => registry::create_registry_gc_run;
    GET "/ui/n/{namespace}/registry/collections/{id}" show_registry_gc_run Account Twin::Reads => registry::show_registry_gc_run;
    POST "/ui/n/{namespace}/registry/collections/{id}/cancel" cancel_registry_gc_run Account Twin::Operation("cancel_registry_gc_run") => registry::cancel_registry_gc_run;
    GET "/ui/n/{namespace}" show_namespace Anybody Twin::Reads => namespaces::show_namespace;
    GET "/ui/r/{repository}" show_repository Anybody Twin::Reads => repository::show_repository;
    GET "/ui/r/{repository}/-/tags" show_tags Anybody Twin::Reads => tags::show_tags;
    GET "/ui/r/{repository}/-/tags/{tag}/history" show_tag_history Anybody Twin::Reads => history::show_tag_history;
    POST "/ui/r/{repository}/-/tags/{tag}/rollback" roll_back_tag Account Twin::Operation("roll_back_tag") => history::roll_back_tag;
    GET "/ui/r/{repository}/-/compare" show_comparison Anybody Twin::Reads => compare::show_comparison;
    GET "/ui/r/{repository}/-/images" show_images Anybody Twin::Reads => manage::show_images;
    POST "/ui/r/{repository}/-/deletions/preview" preview_deletion Account Twin::Operation("create_deletion") => manage::preview_deletion;
    POST "/ui/r/{repository}/-/deletions" create_deletion Account Twin::Operation("create_deletion") => manage::create_deletion;
    GET "/ui/r/{repository}/-/deleted" show_deleted Account Twin::Reads => trash::show_deleted;
    GET "/ui/r/{repository}/-/access" show_access Account Twin::Reads => access::show_access;
    POST "/ui/r/{repository}/-/access/give" give_access Account Twin::Operation("grant_user_access") => access::give_access;
    POST "/ui/r/{repository}/-/access/take" take_access Account Twin::Operation("revoke_user_access") => access::take_access;
    GET "/ui/r/{repository}/-/retention" show_retention Anybody Twin::Reads => retention::show_retention;
    GET "/ui/r/{repository}/-/retention/new" show_new_retention_policy Account Twin::Reads => retention::show_new_retention_policy;
    POST "/ui/r/{repository}/-/retention/new" create_retention_policy Account Twin::Operation("create_retention_policy") => retention::create_retention_policy;
    GET "/ui/r/{repository}/-/retention/{id}" show_retention_policy Account Twin::Reads => retention::show_retention_policy;
    POST "/ui/r/{repository}/-/retention/{id}" set_retention_policy Account Twin::Operation("set_retention_policy") => retention::set_retention_policy;
    POST "/ui/r/{repository}/-/retention/{id}/delete" delete_retention_policy Account Twin::Operation("delete_retention_policy") => retention::delete_retention_policy;
    POST "/ui/r/{repository}/-/retention/{id}/run" run_retention_policy Account Twin::Operation("run_retention_policy") => retention::run_retention_policy;
    GET "/ui/r/{repository}/-/settings" show_settings Account Twin::Reads => settings::show_settings;
    POST "/ui/r/{repository}/-/settings" change_settings Account Twin::Operation("change_repository") => settings::change_settings;
    GET "/ui/r/{repository}/-/delete" show_delete Account Twin::Reads => settings::show_delete;
    POST "/ui/r/{repository}/-/delete" delete_repository Account Twin::Operation("delete_repository") => settings::delete_repository;
    GET "/ui/r/{repository}/-/tags/{tag}" show_tag Anybody Twin::Reads => image::show_tag;
    GET "/ui/r/{repository}/-/images/{digest}" show_image Anybody Twin::Reads => image::show_image;
};
