//! Signs of life of the nodes that serve one registry together.

use std::time::Duration;

use longshore_domain::Result;
use longshore_domain::node::Node;
use longshore_domain::page::PageSize;

use crate::{Platform, earlier};

/// How often a node gives a sign of life.
pub const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// A node that gave none for this long is silent.
pub const SILENT: Duration = Duration::from_secs(60);
/// How long a silent node is listed.
const LISTED: Duration = Duration::from_secs(24 * 3600);

impl Platform {
    /// Notes that this node lives, on the machine of this name.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn give_sign_of_life(&self, machine: &str, version: &str) -> Result<()> {
        let now = self.now();
        let node = Node {
            id: self.node(),
            name: machine.to_owned(),
            version: version.to_owned(),
            started_at: now,
            seen_at: now,
        };
        self.metadata.write(node, |tx, node| Box::pin(tx.put_node(node))).await
    }

    /// Lists the nodes that gave a sign of life in the last day.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn list_nodes(&self) -> Result<Vec<Node>> {
        let mut nodes =
            self.metadata.look_up(PageSize::MAX, |tx, size| Box::pin(tx.list_nodes(*size))).await?;
        nodes.sort_by_key(|node| node.id);
        Ok(nodes)
    }

    /// Forgets this node, which stops.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn forget_node(&self) -> Result<()> {
        self.metadata.write(self.node(), |tx, node| Box::pin(tx.delete_node(*node))).await
    }

    /// Forgets nodes that have been silent for a day; returns how many.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn forget_silent_nodes(&self) -> Result<u64> {
        let before = earlier(self.now(), LISTED);
        self.metadata.write(before, |tx, before| Box::pin(tx.delete_silent_nodes(*before))).await
    }
}
