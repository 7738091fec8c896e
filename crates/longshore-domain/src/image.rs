//! Images: manifests as lists show them, with their activity and tags, and the rule of safe deletion.
//!
//! Docker Hub API, "Images": a manifest of any kind in a repository, tagged or not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::descriptor::Platform;
use crate::digest::Digest;
use crate::image_order::{ImageKey, ImageOrder};
use crate::name::Tag;
use crate::page::PageSize;
use crate::repository::RepositoryId;
use crate::tag_order::{SortValue, TagKey, TagOrder, TagSort, version_key};

/// Most images that one request deletes.
pub const DELETION_LIMIT: usize = 1000;
/// Most current tags that an image may have to be deleted together with them.
pub const DELETED_TAGS_LIMIT: usize = 999;

/// Whether an image was pushed or pulled since a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageStatus {
    /// It was.
    Active,
    /// It was not.
    Inactive,
}

/// An image in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Digest.
    pub digest: Digest,
    /// When it was last pushed.
    pub pushed_at: Timestamp,
    /// When it was last pulled, to the hour.
    pub pulled_at: Option<Timestamp>,
    /// Tags that point at it now, and that did, by name; a list may leave out some.
    pub tags: Vec<ImageTag>,
}

/// A tag that an image has or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageTag {
    /// The tag.
    pub tag: Tag,
    /// True while it points at the image.
    pub is_current: bool,
}

/// Returns the status of something with these activities.
pub fn status(pushed_at: Timestamp, pulled_at: Option<Timestamp>, active_from: Timestamp) -> ImageStatus {
    match pushed_at >= active_from || pulled_at.is_some_and(|at| at >= active_from) {
        true => ImageStatus::Active,
        false => ImageStatus::Inactive,
    }
}

/// Which images are wanted, and which page of them.
#[derive(Clone, Debug)]
pub struct ImageQuery {
    /// Of which repository.
    pub repository: RepositoryId,
    /// Which of them, by what becomes of them.
    pub filter: ImageFilter,
    /// Which of them, by what they are.
    pub nature: ImageNature,
    /// The page has only those that come behind this one in the order.
    pub after: Option<ImageKey>,
    /// In which order.
    pub order: ImageOrder,
    /// Without so many of the first; each page costs more than the one before.
    pub offset: u64,
    /// At most so many.
    pub size: PageSize,
    /// Most images that are looked at for what is wanted; a page may then have fewer than `size` and yet not be the last.
    pub examined: Option<u32>,
}

impl ImageQuery {
    /// Returns a query for all images of a repository in an order.
    pub fn all(repository: RepositoryId, order: ImageOrder, size: PageSize) -> Self {
        let (filter, nature) = (ImageFilter::default(), ImageNature::default());
        Self { repository, filter, nature, after: None, order, offset: 0, size, examined: None }
    }
}

/// What a manifest is, as people call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// A list of images.
    Index,
    /// What runs: its configuration is that of an image.
    Image,
    /// Anything else: a chart, a signature, a list of what an image is made of.
    Artifact,
}

/// Which images are wanted by what they are, which never changes; empty for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageNature {
    /// Only those of a kind.
    pub kind: Option<ImageKind>,
    /// Only those of this artifact type.
    pub artifact_type: String,
    /// Only those for this operating system, or with one for it; `unknown` is that of images that name none.
    pub os: String,
    /// Only those for this architecture, which is that of the same image.
    pub architecture: String,
}

impl ImageNature {
    /// Returns whether all images are wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which images a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageFilter {
    /// Since when an image must have been active to count as such.
    pub active_from: Timestamp,
    /// Only those of one status.
    pub status: Option<ImageStatus>,
    /// Only those that a current tag reaches, by itself or through an index, or only the others.
    pub is_tagged: Option<bool>,
}

impl Default for ImageFilter {
    /// All of them.
    fn default() -> Self {
        Self { active_from: Timestamp::MIN, status: None, is_tagged: None }
    }
}

impl ImageFilter {
    /// Returns whether all images are wanted.
    pub fn is_empty(&self) -> bool {
        self.status.is_none() && self.is_tagged.is_none()
    }
}

