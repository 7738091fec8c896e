//! Commands about tags: what they pointed at, what changed, and the way back.

use jiff::Timestamp;
use longshore_app::App;
use longshore_content::history::{NameRange, TagChange, WayBack};
use longshore_content::manifests::Condition;
use longshore_domain::conflict::Conflict;
use longshore_domain::name::{RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Field, Result};
use serde_json::{Value, json};

use super::Outcome;
use super::run::{OPERATOR, time};

/// Reads a time, or the end of a day.
fn parse_time(text: &str) -> Result<Timestamp> {
    let invalid = || Error::Invalid {
        field: Field::Parameter("TIME"),
        reason: "must be a time such as 2026-11-01T12:00:00Z, or a day such as 2026-11-01, in UTC".into(),
    };
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let day: jiff::civil::Date = text.parse().map_err(|_| invalid())?;
    let next = day.tomorrow().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC)).map_err(|_| invalid())?;
    Ok(next.timestamp() - jiff::SignedDuration::from_micros(1))
}

/// Shows what a tag pointed at, the newest first.
pub async fn history(app: &App, name: &RepositoryName, tag: &str) -> Result<Outcome> {
    let history = app
        .content
        .list_tag_history(&OPERATOR, name, &tag.parse()?, Timestamp::MAX, PageSize::MAX)
        .await?
        .items;
    if history.is_empty() {
        return Err(Conflict::Setup(format!("{name} has no tag {tag:?}, and has never had one")).into());
    }
    let rows = history
        .iter()
        .map(|interval| {
            json!({
                "digest": interval.digest.to_string(),
                "from": time(interval.from),
                "until": interval.until.map(time),
                "set_by": interval.set_by,
                "ended_by": interval.ended_by,
            })
        })
        .collect();
    let columns = &[
        ("MANIFEST", "digest"),
        ("FROM", "from"),
        ("SET BY", "set_by"),
        ("UNTIL", "until"),
        ("ENDED BY", "ended_by"),
    ];
    Ok(Outcome::table(columns, rows))
}

/// Shows the tags of a repository as they were at a time: all, or one.
pub async fn at(app: &App, name: &RepositoryName, at: &str, tag: Option<&str>) -> Result<Outcome> {
    let at = parse_time(at)?;
    let mut found = Vec::new();
    match tag {
        Some(tag) => found.push(app.content.get_tag_at(&OPERATOR, name, &tag.parse()?, at).await?),
        None => {
            let mut after: Option<Tag> = None;
            loop {
                let names = NameRange { beginning: "", after: after.as_ref().map(Tag::as_str) };
                let page = app.content.list_tags_at(&OPERATOR, name, at, names, PageSize::MAX).await?;
                found.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
    }
    let rows = found.iter().map(|then| {
        json!({
            "tag": then.tag.to_string(),
            "digest": then.interval.digest.to_string(),
            "from": time(then.interval.from),
            "set_by": then.interval.set_by,
            "until": then.interval.until.map(time),
            "is_there": then.manifest.is_some(),
        })
    });
    let columns = &[
        ("TAG", "tag"),
        ("MANIFEST", "digest"),
        ("FROM", "from"),
        ("SET BY", "set_by"),
        ("UNTIL", "until"),
        ("STILL THERE", "is_there"),
    ];
    Ok(Outcome::table(columns, rows.collect()))
}

/// Shows the tags that were made, moved or deleted between two times.
pub async fn diff(app: &App, name: &RepositoryName, from: &str, to: Option<&str>) -> Result<Outcome> {
    let times = (parse_time(from)?, to.map_or_else(|| Ok(app.platform.now()), parse_time)?);
    let mut rows: Vec<Value> = Vec::new();
    let mut after: Option<Tag> = None;
    loop {
        let names = NameRange { beginning: "", after: after.as_ref().map(Tag::as_str) };
        let page = app.content.compare_times(&OPERATOR, name, times, names, PageSize::MAX).await?;
        rows.extend(page.items.iter().map(|difference| {
            let change = match difference.change() {
                TagChange::Added => "added",
                TagChange::Deleted => "deleted",
                TagChange::Moved => "moved",
            };
            json!({
                "tag": difference.tag.to_string(),
                "change": change,
                "from": difference.from.map(|digest| digest.to_string()),
                "to": difference.to.map(|digest| digest.to_string()),
            })
        }));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(Outcome::table(&[("TAG", "tag"), ("CHANGE", "change"), ("FROM", "from"), ("TO", "to")], rows))
}

/// Lets a tag point at what it pointed at before.
pub async fn rollback(app: &App, name: &RepositoryName, tag: &str, to: &str) -> Result<Outcome> {
    let tag: Tag = tag.parse()?;
    let back = match to {
        "previous" => WayBack::Previous,
        text => match text.parse() {
            Ok(digest) => WayBack::Digest(digest),
            Err(_) => WayBack::Time(parse_time(text)?),
        },
    };
    let head = app.content.roll_back_tag(&OPERATOR, name, &tag, &back, Condition::None).await?;
    let text = format!("{name}:{tag} points at {} again", head.digest);
    Ok(Outcome::said(
        text,
        json!({ "repository": name.to_string(), "tag": tag.to_string(), "digest": head.digest.to_string() }),
    ))
}
