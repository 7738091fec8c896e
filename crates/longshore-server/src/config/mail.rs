//! Section `mail`: how messages are sent.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::secret_in;
use crate::mail::{SmtpMailer, SmtpOptions};

/// How messages are sent.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    smtp_url: String,
    password_file: PathBuf,
    from: String,
    interval_seconds: u64,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Mail {
    pub(super) fn check(&self, has_public_url: bool) -> Result<()> {
        if self.smtp_url.is_empty() {
            return Ok(());
        }
        if !["smtp://", "smtps://"].iter().any(|scheme| self.smtp_url.starts_with(scheme)) {
            bail!("mail.smtp_url: must look like smtps://user@mail.example.org, or be empty for no mail");
        }
        if self.from.is_empty() {
            bail!(
                "mail.from: must be set when mail.smtp_url is, for example Registry <registry@example.org>"
            );
        }
        if !has_public_url {
            bail!("public_url: must be set when mail.smtp_url is: messages have links to it");
        }
        Ok(())
    }

    /// The shortest time between two messages about the same thing.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds)
    }

    /// What sends messages; `None` when no server is configured.
    pub fn mailer(&self) -> Result<Option<SmtpMailer>> {
        if self.smtp_url.is_empty() {
            return Ok(None);
        }
        let password = secret_in("mail.password_file", &self.password_file)?;
        SmtpMailer::new(&SmtpOptions { url: &self.smtp_url, password, from: &self.from }).map(Some)
    }
}
