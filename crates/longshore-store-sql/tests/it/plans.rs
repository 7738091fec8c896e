//! Query plans: whatever a request or a job asks, it costs the same in a registry of a thousand tags and of a million.
//!
//! Every statement is planned on tables that are large enough for the planners to care. A statement that reads a whole
//! table that grows, or sorts what it reads, fails unless it is excepted here with its reason.

use longshore_domain::ports::metadata::Metadata;
use longshore_testkit::stores::SharedStores;
use rusqlite::Connection;

/// Beginnings of statements that may read a whole table.
const MAY_SCAN: &[(&str, &str)] = &[
    ("SELECT count(*) FROM accounts", "asked when an administrator is disabled or deleted, by hand"),
    ("SELECT (SELECT count(*) FROM reviews", "asked by `longshore gc status`, by hand"),
    ("SELECT count(*), CAST(coalesce(sum(size_bytes)", "asked by `longshore verify --store`, by hand"),
    ("INSERT INTO store_days", "once an hour: a few rows of each namespace"),
    ("WITH RECURSIVE kinds", "goes from one kind of work to the next by index; there are some twenty"),
    ("WITH RECURSIVE names", "goes from one name to the next by index, until the page is full"),
    ("WITH RECURSIVE lanes", "goes from one lane to the next by index, until it has found enough"),
    ("SELECT (SELECT count(*) FROM (SELECT 1 FROM work", "counts 10,000 of each kind at most, by index"),
];

/// Beginnings of statements that may sort, or collect before they answer; marks in them stand for all that they stand for in
/// statements.
const MAY_SORT: &[(&str, &str)] = &[
    (
        "SELECT id FROM work WHERE holder IS NOT NULL",
        "what nodes hold of one kind: as much as they do at once",
    ),
    ("SELECT kind FROM work WHERE holder IS NOT NULL", "what nodes hold: as much as they do at once"),
    ("SELECT a.name, m.role", "the members of one organization, by name"),
    (
        "SELECT a.id, a.uuid",
        "the members of one organization or team, or the organizations of one user, by name",
    ),
    (
        "SELECT t.id, t.uuid, t.name, t.description, (SELECT count(*) FROM team_members m WHERE m.team_id = t.id)\n                     FROM team_members o",
        "the teams of one user",
    ),
    ("SELECT t.name FROM team_members", "the teams of one user"),
    ("SELECT name, updated_at, manifest_id FROM tags", "as many tags as were named"),
    (
        "SELECT m.id FROM manifests m WHERE m.id IN (",
        "as many images as one deletion took, when it is undone",
    ),
    (
        "SELECT m.id FROM json_each($1) AS each\n             JOIN manifests m ON m.repository_id = $2 AND m.subject_digest = each.value",
        "the digests that are given, a thousand at most",
    ),
    ("SELECT DISTINCT p.permission", "what the teams of one user may do in one repository"),
    ("SELECT t.name, p.permission", "the teams of one user that may do something in one repository"),
    (
        "SELECT {columns} FROM repositories r LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by WHERE r.deleted_at IS NULL AND r.name > $1 AND r.id IN",
        "the repositories of one user's teams",
    ),
    (
        "SELECT {columns} FROM repositories r LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by WHERE r.deleted_at IS NULL AND r.name > $1 AND r.namespace_id IN",
        "the namespaces of one user are few",
    ),
    ("SELECT a.name FROM organization_members", "the organizations of one user"),
    ("SELECT r.namespace_id, a.name, r.owner_id", "the registries of one user and their organizations"),
    ("SELECT kind, CAST(sum(amount)", "the usage of one namespace, folded every minute"),
    (
        "SELECT s.repository_id, r.name, a.name",
        "the shares of one repository, of which there are 500 at most",
    ),
    (
        "SELECT {columns} FROM repositories r JOIN accounts a ON a.id = r.namespace_id",
        "the repositories of one user, in an order that somebody wants",
    ),
    (
        "SELECT {columns}, shared.is_valid FROM (SELECT h.repository_id",
        "the repositories that are shared with one account, in an order that somebody wants",
    ),
    (
        "SELECT count(*) FROM repositories r JOIN accounts a ON a.id = r.namespace_id\n             WHERE r.deleted_at IS NULL AND r.id IN",
        "the repositories of one user, counted for a list of them",
    ),
    ("SELECT count(*) FROM (SELECT h.repository_id", "the repositories that are shared with one account"),
    ("SELECT kid, private_key", "a handful of keys"),
    (
        "DELETE FROM refresh_tokens WHERE secret_hash IN ( SELECT secret_hash FROM refresh_tokens WHERE account_id = $1 LIMIT",
        "one step of the deletion of an account",
    ),
    (
        "DELETE FROM access_tokens WHERE id IN ( SELECT id FROM access_tokens WHERE account_id = $1",
        "one step of the deletion of an account",
    ),
    (
        "DELETE FROM refresh_tokens WHERE secret_hash IN ( SELECT r.secret_hash FROM access_tokens t",
        "one step of the deletion of a registry",
    ),
    (
        "DELETE FROM access_tokens WHERE id IN (SELECT id FROM access_tokens WHERE registry_id = $1 LIMIT",
        "one step of the deletion of a registry",
    ),
    ("SELECT found.digest, found.name, CASE", "the first tags of as many images as a page has"),
    ("SELECT m.id, m.digest, m.media_type", "the children of one index, which fit into a manifest"),
];

