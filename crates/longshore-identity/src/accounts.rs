//! Users.

use longshore_domain::access::actor::Actor;
use longshore_domain::account::{Account, AccountId, AccountKind, Plan, ProfileChange};
use longshore_domain::conflict::Conflict;
use longshore_domain::email::EmailAddress;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::name::Namespace;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::{Clearing, IdentityTx, NewAccount};
use longshore_domain::{Error, Result};

use crate::Identities;
use crate::passwords::check_new_password;
use longshore_platform::STEP;

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

/// What a command changes about a user.
#[derive(Clone, Debug)]
pub enum UserChange {
    /// Lets the user sign in, unless an identity provider that has the user in its directory has deactivated it.
    Enable,
    /// Switches the user and all its tokens off.
    Disable,
    /// Makes the user an administrator of the registry.
    MakeAdministrator,
    /// Ends that.
    RevokeAdministrator,
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

    /// Changes a user.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown`; `Conflict` when no administrator would be left.
    pub async fn change_user(&self, actor: &Actor, name: &Namespace, change: UserChange) -> Result<()> {
        self.access.require_operator(actor)?;
        let action = match change {
            UserChange::Enable => EventAction::UserEnabled,
            UserChange::Disable => EventAction::UserDisabled,
            UserChange::MakeAdministrator => EventAction::UserMadeAdministrator,
            UserChange::RevokeAdministrator => EventAction::UserAdministratorRevoked,
        };
        let event = self.platform.event(actor, None, action, name.as_str(), []);
        self.metadata
            .write((name.clone(), change, event), |tx, (name, change, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let user = get_user(tx, name).await?;
                    match change {
                        UserChange::Enable => enable(tx, &user).await?,
                        UserChange::Disable => {
                            check_not_last_administrator(tx, &user).await?;
                            tx.set_account_active(user.id, false).await?;
                        }
                        UserChange::MakeAdministrator => tx.set_administrator(user.id, true).await?,
                        UserChange::RevokeAdministrator => {
                            check_not_last_administrator(tx, &user).await?;
                            tx.set_administrator(user.id, false).await?;
                        }
                    }
                    tx.record_event(&NewEvent { account_id: Some(user.id), ..event.clone() }).await
                })
            })
            .await
    }

    /// Changes what an account has subscribed to.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown`.
    pub async fn set_plan(&self, actor: &Actor, name: &Namespace, plan: Plan) -> Result<()> {
        self.access.require_operator(actor)?;
        let account = self.access.find_account(name).await?;
        let data = [("plan", plan.as_str().to_owned())];
        let event =
            self.platform.event(actor, Some(account.id), EventAction::PlanChanged, name.as_str(), data);
        self.metadata
            .write((account.id, plan, event), |tx, (id, plan, event)| {
                Box::pin(async move {
                    tx.set_plan(*id, *plan).await?;
                    tx.record_event(event).await
                })
            })
            .await
    }

    /// Changes what an account says about itself, and gives it. An account changes its own but for the e-mail address, by
    /// which others find it; that is for the operator.
    ///
    /// # Errors
    /// As [`authorize_owner`](longshore_access::AccessControl::authorize_owner); `Denied` for the e-mail address; `Invalid` for what is too long or no web page;
    /// `Exists` when another account has the address.
    pub async fn change_profile(
        &self,
        actor: &Actor,
        name: &Namespace,
        change: ProfileChange,
    ) -> Result<Account> {
        let account = self.access.authorize_owner(actor, name).await?;
        if change.email.is_some() {
            self.access.require_operator(actor)?;
        }
        change.check()?;
        let event =
            self.platform.event(actor, Some(account.id), EventAction::ProfileChanged, name.as_str(), []);
        self.metadata
            .write((account.id, change, event), |tx, (id, change, event)| {
                Box::pin(async move {
                    // So that an address is nobody else's meanwhile.
                    tx.lock_authority().await?;
                    tx.change_profile(*id, change).await?;
                    tx.record_event(event).await?;
                    tx.find_account(*id).await?.ok_or_else(|| Error::UserUnknown(event.subject.clone()))
                })
            })
            .await
    }

    /// Says whether the images of an account count as those of a verified publisher.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown`.
    pub async fn set_verified_publisher(
        &self,
        actor: &Actor,
        name: &Namespace,
        is_verified_publisher: bool,
    ) -> Result<()> {
        self.access.require_operator(actor)?;
        let account = self.access.find_account(name).await?;
        let data = [("verified_publisher", is_verified_publisher.to_string())];
        let action = EventAction::VerifiedPublisherChanged;
        let event = self.platform.event(actor, Some(account.id), action, name.as_str(), data);
        self.metadata
            .write((account.id, is_verified_publisher, event), |tx, (id, is_verified_publisher, event)| {
                Box::pin(async move {
                    tx.set_verified_publisher(*id, *is_verified_publisher).await?;
                    tx.record_event(event).await
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
        let hash = self.passwords.hash(password, &*self.entropy).await?;
        let event = self.platform.event(actor, None, EventAction::UserPasswordChanged, name.as_str(), []);
        let user = self
            .metadata
            .write((name.clone(), hash, event), |tx, (name, hash, event)| {
                Box::pin(async move {
                    let user = get_user(tx, name).await?;
                    tx.set_password_hash(user.id, hash).await?;
                    tx.record_event(&NewEvent { account_id: Some(user.id), ..event.clone() }).await?;
                    Ok(user.id)
                })
            })
            .await?;
        // Void already; some at a time, so that others have their turn.
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
