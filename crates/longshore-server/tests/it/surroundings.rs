//! A process whose log or output cannot be written.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::command_line::{EXAMPLES, example_server};
use crate::server::{Client, PASSWORD, binary, user};

/// The end of a pipe whose reader is gone.
fn broken_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full_disk() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn serve(data: &std::path::Path, level: &str, log: Stdio) -> (Child, Client) {
    let mut child = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .env("LONGSHORE_ADMIN_PASSWORD", PASSWORD)
        .env("LONGSHORE_LOG_LEVEL", level)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines
        .find_map(|line| line.unwrap().trim().strip_prefix("listens ").map(|url| url.trim().to_owned()))
        .unwrap();
    (child, Client::new(url))
}

/// `longshore serve 2>&1 | head -3`, a full log disk, a log reader that hangs.
#[test]
fn requests_and_the_stop_go_on_when_the_log_cannot_be_written() {
    let (unread, writer) = std::io::pipe().unwrap();
    let logs: [(&str, Stdio); 3] =
        [("a broken pipe", broken_pipe()), ("a full disk", full_disk().into()), ("unread", writer.into())];
    for (what, log) in logs {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, client) = serve(folder.path(), "trace", log);
        for _ in 0..100 {
            // Logged: a refusal.
            client.get("/v2/alice/none/tags/list", "").expect(401);
            client.get("/v2/", &user("admin")).expect(200);
        }
        let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(stopped.success());
        assert!(child.wait().unwrap().success(), "{what}");
    }
    drop(unread);
}

#[test]
fn no_command_panics_when_its_output_cannot_be_written() {
    let server = example_server();
    for (command, arguments) in EXAMPLES {
        let run = |stdout: Stdio, stderr: Stdio| {
            Command::new(binary())
                .args(command.split(' ').filter(|word| !word.is_empty()))
                .args(*arguments)
                .arg("--data")
                .arg(server.data())
                .env("LONGSHORE_REGISTRY", &server.url)
                .stdin(Stdio::null())
                .stdout(stdout)
                .stderr(stderr)
                .output()
                .unwrap()
        };
        for stdout in [broken_pipe(), full_disk().into()] {
            let output = run(stdout, Stdio::piped());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!said.contains("panicked"), "{command}: {said}");
            assert!(matches!(output.status.code(), Some(0..=6)), "{command}: {:?}", output.status);
        }
        let silent = run(broken_pipe(), broken_pipe());
        assert!(matches!(silent.status.code(), Some(0..=6)), "{command}: {:?}", silent.status);
    }
    // What reads no more has had enough; a full disk is a failure.
    let list = |stdout: Stdio| {
        let mut command = Command::new(binary());
        command.args(["audit", "list", "--data"]).arg(server.data()).stdout(stdout).output().unwrap()
    };
    assert_eq!(list(broken_pipe()).status.code(), Some(0));
    let full = list(full_disk().into());
    assert_eq!(full.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&full.stderr).contains("cannot write to standard output"));
}
