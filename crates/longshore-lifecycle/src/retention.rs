//! Retention policies: what they say, what they would do, and the job that applies them.
//!
//! SWR API, "Image retention policies". A policy is applied when it is made or changed and then every day. It deletes tags as
//! their owner would: what is immutable stays, what was deleted can be restored in the undo window, and images without a tag
//! go the way of all such.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::deletion::{DeletionCause, NewDeletion};
use longshore_domain::digest::Digest;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::immutability::TagRules;
use longshore_domain::limit::Limited;
use longshore_domain::name::{RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{LifecycleTx, PushedTag};
use longshore_domain::repository::{Repository, RepositoryId};
use longshore_domain::retention::{
    Kept, KeptBecause, POLICIES_LIMIT, RetentionEntry, RetentionPass, RetentionPolicy, RetentionPolicyId,
    RetentionRule, RetiredTag, Verdict, check_rules,
};
use longshore_domain::{Error, Field, Result};

use crate::Lifecycle;
use longshore_content::planning::{DeletionPreview, Selection};
use longshore_content::removal::remove_tags;
use longshore_platform::later;
use longshore_platform::leases::Job;

/// How long after it was applied a policy is applied again.
pub const INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// How long after it failed it is tried again.
const RETRY: Duration = Duration::from_secs(600);
/// Tags that are looked at, and deleted, at once.
const BATCH: u64 = 200;
/// Tags that a dry run looks at.
const DRY_RUN_LIMIT: usize = 20_000;
/// Tags that a dry run shows.
const DRY_RUN_SHOWN: usize = 1000;
/// How long a dry run looks at tags.
const DRY_RUN_TIME: Duration = Duration::from_secs(5);

/// What a policy would delete.
#[derive(Clone, Debug)]
pub struct DryRun {
    /// Tags, the newest first, the first thousand.
    pub tags: Vec<RetiredTag>,
    /// How many.
    pub total: u64,
    /// Whether there are tags that were not looked at.
    pub is_cut: bool,
}

/// A tag that rules keep.
#[derive(Clone, Debug)]
pub struct KeptTag {
    /// The tag.
    pub tag: Tag,
    /// What it points at.
    pub digest: Digest,
    /// The rule that keeps it, by its place, and why; `None` when it is immutable.
    pub by: Option<(usize, KeptBecause)>,
}

/// What rules say of the tags of a repository, of which the newest were looked at.
struct Judged {
    retired: Vec<RetiredTag>,
    kept: Vec<KeptTag>,
    /// Whether there are tags that were not looked at.
    is_cut: bool,
}

/// What rules would do, whether or not they are saved.
#[derive(Clone, Debug)]
pub struct RetentionPreview {
    /// Tags that go, the newest first.
    pub retired: Vec<RetiredTag>,
    /// Tags that stay, the newest first.
    pub kept: Vec<KeptTag>,
    /// Whether there are tags that were not looked at.
    pub is_cut: bool,
    /// What deleting those that go would do.
    pub plan: DeletionPreview,
}

/// How far a policy was applied.
enum Applied {
    /// To all tags.
    Done,
    /// To some, until it was changed or deleted.
    Overtaken,
    /// This node stops, or another one has taken the job over, which goes on.
    Interrupted,
}

/// Some tags of a repository that a policy does not keep.
struct Retirement {
    policy: RetentionPolicy,
    tags: Vec<(PushedTag, RetentionRule)>,
    deletion: NewDeletion,
    event: NewEvent,
    review_at: Timestamp,
}

/// Deletes tags, and gives how many; `None` when the policy is not as it was when it judged them, or the repository was deleted.
async fn delete_tags(tx: &mut dyn LifecycleTx, retirement: &Retirement) -> Result<Option<u64>> {
    let Retirement { policy, tags, deletion, event, review_at } = retirement;
    let repository = &policy.repository_id;
    if !tx.lock_retention_policy(policy).await? {
        return Ok(None);
    }
    let immutable = tx.find_immutable_tags(*repository).await?.compile()?;
    let names: Vec<Tag> = tags.iter().map(|(judged, _)| judged.tag.clone()).collect();
    let mut held = tx.lock_tags(*repository, &names).await?;
    // It may have been pushed again, or its repository's rules changed, since it was judged.
    held.retain(|held| tags.iter().any(|(judged, _)| judged == held) && !immutable.cover(&held.tag));
    remove_tags(tx, deletion, &held, event, *review_at).await?;
    for (judged, rule) in tags.iter().filter(|(judged, _)| held.contains(judged)) {
        let retired = RetiredTag { tag: judged.tag.clone(), digest: judged.digest, rule: rule.clone() };
        tx.log_retired_tag(*repository, policy.id, &retired, event.at).await?;
    }
    Ok(Some(held.len() as u64))
}

/// Of which kinds the rules of a policy may be that is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kinds {
    /// Of those of the rules in their places.
    OfBefore,
    /// Of any.
    Any,
}

