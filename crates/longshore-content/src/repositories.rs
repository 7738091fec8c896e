//! Repositories.

use std::sync::Arc;

use longshore_domain::access::action::{Actions, RepositoryAction};
use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountId;
use longshore_domain::error::Unauthenticated;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::image::TagQuery;
use longshore_domain::immutability::parse_rule;
use longshore_domain::name::{Namespace, RepositoryName, Tag};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::ContentTx;
use longshore_domain::repository::query::{NamespaceFilter, Repositories, RepositoryQuery};
use longshore_domain::repository::{
    Repository, RepositoryChange, RepositoryDetails, RepositoryId, RepositoryOrder, Visibility,
};
use longshore_domain::tier::Tiers;
use longshore_domain::{Error, Field, Result};

use crate::Content;
use crate::limits::check_new_repository;
use longshore_platform::origins::note_deletion;

/// Longest text that is searched for.
const SEARCH_LIMIT_BYTES: usize = 255;
/// Pages of tags that a rule is tried on, and tags that it may find.
const MATCHED_PAGES: usize = 10;
const MATCHED_TAGS: usize = 100;

/// Finds a repository, or creates it private with its event.
pub(crate) async fn ensure_repository(
    tx: &mut dyn ContentTx,
    namespace_id: AccountId,
    name: &RepositoryName,
    tiers: &Tiers,
    by: &NewEvent,
) -> Result<Repository> {
    if let Some(repository) = tx.lock_repository(name).await? {
        return Ok(repository);
    }
    match create(tx, namespace_id, name, Visibility::Private, tiers, by).await {
        // Another push created it meanwhile, perhaps as the last one that the subscription includes.
        Err(error @ (Error::Exists(_) | Error::OverLimit(_))) => tx.lock_repository(name).await?.ok_or(error),
        created => created,
    }
}

async fn create(
    tx: &mut dyn ContentTx,
    namespace_id: AccountId,
    name: &RepositoryName,
    visibility: Visibility,
    tiers: &Tiers,
    by: &NewEvent,
) -> Result<Repository> {
    check_new_repository(tx, namespace_id, tiers).await?;
    let repository = tx.create_repository(namespace_id, name, visibility, by.actor_id, by.at).await?;
    let event = NewEvent {
        account_id: Some(namespace_id),
        action: EventAction::RepositoryCreated,
        subject: name.to_string(),
        data: [("visibility", visibility.as_str().to_owned())].into(),
        ..by.clone()
    };
    tx.record_event(&event).await?;
    Ok(repository)
}

/// Lists the repositories of a query, and counts all.
async fn list_with_count(
    tx: &mut dyn ContentTx,
    query: &RepositoryQuery,
) -> Result<(Vec<RepositoryDetails>, u64)> {
    let page = tx.list_repository_listings(query).await?;
    let count = tx.count_repositories(&query.among).await?.unwrap_or_default();
    Ok((page.items.into_iter().map(|listing| listing.details).collect(), count))
}

/// Checks that the settings of a repository are of one of some versions, and keeps others from changing them.
async fn check_settings(tx: &mut dyn ContentTx, id: RepositoryId, expected: &[String]) -> Result<()> {
    tx.lock_repository_settings(id).await?;
    check_version(tx, id, expected).await
}

/// Checks that the settings of a repository are of one of these versions, as far as nobody changes them meanwhile.
async fn check_version(tx: &mut dyn ContentTx, id: RepositoryId, expected: &[String]) -> Result<()> {
    let details = tx.find_repository_details(id).await?;
    match details.is_some_and(|details| expected.contains(&details.settings_version())) {
        true => Ok(()),
        false => Err(Error::PreconditionFailed),
    }
}

