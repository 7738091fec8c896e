//! Users.

use longshore_domain::access::action::OrganizationAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::{Account, AccountId, AccountKind, Plan, ProfileChange};
use longshore_domain::conflict::Conflict;
use longshore_domain::email::EmailAddress;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::name::Namespace;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::{Clearing, IdentityTx, NewAccount};
use longshore_domain::{Error, Field, Result};

use crate::Identities;
use crate::first_run_link::end_first_run;
use crate::passwords::check_new_password;
use longshore_platform::STEP;

fn unknown_account(kind: Option<AccountKind>, name: &Namespace) -> Error {
    match kind {
        Some(AccountKind::Organization) => Error::OrganizationUnknown(name.to_string()),
        Some(AccountKind::User) | None => Error::UserUnknown(name.to_string()),
    }
}

/// Finds a user, not an organization, by name.
pub async fn get_user(tx: &mut dyn IdentityTx, name: &Namespace) -> Result<Account> {
    let found = tx.find_account_by_name(name).await?.filter(|account| account.kind == AccountKind::User);
    found.ok_or_else(|| Error::UserUnknown(name.to_string()))
}

/// Checks that switching this user off or demoting it leaves an administrator.
pub async fn check_not_last_administrator(tx: &mut dyn IdentityTx, user: &Account) -> Result<()> {
    if user.is_administrator && user.is_active && tx.count_active_administrators().await? <= 1 {
        return Err(Conflict::LastAdministrator(user.name.clone()).into());
    }
    Ok(())
}

/// Finds a user who may be deleted, and keeps others from changing that.
async fn get_deletable_user(tx: &mut dyn IdentityTx, name: &Namespace) -> Result<Account> {
    let user = get_user(tx, name).await?;
    tx.lock_account(user.id).await?;
    check_not_last_administrator(tx, &user).await?;
    if tx.has_repositories(user.id).await? {
        return Err(Conflict::UserHasRepositories(name.clone()).into());
    }
    if let Some(organization) = tx.find_organization_owned_only_by(user.id).await? {
        return Err(Conflict::LastOwner { user: name.clone(), organization }.into());
    }
    Ok(user)
}

/// Ends what the operator decided. What an identity provider decided stays as long as it is there to change it.
async fn enable(tx: &mut dyn IdentityTx, user: &Account) -> Result<()> {
    tx.set_account_active(user.id, true).await?;
    let is_provisioned = match tx.find_managing_organization(user.id).await? {
        Some(managing) => tx.find_directory_user(managing, user.id).await?.is_some(),
        None => false,
    };
    match is_provisioned {
        true => Ok(()),
        false => tx.set_deprovisioned(user.id, false).await,
    }
}

/// What changes of an account; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// Whether it may sign in and its tokens work. A user whom an identity provider has deactivated stays so until that changes.
    pub is_active: Option<bool>,
    /// Whether it administers the registry; of users only.
    pub is_administrator: Option<bool>,
    /// Whether its images count as those of a verified publisher.
    pub is_verified_publisher: Option<bool>,
    /// What it has subscribed to.
    pub plan: Option<Plan>,
    /// What it says about itself.
    pub profile: ProfileChange,
    /// Whether members pull from all repositories, or only from those of their teams; of organizations only.
    pub members_pull: Option<bool>,
    /// Whether it may provision users, without which its SCIM tokens do not work; of organizations only.
    pub may_provision: Option<bool>,
}

impl AccountChange {
    /// Switches an account on or off.
    pub fn active(is_active: bool) -> Self {
        Self { is_active: Some(is_active), ..Self::default() }
    }

    /// Makes a user an administrator of the registry, or ends that.
    pub fn administrator(is_administrator: bool) -> Self {
        Self { is_administrator: Some(is_administrator), ..Self::default() }
    }

    fn has_profile(&self) -> bool {
        let ProfileChange { full_name, company, location, url, email } = &self.profile;
        full_name.is_some() || company.is_some() || location.is_some() || url.is_some() || email.is_some()
    }

