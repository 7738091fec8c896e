//! What a collection run of a registry would free now, to the byte, before it begins.
//!
//! It judges by the same verdicts as the run (see `gc`), over one snapshot, and follows what becomes unneeded by what goes:
//! parts by their index, referrers by what they refer to, blobs by the manifests that need them.
//! A blob goes when every link that it has goes, so what another registry needs stays.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::gc_run::{GcForecast, RunKind};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{
    BlobId, LifecycleTx, LinkNeeds, LinkReview, ManifestId, ManifestReview,
};
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};

use crate::Lifecycle;
use crate::gc::{Terms, Verdict, judge_link, judge_manifest};
use longshore_platform::later;

/// Most manifests that a forecast looks at.
const MANIFESTS_LIMIT: usize = 100_000;
/// Most links of blobs that a forecast looks at.
const LINKS_LIMIT: usize = 300_000;
/// How long a forecast waits for its turn.
const TURN_WAIT: std::time::Duration = std::time::Duration::from_secs(10);
/// How much one statement takes.
const AT_ONCE: usize = 1000;

/// A manifest that may go.
struct Candidate {
    repository: RepositoryId,
    review: ManifestReview,
    /// What it refers to, while that is there.
    subject: Option<ManifestId>,
    /// The indexes that list it, deleted ones as well.
    holders: Vec<ManifestId>,
}

/// What a forecast is made by.
pub(crate) struct Wanted {
    pub namespace: AccountId,
    pub kind: RunKind,
    /// How the run judges what is deleted already: nothing can be restored after it.
    pub terms: Terms,
    /// How long what is deleted could be restored otherwise.
    pub undo: std::time::Duration,
    pub now: Timestamp,
}

/// A forecast that is being made.
struct Forecasting<'f> {
    tx: &'f mut dyn LifecycleTx,
    wanted: &'f Wanted,
    forecast: GcForecast,
    candidates: BTreeMap<ManifestId, Candidate>,
    /// Links that may go, with how many manifests that go need each.
    links: BTreeMap<(RepositoryId, BlobId), u64>,
    /// How many links of each blob go.
    going: BTreeMap<BlobId, u64>,
}

