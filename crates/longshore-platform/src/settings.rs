//! What the operator decides, as validated values.

use std::sync::Arc;
use std::time::Duration;

use crate::rates::{Rate, Rates};
use crate::sealing::SealingKey;
use longshore_domain::policy::{GcPolicy, HistoryPolicy, SparseIndexes, UntaggedManifests};
use longshore_domain::registry::Region;
use longshore_domain::tier::Tiers;

const MINUTE: Duration = Duration::from_secs(60);
const SIX_HOURS: Duration = Duration::from_secs(6 * 3600);

/// Cost of a password hash.
#[derive(Clone, Copy, Debug)]
pub struct PasswordHashing {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
}

/// Limits of failed sign-ins in one window.
#[derive(Clone, Copy, Debug)]
pub struct SignInLimits {
    /// For one account from one address.
    pub per_account_and_address: u32,
    /// From one address for all accounts.
    pub per_address: u32,
    /// For one account from all addresses.
    pub per_account: u32,
    /// The window.
    pub window: Duration,
}

/// Settings of the operations.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The `service` of the token protocol, audience of bearer tokens.
    pub service: String,
    /// Other names by which clients may ask for tokens; the tokens are the same.
    pub service_aliases: Vec<String>,
    /// The issuer of bearer tokens.
    pub issuer: String,
    /// How long a bearer token works; at least 60 seconds.
    pub bearer_ttl: Duration,
    /// How long a sign-in to the management dialects works.
    pub session_ttl: Duration,
    /// After how long without a page a session of the pages ends.
    pub session_idle: Duration,
    /// How long a refresh token works.
    pub refresh_ttl: Duration,
    /// How long audit events are kept; `None` for ever.
    pub audit_retention: Option<Duration>,
    /// Whether sign-ins and refused credentials leave events.
    pub audit_sign_ins: bool,
    /// Most refresh tokens that are kept of those that were got with one credential; the oldest go.
    pub refresh_tokens_limit: u32,
    /// Shortest time between two messages about the same invite.
    pub mail_interval: Duration,
    /// Whether an invite to an e-mail address makes a user of somebody who is none.
    pub invites_create_users: bool,
    /// After which a new signing key takes over.
    pub signing_key_rotation: Duration,
    /// What secret keys are kept with; without it there are no access keys.
    pub sealing_key: Option<SealingKey>,
    /// The region that the server is in, as clients of a cloud know theirs: another name of everybody's own project.
    pub region: String,
    /// Whether public repositories can be pulled without signing in.
    pub anonymous_pull: bool,
    /// Whether administrators who are there may do from afar what the operator may.
    pub remote_administration: bool,
    /// Cost of password hashes.
    pub password_hashing: PasswordHashing,
    /// Password checks that may run at once; more wait.
    pub parallel_password_checks: usize,
    /// Limits of requests and pulls.
    pub rates: Rates,
    /// Limits of failed sign-ins.
    pub sign_in: SignInLimits,
    /// Largest manifest in bytes.
    pub manifest_limit_bytes: u64,
    /// Largest blob in bytes.
    pub blob_limit_bytes: u64,
    /// How long an upload is kept after its last progress.
    pub upload_expiry: Duration,
    /// Most uploads of one account that are neither finished nor cancelled.
    pub open_uploads: u32,
    /// How long one request waits for the next piece of a body.
    pub body_idle: Duration,
    /// Memory for received bytes that are not written yet, over all uploads.
    pub upload_memory_bytes: usize,
    /// Memory for manifests.
    pub manifest_cache_bytes: u64,
    /// Whether an index may name manifests that are not there.
    pub sparse_indexes: SparseIndexes,
    /// What becomes of the history of tags.
    pub history: HistoryPolicy,
    /// Rules of garbage collection.
    pub gc: GcPolicy,
    /// After how long without a sign of life from the node that does a job another one takes over.
    pub takeover: Duration,
    /// Whether no other process can use the metadata now: leases that are there are of processes that have died.
    pub is_alone: bool,
    /// The subscription tiers of registries.
    pub tiers: Arc<Tiers>,
    /// The regions that registries may say that they are in; the first one when nothing is said.
    pub regions: Vec<Region>,
    /// Whether users may create registries under new names, which makes organizations.
    pub registries_make_names: bool,
}

/// The regions of DigitalOcean's registries, as its API documents them.
fn default_regions() -> Vec<Region> {
    let slugs = ["nyc3", "sfo3", "sfo2", "ams3", "sgp1", "fra1", "blr1", "syd1"];
    slugs.iter().filter_map(|slug| slug.parse().ok()).collect()
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            service: "longshore".into(),
            service_aliases: vec!["registry.docker.io".into()],
            issuer: "longshore".into(),
            bearer_ttl: Duration::from_secs(300),
            session_ttl: Duration::from_secs(24 * 3600),
            session_idle: Duration::from_secs(12 * 3600),
            refresh_ttl: Duration::from_secs(180 * 24 * 3600),
            audit_retention: None,
            audit_sign_ins: true,
            refresh_tokens_limit: 500,
            mail_interval: Duration::from_secs(60),
            invites_create_users: true,
            signing_key_rotation: Duration::from_secs(30 * 24 * 3600),
            sealing_key: None,
            region: "eu-de".into(),
            anonymous_pull: true,
            remote_administration: true,
            password_hashing: PasswordHashing { memory_kib: 19_456, passes: 2 },
            parallel_password_checks: 2,
            sign_in: SignInLimits {
                per_account_and_address: 10,
                per_address: 100,
                per_account: 300,
                window: Duration::from_secs(900),
            },
            rates: Rates {
                requests_per_account: Rate { limit: 1200, window: MINUTE },
                requests_per_address: Rate { limit: 6000, window: MINUTE },
                pulls_per_account: Rate { limit: 0, window: SIX_HOURS },
                pulls_per_address: Rate { limit: 0, window: SIX_HOURS },
            },
            manifest_limit_bytes: 4 << 20,
            blob_limit_bytes: 5 << 40,
            upload_expiry: Duration::from_secs(24 * 3600),
            open_uploads: 1000,
            body_idle: Duration::from_secs(60),
            upload_memory_bytes: 8 << 20,
            manifest_cache_bytes: 16 << 20,
            sparse_indexes: SparseIndexes::Refuse,
            history: HistoryPolicy { as_of_tags: true, keep: Duration::ZERO },
            gc: GcPolicy {
                lease: Duration::from_secs(24 * 3600),
                grace: Duration::from_secs(3600),
                undo: Duration::from_secs(24 * 3600),
                untagged: UntaggedManifests::Keep,
                batch: 200,
                quarantine: Duration::from_secs(7 * 24 * 3600),
            },
            takeover: Duration::from_secs(60),
            is_alone: false,
            tiers: Arc::default(),
            regions: default_regions(),
            registries_make_names: true,
        }
    }
}
