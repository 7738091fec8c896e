//! What tags pointed at, what changed between two times, and the way back.

use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_client::types;
use longshore_content::history::{NameRange, TagChange, TagDifference, WayBack};
use longshore_domain::name::Reference;
use longshore_domain::ports::metadata::{MovedWith, TagInterval};
use longshore_domain::{Error, Field, Result};

use crate::about::proof;
use crate::context::Context;
use crate::cursor;
use crate::tags::{pointed, prefix};
use crate::wire::{page, time};

fn used(with: &MovedWith) -> types::UsedCredential {
    types::UsedCredential { proof: proof(with.proof), token: with.token.clone() }
}

fn interval(interval: &TagInterval) -> types::TagInterval {
    types::TagInterval {
        digest: interval.digest.to_string(),
        from: time(interval.from),
        until: interval.until.map(time),
        set_by: interval.set_by.clone(),
        set_with: interval.set_with.as_ref().map(used),
        ended_by: interval.ended_by.clone(),
        ended_with: interval.ended_with.as_ref().map(used),
    }
}

fn change(difference: &TagDifference) -> types::ChangedTag {
    types::ChangedTag {
        name: difference.tag.to_string(),
        change: match difference.change() {
            TagChange::Added => types::TagChange::Added,
            TagChange::Deleted => types::TagChange::Deleted,
            TagChange::Moved => types::TagChange::Moved,
        },
        from: difference.from.map(|digest| digest.to_string()),
        to: difference.to.map(|digest| digest.to_string()),
    }
}

/// `GET /api/v1/repositories/{repository}/-/tags/{tag}/history`.
pub(crate) async fn list_tag_history(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, tag, size) = (context.repository()?, context.tag()?, context.page_size()?);
    let list = format!("history of {tag}");
    let before: Option<i64> = cursor::read(context, &list)?;
    let is_first = before.is_none();
    let before = before.map_or(Ok(Timestamp::MAX), cursor::time)?;
    let actor = context.actor().await?;
    let found = context.app.content.list_tag_history(&actor, &name, &tag, before, size).await?;
    if found.items.is_empty() && is_first {
        return Err(Error::ManifestUnknown { repository: name, reference: Reference::Tag(tag) });
    }
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|last| cursor::write(&list, &last.from.as_microsecond())).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(interval).collect(), next, count: None })
}

/// Reads where a tag goes back to.
fn way_back(text: &str) -> Result<WayBack> {
    if text == "previous" {
        return Ok(WayBack::Previous);
    }
    if let Ok(digest) = text.parse() {
        return Ok(WayBack::Digest(digest));
    }
    text.parse().map(WayBack::Time).map_err(|_| Error::Invalid {
        field: Field::Member("to"),
        reason: "must be previous, a time such as 2026-11-01T12:00:00Z, or a digest".into(),
    })
}

/// `POST /api/v1/repositories/{repository}/-/tags/{tag}/rollback`.
pub(crate) async fn roll_back_tag(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::RollBackTag = context.json(body).await?;
    let (name, tag, condition) = (context.repository()?, context.tag()?, context.tag_condition()?);
    let to = way_back(&request.to)?;
    let actor = context.actor().await?;
    pointed(&tag, &context.app.content.roll_back_tag(&actor, &name, &tag, &to, condition).await?)
}

/// `GET /api/v1/repositories/{repository}/-/changes`.
pub(crate) async fn list_changes(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, prefix, size) = (context.repository()?, prefix(context)?, context.page_size()?);
    let needed = || Error::Invalid {
        field: Field::Parameter("from"),
        reason: "is needed: a time such as 2026-11-01T12:00:00Z".into(),
    };
    let from = context.time("from")?.ok_or_else(needed)?;
    let to = context.time("to")?;
    if to.is_some_and(|to| to < from) {
        return Err(Error::Invalid {
            field: Field::Parameter("to"),
            reason: "must not be before from".into(),
        });
    }
    // All pages are of the same time, which the first one decides.
    let list = format!("changes {from} {} {prefix}", to.map(time).unwrap_or_default());
    let after: Option<(i64, String)> = cursor::read(context, &list)?;
    let (to, after) = match (after, to) {
        (Some((at, name)), _) => (cursor::time(at)?, Some(name)),
        (None, Some(to)) => (to, None),
        (None, None) => (context.app.platform.now(), None),
    };
    let names = NameRange { beginning: &prefix, after: after.as_deref() };
    let actor = context.actor().await?;
    let found = context.app.content.compare_times(&actor, &name, (from, to), names, size).await?;
    let key = |last: longshore_domain::name::Tag| cursor::write(&list, &(to.as_microsecond(), last.as_str()));
    let next = found.next.map(key).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(change).collect(), next, count: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_back_are_told_apart() {
        assert_eq!(way_back("previous").unwrap(), WayBack::Previous);
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(way_back(&digest).unwrap(), WayBack::Digest(digest.parse().unwrap()));
        let at = "2026-11-01T12:00:00Z";
        assert_eq!(way_back(at).unwrap(), WayBack::Time(at.parse().unwrap()));
        for bad in ["", "yesterday", "sha256:", "2026-11-01", "latest"] {
            assert!(way_back(bad).is_err(), "{bad}");
        }
    }
}
