//! What browsers send and get, without one.

use longshore_testkit::images::image;
use serde_json::json;

use super::{FROM_HERE, cookie_of, page, signed_in, submit, words};
use crate::hub::{send, sign_in};
use crate::server::{PASSWORD, Server, user};

#[test]
fn pages_can_do_nothing_but_what_they_are_for() {
    let server = Server::new();
    let answer = page(&server, "/ui/sign-in", "").expect(200);
    let policy = answer.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "private, no-cache"),
        ("vary", "Cookie, Accept-Encoding"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    // No markup that the policy would refuse.
    let html = String::from_utf8(answer.body.clone()).unwrap();
    for mark in [" style=", " onclick", "<style", "javascript:"] {
        assert!(!html.contains(mark), "{mark}");
    }
    // The same page is not sent twice.
    let tag = answer.header("etag");
    let again = server.send("GET", "/ui/sign-in", "", &[("if-none-match", tag)], b"").expect(304);
    assert!(again.body.is_empty());
    let other = server.send("GET", "/ui/sign-in?next=/ui/search", "", &[("if-none-match", tag)], b"");
    other.expect(200);
    // Files are kept for good, and found by what the page names.
    let css =
        html.split("href=\"").find(|part| part.contains("/ui/static/ui.") && part.contains(".css")).unwrap();
    let css = css.split('"').next().unwrap();
    let file = server.get(css, "").expect(200);
    assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(file.header("content-type"), "text/css; charset=utf-8");
    server.get("/ui/static/other.00000000.css", "").expect(404);
}

#[test]
fn what_a_form_does_an_operation_does_too() {
    let known: Vec<&str> = longshore_api_native::routes::ROUTES.iter().map(|route| route.operation).collect();
    for screen in longshore_web::routes::SCREENS {
        if let longshore_web::routes::Twin::Operation(name) = screen.twin {
            assert!(
                known.contains(&name),
                "{} is said to do what {name} does, which is not there",
                screen.operation
            );
        }
    }
}

#[test]
fn nobody_else_sends_forms() {
    let server = Server::new();
    sign_in(&server, "alice");
    let cookie = signed_in(&server, "alice");
    let form = b"namespace=alice&name=made";
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let own = server.url.clone();
    let attacks: [&[(&str, &str)]; 6] = [
        &[],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "none")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
    ];
    for attack in attacks {
        let headers: Vec<(&str, &str)> =
            attack.iter().copied().chain([kind, ("cookie", cookie.as_str())]).collect();
        let answer = server.send("POST", "/ui/repositories/new", "", &headers, form).expect(403);
        assert!(words(&answer).contains("was not sent by a page of this registry"), "{attack:?}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        // Signing in and out neither.
        for path in ["/ui/sign-in", "/ui/sign-out", "/ui/preferences"] {
            server.send("POST", path, "", &headers, b"user=admin&password=x").expect(403);
        }
    }
    page(&server, "/ui/r/alice/made", &cookie).expect(404);
    // Where a browser does not say where it comes from, the origin does.
    let headers = [kind, ("origin", own.as_str()), ("cookie", cookie.as_str())];
    server.send("POST", "/ui/repositories/new", "", &headers, form).expect(303);
    page(&server, "/ui/r/alice/made", &cookie).expect(200);
    // The cookie opens no other door, and no other credential opens this one.
    server.send("GET", "/api/v1/whoami", "", &[("cookie", &cookie)], b"").expect(401);
    server.send("GET", "/v2/alice/made/tags/list", "", &[("cookie", &cookie)], b"").expect(401);
    let secret = cookie.split_once('=').unwrap().1;
    server
        .send("GET", "/api/v1/whoami", "", &[("authorization", &format!("Bearer {secret}"))], b"")
        .expect(401);
    let session = sign_in(&server, "alice");
    page_with(&server, "/ui/account/sessions", &session).expect(303);
}

fn page_with(server: &Server, path: &str, authorization: &str) -> crate::server::Answer {
    server.send("GET", path, "", &[("authorization", authorization), ("accept", "text/html")], b"")
}

