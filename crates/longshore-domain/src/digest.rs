//! Content digests: `algorithm:encoded`, and the streaming hash that can be saved and resumed.
//!
//! OCI image specification, "Digests". Registered algorithms: sha256 and sha512.

use std::fmt;
use std::str::FromStr;

use sha2::digest::common::hazmat::{DeserializeStateError, SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha512};

use crate::error::{Error, Result};
use crate::name::shorten;

/// A digest algorithm that this registry supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, 64 hexadecimal characters.
    Sha256,
    /// SHA-512, 128 hexadecimal characters.
    Sha512,
}

impl Algorithm {
    /// Returns the name as it stands before the colon of a digest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

impl FromStr for Algorithm {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err(Error::DigestInvalid {
                digest: shorten(text),
                reason: "the algorithm is not supported; use sha256 or sha512",
            }),
        }
    }
}

/// The digest of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

impl Digest {
    /// Computes the digest of bytes that are in memory.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }
}

impl FromStr for Digest {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let invalid = |reason| Error::DigestInvalid { digest: shorten(text), reason };
        let (algorithm, encoded) =
            text.split_once(':').ok_or_else(|| invalid("a digest has the form algorithm:encoded"))?;
        let algorithm: Algorithm =
            algorithm.parse().map_err(|_| invalid("the algorithm is not supported; use sha256 or sha512"))?;
        if encoded.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(invalid("the encoded part has lower-case hexadecimal characters only"));
        }
        let wrong = |_| invalid("the encoded part has 64 (sha256) or 128 (sha512) hexadecimal characters");
        match algorithm {
            Algorithm::Sha256 => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(encoded, &mut bytes).map_err(wrong)?;
                Ok(Self::Sha256(bytes))
            }
            Algorithm::Sha512 => {
                let mut bytes = [0; 64];
                hex::decode_to_slice(encoded, &mut bytes).map_err(wrong)?;
                Ok(Self::Sha512(bytes))
            }
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm().as_str(), hex::encode(self.bytes()))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Version of the saved hash state; the layout belongs to the hash library.
const STATE_VERSION: u8 = 1;

/// A running hash whose state can be saved, and resumed by another process.
#[derive(Clone)]
pub enum Hasher {
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-512.
    Sha512(Sha512),
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({})", self.algorithm().as_str())
    }
}

impl Hasher {
    /// Begins a hash of nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// Returns the digest of everything added.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(hash) => Digest::Sha256(hash.finalize().into()),
            Self::Sha512(hash) => Digest::Sha512(hash.finalize().into()),
        }
    }

    /// Saves the state. It is not authenticated: keep it where only the registry can write.
    pub fn save(&self) -> Vec<u8> {
        let mut state = vec![STATE_VERSION];
        match self {
            Self::Sha256(hash) => state.extend_from_slice(&hash.serialize()),
            Self::Sha512(hash) => state.extend_from_slice(&hash.serialize()),
        }
        state
    }

    /// Resumes from a saved state; `None` when the state is of another version or algorithm,
    /// in which case the bytes must be read again.
    pub fn resume(algorithm: Algorithm, state: &[u8]) -> Option<Self> {
        let (&version, state) = state.split_first()?;
        if version != STATE_VERSION {
            return None;
        }
        fn load<H: SerializableState>(state: &[u8]) -> Option<H> {
            let state = SerializedState::<H>::try_from(state).ok()?;
            let hash: std::result::Result<H, DeserializeStateError> = H::deserialize(&state);
            hash.ok()
        }
        match algorithm {
            Algorithm::Sha256 => load(state).map(Self::Sha256),
            Algorithm::Sha512 => load(state).map(Self::Sha512),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY_SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_are_parsed_strictly() {
        assert_eq!(EMPTY_SHA256.parse::<Digest>().unwrap(), Digest::of(Algorithm::Sha256, b""));
        let upper = EMPTY_SHA256.to_uppercase();
        let upper_hex = format!("sha256:{}", "A".repeat(64));
        for bad in [
            "",
            "sha256",
            "sha256:",
            "sha256:abc",
            "sha256:../../etc/passwd",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &upper,
            &upper_hex,
            &EMPTY_SHA256[..70],
            &format!("{EMPTY_SHA256}0"),
            &EMPTY_SHA256.replace("sha256", "sha512"),
        ] {
            assert!(matches!(bad.parse::<Digest>(), Err(Error::DigestInvalid { .. })), "{bad}");
        }
    }

    #[test]
    fn a_damaged_or_foreign_state_is_refused() {
        let state = Hasher::new(Algorithm::Sha256).save();
        assert!(Hasher::resume(Algorithm::Sha512, &state).is_none());
        assert!(Hasher::resume(Algorithm::Sha256, &state[..10]).is_none());
        assert!(Hasher::resume(Algorithm::Sha256, b"").is_none());
        let mut other_version = state;
        other_version[0] = 9;
        assert!(Hasher::resume(Algorithm::Sha256, &other_version).is_none());
    }

    proptest! {
        #[test]
        fn a_resumed_hash_equals_an_uninterrupted_one(data in prop::collection::vec(any::<u8>(), 0..2000), cut in 0usize..2000) {
            let cut = cut.min(data.len());
            for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                let mut first = Hasher::new(algorithm);
                first.update(&data[..cut]);
                let mut second = Hasher::resume(algorithm, &first.save()).unwrap();
                second.update(&data[cut..]);
                prop_assert_eq!(second.finish(), Digest::of(algorithm, &data));
            }
        }

        #[test]
        fn digests_round_trip(data in prop::collection::vec(any::<u8>(), 0..50)) {
            for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                let digest = Digest::of(algorithm, &data);
                prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,200}") {
            let _ = text.parse::<Digest>();
        }
    }
}
