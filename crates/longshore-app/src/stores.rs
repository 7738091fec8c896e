//! What operators see of nodes and of the store.

use std::time::Duration;

use jiff::Timestamp;
use longshore_content::limits::day_of;
use longshore_domain::Result;
use longshore_domain::access::actor::Actor;
use longshore_domain::node::Node;
use longshore_domain::page::PageSize;
use longshore_domain::ports::space::Room;
use longshore_platform::earlier;

use crate::App;

/// Over how many days growth is measured.
const MEASURED_DAYS: u64 = 30;
const DAY_SECONDS: u64 = 24 * 3600;

/// The store of blobs.
#[derive(Clone, Debug)]
pub struct StoreStatus {
    /// What it is: a folder, or an object store.
    pub kind: &'static str,
    /// Bytes that all namespaces store, each by itself: what several have counts for each. As of the last hour.
    pub stored_bytes: u64,
    /// Room of the volume, of a folder.
    pub room: Option<Room>,
    /// By how many bytes that grew a day, in the last month or since it is known; `None` in the first day.
    pub growth_bytes: Option<i64>,
    /// When the volume is full if it goes on like that.
    pub full_at: Option<Timestamp>,
}

/// Returns by how much something grows a day, of what it was at the end of days, in their order.
fn growth(days: &[(Timestamp, u64)]) -> Option<i64> {
    let (first, last) = (days.first()?, days.last()?);
    let seconds = last.0.duration_since(first.0).as_secs();
    let passed = u64::try_from(seconds).ok()? / DAY_SECONDS;
    let grown = i128::from(last.1) - i128::from(first.1);
    (passed > 0).then(|| i64::try_from(grown / i128::from(passed)).unwrap_or(i64::MAX))
}

impl App {
    /// Lists the nodes that gave a sign of life in the last day.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator.
    pub async fn list_nodes(&self, actor: &Actor) -> Result<Vec<Node>> {
        self.access.require_operator(actor)?;
        self.platform.list_nodes().await
    }

    /// Tells how the store is filled.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator.
    pub async fn get_store_status(&self, actor: &Actor) -> Result<StoreStatus> {
        self.access.require_operator(actor)?;
        let now = self.clock.now();
        let from = earlier(day_of(now), Duration::from_secs(MEASURED_DAYS * DAY_SECONDS));
        let days = self
            .metadata
            .look_up(from, |tx, from| Box::pin(tx.list_stored_days(*from, PageSize::MAX)))
            .await?;
        let kind = self.blobs.name();
        let room = if kind == "folder" { self.platform.find_room().await } else { None };
        let growth_bytes = growth(&days);
        let full_at = room.zip(growth_bytes).and_then(|(room, growth)| {
            let left = room.free_bytes / u64::try_from(growth).ok().filter(|growth| *growth > 0)?;
            let seconds = i64::try_from(left.checked_mul(DAY_SECONDS)?).ok()?;
            now.checked_add(jiff::SignedDuration::from_secs(seconds)).ok()
        });
        let stored_bytes = days.last().map_or(0, |(_, bytes)| *bytes);
        Ok(StoreStatus { kind, stored_bytes, room, growth_bytes, full_at })
    }

    /// Notes what is stored today. For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub(crate) async fn record_stored(&self) -> Result<u64> {
        let today = day_of(self.clock.now());
        self.metadata.write(today, |tx, today| Box::pin(tx.record_stored(*today))).await.map(|()| 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_measured_over_whole_days() {
        let day = |number: i64, bytes| (Timestamp::from_second(number * 86_400).unwrap(), bytes);
        assert_eq!(growth(&[]), None);
        assert_eq!(growth(&[day(1, 5)]), None);
        assert_eq!(growth(&[day(1, 100), day(3, 300), day(11, 1100)]), Some(100));
        assert_eq!(growth(&[day(1, 1100), day(11, 100)]), Some(-100));
    }
}
