//! What can be asked for, an operation each.

use crate::client::{Call, Client, Condition, Versioned};
use crate::error::Result;
use crate::list::List;
use crate::operations as op;
use crate::types::{
    About, Caller, ChangeRepository, ChangedTag, Comparison, CreateDeletion, CreateRepository, DeletionInfo,
    DeletionSummary, ImageInfo, ImageSummary, ImmutableTagRules, PlanInfo, PointedTag, Readme, ReferrerTree,
    RepositoryInfo, RepositorySummary, RestoreDeletion, RestoreResult, RollBackTag, SetTag, TagInfo,
    TagInterval,
};

/// Which repositories; all but the namespace needs one.
#[derive(Clone, Debug, Default)]
pub struct ListRepositories {
    /// Only those of this namespace.
    pub namespace: Option<String>,
    /// Only those whose name after the namespace holds this.
    pub name_part: Option<String>,
    /// `private` or `public`.
    pub visibility: Option<String>,
    /// Only those that were pushed to, or created, since this time (RFC 3339).
    pub pushed_since: Option<String>,
    /// Only those that were neither pushed to nor created since this time.
    pub not_pushed_since: Option<String>,
    /// `name`, `pushed`, `pulls` or `size`; with `-` in front backwards.
    pub order: Option<String>,
}

/// Which tags, in which order.
#[derive(Clone, Debug, Default)]
pub struct ListTags {
    /// As they were at this time (RFC 3339); only with `prefix`.
    pub as_of: Option<String>,
    /// Only those that begin so.
    pub prefix: Option<String>,
    /// Only those whose name holds this.
    pub contains: Option<String>,
    /// `name`, `pushed`, `pulled`, `size` or `version`; with `-` in front backwards.
    pub order: Option<String>,
    /// Only those with an image for this operating system.
    pub os: Option<String>,
    /// Only those with an image for this architecture.
    pub architecture: Option<String>,
    /// Only those that were pushed or pulled since this time (RFC 3339).
    pub active_since: Option<String>,
    /// Only those that were neither pushed nor pulled since this time.
    pub inactive_since: Option<String>,
    /// False to leave out names that tools make of a digest, as of a signature (`sha256-….sig`).
    pub digest_tags: Option<bool>,
}

/// Which images, in which order.
#[derive(Clone, Debug, Default)]
pub struct ListImages {
    /// `pushed`, `active`, `size` or `digest`, with `-` in front backwards; `-pushed`, if it is left out.
    pub order: Option<String>,
    /// True for only those that a tag reaches, by itself or through an index; false for only the others.
    pub tagged: Option<bool>,
    /// Only those that were pushed or pulled since this time (RFC 3339).
    pub active_since: Option<String>,
    /// Only those that were neither pushed nor pulled since this time.
    pub inactive_since: Option<String>,
    /// `index`, `image` or `artifact`.
    pub kind: Option<String>,
    /// Only those of this artifact type.
    pub artifact_type: Option<String>,
    /// Only those for this operating system, or with one for it.
    pub os: Option<String>,
    /// Only those for this architecture, or with one for it.
    pub architecture: Option<String>,
}

fn truth(value: Option<bool>) -> Option<&'static str> {
    value.map(|value| if value { "true" } else { "false" })
}

/// Which changes of tags.
#[derive(Clone, Debug, Default)]
pub struct ListChanges {
    /// The first time (RFC 3339).
    pub from: String,
    /// The second one; now, if it is left out.
    pub to: Option<String>,
    /// Only tags that begin so.
    pub prefix: Option<String>,
}

/// Whose deletions; the caller's own namespace, if neither is named.
#[derive(Clone, Debug, Default)]
pub struct ListDeletions {
    /// Those of this namespace.
    pub namespace: Option<String>,
    /// Those of this repository.
    pub repository: Option<String>,
}

impl Client {
    /// Tells which registry this is, what it can do, and its limits.
    ///
    /// # Errors
    /// As all calls: what the registry refuses, or why it was not reached.
    pub fn about(&self) -> Result<About> {
        self.read(&Call::of(op::GET_ABOUT, &[]))
    }

