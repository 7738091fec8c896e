//! What our signed tokens say, and the actor that they stand for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use longshore_domain::access::actor::{AccountPrincipal, Actor, CredentialScope, Proof};
use longshore_domain::account::AccountId;
use longshore_domain::credential::{AccessTokenId, Scope};
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Identities;

/// No authority epoch.
pub(crate) const NEVER: u64 = u64::MAX;
/// Claims of the registry's bearer tokens.
///
/// Docker token authentication, "JWT"; `more`, `uid`, `tid`, `scp`, `cep` and `idn` are our own.
#[derive(Serialize, Deserialize)]
pub(crate) struct Claims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub exp: i64,
    pub nbf: i64,
    pub iat: i64,
    pub jti: String,
    pub access: Vec<AccessClaim>,
    /// Further repositories, as they need less room: names with blanks between them, by actions with commas between them.
    #[serde(rename = "more", skip_serializing_if = "BTreeMap::is_empty", default)]
    pub short: BTreeMap<String, String>,
    /// Number of the account; absent when anonymous.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uid: Option<i64>,
    /// Number of the access token that was used to sign in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tid: Option<i64>,
    /// The lowest scope, with an access token: nodes of before schema 11 take a token without a scope for a password's,
    /// and look up what it really may.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scp: Option<String>,
    /// Credential epoch of the account.
    #[serde(default)]
    pub cep: i64,
    /// How the account proved who it is, in the words of RFC 8176; nothing for tokens.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub amr: Vec<Cow<'static, str>>,
    /// What a token of the identity service is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idn: Option<IdentityScope>,
}

/// What a token of the identity service is for, and how it was got.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdentityScope {
    /// Name of the organization that it is limited to; `None` for one's own project.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub organization: Option<String>,
    /// What the client called the project; `None` when it asked for a domain.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<String>,
    /// How somebody signed in: `password`, `totp`, `token`.
    pub methods: Vec<String>,
    /// The token that somebody signed in for first, if this one was got with that or one that was; it ends with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) first: Option<Uuid>,
}

const PASSWORD_METHOD: &str = "pwd";
const CODE_METHOD: &str = "otp";

/// Returns the methods of a proof for the claim `amr`.
pub(crate) fn methods_of(proof: Proof) -> Vec<Cow<'static, str>> {
    match proof {
        Proof::Password => vec![PASSWORD_METHOD.into()],
        Proof::SecondFactor => vec![PASSWORD_METHOD.into(), CODE_METHOD.into()],
        Proof::Nothing | Proof::Machine | Proof::Token => Vec::new(),
    }
}

fn proof_of(methods: &[Cow<'static, str>]) -> Proof {
    let has = |method| methods.iter().any(|found| found == method);
    match (has(PASSWORD_METHOD), has(CODE_METHOD)) {
        (true, true) => Proof::SecondFactor,
        (true, false) => Proof::Password,
        (false, _) => Proof::Token,
    }
}

impl Claims {
    /// Returns the session that genuine claims stand for.
    pub(crate) fn session(&self, scope: CredentialScope) -> Result<BearerSession> {
        let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
        let time = |seconds| Timestamp::from_second(seconds).map_err(|_| invalid());
        let actor = match self.uid {
            None => Actor::ANONYMOUS.within(scope),
            Some(uid) => {
                let account = AccountPrincipal {
                    account_id: AccountId(uid),
                    name: self.sub.parse().map_err(|_| invalid())?,
                    credential_epoch: self.cep,
                    access_token: self.tid.map(AccessTokenId),
                };
                Actor::account(account, scope, proof_of(&self.amr))
            }
        };
        Ok(BearerSession {
            actor: Arc::new(actor),
            issued_at: time(self.iat)?,
            not_before: time(self.nbf)?,
            expires_at: time(self.exp)?,
            id: self.jti.parse().map_err(|_| invalid())?,
            identity: self.idn.clone(),
            checked_in: AtomicU64::new(NEVER),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AccessClaim {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub actions: Vec<String>,
}

pub(crate) struct BearerSession {
    pub(crate) actor: Arc<Actor>,
    pub(crate) issued_at: Timestamp,
    pub(crate) not_before: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) id: Uuid,
    pub(crate) identity: Option<IdentityScope>,
    /// The authority epoch in which it was last looked up whether it was ended.
    pub(crate) checked_in: AtomicU64,
}

impl Identities {
    /// Makes the claims of a token that works for `ttl` seconds and gives access to nothing by itself.
    pub(crate) fn claims(&self, actor: &Actor, audience: String, issued_at: Timestamp, ttl: u64) -> Claims {
        let issued_at = issued_at.as_second();
        let account = actor.as_account();
        let access_token = actor.access_token_id();
        Claims {
            iss: self.settings.issuer.clone(),
            sub: account.map(|account| account.name.to_string()).unwrap_or_default(),
            aud: audience,
            exp: issued_at + i64::try_from(ttl).unwrap_or(i64::from(u32::MAX)),
            nbf: issued_at,
            iat: issued_at,
            jti: self.platform.new_uuid().to_string(),
            access: Vec::new(),
            short: BTreeMap::new(),
            uid: account.map(|account| account.account_id.0),
            tid: access_token.map(|id| id.0),
            scp: access_token.map(|_| Scope::PublicRead.to_string()),
            cep: account.map(|account| account.credential_epoch).unwrap_or_default(),
            amr: methods_of(actor.proof()),
            idn: None,
        }
    }
}

/// Returns an account that acts with all that its credential allows.
pub fn actor_of(account: AccountPrincipal, proof: Proof) -> Actor {
    Actor::account(account, CredentialScope::Everything, proof)
}
