//! Every column with a time is lowered after a clock went back, or left as it is for a reason.

use std::collections::BTreeSet;

use longshore_domain::ports::metadata::Metadata;
use rusqlite::Connection;

/// Columns with a time that stay as they are.
const KEPT: &[(&str, &str)] = &[
    ("access_tokens.expires_at", "a date of its own, which somebody chose and was told"),
    ("scim_tokens.expires_at", "a date of its own"),
    ("repository_shares.expires_at", "a date of its own"),
    ("revoked_sessions.expires_at", "the end of the token that it revokes, which may come into force then"),
    ("second_factors.used_step", "a step that is far ahead of the code that is given does not count"),
    ("rate_counts.began_at", "names a window, which nobody counts in while it is not now"),
    ("usage_days.day_at", "names a day"),
    ("traffic.month_at", "names a month"),
    ("usage_changes.at", "folded in the order of their numbers"),
    ("events.at", "an event is not changed; it stays for longer"),
    ("retention_log.at", "a log is not changed; it stays for longer"),
    ("collection_log.at", "shown"),
    ("accounts.created_at", "shown"),
    ("accounts.deleted_at", "says that, not since when"),
    ("organization_members.created_at", "shown"),
    ("access_tokens.created_at", "shown"),
    ("repositories.created_at", "shown"),
    ("blobs.created_at", "shown"),
    ("blobs.damaged_at", "says that, not since when"),
    ("tags.created_at", "shown"),
    ("second_factors.created_at", "shown"),
    ("second_factors.confirmed_at", "says that, not since when"),
    ("teams.created_at", "shown"),
    ("teams.updated_at", "shown"),
    ("team_members.created_at", "shown"),
    ("invites.created_at", "shown"),
    ("subscriptions.created_at", "shown"),
    ("subscriptions.updated_at", "shown"),
    ("namespace_users.created_at", "shown"),
    ("repository_users.created_at", "shown"),
    ("repository_shares.created_at", "shown"),
    ("repository_shares.updated_at", "shown"),
    ("retention_policies.created_at", "shown"),
    ("retention_policies.updated_at", "tells one state of a policy from another"),
    ("directory_users.created_at", "shown"),
    ("directory_users.updated_at", "shown"),
    ("suspended_members.created_at", "shown"),
    ("suspended_team_members.created_at", "shown"),
    ("suspended_namespace_users.created_at", "shown"),
    ("suspended_repository_users.created_at", "shown"),
    ("scim_tokens.created_at", "shown"),
    ("nodes.started_at", "shown"),
    ("store_days.day_at", "names a day"),
    ("deletions.ended_at", "says that, not since when"),
    ("provisioning_refusals.at", "shown"),
    ("email_changes.created_at", "keeps who wants it from asking again for a minute after that"),
    ("email_changes.expires_at", "who has the code may confirm for longer"),
    ("jobs.created_at", "shown"),
    ("jobs.started_at", "shown"),
    ("web_sessions.created_at", "a session ends by its last use, too"),
    ("web_sessions.expires_at", "a session ends by its last use, too"),
    ("work.created_at", "shown"),
    ("dead_work.created_at", "shown"),
    ("dead_work.due_at", "shown: nothing waits for it any more"),
];

/// Returns the column whose times a statement lowers, as `table.column`; `None` for another statement. Such a one may read a
/// whole table: it runs once, after a clock went back.
pub fn lowered(sql: &str) -> Option<String> {
    match sql.split(' ').collect::<Vec<_>>()[..] {
        ["UPDATE", table, "SET", column, "=", "$1", "WHERE", compared, ">", "$1"] if column == compared => {
            Some(format!("{table}.{column}"))
        }
        _ => None,
    }
}

#[tokio::test]
async fn no_column_with_a_time_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    super::open(&folder).unwrap().close().await;
    let connection = Connection::open(folder.path().join("longshore.db")).unwrap();
    let mut columns = connection
        .prepare(
            "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
             WHERE m.type = 'table' AND (c.name GLOB '*_at' OR c.name = 'at' OR c.name GLOB '*until*' OR c.name = 'used_step')",
        )
        .unwrap();
    let there: BTreeSet<String> =
        columns.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(there.len() > 50, "{there:?}");
    let statements = super::statements();
    let lowered: Vec<String> = statements.iter().filter_map(|sql| lowered(sql)).collect();
    let known = lowered.iter().cloned().chain(KEPT.iter().map(|(column, _)| (*column).to_owned()));
    let known: BTreeSet<String> = known.collect();
    assert_eq!(known, there, "what has a time, and what is said of it in `times`");
    assert_eq!(known.len(), lowered.len() + KEPT.len(), "a column is lowered twice, or kept and lowered");
}
