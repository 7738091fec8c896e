//! Events about credentials: sign-ins, failed ones, refusals.
//!
//! They are counted in memory and recorded in batches, within a second: a request that presents a credential writes
//! nothing for them, so that neither a full disk nor an attack makes signing in slow. What a process that is killed had not
//! recorded is lost.
//!
//! Bounded whatever comes: failures of an account make one row per network and minute, and its limits
//! (`throttle`) bound the networks; what belongs to no account makes at most [`STRANGERS`] rows a minute, without what was
//! typed, which may be somebody's password. Uses of tokens make one row per account, token, address and hour.
//! See `docs/decisions/0022`.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use longshore_domain::access::actor::{AccountPrincipal, Credential};
use longshore_domain::account::AccountId;
use longshore_domain::address::network;
use longshore_domain::credential::SecretHash;
use longshore_domain::event::{CountedEvent, EventAction, NewEvent};
use longshore_domain::{Error, Result};

use crate::Identities;
use longshore_platform::origins::RequestOrigin;

/// Rows that wait for being recorded; what comes beyond is counted together.
const WAITING: usize = 4096;
/// Rows of refused credentials that belong to no account, for each kind of credential and minute.
const STRANGERS: u64 = 64;
/// Rows that one unit of work records.
const BATCH: usize = 100;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// What was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Presented {
    Password,
    SecondFactor,
    RecoveryCode,
    AccessToken,
    AccessKey,
    RefreshToken,
    BearerToken,
    ScimToken,
    Invite,
}

impl Presented {
    fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecondFactor => "second_factor",
            Self::RecoveryCode => "recovery_code",
            Self::AccessToken => "access_token",
            Self::AccessKey => "access_key",
            Self::RefreshToken => "refresh_token",
            Self::BearerToken => "bearer_token",
            Self::ScimToken => "scim_token",
            Self::Invite => "invite",
        }
    }

    /// What a person types is told apart by the minute; what machines present all day long, by the hour.
    fn window_seconds(self) -> i64 {
        match self {
            Self::Password | Self::SecondFactor | Self::RecoveryCode | Self::BearerToken | Self::Invite => {
                MINUTE
            }
            Self::AccessToken | Self::AccessKey | Self::RefreshToken | Self::ScimToken => HOUR,
        }
    }
}

/// Whose credential it is, or says that it is.
#[derive(Clone, Debug)]
pub(crate) struct Whose {
    pub(crate) account: AccountId,
    pub(crate) name: String,
    /// The token, where it is one.
    pub(crate) token: Option<String>,
    /// Who acts with it, where that is not the account.
    pub(crate) actor: Option<String>,
}

impl Whose {
    pub(crate) fn account(account: &longshore_domain::account::Account) -> Self {
        Self { account: account.id, name: account.name.to_string(), token: None, actor: None }
    }

    pub(crate) fn principal(principal: &AccountPrincipal) -> Self {
        let token = principal.access_token.map(|id| format!("number {}", id.0));
        Self { account: principal.account_id, name: principal.name.to_string(), token, actor: None }
    }

    pub(crate) fn with_actor(self, actor: String) -> Self {
        Self { actor: Some(actor), ..self }
    }

    pub(crate) fn with_token(self, token: impl ToString) -> Self {
        Self { token: Some(token.to_string()), ..self }
    }
}

/// Events that wait for being recorded.
#[derive(Default)]
pub(crate) struct SignIns(Mutex<HashMap<String, CountedEvent>>);

impl Identities {
    /// Notes that somebody has signed in, or used a token.
    pub(crate) fn note_sign_in(&self, presented: Presented, whose: Whose) {
        self.note(EventAction::SignedIn, presented, Some(whose), presented.window_seconds());
    }

    /// Notes that a credential was refused; `whose` where it is known.
    pub(crate) fn note_refusal(&self, presented: Presented, whose: Option<Whose>) {
        let action = match presented {
            Presented::Password | Presented::SecondFactor | Presented::RecoveryCode => {
                EventAction::SignInFailed
            }
            _ => EventAction::CredentialRefused,
        };
        self.note(action, presented, whose, MINUTE);
    }

    /// Passes a result on, and notes when it says that a credential is not good.
    pub fn noting_refusal<T>(&self, presented: Presented, found: Result<T>) -> Result<T> {
        if let Err(Error::Unauthenticated(_) | Error::InviteUnknown) = &found {
            self.note_refusal(presented, None);
        }
        found
    }

