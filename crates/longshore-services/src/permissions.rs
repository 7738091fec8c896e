//! Permissions: loads the facts, asks the domain's rule, and keeps the decision until any fact may have changed.

use std::sync::Arc;

use jiff::Timestamp;
use longshore_domain::access::actor::{AccountPrincipal, Actor, CredentialScope, Principal};
use longshore_domain::account::{Account, AccountId, AccountKind, OrganizationRole};
use longshore_domain::credential::{AccessToken, AccessTokenId};
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::organization::{PulledNamespace, refusing};
use longshore_domain::permission::{
    Action, Actions, Cap, Facts, Level, RepositoryPermission, Subject, allowed,
};
use longshore_domain::policy::LeaseRenewal;
use longshore_domain::ports::metadata::{Tx, Viewer};
use longshore_domain::registry::Subscribed;
use longshore_domain::repository::{NamespaceView, Repository, RepositoryId, Visibility};
use longshore_domain::{Error, Result};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use crate::Services;

/// Decisions kept in memory.
const DECISIONS: usize = 50_000;

/// Who asks for what: the key of a decision.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    account: Option<(AccountId, i64, Option<AccessTokenId>)>,
    repository: String,
}

#[derive(Hash)]
struct QuestionRef<'q> {
    account: Option<(AccountId, i64, Option<AccessTokenId>)>,
    repository: &'q str,
}

impl Equivalent<Question> for QuestionRef<'_> {
    fn equivalent(&self, other: &Question) -> bool {
        self.account == other.account && self.repository == other.repository
    }
}

/// What someone may do in a repository.
#[derive(Clone, Debug)]
pub struct Access {
    /// The repository, if it exists.
    pub repository: Option<Arc<Repository>>,
    /// The account whose name is the namespace, if there is one.
    pub namespace_id: Option<AccountId>,
    /// What the actor may do, but for what an organization does not let its members pull.
    pub allowed: Actions,
    /// An organization of the actor's that does not let its members pull from here.
    pub refused_by: Option<Namespace>,
    /// What the namespace is bound to, if it is a registry.
    pub subscribed: Option<Subscribed>,
    /// When the first of the facts expires: an access token, or a share.
    not_after: Option<Timestamp>,
}

impl Access {
    /// Tells whether the action is allowed.
    pub fn allows(&self, action: Action) -> bool {
        self.allowed.contains(action) && (action != Action::Pull || self.refused_by.is_none())
    }
}

struct Decision {
    epoch: u64,
    access: Access,
}

/// Decisions of late.
pub(crate) struct Decisions(Cache<Question, Arc<Decision>>);

impl Decisions {
    pub(crate) fn new() -> Self {
        Self(Cache::new(DECISIONS))
    }
}

/// Loads the account that acts and the access token that it came with, as they are now; `None` when the credential is
/// void.
pub(crate) async fn valid_account(
    tx: &mut dyn Tx,
    principal: &AccountPrincipal,
    now: Timestamp,
) -> Result<Option<(Account, Option<AccessToken>)>> {
    let Some(record) = tx.find_account(principal.account_id).await? else { return Ok(None) };
    if !record.is_active || record.credential_epoch != principal.credential_epoch {
        return Ok(None);
    }
    let Some(id) = principal.access_token else { return Ok(Some((record, None))) };
    match tx.find_access_token(id).await? {
        Some(token) if token.account_id == record.id && token.is_usable(now) => {
            Ok(Some((record, Some(token))))
        }
        _ => Ok(None),
    }
}

/// What an account that acts is in relation to a namespace.
struct Standing {
    account: Account,
    token: Option<AccessToken>,
    owns_namespace: bool,
    role: Option<OrganizationRole>,
    team: Level,
    permission: Level,
    /// Until when the repository is shared with it, `Some(None)` for ever.
    shared_until: Option<Option<Timestamp>>,
    members_pull: bool,
}

impl Standing {
    /// Gives the facts for a repository.
    fn subject(&self, name: &RepositoryName, visibility: Option<Visibility>) -> Subject {
        Subject::Account {
            is_administrator: self.account.is_administrator,
            owns_namespace: self.owns_namespace,
            role: self.role,
            team: self.team,
            permission: self.permission,
            is_shared: self.shared_until.is_some(),
            members_pull: self.members_pull,
            cap: self.token.as_ref().map_or(Cap::None, |token| token.restriction.cap(name, visibility)),
        }
    }

    /// Tells whether lists show it what is not public, if it is a member or owner.
    fn lists_private(&self) -> bool {
        self.token.as_ref().is_none_or(|token| token.restriction.lists_private())
    }
}

