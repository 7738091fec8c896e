//! Invites to organizations.
//!
//! Docker Hub API, "Invites".

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::access::actor::Actor;
use crate::account::{AccountId, OrganizationRole};
use crate::credential::AccessTokenId;
use crate::email::EmailAddress;
use crate::name::Namespace;
use crate::organization::{TeamId, TeamName};

/// Most invites that wait in one organization.
pub const INVITES_LIMIT: u64 = 1000;
/// Most people that one request invites.
pub const BULK_INVITES_LIMIT: usize = 100;

/// Who is invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invitee {
    /// A user of the registry, by name.
    User(Namespace),
    /// Whoever has the e-mail address.
    Email(EmailAddress),
}

impl Invitee {
    /// Reads a name or an address; `None` for what can be neither.
    pub fn parse(text: &str) -> Option<Self> {
        match text.contains('@') {
            true => text.parse().ok().map(Self::Email),
            false => text.to_lowercase().parse().ok().map(Self::User),
        }
    }

    /// Returns what tells two invitees of an organization apart.
    pub fn key(&self) -> String {
        match self {
            Self::User(name) => name.to_string(),
            Self::Email(address) => address.key(),
        }
    }
}

impl fmt::Display for Invitee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => name.fmt(f),
            Self::Email(address) => address.fmt(f),
        }
    }
}

/// Who invites: whoever still may when the invite is accepted.
#[derive(Clone, Debug)]
pub struct Inviter {
    /// Name, as it was then.
    pub name: String,
    /// The account; `None` for the operator.
    pub account_id: Option<AccountId>,
    /// The access token that it came with, of the organization itself.
    pub access_token_id: Option<AccessTokenId>,
}

impl Inviter {
    /// Returns whoever acts.
    pub fn of(actor: &Actor) -> Self {
        Self {
            name: actor.display_name().to_owned(),
            account_id: actor.account_id(),
            access_token_id: actor.access_token_id(),
        }
    }
}

/// An invite that waits to be accepted.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Public id.
    pub id: Uuid,
    /// To which organization.
    pub organization_id: AccountId,
    /// Its name.
    pub organization: Namespace,
    /// Who invited.
    pub inviter: Inviter,
    /// Who is invited.
    pub invitee: Invitee,
    /// Who alone may accept it; `None` for an address that no account had, and for one to which no mail went.
    pub user_id: Option<AccountId>,
    /// Role of the new member.
    pub role: OrganizationRole,
    /// Team of the new member.
    pub team: Option<(TeamId, TeamName)>,
    /// True when its link went to the address and nowhere else, so that who has it has the address.
    pub is_mailed: bool,
    /// When the last message about it went.
    pub sent_at: Option<Timestamp>,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invitees_are_names_or_addresses() {
        for (text, key) in [("Bob", "bob"), ("Jane@Example.org", "jane@example.org")] {
            assert_eq!(Invitee::parse(text).unwrap().key(), key);
        }
        for neither in ["", "@", "a b", "x@y", "acme/app", &"x".repeat(300)] {
            assert_eq!(Invitee::parse(neither), None, "{neither}");
        }
    }
}
