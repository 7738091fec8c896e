//! Secret keys of access keys, which the registry must be able to read again.

use longshore_domain::access_key::AccessKey;
use longshore_domain::credential::Secret;
use longshore_domain::{Error, Result};
use longshore_platform::sealing::SealingKey;

use crate::Identities;

impl Identities {
    pub(crate) fn sealing_key(&self) -> Result<&SealingKey> {
        self.settings.sealing_key.as_ref().ok_or_else(|| {
            Error::Unsupported(
                "this server has no key to keep secret keys with; its operator can set auth.sealing_key_file on all nodes"
                    .into(),
            )
        })
    }

    /// Encrypts the secret key of a pair.
    pub(crate) fn seal_secret_key(&self, key: &AccessKey, secret: &Secret) -> Result<Vec<u8>> {
        self.sealing_key()?.seal(key.as_str(), secret.expose())
    }
}
