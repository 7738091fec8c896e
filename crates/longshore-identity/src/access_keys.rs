//! Access-key pairs: requests that are signed with them, and signing Docker in with them.
//!
//! Huawei Cloud, "AK/SK authentication", and SWR, "long-term login command". A pair is an access token whose secret never
//! travels: what its owner sends is computed from it. How a request is written down to be signed is the dialect's matter.

use crate::claims::actor_of;
use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use jiff::Timestamp;
use longshore_domain::access::action::AccountAction;
use longshore_domain::access::actor::{AccountPrincipal, Actor, CredentialScope, Proof};
use longshore_domain::access_key::{AccessKey, CLOCK_SKEW_LIMIT, REPEAT_LIMIT};
use longshore_domain::account::Account;
use longshore_domain::credential::{AccessToken, Scope, Secret, TokenOrigin, TokenRestriction};
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Identities;
use crate::access_tokens::{TokenForm, TokenOwner, WantedToken};
use crate::projects::ProjectName;
use crate::sign_in_events::{Presented, Whose};
use longshore_platform::{earlier, later};

/// How long a credential for signing Docker in works (SWR, "temporary login command").
pub const LOGIN_VALIDITY: Duration = Duration::from_secs(6 * 3600);

/// A request that is signed with a secret key.
#[derive(Debug)]
pub struct SignedText<'s> {
    /// The access key, as it was given.
    pub access_key: &'s str,
    /// What was signed.
    pub text: &'s str,
    /// HMAC-SHA256 of it with the secret key.
    pub signature: &'s [u8],
    /// When it says that it was signed.
    pub signed_at: Timestamp,
    /// Whether the request changes something.
    pub is_change: bool,
    /// The project that it is for, by the public id of the account; `None` for one's own.
    pub project: Option<Uuid>,
}

/// A credential for signing Docker in.
#[derive(Debug)]
pub struct DockerLogin {
    /// Its access key, which is the user name with the name of a project and `@` before it.
    pub access_key: AccessKey,
    /// The password.
    pub password: Secret,
    /// When it stops working.
    pub expires_at: Timestamp,
}

fn mac(secret_key: &str) -> hmac::Key {
    hmac::Key::new(HMAC_SHA256, secret_key.as_bytes())
}

/// Returns the password that signs Docker in with a pair: the HMAC-SHA256 of the access key with the secret key, in
/// hexadecimal digits.
fn login_password(access_key: &AccessKey, secret_key: &str) -> Secret {
    Secret::presented(&hex::encode(hmac::sign(&mac(secret_key), access_key.as_str().as_bytes())))
}

/// Takes the project and the access key from a user name for signing Docker in.
pub(crate) fn login_name(user: &str) -> Option<(&str, AccessKey)> {
    let (project, key) = user.split_once('@')?;
    Some((project, key.parse().ok()?))
}

impl Identities {
    /// Creates a pair of keys and gives the secret key, which is shown this once.
    ///
    /// # Errors
    /// As [`Identities::create_access_token`]; `Unsupported` when the server has no sealing key.
    pub async fn create_access_key(
        &self,
        actor: &Actor,
        owner: impl Into<TokenOwner<'_>>,
        wanted: WantedToken<'_>,
    ) -> Result<(AccessToken, Secret)> {
        let account = self.authorize_tokens(actor, owner.into()).await?;
        self.put_access_token(actor, &account, wanted, None, TokenForm::KeyPair).await
    }

    /// Lists the pairs of keys of an account that are not for signing Docker in, in the order of their creation.
    ///
    /// # Errors
    /// As [`Identities::create_access_token`] for the owner.
    pub async fn list_access_keys(
        &self,
        actor: &Actor,
        owner: impl Into<TokenOwner<'_>>,
    ) -> Result<Vec<AccessToken>> {
        let account = self.authorize_tokens(actor, owner.into()).await?;
        self.metadata
            .read(account.id, |tx, id| {
                Box::pin(async move {
                    // Twice the largest page is more than an account may have (`ACCESS_TOKENS_LIMIT`, `CREDENTIALS_LIMIT`).
                    let tokens = tx.list_access_tokens_at(*id, 0, PageSize::MAX).await?;
                    let further =
                        tx.list_access_tokens_at(*id, u64::from(PageSize::MAX.get()), PageSize::MAX).await?;
                    let all = tokens.into_iter().chain(further);
                    Ok(all
                        .filter(|token| token.access_key.is_some() && !token.restriction.is_credential())
                        .collect())
                })
            })
            .await
    }

