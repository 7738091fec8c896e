//! The one authorization rule: from facts to what an actor may do. Default deny.
//!
//! Nothing else interprets roles, levels, permissions or what a credential leaves of them. Whoever loads facts only loads
//! them.

use crate::access::action::{
    AccountAction, Action, Actions, Level, NamespaceAction, OrganizationAction, RegistryAction,
    RepositoryAction,
};
use crate::access::actor::CredentialScope;
use crate::access::refusal::{Refusal, Subject};
use crate::account::{AccountId, OrganizationRole};
use crate::credential::{Scope, TokenRestriction};
use crate::error::Error;
use crate::name::{Namespace, RepositoryName};
use crate::repository::Visibility;

/// What a decision depends on, as loaded from the metadata store.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// Who acts.
    pub who: Who,
    /// What the credential covers.
    pub scope: &'f CredentialScope,
    /// What the access token leaves that the actor came with, if any.
    pub restriction: Option<&'f TokenRestriction>,
    /// The namespace that it is about, and what the actor is to it; `None` when there is no such namespace.
    pub namespace: Option<NamespaceFacts<'f>>,
    /// The repository that it is about, whether or not it exists.
    pub repository: Option<RepositoryFacts<'f>>,
    /// Whether public repositories can be pulled without signing in.
    pub anonymous_pull: bool,
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nobody signed in.
    Anonymous,
    /// The operator at the machine.
    Operator,
    /// An account whose credential is valid now.
    Account {
        /// Which.
        id: AccountId,
        /// True for administrators of the registry.
        is_administrator: bool,
    },
}

/// A namespace, and what the account that acts is to it.
#[derive(Clone, Copy, Debug)]
pub struct NamespaceFacts<'f> {
    /// Its name.
    pub name: &'f Namespace,
    /// False for an organization that was disabled.
    pub is_active: bool,
    /// True when the namespace is the account's own.
    pub is_own: bool,
    /// The account's role in the organization that it is.
    pub role: Option<OrganizationRole>,
    /// Whether members of the organization pull from all its repositories.
    pub members_pull: bool,
    /// The most that the account itself was given for the namespace, or for the repository that it is about.
    pub permission: Level,
    /// Whether it was given something in a single repository of the namespace; matters for lists only.
    pub has_repository_permission: bool,
}

/// A repository, and what the account that acts is to it.
#[derive(Clone, Copy, Debug)]
pub struct RepositoryFacts<'f> {
    /// Its name.
    pub name: &'f RepositoryName,
    /// Its visibility; `None` when there is no such repository yet.
    pub visibility: Option<Visibility>,
    /// The most that a team of the account's may do in it.
    pub team: Level,
    /// Whether it is shared with the account, or with an organization of its.
    pub is_shared: bool,
    /// Whether an owner made tags immutable, so that only owners change that.
    pub immutability_is_owners: bool,
    /// An organization of the account's that does not let its members pull from here.
    pub blocked_by: Option<&'f Namespace>,
}

/// What lists, searches and counts of repositories show: the one filter that all of them pass, of one namespace or of all.
///
/// A list shows exactly what [`decide`] lets the actor view, with these exceptions and no others:
///
/// - **Shares.** What is shared with an account is in the lists of what is shared with it and in no others: else anybody could
///   fill the lists of others.
/// - **Access tokens.** A list does not ask what a token leaves in each repository: a token lists all that its account sees, or
///   only what is public to everybody ([`TokenRestriction::lists_private`]), also an administrator's. So credentials for
///   `docker login` list what is public; and an organization's token lists what is public, or with the scope for listing all
///   that the organization sees, whatever else it allows.
/// - **Scopes.** What the credential covers besides is asked before: [`CredentialScope::covers_catalog`],
///   [`CredentialScope::covers_search`], [`visible_in_namespace`], and the project of lists of an account's own.
///
/// The metadata store turns it into SQL in one place; a test holds that against this rule on random worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visible {
    /// Nothing.
    Nothing,
    /// What is public, but in organizations that are disabled.
    Public,
    /// What is public, what is the account's own, and what it sees by role, team or permission, but in organizations that are
    /// disabled.
    OfAccount(AccountId),
    /// All, also in organizations that are disabled.
    All,
}

