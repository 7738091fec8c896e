//! The nouns and rules of a container registry, and the ports that storage adapters implement.
//!
//! Everything here is pure: no async runtime, no HTTP, no SQL, no object store.
//! Holding a value of one of these types is proof that it was validated.
//! The operations on these nouns live in `longshore-app`.

pub mod access;
pub mod access_key;
pub mod account;
pub mod address;
pub mod artifact;
pub mod clock;
pub mod conflict;
pub mod credential;
pub mod deletion;
pub mod descriptor;
pub mod digest;
pub mod directory;
pub mod email;
pub mod error;
pub mod event;
pub mod existing;
pub mod field;
pub mod gc_run;
pub mod idempotency;
pub mod image;
pub mod image_config;
pub mod image_order;
pub mod immutability;
pub mod invite;
pub mod job;
pub mod limit;
pub mod manifest;
pub mod name;
pub mod node;
pub mod organization;
pub mod page;
pub mod past;
pub mod permission;
pub mod policy;
pub mod ports;
pub mod registry;
pub mod repository;
pub mod retention;
pub mod second_factor;
pub mod share;
pub mod tag_order;
pub mod tier;
pub mod token_resource;
pub mod upload;
pub mod work;

pub use error::{Error, Result};
pub use field::Field;
