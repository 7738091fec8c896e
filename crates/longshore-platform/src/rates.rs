//! Rate limits: how often an account or address may ask, over all nodes.
//!
//! Each node counts in memory and adds what it counted to the database from time to time, where it learns what the others
//! have counted. So a limit may be passed by what all nodes count between two such times; a request writes nothing.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountId;
use longshore_domain::address::network;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use quick_cache::sync::Cache;

use crate::throttle::throttled;
use crate::{Platform, later};

/// Subjects that are counted in memory; what is pushed out of it counts from what the database knows.
const SUBJECTS: usize = 50_000;
/// How long a request waits until the store has its count.
const TELLING: Duration = Duration::from_secs(1);
/// How long a node relies on what it knows of the others.
const KNOWN_FOR: Duration = Duration::from_secs(2);
/// A part of the limit after which a node tells the others sooner.
const TOLD_PART: u64 = 20;

/// How much is allowed in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How much; 0 for no limit.
    pub limit: u64,
    /// The window.
    pub window: Duration,
}

/// Limits of requests and pulls.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Requests to management APIs by one account.
    pub requests_per_account: Rate,
    /// Requests to management APIs from one address.
    pub requests_per_address: Rate,
    /// Pulls of manifests by one account.
    pub pulls_per_account: Rate,
    /// Pulls of manifests from one address by those who have not signed in.
    pub pulls_per_address: Rate,
}

/// What is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The limit.
    pub rate: Rate,
    /// How much is left, with what was just asked for.
    pub remaining: u64,
    /// True when what was just asked for is too much.
    pub is_exceeded: bool,
    /// When the window ends.
    pub ends_at: Timestamp,
}

impl Allowance {
    /// Refuses what is too much, until the window ends.
    pub fn refusal(&self, now: Timestamp) -> Error {
        throttled(self.ends_at, now, self.rate.window)
    }
}

/// Whose requests are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An account, by its number.
    Account(i64),
    /// An address, or an IPv6 network.
    Address(IpAddr),
}

impl Source {
    /// Finds out whose requests those of an actor are.
    pub fn of(actor: &Actor, address: IpAddr) -> Self {
        match actor.account_id() {
            Some(id) => Self::Account(id.0),
            None => Self::Address(network(address)),
        }
    }

    fn key(&self, what: &str) -> String {
        match self {
            Self::Account(id) => format!("{what} account {id}"),
            Self::Address(address) => format!("{what} address {address}"),
        }
    }
}

/// What a node has counted of one subject in one window.
#[derive(Default)]
struct Counter {
    began_at: Timestamp,
    /// By this node.
    own: u64,
    /// The part of it that the database knows.
    told: u64,
    /// By the other nodes, as far as known.
    others: u64,
    known_until: Timestamp,
    /// One request at a time tells the database, so that it is known what of its sum is whose.
    is_telling: bool,
}

/// Lets others tell again, also when the request that did it was given up.
struct FlushGuard<'c>(&'c Mutex<Counter>);

impl Drop for FlushGuard<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_telling = false;
    }
}

/// Counters of this node.
pub(crate) struct Counters(Cache<String, Arc<Mutex<Counter>>>);

impl Counters {
    pub(crate) fn new() -> Self {
        Self(Cache::new(SUBJECTS))
    }
}

/// Returns the window that a time lies in.
fn window(now: Timestamp, length: Duration) -> (Timestamp, Timestamp) {
    let seconds = i64::try_from(length.as_secs().max(1)).unwrap_or(i64::MAX);
    let began = now.as_second().div_euclid(seconds).saturating_mul(seconds);
    let began_at = Timestamp::from_second(began).unwrap_or(now);
    (began_at, later(began_at, length))
}

impl Platform {
    /// Counts a request to a management API; gives the tighter of the limits of account and address.
    pub async fn count_request(&self, actor: &Actor, address: IpAddr) -> Option<Allowance> {
        self.count_request_of(actor.account_id(), address).await
    }

