//! Access tokens of users and organizations.

use jiff::Timestamp;
use longshore_domain::account::Account;
use longshore_domain::credential::{
    ACCESS_TOKENS_LIMIT, AccessToken, Principal, Scope, Secret, TOKEN_LABEL_LIMIT_CHARACTERS, TokenOrigin,
};
use longshore_domain::event::EventAction;
use longshore_domain::name::Namespace;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::{AccessTokenChange, AccessTokenCounts, NewAccessToken};
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Services;

/// An access token that somebody wants.
#[derive(Clone, Debug)]
pub struct WantedToken<'t> {
    /// What its owner calls it, 1 to 100 characters.
    pub label: &'t str,
    /// What it may do at most.
    pub scope: Scope,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// From where it is created.
    pub origin: TokenOrigin,
}

impl<'t> WantedToken<'t> {
    /// Makes one that never expires, created at the machine.
    pub fn new(label: &'t str, scope: Scope) -> Self {
        Self { label, scope, expires_at: None, origin: TokenOrigin::default() }
    }
}

fn checked_label(label: &str) -> Result<String> {
    let label = label.trim();
    let fits = (1..=TOKEN_LABEL_LIMIT_CHARACTERS).contains(&label.chars().count());
    match fits && !label.chars().any(char::is_control) {
        true => Ok(label.to_owned()),
        false => Err(Error::Invalid {
            field: "token_label",
            reason: format!("must have 1 to {TOKEN_LABEL_LIMIT_CHARACTERS} characters"),
        }),
    }
}

