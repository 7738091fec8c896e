//! Contexts: the registries that somebody has signed in to, and which of them commands are for.
//!
//! A context has the address of a registry and who signed in; its token is in the system's credential helper, if Docker is set up
//! with one, else in the same file, which only its owner may read.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use docker_credential::DockerCredential;
use longshore_client::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::console;
use crate::failure::{Exit, NotFound, Usage};
use crate::login::sign_in_again;
use crate::output::{Column, Kind, Output, column};

/// Name of what is no context but the registry of this machine.
pub const LOCAL: &str = "local";
/// What access tokens begin with.
const TOKENS: [&str; 2] = ["lsp_", "lso_"];

/// A registry that somebody has signed in to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Address of the registry.
    pub url: String,
    /// Who signed in.
    pub username: String,
    /// The access token; nothing when a credential helper has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Secret>,
    /// The credential helper that has the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    helper: Option<String>,
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        text.write_str("(hidden)")
    }
}

/// All contexts of a person.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Contexts {
    /// The one that commands are for; the registry of this machine, if there is none.
    #[serde(default)]
    current: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, Context>,
    #[serde(skip)]
    path: PathBuf,
}

/// Commands about contexts.
#[derive(Subcommand)]
pub enum ContextCommand {
    /// List the registries that you have signed in to
    #[command(alias = "list")]
    Ls,
    /// Choose the registry that commands are for; `local` is that of this machine
    Use {
        /// Name of the context
        name: String,
    },
    /// Forget a registry and its token
    Rm {
        /// Name of the context
        name: String,
    },
}

const COLUMNS: &[Column] = &[
    column("CURRENT", "is_current", Kind::Text, 2),
    column("NAME", "name", Kind::Text, 0),
    column("REGISTRY", "url", Kind::Text, 0),
    column("USER", "username", Kind::Text, 1),
];

/// Returns the file of a person's contexts.
fn path() -> Result<PathBuf> {
    let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".config"));
    let folder =
        folder.or_else(home).context("there is no home folder to keep contexts in: HOME is not set")?;
    Ok(folder.join("longshore").join("contexts.json"))
}

/// The credential helper that Docker is set up with.
fn docker_helper() -> Option<String> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".docker")))?;
    let config: Value = serde_json::from_slice(&std::fs::read(folder.join("config.json")).ok()?).ok()?;
    let helper = config["credsStore"].as_str().filter(|name| !name.is_empty())?;
    let is_plain = helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    is_plain.then(|| helper.to_owned())
}

/// Asks a credential helper (`docker-credential-NAME`) to do something; gives what it answers.
fn ask_helper(helper: &str, action: &str, input: &str) -> Result<Vec<u8>> {
    let program = format!("docker-credential-{helper}");
    let mut child = Command::new(&program)
        .arg(action)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run the credential helper {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("the credential helper {program} could not {action} the token");
    }
    Ok(output.stdout)
}

impl Context {
    /// Keeps a token: with the credential helper if there is one that works, else in the context.
    pub fn new(url: &str, username: &str, token: &str) -> Self {
        let mut context =
            Self { url: url.to_owned(), username: username.to_owned(), token: None, helper: None };
        let stored = docker_helper().and_then(|helper| {
            let secret = json!({ "ServerURL": context.key(), "Username": username, "Secret": token });
            ask_helper(&helper, "store", &secret.to_string()).ok().map(|_| helper)
        });
        match stored {
            Some(helper) => context.helper = Some(helper),
            None => context.token = Some(Secret(token.to_owned())),
        }
        context
    }

    /// What the credential helper knows the token by; not the name that Docker looks for.
    fn key(&self) -> String {
        format!("{}/api/v1", self.url)
    }

    fn token(&self) -> Result<String> {
        match (&self.token, &self.helper) {
            (Some(token), _) => Ok(token.0.clone()),
            (None, Some(helper)) => {
                let answer: Value = serde_json::from_slice(&ask_helper(helper, "get", &self.key())?)?;
                answer["Secret"].as_str().map(str::to_owned).context("the credential helper has no token")
            }
            (None, None) => bail!("there is no token for {}; sign in again: longshore login {0}", self.url),
        }
    }

    /// Makes a client that is signed in.
    pub fn client(&self) -> Result<Client> {
        let username = self.username.clone();
        let client = Client::new(&self.url)?.with_token(&self.token()?)?;
        Ok(client.with_sign_in(move |client| sign_in_again(client, &username)))
    }

    fn forget(&self) {
        if let Some(helper) = &self.helper {
            let _ = ask_helper(helper, "erase", &self.key());
        }
    }
}

/// Returns the token that Docker has for a registry, if it is one that this API takes.
fn docker_token(url: &str) -> Option<String> {
    let host = url.split("://").nth(1)?.split('/').next()?;
    match docker_credential::get_credential(host).ok()? {
        DockerCredential::UsernamePassword(_, secret) => {
            Some(secret).filter(|secret| TOKENS.iter().any(|prefix| secret.starts_with(prefix)))
        }
        DockerCredential::IdentityToken(_) => None,
    }
}

/// Where commands go.
pub enum Target {
    /// To the registry of this machine, as its operator.
    Local,
    /// To a registry elsewhere.
    Remote(Box<Client>),
}

