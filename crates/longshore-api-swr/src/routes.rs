//! THE TABLE: every operation, with its name in logs and metrics, its path, what it needs, and what takes it.
//!
//! The tests hold the table against `docs/api/swr.md` and against what the server really refuses.

use longshore_api_common::{route, table};

use longshore_api_common::docker_config::DockerConfig;

use crate::context::Context;
use crate::openapi::DescribeLists;
use crate::{
    access_keys, api_versions, image_permissions, image_repositories, image_tags, organization_permissions,
    organizations, overview, projects, quotas, retention_policies, shared_accounts, temporary_login, tokens,
};

const API_VERSIONS: &str = "API Versions";
pub(crate) const ORGANIZATIONS: &str = "Organizations";
pub(crate) const ORGANIZATION_PERMISSIONS: &str = "Organization Permissions";
pub(crate) const IMAGE_REPOSITORIES: &str = "Image Repositories";
pub(crate) const IMAGE_TAGS: &str = "Image Tags";
pub(crate) const IMAGE_PERMISSIONS: &str = "Image Permissions";
pub(crate) const SHARED_ACCOUNTS: &str = "Shared Accounts";
const RETENTION_POLICIES: &str = "Retention Policies";
const TEMPORARY_LOGIN: &str = "Temporary Login";
const QUOTAS: &str = "Quotas";
const OVERVIEW: &str = "Overview";
const TOKENS: &str = "Tokens";
const PROJECTS: &str = "Projects";
const ACCESS_KEYS: &str = "Access Keys";

/// What an actor needs for an operation; what it may do there, the operation itself decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it is public, or the request itself holds the credential.
    Nothing,
    /// A token, or a signature.
    Account,
}

/// A row of the table.
pub type Route = table::Route<Context, Needs>;

/// Returns whether a path is one of the identity service, whose errors have another shape.
pub(crate) fn is_identity(path: &str) -> bool {
    path.starts_with("/v3") && !path.starts_with("/v3/manage")
}

