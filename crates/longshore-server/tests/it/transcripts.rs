//! Every command, once with right and once with wrong input, as somebody types it and sees it: files in `transcripts/` that are run
//! line by line, and that a review reads.
//!
//! A line that begins with `$ ` is typed into a shell; what follows is what was printed, lines of standard error behind `! `, and
//! the exit code in brackets unless it is 0. What differs from run to run stands as `ID`, `TIME`, `AGE`, `SECRET` and so on, and
//! several spaces as two. `LONGSHORE_KEEP_TRANSCRIPTS=1` writes what is printed now into the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use longshore_testkit::images::image;
use regex_lite::Regex;

use crate::command_line::commands;
use crate::docr::bearer;
use crate::server::{PASSWORD, Server, binary, user};

/// What the shell knows.
struct Desk {
    server: Server,
    home: tempfile::TempDir,
    exported: BTreeMap<String, String>,
    /// What is put in the place of what differs.
    plain: Vec<(Regex, &'static str)>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/transcripts")
}

impl Desk {
    fn new() -> Self {
        let server = Server::embedded();
        for (tag, layer) in [("v1", "one"), ("v2", "two"), ("v10", "ten")] {
            let (config, layer) = (format!("config of {tag}"), layer.as_bytes());
            server.push_blob(&user("alice"), "acme/app", config.as_bytes());
            server.push_blob(&user("alice"), "acme/app", layer);
            let image = image(config.as_bytes(), &[layer]);
            server.push_manifest(&user("alice"), "acme/app", tag, &image).expect(201);
        }
        let bearer = bearer(&server, "alice", "repo:admin");
        let registry = br#"{ "name": "acme", "subscription_tier_slug": "professional" }"#;
        let json = [("content-type", "application/json")];
        server.send("POST", "/v2/registries", &bearer, &json, registry).expect(201);
        let home = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(binary(), home.path().join("longshore")).unwrap();
        let quoted = |text: &str| regex_lite::escape(text);
        let plain = [
            (quoted(&server.url), "http://registry.test"),
            (quoted(server.host()), "registry.test"),
            (quoted(&server.data().display().to_string()), "DATA"),
            (quoted(&home.path().display().to_string()), "HOME"),
            (r"\bls[a-z]_[0-9A-Za-z_-]{16,}".to_owned(), "SECRET"),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".to_owned(), "ID"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z".to_owned(), "TIME"),
            (r"(\bin )?\b\d+ (s|min|h|d|mo|y)( ago)?\b".to_owned(), "AGE"),
            (r"(^|  |\()now( {2}|\)|$)".to_owned(), "${1}AGE${2}"),
            (r"longshore on [^ ]+".to_owned(), "longshore on HOST"),
            (r"\b[A-Z2-7]{20,}\b".to_owned(), "SECRET"),
            (r"\b\d{4}-\d\d-\d\d\b".to_owned(), "DAY"),
            (r"\b[0-9a-f]{8}-[0-9a-f]{1,6}\b".to_owned(), "REQUEST"),
        ];
        let plain = plain
            .into_iter()
            .map(|(pattern, word)| (Regex::new(&format!("(?m){pattern}")).unwrap(), word))
            .collect();
        Self { server, home, exported: BTreeMap::new(), plain }
    }

    /// Returns what a text is on every run.
    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (pattern, word) in &self.plain {
            text = pattern.replace_all(&text, *word).into_owned();
        }
        text
    }

    /// Types a line, and gives what is seen. What one exports, those behind it know.
    fn run(&mut self, line: &str) -> String {
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|rest| rest.split_once('=')) {
            self.exported.insert(name.to_owned(), value.trim_matches('\'').to_owned());
            return String::new();
        }
        let path = format!("{}:/usr/bin:/bin", self.home.path().display());
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", line])
            .current_dir(self.home.path())
            .env_clear()
            .envs([("PATH", path.as_str()), ("URL", &self.server.url), ("PASSWORD", PASSWORD)])
            .env("HOME", self.home.path())
            .env("DATA", self.server.data())
            .envs(&self.exported)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let mut seen = String::new();
        for (text, mark) in [(&output.stdout, ""), (&output.stderr, "! ")] {
            for line in self.plain(&String::from_utf8_lossy(text)).lines() {
                let words: Vec<&str> =
                    line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
                let _ = writeln!(seen, "{}", format!("{mark}{}", words.join("  ")).trim_end());
            }
        }
        match output.status.code() {
            Some(0) => {}
            code => {
                let _ = writeln!(seen, "[{}]", code.unwrap_or(-1));
            }
        }
        seen
    }
}

