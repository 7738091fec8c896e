//! A request as an operation of a table gets it: who sent it, the parameters of its path, its query, its body.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use longshore_domain::{Error, Field, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::allotment::Allotment;
use crate::body::{self, RequestBody};
use crate::client::Client;
use crate::form;

/// Largest JSON body that any operation takes.
const BODY_LIMIT_BYTES: u64 = 1 << 20;
/// Largest number of a page.
pub const PAGE_LIMIT: u64 = 1_000_000_000;

/// A request.
pub struct ApiRequest {
    /// Who sent it.
    pub client: Client,
    /// Its line and headers.
    pub parts: http::request::Parts,
    parameters: Vec<(String, String)>,
}

impl ApiRequest {
    /// Takes a request with the decoded parameters of its path.
    pub fn new(client: Client, parts: http::request::Parts, parameters: Vec<(String, String)>) -> Self {
        Self { client, parts, parameters }
    }

    /// Returns a parameter of the path, decoded.
    pub fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Returns a parameter of the path as a validated value.
    pub fn parsed<T: FromStr<Err = Error>>(&self, name: &str) -> Result<T> {
        self.parameter(name).parse()
    }

    fn pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes())
    }

    /// Returns the names of the parameters of the query.
    pub fn query_names(&self) -> Vec<String> {
        self.pairs().map(|(name, _)| name.into_owned()).collect()
    }

    /// Checks that no value of the query has a NUL, which databases end texts at or refuse.
    pub fn check_query(&self) -> Result<()> {
        match self.pairs().any(|(_, value)| value.contains('\0')) {
            true => Err(Error::Invalid {
                field: Field::Parameter("query"),
                reason: "a parameter has a NUL character".into(),
            }),
            false => Ok(()),
        }
    }

    /// Returns the first value of a parameter of the query; an empty one is none.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.pairs()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    /// Returns a number of the query.
    ///
    /// # Errors
    /// `Invalid` when it is none from `least` to `limit`.
    pub fn number(&self, name: &'static str, default: u64, least: u64, limit: u64) -> Result<u64> {
        let Some(text) = self.query(name) else { return Ok(default) };
        match whole(&text) {
            Some(number) if (least..=limit).contains(&number) => Ok(number),
            _ => Err(Error::Invalid {
                field: Field::Parameter(name),
                reason: format!("must be a whole number from {least} to {limit}"),
            }),
        }
    }

    /// Returns a truth value of the query, in any letter case, if there is one.
    ///
    /// # Errors
    /// `Invalid` when it is something else.
    pub fn truth(&self, name: &'static str) -> Result<Option<bool>> {
        let Some(text) = self.query(name) else { return Ok(None) };
        let invalid =
            || Error::Invalid { field: Field::Parameter(name), reason: "must be true or false".into() };
        truth(&text).map(Some).ok_or_else(invalid)
    }

    /// Returns the one of some words that a parameter of the query is; the first of them when it is not there.
    ///
    /// # Errors
    /// `Invalid` for another word.
    pub fn choice<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Result<T> {
        let text = self.query(name);
        let wanted = text.as_deref().unwrap_or(words[0].0);
        let found = words.iter().find(|(word, _)| *word == wanted).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Error::Invalid {
                field: Field::Parameter(name),
                reason: format!("must be one of {}", words.join(", ")),
            }
        })
    }

    /// Returns the absolute link to the same list with other parameters: those named here are set, or left out when they have
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

    /// Reads a JSON body, or a form of the same members, as `curl --data-urlencode` sends it.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub async fn json_or_form<T: DeserializeOwned>(&self, body: RequestBody, idle: Duration) -> Result<T> {
        let bytes = self.bytes(body, idle).await?;
        // curl says of JSON that it is a form, too, when it is not told otherwise.
        let is_json = matches!(bytes.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['));
        match self.sends_form() && !is_json {
            true => form::parse(&bytes),
            false => parse(&bytes),
        }
    }

    fn sends_form(&self) -> bool {
        let kind = self.parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|text| text.split(';').next()).unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// Reads a JSON body.
    ///
    /// # Errors
    /// As [`Self::bytes`]; `Invalid` when it is not the document that the operation takes.
    pub async fn json<T: DeserializeOwned>(&self, body: RequestBody, idle: Duration) -> Result<T> {
        parse(&self.bytes(body, idle).await?)
    }

    /// Returns what the client calls itself, shortened.
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
    read(bytes).map_err(|error| Error::Invalid {
        field: Field::Body,
        reason: format!("is not the list that is documented: {error}"),
    })
}

