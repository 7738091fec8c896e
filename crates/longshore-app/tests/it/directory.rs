//! Directories of organizations: random histories of what identity providers, owners and the operator do, against a simple
//! model; and what happens at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::{AccountPrincipal, Actor, CredentialScope, Proof};
use longshore_domain::account::OrganizationRole;
use longshore_domain::directory::{
    DirectoryChange, DirectoryUser, GroupChange, GroupLookup, MemberChange, Provisioner, UserLookup,
    UserOrder,
};
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Field};
use longshore_identity::accounts::AccountChange;
use longshore_testkit::budget::property_cases;
use longshore_testkit::images::image;
use longshore_testkit::registry::{PASSWORD, TestRegistry, name};
use proptest::prelude::*;
use uuid::Uuid;

use crate::directory_queries::{list_users, look_up_groups, look_up_users};

/// Users that histories are about: the first has an account of its own, the others come by provisioning.
const USERS: [&str; 4] = ["bob@example.org", "carol@example.org", "dave@example.org", "erin@example.org"];
const GROUPS: [&str; 2] = ["Watch", "Wall"];

#[derive(Clone, Debug)]
enum Step {
    Create { user: usize, is_active: bool },
    SetActive { user: usize, is_active: bool },
    SetNames { user: usize, given: u8 },
    SetExternal { user: usize, id: Option<u8> },
    Delete { user: usize },
    SetRole { user: usize, role: u8 },
    RemoveByOwner { user: usize },
    SwitchByOperator { user: usize, on: bool },
    CreateGroup { group: usize, members: Vec<usize> },
    ChangeMembers { group: usize, kind: u8, members: Vec<usize> },
    DeleteGroup { group: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let user = 0..USERS.len();
    let group = 0..GROUPS.len();
    let members = || prop::collection::vec(0..USERS.len(), 0..4);
    prop_oneof![
        6 => (user.clone(), any::<bool>()).prop_map(|(user, is_active)| Step::Create { user, is_active }),
        6 => (user.clone(), any::<bool>()).prop_map(|(user, is_active)| Step::SetActive { user, is_active }),
        2 => (user.clone(), 0_u8..3).prop_map(|(user, given)| Step::SetNames { user, given }),
        2 => (user.clone(), prop::option::of(0_u8..3)).prop_map(|(user, id)| Step::SetExternal { user, id }),
        3 => user.clone().prop_map(|user| Step::Delete { user }),
        3 => (user.clone(), 0_u8..3).prop_map(|(user, role)| Step::SetRole { user, role }),
        1 => user.clone().prop_map(|user| Step::RemoveByOwner { user }),
        2 => (user, any::<bool>()).prop_map(|(user, on)| Step::SwitchByOperator { user, on }),
        2 => (group.clone(), members()).prop_map(|(group, members)| Step::CreateGroup { group, members }),
        4 => (group.clone(), 0_u8..3, members())
            .prop_map(|(group, kind, members)| Step::ChangeMembers { group, kind, members }),
        1 => group.prop_map(|group| Step::DeleteGroup { group }),
    ]
}

/// What the directory should say of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    given: String,
    external: Option<String>,
    role: OrganizationRole,
    /// Deactivated by provisioning: the account if the organization made it, else the membership.
    is_off: bool,
    groups: BTreeSet<usize>,
}

#[derive(Default)]
struct Model {
    entries: BTreeMap<usize, Entry>,
    groups: BTreeSet<usize>,
    /// Accounts that there are, with what the operator and the organization have switched off.
    accounts: BTreeMap<usize, (bool, bool)>,
}

impl Model {
    fn is_managed(user: usize) -> bool {
        user > 0
    }

    /// Whether the account can sign in.
    fn account_works(&self, user: usize) -> bool {
        self.accounts.get(&user).is_none_or(|(by_operator, by_provider)| !by_operator && !by_provider)
    }

    fn is_active(&self, user: usize) -> bool {
        self.entries
            .get(&user)
            .is_some_and(|entry| self.account_works(user) && (Self::is_managed(user) || !entry.is_off))
    }
}

struct Run {
    registry: TestRegistry,
    provisioner: Provisioner,
    model: Model,
}

fn account_name(user: usize) -> String {
    USERS[user].split('@').next().unwrap().to_owned()
}

