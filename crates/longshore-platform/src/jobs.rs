//! What a node does on its own: each run is a span in the log, and is counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use longshore_domain::{Error, Result};
use tracing::Instrument;

use crate::{Platform, spans};

/// How a job went on this node since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobFigure {
    /// Runs that ended well.
    pub succeeded: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Things that it dealt with, in all runs.
    pub items: u64,
    /// How long all runs took.
    pub took: Duration,
    /// How long the last run took.
    pub last_took: Duration,
    /// When the last run ended.
    pub last_ended_at: Option<Timestamp>,
    /// Whether the last run failed.
    pub has_failed_last: bool,
}

/// How the jobs of this node went, by their names.
#[derive(Debug, Default)]
pub(crate) struct JobFigures(Mutex<BTreeMap<&'static str, JobFigure>>);

impl JobFigures {
    fn record(&self, name: &'static str, ended_at: Timestamp, took: Duration, items: Option<u64>) {
        let mut figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let figure = figures.entry(name).or_default();
        match items {
            Some(items) => {
                figure.succeeded += 1;
                figure.items += items;
            }
            None => figure.failed += 1,
        }
        figure.took += took;
        figure.last_took = took;
        figure.last_ended_at = Some(ended_at);
        figure.has_failed_last = items.is_none();
    }
}

/// Logs that a job failed.
pub fn log_failure(job: &str, error: &Error) {
    tracing::error!(job, error = %error, cause = error.cause(), "a job failed; it is tried again next time");
}

impl Platform {
    /// Runs a job once, in a span of its own, and counts how it went. The job returns how many things it dealt with.
    ///
    /// # Errors
    /// Those of the job.
    pub async fn run_job<E>(
        &self,
        name: &'static str,
        job: impl Future<Output = Result<u64, E>>,
    ) -> Result<u64, E> {
        let began = Instant::now();
        let outcome = job.instrument(spans::of_job(name)).await;
        self.figures.record(name, self.now(), began.elapsed(), outcome.as_ref().ok().copied());
        outcome
    }

    /// Returns how the jobs of this node went since its start, by name.
    pub fn job_figures(&self) -> Vec<(&'static str, JobFigure)> {
        let figures = self.figures.0.lock().unwrap_or_else(PoisonError::into_inner);
        figures.iter().map(|(name, figure)| (*name, *figure)).collect()
    }
}
