//! The mail port.

use async_trait::async_trait;

use crate::email::EmailAddress;
use crate::error::Source;

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

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailFailure {
    /// The mail server cannot be reached, or does not take it now.
    #[error("the mail server does not take the message now: {0}")]
    Unavailable(Source),
    /// The mail server will not take it.
    #[error("the mail server refuses the message: {0}")]
    Refused(Source),
}

/// Sends messages.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a message to the mail server.
    ///
    /// # Errors
    /// When that cannot be reached or does not take it.
    async fn send(&self, mail: &Mail) -> Result<(), MailFailure>;
}
