//! Names: their grammar and length limits.
//!
//! OCI distribution 1.1, "Pulling manifests": repository names and tags.
//! A namespace is the first path component of a repository name and the name of an account.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Longest repository name in bytes; many clients limit host and name together to 255.
pub const REPOSITORY_NAME_LIMIT_BYTES: usize = 255;
/// Longest account name in bytes.
pub const NAMESPACE_LIMIT_BYTES: usize = 63;
/// Longest tag in bytes.
pub const TAG_LIMIT_BYTES: usize = 128;
/// The namespace of one-segment repository names, as on Docker Hub: `alpine` is `library/alpine`.
pub const LIBRARY: &str = "library";

/// First path segments that route to a dialect or to the server itself, names kept for later, and those that logs have for
/// who is no account.
/// No account may bear one, so the split of `/v2/` between dialects is unambiguous.
const RESERVED: &[&str] = &[
    "_catalog",
    "access-tokens",
    "account",
    "admin",
    "anonymous",
    "api",
    "api_tokens",
    "auditlogs",
    "auth",
    "domains",
    "healthz",
    "invite",
    "invites",
    "kubernetes",
    "library",
    "login",
    "logout",
    "manage",
    "metrics",
    "namespaces",
    "operator",
    "orgs",
    "readyz",
    "registries",
    "registry",
    "repositories",
    "scim",
    "search",
    "static",
    "token",
    "ui",
    "user",
    "users",
    "v1",
    "v2",
    "v3",
];

/// First path segments that will route to something, and which accounts may have that were created before.
const RESERVED_FOR_LATER: &[&str] = &["asof"];

/// Returns whether `text` is a name that no account may take.
pub fn is_reserved(text: &str) -> bool {
    RESERVED.binary_search(&text).is_ok()
}

/// One path component: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    if !alphanumeric(first) || !alphanumeric(last) {
        return false;
    }
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&b| !alphanumeric(b)) {
        let run = &rest[at..];
        let length = run.iter().position(|&b| alphanumeric(b)).unwrap_or(run.len());
        let separator = &run[..length];
        let valid = matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|&b| b == b'-');
        if !valid {
            return false;
        }
        rest = &run[length..];
    }
    true
}

/// The name of an account and the first component of its repositories' names; at most 63 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(String);

impl Namespace {
    /// The operator's namespace, `library`.
    pub fn library() -> Self {
        Self(LIBRARY.to_owned())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that a new account may take this name.
    ///
    /// # Errors
    /// `NameReserved` for the names that route to a dialect or belong to the operator.
    pub fn check_available_to_accounts(&self) -> Result<()> {
        if is_reserved(&self.0) || RESERVED_FOR_LATER.contains(&self.0.as_str()) {
            Err(Error::NameReserved(self.0.clone()))
        } else {
            Ok(())
        }
    }
}

impl FromStr for Namespace {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        if text.len() <= NAMESPACE_LIMIT_BYTES && is_component(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::NameInvalid {
                name: shorten(text),
                reason: "an account name has 1 to 63 lower-case letters, digits and single separators (. _ __ -) between them",
            })
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The full name of a repository, `namespace/rest`, at most 255 bytes; `rest` may hold slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName {
    full: String,
    slash: usize,
}

impl RepositoryName {
    /// Returns the full name, for example `library/alpine`.
    pub fn as_str(&self) -> &str {
        &self.full
    }

    /// Returns the namespace part.
    pub fn namespace(&self) -> Namespace {
        Namespace(self.namespace_str().to_owned())
    }

    /// Returns the namespace part as text.
    pub fn namespace_str(&self) -> &str {
        &self.full[..self.slash]
    }

