//! The first start: the administrator, the `library` namespace and the signing key.

use std::time::Duration;

use longshore_content::damage::BLOB_STORE;
use longshore_domain::access::actor::Actor;
use longshore_domain::conflict::Conflict;
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Result};

use crate::App;
use longshore_identity::passwords::check_new_password;
use longshore_platform::leases::Job;

/// Name of the first administrator.
pub const ADMINISTRATOR: &str = "admin";
/// Letters and digits that cannot be mistaken for each other.
const PASSWORD_ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789x";
const PASSWORD_CHARACTERS: usize = 20;

/// Before the id, until the store has it.
const CHOSEN: &str = "chosen ";
/// How often a node looks whether another one has set the registry up.
const SET_UP_POLL: Duration = Duration::from_millis(100);
const SET_UP_POLLS_PER_SECOND: u32 = 10;
/// After how many polls it says again what it waits for.
const SET_UP_WORD: u32 = 5 * SET_UP_POLLS_PER_SECOND;

/// What the first start did.
pub enum Prepared {
    /// The registry was set up before.
    Before,
    /// The administrator was created with the given password.
    AdministratorCreated,
    /// The administrator was created with this password, to be shown once.
    PasswordGenerated(String),
}

impl App {
    /// Loads the signing keys and, on the first start, creates the administrator and `library`.
    ///
    /// # Errors
    /// `Invalid` when the given password is too short; `Conflict` when the database belongs to another blob store; those
    /// of the stores.
    pub async fn prepare(&self, administrator_password: Option<&str>) -> Result<Prepared> {
        self.check_store_identity().await?;
        self.heal_times().await?;
        self.identity.load_signing_keys().await?;
        if self.settings.is_alone {
            // A process that was killed cannot give its leases back, and nobody else can have one.
            self.metadata.write((), |tx, ()| Box::pin(tx.release_all_leases())).await?;
        }
        // Several nodes may start at once; one of them sets the registry up.
        let mut polls = 0_u32;
        loop {
            if self.is_prepared().await? {
                return Ok(Prepared::Before);
            }
            if let Some(prepared) =
                self.platform.with_lease(Job::SetUp, self.set_up(administrator_password)).await?
            {
                return Ok(prepared);
            }
            if polls.is_multiple_of(SET_UP_WORD) {
                tracing::warn!(
                    waited_seconds = polls / SET_UP_POLLS_PER_SECOND,
                    at_most_seconds = self.settings.takeover.as_secs(),
                    "another process is setting this registry up, or was killed while it did; waiting until it has, or its lease has ended (gc.takeover_seconds)"
                );
            }
            polls += 1;
            tokio::time::sleep(SET_UP_POLL).await;
        }
    }

    /// Gets ready for work on a registry that was set up before, and makes none: for commands.
    ///
    /// # Errors
    /// `Conflict` when the registry is not set up, or the database belongs to another blob store; those of the stores.
    pub async fn attach(&self) -> Result<()> {
        if !self.is_prepared().await? {
            return Err(Conflict::Setup(
                "the registry is not set up yet; `longshore serve` does that at its first start".into(),
            )
            .into());
        }
        self.check_store_identity().await?;
        self.identity.load_signing_keys().await
    }

    /// Checks that the blob store is the one that the database's blobs lie in: a node with another one would answer
    /// for pushes that the others cannot serve, and would take the blobs of another registry for garbage.
    async fn check_store_identity(&self) -> Result<()> {
        let known = self
            .metadata
            .write(self.platform.new_uuid(), |tx, fresh| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    if let Some(known) = tx.find_setting(BLOB_STORE).await? {
                        return Ok(known);
                    }
                    let chosen = format!("{CHOSEN}{fresh}");
                    tx.put_setting(BLOB_STORE, &chosen).await?;
                    Ok(chosen)
                })
            })
            .await?;
        // The store gets its id once, at the first start; one that was cut off goes on with the same id.
        let (known, found) = match known.strip_prefix(CHOSEN) {
            None => (known, self.blobs.find_identity().await?),
            Some(chosen) => {
                let found = self.blobs.ensure_identity(chosen.parse().map_err(Error::internal)?).await?;
                if found.to_string() == chosen {
                    let settle = |id: String| {
                        self.metadata.write(id, |tx, id| Box::pin(tx.put_setting(BLOB_STORE, id)))
                    };
                    settle(chosen.to_owned()).await?;
                }
                (chosen.to_owned(), Some(found))
            }
        };
        match found {
            Some(found) if found.to_string() == known => Ok(()),
            Some(found) => Err(Conflict::Setup(format!(
                "the blob store belongs to another registry: it has the id {found}, and this database's blobs lie in a store with the id {known}; correct storage.url, data or database.url. A new registry needs an empty bucket, prefix or folder; after moving the blobs of this one, copy `identity` from the old store as well"
            )).into()),
            None => Err(Conflict::Setup(format!(
                "the blob store is not the one that this database's blobs lie in: it has no id, and should have {known}; correct storage.url or data, or mount what is missing. After moving the blobs, copy `identity` from the old store as well"
            )).into()),
        }
    }

    async fn is_prepared(&self) -> Result<bool> {
        self.metadata
            .look_up((), |tx, ()| Box::pin(async move { Ok(tx.find_setting("prepared").await?.is_some()) }))
            .await
    }

    async fn set_up(&self, administrator_password: Option<&str>) -> Result<Prepared> {
        if self.is_prepared().await? {
            return Ok(Prepared::Before);
        }
        let (password, prepared) = match administrator_password {
            Some(password) => {
                check_new_password(password)?;
                (password.to_owned(), Prepared::AdministratorCreated)
            }
            None => {
                let password = self.generate_password();
                (password.clone(), Prepared::PasswordGenerated(password))
            }
        };
        let name: Namespace = ADMINISTRATOR.parse()?;
        // A start that was cut off between these steps finds what it had made.
        let administrator =
            self.metadata.look_up(name.clone(), |tx, name| Box::pin(tx.find_account_by_name(name))).await?;
        match administrator {
            None => {
                self.identity.create_user_unchecked(&Actor::OPERATOR, &name, &password, true).await?;
            }
            Some(_) => self.identity.set_password(&Actor::OPERATOR, &name, &password).await?,
        }
        let library = Namespace::library();
        let found = self
            .metadata
            .look_up(library.clone(), |tx, name| Box::pin(tx.find_account_by_name(name)))
            .await?;
        if found.is_none() {
            self.organizations.create_organization_unchecked(&Actor::OPERATOR, &library, &name).await?;
        }
        self.metadata.write((), |tx, ()| Box::pin(tx.put_setting("prepared", "1"))).await?;
        Ok(prepared)
    }

    /// Makes a password of 100 random bits.
    pub fn generate_password(&self) -> String {
        let mut random = [0; PASSWORD_CHARACTERS];
        self.platform.entropy.fill(&mut random);
        random.iter().map(|byte| char::from(PASSWORD_ALPHABET[usize::from(byte % 32)])).collect()
    }
}
