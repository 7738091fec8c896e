//! Accounts and how people and programs prove who they are: passwords, second factors, tokens, keys, sessions.

pub mod access_keys;
pub mod access_tokens;
pub mod accounts;
pub mod audit;
pub mod authentication;
pub mod claims;
pub mod first_run;
mod first_run_link;
pub mod identity;
pub mod own_account;
pub mod own_email;
pub mod passwords;
pub mod projects;
pub mod scim_tokens;
pub mod second_factors;
mod secret_keys;
pub mod sign_in;
pub mod sign_in_events;
pub mod signing;
pub mod tokens;
pub mod uses;
pub mod web_sessions;

use std::sync::Arc;

use longshore_access::AccessControl;
use longshore_domain::Result;
use longshore_domain::clock::{Clock, Entropy};
use longshore_domain::ports::metadata::{IdentityRoom, Records};
use longshore_platform::{Platform, Settings};

/// The operations on accounts and credentials.
pub struct Identities {
    platform: Arc<Platform>,
    access: Arc<AccessControl>,
    metadata: Records<IdentityRoom>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Arc<Settings>,
    passwords: passwords::Passwords,
    keys: signing::KeyRing,
    sessions: authentication::Sessions,
    sign_ins: sign_in_events::SignIns,
    uses: uses::Uses,
    sends_mail: bool,
}

impl Identities {
    /// Puts them together; `sends_mail` says whether somebody sends the messages that they wish for.
    pub fn new(platform: &Arc<Platform>, access: &Arc<AccessControl>, sends_mail: bool) -> Self {
        let settings = Arc::clone(&platform.settings);
        Self {
            platform: Arc::clone(platform),
            access: Arc::clone(access),
            metadata: platform.records(),
            clock: Arc::clone(&platform.clock),
            entropy: Arc::clone(&platform.entropy),
            passwords: passwords::Passwords::new(
                settings.password_hashing,
                settings.parallel_password_checks,
            ),
            settings,
            keys: signing::KeyRing::default(),
            sessions: authentication::Sessions::new(&*platform.entropy),
            sign_ins: sign_in_events::SignIns::default(),
            uses: uses::Uses::default(),
            sends_mail,
        }
    }

    /// Hashes a password for storage.
    ///
    /// # Errors
    /// `Throttled` when many wait already.
    pub async fn hash_password(&self, password: &str) -> Result<String> {
        self.passwords.hash(password, &*self.entropy).await
    }

    /// Lets passwords that were checked be checked again.
    pub fn forget_passwords(&self) {
        self.sessions.forget_passwords();
    }
}
