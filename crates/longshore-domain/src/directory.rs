//! The directory of an organization: its users and teams as an identity provider sees and keeps them.
//!
//! RFC 7643, sections 4.1 and 4.2. Everybody who is or was made a member is in it once; whoever was deactivated stays in it.

pub mod query;

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::account::{Account, AccountId};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::{NAMESPACE_LIMIT_BYTES, Namespace};
use crate::organization::{TEAM_NAME_LIMIT_BYTES, TeamId, TeamName};

/// Longest user name, name, display name and id of an identity provider, in characters.
pub const TEXT_LIMIT_CHARACTERS: usize = 255;
/// Most e-mail addresses of one user.
pub const EMAILS_LIMIT: usize = 20;
/// Teams that are shown of each user.
pub const SHOWN_TEAMS_LIMIT: u32 = 200;
/// Most users of one directory.
pub const DIRECTORY_USERS_LIMIT: u64 = 250_000;
/// The team that every user joins whom an identity provider brings (Docker Hub API, "SCIM", "Create user").
pub const COMPANY_TEAM: &str = "company";

/// Most tokens for identity providers that one organization may have.
pub const SCIM_TOKENS_LIMIT: u64 = 20;

/// An e-mail address of a user, as the identity provider gave it. Nothing is sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEmail {
    /// The address.
    pub address: String,
    /// Such as `work`.
    pub kind: Option<String>,
    /// How it is shown.
    pub display: Option<String>,
    /// Whether it is the first choice; of one at most.
    pub is_primary: bool,
}

/// A team of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryTeam {
    /// Public id.
    pub uuid: Uuid,
    /// What it is called.
    pub display_name: String,
}

/// A user in the directory of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryUser {
    /// Id in this directory; another one in others.
    pub uuid: Uuid,
    /// The account.
    pub account_id: AccountId,
    /// Its name.
    pub name: Namespace,
    /// What the identity provider calls the user; without one, the e-mail address or the name of the account.
    pub user_name: String,
    /// The identity provider's own id.
    pub external_id: Option<String>,
    /// Given name; empty when unknown.
    pub given_name: String,
    /// Family name; empty when unknown.
    pub family_name: String,
    /// The name of who it is, as the account says.
    pub full_name: String,
    /// Whether the user can use what the organization gives.
    pub is_active: bool,
    /// Whether the membership is suspended while the account itself goes on.
    pub is_suspended: bool,
    /// Whether the organization's identity provider has deactivated the user, whoever else has.
    pub is_deactivated: bool,
    /// Whether the organization made the account, so that it may change it.
    pub is_managed: bool,
    /// Place in the directory, ascending.
    pub position: i64,
    /// When the user came into the directory.
    pub created_at: Timestamp,
    /// When the entry last changed.
    pub updated_at: Timestamp,
    /// E-mail addresses that the identity provider gave, if they were asked for.
    pub emails: Vec<DirectoryEmail>,
    /// Teams by number, if they were asked for; at most [`SHOWN_TEAMS_LIMIT`].
    pub teams: Vec<DirectoryTeam>,
}

impl DirectoryUser {
    /// Returns what changes with every change of what an identity provider sees, but for teams. E-mail addresses change with
    /// the time of the last change.
    pub fn version(&self) -> String {
        let Self { user_name, external_id, given_name, family_name, full_name, is_active, .. } = self;
        let shown = (user_name, external_id, given_name, family_name, full_name, is_active);
        digest(&format!("{} {shown:?} {}", self.name, self.updated_at))
    }

    /// Returns given and family name: as long as none are kept, those that the account's whole name seems to have, the last
    /// word being the family name.
    pub fn names(&self) -> (&str, &str) {
        if !self.given_name.is_empty() || !self.family_name.is_empty() {
            return (&self.given_name, &self.family_name);
        }
        self.full_name.rsplit_once(' ').unwrap_or((&self.full_name, ""))
    }
}

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hex::encode(hash.get(..12).unwrap_or_default())
}

/// Which parts of users are loaded besides what their entries have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserParts {
    /// E-mail addresses.
    pub emails: bool,
    /// Teams.
    pub teams: bool,
}

impl UserParts {
    /// Everything.
    pub const ALL: Self = Self { emails: true, teams: true };
}

/// What a directory looks like to the owners of its organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryState {
    /// Whether the organization may provision users.
    pub may_provision: bool,
    /// Users.
    pub users: u64,
    /// Users who cannot use what the organization gives, among the first [`COUNTED_LIMIT`].
    pub inactive: u64,
    /// Teams, up to [`COUNTED_LIMIT`].
    pub groups: u64,
    /// When a user or a team changed last.
    pub changed_at: Option<Timestamp>,
    /// What an identity provider was refused last.
    pub refusal: Option<ProvisioningRefusal>,
}

/// Most users and teams that are looked at one by one to count them.
pub const COUNTED_LIMIT: u64 = 10_000;

/// What an identity provider was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningRefusal {
    /// When.
    pub at: Timestamp,
    /// Status of the answer, such as 409.
    pub status: u16,
    /// What it was told.
    pub reason: String,
}

