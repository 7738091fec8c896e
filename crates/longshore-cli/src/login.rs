//! Signing in to a registry, and out.

use std::io::{BufRead, IsTerminal, Read};

use anyhow::{Result, bail};
use clap::Args;
use longshore_client::types::{Caller, CreateToken};
use longshore_client::{Client, SignIn};

use crate::console;
use crate::contexts::{Context, Contexts, LOCAL};
use crate::failure::{Exit, Usage};
use crate::output::{Column, Kind, Output, column};
use crate::session::Session;

/// Longest secret that is read from standard input.
const SECRET_LIMIT_BYTES: u64 = 8192;

/// How somebody signs in.
#[derive(Args)]
pub struct LoginArguments {
    /// Address of the registry
    #[arg(default_value = "http://127.0.0.1:5000")]
    url: String,
    /// User [default: asked for]
    #[arg(short, long)]
    username: Option<String>,
    /// Read the password from standard input; a code of the second factor may follow on a line of its own
    #[arg(long, conflicts_with = "token_stdin")]
    password_stdin: bool,
    /// Read an access token from standard input
    #[arg(long)]
    token_stdin: bool,
    /// What the context is called [default: the registry's host]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

const LINES: &[Column] = &[
    column("name", "name", Kind::Text, 0),
    column("kind", "kind", Kind::Text, 0),
    column("administrator", "is_administrator", Kind::Text, 0),
    column("signed in by", "proof", Kind::Text, 0),
    column("token", "token.label", Kind::Text, 0),
    column("token may", "token.scope", Kind::Text, 0),
    column("token ends", "token.expires_at", Kind::Time, 0),
];

pub(crate) fn standard_input() -> Result<Vec<String>> {
    let mut text = String::new();
    std::io::stdin().take(SECRET_LIMIT_BYTES).read_to_string(&mut text)?;
    let lines: Vec<String> = text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect();
    match lines.first().is_some_and(|line| !line.is_empty()) {
        true => Ok(lines),
        false => Err(Usage("standard input has no secret".into()).into()),
    }
}

pub(crate) fn ask(question: &str) -> Result<String> {
    console::ask(&format!("{question}: "));
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        bail!("nothing was typed");
    }
    Ok(line.trim().to_owned())
}

/// Signs in, with the second factor if the account has one; gives a client for the session.
fn sign_in(arguments: &LoginArguments, url: &str) -> Result<(Client, String)> {
    let is_terminal = std::io::stdin().is_terminal();
    if !is_terminal && !arguments.password_stdin {
        return Err(Usage("there is nobody to ask: give --password-stdin or --token-stdin".into()).into());
    }
    let username = match &arguments.username {
        Some(name) => name.clone(),
        None if is_terminal => ask("user")?,
        None => return Err(Usage("say who signs in with --username".into()).into()),
    };
    let (password, code) = match arguments.password_stdin {
        true => {
            let mut lines = standard_input()?.into_iter();
            (lines.next().unwrap_or_default(), lines.next())
        }
        false => (rpassword::prompt_password("password: ")?, None),
    };
    let client = Client::new(url)?;
    let token = match client.sign_in(&username, &password)? {
        SignIn::Done(token) => token,
        SignIn::SecondFactor(challenge) => {
            let code = match code {
                Some(code) => code,
                None if is_terminal => ask("code of the authenticator, or a recovery code")?,
                None => {
                    let text =
                        "the account has a second factor: give its code on the second line of standard input";
                    return Err(Usage(text.into()).into());
                }
            };
            client.complete_sign_in(&challenge, &code)?
        }
    };
    Ok((client.with_token(&token)?, username))
}

