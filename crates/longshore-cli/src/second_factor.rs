//! The second factor of an account, set up and removed by its owner.

use std::io::{BufRead, IsTerminal};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use longshore_client::types::{ConfirmSecondFactor, EnrolSecondFactor, SecondFactorProof};
use longshore_client::{Client, SignIn};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Value, json};

use crate::contexts::Contexts;
use crate::failure::Usage;
use crate::{DEFAULT_REGISTRY, console, registry_url};

/// Commands about the own second factor.
#[derive(Subcommand)]
pub enum SecondFactorCommand {
    /// Show whether the account has one
    Status {
        /// Whose it is
        #[command(flatten)]
        whose: Whose,
    },
    /// Set one up: shows a QR code for an authenticator, and asks for the code that this shows
    Enable {
        /// Whose it is
        #[command(flatten)]
        whose: Whose,
    },
    /// Remove it
    Disable {
        /// Whose it is
        #[command(flatten)]
        whose: Whose,
    },
    /// Make new recovery codes; the old ones no longer work
    RecoveryCodes {
        /// Whose it is
        #[command(flatten)]
        whose: Whose,
    },
}

/// Asks for a line on standard error, and reads it from standard input.
fn ask(question: &str) -> Result<String> {
    console::ask(&format!("{question}: "));
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        bail!("no code was given");
    }
    Ok(line.trim().to_owned())
}

/// Whose second factor it is: of who signed in with `longshore login`, unless something else is said.
#[derive(Args)]
pub struct Whose {
    /// URL of the registry [default: that of the context, and without one http://127.0.0.1:5000]
    #[arg(long, value_name = "URL", env = "LONGSHORE_REGISTRY", value_parser = registry_url)]
    registry: Option<String>,
    /// User [default: the one of the context]
    #[arg(long, value_name = "NAME", env = "LONGSHORE_USERNAME")]
    username: Option<String>,
    /// Password; it is asked for on a terminal, and else taken from the environment
    #[arg(long, value_name = "SECRET", env = "LONGSHORE_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

impl Whose {
    /// Says which registry and account that is, and asks for what is not known: address, user and password.
    fn resolve(self) -> Result<(String, String, String)> {
        let contexts = Contexts::load()?;
        let named = std::env::var("LONGSHORE_CONTEXT").ok();
        let context = contexts.find(named.as_deref());
        let is_there =
            self.registry.is_none() || context.map(|context| &context.url) == self.registry.as_ref();
        let context = context.filter(|_| is_there);
        let registry = self.registry.or_else(|| context.map(|context| context.url.clone()));
        let username = self.username.or_else(|| context.map(|context| context.username.clone()));
        let Some(username) = username else {
            return Err(Usage("say who you are: longshore login, or --username NAME".into()).into());
        };
        let registry = registry.unwrap_or_else(|| DEFAULT_REGISTRY.to_owned());
        let password = match self.password {
            Some(password) => password,
            None if std::io::stdin().is_terminal() => {
                rpassword::prompt_password(format!("this takes the password of {username} at {registry}: "))?
            }
            None => {
                let text =
                    "this takes your password, which no token stands for: put it into LONGSHORE_PASSWORD";
                return Err(Usage(text.into()).into());
            }
        };
        Ok((registry, username, password))
    }
}

/// Signs in, with the second factor if the account has one; gives the password too, which some calls take again.
fn sign_in(whose: Whose) -> Result<(Client, String)> {
    let (registry, username, password) = whose.resolve()?;
    let client = Client::new(&registry)?;
    let session = match client.sign_in(&username, &password)? {
        SignIn::Done(session) => session,
        SignIn::SecondFactor(challenge) => {
            let code = ask("code of the authenticator, or a recovery code")?;
            client.complete_sign_in(&challenge, &code)?
        }
    };
    client.use_session(&session)?;
    Ok((client, password))
}

/// A code works once, and signing in has used one.
fn both(password: String) -> Result<SecondFactorProof> {
    let code = ask("the next code of the authenticator, or a recovery code")?;
    Ok(SecondFactorProof { password, code })
}

fn listed(codes: &[String]) -> String {
    let lines: Vec<String> = codes.iter().map(|code| format!("  {code}")).collect();
    format!(
        "Recovery codes; each works once in the place of a code. Keep them where the authenticator is not:\n{}",
        lines.join("\n")
    )
}

/// Runs a command and gives what to print.
///
/// # Errors
/// What the registry answered, or why it could not be reached.
pub fn run(command: SecondFactorCommand, as_json: bool) -> Result<String> {
    let (answer, text): (Value, String) = match command {
        SecondFactorCommand::Status { whose } => {
            let status = sign_in(whose)?.0.get_second_factor()?;
            let text = match &status.enabled_at {
                Some(at) => format!(
                    "the account has a second factor since {at}, and {} recovery codes",
                    status.recovery_codes
                ),
                None => "the account has no second factor".to_owned(),
            };
            let answer = json!({
                "enabled": status.enabled_at.is_some(),
                "enabled_at": status.enabled_at,
                "recovery_codes_left": status.recovery_codes,
            });
            (answer, text)
        }
        SecondFactorCommand::Enable { whose } => {
            let (client, password) = sign_in(whose)?;
            let begun = client.enrol_second_factor(&EnrolSecondFactor { password })?;
            let code = QrCode::new(&begun.otpauth_url)?;
            console::say(&code.render::<Dense1x2>().quiet_zone(true).build());
            console::say(&format!("secret  {}", begun.secret));
            let code =
                ask("scan this with an authenticator, or type the secret into it; then give its code")?;
            let confirmed = client.confirm_second_factor(&ConfirmSecondFactor { code })?;
            let text = format!(
                "The second factor is on; everything that was signed in must sign in again. For docker login, use an access token.\n{}",
                listed(&confirmed.recovery_codes)
            );
            (json!({ "recovery_codes": confirmed.recovery_codes }), text)
        }
        SecondFactorCommand::Disable { whose } => {
            let (client, password) = sign_in(whose)?;
            client.disable_second_factor(&both(password)?)?;
            (json!({ "enabled": false }), "the second factor is off".to_owned())
        }
        SecondFactorCommand::RecoveryCodes { whose } => {
            let (client, password) = sign_in(whose)?;
            let renewed = client.renew_recovery_codes(&both(password)?)?;
            let text = listed(&renewed.recovery_codes);
            (serde_json::to_value(&renewed)?, text)
        }
    };
    match as_json {
        true => Ok(serde_json::to_string_pretty(&answer)?),
        false => Ok(text),
    }
}