impl Content {
    /// Creates an empty repository with its descriptions, and gives it with what the actor may do in it.
    ///
    /// # Errors
    /// `Denied` when the actor may not push there; to the operator, `OrganizationUnknown` when there is no such
    /// namespace; `Exists`; `Invalid` for descriptions that are too long.
    pub async fn create_repository(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        visibility: Visibility,
        descriptions: RepositoryChange,
    ) -> Result<(RepositoryDetails, Actions)> {
        descriptions.check()?;
        let access = self.access.access(actor, name).await?;
        let unknown = || Error::OrganizationUnknown(name.namespace_str().to_owned());
        if access.namespace_id.is_none() && actor.is_operator() {
            return Err(unknown());
        }
        // Whether there is such a namespace is not told to who may not push to it.
        self.access.authorize(actor, name, RepositoryAction::Create).await?;
        let namespace_id = access.namespace_id.ok_or_else(unknown)?;
        let by =
            self.platform.event(actor, Some(namespace_id), EventAction::RepositoryCreated, name.as_str(), []);
        let descriptions = RepositoryChange { visibility: None, immutable_tags: None, ..descriptions };
        let created = self
            .metadata
            .write(
                (namespace_id, name.clone(), visibility, descriptions, Arc::clone(&self.settings.tiers), by),
                |tx, (namespace_id, name, visibility, descriptions, tiers, by)| {
                    Box::pin(async move {
                        let created = create(tx, *namespace_id, name, *visibility, tiers, by).await?;
                        tx.change_repository(created.id, descriptions).await?;
                        let details = tx.find_repository_details(created.id).await?;
                        details.ok_or_else(|| Error::internal("the new repository is not there"))
                    })
                },
            )
            .await?;
        Ok((created, self.access.access(actor, name).await?.allowed))
    }

    /// Returns a repository.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for pulling.
    pub async fn get_repository(&self, actor: &Actor, name: &RepositoryName) -> Result<Repository> {
        Ok((*self.access.authorize_existing(actor, name, RepositoryAction::Pull).await?).clone())
    }

