//! Audit events and usage.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::Result;
use crate::event::{CountedEvent, Event, EventFilter, EventQuery, NewEvent};
use crate::page::{KeyedPage, PageSize};

/// Audit events and usage.
#[async_trait]
pub trait EventRecords {
    /// Appends an event.
    async fn record_event(&mut self, event: &NewEvent) -> Result<()>;
    /// Appends an event, or adds to how often it happened when there is one with its key.
    async fn count_event(&mut self, counted: &CountedEvent) -> Result<()>;
    /// Appends an event for each of some details, else like `event`.
    async fn record_events(
        &mut self,
        event: &NewEvent,
        details: &[BTreeMap<&'static str, String>],
    ) -> Result<()>;
    /// Lists the events of a query.
    async fn list_events(&mut self, query: &EventQuery) -> Result<KeyedPage<Event, i64>>;
    /// Lists an account's events of a filter, newest first, leaving out the first `offset`, at most `size`.
    async fn list_account_events(
        &mut self,
        account: AccountId,
        filter: &EventFilter,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Event>>;
    /// Forgets events before a time, oldest first, at most `size`; returns how many. The newest one of each account stays,
    /// so that numbers go on from it.
    async fn delete_old_events(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
    /// Numbers events without gaps per account, at most `size`; returns how many.
    async fn number_events(&mut self, size: PageSize) -> Result<u64>;
    /// Appends a change of a namespace's usage.
    async fn add_usage(
        &mut self,
        namespace: AccountId,
        kind: UsageKind,
        amount: i64,
        at: Timestamp,
    ) -> Result<()>;
    /// Folds usage changes into totals, at most `size`, and writes down what their namespaces store on the day that began then;
    /// returns how many.
    async fn fold_usage(&mut self, day: Timestamp, size: PageSize) -> Result<u64>;
}

/// What usage counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageKind {
    /// Bytes of blobs that repositories of the namespace have (a blob counts once, however many have it).
    StoredBytes,
    /// Bytes of manifests.
    ManifestBytes,
    /// Pulls of images.
    Pulls,
    /// Pushes of images.
    Pushes,
}

impl UsageKind {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StoredBytes => "stored_bytes",
            Self::ManifestBytes => "manifest_bytes",
            Self::Pulls => "pulls",
            Self::Pushes => "pushes",
        }
    }
}
