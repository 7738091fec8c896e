//! The statements, one file per noun, each text written once for both engines.

mod accounts;
mod blobs;
mod clearing;
mod deletions;
mod directory;
mod directory_groups;
mod email_changes;
mod event_lists;
mod events;
mod gc;
mod gc_runs;
mod idempotency;
mod image_lists;
mod images;
mod inventory;
mod invites;
mod jobs;
mod leases;
mod manifests;
mod marks;
mod nodes;
mod orphans;
mod pending;
mod reach;
mod registries;
mod repositories;
mod repository_lists;
mod retention;
mod scim_tokens;
mod second_factors;
mod settings;
mod shares;
mod sign_ins;
mod tag_lists;
mod tags;
mod teams;
mod times;
mod tokens;
mod uploads;
mod user_permissions;
mod visible;
mod web_sessions;
mod work;

use longshore_domain::page::PageSize;
pub(crate) use pending::Pending;
pub use visible::statements_of;

/// One entry more than the page holds, to see whether more follow.
fn overfull(size: PageSize) -> u32 {
    size.get() + 1
}

/// Makes a list of texts one value, which `json_each` takes apart.
fn texts(list: Vec<String>) -> longshore_domain::Result<String> {
    serde_json::to_string(&list).map_err(longshore_domain::Error::internal)
}

/// Returns the first text behind all that begin with a prefix. Names are ASCII; this is behind it.
fn end_of(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

/// Most times that a row may come and go between two statements before a unit of work gives up.
const COLLISIONS: u32 = 5;

fn collided(what: &str) -> longshore_domain::Error {
    longshore_domain::Error::Unavailable(format!("{what} was made and removed by others all the time").into())
}
