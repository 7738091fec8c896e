//! Resources of an organization's access token: which repositories it may use and for what, and what it may do with the
//! organization.
//!
//! Docker Hub API, "Organization access tokens", and Docker's access token reference, which has the scopes.

use std::fmt;
use std::str::FromStr;

use crate::access::action::{Actions, OrganizationAction, RepositoryAction};
use crate::credential::Scope;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::{Namespace, RepositoryName};
use crate::repository::Visibility;

/// Most resources of one token.
pub const TOKEN_RESOURCES_LIMIT: usize = 51;
/// Most scopes of one resource.
pub const RESOURCE_SCOPES_LIMIT: usize = 32;
/// Longest description of a token, in characters.
pub const TOKEN_DESCRIPTION_LIMIT_CHARACTERS: usize = 200;

/// Path that stands for all public repositories, of whomever.
const ALL_PUBLIC: &str = "*/*/public";

/// Scopes for repositories. Those of what does not exist here, such as webhooks, are taken and give nothing.
const REPOSITORY_SCOPES: &[(&str, &[RepositoryAction])] = &[
    ("scope-image-pull", &[RepositoryAction::Pull]),
    ("scope-image-push", &[RepositoryAction::Pull, RepositoryAction::Push]),
    (
        "scope-image-delete",
        &[
            RepositoryAction::Pull,
            RepositoryAction::Push,
            RepositoryAction::Delete,
            RepositoryAction::DeleteTag,
        ],
    ),
    ("scope-repository-read", &[RepositoryAction::View]),
    ("scope-repository-edit", &[RepositoryAction::View, RepositoryAction::Edit]),
    ("scope-repository-admin", &[RepositoryAction::View, RepositoryAction::Edit, RepositoryAction::Remove]),
    ("scope-repository-settings-admin", &[RepositoryAction::View, RepositoryAction::SetImmutability]),
    ("scope-tag-read", &[RepositoryAction::ViewTags]),
    ("scope-tag-admin", &[RepositoryAction::ViewTags, RepositoryAction::DeleteTag]),
    ("scope-repo-group-read", &[RepositoryAction::ViewTeams]),
    ("scope-repo-group-edit", &[RepositoryAction::ViewTeams, RepositoryAction::AssignTeam]),
    ("scope-repo-group-admin", &[RepositoryAction::ViewTeams, RepositoryAction::AssignTeam]),
    ("scope-webhook-read", &[]),
    ("scope-webhook-edit", &[]),
    ("scope-webhook-admin", &[]),
    // As the example of the API's document writes them.
    ("repo-pull", &[RepositoryAction::Pull]),
    ("repo-push", &[RepositoryAction::Pull, RepositoryAction::Push]),
];

/// Scope without which no token creates a repository.
const REPOSITORY_CREATE: &str = "scope-repository-create";
/// Scope without which a token lists public repositories only.
const REPOSITORY_LIST: &str = "scope-repository-list";

/// Scopes for organizations. Whoever may do anything about an organization sees what it is.
const ORGANIZATION_SCOPES: &[(&str, &[OrganizationAction])] = &[
    ("scope-member-read", &[OrganizationAction::ViewMembers]),
    ("scope-member-edit", &[OrganizationAction::ViewMembers, OrganizationAction::ManageMembers]),
    ("scope-invite-read", &[OrganizationAction::ViewInvites]),
    ("scope-invite-edit", &[OrganizationAction::ViewInvites, OrganizationAction::ManageInvites]),
    ("scope-group-read", &[OrganizationAction::ViewTeams]),
    ("scope-group-edit", &[OrganizationAction::ViewTeams, OrganizationAction::ManageTeams]),
    ("scope-activity-read", &[OrganizationAction::ReadAuditLog]),
    // Of our own: registries are no part of the Hub.
    ("scope-registry-read", &[OrganizationAction::ViewRegistry]),
    ("scope-registry-admin", &[OrganizationAction::ViewRegistry, OrganizationAction::ManageRegistry]),
    // About its repositories, which is asked for by name.
    (REPOSITORY_CREATE, &[OrganizationAction::View]),
    (REPOSITORY_LIST, &[OrganizationAction::View]),
    // What does not exist here.
    ("scope-registry-usage-read", &[]),
    ("scope-report-read", &[]),
    ("scope-ram-read", &[]),
    ("scope-ram-write", &[]),
    ("scope-siem_credentials-read", &[]),
];

