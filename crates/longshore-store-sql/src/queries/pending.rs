//! What a unit of work writes last: rows that many units share.
//!
//! They are written in one order, whatever the order in which the unit came upon them, so that two units never wait for
//! each other in a circle, and each waits, or makes others wait, as short as it can: events that are counted, images, the counts of
//! repositories, reviews. See `docs/decisions/0019`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use longshore_domain::Result;

use crate::tx::{SqlTx, Value, row};

const END_REVIEW: &str =
    "DELETE FROM reviews WHERE kind = $1 AND scope_id = $2 AND subject_id = $3 AND revision = $4";
const ASK_FOR_REVIEW: &str =
    "INSERT INTO reviews (kind, scope_id, subject_id, due_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (kind, scope_id, subject_id) DO UPDATE SET revision = reviews.revision + 1,
         due_at = CASE WHEN reviews.due_at > excluded.due_at THEN excluded.due_at ELSE reviews.due_at END";

/// A review as it is stored: kind, scope, subject.
pub(crate) type ReviewKey = (&'static str, i64, i64);

/// What is written when the unit of work ends.
#[derive(Default)]
pub(crate) struct Pending {
    /// Whether each gets a number in the log of an account, and its columns; in the order in which they happened.
    pub events: Vec<(bool, Vec<Value>)>,
    /// By key.
    pub counted: BTreeMap<String, CountedRow>,
    /// By manifest.
    images: BTreeMap<i64, ImageChange>,
    /// By repository.
    counts: BTreeMap<i64, CountChange>,
    reviews: BTreeMap<ReviewKey, ReviewChange>,
}

/// An event that is one row, however often it happens.
pub(crate) struct CountedRow {
    /// Whether it gets a number in the log of an account.
    pub is_numbered: bool,
    /// Its columns, but for how often and its key.
    pub values: Vec<Value>,
    /// How often it happened.
    pub times: u64,
}

/// What becomes of an image.
#[derive(Default)]
pub(crate) struct ImageChange {
    /// It was pushed: its repository, its digest, when.
    pub pushed: Option<(i64, String, Timestamp)>,
    /// Tags more or less that point at it.
    pub tags: i64,
    /// When it was pulled last.
    pub pulled_at: Option<Timestamp>,
    /// It is gone.
    pub is_deleted: bool,
}

/// What is added to the counts of a repository.
#[derive(Default)]
pub(crate) struct CountChange {
    pub tags: i64,
    pub images: i64,
    pub pulls: i64,
    pub bytes: i64,
    pub stored_bytes: i64,
    pub pushed_at: i64,
}

impl CountChange {
    /// Returns whether nothing but what is stored has changed.
    fn is_of_blobs(&self) -> bool {
        let Self { tags, images, pulls, bytes, stored_bytes: _, pushed_at } = *self;
        [tags, images, pulls, bytes, pushed_at] == [0; 5]
    }
}

#[derive(Default)]
struct ReviewChange {
    /// It was decided, as it had been asked for so many times.
    ended: Option<i64>,
    /// When the next one is due.
    due_at: Option<Timestamp>,
}

impl Pending {
    pub(crate) fn image(&mut self, manifest: i64) -> &mut ImageChange {
        self.images.entry(manifest).or_default()
    }

    pub(crate) fn counts(&mut self, repository: i64) -> &mut CountChange {
        self.counts.entry(repository).or_default()
    }

    /// Asks for a review; of several, the earliest counts.
    pub(crate) fn review(&mut self, key: ReviewKey, at: Timestamp) {
        let due_at = &mut self.reviews.entry(key).or_default().due_at;
        *due_at = Some(due_at.map_or(at, |before| before.min(at)));
    }

    /// Takes a review out of the queue that had this revision.
    pub(crate) fn end_review(&mut self, key: ReviewKey, revision: i64) {
        self.reviews.entry(key).or_default().ended = Some(revision);
    }
}

impl SqlTx<'_> {
    /// Writes what the unit of work has left for its end.
    pub(crate) async fn write_pending(&mut self) -> Result<()> {
        let (events, counted) =
            (std::mem::take(&mut self.pending.events), std::mem::take(&mut self.pending.counted));
        self.write_events(events, counted).await?;
        for (manifest, change) in std::mem::take(&mut self.pending.images) {
            self.write_image(manifest, change).await?;
        }
        // After the images, some of which are counted less when they are found.
        for (repository, change) in std::mem::take(&mut self.pending.counts) {
            self.write_counts(repository, change).await?;
        }
        self.write_reviews().await?;
        self.flush().await
    }

    async fn write_image(&mut self, manifest: i64, change: ImageChange) -> Result<()> {
        if change.is_deleted {
            return self.delete_image(manifest).await;
        }
        match change.pushed {
            Some((repository, digest, at)) => {
                self.put_image(manifest, repository, &digest, at, change.tags).await?;
            }
            None if change.tags != 0 => self.change_image_tags(manifest, change.tags).await?,
            None => {}
        }
        match change.pulled_at {
            Some(at) => self.record_image_pull(manifest, at).await,
            None => Ok(()),
        }
    }

    /// Adds to the totals of a repository, or, when somebody else is doing that, writes down what is to be added later: nobody
    /// waits for a row that all pushes to a repository share.
    async fn write_counts(&mut self, repository: i64, change: CountChange) -> Result<()> {
        let is_of_blobs = change.is_of_blobs();
        let CountChange { tags, images, pulls, bytes, stored_bytes, pushed_at } = change;
        let values = row![tags, images, pulls, bytes, stored_bytes, pushed_at, repository];
        // A blob does not wait for an answer: many come for each manifest.
        if !is_of_blobs || self.has_one_writer() {
            let added = self
                .execute(
                    "UPDATE repository_totals SET tags = tags + $1, images = images + $2, pulls = pulls + $3,
                         bytes = bytes + $4, stored_bytes = stored_bytes + $5,
                         updated_at = CASE WHEN updated_at < $6 THEN $6 ELSE updated_at END
                     WHERE repository_id IN (
                         SELECT repository_id FROM repository_totals WHERE repository_id = $7 FOR UPDATE SKIP LOCKED)",
                    &values,
                )
                .await?;
            if added > 0 {
                return Ok(());
            }
        }
        self.execute_later(
            "INSERT INTO repository_changes (tags, images, pulls, bytes, stored_bytes, pushed_at, repository_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values,
        )
        .await
    }

    async fn write_reviews(&mut self) -> Result<()> {
        for ((kind, scope, subject), change) in std::mem::take(&mut self.pending.reviews) {
            // What is both was due, and becomes due at another time.
            if let Some(revision) = change.ended {
                self.execute_later(END_REVIEW, row![kind, scope, subject, revision]).await?;
            }
            if let Some(at) = change.due_at {
                self.execute_later(ASK_FOR_REVIEW, row![kind, scope, subject, at]).await?;
            }
        }
        Ok(())
    }
}
