//! Signing keys of bearer tokens: ES256, kept in the database, rotated with overlap.
//!
//! The newest key signs. A key that was replaced is accepted until every token that it signed has expired.
//! A token names its key by `kid`; no key is ever taken from a token.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use longshore_domain::access::actor::Actor;
use longshore_domain::clock::lies_ahead;
use longshore_domain::event::EventAction;
use longshore_domain::ports::metadata::SigningKeyRecord;
use longshore_domain::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Identities;
use longshore_platform::later;
use longshore_platform::leases::Job;

/// How far another node's clock may be ahead.
pub(crate) const CLOCK_LEEWAY: Duration = Duration::from_secs(5);

/// How often the database is asked for a key that is not known.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// The keys as this node knows them.
#[derive(Default)]
pub(crate) struct KeyRing(RwLock<Arc<Keys>>);

#[derive(Default)]
struct Keys {
    signing: Option<(String, EncodingKey)>,
    verifying: HashMap<String, VerifyingKey>,
    loaded_at: Option<Timestamp>,
    signing_since: Option<Timestamp>,
}

struct VerifyingKey {
    key: DecodingKey,
    expires_at: Option<Timestamp>,
}

impl KeyRing {
    fn current(&self) -> Arc<Keys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, keys: Keys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Signs claims with the newest key.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String> {
        let keys = self.current();
        let (kid, key) = keys.signing.as_ref().ok_or_else(|| Error::internal("there is no signing key"))?;
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, key).map_err(Error::internal)
    }

    /// Verifies a signature and gives the claims, whose times the actor checks; `None` when it is not ours.
    fn verify<C: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Verdict<C> {
        let Ok(header) = jsonwebtoken::decode_header(token) else { return Verdict::Refused };
        let Some(kid) = header.kid.filter(|_| header.alg == Algorithm::ES256) else {
            return Verdict::Refused;
        };
        let keys = self.current();
        let Some(key) = keys.verifying.get(&kid) else { return Verdict::UnknownKey };
        if key.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Verdict::Refused;
        }
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        // By our own clock, see `authentication`.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        match jsonwebtoken::decode(token, &key.key, &validation) {
            Ok(data) => Verdict::Genuine(data.claims),
            Err(_) => Verdict::Refused,
        }
    }
}

enum Verdict<C> {
    Genuine(C),
    UnknownKey,
    Refused,
}

/// Makes a key. The library draws its own randomness.
fn generate(now: Timestamp) -> Result<SigningKeyRecord> {
    let failed = |_| Error::internal("the signing key could not be made");
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(failed)?;
    let private_key = document.as_ref().to_vec();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private_key).map_err(Error::internal)?;
    let digest = longshore_domain::digest::Digest::of(
        longshore_domain::digest::Algorithm::Sha256,
        pair.public_key().as_ref(),
    );
    let kid = digest.to_string()["sha256:".len()..][..24].to_owned();
    Ok(SigningKeyRecord { kid, private_key, created_at: now, expires_at: None })
}

fn keys_from(records: &[SigningKeyRecord], now: Timestamp) -> Result<Keys> {
    let mut keys = Keys { loaded_at: Some(now), ..Keys::default() };
    for record in records {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &record.private_key)
            .map_err(Error::internal)?;
        // An uncompressed point: 0x04, then 32 bytes each of x and y (SEC 1, 2.3.3).
        let point = pair.public_key().as_ref();
        let coordinate =
            |range: std::ops::Range<usize>| point.get(range).map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let (Some(x), Some(y)) = (coordinate(1..33), coordinate(33..65)) else {
            return Err(Error::internal(format!("signing key {} is damaged", record.kid)));
        };
        let key = DecodingKey::from_ec_components(&x, &y).map_err(Error::internal)?;
        keys.verifying.insert(record.kid.clone(), VerifyingKey { key, expires_at: record.expires_at });
        if record.expires_at.is_none() && keys.signing.is_none() {
            keys.signing = Some((record.kid.clone(), EncodingKey::from_ec_der(&record.private_key)));
            keys.signing_since = Some(record.created_at);
        }
    }
    Ok(keys)
}

