//! Whatever a caller can be, or come with, has an actor; and every dialect has a door.
//!
//! The functions match without `_`, so that a new variant does not compile until it is said who has it.

use std::collections::BTreeSet;

use longshore_api_oci::routes::OperationKind;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::{CredentialScope, Principal};
use longshore_domain::account::{AccountKind, OrganizationRole};
use longshore_domain::credential::{Scope, TokenRestriction};
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::token_resource::{OrganizationScope, RepositoryScope};

use super::door::Door;
use super::rows::Row;
use super::table::Table;
use super::world::{
    INERT_ORGANIZATION_SCOPES, INERT_REPOSITORY_SCOPES, ORGANIZATION_SCOPES, REPOSITORY_SCOPES, World,
};

/// Operations that nobody may do here, because what they need is not there or is not theirs.
const NOBODY: &[(&str, &str)] = &[
    ("hub", "post_users_2fa_login"),
    ("hub", "resend_invite"),
    ("hub", "accept_invite"),
    ("hub", "describe_invite"),
    ("hub", "join_by_invite"),
    ("hub", "confirm_second_factor"),
    ("hub", "renew_recovery_codes"),
    ("hub", "disable_second_factor"),
    ("hub", "get_v1_images"),
    ("hub", "get_v1_tags"),
    ("hub", "get_v1_tag"),
    ("hub", "get_v1_namespace_images"),
    ("hub", "get_v1_namespace_tags"),
    ("hub", "get_v1_namespace_tag"),
    // With a password that is wrong, and of another account.
    ("native", "prove_presence"),
    ("native", "change_own_password"),
    ("native", "confirm_second_factor"),
    ("native", "disable_second_factor"),
    ("native", "renew_recovery_codes"),
    ("native", "want_email"),
    // Of an address that nobody wanted.
    ("native", "confirm_email"),
    ("native", "delete_own_account"),
    ("native", "resend_invite"),
    ("native", "end_own_session"),
    // Of what is not there.
    ("native", "delete_user_second_factor"),
    ("native", "delete_work"),
    ("native", "get_job"),
    ("native", "cancel_job"),
    ("native", "follow_job"),
    // With a password, a code and a session that are not there.
    ("pages", "sign_in"),
    ("pages", "complete_sign_in"),
    // By a link that nobody was given.
    ("pages", "set_up"),
    ("pages", "open_invite"),
    ("pages", "join_by_invite"),
    ("scim", "get_me"),
    ("scim", "create_me"),
    ("scim", "replace_me"),
    ("scim", "patch_me"),
    ("scim", "delete_me"),
];

fn of_role(role: OrganizationRole) -> &'static [&'static str] {
    match role {
        OrganizationRole::Member => {
            &["member", "member-all", "team-read", "team-write", "team-admin", "member-write"]
        }
        OrganizationRole::Editor => &["editor"],
        OrganizationRole::Owner => &["owner", "rival", "closed-owner", "deactivated"],
    }
}

fn of_permission(permission: RepositoryPermission) -> &'static [&'static str] {
    match permission {
        RepositoryPermission::Read => &["team-read", "ns-read", "repo-read"],
        RepositoryPermission::Write => &["team-write", "ns-write", "repo-write"],
        RepositoryPermission::Admin => &["team-admin", "ns-manage", "repo-manage"],
    }
}

fn of_scope(scope: Scope) -> &'static [&'static str] {
    match scope {
        Scope::PublicRead => &["token-public", "key-public"],
        Scope::Read => &["token-read", "key-read"],
        Scope::Write => &["token-write", "key-write"],
        Scope::Admin => &["token-admin", "key-admin", "org-plain"],
        Scope::Account => &["key-account", "org-key"],
    }
}

fn of_cap(cap: &TokenRestriction) -> &'static [&'static str] {
    match cap {
        TokenRestriction::Scope(scope) => of_scope(*scope),
        TokenRestriction::Resources(_) => &["org-one", "org-other", "org-public", "org-inert"],
        TokenRestriction::Registry { scope: Scope::Read, .. } => &["docker-read"],
        TokenRestriction::Registry { .. } => &["docker-write", "docker-elsewhere"],
        TokenRestriction::Login { namespace: None, .. } => &["login"],
        TokenRestriction::Login { namespace: Some(_), .. } => &["login-acme", "login-elsewhere"],
    }
}

