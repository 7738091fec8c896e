//! Tokens: signing in, showing what a token is for, and ending it.
//!
//! Keystone v3, "Authentication and token management"; IAM, `KeystoneCreateUserTokenByPassword`.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_domain::access::actor::Actor;
use longshore_domain::account::Account;
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Field, Result};
use longshore_identity::identity::{Identity, ShownIdentity, UserName, WantedScope};
use longshore_identity::projects::ProjectName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::wire;

const SUBJECT: &str = "x-subject-token";

/// Body of `createToken`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TokenRequest {
    auth: AuthRequest,
}

#[derive(Deserialize, JsonSchema)]
struct AuthRequest {
    identity: IdentityRequest,
    #[serde(default)]
    scope: Option<ScopeRequest>,
}

#[derive(Deserialize, JsonSchema)]
struct IdentityRequest {
    /// `password`, `password` with `totp`, or `token`.
    methods: Vec<String>,
    #[serde(default)]
    password: Option<PasswordMethod>,
    #[serde(default)]
    totp: Option<TotpMethod>,
    #[serde(default)]
    token: Option<TokenMethod>,
}

#[derive(Deserialize, JsonSchema)]
struct PasswordMethod {
    user: UserRequest,
}

#[derive(Deserialize, JsonSchema)]
struct UserRequest {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    domain: Option<NameRequest>,
    /// The password, or an access token.
    password: String,
}

#[derive(Deserialize, JsonSchema)]
struct TotpMethod {
    user: TotpUser,
}

#[derive(Deserialize, JsonSchema)]
struct TotpUser {
    /// The code of an authenticator, or a recovery code.
    passcode: String,
}

#[derive(Deserialize, JsonSchema)]
struct TokenMethod {
    id: String,
}

/// A domain or project, by id or name.
#[derive(Deserialize, JsonSchema)]
struct NameRequest {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    /// Of a project that is given by name.
    #[serde(default)]
    domain: Option<Box<NameRequest>>,
}

#[derive(Deserialize, JsonSchema)]
struct ScopeRequest {
    #[serde(default)]
    project: Option<NameRequest>,
    #[serde(default)]
    domain: Option<NameRequest>,
}

/// Schema `Token`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenResponse {
    token: TokenDocument,
}

#[derive(Serialize, JsonSchema)]
struct TokenDocument {
    methods: Vec<String>,
    issued_at: String,
    expires_at: String,
    user: UserDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<ProjectDocument>,
    /// Instead of a project, when it is for a domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<DomainDocument>,
    roles: Vec<DomainDocument>,
    /// Absent when the client wants none.
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog: Option<Vec<Service>>,
}

#[derive(Serialize, JsonSchema)]
struct UserDocument {
    id: String,
    name: String,
    domain: DomainDocument,
    password_expires_at: String,
}

#[derive(Serialize, JsonSchema)]
struct ProjectDocument {
    id: String,
    name: String,
    domain: DomainDocument,
}

