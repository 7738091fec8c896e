//! The configuration file of `docker`, as APIs give it for signing in to this registry.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;

/// A configuration file with one login.
#[derive(Serialize, JsonSchema)]
pub struct DockerConfig {
    /// By the host of the registry.
    auths: BTreeMap<String, DockerAuth>,
}

#[derive(Serialize, JsonSchema)]
struct DockerAuth {
    /// User name and password, with one `:` between them, in Base64.
    auth: String,
}

/// Returns user name and password as configurations of `docker` have them.
pub fn encoded(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

impl DockerConfig {
    /// Makes one for a host; `docker` looks logins up by it.
    pub fn new(host: String, user: &str, password: &str) -> Self {
        let auth = encoded(user, password);
        Self { auths: [(host, DockerAuth { auth })].into() }
    }
}
