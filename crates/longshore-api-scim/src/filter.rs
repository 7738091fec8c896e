//! Filters: which resources a list shall have.
//!
//! RFC 7644, section 3.4.2.2, "Filtering", and figure 1 there.

use std::fmt;

use crate::attribute::AttributePath;
use crate::scan::Scan;

/// Longest filter that is looked at, in bytes.
pub const FILTER_LIMIT_BYTES: usize = 4096;
/// Deepest nesting of parentheses, brackets and `not`.
pub const DEPTH_LIMIT: usize = 10;
/// Most comparisons of a filter.
pub const COMPARISONS_LIMIT: usize = 50;

/// Why a text is no filter, which SCIM answers with `invalidFilter`, and no path, which it answers with `invalidPath`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {reason}")]
pub struct FilterError {
    /// Which character could not be read, counted from 1.
    pub at: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// A condition on resources.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// The attribute has a value.
    Present(AttributePath),
    /// The attribute compares with a value.
    Compare(AttributePath, Operator, Value),
    /// One element of the attribute, which has several, meets all of the condition.
    Element(AttributePath, Box<Filter>),
    /// All conditions hold; there are two at least.
    And(Vec<Filter>),
    /// One of the conditions holds; there are two at least.
    Or(Vec<Filter>),
    /// The condition does not hold.
    Not(Box<Filter>),
}

/// How an attribute compares with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`.
    Equal,
    /// `ne`.
    NotEqual,
    /// `co`: the text stands in it.
    Contains,
    /// `sw`: it begins with the text.
    StartsWith,
    /// `ew`: it ends with the text.
    EndsWith,
    /// `gt`.
    Greater,
    /// `ge`.
    GreaterOrEqual,
    /// `lt`.
    Less,
    /// `le`.
    LessOrEqual,
}

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text, also one that is a time.
    Text(String),
    /// A number.
    Number(serde_json::Number),
    /// A truth value.
    Truth(bool),
    /// Nothing: the attribute has no value.
    Null,
}

/// Operators and how they are written.
const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("co", Operator::Contains),
    ("sw", Operator::StartsWith),
    ("ew", Operator::EndsWith),
    ("gt", Operator::Greater),
    ("ge", Operator::GreaterOrEqual),
    ("lt", Operator::Less),
    ("le", Operator::LessOrEqual),
];

impl Filter {
    /// Reads a filter. `not` binds stronger than `and`, and that stronger than `or`; operators have any letter case.
    ///
    /// `emails[type eq "work"].value eq "a@example.org"`, which identity providers send, is read as if the last comparison
    /// stood in the brackets.
    ///
    /// # Errors
    /// When it is none, or is longer, deeper or has more comparisons than the limits above.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut reader = Reader::new(text)?;
        let filter = reader.any(0)?;
        match reader.scan.is_at_end() {
            true => Ok(filter),
            false => Err(reader.scan.error("the filter should end here, or go on with and or or")),
        }
    }
}

/// Reads a condition that stands in brackets, of which the opening one was taken.
pub(crate) fn parse_element<'t>(scan: &mut Scan<'t>) -> Result<Filter, FilterError> {
    let mut reader = Reader { scan: *scan, comparisons: 0 };
    let filter = reader.inner(1, ']')?;
    *scan = reader.scan;
    Ok(filter)
}

/// Checks that a text is not longer than what is looked at.
pub(crate) fn check_length(text: &str) -> Result<(), FilterError> {
    match text.len() > FILTER_LIMIT_BYTES {
        true => Err(FilterError { at: 1, reason: "it is longer than 4096 bytes" }),
        false => Ok(()),
    }
}

