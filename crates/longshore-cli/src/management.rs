//! A small client of the management API, in the words of Docker Hub.

use anyhow::{Result, bail};
use reqwest::StatusCode;
use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::Connection;
use crate::failure::NotReachable;
use crate::registry::{self, client};

/// The management API as one user sees it.
pub(crate) struct Management {
    client: Client,
    url: String,
    user: String,
    password: String,
    token: Option<String>,
}

impl Management {
    pub(crate) fn new(connection: &Connection) -> Result<Self> {
        let (Some(user), Some(password)) = (connection.username.clone(), connection.password.clone()) else {
            bail!("give --username and --password, or better LONGSHORE_USERNAME and LONGSHORE_PASSWORD");
        };
        let url = connection.registry.trim_end_matches('/').to_owned();
        Ok(Self { client: client()?, url, user, password, token: None })
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Signs in; gives what stands for the password when the second factor must follow.
    pub(crate) fn sign_in(&mut self) -> Result<Option<String>> {
        let body = json!({ "username": self.user, "password": self.password });
        let (status, answer) = self.send("/v2/users/login", Some(&body))?;
        match answer["login_2fa_token"].as_str() {
            Some(challenge) => Ok(Some(challenge.to_owned())),
            None => {
                self.token = checked(status, answer)?["token"].as_str().map(str::to_owned);
                Ok(None)
            }
        }
    }

    /// Completes a sign-in with a code.
    pub(crate) fn complete_sign_in(&mut self, challenge: &str, code: &str) -> Result<()> {
        let body = json!({ "login_2fa_token": challenge, "code": code });
        let (status, answer) = self.send("/v2/users/2fa-login", Some(&body))?;
        self.token = checked(status, answer)?["token"].as_str().map(str::to_owned);
        Ok(())
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let (status, answer) = self.send(path, None)?;
        checked(status, answer)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self.send(path, Some(body))?;
        checked(status, answer)
    }

    fn send(&self, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        let url = format!("{}{path}", self.url);
        let mut request = match body {
            None => self.client.get(&url),
            Some(body) => {
                let kind = ("content-type", "application/json");
                self.client.post(&url).header(kind.0, kind.1).body(body.to_string())
            }
        };
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let unreachable = |error| NotReachable(format!("cannot reach {}: {error}", self.url));
        let response = request.send().map_err(unreachable)?;
        let status = response.status();
        // Some answers have no body.
        let answer = registry::json(response).unwrap_or_default();
        Ok((status, answer))
    }
}

fn checked(status: StatusCode, answer: Value) -> Result<Value> {
    match (status.is_success(), answer["message"].as_str()) {
        (true, _) => Ok(answer),
        (false, Some(message)) => bail!("{message}"),
        (false, None) => bail!("the registry answered {status}; is it a Longshore registry?"),
    }
}
