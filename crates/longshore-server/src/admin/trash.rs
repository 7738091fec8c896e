//! Commands about deletions: what would go, what went, and what comes back.

use longshore_app::App;
use longshore_content::planning::{DeletionPreview, KeptReason, Selection};
use longshore_content::trash::{NotRestored, Restored, Restoring};
use longshore_domain::deletion::{Deletion, DeletionId};
use longshore_domain::name::{Namespace, RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Field, Result};
use serde_json::{Value, json};

use super::Outcome;
use super::run::{OPERATOR, time};

/// Most deletions that a list shows.
const LISTED: u64 = 100;
/// Most of what went that a person is shown.
const SHOWN: usize = 20;

fn deletion_json(app: &App, deletion: &Deletion) -> Value {
    json!({
        "id": deletion.id.to_string(),
        "repository": deletion.repository_name.to_string(),
        "what": what(deletion),
        "is_repository": deletion.is_whole,
        "cause": deletion.cause.as_str(),
        "deleted_by": deletion.actor_name,
        "deleted_at": time(deletion.at),
        "restorable_until": time(app.content.restorable_until(deletion)),
        "tags": deletion.tags,
        "images": deletion.images,
        "blobs": deletion.blobs,
        "undone_at": deletion.undone.as_ref().map(|(at, _)| time(*at)),
        "undone_by": deletion.undone.as_ref().map(|(_, by)| by),
    })
}

/// Says how many of something there are.
fn counted(count: u64, one: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    }
}

fn listed(parts: [Option<String>; 3]) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
}

fn what(deletion: &Deletion) -> String {
    let (tags, images) = (counted(deletion.tags, "tag"), counted(deletion.images, "image"));
    let text = listed([tags, images, counted(deletion.blobs, "blob")]);
    if deletion.is_whole { format!("the repository with {text}") } else { text }
}

const COLUMNS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("REPOSITORY", "repository"),
    ("WHAT", "what"),
    ("BY", "deleted_by"),
    ("DELETED", "deleted_at"),
    ("CAN BE UNDONE UNTIL", "restorable_until"),
    ("UNDONE", "undone_at"),
];

/// Lists the deletions of a namespace or a repository, the newest first.
pub async fn list(app: &App, of: &str) -> Result<Outcome> {
    let (namespace, repository): (Namespace, Option<RepositoryName>) = match of.contains('/') {
        true => {
            let name: RepositoryName = of.parse()?;
            (name.namespace(), Some(name))
        }
        false => (of.parse()?, None),
    };
    let size = PageSize::clamped(LISTED)?;
    let page = app.content.list_deletions(&OPERATOR, &namespace, repository.as_ref(), None, size).await?;
    Ok(Outcome::table(COLUMNS, page.items.iter().map(|deletion| deletion_json(app, deletion)).collect()))
}

/// Shows a deletion with what went.
pub async fn show(app: &App, id: &str) -> Result<Outcome> {
    let details = app.content.get_deletion(&OPERATOR, id.parse()?, PageSize::MAX).await?;
    let mut object = deletion_json(app, &details.deletion);
    let items = details.items.iter().map(|item| {
        json!({
            "kind": item.kind.as_str(),
            "tag": item.tag.as_ref().map(Tag::to_string),
            "digest": item.digest.to_string(),
        })
    });
    object["items"] = items.collect();
    let lines = &[
        ("id", "id"),
        ("repository", "repository"),
        ("what", "what"),
        ("why", "cause"),
        ("deleted", "deleted_at"),
        ("by", "deleted_by"),
        ("can be undone until", "restorable_until"),
        ("undone", "undone_at"),
    ];
    let mut outcome = Outcome::object(lines, object);
    for item in details.items.iter().take(SHOWN) {
        let name = item.tag.as_ref().map_or_else(String::new, |tag| format!("{tag} = "));
        outcome.text = format!("{}\n  {} {name}{}", outcome.text, item.kind.as_str(), item.digest);
    }
    if details.items.len() > SHOWN {
        outcome.text = format!("{}\n  … and more; --json has the first thousand", outcome.text);
    }
    Ok(outcome)
}

fn not_restored(conflict: &NotRestored) -> (String, Value) {
    match conflict {
        NotRestored::PointsElsewhere { tag, digest, present } => (
            format!("{tag} points at {present} by now; --overwrite moves it back to {digest}"),
            json!({ "tag": tag.to_string(), "digest": digest.to_string(), "present": present.to_string() }),
        ),
        NotRestored::ImageGone { tag, digest, deletion } => {
            let how = match deletion {
                Some(id) => format!("undo that first: longshore trash restore {id}"),
                None => "push the image again".to_owned(),
            };
            (
                format!("what {tag} pointed at, {digest}, is gone otherwise; {how}"),
                json!({ "tag": tag.to_string(), "digest": digest.to_string(), "deletion": deletion.map(|id| id.to_string()) }),
            )
        }
    }
}

