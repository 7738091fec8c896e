//! Credentials for `docker login`.

use serde_json::json;

use super::{bearer, docker_login, push, pusher, send, shop};
use crate::server::Server;

#[test]
fn credentials_pull_and_push_as_they_say() {
    let (server, alice) = shop(&[]);
    push(&server, &pusher(), "shop/app", "v1");
    push(&server, &pusher(), "alice/private", "v1");
    let give = |query: &str| {
        docker_login(
            &server.get(&format!("/v2/registry/docker-credentials{query}"), &alice).expect(200).json(),
        )
    };
    let (host, reads) = give("");
    assert_eq!(host, server.host());
    server.get("/v2/shop/app/manifests/v1", &reads).expect(200);
    server.get("/v2/alice/private/manifests/v1", &reads).expect(404);
    server.send("POST", "/v2/shop/app/blobs/uploads/", &reads, &[], b"").expect(403);
    // By way of the token service, as docker does it.
    let scopes = ["repository:shop/app:pull,push", "repository:alice/private:pull"];
    let token = server.token(&reads, &scopes);
    server.get("/v2/shop/app/manifests/v1", &token).expect(200);
    server.get("/v2/alice/private/manifests/v1", &token).expect(404);
    server.send("POST", "/v2/shop/app/blobs/uploads/", &token, &[], b"").expect(403);
    let (_, writes) = give("?read_write=true&expiry_seconds=2592000");
    push(&server, &writes, "shop/new", "v1");
    server.send("DELETE", "/v2/shop/new/manifests/v1", &writes, &[], b"").expect(403);
    let (_, explicit) = give("?read_write=false&expiry_seconds=0");
    server.send("POST", "/v2/shop/app/blobs/uploads/", &explicit, &[], b"").expect(403);
    for bad in ["read_write=maybe", "expiry_seconds=-1", "expiry_seconds=1.5", "expiry_seconds=x"] {
        server.get(&format!("/v2/registry/docker-credentials?{bad}"), &alice).expect(400);
    }
    // It is no access token for this API.
    let secret = writes.split(':').next().unwrap();
    server.get("/v2/registry", &format!("Bearer {secret}")).expect(403);
    let session = json!({ "username": "alice", "password": secret });
    send(&server, "POST", "/v2/users/login", "", &session).expect(403);
    // Asking whether there is one makes none.
    server.send("HEAD", "/v2/registry/docker-credentials", &alice, &[], b"").expect(405);
}

#[test]
fn credentials_expire_and_are_revoked() {
    let (server, alice) = shop(&[]);
    push(&server, &pusher(), "shop/app", "v1");
    let give = |query: &str| {
        docker_login(
            &server.get(&format!("/v2/registries/shop/docker-credentials{query}"), &alice).expect(200).json(),
        )
        .1
    };
    let short = give("?expiry_seconds=1");
    server.get("/v2/shop/app/manifests/v1", &short).expect(200);
    server.wait_for("the credential to expire", || {
        server.get("/v2/shop/app/manifests/v1", &short).status == 401
    });
    let kept = give("");
    let secret = kept.split(':').next().unwrap().to_owned();
    let revoke = |bearer: &str, token: &str| {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        server.send("POST", "/v1/oauth/revoke", bearer, &form, format!("token={token}").as_bytes())
    };
    revoke("Bearer lsp_other", &secret).expect(401);
    server.send("POST", "/v1/oauth/revoke", "", &[], b"nothing").expect(400);
    revoke("", "").expect(200);
    revoke("Bearer ", "").expect(200);
    revoke("", "lsp_unknown").expect(200);
    server.get("/v2/shop/app/manifests/v1", &kept).expect(200);
    revoke(&format!("Bearer {secret}"), &secret).expect(200);
    server.get("/v2/shop/app/manifests/v1", &kept).expect(401);
    // Listed and revocable through the account's access tokens, too.
    let other = give("");
    let session = crate::hub::sign_in(&server, "alice");
    let tokens = server.get("/v2/access-tokens", &session).expect(200).json();
    let mut listed = tokens["results"].as_array().unwrap().iter();
    let found = listed.rfind(|token| token["token_label"] == "docker credential for shop").unwrap();
    let path = format!("/v2/access-tokens/{}", found["uuid"].as_str().unwrap());
    server.send("DELETE", &path, &session, &[], b"").expect(204);
    server
        .wait_for("the credential to end", || server.get("/v2/shop/app/manifests/v1", &other).status == 401);
    // With the access token that made them, all others end.
    let last = give("?read_write=true");
    revoke(&alice, alice.strip_prefix("Bearer ").unwrap()).expect(200);
    server.get("/v2/shop/app/manifests/v1", &last).expect(401);
    server.get("/v2/registry", &alice).expect(401);
}

#[test]
fn an_organizations_access_token_manages_its_registry() {
    let server = Server::new();
    let session = crate::hub::sign_in(&server, "alice");
    let token = |scope: &str| {
        let resources = json!([
            { "type": "TYPE_ORG", "path": "acme", "scopes": [scope, "scope-repository-list"] },
            { "type": "TYPE_REPO", "path": "acme/*", "scopes": ["scope-image-delete", "scope-tag-admin"] }]);
        let body = json!({ "label": scope, "resources": resources });
        let made = send(&server, "POST", "/v2/orgs/acme/access-tokens", &session, &body).expect(201).json();
        format!("Bearer {}", made["token"].as_str().unwrap())
    };
    let (admin, reads) = (token("scope-registry-admin"), token("scope-registry-read"));
    let plain = token("scope-member-read");
    let body = json!({ "name": "acme", "subscription_tier_slug": "basic" });
    for refused in [&reads, &plain] {
        send(&server, "POST", "/v2/registry", refused, &body).expect(403);
    }
    let other = json!({ "name": "another", "subscription_tier_slug": "basic" });
    send(&server, "POST", "/v2/registry", &admin, &other).expect(403);
    send(&server, "POST", "/v2/registry", &admin, &body).expect(201);
    push(&server, &pusher(), "acme/app", "v1");
    assert_eq!(server.get("/v2/registry", &reads).expect(200).json()["registry"]["name"], "acme");
    let list = server.get("/v2/registry/acme/repositoriesV2", &reads).expect(200).json();
    assert_eq!(list["repositories"][0]["name"], "app");
    server.get("/v2/registry", &plain).expect(403);
    let pull = docker_login(&server.get("/v2/registry/docker-credentials", &reads).expect(200).json()).1;
    server.get("/v2/acme/app/manifests/v1", &pull).expect(200);
    server.get("/v2/registry/docker-credentials?read_write=true", &reads).expect(403);
    let both = docker_login(
        &server.get("/v2/registry/docker-credentials?read_write=true", &admin).expect(200).json(),
    )
    .1;
    push(&server, &both, "acme/new", "v1");
    server.send("DELETE", "/v2/registry/acme/repositories/app/tags/v1", &admin, &[], b"").expect(204);
    // Its owners see it with their own access tokens.
    let alice = bearer(&server, "alice", "repo:read");
    assert_eq!(server.get("/v2/registry", &alice).expect(200).json()["registry"]["name"], "acme");
}
