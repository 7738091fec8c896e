//! Organizations: members, teams, invites, permissions, shares, and what identity providers keep in them.

mod deactivation;
pub mod directory;
pub mod directory_groups;
pub mod directory_queries;
mod invite_links;
pub mod invite_messages;
pub mod invites;
pub mod namespaces;
pub mod organizations;
pub mod provisioning;
pub mod repository_access;
pub mod shares;
pub mod teams;
pub mod user_permissions;

use std::sync::Arc;

use longshore_access::AccessControl;
use longshore_domain::clock::{Clock, Entropy};
use longshore_domain::ports::mailer::Mailer;
use longshore_domain::ports::metadata::{OrganizationsRoom, Records};
use longshore_identity::Identities;
use longshore_platform::{Platform, Settings};

/// The operations on organizations and on who belongs to them.
pub struct Organizations {
    platform: Arc<Platform>,
    access: Arc<AccessControl>,
    identity: Arc<Identities>,
    metadata: Records<OrganizationsRoom>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Arc<Settings>,
    mailer: Option<Arc<dyn Mailer>>,
    scans: directory_queries::Scans,
}

impl Organizations {
    /// Puts them together; `mailer` is `None` where no server for mail is configured.
    pub fn new(
        platform: &Arc<Platform>,
        access: &Arc<AccessControl>,
        identity: &Arc<Identities>,
        mailer: Option<Arc<dyn Mailer>>,
    ) -> Self {
        Self {
            platform: Arc::clone(platform),
            access: Arc::clone(access),
            identity: Arc::clone(identity),
            metadata: platform.records(),
            clock: Arc::clone(&platform.clock),
            entropy: Arc::clone(&platform.entropy),
            settings: Arc::clone(&platform.settings),
            mailer,
            scans: directory_queries::Scans::new(),
        }
    }

    /// Returns whether a server for mail is configured.
    pub fn has_mailer(&self) -> bool {
        self.mailer.is_some()
    }
}
