//! Credentials from a file in the form of the AWS tools, read again when it is changed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::time::Instant;

/// How long what was read is used.
const KEPT: Duration = Duration::from_secs(60);

/// Returns the credentials in the section `[default]` of a file, or of the section that `AWS_PROFILE` names.
#[derive(Debug)]
pub(super) struct CredentialFile {
    path: PathBuf,
    profile: String,
    known: Mutex<Option<(Instant, Arc<AwsCredential>)>>,
}

impl CredentialFile {
    pub(super) fn new(path: PathBuf) -> Self {
        let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into());
        Self { path, profile, known: Mutex::default() }
    }

    fn read(&self) -> Result<AwsCredential, String> {
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| format!("{} cannot be read: {error}", self.path.display()))?;
        parse(&text, &self.profile)
            .ok_or_else(|| format!("{} has no credentials in [{}]", self.path.display(), self.profile))
    }
}

fn parse(text: &str, profile: &str) -> Option<AwsCredential> {
    let mut section = "";
    let mut values = std::collections::BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.trim();
        } else if section == profile
            && let Some((name, value)) = line.split_once('=')
        {
            values.insert(name.trim(), value.trim().to_owned());
        }
    }
    Some(AwsCredential {
        key_id: values.remove("aws_access_key_id")?,
        secret_key: values.remove("aws_secret_access_key")?,
        token: values.remove("aws_session_token"),
    })
}

#[async_trait]
impl CredentialProvider for CredentialFile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read_at, credential)) = &*known
            && read_at.elapsed() < KEPT
        {
            return Ok(Arc::clone(credential));
        }
        match (self.read(), &*known) {
            (Ok(credential), _) => {
                let credential = Arc::new(credential);
                *known = Some((Instant::now(), Arc::clone(&credential)));
                Ok(credential)
            }
            // Perhaps it is being written just now.
            (Err(_), Some((_, credential))) => Ok(Arc::clone(credential)),
            (Err(problem), None) => Err(object_store::Error::Generic { store: "S3", source: problem.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_the_profile_counts() {
        let text = "# mine\n[other]\naws_access_key_id = A\naws_secret_access_key = B\n\n[default]\n aws_access_key_id=C\naws_secret_access_key= D=d\naws_session_token =E\n";
        let credential = parse(text, "default").unwrap();
        assert_eq!((credential.key_id.as_str(), credential.secret_key.as_str()), ("C", "D=d"));
        assert_eq!(credential.token.as_deref(), Some("E"));
        assert!(parse(text, "other").unwrap().token.is_none());
        assert!(parse(text, "third").is_none());
        assert!(parse("[default]\naws_access_key_id = A", "default").is_none());
    }
}
