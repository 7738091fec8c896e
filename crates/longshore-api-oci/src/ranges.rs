//! Which bytes of a blob a client wants: `Range` and `If-Range` (RFC 9110, section 14).

use http::{HeaderMap, header};
use longshore_domain::digest::Digest;
use longshore_domain::ports::blobs::ByteRange;

use crate::wire;

/// Most ranges that one request gets in parts; who asks for more gets the whole blob.
const RANGES_LIMIT: usize = 16;

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it, also when the header is not understood, or asks for more than the blob has.
    Whole,
    /// One range.
    Part(ByteRange),
    /// Several ranges, in the order in which they were asked for; none overlaps another.
    Parts(Vec<ByteRange>),
    /// Nothing that there is.
    Nothing,
}

impl Wanted {
    /// Reads `Range` and `If-Range` for a blob of `size` bytes.
    ///
    /// Clients count the parts that they get (containers/image, zstd:chunked), so ranges are not merged. Those that
    /// overlap, or are more than 16, are answered with the whole blob: no answer is larger than that.
    pub(crate) fn of(headers: &HeaderMap, digest: &Digest, size: u64) -> Self {
        let Some(set) = ranges(headers) else { return Self::Whole };
        if let Some(condition) = headers.get(header::IF_RANGE)
            && condition.as_bytes() != wire::entity_tag(digest).as_bytes()
        {
            return Self::Whole;
        }
        let specs: Vec<&str> = set.split(',').take(RANGES_LIMIT + 1).map(str::trim).collect();
        if specs.len() > RANGES_LIMIT {
            return Self::Whole;
        }
        let mut ranges: Vec<ByteRange> = Vec::new();
        let mut is_understood = false;
        // A list may have empty elements (RFC 9110, section 5.6.1).
        for spec in specs.into_iter().filter(|spec| !spec.is_empty()) {
            let Some(range) = parse(spec, size) else { return Self::Whole };
            is_understood = true;
            if range.start < range.end {
                ranges.push(range);
            }
        }
        let overlap = |a: &ByteRange, b: &ByteRange| a.start < b.end && b.start < a.end;
        match ranges.as_slice() {
            [] if is_understood => Self::Nothing,
            [] => Self::Whole,
            [only] => Self::Part(*only),
            several => {
                let overlaps =
                    (1..several.len()).any(|at| several[..at].iter().any(|b| overlap(&several[at], b)));
                if overlaps { Self::Whole } else { Self::Parts(ranges) }
            }
        }
    }
}

/// Returns whether a client asks for several ranges, which object stores answer in ways that break clients, or refuse.
pub(crate) fn asks_for_several(headers: &HeaderMap) -> bool {
    ranges(headers).is_some_and(|set| set.contains(','))
}

fn ranges(headers: &HeaderMap) -> Option<&str> {
    let (unit, set) = headers.get(header::RANGE)?.to_str().ok()?.split_once('=')?;
    unit.eq_ignore_ascii_case("bytes").then_some(set)
}

