//! What a refusal says to the person at the command line: flags instead of fields, and what to do next.

use longshore_domain::{Error, Field};

use super::Request;
use crate::wiring;

/// Why a command was not done.
#[derive(Debug)]
pub struct Refusal {
    /// In words for a person.
    pub text: String,
    /// Whether a value on the command line cannot be; else something is not as the command needs it.
    pub is_bad_value: bool,
}

/// What is asked when something is not found; taken before the request is run.
#[derive(Clone, Copy)]
pub struct RequestSubject {
    /// A user or an organization is named.
    is_either: bool,
}

impl RequestSubject {
    /// Looks at a request.
    pub fn of(request: &Request) -> Self {
        let is_either = matches!(
            request,
            Request::AccountSetProfile { .. }
                | Request::AccountSetPlan { .. }
                | Request::AccountSetVerifiedPublisher { .. }
                | Request::TokenCreate { .. }
                | Request::AccessKeyCreate { .. }
                | Request::TokenList { .. }
                | Request::TokenShow { .. }
                | Request::TokenEnable { .. }
                | Request::TokenDisable { .. }
                | Request::TokenDelete { .. }
                | Request::RepoCreate { .. }
                | Request::AuditList { .. }
                | Request::AuditExport { .. }
        );
        Self { is_either }
    }

    /// Says why a request was refused.
    pub fn say(self, error: Error) -> Refusal {
        let is_bad_value = matches!(
            error,
            Error::Invalid { .. }
                | Error::NameInvalid { .. }
                | Error::NameReserved(_)
                | Error::TagInvalid(_)
                | Error::DigestInvalid { .. }
        );
        let text = match error {
            Error::Invalid { field, reason } => format!("{}: {reason}", flag_of(field)),
            Error::UserUnknown(name) | Error::OrganizationUnknown(name) if self.is_either => {
                format!(
                    "there is no user or organization {name:?}; see: longshore user list, longshore org list"
                )
            }
            Error::UserUnknown(name) => match name.split_once(" in ") {
                Some((user, organization)) => {
                    format!(
                        "{user} is not a member of {organization}; see: longshore org show {organization}"
                    )
                }
                None => format!("there is no user {name:?}; see: longshore user list"),
            },
            error @ Error::OrganizationUnknown(_) => format!("{error}; see: longshore org list"),
            Error::RepositoryUnknown(name) => {
                format!("repository {name} does not exist; see: longshore repo list")
            }
            error @ Error::DeletionUnknown => format!("{error}; see: longshore trash ls NAMESPACE"),
            Error::ManifestUnknown { repository, reference } => {
                format!(
                    "{repository} has no tag or image {reference}; see: longshore tag history {repository} TAG, longshore client tags {repository}"
                )
            }
            error @ Error::WorkUnknown(_) => format!("{error}; see: longshore work ls"),
            error => format!("{:#}", wiring::with_cause(error)),
        };
        Refusal { text, is_bad_value }
    }
}

/// Returns the flag or argument that a value is given by; the neutral name of what is given by none.
fn flag_of(field: Field) -> &'static str {
    match field {
        Field::Company => "--company",
        Field::Email => "--email",
        Field::ExpiresAt => "--expires-in-days",
        Field::FullName => "--full-name",
        Field::Location => "--location",
        Field::Password => "the password",
        Field::Plan => "PLAN",
        Field::Role => "--role",
        Field::TokenLabel => "--label",
        Field::TokenScope => "--scope",
        Field::Visibility => "--visibility",
        Field::WebPage => "--url",
        other => other.name(),
    }
}
