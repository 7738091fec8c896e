//! A request that is understood: its parameters, its query, its body, and who sent it.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Method;
use longshore_api_common::api_request::{ApiRequest, PAGE_LIMIT, parse_list, truth, whole};
use longshore_api_common::body::RequestBody;
use longshore_app::App;
use longshore_domain::access::actor::Actor;
use longshore_domain::credential::is_access_token;
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Field, Result};
use longshore_identity::access_keys::SignedText;
use longshore_platform::rates::Allowance;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::fields;
use crate::filter::Filter;
use crate::limits;
use crate::routes::{Needs, Route};
use crate::signature::{self, Authorization, Malformed};
use crate::wire::{self, Paging};

/// Most records of a page, and those of one that nobody asked for.
pub(crate) const PAGE_SIZE_LIMIT: u64 = 1000;

/// Records of a page of a newer list when the client does not say.
const MARKED_PAGE_SIZE: u64 = 100;

/// A request and what it is answered with.
pub struct Context {
    pub(crate) app: Arc<App>,
    pub(crate) route: &'static Route,
    asked: ApiRequest,
    internal_address: Option<Arc<str>>,
    /// The body of a signed request, of which the signature tells.
    signed_body: OnceLock<Bytes>,
    /// Who calls, once it is known that the credential is good.
    signed_in: OnceLock<Arc<Actor>>,
}

impl Context {
    pub(crate) fn new(
        app: Arc<App>,
        route: &'static Route,
        asked: ApiRequest,
        internal_address: Option<Arc<str>>,
    ) -> Self {
        Self { app, route, asked, internal_address, signed_body: OnceLock::new(), signed_in: OnceLock::new() }
    }

    /// Takes in the body of a signed request; of others it is left to who reads it.
    pub(crate) async fn take_in(&self, body: RequestBody) -> Result<RequestBody> {
        if signature::header_of(&self.parts).is_none() {
            return Ok(body);
        }
        let bytes = self.bytes(body, self.app.platform.settings().body_idle).await?;
        let _ = self.signed_body.set(bytes.clone());
        Ok(RequestBody::from(bytes))
    }

    /// Checks what every operation needs: that somebody calls whose credential is good, who did not ask too often, where that
    /// is needed, and that the query can be read. Who calls is found out once. Returns what is left of the requests, too.
    pub(crate) async fn check(&self) -> (Option<Allowance>, Result<()>) {
        let found = self.find_caller().await;
        let actor = found.as_ref().ok().map(Arc::as_ref);
        let allowance = limits::count(&self.app, actor, &self.client).await;
        let checked = match (allowance, found) {
            (Some(allowance), _) if allowance.is_exceeded => Err(allowance.refusal(self.app.platform.now())),
            (_, Ok(actor)) => {
                self.note_signed_in();
                let _ = self.signed_in.set(actor);
                self.check_query()
            }
            (_, Err(error)) if self.route.needs == Needs::Account => Err(error),
            (_, Err(_)) => self.check_query(),
        };
        (allowance, checked)
    }

    /// Returns who calls.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody has to sign in here, and nobody did.
    pub(crate) fn actor(&self) -> Result<Arc<Actor>> {
        self.signed_in.get().map(Arc::clone).ok_or(Error::Unauthenticated(Unauthenticated::Missing))
    }

    async fn find_caller(&self) -> Result<Arc<Actor>> {
        if let Some(token) = self.token("x-auth-token")? {
            return match is_access_token(token) {
                true => self.app.identity.authenticate_access_token(token).await,
                false => self.app.identity.authenticate_identity(token).await.map(|identity| identity.actor),
            };
        }
        match signature::header_of(&self.parts) {
            Some(header) => self.find_signer(header).await.map(Arc::new),
            None => Err(Error::Unauthenticated(Unauthenticated::Missing)),
        }
    }

    async fn find_signer(&self, header: &str) -> Result<Actor> {
        let wrong = |reason: Malformed| {
            Error::Unauthenticated(Unauthenticated::MalformedSignature(reason.description()))
        };
        let authorization = Authorization::parse(header).map_err(wrong)?;
        let body = self.signed_body.get().map(Bytes::as_ref).unwrap_or_default();
        let signed = signature::signed(&self.parts, &authorization, body).map_err(wrong)?;
        self.app
            .identity
            .authenticate_signature(&SignedText {
                access_key: authorization.access_key,
                text: &signed.text,
                signature: &authorization.signature,
                signed_at: signed.signed_at,
                is_change: !matches!(self.parts.method, Method::GET | Method::HEAD),
                project: self.wanted_project()?,
            })
            .await
    }

    /// Returns the project that a signed request is for.
    fn wanted_project(&self) -> Result<Option<Uuid>> {
        for name in ["x-project-id", "x-domain-id"] {
            if let Some(text) = self.token(name)? {
                let outside = Error::Unauthenticated(Unauthenticated::OutsideProject);
                return wire::parse_id(text).map(Some).ok_or(outside);
            }
        }
        Ok(None)
    }

    /// Returns the value of a header that holds a token or an id; an empty one is none.
    pub(crate) fn token(&self, name: &str) -> Result<Option<&str>> {
        let Some(value) = self.parts.headers.get(name) else { return Ok(None) };
        let text = value.to_str().map_err(|_| Error::Unauthenticated(Unauthenticated::InvalidToken))?;
        Ok(Some(text.trim()).filter(|text| !text.is_empty()))
    }

    /// Returns the namespace that the path names.
    pub(crate) fn namespace(&self) -> Result<Namespace> {
        self.parsed("namespace")
    }

    /// Returns the repository that the path names; a slash may be written `$`.
    pub(crate) fn repository(&self) -> Result<RepositoryName> {
        self.repository_named(&self.parameter("repository").replace('$', "/"))
    }

