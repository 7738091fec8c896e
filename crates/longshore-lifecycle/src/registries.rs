//! Registries: making a namespace one, what it is under, its credentials, and its end.

use longshore_identity::claims::actor_of;
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::action::{AccountAction, RegistryAction};
use longshore_domain::access::actor::{AccountPrincipal, Actor, Proof};
use longshore_domain::access::policy::Visible;
use longshore_domain::account::{Account, AccountId, AccountKind, OrganizationRole};
use longshore_domain::credential::{Scope, Secret, SecretHash, TokenOrigin, TokenRestriction};
use longshore_domain::deletion::{DeletionCause, NewDeletion};
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::existing::Existing;
use longshore_domain::limit::Limited;
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{Clearing, LifecycleTx, NewAccount};
use longshore_domain::registry::{
    LISTED_REGISTRIES, NAMESPACES_LIMIT, Region, Registry, check_registry_name_available,
};
use longshore_domain::repository::RepositoryId;
use longshore_domain::repository::query::{Repositories, RepositoryQuery};
use longshore_domain::tier::{AccountUsage, Excess, Subscription, Tier, Tiers};
use longshore_domain::{Error, Field, Result};

use crate::Lifecycle;
use longshore_identity::access_tokens::{TokenForm, WantedToken};
use longshore_platform::later;
use longshore_platform::origins::note_deletion;

/// Repositories that one transaction deletes.
const DELETED_AT_ONCE: u64 = 50;

/// A registry with what is shown of it.
#[derive(Clone, Debug)]
pub struct RegistryDetails {
    /// The registry.
    pub registry: Registry,
    /// Bytes that it stores; a blob counts once.
    pub storage_bytes: u64,
    /// When that was counted.
    pub counted_at: Timestamp,
    /// What it is under.
    pub subscription: Option<Subscription>,
}

/// A registry that somebody wants.
#[derive(Clone, Debug)]
pub struct WantedRegistry {
    /// Its name, which becomes a namespace if it is none.
    pub name: Namespace,
    /// The tier that the account shall have if it has no subscription yet; `None` for the first.
    pub tier: Option<String>,
    /// Where its data shall lie; `None` for the first region.
    pub region: Option<String>,
}

/// What a credential for a registry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryAccess {
    /// Pulling.
    Pull,
    /// Pulling and pushing.
    PullAndPush,
}

/// A tier as an account sees it.
#[derive(Clone, Debug)]
pub struct OfferedTier {
    /// The tier.
    pub tier: Tier,
    /// Why the account cannot have it; empty when it can.
    pub excesses: Vec<Excess>,
}

/// Who acts, with all that decides on creating a registry.
struct RegistryCreation {
    account: Account,
    wanted: WantedRegistry,
    region: Region,
    tiers: std::sync::Arc<Tiers>,
    makes_names: bool,
    organization: NewAccount,
    write_tokens_until: Timestamp,
    event: NewEvent,
}

/// What a registry is made of.
struct ResolvedNamespace {
    /// The account whose name it gets.
    namespace: AccountId,
    /// The account whose subscription it will be under.
    owner: AccountId,
    /// Whether the namespace is new, so that nobody has a token for pushing to it.
    is_new: bool,
}

fn used(name: &Namespace) -> Error {
    Error::Exists(Existing::RegistryOrAccount(name.clone()))
}

/// Decides which namespace a registry of a name gets; `None` for a new one.
async fn choose_namespace(
    tx: &mut dyn LifecycleTx,
    own: &Account,
    name: &Namespace,
    makes_names: bool,
) -> Result<Option<ResolvedNamespace>> {
    check_registry_name_available(name)?;
    if tx.find_registry(name).await?.is_some() {
        return Err(used(name));
    }
    if tx.is_name_taken(name).await? {
        let account = tx.find_account_by_name(name).await?.ok_or_else(|| used(name))?;
        if account.id == own.id {
            return Ok(Some(ResolvedNamespace { namespace: own.id, owner: own.id, is_new: false }));
        }
        let role = tx.find_role(account.id, own.id).await?;
        // An organization has the subscription itself, so that its other owners manage it too.
        return match role == Some(OrganizationRole::Owner) && account.is_active {
            true => Ok(Some(ResolvedNamespace { namespace: account.id, owner: account.id, is_new: false })),
            false => Err(used(name)),
        };
    }
    name.check_available_to_accounts()?;
    if own.kind == AccountKind::Organization {
        return Err(Error::denied(format!(
            "an organization's access token makes the registry {}; another name needs an access token of a user",
            own.name
        )));
    }
    if !makes_names {
        return Err(Error::denied(format!(
            "on this server a registry has the name of your account, {}, or of an organization that you own",
            own.name
        )));
    }
    Ok(None)
}

