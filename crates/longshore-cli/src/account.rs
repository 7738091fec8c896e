//! Commands about one's own account.

use std::io::IsTerminal;

use anyhow::Result;
use clap::Subcommand;
use longshore_client::SignIn;
use longshore_client::types::{ChangeAccount, ChangeOwnPassword, ConfirmEmail, WantEmail};
use serde_json::json;

use crate::accounts::{Change, LINES, check_change};
use crate::failure::{Exit, Usage};
use crate::login::{ask, standard_input};
use crate::output::{Column, Kind, column};
use crate::session::Session;

/// Commands about one's own account.
#[derive(Subcommand)]
pub enum AccountCommand {
    /// Show your account
    Show,
    /// Change what your account says about you; what is not given stays
    Set {
        /// What changes
        #[command(flatten)]
        change: Change,
    },
    /// Set your password; everything that was signed in with the one before must sign in again
    Password {
        /// Read from standard input: the password of now, the new one, and a code of the second factor if there is one, each on a
        /// line of its own
        #[arg(long)]
        password_stdin: bool,
    },
    /// Have another e-mail address: a code is sent there, which account confirm-email takes
    Email {
        /// The address
        address: String,
        /// Read from standard input: the password, and a code of the second factor if there is one, each on a line of its own
        #[arg(long)]
        password_stdin: bool,
    },
    /// Confirm the address that you wanted, by the code that was sent there
    ConfirmEmail {
        /// The code
        code: String,
    },
    /// List where you are signed in
    Sessions,
    /// End one session of the pages
    EndSession {
        /// Its id, as account sessions shows it
        id: String,
    },
    /// Sign out everywhere: end all sessions, and what docker and other programs were signed in with; access tokens stay
    SignOut,
    /// Delete your account, which has no repositories; the name stays taken, and nothing brings it back
    Rm {
        /// Its name, to be sure
        name: String,
    },
}

const SESSIONS: &[Column] = &[
    column("ID", "id", Kind::Text, 0),
    column("FROM", "address", Kind::Text, 1),
    column("SEEN", "seen_at", Kind::Time, 0),
    column("BEGAN", "created_at", Kind::Time, 1),
    column("ENDS", "expires_at", Kind::Time, 2),
    column("PROGRAM", "program", Kind::Text, 3),
];

fn new_password(from_input: bool) -> Result<ChangeOwnPassword> {
    if from_input {
        let mut lines = standard_input()?.into_iter();
        let (current, new) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        return Ok(ChangeOwnPassword { current, new, code: lines.next() });
    }
    if !std::io::stdin().is_terminal() {
        return Err(Usage("there is nobody to ask: give --password-stdin".into()).into());
    }
    let current = rpassword::prompt_password("password of now: ")?;
    let new = rpassword::prompt_password("new password: ")?;
    if new != rpassword::prompt_password("new password again: ")? {
        return Err(Usage("the new passwords differ; nothing was changed".into()).into());
    }
    Ok(ChangeOwnPassword { current, new, code: None })
}

/// Signs in for what no token does; that takes the same as what follows does.
fn begin_session(session: &Session, name: &str, password: &str, code: Option<String>) -> Result<()> {
    let client = &session.client;
    let token = match client.sign_in(name, password)? {
        SignIn::Done(token) => token,
        SignIn::SecondFactor(challenge) => {
            let code = match code {
                Some(code) => code,
                None if std::io::stdin().is_terminal() => {
                    ask("code of the authenticator, or a recovery code")?
                }
                None => {
                    let text =
                        "the account has a second factor: give its code on the last line of standard input";
                    return Err(Usage(text.into()).into());
                }
            };
            client.complete_sign_in(&challenge, &code)?
        }
    };
    Ok(client.use_session(&token)?)
}

/// Runs a command.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run(command: AccountCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        AccountCommand::Show => output.object(LINES, "name", &client.get_account()?)?,
        AccountCommand::Set { change } => {
            let change = ChangeAccount::from(change);
            check_change(&change)?;
            let account = client.change_own_account(&change)?;
            output.said(&format!("account {} is changed", account.name), "name", &account)?;
        }
        AccountCommand::Password { password_stdin } => {
            let account = client.get_account()?;
            let mut change = new_password(password_stdin)?;
            begin_session(session, &account.name, &change.current, change.code.take())?;
            client.change_own_password(&change)?;
            let text = format!(
                "the password of {} is changed; what was signed in with the one before must sign in again, access tokens work on",
                account.name
            );
            output.said(&text, "name", &json!({ "name": account.name }))?;
        }
        AccountCommand::Email { address, password_stdin } => {
            let account = client.get_account()?;
            let (password, code) = match password_stdin {
                true => {
                    let mut lines = standard_input()?.into_iter();
                    (lines.next().unwrap_or_default(), lines.next())
                }
                false if std::io::stdin().is_terminal() => (rpassword::prompt_password("password: ")?, None),
                false => return Err(Usage("there is nobody to ask: give --password-stdin".into()).into()),
            };
            begin_session(session, &account.name, &password, code)?;
            let wanted = client.want_email(&WantEmail { email: address, password, code: None })?;
            let text = format!(
                "a code is sent to {}; confirm it until {}: longshore account confirm-email CODE",
                wanted.email, wanted.until
            );
            output.said(&text, "email", &wanted)?;
        }
        AccountCommand::ConfirmEmail { code } => {
            let account = client.confirm_email(&ConfirmEmail { code })?;
            let text =
                format!("the address of {} is {}", account.name, account.email.as_deref().unwrap_or("none"));
            output.said(&text, "name", &account)?;
        }
        AccountCommand::Sessions => {
            let found = client.list_own_sessions()?;
            output.list(SESSIONS, "id", found.browsers.into_iter().map(anyhow::Ok))?;
        }
        AccountCommand::EndSession { id } => {
            client.end_own_session(&id)?;
            output.said(&format!("session {id} is ended"), "id", &json!({ "id": id }))?;
        }
        AccountCommand::SignOut => {
            client.end_own_sessions()?;
            let text = "all sessions are ended, and what programs were signed in with; access tokens work on (see: longshore token ls YOURSELF)";
            output.said(text, "ended", &json!({ "ended": true }))?;
        }
        AccountCommand::Rm { name } => {
            session.confirm(&format!("deletes your account {name} for good"), || {
                Ok(format!("goes      {name}, with its tokens and memberships; the name stays taken"))
            })?;
            client.delete_own_account(&name)?;
            output.said(&format!("account {name} is deleted"), "name", &json!({ "name": name }))?;
        }
    }
    Ok(Exit::Done)
}
