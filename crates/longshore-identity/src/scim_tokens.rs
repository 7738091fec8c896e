//! Tokens of identity providers: made by the owners of an organization, good for its directory and nothing else.

use jiff::Timestamp;
use longshore_domain::access::action::OrganizationAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountKind;
use longshore_domain::credential::{SECRET_LIMIT_BYTES, Secret, SecretHash};
use longshore_domain::directory::{Provisioner, SCIM_TOKENS_LIMIT, ScimToken};
use longshore_domain::error::Unauthenticated;
use longshore_domain::event::EventAction;
use longshore_domain::existing::Existing;
use longshore_domain::limit::Limited;
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::NewScimToken;
use longshore_domain::{Error, Field, Result};
use uuid::Uuid;

use crate::Identities;
use crate::access_tokens::checked_label;
use crate::sign_in_events::{Presented, Whose};

fn may_not_provision(organization: &Namespace) -> Error {
    Error::denied(format!(
        "{organization} may not provision users, as that makes accounts and takes in others; the operator of the registry can allow it (longshore org set {organization} --provisioning on)"
    ))
}

fn unknown(uuid: Uuid) -> Error {
    Error::TokenUnknown(uuid.to_string())
}

impl Identities {
    /// Makes a token for an identity provider of an organization and gives its secret, which is shown this once.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing provisioning; `Denied` when the operator has not allowed the
    /// organization to provision; `Invalid` for the label or an expiry that has passed;
    /// `Exists` for a label that is there; `LimitReached`.
    pub async fn create_scim_token(
        &self,
        actor: &Actor,
        organization: &Namespace,
        label: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<(ScimToken, Secret)> {
        let action = OrganizationAction::ManageProvisioning;
        let organization = self.access.authorize_organization(actor, organization, action).await?;
        let label = checked_label(label)?;
        let created_at = self.clock.now();
        if expires_at.is_some_and(|at| at <= created_at) {
            return Err(Error::Invalid { field: Field::ExpiresAt, reason: "must lie in the future".into() });
        }
        let secret = Secret::generate(Secret::SCIM_TOKEN_PREFIX, &*self.entropy);
        let token = ScimToken {
            uuid: self.platform.new_uuid(),
            organization_id: organization.id,
            label,
            created_by: actor.display_name().to_owned(),
            created_at,
            expires_at,
            last_used_at: None,
        };
        let event = self.platform.event(
            actor,
            Some(organization.id),
            EventAction::ScimTokenCreated,
            &token.uuid.to_string(),
            [("label", token.label.clone())],
        );
        let (by_operator, name) = (actor.is_operator(), organization.name);
        let new = NewScimToken { token: token.clone(), secret_hash: secret.hash() };
        self.metadata
            .write((new, event, by_operator, name), |tx, (new, event, by_operator, name)| {
                Box::pin(async move {
                    let organization = new.token.organization_id;
                    // Held, so that creations at the same time are counted.
                    tx.lock_account(organization).await?;
                    // A token of the operator's own says that it may.
                    match *by_operator {
                        true => tx.set_may_provision(organization, true).await?,
                        false if tx.find_may_provision(organization).await? => {}
                        false => return Err(may_not_provision(name)),
                    }
                    let others = tx.list_scim_tokens(organization, PageSize::MAX).await?;
                    if others.len() as u64 >= SCIM_TOKENS_LIMIT {
                        return Err(Error::LimitReached {
                            what: Limited::ScimTokens,
                            limit: SCIM_TOKENS_LIMIT,
                        });
                    }
                    if others.iter().any(|other| other.label == new.token.label) {
                        return Err(Error::Exists(Existing::ScimToken(new.token.label.clone())));
                    }
                    tx.create_scim_token(new).await?;
                    tx.record_event(event).await
                })
            })
            .await?;
        Ok((token, secret))
    }

    /// Lists the tokens of an organization's identity providers, the oldest first.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing provisioning.
    pub async fn list_scim_tokens(&self, actor: &Actor, organization: &Namespace) -> Result<Vec<ScimToken>> {
        let action = OrganizationAction::ManageProvisioning;
        let organization = self.access.authorize_organization(actor, organization, action).await?;
        self.metadata
            .look_up(organization.id, |tx, id| Box::pin(tx.list_scim_tokens(*id, PageSize::MAX)))
            .await
    }

    async fn find_scim_token_of(
        &self,
        actor: &Actor,
        organization: &Namespace,
        uuid: Uuid,
    ) -> Result<ScimToken> {
        let action = OrganizationAction::ManageProvisioning;
        let organization = self.access.authorize_organization(actor, organization, action).await?;
        let found = self
            .metadata
            .look_up((organization.id, uuid), |tx, (id, uuid)| Box::pin(tx.find_scim_token(*id, *uuid)))
            .await?;
        found.ok_or_else(|| unknown(uuid))
    }

    /// Replaces the secret of a token by another one, which is shown this once; the one before stops working at once.
    ///
    /// # Errors
    /// As [`Identities::list_scim_tokens`]; `TokenUnknown`.
    pub async fn rotate_scim_token(
        &self,
        actor: &Actor,
        organization: &Namespace,
        uuid: Uuid,
    ) -> Result<(ScimToken, Secret)> {
        let token = self.find_scim_token_of(actor, organization, uuid).await?;
        let secret = Secret::generate(Secret::SCIM_TOKEN_PREFIX, &*self.entropy);
        let event = self.platform.event(
            actor,
            Some(token.organization_id),
            EventAction::ScimTokenRotated,
            &uuid.to_string(),
            [("label", token.label.clone())],
        );
        self.metadata
            .write((uuid, secret.hash(), event), |tx, (uuid, hash, event)| {
                Box::pin(async move {
                    match tx.change_scim_secret(*uuid, hash).await? {
                        true => tx.record_event(event).await,
                        false => Err(unknown(*uuid)),
                    }
                })
            })
            .await?;
        Ok((token, secret))
    }

    /// Revokes a token; it stops working at once.
    ///
    /// # Errors
    /// As [`Identities::rotate_scim_token`].
    pub async fn revoke_scim_token(&self, actor: &Actor, organization: &Namespace, uuid: Uuid) -> Result<()> {
        let token = self.find_scim_token_of(actor, organization, uuid).await?;
        let event = self.platform.event(
            actor,
            Some(token.organization_id),
            EventAction::ScimTokenRevoked,
            &uuid.to_string(),
            [("label", token.label)],
        );
        self.metadata
            .write((uuid, event), |tx, (uuid, event)| {
                Box::pin(async move {
                    match tx.delete_scim_token(*uuid).await? {
                        true => tx.record_event(event).await,
                        false => Err(unknown(*uuid)),
                    }
                })
            })
            .await
    }

    /// Finds out which identity provider a token stands for. Every request asks the database, so that a token that was revoked
    /// works nowhere.
    ///
    /// # Errors
    /// `Unauthenticated`, also when the organization is switched off or may not provision any more.
    pub async fn authenticate_provisioner(&self, secret: &str) -> Result<Provisioner> {
        let invalid = || {
            self.note_refusal(Presented::ScimToken, None);
            Error::Unauthenticated(Unauthenticated::InvalidToken)
        };
        if secret.len() > SECRET_LIMIT_BYTES || !secret.starts_with(Secret::SCIM_TOKEN_PREFIX) {
            return Err(invalid());
        }
        let now = self.clock.now();
        let found = self
            .metadata
            .look_up(SecretHash::of(secret), |tx, hash| {
                Box::pin(async move {
                    let Some(token) = tx.find_scim_token_by_secret(hash).await? else { return Ok(None) };
                    if !tx.find_may_provision(token.organization_id).await? {
                        return Ok(None);
                    }
                    let organization = tx.find_account(token.organization_id).await?;
                    Ok(organization.map(|organization| Provisioner { token, organization }))
                })
            })
            .await?;
        let provisioner = found.filter(|found| {
            let organization = &found.organization;
            organization.is_active
                && organization.kind == AccountKind::Organization
                && found.token.expires_at.is_none_or(|at| now < at)
        });
        let provisioner = provisioner.ok_or_else(invalid)?;
        self.record_scim_use(&provisioner.token, now);
        let whose = Whose::account(&provisioner.organization)
            .with_token(provisioner.token.uuid)
            .with_actor(provisioner.display_name());
        self.note_sign_in(Presented::ScimToken, whose);
        Ok(provisioner)
    }
}
