//! Queries of directories: whatever finds users and groups, it finds those that looking at all would.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use futures::future::join_all;
use longshore_domain::account::AccountId;
use longshore_domain::directory::query::{
    Condition, DirectoryAnswer, DirectoryFilter, DirectoryOrder, DirectoryPage, GroupQuery, NamedMembers,
    QueriedParts, UserQuery,
};
use longshore_domain::directory::{
    DirectoryChange, DirectoryEmail, DirectoryGroup, DirectoryUser, GroupChange, GroupLookup, MemberChange,
    Provisioner, UserLookup, UserOrder, UserParts,
};
use longshore_domain::page::PageSize;
use longshore_testkit::budget::property_cases;
use longshore_testkit::registry::TestRegistry;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::directory::provisioner;

const ALL_PARTS: QueriedParts = QueriedParts { examined: UserParts::ALL, shown: UserParts::ALL };

fn page<N: std::fmt::Debug>(answer: DirectoryAnswer<N>) -> DirectoryPage<N> {
    match answer {
        DirectoryAnswer::Found(page) => page,
        refused => panic!("{refused:?}"),
    }
}

async fn find_users(
    registry: &TestRegistry,
    provisioner: &Provisioner,
    query: &UserQuery<'_>,
) -> DirectoryPage<DirectoryUser> {
    page(registry.app.organizations.find_directory_users(provisioner, query).await.unwrap())
}

async fn find_groups(
    registry: &TestRegistry,
    provisioner: &Provisioner,
    query: &GroupQuery<'_>,
) -> DirectoryPage<DirectoryGroup> {
    page(registry.app.organizations.find_directory_groups(provisioner, query).await.unwrap())
}

/// Returns the users that a lookup finds.
pub async fn look_up_users(
    registry: &TestRegistry,
    provisioner: &Provisioner,
    lookup: UserLookup,
) -> Vec<DirectoryUser> {
    let query = UserQuery {
        filter: Some(DirectoryFilter { condition: Condition::Lookup(lookup), meets: &|_| true }),
        order: DirectoryOrder::Any,
        parts: ALL_PARTS,
        skip: 0,
        take: 1000,
    };
    find_users(registry, provisioner, &query).await.items
}

/// Returns the groups that a lookup finds.
pub async fn look_up_groups(
    registry: &TestRegistry,
    provisioner: &Provisioner,
    lookup: GroupLookup,
) -> Vec<DirectoryGroup> {
    let query = GroupQuery {
        filter: Some(DirectoryFilter { condition: Condition::Lookup(lookup), meets: &|_| true }),
        order: DirectoryOrder::Any,
        parts: NamedMembers::default(),
        skip: 0,
        take: 1000,
    };
    find_groups(registry, provisioner, &query).await.items
}

/// Returns a page of all users.
pub async fn list_users(
    registry: &TestRegistry,
    provisioner: &Provisioner,
    order: UserOrder,
    is_descending: bool,
    skip: u64,
    take: usize,
) -> DirectoryPage<DirectoryUser> {
    let order = DirectoryOrder::By { index: Some(order), key: &|_| None, is_descending };
    let query = UserQuery { filter: None, order, parts: ALL_PARTS, skip, take };
    find_users(registry, provisioner, &query).await
}

/// A filter as somebody might ask: of what no index has, users are asked whether their given name has a letter, and groups
/// whether their display name has.
#[derive(Clone, Debug)]
enum Asked<L> {
    Lookup(L),
    HasLetter(char),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl<L: Clone> Asked<L> {
    fn condition(&self) -> Condition<L> {
        let each = |asked: &[Self]| asked.iter().map(Self::condition).collect();
        match self {
            Self::Lookup(lookup) => Condition::Lookup(lookup.clone()),
            Self::HasLetter(_) | Self::Not(_) => Condition::Unindexed,
            Self::All(asked) => Condition::All(each(asked)),
            Self::Any(asked) => Condition::Any(each(asked)),
        }
    }

    fn holds(&self, meets: &dyn Fn(&L) -> bool, text: &str) -> bool {
        match self {
            Self::Lookup(lookup) => meets(lookup),
            Self::HasLetter(letter) => text.contains(*letter),
            Self::Not(asked) => !asked.holds(meets, text),
            Self::All(asked) => asked.iter().all(|asked| asked.holds(meets, text)),
            Self::Any(asked) => asked.iter().any(|asked| asked.holds(meets, text)),
        }
    }
}

fn asked<L: Clone + std::fmt::Debug + 'static>(
    lookup: impl Strategy<Value = L> + 'static,
) -> impl Strategy<Value = Asked<L>> {
    let letter = prop::sample::select(vec!['a', 'e', 'x']);
    let leaf = prop_oneof![4 => lookup.prop_map(Asked::Lookup), 1 => letter.prop_map(Asked::HasLetter)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            3 => several.clone().prop_map(Asked::All),
            3 => several.prop_map(Asked::Any),
            1 => inner.prop_map(|asked| Asked::Not(Box::new(asked))),
        ]
    })
}

