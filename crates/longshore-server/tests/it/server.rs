//! A running `longshore` and a small HTTP client for it.

mod template;

use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_domain::digest::{Algorithm, Digest};
use longshore_testkit::folders;
use longshore_testkit::skip::{Need, skipped};
use longshore_testkit::stores::SharedStores;
use serde_json::Value;

use crate::contract;
use tempfile::TempDir;
use ureq::Agent;
use ureq::http::{HeaderMap, Request, Response};

/// Password of `admin` and of every user that a test creates.
pub const PASSWORD: &str = "correct horse battery";

/// In the environment of a node of a test: the file that its log goes to.
pub const LOG_TO: &str = "TEST_LOG_TO";

/// In the environment of a server of a debug build: passes over 64 KiB that hashing a password takes, instead of what it
/// really costs.
const PASSWORD_COST: &str = "TEST_LONGSHORE_PASSWORD_COST";

const ANY_PORT: &str = "127.0.0.1:0";

/// A running server with a data folder of its own.
pub struct Server {
    child: Child,
    /// Ends with the server.
    folder: Arc<TempDir>,
    listen: String,
    data: PathBuf,
    client: Client,
    metrics_url: String,
    arguments: Vec<String>,
    file_limit: Option<FileLimit>,
    environment: Environment,
}

impl Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// What a server may do with files.
#[derive(Clone, Copy)]
enum FileLimit {
    /// Size of each.
    Bytes(u64),
    /// Number of those that are open.
    Open(u64),
}

/// An HTTP client of a registry.
pub struct Client {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    agent: Agent,
    /// The administration socket, over which the operator asks.
    socket: Option<PathBuf>,
}

/// Who asks over the administration socket.
pub const OPERATOR: &str = "operator";

/// Environment variables.
pub type Environment = Vec<(&'static str, String)>;

/// A response with its body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
    /// The code of the first error.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_longshore"))
}

fn start(
    listen: &str,
    data: &Path,
    arguments: &[String],
    file_limit: Option<FileLimit>,
    environment: &Environment,
) -> (Child, Addresses) {
    let mut command = match file_limit {
        None => Command::new(binary()),
        Some(limit) => {
            let limit = match limit {
                // Counted in KiB. The signal is ignored, so that the write fails instead.
                FileLimit::Bytes(bytes) => format!("trap '' XFSZ; ulimit -f {}", bytes >> 10),
                FileLimit::Open(count) => format!("ulimit -n {count}"),
            };
            let mut shell = Command::new("bash");
            shell.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]).arg(binary());
            shell
        }
    };
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LONGSHORE_TEST_")) {
        command.env_remove(name);
    }
    command
        .args(["serve", "--listen", listen, "--set", "metrics.listen=127.0.0.1:0", "--data"])
        .arg(data)
        .args(arguments)
        .env("LONGSHORE_ADMIN_PASSWORD", PASSWORD)
        .env("LONGSHORE_LOG_LEVEL", std::env::var("LONGSHORE_LOG_LEVEL").unwrap_or_else(|_| "warn".into()))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped());
    if let Some((_, path)) = environment.iter().find(|(name, _)| *name == LOG_TO) {
        command.stderr(std::fs::File::create(path).unwrap());
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = |word: &str| {
        let url =
            lines.find_map(|line| line.ok()?.trim().strip_prefix(word).map(|url| url.trim().to_owned()));
        url.expect("the server says where it listens")
    };
    let addresses = Addresses { registry: said("listens "), metrics: said("metrics ") };
    // The rest is read so that the server never blocks on it.
    std::thread::spawn(move || lines.for_each(drop));
    (child, addresses)
}

/// How far the clock of a server is set apart from the machine's.
pub struct TestClock {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl TestClock {
    /// Makes one that is set apart by so many seconds.
    pub fn new(path: PathBuf, seconds: i64) -> Self {
        let clock = Self { path, _folder: None };
        clock.set(seconds);
        clock
    }

    /// By which a server has it.
    pub fn environment(&self) -> (&'static str, String) {
        ("TEST_LONGSHORE_CLOCK", self.path.to_str().unwrap().to_owned())
    }

