//! Retention policies: which tags of a repository are deleted, and which were.

use std::collections::BTreeMap;

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::api_request::whole;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_domain::name::RepositoryName;
use longshore_domain::retention::{
    Kept, RetentionPolicy, RetentionPolicyId, RetentionRule, RetiredTag, TagSelector,
};
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::wire;

/// Keys of the filter of the records.
const FILTER: &[&str] = &["limit", "offset"];
/// How the rules of a policy are combined: what one of them keeps is kept.
const ALGORITHM: &str = "or";
const DAYS: (&str, &str) = ("date_rule", "days");
const NEWEST: (&str, &str) = ("tag_rule", "num");

/// Schema `TagSelector`: tags that a rule keeps besides.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TagSelector")]
pub(crate) struct SelectorDocument {
    /// `label` for the tag of a name, `regexp` for those that a regular expression matches as a whole.
    kind: String,
    pattern: String,
}

/// Schema `RetentionRule`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RetentionRule")]
pub(crate) struct RuleDocument {
    /// `date_rule` keeps what is younger than some days, `tag_rule` the newest tags.
    template: String,
    /// `days` or `num`, a number written as text.
    params: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    tag_selectors: Vec<SelectorDocument>,
}

/// Body of `createRetention` and `updateRetention`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PolicyRequest {
    /// `or`.
    algorithm: String,
    rules: Vec<RuleDocument>,
}

/// Response of `createRetention`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Created {
    id: i64,
}

/// Schema `Retention`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Retention")]
pub(crate) struct PolicyDocument {
    id: i64,
    algorithm: String,
    rules: Vec<RuleDocument>,
    /// Empty.
    scope: String,
}

/// Schema `RetentionLog`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RetentionLog")]
pub(crate) struct LogDocument {
    id: i64,
    namespace: String,
    repo: String,
    tag: String,
    retention_id: i64,
    /// The rule that did not keep the tag, a JSON document.
    rule_type: String,
    created_at: String,
}

/// Response of `listRetentionHistories`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Histories {
    retention_log: Vec<LogDocument>,
    total: u64,
}

/// A tag that a policy would delete.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RetiredDocument {
    tag: String,
    digest: String,
    /// The rule that does not keep the tag, a JSON document.
    rule_type: String,
}

/// Response of `dryRunRetention`, which is our own.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DryRunDocument {
    /// What the policy would delete now, the newest first, 1000 at most.
    tags: Vec<RetiredDocument>,
    /// How many it would delete.
    total: u64,
    /// True when the repository has so many tags, or takes so long, that the oldest were not looked at.
    is_cut: bool,
}

fn invalid(field: Field, reason: &str) -> Error {
    Error::Invalid { field, reason: reason.to_owned() }
}

fn rule(document: RuleDocument) -> Result<RetentionRule> {
    let amount = |name: &str| -> Result<u32> {
        let found = match document.params.get(name) {
            Some(serde_json::Value::String(text)) => whole(text),
            Some(serde_json::Value::Number(number)) => whole(&number.to_string()),
            _ => None,
        };
        let is_alone = document.params.len() == 1;
        found.filter(|_| is_alone).ok_or_else(|| {
            invalid(
                Field::Member("params"),
                "must be {\"days\": \"30\"} for a date_rule, {\"num\": \"7\"} for a tag_rule",
            )
        })
    };
    let kept = match document.template.as_str() {
        template if template == DAYS.0 => Kept::Days(amount(DAYS.1)?),
        template if template == NEWEST.0 => Kept::Newest(amount(NEWEST.1)?),
        _ => return Err(invalid(Field::RetentionRuleKind, "must be date_rule or tag_rule")),
    };
    let selector = |selector: SelectorDocument| match selector.kind.as_str() {
        "label" => Ok(TagSelector::Tag(selector.pattern)),
        "regexp" => Ok(TagSelector::Pattern(selector.pattern)),
        _ => Err(invalid(Field::Member("kind"), "must be label or regexp")),
    };
    let exceptions = document.tag_selectors.into_iter().map(selector).collect::<Result<_>>()?;
    Ok(RetentionRule { kept, exceptions })
}

