//! A request that is understood: its parameters, its query, its body, and who sent it.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use longshore_api_common::api_request::{ApiRequest, PAGE_LIMIT};
use longshore_api_common::body::RequestBody;
use longshore_app::App;
use longshore_domain::access::actor::Actor;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Field, Result};
use serde::de::DeserializeOwned;

use crate::auth;
use crate::routes::{REFUSED_PARAMETERS, Route};

/// Entries of a page when the client does not say.
const DEFAULT_PAGE_SIZE: u64 = 10;
/// Most entries of a page; who asks for more gets these (Docker Hub API, `page_size`).
const PAGE_SIZE_LIMIT: u64 = 100;

/// A request and what it is answered with.
pub struct Context {
    pub(crate) app: Arc<App>,
    pub(crate) route: &'static Route,
    asked: ApiRequest,
    /// Who calls, with the id of the account, once it is known that the credential is good.
    signed_in: OnceLock<(Arc<Actor>, String)>,
}

/// Which page of a list a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Context {
    pub(crate) fn new(app: Arc<App>, route: &'static Route, asked: ApiRequest) -> Self {
        Self { app, route, asked, signed_in: OnceLock::new() }
    }

    /// Finds out who calls.
    pub(crate) async fn actor(&self) -> Result<Arc<Actor>> {
        let actor = auth::actor(&self.app, &self.parts.headers).await?;
        if !actor.is_anonymous() {
            self.note_signed_in();
        }
        Ok(actor)
    }

    /// Finds out who calls, who must be somebody whose credential is good now. A request asks the database once.
    pub(crate) async fn signed_in(&self) -> Result<Arc<Actor>> {
        if let Some((known, _)) = self.signed_in.get() {
            return Ok(Arc::clone(known));
        }
        let found = auth::signed_in(&self.app, &self.parts.headers).await?;
        self.note_signed_in();
        Ok(Arc::clone(&self.signed_in.get_or_init(|| found).0))
    }

    /// Returns the id of the account that is signed in, as it is shown to clients.
    pub(crate) fn account_id(&self) -> Option<&str> {
        self.signed_in.get().map(|(_, id)| id.as_str())
    }

    /// Checks what every query must be.
    ///
    /// # Errors
    /// `Invalid` for a parameter that would narrow a list and is not known.
    pub(crate) fn check_query(&self) -> Result<()> {
        self.asked.check_query()?;
        let of_route = REFUSED_PARAMETERS.iter().filter(|(operation, _)| *operation == self.route.operation);
        match of_route.flat_map(|(_, names)| *names).find(|name| self.query(name).is_some()) {
            None => Ok(()),
            Some(name) => Err(Error::Invalid {
                field: Field::Parameter(name),
                reason: "does not narrow this list here; leave it out and look through all of it".into(),
            }),
        }
    }

    /// Returns the repository that the path names.
    pub(crate) fn repository(&self) -> Result<RepositoryName> {
        self.repository_named(self.parameter("repository"))
    }

    /// Returns a repository of the namespace that the path names.
    pub(crate) fn repository_named(&self, rest: &str) -> Result<RepositoryName> {
        format!("{}/{rest}", self.parameter("namespace")).parse()
    }

    /// Returns the page that the client wants, from `page` and `page_size`.
    ///
    /// # Errors
    /// `Invalid` when one of them is no number in its range.
    pub(crate) fn page(&self) -> Result<WantedPage> {
        self.page_of(DEFAULT_PAGE_SIZE)
    }

    /// Like [`Self::page`], with another default size.
    pub(crate) fn page_of(&self, default_size: u64) -> Result<WantedPage> {
        let number = self.number("page", 1, 1, PAGE_LIMIT)?;
        let size = self.number("page_size", default_size, 1, u64::from(u32::MAX))?;
        Ok(WantedPage { number, size: PageSize::clamped(size.min(PAGE_SIZE_LIMIT))? })
    }

    /// Returns the absolute link to another page of the list, with the other parameters kept.
    pub(crate) fn page_link(&self, number: u64) -> String {
        self.link(&[("page", Some(number.to_string()))])
    }

    /// Reads a JSON body, or a form of the same members: scripts that were written for the Hub send either.
    ///
    /// # Errors
    /// `BodyTooLarge`; `Invalid` when it is not the document that the operation takes.
    pub(crate) async fn document<T: DeserializeOwned>(&self, body: RequestBody) -> Result<T> {
        self.asked.json_or_form(body, self.app.platform.settings().body_idle).await
    }
}

impl Deref for Context {
    type Target = ApiRequest;
    fn deref(&self) -> &ApiRequest {
        &self.asked
    }
}
