//! Rules of this repository that no compiler checks.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Longest file of code; tests that stand apart may be longer.
const LINES_LIMIT: usize = 1000;

/// Which of our crates each crate may depend on: the arrows of ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("platform", &["domain"]),
    ("access", &["domain", "platform"]),
    ("identity", &["domain", "platform", "access"]),
    ("organizations", &["domain", "platform", "access", "identity"]),
    ("content", &["domain", "platform", "access", "identity", "organizations"]),
    ("lifecycle", &["domain", "platform", "access", "identity", "organizations", "content"]),
    ("app", &["domain", "platform", "access", "identity", "organizations", "content", "lifecycle"]),
    ("store-sql", &["domain"]),
    ("store-blob", &["domain"]),
    ("testkit", &["app", "content", "domain", "identity", "platform", "store-blob", "store-sql"]),
    ("api-common", &["app", "domain", "platform"]),
    (
        "api-docr",
        &[
            "api-common",
            "app",
            "domain",
            "platform",
            "access",
            "identity",
            "organizations",
            "content",
            "lifecycle",
        ],
    ),
    (
        "api-swr",
        &[
            "api-common",
            "app",
            "domain",
            "platform",
            "access",
            "identity",
            "organizations",
            "content",
            "lifecycle",
        ],
    ),
    (
        "api-scim",
        &[
            "api-common",
            "app",
            "domain",
            "platform",
            "access",
            "identity",
            "organizations",
            "content",
            "lifecycle",
        ],
    ),
    (
        "api-hub",
        &[
            "api-common",
            "app",
            "domain",
            "platform",
            "access",
            "identity",
            "organizations",
            "content",
            "lifecycle",
        ],
    ),
    (
        "api-oci",
        &[
            "api-common",
            "app",
            "domain",
            "platform",
            "access",
            "identity",
            "organizations",
            "content",
            "lifecycle",
        ],
    ),
    ("cli", &["domain"]),
    (
        "server",
        &[
            "api-common",
            "api-docr",
            "api-scim",
            "api-swr",
            "api-hub",
            "api-oci",
            "app",
            "cli",
            "domain",
            "platform",
            "access",
            "identity",
            "organizations",
            "content",
            "lifecycle",
            "store-blob",
            "store-sql",
        ],
    ),
];

/// Crates that only some of ours may use.
const BOUNDARIES: &[(&str, &[&str])] = &[
    ("rusqlite", &["store-sql"]),
    ("tokio-postgres", &["store-sql"]),
    ("deadpool-postgres", &["store-sql"]),
    ("object_store", &["store-blob"]),
    ("http", &["api-common", "api-docr", "api-hub", "api-oci", "api-scim", "api-swr", "server"]),
];

/// Checks all rules.
pub fn check(root: &Path) -> Result<()> {
    let mut findings = Vec::new();
    check_arrows(root, &mut findings)?;
    crate::rooms::check(root, &mut findings)?;
    // This file names what it looks for.
    for file in tracked_files(root)?.into_iter().filter(|file| file != "xtask/src/tidy.rs") {
        let path = root.join(&file);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let lines = text.lines().count();
        if file.ends_with(".rs") && lines > LINES_LIMIT {
            findings.push(format!("{file}: {lines} lines are too many; look for the second noun"));
        }
        if file.ends_with(".rs")
            && !file.starts_with("xtask/")
            && (text.contains("TODO") || text.contains("FIXME"))
        {
            findings
                .push(format!("{file}: a known gap is a line in docs/ and a test that pins it, not a TODO"));
        }
        if file.ends_with(".rs") && text.contains("#[ignore") {
            findings.push(format!("{file}: a test is never ignored; pin today's behaviour"));
        }
        let name = Path::new(&file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if file.ends_with(".rs") && ["utils", "helpers", "common", "misc", "prelude"].contains(&name) {
            findings.push(format!("{file}: name the file after what is in it"));
        }
    }
    if !findings.is_empty() {
        bail!("not tidy:\n{}", findings.join("\n"));
    }
    Ok(())
}

fn tracked_files(root: &Path) -> Result<Vec<String>> {
    let output =
        Command::new("git").args(["ls-files"]).current_dir(root).output().context("cannot run git")?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// Reads the `[dependencies]` of each crate; development dependencies may point anywhere.
fn check_arrows(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let mut known = 0;
    for entry in std::fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .trim_start_matches("longshore-")
            .to_owned();
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            findings.push(format!("crates/longshore-{name}: a new crate is an architectural change; add its arrows here and in ARCHITECTURE.md"));
            continue;
        };
        known += 1;
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml"))?;
        let dependencies =
            manifest.split("\n[").find(|section| section.starts_with("dependencies]")).unwrap_or_default();
        for line in dependencies.lines().skip(1) {
            let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if let Some(ours) = dependency.strip_prefix("longshore-")
                && !allowed.contains(&ours)
            {
                findings.push(format!("crates/longshore-{name}: may not depend on longshore-{ours}"));
            }
            if let Some((_, users)) = BOUNDARIES.iter().find(|(crate_name, _)| *crate_name == dependency)
                && !users.contains(&name.as_str())
            {
                findings.push(format!("crates/longshore-{name}: may not depend on {dependency}"));
            }
        }
    }
    if known != ARROWS.len() {
        findings.push("ARROWS names a crate that does not exist".into());
    }
    Ok(())
}
