//! PostgreSQL: pooled connections, units of work in transactions that run again after a conflict.
//!
//! Transactions are `READ COMMITTED`. A unit of work that decides from what it reads locks that first (the `FOR …`
//! clauses of the statements, which SQLite does without), so that a later statement sees what the
//! lock waited for: see `docs/decisions/0007`. What still collides (a unique value or a foreign key that another
//! transaction took away, a deadlock, a serialization failure) undoes the transaction, and the unit runs again.

use std::any::Any;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use jiff::Timestamp;
use longshore_domain::clock::{Clock, ClockDifference};
use longshore_domain::error::chain;
use longshore_domain::ports::metadata::{Metadata, Work};
use longshore_domain::{Error, Field, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::Instant;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type};
use tokio_postgres::{Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::CancellationToken;

use crate::tx::{SqlTx, Value};

/// Oldest server that is supported.
const OLDEST_SERVER: u32 = 150_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a unit of work waits for a connection.
const POOL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a transaction waits for the locks of others.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a transaction may wait for its node: a unit of work awaits nothing but its statements, so that only a node that
/// hangs, or was cut off, needs that long. What its transaction has locked is free then.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a dead connection can go unnoticed.
const DEAD_PEER: Duration = Duration::from_secs(20);
/// A unit of work is begun again until then.
const RETRY_TIME: Duration = Duration::from_secs(10);
/// The longest pause before the second attempt; twice as long before each further one, up to 256 times.
const PAUSE_MICROSECONDS: u64 = 1000;
/// Most attempts at a unit of work that collides with others.
const ATTEMPTS: u32 = 12;
/// Most attempts when a unique value or a foreign key stands in the way: that is rarely somebody else's doing.
const CONSTRAINT_ATTEMPTS: u32 = 4;
/// How often the authority epoch is read.
const EPOCH_INTERVAL: Duration = Duration::from_millis(500);
/// An epoch that was read longer ago is not relied on.
const EPOCH_STALE: Duration = Duration::from_secs(3);
/// Tells the database server's time, not that of the transaction's beginning, in microseconds.
const CLOCK: &str = "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000000) AS BIGINT)";
/// Epochs that are given out while the true one is not known. No one is given twice.
const BLIND_EPOCHS: u64 = 1 << 62;

/// Locks names in the order of their numbers, as two may have the same. The schema stands for the registry.
pub(crate) const HOLD_NAMES: &str = "SELECT CAST(pg_advisory_xact_lock(numbers.number) AS TEXT) FROM (
     SELECT DISTINCT hashtextextended(current_schema() || ' ' || CAST($1 AS BIGINT) || ' ' || value, 0) AS number
     FROM json_each($2) ORDER BY number) AS numbers";

type Answer = Result<Box<dyn Any + Send>>;

/// How the database is reached.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host/database`, with libpq's parameters.
    /// `sslmode` is `disable` or `require`; without it, `require` unless the server is on this machine.
    pub url: String,
    /// Password that stands in for the one in the URL.
    pub password: Option<String>,
    /// PEM file with the authorities that may vouch for the server; `None` for the system's.
    pub authorities: Option<PathBuf>,
    /// Most connections.
    pub connections: usize,
    /// Longest that one statement may take.
    pub statement_timeout: Duration,
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// The metadata port on PostgreSQL. Any number of processes may use a database at a time.
pub struct PostgresMetadata {
    shared: Arc<Shared>,
    stop: CancellationToken,
}

struct Shared {
    pool: Pool,
    /// One connection of its own for what is watched, so that it does not queue behind requests when these have all.
    watching: Pool,
    epoch: Epoch,
    /// Longest that a whole unit of work may take.
    unit_timeout: Duration,
    /// A newer version has migrated the database in a way that this one does not work with.
    is_outdated: AtomicBool,
}

impl PostgresMetadata {
    /// Connects, brings the database to the newest schema (one process at a time does that) and starts to
    /// watch the authority epoch.
    ///
    /// # Errors
    /// `Invalid` for options that make no sense; `Unavailable` when the server does not answer; `Conflict` when
    /// a newer version wrote the database and this one cannot work with it.
    pub async fn open(options: &PostgresOptions) -> Result<Self> {
        let pool = pool(options)?;
        {
            let mut client = connection(&pool).await?;
            check_server(&client).await?;
            crate::migrations::migrate_postgres(&mut client).await?;
        }
        Self::on(options, pool).await
    }