    /// Returns what follows the namespace.
    pub fn rest(&self) -> &str {
        &self.full[self.slash + 1..]
    }
}

impl FromStr for RepositoryName {
    type Err = Error;
    /// Parses a name; one without a slash is put into the `library` namespace.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = |reason| Err(Error::NameInvalid { name: shorten(text), reason });
        if text.len() > REPOSITORY_NAME_LIMIT_BYTES {
            return invalid("a repository name has at most 255 characters");
        }
        if !text.split('/').all(is_component) {
            return invalid(
                "each part of a repository name has lower-case letters and digits, with single separators (. _ __ -) between them",
            );
        }
        let full = if text.contains('/') { text.to_owned() } else { format!("{LIBRARY}/{text}") };
        let slash = full.find('/').unwrap_or(0);
        if slash > NAMESPACE_LIMIT_BYTES || full.len() > REPOSITORY_NAME_LIMIT_BYTES {
            return invalid(
                "the first part of a repository name has at most 63 characters, the whole at most 255",
            );
        }
        let namespace = &full[..slash];
        if namespace != LIBRARY && is_reserved(namespace) {
            return invalid("the first part of this repository name is reserved");
        }
        Ok(Self { full, slash })
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

impl Tag {
    /// Returns the tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let valid = match text.as_bytes() {
            [first, rest @ ..] => {
                text.len() <= TAG_LIMIT_BYTES
                    && word(*first)
                    && rest.iter().all(|&b| word(b) || b == b'.' || b == b'-')
            }
            [] => false,
        };
        if valid { Ok(Self(text.to_owned())) } else { Err(Error::TagInvalid(shorten(text))) }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names a manifest in a repository: a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The manifest that the tag points at now.
    Tag(Tag),
    /// The manifest with these bytes.
    Digest(crate::digest::Digest),
}

impl FromStr for Reference {
    type Err = Error;
    /// A text with a colon is a digest (a tag cannot hold one), all else a tag.
    fn from_str(text: &str) -> Result<Self> {
        if text.contains(':') { text.parse().map(Self::Digest) } else { text.parse().map(Self::Tag) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// Cuts rejected input to a length that fits a message and replaces control characters.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_reserved_list_is_sorted_for_binary_search() {
        assert!(RESERVED.is_sorted());
        assert!(
            is_reserved("_catalog") && is_reserved("v2") && is_reserved("library") && !is_reserved("acme")
        );
    }

    #[test]
    fn repository_names_follow_the_grammar() {
        for good in ["acme/app", "a/b/c", "acme/a.b_c__d---e", "0/1", "alpine", "library/alpine"] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        let long = format!("acme/{}", "a".repeat(251));
        for bad in [
            "",
            "/",
            "acme/",
            "/app",
            "acme//app",
            "Acme/app",
            "acme/App",
            "acme/..",
            "acme/.a",
            "acme/a.",
            "acme/a..b",
            "acme/a___b",
            "acme/a._b",
            "acme/%2e%2e",
            "acme/a b",
            "acme/\u{0}",
            "аcme/app",
            "users/app",
            "v2/app",
            "manage/app",
            &long,
        ] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bare_name_lives_in_library() {
        let name: RepositoryName = "alpine".parse().unwrap();
        assert_eq!(
            (name.as_str(), name.namespace_str(), name.rest()),
            ("library/alpine", "library", "alpine")
        );
        let name: RepositoryName = "acme/team/app".parse().unwrap();
        assert_eq!((name.namespace_str(), name.rest()), ("acme", "team/app"));
    }

    #[test]
    fn tags_follow_the_grammar() {
        let longest = "a".repeat(128);
        for good in ["latest", "1.0", "_x", "A-b.c", &longest] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(129);
        for bad in ["", ".a", "-a", "a b", "a/b", "a:b", "ä", &too_long] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn reserved_names_are_not_available() {
        assert!(matches!(
            "users".parse::<Namespace>().unwrap().check_available_to_accounts(),
            Err(Error::NameReserved(_))
        ));
        assert!("acme".parse::<Namespace>().unwrap().check_available_to_accounts().is_ok());
        // Whoever has it keeps it.
        assert!("asof".parse::<Namespace>().unwrap().check_available_to_accounts().is_err());
        assert!("asof/app".parse::<RepositoryName>().is_ok());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_keeps_the_text(text in "\\PC{0,300}") {
            if let Ok(name) = text.parse::<RepositoryName>() {
                prop_assert!(name.as_str().ends_with(&text));
            }
            let _ = text.parse::<Tag>();
            let _ = text.parse::<Reference>();
        }

        #[test]
        fn every_generated_component_is_accepted(text in "[a-z0-9]{1,8}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,3}") {
            prop_assert!(is_component(&text));
        }
    }
}
