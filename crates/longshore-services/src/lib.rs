//! The operations of the registry: one file per noun, one public function per use case.
//!
//! Each function reads as the story of its use case: check permission, load, decide, write in one transaction,
//! record the event. No HTTP, no SQL: see `longshore-api-*` and `longshore-store-*`.

pub mod access;
pub mod access_keys;
pub mod access_tokens;
pub mod accounts;
pub mod audit;
pub mod authentication;
mod beside;
pub mod blobs;
pub mod bootstrap;
mod clock_steps;
pub mod clocks;
pub mod collection;
pub mod collection_runs;
pub mod damage;
pub mod directory;
pub mod directory_groups;
pub mod events;
mod housekeeping;
pub mod identity;
pub mod images;
pub mod inventory;
pub mod invites;
mod leases;
mod limits;
pub mod manifests;
pub mod namespaces;
pub mod organizations;
pub mod origins;
pub mod passwords;
pub mod projects;
mod pulls;
pub mod rates;
pub mod readiness;
pub mod reconciliation;
pub mod referrers;
pub mod registries;
mod removal;
pub mod repositories;
pub mod retention;
pub mod scim_tokens;
pub mod sealing;
pub mod second_factors;
pub mod settings;
pub mod shares;
pub mod sign_in;
mod sign_in_events;
pub mod signing;
pub mod tags;
pub mod teams;
pub mod throttle;
pub mod tokens;
pub mod uploads;
pub mod usage;
pub mod user_permissions;
mod uses;
pub mod verification;
mod write_tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use longshore_domain::clock::{AgreedClock, Clock, Entropy, new_uuid};
use longshore_domain::ports::blobs::BlobStore;
use longshore_domain::ports::mailer::Mailer;
use longshore_domain::ports::metadata::{Metadata, WorkFn};
use longshore_domain::ports::space::Space;
use uuid::Uuid;

pub use settings::Settings;

/// What the operations work on.
pub struct Adapters {
    /// The metadata store.
    pub metadata: Arc<dyn Metadata>,
    /// The blob store.
    pub blobs: Arc<dyn BlobStore>,
    /// This machine's time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Mail, where a server for it is configured.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Room on the disks of this machine; `None` when nobody looks after it.
    pub space: Option<Arc<dyn Space>>,
}

/// The operations of one node. Shared as `Arc<Services>`.
pub struct Services {
    metadata: Arc<dyn Metadata>,
    blobs: Arc<dyn BlobStore>,
    /// The agreed time.
    clock: Arc<dyn Clock>,
    agreed: Arc<AgreedClock>,
    comparison: clocks::Comparison,
    latest: clock_steps::Latest,
    entropy: Arc<dyn Entropy>,
    mailer: Option<Arc<dyn Mailer>>,
    space: Option<Arc<dyn Space>>,
    settings: Settings,
    node: Uuid,
    passwords: passwords::Passwords,
    keys: signing::KeyRing,
    sessions: authentication::Sessions,
    access_cache: access::AccessCache,
    manifests: manifests::Contents,
    uploads: uploads::Running,
    looked_for: damage::LookedFor,
    damage: Arc<damage::Counts>,
    pulls: pulls::Pulls,
    sign_ins: sign_in_events::SignIns,
    uses: uses::Uses,
    /// Turns to write beside a request.
    beside: Arc<tokio::sync::Semaphore>,
    counters: rates::Counters,
    traffic: limits::Traffic,
    write_tokens: write_tokens::WriteTokens,
    runs_requested: tokio::sync::Notify,
    stopping: AtomicBool,
}

impl Services {
    /// Puts the operations together. Call [`Services::prepare`] before the first request.
    pub fn new(adapters: Adapters, settings: Settings) -> Self {
        let Adapters { metadata, blobs, clock, entropy, mailer, space } = adapters;
        let agreed = Arc::new(AgreedClock::new(Arc::clone(&clock)));
        Self {
            comparison: clocks::Comparison::default(),
            latest: clock_steps::Latest::default(),
            node: new_uuid(&*clock, &*entropy),
            passwords: passwords::Passwords::new(
                settings.password_hashing,
                settings.parallel_password_checks,
            ),
            keys: signing::KeyRing::default(),
            sessions: authentication::Sessions::new(&*entropy),
            access_cache: access::AccessCache::new(),
            manifests: manifests::Contents::new(settings.manifest_cache_bytes),
            uploads: uploads::Running::default(),
            looked_for: damage::LookedFor::default(),
            damage: Arc::default(),
            pulls: pulls::Pulls::default(),
            sign_ins: sign_in_events::SignIns::default(),
            uses: uses::Uses::default(),
            beside: Arc::new(tokio::sync::Semaphore::new(beside::WAITING_BESIDE)),
            counters: rates::Counters::new(),
            traffic: limits::Traffic::default(),
            write_tokens: write_tokens::WriteTokens::default(),
            runs_requested: tokio::sync::Notify::new(),
            stopping: AtomicBool::new(false),
            metadata,
            blobs,
            clock: Arc::clone(&agreed) as _,
            agreed,
            entropy,
            mailer,
            space,
            settings,
        }
    }

    /// Gives the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Gives the present time, as all nodes agree on it.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// Checks that there is room for what clients push: what is kept beyond is for deletion and administration.
    async fn check_space(&self) -> longshore_domain::Result<()> {
        match &self.space {
            Some(space) => space.check().await,
            None => Ok(()),
        }
    }

    /// Records what waits in memory and closes the metadata store.
    pub async fn close(&self) {
        if let Err(error) = self.record_pulls().await {
            tracing::warn!(error = %error, "pull counts of the last minute are lost");
        }
        if let Err(error) = self.record_sign_ins().await {
            tracing::warn!(error = %error, "events about the sign-ins of the last second are lost");
        }
        self.metadata.close().await;
    }

    /// Lets jobs end after the batch that they are at; they go on after the next start.
    pub fn stop_jobs(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Does a unit of work again and again until it finds nothing more; it gives how much it did.
    async fn drain<I>(&self, input: I, work: WorkFn<I, u64>) -> longshore_domain::Result<()>
    where
        I: Clone + Send + Sync + 'static,
    {
        while self.metadata.write(input.clone(), work).await? > 0 {}
        Ok(())
    }

    fn new_uuid(&self) -> Uuid {
        new_uuid(&*self.clock, &*self.entropy)
    }
}

/// Rows that one transaction deletes.
pub(crate) const STEP: u64 = 1000;

/// Adds a duration to a time; far futures become the last representable time.
fn later(at: jiff::Timestamp, by: std::time::Duration) -> jiff::Timestamp {
    at.checked_add(by).unwrap_or(jiff::Timestamp::MAX)
}

/// Takes a duration from a time; far pasts become the first representable time.
fn earlier(at: jiff::Timestamp, by: std::time::Duration) -> jiff::Timestamp {
    at.checked_sub(by).unwrap_or(jiff::Timestamp::MIN)
}
