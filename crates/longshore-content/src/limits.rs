//! Limits of subscriptions: what a registry may hold, checked in the transaction that adds to it, and what may be pulled
//! from it.
//!
//! Two pushes at the same time do not wait for each other, so on a database with several writers both may find room for
//! the last bytes: the limit of storage may be passed by what was being pushed when it was reached, and no more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use longshore_domain::account::AccountId;
use longshore_domain::clock::lies_ahead;
use longshore_domain::limit::Included;
use longshore_domain::ports::metadata::ContentTx;
use longshore_domain::registry::Subscribed;
use longshore_domain::tier::{Tier, Tiers};
use longshore_domain::{Error, Result};

use crate::Content;
use longshore_access::control::Access;
use longshore_platform::later;

/// How long a node relies on what it knows of an account's traffic.
const KNOWN_FOR: Duration = Duration::from_secs(10);
/// Namespaces and accounts that are kept in memory.
const KEPT: usize = 50_000;

fn tier_of<'t>(subscribed: &Subscribed, tiers: &'t Tiers) -> Option<&'t Tier> {
    tiers.get(subscribed.tier.as_ref()?.as_str())
}

/// Checks that a namespace may get one more repository, and keeps others from adding one meanwhile.
pub(crate) async fn check_new_repository(
    tx: &mut dyn ContentTx,
    namespace: AccountId,
    tiers: &Tiers,
) -> Result<()> {
    let Some(Subscribed { owner_id, .. }) = tx.find_subscribed(namespace).await? else { return Ok(()) };
    tx.lock_subscription(owner_id).await?;
    // Again, now that it does not change any more.
    let Some(subscribed) = tx.find_subscribed(namespace).await? else { return Ok(()) };
    let Some(tier) = tier_of(&subscribed, tiers) else { return Ok(()) };
    let Some(limit) = tier.repository_limit() else { return Ok(()) };
    match tx.account_usage(owner_id).await?.repositories < limit {
        true => Ok(()),
        false => Err(Error::OverLimit(Included::Repositories { tier: tier.name.to_string(), limit })),
    }
}

/// Checks, after something was added to a namespace, that it may hold that.
pub(crate) async fn check_stored(tx: &mut dyn ContentTx, namespace: AccountId, tiers: &Tiers) -> Result<()> {
    let Some(subscribed) = tx.find_subscribed(namespace).await? else { return Ok(()) };
    let Some(limit) = tier_of(&subscribed, tiers).and_then(Tier::storage_limit) else { return Ok(()) };
    match tx.storage_of_account(subscribed.owner_id).await? <= limit {
        true => Ok(()),
        false => Err(over_storage(limit)),
    }
}

pub(crate) fn over_storage(limit_bytes: u64) -> Error {
    Error::OverLimit(Included::Storage { limit_bytes })
}

/// Bytes that were pulled, by namespace, since they were last recorded; and what is known of accounts.
#[derive(Default)]
pub(crate) struct Traffic {
    counted: Mutex<HashMap<AccountId, u64>>,
    known: Mutex<HashMap<AccountId, (Timestamp, u64)>>,
}

impl Traffic {
    /// Lets what is known of accounts be asked for again.
    pub(crate) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Returns when the month of a time began, in UTC.
pub(crate) fn month_of(at: Timestamp) -> Timestamp {
    let first = at.to_zoned(TimeZone::UTC).first_of_month().and_then(|day| day.start_of_day());
    first.map_or(at, |day| day.timestamp())
}

/// Returns when the day of a time began, UTC.
pub fn day_of(at: Timestamp) -> Timestamp {
    at.to_zoned(TimeZone::UTC).start_of_day().map_or(at, |day| day.timestamp())
}

impl Content {
    /// Returns the most that the registry behind a repository may store; `None` for no limit.
    pub(crate) fn storage_limit(&self, access: &Access) -> Option<u64> {
        tier_of(access.subscribed.as_ref()?, &self.settings.tiers)?.storage_limit()
    }

