//! Tags as they were at a time: `latest.asof.20261101T120000Z`, which any client can pull, as it is a tag.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::digest::Digest;
use crate::name::{RepositoryName, Tag};

/// What stands between a tag and a time.
const MARK: &str = ".asof.";

/// A tag as it was at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastTag {
    /// The tag.
    pub tag: Tag,
    /// The time. What a tag points at from then on counts, what it points at until then does not.
    pub at: Timestamp,
}

impl PastTag {
    /// Reads `TAG.asof.YYYYMMDDTHHMMSSZ`, or `TAG.asof.YYYYMMDD` for the end of that day in UTC; `None` for every other tag, also
    /// where there is no such day or second.
    pub fn parse(tag: &Tag) -> Option<Self> {
        let (before, when) = tag.as_str().rsplit_once(MARK)?;
        let at = match (when.get(..8)?, when.get(8..)?) {
            (day, "") => last_moment_of(parse_date(day)?)?,
            (day, time) => {
                let time = time.strip_prefix('T')?.strip_suffix('Z')?;
                let [hour, minute, second] = numbers(time, [2, 2, 2])?;
                let parts = [hour, minute, second].map(|part| i8::try_from(part).unwrap_or(i8::MAX));
                let date = parse_date(day)?;
                at_utc(
                    DateTime::new(date.year(), date.month(), date.day(), parts[0], parts[1], parts[2], 0)
                        .ok()?,
                )?
            }
        };
        Some(Self { tag: before.parse().ok()?, at })
    }
}

impl fmt::Display for PastTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{MARK}{}", self.tag, self.at.strftime("%Y%m%dT%H%M%SZ"))
    }
}

/// Reads numbers of so many digits, which stand one after the other.
fn numbers<const N: usize>(text: &str, widths: [usize; N]) -> Option<[i16; N]> {
    if text.len() != widths.iter().sum::<usize>() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut rest = text;
    let mut found = [0; N];
    for (number, width) in found.iter_mut().zip(widths) {
        let (digits, after) = rest.split_at(width);
        *number = digits.parse().ok()?;
        rest = after;
    }
    Some(found)
}

fn parse_date(text: &str) -> Option<Date> {
    let [year, month, day] = numbers(text, [4, 2, 2])?;
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn at_utc(time: DateTime) -> Option<Timestamp> {
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Returns the last microsecond of a day.
fn last_moment_of(day: Date) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?;
    at_utc(next.at(0, 0, 0, 0))?.checked_sub(1.microsecond()).ok()
}

/// Why a tag of the past is not to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PastRefusal {
    /// The time has not come.
    #[error("{} is not past yet, so what {} will point at then is not known; ask for an earlier time", .0.at, .0.tag)]
    NotYet(PastTag),
    /// The time has not come.
    #[error("{0} is not past yet; ask for an earlier time")]
    Future(Timestamp),
    /// The tag never pointed there.
    #[error(
        "the tag {tag} of {repository} has not pointed there before, as far back as is looked; its history shows where it has, and setting it needs no history"
    )]
    Never {
        /// Where it was looked for.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
    },
    /// There was no such tag then.
    #[error("{repository} had no tag {} at {}; it was pushed later, or deleted before", .past.tag, .past.at)]
    NotThere {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        past: PastTag,
    },
    /// What the tag pointed at then was deleted since.
    #[error("{} of {repository} pointed at {digest} at {}, which was deleted since", .past.tag, .past.at)]
    Gone {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        past: PastTag,
        /// What it pointed at.
        digest: Digest,
        /// Since when.
        from: Timestamp,
        /// Until when; `None` for still, which is so for a moment only.
        until: Option<Timestamp>,
    },
    /// Tags of this form are not pushed.
    #[error(
        "the tag {0} is reserved for the past: with .asof. and a time after it, a tag is what it pointed at then; push under another name"
    )]
    Reserved(Tag),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(text: &str) -> Option<(String, String)> {
        let past = PastTag::parse(&text.parse().unwrap())?;
        Some((past.tag.to_string(), past.at.to_string()))
    }

    #[test]
    fn a_tag_of_the_past_is_a_tag_and_a_second_or_the_end_of_a_day() {
        let of = |tag: &str, at: &str| Some((tag.to_owned(), at.to_owned()));
        assert_eq!(past("latest.asof.20261101T120000Z"), of("latest", "2026-11-01T12:00:00Z"));
        assert_eq!(past("v1.asof.20261101"), of("v1", "2026-11-01T23:59:59.999999Z"));
        assert_eq!(past("v1.asof.20241231"), of("v1", "2024-12-31T23:59:59.999999Z"));
        assert_eq!(past("v1.asof.20240229"), of("v1", "2024-02-29T23:59:59.999999Z"));
        // The last one counts: what is before it is a tag, whatever it is.
        assert_eq!(
            past("v1.asof.20240101.asof.20250101"),
            of("v1.asof.20240101", "2025-01-01T23:59:59.999999Z")
        );
    }

    #[test]
    fn what_is_no_time_is_a_tag_like_others() {
        for tag in [
            "latest",
            "latest.asof.",
            "latest.asof.2026110",
            "latest.asof.202611011",
            "latest.asof.20261301",
            "latest.asof.20260229",
            "latest.asof.20261101T120000",
            "latest.asof.20261101T1200Z",
            "latest.asof.20261101T240000Z",
            // A second that was inserted once cannot be told from the next one.
            "latest.asof.20161231T235960Z",
            "latest.asof.20261101t120000z",
            "latest.asof.2026-11-01",
            "latest_asof_20261101",
        ] {
            assert_eq!(past(tag), None, "{tag}");
        }
    }

    #[test]
    fn a_tag_of_the_past_reads_back() {
        let tag: Tag = "latest.asof.20261101T120000Z".parse().unwrap();
        assert_eq!(PastTag::parse(&tag).unwrap().to_string(), tag.as_str());
    }
}
