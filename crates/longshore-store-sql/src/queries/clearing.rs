//! Rows that are deleted in steps before what they hang on. Left to the foreign keys, they would go with it in one statement,
//! however many there are.

use longshore_domain::Result;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::Clearing;

use crate::tx::{SqlTx, values};

/// Newest first, as tokens that were made with others go with these.
const OF_ACCOUNT: &[&str] = &[
    "DELETE FROM refresh_tokens WHERE secret_hash IN (
         SELECT secret_hash FROM refresh_tokens WHERE account_id = $1 LIMIT $2)",
    "DELETE FROM access_tokens WHERE id IN (
         SELECT id FROM access_tokens WHERE account_id = $1 ORDER BY uuid DESC LIMIT $2)",
    "DELETE FROM repository_users WHERE user_id = $1 AND repository_id IN (
         SELECT repository_id FROM repository_users WHERE user_id = $1 ORDER BY repository_id LIMIT $2)",
    "DELETE FROM repository_shares WHERE account_id = $1 AND repository_id IN (
         SELECT repository_id FROM repository_shares WHERE account_id = $1 ORDER BY repository_id LIMIT $2)",
    "DELETE FROM namespace_users WHERE user_id = $1 AND namespace_id IN (
         SELECT namespace_id FROM namespace_users WHERE user_id = $1 ORDER BY namespace_id LIMIT $2)",
    "DELETE FROM namespace_users WHERE namespace_id = $1 AND user_id IN (
         SELECT user_id FROM namespace_users WHERE namespace_id = $1 ORDER BY user_id LIMIT $2)",
    "DELETE FROM team_members WHERE user_id = $1 AND team_id IN (
         SELECT team_id FROM team_members WHERE user_id = $1 ORDER BY team_id LIMIT $2)",
];

const OF_TEAM: &[&str] = &[
    "DELETE FROM team_members WHERE team_id = $1 AND user_id IN (
         SELECT user_id FROM team_members WHERE team_id = $1 ORDER BY user_id LIMIT $2)",
    "DELETE FROM suspended_team_members WHERE team_id = $1 AND user_id IN (
         SELECT user_id FROM suspended_team_members WHERE team_id = $1 ORDER BY user_id LIMIT $2)",
    "DELETE FROM team_permissions WHERE team_id = $1 AND repository_id IN (
         SELECT repository_id FROM team_permissions WHERE team_id = $1 ORDER BY repository_id LIMIT $2)",
];

const OF_REGISTRY: &[&str] = &[
    "DELETE FROM refresh_tokens WHERE secret_hash IN (
         SELECT r.secret_hash FROM access_tokens t JOIN refresh_tokens r ON r.access_token_id = t.id
         WHERE t.registry_id = $1 LIMIT $2)",
    "DELETE FROM access_tokens WHERE id IN (SELECT id FROM access_tokens WHERE registry_id = $1 LIMIT $2)",
];

impl SqlTx<'_> {
    pub(super) async fn clear_rows(&mut self, what: Clearing, size: PageSize) -> Result<u64> {
        let (statements, id) = match what {
            Clearing::Account(id) => (OF_ACCOUNT, id.0),
            Clearing::RefreshTokens(id) => (&OF_ACCOUNT[..1], id.0),
            Clearing::Team(id) => (OF_TEAM, id.0),
            Clearing::Registry(id) => (OF_REGISTRY, id.0),
        };
        for sql in statements {
            let deleted = self.execute(sql, values![id, size.get()]).await?;
            if deleted > 0 {
                return Ok(deleted as u64);
            }
        }
        Ok(0)
    }
}
