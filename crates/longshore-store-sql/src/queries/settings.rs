//! Settings of the registry itself.

use async_trait::async_trait;
use longshore_domain::Result;
use longshore_domain::ports::metadata::SettingRecords;

use crate::tx::{SqlTx, values};

#[async_trait]
impl SettingRecords for SqlTx<'_> {
    async fn find_setting(&mut self, name: &str) -> Result<Option<String>> {
        self.first("SELECT value FROM settings WHERE name = $1", values![name], |row| row.text(0)).await
    }

    async fn put_setting(&mut self, name: &str, value: &str) -> Result<()> {
        self.execute(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            values![name, value],
        )
        .await
        .map(|_| ())
    }
}