    /// Counts a request to a management API for an account; gives the tighter of the limits of account and address.
    pub async fn count_request_of(&self, account: Option<AccountId>, address: IpAddr) -> Option<Allowance> {
        let rates = self.settings.rates;
        let by_address = Source::Address(network(address));
        let address = self.count(&by_address.key("requests"), rates.requests_per_address, 1).await;
        let account = match account {
            None => None,
            Some(id) => {
                self.count(&Source::Account(id.0).key("requests"), rates.requests_per_account, 1).await
            }
        };
        match (address, account) {
            (Some(address), Some(account)) if !address.is_exceeded || account.is_exceeded => Some(account),
            (address, account) => address.or(account),
        }
    }

    /// Counts a pull, or with an amount of 0 tells what is left.
    pub async fn count_pulls(
        &self,
        actor: &Actor,
        address: IpAddr,
        amount: u64,
    ) -> Option<(Source, Allowance)> {
        let rates = self.settings.rates;
        let source = Source::of(actor, address);
        let rate = match source {
            Source::Account(_) => rates.pulls_per_account,
            Source::Address(_) => rates.pulls_per_address,
        };
        if rate.limit == 0 {
            return None;
        }
        let allowance = self.count(&source.key("pulls"), rate, amount).await?;
        Some((source, allowance))
    }

    async fn count(&self, subject: &str, rate: Rate, amount: u64) -> Option<Allowance> {
        if rate.limit == 0 {
            return None;
        }
        let now = self.clock.now();
        let (began_at, ends_at) = window(now, rate.window);
        let made =
            self.counters.0.get_or_insert_with(subject, || Ok::<_, std::convert::Infallible>(Arc::default()));
        let Ok(counter) = made;
        let (mut counted, telling) = {
            let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
            if counter.began_at != began_at {
                let is_telling = counter.is_telling;
                *counter = Counter { began_at, known_until: now, is_telling, ..Counter::default() };
            }
            // What is refused does not count further, so that whoever waits gets through.
            if counter.own + counter.others <= rate.limit {
                counter.own += amount;
            }
            let untold = counter.own - counter.told;
            let is_due = now >= counter.known_until || untold >= (rate.limit / TOLD_PART).max(1);
            let telling = (is_due && !counter.is_telling).then(|| {
                counter.is_telling = true;
                counter.known_until = later(now, KNOWN_FOR);
                (untold, counter.told + untold, counter.others)
            });
            // The place of this request among those of the window, as far as known.
            (counter.own + counter.others, telling)
        };
        if let Some((untold, told, known)) = telling {
            let _telling = FlushGuard(&counter);
            let telling = self.tell(subject, began_at, ends_at, untold);
            match tokio::time::timeout(TELLING, telling).await {
                Ok(Ok(total)) => {
                    let others = total.saturating_sub(told);
                    counted += others.saturating_sub(known);
                    let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
                    if counter.began_at == began_at {
                        counter.told = told;
                        counter.others = others.max(counter.others);
                    }
                }
                // It may be written yet, and what is told again would count twice.
                Err(_) => {
                    let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
                    if counter.began_at == began_at {
                        counter.told = told;
                    }
                }
                // Better a limit that is too high than nobody served.
                Ok(Err(error)) => {
                    tracing::warn!(error = %error, "a rate limit is counted by this node with_lease for now");
                }
            }
        }
        Some(Allowance {
            rate,
            remaining: rate.limit.saturating_sub(counted),
            is_exceeded: counted > rate.limit || (amount == 0 && counted >= rate.limit),
            ends_at,
        })
    }

    async fn tell(&self, subject: &str, began_at: Timestamp, ends_at: Timestamp, count: u64) -> Result<u64> {
        self.metadata
            .write(
                (subject.to_owned(), began_at, ends_at, count),
                |tx, (subject, began_at, ends_at, count)| {
                    Box::pin(tx.add_rate_count(subject, *began_at, *ends_at, *count))
                },
            )
            .await
    }

    /// Forgets counts whose window is over.
    pub async fn forget_rates(&self) -> Result<u64> {
        let now = self.clock.now();
        self.metadata.drain(now, |tx, now| Box::pin(tx.delete_ended_rate_counts(*now, PageSize::MAX))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_at_whole_ones() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let minute = Duration::from_secs(60);
        assert_eq!(window(at(61), minute), (at(60), at(120)));
        assert_eq!(window(at(120), minute), (at(120), at(180)));
        assert_eq!(window(at(7), Duration::ZERO).0, at(7));
    }
}
