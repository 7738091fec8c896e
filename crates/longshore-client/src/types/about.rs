//! Which registry this is, and who calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// Always `longshore`.
    pub name: String,
    /// Which version answers.
    pub version: String,
    /// Where this API is described.
    pub document: String,
    /// What images are named with, before the first slash.
    pub registry: String,
    /// What the registry can do, where not every one can.
    pub capabilities: Vec<Capability>,
    /// What it takes at most.
    pub limits: Limits,
}

/// What not every registry can do.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// `TAG.asof.YYYYMMDDTHHMMSSZ` is what the tag pointed at then, for every client.
    AsOfTags,
    /// Public repositories are pulled without signing in.
    AnonymousPull,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// What the registry takes at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Entries of a page.
    pub page_items: u32,
    /// Bytes of a manifest.
    pub manifest_bytes: u64,
    /// Bytes of a blob.
    pub blob_bytes: u64,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Caller {
    /// Name of the account.
    pub name: String,
    /// What it is.
    pub kind: CallerKind,
    /// Whether it administers the registry.
    pub is_administrator: bool,
    /// How it proved who it is.
    pub proof: CallerProof,
    /// The access token, if it came with one.
    pub token: Option<PresentedToken>,
}

/// What an account is.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// A person.
    User,
    /// An organization; as a caller, by one of its access tokens.
    Organization,
    /// The operator, over the administration socket.
    Operator,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// How somebody proved who it is.
#[derive(Clone, Debug, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallerProof {
    /// With a password.
    Password,
    /// With a password and a code of a second factor.
    SecondFactor,
    /// With an access token, or what was made of one.
    Token,
    /// By being at the machine.
    Machine,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// The access token of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PresentedToken {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// What it may do at most.
    pub scope: String,
    /// Until when it works; null for no end.
    pub expires_at: Option<String>,
}
