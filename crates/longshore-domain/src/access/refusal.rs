//! Why somebody may not do something, and what is missing.

use std::fmt;

use crate::access::action::{Action, Level, OrganizationAction, RegistryAction, RepositoryAction};
use crate::account::{Feature, OrganizationRole, Plan};
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
    Level {
        /// What it may not do.
        action: RepositoryAction,
        /// How much it may do.
        has: Level,
    },
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
    /// Administrators do it shortly after they gave their password.
    PresenceNeeded,
    /// It is done shortly after the password was given.
    PasswordIsLongAgo,
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

impl Subject<'_> {
    /// Returns the same with names of its own.
    pub fn owned(self) -> OwnedSubject {
        match self {
            Self::Repository(name) => OwnedSubject::Repository(name.clone()),
            Self::Namespace(name) => OwnedSubject::Namespace(name.clone()),
            Self::Registry(name) => OwnedSubject::Registry(name.clone()),
            Self::Nothing => OwnedSubject::Nothing,
        }
    }
}

/// What somebody wanted to do something with, with names of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedSubject {
    /// A repository.
    Repository(RepositoryName),
    /// A namespace or organization.
    Namespace(Namespace),
    /// A registry.
    Registry(Namespace),
    /// An account, or the server.
    Nothing,
}

impl OwnedSubject {
    /// Returns the same with borrowed names.
    pub fn borrowed(&self) -> Subject<'_> {
        match self {
            Self::Repository(name) => Subject::Repository(name),
            Self::Namespace(name) => Subject::Namespace(name),
            Self::Registry(name) => Subject::Registry(name),
            Self::Nothing => Subject::Nothing,
        }
    }
}

/// Why somebody who signed in may not do something, though it may be known that it can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The rule of who may do what refuses it.
    Refused {
        /// What is missing.
        refusal: Refusal,
        /// For what.
        action: Action,
        /// With what.
        subject: OwnedSubject,
    },
    /// The account's plan does not include it.
    Plan {
        /// What is not included.
        feature: Feature,
        /// The plan that the account has.
        plan: Plan,
    },
    /// It is refused whatever the actor may do otherwise; in words for the client.
    Always(String),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { refusal, action, subject } => {
                f.write_str(&refusal.describe(*action, subject.borrowed()))
            }
            Self::Plan { feature, plan } => write!(
                f,
                "{} needs the plan {} or a larger one, this account has {}; the operator of the registry can change that",
                feature.describe(),
                feature.needs().as_str(),
                plan.as_str()
            ),
            Self::Always(text) => f.write_str(text),
        }
    }
}

impl Refusal {
    /// Returns the error that says so to the client.
    pub fn into_error(self, action: Action, subject: Subject<'_>) -> Error {
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
            refusal => Error::Denied(Denial::Refused { refusal, action, subject: subject.owned() }),
        }
    }

    /// Returns the sentence that says what is missing, and what to do.
    pub fn describe(&self, action: Action, subject: Subject<'_>) -> String {
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
            Self::SignIn => Unauthenticated::Missing.to_string(),
            Self::OutsideProject => Unauthenticated::OutsideProject.to_string(),
            Self::InsufficientScope => Unauthenticated::InsufficientScope.to_string(),
            Self::Hidden => "this does not exist, or you may not see it".to_owned(),
            Self::MayNotPush { by_token: false } => {
                format!("you may not push to {repository}; ask an owner of {namespace}")
            }
            Self::MayNotPush { by_token: true } => format!(
                "you may not push to {repository} with this access token; use one that includes it"
            ),
            Self::TokenLacks(missing) => format!(
                "with this access token you may use {repository}, but not {}; use one that includes that, or sign in with the password",
                missing.describe()
            ),
            Self::Level { action, has } => format!(
                "you have {} access to {repository}, and {} access is needed to {}; ask an owner of {namespace}",
                has.describe(),
                action.needs().describe(),
                action.describe()
            ),
            Self::ImmutabilityIsOwners => format!(
                "an owner of {namespace} made tags of {repository} immutable; only an owner may change that"
            ),
            Self::Blocked(organization) => format!(
                "the organization {organization} does not let its members pull from {namespace}; ask one of its owners"
            ),
            Self::Role(needed) => match action {
                Action::Organization(OrganizationAction::ReadAuditLog) => {
                    format!("only an {needed} of {namespace} may read its audit log")
                }
                _ => format!("only an {needed} of {namespace} may do this"),
            },
            Self::RegistryRole { action, needed } => {
                format!("only an {needed} may {}", action.describe())
            }
            Self::MayNotGrant => format!("you may not change who may do what in {namespace}"),
            Self::TokenLacksResource(OrganizationAction::ReadAuditLog) => {
                "reading an audit log with an access token needs the scope repo:admin, or scope-activity-read of its organization"
                    .to_owned()
            }
            Self::TokenLacksResource(_) => format!(
                "this access token does not include this; an owner of {namespace} can add the scope to it, or sign in with a password"
            ),
            Self::TokenLacksScope { action, missing } => format!(
                "this access token may not {}; use one with the scope {missing}",
                action.describe()
            ),
            Self::TokenIsNoManager => {
                "an access token cannot do this; sign in with a password, or with an access key of the scope account"
                    .to_owned()
            }
            Self::TokenIsNoPassword => {
                "an access token cannot do this; sign in with the password of the account".to_owned()
            }
            Self::PresenceNeeded => {
                "administrators do this within ten minutes after they gave their password: sign in again, or prove to be there (POST /api/v1/account/presence)"
                    .to_owned()
            }
            Self::PasswordIsLongAgo => {
                "this is done within ten minutes after the password was given: sign in again, or prove to be there (POST /api/v1/account/presence)"
                    .to_owned()
            }
            Self::TokenIsForPublic => "this access token is for public repositories only".to_owned(),
            Self::CredentialOnly => {
                "this credential is for pulling and pushing; use an access token of the account".to_owned()
            }
            Self::OnlyOperator => "only the operator of the registry may do this".to_owned(),
            Self::OperatorHasNoAccount => {
                "the operator has no account of its own; sign in as yourself (longshore login URL), or name an account"
                    .to_owned()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_is_needed_and_what_there_is() {
        let app: RepositoryName = "acme/app".parse().unwrap();
        let action = RepositoryAction::Delete;
        let refusal = Refusal::Level { action, has: Level::Write };
        assert_eq!(
            refusal.into_error(action.into(), Subject::Repository(&app)).to_string(),
            "you have write access to acme/app, and admin access is needed to delete from it; ask an owner of acme"
        );
    }

    #[test]
    fn a_refusal_keeps_what_is_missing_for_what() {
        let acme: Namespace = "acme".parse().unwrap();
        let (action, role) = (OrganizationAction::ReadAuditLog, OrganizationRole::Owner);
        let error = Refusal::Role(role).into_error(action.into(), Subject::Namespace(&acme));
        assert_eq!(error.to_string(), "only an owner of acme may read its audit log");
        let Error::Denied(denial) = error else { panic!("{error:?}") };
        assert_eq!(
            denial,
            Denial::Refused {
                refusal: Refusal::Role(role),
                action: action.into(),
                subject: OwnedSubject::Namespace(acme)
            }
        );
    }
}
