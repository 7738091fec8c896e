//! What somebody may want to do, with what.

use std::fmt;

/// What someone wants to do with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RepositoryAction {
    /// See the repository itself: its descriptions and settings.
    View,
    /// See what is there: tags, images, their history and activity.
    ViewTags,
    /// Read manifests and blobs, through the registry.
    Pull,
    /// Upload and mount blobs, put manifests, set tags; creates the repository.
    Push,
    /// Create the repository.
    Create,
    /// Delete images and blobs.
    Delete,
    /// Delete tags.
    DeleteTag,
    /// Change the descriptions and the visibility.
    Edit,
    /// Decide which tags never move.
    SetImmutability,
    /// See what teams may do.
    ViewTeams,
    /// Decide what teams may do.
    AssignTeam,
    /// Delete the repository.
    Remove,
}

impl RepositoryAction {
    /// All.
    pub const ALL: &[Self] = &[
        Self::View,
        Self::ViewTags,
        Self::Pull,
        Self::Push,
        Self::Create,
        Self::Delete,
        Self::DeleteTag,
        Self::Edit,
        Self::SetImmutability,
        Self::ViewTeams,
        Self::AssignTeam,
        Self::Remove,
    ];

    /// Returns the action's name in token scopes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View | Self::ViewTags | Self::Pull => "pull",
            Self::Push | Self::Create => "push",
            Self::Delete | Self::DeleteTag => "delete",
            Self::Edit | Self::SetImmutability | Self::ViewTeams | Self::AssignTeam | Self::Remove => "*",
        }
    }

    /// Returns the level that includes it.
    pub fn needs(self) -> Level {
        match self {
            Self::View | Self::ViewTags | Self::Pull => Level::Read,
            Self::Push | Self::Create => Level::Write,
            _ => Level::Admin,
        }
    }
}

impl RepositoryAction {
    /// Returns what it is, with the repository as "it".
    pub fn describe(self) -> &'static str {
        match self {
            Self::View => "look at it",
            Self::ViewTags => "look at its tags and images",
            Self::Pull => "pull from it",
            Self::Push => "push to it",
            Self::Create => "create it",
            Self::Delete => "delete from it",
            Self::DeleteTag => "delete its tags",
            Self::Edit => "change its settings",
            Self::SetImmutability => "decide on its immutable tags",
            Self::ViewTeams => "see what teams may do in it",
            Self::AssignTeam => "decide what teams may do in it",
            Self::Remove => "delete it",
        }
    }
}

impl fmt::Display for RepositoryAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Actions(u16);

impl Actions {
    /// No action.
    pub const NONE: Self = Self(0);

    /// Returns whether the action is among them.
    pub fn contains(self, action: RepositoryAction) -> bool {
        self.0 & (1 << action as u16) != 0
    }

    /// Returns whether there is none.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Returns those that are in one of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns those but one.
    #[must_use]
    pub fn without(self, action: RepositoryAction) -> Self {
        Self(self.0 & !(1 << action as u16))
    }

    /// Returns those that are in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<RepositoryAction> for Actions {
    fn from_iter<T: IntoIterator<Item = RepositoryAction>>(actions: T) -> Self {
        Self(actions.into_iter().fold(0, |set, action| set | (1 << action as u16)))
    }
}

/// How much someone may do in a repository. Each level includes the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing, not even know that it exists.
    #[default]
    None,
    /// Pull.
    Read,
    /// Pull and push.
    Write,
    /// Everything.
    Admin,
}

impl Level {
    /// Returns the word for it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::None => "no",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Returns the actions that the level includes.
    pub fn actions(self) -> Actions {
        RepositoryAction::ALL.iter().copied().filter(|action| self >= action.needs()).collect()
    }
}

/// What someone wants to do with an organization itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationAction {
    /// See what it is.
    View,
    /// See its members.
    ViewMembers,
    /// Change roles of members and remove them.
    ManageMembers,
    /// See who is invited.
    ViewInvites,
    /// Invite, and call invites back.
    ManageInvites,
    /// See its teams and their members.
    ViewTeams,
    /// Create, change and delete teams, and decide who is in them.
    ManageTeams,
    /// See its settings.
    ViewSettings,
    /// Change its settings and its profile.
    ManageSettings,
    /// See, create, change and delete its access tokens.
    ManageTokens,
    /// See, make, renew and revoke the tokens of its identity providers.
    ManageProvisioning,
    /// Read its audit log.
    ReadAuditLog,
    /// See it as a registry, and get credentials for pulling from it.
    ViewRegistry,
    /// Manage it as a registry, and get credentials for pushing to it.
    ManageRegistry,
}

/// What somebody wants to do with a registry itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryAction {
    /// See it, its repositories as far as they may be seen, its subscription and its collections.
    View,
    /// Get a credential for pulling.
    PullCredential,
    /// Get a credential for pulling and pushing.
    PushCredential,
    /// Create and delete it, change its subscription, collect its garbage.
    Manage,
}

impl RegistryAction {
    /// Returns what it is, after "may".
    pub fn describe(self) -> &'static str {
        match self {
            Self::View => "look at registries",
            Self::PullCredential => "get credentials for pulling",
            Self::PushCredential => "get credentials for pushing",
            Self::Manage => "manage registries",
        }
    }
}

/// What someone wants to do with a namespace as a whole, be it a user's or an organization's.
///
/// SWR API, "Organizations".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceAction {
    /// See that it is there, and who owns it.
    View,
    /// See everything that it shares.
    ViewShares,
    /// Decide who may do what in it.
    ManagePermissions,
    /// Decide on the roles of its members.
    ManageRoles,
    /// Delete it.
    Delete,
}

/// What an account wants to do with what is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountAction {
    /// Learn who it is.
    Identify,
    /// Use a management API: a credential that is for pulling and pushing does not.
    UseManagement,
    /// See what it has that is not public.
    Read,
    /// Read its audit log.
    ReadAuditLog,
    /// Make namespaces and decide who may do what in its own.
    Manage,
    /// Change how it signs in: password, second factor, access tokens.
    ManageCredentials,
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// With a repository.
    Repository(RepositoryAction),
    /// With a namespace.
    Namespace(NamespaceAction),
    /// With an organization.
    Organization(OrganizationAction),
    /// With a registry.
    Registry(RegistryAction),
    /// With one's own account.
    Account(AccountAction),
    /// With the whole server, which the operator does.
    Server,
}

impl From<RepositoryAction> for Action {
    fn from(action: RepositoryAction) -> Self {
        Self::Repository(action)
    }
}

impl From<NamespaceAction> for Action {
    fn from(action: NamespaceAction) -> Self {
        Self::Namespace(action)
    }
}

impl From<OrganizationAction> for Action {
    fn from(action: OrganizationAction) -> Self {
        Self::Organization(action)
    }
}

impl From<RegistryAction> for Action {
    fn from(action: RegistryAction) -> Self {
        Self::Registry(action)
    }
}

impl From<AccountAction> for Action {
    fn from(action: AccountAction) -> Self {
        Self::Account(action)
    }
}
