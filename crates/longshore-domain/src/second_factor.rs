//! The second factor: one-time passwords by time (RFC 6238) and recovery codes.

use std::fmt;

use jiff::Timestamp;
use totp_rs::{Builder, Secret as Base32, Totp};

use crate::clock::Entropy;
use crate::credential::SecretHash;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::Namespace;

/// Recovery codes that a user gets at once.
pub const RECOVERY_CODES: usize = 10;
/// How many steps of 30 seconds a code may be early or late.
const SKEW_STEPS: u16 = 1;
const SECRET_BYTES: usize = 20;
const CODE_DIGITS: usize = 6;
/// Letters and digits that are not mistaken for each other.
const RECOVERY_ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567890";
const RECOVERY_CHARACTERS: usize = 16;

/// The secret that a server and an authenticator share: 160 random bits, codes of 6 digits from HMAC-SHA-1 every
/// 30 seconds, which is what all authenticators understand.
#[derive(Clone)]
pub struct TotpSecret([u8; SECRET_BYTES]);

impl TotpSecret {
    /// Makes a new secret.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; SECRET_BYTES];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// Takes a stored secret.
    ///
    /// # Errors
    /// `Internal` when it has another length.
    pub fn from_stored(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Self).map_err(|_| Error::internal("a second factor's secret is damaged"))
    }

    /// Returns what is stored.
    pub fn as_stored(&self) -> &[u8] {
        &self.0
    }

    /// Returns the secret as its owner types it into an authenticator.
    pub fn base32(&self) -> String {
        Base32::from(self.0.to_vec()).to_base32()
    }

    fn totp(&self, issuer: &str, account: &str) -> Result<Totp> {
        // Authenticators take both names apart at a colon.
        let plain = |name: &str| name.replace(':', " ");
        Builder::new()
            .with_secret(self.0.to_vec())
            .with_skew(SKEW_STEPS)
            .with_account_name(plain(account))
            .with_issuer(Some(plain(issuer)))
            .build()
            .map_err(|error| Error::internal(error.to_string()))
    }

    /// Returns the URL that authenticators read from a QR code.
    ///
    /// # Errors
    /// `Internal` when the names do not fit into it.
    pub fn otpauth_url(&self, issuer: &str, user: &Namespace) -> Result<String> {
        self.totp(issuer, user.as_str())?.to_url().map_err(|error| Error::internal(error.to_string()))
    }

    /// Returns the step whose code this is, of those near `now`.
    ///
    /// # Errors
    /// `Internal` when the clock stands before 1970.
    pub fn matching_step(&self, code: &str, now: Timestamp) -> Result<Option<i64>> {
        let now = u64::try_from(now.as_second()).map_err(Error::internal)?;
        let step = self.totp("", "user")?.check(code, now);
        step.map(|step| i64::try_from(step).map_err(Error::internal)).transpose()
    }

    /// Returns the code of a time, as an authenticator shows it.
    ///
    /// # Errors
    /// `Internal` when the time lies before 1970.
    pub fn code_at(&self, at: Timestamp) -> Result<String> {
        let at = u64::try_from(at.as_second()).map_err(Error::internal)?;
        Ok(self.totp("", "user")?.generate(at).to_string())
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

/// What a user gives as second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// Six digits of an authenticator.
    OneTimePassword(String),
    /// Hash of a recovery code.
    Recovery(SecretHash),
}

impl Code {
    /// Reads what a user typed: spaces and dashes do not count, nor does the case of letters.
    /// Six digits or fewer are a one-time password whose leading zeros may have been lost.
    ///
    /// # Errors
    /// `Invalid` when it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        let limit = 4 * RECOVERY_CHARACTERS;
        let plain: String = text
            .chars()
            .take(limit)
            .filter(|c| !c.is_whitespace() && *c != '-')
            .flat_map(char::to_lowercase)
            .collect();
        if !plain.is_empty() && plain.len() <= CODE_DIGITS && plain.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self::OneTimePassword(format!("{plain:0>CODE_DIGITS$}")));
        }
        if plain.len() == RECOVERY_CHARACTERS && plain.bytes().all(|b| RECOVERY_ALPHABET.contains(&b)) {
            return Ok(Self::Recovery(SecretHash::of(&plain)));
        }
        Err(Error::Invalid {
            field: Field::Code,
            reason: "must be the six digits of the authenticator, or a recovery code".into(),
        })
    }
}

/// Makes recovery codes: 80 random bits each, in groups of four.
pub fn generate_recovery_codes(entropy: &dyn Entropy) -> Vec<String> {
    let code = |_| {
        let mut random = [0; RECOVERY_CHARACTERS];
        entropy.fill(&mut random);
        let letters: Vec<char> =
            random.iter().map(|byte| char::from(RECOVERY_ALPHABET[usize::from(byte % 32)])).collect();
        letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    };
    (0..RECOVERY_CODES).map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(std::sync::atomic::AtomicU8);
    impl Entropy for Counter {
        fn fill(&self, buffer: &mut [u8]) {
            for byte in buffer {
                *byte = self.0.fetch_add(7, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1; the last six of its eight digits.
        let secret = TotpSecret::from_stored(b"12345678901234567890").unwrap();
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            let at = Timestamp::from_second(seconds).unwrap();
            assert_eq!(secret.code_at(at).unwrap(), code);
            assert_eq!(secret.matching_step(code, at).unwrap(), Some(seconds / 30));
            let next = Timestamp::from_second(seconds + 30).unwrap();
            assert_eq!(secret.matching_step(code, next).unwrap(), Some(seconds / 30));
            let much_later = Timestamp::from_second(seconds + 61).unwrap();
            assert_eq!(secret.matching_step(code, much_later).unwrap(), None);
        }
        let url = secret.otpauth_url("reg:5000", &"alice".parse().unwrap()).unwrap();
        assert!(url.starts_with("otpauth://totp/") && url.contains(&secret.base32()), "{url}");
        assert!(!format!("{secret:?}").contains("1234"));
    }

    #[test]
    fn what_users_type_is_read_kindly() {
        let digits = |code: &str| Code::OneTimePassword(code.into());
        assert_eq!(Code::parse("123 456").unwrap(), digits("123456"));
        assert_eq!(Code::parse("42").unwrap(), digits("000042"));
        let codes = generate_recovery_codes(&Counter(0.into()));
        assert_eq!(codes.len(), RECOVERY_CODES);
        let read = Code::parse(&codes[0].to_uppercase()).unwrap();
        assert_eq!(read, Code::parse(&codes[0].replace('-', " ")).unwrap());
        assert_ne!(read, Code::parse(&codes[1]).unwrap());
        for bad in ["", "1234567", "abc", "١٢٣٤٥٦", &"a".repeat(1000)] {
            assert!(Code::parse(bad).is_err(), "{bad}");
        }
    }
}
