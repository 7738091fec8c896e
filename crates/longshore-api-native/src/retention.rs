//! Retention policies of a repository, and what rules would do.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_domain::retention::{
    Kept, KeptBecause, RetentionPolicy, RetentionPolicyId, RetentionRule, TagSelector,
};
use longshore_domain::{Error, Field, Result};
use longshore_lifecycle::retention::{KeptTag, RetentionPreview};

use crate::context::Context;
use crate::planning;
use crate::wire::{located, page, time};

/// Most tags of a preview that are listed.
const LISTED: usize = 1000;

fn rule_info(rule: &RetentionRule) -> types::RetentionRule {
    let mut info = types::RetentionRule::default();
    match rule.kept {
        Kept::Days(days) => info.keep_days = Some(days),
        Kept::Newest(number) => info.keep_newest = Some(number),
    }
    for exception in &rule.exceptions {
        match exception {
            TagSelector::Tag(tag) => info.except_tags.push(tag.clone()),
            TagSelector::Pattern(pattern) => info.except_patterns.push(pattern.clone()),
        }
    }
    info
}

fn info(policy: &RetentionPolicy) -> types::RetentionPolicyInfo {
    types::RetentionPolicyInfo {
        id: policy.id.0,
        rules: policy.rules.iter().map(rule_info).collect(),
        created_at: time(policy.created_at),
        updated_at: time(policy.updated_at),
        due_at: time(policy.due_at),
    }
}

fn rule(rule: types::RetentionRule) -> Result<RetentionRule> {
    let kept = match (rule.keep_days, rule.keep_newest) {
        (Some(days), None) => Kept::Days(days),
        (None, Some(number)) => Kept::Newest(number),
        _ => {
            return Err(Error::Invalid {
                field: Field::RetentionRules,
                reason: "each has either keep_days or keep_newest".into(),
            });
        }
    };
    let tags = rule.except_tags.into_iter().map(TagSelector::Tag);
    let patterns = rule.except_patterns.into_iter().map(TagSelector::Pattern);
    Ok(RetentionRule { kept, exceptions: tags.chain(patterns).collect() })
}

async fn rules(context: &Context, body: RequestBody) -> Result<Vec<RetentionRule>> {
    let request: types::RetentionRules = context.json(body).await?;
    request.rules.into_iter().map(rule).collect()
}

fn policy_id(context: &Context) -> Result<RetentionPolicyId> {
    let id = context.parameter("id").parse().map_err(|_| Error::RetentionPolicyUnknown)?;
    Ok(RetentionPolicyId(id))
}

fn staying(kept: &KeptTag) -> types::StayingTag {
    let because = match kept.by {
        Some((_, KeptBecause::Young)) => types::StaysBecause::Young,
        Some((_, KeptBecause::Newest)) => types::StaysBecause::Newest,
        Some((_, KeptBecause::Exception)) => types::StaysBecause::Exception,
        None => types::StaysBecause::Immutable,
    };
    types::StayingTag {
        name: kept.tag.to_string(),
        digest: kept.digest.to_string(),
        because,
        rule: kept.by.map(|(rule, _)| rule as u64),
    }
}

fn preview_info(preview: &RetentionPreview) -> types::RetentionPreview {
    let going = preview
        .retired
        .iter()
        .take(LISTED)
        .map(|retired| types::GoingTag { name: retired.tag.to_string(), digest: retired.digest.to_string() });
    types::RetentionPreview {
        goes: preview.retired.len() as u64,
        stays: preview.kept.len() as u64,
        is_cut: preview.is_cut,
        going: going.collect(),
        staying: preview.kept.iter().take(LISTED).map(staying).collect(),
        plan: planning::info(&preview.plan, None),
    }
}

/// `GET /api/v1/repositories/{repository}/-/retention`.
pub(crate) async fn list_retention_policies(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor) = (context.repository()?, context.actor().await?);
    let policies = context.app.lifecycle.list_retention_policies(&actor, &name).await?;
    page(context, &types::Page { items: policies.iter().map(info).collect(), next: None, count: None })
}

/// `POST /api/v1/repositories/{repository}/-/retention`.
pub(crate) async fn create_retention_policy(context: &Context, body: RequestBody) -> Result<Response> {
    let rules = rules(context, body).await?;
    let (name, actor) = (context.repository()?, context.actor().await?);
    // Not read again: who may make it need not be one who may look at it.
    let made = context.app.lifecycle.create_retention_policy(&actor, &name, rules).await?;
    let response = json(StatusCode::CREATED, &info(&made));
    located(context, response, format_args!("/api/v1/repositories/{name}/-/retention/{}", made.id.0))
}

/// `GET /api/v1/repositories/{repository}/-/retention/{id}`.
pub(crate) async fn get_retention_policy(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id, actor) = (context.repository()?, policy_id(context)?, context.actor().await?);
    Ok(json(StatusCode::OK, &info(&context.app.lifecycle.get_retention_policy(&actor, &name, id).await?)))
}

/// `PUT /api/v1/repositories/{repository}/-/retention/{id}`.
pub(crate) async fn set_retention_policy(context: &Context, body: RequestBody) -> Result<Response> {
    let rules = rules(context, body).await?;
    let (name, id, actor) = (context.repository()?, policy_id(context)?, context.actor().await?);
    let policy = context.app.lifecycle.replace_retention_policy(&actor, &name, id, rules).await?;
    Ok(json(StatusCode::OK, &info(&policy)))
}

/// `DELETE /api/v1/repositories/{repository}/-/retention/{id}`.
pub(crate) async fn delete_retention_policy(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id, actor) = (context.repository()?, policy_id(context)?, context.actor().await?);
    context.app.lifecycle.delete_retention_policy(&actor, &name, id).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /api/v1/repositories/{repository}/-/retention/{id}/run`.
pub(crate) async fn run_retention_policy(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id, actor) = (context.repository()?, policy_id(context)?, context.actor().await?);
    context.app.lifecycle.run_retention_policy(&actor, &name, id).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /api/v1/repositories/{repository}/-/retention/preview`.
pub(crate) async fn preview_retention(context: &Context, body: RequestBody) -> Result<Response> {
    let rules = rules(context, body).await?;
    let (name, actor) = (context.repository()?, context.actor().await?);
    let preview = context.app.lifecycle.preview_retention(&actor, &name, rules).await?;
    Ok(json(StatusCode::OK, &preview_info(&preview)))
}

/// `GET /api/v1/repositories/{repository}/-/immutable-tags/matches`.
pub(crate) async fn match_tags(context: &Context, _body: RequestBody) -> Result<Response> {
    let rule = context.query("rule").ok_or_else(|| Error::Invalid {
        field: Field::Parameter("rule"),
        reason: "must be a regular expression".into(),
    })?;
    let (name, actor) = (context.repository()?, context.actor().await?);
    let found = context.app.content.match_tags(&actor, &name, &rule).await?;
    Ok(json(StatusCode::OK, &types::MatchedTags { names: found.iter().map(ToString::to_string).collect() }))
}