/// Reads one range: an empty one when there are no such bytes, `None` when it is none at all.
fn parse(spec: &str, size: u64) -> Option<ByteRange> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = spec.split_once('-')?;
    let nothing = ByteRange { start: size, end: size };
    Some(match (number(first), number(last)) {
        (Some(start), Some(last)) if last >= start => {
            ByteRange { start, end: last.saturating_add(1).min(size) }
        }
        (Some(_), Some(_)) => nothing,
        (Some(start), None) if last.is_empty() => ByteRange { start, end: size },
        (None, Some(length)) if first.is_empty() => {
            ByteRange { start: size.saturating_sub(length), end: size }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use longshore_domain::digest::Algorithm;
    use proptest::prelude::*;

    use super::*;

    fn wanted(range: &str) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(range).unwrap());
        Wanted::of(&headers, &Digest::of(Algorithm::Sha256, b""), 100)
    }

    fn range(start: u64, end: u64) -> ByteRange {
        ByteRange { start, end }
    }

    #[test]
    fn ranges_follow_rfc_9110() {
        let part = |start, end| Wanted::Part(range(start, end));
        let cases = [
            ("bytes=0-0", part(0, 1)),
            ("Bytes=0-0", part(0, 1)),
            ("bytes=10-19", part(10, 20)),
            ("bytes=90-", part(90, 100)),
            ("bytes=-10", part(90, 100)),
            ("bytes=-1000", part(0, 100)),
            ("bytes=50-1000", part(50, 100)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=100-200", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=20-10", Wanted::Nothing),
            // Footers that lazy pullers begin with: eStargz, zstd:chunked, zip.
            ("bytes=-51", part(49, 100)),
            ("bytes=-64", part(36, 100)),
            ("bytes=-22", part(78, 100)),
        ];
        for (text, expected) in cases {
            assert_eq!(wanted(text), expected, "{text}");
        }
    }

    #[test]
    fn several_ranges_stay_as_they_were_asked_for() {
        let parts = |parts: &[(u64, u64)]| {
            Wanted::Parts(parts.iter().map(|(start, end)| range(*start, *end)).collect())
        };
        let sixteen = (0..16).map(|n| format!("{}-{}", n * 2, n * 2)).collect::<Vec<_>>().join(",");
        let cases = [
            ("bytes=0-9,20-29", parts(&[(0, 10), (20, 30)])),
            ("bytes=0-9, 20-29 ,, -1", parts(&[(0, 10), (20, 30), (99, 100)])),
            ("bytes=20-29,0-9", parts(&[(20, 30), (0, 10)])),
            ("bytes=0-9,10-19", parts(&[(0, 10), (10, 20)])),
            ("bytes=0-9,100-109", Wanted::Part(range(0, 10))),
            ("bytes=200-,-0,100-", Wanted::Nothing),
            ("bytes=0-49,50-", parts(&[(0, 50), (50, 100)])),
            (&format!("bytes={sixteen}"), parts(&(0..16).map(|n| (n * 2, n * 2 + 1)).collect::<Vec<_>>())),
        ];
        for (text, expected) in cases {
            assert_eq!(wanted(text), expected, "{text}");
        }
    }

    #[test]
    fn abuse_28_hostile_ranges_cost_nothing() {
        let many = format!("bytes={}0-", "0-,".repeat(1000));
        let commas = format!("bytes=0-0{}", ",".repeat(1000));
        let seventeen =
            format!("bytes={}", (0..17).map(|n| format!("{n}-{n}")).collect::<Vec<_>>().join(","));
        for text in [
            many.as_str(),
            &commas,
            &seventeen,
            "bytes=0-50,50-60",
            "bytes=0-,0-",
            "bytes=0-0,0-0",
            "bytes=-10,95-",
            "bytes=0-0,a-b",
            "bytes=0-0,1-2-3",
            "bytes=,",
            "bytes=--1",
            "bytes=a-b",
            "lines=1-2",
            "bytes=",
            "bytes=-",
            "bytes=+1-2",
            "bytes",
        ] {
            assert_eq!(wanted(text), Wanted::Whole, "{text}");
        }
        assert_eq!(wanted("bytes=9223372036854775808-"), Wanted::Nothing);
        assert_eq!(wanted("bytes=0-99999999999999999999999"), Wanted::Part(range(0, 100)));
        assert_eq!(wanted("bytes=18446744073709551615-18446744073709551615,1-1"), Wanted::Part(range(1, 2)));
    }

    proptest! {
        #[test]
        fn no_answer_is_larger_than_the_blob(text in "bytes=([0-9]{0,3}-[0-9]{0,3},?){1,20}") {
            if let Wanted::Parts(parts) = wanted(&text) {
                prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= 100));
                prop_assert!(parts.iter().map(|part| part.end - part.start).sum::<u64>() <= 100);
                prop_assert!((2..=RANGES_LIMIT).contains(&parts.len()));
            }
        }
    }
}
