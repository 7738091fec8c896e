//! Subscription tiers: how much an account's registries may hold and send, as the operator decides.
//!
//! Source: DigitalOcean API, "Container Registry", subscription tiers.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::{Error, Result};
use crate::field::Field;

/// Most tiers that there may be.
pub const TIERS_LIMIT: usize = 20;
/// Longest slug of a tier in bytes.
const SLUG_LIMIT_BYTES: usize = 63;

/// Name of a tier in requests and in the metadata store: 1 to 63 lower-case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TierSlug(String);

impl TierSlug {
    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TierSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TierSlug {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        match (1..=SLUG_LIMIT_BYTES).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(Error::Invalid {
                field: Field::Tier,
                reason: "a tier has 1 to 63 lower-case letters, digits and -".into(),
            }),
        }
    }
}

/// A tier. Counts and bytes are of all registries of the account together; 0 means that there is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Name in requests.
    pub slug: TierSlug,
    /// Name for people.
    pub name: String,
    /// Most registries.
    pub registries: u64,
    /// Most repositories.
    pub repositories: u64,
    /// Bytes that may be stored.
    pub storage_bytes: u64,
    /// Whether more than that may be stored, for a price.
    pub allows_storage_overage: bool,
    /// Bytes that may be pulled in a month.
    pub bandwidth_bytes: u64,
    /// Whether more than that may be pulled.
    pub allows_bandwidth_overage: bool,
    /// Price of a month in cents.
    pub monthly_price_cents: u64,
    /// Price of a further GiB of storage in cents.
    pub storage_overage_price_cents: u64,
}

/// What an account has in all its registries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountUsage {
    /// Registries.
    pub registries: u64,
    /// Repositories that are not deleted.
    pub repositories: u64,
    /// Bytes stored; a blob counts once per registry.
    pub storage_bytes: u64,
}

/// Why an account cannot have a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It has more registries.
    Registries,
    /// It has more repositories.
    Repositories,
    /// It stores more.
    Storage,
}

impl Excess {
    /// Says it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Registries => "more registries",
            Self::Repositories => "more repositories",
            Self::Storage => "more storage",
        }
    }
}

fn is_over(limit: u64, used: u64) -> bool {
    limit > 0 && used > limit
}

impl Tier {
    /// Returns the most that may be stored; `None` for no limit.
    pub fn storage_limit(&self) -> Option<u64> {
        (self.storage_bytes > 0 && !self.allows_storage_overage).then_some(self.storage_bytes)
    }

    /// Returns the most that may be pulled in a month; `None` for no limit.
    pub fn bandwidth_limit(&self) -> Option<u64> {
        (self.bandwidth_bytes > 0 && !self.allows_bandwidth_overage).then_some(self.bandwidth_bytes)
    }

    /// Returns the most repositories; `None` for no limit.
    pub fn repository_limit(&self) -> Option<u64> {
        (self.repositories > 0).then_some(self.repositories)
    }

    /// Finds out why an account with this usage cannot have the tier; empty when it can.
    pub fn excesses(&self, usage: AccountUsage) -> Vec<Excess> {
        [
            (Excess::Registries, is_over(self.registries, usage.registries)),
            (Excess::Repositories, is_over(self.repositories, usage.repositories)),
            (Excess::Storage, self.storage_limit().is_some_and(|limit| usage.storage_bytes > limit)),
        ]
        .into_iter()
        .filter_map(|(excess, is_so)| is_so.then_some(excess))
        .collect()
    }

    /// Checks that an account with this usage can have the tier.
    ///
    /// # Errors
    /// `NotEligible`.
    pub fn check(&self, usage: AccountUsage) -> Result<()> {
        let excesses = self.excesses(usage);
        match excesses.is_empty() {
            true => Ok(()),
            false => Err(Error::NotEligible(excesses)),
        }
    }
}

/// The tiers that there are, in the operator's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers(Vec<Tier>);

