//! A browser, driven by the WebDriver protocol (W3C Recommendation). `cargo xtask test` installs it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use longshore_testkit::skip::{Need, cannot_go_on};
use serde_json::{Value, json};

use crate::server::Client;

/// Longest that a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(20);
/// Name of references to elements (WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window.
pub struct Browser {
    driver: Child,
    client: Client,
    session: String,
}

impl Browser {
    /// Starts one.
    pub fn new() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|_| cannot_go_on(Need::Program("chromedriver")));
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| {
                let port = line.unwrap().split_once("started successfully on port ")?.1.to_owned();
                Some(port.trim_end_matches('.').to_owned())
            })
            .unwrap();
        // Read on, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser =
            Self { driver, client: Client::new(format!("http://127.0.0.1:{port}")), session: String::new() };
        let options = json!({ "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"] });
        let wanted = json!({ "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": options } });
        let session = browser.ask("POST", "/session", &json!({ "capabilities": wanted }));
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("{}{path}", self.session);
        let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let headers = [("content-type", "application/json")];
        self.client.send(method, &path, "", &headers, &bytes).expect(200).json()["value"].clone()
    }

    /// Opens a page afresh, also when only what stands behind the `#` differs.
    pub fn open(&self, url: &str) {
        for url in ["about:blank", url] {
            self.ask("POST", "/url", &json!({ "url": url }));
        }
    }

    fn find(&self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.ask("POST", "/element", &wanted);
        format!("/element/{}", found[ELEMENT].as_str().unwrap())
    }

    /// Writes into a field instead of what is there.
    pub fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector);
        self.ask("POST", &format!("{field}/clear"), &json!({}));
        self.ask("POST", &format!("{field}/value"), &json!({ "text": text }));
    }

    pub fn click(&self, selector: &str) {
        self.ask("POST", &format!("{}/click", self.find(selector)), &json!({}));
    }

    /// Returns the text that a person sees of an element.
    pub fn text(&self, selector: &str) -> String {
        self.ask("GET", &format!("{}/text", self.find(selector)), &Value::Null).as_str().unwrap().to_owned()
    }

    pub fn is_shown(&self, selector: &str) -> bool {
        self.ask("GET", &format!("{}/displayed", self.find(selector)), &Value::Null).as_bool().unwrap()
    }

    /// Waits until the page shows something.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.text("main").contains(text) {
            assert!(Instant::now() < until, "the page does not show {text:?}: {}", self.text("main"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser too.
        let _ = self.client.try_send("DELETE", &self.session, "", &[], b"");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