fn of_grants(grants: &CredentialScope) -> &'static [&'static str] {
    match grants {
        CredentialScope::Everything => &["owner"],
        CredentialScope::Namespace(_) => &["project-acme", "project-elsewhere"],
        CredentialScope::Listed { catalog: true, .. } => &["bearer-catalog"],
        CredentialScope::Listed { search: true, .. } => &["bearer-search"],
        CredentialScope::Listed { .. } => &["bearer-none", "bearer-pull", "bearer-push", "bearer-delete"],
    }
}

fn of_account(kind: AccountKind) -> &'static [&'static str] {
    match kind {
        AccountKind::User => &["owner", "administrator", "powerless"],
        AccountKind::Organization => &["org-plain", "org-key", "closed-token"],
    }
}

fn of_principal(principal: &Principal) -> &'static [&'static str] {
    match principal {
        Principal::Anonymous => &["anonymous"],
        // Sits at the machine and comes through no door.
        Principal::Operator => &[],
        Principal::Account(_) => &["owner"],
    }
}

#[test]
fn every_scope_of_organizations_has_an_actor() {
    let known = |allowing: &[&'static str], inert: &[&'static str]| -> BTreeSet<&'static str> {
        allowing.iter().chain(inert).copied().collect()
    };
    let (of_repositories, of_organizations) = (RepositoryScope::names(), OrganizationScope::names());
    assert_eq!(of_repositories.collect::<BTreeSet<_>>(), known(REPOSITORY_SCOPES, INERT_REPOSITORY_SCOPES));
    assert_eq!(
        of_organizations.collect::<BTreeSet<_>>(),
        known(ORGANIZATION_SCOPES, INERT_ORGANIZATION_SCOPES)
    );
}

#[test]
fn every_dialect_has_a_door() {
    let manifest = include_str!("../../../Cargo.toml");
    let dialects: BTreeSet<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("longshore-api-")?.split('.').next())
        .filter(|name| *name != "common")
        .collect();
    let crates = Door::ALL.iter().filter_map(|door| match door {
        Door::Oci => Some("oci"),
        Door::Hub => Some("hub"),
        Door::DigitalOcean => Some("docr"),
        Door::Swr => Some("swr"),
        Door::Scim => Some("scim"),
        Door::Native => Some("native"),
        // A dialect of people; its crate is called otherwise.
        Door::Pages => None,
    });
    assert_eq!(dialects, crates.collect());
}

/// Returns what is missing in the world: a kind of caller that nobody is.
pub fn missing_actors(world: &World) -> Vec<String> {
    let scopes = [Scope::PublicRead, Scope::Read, Scope::Write, Scope::Admin, Scope::Account];
    let roles = [OrganizationRole::Member, OrganizationRole::Editor, OrganizationRole::Owner];
    let permissions = [RepositoryPermission::Read, RepositoryPermission::Write, RepositoryPermission::Admin];
    let acme: longshore_domain::name::Namespace = "acme".parse().unwrap();
    let registry = |scope| TokenRestriction::Registry { name: acme.clone(), scope };
    let login = |namespace| TokenRestriction::Login { namespace, scope: Scope::Write };
    let mut caps: Vec<TokenRestriction> = scopes.map(TokenRestriction::Scope).to_vec();
    caps.extend([registry(Scope::Read), registry(Scope::Write), login(None), login(Some(acme.clone()))]);
    caps.push(TokenRestriction::Resources(longshore_domain::token_resource::TokenResources::default()));
    let listed = |catalog, search| CredentialScope::Listed { repositories: Vec::new(), catalog, search };
    let grants = [
        CredentialScope::Everything,
        CredentialScope::Namespace(acme.clone()),
        listed(false, false),
        listed(true, false),
        listed(false, true),
    ];
    let needed = roles.iter().flat_map(|role| of_role(*role));
    let needed = needed.chain(permissions.iter().flat_map(|permission| of_permission(*permission)));
    let needed = needed.chain(caps.iter().flat_map(of_cap)).chain(grants.iter().flat_map(of_grants));
    let kinds = [AccountKind::User, AccountKind::Organization];
    let needed = needed.chain(kinds.into_iter().flat_map(of_account));
    let needed = needed.chain([Principal::Anonymous, Principal::Operator].iter().flat_map(of_principal));
    let needed: BTreeSet<&str> = needed.copied().collect();
    let there: BTreeSet<&str> = world.actors.iter().map(|actor| actor.name.as_str()).collect();
    needed.difference(&there).map(|name| format!("nobody is {name}; see world.rs")).collect()
}