    pub fn set(&self, seconds: i64) {
        // In one step: the server reads it all the time.
        let fresh = self.path.with_extension("fresh");
        std::fs::write(&fresh, seconds.to_string()).unwrap();
        std::fs::rename(&fresh, &self.path).unwrap();
    }
}

/// URLs at which a server answers.
struct Addresses {
    registry: String,
    metrics: String,
}

/// The environment of nodes that share stores.
fn shared_environment(stores: &SharedStores, folder: &TempDir) -> Environment {
    // Nodes that share a database need a key that is given to them.
    let key = folder.path().join("sealing.key");
    std::fs::write(&key, "5e".repeat(32)).unwrap();
    let key = ("LONGSHORE_AUTH_SEALING_KEY_FILE", key.to_str().unwrap().to_owned());
    stores.environment(folder.path()).into_iter().chain([key]).collect()
}

impl Server {
    /// Starts a server with the users `alice` and `bob` and the organization `acme`, owned by `alice`.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// Starts such a server with further arguments.
    pub fn with(arguments: &[&str]) -> Self {
        Self::copied(arguments, SharedStores::chosen(), Vec::new())
    }

    /// Starts such a server on a copy of a registry that was set up before.
    fn copied(arguments: &[&str], stores: Option<SharedStores>, further: Environment) -> Self {
        let folder = Arc::new(folders::temporary());
        let data = folder.path().join("data");
        template::copy_to(&data, folder.path(), stores.as_ref());
        let mut environment = stores.map_or_else(Vec::new, |stores| shared_environment(&stores, &folder));
        environment.push((PASSWORD_COST, "1".to_owned()));
        environment.extend(further);
        let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        Self::on(folder, data, arguments, None, environment)
    }

    fn create_accounts(&self) {
        for user in ["alice", "bob"] {
            self.admin_with_input(&["user", "create", user, "--password-stdin"], PASSWORD);
        }
        self.admin(&["org", "create", "acme", "--owner", "alice"]);
    }

    /// Starts such a server on the embedded database and a folder, whatever the other tests run on.
    pub fn embedded() -> Self {
        Self::embedded_with(&[])
    }

    /// Starts such a server with further arguments.
    pub fn embedded_with(arguments: &[&str]) -> Self {
        Self::copied(arguments, None, Vec::new())
    }

    /// Starts such a server whose clock is moved by hand, on the embedded stores: a database has a clock of its own.
    pub fn with_clock() -> (Self, TestClock) {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::new(folder.path().join("clock"), 0);
        let server = Self::copied(&[], None, vec![clock.environment()]);
        (server, TestClock { _folder: Some(folder), ..clock })
    }

    /// Starts a server with its administrator only, which sets its registry up.
    pub fn bare(arguments: &[&str]) -> Self {
        Self::bare_at("data", arguments)
    }

    /// Starts such a server with its data at a path below a temporary folder.
    pub fn bare_at(path: &str, arguments: &[&str]) -> Self {
        Self::started(path, arguments, None, SharedStores::chosen())
    }

    /// Starts a server with its users on a volume of its own of so many MiB; `None` where that may not be mounted.
    pub fn on_small_volume(mebibytes: u32, arguments: &[&str]) -> Option<(Self, SmallVolume)> {
        Self::on_volume(&format!("size={mebibytes}m"), arguments)
    }

    /// Starts such a server on a volume of its own with options of `tmpfs`.
    pub fn on_volume(options: &str, arguments: &[&str]) -> Option<(Self, SmallVolume)> {
        let folder = Arc::new(folders::temporary());
        let volume = SmallVolume::mount(folder.path().join("volume"), options)?;
        let data = volume.0.join("data");
        let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        let server = Self::on(folder, data, arguments, None, Vec::new());
        server.create_accounts();
        Some((server, volume))
    }

    /// Starts such a server whose database alone is on a volume of its own; its blobs are elsewhere.
    pub fn with_database_on_volume(options: &str, arguments: &[&str]) -> Option<(Self, SmallVolume)> {
        let folder = Arc::new(folders::temporary());
        let volume = SmallVolume::mount(folder.path().join("volume"), options)?;
        let (data, blobs) = (volume.0.join("data"), folder.path().join("blobs"));
        std::fs::create_dir(&data).unwrap();
        std::fs::create_dir(&blobs).unwrap();
        std::os::unix::fs::symlink(blobs, data.join("blobs")).unwrap();
        let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        let server = Self::on(folder, data, arguments, None, Vec::new());
        server.create_accounts();
        Some((server, volume))
    }