    /// Returns whether only the operator may change this.
    pub fn is_for_the_operator(&self) -> bool {
        self.is_active.is_some()
            || self.is_administrator.is_some()
            || self.is_verified_publisher.is_some()
            || self.plan.is_some()
            || self.may_provision.is_some()
            || self.profile.email.is_some()
    }

    /// Checks that it is about what an account of this kind has.
    fn check(&self, account: &Account) -> Result<()> {
        self.profile.check()?;
        let (kind, foreign) = match account.kind {
            AccountKind::User => {
                let of_organizations =
                    [(self.members_pull, "members_pull"), (self.may_provision, "may_provision")];
                ("a user", of_organizations.into_iter().find(|(value, _)| value.is_some()))
            }
            AccountKind::Organization => {
                let administrator = Some((self.is_administrator, "is_administrator"));
                ("an organization", administrator.filter(|(value, _)| value.is_some()))
            }
        };
        if let Some((_, name)) = foreign {
            return Err(Error::Invalid {
                field: Field::Member(name),
                reason: format!("is nothing that {kind} has"),
            });
        }
        if self.is_active == Some(false) && account.name == Namespace::library() {
            return Err(Error::denied("library belongs to the registry and cannot be disabled"));
        }
        Ok(())
    }

    /// Carries it out, with an event for each part.
    async fn apply(&self, tx: &mut dyn IdentityTx, account: &Account, template: &NewEvent) -> Result<()> {
        let id = account.id;
        let is_user = account.kind == AccountKind::User;
        let mut events: Vec<(EventAction, Option<(&'static str, String)>)> = Vec::new();
        if let Some(is_active) = self.is_active {
            match (is_user, is_active) {
                (true, true) => enable(tx, account).await?,
                (true, false) => {
                    check_not_last_administrator(tx, account).await?;
                    tx.set_account_active(id, false).await?;
                }
                (false, is_active) => tx.set_account_active(id, is_active).await?,
            }
            let action = match (is_user, is_active) {
                (true, true) => EventAction::UserEnabled,
                (true, false) => EventAction::UserDisabled,
                (false, true) => EventAction::OrganizationEnabled,
                (false, false) => EventAction::OrganizationDisabled,
            };
            events.push((action, None));
        }
        match self.is_administrator {
            None => {}
            Some(true) => {
                tx.set_administrator(id, true).await?;
                events.push((EventAction::UserMadeAdministrator, None));
            }
            Some(false) => {
                check_not_last_administrator(tx, account).await?;
                tx.set_administrator(id, false).await?;
                events.push((EventAction::UserAdministratorRevoked, None));
            }
        }
        if let Some(plan) = self.plan {
            tx.set_plan(id, plan).await?;
            events.push((EventAction::PlanChanged, Some(("plan", plan.as_str().to_owned()))));
        }
        if let Some(is_verified) = self.is_verified_publisher {
            tx.set_verified_publisher(id, is_verified).await?;
            let data = ("verified_publisher", is_verified.to_string());
            events.push((EventAction::VerifiedPublisherChanged, Some(data)));
        }
        if self.has_profile() {
            tx.change_profile(id, &self.profile).await?;
            events.push((EventAction::ProfileChanged, None));
        }
        if let Some(members_pull) = self.members_pull {
            tx.put_members_pull(id, members_pull).await?;
            let data = ("members_pull", members_pull.to_string());
            events.push((EventAction::OrganizationSettingsUpdated, Some(data)));
        }
        if let Some(may) = self.may_provision {
            tx.set_may_provision(id, may).await?;
            events.push((EventAction::OrganizationSettingsUpdated, Some(("may_provision", may.to_string()))));
        }
        for (action, data) in events {
            let mut event = NewEvent { action, account_id: Some(id), ..template.clone() };
            if let Some((key, value)) = data {
                event.data.insert(key, value);
            }
            tx.record_event(&event).await?;
        }
        Ok(())
    }
}

/// Cancels what invites somebody to an organization who is removed or deactivated: an invite from before is no way back.
pub async fn delete_invites(tx: &mut dyn IdentityTx, organization: &Account, user: &Account) -> Result<()> {
    let mut keys = vec![user.name.to_string()];
    keys.extend(user.profile.email.as_ref().map(EmailAddress::key));
    if let Some(entry) = tx.find_directory_user(organization.id, user.id).await? {
        keys.push(entry.user_name.to_lowercase());
        keys.extend(entry.emails.iter().map(|email| email.address.to_lowercase()));
    }
    tx.delete_invites_of(organization.id, user.id, &keys).await
}

impl Identities {
    /// Returns whether an account has a confirmed second factor.
    pub(crate) async fn has_second_factor(&self, user: AccountId) -> Result<bool> {
        let found = self.metadata.look_up(user, |tx, user| Box::pin(tx.find_second_factor(*user))).await?;
        Ok(found.is_some_and(|factor| factor.confirmed_at.is_some()))
    }

    /// Creates a user.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `NameReserved`, `Exists`; `Invalid` for the password.
    pub async fn create_user(
        &self,
        actor: &Actor,
        name: &Namespace,
        password: &str,
        is_administrator: bool,
    ) -> Result<Account> {
        self.access.require_operator(actor)?;
        name.check_available_to_accounts()?;
        check_new_password(password)?;
        self.create_user_unchecked(actor, name, password, is_administrator).await
    }

    /// Creates a user whose name and password come from the server itself.
    pub async fn create_user_unchecked(
        &self,
        actor: &Actor,
        name: &Namespace,
        password: &str,
        is_administrator: bool,
    ) -> Result<Account> {
        let account = NewAccount { is_administrator, ..self.new_user(name, password).await? };
        let event = self.platform.event(actor, None, EventAction::UserCreated, name.as_str(), []);
        self.metadata
            .write((account, event), |tx, (account, event)| {
                Box::pin(async move {
                    let id = tx.create_account(account).await?;
                    tx.record_event(&NewEvent { account_id: Some(id), ..event.clone() }).await?;
                    tx.find_account(id).await?.ok_or_else(|| Error::internal("the new account is not there"))
                })
            })
            .await
    }

    /// Makes a user to be created, with its password hashed.
    pub async fn new_user(&self, name: &Namespace, password: &str) -> Result<NewAccount> {
        Ok(NewAccount {
            uuid: self.platform.new_uuid(),
            kind: AccountKind::User,
            name: name.clone(),
            password_hash: Some(self.passwords.hash(password, &*self.entropy).await?),
            is_administrator: false,
            created_at: self.clock.now(),
        })
    }

    /// Lists users or organizations by name.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator.
    pub async fn list_accounts(
        &self,
        actor: &Actor,
        kind: AccountKind,
        after: Option<&Namespace>,
        size: PageSize,
    ) -> Result<Page<Account>> {
        self.access.require_operator(actor)?;
        let accounts = self
            .metadata
            .read((kind, after.cloned(), size), |tx, (kind, after, size)| {
                Box::pin(tx.list_accounts(*kind, after.as_ref(), *size))
            })
            .await?;
        Ok(Page::from_overfull(accounts, size))
    }

    /// Returns a user.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown`.
    pub async fn get_user(&self, actor: &Actor, name: &Namespace) -> Result<Account> {
        self.access.require_operator(actor)?;
        self.metadata.look_up(name.clone(), |tx, name| Box::pin(get_user(tx, name))).await
    }

    /// Changes an account, all of it or nothing, and gives it. What an account says about itself, but for the e-mail address, by
    /// which others find it, it changes itself; what members of an organization pull, those who manage its settings; the rest is for the
    /// operator.
    ///
    /// # Errors
    /// `Denied`; `UserUnknown` or `OrganizationUnknown` when there is none of the kind; `Invalid` for what is too long, no web page, or nothing that such an account has;
    /// `Exists` when another account has the address; `Conflict` when no administrator would be left.
    pub async fn change_account(
        &self,
        actor: &Actor,
        kind: impl Into<Option<AccountKind>>,
        name: &Namespace,
        change: AccountChange,
    ) -> Result<Account> {
        let kind = kind.into();
        let account = if change.is_for_the_operator() {
            self.access.require_operator(actor)?;
            let found =
                self.metadata.look_up(name.clone(), |tx, name| Box::pin(tx.find_account_by_name(name)));
            found.await?.ok_or_else(|| unknown_account(kind, name))?
        } else if change.members_pull.is_some() {
            self.access.authorize_organization(actor, name, OrganizationAction::ManageSettings).await?
        } else {
            self.access.authorize_owner(actor, name).await?
        };
        if change.members_pull.is_some() && change.has_profile() {
            self.access.authorize_owner(actor, name).await?;
        }
        if kind.is_some_and(|kind| account.kind != kind) {
            return Err(unknown_account(kind, name));
        }
        change.check(&account)?;
        // Its action and data are those of each part.
        let event =
            self.platform.event(actor, Some(account.id), EventAction::ProfileChanged, name.as_str(), []);
        self.metadata
            .write((account.id, change, event), |tx, (id, change, event)| {
                Box::pin(async move {
                    // So that an address is nobody else's meanwhile, and the last administrator stays.
                    tx.lock_authority().await?;
                    let unknown = || Error::UserUnknown(event.subject.clone());
                    let account = tx.find_account(*id).await?.ok_or_else(unknown)?;
                    change.apply(tx, &account, event).await?;
                    tx.find_account(*id).await?.ok_or_else(unknown)
                })
            })
            .await
    }

    /// Sets a user's password; all bearer and refresh tokens issued before become void.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown`; `Invalid` for the password.
    pub async fn set_password(&self, actor: &Actor, name: &Namespace, password: &str) -> Result<()> {
        self.access.require_operator(actor)?;
        check_new_password(password)?;
        self.replace_password(actor, name, password).await
    }

    /// Puts a password in the place of another one.
    pub(crate) async fn replace_password(
        &self,
        actor: &Actor,
        name: &Namespace,
        password: &str,
    ) -> Result<()> {
        let hash = self.passwords.hash(password, &*self.entropy).await?;
        let event = self.platform.event(actor, None, EventAction::UserPasswordChanged, name.as_str(), []);
        let user = self
            .metadata
            .write((name.clone(), hash, event), |tx, (name, hash, event)| {
                Box::pin(async move {
                    let user = get_user(tx, name).await?;
                    tx.set_password_hash(user.id, hash).await?;
                    end_first_run(tx, name).await?;
                    tx.record_event(&NewEvent { account_id: Some(user.id), ..event.clone() }).await?;
                    Ok(user.id)
                })
            })
            .await?;
        self.clear_refresh_tokens(user).await
    }

    /// Deletes the refresh tokens of an account, which are void already; some at a time, so that others have their turn.
    pub(crate) async fn clear_refresh_tokens(&self, user: AccountId) -> Result<()> {
        self.metadata
            .drain(user, |tx, user| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    tx.clear(Clearing::RefreshTokens(*user), PageSize::clamped(STEP)?).await
                })
            })
            .await?;
        Ok(())
    }

    /// Deletes a user. The name stays taken, so that nobody inherits the namespace.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown`; `Conflict` while the user has repositories, is the
    /// only owner of an organization, or is the last administrator.
    pub async fn delete_user(&self, actor: &Actor, name: &Namespace) -> Result<()> {
        self.access.require_operator(actor)?;
        self.delete_user_unchecked(actor, name).await
    }

    /// Deletes a user, whoever asks.
    pub(crate) async fn delete_user_unchecked(&self, actor: &Actor, name: &Namespace) -> Result<()> {
        let event = self.platform.event(actor, None, EventAction::UserDeleted, name.as_str(), []);
        // What hangs on it goes first, some at a time, so that others have their turn.
        self.metadata
            .drain(name.clone(), |tx, name| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let user = get_deletable_user(tx, name).await?;
                    tx.clear(Clearing::Account(user.id), PageSize::clamped(STEP)?).await
                })
            })
            .await?;
        self.metadata
            .write((name.clone(), event), |tx, (name, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let user = get_deletable_user(tx, name).await?;
                    for organization in tx.list_organizations_of(user.id, 0, PageSize::MAX).await? {
                        delete_invites(tx, &organization.account, &user).await?;
                    }
                    tx.delete_account(user.id, event.at).await?;
                    tx.record_event(&NewEvent { account_id: Some(user.id), ..event.clone() }).await
                })
            })
            .await
    }
}
