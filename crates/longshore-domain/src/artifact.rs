//! What artifacts are, in words: signatures, lists of what an image is made of, where it came from, and what else belongs to it.
//!
//! Nothing is verified here: a signature is something that says that it is one.
//! Sources: OCI image specification 1.1 ("Guidelines for Artifact Usage"), in-toto attestation framework ("Predicates"), BuildKit
//! ("Image attestation storage"), cosign ("Signature specification", "Bundle format"), Notary Project ("Signature specification").

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::digest::Digest;
use crate::name::Tag;

/// Longest content of a manifest that is looked into, in bytes.
pub const DESCRIBED_LIMIT_BYTES: u64 = 64 << 10;
/// Most things that are named of one artifact.
const PURPOSES_LIMIT: usize = 10;

/// What an artifact, or a part of it, is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtifactKind {
    /// Says who vouches for an image.
    Signature,
    /// Lists what an image is made of.
    Sbom,
    /// Tells how and from what an image was built.
    Provenance,
    /// Lists known weaknesses of what an image is made of.
    Vulnerabilities,
    /// Says which known weaknesses matter.
    Vex,
    /// Says something else about an image, signed or not.
    Attestation,
    /// A package for Kubernetes.
    Chart,
    /// Helps to start an image before all of it is there.
    LazyIndex,
    /// A program for WebAssembly.
    Wasm,
    /// Something else.
    Other,
}

/// What an artifact, or a part of it, is for, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactPurpose {
    /// What for.
    pub kind: ArtifactKind,
    /// The form, as its makers call it, such as `SPDX`; its type where that is not known.
    pub format: String,
}

/// Media types and artifact types whose meaning is known, by what they begin with, and what they are.
const TYPES: &[(&str, ArtifactKind, &str)] = &[
    ("application/vnd.dev.cosign.simplesigning.v1+json", ArtifactKind::Signature, "cosign"),
    ("application/vnd.dev.cosign.artifact.sig.v1+json", ArtifactKind::Signature, "cosign"),
    ("application/vnd.dev.cosign.artifact.sbom.v1+json", ArtifactKind::Sbom, "cosign"),
    ("application/vnd.dsse.envelope.v1+json", ArtifactKind::Attestation, "DSSE"),
    ("application/vnd.dev.sigstore.bundle", ArtifactKind::Signature, "Sigstore bundle"),
    ("application/vnd.cncf.notary.signature", ArtifactKind::Signature, "Notary Project"),
    ("application/spdx+json", ArtifactKind::Sbom, "SPDX"),
    ("text/spdx", ArtifactKind::Sbom, "SPDX"),
    ("application/vnd.cyclonedx", ArtifactKind::Sbom, "CycloneDX"),
    ("application/vnd.syft+json", ArtifactKind::Sbom, "Syft"),
    ("application/sarif+json", ArtifactKind::Vulnerabilities, "SARIF"),
    ("application/vnd.security.vulnerability.report", ArtifactKind::Vulnerabilities, "report"),
    ("application/vnd.openvex", ArtifactKind::Vex, "OpenVEX"),
    ("application/vex+json", ArtifactKind::Vex, "OpenVEX"),
    ("application/vnd.in-toto", ArtifactKind::Attestation, "in-toto"),
    ("application/vnd.cncf.helm.", ArtifactKind::Chart, "Helm"),
    ("application/vnd.amazon.soci.index", ArtifactKind::LazyIndex, "SOCI"),
    ("application/vnd.wasm.", ArtifactKind::Wasm, "WebAssembly"),
    ("application/vnd.module.wasm.", ArtifactKind::Wasm, "WebAssembly"),
];

/// Types of in-toto's predicates, by what they begin with.
const PREDICATES: &[(&str, ArtifactKind, &str)] = &[
    ("https://spdx.dev/Document", ArtifactKind::Sbom, "SPDX"),
    ("https://cyclonedx.org/", ArtifactKind::Sbom, "CycloneDX"),
    ("https://syft.dev/", ArtifactKind::Sbom, "Syft"),
    ("https://slsa.dev/provenance/v1", ArtifactKind::Provenance, "SLSA v1"),
    ("https://slsa.dev/provenance/v0.2", ArtifactKind::Provenance, "SLSA v0.2"),
    ("https://slsa.dev/provenance/", ArtifactKind::Provenance, "SLSA"),
    ("https://slsa.dev/verification_summary/", ArtifactKind::Attestation, "SLSA verification summary"),
    ("https://in-toto.io/attestation/vulns", ArtifactKind::Vulnerabilities, "in-toto"),
    ("https://cosign.sigstore.dev/attestation/vuln/", ArtifactKind::Vulnerabilities, "cosign"),
    ("https://openvex.dev/ns", ArtifactKind::Vex, "OpenVEX"),
];