    /// Starts a server with its users, whose files cannot grow past a limit.
    pub fn limited_files(limit_bytes: u64) -> Self {
        let server = Self::started("data", &[], Some(FileLimit::Bytes(limit_bytes)), None);
        server.create_accounts();
        server
    }

    /// Starts a server with its users that may open so many files.
    pub fn limited_descriptors(count: u64) -> Self {
        let server = Self::started("data", &[], Some(FileLimit::Open(count)), None);
        server.create_accounts();
        server
    }

    /// Starts such a server on PostgreSQL and S3, reached as the actor says.
    pub fn on_stores(stores: SharedStores, arguments: &[&str]) -> Self {
        Self::copied(arguments, Some(stores), Vec::new())
    }

    fn started(
        path: &str,
        arguments: &[&str],
        file_limit: Option<FileLimit>,
        stores: Option<SharedStores>,
    ) -> Self {
        let folder = Arc::new(folders::temporary());
        let data = folder.path().join(path);
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let environment = match stores {
            None => Vec::new(),
            Some(stores) => {
                stores.new_database(folder.path());
                shared_environment(&stores, &folder)
            }
        };
        Self::on(folder, data, arguments, file_limit, environment)
    }

    fn on(
        folder: Arc<TempDir>,
        data: PathBuf,
        arguments: Vec<String>,
        file_limit: Option<FileLimit>,
        environment: Environment,
    ) -> Self {
        let (child, addresses) = start(ANY_PORT, &data, &arguments, file_limit, &environment);
        let mut client = Client::new(addresses.registry);
        client.socket = Some(data.join("admin.sock"));
        let metrics_url = addresses.metrics;
        let listen = ANY_PORT.to_owned();
        Self { child, folder, listen, data, client, metrics_url, arguments, file_limit, environment }
    }

