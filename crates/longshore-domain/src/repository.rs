//! Repositories.

pub mod query;

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::account::AccountId;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::immutability::ImmutableTags;
use crate::name::{Namespace, RepositoryName};

/// Number of a repository in the metadata store. It is never used again, so a repository that is deleted
/// and created anew under the same name has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryId(pub i64);

/// Who may see a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Only those with a permission of their own.
    Private,
    /// Everybody, also without signing in, unless the operator requires it.
    Public,
}

impl Visibility {
    /// Returns the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

impl FromStr for Visibility {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "private" => Ok(Self::Private),
            "public" => Ok(Self::Public),
            _ => Err(Error::Invalid { field: Field::Visibility, reason: "must be private or public".into() }),
        }
    }
}

/// Longest description in characters.
pub const DESCRIPTION_LIMIT_CHARACTERS: usize = 100;
/// Longest full description in bytes.
pub const FULL_DESCRIPTION_LIMIT_BYTES: usize = 25_000;

/// A repository with what lists and pages show of it.
#[derive(Clone, Debug)]
pub struct RepositoryDetails {
    /// The repository.
    pub repository: Repository,
    /// What it is for, in a line.
    pub description: String,
    /// What it is for, in Markdown.
    pub full_description: String,
    /// Which tags never move.
    pub immutable_tags: ImmutableTags,
    /// Pulls of its images, ever.
    pub pulls: u64,
    /// The last push, or its creation.
    pub updated_at: Timestamp,
}

impl RepositoryDetails {
    /// Returns a text that is another one after each change of the settings: descriptions, visibility, and which tags never move.
    pub fn settings_version(&self) -> String {
        let settings = (
            self.description.as_str(),
            self.full_description.as_str(),
            self.repository.visibility.as_str(),
            self.immutable_tags.is_enabled(),
            self.immutable_tags.rules(),
        );
        // Quoted, so that no text reads as two.
        let hash = Sha256::digest(format!("{settings:?}"));
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What changes about a repository; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct RepositoryChange {
    /// Description, at most 100 characters.
    pub description: Option<String>,
    /// Full description, at most 25,000 bytes.
    pub full_description: Option<String>,
    /// Who may see it.
    pub visibility: Option<Visibility>,
    /// Which tags never move.
    pub immutable_tags: Option<ImmutableTags>,
    /// Whether that is the decision of an owner, so that only owners change it.
    pub immutability_is_owners: bool,
    /// One of [`CATEGORIES`], or empty.
    pub category: Option<String>,
    /// Versions of the settings of which the present ones must have one ([`RepositoryDetails::settings_version`]).
    pub expected: Option<Vec<String>>,
}

impl RepositoryChange {
    /// Describes a repository by one text, as APIs with a single description do: it is the full one, and the short one as far
    /// as it fits there; otherwise the short one stays.
    #[must_use]
    pub fn described(self, text: String) -> Self {
        let fits = text.chars().count() <= DESCRIPTION_LIMIT_CHARACTERS && !text.contains('\n');
        Self { description: fits.then(|| text.clone()), full_description: Some(text), ..self }
    }

    /// Returns whether anything but immutability changes.
    pub fn edits(&self) -> bool {
        self.description.is_some()
            || self.full_description.is_some()
            || self.visibility.is_some()
            || self.category.is_some()
    }

    /// Checks the lengths.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        let short = self.description.as_deref().unwrap_or_default();
        if short.chars().count() > DESCRIPTION_LIMIT_CHARACTERS {
            return Err(Error::Invalid {
                field: Field::Description,
                reason: format!("may have at most {DESCRIPTION_LIMIT_CHARACTERS} characters"),
            });
        }
        if self.full_description.as_deref().unwrap_or_default().len() > FULL_DESCRIPTION_LIMIT_BYTES {
            return Err(Error::Invalid {
                field: Field::FullDescription,
                reason: format!("may have at most {FULL_DESCRIPTION_LIMIT_BYTES} bytes"),
            });
        }
        let category = self.category.as_deref().unwrap_or_default();
        if !category.is_empty() && !CATEGORIES.contains(&category) {
            let reason = format!("must be one of {}", CATEGORIES.join(", "));
            return Err(Error::Invalid { field: Field::Category, reason });
        }
        Ok(())
    }
}

/// Most words that a repository is found by.
const WORDS_LIMIT: usize = 32;

/// Returns the words that a repository is found by: its namespace, the rest of its name, and the parts of that.
pub fn words(name: &RepositoryName) -> BTreeSet<String> {
    let parts = name.rest().split(['/', '.', '_', '-']).filter(|part| !part.is_empty());
    [name.namespace_str(), name.rest()]
        .into_iter()
        .chain(parts)
        .take(WORDS_LIMIT)
        .map(str::to_owned)
        .collect()
}

/// How the repositories of a namespace are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum RepositoryOrder {
    Name,
    NameDescending,
    Updated,
    UpdatedDescending,
    Pulls,
    PullsDescending,
    Size,
    SizeDescending,
}

