//! Why requests are refused: one table of problems (RFC 9457), each with its status, and with a page that says what to do.
//!
//! A program decides by `code`, which stays the same; people read `title` and `detail`.

use http::{HeaderValue, StatusCode, header};
use longshore_api_common::{Response, body};
use longshore_domain::Error;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::refusal::{Denial, Refusal};
use longshore_domain::error::Unauthenticated;
use longshore_domain::past::PastRefusal;

/// Where the pages about problems are.
pub(crate) const PAGES: &str = "/api/errors/";

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// What programs know it by: words in lower case with `_` between them.
    pub code: &'static str,
    /// Status of the answer.
    pub status: StatusCode,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub help: &'static str,
}

/// All problems, by their codes.
pub const PROBLEMS: &[Problem] = &[
    problem(
        "access_token_needed",
        StatusCode::UNAUTHORIZED,
        "An access token is needed",
        "The account has a second factor, which this way of signing in cannot ask for. Make an access token, and send that.",
    ),
    problem(
        "blob_unknown",
        StatusCode::NOT_FOUND,
        "There is no such blob",
        "The repository does not have this blob, or you may not see it. Look at the digest again; it is that of a layer or a configuration.",
    ),
    problem(
        "body_interrupted",
        StatusCode::REQUEST_TIMEOUT,
        "The body did not arrive",
        "The connection broke, or nothing came for too long. Send the request again; nothing was changed.",
    ),
    problem(
        "body_too_large",
        StatusCode::PAYLOAD_TOO_LARGE,
        "The body is too large",
        "Send less at once. GET /api/v1 says how much a body may have.",
    ),
    problem(
        "conflict",
        StatusCode::CONFLICT,
        "The state of things does not allow this now",
        "The detail says what stands in the way, and what to do first.",
    ),
    problem(
        "damaged_upload",
        StatusCode::CONFLICT,
        "The upload is damaged",
        "Begin a new upload and send all bytes again.",
    ),
    problem(
        "deletion_unknown",
        StatusCode::NOT_FOUND,
        "There is no such deletion",
        "It was collected some time ago, or you may not see it. GET /api/v1/deletions lists those that you may undo.",
    ),
    problem(
        "denied",
        StatusCode::FORBIDDEN,
        "You may not do this",
        "needed says what it takes and have what you have. Ask an owner of the namespace, or use a credential that includes it.",
    ),
    problem(
        "digest_invalid",
        StatusCode::BAD_REQUEST,
        "That is not a digest",
        "A digest is written sha256: and 64 digits of 0-9 and a-f, or sha512: and 128 of them.",
    ),
    problem(
        "digest_mismatch",
        StatusCode::BAD_REQUEST,
        "The content has another digest",
        "What arrived is not what was announced. Send it again; if that does not help, compute the digest anew.",
    ),
    problem(
        "exists",
        StatusCode::CONFLICT,
        "That exists already",
        "Choose another name, or change the one that there is.",
    ),
    problem(
        "gone",
        StatusCode::GONE,
        "What the tag pointed at was deleted",
        "The history still says which digest it was. history.keep_days makes the registry keep what history names; see docs/history.md.",
    ),
    problem(
        "idempotency_key_reused",
        StatusCode::UNPROCESSABLE_ENTITY,
        "The Idempotency-Key was used for another request",
        "Use a new key for each request, and the same key only to send the same request again.",
    ),
    problem(
        "in_use",
        StatusCode::CONFLICT,
        "Something else needs it",
        "Delete what needs it first; the detail names that.",
    ),
    problem(
        "internal",
        StatusCode::INTERNAL_SERVER_ERROR,
        "The registry made a mistake",
        "Tell the operator, with the request_id: the log says more there.",
    ),
    problem(
        "invalid",
        StatusCode::BAD_REQUEST,
        "A value is not possible",
        "field says which value, and detail what it must be.",
    ),
    problem(
        "invite_unknown",
        StatusCode::NOT_FOUND,
        "There is no such invite",
        "It was accepted, called back, or its time is over.",
    ),
    problem(
        "job_unknown",
        StatusCode::NOT_FOUND,
        "There is no such job",
        "It ended more than 30 days ago, or you may not see it. GET /api/v1/jobs lists what there is.",
    ),
    problem(
        "limit_reached",
        StatusCode::CONFLICT,
        "There are as many as there may be",
        "Delete one that is not needed any more.",
    ),
    problem(
        "manifest_invalid",
        StatusCode::BAD_REQUEST,
        "That is not an acceptable manifest",
        "The detail says what is wrong with it.",
    ),
    problem(
        "manifest_unknown",
        StatusCode::NOT_FOUND,
        "There is no such image",
        "The repository has no image of this tag or digest. GET …/-/tags lists its tags.",
    ),
    problem(
        "method_not_allowed",
        StatusCode::METHOD_NOT_ALLOWED,
        "This cannot be done here",
        "Allow says which methods this path has, and /api/openapi/native.json what each does.",
    ),
    problem(
        "name_invalid",
        StatusCode::BAD_REQUEST,
        "That is not a name",
        "Names have lower case letters, digits, and single . _ - between them; parts of a repository's name are separated by /.",
    ),
    problem("name_reserved", StatusCode::BAD_REQUEST, "The name is reserved", "Choose another one."),
    problem(
        "no_page",
        StatusCode::NOT_FOUND,
        "The list ends before",
        "Begin at the first page and follow next.",
    ),
    problem(
        "not_eligible",
        StatusCode::CONFLICT,
        "The subscription does not include it",
        "Delete what is too much, or subscribe to a larger tier.",
    ),
    problem(
        "not_found",
        StatusCode::NOT_FOUND,
        "There is nothing at this path",
        "/api/openapi/native.json lists what there is.",
    ),
    problem(
        "not_past",
        StatusCode::BAD_REQUEST,
        "That time has not come",
        "Ask for an earlier time; the registry's clock counts.",
    ),
    problem(
        "organization_unknown",
        StatusCode::NOT_FOUND,
        "There is no such namespace",
        "It does not exist, or you may see nothing of it.",
    ),
    problem(
        "over_limit",
        StatusCode::FORBIDDEN,
        "The subscription includes no more",
        "Delete what is not needed, or ask the operator for a larger tier.",
    ),
    problem(
        "overloaded",
        StatusCode::SERVICE_UNAVAILABLE,
        "The registry has too much to do now",
        "Come again after retry_after_seconds.",
    ),
    problem(
        "password_needed",
        StatusCode::FORBIDDEN,
        "This takes your password",
        "An access token cannot do it: sign in with the password, or give it again, and do it within ten minutes.",
    ),
    problem(
        "permission_unknown",
        StatusCode::NOT_FOUND,
        "There is no such permission",
        "Nobody was given this, so that there is nothing to take away.",
    ),
    problem(
        "precondition_failed",
        StatusCode::PRECONDITION_FAILED,
        "Somebody else changed it",
        "Read it again, look whether your change is still wanted, and send that with the new ETag.",
    ),
    problem(
        "read_only",
        StatusCode::CONFLICT,
        "The registry is read-only for now",
        "Its owner lets garbage be collected. Wait until that is done, or cancel it.",
    ),
    problem(
        "registry_unknown",
        StatusCode::NOT_FOUND,
        "There is no such registry",
        "It does not exist, or you may not see it.",
    ),
    problem(
        "repository_unknown",
        StatusCode::NOT_FOUND,
        "There is no such repository",
        "It does not exist, or you may not see it: sign in, or ask an owner of the namespace.",
    ),
    problem(
        "request_in_progress",
        StatusCode::CONFLICT,
        "This request is being handled",
        "A request with the same idempotency key has no answer yet. Send it again in a moment: you get its answer, and nothing is done twice.",
    ),
    problem(
        "retention_policy_unknown",
        StatusCode::NOT_FOUND,
        "There is no such retention policy",
        "List the policies of the repository.",
    ),
    problem(
        "run_unknown",
        StatusCode::NOT_FOUND,
        "There is no such collection of garbage",
        "It is over, or never was.",
    ),
    problem(
        "second_factor_needed",
        StatusCode::UNAUTHORIZED,
        "The second factor is needed",
        "Send the code of your authenticator with the password, or use an access token.",
    ),
    problem(
        "secret_was_told",
        StatusCode::CONFLICT,
        "The answer held a secret that is told once",
        "The request was done. Look at what it made; if its secret is lost, delete that and make another one.",
    ),
    problem(
        "session_unknown",
        StatusCode::NOT_FOUND,
        "There is no such session",
        "It has ended, or is not yours. GET /api/v1/account/sessions lists yours.",
    ),
    problem(
        "share_unknown",
        StatusCode::NOT_FOUND,
        "It is not shared with that account",
        "List with whom the repository is shared.",
    ),
    problem(
        "sign_in_needed",
        StatusCode::UNAUTHORIZED,
        "Sign in first",
        "Send an access token as Authorization: Bearer. An account makes them for itself.",
    ),
    problem(
        "storage_full",
        StatusCode::INSUFFICIENT_STORAGE,
        "The registry has no room left",
        "Tell the operator. Deleting still works, and gives room when the garbage is collected.",
    ),
    problem(
        "tag_immutable",
        StatusCode::CONFLICT,
        "The tag is immutable",
        "Its repository says that it stays where it is. Use another tag, or change the rules of the repository.",
    ),
    problem(
        "tag_invalid",
        StatusCode::BAD_REQUEST,
        "That is not a tag",
        "A tag has 1 to 128 letters, digits and _ . - and begins with none of . and -.",
    ),
    problem(
        "tag_reserved",
        StatusCode::BAD_REQUEST,
        "Such tags are for the past",
        "With .asof. and a time, a tag is what it pointed at then. Push under another name.",
    ),
    problem(
        "tag_was_not_there",
        StatusCode::NOT_FOUND,
        "There was no such tag then",
        "GET …/-/tags/{tag}/history says when there was one, and where it pointed.",
    ),
    problem(
        "team_unknown",
        StatusCode::NOT_FOUND,
        "There is no such team",
        "List the teams of the organization.",
    ),
    problem(
        "throttled",
        StatusCode::TOO_MANY_REQUESTS,
        "Too many requests",
        "Come again after retry_after_seconds.",
    ),
    problem(
        "token_invalid",
        StatusCode::UNAUTHORIZED,
        "The token is not valid, or no longer",
        "Look whether it has expired or was deleted, and make a new one.",
    ),
    problem(
        "token_unknown",
        StatusCode::NOT_FOUND,
        "There is no such access token",
        "List those that there are.",
    ),
    problem(
        "unavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "The registry cannot reach its storage",
        "Nothing is lost. Come again after retry_after_seconds, and tell the operator if it lasts.",
    ),
    problem(
        "unsupported",
        StatusCode::METHOD_NOT_ALLOWED,
        "The registry does not do this",
        "The detail says what it does instead.",
    ),
    problem(
        "upload_invalid",
        StatusCode::BAD_REQUEST,
        "The request does not fit the upload",
        "Ask for the state of the upload, and go on from there.",
    ),
    problem(
        "upload_unknown",
        StatusCode::NOT_FOUND,
        "There is no such upload",
        "It was finished, cancelled, or has expired. Begin a new one.",
    ),
    problem("user_unknown", StatusCode::NOT_FOUND, "There is no such user", "Look at the name again."),
    problem("work_unknown", StatusCode::NOT_FOUND, "There is no such work", "It may be done."),
    problem(
        "wrong_credential",
        StatusCode::UNAUTHORIZED,
        "The name or the password is wrong",
        "The same is said of accounts that are not active. After many attempts, there is a pause.",
    ),
];

