//! Outcomes: as text for people and as JSON for scripts.

use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a command gave.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// For people.
    pub text: String,
    /// For scripts.
    pub json: Value,
    /// Whether the command found what it looks for to be wrong.
    pub found_problems: bool,
}

impl Outcome {
    /// One sentence, and an object for scripts.
    pub fn said(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, found_problems: false }
    }

    /// A table, and a list of objects for scripts. `columns` are title and key.
    pub fn table(columns: &[(&str, &str)], rows: Vec<Value>) -> Self {
        if rows.is_empty() {
            return Self::said("none", json!([]));
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(columns.iter().map(|(title, _)| *title));
        for row in &rows {
            table.add_row(columns.iter().map(|(_, key)| cell(&row[*key])));
        }
        Self::said(table.trim_fmt(), Value::Array(rows))
    }

    /// One thing with its properties, a line each.
    pub fn object(lines: &[(&str, &str)], object: Value) -> Self {
        let width = lines.iter().map(|(title, _)| title.len()).max().unwrap_or_default();
        let line = |(title, key): &(&str, &str)| format!("{title:width$}  {}", cell(&object[*key]));
        Self::said(lines.iter().map(line).collect::<Vec<_>>().join("\n"), object)
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => text.clone(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| format!("{key}={}", cell(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}
