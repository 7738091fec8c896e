//! How numbers, sizes, times and digests are written for people.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use longshore_domain::digest::Digest;

/// Digits of a digest that are shown.
const DIGEST_DIGITS: usize = 12;

/// Writes a number with a comma between each three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number with what it is of, in the singular or plural.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{} {many}", count(number)),
    }
}

/// Writes a size in decimal units with three digits, as `docker` and `crane` print them.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64;
    let mut shown = UNITS[0];
    for unit in UNITS {
        amount /= 1000.0;
        shown = unit;
        if amount < 999.5 {
            break;
        }
    }
    match amount {
        _ if amount < 9.995 => format!("{amount:.2} {shown}"),
        _ if amount < 99.95 => format!("{amount:.1} {shown}"),
        _ => format!("{amount:.0} {shown}"),
    }
}

/// Bytes, with the exact number for whoever points at them.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 < 1000 {
            true => f.write_str(&size(self.0)),
            false => write!(f, "<span title=\"{} bytes\">{}</span>", count(self.0), size(self.0)),
        }
    }
}

impl askama::filters::HtmlSafe for Size {}

/// Writes how long ago, or in how long, a time is.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    let (amount, is_past) = (seconds.unsigned_abs(), seconds >= 0);
    let (number, unit) = match amount {
        0..60 => return if is_past { "just now".into() } else { "in a moment".into() },
        60..3600 => (amount / 60, "minute"),
        3600..86_400 => (amount / 3600, "hour"),
        86_400..5_184_000 => (amount / 86_400, "day"),
        5_184_000..63_072_000 => (amount / 2_592_000, "month"),
        _ => (amount / 31_536_000, "year"),
    };
    let plural = if number == 1 { "" } else { "s" };
    match is_past {
        true => format!("{} {unit}{plural} ago", count(number)),
        false => format!("in {} {unit}{plural}", count(number)),
    }
}

/// Writes a time as a date of the day, in UTC.
pub(crate) fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// A time, by its age, with the exact time for whoever points at it; the script writes that in the reader's zone.
pub(crate) struct Age {
    pub(crate) at: Timestamp,
    pub(crate) now: Timestamp,
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = Timestamp::from_second(self.at.as_second()).unwrap_or(self.at);
        write!(
            f,
            "<time datetime=\"{exact}\" title=\"{}\" data-varies>{}</time>",
            date(self.at),
            age(self.at, self.now)
        )
    }
}

impl askama::filters::HtmlSafe for Age {}

/// Writes the beginning of a digest.
pub(crate) fn short(digest: &Digest) -> String {
    let text = digest.to_string();
    let (algorithm, digits) = text.split_once(':').unwrap_or(("", &text));
    format!("{algorithm}:{}", digits.get(..DIGEST_DIGITS).unwrap_or(digits))
}

/// Writes what share one number is of another, as a whole number of percent.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    match whole {
        0 => 0,
        _ => (u128::from(part) * 100 / u128::from(whole)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_read_at_a_glance() {
        for (number, text) in [(0, "0"), (999, "999"), (1204, "1,204"), (1_000_214, "1,000,214")] {
            assert_eq!(count(number), text);
        }
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (48_200_000_000, "48.2 GB"),
            (412_000_000, "412 MB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (9_994, "9.99 kB"),
            (9_995, "10.0 kB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text, "{bytes}");
        }
        assert_eq!(counted(1, "tag", "tags"), "1 tag");
        assert_eq!(counted(1204, "tag", "tags"), "1,204 tags");
        assert_eq!((percent(1, 3), percent(1, 0), percent(u64::MAX, u64::MAX)), (33, 0, 100));
    }

    #[test]
    fn ages_have_one_unit() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let cases = [
            ("2026-11-28T11:59:30Z", "just now"),
            ("2026-11-28T12:00:30Z", "in a moment"),
            ("2026-11-28T11:59:00Z", "1 minute ago"),
            ("2026-11-28T09:00:00Z", "3 hours ago"),
            ("2026-11-01T12:00:00Z", "27 days ago"),
            ("2026-12-01T12:00:00Z", "in 3 days"),
            ("2026-05-28T12:00:00Z", "6 months ago"),
            ("2020-05-28T12:00:00Z", "6 years ago"),
        ];
        for (at, text) in cases {
            assert_eq!(age(at.parse().unwrap(), now), text, "{at}");
        }
        let at = "2026-11-29T14:02:59.5Z".parse().unwrap();
        assert_eq!(date(at), "29 November 2026, 14:02 UTC");
        assert_eq!(
            Age { at, now }.to_string(),
            "<time datetime=\"2026-11-29T14:02:59Z\" title=\"29 November 2026, 14:02 UTC\" data-varies>in 1 day</time>"
        );
    }
}
