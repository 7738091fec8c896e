//! Paths of a change: which attribute, or which of its elements, an operation of `PATCH` is about.
//!
//! RFC 7644, section 3.5.2, "Modifying with PATCH", and figure 7 there.

use std::fmt;

use crate::attribute::AttributePath;
use crate::filter::{self, Filter, FilterError};
use crate::scan::Scan;

/// What an operation of a change is about.
#[derive(Clone, Debug, PartialEq)]
pub enum PatchPath {
    /// An attribute, or a part of it.
    Attribute(AttributePath),
    /// The elements of an attribute that meet a condition, or a part of each.
    Elements {
        /// The attribute, which has several elements.
        attribute: AttributePath,
        /// Which elements.
        filter: Filter,
        /// A part of each, such as `value`, in lower case; `None` for the whole elements.
        part: Option<String>,
    },
}

impl PatchPath {
    /// Reads a path such as `name.familyName` or `emails[type eq "work"].value`.
    ///
    /// # Errors
    /// When it is none, or its filter is longer, deeper or has more comparisons than a filter may have.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        filter::check_length(text)?;
        let mut scan = Scan::new(text);
        let before = scan;
        let attribute = AttributePath::parse(scan.word())
            .ok_or_else(|| before.error("there should be the name of an attribute"))?;
        let path = match scan.take('[') {
            false => Self::Attribute(attribute),
            true => {
                let filter = filter::parse_element(&mut scan)?;
                let part = match scan.take('.') {
                    false => None,
                    true => {
                        let before = scan;
                        let part = AttributePath::parse(scan.word())
                            .filter(|part| part.schema.is_none() && part.part.is_none());
                        let part = part.ok_or_else(|| {
                            before.error("there should be the name of a part of the attribute")
                        })?;
                        Some(part.name)
                    }
                };
                Self::Elements { attribute, filter, part }
            }
        };
        match scan.is_at_end() {
            true => Ok(path),
            false => Err(scan.error("the path should end here")),
        }
    }
}

/// Writes a path so that it is read as the same again.
impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(attribute) => write!(f, "{attribute}"),
            Self::Elements { attribute, filter, part } => {
                write!(f, "{attribute}[{filter}]")?;
                match part {
                    Some(part) => write!(f, ".{part}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_identity_providers_send_is_read() {
        for (text, meaning) in [
            ("members", "members"),
            ("name.familyName", "name.familyname"),
            (r#"members[value eq "2819c223"]"#, r#"members[value eq "2819c223"]"#),
            (r#"emails[type eq "work"].value"#, r#"emails[type eq "work"].value"#),
            (
                r#"addresses[ type eq "work" and (primary eq true) ].Locality"#,
                r#"addresses[type eq "work" and primary eq true].locality"#,
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager.displayname",
            ),
        ] {
            let path = PatchPath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(path.to_string(), meaning);
            assert_eq!(PatchPath::parse(meaning).unwrap(), path);
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_its_place() {
        for (bad, at) in [
            ("", 1),
            ("a b", 2),
            ("a eq 1", 2),
            ("a[b eq 1", 9),
            ("a[b eq 1]c", 10),
            ("a[b eq 1].", 11),
            ("a[b eq 1].c.d", 11),
            ("a[b eq 1].c[d pr]", 12),
            ("[b pr]", 1),
            ("a[]", 3),
            ("a.b.c", 1),
        ] {
            assert_eq!(PatchPath::parse(bad).map_err(|error| error.at), Err(at), "{bad}");
        }
        assert!(PatchPath::parse(&"a".repeat(5000)).is_err());
    }
}
