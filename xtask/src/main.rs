//! Automation of this repository: `cargo xtask <command>`.

mod bench;
mod install;
mod load;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

/// Automation of this repository.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need, and run all tests
    Test,
    /// What continuous integration runs: format, lints, tidiness, all tests
    Ci,
    /// Check the rules that no compiler checks
    Tidy,
    /// Measure against Debian's docker-registry, in one run on this machine
    Bench,
    /// Kill the server during 200 concurrent pushes, many times
    Crash {
        /// How many times
        #[arg(long, default_value_t = 50)]
        rounds: u32,
    },
    /// Run the property test of garbage collection for long
    CollectionProperty {
        /// Number of generated histories
        #[arg(long, default_value_t = 2000)]
        cases: u32,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Task::Test => test(),
        Task::Ci => {
            cargo(&["fmt", "--all", "--check"], &[])?;
            cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"], &[])?;
            tidy::check(&root())?;
            deny()?;
            test()
        }
        Task::Tidy => tidy::check(&root()),
        Task::Bench => bench::run(&root()),
        Task::Crash { rounds } => cargo(
            &["test", "--package", "longshore-server", "--test", "it", "crash::"],
            &[("LONGSHORE_CRASH_ROUNDS", &rounds.to_string())],
        ),
        Task::CollectionProperty { cases } => cargo(
            &["test", "--package", "longshore-services", "--test", "it", "collection_property::"],
            &[("LONGSHORE_PROPERTY_CASES", &cases.to_string())],
        ),
    }
}

fn test() -> Result<()> {
    install::clients()?;
    cargo(&["test", "--workspace", "--no-fail-fast"], &[])
}

/// Licences and duplicate dependencies, where the tool is installed (it takes minutes to build).
fn deny() -> Result<()> {
    if Command::new("cargo").args(["deny", "--version"]).output().is_ok_and(|output| output.status.success())
    {
        return cargo(&["deny", "check", "bans", "licenses", "sources"], &[]);
    }
    eprintln!(
        "cargo-deny is not installed; licences and duplicates are not checked (cargo install cargo-deny)"
    );
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    eprintln!("cargo {}", arguments.join(" "));
    let status = Command::new("cargo")
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(())
}
