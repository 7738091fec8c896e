//! End to end: the real binary, real sockets, real clients, restarts and kills.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accountability;
mod administration;
#[path = "../../../../xtask/src/hostile/attacks.rs"]
mod attacks;
mod browser;
mod clients;
mod cluster;
mod command_line;
mod contention;
mod contexts;
mod contract;
mod crash;
mod docr;
mod documented;
mod edge;
mod first_start;
mod full_disk;
mod generated;
mod head;
mod healing;
mod hostile;
mod hub;
mod lists;
mod matrix;
mod native;
mod oci;
mod oci_spelling;
mod operation;
mod proxies;
mod refusals;
mod scim;
mod server;
mod soak;
mod surroundings;
mod swr;
mod traces;
mod transcripts;
mod walk;
mod web;
