//! The world that the matrix asks about: who is in it, what is there, and what each presents at each door.
//!
//! `acme` is what everybody asks about. Its members pull nothing without a team; `open` is the same for the one actor who is
//! a member where members pull all, `closed` for those of an organization that is disabled. `globex` is another tenant's.
//! Each has the repositories `app`, `vault` (both private) and `public`, and permissions are for `app`.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use longshore_testkit::images::{digest_of, image};
use serde_json::{Value, json};

use super::door::{Credential, Door, hmac_sha256};
use crate::docr::docker_login;
use crate::hub::{session, sign_in};
use crate::server::{Client, PASSWORD, Server};
use crate::walk::send;
use crate::web::signed_in;

/// What stands for a name in paths and bodies.
pub type Vars = BTreeMap<String, String>;

/// Somebody with a credential.
pub struct Actor {
    pub name: String,
    /// The name of its account.
    pub account: String,
    /// The organization that it asks about.
    pub home: &'static str,
    pub at: HashMap<Door, Credential>,
    /// What it signs in with where a request holds the credential.
    pub login: (String, String),
}

/// All that is needed to ask, on any server that has this data.
pub struct World {
    pub actors: Vec<Actor>,
    /// What there is in each organization.
    pub homes: BTreeMap<&'static str, Vars>,
    /// What those who own organizations present, to make what requests destroy.
    makers: BTreeMap<&'static str, Maker>,
    pub scim: Credential,
}

/// Somebody who owns an organization.
#[derive(Clone)]
struct Maker {
    hub: String,
    swr: String,
    docr: String,
    docker: String,
}

/// The configuration of the servers: requests and failed sign-ins are not limited, and bearer tokens work for long.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("LONGSHORE_LIMITS_REQUESTS_PER_ACCOUNT", "0"),
    ("LONGSHORE_LIMITS_REQUESTS_PER_ADDRESS", "0"),
    ("LONGSHORE_AUTH_FAILURES_PER_ACCOUNT_AND_ADDRESS", "100000"),
    ("LONGSHORE_AUTH_FAILURES_PER_ADDRESS", "100000"),
    ("LONGSHORE_AUTH_FAILURES_PER_ACCOUNT", "100000"),
    // Those that were given before all was asked work to the end.
    ("LONGSHORE_AUTH_TOKEN_TTL_SECONDS", "3600"),
];

/// Users who are members of `acme`, by role, and the group that they are in.
const MEMBERS: &[(&str, &str, Option<&str>)] = &[
    ("member", "member", None),
    ("member-write", "member", None),
    ("team-read", "member", Some("readers")),
    ("team-write", "member", Some("writers")),
    ("team-admin", "member", Some("admins")),
    ("editor", "editor", None),
    ("deactivated", "owner", None),
    ("bystander", "member", Some("ops")),
];
/// Users who were given something without being members.
pub const GIVEN: &[(&str, u8)] = &[("ns-read", 1), ("ns-write", 3), ("ns-manage", 7)];
pub const GIVEN_IN_APP: &[(&str, u8)] = &[("repo-read", 1), ("repo-write", 3), ("repo-manage", 7)];
/// Users who are nothing of all that.
const OTHERS: &[&str] =
    &["owner", "powerless", "shared", "rival", "open-owner", "member-all", "closed-owner", "subscriber"];