/// A tag in a list.
#[derive(Clone, Debug)]
pub struct TagDetails {
    /// The tag.
    pub tag: Tag,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last pushed.
    pub updated_at: Timestamp,
    /// Who pushed it last: number and name of an account.
    pub updated_by: Option<(i64, String)>,
    /// When it was last pulled, to the hour.
    pub pulled_at: Option<Timestamp>,
    /// The manifest that it points at.
    pub manifest: ManifestDetails,
    /// The images behind it: those of an index, or the manifest itself.
    pub images: Vec<ManifestDetails>,
}

impl TagDetails {
    /// Returns where the tag stands in a list that is sorted so.
    pub fn key(&self, by: TagSort) -> TagKey {
        let value = match by {
            TagSort::Name => SortValue::Name,
            TagSort::Pushed => SortValue::Number(self.updated_at.as_microsecond()),
            TagSort::Pulled => SortValue::Number(self.pulled_at.map_or(0, Timestamp::as_microsecond)),
            TagSort::Size => {
                SortValue::Number(i64::try_from(self.manifest.total_size_bytes).unwrap_or(i64::MAX))
            }
            TagSort::Version => SortValue::Text(version_key(self.tag.as_str())),
        };
        TagKey { value, name: self.tag.to_string() }
    }
}

/// A manifest as lists of tags show it.
#[derive(Clone, Debug)]
pub struct ManifestDetails {
    /// Number in the metadata store.
    pub id: i64,
    /// Digest.
    pub digest: Digest,
    /// Media type.
    pub media_type: String,
    /// Artifact type, also derived from the config.
    pub artifact_type: Option<String>,
    /// True for an index.
    pub is_index: bool,
    /// Platform, if known.
    pub platform: Option<Platform>,
    /// Config and layers as stored, or the children of an index.
    pub total_size_bytes: u64,
    /// When it was last pushed.
    pub pushed_at: Timestamp,
    /// When it was last pulled, to the hour.
    pub pulled_at: Option<Timestamp>,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Digest.
    pub digest: Digest,
    /// Size, as the manifest says.
    pub size_bytes: u64,
    /// What made it, from the image's configuration; empty when that does not tell.
    pub instruction: String,
}

/// Returns a number for a tag: tags have none of their own, and clients want one that stays the same.
pub fn tag_number(repository: RepositoryId, tag: &Tag) -> u64 {
    let hash = Sha256::digest(format!("{} {tag}", repository.0));
    // JavaScript knows whole numbers up to 53 bits.
    hash.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte)) >> 11
}

/// Which tags are wanted, and which page of them.
#[derive(Clone, Debug)]
pub struct TagQuery {
    /// Of which repository.
    pub repository: RepositoryId,
    /// Which of them.
    pub filter: TagFilter,
    /// The page has only those that come behind this one in the order.
    pub after: Option<TagKey>,
    /// In which order.
    pub order: TagOrder,
    /// Without so many of the first; each page costs more than the one before.
    pub offset: u64,
    /// At most so many.
    pub size: PageSize,
    /// Most tags that are looked at for what the filter wants; a page may then have fewer than `size` and yet not be the last.
    pub examined: Option<u32>,
}

impl TagQuery {
    /// Returns a query for all tags of a repository by name, from the first behind another one.
    pub fn by_name(repository: RepositoryId, after: Option<String>, size: PageSize) -> Self {
        let after = after.map(|name| TagKey { value: SortValue::Name, name });
        let (filter, order) = (TagFilter::default(), TagOrder::NAME);
        Self { repository, filter, after, order, offset: 0, size, examined: None }
    }
}

/// Which tags a list shows.
#[derive(Clone, Debug, Default)]
pub struct TagFilter {
    /// Only those whose name contains this, letter for letter; empty for all.
    pub name_part: String,
    /// Only those whose name begins so; empty for all.
    pub name_beginning: String,
    /// Only those of one status, by the time since when a tag must have been pushed or pulled to be active.
    pub status: Option<(ImageStatus, Timestamp)>,
    /// Only those with an image for this operating system; empty for all. `unknown` is that of images that name none.
    pub os: String,
    /// Only those with an image for this architecture, which is that of the same image; empty for all.
    pub architecture: String,
    /// Without those that are made of a digest, as tools name what belongs to an image: `sha256-….sig` (cosign), `sha256-…`
    /// (OCI distribution 1.1, "Referrers Tag Schema").
    pub leaves_out_digests: bool,
}

