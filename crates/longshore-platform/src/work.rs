//! Durable work: what happens later is a row, written in the transaction that causes it (`tx.put_work`), and done by whichever
//! node takes it, at least once. `docs/decisions/0028`.
//!
//! A room that has such work implements [`Worker`]. The same rows are the schedule of what repeats.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::error::Source;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::Rescheduled;
use longshore_domain::work::{LastRun, NewWork, WorkItem};
use longshore_domain::{Error, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::jobs::log_failure;
use crate::{Platform, later};

/// How often it is looked for work that another node wished for, or that has become due.
const LOOK: Duration = Duration::from_secs(1);
/// How long work that is being done may go on when the server stops; then it is left to another node or the next start.
const LAST_WORK: Duration = Duration::from_secs(5);
/// When work that repeats is tried again after it failed, unless it is due earlier.
const REPEAT_AGAIN: Duration = Duration::from_secs(60);
/// The lane of work that is nobody's in particular.
pub const NOBODYS_LANE: &str = "-";

/// A kind of work.
#[derive(Clone, Copy, Debug)]
pub struct WorkKind {
    /// Its name in the database, in figures and for operators; it never changes.
    pub name: &'static str,
    /// How long after each failure it is tried again; after the last one it is given up. Without use where it repeats.
    pub retries: &'static [Duration],
    /// How much of it one node does at once.
    pub at_once: u32,
    /// How long one attempt may take.
    pub time_limit: Duration,
    /// How long after it has succeeded it is due again; `None` for work that is done once.
    pub every: Option<Duration>,
}

impl WorkKind {
    /// Makes a kind that repeats, one at a time.
    pub const fn repeating(name: &'static str, every: Duration) -> Self {
        Self { name, retries: &[], at_once: 1, time_limit: Duration::from_secs(3600), every: Some(every) }
    }

    /// How often it is begun before it is given up.
    fn attempts(&self) -> usize {
        self.retries.len() + 1
    }

    /// Returns the longest that it waits until it is due.
    pub fn longest_wait(&self) -> Duration {
        let retries = self.retries.iter().map(|wait| *wait * 11 / 10);
        retries.chain(self.every).max().unwrap_or_default()
    }
}

/// Why an attempt failed.
#[derive(Debug)]
pub enum WorkFailure {
    /// It is tried again, as the kind says.
    Again(Source),
    /// No attempt will succeed.
    Never(Source),
}

impl From<Error> for WorkFailure {
    fn from(error: Error) -> Self {
        Self::Again(error.cause().into())
    }
}

impl std::fmt::Display for WorkFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Again(source) | Self::Never(source)) = self;
        source.fmt(f)
    }
}

/// Does work of one kind. Whatever it does may be done twice: a node can die between having done it and saying so.
#[async_trait]
pub trait Worker: Send + Sync {
    /// Returns the kind.
    fn kind(&self) -> WorkKind;

    /// Does a piece of work; it returns how many things it dealt with.
    ///
    /// # Errors
    /// Why it failed, and whether it is worth another attempt.
    async fn work(&self, item: &WorkItem) -> Result<u64, WorkFailure>;

    /// Records that a piece of work is given up, where somebody must learn that.
    ///
    /// # Errors
    /// Those of the metadata store; then it is given up later.
    async fn give_up(&self, item: &WorkItem, error: &str) -> Result<()> {
        let _ = (item, error);
        Ok(())
    }
}

/// All workers of a node.
pub type Workers = Arc<[Arc<dyn Worker>]>;

/// What this node takes of the kinds, and whose turn it was last.
#[derive(Default)]
struct Turns {
    running: HashMap<&'static str, u32>,
    lanes: HashMap<&'static str, String>,
}

impl Turns {
    fn free(&self, kind: &WorkKind) -> u32 {
        kind.at_once.saturating_sub(self.running.get(kind.name).copied().unwrap_or_default())
    }
}

impl Platform {
    /// Makes the workers of this node look for work at once. To be called after the transaction that wished for it.
    pub fn wake_workers(&self) {
        self.work_wanted.notify_one();
    }

    /// Makes a wish for work that is done once, as soon as possible.
    pub fn new_work(&self, kind: WorkKind, key: Option<String>, lane: String, payload: String) -> NewWork {
        let now = self.now();
        NewWork { kind: kind.name, key, lane, payload, due_at: now, created_at: now }
    }

