//! Which tags are kept: the retention policies of a repository, what rules would do before they are saved, and what was deleted
//! by them.

use std::collections::BTreeMap;

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::PageSize;
use longshore_domain::retention::{
    Kept, KeptBecause, RETENTION_RULES_LIMIT, RetentionPolicy, RetentionPolicyId, RetentionRule, TagSelector,
};
use longshore_domain::{Error, Field, Result};
use longshore_lifecycle::retention::{KeptTag, RetentionPreview};

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::{Age, Size, count, counted, date, short};
use crate::page::{self, Crumb, Frame, Message, lead, send, show};
use crate::repository::{RepositoryHead, Tab, frame, open};

/// Entries of the log that are shown.
const LOGGED: u64 = 50;
/// Tags of a preview that are named.
const NAMED: usize = 100;

/// Says what a rule keeps.
fn told(rule: &RetentionRule) -> String {
    let kept = match rule.kept {
        Kept::Days(days) => format!("what was pushed in the last {}", counted(days.into(), "day", "days")),
        Kept::Newest(1) => "the newest tag".to_owned(),
        Kept::Newest(number) => format!("the newest {} tags", count(number.into())),
    };
    let besides = rule.exceptions.iter().map(|exception| match exception {
        TagSelector::Tag(text) | TagSelector::Pattern(text) => text.as_str(),
    });
    match besides.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => kept,
        besides => format!("{kept}, and always {besides}"),
    }
}

struct PolicyRow {
    id: i64,
    rules: Vec<String>,
    due: Age,
}

struct LogRow {
    tag: String,
    digest: String,
    rule: String,
    at: Age,
}

#[derive(Template)]
#[template(path = "retention.html")]
struct RetentionPage {
    frame: Frame,
    head: RepositoryHead,
    may_delete: bool,
    policies: Vec<PolicyRow>,
    log: Vec<LogRow>,
    logged: String,
}

/// `GET /ui/r/{repository}/-/retention`.
pub(crate) async fn show_retention(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor, lifecycle) = (context.repository()?, context.actor(), &context.app.lifecycle);
    let policies = lifecycle.list_retention_policies(actor, &name).await?;
    let (log, total) = lifecycle.list_retention_log(actor, &name, 0, PageSize::clamped(LOGGED)?).await?;
    let (head, _) = open(context, &name, Tab::Retention).await?;
    let now = context.app.platform.now();
    let policy = |policy: &RetentionPolicy| PolicyRow {
        id: policy.id.0,
        rules: policy.rules.iter().map(told).collect(),
        due: Age { at: policy.due_at, now },
    };
    let done = match context.text("done").as_str() {
        "saved" => Some("Saved. It is applied within seconds, and then every day."),
        "deleted" => Some("The policy is deleted. No tag goes by it any more."),
        "run" => Some("It is applied within seconds."),
        _ => None,
    };
    let page = RetentionPage {
        frame: frame(context, &name, "Retention").saying(done.map(Message::done)),
        may_delete: head.may.contains(RepositoryAction::DeleteTag),
        head,
        policies: policies.iter().map(policy).collect(),
        log: log
            .iter()
            .map(|entry| LogRow {
                tag: entry.retired.tag.to_string(),
                digest: short(&entry.retired.digest),
                rule: told(&entry.retired.rule),
                at: Age { at: entry.at, now },
            })
            .collect(),
        logged: match total > LOGGED {
            true => format!("The last {LOGGED} of {} tags that were deleted by policies", count(total)),
            false => format!("{} deleted by policies", counted(total, "tag was", "tags were")),
        },
    };
    show(context, &page)
}

/// What is typed of a rule. Without anything it is none.
#[derive(Clone, Default)]
struct RuleFields {
    /// Of its fields.
    number: usize,
    /// `days` or `newest`.
    kind: String,
    amount: String,
    /// One a line.
    tags: String,
    /// One a line.
    patterns: String,
}

