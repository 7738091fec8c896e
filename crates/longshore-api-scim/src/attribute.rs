//! Names of attributes, as filters, paths and lists of attributes write them.
//!
//! RFC 7644, section 3.10, "Attribute Notation".

use std::fmt;

/// An attribute, perhaps a part of another and perhaps with the schema that it belongs to. Letter case means nothing in any of
/// these, so all are held in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttributePath {
    /// The schema, such as `urn:ietf:params:scim:schemas:core:2.0:user`.
    pub schema: Option<String>,
    /// The attribute, such as `name`.
    pub name: String,
    /// A part of it, such as `familyname`.
    pub part: Option<String>,
}

/// Returns whether a text is a name: it begins with a letter and goes on with letters, digits, `-` and `_`; `$ref` is one, too.
fn is_name(text: &str) -> bool {
    let rest = text.strip_prefix('$').unwrap_or(text);
    rest.starts_with(|first: char| first.is_ascii_alphabetic())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl AttributePath {
    /// Reads an attribute; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (schema, rest) = match text.starts_with("urn:") {
            // The version of a schema has dots, so only what stands after the last colon is the attribute.
            true => text.rsplit_once(':').map(|(schema, rest)| (Some(schema.to_owned()), rest))?,
            false => (None, text.as_str()),
        };
        let (name, part) = match rest.split_once('.') {
            Some((name, part)) => (name, Some(part)),
            None => (rest, None),
        };
        let is_good = is_name(name) && part.is_none_or(is_name) && schema.as_deref().is_none_or(is_urn);
        is_good.then(|| Self { schema, name: name.to_owned(), part: part.map(str::to_owned) })
    }
}

fn is_urn(text: &str) -> bool {
    text.len() > "urn:".len()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'-' | b'_'))
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.name)?;
        match &self.part {
            Some(part) => write!(f, ".{part}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_means_nothing() {
        let read =
            AttributePath::parse("urn:ietf:params:scim:schemas:core:2.0:User:Name.familyName").unwrap();
        assert_eq!(read.schema.as_deref(), Some("urn:ietf:params:scim:schemas:core:2.0:user"));
        assert_eq!((read.name.as_str(), read.part.as_deref()), ("name", Some("familyname")));
        assert_eq!(AttributePath::parse("USERNAME"), AttributePath::parse("userName"));
        assert_eq!(AttributePath::parse("members.$ref").unwrap().part.as_deref(), Some("$ref"));
    }

    #[test]
    fn what_is_no_attribute_is_refused() {
        for bad in [
            "", ".", "a.", ".a", "a.b.c", "1a", "a b", "a[b]", "ä", "urn:", "urn:x", "urn::", "urn:x:", "a:b",
        ] {
            assert_eq!(AttributePath::parse(bad), None, "{bad}");
        }
    }
}