    /// Wishes for all work that repeats and neither waits nor is being done.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn put_repeating_work(&self, workers: &Workers) -> Result<()> {
        let repeating = workers.iter().map(|worker| worker.kind()).filter(|kind| kind.every.is_some());
        let wishes: Vec<NewWork> = repeating
            .map(|kind| {
                self.new_work(kind, Some(kind.name.to_owned()), NOBODYS_LANE.to_owned(), "{}".to_owned())
            })
            .collect();
        self.metadata
            .write(wishes, |tx, wishes| {
                Box::pin(async move {
                    for wish in wishes {
                        tx.put_missing_work(wish).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Does work until `stop` is cancelled, for the server.
    pub async fn do_work(self: &Arc<Self>, workers: &Workers, stop: &CancellationToken) {
        let mut turns = Turns::default();
        let mut running = JoinSet::new();
        let mut begun: HashMap<tokio::task::Id, (WorkKind, WorkItem)> = HashMap::new();
        let mut is_planned = false;
        while !stop.is_cancelled() {
            if !is_planned {
                match self.put_repeating_work(workers).await {
                    Ok(()) => is_planned = true,
                    Err(error) => log_failure("plan repeating work", &error),
                }
            }
            match self.take_due_work(workers, &mut turns).await {
                Ok(taken) => {
                    for (worker, item) in taken {
                        let kind = worker.kind();
                        *turns.running.entry(kind.name).or_default() += 1;
                        let platform = Arc::clone(self);
                        let mine = item.clone();
                        let task =
                            running.spawn(async move { platform.do_one(worker.as_ref(), &mine).await });
                        begun.insert(task.id(), (kind, item));
                    }
                }
                Err(error) => log_failure("look for work", &error),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.work_wanted.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
                Some(ended) = running.join_next_with_id() => {
                    let id = ended.map_or_else(|panicked| panicked.id(), |(id, ())| id);
                    if let Some((kind, _)) = begun.remove(&id) {
                        turns.running.entry(kind.name).and_modify(|running| *running -= 1);
                    }
                }
            }
        }
        let _ = tokio::time::timeout(LAST_WORK, async {
            while let Some(ended) = running.join_next_with_id().await {
                begun.remove(&ended.map_or_else(|panicked| panicked.id(), |(id, ())| id));
            }
        })
        .await;
        running.shutdown().await;
        for (_, item) in begun.into_values() {
            let now = self.now();
            let to = Rescheduled {
                due_at: now,
                attempts: item.attempts.saturating_sub(1),
                error: item.last_error.clone(),
                last_run: None,
            };
            if let Err(error) = self.reschedule(&item, to).await {
                log_failure("leave work to others", &error);
            }
        }
    }

    /// Does what is due now, and what that wishes for, one after another; it returns how many pieces that were.
    ///
    /// # Errors
    /// Those of the metadata store. That a piece of work failed is recorded with it.
    pub async fn do_due_work(&self, workers: &Workers) -> Result<u64> {
        let mut done = 0;
        loop {
            let taken = self.take_due_work(workers, &mut Turns::default()).await?;
            if taken.is_empty() {
                return Ok(done);
            }
            for (worker, item) in taken {
                self.do_one(worker.as_ref(), &item).await;
                done += 1;
            }
        }
    }

    async fn take_due_work(
        &self,
        workers: &Workers,
        turns: &mut Turns,
    ) -> Result<Vec<(Arc<dyn Worker>, WorkItem)>> {
        let now = self.now();
        let due = self.metadata.look_up(now, |tx, now| Box::pin(tx.list_due_kinds(*now))).await?;
        let mut taken = Vec::new();
        for worker in workers.iter() {
            let kind = worker.kind();
            let free = turns.free(&kind);
            if free == 0 || !due.iter().any(|name| name == kind.name) {
                continue;
            }
            let after = turns.lanes.get(kind.name).cloned().unwrap_or_default();
            let until = later(now, self.settings.takeover);
            let input = (kind.name, after, now, PageSize::clamped(u64::from(free))?, self.node, until);
            let items = self
                .metadata
                .write(input, |tx, (kind, after, now, limit, node, until)| {
                    Box::pin(async move {
                        let ids = tx.find_due_work(kind, after, *now, *limit).await?;
                        tx.take_work(ids, *node, *now, *until).await
                    })
                })
                .await?;
            if let Some(last) = items.last() {
                turns.lanes.insert(kind.name, last.lane.clone());
            }
            taken.extend(items.into_iter().map(|item| (Arc::clone(worker), item)));
        }
        Ok(taken)
    }

    /// Does a piece of work that this node has taken, and records what came of it.
    async fn do_one(&self, worker: &dyn Worker, item: &WorkItem) {
        let kind = worker.kind();
        let began = Instant::now();
        let attempts = item.attempts as usize;
        // Whoever began it may have died of it each time.
        let outcome = match kind.every.is_none() && attempts > kind.attempts() {
            true => Err(WorkFailure::Never("no attempt came to an end".into())),
            false => self.run_job(kind.name, self.attempt(worker, item)).await,
        };
        let recorded = match outcome {
            Ok(items) => self.record_done(kind, item, began.elapsed(), items).await,
            Err(failure) => {
                let error = failure.to_string();
                let is_last = attempts >= kind.attempts() || matches!(failure, WorkFailure::Never(_));
                let gives_up = kind.every.is_none() && is_last;
                if gives_up {
                    tracing::error!(
                        job = kind.name,
                        key = item.key,
                        cause = error,
                        attempts = item.attempts,
                        "work was given up; see longshore work ls"
                    );
                    self.record_death(worker, item, &error).await
                } else {
                    tracing::error!(job = kind.name, key = item.key, error = %error, cause = error, "a job failed; it is tried again next time");
                    self.record_retry(kind, item, error).await
                }
            }
        };
        if let Err(error) = recorded {
            log_failure(kind.name, &error);
        }
    }

    /// Makes an attempt, and says meanwhile that this node is alive.
    async fn attempt(&self, worker: &dyn Worker, item: &WorkItem) -> Result<u64, WorkFailure> {
        let limit = worker.kind().time_limit;
        let work = tokio::time::timeout(limit, worker.work(item));
        tokio::pin!(work);
        loop {
            let renewal = tokio::time::sleep(self.settings.takeover / 3);
            tokio::select! {
                outcome = &mut work => {
                    return outcome.unwrap_or_else(|_| {
                        Err(WorkFailure::Again(format!("it took longer than {} s", limit.as_secs()).into()))
                    });
                }
                () = renewal => {
                    let input = (item.id, self.node, later(self.now(), self.settings.takeover));
                    let renewed = self
                        .metadata
                        .write(input, |tx, (id, node, until)| Box::pin(tx.renew_work(*id, *node, *until)))
                        .await;
                    match renewed {
                        Ok(true) => {}
                        Ok(false) => return Err(WorkFailure::Again("another node has taken it over".into())),
                        Err(error) => log_failure("renew work", &error),
                    }
                }
            }
        }
    }

    async fn record_done(&self, kind: WorkKind, item: &WorkItem, took: Duration, items: u64) -> Result<()> {
        let now = self.now();
        match kind.every {
            Some(every) => {
                let last_run = Some(LastRun { ended_at: now, took, items });
                let to = Rescheduled { due_at: later(now, every), attempts: 0, error: None, last_run };
                self.reschedule(item, to).await
            }
            None => {
                self.metadata
                    .write((item.id, self.node), |tx, (id, node)| Box::pin(tx.finish_work(*id, *node)))
                    .await
            }
        }
    }

    async fn record_retry(&self, kind: WorkKind, item: &WorkItem, error: String) -> Result<()> {
        let wait = match kind.every {
            Some(every) => every.min(REPEAT_AGAIN),
            None => {
                let number = (item.attempts as usize).saturating_sub(1);
                self.jittered(kind.retries.get(number).copied().unwrap_or_default())
            }
        };
        let due_at = later(self.now(), wait);
        let to = Rescheduled { due_at, attempts: item.attempts, error: Some(error), last_run: None };
        self.reschedule(item, to).await
    }

    async fn record_death(&self, worker: &dyn Worker, item: &WorkItem, error: &str) -> Result<()> {
        worker.give_up(item, error).await?;
        self.metadata
            .write((item.id, self.node, self.now(), error.to_owned()), |tx, (id, node, now, error)| {
                Box::pin(tx.give_work_up(*id, *node, *now, error))
            })
            .await
    }

    async fn reschedule(&self, item: &WorkItem, to: Rescheduled) -> Result<()> {
        self.metadata
            .write((item.clone(), self.node, to), |tx, (item, node, to)| {
                Box::pin(tx.reschedule_work(item, *node, to))
            })
            .await
    }

    /// Takes up to a tenth from a time, or adds as much, so that what failed together does not come back together.
    fn jittered(&self, wait: Duration) -> Duration {
        let mut random = [0];
        self.entropy.fill(&mut random);
        wait.mul_f64(0.9 + f64::from(random[0]) / 255.0 / 5.0)
    }

    /// Forgets work that was given up at or before a time; it returns how much.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn forget_dead_work(&self, before: Timestamp) -> Result<u64> {
        self.metadata
            .drain(before, |tx, before| Box::pin(tx.delete_old_dead_work(*before, PageSize::MAX)))
            .await
    }
}
