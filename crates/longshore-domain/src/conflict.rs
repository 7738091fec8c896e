//! Why the state of things does not allow something now.

use crate::name::Namespace;
use crate::work::WorkId;

/// What stands in the way. The sentence says what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The registry would be left without an active administrator.
    #[error("{0} is the last active administrator; make another user one first")]
    LastAdministrator(Namespace),
    /// The organization would be left without an owner who can act.
    #[error("{user} is the last owner of {organization} who can act; make another member one first")]
    LastOwner {
        /// Name of the owner.
        user: Namespace,
        /// Name of the organization.
        organization: Namespace,
    },
    /// A user who is to be deleted has repositories.
    #[error("{0} still has repositories; delete them first, or disable the user instead")]
    UserHasRepositories(Namespace),
    /// An organization that is to be deleted has repositories.
    #[error("{0} still has repositories; delete them first")]
    OrganizationHasRepositories(Namespace),
    /// The identity provider of the organization has deactivated the user.
    #[error(
        "the identity provider of {organization} has deactivated {user}; remove the member first, or let it reactivate the user"
    )]
    Deactivated {
        /// Name of the user.
        user: Namespace,
        /// Name of the organization.
        organization: Namespace,
    },
    /// The identity provider of the organization has deactivated the user who accepts an invite.
    #[error(
        "the organization's identity provider has deactivated this user, and can reactivate it; or an owner removes the member, and invites again"
    )]
    InviteeDeactivated,
    /// Somebody else than the organization keeps the account switched off.
    #[error(
        "the account {0} is switched off by the registry's operator or by the organization that made it, and only they can switch it on"
    )]
    SwitchedOff(Namespace),
    /// The user of a directory was changed by others each time that a change was tried.
    #[error("others change this user all the time; try again")]
    DirectoryUserBusy,
    /// All names that would do for what an identity provider calls so are taken.
    #[error("no name is left for {0:?}")]
    NoNameLeft(String),
    /// The person who is invited has no address, or the registry sends no mail.
    #[error(
        "{0} cannot be reached by mail from this registry; invite again, which gives a new link to pass on"
    )]
    NoMail(String),
    /// Somebody is undoing a deletion.
    #[error(
        "somebody began to undo this deletion less than an hour ago; look at what came of it, and try again after that"
    )]
    DeletionBusy,
    /// The registry sends no mail.
    #[error(
        "this registry sends no mail; its operator sets your address: longshore user set NAME --email ADDRESS"
    )]
    NoMailServer,
    /// The address of an account is its organization's.
    #[error("your organization's identity provider says what your address is; change it there")]
    ManagedAddress,
    /// The account has a second factor.
    #[error("the account has a second factor already; disable it before you set up another")]
    SecondFactorEnabled,
    /// The second factor that is confirmed is no longer the one that was set up.
    #[error("the second factor was set up anew or confirmed meanwhile; begin again")]
    SecondFactorChanged,
    /// The account has no second factor.
    #[error("{0} has no second factor")]
    NoSecondFactor(Namespace),
    /// Several requests work on the same upload.
    #[error(transparent)]
    Upload(#[from] UploadConflict),
    /// Tags were set on an image as fast as they were deleted.
    #[error("somebody sets tags of this image while it is deleted; try again later")]
    ImageTagged,
    /// What is to be deleted is not as it was when that was looked at.
    #[error(
        "what would be deleted is not what the plan says any more: something was pushed, moved or deleted since; look again"
    )]
    PlanChanged,
    /// What was deleted is collected, or about to be.
    #[error(
        "the time in which this deletion could be undone is over, or its garbage was collected before; push the images again"
    )]
    DeletionFinal,
    /// The repository of a deletion was deleted itself, later.
    #[error("the repository was deleted itself since; restore that first")]
    RepositoryDeleted,
    /// Images that are deleted were pushed or tagged meanwhile; some of them are deleted.
    #[error(
        "some of these images were pushed or tagged while they were deleted; look which are left, and try again"
    )]
    ImagesChanged,
    /// The garbage of the registry is being collected for its owner.
    #[error("the garbage of {0} is being collected already; wait until that is done, or cancel it")]
    GcRunActive(Namespace),
    /// Another node collects garbage.
    #[error("garbage collection is running on another node; try again later")]
    GcElsewhere,
    /// Another node compares the blob store with the records.
    #[error("another node is comparing the store now; try again later")]
    ReconciliationElsewhere,
    /// The work is being done.
    #[error("work {} is being done now; look again in a moment", .0.0)]
    WorkRunning(WorkId),
    /// Work of this kind is what the registry lives on.
    #[error("{0} is housekeeping, which the registry needs; it cannot be dropped")]
    Housekeeping(String),
    /// What the operator has to put right at the machine first, as a sentence: a database, a store, the arguments of a command.
    /// No client of the network is told so.
    #[error("{0}")]
    Setup(String),
}

/// What another request did to the same upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadConflict {
    /// It works on it, and does not stop.
    #[error("another request is working on this upload; try again")]
    Busy,
    /// It began later, and took over.
    #[error("a later request on this upload took over")]
    TakenOver,
    /// It has changed it.
    #[error("another request has worked on this upload; ask for its status")]
    Changed,
    /// It has ended it, or left it of no use.
    #[error("another request has ended this upload; begin a new one")]
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_says_what_can_be_done() {
        let acme: Namespace = "acme".parse().unwrap();
        let alice: Namespace = "alice".parse().unwrap();
        let last = Conflict::LastOwner { user: alice.clone(), organization: acme };
        assert_eq!(
            last.to_string(),
            "alice is the last owner of acme who can act; make another member one first"
        );
        assert_eq!(Conflict::from(UploadConflict::Busy).to_string(), UploadConflict::Busy.to_string());
        assert_eq!(
            Conflict::WorkRunning(WorkId(7)).to_string(),
            "work 7 is being done now; look again in a moment"
        );
        assert_eq!(Conflict::NoSecondFactor(alice).to_string(), "alice has no second factor");
    }
}
