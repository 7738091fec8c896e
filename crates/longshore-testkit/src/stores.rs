//! Which stores a test runs on: SQLite and a folder, or PostgreSQL and S3.
//!
//! The test command starts a PostgreSQL and an S3 server, says in `LONGSHORE_TEST_…` where they are, and runs
//! the tests twice: with `LONGSHORE_TEST_STORES` unset, and with `shared`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use longshore_content::damage::BLOB_STORE;
use longshore_store_blob::{Credentials, Encryption, ObjectOptions, Patience, SMALLEST_PART_BYTES};
use longshore_store_sql::PostgresOptions;

use crate::skip::{Need, skipped};
use crate::template::{Template, chosen_for};

/// PostgreSQL and S3 as the test command started them.
#[derive(Clone, Debug)]
pub struct SharedStores {
    /// URL of the database server.
    pub postgres: String,
    /// Certificate of the database server, for `localhost`.
    pub postgres_authority: PathBuf,
    /// URL of the S3 server.
    pub s3_endpoint: String,
    /// Its bucket.
    pub s3_bucket: String,
    /// Who may write to it.
    pub s3_access_key_id: String,
    /// The secret for that.
    pub s3_secret_access_key: String,
}

impl SharedStores {
    /// Finds the stores that the test command started; `None` when the tests were started without it.
    pub fn find() -> Option<Self> {
        let variable = |name: &str| std::env::var(format!("LONGSHORE_TEST_{name}")).ok();
        Some(Self {
            postgres: variable("POSTGRES")?,
            postgres_authority: variable("POSTGRES_CA")?.into(),
            s3_endpoint: variable("S3_ENDPOINT")?,
            s3_bucket: variable("S3_BUCKET")?,
            s3_access_key_id: variable("S3_ACCESS_KEY_ID")?,
            s3_secret_access_key: variable("S3_SECRET_ACCESS_KEY")?,
        })
    }

    /// The stores, when this test is to run on them.
    pub fn chosen() -> Option<Self> {
        match std::env::var("LONGSHORE_TEST_STORES").as_deref() {
            Ok("shared") => {
                Some(Self::find().expect("LONGSHORE_TEST_STORES=shared needs the test command's stores"))
            }
            _ => None,
        }
    }

    /// The stores that the test command started, for a test that needs them; without them, the test is skipped.
    pub fn needed() -> Option<Self> {
        let found = Self::find();
        if found.is_none() {
            skipped(Need::Stores);
        }
        found
    }

    /// The stores, for a test that only the run on them has; in the other one it is skipped.
    pub fn only() -> Option<Self> {
        let chosen = Self::chosen();
        if chosen.is_none() {
            skipped(Need::SharedRun);
        }
        chosen
    }

    /// Host and port of the database server.
    pub fn postgres_host(&self) -> String {
        self.postgres.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned()
    }

    /// Makes an empty database for a test that owns a temporary folder, and gives its URL.
    ///
    /// Who runs the tests drops it when the test has ended, by its name ([`RUN`]).
    pub fn new_database(&self, folder: &Path) -> String {
        self.psql(&self.postgres, &format!("CREATE DATABASE {}", database_of(folder)));
        self.database(folder)
    }

    /// Makes such a database in which a deadlock is no fault.
    pub fn new_database_for_deadlocks(&self, folder: &Path) -> String {
        let name = format!("{}{DEADLOCKS}", database_of(folder));
        self.psql(&self.postgres, &format!("CREATE DATABASE {name}"));
        self.url_of(&name)
    }

    /// Makes a database that is a copy of a template, for a blob store that has no id yet, and gives its URL; nothing when
    /// the template is not there.
    pub fn copy(&self, template: &Template, folder: &Path) -> Option<String> {
        let (name, from) = (database_of(folder), template.database());
        // Through its log, so that PostgreSQL makes no checkpoint.
        let copy = format!("CREATE DATABASE {name} TEMPLATE {from} STRATEGY wal_log");
        let (connect, id) = (format!("\\connect {name}"), chosen_for(folder));
        let set = format!("UPDATE settings SET value = '{id}' WHERE name = '{BLOB_STORE}'");
        match self.run(&self.postgres, &[&copy, &connect, &set]) {
            Ok(_) => Some(self.database(folder)),
            Err(text) if text.contains(&format!("\"{from}\" does not exist")) => None,
            Err(text) => panic!("{text}"),
        }
    }

    /// Returns whether a template is there.
    pub fn has(&self, template: &Template) -> bool {
        let name = template.database();
        self.ask(&self.postgres, &format!("SELECT 1 FROM pg_database WHERE datname = '{name}'")) == "1"
    }

