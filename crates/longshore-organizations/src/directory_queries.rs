//! How the users and groups of a directory are found: which index serves a query, what is looked up, and what is left to look at.
//!
//! Whatever an index finds is found by it; other queries look at all in the order that is wanted, a page at a time, in turns, and
//! for a while at most. The rules of comparisons are the caller's ([`longshore_domain::directory::query`]).

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use longshore_domain::account::AccountId;
use longshore_domain::directory::query::{
    Condition, DirectoryAnswer, DirectoryLookup, DirectoryNoun, DirectoryOrder, DirectoryPage,
    DirectoryQuery, GroupQuery, QueriedParts, SORTED_LIMIT, UserQuery,
};
use longshore_domain::directory::{
    DirectoryGroup, DirectoryUser, GroupLookup, Provisioner, UserCursor, UserLookup, UserOrder, UserParts,
};
use longshore_domain::organization::TeamId;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::WantedUsers;
use longshore_domain::{Error, Result};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::Organizations;

/// Users or groups that are looked at at once.
const SCAN_PAGE: u64 = 1000;
/// How long one query looks at them.
const SCAN_TIME: Duration = Duration::from_secs(20);
/// How long a query waits for its turn to look at all of a directory.
const TURN_WAIT: Duration = Duration::from_secs(30);
/// Queries that look at all of a directory at the same time.
const PARALLEL_SCANS: usize = 2;

/// Whose turn it is to look at all of a directory. One organization does not keep the others waiting.
pub(crate) struct Scans {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<AccountId, Arc<Semaphore>>>,
}

/// A turn, until it is dropped.
struct ScanPermit(
    #[expect(dead_code, reason = "held")] OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held")] OwnedSemaphorePermit,
);

impl Scans {
    pub(crate) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(PARALLEL_SCANS)), each: Mutex::default() }
    }

    fn of(&self, organization: AccountId) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody waits for are not kept.
        each.retain(|_, turns| Arc::strong_count(turns) > 1);
        Arc::clone(each.entry(organization).or_insert_with(|| Arc::new(Semaphore::new(1))))
    }

    /// Waits for a turn, of which each organization has one at once.
    async fn turn(&self, organization: AccountId) -> Result<ScanPermit> {
        let own = self.of(organization);
        let turns = async {
            let own = own.acquire_owned().await?;
            Ok::<_, AcquireError>(ScanPermit(own, Arc::clone(&self.all).acquire_owned().await?))
        };
        match tokio::time::timeout(TURN_WAIT, turns).await {
            Ok(turn) => turn.map_err(Error::internal),
            Err(_) => Err(Error::Throttled { retry_after_seconds: TURN_WAIT.as_secs() }),
        }
    }
}

/// How what meets a condition is found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Plan<L> {
    /// Each of these values is looked up.
    Values(Vec<L>),
    /// What this finds is read in order.
    Range(L),
}

impl<L: DirectoryLookup> Plan<L> {
    fn of(condition: &Condition<L>) -> Self {
        match lookups(condition) {
            None => Self::Range(L::ALL),
            Some(lookups) => match lookups.iter().find(|lookup| lookup.is_range()) {
                Some(range) => Self::Range(range.clone()),
                None => Self::Values(lookups),
            },
        }
    }
}

/// Returns lookups that find all that can meet a condition: a range alone, or values. `None` when only looking at all does.
fn lookups<L: DirectoryLookup>(condition: &Condition<L>) -> Option<Vec<L>> {
    match condition {
        Condition::Unindexed => None,
        Condition::Lookup(lookup) => Some(vec![lookup.clone()]),
        Condition::All(conditions) => {
            // Those that find the fewest: values rather than a range.
            let each = conditions.iter().filter_map(lookups);
            each.min_by_key(|lookups| (lookups.iter().any(L::is_range), lookups.len()))
        }
        Condition::Any(conditions) => {
            let each: Option<Vec<_>> = conditions.iter().map(lookups).collect();
            // Ranges are read in their own order, and not put together.
            let all: Vec<L> = each?.into_iter().flatten().collect();
            (!all.iter().any(L::is_range)).then_some(all)
        }
    }
}

