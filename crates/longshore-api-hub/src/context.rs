//! A request that is understood: its parameters, its query, its body, and who sent it.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::client::Client;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use longshore_services::Services;
use longshore_services::authentication::Caller;
use serde::de::DeserializeOwned;

use crate::auth;
use crate::routes::Route;

/// Largest JSON body that any operation takes.
const BODY_LIMIT_BYTES: u64 = 1 << 20;
/// Entries of a page when the client does not say.
const DEFAULT_PAGE_SIZE: u64 = 10;
/// Most entries of a page; who asks for more gets these (Docker Hub API, `page_size`).
const PAGE_SIZE_LIMIT: u64 = 100;
/// Largest number of a page.
pub(crate) const PAGE_LIMIT: u64 = 1_000_000_000;

/// A request and what it is answered with.
pub(crate) struct Context {
    pub services: Arc<Services>,
    pub route: &'static Route,
    pub client: Client,
    pub parts: http::request::Parts,
    parameters: Vec<(String, String)>,
    /// Who calls, once it is known that the credential is good.
    signed_in: OnceLock<Arc<Caller>>,
}

/// Which page of a list a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WantedPage {
    /// From 1.
    pub number: u64,
    pub size: PageSize,
}

impl WantedPage {
    /// Gives how many entries lie before the page.
    pub(crate) fn offset(self) -> u64 {
        (self.number - 1) * u64::from(self.size.get())
    }
}

impl Context {
    pub(crate) fn new(
        services: Arc<Services>,
        route: &'static Route,
        client: Client,
        parts: http::request::Parts,
        parameters: Vec<(String, String)>,
    ) -> Self {
        Self { services, route, client, parts, parameters, signed_in: OnceLock::new() }
    }

    /// Finds out who calls.
    pub(crate) async fn caller(&self) -> Result<Arc<Caller>> {
        auth::caller(&self.services, &self.parts.headers).await
    }

    /// Finds out who calls, who must be somebody whose credential is good now. A request asks the database once.
    pub(crate) async fn signed_in(&self) -> Result<Arc<Caller>> {
        if let Some(known) = self.signed_in.get() {
            return Ok(Arc::clone(known));
        }
        let caller = self.caller().await?;
        self.services.get_own_account(&caller.principal).await?;
        Ok(Arc::clone(self.signed_in.get_or_init(|| caller)))
    }

    /// Gives the repository that the path names.
    pub(crate) fn repository(&self) -> Result<RepositoryName> {
        self.repository_named(self.parameter("repository"))
    }

    /// Gives a repository of the namespace that the path names.
    pub(crate) fn repository_named(&self, rest: &str) -> Result<RepositoryName> {
        format!("{}/{rest}", self.parameter("namespace")).parse()
    }

    /// Gives a parameter of the path, decoded.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Gives a parameter of the path as a validated value.
    pub(crate) fn parsed<T: FromStr<Err = Error>>(&self, name: &str) -> Result<T> {
        self.parameter(name).parse()
    }

    fn pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes())
    }

    /// Checks that no value of the query has a NUL, which databases end texts at or refuse.
    pub(crate) fn check_query(&self) -> Result<()> {
        match self.pairs().any(|(_, value)| value.contains('\0')) {
            true => Err(Error::Invalid { field: "query", reason: "a parameter has a NUL character".into() }),
            false => Ok(()),
        }
    }

    /// Gives the first value of a parameter of the query; an empty one is none.
    pub(crate) fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.pairs()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    /// Gives a number of the query.
    pub(crate) fn number(&self, name: &'static str, default: u64, limit: u64) -> Result<u64> {
        let Some(text) = self.query(name) else { return Ok(default) };
        match text.parse::<u64>() {
            Ok(number) if (1..=limit).contains(&number) => Ok(number),
            _ => Err(Error::Invalid {
                field: name,
                reason: format!("must be a whole number from 1 to {limit}"),
            }),
        }
    }

    /// Gives the page that the client wants, from `page` and `page_size`.
    ///
    /// # Errors
    /// `Invalid` when one of them is no number in its range.
    pub(crate) fn page(&self) -> Result<WantedPage> {
        self.page_of(DEFAULT_PAGE_SIZE)
    }

    /// Like [`Self::page`], with another default size.
    pub(crate) fn page_of(&self, default_size: u64) -> Result<WantedPage> {
        let number = self.number("page", 1, PAGE_LIMIT)?;
        let size = self.number("page_size", default_size, u64::from(u32::MAX))?;
        Ok(WantedPage { number, size: PageSize::clamped(size.min(PAGE_SIZE_LIMIT))? })
    }

    /// Gives the absolute link to another page of the list, with the other parameters kept.
    pub(crate) fn page_link(&self, number: u64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.pairs().filter(|(name, _)| name != "page") {
            query.append_pair(&name, &value);
        }
        query.append_pair("page", &number.to_string());
        self.client.origin.absolute(&format!("{}?{}", self.parts.uri.path(), query.finish()))
    }

    /// Reads a JSON body.
    ///
    /// # Errors
    /// `BodyTooLarge`; `Invalid` when it is not the document that the operation takes.
    pub(crate) async fn json<T: DeserializeOwned>(&self, body: RequestBody) -> Result<T> {
        let idle = self.services.settings().body_idle;
        let too_large = |limit_bytes| Error::BodyTooLarge { limit_bytes };
        let bytes = body::collect(body, BODY_LIMIT_BYTES, idle, too_large).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Invalid {
            field: "body",
            reason: format!("is not as documented: {error}"),
        })
    }

    /// Gives what the client calls itself, shortened.
    pub(crate) fn user_agent(&self) -> String {
        let agent = self.parts.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
        agent.unwrap_or_default().chars().take(256).collect()
    }
}