/// Finds out where commands go: to the context or address that is named, or to the current context, or to the registry of this
/// machine.
///
/// # Errors
/// [`Usage`] when there is no such context; also when its token cannot be had.
pub fn find_target(named: Option<&str>) -> Result<Target> {
    let remote = |client| Ok(Target::Remote(Box::new(client)));
    match named {
        Some(LOCAL) => return Ok(Target::Local),
        Some(url) if url.contains("://") => {
            let url = url.trim_end_matches('/');
            if let Ok(token) = std::env::var("LONGSHORE_TOKEN") {
                return remote(Client::new(url)?.with_token(&token)?);
            }
            let contexts = Contexts::load().unwrap_or_default();
            if let Some(context) = contexts.contexts.values().find(|context| context.url == url) {
                return remote(context.client()?);
            }
            let client = Client::new(url)?;
            return match docker_token(url) {
                Some(token) => remote(client.with_token(&token)?),
                None => remote(client),
            };
        }
        _ => {}
    }
    let contexts = Contexts::load()?;
    match named.or(contexts.current.as_deref()) {
        None | Some(LOCAL) => Ok(Target::Local),
        Some(name) => remote(contexts.get(name)?.client()?),
    }
}

impl Contexts {
    /// Reads the contexts of whoever runs this; there are none without a file.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn load() -> Result<Self> {
        let Ok(path) = path() else { return Ok(Self::default()) };
        let mut contexts: Self = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged; delete it and sign in again", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        contexts.path = path;
        Ok(contexts)
    }

    /// Writes them, whole or not at all.
    fn save(&self) -> Result<()> {
        let path = if self.path.as_os_str().is_empty() { path()? } else { self.path.clone() };
        let folder = path.parent().unwrap_or(Path::new("."));
        let cannot = || format!("cannot write {}", path.display());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(cannot)?;
        let unfinished = path.with_extension("new");
        let _ = std::fs::remove_file(&unfinished);
        let mut file: File = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .with_context(cannot)?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes()).with_context(cannot)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, &path).with_context(cannot)
    }

    /// Returns a context, or the current one.
    pub(crate) fn find(&self, name: Option<&str>) -> Option<&Context> {
        self.contexts.get(name.or(self.current.as_deref())?)
    }

    fn get(&self, name: &str) -> Result<&Context> {
        let unknown = || Usage(format!("there is no context {name:?}; see: longshore context ls"));
        Ok(self.contexts.get(name).ok_or_else(unknown)?)
    }

    /// Adds a context, which is the current one from then on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, name: &str, context: Context) -> Result<()> {
        if let Some(before) = self.contexts.insert(name.to_owned(), context.clone())
            && (before.helper != context.helper || before.url != context.url)
        {
            before.forget();
        }
        self.current = Some(name.to_owned());
        self.save()
    }

    /// Removes a context and its token.
    ///
    /// # Errors
    /// [`NotFound`] when there is none of the name; when it cannot be written.
    pub fn remove(&mut self, name: Option<&str>) -> Result<(String, Context)> {
        let name = match (name, &self.current) {
            (Some(name), _) => name.to_owned(),
            (None, Some(current)) => current.clone(),
            (None, None) => {
                return Err(NotFound("you are signed in nowhere; see: longshore login".into()).into());
            }
        };
        let unknown = || NotFound(format!("there is no context {name:?}; see: longshore context ls"));
        let context = self.contexts.remove(&name).ok_or_else(unknown)?;
        context.forget();
        if self.current.as_deref() == Some(&name) {
            self.current = None;
        }
        self.save()?;
        Ok((name, context))
    }
}

/// Runs a command.
///
/// # Errors
/// When there is no such context, or the file cannot be read or written.
pub fn run(command: ContextCommand, output: &Output) -> Result<Exit> {
    let mut contexts = Contexts::load()?;
    match command {
        ContextCommand::Ls => {
            let is_local = contexts.current.is_none();
            let local = json!({ "name": LOCAL, "url": "the registry of this machine", "username": "operator", "is_current": is_local });
            let others = contexts.contexts.iter().map(|(name, context)| {
                let is_current = contexts.current.as_ref() == Some(name);
                json!({ "name": name, "url": context.url, "username": context.username, "is_current": is_current })
            });
            output.list(COLUMNS, "name", [local].into_iter().chain(others).map(anyhow::Ok))?;
        }
        ContextCommand::Use { name } => {
            contexts.current = match name.as_str() {
                LOCAL => None,
                name => {
                    contexts.get(name)?;
                    Some(name.to_owned())
                }
            };
            contexts.save()?;
            output.said(&format!("commands are for {name} now"), "name", &json!({ "name": name }))?;
        }
        ContextCommand::Rm { name } => {
            let (name, context) = contexts.remove(Some(&name))?;
            output.said(
                &format!("{name} is forgotten"),
                "name",
                &json!({ "name": name, "url": context.url }),
            )?;
            console::say("its token works until it is deleted: longshore token rm");
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_is_shown() {
        let context = Context {
            url: "https://r".into(),
            username: "alice".into(),
            token: Some(Secret("lsp_secret".into())),
            helper: None,
        };
        assert!(!format!("{context:?}").contains("secret"));
        assert!(serde_json::to_string(&context).unwrap().contains("lsp_secret"));
    }
}
