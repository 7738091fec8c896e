//! Members of an older database become users of their organizations' directories, on both engines.

use rusqlite::Connection;

use super::postgres::database;

/// An organization of the operator with members, one of them switched off, and one that its owner made.
const MEMBERS: &str = "
    INSERT INTO accounts (id, uuid, kind, name, is_active, email, email_key, created_at) VALUES
        (1, '1', 'organization', 'acme', 1, NULL, NULL, 1), (2, '2', 'organization', 'shop', 1, NULL, NULL, 1),
        (3, '3', 'user', 'alice', 1, 'Alice@Example.com', 'alice@example.com', 1),
        (4, '4', 'user', 'bob', 0, NULL, NULL, 1), (5, '5', 'user', 'carol', 1, NULL, NULL, 1);
    INSERT INTO organization_members (organization_id, user_id, role, created_at) VALUES
        (1, 3, 'owner', 20), (1, 4, 'member', 10), (2, 3, 'owner', 5);
    INSERT INTO events (account_id, actor_name, action, subject, data, at) VALUES
        (1, 'operator', 'org.create', 'acme', '{}', 1), (2, 'alice', 'org.create', 'shop', '{}', 1);";

/// What the step makes of them, as one text a row.
const MADE: [(&str, &str); 4] = [
    (
        "SELECT organization_id || ' ' || user_id || ' ' || position || ' ' || user_name || ' ' || user_name_lower
            || ' ' || is_named || ' ' || is_suspended || ' ' || created_at AS made
            FROM directory_users ORDER BY organization_id, position",
        "1 4 1 bob bob 0 0 10, 1 3 2 Alice@Example.com alice@example.com 0 0 20, \
         2 3 1 Alice@Example.com alice@example.com 0 0 5",
    ),
    (
        "SELECT organization_id || ' ' || block || ' ' || users AS made FROM directory_blocks ORDER BY organization_id",
        "1 0 2, 2 0 1",
    ),
    ("SELECT name || '' AS made FROM accounts WHERE is_disabled = 1", "bob"),
    ("SELECT name || '' AS made FROM accounts WHERE may_provision = 1", "acme"),
];

fn assert_version_4(id: &[u8]) {
    assert!(id.len() == 16 && id[6] >> 4 == 4 && id[8] >> 6 == 2, "{id:02x?}");
}

/// The steps up to and without the directory's, and that one.
fn steps(engine: &str) -> (Vec<String>, String) {
    let folder = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let directory = files.iter().position(|path| path.ends_with("0018_directory.sql")).unwrap();
    let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    (files[..directory].iter().map(read).collect(), read(&files[directory]))
}

#[test]
fn members_of_an_older_sqlite_database_are_in_the_directory() {
    let (before, directory) = steps("sqlite");
    let connection = Connection::open_in_memory().unwrap();
    for step in before {
        connection.execute_batch(&step).unwrap();
    }
    let mut members = MEMBERS.to_owned();
    for digit in 1..=5 {
        members = members.replace(&format!("'{digit}'"), &format!("x'0{digit}'"));
    }
    connection.execute_batch(&members).unwrap();
    connection.execute_batch(&directory).unwrap();
    for (sql, expected) in MADE {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(rows.map(Result::unwrap).collect::<Vec<_>>().join(", "), expected, "{sql}");
    }
    let mut statement = connection.prepare("SELECT DISTINCT uuid FROM directory_users").unwrap();
    let ids: Vec<Vec<u8>> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(ids.len(), 3);
    ids.iter().for_each(|id| assert_version_4(id));
}

#[tokio::test]
async fn members_of_an_older_postgresql_database_are_in_the_directory() {
    let Some(database) = database() else { return };
    let client = database.client().await;
    let (before, directory) = steps("postgres");
    for step in before {
        client.batch_execute(&step).await.unwrap();
    }
    client.batch_execute(MEMBERS).await.unwrap();
    client.batch_execute(&directory).await.unwrap();
    for (sql, expected) in MADE {
        let rows = client.query(sql, &[]).await.unwrap();
        let rows: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(rows.join(", "), expected, "{sql}");
    }
    let ids = client.query("SELECT DISTINCT uuid FROM directory_users", &[]).await.unwrap();
    assert_eq!(ids.len(), 3);
    ids.iter().for_each(|row| assert_version_4(row.get(0)));
}