impl Forecasting<'_> {
    fn has_room(&mut self, found: usize, limit: usize) -> bool {
        let has_room = found < limit;
        self.forecast.is_complete &= has_room;
        has_room
    }

    async fn look_at_repositories(&mut self) -> Result<()> {
        let mut after = RepositoryId(0);
        loop {
            let page = self.tx.list_all_repositories(self.wanted.namespace, after, PageSize::MAX).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (repository, deleted_at) in page {
                match deleted_at {
                    Some(at) if self.wanted.kind.takes_blobs() => {
                        if later(at, self.wanted.undo) > self.wanted.now {
                            self.forecast.final_repositories += 1;
                        }
                        self.take_apart(repository).await?;
                    }
                    Some(_) => {}
                    None => self.look_at(repository).await?,
                }
            }
        }
    }

    /// Of a deleted repository, everything goes.
    async fn take_apart(&mut self, repository: RepositoryId) -> Result<()> {
        let mut after = BlobId(0);
        while self.has_room(self.links.len() + self.going.len(), LINKS_LIMIT) {
            let blobs = self.tx.list_links_behind(repository, after, PageSize::MAX).await?;
            let Some(last) = blobs.last() else { break };
            after = *last;
            for blob in blobs {
                *self.going.entry(blob).or_default() += 1;
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, repository: RepositoryId) -> Result<()> {
        let mut after = String::new();
        while self.wanted.kind.takes_untagged() && self.has_room(self.candidates.len(), MANIFESTS_LIMIT) {
            let page = self.tx.list_untagged_manifests(repository, &after, PageSize::MAX).await?;
            let Some((_, last)) = page.last() else { break };
            after = last.clone();
            let ids: Vec<ManifestId> = page.into_iter().map(|(id, _)| id).collect();
            self.consider(repository, &ids).await?;
        }
        let mut after = ManifestId(0);
        while self.wanted.kind.takes_blobs() && self.has_room(self.candidates.len(), MANIFESTS_LIMIT) {
            let ids = self.tx.list_deleted_manifests(repository, after, PageSize::MAX).await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            self.consider(repository, &ids).await?;
        }
        let mut after = BlobId(0);
        while self.wanted.kind.takes_blobs() && self.has_room(self.links.len(), LINKS_LIMIT) {
            let blobs = self.tx.list_reviewed_links(repository, after, PageSize::MAX).await?;
            let Some(last) = blobs.last() else { break };
            after = *last;
            for blob in blobs {
                self.links.entry((repository, blob)).or_default();
            }
        }
        Ok(())
    }

    async fn consider(&mut self, repository: RepositoryId, ids: &[ManifestId]) -> Result<()> {
        let mut subjects: BTreeMap<ManifestId, ManifestId> = BTreeMap::new();
        for reached in self.tx.find_reached(ids).await? {
            subjects.extend(reached.subject.map(|subject| (reached.id, subject)));
        }
        let mut holders: BTreeMap<ManifestId, Vec<ManifestId>> = BTreeMap::new();
        let limit = MANIFESTS_LIMIT as u64;
        let found = self.tx.list_holders_of_each(ids, limit).await?;
        // What is listed more often than that stays, as far as it is known here.
        let is_known = self.has_room(found.len(), MANIFESTS_LIMIT);
        for (holder, held) in found {
            holders.entry(held).or_default().push(holder);
        }
        for (id, review) in self.tx.list_manifest_reviews(ids).await? {
            let holders = holders.remove(&id).unwrap_or_default();
            if is_known || !review.has_parent {
                let subject = subjects.remove(&id);
                self.candidates.insert(id, Candidate { repository, review, subject, holders });
            }
        }
        Ok(())
    }

    /// Finds which manifests go, until nothing more becomes unneeded by them. Each is judged once, and again when something goes
    /// that lists it or that it refers to.
    fn judge(&self) -> BTreeSet<ManifestId> {
        let mut depending: BTreeMap<ManifestId, Vec<ManifestId>> = BTreeMap::new();
        for (id, candidate) in &self.candidates {
            for on in candidate.holders.iter().chain(&candidate.subject) {
                depending.entry(*on).or_default().push(*id);
            }
        }
        let mut gone = BTreeSet::new();
        let mut open: Vec<ManifestId> = self.candidates.keys().copied().collect();
        while let Some(id) = open.pop() {
            let Some(candidate) = self.candidates.get(&id) else { continue };
            if gone.contains(&id) || !self.goes(candidate, &gone) {
                continue;
            }
            gone.insert(id);
            open.extend(depending.remove(&id).unwrap_or_default());
        }
        gone
    }

    /// Says whether a manifest goes when others do.
    fn goes(&self, candidate: &Candidate, gone: &BTreeSet<ManifestId>) -> bool {
        // What is only deleted still holds its parts, and nothing else.
        let holds = |holder: &ManifestId| !(self.wanted.kind.takes_blobs() && gone.contains(holder));
        let mut review = candidate.review.clone();
        review.has_parent = candidate.holders.iter().any(holds);
        review.has_present_subject &= candidate.subject.is_none_or(|subject| !gone.contains(&subject));
        let verdict = judge_manifest(&review, self.wanted.terms, self.wanted.now);
        matches!(verdict, Verdict::Delete | Verdict::Purge)
    }

    /// Counts what goes, and how often it needs each blob.
    async fn count(&mut self, gone: &BTreeSet<ManifestId>) -> Result<()> {
        let mut of_repositories: BTreeMap<RepositoryId, Vec<ManifestId>> = BTreeMap::new();
        for id in gone {
            let Some(candidate) = self.candidates.get(id) else { continue };
            match candidate.review.deleted_at {
                None => self.forecast.untagged_images += 1,
                Some(at) if later(at, self.wanted.undo) > self.wanted.now => self.forecast.final_images += 1,
                Some(_) => {}
            }
            of_repositories.entry(candidate.repository).or_default().push(*id);
        }
        if !self.wanted.kind.takes_blobs() {
            return Ok(());
        }
        for (repository, ids) in of_repositories {
            for ids in ids.chunks(AT_ONCE) {
                if !self.has_room(self.links.len(), LINKS_LIMIT) {
                    return Ok(());
                }
                let blobs = self.tx.list_blobs_of_each(ids, LINKS_LIMIT as u64).await?;
                self.has_room(blobs.len(), LINKS_LIMIT);
                for (blob, _) in blobs {
                    *self.links.entry((repository, blob)).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    /// Finds the links that go: nothing that stays needs them, and their time has come.
    async fn judge_links(&mut self) -> Result<()> {
        let mut of_repositories: BTreeMap<RepositoryId, Vec<(BlobId, u64)>> = BTreeMap::new();
        for ((repository, blob), needed) in std::mem::take(&mut self.links) {
            of_repositories.entry(repository).or_default().push((blob, needed));
        }
        for (repository, mut links) in of_repositories {
            links.sort_unstable_by_key(|(_, needed)| *needed);
            for (most, links) in alike(&links, |(_, needed)| *needed) {
                let needed: BTreeMap<BlobId, u64> = links.iter().copied().collect();
                let blobs: Vec<BlobId> = needed.keys().copied().collect();
                for link in self.tx.find_link_needs(repository, &blobs, most + 1).await? {
                    let LinkNeeds { blob, hidden_at, lease_until, references } = link;
                    let is_referenced = references > needed[&blob];
                    let review = LinkReview { hidden_at, lease_until, is_referenced };
                    if judge_link(&review, self.wanted.terms, self.wanted.now) == Verdict::Purge {
                        *self.going.entry(blob).or_default() += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Measures the blobs that have no link left.
    async fn measure(&mut self) -> Result<()> {
        let mut order: Vec<(u64, BlobId)> =
            std::mem::take(&mut self.going).into_iter().map(|(blob, links)| (links, blob)).collect();
        order.sort_unstable();
        for (most, part) in alike(&order, |(links, _)| *links) {
            let going: BTreeMap<BlobId, u64> = part.iter().map(|(links, blob)| (*blob, *links)).collect();
            let blobs: Vec<BlobId> = going.keys().copied().collect();
            for linked in self.tx.count_links(&blobs, most + 1).await? {
                if linked.links == going[&linked.blob] {
                    self.forecast.blobs += 1;
                    self.forecast.freed_bytes += linked.size_bytes;
                }
            }
        }
        Ok(())
    }
}

/// Parts of a sorted list of counts, each with its largest one: what is counted about as often is together, so that no more is counted
/// than decides.
fn alike<T>(sorted: &[T], count: fn(&T) -> u64) -> Vec<(u64, &[T])> {
    let mut parts = Vec::new();
    let mut rest = sorted;
    while let Some(least) = rest.first().map(count) {
        let end = rest.partition_point(|each| count(each) <= 2 * least + 8).clamp(1, AT_ONCE);
        let (part, behind) = rest.split_at(end.min(rest.len()));
        parts.push((part.last().map_or(0, count), part));
        rest = behind;
    }
    parts
}

/// Says what a run would do now.
pub(crate) async fn forecast(tx: &mut dyn LifecycleTx, wanted: &Wanted) -> Result<GcForecast> {
    let forecast = GcForecast { is_complete: true, ..GcForecast::default() };
    let (candidates, links, going) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut forecasting = Forecasting { tx, wanted, forecast, candidates, links, going };
    forecasting.look_at_repositories().await?;
    let gone = forecasting.judge();
    forecasting.count(&gone).await?;
    forecasting.judge_links().await?;
    forecasting.measure().await?;
    Ok(forecasting.forecast)
}

impl Lifecycle {
    /// Says what a run that judges by these terms would do now.
    pub(crate) async fn forecast_gc_run(
        &self,
        namespace: AccountId,
        kind: RunKind,
        terms: Terms,
    ) -> Result<GcForecast> {
        // One at a time: it holds much in memory, and a connection.
        let turn = tokio::time::timeout(TURN_WAIT, self.forecasts.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Error::Throttled { retry_after_seconds: TURN_WAIT.as_secs() });
        };
        let (undo, now) = (self.settings.gc.undo, self.clock.now());
        let wanted = Wanted { namespace, kind, terms, undo, now };
        self.metadata.read(wanted, |tx, wanted| Box::pin(forecast(tx, wanted))).await
    }
}
