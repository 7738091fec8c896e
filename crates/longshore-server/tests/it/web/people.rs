//! What people do on the pages, by mouse, by keyboard alone, and without script.

use std::time::{Duration, Instant};

use super::Visit;
use super::accessible::fill;
use crate::browser::{Browser, Options};
use crate::hub::sign_in;
use crate::server::{PASSWORD, Server};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

/// Waits until the page is the one of an address.
#[track_caller]
fn arrives(browser: &Browser, path: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while !browser.address().ends_with(path) {
        assert!(Instant::now() < until, "{} is not {path}", browser.address());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until a script returns true.
#[track_caller]
fn becomes(browser: &Browser, script: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while browser.run(&format!("return {script}")) != true {
        assert!(Instant::now() < until, "{script} stays false: {}", browser.text("main"));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn somebody_signs_in_finds_an_image_and_signs_out() {
    let visit = Visit::new();
    fill(&visit.server);
    let browser = &visit.browser;
    // A private page asks to sign in, and comes then.
    visit.go("/ui/account/sessions");
    arrives(browser, "/ui/sign-in?next=%2Fui%2Faccount%2Fsessions");
    browser.fill("#user", "alice");
    browser.fill("#password", "wrong");
    browser.click("main button.primary");
    browser.wait_for("User name or password is wrong.");
    browser.fill("#password", PASSWORD);
    browser.click("main button.primary");
    browser.wait_for("This one: Chromium on Linux");
    // From the start to the image.
    browser.click(".brand");
    browser.wait_for("alice/team/app");
    browser.click("tbody a[href='/ui/r/alice/team/app']");
    browser.wait_for("What it is.");
    assert_eq!(browser.title(), "alice/team/app · Longshore");
    browser.click(".tabs a[href$='/-/tags']");
    browser.wait_for("v2.10.0");
    browser.click("tbody a[href$='/-/tags/latest']");
    browser.wait_for("docker pull 127.0.0.1");
    browser.click("nav[aria-label=Platforms] a[href*='/images/']");
    browser.wait_for("COPY app /app # buildkit");
    browser.wait_for("Signature (not checked)");
    browser.wait_for("2 images here");
    // What looks like a secret is not in plain sight.
    assert!(!browser.text("main").contains("not-so-secret"));
    // For another tool, remembered.
    browser.choose("#tool", "crane");
    browser.click("form.bar button");
    browser.wait_for("crane pull 127.0.0.1");
    // A new repository.
    visit.go("/ui/repositories/new");
    browser.fill("#name", "Not A Name");
    browser.click("main button.primary");
    browser.wait_for("New repository");
    becomes(browser, "document.querySelector('#name').getAttribute('aria-invalid') === 'true'");
    assert_eq!(browser.run("return document.querySelector('#name').value"), "Not A Name");
    browser.fill("#name", "fresh");
    browser.click("main button.primary");
    browser.wait_for("alice/fresh is made.");
    visit.has_no_complaint();
    browser.click(".account summary");
    browser.click(".account button");
    browser.wait_for("Sign in");
    visit.go("/ui/r/alice/fresh");
    browser.wait_for("There is no such page, or it is not for you");
    visit.has_no_complaint();
}

#[test]
fn lists_are_narrowed_sorted_and_paged_in_place() {
    let visit = Visit::new();
    fill(&visit.server);
    let browser = &visit.browser;
    visit.sign_in("alice");
    visit.go("/ui/r/alice/many/-/tags");
    browser.wait_for("120 tags");
    assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length"), 50);
    browser.run("window.kept = true");
    browser.click("#results a[rel=next]");
    becomes(browser, "location.search.startsWith('?after=')");
    browser.click("#results a[rel=next]");
    becomes(browser, "document.querySelectorAll('tbody tr').length === 20");
    browser.click("#results a[rel=prev]");
    becomes(
        browser,
        "location.search.startsWith('?before=') && document.querySelectorAll('tbody tr').length === 50",
    );
    // While it is typed, and the focus stays.
    browser.fill("#prefix", "build-11");
    becomes(
        browser,
        "document.querySelectorAll('tbody tr').length === 11 && document.activeElement.id === 'prefix'",
    );
    assert!(browser.address().contains("prefix=build-11"));
    browser.wait_for("11 tags of 120 tags on this page");
    browser.run("document.querySelector('#prefix').value = ''");
    browser.choose("#order", "-version");
    becomes(browser, "location.search.includes('order=-version')");
    becomes(browser, "document.querySelector('tbody strong').textContent === 'build-119'");
    browser.click("thead a[href*='order=name']");
    becomes(browser, "document.querySelector('th[aria-sort=ascending]') !== null");
    assert_eq!(browser.run("return window.kept"), true, "the page was loaded again");
    browser.run("history.back()");
    becomes(browser, "document.querySelector('tbody strong').textContent === 'build-119'");
    // What was said to those who do not see it.
    becomes(browser, "document.querySelector('#said').textContent.length > 0");
    visit.has_no_complaint();
}

#[test]
fn everything_is_reached_by_keyboard() {
    let visit = Visit::new();
    fill(&visit.server);
    let browser = &visit.browser;
    visit.go("/ui/sign-in");
    becomes(browser, "document.activeElement.id === 'user'");
    browser.press(&format!("alice{TAB}{PASSWORD}{ENTER}"));
    browser.wait_for("Recently pushed");
    // The first stop leads past the frame.
    browser.press(TAB);
    becomes(browser, "document.activeElement.className === 'skip'");
    browser.press(ENTER);
    becomes(browser, "document.activeElement.id === 'main'");
    // Single keys.
    browser.press("gr");
    browser.wait_for("Your namespaces:");
    browser.press("/");
    becomes(browser, "document.activeElement.id === 'q'");
    browser.press(&format!("alice/team/app{ENTER}"));
    browser.wait_for("The app of the team");
    visit.go("/ui/r/alice/team/app/-/tags");
    browser.press("jj");
    becomes(browser, "document.activeElement.closest('tr')?.rowIndex === 2");
    browser.press("k");
    becomes(browser, "document.activeElement.closest('tr')?.rowIndex === 1");
    browser.press(ENTER);
    browser.wait_for("Media type");
    // The focus is seen wherever it goes, and comes back to where it began.
    visit.go("/ui/r/alice/team/app/-/tags");
    let mut seen = 0;
    for _ in 0..200 {
        browser.press(TAB);
        let at = browser.run(
            "const at = document.activeElement;
             if (at === document.body) return 'end';
             const box = at.getBoundingClientRect();
             const style = getComputedStyle(at);
             const visible = box.width > 0 && box.height > 0 && (style.outlineStyle !== 'none' || at.className === 'skip');
             return visible ? 'seen' : at.outerHTML.slice(0, 200);",
        );
        match at.as_str().unwrap() {
            "end" => break,
            "seen" => seen += 1,
            other => panic!("the focus is not seen at {other}"),
        }
    }
    assert!((20..200).contains(&seen), "{seen}");
    // The menu opens and closes.
    browser.run("document.querySelector('.account summary').focus()");
    browser.press(ENTER);
    becomes(browser, "document.querySelector('.account').open");
    browser.press(ESCAPE);
    becomes(browser, "!document.querySelector('.account').open");
    // Switched off, single keys do nothing.
    visit.go("/ui/preferences");
    browser.click("#keys-off");
    browser.click("main button.primary");
    browser.wait_for("Kept in this browser.");
    browser.press("gr");
    std::thread::sleep(Duration::from_millis(300));
    assert!(browser.address().contains("/ui/preferences"));
    visit.has_no_complaint();
}

#[test]
fn stale_images_are_deleted_and_brought_back() {
    let visit = Visit::new();
    fill(&visit.server);
    let browser = &visit.browser;
    visit.sign_in("alice");
    visit.go("/ui/r/alice/team/app/-/images");
    browser.wait_for("shared layers");
    // The index with its parts: its tags are named, and must be seen.
    browser.click("tr:has(a.chip[href$='/tags/latest']) input[type=checkbox]");
    becomes(browser, "document.querySelector('output[data-selected]').value === '1'");
    browser.click(".selection button");
    browser.wait_for("Delete 1 image and 3 tags?");
    browser.wait_for("Can be undone until");
    browser.click("main form button.danger");
    browser.wait_for("Tags go with these images.");
    browser.click("#tags-too");
    browser.click("main form button.danger");
    browser.wait_for("Can be undone");
    browser.wait_for("Undo");
    visit.has_no_complaint();
    visit.go("/ui/r/alice/team/app/-/deleted");
    browser.wait_for("alice");
    browser.click("tbody a");
    browser.wait_for("Bring it back");
    browser.click("main form button.primary");
    browser.wait_for("Brought back");
    visit.go("/ui/r/alice/team/app/-/tags");
    browser.wait_for("v2.10.0");
    // Tags alone: only the names go. Undo is at hand.
    browser.click("input[aria-label='Select v2.4.0']");
    browser.click(".selection button");
    browser.wait_for("Delete 1 tag?");
    browser.click("main form button.danger");
    browser.wait_for("Deleted 1 tag.");
    browser.click(".note button");
    browser.wait_for("Brought back 0 images and 1 tag.");
    // A tag is moved back.
    visit.go("/ui/r/alice/team/app/-/tags/v2.4.0/history");
    browser.wait_for("by alice");
    visit.has_no_complaint();
}

#[test]
fn an_organization_is_made_and_a_team_is_given_access() {
    let visit = Visit::new();
    sign_in(&visit.server, "alice");
    sign_in(&visit.server, "bob");
    let browser = &visit.browser;
    visit.sign_in("alice");
    visit.go("/ui/orgs");
    browser.fill("#name", "harbour");
    browser.click("main button.primary");
    browser.wait_for("The organization is made, and you own it.");
    browser.fill("#invitees", "bob\nnobody\njane@example.org");
    browser.click("form[action$='/invites'] button.primary");
    browser.wait_for("pass this link on, it is shown once");
    browser.wait_for("is no user here and no e-mail address");
    let link = browser.text("#link-1");
    browser.fill("#team-name", "release");
    browser.click("form[action$='/teams'] button.primary");
    browser.wait_for("Nobody is in this team.");
    visit.go("/ui/repositories/new?namespace=harbour");
    browser.fill("#name", "app");
    browser.click("main button.primary");
    browser.wait_for("harbour/app is made.");
    visit.go("/ui/r/harbour/app/-/access");
    browser.fill("#team", "release");
    browser.choose("#team-permission", "write");
    browser.click("form:has(#team) button.primary");
    browser.wait_for("It is so.");
    browser.wait_for("Team release");
    browser.fill("#who", "bob");
    browser.click("form:has(#who) button");
    browser.wait_for("bob may do: nothing.");
    // Bob accepts, and is put into the team.
    let secret = link.split_once('#').unwrap().1.to_owned();
    let bob = sign_in(&visit.server, "bob");
    crate::hub::send(
        &visit.server,
        "POST",
        "/v2/invites/accept",
        &bob,
        &serde_json::json!({ "token": secret }),
    )
    .expect(200);
    visit.go("/ui/orgs/harbour/teams/release");
    browser.fill("#name", "bob");
    browser.click("form[action$='/members'] button.primary");
    browser.wait_for("Bob".to_lowercase().as_str());
    visit.go("/ui/r/harbour/app/-/access?who=bob");
    browser.wait_for("bob may do: pull and push.");
    browser.wait_for("is in the team release");
    visit.go("/ui/orgs/harbour/audit");
    browser.wait_for("made the repository");
    browser.wait_for("made the team");
    // The last owner stays.
    visit.go("/ui/orgs/harbour");
    browser.click("form[action$='/members/alice/remove'] button");
    browser.wait_for("last owner");
    visit.has_no_complaint();
}

#[test]
fn somebody_keeps_the_account_in_their_own_hands() {
    let visit = Visit::new();
    sign_in(&visit.server, "alice");
    let browser = &visit.browser;
    visit.sign_in("alice");
    visit.go("/ui/account/tokens");
    browser.fill("#label", "ci-main");
    browser.click("form[action$='/tokens'] button.primary");
    browser.wait_for("it is shown once");
    let secret = browser.text("#secret");
    visit.server.get("/v2/", &format!("alice:{secret}")).expect(200);
    browser.click("main a.button.primary");
    browser.wait_for("ci-main");
    browser.click("button[aria-label='Switch ci-main off']");
    browser.wait_for("is switched off.");
    visit.server.get("/v2/", &format!("alice:{secret}")).expect(401);
    browser.click("button[aria-label='Delete ci-main']");
    browser.wait_for("You have no access token.");
    // A second factor.
    visit.go("/ui/account/second-factor");
    browser.fill("#password", "not the password");
    browser.click("main button.primary");
    browser.wait_for("The password or the code is wrong.");
    browser.fill("#password", PASSWORD);
    browser.click("main button.primary");
    browser.wait_for("Scan this");
    becomes(browser, "document.querySelector('.qr svg').getBoundingClientRect().width > 100");
    let key: String = browser.text("#key").split_whitespace().collect();
    let totp = crate::hub::authentication::secret(&key);
    let code = |steps: u32| {
        totp.code_at(crate::hub::authentication::time() + Duration::from_secs(30) * steps).unwrap()
    };
    browser.fill("#code", "000000");
    browser.click("main form button.primary");
    browser.wait_for("That code is wrong.");
    browser.fill("#code", &code(0));
    browser.click("main form button.primary");
    browser.wait_for("They are shown once.");
    let codes = browser.text("#codes");
    assert_eq!(codes.lines().filter(|line| !line.trim().is_empty()).count(), 10, "{codes}");
    // This browser goes on; the next sign-in asks for the code.
    browser.click("main a.button.primary");
    browser.wait_for("Second factor: on");
    browser.click(".account summary");
    browser.click(".account button");
    browser.wait_for("Sign in");
    browser.fill("#user", "alice");
    browser.fill("#password", PASSWORD);
    browser.click("main button.primary");
    browser.wait_for("Lost it?");
    browser.fill("#code", codes.lines().next().unwrap().trim());
    browser.click("main button.primary");
    browser.wait_for("Recently pushed");
    // Another password.
    visit.go("/ui/account/password");
    browser.fill("#current", PASSWORD);
    browser.fill("#new", "another good password");
    browser.fill("#again", "another good passwort");
    browser.click("main form button.primary");
    browser.wait_for("differ");
    browser.fill("#current", PASSWORD);
    browser.fill("#new", "another good password");
    browser.fill("#again", "another good password");
    browser.click("main form button.primary");
    browser.wait_for("Sign in with the new one.");
    visit.has_no_complaint();
}

#[test]
fn settings_are_changed_and_a_repository_is_deleted_and_brought_back() {
    let visit = Visit::new();
    fill(&visit.server);
    let browser = &visit.browser;
    visit.sign_in("alice");
    visit.go("/ui/r/alice/team/app/-/settings");
    browser.fill("#readme", "# Another\n\nIt is *new*.");
    browser.click("#private");
    browser.click("#immutable-rules");
    browser.fill("#rules", "(");
    browser.click("main form button.primary");
    becomes(browser, "document.querySelector('#rules').getAttribute('aria-invalid') === 'true'");
    assert!(
        browser
            .run("return document.querySelector('#readme').value")
            .as_str()
            .unwrap()
            .contains("It is *new*.")
    );
    browser.fill("#rules", "^v2");
    browser.click("main form button.primary");
    browser.wait_for("Saved.");
    visit.go("/ui/r/alice/team/app");
    browser.wait_for("It is new.");
    browser.wait_for("Immutable tags: ^v2");
    browser.wait_for("Private");
    // What is immutable cannot be selected.
    visit.go("/ui/r/alice/team/app/-/tags");
    becomes(browser, "document.querySelector(\"input[aria-label='Select v2.4.0']\").disabled");
    visit.go("/ui/r/alice/many/-/settings");
    browser.click("a.button.danger");
    browser.wait_for("120 tags, 1 image");
    browser.click("main form button.danger");
    browser.wait_for("the repository, with 1 image and 120 tags");
    visit.go("/ui/r/alice/many");
    browser.wait_for("There is no such page");
    visit.go("/ui/n/alice/deleted");
    browser.click("tbody a");
    browser.wait_for("Bring it back");
    browser.click("main form button.primary");
    browser.wait_for("Brought back");
    visit.go("/ui/r/alice/many/-/tags");
    browser.wait_for("120 tags");
    visit.has_no_complaint();
}

#[test]
fn invites_are_accepted_by_new_people_and_by_others() {
    let visit = Visit::new();
    let alice = sign_in(&visit.server, "alice");
    sign_in(&visit.server, "bob");
    let link = |invitee: &str| {
        let body = serde_json::json!({ "invitees": [invitee] });
        let path = "/api/v1/organizations/acme/invites";
        let made = crate::hub::send(&visit.server, "POST", path, &alice, &body).expect(200).json();
        made["items"][0]["link"].as_str().unwrap().to_owned()
    };
    let browser = &visit.browser;
    visit.go("/invite#lsi_wrong");
    browser.wait_for("There is no such invite");
    arrives(browser, "/ui/invite");
    // Somebody new.
    browser.go(&link("jane@example.org"));
    browser.wait_for("alice invites jane@example.org to the organization acme, as member");
    assert!(!browser.address().contains("lsi_"), "{}", browser.address());
    browser.fill("#user", "alice");
    browser.fill("#new", PASSWORD);
    browser.click("form[action$='/join'] button");
    browser.wait_for("The account alice already exists");
    browser.fill("#user", "jane");
    browser.fill("#new", PASSWORD);
    browser.click("form[action$='/join'] button");
    browser.wait_for("Members");
    arrives(browser, "/ui/orgs/acme");
    // For another account than the one that is signed in: one signs in with that, and comes back.
    browser.go(&link("bob"));
    browser.wait_for("Accept as jane");
    browser.click("form[action$='/accept'] button");
    browser.wait_for("This invite is for bob");
    browser.click("form[action$='/sign-out']:has(input[value='/ui/invite']) button");
    browser.wait_for("Sign in to accept");
    browser.click("main a.button.primary");
    browser.fill("#user", "bob");
    browser.fill("#password", PASSWORD);
    browser.click("main button.primary");
    browser.wait_for("Accept as bob");
    browser.click("form[action$='/accept'] button");
    browser.wait_for("Members");
    // It is used up.
    visit.go("/ui/invite");
    browser.wait_for("The link that you were sent leads here.");
    assert_eq!(visit.server.get("/v2/orgs/acme/members", &alice).expect(200).json()["count"], 3);
    visit.has_no_complaint();
}

#[test]
fn an_organization_has_tokens_of_its_own_and_an_identity_provider() {
    let visit = Visit::new();
    fill(&visit.server);
    let browser = &visit.browser;
    visit.sign_in("alice");
    visit.go("/ui/repositories/new?namespace=acme");
    browser.fill("#name", "app");
    browser.click("main button.primary");
    browser.wait_for("acme/app is made.");
    visit.go("/ui/orgs/acme");
    browser.click("nav.tabs a[href$='/tokens']");
    browser.wait_for("acme has no access token.");
    browser.fill("#label", "ci");
    browser.fill("#repositories", "globex/app");
    browser.click("main form button.primary");
    browser.wait_for("must each begin with acme/");
    browser.fill("#repositories", "acme/app");
    browser.click("main form button.primary");
    browser.wait_for("it is shown once");
    browser.wait_for("--username acme");
    let secret = browser.text("#secret");
    let ci = format!("acme:{secret}");
    visit.server.push_blob(&ci, "acme/app", b"{}");
    browser.click("main a.button.primary");
    browser.wait_for("acme/app: image-push");
    browser.click("button[aria-label='Switch ci off']");
    browser.wait_for("is switched off.");
    visit.server.get("/v2/", &ci).expect(401);
    browser.click("button[aria-label='Delete ci']");
    browser.wait_for("acme has no access token.");
    // An identity provider.
    visit.go("/ui/orgs/acme/provisioning");
    browser.wait_for("1, of whom 0 are off");
    browser.fill("#label", "okta");
    browser.click("main form.panel button.primary");
    browser.wait_for("/v2/scim/2.0");
    let first = browser.text("#secret");
    let bearer = |secret: &str| format!("Bearer {secret}");
    visit.server.get("/v2/scim/2.0/Users", &bearer(&first)).expect(200);
    browser.click("main a.button.primary");
    browser.click("button[aria-label='Rotate okta']");
    browser.wait_for("it is shown once");
    let second = browser.text("#secret");
    visit.server.get("/v2/scim/2.0/Users", &bearer(&first)).expect(401);
    visit.server.get("/v2/scim/2.0/Users", &bearer(&second)).expect(200);
    browser.click("main a.button.primary");
    browser.click("button[aria-label='Revoke okta']");
    browser.wait_for("is revoked");
    visit.server.get("/v2/scim/2.0/Users", &bearer(&second)).expect(401);
    // What members may pull.
    visit.go("/ui/orgs/acme/settings");
    browser.click("#pull-some");
    browser.click("#official");
    browser.click("main form button.primary");
    browser.wait_for("Saved.");
    becomes(
        browser,
        "document.querySelector('#pull-some').checked && document.querySelector('#official').checked",
    );
    visit.go("/ui/orgs/acme/audit");
    browser.wait_for("changed the settings of acme");
    visit.has_no_complaint();
}

#[test]
fn the_garbage_of_a_registry_is_forecast_and_its_collection_watched() {
    let visit = Visit::new();
    let digest = fill(&visit.server);
    let alice = sign_in(&visit.server, "alice");
    let browser = &visit.browser;
    visit.sign_in("alice");
    visit.go("/ui/n/alice");
    browser.click("a.button[href$='/registry']");
    browser.wait_for("alice is no registry");
    browser.choose("#tier", "professional");
    browser.click("main form button.primary");
    browser.wait_for("Collect the garbage of alice now");
    let wanted = serde_json::json!({ "digests": [digest] });
    let path = "/api/v1/repositories/alice/team/app/-/deletions";
    let gone = crate::hub::send(&visit.server, "POST", path, &alice, &wanted);
    assert!(gone.status < 300, "{gone:?}");
    visit.go("/ui/n/alice/registry");
    browser.choose("#kind", "both");
    becomes(browser, "location.search === '?kind=both'");
    browser.wait_for("Way back");
    browser.click("#forecast button.danger");
    browser.wait_for("Garbage collection of alice");
    browser.wait_for("Waits until");
    browser.click("form[action$='/cancel'] button");
    // It is watched without a touch.
    let until = Instant::now() + Duration::from_secs(90);
    while browser.run("return document.querySelector('#run .mark')?.textContent") != "Cancelled" {
        assert!(Instant::now() < until, "the run does not end");
        std::thread::sleep(Duration::from_millis(500));
    }
    browser.wait_for("Freed");
    visit.go("/ui/n/alice/registry");
    browser.wait_for("Collections, the newest first");
    visit.has_no_complaint();
}

#[test]
fn a_retention_policy_is_tried_while_it_is_typed_and_then_saved() {
    let visit = Visit::new();
    fill(&visit.server);
    let browser = &visit.browser;
    visit.sign_in("alice");
    visit.go("/ui/r/alice/many/-/retention");
    browser.wait_for("All tags are kept.");
    browser.click("main a.button.primary");
    browser.wait_for("New retention policy");
    browser.run("window.kept = true");
    browser.choose("#kind-1", "newest");
    browser.fill("#amount-1", "5");
    browser.wait_for("Would delete now 115 tags of 120");
    browser.wait_for("build-119: among the newest, rule 1");
    browser.click("details:has(#tags-1) summary");
    browser.fill("#patterns-1", "build-1.");
    browser.wait_for("Would delete now 105 tags of 120");
    browser.wait_for("build-10: always, rule 1");
    browser.fill("#patterns-1", "(");
    browser.wait_for("found open group");
    browser.fill("#patterns-1", "build-1.");
    assert_eq!(browser.run("return window.kept"), true, "the page was loaded again");
    browser.click("button[formmethod=post]");
    browser.wait_for("Saved.");
    browser.wait_for("the newest 5 tags, and always build-1.");
    let until = Instant::now() + Duration::from_secs(60);
    while !browser.text("main").contains("105 tags that were deleted by policies") && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(500));
        visit.go("/ui/r/alice/many/-/retention");
    }
    browser.wait_for("105 tags that were deleted by policies");
    browser.wait_for("The last 50");
    browser.click("tbody a");
    browser.wait_for("Would delete now 0 tags of 15");
    browser.fill("#amount-1", "0");
    browser.click("button[formmethod=post]");
    browser.wait_for("must be 1 to");
    visit.go("/ui/r/alice/many/-/retention");
    browser.click("button.danger");
    browser.wait_for("No tag goes by it any more.");
    visit.has_no_complaint();
}

#[test]
fn pages_work_without_script() {
    let server = Server::new();
    fill(&server);
    let browser = Browser::with(Options { without_script: true });
    let go = |path: &str| browser.go(&format!("{}{path}", server.url));
    go("/ui/sign-in");
    browser.fill("#user", "alice");
    browser.fill("#password", PASSWORD);
    browser.click("main button.primary");
    browser.wait_for("Recently pushed");
    go("/ui/r/alice/many/-/tags");
    browser.fill("#prefix", "build-11");
    browser.click("form[role=search].bar button");
    browser.wait_for("11 tags of 120 tags on this page");
    go("/ui/r/alice/many/-/tags");
    browser.click("#results a[rel=next]");
    arrives_with(&browser, "?after=");
    browser.click("thead a");
    arrives_with(&browser, "order=name");
    go("/ui/repositories/new");
    browser.fill("#name", "plain");
    browser.click("#public");
    browser.click("main button.primary");
    browser.wait_for("alice/plain is made.");
    go("/ui/preferences");
    browser.choose("#theme", "dark");
    browser.click("main button.primary");
    browser.wait_for("Kept in this browser.");
    browser.click(".account summary");
    browser.click(".account button");
    browser.wait_for("Sign in");
    sign_in(&server, "alice");
}

#[track_caller]
fn arrives_with(browser: &Browser, part: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while !browser.address().contains(part) {
        assert!(Instant::now() < until, "{} has no {part}", browser.address());
        std::thread::sleep(Duration::from_millis(50));
    }
}
