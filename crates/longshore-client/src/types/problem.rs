//! Problem details (RFC 9457).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Schema `Problem` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemDetails {
    /// Address of a page about this kind of problem.
    pub r#type: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// Status of the answer.
    pub status: u16,
    /// What is wrong and what to do, for people.
    pub detail: String,
    /// The kind of problem, for programs.
    pub code: String,
    /// The parameter or member of the body that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it takes: a level of access, a role, a scope, or a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed: Option<String>,
    /// What there is instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub have: Option<String>,
    /// After how long it is worth trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// Names the request in the server's log.
    pub request_id: String,
}
