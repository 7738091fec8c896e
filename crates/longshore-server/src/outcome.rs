//! What commands give that do not ask the registry's API.

use serde_json::Value;

/// What a command gave.
#[derive(Debug)]
pub struct Outcome {
    /// For people.
    pub text: String,
    /// For scripts.
    pub json: Value,
}

impl Outcome {
    /// One sentence, and an object for scripts.
    pub fn said(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json }
    }
}
