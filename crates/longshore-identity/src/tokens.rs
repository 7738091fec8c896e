//! The token service: bearer tokens for the registry, and refresh tokens.
//!
//! Docker token authentication specification: `token`, `oauth`, `scope`, `jwt`.

use crate::claims::{AccessClaim, Claims, actor_of};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::{AccountPrincipal, Actor, Principal, Proof, RepositoryAccess};
use longshore_domain::credential::{Secret, SecretHash};
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::{REPOSITORY_NAME_LIMIT_BYTES, RepositoryName};
use longshore_domain::ports::metadata::RefreshToken;
use longshore_domain::{Error, Field, Result};

use crate::Identities;
use crate::sign_in_events::{Presented, Whose};
use longshore_access::write_tokens::{TTL_MINIMUM, WRITE_TOKEN_LIMIT};
use longshore_platform::{earlier, later};
/// Most scopes of one request that are looked at; for the others nothing is granted. Mirrors ask for hundreds at once.
pub const SCOPES_LIMIT: usize = 1000;
/// Most of them when nobody signed in.
const ANONYMOUS_SCOPES_LIMIT: usize = 100;
/// CredentialScope that a token holds in the documented form; the others are in a shorter one.
const DOCUMENTED_GRANTS: usize = 20;
/// Bytes of grants in one token, which then stays below [`BEARER_LIMIT_BYTES`] and fits into a header.
///
/// [`BEARER_LIMIT_BYTES`]: crate::authentication::BEARER_LIMIT_BYTES
const GRANTS_LIMIT_BYTES: usize = 36 << 10;
/// Bytes of the documented form beside name and actions, and more than the shorter one has.
const GRANT_OVERHEAD_BYTES: usize = 64;

/// One thing that a client asks a token for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedScope {
    /// Actions on a repository.
    Repository(RepositoryAccess),
    /// Listing of repositories: `registry:catalog:*`.
    Catalog,
    /// Searching repositories, as Docker's engine asks for it: `registry:catalog:search`.
    Search,
    /// A scope that this registry does not know; nothing is granted for it.
    Other,
}

impl RequestedScope {
    /// Parses `type:name:action,action`; the name may hold a colon (host and port), so the type ends at the first
    /// and the actions begin after the last. A repository name that is not valid gets nothing granted.
    ///
    /// # Errors
    /// `Invalid` when there are not three parts.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = || Error::Invalid {
            field: Field::RequestedScope,
            reason: "must have the form type:name:action,action".into(),
        };
        let (kind, rest) = text.split_once(':').ok_or_else(malformed)?;
        let (name, actions) = rest.rsplit_once(':').ok_or_else(malformed)?;
        // `repository(plugin)` equals `repository`.
        let kind = kind.split('(').next().unwrap_or(kind);
        let has = |action: &str| actions.split(',').any(|a| a == action || a == "*");
        Ok(match (kind, name) {
            ("repository", name) => match name.parse::<RepositoryName>() {
                Ok(repository) => Self::Repository(RepositoryAccess {
                    repository,
                    pull: has("pull"),
                    push: has("push"),
                    delete: has("delete"),
                }),
                Err(_) => Self::Other,
            },
            ("registry", "catalog") if has("*") => Self::Catalog,
            ("registry", "catalog") if has("search") => Self::Search,
            _ => Self::Other,
        })
    }
}

/// What a client asks for, each repository once.
struct Wanted {
    repositories: Vec<RepositoryAccess>,
    catalog: bool,
    search: bool,
}

impl Wanted {
    fn of<'s>(scopes: impl Iterator<Item = &'s RequestedScope>) -> Self {
        let mut wanted = Self { repositories: Vec::new(), catalog: false, search: false };
        let mut places: HashMap<&RepositoryName, usize> = HashMap::new();
        for scope in scopes {
            match scope {
                RequestedScope::Repository(grant) => match places.get(&grant.repository) {
                    Some(place) => {
                        let known = &mut wanted.repositories[*place];
                        known.pull |= grant.pull;
                        known.push |= grant.push;
                        known.delete |= grant.delete;
                    }
                    None => {
                        places.insert(&grant.repository, wanted.repositories.len());
                        wanted.repositories.push(grant.clone());
                    }
                },
                RequestedScope::Catalog => wanted.catalog = true,
                RequestedScope::Search => wanted.search = true,
                RequestedScope::Other => {}
            }
        }
        wanted
    }
}

/// What a token will hold.
#[derive(Default)]
struct Granted {
    access: Vec<AccessClaim>,
    short: BTreeMap<String, String>,
    scope: String,
    size_bytes: usize,
}