/// Loads the facts about an account that acts, as they are now; `None` when its credential is void.
async fn standing_of(
    tx: &mut dyn Tx,
    account: &AccountPrincipal,
    namespace_id: Option<AccountId>,
    repository: Option<RepositoryId>,
    now: Timestamp,
) -> Result<Option<Standing>> {
    let Some((record, token)) = valid_account(tx, account, now).await? else { return Ok(None) };
    let role = match namespace_id {
        Some(namespace) if namespace != record.id => tx.find_role(namespace, record.id).await?,
        _ => None,
    };
    let (mut team, mut members_pull) = (Level::None, true);
    // The other roles may do everything anyway.
    if let (Some(OrganizationRole::Member), Some(organization)) = (role, namespace_id) {
        members_pull = tx.find_members_pull(organization).await?;
        if let Some(repository) = repository {
            let permissions = tx.list_team_permissions(repository, record.id).await?;
            team = permissions.into_iter().map(RepositoryPermission::level).max().unwrap_or(Level::None);
        }
    }
    let owns_namespace = namespace_id == Some(record.id);
    let (mut permission, mut shared_until) = (Level::None, None);
    // Who may do everything anyway needs nothing else.
    let may_all = owns_namespace || matches!(role, Some(OrganizationRole::Owner | OrganizationRole::Editor));
    if let (false, Some(namespace)) = (may_all, namespace_id) {
        let permissions = tx.list_own_permissions(namespace, repository, record.id).await?;
        permission = permissions.into_iter().map(RepositoryPermission::level).max().unwrap_or(Level::None);
        if let Some(repository) = repository {
            shared_until = tx.find_shared_until(repository, record.id, now).await?;
        }
    }
    Ok(Some(Standing {
        account: record,
        token,
        owns_namespace,
        role,
        team,
        permission,
        shared_until,
        members_pull,
    }))
}

impl Services {
    /// Finds out what a principal may do in a repository, which need not exist yet.
    ///
    /// # Errors
    /// `Unauthenticated` when the principal's credential has become void.
    pub async fn access(&self, actor: &Actor, name: &RepositoryName) -> Result<Access> {
        let account = match actor.principal() {
            Principal::Account(account) => {
                Some((account.account_id, account.credential_epoch, account.access_token))
            }
            Principal::Anonymous => None,
            Principal::Operator => return self.load_access(actor, name).await,
        };
        let epoch = self.metadata.authority_epoch();
        if let Some(decision) = self.decisions.0.get(&QuestionRef { account, repository: name.as_str() })
            && decision.epoch == epoch
            && decision.access.not_after.is_none_or(|not_after| self.clock.now() < not_after)
        {
            return Ok(decision.access.clone());
        }
        let access = self.load_access(actor, name).await?;
        // That a repository does not exist is not kept: anybody may create it next.
        if access.repository.is_some() {
            let question = Question { account, repository: name.as_str().to_owned() };
            self.decisions.0.insert(question, Arc::new(Decision { epoch, access: access.clone() }));
        }
        Ok(access)
    }

    async fn load_access(&self, actor: &Actor, name: &RepositoryName) -> Result<Access> {
        let input = (actor.clone(), name.clone(), self.clock.now(), self.settings.anonymous_pull);
        self.metadata
            .look_up(input, |tx, (actor, name, now, anonymous_pull)| {
                Box::pin(async move {
                    let repository = tx.find_repository(name).await?;
                    let namespace = tx.find_account_by_name(&name.namespace()).await?;
                    let namespace_is_disabled = namespace.as_ref().is_some_and(|account| {
                        account.kind == AccountKind::Organization && !account.is_active
                    });
                    let namespace_id = namespace.as_ref().map(|account| account.id);
                    let repository_id = repository.as_ref().map(|repository| repository.id);
                    let visibility = repository.as_ref().map(|repository| repository.visibility);
                    let standing = match actor.principal() {
                        Principal::Anonymous | Principal::Operator => None,
                        Principal::Account(account) => Some(
                            standing_of(tx, account, namespace_id, repository_id, *now)
                                .await?
                                .ok_or(Error::Unauthenticated(Unauthenticated::InvalidToken))?,
                        ),
                    };
                    let subject = match (actor.principal(), &standing) {
                        (Principal::Operator, _) => Subject::Operator,
                        (_, Some(standing)) => standing.subject(name, visibility),
                        (_, None) => Subject::Anonymous,
                    };
                    let allowed = match namespace_id {
                        Some(_) => allowed(Facts {
                            subject,
                            visibility,
                            anonymous_pull: *anonymous_pull,
                            namespace_is_disabled,
                        }),
                        None => Actions::NONE,
                    };
                    let refused_by = match (&namespace, &standing) {
                        (Some(namespace), Some(standing)) => {
                            let organizations =
                                tx.list_restricting_organizations(standing.account.id).await?;
                            let pulled = PulledNamespace {
                                name: &namespace.name,
                                is_verified_publisher: namespace.is_verified_publisher,
                                is_of_own_organization: standing.role.is_some(),
                            };
                            refusing(pulled, &organizations).map(|refusing| refusing.name.clone())
                        }
                        _ => None,
                    };
                    let subscribed = match namespace_id {
                        Some(namespace) => tx.find_subscribed(namespace).await?,
                        None => None,
                    };
                    let repository = repository.map(Arc::new);
                    let not_after = standing.and_then(|standing| {
                        let of_token = standing.token.and_then(|token| token.expires_at);
                        of_token.into_iter().chain(standing.shared_until.flatten()).min()
                    });
                    Ok(Access { repository, namespace_id, allowed, refused_by, subscribed, not_after })
                })
            })
            .await
    }