/// Runs the lines of a transcript, and compares.
fn hold(name: &str) {
    let path = folder().join(name);
    let kept = std::fs::read_to_string(&path).unwrap();
    let mut desk = Desk::new();
    let mut seen = String::new();
    let is_ours = |line: &&str| line.starts_with("# ") || line.starts_with("$ ");
    for (number, line) in kept.lines().enumerate() {
        let is_between = line.is_empty() && kept.lines().nth(number + 1).is_some_and(|next| is_ours(&next));
        if line.starts_with("# ") || is_between {
            let _ = writeln!(seen, "{line}");
        } else if let Some(command) = line.strip_prefix("$ ") {
            let _ = writeln!(seen, "{line}");
            seen.push_str(&desk.run(command));
        }
    }
    if std::env::var_os("LONGSHORE_KEEP_TRANSCRIPTS").is_some() {
        std::fs::write(&path, &seen).unwrap();
        return;
    }
    let differs = kept.lines().zip(seen.lines()).find(|(kept, seen)| kept != seen);
    assert!(
        kept == seen,
        "{name}: {differs:?}; if that is meant, run this with LONGSHORE_KEEP_TRANSCRIPTS=1 and look at the difference\n{seen}"
    );
}

#[test]
fn people_and_organizations() {
    hold("people.txt");
}

#[test]
fn ones_own_account() {
    hold("account.txt");
}

#[test]
fn what_is_stored() {
    hold("content.txt");
}

#[test]
fn what_goes_and_who_may() {
    hold("rights.txt");
}

#[test]
fn the_registry_itself() {
    hold("operation.txt");
}

/// Commands that no transcript shows so, with the reason.
const NOT_SHOWN: &[(&str, &str)] = &[
    ("serve", "runs until it is stopped; every test starts it"),
    ("second-factor enable", "asks for a code of an authenticator; `hub::authentication` has one"),
    ("second-factor disable", "as enable"),
    ("second-factor recovery-codes", "as enable"),
    ("user reset-second-factor", "needs a second factor, as enable"),
    ("audit tail", "runs until it is stopped; `accountability` follows it"),
    ("account confirm-email", "takes what a mail says; `native::email` reads it"),
    ("account email", "needs a mail server; `native::email` has one"),
    ("config test-mail", "as account email"),
    ("invite resend", "needs a mail server; `hub::invites` has one"),
    ("work drop", "drops what somebody waits for, of which there is none; `app::work` has some"),
    ("migrate", "migrates nothing that is of this version; `server` starts on older ones"),
];

#[test]
fn every_command_is_shown_with_right_and_with_wrong_input() {
    let mut shown: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    let commands = commands();
    for file in std::fs::read_dir(folder()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let mut of_line: Vec<String> = Vec::new();
        let mut is_right = true;
        for line in text.lines().chain(["$ "]) {
            if let Some(typed) = line.strip_prefix("$ ") {
                for command in of_line.drain(..) {
                    shown.entry(command).or_default().insert(is_right);
                }
                is_right = true;
                for part in typed.split("longshore ").skip(1) {
                    let part = part.strip_prefix("--data $DATA ").unwrap_or(part);
                    let part = part.strip_prefix("--set gc.batch=many ").unwrap_or(part);
                    let ends = |rest: &str| {
                        !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '-')
                    };
                    let begins = |command: &&String| part.strip_prefix(command.as_str()).is_some_and(ends);
                    of_line
                        .extend(commands.iter().filter(begins).max_by_key(|command| command.len()).cloned());
                }
            } else if line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']')?.parse::<u8>().ok())
                .is_some()
            {
                is_right = false;
            }
        }
    }
    for command in commands.iter().filter(|command| NOT_SHOWN.iter().all(|(name, _)| name != command)) {
        let how = shown.get(command).cloned().unwrap_or_default();
        assert!(how.contains(&true), "no transcript shows `longshore {command}` with right input");
        assert!(how.contains(&false), "no transcript shows `longshore {command}` with wrong input");
    }
}
