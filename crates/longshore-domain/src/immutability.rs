//! Tags that never move: the rules of a repository.

use regex_lite::{Regex, RegexBuilder};

use crate::error::{Error, Result};
use crate::field::Field;
use crate::name::Tag;

/// Most rules of one repository.
pub const RULES_LIMIT: usize = 20;
/// Longest rule in bytes.
pub const RULE_LIMIT_BYTES: usize = 200;

/// Largest compiled form of a rule in bytes: enough for what names of tags need, and little to keep and to run.
const RULE_SIZE_LIMIT_BYTES: usize = 16 << 10;

/// Which tags of a repository cannot be moved or deleted once they are there.
///
/// Docker Hub API, "Repositories", `immutable_tags_settings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImmutableTags {
    is_enabled: bool,
    rules: Vec<String>,
}

/// The rules of a repository, ready to be asked.
#[derive(Debug, Default)]
pub struct TagRules(Option<Vec<Regex>>);

/// Reads a rule: a regular expression, matched in linear time, anywhere in the tag unless it says otherwise.
///
/// # Errors
/// `Invalid`, also for one that is too large when it is taken apart.
pub fn parse_rule(text: &str) -> Result<Regex> {
    parse_within(text, RULE_SIZE_LIMIT_BYTES)
}

/// Reads a rule whose compiled form has at most some bytes.
pub(crate) fn parse_within(text: &str, size_limit_bytes: usize) -> Result<Regex> {
    let invalid = |reason: String| Error::Invalid { field: Field::ImmutableTagRules, reason };
    if text.is_empty() || text.len() > RULE_LIMIT_BYTES {
        return Err(invalid(format!("a rule has 1 to {RULE_LIMIT_BYTES} bytes")));
    }
    RegexBuilder::new(text)
        .size_limit(size_limit_bytes)
        .build()
        .map_err(|error| invalid(format!("{text:?} cannot be used, write it in another way: {error}")))
}

impl ImmutableTags {
    /// Makes the rules of a repository.
    ///
    /// # Errors
    /// `Invalid` for too many rules, or one that is none.
    pub fn new(is_enabled: bool, rules: Vec<String>) -> Result<Self> {
        if rules.len() > RULES_LIMIT {
            return Err(Error::Invalid {
                field: Field::ImmutableTagRules,
                reason: format!("there may be at most {RULES_LIMIT} rules"),
            });
        }
        rules.iter().try_for_each(|rule| parse_rule(rule).map(|_| ()))?;
        Ok(Self { is_enabled, rules })
    }

    /// Takes rules that were checked before they were stored.
    pub fn from_stored(is_enabled: bool, rules: Vec<String>) -> Self {
        Self { is_enabled, rules }
    }

    /// Returns whether any tag is immutable.
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Returns the rules as they were written; none means all tags.
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// Makes the rules ready to be asked.
    ///
    /// # Errors
    /// `Internal` when a stored rule is none.
    pub fn compile(&self) -> Result<TagRules> {
        let compiled = match self.is_enabled {
            false => None,
            true => {
                let rules: Result<_> = self.rules.iter().map(|rule| parse_rule(rule)).collect();
                Some(rules.map_err(|error| Error::internal(error.to_string()))?)
            }
        };
        Ok(TagRules(compiled))
    }
}

impl TagRules {
    /// Returns whether a tag cannot be moved or deleted.
    pub fn cover(&self, tag: &Tag) -> bool {
        let covers =
            |rules: &Vec<Regex>| rules.is_empty() || rules.iter().any(|rule| rule.is_match(tag.as_str()));
        self.0.as_ref().is_some_and(covers)
    }

    /// Checks that a tag may be moved or deleted.
    ///
    /// # Errors
    /// `TagImmutable`.
    pub fn check(&self, tag: &Tag) -> Result<()> {
        match self.cover(tag) {
            true => Err(Error::TagImmutable(tag.clone())),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_cover_what_they_match() {
        let rules = |is_enabled, rules: &[&str]| {
            let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
            ImmutableTags::new(is_enabled, rules)
        };
        let covers = |tags: &ImmutableTags, tag: &str| tags.compile().unwrap().cover(&tag.parse().unwrap());
        let versions = rules(true, &["^v\\d+\\.\\d+$", "lts"]).unwrap();
        for (tag, expected) in [("v1.0", true), ("v1.0-rc", false), ("x-lts-y", true), ("latest", false)] {
            assert_eq!(covers(&versions, tag), expected, "{tag}");
        }
        assert!(covers(&rules(true, &[]).unwrap(), "latest"), "no rule means all");
        assert!(!covers(&rules(false, &[".*"]).unwrap(), "latest"));
        assert!(rules(true, &["("]).is_err() && rules(true, &[""]).is_err());
        for large in ["(?:[a-z]{400}){400}", "(?:(?:a?){200}){200}z"] {
            assert!(rules(true, &[large]).is_err(), "{large} would take much memory or time");
        }
        assert!(rules(true, &["^(?:v|release-)\\d{1,4}(?:\\.\\d{1,4}){0,3}(?:-[a-z0-9.]+)?$"]).is_ok());
        assert!(rules(true, &["x".repeat(201).as_str()]).is_err() && rules(true, &["x"; 21]).is_err());
    }
}
