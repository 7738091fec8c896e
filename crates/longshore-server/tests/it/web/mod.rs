//! The pages, as browsers get them, and as people use them.

mod accessible;
mod administration;
mod people;
mod pictures;
mod requests;

use std::path::PathBuf;

use longshore_testkit::skip::variable;
use serde_json::Value;

use crate::browser::Browser;
use crate::server::{Answer, Client, PASSWORD, Server};

/// Where forms say that they come from.
pub const FROM_HERE: (&str, &str) = ("sec-fetch-site", "same-origin");

/// Sends a form as a page does, with a cookie.
pub fn submit(client: &Client, path: &str, cookie: &str, form: &str) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded"), FROM_HERE, ("cookie", cookie)];
    client.send("POST", path, "", &headers, form.as_bytes())
}

/// Asks for a page with a cookie.
pub fn page(client: &Client, path: &str, cookie: &str) -> Answer {
    client.send("GET", path, "", &[("cookie", cookie), ("accept", "text/html")], b"")
}

/// Returns the cookie that an answer sets, as it is sent back.
#[track_caller]
pub fn cookie_of(answer: &Answer) -> String {
    let set = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let pairs: Vec<&str> =
        set.filter_map(|cookie| cookie.split(';').next()).filter(|pair| !pair.ends_with('=')).collect();
    assert!(!pairs.is_empty(), "{answer:?}");
    pairs.join("; ")
}

/// Signs somebody in to the pages, and gives the cookie.
#[track_caller]
pub fn signed_in(client: &Client, user: &str) -> String {
    let form = format!("user={user}&password={}", PASSWORD.replace(' ', "+"));
    cookie_of(&submit(client, "/ui/sign-in", "", &form).expect(303))
}

/// Returns what a page says, without markup.
pub fn words(answer: &Answer) -> String {
    let html = String::from_utf8_lossy(&answer.body);
    let mut text = String::new();
    let mut is_markup = false;
    for letter in html.chars() {
        match letter {
            '<' => is_markup = true,
            '>' => {
                is_markup = false;
                text.push(' ');
            }
            _ if !is_markup => text.push(letter),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A registry that is looked at with a browser.
pub struct Visit {
    pub server: Server,
    pub browser: Browser,
}

impl Visit {
    pub fn new() -> Self {
        let server = Server::new();
        let browser = Browser::new();
        browser.prefer("light");
        Self { server, browser }
    }

    pub fn go(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.server.url));
    }

    /// Signs somebody in by hand.
    pub fn sign_in(&self, user: &str) {
        self.go("/ui/sign-in");
        self.browser.fill("#user", user);
        self.browser.fill("#password", PASSWORD);
        self.browser.click("main button.primary");
        self.browser.wait_for("Recently pushed");
    }

    /// Fails when the page or the browser complained. What is said of the status of the page itself is none.
    #[track_caller]
    pub fn has_no_complaint(&self) {
        let complaints: Vec<String> = self
            .browser
            .complaints()
            .into_iter()
            .filter(|text| !text.contains("the server responded with a status of 4"))
            .collect();
        assert!(complaints.is_empty(), "{}: {complaints:#?}", self.browser.address());
    }
}

/// Returns the rules of accessibility, as a script.
pub fn axe() -> String {
    let interpreter = PathBuf::from(variable("LONGSHORE_TEST_AXE"));
    let libraries = interpreter.parent().unwrap().parent().unwrap().join("lib");
    let found = std::fs::read_dir(libraries).unwrap().find_map(|folder| {
        let path = folder.unwrap().path().join("site-packages/axe_playwright_python/axe.min.js");
        path.exists().then_some(path)
    });
    std::fs::read_to_string(found.unwrap()).unwrap()
}

/// Checks the page that is shown by the rules of accessibility; gives what breaks which.
pub fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    browser.run(&format!("if (!window.axe) {{ {axe} ; }}"));
    let found = browser.run_until_done(
        "const done = arguments[arguments.length - 1];
         const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
         axe.run(document, { runOnly: { type: 'tag', values: tags } }).then(
             (result) => done(result.violations.flatMap((rule) => rule.nodes.map((node) =>
                 rule.id + ': ' + node.html.slice(0, 200) + ' ' + (node.failureSummary ?? '').replaceAll('\\n', ' ')))),
             (error) => done(['axe failed: ' + error]));",
    );
    found
        .as_array()
        .into_iter()
        .flatten()
        .map(|text: &Value| text.as_str().unwrap_or_default().to_owned())
        .collect()
}