    /// Checks that the actor may do something in a repository. Whoever may not see it is told that it does not exist.
    ///
    /// # Errors
    /// `Unauthenticated` when signing in or asking for another token could help; `RepositoryUnknown` when the
    /// actor may not see it; `Denied` when the actor may see but not do this.
    pub async fn authorize(&self, actor: &Actor, name: &RepositoryName, action: Action) -> Result<Access> {
        let access = self.access(actor, name).await?;
        if !access.allowed.contains(action) {
            // Of what is not there yet, only whoever may make it learns that it is not.
            let makes = matches!(action, Action::Push | Action::Create);
            let is_hidden = access.allowed.is_empty() || (access.repository.is_none() && !makes);
            let by_token = actor.access_token_id().is_some();
            return Err(match (actor.principal(), action) {
                (Principal::Anonymous, _) => Error::Unauthenticated(Unauthenticated::Missing),
                (_, Action::Push | Action::Create) if is_hidden && !by_token => Error::Denied(format!(
                    "you may not push to {name}; ask an owner of {}",
                    name.namespace_str()
                )),
                (_, Action::Push | Action::Create) if is_hidden => Error::Denied(format!(
                    "you may not push to {name} with this access token; use one that includes it"
                )),
                _ if is_hidden => Error::RepositoryUnknown(name.clone()),
                _ if by_token => Error::Denied(format!(
                    "with this access token you may use {name}, but not {}; use one that includes that, or the password",
                    what(action)
                )),
                _ => Error::Denied(format!("you may pull from {name}, but not {}", what(action))),
            });
        }
        if let (Action::Pull, Some(organization)) = (action, &access.refused_by) {
            return Err(Error::Denied(format!(
                "the organization {organization} does not let its members pull from {}; ask one of its owners",
                name.namespace_str()
            )));
        }
        let is_covered = actor.scope().covers(name, action);
        // Whoever has a token for pushing goes on; who has none is told why there is none now.
        if action == Action::Push
            && access.subscribed.is_some()
            && !matches!((&actor.scope(), is_covered), (CredentialScope::Listed { .. }, true))
            && let Some(namespace) = access.namespace_id
        {
            self.check_writable(namespace).await?;
        }
        match (is_covered, &actor.scope()) {
            (true, _) => Ok(access),
            (false, CredentialScope::Namespace(_)) => {
                Err(Error::Unauthenticated(Unauthenticated::OutsideProject))
            }
            (false, _) => Err(Error::Unauthenticated(Unauthenticated::InsufficientScope)),
        }
    }

    /// Checks that the actor may do something in a repository that exists.
    ///
    /// # Errors
    /// As [`Services::authorize`]; `RepositoryUnknown` when there is none.
    pub async fn authorize_existing(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        action: Action,
    ) -> Result<Arc<Repository>> {
        let access = self.authorize(actor, name, action).await?;
        access.repository.ok_or_else(|| Error::RepositoryUnknown(name.clone()))
    }

    /// Checks that the actor may ask whether something is there: for pulling, or to find out what is left to be pushed,
    /// also where the actor may push but an organization does not let its members pull.
    ///
    /// # Errors
    /// As [`Services::authorize_existing`] for pulling.
    pub(crate) async fn authorize_asking(
        &self,
        actor: &Actor,
        name: &RepositoryName,
    ) -> Result<(Arc<Repository>, LeaseRenewal)> {
        let access = self.access(actor, name).await?;
        let action = match access.refused_by.is_some() && access.allows(Action::Push) {
            true => Action::Push,
            false => Action::Pull,
        };
        let renewal = match access.subscribed {
            Some(_) => LeaseRenewal::OfRegistry,
            None => LeaseRenewal::Plain,
        };
        self.authorize_existing(actor, name, action).await.map(|repository| (repository, renewal))
    }