/// Users who act, each by password.
pub const PEOPLE: &[&str] = &[
    "powerless",
    "member",
    "member-all",
    "team-read",
    "team-write",
    "team-admin",
    "member-write",
    "ns-read",
    "ns-write",
    "ns-manage",
    "repo-read",
    "repo-write",
    "repo-manage",
    "shared",
    "editor",
    "owner",
    "rival",
    "administrator",
    "deactivated",
    "closed-owner",
];
/// Scopes of access tokens, by the names of the actors.
pub const SCOPES: &[(&str, &str)] = &[
    ("public", "repo:public_read"),
    ("read", "repo:read"),
    ("write", "repo:write"),
    ("admin", "repo:admin"),
];
/// Scopes for the repositories of an organization that allow something.
pub const REPOSITORY_SCOPES: &[&str] = &[
    "scope-image-pull",
    "scope-image-push",
    "scope-image-delete",
    "scope-repository-read",
    "scope-repository-edit",
    "scope-repository-admin",
    "scope-repository-settings-admin",
    "scope-tag-read",
    "scope-tag-admin",
    "scope-repo-group-read",
    "scope-repo-group-edit",
    "scope-repo-group-admin",
    "repo-pull",
    "repo-push",
];
/// Scopes for an organization that allow something.
pub const ORGANIZATION_SCOPES: &[&str] = &[
    "scope-member-read",
    "scope-member-edit",
    "scope-invite-read",
    "scope-invite-edit",
    "scope-group-read",
    "scope-group-edit",
    "scope-activity-read",
    "scope-registry-read",
    "scope-registry-admin",
    "scope-repository-create",
    "scope-repository-list",
];
/// Scopes that are taken and allow nothing.
pub const INERT_REPOSITORY_SCOPES: &[&str] =
    &["scope-webhook-read", "scope-webhook-edit", "scope-webhook-admin"];
pub const INERT_ORGANIZATION_SCOPES: &[&str] = &[
    "scope-registry-usage-read",
    "scope-report-read",
    "scope-ram-read",
    "scope-ram-write",
    "scope-siem_credentials-read",
];

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn bearer(session: &str) -> Credential {
    Credential::Bearer(session.strip_prefix("Bearer ").unwrap().to_owned())
}

/// The name that the account of an actor has.
fn account(actor: &str) -> &str {
    if actor == "administrator" { "admin" } else { actor }
}

/// Sends a JSON request that must be taken.
#[track_caller]
pub fn take(client: &Client, method: &str, path: &str, who: &str, body: &Value) -> Value {
    let answer = send(client, method, path, who, body);
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(answer.status < 300, "{method} {path} answers {}: {said}", answer.status);
    answer.json()
}

/// Builds the world.
struct Builder<'s> {
    server: &'s Server,
    sessions: HashMap<String, String>,
    uuids: HashMap<String, String>,
    actors: Vec<Actor>,
    homes: BTreeMap<&'static str, Vars>,
    makers: BTreeMap<&'static str, Maker>,
}

/// Pushes an image of one layer under a tag, and gives its digest and that of its configuration.
pub fn push(client: &Client, who: &str, repository: &str, tag: &str, note: &str) -> (String, String) {
    let config = format!("{{\"note\":\"{note}\"}}");
    client.push_blob(who, repository, config.as_bytes());
    let manifest = image(config.as_bytes(), &[]);
    client.push_manifest(who, repository, tag, &manifest).expect(201);
    (digest_of(&manifest).to_string(), digest_of(config.as_bytes()).to_string())
}