#[test]
fn what_may_not_be_seen_looks_like_what_is_not_there() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    sign_in(&server, "bob");
    server.push_manifest(&user("alice"), "alice/secret", "v1", &image(b"{}", &[]));
    server.push_blob(&user("alice"), "alice/secret", b"{}");
    server.push_manifest(&user("alice"), "alice/secret", "v1", &image(b"{}", &[])).expect(201);
    let digest = send(&server, "GET", "/api/v1/repositories/alice/secret/-/tags/v1", &alice, &json!(null));
    let digest = digest.expect(200).json()["digest"].as_str().unwrap().to_owned();
    let [own, other] = ["alice", "bob"].map(|name| signed_in(&server, name));
    for rest in ["", "/-/tags", "/-/tags/v1", &format!("/-/images/{digest}")] {
        page(&server, &format!("/ui/r/alice/secret{rest}"), &own).expect(200);
        for cookie in [&other, ""] {
            let hidden = page(&server, &format!("/ui/r/alice/secret{rest}"), cookie).expect(404);
            let missing = page(&server, &format!("/ui/r/alice/sacred{rest}"), cookie).expect(404);
            assert_eq!(words(&hidden), words(&missing).replace("sacred", "secret"), "{rest} {cookie}");
        }
    }
    // Nor does a list or a search tell.
    for path in ["/ui/repositories", "/ui/search?q=secret", &format!("/ui/search?q={digest}")] {
        let seen = page(&server, path, &other);
        assert!(!words(&seen.expect(200)).contains("alice/secret"), "{path}");
    }
    page(&server, "/ui/n/alice", &other).expect(404);
    assert!(words(&page(&server, "/ui/n/alice", &own).expect(200)).contains("alice/secret"));
    // What cannot be a name is no page either.
    for path in [
        "/ui/r/A%20B",
        "/ui/r/alice/secret/-/tags/%20",
        "/ui/r/alice/secret/-/images/sha256:0",
        "/ui/x",
        "/ui/r/alice/secret/-/",
    ] {
        page(&server, path, &own).expect(404);
    }
    // A cursor of nothing is said to be none.
    for query in ["after=x", "before=x", "order=x", "activity=x", "after=%00"] {
        let answer = page(&server, &format!("/ui/r/alice/secret/-/tags?{query}"), &own);
        assert_eq!(answer.status, 400, "{query}");
    }
    let answer = server.send("PUT", "/ui/repositories", "", &[FROM_HERE], b"").expect(405);
    assert_eq!(answer.header("allow"), "GET");
}

#[test]
fn a_session_ends_when_it_should() {
    let (server, clock) = Server::with_clock();
    let wrong = submit(&server, "/ui/sign-in", "", "user=admin&password=nonsense").expect(401);
    assert!(words(&wrong).contains("User name or password is wrong."));
    assert!(wrong.headers.get("set-cookie").is_none());
    let cookie = signed_in(&server, "admin");
    page(&server, "/ui/account/sessions", &cookie).expect(200);
    // A token signs no person in.
    let token = server.admin(&["token", "create", "admin", "--label", "ci"]);
    let form = format!("user=admin&password={}", token["token"].as_str().unwrap());
    let refused = submit(&server, "/ui/sign-in", "", &form).expect(401);
    assert!(words(&refused).contains("Access tokens sign in docker and scripts, not people."));
    // Signed out.
    let out = submit(&server, "/ui/sign-out", &cookie, "").expect(303);
    assert_eq!((out.header("location"), out.header("clear-site-data")), ("/ui/sign-in", "\"cache\""));
    let gone = page(&server, "/ui/account/sessions", &cookie).expect(303);
    assert_eq!(gone.header("location"), "/ui/sign-in?next=%2Fui%2Faccount%2Fsessions");
    assert!(gone.header("set-cookie").contains("Max-Age=0"), "{}", gone.header("set-cookie"));
    // Idle.
    let cookie = signed_in(&server, "admin");
    clock.set(11 * 3600);
    page(&server, "/ui/account/sessions", &cookie).expect(200);
    clock.set(22 * 3600);
    page(&server, "/ui/account/sessions", &cookie).expect(200);
    // At the latest after a day, however much it is used.
    clock.set(25 * 3600);
    page(&server, "/ui/account/sessions", &cookie).expect(303);
    let cookie = signed_in(&server, "admin");
    clock.set(38 * 3600);
    page(&server, "/ui/account/sessions", &cookie).expect(303);
}

