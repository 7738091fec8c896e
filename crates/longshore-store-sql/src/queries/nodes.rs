//! Nodes and their signs of life.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::node::Node;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::NodeRecords;
use uuid::Uuid;

use crate::tx::{SqlTx, values};

#[async_trait]
impl NodeRecords for SqlTx<'_> {
    async fn put_node(&mut self, node: &Node) -> Result<()> {
        self.execute(
            "INSERT INTO nodes (id, name, version, started_at, seen_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
            values![node.id, node.name.as_str(), node.version.as_str(), node.started_at, node.seen_at],
        )
        .await
        .map(|_| ())
    }

    async fn list_nodes(&mut self, size: PageSize) -> Result<Vec<Node>> {
        self.all(
            "SELECT id, name, version, started_at, seen_at FROM nodes LIMIT $1",
            values![size.get()],
            |row| {
                Ok(Node {
                    id: row.uuid(0)?,
                    name: row.text(1)?,
                    version: row.text(2)?,
                    started_at: row.time(3)?,
                    seen_at: row.time(4)?,
                })
            },
        )
        .await
    }

    async fn delete_node(&mut self, id: Uuid) -> Result<()> {
        self.execute("DELETE FROM nodes WHERE id = $1", values![id]).await.map(|_| ())
    }

    async fn delete_silent_nodes(&mut self, before: Timestamp) -> Result<u64> {
        Ok(self.execute("DELETE FROM nodes WHERE seen_at <= $1", values![before]).await? as u64)
    }
}
