//! Why somebody may do something in a repository, or may not.

use std::sync::Arc;

use jiff::Timestamp;
use longshore_domain::access::action::{AccountAction, Actions, Level, RepositoryAction};
use longshore_domain::access::actor::{AccountPrincipal, Actor, CredentialScope, Principal, Proof};
use longshore_domain::access::policy::{Ground, account_actions, grounds, repository_level};
use longshore_domain::account::Account;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::page::PageSize;
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::ports::metadata::{AccessTx, PermissionTarget};
use longshore_domain::repository::Repository;
use longshore_domain::{Error, Result};

use crate::AccessControl;
use crate::control::{Relationship, Target};

/// What an account may do in a repository, whatever its credentials cover, and why.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The account.
    pub account: Namespace,
    /// False while it is switched off; then it may do nothing.
    pub is_active: bool,
    /// How much it may do.
    pub level: Level,
    /// What it may do.
    pub allowed: Actions,
    /// Why; the most of it counts. Nothing else gives it anything.
    pub grants: Vec<Grant>,
    /// An organization of its that does not let its members pull from there.
    pub blocked_by: Option<Namespace>,
}

/// Something by which somebody may do something in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it is.
    pub ground: Ground,
    /// How much it allows.
    pub level: Level,
    /// Whose or of what it is: the team, or what the permission was given for.
    pub name: Option<String>,
    /// Until when, if that is limited.
    pub until: Option<Timestamp>,
}

/// What an account is to a repository, with the names of what gives it something.
struct Known {
    account: Account,
    found: Relationship,
    teams: Vec<(String, RepositoryPermission)>,
    given: Vec<(String, RepositoryPermission)>,
}

async fn load(
    tx: &mut dyn AccessTx,
    account: &Namespace,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<Known> {
    let unknown = || Error::UserUnknown(account.to_string());
    let account = tx.find_account_by_name(account).await?.ok_or_else(unknown)?;
    let mut known = Known { found: Relationship::default(), account, teams: Vec::new(), given: Vec::new() };
    let id = known.account.id;
    if known.account.is_active {
        let principal = Principal::Account(AccountPrincipal::of(&known.account, None));
        known.found = Relationship::load(tx, &principal, &Target::Repository(name.clone()), now).await?;
    }
    let (repository, namespace) = (known.found.repository.as_ref(), known.found.namespace.as_ref());
    let (Some(repository), Some(namespace)) = (repository, namespace) else { return Ok(known) };
    let teams = tx.list_granting_teams(repository.id, id, PageSize::MAX).await?;
    known.teams = teams.into_iter().map(|(team, permission)| (team.to_string(), permission)).collect();
    let targets = [
        (namespace.name.to_string(), PermissionTarget::Namespace(namespace.id)),
        (repository.name.to_string(), PermissionTarget::Repository(repository.id)),
    ];
    for (subject, target) in targets {
        if let Some(permission) = tx.find_user_permission(target, id).await? {
            known.given.push((subject, permission));
        }
    }
    Ok(known)
}

impl AccessControl {
    /// Checks that the actor may see who may do what in a repository: whoever decides about it.
    ///
    /// # Errors
    /// As [`AccessControl::authorize_existing`] for assigning teams; `Denied` for access tokens that are for less than the account.
    pub async fn authorize_viewing_access(
        &self,
        actor: &Actor,
        name: &RepositoryName,
    ) -> Result<Arc<Repository>> {
        let repository = self.authorize_existing(actor, name, RepositoryAction::AssignTeam).await?;
        if !actor.is_operator() {
            self.authorize_account(actor, AccountAction::Manage).await?;
        }
        Ok(repository)
    }

    /// Explains what an account may do in a repository, and why: oneself to everybody who sees the repository, others to those who
    /// decide about it.
    ///
    /// # Errors
    /// As [`AccessControl::authorize_existing`]; `UserUnknown`.
    pub async fn explain(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        account: &Namespace,
    ) -> Result<Explanation> {
        let own = actor.as_account().is_some_and(|own| own.name == *account);
        match own {
            true => self.authorize_existing(actor, name, RepositoryAction::View).await?,
            false => self.authorize_viewing_access(actor, name).await?,
        };
        let known = self
            .metadata
            .look_up((account.clone(), name.clone(), self.clock.now()), |tx, (account, name, now)| {
                Box::pin(load(tx, account, name, *now))
            })
            .await?;
        Ok(self.explanation(known, name))
    }

    fn explanation(&self, known: Known, name: &RepositoryName) -> Explanation {
        let Known { account, found, teams, given } = known;
        let principal = AccountPrincipal::of(&account, None);
        let as_account = Actor::account(principal, CredentialScope::Everything, Proof::Password);
        let target = Target::Repository(name.clone());
        let facts = self.facts(&found, &as_account, &target);
        let mut grants = Vec::new();
        for (ground, level) in grounds(&facts).filter(|_| account.is_active) {
            let named = match ground {
                Ground::Team => &teams,
                Ground::Permission => &given,
                _ => {
                    let until = match ground {
                        Ground::Share => found.shared_until.flatten(),
                        _ => None,
                    };
                    grants.push(Grant { ground, level, name: None, until });
                    continue;
                }
            };
            grants.extend(named.iter().map(|(name, permission)| Grant {
                ground,
                level: permission.level(),
                name: Some(name.clone()),
                until: None,
            }));
        }
        let allowed = if account.is_active { account_actions(&facts) } else { Actions::NONE };
        Explanation {
            is_active: account.is_active,
            account: account.name,
            level: repository_level(allowed),
            allowed,
            grants,
            blocked_by: found.blocked_by,
        }
    }
}
