//! Lists, page by page, that end whatever the store answers.
//!
//! A store that answers with the same pages again and again, or with empty ones that always have a successor, would be read
//! for ever. Both are errors here: nothing may be concluded from such a list.

use std::sync::Arc;

use futures::{Stream, TryStreamExt, stream};
use longshore_domain::{Error, Result};
use object_store::ObjectMeta;
use object_store::list::PaginatedListOptions;

use super::client::{Client, store_error};

/// Pages in a row that may be empty although others follow: stores skip what was deleted, page by page.
const EMPTY_PAGES: u32 = 1000;

/// Notices a list that goes round in a circle, whatever its order and length. One place is remembered, and moved after twice
/// as many places each time (Brent's algorithm).
#[derive(Default)]
struct Repetition {
    remembered: Option<String>,
    since: u64,
    until: u64,
}

impl Repetition {
    fn check(&mut self, place: &str) -> Result<()> {
        if self.remembered.as_deref() == Some(place) {
            return Err(stuck(format!(
                "it has {place} for the second time; nothing can be said of what comes after"
            )));
        }
        self.since += 1;
        if self.since > self.until {
            self.remembered = Some(place.to_owned());
            self.until = (self.until * 2).max(1);
            self.since = 0;
        }
        Ok(())
    }
}

fn stuck(how: String) -> Error {
    Error::Unavailable(format!("the store's list does not advance: {how}").into())
}

/// Sees to it that the pages of a list get on.
#[derive(Default)]
pub(super) struct Pages {
    entries: Repetition,
    /// Those may repeat themselves although entries do not, and the other way round.
    markers: Repetition,
    empty: u32,
}

impl Pages {
    /// Checks a page: the names of its entries, and where the next one begins if there is one.
    ///
    /// # Errors
    /// `Unavailable` when the list goes in circles, or was empty too often.
    pub(super) fn check(
        &mut self,
        entries: impl IntoIterator<Item = impl AsRef<str>>,
        next: Option<&str>,
    ) -> Result<()> {
        self.empty += 1;
        for entry in entries {
            self.empty = 0;
            self.entries.check(entry.as_ref())?;
        }
        let Some(next) = next else { return Ok(()) };
        if self.empty >= EMPTY_PAGES {
            return Err(stuck(format!("{EMPTY_PAGES} pages in a row were empty, and more are to follow")));
        }
        self.markers.check(next)
    }
}

struct Walk {
    client: Arc<Client>,
    prefix: String,
    /// Where the next page begins; `None` for the first.
    token: Option<String>,
    is_over: bool,
    pages: Pages,
}

impl Walk {
    async fn next_page(&mut self) -> Result<Vec<ObjectMeta>> {
        let options = PaginatedListOptions { page_token: self.token.take(), ..Default::default() };
        let page =
            self.client.lists.list_paginated(Some(&self.prefix), options).await.map_err(store_error)?;
        let objects = page.result.objects;
        self.token = page.page_token.filter(|token| !token.is_empty());
        self.is_over = self.token.is_none();
        self.pages.check(objects.iter().map(|object| &object.location), self.token.as_deref())?;
        Ok(objects)
    }
}

/// Lists what lies below a prefix, which ends with a slash. Ends with an error when the list does not get on.
pub(super) fn list(client: Arc<Client>, prefix: String) -> impl Stream<Item = Result<ObjectMeta>> + Send {
    let walk = Walk { client, prefix, token: None, is_over: false, pages: Pages::default() };
    stream::try_unfold(walk, |mut walk| async move {
        if walk.is_over {
            return Ok(None);
        }
        let objects = walk.next_page().await?;
        Ok::<_, Error>(Some((stream::iter(objects.into_iter().map(Ok)), walk)))
    })
    .try_flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_goes_in_circles_ends_with_an_error() {
        for circle in [1, 2, 7, 1000] {
            let mut repetition = Repetition::default();
            let places = (0..).map(|at: u32| format!("objects/{}", at % circle));
            let listed = places.map(|place| repetition.check(&place)).take_while(Result::is_ok).count();
            assert!(listed >= circle as usize && listed <= 4 * circle as usize + 4, "{circle}: {listed}");
        }
        let mut repetition = Repetition::default();
        assert!((0..10_000).rev().all(|at| repetition.check(&at.to_string()).is_ok()), "in whatever order");
    }

    #[test]
    fn empty_pages_are_followed_for_a_while() {
        let mut pages = Pages::default();
        let mut number = 0;
        let mut check = |entries| {
            number += 1;
            let number = number.to_string();
            pages.check(vec![&number; entries], Some(&number))
        };
        for _ in 0..3 {
            assert!((1..EMPTY_PAGES).all(|_| check(0).is_ok()));
            check(1).unwrap();
        }
        assert!((1..EMPTY_PAGES).all(|_| check(0).is_ok()));
        assert!(matches!(check(0), Err(Error::Unavailable(_))));
    }
}