/// Returns what kinds of rules a policy has, in their order.
fn kinds(rules: &[RetentionRule]) -> Vec<std::mem::Discriminant<Kept>> {
    rules.iter().map(|rule| std::mem::discriminant(&rule.kept)).collect()
}

/// Where a pass through a repository begins: before all tags.
fn beginning() -> (Timestamp, String) {
    (Timestamp::MAX, String::new())
}

impl Lifecycle {
    async fn load_policy(&self, id: RepositoryId, policy: RetentionPolicyId) -> Result<RetentionPolicy> {
        let found = self
            .metadata
            .look_up((id, policy), |tx, (id, policy)| Box::pin(tx.find_retention_policy(*id, *policy)))
            .await?;
        found.ok_or(Error::RetentionPolicyUnknown)
    }

    /// Lists the retention policies of a repository, the oldest first.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags.
    pub async fn list_retention_policies(
        &self,
        actor: &Actor,
        name: &RepositoryName,
    ) -> Result<Vec<RetentionPolicy>> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        let size = PageSize::clamped(POLICIES_LIMIT)?;
        self.metadata
            .read((repository.id, size), |tx, (id, size)| Box::pin(tx.list_retention_policies(*id, *size)))
            .await
    }

    /// Returns a retention policy of a repository.
    ///
    /// # Errors
    /// As [`Lifecycle::list_retention_policies`]; `RetentionPolicyUnknown`.
    pub async fn get_retention_policy(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        policy: RetentionPolicyId,
    ) -> Result<RetentionPolicy> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.load_policy(repository.id, policy).await
    }

    /// Makes a retention policy, which is applied soon.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for deleting tags; `Invalid` for the rules; `LimitReached` for too many.
    pub async fn create_retention_policy(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        rules: Vec<RetentionRule>,
    ) -> Result<RetentionPolicy> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::DeleteTag).await?;
        check_rules(&rules)?;
        let event = self.policy_event(actor, &repository, EventAction::RetentionPolicyCreated, &rules)?;
        self.metadata
            .write((repository, rules, event), |tx, (repository, rules, event)| {
                Box::pin(async move {
                    // Held, so that creations at the same time are counted.
                    tx.lock_account(repository.namespace_id).await?;
                    let all = tx.list_retention_policies(repository.id, PageSize::MAX).await?;
                    if all.len() as u64 >= POLICIES_LIMIT {
                        return Err(Error::LimitReached {
                            what: Limited::RetentionPolicies,
                            limit: POLICIES_LIMIT,
                        });
                    }
                    let id = tx.create_retention_policy(repository.id, rules, event.at).await?;
                    tx.record_event(event).await?;
                    let made = tx.find_retention_policy(repository.id, id).await?;
                    made.ok_or(Error::RetentionPolicyUnknown)
                })
            })
            .await
    }

    fn policy_event(
        &self,
        actor: &Actor,
        repository: &Repository,
        action: EventAction,
        rules: &[RetentionRule],
    ) -> Result<NewEvent> {
        let rules = serde_json::to_string(rules).map_err(Error::internal)?;
        let subject = repository.name.as_str();
        Ok(self.platform.event(actor, Some(repository.namespace_id), action, subject, [("rules", rules)]))
    }

    /// Changes the rules of a retention policy, which is applied soon.
    ///
    /// # Errors
    /// As [`Lifecycle::create_retention_policy`]; `RetentionPolicyUnknown`; `Invalid` when a rule would be of another kind than
    /// the one in its place.
    pub async fn change_retention_policy(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        policy: RetentionPolicyId,
        rules: Vec<RetentionRule>,
    ) -> Result<()> {
        self.put_rules(actor, name, policy, rules, Kinds::OfBefore).await.map(|_| ())
    }

    /// Puts other rules in the place of a retention policy's, which is applied soon.
    ///
    /// # Errors
    /// As [`Lifecycle::create_retention_policy`]; `RetentionPolicyUnknown`.
    pub async fn replace_retention_policy(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        policy: RetentionPolicyId,
        rules: Vec<RetentionRule>,
    ) -> Result<RetentionPolicy> {
        self.put_rules(actor, name, policy, rules, Kinds::Any).await
    }

    async fn put_rules(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        policy: RetentionPolicyId,
        rules: Vec<RetentionRule>,
        allowed: Kinds,
    ) -> Result<RetentionPolicy> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::DeleteTag).await?;
        check_rules(&rules)?;
        let event = self.policy_event(actor, &repository, EventAction::RetentionPolicyUpdated, &rules)?;
        self.metadata
            .write(
                (repository.id, policy, rules, event, allowed),
                |tx, (id, policy, rules, event, allowed)| {
                    Box::pin(async move {
                        let known = tx.find_retention_policy(*id, *policy).await?;
                        let known = known.ok_or(Error::RetentionPolicyUnknown)?;
                        if *allowed == Kinds::OfBefore && kinds(&known.rules) != kinds(rules) {
                            return Err(Error::Invalid {
                                field: Field::RetentionRuleKind,
                                reason:
                                    "a policy keeps the templates that it was made with; make another one"
                                        .into(),
                            });
                        }
                        if !tx.change_retention_policy(*policy, rules, event.at).await? {
                            return Err(Error::RetentionPolicyUnknown);
                        }
                        tx.record_event(event).await?;
                        tx.find_retention_policy(*id, *policy).await?.ok_or(Error::RetentionPolicyUnknown)
                    })
                },
            )
            .await
    }

    /// Deletes a retention policy; the log of what it deleted stays.
    ///
    /// # Errors
    /// As [`Lifecycle::create_retention_policy`]; `RetentionPolicyUnknown`.
    pub async fn delete_retention_policy(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        policy: RetentionPolicyId,
    ) -> Result<()> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::DeleteTag).await?;
        let known = self.load_policy(repository.id, policy).await?;
        let action = EventAction::RetentionPolicyDeleted;
        let event = self.policy_event(actor, &repository, action, &known.rules)?;
        self.metadata
            .write((policy, event), |tx, (policy, event)| {
                Box::pin(async move {
                    match tx.delete_retention_policy(*policy).await? {
                        true => tx.record_event(event).await,
                        false => Err(Error::RetentionPolicyUnknown),
                    }
                })
            })
            .await
    }

    /// Lists what retention policies of a repository deleted, the last first, leaving out the first `offset`, and counts all.
    ///
    /// # Errors
    /// As [`Lifecycle::list_retention_policies`].
    pub async fn list_retention_log(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<RetentionEntry>, u64)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        self.metadata
            .read((repository.id, offset, size), |tx, (id, offset, size)| {
                Box::pin(async move {
                    let entries = tx.list_retention_log(*id, *offset, *size).await?;
                    Ok((entries, tx.count_retention_log(*id).await?))
                })
            })
            .await
    }

    /// Returns what a retention policy would delete now, of the 20,000 newest tags.
    ///
    /// # Errors
    /// As [`Lifecycle::get_retention_policy`].
    pub async fn dry_run_retention(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        policy: RetentionPolicyId,
    ) -> Result<DryRun> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        let policy = self.load_policy(repository.id, policy).await?;
        let Judged { retired: mut tags, is_cut, .. } =
            self.judge_newest(repository.id, &policy.rules).await?;
        let total = tags.len() as u64;
        tags.truncate(DRY_RUN_SHOWN);
        Ok(DryRun { tags, total, is_cut })
    }

    /// Says what rules would do that need not be saved, of the 20,000 newest tags: which tags go, which stay and why, and what is
    /// freed, to the byte, as for any other deletion.
    ///
    /// # Errors
    /// As [`Lifecycle::create_retention_policy`].
    pub async fn preview_retention(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        rules: Vec<RetentionRule>,
    ) -> Result<RetentionPreview> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::DeleteTag).await?;
        check_rules(&rules)?;
        let Judged { retired, kept, is_cut } = self.judge_newest(repository.id, &rules).await?;
        let pointing = retired.iter().map(|retired| (retired.tag.clone(), retired.digest)).collect();
        let selection = Selection { pointing, ..Selection::default() };
        let plan = self.content.preview_deletion(actor, name, selection).await?;
        Ok(RetentionPreview { retired, kept, is_cut, plan })
    }

    /// Judges the newest tags of a repository, as many as there is time for.
    async fn judge_newest(&self, id: RepositoryId, rules: &[RetentionRule]) -> Result<Judged> {
        let immutable =
            self.metadata.look_up(id, |tx, id| Box::pin(tx.find_immutable_tags(*id))).await?.compile()?;
        let immutable = Arc::new(immutable);
        let mut pass = RetentionPass::new(rules, self.clock.now())?;
        let (mut before, mut looked_at, began) = (beginning(), 0, Instant::now());
        let mut judged = Judged { retired: Vec::new(), kept: Vec::new(), is_cut: false };
        loop {
            let page = self.pushed_tags(id, before).await?;
            let Some(last) = page.last() else { return Ok(judged) };
            if looked_at >= DRY_RUN_LIMIT || began.elapsed() > DRY_RUN_TIME {
                return Ok(Judged { is_cut: true, ..judged });
            }
            before = (last.pushed_at, last.tag.to_string());
            looked_at += page.len();
            let (retired, kept);
            (retired, kept, pass) = judge(pass, page, Arc::clone(&immutable)).await?;
            judged.retired.extend(retired.into_iter().map(|(tag, rule)| RetiredTag {
                tag: tag.tag,
                digest: tag.digest,
                rule,
            }));
            judged.kept.extend(kept);
        }
    }

    /// Applies a retention policy soon, as if it were due.
    ///
    /// # Errors
    /// As [`Lifecycle::create_retention_policy`]; `RetentionPolicyUnknown`.
    pub async fn run_retention_policy(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        policy: RetentionPolicyId,
    ) -> Result<()> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::DeleteTag).await?;
        let policy = self.load_policy(repository.id, policy).await?;
        self.metadata
            .write((policy, self.clock.now()), |tx, (policy, now)| Box::pin(tx.postpone_policy(policy, *now)))
            .await
    }

    async fn pushed_tags(&self, id: RepositoryId, before: (Timestamp, String)) -> Result<Vec<PushedTag>> {
        self.metadata
            .look_up((id, before, PageSize::clamped(BATCH)?), |tx, (id, (at, name), size)| {
                Box::pin(tx.list_pushed_tags(*id, (*at, name), *size))
            })
            .await
    }

    /// Applies the retention policies that are due, as the job of one node, and returns how many. For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store; what fails in one repository is tried again later.
    pub async fn apply_retention(&self) -> Result<u64> {
        // Most of the time there is nothing to do, and nothing is written.
        if self.due_policies().await?.is_empty() {
            return Ok(0);
        }
        let work = async {
            let mut done = 0;
            while !self.platform.is_stopping() {
                let due = self.due_policies().await?;
                if due.is_empty() {
                    break;
                }
                for (policy, repository) in due {
                    if self.platform.is_stopping() || !self.platform.take_lease(Job::ApplyRetention).await? {
                        return Ok(done);
                    }
                    let applied = self.apply_policy(&policy, &repository).await;
                    if matches!(applied, Ok(Applied::Interrupted)) {
                        return Ok(done);
                    }
                    done += u64::from(applied.is_ok());
                    if let Err(error) = &applied {
                        tracing::warn!(
                            repository = %repository.name, policy = policy.id.0, error = %error, cause = error.cause(),
                            "a retention policy could not be applied; it is tried again"
                        );
                    }
                    let wait = if applied.is_ok() { INTERVAL } else { RETRY };
                    let input = (policy, later(self.clock.now(), wait));
                    self.metadata
                        .write(input, |tx, (policy, due_at)| Box::pin(tx.postpone_policy(policy, *due_at)))
                        .await?;
                }
            }
            Ok(done)
        };
        Ok(self.platform.with_lease(Job::ApplyRetention, work).await?.unwrap_or_default())
    }

    async fn due_policies(&self) -> Result<Vec<(RetentionPolicy, Repository)>> {
        self.metadata
            .look_up((self.clock.now(), PageSize::clamped(BATCH)?), |tx, (now, size)| {
                Box::pin(tx.list_due_policies(*now, *size))
            })
            .await
    }

    async fn apply_policy(&self, policy: &RetentionPolicy, repository: &Repository) -> Result<Applied> {
        let mut pass = RetentionPass::new(&policy.rules, self.clock.now())?;
        let mut before = beginning();
        let mut deleted = 0;
        // One deletion, however many steps it takes.
        let id = self.platform.new_uuid();
        loop {
            let page = self.pushed_tags(repository.id, before).await?;
            let Some(last) = page.last() else { break };
            before = (last.pushed_at, last.tag.to_string());
            // Whether a tag is immutable is asked in the transaction that would delete it.
            let tags;
            (tags, _, pass) = judge(pass, page, Arc::default()).await?;
            if tags.is_empty() {
                continue;
            }
            let data = [("retention_policy", policy.id.0.to_string())];
            let event = self.platform.event(
                &Actor::OPERATOR,
                Some(repository.namespace_id),
                EventAction::TagDeleted,
                repository.name.as_str(),
                data,
            );
            let review_at = later(event.at, self.settings.gc.lease);
            let deletion = NewDeletion::new(id, repository.id, DeletionCause::Retention, &event);
            let retirement = Retirement { policy: policy.clone(), tags, deletion, event, review_at };
            let done = self
                .metadata
                .write(Arc::new(retirement), |tx, retirement| Box::pin(delete_tags(tx, retirement)))
                .await?;
            let Some(done) = done else { return Ok(Applied::Overtaken) };
            deleted += done;
            if self.platform.is_stopping() || !self.platform.take_lease(Job::ApplyRetention).await? {
                return Ok(Applied::Interrupted);
            }
        }
        if deleted > 0 {
            tracing::info!(repository = %repository.name, policy = policy.id.0, deleted, "applied a retention policy");
        }
        Ok(Applied::Done)
    }
}

/// Returns those of some tags that nothing keeps, with the rules by which they go, and the others. Regular expressions take their time, so this is
/// not done where requests are answered.
async fn judge(
    mut pass: RetentionPass,
    page: Vec<PushedTag>,
    immutable: Arc<TagRules>,
) -> Result<(Vec<(PushedTag, RetentionRule)>, Vec<KeptTag>, RetentionPass)> {
    let work = move || {
        let (mut retired, mut kept) = (Vec::new(), Vec::new());
        for tag in page {
            let by = match pass.judge(&tag.tag, tag.pushed_at) {
                Verdict::Stays(rule, because) => Some((rule, because)),
                Verdict::Goes if immutable.cover(&tag.tag) => None,
                Verdict::Goes => {
                    let rule = pass.retiring_rule().cloned();
                    retired.extend(rule.map(|rule| (tag, rule)));
                    continue;
                }
            };
            kept.push(KeptTag { tag: tag.tag, digest: tag.digest, by });
        }
        (retired, kept, pass)
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