    /// Lists the repositories that the actor may see, by name, strictly after `after`.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential does not cover listing or has become void.
    pub async fn list_repositories(
        &self,
        actor: &Actor,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Page<Repository>> {
        if !actor.scope().covers_catalog() {
            return Err(Error::Unauthenticated(Unauthenticated::InsufficientScope));
        }
        let visible = self.access.visible(actor).await?;
        let among = Repositories::Registry { visible, after: after.map(str::to_owned) };
        let query = RepositoryQuery { among, offset: 0, size };
        self.metadata.read(query, |tx, query| Box::pin(tx.list_repositories(query))).await
    }

    /// Returns a repository with its details, and what the actor may do in it.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing.
    pub async fn get_repository_details(
        &self,
        actor: &Actor,
        name: &RepositoryName,
    ) -> Result<(RepositoryDetails, Actions)> {
        let access = self.access.authorize(actor, name, RepositoryAction::View).await?;
        let allowed = access.allowed;
        let unknown = || Error::RepositoryUnknown(name.clone());
        let repository = access.repository.ok_or_else(unknown)?;
        let details =
            self.metadata.read(repository.id, |tx, id| Box::pin(tx.find_repository_details(*id))).await?;
        details.map(|details| (details, allowed)).ok_or_else(unknown)
    }

    /// Lists the repositories of a namespace that the actor may see and whose name holds a text, leaving out the first
    /// `offset`, and counts all.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void; `OrganizationUnknown` when there is no such namespace, or
    /// nothing of it may be seen.
    pub async fn list_namespace_repositories(
        &self,
        actor: &Actor,
        namespace: &Namespace,
        name_part: &str,
        order: RepositoryOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<RepositoryDetails>, u64)> {
        // A namespace of which somebody may see nothing is not there for them, unless they know of it.
        let (id, visible, is_known) = self.access.visible_in_namespace(actor, namespace).await?;
        let among = Repositories::Namespace {
            namespace: id,
            visible,
            filter: NamespaceFilter { name_part: name_part.to_owned(), ..NamespaceFilter::default() },
            after: None,
            order,
        };
        let query = RepositoryQuery { among, offset, size };
        let input = (query, Repositories::of_namespace(id, visible), is_known);
        self.metadata
            .read(input, |tx, (query, all, is_known)| {
                Box::pin(async move {
                    let found = list_with_count(tx, query).await?;
                    let is_there = found.1 > 0 || *is_known || tx.count_repositories(all).await? != Some(0);
                    Ok(is_there.then_some(found))
                })
            })
            .await?
            .ok_or_else(|| Error::OrganizationUnknown(namespace.to_string()))
    }

    /// Searches the repositories that the actor may see by the beginning of a word of their names, leaving out the first
    /// `offset`, and counts them up to ten thousand.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void or does not cover it; `Invalid` for a text that is too long.
    pub async fn search_repositories(
        &self,
        actor: &Actor,
        text: &str,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<RepositoryDetails>, u64)> {
        if !actor.scope().covers_search() {
            return Err(Error::Unauthenticated(Unauthenticated::InsufficientScope));
        }
        let visible = self.access.visible(actor).await?;
        let text = text.trim().to_lowercase();
        if text.len() > SEARCH_LIMIT_BYTES {
            return Err(Error::Invalid {
                field: Field::SearchQuery,
                reason: format!("may have at most {SEARCH_LIMIT_BYTES} bytes"),
            });
        }
        // `docker search` finds nothing for nothing.
        if text.is_empty() {
            return Ok((Vec::new(), 0));
        }
        // A full name is found by what follows its namespace.
        let text = text.strip_prefix("library/").unwrap_or(&text).to_owned();
        let query = RepositoryQuery { among: Repositories::Word { beginning: text, visible }, offset, size };
        let (mut found, count) =
            self.metadata.read(query, |tx, query| Box::pin(list_with_count(tx, query))).await?;
        let mut seen = std::collections::HashSet::new();
        found.retain(|details| seen.insert(details.repository.id));
        Ok((found, count))
    }

    /// Changes a repository's descriptions, who may see it, and which tags never move.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for editing, and for setting immutability where that changes; `Invalid` for
    /// what is too long; `PreconditionFailed` when the settings are others than the change expects.
    pub async fn change_repository(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        change: RepositoryChange,
    ) -> Result<()> {
        let (id, change, events) = self.prepare_change(actor, name, change).await?;
        self.metadata
            .write((id, change, events), |tx, (id, change, events)| {
                Box::pin(async move {
                    if let Some(expected) = &change.expected {
                        check_settings(tx, *id, expected).await?;
                    }
                    tx.change_repository(*id, change).await?;
                    for event in events {
                        tx.record_event(event).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Checks that a repository could be changed, without changing it.
    ///
    /// # Errors
    /// As [`Content::change_repository`].
    pub async fn check_repository_change(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        change: RepositoryChange,
    ) -> Result<()> {
        let (id, change, _) = self.prepare_change(actor, name, change).await?;
        self.check_is_version(id, change.expected).await
    }

    /// Checks that a repository could be deleted, without deleting it.
    ///
    /// # Errors
    /// As [`Content::delete_repository_if`].
    pub async fn check_repository_deletion(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        expected: Option<Vec<String>>,
    ) -> Result<()> {
        let id = self.access.authorize_existing(actor, name, RepositoryAction::Remove).await?.id;
        self.check_is_version(id, expected).await
    }

    /// Checks that the settings of a repository are of one of these versions, if any are given.
    async fn check_is_version(&self, id: RepositoryId, expected: Option<Vec<String>>) -> Result<()> {
        let Some(expected) = expected else { return Ok(()) };
        self.metadata
            .read((id, expected), |tx, (id, expected)| Box::pin(check_version(tx, *id, expected)))
            .await
    }

    /// Checks a change of a repository, and makes its events.
    async fn prepare_change(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        change: RepositoryChange,
    ) -> Result<(RepositoryId, RepositoryChange, Vec<NewEvent>)> {
        let needed = match (&change.immutable_tags, change.edits()) {
            (Some(_), false) => RepositoryAction::SetImmutability,
            _ => RepositoryAction::Edit,
        };
        let repository = self.access.authorize_existing(actor, name, needed).await?;
        let mut change = change;
        if let Some(tags) = &change.immutable_tags {
            let access = self.access.authorize(actor, name, RepositoryAction::SetImmutability).await?;
            change.immutability_is_owners = access.is_owner && tags.is_enabled();
        }
        change.check()?;
        let by = |action, data: Vec<(&'static str, String)>| {
            self.platform.event(actor, Some(repository.namespace_id), action, name.as_str(), data)
        };
        let mut events = Vec::new();
        if let Some(visibility) = change.visibility {
            let data = vec![("visibility", visibility.as_str().to_owned())];
            events.push(by(EventAction::RepositoryVisibilityChanged, data));
        }
        if change.description.is_some() || change.full_description.is_some() {
            events.push(by(EventAction::RepositoryUpdated, Vec::new()));
        }
        if let Some(tags) = &change.immutable_tags {
            let data = vec![
                ("immutable_tags", tags.is_enabled().to_string()),
                ("immutable_tags_rules", tags.rules().join(" ")),
            ];
            events.push(by(EventAction::ImmutableTagsUpdated, data));
        }
        Ok((repository.id, change, events))
    }

    /// Lists the tags that a rule matches, the first hundred of the first ten thousand by name.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for setting immutability; `Invalid` for the rule.
    pub async fn match_tags(&self, actor: &Actor, name: &RepositoryName, rule: &str) -> Result<Vec<Tag>> {
        let repository =
            self.access.authorize_existing(actor, name, RepositoryAction::SetImmutability).await?;
        let rule = parse_rule(rule)?;
        let mut matching = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MATCHED_PAGES {
            let query = TagQuery::by_name(repository.id, after.take(), PageSize::MAX);
            let page = self.metadata.read(query, |tx, query| Box::pin(tx.list_tags(query))).await?;
            let (items, trying) = (page.items, rule.clone());
            let found = tokio::task::spawn_blocking(move || {
                items.into_iter().filter(|tag| trying.is_match(tag.as_str())).collect::<Vec<_>>()
            });
            matching.extend(found.await.map_err(Error::internal)?);
            after = page.next.map(|next| next.name);
            if after.is_none() || matching.len() >= MATCHED_TAGS {
                break;
            }
        }
        matching.truncate(MATCHED_TAGS);
        Ok(matching)
    }

    /// Changes who may see a repository.
    ///
    /// # Errors
    /// As [`Content::change_repository`].
    pub async fn set_visibility(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        visibility: Visibility,
    ) -> Result<()> {
        let change = RepositoryChange { visibility: Some(visibility), ..RepositoryChange::default() };
        self.change_repository(actor, name, change).await
    }

    /// Deletes a repository with all that is in it: invisible at once, collected when the undo window has ended.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for removing.
    pub async fn delete_repository(&self, actor: &Actor, name: &RepositoryName) -> Result<()> {
        self.delete_repository_if(actor, name, None).await
    }

    /// Deletes a repository if its settings are of one of these versions.
    ///
    /// # Errors
    /// As [`Content::delete_repository`]; `PreconditionFailed`.
    pub async fn delete_repository_if(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        expected: Option<Vec<String>>,
    ) -> Result<()> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::Remove).await?;
        let event = self.platform.event(
            actor,
            Some(repository.namespace_id),
            EventAction::RepositoryDeleted,
            name.as_str(),
            [],
        );
        let deletion = self.new_deletion(repository.id, &event);
        let id = deletion.id;
        self.metadata
            .write((deletion, event, expected), |tx, (deletion, event, expected)| {
                Box::pin(async move {
                    if let Some(expected) = expected {
                        check_settings(tx, deletion.repository, expected).await?;
                    }
                    if !tx.delete_repository(deletion.repository, deletion).await? {
                        return Err(Error::RepositoryUnknown(event.subject.parse()?));
                    }
                    tx.record_event(event).await
                })
            })
            .await?;
        note_deletion(id);
        Ok(())
    }
}