#[test]
fn sessions_are_listed_and_ended() {
    let server = Server::new();
    sign_in(&server, "alice");
    sign_in(&server, "bob");
    let [first, second, third] = [(); 3].map(|()| signed_in(&server, "alice"));
    let other = signed_in(&server, "bob");
    let list = page(&server, "/ui/account/sessions", &first).expect(200);
    let html = String::from_utf8(list.body).unwrap();
    let ends: Vec<&str> = html
        .split("action=\"")
        .filter_map(|part| part.split('"').next())
        .filter(|path| path.ends_with("/end"))
        .collect();
    assert_eq!(ends.len(), 2, "{html}");
    // Not by somebody else.
    submit(&server, ends[0], &other, "").expect(404);
    submit(&server, ends[0], "", "").expect(303);
    page(&server, "/ui/account/sessions", &second).expect(200);
    submit(&server, ends[0], &first, "").expect(303);
    submit(&server, ends[0], &first, "").expect(404);
    let alive = |cookie: &str| page(&server, "/ui/account/sessions", cookie).status == 200;
    assert_eq!([alive(&first), alive(&second), alive(&third)].iter().filter(|alive| **alive).count(), 2);
    // All others at once; this one goes on.
    let token = sign_in(&server, "alice");
    server.send("GET", "/api/v1/account/sessions", &token, &[], b"").expect(200);
    submit(&server, "/ui/account/sessions/end-others", &first, "").expect(303);
    assert!(alive(&first) && !alive(&second) && !alive(&third) && alive(&other));
    server.send("GET", "/api/v1/account/sessions", &token, &[], b"").expect(401);
    // Another password ends all.
    server.admin_with_input(&["user", "password", "alice", "--password-stdin"], PASSWORD);
    assert!(!alive(&first));
    // An account that is switched off.
    server.admin(&["user", "disable", "bob"]);
    assert!(!alive(&other));
}

#[test]
fn links_of_other_sites_lead_to_the_page_all_the_same() {
    let server = Server::new();
    let from = [("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document"), ("accept", "text/html")];
    // The cookie does not come with it, so the browser asks again from here.
    let bounced = server.send("GET", "/ui/r/acme/app?order=name", "", &from, b"").expect(200);
    let html = String::from_utf8(bounced.body).unwrap();
    assert!(
        html.contains("http-equiv=\"refresh\" content=\"0; url=/ui/r/acme/app?order=name&#38;again\""),
        "{html}"
    );
    server.send("GET", "/ui/r/acme/app?order=name&again", "", &from, b"").expect(404);
    server.send("GET", "/ui/sign-in", "", &from, b"").expect(200);
    // What is typed or pasted into the address bar.
    for (path, target) in [
        ("/", "/ui/"),
        ("/acme/app", "/ui/r/acme/app"),
        ("/acme/app:v1", "/ui/r/acme/app/-/tags/v1"),
        ("/acme", "/ui/n/acme"),
    ] {
        let answer = server.send("GET", path, "", &[("accept", "text/html,*/*")], b"").expect(303);
        assert_eq!(answer.header("location"), target, "{path}");
        assert!(server.get(path, "").status != 303, "{path}");
    }
    server.send("GET", "/acme/app:", "", &[("accept", "text/html")], b"").expect(404);
    let off = Server::with(&["--set", "ui.enabled=false"]);
    off.send("GET", "/ui/", "", &[("accept", "text/html")], b"").expect(404);
    off.send("GET", "/", "", &[("accept", "text/html")], b"").expect(200);
}

