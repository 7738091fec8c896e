//! Who may do something in a repository, as those see it who decide about it.

use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountKind;
use longshore_domain::name::RepositoryName;
use longshore_domain::organization::Team;
use longshore_domain::page::PageSize;
use longshore_domain::permission::{RepositoryPermission, UserPermission};
use longshore_domain::ports::metadata::PermissionTarget;
use longshore_domain::repository::Visibility;
use longshore_domain::share::Share;
use longshore_domain::{Error, Result};

use crate::Organizations;

/// What was given in a repository, and what everybody has there.
#[derive(Clone, Debug)]
pub struct RepositoryAccess {
    /// Who sees it.
    pub visibility: Visibility,
    /// Whether it is an organization's, whose owners and editors may do everything.
    pub is_of_organization: bool,
    /// Whether members of the organization pull from all its repositories.
    pub members_pull: bool,
    /// Teams with what they may do, the oldest first, at most a thousand.
    pub teams: Vec<(Team, RepositoryPermission)>,
    /// Users who were given something, by name: at most as many as may be.
    pub users: Vec<UserPermission>,
    /// The accounts that pull because it is shared with them, by name; also those whose time is over.
    pub shares: Vec<Share>,
}

impl Organizations {
    /// Returns who was given something in a repository.
    ///
    /// # Errors
    /// As [`authorize_viewing_access`](longshore_access::AccessControl::authorize_viewing_access).
    pub async fn get_repository_access(
        &self,
        actor: &Actor,
        name: &RepositoryName,
    ) -> Result<RepositoryAccess> {
        let repository = self.access.authorize_viewing_access(actor, name).await?;
        self.metadata
            .read(repository, |tx, repository| {
                Box::pin(async move {
                    let unknown = || Error::RepositoryUnknown(repository.name.clone());
                    let namespace = tx.find_account(repository.namespace_id).await?.ok_or_else(unknown)?;
                    let is_of_organization = namespace.kind == AccountKind::Organization;
                    let target = PermissionTarget::Repository(repository.id);
                    Ok(RepositoryAccess {
                        visibility: repository.visibility,
                        is_of_organization,
                        members_pull: is_of_organization && tx.find_members_pull(namespace.id).await?,
                        teams: tx.list_repository_teams(repository.id, 0, PageSize::MAX).await?,
                        users: tx.list_user_permissions(target, PageSize::MAX).await?,
                        shares: tx.list_shares(repository.id, PageSize::MAX).await?,
                    })
                })
            })
            .await
    }
}
