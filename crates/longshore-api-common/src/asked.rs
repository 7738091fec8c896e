//! A request as an operation of a table gets it: who sent it, the parameters of its path, its query, its body.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use longshore_domain::{Error, Result};
use serde::de::DeserializeOwned;

use crate::allotment::Allotment;
use crate::body::{self, RequestBody};
use crate::client::Client;

/// Largest JSON body that any operation takes.
const BODY_LIMIT_BYTES: u64 = 1 << 20;
/// Largest number of a page.
pub const PAGE_LIMIT: u64 = 1_000_000_000;

/// A request.
pub struct Asked {
    /// Who sent it.
    pub client: Client,
    /// Its line and headers.
    pub parts: http::request::Parts,
    parameters: Vec<(String, String)>,
}

impl Asked {
    /// Takes a request with the decoded parameters of its path.
    pub fn new(client: Client, parts: http::request::Parts, parameters: Vec<(String, String)>) -> Self {
        Self { client, parts, parameters }
    }

    /// Gives a parameter of the path, decoded.
    pub fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Gives a parameter of the path as a validated value.
    pub fn parsed<T: FromStr<Err = Error>>(&self, name: &str) -> Result<T> {
        self.parameter(name).parse()
    }

    fn pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes())
    }

    /// Checks that no value of the query has a NUL, which databases end texts at or refuse.
    pub fn check_query(&self) -> Result<()> {
        match self.pairs().any(|(_, value)| value.contains('\0')) {
            true => Err(Error::Invalid { field: "query", reason: "a parameter has a NUL character".into() }),
            false => Ok(()),
        }
    }

    /// Gives the first value of a parameter of the query; an empty one is none.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.pairs()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    /// Gives a number of the query.
    ///
    /// # Errors
    /// `Invalid` when it is none from `least` to `limit`.
    pub fn number(&self, name: &'static str, default: u64, least: u64, limit: u64) -> Result<u64> {
        let Some(text) = self.query(name) else { return Ok(default) };
        match text.parse::<u64>() {
            Ok(number) if (least..=limit).contains(&number) => Ok(number),
            _ => Err(Error::Invalid {
                field: name,
                reason: format!("must be a whole number from {least} to {limit}"),
            }),
        }
    }

    /// Gives the absolute link to the same list with other parameters: those named here are set, or left out when they have
    /// no value, the others are kept.
    pub fn link(&self, parameters: &[(&str, Option<String>)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let is_set = |name: &str| parameters.iter().any(|(set, _)| *set == name);
        for (name, value) in self.pairs().filter(|(name, _)| !is_set(name)) {
            query.append_pair(&name, &value);
        }
        for (name, value) in parameters {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        self.client.origin.absolute(&format!("{}?{}", self.parts.uri.path(), query.finish()))
    }

    /// Checks that the request is to be answered at all, as [`Allotment::check`].
    pub fn check_turn(&self) -> Result<()> {
        Allotment::check(&self.parts.extensions)
    }

    /// Notes that the credential of the request was found to be good.
    pub fn note_signed_in(&self) {
        Allotment::sign_in(&self.parts.extensions);
    }

    /// Reads a body into memory.
    ///
    /// # Errors
    /// `BodyTooLarge`; `BodyInterrupted` when nothing arrives for `idle`; `Overloaded` when there is no memory for it.
    pub async fn bytes(&self, body: RequestBody, idle: Duration) -> Result<Bytes> {
        let too_large = |limit_bytes| Error::BodyTooLarge { limit_bytes };
        body::collect(&self.parts.extensions, body, BODY_LIMIT_BYTES, idle, too_large).await
    }

    /// Reads a JSON body.
    ///
    /// # Errors
    /// As [`Self::bytes`]; `Invalid` when it is not the document that the operation takes.
    pub async fn json<T: DeserializeOwned>(&self, body: RequestBody, idle: Duration) -> Result<T> {
        parse(&self.bytes(body, idle).await?)
    }

    /// Gives what the client calls itself, shortened.
    pub fn user_agent(&self) -> String {
        let agent = self.parts.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
        agent.unwrap_or_default().chars().take(256).collect()
    }
}

/// Reads a JSON document that is a list.
///
/// # Errors
/// `Invalid` when it is not the document that the operation takes.
pub fn parse_list<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>> {
    serde_json::from_slice(bytes).map_err(|error| Error::Invalid {
        field: "body",
        reason: format!("is not the list that is documented: {error}"),
    })
}

/// Reads a JSON document that is an object.
///
/// # Errors
/// `Invalid` when it is not the document that the operation takes.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let invalid =
        |reason: String| Error::Invalid { field: "body", reason: format!("is not as documented: {reason}") };
    // A list of values would be taken for the members in their order.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(invalid("it must be an object".into()));
    }
    serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))
}
