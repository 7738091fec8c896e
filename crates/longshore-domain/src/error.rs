//! The domain error: what can go wrong, in the domain's words.
//!
//! Each dialect maps every variant to its own status and code in one match.

use std::error::Error as StdError;

use crate::access::refusal::Denial;
use crate::conflict::Conflict;
use crate::digest::Digest;
use crate::existing::Existing;
use crate::field::Field;
use crate::limit::{Included, Limited};
use crate::name::{Namespace, Reference, RepositoryName, Tag};
use crate::past::PastRefusal;
use crate::tier::Excess;
use crate::work::WorkId;

/// Result of an operation on the registry.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation was refused or failed. The text is for the client and tells what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository does not exist, or the caller may not know that it does.
    #[error("repository {0} does not exist, or you may not see it")]
    RepositoryUnknown(RepositoryName),
    /// The repository has no such manifest or tag.
    #[error("{repository} has no manifest {reference}")]
    ManifestUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        reference: Reference,
    },
    /// The repository has no such blob.
    #[error("{repository} has no blob {digest}")]
    BlobUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        digest: Digest,
    },
    /// There is no such upload: it ended, expired, or belongs to somebody else.
    #[error("this upload does not exist: it was finished, cancelled, or has expired; begin a new one")]
    UploadUnknown,
    /// What the store kept of the upload is not what was sent, so it cannot be finished.
    #[error(
        "the registry's storage has damaged what it kept of this upload, so it was given up; begin a new one and send all bytes again"
    )]
    UploadDamaged,
    /// The account has more uploads open than one may have.
    #[error(
        "you have {limit} uploads that are neither finished nor cancelled; finish or cancel some of them, or wait until they expire"
    )]
    TooManyUploads {
        /// The limit.
        limit: u32,
    },
    /// The request does not fit the upload.
    #[error("{0}")]
    UploadInvalid(String),
    /// A chunk does not begin where the upload stands.
    #[error(
        "the chunk does not begin at byte {offset_bytes}, where this upload stands; ask for its status and go on from there"
    )]
    UploadOffset {
        /// Bytes that the upload holds.
        offset_bytes: u64,
    },
    /// The upload holds more bytes than one blob may have.
    #[error("a blob may have at most {limit_bytes} bytes on this registry")]
    BlobTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The content is not what its digest says.
    #[error("the content has the digest {actual}, not {expected}")]
    DigestMismatch {
        /// As given by the client.
        expected: Digest,
        /// As computed.
        actual: Digest,
    },
    /// The text is not a digest of a supported algorithm.
    #[error("{digest:?} is not a valid digest: {reason}")]
    DigestInvalid {
        /// The text, shortened.
        digest: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The body was shorter or longer than announced.
    #[error("expected {expected_bytes} bytes but received {actual_bytes}")]
    SizeMismatch {
        /// As announced.
        expected_bytes: u64,
        /// As received.
        actual_bytes: u64,
    },
    /// The text is not a name.
    #[error("{name:?} is not a valid name: {reason}")]
    NameInvalid {
        /// The text, shortened.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The text is not a tag.
    #[error(
        "{0:?} is not a valid tag: a tag has 1 to 128 letters, digits and _ . - and begins with none of . -"
    )]
    TagInvalid(String),
    /// The tag is one of the past, which is not to be had.
    #[error(transparent)]
    Past(Box<PastRefusal>),
    /// The repository's rules keep the tag where it is.
    #[error(
        "the tag {0} is immutable in this repository: it can be neither moved nor deleted; use another tag"
    )]
    TagImmutable(Tag),
    /// The name cannot be taken by an account.
    #[error("the name {0:?} is reserved; choose another")]
    NameReserved(String),
    /// The document is not an acceptable manifest.
    #[error("{0}")]
    ManifestInvalid(String),
    /// The manifest is larger than this registry accepts.
    #[error("a manifest may have at most {limit_bytes} bytes on this registry")]
    ManifestTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The manifest names content that the repository does not have.
    #[error("the manifest references content that this repository does not have: {}", list(.0))]
    ManifestReferencesUnknown(Vec<Digest>),
    /// The content is part of a manifest that still exists.
    #[error("{digest} is part of the manifest {referenced_by}; delete that first")]
    InUse {
        /// What should have been deleted.
        digest: Digest,
        /// A manifest that needs it.
        referenced_by: Digest,
    },
    /// A conditional request's condition does not hold.
    #[error(
        "this was changed by someone else: it no longer has the state that the request's condition names; read it again"
    )]
    PreconditionFailed,
    /// Nobody has signed in, and the request needs somebody.
    #[error("{0}")]
    Unauthenticated(Unauthenticated),
    /// The bearer token does not cover pulling from the repository that a blob is to be mounted from, though
    /// the caller may do that: another token helps.
    #[error("the bearer token does not cover pulling from {0}, which has the blob; ask for one that does")]
    MountSourceNotCovered(RepositoryName),
    /// Who signed in may not do this.
    #[error("{0}")]
    Denied(Denial),
    /// Too many requests.
    #[error("too many attempts; try again in {retry_after_seconds} seconds")]
    Throttled {
        /// When to try again.
        retry_after_seconds: u64,
    },
    /// There is no such user.
    #[error("there is no user {0:?}")]
    UserUnknown(String),
    /// A user is not in an organization or a team.
    #[error("{user} is not a member of {of}")]
    MemberUnknown {
        /// The user.
        user: String,
        /// The organization or team.
        of: String,
    },
    /// There is no such organization.
    #[error("there is no organization {0:?}")]
    OrganizationUnknown(String),
    /// The organization has no such team.
    #[error("there is no team {0:?}")]
    TeamUnknown(String),
    /// There is no such invite.
    #[error("this invite does not exist: it was accepted or cancelled, or it has expired; ask for a new one")]
    InviteUnknown,
    /// There is no such registry, or the caller may not know that there is.
    #[error("there is no registry {0:?}, or you may not see it")]
    RegistryUnknown(String),
    /// The account has no registry.
    #[error("this account has no registry yet; create one first")]
    NoRegistry,
    /// The account has several registries, and the request does not say which one is meant.
    #[error("this account has several registries, so the request must name one")]
    SeveralRegistries,
    /// The account has more than a subscription tier includes.
    #[error("the subscription tier includes less than the account has: {}", reasons(.0))]
    NotEligible(Vec<Excess>),
    /// The subscription of the registry includes no more.
    #[error(transparent)]
    OverLimit(Included),
    /// There may be no more.
    #[error("{}", .what.describe(*.limit))]
    LimitReached {
        /// Of what.
        what: Limited,
        /// How many there may be.
        limit: u64,
    },
    /// Nothing is pushed to the registry while its garbage is collected.
    #[error(
        "the registry {0} is read-only while its garbage is collected; push again when that is done, or cancel it"
    )]
    ReadOnly(Namespace),
    /// The registry has no such collection run, or it is over.
    #[error("there is no such garbage collection in progress")]
    GcRunUnknown,
    /// There is no such work.
    #[error("there is no work {}; it may be done", .0.0)]
    WorkUnknown(WorkId),
    /// There is no such job, or the caller may not know that there is.
    #[error("there is no such job: it ended long ago, or you may not see it")]
    JobUnknown,
    /// There is no such deletion, or the caller may not know that there is.
    #[error("there is no such deletion: it was collected, or you may not see it")]
    DeletionUnknown,
    /// The account has no such session, or it has ended.
    #[error("there is no such session: it has ended, or is not yours")]
    SessionUnknown,
    /// The repository has no such retention policy.
    #[error("this repository has no such retention policy")]
    RetentionPolicyUnknown,
    /// The user has no permission of its own there.
    #[error("{user} has no permission for {subject}")]
    PermissionUnknown {
        /// Name or id of the user.
        user: String,
        /// Name of the namespace or repository.
        subject: String,
    },
    /// The repository is not shared with the account.
    #[error("{repository} is not shared with {account}")]
    ShareUnknown {
        /// The repository.
        repository: RepositoryName,
        /// Name of the account.
        account: Namespace,
    },
    /// There is no such access token.
    #[error("there is no access token {0:?}")]
    TokenUnknown(String),
    /// The list ends before this page.
    #[error("the list has no page {0}; it ends before")]
    PageUnknown(u64),
    /// Something of that name exists already.
    #[error("{0} already exists")]
    Exists(Existing),
    /// An input value is out of its range or form.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which value.
        field: Field,
        /// What is wrong with it.
        reason: String,
    },
    /// The body is larger than any request of this kind.
    #[error("the body of this request may have at most {limit_bytes} bytes")]
    BodyTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The state of things does not allow this now.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The registry does not do this.
    #[error("{0}")]
    Unsupported(String),
    /// The client went away or stopped sending.
    #[error("the connection broke while the body was read")]
    BodyInterrupted,
    /// The store has no room left.
    #[error("the registry's storage is full; tell its operator")]
    StorageFull(#[source] Source),
    /// A store is out of reach or too busy; trying again later may help.
    #[error("the registry cannot reach its storage now; try again")]
    Unavailable(#[source] Source),
    /// The registry has no memory, file descriptor or turn left for the request now, because of what others ask for.
    #[error("the registry has too much to do now; try again in a moment")]
    Overloaded(#[source] Source),
    /// A fault of the registry; the cause is for the log only.
    #[error("internal error")]
    Internal(#[source] Source),
}

/// The cause of a failure, for the log.
pub type Source = Box<dyn StdError + Send + Sync>;

impl Error {
    /// Makes an internal error from a cause. To be out of file descriptors is no fault but a load, wherever it shows:
    /// that becomes `Overloaded`.
    pub fn internal(source: impl Into<Source>) -> Self {
        let source = source.into();
        match is_out_of_descriptors(&*source) {
            true => Self::Overloaded(source),
            false => Self::Internal(source),
        }
    }

    /// Creates the refusal of a tag of the past.
    pub fn past(refusal: PastRefusal) -> Self {
        Self::Past(Box::new(refusal))
    }

    /// Creates the refusal of what is refused whatever the actor may do otherwise.
    pub fn denied(reason: impl Into<String>) -> Self {
        Self::Denied(Denial::Always(reason.into()))
    }

    /// Returns what the client is told, with a dialect's names of fields.
    pub fn message(&self, name_of: impl Fn(Field) -> &'static str) -> String {
        match self {
            Self::Invalid { field, reason } => format!("{}: {reason}", name_of(*field)),
            Self::Exists(existing) => format!("{} already exists", existing.describe(name_of)),
            other => other.to_string(),
        }
    }

    /// Returns the cause, for the log; without one, what the client is told.
    pub fn cause(&self) -> String {
        self.source().map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// Returns whether the fault is the registry's own, to be logged with its cause.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::StorageFull(_) | Self::Unavailable(_) | Self::Overloaded(_) | Self::Internal(_))
    }
}

/// Returns whether an error or one of its causes is that the process (`EMFILE`) or the machine (`ENFILE`) has no file
/// descriptor left.
fn is_out_of_descriptors(error: &(dyn StdError + 'static)) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<std::io::Error>();
        if matches!(io.and_then(std::io::Error::raw_os_error), Some(EMFILE | ENFILE)) {
            return true;
        }
        // The source of an input or output error made of another one is the source of that one, not that one itself.
        next = match io.and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

/// Returns an error with its causes in one line, for the log. Some errors repeat their causes themselves.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}

/// Why a caller is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// No credential came with the request.
    #[error("sign in first")]
    Missing,
    /// The credential is wrong, or its account is gone or inactive; which one stays untold.
    #[error("the user name or the password or token is wrong, or the account is not active")]
    WrongCredential,
    /// The password is right, but the account has a second factor, which this way of signing in cannot ask for.
    #[error(
        "this account has a second factor, so its password does not work here; use an access token in its place"
    )]
    AccessTokenNeeded,
    /// The password is right, and the code of the second factor must come with it.
    #[error("this account has a second factor; send its code with the password, as the method totp")]
    SecondFactorNeeded,
    /// The bearer token is malformed, forged, expired or revoked.
    #[error("the bearer token is not valid, or no longer")]
    InvalidToken,
    /// The bearer token is genuine but does not hold the needed action.
    #[error("the bearer token does not cover this action; ask for one that does")]
    InsufficientScope,
    /// There is no such project, the caller may not sign in to it, or it signed in to another one.
    #[error(
        "this is not in a project that you have signed in to; GET /v3/auth/projects lists those that you may sign in to"
    )]
    OutsideProject,
    /// The signature cannot be checked, with the reason.
    #[error("{0}")]
    MalformedSignature(&'static str),
    /// The request is not signed with the secret key of its access key, or that does not work now.
    #[error("the access key or the signature of the request is wrong, or the keys no longer work")]
    WrongSignature,
    /// The request was signed too long ago, or will be.
    #[error(
        "the time at which the request was signed differs by more than 15 minutes from the registry's; set the clock"
    )]
    ClockSkew,
    /// The request was taken before.
    #[error("this request was already taken; sign it again")]
    SignatureUsed,
}

fn reasons(excesses: &[Excess]) -> String {
    excesses.iter().map(|excess| excess.describe()).collect::<Vec<_>>().join(", ")
}

fn list(digests: &[Digest]) -> String {
    digests.iter().map(Digest::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn out_of_descriptors_is_a_load_wherever_it_shows() {
        for code in [23, 24] {
            let bare = io::Error::from_raw_os_error(code);
            assert!(matches!(Error::internal(bare), Error::Overloaded(_)), "{code}");
            let inside = io::Error::other(io::Error::from_raw_os_error(code));
            assert!(matches!(Error::internal(inside), Error::Overloaded(_)), "{code} as a cause");
        }
        assert!(matches!(Error::internal(io::Error::from_raw_os_error(5)), Error::Internal(_)));
        assert!(matches!(Error::internal("too many open files"), Error::Internal(_)));
    }
}
