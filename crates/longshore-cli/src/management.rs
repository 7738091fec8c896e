//! A small client of the management API, in the words of Docker Hub.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::StatusCode;

use crate::Connection;
use crate::failure::NotReachable;
use crate::registry::agent;

/// The management API as one user sees it.
pub(crate) struct Management {
    agent: Agent,
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
        Ok(Self { agent: agent(), url, user, password, token: None })
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
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let sent = match body {
            None => {
                let mut request = self.agent.get(&url);
                if let Some(authorization) = &authorization {
                    request = request.header("authorization", authorization);
                }
                request.call()
            }
            Some(body) => {
                let mut request = self.agent.post(&url);
                if let Some(authorization) = &authorization {
                    request = request.header("authorization", authorization);
                }
                request.send_json(body)
            }
        };
        let mut response =
            sent.map_err(|error| NotReachable(format!("cannot reach {}: {error}", self.url)))?;
        // Some answers have no body.
        let answer = response.body_mut().read_json().unwrap_or_default();
        Ok((response.status(), answer))
    }
}

fn checked(status: StatusCode, answer: Value) -> Result<Value> {
    match (status.is_success(), answer["message"].as_str()) {
        (true, _) => Ok(answer),
        (false, Some(message)) => bail!("{message}"),
        (false, None) => bail!("the registry answered {status}; is it a Longshore registry?"),
    }
}