/// Finds, or makes, the namespace of a registry.
async fn resolve_namespace(
    tx: &mut dyn LifecycleTx,
    creation: &RegistryCreation,
) -> Result<ResolvedNamespace> {
    let (own, name) = (&creation.account, &creation.wanted.name);
    if let Some(resolved) = choose_namespace(tx, own, name, creation.makes_names).await? {
        return Ok(resolved);
    }
    if tx.count_owned_organizations(own.id).await? >= NAMESPACES_LIMIT {
        return Err(Error::LimitReached { what: Limited::RegistryNames, limit: NAMESPACES_LIMIT });
    }
    let id = match tx.create_account(&creation.organization).await {
        Err(Error::Exists(_)) => return Err(used(name)),
        created => created?,
    };
    tx.put_member(id, own.id, OrganizationRole::Owner, creation.event.at).await?;
    let created = NewEvent {
        account_id: Some(id),
        action: EventAction::OrganizationCreated,
        data: [("owner", own.name.to_string())].into(),
        ..creation.event.clone()
    };
    tx.record_event(&created).await?;
    Ok(ResolvedNamespace { namespace: id, owner: own.id, is_new: true })
}

async fn create(tx: &mut dyn LifecycleTx, creation: &RegistryCreation) -> Result<RegistryDetails> {
    tx.lock_authority().await?;
    let ResolvedNamespace { namespace, owner, is_new } = resolve_namespace(tx, creation).await?;
    tx.lock_subscription(owner).await?;
    let at = creation.event.at;
    let write_tokens_until = if is_new { at } else { creation.write_tokens_until };
    tx.create_registry(namespace, owner, &creation.region, at, write_tokens_until).await?;
    let usage = tx.account_usage(owner).await?;
    // One that is left from before, when registries were deleted or handed over, does not count.
    let current = tx.find_subscription(owner).await?.filter(|_| usage.registries > 1);
    let wanted = match &creation.wanted.tier {
        Some(slug) => creation.tiers.find(slug)?,
        None => &creation.tiers.all()[0],
    };
    // Clients always name a tier; it is that of the account's first registry.
    let tier = match &current {
        None => Some(wanted),
        Some(current) => creation.tiers.get(current.tier.as_str()),
    };
    if let Some(tier) = tier {
        tier.check(usage)?;
    }
    if current.is_none() {
        tx.put_subscription(owner, &wanted.slug, at).await?;
    }
    let mut event = NewEvent { account_id: Some(namespace), ..creation.event.clone() };
    event
        .data
        .insert("tier", current.map_or_else(|| wanted.slug.clone(), |current| current.tier).to_string());
    tx.record_event(&event).await?;
    let registry = tx.find_registry(&creation.wanted.name).await?;
    let registry = registry.ok_or_else(|| Error::internal("the new registry is not there"))?;
    details(tx, registry, at).await
}

async fn details(tx: &mut dyn LifecycleTx, registry: Registry, now: Timestamp) -> Result<RegistryDetails> {
    let storage_bytes = tx.storage_of(registry.namespace_id).await?;
    let subscription = tx.find_subscription(registry.owner_id).await?;
    Ok(RegistryDetails { registry, storage_bytes, counted_at: now, subscription })
}

impl Lifecycle {
    async fn registries_of(&self, own: &Account) -> Result<Vec<Registry>> {
        let size = PageSize::clamped(u64::from(LISTED_REGISTRIES))?;
        self.metadata.read((own.id, size), |tx, (id, size)| Box::pin(tx.list_registries_of(*id, *size))).await
    }

    /// Returns the one registry of an account: under its own subscription, else of an organization that it belongs to.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry); `NoRegistry`; `SeveralRegistries`.
    pub async fn get_only_registry(&self, actor: &Actor, action: RegistryAction) -> Result<RegistryDetails> {
        let own = self.access.registry_account(actor, action).await?;
        let all = self.registries_of(&own).await?;
        let under_own: Vec<_> = all.iter().filter(|registry| registry.owner_id == own.id).cloned().collect();
        let mut meant = if under_own.is_empty() { all } else { under_own };
        let only = match (meant.pop(), meant.is_empty()) {
            (None, _) => return Err(Error::NoRegistry),
            (Some(only), true) => only,
            (Some(_), false) => return Err(Error::SeveralRegistries),
        };
        self.get_registry_for(actor, &only.name, action).await
    }