fn meets_lookup(user: &DirectoryUser, lookup: &UserLookup) -> bool {
    let is = |text: &str, other: &str| text.to_lowercase() == other.to_lowercase();
    match lookup {
        UserLookup::All => true,
        UserLookup::Nobody => false,
        UserLookup::Id(uuid) => user.uuid == *uuid,
        UserLookup::UserName(name) => is(&user.user_name, name),
        UserLookup::UserNamePrefix(prefix) => {
            user.user_name.to_lowercase().starts_with(&prefix.to_lowercase())
        }
        UserLookup::ExternalId(id) => user.external_id.as_ref() == Some(id),
        UserLookup::Email(address) => match user.emails.is_empty() {
            true => is(&user.user_name, address),
            false => user.emails.iter().any(|email| is(&email.address, address)),
        },
        UserLookup::Name(name) => is(user.name.as_str(), name),
    }
}

/// A directory of some users and groups, which does not change.
struct Fixture {
    registry: TestRegistry,
    provisioner: Provisioner,
    users: Vec<DirectoryUser>,
    groups: Vec<(DirectoryGroup, BTreeSet<Uuid>)>,
}

const NAMES: [&str; 6] = ["ann", "anna", "Axel", "bea", "Ben", "xenia"];

impl Fixture {
    async fn new() -> Self {
        let registry = TestRegistry::new().await;
        let alice = registry.sign_in("alice").await;
        registry.push_blob(&alice, "acme/app", b"config").await.unwrap();
        let provisioner = provisioner(&registry, "acme").await;
        let room = &registry.app.organizations;
        let mut ids = Vec::new();
        for (number, name) in NAMES.into_iter().enumerate() {
            let email = |host: &str| DirectoryEmail {
                address: format!("{name}@{host}"),
                kind: None,
                display: None,
                is_primary: false,
            };
            let change = DirectoryChange {
                user_name: Some(format!("{name}@example.org")),
                external_id: Some(Some(format!("ext{}", number % 2))),
                given_name: (number != 3).then(|| name.to_lowercase()),
                emails: (number % 3 != 0).then(|| vec![email("work.org"), email("Home.org")]),
                ..DirectoryChange::default()
            };
            ids.push(room.create_directory_user(&provisioner, change).await.unwrap().uuid);
        }
        let members = [vec![0, 1], vec![1, 2, 3], vec![], vec![5]];
        for (number, (name, members)) in
            ["Alpha", "beta", "Exa", "delta"].into_iter().zip(members).enumerate()
        {
            let change = GroupChange {
                display_name: Some(name.into()),
                external_id: Some(Some(format!("ext{}", number % 2))),
                members: vec![MemberChange::Add(members.into_iter().map(|user: usize| ids[user]).collect())],
            };
            room.create_directory_group(&provisioner, change).await.unwrap();
        }
        let users = list_users(&registry, &provisioner, UserOrder::Position, false, 0, 1000).await.items;
        let mut groups = Vec::new();
        for group in look_up_groups(&registry, &provisioner, GroupLookup::All).await {
            let members = room
                .list_directory_group_members(&provisioner, &group, AccountId(0), PageSize::MAX)
                .await
                .unwrap();
            groups.push((group, members.into_iter().map(|member| member.uuid).collect()));
        }
        assert_eq!((users.len(), groups.len()), (7, 5), "with the owner, and the team of all");
        Self { registry, provisioner, users, groups }
    }

    fn user_ids(&self) -> Vec<Uuid> {
        self.users.iter().map(|user| user.uuid).chain([Uuid::nil()]).collect()
    }