fn is_excepted(sql: &str, exceptions: &[(&str, &str)]) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_it = |beginning: &String| plain(sql).starts_with(&plain(beginning));
    exceptions.iter().any(|(beginning, _)| longshore_store_sql::statements_of(beginning).iter().any(is_it))
}

/// Returns whether a statement may read a whole table.
fn may_scan(sql: &str) -> bool {
    is_excepted(sql, MAY_SCAN) || super::times::lowered(sql).is_some()
}

/// Fills every table that grows. Both engines take the same text; `numbers` holds 1 to 30000.
const FILL: &str = "
INSERT INTO accounts (id, uuid, kind, name, created_at, email, email_key)
    SELECT n, CAST('account-' || n AS BYTES), CASE WHEN n % 2 = 0 THEN 'user' ELSE 'organization' END, 'account' || n, 1, 'a' || n, 'a' || n
    FROM numbers WHERE n <= 10000;
INSERT INTO organization_members (organization_id, user_id, role, created_at)
    SELECT (n * 2 - 1) % 10000 + (n / 5000) * 2 % 2, n * 2 % 10000 + 2, 'member', 1 FROM numbers WHERE n < 4999;
INSERT INTO organization_settings (organization_id, restricts_images, allows_official_images, allows_verified_publishers)
    SELECT n, n % 2, 0, 0 FROM numbers WHERE n <= 10000;
INSERT INTO access_tokens (id, uuid, account_id, label, scope, secret_hash, created_at)
    SELECT n, CAST('token-' || n AS BYTES), n % 10000 + 1, 'l', 'repo:read', CAST('secret-' || n AS BYTES), 1
    FROM numbers WHERE n <= 20000;
UPDATE access_tokens SET access_key = 'LS' || id, sealed_secret = secret_hash, is_login = id % 2, login_namespace_id = account_id,
    expires_at = id WHERE id % 4 < 2;
INSERT INTO used_signatures (signature, taken_at, expires_at) SELECT CAST('signature-' || n AS BYTES), n, n FROM numbers;
INSERT INTO revoked_sessions (id, expires_at) SELECT CAST('session-' || n AS BYTES), n FROM numbers;
INSERT INTO refresh_tokens (secret_hash, account_id, access_token_id, credential_epoch, service, created_at)
    SELECT CAST('refresh-' || n AS BYTES), n % 10000 + 1, n, 0, 's', 1 FROM numbers WHERE n <= 20000;
INSERT INTO second_factors (user_id, secret, used_step, created_at)
    SELECT n, CAST('f' AS BYTES), 0, 1 FROM numbers WHERE n <= 10000;
INSERT INTO recovery_codes (user_id, code_hash) SELECT n % 10000 + 1, CAST('c' || n AS BYTES) FROM numbers;
INSERT INTO sign_in_challenges (secret_hash, user_id, credential_epoch, failures, expires_at)
    SELECT CAST('s' || n AS BYTES), n % 10000 + 1, 0, 0, n FROM numbers;