/// Undoes a deletion.
pub async fn restore(app: &App, id: &str, overwrites: bool, name: Option<&str>) -> Result<Outcome> {
    let id: DeletionId = id.parse()?;
    let how = Restoring { overwrites, name: name.map(str::parse).transpose()? };
    let restored = app.content.undo_deletion(&OPERATOR, id, how).await?;
    let Restored { repository, tags, images, blobs, present, deleted_since, conflicts } = &restored;
    let parts = [counted(*tags, "tag"), counted(*images, "image"), counted(*blobs, "blob")];
    let mut text = format!("back in {repository}: {}", listed(parts));
    if *present > 0 {
        text = format!("{text}; {present} were there already");
    }
    if *deleted_since > 0 {
        text = format!(
            "{text}\nnot {deleted_since} that were brought back before and deleted again since: restore that deletion"
        );
    }
    let mut left = Vec::new();
    for conflict in conflicts {
        let (line, value) = not_restored(conflict);
        if left.len() < SHOWN {
            text = format!("{text}\nnot {line}");
        }
        left.push(value);
    }
    let json = json!({
        "repository": repository, "tags": tags, "images": images, "blobs": blobs, "already_there": present,
        "deleted_since": deleted_since, "conflicts": left,
    });
    Ok(Outcome { found_problems: !conflicts.is_empty() || *deleted_since > 0, ..Outcome::said(text, json) })
}

fn selection(digests: &[String], tags: &[String], with_parts: bool) -> Result<Selection> {
    Ok(Selection {
        digests: digests.iter().map(|text| text.parse()).collect::<Result<_>>()?,
        tags: tags.iter().map(|text| text.parse()).collect::<Result<_>>()?,
        filter: None,
        with_parts,
    })
}

fn plan_json(preview: &DeletionPreview, id: Option<DeletionId>) -> Value {
    let kept = preview.kept.iter().map(|(digest, reason)| {
        let (reason, by) = match reason {
            KeptReason::PartOf(index) => ("part_of", index.to_string()),
            KeptReason::ImmutableTag(tag) => ("immutable_tag", tag.to_string()),
        };
        json!({ "digest": digest.to_string(), "reason": reason, "by": by })
    });
    json!({
        "plan": preview.plan,
        "id": id.map(|id| id.to_string()),
        "tags": preview.tags.len(),
        "images": preview.images.len(),
        "collected_later": preview.collected_later.len(),
        "freed_bytes": preview.freed_bytes,
        "shared_bytes": preview.shared_bytes,
        "freed_at": time(preview.freed_at),
        "kept": kept.collect::<Vec<_>>(),
    })
}

/// Says what goes, what stays and why, and what is freed when.
fn described(preview: &DeletionPreview) -> String {
    let (tags, images) = (preview.tags.len() as u64, preview.images.len() as u64);
    let mut lines =
        vec![format!("goes      {}", listed([counted(tags, "tag"), counted(images, "image"), None]))];
    let names = preview.tags.iter().take(SHOWN).map(|(tag, digest)| format!("          {tag} = {digest}"));
    lines.extend(names);
    let mut without_tag =
        preview.images.iter().filter(|image| !preview.tags.values().any(|digest| digest == *image));
    lines.extend(without_tag.by_ref().take(SHOWN).map(|image| format!("          {image}")));
    for (digest, reason) in preview.kept.iter().take(SHOWN) {
        lines.push(match reason {
            KeptReason::PartOf(index) => format!("stays     {digest}: {index} lists it"),
            KeptReason::ImmutableTag(tag) => format!("stays     {digest}: its tag {tag} is immutable"),
        });
    }
    if let Some(later) = counted(preview.collected_later.len() as u64, "image") {
        lines.push(format!("later     {later} that nothing needs then, by garbage collection"));
    }
    let freed = indicatif::DecimalBytes(preview.freed_bytes);
    lines.push(format!("frees     {freed} at the latest at {}", time(preview.freed_at)));
    if preview.shared_bytes > 0 {
        lines.push(format!("shared    {}, which others need", indicatif::DecimalBytes(preview.shared_bytes)));
    }
    lines.join("\n")
}

/// What is to be deleted, as it was typed.
pub struct Wanted<'w> {
    /// The repository.
    pub repository: &'w str,
    /// Digests of images.
    pub digests: &'w [String],
    /// Tags.
    pub tags: &'w [String],
    /// Whether what an index lists goes with it.
    pub with_parts: bool,
}

/// Says what deleting would do.
pub async fn plan(app: &App, wanted: &Wanted<'_>) -> Result<Outcome> {
    let selection = selection(wanted.digests, wanted.tags, wanted.with_parts)?;
    let preview = app.content.preview_deletion(&OPERATOR, &wanted.repository.parse()?, selection).await?;
    Ok(Outcome::said(described(&preview), plan_json(&preview, None)))
}

/// Deletes images and tags.
pub async fn delete(app: &App, wanted: &Wanted<'_>) -> Result<Outcome> {
    let selection = selection(wanted.digests, wanted.tags, wanted.with_parts)?;
    if selection.digests.is_empty() && selection.tags.is_empty() {
        return Err(Error::Invalid { field: Field::DeletedImages, reason: "none is named".into() });
    }
    let name = wanted.repository.parse()?;
    let (preview, id) = app.content.delete_selected(&OPERATOR, &name, selection, None).await?;
    let text = match id {
        Some(id) => format!("{}\nundo it with: longshore trash restore {id}", described(&preview)),
        None => format!("{}\nnothing was deleted", described(&preview)),
    };
    Ok(Outcome { found_problems: id.is_none(), ..Outcome::said(text, plan_json(&preview, id)) })
}
