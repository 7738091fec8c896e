use super::*;
use crate::token_resource::{TokenResource, TokenResources};

/// What is asked about, as simple as it gets: a signed-in stranger and a private repository.
struct World {
    who: Who,
    restriction: Option<TokenRestriction>,
    scope: CredentialScope,
    visibility: Option<Visibility>,
    role: Option<OrganizationRole>,
    is_own: bool,
    is_active: bool,
    members_pull: bool,
    team: Level,
    permission: Level,
    is_shared: bool,
    immutability_is_owners: bool,
    anonymous_pull: bool,
}

const STRANGER: Who = Who::Account { id: AccountId(1), is_administrator: false };

impl Default for World {
    fn default() -> Self {
        Self {
            who: STRANGER,
            restriction: None,
            scope: CredentialScope::Everything,
            visibility: Some(Visibility::Private),
            role: None,
            is_own: false,
            is_active: true,
            members_pull: true,
            team: Level::None,
            permission: Level::None,
            is_shared: false,
            immutability_is_owners: false,
            anonymous_pull: true,
        }
    }
}

impl World {
    fn with<T>(&self, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        let repository: RepositoryName = "acme/app".parse().unwrap();
        let namespace = repository.namespace();
        ask(&Facts {
            who: self.who,
            scope: &self.scope,
            restriction: self.restriction.as_ref(),
            namespace: Some(NamespaceFacts {
                name: &namespace,
                is_active: self.is_active,
                is_own: self.is_own,
                role: self.role,
                members_pull: self.members_pull,
                permission: self.permission,
                has_repository_permission: false,
            }),
            repository: Some(RepositoryFacts {
                name: &repository,
                visibility: self.visibility,
                team: self.team,
                is_shared: self.is_shared,
                immutability_is_owners: self.immutability_is_owners,
                blocked_by: None,
            }),
            anonymous_pull: self.anonymous_pull,
        })
    }

    fn actions(&self) -> Actions {
        self.with(repository_actions)
    }

    fn decide(&self, action: impl Into<Action>) -> Result<(), Refusal> {
        self.with(|facts| decide(facts, action.into()))
    }
}

fn scoped(scope: Scope) -> Option<TokenRestriction> {
    Some(TokenRestriction::Scope(scope))
}

#[test]
fn the_default_is_deny() {
    for visibility in [None, Some(Visibility::Private)] {
        for who in [Who::Anonymous, STRANGER] {
            let world = World { who, visibility, ..World::default() };
            assert_eq!(world.actions(), Actions::NONE);
            for action in RepositoryAction::ALL {
                assert!(world.decide(*action).is_err());
            }
            assert!(world.decide(NamespaceAction::View).is_err());
            assert!(world.decide(OrganizationAction::View).is_err());
            assert!(world.decide(RegistryAction::View).is_err());
            assert!(world.decide(Action::Server).is_err());
        }
    }
}

#[test]
fn everybody_pulls_what_is_public_and_nothing_more() {
    let visibility = Some(Visibility::Public);
    for who in [Who::Anonymous, STRANGER] {
        assert_eq!(World { who, visibility, ..World::default() }.actions(), Level::Read.actions());
    }
    let closed = World { who: Who::Anonymous, visibility, anonymous_pull: false, ..World::default() };
    assert_eq!(closed.actions(), Actions::NONE);
}

#[test]
fn a_disabled_namespace_is_for_administrators_only() {
    let world = |who, role| World {
        who,
        role,
        is_active: false,
        visibility: Some(Visibility::Public),
        ..World::default()
    };
    let owner = Some(OrganizationRole::Owner);
    assert_eq!(world(Who::Anonymous, None).actions(), Actions::NONE);
    assert_eq!(world(STRANGER, owner).actions(), Actions::NONE);
    assert_eq!(world(Who::Operator, None).actions(), Level::Admin.actions());
    let administrator = Who::Account { id: AccountId(1), is_administrator: true };
    assert_eq!(world(administrator, None).actions(), Level::Admin.actions());
    for action in [OrganizationAction::View, OrganizationAction::ReadAuditLog] {
        assert_eq!(world(STRANGER, owner).decide(action), Err(Refusal::Hidden));
        assert_eq!(world(administrator, None).decide(action), Ok(()));
    }
}