INSERT INTO repositories (id, namespace_id, name, visibility, created_at)
    SELECT n, n % 10000 + 1, 'account' || (n % 10000 + 1) || '/r' || n, CASE WHEN n % 3 = 0 THEN 'public' ELSE 'private' END, 1
    FROM numbers WHERE n <= 20000;
INSERT INTO repository_words (word, repository_id) SELECT 'account' || n, n FROM numbers WHERE n <= 20000;
INSERT INTO teams (id, uuid, organization_id, name, description, created_at)
    SELECT n, CAST('team-' || n AS BYTES), n % 5000 * 2 + 1, 'team' || n, '', 1 FROM numbers WHERE n <= 20000;
INSERT INTO invites (uuid, organization_id, inviter_name, invitee, invitee_key, user_id, role, secret_hash, is_mailed, created_at, expires_at)
    SELECT CAST('invite-' || n AS BYTES), n % 5000 * 2 + 1, 'a', 'i' || n, 'i' || n, CASE WHEN n % 2 = 0 THEN n % 5000 * 2 ELSE NULL END,
        'member', CAST('is-' || n AS BYTES), 0, 1, n FROM numbers WHERE n <= 20000;
INSERT INTO team_members (team_id, user_id, created_at) SELECT n, n % 5000 * 2, 1 FROM numbers WHERE n <= 20000;
UPDATE teams SET display_name = name, display_name_lower = name, external_id = 'x' || id WHERE id % 2 = 0;
UPDATE accounts SET managed_by = 1 WHERE id % 50 = 0;
UPDATE accounts SET is_active = 0 WHERE id % 50 = 1;
INSERT INTO directory_users (organization_id, user_id, uuid, position, user_name, user_name_lower, external_id, created_at, updated_at)
    SELECT n % 10 * 2 + 1, n % 5000 * 2 + 2, CAST('user-' || n AS BYTES), n, 'u' || n, 'u' || n, 'x' || n, 1, 1 FROM numbers WHERE n <= 5000;
INSERT INTO directory_users (organization_id, user_id, uuid, position, user_name, user_name_lower, created_at, updated_at)
    SELECT n % 5000 * 2 + 1, n % 4999 * 2 + 2, CAST('user-' || n AS BYTES), n, 'u' || n, 'u' || n, 1, 1 FROM numbers WHERE n > 5010 AND n <= 10000;
INSERT INTO directory_emails (organization_id, user_id, number, address, address_lower, is_primary)
    SELECT organization_id, user_id, 0, user_name, user_name, 1 FROM directory_users;
INSERT INTO directory_blocks (organization_id, block, users) SELECT n % 5000 * 2 + 1, n, 1 FROM numbers;
INSERT INTO suspended_members (organization_id, user_id, role, created_at)
    SELECT n % 5000 * 2 + 1, n * 2 % 10000 + 2, 'member', 1 FROM numbers WHERE n < 4999;
INSERT INTO suspended_team_members (team_id, user_id, created_at) SELECT n, n % 5000 * 2, 1 FROM numbers WHERE n <= 20000;
INSERT INTO suspended_namespace_users (namespace_id, user_id, permission, created_at)
    SELECT n % 5000 * 2 + 1, n * 2 % 10000 + 2, 'read', 1 FROM numbers WHERE n < 4999;
INSERT INTO suspended_repository_users (repository_id, user_id, permission, created_at)
    SELECT n, n % 5000 * 2 + 2, 'read', 1 FROM numbers WHERE n <= 20000;
INSERT INTO scim_tokens (id, uuid, organization_id, label, secret_hash, created_by, created_at)
    SELECT n, CAST('scim-' || n AS BYTES), n % 5000 * 2 + 1, 'l', CAST('ss-' || n AS BYTES), 'a', 1 FROM numbers WHERE n <= 20000;
