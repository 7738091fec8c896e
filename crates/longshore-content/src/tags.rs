//! Tags.

use longshore_domain::Error;
use longshore_domain::Result;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::event::EventAction;
use longshore_domain::existing::Existing;
use longshore_domain::image::TagQuery;
use longshore_domain::name::{Reference, RepositoryName, Tag};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::ManifestHead;

use crate::Content;
use crate::manifests::{Condition, ManifestPush};
use crate::removal::remove_tags;
use longshore_platform::later;
use longshore_platform::origins::note_deletion;

impl Content {
    /// Lists tags in byte order, strictly after `after`. OCI distribution 1.1, end-8a and end-8b.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for pulling.
    pub async fn list_tags(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Page<Tag>> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::Pull).await?;
        let query = TagQuery::by_name(repository.id, after.map(str::to_owned), size);
        Ok(self.metadata.read(query, |tx, query| Box::pin(tx.list_tags(query))).await?.into())
    }

    /// Lets another tag point at what a tag points at, also one that exists already if it may be moved.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags, and
    /// [`Content::point_tag`]; `Exists` when the other one exists and may not be moved.
    pub async fn copy_tag(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        from: &Tag,
        to: &Tag,
        may_move: bool,
    ) -> Result<()> {
        self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        let condition = if may_move { Condition::None } else { Condition::Absent };
        match self.point_tag(actor, name, to, &Reference::Tag(from.clone()), condition).await {
            Err(Error::PreconditionFailed) => Err(Error::Exists(Existing::Tag(to.clone()))),
            pointed => pointed.map(|_| ()),
        }
    }

    /// Lets a tag point at a manifest of the same repository, which is named by its digest or by what another tag points at or
    /// pointed at.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for pulling, and
    /// [`Content::push_manifest`]; `ManifestUnknown` and `Past` when there is no such manifest.
    pub async fn point_tag(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        tag: &Tag,
        at: &Reference,
        condition: Condition,
    ) -> Result<ManifestHead> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::Pull).await?;
        let (head, _) = self.find_manifest(&repository, at).await?;
        let unknown = || Error::ManifestUnknown { repository: name.clone(), reference: at.clone() };
        let content = self.find_manifest_content(head.id).await?.ok_or_else(unknown)?;
        let push = ManifestPush {
            reference: Reference::Tag(tag.clone()),
            tags: Vec::new(),
            media_type: Some(head.media_type.to_string()),
            content: content.into(),
            condition,
        };
        self.push_manifest(actor, name, push).await?;
        Ok(head)
    }

    /// Deletes a tag; its manifest stays. OCI distribution 1.1, end-9.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for deleting; `ManifestUnknown` when there is no such tag.
    pub async fn delete_tag(&self, actor: &Actor, name: &RepositoryName, tag: &Tag) -> Result<()> {
        self.delete_tag_if(actor, name, tag, Condition::None).await
    }

    /// Deletes a tag if a condition holds.
    ///
    /// # Errors
    /// As [`Content::delete_tag`]; `PreconditionFailed`.
    pub async fn delete_tag_if(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        tag: &Tag,
        condition: Condition,
    ) -> Result<()> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::DeleteTag).await?;
        let event = self.platform.event(
            actor,
            Some(repository.namespace_id),
            EventAction::TagDeleted,
            name.as_str(),
            [],
        );
        let review_at = later(event.at, self.settings.gc.lease);
        let is_past = self.parse_past(tag).is_some();
        let deletion = self.new_deletion(repository.id, &event);
        let id = deletion.id;
        let input = (repository, tag.clone(), condition, deletion, event, (review_at, is_past));
        self.metadata
            .write(input, |tx, (repository, tag, condition, deletion, event, (review_at, is_past))| {
                Box::pin(async move {
                    let unknown = || Error::ManifestUnknown {
                        repository: repository.name.clone(),
                        reference: Reference::Tag(tag.clone()),
                    };
                    tx.find_immutable_tags(repository.id).await?.compile()?.check(tag)?;
                    let held = tx.lock_tags(repository.id, std::slice::from_ref(tag)).await?;
                    if held.is_empty() {
                        return Err(if *is_past { past_stays(tag) } else { unknown() });
                    }
                    condition.check(held.first().map(|held| held.digest))?;
                    remove_tags(tx, deletion, &held, event, *review_at).await
                })
            })
            .await?;
        note_deletion(id);
        Ok(())
    }
}

fn past_stays(tag: &Tag) -> Error {
    Error::Unsupported(format!(
        "{tag} is what a tag pointed at in the past, which cannot be changed; delete the tag or the image"
    ))
}
