//! The rooms of one node, put together: what the dialects, the jobs and the administration commands work with.
//!
//! A use case is a function of one room, and the noun stands at the call: `app.content.delete_images(&actor, …)`. Each function
//! reads as the story of its use case: check permission, load, decide, write in one transaction, record the event. No HTTP, no
//! SQL: see `longshore-api-*` and `longshore-store-*`.

pub mod bootstrap;
pub mod bulk_deletions;
mod clock_steps;
mod housekeeping;
mod jobs;
mod new_jobs;
pub mod readiness;
pub mod stores;
mod work;

use std::sync::Arc;

use longshore_access::AccessControl;
use longshore_content::Content;
use longshore_domain::clock::{Clock, Entropy};
use longshore_domain::ports::blobs::BlobStore;
use longshore_domain::ports::mailer::Mailer;
use longshore_domain::ports::metadata::{Metadata, Records, WholeHouse};
use longshore_domain::ports::space::Space;
use longshore_identity::Identities;
use longshore_lifecycle::Lifecycle;
use longshore_organizations::Organizations;
use longshore_platform::Platform;

pub use longshore_platform::Settings;

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

/// The rooms of one node. Shared as `Arc<App>`.
pub struct App {
    /// Time, ids, events, leases, rates, settings.
    pub platform: Arc<Platform>,
    /// Who may do what.
    pub access: Arc<AccessControl>,
    /// Accounts and credentials.
    pub identity: Arc<Identities>,
    /// Organizations and who belongs to them.
    pub organizations: Arc<Organizations>,
    /// What is stored.
    pub content: Arc<Content>,
    /// What becomes of it.
    pub lifecycle: Arc<Lifecycle>,
    metadata: Records<WholeHouse>,
    blobs: Arc<dyn BlobStore>,
    mailer: Option<Arc<dyn Mailer>>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    latest: clock_steps::Latest,
    depths: work::Depths,
}

impl App {
    /// Puts the rooms together. Call [`App::prepare`] before the first request.
    pub fn new(adapters: Adapters, settings: Settings) -> Self {
        let Adapters { metadata, blobs, clock, entropy, mailer, space } = adapters;
        let platform = Arc::new(Platform::new(metadata, clock, entropy, space, settings));
        let access = Arc::new(AccessControl::new(&platform));
        let identity = Arc::new(Identities::new(&platform, &access, mailer.is_some()));
        let organizations = Arc::new(Organizations::new(&platform, &access, &identity, mailer.clone()));
        let content =
            Arc::new(Content::new(&platform, &access, &identity, &organizations, Arc::clone(&blobs)));
        let lifecycle =
            Lifecycle::new(&platform, &access, &identity, &organizations, &content, Arc::clone(&blobs));
        Self {
            metadata: platform.records(),
            clock: Arc::clone(&platform.clock),
            settings: Arc::clone(&platform.settings),
            platform,
            access,
            identity,
            organizations,
            content,
            lifecycle: Arc::new(lifecycle),
            blobs,
            mailer,
            latest: clock_steps::Latest::default(),
            depths: work::Depths::default(),
        }
    }

    /// Records what waits in memory and closes the metadata store.
    pub async fn close(&self) {
        if let Err(error) = self.content.record_pulls().await {
            tracing::warn!(error = %error, "pull counts of the last minute are lost");
        }
        if let Err(error) = self.identity.record_sign_ins().await {
            tracing::warn!(error = %error, "events about the sign-ins of the last second are lost");
        }
        if let Err(error) = self.platform.forget_node().await {
            tracing::debug!(error = %error, "this node stays listed as silent for a day");
        }
        self.metadata.store().close().await;
    }
}