    /// Returns a pair of keys of an account.
    ///
    /// # Errors
    /// As [`Identities::list_access_keys`]; `TokenUnknown`.
    pub async fn get_access_key(
        &self,
        actor: &Actor,
        owner: impl Into<TokenOwner<'_>>,
        key: &AccessKey,
    ) -> Result<AccessToken> {
        let account = self.authorize_tokens(actor, owner.into()).await?;
        let found = self.metadata.look_up(key.clone(), |tx, key| Box::pin(tx.find_access_key(key))).await?;
        let own = found.map(|(token, _)| token).filter(|token| token.account_id == account.id);
        own.ok_or_else(|| Error::TokenUnknown(key.to_string()))
    }

    /// Finds a pair that works now, its account, and its secret key.
    async fn find_key_pair(&self, key: AccessKey) -> Result<Option<(AccessToken, Account, String)>> {
        let found = self
            .metadata
            .look_up(key.clone(), |tx, key| {
                Box::pin(async move {
                    let Some((token, sealed)) = tx.find_access_key(key).await? else { return Ok(None) };
                    let account = tx.find_account(token.account_id).await?;
                    Ok(account.map(|account| (token, account, sealed)))
                })
            })
            .await?;
        let Some((token, account, sealed)) = found else { return Ok(None) };
        if !account.is_active || !token.is_usable(self.clock.now()) {
            return Ok(None);
        }
        let Some(secret) = self.sealing_key()?.open(key.as_str(), &sealed) else {
            tracing::error!(
                access_key = %key,
                "a secret key cannot be read: it was kept with another sealing key; see auth.sealing_key_file"
            );
            return Ok(None);
        };
        Ok(Some((token, account, secret)))
    }

    /// Finds out who signed a request. A request that changes something is taken once, and again only within seconds.
    ///
    /// # Errors
    /// `Unauthenticated` when the key or signature is wrong, the clocks differ too much, it was taken before, or there is no such project; `Denied`
    /// for the keys of a credential for Docker.
    pub async fn authenticate_signature(&self, signed: &SignedText<'_>) -> Result<Actor> {
        let refused = |reason| Error::Unauthenticated(reason);
        let now = self.clock.now();
        let expires_at = later(signed.signed_at, CLOCK_SKEW_LIMIT);
        if now > expires_at || now < earlier(signed.signed_at, CLOCK_SKEW_LIMIT) {
            return Err(refused(Unauthenticated::ClockSkew));
        }
        let wrong = || refused(Unauthenticated::WrongSignature);
        let stranger = || {
            self.note_refusal(Presented::AccessKey, None);
            wrong()
        };
        let key = signed.access_key.parse().map_err(|_| stranger())?;
        let (token, account, secret) = self.find_key_pair(key).await?.ok_or_else(stranger)?;
        let whose = Whose::account(&account).with_token(token.uuid);
        if hmac::verify(&mac(&secret), signed.text.as_bytes(), signed.signature).is_err() {
            self.note_refusal(Presented::AccessKey, Some(whose));
            return Err(wrong());
        }
        if token.restriction.is_credential() {
            return Err(Error::denied("these keys are for signing Docker in only"));
        }
        let actor = actor_of(AccountPrincipal::of(&account, Some(token.id)), Proof::Token);
        let actor = match signed.project {
            None => actor,
            Some(project) => self.enter_project(&actor, &ProjectName::Id(project)).await?.0,
        };
        // Last, so that only a request that is taken uses its signature up.
        if signed.is_change {
            let input = (signed.signature.to_vec(), now, expires_at);
            let taken_at = self
                .metadata
                .write(input, |tx, (signature, now, until)| {
                    Box::pin(tx.record_signature(signature, *now, *until))
                })
                .await?;
            if now > later(taken_at, REPEAT_LIMIT) {
                self.note_refusal(Presented::AccessKey, Some(whose));
                return Err(refused(Unauthenticated::SignatureUsed));
            }
        }
        self.record_use(&token, now);
        self.note_sign_in(Presented::AccessKey, whose);
        Ok(actor)
    }

