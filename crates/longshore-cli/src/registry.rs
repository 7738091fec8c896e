//! A small registry client: asks, signs in when challenged, follows pages.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::blocking::{Client, Response};
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Connection;
use crate::failure::NotReachable;

/// Pages that one list may have.
const PAGES_LIMIT: usize = 10_000;
/// How to say who one is.
const SIGN_IN: &str = "give --username and --password, or better LONGSHORE_USERNAME and LONGSHORE_PASSWORD";
/// Largest document that is read.
const DOCUMENT_LIMIT_BYTES: u64 = 16 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*";

/// Makes an HTTP client that trusts what the machine trusts.
pub(crate) fn client() -> Result<Client> {
    let program = concat!("longshore/", env!("CARGO_PKG_VERSION"));
    Ok(Client::builder().user_agent(program).timeout(TIMEOUT).build()?)
}

/// Reads a JSON document, which may have no more than this.
pub(crate) fn json<T: DeserializeOwned>(response: Response) -> Result<T> {
    let mut text = Vec::new();
    response.take(DOCUMENT_LIMIT_BYTES).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// A registry as one user sees it.
pub(crate) struct Registry {
    client: Client,
    url: String,
    basic: Option<String>,
}

impl Registry {
    pub(crate) fn new(connection: &Connection) -> Result<Self> {
        let basic = match (&connection.username, &connection.password) {
            (Some(user), Some(secret)) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))))
            }
            (None, None) => None,
            _ => bail!(
                "give both --username and --password (or LONGSHORE_USERNAME and LONGSHORE_PASSWORD), or neither"
            ),
        };
        Ok(Self { client: client()?, url: connection.registry.trim_end_matches('/').to_owned(), basic })
    }

    /// Gets a JSON document.
    pub(crate) fn get(&self, path: &str, scope: &str) -> Result<Value> {
        json(self.request(path, scope)?)
    }

    /// Gets all pages of a list of texts.
    pub(crate) fn list(&self, path: &str, scope: &str, key: &str) -> Result<Vec<String>> {
        let mut items = Vec::new();
        let mut next = Some(path.to_owned());
        for _ in 0..PAGES_LIMIT {
            let Some(path) = next.take() else { break };
            let response = self.request(&path, scope)?;
            next = response
                .headers()
                .get("link")
                .and_then(|value| value.to_str().ok())
                .and_then(|link| self.next_path(link));
            let page: Value = json(response)?;
            let page = page[key].as_array().cloned().unwrap_or_default();
            items.extend(page.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        Ok(items)
    }

    /// Takes the path out of `<…>; rel="next"`; a link to another host is not followed.
    fn next_path(&self, link: &str) -> Option<String> {
        let target = link.strip_prefix('<')?.split('>').next()?;
        let path = target.strip_prefix(&self.url).unwrap_or(target);
        path.starts_with('/').then(|| path.to_owned())
    }

    fn request(&self, path: &str, scope: &str) -> Result<Response> {
        let url = format!("{}{path}", self.url);
        let reach = |error| NotReachable(format!("cannot reach {}: {error}", self.url));
        let response = self.client.get(&url).header("accept", ACCEPT).send().map_err(reach)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.check(response);
        }
        let challenge = response
            .headers()
            .get("www-authenticate")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let authorization = match parameter(challenge, "realm") {
            Some(realm) if challenge.to_ascii_lowercase().starts_with("bearer") => {
                format!("Bearer {}", self.token(&realm, parameter(challenge, "service"), scope)?)
            }
            _ => self.basic.clone().ok_or_else(|| anyhow!("the registry asks who you are: {SIGN_IN}"))?,
        };
        let request = self.client.get(&url).header("accept", ACCEPT).header("authorization", &authorization);
        self.check(request.send().map_err(reach)?)
    }

    fn check(&self, response: Response) -> Result<Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body: Value = json(response).unwrap_or_default();
        let message = body["errors"][0]["message"].as_str().unwrap_or("no reason was given");
        match (status, &self.basic) {
            (StatusCode::UNAUTHORIZED, None) => {
                bail!("the registry answered {status}: {message}; {SIGN_IN}")
            }
            _ => bail!("the registry answered {status}: {message}"),
        }
    }

    fn token(&self, realm: &str, service: Option<String>, scope: &str) -> Result<String> {
        let mut url =
            Url::parse(realm).with_context(|| format!("the token service {realm} has no address"))?;
        url.query_pairs_mut().append_pair("scope", scope);
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", &service);
        }
        let mut request = self.client.get(url);
        if let Some(basic) = &self.basic {
            request = request.header("authorization", basic);
        }
        let response =
            self.check(request.send().map_err(|error| {
                NotReachable(format!("cannot reach the token service {realm}: {error}"))
            })?)?;
        let body: Value = json(response)?;
        let token = body["token"].as_str().or_else(|| body["access_token"].as_str());
        token.map(str::to_owned).ok_or_else(|| anyhow!("the token service gave no token"))
    }
}

/// Takes a quoted parameter out of a challenge.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
    challenge.get(start..)?.split('"').next().map(str::to_owned)
}
