//! Tokens: signing in, showing what a token is for, and ending it.
//!
//! Keystone v3, "Authentication and token management"; IAM, `KeystoneCreateUserTokenByPassword`.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_domain::account::Account;
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Result};
use longshore_services::authentication::Caller;
use longshore_services::projects::ProjectName;
use longshore_services::sign_in::SignIn;
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

/// What a token was asked for.
struct Scoped {
    caller: Arc<Caller>,
    account: Account,
    /// What the client calls the project; `None` when it asked for a domain.
    project: Option<String>,
}

fn invalid(field: &'static str, reason: &str) -> Error {
    Error::Invalid { field, reason: reason.to_owned() }
}

fn outside() -> Error {
    Error::Unauthenticated(Unauthenticated::InsufficientScope)
}

fn domain(account: &Account) -> DomainDocument {
    DomainDocument { id: wire::account_id(account), name: account.name.to_string() }
}

impl NameRequest {
    fn project_name(&self, field: &'static str) -> Result<ProjectName<'_>> {
        match (&self.id, &self.name) {
            (Some(id), _) => wire::parse_id(id).map(ProjectName::Id).ok_or_else(outside),
            (None, Some(name)) => Ok(ProjectName::Name(name)),
            (None, None) => Err(invalid(field, "must have an id or a name")),
        }
    }
}

/// Checks who asks: gives the caller, and until when its tokens may work.
async fn sign_in(context: &Context, identity: &IdentityRequest) -> Result<(Arc<Caller>, Option<Timestamp>)> {
    let methods: Vec<&str> = identity.methods.iter().map(String::as_str).collect();
    let services = &context.services;
    match (methods.as_slice(), &identity.password, &identity.token) {
        (["token"], _, Some(token)) => {
            let identity = services.authenticate_identity(&token.id).await?;
            Ok((identity.caller, Some(identity.expires_at)))
        }
        (["password"] | ["password", "totp"] | ["totp", "password"], Some(password), _) => {
            let user = &password.user;
            let name = match (&user.id, &user.name) {
                (Some(id), _) => {
                    let found = match wire::parse_id(id) {
                        Some(uuid) => services.find_user_name(uuid).await?,
                        None => None,
                    };
                    // What cannot be a name is refused like a wrong one.
                    found.map_or_else(|| format!("id:{id}"), |name| name.to_string())
                }
                (None, Some(name)) => name.clone(),
                (None, None) => return Err(invalid("user", "must have an id or a name")),
            };
            let address = Some(context.client.address);
            let caller = match services.sign_in(&name, &user.password, address).await? {
                SignIn::Done(caller) => caller,
                SignIn::SecondFactorNeeded(challenge) => {
                    let passcode = identity.totp.as_ref().map(|totp| totp.user.passcode.as_str());
                    let passcode = passcode
                        .filter(|_| methods.contains(&"totp"))
                        .ok_or(Error::Unauthenticated(Unauthenticated::SecondFactorNeeded))?;
                    services.complete_sign_in(challenge.expose(), passcode).await?
                }
            };
            if let Some(domain) = &user.domain {
                let named = domain.project_name("domain")?;
                services.find_project(&caller.principal, &named).await?.ok_or_else(outside)?;
            }
            Ok((Arc::new(caller), None))
        }
        _ => Err(invalid("methods", "must be password, password with totp, or token, each with its member")),
    }
}

async fn project_of(context: &Context, caller: &Caller) -> Result<Account> {
    context.services.get_project(caller).await
}

async fn enter(context: &Context, caller: Arc<Caller>, scope: Option<&ScopeRequest>) -> Result<Scoped> {
    let services = &context.services;
    let region = &services.settings().region;
    let (wanted, project) = match scope {
        Some(ScopeRequest { project: Some(project), .. }) => {
            // The region is the project of the domain that is given with it.
            let of_domain = project
                .domain
                .as_ref()
                .filter(|_| project.id.is_none() && project.name.as_ref() == Some(region));
            let named = of_domain
                .map_or_else(|| project.project_name("project"), |domain| domain.project_name("domain"))?;
            (named, Some(project.name.clone()))
        }
        Some(ScopeRequest { domain: Some(domain), .. }) => (domain.project_name("domain")?, None),
        _ => {
            let account = project_of(context, &caller).await?;
            let name = account.name.to_string();
            return Ok(Scoped { caller, account, project: Some(name) });
        }
    };
    let (caller, account) = services.enter_project(&caller, &wanted).await?;
    let project = project.map(|name| name.unwrap_or_else(|| account.name.to_string()));
    Ok(Scoped { caller: Arc::new(caller), account, project })
}

fn catalog(context: &Context) -> Vec<Service> {
    let region = &context.services.settings().region;
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

async fn document(
    context: &Context,
    scoped: &Scoped,
    methods: Vec<String>,
    issued_at: Timestamp,
    expires_at: Timestamp,
) -> Result<TokenResponse> {
    let user = context.services.get_own_account(&scoped.caller.principal).await?;
    let account = &scoped.account;
    let role = context.services.get_own_namespace(&scoped.caller, &account.name).await?.level;
    let role = match wire::level(role) {
        7 => "te_admin",
        3 => "swr_editor",
        _ => "readonly",
    };
    let time = |at: Timestamp| format!("{at:.6}");
    let project = scoped.project.as_ref().map(|name| ProjectDocument {
        id: wire::account_id(account),
        name: name.clone(),
        domain: domain(account),
    });
    let token = TokenDocument {
        methods,
        issued_at: time(issued_at),
        expires_at: time(expires_at),
        user: UserDocument {
            id: wire::account_id(&user),
            name: user.name.to_string(),
            domain: domain(&user),
            password_expires_at: String::new(),
        },
        domain: project.is_none().then(|| domain(account)),
        project,
        roles: vec![DomainDocument { id: role.to_owned(), name: role.to_owned() }],
        catalog: context.query("nocatalog").is_none().then(|| catalog(context)),
    };
    Ok(TokenResponse { token })
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
    let (caller, until) = sign_in(context, &identity).await?;
    let scoped = enter(context, caller, scope.as_ref()).await?;
    let issued = context.services.issue_identity(&scoped.caller, until)?;
    let shown = document(context, &scoped, identity.methods, issued.issued_at, issued.expires_at).await?;
    with_subject(json(StatusCode::CREATED, &shown), &issued.token)
}

fn subject(context: &Context) -> Result<&str> {
    context.token(SUBJECT)?.ok_or_else(|| invalid("X-Subject-Token", "must hold the token that is meant"))
}

/// `GET /v3/auth/tokens`.
pub(crate) async fn show_token(context: &Context, _: RequestBody) -> Result<Response> {
    let caller = context.caller().await?;
    let token = subject(context)?;
    let unknown = || Error::TokenUnknown("in X-Subject-Token".into());
    let identity = match context.services.authenticate_identity(token).await {
        Err(Error::Unauthenticated(_)) => return Err(unknown()),
        found => found?,
    };
    if identity.caller.principal.account_id() != caller.principal.account_id() {
        return Err(unknown());
    }
    let account = project_of(context, &identity.caller).await?;
    let project = Some(account.name.to_string());
    let scoped = Scoped { caller: identity.caller, account, project };
    let methods = vec!["password".to_owned()];
    let shown = document(context, &scoped, methods, identity.issued_at, identity.expires_at).await?;
    with_subject(json(StatusCode::OK, &shown), token)
}

/// `DELETE /v3/auth/tokens`.
pub(crate) async fn delete_token(context: &Context, _: RequestBody) -> Result<Response> {
    let caller = context.caller().await?;
    context.services.revoke_identity(&caller, subject(context)?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
