//! From method and path to one closed [`Operation`]. Repository names contain slashes, so paths are cut from the right.

use std::borrow::Cow;

use http::Method;
use longshore_domain::Error;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::digest::Digest;
use longshore_domain::name::{Reference, RepositoryName};
use longshore_domain::upload::UploadId;

use crate::routes::OperationKind;
use crate::wire::Query;

/// A repository as the client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As it stands in the path, decoded, for links and echoes: `alpine` stays `alpine`.
    pub written: String,
    /// The repository.
    pub repository: RepositoryName,
}

/// One request of the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the specification's operations; the table is in `routes`")]
pub enum Operation {
    Ping,
    GetBlob { name: Name, digest: Digest },
    HeadBlob { name: Name, digest: Digest },
    DeleteBlob { name: Name, digest: Digest },
    GetManifest { name: Name, reference: Reference },
    HeadManifest { name: Name, reference: Reference },
    PutManifest { name: Name, reference: Reference },
    DeleteManifest { name: Name, reference: Reference },
    BeginUpload { name: Name },
    GetUpload { name: Name, id: Option<UploadId> },
    AppendToUpload { name: Name, id: Option<UploadId> },
    FinishUpload { name: Name, id: Option<UploadId> },
    CancelUpload { name: Name, id: Option<UploadId> },
    ListTags { name: Name },
    ListReferrers { name: Name, digest: Digest },
    ListRepositories,
}

/// Why a request is no operation.
#[derive(Debug)]
pub enum ParseError {
    /// There is no such path.
    NotFound,
    /// The path exists for these methods only.
    MethodNotAllowed(&'static str),
    /// A name, digest or tag is not valid.
    Invalid(Error),
}

impl From<Error> for ParseError {
    fn from(error: Error) -> Self {
        Self::Invalid(error)
    }
}

impl Operation {
    /// Parses a path below `/v2`, which the actor has checked.
    ///
    /// # Errors
    /// `ParseError`: see there.
    pub fn parse(method: &Method, path: &str) -> Result<Self, ParseError> {
        let path = path.strip_prefix("/v2").ok_or(ParseError::NotFound)?;
        let path = match path {
            "" | "/" => return only(method, &Method::GET, "GET, HEAD", Self::Ping),
            "/_catalog" => return only(method, &Method::GET, "GET, HEAD", Self::ListRepositories),
            path => path.strip_prefix('/').ok_or(ParseError::NotFound)?,
        };
        if let Some(name) = path.strip_suffix("/tags/list") {
            return only(method, &Method::GET, "GET, HEAD", Self::ListTags { name: parse_name(name)? });
        }
        if let Some(name) =
            path.strip_suffix("/blobs/uploads/").or_else(|| path.strip_suffix("/blobs/uploads"))
        {
            return only(method, &Method::POST, "POST", Self::BeginUpload { name: parse_name(name)? });
        }
        let (rest, last) = path.rsplit_once('/').ok_or(ParseError::NotFound)?;
        let last = decode(last);
        if let Some(name) = rest.strip_suffix("/manifests") {
            let name = parse_name(name)?;
            return match *method {
                Method::GET => Ok(Self::GetManifest { name, reference: last.parse()? }),
                Method::HEAD => Ok(Self::HeadManifest { name, reference: last.parse()? }),
                Method::DELETE => Ok(Self::DeleteManifest { name, reference: last.parse()? }),
                Method::PUT => {
                    // To ask for a tag that cannot exist is "not found"; to set one is invalid.
                    let invalid = |error| match error {
                        Error::TagInvalid(_) => Error::ManifestInvalid(error.to_string()),
                        other => other,
                    };
                    Ok(Self::PutManifest { name, reference: last.parse().map_err(invalid)? })
                }
                _ => Err(ParseError::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
            };
        }
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            let name = parse_name(name)?;
            let id = last.parse().ok().map(UploadId);
            return match *method {
                Method::GET | Method::HEAD => Ok(Self::GetUpload { name, id }),
                Method::PATCH => Ok(Self::AppendToUpload { name, id }),
                Method::PUT => Ok(Self::FinishUpload { name, id }),
                Method::DELETE => Ok(Self::CancelUpload { name, id }),
                _ => Err(ParseError::MethodNotAllowed("GET, PATCH, PUT, DELETE")),
            };
        }
        if let Some(name) = rest.strip_suffix("/blobs") {
            let name = parse_name(name)?;
            return match *method {
                Method::GET => Ok(Self::GetBlob { name, digest: last.parse()? }),
                Method::HEAD => Ok(Self::HeadBlob { name, digest: last.parse()? }),
                Method::DELETE => Ok(Self::DeleteBlob { name, digest: last.parse()? }),
                _ => Err(ParseError::MethodNotAllowed("GET, HEAD, DELETE")),
            };
        }
        if let Some(name) = rest.strip_suffix("/referrers") {
            let operation = Self::ListReferrers { name: parse_name(name)?, digest: last.parse()? };
            return only(method, &Method::GET, "GET, HEAD", operation);
        }
        Err(ParseError::NotFound)
    }

