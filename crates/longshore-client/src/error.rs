//! Why something was not done.

use crate::types::ProblemDetails;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry refused it, or failed.
    #[error("{}", .0.detail)]
    Refused(Box<ProblemDetails>),
    /// The registry was not reached, or the connection broke.
    #[error("cannot reach {registry}: {reason}")]
    Unreachable {
        /// Its address.
        registry: String,
        /// Why, as far as it is known.
        reason: String,
    },
    /// What answered does not speak this API.
    #[error(
        "{registry} answered {status} in other words than those of a Longshore registry; look at the address"
    )]
    OtherAnswer {
        /// Its address.
        registry: String,
        /// Status of the answer.
        status: u16,
    },
    /// It was called with something that cannot be sent.
    #[error("{0}")]
    Unusable(String),
}

/// What a call gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The problem that the registry told; `None` if it was not reached.
    pub fn problem(&self) -> Option<&ProblemDetails> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether the registry told a problem of this code.
    pub fn is(&self, code: &str) -> bool {
        self.problem().is_some_and(|problem| problem.code == code)
    }
}
