//! What belongs to an image: its parts, and what vouches for them or describes them, as a tree.

use std::collections::{BTreeMap, BTreeSet};

use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::artifact::{
    ArtifactPurpose, DESCRIBED_LIMIT_BYTES, attestations_of, companion_tags, purposes_of,
};
use longshore_domain::digest::Digest;
use longshore_domain::image::ManifestDetails;
use longshore_domain::name::{Reference, RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{ContentTx, ManifestId};
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};

use crate::Content;

/// Most entries of a tree.
const ENTRIES_LIMIT: usize = 200;
/// How deep a tree goes: the image, what belongs to it, and twice what belongs to that.
const DEPTH_LIMIT: u32 = 3;

/// How an entry belongs to the one above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belonging {
    /// It is the image itself.
    Root,
    /// The index lists it.
    Part,
    /// It names the other one as its subject. OCI image specification 1.1.
    Subject,
    /// The index lists it as an attestation of the other one (BuildKit).
    Attestation,
    /// A tag is named after the other one (cosign).
    Tag(Tag),
}

/// An image, or something that belongs to it.
#[derive(Clone, Debug)]
pub struct ReferrerEntry {
    /// How many entries are above it.
    pub depth: u32,
    /// What it belongs to.
    pub parent: Option<Digest>,
    /// How.
    pub belonging: Belonging,
    /// The manifest.
    pub manifest: ManifestDetails,
    /// What it is for; none for what runs.
    pub purposes: Vec<ArtifactPurpose>,
}

/// What belongs to an image, each entry before those that belong to it.
#[derive(Clone, Debug)]
pub struct ReferrerTree {
    /// The image first.
    pub entries: Vec<ReferrerEntry>,
    /// False when these levels have more, or may have.
    pub is_complete: bool,
}

/// Something that is to be shown.
struct Found {
    depth: u32,
    parent: Option<Digest>,
    belonging: Belonging,
    manifest: ManifestDetails,
}

struct Search<'t> {
    tx: &'t mut dyn ContentTx,
    repository: RepositoryId,
    /// Attestations in the image's index, by what they are about.
    attestations: BTreeMap<Digest, Vec<Digest>>,
    seen: BTreeSet<Digest>,
    is_complete: bool,
}

impl Search<'_> {
    /// Returns the content of a manifest, unless it is long.
    async fn content(&mut self, id: i64) -> Result<Option<Vec<u8>>> {
        self.tx.find_short_manifest_content(ManifestId(id), DESCRIBED_LIMIT_BYTES).await
    }

    /// Finds what belongs to an entry, in the order in which it is shown.
    async fn below(&mut self, above: &ReferrerEntry) -> Result<Vec<Found>> {
        let (digest, most) = (above.manifest.digest, PageSize::clamped(ENTRIES_LIMIT as u64)?);
        let mut found = Vec::new();
        if above.belonging == Belonging::Root && above.manifest.is_index {
            let parts = self.tx.list_child_details(&above.manifest, most).await?;
            self.is_complete &= parts.len() < ENTRIES_LIMIT;
            let listed: BTreeSet<Digest> = parts.iter().map(|part| part.digest).collect();
            let content = self.content(above.manifest.id).await?;
            self.is_complete &= content.is_some();
            let attestations = attestations_of(&content.unwrap_or_default());
            // What is said to be about another attestation is shown as a part: nothing hides behind itself.
            let all: BTreeSet<Digest> = attestations.iter().map(|(_, attestation)| *attestation).collect();
            for (about, attestation) in attestations {
                if listed.contains(&about) && !all.contains(&about) {
                    self.attestations.entry(about).or_default().push(attestation);
                }
            }
            let attached: BTreeSet<Digest> = self.attestations.values().flatten().copied().collect();
            let parts = parts.into_iter().filter(|part| !attached.contains(&part.digest));
            found.extend(parts.map(|manifest| (Belonging::Part, manifest)));
        }
        let mut named: Vec<(Belonging, Digest)> = Vec::new();
        let attached = self.attestations.remove(&digest).unwrap_or_default();
        named.extend(attached.into_iter().map(|digest| (Belonging::Attestation, digest)));
        let referrers = self.tx.list_referrers(self.repository, &digest, None, ManifestId(0), most).await?;
        self.is_complete &= referrers.len() <= ENTRIES_LIMIT;
        named.extend(referrers.into_iter().map(|referrer| (Belonging::Subject, referrer.digest)));
        if matches!(above.belonging, Belonging::Root | Belonging::Part) {
            for tag in companion_tags(&digest) {
                let reference = Reference::Tag(tag.clone());
                if let Some(head) = self.tx.find_manifest(self.repository, &reference).await? {
                    named.push((Belonging::Tag(tag), head.digest));
                }
            }
        }
        let digests: Vec<Digest> = named.iter().map(|(_, digest)| *digest).collect();
        if !digests.is_empty() {
            let details = self.tx.find_manifest_details(self.repository, &digests).await?;
            // What an index lists need not be there.
            let there =
                named.into_iter().filter_map(|(how, digest)| Some((how, details.get(&digest)?.clone())));
            found.extend(there);
        }
        let depth = above.depth + 1;
        let entry = |(belonging, manifest)| Found { depth, parent: Some(digest), belonging, manifest };
        Ok(found.into_iter().map(entry).collect())
    }

    async fn walk(&mut self, image: ManifestDetails) -> Result<Vec<ReferrerEntry>> {
        let mut open = vec![Found { depth: 0, parent: None, belonging: Belonging::Root, manifest: image }];
        let mut entries: Vec<ReferrerEntry> = Vec::new();
        while let Some(Found { depth, parent, belonging, manifest }) = open.pop() {
            if !self.seen.insert(manifest.digest) {
                continue;
            }
            if entries.len() == ENTRIES_LIMIT {
                self.is_complete = false;
                break;
            }
            let is_described = !matches!(belonging, Belonging::Part) && !manifest.is_index;
            let purposes = match is_described {
                true => purposes_of(&self.content(manifest.id).await?.unwrap_or_default()),
                false => Vec::new(),
            };
            let entry = ReferrerEntry { depth, parent, belonging, manifest, purposes };
            if depth < DEPTH_LIMIT {
                let below = self.below(&entry).await?;
                open.extend(below.into_iter().rev());
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl Content {
    /// Finds what belongs to an image, three levels deep and two hundred entries at most: the parts of an index, referrers,
    /// attestations in the index, and what lies under tags that are named after it.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for pulling; `ManifestUnknown`.
    pub async fn get_referrer_tree(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<ReferrerTree> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::Pull).await?.id;
        let found = self
            .metadata
            .read((repository, *digest), |tx, (repository, digest)| {
                Box::pin(async move {
                    let found = tx.find_manifest_details(*repository, std::slice::from_ref(digest)).await?;
                    let Some(image) = found.into_values().next() else { return Ok(None) };
                    let mut search = Search {
                        tx,
                        repository: *repository,
                        attestations: BTreeMap::new(),
                        seen: BTreeSet::new(),
                        is_complete: true,
                    };
                    let entries = search.walk(image).await?;
                    Ok(Some(ReferrerTree { entries, is_complete: search.is_complete }))
                })
            })
            .await?;
        found.ok_or_else(|| Error::ManifestUnknown {
            repository: name.clone(),
            reference: Reference::Digest(*digest),
        })
    }
}
