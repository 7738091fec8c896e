//! What lists show, against the rule that decides: in random worlds, a list shows a repository exactly if the rule lets whoever asks
//! view it, but for the exceptions that `access::policy::Visible` names.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use longshore_content::inventory::{SharedSide, WantedShares};
use longshore_domain::Error;
use longshore_domain::access::action::{Level, RepositoryAction};
use longshore_domain::access::actor::{AccountPrincipal, Actor, CredentialScope, Proof};
use longshore_domain::access::policy::{
    self, Facts, NamespaceFacts, RepositoryFacts, Visible, Who, repository_actions,
};
use longshore_domain::account::{AccountId, AccountKind, OrganizationRole};
use longshore_domain::clock::Entropy;
use longshore_domain::credential::{AccessTokenId, Scope, SecretHash, TokenOrigin, TokenRestriction};
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::ports::blobs::StorageKey;
use longshore_domain::ports::metadata::{NewAccessToken, NewAccount, NewTeam, PermissionTarget, Tx};
use longshore_domain::repository::query::RepositoryFilter;
use longshore_domain::repository::{InventoryColumn, InventoryOrder, RepositoryOrder, Visibility};
use longshore_domain::share::ShareTerms;
use longshore_domain::token_resource::{TokenResource, TokenResources};
use longshore_testkit::entropy::SeededEntropy;
use longshore_testkit::registry::TestRegistry;
use proptest::prelude::*;
use uuid::Uuid;

/// Accounts of each world: users, and then organizations, each with a namespace.
const USERS: usize = 4;
const ACCOUNTS: usize = 7;
/// Repositories of each namespace.
const REPOSITORIES: usize = 2;
/// Teams of each organization.
const TEAMS: usize = 2;

/// Random numbers of a seed.
struct Chance(SeededEntropy);

impl Chance {
    fn below(&mut self, end: u8) -> u8 {
        let mut number = [0; 8];
        self.0.fill(&mut number);
        u8::try_from(u64::from_le_bytes(number) % u64::from(end)).unwrap()
    }

    /// True once in `times`.
    fn once_in(&mut self, times: u8) -> bool {
        self.below(times) == times - 1
    }

