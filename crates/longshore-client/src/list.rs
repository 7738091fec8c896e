//! Lists, a page at a time.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;

use crate::client::{Call, Client};
use crate::error::Result;
use crate::types::Page;

/// Entries that are asked for at once.
const PAGE_ITEMS: &str = "1000";

/// The entries of a list, read a page at a time; after an error there are no more.
pub struct List<'c, T> {
    client: &'c Client,
    call: Call,
    items: VecDeque<T>,
    /// Where the next page begins; `None` after the last one.
    next: Option<Next>,
    count: Option<u64>,
}

enum Next {
    First,
    After(String),
}

impl<'c, T: DeserializeOwned> List<'c, T> {
    pub(crate) fn new(client: &'c Client, call: Call) -> Self {
        Self { client, call, items: VecDeque::new(), next: Some(Next::First), count: None }
    }

    /// How many entries the whole list has, where the registry knows that without looking; asks for the first page.
    ///
    /// # Errors
    /// Those of the list.
    pub fn count(&mut self) -> Result<Option<u64>> {
        if matches!(self.next, Some(Next::First)) {
            self.read()?;
        }
        Ok(self.count)
    }

    /// Reads the next page.
    fn read(&mut self) -> Result<()> {
        let after = match self.next.take() {
            None => return Ok(()),
            Some(Next::First) => None,
            Some(Next::After(after)) => Some(after),
        };
        let call = self.call.clone().with("limit", Some(PAGE_ITEMS)).with("after", after.as_deref());
        let page: Page<T> = self.client.read(&call)?;
        self.items.extend(page.items);
        self.next = page.next.map(Next::After);
        self.count = page.count.or(self.count);
        Ok(())
    }
}

impl<T: DeserializeOwned> Iterator for List<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        // A page may be empty and not the last one.
        while self.items.is_empty() && self.next.is_some() {
            if let Err(error) = self.read() {
                return Some(Err(error));
            }
        }
        self.items.pop_front().map(Ok)
    }
}
