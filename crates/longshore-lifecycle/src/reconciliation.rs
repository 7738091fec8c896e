//! Reconciliation: compares what the blob store has with what the records name.
//!
//! Objects that no record names are put into quarantine, and deleted when they are still unknown after a time. What is
//! missing or has another size is reported, and marked as damaged. A list that lacks objects that are there is reported,
//! too: what it says is not to be relied on. The registry never needs this to be right; it is for what crashes between
//! two stores leave behind, and for the day after somebody has touched a bucket by hand.

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::access::actor::Actor;
use longshore_domain::conflict::Conflict;
use longshore_domain::page::PageSize;
use longshore_domain::ports::blobs::Listed;
use longshore_domain::ports::metadata::{Blob, BlobId};

use crate::Lifecycle;
use longshore_platform::earlier;
use longshore_platform::leases::Job;

/// Objects that are looked up together.
const LOOKED_UP_AT_ONCE: usize = 1000;
/// Blobs whose objects are asked for at the same time.
const ASKED_AT_ONCE: usize = 32;
/// How far the store's clock may be from the registry's.
const CLOCKS: Duration = Duration::from_secs(3600);
/// Most findings that a report holds; more are counted only.
const FINDINGS_LIMIT: usize = 1000;

/// What reconciliation found.
#[derive(Clone, Debug, Default)]
pub struct ReconciliationReport {
    /// Objects that the store has.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
    /// Blobs whose objects were there before the list was read, so that it must have at least as many.
    pub expected: u64,
    /// Objects in quarantine, those found earlier included.
    pub quarantined: u64,
    /// Their bytes.
    pub quarantined_bytes: u64,
    /// Objects that came into quarantine now.
    pub newly_quarantined: u64,
    /// Unfinished multipart uploads that were given up.
    pub uploads_aborted: u64,
    /// Blobs whose objects were asked for.
    pub blobs: u64,
    /// Blobs whose object is missing or has another size.
    pub damaged: u64,
    /// What is wrong with them, one line each, at most 1000.
    pub findings: Vec<String>,
}

type Progress<'p> = &'p (dyn Fn(&ReconciliationReport) + Sync);

impl Lifecycle {
    /// Compares the blob store with the records, in both directions. Deletes nothing but unfinished multipart uploads
    /// that no record can name. Blobs whose objects are missing or shortened are marked as damaged.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `Conflict` while another node does it; those of the stores.
    pub async fn reconcile_store(
        &self,
        actor: &Actor,
        on_progress: Progress<'_>,
    ) -> Result<ReconciliationReport> {
        self.access.require_operator(actor)?;
        let done = self.platform.with_lease(Job::Reconcile, self.reconcile(on_progress)).await?;
        done.ok_or_else(|| Conflict::ReconciliationElsewhere.into())
    }

    async fn reconcile(&self, on_progress: Progress<'_>) -> Result<ReconciliationReport> {
        let uploads_aborted = self.abort_orphan_uploads().await?;
        let mut report = ReconciliationReport { uploads_aborted, ..ReconciliationReport::default() };
        let newest = self.metadata.look_up((), |tx, ()| Box::pin(tx.find_newest_blob())).await?;
        self.quarantine_orphans(&mut report, on_progress).await?;
        self.find_missing(&mut report, newest, on_progress).await?;
        if report.objects < report.expected {
            let finding = format!(
                "the store listed {} objects, but {} blobs that are older than the list are there: its list is not complete",
                report.objects, report.expected
            );
            report.damaged += 1;
            report.findings.push(finding);
        }
        let (objects, bytes) = self.metadata.read((), |tx, ()| Box::pin(tx.count_quarantined())).await?;
        (report.quarantined, report.quarantined_bytes) = (objects, bytes);
        Ok(report)
    }

    /// What is older than this, and not named by a record, is not needed: whatever makes an object records it sooner.
    fn orphans_before(&self) -> Timestamp {
        earlier(self.clock.now(), self.settings.upload_expiry)
    }

    /// Gives up multipart uploads that no record can name, unless another node is at it. For the server's own schedule.
    ///
    /// # Errors
    /// Those of the stores.
    pub async fn abort_orphan_uploads_alone(&self) -> Result<u64> {
        Ok(self.platform.with_lease(Job::Reconcile, self.abort_orphan_uploads()).await?.unwrap_or_default())
    }

