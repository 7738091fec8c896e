//! Retention policies: which tags of a repository are kept, and so which are deleted.
//!
//! SWR API, "Image retention policies": a rule keeps what was pushed in the last days, or the newest tags, and has
//! exceptions, which are kept besides. A tag that no rule of a policy keeps is deleted.

use jiff::{SignedDuration, Timestamp};
use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::immutability::{parse_rule, parse_within};
use crate::name::Tag;
use crate::repository::RepositoryId;

/// Most policies of one repository.
pub const POLICIES_LIMIT: u64 = 10;
/// Most rules of one policy.
pub const RETENTION_RULES_LIMIT: usize = 10;
/// Most exceptions of one rule.
pub const EXCEPTIONS_LIMIT: usize = 50;
/// Most regular expressions among the exceptions of one policy: all of them are tried on every tag.
pub const PATTERNS_LIMIT: usize = 20;
/// Largest number of days or tags of a rule.
pub const AMOUNT_LIMIT: u32 = 100_000;

/// Number of a policy in the metadata store, which clients use too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RetentionPolicyId(pub i64);

/// What a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Tags that were pushed in the last days.
    Days(u32),
    /// The tags that were pushed last.
    Newest(u32),
}

/// Tags that a rule keeps besides, and does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagSelector {
    /// The tag of this name.
    Tag(String),
    /// Tags that a regular expression matches as a whole.
    Pattern(String),
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRule {
    /// What it keeps.
    pub kept: Kept,
    /// What it keeps besides.
    pub exceptions: Vec<TagSelector>,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct RetentionPolicy {
    /// Number.
    pub id: RetentionPolicyId,
    /// Whose tags.
    pub repository_id: RepositoryId,
    /// The rules, at least one.
    pub rules: Vec<RetentionRule>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it is applied next.
    pub due_at: Timestamp,
}

/// A tag that a policy deleted, or would delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredTag {
    /// The tag.
    pub tag: Tag,
    /// What it pointed at.
    pub digest: Digest,
    /// The rule that did not keep it, the first of the policy.
    pub rule: RetentionRule,
}

/// An entry of the log of what policies deleted.
#[derive(Clone, Debug)]
pub struct RetentionEntry {
    /// Number.
    pub id: i64,
    /// Of which policy.
    pub policy: RetentionPolicyId,
    /// What was deleted and why.
    pub retired: RetiredTag,
    /// When.
    pub at: Timestamp,
}

/// Largest compiled form of a regular expression in bytes, about as much as a hundred letters: with [`PATTERNS_LIMIT`] it limits
/// what a tag costs.
const PATTERN_SIZE_LIMIT_BYTES: usize = 4 << 10;

fn pattern(text: &str) -> Result<Regex> {
    parse_rule(text)?;
    parse_within(&format!("^(?:{text})$"), PATTERN_SIZE_LIMIT_BYTES)
}

