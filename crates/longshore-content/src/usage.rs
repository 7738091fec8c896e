//! What the namespaces of an account hold, store and send.
//!
//! SWR API, "Tenant resource overview" and "Tenant resource statistics".

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use longshore_domain::Result;
use longshore_domain::access::action::{NamespaceAction, RepositoryAction};
use longshore_domain::access::actor::Actor;
use longshore_domain::account::{Account, AccountId};
use longshore_domain::image::{ImageFilter, ImageStatus};
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{ContentTx, RepositoryCounts};

use crate::Content;
use crate::limits::{day_of, month_of};
use longshore_organizations::namespaces::ListedNamespaces;

/// Days of a daily report, with today.
const REPORTED_DAYS: i64 = 30;
/// Months of a monthly report, with this one.
const REPORTED_MONTHS: i64 = 12;

/// What an account has.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The account.
    pub account: Account,
    /// Namespaces that it owns.
    pub namespaces: u64,
    /// Repositories in them.
    pub repositories: u64,
    /// Tags in them.
    pub tags: u64,
    /// Bytes that are stored for them.
    pub stored_bytes: u64,
    /// Bytes that were pulled from them in this month.
    pub sent_bytes: u64,
}

/// What is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// Bytes stored at the end of each day or month.
    Stored,
    /// Bytes pulled in each day or month.
    Sent,
}

/// How often something is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// Each of the last 30 days.
    Daily,
    /// Each of the last 12 months, by their first day.
    Monthly,
}

fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn start(date: Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

/// Returns the first days of what is reported, the oldest first.
fn periods(frequency: Frequency, now: Timestamp) -> Vec<Date> {
    let back = |last: Date, number: i64| match frequency {
        Frequency::Daily => last.checked_sub(number.days()),
        Frequency::Monthly => last.checked_sub(number.months()),
    };
    let (last, number) = match frequency {
        Frequency::Daily => (date(day_of(now)), REPORTED_DAYS),
        Frequency::Monthly => (date(month_of(now)), REPORTED_MONTHS),
    };
    (0..number).rev().filter_map(|number| back(last, number).ok()).collect()
}

/// Adds up what one namespace stored or sent in each period.
async fn add_namespace(
    tx: &mut dyn ContentTx,
    namespace: AccountId,
    reported: Reported,
    periods: &[Date],
    sums: &mut BTreeMap<Date, u64>,
) -> Result<()> {
    let Some(first) = periods.first() else { return Ok(()) };
    let from = start(*first);
    let mut stored = tx.find_stored_before(namespace, from).await?.unwrap_or_default();
    let mut days = tx.list_usage_days(namespace, from, PageSize::MAX).await?.into_iter().peekable();
    for (number, period) in periods.iter().enumerate() {
        let until = periods.get(number + 1).map_or(Timestamp::MAX, |next| start(*next));
        let mut sent = 0;
        while let Some(day) = days.next_if(|day| day.day < until) {
            sent += day.sent_bytes;
            stored = day.stored_bytes.unwrap_or(stored);
        }
        let amount = if reported == Reported::Stored { stored } else { sent };
        *sums.entry(*period).or_default() += amount;
    }
    Ok(())
}

/// Most blobs of a repository of which it is counted what only it has.
const COUNTED_BLOBS: u32 = 20_000;
/// Most idle images whose bytes are added up.
const MEASURED_IMAGES: u64 = 20_000;

/// What a repository holds and stores.
#[derive(Clone, Copy, Debug)]
pub struct RepositoryUsage {
    /// What it holds.
    pub counts: RepositoryCounts,
    /// Bytes of the blobs that no other repository of the namespace has; `None` when it has more
    /// than twenty thousand, and to those who do not see all of the namespace: it would tell what the others have.
    pub only_here_bytes: Option<u64>,
    /// Images that were neither pushed nor pulled since a time.
    pub inactive: u64,
    /// Their bytes, each by itself; nothing of more than 20,000.
    pub inactive_bytes: Option<u64>,
}

/// What a namespace holds, stores and sends.
#[derive(Clone, Debug)]
pub struct NamespaceUsage {
    /// Its repositories.
    pub repositories: u64,
    /// Tags in them.
    pub tags: u64,
    /// Bytes that are stored for it, a blob once.
    pub stored_bytes: u64,
    /// Bytes that were pulled from it in this month.
    pub sent_bytes: u64,
    /// The last days, the oldest first.
    pub days: Vec<DayUsage>,
}

/// What a namespace stored and sent on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayUsage {
    /// The day, UTC.
    pub day: Date,
    /// Bytes that it stored at the end of it.
    pub stored_bytes: u64,
    /// Bytes that were pulled from it.
    pub sent_bytes: u64,
    /// Images that were pulled from it.
    pub pulls: u64,
    /// Images that were pushed to it.
    pub pushes: u64,
}

