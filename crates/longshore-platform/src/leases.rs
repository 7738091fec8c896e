//! Leases: which node does a job that only one shall do at a time.
//!
//! A lease keeps work from being done twice; nothing is wrong when it is. A node that dies gives its jobs free
//! when its leases end.

use longshore_domain::Result;

use crate::{Platform, later};

/// What only one node does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Sets up a new registry.
    SetUp,
    /// Collects garbage.
    CollectGarbage,
    /// Goes on with collections that owners asked for.
    AdvanceGcRuns,
    /// Applies retention policies.
    ApplyRetention,
    /// Rotates signing keys.
    RotateKeys,
    /// Compares the blob store with the records.
    Reconcile,
}

impl Job {
    fn name(self) -> &'static str {
        match self {
            Self::SetUp => "set-up",
            Self::CollectGarbage => "garbage-collection",
            Self::AdvanceGcRuns => "collection-runs",
            Self::ApplyRetention => "retention",
            Self::RotateKeys => "rotate-keys",
            Self::Reconcile => "reconcile",
        }
    }
}

impl Platform {
    /// Takes or renews the lease of a job; false when another node has it.
    pub async fn take_lease(&self, job: Job) -> Result<bool> {
        let now = self.clock.now();
        self.metadata
            .write(
                (job, self.node, now, later(now, self.settings.takeover)),
                |tx, (job, node, now, until)| Box::pin(tx.take_lease(job.name(), *node, *now, *until)),
            )
            .await
    }

    /// Releases the lease of a job.
    pub(crate) async fn release_lease(&self, job: Job) -> Result<()> {
        self.metadata
            .write((job, self.node), |tx, (job, node)| Box::pin(tx.release_lease(job.name(), *node)))
            .await
    }

    /// Does a job, unless another node is doing it: then the answer is `None`.
    pub async fn with_lease<T>(&self, job: Job, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        if !self.take_lease(job).await? {
            return Ok(None);
        }
        let done = work.await;
        let released = self.release_lease(job).await;
        let done = done?;
        released.map(|()| Some(done))
    }
}