    fn permission(&mut self) -> Option<RepositoryPermission> {
        match self.below(12) {
            9 => Some(RepositoryPermission::Read),
            10 => Some(RepositoryPermission::Write),
            11 => Some(RepositoryPermission::Admin),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
struct ModelAccount {
    name: Namespace,
    is_active: bool,
    is_administrator: bool,
    /// Of organizations.
    members_pull: bool,
    roles: BTreeMap<usize, OrganizationRole>,
    teams: Vec<BTreeSet<usize>>,
    /// What users were given.
    given: BTreeMap<usize, RepositoryPermission>,
}

#[derive(Clone, Debug)]
struct ModelRepository {
    namespace: usize,
    name: String,
    visibility: Visibility,
    teams: BTreeMap<usize, RepositoryPermission>,
    given: BTreeMap<usize, RepositoryPermission>,
    /// With whom it is shared, and whether that has expired.
    shares: BTreeMap<usize, bool>,
}

/// Who asks.
#[derive(Clone, Debug)]
enum Asker {
    Anonymous,
    Operator,
    Account(usize, Option<TokenRestriction>),
}

#[derive(Clone, Debug)]
struct World {
    anonymous_pull: bool,
    accounts: Vec<ModelAccount>,
    repositories: Vec<ModelRepository>,
    askers: Vec<Asker>,
}

/// A restriction of an access token, and for organizations perhaps a list of resources.
fn restriction(chance: &mut Chance, accounts: &[ModelAccount], owner: usize) -> TokenRestriction {
    let scopes = [Scope::PublicRead, Scope::Read, Scope::Write, Scope::Admin, Scope::Account];
    let scope = scopes[usize::from(chance.below(5))];
    let own = accounts[owner].name.to_string();
    match chance.below(6) {
        0..3 => TokenRestriction::Scope(scope),
        3 => TokenRestriction::Login { namespace: None, scope: Scope::Write },
        4 if owner < USERS => {
            let namespace = Some(accounts[usize::from(chance.below(7))].name.clone());
            TokenRestriction::Login { namespace, scope: Scope::Read }
        }
        _ if owner < USERS => TokenRestriction::Scope(scope),
        _ => {
            let organization: &[&str] = match chance.below(3) {
                0 => &["scope-repository-list"],
                1 => &["scope-member-read"],
                _ => &["scope-report-read"],
            };
            let pattern = match chance.below(3) {
                0 => format!("{own}/*"),
                1 => format!("{own}/r0"),
                _ => "*/*/public".to_owned(),
            };
            TokenRestriction::Resources(
                TokenResources::new(vec![
                    TokenResource::parse("TYPE_ORG", &own, organization).unwrap(),
                    TokenResource::parse("TYPE_REPO", &pattern, &["scope-repository-read"]).unwrap(),
                ])
                .unwrap(),
            )
        }
    }
}

impl World {
    fn of(seed: u64) -> Self {
        let mut chance = Chance(SeededEntropy::new(seed));
        let anonymous_pull = !chance.once_in(4);
        let mut accounts: Vec<ModelAccount> = Vec::new();
        for number in 0..ACCOUNTS {
            let is_organization = number >= USERS;
            let mut account = ModelAccount {
                name: format!("{}{number}", if is_organization { "o" } else { "u" }).parse().unwrap(),
                is_active: !chance.once_in(3),
                is_administrator: !is_organization && chance.once_in(5),
                members_pull: !chance.once_in(2),
                roles: BTreeMap::new(),
                teams: vec![BTreeSet::new(); TEAMS],
                given: BTreeMap::new(),
            };
            for user in (0..USERS).filter(|user| *user != number) {
                let role = match chance.below(6) {
                    2..4 => Some(OrganizationRole::Member),
                    4 => Some(OrganizationRole::Editor),
                    5 => Some(OrganizationRole::Owner),
                    _ => None,
                };
                if let (true, Some(role)) = (is_organization, role) {
                    account.roles.insert(user, role);
                    for team in &mut account.teams {
                        if chance.once_in(3) {
                            team.insert(user);
                        }
                    }
                }
                if let Some(permission) = chance.permission() {
                    account.given.insert(user, permission);
                }
            }
            accounts.push(account);
        }
        let mut repositories = Vec::new();
        for (namespace, number) in (0..ACCOUNTS).flat_map(|of| (0..REPOSITORIES).map(move |at| (of, at))) {
            let mut repository = ModelRepository {
                namespace,
                name: format!("{}/r{number}", accounts[namespace].name),
                visibility: if chance.once_in(3) { Visibility::Public } else { Visibility::Private },
                teams: BTreeMap::new(),
                given: BTreeMap::new(),
                shares: BTreeMap::new(),
            };
            for team in (0..TEAMS).filter(|_| namespace >= USERS) {
                if let Some(permission) = chance.permission() {
                    repository.teams.insert(team, permission);
                }
            }
            for user in (0..USERS).filter(|user| *user != namespace) {
                if let Some(permission) = chance.permission() {
                    repository.given.insert(user, permission);
                }
            }
            for account in (0..ACCOUNTS).filter(|account| *account != namespace) {
                if chance.once_in(8) {
                    repository.shares.insert(account, chance.once_in(3));
                }
            }
            repositories.push(repository);
        }
        let mut askers = vec![Asker::Anonymous, Asker::Operator];
        for account in 0..ACCOUNTS {
            if account < USERS {
                askers.push(Asker::Account(account, None));
            }
            askers.push(Asker::Account(account, Some(restriction(&mut chance, &accounts, account))));
        }
        Self { anonymous_pull, accounts, repositories, askers }
    }

    /// Asks the rule about somebody and a repository, as they are in the model.
    fn ask<T>(
        &self,
        asker: &Asker,
        restriction: Option<&TokenRestriction>,
        repository: &ModelRepository,
        with_shares: bool,
        ask: impl FnOnce(&Facts<'_>) -> T,
    ) -> T {
        let namespace = &self.accounts[repository.namespace];
        let most = |given: &mut dyn Iterator<Item = RepositoryPermission>| {
            given.map(RepositoryPermission::level).max().unwrap_or(Level::None)
        };
        let (who, number) = match asker {
            Asker::Anonymous => (Who::Anonymous, None),
            Asker::Operator => (Who::Operator, None),
            Asker::Account(number, _) => {
                let is_administrator = self.accounts[*number].is_administrator;
                (Who::Account { id: AccountId(0), is_administrator }, Some(*number))
            }
        };
        let of =
            |map: &BTreeMap<usize, RepositoryPermission>| number.and_then(|number| map.get(&number)).copied();
        let teams = repository
            .teams
            .iter()
            .filter(|(team, _)| number.is_some_and(|number| namespace.teams[**team].contains(&number)));
        let is_shared = repository.shares.iter().any(|(with, has_expired)| {
            let with_organization = &self.accounts[*with];
            let is_with = number.is_some_and(|number| {
                number == *with
                    || (with_organization.is_active && with_organization.roles.contains_key(&number))
            });
            is_with && !has_expired
        });
        let name = repository.name.parse().unwrap();
        ask(&Facts {
            who,
            scope: &CredentialScope::Everything,
            restriction,
            namespace: Some(NamespaceFacts {
                name: &namespace.name,
                is_active: self.is_enabled(repository),
                is_own: number == Some(repository.namespace),
                role: number.and_then(|number| namespace.roles.get(&number)).copied(),
                members_pull: namespace.members_pull,
                permission: most(&mut of(&namespace.given).into_iter().chain(of(&repository.given))),
                has_repository_permission: false,
            }),
            repository: Some(RepositoryFacts {
                name: &name,
                visibility: Some(repository.visibility),
                team: most(&mut teams.map(|(_, permission)| *permission)),
                is_shared: with_shares && is_shared,
                immutability_is_owners: false,
                blocked_by: None,
            }),
            anonymous_pull: self.anonymous_pull,
        })
    }

    fn restriction_of<'a>(&self, asker: &'a Asker) -> Option<&'a TokenRestriction> {
        match asker {
            Asker::Account(_, restriction) => restriction.as_ref(),
            Asker::Anonymous | Asker::Operator => None,
        }
    }

    /// Returns whether somebody may view a repository.
    fn may_view(&self, asker: &Asker, repository: &ModelRepository) -> bool {
        let view = |facts: &Facts<'_>| repository_actions(facts).contains(RepositoryAction::View);
        self.ask(asker, self.restriction_of(asker), repository, true, view)
    }

    /// Returns whether lists show somebody a repository: what may be viewed, with the exceptions.
    fn is_listed(&self, asker: &Asker, repository: &ModelRepository) -> bool {
        let view = |facts: &Facts<'_>| repository_actions(facts).contains(RepositoryAction::View);
        let restriction = self.restriction_of(asker);
        match restriction {
            // What is shared is not in other lists.
            None => self.ask(asker, None, repository, false, view),
            // Of tokens that list no more, what is public to everybody.
            Some(restriction) if !restriction.lists_private() => {
                let view = |facts: &Facts<'_>| view(&Facts { anonymous_pull: true, ..*facts });
                self.ask(&Asker::Anonymous, None, repository, false, view)
            }
            Some(TokenRestriction::Scope(_)) => self.ask(asker, restriction, repository, false, view),
            // Of others it does not matter what else they allow.
            Some(_) => self.ask(asker, None, repository, false, view),
        }
    }

    /// Returns whether a repository is in no organization that is disabled.
    fn is_enabled(&self, repository: &ModelRepository) -> bool {
        repository.namespace < USERS || self.accounts[repository.namespace].is_active
    }

    /// Returns whether a repository is one of an account's own, as lists over its namespaces have it.
    fn is_own(&self, account: usize, repository: &ModelRepository) -> bool {
        let namespace = &self.accounts[repository.namespace];
        let is_in_team = repository.teams.keys().any(|team| namespace.teams[*team].contains(&account));
        repository.namespace == account
            || namespace.roles.contains_key(&account)
            || namespace.given.contains_key(&account)
            || repository.given.contains_key(&account)
            || is_in_team
    }

    /// Returns whether the account's credentials are void.
    fn is_void(&self, asker: &Asker) -> bool {
        matches!(asker, Asker::Account(number, _) if !self.accounts[*number].is_active)
    }

    /// Returns what somebody sees of some repositories.
    fn expected(&self, asker: &Asker, among: impl Fn(&ModelRepository) -> bool) -> BTreeSet<String> {
        let found = self.repositories.iter().filter(|it| among(it) && self.is_listed(asker, it));
        found.map(|repository| repository.name.clone()).collect()
    }
}

/// A blob that one repository has alone.
fn blob_of(repository: &str) -> Digest {
    Digest::of(Algorithm::Sha256, repository.as_bytes())
}

/// The world in the store: the numbers of its accounts, and the tokens of those who ask.
#[derive(Clone, Debug, Default)]
struct Made {
    accounts: Vec<AccountId>,
    tokens: BTreeMap<usize, AccessTokenId>,
}

async fn make(tx: &mut dyn Tx, world: &World, now: Timestamp) -> longshore_domain::Result<Made> {
    let mut made = Made::default();
    let uuid = |number: usize| Uuid::from_u128(number as u128 + 1);
    for (number, account) in world.accounts.iter().enumerate() {
        let kind = if number < USERS { AccountKind::User } else { AccountKind::Organization };
        let new = NewAccount {
            uuid: uuid(number),
            kind,
            name: account.name.clone(),
            password_hash: None,
            is_administrator: account.is_administrator,
            created_at: now,
        };
        made.accounts.push(tx.create_account(&new).await?);
    }
    let ids = made.accounts.clone();
    let mut teams = BTreeMap::new();
    for (number, account) in world.accounts.iter().enumerate() {
        if number >= USERS {
            tx.put_members_pull(ids[number], account.members_pull).await?;
            for (user, role) in &account.roles {
                tx.put_member(ids[number], ids[*user], *role, now).await?;
            }
            for (team, members) in account.teams.iter().enumerate() {
                let new = NewTeam {
                    uuid: uuid(1000 + number * TEAMS + team),
                    name: format!("t{team}").parse()?,
                    description: String::new(),
                    created_at: now,
                };
                let id = tx.create_team(ids[number], &new).await?;
                teams.insert((number, team), id);
                for user in members {
                    tx.add_team_member(id, ids[*user], now).await?;
                }
            }
        }
        for (user, permission) in &account.given {
            let target = PermissionTarget::Namespace(ids[number]);
            tx.put_user_permission(target, ids[*user], *permission, now).await?;
        }
    }
    for (number, repository) in world.repositories.iter().enumerate() {
        let name = repository.name.parse()?;
        let namespace = ids[repository.namespace];
        let id = tx.create_repository(namespace, &name, repository.visibility, None, now).await?.id;
        for (team, permission) in &repository.teams {
            tx.put_team_permission(teams[&(repository.namespace, *team)], id, *permission).await?;
        }
        for (user, permission) in &repository.given {
            tx.put_user_permission(PermissionTarget::Repository(id), ids[*user], *permission, now).await?;
        }
        for (account, has_expired) in &repository.shares {
            let expires_at = has_expired.then_some(now);
            let terms = ShareTerms { expires_at, description: String::new() };
            tx.create_share(id, ids[*account], &terms, None, now).await?;
        }
        let key = StorageKey(uuid(2000 + number));
        let blob = tx.create_blob(&blob_of(&repository.name), 1, "test", key, now).await?;
        tx.put_blob_link(id, blob, now).await?;
    }
    for (number, asker) in world.askers.iter().enumerate() {
        let Asker::Account(account, Some(restriction)) = asker else { continue };
        let token = NewAccessToken {
            uuid: uuid(3000 + number),
            account_id: ids[*account],
            label: "t".into(),
            description: String::new(),
            created_by: String::new(),
            restriction: restriction.clone(),
            made_with: None,
            secret_hash: SecretHash::of(&number.to_string()),
            access_key: None,
            expires_at: None,
            created_at: now,
            origin: TokenOrigin::default(),
        };
        made.tokens.insert(number, tx.create_access_token(&token).await?);
    }
    for (id, account) in ids.iter().zip(&world.accounts) {
        tx.set_account_active(*id, account.is_active).await?;
    }
    Ok(made)
}

struct Run {
    registry: TestRegistry,
    world: World,
    made: Made,
}

impl Run {
    async fn new(world: World) -> Self {
        let anonymous_pull = world.anonymous_pull;
        let registry = TestRegistry::with(|settings| settings.anonymous_pull = anonymous_pull).await;
        let input = (world.clone(), registry.app.platform.now());
        let made = registry
            .metadata()
            .write(input, |tx, (world, now)| Box::pin(make(tx, world, *now)))
            .await
            .unwrap();
        Self { registry, world, made }
    }

    async fn actor(&self, number: usize) -> Actor {
        match &self.world.askers[number] {
            Asker::Anonymous => Actor::ANONYMOUS,
            Asker::Operator => Actor::OPERATOR,
            Asker::Account(account, _) => {
                let id = self.made.accounts[*account];
                let found =
                    self.registry.metadata().read(id, |tx, id| Box::pin(tx.find_account(*id))).await.unwrap();
                let principal = AccountPrincipal {
                    account_id: id,
                    name: self.world.accounts[*account].name.clone(),
                    credential_epoch: found.unwrap().credential_epoch,
                    access_token: self.made.tokens.get(&number).copied(),
                };
                Actor::account(principal, CredentialScope::Everything, Proof::Password)
            }
        }
    }

    async fn catalog(&self, actor: &Actor) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let after = names.last().cloned();
            let size = PageSize::clamped(3)?;
            let page = self.registry.app.content.list_repositories(actor, after.as_deref(), size).await?;
            names.extend(page.items.iter().map(|repository| repository.name.to_string()));
            if !page.has_more {
                return Ok(names);
            }
        }
    }