impl Builder<'_> {
    fn user(&mut self, name: &str) {
        if name != "admin" {
            self.server.admin_with_input(&["user", "create", name, "--password-stdin"], PASSWORD);
        }
        let session = sign_in(self.server, name);
        let me = take(self.server, "GET", "/v2/user", &session, &Value::Null);
        self.uuids.insert(name.to_owned(), text(&me["uuid"]).replace('-', ""));
        self.sessions.insert(name.to_owned(), session);
    }

    fn session(&self, name: &str) -> &str {
        &self.sessions[account(name)]
    }

    fn identity(&self, user: &str, secret: &str, project: &str) -> String {
        let mut body = crate::swr::credentials(user, project);
        body["auth"]["identity"]["password"]["user"]["password"] = secret.into();
        let answer = send(self.server, "POST", "/v3/auth/tokens", "", &body).expect(201);
        answer.header("x-subject-token").to_owned()
    }

    fn access_token(&self, who: &str, label: &str, scope: &str) -> (String, String) {
        let body = json!({ "token_label": label, "scopes": [scope] });
        let made = take(self.server, "POST", "/v2/access-tokens", self.session(who), &body);
        (text(&made["token"]), text(&made["uuid"]))
    }

    /// Fills an organization that is there with what is asked about.
    fn furnish(&mut self, org: &'static str, owner: &str) {
        let server = self.server;
        let hub = self.session(owner).to_owned();
        let (secret, _) = self.access_token(owner, "maker", "repo:admin");
        let docker = format!("{owner}:{secret}");
        let swr = format!("Token {}", self.identity(owner, PASSWORD, "eu-de"));
        let docr = format!("Bearer {secret}");
        let mut vars = Vars::new();
        let mut set = |name: &str, value: String| drop(vars.insert(name.to_owned(), value));
        set("org", org.into());
        set("repository", "app".into());
        set("tag", "v1".into());
        for (name, is_private) in [("app", true), ("vault", true), ("public", false)] {
            let body = json!({ "namespace": org, "name": name, "is_private": is_private });
            take(server, "POST", "/v2/repositories", &hub, &body);
            let (digest, config) =
                push(server, &docker, &format!("{org}/{name}"), "v1", &format!("{org}/{name}"));
            if name == "app" {
                set("digest", digest);
                set("blob", config);
            } else if name == "vault" {
                set("vault-blob", config);
            }
        }
        for group in ["readers", "writers", "admins", "ops"] {
            // Another tenant's have other names, by which lists are told apart.
            let name = if org == "globex" { format!("globex-{group}") } else { group.to_owned() };
            let made =
                take(server, "POST", &format!("/v2/orgs/{org}/groups"), &hub, &json!({ "name": name }));
            set(&format!("group-{group}"), text(&made["id"]));
        }
        let settings = "/v2/repositories/".to_owned() + org + "/app/groups";
        for (group, permission) in [("readers", "read"), ("writers", "write"), ("admins", "admin")] {
            let id = vars[&format!("group-{group}")].parse::<i64>().unwrap();
            take(server, "POST", &settings, &hub, &json!({ "group_id": id, "permission": permission }));
        }
        let mut set = |name: &str, value: String| drop(vars.insert(name.to_owned(), value));
        set("group_name", "ops".into());
        set("username", "bystander".into());
        set("user_id", self.uuids["bystander"].clone());
        set("doomed", org.into());
        set("unset", "app".into());
        for (user, id) in &self.uuids {
            set(&format!("id-{user}"), id.clone());
        }
        let resources =
            json!([{ "type": "TYPE_REPO", "path": format!("{org}/*"), "scopes": ["scope-image-pull"] }]);
        let body = json!({ "label": "kept", "resources": resources });
        let made = take(server, "POST", &format!("/v2/orgs/{org}/access-tokens"), &hub, &body);
        set("access_token_id", text(&made["id"]));
        let body = json!({ "label": "okta" });
        let made = take(server, "POST", &format!("/v2/orgs/{org}/scim-tokens"), &hub, &body);
        set("scim_token_id", text(&made["id"]));
        let body = json!({ "org": org, "invitees": ["guest@example.org"] });
        let made = take(server, "POST", "/v2/invites/bulk", &hub, &body);
        set("invite", text(&made["invitees"][0]["invite"]["id"]));
        let (_, uuid) = self.access_token(owner, "kept", "repo:read");
        set("uuid", uuid);
        let key = take(server, "POST", "/v3.0/OS-CREDENTIAL/credentials", &swr, &json!({ "credential": {} }));
        set("access", text(&key["credential"]["access"]));
        if org != "globex" {
            let share = json!({ "access_domain": "shared", "permit": "read", "deadline": "forever" });
            let path = format!("/v2/manage/namespaces/{org}/repositories/app/access-domains");
            take(server, "POST", &path, &swr, &share);
        }
        set("access_domain", "shared".into());
        let app = format!("/v2/manage/namespaces/{org}/repos/app");
        let rule = json!({ "template": "tag_rule", "params": { "num": "1000" }, "tag_selectors": [] });
        let policy = json!({ "algorithm": "or", "rules": [rule] });
        let made = take(server, "POST", &format!("{app}/retentions"), &swr, &policy);
        set("retention_id", made["id"].to_string());
        let projects = take(server, "GET", "/v3/projects", &swr, &Value::Null);
        let projects = projects["projects"].as_array().unwrap();
        let project = projects.iter().find(|project| project["name"] == org).unwrap();
        set("project_id", text(&project["id"]));
        set("subject", swr.strip_prefix("Token ").unwrap().into());
        if org != "depot" {
            let body = json!({ "name": org, "subscription_tier_slug": "professional" });
            take(server, "POST", "/v2/registries", &docr, &body);
        }
        set("run", "00000000-0000-4000-8000-000000000000".into());
        let begun =
            server.send("POST", &format!("/v2/{org}/app/blobs/uploads/"), &docker, &[], b"").expect(202);
        set("upload", begun.header("docker-upload-uuid").into());
        self.homes.insert(org, vars);
        self.makers.insert(org, Maker { hub, swr, docr, docker });
    }

    fn actor(
        &mut self,
        name: &str,
        account: &str,
        home: &'static str,
        login: (String, String),
        at: [Credential; 6],
    ) {
        let mut at: HashMap<Door, Credential> = Door::ALL.iter().copied().zip(at).collect();
        // The pages take no credential of an API; it is presented to them all the same.
        at.insert(Door::Pages, at[&Door::Native].clone());
        self.actors.push(Actor { name: name.to_owned(), account: account.to_owned(), home, at, login });
    }

    /// Somebody who signs in with a password, and has an access token for DigitalOcean's clients, which take nothing else.
    fn person(&mut self, name: &str, home: &'static str) {
        let user = account(name).to_owned();
        let session = bearer(self.session(name));
        let (docr, _) = self.access_token(name, "docr", "repo:admin");
        let swr = self.identity(&user, PASSWORD, "eu-de");
        let at = [
            Credential::Basic(format!("{user}:{PASSWORD}")),
            session.clone(),
            Credential::Bearer(docr),
            Credential::Token(swr),
            session.clone(),
            session,
        ];
        self.actor(name, &user, home, (user.clone(), PASSWORD.into()), at);
        let cookie = signed_in(self.server, &user);
        let cookie = Credential::Cookie(cookie.split_once('=').unwrap().1.to_owned());
        self.actors.last_mut().unwrap().at.insert(Door::Pages, cookie);
    }

    /// An access token of a user, or of an organization.
    fn token(&mut self, name: &str, home: &'static str, account: &str, secret: &str) {
        let session = session(self.server, account, secret);
        let at = [
            Credential::Basic(format!("{account}:{secret}")),
            bearer(&session),
            Credential::Bearer(secret.into()),
            Credential::Token(secret.into()),
            Credential::Bearer(secret.into()),
            Credential::Bearer(secret.into()),
        ];
        self.actor(name, account, home, (account.into(), secret.into()), at);
    }

    /// A pair of keys, which signs requests and signs Docker in.
    fn keys(&mut self, name: &str, account: &str, scope: &str) {
        let (access, secret) = crate::swr::access_key(self.server, account, scope);
        let project = if account == "acme" { "acme" } else { "eu-de" };
        let (user, password) = (format!("{project}@{access}"), hmac_sha256(&secret, access.as_bytes()));
        let keys = Credential::Keys { access, secret };
        let docker = Credential::Basic(format!("{user}:{password}"));
        let at = [docker, keys.clone(), keys.clone(), keys.clone(), keys.clone(), keys];
        self.actor(name, account, "acme", (user, password), at);
    }

    /// A secret that is good at one door; at the others it is presented all the same.
    fn elsewhere(&mut self, name: &str, login: &str, good: Option<(Door, Credential)>) {
        let (user, secret) = login.split_once(':').unwrap_or(("owner", login));
        let at = Door::ALL.iter().filter(|door| **door != Door::Pages).map(|door| match (&good, door) {
            (Some((good_at, credential)), door) if good_at == door => credential.clone(),
            (_, Door::Swr) => Credential::Token(secret.to_owned()),
            _ => Credential::Bearer(secret.to_owned()),
        });
        let at: Vec<_> = at.collect();
        self.actor(name, "owner", "acme", (user.into(), secret.into()), at.try_into().unwrap());
    }

    fn organization_token(&mut self, name: &str, resources: &Value) {
        let body = json!({ "label": name, "resources": resources });
        let made = take(self.server, "POST", "/v2/orgs/acme/access-tokens", self.session("owner"), &body);
        self.token(name, "acme", "acme", &text(&made["token"]));
    }

    fn docker_credential(&mut self, name: &str, registry: &str, bearer: &str, query: &str) {
        let path = format!("/v2/registries/{registry}/docker-credentials{query}");
        let config = take(self.server, "GET", &path, bearer, &Value::Null);
        let (_, login) = docker_login(&config);
        self.elsewhere(name, &login.clone(), Some((Door::Oci, Credential::Basic(login))));
    }

    fn temporary_login(&mut self, name: &str, swr: &str, query: &str) {
        let path = format!("/v2/manage/utils/secret{query}");
        let (_, login) = docker_login(&take(self.server, "POST", &path, swr, &Value::Null));
        self.elsewhere(name, &login.clone(), Some((Door::Oci, Credential::Basic(login))));
    }

    fn permissions(&self, maker: &Maker) {
        let server = self.server;
        let namespace = "/v2/manage/namespaces/acme/access";
        let auth =
            |name: &str, auth: u8| json!([{ "user_id": self.uuids[name], "user_name": name, "auth": auth }]);
        for (name, level) in GIVEN {
            take(server, "POST", namespace, &maker.swr, &auth(name, *level));
        }
        for (name, level) in GIVEN_IN_APP {
            let path = "/v2/manage/namespaces/acme/repos/app/access";
            take(server, "POST", path, &maker.swr, &auth(name, *level));
        }
        take(server, "PATCH", namespace, &maker.swr, &auth("member-write", 3));
    }

    fn owners_credentials(&mut self) {
        let owner = self.session("owner").to_owned();
        for (name, scope) in SCOPES {
            let (secret, _) = self.access_token("owner", &format!("token-{name}"), scope);
            self.token(&format!("token-{name}"), "acme", "owner", &secret);
            self.keys(&format!("key-{name}"), "owner", scope);
        }
        self.keys("key-account", "owner", "account");
        for scope in REPOSITORY_SCOPES {
            let resources = json!([{ "type": "TYPE_REPO", "path": "acme/*", "scopes": [scope] }]);
            self.organization_token(&format!("org-{}", scope.trim_start_matches("scope-")), &resources);
        }
        for scope in ORGANIZATION_SCOPES {
            let resources = json!([{ "type": "TYPE_ORG", "path": "acme", "scopes": [scope] }]);
            self.organization_token(&format!("org-{}", scope.trim_start_matches("scope-")), &resources);
        }
        let one =
            |path: &str, scopes: &[&str]| json!([{ "type": "TYPE_REPO", "path": path, "scopes": scopes }]);
        let all = ["scope-image-pull", "scope-repository-read", "scope-tag-read"];
        self.organization_token("org-one", &one("acme/app", &all));
        self.organization_token(
            "org-other",
            &one("acme/vault", &["scope-image-delete", "scope-repository-admin"]),
        );
        self.organization_token("org-public", &one("*/*/public", &all));
        self.organization_token(
            "org-inert",
            &json!([
                { "type": "TYPE_REPO", "path": "acme/*", "scopes": INERT_REPOSITORY_SCOPES },
                { "type": "TYPE_ORG", "path": "acme", "scopes": INERT_ORGANIZATION_SCOPES },
            ]),
        );
        let made =
            self.server.admin(&["token", "create", "acme", "--label", "plain", "--scope", "repo:admin"]);
        self.token("org-plain", "acme", "acme", &text(&made["token"]));
        self.keys("org-key", "acme", "account");
        let maker = self.makers["acme"].clone();
        self.docker_credential("docker-read", "acme", &maker.docr, "");
        self.docker_credential("docker-write", "acme", &maker.docr, "?read_write=true");
        let (admins, _) = self.access_token("administrator", "docker", "repo:admin");
        self.docker_credential("docker-elsewhere", "globex", &format!("Bearer {admins}"), "?read_write=true");
        self.temporary_login("login", &maker.swr, "");
        self.temporary_login("login-acme", &maker.swr, "?projectname=acme");
        self.temporary_login("login-elsewhere", &maker.swr, "?projectname=depot");
        for (name, project) in [("project-acme", "acme"), ("project-elsewhere", "depot")] {
            let token = self.identity("owner", PASSWORD, project);
            self.elsewhere(name, &token, Some((Door::Swr, Credential::Token(token.clone()))));
        }
        for (name, scopes) in [
            ("bearer-none", &[] as &[&str]),
            ("bearer-pull", &["repository:acme/app:pull"]),
            ("bearer-push", &["repository:acme/app:pull,push"]),
            ("bearer-delete", &["repository:acme/app:pull,push,delete"]),
            ("bearer-catalog", &["registry:catalog:*"]),
            ("bearer-search", &["registry:catalog:search"]),
        ] {
            let token = self.server.token(&maker.docker, scopes);
            let token = token.strip_prefix("Bearer ").unwrap();
            self.elsewhere(name, token, Some((Door::Oci, Credential::Bearer(token.into()))));
        }
        for (name, org) in [("scim", "acme"), ("scim-rival", "globex")] {
            let made = take(
                self.server,
                "POST",
                &format!("/v2/orgs/{org}/scim-tokens"),
                &self.makers[org].hub.clone(),
                &json!({ "label": name }),
            );
            self.elsewhere(name, &text(&made["token"]), None);
        }
        // Those that are void are made void at the end.
        let soon = crate::hub::authentication::time() + jiff::SignedDuration::from_secs(2);
        let body =
            json!({ "token_label": "expired", "scopes": ["repo:admin"], "expires_at": soon.to_string() });
        let expired = take(self.server, "POST", "/v2/access-tokens", &owner, &body);
        self.token("expired", "acme", "owner", &text(&expired["token"]));
        let (off, uuid) = self.access_token("owner", "off", "repo:admin");
        self.token("off", "acme", "owner", &off);
        let path = format!("/v2/access-tokens/{uuid}");
        take(self.server, "PATCH", &path, &owner, &json!({ "is_active": false }));
        let resources =
            json!([{ "type": "TYPE_REPO", "path": "closed/*", "scopes": ["scope-image-delete"] }]);
        let body = json!({ "label": "closed", "resources": resources });
        let made =
            take(self.server, "POST", "/v2/orgs/closed/access-tokens", self.session("closed-owner"), &body);
        self.token("closed-token", "closed", "closed", &text(&made["token"]));
    }
}

