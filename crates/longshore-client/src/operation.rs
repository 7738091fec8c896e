//! Retention, usage and search, and what operators see of nodes, stores and settings.

use crate::client::{Call, Client};
use crate::error::Result;
use crate::operations as op;
use crate::types::{
    MatchedTags, NamespaceUsage, NodeInfo, Page, RepositoryUsage, RetentionPolicyInfo, RetentionPreview,
    RetentionRules, SearchResult, SettingInfo, StoreInfo,
};

/// As all calls, these fail for what the registry refuses, or when it is not reached.
impl Client {
    /// Lists the retention policies of a repository; there are ten at most.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn list_retention_policies(&self, repository: &str) -> Result<Vec<RetentionPolicyInfo>> {
        let page: Page<RetentionPolicyInfo> =
            self.read(&Call::of(op::LIST_RETENTION_POLICIES, &[repository]))?;
        Ok(page.items)
    }

    /// Makes a retention policy; it is applied soon, and then every day.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_retention_policy(
        &self,
        repository: &str,
        rules: &RetentionRules,
    ) -> Result<RetentionPolicyInfo> {
        self.read(&Call::of(op::CREATE_RETENTION_POLICY, &[repository]).sending(rules)?)
    }

    /// Gives a retention policy.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_retention_policy(&self, repository: &str, id: i64) -> Result<RetentionPolicyInfo> {
        self.read(&Call::of(op::GET_RETENTION_POLICY, &[repository, &id.to_string()]))
    }

    /// Puts other rules in the place of a retention policy's.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn set_retention_policy(
        &self,
        repository: &str,
        id: i64,
        rules: &RetentionRules,
    ) -> Result<RetentionPolicyInfo> {
        self.read(&Call::of(op::SET_RETENTION_POLICY, &[repository, &id.to_string()]).sending(rules)?)
    }

    /// Deletes a retention policy.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_retention_policy(&self, repository: &str, id: i64) -> Result<()> {
        self.run(&Call::of(op::DELETE_RETENTION_POLICY, &[repository, &id.to_string()])).map(|_| ())
    }

    /// Applies a retention policy within seconds.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn run_retention_policy(&self, repository: &str, id: i64) -> Result<()> {
        self.run(&Call::of(op::RUN_RETENTION_POLICY, &[repository, &id.to_string()])).map(|_| ())
    }

    /// Says what rules would do that need not be saved.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn preview_retention(&self, repository: &str, rules: &RetentionRules) -> Result<RetentionPreview> {
        self.read(&Call::of(op::PREVIEW_RETENTION, &[repository]).sending(rules)?)
    }

    /// Lists tags that a rule of immutable tags would match.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn match_tags(&self, repository: &str, rule: &str) -> Result<MatchedTags> {
        self.read(&Call::of(op::MATCH_TAGS, &[repository]).with("rule", Some(rule)))
    }

    /// Finds repositories, tags and digests; of each kind at most `limit`, 1 to 100.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn search(&self, text: &str, limit: Option<u32>) -> Result<SearchResult> {
        let limit = limit.map(|limit| limit.to_string());
        self.read(&Call::of(op::SEARCH, &[]).with("q", Some(text)).with("limit", limit.as_deref()))
    }

    /// Tells what a namespace holds, stores and sends.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_usage(&self, namespace: &str) -> Result<NamespaceUsage> {
        self.read(&Call::of(op::GET_USAGE, &[namespace]))
    }

    /// Tells what a repository holds and stores, and how many of its images were neither pushed nor pulled since a time (RFC 3339);
    /// for 180 days, if it is left out.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_repository_usage(&self, repository: &str, since: Option<&str>) -> Result<RepositoryUsage> {
        self.read(&Call::of(op::GET_REPOSITORY_USAGE, &[repository]).with("inactive_since", since))
    }

    /// Lists the nodes that gave a sign of life in the last day.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn list_nodes(&self) -> Result<Vec<NodeInfo>> {
        let page: Page<NodeInfo> = self.read(&Call::of(op::LIST_NODES, &[]))?;
        Ok(page.items)
    }

    /// Lists where blobs lie, with room and growth.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn list_stores(&self) -> Result<Vec<StoreInfo>> {
        let page: Page<StoreInfo> = self.read(&Call::of(op::LIST_STORES, &[]))?;
        Ok(page.items)
    }

    /// Lists the settings as they are in force on the node that answers.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn list_settings(&self) -> Result<Vec<SettingInfo>> {
        let page: Page<SettingInfo> = self.read(&Call::of(op::LIST_SETTINGS, &[]))?;
        Ok(page.items)
    }
}
