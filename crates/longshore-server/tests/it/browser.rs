//! A browser, driven by the WebDriver protocol (W3C Recommendation). `cargo xtask test` installs it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

/// How a browser is started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether it runs no script of pages.
    pub without_script: bool,
}

/// Starts what drives a browser, and gives its port.
fn start_driver() -> Option<(Child, String)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|_| cannot_go_on(Need::Program("chromedriver")));
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| {
        let port = line.ok()?.split_once("started successfully on port ")?.1.to_owned();
        Some(port.trim_end_matches('.').to_owned())
    });
    let Some(port) = port else {
        let _ = driver.wait();
        return None;
    };
    // Read on, so that it never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

impl Browser {
    /// Starts one.
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// Starts one in a special way.
    pub fn with(wanted: Options) -> Self {
        // The port that it was given may be taken a moment later by somebody else's.
        let (driver, port) =
            (0..5).find_map(|_| start_driver()).expect("the browser's driver does not start");
        let mut browser =
            Self { driver, client: Client::new(format!("http://127.0.0.1:{port}")), session: String::new() };
        let mut arguments =
            vec!["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,860"];
        if wanted.without_script {
            arguments.push("--blink-settings=scriptEnabled=false");
        }
        let wanted = json!({ "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } });
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

    /// Opens a page.
    pub fn go(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    /// Returns the address of the page.
    pub fn address(&self) -> String {
        self.ask("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// Returns the title of the page.
    pub fn title(&self) -> String {
        self.ask("GET", "/title", &Value::Null).as_str().unwrap().to_owned()
    }

    /// Runs a script in the page, as somebody who debugs it, and gives what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs a script that calls its last argument when it is done.
    pub fn run_until_done(&self, script: &str) -> Value {
        self.ask("POST", "/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Sends a command of the browser's own protocol.
    fn command(&self, name: &str, parameters: &Value) {
        self.ask("POST", "/goog/cdp/execute", &json!({ "cmd": name, "params": parameters }));
    }

    /// Prefers dark pages, or light ones.
    pub fn prefer(&self, colors: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": colors },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.command("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Looks through a screen of this width, as telephones have.
    pub fn look_through(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Presses keys, one after the other. Special ones have code points of their own (WebDriver, section 17.4.2).
    pub fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
            })
            .collect();
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.ask("POST", "/actions", &actions);
    }

    /// Returns what the page and the browser have written to the console since this was asked last, without what a page of an
    /// error writes of its own status.
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.ask("POST", "/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().cloned().unwrap_or_default();
        let texts = entries.iter().filter(|entry| entry["level"] != "INFO");
        texts.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Returns a picture of what is seen, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        let encoded = self.ask("GET", "/screenshot", &Value::Null);
        STANDARD.decode(encoded.as_str().unwrap()).unwrap()
    }

    /// Chooses an entry of a field by its value.
    pub fn choose(&self, selector: &str, value: &str) {
        self.click(&format!("{selector} option[value='{value}']"));
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
        loop {
            let shown = self.try_text("main").unwrap_or_default();
            if shown.contains(text) {
                return;
            }
            assert!(Instant::now() < until, "the page does not show {text:?}: {shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the text of an element; nothing while another page comes.
    fn try_text(&self, selector: &str) -> Option<String> {
        let headers = [("content-type", "application/json")];
        let wanted = json!({ "using": "css selector", "value": selector }).to_string();
        let path = format!("{}/element", self.session);
        let found = self.client.send("POST", &path, "", &headers, wanted.as_bytes());
        let found =
            (found.status == 200).then(|| found.json()["value"][ELEMENT].as_str().map(str::to_owned))??;
        let path = format!("{}/element/{found}/text", self.session);
        let text = self.client.send("GET", &path, "", &headers, b"");
        (text.status == 200).then(|| text.json()["value"].as_str().map(str::to_owned))?
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
