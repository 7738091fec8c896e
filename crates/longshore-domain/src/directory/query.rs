//! What is looked for in a directory, in no dialect's words: one query for its users and its groups.
//!
//! Whoever asks says what it is that an index may find ([`Condition`]), and decides about each that was found
//! ([`DirectoryFilter::meets`]); the room of organizations plans how they are found. Comparisons of attributes by the rules of a
//! protocol, such as which of them mind letter case, stay with that protocol: what is needed here is only what finds.

use std::convert::Infallible;

use uuid::Uuid;

use super::{DirectoryGroup, DirectoryUser, GroupLookup, UserLookup, UserOrder, UserParts};

/// Most users or groups that are sorted by what no index has.
pub const SORTED_LIMIT: usize = 10_000;

/// What all that are wanted have in common, as far as it helps to find them. It may say less than what is asked for, and never
/// more: whoever is wanted meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition<L> {
    /// The lookup finds whoever meets it.
    Lookup(L),
    /// Only looking at each tells who meets it.
    Unindexed,
    /// All of these hold.
    All(Vec<Self>),
    /// One of these holds.
    Any(Vec<Self>),
}

/// What an index finds.
pub trait DirectoryLookup: Clone + Send + Sync {
    /// Finds everything.
    const ALL: Self;

    /// Returns whether it may find any number, so that they are read a page at a time and in the order of the index; otherwise
    /// it is one value that few have.
    fn is_range(&self) -> bool;
}

impl DirectoryLookup for UserLookup {
    const ALL: Self = Self::All;

    fn is_range(&self) -> bool {
        match self {
            Self::All | Self::UserNamePrefix(_) => true,
            Self::Nobody
            | Self::Id(_)
            | Self::UserName(_)
            | Self::ExternalId(_)
            | Self::Email(_)
            | Self::Name(_) => false,
        }
    }
}

impl DirectoryLookup for GroupLookup {
    const ALL: Self = Self::All;

    fn is_range(&self) -> bool {
        match self {
            Self::All => true,
            Self::Nothing | Self::Id(_) | Self::DisplayName(_) | Self::ExternalId(_) | Self::Member(_) => {
                false
            }
        }
    }
}

/// What a directory has.
pub trait DirectoryNoun: Sized + Send + Sync {
    /// What an index finds.
    type Lookup: DirectoryLookup;
    /// An order that an index has.
    type Order: Copy + Send + Sync;
    /// What is loaded besides what is always there.
    type Parts: Send + Sync;
}

impl DirectoryNoun for DirectoryUser {
    type Lookup = UserLookup;
    type Order = UserOrder;
    type Parts = QueriedParts;
}

impl DirectoryNoun for DirectoryGroup {
    type Lookup = GroupLookup;
    type Order = Infallible;
    type Parts = NamedMembers;
}

/// Which parts of users a query needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueriedParts {
    /// Those that filter and order look at.
    pub examined: UserParts,
    /// Those that the answer shows.
    pub shown: UserParts,
}

/// The users that a filter asks of groups whether they are in them: a group may have too many members to look at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedMembers(pub Vec<Uuid>);

/// Decides about one that was found.
pub type Predicate<'q, N> = &'q (dyn Fn(&N) -> bool + Send + Sync);
/// Returns what one is sorted by; `None` comes last, and in descending order first.
pub type SortKey<'q, N> = &'q (dyn Fn(&N) -> Option<String> + Send + Sync);

/// Which users or groups are wanted.
pub struct DirectoryFilter<'q, N: DirectoryNoun> {
    /// What all of them meet.
    pub condition: Condition<N::Lookup>,
    /// Decides.
    pub meets: Predicate<'q, N>,
}

/// In which order they are wanted.
pub enum DirectoryOrder<'q, N: DirectoryNoun> {
    /// As whatever finds them has them.
    Any,
    /// By something that each has; of those that have the same, as they came into the directory.
    By {
        /// The same order, if an index has it.
        index: Option<N::Order>,
        /// What each has.
        key: SortKey<'q, N>,
        /// The last first.
        is_descending: bool,
    },
}

/// What is wanted of the users or groups of a directory.
pub struct DirectoryQuery<'q, N: DirectoryNoun> {
    /// Which; `None` for all.
    pub filter: Option<DirectoryFilter<'q, N>>,
    /// In which order.
    pub order: DirectoryOrder<'q, N>,
    /// With what.
    pub parts: N::Parts,
    /// Without so many of the first.
    pub skip: u64,
    /// At most so many.
    pub take: usize,
}

/// A query for users.
pub type UserQuery<'q> = DirectoryQuery<'q, DirectoryUser>;
/// A query for groups.
pub type GroupQuery<'q> = DirectoryQuery<'q, DirectoryGroup>;

/// What a query finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryPage<N> {
    /// How many there are, on all pages.
    pub total: u64,
    /// Those of the page.
    pub items: Vec<N>,
}

/// What comes of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryAnswer<N> {
    /// A page.
    Found(DirectoryPage<N>),
    /// No index finds them, and looking at all takes longer than one request may.
    TakesTooLong,
    /// More than [`SORTED_LIMIT`] would have to be sorted.
    TooManyToSort,
}
