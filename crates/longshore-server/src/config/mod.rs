//! Configuration: a TOML file, then environment variables, then flags; unknown keys are refused.
//!
//! Every setting is a line of [`SETTINGS`] (see `table`); its environment variable is the key in capitals with `LONGSHORE_` before it
//! and `_` for the dot. `docs/configuration.md` is generated from the table.

mod limits;
mod mail;
mod registry;
mod stores;
mod table;
mod traces;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use ipnet::IpNet;
use longshore_app::Settings;
use longshore_client::types::{SettingInfo, SettingSource};
use longshore_domain::policy::{GcPolicy, HistoryPolicy, SparseIndexes, UntaggedManifests};
use longshore_platform::rates::{Rate, Rates};
use longshore_platform::sealing::SealingKey;
use longshore_platform::settings::{PasswordHashing, SignInLimits};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub use self::mail::Mail;
pub use self::registry::RegistrySection;
pub use self::stores::{Database, Storage};
pub use self::table::{Kind, SETTINGS, Setting};
pub use self::traces::Traces;

/// The configuration, as read.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data: PathBuf,
    pub listen: String,
    pub public_url: String,
    pub trusted_proxies: Vec<String>,
    pub shutdown_grace_seconds: Grace,
    pub shutdown_seconds: u64,
    pub max_connections: u64,
    pub notice: String,
    pub database: Database,
    pub storage: Storage,
    pub admin: Admin,
    pub tls: Tls,
    pub metrics: MetricsSection,
    pub log: Log,
    pub traces: Traces,
    pub auth: Auth,
    pub mail: Mail,
    pub audit: Audit,
    pub limits: Limits,
    pub uploads: Uploads,
    pub manifests: Manifests,
    history: HistorySection,
    pub gc: Gc,
    pub registry: RegistrySection,
    pub swr: SwrSection,
    pub ui: UiSection,
    /// What set the settings that are not as they are by default.
    #[serde(skip)]
    set_by: BTreeMap<&'static str, SettingSource>,
}

