//! The pages for everybody: by the rules of accessibility, in light, dark and on narrow screens, empty and full.

use longshore_testkit::images::{artifact, digest_of, image, index};
use serde_json::json;

use super::{Visit, axe, violations};
use crate::hub::{send, sign_in};
use crate::server::{Server, user};

/// Fills the namespace of alice: a public repository with images for two platforms, layers of one in another, a signature, a README;
/// a private one with many tags; an empty one. Gives the digest of an image.
pub fn fill(server: &Server) -> String {
    let alice = sign_in(server, "alice");
    let readme = "# App\n\nWhat *it* is.\n\n## Use\n\n```\ndocker run app\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n- one\n- two\n\n[docs](https://example.org/)";
    let app = json!({ "name": "alice/team/app", "visibility": "public", "description": "The app of the team", "readme": readme });
    send(server, "POST", "/api/v1/repositories", &alice, &app).expect(201);
    send(server, "POST", "/api/v1/repositories", &alice, &json!({ "name": "alice/empty" })).expect(201);
    let config = |architecture: &str| {
        json!({
            "os": "linux", "architecture": architecture, "created": "2026-11-01T12:00:00Z",
            "config": {
                "User": "app", "Entrypoint": ["/app"], "Cmd": ["serve"], "WorkingDir": "/srv",
                "ExposedPorts": { "80/tcp": {} }, "Env": ["PATH=/bin", "API_TOKEN=not-so-secret"],
                "Labels": { "org.opencontainers.image.source": "https://example.org/app" },
            },
            "history": [
                { "created_by": "ADD alpine-minirootfs.tar.gz / # buildkit" },
                { "created_by": "COPY app /app # buildkit" },
                { "created_by": "ENTRYPOINT [\"/app\"]", "empty_layer": true },
            ],
            "rootfs": { "type": "layers", "diff_ids": [] },
        })
        .to_string()
    };
    let base = vec![7; 3000];
    let mut images = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let (config, layer) = (config(architecture), format!("the app for {architecture}").repeat(400));
        for content in [config.as_bytes(), &base, layer.as_bytes()] {
            server.push_blob(&user("alice"), "alice/team/app", content);
        }
        let made = image(config.as_bytes(), &[&base, layer.as_bytes()]);
        server.push_manifest(&user("alice"), "alice/team/app", architecture, &made).expect(201);
        images.push(made);
    }
    let both = index(&[&images[0], &images[1]]);
    for tag in ["latest", "v2.4.0", "v2.10.0"] {
        server.push_manifest(&user("alice"), "alice/team/app", tag, &both).expect(201);
    }
    server.push_blob(&user("alice"), "alice/team/app", b"{}");
    let signature = artifact(&images[0], "application/vnd.dev.cosign.artifact.sig.v1+json", "signed");
    let digest = digest_of(&signature).to_string();
    server.push_manifest(&user("alice"), "alice/team/app", &digest, &signature).expect(201);
    server.push_blob(&user("alice"), "alice/many", b"{}");
    let one = image(b"{}", &[]);
    for number in 0..120 {
        server.push_manifest(&user("alice"), "alice/many", &format!("build-{number}"), &one).expect(201);
    }
    digest_of(&images[0]).to_string()
}