impl Identities {
    /// Loads the signing keys, and makes one when there is none.
    pub async fn load_signing_keys(&self) -> Result<()> {
        let now = self.clock.now();
        let mut records = self.metadata.read((), |tx, ()| Box::pin(tx.list_signing_keys())).await?;
        if records.is_empty() {
            records = self
                .metadata
                .write(generate(now)?, |tx, key| {
                    Box::pin(async move {
                        // Several nodes may start at once; one of them makes the key.
                        tx.lock_authority().await?;
                        if tx.list_signing_keys().await?.is_empty() {
                            tx.create_signing_key(key).await?;
                        }
                        tx.list_signing_keys().await
                    })
                })
                .await?;
        }
        self.keys.replace(keys_from(&records, now)?);
        Ok(())
    }

    /// Lists the keys that sign or have signed tokens that still count, the newest first.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator.
    pub async fn list_signing_keys(&self, actor: &Actor) -> Result<Vec<SigningKeyRecord>> {
        self.access.require_operator(actor)?;
        let mut keys = self.metadata.read((), |tx, ()| Box::pin(tx.list_signing_keys())).await?;
        keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
        Ok(keys)
    }

    /// Lets a new key sign; the old ones are accepted until all tokens that they signed have expired.
    /// Returns the new key's id.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator.
    pub async fn rotate_signing_key(&self, actor: &Actor) -> Result<String> {
        self.access.require_operator(actor)?;
        let now = self.clock.now();
        let key = generate(now)?;
        let kid = key.kid.clone();
        let expires_at = later(now, self.key_overlap());
        let event = self.platform.event(actor, None, EventAction::SigningKeyRotated, &kid, []);
        self.metadata
            .write((key, expires_at, now, event), |tx, (key, expires_at, now, event)| {
                Box::pin(async move {
                    tx.create_signing_key(key).await?;
                    tx.retire_signing_keys_except(&key.kid, *expires_at).await?;
                    tx.delete_expired_signing_keys(*now).await?;
                    tx.record_event(event).await
                })
            })
            .await?;
        self.load_signing_keys().await?;
        Ok(kid)
    }

    /// How long a key that was replaced is accepted.
    pub fn key_overlap(&self) -> Duration {
        self.settings.bearer_ttl + CLOCK_LEEWAY + self.settings.upload_expiry
    }

    /// Takes over what other nodes did to the signing keys, and rotates them when that is due. Returns how many new keys it made.
    /// For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn rotate_signing_key_when_due(&self) -> Result<u64> {
        self.load_signing_keys().await?;
        if !self.is_rotation_due() {
            return Ok(0);
        }
        let work = async {
            // Another node may have been faster.
            self.load_signing_keys().await?;
            if !self.is_rotation_due() {
                return Ok(0);
            }
            self.rotate_signing_key(&Actor::OPERATOR).await?;
            Ok(1)
        };
        Ok(self.platform.with_lease(Job::RotateKeys, work).await?.unwrap_or_default())
    }

    fn is_rotation_due(&self) -> bool {
        let since = self.keys.current().signing_since;
        since.is_some_and(|since| later(since, self.settings.signing_key_rotation) <= self.clock.now())
    }

    /// Verifies a bearer token's signature, audience and issuer.
    pub(crate) async fn verify_signature<C: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
    ) -> Result<Option<C>> {
        let now = self.clock.now();
        let verify = || self.keys.verify(token, audience, &self.settings.issuer, now);
        match verify() {
            Verdict::Genuine(claims) => Ok(Some(claims)),
            Verdict::Refused => Ok(None),
            // Another node may have rotated; ask the database, but not for every forged token.
            Verdict::UnknownKey
                if !self
                    .keys
                    .current()
                    .loaded_at
                    .is_some_and(|at| lies_ahead(later(at, ASKED_EVERY), now, ASKED_EVERY)) =>
            {
                self.load_signing_keys().await?;
                match verify() {
                    Verdict::Genuine(claims) => Ok(Some(claims)),
                    Verdict::UnknownKey | Verdict::Refused => Ok(None),
                }
            }
            Verdict::UnknownKey => Ok(None),
        }
    }
}
