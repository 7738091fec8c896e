//! Default deny: walks the table of operations, so that an operation without a refusal cannot be added.

use longshore_api_oci::routes::OperationKind;
use longshore_domain::access::action::RepositoryAction;
use longshore_testkit::images::{digest_of, image};

use crate::server::{Server, user};

const CONFIG: &[u8] = b"{}";

/// Makes the request of an operation on `alice/secret`.
fn request(kind: OperationKind, upload: &str) -> Option<(&'static str, String, Vec<u8>)> {
    let manifest = image(CONFIG, &[]);
    let blob = format!("/v2/alice/secret/blobs/{}", digest_of(CONFIG));
    let uploads = format!("/v2/alice/secret/blobs/uploads/{upload}");
    let tagged = "/v2/alice/secret/manifests/v1".to_owned();
    Some(match kind {
        OperationKind::GetBlob => ("GET", blob, Vec::new()),
        OperationKind::HeadBlob => ("HEAD", blob, Vec::new()),
        OperationKind::DeleteBlob => ("DELETE", blob, Vec::new()),
        OperationKind::GetManifest => ("GET", tagged, Vec::new()),
        OperationKind::HeadManifest => ("HEAD", tagged, Vec::new()),
        OperationKind::PutManifest => ("PUT", tagged, manifest.into_bytes()),
        OperationKind::DeleteManifest => ("DELETE", tagged, Vec::new()),
        OperationKind::BeginUpload => ("POST", "/v2/alice/secret/blobs/uploads/".into(), Vec::new()),
        OperationKind::GetUpload => ("GET", uploads, Vec::new()),
        OperationKind::AppendToUpload => ("PATCH", uploads, b"x".to_vec()),
        OperationKind::FinishUpload => ("PUT", format!("{uploads}?digest={}", digest_of("x")), b"x".to_vec()),
        OperationKind::CancelUpload => ("DELETE", uploads, Vec::new()),
        OperationKind::ListTags => ("GET", "/v2/alice/secret/tags/list".into(), Vec::new()),
        OperationKind::ListReferrers => {
            ("GET", format!("/v2/alice/secret/referrers/{}", digest_of(CONFIG)), Vec::new())
        }
        // These are on no repository; their tests are in `oci`.
        OperationKind::Ping
        | OperationKind::ListRepositories
        | OperationKind::Token
        | OperationKind::Unknown => return None,
    })
}

#[test]
fn every_operation_refuses_anonymous_powerless_and_foreign_callers() {
    let server = Server::new();
    let alice = user("alice");
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], crate::server::PASSWORD);
    server.push_blob(&alice, "alice/secret", CONFIG);
    server.push_manifest(&alice, "alice/secret", "v1", &image(CONFIG, &[])).expect(201);
    let begun = server.send("POST", "/v2/alice/secret/blobs/uploads/", &alice, &[], b"").expect(202);
    let upload = begun.header("docker-upload-uuid").to_owned();
    // `bob` owns another namespace with the same content, `carol` has nothing.
    server.push_blob(&user("bob"), "bob/app", CONFIG);
    let read_only = server.admin(&["token", "create", "alice", "--label", "r", "--scope", "repo:read"]);
    let read_only = format!("alice:{}", read_only["token"].as_str().unwrap());
    let bobs_token = server.token(&user("bob"), &["repository:alice/secret:pull,push,delete"]);
    let empty_token = server.token(&alice, &[]);
    let all_by_nobody = server.token("", &["repository:alice/secret:*"]);
    for kind in OperationKind::ALL {
        let Some((method, path, body)) = request(*kind, &upload) else {
            assert_eq!(kind.action(), None, "{} acts on a repository and needs a request here", kind.name());
            continue;
        };
        let send = |who: &str| {
            server.send(
                method,
                &path,
                who,
                &[("content-type", "application/vnd.oci.image.manifest.v1+json")],
                &body,
            )
        };
        let named = |who: &str| format!("{} as {who}", kind.name());
        for nobody in ["", &all_by_nobody, &empty_token] {
            assert_eq!(send(nobody).status, 401, "{}", named(nobody));
        }
        let hidden = if kind.action() == Some(RepositoryAction::Push) { 403 } else { 404 };
        for foreign in [user("bob"), user("carol"), bobs_token.clone()] {
            assert_eq!(send(&foreign).status, hidden, "{}", named(&foreign));
        }
        if kind.action() != Some(RepositoryAction::Pull) {
            assert_eq!(send(&read_only).status, 403, "{}", named("a token that may read only"));
        }
    }
    // Nothing was changed by all that.
    server.get("/v2/alice/secret/manifests/v1", &alice).expect(200);
    server.get(&format!("/v2/alice/secret/blobs/uploads/{upload}"), &alice).expect(204);
}

#[test]
fn hidden_and_missing_repositories_answer_alike() {
    let server = Server::new();
    server.push_blob(&user("alice"), "alice/secret", CONFIG);
    for who in ["", &user("bob"), &server.token(&user("bob"), &["repository:alice/secret:pull"])] {
        let answer = |repository: &str| {
            let answer = server.get(&format!("/v2/{repository}/tags/list"), who);
            let challenge = answer.header("www-authenticate").replace(repository, "R");
            (answer.status, challenge, String::from_utf8(answer.body).unwrap().replace(repository, "R"))
        };
        assert_eq!(answer("alice/secret"), answer("alice/nothing"));
    }
}
