//! Access: loads the facts, asks the domain's rule, and keeps what it says until any fact may have changed.

use std::sync::Arc;

use jiff::Timestamp;

use longshore_domain::access::action::{
    AccountAction, Action, Actions, Level, NamespaceAction, OrganizationAction, RegistryAction,
    RepositoryAction,
};
use longshore_domain::access::actor::{AccountPrincipal, Actor, CredentialScope, Principal};
use longshore_domain::access::policy::{
    self, Allowed, Facts, NamespaceFacts, RepositoryFacts, Visible, Who, account_actions, check,
    check_registry_restriction, decide, repository_actions,
};
use longshore_domain::access::refusal::{Refusal, Subject};
use longshore_domain::account::{Account, AccountId, AccountKind, Feature, OrganizationRole};
use longshore_domain::credential::{AccessToken, AccessTokenId};
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::organization::{PulledNamespace, refusing};
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::policy::LeaseRenewal;
use longshore_domain::ports::metadata::AccessTx;
use longshore_domain::registry::{Registry, Subscribed};
use longshore_domain::repository::Repository;
use longshore_domain::{Error, Result};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use longshore_platform::spans;

use crate::AccessControl;

/// Answers kept in memory.
const CACHED: usize = 50_000;

/// Who asks for what.
#[derive(Clone, PartialEq, Eq, Hash)]
struct AccessCacheKey {
    account: Option<(AccountId, i64, Option<AccessTokenId>)>,
    repository: String,
}

#[derive(Hash)]
struct AccessCacheKeyRef<'k> {
    account: Option<(AccountId, i64, Option<AccessTokenId>)>,
    repository: &'k str,
}

impl Equivalent<AccessCacheKey> for AccessCacheKeyRef<'_> {
    fn equivalent(&self, other: &AccessCacheKey) -> bool {
        self.account == other.account && self.repository == other.repository
    }
}

/// What somebody may do in a repository, whatever the credential covers besides.
#[derive(Clone, Debug)]
pub struct Access {
    /// The repository, if it exists.
    pub repository: Option<Arc<Repository>>,
    /// The account whose name is the namespace, if there is one.
    pub namespace_id: Option<AccountId>,
    /// What the actor may do, but for what an organization does not let its members pull.
    pub allowed: Actions,
    /// The same without what an access token takes away.
    pub of_account: Actions,
    /// Whether the actor owns the namespace, or may do all that its owners may.
    pub is_owner: bool,
    /// An organization of the actor's that does not let its members pull from here.
    pub blocked_by: Option<Namespace>,
    /// What the namespace is bound to, if it is a registry.
    pub subscribed: Option<Subscribed>,
    /// When the first of the facts expires: an access token, or a share.
    not_after: Option<Timestamp>,
}

impl Access {
    /// Returns whether the action is allowed.
    pub fn allows(&self, action: RepositoryAction) -> bool {
        self.allowed.contains(action) && (action != RepositoryAction::Pull || self.blocked_by.is_none())
    }

    /// Returns how much the actor may do in the repository.
    pub fn level(&self) -> Level {
        policy::repository_level(self.allowed)
    }

    /// Decides whether the actor may do something in the repository, of which this is what it may do there.
    ///
    /// # Errors
    /// Why not, and what is missing.
    pub fn decide(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        action: RepositoryAction,
    ) -> Result<(), Refusal> {
        let allowed = Allowed {
            repository: name,
            exists: self.repository.is_some(),
            actions: self.allowed,
            of_account: self.of_account,
            blocked_by: self.blocked_by.as_ref(),
            scope: actor.scope(),
            is_anonymous: actor.is_anonymous(),
            by_token: actor.access_token_id().is_some(),
        };
        allowed.decide(action)
    }
}

/// What somebody may do in a namespace as a whole.
#[derive(Clone, Debug)]
pub struct NamespaceAccess {
    /// The account whose name it is.
    pub account: Account,
    /// How much the actor may do in it.
    pub level: Level,
    /// True for the account itself, its owners, and administrators.
    pub is_owner: bool,
}

struct Cached {
    epoch: u64,
    access: Access,
}

/// What was found of late.
pub(crate) struct AccessCache(Cache<AccessCacheKey, Arc<Cached>>);

