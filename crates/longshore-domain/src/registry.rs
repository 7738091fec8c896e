//! Registries: namespaces with a region, a subscription and garbage collections of their own, and who may do what with
//! them.
//!
//! Source: DigitalOcean API, "Container Registry".

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::Namespace;
use crate::tier::TierSlug;

/// Most organizations that a user may own to make one more by creating a registry; their names stay taken.
pub const NAMESPACES_LIMIT: u64 = 50;
/// Most registries that a list shows.
pub const LISTED_REGISTRIES: u32 = 1000;

/// Last path segments of operations that stand where a registry's name may: no registry can have one.
const RESERVED: &[&str] = &["docker-credentials", "options", "subscription", "validate-name"];

/// Checks that a new registry may take this name.
///
/// # Errors
/// `NameReserved`.
pub fn check_registry_name_available(name: &Namespace) -> Result<()> {
    match RESERVED.contains(&name.as_str()) {
        true => Err(Error::NameReserved(name.to_string())),
        false => Ok(()),
    }
}

/// Reads the name of a registry: `^[a-z0-9-]{1,63}$`, and a namespace, so that letters or digits are at both ends.
///
/// # Errors
/// `Invalid`.
pub fn parse_registry_name(text: &str) -> Result<Namespace> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let name = text.parse::<Namespace>().ok().filter(|_| text.bytes().all(allowed));
    name.ok_or(Error::Invalid {
        field: Field::RegistryName,
        reason: "the name of a registry has 1 to 63 lower-case letters, digits and -, and neither begins nor ends with -".into(),
    })
}

/// Where a registry's data lies, as a label: 1 to 32 lower-case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(String);

impl Region {
    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Region {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        match (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(Error::Invalid {
                field: Field::Region,
                reason: "a region has 1 to 32 lower-case letters, digits and -".into(),
            }),
        }
    }
}

/// A registry.
#[derive(Clone, Debug)]
pub struct Registry {
    /// The account whose name is the registry's.
    pub namespace_id: AccountId,
    /// Its name.
    pub name: Namespace,
    /// The account whose subscription it is under.
    pub owner_id: AccountId,
    /// Where its data lies.
    pub region: Region,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a namespace that is a registry is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// The account whose subscription the registry is under.
    pub owner_id: AccountId,
    /// The slug of its tier; `None` for no subscription.
    pub tier: Option<TierSlug>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_namespaces_without_dots_and_underscores() {
        for good in ["a", "example", "my-registry", "a--b", "0"] {
            assert_eq!(parse_registry_name(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "a.b", "a_b", "A", "a/b", &"a".repeat(64)] {
            assert!(parse_registry_name(bad).is_err(), "{bad}");
        }
        assert!(check_registry_name_available(&"options".parse().unwrap()).is_err());
    }
}
