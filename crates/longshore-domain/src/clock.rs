//! Time and chance as arguments.

use jiff::Timestamp;
use uuid::Uuid;

/// Tells the time. Tests move it by hand.
pub trait Clock: Send + Sync {
    /// Gives the present time, UTC.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes fit for secrets.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// Makes an id that sorts by its time of creation (UUID version 7, RFC 9562).
pub fn new_uuid(clock: &dyn Clock, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(clock.now().as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
