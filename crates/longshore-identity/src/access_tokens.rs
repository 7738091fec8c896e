//! Access tokens of users and organizations.

use jiff::Timestamp;
use longshore_domain::access::action::{AccountAction, OrganizationAction, RegistryAction};
use longshore_domain::access::actor::Actor;
use longshore_domain::access::policy::check_registry_restriction;
use longshore_domain::access_key::{AccessKey, generate_secret_key};
use longshore_domain::account::{Account, AccountKind, Feature};
use longshore_domain::credential::{
    ACCESS_TOKENS_LIMIT, AccessToken, AccessTokenId, CREDENTIALS_LIMIT, LOGINS_LIMIT, Scope, Secret,
    TOKEN_LABEL_LIMIT_CHARACTERS, TokenOrigin, TokenRestriction,
};
use longshore_domain::error::Unauthenticated;
use longshore_domain::event::EventAction;
use longshore_domain::limit::Limited;
use longshore_domain::name::Namespace;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::{AccessTokenChange, AccessTokenCounts, IdentityTx, NewAccessToken};
use longshore_domain::token_resource::{TOKEN_DESCRIPTION_LIMIT_CHARACTERS, TokenResources};
use longshore_domain::{Error, Field, Result};
use uuid::Uuid;

use crate::Identities;

/// Whose access tokens are meant.
#[derive(Clone, Copy, Debug)]
pub enum TokenOwner<'n> {
    /// An account's own; the operator means any account.
    Account(&'n Namespace),
    /// Those of an organization, which its owners manage.
    Organization(&'n Namespace),
}

impl<'n> From<&'n Namespace> for TokenOwner<'n> {
    fn from(name: &'n Namespace) -> Self {
        Self::Account(name)
    }
}

/// An access token that somebody wants.
#[derive(Clone, Debug)]
pub struct WantedToken<'t> {
    /// What its owner calls it, 1 to 100 characters.
    pub label: &'t str,
    /// What it is for, at most 200 characters.
    pub description: &'t str,
    /// What it may do at most.
    pub restriction: TokenRestriction,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// From where it is created.
    pub origin: TokenOrigin,
}

impl<'t> WantedToken<'t> {
    /// Makes one that never expires, created at the machine.
    pub fn new(label: &'t str, scope: Scope) -> Self {
        Self {
            label,
            description: "",
            restriction: TokenRestriction::Scope(scope),
            expires_at: None,
            origin: TokenOrigin::default(),
        }
    }
}

/// How an access token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenForm {
    /// As it is.
    Secret,
    /// As an access key, with what is computed from a secret key.
    KeyPair,
}

pub(crate) fn checked_label(label: &str) -> Result<String> {
    let label = label.trim();
    let fits = (1..=TOKEN_LABEL_LIMIT_CHARACTERS).contains(&label.chars().count());
    match fits && !label.chars().any(char::is_control) {
        true => Ok(label.to_owned()),
        false => Err(Error::Invalid {
            field: Field::TokenLabel,
            reason: format!("must have 1 to {TOKEN_LABEL_LIMIT_CHARACTERS} characters"),
        }),
    }
}

fn check_description(description: &str) -> Result<()> {
    match description.chars().count() <= TOKEN_DESCRIPTION_LIMIT_CHARACTERS && !description.contains('\0') {
        true => Ok(()),
        false => Err(Error::Invalid {
            field: Field::Description,
            reason: format!("may have at most {TOKEN_DESCRIPTION_LIMIT_CHARACTERS} characters"),
        }),
    }
}

/// Checks that an account may have a token with these resources: its plan has such tokens, and they are its own.
fn check_resources(account: &Account, resources: &TokenResources) -> Result<()> {
    if account.kind != AccountKind::Organization {
        let reason = "are for access tokens of organizations".into();
        return Err(Error::Invalid { field: Field::TokenResources, reason });
    }
    account.plan.check(Feature::OrganizationTokens)?;
    resources.check_of(&account.name)
}

/// Checks that an account may have one more. Credentials for registries, which any access token makes, do not use up what
/// is there for the others.
fn check_count(restriction: &TokenRestriction, counts: AccessTokenCounts) -> Result<()> {
    let (what, count, limit) = match restriction {
        restriction if restriction.is_credential() => {
            (Limited::Credentials, counts.credentials, CREDENTIALS_LIMIT)
        }
        _ => (Limited::AccessTokens, counts.all - counts.credentials, ACCESS_TOKENS_LIMIT),
    };
    match count < limit {
        true => Ok(()),
        false => Err(Error::LimitReached { what, limit }),
    }
}