    fn user_lookup(&self) -> impl Strategy<Value = UserLookup> + use<> {
        let text = |texts: &[&str]| {
            prop::sample::select(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        prop_oneof![
            1 => Just(UserLookup::Nobody),
            2 => prop::sample::select(self.user_ids()).prop_map(UserLookup::Id),
            3 => text(&["ANN@example.org", "bea@example.org", "nobody"]).prop_map(UserLookup::UserName),
            4 => text(&["a", "AN", "b", "q", "xenia@example.org"]).prop_map(UserLookup::UserNamePrefix),
            3 => text(&["ext0", "ext1", "EXT0"]).prop_map(UserLookup::ExternalId),
            4 => text(&["ann@example.org", "anna@home.org", "anna@example.org", "BEN@WORK.ORG", "x"])
                .prop_map(UserLookup::Email),
            2 => text(&["ann", "Axel", "alice", "nobody"]).prop_map(UserLookup::Name),
        ]
    }

    fn group_lookup(&self) -> impl Strategy<Value = GroupLookup> + use<> {
        let ids: Vec<_> = self.groups.iter().map(|(group, _)| group.uuid).chain([Uuid::nil()]).collect();
        let text = |texts: &[&str]| {
            prop::sample::select(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        prop_oneof![
            1 => Just(GroupLookup::Nothing),
            2 => prop::sample::select(ids).prop_map(GroupLookup::Id),
            3 => text(&["alpha", "BETA", "company", "gamma"]).prop_map(GroupLookup::DisplayName),
            3 => text(&["ext0", "ext1", "x"]).prop_map(GroupLookup::ExternalId),
            5 => prop::sample::select(self.user_ids()).prop_map(GroupLookup::Member),
        ]
    }

    async fn check_users(&self, asked: Option<&Asked<UserLookup>>, sort: Sort, skip: usize, take: usize) {
        let meets = |user: &DirectoryUser| {
            asked.is_none_or(|asked| asked.holds(&|lookup| meets_lookup(user, lookup), &user.given_name))
        };
        let key = |user: &DirectoryUser| match sort {
            Sort::Any => None,
            Sort::UserName { .. } => Some(user.user_name.to_lowercase()),
            Sort::Position { .. } => Some(format!("{:020}", user.position)),
            Sort::Unindexed { .. } => user.external_id.clone(),
        };
        let query = |skip, take| UserQuery {
            filter: asked.map(|asked| DirectoryFilter { condition: asked.condition(), meets: &meets }),
            order: match sort {
                Sort::Any => DirectoryOrder::Any,
                Sort::UserName { is_descending } => {
                    DirectoryOrder::By { index: Some(UserOrder::UserName), key: &key, is_descending }
                }
                Sort::Position { is_descending } => {
                    DirectoryOrder::By { index: Some(UserOrder::Position), key: &key, is_descending }
                }
                Sort::Unindexed { is_descending } => {
                    DirectoryOrder::By { index: None, key: &key, is_descending }
                }
            },
            parts: ALL_PARTS,
            skip,
            take,
        };
        let found = find_users(&self.registry, &self.provisioner, &query(0, 1000)).await;
        let expected: Vec<_> = self.users.iter().filter(|user| meets(user)).cloned().collect();
        assert_eq!(found.total, expected.len() as u64);
        check_order(&found.items, expected, sort, &key, |user| user.position);
        let page = find_users(&self.registry, &self.provisioner, &query(skip as u64, take)).await;
        assert_eq!(page.total, found.total);
        let expected: Vec<_> = found.items.into_iter().skip(skip).take(take).collect();
        assert_eq!(page.items, expected);
    }

    async fn check_groups(&self, asked: Option<&Asked<GroupLookup>>, sort: Sort, skip: usize, take: usize) {
        let holds = |group: &DirectoryGroup, is_member: &dyn Fn(Uuid) -> bool| {
            let meets = |lookup: &GroupLookup| match lookup {
                GroupLookup::All => true,
                GroupLookup::Nothing => false,
                GroupLookup::Id(uuid) => group.uuid == *uuid,
                GroupLookup::DisplayName(name) => group.display_name.to_lowercase() == name.to_lowercase(),
                GroupLookup::ExternalId(id) => group.external_id.as_ref() == Some(id),
                GroupLookup::Member(user) => is_member(*user),
            };
            asked.is_none_or(|asked| asked.holds(&meets, &group.display_name))
        };
        let meets = |group: &DirectoryGroup| holds(group, &|user| group.named_members.contains(&user));
        let key = |group: &DirectoryGroup| group.external_id.clone();
        let query = |skip, take| GroupQuery {
            filter: asked.map(|asked| DirectoryFilter { condition: asked.condition(), meets: &meets }),
            order: match sort {
                Sort::Unindexed { is_descending } => {
                    DirectoryOrder::By { index: None, key: &key, is_descending }
                }
                Sort::Any | Sort::UserName { .. } | Sort::Position { .. } => DirectoryOrder::Any,
            },
            parts: NamedMembers(self.user_ids()),
            skip,
            take,
        };
        let found = find_groups(&self.registry, &self.provisioner, &query(0, 1000)).await;
        let all = self.groups.iter().filter(|(group, members)| holds(group, &|user| members.contains(&user)));
        let expected: Vec<_> = all
            .map(|(group, members)| {
                let named = self.user_ids().into_iter().filter(|user| members.contains(user));
                DirectoryGroup { named_members: named.collect(), ..group.clone() }
            })
            .collect();
        assert_eq!(found.total, expected.len() as u64);
        let sort = if matches!(sort, Sort::Unindexed { .. }) { sort } else { Sort::Any };
        check_order(&found.items, expected, sort, &key, |group| group.id.0);
        let page = find_groups(&self.registry, &self.provisioner, &query(skip as u64, take)).await;
        assert_eq!(page.total, found.total);
        let expected: Vec<_> = found.items.into_iter().skip(skip).take(take).collect();
        assert_eq!(page.items, expected);
    }
}

#[derive(Clone, Copy, Debug)]
enum Sort {
    Any,
    UserName { is_descending: bool },
    Position { is_descending: bool },
    Unindexed { is_descending: bool },
}

fn sort() -> impl Strategy<Value = Sort> {
    (0_u8..4, any::<bool>()).prop_map(|(kind, is_descending)| match kind {
        0 => Sort::Any,
        1 => Sort::UserName { is_descending },
        2 => Sort::Position { is_descending },
        _ => Sort::Unindexed { is_descending },
    })
}

/// Checks that those that were found are the expected ones, in the order that was wanted.
fn check_order<N: Clone + PartialEq + std::fmt::Debug>(
    found: &[N],
    mut expected: Vec<N>,
    sort: Sort,
    key: &dyn Fn(&N) -> Option<String>,
    place: fn(&N) -> i64,
) {
    let is_descending = match sort {
        Sort::Any => {
            let mut found = found.to_vec();
            found.sort_by_key(place);
            expected.sort_by_key(place);
            assert_eq!(found, expected);
            return;
        }
        Sort::UserName { is_descending }
        | Sort::Position { is_descending }
        | Sort::Unindexed { is_descending } => is_descending,
    };
    expected.sort_by(|one, other| {
        let order = match (key(one), key(other)) {
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (one, other) => one.cmp(&other),
        };
        let order = if is_descending { order.reverse() } else { order };
        order.then(place(one).cmp(&place(other)))
    });
    assert_eq!(found, expected);
}

#[test]
fn directory_queries_find_what_looking_at_all_would() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let fixture = runtime.block_on(Fixture::new());
    let config = || ProptestConfig { cases: property_cases(400), ..ProptestConfig::default() };
    let window = || (sort(), 0_usize..4, 0_usize..4);
    let users = (prop::option::weighted(0.95, asked(fixture.user_lookup())), window());
    let checked = TestRunner::new(config()).run(&users, |(asked, (sort, skip, take))| {
        runtime.block_on(fixture.check_users(asked.as_ref(), sort, skip, take));
        Ok(())
    });
    checked.unwrap();
    let groups = (prop::option::weighted(0.95, asked(fixture.group_lookup())), window());
    let checked = TestRunner::new(config()).run(&groups, |(asked, (sort, skip, take))| {
        runtime.block_on(fixture.check_groups(asked.as_ref(), sort, skip, take));
        Ok(())
    });
    checked.unwrap();
}

/// An index gives the first thousand of a value, and all are looked at a thousand at a time.
#[tokio::test(flavor = "multi_thread")]
async fn directory_queries_find_more_than_one_look_at_an_index_gives() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "acme/app", b"config").await.unwrap();
    let provisioner = provisioner(&registry, "acme").await;
    let room = &registry.app.organizations;
    for batch in 0..41 {
        let users = (0..25).map(|number| {
            let change = DirectoryChange {
                user_name: Some(format!("u{batch}-{number}@example.org")),
                external_id: Some(Some("same".into())),
                ..DirectoryChange::default()
            };
            room.create_directory_user(&provisioner, change)
        });
        for made in join_all(users).await {
            made.unwrap();
        }
    }
    let same = || Condition::Lookup(UserLookup::ExternalId("same".into()));
    let none = || Condition::Lookup(UserLookup::ExternalId("other".into()));
    for condition in [same(), Condition::Any(vec![none(), same()])] {
        let query = UserQuery {
            filter: Some(DirectoryFilter { condition, meets: &|user| user.external_id.is_some() }),
            order: DirectoryOrder::Any,
            parts: QueriedParts::default(),
            skip: 1010,
            take: 100,
        };
        let found = find_users(&registry, &provisioner, &query).await;
        assert_eq!((found.total, found.items.len()), (1025, 15));
    }
}
