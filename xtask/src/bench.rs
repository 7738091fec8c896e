//! `cargo xtask bench --only machine`: Longshore against Debian's docker-registry, in one run on this machine.
//!
//! Longshore serves a private repository to a bearer token, with durable writes; the peer has no authentication.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::install;
use crate::load::{Body, Connection, in_parallel};

pub const MIB: usize = 1 << 20;
const PASSWORD: &str = "benchmark password";
const MANIFEST_SECONDS: u32 = 8;
const CONFIG: &[u8] = b"{}";

/// A registry under measurement.
pub struct Subject {
    name: &'static str,
    child: Child,
    pub host: String,
    pub authorization: Option<String>,
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was measured: amount per second, and server CPU per operation.
pub struct Measured {
    pub rate: f64,
    cpu_ms: f64,
}

impl Subject {
    /// CPU time that the server has used.
    fn cpu(&self) -> Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: u64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Memory in MiB: now, and at its peak.
    pub fn memory(&self) -> Result<(f64, f64)> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default()
                / 1024.0
        };
        Ok((value("VmRSS:"), value("VmHWM:")))
    }

    /// Memory in MiB that no file stands behind.
    fn anonymous_memory(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find(|line| line.starts_with("RssAnon:")).unwrap_or_default();
        let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
        Ok(kib.unwrap_or_default() / 1024.0)
    }

    pub fn connect(&self) -> Result<Connection> {
        Connection::open(&self.host, self.authorization.as_deref())
    }

    /// Times work that does so many operations.
    fn measure(&self, operations: usize, work: impl FnOnce() -> Result<()>) -> Result<Measured> {
        let (cpu, began_at) = (self.cpu()?, Instant::now());
        work()?;
        let (took, cpu) = (began_at.elapsed(), self.cpu()? - cpu);
        let count = operations as f64;
        Ok(Measured { rate: count / took.as_secs_f64(), cpu_ms: cpu.as_secs_f64() * 1000.0 / count })
    }
}

/// What is measured.
pub struct Binaries {
    pub folder: PathBuf,
    pub longshore: PathBuf,
    pub peer: PathBuf,
}

impl Binaries {
    /// Builds and installs what is missing, and says what it is.
    pub fn prepare(root: &Path) -> Result<Self> {
        install::packages(&[("wrk", "wrk"), ("curl", "curl")])?;
        let folder = root.join("target/bench");
        let peer = install::peer_registry(&folder.join("peer-package"))?;
        let longshore = build(root)?;
        println!("docker-registry: {}", first_line(&peer, &["--version"])?);
        println!("longshore:       {}", first_line(&longshore, &["--version"])?);
        Ok(Self { folder, longshore, peer })
    }
}

/// Builds what is measured: what artefacts are made of. Another program is measured when `LONGSHORE_BENCH_BINARY` names one.
pub fn build(root: &Path) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("LONGSHORE_BENCH_BINARY") {
        return Ok(PathBuf::from(path));
    }
    let status = Command::new("cargo")
        .args(["build", "--profile", "dist", "--bin", "longshore"])
        .current_dir(root)
        .status()?;
    if !status.success() {
        bail!("the build of the profile dist failed");
    }
    Ok(root.join("target/dist/longshore"))
}

/// Most bytes that the program may have, in MB.
const SIZE_BUDGET_MB: f64 = 31.0;
/// Most memory that a new registry may have resident which nobody has asked anything, in MiB, and of that what is no part of a
/// file.
const IDLE_BUDGET_MIB: (f64, f64) = (26.0, 8.0);
/// How long it is left alone for that: the jobs of its first minute are over then.
const IDLE_FOR: Duration = Duration::from_secs(75);