impl RuleFields {
    fn of(number: usize, rule: &RetentionRule) -> Self {
        let (kind, amount) = match rule.kept {
            Kept::Days(days) => ("days", days),
            Kept::Newest(number) => ("newest", number),
        };
        let (mut tags, mut patterns) = (Vec::new(), Vec::new());
        for exception in &rule.exceptions {
            match exception {
                TagSelector::Tag(tag) => tags.push(tag.as_str()),
                TagSelector::Pattern(pattern) => patterns.push(pattern.as_str()),
            }
        }
        Self {
            number,
            kind: kind.to_owned(),
            amount: amount.to_string(),
            tags: tags.join("\n"),
            patterns: patterns.join("\n"),
        }
    }

    fn is_newest(&self) -> bool {
        self.kind == "newest"
    }

    fn has_exceptions(&self) -> bool {
        !self.tags.is_empty() || !self.patterns.is_empty()
    }
}

/// What is typed of all rules: fields whose names end with the number of the rule.
#[derive(Default)]
struct Sent(Vec<RuleFields>);

impl Sent {
    fn of(rules: &[RetentionRule]) -> Self {
        Self(rules.iter().enumerate().map(|(at, rule)| RuleFields::of(at + 1, rule)).collect())
    }

    fn read(named: impl Fn(&str) -> Option<String>) -> Self {
        let rules = (1..=RETENTION_RULES_LIMIT).map(|number| {
            let text = |name: &str| named(&format!("{name}-{number}")).unwrap_or_default();
            RuleFields {
                number,
                kind: text("kind"),
                amount: text("amount").trim().to_owned(),
                tags: text("tags"),
                patterns: text("patterns"),
            }
        });
        Self(rules.filter(|rule| !rule.amount.is_empty() || rule.has_exceptions()).collect())
    }

    async fn posted(context: &Context, body: RequestBody) -> Result<Self> {
        let fields: BTreeMap<String, String> = context.form(body).await?;
        Ok(Self::read(|name| fields.get(name).cloned()))
    }

    /// Returns what stands of rules in the address, if any of their fields does.
    fn asked(context: &Context) -> Option<Self> {
        let is_field = |name: &String| ["kind-", "amount-"].iter().any(|kind| name.starts_with(kind));
        let is_asked = context.query_names().iter().any(is_field);
        is_asked.then(|| Self::read(|name| context.query(name).map(std::borrow::Cow::into_owned)))
    }

    /// Returns the fields of each rule, and of one more.
    fn fields(&self) -> Vec<RuleFields> {
        let mut fields = self.0.clone();
        let is_unused = |number: &usize| self.0.iter().all(|rule| rule.number != *number);
        let unused = (1..=RETENTION_RULES_LIMIT).find(is_unused);
        let kind = if self.0.is_empty() { "days" } else { "newest" };
        fields.extend(unused.map(|number| RuleFields { number, kind: kind.into(), ..RuleFields::default() }));
        fields.sort_by_key(|rule| rule.number);
        fields
    }