    async fn check(&self, number: usize) {
        let (world, services) = (&self.world, &self.registry.app);
        let asker = &world.askers[number];
        let actor = self.actor(number).await;
        let catalog = self.catalog(&actor).await;
        if world.is_void(asker) {
            assert!(matches!(catalog, Err(Error::Unauthenticated(_))), "{asker:?}: {catalog:?}");
            return;
        }
        let all = world.expected(asker, |_| true);
        assert_eq!(catalog.unwrap(), Vec::from_iter(all.clone()), "the catalog of {asker:?}");

        let (found, count) =
            services.content.search_repositories(&actor, "r", 0, PageSize::MAX).await.unwrap();
        let found: BTreeSet<String> = found.iter().map(|it| it.repository.name.to_string()).collect();
        assert_eq!((&found, count), (&all, all.len() as u64), "what {asker:?} finds");

        for (at, namespace) in world.accounts.iter().enumerate() {
            let expected = world.expected(asker, |repository| repository.namespace == at);
            for order in [RepositoryOrder::Name, RepositoryOrder::PullsDescending] {
                let listed = services
                    .content
                    .list_namespace_repositories(&actor, &namespace.name, "", order, 0, PageSize::MAX)
                    .await;
                let (listed, count) = match listed {
                    Err(Error::OrganizationUnknown(_)) => (Vec::new(), 0),
                    listed => listed.unwrap(),
                };
                let listed: BTreeSet<String> =
                    listed.iter().map(|it| it.repository.name.to_string()).collect();
                let what = format!("{} for {asker:?}", namespace.name);
                assert_eq!((&listed, count), (&expected, expected.len() as u64), "{what}");
            }
        }
        if let Asker::Account(account, _) = asker {
            self.check_own(&actor, asker, *account).await;
            self.check_shared(&actor, asker, *account).await;
        }
        self.check_single(&actor, number).await;
    }

