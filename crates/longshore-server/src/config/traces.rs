//! Section `traces`: where spans are sent.

use anyhow::{Result, bail};
use http::Uri;
use serde::{Deserialize, Serialize};

/// Path of traces at a collector. OpenTelemetry protocol 1.x, "OTLP/HTTP Request".
const PATH: &str = "/v1/traces";

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    otlp_url: String,
    percent: u32,
}

impl Traces {
    /// Checks the section.
    pub fn check(&self) -> Result<()> {
        if !(1..=100).contains(&self.percent) {
            bail!("traces.percent: must be 1 to 100, not {}", self.percent);
        }
        let is_url = match self.otlp_url.parse::<Uri>() {
            Ok(url) => {
                matches!(url.scheme_str(), Some("http" | "https"))
                    && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
                    && url.query().is_none()
            }
            Err(_) => false,
        };
        if !self.otlp_url.is_empty() && !is_url {
            bail!("traces.otlp_url: must look like http://127.0.0.1:4318, or be empty for no traces");
        }
        Ok(())
    }

    /// Returns whether spans are exported.
    pub fn are_wanted(&self) -> bool {
        !self.otlp_url.is_empty()
    }

    /// Returns where spans are posted.
    pub fn endpoint(&self) -> String {
        let url = self.otlp_url.trim_end_matches('/');
        match url.ends_with(PATH) {
            true => url.to_owned(),
            false => format!("{url}{PATH}"),
        }
    }

    /// Returns of which part of all requests spans are exported, above 0 and at most 1.
    pub fn ratio(&self) -> f64 {
        f64::from(self.percent) / 100.0
    }
}
