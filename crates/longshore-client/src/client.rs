//! How requests are sent and answers read.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::blocking::{self, Response};
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH, RETRY_AFTER,
};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::operations::Operation;
use crate::types::ProblemDetails;

const CONNECT: Duration = Duration::from_secs(10);
/// Longest time that an answer may take.
const ANSWER: Duration = Duration::from_secs(300);
/// Longest time that a stream of events goes on.
const STREAM: Duration = Duration::from_secs(3600);
/// How often a request is sent again that may be.
const TRIES: u32 = 4;
/// Longest pause before that.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Largest answer that is read.
const ANSWER_LIMIT_BYTES: u64 = 64 << 20;
/// Where a registry is that is reached over a socket.
const SOCKET_URL: &str = "http://localhost";
/// What stands as it is in a part of a path.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const DELETION: &str = "longshore-deletion";

/// A registry as one account sees it, or as everybody does.
pub struct Client {
    http: blocking::Client,
    url: Url,
    /// How it is called in messages.
    name: String,
    authorization: Option<HeaderValue>,
    /// Signs in with the password, for what no token may.
    sign_in: Option<SignInAgain>,
    /// What that gave, from then on in the place of the token.
    session: OnceLock<HeaderValue>,
}

/// Signs in with the password, and gives the session token; `None` when there is nobody to ask.
type SignInAgain = Box<dyn Fn(&Client) -> Result<Option<String>> + Send + Sync>;

impl fmt::Debug for Client {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.debug_struct("Client")
            .field("url", &self.url.as_str())
            .field("is_signed_in", &self.authorization.is_some())
            .finish_non_exhaustive()
    }
}

/// Makes the header of a token.
fn bearer(token: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Error::Unusable("this is no token: it has characters that none has".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a change depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// The thing has this version, as it was read with it ([`Versioned::version`]).
    Version(String),
    /// There is no such thing yet.
    Absent,
}

/// A thing with the version that the registry has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The thing.
    pub value: T,
    /// Its version, for [`Condition::Version`].
    pub version: String,
}

impl<T> Deref for Versioned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    operation: &'static Operation,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    condition: Condition,
}

impl Call {
    /// Begins a call of an operation, whose path has these parameters, in its order.
    pub(crate) fn of(operation: &'static Operation, parameters: &[&str]) -> Self {
        let mut values = parameters.iter();
        let parts = operation.path.split('/').map(|part| match part.strip_prefix('{') {
            None => part.to_owned(),
            // The slashes of a repository's name stay.
            Some(_) => {
                let value = values.next().copied().unwrap_or_default();
                let parts = value.split('/').map(|part| utf8_percent_encode(part, PART).to_string());
                parts.collect::<Vec<_>>().join(if part == "{repository}" { "/" } else { "%2F" })
            }
        });
        let path = parts.collect::<Vec<_>>().join("/");
        Self { operation, path, query: Vec::new(), body: None, condition: Condition::Always }
    }

    /// Adds a parameter to the query, if it has a value.
    pub(crate) fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        debug_assert!(self.operation.query.contains(&name), "{} has no {name}", self.operation.id);
        self.query.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// Sets the body.
    pub(crate) fn sending(mut self, body: &impl Serialize) -> Result<Self> {
        let unusable = |error| Error::Unusable(format!("this cannot be sent: {error}"));
        self.body = Some(serde_json::to_vec(body).map_err(unusable)?);
        Ok(self)
    }

    /// Sets what the change depends on.
    pub(crate) fn only_if(mut self, condition: &Condition) -> Self {
        self.condition = condition.clone();
        self
    }
}

impl Client {
    /// Makes a client of the registry at a URL, such as `https://registry.example.org`; nobody is signed in.
    ///
    /// # Errors
    /// `Unusable` for what is no such URL.
    pub fn new(url: &str) -> Result<Self> {
        let unusable =
            || Error::Unusable(format!("{url:?} is no address such as https://registry.example.org"));
        let parsed = Url::parse(url).map_err(|_| unusable())?;
        if !matches!(parsed.scheme(), "http" | "https")
            || !parsed.has_host()
            || !parsed.username().is_empty()
            || parsed.password().is_some()
        {
            return Err(unusable());
        }
        let name = url.trim_end_matches('/').to_owned();
        Self::with(blocking::Client::builder(), parsed, name)
    }

