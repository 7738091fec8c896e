//! THE TABLE: every operation, its name in logs and metrics, its number in the specification, and the permission
//! that it needs. The tests hold the table against `docs/api/oci.md` and against what the server really refuses.

use longshore_domain::access::action::RepositoryAction;

/// An operation without its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the specification's operations")]
pub enum OperationKind {
    Ping,
    GetBlob,
    HeadBlob,
    DeleteBlob,
    GetManifest,
    HeadManifest,
    PutManifest,
    DeleteManifest,
    BeginUpload,
    GetUpload,
    AppendToUpload,
    FinishUpload,
    CancelUpload,
    ListTags,
    ListReferrers,
    ListRepositories,
    Token,
    /// No operation at all.
    Unknown,
}

impl OperationKind {
    /// All, in the order of their numbers.
    pub const ALL: &[Self] = &[
        Self::Ping,
        Self::GetBlob,
        Self::HeadBlob,
        Self::DeleteBlob,
        Self::GetManifest,
        Self::HeadManifest,
        Self::PutManifest,
        Self::DeleteManifest,
        Self::BeginUpload,
        Self::GetUpload,
        Self::AppendToUpload,
        Self::FinishUpload,
        Self::CancelUpload,
        Self::ListTags,
        Self::ListReferrers,
        Self::ListRepositories,
        Self::Token,
        Self::Unknown,
    ];

    /// Returns name, numbers in the specification, method, path, and needed permission (`None`: none on a repository).
    pub fn row(self) -> (&'static str, &'static str, &'static str, &'static str, Option<RepositoryAction>) {
        match self {
            Self::Ping => ("ping", "end-1", "GET", "/v2/", None),
            Self::GetBlob => {
                ("get_blob", "end-2", "GET", "/v2/<name>/blobs/<digest>", Some(RepositoryAction::Pull))
            }
            Self::HeadBlob => {
                ("head_blob", "end-2", "HEAD", "/v2/<name>/blobs/<digest>", Some(RepositoryAction::Pull))
            }
            Self::GetManifest => (
                "get_manifest",
                "end-3",
                "GET",
                "/v2/<name>/manifests/<reference>",
                Some(RepositoryAction::Pull),
            ),
            Self::HeadManifest => (
                "head_manifest",
                "end-3",
                "HEAD",
                "/v2/<name>/manifests/<reference>",
                Some(RepositoryAction::Pull),
            ),
            Self::BeginUpload => (
                "begin_upload",
                "end-4a, end-4b, end-4c, end-11",
                "POST",
                "/v2/<name>/blobs/uploads/",
                Some(RepositoryAction::Push),
            ),
            Self::AppendToUpload => (
                "append_to_upload",
                "end-5",
                "PATCH",
                "/v2/<name>/blobs/uploads/<id>",
                Some(RepositoryAction::Push),
            ),
            Self::FinishUpload => (
                "finish_upload",
                "end-6",
                "PUT",
                "/v2/<name>/blobs/uploads/<id>",
                Some(RepositoryAction::Push),
            ),
            Self::PutManifest => (
                "put_manifest",
                "end-7a, end-7b",
                "PUT",
                "/v2/<name>/manifests/<reference>",
                Some(RepositoryAction::Push),
            ),
            Self::ListTags => {
                ("list_tags", "end-8a, end-8b", "GET", "/v2/<name>/tags/list", Some(RepositoryAction::Pull))
            }
            Self::DeleteManifest => (
                "delete_manifest",
                "end-9",
                "DELETE",
                "/v2/<name>/manifests/<reference>",
                Some(RepositoryAction::Delete),
            ),
            Self::DeleteBlob => (
                "delete_blob",
                "end-10",
                "DELETE",
                "/v2/<name>/blobs/<digest>",
                Some(RepositoryAction::Delete),
            ),
            Self::ListReferrers => (
                "list_referrers",
                "end-12a, end-12b",
                "GET",
                "/v2/<name>/referrers/<digest>",
                Some(RepositoryAction::Pull),
            ),
            Self::GetUpload => {
                ("get_upload", "end-13", "GET", "/v2/<name>/blobs/uploads/<id>", Some(RepositoryAction::Push))
            }
            Self::CancelUpload => (
                "cancel_upload",
                "end-14",
                "DELETE",
                "/v2/<name>/blobs/uploads/<id>",
                Some(RepositoryAction::Push),
            ),
            Self::ListRepositories => ("list_repositories", "", "GET", "/v2/_catalog", None),
            Self::Token => ("token", "", "GET, POST", "/token", None),
            Self::Unknown => ("unknown", "", "", "", None),
        }
    }

    /// Returns the name in logs and metrics.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Returns the permission that it needs on its repository.
    pub fn action(self) -> Option<RepositoryAction> {
        self.row().4
    }
}

#[cfg(test)]
mod tests {
    use super::OperationKind;

    #[test]
    fn metrics_are_found_by_the_number_of_the_operation() {
        for (number, kind) in OperationKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, number);
        }
    }

    #[test]
    fn the_documentation_has_a_line_for_every_operation() {
        let table = include_str!("../../../docs/api/oci.md");
        for kind in OperationKind::ALL {
            let (name, numbers, method, path, _) = kind.row();
            if *kind != OperationKind::Unknown {
                let line = format!("| `{name}` | {numbers} | `{method}` | `{path}` | done |");
                assert!(table.contains(&line), "docs/api/oci.md lacks: {line}");
            }
        }
    }
}