impl Facts<'_> {
    fn is_administrator(&self) -> bool {
        matches!(self.who, Who::Operator | Who::Account { is_administrator: true, .. })
    }

    /// Returns whether the actor may do with the namespace what only its owners may.
    pub fn owns_namespace(&self) -> bool {
        self.namespace.is_some_and(|namespace| self.is_owner(&namespace))
    }

    fn is_owner(&self, namespace: &NamespaceFacts<'_>) -> bool {
        let owns = namespace.is_own || namespace.role == Some(OrganizationRole::Owner);
        self.is_administrator() || (owns && namespace.is_active)
    }

    /// Returns whether there is an access token that is for less than all that its account may do.
    fn is_restricted(&self) -> bool {
        !matches!(self.restriction, None | Some(TokenRestriction::Scope(Scope::Account)))
    }
}

/// Decides whether an actor may do something. Everything not granted here is refused.
///
/// # Errors
/// Why not, and what is missing.
pub fn decide(facts: &Facts<'_>, action: Action) -> Result<(), Refusal> {
    match action {
        Action::Repository(action) => {
            let repository = facts.repository.ok_or(Refusal::Hidden)?;
            let allowed = Allowed {
                repository: repository.name,
                exists: repository.visibility.is_some(),
                actions: repository_actions(facts),
                of_account: account_actions(facts),
                blocked_by: repository.blocked_by,
                scope: facts.scope,
                is_anonymous: facts.who == Who::Anonymous,
                by_token: facts.restriction.is_some(),
            };
            allowed.decide(action)
        }
        Action::Namespace(action) => decide_namespace(facts, action),
        Action::Organization(action) => decide_organization(facts, action),
        Action::Registry(action) => decide_registry(facts, action),
        Action::Account(action) => decide_account(facts, action),
        Action::Server => match facts.who {
            Who::Operator => Ok(()),
            Who::Anonymous => Err(Refusal::SignIn),
            Who::Account { .. } => Err(Refusal::OnlyOperator),
        },
    }
}

/// Decides, and refuses in words for the client.
///
/// # Errors
/// As [`decide`], as the error that says what is missing and what to do.
pub fn check(facts: &Facts<'_>, action: impl Into<Action>, subject: Subject<'_>) -> Result<(), Error> {
    let action = action.into();
    decide(facts, action).map_err(|refusal| refusal.into_error(action, subject))
}

/// Why somebody may do something in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The operator may do everything.
    Operator,
    /// Administrators of the registry may do everything.
    Administrator,
    /// The namespace is the account's own.
    Own,
    /// The role in the organization.
    Role(OrganizationRole),
    /// What the account itself was given, for the namespace or the repository.
    Permission,
    /// What a team was given that it is in.
    Team,
    /// The repository is shared with it, or with an organization of its.
    Share,
    /// The repository is public.
    Public,
}

/// Returns why, and how much, the actor may do something in each repository of a namespace that is not disabled.
fn grounds_in_namespace(facts: &Facts<'_>, namespace: &NamespaceFacts<'_>) -> [(Ground, Level); 4] {
    let by_role = match namespace.role {
        Some(OrganizationRole::Owner | OrganizationRole::Editor) => Level::Admin,
        Some(OrganizationRole::Member) if namespace.members_pull => Level::Read,
        Some(OrganizationRole::Member) | None => Level::None,
    };
    let all = |may: bool| if may { Level::Admin } else { Level::None };
    [
        (Ground::Administrator, all(facts.is_administrator())),
        (Ground::Own, all(namespace.is_own)),
        (Ground::Role(namespace.role.unwrap_or(OrganizationRole::Member)), by_role),
        (Ground::Permission, namespace.permission),
    ]
}