    /// Starts another node on the same stores, with further environment variables.
    pub fn another_node(&self, name: &str, environment: &[(&'static str, String)]) -> Self {
        let environment = self.environment.iter().chain(environment).cloned().collect();
        let data = self.folder.path().join(name);
        Self::on(Arc::clone(&self.folder), data, self.arguments.clone(), None, environment)
    }

    /// Starts a node with data at a place of the actor's.
    pub fn node_at(folder: &Path, name: &str, environment: Environment) -> Self {
        let own = Arc::new(tempfile::tempdir().unwrap());
        Self::on(own, folder.join(name), Vec::new(), None, environment)
    }

    /// The URL of the database that it uses.
    pub fn database_url(&self) -> String {
        let url = self.environment.iter().find(|(name, _)| *name == "LONGSHORE_DATABASE_URL");
        url.map(|(_, url)| url.clone()).unwrap()
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Kills the server at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the server to stop, and waits until it has.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    /// Waits for a stop that was asked for before.
    pub fn stop_already_asked(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Makes it start again on the port that it has now.
    pub fn keep_port(&mut self) {
        self.listen = self.host().to_owned();
    }

    /// Starts the server again on the same data, on a new port unless it keeps its own.
    pub fn start_again(&mut self) {
        let (child, addresses) =
            start(&self.listen, &self.data, &self.arguments, self.file_limit, &self.environment);
        self.child = child;
        self.client.url = addresses.registry;
        self.metrics_url = addresses.metrics;
    }

    /// Where metrics answer; `off` when they do not.
    pub fn metrics_url(&self) -> &str {
        &self.metrics_url
    }

    /// Reads the metrics.
    pub fn metrics(&self) -> String {
        String::from_utf8(self.get(&self.metrics_url, "").expect(200).body).unwrap()
    }

    /// Runs an administration command and gives its JSON.
    #[track_caller]
    pub fn admin(&self, arguments: &[&str]) -> Value {
        self.admin_with_input(arguments, "")
    }

    #[track_caller]
    pub fn admin_with_input(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.try_admin(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What its commands need in their environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    pub fn try_admin(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write;
        let mut child = Command::new(binary())
            .args(arguments)
            .args(["--json", "--yes", "--data"])
            .arg(self.data())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }
}

impl Client {
    /// Makes a client of the registry at a URL.
    pub fn new(url: String) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(120)));
        Self { url, agent: config.build().into(), socket: None }
    }

    pub fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Sends a request as a user (`user:secret`), with a bearer token (`Bearer …`), with one in `X-Auth-Token` (`Token …`), or
    /// as nobody (empty).
    pub fn send(
        &self,
        method: &str,
        path: &str,
        user: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.try_send(method, path, user, headers, body).unwrap()
    }

    /// Sends a request; a redirect is followed as clients do that, without their credential.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        user: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let answer = self.send_once(method, path, user, headers, body)?;
        if answer.status != 307 {
            return Ok(answer);
        }
        let location = answer.header("location").to_owned();
        let followed = self.send_once(method, &location, "", headers, body)?;
        // What the registry said of the blob stays true.
        let mut headers = followed.headers.clone();
        for name in ["docker-content-digest", "etag", "content-type"] {
            headers.insert(name, answer.headers[name].clone());
        }
        Ok(Answer { headers, ..followed })
    }

    /// Sends a request and gives whatever comes back.
    pub fn send_once(
        &self,
        method: &str,
        path: &str,
        user: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        if user == OPERATOR {
            return Ok(self.send_as_operator(method, path, headers, body));
        }
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let mut request = Request::builder().method(method).uri(url);
        if user.starts_with("Bearer ") {
            request = request.header("authorization", user);
        } else if let Some(token) = user.strip_prefix("Token ") {
            request = request.header("x-auth-token", token);
        } else if !user.is_empty() {
            request = request.header("authorization", format!("Basic {}", base64(user)));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let configured = self.agent.configure_request(request).allow_non_standard_methods(true).build();
        let response: Response<ureq::Body> = self.agent.run(configured)?;
        let (parts, answered) = response.into_parts();
        let mut bytes = Vec::new();
        answered.into_reader().read_to_end(&mut bytes)?;
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes };
        contract::check(method, path.strip_prefix(&self.url).unwrap_or(path), body, &answer);
        Ok(answer)
    }

    fn send_as_operator(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let socket = self.socket.clone().expect("a server of this machine");
        let client = reqwest::blocking::Client::builder().unix_socket(socket).build().unwrap();
        let path = path.strip_prefix("http://localhost").unwrap_or(path);
        let mut request =
            client.request(method.parse().unwrap(), format!("http://localhost{path}")).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, body: response.bytes().unwrap().to_vec() };
        contract::check(method, path, body, &answer);
        answer
    }

    pub fn get(&self, path: &str, user: &str) -> Answer {
        self.send("GET", path, user, &[], b"")
    }

    /// Gets a bearer token.
    pub fn token(&self, user: &str, scopes: &[&str]) -> String {
        let scopes: Vec<String> = scopes.iter().map(|scope| format!("scope={scope}")).collect();
        let answer = self.get(&format!("/token?service=longshore&{}", scopes.join("&")), user).expect(200);
        format!("Bearer {}", answer.json()["token"].as_str().unwrap())
    }

    /// Pushes a blob in one request.
    #[track_caller]
    pub fn push_blob(&self, user: &str, repository: &str, content: &[u8]) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, content);
        self.send("POST", &format!("/v2/{repository}/blobs/uploads/?digest={digest}"), user, &[], content)
            .expect(201);
        digest
    }

    #[track_caller]
    pub fn push_manifest(&self, user: &str, repository: &str, reference: &str, content: &str) -> Answer {
        let media_type =
            serde_json::from_str::<Value>(content).unwrap()["mediaType"].as_str().unwrap().to_owned();
        let headers = [("content-type", media_type.as_str())];
        self.send(
            "PUT",
            &format!("/v2/{repository}/manifests/{reference}"),
            user,
            &headers,
            content.as_bytes(),
        )
    }

    /// Waits until a condition holds.
    pub fn wait_for(&self, what: &str, condition: impl Fn() -> bool) {
        let began_at = Instant::now();
        while !condition() {
            assert!(began_at.elapsed() < Duration::from_secs(30), "waited in vain for: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A mounted volume, until dropped; drop its server before it.
pub struct SmallVolume(pub PathBuf);

impl SmallVolume {
    fn mount(path: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        skipped(Need::Mounts);
        None
    }
}

impl SmallVolume {
    /// Changes its options, for example its size.
    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let mounted = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(mounted.success());
    }
}

impl Drop for SmallVolume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns `name:PASSWORD`.
pub fn user(name: &str) -> String {
    format!("{name}:{PASSWORD}")
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
