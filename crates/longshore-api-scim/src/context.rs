//! A request that is understood, and which identity provider sent it.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use http::{StatusCode, header};
use longshore_api_common::api_request::{ApiRequest, whole};
use longshore_api_common::body::RequestBody;
use longshore_api_common::credentials::Credentials;
use longshore_api_common::{Response, observe};
use longshore_app::App;
use longshore_domain::Error;
use longshore_domain::directory::Provisioner;
use longshore_domain::error::Unauthenticated;
use longshore_platform::rates::Allowance;
use serde_json::{Map, Value};

use crate::error::Refusal;
use crate::projection::Projection;
use crate::routes::Route;
use crate::search::Search;
use crate::wire;

/// A request and what it is answered with.
pub struct Context {
    pub(crate) app: Arc<App>,
    pub(crate) route: &'static Route,
    asked: ApiRequest,
    provisioner: OnceLock<Provisioner>,
}

impl Deref for Context {
    type Target = ApiRequest;
    fn deref(&self) -> &ApiRequest {
        &self.asked
    }
}

/// Finds out which identity provider sends a request.
pub(crate) async fn find_provisioner(app: &App, asked: &ApiRequest) -> Result<Provisioner, Error> {
    match Credentials::of(&asked.parts.headers)? {
        Credentials::Bearer(token) => app.identity.authenticate_provisioner(token).await,
        Credentials::None => Err(Error::Unauthenticated(Unauthenticated::Missing)),
        Credentials::Basic { .. } => Err(Error::Unauthenticated(Unauthenticated::InvalidToken)),
    }
}

impl Context {
    pub(crate) fn new(app: Arc<App>, route: &'static Route, asked: ApiRequest) -> Self {
        Self { app, route, asked, provisioner: OnceLock::new() }
    }

    /// Checks what every operation needs: a token that is good, and not too many requests, of which it returns what is left.
    pub(crate) async fn check(&self) -> (Option<Allowance>, Result<(), Refusal>) {
        if let Err(error) = self.check_turn() {
            return (None, Err(error.into()));
        }
        let found = self.find_provisioner().await;
        let account = found.as_ref().ok().map(|provisioner| provisioner.organization.id);
        let allowance = self.app.platform.count_request_of(account, self.client.address).await;
        let checked = match (allowance, found) {
            (Some(allowance), _) if allowance.is_exceeded => {
                Err(allowance.refusal(self.app.platform.now()).into())
            }
            (_, Err(error)) => Err(error.into()),
            (_, Ok(found)) => {
                let _ = self.provisioner.set(found);
                self.note_signed_in();
                self.check_query().map_err(Refusal::from)
            }
        };
        (allowance, checked)
    }

    /// Checks what one operation more of those in one request needs: a token that is still good, and not too many requests.
    pub(crate) async fn check_operation(&self) -> Result<(), Refusal> {
        let account = self.find_provisioner().await?.organization.id;
        let allowance = self.app.platform.count_request_of(Some(account), self.client.address).await;
        match allowance.filter(|allowance| allowance.is_exceeded) {
            Some(allowance) => Err(allowance.refusal(self.app.platform.now()).into()),
            None => Ok(()),
        }
    }

    async fn find_provisioner(&self) -> Result<Provisioner, Error> {
        find_provisioner(&self.app, &self.asked).await
    }

    /// Keeps what a change was refused for, so that the owners of the organization see it. Refusals of looking say nothing: that
    /// way identity providers find out what there is.
    pub(crate) async fn note_refusal(&self, refusal: &Refusal) {
        let status = refusal.status();
        let is_news = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
        let Some(provisioner) = self.provisioner.get().filter(|_| is_news) else { return };
        let (reason, organizations) = (refusal.reason(), &self.app.organizations);
        let noted = organizations.note_provisioning_refusal(provisioner, status.as_u16(), &reason);
        if let Err(error) = noted.await {
            observe::log_fault(&self.client, &error);
        }
    }

    /// Returns who calls.
    pub(crate) fn provisioner(&self) -> Result<&Provisioner, Refusal> {
        let found = self.provisioner.get();
        found.ok_or(Refusal::Domain(Error::Unauthenticated(Unauthenticated::Missing)))
    }