/// Returns why, and how much, the actor may do something in the repository, whatever its credential covers besides: the most of it
/// counts. Those that give nothing are left out.
pub fn grounds(facts: &Facts<'_>) -> impl Iterator<Item = (Ground, Level)> {
    const NOTHING: (Ground, Level) = (Ground::Public, Level::None);
    let mut found = [NOTHING; 7];
    if let (Some(namespace), Some(repository)) = (facts.namespace, facts.repository) {
        let read = |may: bool| if may { Level::Read } else { Level::None };
        let public = (Ground::Public, read(repository.visibility == Some(Visibility::Public)));
        match facts.who {
            Who::Operator => found[0] = (Ground::Operator, Level::Admin),
            _ if !namespace.is_active && !facts.is_administrator() => {}
            Who::Anonymous if facts.anonymous_pull => found[0] = public,
            Who::Anonymous => {}
            Who::Account { .. } => {
                let by_team = match namespace.role {
                    Some(OrganizationRole::Member) => repository.team,
                    // Who has left the organization has left its teams.
                    _ => Level::None,
                };
                found[..4].copy_from_slice(&grounds_in_namespace(facts, &namespace));
                found[4] = (Ground::Team, by_team);
                found[5] = (Ground::Share, read(repository.is_shared));
                found[6] = public;
            }
        }
    }
    found.into_iter().filter(|(_, level)| *level > Level::None)
}

fn most(grounds: impl IntoIterator<Item = (Ground, Level)>) -> Level {
    grounds.into_iter().map(|(_, level)| level).max().unwrap_or(Level::None)
}

/// Returns what the actor may do in the repository, whatever its credential covers besides, and whether or not an organization
/// lets it pull.
pub fn repository_actions(facts: &Facts<'_>) -> Actions {
    let allowed = account_actions(facts);
    match (facts.restriction, facts.repository) {
        (Some(restriction), Some(repository)) => {
            allowed.intersection(restriction.repository_actions(repository.name, repository.visibility))
        }
        _ => allowed,
    }
}

/// Returns the same without what an access token takes away.
pub fn account_actions(facts: &Facts<'_>) -> Actions {
    let (Some(namespace), Some(repository)) = (facts.namespace, facts.repository) else {
        return Actions::NONE;
    };
    let mut allowed = most(grounds(facts)).actions();
    if repository.immutability_is_owners && !facts.is_owner(&namespace) {
        allowed = allowed.without(RepositoryAction::SetImmutability);
    }
    allowed
}

/// What is allowed in a repository, as it was found, maybe some time ago, with what the credential at hand covers.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    /// The repository.
    pub repository: &'a RepositoryName,
    /// Whether it exists.
    pub exists: bool,
    /// What is allowed, as [`repository_actions`] returned it.
    pub actions: Actions,
    /// What the account may do without the access token that it came with, as [`account_actions`] returned it.
    pub of_account: Actions,
    /// An organization of the actor's that does not let its members pull from there.
    pub blocked_by: Option<&'a Namespace>,
    /// What the credential covers.
    pub scope: &'a CredentialScope,
    /// Whether nobody signed in.
    pub is_anonymous: bool,
    /// Whether the actor came with an access token.
    pub by_token: bool,
}

impl Allowed<'_> {
    /// Decides whether an action is among what is allowed and covered.
    ///
    /// # Errors
    /// As [`decide`].
    pub fn decide(&self, action: RepositoryAction) -> Result<(), Refusal> {
        // Where the account may not do it either, another token does not help.
        let by_token = self.by_token && self.of_account.contains(action);
        if !self.actions.contains(action) {
            // Of what is not there yet, only whoever may make it learns that it is not.
            let makes = matches!(action, RepositoryAction::Push | RepositoryAction::Create);
            let is_hidden = self.actions.is_empty() || (!self.exists && !makes);
            let is_kept = action == RepositoryAction::SetImmutability
                && self.actions.contains(RepositoryAction::AssignTeam);
            return Err(match () {
                () if self.is_anonymous => Refusal::SignIn,
                () if is_hidden && makes => Refusal::MayNotPush { by_token },
                () if is_hidden => Refusal::Hidden,
                () if by_token => Refusal::TokenLacks(action),
                () if is_kept => Refusal::ImmutabilityIsOwners,
                () => Refusal::Level { action, has: repository_level(self.of_account) },
            });
        }
        if let (RepositoryAction::Pull, Some(organization)) = (action, self.blocked_by) {
            return Err(Refusal::Blocked(organization.clone()));
        }
        match (self.scope.covers(self.repository, action), self.scope) {
            (true, _) => Ok(()),
            (false, CredentialScope::Namespace(_)) => Err(Refusal::OutsideProject),
            (false, _) => Err(Refusal::InsufficientScope),
        }
    }
}