/// Prints size and idle memory beside their budgets. The numbers are of one machine, and vary by one or two MiB.
fn budgets(longshore: &Path, folder: &Path) -> Result<()> {
    let size = std::fs::metadata(longshore)?.len() as f64 / 1e6;
    let (child, host) = spawn_longshore(longshore, &fresh(folder, "idle-data")?, &[])?;
    let subject = Subject { name: "longshore", child, host, authorization: None };
    std::thread::sleep(IDLE_FOR);
    let (resident, anonymous) = (subject.memory()?.0, subject.anonymous_memory()?);
    for (what, is, may, unit) in [
        ("program", size, SIZE_BUDGET_MB, "MB"),
        ("resident when idle", resident, IDLE_BUDGET_MIB.0, "MiB"),
        ("of that anonymous", anonymous, IDLE_BUDGET_MIB.1, "MiB"),
    ] {
        let verdict = if is <= may { "within" } else { "BEYOND" };
        println!("{what:<20} {is:>6.1} {unit}, {verdict} the budget of {may:.0} {unit}");
    }
    Ok(())
}

/// Measures and prints.
pub fn run(root: &Path) -> Result<()> {
    let Binaries { folder, longshore, peer } = Binaries::prepare(root)?;
    let start = |name| match name {
        "longshore" => start_longshore(&longshore, &fresh(&folder, "longshore-data")?, &[], true),
        _ => start_peer(&peer, &fresh(&folder, "peer-data")?, None),
    };

    budgets(&longshore, &folder)?;
    let (ours, peers) = (start("longshore")?, start("docker-registry")?);
    let subjects = [&ours, &peers];
    let idle = subjects.map(|subject| {
        subject.connect().and_then(|mut c| c.send("GET", "/v2/", "", NOTHING)).and_then(|_| subject.memory())
    });
    for subject in subjects {
        prepare(subject)?;
    }
    let blob = block(64 * MIB, 1);
    let blob_digest = digest(Body { block: &blob, times: 1 });
    for subject in subjects {
        subject.connect()?.push_blob("bench/app", &blob_digest, Body { block: &blob, times: 1 })?;
    }
    println!(
        "\n{:<44} {:>14} {:>16} {:>8} {:>18}",
        "", "longshore", "docker-registry", "ratio", "server CPU each"
    );
    row("manifest GET by tag, 32 connections [1/s]", 1.0, subjects, |subject| manifests(subject, 32))?;
    row("blob GET 64 MiB, 4 connections [MiB/s]", 64.0, subjects, |subject| {
        pull_blobs(subject, &blob_digest)
    })?;
    row("push of 1 MiB, 8 connections [1/s]", 1.0, subjects, push_small)?;
    row("push of 1 GiB, 1 connection [MiB/s]", 1024.0, subjects, push_large)?;
    drop((ours, peers));

    println!();
    for (name, idle) in ["longshore", "docker-registry"].into_iter().zip(idle) {
        let subject = start(name)?;
        let (before, _) = idle?;
        push_in_parallel(&subject)?;
        let (_, peak) = subject.memory()?;
        println!(
            "{name:<16} memory: {before:.1} MiB idle, {peak:.1} MiB at the peak of 100 parallel pushes of 100 MiB"
        );
    }
    Ok(())
}

