//! E-mail addresses.

use std::fmt;
use std::str::FromStr;

use email_address::Options;

use crate::error::{Error, Result};
use crate::field::Field;

/// An e-mail address: `local@domain`, without a display name, to a domain of at least two parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Returns the address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what two addresses of one person have in common: letter case makes no difference, as nobody relies on it.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EmailAddress {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
        let is_plain = !text.contains(['"', '\\']) && text.is_ascii() && !text.chars().any(char::is_control);
        match email_address::EmailAddress::parse_with_options(text, options) {
            Ok(_) if is_plain => Ok(Self(text.to_owned())),
            _ => Err(Error::Invalid {
                field: Field::Email,
                reason: "must be an e-mail address such as jane@example.org".into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain_and_compared_without_case() {
        let address: EmailAddress = "Jane.Doe+ci@Example.org".parse().unwrap();
        assert_eq!(
            (address.as_str(), address.key().as_str()),
            ("Jane.Doe+ci@Example.org", "jane.doe+ci@example.org")
        );
        for bad in [
            "",
            "jane",
            "@example.org",
            "jane@",
            "jane@localhost",
            "jane@[127.0.0.1]",
            "Jane <jane@example.org>",
            "jane@example.org\r\nBcc: all@example.org",
            "\"a b\"@example.org",
            "jane@example.org,bob@example.org",
            "jane doe@example.org",
            &format!("{}@example.org", "x".repeat(65)),
            &format!("x@{}.org", "y".repeat(260)),
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad}");
        }
    }
}