/// Which parts of what a source gives are needed.
#[derive(Clone, Copy)]
enum Needed {
    /// To decide and to sort.
    Examined,
    /// To answer.
    Shown,
    /// Both.
    All,
}

/// An order that an index has, and whether the last come first; `None` for that in which things came.
type Walk<N> = Option<(<N as DirectoryNoun>::Order, bool)>;

/// A directory, as far as queries read it.
trait Source: Sync {
    type Noun: DirectoryNoun;
    type Cursor: Send;

    /// Counts all.
    fn count(&self) -> impl Future<Output = Result<u64>> + Send;
    /// Returns where a list goes on behind the first so many of all; `None` when there are not so many.
    fn cursor(
        &self,
        walk: Walk<Self::Noun>,
        skip: u64,
    ) -> impl Future<Output = Result<Option<Self::Cursor>>> + Send;
    /// Lists what a lookup finds; of a value all there are, up to [`PageSize::MAX`].
    fn list(
        &self,
        lookup: &<Self::Noun as DirectoryNoun>::Lookup,
        walk: Walk<Self::Noun>,
        after: Option<Self::Cursor>,
        size: PageSize,
        needed: Needed,
    ) -> impl Future<Output = Result<Vec<Self::Noun>>> + Send;
    /// Loads what the answer shows of one that was examined; `None` when it has gone meanwhile.
    fn complete(&self, found: Self::Noun) -> impl Future<Output = Result<Option<Self::Noun>>> + Send;
    /// Returns where a list goes on behind one.
    fn behind(found: &Self::Noun) -> Self::Cursor;
    /// Returns the place in which one came.
    fn place(found: &Self::Noun) -> i64;
    /// Returns whether what a range finds can be read in an order.
    fn has_order(
        range: &<Self::Noun as DirectoryNoun>::Lookup,
        order: <Self::Noun as DirectoryNoun>::Order,
    ) -> bool;
}

struct Users<'r> {
    room: &'r Organizations,
    provisioner: &'r Provisioner,
    parts: QueriedParts,
}

