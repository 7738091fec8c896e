//! What belongs to an image, as a tree.

use longshore_content::referrer_tree::{Belonging, ReferrerTree};
use longshore_domain::Error;
use longshore_domain::access::actor::Actor;
use longshore_domain::artifact::ArtifactKind;
use longshore_domain::digest::Digest;
use longshore_testkit::images::{artifact, digest_of, image, index};
use longshore_testkit::registry::{TestRegistry, name};

const APP: &str = "alice/app";

async fn push(registry: &TestRegistry, alice: &Actor, reference: &str, content: &str) -> Digest {
    let digest = digest_of(content);
    let reference = if reference.is_empty() { digest.to_string() } else { reference.to_owned() };
    registry.push_manifest(alice, APP, &reference, content).await.unwrap();
    digest
}

async fn tree(registry: &TestRegistry, alice: &Actor, digest: &Digest) -> ReferrerTree {
    registry.app.content.get_referrer_tree(alice, &name(APP), digest).await.unwrap()
}

/// Returns depth, digest and how it belongs to what is above.
fn shape(tree: &ReferrerTree) -> Vec<(u32, Digest, Belonging)> {
    tree.entries.iter().map(|entry| (entry.depth, entry.manifest.digest, entry.belonging.clone())).collect()
}

#[tokio::test]
async fn referrers_attestations_and_named_tags_hang_below_what_they_are_about() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    for blob in [
        &b"{}"[..],
        b"{\"os\":\"linux\",\"architecture\":\"amd64\"}",
        b"{\"os\":\"linux\",\"architecture\":\"arm64\"}",
    ] {
        registry.push_blob(&alice, APP, blob).await.unwrap();
    }
    let (amd, arm) = (
        image(b"{\"os\":\"linux\",\"architecture\":\"amd64\"}", &[]),
        image(b"{\"os\":\"linux\",\"architecture\":\"arm64\"}", &[]),
    );
    // As BuildKit writes it.
    let attestation = image(b"{}", &[b"{}"]).replace(
        r#""mediaType":"application/vnd.oci.image.layer.v1.tar","#,
        r#""annotations":{"in-toto.io/predicate-type":"https://spdx.dev/Document"},"mediaType":"application/vnd.in-toto+json","#,
    );
    let [amd_digest, arm_digest, attested] = [&amd, &arm, &attestation].map(digest_of);
    let plain = index(&[&amd, &arm, &attestation]);
    let listed = format!(r#""digest":"{attested}""#);
    let note = format!(
        r#""annotations":{{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"{amd_digest}"}},{listed}"#
    );
    let document = plain.replace(&listed, &note);
    assert_ne!(document, plain);
    for content in [&amd, &arm, &attestation] {
        push(&registry, &alice, "", content).await;
    }
    let root = push(&registry, &alice, "v1", &document).await;
    let sbom = artifact(&amd, "application/vnd.cyclonedx+json", "made of");
    let sbom_digest = push(&registry, &alice, "", &sbom).await;
    let signed = artifact(&sbom, "application/vnd.cncf.notary.signature", "signed");
    let signed_digest = push(&registry, &alice, "", &signed).await;
    let deepest = push(&registry, &alice, "", &artifact(&signed, "application/x", "too deep")).await;
    let tag = format!("sha256-{}.sig", root.to_string().split_once(':').unwrap().1);
    let cosign =
        image(b"{}", &[b"{}"]).replace("vnd.oci.image.layer.v1.tar", "vnd.dev.cosign.simplesigning.v1+json");
    let cosign_digest = push(&registry, &alice, &tag, &cosign).await;

    let found = tree(&registry, &alice, &root).await;
    let subject = Belonging::Subject;
    assert_eq!(
        shape(&found),
        [
            (0, root, Belonging::Root),
            (1, amd_digest, Belonging::Part),
            (2, attested, Belonging::Attestation),
            (2, sbom_digest, subject.clone()),
            (3, signed_digest, subject.clone()),
            (1, arm_digest, Belonging::Part),
            (1, cosign_digest, Belonging::Tag(tag.parse().unwrap())),
        ]
    );
    assert!(found.is_complete);
    let purposes: Vec<_> = found
        .entries
        .iter()
        .map(|entry| {
            entry.purposes.iter().map(|purpose| (purpose.kind, purpose.format.as_str())).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(purposes[2], [(ArtifactKind::Sbom, "SPDX")]);
    assert_eq!(purposes[3], [(ArtifactKind::Sbom, "CycloneDX")]);
    assert_eq!(purposes[4], [(ArtifactKind::Signature, "Notary Project")]);
    assert_eq!(purposes[6], [(ArtifactKind::Signature, "cosign")]);
    assert!(purposes[0].is_empty() && purposes[1].is_empty() && purposes[5].is_empty());
    assert_eq!(found.entries[4].parent, Some(sbom_digest));
    // What is three levels below the index is in sight from what is above it.
    let near = tree(&registry, &alice, &sbom_digest).await;
    assert_eq!(
        shape(&near),
        [(0, sbom_digest, Belonging::Root), (1, signed_digest, subject.clone()), (2, deepest, subject)]
    );
    let refused = registry.app.content.get_referrer_tree(&alice, &name(APP), &digest_of("nothing")).await;
    assert!(matches!(refused, Err(Error::ManifestUnknown { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_tree_is_bounded_and_says_so_and_no_tag_makes_a_circle() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, APP, b"{}").await.unwrap();
    let subject = image(b"{}", &[]);
    let digest = push(&registry, &alice, "v1", &subject).await;
    let tag = format!("sha256-{}.sig", digest.to_string().split_once(':').unwrap().1);
    push(&registry, &alice, &tag, &subject).await;
    let found = tree(&registry, &alice, &digest).await;
    assert_eq!((found.entries.len(), found.is_complete), (1, true), "it does not belong to itself");
    for number in 0..201 {
        push(&registry, &alice, "", &artifact(&subject, "application/x", &number.to_string())).await;
    }
    let found = tree(&registry, &alice, &digest).await;
    assert_eq!((found.entries.len(), found.is_complete), (200, false));
}
