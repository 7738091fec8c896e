//! What something cannot be created beside, because it has the same name.

use std::fmt;

use crate::email::EmailAddress;
use crate::field::Field;
use crate::name::{Namespace, RepositoryName, Tag};
use crate::organization::TeamName;

/// Something that exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existing {
    /// An account of the name.
    Account(Namespace),
    /// An account with the e-mail address.
    AccountWithEmail(EmailAddress),
    /// A team that the identity provider calls so.
    DirectoryGroup(String),
    /// A user whom the identity provider calls so.
    DirectoryUser(String),
    /// A user with the e-mail address, in the directory of the organization.
    DirectoryUserWithEmail(EmailAddress),
    /// An organization of the name.
    Organization(Namespace),
    /// A permission of a user.
    Permission {
        /// Name of the user.
        user: Namespace,
        /// Name of the namespace or repository.
        subject: String,
    },
    /// A registry of the namespace.
    Registry,
    /// A registry or an account of the name.
    RegistryOrAccount(Namespace),
    /// A repository of the name.
    Repository(RepositoryName),
    /// A SCIM token of the label.
    ScimToken(String),
    /// A share of the repository with the account.
    Share {
        /// The repository.
        repository: RepositoryName,
        /// Name of the account.
        account: Namespace,
    },
    /// A tag of the name.
    Tag(Tag),
    /// A team of the name.
    Team(TeamName),
}

impl Existing {
    /// Returns what exists as the beginning of a sentence, with a dialect's names of the fields that it has in common with what was
    /// to be created.
    pub fn describe(&self, name_of: impl Fn(Field) -> &'static str) -> String {
        match self {
            Self::Account(name) => format!("the account {name}"),
            Self::AccountWithEmail(email) => format!("an account with the e-mail address {email}"),
            Self::DirectoryGroup(name) => {
                format!("a group with the {} {name:?}", name_of(Field::DisplayName))
            }
            Self::DirectoryUser(name) => format!("a user with the {} {name:?}", name_of(Field::UserName)),
            Self::DirectoryUserWithEmail(email) => format!("a user with the e-mail address {email}"),
            Self::Organization(name) => format!("the organization {name}"),
            Self::Permission { user, subject } => format!("a permission of {user} for {subject}"),
            Self::Registry => "this registry".to_owned(),
            Self::RegistryOrAccount(name) => format!("a registry or account of the name {name}"),
            Self::Repository(name) => format!("the repository {name}"),
            Self::ScimToken(label) => format!("the SCIM token {label:?}"),
            Self::Share { repository, account } => format!("the sharing of {repository} with {account}"),
            Self::Tag(tag) => format!("the tag {tag}"),
            Self::Team(name) => format!("the team {name}"),
        }
    }
}

impl fmt::Display for Existing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(Field::name))
    }
}