impl AccessCache {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CACHED))
    }
}

/// What something is about.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// The actor's own account, or the server.
    Nothing,
    /// A namespace as a whole.
    Namespace(Namespace),
    /// A namespace, for a list of its repositories.
    RepositoriesOf(Namespace),
    /// A repository.
    Repository(RepositoryName),
}

/// Who acts, what it is about, and what the one is to the other, as they are now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relationship {
    /// The account that acts.
    account: Option<Account>,
    /// The access token that it came with.
    token: Option<AccessToken>,
    /// The account whose name the namespace is.
    pub(crate) namespace: Option<Account>,
    pub(crate) repository: Option<Repository>,
    role: Option<OrganizationRole>,
    members_pull: bool,
    team: Level,
    permission: Level,
    has_repository_permission: bool,
    /// Looked for where it matters.
    immutability_is_owners: bool,
    /// Until when the repository is shared with it, `Some(None)` for ever.
    pub(crate) shared_until: Option<Option<Timestamp>>,
    pub(crate) blocked_by: Option<Namespace>,
    subscribed: Option<Subscribed>,
}

fn most(permissions: Vec<RepositoryPermission>) -> Level {
    permissions.into_iter().map(RepositoryPermission::level).max().unwrap_or(Level::None)
}

/// Loads the account that acts and the access token that it came with, as they are now.
///
/// # Errors
/// `Unauthenticated` when the credential is void.
async fn valid_account(
    tx: &mut dyn AccessTx,
    principal: &AccountPrincipal,
    now: Timestamp,
) -> Result<(Account, Option<AccessToken>)> {
    let void = || Error::Unauthenticated(Unauthenticated::InvalidToken);
    let account = tx.find_account(principal.account_id).await?.ok_or_else(void)?;
    if !account.is_active || account.credential_epoch != principal.credential_epoch {
        return Err(void());
    }
    let Some(id) = principal.access_token else { return Ok((account, None)) };
    let token = tx.find_access_token(id).await?;
    let usable = token.filter(|token| token.account_id == account.id && token.is_usable(now));
    Ok((account, Some(usable.ok_or_else(void)?)))
}

impl Relationship {
    /// Loads the facts: the only place that does.
    ///
    /// # Errors
    /// `Unauthenticated` when the actor's credential has become void.
    pub(crate) async fn load(
        tx: &mut dyn AccessTx,
        principal: &Principal,
        target: &Target,
        now: Timestamp,
    ) -> Result<Self> {
        let mut found = Self { members_pull: true, ..Self::default() };
        let name = match target {
            Target::Nothing => None,
            Target::Namespace(name) | Target::RepositoriesOf(name) => Some(name.clone()),
            Target::Repository(name) => {
                found.repository = tx.find_repository(name).await?;
                Some(name.namespace())
            }
        };
        if let Some(name) = &name {
            found.namespace = tx.find_account_by_name(name).await?;
        }
        if let Principal::Account(principal) = principal {
            let (account, token) = valid_account(tx, principal, now).await?;
            found.load_relation(tx, &account, target, now).await?;
            (found.account, found.token) = (Some(account), token);
        }
        if let (Target::Repository(_), Some(namespace)) = (target, &found.namespace) {
            found.subscribed = tx.find_subscribed(namespace.id).await?;
        }
        Ok(found)
    }