INSERT INTO email_changes (account_id, email, created_at, expires_at) SELECT n, 'e', n, n FROM numbers WHERE n <= 10000;
INSERT INTO provisioning_refusals (organization_id, at, status, reason) SELECT n * 2 - 1, n, 409, 'r' FROM numbers WHERE n <= 5000;
INSERT INTO team_permissions (team_id, repository_id, permission) SELECT n % 20000 + 1, n % 20000 + 1, 'read' FROM numbers WHERE n <= 20000;
INSERT INTO namespace_users (namespace_id, user_id, permission, created_at) SELECT n % 5000 * 2 + 1, n * 2 % 10000 + 2, 'read', 1 FROM numbers WHERE n < 4999;
INSERT INTO repository_users (repository_id, user_id, permission, created_at) SELECT n, n % 5000 * 2 + 2, 'read', 1 FROM numbers WHERE n <= 20000;
INSERT INTO repository_shares (repository_id, account_id, expires_at, description, created_by, created_at, updated_at)
    SELECT n, n % 10000 + 1, n, '', n % 10000 + 1, 1, 1 FROM numbers WHERE n <= 20000;
INSERT INTO retention_policies (repository_id, rules, created_at, updated_at, due_at) SELECT n, '[]', 1, 1, n FROM numbers WHERE n <= 20000;
INSERT INTO retention_log (repository_id, policy_id, tag, digest, rule, at) SELECT n % 1000 + 1, n, 't', 'd', '', n FROM numbers;
INSERT INTO usage_days (namespace_id, day_at, stored_bytes, sent_bytes) SELECT n % 10000 + 1, n, 1, 1 FROM numbers;
INSERT INTO blobs (id, digest, size_bytes, store, storage_key, created_at)
    SELECT n, 'sha256:' || n, 1, 's3', CAST('key-' || n AS BYTES), 1 FROM numbers;
INSERT INTO blob_links (repository_id, blob_id, lease_until, namespace_id)
    SELECT n % 2000 + 1, n, 1, n % 2000 + 2 FROM numbers;
INSERT INTO namespace_blobs (namespace_id, blob_id) SELECT n % 2000 + 2, n FROM numbers;
INSERT INTO registries (namespace_id, owner_id, region, created_at, write_tokens_until)
    SELECT n, n % 5000 + 1, 'r', n, n FROM numbers WHERE n <= 10000;
INSERT INTO subscriptions (owner_id, tier, created_at, updated_at) SELECT n, 't', n, n FROM numbers WHERE n <= 10000;
UPDATE access_tokens SET registry_id = id % 10000 + 1, expires_at = id WHERE id % 2 = 0;
UPDATE access_tokens SET made_with = id + 1 WHERE id % 4 = 0 AND id < 19999;
INSERT INTO traffic (namespace_id, month_at, bytes) SELECT n % 10000 + 1, n, 1 FROM numbers;
INSERT INTO collection_runs (uuid, namespace_id, kind, status, created_at, updated_at, waits_until, read_only_until, failures,
        blobs_deleted, freed_bytes, is_over)
    SELECT CAST('run-' || n AS BYTES), n % 10000 + 1, 'k', 's', n, n, n, n, 0, 0, 0, CASE WHEN n > 29900 THEN 0 ELSE 1 END
    FROM numbers;
INSERT INTO manifests (id, repository_id, digest, media_type, kind, artifact_type, subject_digest, size_bytes,
        total_size_bytes, pushed_at, lease_until, annotations, content)
    SELECT n, n % 20 + 1, 'sha256:m' || n, 't', 'image', 'a', 'sha256:m' || (n % 100), 1, 1, 1, 1, '{}', CAST('c' AS BYTES)
    FROM numbers;
INSERT INTO images (manifest_id, repository_id, digest, tags, pushed_at, active_at)
    SELECT n, n % 20 + 1, 'sha256:m' || n, n % 2, n, n FROM numbers;
INSERT INTO repository_totals (repository_id, namespace_id, tags, images, pulls, updated_at)
    SELECT n, n % 10000 + 1, 1, 1, n, n FROM numbers WHERE n <= 20000;
INSERT INTO repository_changes (repository_id, tags, images, pulls) SELECT n % 20000 + 1, 1, 1, 1 FROM numbers;
INSERT INTO manifest_blobs (manifest_id, repository_id, blob_id) SELECT n, n % 2000 + 1, n FROM numbers;
INSERT INTO manifest_children (parent_id, child_digest, position, child_id)
    SELECT n, 'sha256:m' || (n + 1), 0, CASE WHEN n % 3 = 0 THEN NULL ELSE n + 1 END FROM numbers WHERE n < 30000;
