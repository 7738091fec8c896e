//! The second factor of an account, set up and removed by its owner.

use std::io::BufRead;

use anyhow::{Result, bail};
use clap::Subcommand;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Value, json};

use crate::management::Management;
use crate::{Connection, console};

/// Commands about the own second factor.
#[derive(Subcommand)]
pub enum SecondFactorCommand {
    /// Show whether the account has one
    Status {
        /// The registry to ask
        #[command(flatten)]
        connection: Connection,
    },
    /// Set one up: shows a QR code for an authenticator, and asks for the code that this shows
    Enable {
        /// The registry to ask
        #[command(flatten)]
        connection: Connection,
    },
    /// Remove it
    Disable {
        /// The registry to ask
        #[command(flatten)]
        connection: Connection,
    },
    /// Make new recovery codes; the old ones no longer work
    RecoveryCodes {
        /// The registry to ask
        #[command(flatten)]
        connection: Connection,
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

/// Signs in, with the second factor if the account has one.
fn sign_in(connection: &Connection) -> Result<Management> {
    let mut management = Management::new(connection)?;
    if let Some(challenge) = management.sign_in()? {
        management.complete_sign_in(&challenge, &ask("code of the authenticator, or a recovery code")?)?;
    }
    Ok(management)
}

/// A code works once, and signing in has used one.
fn both(management: &Management) -> Result<Value> {
    let code = ask("the next code of the authenticator, or a recovery code")?;
    Ok(json!({ "password": management.password(), "code": code }))
}

fn codes(answer: &Value) -> String {
    let codes = answer["recovery_codes"].as_array().cloned().unwrap_or_default();
    let lines = codes.iter().filter_map(Value::as_str).map(|code| format!("  {code}"));
    format!(
        "Recovery codes; each works once in the place of a code. Keep them where the authenticator is not:\n{}",
        lines.collect::<Vec<_>>().join("\n")
    )
}

/// Runs a command and gives what to print.
///
/// # Errors
/// What the registry answered, or why it could not be reached.
pub fn run(command: SecondFactorCommand, as_json: bool) -> Result<String> {
    let (answer, text) = match command {
        SecondFactorCommand::Status { connection } => {
            let answer = sign_in(&connection)?.get("/v2/user/2fa")?;
            let text = match answer["enabled_at"].as_str() {
                Some(at) => format!(
                    "the account has a second factor since {at}, and {} recovery codes",
                    answer["recovery_codes_left"]
                ),
                None => "the account has no second factor".to_owned(),
            };
            (answer, text)
        }
        SecondFactorCommand::Enable { connection } => {
            let management = sign_in(&connection)?;
            let password = json!({ "password": management.password() });
            let begun = management.post("/v2/user/2fa/enrol", &password)?;
            let url = begun["otpauth_url"].as_str().unwrap_or_default();
            let code = QrCode::new(url)?;
            console::say(&code.render::<Dense1x2>().quiet_zone(true).build());
            console::say(&format!("secret  {}", begun["secret"].as_str().unwrap_or_default()));
            let code =
                ask("scan this with an authenticator, or type the secret into it; then give its code")?;
            let answer = management.post("/v2/user/2fa/confirm", &json!({ "code": code }))?;
            let text = format!(
                "The second factor is on; everything that was signed in must sign in again. For docker login, use an access token.\n{}",
                codes(&answer)
            );
            (json!({ "recovery_codes": answer["recovery_codes"] }), text)
        }
        SecondFactorCommand::Disable { connection } => {
            let management = sign_in(&connection)?;
            management.post("/v2/user/2fa/disable", &both(&management)?)?;
            (json!({ "enabled": false }), "the second factor is off".to_owned())
        }
        SecondFactorCommand::RecoveryCodes { connection } => {
            let management = sign_in(&connection)?;
            let answer = management.post("/v2/user/2fa/recovery-codes", &both(&management)?)?;
            let text = codes(&answer);
            (answer, text)
        }
    };
    match as_json {
        true => Ok(serde_json::to_string_pretty(&answer)?),
        false => Ok(text),
    }
}
