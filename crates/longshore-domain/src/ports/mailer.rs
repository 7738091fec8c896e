//! The mail port.

use async_trait::async_trait;

use crate::email::EmailAddress;
use crate::error::Result;

/// A message of plain text.
#[derive(Clone, Debug)]
pub struct Mail {
    /// To whom.
    pub to: EmailAddress,
    /// Subject, one line.
    pub subject: String,
    /// Text, with line feeds.
    pub text: String,
}

/// Sends messages.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a message to the mail server.
    ///
    /// # Errors
    /// `MailUnavailable` when that cannot be reached or does not take it.
    async fn send(&self, mail: &Mail) -> Result<()>;
}
