//! Access tokens of users and organizations.

use jiff::Timestamp;
use longshore_domain::account::Account;
use longshore_domain::credential::{AccessToken, Principal, Scope, Secret, TOKEN_LABEL_LIMIT_CHARACTERS};
use longshore_domain::event::EventAction;
use longshore_domain::name::Namespace;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::NewAccessToken;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Services;

impl Services {
    /// Creates an access token and gives its secret, which is shown this once.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown`; `Invalid` for the label or an expiry that has passed.
    pub async fn create_access_token(
        &self,
        principal: &Principal,
        owner: &Namespace,
        label: &str,
        scope: Scope,
        expires_at: Option<Timestamp>,
    ) -> Result<(AccessToken, Secret)> {
        self.require_operator(principal)?;
        let label = label.trim();
        if label.is_empty()
            || label.chars().count() > TOKEN_LABEL_LIMIT_CHARACTERS
            || label.chars().any(char::is_control)
        {
            return Err(Error::Invalid {
                field: "label",
                reason: format!("must have 1 to {TOKEN_LABEL_LIMIT_CHARACTERS} characters"),
            });
        }
        let created_at = self.clock.now();
        if expires_at.is_some_and(|expires_at| expires_at <= created_at) {
            return Err(Error::Invalid { field: "expiry", reason: "must lie in the future".into() });
        }
        let account = self.find_account(owner).await?;
        let secret = Secret::generate(Secret::ACCESS_TOKEN_PREFIX, &*self.entropy);
        let token = NewAccessToken {
            uuid: self.new_uuid(),
            account_id: account.id,
            label: label.to_owned(),
            scope,
            secret_hash: secret.hash(),
            expires_at,
            created_at,
        };
        let data = [("label", label.to_owned()), ("scope", scope.to_string())];
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
    /// `Denied` to everybody but the operator; `UserUnknown`.
    pub async fn list_access_tokens(
        &self,
        principal: &Principal,
        owner: &Namespace,
        after: Option<Uuid>,
        size: PageSize,
    ) -> Result<Page<AccessToken>> {
        self.require_operator(principal)?;
        let account = self.find_account(owner).await?;
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
    /// `Denied` to everybody but the operator; `UserUnknown`, `TokenUnknown`.
    pub async fn get_access_token(
        &self,
        principal: &Principal,
        owner: &Namespace,
        uuid: Uuid,
    ) -> Result<AccessToken> {
        self.require_operator(principal)?;
        let account = self.find_account(owner).await?;
        self.metadata
            .look_up((account.id, uuid), |tx, (id, uuid)| Box::pin(tx.find_access_token_by_uuid(*id, *uuid)))
            .await?
            .ok_or_else(|| Error::TokenUnknown(uuid.to_string()))
    }

    /// Switches an access token on or off; off, it fails at once everywhere.
    ///
    /// # Errors
    /// As [`Services::get_access_token`].
    pub async fn set_access_token_active(
        &self,
        principal: &Principal,
        owner: &Namespace,
        uuid: Uuid,
        is_active: bool,
    ) -> Result<()> {
        let token = self.get_access_token(principal, owner, uuid).await?;
        let action =
            if is_active { EventAction::AccessTokenEnabled } else { EventAction::AccessTokenDisabled };
        let event = self.event(
            principal,
            Some(token.account_id),
            action,
            &uuid.to_string(),
            [("label", token.label)],
        );
        self.metadata
            .write((token.id, is_active, event), |tx, (id, is_active, event)| {
                Box::pin(async move {
                    tx.set_access_token_active(*id, *is_active).await?;
                    tx.record_event(event).await
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