impl Services {
    /// Creates an access token and gives its secret, which is shown this once.
    ///
    /// # Errors
    /// As [`Services::authorize_owner`]; `Invalid` for the label or an expiry that has passed; `Conflict` when the account has too many.
    pub async fn create_access_token(
        &self,
        principal: &Principal,
        owner: &Namespace,
        wanted: WantedToken<'_>,
    ) -> Result<(AccessToken, Secret)> {
        let account = self.authorize_owner(principal, owner).await?;
        let WantedToken { label, scope, expires_at, origin } = wanted;
        let label = checked_label(label)?;
        let created_at = self.clock.now();
        if expires_at.is_some_and(|expires_at| expires_at <= created_at) {
            return Err(Error::Invalid { field: "expires_at", reason: "must lie in the future".into() });
        }
        let secret = Secret::generate(Secret::ACCESS_TOKEN_PREFIX, &*self.entropy);
        let token = NewAccessToken {
            uuid: self.new_uuid(),
            account_id: account.id,
            label: label.clone(),
            scope,
            secret_hash: secret.hash(),
            expires_at,
            created_at,
            origin,
        };
        let data = [("label", label), ("scope", scope.to_string())];
        let event = self.event(
            principal,
            Some(account.id),
            EventAction::AccessTokenCreated,
            &token.uuid.to_string(),
            data,
        );
        let created = self
            .metadata
            .write((token, event), |tx, (token, event)| {
                Box::pin(async move {
                    // Held, so that creations at the same time are counted.
                    tx.hold_account(token.account_id).await?;
                    if tx.count_access_tokens(token.account_id).await?.all >= ACCESS_TOKENS_LIMIT {
                        return Err(Error::Conflict(format!(
                            "an account may have at most {ACCESS_TOKENS_LIMIT} access tokens; delete some that are not used"
                        )));
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
    /// As [`Services::authorize_owner`].
    pub async fn list_access_tokens(
        &self,
        principal: &Principal,
        owner: &Namespace,
        after: Option<Uuid>,
        size: PageSize,
    ) -> Result<Page<AccessToken>> {
        let account = self.authorize_owner(principal, owner).await?;
        let tokens = self
            .metadata
            .read((account.id, after, size), |tx, (id, after, size)| {
                Box::pin(tx.list_access_tokens(*id, *after, *size))
            })
            .await?;
        Ok(Page::from_overfull(tokens, size))
    }

    /// Gives one access token.
    ///
    /// # Errors
    /// As [`Services::authorize_owner`]; `TokenUnknown`.
    pub async fn get_access_token(
        &self,
        principal: &Principal,
        owner: &Namespace,
        uuid: Uuid,
    ) -> Result<AccessToken> {
        let account = self.authorize_owner(principal, owner).await?;
        self.metadata
            .look_up((account.id, uuid), |tx, (id, uuid)| Box::pin(tx.find_access_token_by_uuid(*id, *uuid)))
            .await?
            .ok_or_else(|| Error::TokenUnknown(uuid.to_string()))
    }

    /// Lists an account's access tokens in the order of their creation, leaving out the first `offset`, with the number
    /// of all.
    ///
    /// # Errors
    /// As [`Services::authorize_owner`].
    pub async fn list_access_tokens_at(
        &self,
        principal: &Principal,
        owner: &Namespace,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<AccessToken>, AccessTokenCounts)> {
        let account = self.authorize_owner(principal, owner).await?;
        self.metadata
            .read((account.id, offset, size), |tx, (id, offset, size)| {
                Box::pin(async move {
                    let tokens = tx.list_access_tokens_at(*id, *offset, *size).await?;
                    Ok((tokens, tx.count_access_tokens(*id).await?))
                })
            })
            .await
    }

    /// Changes an access token's label, or switches it on or off; off, it fails at once everywhere.
    ///
    /// # Errors
    /// As [`Services::get_access_token`]; `Invalid` for the label.
    pub async fn change_access_token(
        &self,
        principal: &Principal,
        owner: &Namespace,
        uuid: Uuid,
        change: AccessTokenChange,
    ) -> Result<AccessToken> {
        let token = self.get_access_token(principal, owner, uuid).await?;
        let label = change.label.as_deref().map(checked_label).transpose()?;
        let change = AccessTokenChange { label, is_active: change.is_active };
        let action = match change.is_active {
            Some(is_active) if is_active == token.is_active => EventAction::AccessTokenChanged,
            Some(true) => EventAction::AccessTokenEnabled,
            Some(false) => EventAction::AccessTokenDisabled,
            None => EventAction::AccessTokenChanged,
        };
        let label = change.label.clone().unwrap_or(token.label);
        let data = [("label", label)];
        let event = self.event(principal, Some(token.account_id), action, &uuid.to_string(), data);
        self.metadata
            .write((token.id, change, event), |tx, (id, change, event)| {
                Box::pin(async move {
                    tx.change_access_token(*id, change).await?;
                    tx.record_event(event).await?;
                    let changed = tx.find_access_token(*id).await?;
                    changed.ok_or_else(|| Error::TokenUnknown(event.subject.clone()))
                })
            })
            .await
    }

    /// Deletes an access token for good.
    ///
    /// # Errors
    /// As [`Services::get_access_token`].
    pub async fn delete_access_token(
        &self,
        principal: &Principal,
        owner: &Namespace,
        uuid: Uuid,
    ) -> Result<()> {
        let token = self.get_access_token(principal, owner, uuid).await?;
        let event = self.event(
            principal,
            Some(token.account_id),
            EventAction::AccessTokenDeleted,
            &uuid.to_string(),
            [("label", token.label)],
        );
        self.metadata
            .write((token.id, event), |tx, (id, event)| {
                Box::pin(async move {
                    tx.delete_access_token(*id).await?;
                    tx.record_event(event).await
                })
            })
            .await
    }

    /// Finds an account by name for the operator.
    pub(crate) async fn find_account(&self, name: &Namespace) -> Result<Account> {
        self.metadata
            .look_up(name.clone(), |tx, name| Box::pin(tx.find_account_by_name(name)))
            .await?
            .ok_or_else(|| Error::UserUnknown(name.to_string()))
    }
}
