//! Automation of this repository: `cargo xtask <command>`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is read by a person at once")]

mod bench;
mod bench_cluster;
mod bench_contention;
mod hostile;
mod install;
mod load;
mod rooms;
mod stores;
mod suite;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::stores::Stores;

/// Automation of this repository.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    Test(suite::Arguments),
    /// What continuous integration runs: format, lints, tidiness, all tests
    Ci,
    /// Start PostgreSQL and an S3 server for tests, print how to reach them, and stop them on Enter
    Stores,
    /// Check the rules that no compiler checks
    Tidy,
    /// Measure, and print ratios to a peer in the same run on this machine; `LONGSHORE_BENCH_BINARY` names another program to measure
    Bench {
        /// Only this; without it, all
        #[arg(long, value_enum)]
        only: Option<Bench>,
    },
    /// Attack the server with 4,000 connections that cost nothing, and check that others do not notice
    Hostile,
    /// Kill the server during 200 concurrent pushes, many times
    Crash {
        /// How many times
        #[arg(long, default_value_t = 50)]
        rounds: u32,
    },
    /// Push, move tags, delete and pull with garbage collection each second, kill the server every few seconds, and check
    /// that nothing acknowledged is lost
    Soak {
        /// For how long
        #[arg(long, default_value_t = 20)]
        minutes: u32,
    },
    /// Run the property test of garbage collection for long
    CollectionProperty {
        /// Number of generated histories
        #[arg(long, default_value_t = 2000)]
        cases: u32,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Bench {
    /// SQLite and a folder, against Debian's docker-registry
    Machine,
    /// One, two and three nodes on PostgreSQL and S3, against docker-registry on the same S3 server
    Cluster,
    /// 24 clients at three nodes on PostgreSQL and S3 that move one tag
    Contention,
    /// 1,000,000 tags, 10,000,000 blob links and 100,000 users against a thousandth of that, on SQLite and on PostgreSQL
    Scale,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Task::Test(arguments) => suite::run(&root(), &arguments),
        Task::Ci => {
            cargo(&["fmt", "--all", "--check"], &[])?;
            cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"], &[])?;
            tidy::check(&root())?;
            deny()?;
            suite::run(&root(), &suite::Arguments::of_ci())
        }
        Task::Stores => {
            let stores = Stores::start(&root())?;
            for (name, value) in &stores.environment {
                println!("export {name}={value}");
            }
            eprintln!("logs are in {}; press Enter to stop", stores.folder().display());
            std::io::stdin().read_line(&mut String::new())?;
            Ok(())
        }
        Task::Tidy => tidy::check(&root()),
        Task::Bench { only } => {
            let is_wanted = |bench| only.is_none_or(|only| only == bench);
            if is_wanted(Bench::Machine) {
                bench::run(&root())?;
                cargo(&["bench", "--package=longshore-platform", "--bench=spans"], &[])?;
            }
            if is_wanted(Bench::Cluster) {
                bench_cluster::run(&root())?;
            }
            if is_wanted(Bench::Contention) {
                bench_contention::run(&root())?;
            }
            if is_wanted(Bench::Scale) {
                bench_scale()?;
            }
            Ok(())
        }
        Task::Hostile => hostile::run(&root()),
        Task::Crash { rounds } => cargo(
            &["test", "--package", "longshore-server", "--test", "it", "crash::"],
            &[("LONGSHORE_CRASH_ROUNDS", &rounds.to_string())],
        ),
        Task::Soak { minutes } => cargo(
            &["test", "--package", "longshore-server", "--test", "it", "soak::", "--", "--nocapture"],
            &[("LONGSHORE_SOAK_SECONDS", &(60 * minutes).to_string())],
        ),
        Task::CollectionProperty { cases } => cargo(
            &["test", "--package", "longshore-app", "--test", "it", "collection_property::"],
            &[("LONGSHORE_PROPERTY_CASES", &cases.to_string())],
        ),
    }
}

fn bench_scale() -> Result<()> {
    let bench = &["bench", "--package=longshore-app", "--bench=scale"];
    cargo(bench, &[])?;
    let stores = Stores::start(&root())?;
    let mut environment: Vec<(&str, &str)> =
        stores.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    environment.push(("LONGSHORE_TEST_STORES", "shared"));
    cargo(bench, &environment)
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

/// Lets this process open so many files, if it may.
fn raise_file_limit(wanted: u64) -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })
            .with_context(|| format!("this needs {wanted} open files: raise the hard limit (ulimit -Hn)"))?;
    }
    Ok(())
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