#[test]
fn hostile_texts_are_shown_as_texts() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let cookie = signed_in(&server, "alice");
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let readme = format!("# {hostile}\n\n[x](javascript:alert(1)) {hostile}");
    let body = json!({ "name": "alice/app", "description": &hostile[..50], "readme": readme });
    send(&server, "POST", "/api/v1/repositories", &alice, &body).expect(201);
    let config = json!({
        "os": "linux", "architecture": "amd64",
        "config": { "Env": [format!("A={hostile}")], "Labels": { hostile: hostile }, "Entrypoint": [hostile] },
        "history": [{ "created_by": hostile, "empty_layer": true }],
        "rootfs": { "type": "layers", "diff_ids": [] }, "author": hostile,
    })
    .to_string();
    server.push_blob(&user("alice"), "alice/app", config.as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": longshore_testkit::images::digest_of(&config).to_string(),
            "size": config.len(),
        },
        "layers": [],
        "annotations": { hostile: hostile },
    });
    server.push_manifest(&user("alice"), "alice/app", "v1", &manifest.to_string()).expect(201);
    let paths = [
        "/ui/".to_owned(),
        "/ui/repositories".into(),
        "/ui/n/alice".into(),
        "/ui/r/alice/app".into(),
        "/ui/r/alice/app/-/tags".into(),
        "/ui/r/alice/app/-/tags/v1".into(),
        format!("/ui/search?q={}", "%3Cscript%3Ealert(1)%3C/script%3E"),
        "/ui/r/alice/app/-/tags?prefix=%3Cscript%3E&holds=%22%3E%3Cimg%20src%3Dx%3E&platform=%3Cscript%3E%2F%22".into(),
        "/ui/n/alice?holds=%22%3E%3Cscript%3E".into(),
        "/ui/sign-in?next=/ui/%22%3E%3Cscript%3E".into(),
        "/ui/repositories/new?namespace=%22%3E%3Cscript%3E".into(),
    ];
    for path in paths {
        let answer = page(&server, &path, &cookie);
        let html = String::from_utf8(answer.body).unwrap();
        for mark in ["<script>", "<img", "onerror=alert(1)>", "href=\"javascript"] {
            assert!(!html.contains(mark), "{path}: {mark}");
        }
    }
    let shown = page(&server, "/ui/r/alice/app/-/tags/v1", &cookie).expect(200);
    let shown = String::from_utf8(shown.body).unwrap();
    assert!(shown.contains("&#60;script&#62;alert(1)"), "{shown}");
    // Forms keep what was typed.
    let form = "namespace=alice&name=%3Cscript%3E&description=%22%3E%3Cimg%20src%3Dx%3E";
    let refused = submit(&server, "/ui/repositories/new", &cookie, form).expect(400);
    let html = String::from_utf8(refused.body).unwrap();
    assert!(html.contains("value=\"&#60;script&#62;\"") && !html.contains("<img"), "{html}");
}

