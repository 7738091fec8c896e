//! Signing in with a password, as all clients of the registry do (`/v2/users/login`).

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::types::ProblemDetails;

/// How signing in goes on.
#[derive(Clone, PartialEq, Eq)]
pub enum SignIn {
    /// With this session token, for [`Client::with_token`].
    Done(String),
    /// The account has a second factor: with this and a code, [`Client::complete_sign_in`] goes on.
    SecondFactor(String),
}

impl Client {
    /// Signs in with a password.
    ///
    /// # Errors
    /// `Refused` when name or password is wrong, or after too many attempts; why the registry was not reached.
    pub fn sign_in(&self, username: &str, password: &str) -> Result<SignIn> {
        let (status, answer) =
            self.post_elsewhere("/v2/users/login", &json!({ "username": username, "password": password }))?;
        match (&answer["token"], &answer["login_2fa_token"]) {
            (Value::String(token), _) if status == 200 => Ok(SignIn::Done(token.clone())),
            (_, Value::String(challenge)) => Ok(SignIn::SecondFactor(challenge.clone())),
            _ => Err(self.not_signed_in(status, &answer)),
        }
    }

    /// Completes a sign-in with a code of the second factor, or a recovery code; gives the session token.
    ///
    /// # Errors
    /// As [`Client::sign_in`].
    pub fn complete_sign_in(&self, challenge: &str, code: &str) -> Result<String> {
        let body = json!({ "login_2fa_token": challenge, "code": code });
        let (status, answer) = self.post_elsewhere("/v2/users/2fa-login", &body)?;
        match &answer["token"] {
            Value::String(token) if status == 200 => Ok(token.clone()),
            _ => Err(self.not_signed_in(status, &answer)),
        }
    }

    fn post_elsewhere(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let request = self.http_request(reqwest::Method::POST, path);
        let response = request.header(CONTENT_TYPE, "application/json").body(body.to_string()).send();
        let response = response.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let bytes = self.body(response)?;
        match serde_json::from_slice(&bytes) {
            Ok(answer) => Ok((status, answer)),
            Err(_) => Err(self.other_answer(status)),
        }
    }

    fn not_signed_in(&self, status: u16, answer: &Value) -> Error {
        let Some(message) = answer["message"].as_str().or(answer["detail"].as_str()) else {
            return self.other_answer(status);
        };
        Error::Refused(Box::new(ProblemDetails {
            r#type: "about:blank".into(),
            title: "Not signed in".into(),
            status,
            detail: message.to_owned(),
            code: "wrong_credential".into(),
            field: None,
            needed: None,
            have: None,
            retry_after_seconds: None,
            request_id: String::new(),
        }))
    }
}
