//! What is recorded of an object that is being written, so that any node can go on with it.

use longshore_domain::ports::blobs::StorageKey;
use longshore_domain::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The form of the record.
const VERSION: u32 = 1;

/// What the store holds of an unfinished object: parts of a multipart upload, then the bytes of tails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// The multipart upload, once one has been begun.
    pub(super) upload: Option<String>,
    /// What the store calls each part, in order.
    pub(super) parts: Vec<String>,
    /// Bytes of all parts.
    pub(super) sent_bytes: u64,
    /// What does not fill a part yet, in order.
    pub(super) tails: Vec<Tail>,
}

/// An object that holds bytes until they fill a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tail {
    key: Uuid,
    pub(super) length: u64,
    /// SHA-256 of its bytes as they came in, in hexadecimal; records of before it was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Tail {
    pub(super) fn new(key: StorageKey, length: u64, sha256: [u8; 32]) -> Self {
        Self { key: key.0, length, sha256: Some(hex::encode(sha256)) }
    }

    /// Returns whether bytes of this length and digest are those that were put there.
    pub(super) fn is_whole(&self, length: u64, sha256: [u8; 32]) -> bool {
        self.length == length && self.sha256.as_ref().is_none_or(|expected| *expected == hex::encode(sha256))
    }

    pub(super) fn key(&self) -> StorageKey {
        StorageKey(self.key)
    }
}

/// Bytes that tails hold.
pub(super) fn length_of(tails: &[Tail]) -> u64 {
    tails.iter().map(|tail| tail.length).sum()
}

impl State {
    /// Reads a record; an empty one is that of an object of which nothing is written.
    ///
    /// # Errors
    /// `Internal` when it is not one of this form.
    pub(super) fn parse(record: &[u8]) -> Result<Self> {
        if record.is_empty() {
            return Ok(Self::default());
        }
        let state: Self = serde_json::from_slice(record).map_err(Error::internal)?;
        match state.version {
            VERSION => Ok(state),
            version => {
                Err(Error::internal(format!("an upload has a store state of the unknown form {version}")))
            }
        }
    }

    /// Returns the record.
    ///
    /// # Errors
    /// `Internal`; never in practice.
    pub(super) fn save(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(&Self { version: VERSION, ..self.clone() }).map_err(Error::internal)
    }

    /// Bytes of the object that the store holds.
    pub(super) fn length(&self) -> u64 {
        self.sent_bytes + length_of(&self.tails)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back_and_others_refused() {
        let state = State {
            version: VERSION,
            upload: Some("id".into()),
            parts: vec!["\"etag\"".into()],
            sent_bytes: 8,
            tails: vec![Tail::new(StorageKey(Uuid::from_u128(1)), 3, [7; 32])],
        };
        assert_eq!(State::parse(&state.save().unwrap()).unwrap(), state);
        assert_eq!(state.length(), 11);
        assert_eq!(State::parse(b"").unwrap().length(), 0);
        let earlier = r#"{"version":1,"upload":null,"parts":[],"sent_bytes":0,
            "tails":[{"key":"00000000-0000-0000-0000-000000000001","length":3}]}"#;
        let earlier = State::parse(earlier.as_bytes()).unwrap();
        assert!(earlier.tails[0].is_whole(3, [0; 32]) && !earlier.tails[0].is_whole(2, [0; 32]));
        assert!(state.tails[0].is_whole(3, [7; 32]) && !state.tails[0].is_whole(3, [8; 32]));
        let newer = State { version: 2, ..state };
        assert!(State::parse(&serde_json::to_vec(&newer).unwrap()).is_err());
        assert!(State::parse(b"{").is_err());
    }
}