/// All operations, in the order of the API's reference, and those of the identity service.
pub const ROUTES: &[Route] = &[
    route!(GET "/" listVersions in API_VERSIONS, Nothing,
        "Lists the versions of the API.",
        |d| d.gives::<api_versions::Versions>(200, "The versions."),
        api_versions::list_versions),
    route!(GET "/v2" showVersion in API_VERSIONS, Nothing,
        "Gives the version of the API.",
        |d| d.gives::<api_versions::OneVersion>(200, "The version."),
        api_versions::show_version),
    route!(GET "/v2/manage/namespaces" listNamespaces in ORGANIZATIONS, Account,
        "Lists organizations.",
        |d| d.query("namespace", "string", "A part of the name.").query("filter", "string", "namespace::{part}|mode::visible; the mode shows also those of single repositories that you may use.").gives::<organizations::Namespaces>(200, "The organizations."),
        organizations::list_namespaces),
    route!(POST "/v2/manage/namespaces" createNamespace in ORGANIZATIONS, Account,
        "Creates an organization.",
        |d| d.takes::<organizations::CreateRequest>().gives_nothing(201, "Created."),
        organizations::create_namespace),
    route!(GET "/v2/manage/namespaces/{namespace}" showNamespace in ORGANIZATIONS, Account,
        "Gives an organization.",
        |d| d.gives::<organizations::NamespaceDocument>(200, "The organization."),
        organizations::show_namespace),
    route!(DELETE "/v2/manage/namespaces/{namespace}" deleteNamespace in ORGANIZATIONS, Account,
        "Deletes an organization that is empty.",
        |d| d.gives_nothing(204, "Deleted.").refuses(406, "It still has repositories.", "ErrorList"),
        organizations::delete_namespace),
    route!(GET "/v2/manage/namespaces/{namespace}/access" showNamespaceAuth in ORGANIZATION_PERMISSIONS, Account,
        "Tells who may do what in an organization.",
        |d| d.gives::<organization_permissions::AuthDocument>(200, "The permissions."),
        organization_permissions::show_namespace_auth),
    route!(POST "/v2/manage/namespaces/{namespace}/access" createNamespaceAuth in ORGANIZATION_PERMISSIONS, Account,
        "Gives users permissions for an organization.",
        |d| d.takes::<Vec<organization_permissions::UserAuth>>().gives_nothing(200, "Given."),
        organization_permissions::create_namespace_auth),
    route!(PATCH "/v2/manage/namespaces/{namespace}/access" updateNamespaceAuth in ORGANIZATION_PERMISSIONS, Account,
        "Changes permissions for an organization.",
        |d| d.takes::<Vec<organization_permissions::UserAuth>>().gives_nothing(201, "Changed."),
        organization_permissions::update_namespace_auth),
    route!(DELETE "/v2/manage/namespaces/{namespace}/access" deleteNamespaceAuth in ORGANIZATION_PERMISSIONS, Account,
        "Takes permissions for an organization away.",
        |d| d.takes::<Vec<String>>().gives_nothing(204, "Taken away."),
        organization_permissions::delete_namespace_auth),
    route!(POST "/v2/manage/namespaces/{namespace}/repos" createRepo in IMAGE_REPOSITORIES, Account,
        "Creates a repository.",
        |d| d.takes::<image_repositories::CreateRequest>().gives_nothing(200, "Created."),
        image_repositories::create_repo),
    route!(GET "/v2/manage/namespaces/{namespace}/repos/{repository}" showRepository in IMAGE_REPOSITORIES, Account,
        "Gives a repository.",
        |d| d.gives::<image_repositories::RepositoryDocument>(200, "The repository."),
        image_repositories::show_repository),
    route!(PATCH "/v2/manage/namespaces/{namespace}/repos/{repository}" updateRepo in IMAGE_REPOSITORIES, Account,
        "Changes a repository.",
        |d| d.takes::<image_repositories::UpdateRequest>().gives_nothing(201, "Changed."),
        image_repositories::update_repo),
    route!(DELETE "/v2/manage/namespaces/{namespace}/repos/{repository}" deleteRepo in IMAGE_REPOSITORIES, Account,
        "Deletes a repository with all that is in it.",
        |d| d.gives_nothing(204, "Deleted."),
        image_repositories::delete_repo),
    route!(GET "/v2/manage/repos" listReposDetails in IMAGE_REPOSITORIES, Account,
        "Lists repositories.",
        |d| d.query("namespace", "string", "Name of an organization.").query("name", "string", "A part of the name.").query("category", "string", "Category.").choice("is_public", &["true", "false"], "Public ones, or the others.").page().order(image_repositories::COLUMNS).gives::<Vec<image_repositories::ListedDocument>>(200, "A part of the list.").with_range(),
        image_repositories::list_repos_details),
    route!(GET "/v2/manage/shared-repositories" listSharedReposDetails in IMAGE_REPOSITORIES, Account,
        "Lists shared repositories.",
        |d| d.choice("center", &["self", "thirdparty"], "Those that you share, or those that others share with you; needed.").query("namespace", "string", "Name of an organization.").query("name", "string", "A part of the name.").query("domain_name", "string", "Name of the owner.").choice("status", &["true", "false"], "Whose sharing is valid, or has expired.").page().order(image_repositories::SHARED_COLUMNS).gives::<Vec<image_repositories::ListedDocument>>(200, "A part of the list.").with_range(),
        image_repositories::list_shared_repos_details),
    route!(GET "/v2/manage/namespaces/{namespace}/repos/{repository}/tags" listRepositoryTags in IMAGE_TAGS, Account,
        "Lists the tags of a repository.",
        |d| d.query("tag", "string", "Only the tag of this name.").page().order(image_tags::COLUMNS).gives::<Vec<image_tags::TagDocument>>(200, "A part of the list.").with_range(),
        image_tags::list_repository_tags),
    route!(GET "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}" showRepoTag in IMAGE_TAGS, Account,
        "Gives a tag.",
        |d| d.gives::<image_tags::NewerTagDocument>(200, "The tag."),
        image_tags::show_repo_tag),
    route!(DELETE "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}" deleteRepoTag in IMAGE_TAGS, Account,
        "Deletes a tag.",
        |d| d.gives_nothing(204, "Deleted."),
        image_tags::delete_repo_tag),
    route!(GET "/v2/manage/namespaces/{namespace}/repos/{repository}/access" showRepoAuth in IMAGE_PERMISSIONS, Account,
        "Tells who may do what in a repository.",
        |d| d.gives::<organization_permissions::AuthDocument>(200, "The permissions."),
        image_permissions::show_repo_auth),
    route!(POST "/v2/manage/namespaces/{namespace}/repos/{repository}/access" createRepoAuth in IMAGE_PERMISSIONS, Account,
        "Gives users permissions for a repository.",
        |d| d.takes::<Vec<organization_permissions::UserAuth>>().gives_nothing(201, "Given."),
        image_permissions::create_repo_auth),
    route!(PATCH "/v2/manage/namespaces/{namespace}/repos/{repository}/access" updateRepoAuth in IMAGE_PERMISSIONS, Account,
        "Changes permissions for a repository.",
        |d| d.takes::<Vec<organization_permissions::UserAuth>>().gives_nothing(201, "Changed."),
        image_permissions::update_repo_auth),
    route!(DELETE "/v2/manage/namespaces/{namespace}/repos/{repository}/access" deleteRepoAuth in IMAGE_PERMISSIONS, Account,
        "Takes permissions for a repository away.",
        |d| d.takes::<Vec<String>>().gives_nothing(204, "Taken away."),
        image_permissions::delete_repo_auth),
    route!(POST "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains" createRepoDomains in SHARED_ACCOUNTS, Account,
        "Shares a repository with an account.",
        |d| d.takes::<shared_accounts::CreateRequest>().gives_nothing(201, "Shared."),
        shared_accounts::create_repo_domains),
    route!(GET "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains" listRepoDomains in SHARED_ACCOUNTS, Account,
        "Lists the accounts that a repository is shared with.",
        |d| d.gives::<Vec<shared_accounts::ShareDocument>>(200, "The accounts."),
        shared_accounts::list_repo_domains),
    route!(GET "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains/{access_domain}" showAccessDomain in SHARED_ACCOUNTS, Account,
        "Tells whether a repository is shared with an account.",
        |d| d.gives::<shared_accounts::FoundShare>(200, "The sharing, if there is one."),
        shared_accounts::show_access_domain),
    route!(PATCH "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains/{access_domain}" updateRepoDomains in SHARED_ACCOUNTS, Account,
        "Changes until when a repository is shared with an account.",
        |d| d.takes::<shared_accounts::TermsRequest>().gives_nothing(201, "Changed."),
        shared_accounts::update_repo_domains),
    route!(DELETE "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains/{access_domain}" deleteRepoDomains in SHARED_ACCOUNTS, Account,
        "Ends the sharing with an account.",
        |d| d.gives_nothing(204, "Ended."),
        shared_accounts::delete_repo_domains),
    route!(GET "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions" listRetentions in RETENTION_POLICIES, Account,
        "Lists the retention policies of a repository.",
        |d| d.gives::<Vec<retention_policies::PolicyDocument>>(200, "The policies."),
        retention_policies::list_retentions),
    route!(POST "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions" createRetention in RETENTION_POLICIES, Account,
        "Creates a retention policy, which is applied soon and then every day.",
        |d| d.takes::<retention_policies::PolicyRequest>().gives::<retention_policies::Created>(201, "Created."),
        retention_policies::create_retention),
    route!(GET "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/histories" listRetentionHistories in RETENTION_POLICIES, Account,
        "Lists what retention policies deleted.",
        |d| d.page().gives::<retention_policies::Histories>(200, "A part of the list.").with_range(),
        retention_policies::list_retention_histories),
    route!(GET "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/{retention_id}" showRetention in RETENTION_POLICIES, Account,
        "Gives a retention policy.",
        |d| d.gives::<retention_policies::PolicyDocument>(200, "The policy."),
        retention_policies::show_retention),
    route!(PATCH "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/{retention_id}" updateRetention in RETENTION_POLICIES, Account,
        "Changes a retention policy.",
        |d| d.takes::<retention_policies::PolicyRequest>().gives_nothing(201, "Changed."),
        retention_policies::update_retention),
    route!(DELETE "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/{retention_id}" deleteRetention in RETENTION_POLICIES, Account,
        "Deletes a retention policy.",
        |d| d.gives_nothing(200, "Deleted."),
        retention_policies::delete_retention),
    route!(GET "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/{retention_id}/dry-run" dryRunRetention in RETENTION_POLICIES, Account,
        "Tells what a retention policy would delete now.",
        |d| d.gives::<retention_policies::DryRunDocument>(200, "The tags."),
        retention_policies::dry_run_retention),
    route!(POST "/v2/manage/utils/secret" createSecret in TEMPORARY_LOGIN, Account,
        "Makes a command that signs Docker in for six hours.",
        |d| d.query("projectname", "string", "The project that stands in the user name; an organization limits it to that.").gives::<DockerConfig>(200, "A Docker configuration file.").with_header(200, "X-Swr-Dockerlogin", "The command.").with_header(200, "X-Swr-Expireat", "Until when it works."),
        temporary_login::create_secret),
    route!(POST "/v2/manage/utils/authorizationtoken" createAuthorizationToken in TEMPORARY_LOGIN, Account,
        "Makes a command that signs Docker in, as newer clients ask for it.",
        |d| d.query("projectname", "string", "The project that stands in the user name; an organization limits it to that.").gives::<DockerConfig>(200, "A Docker configuration file.").with_header(200, "X-Swr-Dockerlogin", "The command.").with_header(200, "X-Swr-Expireat", "Until when it works."),
        temporary_login::create_secret),
    route!(GET "/v2/manage/projects/{project_id}/quotas" listQuotas in QUOTAS, Account,
        "Lists quotas.",
        |d| d.gives::<quotas::Quotas>(200, "The quotas."),
        quotas::list_quotas),
    route!(GET "/v2/manage/projects/{project_id}/feature-gates" showShareFeatureGates in QUOTAS, Account,
        "Tells which services of the cloud are there.",
        |d| d.gives::<quotas::FeatureGates>(200, "The app."),
        quotas::show_share_feature_gates),
    route!(GET "/v2/manage/overview" showDomainOverview in OVERVIEW, Account,
        "Tells what the account has.",
        |d| d.gives::<overview::OverviewDocument>(200, "What it has."),
        overview::show_domain_overview),
    route!(GET "/v2/manage/reports/{resource_type}/{frequency}" showDomainResourceReports in OVERVIEW, Account,
        "Reports what the account stored or sent.",
        |d| d.gives::<Vec<overview::ReportData>>(200, "The report, the oldest first."),
        overview::show_domain_resource_reports),
    route!(POST "/v2/manage/namespaces/{namespace}/repos/{repository}/tags" createRepoTag in IMAGE_TAGS, Account,
        "Lets another tag point at the image of a tag.",
        |d| d.takes::<image_tags::CopyRequest>().gives_nothing(201, "Done."),
        image_tags::create_repo_tag),
    route!(GET "/v3/manage/namespaces/{namespace}/repos/{repository}/tags" listRepositoryTag in IMAGE_TAGS, Account,
        "Lists the tags of a repository, as newer clients ask for them.",
        |d| d.query("tag", "string", "Only the tag of this name.").choice("with_manifest", &["true", "false"], "Whether to show manifests.").marker().order(image_tags::COLUMNS).gives::<image_tags::MarkedTags>(200, "A part of the list."),
        image_tags::list_repository_tag),
    route!(GET "/v3/manage/repos" listRepoDetails in IMAGE_REPOSITORIES, Account,
        "Lists repositories, as newer clients ask for them.",
        |d| d.query("namespace", "string", "Name of an organization.").query("name", "string", "A part of the name.").query("category", "string", "Category.").choice("is_public", &["true", "false"], "Public ones, or the others.").marker().gives::<image_repositories::MarkedRepositories>(200, "A part of the list."),
        image_repositories::list_repo_details),
    route!(GET "/v3/manage/shared-repositories" listSharedRepoDetails in IMAGE_REPOSITORIES, Account,
        "Lists shared repositories, as newer clients ask for them.",
        |d| d.choice("shared_by", &["self", "thirdparty"], "Those that you share, or those that others share with you; these if not given.").query("namespace", "string", "Name of an organization.").query("name", "string", "A part of the name.").choice("status", &["true", "false"], "Whose sharing is valid, or has expired.").marker().gives::<image_repositories::MarkedRepositories>(200, "A part of the list."),
        image_repositories::list_shared_repo_details),
    route!(GET "/v3" showIdentityVersion in API_VERSIONS, Nothing,
        "Gives the version of the identity service.",
        |d| d.gives::<serde_json::Value>(200, "The version."),
        api_versions::show_identity_version),
    route!(POST "/v3/auth/tokens" createToken in TOKENS, Nothing,
        "Signs in.",
        |d| d.query("nocatalog", "string", "Anything, to get no catalog.").takes::<tokens::TokenRequest>().gives::<tokens::TokenResponse>(201, "Signed in.").with_header(201, "X-Subject-Token", "The token."),
        tokens::create_token),
    route!(GET "/v3/auth/tokens" showToken in TOKENS, Account,
        "Tells what a token of yours, in X-Subject-Token, is for.",
        |d| d.query("nocatalog", "string", "Anything, to get no catalog.").gives::<tokens::TokenResponse>(200, "What it is for.").with_header(200, "X-Subject-Token", "The token that was asked for."),
        tokens::show_token),
    route!(DELETE "/v3/auth/tokens" deleteToken in TOKENS, Account,
        "Ends a token of yours, in X-Subject-Token.",
        |d| d.gives_nothing(204, "Ended."),
        tokens::delete_token),
    route!(GET "/v3/projects" listProjects in PROJECTS, Account,
        "Lists the projects that you may sign in to.",
        |d| d.query("name", "string", "The one of this name.").gives::<projects::Projects>(200, "The projects."),
        projects::list_projects),
    route!(GET "/v3/auth/projects" listAuthProjects in PROJECTS, Account,
        "Lists the projects that you may sign in to.",
        |d| d.gives::<projects::Projects>(200, "The projects."),
        projects::list_projects),
    route!(GET "/v3/auth/domains" listDomains in PROJECTS, Account,
        "Gives the domain that you act in.",
        |d| d.gives::<projects::Domains>(200, "The domain."),
        projects::list_domains),
    route!(POST "/v3.0/OS-CREDENTIAL/credentials" createAccessKey in ACCESS_KEYS, Account,
        "Creates an access key; the secret key is shown this once.",
        |d| d.takes::<access_keys::CreateRequest>().gives::<access_keys::OneKey>(201, "Created."),
        access_keys::create_access_key),
    route!(GET "/v3.0/OS-CREDENTIAL/credentials" listAccessKeys in ACCESS_KEYS, Account,
        "Lists your access keys.",
        |d| d.query("user_id", "string", "Your own id.").gives::<access_keys::Keys>(200, "The access keys."),
        access_keys::list_access_keys),
    route!(GET "/v3.0/OS-CREDENTIAL/credentials/{access}" showAccessKey in ACCESS_KEYS, Account,
        "Gives an access key.",
        |d| d.gives::<access_keys::OneKey>(200, "The access key."),
        access_keys::show_access_key),
    route!(PUT "/v3.0/OS-CREDENTIAL/credentials/{access}" updateAccessKey in ACCESS_KEYS, Account,
        "Switches an access key on or off, or describes it.",
        |d| d.takes::<access_keys::UpdateRequest>().gives::<access_keys::OneKey>(200, "Changed."),
        access_keys::update_access_key),
    route!(DELETE "/v3.0/OS-CREDENTIAL/credentials/{access}" deleteAccessKey in ACCESS_KEYS, Account,
        "Deletes an access key for good.",
        |d| d.gives_nothing(204, "Deleted."),
        access_keys::delete_access_key),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_api_lists_every_operation() {
        let page = include_str!("../../../docs/api/swr.md");
        for route in ROUTES {
            let line = format!("| `{}` | `{}` | `{}` |", route.operation, route.method, route.path);
            assert!(page.contains(&line), "docs/api/swr.md lacks: {line}");
        }
        let listed = page.lines().filter(|line| line.starts_with("| `") && line.contains("` | `/")).count();
        assert_eq!(listed, ROUTES.len(), "docs/api/swr.md lists what is not there");
    }
}
