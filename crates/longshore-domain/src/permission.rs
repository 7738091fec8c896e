//! The one authorization rule: from facts to what a principal may do in a repository. Default deny.

use std::fmt;

use crate::account::OrganizationRole;
use crate::credential::Scope;
use crate::repository::Visibility;

/// What someone wants to do with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See what is there: images, tags, their history and activity.
    View,
    /// Read manifests and blobs, through the registry.
    Pull,
    /// Upload and mount blobs, put manifests, set tags; creates the repository.
    Push,
    /// Delete tags, manifests and blobs.
    Delete,
    /// Change the repository itself: visibility, deletion, restoration.
    Administer,
}

impl Action {
    /// Gives the action's name in token scopes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View | Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Administer => "*",
        }
    }

    fn needs(self) -> Level {
        match self {
            Self::View | Self::Pull => Level::Read,
            Self::Push => Level::Write,
            Self::Delete | Self::Administer => Level::Admin,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
    /// Tells whether this level includes the action.
    pub fn allows(self, action: Action) -> bool {
        self >= action.needs()
    }
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
        /// Whether members of the organization pull from all its repositories.
        members_pull: bool,
        /// The scope of the access token that it came with, if any.
        token_scope: Option<Scope>,
    },
}

/// Decides how much the subject may do. Everything not granted here is denied.
pub fn level(facts: Facts) -> Level {
    let is_public = facts.visibility == Some(Visibility::Public);
    match facts.subject {
        Subject::Operator => Level::Admin,
        Subject::Anonymous | Subject::Account { is_administrator: false, .. }
            if facts.namespace_is_disabled =>
        {
            Level::None
        }
        Subject::Anonymous if is_public && facts.anonymous_pull => Level::Read,
        Subject::Anonymous => Level::None,
        Subject::Account { is_administrator, owns_namespace, role, team, members_pull, token_scope } => {
            let by_role = match role {
                Some(OrganizationRole::Owner | OrganizationRole::Editor) => Level::Admin,
                Some(OrganizationRole::Member) if members_pull => team.max(Level::Read),
                Some(OrganizationRole::Member) => team,
                None => Level::None,
            };
            let own = if is_administrator || owns_namespace { Level::Admin } else { by_role };
            let everybody = if is_public { Level::Read } else { Level::None };
            let granted = own.max(everybody);
            let cap = match token_scope {
                None | Some(Scope::Admin) => Level::Admin,
                Some(Scope::Write) => Level::Write,
                Some(Scope::Read) => Level::Read,
                Some(Scope::PublicRead) => everybody,
            };
            granted.min(cap)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(owns_namespace: bool, role: Option<OrganizationRole>, token_scope: Option<Scope>) -> Subject {
        Subject::Account {
            is_administrator: false,
            owns_namespace,
            role,
            team: Level::None,
            members_pull: true,
            token_scope,
        }
    }

    fn decide(subject: Subject, visibility: Option<Visibility>) -> Level {
        level(Facts { subject, visibility, anonymous_pull: true, namespace_is_disabled: false })
    }

    #[test]
    fn the_default_is_deny() {
        let stranger = account(false, None, None);
        for visibility in [None, Some(Visibility::Private)] {
            assert_eq!(decide(Subject::Anonymous, visibility), Level::None);
            assert_eq!(decide(stranger, visibility), Level::None);
        }
    }

    #[test]
    fn everybody_pulls_what_is_public_and_nothing_more() {
        assert_eq!(decide(Subject::Anonymous, Some(Visibility::Public)), Level::Read);
        assert_eq!(decide(account(false, None, None), Some(Visibility::Public)), Level::Read);
        let closed = Facts {
            subject: Subject::Anonymous,
            visibility: Some(Visibility::Public),
            anonymous_pull: false,
            namespace_is_disabled: false,
        };
        assert_eq!(level(closed), Level::None);
    }

    #[test]
    fn a_disabled_namespace_is_for_administrators_only() {
        let facts = |subject| Facts {
            subject,
            visibility: Some(Visibility::Public),
            anonymous_pull: true,
            namespace_is_disabled: true,
        };
        let owner = account(false, Some(OrganizationRole::Owner), None);
        assert_eq!([level(facts(Subject::Anonymous)), level(facts(owner))], [Level::None; 2]);
        assert_eq!(level(facts(Subject::Operator)), Level::Admin);
    }

    #[test]
    fn roles_give_their_level() {
        let cases = [
            (OrganizationRole::Member, Level::Read),
            (OrganizationRole::Editor, Level::Admin),
            (OrganizationRole::Owner, Level::Admin),
        ];
        for (role, expected) in cases {
            assert_eq!(decide(account(false, Some(role), None), Some(Visibility::Private)), expected);
        }
        assert_eq!(decide(account(true, None, None), None), Level::Admin);
    }

    #[test]
    fn teams_add_to_what_members_may_do() {
        let member = |role, team, members_pull| Subject::Account {
            is_administrator: false,
            owns_namespace: false,
            role,
            team,
            members_pull,
            token_scope: None,
        };
        let member_of = Some(OrganizationRole::Member);
        for (team, all_pull, only_teams) in [
            (Level::None, Level::Read, Level::None),
            (Level::Read, Level::Read, Level::Read),
            (Level::Write, Level::Write, Level::Write),
            (Level::Admin, Level::Admin, Level::Admin),
        ] {
            let private = Some(Visibility::Private);
            assert_eq!(decide(member(member_of, team, true), private), all_pull);
            assert_eq!(decide(member(member_of, team, false), private), only_teams);
            // Who has left the organization has left its teams.
            assert_eq!(decide(member(None, team, true), private), Level::None);
        }
        assert_eq!(decide(member(member_of, Level::None, false), Some(Visibility::Public)), Level::Read);
    }

    #[test]
    fn a_token_never_does_more_than_its_scope_or_its_owner() {
        let cases = [(Scope::Read, Level::Read), (Scope::Write, Level::Write), (Scope::Admin, Level::Admin)];
        for (scope, expected) in cases {
            assert_eq!(decide(account(true, None, Some(scope)), Some(Visibility::Private)), expected);
            assert_eq!(decide(account(false, None, Some(scope)), Some(Visibility::Private)), Level::None);
        }
        let public_only = account(true, None, Some(Scope::PublicRead));
        assert_eq!(decide(public_only, Some(Visibility::Private)), Level::None);
        assert_eq!(decide(public_only, Some(Visibility::Public)), Level::Read);
    }

    #[test]
    fn levels_allow_their_actions() {
        let table = [
            (Level::None, [false, false, false, false]),
            (Level::Read, [true, false, false, false]),
            (Level::Write, [true, true, false, false]),
            (Level::Admin, [true, true, true, true]),
        ];
        for (level, expected) in table {
            let actions = [Action::Pull, Action::Push, Action::Delete, Action::Administer];
            assert_eq!(actions.map(|action| level.allows(action)), expected);
        }
    }
}
