//! Settings of the registry itself.

use async_trait::async_trait;

use crate::error::Result;

/// Settings of the registry itself, by name.
#[async_trait]
pub trait SettingRecords {
    /// Returns a named value of the registry itself.
    async fn find_setting(&mut self, name: &str) -> Result<Option<String>>;
    /// Sets a named value of the registry itself.
    async fn put_setting(&mut self, name: &str, value: &str) -> Result<()>;
}
