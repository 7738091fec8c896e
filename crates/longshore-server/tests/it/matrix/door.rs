//! The doors of the registry, one for each dialect, and what somebody presents there.

use longshore_api_swr::signature::{Authorization, signed};
use longshore_domain::digest::{Algorithm, Digest};
use ureq::http::Request;

use crate::server::{Answer, Client};

/// A dialect, with its own way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    Oci,
    Hub,
    DigitalOcean,
    Swr,
    Scim,
    Native,
    Pages,
}

impl Door {
    pub const ALL: &[Self] =
        &[Self::Oci, Self::Hub, Self::DigitalOcean, Self::Swr, Self::Scim, Self::Native, Self::Pages];

    pub fn name(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::Hub => "hub",
            Self::DigitalOcean => "digitalocean",
            Self::Swr => "swr",
            Self::Scim => "scim",
            Self::Native => "native",
            Self::Pages => "pages",
        }
    }
}

/// What somebody presents.
#[derive(Clone, Debug)]
pub enum Credential {
    Nothing,
    /// `user:secret`
    Basic(String),
    /// `Authorization: Bearer`
    Bearer(String),
    /// `X-Auth-Token`
    Token(String),
    /// What a browser keeps that is signed in to the pages, in a cookie that has the port of the server in its name.
    Cookie(String),
    /// A pair of keys that signs the request.
    Keys {
        access: String,
        secret: String,
    },
}

/// A request that is ready to be sent, but for who sends it.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub method: String,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// HMAC of RFC 2104 with SHA-256, in hexadecimal digits.
pub fn hmac_sha256(key: &str, text: &[u8]) -> String {
    let sha256 = |parts: [&[u8]; 2]| {
        let digest = Digest::of(Algorithm::Sha256, &parts.concat()).to_string();
        hex::decode(digest.strip_prefix("sha256:").unwrap()).unwrap()
    };
    assert!(key.len() <= 64, "longer keys are hashed first");
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let inner = sha256([&block.map(|byte| byte ^ 0x36), text]);
    hex::encode(sha256([&block.map(|byte| byte ^ 0x5c), &inner]))
}

/// Returns the headers that sign a request, as the vendor's SDK makes them.
fn sign(client: &Client, request: &Prepared, access: &str, secret: &str) -> Vec<(&'static str, String)> {
    let date = crate::hub::authentication::time().strftime("%Y%m%dT%H%M%SZ").to_string();
    let subject = request.headers.iter().find(|(name, _)| *name == "x-subject-token");
    let mut built = Request::builder()
        .method(request.method.as_str())
        .uri(&request.path)
        .header("host", client.host())
        .header("x-sdk-date", &date);
    if let Some((name, value)) = subject {
        built = built.header(*name, value);
    }
    let (parts, ()) = built.body(()).unwrap().into_parts();
    let names = if subject.is_some() { "host;x-sdk-date;x-subject-token" } else { "host;x-sdk-date" };
    let head = format!("SDK-HMAC-SHA256 Access={access}, SignedHeaders={names}, Signature=");
    let text =
        signed(&parts, &Authorization::parse(&format!("{head}00")).unwrap(), &request.body).unwrap().text;
    let signature = hmac_sha256(secret, text.as_bytes());
    vec![("x-sdk-date", date), ("authorization", format!("{head}{signature}"))]
}

/// Sends a request with a credential.
pub fn send(client: &Client, request: &Prepared, credential: &Credential) -> Result<Answer, String> {
    let mut headers = request.headers.clone();
    let who = match credential {
        Credential::Nothing => String::new(),
        Credential::Basic(login) => login.clone(),
        Credential::Bearer(token) => format!("Bearer {token}"),
        Credential::Token(token) => format!("Token {token}"),
        Credential::Cookie(cookie) => {
            let port = client.host().rsplit(':').next().unwrap_or_default();
            headers.push(("cookie", format!("longshore-{port}={cookie}")));
            String::new()
        }
        Credential::Keys { access, secret } => {
            headers.extend(sign(client, request, access, secret));
            String::new()
        }
    };
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client
        .try_send(&request.method, &request.path, &who, &headers, &request.body)
        .map_err(|error| error.to_string())
}