    /// Returns a repository of the namespace that the path names.
    pub(crate) fn repository_named(&self, rest: &str) -> Result<RepositoryName> {
        format!("{}/{rest}", self.namespace()?).parse()
    }

    /// Returns the host at which the client reaches the registry.
    pub(crate) fn host(&self) -> &str {
        self.client.origin.host()
    }

    /// Returns the host at which the operator's own machines reach the registry.
    pub(crate) fn internal_host(&self) -> &str {
        self.internal_address.as_deref().unwrap_or_else(|| self.host())
    }

    /// Reads the parameters of a list, plain ones and those of the filter.
    ///
    /// # Errors
    /// `Invalid` when the filter is none.
    pub(crate) fn listed(&self, known: &'static [&'static str]) -> Result<Listed<'_>> {
        let filter = match self.query("filter") {
            None => Filter::default(),
            // Newer lists have none.
            Some(_) if known.is_empty() => {
                let reason = "this list has none; leave it out".into();
                return Err(Error::Invalid { field: fields::FILTER, reason });
            }
            Some(text) => Filter::parse(&text, known)?,
        };
        Ok(Listed { context: self, filter })
    }

    /// Reads a JSON body.
    pub(crate) async fn json<T: DeserializeOwned>(&self, body: RequestBody) -> Result<T> {
        self.asked.json(body, self.app.platform.settings().body_idle).await
    }

    /// Reads a JSON body that is a list.
    pub(crate) async fn json_list<T: DeserializeOwned>(&self, body: RequestBody) -> Result<Vec<T>> {
        parse_list(&self.bytes(body, self.app.platform.settings().body_idle).await?)
    }
}

impl Deref for Context {
    type Target = ApiRequest;
    fn deref(&self) -> &ApiRequest {
        &self.asked
    }
}

/// The parameters of a list: what is given plainly counts, else what the filter says.
pub(crate) struct Listed<'c> {
    context: &'c Context,
    filter: Filter,
}

impl Listed<'_> {
    /// Returns a value; an empty one is none.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let plain = self.context.query(name).map(std::borrow::Cow::into_owned);
        plain.or_else(|| self.filter.get(name).map(str::to_owned))
    }

    fn number(&self, name: &'static str, least: u64, limit: u64) -> Result<Option<u64>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match whole(&text) {
            Some(number) if (least..=limit).contains(&number) => Ok(Some(number)),
            _ => Err(Error::Invalid {
                field: Field::Parameter(name),
                reason: format!("must be a whole number from {least} to {limit}"),
            }),
        }
    }

    /// Returns the page that the client wants, from `offset` and `limit`, which go together; without them everything, up to a
    /// thousand records.
    ///
    /// # Errors
    /// `Invalid` when one of them is no number in its range, or stands alone.
    pub(crate) fn paging(&self) -> Result<Paging> {
        let offset = self.number("offset", 0, PAGE_LIMIT)?;
        let limit = self.number("limit", 1, PAGE_SIZE_LIMIT)?;
        let (offset, limit) = match (offset, limit) {
            (None, None) => (0, PAGE_SIZE_LIMIT),
            (Some(offset), Some(limit)) => (offset, limit),
            (Some(_), None) => return Err(together("offset", "limit")),
            (None, Some(_)) => return Err(together("limit", "offset")),
        };
        Ok(Paging { offset, size: PageSize::clamped(limit)? })
    }

    /// Returns the page that the client wants, from `marker`, where the last one said that the next begins, and `limit`.
    ///
    /// # Errors
    /// `Invalid` when one of them is no number in its range.
    pub(crate) fn marker(&self) -> Result<Paging> {
        let offset = self.number("marker", 0, PAGE_LIMIT)?.unwrap_or_default();
        let limit = self.number("limit", 1, PAGE_SIZE_LIMIT)?.unwrap_or(MARKED_PAGE_SIZE);
        Ok(Paging { offset, size: PageSize::clamped(limit)? })
    }

    /// Returns the order that the client wants, from `order_column` and `order_type`, which go together: one of some columns,
    /// and whether the largest comes first.
    ///
    /// # Errors
    /// `Invalid` when one of them is none that there is, or stands alone.
    pub(crate) fn order<C: Copy>(&self, columns: &[(&str, C)]) -> Result<Option<(C, bool)>> {
        let (column, direction) = match (self.get("order_column"), self.get("order_type")) {
            (None, None) => return Ok(None),
            (Some(column), Some(direction)) => (column, direction),
            (Some(_), None) => return Err(together("order_column", "order_type")),
            (None, Some(_)) => return Err(together("order_type", "order_column")),
        };
        let found = columns.iter().find(|(name, _)| *name == column);
        let (_, column) = found.ok_or_else(|| Error::Invalid {
            field: Field::Parameter("order_column"),
            reason: format!(
                "must be one of {}",
                columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
            ),
        })?;
        match direction.as_str() {
            "desc" => Ok(Some((*column, true))),
            "asc" => Ok(Some((*column, false))),
            _ => Err(Error::Invalid {
                field: Field::Parameter("order_type"),
                reason: "must be desc or asc".into(),
            }),
        }
    }

    /// Returns a truth value, if there is one.
    ///
    /// # Errors
    /// `Invalid` when it is something else.
    pub(crate) fn truth(&self, name: &'static str) -> Result<Option<bool>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let invalid =
            || Error::Invalid { field: Field::Parameter(name), reason: "must be true or false".into() };
        truth(&text).map(Some).ok_or_else(invalid)
    }
}

fn together(given: &str, missing: &str) -> Error {
    let reason = format!("{given} goes together with {missing}; give both or neither");
    Error::Invalid { field: Field::Parameter("parameters"), reason }
}
