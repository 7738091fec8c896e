//! The first-run link: whoever set the registry up signs in to the pages with it, once, and sets a password.

use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::actor::{AccountPrincipal, Actor, Proof};
use longshore_domain::account::Account;
use longshore_domain::conflict::Conflict;
use longshore_domain::credential::{SECRET_LIMIT_BYTES, Secret};
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::name::Namespace;
use longshore_domain::ports::metadata::IdentityTx;
use longshore_domain::{Error, Result};
use longshore_platform::later;

use crate::Identities;
use crate::accounts::get_user;
use crate::authentication::wrong;
use crate::claims::actor_of;
use crate::first_run_link::{SETTING, Stored};
use crate::passwords::check_new_password;

/// How long the link works.
pub const FIRST_RUN_TTL: Duration = Duration::from_secs(3600);
fn hash(secret: &str) -> String {
    longshore_domain::credential::SecretHash::of(secret).0.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Identities {
    /// Makes what the first-run link holds, for the administrator of this name; another one ends with it.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator.
    pub async fn make_first_run_secret(&self, actor: &Actor, account: &Namespace) -> Result<Secret> {
        self.access.require_operator(actor)?;
        let secret = Secret::generate(Secret::FIRST_RUN_PREFIX, &*self.entropy);
        let until = later(self.clock.now(), FIRST_RUN_TTL);
        let stored = Stored { hash: hash(secret.expose()), until, account: account.clone() }.write();
        self.metadata
            .write(stored, |tx, stored| Box::pin(async move { tx.put_setting(SETTING, stored).await }))
            .await?;
        Ok(secret)
    }

    /// Sets the administrator's password by the first-run link, which works once, and gives the administrator.
    ///
    /// # Errors
    /// `Invalid` for the password, and `Conflict` when a second factor was set up meanwhile, for which a link does not stand: both
    /// leave the link as it is. `Unauthenticated` for a link that was used or is old, and when the account is no administrator
    /// any more or disabled.
    pub async fn use_first_run_secret(&self, secret: &str, password: &str) -> Result<Actor> {
        check_new_password(password)?;
        if secret.len() > SECRET_LIMIT_BYTES {
            return Err(wrong());
        }
        let presented = (hash(secret), self.clock.now());
        // Before the password is hashed, which is dear.
        let user =
            self.metadata.look_up(presented.clone(), |tx, link| Box::pin(administrator_of(tx, link))).await?;
        let password = self.passwords.hash(password, &*self.entropy).await?;
        let action = EventAction::UserPasswordChanged;
        let event = self.platform.event(&Actor::OPERATOR, None, action, user.name.as_str(), []);
        let user = self
            .metadata
            .write((presented, password, event), |tx, (link, password, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let user = administrator_of(tx, link).await?;
                    tx.put_setting(SETTING, "").await?;
                    tx.set_password_hash(user.id, password).await?;
                    tx.record_event(&NewEvent { account_id: Some(user.id), ..event.clone() }).await?;
                    // As it is now: what was issued for the password before is void.
                    get_user(tx, &user.name).await
                })
            })
            .await?;
        self.clear_refresh_tokens(user.id).await?;
        Ok(actor_of(AccountPrincipal::of(&user, None), Proof::Password))
    }
}

/// Returns the administrator whose link it is, by the hash of its secret and the time.
async fn administrator_of(tx: &mut dyn IdentityTx, (hash, now): &(String, Timestamp)) -> Result<Account> {
    let stored = tx.find_setting(SETTING).await?.and_then(|text| Stored::read(&text));
    let found = stored.filter(|stored| stored.hash == *hash && *now < stored.until).ok_or_else(wrong)?;
    let user = get_user(tx, &found.account).await?;
    if !user.is_active || !user.is_administrator {
        return Err(wrong());
    }
    match tx.find_second_factor(user.id).await?.is_some_and(|factor| factor.confirmed_at.is_some()) {
        true => Err(Error::Conflict(Conflict::SecondFactorEnabled)),
        false => Ok(user),
    }
}