#[test]
fn roles_give_their_level_in_repositories_and_in_the_namespace() {
    let cases = [
        (OrganizationRole::Member, Level::Read, Level::Read),
        (OrganizationRole::Editor, Level::Admin, Level::Write),
        (OrganizationRole::Owner, Level::Admin, Level::Admin),
    ];
    for (role, in_repositories, in_namespace) in cases {
        let world = World { role: Some(role), ..World::default() };
        assert_eq!(world.actions(), in_repositories.actions(), "{role}");
        assert_eq!(repository_level(world.actions()), in_repositories, "{role}");
        assert_eq!(world.with(namespace_level), in_namespace, "{role}");
        let may_grant = world.decide(NamespaceAction::ManagePermissions).is_ok();
        assert_eq!(may_grant, in_namespace == Level::Admin, "{role}");
    }
    let own = World { is_own: true, visibility: None, ..World::default() };
    assert_eq!(own.actions(), Level::Admin.actions());
}

#[test]
fn what_an_owner_made_immutable_only_owners_change() {
    let set = RepositoryAction::SetImmutability;
    let world = |role, permission, immutability_is_owners| World {
        role,
        permission,
        immutability_is_owners,
        ..World::default()
    };
    let editor = Some(OrganizationRole::Editor);
    assert_eq!(world(editor, Level::None, false).decide(set), Ok(()));
    assert_eq!(world(editor, Level::None, true).decide(set), Err(Refusal::ImmutabilityIsOwners));
    assert_eq!(world(None, Level::Admin, true).decide(set), Err(Refusal::ImmutabilityIsOwners));
    assert_eq!(world(Some(OrganizationRole::Owner), Level::None, true).decide(set), Ok(()));
    assert_eq!(world(editor, Level::None, true).decide(RepositoryAction::Edit), Ok(()));
}

#[test]
fn teams_add_to_what_members_may_do() {
    for (team, all_pull, only_teams) in [
        (Level::None, Level::Read, Level::None),
        (Level::Read, Level::Read, Level::Read),
        (Level::Write, Level::Write, Level::Write),
        (Level::Admin, Level::Admin, Level::Admin),
    ] {
        let member = |role, members_pull| World { role, team, members_pull, ..World::default() }.actions();
        assert_eq!(member(Some(OrganizationRole::Member), true), all_pull.actions());
        assert_eq!(member(Some(OrganizationRole::Member), false), only_teams.actions());
        // Who has left the organization has left its teams.
        assert_eq!(member(None, true), Actions::NONE);
    }
    let public = World {
        role: Some(OrganizationRole::Member),
        members_pull: false,
        visibility: Some(Visibility::Public),
        ..World::default()
    };
    assert_eq!(public.actions(), Level::Read.actions());
}

#[test]
fn who_was_given_something_needs_no_role() {
    for permission in [Level::None, Level::Read, Level::Write, Level::Admin] {
        let world = World { permission, ..World::default() };
        assert_eq!(world.actions(), permission.actions());
        let restricted = World { restriction: scoped(Scope::Read), ..world };
        assert_eq!(restricted.actions(), permission.min(Level::Read).actions());
    }
    let shared = World { is_shared: true, ..World::default() };
    assert_eq!(shared.actions(), Level::Read.actions());
    let public_only = World {
        permission: Level::Admin,
        is_shared: true,
        restriction: scoped(Scope::PublicRead),
        ..World::default()
    };
    assert!(public_only.actions().is_empty());
}

#[test]
fn a_token_never_does_more_than_its_scope_or_its_owner() {
    let own = |scope| World { is_own: true, restriction: scoped(scope), ..World::default() };
    assert_eq!(own(Scope::Read).actions(), Level::Read.actions());
    assert_eq!(own(Scope::Write).actions(), Level::Write.actions());
    assert_eq!(own(Scope::Account).actions(), Level::Admin.actions());
    for action in RepositoryAction::ALL {
        let of_teams = [RepositoryAction::ViewTeams, RepositoryAction::AssignTeam].contains(action);
        assert_eq!(own(Scope::Admin).actions().contains(*action), !of_teams, "{action:?}");
    }
    for scope in [Scope::PublicRead, Scope::Read, Scope::Write, Scope::Admin, Scope::Account] {
        assert!(World { restriction: scoped(scope), ..World::default() }.actions().is_empty());
    }
    assert!(own(Scope::PublicRead).actions().is_empty());
    let public = World { visibility: Some(Visibility::Public), ..own(Scope::PublicRead) };
    assert_eq!(public.actions(), Level::Read.actions());
}

