//! Access-key pairs: an access key that names an access token, and a secret key that requests are signed with.
//!
//! Huawei Cloud and Open Telekom Cloud, "AK/SK". The secret key never travels, so the registry must be able to read it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::Entropy;
use crate::credential::Secret;
use crate::error::{Error, Result};
use crate::field::Field;

/// How far the clock of who signs may be from the registry's.
pub const CLOCK_SKEW_LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long after it came first a request that changes something may come again: clients sign to the second, so that equal
/// requests of the same second cannot be told apart.
pub const REPEAT_LIMIT: Duration = Duration::from_secs(5);

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const PREFIX: &str = "LS";
const ACCESS_KEY_CHARACTERS: usize = 20;
const SECRET_KEY_CHARACTERS: usize = 40;

fn random(characters: usize, entropy: &dyn Entropy) -> String {
    let mut bytes = vec![0; characters];
    entropy.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

/// An access key: `LS` and 18 capital letters and digits 2 to 7. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessKey(String);

impl AccessKey {
    /// Makes a new one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(format!("{PREFIX}{}", random(ACCESS_KEY_CHARACTERS - PREFIX.len(), entropy)))
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccessKey {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let is_one = text.len() == ACCESS_KEY_CHARACTERS
            && text.starts_with(PREFIX)
            && text.bytes().all(|byte| ALPHABET.contains(&byte));
        match is_one {
            true => Ok(Self(text.to_owned())),
            false => {
                Err(Error::Invalid { field: Field::AccessKey, reason: "is none of this registry".into() })
            }
        }
    }
}

impl fmt::Display for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes a secret key, of 200 random bits.
pub fn generate_secret_key(entropy: &dyn Entropy) -> Secret {
    Secret::presented(&random(SECRET_KEY_CHARACTERS, entropy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_keys_are_told_by_their_form() {
        struct Steps;
        impl Entropy for Steps {
            fn fill(&self, buffer: &mut [u8]) {
                for (byte, step) in buffer.iter_mut().zip((0..=u8::MAX).cycle()) {
                    *byte = step.wrapping_mul(37);
                }
            }
        }
        let key = AccessKey::generate(&Steps);
        assert_eq!(key.as_str().parse::<AccessKey>().unwrap(), key);
        assert_eq!(generate_secret_key(&Steps).expose().len(), 40);
        let of_another = "AKIAIOSFODNN7EXAMPLE";
        for bad in ["", "LS", of_another, &key.as_str().to_lowercase(), &format!("{key}A")] {
            assert!(bad.parse::<AccessKey>().is_err(), "{bad}");
        }
    }
}