#[test]
fn a_second_factor_is_asked_for() {
    let server = Server::new();
    let bob = sign_in(&server, "bob");
    let enrolled = send(&server, "POST", "/v2/user/2fa/enrol", &bob, &json!({ "password": PASSWORD }));
    let secret = crate::hub::authentication::secret(enrolled.expect(200).json()["secret"].as_str().unwrap());
    let now = crate::hub::authentication::time();
    let code = |steps: u32| secret.code_at(now + std::time::Duration::from_secs(30) * steps).unwrap();
    let confirmed =
        send(&server, "POST", "/v2/user/2fa/confirm", &bob, &json!({ "code": code(0) })).expect(200);
    let recovery = confirmed.json()["recovery_codes"][0].as_str().unwrap().to_owned();
    let password = format!("user=bob&password={}", PASSWORD.replace(' ', "+"));
    let begun = submit(&server, "/ui/sign-in", "", &format!("{password}&next=/ui/search")).expect(303);
    assert!(begun.header("location").starts_with("/ui/sign-in/second-factor"), "{begun:?}");
    assert!(begun.header("set-cookie").contains("HttpOnly; SameSite=Strict"));
    let challenge = cookie_of(&begun);
    // What stands for the password is no session.
    page(&server, "/ui/account/sessions", &challenge).expect(303);
    let step = "/ui/sign-in/second-factor";
    page(&server, step, &challenge).expect(200);
    page(&server, step, "").expect(303);
    submit(&server, step, &challenge, "code=000000").expect(401);
    submit(&server, step, "", &format!("code={}", code(1))).expect(401);
    let done = submit(&server, step, &challenge, &format!("code={}&next=/ui/search", code(1))).expect(303);
    assert_eq!(done.header("location"), "/ui/search");
    page(&server, "/ui/account/sessions", &cookie_of(&done)).expect(200);
    // Once.
    submit(&server, step, &challenge, &format!("code={}", code(1))).expect(401);
    let challenge = cookie_of(&submit(&server, "/ui/sign-in", "", &password).expect(303));
    let done = submit(&server, step, &challenge, &format!("code={recovery}")).expect(303);
    let list = page(&server, "/ui/account/sessions", &cookie_of(&done)).expect(200);
    assert!(words(&list).contains("Both factors"));
    // Throttled, it says for how long.
    for _ in 0..30 {
        let refused = submit(&server, "/ui/sign-in", "", "user=bob&password=wrong");
        if refused.status == 429 {
            assert!(words(&refused).contains("There were too many wrong tries. Try again in"));
            assert!(!refused.header("retry-after").is_empty());
            return;
        }
    }
    panic!("wrong passwords are not throttled");
}

#[test]
fn what_is_typed_of_a_retention_rule_is_never_left_out() {
    let server = Server::new();
    let cookie = signed_in(&server, "alice");
    super::accessible::fill(&server);
    let path = "/ui/r/alice/many/-/retention/new";
    // An exception without a number, a kind that is none, a tag that cannot be one.
    for (form, says) in [
        ("kind-1=newest&amount-1=1&kind-2=days&amount-2=&patterns-2=keep.*", "rule 2 has no number"),
        ("tags-1=latest", "rule 1 has no number"),
        ("kind-1=bogus&amount-1=7", "rule 1 keeps by days or by number"),
        ("kind-1=days&amount-1=7&tags-1=bad+tag!", "bad tag!"),
        ("kind-1=days&amount-1=0", "must be 1 to"),
    ] {
        let refused = submit(&server, path, &cookie, form).expect(400);
        assert!(words(&refused).contains(says), "{form}: {}", words(&refused));
        let text = String::from_utf8_lossy(&refused.body).into_owned();
        for typed in
            ["keep.*", "latest", "bad tag!"].iter().filter(|typed| form.contains(&typed.replace(' ', "+")))
        {
            assert!(text.contains(typed), "{form} lost {typed}");
        }
        let shown = page(&server, &format!("{path}?{form}"), &cookie).expect(200);
        assert!(form == "tags-1=latest" || words(&shown).contains(says), "{form}: {}", words(&shown));
    }
    let kept = server.get("/api/v1/repositories/alice/many/-/retention", &sign_in(&server, "alice"));
    assert_eq!(kept.expect(200).json()["items"].as_array().unwrap().len(), 0);
}

#[test]
fn tokens_of_an_organization_do_no_more_than_they_say() {
    let server = Server::new();
    let cookie = signed_in(&server, "alice");
    for (form, says) in [
        ("label=a&scope=repo:public_read&repositories=acme/app&ends=30", "this one pulls what is public"),
        ("label=a&scope=repo:write&repositories=*/*/public&ends=30", "must each begin with acme/"),
        ("label=a&scope=repo:write&repositories=globex/app&ends=30", "must each begin with acme/"),
    ] {
        let refused = submit(&server, "/ui/orgs/acme/tokens", &cookie, form).expect(400);
        assert!(words(&refused).contains(says), "{form}: {}", words(&refused));
    }
    // What is not said is not taken for the weaker choice.
    submit(&server, "/ui/orgs/acme/settings", &cookie, "").expect(400);
}