/// What a token may do in the repositories of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepositoryScope(&'static str, &'static [RepositoryAction]);

/// What a token may do with its organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrganizationScope(&'static str, &'static [OrganizationAction]);

fn unknown_scope(text: &str) -> Error {
    let shortened: String = text.chars().take(64).collect();
    Error::Invalid {
        field: Field::TokenResources,
        reason: format!("there is no scope {shortened:?} for this type"),
    }
}

impl RepositoryScope {
    /// Returns the names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        REPOSITORY_SCOPES.iter().map(|(name, _)| *name)
    }

    /// Returns the scope as written in APIs, for example `scope-image-pull`.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for RepositoryScope {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let found = REPOSITORY_SCOPES.iter().find(|(name, _)| *name == text);
        found.map(|(name, actions)| Self(name, actions)).ok_or_else(|| unknown_scope(text))
    }
}

impl OrganizationScope {
    /// Returns the names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ORGANIZATION_SCOPES.iter().map(|(name, _)| *name)
    }

    /// Returns the scope as written in APIs, for example `scope-member-read`.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for OrganizationScope {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let found = ORGANIZATION_SCOPES.iter().find(|(name, _)| *name == text);
        found.map(|(name, actions)| Self(name, actions)).ok_or_else(|| unknown_scope(text))
    }
}

/// Which repositories a resource is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryPattern {
    /// One, which need not exist yet.
    One(RepositoryName),
    /// All of a namespace.
    AllOf(Namespace),
    /// All public ones, of whomever.
    AllPublic,
}

impl RepositoryPattern {
    fn covers(&self, name: &RepositoryName, visibility: Option<Visibility>) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::AllOf(namespace) => *namespace == name.namespace(),
            Self::AllPublic => visibility == Some(Visibility::Public),
        }
    }
}

impl fmt::Display for RepositoryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(name) => name.fmt(f),
            Self::AllOf(namespace) => write!(f, "{namespace}/*"),
            Self::AllPublic => f.write_str(ALL_PUBLIC),
        }
    }
}

impl FromStr for RepositoryPattern {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let parsed = match text.strip_suffix("/*") {
            _ if text == ALL_PUBLIC => Ok(Self::AllPublic),
            Some(namespace) => namespace.parse().map(Self::AllOf),
            None => text.parse().map(Self::One),
        };
        parsed.map_err(|_| Error::Invalid {
            field: Field::TokenResources,
            reason: "the path of repositories must have the form acme/app, acme/* or */*/public".into(),
        })
    }
}

/// Something that a token may use, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenResource {
    /// Repositories.
    Repositories {
        /// Which.
        pattern: RepositoryPattern,
        /// What for, as the owner listed it.
        scopes: Vec<RepositoryScope>,
    },
    /// An organization, its own.
    Organization {
        /// Its name.
        name: Namespace,
        /// What for, as the owner listed it.
        scopes: Vec<OrganizationScope>,
    },
}

impl TokenResource {
    /// Type of resources that are repositories.
    pub const REPOSITORIES: &str = "TYPE_REPO";
    /// Type of the resource that is the organization.
    pub const ORGANIZATION: &str = "TYPE_ORG";

    /// Makes one from its parts.
    ///
    /// # Errors
    /// `Invalid` for an unknown type or scope, a path that is none of that type, no or too many scopes.
    pub fn parse(kind: &str, path: &str, scopes: &[impl AsRef<str>]) -> Result<Self> {
        let invalid = |reason: String| Error::Invalid { field: Field::TokenResources, reason };
        if !(1..=RESOURCE_SCOPES_LIMIT).contains(&scopes.len()) {
            return Err(invalid(format!("each must have 1 to {RESOURCE_SCOPES_LIMIT} scopes")));
        }
        let scopes = scopes.iter().map(AsRef::as_ref);
        match kind {
            Self::REPOSITORIES => Ok(Self::Repositories {
                pattern: path.parse()?,
                scopes: scopes.map(str::parse).collect::<Result<_>>()?,
            }),
            Self::ORGANIZATION => Ok(Self::Organization {
                name: path.parse().map_err(|_| {
                    invalid("the path of an organization is its name, for example acme".into())
                })?,
                scopes: scopes.map(str::parse).collect::<Result<_>>()?,
            }),
            _ => Err(invalid("the type of each must be TYPE_REPO or TYPE_ORG".into())),
        }
    }