    /// Connects to a database that has the schema that this program needs.
    ///
    /// # Errors
    /// As [`Self::open`]; `Conflict` also when there is no registry in it or its schema is older.
    pub async fn open_existing(options: &PostgresOptions) -> Result<Self> {
        let pool = pool(options)?;
        {
            let client = connection(&pool).await?;
            check_server(&client).await?;
            crate::migrations::check_postgres(&client).await?;
        }
        Self::on(options, pool).await
    }

    /// Returns the number of the schema that a database has; `None` when there is no registry in it. Changes nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn find_schema(options: &PostgresOptions) -> Result<Option<i64>> {
        let pool = pool(options)?;
        let client = connection(&pool).await?;
        check_server(&client).await?;
        crate::migrations::schema_of_postgres(&client).await
    }

    async fn on(options: &PostgresOptions, pool: Pool) -> Result<Self> {
        let watching = self::pool(&PostgresOptions { connections: 1, ..options.clone() })?;
        let epoch = Epoch::new(read_state(&watching).await?.epoch);
        let unit_timeout = options.statement_timeout * 2;
        let is_outdated = AtomicBool::new(false);
        let shared = Arc::new(Shared { pool, watching, epoch, unit_timeout, is_outdated });
        let stop = CancellationToken::new();
        tokio::spawn(watch_epoch(Arc::clone(&shared), stop.clone()));
        Ok(Self { shared, stop })
    }
}

impl Drop for PostgresMetadata {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The authority epoch as this node knows it.
struct Epoch {
    known: AtomicU64,
    /// When the read began that `known` comes from, in milliseconds since `started`.
    read_at: AtomicU64,
    started: Instant,
    blind: AtomicU64,
}

impl Epoch {
    fn new(known: u64) -> Self {
        Self {
            known: AtomicU64::new(known),
            read_at: AtomicU64::new(0),
            started: Instant::now(),
            blind: AtomicU64::new(BLIND_EPOCHS),
        }
    }

