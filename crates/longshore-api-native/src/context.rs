//! A request that is understood: its parameters, its query, its body, its conditions, and who sent it.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use http::header;
use jiff::Timestamp;
use longshore_api_common::api_request::{ApiRequest, parse};
use longshore_api_common::body::RequestBody;
use longshore_api_common::entity_tags::entity_tags;
use longshore_app::App;
use longshore_client::types::SettingInfo;
use longshore_content::manifests::Condition;
use longshore_domain::access::action::{AccountAction, Action};
use longshore_domain::access::actor::Actor;
use longshore_domain::access::refusal::{Refusal, Subject};
use longshore_domain::credential::Secret;
use longshore_domain::error::Unauthenticated;
use longshore_domain::image::ImageStatus;
use longshore_domain::name::{Namespace, RepositoryName, Tag};
use longshore_domain::page::{PAGE_LIMIT, PageSize};
use longshore_domain::{Error, Field, Result};
use serde::de::DeserializeOwned;

use crate::error::unknown_parameter;
use crate::routes::{Needs, Route};

/// Entries of a page when the client does not say.
pub(crate) const DEFAULT_PAGE_SIZE: u64 = 50;

/// A request and what it is answered with.
pub struct Context {
    pub(crate) app: Arc<App>,
    /// The configuration as it is in force.
    pub(crate) settings: Arc<[SettingInfo]>,
    pub(crate) route: &'static Route,
    asked: ApiRequest,
    /// Who calls, once it is known that the credential is good.
    signed_in: OnceLock<Arc<Actor>>,
    /// Who acts, where that is another one: an administrator as the operator.
    acting: OnceLock<Arc<Actor>>,
}

impl Deref for Context {
    type Target = ApiRequest;
    fn deref(&self) -> &ApiRequest {
        &self.asked
    }
}