impl Source for Users<'_> {
    type Noun = DirectoryUser;
    type Cursor = UserCursor;

    async fn count(&self) -> Result<u64> {
        let organization = self.provisioner.organization.id;
        self.room.metadata.look_up(organization, |tx, id| Box::pin(tx.count_directory_users(*id))).await
    }

    async fn cursor(&self, walk: Walk<DirectoryUser>, skip: u64) -> Result<Option<UserCursor>> {
        let (order, is_descending) = walk.unwrap_or_default();
        let input = (self.provisioner.organization.id, order, is_descending, skip);
        self.room
            .metadata
            .read(input, |tx, (id, order, is_descending, skip)| {
                Box::pin(tx.find_user_cursor(*id, *order, *is_descending, *skip))
            })
            .await
    }

    async fn list(
        &self,
        lookup: &UserLookup,
        walk: Walk<DirectoryUser>,
        after: Option<UserCursor>,
        size: PageSize,
        needed: Needed,
    ) -> Result<Vec<DirectoryUser>> {
        let (order, is_descending) = walk.unwrap_or_default();
        let parts = match needed {
            Needed::Examined => self.parts.examined,
            Needed::Shown => self.parts.shown,
            Needed::All => UserParts::ALL,
        };
        let organization = self.provisioner.organization.id;
        let probe = lookup.clone();
        let wanted = WantedUsers { organization, probe, order, is_descending, after, size, parts };
        self.room.metadata.read(wanted, |tx, wanted| Box::pin(tx.list_directory_users(wanted))).await
    }

    async fn complete(&self, found: DirectoryUser) -> Result<Option<DirectoryUser>> {
        match self.room.get_directory_user(self.provisioner, found.uuid).await {
            Ok(user) => Ok(Some(user)),
            Err(Error::UserUnknown(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn behind(found: &DirectoryUser) -> UserCursor {
        UserCursor::behind(found)
    }

    fn place(found: &DirectoryUser) -> i64 {
        found.position
    }

    fn has_order(range: &UserLookup, order: UserOrder) -> bool {
        // Who is found by a beginning of the user name is read in that order.
        !matches!((range, order), (UserLookup::UserNamePrefix(_), UserOrder::Position))
    }
}

struct Groups<'r> {
    room: &'r Organizations,
    provisioner: &'r Provisioner,
    /// The groups of each user that the query names.
    named: Vec<(Uuid, BTreeSet<TeamId>)>,
}

impl Source for Groups<'_> {
    type Noun = DirectoryGroup;
    type Cursor = i64;

    async fn count(&self) -> Result<u64> {
        let organization = self.provisioner.organization.id;
        self.room.metadata.read(organization, |tx, id| Box::pin(tx.count_teams(*id, None, ""))).await
    }

    async fn cursor(&self, _: Walk<DirectoryGroup>, skip: u64) -> Result<Option<i64>> {
        let input = (self.provisioner.organization.id, skip);
        self.room.metadata.read(input, |tx, (id, skip)| Box::pin(tx.find_group_cursor(*id, *skip))).await
    }

    async fn list(
        &self,
        lookup: &GroupLookup,
        _: Walk<DirectoryGroup>,
        after: Option<i64>,
        size: PageSize,
        _: Needed,
    ) -> Result<Vec<DirectoryGroup>> {
        let after = after.unwrap_or_default();
        let mut groups = self.room.list_groups(self.provisioner, lookup.clone(), after, size).await?;
        for group in &mut groups {
            let named = self.named.iter().filter(|(_, groups)| groups.contains(&group.id));
            group.named_members = named.map(|(user, _)| *user).collect();
        }
        Ok(groups)
    }

    async fn complete(&self, found: DirectoryGroup) -> Result<Option<DirectoryGroup>> {
        Ok(Some(found))
    }

    fn behind(found: &DirectoryGroup) -> i64 {
        found.id.0
    }

    fn place(found: &DirectoryGroup) -> i64 {
        found.id.0
    }

    fn has_order(_: &GroupLookup, order: Infallible) -> bool {
        match order {}
    }
}

/// Compares what is sorted by: what has no value comes last, and in descending order first.
fn compare_keys(one: Option<&str>, other: Option<&str>, is_descending: bool) -> Ordering {
    let order = match (one, other) {
        (Some(one), Some(other)) => one.cmp(other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    };
    if is_descending { order.reverse() } else { order }
}

/// Those that were found, each with what it is sorted by.
type Keyed<N> = Vec<(Option<String>, N)>;

/// A query that is carried out.
struct Search<'s, 'q, S: Source> {
    source: &'s S,
    query: &'s DirectoryQuery<'q, S::Noun>,
    skip: usize,
}

impl<S: Source> Search<'_, '_, S> {
    fn meets(&self, found: &S::Noun) -> bool {
        self.query.filter.as_ref().is_none_or(|filter| (filter.meets)(found))
    }

    fn keyed(&self, found: S::Noun) -> (Option<String>, S::Noun) {
        match &self.query.order {
            DirectoryOrder::Any => (None, found),
            DirectoryOrder::By { key, .. } => (key(&found), found),
        }
    }

    fn sort(&self, found: &mut Keyed<S::Noun>) {
        let is_descending = match self.query.order {
            DirectoryOrder::Any => false,
            DirectoryOrder::By { is_descending, .. } => is_descending,
        };
        found.sort_by(|(one, a), (other, b)| {
            let order = compare_keys(one.as_deref(), other.as_deref(), is_descending);
            order.then(S::place(a).cmp(&S::place(b)))
        });
    }

    /// Returns in which order a range is read so that the page need not be sorted; `None` when no index has the one that is
    /// wanted.
    fn walk(&self, range: &<S::Noun as DirectoryNoun>::Lookup) -> Option<Walk<S::Noun>> {
        match self.query.order {
            DirectoryOrder::Any => Some(None),
            DirectoryOrder::By { index: Some(order), is_descending, .. } if S::has_order(range, order) => {
                Some(Some((order, is_descending)))
            }
            DirectoryOrder::By { .. } => None,
        }
    }

    /// Reads a page of all.
    async fn page(&self, walk: Walk<S::Noun>) -> Result<DirectoryPage<S::Noun>> {
        let total = self.source.count().await?;
        let empty = DirectoryPage { total, items: Vec::new() };
        let after = match self.query.skip {
            0 => None,
            skip if skip >= total => return Ok(empty),
            skip => match self.source.cursor(walk, skip).await? {
                None => return Ok(empty),
                after => after,
            },
        };
        let Ok(size) = PageSize::clamped(self.query.take as u64) else { return Ok(empty) };
        let all = <S::Noun as DirectoryNoun>::Lookup::ALL;
        let items = self.source.list(&all, walk, after, size, Needed::Shown).await?;
        Ok(DirectoryPage { total, items })
    }

    /// Looks values up; `None` when one of them has more than are found by it.
    async fn look_up(
        &self,
        values: &[<S::Noun as DirectoryNoun>::Lookup],
    ) -> Result<Option<DirectoryPage<S::Noun>>> {
        let mut found = Vec::new();
        for value in values {
            let items = self.source.list(value, None, None, PageSize::MAX, Needed::All).await?;
            if items.len() as u64 >= u64::from(PageSize::MAX.get()) {
                return Ok(None);
            }
            found.extend(items.into_iter().filter(|item| self.meets(item)));
        }
        found.sort_by_key(S::place);
        found.dedup_by_key(|item| S::place(item));
        let mut found: Vec<_> = found.into_iter().map(|item| self.keyed(item)).collect();
        self.sort(&mut found);
        let total = found.len() as u64;
        let page = found.into_iter().skip(self.skip).take(self.query.take);
        Ok(Some(DirectoryPage { total, items: page.map(|(_, item)| item).collect() }))
    }

    /// Looks at each that a range finds.
    async fn scan(
        &self,
        range: &<S::Noun as DirectoryNoun>::Lookup,
        walk: Option<Walk<S::Noun>>,
    ) -> Result<DirectoryAnswer<S::Noun>> {
        let (mut total, mut after) = (0_usize, None);
        let mut chosen = Keyed::new();
        let began_at = Instant::now();
        loop {
            if began_at.elapsed() > SCAN_TIME {
                return Ok(DirectoryAnswer::TakesTooLong);
            }
            let size = PageSize::clamped(SCAN_PAGE)?;
            let items = self.source.list(range, walk.flatten(), after.take(), size, Needed::Examined).await?;
            let Some(last) = items.last() else { break };
            after = Some(S::behind(last));
            for item in items.into_iter().filter(|item| self.meets(item)) {
                let is_shown = total >= self.skip && chosen.len() < self.query.take;
                total += 1;
                match walk {
                    Some(_) if is_shown => chosen.push((None, item)),
                    Some(_) => {}
                    None if chosen.len() >= SORTED_LIMIT => return Ok(DirectoryAnswer::TooManyToSort),
                    None => chosen.push(self.keyed(item)),
                }
            }
        }
        if walk.is_none() {
            self.sort(&mut chosen);
            chosen = chosen.into_iter().skip(self.skip).take(self.query.take).collect();
        }
        let mut items = Vec::new();
        for (_, item) in chosen {
            items.extend(self.source.complete(item).await?);
        }
        Ok(DirectoryAnswer::Found(DirectoryPage { total: total as u64, items }))
    }
}

impl Organizations {
    async fn list_groups(
        &self,
        provisioner: &Provisioner,
        lookup: GroupLookup,
        after: i64,
        size: PageSize,
    ) -> Result<Vec<DirectoryGroup>> {
        let input = (provisioner.organization.id, lookup, after, size);
        self.metadata
            .read(input, |tx, (id, lookup, after, size)| {
                Box::pin(tx.list_directory_groups(*id, lookup, *after, *size))
            })
            .await
    }

    async fn find_in_directory<S: Source>(
        &self,
        provisioner: &Provisioner,
        source: &S,
        query: &DirectoryQuery<'_, S::Noun>,
    ) -> Result<DirectoryAnswer<S::Noun>> {
        let search = Search { source, query, skip: usize::try_from(query.skip).unwrap_or(usize::MAX) };
        let all = <S::Noun as DirectoryNoun>::Lookup::ALL;
        let plan = match &query.filter {
            Some(filter) => Plan::of(&filter.condition),
            None => match search.walk(&all) {
                Some(walk) => return Ok(DirectoryAnswer::Found(search.page(walk).await?)),
                None => Plan::Range(all.clone()),
            },
        };
        let range = match plan {
            Plan::Range(range) => range,
            Plan::Values(values) => match search.look_up(&values).await? {
                Some(page) => return Ok(DirectoryAnswer::Found(page)),
                // Of what so many have in common, an index gives the first only.
                None => all,
            },
        };
        let _turn = self.scans.turn(provisioner.organization.id).await?;
        search.scan(&range, search.walk(&range)).await
    }

    /// Finds users of a directory.
    ///
    /// # Errors
    /// `Throttled` when others look at the whole directory all the time; those of the metadata store.
    pub async fn find_directory_users(
        &self,
        provisioner: &Provisioner,
        query: &UserQuery<'_>,
    ) -> Result<DirectoryAnswer<DirectoryUser>> {
        let users = Users { room: self, provisioner, parts: query.parts };
        self.find_in_directory(provisioner, &users, query).await
    }

    /// Finds groups of a directory; of their members, those that the query names are told.
    ///
    /// # Errors
    /// `Throttled` when others look at the whole directory all the time; those of the metadata store.
    pub async fn find_directory_groups(
        &self,
        provisioner: &Provisioner,
        query: &GroupQuery<'_>,
    ) -> Result<DirectoryAnswer<DirectoryGroup>> {
        let mut named = Vec::new();
        for user in &query.parts.0 {
            let lookup = GroupLookup::Member(*user);
            let groups = self.list_groups(provisioner, lookup, 0, PageSize::MAX).await?;
            named.push((*user, groups.into_iter().map(|group| group.id).collect()));
        }
        let groups = Groups { room: self, provisioner, named };
        self.find_in_directory(provisioner, &groups, query).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_looked_up_rather_than_ranges_and_ranges_rather_than_all() {
        let name = |text: &str| Condition::Lookup(UserLookup::UserName(text.into()));
        let prefix = || Condition::Lookup(UserLookup::UserNamePrefix("a".into()));
        let external = || Condition::Lookup(UserLookup::ExternalId("x".into()));
        let values = |values: &[&Condition<UserLookup>]| {
            let of = |condition: &&Condition<UserLookup>| match condition {
                Condition::Lookup(lookup) => lookup.clone(),
                _ => UserLookup::Nobody,
            };
            Plan::Values(values.iter().map(of).collect())
        };
        let all = Plan::Range(UserLookup::All);
        let any = Condition::Any;
        for (condition, plan) in [
            (name("a"), values(&[&name("a")])),
            (prefix(), Plan::Range(UserLookup::UserNamePrefix("a".into()))),
            (Condition::Unindexed, all.clone()),
            (Condition::All(vec![Condition::Unindexed, name("a")]), values(&[&name("a")])),
            (Condition::All(vec![prefix(), external()]), values(&[&external()])),
            (
                Condition::All(vec![prefix(), Condition::Unindexed]),
                Plan::Range(UserLookup::UserNamePrefix("a".into())),
            ),
            (Condition::All(vec![any(vec![name("a"), name("b")]), external()]), values(&[&external()])),
            (Condition::All(vec![Condition::Unindexed, Condition::Unindexed]), all.clone()),
            (any(vec![name("a"), external()]), values(&[&name("a"), &external()])),
            (any(vec![name("a"), Condition::Unindexed]), all.clone()),
            (any(vec![prefix(), name("b")]), all),
        ] {
            assert_eq!(Plan::of(&condition), plan, "{condition:?}");
        }
    }

    #[test]
    fn what_has_no_value_is_last_and_in_descending_order_first() {
        let sorted = |is_descending| {
            let mut keys = [Some("b"), None, Some("a")];
            keys.sort_by(|one, other| compare_keys(*one, *other, is_descending));
            keys
        };
        assert_eq!(sorted(false), [Some("a"), Some("b"), None]);
        assert_eq!(sorted(true), [None, Some("b"), Some("a")]);
    }
}