INSERT INTO tags (repository_id, name, manifest_id, created_at, updated_at)
    SELECT n % 20 + 1, 'tag' || n, n, 1, 1 FROM numbers;
INSERT INTO tag_history (id, repository_id, name, digest, from_at, until_at)
    SELECT n, n % 2000 + 1, 'tag' || (n % 100), 'sha256:m' || n, n, CASE WHEN n > 29900 THEN NULL ELSE n + 1 END FROM numbers;
INSERT INTO deletions (id, namespace_id, repository_id, repository_name, is_whole, cause, actor_name, at, tags, images, blobs)
    SELECT CAST('deletion' || n AS BYTES), n % 20 + 1, n % 2000 + 1, 'a/b', 0, 'request', 'a', n, 1, 1, 0 FROM numbers WHERE n <= 10000;
INSERT INTO deletion_items (id, deletion_id, kind, name, digest, subject_id)
    SELECT n, CAST('deletion' || (n % 10000 + 1) AS BYTES), CASE n % 2 WHEN 0 THEN 'tag' ELSE 'image' END, CASE n % 2 WHEN 0 THEN 'tag' || n ELSE '' END, 'sha256:m' || n, n FROM numbers;
INSERT INTO idempotency_keys (key, request, holder, seen_at) SELECT 'sha256:k' || n, 'sha256:r', CAST('x' AS BYTES), n FROM numbers;
INSERT INTO store_days (day_at, stored_bytes) SELECT n, n FROM numbers WHERE n <= 1000;
INSERT INTO web_sessions (id, secret_hash, account_id, credential_epoch, proof, address, program, created_at, seen_at, expires_at)
    SELECT CAST('web' || n AS BYTES), CAST('hash' || n AS BYTES), n % 10000 + 1, 0, 'password', '', '', n, n, n FROM numbers;
INSERT INTO presences (session, proven_at) SELECT CAST('session-' || n AS BYTES), n FROM numbers;
INSERT INTO jobs (uuid, kind, state, wanted_by, done, unit, text, is_cancelled, created_at, finished_at)
    SELECT CAST('job' || n AS BYTES), 'verify', 'done', 'operator', 0, 'u', '', 0, n, n FROM numbers;
INSERT INTO manifest_pulls (manifest_id, pulls, last_pulled_at) SELECT n, 1, 1 FROM numbers;
INSERT INTO tag_pulls (repository_id, name, pulls, last_pulled_at) SELECT n % 20 + 1, 'tag' || n, 1, 1 FROM numbers;
INSERT INTO uploads (id, repository, namespace_id, offset_bytes, algorithm, hash_state, storage_key, store_state, revision,
        created_at, expires_at)
    SELECT CAST('upload-' || n AS BYTES), 'r', n % 10000 + 1, 0, 'sha256', CAST('' AS BYTES), CAST('u' || n AS BYTES), CAST('' AS BYTES), 0, n, n
    FROM numbers WHERE n <= 20000;
UPDATE uploads SET started_by = namespace_id;
INSERT INTO finished_uploads (id, repository, started_by, digest, finished_at)
    SELECT CAST('finished-' || n AS BYTES), 'r', 1, 'sha256:' || n, n FROM numbers;
INSERT INTO tombstones (storage_key, store_state, size_bytes, due_at, run_uuid)
    SELECT CAST('t' || n AS BYTES), CAST('' AS BYTES), 1, n, CASE WHEN n % 3 = 0 THEN CAST('run-' || (n % 300) AS BYTES) ELSE NULL END
    FROM numbers;
INSERT INTO reviews (kind, scope_id, subject_id, due_at) SELECT 'link', n % 2000 + 1, n, n FROM numbers;
INSERT INTO events (id, account_id, actor_name, action, subject, data, at)
    SELECT n, n % 100 + 1, 'a', 'x', 's', '{}', 1 FROM numbers;