/// Signs a client in with the password of a user, for what takes that: asks a person, or takes it from `LONGSHORE_PASSWORD`. Gives
/// nothing when there is nobody to ask.
pub(crate) fn sign_in_again(client: &Client, username: &str) -> longshore_client::Result<Option<String>> {
    let unusable = |error: &dyn std::fmt::Display| longshore_client::Error::Unusable(error.to_string());
    let is_terminal = std::io::stdin().is_terminal();
    let password = match std::env::var("LONGSHORE_PASSWORD") {
        Ok(password) if !password.is_empty() => password,
        _ if is_terminal => {
            let question = format!("this takes the password of {username} at {}: ", client.name());
            rpassword::prompt_password(question).map_err(|error| unusable(&error))?
        }
        _ => return Ok(None),
    };
    match client.sign_in(username, &password)? {
        SignIn::Done(token) => Ok(Some(token)),
        SignIn::SecondFactor(challenge) if is_terminal => {
            let code =
                ask("code of the authenticator, or a recovery code").map_err(|error| unusable(&error))?;
            client.complete_sign_in(&challenge, &code).map(Some)
        }
        SignIn::SecondFactor(_) => {
            Err(unusable(&"the account has a second factor, and there is nobody to ask for its code"))
        }
    }
}

/// Returns what a registry's context is called.
fn host(url: &str) -> &str {
    url.split("://").nth(1).unwrap_or(url).trim_end_matches('/')
}

/// What the token is called that signing in makes, so that a person recognizes it.
fn label() -> String {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let printable: String = machine.chars().filter(|letter| !letter.is_control()).take(60).collect();
    format!("longshore on {printable}")
}

/// Signs in: keeps a token, never a password.
///
/// # Errors
/// What the registry refused, or why it was not reached; when the token cannot be kept.
pub fn login(arguments: &LoginArguments, output: &Output) -> Result<Exit> {
    let url = arguments.url.trim_end_matches('/');
    let name = arguments.name.clone().unwrap_or_else(|| host(url).to_owned());
    if name == LOCAL || name.contains("://") {
        return Err(Usage(format!("--name: {name} cannot be the name of a context")).into());
    }
    let (token, caller) = match arguments.token_stdin {
        true => {
            let token = standard_input()?.swap_remove(0);
            let caller = Client::new(url)?.with_token(&token)?.whoami()?;
            (token, caller)
        }
        false => {
            let (session, username) = sign_in(arguments, url)?;
            let new =
                CreateToken { label: label(), scope: Some("repo:admin".into()), ..CreateToken::default() };
            let made = session.create_token(&username, &new)?;
            let caller = Client::new(url)?.with_token(&made.secret)?.whoami()?;
            (made.secret, caller)
        }
    };
    let mut contexts = Contexts::load()?;
    contexts.add(&name, Context::new(url, &caller.name, &token))?;
    let text = format!("signed in to {url} as {}; commands are for it now (context {name})", caller.name);
    output.said(&text, "name", &serde_json::json!({ "context": name, "url": url, "name": caller.name }))?;
    Ok(Exit::Done)
}

/// Deletes the token of a context at its registry; whether that was done.
fn end_token(context: &Context) -> bool {
    let ended = context.client().and_then(|client| {
        let caller = client.whoami()?;
        let token = caller.token.filter(|token| token.label == label());
        Ok(token.is_some_and(|token| client.delete_token(&caller.name, &token.id).is_ok()))
    });
    ended.unwrap_or_default()
}

/// Signs out: forgets the token, and deletes it at the registry if signing in has made it.
///
/// # Errors
/// When there is no such context, or the file cannot be written.
pub fn logout(name: Option<&str>, output: &Output) -> Result<Exit> {
    let mut contexts = Contexts::load()?;
    let is_ended = contexts.find(name).is_some_and(end_token);
    let (name, context) = contexts.remove(name)?;
    let text = match is_ended {
        true => format!("signed out of {}; its token no longer works", context.url),
        false => format!(
            "signed out of {}; what was kept here is gone, and the token works until {} deletes it (longshore token ls {1})",
            context.url, context.username
        ),
    };
    output.said(&text, "name", &serde_json::json!({ "context": name, "url": context.url }))?;
    Ok(Exit::Done)
}

/// Tells who calls, and what the credential is for.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn whoami(session: &Session) -> Result<Exit> {
    let caller: Caller = session.client.whoami()?;
    session.output.object(LINES, "name", &caller)?;
    Ok(Exit::Done)
}
