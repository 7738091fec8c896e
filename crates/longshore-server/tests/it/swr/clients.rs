//! The vendor's SDK, and OpenStack's with the extensions for SWR. `cargo xtask test` installs them.

use std::process::Command;

use super::{access_key, project_id, push, pusher, shop};
use crate::server::{PASSWORD, Server};

/// Operations by their names in the vendor's SDK.
const OPERATIONS: &str = "list_api_versions show_api_version list_namespaces create_namespace show_namespace \
    delete_namespaces show_namespace_auth create_namespace_auth update_namespace_auth delete_namespace_auth create_repo \
    show_repository update_repo delete_repo list_repos_details list_shared_repos_details list_repository_tags show_repo_tag \
    delete_repo_tag show_user_repository_auth create_user_repository_auth update_user_repository_auth \
    delete_user_repository_auth create_repo_domains list_repo_domains show_access_domain update_repo_domains \
    delete_repo_domains list_retentions create_retention show_retention update_retention delete_retention \
    list_retention_histories create_secret create_authorization_token list_quotas show_share_feature_gates \
    show_domain_overview show_domain_resource_reports create_repo_tag list_repository_tag list_repo_details \
    list_shared_repo_details";

#[track_caller]
fn run(server: &Server, script: &str) {
    let python = longshore_testkit::skip::variable("LONGSHORE_TEST_SWR_CLIENTS");
    for tag in ["v1", "v2", "v3"] {
        push(server, &pusher(), "shop/busybox", tag);
    }
    let (alice, bob) = (access_key(server, "alice", "account"), access_key(server, "bob", "account"));
    let output = Command::new(python)
        .arg(format!("{}/tests/it/swr/{script}", env!("CARGO_MANIFEST_DIR")))
        .env("ENDPOINT", &server.url)
        .env("HOST", server.host())
        .env("PASSWORD", PASSWORD)
        .envs([("AK", &alice.0), ("SK", &alice.1), ("BOB_AK", &bob.0), ("BOB_SK", &bob.1)])
        .env("ALICE_ID", project_id(server, "alice", "alice"))
        .env("BOB_ID", project_id(server, "bob", "bob"))
        .env("SHOP_ID", project_id(server, "alice", "shop"))
        .env("OPERATIONS", OPERATIONS)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_operation_of_the_vendors_sdk_works() {
    run(&shop(&[]), "drive_huawei.py");
}

#[test]
fn every_operation_of_openstacks_extensions_works() {
    run(&shop(&[]), "drive_otc.py");
}
