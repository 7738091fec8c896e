//! Who acts: the one answer to "who asks" of everything above the metadata store.

use std::str::FromStr;

use crate::access::action::RepositoryAction;
use crate::account::{Account, AccountId};
use crate::credential::AccessTokenId;
use crate::error::{Error, Result};
use crate::name::{Namespace, RepositoryName};

/// Who acts, what the credential leaves of what they may do, and how they proved who they are.
///
/// Whatever is done for somebody takes an actor, so that no function can forget what the credential is for.
#[derive(Clone, Debug)]
pub struct Actor {
    principal: Principal,
    /// The administrator by whom the operator acts, if it is not the person at the machine.
    behind: Option<AccountPrincipal>,
    scope: CredentialScope,
    proof: Proof,
}

impl Actor {
    /// Nobody signed in.
    pub const ANONYMOUS: Self = Self {
        principal: Principal::Anonymous,
        behind: None,
        scope: CredentialScope::Everything,
        proof: Proof::Nothing,
    };
    /// The person at the machine: an administration command, or the server itself.
    pub const OPERATOR: Self = Self {
        principal: Principal::Operator,
        behind: None,
        scope: CredentialScope::Everything,
        proof: Proof::Machine,
    };

    /// Returns the operator by whom an administrator acts, who has proven to be there.
    pub fn operator_for(administrator: AccountPrincipal, proof: Proof) -> Self {
        Self { behind: Some(administrator), proof, ..Self::OPERATOR }
    }

    /// Returns an account that signed in with a credential for a scope. Whoever came with an access token proved no more than
    /// to have that.
    pub fn account(account: AccountPrincipal, scope: CredentialScope, proof: Proof) -> Self {
        let proof = if account.access_token.is_some() { Proof::Token } else { proof };
        Self { principal: Principal::Account(account), behind: None, scope, proof }
    }

    /// Returns this actor, for no more than a scope.
    #[must_use]
    pub fn within(self, scope: CredentialScope) -> Self {
        Self { scope, ..self }
    }

    /// Returns who acts.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns what the actor came with.
    pub fn credential(&self) -> Credential {
        Credential { proof: self.proof, token: self.access_token_id() }
    }

    /// Returns what the credential covers.
    pub fn scope(&self) -> &CredentialScope {
        &self.scope
    }

    /// Returns how the actor proved who it is.
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// Returns the account, if one acts.
    pub fn as_account(&self) -> Option<&AccountPrincipal> {
        match &self.principal {
            Principal::Account(account) => Some(account),
            Principal::Anonymous | Principal::Operator => None,
        }
    }

    /// Returns the account's number, if one acts.
    pub fn account_id(&self) -> Option<AccountId> {
        self.as_account().map(|account| account.account_id)
    }

    /// Returns the access token that the actor signed in with, if any.
    pub fn access_token_id(&self) -> Option<AccessTokenId> {
        self.as_account().and_then(|account| account.access_token)
    }

    /// Returns whether the operator acts.
    pub fn is_operator(&self) -> bool {
        self.principal == Principal::Operator
    }

    /// Returns whether nobody signed in.
    pub fn is_anonymous(&self) -> bool {
        self.principal == Principal::Anonymous
    }

    /// Returns a name for logs and audit events.
    pub fn display_name(&self) -> &str {
        match (&self.principal, &self.behind) {
            (Principal::Anonymous, _) => "anonymous",
            (Principal::Operator, None) => "operator",
            (Principal::Operator, Some(account)) | (Principal::Account(account), _) => account.name.as_str(),
        }
    }
}

/// Who acts, after authentication.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Nobody signed in.
    Anonymous,
    /// The person at the machine.
    Operator,
    /// An account.
    Account(AccountPrincipal),
}

/// An account that acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountPrincipal {
    /// The account.
    pub account_id: AccountId,
    /// Its name, for messages and logs.
    pub name: Namespace,
    /// Its count of credential changes when it signed in.
    pub credential_epoch: i64,
    /// The access token that it signed in with, if any; what that may do is looked up when something is done.
    pub access_token: Option<AccessTokenId>,
}

