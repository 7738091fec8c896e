//! How an organization's owners see what its identity provider does.

use longshore_domain::Result;
use longshore_domain::access::action::OrganizationAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::directory::{
    DirectoryState, DirectoryUser, Provisioner, ProvisioningRefusal, UserCursor, UserLookup, UserOrder,
    UserParts,
};
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::WantedUsers;

use crate::Organizations;

/// Longest reason that is kept, in characters.
const REASON_LIMIT: usize = 500;

impl Organizations {
    /// Says what the directory of an organization looks like: how many there are, when it changed last, and what the identity
    /// provider was refused last.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing provisioning.
    pub async fn get_directory_state(&self, actor: &Actor, name: &Namespace) -> Result<DirectoryState> {
        let action = OrganizationAction::ManageProvisioning;
        let organization = self.access.authorize_organization(actor, name, action).await?;
        self.metadata.read(organization.id, |tx, id| Box::pin(tx.find_directory_state(*id))).await
    }

    /// Lists the users of a directory as they came with their teams, strictly behind the one of a position, at most `size`.
    ///
    /// # Errors
    /// As [`Organizations::get_directory_state`].
    pub async fn list_provisioned_users(
        &self,
        actor: &Actor,
        name: &Namespace,
        after: Option<i64>,
        size: PageSize,
    ) -> Result<Vec<DirectoryUser>> {
        let action = OrganizationAction::ManageProvisioning;
        let organization = self.access.authorize_organization(actor, name, action).await?;
        let wanted = WantedUsers {
            organization: organization.id,
            probe: UserLookup::All,
            order: UserOrder::Position,
            is_descending: false,
            after: after.map(|position| UserCursor { position, user_name: String::new() }),
            size,
            parts: UserParts { emails: false, teams: true },
        };
        self.metadata.read(wanted, |tx, wanted| Box::pin(tx.list_directory_users(wanted))).await
    }

    /// Keeps what an identity provider was refused, until it is refused something else. `reason` is what it was told.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn note_provisioning_refusal(
        &self,
        provisioner: &Provisioner,
        status: u16,
        reason: &str,
    ) -> Result<()> {
        let reason = reason.chars().take(REASON_LIMIT).collect();
        let refusal = ProvisioningRefusal { at: self.clock.now(), status, reason };
        self.metadata
            .write((provisioner.organization.id, refusal), |tx, (id, refusal)| {
                Box::pin(tx.note_refusal(*id, refusal))
            })
            .await
    }
}
