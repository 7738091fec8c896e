//! What came of the tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use super::run::{Job, Stores};

/// How many of the slowest tests are named.
const SLOWEST: usize = 15;
/// How much of what a failed test said is shown.
const SHOWN_LINES: usize = 120;

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// What it lacked.
    Skipped(Vec<String>),
    Failed,
    TimedOut,
}

/// A test that has run.
#[derive(Clone)]
pub struct TestResult<'t> {
    pub job: Job<'t>,
    /// What the names of its databases begin with.
    pub databases: String,
    pub outcome: Outcome,
    pub took: Duration,
    /// What it said.
    pub log: PathBuf,
}

impl TestResult<'_> {
    /// Tells whether it was skipped, and nothing can be done about it elsewhere in the same run.
    fn lacks(&self, has_shared_run: bool) -> Option<String> {
        match &self.outcome {
            Outcome::Skipped(needs) => {
                let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
                let is_elsewhere = has_shared_run && needs == ["shared-run"];
                (!is_elsewhere).then(|| needs.join(", "))
            }
            _ => None,
        }
    }
}

/// All tests that have run.
#[derive(Default)]
pub struct Report<'t>(Vec<TestResult<'t>>);

impl<'t> Report<'t> {
    /// Adds results.
    pub fn add(&mut self, results: Vec<TestResult<'t>>) {
        self.0.extend(results);
    }

    /// Adds results of tests that ran again, perhaps elsewhere.
    pub fn replace(&mut self, results: Vec<TestResult<'t>>) {
        self.0.retain(|old| !results.iter().any(|new| std::ptr::eq(new.job.test, old.job.test)));
        self.add(results);
    }

    /// The results.
    pub fn results(&self) -> &[TestResult<'t>] {
        &self.0
    }

    /// A message of the database server that names a database, below the name of the test whose database that was.
    pub fn of_database(&self, message: &str) -> String {
        let named = |result: &&TestResult| message.contains(&format!(" {}", result.databases));
        let test =
            self.0.iter().find(named).map_or_else(|| "no test".to_owned(), |result| result.job.to_string());
        format!("{test}:\n{message}")
    }

    fn has_shared_run(&self) -> bool {
        self.0.iter().any(|result| result.job.on == Stores::Shared)
    }

    fn count(&self, is_counted: impl Fn(&Outcome) -> bool) -> usize {
        self.0.iter().filter(|result| is_counted(&result.outcome)).count()
    }

    /// What was skipped: what lacked, and the tests.
    fn skipped(&self) -> BTreeMap<String, Vec<String>> {
        let mut skipped = BTreeMap::<String, Vec<String>>::new();
        let has_shared_run = self.has_shared_run();
        for result in &self.0 {
            if let Some(needs) = result.lacks(has_shared_run) {
                skipped.entry(needs).or_default().push(result.job.to_string());
            }
        }
        skipped
    }

    /// Prints what a person wants to know at the end.
    pub fn print(&self, took: Duration, threads: usize, refusals: &[String]) {
        for result in &self.0 {
            let word = match result.outcome {
                Outcome::Failed => "FAILED",
                Outcome::TimedOut => "TIMED OUT",
                _ => continue,
            };
            let text = std::fs::read(&result.log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            println!("\n--- {word}: {} ({})", result.job, result.log.display());
            for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
                println!("{line}");
            }
        }
        println!("\nparts, by the time that their tests took together:");
        let mut parts = BTreeMap::<String, (usize, Duration)>::new();
        for result in &self.0 {
            let part = parts.entry(result.job.part()).or_default();
            *part = (part.0 + 1, part.1 + result.took);
        }
        let mut parts: Vec<_> = parts.into_iter().collect();
        parts.sort_by_key(|(_, (_, took))| std::cmp::Reverse(*took));
        for (name, (count, took)) in parts {
            println!("{:>8.1} s  {count:>4} tests  {name}", took.as_secs_f64());
        }
        println!("\nslowest tests:");
        let mut slowest: Vec<_> = self.0.iter().collect();
        slowest.sort_by_key(|result| std::cmp::Reverse(result.took));
        for result in slowest.iter().take(SLOWEST) {
            println!("{:>8.1} s  {}", result.took.as_secs_f64(), result.job);
        }
        for refusal in refusals {
            println!("\nnot here: {refusal}");
        }
        for (needs, tests) in self.skipped() {
            println!("\nskipped, as it needs {needs}:");
            tests.iter().for_each(|test| println!("  {test}"));
        }
        let skipped: usize = self.skipped().values().map(Vec::len).sum();
        println!(
            "\n{} passed, {} failed, {} timed out, {skipped} skipped, in {:.0} s with {threads} at once",
            self.count(|outcome| *outcome == Outcome::Passed),
            self.count(|outcome| *outcome == Outcome::Failed),
            self.count(|outcome| *outcome == Outcome::TimedOut),
            took.as_secs_f64()
        );
    }

    /// Fails when a test has.
    pub fn check(&self, are_skips_denied: bool) -> Result<()> {
        let is_bad = |outcome: &Outcome| matches!(outcome, Outcome::Failed | Outcome::TimedOut);
        let bad: Vec<String> = self
            .0
            .iter()
            .filter(|result| is_bad(&result.outcome))
            .map(|result| result.job.to_string())
            .collect();
        if !bad.is_empty() {
            bail!("tests failed:\n  {}", bad.join("\n  "));
        }
        if are_skips_denied && !self.skipped().is_empty() {
            bail!("tests were skipped, and here none may be");
        }
        Ok(())
    }
}