    /// Gives up multipart uploads that were begun before any upload in progress was.
    async fn abort_orphan_uploads(&self) -> Result<u64> {
        let oldest = self.metadata.look_up((), |tx, ()| Box::pin(tx.find_oldest_upload())).await?;
        let before = self.orphans_before();
        // The store tells seconds, and by its own clock.
        let oldest = oldest.map(|oldest| earlier(oldest, CLOCKS));
        self.blobs.abort_orphans(oldest.map_or(before, |oldest| oldest.min(before))).await
    }

    async fn quarantine_orphans(
        &self,
        report: &mut ReconciliationReport,
        on_progress: Progress<'_>,
    ) -> Result<()> {
        let before = self.orphans_before();
        let mut listed = self.blobs.list().await?.chunks(LOOKED_UP_AT_ONCE);
        while let Some(chunk) = listed.next().await {
            let chunk: Vec<Listed> = chunk.into_iter().collect::<Result<_>>()?;
            report.objects += chunk.len() as u64;
            report.object_bytes += chunk.iter().map(|object| object.size_bytes).sum::<u64>();
            let old: Vec<Listed> = chunk.into_iter().filter(|object| object.modified_at < before).collect();
            report.newly_quarantined += self
                .metadata
                .write((old, self.clock.now()), |tx, (old, now)| {
                    Box::pin(async move {
                        let keys: Vec<_> = old.iter().map(|object| object.key).collect();
                        let known = tx.are_objects_known(&keys).await?;
                        let orphans = old.iter().zip(known).filter(|(_, is_known)| !is_known);
                        let orphans: Vec<_> =
                            orphans.map(|(object, _)| (object.key, object.size_bytes)).collect();
                        tx.quarantine(&orphans, *now).await
                    })
                })
                .await?;
            on_progress(report);
            self.platform.take_lease(Job::Reconcile).await?;
        }
        Ok(())
    }

    async fn find_missing(
        &self,
        report: &mut ReconciliationReport,
        newest: Option<BlobId>,
        on_progress: Progress<'_>,
    ) -> Result<()> {
        let mut after = BlobId(0);
        loop {
            let page =
                self.metadata.read(after, |tx, after| Box::pin(tx.list_blobs(*after, PageSize::MAX))).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            let mut found = stream::iter(page)
                .map(|blob| async move { (self.blobs.find_size(blob.storage_key).await, blob) })
                .buffer_unordered(ASKED_AT_ONCE);
            while let Some((size, blob)) = found.next().await {
                report.blobs += 1;
                let size = size?;
                if size.is_some() && newest.is_some_and(|newest| blob.id <= newest) {
                    report.expected += 1;
                }
                if let Some(finding) = finding(&blob, size)
                    // It may have been collected, or healed, meanwhile.
                    && self.is_still_there(&blob).await?
                {
                    self.content.inspector().mark(&blob, &finding).await?;
                    report.damaged += 1;
                    if report.findings.len() < FINDINGS_LIMIT {
                        report.findings.push(finding);
                    }
                }
            }
            on_progress(report);
            self.platform.take_lease(Job::Reconcile).await?;
        }
    }

    /// Returns whether the bytes of a blob are still said to lie where they did.
    pub(crate) async fn is_still_there(&self, blob: &Blob) -> Result<bool> {
        let found = self.metadata.look_up(blob.digest, |tx, digest| Box::pin(tx.find_blob(digest))).await?;
        Ok(found.is_some_and(|found| found.storage_key == blob.storage_key))
    }

    /// Hands objects whose quarantine has ended to deletion, if they are still unknown; true when there were some.
    pub(crate) async fn end_quarantine(&self) -> Result<bool> {
        let now = self.clock.now();
        let before = earlier(now, self.settings.gc.quarantine);
        self.metadata
            .write((before, now), |tx, (before, now)| {
                Box::pin(async move {
                    let ended = tx.take_quarantined(*before, PageSize::MAX).await?;
                    let keys: Vec<_> = ended.iter().map(|(key, _)| *key).collect();
                    let known = tx.are_objects_known(&keys).await?;
                    for ((key, size_bytes), is_known) in ended.iter().zip(known) {
                        if !is_known {
                            tx.create_tombstone(*key, &[], *size_bytes, *now).await?;
                        }
                    }
                    Ok(!ended.is_empty())
                })
            })
            .await
    }
}

fn finding(blob: &Blob, size: Option<u64>) -> Option<String> {
    let what = match size {
        None => "its object is missing".to_owned(),
        Some(size) if size != blob.size_bytes => {
            format!("its object has {size} bytes instead of {}", blob.size_bytes)
        }
        Some(_) => return None,
    };
    Some(format!("blob {} (object {}): {what}", blob.digest, blob.storage_key))
}