    /// Makes a client of the registry that runs on this machine, over its administration socket; it acts as the operator.
    ///
    /// # Errors
    /// `Unusable` when this machine cannot do that.
    pub fn over_socket(path: &Path) -> Result<Self> {
        let url = Url::parse(SOCKET_URL).map_err(|error| Error::Unusable(error.to_string()))?;
        let name = format!("the registry of {}", path.parent().unwrap_or(path).display());
        Self::with(blocking::Client::builder().unix_socket(path.to_owned()), url, name)
    }

    fn with(builder: blocking::ClientBuilder, url: Url, name: String) -> Result<Self> {
        let http = builder
            .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // A redirect is for a person to look at: credentials go where they were meant to.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Unusable(reason(&error)))?;
        Ok(Self { http, url, name, authorization: None, sign_in: None, session: OnceLock::new() })
    }

    /// Signs in with an access token or a session token.
    ///
    /// # Errors
    /// `Unusable` for what no token can be.
    pub fn with_token(mut self, token: &str) -> Result<Self> {
        self.authorization = Some(bearer(token)?);
        Ok(self)
    }

    /// Sets how to sign in with the password, once, for what the registry refuses to tokens and to those who have not given it for
    /// a while; the request is then made again.
    #[must_use]
    pub fn with_sign_in(
        mut self,
        sign_in: impl Fn(&Self) -> Result<Option<String>> + Send + Sync + 'static,
    ) -> Self {
        self.sign_in = Some(Box::new(sign_in));
        self
    }

    /// Uses the session token of a sign-in from now on, in the place of the token that there is.
    ///
    /// # Errors
    /// `Unusable` for what no token can be.
    pub fn use_session(&self, token: &str) -> Result<()> {
        let session = bearer(token)?;
        self.session.get_or_init(|| session);
        Ok(())
    }

    fn authorization(&self) -> Option<&HeaderValue> {
        self.session.get().or(self.authorization.as_ref())
    }