    /// Returns the address of a resource, or with an empty path of all.
    pub(crate) fn location(&self, path: &str) -> String {
        self.client.origin.absolute(&format!("{}{path}", wire::BASE))
    }

    /// Reads a JSON object.
    pub(crate) async fn object(&self, body: RequestBody) -> Result<Map<String, Value>, Refusal> {
        let bytes = self.bytes(body, self.app.platform.settings().body_idle).await?;
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(Value::Object(object)) if has_nul(&object) => {
                Err(Refusal::value("a text has a NUL character"))
            }
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(Refusal::syntax("the body must be a JSON object")),
            Err(error) => Err(Refusal::syntax(format!("the body is not JSON: {error}"))),
        }
    }

    fn listed(&self, name: &str) -> Option<Vec<String>> {
        self.query(name).map(|text| text.split(',').map(str::to_owned).collect())
    }

    /// Returns what the query says is to be answered of a resource.
    pub(crate) fn projection(&self) -> Result<Projection, Refusal> {
        let (only, without) = (self.listed("attributes"), self.listed("excludedAttributes"));
        Projection::new(only.as_deref(), without.as_deref())
    }

    /// Returns what the query searches for.
    pub(crate) fn search(&self) -> Result<Search, Refusal> {
        let text = |name: &str| self.query(name).map(std::borrow::Cow::into_owned);
        let number = |name: &'static str| match self.query(name) {
            None => Ok(None),
            Some(text) => match whole::<i64>(&text) {
                Some(number) => Ok(Some(number)),
                None => Err(Refusal::value(format!("{name} must be a whole number"))),
            },
        };
        Ok(Search {
            filter: text("filter"),
            sort_by: text("sortBy"),
            sort_order: text("sortOrder"),
            start_index: number("startIndex")?,
            count: number("count")?,
            projection: self.projection()?,
        })
    }

    /// Returns the versions that a header names; `None` when it is not there, or allows every one. What cannot be read is no
    /// version.
    pub(crate) fn versions(&self, name: header::HeaderName) -> Option<Vec<String>> {
        let values: Vec<_> = self.parts.headers.get_all(name).iter().collect();
        if values.is_empty() {
            return None;
        }
        let texts: Vec<&str> = values.iter().map(|value| value.to_str().unwrap_or_default()).collect();
        versions(&texts.join(","))
    }

    /// Returns whether the client has a version already.
    pub(crate) fn has(&self, version: &String) -> bool {
        self.parts.headers.contains_key(header::IF_NONE_MATCH)
            && self.versions(header::IF_NONE_MATCH).is_none_or(|known| known.contains(version))
    }
}

/// Reads entity tags; `None` for `*`, which stands alone.
pub(crate) fn versions(text: &str) -> Option<Vec<String>> {
    if text.trim() == "*" {
        return None;
    }
    let tags = text.split(',').map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned());
    Some(tags.collect())
}

/// Checks the versions that a client has in mind against the one that there is, and gives that one if it must still be so when
/// the resource is changed.
pub(crate) fn expected(version: String, versions: Option<&[String]>) -> Result<Option<String>, Refusal> {
    match versions {
        None => Ok(None),
        Some(versions) if versions.contains(&version) => Ok(Some(version)),
        Some(_) => Err(Refusal::Domain(Error::PreconditionFailed)),
    }
}

fn has_nul(object: &Map<String, Value>) -> bool {
    object.iter().any(|(name, value)| name.contains('\0') || value_has_nul(value))
}

fn value_has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(value_has_nul),
        Value::Object(object) => has_nul(object),
        _ => false,
    }
}

/// What came of an operation on one resource.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
    pub(crate) location: Option<String>,
    pub(crate) version: Option<String>,
}

impl Reply {
    /// Nothing is left to say.
    pub(crate) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, location: None, version: None }
    }

    /// Makes the response.
    pub(crate) fn response(self) -> Response {
        let mut response = match &self.body {
            Some(body) => wire::json(self.status, body),
            None => longshore_api_common::response::bare(self.status),
        };
        let headers = response.headers_mut();
        let tag = self.version.map(|version| wire::entity_tag(&version));
        for (name, value) in [(header::LOCATION, self.location), (header::ETAG, tag)] {
            if let Some(value) = value.and_then(|value| value.parse().ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}
