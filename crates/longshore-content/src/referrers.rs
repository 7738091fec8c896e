//! Referrers: the manifests that name a digest as their subject.

use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::digest::Digest;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::{ManifestId, Referrer};
use longshore_domain::{Error, Result};

use crate::Content;

/// Annotations that one page may hold; a single referrer with more has a page of its own.
const PAGE_ANNOTATION_BYTES: u64 = 2 << 20;

/// A referrer with its annotations as JSON.
pub type AnnotatedReferrer = (Referrer, String);

impl Content {
    /// Lists the referrers of a digest, which need not exist, in the order of their push, strictly after `after`.
    /// OCI distribution 1.1, end-12a and end-12b.
    ///
    /// # Errors
    /// As [`authorize`](longshore_access::AccessControl::authorize) for pulling.
    pub async fn list_referrers(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: ManifestId,
        size: PageSize,
    ) -> Result<Page<AnnotatedReferrer>> {
        // Whoever may create the repository is told that there are none yet: to "not found", clients would react by
        // maintaining lists of referrers themselves.
        let Some(repository) = self.access.authorize(actor, name, RepositoryAction::Pull).await?.repository
        else {
            return Ok(Page { items: Vec::new(), has_more: false });
        };
        let input = (repository.id, *subject, artifact_type.map(str::to_owned), after, size);
        self.metadata
            .read(input, |tx, (id, subject, artifact_type, after, size)| {
                Box::pin(async move {
                    let found =
                        tx.list_referrers(*id, subject, artifact_type.as_deref(), *after, *size).await?;
                    let found = Page::from_overfull(found, *size);
                    let mut page = Page { items: Vec::new(), has_more: found.has_more };
                    let mut room = PAGE_ANNOTATION_BYTES;
                    for referrer in found.items {
                        if referrer.annotations_bytes > room && !page.items.is_empty() {
                            page.has_more = true;
                            break;
                        }
                        room = room.saturating_sub(referrer.annotations_bytes);
                        let annotations = tx.find_annotations(referrer.id).await?;
                        let annotations =
                            annotations.ok_or_else(|| Error::internal("a listed manifest is gone"))?;
                        page.items.push((referrer, annotations));
                    }
                    Ok(page)
                })
            })
            .await
    }
}