    /// Lets the database that was made for a folder be a template. Nobody may use it any more.
    pub fn finish(&self, template: &Template, folder: &Path) {
        let (name, finished) = (database_of(folder), template.database());
        // Sessions end some time after their clients have.
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        let rename = format!("ALTER DATABASE {name} RENAME TO {finished}");
        let mut failure = String::new();
        for _ in 0..100 {
            match self.run(&self.postgres, &[&end, &rename]) {
                Ok(_) => return,
                Err(text) => failure = text,
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{failure}");
    }

    /// How many deadlocks a database has had, as far as connections that have ended know.
    pub fn deadlocks(&self, url: &str) -> u64 {
        let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        self.psql(url, sql).trim().parse().unwrap()
    }

    /// Asks a database for one value.
    pub fn ask(&self, url: &str, sql: &str) -> String {
        self.psql(url, sql).trim().to_owned()
    }

    fn psql(&self, url: &str, sql: &str) -> String {
        self.run(url, &[sql]).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs commands of psql one after the other, and gives what they say, or what the first that fails says.
    #[expect(clippy::unused_self, reason = "only who has the stores may use them")]
    fn run(&self, url: &str, commands: &[&str]) -> Result<String, String> {
        let answer = Command::new("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .args(["--dbname", url])
            .args(commands.iter().flat_map(|command| ["--command", *command]))
            .output()
            .unwrap();
        match answer.status.success() {
            true => Ok(String::from_utf8(answer.stdout).unwrap()),
            false => Err(String::from_utf8_lossy(&answer.stderr).into_owned()),
        }
    }

    /// The URL of the database that was made for a temporary folder.
    pub fn database(&self, folder: &Path) -> String {
        self.url_of(&database_of(folder))
    }

    fn url_of(&self, database: &str) -> String {
        let (server, _) = self.postgres.rsplit_once('/').unwrap();
        format!("{server}/{database}")
    }

    /// The bucket and prefix for a test that owns a temporary folder.
    pub fn storage(&self, folder: &Path) -> String {
        format!("s3://{}/{}", self.s3_bucket, name_of(folder))
    }
}

/// In the environment of a test: what the names of its databases begin with, so that they are found when it has ended.
pub const RUN: &str = "LONGSHORE_TEST_RUN";
/// What the names of databases end with in which deadlocks are no fault.
const DEADLOCKS: &str = "_deadlocks";

/// The database of a temporary folder.
fn database_of(folder: &Path) -> String {
    format!("{}{}", std::env::var(RUN).unwrap_or_default(), name_of(folder))
}

/// A name that no other test has.
fn name_of(folder: &Path) -> String {
    let random = folder.file_name().and_then(|name| name.to_str()).unwrap();
    let plain = random.chars().filter(char::is_ascii_alphanumeric).map(|c| format!("{:02x}", c as u32));
    format!("t{}", plain.collect::<String>())
}

/// How tests connect to a database.
pub fn postgres_options(url: &str) -> PostgresOptions {
    PostgresOptions {
        url: url.to_owned(),
        password: None,
        authorities: None,
        connections: 8,
        statement_timeout: Duration::from_secs(30),
    }
}

impl SharedStores {
    /// Environment variables for a `longshore` whose data is that of a temporary folder.
    pub fn environment(&self, folder: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("LONGSHORE_DATABASE_URL", self.database(folder)),
            ("LONGSHORE_DATABASE_CONNECTIONS", "8".into()),
            ("LONGSHORE_STORAGE_URL", self.storage(folder)),
            ("LONGSHORE_STORAGE_ENDPOINT", self.s3_endpoint.clone()),
            ("LONGSHORE_STORAGE_ACCESS_KEY_ID", self.s3_access_key_id.clone()),
            ("LONGSHORE_STORAGE_SECRET_ACCESS_KEY", self.s3_secret_access_key.clone()),
        ]
    }

    /// How a test that owns a temporary folder uses the S3 server, with little memory, so that disk is used as well.
    pub fn object_options(&self, folder: &Path) -> ObjectOptions {
        ObjectOptions {
            url: self.storage(folder),
            endpoint: Some(self.s3_endpoint.clone()),
            public_endpoint: None,
            region: None,
            path_style: true,
            credentials: Credentials::Keys {
                id: self.s3_access_key_id.clone(),
                secret: self.s3_secret_access_key.clone(),
            },
            encryption: Encryption::AsTheBucket,
            authorities: None,
            part_bytes: SMALLEST_PART_BYTES,
            equal_parts: false,
            checksums: true,
            bulk_delete: true,
            memory_bytes: 2 << 20,
            spool: folder.join("spool"),
            patience: Patience {
                connect: Duration::from_secs(2),
                request: Duration::from_secs(5),
                retry: Duration::from_secs(10),
                retries: 6,
            },
        }
    }
}
