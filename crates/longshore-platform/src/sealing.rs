//! Sealing: secrets that the registry must be able to read again lie encrypted in the metadata store, with a key that
//! does not lie there.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use longshore_domain::{Error, Field, Result};

/// The key of the server: 256 bits, the same on all its nodes.
#[derive(Clone)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// Takes a key of 64 hexadecimal digits.
    ///
    /// # Errors
    /// `Invalid` when it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| Error::Invalid {
            field: Field::Setting("sealing key"),
            reason: "must be 64 hexadecimal digits, as `openssl rand -hex 32` makes them".into(),
        })
    }

    /// Encrypts a secret for something that is named: sealed for another name it cannot be opened.
    pub fn seal(&self, name: &str, secret: &str) -> Result<Vec<u8>> {
        let failed = |_| Error::internal("a secret could not be encrypted");
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).map_err(failed)?;
        let mut sealed = secret.as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(name), &mut sealed).map_err(failed)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Decrypts a secret; `None` when it was sealed with another key or for another name, or was changed.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).ok()?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = sealed.to_vec();
        let secret = key.open_in_place(nonce, Aad::from(name), &mut bytes).ok()?;
        String::from_utf8(secret.to_vec()).ok()
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_and_name_only() {
        let key = SealingKey::parse(&"0f".repeat(32)).unwrap();
        let sealed = key.seal("a", "secret").unwrap();
        assert_eq!(key.open("a", &sealed).unwrap(), "secret");
        assert_ne!(key.seal("a", "secret").unwrap(), sealed);
        assert!(key.open("b", &sealed).is_none());
        assert!(SealingKey::parse(&"f0".repeat(32)).unwrap().open("a", &sealed).is_none());
        for length in 0..sealed.len() {
            assert!(key.open("a", &sealed[..length]).is_none());
        }
        let mut changed = sealed;
        *changed.last_mut().unwrap() ^= 1;
        assert!(key.open("a", &changed).is_none());
        for bad in ["", "0f", &"0g".repeat(32), &"0f".repeat(33)] {
            assert!(SealingKey::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{key:?}"), "SealingKey(…)");
    }
}