impl Tiers {
    /// Makes them.
    ///
    /// # Errors
    /// `Invalid` when there are none or too many, or two with the same slug.
    pub fn new(tiers: Vec<Tier>) -> Result<Self> {
        let invalid = |reason: String| Error::Invalid { field: Field::Setting("registry.tiers"), reason };
        if !(1..=TIERS_LIMIT).contains(&tiers.len()) {
            return Err(invalid(format!("there must be 1 to {TIERS_LIMIT}")));
        }
        for (number, tier) in tiers.iter().enumerate() {
            if tiers.iter().skip(number + 1).any(|other| other.slug == tier.slug) {
                return Err(invalid(format!("two have the slug {}", tier.slug)));
            }
        }
        Ok(Self(tiers))
    }

    /// Returns all.
    pub fn all(&self) -> &[Tier] {
        &self.0
    }

    /// Finds one that a client names.
    ///
    /// # Errors
    /// `Invalid` when there is none.
    pub fn find(&self, slug: &str) -> Result<&Tier> {
        self.get(slug).ok_or_else(|| {
            let known: Vec<&str> = self.0.iter().map(|tier| tier.slug.as_str()).collect();
            Error::Invalid {
                field: Field::Tier,
                reason: format!("there is no such subscription tier; there are {}", known.join(", ")),
            }
        })
    }

    /// Finds one by its stored name; the operator may have removed it.
    pub fn get(&self, slug: &str) -> Option<&Tier> {
        self.0.iter().find(|tier| tier.slug.as_str() == slug)
    }
}

impl Default for Tiers {
    /// The tiers of DigitalOcean, as documented in its API.
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        let tier = |slug: &str, name: &str, limits: [u64; 4], prices: [u64; 2]| Tier {
            slug: TierSlug(slug.to_owned()),
            name: name.to_owned(),
            registries: limits[0],
            repositories: limits[1],
            storage_bytes: limits[2],
            allows_storage_overage: limits[3] > 0,
            bandwidth_bytes: limits[2],
            allows_bandwidth_overage: limits[3] > 0,
            monthly_price_cents: prices[0],
            storage_overage_price_cents: prices[1],
        };
        Self(vec![
            tier("starter", "Starter", [1, 1, 500 * MIB, 0], [0, 0]),
            tier("basic", "Basic", [1, 5, 5120 * MIB, 1], [500, 2]),
            tier("professional", "Professional", [10, 0, 102_400 * MIB, 1], [2000, 2]),
        ])
    }
}

/// What an account has subscribed to, for all its registries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The account.
    pub owner_id: AccountId,
    /// Slug of the tier, which the operator may have removed since.
    pub tier: TierSlug,
    /// When it began.
    pub created_at: Timestamp,
    /// When the tier changed last.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_tiers_are_the_documented_ones() {
        let tiers = Tiers::default();
        let numbers: Vec<_> = tiers
            .all()
            .iter()
            .map(|tier| (tier.slug.as_str(), tier.repositories, tier.storage_bytes, tier.monthly_price_cents))
            .collect();
        let expected = [
            ("starter", 1, 524_288_000, 0),
            ("basic", 5, 5_368_709_120, 500),
            ("professional", 0, 107_374_182_400, 2000),
        ];
        assert_eq!(numbers, expected);
        assert!(tiers.find("enterprise").is_err());
    }

    #[test]
    fn a_tier_is_refused_for_every_limit_that_is_exceeded() {
        let tiers = Tiers::default();
        let [starter, basic, professional] = tiers.all() else { panic!("three tiers") };
        let usage = AccountUsage { registries: 2, repositories: 6, storage_bytes: 524_288_001 };
        assert_eq!(starter.excesses(usage), [Excess::Registries, Excess::Repositories, Excess::Storage]);
        // What is stored beyond the limit has a price there.
        assert_eq!(basic.excesses(usage), [Excess::Registries, Excess::Repositories]);
        assert!(professional.check(usage).is_ok());
        let exact = AccountUsage { registries: 1, repositories: 1, storage_bytes: 524_288_000 };
        assert!(starter.check(exact).is_ok());
    }

    #[test]
    fn slugs_are_unique() {
        let tier = Tiers::default().all()[0].clone();
        assert!(Tiers::new(vec![tier.clone(), tier]).is_err());
        assert!(Tiers::new(Vec::new()).is_err());
        assert!("Basic".parse::<TierSlug>().is_err());
    }
}
