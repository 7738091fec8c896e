//! Sections `database` and `storage`: where metadata and bytes are kept.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use ipnet::IpNet;
use longshore_store_blob::{Credentials, Encryption, ObjectBlobs, ObjectOptions, Patience};
use longshore_store_sql::PostgresOptions;
use serde::{Deserialize, Serialize};

use super::{networks, secret_in};

/// Most connections of one node.
const CONNECTIONS: std::ops::RangeInclusive<usize> = 2..=1000;
/// How long a signed URL may work.
const REDIRECT_SECONDS: std::ops::RangeInclusive<u64> = 60..=86_400;

/// Where metadata is kept.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    url: String,
    password_file: PathBuf,
    ca_file: PathBuf,
    connections: usize,
    statement_timeout_seconds: u64,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Database {
    pub(super) fn check(&self) -> Result<()> {
        if !self.url.is_empty()
            && !["postgres://", "postgresql://"].iter().any(|scheme| self.url.starts_with(scheme))
        {
            bail!("database.url: must look like postgres://user@host:5432/database, or be empty for SQLite");
        }
        if has_bare_characters(&self.url) {
            bail!(
                "database.url: user or password hold a character that means something else in a URL; write @ as %40, / as %2F, # as %23, ? as %3F and % as %25, or give the password by database.password_file"
            );
        }
        if !CONNECTIONS.contains(&self.connections) {
            bail!("database.connections: must be 2 to 1000");
        }
        if !(1..=3600).contains(&self.statement_timeout_seconds) {
            bail!("database.statement_timeout_seconds: must be 1 to 3600");
        }
        Ok(())
    }

    /// Whether metadata is kept in the data folder.
    pub fn is_embedded(&self) -> bool {
        self.url.is_empty()
    }

    /// Where metadata is kept, for people: without password and parameters.
    pub fn shown(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("postgres", &self.url));
        let rest = rest.split('?').next().unwrap_or_default();
        match rest.rsplit_once('@') {
            Some((user, place)) => {
                format!("{scheme}://{}@{place}", user.split(':').next().unwrap_or_default())
            }
            None => format!("{scheme}://{rest}"),
        }
    }

    /// How PostgreSQL is reached; `None` for the embedded database.
    pub fn postgres(&self) -> Result<Option<PostgresOptions>> {
        if self.is_embedded() {
            return Ok(None);
        }
        let authorities = Some(self.ca_file.clone()).filter(|path| !path.as_os_str().is_empty());
        Ok(Some(PostgresOptions {
            url: self.url.clone(),
            password: secret_in("database.password_file", &self.password_file)?,
            authorities,
            connections: self.connections,
            statement_timeout: Duration::from_secs(self.statement_timeout_seconds),
        }))
    }
}

/// Whether user or password have characters that end them. What the URL says then goes to another host, or nowhere.
fn has_bare_characters(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    // Parameters may hold such characters.
    let is_parameter = |text: &str| {
        text.split_once('=')
            .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    };
    let rest = match rest.split_once('?') {
        Some((before, after)) if is_parameter(after) => before,
        _ => rest,
    };
    let Some((user, _)) = rest.rsplit_once('@') else { return false };
    let is_escape = |at: usize| {
        user.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    user.contains(['@', '/', '#', '?']) || user.match_indices('%').any(|(at, _)| !is_escape(at))
}

/// Where bytes are kept.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    url: String,
    endpoint: String,
    public_endpoint: String,
    region: String,
    path_style: String,
    access_key_id: String,
    secret_access_key: String,
    secret_access_key_file: PathBuf,
    credentials_file: PathBuf,
    encryption: String,
    kms_key: String,
    ca_file: PathBuf,
    part_bytes: u64,
    equal_parts: bool,
    checksums: bool,
    bulk_delete: bool,
    memory_bytes: usize,
    redirect: bool,
    redirect_except: Vec<String>,
    redirect_seconds: u64,
    reserve_bytes: u64,
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("url", &self.url).finish_non_exhaustive()
    }
}

