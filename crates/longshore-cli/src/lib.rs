//! Commands: those on the registry's own API, and those that speak to any registry.

pub mod access;
pub mod account;
pub mod accounts;
pub mod console;
pub mod contexts;
mod deletions;
mod digests;
pub mod failure;
pub mod images;
pub mod jobs;
pub mod login;
pub mod output;
pub mod overview;
mod registry;
pub mod repositories;
pub mod retention;
mod second_factor;
pub mod server;
pub mod session;
pub mod tags;
pub mod teams;
pub mod tokens;
pub mod trash;

use anyhow::Result;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::registry::Registry;
pub use crate::second_factor::SecondFactorCommand;

/// The registry that commands are for when nothing else is said.
pub(crate) const DEFAULT_REGISTRY: &str = "http://127.0.0.1:5000";

/// How to reach a registry.
#[derive(Args)]
pub struct Connection {
    /// URL of the registry
    #[arg(long, value_name = "URL", env = "LONGSHORE_REGISTRY", default_value = DEFAULT_REGISTRY, value_parser = registry_url)]
    registry: String,
    /// User or organization
    #[arg(long, value_name = "NAME", env = "LONGSHORE_USERNAME")]
    username: Option<String>,
    /// Password or access token; better in the environment than on the command line
    #[arg(long, value_name = "SECRET", env = "LONGSHORE_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

/// Checks the URL of a registry.
pub(crate) fn registry_url(text: &str) -> Result<String, String> {
    let wrong = || "must be a URL such as http://127.0.0.1:5000 or https://registry.example.org".to_owned();
    let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(wrong()),
    }
}

/// Client commands.
#[derive(Subcommand)]
pub enum ClientCommand {
    /// List the repositories that you may see
    Repositories {
        /// The registry to ask
        #[command(flatten)]
        connection: Connection,
    },
    /// List the tags of a repository
    Tags {
        /// Repository
        repository: String,
        /// The registry to ask
        #[command(flatten)]
        connection: Connection,
    },
    /// Show, set up or remove the second factor of your account
    #[command(subcommand)]
    SecondFactor(SecondFactorCommand),
    /// Show a manifest
    Manifest {
        /// Repository with tag or digest, for example acme/app:latest
        reference: String,
        /// The registry to ask
        #[command(flatten)]
        connection: Connection,
    },
}

/// Runs a command and gives what to print.
///
/// # Errors
/// What the registry answered, or why it could not be reached.
pub fn run(command: ClientCommand, as_json: bool) -> Result<String> {
    match command {
        ClientCommand::SecondFactor(command) => second_factor::run(command, as_json),
        ClientCommand::Repositories { connection } => {
            let registry = Registry::new(&connection)?;
            let names = registry.list("/v2/_catalog", "registry:catalog:*", "repositories")?;
            print_list("REPOSITORY", "repositories", &names, as_json)
        }
        ClientCommand::Tags { repository, connection } => {
            let registry = Registry::new(&connection)?;
            let tags = registry.list(&format!("/v2/{repository}/tags/list"), &pull(&repository), "tags")?;
            print_list("TAG", "tags", &tags, as_json)
        }
        ClientCommand::Manifest { reference, connection } => {
            let (repository, reference) = split(&reference);
            let registry = Registry::new(&connection)?;
            let manifest =
                registry.get(&format!("/v2/{repository}/manifests/{reference}"), &pull(repository))?;
            Ok(serde_json::to_string_pretty(&manifest)?)
        }
    }
}

fn pull(repository: &str) -> String {
    format!("repository:{repository}:pull")
}

/// Splits `name@digest`, `name:tag` or `name`.
fn split(reference: &str) -> (&str, &str) {
    if let Some(parts) = reference.split_once('@') {
        return parts;
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

fn print_list(title: &str, key: &str, items: &[String], as_json: bool) -> Result<String> {
    if as_json {
        let object: Value = json!({ key: items });
        return Ok(serde_json::to_string_pretty(&object)?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([title]);
    for item in items {
        table.add_row([item]);
    }
    Ok(table.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn references_are_split_at_digest_or_tag() {
        assert_eq!(split("acme/app"), ("acme/app", "latest"));
        assert_eq!(split("acme/app:1.0"), ("acme/app", "1.0"));
        assert_eq!(split("acme/app@sha256:00"), ("acme/app", "sha256:00"));
    }
}