impl World {
    /// Makes the world on a server that has its administrator only.
    pub fn new(server: &Server) -> Self {
        let mut builder = Builder {
            server,
            sessions: HashMap::new(),
            uuids: HashMap::new(),
            actors: Vec::new(),
            homes: BTreeMap::new(),
            makers: BTreeMap::new(),
        };
        builder.user("admin");
        let members = MEMBERS.iter().map(|(name, ..)| *name);
        let given = GIVEN.iter().chain(GIVEN_IN_APP).map(|(name, _)| *name);
        for name in members.chain(given).chain(OTHERS.iter().copied()) {
            builder.user(name);
        }
        let homes = [
            ("acme", "owner"),
            ("open", "open-owner"),
            ("closed", "closed-owner"),
            ("globex", "rival"),
            ("depot", "owner"),
        ];
        for (org, owner) in homes {
            server.admin(&["org", "create", org, "--owner", owner]);
            if org != "open" {
                server.admin(&["org", "set", org, "--members-pull", "none"]);
            }
            if org == "depot" {
                for role in ["editor", "member"] {
                    server.admin(&["org", "set-member", org, role, "--role", role]);
                }
            } else {
                builder.furnish(org, owner);
            }
        }
        server.admin(&["org", "set-member", "open", "member-all", "--role", "member"]);
        for (name, role, group) in MEMBERS {
            server.admin(&["org", "set-member", "acme", name, "--role", role]);
            if let Some(group) = group {
                let path = format!("/v2/orgs/acme/groups/{group}/members");
                take(server, "POST", &path, builder.session("owner"), &json!({ "member": name }));
            }
        }
        // What is somebody's own is the owner's, whoever asks.
        let own =
            ["uuid", "access", "subject"].map(|name| (name.to_owned(), builder.homes["acme"][name].clone()));
        for vars in builder.homes.values_mut() {
            vars.extend(own.clone());
        }
        let maker = builder.makers["acme"].clone();
        builder.permissions(&maker);
        // An owner has set which tags never move; editors do not change that.
        let rules = json!({ "immutable_tags": true, "immutable_tags_rules": ["^frozen$"] });
        take(server, "PATCH", "/v2/namespaces/acme/repositories/app/immutabletags", &maker.hub, &rules);
        let nobody = std::array::from_fn(|_| Credential::Nothing);
        builder.actor("anonymous", "anonymous", "acme", ("anonymous".into(), "x".into()), nobody);
        for name in PEOPLE {
            let home = match *name {
                "member-all" => "open",
                "closed-owner" => "closed",
                _ => "acme",
            };
            builder.person(name, home);
        }
        builder.owners_credentials();
        server.admin(&["user", "disable", "deactivated"]);
        server.admin(&["org", "disable", "closed"]);
        let Builder { actors, homes, makers, .. } = builder;
        let scim = actors.iter().find(|actor| actor.name == "scim").unwrap().at[&Door::Scim].clone();
        Self { actors, homes, makers, scim }
    }
}

