//! Runs tests, several at once, each in a process of its own that is ended when it takes too long.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::needs::Brought;
use super::programs::Test;
use super::report::{Outcome, Report, TestResult};

/// Tests that take long begin first. The last run tells which these are; before the first, these names do, in this order.
const LONG: [&str; 6] = [
    "two_gibibytes",
    "schemathesis",
    "collection_property",
    "store_faults",
    "contention",
    "garbage_collection",
];
/// The line by which a test says that it ends because of what it lacks (`longshore_testkit::skip`).
const ENDS: &str = "ends";
/// A test that takes longer is named as soon as it has ended.
const NOTABLE: Duration = Duration::from_secs(20);
/// How often the number of tests that have run is told.
const NEWS: usize = 100;

/// What the tests run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stores {
    /// SQLite and a folder.
    Embedded,
    /// PostgreSQL and S3.
    Shared,
}

/// A test, and what it runs on.
#[derive(Clone, Copy)]
pub struct Job<'t> {
    pub test: &'t Test,
    pub on: Stores,
}

impl Job<'_> {
    /// The part of the suite that it belongs to.
    pub fn part(&self) -> String {
        match self.on {
            Stores::Embedded => self.test.program.name.clone(),
            Stores::Shared => format!("{} on PostgreSQL and S3", self.test.program.name),
        }
    }
}

impl std::fmt::Display for Job<'_> {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(text, "{} {}", self.test.program.name, self.test.name)?;
        match self.on {
            Stores::Embedded => Ok(()),
            Stores::Shared => write!(text, " (PostgreSQL and S3)"),
        }
    }
}

/// Runs tests.
pub struct Runner {
    threads: usize,
    time_out: Duration,
    /// What tests say, and how long they took last time.
    folder: PathBuf,
    last: BTreeMap<String, f64>,
    runs: AtomicUsize,
}

impl Runner {
    /// Makes one that keeps what tests say in the build folder.
    pub fn new(root: &Path, threads: usize, time_out: Duration) -> Result<Self> {
        let folder = root.join("target/tests");
        let last = std::fs::read(folder.join("seconds.json")).unwrap_or_default();
        let last = serde_json::from_slice(&last).unwrap_or_default();
        let _ = std::fs::remove_dir_all(folder.join("logs"));
        std::fs::create_dir_all(folder.join("logs"))?;
        Ok(Self { threads, time_out, folder, last, runs: AtomicUsize::new(0) })
    }

    /// How long a test takes, as far as is known.
    fn expected(&self, job: &Job) -> f64 {
        let name = job.to_string();
        let long = || LONG.iter().position(|part| name.contains(part)).map(|at| 100.0 - at as f64);
        self.last.get(&name).copied().or_else(long).unwrap_or(1.0)
    }

