//! Throttling of failed sign-ins: per account and address, per address, per account, over all nodes.
//!
//! Access tokens are found by hash and cannot be guessed, so they work also while passwords are throttled:
//! an attacker cannot lock a build machine out.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::address::network;
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use sha2::{Digest, Sha256};

use crate::{Platform, earlier, later};

/// Whose failures are counted, and the most of them in one window.
pub(crate) type Counted = (String, u32);

/// How far the clock of another node may be ahead. What began later than that was written by a clock that has gone back since.
const AHEAD: Duration = Duration::from_secs(60);

/// Refuses what may be tried again when a window has ended, which is never longer than the window.
pub fn throttled(ends_at: Timestamp, now: Timestamp, window: Duration) -> Error {
    let seconds = ends_at.min(later(now, window)).as_second() - now.as_second();
    Error::Throttled { retry_after_seconds: u64::try_from(seconds).unwrap_or_default().max(1) }
}

/// The latest time at which a window can have begun.
pub fn ahead(now: Timestamp) -> Timestamp {
    later(now, AHEAD)
}

/// An account as it is written down: what is no name at all may be long, and somebody's password.
fn account_key(user: &str) -> String {
    match user.parse::<Namespace>() {
        Ok(name) => name.to_string(),
        Err(_) => {
            let hash = Sha256::digest(user.as_bytes());
            format!("#{}", hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    }
}

/// Failures of an account from one address.
fn both(user: &str, address: IpAddr) -> String {
    format!("account {} from {}", account_key(user), network(address))
}

impl Platform {
    fn counted(&self, user: &str, address: Option<IpAddr>) -> Vec<Counted> {
        let limits = self.settings.sign_in;
        let mut counted = vec![(format!("account {}", account_key(user)), limits.per_account)];
        if let Some(address) = address {
            counted.push((both(user, address), limits.per_account_and_address));
            counted.push((format!("address {}", network(address)), limits.per_address));
        }
        counted
    }

    /// When windows began that are over now.
    pub fn ended(&self, now: Timestamp) -> Timestamp {
        earlier(now, self.settings.sign_in.window)
    }

    /// Checks that a sign-in may be tried.
    pub async fn check_throttle(&self, user: &str, address: Option<IpAddr>, now: Timestamp) -> Result<()> {
        self.check_subjects(self.counted(user, address), now).await
    }

    /// Checks that none of these has reached its limit.
    pub(crate) async fn check_subjects(&self, counted: Vec<Counted>, now: Timestamp) -> Result<()> {
        let input = (counted, self.settings.sign_in.window, now);
        self.metadata
            .look_up(input, |tx, (counted, window, now)| {
                Box::pin(async move {
                    for (subject, limit) in counted {
                        let Some(found) = tx.find_sign_in_failures(subject).await? else { continue };
                        let ends_at = later(found.began_at, *window);
                        let is_open = *now < ends_at && found.began_at <= ahead(*now);
                        if is_open && found.failures >= i64::from(*limit) {
                            return Err(throttled(ends_at, *now, *window));
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Counts a failed sign-in.
    pub async fn record_failure(&self, user: &str, address: Option<IpAddr>, now: Timestamp) -> Result<()> {
        self.record_failures(self.counted(user, address), now).await
    }

    /// Counts a failure of each of these.
    pub(crate) async fn record_failures(&self, counted: Vec<Counted>, now: Timestamp) -> Result<()> {
        self.metadata
            .write((counted, now, self.ended(now)), |tx, (counted, now, ended)| {
                Box::pin(async move {
                    for (subject, _) in counted {
                        tx.add_sign_in_failure(subject, *now, *ended, ahead(*now)).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Forgets the failures of an account from an address that has now succeeded.
    pub async fn record_success(&self, user: &str, address: Option<IpAddr>) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let subject = both(user, address);
        let failed = self
            .metadata
            .look_up(subject.clone(), |tx, subject| Box::pin(tx.find_sign_in_failures(subject)))
            .await?;
        // Most sign-ins succeed at once, and write nothing.
        match failed {
            None => Ok(()),
            Some(_) => {
                // Whoever knows the password gets in also when that cannot be written.
                self.write_beside(
                    &self.metadata,
                    subject,
                    |tx, subject| Box::pin(tx.delete_sign_in_failures(subject)),
                    (),
                )
                .await
            }
        }
    }

    /// Forgets failures whose window is over.
    pub async fn forget_failures(&self) -> Result<u64> {
        let ended = self.ended(self.clock.now());
        self.metadata
            .drain(ended, |tx, ended| Box::pin(tx.delete_ended_sign_in_failures(*ended, PageSize::MAX)))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abuse_34_rotating_addresses_of_one_ipv6_network_count_as_one() {
        let [one, other]: [IpAddr; 2] =
            [[0x2001, 0xdb8, 0, 1, 0, 0, 0, 1].into(), [0x2001, 0xdb8, 0, 1, 9, 9, 9, 9].into()];
        assert_eq!(network(one), network(other));
        assert_ne!(network(one), network([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1].into()));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network(mapped), IpAddr::from([192, 0, 2, 1]));
    }

    #[test]
    fn what_is_no_name_is_not_written_down() {
        assert_eq!(account_key("alice"), "alice");
        let odd = account_key("my password, typed into the wrong field");
        assert!(odd.starts_with('#') && odd.len() == 33, "{odd}");
        assert_eq!(account_key(&"x".repeat(4096)).len(), 33);
    }
}
