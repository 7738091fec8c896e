//! Teams, what may be done with an organization and by whom, and what organizations decide: which images their members
//! may use, and what members see without a team.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::account::{Account, AccountId, OrganizationRole};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::Namespace;
use crate::page::PageSize;

/// Longest name of a team in bytes.
pub const TEAM_NAME_LIMIT_BYTES: usize = 63;
/// Longest description of a team in characters.
pub const TEAM_DESCRIPTION_LIMIT_CHARACTERS: usize = 1000;
/// Most teams that one organization may have.
pub const TEAMS_LIMIT: u64 = 10_000;
/// On the Hub a team of this name holds the owners; here they have a role.
const RESERVED_TEAM: &str = "owners";

/// Number of a team in the metadata store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TeamId(pub i64);

/// Name of a team in its organization: 1 to 63 lower-case letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TeamName(String);

impl TeamName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that a new team may take this name.
    ///
    /// # Errors
    /// `NameReserved` for `owners`.
    pub fn check_available(&self) -> Result<()> {
        match self.0 == RESERVED_TEAM {
            true => Err(Error::NameReserved(self.0.clone())),
            false => Ok(()),
        }
    }
}

impl fmt::Display for TeamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TeamName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        match (1..=TEAM_NAME_LIMIT_BYTES).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(Error::Invalid {
                field: Field::TeamName,
                reason: "the name of a team has 1 to 63 lower-case letters, digits, _ and -".into(),
            }),
        }
    }
}

/// A team.
#[derive(Clone, Debug)]
pub struct Team {
    /// Number in the metadata store, which clients use too.
    pub id: TeamId,
    /// Public id.
    pub uuid: Uuid,
    /// Name.
    pub name: TeamName,
    /// What it is for.
    pub description: String,
    /// How many members it has.
    pub member_count: u64,
}

/// A member of an organization, with the account.
#[derive(Clone, Debug)]
pub struct OrganizationMember {
    /// The user.
    pub account: Account,
    /// The role.
    pub role: OrganizationRole,
    /// When the membership began.
    pub joined_at: jiff::Timestamp,
    /// Names of the teams in the organization that the user belongs to, at most a hundred.
    pub teams: Vec<TeamName>,
}

/// An organization as one of its members sees it in a list.
#[derive(Clone, Debug)]
pub struct OwnOrganization {
    /// The organization.
    pub account: Account,
    /// The member's role.
    pub role: OrganizationRole,
    /// Names of the member's teams there, at most a hundred.
    pub teams: Vec<TeamName>,
    /// How many teams it has.
    pub team_count: u64,
}

/// Which members a list shows.
#[derive(Clone, Debug, Default)]
pub struct MemberFilter {
    /// Only those whose name begins with this.
    pub name_prefix: Option<String>,
    /// Only those of a role.
    pub role: Option<OrganizationRole>,
    /// Whether those who are invited are among them.
    pub kinds: MemberKinds,
}

/// Which members of an organization are wanted, by name, and which page of them.
#[derive(Clone, Debug)]
pub struct MemberQuery {
    /// The organization.
    pub organization: AccountId,
    /// Which of them.
    pub filter: MemberFilter,
    /// The page has only those whose name is behind this.
    pub after: Option<Namespace>,
    /// Without so many of the first; each page costs more than the one before.
    pub offset: u64,
    /// At most so many.
    pub size: PageSize,
}

impl MemberQuery {
    /// Returns a query for all members, from the first on.
    pub fn all(organization: AccountId, size: PageSize) -> Self {
        Self { organization, filter: MemberFilter::default(), after: None, offset: 0, size }
    }
}

/// Whom a list of members shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberKinds {
    /// Members.
    #[default]
    Members,
    /// Who is invited.
    Invitees,
    /// Both.
    All,
}

/// Which images the members of an organization may pull. Its own are always among them.
///
/// Docker Hub API, "Org Settings", `restricted_images`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageRestriction {
    /// Whether anything is restricted; the other two have effect only then.
    pub is_enabled: bool,
    /// Whether official images (`library/…`) are allowed.
    pub allows_official_images: bool,
    /// Whether images of verified publishers are allowed.
    pub allows_verified_publishers: bool,
}

/// An organization that somebody is a member of, with what it restricts.
#[derive(Clone, Debug)]
pub struct RestrictingOrganization {
    /// The organization.
    pub name: Namespace,
    /// What it restricts.
    pub restriction: ImageRestriction,
}

/// A namespace as a member of restricting organizations sees it.
#[derive(Clone, Copy, Debug)]
pub struct PulledNamespace<'n> {
    /// Its name.
    pub name: &'n Namespace,
    /// True for a verified publisher.
    pub is_verified_publisher: bool,
    /// True for an organization that the one who pulls is a member of.
    pub is_of_own_organization: bool,
}

/// Finds an organization that does not let its members pull from a namespace.
pub fn refusing<'o>(
    namespace: PulledNamespace<'_>,
    organizations: &'o [RestrictingOrganization],
) -> Option<&'o RestrictingOrganization> {
    let is_official = *namespace.name == Namespace::library();
    organizations.iter().filter(|organization| organization.restriction.is_enabled).find(|organization| {
        let ImageRestriction { allows_official_images, allows_verified_publishers, .. } =
            organization.restriction;
        let is_allowed = namespace.is_of_own_organization
            || (is_official && allows_official_images)
            || (namespace.is_verified_publisher && allows_verified_publishers);
        !is_allowed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_pull_what_every_organization_of_theirs_allows() {
        let organization = |name: &str, official, verified| RestrictingOrganization {
            name: name.parse().unwrap(),
            restriction: ImageRestriction {
                is_enabled: true,
                allows_official_images: official,
                allows_verified_publishers: verified,
            },
        };
        let [library, publisher, other] = ["library", "publisher", "other"].map(|name| name.parse().unwrap());
        let seen =
            |name| PulledNamespace { name, is_verified_publisher: false, is_of_own_organization: false };
        let verified = PulledNamespace { is_verified_publisher: true, ..seen(&publisher) };
        let own = PulledNamespace { is_of_own_organization: true, ..seen(&other) };
        let allowed = |organizations: &[RestrictingOrganization]| {
            [seen(&library), verified, seen(&other), own]
                .map(|namespace| refusing(namespace, organizations).is_none())
        };
        assert_eq!(allowed(&[]), [true; 4]);
        assert_eq!(allowed(&[organization("a", false, false)]), [false, false, false, true]);
        assert_eq!(allowed(&[organization("a", true, false)]), [true, false, false, true]);
        assert_eq!(allowed(&[organization("a", false, true)]), [false, true, false, true]);
        let both = [organization("a", true, true), organization("b", true, false)];
        assert_eq!(allowed(&both), [true, false, false, true]);
        assert_eq!(refusing(verified, &both).unwrap().name.as_str(), "b");
        let mut off = organization("a", false, false);
        off.restriction.is_enabled = false;
        assert_eq!(allowed(&[off]), [true; 4]);
    }
}
