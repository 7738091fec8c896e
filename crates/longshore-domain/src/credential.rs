//! Credentials and the principal that they prove.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::access::action::{Actions, Level, RepositoryAction};
use crate::access_key::AccessKey;
use crate::account::AccountId;
use crate::clock::Entropy;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::{Namespace, RepositoryName};
use crate::repository::Visibility;
use crate::token_resource::TokenResources;

/// Shortest password that a user may have, in characters.
pub const PASSWORD_MINIMUM_CHARACTERS: usize = 10;
/// Longest secret that is looked at, in bytes; longer ones are wrong without being hashed.
pub const SECRET_LIMIT_BYTES: usize = 4096;
/// Longest label of an access token, in characters.
pub const TOKEN_LABEL_LIMIT_CHARACTERS: usize = 100;
/// Most access tokens that one account may have.
pub const ACCESS_TOKENS_LIMIT: u64 = 1000;
/// Most credentials for registries that one account may have besides.
pub const CREDENTIALS_LIMIT: u64 = 1000;
/// Most of these that one access token, or the sessions of the account, may make for Docker to work for some hours: none uses
/// up what is there for the others.
pub const LOGINS_LIMIT: u64 = 200;

/// Number of an access token in the metadata store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccessTokenId(pub i64);

/// What an access token may do at most. Each scope includes the ones before it.
///
/// Docker Hub API, "Personal access tokens", scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Pull from public repositories.
    PublicRead,
    /// Pull.
    Read,
    /// Pull and push.
    Write,
    /// Pull, push and delete.
    Admin,
    /// Everything that the account may do, but for its own credentials and for making owners: for access keys only.
    Account,
}

impl Scope {
    /// Returns the scope as written in APIs, for example `repo:read`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublicRead => "repo:public_read",
            Self::Read => "repo:read",
            Self::Write => "repo:write",
            Self::Admin => "repo:admin",
            Self::Account => "account",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "repo:public_read" => Ok(Self::PublicRead),
            "repo:read" => Ok(Self::Read),
            "repo:write" => Ok(Self::Write),
            "repo:admin" => Ok(Self::Admin),
            "account" => Ok(Self::Account),
            _ => Err(Error::Invalid {
                field: Field::TokenScope,
                reason: "must be repo:public_read, repo:read, repo:write or repo:admin".into(),
            }),
        }
    }
}

/// A secret of 256 random bits with a prefix that tells its kind. Shown once, stored as a hash.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Prefix of access tokens of users.
    pub const ACCESS_TOKEN_PREFIX: &str = "lsp_";
    /// Prefix of access tokens of organizations, with resources.
    pub const ORGANIZATION_TOKEN_PREFIX: &str = "lso_";
    /// Prefix of what stands for a right password until the second factor has come.
    pub const CHALLENGE_PREFIX: &str = "lsc_";
    /// Prefix of what the first-run link holds.
    pub const FIRST_RUN_PREFIX: &str = "lsf_";
    /// Prefix of what the link of an invite holds.
    pub const INVITE_PREFIX: &str = "lsi_";
    /// Prefix of what confirms an e-mail address.
    pub const EMAIL_PREFIX: &str = "lse_";
    /// Prefix of tokens of identity providers.
    pub const SCIM_TOKEN_PREFIX: &str = "lss_";
    /// Prefix of what a browser keeps that is signed in to the pages.
    pub const WEB_SESSION_PREFIX: &str = "lsw_";
    /// Prefix of refresh tokens of the token service.
    pub const REFRESH_TOKEN_PREFIX: &str = "lsr_";

    /// Makes a new secret.
    pub fn generate(prefix: &str, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 32];
        entropy.fill(&mut random);
        Self(format!("{prefix}{}", hex::encode(random)))
    }

    /// Takes a secret that its owner presented.
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the secret itself, to be shown to its owner once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns what is stored.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a random secret: enough for 256 random bits, and quick to look up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Hashes a secret as it was presented.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// Returns whether a presented secret is an access token by its form.
pub fn is_access_token(secret: &str) -> bool {
    [Secret::ACCESS_TOKEN_PREFIX, Secret::ORGANIZATION_TOKEN_PREFIX]
        .iter()
        .any(|prefix| secret.starts_with(prefix))
}

/// What an access token may do at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRestriction {
    /// The same in all repositories of its account.
    Scope(Scope),
    /// What it lists; of organizations only.
    Resources(TokenResources),
    /// The scope in one registry, and elsewhere what everybody may do: a credential for `docker login`.
    Registry {
        /// Its name.
        name: Namespace,
        /// What for.
        scope: Scope,
    },
    /// The scope, for the registry protocol alone: a credential for `docker login` that works for some hours.
    Login {
        /// The only namespace that it is for; `None` for all that the account may use.
        namespace: Option<Namespace>,
        /// What for.
        scope: Scope,
    },
}