impl Granted {
    /// Returns whether one more fits, whatever its name.
    fn has_room(&self) -> bool {
        self.size_bytes + GRANT_OVERHEAD_BYTES + REPOSITORY_NAME_LIMIT_BYTES <= GRANTS_LIMIT_BYTES
    }

    fn add_repository(&mut self, name: &str, actions: &str) {
        if self.access.len() < DOCUMENTED_GRANTS {
            return self.add_documented("repository", name, actions);
        }
        self.say("repository", name, actions);
        self.size_bytes += name.len() + 1;
        let names = self.short.entry(actions.to_owned()).or_default();
        if !names.is_empty() {
            names.push(' ');
        }
        names.push_str(name);
    }

    fn add_documented(&mut self, kind: &str, name: &str, actions: &str) {
        self.say(kind, name, actions);
        self.size_bytes += GRANT_OVERHEAD_BYTES + name.len();
        self.access.push(AccessClaim {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions: actions.split(',').map(str::to_owned).collect(),
        });
    }

    fn say(&mut self, kind: &str, name: &str, actions: &str) {
        if !self.scope.is_empty() {
            self.scope.push(' ');
        }
        self.scope.push_str(&format!("{kind}:{name}:{actions}"));
    }
}

/// A bearer token, as issued.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: String,
    /// How long it works.
    pub expires_in_seconds: u64,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What was granted, as a scope list.
    pub scope: String,
    /// For getting further tokens, if it was asked for.
    pub refresh_token: Option<Secret>,
}

/// Whether a client wants a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// No.
    None,
    /// Yes, if an account signed in.
    Issue,
}

