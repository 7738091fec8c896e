//! Accounts: users and organizations, which share one name space, and membership.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::access::refusal::Denial;
use crate::email::EmailAddress;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::Namespace;

/// Number of an account in the metadata store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub i64);

/// A user or an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// A person or a machine that signs in.
    User,
    /// A group of users that owns repositories.
    Organization,
}

impl AccountKind {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
        }
    }
}

impl FromStr for AccountKind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "user" => Ok(Self::User),
            "organization" => Ok(Self::Organization),
            _ => Err(Error::Invalid {
                field: Field::AccountKind,
                reason: "must be user or organization".into(),
            }),
        }
    }
}

/// What an account has subscribed to. On a server of one's own, everybody has the largest plan until the operator
/// decides otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plan {
    /// For one person, without management of images.
    Personal,
    /// For one person.
    Pro,
    /// For an organization.
    Team,
    /// Everything.
    #[default]
    Business,
}

/// What not every plan has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Activity of images, and their safe deletion.
    ImageManagement,
    /// The audit log of an organization.
    AuditLog,
    /// Restriction of the images that members use.
    ImageRestriction,
    /// Access tokens of an organization.
    OrganizationTokens,
}

impl Feature {
    /// Returns the smallest plan that has it.
    pub fn needs(self) -> Plan {
        match self {
            Self::ImageManagement => Plan::Pro,
            Self::AuditLog | Self::OrganizationTokens => Plan::Team,
            Self::ImageRestriction => Plan::Business,
        }
    }

    /// Returns what it is, as the beginning of a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::ImageManagement => "managing images",
            Self::AuditLog => "the audit log",
            Self::ImageRestriction => "restricting images",
            Self::OrganizationTokens => "having access tokens of the organization",
        }
    }
}

impl Plan {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Pro => "pro",
            Self::Team => "team",
            Self::Business => "business",
        }
    }

    /// Checks that the plan has a feature.
    ///
    /// # Errors
    /// `Denied`.
    pub fn check(self, feature: Feature) -> Result<()> {
        match self >= feature.needs() {
            true => Ok(()),
            false => Err(Error::Denied(Denial::Plan { feature, plan: self })),
        }
    }
}

impl FromStr for Plan {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "personal" => Ok(Self::Personal),
            "pro" => Ok(Self::Pro),
            "team" => Ok(Self::Team),
            "business" => Ok(Self::Business),
            _ => Err(Error::Invalid {
                field: Field::Plan,
                reason: "must be personal, pro, team or business".into(),
            }),
        }
    }
}

/// An account. Its name is a namespace for repositories.
#[derive(Clone, Debug)]
pub struct Account {
    /// Number in the metadata store.
    pub id: AccountId,
    /// Public id, stable for ever.
    pub uuid: Uuid,
    /// User or organization.
    pub kind: AccountKind,
    /// Name and namespace.
    pub name: Namespace,
    /// False when signing in and all its tokens are switched off.
    pub is_active: bool,
    /// True for operators of the whole registry.
    pub is_administrator: bool,
    /// True when its images count as those of a verified publisher.
    pub is_verified_publisher: bool,
    /// What it has subscribed to.
    pub plan: Plan,
    /// Counts changes of the password and "sign out everywhere": tokens of an older count are void.
    pub credential_epoch: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// What it says about itself.
    pub profile: Profile,
}

/// Longest text of a profile, in characters.
pub const PROFILE_LIMIT_CHARACTERS: usize = 200;

/// What an account says about itself; nothing depends on it but who is found by an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Name of the person or organization.
    pub full_name: String,
    /// Company.
    pub company: String,
    /// Place.
    pub location: String,
    /// Web page, `http` or `https`.
    pub url: String,
    /// E-mail address, as the operator set it or as it was proven.
    pub email: Option<EmailAddress>,
}

/// What changes about a profile; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// Name of the person or organization.
    pub full_name: Option<String>,
    /// Company.
    pub company: Option<String>,
    /// Place.
    pub location: Option<String>,
    /// Web page.
    pub url: Option<String>,
    /// E-mail address; `Some(None)` removes it.
    pub email: Option<Option<EmailAddress>>,
}

impl ProfileChange {
    /// Checks lengths, and that a web page is one.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        let texts = [
            (Field::FullName, &self.full_name),
            (Field::Company, &self.company),
            (Field::Location, &self.location),
            (Field::WebPage, &self.url),
        ];
        for (field, text) in texts {
            let Some(text) = text else { continue };
            if text.chars().count() > PROFILE_LIMIT_CHARACTERS || text.chars().any(char::is_control) {
                let reason = format!(
                    "may have at most {PROFILE_LIMIT_CHARACTERS} characters, none of them a control character"
                );
                return Err(Error::Invalid { field, reason });
            }
        }
        let is_page = |url: &str| url.is_empty() || url.starts_with("https://") || url.starts_with("http://");
        match self.url.as_deref().is_none_or(is_page) {
            true => Ok(()),
            false => Err(Error::Invalid {
                field: Field::WebPage,
                reason: "must begin with https:// or http://".into(),
            }),
        }
    }
}

/// What a member may do in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrganizationRole {
    /// Pulls from all repositories of the organization.
    Member,
    /// Also creates, pushes to and deletes repositories.
    Editor,
    /// Also manages members and settings.
    Owner,
}

impl OrganizationRole {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for OrganizationRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrganizationRole {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "member" => Ok(Self::Member),
            "editor" => Ok(Self::Editor),
            "owner" => Ok(Self::Owner),
            _ => Err(Error::Invalid { field: Field::Role, reason: "must be owner, editor or member".into() }),
        }
    }
}

/// One member of an organization.
#[derive(Clone, Debug)]
pub struct Member {
    /// The user's name.
    pub user: Namespace,
    /// What the user may do.
    pub role: OrganizationRole,
    /// When the membership began.
    pub created_at: Timestamp,
}