/// Which users can be found by an index; all of them may still be told apart by what else a filter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserLookup {
    /// Everybody.
    All,
    /// Nobody: a filter that nothing meets.
    Nobody,
    /// The one with this id.
    Id(Uuid),
    /// The one with this user name, in any letter case.
    UserName(String),
    /// Those whose user name begins with this, in any letter case.
    UserNamePrefix(String),
    /// Those with this id of the identity provider.
    ExternalId(String),
    /// Those with this e-mail address, in any letter case.
    Email(String),
    /// The one whose account has this name, in any letter case.
    Name(String),
}

/// In which order users are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserOrder {
    /// As they came.
    #[default]
    Position,
    /// By user name.
    UserName,
}

/// Where a list of users goes on: behind this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCursor {
    /// Its place.
    pub position: i64,
    /// Its user name in lower case.
    pub user_name: String,
}

impl UserCursor {
    /// Makes the mark behind a user.
    pub fn behind(user: &DirectoryUser) -> Self {
        Self { position: user.position, user_name: user.user_name.to_lowercase() }
    }
}

/// What changes about a user; `None` leaves it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DirectoryChange {
    /// User name.
    pub user_name: Option<String>,
    /// Id of the identity provider; `Some(None)` removes it.
    pub external_id: Option<Option<String>>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// E-mail addresses, all.
    pub emails: Option<Vec<DirectoryEmail>>,
    /// Whether the user is active.
    pub is_active: Option<bool>,
    /// A new password.
    pub password: Option<String>,
}

impl fmt::Debug for DirectoryChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryChange").field("user_name", &self.user_name).finish_non_exhaustive()
    }
}

fn check_text(field: Field, text: &str, least: usize) -> Result<()> {
    let fits = (least..=TEXT_LIMIT_CHARACTERS).contains(&text.chars().count());
    // The last character of all stands behind every text in lists.
    match fits && !text.chars().any(|letter| letter.is_control() || letter == char::MAX) {
        true => Ok(()),
        false => Err(Error::Invalid {
            field,
            reason: format!(
                "must have {least} to {TEXT_LIMIT_CHARACTERS} characters, none of them a control character"
            ),
        }),
    }
}

impl DirectoryChange {
    /// Checks lengths and numbers.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        if let Some(name) = &self.user_name {
            check_text(Field::UserName, name, 1)?;
            if name.trim() != name {
                let reason = "must not begin or end with a space".into();
                return Err(Error::Invalid { field: Field::UserName, reason });
            }
        }
        if let Some(Some(id)) = &self.external_id {
            check_text(Field::ExternalId, id, 1)?;
        }
        check_text(Field::GivenName, self.given_name.as_deref().unwrap_or_default(), 0)?;
        check_text(Field::FamilyName, self.family_name.as_deref().unwrap_or_default(), 0)?;
        let emails = self.emails.as_deref().unwrap_or_default();
        if emails.len() > EMAILS_LIMIT {
            return Err(Error::Invalid {
                field: Field::DirectoryEmails,
                reason: format!("a user may have at most {EMAILS_LIMIT}"),
            });
        }
        for email in emails {
            check_text(Field::DirectoryEmail, &email.address, 1)?;
            check_text(Field::DirectoryEmailKind, email.kind.as_deref().unwrap_or_default(), 0)?;
            check_text(Field::DirectoryEmailLabel, email.display.as_deref().unwrap_or_default(), 0)?;
        }
        match emails.iter().filter(|email| email.is_primary).count() > 1 {
            true => Err(Error::Invalid {
                field: Field::DirectoryEmails,
                reason: "only one can be primary".into(),
            }),
            false => Ok(()),
        }
    }
}

/// A team in the directory of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryGroup {
    /// The team.
    pub id: TeamId,
    /// Public id.
    pub uuid: Uuid,
    /// Its name in the organization.
    pub name: TeamName,
    /// What the identity provider calls it; without one, its name.
    pub display_name: String,
    /// The identity provider's own id.
    pub external_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts changes of who is in it.
    pub revision: i64,
    /// Of the users that a query names, those who are in it.
    pub named_members: Vec<Uuid>,
}

impl DirectoryGroup {
    /// Returns what changes with every change of what an identity provider sees.
    pub fn version(&self) -> String {
        digest(&format!("{} {:?} {} {}", self.display_name, self.external_id, self.updated_at, self.revision))
    }
}

/// Which teams can be found by an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupLookup {
    /// All.
    All,
    /// None: a filter that nothing meets.
    Nothing,
    /// The one with this id.
    Id(Uuid),
    /// The one with this display name, in any letter case.
    DisplayName(String),
    /// Those with this id of the identity provider.
    ExternalId(String),
    /// Those of a user, by the user's id.
    Member(Uuid),
}

/// A member of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The user's id in this directory.
    pub uuid: Uuid,
    /// The account, by whose number members are listed.
    pub account_id: AccountId,
    /// The user's name.
    pub user_name: String,
}

/// A change of who is in a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// These come in.
    Add(Vec<Uuid>),
    /// These go, if they are in.
    Remove(Vec<Uuid>),
    /// These are in, and nobody else.
    Replace(Vec<Uuid>),
}

