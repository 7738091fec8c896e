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
