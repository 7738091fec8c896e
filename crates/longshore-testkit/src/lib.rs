//! What tests need: a clock that is moved by hand, chance with a seed, stores that fail on call, a registry in a
//! temporary folder, and the suites that every implementation of a port must pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod blob_suite;
pub mod budget;
pub mod entropy;
pub mod faults;
pub mod fields;
pub mod folders;
pub mod images;
pub mod mail;
pub mod proxy;
pub mod registry;
pub mod skip;
pub mod stores;
pub mod template;