/// Reads a JSON document that is an object.
///
/// # Errors
/// `Invalid` when it is not the document that the operation takes.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let invalid = |reason: String| Error::Invalid {
        field: Field::Body,
        reason: format!("is not as documented: {reason}"),
    };
    // A list of values would be taken for the members in their order.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(invalid("it must be an object".into()));
    }
    read(bytes).map_err(|error| invalid(error.to_string()))
}

/// Reads a JSON document in which whole numbers may have a zero fraction.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(bytes).or_else(|error| {
        let Ok(mut document) = serde_json::from_slice::<Value>(bytes) else { return Err(error) };
        match drop_zero_fractions(&mut document) {
            // Not from the document itself: all this would be compiled once more for each type.
            true => serde_json::from_slice(&serde_json::to_vec(&document)?),
            false => Err(error),
        }
    })
}

/// Writes whole numbers with a zero fraction without it; returns whether there were any.
fn drop_zero_fractions(value: &mut Value) -> bool {
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = whole::<i64>(&number.to_string());
            whole.map(|whole| *number = whole.into()).is_some()
        }
        Value::Array(values) => values.iter_mut().map(drop_zero_fractions).filter(|found| *found).count() > 0,
        Value::Object(members) => {
            members.values_mut().map(drop_zero_fractions).filter(|found| *found).count() > 0
        }
        _ => false,
    }
}

/// Reads a whole number as clients write it: where an API says "number", their fraction is zero.
pub fn whole<T: FromStr>(text: &str) -> Option<T> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => text,
    };
    // The library takes a plus, too.
    digits.parse().ok().filter(|_| !digits.starts_with('+'))
}

/// Reads a truth value as clients write it; Python begins it with a capital letter.
pub fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[test]
    fn whole_numbers_may_have_a_zero_fraction() {
        for (text, number) in [("1", 1), ("1.0", 1), ("10.000", 10), ("0.0", 0)] {
            assert_eq!(whole::<u64>(text), Some(number), "{text}");
        }
        let long = "9".repeat(30);
        for text in
            ["", "1.5", "1.", ".0", "1.0.0", "1e0", "-1.0", "1,0", "x.0", "0x1", " 1", "1 ", "+1", &long]
        {
            assert_eq!(whole::<u64>(text), None, "{text}");
        }
        assert_eq!(whole::<i64>("-1.0"), Some(-1));
    }

    #[test]
    fn the_letter_case_of_truth_values_does_not_matter() {
        for text in ["true", "True", "TRUE", "1"] {
            assert_eq!(truth(text), Some(true), "{text}");
        }
        for text in ["false", "False", "fAlse", "0"] {
            assert_eq!(truth(text), Some(false), "{text}");
        }
        for text in ["", "yes", "2", "tru", "1.0"] {
            assert_eq!(truth(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_bodies_may_have_a_zero_fraction_too() {
        #[derive(Deserialize, Debug, PartialEq)]
        struct Body {
            n: u32,
            #[serde(default)]
            list: Vec<u32>,
            #[serde(default)]
            text: String,
        }
        let body = |text: &str| parse::<Body>(text.as_bytes()).ok();
        let read = |n, list: &[u32], text: &str| Some(Body { n, list: list.to_vec(), text: text.into() });
        assert_eq!(body(r#"{"n": 1.0, "list": [2.0, 3], "text": "4.0"}"#), read(1, &[2, 3], "4.0"));
        assert_eq!(body(r#"{"n": 1}"#), read(1, &[], ""));
        for bad in [r#"{"n": 1.5}"#, r#"{"n": -1.0}"#, r#"{"n": "1.0"}"#, r#"{"n": 1e300}"#, r#"[1.0]"#, "{"]
        {
            assert_eq!(body(bad), None, "{bad}");
        }
    }
}
