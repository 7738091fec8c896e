//! Deletions: the plan that is shown before, and what is said afterwards.

use anyhow::Result;
use longshore_client::types::{CreateDeletion, KeptReason, PlanInfo};

use crate::failure::Exit;
use crate::jobs;
use crate::output::{Output, bytes, counted, listed};
use crate::session::Session;

/// Most of what goes or stays that a person is shown.
const SHOWN: usize = 20;

/// Says what goes, what stays and why, and what is freed when.
fn described(plan: &PlanInfo, output: &Output) -> String {
    let mut lines =
        vec![format!("goes      {}", listed([counted(plan.tags, "tag"), counted(plan.images, "image")]))];
    let mut shown = 0;
    for tag in plan.tag_names.iter().take(SHOWN) {
        lines.push(format!("          {} = {}", tag.name, tag.digest));
        shown += 1;
    }
    let has_tag = |digest: &String| plan.tag_names.iter().any(|tag| tag.digest == *digest);
    let untagged: Vec<&String> = plan.image_digests.iter().filter(|digest| !has_tag(digest)).collect();
    for digest in untagged.iter().take(SHOWN) {
        lines.push(format!("          {digest}"));
        shown += 1;
    }
    let more = plan.tag_names.len() + untagged.len() - shown;
    if more > 0 {
        lines.push(format!("          … and {more} more; -o json has the first thousand"));
    }
    for kept in plan.kept.iter().take(SHOWN) {
        lines.push(match kept.reason {
            KeptReason::PartOf => format!("stays     {}: {} lists it", kept.digest, kept.by),
            KeptReason::ImmutableTag => {
                format!("stays     {}: its tag {} is immutable", kept.digest, kept.by)
            }
            KeptReason::Other => format!("stays     {}: {} needs it", kept.digest, kept.by),
        });
    }
    if plan.kept.len() > SHOWN {
        lines.push(format!("stays     … and {} more", plan.kept.len() - SHOWN));
    }
    if let Some(later) = counted(plan.collected_later, "image") {
        lines.push(format!("later     {later} that nothing needs then, by garbage collection"));
    }
    let when = output.time(&plan.freed_at);
    lines.push(format!("frees     {} at the latest {when}", bytes(plan.freed_bytes)));
    if plan.shared_bytes > 0 {
        lines.push(format!("shared    {}, which others need", bytes(plan.shared_bytes)));
    }
    lines.join("\n")
}

/// Watches the job that deletes what is too much for one request.
fn follow(session: &Session, repository: &str, job: &str) -> Result<Exit> {
    let result = jobs::finish(session, job)?;
    let id = result["deletion"].as_str().unwrap_or_default();
    let count = |key: &str| result[key].as_u64().unwrap_or_default();
    let stayed = match count("stayed") {
        0 => String::new(),
        stayed => format!("; {stayed} images stayed, which something has come to need meanwhile"),
    };
    let text = format!(
        "{} are deleted from {repository}{stayed}\nundo it with: longshore trash restore {id}",
        listed([counted(count("tags"), "tag"), counted(count("images"), "image")])
    );
    session.output.said(&text, "deletion", &result)?;
    Ok(Exit::Done)
}

/// Deletes what is wanted: shows the plan, asks, and does that and nothing else.
///
/// # Errors
/// What the registry refused, or why it was not reached; also when the answer is no.
pub fn delete(session: &Session, repository: &str, wanted: CreateDeletion) -> Result<Exit> {
    let Session { client, output, .. } = session;
    let plan = client.create_deletion(repository, &CreateDeletion { dry_run: true, ..wanted.clone() })?;
    if wanted.dry_run {
        output.said(&described(&plan, output), "plan", &plan)?;
        return Ok(Exit::Done);
    }
    if plan.tags + plan.images > 0 {
        let parts = listed([counted(plan.tags, "tag"), counted(plan.images, "image")]);
        session.confirm(&format!("deletes {parts} from {repository}"), || Ok(described(&plan, output)))?;
    }
    let done = client.create_deletion(repository, &CreateDeletion { plan: Some(plan.plan), ..wanted })?;
    if let Some(job) = &done.job {
        return follow(session, repository, job);
    }
    let end = match &done.id {
        Some(id) => format!("undo it with: longshore trash restore {id}"),
        None => "nothing was deleted".to_owned(),
    };
    output.said(&format!("{}\n{end}", described(&done, output)), "id", &done)?;
    Ok(if done.id.is_some() { Exit::Done } else { Exit::Problems })
}