/// A number of seconds, or `auto`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Grace {
    Seconds(i64),
    Text(String),
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    remote: bool,
    password: String,
    password_file: PathBuf,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin")
            .field("password_file", &self.password_file)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSection {
    pub listen: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: String,
    pub level: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    refresh_tokens_per_credential: u32,
    service: String,
    service_aliases: Vec<String>,
    token_ttl_seconds: u64,
    session_ttl_seconds: u64,
    refresh_ttl_days: u64,
    key_rotation_days: u64,
    anonymous_pull: bool,
    sealing_key_file: PathBuf,
    invites_create_users: bool,
    failures_per_account_and_address: u32,
    failures_per_address: u32,
    failures_per_account: u32,
    failure_window_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UiSection {
    pub enabled: bool,
    session_idle_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    retention_days: u64,
    sign_ins: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    manifest_bytes: u64,
    blob_bytes: u64,
    upload_memory_bytes: usize,
    manifest_cache_bytes: u64,
    body_idle_seconds: u64,
    body_seconds: u64,
    body_memory_bytes: u64,
    connections_per_address: u64,
    parallel_requests: u64,
    first_request_seconds: u64,
    connection_idle_seconds: u64,
    response_idle_seconds: u64,
    response_bytes_per_second: u64,
    response_memory_bytes: usize,
    requests_per_account: u64,
    requests_per_address: u64,
    pulls_per_account: u64,
    pulls_per_address: u64,
    pull_window_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Uploads {
    expiry_seconds: u64,
    open_per_account: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifests {
    sparse_indexes: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HistorySection {
    as_of_tags: bool,
    keep_days: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gc {
    pub interval_seconds: u64,
    lease_seconds: u64,
    grace_seconds: u64,
    undo_seconds: u64,
    untagged_manifests: bool,
    batch: u32,
    takeover_seconds: u64,
    quarantine_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SwrSection {
    region: String,
    internal_address: String,
}

impl SwrSection {
    /// The region: a word, as it stands in addresses and names of projects.
    fn region(&self) -> Result<String> {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        match (1..=64).contains(&self.region.len()) && self.region.bytes().all(is_word) {
            true => Ok(self.region.clone()),
            false => bail!("swr.region: must be 1 to 64 lower-case letters, digits, - and _, such as eu-de"),
        }
    }

    /// The address of the registry inside the operator's network, if it has one.
    pub fn internal_address(&self) -> Result<Option<String>> {
        match self.internal_address.as_str() {
            "" => Ok(None),
            address if longshore_api_common::origin::is_authority(address) => Ok(Some(address.to_owned())),
            _ => bail!("swr.internal_address: must be a host with perhaps a port, such as 10.0.0.5:5000"),
        }
    }
}

/// Where values come from, the later ones before the earlier ones.
#[derive(Debug, Default)]
pub struct Sources {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Keys and values from flags.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// Takes the process's environment.
    pub fn from_environment(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let environment = std::env::vars().filter(|(name, _)| name.starts_with("LONGSHORE_")).collect();
        Self { file, environment, flags }
    }
}

/// Returns the environment variable of a setting.
pub fn variable(key: &str) -> String {
    format!("LONGSHORE_{}", key.replace('.', "_").to_uppercase())
}

impl Config {
    /// Reads all sources and checks the values.
    pub fn load(sources: &Sources) -> Result<Self> {
        let mut table = defaults();
        let mut set_by = BTreeMap::new();
        if let Some(path) = &sources.file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
            let file: Table = text.parse().map_err(|error| not_toml(path, &text, &error))?;
            let in_file = SETTINGS.iter().filter(|setting| get(&file, setting.key).is_some());
            set_by.extend(in_file.map(|setting| (setting.key, SettingSource::File)));
            merge_file(&mut table, file, path)?;
        }
        for setting in SETTINGS {
            let name = variable(setting.key);
            if let Some((_, text)) = sources.environment.iter().find(|(variable, _)| *variable == name) {
                let value = parse_text(setting, text)
                    .with_context(|| format!("in the environment variable {name}"))?;
                put(&mut table, setting.key, value);
                set_by.insert(setting.key, SettingSource::Environment);
            }
        }
        for (key, text) in &sources.flags {
            let setting = find(key)?;
            let value = parse_text(setting, text).with_context(|| format!("in the flag for {key}"))?;
            put(&mut table, key, value);
            set_by.insert(setting.key, SettingSource::Flag);
        }
        let config = Self { set_by, ..table.try_into()? };
        config.check()?;
        Ok(config)
    }

    /// Checks everything that can be checked without opening a store.
    fn check(&self) -> Result<()> {
        self.listen_address()?;
        self.metrics_address()?;
        self.origin()?;
        self.trusted_networks()?;
        self.shutdown_grace()?;
        self.database.check()?;
        self.mail.check(!self.public_url.is_empty())?;
        self.storage.check()?;
        self.settings()?;
        self.limits.check()?;
        self.swr.internal_address()?;
        if !matches!(self.log.format.as_str(), "text" | "json") {
            bail!("log.format: must be text or json, not {:?}", self.log.format);
        }
        crate::telemetry::parse_filter(&self.log.level)?;
        self.traces.check()?;
        if self.tls.certificate.as_os_str().is_empty() != self.tls.key.as_os_str().is_empty() {
            bail!("tls: set both tls.certificate and tls.key, or neither");
        }
        if self.history.keep_days > 36_500 {
            bail!("history.keep_days: must be 0 to 36500");
        }
        if self.max_connections == 0 {
            bail!("max_connections: must be 1 or more");
        }
        Ok(())
    }

    /// The address to listen on.
    pub fn listen_address(&self) -> Result<SocketAddr> {
        self.listen
            .parse()
            .map_err(|_| anyhow!("listen: {:?} is not an address and port such as 0.0.0.0:5000", self.listen))
    }

    /// The address of the separate listener for metrics.
    pub fn metrics_address(&self) -> Result<Option<SocketAddr>> {
        if self.metrics.listen.is_empty() {
            return Ok(None);
        }
        let address = self.metrics.listen.parse();
        address.map(Some).map_err(|_| {
            anyhow!(
                "metrics.listen: {:?} is not an address and port such as 127.0.0.1:9100",
                self.metrics.listen
            )
        })
    }

    /// Whether HTTPS is on.
    pub fn has_tls(&self) -> bool {
        !self.tls.certificate.as_os_str().is_empty()
    }

    /// Checks what the configuration can be held against without a registry: the files that it names, what settings need
    /// of each other.
    pub fn check_files(&self) -> Result<()> {
        self.database.postgres()?;
        self.storage.objects(PathBuf::new())?;
        self.administrator_password()?;
        self.mail.mailer()?;
        self.settings()?;
        if self.has_tls() {
            crate::tls::Certificate::load(&self.tls)?;
        }
        Ok(())
    }

    /// Scheme, authority and path prefix of the public URL, if configured.
    pub fn origin(&self) -> Result<Option<String>> {
        let text = self.public_url.trim_end_matches('/');
        if text.is_empty() {
            return Ok(None);
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if !longshore_api_common::origin::is_authority(authority) {
            bail!(
                "public_url: {:?} must be http:// or https:// with a host, and perhaps a port and a path",
                self.public_url
            );
        }
        if !path.is_empty() && !crate::dispatch::may_be_prefix(path) {
            bail!(
                "public_url: the path {path} cannot be used; it must have parts of letters, digits, -, ., _ and ~, and not begin as a path of the registry does, such as /v2"
            );
        }
        Ok(Some(text.to_owned()))
    }

    /// How long the node goes on to listen after it was told to stop, while it says that it is not ready.
    pub fn shutdown_grace(&self) -> Result<Duration> {
        let written = match &self.shutdown_grace_seconds {
            Grace::Seconds(seconds) => seconds.to_string(),
            Grace::Text(text) => text.clone(),
        };
        let seconds = match written.as_str() {
            "auto" if self.trusted_proxies.is_empty() => 0,
            "auto" => 5,
            text => match text.parse() {
                Ok(seconds) if seconds <= 3600 => seconds,
                _ => bail!("shutdown_grace_seconds: must be auto or 0 to 3600, not {text:?}"),
            },
        };
        Ok(Duration::from_secs(seconds))
    }

    /// The networks of trusted proxies.
    pub fn trusted_networks(&self) -> Result<Vec<IpNet>> {
        networks("trusted_proxies", &self.trusted_proxies)
    }

    /// The password of the first administrator, if one is configured.
    pub fn administrator_password(&self) -> Result<Option<String>> {
        if !self.admin.password.is_empty() {
            return Ok(Some(self.admin.password.clone()));
        }
        secret_in("admin.password_file", &self.admin.password_file)
    }

    /// The settings of the operations.
    pub fn settings(&self) -> Result<Settings> {
        let Self { auth, limits, gc, .. } = self;
        let is_plain = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
        };
        if !is_plain(&auth.service) {
            bail!(
                "auth.service: must have printable ASCII characters, without blanks, quotes and backslashes"
            );
        }
        if !auth.service_aliases.iter().all(|alias| is_plain(alias)) {
            bail!(
                "auth.service_aliases: each must have printable ASCII characters, without blanks, quotes and backslashes"
            );
        }
        if !(10..=10_000).contains(&auth.refresh_tokens_per_credential) {
            bail!("auth.refresh_tokens_per_credential: must be 10 to 10000");
        }
        if !(60..=3600).contains(&auth.token_ttl_seconds) {
            bail!("auth.token_ttl_seconds: must be 60 to 3600");
        }
        if !(60..=30 * 86_400).contains(&auth.session_ttl_seconds) {
            bail!("auth.session_ttl_seconds: must be 60 to 2592000");
        }
        if !(60..=30 * 86_400).contains(&self.ui.session_idle_seconds) {
            bail!("ui.session_idle_seconds: must be 60 to 2592000");
        }
        if auth.refresh_ttl_days == 0 {
            bail!("auth.refresh_ttl_days: must be 1 or more");
        }
        if limits.manifest_bytes < 4 << 20 || limits.manifest_bytes > 64 << 20 {
            bail!("limits.manifest_bytes: must be 4 MiB (4194304) to 64 MiB (67108864)");
        }
        if !(1..=1000).contains(&gc.batch) {
            bail!("gc.batch: must be 1 to 1000");
        }
        if !(5..=3600).contains(&gc.takeover_seconds) {
            bail!("gc.takeover_seconds: must be 5 to 3600");
        }
        if self.uploads.open_per_account == 0 {
            bail!("uploads.open_per_account: must be 1 or more, or nobody could push");
        }
        if gc.quarantine_seconds < self.uploads.expiry_seconds {
            bail!("gc.quarantine_seconds: must be uploads.expiry_seconds or more");
        }
        if !(60..=30 * 86_400).contains(&limits.pull_window_seconds) {
            bail!("limits.pull_window_seconds: must be 60 to 2592000");
        }
        if limits.body_idle_seconds == 0 || self.uploads.expiry_seconds == 0 || auth.key_rotation_days == 0 {
            bail!(
                "limits.body_idle_seconds, uploads.expiry_seconds and auth.key_rotation_days: must be 1 or more"
            );
        }
        let seconds = Duration::from_secs;
        let defaults = Settings::default();
        Ok(Settings {
            service: auth.service.clone(),
            service_aliases: auth.service_aliases.clone(),
            issuer: defaults.issuer,
            bearer_ttl: seconds(auth.token_ttl_seconds),
            session_ttl: seconds(auth.session_ttl_seconds),
            session_idle: seconds(self.ui.session_idle_seconds),
            refresh_ttl: seconds(auth.refresh_ttl_days.saturating_mul(86_400)),
            audit_retention: match self.audit.retention_days {
                0 => None,
                days => Some(seconds(days.saturating_mul(86_400))),
            },
            audit_sign_ins: self.audit.sign_ins,
            refresh_tokens_limit: auth.refresh_tokens_per_credential,
            signing_key_rotation: seconds(auth.key_rotation_days.saturating_mul(86_400)),
            anonymous_pull: auth.anonymous_pull,
            remote_administration: self.admin.remote,
            mail_interval: self.mail.interval(),
            invites_create_users: auth.invites_create_users,
            password_hashing: password_hashing(defaults.password_hashing),
            parallel_password_checks: defaults.parallel_password_checks,
            rates: {
                let requests = |limit| Rate { limit, window: seconds(60) };
                let pulls = |limit| Rate { limit, window: seconds(limits.pull_window_seconds) };
                Rates {
                    requests_per_account: requests(limits.requests_per_account),
                    requests_per_address: requests(limits.requests_per_address),
                    pulls_per_account: pulls(limits.pulls_per_account),
                    pulls_per_address: pulls(limits.pulls_per_address),
                }
            },
            sign_in: SignInLimits {
                per_account_and_address: auth.failures_per_account_and_address,
                per_address: auth.failures_per_address,
                per_account: auth.failures_per_account,
                window: seconds(auth.failure_window_seconds),
            },
            manifest_limit_bytes: limits.manifest_bytes,
            blob_limit_bytes: limits.blob_bytes,
            upload_expiry: seconds(self.uploads.expiry_seconds),
            open_uploads: self.uploads.open_per_account,
            body_idle: seconds(limits.body_idle_seconds),
            upload_memory_bytes: limits.upload_memory_bytes,
            manifest_cache_bytes: limits.manifest_cache_bytes,
            sparse_indexes: if self.manifests.sparse_indexes {
                SparseIndexes::Accept
            } else {
                SparseIndexes::Refuse
            },
            history: HistoryPolicy {
                as_of_tags: self.history.as_of_tags,
                keep: seconds(u64::from(self.history.keep_days) * 86400),
            },
            gc: GcPolicy {
                lease: seconds(gc.lease_seconds),
                grace: seconds(gc.grace_seconds.min(gc.lease_seconds)),
                undo: seconds(gc.undo_seconds),
                untagged: if gc.untagged_manifests {
                    UntaggedManifests::Collect
                } else {
                    UntaggedManifests::Keep
                },
                batch: gc.batch,
                quarantine: seconds(gc.quarantine_seconds),
            },
            takeover: seconds(gc.takeover_seconds),
            // Whoever has the data folder has its lock.
            is_alone: self.database.is_embedded(),
            tiers: Arc::new(self.registry.tiers()?),
            regions: self.registry.regions()?,
            registries_make_names: self.registry.new_names,
            sealing_key: secret_in("auth.sealing_key_file", &self.auth.sealing_key_file)?
                .map(|key| SealingKey::parse(&key).context("auth.sealing_key_file"))
                .transpose()?,
            region: self.swr.region()?,
        })
    }

    /// Lists all settings with their values as they are in force, secrets masked, and where each comes from.
    ///
    /// # Errors
    /// When it cannot be written as TOML.
    pub fn shown(&self) -> Result<Vec<SettingInfo>> {
        let values: Table = self.print()?.parse()?;
        let shown = SETTINGS.iter().map(|setting| SettingInfo {
            key: setting.key.to_owned(),
            value: get(&values, setting.key).map(ToString::to_string).unwrap_or_default(),
            source: self.set_by.get(setting.key).copied().unwrap_or(SettingSource::Default),
            default: setting.default.to_owned(),
            help: setting.help.to_owned(),
        });
        Ok(shown.collect())
    }

    /// Renders the configuration as TOML with secrets masked.
    pub fn print(&self) -> Result<String> {
        let mut table = Table::try_from(self)?;
        for setting in SETTINGS.iter().filter(|setting| setting.kind == Kind::Secret) {
            let is_set =
                get(&table, setting.key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
            if is_set {
                put(&mut table, setting.key, Value::String("********".into()));
            }
        }
        Ok(toml::to_string_pretty(&table)?)
    }
}

/// Says where a file is no TOML, without the line, which may hold a secret.
fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
    anyhow!("{} is not valid TOML: line {line}: {}", path.display(), error.message())
}

/// What hashing a password costs. In a debug build, `TEST_LONGSHORE_PASSWORD_COST` may say how many passes over 64 KiB instead,
/// for tests that are not about passwords.
fn password_hashing(real: PasswordHashing) -> PasswordHashing {
    #[cfg(debug_assertions)]
    if let Some(passes) =
        std::env::var("TEST_LONGSHORE_PASSWORD_COST").ok().and_then(|text| text.parse().ok())
    {
        return PasswordHashing { memory_kib: 64, passes };
    }
    real
}

/// Reads a list of networks.
fn networks(key: &str, texts: &[String]) -> Result<Vec<IpNet>> {
    let parse = |text: &String| {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| anyhow!("{key}: {text:?} is not a network such as 10.0.0.0/8"))
    };
    texts.iter().map(parse).collect()
}

/// Reads a secret from the file that a setting names, if it names one.
fn secret_in(key: &str, path: &Path) -> Result<Option<String>> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{key}: cannot read {}", path.display()))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Renders the reference page of all settings.
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\nThis page is generated by `longshore config reference`.\n\n\
         A setting comes from a flag, else from an environment variable, else from the TOML file (`--config FILE` or `LONGSHORE_CONFIG`), else it has its default.\n\
         Any setting can be given as a flag with `--set KEY=VALUE`.\n\
         Unknown keys are refused.\n\
         `longshore config check` checks the configuration, `longshore config print` shows it with secrets masked.\n\n\
         | key | environment variable | default | what it does |\n| --- | --- | --- | --- |\n",
    );
    for setting in SETTINGS {
        page.push_str(&format!(
            "| `{}` | `{}` | `{}` | {} |\n",
            setting.key,
            variable(setting.key),
            setting.default,
            setting.help
        ));
    }
    page
}

/// Returns the reference of all settings for scripts.
pub fn reference_as_json() -> serde_json::Value {
    let settings = SETTINGS.iter().map(|setting| {
        serde_json::json!({
            "key": setting.key,
            "variable": variable(setting.key),
            "default": setting.default,
            "help": setting.help,
        })
    });
    settings.collect()
}

/// Names variables that look like settings but are none, for a warning. Kubernetes sets some for app.
pub fn unknown_variables(environment: &[(String, String)]) -> Vec<&str> {
    const OTHERS: &[&str] =
        &["LONGSHORE_CONFIG", "LONGSHORE_REGISTRY", "LONGSHORE_USERNAME", "LONGSHORE_PASSWORD"];
    let is_known =
        |name: &str| OTHERS.contains(&name) || SETTINGS.iter().any(|setting| variable(setting.key) == name);
    let is_kubernetes = |name: &str| name.contains("_SERVICE_") || name.contains("_PORT");
    environment
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !is_known(name) && !is_kubernetes(name))
        .collect()
}

fn defaults() -> Table {
    let mut table = Table::new();
    for setting in SETTINGS {
        let line: Table = format!("value = {}", setting.default)
            .parse()
            .expect("every default of SETTINGS is TOML, see the tests");
        let value = line.get("value").cloned().expect("the line has this one key");
        put(&mut table, setting.key, value);
    }
    table
}

fn find(key: &str) -> Result<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.key == key)
        .ok_or_else(|| anyhow!("there is no setting {key:?}; `longshore config reference` lists all"))
}

