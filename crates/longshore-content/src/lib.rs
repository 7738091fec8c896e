//! Content: blobs, uploads, manifests, tags, referrers, repositories, images, and what is counted of them.

pub mod blobs;
pub mod damage;
pub mod history;
pub mod image_contents;
pub mod image_details;
pub mod images;
pub mod inventory;
pub mod limits;
pub mod manifests;
pub mod planning;
pub mod pulls;
pub mod referrer_tree;
pub mod referrers;
pub mod removal;
pub mod repositories;
pub mod search;
pub mod tags;
pub mod trash;
pub mod uploads;
pub mod usage;

use std::sync::Arc;

use longshore_access::AccessControl;
use longshore_domain::clock::Clock;
use longshore_domain::ports::blobs::BlobStore;
use longshore_domain::ports::metadata::{ContentRoom, Records};
use longshore_identity::Identities;
use longshore_organizations::Organizations;
use longshore_platform::{Platform, Settings};

/// The operations on what is stored.
pub struct Content {
    platform: Arc<Platform>,
    access: Arc<AccessControl>,
    identity: Arc<Identities>,
    organizations: Arc<Organizations>,
    metadata: Records<ContentRoom>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    blobs: Arc<dyn BlobStore>,
    manifests: manifests::ManifestCache,
    uploads: uploads::ActiveUploads,
    looked_for: damage::LookedFor,
    damage: Arc<damage::Counts>,
    pulls: pulls::Pulls,
    traffic: limits::Traffic,
}

impl Content {
    /// Puts them together.
    pub fn new(
        platform: &Arc<Platform>,
        access: &Arc<AccessControl>,
        identity: &Arc<Identities>,
        organizations: &Arc<Organizations>,
        blobs: Arc<dyn BlobStore>,
    ) -> Self {
        let settings = Arc::clone(&platform.settings);
        Self {
            platform: Arc::clone(platform),
            access: Arc::clone(access),
            identity: Arc::clone(identity),
            organizations: Arc::clone(organizations),
            metadata: platform.records(),
            clock: Arc::clone(&platform.clock),
            manifests: manifests::ManifestCache::new(settings.manifest_cache_bytes),
            settings,
            blobs,
            uploads: uploads::ActiveUploads::default(),
            looked_for: damage::LookedFor::default(),
            damage: Arc::default(),
            pulls: pulls::Pulls::default(),
            traffic: limits::Traffic::default(),
        }
    }

    /// Forgets what this node knows of traffic, so that it looks again.
    pub fn forget_traffic(&self) {
        self.traffic.forget();
    }
}
