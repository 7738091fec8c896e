//! Manifests for tests.

use longshore_domain::clock::Entropy;
use longshore_domain::digest::{Algorithm, Digest};

use crate::entropy::SeededEntropy;

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

/// Mebibytes of bytes that do not compress, each different from the others and from those of other seeds. Only the first is
/// drawn, as drawing takes longer than everything else that is done with them.
pub fn mebibytes(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut drawn = vec![0; 1 << 20];
    SeededEntropy::new(seed).fill(&mut drawn);
    (0_u64..).map(move |number| {
        let mut block = drawn.clone();
        for page in block.chunks_mut(4096) {
            page[..8].copy_from_slice(&number.to_le_bytes());
        }
        block
    })
}

/// Returns the digest of a document.
pub fn digest_of(content: impl AsRef<[u8]>) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_ref())
}