/// Returns how much the actor may do in a repository, by what is allowed there.
pub fn repository_level(allowed: Actions) -> Level {
    let levels = [
        (Level::Admin, RepositoryAction::AssignTeam),
        (Level::Write, RepositoryAction::Push),
        (Level::Read, RepositoryAction::View),
    ];
    let found = levels.into_iter().find(|(_, action)| allowed.contains(*action));
    found.map_or(Level::None, |(level, _)| level)
}

/// Returns how much a role lets somebody do in a namespace as a whole.
///
/// An editor does not decide who may do what there; in each repository, an editor does.
pub fn namespace_level_of(role: OrganizationRole) -> Level {
    match role {
        OrganizationRole::Owner => Level::Admin,
        OrganizationRole::Editor => Level::Write,
        OrganizationRole::Member => Level::Read,
    }
}

/// Returns how much the actor may do in the namespace as a whole.
pub fn namespace_level(facts: &Facts<'_>) -> Level {
    match (facts.who, facts.namespace) {
        (Who::Operator, Some(_)) => Level::Admin,
        (Who::Account { .. }, Some(namespace)) if facts.is_owner(&namespace) => Level::Admin,
        (Who::Account { .. }, Some(namespace)) if namespace.is_active => {
            namespace.role.map_or(Level::None, namespace_level_of).max(namespace.permission)
        }
        _ => Level::None,
    }
}

fn decide_namespace(facts: &Facts<'_>, action: NamespaceAction) -> Result<(), Refusal> {
    if facts.who == Who::Anonymous {
        return Err(Refusal::SignIn);
    }
    let namespace = facts.namespace.ok_or(Refusal::Hidden)?;
    if !facts.scope.covers_namespace(namespace.name) {
        return Err(Refusal::OutsideProject);
    }
    decide_account(facts, AccountAction::Read)?;
    let level = namespace_level(facts);
    if level == Level::None {
        return Err(Refusal::Hidden);
    }
    match action {
        NamespaceAction::View => Ok(()),
        NamespaceAction::ViewShares if level < Level::Write => Err(Refusal::Role(OrganizationRole::Editor)),
        NamespaceAction::ViewShares => Ok(()),
        _ if facts.is_restricted() => Err(Refusal::TokenIsNoManager),
        NamespaceAction::ManagePermissions if level < Level::Admin => Err(Refusal::MayNotGrant),
        NamespaceAction::ManagePermissions => Ok(()),
        NamespaceAction::ManageRoles | NamespaceAction::Delete => match facts.is_owner(&namespace) {
            true => Ok(()),
            false => Err(Refusal::Role(OrganizationRole::Owner)),
        },
    }
}

/// Returns the lowest role that may do something with an organization.
pub fn role_for(action: OrganizationAction) -> OrganizationRole {
    match action {
        OrganizationAction::View
        | OrganizationAction::ViewMembers
        | OrganizationAction::ViewTeams
        | OrganizationAction::ViewSettings
        | OrganizationAction::ViewRegistry => OrganizationRole::Member,
        OrganizationAction::ManageMembers
        | OrganizationAction::ViewInvites
        | OrganizationAction::ManageInvites
        | OrganizationAction::ManageTeams
        | OrganizationAction::ManageSettings
        | OrganizationAction::ManageTokens
        | OrganizationAction::ManageProvisioning
        | OrganizationAction::ReadAuditLog
        | OrganizationAction::ManageRegistry => OrganizationRole::Owner,
    }
}

