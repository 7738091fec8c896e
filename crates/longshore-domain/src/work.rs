//! Durable work: what is to be done later, as rows that survive the process that wished for it.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

/// Number of a piece of work; of waiting and dead work together, each number is given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkId(pub i64);

/// Work that somebody wishes for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWork {
    /// What kind of work it is; see the room that does it.
    pub kind: &'static str,
    /// What it is about. While work of this kind and key waits, a second wish takes its place; while it is being done, a second
    /// wish waits behind it. `None`: every wish is done.
    pub key: Option<String>,
    /// Whose turn it takes, not empty: kinds serve their lanes in turn, so that nobody's work waits for all of somebody else's.
    pub lane: String,
    /// What the kind needs to know, as JSON, without secrets.
    pub payload: String,
    /// Not before.
    pub due_at: Timestamp,
    /// When it was wished for.
    pub created_at: Timestamp,
}

/// A piece of work that somebody wished for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkItem {
    /// Number.
    pub id: WorkId,
    /// What kind of work it is.
    pub kind: String,
    /// What it is about.
    pub key: Option<String>,
    /// Whose turn it takes.
    pub lane: String,
    /// What the kind needs to know, as JSON.
    pub payload: String,
    /// Not before.
    pub due_at: Timestamp,
    /// How often it was begun since it was wished for, or last succeeded.
    pub attempts: u32,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// When it was wished for.
    pub created_at: Timestamp,
}

/// How work that repeats went last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// When it ended well.
    pub ended_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How many things it dealt with.
    pub items: u64,
}

/// Where a piece of work stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkState {
    /// Nobody does it now.
    Waiting,
    /// A node does it, and says so again before this time.
    Running {
        /// The node.
        node: Uuid,
        /// When another node may take it, unless it is renewed.
        until: Timestamp,
    },
    /// It was given up.
    Dead {
        /// When.
        died_at: Timestamp,
    },
}

/// A piece of work as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedWork {
    /// The work.
    pub item: WorkItem,
    /// Where it stands.
    pub state: WorkState,
    /// How it went last, of work that repeats.
    pub last_run: Option<LastRun>,
}

/// How much work of one kind there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkDepth {
    /// How much waits; counted up to [`WorkDepth::COUNTED`].
    pub waiting: u64,
    /// Since when the oldest could be done, if it is due.
    pub oldest_due_at: Option<Timestamp>,
    /// How much was given up; counted up to [`WorkDepth::COUNTED`].
    pub dead: u64,
}

impl WorkDepth {
    /// Most that is counted of one kind.
    pub const COUNTED: u32 = 10_000;
}