/// Returns what the table of routes declares that somebody needs, and the table of expectations says otherwise.
pub fn contradictions(table: &Table, rows: &[Row], world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut hold = |door: Door, operation: &str, actor: &str, statuses: &[u16], why: &str| {
        for row in rows.iter().filter(|row| row.door == door && row.operation() == operation) {
            let expected = table.expected(door.name(), &row.name, actor);
            if expected.as_ref().is_some_and(|expected| !statuses.contains(&expected.status)) {
                let expected = expected.unwrap();
                wrong.push(format!("{} {}: {actor} should get {expected}, but {why}", door.name(), row.name));
            }
        }
    };
    for route in longshore_api_hub::routes::ROUTES {
        use longshore_api_hub::routes::Needs;
        match route.needs {
            Needs::Nothing => {}
            Needs::Nobody => {
                hold(Door::Hub, route.operation, "anonymous", &[200, 404], "it is for nobody too")
            }
            Needs::Account => hold(Door::Hub, route.operation, "anonymous", &[401], "it needs an account"),
            Needs::Password => {
                hold(Door::Hub, route.operation, "anonymous", &[401], "it needs a password");
                hold(Door::Hub, route.operation, "token-admin", &[403], "it needs a password");
            }
        }
    }
    for route in longshore_api_docr::routes::ROUTES {
        if route.needs == longshore_api_docr::routes::Needs::Account {
            hold(Door::DigitalOcean, route.operation, "anonymous", &[401], "it needs an access token");
        }
    }
    for route in longshore_api_swr::routes::ROUTES {
        if route.needs == longshore_api_swr::routes::Needs::Account {
            hold(Door::Swr, route.operation, "anonymous", &[400, 401], "it needs a token");
        }
    }
    for route in longshore_api_scim::routes::ROUTES {
        match route.needs {
            longshore_api_scim::routes::Needs::Token => {
                hold(Door::Scim, route.operation, "owner", &[401], "it needs a SCIM token");
            }
        }
    }
    for route in longshore_api_native::routes::ROUTES {
        use longshore_api_native::routes::Needs;
        match route.needs {
            Needs::Nothing => hold(Door::Native, route.operation, "anonymous", &[200], "it needs nothing"),
            Needs::Nobody => {
                hold(Door::Native, route.operation, "anonymous", &[200, 401], "it is for nobody too");
            }
            Needs::Account => {
                hold(Door::Native, route.operation, "anonymous", &[401], "it needs an account");
            }
            Needs::Operator => {
                for actor in ["owner", "token-admin", "org-plain"] {
                    hold(Door::Native, route.operation, actor, &[403], "it is the operator's");
                }
            }
        }
    }
    for screen in longshore_web::routes::SCREENS {
        use longshore_web::routes::Needs;
        if screen.needs == Needs::Administrator {
            for (actor, status) in [("anonymous", 303), ("owner", 404), ("token-admin", 303)] {
                hold(Door::Pages, screen.operation, actor, &[status], "it is there for administrators alone");
            }
        }
        if screen.needs == Needs::Account {
            for actor in ["anonymous", "token-admin", "deactivated"] {
                hold(
                    Door::Pages,
                    screen.operation,
                    actor,
                    &[303],
                    "it leads whoever is not signed in to do so",
                );
            }
        }
    }
    for kind in OperationKind::ALL {
        let hidden = [401, 403, 404];
        match kind.action() {
            Some(RepositoryAction::Pull) => {
                hold(Door::Oci, kind.name(), "bearer-none", &hidden, "it needs to pull")
            }
            Some(RepositoryAction::Push) => {
                hold(Door::Oci, kind.name(), "token-read", &hidden, "it needs to push")
            }
            Some(RepositoryAction::Delete) => {
                hold(Door::Oci, kind.name(), "token-write", &hidden, "it needs to delete")
            }
            _ => {}
        }
    }
    for row in rows {
        let is_allowed = |name: &str| {
            table.expected(row.door.name(), &row.name, name).is_some_and(|expected| expected.status < 400)
        };
        let may_somebody = world.actors.iter().any(|actor| is_allowed(&actor.name));
        let is_for_nobody = NOBODY.contains(&(row.door.name(), row.name.as_str()));
        if may_somebody == is_for_nobody {
            wrong.push(format!("{} {}: is it for nobody? See completeness.rs", row.door.name(), row.name));
        }
    }
    wrong
}
