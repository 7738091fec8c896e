//! `/readyz`: whether a load balancer should send this node requests, `/readyz?for=push` also those that push.
//!
//! Answered within about a second whatever a store does, and it says which one is at fault.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use longshore_api_common::Response;
use longshore_app::App;
use longshore_app::readiness::{Part, Purpose};
use longshore_domain::{Error, Result};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::dispatch::text;

/// How long an answer is kept, so that asking often costs nothing.
const KEPT: Duration = Duration::from_secs(1);
/// A store that does not answer in this time is not ready.
const LIMIT: Duration = Duration::from_secs(1);

/// What was found, one sentence for each part that is at fault.
type Faults = Arc<Vec<String>>;

/// Answers whether the node is ready.
pub struct Readiness {
    app: Arc<App>,
    read: Mutex<Option<(Instant, Faults)>>,
    push: Mutex<Option<(Instant, Faults)>>,
}

impl Readiness {
    pub fn new(app: Arc<App>) -> Self {
        Self { app, read: Mutex::default(), push: Mutex::default() }
    }

    /// Answers a request with this query.
    pub async fn answer(&self, query: &str) -> Response {
        let purposes = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "for");
        let purpose = match purposes.last() {
            None => Purpose::Read,
            Some((_, value)) if value == "read" => Purpose::Read,
            Some((_, value)) if value == "push" => Purpose::Push,
            Some(_) => return text(StatusCode::BAD_REQUEST, "ask for=read or for=push\n"),
        };
        let faults = self.faults(purpose).await;
        match faults.is_empty() {
            true => text(StatusCode::OK, "ready\n"),
            false => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: {}; see the log\n", faults.join("; ")),
            ),
        }
    }

    async fn faults(&self, purpose: Purpose) -> Faults {
        let kept = match purpose {
            Purpose::Read => &self.read,
            Purpose::Push => &self.push,
        };
        let mut kept = kept.lock().await;
        if let Some((at, faults)) = &*kept
            && at.elapsed() < KEPT
        {
            return Arc::clone(faults);
        }
        let check = |part| within(part, self.app.check_part(part, purpose));
        let (database, blobs, disk) =
            tokio::join!(check(Part::Database), check(Part::BlobStore), check(Part::Disk));
        // Which the log has said already.
        let clock = self.app.platform.clock_fault();
        let faults = Arc::new([database, blobs, disk, clock].into_iter().flatten().collect());
        *kept = Some((Instant::now(), Arc::clone(&faults)));
        faults
    }
}

/// Waits for a part as long as anybody should, and says what is wrong with it. The cause is for the log.
async fn within(part: Part, check: impl Future<Output = Result<()>>) -> Option<String> {
    let name = part.name();
    let (fault, cause) = match tokio::time::timeout(LIMIT, check).await {
        Ok(Ok(())) => return None,
        Err(_) => (format!("{name} does not answer within a second"), String::new()),
        Ok(Err(Error::StorageFull(source))) => (format!("{name} is full"), source.to_string()),
        Ok(Err(error)) => (format!("{name} cannot be used"), longshore_domain::error::chain(&error)),
    };
    tracing::warn!(cause, "this node is not ready: {fault}");
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_is_named_after_a_second() {
        let began_at = Instant::now();
        let fault = within(Part::BlobStore, std::future::pending()).await.unwrap();
        assert_eq!(fault, "the blob store does not answer within a second");
        assert_eq!(began_at.elapsed(), LIMIT);
        let failed =
            within(Part::Database, async { Err(Error::Unavailable("secret host".into())) }).await.unwrap();
        assert_eq!(failed, "the database cannot be used");
        assert_eq!(within(Part::Disk, async { Ok(()) }).await, None);
    }
}
