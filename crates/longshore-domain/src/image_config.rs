//! What an image's configuration says to people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

/// Most entries of each list that are read.
const ENTRIES_LIMIT: usize = 1000;

/// The configuration of an image, as far as people look at it.
///
/// OCI image specification, "Image Configuration".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// When the image was made, as its maker says.
    pub created_at: Option<Timestamp>,
    /// Who made it.
    pub author: String,
    /// What is run.
    pub entrypoint: Vec<String>,
    /// What is run without an entrypoint, and else its arguments.
    pub command: Vec<String>,
    /// As whom.
    pub user: String,
    /// In which folder.
    pub working_folder: String,
    /// Ports that it listens at.
    pub ports: Vec<String>,
    /// Environment, name and value.
    pub environment: Vec<(String, String)>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What was done, also what made no layer.
    pub history: Vec<HistoryStep>,
}

/// A step by which an image was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryStep {
    /// What was done.
    pub instruction: String,
    /// True when it made no layer.
    pub is_empty: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    created: Option<String>,
    author: Option<String>,
    config: Option<Run>,
    history: Option<Vec<Step>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Run {
    #[serde(rename = "User")]
    user: Option<String>,
    #[serde(rename = "Entrypoint")]
    entrypoint: Option<Vec<String>>,
    #[serde(rename = "Cmd")]
    command: Option<Vec<String>>,
    #[serde(rename = "WorkingDir")]
    working_folder: Option<String>,
    #[serde(rename = "ExposedPorts")]
    ports: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    #[serde(rename = "Env")]
    environment: Option<Vec<String>>,
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Step {
    created_by: Option<String>,
    empty_layer: Option<bool>,
}

impl ImageConfig {
    /// Reads a configuration; `None` for what is none.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(content).ok()?;
        let run = document.config.unwrap_or_default();
        let variable = |text: String| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (text, String::new()),
        };
        let step = |step: Step| {
            let text = step.created_by.unwrap_or_default();
            // What is before the instruction tells nothing (builders of before BuildKit).
            let instruction = text.trim_start_matches("/bin/sh -c #(nop)").trim().to_owned();
            HistoryStep { instruction, is_empty: step.empty_layer == Some(true) }
        };
        Some(Self {
            created_at: document.created.and_then(|text| text.parse().ok()),
            author: document.author.unwrap_or_default(),
            entrypoint: run.entrypoint.unwrap_or_default(),
            command: run.command.unwrap_or_default(),
            user: run.user.unwrap_or_default(),
            working_folder: run.working_folder.unwrap_or_default(),
            ports: run.ports.unwrap_or_default().into_keys().take(ENTRIES_LIMIT).collect(),
            environment: run
                .environment
                .unwrap_or_default()
                .into_iter()
                .take(ENTRIES_LIMIT)
                .map(variable)
                .collect(),
            labels: run.labels.unwrap_or_default().into_iter().take(ENTRIES_LIMIT).collect(),
            history: document.history.unwrap_or_default().into_iter().take(ENTRIES_LIMIT).map(step).collect(),
        })
    }
}

/// Returns whether the name of a variable says that its value is a secret.
pub fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "token", "password", "passwd", "key", "credential"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_runs_is_read() {
        let config = ImageConfig::parse(
            br#"{"created":"2026-11-01T12:00:00Z","author":"a","os":"linux","config":{"User":"app","Entrypoint":["/app"],
                "Cmd":null,"WorkingDir":"/srv","ExposedPorts":{"80/tcp":{}},"Env":["PATH=/bin","API_TOKEN=x=y","ODD"],
                "Labels":{"b":"2","a":"1"}},"history":[{"created_by":"/bin/sh -c #(nop) CMD [\"a\"]","empty_layer":true},
                {"created_by":"COPY app /app"}]}"#,
        )
        .unwrap();
        assert_eq!(config.entrypoint, ["/app"]);
        assert!(config.command.is_empty());
        assert_eq!((config.user.as_str(), config.working_folder.as_str()), ("app", "/srv"));
        assert_eq!(config.ports, ["80/tcp"]);
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            config.environment,
            [variable("PATH", "/bin"), variable("API_TOKEN", "x=y"), variable("ODD", "")]
        );
        let steps: Vec<_> =
            config.history.iter().map(|step| (step.instruction.as_str(), step.is_empty)).collect();
        assert_eq!(steps, [("CMD [\"a\"]", true), ("COPY app /app", false)]);
    }

    #[test]
    fn what_is_no_configuration_is_none() {
        assert_eq!(ImageConfig::parse(b"{}"), Some(ImageConfig::default()));
        for other in [&b""[..], b"[]x", b"{\"config\":1}", b"\xff"] {
            assert_eq!(ImageConfig::parse(other), None);
        }
        assert!(names_secret("DB_PASSWORD") && names_secret("api_key") && !names_secret("PATH"));
    }
}
