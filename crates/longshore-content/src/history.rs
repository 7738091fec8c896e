//! Tags as they were: what each pointed at and since when, all tags at a time, what changed between two times, and the way back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::digest::Digest;
use longshore_domain::image::ManifestDetails;
use longshore_domain::name::{Reference, RepositoryName, Tag};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::past::{PastRefusal, PastTag};
use longshore_domain::ports::metadata::{ManifestHead, TagInterval};
use longshore_domain::repository::{Repository, RepositoryId};
use longshore_domain::{Error, Result};

use crate::Content;
use crate::manifests::Condition;

/// Most pages of names that one request looks at for one page of a list; what is behind comes with the next one.
const PAGES_LOOKED_AT: usize = 10;

/// Most pages of one tag's history that one request looks at for a way back.
const PAGES_OF_HISTORY: usize = 100;

/// A tag as it was at a time.
#[derive(Clone, Debug)]
pub struct TagAt {
    /// The tag.
    pub tag: Tag,
    /// What it pointed at then, from when until when.
    pub interval: TagInterval,
    /// The manifest that it pointed at; `None` when that was deleted since.
    pub manifest: Option<ManifestDetails>,
}

/// What became of a tag between two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// There was none before.
    Added,
    /// It points elsewhere.
    Moved,
    /// There is none any more.
    Deleted,
}

/// What a tag pointed at at two times, which is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagDifference {
    /// The tag.
    pub tag: Tag,
    /// What it pointed at at the first time; `None` when there was no such tag.
    pub from: Option<Digest>,
    /// What it pointed at at the second one.
    pub to: Option<Digest>,
}

impl TagDifference {
    /// Returns what became of the tag.
    pub fn change(&self) -> TagChange {
        match (self.from, self.to) {
            (None, _) => TagChange::Added,
            (Some(_), None) => TagChange::Deleted,
            (Some(_), Some(_)) => TagChange::Moved,
        }
    }
}

/// A page of a list in which not every name has an entry.
#[derive(Clone, Debug)]
pub struct SparsePage<T> {
    /// The entries by name.
    pub items: Vec<T>,
    /// The name that was looked at last, when the list goes on behind it.
    pub next: Option<Tag>,
}

/// Where a tag goes back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayBack {
    /// What it pointed at before what it points at now.
    Previous,
    /// What it pointed at at a time.
    Time(Timestamp),
    /// A manifest that it pointed at.
    Digest(Digest),
}

/// Which names are looked at.
#[derive(Clone, Copy, Debug)]
pub struct NameRange<'n> {
    /// Those that begin so; empty for all.
    pub beginning: &'n str,
    /// Those strictly behind this one.
    pub after: Option<&'n str>,
}

