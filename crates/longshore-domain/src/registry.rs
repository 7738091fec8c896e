//! Registries: namespaces with a region, a subscription and garbage collections of their own, and who may do what with
//! them.
//!
//! Source: DigitalOcean API, "Container Registry".

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::account::{AccountId, OrganizationRole};
use crate::credential::{Scope, TokenRestriction};
use crate::error::{Error, Result};
use crate::name::Namespace;
use crate::organization::OrganizationAction;
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
        field: "name",
        reason: "the name of a registry has 1 to 63 lower-case letters, digits and -, and neither begins nor ends with -".into(),
    })
}

/// Where a registry's data lies, as a label: 1 to 32 lower-case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(String);

impl Region {
    /// Gives it as text.
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
                field: "region",
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

/// What somebody wants to do with a registry itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryAction {
    /// See it, its repositories as far as they may be seen, its subscription and its collections.
    View,
    /// Get a credential for pulling.
    PullCredential,
    /// Get a credential for pulling and pushing.
    PushCredential,
    /// Create and delete it, change its subscription, collect its garbage.
    Manage,
}

impl RegistryAction {
    /// Gives the lowest role in an organization that may do it.
    fn needs_role(self) -> OrganizationRole {
        match self {
            // What a credential may do is decided when it is used, by the role of whoever got it.
            Self::View | Self::PullCredential | Self::PushCredential => OrganizationRole::Member,
            Self::Manage => OrganizationRole::Owner,
        }
    }

    /// Gives the lowest scope that an access token needs for it.
    fn needs_scope(self) -> Scope {
        match self {
            Self::View | Self::PullCredential => Scope::Read,
            Self::PushCredential => Scope::Write,
            Self::Manage => Scope::Admin,
        }
    }

    /// Gives what the access token of an organization must list for it.
    fn needs_resource(self) -> OrganizationAction {
        match self {
            Self::View | Self::PullCredential => OrganizationAction::ViewRegistry,
            Self::PushCredential | Self::Manage => OrganizationAction::ManageRegistry,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::View => "look at registries",
            Self::PullCredential => "get credentials for pulling",
            Self::PushCredential => "get credentials for pushing",
            Self::Manage => "manage registries",
        }
    }

    /// Checks what an access token leaves of what its account may do.
    ///
    /// # Errors
    /// `Denied`.
    pub fn check_token(self, restriction: Option<&TokenRestriction>) -> Result<()> {
        let (is_enough, missing) = match restriction {
            None => return Ok(()),
            Some(TokenRestriction::Scope(scope)) => {
                (*scope >= self.needs_scope(), self.needs_scope().as_str())
            }
            Some(TokenRestriction::Resources(resources)) => {
                let action = self.needs_resource();
                let name = match action {
                    OrganizationAction::ViewRegistry => "scope-registry-read",
                    _ => "scope-registry-admin",
                };
                (resources.allow(action), name)
            }
            // It is for the registry protocol.
            Some(TokenRestriction::Registry { .. } | TokenRestriction::Login { .. }) => {
                return Err(Error::Denied(
                    "this credential is for pulling and pushing; use an access token of the account".into(),
                ));
            }
        };
        match is_enough {
            true => Ok(()),
            false => Err(Error::Denied(format!(
                "this access token may not {}; use one with the scope {missing}",
                self.describe()
            ))),
        }
    }
}

/// What somebody is to the account that a registry is named after.
#[derive(Clone, Copy, Debug)]
pub struct RegistryStanding {
    /// True when it is their own, also for the access tokens of an organization.
    pub is_own: bool,
    /// Their role in the organization that it is.
    pub role: Option<OrganizationRole>,
    /// True for administrators of the server.
    pub is_administrator: bool,
}

impl RegistryStanding {
    /// Tells whether they may know of the registry.
    pub fn may_know(self) -> bool {
        self.is_own || self.is_administrator || self.role.is_some()
    }

    /// Checks that they may do something, whatever their access token says; see [`RegistryAction::check_token`].
    ///
    /// # Errors
    /// `Denied`.
    pub fn check(self, action: RegistryAction) -> Result<()> {
        match self.is_own || self.is_administrator || self.role >= Some(action.needs_role()) {
            true => Ok(()),
            false => Err(Error::Denied(format!("only an {} may {}", action.needs_role(), action.describe()))),
        }
    }
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

    #[test]
    fn only_owners_manage() {
        let role = |role| RegistryStanding { is_own: false, role, is_administrator: false };
        let own = RegistryStanding { is_own: true, ..role(None) };
        for action in [RegistryAction::View, RegistryAction::PullCredential, RegistryAction::PushCredential] {
            assert!(role(Some(OrganizationRole::Member)).check(action).is_ok());
            assert!(role(None).check(action).is_err());
        }
        assert!(role(Some(OrganizationRole::Editor)).check(RegistryAction::Manage).is_err());
        assert!(role(Some(OrganizationRole::Owner)).check(RegistryAction::Manage).is_ok());
        assert!(own.check(RegistryAction::Manage).is_ok());
    }

    #[test]
    fn tokens_need_a_scope() {
        let may =
            |action: RegistryAction, scope| action.check_token(Some(&TokenRestriction::Scope(scope))).is_ok();
        assert!(!may(RegistryAction::View, Scope::PublicRead));
        assert!(may(RegistryAction::PullCredential, Scope::Read));
        assert!(!may(RegistryAction::PushCredential, Scope::Read));
        assert!(may(RegistryAction::PushCredential, Scope::Write));
        assert!(!may(RegistryAction::Manage, Scope::Write));
        assert!(may(RegistryAction::Manage, Scope::Admin));
        let credential = TokenRestriction::Registry { name: "acme".parse().unwrap(), scope: Scope::Admin };
        assert!(RegistryAction::View.check_token(Some(&credential)).is_err());
        assert!(RegistryAction::Manage.check_token(None).is_ok());
    }
}