/// Returns the token of a request.
fn bearer(asked: &ApiRequest) -> Option<&str> {
    let value = asked.parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Finds out who sends a request: whose access token or session token it bears; without one the operator over the administration
/// socket, and nobody elsewhere. A token that is not good, or no longer, is refused, not taken for nobody's.
pub(crate) async fn actor(app: &App, asked: &ApiRequest) -> Result<Arc<Actor>> {
    if !asked.parts.headers.contains_key(header::AUTHORIZATION) {
        let actor = if asked.client.is_operator { Actor::OPERATOR } else { Actor::ANONYMOUS };
        return Ok(Arc::new(actor));
    }
    let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
    let token = bearer(asked).ok_or_else(invalid)?;
    let prefixes = [Secret::ACCESS_TOKEN_PREFIX, Secret::ORGANIZATION_TOKEN_PREFIX];
    let actor = match prefixes.iter().any(|prefix| token.starts_with(prefix)) {
        // There is no name here that could be wrong.
        true => app.identity.authenticate_access_token(token).await.map_err(|error| match error {
            Error::Unauthenticated(Unauthenticated::WrongCredential) => invalid(),
            other => other,
        })?,
        false => app.identity.authenticate_session(token).await?,
    };
    // The account may have been switched off since.
    app.access.get_own_account(&actor).await?;
    Ok(actor)
}

impl Context {
    pub(crate) fn new(
        app: Arc<App>,
        settings: Arc<[SettingInfo]>,
        route: &'static Route,
        asked: ApiRequest,
    ) -> Self {
        Self { app, settings, route, asked, signed_in: OnceLock::new(), acting: OnceLock::new() }
    }

    /// Checks what every operation needs. `parameters` are those that its query may have.
    pub(crate) async fn check(&self, parameters: &[String]) -> Result<()> {
        if matches!(self.route.needs, Needs::Account | Needs::Operator) {
            if self.caller().await?.is_anonymous() {
                return Err(Error::Unauthenticated(Unauthenticated::Missing));
            }
            if self.route.needs == Needs::Operator {
                self.app.access.require_operator(&*self.actor().await?)?;
            }
        }
        self.check_query()?;
        match self.query_names().iter().all(|name| parameters.contains(name)) {
            true => Ok(()),
            false => Err(unknown_parameter(parameters)),
        }
    }

    /// Finds out who acts: who calls, or the operator where that is needed and an administrator calls who is there.
    pub(crate) async fn actor(&self) -> Result<Arc<Actor>> {
        match self.route.needs {
            Needs::Operator => self.operator().await,
            Needs::Nothing | Needs::Nobody | Needs::Account => self.caller().await,
        }
    }

    /// Returns the operator for an administrator who signed in with a password a short time ago, and for everybody else who calls.
    pub(crate) async fn operator(&self) -> Result<Arc<Actor>> {
        if let Some(known) = self.acting.get() {
            return Ok(Arc::clone(known));
        }
        let caller = self.caller().await?;
        let mut acting = Arc::clone(&caller);
        if !caller.is_operator()
            && !caller.is_anonymous()
            && let Some(operator) = self.app.access.operator_for(&caller).await?
        {
            let session = bearer(&self.asked).filter(|_| caller.access_token_id().is_none());
            let is_present = match session {
                Some(token) => self.app.identity.is_present(token).await?,
                None => false,
            };
            if !is_present {
                return Err(Refusal::PresenceNeeded.into_error(Action::Server, Subject::Nothing));
            }
            acting = Arc::new(operator);
        }
        Ok(Arc::clone(self.acting.get_or_init(|| acting)))
    }

    /// Returns the operator for an administrator who is there, and whoever calls in all other cases.
    pub(crate) async fn operator_or_caller(&self) -> Result<Arc<Actor>> {
        match self.operator().await {
            Err(Error::Denied(_)) => self.caller().await,
            other => other,
        }
    }

    /// Returns the session token of who calls, who did not come with an access token.
    ///
    /// # Errors
    /// `Denied` for access tokens and at the machine.
    pub(crate) async fn session(&self) -> Result<(Arc<Actor>, &str)> {
        let caller = self.caller().await?;
        let session = bearer(&self.asked).filter(|_| caller.access_token_id().is_none());
        let refusal = match session {
            Some(session) => return Ok((caller, session)),
            None if caller.is_operator() => Refusal::OperatorHasNoAccount,
            None => Refusal::TokenIsNoPassword,
        };
        Err(refusal.into_error(AccountAction::ManageCredentials.into(), Subject::Nothing))
    }

    /// Finds out who calls. A request asks the database once.
    pub(crate) async fn caller(&self) -> Result<Arc<Actor>> {
        if let Some(known) = self.signed_in.get() {
            return Ok(Arc::clone(known));
        }
        let actor = actor(&self.app, &self.asked).await?;
        if !actor.is_anonymous() {
            self.note_signed_in();
        }
        Ok(Arc::clone(self.signed_in.get_or_init(|| actor)))
    }

    /// Returns the repository that the path names.
    pub(crate) fn repository(&self) -> Result<RepositoryName> {
        self.parsed("repository")
    }

    /// Returns the tag that the path names.
    pub(crate) fn tag(&self) -> Result<Tag> {
        self.parsed("tag")
    }

    /// Returns the namespace that the query names.
    pub(crate) fn namespace(&self) -> Result<Option<Namespace>> {
        self.query("namespace").map(|text| text.parse()).transpose()
    }

    /// Returns how many entries a page of the list is to have, from `limit`.
    pub(crate) fn page_size(&self) -> Result<PageSize> {
        PageSize::clamped(self.number("limit", DEFAULT_PAGE_SIZE, 1, u64::from(PAGE_LIMIT))?)
    }

    /// Returns a time of the query (RFC 3339).
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<Timestamp>> {
        self.query(name).map(|text| parse_time(name, &text)).transpose()
    }

    /// Reads `order`: one of the words, of which the first counts when it is left out, and whether there is a `-` before it.
    pub(crate) fn order<T>(&self, words: &[&str], by: fn(&str) -> T) -> Result<(T, bool)> {
        let known: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
        let word = self.choice("order", &known)?;
        Ok((by(word.trim_start_matches('-')), word.starts_with('-')))
    }

    /// Returns a parameter as it was sent; empty when it is left out.
    pub(crate) fn text(&self, name: &str) -> String {
        self.query(name).unwrap_or_default().into_owned()
    }

    /// Reads `active_since` or `inactive_since`, of which there may be one: whether something must have been pushed or pulled
    /// since a time, or must not.
    pub(crate) fn activity(&self) -> Result<Option<(ImageStatus, Timestamp)>> {
        match (self.time("active_since")?, self.time("inactive_since")?) {
            (None, None) => Ok(None),
            (Some(at), None) => Ok(Some((ImageStatus::Active, at))),
            (None, Some(at)) => Ok(Some((ImageStatus::Inactive, at))),
            (Some(_), Some(_)) => Err(Error::Invalid {
                field: Field::Parameter("inactive_since"),
                reason: "cannot be together with active_since: nothing is both".into(),
            }),
        }
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
            false => parse(&bytes),
        }
    }

    /// Returns what a change of a tag depends on: `If-Match` names what it must point at, `If-None-Match: *` says that there
    /// must be none (RFC 9110, section 13).
    pub(crate) fn tag_condition(&self) -> Result<Condition> {
        let headers = &self.parts.headers;
        if let Some(tags) = entity_tags(headers, &header::IF_MATCH) {
            return Ok(match tags.iter().any(|tag| tag == "*") {
                true => Condition::Present,
                false => Condition::OneOf(tags.iter().filter_map(|tag| tag.parse().ok()).collect()),
            });
        }
        match entity_tags(headers, &header::IF_NONE_MATCH) {
            None => Ok(Condition::None),
            Some(tags) if tags.iter().all(|tag| tag == "*") => Ok(Condition::Absent),
            Some(_) => Err(Error::Invalid {
                field: Field::Parameter("If-None-Match"),
                reason: "can only be *, for a tag that must not be there yet".into(),
            }),
        }
    }

    /// Returns the versions of which a changed thing must have one; `None` when it does not matter.
    pub(crate) fn expected_versions(&self) -> Option<Vec<String>> {
        entity_tags(&self.parts.headers, &header::IF_MATCH).filter(|tags| !tags.iter().any(|tag| tag == "*"))
    }
}

/// Reads a time (RFC 3339).
pub(crate) fn parse_time(name: &'static str, text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| Error::Invalid {
        field: Field::Parameter(name),
        reason: "must be a time such as 2026-11-01T12:00:00Z".into(),
    })
}