    /// Loads what an account is to the namespace and the repository.
    async fn load_relation(
        &mut self,
        tx: &mut dyn AccessTx,
        account: &Account,
        target: &Target,
        now: Timestamp,
    ) -> Result<()> {
        let Some(namespace) = &self.namespace else { return Ok(()) };
        let (id, is_own) = (namespace.id, namespace.id == account.id);
        if !is_own && namespace.kind == AccountKind::Organization {
            self.role = tx.find_role(id, account.id).await?;
        }
        let repository = self.repository.as_ref().map(|repository| repository.id);
        if self.role == Some(OrganizationRole::Member) {
            self.members_pull = tx.find_members_pull(id).await?;
            if let Some(repository) = repository {
                self.team = most(tx.list_team_permissions(repository, account.id).await?);
            }
        }
        // Who may do everything anyway needs nothing else.
        let may_all = is_own || self.role >= Some(OrganizationRole::Editor);
        if !may_all {
            self.permission = most(tx.list_own_permissions(id, repository, account.id).await?);
            if let Some(repository) = repository {
                self.shared_until = tx.find_shared_until(repository, account.id, now).await?;
            }
        }
        let administers = [self.team, self.permission].contains(&Level::Admin);
        if let Some(repository) = repository
            && (administers || self.role == Some(OrganizationRole::Editor))
        {
            self.immutability_is_owners = tx.is_immutability_owners(repository).await?;
        }
        match target {
            Target::RepositoriesOf(_) if self.role.is_none() && self.permission == Level::None && !is_own => {
                self.has_repository_permission = tx.has_repository_permissions(id, account.id).await?;
            }
            Target::Repository(_) => {
                let organizations = tx.list_restricting_organizations(account.id).await?;
                let pulled = PulledNamespace {
                    name: &namespace.name,
                    is_verified_publisher: namespace.is_verified_publisher,
                    is_of_own_organization: self.role.is_some(),
                };
                self.blocked_by = refusing(pulled, &organizations).map(|refusing| refusing.name.clone());
            }
            _ => {}
        }
        Ok(())
    }
}

impl AccessControl {
    /// Finds out what an actor may do in a repository, which need not exist yet.
    ///
    /// # Errors
    /// `Unauthenticated` when the actor's credential has become void.
    pub async fn access(&self, actor: &Actor, name: &RepositoryName) -> Result<Access> {
        spans::record_actor(actor);
        spans::record_repository(name);
        let account = match actor.principal() {
            Principal::Account(account) => {
                Some((account.account_id, account.credential_epoch, account.access_token))
            }
            Principal::Anonymous => None,
            Principal::Operator => return self.load_access(actor, name).await,
        };
        let epoch = self.metadata.authority_epoch();
        let key = AccessCacheKeyRef { account, repository: name.as_str() };
        if let Some(cached) = self.access_cache.0.get(&key)
            && cached.epoch == epoch
            && cached.access.not_after.is_none_or(|not_after| self.clock.now() < not_after)
        {
            return Ok(cached.access.clone());
        }
        let access = self.load_access(actor, name).await?;
        // That a repository does not exist is not kept: anybody may create it next.
        if access.repository.is_some() {
            let key = AccessCacheKey { account, repository: name.as_str().to_owned() };
            self.access_cache.0.insert(key, Arc::new(Cached { epoch, access: access.clone() }));
        }
        Ok(access)
    }

    async fn load_access(&self, actor: &Actor, name: &RepositoryName) -> Result<Access> {
        let target = Target::Repository(name.clone());
        let found = self.relationship(actor, &target).await?;
        let facts = self.facts(&found, actor, &target);
        let (allowed, of_account) = (repository_actions(&facts), account_actions(&facts));
        let is_owner = facts.owns_namespace();
        let of_token = found.token.and_then(|token| token.expires_at);
        let not_after = of_token.into_iter().chain(found.shared_until.flatten()).min();
        Ok(Access {
            repository: found.repository.map(Arc::new),
            namespace_id: found.namespace.map(|namespace| namespace.id),
            allowed,
            of_account,
            is_owner,
            blocked_by: found.blocked_by,
            subscribed: found.subscribed,
            not_after,
        })
    }

    /// Loads what an actor is to what something is about.
    ///
    /// # Errors
    /// `Unauthenticated` when the actor's credential has become void.
    async fn relationship(&self, actor: &Actor, target: &Target) -> Result<Relationship> {
        spans::record_actor(actor);
        if let (None, Target::Nothing) = (actor.as_account(), target) {
            return Ok(Relationship::default());
        }
        let input = (actor.principal().clone(), target.clone(), self.clock.now());
        self.metadata
            .look_up(input, |tx, (principal, target, now)| {
                Box::pin(Relationship::load(tx, principal, target, *now))
            })
            .await
    }

