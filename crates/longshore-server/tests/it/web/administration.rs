//! The first run, and what administrators do.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use longshore_testkit::folders;
use longshore_testkit::stores::SharedStores;
use tempfile::TempDir;

use super::{Visit, submit};
use crate::browser::Browser;
use crate::hub::sign_in;
use crate::server::{Client, PASSWORD, TestClock, binary};

/// A registry that nobody set up yet, and what it says of itself.
struct Fresh {
    child: Child,
    url: String,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    folder: TempDir,
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fresh {
    fn started(arguments: &[&str], folder: TempDir) -> Self {
        let clock = TestClock::new(folder.path().join("clock"), 0);
        let (name, path) = clock.environment();
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--set", "metrics.listen=127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"))
            .args(arguments)
            .env_remove("LONGSHORE_ADMIN_PASSWORD")
            .env("LONGSHORE_LOG_LEVEL", "warn")
            .env(name, path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut fresh = Self { child, url: String::new(), lines, folder };
        fresh.url = fresh.said("listens ");
        fresh
    }

    fn new() -> Self {
        Self::started(&[], folders::temporary())
    }

    /// Reads on to what stands behind a word.
    #[track_caller]
    fn said(&mut self, word: &str) -> String {
        let found = self
            .lines
            .find_map(|line| line.ok()?.trim().strip_prefix(word).map(|rest| rest.trim().to_owned()));
        found.unwrap_or_else(|| panic!("nothing is said of {word}"))
    }

    /// Reads the link for the first run.
    #[track_caller]
    fn link(&mut self) -> String {
        self.said("set up").split_whitespace().next().unwrap().to_owned()
    }

    fn client(&self) -> Client {
        Client::new(self.url.clone())
    }

    fn uses(&self, secret: &str, password: &str) -> crate::server::Answer {
        let password = password.replace(' ', "+");
        let form = format!("secret={secret}&new_password={password}&again_password={password}");
        submit(&self.client(), "/ui/setup", "", &form)
    }
}

#[test]
fn a_registry_is_set_up_in_a_browser_from_a_link() {
    let mut fresh = Fresh::new();
    let link = fresh.link();
    let browser = Browser::new();
    browser.go(&link);
    browser.wait_for("Set this registry up");
    // The secret comes with the link, and does not stay in the address bar.
    assert!(!browser.address().contains("lsf_"), "{}", browser.address());
    browser.fill("#new", "a good password");
    browser.fill("#again", "a good passwort");
    browser.click("main form button.primary");
    browser.wait_for("differently the second time");
    browser.fill("#new", "a good password");
    browser.fill("#again", "a good password");
    browser.click("main form button.primary");
    // Signed in, and on to the second factor.
    browser.wait_for("Second factor: off");
    browser.click(".brand");
    browser.wait_for("You administer this registry");
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|text| text.contains("status of 4")), "{complaints:?}");
}

#[test]
fn the_link_of_the_first_run_works_once_for_an_hour_and_for_nobody_else() {
    let mut fresh = Fresh::new();
    let link = fresh.link();
    let secret = link.split_once('#').unwrap().1.to_owned();
    assert!(secret.starts_with("lsf_"), "{link}");
    fresh.uses("lsf_another", "a good password").expect(401);
    fresh.uses(&"x".repeat(100_000), "a good password").expect(401);
    // What is wrong with the password uses nothing up.
    fresh.uses(&secret, "short").expect(400);
    // Too late.
    let clock = TestClock::new(fresh.folder.path().join("clock"), 3700);
    fresh.uses(&secret, "a good password").expect(401);
    clock.set(3000);
    fresh.uses(&secret, "a good password").expect(303);
    let again = fresh.uses(&secret, "another good password").expect(401);
    assert!(super::words(&again).contains("longshore user password admin"), "{}", super::words(&again));
    fresh.client().get("/v2/", "admin:a good password").expect(200);
}