    /// Checks a user name with an access key and the password that belongs to it.
    pub(crate) async fn check_key_login(
        &self,
        project: &str,
        key: AccessKey,
        password: &str,
    ) -> Result<Option<AccountPrincipal>> {
        let Some((token, account, secret)) = self.find_key_pair(key.clone()).await? else {
            self.note_refusal(Presented::AccessKey, None);
            return Ok(None);
        };
        let whose = Whose::account(&account).with_token(token.uuid);
        let presented = hex::decode(password).unwrap_or_default();
        let is_right = hmac::verify(&mac(&secret), key.as_str().as_bytes(), &presented).is_ok();
        let principal = AccountPrincipal::of(&account, Some(token.id));
        let actor = actor_of(principal.clone(), Proof::Token);
        if !is_right || self.find_project(&actor, &ProjectName::Name(project)).await?.is_none() {
            self.note_refusal(Presented::AccessKey, Some(whose));
            return Ok(None);
        }
        self.record_use(&token, self.clock.now());
        self.note_sign_in(Presented::AccessKey, whose);
        Ok(Some(principal))
    }

    /// Creates a credential for signing Docker in that works for some hours, and ends with the access token that was used
    /// to get it.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens of organizations with resources; `LimitReached`.
    pub async fn create_docker_login(
        &self,
        actor: &Actor,
        namespace: Option<&Namespace>,
        origin: TokenOrigin,
    ) -> Result<DockerLogin> {
        let (own, token) = self.access.authorize_account(actor, AccountAction::Identify).await?;
        let scope = match token.as_ref().map(|token| &token.restriction) {
            None => Scope::Write,
            Some(TokenRestriction::Scope(Scope::PublicRead)) => {
                return Err(Error::denied(
                    "this access token is for public repositories, which need no login; use one that may pull",
                ));
            }
            Some(TokenRestriction::Scope(scope)) => (*scope).min(Scope::Write),
            Some(_) => {
                return Err(Error::denied(
                    "this access token is a password for Docker itself; sign in with it as it is",
                ));
            }
        };
        let only = match (&actor.scope(), namespace) {
            (CredentialScope::Namespace(scoped), Some(wanted)) if scoped != wanted => {
                return Err(Error::Unauthenticated(Unauthenticated::OutsideProject));
            }
            (CredentialScope::Namespace(scoped), _) => Some(scoped.clone()),
            (_, wanted) => wanted.cloned(),
        };
        let until = later(self.clock.now(), LOGIN_VALIDITY);
        let expires_at = token.as_ref().and_then(|token| token.expires_at).map_or(until, |at| at.min(until));
        let wanted = WantedToken {
            label: "temporary login command",
            description: "",
            restriction: TokenRestriction::Login { namespace: only, scope },
            expires_at: Some(expires_at),
            origin,
        };
        let made_with = token.map(|token| token.id);
        let (made, secret) =
            self.put_access_token(actor, &own, wanted, made_with, TokenForm::KeyPair).await?;
        let access_key = made.access_key.ok_or_else(|| Error::internal("a pair without an access key"))?;
        let password = login_password(&access_key, secret.expose());
        Ok(DockerLogin { access_key, password, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_for_docker_is_computed_as_documented() {
        // printf LSAAAAAAAAAAAAAAAAAA | openssl dgst -sha256 -hmac SECRET
        let key = "LSAAAAAAAAAAAAAAAAAA".parse().unwrap();
        let expected = "a96f2ae3ceb40bae0f91cf25642d3ffae7340684105c025a8fe1cc1a0688c71e";
        assert_eq!(login_password(&key, "SECRET").expose(), expected);
    }

    #[test]
    fn user_names_are_split_at_the_first_at_sign() {
        let (project, key) = login_name("acme@LSAAAAAAAAAAAAAAAAAA").unwrap();
        assert_eq!((project, key.as_str()), ("acme", "LSAAAAAAAAAAAAAAAAAA"));
        for other in ["alice", "alice@example.org", "acme@b@LSAAAAAAAAAAAAAAAAAA", "LSAAAAAAAAAAAAAAAAAA"] {
            assert!(login_name(other).is_none(), "{other}");
        }
    }
}
