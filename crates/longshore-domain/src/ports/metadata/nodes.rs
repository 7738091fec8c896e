//! Nodes and their signs of life.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::Result;
use crate::node::Node;
use crate::page::PageSize;

/// Nodes.
#[async_trait]
pub trait NodeRecords {
    /// Notes a sign of life.
    async fn put_node(&mut self, node: &Node) -> Result<()>;
    /// Lists nodes, at most `size`.
    async fn list_nodes(&mut self, size: PageSize) -> Result<Vec<Node>>;
    /// Forgets a node.
    async fn delete_node(&mut self, id: Uuid) -> Result<()>;
    /// Forgets nodes without a sign of life since a time; returns how many.
    async fn delete_silent_nodes(&mut self, before: Timestamp) -> Result<u64>;
}
