//! Lists: followed by cursors in each of their orders, over all rows and each once.

use longshore_api_native::routes::{Needs, ROUTES};
use serde_json::json;

use super::{APP, acme, each, follow, push_app, send};
use crate::hub::sign_in;
use crate::server::OPERATOR;

#[test]
fn tags_are_followed_in_each_order() {
    let (server, alice) = acme();
    // Pushed in another order than that of their names.
    let pushed = ["b", "v1", "a", "v10", "v2", "c"];
    for tag in pushed {
        push_app(&server, tag);
    }
    let mut names = pushed.to_vec();
    names.sort_unstable();
    let backwards = |list: &[&str]| list.iter().rev().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for limit in [1, 2, 5, 6, 7] {
        let of = |query: &str| follow(&server, &alice, &format!("{APP}/-/tags?{query}"), limit, "name");
        assert_eq!(of("order=name"), names);
        assert_eq!(of("order=-name"), backwards(&names));
        assert_eq!(of("order=pushed"), pushed);
        assert_eq!(of("order=-pushed"), backwards(&pushed));
        assert_eq!(of("prefix=v"), ["v1", "v10", "v2"]);
        assert_eq!(of("prefix=v1&order=-name"), ["v10", "v1"]);
        assert_eq!(of("prefix=v&order=-pushed"), ["v2", "v10", "v1"]);
        assert_eq!(of("prefix=nothing"), [""; 0]);
        assert_eq!(of("os=plan9"), [""; 0]);
        assert_eq!(of("order=version"), ["a", "b", "c", "v1", "v2", "v10"]);
        assert_eq!(of("order=-version&prefix=v"), ["v10", "v2", "v1"]);
        assert_eq!(of("order=pulled"), names, "none was");
        assert_eq!(of("order=-pulled"), backwards(&names));
        // What is pushed holds the name.
        assert_eq!(of("order=size"), ["a", "b", "c", "v1", "v2", "v10"]);
        assert_eq!(of("order=-size&contains=v"), ["v10", "v2", "v1"]);
        assert_eq!(of("contains=1"), ["v1", "v10"]);
        assert_eq!(of("contains=1&order=-pushed&active_since=2020-01-01T00:00:00Z"), ["v10", "v1"]);
        assert_eq!(of("inactive_since=2020-01-01T00:00:00Z"), [""; 0]);
        assert_eq!(of("digest_tags=false"), names);
    }
    let refused = |query: &str| {
        server.get(&format!("{APP}/-/tags?{query}"), &alice).expect(400).json()["field"].clone()
    };
    let time = "2020-01-01T00:00:00Z";
    assert_eq!(refused("order=created"), "order");
    assert_eq!(refused(&format!("contains={}", "x".repeat(129))), "contains");
    assert_eq!(refused(&format!("active_since={time}&inactive_since={time}")), "inactive_since");
    assert_eq!(refused("active_since=yesterday"), "active_since");
    assert_eq!(refused("digest_tags=maybe"), "digest_tags");
    for now in ["order=-pushed", "contains=a", &format!("active_since={time}"), "digest_tags=false"] {
        assert_eq!(refused(&format!("as_of={time}&{now}")), now.split('=').next().unwrap());
    }
    let whole = server.get(&format!("{APP}/-/tags"), &alice).expect(200).json();
    assert_eq!(whole["count"], 6);
    let part = server.get(&format!("{APP}/-/tags?prefix=v"), &alice).expect(200).json();
    assert!(part["count"].is_null(), "what would have to be looked for is not counted");
}

#[test]
fn a_tag_that_comes_or_goes_between_two_pages_disturbs_no_other() {
    let (server, alice) = acme();
    for tag in ["a", "c", "e", "g"] {
        push_app(&server, tag);
    }
    let first = server.get(&format!("{APP}/-/tags?limit=2"), &alice).expect(200).json();
    assert_eq!(each(&first, "name"), ["a", "c"]);
    push_app(&server, "b");
    push_app(&server, "d");
    server.send("DELETE", &format!("{APP}/-/tags/c"), &alice, &[], b"").expect(204);
    let next = first["next"].as_str().unwrap();
    let second = server.get(&format!("{APP}/-/tags?limit=2&after={next}"), &alice).expect(200).json();
    assert_eq!(each(&second, "name"), ["d", "e"]);
}

