//! TLS: certificate and key from PEM files, reloaded when they change.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::Tls;

/// The certificate in use.
#[derive(Debug)]
pub struct Certificate {
    files: Tls,
    current: RwLock<(Arc<CertifiedKey>, Option<SystemTime>)>,
}

impl Certificate {
    /// Loads certificate and key.
    pub fn load(files: &Tls) -> Result<Arc<Self>> {
        let current = (load(files)?, changed_at(files));
        Ok(Arc::new(Self { files: files.clone(), current: RwLock::new(current) }))
    }

    /// Loads the files again if they changed; on failure the old certificate stays in use.
    pub fn reload(&self) {
        let changed_at = changed_at(&self.files);
        if self.current.read().unwrap_or_else(PoisonError::into_inner).1 == changed_at {
            return;
        }
        match load(&self.files) {
            Ok(key) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = (key, changed_at);
                tracing::info!(certificate = %self.files.certificate.display(), "the certificate was reloaded");
            }
            Err(error) => {
                tracing::error!("the certificate cannot be reloaded, the old one stays in use: {error:#}")
            }
        }
    }

    /// Makes the configuration of the listener.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>> {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(self) as _;
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).0))
    }
}

fn changed_at(files: &Tls) -> Option<SystemTime> {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    modified(&files.certificate).max(modified(&files.key))
}

fn load(files: &Tls) -> Result<Arc<CertifiedKey>> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| anyhow!("tls.certificate: cannot read {}: {error}", files.certificate.display()))?;
    if chain.is_empty() {
        return Err(anyhow!("tls.certificate: {} holds no certificate", files.certificate.display()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| anyhow!("tls.key: cannot read {}: {error}", files.key.display()))?;
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .context("tls: the certificate and the key do not fit each other")?;
    Ok(Arc::new(key))
}