impl AccountPrincipal {
    /// Returns an account that signed in just now, with an access token or without.
    pub fn of(account: &Account, access_token: Option<AccessTokenId>) -> Self {
        Self {
            account_id: account.id,
            name: account.name.clone(),
            credential_epoch: account.credential_epoch,
            access_token,
        }
    }
}

/// What an actor came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    /// How it proved who it is.
    pub proof: Proof,
    /// The access token, if it came with one, or with what was made of one.
    pub token: Option<AccessTokenId>,
}

impl Credential {
    /// None.
    pub const NONE: Self = Self { proof: Proof::Nothing, token: None };
}

/// How an actor proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Not at all.
    Nothing,
    /// By being at the machine.
    Machine,
    /// With a password.
    Password,
    /// With a password and a code of a second factor.
    SecondFactor,
    /// With an access token, an access key, or a refresh token.
    Token,
}

impl Proof {
    const ALL: [Self; 5] = [Self::Nothing, Self::Machine, Self::Password, Self::SecondFactor, Self::Token];

    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Machine => "machine",
            Self::Password => "password",
            Self::SecondFactor => "second_factor",
            Self::Token => "token",
        }
    }
}

impl FromStr for Proof {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|proof| proof.as_str() == text);
        found.ok_or_else(|| Error::internal(format!("nobody proves to be there by {text:?}")))
    }
}

/// What a credential covers at most; who bears it may be allowed less.
#[derive(Clone, Debug)]
pub enum CredentialScope {
    /// All that the principal may do.
    Everything,
    /// What it may do in one namespace: it signed in to the project of an organization.
    Namespace(Namespace),
    /// Actions on some repositories, by a token of the token service.
    Listed {
        /// Repositories and actions.
        repositories: Vec<RepositoryAccess>,
        /// Listing of repositories.
        catalog: bool,
        /// Searching of repositories.
        search: bool,
    },
}

impl CredentialScope {
    /// Returns whether an action in a repository is covered.
    pub fn covers(&self, repository: &RepositoryName, action: RepositoryAction) -> bool {
        match self {
            Self::Everything => true,
            Self::Namespace(only) => repository.namespace() == *only,
            Self::Listed { repositories, .. } => {
                repositories.iter().any(|scope| scope.repository == *repository && scope.covers(action))
            }
        }
    }

    /// Returns whether a namespace itself is covered.
    pub fn covers_namespace(&self, namespace: &Namespace) -> bool {
        match self {
            Self::Everything => true,
            Self::Namespace(only) => namespace == only,
            Self::Listed { .. } => false,
        }
    }

    /// Returns whether listing repositories is covered.
    pub fn covers_catalog(&self) -> bool {
        matches!(self, Self::Everything | Self::Listed { catalog: true, .. })
    }

    /// Returns whether searching repositories is covered, which finds what may be listed.
    pub fn covers_search(&self) -> bool {
        self.covers_catalog() || matches!(self, Self::Listed { search: true, .. })
    }
}

/// Actions on one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryAccess {
    /// The repository.
    pub repository: RepositoryName,
    /// Pull is covered.
    pub pull: bool,
    /// Push is covered.
    pub push: bool,
    /// Delete is covered.
    pub delete: bool,
}

impl RepositoryAccess {
    fn covers(&self, action: RepositoryAction) -> bool {
        match action {
            RepositoryAction::View | RepositoryAction::ViewTags | RepositoryAction::Pull => self.pull,
            RepositoryAction::Push | RepositoryAction::Create => self.push,
            RepositoryAction::Delete | RepositoryAction::DeleteTag => self.delete,
            // Changing the repository itself is not part of the registry protocol.
            RepositoryAction::Edit
            | RepositoryAction::SetImmutability
            | RepositoryAction::ViewTeams
            | RepositoryAction::AssignTeam
            | RepositoryAction::Remove => false,
        }
    }

    /// Returns the covered actions' names, in the order pull, push, delete.
    pub fn actions(&self) -> Vec<&'static str> {
        let all = [
            (self.pull, RepositoryAction::Pull),
            (self.push, RepositoryAction::Push),
            (self.delete, RepositoryAction::Delete),
        ];
        all.into_iter().filter(|(covered, _)| *covered).map(|(_, action)| action.as_str()).collect()
    }
}
