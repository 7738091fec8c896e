//! The one authorization rule: from facts to what a principal may do in a repository. Default deny.
//!
//! What it may do with an organization itself is in [`crate::organization`].

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::account::{AccountId, OrganizationRole};
use crate::credential::Scope;
use crate::error::{Error, Result};
use crate::name::Namespace;
use crate::repository::Visibility;

/// What someone wants to do with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
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

impl Action {
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

    /// Gives the action's name in token scopes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View | Self::ViewTags | Self::Pull => "pull",
            Self::Push | Self::Create => "push",
            Self::Delete | Self::DeleteTag => "delete",
            Self::Edit | Self::SetImmutability | Self::ViewTeams | Self::AssignTeam | Self::Remove => "*",
        }
    }

    fn needs(self) -> Level {
        match self {
            Self::View | Self::ViewTags | Self::Pull => Level::Read,
            Self::Push | Self::Create => Level::Write,
            _ => Level::Admin,
        }
    }
}

impl fmt::Display for Action {
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

    /// Tells whether the action is among them.
    pub fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u16) != 0
    }

    /// Tells whether there is none.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Gives those that are in one of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Gives those that are in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<T: IntoIterator<Item = Action>>(actions: T) -> Self {
        Self(actions.into_iter().fold(0, |set, action| set | (1 << action as u16)))
    }
}

/// How much someone may do in a repository. Each level includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing, not even know that it exists.
    None,
    /// Pull.
    Read,
    /// Pull and push.
    Write,
    /// Everything.
    Admin,
}

impl Level {
    /// Gives the actions that the level includes.
    pub fn actions(self) -> Actions {
        Action::ALL.iter().copied().filter(|action| self >= action.needs()).collect()
    }
}

/// What a team may do in a repository, or a user there or in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryPermission {
    /// Pull.
    Read,
    /// Pull and push.
    Write,
    /// Everything.
    Admin,
}

impl RepositoryPermission {
    /// Gives the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Gives how much it allows.
    pub fn level(self) -> Level {
        match self {
            Self::Read => Level::Read,
            Self::Write => Level::Write,
            Self::Admin => Level::Admin,
        }
    }
}

impl FromStr for RepositoryPermission {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => Err(Error::Invalid { field: "permission", reason: "must be read, write or admin".into() }),
        }
    }
}

/// A user who was given something, with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPermission {
    /// Number of the account.
    pub user_id: AccountId,
    /// Public id of the account.
    pub uuid: Uuid,
    /// Its name.
    pub name: Namespace,
    /// What it was given.
    pub permission: RepositoryPermission,
}

/// Most users who may be given something in one namespace, or in one repository.
pub const USER_PERMISSIONS_LIMIT: u64 = 1000;

/// What an access token leaves of what its account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// All: there is no access token.
    None,
    /// What a scope includes, but for teams: what they may do would outlive the token.
    Scope(Scope),
    /// What an organization's access token says about the repository.
    Actions(Actions),
}

/// What the decision depends on, as loaded from the metadata store.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Who asks.
    pub subject: Subject,
    /// The repository's visibility; `None` when there is no such repository yet.
    pub visibility: Option<Visibility>,
    /// Whether public repositories can be pulled without signing in.
    pub anonymous_pull: bool,
    /// Whether the namespace is an organization that was switched off.
    pub namespace_is_disabled: bool,
}

/// Who asks, in relation to the namespace.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// Nobody signed in.
    Anonymous,
    /// The operator at the machine.
    Operator,
    /// An account whose credential is valid now.
    Account {
        /// True for administrators of the registry.
        is_administrator: bool,
        /// True when the namespace is the account's own.
        owns_namespace: bool,
        /// The account's role in the organization that the namespace is.
        role: Option<OrganizationRole>,
        /// The most that a team of the account's may do in the repository.
        team: Level,
        /// What the account itself was given for the repository or the namespace.
        permission: Level,
        /// Whether the repository is shared with it, or with an organization of its.
        is_shared: bool,
        /// Whether members of the organization pull from all its repositories.
        members_pull: bool,
        /// What the access token that it came with leaves of this.
        cap: Cap,
    },
}

