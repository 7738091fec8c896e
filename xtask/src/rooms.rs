//! The rooms: who calls whom, over crates and over the files of each, and that nothing goes round in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use crate::tidy::dependencies;

/// The rooms in the order in which they may call each other, each only those before it, with the handle of each.
pub const ROOMS: [(&str, &str); 7] = [
    ("platform", "Platform"),
    ("access", "AccessControl"),
    ("identity", "Identities"),
    ("organizations", "Organizations"),
    ("content", "Content"),
    ("lifecycle", "Lifecycle"),
    ("app", "App"),
];

/// What one file of a room says.
struct File {
    /// Without its tests, and with each chain of calls on one line.
    code: String,
    lines: usize,
}

/// Prints the rooms and their arrows, and finds files of a room that call each other in a circle.
pub fn check(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    for (room, handle) in ROOMS {
        let folder = root.join("crates").join(format!("longshore-{room}"));
        let files = read(&folder.join("src"))?;
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml"))?;
        let ours = dependencies(&manifest).filter_map(|name| name.strip_prefix("longshore-"));
        let arrows: Vec<&str> = ours.filter(|name| *name != "domain").collect();
        let lines: usize = files.values().map(|file| file.lines).sum();
        let calls = calls(&files, handle);
        let count: usize = calls.values().map(BTreeSet::len).sum();
        eprintln!(
            "{:<13} {:>2} files {lines:>5} lines {count:>3} calls among them; calls {}",
            room,
            files.len(),
            if arrows.is_empty() { "nothing".to_owned() } else { arrows.join(" ") }
        );
        if let Some(circle) = circle(&calls) {
            findings
                .push(format!("crates/longshore-{room}: files call in a circle: {}", circle.join(" -> ")));
        }
    }
    Ok(())
}

fn read(folder: &Path) -> Result<BTreeMap<String, File>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_none_or(|extension| extension != "rs") || name == "lib" {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let mut joined = String::new();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if !line.trim_start().starts_with('.') {
                joined.push('\n');
                joined.push_str(line);
            } else {
                joined.push_str(line.trim_start());
            }
        }
        files.insert(name, File { code: joined, lines: text.lines().count() });
    }
    Ok(files)
}

/// Returns the parts of a file that are functions of the room's handle.
fn blocks<'c>(code: &'c str, handle: &str) -> Vec<&'c str> {
    let opening = format!("\nimpl {handle} {{");
    code.split(&opening).skip(1).map(|rest| rest.split("\n}").next().unwrap_or_default()).collect()
}

/// Returns the name that a text begins with.
fn identifier(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    &text[..end]
}

/// Returns which file of a room calls which others.
fn calls(files: &BTreeMap<String, File>, handle: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut defined = BTreeMap::new();
    for (name, file) in files {
        for block in blocks(&file.code, handle) {
            for line in block.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     ")) {
                let Some((_, rest)) = line.split_once("fn ") else { continue };
                defined.insert(identifier(rest).to_owned(), name.clone());
            }
        }
    }
    let mut calls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, file) in files {
        let own = calls.entry(name.clone()).or_default();
        for block in blocks(&file.code, handle) {
            for rest in block.split("self.").skip(1) {
                let called = identifier(rest);
                if rest[called.len()..].starts_with('(') {
                    own.extend(defined.get(called).cloned());
                }
            }
        }
        own.extend(file.code.split("crate::").skip(1).map(|rest| identifier(rest).to_owned()));
        own.retain(|other| other != name && files.contains_key(other));
    }
    calls
}

/// Returns files that call each other in a circle, the first one again at the end.
fn circle(calls: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    for start in calls.keys() {
        if let Some(found) = walk(calls, start, &mut Vec::new(), &mut done) {
            return Some(found);
        }
    }
    None
}

fn walk<'c>(
    calls: &'c BTreeMap<String, BTreeSet<String>>,
    at: &'c str,
    way: &mut Vec<&'c str>,
    done: &mut BTreeSet<&'c str>,
) -> Option<Vec<String>> {
    if let Some(position) = way.iter().position(|before| *before == at) {
        let found = way[position..].iter().copied().chain([at]);
        return Some(found.map(str::to_owned).collect());
    }
    if done.contains(at) {
        return None;
    }
    way.push(at);
    for next in calls.get(at).into_iter().flatten() {
        if let Some(found) = walk(calls, next, way, done) {
            return Some(found);
        }
    }
    way.pop();
    done.insert(at);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(texts: &[(&str, &str)]) -> BTreeMap<String, File> {
        let file = |text: &str| File { code: format!("\n{text}"), lines: 0 };
        texts.iter().map(|(name, text)| ((*name).to_owned(), file(text))).collect()
    }

    #[test]
    fn files_that_call_in_a_circle_are_found() {
        let below = ("tags", "impl Content {\n    pub async fn list_tags(&self) {\n    }\n}\n");
        let above =
            ("images", "impl Content {\n    fn list_images(&self) {\n        self.list_tags();\n    }\n}\n");
        let calls_of = |files| calls(&files, "Content");
        assert_eq!(circle(&calls_of(room(&[below, above]))), None);
        let knot = (
            "tags",
            "use crate::images::Image;\nimpl Content {\n    pub async fn list_tags(&self) {\n    }\n}\n",
        );
        assert_eq!(circle(&calls_of(room(&[knot, above]))).unwrap(), ["images", "tags", "images"]);
    }
}
