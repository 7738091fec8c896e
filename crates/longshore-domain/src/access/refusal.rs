//! Why somebody may not do something, and what is missing.

use crate::access::action::{Action, OrganizationAction, RegistryAction, RepositoryAction};
use crate::account::OrganizationRole;
use crate::error::{Error, Unauthenticated};
use crate::name::{Namespace, RepositoryName};

/// Why an actor may not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody signed in, and doing so could help.
    SignIn,
    /// The actor signed in to the project of another organization.
    OutsideProject,
    /// The bearer token does not cover it, though its account may do it.
    InsufficientScope,
    /// The actor may not know that it exists.
    Hidden,
    /// The actor may not push, which would create the repository.
    MayNotPush {
        /// Whether it is the access token that does not include it.
        by_token: bool,
    },
    /// The access token does not include this in the repository, but something else.
    TokenLacks(RepositoryAction),
    /// The actor may do less than this in the repository.
    Level(RepositoryAction),
    /// An owner made tags immutable, and the actor is none.
    ImmutabilityIsOwners,
    /// An organization of the actor's does not let its members pull from there.
    Blocked(Namespace),
    /// A higher role is needed in the organization.
    Role(OrganizationRole),
    /// A higher role is needed in the organization that the registry is.
    RegistryRole {
        /// For this.
        action: RegistryAction,
        /// Which.
        needed: OrganizationRole,
    },
    /// The actor may not decide who may do what in the namespace.
    MayNotGrant,
    /// The access token does not list this about its organization.
    TokenLacksResource(OrganizationAction),
    /// The access token lacks a scope.
    TokenLacksScope {
        /// For this.
        action: RegistryAction,
        /// Its name in APIs.
        missing: &'static str,
    },
    /// It takes a password, or an access key for all that the account may do.
    TokenIsNoManager,
    /// It takes a password.
    TokenIsNoPassword,
    /// The access token is for what is public.
    TokenIsForPublic,
    /// The credential is for pulling and pushing.
    CredentialOnly,
    /// Only the operator may.
    OnlyOperator,
    /// The operator has no account.
    OperatorHasNoAccount,
}

/// What somebody wanted to do something with.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'s> {
    /// A repository.
    Repository(&'s RepositoryName),
    /// A namespace or organization.
    Namespace(&'s Namespace),
    /// A registry.
    Registry(&'s Namespace),
    /// An account, or the server.
    Nothing,
}

impl Refusal {
    /// Returns the error that says so to the client.
    pub fn into_error(self, action: Action, subject: Subject<'_>) -> Error {
        let denied = |text: String| Error::Denied(text);
        let namespace = match subject {
            Subject::Repository(name) => name.namespace_str(),
            Subject::Namespace(name) | Subject::Registry(name) => name.as_str(),
            Subject::Nothing => "",
        };
        let repository = match subject {
            Subject::Repository(name) => name.as_str(),
            _ => namespace,
        };
        match self {
            Self::SignIn => Error::Unauthenticated(Unauthenticated::Missing),
            Self::OutsideProject => Error::Unauthenticated(Unauthenticated::OutsideProject),
            Self::InsufficientScope => Error::Unauthenticated(Unauthenticated::InsufficientScope),
            Self::Hidden => match subject {
                Subject::Repository(name) => Error::RepositoryUnknown(name.clone()),
                Subject::Registry(name) => Error::RegistryUnknown(name.to_string()),
                Subject::Namespace(name) => Error::OrganizationUnknown(name.to_string()),
                Subject::Nothing => Error::UserUnknown(String::new()),
            },
            Self::MayNotPush { by_token: false } => {
                denied(format!("you may not push to {repository}; ask an owner of {namespace}"))
            }
            Self::MayNotPush { by_token: true } => denied(format!(
                "you may not push to {repository} with this access token; use one that includes it"
            )),
            Self::TokenLacks(missing) => denied(format!(
                "with this access token you may use {repository}, but not {}; use one that includes that, or the password",
                missing.describe()
            )),
            Self::Level(missing) => {
                denied(format!("you may pull from {repository}, but not {}", missing.describe()))
            }
            Self::ImmutabilityIsOwners => denied(format!(
                "an owner of {namespace} made tags of {repository} immutable; only an owner may change that"
            )),
            Self::Blocked(organization) => denied(format!(
                "the organization {organization} does not let its members pull from {namespace}; ask one of its owners"
            )),
            Self::Role(needed) => match action {
                Action::Organization(OrganizationAction::ReadAuditLog) => {
                    denied(format!("only an {needed} of {namespace} may read its audit log"))
                }
                _ => denied(format!("only an {needed} of {namespace} may do this")),
            },
            Self::RegistryRole { action, needed } => {
                denied(format!("only an {needed} may {}", action.describe()))
            }
            Self::MayNotGrant => denied(format!("you may not change who may do what in {namespace}")),
            Self::TokenLacksResource(OrganizationAction::ReadAuditLog) => denied(
                "reading an audit log with an access token needs the scope repo:admin, or scope-activity-read of its organization"
                    .into(),
            ),
            Self::TokenLacksResource(_) => denied(format!(
                "this access token does not include this; an owner of {namespace} can add the scope to it, or sign in with a password"
            )),
            Self::TokenLacksScope { action, missing } => denied(format!(
                "this access token may not {}; use one with the scope {missing}",
                action.describe()
            )),
            Self::TokenIsNoManager => denied(
                "an access token cannot do this; sign in with a password, or with an access key of the scope account".into(),
            ),
            Self::TokenIsNoPassword => {
                denied("an access token cannot do this; sign in with the password of the account".into())
            }
            Self::TokenIsForPublic => denied("this access token is for public repositories only".into()),
            Self::CredentialOnly => {
                denied("this credential is for pulling and pushing; use an access token of the account".into())
            }
            Self::OnlyOperator => denied("only the operator of the registry may do this".into()),
            Self::OperatorHasNoAccount => denied("the operator has no account of its own".into()),
        }
    }
}