impl Identities {
    /// Issues a bearer token for what was asked and is allowed now; less than asked is no error. Of very many scopes the
    /// first ones are granted: who needs another is told with the next request, and asks for that one.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn issue_token(
        &self,
        actor: &Actor,
        scopes: &[RequestedScope],
        refresh: Refresh,
    ) -> Result<IssuedToken> {
        let issued_at = self.clock.now();
        let mut ttl = self.settings.bearer_ttl.max(TTL_MINIMUM);
        let limit = match actor.principal() {
            Principal::Anonymous => ANONYMOUS_SCOPES_LIMIT,
            Principal::Account(_) | Principal::Operator => SCOPES_LIMIT,
        };
        let wanted = Wanted::of(scopes.iter().take(limit));
        let mut granted = Granted::default();
        for wanted in &wanted.repositories {
            if !granted.has_room() {
                break;
            }
            let (grant, works_for) = self.grant(actor, wanted, issued_at, ttl).await?;
            let actions = grant.actions().join(",");
            if !actions.is_empty() {
                granted.add_repository(wanted.repository.as_str(), &actions);
                ttl = works_for;
            }
        }
        if wanted.catalog {
            granted.add_documented("registry", "catalog", "*");
        } else if wanted.search {
            granted.add_documented("registry", "catalog", "search");
        }
        let refresh_token = match (refresh, actor.principal()) {
            (Refresh::Issue, Principal::Account(account)) => Some(self.issue_refresh_token(account).await?),
            _ => None,
        };
        let ttl = ttl.as_secs();
        let claims = self.claims(actor, self.settings.service.clone(), issued_at, ttl);
        let Granted { access, short, scope, .. } = granted;
        let token = self.keys.sign(&Claims { access, short, ..claims })?;
        Ok(IssuedToken { token, expires_in_seconds: ttl, issued_at, scope, refresh_token })
    }

    /// Decides what of a scope is granted, and how long a token with it works at most.
    async fn grant(
        &self,
        actor: &Actor,
        wanted: &RepositoryAccess,
        issued_at: Timestamp,
        ttl: Duration,
    ) -> Result<(RepositoryAccess, Duration)> {
        let allowed = self.access.access(actor, &wanted.repository).await?;
        let mut granted = RepositoryAccess {
            repository: wanted.repository.clone(),
            pull: wanted.pull && allowed.allows(RepositoryAction::Pull),
            push: wanted.push && allowed.allows(RepositoryAction::Push),
            delete: wanted.delete && allowed.allows(RepositoryAction::Delete),
        };
        let mut works_for = ttl;
        if (granted.push || granted.delete)
            && let (Some(_), Some(namespace)) = (&allowed.subscribed, allowed.namespace_id)
        {
            works_for = ttl.min(WRITE_TOKEN_LIMIT);
            let is_open = self.access.allow_write_token(namespace, later(issued_at, works_for)).await?;
            granted.push &= is_open;
            granted.delete &= is_open;
        }
        Ok((granted, works_for))
    }

    pub(crate) async fn issue_refresh_token(&self, account: &AccountPrincipal) -> Result<Secret> {
        let secret = Secret::generate(Secret::REFRESH_TOKEN_PREFIX, &*self.entropy);
        let record = RefreshToken {
            secret_hash: secret.hash(),
            account_id: account.account_id,
            access_token_id: account.access_token,
            credential_epoch: account.credential_epoch,
            service: self.settings.service.clone(),
            created_at: self.clock.now(),
        };
        let kept = u64::from(self.settings.refresh_tokens_limit).saturating_sub(1);
        self.metadata
            .write((record, kept), |tx, (record, kept)| {
                Box::pin(async move {
                    // Those of other credentials stay: a token that may little must not end what was signed in with more.
                    tx.delete_refresh_tokens_beyond(record.account_id, record.access_token_id, *kept).await?;
                    tx.create_refresh_token(record).await
                })
            })
            .await?;
        Ok(secret)
    }

    /// Finds out who a refresh token stands for, if it still does.
    ///
    /// # Errors
    /// `Unauthenticated` when it is unknown, or its account or access token no longer works.
    pub async fn authenticate_refresh_token(&self, secret: &str) -> Result<Actor> {
        let wrong = || Error::Unauthenticated(Unauthenticated::WrongCredential);
        let oldest = earlier(self.clock.now(), self.settings.refresh_ttl);
        let input = (SecretHash::of(secret), self.settings.service.clone(), self.clock.now(), oldest);
        let principal = self
            .metadata
            .look_up(input, |tx, (hash, service, now, oldest)| {
                Box::pin(async move {
                    let Some(refresh) = tx.find_refresh_token(hash).await? else { return Ok(None) };
                    let Some(account) = tx.find_account(refresh.account_id).await? else { return Ok(None) };
                    let access_token = match refresh.access_token_id {
                        None => None,
                        Some(id) => match tx.find_access_token(id).await? {
                            Some(token) if token.is_usable(*now) => Some(id),
                            _ => return Ok(None),
                        },
                    };
                    let works = account.is_active
                        && account.credential_epoch == refresh.credential_epoch
                        && refresh.service == *service
                        && refresh.created_at > *oldest;
                    Ok(works.then(|| AccountPrincipal::of(&account, access_token)))
                })
            })
            .await?;
        let Some(principal) = principal else {
            self.note_refusal(Presented::RefreshToken, None);
            return Err(wrong());
        };
        self.note_sign_in(Presented::RefreshToken, Whose::principal(&principal));
        Ok(actor_of(principal, Proof::Token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_that_is_named_often_is_looked_up_once() {
        let scopes = ["acme/app:pull", "acme/app:push", "acme/b:pull", "acme/app:pull,delete"];
        let scopes = scopes.map(|scope| RequestedScope::parse(&format!("repository:{scope}")).unwrap());
        let wanted = Wanted::of(scopes.iter()).repositories;
        let shown: Vec<_> = wanted.iter().map(|grant| (grant.repository.as_str(), grant.actions())).collect();
        assert_eq!(shown, [("acme/app", vec!["pull", "push", "delete"]), ("acme/b", vec!["pull"])]);
    }

    #[test]
    fn scopes_are_parsed_from_both_ends() {
        let grant = |name: &str, pull, push, delete| {
            RequestedScope::Repository(RepositoryAccess {
                repository: name.parse().unwrap(),
                pull,
                push,
                delete,
            })
        };
        let cases = [
            ("repository:acme/app:pull,push", grant("acme/app", true, true, false)),
            ("repository:acme/app:*", grant("acme/app", true, true, true)),
            ("repository(plugin):acme/app:delete", grant("acme/app", false, false, true)),
            ("repository:alpine:pull", grant("library/alpine", true, false, false)),
            ("repository:host:5000/app:pull", RequestedScope::Other),
            ("registry:catalog:*", RequestedScope::Catalog),
            ("registry:catalog:search", RequestedScope::Search),
            ("registry:catalog:pull", RequestedScope::Other),
            ("repository:../etc:pull", RequestedScope::Other),
        ];
        for (text, expected) in cases {
            assert_eq!(RequestedScope::parse(text).unwrap(), expected, "{text}");
        }
        for bad in ["", "repository", "repository:acme"] {
            assert!(RequestedScope::parse(bad).is_err(), "{bad}");
        }
    }
}