struct Reader<'t> {
    scan: Scan<'t>,
    comparisons: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Result<Self, FilterError> {
        check_length(text)?;
        Ok(Self { scan: Scan::new(text), comparisons: 0 })
    }

    /// Reads conditions with `or` between them.
    fn any(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.several("or", Filter::Or, |reader| reader.all(depth))
    }

    /// Reads conditions with `and` between them.
    fn all(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.several("and", Filter::And, |reader| reader.one(depth))
    }

    fn several(
        &mut self,
        word: &str,
        join: fn(Vec<Filter>) -> Filter,
        mut read: impl FnMut(&mut Self) -> Result<Filter, FilterError>,
    ) -> Result<Filter, FilterError> {
        let first = read(self)?;
        let mut filters = vec![first];
        while self.scan.take_word(word) {
            filters.push(read(self)?);
        }
        match filters.len() {
            1 => Ok(filters.remove(0)),
            _ => Ok(join(filters)),
        }
    }

    /// Reads one condition, and the spaces around it.
    fn one(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > DEPTH_LIMIT {
            return Err(self.scan.error("it is nested deeper than 10 levels"));
        }
        self.scan.skip_spaces();
        let filter = self.bare(depth)?;
        self.scan.skip_spaces();
        Ok(filter)
    }

    fn bare(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if self.scan.take('(') {
            return self.inner(depth + 1, ')');
        }
        let before = self.scan;
        if self.scan.take_word("not") {
            self.scan.skip_spaces();
            if self.scan.take('(') {
                return self.inner(depth + 1, ')').map(|filter| Filter::Not(Box::new(filter)));
            }
            self.scan = before;
        }
        let attribute = self.attribute()?;
        match self.scan.take('[') {
            true => self.element(attribute, depth),
            false => self.condition(attribute),
        }
    }

    /// Reads conditions up to the closing parenthesis or bracket.
    fn inner(&mut self, depth: usize, end: char) -> Result<Filter, FilterError> {
        let filter = self.any(depth)?;
        match (self.scan.take(end), end) {
            (true, _) => Ok(filter),
            (false, ')') => Err(self.scan.error("a parenthesis should close here")),
            (false, _) => Err(self.scan.error("a bracket should close here")),
        }
    }

    fn attribute(&mut self) -> Result<AttributePath, FilterError> {
        let before = self.scan;
        let word = self.scan.word();
        AttributePath::parse(word).ok_or_else(|| before.error("there should be the name of an attribute"))
    }

    fn element(&mut self, attribute: AttributePath, depth: usize) -> Result<Filter, FilterError> {
        let filter = self.inner(depth + 1, ']')?;
        let filter = match self.scan.take('.') {
            false => filter,
            true => {
                let part = self.attribute()?;
                let condition = self.condition(part)?;
                match filter {
                    Filter::And(filters) => Filter::And(filters.into_iter().chain([condition]).collect()),
                    filter => Filter::And(vec![filter, condition]),
                }
            }
        };
        Ok(Filter::Element(attribute, Box::new(filter)))
    }

    /// Reads what stands behind an attribute.
    fn condition(&mut self, attribute: AttributePath) -> Result<Filter, FilterError> {
        self.comparisons += 1;
        if self.comparisons > COMPARISONS_LIMIT {
            return Err(self.scan.error("it has more than 50 comparisons"));
        }
        self.scan.skip_spaces();
        let before = self.scan;
        let word = self.scan.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(attribute));
        }
        let found = OPERATORS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        let (_, operator) =
            found.ok_or_else(|| before.error("there should be eq, ne, co, sw, ew, gt, ge, lt, le or pr"))?;
        self.scan.skip_spaces();
        Ok(Filter::Compare(attribute, *operator, self.value()?))
    }

    fn value(&mut self) -> Result<Value, FilterError> {
        if let Some(text) = self.scan.quoted() {
            return Ok(Value::Text(text));
        }
        let before = self.scan;
        let value = match self.scan.word() {
            word if word.eq_ignore_ascii_case("true") => Some(Value::Truth(true)),
            word if word.eq_ignore_ascii_case("false") => Some(Value::Truth(false)),
            word if word.eq_ignore_ascii_case("null") => Some(Value::Null),
            word => serde_json::from_str(word).ok().map(Value::Number),
        };
        value.ok_or_else(|| {
            before.error("there should be a text in quotation marks, a number, true, false or null")
        })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = OPERATORS.iter().find(|(_, operator)| operator == self);
        f.write_str(found.map_or("", |(name, _)| name))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Self::Number(number) => write!(f, "{number}"),
            Self::Truth(truth) => write!(f, "{truth}"),
            Self::Null => f.write_str("null"),
        }
    }
}

