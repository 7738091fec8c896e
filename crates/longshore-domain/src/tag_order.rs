//! Orders of lists of tags, where in one a tag stands, and how names are compared as versions.

use std::iter::Peekable;
use std::str::Chars;

/// What tags are sorted by. Those that have the same are in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagSort {
    /// The name, byte by byte.
    Name,
    /// When the tag was last pushed.
    Pushed,
    /// When the tag was last pulled, to the hour; never is before all times.
    Pulled,
    /// The size of what the tag points at, as lists show it.
    Size,
    /// The name as a version ([`version_key`]).
    Version,
}

/// How a list of tags is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagOrder {
    /// By what.
    pub by: TagSort,
    /// From the last to the first.
    pub is_descending: bool,
}

impl TagOrder {
    /// By name.
    pub const NAME: Self = Self { by: TagSort::Name, is_descending: false };
    /// By name, backwards.
    pub const NAME_DESCENDING: Self = Self { by: TagSort::Name, is_descending: true };
    /// The one that was pushed last first.
    pub const NEWEST: Self = Self { by: TagSort::Pushed, is_descending: true };
    /// The one that was pushed first first.
    pub const OLDEST: Self = Self { by: TagSort::Pushed, is_descending: false };

    /// Returns the same order backwards.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { is_descending: !self.is_descending, ..self }
    }
}

/// Where a tag stands in a list, whether or not there still is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagKey {
    /// What the list is sorted by, as it was when the tag was listed.
    pub value: SortValue,
    /// The name of the tag.
    pub name: String,
}

/// What a list of tags is sorted by, of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortValue {
    /// Nothing but the name.
    Name,
    /// Microseconds since 1970, or bytes.
    Number(i64),
    /// A key of versions.
    Text(String),
}

impl TagSort {
    /// Returns whether a value is of this kind.
    pub fn is_of(self, value: &SortValue) -> bool {
        matches!(
            (self, value),
            (Self::Name, SortValue::Name)
                | (Self::Pushed | Self::Pulled | Self::Size, SortValue::Number(_))
                | (Self::Version, SortValue::Text(_))
        )
    }
}

/// What follows the numbers of a version, in the order in which versions with the same numbers stand.
const PRE_RELEASE: char = '!';
const RELEASE: char = '#';
const BUILD: char = '$';
const OTHER: char = '%';
/// What a further number begins with: a longer version comes after the shorter one with all that is made of it.
const NUMBER: char = '.';
/// What the parts of other texts begin with: numbers come before words.
const DIGITS: char = '0';
const WORD: char = 't';
/// What a word ends with: before any letter, so that a word comes before those that begin with it.
const END: char = ' ';
/// Longer numbers are none, but words.
const LONGEST_NUMBER: usize = 18;

/// Returns a text by which names of tags, compared byte by byte, are in the order of versions.
///
/// - Names that begin with a number that no letter follows, with or without a `v` before it, are versions and come after all
///   others, such as the digests of commits.
/// - Numbers are compared as numbers: `1.9` is before `1.10`.
/// - What follows a `-` is a pre-release and comes before the version without it, as Semantic Versioning 2.0.0 (11) has it;
///   what follows a `_`, which stands for `+` in tags, is a build and comes after it.
/// - Elsewhere numbers in names are compared as numbers as well: `build-9` is before `build-10`.
///
/// Names that mean the same, as `v1.2` and `1.2`, have the same key. It is never empty, and at most four times as long as the name.
pub fn version_key(name: &str) -> String {
    let rest = name.strip_prefix(['v', 'V']).unwrap_or(name);
    let mut key = String::with_capacity(2 * name.len());
    let mut rest = rest.chars().peekable();
    let first = number(&mut rest).filter(|_| rest.peek().is_none_or(|next| !next.is_ascii_alphanumeric()));
    let Some(first) = first else {
        key.push(DIGITS);
        push_parts(&mut key, &mut name.chars().peekable());
        return key;
    };
    key.push(WORD);
    push_number(&mut key, NUMBER, &first);
    loop {
        let mut ahead = rest.clone();
        if ahead.next() != Some('.') {
            break;
        }
        let Some(next) = number(&mut ahead) else { break };
        push_number(&mut key, NUMBER, &next);
        rest = ahead;
    }
    let kind = match rest.peek() {
        None => RELEASE,
        Some('-') => PRE_RELEASE,
        Some('_') => BUILD,
        Some(_) => OTHER,
    };
    key.push(kind);
    push_parts(&mut key, &mut rest);
    key
}

