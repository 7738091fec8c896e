//! A client of the API of a Longshore container registry (`/api/v1/`), typed.
//!
//! ```no_run
//! use longshore_client::{Client, ListTags, Result};
//!
//! fn main() -> Result<()> {
//!     let registry = Client::new("https://registry.example.org")?.with_token("lsp_…")?;
//!     for tag in registry.list_tags("acme/app", &ListTags::default()) {
//!         let tag = tag?;
//!         println!("{} {}", tag.name, tag.digest);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Calls block; asynchronous programs call from a thread for that (`tokio::task::spawn_blocking`). Lists are iterators that ask
//! for the next page when they need it. Whatever deletes has a dry run, and an id by which it can be undone. Every `POST` has an
//! idempotency key, so that it is sent again when the connection breaks, and done once.
//!
//! [`types`] has what is sent and answered. It is there without the feature `http` as well, for programs that bring their own
//! way of sending.

pub mod types;

#[cfg(feature = "http")]
mod account;
#[cfg(feature = "http")]
mod administration;
#[cfg(feature = "http")]
mod calls;
#[cfg(feature = "http")]
mod client;
#[cfg(feature = "http")]
mod collaboration;
#[cfg(feature = "http")]
mod error;
#[cfg(feature = "http")]
mod list;
#[cfg(feature = "http")]
mod operation;
#[cfg(feature = "http")]
pub mod operations;
#[cfg(feature = "http")]
mod sign_in;

#[cfg(feature = "http")]
pub use administration::{ListEvents, ListMembers};
#[cfg(feature = "http")]
pub use calls::{ListChanges, ListDeletions, ListImages, ListRepositories, ListTags};
#[cfg(feature = "http")]
pub use client::{Client, Condition, Versioned};
#[cfg(feature = "http")]
pub use error::{Error, Result};
#[cfg(feature = "http")]
pub use list::List;
#[cfg(feature = "http")]
pub use sign_in::SignIn;
