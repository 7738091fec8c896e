//! How commands end: exit codes, and what is said of what went wrong.

use std::process::ExitCode;

use longshore_client::Error;

/// Exit codes, as `--help` lists them.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 a flag or value that cannot be, 3 problems found, 4 refused, 5 not found, 6 not reachable.";

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It is done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// A flag or value on the command line cannot be.
    Usage = 2,
    /// What was looked at has problems, or a part was not done.
    Problems = 3,
    /// It was refused: the credential or the role does not include it, or the state of things does not allow it.
    Refused = 4,
    /// There is no such thing.
    NotFound = 5,
    /// The registry was not reached.
    NotReachable = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A flag or value on the command line that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Something that is not there, known without asking the registry's API.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(pub String);

/// A registry that was not reached, by a command that does not speak its API.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotReachable(pub String);

/// Returns how a command ends that failed.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<Usage>() {
        return Exit::Usage;
    }
    if error.is::<NotFound>() {
        return Exit::NotFound;
    }
    if error.is::<NotReachable>() {
        return Exit::NotReachable;
    }
    match error.downcast_ref::<Error>() {
        Some(Error::Unreachable { .. } | Error::OtherAnswer { .. }) => Exit::NotReachable,
        Some(Error::Refused(problem)) => match problem.status {
            400 | 422 => Exit::Usage,
            401 | 403 | 409 | 412 => Exit::Refused,
            404 | 410 => Exit::NotFound,
            429 | 503 => Exit::NotReachable,
            _ => Exit::Failed,
        },
        Some(Error::Unusable(_)) => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// Says what went wrong, and what to do about it.
pub fn explain(error: &anyhow::Error, is_verbose: bool) -> String {
    let mut text = format!("{error:#}");
    let Some(problem) = error.downcast_ref::<Error>().and_then(Error::problem) else { return text };
    if let Some(field) = &problem.field {
        // In the words of who typed it.
        let flag = format!("--{}", field.replace('_', "-"));
        let was_typed = |argument: String| argument.split('=').next() == Some(flag.as_str());
        let name = if std::env::args().any(was_typed) { flag.as_str() } else { field.as_str() };
        let rest = text.strip_prefix(field.as_str()).and_then(|rest| rest.strip_prefix(": "));
        text = format!("{name}: {}", rest.unwrap_or(&text));
    }
    if problem.code == "password_needed" {
        // The registry speaks to programs that keep a session.
        text = "this takes your password, which no token stands for: it is asked for on a terminal, and else taken from LONGSHORE_PASSWORD (longshore login keeps a token alone)".into();
    }
    if let Some(hint) = hint(&problem.code) {
        text = format!("{text}; {hint}");
    }
    if is_verbose {
        let answer = serde_json::to_string_pretty(problem).unwrap_or_default();
        text = format!("{text}\nrequest {}: the registry's log says more\n{answer}", problem.request_id);
    }
    text
}

/// Says what to do next about a problem, where the problem does not say that itself.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "repository_unknown" => "see: longshore repo ls",
        "manifest_unknown" => "see: longshore tag ls REPOSITORY, longshore tag history REPOSITORY TAG",
        "deletion_unknown" => "see: longshore trash ls NAMESPACE",
        "session_unknown" => "see: longshore account sessions",
        "user_unknown" => "see: longshore user ls, longshore org show ORGANIZATION",
        "organization_unknown" => "see: longshore org ls",
        "registry_unknown" => {
            "an owner makes a namespace a registry with `doctl registry create`; see: longshore org ls"
        }
        "run_unknown" => "see: longshore gc runs NAMESPACE",
        "job_unknown" => "see: longshore job ls",
        "work_unknown" => "see: longshore work ls",
        "team_unknown" => "see: longshore team ls ORGANIZATION",
        "invite_unknown" => "see: longshore invite ls ORGANIZATION",
        "permission_unknown" | "share_unknown" => "see: longshore access ls REPOSITORY",
        "sign_in_needed" | "token_invalid" => "sign in: longshore login URL",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use longshore_client::types::ProblemDetails;

    use super::*;

    fn refused(status: u16, code: &str) -> anyhow::Error {
        let problem = ProblemDetails {
            r#type: String::new(),
            title: "T".into(),
            status,
            detail: "it is so".into(),
            code: code.into(),
            field: None,
            needed: None,
            have: None,
            retry_after_seconds: None,
            request_id: "7".into(),
        };
        Error::Refused(Box::new(problem)).into()
    }

    #[test]
    fn exit_codes_say_what_kind_of_failure_it_was() {
        for (status, exit) in [
            (400, Exit::Usage),
            (401, Exit::Refused),
            (403, Exit::Refused),
            (404, Exit::NotFound),
            (409, Exit::Refused),
            (412, Exit::Refused),
            (429, Exit::NotReachable),
            (500, Exit::Failed),
            (503, Exit::NotReachable),
        ] {
            assert_eq!(exit_of(&refused(status, "x")), exit, "{status}");
        }
        let unreachable = Error::Unreachable { registry: "r".into(), reason: "no".into() };
        assert_eq!(exit_of(&unreachable.into()), Exit::NotReachable);
        assert_eq!(exit_of(&Usage("x".into()).into()), Exit::Usage);
        assert_eq!(exit_of(&anyhow::anyhow!("x")), Exit::Failed);
        for (exit, name) in [
            (1, "failed"),
            (2, "a flag or value"),
            (3, "problems"),
            (4, "refused"),
            (5, "not found"),
            (6, "not reachable"),
        ] {
            assert!(EXIT_CODES.contains(&format!("{exit} {name}")), "{exit}");
        }
    }

    #[test]
    fn what_went_wrong_is_one_sentence_and_what_to_do_another() {
        assert_eq!(explain(&refused(404, "repository_unknown"), false), "it is so; see: longshore repo ls");
        assert!(explain(&refused(500, "internal"), true).contains("request 7"));
    }
}
