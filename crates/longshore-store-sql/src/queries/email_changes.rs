//! Addresses that accounts want to have.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::credential::SecretHash;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{EmailChange, EmailChangeRecords};
use longshore_domain::{Error, Result};

use crate::tx::{Row, SqlTx, values};

fn change(row: &Row<'_>) -> Result<EmailChange> {
    let hash = |bytes: Vec<u8>| {
        bytes.try_into().map(SecretHash).map_err(|_| Error::internal("a secret hash of the wrong length"))
    };
    Ok(EmailChange {
        account: AccountId(row.int(0)?),
        email: row.text(1)?.parse().map_err(Error::internal)?,
        secret_hash: row.optional_bytes(2)?.map(hash).transpose()?,
        created_at: row.time(3)?,
        expires_at: row.time(4)?,
    })
}

#[async_trait]
impl EmailChangeRecords for SqlTx<'_> {
    async fn put_email_change(&mut self, change: &EmailChange) -> Result<()> {
        self.execute(
            "INSERT INTO email_changes (account_id, email, secret_hash, created_at, expires_at) VALUES ($1, $2, NULL, $3, $4)
             ON CONFLICT (account_id) DO UPDATE SET email = excluded.email, secret_hash = NULL,
                 created_at = excluded.created_at, expires_at = excluded.expires_at",
            values![change.account.0, change.email.as_str(), change.created_at, change.expires_at],
        )
        .await
        .map(|_| ())
    }

    async fn lock_email_change(&mut self, account: AccountId) -> Result<Option<EmailChange>> {
        self.first(
            "SELECT account_id, email, secret_hash, created_at, expires_at FROM email_changes WHERE account_id = $1 FOR UPDATE",
            values![account.0],
            change,
        )
        .await
    }

    async fn set_email_secret(&mut self, account: AccountId, hash: &SecretHash) -> Result<()> {
        self.execute(
            "UPDATE email_changes SET secret_hash = $1 WHERE account_id = $2",
            values![hash.0.as_slice(), account.0],
        )
        .await
        .map(|_| ())
    }

    async fn delete_email_change(&mut self, account: AccountId) -> Result<()> {
        self.execute("DELETE FROM email_changes WHERE account_id = $1", values![account.0]).await.map(|_| ())
    }

    async fn delete_expired_email_changes(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM email_changes WHERE account_id IN (
                     SELECT account_id FROM email_changes WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }
}