impl TagFilter {
    /// Returns whether all tags pass.
    pub fn is_empty(&self) -> bool {
        self.name_part.is_empty()
            && self.name_beginning.is_empty()
            && self.status.is_none()
            && !self.leaves_out_digests
            && !self.is_by_platform()
    }

    /// Returns whether nothing but the beginning of the name matters.
    pub fn is_beginning(&self) -> bool {
        Self { name_beginning: String::new(), ..self.clone() }.is_empty()
    }

    /// Returns whether it matters what the images of a tag run on.
    pub fn is_by_platform(&self) -> bool {
        !(self.os.is_empty() && self.architecture.is_empty())
    }
}

/// What deletion depends on, as loaded from the metadata store.
#[derive(Clone, Debug)]
pub struct DeletionFacts {
    /// True when an index lists it that neither is deleted nor is to be deleted with it.
    pub is_child: bool,
    /// True when one of its tags cannot be deleted.
    pub has_immutable_tag: bool,
    /// When it was last pushed.
    pub pushed_at: Timestamp,
    /// When it was last pulled.
    pub pulled_at: Option<Timestamp>,
    /// The tags that point at it, or at an index that lists it and is to be deleted with it; one more than
    /// [`DELETED_TAGS_LIMIT`] when there are more than that.
    pub current_tags: BTreeSet<Tag>,
}

/// Why an image cannot be deleted, whatever is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionError {
    /// There is no such image, or the caller may not see it.
    NotFound,
    /// The caller may not delete it, or nobody may, as one of its tags is immutable.
    Unauthorized,
    /// An index lists it that stays.
    ChildManifest,
}

/// Why an image should perhaps not be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WarningKind {
    /// It was pushed or pulled lately.
    IsActive,
    /// Tags point at it, or at an index that lists it.
    CurrentTag,
}

/// A warning about one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionWarning {
    /// Digest of the image, as it was given.
    pub digest: String,
    /// Why.
    pub kind: WarningKind,
    /// Its current tags, for [`WarningKind::CurrentTag`].
    pub tags: Vec<Tag>,
}

/// A warning that whoever deletes has seen.
#[derive(Clone, Debug)]
pub struct IgnoredWarning {
    /// Digest of the image, as it was given.
    pub digest: String,
    /// What it warned of.
    pub kind: WarningKind,
    /// The tags that it listed.
    pub tags: BTreeSet<String>,
}