/// Decides what the subject may do. Everything not granted here is denied.
pub fn allowed(facts: Facts) -> Actions {
    let is_public = facts.visibility == Some(Visibility::Public);
    match facts.subject {
        Subject::Operator => Level::Admin.actions(),
        Subject::Anonymous | Subject::Account { is_administrator: false, .. }
            if facts.namespace_is_disabled =>
        {
            Actions::NONE
        }
        Subject::Anonymous if is_public && facts.anonymous_pull => Level::Read.actions(),
        Subject::Anonymous => Actions::NONE,
        Subject::Account {
            is_administrator,
            owns_namespace,
            role,
            team,
            permission,
            is_shared,
            members_pull,
            cap,
        } => {
            let by_role = match role {
                Some(OrganizationRole::Owner | OrganizationRole::Editor) => Level::Admin,
                Some(OrganizationRole::Member) if members_pull => team.max(Level::Read),
                Some(OrganizationRole::Member) => team,
                None => Level::None,
            };
            let own = if is_administrator || owns_namespace { Level::Admin } else { by_role };
            let everybody = if is_public { Level::Read } else { Level::None };
            let shared = if is_shared { Level::Read } else { Level::None };
            let granted = own.max(permission).max(shared).max(everybody).actions();
            let left = match cap {
                Cap::None | Cap::Scope(Scope::Account) => Level::Admin.actions(),
                Cap::Scope(Scope::Admin) => {
                    let of_teams = [Action::ViewTeams, Action::AssignTeam];
                    Action::ALL.iter().copied().filter(|action| !of_teams.contains(action)).collect()
                }
                Cap::Scope(Scope::Write) => Level::Write.actions(),
                Cap::Scope(Scope::Read) => Level::Read.actions(),
                Cap::Scope(Scope::PublicRead) => everybody.actions(),
                Cap::Actions(actions) => actions,
            };
            granted.intersection(left)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(owns_namespace: bool, role: Option<OrganizationRole>, cap: Cap) -> Subject {
        Subject::Account {
            is_administrator: false,
            owns_namespace,
            role,
            team: Level::None,
            permission: Level::None,
            is_shared: false,
            members_pull: true,
            cap,
        }
    }

    fn decide(subject: Subject, visibility: Option<Visibility>) -> Actions {
        allowed(Facts { subject, visibility, anonymous_pull: true, namespace_is_disabled: false })
    }

    #[test]
    fn the_default_is_deny() {
        let stranger = account(false, None, Cap::None);
        for visibility in [None, Some(Visibility::Private)] {
            assert_eq!(decide(Subject::Anonymous, visibility), Level::None.actions());
            assert_eq!(decide(stranger, visibility), Level::None.actions());
        }
    }

    #[test]
    fn everybody_pulls_what_is_public_and_nothing_more() {
        assert_eq!(decide(Subject::Anonymous, Some(Visibility::Public)), Level::Read.actions());
        assert_eq!(decide(account(false, None, Cap::None), Some(Visibility::Public)), Level::Read.actions());
        let closed = Facts {
            subject: Subject::Anonymous,
            visibility: Some(Visibility::Public),
            anonymous_pull: false,
            namespace_is_disabled: false,
        };
        assert_eq!(allowed(closed), Actions::NONE);
    }

    #[test]
    fn a_disabled_namespace_is_for_administrators_only() {
        let facts = |subject| Facts {
            subject,
            visibility: Some(Visibility::Public),
            anonymous_pull: true,
            namespace_is_disabled: true,
        };
        let owner = account(false, Some(OrganizationRole::Owner), Cap::None);
        assert_eq!([allowed(facts(Subject::Anonymous)), allowed(facts(owner))], [Actions::NONE; 2]);
        assert_eq!(allowed(facts(Subject::Operator)), Level::Admin.actions());
    }

    #[test]
    fn roles_give_their_level() {
        let cases = [
            (OrganizationRole::Member, Level::Read),
            (OrganizationRole::Editor, Level::Admin),
            (OrganizationRole::Owner, Level::Admin),
        ];
        for (role, expected) in cases {
            assert_eq!(
                decide(account(false, Some(role), Cap::None), Some(Visibility::Private)),
                expected.actions()
            );
        }
        assert_eq!(decide(account(true, None, Cap::None), None), Level::Admin.actions());
    }

    #[test]
    fn teams_add_to_what_members_may_do() {
        let member = |role, team, members_pull| Subject::Account {
            is_administrator: false,
            owns_namespace: false,
            role,
            team,
            permission: Level::None,
            is_shared: false,
            members_pull,
            cap: Cap::None,
        };
        let member_of = Some(OrganizationRole::Member);
        for (team, all_pull, only_teams) in [
            (Level::None, Level::Read, Level::None),
            (Level::Read, Level::Read, Level::Read),
            (Level::Write, Level::Write, Level::Write),
            (Level::Admin, Level::Admin, Level::Admin),
        ] {
            let private = Some(Visibility::Private);
            assert_eq!(decide(member(member_of, team, true), private), all_pull.actions());
            assert_eq!(decide(member(member_of, team, false), private), only_teams.actions());
            // Who has left the organization has left its teams.
            assert_eq!(decide(member(None, team, true), private), Level::None.actions());
        }
        assert_eq!(
            decide(member(member_of, Level::None, false), Some(Visibility::Public)),
            Level::Read.actions()
        );
    }

    #[test]
    fn who_was_given_something_needs_no_role() {
        let given = |permission, is_shared, cap| Subject::Account {
            is_administrator: false,
            owns_namespace: false,
            role: None,
            team: Level::None,
            permission,
            is_shared,
            members_pull: true,
            cap,
        };
        let private = Some(Visibility::Private);
        for level in [Level::None, Level::Read, Level::Write, Level::Admin] {
            assert_eq!(decide(given(level, false, Cap::None), private), level.actions());
            let reading = given(level, false, Cap::Scope(Scope::Read));
            assert_eq!(decide(reading, private), level.min(Level::Read).actions());
        }
        assert_eq!(decide(given(Level::None, true, Cap::None), private), Level::Read.actions());
        assert!(decide(given(Level::Admin, true, Cap::Scope(Scope::PublicRead)), private).is_empty());
    }

    #[test]
    fn a_token_never_does_more_than_its_scope_or_its_owner() {
        let private = Some(Visibility::Private);
        for (scope, expected) in [(Scope::Read, Level::Read), (Scope::Write, Level::Write)] {
            assert_eq!(decide(account(true, None, Cap::Scope(scope)), private), expected.actions());
        }
        let by_admin = decide(account(true, None, Cap::Scope(Scope::Admin)), private);
        for action in Action::ALL {
            let of_teams = [Action::ViewTeams, Action::AssignTeam].contains(action);
            assert_eq!(by_admin.contains(*action), !of_teams, "{action:?}");
        }
        for scope in [Scope::PublicRead, Scope::Read, Scope::Write, Scope::Admin] {
            assert!(decide(account(false, None, Cap::Scope(scope)), private).is_empty());
        }
        let public_only = account(true, None, Cap::Scope(Scope::PublicRead));
        assert!(decide(public_only, private).is_empty());
        assert_eq!(decide(public_only, Some(Visibility::Public)), Level::Read.actions());
    }

    #[test]
    fn an_organizations_token_does_what_it_lists_of_what_the_organization_may() {
        let listed: Actions = [Action::Pull, Action::Push, Action::DeleteTag].into_iter().collect();
        let own = account(true, None, Cap::Actions(listed));
        assert_eq!(decide(own, Some(Visibility::Private)), listed);
        let foreign = account(false, None, Cap::Actions(listed));
        assert!(decide(foreign, Some(Visibility::Private)).is_empty());
        let pull: Actions = [Action::Pull].into_iter().collect();
        assert_eq!(decide(foreign, Some(Visibility::Public)), pull);
        assert!(
            decide(account(true, None, Cap::Actions(Actions::NONE)), Some(Visibility::Public)).is_empty()
        );
    }

    #[test]
    fn levels_include_their_actions() {
        let table = [
            (Level::None, [false, false, false, false]),
            (Level::Read, [true, false, false, false]),
            (Level::Write, [true, true, false, false]),
            (Level::Admin, [true, true, true, true]),
        ];
        for (level, expected) in table {
            let actions = [Action::Pull, Action::Push, Action::Delete, Action::Remove];
            assert_eq!(actions.map(|action| level.actions().contains(action)), expected);
        }
        assert!(Action::ALL.iter().all(|action| Level::Admin.actions().contains(*action)));
    }
}
