//! Members of merge patches (RFC 7396).

use serde::{Deserialize, Deserializer};

/// Reads a member of a merge patch that null removes; what is not there is `None`.
pub(super) fn removable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