#[test]
fn an_organizations_token_does_what_it_lists_of_what_the_organization_may() {
    let listed = |pattern, scopes: &[&str]| {
        let resource = TokenResource::parse(TokenResource::REPOSITORIES, pattern, scopes).unwrap();
        Some(TokenRestriction::Resources(TokenResources::new(vec![resource]).unwrap()))
    };
    let restriction = listed("acme/*", &["scope-image-pull", "scope-tag-admin"]);
    let own = World { is_own: true, restriction: restriction.clone(), ..World::default() };
    let expected = [RepositoryAction::ViewTags, RepositoryAction::Pull, RepositoryAction::DeleteTag];
    assert_eq!(own.actions(), expected.into_iter().collect());
    let foreign = World { restriction, ..World::default() };
    assert!(foreign.actions().is_empty());
    assert_eq!(
        own.decide(OrganizationAction::View),
        Err(Refusal::TokenLacksResource(OrganizationAction::View))
    );
}

#[test]
fn credentials_for_docker_manage_nothing_and_stay_in_their_namespace() {
    let name = |text: &str| text.parse::<Namespace>().unwrap();
    let of = |namespace| TokenRestriction::Registry { name: name(namespace), scope: Scope::Write };
    let own = |restriction| World { is_own: true, restriction: Some(restriction), ..World::default() };
    assert_eq!(own(of("acme")).actions(), Level::Write.actions());
    assert!(own(of("other")).actions().is_empty());
    let login = |namespace| TokenRestriction::Login { namespace, scope: Scope::Read };
    assert_eq!(own(login(None)).actions(), Level::Read.actions());
    assert!(own(login(Some(name("other")))).actions().is_empty());
    for restriction in [of("acme"), login(None)] {
        let world = own(restriction);
        assert_eq!(world.decide(AccountAction::Identify), Ok(()));
        assert_eq!(world.decide(AccountAction::UseManagement), Err(Refusal::CredentialOnly));
        assert_eq!(world.decide(RegistryAction::View), Err(Refusal::CredentialOnly));
        for action in [AccountAction::Read, AccountAction::Manage, AccountAction::ManageCredentials] {
            assert!(world.decide(action).is_err(), "{action:?}");
        }
        assert!(world.decide(NamespaceAction::View).is_err());
    }
}

#[test]
fn organizations_are_managed_by_owners_with_a_password_or_an_access_key() {
    let world = |role, restriction| World { role: Some(role), restriction, ..World::default() };
    for role in [OrganizationRole::Member, OrganizationRole::Editor] {
        let world = world(role, None);
        assert_eq!(world.decide(OrganizationAction::ViewMembers), Ok(()));
        for action in [
            OrganizationAction::ManageMembers,
            OrganizationAction::ManageTeams,
            OrganizationAction::ManageSettings,
            OrganizationAction::ManageTokens,
            OrganizationAction::ManageProvisioning,
            OrganizationAction::ReadAuditLog,
        ] {
            assert_eq!(
                world.decide(action),
                Err(Refusal::Role(OrganizationRole::Owner)),
                "{role} {action:?}"
            );
        }
    }
    let owner = OrganizationRole::Owner;
    let manage = OrganizationAction::ManageSettings;
    for (restriction, expected) in [
        (None, Ok(())),
        (scoped(Scope::Account), Ok(())),
        (scoped(Scope::Admin), Err(Refusal::TokenIsNoPassword)),
    ] {
        assert_eq!(world(owner, restriction).decide(manage), expected);
    }
    let audit = OrganizationAction::ReadAuditLog;
    assert_eq!(world(owner, scoped(Scope::Admin)).decide(audit), Ok(()));
    assert!(world(owner, scoped(Scope::Write)).decide(audit).is_err());
}

#[test]
fn registries_need_a_role_and_a_scope() {
    let world = |role, restriction| World { role, restriction, ..World::default() };
    let member = Some(OrganizationRole::Member);
    for action in [RegistryAction::View, RegistryAction::PullCredential, RegistryAction::PushCredential] {
        assert_eq!(world(member, None).decide(action), Ok(()));
        assert_eq!(world(None, None).decide(action), Err(Refusal::Hidden));
    }
    assert!(world(Some(OrganizationRole::Editor), None).decide(RegistryAction::Manage).is_err());
    let owner = Some(OrganizationRole::Owner);
    let may = |action, scope| world(owner, scoped(scope)).decide(action).is_ok();
    assert!(world(owner, None).decide(RegistryAction::Manage).is_ok());
    assert!(!may(RegistryAction::View, Scope::PublicRead));
    assert!(may(RegistryAction::PullCredential, Scope::Read));
    assert!(!may(RegistryAction::PushCredential, Scope::Read));
    assert!(may(RegistryAction::PushCredential, Scope::Write));
    assert!(!may(RegistryAction::Manage, Scope::Write));
    assert!(may(RegistryAction::Manage, Scope::Admin));
}