    /// Returns a registry with its details.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry).
    pub async fn get_registry(&self, actor: &Actor, name: &Namespace) -> Result<RegistryDetails> {
        self.get_registry_for(actor, name, RegistryAction::View).await
    }

    async fn get_registry_for(
        &self,
        actor: &Actor,
        name: &Namespace,
        action: RegistryAction,
    ) -> Result<RegistryDetails> {
        let registry = self.access.authorize_registry(actor, name, action).await?;
        self.metadata
            .read((registry, self.clock.now()), |tx, (registry, now)| {
                Box::pin(details(tx, registry.clone(), *now))
            })
            .await
    }

    /// Lists the registries of an account and of the organizations that it belongs to.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens that do not include it.
    pub async fn list_registries(&self, actor: &Actor) -> Result<Vec<RegistryDetails>> {
        let own = self.access.registry_account(actor, RegistryAction::View).await?;
        let registries = self.registries_of(&own).await?;
        self.metadata
            .read((registries, self.clock.now()), |tx, (registries, now)| {
                Box::pin(async move {
                    let mut listed = Vec::new();
                    for registry in registries {
                        listed.push(details(tx, registry.clone(), *now).await?);
                    }
                    Ok(listed)
                })
            })
            .await
    }

    /// Creates a registry: under the account's own name, that of an organization that it owns, or a new one, which becomes
    /// an organization of its.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for managing; `Invalid` for the tier or the region; `Exists`; `NameReserved`;
    /// `NotEligible` when the tier does not include what the account would have; `LimitReached` for too many new names.
    pub async fn create_registry(&self, actor: &Actor, wanted: WantedRegistry) -> Result<RegistryDetails> {
        let account = self.access.registry_account(actor, RegistryAction::Manage).await?;
        let region = self.find_region(wanted.region.as_deref())?;
        let event = self.platform.event(
            actor,
            None,
            EventAction::RegistryCreated,
            wanted.name.as_str(),
            [("region", region.to_string())],
        );
        let organization = self.organizations.new_organization(&wanted.name);
        let creation = RegistryCreation {
            account,
            wanted,
            region,
            tiers: std::sync::Arc::clone(&self.settings.tiers),
            makes_names: self.settings.registries_make_names,
            organization,
            // Tokens that were given before are not known.
            write_tokens_until: self.access.last_write_token(event.at),
            event,
        };
        self.metadata.write(creation, |tx, creation| Box::pin(create(tx, creation))).await
    }

    fn find_region(&self, wanted: Option<&str>) -> Result<Region> {
        let regions = &self.settings.regions;
        let found = match wanted {
            None => regions.first(),
            Some(slug) => regions.iter().find(|region| region.as_str() == slug),
        };
        found.cloned().ok_or_else(|| Error::Invalid {
            field: Field::Region,
            reason: format!(
                "there is no such region; there are {}",
                regions.iter().map(Region::as_str).collect::<Vec<_>>().join(", ")
            ),
        })
    }

    /// Checks that a registry of this name could be created.
    ///
    /// # Errors
    /// As [`Lifecycle::create_registry`], but for limits.
    pub async fn check_registry_name(&self, actor: &Actor, name: &Namespace) -> Result<()> {
        let own = self.access.registry_account(actor, RegistryAction::Manage).await?;
        let input = (own, name.clone(), self.settings.registries_make_names);
        self.metadata
            .look_up(input, |tx, (own, name, makes_names)| {
                Box::pin(async move { choose_namespace(tx, own, name, *makes_names).await.map(|_| ()) })
            })
            .await
    }

