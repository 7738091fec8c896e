//! Pages of lists that are read by key.

use crate::error::{Error, Result};
use crate::field::Field;

/// Largest page that any list gives.
pub const PAGE_LIMIT: u32 = 1000;

/// How many entries a page may have: 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageSize(u32);

impl PageSize {
    /// The largest page.
    pub const MAX: Self = Self(PAGE_LIMIT);

    /// Makes a page size; larger values become 1000.
    ///
    /// # Errors
    /// `Invalid` for 0.
    pub fn clamped(entries: u64) -> Result<Self> {
        match u32::try_from(entries.min(u64::from(PAGE_LIMIT))) {
            Ok(entries) if entries > 0 => Ok(Self(entries)),
            _ => {
                Err(Error::Invalid { field: Field::PageSize, reason: "a page has at least one entry".into() })
            }
        }
    }

    /// Returns the number of entries.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// One page of a list, and whether more follows.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The entries, in the list's order.
    pub items: Vec<T>,
    /// True when the list goes on after the last entry.
    pub has_more: bool,
}

/// One page of a list, and behind what it goes on.
///
/// What is looked at for a page may be bounded: it may have fewer entries than it could, even none, and yet not be the last.
#[derive(Clone, Debug)]
pub struct KeyedPage<T, K> {
    /// The entries, in the list's order.
    pub items: Vec<T>,
    /// Behind what the list goes on; `None` at its end.
    pub next: Option<K>,
}

impl<T, K> From<KeyedPage<T, K>> for Page<T> {
    fn from(page: KeyedPage<T, K>) -> Self {
        Self { items: page.items, has_more: page.next.is_some() }
    }
}

impl<T> Page<T> {
    /// Makes a page from up to `size + 1` entries that were read: one too many shows that more follows.
    pub fn from_overfull(mut items: Vec<T>, size: PageSize) -> Self {
        let size = size.get() as usize;
        let has_more = items.len() > size;
        items.truncate(size);
        Self { items, has_more }
    }
}
