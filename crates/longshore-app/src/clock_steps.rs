//! A clock that went back: what was written under it lies too far ahead, and is lowered. `docs/decisions/0024`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access_key::CLOCK_SKEW_LIMIT;
use longshore_domain::ports::metadata::Ahead;
use longshore_domain::{Error, Result};

use crate::App;
use crate::housekeeping::longest_wait;
use longshore_access::write_tokens::READ_ONLY_MARGIN;
use longshore_identity::sign_in::CHALLENGE_TTL;
use longshore_lifecycle::retention;
use longshore_organizations::invites::INVITE_TTL;
use longshore_platform::{earlier, later};

/// From which step back on times are healed. Less is a clock that is being set, or a node that is not compared yet.
const WENT_BACK_FROM: Duration = Duration::from_secs(60);
/// How often the latest time is recorded.
const RECORDED_EVERY: Duration = Duration::from_secs(60);
/// The setting with the latest time that was recorded.
const LATEST: &str = "latest-time";

/// The latest time that this node has recorded or found in the database.
#[derive(Default)]
pub(crate) struct Latest(Mutex<Option<Timestamp>>);

impl App {
    /// Notices that the clock went back, and then lowers the times that were written under it to what can be waited for now, so
    /// that nobody is locked out and no work stops until the wrong time has come; it returns how many that were. Costs a write a minute. For the server's own
    /// schedule, often: what is written less than this before a clock goes back is not noticed.
    ///
    /// # Errors
    /// Those of the metadata store, but for `StorageFull`, which must not keep a server from starting; it is tried again next time.
    pub async fn heal_times(&self) -> Result<u64> {
        match self.heal_if_it_went_back().await {
            Err(Error::StorageFull(_)) => Ok(0),
            outcome => outcome,
        }
    }

    async fn heal_if_it_went_back(&self) -> Result<u64> {
        let now = self.clock.now();
        let known = *self.latest.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_told = known
            .is_some_and(|known| now >= earlier(known, WENT_BACK_FROM) && now < later(known, RECORDED_EVERY));
        if is_told {
            return Ok(0);
        }
        let mut healed = 0;
        let recorded = self
            .metadata
            .write(now, |tx, now| {
                Box::pin(async move {
                    let recorded = tx.find_setting(LATEST).await?;
                    let recorded = recorded.and_then(|text| text.parse::<Timestamp>().ok()).unwrap_or(*now);
                    if recorded <= *now {
                        tx.put_setting(LATEST, &now.to_string()).await?;
                    }
                    Ok(recorded)
                })
            })
            .await?;
        let before = known.map_or(recorded, |known| known.max(recorded));
        if now < earlier(before, WENT_BACK_FROM) {
            tracing::warn!(%before, %now, "the clock went back; what waits for a time that lies too far ahead waits no longer than usual");
            self.forget_times();
            let lowered = self.lower_times(now).await?;
            healed = lowered;
            tracing::info!(lowered, "the times that were written before the clock went back are mended");
            self.metadata
                .write(now, |tx, now| Box::pin(async move { tx.put_setting(LATEST, &now.to_string()).await }))
                .await?;
            if known.is_some() {
                self.identity.load_signing_keys().await?;
            }
        }
        *self.latest.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(healed)
    }

    /// Forgets what this node remembers until a time.
    fn forget_times(&self) {
        self.identity.forget_passwords();
        self.access.write_tokens.forget();
        self.content.forget_traffic();
    }

    async fn lower_times(&self, now: Timestamp) -> Result<u64> {
        let mut lowered = 0;
        for ahead in Ahead::ALL {
            let latest = later(now, self.longest(ahead));
            for number in 0.. {
                let input = (ahead, number, latest);
                let done = self
                    .metadata
                    .write(input, |tx, (ahead, number, latest)| {
                        Box::pin(tx.lower_times(*ahead, *number, *latest))
                    })
                    .await?;
                let Some(done) = done else { break };
                lowered += done;
            }
        }
        Ok(lowered)
    }

    /// The longest that anything waits.
    fn longest(&self, ahead: Ahead) -> Duration {
        let (settings, rates) = (&self.settings, &self.settings.rates);
        match ahead {
            Ahead::Nothing => Duration::ZERO,
            Ahead::Takeover => settings.takeover,
            Ahead::Lease => settings.gc.lease,
            Ahead::Review => settings.gc.lease.max(settings.gc.undo),
            Ahead::Upload => settings.upload_expiry,
            Ahead::Challenge => CHALLENGE_TTL,
            Ahead::SigningKey => self.identity.key_overlap(),
            Ahead::WriteTokens => self.access.longest_write_token(),
            Ahead::ReadOnly => self.access.longest_write_token() + READ_ONLY_MARGIN,
            Ahead::Retention => retention::INTERVAL,
            Ahead::Signature => 2 * CLOCK_SKEW_LIMIT,
            Ahead::Invite => INVITE_TTL,
            Ahead::Work => longest_wait(),
            Ahead::RateWindow => {
                let all = [
                    rates.requests_per_account,
                    rates.requests_per_address,
                    rates.pulls_per_account,
                    rates.pulls_per_address,
                ];
                all.into_iter().map(|rate| rate.window).max().unwrap_or_default()
            }
        }
    }
}
