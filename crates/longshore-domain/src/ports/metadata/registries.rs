//! Registries, subscriptions, and what namespaces have stored and sent.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::Result;
use crate::name::Namespace;
use crate::page::PageSize;
use crate::ports::metadata::BlobId;
use crate::registry::{Region, Registry, Subscribed};
use crate::repository::RepositoryId;
use crate::tier::{AccountUsage, Subscription, TierSlug};

/// Registries, subscriptions, and what namespaces have stored and sent.
#[async_trait]
pub trait RegistryRecords {
    /// Makes a namespace a registry; tokens for pushing may be out there that work until `write_tokens_until`.
    ///
    /// # Errors
    /// `Exists`.
    async fn create_registry(
        &mut self,
        namespace: AccountId,
        owner: AccountId,
        region: &Region,
        at: Timestamp,
        write_tokens_until: Timestamp,
    ) -> Result<()>;
    /// Finds a registry by the name of its namespace.
    async fn find_registry(&mut self, name: &Namespace) -> Result<Option<Registry>>;
    /// Lists the registries that are an account's own namespace or one of an organization that it belongs to and that is not
    /// disabled, by number, at most `size`.
    async fn list_registries_of(&mut self, account: AccountId, size: PageSize) -> Result<Vec<Registry>>;
    /// Lists the registries under an account's subscription, by number, at most `size`.
    async fn list_subscribed_registries(&mut self, owner: AccountId, size: PageSize)
    -> Result<Vec<Registry>>;
    /// Makes a registry a mere namespace again, with its credentials and its collection runs gone; false when it was one.
    async fn delete_registry(&mut self, namespace: AccountId) -> Result<bool>;
    /// Finds an account's subscription.
    async fn find_subscription(&mut self, owner: AccountId) -> Result<Option<Subscription>>;
    /// Keeps others from changing an account's subscription, or from counting what it is about to use.
    async fn lock_subscription(&mut self, owner: AccountId) -> Result<()>;
    /// Sets an account's tier.
    async fn put_subscription(&mut self, owner: AccountId, tier: &TierSlug, at: Timestamp) -> Result<()>;
    /// Ends an account's subscription.
    async fn delete_subscription(&mut self, owner: AccountId) -> Result<()>;
    /// Finds what a namespace is bound to, if it is a registry.
    async fn find_subscribed(&mut self, namespace: AccountId) -> Result<Option<Subscribed>>;
    /// Counts what an account has in all its registries.
    async fn account_usage(&mut self, owner: AccountId) -> Result<AccountUsage>;
    /// Returns how many bytes an account stores in all its registries.
    async fn storage_of_account(&mut self, owner: AccountId) -> Result<u64>;
    /// Returns how many bytes uploads in progress hold in all registries of an account.
    async fn uploading_to_account(&mut self, owner: AccountId) -> Result<u64>;
    /// Puts the registries of an organization, or of all of them, that are under the subscription of a user under one of
    /// their own, of the same tier.
    async fn hand_over_registries(
        &mut self,
        user: AccountId,
        organization: Option<AccountId>,
        at: Timestamp,
    ) -> Result<()>;
    /// Returns how many bytes a namespace stores.
    async fn storage_of(&mut self, namespace: AccountId) -> Result<u64>;
    /// Remembers that a token for pushing to a registry is given that works until then.
    async fn record_write_token(&mut self, namespace: AccountId, until: Timestamp) -> Result<()>;
    /// Returns when the last token for pushing expires, and lets nobody record another one meanwhile.
    async fn lock_write_tokens(&mut self, namespace: AccountId) -> Result<Option<Timestamp>>;
    /// Notes that a namespace has a blob; true when it did not have it before.
    async fn put_namespace_blob(&mut self, namespace: AccountId, blob: BlobId) -> Result<bool>;
    /// Adds to the bytes that were pulled from namespaces in the month that began then.
    async fn add_traffic(&mut self, month: Timestamp, amounts: &[(AccountId, u64)]) -> Result<()>;
    /// Returns the bytes that were pulled from all registries of an account in the month that began then.
    async fn traffic_of_account(&mut self, owner: AccountId, month: Timestamp) -> Result<u64>;
    /// Returns the bytes that were pulled from a namespace in the month that began then.
    async fn traffic_of(&mut self, namespace: AccountId, month: Timestamp) -> Result<u64>;
    /// Lists the repositories of a namespace, also deleted ones, by number, strictly after `after`, at most `size`; with each,
    /// whether it is deleted.
    async fn list_all_repositories(
        &mut self,
        namespace: AccountId,
        after: RepositoryId,
        size: PageSize,
    ) -> Result<Vec<(RepositoryId, Option<Timestamp>)>>;
}