/// Where a repository stands in a list of those of a namespace, whether or not there still is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryKey {
    /// In orders by name, its name.
    Name(String),
    /// In other orders.
    Total {
        /// What the list is sorted by: microseconds since 1970, pulls or bytes.
        value: i64,
        /// Its number.
        repository: RepositoryId,
    },
}

impl RepositoryOrder {
    /// Returns where a repository stands in this order.
    pub fn key(self, details: &RepositoryDetails, stored_bytes: u64) -> RepositoryKey {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let value = match self {
            Self::Name | Self::NameDescending => {
                return RepositoryKey::Name(details.repository.name.to_string());
            }
            Self::Updated | Self::UpdatedDescending => details.updated_at.as_microsecond(),
            Self::Pulls | Self::PullsDescending => count(details.pulls),
            Self::Size | Self::SizeDescending => count(stored_bytes),
        };
        RepositoryKey::Total { value, repository: details.repository.id }
    }

    /// Returns the same order backwards.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Name => Self::NameDescending,
            Self::NameDescending => Self::Name,
            Self::Updated => Self::UpdatedDescending,
            Self::UpdatedDescending => Self::Updated,
            Self::Pulls => Self::PullsDescending,
            Self::PullsDescending => Self::Pulls,
            Self::Size => Self::SizeDescending,
            Self::SizeDescending => Self::Size,
        }
    }

    /// Returns whether repositories are sorted by name.
    pub fn is_by_name(self) -> bool {
        matches!(self, Self::Name | Self::NameDescending)
    }
}

/// Categories of repositories, as clients know them.
///
/// SWR API, `category`.
pub const CATEGORIES: &[&str] =
    &["app_server", "arm", "database", "framework_app", "lang", "linux", "other", "windows"];

/// A repository with all that a list shows of it.
#[derive(Clone, Debug)]
pub struct RepositoryListing {
    /// The repository with its details.
    pub details: RepositoryDetails,
    /// One of [`CATEGORIES`], or empty.
    pub category: String,
    /// Bytes that are stored for it, as lists are sorted by them; what was pushed or deleted a moment ago may be missing.
    pub stored_bytes: u64,
    /// Who created it: public id and name.
    pub created_by: Option<(Uuid, Namespace)>,
    /// Of one that was found as shared, whether the sharing is valid; of others true.
    pub is_share_valid: bool,
}

impl RepositoryListing {
    /// Returns where it stands in an order.
    pub fn key(&self, order: RepositoryOrder) -> RepositoryKey {
        order.key(&self.details, self.stored_bytes)
    }
}

/// What a list over all namespaces is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum InventoryColumn {
    Updated,
    Name,
    Tags,
    Namespace,
    Visibility,
}

/// How a list over all namespaces is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InventoryOrder {
    /// By what.
    pub column: InventoryColumn,
    /// True for the largest first.
    pub is_descending: bool,
}

/// A named collection of manifests, blobs and tags.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Number in the metadata store.
    pub id: RepositoryId,
    /// The account that owns it.
    pub namespace_id: AccountId,
    /// Full name.
    pub name: RepositoryName,
    /// Who may see it.
    pub visibility: Visibility,
    /// When it was created.
    pub created_at: Timestamp,
}
