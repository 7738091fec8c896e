//! Throttling of failed sign-ins: per account and address, per address, per account.
//!
//! Access tokens are found by hash and cannot be guessed, so they work also while passwords are throttled:
//! an attacker cannot lock a build machine out.

use std::net::IpAddr;

use jiff::Timestamp;
use longshore_domain::{Error, Result};
use quick_cache::sync::Cache;

use crate::settings::SignInLimits;

/// Counters kept; the least used are forgotten first.
const COUNTERS: usize = 20_000;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Both(String, IpAddr),
    Address(IpAddr),
    Account(String),
}

#[derive(Clone, Copy)]
struct Window {
    failures: u32,
    began_at: Timestamp,
}

/// Failed sign-ins of late.
pub(crate) struct Throttle {
    limits: SignInLimits,
    windows: Cache<Key, Window>,
}

/// Addresses that one customer can change at will count as one: an IPv6 network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

impl Throttle {
    pub(crate) fn new(limits: SignInLimits) -> Self {
        Self { limits, windows: Cache::new(COUNTERS) }
    }

    fn keys(&self, account: &str, address: Option<IpAddr>) -> Vec<(Key, u32)> {
        let mut keys = vec![(Key::Account(account.to_owned()), self.limits.per_account)];
        if let Some(address) = address.map(network) {
            keys.push((Key::Both(account.to_owned(), address), self.limits.per_account_and_address));
            keys.push((Key::Address(address), self.limits.per_address));
        }
        keys
    }

    fn window(&self, key: &Key, now: Timestamp) -> Option<Window> {
        let window = self.windows.get(key)?;
        let is_open = now < crate::later(window.began_at, self.limits.window);
        is_open.then_some(window)
    }

    /// Checks that a sign-in may be tried.
    pub(crate) fn check(&self, account: &str, address: Option<IpAddr>, now: Timestamp) -> Result<()> {
        for (key, limit) in self.keys(account, address) {
            if let Some(window) = self.window(&key, now)
                && window.failures >= limit
            {
                let ends_at = crate::later(window.began_at, self.limits.window);
                let seconds = ends_at.as_second().saturating_sub(now.as_second()).max(1);
                return Err(Error::Throttled { retry_after_seconds: u64::try_from(seconds).unwrap_or(1) });
            }
        }
        Ok(())
    }

    /// Counts a failed sign-in.
    pub(crate) fn record_failure(&self, account: &str, address: Option<IpAddr>, now: Timestamp) {
        for (key, _) in self.keys(account, address) {
            let mut window = self.window(&key, now).unwrap_or(Window { failures: 0, began_at: now });
            window.failures = window.failures.saturating_add(1);
            self.windows.insert(key, window);
        }
    }

    /// Forgets the failures of an account from an address that has now succeeded.
    pub(crate) fn record_success(&self, account: &str, address: Option<IpAddr>) {
        if let Some(address) = address.map(network) {
            self.windows.remove(&Key::Both(account.to_owned(), address));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn throttle() -> Throttle {
        let window = Duration::from_secs(60);
        Throttle::new(SignInLimits { per_account_and_address: 2, per_address: 4, per_account: 6, window })
    }

    #[test]
    fn an_account_is_throttled_from_the_address_that_fails_and_not_from_others() {
        let throttle = throttle();
        let now = Timestamp::UNIX_EPOCH;
        let (bad, good) = (Some([192, 0, 2, 1].into()), Some([192, 0, 2, 2].into()));
        throttle.record_failure("alice", bad, now);
        assert!(throttle.check("alice", bad, now).is_ok());
        throttle.record_failure("alice", bad, now);
        assert!(matches!(
            throttle.check("alice", bad, now),
            Err(Error::Throttled { retry_after_seconds: 60 })
        ));
        assert!(throttle.check("alice", good, now).is_ok());
        assert!(throttle.check("bob", bad, now).is_ok());
        assert!(throttle.check("alice", bad, now + Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn abuse_34_rotating_addresses_of_one_ipv6_network_count_as_one() {
        let throttle = throttle();
        let now = Timestamp::UNIX_EPOCH;
        for host in 0..4_u16 {
            throttle.record_failure(
                &format!("user{host}"),
                Some([0x2001, 0xdb8, 0, 1, 0, 0, 0, host].into()),
                now,
            );
        }
        let fresh: IpAddr = [0x2001, 0xdb8, 0, 1, 9, 9, 9, 9].into();
        assert!(throttle.check("eve", Some(fresh), now).is_err());
        assert!(throttle.check("eve", Some([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1].into()), now).is_ok());
    }
}
