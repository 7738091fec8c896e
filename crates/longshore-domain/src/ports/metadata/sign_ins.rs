//! Failed sign-ins, and what is counted for rate limits.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::error::Result;
use crate::page::PageSize;

/// Failed sign-ins of one account, address, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInFailures {
    /// How many, in this window.
    pub failures: i64,
    /// When the window began.
    pub began_at: Timestamp,
}

/// Failed sign-ins, counted over all nodes.
#[async_trait]
pub trait SignInRecords {
    /// Finds the failures of a subject, in whatever window they were.
    async fn find_sign_in_failures(&mut self, subject: &str) -> Result<Option<SignInFailures>>;
    /// Counts a failure. A window that began at or before `ended`, or after `ahead`, as a clock said that has gone back
    /// since, is over: the next one begins now.
    async fn add_sign_in_failure(
        &mut self,
        subject: &str,
        now: Timestamp,
        ended: Timestamp,
        ahead: Timestamp,
    ) -> Result<()>;
    /// Forgets the failures of a subject.
    async fn delete_sign_in_failures(&mut self, subject: &str) -> Result<()>;
    /// Forgets windows that began at or before `ended`, at most `size`; returns how many.
    async fn delete_ended_sign_in_failures(&mut self, ended: Timestamp, size: PageSize) -> Result<u64>;
    /// Adds to what was counted of a subject in a window, and gives what all nodes have counted.
    async fn add_rate_count(
        &mut self,
        subject: &str,
        began_at: Timestamp,
        ends_at: Timestamp,
        count: u64,
    ) -> Result<u64>;
    /// Forgets counts whose window is over, at most `size`; returns how many.
    async fn delete_ended_rate_counts(&mut self, now: Timestamp, size: PageSize) -> Result<u64>;
}
