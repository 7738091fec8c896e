//! The `filter` parameter: `key::value` items with `|` between them.
//!
//! SWR API, "Querying the List of Image Repository Tags" and others.

use longshore_domain::{Error, Result};

use crate::fields;

/// Longest filter that is looked at, in bytes.
const FILTER_LIMIT_BYTES: usize = 4096;

/// A filter, as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<(&'static str, String)>);

impl Filter {
    /// Reads a filter whose keys are among those that an operation knows. What stands in it without a value says nothing.
    ///
    /// # Errors
    /// `Invalid` for an item without `::`, an unknown key, or one that comes twice.
    pub fn parse(text: &str, known: &[&'static str]) -> Result<Self> {
        let invalid = |reason: String| Err(Error::Invalid { field: fields::FILTER, reason });
        if text.len() > FILTER_LIMIT_BYTES {
            return invalid(format!("may have at most {FILTER_LIMIT_BYTES} bytes"));
        }
        let mut items: Vec<(&'static str, String)> = Vec::new();
        for item in text.split('|') {
            let Some((key, value)) = item.split_once("::") else {
                return invalid("each item must have the form key::value, with | between items".into());
            };
            let Some(key) = known.iter().find(|known| **known == key) else {
                return invalid(format!("a key must be one of {}", known.join(", ")));
            };
            if items.iter().any(|(used, _)| used == key) {
                return invalid(format!("{key} comes twice"));
            }
            items.push((key, value.to_owned()));
        }
        Ok(Self(items))
    }

    /// Returns the value of a key; an empty one is none.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == key);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[&str] = &["offset", "limit", "order_column", "order_type", "tag"];

    #[test]
    fn the_documents_example_is_read() {
        let text = "offset::0|limit::10|order_column::updated_at|order_type::desc|tag::latest";
        let filter = Filter::parse(text, KEYS).unwrap();
        let values: Vec<_> = KEYS.iter().map(|key| filter.get(key).unwrap()).collect();
        assert_eq!(values, ["0", "10", "updated_at", "desc", "latest"]);
    }

    #[test]
    fn a_value_is_anything_but_a_bar() {
        let filter = Filter::parse("tag::a::b:c|offset::", KEYS).unwrap();
        assert_eq!(
            (filter.get("tag"), filter.get("offset"), filter.get("limit")),
            (Some("a::b:c"), None, None)
        );
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let long = format!("tag::{}", "a".repeat(FILTER_LIMIT_BYTES));
        for bad in
            ["", "|", "tag", "tag:latest", "tag::a|", "|tag::a", "Tag::a", "tag::a|tag::b", "name::a", &long]
        {
            assert!(Filter::parse(bad, KEYS).is_err(), "{bad}");
        }
    }
}