#[test]
fn images_and_repositories_are_followed() {
    let (server, alice) = acme();
    let digests: Vec<String> = ["v1", "v2", "v3"].iter().map(|tag| push_app(&server, tag)).collect();
    server.send("DELETE", &format!("{APP}/-/tags/v2"), &alice, &[], b"").expect(204);
    for name in ["acme/a", "acme/b/c", "alice/own"] {
        send(&server, "POST", "/api/v1/repositories", &alice, &json!({ "name": name })).expect(201);
    }
    for limit in [1, 2, 3] {
        let images = follow(&server, &alice, &format!("{APP}/-/images"), limit, "digest");
        assert_eq!(images, digests.iter().rev().cloned().collect::<Vec<_>>(), "also without a tag");
        let repositories = follow(&server, &alice, "/api/v1/repositories", limit, "name");
        assert_eq!(repositories, ["acme/a", "acme/b/c", "acme/team/app", "alice/own"]);
        let of =
            |query: &str| follow(&server, &alice, &format!("/api/v1/repositories?{query}"), limit, "name");
        assert_eq!(of("namespace=acme"), ["acme/a", "acme/b/c", "acme/team/app"]);
        assert_eq!(of("namespace=acme&name_part=A"), ["acme/a", "acme/team/app"]);
        assert_eq!(of("namespace=acme&order=-name"), ["acme/team/app", "acme/b/c", "acme/a"]);
        // What is stored is added up within a minute.
        let mut by_size = of("namespace=acme&order=-size");
        by_size.sort_unstable();
        assert_eq!(by_size, ["acme/a", "acme/b/c", "acme/team/app"]);
        assert_eq!(of("namespace=acme&visibility=public"), [""; 0]);
        assert_eq!(of("namespace=acme&not_pushed_since=2020-01-01T00:00:00Z"), [""; 0]);
        let images =
            |query: &str| follow(&server, &alice, &format!("{APP}/-/images?{query}"), limit, "digest");
        assert_eq!(images("order=pushed"), digests);
        assert_eq!(images("tagged=false"), digests[1..2]);
        assert_eq!(images("tagged=true&order=pushed&kind=image"), [digests[0].clone(), digests[2].clone()]);
        assert_eq!(images("kind=index"), [""; 0]);
        assert_eq!(images("artifact_type=application/nothing"), [""; 0]);
        assert_eq!(images("inactive_since=2020-01-01T00:00:00Z&order=size"), [""; 0]);
        let mut sorted = digests.clone();
        sorted.sort_unstable();
        assert_eq!(images("order=digest"), sorted);
    }
    let whole = server.get(&format!("{APP}/-/images"), &alice).expect(200).json();
    assert_eq!(whole["count"], 3);
    for wrong in ["-/images?order=name", "-/images?kind=chart", "-/images?tagged=perhaps"] {
        server.get(&format!("{APP}/{wrong}"), &alice).expect(400);
    }
    for wrong in ["order=size", "visibility=public", "pushed_since=2020-01-01T00:00:00Z"] {
        server.get(&format!("/api/v1/repositories?{wrong}"), &alice).expect(400);
    }
    server.get("/api/v1/repositories?namespace=acme&order=stars", &alice).expect(400);
    server.get("/api/v1/repositories?namespace=acme&visibility=secret", &alice).expect(400);
    server.get("/api/v1/repositories?namespace=nobody", &alice).expect(404);
    server.get("/api/v1/repositories?name_part=a", &alice).expect(400);
}

#[test]
fn members_are_found_by_the_beginning_of_their_names() {
    let (server, _) = acme();
    // No access token decides about others, or looks at them.
    let alice = sign_in(&server, "alice");
    for user in ["bert", "betty", "carol"] {
        server.admin(&["user", "create", user]);
        server.admin(&[
            "member",
            "set",
            "acme",
            user,
            "--role",
            if user == "betty" { "editor" } else { "member" },
        ]);
    }
    let path = "/api/v1/organizations/acme/members";
    for limit in [1, 2, 10] {
        let of = |query: &str| follow(&server, &alice, &format!("{path}?{query}"), limit, "user");
        assert_eq!(of("prefix=be"), ["bert", "betty"]);
        assert_eq!(of("prefix=Bet"), ["betty"], "names are in small letters");
        assert_eq!(of("prefix=be&role=member"), ["bert"]);
        assert_eq!(of("role=editor"), ["betty"]);
        assert_eq!(of("prefix=x"), [""; 0]);
    }
    server.get(&format!("{path}?role=king"), &alice).expect(400);
}

#[test]
fn a_cursor_is_of_one_list_alone() {
    let (server, alice) = acme();
    for tag in ["a", "b", "c"] {
        push_app(&server, tag);
    }
    let next = server.get(&format!("{APP}/-/tags?limit=1"), &alice).expect(200).json()["next"].clone();
    let next = next.as_str().unwrap();
    for other in ["-/tags?order=-pushed&", "-/tags?prefix=a&", "-/images?", "-/tags/a/history?"] {
        let refused = server.get(&format!("{APP}/{other}after={next}"), &alice).expect(400).json();
        assert_eq!((&refused["code"], &refused["field"]), (&json!("invalid"), &json!("after")), "{other}");
    }
}

#[test]
fn no_operation_takes_a_parameter_that_it_does_not_have() {
    let (server, alice) = acme();
    push_app(&server, "v1");
    for route in ROUTES.iter().filter(|route| route.method == http::Method::GET) {
        let path = route.path.replace("{repository}", "acme/team/app").replace("{tag}", "v1");
        let who = if route.needs == Needs::Operator { OPERATOR } else { alice.as_str() };
        let refused = server.get(&format!("{path}?nonsense=1"), who).expect(400).json();
        assert_eq!(refused["field"], "query", "{}: {refused}", route.operation);
        assert!(refused["detail"].as_str().unwrap().contains("takes"), "{refused}");
    }
}