    fn note(&self, action: EventAction, presented: Presented, whose: Option<Whose>, window_seconds: i64) {
        if !self.settings.audit_sign_ins {
            return;
        }
        let now = self.clock.now();
        let origin = RequestOrigin::current();
        let window = now.as_second().div_euclid(window_seconds) * window_seconds;
        let (account, name, token, actor) = match whose {
            Some(Whose { account, name, token, actor }) => (Some(account), name, token, actor),
            None => (None, String::new(), None, None),
        };
        let from = match account {
            Some(_) => origin.address.map(network).map(|address| address.to_string()).unwrap_or_default(),
            None => format!("#{}", bucket(origin.address)),
        };
        let method = presented.as_str();
        let number = account.map(|id| id.0).unwrap_or_default();
        let shown_token = token.as_deref().unwrap_or_default();
        let key = format!("{} {method} {number} {from} {shown_token} {window}", action.as_str());
        // What is typed may be long; the key is not.
        let key = hex_of(&SecretHash::of(&key));
        let mut data = std::collections::BTreeMap::from([("method", method.to_owned())]);
        if let Some(token) = token {
            data.insert("token", token);
        }
        let event = NewEvent {
            account_id: account,
            actor_id: account.filter(|_| action == EventAction::SignedIn && actor.is_none()),
            actor_name: match account {
                Some(_) if action == EventAction::SignedIn => actor.clone().unwrap_or_else(|| name.clone()),
                _ => "anonymous".into(),
            },
            credential: Credential::NONE,
            action,
            subject: name,
            data,
            at: now,
            address: origin.address,
            program: origin.program,
        };
        let mut waiting = self.sign_ins.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING && !waiting.contains_key(&key) {
            // Counted with whatever waits already: the number is true, whose they are is not known any more.
            let key = format!("{} many {window}", action.as_str());
            let account_id = None;
            let many = NewEvent {
                account_id,
                actor_id: None,
                subject: "several".into(),
                address: None,
                program: None,
                ..event
            };
            add(&mut waiting, key, many, 1);
            return;
        }
        add(&mut waiting, key, event, 1);
    }

    /// Records the sign-ins that were counted, and returns as how many events. For the server's own schedule, and before the audit
    /// log is read.
    ///
    /// # Errors
    /// Those of the metadata store; what was not recorded is tried again next time.
    pub async fn record_sign_ins(&self) -> Result<u64> {
        let waiting = std::mem::take(&mut *self.sign_ins.0.lock().unwrap_or_else(PoisonError::into_inner));
        let count = waiting.len() as u64;
        let mut events: Vec<CountedEvent> = waiting.into_values().collect();
        // In the order of time, and on every node in the same order of keys, so that they do not wait for each other in a circle.
        events.sort_by(|a, b| (&a.key, a.event.at).cmp(&(&b.key, b.event.at)));
        while !events.is_empty() {
            let batch = events.split_off(events.len().saturating_sub(BATCH));
            let recorded = self
                .metadata
                .write(batch.clone(), |tx, batch| {
                    Box::pin(async move {
                        for counted in batch {
                            tx.count_event(counted).await?;
                        }
                        Ok(())
                    })
                })
                .await;
            if let Err(error) = recorded {
                let mut waiting = self.sign_ins.0.lock().unwrap_or_else(PoisonError::into_inner);
                for CountedEvent { key, event, times } in events.into_iter().chain(batch) {
                    if waiting.len() < WAITING || waiting.contains_key(&key) {
                        add(&mut waiting, key, event, times);
                    }
                }
                return Err(error);
            }
        }
        Ok(count)
    }
}

fn add(waiting: &mut HashMap<String, CountedEvent>, key: String, event: NewEvent, times: u64) {
    let counted = waiting.entry(key.clone()).or_insert(CountedEvent { key, event, times: 0 });
    counted.times += times;
}

/// One of few names for any address, so that strangers from everywhere make a bounded number of rows.
fn bucket(address: Option<IpAddr>) -> u64 {
    let mut hasher = DefaultHasher::new();
    address.map(network).hash(&mut hasher);
    hasher.finish() % STRANGERS
}

fn hex_of(hash: &SecretHash) -> String {
    hash.0.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_share_a_bounded_number_of_rows() {
        let buckets: std::collections::BTreeSet<u64> =
            (0..100_000_u32).map(|n| bucket(Some(IpAddr::from(n.to_be_bytes())))).collect();
        assert!(buckets.len() as u64 <= STRANGERS);
    }
}