    /// Lists over all namespaces of a user.
    async fn check_own(&self, actor: &Actor, asker: &Asker, account: usize) {
        let world = &self.world;
        let order = InventoryOrder { column: InventoryColumn::Name, is_descending: false };
        for visibility in [None, Some(Visibility::Public), Some(Visibility::Private)] {
            let expected = world.expected(asker, |repository| {
                world.is_own(account, repository)
                    && visibility.is_none_or(|visibility| visibility == repository.visibility)
            });
            let wanted = RepositoryFilter { visibility, ..RepositoryFilter::default() };
            let (listed, count) = self
                .registry
                .app
                .content
                .list_own_repositories(actor, wanted, order, 0, PageSize::MAX)
                .await
                .unwrap();
            let listed: BTreeSet<String> =
                listed.iter().map(|it| it.listing.details.repository.name.to_string()).collect();
            let what = format!("{visibility:?} of {asker:?}");
            assert_eq!((&listed, count), (&expected, expected.len() as u64), "{what}");
        }
    }

    /// Lists of what is shared with an account, which it may view and whose namespaces are not disabled.
    async fn check_shared(&self, actor: &Actor, asker: &Asker, account: usize) {
        let world = &self.world;
        let order = InventoryOrder { column: InventoryColumn::Name, is_descending: false };
        let filter = RepositoryFilter::default();
        let wanted = WantedShares { side: SharedSide::Others, filter, is_valid: Some(true) };
        let services = &self.registry.app;
        let listed = services.content.list_shared_repositories(actor, wanted, order, 0, PageSize::MAX).await;
        let restriction = world.restriction_of(asker);
        if restriction.is_some_and(|restriction| !restriction.lists_private()) {
            assert!(matches!(listed, Err(Error::Denied(_))), "{listed:?}");
            return;
        }
        let (listed, count) = listed.unwrap();
        let listed: BTreeSet<String> =
            listed.iter().map(|it| it.listing.details.repository.name.to_string()).collect();
        let itself = Asker::Account(account, None);
        let expected: BTreeSet<String> = world
            .repositories
            .iter()
            .filter(|it| it.shares.get(&account) == Some(&false) && world.is_enabled(it))
            .inspect(|it| assert!(world.may_view(&itself, it), "{} for {asker:?}", it.name))
            .map(|it| it.name.clone())
            .collect();
        assert_eq!((&listed, count), (&expected, expected.len() as u64), "shared with {asker:?}");
    }