fn rule_document(rule: &RetentionRule) -> RuleDocument {
    let ((template, name), amount) = match rule.kept {
        Kept::Days(days) => (DAYS, days),
        Kept::Newest(number) => (NEWEST, number),
    };
    let selector = |selector: &TagSelector| {
        let (kind, pattern) = match selector {
            TagSelector::Tag(tag) => ("label", tag),
            TagSelector::Pattern(pattern) => ("regexp", pattern),
        };
        SelectorDocument { kind: kind.to_owned(), pattern: pattern.clone() }
    };
    RuleDocument {
        template: template.to_owned(),
        params: [(name.to_owned(), amount.to_string().into())].into(),
        tag_selectors: rule.exceptions.iter().map(selector).collect(),
    }
}

fn rule_text(retired: &RetiredTag) -> String {
    serde_json::to_string(&rule_document(&retired.rule)).unwrap_or_default()
}

fn policy_document(policy: &RetentionPolicy) -> PolicyDocument {
    PolicyDocument {
        id: policy.id.0,
        algorithm: ALGORITHM.to_owned(),
        rules: policy.rules.iter().map(rule_document).collect(),
        scope: String::new(),
    }
}

async fn wanted(context: &Context, body: RequestBody) -> Result<Vec<RetentionRule>> {
    let request: PolicyRequest = context.json(body).await?;
    if request.algorithm != ALGORITHM {
        return Err(invalid(Field::Member("algorithm"), "can only be or"));
    }
    request.rules.into_iter().map(rule).collect()
}

fn named(context: &Context) -> Result<(RepositoryName, RetentionPolicyId)> {
    let id = context.parameter("retention_id").parse().map_err(|_| Error::RetentionPolicyUnknown)?;
    Ok((context.repository()?, RetentionPolicyId(id)))
}

/// `GET …/retentions`.
pub(crate) async fn list_retentions(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let policies = context.app.lifecycle.list_retention_policies(&actor, &context.repository()?).await?;
    Ok(json(StatusCode::OK, &policies.iter().map(policy_document).collect::<Vec<_>>()))
}

/// `POST …/retentions`.
pub(crate) async fn create_retention(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, rules) = (context.repository()?, wanted(context, body).await?);
    let id = context.app.lifecycle.create_retention_policy(&actor, &name, rules).await?.id;
    Ok(json(StatusCode::CREATED, &Created { id: id.0 }))
}

/// `GET …/retentions/{retention_id}`.
pub(crate) async fn show_retention(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, id) = named(context)?;
    let policy = context.app.lifecycle.get_retention_policy(&actor, &name, id).await?;
    Ok(json(StatusCode::OK, &policy_document(&policy)))
}

/// `PATCH …/retentions/{retention_id}`.
pub(crate) async fn update_retention(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, id) = named(context)?;
    let rules = wanted(context, body).await?;
    context.app.lifecycle.change_retention_policy(&actor, &name, id, rules).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `DELETE …/retentions/{retention_id}`.
pub(crate) async fn delete_retention(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, id) = named(context)?;
    context.app.lifecycle.delete_retention_policy(&actor, &name, id).await?;
    Ok(bare(StatusCode::OK))
}

/// `GET …/retentions/{retention_id}/dry-run`.
pub(crate) async fn dry_run_retention(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, id) = named(context)?;
    let run = context.app.lifecycle.dry_run_retention(&actor, &name, id).await?;
    let tag = |retired: &RetiredTag| RetiredDocument {
        tag: retired.tag.to_string(),
        digest: retired.digest.to_string(),
        rule_type: rule_text(retired),
    };
    let tags: Vec<_> = run.tags.iter().map(tag).collect();
    Ok(json(StatusCode::OK, &DryRunDocument { tags, total: run.total, is_cut: run.is_cut }))
}

/// `GET …/retentions/histories`.
pub(crate) async fn list_retention_histories(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, paging) = (context.repository()?, context.listed(FILTER)?.paging()?);
    let (entries, total) =
        context.app.lifecycle.list_retention_log(&actor, &name, paging.offset, paging.size).await?;
    let retention_log: Vec<_> = entries
        .iter()
        .map(|entry| LogDocument {
            id: entry.id,
            namespace: name.namespace_str().to_owned(),
            repo: name.rest().to_owned(),
            tag: entry.retired.tag.to_string(),
            retention_id: entry.policy.0,
            rule_type: rule_text(&entry.retired),
            created_at: wire::time(entry.at),
        })
        .collect();
    let count = retention_log.len();
    let mut response = json(StatusCode::OK, &Histories { retention_log, total });
    wire::show_range(&mut response, paging.offset, count, total);
    Ok(response)
}
