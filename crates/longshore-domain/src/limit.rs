//! Limits of how many there may be of something, and of what a subscription includes.

/// What there may be only so many of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Access tokens of an account.
    AccessTokens,
    /// Credentials for Docker of an account.
    Credentials,
    /// Logins for Docker that were made with the same credential.
    DockerLogins,
    /// SCIM tokens of an organization.
    ScimTokens,
    /// Teams of an organization.
    Teams,
    /// Invites of an organization that wait for an answer.
    Invites,
    /// Users in the directory of an organization.
    DirectoryUsers,
    /// Organizations that a user owns.
    OwnedOrganizations,
    /// Organizations that a user owns, of which a registry of a new name would make one more.
    RegistryNames,
    /// Retention policies of a repository.
    RetentionPolicies,
    /// Accounts that a repository is shared with.
    Shares,
    /// Users who have a permission of their own for the namespace or repository of this name.
    UserPermissions(String),
}

impl Limited {
    /// Returns the sentence that says so to the client.
    pub fn describe(&self, limit: u64) -> String {
        match self {
            Self::AccessTokens => format!(
                "an account may have at most {limit} access tokens; delete some that are not used, and let those for a while expire"
            ),
            Self::Credentials => format!(
                "an account may have at most {limit} credentials for Docker; delete some that are not used, and let those for a while expire"
            ),
            Self::DockerLogins => format!(
                "{limit} logins for Docker that were made like this one work already; use one of them, or wait until the first expires"
            ),
            Self::ScimTokens => {
                format!("an organization may have at most {limit} SCIM tokens; revoke some that are not used")
            }
            Self::Teams => format!("an organization may have at most {limit} teams"),
            Self::Invites => format!("at most {limit} invites can wait in an organization; cancel some"),
            Self::DirectoryUsers => {
                format!("an organization may have at most {limit} users; delete some first")
            }
            Self::OwnedOrganizations => format!("you own {limit} organizations, and may own no more"),
            Self::RegistryNames => format!(
                "you own {limit} organizations, and each registry of another name makes one; use the name of one of them"
            ),
            Self::RetentionPolicies => {
                format!("a repository may have at most {limit} retention policies")
            }
            Self::Shares => format!("a repository is shared with at most {limit} accounts"),
            Self::UserPermissions(subject) => {
                format!("at most {limit} users may have a permission for {subject}")
            }
        }
    }
}

/// What a subscription includes, and no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Included {
    /// Repositories.
    #[error(
        "the subscription {tier} includes {limit} repositories, and there are as many; delete one, or choose a larger subscription"
    )]
    Repositories {
        /// Name of the tier.
        tier: String,
        /// How many.
        limit: u64,
    },
    /// Storage.
    #[error(
        "the subscription of this registry includes {limit_bytes} bytes of storage, which this would exceed; delete images and collect the garbage, or choose a larger subscription"
    )]
    Storage {
        /// How much.
        limit_bytes: u64,
    },
    /// What is pulled in a month.
    #[error(
        "the subscription of this registry includes {limit_bytes} bytes of pulls a month, which are used up; wait for the next month, or choose a larger subscription"
    )]
    Pulls {
        /// How much.
        limit_bytes: u64,
    },
}