    fn clock(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// An epoch that is too old to be relied on is replaced by one that nothing was ever kept under.
    fn current(&self) -> u64 {
        let age = self.clock().saturating_sub(self.read_at.load(Ordering::Acquire));
        if u128::from(age) > EPOCH_STALE.as_millis() {
            return self.blind.fetch_add(1, Ordering::Relaxed);
        }
        self.known.load(Ordering::Acquire)
    }

    fn advance(&self, to: u64) {
        self.known.fetch_max(to, Ordering::AcqRel);
    }
}

/// What a node watches.
struct State {
    epoch: u64,
    /// The oldest schema whose program works with the database.
    works_with: i64,
}

async fn read_state(pool: &Pool) -> Result<State> {
    let client = connection(pool).await?;
    let sql = "SELECT epoch, (SELECT coalesce(max(works_with), 0) FROM migrations) FROM authority";
    let row = client.query_one(sql, &[]).await.map_err(driver_error)?;
    let epoch: i64 = row.try_get(0).map_err(driver_error)?;
    let works_with = row.try_get(1).map_err(driver_error)?;
    Ok(State { epoch: u64::try_from(epoch).map_err(Error::internal)?, works_with })
}

async fn watch_epoch(shared: Arc<Shared>, stop: CancellationToken) {
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EPOCH_INTERVAL) => {}
        }
        let began_at = shared.epoch.clock();
        match tokio::time::timeout(EPOCH_STALE, read_state(&shared.watching)).await {
            Ok(Ok(State { epoch, works_with })) => {
                let is_outdated = works_with > crate::migrations::newest();
                if is_outdated && !shared.is_outdated.swap(true, Ordering::AcqRel) {
                    tracing::error!(
                        "a newer version has migrated the database in a way that this one does not work with; start this node with that version"
                    );
                }
                shared.epoch.advance(epoch);
                shared.epoch.read_at.store(began_at, Ordering::Release);
                failing = false;
            }
            Ok(Err(error)) if !failing => {
                failing = true;
                tracing::warn!(cause = error.cause(), "the database does not answer; nothing is remembered");
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

fn invalid(reason: String) -> Error {
    Error::Invalid { field: Field::Setting("database.url"), reason }
}

fn pool(options: &PostgresOptions) -> Result<Pool> {
    // libpq's name for what `require` means here: the server's certificate is always checked.
    let url = options.url.replace("sslmode=verify-full", "sslmode=require");
    // The driver's message may quote the URL, which has a password.
    let mut config: Config = url.parse().map_err(|_| {
        invalid("must look like postgres://user@host:5432/database, perhaps with ?sslmode=require".into())
    })?;
    if !url.contains("sslmode=") {
        let is_local = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        };
        let is_local = config.get_hosts().iter().all(is_local);
        config.ssl_mode(if is_local { SslMode::Disable } else { SslMode::Require });
    }
    if config.get_hosts().len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if let Some(password) = &options.password {
        config.password(password);
    }
    if config.get_application_name().is_none() {
        config.application_name("longshore");
    }
    config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(DEAD_PEER);
    config.keepalives_idle(DEAD_PEER / 2).keepalives_interval(Duration::from_secs(3)).keepalives_retries(3);
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match config.get_ssl_mode() {
        SslMode::Disable => Manager::from_config(config, NoTls, recycling),
        SslMode::Require => Manager::from_config(config, MakeRustlsConnect::new(tls(options)?), recycling),
        _ => {
            return Err(invalid("sslmode must be disable or require; require checks the certificate".into()));
        }
    };
    let settings = Arc::new(format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};
         SET default_transaction_isolation = 'read committed'; SET client_encoding = 'UTF8'; SET jit = off",
        options.statement_timeout.as_millis(),
        LOCK_TIMEOUT.as_millis(),
        IDLE_TIMEOUT.as_millis(),
    ));
    let configure = Hook::async_fn(move |client, _| {
        let settings = Arc::clone(&settings);
        Box::pin(async move {
            client.batch_execute(&settings).await.map_err(HookError::Backend)?;
            let row = client.query_one("SHOW synchronous_commit", &[]).await.map_err(HookError::Backend)?;
            // An acknowledged push survives power loss, whatever the server's default is.
            if row.try_get::<_, &str>(0).is_ok_and(|value| value == "off") {
                client.batch_execute("SET synchronous_commit = on").await.map_err(HookError::Backend)?;
            }
            Ok(())
        })
    });
    Pool::builder(manager)
        .max_size(options.connections.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POOL_TIMEOUT))
        .create_timeout(Some(CONNECT_TIMEOUT * 2))
        .recycle_timeout(Some(CONNECT_TIMEOUT))
        .post_create(configure)
        .build()
        .map_err(Error::internal)
}

