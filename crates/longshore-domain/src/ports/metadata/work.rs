//! Durable work.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::Result;
use crate::page::PageSize;
use crate::work::{LastRun, ListedWork, NewWork, WorkDepth, WorkId, WorkItem};

/// What becomes of work that was begun and is not done.
#[derive(Clone, Debug)]
pub struct Rescheduled {
    /// Not before.
    pub due_at: Timestamp,
    /// How often it counts as begun from now on.
    pub attempts: u32,
    /// Why it is not done; `None` when it succeeded and repeats.
    pub error: Option<String>,
    /// How it went, when it succeeded and repeats.
    pub last_run: Option<LastRun>,
}

/// Durable work: written in the transaction that causes it, done by whichever node takes it.
#[async_trait]
pub trait WorkRecords {
    /// Wishes for work. What waits of the same kind and key is replaced, and is due at the earlier of both times.
    async fn put_work(&mut self, work: &NewWork) -> Result<()>;
    /// Wishes for work that repeats, unless it waits or is being done.
    async fn put_missing_work(&mut self, work: &NewWork) -> Result<()>;
    /// Lists the kinds of which something can be taken: it is due, or whoever did it has given no sign of life.
    async fn list_due_kinds(&mut self, now: Timestamp) -> Result<Vec<String>>;
    /// Finds what can be taken of a kind, the oldest of each lane, at most `limit`, beginning with the lane behind `after`; and of
    /// what other nodes have dropped, at most as many. What is about the same thing as work that is being done can not be taken.
    async fn find_due_work(
        &mut self,
        kind: &str,
        after: &str,
        now: Timestamp,
        limit: PageSize,
    ) -> Result<Vec<WorkId>>;
    /// Takes work for a node until a time, and returns what it got: others may have been faster.
    async fn take_work(
        &mut self,
        ids: Vec<WorkId>,
        node: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<WorkItem>>;
    /// Says that a node still does work, until a time; false when it no longer has it.
    async fn renew_work(&mut self, id: WorkId, node: Uuid, until: Timestamp) -> Result<bool>;
    /// Ends work that a node has done; nothing happens when it no longer has it.
    async fn finish_work(&mut self, id: WorkId, node: Uuid) -> Result<()>;
    /// Releases work that a node holds; when the same was wished for meanwhile, that takes its place.
    async fn reschedule_work(&mut self, item: &WorkItem, node: Uuid, to: &Rescheduled) -> Result<()>;
    /// Gives up work that a node holds.
    async fn give_work_up(&mut self, id: WorkId, node: Uuid, now: Timestamp, error: &str) -> Result<()>;
    /// Lists work that waits or is being done, by number, strictly after `after`, at most `size`.
    async fn list_work(&mut self, after: WorkId, size: PageSize) -> Result<Vec<ListedWork>>;
    /// Lists work that was given up, by number, strictly after `after`, at most `size`.
    async fn list_dead_work(&mut self, after: WorkId, size: PageSize) -> Result<Vec<ListedWork>>;
    /// Finds a piece of work, also one that was given up.
    async fn find_work(&mut self, id: WorkId) -> Result<Option<ListedWork>>;
    /// Makes waiting work due at a time, with all its attempts before it; false when it does not wait.
    async fn hasten_work(&mut self, id: WorkId, at: Timestamp) -> Result<bool>;
    /// Removes waiting work or work that was given up; false when there is none.
    async fn delete_work(&mut self, id: WorkId) -> Result<bool>;
    /// Forgets work that was given up at or before a time, at most `size`; returns how many.
    async fn delete_old_dead_work(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
    /// Counts work of these kinds, in their order.
    async fn count_work(&mut self, kinds: &[&'static str]) -> Result<Vec<WorkDepth>>;
}