pub async fn provisioner(registry: &TestRegistry, organization: &str) -> Provisioner {
    let services = &registry.app;
    let organization = organization.parse().unwrap();
    let (_, secret) =
        services.identity.create_scim_token(&Actor::OPERATOR, &organization, "okta", None).await.unwrap();
    services.identity.authenticate_provisioner(secret.expose()).await.unwrap()
}

fn named(user_name: &str) -> DirectoryChange {
    DirectoryChange { user_name: Some(user_name.to_owned()), ..DirectoryChange::default() }
}

fn active(is_active: bool) -> DirectoryChange {
    DirectoryChange { is_active: Some(is_active), ..DirectoryChange::default() }
}

impl Run {
    async fn find(&self, user: usize) -> Option<DirectoryUser> {
        let lookup = UserLookup::UserName(USERS[user].to_uppercase());
        let found = look_up_users(&self.registry, &self.provisioner, lookup).await;
        assert!(found.len() <= 1);
        found.into_iter().next()
    }

    async fn group(&self, group: usize) -> Option<longshore_domain::directory::DirectoryGroup> {
        let lookup = GroupLookup::DisplayName(GROUPS[group].to_lowercase());
        let found = look_up_groups(&self.registry, &self.provisioner, lookup).await;
        assert!(found.len() <= 1);
        found.into_iter().next()
    }