/// Pushes 100 different blobs of 100 MiB at the same time.
pub fn push_in_parallel(subject: &Subject) -> Result<()> {
    let block = block(MIB, 7);
    in_parallel(100, |number| {
        let mut first = block.clone();
        first[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let body = Body { block: &first, times: 100 };
        subject.connect()?.push_blob("bench/memory", &digest(body), body)
    })
}

const NOTHING: Body<'static> = Body { block: b"", times: 0 };

fn row(
    title: &str,
    unit: f64,
    subjects: [&Subject; 2],
    measure: impl Fn(&Subject) -> Result<Measured>,
) -> Result<()> {
    let [ours, peers] = [measure(subjects[0])?, measure(subjects[1])?];
    let ratio = ours.rate / peers.rate;
    let cpu = format!("{:.3} / {:.3} ms", ours.cpu_ms, peers.cpu_ms);
    println!("{title:<44} {:>14.1} {:>16.1} {ratio:>7.2}x {cpu:>18}", ours.rate * unit, peers.rate * unit);
    Ok(())
}

pub fn fresh(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

fn first_line(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// Starts a node; the first one of a registry also gets the organization for the benchmark.
pub fn start_longshore(
    binary: &Path,
    data: &Path,
    environment: &[(String, String)],
    is_first: bool,
) -> Result<Subject> {
    let (child, host) = spawn_longshore(binary, data, environment)?;
    if is_first {
        administer(binary, data, environment, &["org", "create", "bench", "--owner", "admin"])?;
    }
    let scopes = ["app", "memory"].map(|name| format!("scope=repository:bench/{name}:pull,push")).join("&");
    let url = format!("http://{host}/token?{scopes}");
    let output =
        Command::new("curl").args(["--silent", "--user", &format!("admin:{PASSWORD}"), &url]).output()?;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let authorization = format!("Bearer {}", json["token"].as_str().context("there is no token")?);
    Ok(Subject { name: "longshore", child, host, authorization: Some(authorization) })
}

/// Starts a node, and waits until it listens. Returns it with where it listens.
fn spawn_longshore(binary: &Path, data: &Path, environment: &[(String, String)]) -> Result<(Child, String)> {
    let mut child = Command::new(binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--set", "auth.token_ttl_seconds=3600", "--data"])
        .arg(data)
        .envs(environment.iter().cloned())
        .env("LONGSHORE_ADMIN_PASSWORD", PASSWORD)
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(data.join("log"))?)
        .spawn()?;
    let output = child.stdout.take().context("the output is piped")?;
    let mut lines = BufReader::new(output).lines();
    let host = lines.find_map(|line| {
        Some(line.ok()?.trim().strip_prefix("listens ")?.trim().strip_prefix("http://")?.to_owned())
    });
    let host = host.context("longshore did not start; see target/bench/longshore-data/log")?;
    std::thread::spawn(move || lines.for_each(drop));
    Ok((child, host))
}

/// Runs an administration command on a running node and gives what it printed.
pub fn administer(
    binary: &Path,
    data: &Path,
    environment: &[(String, String)],
    arguments: &[&str],
) -> Result<String> {
    let output = Command::new(binary)
        .args(arguments)
        .args(["--json", "--data"])
        .arg(data)
        .envs(environment.iter().cloned())
        .output()?;
    if !output.status.success() {
        bail!("{arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Starts Debian's docker-registry on a folder, or on what a `storage` section says.
pub fn start_peer(binary: &Path, data: &Path, storage: Option<&str>) -> Result<Subject> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let host = format!("127.0.0.1:{port}");
    let config = data.join("config.yml");
    let mut file = std::fs::File::create(&config)?;
    writeln!(
        file,
        "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n{}\n  cache:\n    blobdescriptor: inmemory\nhttp:\n  addr: {host}",
        storage.map_or_else(
            || format!("  filesystem:\n    rootdirectory: {}", data.join("storage").display()),
            str::to_owned
        )
    )?;
    let child = Command::new(binary)
        .arg("serve")
        .arg(&config)
        // Its S3 driver does not start with one.
        .env_remove("AWS_CA_BUNDLE")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let subject = Subject { name: "docker-registry", child, host, authorization: None };
    for _ in 0..100 {
        if subject.connect().and_then(|mut connection| connection.send("GET", "/v2/", "", NOTHING)).is_ok() {
            return Ok(subject);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("docker-registry did not start")
}

/// Makes bytes that do not compress and differ by seed.
pub fn block(bytes: usize, seed: u64) -> Vec<u8> {
    let mut word = seed;
    let mut block = vec![0; bytes];
    for chunk in block.chunks_mut(8) {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
    block
}

pub fn digest(body: Body<'_>) -> String {
    let mut hash = Sha256::new();
    for _ in 0..body.times {
        hash.update(body.block);
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Pushes the image whose manifest is pulled: about 1 KiB, as usual ones are.
pub fn prepare(subject: &Subject) -> Result<()> {
    push_image(&mut subject.connect()?, "v1").with_context(|| subject.name)
}

/// Pushes it under a tag.
pub fn push_image(connection: &mut Connection, tag: &str) -> Result<()> {
    let mut descriptors = Vec::new();
    let layers: Vec<Vec<u8>> = (0..5).map(|seed| block(1000, 100 + seed)).collect();
    for content in std::iter::once(CONFIG).chain(layers.iter().map(Vec::as_slice)) {
        let body = Body { block: content, times: 1 };
        let digest = digest(body);
        connection.push_blob("bench/app", &digest, body)?;
        descriptors.push(format!(
            r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{digest}","size":{}}}"#,
            content.len()
        ));
    }
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{},"layers":[{}]}}"#,
        descriptors[0].replace("layer.v1.tar+gzip", "config.v1+json"),
        descriptors[1..].join(",")
    );
    let body = Body { block: manifest.as_bytes(), times: 1 };
    let put = connection.send(
        "PUT",
        &format!("/v2/bench/app/manifests/{tag}"),
        &format!("Content-Type: {media_type}\r\n"),
        body,
    )?;
    if put.status != 201 {
        bail!("the manifest could not be pushed: {}", put.status);
    }
    Ok(())
}

pub fn manifests(subject: &Subject, connections: usize) -> Result<Measured> {
    let url = format!("http://{}/v2/bench/app/manifests/v1", subject.host);
    let cpu = subject.cpu()?;
    let mut command = Command::new("wrk");
    command.args([
        "-t1",
        &format!("-c{connections}"),
        &format!("-d{MANIFEST_SECONDS}s"),
        "-H",
        "Accept: application/vnd.oci.image.manifest.v1+json",
    ]);
    if let Some(authorization) = &subject.authorization {
        command.args(["-H", &format!("Authorization: {authorization}")]);
    }
    let output = String::from_utf8_lossy(&command.arg(url).output()?.stdout).into_owned();
    let cpu = subject.cpu()? - cpu;
    if output.contains("Non-2xx") {
        bail!("{}: some requests failed: {output}", subject.name);
    }
    let number = |before: &str| -> Result<f64> {
        let line = output
            .lines()
            .find(|line| line.contains(before))
            .with_context(|| format!("wrk printed no {before}: {output}"))?;
        let word = if before == "Requests/sec" {
            line.split_whitespace().last()
        } else {
            line.split_whitespace().next()
        };
        Ok(word.unwrap_or_default().parse()?)
    };
    Ok(Measured {
        rate: number("Requests/sec")?,
        cpu_ms: cpu.as_secs_f64() * 1000.0 / number("requests in")?,
    })
}

fn pull_blobs(subject: &Subject, digest: &str) -> Result<Measured> {
    const PULLS: usize = 96;
    let path = format!("/v2/bench/app/blobs/{digest}");
    subject.measure(PULLS, || {
        in_parallel(4, |_| {
            let mut connection = subject.connect()?;
            for _ in 0..PULLS / 4 {
                if connection.send("GET", &path, "", NOTHING)?.status != 200 {
                    bail!("{}: a blob could not be pulled", subject.name);
                }
            }
            Ok(())
        })
    })
}

fn push_small(subject: &Subject) -> Result<Measured> {
    const PUSHES: usize = 200;
    // Three rounds, the first to warm up; the best of the others counts, on both sides.
    let mut best: Option<Measured> = None;
    for round in 0..3_u64 {
        let blocks: Vec<Vec<u8>> =
            (0..PUSHES).map(|number| block(MIB, round << 32 | (1000 + number as u64))).collect();
        let digests: Vec<String> = blocks.iter().map(|block| digest(Body { block, times: 1 })).collect();
        let next = AtomicUsize::new(0);
        let measured = subject.measure(PUSHES, || {
            in_parallel(8, |_| {
                let mut connection = subject.connect()?;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= PUSHES {
                        return Ok(());
                    }
                    connection.push_blob(
                        "bench/app",
                        &digests[number],
                        Body { block: &blocks[number], times: 1 },
                    )?;
                }
            })
        })?;
        if round > 0 && best.as_ref().is_none_or(|best| measured.rate > best.rate) {
            best = Some(measured);
        }
    }
    best.context("there were rounds")
}

fn push_large(subject: &Subject) -> Result<Measured> {
    let block = block(MIB, 99);
    let body = Body { block: &block, times: 1024 };
    let digest = digest(body);
    subject.measure(1, || subject.connect()?.push_blob("bench/app", &digest, body))
}
