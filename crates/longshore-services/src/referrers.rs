//! Referrers: the manifests that name a digest as their subject.

use longshore_domain::Result;
use longshore_domain::digest::Digest;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::permission::Action;
use longshore_domain::ports::metadata::{ManifestId, Referrer};

use crate::Services;
use crate::authentication::Caller;

/// Annotations on one page are cut off here; the page then ends early.
const PAGE_ANNOTATION_BYTES: usize = 2 << 20;

impl Services {
    /// Lists the referrers of a digest, which need not exist, in the order of their push, strictly after `after`.
    /// OCI distribution 1.1, end-12a and end-12b.
    ///
    /// # Errors
    /// As [`Services::authorize_existing`] for pulling.
    pub async fn list_referrers(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: ManifestId,
        size: PageSize,
    ) -> Result<Page<Referrer>> {
        let repository = self.authorize_existing(caller, name, Action::Pull).await?;
        let input = (repository.id, *subject, artifact_type.map(str::to_owned), after, size);
        let referrers = self
            .metadata
            .read(input, |tx, (id, subject, artifact_type, after, size)| {
                Box::pin(tx.list_referrers(*id, subject, artifact_type.as_deref(), *after, *size))
            })
            .await?;
        let mut page = Page::from_overfull(referrers, size);
        let mut bytes = 0;
        let fitting = page.items.iter().take_while(|referrer| {
            let is_first = bytes == 0;
            bytes += referrer.annotations.len() + 1;
            is_first || bytes <= PAGE_ANNOTATION_BYTES
        });
        let fitting = fitting.count();
        if fitting < page.items.len() {
            page.items.truncate(fitting);
            page.has_more = true;
        }
        Ok(page)
    }
}
