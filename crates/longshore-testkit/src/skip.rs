//! Tests that cannot do here what they are for: they say so, so that nobody takes them for passed.
//!
//! `cargo xtask test` gives each test a file to say it in, brings what is needed if it can, and lists the rest at its end.
//! Without it, the test says so on its standard error.

use std::io::Write;
use std::process::Command;

/// In the environment of a test: the file to which it writes what it lacks.
pub const SKIPS: &str = "LONGSHORE_TEST_SKIPS";

/// The line after which a test fails for want of what it lacks, and of nothing else.
const ENDS: &str = "ends";

/// What a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// PostgreSQL and S3, for this test alone.
    Stores,
    /// That it is run once more with `LONGSHORE_TEST_STORES=shared`: it is about nodes that share stores.
    SharedRun,
    /// A program in the search path.
    Program(&'static str),
    /// A variable that names a program, as `cargo xtask test` installs it.
    Variable(&'static str),
    /// That volumes may be mounted.
    Mounts,
}

impl std::fmt::Display for Need {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stores => write!(text, "stores"),
            Self::SharedRun => write!(text, "shared-run"),
            Self::Program(name) => write!(text, "program {name}"),
            Self::Variable(name) => write!(text, "variable {name}"),
            Self::Mounts => write!(text, "mounts"),
        }
    }
}

/// Says that this test is skipped; its caller returns.
#[expect(clippy::print_stderr, reason = "a person who runs tests by hand reads it")]
pub fn skipped(need: Need) {
    say(&need.to_string());
    eprintln!("skipped: this test needs {need}");
}

fn say(line: &str) {
    if let Some(path) = std::env::var_os(SKIPS) {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        writeln!(file.unwrap(), "{line}").unwrap();
    }
}

/// Says that this test is skipped, from amid it. Who runs it alone sees it fail.
pub fn cannot_go_on(need: Need) -> ! {
    skipped(need);
    say(ENDS);
    panic!("this test needs {need}; run it with `cargo xtask test`, which installs what is missing");
}

/// Begins a command of a program in the search path, or where Debian has those of administrators.
pub fn command(name: &'static str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain(["/usr/sbin".into()]).map(|folder| folder.join(name));
    let found = found.into_iter().find(|path| path.is_file());
    Command::new(found.unwrap_or_else(|| cannot_go_on(Need::Program(name))))
}

/// Returns the value of a variable by which a test finds a program.
pub fn variable(name: &'static str) -> String {
    std::env::var(name).unwrap_or_else(|_| cannot_go_on(Need::Variable(name)))
}

#[cfg(test)]
mod tests {
    use super::{Need, SKIPS, cannot_go_on, skipped};

    #[test]
    fn what_a_test_lacks_is_written_down() {
        const CHILD: &str = "LONGSHORE_TEST_OF_SKIPS";
        if std::env::var_os(CHILD).is_some() {
            skipped(Need::Stores);
            cannot_go_on(Need::Program("skopeo"));
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skips");
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "skip::tests::what_a_test_lacks_is_written_down"])
            .env(CHILD, "1")
            .env(SKIPS, &file)
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert_eq!(std::fs::read_to_string(file).unwrap(), "stores\nprogram skopeo\nends\n");
    }
}