INSERT INTO events_unnumbered (event_id) SELECT n FROM numbers WHERE n <= 20000;
INSERT INTO event_numbers (account_id, number, event_id) SELECT n % 100 + 1, n, n FROM numbers WHERE n > 20000;
INSERT INTO usage_changes (id, namespace_id, kind, amount, at) SELECT n, n % 1000 + 1, 'k', 1, 1 FROM numbers;
INSERT INTO usage_totals (namespace_id, kind, amount) SELECT n, 'k', 1 FROM numbers WHERE n <= 10000;
INSERT INTO sign_in_failures (subject, failures, began_at) SELECT 'account a' || n, 1, n FROM numbers;
INSERT INTO rate_counts (subject, began_at, ends_at, count) SELECT 's' || n, n, n, 1 FROM numbers;
INSERT INTO work (id, kind, key, lane, payload, due_at, attempts, holder, held_until, created_at)
    SELECT n, 'k' || (n % 5), 'key' || n, 'lane' || (n % 100), '{}', n, 0, CASE WHEN n > 29900 THEN CAST('node' AS BYTES) ELSE NULL END,
        CASE WHEN n > 29900 THEN n ELSE NULL END, 1 FROM numbers;
INSERT INTO dead_work (id, kind, key, lane, payload, due_at, attempts, created_at, died_at)
    SELECT n, 'k' || (n % 5), 'key' || n, 'lane' || (n % 100), '{}', n, 0, 1, n FROM numbers;
INSERT INTO stray_objects (storage_key, size_bytes, found_at) SELECT CAST('stray' || n AS BYTES), 1, n FROM numbers;
";

#[tokio::test]
async fn sqlite_reads_no_table_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    super::open(&folder).unwrap().close().await;
    let connection = Connection::open(folder.path().join("longshore.db")).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF").unwrap();
    let numbers = "CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY);
        WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 30000)
        INSERT INTO numbers SELECT n FROM counted;";
    connection.execute_batch(numbers).unwrap();
    connection.execute_batch(&FILL.replace("AS BYTES", "AS BLOB")).unwrap();
    connection.execute_batch("DROP TABLE numbers").unwrap();
    // As it is planned: by the indexes, and what is always expected in them (`docs/decisions/0034`).
    let findings = lite_findings(&connection);
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
}

fn lite_findings(connection: &Connection) -> Vec<String> {
    let mut findings = Vec::new();
    for sql in super::statements().into_iter().filter(|sql| !reads_nothing(sql)) {
        let mut plan =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {}", super::without_locks(&sql))).unwrap();
        let parameters = vec![rusqlite::types::Null; plan.parameter_count()];
        let steps = plan
            .query_map(rusqlite::params_from_iter(parameters), |row| {
                Ok((row.get::<_, i64>(1)?, row.get::<_, String>(3)?))
            })
            .unwrap();
        let (parents, steps): (Vec<i64>, Vec<String>) = steps.map(Result::unwrap).unzip();
        // What is given is looked up in the table, and not the table in what is given.
        let is_turned_round = steps.iter().enumerate().any(|(number, step)| {
            let is_before = |at: usize| parents[at] == parents[number] && steps[at].starts_with("SEARCH ");
            step.starts_with("SCAN each ") && (0..number).any(is_before)
        });
        let scans = steps.iter().any(|step| {
            // An index in the order that is wanted, until the limit, is no scan.
            let of_rows = [
                "CONSTANT ROW",
                "SUBQUERY",
                "SCAN amounts",
                "SCAN shared",
                "SCAN above",
                "SCAN near",
                "SCAN found",
                "SCAN open",
                "VIRTUAL TABLE",
            ];
            let is_scan = step.starts_with("SCAN ") && !of_rows.iter().any(|rows| step.contains(rows));
            let is_in_order = sql.contains("ORDER BY")
                && sql.contains("LIMIT")
                && !steps.iter().any(|step| step.contains("TEMP B-TREE"));
            is_scan && !is_in_order
        });
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY"));
        let is_slow =
            (scans && !is_small(&sql) && !may_scan(&sql)) || (sorts && !is_excepted(&sql, MAY_SORT));
        if is_slow || is_turned_round || misses_index(&sql, &steps) {
            findings.push(format!("{sql}\n    {}", steps.join("\n    ")));
        }
    }
    findings
}