    fn rules(&self) -> Result<Vec<RetentionRule>> {
        let lines = |text: &str| -> Vec<String> {
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        let rules = self.0.iter();
        rules
            .map(|field| {
                let invalid = |reason: String| Error::Invalid { field: Field::RetentionRules, reason };
                let amount = match field.amount.as_str() {
                    "" => return Err(invalid(format!("rule {} has no number", field.number))),
                    text => {
                        text.parse().map_err(|_| invalid(format!("{text:?} is no number of days or tags")))?
                    }
                };
                let kept = match field.kind.as_str() {
                    "days" => Kept::Days(amount),
                    "newest" => Kept::Newest(amount),
                    _ => return Err(invalid(format!("rule {} keeps by days or by number", field.number))),
                };
                let tags = lines(&field.tags).into_iter().map(TagSelector::Tag);
                let patterns = lines(&field.patterns).into_iter().map(TagSelector::Pattern);
                Ok(RetentionRule { kept, exceptions: tags.chain(patterns).collect() })
            })
            .collect()
    }
}

struct Going {
    name: String,
    digest: String,
}

struct Staying {
    name: String,
    why: String,
}

/// What rules would do now.
struct Shown {
    goes: String,
    all: String,
    is_cut: bool,
    freed: Size,
    later: String,
    has_later: bool,
    later_at: String,
    going: Vec<Going>,
    more_going: usize,
    staying: Vec<Staying>,
    more_staying: usize,
}

fn why(kept: &KeptTag, sent: &Sent) -> String {
    let number = |rule: usize| sent.0.get(rule).map_or(rule + 1, |fields| fields.number);
    match kept.by {
        None => "immutable".into(),
        Some((rule, KeptBecause::Young)) => format!("young, rule {}", number(rule)),
        Some((rule, KeptBecause::Newest)) => format!("among the newest, rule {}", number(rule)),
        Some((rule, KeptBecause::Exception)) => format!("always, rule {}", number(rule)),
    }
}

fn shown(preview: &RetentionPreview, sent: &Sent) -> Shown {
    let (going, staying) = (preview.retired.len(), preview.kept.len());
    Shown {
        goes: counted(going as u64, "tag", "tags"),
        all: count((going + staying) as u64),
        is_cut: preview.is_cut,
        freed: Size(preview.plan.freed_bytes),
        later: counted(preview.plan.collected_later.len() as u64, "image", "images"),
        has_later: !preview.plan.collected_later.is_empty(),
        later_at: date(preview.plan.freed_at),
        going: preview
            .retired
            .iter()
            .take(NAMED)
            .map(|retired| Going { name: retired.tag.to_string(), digest: short(&retired.digest) })
            .collect(),
        more_going: going.saturating_sub(NAMED),
        staying: preview
            .kept
            .iter()
            .take(NAMED)
            .map(|kept| Staying { name: kept.tag.to_string(), why: why(kept, sent) })
            .collect(),
        more_staying: staying.saturating_sub(NAMED),
    }
}

#[derive(Template)]
#[template(path = "retention_policy.html")]
struct PolicyPage {
    frame: Frame,
    head: RepositoryHead,
    heading: &'static str,
    path: String,
    is_saved: bool,
    fields: Vec<RuleFields>,
    /// What is wrong with the rules; empty for nothing.
    problem: String,
    shown: Option<Shown>,
    undo_days: Option<String>,
}

/// Returns whether what was typed can be mended.
fn is_wrong_rule(error: &Error) -> bool {
    matches!(error, Error::Invalid { .. } | Error::TagInvalid(_) | Error::LimitReached { .. })
}

async fn policy_page(
    context: &Context,
    name: &RepositoryName,
    id: Option<RetentionPolicyId>,
    sent: &Sent,
    refusal: Option<&Error>,
) -> Result<PolicyPage> {
    let (head, _) = open(context, name, Tab::Retention).await?;
    if !head.may.contains(RepositoryAction::DeleteTag) {
        return Err(Error::denied(format!("delete tags of {name}")));
    }
    let heading = if id.is_some() { "Retention policy" } else { "New retention policy" };
    let mut frame = frame(context, name, heading);
    if let Some(last) = frame.crumbs.pop() {
        frame.crumbs.push(Crumb { text: "Retention".into(), path: format!("/ui/r/{name}/-/retention") });
        frame.crumbs.push(last);
    }
    let mut preview = None;
    let mut problem = refusal.map(sentence).unwrap_or_default();
    if refusal.is_none() && !sent.0.is_empty() {
        let previewed = match sent.rules() {
            Ok(rules) => context.app.lifecycle.preview_retention(context.actor(), name, rules).await,
            Err(error) => Err(error),
        };
        match previewed {
            Ok(found) => preview = Some(shown(&found, sent)),
            Err(error) if is_wrong_rule(&error) => problem = sentence(&error),
            Err(other) => return Err(other),
        }
    }
    let undo = context.app.platform.settings().gc.undo;
    Ok(PolicyPage {
        frame,
        head,
        heading,
        path: match id {
            Some(id) => format!("/ui/r/{name}/-/retention/{}", id.0),
            None => format!("/ui/r/{name}/-/retention/new"),
        },
        is_saved: id.is_some(),
        fields: sent.fields(),
        problem,
        shown: preview,
        undo_days: (!undo.is_zero()).then(|| counted(undo.as_secs().div_ceil(86_400), "day", "days")),
    })
}

fn policy_id(context: &Context) -> Result<RetentionPolicyId> {
    let id = context.parameter("id").parse().map_err(|_| Error::RetentionPolicyUnknown)?;
    Ok(RetentionPolicyId(id))
}

/// `GET /ui/r/{repository}/-/retention/new`.
pub(crate) async fn show_new_retention_policy(context: &Context, _body: RequestBody) -> Result<Response> {
    let name = context.repository()?;
    let sent = Sent::asked(context).unwrap_or_default();
    show(context, &policy_page(context, &name, None, &sent, None).await?)
}

/// `GET /ui/r/{repository}/-/retention/{id}`.
pub(crate) async fn show_retention_policy(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id) = (context.repository()?, policy_id(context)?);
    let policy = context.app.lifecycle.get_retention_policy(context.actor(), &name, id).await?;
    let sent = Sent::asked(context).unwrap_or_else(|| Sent::of(&policy.rules));
    show(context, &policy_page(context, &name, Some(id), &sent, None).await?)
}

