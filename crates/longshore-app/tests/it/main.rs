//! Use cases on real stores: SQLite and a folder, with a clock that is moved by hand and faults on call.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access_keys;
mod accounts;
mod bulk_deletions;
mod clocks;
mod collection;
mod collection_property;
mod damage;
mod directory;
mod directory_queries;
mod events;
mod gc_runs;
mod idempotency;
mod images;
mod jobs;
mod manifests;
mod orders;
mod past;
mod permissions;
mod planning;
mod rates;
mod reconciliation;
mod referrer_tree;
mod registries;
mod removal;
mod retention;
mod sign_in;
mod sign_in_events;
mod store_faults;
mod tokens;
mod trash;
mod uploads;
mod usage;
mod visible;
mod work;
