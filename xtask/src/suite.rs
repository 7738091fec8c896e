//! `cargo xtask test`: builds the test programs, brings what tests need, runs each test in a process of its own, and says at
//! the end what failed, what was skipped and why, and what took long.
//!
//! A test that lacks something says so in a file (`longshore_testkit::skip`); what can be brought is, and the test runs again.
//! So no list here says which test needs what. `docs/decisions/0025` says why this is no other program's work.

mod needs;
mod programs;
mod report;
mod run;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use self::needs::Brought;
use self::programs::Test;
use self::report::Report;
use self::run::{Job, Runner, Stores};

/// How many tests run for each processor: many wait for a disk, a timer or another process.
const TESTS_PER_PROCESSOR: usize = 2;

/// After how long a test is taken to hang: the longest takes a minute.
const TIME_OUT_SECONDS: u64 = 300;

/// Installs what the tests need, and runs them: on SQLite and a folder, and those that run on either once more on PostgreSQL and
/// S3.
///
/// With NAME, only what these tests need is started, and they run on PostgreSQL and S3 only when that is asked for or they do
/// nothing without. What cannot be installed or done here (no root, no Debian) is skipped, and listed at the end.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only tests whose path (for example `hostile::slow_but_honest_clients_are_served`) contains one of these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only tests of these packages, which also builds no others
    #[arg(long, short, value_name = "PACKAGE")]
    package: Vec<String>,
    /// On which stores: SQLite and a folder, PostgreSQL and S3, or both; both is what is done without NAME
    #[arg(long, value_enum)]
    stores: Option<On>,
    /// How many tests run at once; twice as many as there are processors without this
    #[arg(long)]
    threads: Option<usize>,
    /// After how many seconds a test is ended, with all that it has started, and has failed
    #[arg(long, default_value_t = TIME_OUT_SECONDS, value_name = "SECONDS")]
    time_out: u64,
    /// Fail when a test was skipped, as continuous integration does
    #[arg(long)]
    deny_skips: bool,
}

impl Arguments {
    /// What continuous integration asks for: everything, and nothing skipped.
    pub fn of_ci() -> Self {
        Self {
            names: Vec::new(),
            package: Vec::new(),
            stores: None,
            threads: None,
            time_out: TIME_OUT_SECONDS,
            deny_skips: true,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum On {
    Embedded,
    Shared,
    Both,
}

/// Runs what the arguments ask for.
pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let is_whole = arguments.names.is_empty() && arguments.package.is_empty();
    let on = arguments.stores.unwrap_or(if is_whole { On::Both } else { On::Embedded });
    let programs = programs::build(root, &arguments.package)?;
    let tests = programs::tests(&programs, &arguments.names)?;
    if tests.is_empty() {
        bail!("no test has such a name");
    }
    let began_at = Instant::now();
    let mut brought = Brought::new(root);
    if is_whole {
        brought.bring_all();
    } else if on != On::Embedded {
        brought.bring_stores();
    }
    let jobs = |on: Stores| tests.iter().filter(move |test| on == Stores::Embedded || test.runs_on_either());
    let mut wanted: Vec<(&Test, Stores)> = Vec::new();
    if on != On::Shared {
        wanted.extend(jobs(Stores::Embedded).map(|test| (test, Stores::Embedded)));
    }
    if on != On::Embedded && brought.has_stores() {
        wanted.extend(jobs(Stores::Shared).map(|test| (test, Stores::Shared)));
    }
    let threads = arguments.threads.unwrap_or_else(|| {
        TESTS_PER_PROCESSOR * std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
    });
    let runner = Runner::new(root, threads, Duration::from_secs(arguments.time_out))?;
    let jobs: Vec<Job> = wanted.into_iter().map(|(test, on)| Job { test, on }).collect();
    let mut report = Report::default();
    report.add(runner.run(&jobs, &brought)?);
    // What was skipped for want of something that can be brought; in a whole run, all of that is there.
    if !is_whole {
        let again = brought.bring_what_lacks(&report, on != On::Embedded);
        if !again.is_empty() {
            report.replace(runner.run(&again, &brought)?);
        }
    }
    report.print(began_at.elapsed(), threads, brought.refusals());
    runner.remember(&report)?;
    if let Some(stores) = brought.stores() {
        // One order of locks keeps transactions from waiting for each other in a circle: `docs/decisions/0019`.
        let deadlocks = stores.deadlocks()?;
        if !deadlocks.is_empty() {
            let told: Vec<String> = deadlocks.iter().map(|message| report.of_database(message)).collect();
            bail!("PostgreSQL ended transactions because of deadlocks:\n{}", told.join("\n"));
        }
    }
    report.check(arguments.deny_skips)
}