impl Content {
    /// Lists what a tag pointed at, newest first, of what had begun before a time.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags.
    pub async fn list_tag_history(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        tag: &Tag,
        before: Timestamp,
        size: PageSize,
    ) -> Result<Page<TagInterval>> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.metadata
            .read((repository.id, tag.clone(), before, size), |tx, (id, tag, before, size)| {
                Box::pin(tx.list_tag_history(*id, tag, *before, *size))
            })
            .await
    }

    /// Checks that a time is not ahead.
    ///
    /// # Errors
    /// `Past`.
    fn check_past(&self, at: Timestamp) -> Result<()> {
        match at > self.clock.now() {
            true => Err(Error::past(PastRefusal::Future(at))),
            false => Ok(()),
        }
    }

    /// Lists the tags that a repository had at a time, by name, with what they pointed at.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags; `Past` for a time
    /// that is ahead.
    pub async fn list_tags_at(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        at: Timestamp,
        names: NameRange<'_>,
        size: PageSize,
    ) -> Result<SparsePage<TagAt>> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.check_past(at)?;
        let found = self
            .look_through_names(repository.id, vec![at], names, size, |then| {
                then.first().and_then(Clone::clone)
            })
            .await?;
        let digests: Vec<Digest> = found.items.iter().map(|(_, interval)| interval.digest).collect();
        let manifests = self.find_details(repository.id, digests).await?;
        let tag_at = |(tag, interval): (Tag, TagInterval)| TagAt {
            tag,
            manifest: manifests.get(&interval.digest).cloned(),
            interval,
        };
        let items = found.items.into_iter().map(tag_at).collect();
        Ok(SparsePage { items, next: found.next })
    }

    async fn find_details(
        &self,
        repository: RepositoryId,
        digests: Vec<Digest>,
    ) -> Result<BTreeMap<Digest, ManifestDetails>> {
        self.metadata
            .read((repository, digests), |tx, (id, digests)| Box::pin(tx.find_manifest_details(*id, digests)))
            .await
    }

    /// Returns a tag as it was at a time.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags; `Past` for a time
    /// that is ahead, and when there was no such tag.
    pub async fn get_tag_at(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        tag: &Tag,
        at: Timestamp,
    ) -> Result<TagAt> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.check_past(at)?;
        let interval = self.find_tag_then(&repository, tag, at).await?;
        let mut manifests = self.find_details(repository.id, vec![interval.digest]).await?;
        Ok(TagAt { tag: tag.clone(), manifest: manifests.remove(&interval.digest), interval })
    }

    async fn find_tag_then(&self, repository: &Repository, tag: &Tag, at: Timestamp) -> Result<TagInterval> {
        let found = self
            .metadata
            .read((repository.id, tag.clone(), at), |tx, (id, tag, at)| {
                Box::pin(tx.find_tags_at(*id, std::slice::from_ref(tag), *at))
            })
            .await?;
        let past = PastTag { tag: tag.clone(), at };
        let not_there = || Error::past(PastRefusal::NotThere { repository: repository.name.clone(), past });
        found.into_values().next().ok_or_else(not_there)
    }

    /// Lists the tags that were made, moved or deleted between two times, by name: of each what it pointed at at both.
    ///
    /// # Errors
    /// As [`Content::list_tags_at`].
    pub async fn compare_times(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        (from, to): (Timestamp, Timestamp),
        names: NameRange<'_>,
        size: PageSize,
    ) -> Result<SparsePage<TagDifference>> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.check_past(from)?;
        self.check_past(to)?;
        let found = self
            .look_through_names(repository.id, vec![from, to], names, size, |then| {
                let digest =
                    |number: usize| then.get(number).and_then(|then| then.as_ref().map(|i| i.digest));
                let (from, to) = (digest(0), digest(1));
                (from != to).then_some((from, to))
            })
            .await?;
        let items =
            found.items.into_iter().map(|(tag, (from, to))| TagDifference { tag, from, to }).collect();
        Ok(SparsePage { items, next: found.next })
    }

    /// Looks through the tags that there ever were until a page is full or enough was looked at; `pick` says what a tag's entry
    /// is, from what it pointed at at each of some times.
    async fn look_through_names<T: Send + 'static>(
        &self,
        repository: RepositoryId,
        times: Vec<Timestamp>,
        names: NameRange<'_>,
        size: PageSize,
        pick: impl Fn(&[Option<TagInterval>]) -> Option<T> + Send + Sync,
    ) -> Result<SparsePage<(Tag, T)>> {
        let limit = size.get() as usize;
        let mut found = SparsePage { items: Vec::new(), next: None };
        let mut after = names.after.map(str::to_owned);
        for round in 0..PAGES_LOOKED_AT {
            // Most have an entry, as a rule; where they have not, larger steps are taken.
            let step = if round == 0 { size } else { PageSize::MAX };
            let input = (repository, times.clone(), names.beginning.to_owned(), after.clone(), step);
            let (page, then) = self
                .metadata
                .read(input, |tx, (id, times, beginning, after, step)| {
                    Box::pin(async move {
                        let page = tx.list_tags_ever(*id, beginning, after.as_deref(), *step).await?;
                        let mut then = Vec::new();
                        for at in times.iter() {
                            then.push(tx.find_tags_at(*id, &page.items, *at).await?);
                        }
                        Ok((page, then))
                    })
                })
                .await?;
            let mut looked_at = None;
            let count = page.items.len();
            for (number, tag) in page.items.into_iter().enumerate() {
                let of_tag: Vec<_> = then.iter().map(|then| then.get(&tag).cloned()).collect();
                if let Some(entry) = pick(&of_tag) {
                    found.items.push((tag.clone(), entry));
                }
                let is_last = number + 1 == count && !page.has_more;
                looked_at = (!is_last).then_some(tag);
                if found.items.len() >= limit {
                    break;
                }
            }
            after = looked_at.as_ref().map(Tag::to_string);
            found.next = looked_at;
            if found.items.len() >= limit || found.next.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Lets a tag point at what it pointed at before.
    ///
    /// # Errors
    /// As [`Content::point_tag`]; `Past` when it never pointed there, or what it pointed at was deleted since.
    pub async fn roll_back_tag(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        tag: &Tag,
        to: &WayBack,
        condition: Condition,
    ) -> Result<ManifestHead> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        let interval = match to {
            WayBack::Time(at) => {
                self.check_past(*at)?;
                self.find_tag_then(&repository, tag, *at).await?
            }
            WayBack::Previous | WayBack::Digest(_) => self.find_way_back(&repository, tag, to).await?,
        };
        let TagInterval { digest, from, until, .. } = interval;
        let reference = Reference::Digest(digest);
        match self.point_tag(actor, name, tag, &reference, condition).await {
            Err(Error::ManifestUnknown { reference: missing, .. }) if missing == reference => {
                let past = PastTag { tag: tag.clone(), at: from };
                Err(Error::past(PastRefusal::Gone { repository: name.clone(), past, digest, from, until }))
            }
            pointed => pointed,
        }
    }

    /// Finds when a tag pointed at a digest, or at something else than now, the last time; looks at its newest hundred thousand
    /// moves.
    async fn find_way_back(&self, repository: &Repository, tag: &Tag, to: &WayBack) -> Result<TagInterval> {
        let (mut before, mut present) = (Timestamp::MAX, None);
        for page in 0..PAGES_OF_HISTORY {
            let history = self
                .metadata
                .read((repository.id, tag.clone(), before), |tx, (id, tag, before)| {
                    Box::pin(tx.list_tag_history(*id, tag, *before, PageSize::MAX))
                })
                .await?;
            let is_first = page == 0;
            match history.items.first() {
                Some(newest) if is_first => present = newest.until.is_none().then_some(newest.digest),
                None if is_first => {
                    let reference = Reference::Tag(tag.clone());
                    return Err(Error::ManifestUnknown { repository: repository.name.clone(), reference });
                }
                _ => {}
            }
            let is_it = |interval: &&TagInterval| match to {
                WayBack::Digest(digest) => interval.digest == *digest,
                WayBack::Previous | WayBack::Time(_) => Some(interval.digest) != present,
            };
            if let Some(found) = history.items.iter().find(is_it) {
                return Ok(found.clone());
            }
            match history.items.last().filter(|_| history.has_more) {
                Some(last) => before = last.from,
                None => break,
            }
        }
        Err(Error::past(PastRefusal::Never { repository: repository.name.clone(), tag: tag.clone() }))
    }
}