    /// Finds out whose repositories lists may show to a principal.
    ///
    /// # Errors
    /// `Unauthenticated` when the principal's credential has become void.
    pub(crate) async fn viewer(&self, actor: &Actor) -> Result<Viewer> {
        let account = match actor.principal() {
            Principal::Operator => return Ok(Viewer::All),
            Principal::Anonymous => return Ok(Viewer::Public),
            Principal::Account(account) => account.clone(),
        };
        let standing = self
            .metadata
            .look_up((account.clone(), self.clock.now()), |tx, (account, now)| {
                Box::pin(standing_of(tx, account, None, None, *now))
            })
            .await?
            .ok_or(Error::Unauthenticated(Unauthenticated::InvalidToken))?;
        Ok(match standing.lists_private() {
            false => Viewer::Public,
            true if standing.account.is_administrator => Viewer::All,
            true => Viewer::Account(account.account_id),
        })
    }

    /// Finds out what a principal may see of a namespace.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void; `OrganizationUnknown` when there is no such namespace.
    pub(crate) async fn view_of(
        &self,
        actor: &Actor,
        name: &Namespace,
    ) -> Result<(AccountId, NamespaceView)> {
        let input = (actor.clone(), name.clone(), self.clock.now(), self.settings.anonymous_pull);
        self.metadata
            .look_up(input, |tx, (actor, name, now, anonymous_pull)| {
                Box::pin(async move {
                    let unknown = || Error::OrganizationUnknown(name.to_string());
                    let namespace = tx.find_account_by_name(name).await?.ok_or_else(unknown)?;
                    let is_disabled = namespace.kind == AccountKind::Organization && !namespace.is_active;
                    let account = match actor.principal() {
                        Principal::Operator => return Ok((namespace.id, NamespaceView::All)),
                        Principal::Anonymous if is_disabled || !anonymous_pull => return Err(unknown()),
                        Principal::Anonymous => return Ok((namespace.id, NamespaceView::Public)),
                        Principal::Account(account) => account,
                    };
                    let standing = standing_of(tx, account, Some(namespace.id), None, *now)
                        .await?
                        .ok_or(Error::Unauthenticated(Unauthenticated::InvalidToken))?;
                    let is_administrator = standing.account.is_administrator;
                    let view = match standing.role {
                        _ if is_disabled && !is_administrator => return Err(unknown()),
                        _ if !standing.lists_private() => NamespaceView::Public,
                        _ if is_administrator || standing.owns_namespace => NamespaceView::All,
                        _ if standing.permission > Level::None => NamespaceView::All,
                        None if tx.has_repository_permissions(namespace.id, account.account_id).await? => {
                            NamespaceView::OfUser(account.account_id)
                        }
                        None => NamespaceView::Public,
                        Some(OrganizationRole::Member) if !standing.members_pull => {
                            NamespaceView::OfUser(account.account_id)
                        }
                        Some(_) => NamespaceView::All,
                    };
                    Ok((namespace.id, view))
                })
            })
            .await
    }

    /// Checks that a principal's credential is good now.
    ///
    /// # Errors
    /// `Unauthenticated` when it has become void.
    pub async fn check_principal(&self, actor: &Actor) -> Result<()> {
        self.viewer(actor).await.map(|_| ())
    }

    /// Checks that the operator acts.
    pub(crate) fn require_operator(&self, actor: &Actor) -> Result<()> {
        match actor.principal() {
            Principal::Operator => Ok(()),
            Principal::Anonymous => Err(Error::Unauthenticated(Unauthenticated::Missing)),
            Principal::Account(_) => {
                Err(Error::Denied("only the operator of the registry may do this".into()))
            }
        }
    }
}

fn what(action: Action) -> &'static str {
    match action {
        Action::View => "look at it",
        Action::ViewTags => "look at its tags and images",
        Action::Pull => "pull from it",
        Action::Push => "push to it",
        Action::Create => "create it",
        Action::Delete => "delete from it",
        Action::DeleteTag => "delete its tags",
        Action::Edit => "change its settings",
        Action::SetImmutability => "decide on its immutable tags",
        Action::ViewTeams => "see what teams may do in it",
        Action::AssignTeam => "decide what teams may do in it",
        Action::Remove => "delete it",
    }
}
