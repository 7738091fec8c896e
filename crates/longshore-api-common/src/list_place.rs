//! Where tags and repositories stand in sorted lists, as [cursors](crate::cursor) have it, and the words for orders of repositories.

use longshore_domain::Result;
use longshore_domain::repository::{RepositoryId, RepositoryKey, RepositoryOrder};
use longshore_domain::tag_order::{SortValue, TagKey, TagSort};

use crate::cursor::unreadable;

/// Words for the orders of the repositories of a namespace: `-` in front is backwards.
pub const REPOSITORY_ORDERS: &[(&str, RepositoryOrder)] = &[
    ("name", RepositoryOrder::Name),
    ("-name", RepositoryOrder::NameDescending),
    ("pushed", RepositoryOrder::Updated),
    ("-pushed", RepositoryOrder::UpdatedDescending),
    ("pulls", RepositoryOrder::Pulls),
    ("-pulls", RepositoryOrder::PullsDescending),
    ("size", RepositoryOrder::Size),
    ("-size", RepositoryOrder::SizeDescending),
];

/// Where a tag stands: its name, and a number or text that tags are sorted by.
pub type TagPlace = (String, Option<i64>, Option<String>);

/// Returns where a tag stands.
pub fn tag_place(key: TagKey) -> TagPlace {
    match key.value {
        SortValue::Name => (key.name, None, None),
        SortValue::Number(number) => (key.name, Some(number), None),
        SortValue::Text(text) => (key.name, None, Some(text)),
    }
}

/// Returns the key of a tag that stands there in a list sorted by something.
///
/// # Errors
/// `Invalid` when nothing stands so in such a list.
pub fn tag_key(by: TagSort, (name, number, text): TagPlace) -> Result<TagKey> {
    let value = match (number, text) {
        (None, None) => SortValue::Name,
        (Some(number), None) => SortValue::Number(number),
        (None, Some(text)) => SortValue::Text(text),
        (Some(_), Some(_)) => return Err(unreadable()),
    };
    match by.is_of(&value) {
        true => Ok(TagKey { value, name }),
        false => Err(unreadable()),
    }
}

/// Where a repository stands: a name, or a number and another one that lists are sorted by.
pub type RepositoryPlace = (Option<String>, i64, i64);

/// Returns where a repository stands.
pub fn repository_place(key: RepositoryKey) -> RepositoryPlace {
    match key {
        RepositoryKey::Name(name) => (Some(name), 0, 0),
        RepositoryKey::Total { value, repository } => (None, value, repository.0),
    }
}

/// Returns the key of a repository that stands there in a list of this order.
///
/// # Errors
/// `Invalid` when nothing stands so in such a list.
pub fn repository_key(order: RepositoryOrder, place: RepositoryPlace) -> Result<RepositoryKey> {
    match place {
        (Some(name), ..) if order.is_by_name() => Ok(RepositoryKey::Name(name)),
        (None, value, id) if !order.is_by_name() => {
            Ok(RepositoryKey::Total { value, repository: RepositoryId(id) })
        }
        _ => Err(unreadable()),
    }
}