    /// Returns the operation without its parameters.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Ping => OperationKind::Ping,
            Self::GetBlob { .. } => OperationKind::GetBlob,
            Self::HeadBlob { .. } => OperationKind::HeadBlob,
            Self::DeleteBlob { .. } => OperationKind::DeleteBlob,
            Self::GetManifest { .. } => OperationKind::GetManifest,
            Self::HeadManifest { .. } => OperationKind::HeadManifest,
            Self::PutManifest { .. } => OperationKind::PutManifest,
            Self::DeleteManifest { .. } => OperationKind::DeleteManifest,
            Self::BeginUpload { .. } => OperationKind::BeginUpload,
            Self::GetUpload { .. } => OperationKind::GetUpload,
            Self::AppendToUpload { .. } => OperationKind::AppendToUpload,
            Self::FinishUpload { .. } => OperationKind::FinishUpload,
            Self::CancelUpload { .. } => OperationKind::CancelUpload,
            Self::ListTags { .. } => OperationKind::ListTags,
            Self::ListReferrers { .. } => OperationKind::ListReferrers,
            Self::ListRepositories => OperationKind::ListRepositories,
        }
    }

    fn name(&self) -> Option<&Name> {
        match self {
            Self::Ping | Self::ListRepositories => None,
            Self::GetBlob { name, .. }
            | Self::HeadBlob { name, .. }
            | Self::DeleteBlob { name, .. }
            | Self::GetManifest { name, .. }
            | Self::HeadManifest { name, .. }
            | Self::PutManifest { name, .. }
            | Self::DeleteManifest { name, .. }
            | Self::BeginUpload { name }
            | Self::GetUpload { name, .. }
            | Self::AppendToUpload { name, .. }
            | Self::FinishUpload { name, .. }
            | Self::CancelUpload { name, .. }
            | Self::ListTags { name }
            | Self::ListReferrers { name, .. } => Some(name),
        }
    }

    /// Returns what a token must hold for this; `None` for the ping, which names no scope. `query` says from where a blob is
    /// mounted.
    pub(crate) fn challenge(&self, query: &Query<'_>) -> Option<Challenge> {
        match (self, self.name()) {
            (Self::ListRepositories, _) => Some(Challenge::Catalog),
            (_, Some(name)) => {
                let actions = match self.kind().action() {
                    Some(RepositoryAction::Push) => "pull,push",
                    Some(RepositoryAction::Delete) => "delete",
                    _ => "pull",
                };
                // Some clients ask for what the first challenge says and try no second time (python-dxf).
                let source = match self {
                    Self::BeginUpload { .. } if query.given("mount").is_some() => query.given("from"),
                    _ => None,
                };
                let source = source.and_then(|source| source.parse().ok());
                let source = source.filter(|source| *source != name.repository);
                Some(Challenge::Repository { name: name.written.clone(), actions, source })
            }
            (_, None) => None,
        }
    }
}

/// What a client needs to ask a token for; put together only when it is sent.
pub(crate) enum Challenge {
    Catalog,
    Repository {
        /// The repository as the client names it.
        name: String,
        actions: &'static str,
        /// Another repository, to be pulled from.
        source: Option<RepositoryName>,
    },
}

