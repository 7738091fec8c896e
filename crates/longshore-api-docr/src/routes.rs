//! THE TABLE: every operation, with its name in logs and metrics, its path, what it needs, and what takes it.
//!
//! The tests hold the table against `docs/api/digitalocean.md` and against what the server really refuses.

use http::Method;
use longshore_api_common::table;

use crate::context::Context;
use crate::openapi::DescribePages;
use crate::{accounts, credentials, garbage_collection, kubernetes, registries, repositories, subscription};

/// What a caller needs for an operation; what it may do there, the operation itself decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: the request itself holds the credential.
    Nothing,
    /// An access token.
    Account,
}

/// A row of the table.
pub type Route = table::Route<Context, Needs>;

/// Makes a row.
macro_rules! route {
    ($method:ident $path:literal $operation:ident in $group:literal, $needs:ident, $summary:literal,
     |$describe:ident| $description:expr, $handler:path) => {
        Route {
            method: Method::$method,
            path: $path,
            operation: stringify!($operation),
            group: $group,
            summary: $summary,
            needs: Needs::$needs,
            errors: (),
            describe: |$describe| {
                $description;
            },
            handler: |context, body| Box::pin($handler(context, body)),
        }
    };
}

/// All operations: those for one registry, their paths of older documents, those for several, and what clients call
/// beside them.
pub const ROUTES: &[Route] = &[
    route!(GET "/v2/registry" registry_get in "Container Registry", Account,
        "Gives the account's registry.",
        |d| d.gives::<registries::RegistryInfo>(200, "The registry.").refuses(412, "The account has several.", "error"),
        registries::registry_get),
    route!(POST "/v2/registry" registry_create in "Container Registry", Account,
        "Creates a registry.",
        |d| d.takes::<registries::CreateRequest>().gives::<registries::RegistryInfo>(201, "Created.").refuses(412, "The tier does not include it.", "error").refuses(422, "A value is not possible.", "error"),
        registries::registry_create),
    route!(DELETE "/v2/registry" registry_delete in "Container Registry", Account,
        "Deletes the account's registry with all that is in it.",
        |d| d.gives_nothing(204, "Deleted.").refuses(412, "The account has several.", "error"),
        registries::registry_delete),
    route!(GET "/v2/registry/subscription" registry_get_subscription in "Container Registry", Account,
        "Gives the subscription of the account.",
        |d| d.gives::<subscription::SubscriptionInfo>(200, "The subscription."),
        subscription::get_subscription),
    route!(POST "/v2/registry/subscription" registry_update_subscription in "Container Registry", Account,
        "Changes the tier of the subscription.",
        |d| d.takes::<subscription::UpdateRequest>().gives::<subscription::SubscriptionInfo>(200, "Changed.").refuses(412, "The tier does not include what the account has.", "error").refuses(422, "There is no such tier.", "error"),
        subscription::update_subscription),
    route!(GET "/v2/registry/docker-credentials" registry_get_dockerCredentials in "Container Registry", Account,
        "Makes a credential for docker login.",
        |d| d.credentials().gives::<credentials::DockerConfig>(200, "A Docker configuration file.").refuses(412, "The account has several registries.", "error"),
        credentials::registry_get_docker_credentials),
    route!(POST "/v2/registry/validate-name" registry_validate_name in "Container Registry", Account,
        "Tells whether a registry of this name could be created.",
        |d| d.takes::<registries::ValidateRequest>().gives_nothing(204, "It could.").refuses(422, "It is not the name of a registry.", "error"),
        registries::validate_name),
    route!(GET "/v2/registry/options" registry_get_options in "Container Registry", Account,
        "Lists the tiers and regions.",
        |d| d.gives::<subscription::Options>(200, "The options."),
        subscription::get_options),
    route!(GET "/v2/registry/{registry_name}/repositories" registry_list_repositories in "Container Registry", Account,
        "Lists the repositories of a registry with their latest tags.",
        |d| d.page().gives::<repositories::RepositoriesPage>(200, "A page."),
        repositories::list_repositories),
    route!(GET "/v2/registry/{registry_name}/repositoriesV2" registry_list_repositoriesV2 in "Container Registry", Account,
        "Lists the repositories of a registry with their latest manifests.",
        |d| d.page().query("page_token", "string", "What the link to this page has; then `page` does not matter.").gives::<repositories::RepositoriesV2Page>(200, "A page."),
        repositories::list_repositories_v2),
    route!(GET "/v2/registry/{registry_name}/repositories/{repository_name}/tags" registry_list_repositoryTags in "Container Registry", Account,
        "Lists the tags of a repository, the newest first.",
        |d| d.page().gives::<repositories::TagsPage>(200, "A page."),
        repositories::list_tags),
    route!(DELETE "/v2/registry/{registry_name}/repositories/{repository_name}/tags/{repository_tag}" registry_delete_repositoryTag in "Container Registry", Account,
        "Deletes a tag; its manifest stays.",
        |d| d.gives_nothing(204, "Deleted."),
        repositories::delete_tag),
    route!(GET "/v2/registry/{registry_name}/repositories/{repository_name}/digests" registry_list_repositoryManifests in "Container Registry", Account,
        "Lists the manifests of a repository, the newest first.",
        |d| d.page().gives::<repositories::ManifestsPage>(200, "A page."),
        repositories::list_manifests),
    route!(DELETE "/v2/registry/{registry_name}/repositories/{repository_name}/digests/{manifest_digest}" registry_delete_repositoryManifest in "Container Registry", Account,
        "Deletes a manifest with its tags.",
        |d| d.gives_nothing(204, "Deleted."),
        repositories::delete_manifest),
    route!(POST "/v2/registry/{registry_name}/garbage-collection" registry_run_garbageCollection in "Container Registry", Account,
        "Starts to collect the garbage of a registry.",
        |d| d.may_take::<garbage_collection::RunRequest>().gives::<garbage_collection::RunInfo>(201, "Requested."),
        garbage_collection::run_garbage_collection),
    route!(GET "/v2/registry/{registry_name}/garbage-collection" registry_get_garbageCollection in "Container Registry", Account,
        "Gives the garbage collection in progress.",
        |d| d.gives::<garbage_collection::RunInfo>(200, "It."),
        garbage_collection::get_garbage_collection),
    route!(GET "/v2/registry/{registry_name}/garbage-collections" registry_list_garbageCollections in "Container Registry", Account,
        "Lists garbage collections, the newest first.",
        |d| d.page().gives::<garbage_collection::RunsPage>(200, "A page."),
        garbage_collection::list_garbage_collections),
    route!(PUT "/v2/registry/{registry_name}/garbage-collection/{garbage_collection_uuid}" registry_update_garbageCollection in "Container Registry", Account,
        "Cancels the garbage collection in progress.",
        |d| d.takes::<garbage_collection::UpdateRequest>().gives::<garbage_collection::RunInfo>(200, "It."),
        garbage_collection::update_garbage_collection),
    route!(GET "/v2/registry/{registry_name}/{repository_name}/tags" registry_list_repositoryTags_headline in "Container Registry", Account,
        "Lists the tags of a repository, the newest first.",
        |d| d.page().gives::<repositories::TagsPage>(200, "A page."),
        repositories::list_tags),
    route!(DELETE "/v2/registry/{registry_name}/{repository_name}/tags/{repository_tag}" registry_delete_repositoryTag_headline in "Container Registry", Account,
        "Deletes a tag; its manifest stays.",
        |d| d.gives_nothing(204, "Deleted."),
        repositories::delete_tag),
    route!(GET "/v2/registry/{registry_name}/{repository_name}/digests" registry_list_repositoryManifests_headline in "Container Registry", Account,
        "Lists the manifests of a repository, the newest first.",
        |d| d.page().gives::<repositories::ManifestsPage>(200, "A page."),
        repositories::list_manifests),
    route!(DELETE "/v2/registry/{registry_name}/{repository_name}/digests/{manifest_digest}" registry_delete_repositoryManifest_headline in "Container Registry", Account,
        "Deletes a manifest with its tags.",
        |d| d.gives_nothing(204, "Deleted."),
        repositories::delete_manifest),
    route!(GET "/v2/registries" registries_list in "Container Registries", Account,
        "Lists the registries of the account and of its organizations.",
        |d| d.gives::<registries::AllRegistries>(200, "The registries."),
        registries::registries_list),
    route!(POST "/v2/registries" registries_create in "Container Registries", Account,
        "Creates a registry.",
        |d| d.takes::<registries::CreateRequest>().gives::<registries::RegistryInfo>(201, "Created.").refuses(412, "The tier does not include it.", "error").refuses(422, "A value is not possible.", "error"),
        registries::registries_create),
    route!(GET "/v2/registries/{registry_name}" registries_get in "Container Registries", Account,
        "Gives a registry.",
        |d| d.gives::<registries::RegistryInfo>(200, "The registry."),
        registries::registries_get),
    route!(DELETE "/v2/registries/{registry_name}" registries_delete in "Container Registries", Account,
        "Deletes a registry with all that is in it.",
        |d| d.gives_nothing(204, "Deleted."),
        registries::registries_delete),
    route!(GET "/v2/registries/subscription" registries_get_subscription in "Container Registries", Account,
        "Gives the subscription of the account.",
        |d| d.gives::<subscription::SubscriptionInfo>(200, "The subscription."),
        subscription::get_subscription),
    route!(POST "/v2/registries/subscription" registries_update_subscription in "Container Registries", Account,
        "Changes the tier of the subscription.",
        |d| d.takes::<subscription::UpdateRequest>().gives::<subscription::SubscriptionInfo>(200, "Changed.").refuses(412, "The tier does not include what the account has.", "error").refuses(422, "There is no such tier.", "error"),
        subscription::update_subscription),
    route!(GET "/v2/registries/{registry_name}/docker-credentials" registries_get_dockerCredentials in "Container Registries", Account,
        "Makes a credential for docker login.",
        |d| d.credentials().gives::<credentials::DockerConfig>(200, "A Docker configuration file."),
        credentials::registries_get_docker_credentials),
    route!(POST "/v2/registries/validate-name" registries_validate_name in "Container Registries", Account,
        "Tells whether a registry of this name could be created.",
        |d| d.takes::<registries::ValidateRequest>().gives_nothing(204, "It could.").refuses(422, "It is not the name of a registry.", "error"),
        registries::validate_name),
    route!(GET "/v2/registries/options" registries_get_options in "Container Registries", Account,
        "Lists the tiers and regions.",
        |d| d.gives::<subscription::Options>(200, "The options."),
        subscription::get_options),
    route!(GET "/v2/registries/{registry_name}/repositoriesV2" registries_list_repositoriesV2 in "Container Registries", Account,
        "Lists the repositories of a registry with their latest manifests.",
        |d| d.page().query("page_token", "string", "What the link to this page has; then `page` does not matter.").gives::<repositories::RepositoriesV2Page>(200, "A page."),
        repositories::list_repositories_v2),
    route!(DELETE "/v2/registries/{registry_name}/repositories/{repository_name}" registries_delete_repository in "Container Registries", Account,
        "Deletes a repository with all that is in it.",
        |d| d.gives_nothing(204, "Deleted."),
        repositories::delete_repository),
    route!(GET "/v2/registries/{registry_name}/repositories/{repository_name}/tags" registries_list_repositoryTags in "Container Registries", Account,
        "Lists the tags of a repository, the newest first.",
        |d| d.page().gives::<repositories::TagsPage>(200, "A page."),
        repositories::list_tags),
    route!(DELETE "/v2/registries/{registry_name}/repositories/{repository_name}/tags/{repository_tag}" registries_delete_repositoryTag in "Container Registries", Account,
        "Deletes a tag; its manifest stays.",
        |d| d.gives_nothing(204, "Deleted."),
        repositories::delete_tag),
    route!(GET "/v2/registries/{registry_name}/repositories/{repository_name}/digests" registries_list_repositoryManifests in "Container Registries", Account,
        "Lists the manifests of a repository, the newest first.",
        |d| d.page().gives::<repositories::ManifestsPage>(200, "A page."),
        repositories::list_manifests),
    route!(DELETE "/v2/registries/{registry_name}/repositories/{repository_name}/digests/{manifest_digest}" registries_delete_repositoryManifest in "Container Registries", Account,
        "Deletes a manifest with its tags.",
        |d| d.gives_nothing(204, "Deleted."),
        repositories::delete_manifest),
    route!(POST "/v2/registries/{registry_name}/garbage-collection" registries_run_garbageCollection in "Container Registries", Account,
        "Starts to collect the garbage of a registry.",
        |d| d.may_take::<garbage_collection::RunRequest>().gives::<garbage_collection::RunInfo>(201, "Requested."),
        garbage_collection::run_garbage_collection),
    route!(GET "/v2/registries/{registry_name}/garbage-collection" registries_get_garbageCollection in "Container Registries", Account,
        "Gives the garbage collection in progress.",
        |d| d.gives::<garbage_collection::RunInfo>(200, "It."),
        garbage_collection::get_garbage_collection),
    route!(GET "/v2/registries/{registry_name}/garbage-collections" registries_list_garbageCollections in "Container Registries", Account,
        "Lists garbage collections, the newest first.",
        |d| d.page().gives::<garbage_collection::RunsPage>(200, "A page."),
        garbage_collection::list_garbage_collections),
    route!(PUT "/v2/registries/{registry_name}/garbage-collection/{garbage_collection_uuid}" registries_update_garbageCollection in "Container Registries", Account,
        "Cancels the garbage collection in progress.",
        |d| d.takes::<garbage_collection::UpdateRequest>().gives::<garbage_collection::RunInfo>(200, "It."),
        garbage_collection::update_garbage_collection),
    route!(POST "/v2/kubernetes/registry" kubernetes_add_registry in "Kubernetes", Account,
        "Would give clusters access to registries, or take it; there are no clusters here.",
        |d| d.takes::<kubernetes::ClustersRequest>().gives_nothing(204, "No cluster was named.").refuses(422, "There is no such cluster.", "error"),
        kubernetes::change_clusters),
    route!(POST "/v2/kubernetes/registries" kubernetes_add_registries in "Kubernetes", Account,
        "Would give clusters access to registries, or take it; there are no clusters here.",
        |d| d.takes::<kubernetes::ClustersRequest>().gives_nothing(204, "No cluster was named.").refuses(422, "There is no such cluster.", "error"),
        kubernetes::change_clusters),
    route!(DELETE "/v2/kubernetes/registry" kubernetes_remove_registry in "Kubernetes", Account,
        "Would give clusters access to registries, or take it; there are no clusters here.",
        |d| d.takes::<kubernetes::ClustersRequest>().gives_nothing(204, "No cluster was named.").refuses(422, "There is no such cluster.", "error"),
        kubernetes::change_clusters),
    route!(DELETE "/v2/kubernetes/registries" kubernetes_remove_registries in "Kubernetes", Account,
        "Would give clusters access to registries, or take it; there are no clusters here.",
        |d| d.takes::<kubernetes::ClustersRequest>().gives_nothing(204, "No cluster was named.").refuses(422, "There is no such cluster.", "error"),
        kubernetes::change_clusters),
    route!(GET "/v2/account" account_get in "Account", Account,
        "Gives the account that calls.",
        |d| d.gives::<accounts::AccountInfo>(200, "The account."),
        accounts::account_get),
    route!(GET "/v1/oauth/token/info" oauth_token_info in "Account", Account,
        "Tells about the access token of the request.",
        |d| d.gives::<accounts::TokenInfo>(200, "The access token."),
        accounts::oauth_token_info),
    route!(POST "/v1/oauth/revoke" oauth_revoke in "Account", Nothing,
        "Ends the access token that the form names.",
        |d| d.takes_body::<credentials::RevokeRequest>(true, "application/x-www-form-urlencoded").gives::<serde_json::Value>(200, "It has ended."),
        credentials::oauth_revoke),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_api_lists_every_operation() {
        let page = include_str!("../../../docs/api/digitalocean.md");
        for route in ROUTES {
            let line = format!("| `{}` | `{}` | `{}` |", route.operation, route.method, route.path);
            assert!(page.contains(&line), "docs/api/digitalocean.md lacks: {line}");
        }
        let listed = page.lines().filter(|line| line.starts_with("| `") && line.contains("` | `/")).count();
        assert_eq!(listed, ROUTES.len(), "docs/api/digitalocean.md lists what is not there");
    }
}