fn given(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

impl Storage {
    pub(super) fn check(&self) -> Result<()> {
        for (key, url) in
            [("storage.endpoint", &self.endpoint), ("storage.public_endpoint", &self.public_endpoint)]
        {
            let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let is_good = authority
                .is_some_and(|text| longshore_api_common::origin::is_authority(text.trim_end_matches('/')));
            if !url.is_empty() && !is_good {
                bail!(
                    "{key}: must be http:// or https:// with a host and perhaps a port, without user and path"
                );
            }
        }
        if !matches!(self.path_style.as_str(), "auto" | "true" | "false") {
            bail!("storage.path_style: must be auto, true or false, not {:?}", self.path_style);
        }
        if !matches!(self.encryption.as_str(), "" | "AES256" | "aws:kms") {
            bail!("storage.encryption: must be AES256, aws:kms or empty, not {:?}", self.encryption);
        }
        if self.encryption == "aws:kms" && self.kms_key.is_empty() {
            bail!("storage.kms_key: aws:kms needs the id or ARN of a key");
        }
        if self.part_bytes < longshore_store_blob::SMALLEST_PART_BYTES {
            bail!("storage.part_bytes: must be 5242880 (5 MiB) or more");
        }
        if !REDIRECT_SECONDS.contains(&self.redirect_seconds) {
            bail!("storage.redirect_seconds: must be 60 to 86400");
        }
        let has_secret =
            !self.secret_access_key.is_empty() || !self.secret_access_key_file.as_os_str().is_empty();
        if self.access_key_id.is_empty() == has_secret {
            bail!("storage.access_key_id and storage.secret_access_key: set both, or neither");
        }
        self.redirect_except()?;
        if !self.url.is_empty() {
            ObjectBlobs::check_url(&self.url)?;
        }
        Ok(())
    }

    /// Whether bytes are kept in the data folder.
    pub fn is_folder(&self) -> bool {
        self.url.is_empty()
    }

    /// Where bytes are kept, for people; `None` for a folder.
    pub fn shown(&self) -> Option<&str> {
        Some(self.url.as_str()).filter(|url| !url.is_empty())
    }

    /// How the object store is used; `None` for a folder.
    pub fn objects(&self, spool: PathBuf) -> Result<Option<ObjectOptions>> {
        if self.is_folder() {
            return Ok(None);
        }
        let file = |path: &PathBuf| Some(path.clone()).filter(|path| !path.as_os_str().is_empty());
        let credentials = match (given(&self.access_key_id), file(&self.credentials_file)) {
            (Some(id), _) => {
                let from_file = secret_in("storage.secret_access_key_file", &self.secret_access_key_file)?;
                Credentials::Keys { id, secret: from_file.unwrap_or_else(|| self.secret_access_key.clone()) }
            }
            (None, Some(path)) => Credentials::File(path),
            (None, None) => Credentials::Environment,
        };
        let encryption = match self.encryption.as_str() {
            "AES256" => Encryption::StoreKey,
            "aws:kms" => Encryption::Kms { key: self.kms_key.clone() },
            _ => Encryption::AsTheBucket,
        };
        Ok(Some(ObjectOptions {
            url: self.url.clone(),
            endpoint: self.endpoint(),
            public_endpoint: given(&self.public_endpoint),
            region: given(&self.region),
            path_style: match self.path_style.as_str() {
                "true" => true,
                "false" => false,
                _ => self.endpoint().is_some(),
            },
            credentials,
            encryption,
            authorities: file(&self.ca_file),
            part_bytes: self.part_bytes,
            equal_parts: self.equal_parts,
            checksums: self.checksums,
            bulk_delete: self.bulk_delete,
            memory_bytes: self.memory_bytes,
            spool,
            patience: Patience::default(),
        }))
    }

    /// The S3 server: as configured, else as the AWS tools would take it from the environment.
    fn endpoint(&self) -> Option<String> {
        let variable = |name| std::env::var(name).ok().filter(|url| !url.is_empty());
        given(&self.endpoint)
            .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
            .or_else(|| variable("AWS_ENDPOINT_URL"))
    }

    /// Room that is kept from pushes on the volumes of the data folder, at most.
    pub fn reserve_bytes(&self) -> u64 {
        self.reserve_bytes
    }

    /// How long a signed URL works; `None` when clients get blobs through the registry.
    pub fn redirect(&self) -> Option<Duration> {
        let has_urls = !self.is_folder() && self.redirect;
        has_urls.then(|| Duration::from_secs(self.redirect_seconds))
    }

    /// Networks whose clients get blobs through the registry.
    pub fn redirect_except(&self) -> Result<Vec<IpNet>> {
        networks("storage.redirect_except", &self.redirect_except)
    }
}

#[cfg(test)]
mod tests {
    use super::has_bare_characters;

    #[test]
    fn characters_of_passwords_that_end_them_are_noticed() {
        for bad in ["u:p@w@h/d", "u:p/w@h/d", "u:p#w@h/d", "u:p?w@h/d", "u:100%@h/d"] {
            assert!(has_bare_characters(&format!("postgres://{bad}")), "{bad}");
        }
        for good in [
            "h/d",
            "u@h/d",
            "u:p%40%2F%23@h:5432/d",
            "u:p@h/d?sslmode=require",
            "u:p@h/d?options=a@b/c",
            "/d?host=/run/postgresql&user=a@b",
        ] {
            assert!(!has_bare_characters(&format!("postgres://{good}")), "{good}");
        }
    }
}