/// Annotations that name the type of a predicate: of a layer of BuildKit's, of a layer of cosign's, of a Sigstore bundle.
const PREDICATE_ANNOTATIONS: &[&str] =
    &["in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType"];

fn look_up(known: &[(&str, ArtifactKind, &str)], text: &str) -> Option<ArtifactPurpose> {
    let text_of = text.split(';').next().unwrap_or_default().trim();
    known
        .iter()
        .find(|(beginning, ..)| text_of.starts_with(beginning))
        .map(|(_, kind, format)| ArtifactPurpose { kind: *kind, format: (*format).to_owned() })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    artifact_type: Option<String>,
    config: Option<Part>,
    layers: Option<Vec<Part>>,
    blobs: Option<Vec<Part>>,
    manifests: Option<Vec<Part>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Part {
    media_type: Option<String>,
    digest: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

fn predicate(annotations: Option<&BTreeMap<String, String>>) -> Option<ArtifactPurpose> {
    let annotations = annotations?;
    let named = PREDICATE_ANNOTATIONS.iter().find_map(|name| annotations.get(*name))?;
    Some(
        look_up(PREDICATES, named)
            .unwrap_or_else(|| ArtifactPurpose { kind: ArtifactKind::Attestation, format: named.clone() }),
    )
}

/// Returns what a manifest is for, each purpose once, at most ten; none for what runs, for indexes, and for what cannot be read.
///
/// What a part says about itself counts before its type, and parts count before the whole.
pub fn purposes_of(content: &[u8]) -> Vec<ArtifactPurpose> {
    let Ok(document) = serde_json::from_slice::<Document>(content) else { return Vec::new() };
    let of_type = |text: &Option<String>| text.as_deref().and_then(|text| look_up(TYPES, text));
    let stated = predicate(document.annotations.as_ref());
    let whole = stated.clone().or_else(|| of_type(&document.artifact_type));
    let parts = document.layers.iter().chain(&document.blobs).flatten();
    let of_parts = parts.filter_map(|part| {
        // What holds something else is what it holds, which the whole says.
        let of_type = of_type(&part.media_type).filter(|_| stated.is_none());
        predicate(part.annotations.as_ref()).or(of_type)
    });
    let mut found: Vec<ArtifactPurpose> = Vec::new();
    for purpose in of_parts {
        if !found.contains(&purpose) && found.len() < PURPOSES_LIMIT {
            found.push(purpose);
        }
    }
    if !found.is_empty() {
        return found;
    }
    let of_config = document.config.as_ref().and_then(|config| of_type(&config.media_type));
    let unknown = document
        .artifact_type
        .filter(|text| !text.is_empty())
        .map(|format| ArtifactPurpose { kind: ArtifactKind::Other, format });
    whole.or(of_config).or(unknown).into_iter().collect()
}

/// Returns the attestations that BuildKit put into an index: the digest of each by that of the image that it is about.
pub fn attestations_of(index: &[u8]) -> Vec<(Digest, Digest)> {
    let Ok(document) = serde_json::from_slice::<Document>(index) else { return Vec::new() };
    let of_part = |part: &Part| {
        let annotations = part.annotations.as_ref()?;
        let kind = annotations.get("vnd.docker.reference.type")?;
        let about = annotations.get("vnd.docker.reference.digest").filter(|_| kind == "attestation-manifest");
        Some((about?.parse().ok()?, part.digest.as_ref()?.parse().ok()?))
    };
    document.manifests.iter().flatten().filter_map(of_part).collect()
}

/// Returns the tags under which cosign keeps what belongs to an image: signatures, attestations, a list of what it is made of.
pub fn companion_tags(digest: &Digest) -> Vec<Tag> {
    let name = digest.to_string().replace(':', "-");
    ["sig", "att", "sbom"].iter().filter_map(|end| format!("{name}.{end}").parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(content: &str) -> Vec<(ArtifactKind, String)> {
        purposes_of(content.as_bytes()).into_iter().map(|purpose| (purpose.kind, purpose.format)).collect()
    }

    fn one(kind: ArtifactKind, format: &str) -> Vec<(ArtifactKind, String)> {
        vec![(kind, format.to_owned())]
    }

    #[test]
    fn artifacts_are_named_by_their_types() {
        let of = |artifact_type: &str| told(&format!(r#"{{"artifactType":"{artifact_type}"}}"#));
        assert_eq!(of("application/spdx+json"), one(ArtifactKind::Sbom, "SPDX"));
        assert_eq!(of("application/vnd.cyclonedx+json; version=1.6"), one(ArtifactKind::Sbom, "CycloneDX"));
        assert_eq!(
            of("application/vnd.cncf.notary.signature"),
            one(ArtifactKind::Signature, "Notary Project")
        );
        assert_eq!(of("application/vnd.in-toto+json"), one(ArtifactKind::Attestation, "in-toto"));
        assert_eq!(of("application/vnd.example"), one(ArtifactKind::Other, "application/vnd.example"));
        let chart = r#"{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"},"layers":[
            {"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip"}]}"#;
        assert_eq!(told(chart), one(ArtifactKind::Chart, "Helm"));
        let cosign = r#"{"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[
            {"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","annotations":{"dev.cosignproject.cosign/signature":"x"}}]}"#;
        assert_eq!(told(cosign), one(ArtifactKind::Signature, "cosign"));
    }

    #[test]
    fn attestations_are_named_by_what_they_state() {
        let buildkit = r#"{"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[
            {"mediaType":"application/vnd.in-toto+json","annotations":{"in-toto.io/predicate-type":"https://spdx.dev/Document"}},
            {"mediaType":"application/vnd.in-toto+json","annotations":{"in-toto.io/predicate-type":"https://slsa.dev/provenance/v0.2"}},
            {"mediaType":"application/vnd.in-toto+json","annotations":{"in-toto.io/predicate-type":"https://example.org/x"}}]}"#;
        assert_eq!(
            told(buildkit),
            [
                (ArtifactKind::Sbom, "SPDX".to_owned()),
                (ArtifactKind::Provenance, "SLSA v0.2".to_owned()),
                (ArtifactKind::Attestation, "https://example.org/x".to_owned())
            ]
        );
        let cosign = r#"{"layers":[{"mediaType":"application/vnd.dsse.envelope.v1+json",
            "annotations":{"predicateType":"https://slsa.dev/provenance/v1"}}]}"#;
        assert_eq!(told(cosign), one(ArtifactKind::Provenance, "SLSA v1"));
        let bundle = r#"{"artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json","layers":[
            {"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}],
            "annotations":{"dev.sigstore.bundle.content":"dsse-envelope","dev.sigstore.bundle.predicateType":"https://cyclonedx.org/bom"}}"#;
        assert_eq!(told(bundle), one(ArtifactKind::Sbom, "CycloneDX"));
        let signature = r#"{"artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json","layers":[
            {"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}]}"#;
        assert_eq!(told(signature), one(ArtifactKind::Signature, "Sigstore bundle"));
    }

    #[test]
    fn what_runs_and_what_cannot_be_read_has_no_purpose() {
        for content in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"layers":null}"#,
            r#"{"artifactType":7}"#,
            r#"{"manifests":[{}]}"#,
            r#"{"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar"}]}"#,
        ] {
            assert_eq!(told(content), [], "{content}");
        }
    }

    #[test]
    fn an_index_tells_which_image_an_attestation_is_about() {
        let (image, attestation) = ("a".repeat(64), "b".repeat(64));
        let index = format!(
            r#"{{"manifests":[{{"digest":"sha256:{image}"}},{{"digest":"sha256:{attestation}","annotations":{{
                "vnd.docker.reference.digest":"sha256:{image}","vnd.docker.reference.type":"attestation-manifest"}}}},
                {{"digest":"nonsense","annotations":{{"vnd.docker.reference.digest":"x","vnd.docker.reference.type":"attestation-manifest"}}}}]}}"#
        );
        let parsed = |hex: &str| format!("sha256:{hex}").parse::<Digest>().unwrap();
        assert_eq!(attestations_of(index.as_bytes()), [(parsed(&image), parsed(&attestation))]);
        let names: Vec<String> = companion_tags(&parsed(&image)).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["sig", "att", "sbom"].map(|end| format!("sha256-{image}.{end}")));
    }
}