    /// Returns the type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Repositories { .. } => Self::REPOSITORIES,
            Self::Organization { .. } => Self::ORGANIZATION,
        }
    }

    /// Returns the path.
    pub fn path(&self) -> String {
        match self {
            Self::Repositories { pattern, .. } => pattern.to_string(),
            Self::Organization { name, .. } => name.to_string(),
        }
    }

    /// Returns the names of the scopes.
    pub fn scope_names(&self) -> Vec<&'static str> {
        match self {
            Self::Repositories { scopes, .. } => scopes.iter().map(|scope| scope.as_str()).collect(),
            Self::Organization { scopes, .. } => scopes.iter().map(|scope| scope.as_str()).collect(),
        }
    }

    /// Checks that it is of an organization: its own repositories, public ones, or itself.
    fn check_of(&self, organization: &Namespace) -> Result<()> {
        let is_own = match self {
            Self::Repositories { pattern: RepositoryPattern::One(name), .. } => {
                name.namespace() == *organization
            }
            Self::Repositories { pattern: RepositoryPattern::AllOf(name), .. } => name == organization,
            Self::Repositories { pattern: RepositoryPattern::AllPublic, .. } => true,
            Self::Organization { name, .. } => name == organization,
        };
        match is_own {
            true => Ok(()),
            false => Err(Error::Invalid {
                field: Field::TokenResources,
                reason: format!("{} does not belong to {organization}", self.path()),
            }),
        }
    }
}

/// All that a token may use. Scopes of several resources that are about the same repository add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenResources(Vec<TokenResource>);

impl TokenResources {
    /// Makes them.
    ///
    /// # Errors
    /// `Invalid` when there are none or too many.
    pub fn new(resources: Vec<TokenResource>) -> Result<Self> {
        match (1..=TOKEN_RESOURCES_LIMIT).contains(&resources.len()) {
            true => Ok(Self(resources)),
            false => Err(Error::Invalid {
                field: Field::TokenResources,
                reason: format!("must be 1 to {TOKEN_RESOURCES_LIMIT}"),
            }),
        }
    }