const fn problem(code: &'static str, status: StatusCode, title: &'static str, help: &'static str) -> Problem {
    Problem { code, status, title, help }
}

/// Returns the problem of a code.
pub(crate) fn find(code: &str) -> Option<&'static Problem> {
    PROBLEMS.iter().find(|problem| problem.code == code)
}

/// Returns the problem of a code that is in the table.
pub(crate) fn known(code: &'static str) -> &'static Problem {
    find(code).unwrap_or(INTERNAL)
}

/// What a mistake of this table's own would be called.
const INTERNAL: &Problem = &problem(
    "internal",
    StatusCode::INTERNAL_SERVER_ERROR,
    "The registry made a mistake",
    "Tell the operator.",
);

/// Returns what an error is. A new variant does not compile until it has an answer here.
pub(crate) fn of(error: &Error) -> &'static Problem {
    known(code(error))
}

fn code(error: &Error) -> &'static str {
    match error {
        Error::RepositoryUnknown(_) => "repository_unknown",
        Error::ManifestUnknown { .. } => "manifest_unknown",
        Error::BlobUnknown { .. } => "blob_unknown",
        Error::UploadUnknown => "upload_unknown",
        Error::UploadDamaged => "damaged_upload",
        Error::UploadInvalid(_) | Error::UploadOffset { .. } | Error::SizeMismatch { .. } => "upload_invalid",
        Error::TooManyUploads { .. } | Error::LimitReached { .. } => "limit_reached",
        Error::BlobTooLarge { .. } | Error::ManifestTooLarge { .. } | Error::BodyTooLarge { .. } => {
            "body_too_large"
        }
        Error::DigestMismatch { .. } => "digest_mismatch",
        Error::DigestInvalid { .. } => "digest_invalid",
        Error::NameInvalid { .. } => "name_invalid",
        Error::NameReserved(_) => "name_reserved",
        Error::TagInvalid(_) => "tag_invalid",
        Error::TagImmutable(_) => "tag_immutable",
        Error::Past(refusal) => match &**refusal {
            PastRefusal::NotYet(_) | PastRefusal::Future(_) => "not_past",
            PastRefusal::Never { .. } | PastRefusal::NotThere { .. } => "tag_was_not_there",
            PastRefusal::Gone { .. } => "gone",
            PastRefusal::Reserved(_) => "tag_reserved",
        },
        Error::ManifestInvalid(_) | Error::ManifestReferencesUnknown(_) => "manifest_invalid",
        Error::InUse { .. } => "in_use",
        Error::PreconditionFailed => "precondition_failed",
        Error::Unauthenticated(why) => match why {
            Unauthenticated::Missing => "sign_in_needed",
            Unauthenticated::WrongCredential => "wrong_credential",
            Unauthenticated::AccessTokenNeeded => "access_token_needed",
            Unauthenticated::SecondFactorNeeded => "second_factor_needed",
            Unauthenticated::InvalidToken
            | Unauthenticated::InsufficientScope
            | Unauthenticated::OutsideProject
            | Unauthenticated::MalformedSignature(_)
            | Unauthenticated::WrongSignature
            | Unauthenticated::ClockSkew
            | Unauthenticated::SignatureUsed => "token_invalid",
        },
        Error::MountSourceNotCovered(_) => "token_invalid",
        Error::Denied(Denial::Refused {
            refusal:
                Refusal::TokenIsNoPassword
                | Refusal::TokenIsNoManager
                | Refusal::PresenceNeeded
                | Refusal::PasswordIsLongAgo
                // No access token of a user decides about others.
                | Refusal::TokenLacks(RepositoryAction::AssignTeam),
            ..
        }) => "password_needed",
        Error::Denied(_) => "denied",
        Error::Throttled { .. } => "throttled",
        Error::UserUnknown(_) | Error::MemberUnknown { .. } => "user_unknown",
        Error::OrganizationUnknown(_) => "organization_unknown",
        Error::TeamUnknown(_) => "team_unknown",
        Error::InviteUnknown => "invite_unknown",
        Error::RegistryUnknown(_) | Error::NoRegistry => "registry_unknown",
        Error::SeveralRegistries => "conflict",
        Error::NotEligible(_) => "not_eligible",
        Error::OverLimit(_) => "over_limit",
        Error::ReadOnly(_) => "read_only",
        Error::GcRunUnknown => "run_unknown",
        Error::JobUnknown => "job_unknown",
        Error::WorkUnknown(_) => "work_unknown",
        Error::DeletionUnknown => "deletion_unknown",
        Error::SessionUnknown => "session_unknown",
        Error::RetentionPolicyUnknown => "retention_policy_unknown",
        Error::PermissionUnknown { .. } => "permission_unknown",
        Error::ShareUnknown { .. } => "share_unknown",
        Error::TokenUnknown(_) => "token_unknown",
        Error::PageUnknown(_) => "no_page",
        Error::Exists(_) => "exists",
        Error::Invalid { .. } => "invalid",
        Error::Conflict(_) => "conflict",
        Error::Unsupported(_) => "unsupported",
        Error::BodyInterrupted => "body_interrupted",
        Error::StorageFull(_) => "storage_full",
        Error::Unavailable(_) => "unavailable",
        Error::Overloaded(_) => "overloaded",
        Error::Internal(_) => "internal",
    }
}