#[test]
fn everybody_can_read_every_page() {
    let visit = Visit::new();
    let axe = axe();
    let digest = fill(&visit.server);
    let browser = &visit.browser;
    let mut found = Vec::new();
    let mut look = |path: &str| {
        visit.go(path);
        for (colors, width) in [("light", 1280), ("dark", 1280), ("light", 320)] {
            browser.prefer(colors);
            browser.look_through(width, 860);
            let wrong = violations(browser, &axe);
            found.extend(wrong.into_iter().map(|text| format!("{path} {colors} {width}: {text}")));
            // Nothing is wider than the screen, but what scrolls by itself.
            let wide = browser
                .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
            if wide.as_i64() > Some(0) {
                found.push(format!("{path} {colors} {width}: wider than the screen by {wide}"));
            }
        }
        browser.look_through(1280, 860);
        browser.prefer("light");
        visit.has_no_complaint();
    };
    let anonymous = [
        "/ui/sign-in",
        "/ui/health",
        "/ui/setup",
        "/ui/invite",
        "/ui/preferences",
        "/ui/repositories",
        "/ui/n/alice",
        "/ui/r/alice/team/app",
        "/ui/r/alice/team/app/-/tags",
        "/ui/search",
        "/ui/search?q=nothing-like-it",
        "/ui/r/alice/many",
    ];
    for path in anonymous {
        look(path);
    }
    // A person without anything.
    visit.sign_in("admin");
    look("/ui/");
    look("/ui/n/admin");
    for page in ["", "/users", "/users/alice", "/organizations", "/audit", "/settings"] {
        look(&format!("/ui/admin{page}"));
    }
    visit.browser.click(".account summary");
    visit.browser.click(".account button");
    visit.browser.wait_for("Sign in");
    visit.sign_in("alice");
    let alice = sign_in(&visit.server, "alice");
    sign_in(&visit.server, "bob");
    send(&visit.server, "POST", "/api/v1/organizations/acme/teams", &alice, &json!({ "name": "release" }))
        .expect(201);
    let invited = json!({ "invitees": ["jane@example.org"], "team": "release" });
    send(&visit.server, "POST", "/api/v1/organizations/acme/invites", &alice, &invited).expect(200);
    let token = json!({ "label": "ci-main", "scope": "repo:write", "expires_at": "2099-01-01T00:00:00Z" });
    send(&visit.server, "POST", "/api/v1/accounts/alice/tokens", &alice, &token).expect(201);
    let server = &visit.server;
    send(server, "POST", "/api/v1/accounts/acme/tokens", &alice, &token).expect(201);
    let okta = json!({ "label": "okta" });
    send(server, "POST", "/api/v1/organizations/acme/scim-tokens", &alice, &okta).expect(201);
    let grant = json!({ "permission": "write" });
    send(&visit.server, "PUT", "/api/v1/repositories/alice/team/app/-/access/users/bob", &alice, &grant)
        .expect(204);
    let keep = json!({ "rules": [{ "keep_days": 90, "except_tags": ["latest"] }, { "keep_newest": 200 }] });
    send(&visit.server, "POST", "/api/v1/repositories/alice/many/-/retention", &alice, &keep).expect(201);
    let wanted = json!({ "name": "acme", "subscription_tier_slug": "professional", "region": "fra1" });
    let bearer = crate::docr::bearer(server, "alice", "repo:admin");
    send(server, "POST", "/v2/registries", &bearer, &wanted).expect(201);
    let run = send(server, "POST", "/api/v1/namespaces/acme/gc/runs", &alice, &json!({})).expect(202);
    let run = format!("/ui/n/acme/registry/collections/{}", run.json()["id"].as_str().unwrap());
    let gone =
        visit.server.send("DELETE", "/api/v1/repositories/alice/many/-/tags/build-0", &alice, &[], b"");
    let deletion = format!("/ui/deletions/{}?done=1", gone.expect(204).header("longshore-deletion"));
    let image = format!("/ui/r/alice/team/app/-/images/{digest}");
    let own = [
        "/ui/",
        "/ui/n/alice",
        "/ui/n/alice?holds=nothing",
        "/ui/repositories",
        "/ui/repositories/new",
        "/ui/r/alice/empty",
        "/ui/r/alice/empty/-/tags",
        "/ui/r/alice/many/-/tags",
        "/ui/r/alice/many/-/tags?prefix=nothing",
        "/ui/r/alice/many/-/tags?order=x",
        "/ui/r/alice/team/app/-/tags",
        "/ui/r/alice/team/app/-/tags/latest",
        &image,
        "/ui/search?q=a",
        "/ui/account",
        "/ui/account/password",
        "/ui/account/tokens",
        "/ui/account/second-factor",
        "/ui/account/audit",
        "/ui/account/sessions",
        "/ui/orgs",
        "/ui/orgs/acme",
        "/ui/orgs/acme?prefix=nobody",
        "/ui/orgs/acme/teams/release",
        "/ui/orgs/acme/audit?by=nobody",
        "/ui/orgs/acme/tokens",
        "/ui/orgs/acme/settings",
        "/ui/orgs/acme/provisioning",
        "/ui/n/alice/registry",
        "/ui/n/acme/registry",
        &run,
        "/ui/n/alice/deleted",
        &deletion,
        "/ui/r/alice/empty/-/images",
        "/ui/r/alice/many/-/images",
        "/ui/r/alice/team/app/-/images",
        "/ui/r/alice/team/app/-/images?kind=artifact&tagged=no&activity=stale",
        "/ui/r/alice/team/app/-/deleted",
        "/ui/r/alice/team/app/-/access?who=bob",
        "/ui/r/alice/empty/-/retention",
        "/ui/r/alice/many/-/retention",
        "/ui/r/alice/many/-/retention/new?kind-1=newest&amount-1=7&patterns-1=build-1.",
        "/ui/r/alice/many/-/retention/new?kind-1=newest&amount-1=x",
        "/ui/r/alice/team/app/-/settings",
        "/ui/r/alice/team/app/-/delete",
        "/ui/r/alice/team/app/-/tags/latest/history",
        "/ui/r/alice/team/app/-/compare?from=amd64&to=arm64",
        "/ui/nothing",
    ];
    for path in own {
        look(path);
    }
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}