    /// Returns the scopes of repositories that come nearest to a scope.
    fn names_like(scope: Scope) -> &'static [&'static str] {
        match scope {
            Scope::PublicRead | Scope::Read => {
                &["scope-image-pull", "scope-repository-read", "scope-tag-read"]
            }
            Scope::Write => &["scope-image-push", "scope-repository-read", "scope-tag-read"],
            Scope::Admin | Scope::Account => &[
                "scope-image-delete",
                "scope-repository-admin",
                "scope-repository-settings-admin",
                "scope-tag-admin",
            ],
        }
    }

    /// Returns what comes nearest to a scope, for some repositories of an organization, each by a path such as `acme/app`.
    ///
    /// # Errors
    /// `Invalid` for a path, and for too many.
    pub fn like_for(scope: Scope, paths: &[&str]) -> Result<Self> {
        let names = Self::names_like(scope);
        let each = paths.iter().map(|path| TokenResource::parse(TokenResource::REPOSITORIES, path, names));
        Self::new(each.collect::<Result<_>>()?)
    }

    /// Returns what comes nearest to a scope, for a token of an organization that has one.
    pub fn like(scope: Scope, organization: &Namespace) -> Self {
        let names = Self::names_like(scope);
        let pattern = match scope {
            Scope::PublicRead => RepositoryPattern::AllPublic,
            _ => RepositoryPattern::AllOf(organization.clone()),
        };
        let scopes = names.iter().filter_map(|name| name.parse().ok()).collect();
        Self(vec![TokenResource::Repositories { pattern, scopes }])
    }

    /// Takes what was stored: scopes that this program does not know, of a newer one, give nothing.
    pub fn from_stored(stored: &[(String, String, Vec<String>)]) -> Result<Self> {
        let mut resources = Vec::new();
        for (kind, path, scopes) in stored {
            let known: Vec<&String> = scopes
                .iter()
                .filter(|scope| match kind.as_str() {
                    TokenResource::REPOSITORIES => scope.parse::<RepositoryScope>().is_ok(),
                    _ => scope.parse::<OrganizationScope>().is_ok(),
                })
                .collect();
            if !known.is_empty() {
                resources.push(TokenResource::parse(kind, path, &known)?);
            }
        }
        Ok(Self(resources))
    }

    /// Returns them in the order in which the owner listed them.
    pub fn as_slice(&self) -> &[TokenResource] {
        &self.0
    }

    /// Checks that all are of an organization.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check_of(&self, organization: &Namespace) -> Result<()> {
        self.0.iter().try_for_each(|resource| resource.check_of(organization))
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|resource| match resource {
            TokenResource::Organization { scopes, .. } => scopes.iter().any(|scope| scope.as_str() == name),
            TokenResource::Repositories { .. } => false,
        })
    }

    /// Returns whether lists show private repositories.
    pub fn lists_repositories(&self) -> bool {
        self.has(REPOSITORY_LIST)
    }

    /// Returns what the token allows in a repository; `visibility` is `None` when it does not exist, and then pushing needs
    /// that it may be created.
    pub fn actions(&self, name: &RepositoryName, visibility: Option<Visibility>) -> Actions {
        let may_create = self.has(REPOSITORY_CREATE);
        let listed = self.0.iter().flat_map(|resource| match resource {
            TokenResource::Repositories { pattern, scopes } if pattern.covers(name, visibility) => {
                scopes.as_slice()
            }
            _ => &[],
        });
        let allowed: Actions = listed
            .flat_map(|scope| scope.1.iter().copied())
            .filter(|action| *action != RepositoryAction::Push || visibility.is_some() || may_create)
            .collect();
        // Of what it may not use, it does not learn that it exists.
        let create = may_create && (visibility.is_none() || !allowed.is_empty());
        allowed.union(create.then_some(RepositoryAction::Create).into_iter().collect())
    }

    /// Returns whether the token may do something with its organization.
    pub fn allow(&self, action: OrganizationAction) -> bool {
        self.0.iter().any(|resource| match resource {
            TokenResource::Organization { scopes, .. } => {
                let mut allowed = scopes.iter().flat_map(|scope| scope.1);
                allowed.any(|allowed| *allowed == action || action == OrganizationAction::View)
            }
            TokenResource::Repositories { .. } => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(listed: &[(&str, &str, &[&str])]) -> TokenResources {
        let parsed =
            listed.iter().map(|(kind, path, scopes)| TokenResource::parse(kind, path, scopes).unwrap());
        TokenResources::new(parsed.collect()).unwrap()
    }

    fn may(resources: &TokenResources, name: &str, visibility: Option<Visibility>) -> Vec<RepositoryAction> {
        let actions = resources.actions(&name.parse().unwrap(), visibility);
        RepositoryAction::ALL.iter().copied().filter(|action| actions.contains(*action)).collect()
    }

    #[test]
    fn scopes_of_all_resources_about_a_repository_add_up() {
        let token = resources(&[
            ("TYPE_REPO", "acme/*", &["scope-image-pull"]),
            ("TYPE_REPO", "acme/app", &["scope-tag-admin"]),
            ("TYPE_REPO", "*/*/public", &["repo-pull"]),
        ]);
        let private = Some(Visibility::Private);
        assert_eq!(
            may(&token, "acme/app", private),
            [RepositoryAction::ViewTags, RepositoryAction::Pull, RepositoryAction::DeleteTag]
        );
        assert_eq!(may(&token, "acme/other", private), [RepositoryAction::Pull]);
        assert_eq!(may(&token, "other/app", private), []);
        assert_eq!(may(&token, "other/app", Some(Visibility::Public)), [RepositoryAction::Pull]);
        assert!(!token.allow(OrganizationAction::View));
    }

    #[test]
    fn creating_needs_the_organizations_scope() {
        let pushes = resources(&[("TYPE_REPO", "acme/*", &["scope-image-push"])]);
        assert_eq!(may(&pushes, "acme/new", None), [RepositoryAction::Pull]);
        let creates = resources(&[
            ("TYPE_REPO", "acme/*", &["scope-image-push"]),
            ("TYPE_ORG", "acme", &["scope-repository-create"]),
        ]);
        assert_eq!(
            may(&creates, "acme/new", None),
            [RepositoryAction::Pull, RepositoryAction::Push, RepositoryAction::Create]
        );
    }

    #[test]
    fn organization_scopes_allow_their_actions_only() {
        let token = resources(&[("TYPE_ORG", "acme", &["scope-group-edit", "scope-member-read"])]);
        for (action, expected) in [
            (OrganizationAction::View, true),
            (OrganizationAction::ViewMembers, true),
            (OrganizationAction::ManageMembers, false),
            (OrganizationAction::ManageTeams, true),
            (OrganizationAction::ViewTeams, true),
            (OrganizationAction::ManageTokens, false),
            (OrganizationAction::ManageSettings, false),
            (OrganizationAction::ReadAuditLog, false),
        ] {
            assert_eq!(token.allow(action), expected, "{action:?}");
        }
        // Scopes that allow nothing about the organization do not show what it is.
        let inert = resources(&[("TYPE_ORG", "acme", &["scope-report-read", "scope-ram-write"])]);
        assert!(!inert.allow(OrganizationAction::View));
        let lists = resources(&[("TYPE_ORG", "acme", &["scope-repository-list"])]);
        assert!(lists.allow(OrganizationAction::View) && !lists.allow(OrganizationAction::ViewMembers));
    }

    #[test]
    fn what_is_not_of_the_organization_or_not_understood_is_refused() {
        let acme = "acme".parse().unwrap();
        assert!(resources(&[("TYPE_REPO", "acme/app", &["scope-image-pull"])]).check_of(&acme).is_ok());
        for (kind, path) in [("TYPE_REPO", "other/app"), ("TYPE_REPO", "other/*"), ("TYPE_ORG", "other")] {
            let scopes: &[&str] = if kind == "TYPE_ORG" { &["scope-member-read"] } else { &["repo-pull"] };
            assert!(resources(&[(kind, path, scopes)]).check_of(&acme).is_err());
        }
        for (kind, path, scopes) in [
            ("TYPE_REPO", "acme/app", &[] as &[&str]),
            ("TYPE_REPO", "acme/app", &["scope-member-read"]),
            ("TYPE_ORG", "acme", &["scope-image-pull"]),
            ("TYPE_REPO", "acme/*/x", &["scope-image-pull"]),
            ("TYPE_REPO", "*", &["scope-image-pull"]),
            ("TYPE_ORG", "acme/app", &["scope-member-read"]),
            ("TYPE_TEAM", "acme", &["scope-member-read"]),
        ] {
            assert!(TokenResource::parse(kind, path, scopes).is_err(), "{kind} {path} {scopes:?}");
        }
        assert!(TokenResources::new(Vec::new()).is_err());
    }

    #[test]
    fn stored_scopes_of_newer_programs_give_nothing() {
        let stored = |scopes: &[&str]| {
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            TokenResources::from_stored(&[("TYPE_REPO".into(), "acme/*".into(), scopes)]).unwrap()
        };
        let both = stored(&["scope-new", "scope-image-pull"]);
        assert_eq!(may(&both, "acme/app", Some(Visibility::Private)), [RepositoryAction::Pull]);
        assert!(may(&stored(&["scope-new"]), "acme/app", Some(Visibility::Public)).is_empty());
    }

    #[test]
    fn scopes_have_resources_like_them() {
        let acme: Namespace = "acme".parse().unwrap();
        for scope in [Scope::PublicRead, Scope::Read, Scope::Write, Scope::Admin] {
            let like = TokenResources::like(scope, &acme);
            assert!(!like.as_slice()[0].scope_names().is_empty());
            assert!(like.check_of(&acme).is_ok());
        }
    }
}
