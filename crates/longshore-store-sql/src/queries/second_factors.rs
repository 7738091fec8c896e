//! Second factors, recovery codes, and sign-ins that wait for one.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::credential::SecretHash;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{
    AccountRecords, SecondFactor, SecondFactorRecords, SignInChallenge, TokenRecords,
};
use longshore_domain::second_factor::TotpSecret;
use longshore_domain::{Error, Result};

use crate::tx::{Row, SqlTx, row, values};

fn challenge(row: &Row<'_>) -> Result<SignInChallenge> {
    let hash = row.bytes(0)?.try_into().map_err(|_| Error::internal("a secret hash of the wrong length"))?;
    Ok(SignInChallenge {
        secret_hash: SecretHash(hash),
        user_id: AccountId(row.int(1)?),
        credential_epoch: row.int(2)?,
        failures: row.int(3)?,
        expires_at: row.time(4)?,
    })
}

/// Steps by which one that was used can be ahead of one that is given, by late codes and clocks of other nodes. One further
/// ahead was used under a clock that has gone back since, and locks nobody out.
const STEPS_AHEAD: i64 = 4;

#[async_trait]
impl SecondFactorRecords for SqlTx<'_> {
    async fn find_second_factor(&mut self, user: AccountId) -> Result<Option<SecondFactor>> {
        self.first(
            "SELECT secret, confirmed_at, (SELECT count(*) FROM recovery_codes c WHERE c.user_id = second_factors.user_id)
             FROM second_factors WHERE user_id = $1",
            values![user.0],
            |row| {
                Ok(SecondFactor {
                    secret: TotpSecret::from_stored(&row.bytes(0)?)?,
                    confirmed_at: row.optional_time(1)?,
                    recovery_codes: row.size(2)?,
                })
            },
        )
        .await
    }

    async fn put_second_factor(
        &mut self,
        user: AccountId,
        secret: &TotpSecret,
        at: Timestamp,
    ) -> Result<bool> {
        let begun = self
            .execute(
                "INSERT INTO second_factors (user_id, secret, used_step, created_at) VALUES ($1, $2, 0, $3)
                 ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, used_step = 0, created_at = excluded.created_at
                 WHERE second_factors.confirmed_at IS NULL",
                values![user.0, secret.as_stored(), at],
            )
            .await?;
        Ok(begun > 0)
    }

    async fn confirm_second_factor(
        &mut self,
        user: AccountId,
        secret: &TotpSecret,
        at: Timestamp,
    ) -> Result<bool> {
        let confirmed = self
            .execute(
                "UPDATE second_factors SET confirmed_at = $1 WHERE user_id = $2 AND secret = $3 AND confirmed_at IS NULL",
                values![at, user.0, secret.as_stored()],
            )
            .await?;
        self.delete_refresh_tokens(user).await?;
        self.advance_credential_epoch(user).await?;
        Ok(confirmed > 0)
    }

    async fn delete_second_factor(&mut self, user: AccountId) -> Result<bool> {
        self.execute("DELETE FROM recovery_codes WHERE user_id = $1", values![user.0]).await?;
        self.execute("DELETE FROM sign_in_challenges WHERE user_id = $1", values![user.0]).await?;
        let deleted = self.execute("DELETE FROM second_factors WHERE user_id = $1", values![user.0]).await?;
        self.advance_authority_epoch().await?;
        Ok(deleted > 0)
    }

    async fn use_step(&mut self, user: AccountId, step: i64) -> Result<bool> {
        let used = self
            .execute(
                "UPDATE second_factors SET used_step = $1 WHERE user_id = $2 AND (used_step < $1 OR used_step > $3)",
                values![step, user.0, step + STEPS_AHEAD],
            )
            .await?;
        Ok(used > 0)
    }

    async fn put_recovery_codes(&mut self, user: AccountId, codes: &[SecretHash]) -> Result<()> {
        self.execute("DELETE FROM recovery_codes WHERE user_id = $1", values![user.0]).await?;
        let rows: Vec<_> = codes.iter().map(|code| row![user.0, code.0.as_slice()]).collect();
        self.execute_each("INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)", rows).await
    }

    async fn use_recovery_code(&mut self, user: AccountId, code: &SecretHash) -> Result<bool> {
        let used = self
            .execute(
                "DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2",
                values![user.0, code.0.as_slice()],
            )
            .await?;
        Ok(used > 0)
    }

    async fn create_challenge(&mut self, challenge: &SignInChallenge) -> Result<()> {
        self.execute(
            "INSERT INTO sign_in_challenges (secret_hash, user_id, credential_epoch, failures, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
            values![
                challenge.secret_hash.0.as_slice(),
                challenge.user_id.0,
                challenge.credential_epoch,
                challenge.failures,
                challenge.expires_at
            ],
        )
        .await
        .map(|_| ())
    }

    async fn lock_challenge(&mut self, secret: &SecretHash) -> Result<Option<SignInChallenge>> {
        self.first(
            "SELECT secret_hash, user_id, credential_epoch, failures, expires_at FROM sign_in_challenges
             WHERE secret_hash = $1 FOR UPDATE",
            values![secret.0.as_slice()],
            challenge,
        )
        .await
    }

    async fn add_challenge_failure(&mut self, secret: &SecretHash) -> Result<()> {
        self.execute(
            "UPDATE sign_in_challenges SET failures = failures + 1 WHERE secret_hash = $1",
            values![secret.0.as_slice()],
        )
        .await
        .map(|_| ())
    }

    async fn delete_challenge(&mut self, secret: &SecretHash) -> Result<bool> {
        let deleted = self
            .execute("DELETE FROM sign_in_challenges WHERE secret_hash = $1", values![secret.0.as_slice()])
            .await?;
        Ok(deleted > 0)
    }

    async fn delete_expired_challenges(&mut self, now: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM sign_in_challenges WHERE secret_hash IN (
                     SELECT secret_hash FROM sign_in_challenges WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                values![now, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }
}
