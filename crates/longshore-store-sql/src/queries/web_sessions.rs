//! Sessions of the pages.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::credential::SecretHash;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{WebSession, WebSessionRecords};
use uuid::Uuid;

use crate::tx::{Row, SqlTx, values};

fn session(row: &Row<'_>) -> Result<WebSession> {
    Ok(WebSession {
        id: row.uuid(0)?,
        account: AccountId(row.int(1)?),
        credential_epoch: row.int(2)?,
        proof: row.parsed(3)?,
        address: row.text(4)?,
        program: row.text(5)?,
        created_at: row.time(6)?,
        seen_at: row.time(7)?,
        expires_at: row.time(8)?,
    })
}

#[async_trait]
impl WebSessionRecords for SqlTx<'_> {
    async fn create_web_session(&mut self, hash: &SecretHash, session: &WebSession) -> Result<()> {
        self.execute(
            "INSERT INTO web_sessions (id, secret_hash, account_id, credential_epoch, proof, address, program, created_at,
                 seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                session.id,
                hash.0.as_slice(),
                session.account.0,
                session.credential_epoch,
                session.proof.as_str(),
                session.address.as_str(),
                session.program.as_str(),
                session.created_at,
                session.seen_at,
                session.expires_at
            ],
        )
        .await
        .map(|_| ())
    }

    async fn find_web_session(&mut self, hash: &SecretHash) -> Result<Option<WebSession>> {
        self.first(
            "SELECT id, account_id, credential_epoch, proof, address, program, created_at, seen_at, expires_at
             FROM web_sessions WHERE secret_hash = $1",
            values![hash.0.as_slice()],
            session,
        )
        .await
    }

    async fn record_web_session_use(&mut self, id: Uuid, at: Timestamp) -> Result<()> {
        self.execute("UPDATE web_sessions SET seen_at = $1 WHERE id = $2 AND seen_at < $1", values![at, id])
            .await
            .map(|_| ())
    }

    async fn list_web_sessions(
        &mut self,
        account: AccountId,
        now: Timestamp,
        size: PageSize,
    ) -> Result<Vec<WebSession>> {
        self.all(
            "SELECT s.id, s.account_id, s.credential_epoch, s.proof, s.address, s.program, s.created_at, s.seen_at,
                 s.expires_at
             FROM web_sessions s JOIN accounts a ON a.id = s.account_id AND a.credential_epoch = s.credential_epoch
             WHERE s.account_id = $1 AND s.expires_at > $2 ORDER BY s.seen_at DESC LIMIT $3",
            values![account.0, now, size.get()],
            session,
        )
        .await
    }

    async fn keep_web_session(&mut self, id: Uuid) -> Result<()> {
        self.execute(
            "UPDATE web_sessions SET credential_epoch = (SELECT a.credential_epoch FROM accounts a WHERE a.id = account_id)
             WHERE id = $1",
            values![id],
        )
        .await
        .map(|_| ())
    }

    async fn delete_web_session(&mut self, account: AccountId, id: Uuid) -> Result<bool> {
        let ended = "DELETE FROM web_sessions WHERE id = $1 AND account_id = $2";
        Ok(self.execute(ended, values![id, account.0]).await? > 0)
    }

    async fn delete_other_web_sessions(&mut self, account: AccountId, kept: Uuid) -> Result<u64> {
        let ended = "DELETE FROM web_sessions WHERE account_id = $1 AND id <> $2";
        Ok(self.execute(ended, values![account.0, kept]).await? as u64)
    }

    async fn delete_web_sessions_beyond(&mut self, account: AccountId, kept: u64) -> Result<()> {
        self.execute(
            "DELETE FROM web_sessions WHERE id IN (
                 SELECT id FROM web_sessions WHERE account_id = $1 ORDER BY seen_at DESC LIMIT 1000 OFFSET $2)",
            values![account.0, kept],
        )
        .await
        .map(|_| ())
    }

    async fn delete_expired_web_sessions(&mut self, now: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM web_sessions WHERE id IN (
                     SELECT id FROM web_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                values![now, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }
}
