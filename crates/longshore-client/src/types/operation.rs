//! What operators see of the registry as a whole: nodes, stores, settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A node: a process that serves the registry, maybe with others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeInfo {
    /// Its id, another one after each start.
    pub id: String,
    /// Name of its machine.
    pub name: String,
    /// Version of its program.
    pub version: String,
    /// When it started.
    pub started_at: String,
    /// When it last gave a sign of life.
    pub seen_at: String,
    /// False when it gave none for a minute.
    pub is_live: bool,
    /// Whether it is the one that answers.
    pub is_this: bool,
}

/// Where blobs lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoreInfo {
    /// Its name.
    pub name: String,
    /// What it is: `folder`, or which kind of object store.
    pub kind: String,
    /// Bytes that all namespaces store, each by itself: what several have counts for each. As of the last hour.
    pub stored_bytes: u64,
    /// Size of the volume, of a folder.
    pub total_bytes: Option<u64>,
    /// What is left of it for pushes.
    pub free_bytes: Option<u64>,
    /// By how many bytes it grew a day, in the last month or since it is known.
    pub growth_bytes: Option<i64>,
    /// When it is full if it goes on like that.
    pub full_at: Option<String>,
}

/// A setting of the registry, as it is in force on the node that answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingInfo {
    /// Its key, as in the configuration file.
    pub key: String,
    /// Its value, as TOML; secrets are masked.
    pub value: String,
    /// Where it comes from.
    pub source: SettingSource,
    /// What it is by default, as TOML.
    pub default: String,
    /// What it does.
    pub help: String,
}

/// Where a setting comes from.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    /// It is as it is by default.
    Default,
    /// From the configuration file.
    File,
    /// From an environment variable.
    Environment,
    /// From a flag of the command line.
    Flag,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}