fn decide_organization(facts: &Facts<'_>, action: OrganizationAction) -> Result<(), Refusal> {
    if facts.who == Who::Anonymous {
        return Err(Refusal::SignIn);
    }
    let namespace = facts.namespace.ok_or(Refusal::Hidden)?;
    let is_known = namespace.is_active && (namespace.role.is_some() || namespace.is_own);
    if !is_known && !facts.is_administrator() {
        return Err(Refusal::Hidden);
    }
    if !facts.scope.covers_namespace(namespace.name) {
        return Err(Refusal::OutsideProject);
    }
    match facts.restriction {
        // An organization's own access tokens are no members: what they list is what they may.
        Some(TokenRestriction::Resources(resources)) => {
            return match namespace.is_own && resources.allow(action) {
                true => Ok(()),
                false => Err(Refusal::TokenLacksResource(action)),
            };
        }
        restriction if action == OrganizationAction::ReadAuditLog && !reads_audit_log(restriction) => {
            return Err(Refusal::TokenLacksResource(action));
        }
        _ if action != OrganizationAction::ReadAuditLog && facts.is_restricted() => {
            return Err(Refusal::TokenIsNoPassword);
        }
        _ => {}
    }
    let needed = role_for(action);
    // An organization's access token with a scope reads its own audit log.
    let reads_own = namespace.is_own && action == OrganizationAction::ReadAuditLog;
    match facts.is_administrator() || reads_own || namespace.role >= Some(needed) {
        true => Ok(()),
        false => Err(Refusal::Role(needed)),
    }
}

/// Returns whether an access token may be used for something with registries, or what it lacks.
///
/// # Errors
/// As [`decide`].
pub fn check_registry_restriction(
    restriction: Option<&TokenRestriction>,
    action: RegistryAction,
) -> Result<(), Refusal> {
    let scope_needed = match action {
        RegistryAction::View | RegistryAction::PullCredential => Scope::Read,
        RegistryAction::PushCredential => Scope::Write,
        RegistryAction::Manage => Scope::Admin,
    };
    let (listed_needed, listed_name) = match action {
        RegistryAction::View | RegistryAction::PullCredential => {
            (OrganizationAction::ViewRegistry, "scope-registry-read")
        }
        RegistryAction::PushCredential | RegistryAction::Manage => {
            (OrganizationAction::ManageRegistry, "scope-registry-admin")
        }
    };
    let (is_enough, missing) = match restriction {
        None => return Ok(()),
        Some(TokenRestriction::Scope(scope)) => (*scope >= scope_needed, scope_needed.as_str()),
        Some(TokenRestriction::Resources(resources)) => (resources.allow(listed_needed), listed_name),
        Some(TokenRestriction::Registry { .. } | TokenRestriction::Login { .. }) => {
            return Err(Refusal::CredentialOnly);
        }
    };
    if is_enough { Ok(()) } else { Err(Refusal::TokenLacksScope { action, missing }) }
}

fn decide_registry(facts: &Facts<'_>, action: RegistryAction) -> Result<(), Refusal> {
    if facts.who == Who::Anonymous {
        return Err(Refusal::SignIn);
    }
    check_registry_restriction(facts.restriction, action)?;
    let namespace = facts.namespace.ok_or(Refusal::Hidden)?;
    let role = namespace.role.filter(|_| namespace.is_active);
    if !namespace.is_own && role.is_none() && !facts.is_administrator() {
        return Err(Refusal::Hidden);
    }
    if !facts.scope.covers_namespace(namespace.name) {
        return Err(Refusal::OutsideProject);
    }
    let needed = match action {
        // What a credential may do is decided when it is used, by the role of whoever got it.
        RegistryAction::View | RegistryAction::PullCredential | RegistryAction::PushCredential => {
            OrganizationRole::Member
        }
        RegistryAction::Manage => OrganizationRole::Owner,
    };
    match namespace.is_own || facts.is_administrator() || role >= Some(needed) {
        true => Ok(()),
        false => Err(Refusal::RegistryRole { action, needed }),
    }
}

/// Returns whether an access token leaves its account that it reads an audit log.
fn reads_audit_log(restriction: Option<&TokenRestriction>) -> bool {
    match restriction {
        None => true,
        Some(TokenRestriction::Scope(scope)) => *scope >= Scope::Admin,
        Some(TokenRestriction::Resources(resources)) => resources.allow(OrganizationAction::ReadAuditLog),
        Some(TokenRestriction::Registry { .. } | TokenRestriction::Login { .. }) => false,
    }
}