    /// Deletes a registry with all that is stored in it. The namespace stays; its name is free for nobody else.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for managing.
    pub async fn delete_registry(&self, actor: &Actor, name: &Namespace) -> Result<()> {
        let registry = self.access.authorize_registry(actor, name, RegistryAction::Manage).await?;
        let event =
            |action| self.platform.event(actor, Some(registry.namespace_id), action, name.as_str(), []);
        let deleted = (event(EventAction::RepositoryDeleted), event(EventAction::RegistryDeleted));
        // Each repository is a deletion of its own.
        let id = self.platform.new_uuid();
        let deletion = NewDeletion::new(id, RepositoryId(0), DeletionCause::Request, &deleted.0);
        // In steps, so that no transaction grows with the registry; the last one ends it.
        let input = (registry, PageSize::clamped(DELETED_AT_ONCE)?, deletion, deleted);
        loop {
            let (is_done, parts) = self
                .metadata
                .write(input.clone(), |tx, (registry, size, deletion, (of_repository, of_registry))| {
                    Box::pin(async move {
                        let namespace = registry.namespace_id;
                        let among = Repositories::of_namespace(namespace, Visible::All);
                        let query = RepositoryQuery { among, offset: 0, size: *size };
                        let repositories = tx.list_repositories(&query).await?.items;
                        let mut parts = Vec::new();
                        for repository in &repositories {
                            let part = deletion.part(repository.id);
                            if !tx.delete_repository(repository.id, &part).await? {
                                continue;
                            }
                            parts.push(part.id);
                            let subject = repository.name.to_string();
                            tx.record_event(&NewEvent { subject, ..of_repository.clone() }).await?;
                        }
                        if !repositories.is_empty() {
                            return Ok((false, parts));
                        }
                        if tx.clear(Clearing::Registry(namespace), *size).await? > 0 {
                            return Ok((false, parts));
                        }
                        // Nobody makes another one for the account, or changes its subscription, meanwhile.
                        tx.lock_authority().await?;
                        if !tx.delete_registry(namespace).await? {
                            return Ok((true, parts));
                        }
                        let one = PageSize::clamped(1)?;
                        if tx.list_subscribed_registries(registry.owner_id, one).await?.is_empty() {
                            tx.delete_subscription(registry.owner_id).await?;
                        }
                        tx.record_event(of_registry).await.map(|()| (true, parts))
                    })
                })
                .await?;
            parts.into_iter().for_each(note_deletion);
            if is_done {
                return Ok(());
            }
        }
    }

    /// Returns the account whose subscription a principal means: its own, else that of the one organization whose registry it
    /// sees.
    async fn subscriber(&self, actor: &Actor, action: RegistryAction) -> Result<AccountId> {
        let own = self.access.registry_account(actor, action).await?;
        let has_own = self.metadata.look_up(own.id, |tx, id| Box::pin(tx.find_subscription(*id))).await?;
        if has_own.is_some() {
            return Ok(own.id);
        }
        let only = self.get_only_registry(actor, action).await?.registry;
        // An organization's subscription is its owners' matter; that of another user is not.
        match only.owner_id == only.namespace_id || action == RegistryAction::View {
            true => Ok(only.owner_id),
            false => Err(Error::denied("only the account that has the subscription may change it")),
        }
    }

    /// Lists the tiers for a registry that an account would make of a namespace, its own or an organization's that it owns, with why
    /// that one cannot have them.
    ///
    /// # Errors
    /// As [`Lifecycle::check_registry_name`].
    pub async fn list_tiers_for(&self, actor: &Actor, name: &Namespace) -> Result<Vec<OfferedTier>> {
        let own = self.access.registry_account(actor, RegistryAction::Manage).await?;
        let input = (own, name.clone());
        let usage: AccountUsage = self
            .metadata
            .read(input, |tx, (own, name)| {
                Box::pin(async move {
                    let namespace = choose_namespace(tx, own, name, false).await?;
                    tx.account_usage(namespace.map_or(own.id, |namespace| namespace.owner)).await
                })
            })
            .await?;
        let offer = |tier: &Tier| OfferedTier { excesses: tier.excesses(usage), tier: tier.clone() };
        Ok(self.settings.tiers.all().iter().map(offer).collect())
    }

    /// Returns the tier of a subscription; `None` for one that the operator has removed.
    pub fn tier_of(&self, subscription: &Subscription) -> Option<&Tier> {
        self.settings.tiers.get(subscription.tier.as_str())
    }

    /// Returns the subscription of an account with its tier, `None` for one that the operator has removed.
    ///
    /// # Errors
    /// As [`Lifecycle::get_only_registry`].
    pub async fn get_subscription(&self, actor: &Actor) -> Result<(Subscription, Option<Tier>)> {
        let owner = self.subscriber(actor, RegistryAction::View).await?;
        let found = self.metadata.look_up(owner, |tx, owner| Box::pin(tx.find_subscription(*owner))).await?;
        let subscription = found.ok_or(Error::NoRegistry)?;
        let tier = self.settings.tiers.get(subscription.tier.as_str()).cloned();
        Ok((subscription, tier))
    }

