//! The first-run link: whoever set the registry up signs in to the pages with it, once, and sets a password.

use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::actor::{AccountPrincipal, Actor, Proof};
use longshore_domain::conflict::Conflict;
use longshore_domain::credential::{SECRET_LIMIT_BYTES, Secret};
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Result};
use longshore_platform::later;

use crate::Identities;
use crate::accounts::get_user;
use crate::authentication::wrong;
use crate::claims::actor_of;
use crate::passwords::check_new_password;

/// How long the link works.
pub const FIRST_RUN_TTL: Duration = Duration::from_secs(3600);
/// Name of the setting that has the hash of the link's secret, until when it works, and whose password it sets.
const SETTING: &str = "first-run";

/// The link as it is stored.
struct Stored {
    hash: String,
    until: Timestamp,
    account: Namespace,
}

impl Stored {
    fn write(&self) -> String {
        format!("{} {} {}", self.hash, self.until.as_second(), self.account)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (hash, until, account) = (parts.next()?, parts.next()?, parts.next()?);
        let until = Timestamp::from_second(until.parse().ok()?).ok()?;
        Some(Self { hash: hash.to_owned(), until, account: account.parse().ok()? })
    }
}

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
    /// `Invalid` for the password, which uses the link up for nothing; `Unauthenticated` for a link that was used or is old.
    pub async fn use_first_run_secret(&self, secret: &str, password: &str) -> Result<Actor> {
        check_new_password(password)?;
        if secret.len() > SECRET_LIMIT_BYTES {
            return Err(wrong());
        }
        let presented = hash(secret);
        let account = self
            .metadata
            .write((presented, self.clock.now()), |tx, (presented, now)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let stored = tx.find_setting(SETTING).await?.and_then(|text| Stored::read(&text));
                    let found = stored.filter(|stored| stored.hash == *presented && *now < stored.until);
                    let Some(found) = found else { return Ok(None) };
                    tx.put_setting(SETTING, "").await?;
                    Ok(Some(found.account))
                })
            })
            .await?
            .ok_or_else(wrong)?;
        // Somebody may have set up a second factor meanwhile, which a link does not stand for.
        let user = self.metadata.look_up(account.clone(), |tx, name| Box::pin(get_user(tx, name))).await?;
        if self.has_second_factor(user.id).await? {
            return Err(Error::Conflict(Conflict::SecondFactorEnabled));
        }
        self.replace_password(&Actor::OPERATOR, &account, password).await?;
        let user = self.metadata.look_up(account, |tx, name| Box::pin(get_user(tx, name))).await?;
        Ok(actor_of(AccountPrincipal::of(&user, None), Proof::Password))
    }
}
