//! Ports: what the operations need from storage, implemented by the `longshore-store-*` crates.

pub mod blobs;
pub mod mailer;
pub mod metadata;
