//! Addresses that accounts want to have.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::credential::SecretHash;
use crate::email::EmailAddress;
use crate::error::Result;
use crate::page::PageSize;

/// An address that an account wants to have, and that nobody has confirmed yet.
#[derive(Clone, Debug)]
pub struct EmailChange {
    /// The account.
    pub account: AccountId,
    /// The address.
    pub email: EmailAddress,
    /// Hash of what confirms it; nothing until the message is sent.
    pub secret_hash: Option<SecretHash>,
    /// When it was wanted.
    pub created_at: Timestamp,
    /// Until when it can be confirmed.
    pub expires_at: Timestamp,
}

/// Addresses that accounts want to have, one for each account at most.
#[async_trait]
pub trait EmailChangeRecords {
    /// Wants an address, in the place of another one.
    async fn put_email_change(&mut self, change: &EmailChange) -> Result<()>;
    /// Finds what an account wants, and keeps others from changing it.
    async fn lock_email_change(&mut self, account: AccountId) -> Result<Option<EmailChange>>;
    /// Sets what confirms the address of an account.
    async fn set_email_secret(&mut self, account: AccountId, hash: &SecretHash) -> Result<()>;
    /// Forgets what an account wants.
    async fn delete_email_change(&mut self, account: AccountId) -> Result<()>;
    /// Forgets what could be confirmed until before a time, at most `size`; returns how many.
    async fn delete_expired_email_changes(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
}