    async fn ids(&self, users: &[usize]) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for user in users {
            ids.push(self.find(*user).await.map_or_else(Uuid::nil, |user| user.uuid));
        }
        ids
    }

    async fn take(&mut self, step: &Step) {
        let services = Arc::clone(&self.registry.app);
        let acme = "acme".parse().unwrap();
        match step {
            Step::Create { user, is_active } => {
                let change = DirectoryChange { is_active: Some(*is_active), ..named(USERS[*user]) };
                let made = services.organizations.create_directory_user(&self.provisioner, change).await;
                if self.model.entries.contains_key(user) {
                    assert!(matches!(made, Err(Error::Exists(_))), "{made:?}");
                    return;
                }
                let account = self.model.accounts.entry(*user).or_default();
                if *is_active && account.0 {
                    // What the operator switched off does not come back.
                    assert!(matches!(made, Err(Error::Conflict(_))), "{made:?}");
                    return;
                }
                made.unwrap();
                if Model::is_managed(*user) {
                    account.1 = !is_active;
                }
                let is_off = !is_active && !Model::is_managed(*user);
                let entry = Entry {
                    given: String::new(),
                    external: None,
                    role: OrganizationRole::Member,
                    is_off,
                    groups: BTreeSet::new(),
                };
                self.model.entries.insert(*user, entry);
            }
            Step::SetActive { user, is_active } => {
                let Some(found) = self.find(*user).await else { return };
                let changed = services
                    .organizations
                    .change_directory_user(&self.provisioner, found.uuid, active(*is_active), None)
                    .await;
                let account = self.model.accounts.entry(*user).or_default();
                if *is_active && account.0 {
                    assert!(matches!(changed, Err(Error::Conflict(_))), "{changed:?}");
                    return;
                }
                changed.unwrap();
                // Kept also when somebody else has switched the account off.
                match Model::is_managed(*user) {
                    true => account.1 = !is_active,
                    false => self.model.entries.get_mut(user).unwrap().is_off = !is_active,
                }
            }
            Step::SetNames { user, given } => {
                let Some(found) = self.find(*user).await else { return };
                let given = "x".repeat(usize::from(*given));
                let change =
                    DirectoryChange { given_name: Some(given.clone()), ..DirectoryChange::default() };
                services
                    .organizations
                    .change_directory_user(&self.provisioner, found.uuid, change, None)
                    .await
                    .unwrap();
                self.model.entries.get_mut(user).unwrap().given = given;
            }
            Step::SetExternal { user, id } => {
                let Some(found) = self.find(*user).await else { return };
                let external = id.map(|id| format!("ext{id}"));
                let change =
                    DirectoryChange { external_id: Some(external.clone()), ..DirectoryChange::default() };
                services
                    .organizations
                    .change_directory_user(&self.provisioner, found.uuid, change, None)
                    .await
                    .unwrap();
                self.model.entries.get_mut(user).unwrap().external = external;
            }
            Step::Delete { user } => {
                let Some(found) = self.find(*user).await else { return };
                services
                    .organizations
                    .delete_directory_user(&self.provisioner, found.uuid, None)
                    .await
                    .unwrap();
                self.model.entries.remove(user);
                if Model::is_managed(*user) {
                    self.model.accounts.get_mut(user).unwrap().1 = true;
                }
                let again =
                    services.organizations.delete_directory_user(&self.provisioner, found.uuid, None).await;
                assert!(matches!(again, Err(Error::UserUnknown(_))), "{again:?}");
            }
            Step::SetRole { user, role } => {
                let role = [OrganizationRole::Member, OrganizationRole::Editor, OrganizationRole::Owner]
                    [usize::from(*role)];
                let user_name = account_name(*user).parse().unwrap();
                let Some(entry) = self.model.entries.get_mut(user) else { return };
                // An owner who has somebody in again ends the rest.
                services.organizations.put_member(&Actor::OPERATOR, &acme, &user_name, role).await.unwrap();
                (entry.role, entry.is_off) = (role, false);
            }
            Step::RemoveByOwner { user } => {
                let user_name = account_name(*user).parse().unwrap();
                if self.model.entries.remove(user).is_none() {
                    return;
                }
                services.organizations.delete_member(&Actor::OPERATOR, &acme, &user_name).await.unwrap();
                if Model::is_managed(*user) {
                    self.model.accounts.get_mut(user).unwrap().1 = true;
                }
            }
            Step::SwitchByOperator { user, on } => {
                let user_name = account_name(*user).parse().unwrap();
                if *user > 0 && !self.model.accounts.contains_key(user) {
                    return;
                }
                let change = if *on { AccountChange::active(true) } else { AccountChange::active(false) };
                services.identity.change_account(&Actor::OPERATOR, None, &user_name, change).await.unwrap();
                let account = self.model.accounts.entry(*user).or_default();
                account.0 = !on;
                if *on && !self.model.entries.contains_key(user) {
                    account.1 = false;
                }
            }
            Step::CreateGroup { group, members } => {
                let change = GroupChange {
                    display_name: Some(GROUPS[*group].to_owned()),
                    members: vec![MemberChange::Replace(self.ids(members).await)],
                    ..GroupChange::default()
                };
                let made = services.organizations.create_directory_group(&self.provisioner, change).await;
                let all_are_there = members.iter().all(|user| self.model.entries.contains_key(user));
                match (self.model.groups.contains(group), all_are_there) {
                    (true, _) => assert!(matches!(made, Err(Error::Exists(_))), "{made:?}"),
                    (false, false) => assert!(matches!(made, Err(Error::Invalid { .. })), "{made:?}"),
                    (false, true) => {
                        made.unwrap();
                        self.model.groups.insert(*group);
                        for user in members {
                            self.model.entries.get_mut(user).unwrap().groups.insert(*group);
                        }
                    }
                }
            }
            Step::ChangeMembers { group, kind, members } => {
                let Some(found) = self.group(*group).await else { return };
                let ids = self.ids(members).await;
                let change = match kind {
                    0 => MemberChange::Add(ids),
                    1 => MemberChange::Remove(ids),
                    _ => MemberChange::Replace(ids),
                };
                let change = GroupChange { members: vec![change], ..GroupChange::default() };
                let changed = services
                    .organizations
                    .change_directory_group(&self.provisioner, found.uuid, change, None)
                    .await;
                let all_are_there = members.iter().all(|user| self.model.entries.contains_key(user));
                if *kind != 1 && !all_are_there {
                    assert!(matches!(changed, Err(Error::Invalid { .. })), "{changed:?}");
                    return;
                }
                changed.unwrap();
                for (user, entry) in &mut self.model.entries {
                    match (kind, members.contains(user)) {
                        (0 | 2, true) => {
                            entry.groups.insert(*group);
                        }
                        (1, true) | (2, false) => {
                            entry.groups.remove(group);
                        }
                        _ => {}
                    }
                }
            }
            Step::DeleteGroup { group } => {
                let Some(found) = self.group(*group).await else { return };
                services
                    .organizations
                    .delete_directory_group(&self.provisioner, found.uuid, None)
                    .await
                    .unwrap();
                self.model.groups.remove(group);
                for entry in self.model.entries.values_mut() {
                    entry.groups.remove(group);
                }
            }
        }
    }

    async fn check(&self) {
        let services = &self.registry.app;
        for (number, user_name) in USERS.iter().enumerate() {
            let found = self.find(number).await;
            let expected = self.model.entries.get(&number);
            assert_eq!(found.is_some(), expected.is_some(), "{user_name}");
            let is_active = self.model.is_active(number);
            if let (Some(found), Some(expected)) = (&found, expected) {
                assert_eq!(found.is_active, is_active, "{user_name}");
                assert_eq!((&found.given_name, &found.external_id), (&expected.given, &expected.external));
                let groups: BTreeSet<&str> = found
                    .teams
                    .iter()
                    .map(|team| team.display_name.as_str())
                    .filter(|name| *name != "company")
                    .collect();
                let expected: BTreeSet<&str> = expected.groups.iter().map(|group| GROUPS[*group]).collect();
                assert_eq!(groups, expected, "{user_name}");
            }
            // Who is active and nobody else pulls from the organization.
            let account =
                services.identity.get_user(&Actor::OPERATOR, &account_name(number).parse().unwrap()).await;
            let pulls = match account {
                Err(_) => false,
                Ok(account) => {
                    let account = AccountPrincipal {
                        account_id: account.id,
                        name: account.name,
                        credential_epoch: account.credential_epoch,
                        access_token: None,
                    };
                    let actor = Actor::account(account, CredentialScope::Everything, Proof::Password);
                    services.access.authorize(&actor, &name("acme/app"), RepositoryAction::Pull).await.is_ok()
                }
            };
            assert_eq!(pulls, is_active, "{user_name}");
        }
        // All lists and counts agree, in either order and direction, from wherever a page begins.
        for (order, is_descending) in [
            (UserOrder::Position, false),
            (UserOrder::Position, true),
            (UserOrder::UserName, false),
            (UserOrder::UserName, true),
        ] {
            let page = async |skip, take| {
                list_users(&self.registry, &self.provisioner, order, is_descending, skip, take).await
            };
            let all = page(0, 1000).await;
            assert_eq!(all.items.len(), self.model.entries.len() + 1, "with the owner");
            assert_eq!(all.total, all.items.len() as u64);
            for skip in 1..=all.items.len() + 1 {
                let one = page(skip as u64, 1).await;
                assert_eq!(one.total, all.total);
                let uuid = |user: &DirectoryUser| user.uuid;
                assert_eq!(one.items.first().map(uuid), all.items.get(skip).map(uuid));
            }
        }
    }
}

