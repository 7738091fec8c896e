//! The library's clients of the stores, made from the options.

use std::sync::Arc;

use longshore_domain::{Error, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::signer::Signer;
use object_store::{Certificate, ClientOptions, ObjectStore, StaticCredentialProvider};

use super::credentials::CredentialFile;
use super::options::{Credentials, Encryption, ObjectOptions, invalid};
use super::s3::{self, Direct};

/// One store, as the library's traits.
pub(super) struct Stores {
    pub(super) name: &'static str,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) lists: Arc<dyn PaginatedListStore>,
    pub(super) multipart: Arc<dyn MultipartStore>,
    pub(super) signer: Arc<dyn Signer>,
    pub(super) direct: Option<Direct>,
}

impl Stores {
    /// Makes the clients of a store.
    ///
    /// # Errors
    /// `Invalid` for options that make no sense.
    pub(super) fn open(options: &ObjectOptions, scheme: &str, bucket: &str) -> Result<Self> {
        Ok(match scheme {
            "s3" => Self::s3(options, bucket)?,
            "gs" => Self::of(
                "gcs",
                GoogleCloudStorageBuilder::from_env()
                    .with_bucket_name(bucket)
                    .with_client_options(client_options(options)?)
                    .with_retry(options.patience.retry_config())
                    .build()
                    .map_err(unusable)?,
            ),
            _ => Self::of(
                "azure",
                MicrosoftAzureBuilder::from_env()
                    .with_container_name(bucket)
                    .with_client_options(client_options(options)?)
                    .with_retry(options.patience.retry_config())
                    .build()
                    .map_err(unusable)?,
            ),
        })
    }

    fn of<S: ObjectStore + PaginatedListStore + MultipartStore + Signer>(
        name: &'static str,
        store: S,
    ) -> Self {
        let store = Arc::new(store);
        Self {
            name,
            objects: Arc::clone(&store) as _,
            lists: Arc::clone(&store) as _,
            multipart: Arc::clone(&store) as _,
            signer: store,
            direct: None,
        }
    }

    fn s3(options: &ObjectOptions, bucket: &str) -> Result<Self> {
        let store = Arc::new(s3_client(options, bucket, options.endpoint.as_deref())?);
        let signer = match &options.public_endpoint {
            None => Arc::clone(&store),
            Some(endpoint) => Arc::new(s3_client(options, bucket, Some(endpoint))?),
        };
        let region = options.region.clone().or_else(|| std::env::var("AWS_REGION").ok());
        let region = region.or_else(|| std::env::var("AWS_DEFAULT_REGION").ok());
        let region = region.unwrap_or_else(|| DEFAULT_REGION.into());
        let mut http = reqwest::Client::builder()
            .connect_timeout(options.patience.connect)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &options.authorities {
            for certificate in reqwest::Certificate::from_pem_bundle(&read_authorities(path)?)
                .map_err(|_| unusable_authorities(path))?
            {
                http = http.add_root_certificate(certificate);
            }
        }
        let direct = Direct {
            http: http.build().map_err(Error::internal)?,
            bucket: bucket_url(options, bucket, &region),
            region,
            credentials: Arc::clone(store.credentials()),
            encryption: s3::encryption_headers(&options.encryption)?,
            checksums: options.checksums,
            patience: options.patience,
        };
        Ok(Self {
            name: "s3",
            objects: Arc::clone(&store) as _,
            lists: Arc::clone(&store) as _,
            multipart: store,
            signer,
            direct: Some(direct),
        })
    }
}

/// The region of S3 servers that have none.
const DEFAULT_REGION: &str = "us-east-1";

fn s3_client(options: &ObjectOptions, bucket: &str, endpoint: Option<&str>) -> Result<AmazonS3> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(!options.path_style)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_disable_bulk_delete(!options.bulk_delete)
        .with_unsigned_payload(!options.checksums)
        .with_client_options(client_options(options)?)
        .with_retry(options.patience.retry_config());
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = endpoint {
        // By both names, as the second one could come from the environment and beats the first.
        let endpoint = virtual_endpoint(endpoint, bucket, options.path_style);
        builder =
            builder.with_endpoint(endpoint.clone()).with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    builder = match &options.credentials {
        Credentials::Environment => builder,
        Credentials::File(path) => builder.with_credentials(Arc::new(CredentialFile::new(path.clone()))),
        Credentials::Keys { id, secret } => {
            // Without the session token that the environment may have for other keys.
            let credential = AwsCredential { key_id: id.clone(), secret_key: secret.clone(), token: None };
            builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential)))
        }
    };
    builder = match &options.encryption {
        Encryption::AsTheBucket => builder,
        Encryption::StoreKey => builder.with_config(encryption_key("aws_server_side_encryption")?, "AES256"),
        Encryption::Kms { key } => builder.with_sse_kms_encryption(key),
    };
    builder.build().map_err(unusable)
}

fn encryption_key(name: &str) -> Result<AmazonS3ConfigKey> {
    name.parse().map_err(|error: object_store::Error| Error::internal(error))
}

/// The library takes an endpoint as it is; for buckets in host names that must name the bucket.
fn virtual_endpoint(endpoint: &str, bucket: &str, path_style: bool) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    match endpoint.split_once("://") {
        Some((scheme, host)) if !path_style => format!("{scheme}://{bucket}.{host}"),
        _ => endpoint.to_owned(),
    }
}

fn bucket_url(options: &ObjectOptions, bucket: &str, region: &str) -> String {
    match (&options.endpoint, options.path_style) {
        (Some(endpoint), true) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        (Some(endpoint), false) => virtual_endpoint(endpoint, bucket, false),
        (None, true) => format!("https://s3.{region}.amazonaws.com/{bucket}"),
        (None, false) => format!("https://{bucket}.s3.{region}.amazonaws.com"),
    }
}

fn client_options(options: &ObjectOptions) -> Result<ClientOptions> {
    let mut client = ClientOptions::new()
        .with_connect_timeout(options.patience.connect)
        .with_read_timeout(options.patience.request)
        // A whole blob may take longer than any limit; pieces of it may not.
        .with_timeout_disabled()
        .with_allow_http(options.endpoint.as_deref().is_some_and(|url| url.starts_with("http://")));
    if let Some(path) = &options.authorities {
        let certificates = Certificate::from_pem_bundle(&read_authorities(path)?);
        for certificate in certificates.map_err(|_| unusable_authorities(path))? {
            client = client.with_root_certificate(certificate);
        }
    }
    Ok(client)
}

fn read_authorities(path: &std::path::Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| invalid("storage.ca_file", &format!("{} cannot be read: {error}", path.display())))
}

fn unusable_authorities(path: &std::path::Path) -> Error {
    invalid("storage.ca_file", &format!("{} holds no certificates in PEM form", path.display()))
}

fn unusable(error: object_store::Error) -> Error {
    invalid("storage.url", &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_stand_in_the_path_or_in_the_host() {
        let endpoint = "http://localhost:9000/";
        assert_eq!(virtual_endpoint(endpoint, "b", true), "http://localhost:9000");
        assert_eq!(virtual_endpoint(endpoint, "b", false), "http://b.localhost:9000");
    }
}
