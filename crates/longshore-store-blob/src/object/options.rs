//! How an object store is used.

use std::path::PathBuf;
use std::time::Duration;

use longshore_domain::{Error, Field, Result};
use object_store::{BackoffConfig, RetryConfig};

/// Smallest part of a multipart upload. S3 API, "Multipart upload limits".
pub const SMALLEST_PART_BYTES: u64 = 5 << 20;

/// Who this registry is for the store.
#[derive(Clone, Default)]
pub enum Credentials {
    /// From the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`), or the role of the machine, container or pod.
    #[default]
    Environment,
    /// A file in the form of the AWS tools; what changes there is picked up within a minute.
    File(PathBuf),
    /// Given outright.
    Keys {
        /// Access key id.
        id: String,
        /// Secret access key.
        secret: String,
    },
}

/// Who encrypts objects at rest.
#[derive(Clone, Debug, Default)]
pub enum Encryption {
    /// As the bucket is configured.
    #[default]
    AsTheBucket,
    /// The store, with its own key (SSE-S3).
    StoreKey,
    /// The store, with a key of its key service (SSE-KMS).
    Kms {
        /// Id or ARN of the key.
        key: String,
    },
}

/// How long to wait, and how often to try.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the answer to a small request, and between pieces of a body.
    pub request: Duration,
    /// A request that fails for a passing reason is sent again until then.
    pub retry: Duration,
    /// Most times that it is sent again.
    pub retries: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(20),
            retry: Duration::from_secs(30),
            retries: 6,
        }
    }
}

impl Patience {
    /// How long to wait before the next attempt, if there is to be one. Longer each time.
    pub(super) fn pause(&self, attempt: usize, elapsed: Duration) -> Option<Duration> {
        let pause = Duration::from_millis(100 << attempt.min(5));
        (attempt < self.retries && elapsed + pause < self.retry).then_some(pause)
    }

    pub(super) fn retry_config(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(3),
                base: 2.0,
            },
            max_retries: self.retries,
            retry_timeout: self.retry,
        }
    }
}

/// How an object store is used.
#[derive(Clone)]
pub struct ObjectOptions {
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; the prefix may be left out.
    pub url: String,
    /// URL of an S3 server other than Amazon's.
    pub endpoint: Option<String>,
    /// URL under which clients reach that server, when it is another.
    pub public_endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Whether the bucket stands in the path of URLs (`endpoint/bucket/…`) or in the host name.
    pub path_style: bool,
    /// Who this registry is for the store.
    pub credentials: Credentials,
    /// Who encrypts objects.
    pub encryption: Encryption,
    /// PEM file with the authorities that may vouch for the server, beside the system's.
    pub authorities: Option<PathBuf>,
    /// Size of a part; it doubles after every thousand parts of an object.
    pub part_bytes: u64,
    /// Whether all parts have that size, for stores that want it so. Limits objects to 10,000 parts of it.
    pub equal_parts: bool,
    /// Whether the store is told each body's digest, to refuse it when something was changed on the way.
    pub checksums: bool,
    /// Whether the store deletes many objects in one request.
    pub bulk_delete: bool,
    /// Memory for parts on their way, over all uploads; what does not fit lies in `spool`.
    pub memory_bytes: usize,
    /// Folder for parts on their way.
    pub spool: PathBuf,
    /// How long to wait.
    pub patience: Patience,
}

impl std::fmt::Debug for ObjectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectOptions").field("url", &self.url).finish_non_exhaustive()
    }
}

pub(super) fn invalid(setting: &'static str, reason: &str) -> Error {
    Error::Invalid { field: Field::Setting(setting), reason: reason.to_owned() }
}

/// Splits a URL into scheme, bucket and prefix.
pub(super) fn parse_url(url: &str) -> Result<(&str, &str, String)> {
    let wanted = || {
        invalid(
            "storage.url",
            "must look like s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, with letters, digits and . _ - in its parts",
        )
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(wanted)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_plain = |part: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        !part.is_empty() && part.bytes().all(allowed) && part.bytes().any(|b| b != b'.')
    };
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let is_good = matches!(scheme, "s3" | "gs" | "az")
        && is_plain(bucket)
        && (prefix.is_empty() || prefix.split('/').all(is_plain));
    if !is_good {
        return Err(wanted());
    }
    Ok((scheme, bucket, prefix.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_and_odd_ones_refused() {
        assert_eq!(parse_url("s3://b").unwrap(), ("s3", "b", String::new()));
        assert_eq!(parse_url("gs://b/p/q/").unwrap(), ("gs", "b", "p/q".to_owned()));
        for odd in ["b", "s3://", "http://b", "s3://b/../c", "s3://b/ü", "s3://b//c", "s3://b/a?b", "s3:///p"]
        {
            assert!(matches!(parse_url(odd), Err(Error::Invalid { .. })), "{odd}");
        }
    }
}
