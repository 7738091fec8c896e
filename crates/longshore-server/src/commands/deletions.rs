//! What is deleted is shown before, and asked about.

use std::io::{BufRead, IsTerminal};

use anyhow::{Result, bail};
use longshore_cli::console;

use crate::admin::{self, Request};
use crate::commands::Usage;
use crate::config::Config;

/// What a request deletes: the words, and the request that shows it.
fn deletion(request: &Request) -> Option<(String, Request)> {
    Some(match request {
        Request::UserDelete { name } => (
            format!("the user {name} and all tokens of the user; the name stays taken"),
            Request::UserShow { name: name.clone() },
        ),
        Request::OrgDelete { name } => (
            format!("the organization {name}; the name stays taken"),
            Request::OrgShow { name: name.clone() },
        ),
        Request::TokenDelete { owner, id } => {
            (format!("this token of {owner}"), Request::TokenShow { owner: owner.clone(), id: id.clone() })
        }
        Request::ScimTokenRevoke { organization, .. } => (
            format!("a SCIM token of {organization}, so that its identity provider reaches nothing any more"),
            Request::ScimTokenList { organization: organization.clone() },
        ),
        Request::RepoDelete { name } => (
            format!("the repository {name} with all its tags and images"),
            Request::RepoShow { name: name.clone() },
        ),
        Request::Delete { repository, digests, tags, with_parts } => (
            format!("this from {repository}"),
            Request::DeletionPlan {
                repository: repository.clone(),
                digests: digests.clone(),
                tags: tags.clone(),
                with_parts: *with_parts,
            },
        ),
        Request::WorkDrop { id } => {
            (format!("the work {id}; what it was wished for does not happen"), Request::WorkShow { id: *id })
        }
        _ => return None,
    })
}

/// Shows what a request deletes and asks whether it shall; anything but `yes` or `y` is no.
///
/// # Errors
/// [`Usage`] when nobody can be asked; also when what is to be deleted cannot be shown, or the answer is no.
pub fn confirm(config: &Config, request: &Request) -> Result<()> {
    let Some((what, show)) = deletion(request) else { return Ok(()) };
    if !std::io::stdin().is_terminal() {
        return Err(Usage(format!("this deletes {what}; give --yes to do it without being asked")).into());
    }
    let shown = admin::call(config, show, &|_| {})?;
    console::say(&shown.text);
    console::ask(&format!("This deletes {what}. Do it? [y/N] "));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was deleted"),
    }
}
