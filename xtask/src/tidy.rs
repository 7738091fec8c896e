//! Rules of this repository that no compiler checks.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::rooms::ROOMS;

/// Longest file of code; tests that stand apart may be longer.
const LINES_LIMIT: usize = 1000;

/// Which of our crates each crate that is no room may depend on, beside the domain; a dialect and the server on the rooms, too.
/// With the order of the rooms ([`ROOMS`]) these are the arrows of ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store-sql", &[]),
    ("store-blob", &[]),
    ("testkit", &["app", "content", "identity", "platform", "store-blob", "store-sql"]),
    ("api-common", &["app", "platform"]),
    ("api-docr", &["api-common"]),
    ("api-swr", &["api-common"]),
    ("api-scim", &["api-common"]),
    ("api-hub", &["api-common"]),
    ("api-oci", &["api-common"]),
    ("api-native", &["api-common", "client"]),
    ("web", &["api-common"]),
    ("client", &[]),
    ("cli", &["client"]),
    (
        "server",
        &[
            "api-common",
            "api-docr",
            "api-scim",
            "api-swr",
            "api-hub",
            "api-oci",
            "api-native",
            "web",
            "cli",
            "client",
            "store-blob",
            "store-sql",
        ],
    ),
];

/// Which of our crates a crate may depend on; `None` for one that is not known.
fn allowed(name: &str) -> Option<Vec<&'static str>> {
    let rooms = || ROOMS.iter().map(|(room, _)| *room);
    if let Some(number) = rooms().position(|room| room == name) {
        return Some(rooms().take(number).chain(["domain"]).collect());
    }
    let (_, others) = ARROWS.iter().find(|(from, _)| *from == name)?;
    let is_above_rooms = name == "server" || others.contains(&"api-common");
    Some(others.iter().copied().chain(["domain"]).chain(rooms().filter(|_| is_above_rooms)).collect())
}

/// Returns what a manifest depends on; development dependencies may point anywhere.
pub fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let section =
        manifest.split("\n[").find(|section| section.starts_with("dependencies]")).unwrap_or_default();
    section.lines().skip(1).filter_map(|line| line.split(['.', ' ', '=']).next())
}

/// Crates that only some of ours may use.
const BOUNDARIES: &[(&str, &[&str])] = &[
    ("rusqlite", &["store-sql"]),
    ("tokio-postgres", &["store-sql"]),
    ("deadpool-postgres", &["store-sql"]),
    ("object_store", &["store-blob"]),
    (
        "http",
        &[
            "api-common",
            "api-docr",
            "api-hub",
            "api-native",
            "api-oci",
            "api-scim",
            "api-swr",
            "web",
            "server",
        ],
    ),
];

/// Names that a value has in one API. Below the dialects it has the domain's (`domain::Field`); `deadline` is a usual word elsewhere.
const WIRE_NAMES: &[&str] = &[
    "\"deadline\"",
    "access_domain",
    "displayName",
    "externalId",
    "familyName",
    "givenName",
    "tier_slug",
    "token_label",
    "userName",
];

/// Returns whether a file belongs to a crate that knows no API: the domain, a room or a store.
fn is_below_dialects(file: &str) -> bool {
    let name = file.strip_prefix("crates/longshore-").and_then(|rest| rest.split('/').next());
    let others = ["domain", "store-sql", "store-blob"];
    name.is_some_and(|name| others.contains(&name) || ROOMS.iter().any(|(room, _)| *room == name))
}

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
        if is_below_dialects(&file) && (file.ends_with(".rs") || file.ends_with(".sql")) {
            for word in WIRE_NAMES.iter().filter(|word| text.contains(**word)) {
                findings.push(format!("{file}: {word} is a name of one API; use the domain's"));
            }
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

/// Holds each crate to its arrows.
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
        let Some(allowed) = allowed(&name) else {
            findings.push(format!("crates/longshore-{name}: a new crate is an architectural change; add its arrows here and in ARCHITECTURE.md"));
            continue;
        };
        known += 1;
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml"))?;
        for dependency in dependencies(&manifest) {
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
    if known != ARROWS.len() + ROOMS.len() {
        findings.push("ARROWS or ROOMS names a crate that does not exist".into());
    }
    Ok(())
}