#[derive(Serialize, JsonSchema)]
struct DomainDocument {
    id: String,
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct Service {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    id: &'static str,
    endpoints: Vec<Endpoint>,
}

#[derive(Serialize, JsonSchema)]
struct Endpoint {
    id: &'static str,
    interface: &'static str,
    region: String,
    region_id: String,
    url: String,
}

fn invalid(field: Field, reason: &str) -> Error {
    Error::Invalid { field, reason: reason.to_owned() }
}

fn outside() -> Error {
    Error::Unauthenticated(Unauthenticated::OutsideProject)
}

fn domain(account: &Account) -> DomainDocument {
    DomainDocument { id: wire::account_id(account), name: account.name.to_string() }
}

impl NameRequest {
    fn project_name(&self, member: &'static str) -> Result<ProjectName<'_>> {
        match (&self.id, &self.name) {
            (Some(id), _) => wire::parse_id(id).map(ProjectName::Id).ok_or_else(outside),
            (None, Some(name)) => Ok(ProjectName::Name(name)),
            (None, None) => Err(invalid(Field::Member(member), "must have an id or a name")),
        }
    }
}

/// Checks who asks: gives the actor, and the token that it came with.
async fn sign_in(context: &Context, identity: &IdentityRequest) -> Result<(Arc<Actor>, Option<Identity>)> {
    let methods: Vec<&str> = identity.methods.iter().map(String::as_str).collect();
    let app = &context.app;
    match (methods.as_slice(), &identity.password, &identity.token) {
        (["token"], _, Some(token)) => {
            let identity = app.identity.authenticate_identity(&token.id).await?;
            Ok((Arc::clone(&identity.actor), Some(identity)))
        }
        (["password"] | ["password", "totp"] | ["totp", "password"], Some(password), _) => {
            let user = &password.user;
            let name = match (&user.id, &user.name) {
                (Some(id), _) => UserName::Id(wire::parse_id(id)),
                (None, Some(name)) => UserName::Name(name),
                (None, None) => return Err(invalid(Field::Member("user"), "must have an id or a name")),
            };
            let passcode = identity.totp.as_ref().filter(|_| methods.contains(&"totp"));
            let passcode = passcode.map(|totp| totp.user.passcode.as_str());
            let address = Some(context.client.address);
            let actor = app.identity.authenticate_password(name, &user.password, passcode, address).await?;
            if let Some(domain) = &user.domain {
                let named = domain.project_name("domain")?;
                app.identity.find_project(&actor, &named).await?.ok_or_else(outside)?;
            }
            Ok((actor, None))
        }
        _ => Err(invalid(
            Field::Member("methods"),
            "must be password, password with totp, or token, each with its member",
        )),
    }
}

fn wanted(scope: Option<&ScopeRequest>) -> Result<WantedScope<'_>> {
    match scope {
        Some(ScopeRequest { project: Some(project), .. }) => {
            let domain = project.domain.as_ref().map(|domain| domain.project_name("domain")).transpose()?;
            Ok(WantedScope::Project(project.project_name("project")?, domain))
        }
        Some(ScopeRequest { domain: Some(domain), .. }) => {
            Ok(WantedScope::Domain(domain.project_name("domain")?))
        }
        _ => Ok(WantedScope::Unchanged),
    }
}

/// Lists the services of this registry. Their ids mean nothing: they only stay the same, as clients expect of ids.
fn catalog(context: &Context) -> Vec<Service> {
    let region = &context.app.platform.settings().region;
    let service = |kind, name, id, path: &str| Service {
        kind,
        name,
        id,
        endpoints: vec![Endpoint {
            id,
            interface: "public",
            region: region.clone(),
            region_id: region.clone(),
            url: context.client.origin.absolute(path),
        }],
    };
    vec![
        service("swrv2", "swrv2", "9f1c5a4e6c3a4c0e9a7f2b1d0c8e6a01", "/v2"),
        service("identity", "keystone", "9f1c5a4e6c3a4c0e9a7f2b1d0c8e6a02", "/v3"),
    ]
}

fn document(context: &Context, shown: ShownIdentity) -> TokenResponse {
    let ShownIdentity { identity, user, account, level } = shown;
    let role = match wire::level(level) {
        7 => "te_admin",
        3 => "swr_editor",
        _ => "readonly",
    };
    let time = |at: Timestamp| format!("{at:.6}");
    let project = identity.scope.project.map(|name| ProjectDocument {
        id: wire::account_id(&account),
        name,
        domain: domain(&account),
    });
    let token = TokenDocument {
        methods: identity.scope.methods,
        issued_at: time(identity.issued_at),
        expires_at: time(identity.expires_at),
        user: UserDocument {
            id: wire::account_id(&user),
            name: user.name.to_string(),
            domain: domain(&user),
            password_expires_at: String::new(),
        },
        domain: project.is_none().then(|| domain(&account)),
        project,
        roles: vec![DomainDocument { id: role.to_owned(), name: role.to_owned() }],
        catalog: context.query("nocatalog").is_none().then(|| catalog(context)),
    };
    TokenResponse { token }
}

fn with_subject(mut response: Response, token: &str) -> Result<Response> {
    let mut value = HeaderValue::try_from(token).map_err(Error::internal)?;
    value.set_sensitive(true);
    response.headers_mut().insert(SUBJECT, value);
    Ok(response)
}

/// `POST /v3/auth/tokens`.
pub(crate) async fn create_token(context: &Context, body: RequestBody) -> Result<Response> {
    let request: TokenRequest = context.json(body).await?;
    let AuthRequest { identity, scope } = request.auth;
    let (actor, got_with) = sign_in(context, &identity).await?;
    let app = &context.app;
    let scope = wanted(scope.as_ref())?;
    let issued = app.identity.issue_identity(&actor, scope, identity.methods, got_with.as_ref()).await?;
    let shown = app.identity.show_identity(issued.identity).await?;
    with_subject(json(StatusCode::CREATED, &document(context, shown)), &issued.token)
}

fn subject(context: &Context) -> Result<&str> {
    context
        .token(SUBJECT)?
        .ok_or_else(|| invalid(Field::Parameter("X-Subject-Token"), "must hold the token that is meant"))
}

/// `GET /v3/auth/tokens`.
pub(crate) async fn show_token(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let token = subject(context)?;
    let shown = context.app.identity.find_identity(&actor, token).await?;
    with_subject(json(StatusCode::OK, &document(context, shown)), token)
}

/// `DELETE /v3/auth/tokens`.
pub(crate) async fn delete_token(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    context.app.identity.revoke_identity(&actor, subject(context)?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