#[test]
fn what_a_credential_does_not_cover_is_refused_everywhere() {
    let own = |scope| World { is_own: true, role: Some(OrganizationRole::Owner), scope, ..World::default() };
    let elsewhere = own(CredentialScope::Namespace("other".parse().unwrap()));
    let pull = RepositoryAction::Pull;
    assert_eq!(elsewhere.decide(pull), Err(Refusal::OutsideProject));
    assert_eq!(elsewhere.decide(NamespaceAction::View), Err(Refusal::OutsideProject));
    assert_eq!(elsewhere.decide(OrganizationAction::View), Err(Refusal::OutsideProject));
    assert_eq!(elsewhere.decide(RegistryAction::View), Err(Refusal::OutsideProject));
    assert_eq!(elsewhere.decide(AccountAction::ManageCredentials), Err(Refusal::OutsideProject));
    let bearer = own(CredentialScope::Listed { repositories: Vec::new(), catalog: true, search: true });
    assert_eq!(bearer.decide(pull), Err(Refusal::InsufficientScope));
    assert_eq!(bearer.decide(AccountAction::Identify), Ok(()));
    for action in [AccountAction::Read, AccountAction::Manage, AccountAction::ManageCredentials] {
        assert_eq!(bearer.decide(action), Err(Refusal::InsufficientScope));
    }
    assert!(bearer.decide(OrganizationAction::View).is_err());
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
        let actions = [
            RepositoryAction::Pull,
            RepositoryAction::Push,
            RepositoryAction::Delete,
            RepositoryAction::Remove,
        ];
        assert_eq!(actions.map(|action| level.actions().contains(action)), expected);
    }
    assert!(RepositoryAction::ALL.iter().all(|action| Level::Admin.actions().contains(*action)));
}

#[test]
fn lists_show_what_the_account_sees_or_what_is_public() {
    let of_account = Visible::OfAccount(AccountId(1));
    let administrator = Who::Account { id: AccountId(1), is_administrator: true };
    for (who, restriction, anonymous_pull, expected) in [
        (Who::Operator, None, false, Visible::All),
        (Who::Anonymous, None, true, Visible::Public),
        (Who::Anonymous, None, false, Visible::Nothing),
        (STRANGER, None, false, of_account),
        (STRANGER, scoped(Scope::Read), true, of_account),
        (STRANGER, scoped(Scope::PublicRead), false, Visible::Public),
        (administrator, scoped(Scope::Read), true, Visible::All),
        (administrator, scoped(Scope::PublicRead), true, Visible::Public),
    ] {
        let what = format!("{who:?} {restriction:?}");
        let world = World { who, restriction, anonymous_pull, ..World::default() };
        assert_eq!(world.with(visible), expected, "{what}");
    }
}

#[test]
fn lists_of_a_namespace_show_all_of_it_to_those_who_see_all_of_it() {
    let of_account = Ok(Visible::OfAccount(AccountId(1)));
    let member = Some(OrganizationRole::Member);
    let stranger = World::default;
    for (world, expected, is_known) in [
        (stranger(), of_account.clone(), false),
        (World { is_own: true, ..stranger() }, Ok(Visible::All), true),
        (World { role: member, ..stranger() }, Ok(Visible::All), true),
        (World { role: member, members_pull: false, ..stranger() }, of_account, true),
        (World { permission: Level::Read, ..stranger() }, Ok(Visible::All), true),
        (
            World { role: member, restriction: scoped(Scope::PublicRead), ..stranger() },
            Ok(Visible::Public),
            false,
        ),
        (World { role: member, is_active: false, ..stranger() }, Err(Refusal::Hidden), false),
    ] {
        assert_eq!(world.with(visible_in_namespace), expected);
        assert_eq!(world.with(knows_namespace), is_known);
    }
    let elsewhere = CredentialScope::Namespace("globex".parse().unwrap());
    let world = World { role: member, scope: elsewhere, ..stranger() };
    assert_eq!(world.with(visible_in_namespace), Err(Refusal::OutsideProject));
}