/// Ends those of the credentials made with an access token that it could not make any more.
async fn end_credentials(
    tx: &mut dyn IdentityTx,
    id: AccessTokenId,
    restriction: &TokenRestriction,
) -> Result<()> {
    for (action, scope) in
        [(RegistryAction::PullCredential, Scope::Read), (RegistryAction::PushCredential, Scope::Write)]
    {
        if check_registry_restriction(Some(restriction), action).is_err() {
            tx.delete_credentials_made_with(id, scope).await?;
        }
    }
    Ok(())
}

/// Returns the action of an event about a token of the account.
fn token_action(account: &Account, of_user: EventAction, of_organization: EventAction) -> EventAction {
    match account.kind {
        AccountKind::User => of_user,
        AccountKind::Organization => of_organization,
    }
}

impl Identities {
    /// Returns whose access tokens are meant by the name of an account: those of an organization for those who know it, as its
    /// owners manage them, and an account's own in all other cases, so that nobody learns which names are organizations.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn token_owner<'n>(&self, actor: &Actor, name: &'n Namespace) -> Result<TokenOwner<'n>> {
        if actor.is_operator() {
            return Ok(TokenOwner::Account(name));
        }
        match self.access.authorize_organization(actor, name, OrganizationAction::View).await {
            Ok(_) => Ok(TokenOwner::Organization(name)),
            Err(error @ Error::Internal(_)) => Err(error),
            Err(_) => Ok(TokenOwner::Account(name)),
        }
    }

    /// Returns the account whose access tokens a principal may manage: an account its own, an owner those of the
    /// organization, the operator those of all.
    pub(crate) async fn authorize_tokens(&self, actor: &Actor, owner: TokenOwner<'_>) -> Result<Account> {
        match owner {
            TokenOwner::Account(name) => self.access.authorize_owner(actor, name).await,
            TokenOwner::Organization(name) => {
                self.access.authorize_organization(actor, name, OrganizationAction::ManageTokens).await
            }
        }
    }

    /// Creates an access token and gives its secret, which is shown this once.
    ///
    /// # Errors
    /// As [`authorize_owner`](longshore_access::AccessControl::authorize_owner), or [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing tokens; `Denied` when the
    /// plan does not have it; `Invalid` for the label, the description, the resources or an expiry that has passed;
    /// `LimitReached` when the account has too many.
    pub async fn create_access_token(
        &self,
        actor: &Actor,
        owner: impl Into<TokenOwner<'_>>,
        wanted: WantedToken<'_>,
    ) -> Result<(AccessToken, Secret)> {
        let account = self.authorize_tokens(actor, owner.into()).await?;
        self.put_access_token(actor, &account, wanted, None, TokenForm::Secret).await
    }

    /// Creates an access token of an account for somebody who may, perhaps one that ends with the token that it is made with.
    pub async fn put_access_token(
        &self,
        actor: &Actor,
        account: &Account,
        wanted: WantedToken<'_>,
        made_with: Option<AccessTokenId>,
        form: TokenForm,
    ) -> Result<(AccessToken, Secret)> {
        let WantedToken { label, description, restriction, expires_at, origin } = wanted;
        let label = checked_label(label)?;
        check_description(description)?;
        if let TokenRestriction::Resources(resources) = &restriction {
            check_resources(account, resources)?;
        }
        let created_at = self.clock.now();
        if expires_at.is_some_and(|expires_at| expires_at <= created_at) {
            return Err(Error::Invalid { field: Field::ExpiresAt, reason: "must lie in the future".into() });
        }
        let secret = match (form, &restriction) {
            (TokenForm::KeyPair, _) => generate_secret_key(&*self.entropy),
            (TokenForm::Secret, TokenRestriction::Scope(Scope::Account)) => {
                let reason = "the scope account is for access keys".into();
                return Err(Error::Invalid { field: Field::TokenScope, reason });
            }
            (TokenForm::Secret, TokenRestriction::Resources(_)) => {
                Secret::generate(Secret::ORGANIZATION_TOKEN_PREFIX, &*self.entropy)
            }
            (TokenForm::Secret, _) => Secret::generate(Secret::ACCESS_TOKEN_PREFIX, &*self.entropy),
        };
        let access_key = match form {
            TokenForm::Secret => None,
            TokenForm::KeyPair => {
                let key = AccessKey::generate(&*self.entropy);
                let sealed = self.seal_secret_key(&key, &secret)?;
                Some((key, sealed))
            }
        };
        let data = match &restriction {
            TokenRestriction::Scope(scope) => ("scope", scope.to_string()),
            TokenRestriction::Resources(_) => ("resources", restriction.to_string()),
            TokenRestriction::Registry { .. } => ("registry", restriction.to_string()),
            TokenRestriction::Login { .. } => ("login", restriction.to_string()),
        };
        let action =
            token_action(account, EventAction::AccessTokenCreated, EventAction::OrganizationTokenCreated);
        let token = NewAccessToken {
            uuid: self.platform.new_uuid(),
            account_id: account.id,
            label: label.clone(),
            description: description.to_owned(),
            created_by: actor.display_name().to_owned(),
            restriction,
            made_with,
            secret_hash: secret.hash(),
            access_key,
            expires_at,
            created_at,
            origin,
        };
        let key = token.access_key.as_ref().map(|(key, _)| ("access_key", key.to_string()));
        let data = [("label", label), data].into_iter().chain(key);
        let event = self.platform.event(actor, Some(account.id), action, &token.uuid.to_string(), data);
        let created = self
            .metadata
            .write((token, event), |tx, (token, event)| {
                Box::pin(async move {
                    // Held, so that creations at the same time are counted.
                    tx.lock_account(token.account_id).await?;
                    check_count(&token.restriction, tx.count_access_tokens(token.account_id).await?)?;
                    if matches!(token.restriction, TokenRestriction::Login { .. })
                        && tx.count_logins_made_with(token.account_id, token.made_with).await? >= LOGINS_LIMIT
                    {
                        return Err(Error::LimitReached { what: Limited::DockerLogins, limit: LOGINS_LIMIT });
                    }
                    // It may have been deleted since it was looked at.
                    if let Some(parent) = token.made_with
                        && !tx.lock_access_token(parent).await?
                    {
                        return Err(Error::Unauthenticated(Unauthenticated::InvalidToken));
                    }
                    let id = tx.create_access_token(token).await?;
                    tx.record_event(event).await?;
                    tx.find_access_token(id)
                        .await?
                        .ok_or_else(|| Error::internal("the new access token is not there"))
                })
            })
            .await?;
        Ok((created, secret))
    }

    /// Lists an account's access tokens in the order of their creation.
    ///
    /// # Errors
    /// As [`Identities::create_access_token`] for the owner.
    pub async fn list_access_tokens(
        &self,
        actor: &Actor,
        owner: impl Into<TokenOwner<'_>>,
        after: Option<Uuid>,
        size: PageSize,
    ) -> Result<Page<AccessToken>> {
        let account = self.authorize_tokens(actor, owner.into()).await?;
        let tokens = self
            .metadata
            .read((account.id, after, size), |tx, (id, after, size)| {
                Box::pin(tx.list_access_tokens(*id, *after, *size))
            })
            .await?;
        Ok(Page::from_overfull(tokens, size))
    }

    /// Returns one access token.
    ///
    /// # Errors
    /// As [`Identities::create_access_token`]; `TokenUnknown`.
    pub async fn get_access_token(
        &self,
        actor: &Actor,
        owner: impl Into<TokenOwner<'_>>,
        uuid: Uuid,
    ) -> Result<AccessToken> {
        self.find_token_of(actor, owner.into(), uuid).await.map(|(_, token)| token)
    }

    async fn find_token_of(
        &self,
        actor: &Actor,
        owner: TokenOwner<'_>,
        uuid: Uuid,
    ) -> Result<(Account, AccessToken)> {
        let account = self.authorize_tokens(actor, owner).await?;
        let found = self
            .metadata
            .look_up((account.id, uuid), |tx, (id, uuid)| Box::pin(tx.find_access_token_by_uuid(*id, *uuid)))
            .await?;
        found.map(|token| (account, token)).ok_or_else(|| Error::TokenUnknown(uuid.to_string()))
    }

    /// Lists an account's access tokens in the order of their creation, leaving out the first `offset`, with the number
    /// of all.
    ///
    /// # Errors
    /// As [`Identities::create_access_token`] for the owner.
    pub async fn list_access_tokens_at(
        &self,
        actor: &Actor,
        owner: impl Into<TokenOwner<'_>>,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<AccessToken>, AccessTokenCounts)> {
        let account = self.authorize_tokens(actor, owner.into()).await?;
        self.metadata
            .read((account.id, offset, size), |tx, (id, offset, size)| {
                Box::pin(async move {
                    let tokens = tx.list_access_tokens_at(*id, *offset, *size).await?;
                    Ok((tokens, tx.count_access_tokens(*id).await?))
                })
            })
            .await
    }

    /// Changes an access token, or switches it on or off; off, it fails at once everywhere.
    ///
    /// # Errors
    /// As [`Identities::get_access_token`]; `Invalid` for the label, the description, or resources where it has a scope.
    pub async fn change_access_token(
        &self,
        actor: &Actor,
        owner: impl Into<TokenOwner<'_>>,
        uuid: Uuid,
        change: AccessTokenChange,
    ) -> Result<AccessToken> {
        let (account, token) = self.find_token_of(actor, owner.into(), uuid).await?;
        let label = change.label.as_deref().map(checked_label).transpose()?;
        change.description.as_deref().map(check_description).transpose()?;
        if let Some(resources) = &change.resources {
            if token.restriction.scope().is_some() {
                return Err(Error::Invalid {
                    field: Field::TokenResources,
                    reason: "this access token has a scope; create another one with resources".into(),
                });
            }
            check_resources(&account, resources)?;
        }
        // Switching off is always possible, also without the plan.
        if change.is_active == Some(true) && token.restriction.scope().is_none() {
            account.plan.check(Feature::OrganizationTokens)?;
        }
        let change = AccessTokenChange { label, ..change };
        let action = match change.is_active {
            Some(true) if !token.is_active => EventAction::AccessTokenEnabled,
            Some(false) if token.is_active => EventAction::AccessTokenDisabled,
            _ => EventAction::AccessTokenChanged,
        };
        let action = token_action(&account, action, EventAction::OrganizationTokenUpdated);
        let mut data = vec![("label", change.label.clone().unwrap_or(token.label))];
        if account.kind == AccountKind::Organization {
            data.extend(change.is_active.map(|is_active| ("is_active", is_active.to_string())));
            let restriction = change.resources.clone().map(TokenRestriction::Resources);
            data.extend(restriction.map(|restriction| ("resources", restriction.to_string())));
        }
        let event = self.platform.event(actor, Some(token.account_id), action, &uuid.to_string(), data);
        self.metadata
            .write((token.id, change, event), |tx, (id, change, event)| {
                Box::pin(async move {
                    tx.change_access_token(*id, change).await?;
                    if let Some(resources) = &change.resources {
                        end_credentials(tx, *id, &TokenRestriction::Resources(resources.clone())).await?;
                    }
                    tx.record_event(event).await?;
                    let changed = tx.find_access_token(*id).await?;
                    changed.ok_or_else(|| Error::TokenUnknown(event.subject.clone()))
                })
            })
            .await
    }

    /// Deletes the access token that the actor came with, if it is this one; gives whether it is. Whoever has a token may end it.
    ///
    /// # Errors
    /// `Unauthenticated` when it has become void.
    pub async fn end_presented_token(&self, actor: &Actor, owner: &Namespace, uuid: Uuid) -> Result<bool> {
        if actor.access_token_id().is_none() {
            return Ok(false);
        }
        let presented = self.get_presented_token(actor).await?;
        let account = self.access.get_own_account(actor).await?;
        if presented.uuid != uuid || account.name != *owner {
            return Ok(false);
        }
        self.remove_access_token(actor, &account, presented).await.map(|()| true)
    }

    /// Deletes an access token for good.
    ///
    /// # Errors
    /// As [`Identities::get_access_token`].
    pub async fn delete_access_token(
        &self,
        actor: &Actor,
        owner: impl Into<TokenOwner<'_>>,
        uuid: Uuid,
    ) -> Result<()> {
        let (account, token) = self.find_token_of(actor, owner.into(), uuid).await?;
        self.remove_access_token(actor, &account, token).await
    }

    /// Deletes an access token, and those that were made with it, for somebody who may.
    pub async fn remove_access_token(
        &self,
        actor: &Actor,
        account: &Account,
        token: AccessToken,
    ) -> Result<()> {
        let action =
            token_action(account, EventAction::AccessTokenDeleted, EventAction::OrganizationTokenDeleted);
        let data = [("label", token.label)];
        let event = self.platform.event(actor, Some(token.account_id), action, &token.uuid.to_string(), data);
        self.metadata
            .write((token.id, event), |tx, (id, event)| {
                Box::pin(async move {
                    tx.delete_access_token(*id).await?;
                    tx.record_event(event).await
                })
            })
            .await
    }

    /// Returns the access token that a principal came with.
    ///
    /// # Errors
    /// `Unauthenticated` when it came with none, or that has become void.
    pub async fn get_presented_token(&self, actor: &Actor) -> Result<AccessToken> {
        let (_, token) = self.access.authorize_account(actor, AccountAction::Identify).await?;
        token.ok_or(Error::Unauthenticated(Unauthenticated::InvalidToken))
    }
}
