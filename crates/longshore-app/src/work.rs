//! Durable work as operators see it.

use std::sync::{Mutex, PoisonError};

use longshore_domain::access::actor::Actor;
use longshore_domain::conflict::Conflict;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::Tx;
use longshore_domain::work::{ListedWork, NewWork, WorkDepth, WorkId, WorkState};
use longshore_domain::{Error, Result};

use crate::App;
use crate::housekeeping::kinds;
use longshore_platform::work::WorkKind;

/// Most that is listed.
const LISTED: PageSize = PageSize::MAX;

/// Puts work back that was given up; false when there is none.
async fn revive(tx: &mut dyn Tx, work: &ListedWork, wish: &NewWork) -> Result<bool> {
    if !tx.delete_work(work.item.id).await? {
        return Ok(false);
    }
    tx.put_work(wish).await?;
    Ok(true)
}

/// How much work there was when it was counted last.
#[derive(Default)]
pub(crate) struct Depths(Mutex<Vec<(&'static str, WorkDepth)>>);

impl App {
    /// Counts work of all kinds, and returns how much waits. For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn count_work(&self) -> Result<u64> {
        let kinds: Vec<&'static str> = kinds().map(|kind| kind.name).collect();
        let depths = self.metadata.read(kinds.clone(), |tx, kinds| Box::pin(tx.count_work(kinds))).await?;
        let counted: Vec<_> = kinds.into_iter().zip(depths).collect();
        let waiting = counted.iter().map(|(_, depth)| depth.waiting).sum();
        *self.depths.0.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        Ok(waiting)
    }

    /// Returns how much work there was of each kind when it was counted last.
    pub fn work_depths(&self) -> Vec<(&'static str, WorkDepth)> {
        self.depths.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lists work: what was given up first, then what waits or is being done; of each the oldest thousand.
    ///
    /// # Errors
    /// `Denied` for others than the operator.
    pub async fn list_work(&self, actor: &Actor) -> Result<Vec<ListedWork>> {
        self.access.require_operator(actor)?;
        self.metadata
            .read((), |tx, ()| {
                Box::pin(async move {
                    let mut listed = tx.list_dead_work(WorkId(0), LISTED).await?;
                    listed.extend(tx.list_work(WorkId(0), LISTED).await?);
                    Ok(listed)
                })
            })
            .await
    }

    /// Returns a piece of work.
    ///
    /// # Errors
    /// `Denied` for others than the operator; `WorkUnknown`.
    pub async fn get_work(&self, actor: &Actor, id: WorkId) -> Result<ListedWork> {
        self.access.require_operator(actor)?;
        self.find_work(id).await
    }

    async fn find_work(&self, id: WorkId) -> Result<ListedWork> {
        let found = self.metadata.look_up(id, |tx, id| Box::pin(tx.find_work(*id))).await?;
        found.ok_or(Error::WorkUnknown(id))
    }

    /// Makes work due now, with all its attempts before it: work that waits, or that was given up.
    ///
    /// # Errors
    /// `Denied` for others than the operator; `WorkUnknown`; `Conflict` while it is being done.
    pub async fn retry_work(&self, actor: &Actor, id: WorkId) -> Result<()> {
        self.access.require_operator(actor)?;
        let work = self.find_work(id).await?;
        let now = self.clock.now();
        let done = match work.state {
            WorkState::Running { .. } => return Err(is_running(id)),
            WorkState::Waiting => {
                self.metadata.write((id, now), |tx, (id, now)| Box::pin(tx.hasten_work(*id, *now))).await?
            }
            WorkState::Dead { .. } => {
                let kind = known_kind(&work)?.name;
                let item = work.item.clone();
                let wish = NewWork {
                    kind,
                    key: item.key,
                    lane: item.lane,
                    payload: item.payload,
                    due_at: now,
                    created_at: item.created_at,
                };
                self.metadata.write((work, wish), |tx, (work, wish)| Box::pin(revive(tx, work, wish))).await?
            }
        };
        self.platform.wake_workers();
        if done { Ok(()) } else { Err(is_running(id)) }
    }

    /// Removes work that waits or was given up; what repeats is not removed, as the registry needs it.
    ///
    /// # Errors
    /// `Denied` for others than the operator; `WorkUnknown`; `Conflict` while it is being done, and for what repeats.
    pub async fn drop_work(&self, actor: &Actor, id: WorkId) -> Result<()> {
        self.access.require_operator(actor)?;
        let work = self.find_work(id).await?;
        if known_kind(&work).is_ok_and(|kind| kind.every.is_some()) {
            return Err(Conflict::Housekeeping(work.item.kind.to_string()).into());
        }
        if matches!(work.state, WorkState::Running { .. }) {
            return Err(is_running(id));
        }
        match self.metadata.write(id, |tx, id| Box::pin(tx.delete_work(*id))).await? {
            true => Ok(()),
            false => Err(is_running(id)),
        }
    }
}

/// Returns the kind of a piece of work.
///
/// # Errors
/// `Unsupported` for a kind of another version of the program.
fn known_kind(work: &ListedWork) -> Result<WorkKind> {
    kinds().find(|kind| kind.name == work.item.kind).ok_or_else(|| {
        Error::Unsupported(format!(
            "this version of longshore does no work of the kind {}; use the version that wished for it",
            work.item.kind
        ))
    })
}

fn is_running(id: WorkId) -> Error {
    Conflict::WorkRunning(id).into()
}