async fn refused(
    context: &Context,
    name: &RepositoryName,
    id: Option<RetentionPolicyId>,
    sent: &Sent,
    error: Error,
) -> Result<Response> {
    match error {
        error if is_wrong_rule(&error) => {
            let page = policy_page(context, name, id, sent, Some(&error)).await?;
            send(context, status(&error), page::Kept::Never, &page)
        }
        other => Err(other),
    }
}

/// `POST /ui/r/{repository}/-/retention/new`.
pub(crate) async fn create_retention_policy(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent) = (context.repository()?, Sent::posted(context, body).await?);
    let made = match sent.rules() {
        Ok(rules) => context.app.lifecycle.create_retention_policy(context.actor(), &name, rules).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(_) => Ok(lead(context, &format!("/ui/r/{name}/-/retention?done=saved"))),
        Err(error) => refused(context, &name, None, &sent, error).await,
    }
}

/// `POST /ui/r/{repository}/-/retention/{id}`.
pub(crate) async fn set_retention_policy(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, id) = (context.repository()?, policy_id(context)?);
    let sent = Sent::posted(context, body).await?;
    let lifecycle = &context.app.lifecycle;
    let changed = match sent.rules() {
        Ok(rules) => lifecycle.replace_retention_policy(context.actor(), &name, id, rules).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => Ok(lead(context, &format!("/ui/r/{name}/-/retention?done=saved"))),
        Err(error) => refused(context, &name, Some(id), &sent, error).await,
    }
}

/// `POST /ui/r/{repository}/-/retention/{id}/delete`.
pub(crate) async fn delete_retention_policy(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id) = (context.repository()?, policy_id(context)?);
    context.app.lifecycle.delete_retention_policy(context.actor(), &name, id).await?;
    Ok(lead(context, &format!("/ui/r/{name}/-/retention?done=deleted")))
}

/// `POST /ui/r/{repository}/-/retention/{id}/run`.
pub(crate) async fn run_retention_policy(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id) = (context.repository()?, policy_id(context)?);
    context.app.lifecycle.run_retention_policy(context.actor(), &name, id).await?;
    Ok(lead(context, &format!("/ui/r/{name}/-/retention?done=run")))
}