fn decide_account(facts: &Facts<'_>, action: AccountAction) -> Result<(), Refusal> {
    match facts.who {
        Who::Anonymous => return Err(Refusal::SignIn),
        Who::Operator => {
            return match action {
                AccountAction::Identify | AccountAction::UseManagement | AccountAction::Read => Ok(()),
                _ => Err(Refusal::OperatorHasNoAccount),
            };
        }
        Who::Account { .. } => {}
    }
    // A bearer token of the token service is for the registry protocol.
    if matches!(facts.scope, CredentialScope::Listed { .. }) && action != AccountAction::Identify {
        return Err(Refusal::InsufficientScope);
    }
    match action {
        AccountAction::Identify => Ok(()),
        AccountAction::UseManagement => match facts.restriction {
            Some(restriction) if restriction.is_credential() => Err(Refusal::CredentialOnly),
            _ => Ok(()),
        },
        AccountAction::Read => match facts.restriction {
            Some(restriction) if !restriction.lists_private() => Err(Refusal::TokenIsForPublic),
            _ => Ok(()),
        },
        AccountAction::ReadAuditLog if reads_audit_log(facts.restriction) => Ok(()),
        AccountAction::ReadAuditLog => Err(Refusal::TokenLacksResource(OrganizationAction::ReadAuditLog)),
        AccountAction::Manage if facts.is_restricted() => Err(Refusal::TokenIsNoManager),
        AccountAction::Manage => Ok(()),
        AccountAction::ManageCredentials if facts.restriction.is_some() => Err(Refusal::TokenIsNoPassword),
        AccountAction::ManageCredentials => match facts.scope {
            CredentialScope::Everything => Ok(()),
            _ => Err(Refusal::OutsideProject),
        },
    }
}

/// Returns what lists of repositories may show the actor.
pub fn visible(facts: &Facts<'_>) -> Visible {
    match facts.who {
        Who::Operator => Visible::All,
        Who::Anonymous if facts.anonymous_pull => Visible::Public,
        Who::Anonymous => Visible::Nothing,
        Who::Account { .. } if !lists_private(facts) => Visible::Public,
        Who::Account { is_administrator: true, .. } => Visible::All,
        Who::Account { id, .. } => Visible::OfAccount(id),
    }
}

/// Returns what lists of the namespace's repositories may show the actor.
///
/// # Errors
/// `Hidden` when it may not know of the namespace; `OutsideProject` and `InsufficientScope` when the credential does not cover it.
pub fn visible_in_namespace(facts: &Facts<'_>) -> Result<Visible, Refusal> {
    let namespace = facts.namespace.ok_or(Refusal::Hidden)?;
    if !namespace.is_active && !facts.is_administrator() {
        return Err(Refusal::Hidden);
    }
    match (facts.scope.covers_namespace(namespace.name), facts.scope) {
        (true, _) => {}
        (false, CredentialScope::Namespace(_)) => return Err(Refusal::OutsideProject),
        (false, _) => return Err(Refusal::InsufficientScope),
    }
    match visible(facts) {
        Visible::Nothing => Err(Refusal::Hidden),
        // Lists need not ask of each.
        Visible::OfAccount(_) if most(grounds_in_namespace(facts, &namespace)) > Level::None => {
            Ok(Visible::All)
        }
        visible => Ok(visible),
    }
}

/// Returns whether the actor knows of the namespace also where it sees no repository of it: it is the actor's own, or the actor
/// may do something in it and its credential lists that.
pub fn knows_namespace(facts: &Facts<'_>) -> bool {
    let Some(namespace) = facts.namespace else { return false };
    let may_something = namespace_level(facts) > Level::None || namespace.has_repository_permission;
    namespace.is_own || (may_something && lists_private(facts))
}

fn lists_private(facts: &Facts<'_>) -> bool {
    facts.restriction.is_none_or(TokenRestriction::lists_private)
}

#[cfg(test)]
mod tests;
