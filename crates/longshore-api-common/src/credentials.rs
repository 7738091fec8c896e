//! Credentials in the `Authorization` header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Result};

/// What came in the `Authorization` header.
pub enum Credentials<'h> {
    /// Nothing.
    None,
    /// `Basic`: user name and secret.
    Basic {
        /// User name.
        user: String,
        /// Password or token.
        secret: String,
    },
    /// `Bearer`: a token.
    Bearer(&'h str),
}

impl<'h> Credentials<'h> {
    /// Parses the header (RFC 7617, RFC 6750).
    ///
    /// # Errors
    /// `Unauthenticated` when it is there but is neither.
    pub fn of(headers: &'h HeaderMap) -> Result<Self> {
        let malformed = || Error::Unauthenticated(Unauthenticated::WrongCredential);
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(Self::None) };
        let value = value.to_str().map_err(|_| malformed())?;
        let (scheme, rest) = value.split_once(' ').ok_or_else(malformed)?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Self::Bearer(rest));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(malformed());
        }
        let decoded = STANDARD.decode(rest).map_err(|_| malformed())?;
        let text = String::from_utf8(decoded).map_err(|_| malformed())?;
        let (user, secret) = text.split_once(':').ok_or_else(malformed)?;
        // Clients without credentials may send both empty.
        if user.is_empty() && secret.is_empty() {
            return Ok(Self::None);
        }
        Ok(Self::Basic { user: user.to_owned(), secret: secret.to_owned() })
    }
}
