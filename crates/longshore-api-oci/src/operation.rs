//! From method and path to one closed [`Operation`]. Repository names contain slashes, so paths are cut from the right.

use std::borrow::Cow;

use http::Method;
use longshore_domain::Error;
use longshore_domain::digest::Digest;
use longshore_domain::name::{Reference, RepositoryName};
use longshore_domain::permission::Action;
use longshore_domain::upload::UploadId;

use crate::routes::OperationKind;

/// A repository as the client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As it stands in the path, for links and echoes: `alpine` stays `alpine`.
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
    /// Parses a path below `/v2`, which the caller has checked.
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

    /// Gives the operation without its parameters.
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

    /// Gives what a token must hold for this; `None` for the ping, which names no scope.
    pub(crate) fn challenge(&self) -> Option<Challenge> {
        match (self, self.name()) {
            (Self::ListRepositories, _) => Some(Challenge::Catalog),
            (_, Some(name)) => {
                let actions = match self.kind().action() {
                    Some(Action::Push) => "pull,push",
                    Some(Action::Delete) => "delete",
                    _ => "pull",
                };
                Some(Challenge::Repository(name.written.clone(), actions))
            }
            (_, None) => None,
        }
    }
}

/// What a client needs to ask a token for; put together only when it is sent.
pub(crate) enum Challenge {
    Catalog,
    Repository(String, &'static str),
}

impl Challenge {
    pub(crate) fn scope(&self) -> String {
        match self {
            Self::Catalog => "registry:catalog:*".into(),
            Self::Repository(name, actions) => format!("repository:{name}:{actions}"),
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

/// Names consist of characters that need no encoding, so an encoded one is not a name.
fn parse_name(written: &str) -> Result<Name, ParseError> {
    Ok(Name { written: written.to_owned(), repository: written.parse()? })
}

/// Some clients write the colon of a digest as `%3A`.
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