/// Checks the rules of a policy.
///
/// # Errors
/// `Invalid`.
pub fn check_rules(rules: &[RetentionRule]) -> Result<()> {
    let invalid = |reason: String| Err(Error::Invalid { field: Field::RetentionRules, reason });
    if !(1..=RETENTION_RULES_LIMIT).contains(&rules.len()) {
        return invalid(format!("there must be 1 to {RETENTION_RULES_LIMIT}"));
    }
    let exceptions = rules.iter().flat_map(|rule| &rule.exceptions);
    let patterns = exceptions.filter(|exception| matches!(exception, TagSelector::Pattern(_))).count();
    if patterns > PATTERNS_LIMIT {
        return invalid(format!("a policy may have at most {PATTERNS_LIMIT} regular expressions"));
    }
    for rule in rules {
        let (Kept::Days(amount) | Kept::Newest(amount)) = rule.kept;
        if !(1..=AMOUNT_LIMIT).contains(&amount) {
            return invalid(format!("the days or the number of tags must be 1 to {AMOUNT_LIMIT}"));
        }
        if rule.exceptions.len() > EXCEPTIONS_LIMIT {
            return invalid(format!("a rule may have at most {EXCEPTIONS_LIMIT} exceptions"));
        }
        for exception in &rule.exceptions {
            match exception {
                TagSelector::Tag(tag) => {
                    tag.parse::<Tag>()?;
                }
                TagSelector::Pattern(text) => {
                    if let Err(Error::Invalid { reason, .. }) = pattern(text) {
                        return invalid(reason);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Why a rule keeps a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptBecause {
    /// It was pushed in the last days.
    Young,
    /// It is among the newest.
    Newest,
    /// It is an exception.
    Exception,
}

/// What rules say of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No rule keeps it.
    Goes,
    /// This rule keeps it, the first that does, by its place.
    Stays(usize, KeptBecause),
}

/// A rule on its way through a repository.
struct Judge {
    kept: Kept,
    tags: Vec<String>,
    patterns: Vec<Regex>,
    counted: u32,
}

impl Judge {
    fn new(rule: &RetentionRule) -> Result<Self> {
        let mut judge = Self { kept: rule.kept, tags: Vec::new(), patterns: Vec::new(), counted: 0 };
        for exception in &rule.exceptions {
            match exception {
                TagSelector::Tag(tag) => judge.tags.push(tag.clone()),
                TagSelector::Pattern(text) => judge.patterns.push(pattern(text)?),
            }
        }
        Ok(judge)
    }

    fn excepts(&self, tag: &Tag) -> bool {
        self.tags.iter().any(|name| name == tag.as_str())
            || self.patterns.iter().any(|pattern| pattern.is_match(tag.as_str()))
    }

    /// Returns whether and why the rule keeps the next tag.
    fn keeps(&mut self, tag: &Tag, pushed_at: Timestamp, now: Timestamp) -> Option<KeptBecause> {
        let is_young = match self.kept {
            Kept::Days(days) => {
                now.duration_since(pushed_at) < SignedDuration::from_hours(24 * i64::from(days))
            }
            Kept::Newest(number) => self.counted < number,
        };
        match self.kept {
            // When it is young enough, or the number is reached already, it does not matter whether it is an exception.
            Kept::Days(_) if is_young => Some(KeptBecause::Young),
            Kept::Days(_) | Kept::Newest(_) if !is_young => {
                self.excepts(tag).then_some(KeptBecause::Exception)
            }
            _ if self.excepts(tag) => Some(KeptBecause::Exception),
            _ => {
                self.counted += 1;
                Some(KeptBecause::Newest)
            }
        }
    }
}

/// A policy on its way through a repository, from the newest tag to the oldest.
pub struct RetentionPass {
    rules: Vec<RetentionRule>,
    judges: Vec<Judge>,
    now: Timestamp,
}

impl RetentionPass {
    /// Begins.
    ///
    /// # Errors
    /// `Invalid` when a rule is none.
    pub fn new(rules: &[RetentionRule], now: Timestamp) -> Result<Self> {
        let judges = rules.iter().map(Judge::new).collect::<Result<_>>()?;
        Ok(Self { rules: rules.to_vec(), judges, now })
    }

    /// Judges the next tag.
    pub fn judge(&mut self, tag: &Tag, pushed_at: Timestamp) -> Verdict {
        let mut verdict = Verdict::Goes;
        // Every rule counts every tag.
        for (place, judge) in self.judges.iter_mut().enumerate() {
            if let (Some(because), Verdict::Goes) = (judge.keeps(tag, pushed_at, self.now), verdict) {
                verdict = Verdict::Stays(place, because);
            }
        }
        verdict
    }

    /// Returns the rule by which a tag goes that none keeps: the first one.
    pub fn retiring_rule(&self) -> Option<&RetentionRule> {
        self.rules.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(day * DAY).unwrap()
    }

    /// Applies rules on day 100 to tags with the days on which they were pushed, newest first.
    fn deleted(rules: &[RetentionRule], tags: &[(&'static str, i64)]) -> Vec<&'static str> {
        check_rules(rules).unwrap();
        let mut pass = RetentionPass::new(rules, at(100)).unwrap();
        let goes = |(tag, day): &&(&str, i64)| pass.judge(&tag.parse().unwrap(), at(*day)) == Verdict::Goes;
        tags.iter().filter(goes).map(|(tag, _)| *tag).collect()
    }

    fn rule(kept: Kept, exceptions: &[TagSelector]) -> RetentionRule {
        RetentionRule { kept, exceptions: exceptions.to_vec() }
    }

    const TAGS: &[(&str, i64)] = &[("latest", 99), ("v3", 95), ("v2", 90), ("v1", 50), ("nightly", 10)];

    #[test]
    fn days_keep_what_is_young_and_numbers_what_is_newest() {
        assert_eq!(deleted(&[rule(Kept::Days(10), &[])], TAGS), ["v2", "v1", "nightly"]);
        assert_eq!(deleted(&[rule(Kept::Days(11), &[])], TAGS), ["v1", "nightly"]);
        assert_eq!(deleted(&[rule(Kept::Newest(2), &[])], TAGS), ["v2", "v1", "nightly"]);
        assert!(deleted(&[rule(Kept::Newest(5), &[])], TAGS).is_empty());
    }

    #[test]
    fn exceptions_are_kept_and_not_counted() {
        let latest = TagSelector::Tag("latest".into());
        assert_eq!(deleted(&[rule(Kept::Newest(2), &[latest])], TAGS), ["v1", "nightly"]);
        let numbers = TagSelector::Pattern("v[0-9]".into());
        assert_eq!(deleted(&[rule(Kept::Newest(1), std::slice::from_ref(&numbers))], TAGS), ["nightly"]);
        // A pattern means the whole tag.
        assert_eq!(
            deleted(&[rule(Kept::Newest(1), &[numbers])], &[("a", 3), ("v1-rc", 2), ("v1", 1)]),
            ["v1-rc"]
        );
        let either = TagSelector::Pattern("v1|nightly".into());
        assert_eq!(deleted(&[rule(Kept::Newest(1), &[either])], TAGS), ["v3", "v2"]);
    }

    #[test]
    fn a_verdict_says_why_a_tag_stays() {
        let rules = [rule(Kept::Newest(1), &[TagSelector::Tag("latest".into())]), rule(Kept::Days(11), &[])];
        let mut pass = RetentionPass::new(&rules, at(100)).unwrap();
        let verdicts: Vec<Verdict> =
            TAGS.iter().map(|(tag, day)| pass.judge(&tag.parse().unwrap(), at(*day))).collect();
        let expected = [
            Verdict::Stays(0, KeptBecause::Exception),
            Verdict::Stays(0, KeptBecause::Newest),
            Verdict::Stays(1, KeptBecause::Young),
            Verdict::Goes,
            Verdict::Goes,
        ];
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn one_rule_that_keeps_is_enough() {
        let rules = [rule(Kept::Newest(1), &[]), rule(Kept::Days(51), &[])];
        assert_eq!(deleted(&rules, TAGS), ["nightly"]);
        let rules = [rule(Kept::Days(1), &[]), rule(Kept::Newest(4), &[])];
        assert_eq!(deleted(&rules, TAGS), ["nightly"]);
    }

    #[test]
    fn rules_that_would_keep_nothing_or_cannot_be_are_refused() {
        let many = vec![rule(Kept::Days(1), &[]); RETENTION_RULES_LIMIT + 1];
        let too_many = vec![TagSelector::Tag("a".into()); EXCEPTIONS_LIMIT + 1];
        for bad in [
            Vec::new(),
            many,
            vec![rule(Kept::Days(0), &[])],
            vec![rule(Kept::Newest(0), &[])],
            vec![rule(Kept::Newest(AMOUNT_LIMIT + 1), &[])],
            vec![rule(Kept::Days(1), &[TagSelector::Tag("a b".into())])],
            vec![rule(Kept::Days(1), &[TagSelector::Pattern("(".into())])],
            vec![rule(Kept::Days(1), &[TagSelector::Pattern("(a?){60}b".into())])],
            vec![rule(Kept::Days(1), &vec![TagSelector::Pattern("a".into()); PATTERNS_LIMIT + 1])],
            vec![rule(Kept::Days(1), &[TagSelector::Pattern(")(".into())])],
            vec![rule(Kept::Days(1), &[TagSelector::Pattern(String::new())])],
            vec![rule(Kept::Days(1), &too_many)],
        ] {
            assert!(check_rules(&bad).is_err(), "{bad:?}");
        }
    }
}