#[test]
fn the_link_of_the_first_run_ends_with_the_password_that_it_stands_for() {
    let mut fresh = Fresh::new();
    let secret = fresh.link().split_once('#').unwrap().1.to_owned();
    let password = fresh.said("password").split_whitespace().next().unwrap().to_owned();
    let client = fresh.client();
    let form = format!("user=admin&password={password}");
    let cookie = super::cookie_of(&submit(&client, "/ui/sign-in", "", &form).expect(303));
    let another = "current_password=PASSWORD&new_password=another+one&again_password=another+one";
    submit(&client, "/ui/account/password", &cookie, &another.replace("PASSWORD", &password)).expect(303);
    fresh.uses(&secret, "a good password").expect(401);
    client.get("/v2/", "admin:another one").expect(200);
}

#[test]
fn whoever_chose_the_password_is_given_no_link() {
    let folder = folders::temporary();
    let file = folder.path().join("password");
    std::fs::write(&file, "chosen before").unwrap();
    let setting = format!("admin.password_file={}", file.display());
    let mut chosen = Fresh::started(&["--set", &setting], folder);
    chosen.client().get("/v2/", "admin:chosen before").expect(200);
    let _ = chosen.child.kill();
    let rest: Vec<String> = chosen.lines.by_ref().map_while(Result::ok).collect();
    assert!(!rest.join("\n").contains("/ui/setup"), "{rest:?}");
}

#[test]
fn administrators_look_after_users_and_see_how_the_registry_is() {
    let visit = Visit::new();
    sign_in(&visit.server, "alice");
    let browser = &visit.browser;
    visit.sign_in("admin");
    browser.click("nav[aria-label=Main] a[href='/ui/admin']");
    browser.wait_for("the database");
    browser.wait_for("Garbage collection");
    match SharedStores::chosen() {
        None => browser.wait_for("there is one machine alone"),
        Some(_) => {
            let until = Instant::now() + Duration::from_secs(60);
            while !browser.text("main").contains("(this one)") {
                assert!(Instant::now() < until, "{}", browser.text("main"));
                std::thread::sleep(Duration::from_millis(500));
                visit.go("/ui/admin");
            }
        }
    }
    browser.click("nav.tabs a[href='/ui/admin/users']");
    browser.fill("#name", "Not A Name");
    browser.click("main form button.primary");
    becomes_invalid(browser, "#name");
    browser.fill("#name", "dora");
    browser.click("main form button.primary");
    browser.wait_for("The user dora is made");
    let password = browser.text("#password");
    visit.server.get("/v2/", &format!("dora:{password}")).expect(200);
    browser.click("main a.button.primary");
    browser.wait_for("Delete the user");
    browser.click("form:has(input[value=disable]) button");
    browser.wait_for("Switch the account on");
    visit.server.get("/v2/", &format!("dora:{password}")).expect(401);
    browser.click("form:has(input[value=enable]) button");
    browser.wait_for("Switch the account off");
    browser.click("form[action$='/password'] button");
    browser.wait_for("dora has another password");
    let another = browser.text("#password");
    assert_ne!(another, password);
    visit.server.get("/v2/", &format!("dora:{another}")).expect(200);
    visit.go("/ui/admin/users/dora");
    browser.click("form:has(input[value=promote]) button");
    browser.wait_for("No administrator any more");
    browser.click("form:has(input[value=demote]) button");
    browser.wait_for("Make an administrator");
    browser.fill("#sure", "dorothea");
    browser.click("form:has(#sure) button");
    browser.wait_for("nothing was deleted");
    browser.fill("#sure", "dora");
    browser.click("form:has(#sure) button");
    browser.wait_for("New user");
    visit.server.get("/v2/", &format!("dora:{another}")).expect(401);
    // Nobody takes the last administrator away.
    visit.go("/ui/admin/users/admin");
    browser.click("form:has(input[value=demote]) button");
    browser.wait_for("last");
    visit.go("/ui/admin/audit");
    browser.wait_for("dora");
    visit.go("/ui/admin/settings");
    browser.wait_for("ui.enabled");
    assert!(!browser.text("main").contains(PASSWORD));
    visit.has_no_complaint();
}

#[track_caller]
fn becomes_invalid(browser: &Browser, field: &str) {
    let script = format!("return document.querySelector('{field}')?.getAttribute('aria-invalid') === 'true'");
    let until = Instant::now() + Duration::from_secs(20);
    while browser.run(&script) != true {
        assert!(Instant::now() < until, "{}", browser.text("main"));
        std::thread::sleep(Duration::from_millis(50));
    }
}
