//! Requests that are sent again and done once: idempotency keys.

use crate::digest::{Algorithm, Digest};

/// A request that may be sent again, with what tells it from others. Neither the key nor the credential can be read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Of the credential and the key: somebody else's same key is another one.
    pub key: Digest,
    /// Of all that is asked for.
    pub request: Digest,
}

impl Attempt {
    /// Makes one of the credential and the key that a client sends, and of the parts of what it asks for.
    pub fn new(credential: &[u8], key: &[u8], request: &[&[u8]]) -> Self {
        // A request may hold a password; with what nobody can guess, its digest tells nobody what it was.
        let salted: Vec<&[u8]> = [credential, key].iter().chain(request).copied().collect();
        Self { key: digest_of(&[credential, key]), request: digest_of(&salted) }
    }
}

/// Digests parts so that no other parts give the same.
fn digest_of(parts: &[&[u8]]) -> Digest {
    let mut hasher = crate::digest::Hasher::new(Algorithm::Sha256);
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finish()
}

/// An answer that is given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// Headers, as a JSON object.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What became of an attempt before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptState {
    /// Nothing: it is the first, and is being handled from now on.
    First,
    /// It is being handled.
    Running,
    /// It was answered.
    Answered(KeptAnswer),
    /// The key belongs to another request.
    OtherRequest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_another_attempt() {
        let first = Attempt::new(b"token", b"key", &[b"POST", b"/a", b"{}"]);
        assert_eq!(first, Attempt::new(b"token", b"key", &[b"POST", b"/a", b"{}"]));
        for other in [Attempt::new(b"other", b"key", &[]), Attempt::new(b"tokenk", b"ey", &[])] {
            assert_ne!(first.key, other.key);
        }
        for other in [&[&b"POST"[..], b"/a{", b"}"][..], &[b"POST", b"/a"], &[b"POST/a{}"]] {
            assert_ne!(first.request, Attempt::new(b"token", b"key", other).request);
        }
        // A digest of the same request with another credential gives nothing away.
        let other = Attempt::new(b"other", b"key", &[b"POST", b"/a", b"{}"]);
        assert_ne!(first.request, other.request);
    }
}
