//! Lists the images of a repository that were neither pushed nor pulled since a time, and deletes them when that is wanted.
//!
//! ```text
//! LONGSHORE_TOKEN=lsp_… cargo run --example stale_images -- https://registry.example.org acme/app 2026-09-01T00:00:00Z [--delete]
//! ```

use longshore_client::types::{CreateDeletion, ImageFilter};
use longshore_client::{Client, Error, Result};

fn main() -> Result<()> {
    let usage = || Error::Unusable("usage: stale_images URL REPOSITORY SINCE [--delete]".into());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, repository, since, rest @ ..] = &arguments[..] else { return Err(usage()) };
    let mut registry = Client::new(url)?;
    if let Ok(token) = std::env::var("LONGSHORE_TOKEN") {
        registry = registry.with_token(&token)?;
    }
    let filter = ImageFilter { inactive_since: Some(since.clone()), tagged: None };
    let wanted = CreateDeletion { filter: Some(filter), dry_run: true, ..CreateDeletion::default() };
    let plan = registry.create_deletion(repository, &wanted)?;
    for digest in &plan.image_digests {
        say(digest);
    }
    for kept in &plan.kept {
        say(&format!("{} stays: {} needs it", kept.digest, kept.by));
    }
    say(&format!(
        "{} images, {} tags, {} bytes by {}",
        plan.images, plan.tags, plan.freed_bytes, plan.freed_at
    ));
    if rest == ["--delete"] && plan.images > 0 {
        // Exactly what was shown, or nothing.
        let wanted = CreateDeletion { dry_run: false, plan: Some(plan.plan), ..wanted };
        let done = registry.create_deletion(repository, &wanted)?;
        say(&format!("deleted; undo with: longshore trash restore {}", done.id.unwrap_or_default()));
    }
    Ok(())
}

fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}