    /// Tells who calls, and what the credential is for.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn whoami(&self) -> Result<Caller> {
        self.read(&Call::of(op::GET_WHOAMI, &[]))
    }

    /// Lists the repositories that the caller may see; those of all namespaces by name.
    pub fn list_repositories(&self, wanted: &ListRepositories) -> List<'_, RepositorySummary> {
        let call = Call::of(op::LIST_REPOSITORIES, &[])
            .with("namespace", wanted.namespace.as_deref())
            .with("name_part", wanted.name_part.as_deref())
            .with("visibility", wanted.visibility.as_deref())
            .with("pushed_since", wanted.pushed_since.as_deref())
            .with("not_pushed_since", wanted.not_pushed_since.as_deref())
            .with("order", wanted.order.as_deref());
        List::new(self, call)
    }

    /// Creates an empty repository.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_repository(&self, new: &CreateRepository) -> Result<Versioned<RepositoryInfo>> {
        self.read_versioned(&Call::of(op::CREATE_REPOSITORY, &[]).sending(new)?)
    }

    /// Gives a repository.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_repository(&self, name: &str) -> Result<Versioned<RepositoryInfo>> {
        self.read_versioned(&Call::of(op::GET_REPOSITORY, &[name]))
    }

    /// Changes the settings of a repository.
    ///
    /// # Errors
    /// As [`Client::about`]; `version_changed` when the condition is not met.
    pub fn change_repository(
        &self,
        name: &str,
        change: &ChangeRepository,
        condition: &Condition,
    ) -> Result<Versioned<RepositoryInfo>> {
        self.read_versioned(&Call::of(op::CHANGE_REPOSITORY, &[name]).sending(change)?.only_if(condition))
    }

    /// Deletes a repository with all that is in it; returns the id by which that can be undone.
    ///
    /// # Errors
    /// As [`Client::change_repository`].
    pub fn delete_repository(&self, name: &str, condition: &Condition) -> Result<Option<String>> {
        self.run(&Call::of(op::DELETE_REPOSITORY, &[name]).only_if(condition))
    }

    /// Lists tags, now or as they were at a time.
    pub fn list_tags(&self, repository: &str, wanted: &ListTags) -> List<'_, TagInfo> {
        let call = Call::of(op::LIST_TAGS, &[repository])
            .with("as_of", wanted.as_of.as_deref())
            .with("prefix", wanted.prefix.as_deref())
            .with("contains", wanted.contains.as_deref())
            .with("order", wanted.order.as_deref())
            .with("os", wanted.os.as_deref())
            .with("architecture", wanted.architecture.as_deref())
            .with("active_since", wanted.active_since.as_deref())
            .with("inactive_since", wanted.inactive_since.as_deref())
            .with("digest_tags", truth(wanted.digest_tags));
        List::new(self, call)
    }

    /// Gives a tag, now or as it was at a time (RFC 3339).
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_tag(&self, repository: &str, tag: &str, as_of: Option<&str>) -> Result<Versioned<TagInfo>> {
        self.read_versioned(&Call::of(op::GET_TAG, &[repository, tag]).with("as_of", as_of))
    }

    /// Points a tag at an image of the repository.
    ///
    /// # Errors
    /// As [`Client::about`]; `version_changed` when the condition is not met.
    pub fn set_tag(
        &self,
        repository: &str,
        tag: &str,
        to: &SetTag,
        condition: &Condition,
    ) -> Result<PointedTag> {
        self.read(&Call::of(op::SET_TAG, &[repository, tag]).sending(to)?.only_if(condition))
    }

    /// Deletes a tag; its image stays. Returns the id by which that can be undone.
    ///
    /// # Errors
    /// As [`Client::set_tag`].
    pub fn delete_tag(&self, repository: &str, tag: &str, condition: &Condition) -> Result<Option<String>> {
        self.run(&Call::of(op::DELETE_TAG, &[repository, tag]).only_if(condition))
    }

    /// Lists what a tag pointed at, the newest first.
    pub fn list_tag_history(&self, repository: &str, tag: &str) -> List<'_, TagInterval> {
        List::new(self, Call::of(op::LIST_TAG_HISTORY, &[repository, tag]))
    }

    /// Points a tag at what it pointed at before.
    ///
    /// # Errors
    /// As [`Client::set_tag`].
    pub fn roll_back_tag(
        &self,
        repository: &str,
        tag: &str,
        to: &RollBackTag,
        condition: &Condition,
    ) -> Result<PointedTag> {
        self.read(&Call::of(op::ROLL_BACK_TAG, &[repository, tag]).sending(to)?.only_if(condition))
    }

    /// Lists the tags that were made, moved or deleted between two times, by name.
    pub fn list_changes(&self, repository: &str, wanted: &ListChanges) -> List<'_, ChangedTag> {
        let call = Call::of(op::LIST_CHANGES, &[repository])
            .with("from", Some(&wanted.from))
            .with("to", wanted.to.as_deref())
            .with("prefix", wanted.prefix.as_deref());
        List::new(self, call)
    }

    /// Compares two images, each named by a tag, a tag at a time or a digest.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn compare_images(&self, repository: &str, from: &str, to: &str) -> Result<Comparison> {
        self.read(&Call::of(op::COMPARE_IMAGES, &[repository]).with("from", Some(from)).with("to", Some(to)))
    }

    /// Lists images with and without tags.
    pub fn list_images(&self, repository: &str, wanted: &ListImages) -> List<'_, ImageSummary> {
        let call = Call::of(op::LIST_IMAGES, &[repository])
            .with("order", wanted.order.as_deref())
            .with("tagged", truth(wanted.tagged))
            .with("active_since", wanted.active_since.as_deref())
            .with("inactive_since", wanted.inactive_since.as_deref())
            .with("kind", wanted.kind.as_deref())
            .with("artifact_type", wanted.artifact_type.as_deref())
            .with("os", wanted.os.as_deref())
            .with("architecture", wanted.architecture.as_deref());
        List::new(self, call)
    }

    /// Gives what belongs to an image: its parts, and what vouches for them or describes them.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_referrers(&self, repository: &str, digest: &str) -> Result<ReferrerTree> {
        self.read(&Call::of(op::GET_REFERRERS, &[repository, digest]))
    }

    /// Gives an image: what it is made of, and what it is part of.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_image(&self, repository: &str, digest: &str) -> Result<ImageInfo> {
        self.read(&Call::of(op::GET_IMAGE, &[repository, digest]))
    }

    /// Deletes images and tags, or says to the byte what that would do.
    ///
    /// # Errors
    /// As [`Client::about`]; `plan_changed` when it names a plan and things are otherwise by now.
    pub fn create_deletion(&self, repository: &str, wanted: &CreateDeletion) -> Result<PlanInfo> {
        self.read(&Call::of(op::CREATE_DELETION, &[repository]).sending(wanted)?)
    }

    /// Tells what a repository is for.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_readme(&self, repository: &str) -> Result<Readme> {
        self.read(&Call::of(op::GET_README, &[repository]))
    }

    /// Says what a repository is for.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn set_readme(&self, repository: &str, readme: &Readme) -> Result<Readme> {
        self.read(&Call::of(op::SET_README, &[repository]).sending(readme)?)
    }

    /// Gives the rules by which tags never move.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_immutable_tags(&self, repository: &str) -> Result<ImmutableTagRules> {
        self.read(&Call::of(op::GET_IMMUTABLE_TAGS, &[repository]))
    }

    /// Sets the rules by which tags never move.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn set_immutable_tags(
        &self,
        repository: &str,
        rules: &ImmutableTagRules,
    ) -> Result<ImmutableTagRules> {
        self.read(&Call::of(op::SET_IMMUTABLE_TAGS, &[repository]).sending(rules)?)
    }

    /// Lists deletions that the caller may undo, the newest first.
    pub fn list_deletions(&self, wanted: &ListDeletions) -> List<'_, DeletionSummary> {
        let call = Call::of(op::LIST_DELETIONS, &[])
            .with("namespace", wanted.namespace.as_deref())
            .with("repository", wanted.repository.as_deref());
        List::new(self, call)
    }

    /// Ends the time in which a deletion can be undone; what it took is collected when its leases have ended.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn end_deletion(&self, id: &str) -> Result<()> {
        self.run(&Call::of(op::END_DELETION, &[id])).map(|_| ())
    }

    /// Gives a deletion with what went.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_deletion(&self, id: &str) -> Result<DeletionInfo> {
        self.read(&Call::of(op::GET_DELETION, &[id]))
    }

    /// Undoes a deletion; what stands in the way is reported.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn restore_deletion(&self, id: &str, how: &RestoreDeletion) -> Result<RestoreResult> {
        self.read(&Call::of(op::RESTORE_DELETION, &[id]).sending(how)?)
    }
}