    /// Runs tests, those that take long first.
    pub fn run<'t>(&self, jobs: &[Job<'t>], brought: &Brought) -> Result<Vec<TestResult<'t>>> {
        let mut jobs = jobs.to_vec();
        jobs.sort_by(|a, b| self.expected(b).total_cmp(&self.expected(a)));
        let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let ended = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads)
                .map(|_| {
                    scope.spawn(|| -> Result<()> {
                        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                            let run = self.runs.fetch_add(1, Ordering::SeqCst);
                            let result = self.run_one(*job, run, brought)?;
                            ended.lock().expect("no worker panics").push(run);
                            let mut results = results.lock().expect("no worker panics");
                            results.push(result);
                            news(&results, jobs.len());
                        }
                        Ok(())
                    })
                })
                .collect();
            // Databases of tests that have ended go, so that the disk does not fill up.
            if let Some(stores) = brought.stores() {
                while workers.iter().any(|worker| !worker.is_finished()) {
                    std::thread::sleep(Duration::from_secs(1));
                    let runs: Vec<usize> = std::mem::take(&mut *ended.lock().expect("no worker panics"));
                    stores.drop_databases(runs.iter().map(|run| prefix(*run)))?;
                }
            }
            workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
        })?;
        Ok(results.into_inner().expect("no worker panics"))
    }

    fn run_one<'t>(&self, job: Job<'t>, run: usize, brought: &Brought) -> Result<TestResult<'t>> {
        let name = job.to_string().replace("::", ".").replace(['/', ' ', '(', ')'], "-");
        let log = self.folder.join("logs").join(format!("{name}.log"));
        let skips = log.with_extension("skips");
        let _ = std::fs::remove_file(&skips);
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(&job.test.program.path);
        command
            .args(["--exact", &job.test.name, "--nocapture", "--test-threads=1"])
            .current_dir(&job.test.program.folder)
            .env("CARGO_MANIFEST_DIR", &job.test.program.folder)
            .env("LONGSHORE_TEST_SKIPS", &skips)
            .env("LONGSHORE_TEST_RUN", prefix(run))
            .envs(brought.variables().iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        if job.on == Stores::Shared {
            command.env("LONGSHORE_TEST_STORES", "shared");
        }
        let began_at = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        let is_success = wait(&mut child, self.time_out)?;
        let took = began_at.elapsed();
        let needs = std::fs::read_to_string(&skips).unwrap_or_default();
        let mut needs: Vec<String> = needs.lines().map(str::to_owned).collect();
        needs.sort();
        needs.dedup();
        Ok(TestResult { job, databases: prefix(run), outcome: outcome(is_success, needs), took, log })
    }

    /// Keeps how long tests took, for the order of the next run.
    pub fn remember(&self, report: &Report) -> Result<()> {
        let mut seconds = self.last.clone();
        for result in report.results().iter().filter(|result| result.outcome == Outcome::Passed) {
            seconds.insert(result.job.to_string(), result.took.as_secs_f64());
        }
        Ok(std::fs::write(self.folder.join("seconds.json"), serde_json::to_vec(&seconds)?)?)
    }
}

/// What came of a test that succeeded, failed or took too long, and has said what it lacks.
fn outcome(is_success: Option<bool>, mut needs: Vec<String>) -> Outcome {
    let said = needs.len();
    needs.retain(|line| line != ENDS);
    match is_success {
        None => Outcome::TimedOut,
        // Whoever says that it lacks something and then fails has failed, unless it says that this is why.
        Some(false) if said == needs.len() => Outcome::Failed,
        Some(true) if needs.is_empty() => Outcome::Passed,
        Some(_) => Outcome::Skipped(needs),
    }
}

/// What the databases of a test are named with.
fn prefix(run: usize) -> String {
    format!("r{run}_")
}

/// Says how far it is, and what deserves a line.
fn news(results: &[TestResult], all: usize) {
    let Some(last) = results.last() else { return };
    let seconds = last.took.as_secs_f64();
    match last.outcome {
        Outcome::Failed => eprintln!("FAILED after {seconds:.1} s: {}", last.job),
        Outcome::TimedOut => eprintln!("TIMED OUT after {seconds:.1} s: {}", last.job),
        _ if last.took > NOTABLE => eprintln!("{seconds:.1} s: {}", last.job),
        _ => {}
    }
    if results.len().is_multiple_of(NEWS) {
        eprintln!("{} of {all} tests have run", results.len());
    }
}

/// Waits for a test; tells whether it succeeded, or nothing when it took too long and was ended with all that it had started.
fn wait(child: &mut Child, time_out: Duration) -> Result<Option<bool>> {
    let began_at = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if began_at.elapsed() > time_out {
            end_all(child.id());
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Kills a process and all that it has started.
fn end_all(process: u32) {
    let table = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let table = table.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let pairs: Vec<(u32, u32)> = table
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().filter_map(|number| number.parse().ok());
            Some((numbers.next()?, numbers.next()?))
        })
        .collect();
    let mut doomed = vec![process];
    let mut at = 0;
    while let Some(parent) = doomed.get(at).copied() {
        doomed.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        at += 1;
    }
    let doomed = doomed.iter().map(ToString::to_string);
    let _ = Command::new("kill").arg("-KILL").args(doomed).stderr(Stdio::null()).status();
}