fn tls(options: &PostgresOptions) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?;
    let Some(path) = &options.authorities else {
        return Ok(builder.with_platform_verifier().map_err(Error::internal)?.with_no_client_auth());
    };
    let unusable = |reason: String| Error::Invalid {
        field: Field::Setting("database.ca_file"),
        reason: format!("{}: {reason}", path.display()),
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("holds no certificate".into()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn connection(pool: &Pool) -> Result<Object> {
    pool.get().await.map_err(|error| {
        let cause = chain(&error);
        let cause = cause.trim_start_matches("Error occurred while creating a new object: ");
        Error::Unavailable(format!("no connection to the database: {cause}").into())
    })
}

async fn check_server(client: &Object) -> Result<()> {
    let setting = async |name: &str| -> Result<String> {
        let row = client.query_one(&format!("SHOW {name}"), &[]).await.map_err(driver_error)?;
        row.try_get(0).map_err(driver_error)
    };
    let version: u32 = setting("server_version_num").await?.parse().map_err(Error::internal)?;
    if version < OLDEST_SERVER {
        return Err(invalid(format!(
            "the server is PostgreSQL {}, longshore needs 15 or later",
            setting("server_version").await?
        )));
    }
    if setting("server_encoding").await? != "UTF8" {
        return Err(invalid("the database's encoding must be UTF8".into()));
    }
    for name in ["fsync", "full_page_writes"] {
        if setting(name).await? == "off" {
            tracing::warn!(
                "{name} is off on the database server: acknowledged pushes may be lost when it crashes"
            );
        }
    }
    Ok(())
}

/// A number that nobody can tell before: the standard library seeds its hash tables with chance. Only how long something waits
/// depends on it, so that it is not the port for chance that decides.
fn drawn() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// What a unit of work is run in.
#[derive(Clone, Copy)]
enum Mode {
    /// A transaction that may change something.
    Write,
    /// One snapshot.
    Read,
    /// Statements on their own.
    LookUp,
}

/// How an attempt at a unit of work ended.
enum Attempt {
    Ended(Answer),
    /// Nothing happened; another attempt may go better.
    Again {
        error: Error,
        attempts: u32,
    },
    /// Nothing happened; the next attempt must lock the authority before anything else.
    AuthorityFirst,
}

impl Attempt {
    fn failed(error: Error, failure: Failure) -> Self {
        match failure.attempts() {
            1 => Self::Ended(Err(error)),
            attempts => Self::Again { error, attempts },
        }
    }
}

impl Shared {
    /// Fails when this version must not work with the database any more.
    fn check_version(&self) -> Result<()> {
        match self.is_outdated.load(Ordering::Acquire) {
            true => Err(Error::Unavailable("the database belongs to a newer version of longshore".into())),
            false => Ok(()),
        }
    }

    async fn run(&self, mode: Mode, work: &Work) -> Answer {
        self.check_version()?;
        let began_at = Instant::now();
        let mut number = 1;
        let mut authority_first = false;
        loop {
            let attempt = async {
                match mode {
                    Mode::Write => self.attempt_write(work, authority_first).await,
                    Mode::Read => self.attempt_read(work).await,
                    Mode::LookUp => self.attempt_look_up(work).await,
                }
            };
            match tokio::time::timeout(self.unit_timeout, attempt).await {
                Err(_) => return Err(Error::Unavailable("the database took too long".into())),
                Ok(Attempt::Ended(answer)) => return answer,
                Ok(Attempt::AuthorityFirst) => authority_first = true,
                Ok(Attempt::Again { error, attempts }) => {
                    if number >= attempts || began_at.elapsed() > RETRY_TIME {
                        return Err(error);
                    }
                    tracing::debug!(number, cause = error.cause(), "a unit of work is tried again");
                    Self::pause(number).await;
                    number += 1;
                }
            }
        }
    }

    /// Waits longer after each failure, for a time that is drawn anew, so that those that failed together do not meet again.
    async fn pause(number: u32) {
        let longest = u64::from(1_u32 << number.min(8)) * PAUSE_MICROSECONDS;
        tokio::time::sleep(Duration::from_micros(longest / 4 + drawn() % (longest * 3 / 4))).await;
    }

    async fn begin(&self, statement: &str) -> Result<Session, Attempt> {
        let unavailable = |error| Attempt::Again { error, attempts: ATTEMPTS };
        let session = Session { client: Some(connection(&self.pool).await.map_err(unavailable)?) };
        match session.client().batch_execute(statement).await {
            Ok(()) => Ok(session),
            Err(error) => {
                let failure = Failure::of(&error);
                Err(Attempt::failed(driver_error(error), failure))
            }
        }
    }

    async fn attempt_write(&self, work: &Work, authority_first: bool) -> Attempt {
        let begin = if authority_first { "BEGIN; SELECT FROM authority FOR UPDATE" } else { "BEGIN" };
        let mut session = match self.begin(begin).await {
            Ok(session) => session,
            Err(attempt) => return attempt,
        };
        let Ran { mut answer, mut failure, authority_changed } = session.run(work).await;
        let mut epoch = None;
        if answer.is_ok() && failure.is_none() && authority_changed {
            // Not waited for: who has it may wait for what this transaction has locked.
            let advance = "UPDATE authority SET epoch = epoch + 1 WHERE ctid IN (
                               SELECT ctid FROM authority FOR UPDATE SKIP LOCKED) RETURNING epoch";
            match session.client().query_opt(advance, &[]).await {
                Ok(Some(row)) => {
                    epoch = row.try_get::<_, i64>(0).ok().and_then(|epoch| u64::try_from(epoch).ok());
                }
                Ok(None) => {
                    session.roll_back(Failure::Other).await;
                    return Attempt::AuthorityFirst;
                }
                Err(error) => {
                    failure = Some(Failure::of(&error));
                    answer = Err(driver_error(error));
                }
            }
        }
        match (answer, failure) {
            (answer, Some(failure)) => {
                session.roll_back(failure).await;
                // A unit that went on after a failed statement cannot be committed.
                let error = answer.err().unwrap_or_else(|| Error::internal("a failed statement was ignored"));
                Attempt::failed(error, failure)
            }
            (Err(error), None) => {
                session.roll_back(Failure::Other).await;
                Attempt::Ended(Err(error))
            }
            (Ok(answer), None) => match session.commit().await {
                Ok(()) => {
                    if let Some(epoch) = epoch {
                        self.epoch.advance(epoch);
                    }
                    Attempt::Ended(Ok(answer))
                }
                Err(error) => match Failure::of(&error) {
                    // Whether the commit took place is not known, so nothing is tried again here.
                    Failure::Lost => Attempt::Ended(Err(driver_error(error))),
                    failure => Attempt::failed(driver_error(error), failure),
                },
            },
        }
    }

    async fn attempt_read(&self, work: &Work) -> Attempt {
        let mut session = match self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await {
            Ok(session) => session,
            Err(attempt) => return attempt,
        };
        let Ran { answer, failure, .. } = session.run(work).await;
        session.roll_back(failure.unwrap_or(Failure::Other)).await;
        match (answer, failure) {
            (Err(error), Some(failure)) => Attempt::failed(error, failure),
            (answer, _) => Attempt::Ended(answer),
        }
    }

    async fn attempt_look_up(&self, work: &Work) -> Attempt {
        let client = match connection(&self.pool).await {
            Ok(client) => client,
            Err(error) => return Attempt::Again { error, attempts: ATTEMPTS },
        };
        let mut tx = SqlTx::on_postgres(&client);
        let answer = work(&mut tx).await;
        match (answer, tx.failure()) {
            (Err(error), Some(failure)) => Attempt::failed(error, failure),
            (answer, _) => Attempt::Ended(answer),
        }
    }
}

/// What came of running a unit of work in a transaction.
struct Ran {
    answer: Answer,
    failure: Option<Failure>,
    authority_changed: bool,
}

/// A connection with a transaction. A session that ends before its transaction (a panic, a timeout, an actor that
/// went away) closes the connection, so that nobody gets one with somebody else's transaction.
struct Session {
    client: Option<Object>,
}

impl Session {
    fn client(&self) -> &Object {
        self.client.as_ref().expect("the client is there until the session ends")
    }

    async fn run(&self, work: &Work) -> Ran {
        let mut tx = SqlTx::on_postgres(self.client());
        let mut answer = work(&mut tx).await;
        if answer.is_ok() && tx.failure().is_none() {
            answer = match tx.write_pending().await {
                Ok(()) => answer,
                Err(error) => Err(error),
            };
        }
        Ran { answer, failure: tx.failure(), authority_changed: tx.authority_changed }
    }

    async fn commit(&mut self) -> Result<(), tokio_postgres::Error> {
        self.client().batch_execute("COMMIT").await?;
        // Back to the pool.
        self.client = None;
        Ok(())
    }

    async fn roll_back(&mut self, failure: Failure) {
        if failure != Failure::Lost && self.client().batch_execute("ROLLBACK").await.is_ok() {
            self.client = None;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

#[async_trait]
impl Metadata for PostgresMetadata {
    async fn run_write(&self, work: Work) -> Answer {
        let shared = Arc::clone(&self.shared);
        // On its own, so that a client that goes away does not cut a transaction off.
        tokio::spawn(async move { shared.run(Mode::Write, &work).await }).await.map_err(panicked)?
    }

    async fn run_look_up(&self, work: Work) -> Answer {
        self.shared.run(Mode::LookUp, &work).await
    }

    async fn run_read(&self, work: Work) -> Answer {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { shared.run(Mode::Read, &work).await }).await.map_err(panicked)?
    }

    fn authority_epoch(&self) -> u64 {
        self.shared.epoch.current()
    }

    async fn check(&self) -> Result<()> {
        self.shared.check_version()?;
        let check = async {
            let client = connection(&self.shared.pool).await?;
            client.batch_execute("SELECT epoch FROM authority").await.map_err(driver_error)
        };
        let answer = tokio::time::timeout(CONNECT_TIMEOUT, check).await;
        answer.unwrap_or_else(|_| Err(Error::Unavailable("the database does not answer".into())))
    }

    async fn compare_clock(&self, clock: &dyn Clock) -> Result<Option<ClockDifference>> {
        let compare = async {
            let client = connection(&self.shared.watching).await?;
            // Prepared before, so that there and back again is one round trip.
            let statement = client.prepare_cached(CLOCK).await.map_err(driver_error)?;
            let (asked_at, began_at) = (clock.now(), Instant::now());
            let row = client.query_one(&statement, &[]).await.map_err(driver_error)?;
            let half = began_at.elapsed() / 2;
            let at = Timestamp::from_microsecond(row.try_get(0).map_err(driver_error)?);
            let halfway = asked_at.checked_add(half).map_err(Error::internal)?;
            let ahead = halfway.duration_since(at.map_err(Error::internal)?);
            Ok(Some(ClockDifference { ahead, uncertainty: half }))
        };
        let answer = tokio::time::timeout(CONNECT_TIMEOUT, compare).await;
        answer.unwrap_or_else(|_| Err(Error::Unavailable("the database does not answer".into())))
    }

    async fn check_integrity(&self) -> Result<Vec<String>> {
        let client = connection(&self.shared.pool).await?;
        let broken = "SELECT conrelid::regclass::text, conname::text FROM pg_constraint
                      WHERE NOT convalidated AND connamespace = current_schema()::regnamespace";
        let rows = client.query(broken, &[]).await.map_err(driver_error)?;
        let finding = |row: &tokio_postgres::Row| -> Result<String> {
            let table: String = row.try_get(0).map_err(driver_error)?;
            let constraint: String = row.try_get(1).map_err(driver_error)?;
            Ok(format!("the constraint {constraint} of {table} is not valid"))
        };
        rows.iter().map(finding).collect()
    }

    async fn close(&self) {
        self.stop.cancel();
        self.shared.pool.close();
        self.shared.watching.close();
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
fn panicked(error: tokio::task::JoinError) -> Error {
    Error::internal(format!("a unit of work panicked: {error}"))
}

/// What a failed statement means for its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another transaction was faster.
    Conflict,
    /// A unique value or a foreign key is in the way, perhaps only since the transaction began.
    Constraint,
    /// The connection is gone, and with it the transaction.
    Lost,
    /// Trying again would not help.
    Other,
}

impl Failure {
    pub(crate) fn of(error: &tokio_postgres::Error) -> Self {
        let Some(code) = error.code() else { return Self::Lost };
        match *code {
            SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED
            | SqlState::LOCK_NOT_AVAILABLE => Self::Conflict,
            SqlState::UNIQUE_VIOLATION | SqlState::FOREIGN_KEY_VIOLATION => Self::Constraint,
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Lost,
            _ => Self::Other,
        }
    }

    fn attempts(self) -> u32 {
        match self {
            Self::Conflict | Self::Lost => ATTEMPTS,
            Self::Constraint => CONSTRAINT_ATTEMPTS,
            Self::Other => 1,
        }
    }
}

/// Turns the driver's error into the domain's.
pub(crate) fn driver_error(error: tokio_postgres::Error) -> Error {
    let Some(code) = error.code() else { return Error::Unavailable(chain(&error).into()) };
    match code.code().get(..2) {
        // Insufficient resources.
        // Data exceptions: a zero byte in a text, which only a client's words can have.
        Some("22") => Error::Invalid {
            field: Field::Request,
            reason: "holds a character that cannot be stored, or a number that is too large".into(),
        },
        Some("53") if *code == SqlState::DISK_FULL => Error::StorageFull(chain(&error).into()),
        // Connection, resources, operator intervention, rolled back, lock timeout, read-only standby.
        Some("08" | "53" | "57" | "40" | "55" | "25") => Error::Unavailable(chain(&error).into()),
        _ => Error::internal(chain(&error)),
    }
}

/// A statement with its values.
type Bound<'s> = (&'s str, &'s [Value]);

/// Prepares statements that this connection has not had yet, so that none waits for that while those behind it are sent.
async fn prepare(client: &Object, statements: &[Bound<'_>]) -> Result<Vec<Statement>, tokio_postgres::Error> {
    let mut prepared = Vec::with_capacity(statements.len());
    for (sql, values) in statements {
        prepared.push(client.prepare_typed_cached(sql, &types(values)).await?);
    }
    Ok(prepared)
}

/// Runs statements in order, without waiting for an answer before the next is sent, and gives the rows of each.
pub(crate) async fn query_all(
    client: &Object,
    statements: &[Bound<'_>],
) -> Result<Vec<Vec<tokio_postgres::Row>>, tokio_postgres::Error> {
    let prepared = prepare(client, statements).await?;
    send_all(client, &prepared, statements).await
}

/// Like [`query_all`], but gives the number of rows that the last one changed.
pub(crate) async fn execute_after(
    client: &Object,
    first: &[Bound<'_>],
    last: Bound<'_>,
) -> Result<u64, tokio_postgres::Error> {
    let prepared = prepare(client, first).await?;
    let statement = client.prepare_typed_cached(last.0, &types(last.1)).await?;
    let values = parameters(last.1);
    let sent =
        futures::future::try_join(send_all(client, &prepared, first), client.execute(&statement, &values));
    Ok(sent.await?.1)
}

async fn send_all(
    client: &Object,
    prepared: &[Statement],
    statements: &[Bound<'_>],
) -> Result<Vec<Vec<tokio_postgres::Row>>, tokio_postgres::Error> {
    let sent = prepared
        .iter()
        .zip(statements)
        .map(|(statement, (_, values))| async move { client.query(statement, &parameters(values)).await });
    futures::future::try_join_all(sent).await
}

fn types(values: &[Value]) -> Vec<Type> {
    let type_of = |value: &Value| match value {
        // The server works it out.
        Value::Null => Type::UNKNOWN,
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
    };
    values.iter().map(type_of).collect()
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Int(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::Text(value) => out.extend_from_slice(value.as_bytes()),
            Self::Bytes(value) => out.extend_from_slice(value),
        }
        Ok(IsNull::No)
    }

    /// The statement was prepared with the types of its values.
    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A column of a row, of any of the types that the statements give.
pub(crate) fn column<T: Column>(row: &tokio_postgres::Row, number: usize) -> Result<T> {
    T::of(row, number).map_err(driver_error)
}

/// What a column can be read as.
pub(crate) trait Column: Sized {
    fn of(row: &tokio_postgres::Row, number: usize) -> Result<Self, tokio_postgres::Error>;
}

impl Column for Option<i64> {
    /// Truth values and small counts are what the server makes of `EXISTS` and `length`.
    fn of(row: &tokio_postgres::Row, number: usize) -> Result<Self, tokio_postgres::Error> {
        match *row.columns()[number].type_() {
            Type::BOOL => Ok(row.try_get::<_, Option<bool>>(number)?.map(i64::from)),
            Type::INT4 => Ok(row.try_get::<_, Option<i32>>(number)?.map(i64::from)),
            _ => row.try_get(number),
        }
    }
}

impl Column for Option<String> {
    fn of(row: &tokio_postgres::Row, number: usize) -> Result<Self, tokio_postgres::Error> {
        row.try_get(number)
    }
}

impl Column for Option<Vec<u8>> {
    fn of(row: &tokio_postgres::Row, number: usize) -> Result<Self, tokio_postgres::Error> {
        row.try_get(number)
    }
}
