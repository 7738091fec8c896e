//! The mail port on SMTP.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use async_trait::async_trait;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use longshore_domain::ports::mailer::{Mail, MailFailure, Mailer};

/// Longest that the mail server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How the mail server is reached.
pub struct SmtpOptions<'o> {
    /// `smtps://user:password@host:port`, or `smtp://…?tls=required`.
    pub url: &'o str,
    /// The password, when it does not stand in the URL.
    pub password: Option<String>,
    /// Sender, an address with or without a name.
    pub from: &'o str,
}

/// Sends messages through an SMTP server.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Returns the user of a URL, decoded.
fn user_of(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
    let user = authority.rsplit_once('@')?.0.split(':').next()?;
    percent_encoding::percent_decode_str(user).decode_utf8().ok().map(|user| user.into_owned())
}

/// Returns whether a server is on this machine.
fn is_local(url: &str) -> bool {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?']).next();
    let host =
        authority.map_or("", |authority| authority.rsplit_once('@').map_or(authority, |(_, host)| host));
    ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|local| host.strip_prefix(local).is_some_and(|port| port.is_empty() || port.starts_with(':')))
}

impl SmtpMailer {
    /// Makes one; nothing is connected yet.
    pub fn new(options: &SmtpOptions<'_>) -> Result<Self> {
        let url = options.url;
        if url.starts_with("smtp://") && !url.contains("tls=required") && !is_local(url) {
            bail!(
                "mail.smtp_url: without ?tls=required, or smtps://, messages and the password could be read on the way"
            );
        }
        // The cause could hold the password.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_| anyhow!("mail.smtp_url: is not a URL of a mail server"))?
            .timeout(Some(TIMEOUT));
        let builder = match (&options.password, user_of(url)) {
            (Some(password), Some(user)) => builder.credentials(Credentials::new(user, password.clone())),
            (Some(_), None) => bail!("mail.smtp_url: needs a user name when mail.password_file is set"),
            (None, _) => builder,
        };
        let from = options.from.parse().map_err(|_| {
            anyhow!("mail.from: {:?} is not a sender such as Registry <registry@example.org>", options.from)
        })?;
        Ok(Self { transport: builder.build(), from })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailFailure> {
        let refused = |error: Box<dyn std::error::Error + Send + Sync>| MailFailure::Refused(error);
        let to = mail.to.as_str().parse().map_err(|error| refused(Box::new(error)))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.as_str())
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| refused(Box::new(error)))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(MailFailure::Refused(Box::new(error))),
            Err(error) => Err(MailFailure::Unavailable(Box::new(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(url: &str, password: Option<&str>) -> Result<SmtpMailer> {
        let password = password.map(str::to_owned);
        SmtpMailer::new(&SmtpOptions { url, password, from: "Registry <registry@example.org>" })
    }

    #[test]
    fn servers_elsewhere_need_encryption() {
        for good in [
            "smtp://localhost:25",
            "smtp://127.0.0.1",
            "smtps://user:secret@mail.example.org",
            "smtp://user@mail.example.org:587?tls=required",
        ] {
            assert!(open(good, None).is_ok(), "{good}");
        }
        for bad in [
            "smtp://mail.example.org",
            "smtp://localhost.example.org",
            "smtp://localhost@example.org",
            "smtps://",
        ] {
            assert!(open(bad, None).is_err(), "{bad}");
        }
        assert!(open("smtps://user@mail.example.org", Some("secret")).is_ok());
        assert!(open("smtps://mail.example.org", Some("secret")).is_err());
        assert_eq!(user_of("smtps://a%40b:x@mail.example.org/p").as_deref(), Some("a@b"));
    }
}