fn get<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((section, name)) => table.get(section)?.as_table()?.get(name),
    }
}

fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, name)) => {
            let section = table.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(name.to_owned(), value);
            }
        }
    }
}

fn merge_file(table: &mut Table, file: Table, path: &Path) -> Result<()> {
    for (name, value) in file {
        match value {
            Value::Table(section) => {
                for (inner, value) in section {
                    let key = format!("{name}.{inner}");
                    find(&key).with_context(|| format!("in {}", path.display()))?;
                    put(table, &key, value);
                }
            }
            value => {
                find(&name).with_context(|| format!("in {}", path.display()))?;
                put(table, &name, value);
            }
        }
    }
    Ok(())
}

fn parse_text(setting: &Setting, text: &str) -> Result<Value> {
    Ok(match setting.kind {
        Kind::Text | Kind::Secret => Value::String(text.to_owned()),
        Kind::Number => {
            let parsed = text.parse::<i64>().ok().filter(|number| *number >= 0);
            Value::Integer(parsed.ok_or_else(|| anyhow!("{}: {text:?} is not a whole number", setting.key))?)
        }
        Kind::Truth => match text {
            "true" | "1" | "yes" => Value::Boolean(true),
            "false" | "0" | "no" => Value::Boolean(false),
            _ => bail!("{}: {text:?} is not true or false", setting.key),
        },
        Kind::List => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("longshore.toml");
        std::fs::write(&path, file).unwrap();
        let own =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Config::load(&Sources { file: Some(path), environment: own(environment), flags: own(flags) })
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file_which_beats_the_defaults() {
        let file = "listen = \"127.0.0.1:1\"\nshutdown_seconds = 1\n[gc]\nbatch = 7";
        let environment = [
            ("LONGSHORE_LISTEN", "127.0.0.1:2"),
            ("LONGSHORE_SHUTDOWN_SECONDS", "2"),
            ("LONGSHORE_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ];
        let config = load(file, &environment, &[("listen", "127.0.0.1:3")]).unwrap();
        assert_eq!((config.listen.as_str(), config.shutdown_seconds, config.gc.batch), ("127.0.0.1:3", 2, 7));
        assert_eq!(config.trusted_networks().unwrap().len(), 2);
        assert_eq!(config.log.level, "info");
    }

    #[test]
    fn unknown_keys_and_impossible_values_are_refused_with_their_name() {
        let cases = [
            ("listne = \"x\"", "listne"),
            ("[gc]\nbach = 1", "gc.bach"),
            ("listen = \"nowhere\"", "listen"),
            ("public_url = \"registry.example.org\"", "public_url"),
            ("public_url = \"https://a/v2\"", "public_url"),
            ("shutdown_grace_seconds = \"soon\"", "shutdown_grace_seconds"),
            ("trusted_proxies = [\"proxy\"]", "trusted_proxies"),
            ("[auth]\ntoken_ttl_seconds = 5", "auth.token_ttl_seconds"),
            ("[auth]\nservice_aliases = [\"a b\"]", "auth.service_aliases"),
            ("[limits]\nmanifest_bytes = 1", "limits.manifest_bytes"),
            ("[log]\nformat = \"xml\"", "log.format"),
            ("[traces]\npercent = 0", "traces.percent"),
            ("[traces]\notlp_url = \"localhost:4318\"", "traces.otlp_url"),
            ("[traces]\notlp_url = \"http://a:b@localhost\"", "traces.otlp_url"),
            ("[tls]\nkey = \"k.pem\"", "tls"),
            ("[mail]\nsmtp_url = \"mail.example.org\"", "mail.smtp_url"),
            ("[mail]\nsmtp_url = \"smtp://localhost\"", "mail.from"),
            ("[mail]\nsmtp_url = \"smtp://localhost\"\nfrom = \"a@example.org\"", "public_url"),
            ("[database]\nurl = \"mysql://u@h/d\"", "database.url"),
            ("[database]\nurl = \"postgres://u@h/d\"\nconnections = 1", "database.connections"),
            ("[storage]\nurl = \"ftp://bucket\"", "storage.url"),
            ("[storage]\npart_bytes = 5000000", "storage.part_bytes"),
            ("[storage]\nendpoint = \"localhost:9000\"", "storage.endpoint"),
            ("[storage]\nencryption = \"rot13\"", "storage.encryption"),
            ("[storage]\naccess_key_id = \"a\"", "storage.secret_access_key"),
            ("[storage]\nredirect_except = [\"lan\"]", "storage.redirect_except"),
            ("[storage]\nredirect_seconds = 5", "storage.redirect_seconds"),
            ("[gc]\ntakeover_seconds = 1", "gc.takeover_seconds"),
            ("[gc]\nquarantine_seconds = 1", "gc.quarantine_seconds"),
            ("shutdown_seconds = \"soon\"", "shutdown_seconds"),
            ("[limits]\nconnections_per_address = 0", "limits.connections_per_address"),
            ("[limits]\nparallel_requests = 3", "limits.parallel_requests"),
            ("[limits]\nfirst_request_seconds = 0", "limits.first_request_seconds"),
            ("[limits]\nresponse_idle_seconds = 0", "limits.response_idle_seconds"),
            ("[limits]\nbody_seconds = 10", "limits.body_seconds"),
            ("[limits]\nbody_memory_bytes = 8388608", "limits.body_memory_bytes"),
            ("[limits]\nmanifest_bytes = 67108864", "limits.body_memory_bytes"),
        ];
        for (file, named) in cases {
            let message = format!("{:#}", load(file, &[], &[]).unwrap_err());
            assert!(message.contains(named), "{file}: {message}");
        }
        assert!(load("", &[("LONGSHORE_GC_BATCH", "many")], &[]).is_err());
        assert!(load("", &[], &[("no.such", "1")]).is_err());
    }

    #[test]
    fn the_grace_is_for_those_behind_a_balancer() {
        let grace = |file: &str| load(file, &[], &[]).unwrap().shutdown_grace().unwrap().as_secs();
        assert_eq!(grace(""), 0);
        assert_eq!(grace("trusted_proxies = [\"10.0.0.0/8\"]"), 5);
        assert_eq!(grace("shutdown_grace_seconds = 20"), 20);
        assert_eq!(grace("trusted_proxies = [\"10.0.0.0/8\"]\nshutdown_grace_seconds = 0"), 0);
    }

    #[test]
    fn secrets_are_masked() {
        for broken in ["[storage]\nsecret_access_key = hunter2", "[storage]\nsecret_access_key = \"hunter2"] {
            let message = format!("{:#}", load(broken, &[], &[]).unwrap_err());
            assert!(message.contains("line 2") && !message.contains("hunter2"), "{message}");
        }
        let config = load("", &[("LONGSHORE_ADMIN_PASSWORD", "hunter2hunter2")], &[]).unwrap();
        assert!(config.print().unwrap().contains("********"));
        assert!(!config.print().unwrap().contains("hunter2"));
        assert!(!format!("{config:?}").contains("hunter2"));
        let environment = [
            ("LONGSHORE_DATABASE_URL", "postgres://longshore:hunter2@db/longshore"),
            ("LONGSHORE_STORAGE_ACCESS_KEY_ID", "AKIA"),
            ("LONGSHORE_PUBLIC_URL", "https://registry.example.org"),
            ("LONGSHORE_MAIL_SMTP_URL", "smtps://user:hunter2@mail.example.org"),
            ("LONGSHORE_MAIL_FROM", "registry@example.org"),
            ("LONGSHORE_STORAGE_SECRET_ACCESS_KEY", "hunter2"),
        ];
        let stores = load("", &environment, &[]).unwrap();
        assert!(!stores.print().unwrap().contains("hunter2"));
        assert!(!format!("{stores:?}").contains("hunter2"));
        assert_eq!(config.administrator_password().unwrap().unwrap(), "hunter2hunter2");
    }

    #[test]
    fn the_table_is_the_structure() {
        let config = load("", &[], &[]).unwrap();
        let table = Table::try_from(&config).unwrap();
        let mut keys = Vec::new();
        for (name, value) in &table {
            match value {
                Value::Table(section) => keys.extend(section.keys().map(|inner| format!("{name}.{inner}"))),
                _ => keys.push(name.clone()),
            }
        }
        let mut settings: Vec<String> = SETTINGS.iter().map(|setting| setting.key.to_owned()).collect();
        keys.sort();
        settings.sort();
        assert_eq!(keys, settings);
    }

    #[test]
    fn the_reference_page_is_up_to_date() {
        let page = include_str!("../../../../docs/configuration.md");
        assert_eq!(page, reference(), "run: longshore config reference > docs/configuration.md");
    }

    #[test]
    fn variables_that_are_no_settings_are_named_but_not_those_of_kubernetes() {
        let environment =
            ["LONGSHORE_LISTNE", "LONGSHORE_SERVICE_HOST", "LONGSHORE_PORT_5000_TCP", "LONGSHORE_LISTEN"];
        let environment: Vec<_> = environment.map(|name| (name.to_owned(), String::new())).into();
        assert_eq!(unknown_variables(&environment), ["LONGSHORE_LISTNE"]);
    }
}
