//! A request that is understood, and who sent it.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use http::header;
use longshore_api_common::api_request::{ApiRequest, PAGE_LIMIT, parse};
use longshore_api_common::body::RequestBody;
use longshore_app::App;
use longshore_domain::access::actor::Actor;
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use serde::de::DeserializeOwned;

use crate::routes::{Needs, Route};

/// Entries of a page when the client does not say.
const DEFAULT_PAGE_SIZE: u64 = 20;
/// Most entries of a page; who asks for more gets these.
pub(crate) const PAGE_SIZE_LIMIT: u64 = 200;

/// A request and what it is answered with.
pub struct Context {
    pub(crate) app: Arc<App>,
    pub(crate) route: &'static Route,
    asked: ApiRequest,
    /// Who calls, once it is known that the credential is good.
    signed_in: OnceLock<Arc<Actor>>,
}

impl Deref for Context {
    type Target = ApiRequest;
    fn deref(&self) -> &ApiRequest {
        &self.asked
    }
}

/// Which page of a list a client wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantedPage {
    /// From 1.
    pub number: u64,
    pub size: PageSize,
}

impl WantedPage {
    /// Returns how many entries lie before the page.
    pub(crate) fn offset(self) -> u64 {
        (self.number - 1) * u64::from(self.size.get())
    }
}

/// Finds out who sends a request: whose access token it bears.
pub(crate) async fn actor(app: &App, asked: &ApiRequest) -> Result<Arc<Actor>> {
    let token = bearer(asked)?.ok_or(Error::Unauthenticated(Unauthenticated::Missing))?;
    app.identity.authenticate_access_token(token).await
}

fn bearer(asked: &ApiRequest) -> Result<Option<&str>> {
    let Some(value) = asked.parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
    let text = value.to_str().map_err(|_| invalid())?;
    // Clients without a token send the scheme alone.
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    match scheme.eq_ignore_ascii_case("bearer") {
        true => Ok(Some(token.trim())),
        false => Err(invalid()),
    }
}

impl Context {
    pub(crate) fn new(app: Arc<App>, route: &'static Route, asked: ApiRequest) -> Self {
        Self { app, route, asked, signed_in: OnceLock::new() }
    }

    /// Checks what every operation needs.
    pub(crate) async fn check(&self) -> Result<()> {
        if self.route.needs == Needs::Account {
            self.actor().await?;
        }
        self.check_query()
    }

    /// Finds out who calls: whose access token the request bears. A request asks the database once.
    pub(crate) async fn actor(&self) -> Result<Arc<Actor>> {
        if let Some(known) = self.signed_in.get() {
            return Ok(Arc::clone(known));
        }
        let actor = actor(&self.app, &self.asked).await?;
        self.note_signed_in();
        Ok(Arc::clone(self.signed_in.get_or_init(|| actor)))
    }

    /// Returns the bearer token of the request.
    pub(crate) fn bearer(&self) -> Result<Option<&str>> {
        bearer(&self.asked)
    }

    /// Returns the registry that the path names.
    pub(crate) fn registry(&self) -> Result<Namespace> {
        self.parsed("registry_name")
    }

    /// Returns the repository that the path names.
    pub(crate) fn repository(&self) -> Result<RepositoryName> {
        format!("{}/{}", self.registry()?, self.parameter("repository_name")).parse()
    }

    /// Returns the page that the client wants, from `page` and `per_page`.
    ///
    /// # Errors
    /// `Invalid` when one of them is no number in its range.
    pub(crate) fn page(&self) -> Result<WantedPage> {
        let number = self.number("page", 1, 1, PAGE_LIMIT)?;
        Ok(WantedPage { number, size: self.page_size()? })
    }

    pub(crate) fn page_size(&self) -> Result<PageSize> {
        let size = self.number("per_page", DEFAULT_PAGE_SIZE, 1, u64::from(u32::MAX))?;
        PageSize::clamped(size.min(PAGE_SIZE_LIMIT))
    }

    /// Reads a JSON body.
    pub(crate) async fn json<T: DeserializeOwned>(&self, body: RequestBody) -> Result<T> {
        self.asked.json(body, self.app.platform.settings().body_idle).await
    }

    /// Reads a JSON body, if there is one.
    pub(crate) async fn json_or_default<T: DeserializeOwned + Default>(
        &self,
        body: RequestBody,
    ) -> Result<T> {
        let bytes = self.bytes(body, self.app.platform.settings().body_idle).await?;
        match bytes.iter().all(u8::is_ascii_whitespace) {
            true => Ok(T::default()),
            false => parse::<Option<T>>(&bytes).map(Option::unwrap_or_default),
        }
    }
}