/// Writes a filter so that it is read as the same again.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, filters: &[Filter], word: &str| {
            for (number, filter) in filters.iter().enumerate() {
                if number > 0 {
                    write!(f, " {word} ")?;
                }
                match filter {
                    Filter::And(_) | Filter::Or(_) => write!(f, "({filter})")?,
                    filter => write!(f, "{filter}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Present(attribute) => write!(f, "{attribute} pr"),
            Self::Compare(attribute, operator, value) => write!(f, "{attribute} {operator} {value}"),
            Self::Element(attribute, filter) => write!(f, "{attribute}[{filter}]"),
            Self::And(filters) => joined(f, filters, "and"),
            Self::Or(filters) => joined(f, filters, "or"),
            Self::Not(filter) => write!(f, "not ({filter})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, meaning: &str) {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.to_string(), meaning, "{text}");
        assert_eq!(Filter::parse(meaning).unwrap(), filter);
    }

    #[test]
    fn what_identity_providers_send_is_read() {
        for (text, meaning) in [
            (r#"userName eq "bjensen""#, r#"username eq "bjensen""#),
            (r#"userName Eq "bjensen@example.org""#, r#"username eq "bjensen@example.org""#),
            (r#"externalId eq "00u1""#, r#"externalid eq "00u1""#),
            (
                r#"id eq "d80f7c79-7730-49d8-9a41-7c42fb622d9c" and active eq true"#,
                r#"id eq "d80f7c79-7730-49d8-9a41-7c42fb622d9c" and active eq true"#,
            ),
            (
                r#"emails[type eq "work"].value eq "a@example.org""#,
                r#"emails[type eq "work" and value eq "a@example.org"]"#,
            ),
            (
                r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp"]"#,
                r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp"]"#,
            ),
            (
                r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
                r#"urn:ietf:params:scim:schemas:core:2.0:user:username sw "J""#,
            ),
            ("title pr", "title pr"),
            (
                r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
                r#"meta.lastmodified gt "2011-05-13T04:42:34Z""#,
            ),
            (
                r#"members[value eq "2819c223"] and displayName eq "Tour Guides""#,
                r#"members[value eq "2819c223"] and displayname eq "Tour Guides""#,
            ),
        ] {
            reads(text, meaning);
        }
    }

    #[test]
    fn not_binds_stronger_than_and_and_that_than_or() {
        reads("a pr or b pr and not (c pr) or d pr", "a pr or (b pr and not (c pr)) or d pr");
        reads("(a pr or b pr)and(c pr)", "(a pr or b pr) and c pr");
        reads("((a pr))", "a pr");
        // A word of the language is a name where a name stands.
        reads("not pr and and pr", "not pr and and pr");
    }

    #[test]
    fn values_are_as_json_writes_them() {
        reads(r#"a eq "quote \" back \\ \u00e4 ) ]""#, r#"a eq "quote \" back \\ ä ) ]""#);
        reads("a ge -1.5e3 and b ne null and c eq FALSE", "a ge -1500.0 and b ne null and c eq false");
        reads("a[b eq 1]", "a[b eq 1]");
    }

    #[test]
    fn what_is_no_filter_is_refused_with_its_place() {
        for (bad, at) in [
            ("", 1),
            ("userName", 9),
            ("userName eq", 12),
            (r#"userName eq "a"#, 13),
            (r#"userName is "a""#, 10),
            (r#"userName eq "a" nor b pr"#, 17),
            ("(a pr", 6),
            ("a pr)", 5),
            ("a[b pr", 7),
            ("a[]", 3),
            ("a pr and", 9),
            ("a.b.c pr", 1),
            ("ä pr", 1),
            ("a eq 'b'", 6),
            ("a eq 01", 6),
            (r#"a[b pr].c"#, 10),
            (r#"a eq "\x""#, 6),
        ] {
            assert_eq!(Filter::parse(bad).map_err(|error| error.at), Err(at), "{bad}");
        }
    }

    #[test]
    fn length_depth_and_number_are_limited() {
        let nested = |depth: usize| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
        assert!(
            Filter::parse(&nested(DEPTH_LIMIT)).is_ok() && Filter::parse(&nested(DEPTH_LIMIT + 1)).is_err()
        );
        assert!(Filter::parse(&nested(2000)).is_err());
        let joined = |number: usize| vec!["a pr"; number].join(" and ");
        assert!(Filter::parse(&joined(COMPARISONS_LIMIT)).is_ok());
        assert!(Filter::parse(&joined(COMPARISONS_LIMIT + 1)).is_err());
        let long = format!("a eq \"{}\"", "x".repeat(FILTER_LIMIT_BYTES));
        assert!(Filter::parse(&long).is_err());
    }
}