/// Makes what requests change or destroy, on one server.
pub struct Hands<'w> {
    pub world: &'w World,
    pub server: &'w Server,
    count: Cell<u32>,
}

impl<'w> Hands<'w> {
    pub fn new(world: &'w World, server: &'w Server) -> Self {
        Self { world, server, count: Cell::new(0) }
    }

    /// A number that nothing else has.
    pub fn number(&self) -> u32 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    fn maker(&self) -> &Maker {
        &self.world.makers["acme"]
    }

    /// The owner's session.
    pub fn owner(&self) -> &str {
        &self.maker().hub
    }

    /// Sends a request as the owner by the Hub's door.
    #[track_caller]
    pub fn hub(&self, method: &str, path: &str, body: &Value) -> Value {
        take(self.server, method, path, &self.maker().hub, body)
    }

    /// Sends a request as the owner by SWR's door.
    #[track_caller]
    pub fn swr(&self, method: &str, path: &str, body: &Value) -> Value {
        take(self.server, method, path, &self.maker().swr, body)
    }

    /// The access token of an organization's owner, for DigitalOcean's door.
    pub fn docr(&self, org: &str) -> &str {
        &self.world.makers[org].docr
    }

    /// The owner's login for pushing.
    pub fn docker(&self) -> &str {
        &self.maker().docker
    }

    /// Number of a group of `acme`.
    pub fn group(&self, name: &str) -> i64 {
        self.world.homes["acme"][&format!("group-{name}")].parse().unwrap()
    }
}
