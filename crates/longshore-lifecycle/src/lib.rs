//! What becomes of content: garbage collection and its runs, retention, verification, reconciliation, and registries with the
//! tiers that limit them.

pub mod gc;
mod gc_forecast;
pub mod gc_runs;
pub mod reconciliation;
pub mod registries;
pub mod retention;
pub mod verification;

use std::sync::Arc;

use longshore_access::AccessControl;
use longshore_content::Content;
use longshore_domain::clock::Clock;
use longshore_domain::ports::blobs::BlobStore;
use longshore_domain::ports::metadata::{LifecycleRoom, Records};
use longshore_identity::Identities;
use longshore_organizations::Organizations;
use longshore_platform::{Platform, Settings};

/// The operations that keep, check and end what is stored.
pub struct Lifecycle {
    platform: Arc<Platform>,
    access: Arc<AccessControl>,
    identity: Arc<Identities>,
    organizations: Arc<Organizations>,
    content: Arc<Content>,
    metadata: Records<LifecycleRoom>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    blobs: Arc<dyn BlobStore>,
    runs_requested: tokio::sync::Notify,
    forecasts: tokio::sync::Semaphore,
}

impl Lifecycle {
    /// Puts them together.
    pub fn new(
        platform: &Arc<Platform>,
        access: &Arc<AccessControl>,
        identity: &Arc<Identities>,
        organizations: &Arc<Organizations>,
        content: &Arc<Content>,
        blobs: Arc<dyn BlobStore>,
    ) -> Self {
        Self {
            platform: Arc::clone(platform),
            access: Arc::clone(access),
            identity: Arc::clone(identity),
            organizations: Arc::clone(organizations),
            content: Arc::clone(content),
            metadata: platform.records(),
            clock: Arc::clone(&platform.clock),
            settings: Arc::clone(&platform.settings),
            blobs,
            runs_requested: tokio::sync::Notify::new(),
            forecasts: tokio::sync::Semaphore::new(1),
        }
    }
}