    /// How the registry is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the answer to a call.
    pub(crate) fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        self.read_with_headers(call).map(|(value, _)| value)
    }

    /// Reads the answer to a call, with its version.
    pub(crate) fn read_versioned<T: DeserializeOwned>(&self, call: &Call) -> Result<Versioned<T>> {
        let (value, headers) = self.read_with_headers(call)?;
        let version = headers.get(ETAG).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Versioned { value, version: version.trim_matches('"').to_owned() })
    }

    fn read_with_headers<T: DeserializeOwned>(&self, call: &Call) -> Result<(T, HeaderMap)> {
        let (status, headers, body) = self.send(call)?;
        let value = serde_json::from_slice(&body).map_err(|_| self.other_answer(status))?;
        Ok((value, headers))
    }

    /// Makes a call that answers nothing; returns the id of the deletion, if it deleted something that can be brought back.
    pub(crate) fn run(&self, call: &Call) -> Result<Option<String>> {
        let (_, headers, _) = self.send(call)?;
        Ok(headers.get(DELETION).and_then(|value| value.to_str().ok()).map(str::to_owned))
    }

    pub(crate) fn other_answer(&self, status: u16) -> Error {
        Error::OtherAnswer { registry: self.name.clone(), status }
    }

    /// Sends a call, and again after signing in with the password where it takes that; what was refused has changed nothing.
    fn send(&self, call: &Call) -> Result<(u16, HeaderMap, Vec<u8>)> {
        let answer = self.send_until_answered(call);
        let (Err(error), Some(sign_in)) = (&answer, &self.sign_in) else { return answer };
        if !error.is("password_needed") || self.session.get().is_some() {
            return answer;
        }
        match sign_in(self)? {
            None => answer,
            Some(token) => {
                let session = bearer(&token)?;
                self.session.get_or_init(|| session);
                self.send_until_answered(call)
            }
        }
    }

    /// Sends a call, again where that does no harm, until there is an answer that stays.
    fn send_until_answered(&self, call: &Call) -> Result<(u16, HeaderMap, Vec<u8>)> {
        let key = (call.operation.method == Method::POST).then(new_key);
        let may_be_repeated = matches!(call.operation.method, Method::GET | Method::POST);
        let mut tries = 1;
        loop {
            let answer = self.send_once(call, key.as_deref());
            let pause = match &answer {
                Err(Error::Refused(problem))
                    if matches!(problem.status, 429 | 503) || problem.code == "request_in_progress" =>
                {
                    Some(Duration::from_secs(problem.retry_after_seconds.unwrap_or(1)))
                }
                Err(Error::Unreachable { .. }) => Some(Duration::from_millis(100 << tries)),
                _ => None,
            };
            match pause.filter(|pause| may_be_repeated && tries < TRIES && *pause <= LONGEST_PAUSE) {
                Some(pause) => sleep(pause),
                None => return answer,
            }
            tries += 1;
        }
    }

    /// Begins a request to a path below the registry's address.
    pub(crate) fn http_request(&self, method: Method, path: &str) -> blocking::RequestBuilder {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        self.http.request(method, url)
    }

    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Error {
        Error::Unreachable { registry: self.name.clone(), reason: reason(error) }
    }

    /// Reads a stream of events; `on_data` is told the data of each.
    pub(crate) fn events(&self, call: &Call, on_data: &mut dyn FnMut(&str)) -> Result<()> {
        use std::io::BufRead;
        let mut request = self.http_request(call.operation.method.clone(), &call.path).timeout(STREAM);
        if let Some(authorization) = self.authorization() {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = request.send().map_err(|error| self.unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if !status.is_success() {
            let body = self.body(response)?;
            return Err(self.refusal(status.as_u16(), &headers, &body));
        }
        for line in std::io::BufReader::new(response).lines() {
            let broken = |error: std::io::Error| Error::Unreachable {
                registry: self.name.clone(),
                reason: format!("the stream broke off: {error}"),
            };
            if let Some(data) = line.map_err(broken)?.strip_prefix("data:") {
                on_data(data.trim_start());
            }
        }
        Ok(())
    }

    fn send_once(&self, call: &Call, key: Option<&str>) -> Result<(u16, HeaderMap, Vec<u8>)> {
        let mut request = self.http_request(call.operation.method.clone(), &call.path);
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(authorization) = self.authorization() {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        request = match &call.condition {
            Condition::Always => request,
            Condition::Version(version) => request.header(IF_MATCH, format!("\"{version}\"")),
            Condition::Absent => request.header(IF_NONE_MATCH, "*"),
        };
        if let Some(body) = &call.body {
            let kind = match call.operation.method {
                Method::PATCH => "application/merge-patch+json",
                _ => "application/json",
            };
            request = request.header(CONTENT_TYPE, kind).body(body.clone());
        }
        let response = request.send().map_err(|error| self.unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response)?;
        match status.is_success() {
            true => Ok((status.as_u16(), headers, body)),
            false => Err(self.refusal(status.as_u16(), &headers, &body)),
        }
    }

    pub(crate) fn body(&self, response: Response) -> Result<Vec<u8>> {
        use std::io::Read;
        let unreachable = |error: std::io::Error| Error::Unreachable {
            registry: self.name.clone(),
            reason: format!("the answer broke off: {error}"),
        };
        let mut body = Vec::new();
        response.take(ANSWER_LIMIT_BYTES).read_to_end(&mut body).map_err(unreachable)?;
        Ok(body)
    }

    fn refusal(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
        let Ok(mut problem) = serde_json::from_slice::<ProblemDetails>(body) else {
            return self.other_answer(status);
        };
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        problem.retry_after_seconds = problem.retry_after_seconds.or(seconds);
        Error::Refused(Box::new(problem))
    }
}

/// Makes an idempotency key.
#[expect(clippy::disallowed_methods, reason = "a program of its own, without the ports of the registry")]
fn new_key() -> String {
    Uuid::new_v4().to_string()
}

/// Says why, down to the last cause; without the URL, which is named already.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "there was no answer in time".into();
    }
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{GET_TAG, RESTORE_DELETION};

    #[test]
    fn what_is_in_a_path_stays_in_its_place() {
        assert_eq!(
            Call::of(GET_TAG, &["acme/team/app", "v1"]).path,
            "/api/v1/repositories/acme/team/app/-/tags/v1"
        );
        assert_eq!(
            Call::of(GET_TAG, &["acme/../app?", "a/b#"]).path,
            "/api/v1/repositories/acme/../app%3F/-/tags/a%2Fb%23"
        );
        assert_eq!(Call::of(RESTORE_DELETION, &["x y"]).path, "/api/v1/deletions/x%20y/restore");
    }

    #[test]
    fn only_addresses_of_registries_are_taken_and_no_secret_is_shown() {
        for bad in ["", "registry.example.org", "ftp://a", "https://", "https://a:b@c", "unix:///a"] {
            assert!(Client::new(bad).is_err(), "{bad}");
        }
        let client = Client::new("https://a/prefix/").unwrap().with_token("lsp_secret").unwrap();
        assert_eq!(client.name(), "https://a/prefix");
        assert!(!format!("{client:?}").contains("secret"));
        assert!(Client::new("https://a").unwrap().with_token("a\nb").is_err());
    }
}