    /// Each repository by itself: as a source of mounts, which is looked for as lists are, and by name.
    async fn check_single(&self, actor: &Actor, number: usize) {
        let world = &self.world;
        let asker = &world.askers[number];
        let visible =
            world.ask(asker, world.restriction_of(asker), &world.repositories[0], false, policy::visible);
        let visible = match (visible, actor.account_id()) {
            (Visible::OfAccount(_), Some(id)) => Visible::OfAccount(id),
            (visible, _) => visible,
        };
        let names: Vec<String> = world.repositories.iter().map(|it| it.name.clone()).collect();
        let sources = self
            .registry
            .metadata()
            .read((visible, names), |tx, (visible, names)| {
                Box::pin(async move {
                    let mut found = Vec::new();
                    for name in names {
                        found.push(tx.find_repository_with_blob(*visible, &blob_of(name)).await?.is_some());
                    }
                    Ok(found)
                })
            })
            .await
            .unwrap();
        for (repository, is_source) in world.repositories.iter().zip(sources) {
            let what = format!("{} for {asker:?}", repository.name);
            assert_eq!(is_source, world.is_listed(asker, repository), "mounting from {what}");
            let access =
                self.registry.app.access.access(actor, &repository.name.parse().unwrap()).await.unwrap();
            let may_view = access.allows(RepositoryAction::View);
            assert_eq!(may_view, world.may_view(asker, repository), "{what} itself");
        }
    }
}

/// `LONGSHORE_PROPERTY_CASES` raises the number for long runs.
fn cases() -> u32 {
    std::env::var("LONGSHORE_PROPERTY_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(16)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn lists_show_exactly_what_the_rule_lets_somebody_view(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let run = Run::new(World::of(seed)).await;
            for number in 0..run.world.askers.len() {
                run.check(number).await;
            }
        });
    }
}