/// Decides whether images may be deleted. Nothing may when there is an error or a warning that is not ignored.
///
/// A warning of current tags is ignored by an entry that lists all of them: a tag that came meanwhile warns again.
pub fn check_deletion(
    images: &BTreeMap<String, Result<DeletionFacts, DeletionError>>,
    active_from: Timestamp,
    ignored: &[IgnoredWarning],
) -> (Vec<(String, DeletionError)>, Vec<DeletionWarning>) {
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    for (digest, facts) in images {
        let facts = match facts {
            Err(error) => {
                errors.push((digest.clone(), *error));
                continue;
            }
            Ok(facts) if facts.is_child => {
                errors.push((digest.clone(), DeletionError::ChildManifest));
                continue;
            }
            Ok(facts) if facts.has_immutable_tag => {
                errors.push((digest.clone(), DeletionError::Unauthorized));
                continue;
            }
            Ok(facts) => facts,
        };
        let of_it = |kind| ignored.iter().filter(move |entry| entry.digest == *digest && entry.kind == kind);
        let is_active = status(facts.pushed_at, facts.pulled_at, active_from) == ImageStatus::Active;
        if is_active && of_it(WarningKind::IsActive).next().is_none() {
            warnings.push(DeletionWarning {
                digest: digest.clone(),
                kind: WarningKind::IsActive,
                tags: Vec::new(),
            });
        }
        let tags = &facts.current_tags;
        let all_are_listed =
            |entry: &IgnoredWarning| tags.iter().all(|tag| entry.tags.contains(tag.as_str()));
        let is_too_much = tags.len() > DELETED_TAGS_LIMIT;
        if !tags.is_empty() && (is_too_much || !of_it(WarningKind::CurrentTag).any(all_are_listed)) {
            warnings.push(DeletionWarning {
                digest: digest.clone(),
                kind: WarningKind::CurrentTag,
                tags: tags.iter().take(DELETED_TAGS_LIMIT).cloned().collect(),
            });
        }
    }
    (errors, warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn facts(tags: &[&str]) -> DeletionFacts {
        DeletionFacts {
            is_child: false,
            has_immutable_tag: false,
            pushed_at: at(10),
            pulled_at: None,
            current_tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        }
    }

    fn check(facts: DeletionFacts, ignored: &[IgnoredWarning]) -> Vec<WarningKind> {
        let images = [("a".to_owned(), Ok(facts))].into();
        let (errors, warnings) = check_deletion(&images, at(20), ignored);
        assert!(errors.is_empty());
        warnings.into_iter().map(|warning| warning.kind).collect()
    }

    fn ignore(kind: WarningKind, tags: &[&str]) -> IgnoredWarning {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        IgnoredWarning { digest: "a".to_owned(), kind, tags }
    }

    #[test]
    fn active_is_what_was_pushed_or_pulled_since() {
        assert_eq!(status(at(10), None, at(10)), ImageStatus::Active);
        assert_eq!(status(at(9), None, at(10)), ImageStatus::Inactive);
        assert_eq!(status(at(9), Some(at(10)), at(10)), ImageStatus::Active);
        assert_eq!(status(at(9), Some(at(9)), at(10)), ImageStatus::Inactive);
    }

    #[test]
    fn warnings_are_ignored_by_equal_entries_only() {
        use WarningKind::{CurrentTag, IsActive};
        assert_eq!(check(facts(&[]), &[]), []);
        let active = || DeletionFacts { pulled_at: Some(at(30)), ..facts(&["a", "b"]) };
        assert_eq!(check(active(), &[]), [IsActive, CurrentTag]);
        assert_eq!(check(active(), &[ignore(IsActive, &[])]), [CurrentTag]);
        assert_eq!(check(active(), &[ignore(CurrentTag, &["a", "b"])]), [IsActive]);
        assert_eq!(check(facts(&["a", "b"]), &[ignore(CurrentTag, &[])]), [CurrentTag]);
        assert_eq!(
            check(facts(&["a", "b"]), &[ignore(CurrentTag, &["a"]), ignore(CurrentTag, &["b"])]),
            [CurrentTag]
        );
        assert_eq!(check(facts(&["a", "b"]), &[ignore(CurrentTag, &["c", "b", "a"])]), []);
        let other = IgnoredWarning { digest: "b".to_owned(), ..ignore(CurrentTag, &["a"]) };
        assert_eq!(check(facts(&["a"]), &[other]), [CurrentTag]);
    }

    #[test]
    fn too_many_tags_cannot_be_ignored() {
        let names: Vec<String> = (0..=DELETED_TAGS_LIMIT).map(|number| format!("t{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let ignored = [ignore(WarningKind::CurrentTag, &names)];
        assert_eq!(check(facts(&names), &ignored), [WarningKind::CurrentTag]);
        assert_eq!(check(facts(&names[1..]), &ignored), []);
    }

    #[test]
    fn errors_come_before_warnings() {
        let images = [
            ("a".to_owned(), Ok(DeletionFacts { is_child: true, pushed_at: at(30), ..facts(&["x"]) })),
            ("b".to_owned(), Err(DeletionError::NotFound)),
        ];
        let (errors, warnings) = check_deletion(&images.into(), at(20), &[]);
        let expected =
            [("a".to_owned(), DeletionError::ChildManifest), ("b".to_owned(), DeletionError::NotFound)];
        assert_eq!(errors, expected);
        assert!(warnings.is_empty());
    }
}