/// Conditions that an index has, on tables where many rows that it leaves out stand beside each that it has: whatever else would do,
/// that index is used.
const INDEXED: &[(&str, &str, &str)] = &[
    ("tag_history", "until_at IS NULL AND", "tag_history_current"),
    ("directory_users", "d.external_id = $", "directory_users_external"),
];

/// Returns whether a statement reads what an index leaves out, though it wants none of that.
fn misses_index(sql: &str, steps: &[String]) -> bool {
    INDEXED.iter().any(|(table, condition, index)| {
        let wants = sql.contains(&format!(" {table} ")) && sql.contains(condition);
        wants && !steps.iter().any(|step| step.contains(index))
    })
}

/// Returns whether a statement is for those who see nothing, and ends before it reads anything, whatever its plan.
fn reads_nothing(sql: &str) -> bool {
    sql.contains("AND 1 = 0")
}

/// Tables that do not grow with use.
fn is_small(sql: &str) -> bool {
    ["authority", "signing_keys", "leases", "nodes", "settings", "collection_log"]
        .iter()
        .any(|table| ["FROM ", "UPDATE "].iter().any(|verb| sql.contains(&format!("{verb}{table}"))))
}

#[tokio::test]
async fn postgres_reads_no_table_as_a_whole() {
    let Some(stores) = SharedStores::needed() else { return };
    let database = super::postgres::Database::new(stores);
    database.open().await.unwrap().close().await;
    let client = database.client().await;
    // Foreign keys are not the matter here.
    client.batch_execute("SET session_replication_role = replica").await.unwrap();
    // The server may hold the databases of many other tests.
    let own = "SELECT tablename::TEXT FROM pg_tables WHERE schemaname = current_schema()";
    let tables: Vec<String> = client.query(own, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    for table in &tables {
        // Whether it has run already, which depends on how busy the machine is, decides between plans.
        client.batch_execute(&format!("ALTER TABLE {table} SET (autovacuum_enabled = false)")).await.unwrap();
    }
    client
        .batch_execute("CREATE TEMP TABLE numbers AS SELECT generate_series(1, 30000)::BIGINT AS n")
        .await
        .unwrap();
    client.batch_execute(&FILL.replace("AS BYTES", "AS BYTEA")).await.unwrap();
    client
        .batch_execute(
            "DROP TABLE numbers; SET random_page_cost = 1.1; SET plan_cache_mode = force_custom_plan",
        )
        .await
        .unwrap();
    for table in &tables {
        client.batch_execute(&format!("ANALYZE {table}")).await.unwrap();
    }
    let mut findings = Vec::new();
    for (number, sql) in super::statements().iter().enumerate() {
        client.batch_execute(&format!("PREPARE s{number} AS {sql}")).await.unwrap();
        let statement = client.prepare(sql).await.unwrap();
        let values = statement.params().iter().enumerate().map(|(at, kind)| {
            let limit = format!("LIMIT ${}", at + 1);
            let is_limit = sql.match_indices(&limit).any(|(begins_at, _)| {
                !sql[begins_at + limit.len()..].starts_with(|next: char| next.is_ascii_digit())
            });
            match kind.name() {
                "int8" if is_limit => "100".to_owned(),
                // A time in the midst of all times, or a number that is there.
                "int8" if sql.contains("_at <") => "15000".to_owned(),
                "int8" => "15".to_owned(),
                "text" if sql.contains(&format!("json_each(${})", at + 1)) => "'[\"15000\"]'".to_owned(),
                "text" => "'account15000'".to_owned(),
                _ => "'key-15000'".to_owned(),
            }
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let arguments = if values.is_empty() { values } else { format!("({values})") };
        let rows = client.query(&format!("EXPLAIN EXECUTE s{number}{arguments}"), &[]).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let scans = steps.iter().any(|step| step.contains("Seq Scan"));
        let sorts = steps
            .iter()
            .any(|step| step.trim_start().trim_start_matches("->").trim_start().starts_with("Sort "));
        if reads_nothing(sql) {
            continue;
        }
        if (scans && !is_small(sql) && !may_scan(sql)) || (sorts && !is_excepted(sql, MAY_SORT)) {
            findings.push(format!("{sql}\n    {}", steps.join("\n    ")));
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
}