impl Challenge {
    pub(crate) fn scope(&self) -> String {
        match self {
            Self::Catalog => "registry:catalog:*".into(),
            Self::Repository { name, actions, source: None } => format!("repository:{name}:{actions}"),
            Self::Repository { name, actions, source: Some(source) } => {
                format!("repository:{name}:{actions} repository:{source}:pull")
            }
        }
    }
}

/// Accepts one method (and `HEAD` where `GET` is).
fn only(
    method: &Method,
    accepted: &Method,
    allow: &'static str,
    operation: Operation,
) -> Result<Operation, ParseError> {
    let is_head = method == Method::HEAD && accepted == Method::GET;
    if method == accepted || is_head { Ok(operation) } else { Err(ParseError::MethodNotAllowed(allow)) }
}

/// Parses a name, which some clients write with an encoded slash (`alice%2Fapp`). It is decoded once and then read like any
/// other: a name has no character that could be decoded again, no `..`, and no reserved first segment.
fn parse_name(written: &str) -> Result<Name, ParseError> {
    let written = decode(written);
    Ok(Name { repository: written.parse()?, written: written.into_owned() })
}

/// Decodes what a path has encoded. Some clients write the colon of a digest as `%3A`.
fn decode(segment: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parse(method: Method, path: &str) -> Result<Operation, ParseError> {
        Operation::parse(&method, path)
    }

    #[test]
    fn every_path_of_the_specification_is_understood() {
        let encoded = DIGEST.replace(':', "%3A");
        let cases = [
            (Method::GET, "/v2/".to_owned(), OperationKind::Ping),
            (Method::GET, "/v2".to_owned(), OperationKind::Ping),
            (Method::GET, format!("/v2/acme/app/blobs/{DIGEST}"), OperationKind::GetBlob),
            (Method::HEAD, format!("/v2/acme/app/blobs/{encoded}"), OperationKind::HeadBlob),
            (Method::GET, "/v2/acme/app/manifests/latest".to_owned(), OperationKind::GetManifest),
            (Method::HEAD, format!("/v2/a/b/c/d/manifests/{DIGEST}"), OperationKind::HeadManifest),
            (Method::PUT, "/v2/alpine/manifests/3".to_owned(), OperationKind::PutManifest),
            (Method::DELETE, "/v2/acme/app/manifests/x".to_owned(), OperationKind::DeleteManifest),
            (Method::POST, "/v2/acme/app/blobs/uploads/".to_owned(), OperationKind::BeginUpload),
            (Method::POST, "/v2/acme/app/blobs/uploads".to_owned(), OperationKind::BeginUpload),
            (
                Method::PATCH,
                "/v2/acme/app/blobs/uploads/0190d3b0-0000-7000-8000-000000000000".to_owned(),
                OperationKind::AppendToUpload,
            ),
            (Method::PUT, "/v2/acme/app/blobs/uploads/nonsense".to_owned(), OperationKind::FinishUpload),
            (Method::GET, "/v2/acme/app/tags/list".to_owned(), OperationKind::ListTags),
            (Method::GET, format!("/v2/acme/app/referrers/{DIGEST}"), OperationKind::ListReferrers),
            (Method::GET, "/v2/_catalog".to_owned(), OperationKind::ListRepositories),
        ];
        for (method, path, expected) in cases {
            assert_eq!(parse(method, &path).unwrap().kind(), expected, "{path}");
        }
    }

    #[test]
    fn names_may_hold_the_words_of_the_path() {
        let parsed = parse(Method::GET, "/v2/manifests/tags/list/manifests/blobs").unwrap();
        let Operation::GetManifest { name, reference } = parsed else { panic!("{parsed:?}") };
        assert_eq!((name.written.as_str(), reference.to_string().as_str()), ("manifests/tags/list", "blobs"));
    }

    /// As Portainer's browser of registries asks.
    #[test]
    fn an_encoded_slash_separates_the_segments_of_a_name() {
        for (method, path) in [
            (Method::GET, "/v2/alice%2Fr/tags/list".to_owned()),
            (Method::GET, "/v2/alice%2fr/manifests/latest".to_owned()),
            (Method::PUT, "/v2/alice%2Fr/manifests/latest".to_owned()),
            (Method::GET, format!("/v2/alice%2Fr/blobs/{DIGEST}")),
            (Method::POST, "/v2/alice%2Fr/blobs/uploads/".to_owned()),
            (Method::PATCH, "/v2/alice%2Fr/blobs/uploads/x".to_owned()),
            (Method::GET, format!("/v2/alice%2Fr/referrers/{DIGEST}")),
            (Method::GET, "/v2/%61lice/%72/tags/list".to_owned()),
        ] {
            let parsed = parse(method, &path).unwrap();
            let name = parsed.name().unwrap();
            assert_eq!((name.written.as_str(), name.repository.as_str()), ("alice/r", "alice/r"), "{path}");
        }
    }

    #[test]
    fn an_encoded_name_reaches_nothing_that_a_plain_one_does_not() {
        for path in [
            "/v2/alice%252Fr/tags/list",
            "/v2/alice%2F%2E%2E%2Fbob/tags/list",
            "/v2/alice%2F..%2Fbob/tags/list",
            "/v2/alice%2F/tags/list",
            "/v2/%2Falice/tags/list",
            "/v2/alice%2F%2Fr/tags/list",
            "/v2/alice%5Cr/tags/list",
            "/v2/alice%00/r/tags/list",
            "/v2/alice%2Fr%0D%0Ax/tags/list",
            "/v2/alice%2Fr%22/tags/list",
            "/v2/alice%20r/tags/list",
            "/v2/%41lice/r/tags/list",
            "/v2/alice%C0%AFr/tags/list",
            "/v2/alice%FF/tags/list",
            "/v2/alice%/r/tags/list",
            "/v2/alice%2/r/tags/list",
        ] {
            assert!(matches!(parse(Method::GET, path), Err(ParseError::Invalid(_))), "{path}");
        }
        // What is not part of a name is not decoded.
        for path in ["/v2/alice/r%2Ftags/list", "/v2%2Falice/r/tags/list", "/v2/alice%2Fr%2Ftags%2Flist"] {
            assert!(matches!(parse(Method::GET, path), Err(ParseError::NotFound)), "{path}");
        }
        // Reserved first segments, in every spelling that the dispatch by them does not see.
        for reserved in ["users", "repositories", "namespaces", "manage", "_catalog", "v2", "scim", "token"] {
            let first = format!("%{:02X}{}", reserved.as_bytes()[0], &reserved[1..]);
            for path in [
                format!("/v2/{reserved}%2Fapp/tags/list"),
                format!("/v2/{first}/app/tags/list"),
                format!("/v2/{first}%2Fapp/tags/list"),
            ] {
                assert!(matches!(parse(Method::GET, &path), Err(ParseError::Invalid(_))), "{path}");
            }
        }
    }

    #[test]
    fn abuse_05_paths_that_are_no_operation_are_refused() {
        for path in [
            "/v2/acme",
            "/v2/acme/app",
            "/v2/acme/app/manifests",
            "/v2/acme/app/tags/",
            "/v2x/acme/app/tags/list",
            "/v2/acme/app/nonsense/x",
        ] {
            assert!(matches!(parse(Method::GET, path), Err(ParseError::NotFound)), "{path}");
        }
        for path in [
            "/v2/acme/../app/tags/list",
            "/v2/acme//app/tags/list",
            "/v2/acme/%2e%2e/tags/list",
            "/v2/Acme/app/tags/list",
            "/v2/acme/app%00/tags/list",
            "/v2/acme/app/blobs/sha256:..%2f..%2fetc",
            "/v2/acme/app/blobs/latest",
            "/v2/acme/app/manifests/..",
            "/v2/_catalog/app/tags/list",
            "/v2/acme/app/blobs/sha256:ABC",
        ] {
            assert!(matches!(parse(Method::GET, path), Err(ParseError::Invalid(_))), "{path}");
        }
        assert!(matches!(parse(Method::PATCH, "/v2/"), Err(ParseError::MethodNotAllowed(_))));
        assert!(matches!(parse(Method::POST, "/v2/a/b/manifests/x"), Err(ParseError::MethodNotAllowed(_))));
    }
}