/// What changes about a team; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupChange {
    /// Display name.
    pub display_name: Option<String>,
    /// Id of the identity provider; `Some(None)` removes it.
    pub external_id: Option<Option<String>>,
    /// Changes of who is in it, in their order.
    pub members: Vec<MemberChange>,
}

impl GroupChange {
    /// Checks lengths.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        if let Some(name) = &self.display_name {
            check_text(Field::DisplayName, name, 1)?;
        }
        match &self.external_id {
            Some(Some(id)) => check_text(Field::ExternalId, id, 1),
            _ => Ok(()),
        }
    }
}

/// A token of an identity provider, without its secret.
#[derive(Clone, Debug)]
pub struct ScimToken {
    /// Public id.
    pub uuid: Uuid,
    /// The organization whose directory it is for.
    pub organization_id: AccountId,
    /// What its owner calls it, which stands in the audit log.
    pub label: String,
    /// Name of who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// An identity provider that acts, by its token, in the directory of one organization and nowhere else.
#[derive(Clone, Debug)]
pub struct Provisioner {
    /// The token.
    pub token: ScimToken,
    /// The organization.
    pub organization: Account,
}

impl Provisioner {
    /// Returns its name in audit logs, which no account can have.
    pub fn display_name(&self) -> String {
        format!("scim:{}", self.token.label)
    }
}

/// Makes a text of letters, digits and single hyphens between them.
fn slug(text: &str, limit: usize) -> String {
    let mut slug = String::new();
    for letter in text.chars() {
        match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_lowercase() || letter.is_ascii_digit() => slug.push(letter),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
        if slug.len() >= limit {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Returns names for the account of a new user, the best first: what stands before the `@`, and that with something behind it.
pub fn account_names(user_name: &str, chance: u32) -> Vec<Namespace> {
    let local = user_name.split('@').next().unwrap_or_default();
    let base = match slug(local, NAMESPACE_LIMIT_BYTES - 9) {
        empty if empty.is_empty() => "user".to_owned(),
        base => base,
    };
    let numbered = (2..10).map(|number| format!("{base}-{number}"));
    let texts = [base.clone()].into_iter().chain(numbered).chain([format!("{base}-{chance:08x}")]);
    let names = texts.filter_map(|text| text.parse::<Namespace>().ok());
    names.filter(|name| name.check_available_to_accounts().is_ok()).collect()
}

/// Returns names for a new team, the best first.
pub fn team_names(display_name: &str, chance: u32) -> Vec<TeamName> {
    let base = match slug(display_name, TEAM_NAME_LIMIT_BYTES - 9) {
        empty if empty.is_empty() => "team".to_owned(),
        base => base,
    };
    let numbered = (2..10).map(|number| format!("{base}-{number}"));
    let texts = [base.clone()].into_iter().chain(numbered).chain([format!("{base}-{chance:08x}")]);
    let names = texts.filter_map(|text| text.parse::<TeamName>().ok());
    names.filter(|name| name.check_available().is_ok()).collect()
}

/// Returns the id of a user in the directory of an organization: made from both, so that whoever comes back has the same, and
/// nobody learns the one from the other. It has the form of a version-4 UUID, as documented.
pub fn directory_id(organization: Uuid, user: Uuid) -> Uuid {
    let mut hash = Sha256::new_with_prefix(b"directory of an organization");
    hash.update(organization.as_bytes());
    hash.update(user.as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_named_after_what_stands_before_the_at_sign() {
        let first = |user: &str| account_names(user, 1)[0].to_string();
        assert_eq!(first("Jon.Snow+x@docker.com"), "jon-snow-x");
        assert_eq!(first("..__@x.org"), "user-2");
        assert_eq!(first("admin@x.org"), "admin-2");
        assert_eq!(first("Ärger"), "rger");
        let long = account_names(&"a-".repeat(200), u32::MAX);
        assert_eq!((long.len(), long[9].as_str().len()), (10, 62));
        assert_eq!(team_names("Domain Users", 1)[0].as_str(), "domain-users");
        assert_eq!(team_names("Owners", 1)[0].as_str(), "owners-2");
    }

    #[test]
    fn ids_are_version_4_and_differ_between_organizations() {
        let [a, b, user] = [1, 2, 3].map(Uuid::from_u128);
        let id = directory_id(a, user);
        assert_eq!((id.get_version_num(), id), (4, directory_id(a, user)));
        assert_ne!(id, directory_id(b, user));
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let change = |change: DirectoryChange| change.check().is_ok();
        let email = |is_primary| DirectoryEmail {
            address: "a@example.org".into(),
            kind: None,
            display: None,
            is_primary,
        };
        assert!(change(DirectoryChange { user_name: Some("a b".into()), ..DirectoryChange::default() }));
        for bad in ["", " a", "a\n", &"x".repeat(256)] {
            assert!(!change(DirectoryChange { user_name: Some(bad.into()), ..DirectoryChange::default() }));
        }
        for emails in [vec![email(true), email(true)], vec![email(false); 21]] {
            assert!(!change(DirectoryChange { emails: Some(emails), ..DirectoryChange::default() }));
        }
    }
}