impl TokenRestriction {
    /// Returns the scope, if it is one.
    pub fn scope(&self) -> Option<Scope> {
        match self {
            Self::Scope(scope) | Self::Registry { scope, .. } | Self::Login { scope, .. } => Some(*scope),
            Self::Resources(_) => None,
        }
    }

    /// Returns what it leaves of what its account may do in a repository; `visibility` is `None` when that does not exist yet.
    pub fn repository_actions(&self, name: &RepositoryName, visibility: Option<Visibility>) -> Actions {
        let scope = match self {
            Self::Resources(resources) => return resources.actions(name, visibility),
            Self::Scope(scope) | Self::Login { namespace: None, scope } => *scope,
            Self::Registry { name: only, scope } | Self::Login { namespace: Some(only), scope }
                if name.namespace() == *only =>
            {
                *scope
            }
            Self::Registry { .. } | Self::Login { .. } => Scope::PublicRead,
        };
        match scope {
            Scope::Account => Level::Admin.actions(),
            // What teams may do would outlive the token.
            Scope::Admin => Level::Admin
                .actions()
                .without(RepositoryAction::ViewTeams)
                .without(RepositoryAction::AssignTeam),
            Scope::Write => Level::Write.actions(),
            Scope::Read => Level::Read.actions(),
            Scope::PublicRead if visibility == Some(Visibility::Public) => Level::Read.actions(),
            Scope::PublicRead => Actions::NONE,
        }
    }

    /// Returns whether it is for pulling and pushing only, and manages nothing.
    pub fn is_credential(&self) -> bool {
        matches!(self, Self::Registry { .. } | Self::Login { .. })
    }

    /// Returns whether lists show what is not public.
    pub fn lists_private(&self) -> bool {
        match self {
            Self::Scope(scope) => *scope > Scope::PublicRead,
            Self::Resources(resources) => resources.lists_repositories(),
            Self::Registry { .. } | Self::Login { .. } => false,
        }
    }
}

impl fmt::Display for TokenRestriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(scope) => scope.fmt(f),
            Self::Registry { name, scope } | Self::Login { namespace: Some(name), scope } => {
                write!(f, "{name}: {scope}")
            }
            Self::Login { namespace: None, scope } => scope.fmt(f),
            Self::Resources(resources) => {
                for (number, resource) in resources.as_slice().iter().enumerate() {
                    let separator = if number == 0 { "" } else { "; " };
                    write!(f, "{separator}{}: {}", resource.path(), resource.scope_names().join(", "))?;
                }
                Ok(())
            }
        }
    }
}

/// An access token of a user or an organization, without its secret.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// Number in the metadata store.
    pub id: AccessTokenId,
    /// Public id.
    pub uuid: Uuid,
    /// Whose authority it carries.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub label: String,
    /// What it is for; empty for users.
    pub description: String,
    /// Name of who created it, as it was then; empty when it was not written down.
    pub created_by: String,
    /// What it may do at most.
    pub restriction: TokenRestriction,
    /// The access token that it was made with, with which it ends.
    pub made_with: Option<AccessTokenId>,
    /// The access key, if it is a pair of keys.
    pub access_key: Option<AccessKey>,
    /// False while its owner has it switched off, or the one that it was made with.
    pub is_active: bool,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Where it was created.
    pub origin: TokenOrigin,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// From where an access token was created; both empty for the operator at the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenOrigin {
    /// Address of the client.
    pub address: String,
    /// What the client calls itself.
    pub agent: String,
}

impl AccessToken {
    /// Returns whether it works at this time.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.is_active && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_include_the_lower_ones() {
        assert!(Scope::Admin > Scope::Write && Scope::Write > Scope::Read && Scope::Read > Scope::PublicRead);
        for scope in [Scope::PublicRead, Scope::Read, Scope::Write, Scope::Admin, Scope::Account] {
            assert_eq!(scope.as_str().parse::<Scope>().unwrap(), scope);
        }
        assert!("repo:all".parse::<Scope>().is_err());
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        struct Zeros;
        impl Entropy for Zeros {
            fn fill(&self, buffer: &mut [u8]) {
                buffer.fill(0);
            }
        }
        let secret = Secret::generate(Secret::ACCESS_TOKEN_PREFIX, &Zeros);
        assert_eq!(secret.expose().len(), 4 + 64);
        assert!(!format!("{secret:?} {:?}", secret.hash()).contains("00"));
    }
}
