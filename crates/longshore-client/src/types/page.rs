//! Pages of lists.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Give this as `after` to get the next page; null on the last one.
    pub next: Option<String>,
    /// How many entries all pages have, where that is known without looking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}