/// Returns the page about a problem, which people read: `type` of an answer leads to it.
pub fn page(path: &str) -> Option<Response> {
    let problem = find(path.strip_prefix(PAGES)?)?;
    let text = format!("{} ({}, {})\n\n{}\n", problem.title, problem.code, problem.status, problem.help);
    let mut response = Response::new(body::full(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_each_there_once_and_usual_words() {
        assert!(PROBLEMS.windows(2).all(|pair| pair[0].code < pair[1].code));
        for problem in PROBLEMS {
            assert!(
                problem.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{problem:?}"
            );
            assert!(problem.status.is_client_error() || problem.status.is_server_error(), "{problem:?}");
            assert!(problem.help.ends_with('.') && !problem.title.ends_with('.'), "{problem:?}");
        }
    }

    #[test]
    fn every_code_of_an_error_is_in_the_table() {
        // What stands in quotation marks between the match and its end.
        let source = include_str!("problems.rs");
        let body = source.split("fn code(").nth(1).unwrap().split("\n}\n").next().unwrap();
        let codes: Vec<&str> = body.split('"').skip(1).step_by(2).collect();
        assert!(codes.len() > 50, "{}", codes.len());
        for code in &codes {
            assert!(find(code).is_some(), "{code} is not in PROBLEMS");
        }
        // The dialect itself says the rest.
        let own = [
            "idempotency_key_reused",
            "method_not_allowed",
            "not_found",
            "request_in_progress",
            "secret_was_told",
        ];
        for problem in PROBLEMS {
            assert!(
                codes.contains(&problem.code) || own.contains(&problem.code),
                "nothing is {}",
                problem.code
            );
        }
    }

    #[test]
    fn pages_are_of_problems_alone() {
        assert!(page("/api/errors/exists").is_some());
        for path in ["/api/errors/", "/api/errors/nothing", "/api/errors/exists/", "/api/errors"] {
            assert!(page(path).is_none(), "{path}");
        }
    }
}
