//! Sessions of the pages.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::access::actor::Proof;
use crate::account::AccountId;
use crate::credential::SecretHash;
use crate::error::Result;
use crate::page::PageSize;

/// Somebody who is signed in to the pages with a browser.
#[derive(Clone, Debug)]
pub struct WebSession {
    /// Public id.
    pub id: Uuid,
    /// Who.
    pub account: AccountId,
    /// The account's count of credential changes then; the session ends with the next.
    pub credential_epoch: i64,
    /// How the account proved who it is.
    pub proof: Proof,
    /// From where; empty when that is not known.
    pub address: String,
    /// What the browser called itself, at most 256 characters.
    pub program: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When a page was asked for last, to the minute.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// Sessions of the pages, by the hash of what the browser keeps.
#[async_trait]
pub trait WebSessionRecords {
    /// Begins a session.
    async fn create_web_session(&mut self, hash: &SecretHash, session: &WebSession) -> Result<()>;
    /// Finds a session by its secret.
    async fn find_web_session(&mut self, hash: &SecretHash) -> Result<Option<WebSession>>;
    /// Notes that a page was asked for.
    async fn record_web_session_use(&mut self, id: Uuid, at: Timestamp) -> Result<()>;
    /// Lists the sessions of an account that began after its last change of credentials and have not ended, those that were
    /// used last first, at most `size`.
    async fn list_web_sessions(
        &mut self,
        account: AccountId,
        now: Timestamp,
        size: PageSize,
    ) -> Result<Vec<WebSession>>;
    /// Lets a session go on after a change of credentials.
    async fn keep_web_session(&mut self, id: Uuid) -> Result<()>;
    /// Ends a session of an account; returns whether there was one.
    async fn delete_web_session(&mut self, account: AccountId, id: Uuid) -> Result<bool>;
    /// Ends the sessions of an account but for `kept`; returns how many.
    async fn delete_other_web_sessions(&mut self, account: AccountId, kept: Uuid) -> Result<u64>;
    /// Ends the sessions of an account that were not used for the longest time, but for the `kept` that were used last.
    async fn delete_web_sessions_beyond(&mut self, account: AccountId, kept: u64) -> Result<()>;
    /// Forgets sessions that have ended, at most `size`; returns how many.
    async fn delete_expired_web_sessions(&mut self, now: Timestamp, size: PageSize) -> Result<u64>;
}
