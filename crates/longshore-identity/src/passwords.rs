//! Passwords: argon2id, off the scheduler's threads, a few at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use longshore_domain::clock::Entropy;
use longshore_domain::credential::{PASSWORD_MINIMUM_CHARACTERS, SECRET_LIMIT_BYTES};
use longshore_domain::{Error, Field, Result};
use tokio::sync::{Semaphore, SemaphorePermit};

use longshore_platform::settings::PasswordHashing;

/// Password checks that wait for their turn; more are refused.
const WAITING_LIMIT: usize = 256;

/// Makes and checks password hashes.
pub(crate) struct Passwords {
    cost: PasswordHashing,
    slots: Semaphore,
    waiting: AtomicUsize,
    /// Checked when there is no account, so that the answer takes as long as with one.
    decoy: Arc<OnceLock<String>>,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordHashing, parallel: usize) -> Self {
        Self {
            cost,
            slots: Semaphore::new(parallel.max(1)),
            waiting: AtomicUsize::new(0),
            decoy: Arc::default(),
        }
    }

    fn hasher(cost: PasswordHashing) -> Result<Argon2<'static>> {
        let params =
            Params::new(cost.memory_kib, cost.passes, 1, None).map_err(|e| Error::internal(e.to_string()))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    fn hash_with_salt(cost: PasswordHashing, password: &str, salt: &[u8]) -> Result<String> {
        let hash = Self::hasher(cost)?.hash_password_with_salt(password.as_bytes(), salt);
        hash.map(|hash| hash.to_string()).map_err(|e| Error::internal(e.to_string()))
    }

    /// Hashes a password for storage (PHC string), in a turn.
    ///
    /// # Errors
    /// `Throttled` when many wait already.
    pub(crate) async fn hash(&self, password: &str, entropy: &dyn Entropy) -> Result<String> {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let (cost, password) = (self.cost, password.to_owned());
        let _turn = self.turn().await?;
        tokio::task::spawn_blocking(move || Self::hash_with_salt(cost, &password, &salt))
            .await
            .map_err(Error::internal)?
    }

    /// Waits for a turn to check a password.
    ///
    /// # Errors
    /// `Throttled` when many wait already.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let turn = match waiting < WAITING_LIMIT {
            true => self.slots.acquire().await.map_err(Error::internal),
            false => Err(Error::Throttled { retry_after_seconds: 1 }),
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        turn
    }

    /// Checks a password, in a turn; with no stored hash, works as long and says no.
    pub(crate) async fn verify(
        &self,
        _turn: &SemaphorePermit<'_>,
        password: &str,
        stored: Option<String>,
    ) -> Result<bool> {
        if password.len() > SECRET_LIMIT_BYTES {
            return Ok(false);
        }
        let exists = stored.is_some();
        let cost = self.cost;
        let decoy = Arc::clone(&self.decoy);
        let password = password.to_owned();
        let matches = tokio::task::spawn_blocking(move || -> Result<bool> {
            let stored = match stored {
                Some(stored) => stored,
                None => {
                    decoy.get_or_init(|| Self::hash_with_salt(cost, "", &[0; 16]).unwrap_or_default()).clone()
                }
            };
            let hash = PasswordHash::new(&stored).map_err(|e| Error::internal(e.to_string()))?;
            Ok(Self::hasher(cost)?.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
        .map_err(Error::internal)??;
        Ok(matches && exists)
    }
}

/// Checks that a new password is long enough to be worth hashing.
///
/// # Errors
/// `Invalid`.
pub fn check_new_password(password: &str) -> Result<()> {
    let characters = password.chars().count();
    if characters < PASSWORD_MINIMUM_CHARACTERS || password.len() > SECRET_LIMIT_BYTES {
        return Err(Error::Invalid {
            field: Field::Password,
            reason: format!(
                "must have at least {PASSWORD_MINIMUM_CHARACTERS} characters, and at most {SECRET_LIMIT_BYTES} bytes"
            ),
        });
    }
    Ok(())
}