/// Takes a number from the beginning, if there is one that is not too long.
fn number(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let digits: String = rest.clone().take_while(char::is_ascii_digit).take(LONGEST_NUMBER + 1).collect();
    if digits.is_empty() || digits.len() > LONGEST_NUMBER {
        return None;
    }
    rest.nth(digits.len() - 1);
    Some(digits)
}

/// Adds a number: what it begins with, how many digits it has, and these.
fn push_number(key: &mut String, begins: char, digits: &str) {
    let digits = digits.trim_start_matches('0');
    key.push(begins);
    key.extend(('a'..='z').nth(digits.len()));
    key.push_str(digits);
}

/// Adds numbers and words as they follow each other; what stands between them is not looked at.
fn push_parts(key: &mut String, rest: &mut Peekable<Chars<'_>>) {
    while let Some(next) = rest.peek().copied() {
        if !next.is_ascii_alphanumeric() {
            rest.next();
        } else if let Some(digits) = number(rest) {
            push_number(key, DIGITS, &digits);
        } else {
            key.push(WORD);
            let begins_with_digit = next.is_ascii_digit();
            while let Some(letter) = rest
                .next_if(|next| next.is_ascii_alphanumeric() && next.is_ascii_digit() == begins_with_digit)
            {
                key.push(letter);
            }
            key.push(END);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_come_in_their_order() {
        let ascending = [
            "",
            "9f86d08",
            "build-9",
            "build-10",
            "latest",
            "nightly-20261101",
            "nightly-20261102",
            "sha256-0a.sig",
            "0.0.0",
            "0.9",
            "v1",
            "1.0-rc",
            "1.0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "v1.0.0-rc1",
            "1.0.0-rc2",
            "1.0.0-rc10",
            "1.0.0",
            "1.0.0_build.5",
            "1.0.0_build.10",
            "1.0.0b",
            "1.0.1-alpine",
            "1.0.1",
            "1.9",
            "1.10",
            "v2-alpine3.9",
            "v2-alpine3.10",
            "2",
            "20261101",
            "20261101120000",
        ];
        for pair in ascending.windows(2) {
            let keys = (version_key(pair[0]), version_key(pair[1]));
            assert!(keys.0 < keys.1, "{} {} {} {}", pair[0], keys.0, pair[1], keys.1);
        }
    }

    #[test]
    fn names_that_mean_the_same_have_the_same_key() {
        for same in [["v1.2.3", "1.2.3"], ["01.2", "1.02"], ["V7", "v007"], ["1-rc.1", "1-rc1"], ["0", "00"]]
        {
            assert_eq!(version_key(same[0]), version_key(same[1]));
        }
        assert_ne!(version_key("v"), version_key(""));
        // Longer than any number of a version: it is compared as a word.
        assert!(version_key("1234567890123456789") < version_key("0"));
    }

    proptest! {
        #[test]
        fn numbers_are_compared_as_numbers(a in 0u64..2_000, b in 0u64..2_000, c in 0u64..2_000) {
            for (one, other) in [
                (format!("v{a}"), format!("v{b}")),
                (format!("{c}.{a}.0"), format!("{c}.{b}.0")),
                (format!("1-rc.{a}"), format!("1-rc.{b}")),
                (format!("run{a}-{c}"), format!("run{b}-{c}")),
                (format!("1_{a}x{c}"), format!("1_{b}x{c}")),
            ] {
                prop_assert_eq!(version_key(&one).cmp(&version_key(&other)), a.cmp(&b), "{} {}", one, other);
            }
        }

        #[test]
        fn keys_are_short_and_never_empty(name in "[A-Za-z0-9._-]{0,128}") {
            let key = version_key(&name);
            prop_assert!(!key.is_empty() && key.len() <= 4 * name.len() + 3, "{} {}", name, key);
            prop_assert!(key.is_ascii());
        }
    }
}