    /// Checks that anything may be added to the registry behind a repository, with what is being uploaded.
    ///
    /// # Errors
    /// `OverLimit`.
    pub(crate) async fn check_storage_left(&self, access: &Access) -> Result<()> {
        let (Some(limit), Some(subscribed)) = (self.storage_limit(access), &access.subscribed) else {
            return Ok(());
        };
        let owner = subscribed.owner_id;
        let used = self
            .metadata
            .look_up(owner, |tx, owner| {
                Box::pin(async move {
                    Ok(tx.storage_of_account(*owner).await? + tx.uploading_to_account(*owner).await?)
                })
            })
            .await?;
        if used < limit { Ok(()) } else { Err(over_storage(limit)) }
    }

    /// Checks that the subscription of a registry includes further pulls in this month.
    ///
    /// # Errors
    /// `OverLimit`.
    pub(crate) async fn check_bandwidth(&self, access: &Access) -> Result<()> {
        let Some(subscribed) = &access.subscribed else { return Ok(()) };
        let limit = tier_of(subscribed, &self.settings.tiers).and_then(Tier::bandwidth_limit);
        let Some(limit) = limit else { return Ok(()) };
        let owner_id = &subscribed.owner_id;
        let now = self.clock.now();
        let known = {
            let known = self.traffic.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(owner_id).copied().filter(|(until, _)| lies_ahead(*until, now, KNOWN_FOR))
        };
        let recorded = match known {
            Some((_, bytes)) => bytes,
            None => {
                let input = (*owner_id, month_of(now));
                let bytes = self
                    .metadata
                    .look_up(input, |tx, (owner, month)| Box::pin(tx.traffic_of_account(*owner, *month)))
                    .await?;
                let mut known = self.traffic.known.lock().unwrap_or_else(PoisonError::into_inner);
                if known.len() >= KEPT {
                    known.clear();
                }
                known.insert(*owner_id, (later(now, KNOWN_FOR), bytes));
                bytes
            }
        };
        let unrecorded = {
            let counted = self.traffic.counted.lock().unwrap_or_else(PoisonError::into_inner);
            access.namespace_id.and_then(|namespace| counted.get(&namespace).copied()).unwrap_or_default()
        };
        match recorded.saturating_add(unrecorded) < limit {
            true => Ok(()),
            false => Err(Error::OverLimit(Included::Pulls { limit_bytes: limit })),
        }
    }

    /// Counts bytes that are pulled from a namespace.
    pub(crate) fn count_traffic(&self, namespace: AccountId, bytes: u64) {
        let mut counted = self.traffic.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() < KEPT || counted.contains_key(&namespace) {
            *counted.entry(namespace).or_default() += bytes;
        }
    }

    /// Records the bytes that were counted.
    pub(crate) async fn record_traffic(&self) -> Result<()> {
        let counted =
            std::mem::take(&mut *self.traffic.counted.lock().unwrap_or_else(PoisonError::into_inner));
        let mut amounts: Vec<_> = counted.into_iter().collect();
        // In the same order on every node, so that they do not wait for each other in a circle.
        amounts.sort_unstable();
        for amounts in amounts.chunks(500) {
            let now = self.clock.now();
            let input = (month_of(now), day_of(now), amounts.to_vec());
            self.metadata
                .write(input, |tx, (month, day, amounts)| {
                    Box::pin(async move {
                        tx.add_traffic(*month, amounts).await?;
                        tx.add_daily_traffic(*day, amounts).await
                    })
                })
                .await?;
        }
        self.traffic.forget();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_on_their_first_day() {
        let at: Timestamp = "2026-02-28T23:59:59Z".parse().unwrap();
        assert_eq!(month_of(at), "2026-02-01T00:00:00Z".parse::<Timestamp>().unwrap());
        let first: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        assert_eq!(month_of(first), first);
    }
}
