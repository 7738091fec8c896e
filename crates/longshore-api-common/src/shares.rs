//! A limit that many clients share so that no address can take what all need.
//!
//! An address may have at most a part of what is left. Whoever is alone gets much; the more addresses want something,
//! the less each of them gets, and there is always something left for one that has nothing yet (dynamic thresholds, as
//! switches share their buffers among ports). Addresses that one customer can change at will count as one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_domain::address::network;

/// This part of a limit is left to addresses that have little: what many that are greedy one after the other cannot take.
const RESERVE_PART: u64 = 8;
/// And this part of it is little.
const LITTLE_PART: u64 = 512;

/// A limit and who has taken how much of it.
pub struct Shares {
    limit: u64,
    /// An address may have what is left divided by this.
    divisor: u64,
    /// Most that one address may have in any case.
    per_address: u64,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: u64,
    by_network: HashMap<IpAddr, u64>,
}

/// Why there is nothing for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its address has as much as one address may have now.
    Address,
    /// Nothing is left for anybody.
    Full,
}

impl Shares {
    /// Makes a limit of which an address may have what is left divided by `divisor` (1 or more).
    pub fn new(limit: u64, divisor: u64) -> Arc<Self> {
        Self::with_most(limit, divisor, u64::MAX)
    }

    /// Like [`Self::new`], and never more than `per_address`.
    pub fn with_most(limit: u64, divisor: u64, per_address: u64) -> Arc<Self> {
        Arc::new(Self { limit, divisor: divisor.max(1), per_address, taken: Mutex::default() })
    }

    /// Takes an amount for a client at an address, until the share is dropped. An address that has nothing gets what it
    /// asks for if there is that much. Without an address it is for somebody who speaks for many, such as a trusted proxy:
    /// bounded by what is left alone.
    ///
    /// # Errors
    /// Why there is not.
    pub fn take(self: &Arc<Self>, address: impl Into<Option<IpAddr>>, amount: u64) -> Result<Share, Refusal> {
        let network = address.into().map(network);
        self.lock().add(self, network, amount)?;
        Ok(Share { shares: Arc::clone(self), network, amount })
    }

