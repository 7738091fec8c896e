//! Verification: reads everything back and reports what is not as it should be.

use futures::StreamExt;
use longshore_domain::access::actor::Actor;
use longshore_domain::digest::{Digest, Hasher};
use longshore_domain::error::Source;
use longshore_domain::page::PageSize;
use longshore_domain::ports::blobs::ByteRange;
use longshore_domain::ports::metadata::{Blob, BlobId, ManifestId};
use longshore_domain::{Error, Result};

use crate::Lifecycle;

/// The operating system's number for an input or output error.
const EIO: i32 = 5;
/// Most findings that a report holds; more are counted only.
const FINDINGS_LIMIT: usize = 1000;

/// What verification found.
#[derive(Clone, Debug, Default)]
pub struct VerificationReport {
    /// Blobs that were read and hashed.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Manifests that were hashed.
    pub manifests: u64,
    /// What is wrong, one line each, at most 1000.
    pub findings: Vec<String>,
    /// How many findings there are.
    pub findings_total: u64,
}

/// What the bytes of a blob turned out to be.
enum Condition {
    /// As they should.
    Whole,
    /// Missing or changed.
    Damaged(String),
    /// The store did not give them.
    Unknown(String),
}

impl VerificationReport {
    fn find(&mut self, line: String) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_LIMIT {
            self.findings.push(line);
        }
    }
}

impl Lifecycle {
    /// Checks the database's structure and references, hashes all manifests and all blobs. Blobs that are damaged are
    /// marked, so that the next push of them heals; blobs that are whole lose the mark. Nothing else is changed.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; those of the metadata store. Damaged blobs are findings.
    pub async fn verify(
        &self,
        actor: &Actor,
        on_progress: &(dyn Fn(&VerificationReport) + Sync),
    ) -> Result<VerificationReport> {
        self.access.require_operator(actor)?;
        let mut report = VerificationReport::default();
        for line in self.metadata.store().check_integrity().await? {
            report.find(format!("database: {line}"));
        }
        self.verify_manifests(&mut report, on_progress).await?;
        self.verify_blobs(&mut report, on_progress).await?;
        Ok(report)
    }

    async fn verify_manifests(
        &self,
        report: &mut VerificationReport,
        on_progress: &(dyn Fn(&VerificationReport) + Sync),
    ) -> Result<()> {
        let mut after = ManifestId(0);
        let size = PageSize::clamped(8)?;
        loop {
            let page = self
                .metadata
                .read((after, size), |tx, (after, size)| Box::pin(tx.list_manifest_contents(*after, *size)))
                .await?;
            let Some((last, _, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (_, digest, content) in &page {
                report.manifests += 1;
                let actual = Digest::of(digest.algorithm(), content);
                if actual != *digest {
                    report.find(format!("manifest {digest}: its content has the digest {actual}"));
                }
            }
            on_progress(report);
        }
    }

    async fn verify_blobs(
        &self,
        report: &mut VerificationReport,
        on_progress: &(dyn Fn(&VerificationReport) + Sync),
    ) -> Result<()> {
        let mut after = BlobId(0);
        let size = PageSize::clamped(200)?;
        loop {
            let page = self
                .metadata
                .read((after, size), |tx, (after, size)| Box::pin(tx.list_blobs(*after, *size)))
                .await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for blob in &page {
                report.blobs += 1;
                report.blob_bytes += blob.size_bytes;
                let condition = self.verify_blob(blob).await?;
                // It may have been collected, or healed, meanwhile.
                if !matches!(condition, Condition::Whole) && !self.is_still_there(blob).await? {
                    continue;
                }
                let problem = match condition {
                    Condition::Whole if blob.is_damaged => {
                        self.content.inspector().clear(blob).await?;
                        None
                    }
                    Condition::Whole => None,
                    Condition::Damaged(problem) => {
                        self.content.inspector().mark(blob, &problem).await?;
                        Some(problem)
                    }
                    Condition::Unknown(problem) => Some(problem),
                };
                if let Some(problem) = problem {
                    report.find(format!("blob {} (object {}): {problem}", blob.digest, blob.storage_key));
                }
                on_progress(report);
            }
        }
    }

    /// Reads a blob, and once more when it is not as it should be: a bit that flips on the way is not damage.
    async fn verify_blob(&self, blob: &Blob) -> Result<Condition> {
        match self.read_back(blob).await? {
            Condition::Whole => Ok(Condition::Whole),
            _ => self.read_back(blob).await,
        }
    }

    async fn read_back(&self, blob: &Blob) -> Result<Condition> {
        match self.blobs.find_size(blob.storage_key).await? {
            None => return Ok(Condition::Damaged("its bytes are missing".into())),
            Some(size) if size != blob.size_bytes => {
                let problem = format!("it has {size} bytes instead of {}", blob.size_bytes);
                return Ok(Condition::Damaged(problem));
            }
            Some(_) => {}
        }
        match self.hash_back(blob).await {
            Ok(actual) if actual == blob.digest => Ok(Condition::Whole),
            Ok(actual) => Ok(Condition::Damaged(format!("its bytes have the digest {actual}"))),
            Err(Error::Internal(source)) if is_unreadable(&source) => {
                Ok(Condition::Damaged(format!("its bytes cannot be read from the disk: {source}")))
            }
            Err(Error::Internal(source) | Error::Unavailable(source)) => {
                Ok(Condition::Unknown(format!("it cannot be read now: {source}")))
            }
            Err(error) => Err(error),
        }
    }

    async fn hash_back(&self, blob: &Blob) -> Result<Digest> {
        let mut hasher = Hasher::new(blob.digest.algorithm());
        let mut stream =
            self.blobs.read(blob.storage_key, ByteRange { start: 0, end: blob.size_bytes }).await?;
        while let Some(piece) = stream.next().await {
            let piece = piece?;
            let update = move || {
                hasher.update(&piece);
                hasher
            };
            hasher = tokio::task::spawn_blocking(update).await.map_err(Error::internal)?;
        }
        Ok(hasher.finish())
    }
}

/// Returns whether the disk itself says that it has lost the bytes.
fn is_unreadable(source: &Source) -> bool {
    let error = source.downcast_ref::<std::io::Error>();
    error.and_then(std::io::Error::raw_os_error) == Some(EIO)
}
