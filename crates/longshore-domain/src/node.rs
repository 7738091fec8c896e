//! Nodes: the processes that serve one registry together.

use jiff::Timestamp;
use uuid::Uuid;

/// A node, as it last gave a sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id, another one after each start.
    pub id: Uuid,
    /// Name of its machine.
    pub name: String,
    /// Version of its program.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it last gave a sign of life.
    pub seen_at: Timestamp,
}