    /// Returns how much is taken.
    pub fn taken(&self) -> u64 {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn add(&mut self, shares: &Shares, network: Option<IpAddr>, amount: u64) -> Result<(), Refusal> {
        let left = shares.limit.saturating_sub(self.total);
        if amount > left {
            return Err(Refusal::Full);
        }
        if let Some(network) = network {
            let own = self.by_network.get(&network).copied().unwrap_or_default();
            let wanted = own.saturating_add(amount);
            let reserve = if wanted <= shares.limit / LITTLE_PART { 0 } else { shares.limit / RESERVE_PART };
            let most = (left.saturating_sub(reserve) / shares.divisor).min(shares.per_address);
            if own > 0 && wanted > most {
                return Err(Refusal::Address);
            }
            self.by_network.insert(network, wanted);
        }
        self.total += amount;
        Ok(())
    }

    fn remove(&mut self, network: Option<IpAddr>, amount: u64) {
        self.total = self.total.saturating_sub(amount);
        if let Some(network) = network
            && let Entry::Occupied(mut own) = self.by_network.entry(network)
        {
            *own.get_mut() = own.get().saturating_sub(amount);
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

/// What a client has of a limit; given back when dropped.
pub struct Share {
    shares: Arc<Shares>,
    network: Option<IpAddr>,
    amount: u64,
}

impl Share {
    /// Takes more for the same client.
    ///
    /// # Errors
    /// As [`Shares::take`]; the share stays as it was.
    pub fn grow(&mut self, amount: u64) -> Result<(), Refusal> {
        self.shares.lock().add(&self.shares, self.network, amount)?;
        self.amount += amount;
        Ok(())
    }

    /// Returns how much it is.
    pub fn amount(&self) -> u64 {
        self.amount
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.lock().remove(self.network, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> IpAddr {
        IpAddr::from([127, 0, 1, number])
    }

    fn parsed(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Takes one after the other until nothing is left for the address.
    fn exhaust(shares: &Arc<Shares>, address: IpAddr) -> (Vec<Share>, Refusal) {
        let mut taken = Vec::new();
        loop {
            match shares.take(address, 1) {
                Ok(share) => taken.push(share),
                Err(refusal) => return (taken, refusal),
            }
        }
    }

    #[test]
    fn one_address_leaves_the_most_to_others() {
        let shares = Shares::new(1000, 4);
        let (taken, refusal) = exhaust(&shares, address(1));
        assert_eq!((taken.len(), refusal), (175, Refusal::Address));
        assert!(shares.take(address(2), 1).is_ok());
        drop(taken);
        assert_eq!(shares.taken(), 0);
        assert!(shares.lock().by_network.is_empty(), "nobody is remembered who has nothing");
    }

    #[test]
    fn many_addresses_together_leave_something_to_one_more() {
        let shares = Shares::with_most(4096, 4, 256);
        let mut all: Vec<Vec<Share>> = (0..64).map(|_| Vec::new()).collect();
        // One each in turn, until nobody gets any more.
        loop {
            let before = shares.taken();
            for (taken, number) in all.iter_mut().zip(1..) {
                taken.extend(shares.take(address(number), 1));
            }
            if shares.taken() == before {
                break;
            }
        }
        let (least, most) = (all.iter().map(Vec::len).min(), all.iter().map(Vec::len).max());
        assert!(least >= Some(50) && most <= least.map(|least| least + 2), "{least:?} to {most:?}");
        let (late, _) = exhaust(&shares, address(99));
        assert!(late.len() > 8, "{}", late.len());
    }

    #[test]
    fn addresses_that_take_all_they_get_one_after_the_other_leave_some_to_others() {
        let shares = Shares::with_most(4096, 4, 256);
        let _taken: Vec<_> = (1..=64).map(|number| exhaust(&shares, address(number)).0).collect();
        for number in 65..=80 {
            let (late, refusal) = exhaust(&shares, address(number));
            assert_eq!((late.len(), refusal), (8, Refusal::Address), "address {number}");
        }
    }

    #[test]
    fn an_address_never_has_more_than_its_limit_and_who_speaks_for_many_all_that_there_is() {
        let shares = Shares::with_most(1000, 1, 10);
        assert_eq!(exhaust(&shares, address(1)).0.len(), 10);
        let many: Vec<_> = (0..1000).map_while(|_| shares.take(None, 1).ok()).collect();
        assert_eq!(many.len(), 1000);
        assert_eq!(shares.take(None, 1).err(), Some(Refusal::Full));
        assert_eq!(shares.take(address(2), 1).err(), Some(Refusal::Full));
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let shares = Shares::with_most(100, 1, 1);
        let _first = shares.take(parsed("2001:db8:1:2::1"), 1).unwrap();
        assert_eq!(shares.take(parsed("2001:db8:1:2:ffff::9"), 1).err(), Some(Refusal::Address));
        assert!(shares.take(parsed("2001:db8:1:3::1"), 1).is_ok());
        let _mapped = shares.take(parsed("::ffff:192.0.2.1"), 1).unwrap();
        assert_eq!(shares.take(parsed("192.0.2.1"), 1).err(), Some(Refusal::Address));
    }

    #[test]
    fn a_share_grows_within_the_same_limit() {
        let shares = Shares::new(100, 1);
        let mut share = shares.take(address(1), 10).unwrap();
        share.grow(30).unwrap();
        assert_eq!(share.amount(), 40);
        assert_eq!(share.grow(40).err(), Some(Refusal::Address));
        assert_eq!(share.amount(), 40);
        drop(share);
        assert_eq!(shares.taken(), 0);
    }
}
