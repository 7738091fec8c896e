//! `longshore migrate`: brings the database to the schema of this version.

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::outcome::Outcome;
use crate::wiring;

/// Brings the schema of the database to the newest, when no server on this data folder runs.
pub fn migrate(config: &Config) -> Result<Outcome> {
    let temporary = match config.database.is_embedded() || config.data.exists() {
        true => None,
        false => Some(tempfile::tempdir().context("cannot make a temporary folder")?),
    };
    let path = temporary.as_ref().map_or(config.data.as_path(), tempfile::TempDir::path);
    let Some(folder) = DataFolder::open(path)? else {
        bail!(
            "a longshore process uses the data folder {}, and has brought its database to the newest schema that it knows; stop it first to migrate with another version",
            config.data.display()
        );
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (before, now) = runtime.block_on(wiring::migrate(config, &folder))?;
    let now_text = now.unwrap_or_default();
    let text = match before {
        None => format!(
            "the database has schema {now_text} now, and no registry yet; `longshore serve` sets one up"
        ),
        Some(before) if now == Some(before) => {
            format!("the database has schema {before}; there was nothing to do")
        }
        Some(before) => format!("the database had schema {before} and has {now_text} now"),
    };
    Ok(Outcome::said(text, json!({ "schema_before": before, "schema": now })))
}
