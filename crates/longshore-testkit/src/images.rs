//! Manifests for tests.

use longshore_domain::digest::{Algorithm, Digest};

/// Makes a descriptor as JSON.
pub fn descriptor(media_type: &str, content: &[u8]) -> String {
    let digest = Digest::of(Algorithm::Sha256, content);
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#, content.len())
}

/// Makes an OCI image manifest over a config and layers.
pub fn image(config: &[u8], layers: &[&[u8]]) -> String {
    let config = descriptor("application/vnd.oci.image.config.v1+json", config);
    let layers: Vec<String> =
        layers.iter().map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar", layer)).collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{config},"layers":[{}]}}"#,
        layers.join(",")
    )
}

/// Makes an OCI image index over manifests.
pub fn index(manifests: &[&str]) -> String {
    let children: Vec<String> = manifests
        .iter()
        .map(|manifest| descriptor("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes()))
        .collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#,
        children.join(",")
    )
}

/// Makes an artifact that refers to a manifest.
pub fn artifact(subject: &str, artifact_type: &str, note: &str) -> String {
    let config = descriptor("application/vnd.oci.empty.v1+json", b"{}");
    let subject = descriptor("application/vnd.oci.image.manifest.v1+json", subject.as_bytes());
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"{artifact_type}","config":{config},"layers":[{config}],"subject":{subject},"annotations":{{"note":"{note}"}}}}"#
    )
}

/// Gives the digest of a document.
pub fn digest_of(content: impl AsRef<[u8]>) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_ref())
}
