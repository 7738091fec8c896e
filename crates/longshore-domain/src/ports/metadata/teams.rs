//! Teams, their members and permissions, and lists of members.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::account::{Account, AccountId, Member};
use crate::error::Result;
use crate::name::{Namespace, RepositoryName};
use crate::organization::{
    MemberFilter, MemberQuery, OrganizationMember, OwnOrganization, Team, TeamId, TeamName,
};
use crate::page::{Page, PageSize};
use crate::permission::RepositoryPermission;
use crate::repository::RepositoryId;

/// A team to be created.
#[derive(Clone, Debug)]
pub struct NewTeam {
    /// Public id.
    pub uuid: Uuid,
    /// Name.
    pub name: TeamName,
    /// What it is for.
    pub description: String,
    /// When.
    pub created_at: Timestamp,
}

/// What changes about a team; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct TeamChange {
    /// Name.
    pub name: Option<TeamName>,
    /// Description.
    pub description: Option<String>,
}

/// A repository in which a team may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamRepository {
    /// Number of the repository.
    pub id: RepositoryId,
    /// Its name.
    pub name: RepositoryName,
    /// What the team may do.
    pub permission: RepositoryPermission,
}

/// Teams.
#[async_trait]
pub trait TeamRecords {
    /// Creates a team.
    ///
    /// # Errors
    /// `Exists` when the organization has one of this name.
    async fn create_team(&mut self, organization: AccountId, team: &NewTeam) -> Result<TeamId>;
    /// Finds a team by name.
    async fn find_team(&mut self, organization: AccountId, name: &TeamName) -> Result<Option<Team>>;
    /// Finds a team by number.
    async fn find_team_by_id(&mut self, organization: AccountId, id: TeamId) -> Result<Option<Team>>;
    /// Lists an organization's teams by name, those of one member or all, leaving out the first `offset`, at most `size`.
    async fn list_teams(
        &mut self,
        organization: AccountId,
        of_member: Option<AccountId>,
        name_prefix: &str,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Team>>;
    /// Counts what [`TeamRecords::list_teams`] lists.
    async fn count_teams(
        &mut self,
        organization: AccountId,
        of_member: Option<AccountId>,
        name_prefix: &str,
    ) -> Result<u64>;
    /// Lists an organization's teams by name, those behind a name.
    async fn browse_teams(
        &mut self,
        organization: AccountId,
        after: &str,
        size: PageSize,
    ) -> Result<Page<Team>>;
    /// Lists the members of a team by name, those behind a name.
    async fn browse_team_members(
        &mut self,
        team: TeamId,
        after: &str,
        size: PageSize,
    ) -> Result<Page<Account>>;
    /// Lists the repositories in which a team may do something, by number, those behind a number.
    async fn browse_team_repositories(
        &mut self,
        team: TeamId,
        after: RepositoryId,
        size: PageSize,
    ) -> Result<Page<TeamRepository>>;
    /// Changes a team.
    ///
    /// # Errors
    /// `Exists` when the organization has another one of this name.
    async fn change_team(&mut self, organization: AccountId, id: TeamId, change: &TeamChange) -> Result<()>;
    /// Deletes a team with its permissions.
    async fn delete_team(&mut self, id: TeamId) -> Result<()>;
    /// Adds a user to a team; false when it was there.
    async fn add_team_member(&mut self, team: TeamId, user: AccountId, at: Timestamp) -> Result<bool>;
    /// Removes a user from a team; false when it was not there.
    async fn delete_team_member(&mut self, team: TeamId, user: AccountId) -> Result<bool>;
    /// Removes a user from all teams of an organization.
    async fn delete_team_memberships(&mut self, organization: AccountId, user: AccountId) -> Result<()>;
    /// Lists the members of a team by name, leaving out the first `offset`, at most `size`.
    async fn list_team_members(
        &mut self,
        team: TeamId,
        name_prefix: &str,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Account>>;
    /// Counts what [`TeamRecords::list_team_members`] lists.
    async fn count_team_members(&mut self, team: TeamId, name_prefix: &str) -> Result<u64>;
    /// Sets what a team may do in a repository.
    async fn put_team_permission(
        &mut self,
        team: TeamId,
        repository: RepositoryId,
        permission: RepositoryPermission,
    ) -> Result<()>;
    /// Takes from a team what it may do in a repository; false when it was nothing.
    async fn delete_team_permission(&mut self, team: TeamId, repository: RepositoryId) -> Result<bool>;
    /// Returns what a team may do in a repository.
    async fn find_team_permission(
        &mut self,
        team: TeamId,
        repository: RepositoryId,
    ) -> Result<Option<RepositoryPermission>>;
    /// Lists the teams that may do something in a repository, the oldest first, leaving out the first `offset`, at most `size`.
    async fn list_repository_teams(
        &mut self,
        repository: RepositoryId,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<(Team, RepositoryPermission)>>;
    /// Counts what [`TeamRecords::list_repository_teams`] lists.
    async fn count_repository_teams(&mut self, repository: RepositoryId) -> Result<u64>;
    /// Lists what the teams of a user may do in a repository.
    async fn list_team_permissions(
        &mut self,
        repository: RepositoryId,
        user: AccountId,
    ) -> Result<Vec<RepositoryPermission>>;
    /// Lists the teams of a user that may do something in a repository, with what, by name, at most `size`.
    async fn list_granting_teams(
        &mut self,
        repository: RepositoryId,
        user: AccountId,
        size: PageSize,
    ) -> Result<Vec<(TeamName, RepositoryPermission)>>;
    /// Returns whether members of an organization pull from all its repositories.
    async fn find_members_pull(&mut self, organization: AccountId) -> Result<bool>;
    /// Decides whether members of an organization pull from all its repositories.
    async fn put_members_pull(&mut self, organization: AccountId, members_pull: bool) -> Result<()>;
    /// Lists the members of a query.
    async fn list_members(&mut self, query: &MemberQuery) -> Result<Page<Member>>;
    /// Lists the members of a query with their accounts and teams.
    async fn list_organization_members(&mut self, query: &MemberQuery) -> Result<Page<OrganizationMember>>;
    /// Counts the members of an organization.
    async fn count_organization_members(
        &mut self,
        organization: AccountId,
        filter: &MemberFilter,
    ) -> Result<u64>;
    /// Finds the owner of an organization who has been a member longest.
    async fn find_first_owner(&mut self, organization: AccountId) -> Result<Option<Namespace>>;
    /// Lists the organizations of a user by name with role and teams there, leaving out the first `offset`, at most `size`.
    async fn list_organizations_of(
        &mut self,
        user: AccountId,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<OwnOrganization>>;
    /// Counts the organizations of a user.
    async fn count_organizations_of(&mut self, user: AccountId) -> Result<u64>;
}
