//! Ports: what the operations need from storage, implemented by the `longshore-store-*` crates and the server.

pub mod blobs;
pub mod mailer;
pub mod metadata;
pub mod space;