async fn usage_of(
    tx: &mut dyn ContentTx,
    namespace: AccountId,
    month: Timestamp,
    days: &[Date],
) -> Result<NamespaceUsage> {
    let (repositories, tags) = tx.namespace_counts(namespace).await?;
    let from = days.first().map_or(Timestamp::MIN, |first| start(*first));
    let mut stored_bytes = tx.find_stored_before(namespace, from).await?.unwrap_or_default();
    let mut known = tx.list_usage_days(namespace, from, PageSize::MAX).await?.into_iter().peekable();
    let mut shown = Vec::new();
    for day in days {
        let mut usage = DayUsage { day: *day, stored_bytes, sent_bytes: 0, pulls: 0, pushes: 0 };
        while let Some(found) = known.next_if(|found| date(found.day) <= *day) {
            stored_bytes = found.stored_bytes.unwrap_or(stored_bytes);
            usage.sent_bytes += found.sent_bytes;
            usage.pulls += found.pulls;
            usage.pushes += found.pushes;
        }
        shown.push(DayUsage { stored_bytes, ..usage });
    }
    // What is stored now, also where the day's changes are not added up yet.
    let stored_bytes = tx.storage_of(namespace).await?;
    if let Some(today) = shown.last_mut() {
        today.stored_bytes = stored_bytes;
    }
    Ok(NamespaceUsage {
        repositories,
        tags,
        stored_bytes,
        sent_bytes: tx.traffic_of(namespace, month).await?,
        days: shown,
    })
}

impl Content {
    /// Returns what a namespace holds, stores and sends, for whoever may do something in it.
    ///
    /// # Errors
    /// As [`authorize_namespace`](longshore_access::AccessControl::authorize_namespace) for viewing.
    pub async fn get_namespace_usage(&self, actor: &Actor, name: &Namespace) -> Result<NamespaceUsage> {
        let namespace = self.access.authorize_namespace(actor, name, NamespaceAction::View).await?.account.id;
        let now = self.clock.now();
        let input = (namespace, month_of(now), periods(Frequency::Daily, now));
        self.metadata
            .read(input, |tx, (namespace, month, days)| Box::pin(usage_of(tx, *namespace, *month, days)))
            .await
    }

    /// Returns what a repository holds and stores, and how many of its images were neither pushed nor pulled since a time.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags.
    pub async fn get_repository_usage(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        since: Timestamp,
    ) -> Result<RepositoryUsage> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?.id;
        let namespace = name.namespace();
        let sees_all =
            self.access.authorize_namespace(actor, &namespace, NamespaceAction::ViewShares).await.is_ok();
        self.metadata
            .read((repository, since, sees_all), |tx, (repository, since, sees_all)| {
                Box::pin(async move {
                    let only_here_bytes = match sees_all {
                        true => tx.bytes_only_in(*repository, COUNTED_BLOBS).await?,
                        false => None,
                    };
                    let status = Some(ImageStatus::Inactive);
                    let filter = ImageFilter { active_from: *since, status, is_tagged: None };
                    let inactive = tx.count_images(*repository, &filter).await?;
                    let inactive_bytes = tx.measure_inactive(*repository, *since, MEASURED_IMAGES).await?;
                    let counts = tx.repository_counts(*repository).await?;
                    Ok(RepositoryUsage { counts, only_here_bytes, inactive, inactive_bytes })
                })
            })
            .await
    }

    /// Returns the namespaces that an actor's account owns, as far as the project goes that it signed in to.
    async fn owned_namespaces(&self, actor: &Actor) -> Result<Vec<AccountId>> {
        let all = self.organizations.list_own_namespaces(actor, "", ListedNamespaces::Permitted).await?;
        let owned = all.into_iter().filter(|namespace| namespace.is_owned);
        Ok(owned.map(|namespace| namespace.account.id).collect())
    }

    /// Returns what the actor's account has.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn get_overview(&self, actor: &Actor) -> Result<Overview> {
        let account = self.identity.get_project(actor).await?;
        let namespaces = self.owned_namespaces(actor).await?;
        let number = namespaces.len() as u64;
        let input = (namespaces, month_of(self.clock.now()));
        let [repositories, tags, stored_bytes, sent_bytes] = self
            .metadata
            .read(input, |tx, (namespaces, month)| {
                Box::pin(async move {
                    let mut sums = [0; 4];
                    for namespace in namespaces {
                        let (repositories, tags) = tx.namespace_counts(*namespace).await?;
                        let stored = tx.storage_of(*namespace).await?;
                        let sent = tx.traffic_of(*namespace, *month).await?;
                        for (sum, amount) in sums.iter_mut().zip([repositories, tags, stored, sent]) {
                            *sum += amount;
                        }
                    }
                    Ok(sums)
                })
            })
            .await?;
        Ok(Overview { account, namespaces: number, repositories, tags, stored_bytes, sent_bytes })
    }

    /// Reports what the namespaces of the actor's account stored or sent, the oldest first.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn report_usage(
        &self,
        actor: &Actor,
        reported: Reported,
        frequency: Frequency,
    ) -> Result<Vec<(Date, u64)>> {
        let namespaces = self.owned_namespaces(actor).await?;
        let input = (namespaces, reported, periods(frequency, self.clock.now()));
        let sums = self
            .metadata
            .read(input, |tx, (namespaces, reported, periods)| {
                Box::pin(async move {
                    let mut sums: BTreeMap<Date, u64> = periods.iter().map(|period| (*period, 0)).collect();
                    for namespace in namespaces {
                        add_namespace(tx, *namespace, *reported, periods, &mut sums).await?;
                    }
                    Ok(sums)
                })
            })
            .await?;
        Ok(sums.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_with_the_present_one() {
        let now = "2026-03-31T12:00:00Z".parse().unwrap();
        let days = periods(Frequency::Daily, now);
        let shown = |dates: &[Date]| [dates[0].to_string(), dates[dates.len() - 1].to_string()];
        assert_eq!((days.len(), shown(&days)), (30, ["2026-03-02".to_owned(), "2026-03-31".to_owned()]));
        let months = periods(Frequency::Monthly, now);
        assert_eq!((months.len(), shown(&months)), (12, ["2025-04-01".to_owned(), "2026-03-01".to_owned()]));
    }
}