    /// Changes the tier of an account's subscription.
    ///
    /// # Errors
    /// As [`Lifecycle::get_only_registry`]; `Invalid` for an unknown tier; `NotEligible`.
    pub async fn change_subscription(
        &self,
        actor: &Actor,
        slug: &str,
    ) -> Result<(Subscription, Option<Tier>)> {
        let owner = self.subscriber(actor, RegistryAction::Manage).await?;
        let tier = self.settings.tiers.find(slug)?.clone();
        let event = self.platform.event(
            actor,
            Some(owner),
            EventAction::SubscriptionChanged,
            actor.display_name(),
            [("tier", tier.slug.to_string())],
        );
        let subscription = self
            .metadata
            .write((owner, tier.clone(), event), |tx, (owner, tier, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    tx.lock_subscription(*owner).await?;
                    tx.find_subscription(*owner).await?.ok_or(Error::NoRegistry)?;
                    tier.check(tx.account_usage(*owner).await?)?;
                    tx.put_subscription(*owner, &tier.slug, event.at).await?;
                    tx.record_event(event).await?;
                    tx.find_subscription(*owner).await?.ok_or(Error::NoRegistry)
                })
            })
            .await?;
        Ok((subscription, Some(tier)))
    }

    /// Lists the tiers, with why the account cannot have them, and the regions.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens that do not include it.
    pub async fn list_registry_options(&self, actor: &Actor) -> Result<(Vec<OfferedTier>, Vec<Region>)> {
        let own = self.access.registry_account(actor, RegistryAction::View).await?;
        let owner = match self.subscriber(actor, RegistryAction::View).await {
            Ok(owner) => owner,
            Err(Error::NoRegistry | Error::SeveralRegistries) => own.id,
            Err(error) => return Err(error),
        };
        let usage: AccountUsage =
            self.metadata.read(owner, |tx, owner| Box::pin(tx.account_usage(*owner))).await?;
        let offer = |tier: &Tier| OfferedTier { excesses: tier.excesses(usage), tier: tier.clone() };
        Ok((self.settings.tiers.all().iter().map(offer).collect(), self.settings.regions.clone()))
    }

    /// Creates a credential for `docker login` to one registry: an access token of the account that asks, for this registry
    /// alone, which ends with the access token that was used to get it.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for the credential; `LimitReached` when the account has too many access tokens.
    pub async fn create_registry_credential(
        &self,
        actor: &Actor,
        name: &Namespace,
        scope: RegistryAccess,
        valid: Option<Duration>,
        origin: TokenOrigin,
    ) -> Result<Secret> {
        let (action, scope) = match scope {
            RegistryAccess::PullAndPush => (RegistryAction::PushCredential, Scope::Write),
            RegistryAccess::Pull => (RegistryAction::PullCredential, Scope::Read),
        };
        let registry = self.access.authorize_registry(actor, name, action).await?;
        let (own, token) = self.access.authorize_account(actor, AccountAction::Identify).await?;
        let wanted_until = valid.map(|valid| later(self.clock.now(), valid));
        let parent_until = token.as_ref().and_then(|token| token.expires_at);
        let expires_at = [wanted_until, parent_until].into_iter().flatten().min();
        let label = format!("docker credential for {}", registry.name);
        let restriction = TokenRestriction::Registry { name: registry.name, scope };
        let wanted = WantedToken { label: &label, description: "", restriction, expires_at, origin };
        let made_with = token.map(|token| token.id);
        let (_, secret) =
            self.identity.put_access_token(actor, &own, wanted, made_with, TokenForm::Secret).await?;
        Ok(secret)
    }

    /// Ends an access token for whoever has it (RFC 7009). One that is unknown is ended already.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn revoke_presented_token(&self, secret: &str) -> Result<()> {
        let hash = SecretHash::of(secret);
        let found = self
            .metadata
            .look_up(hash, |tx, hash| {
                Box::pin(async move {
                    let Some(token) = tx.find_access_token_by_secret(hash).await? else { return Ok(None) };
                    let account = tx.find_account(token.account_id).await?;
                    Ok(account.map(|account| (token, account)))
                })
            })
            .await?;
        let Some((token, account)) = found else { return Ok(()) };
        let acting = AccountPrincipal::of(&account, Some(token.id));
        self.identity.remove_access_token(&actor_of(acting, Proof::Token), &account, token).await
    }
}