async fn registry() -> TestRegistry {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "acme/app", b"config").await.unwrap();
    registry.push_manifest(&alice, "acme/app", "v1", &image(b"config", &[])).await.unwrap();
    let change = longshore_domain::account::ProfileChange {
        email: Some(Some(USERS[0].parse().unwrap())),
        ..Default::default()
    };
    let change = AccountChange { profile: change, ..AccountChange::default() };
    let bob = "bob".parse().unwrap();
    registry.app.identity.change_account(&Actor::OPERATOR, None, &bob, change).await.unwrap();
    registry
}

proptest! {
    #![proptest_config(ProptestConfig { cases: property_cases(24), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_directory_is_what_was_done_to_it(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let registry = registry().await;
            let provisioner = provisioner(&registry, "acme").await;
            let mut run = Run { registry, provisioner, model: Model::default() };
            for step in &steps {
                run.take(step).await;
                run.check().await;
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_creations_at_the_same_time_one_is_done() {
    let registry = registry().await;
    let provisioner = Arc::new(provisioner(&registry, "acme").await);
    for round in 0..5 {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (services, provisioner) = (Arc::clone(&registry.app), Arc::clone(&provisioner));
                let change = named(&format!("new{round}@example.org"));
                tokio::spawn(async move {
                    services.organizations.create_directory_user(&provisioner, change).await
                })
            })
            .collect();
        let mut made = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => made += 1,
                Err(Error::Exists(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(made, 1);
    }
    let all = list_users(&registry, &provisioner, UserOrder::Position, false, 0, 1).await;
    assert_eq!(all.total, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_that_go_at_the_same_time_one_stays() {
    let registry = registry().await;
    let provisioner = Arc::new(provisioner(&registry, "acme").await);
    let services = &registry.app;
    services.organizations.create_directory_user(&provisioner, named("bob@example.org")).await.unwrap();
    let acme = "acme".parse().unwrap();
    for round in 0..5 {
        services
            .organizations
            .put_member(&Actor::OPERATOR, &acme, &"bob".parse().unwrap(), OrganizationRole::Owner)
            .await
            .unwrap();
        services
            .organizations
            .put_member(&Actor::OPERATOR, &acme, &"alice".parse().unwrap(), OrganizationRole::Owner)
            .await
            .unwrap();
        let users = list_users(&registry, &provisioner, UserOrder::Position, false, 0, 10).await.items;
        let tasks: Vec<_> = users
            .iter()
            .map(|user| {
                let (services, provisioner) = (Arc::clone(services), Arc::clone(&provisioner));
                let uuid = user.uuid;
                tokio::spawn(async move {
                    services
                        .organizations
                        .change_directory_user(&provisioner, uuid, active(false), None)
                        .await
                })
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => {}
                Err(Error::Conflict(_)) => refused += 1,
                Err(error) => panic!("{round}: {error}"),
            }
        }
        assert_eq!(refused, 1, "{round}");
    }
}

/// Invites somebody, and gives the secret of the link.
async fn invite(registry: &TestRegistry, invitee: &str, role: OrganizationRole) -> String {
    let alice = registry.sign_in("alice").await;
    let wanted = longshore_organizations::invites::WantedInvites {
        invitees: vec![invitee.into()],
        role,
        team: None,
        dry_run: false,
    };
    let acme = "acme".parse().unwrap();
    let invited =
        registry.app.organizations.invite(&alice, &acme, wanted, "https://example.org").await.unwrap();
    let longshore_organizations::invites::InviteOutcome::Invited(_, Some(link)) = &invited[0].1 else {
        panic!("{invited:?}")
    };
    link.split('#').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_invite_from_before_brings_nobody_back() {
    let registry = registry().await;
    let provisioner = provisioner(&registry, "acme").await;
    let services = &registry.app;
    let bob =
        services.organizations.create_directory_user(&provisioner, named("bob@example.org")).await.unwrap();
    let acme = "acme".parse().unwrap();
    services.organizations.delete_member(&Actor::OPERATOR, &acme, &"bob".parse().unwrap()).await.unwrap();
    let secret = invite(&registry, "bob", OrganizationRole::Member).await;
    services.organizations.create_directory_user(&provisioner, named("bob@example.org")).await.unwrap();
    services.organizations.change_directory_user(&provisioner, bob.uuid, active(false), None).await.unwrap();
    let by_bob = services.identity.authenticate_basic("bob", PASSWORD, None).await.unwrap();
    let accepted = services.organizations.accept_invite(&by_bob, &secret).await;
    assert!(matches!(accepted, Err(Error::InviteUnknown)), "{accepted:?}");
    // Nor does one from afterwards, as long as the provider says so.
    let secret = invite(&registry, "bob", OrganizationRole::Member).await;
    let accepted = services.organizations.accept_invite(&by_bob, &secret).await;
    assert!(matches!(accepted, Err(Error::Conflict(_))), "{accepted:?}");
    let denied = services.access.authorize(&by_bob, &name("acme/app"), RepositoryAction::Pull).await;
    assert!(matches!(denied, Err(Error::RepositoryUnknown(_))), "{denied:?}");
}

#[tokio::test]
async fn no_invite_to_an_address_from_before_is_left() {
    let registry = registry().await;
    let provisioner = provisioner(&registry, "acme").await;
    let services = &registry.app;
    let email = |address: &str| longshore_domain::directory::DirectoryEmail {
        address: address.to_owned(),
        kind: None,
        display: None,
        is_primary: false,
    };
    let is_left = async |secret: &str| services.organizations.get_invite(secret).await.is_ok();
    // The user name changes before the user leaves.
    let by_name = invite(&registry, "jon@example.org", OrganizationRole::Owner).await;
    let by_alias = invite(&registry, "snow@example.org", OrganizationRole::Owner).await;
    assert!(is_left(&by_name).await && is_left(&by_alias).await);
    let mut change = named("jon@example.org");
    change.emails = Some(vec![email("snow@example.org")]);
    let jon = services.organizations.create_directory_user(&provisioner, change).await.unwrap();
    services
        .organizations
        .change_directory_user(&provisioner, jon.uuid, named("jon.snow@example.org"), None)
        .await
        .unwrap();
    assert!(!is_left(&by_name).await);
    // The other addresses go with the deactivation itself.
    let by_alias = invite(&registry, "snow@example.org", OrganizationRole::Owner).await;
    let mut change = active(false);
    change.emails = Some(Vec::new());
    services.organizations.change_directory_user(&provisioner, jon.uuid, change, None).await.unwrap();
    assert!(!is_left(&by_alias).await);
    // Nor does one outlive the account.
    let by_name = invite(&registry, "arya@example.org", OrganizationRole::Owner).await;
    services.organizations.create_directory_user(&provisioner, named("arya@example.org")).await.unwrap();
    services.identity.delete_user(&Actor::OPERATOR, &"arya".parse().unwrap()).await.unwrap();
    assert!(!is_left(&by_name).await);
}

#[tokio::test]
async fn a_large_change_of_members_is_made_some_at_a_time() {
    let registry = registry().await;
    let provisioner = provisioner(&registry, "acme").await;
    let services = &registry.app;
    let mut users = Vec::new();
    for number in 0..1100 {
        let made = services
            .organizations
            .create_directory_user(&provisioner, named(&format!("u{number}")))
            .await
            .unwrap();
        users.push(made.uuid);
    }
    let replaced = |users: &[Uuid]| GroupChange {
        display_name: Some("Everybody".to_owned()),
        members: vec![MemberChange::Replace(users.to_vec())],
        ..GroupChange::default()
    };
    // Somebody who is not there is found before anything is made.
    let wrong = [&users[..], &[Uuid::nil()]].concat();
    let refused = services.organizations.create_directory_group(&provisioner, replaced(&wrong)).await;
    assert!(matches!(refused, Err(Error::Invalid { field: Field::Members, .. })), "{refused:?}");
    let group = services.organizations.create_directory_group(&provisioner, replaced(&users)).await.unwrap();
    let members = async || {
        let mut found = BTreeSet::new();
        let mut after = longshore_domain::account::AccountId(0);
        loop {
            let page = services
                .organizations
                .list_directory_group_members(&provisioner, &group, after, PageSize::MAX)
                .await
                .unwrap();
            let Some(last) = page.last() else { return found };
            after = last.account_id;
            found.extend(page.iter().map(|member| member.uuid));
        }
    };
    assert_eq!(members().await, users.iter().copied().collect());
    let change = async |change: GroupChange, expected: Option<String>| {
        services.organizations.change_directory_group(&provisioner, group.uuid, change, expected).await
    };
    let stale = change(replaced(&users[..2]), Some("other".into())).await;
    assert!(matches!(stale, Err(Error::PreconditionFailed)), "{stale:?}");
    change(replaced(&users[900..]), None).await.unwrap();
    assert_eq!(members().await, users[900..].iter().copied().collect());
    let both = GroupChange {
        members: vec![MemberChange::Add(users[..900].to_vec()), MemberChange::Remove(users[500..].to_vec())],
        ..GroupChange::default()
    };
    change(both, None).await.unwrap();
    assert_eq!(members().await, users[..500].iter().copied().collect());
    // Each change sees what those before it left, however many there are.
    for (changes, left) in [
        (vec![MemberChange::Add(users[..600].to_vec()), MemberChange::Replace(Vec::new())], &users[..0]),
        (
            vec![MemberChange::Replace(users[..600].to_vec()), MemberChange::Replace(users[500..].to_vec())],
            &users[500..],
        ),
        (
            vec![MemberChange::Replace(users[..1].to_vec()), MemberChange::Replace(users[1..2].to_vec())],
            &users[1..2],
        ),
    ] {
        change(GroupChange { members: changes, ..GroupChange::default() }, None).await.unwrap();
        assert_eq!(members().await, left.iter().copied().collect());
    }
    let too_many = vec![users[0]; longshore_organizations::directory_groups::MEMBERS_LIMIT + 1];
    let refused = change(replaced(&too_many), None).await;
    assert!(matches!(refused, Err(Error::Invalid { field: Field::Members, .. })), "{refused:?}");
}