    /// Returns the facts that the rule decides by.
    pub(crate) fn facts<'f>(
        &self,
        found: &'f Relationship,
        actor: &'f Actor,
        target: &'f Target,
    ) -> Facts<'f> {
        let who = match (actor.principal(), &found.account) {
            (Principal::Operator, _) => Who::Operator,
            (Principal::Account(_), Some(account)) => {
                Who::Account { id: account.id, is_administrator: account.is_administrator }
            }
            _ => Who::Anonymous,
        };
        let namespace = found.namespace.as_ref().map(|namespace| NamespaceFacts {
            name: &namespace.name,
            is_active: namespace.kind == AccountKind::User || namespace.is_active,
            is_own: found.account.as_ref().is_some_and(|account| account.id == namespace.id),
            role: found.role,
            members_pull: found.members_pull,
            permission: found.permission,
            has_repository_permission: found.has_repository_permission,
        });
        let repository = match target {
            Target::Repository(name) => Some(RepositoryFacts {
                name,
                visibility: found.repository.as_ref().map(|repository| repository.visibility),
                team: found.team,
                is_shared: found.shared_until.is_some(),
                immutability_is_owners: found.immutability_is_owners,
                blocked_by: found.blocked_by.as_ref(),
            }),
            _ => None,
        };
        Facts {
            who,
            scope: actor.scope(),
            restriction: found.token.as_ref().map(|token| &token.restriction),
            namespace,
            repository,
            anonymous_pull: self.settings.anonymous_pull,
        }
    }

    /// Checks that the actor may do something with its own account, and returns that with the access token that it came with.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` when the credential does not allow it.
    pub async fn authorize_account(
        &self,
        actor: &Actor,
        action: AccountAction,
    ) -> Result<(Account, Option<AccessToken>)> {
        let found = self.relationship(actor, &Target::Nothing).await?;
        check(&self.facts(&found, actor, &Target::Nothing), action, Subject::Nothing)?;
        let account = found.account.ok_or(Error::Unauthenticated(Unauthenticated::Missing))?;
        Ok((account, found.token))
    }

    /// Returns the account that acts, as it is now.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody signed in or the credential has become void.
    pub async fn get_own_account(&self, actor: &Actor) -> Result<Account> {
        self.authorize_account(actor, AccountAction::Identify).await.map(|(account, _)| account)
    }

    /// Returns the account whose affairs a principal may change: the operator those of all, an account its own.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens; `UserUnknown` for accounts of others.
    pub async fn authorize_owner(&self, actor: &Actor, owner: &Namespace) -> Result<Account> {
        if actor.is_operator() {
            return self.find_account(owner).await;
        }
        let (account, _) = self.authorize_account(actor, AccountAction::ManageCredentials).await?;
        match account.name == *owner {
            true => Ok(account),
            false => Err(Error::UserUnknown(owner.to_string())),
        }
    }

    /// Checks that the actor may do something with a namespace, and returns what it is to that.
    ///
    /// # Errors
    /// `Unauthenticated`, also when the actor signed in to another project; `OrganizationUnknown` when it may do nothing there;
    /// `Denied` when it may do something else.
    pub async fn authorize_namespace(
        &self,
        actor: &Actor,
        name: &Namespace,
        action: NamespaceAction,
    ) -> Result<NamespaceAccess> {
        let target = Target::Namespace(name.clone());
        let found = self.relationship(actor, &target).await?;
        let facts = self.facts(&found, actor, &target);
        check(&facts, action, Subject::Namespace(name))?;
        let (level, is_owner) = (policy::namespace_level(&facts), facts.owns_namespace());
        let account = found.namespace.ok_or_else(|| Error::OrganizationUnknown(name.to_string()))?;
        Ok(NamespaceAccess { account, level, is_owner })
    }

    /// Checks that the actor may do something with an organization, and returns that.
    ///
    /// # Errors
    /// `Unauthenticated`; `OrganizationUnknown` when there is none, or it is disabled or may not be known; `Denied` for a
    /// lower role and for access tokens that do not include it.
    pub async fn authorize_organization(
        &self,
        actor: &Actor,
        name: &Namespace,
        action: OrganizationAction,
    ) -> Result<Account> {
        let target = Target::Namespace(name.clone());
        let mut found = self.relationship(actor, &target).await?;
        found.namespace = found.namespace.filter(|account| account.kind == AccountKind::Organization);
        check(&self.facts(&found, actor, &target), action, Subject::Namespace(name))?;
        found.namespace.ok_or_else(|| Error::OrganizationUnknown(name.to_string()))
    }

    /// Returns a registry, when the actor may do something with it.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens that do not include it, and for lower roles; `RegistryUnknown` when
    /// there is none, or it may not be known.
    pub async fn authorize_registry(
        &self,
        actor: &Actor,
        name: &Namespace,
        action: RegistryAction,
    ) -> Result<Registry> {
        let target = Target::Namespace(name.clone());
        let input = (actor.principal().clone(), target.clone(), name.clone(), self.clock.now());
        let (found, registry) = self
            .metadata
            .look_up(input, |tx, (principal, target, name, now)| {
                Box::pin(async move {
                    let found = Relationship::load(tx, principal, target, *now).await?;
                    Ok((found, tx.find_registry(name).await?))
                })
            })
            .await?;
        let mut facts = self.facts(&found, actor, &target);
        if registry.is_none() {
            facts.namespace = None;
        }
        check(&facts, action, Subject::Registry(name))?;
        registry.ok_or_else(|| Error::RegistryUnknown(name.to_string()))
    }

    /// Returns the account that acts, if its credential includes this about registries.
    pub async fn registry_account(&self, actor: &Actor, action: RegistryAction) -> Result<Account> {
        let (own, token) = self.authorize_account(actor, AccountAction::Identify).await?;
        check_registry_restriction(token.as_ref().map(|token| &token.restriction), action)
            .map_err(|refusal| refusal.into_error(action.into(), Subject::Nothing))?;
        Ok(own)
    }

    /// Finds an account by name for the operator.
    pub async fn find_account(&self, name: &Namespace) -> Result<Account> {
        self.metadata
            .look_up(name.clone(), |tx, name| Box::pin(tx.find_account_by_name(name)))
            .await?
            .ok_or_else(|| Error::UserUnknown(name.to_string()))
    }

    /// Returns an account whose audit log an actor may read: its own, that of an organization that it owns, and the
    /// operator and administrators all.
    ///
    /// # Errors
    /// `Unauthenticated`; `OrganizationUnknown` when there is no such account or it may not be known; `Denied` for
    /// members who are not owners, for access tokens of a lower scope than `repo:admin`, and without the plan for it.
    pub async fn authorize_audit(&self, actor: &Actor, name: &Namespace) -> Result<Account> {
        if actor.is_operator() {
            return self.find_account(name).await;
        }
        let target = Target::Namespace(name.clone());
        let found = self.relationship(actor, &target).await?;
        let facts = self.facts(&found, actor, &target);
        let is_organization =
            found.namespace.as_ref().is_none_or(|account| account.kind == AccountKind::Organization);
        let action = match is_organization {
            true => OrganizationAction::ReadAuditLog.into(),
            false => AccountAction::ReadAuditLog.into(),
        };
        let may = match is_organization || facts.owns_namespace() {
            true => decide(&facts, action),
            false => Err(if actor.is_anonymous() { Refusal::SignIn } else { Refusal::Hidden }),
        };
        may.map_err(|refusal| refusal.into_error(action, Subject::Namespace(name)))?;
        let account = found.namespace.ok_or_else(|| Error::OrganizationUnknown(name.to_string()))?;
        match is_organization {
            true => account.plan.check(Feature::AuditLog).map(|()| account),
            false => Ok(account),
        }
    }

    /// Checks that the actor may do something in a repository. Whoever may not see it is told that it does not exist.
    ///
    /// # Errors
    /// `Unauthenticated` when signing in or asking for another token could help; `RepositoryUnknown` when the
    /// actor may not see it; `Denied` when the actor may see but not do this.
    pub async fn authorize(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        action: RepositoryAction,
    ) -> Result<Access> {
        let access = self.access(actor, name).await?;
        let decided = access.decide(actor, name, action);
        // Whoever has a token for pushing goes on; who has none is told why there is none now.
        let has_push_token = decided.is_ok() && matches!(actor.scope(), CredentialScope::Listed { .. });
        let may_push = matches!(decided, Ok(()) | Err(Refusal::OutsideProject | Refusal::InsufficientScope));
        if action == RepositoryAction::Push
            && access.subscribed.is_some()
            && may_push
            && !has_push_token
            && let Some(namespace) = access.namespace_id
        {
            self.check_writable(namespace).await?;
        }
        match decided {
            Ok(()) => Ok(access),
            Err(refusal) => Err(refusal.into_error(action.into(), Subject::Repository(name))),
        }
    }

    /// Checks that the actor may do something in a repository that exists.
    ///
    /// # Errors
    /// As [`AccessControl::authorize`]; `RepositoryUnknown` when there is none.
    pub async fn authorize_existing(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        action: RepositoryAction,
    ) -> Result<Arc<Repository>> {
        let access = self.authorize(actor, name, action).await?;
        access.repository.ok_or_else(|| Error::RepositoryUnknown(name.clone()))
    }

    /// Checks that the actor may ask whether something is there: for pulling, or to find out what is left to be pushed,
    /// also where the actor may push but an organization does not let its members pull.
    ///
    /// # Errors
    /// As [`AccessControl::authorize_existing`] for pulling.
    pub async fn authorize_asking(
        &self,
        actor: &Actor,
        name: &RepositoryName,
    ) -> Result<(Arc<Repository>, LeaseRenewal)> {
        let access = self.access(actor, name).await?;
        let action = match access.blocked_by.is_some() && access.allows(RepositoryAction::Push) {
            true => RepositoryAction::Push,
            false => RepositoryAction::Pull,
        };
        let renewal = match access.subscribed {
            Some(_) => LeaseRenewal::OfRegistry,
            None => LeaseRenewal::Plain,
        };
        self.authorize_existing(actor, name, action).await.map(|repository| (repository, renewal))
    }

    /// Finds out what lists of repositories may show an actor.
    ///
    /// # Errors
    /// `Unauthenticated` when the actor's credential has become void.
    pub async fn visible(&self, actor: &Actor) -> Result<Visible> {
        let found = self.relationship(actor, &Target::Nothing).await?;
        Ok(policy::visible(&self.facts(&found, actor, &Target::Nothing)))
    }

    /// Finds a namespace with what lists of its repositories may show an actor, and whether the actor knows of it also where it
    /// sees none of them.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void; `OrganizationUnknown` when there is no such namespace.
    pub async fn visible_in_namespace(
        &self,
        actor: &Actor,
        name: &Namespace,
    ) -> Result<(AccountId, Visible, bool)> {
        let target = Target::RepositoriesOf(name.clone());
        let found = self.relationship(actor, &target).await?;
        let unknown = || Error::OrganizationUnknown(name.to_string());
        let facts = self.facts(&found, actor, &target);
        let visible = policy::visible_in_namespace(&facts).map_err(|_| unknown())?;
        let is_known = policy::knows_namespace(&facts);
        Ok((found.namespace.ok_or_else(unknown)?.id, visible, is_known))
    }

    /// Checks that an actor's credential is good now.
    ///
    /// # Errors
    /// `Unauthenticated` when it has become void.
    pub async fn check_actor(&self, actor: &Actor) -> Result<()> {
        self.relationship(actor, &Target::Nothing).await.map(|_| ())
    }

    /// Returns the operator for an administrator of the registry; `None` for everybody else. Whether the administrator is there is for
    /// the caller to find out.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void; `Denied` where administrators are to come to the machine.
    pub async fn operator_for(&self, actor: &Actor) -> Result<Option<Actor>> {
        let account = self.get_own_account(actor).await?;
        let Some(principal) = actor.as_account().filter(|_| account.is_administrator) else {
            return Ok(None);
        };
        match self.settings.remote_administration {
            true => Ok(Some(Actor::operator_for(principal.clone(), actor.proof()))),
            false => Err(Error::denied("this is done at the machine of the registry: admin.remote is off")),
        }
    }

    /// Checks that the operator acts.
    pub fn require_operator(&self, actor: &Actor) -> Result<()> {
        let found = Relationship::default();
        let who = match actor.principal() {
            Principal::Account(account) => Who::Account { id: account.account_id, is_administrator: false },
            Principal::Anonymous => Who::Anonymous,
            Principal::Operator => Who::Operator,
        };
        let facts = Facts { who, ..self.facts(&found, actor, &Target::Nothing) };
        check(&facts, Action::Server, Subject::Nothing)
    }
}
