//! Who works together: access to repositories, teams, invites.

use crate::client::{Call, Client};
use crate::error::Result;
use crate::list::List;
use crate::operations as op;
use crate::types::{
    AccessExplanation, AccessList, ChangeTeam, CreateInvites, CreateTeam, CreatedInvites, GrantAccess,
    InviteInfo, OrganizationSettings, Page, ShareRepository, TeamInfo, TeamMember, TeamRepository,
};

/// As all calls, these fail for what the registry refuses, or when it is not reached.
impl Client {
    /// Lists whom something was given in a repository.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_access(&self, repository: &str) -> Result<AccessList> {
        self.read(&Call::of(op::GET_ACCESS, &[repository]))
    }

    /// Explains what somebody may do in a repository, and why; oneself, if nobody is named.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn explain_access(&self, repository: &str, user: Option<&str>) -> Result<AccessExplanation> {
        self.read(&Call::of(op::EXPLAIN_ACCESS, &[repository]).with("user", user))
    }

    /// Gives a user something in a repository, or something else than before.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn grant_user_access(&self, repository: &str, user: &str, grant: &GrantAccess) -> Result<()> {
        self.run(&Call::of(op::GRANT_USER_ACCESS, &[repository, user]).sending(grant)?).map(|_| ())
    }

    /// Takes from a user what it was given in a repository.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn revoke_user_access(&self, repository: &str, user: &str) -> Result<()> {
        self.run(&Call::of(op::REVOKE_USER_ACCESS, &[repository, user])).map(|_| ())
    }

    /// Gives a team something in a repository, or something else than before.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn grant_team_access(&self, repository: &str, team: &str, grant: &GrantAccess) -> Result<()> {
        self.run(&Call::of(op::GRANT_TEAM_ACCESS, &[repository, team]).sending(grant)?).map(|_| ())
    }

    /// Takes from a team what it was given in a repository.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn revoke_team_access(&self, repository: &str, team: &str) -> Result<()> {
        self.run(&Call::of(op::REVOKE_TEAM_ACCESS, &[repository, team])).map(|_| ())
    }

    /// Shares a repository with an account, for pulling, or changes until when it is.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn share_repository(&self, repository: &str, account: &str, terms: &ShareRepository) -> Result<()> {
        self.run(&Call::of(op::SHARE_REPOSITORY, &[repository, account]).sending(terms)?).map(|_| ())
    }

    /// Ends the sharing of a repository with an account.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn unshare_repository(&self, repository: &str, account: &str) -> Result<()> {
        self.run(&Call::of(op::UNSHARE_REPOSITORY, &[repository, account])).map(|_| ())
    }

    /// Lists the teams of an organization by name.
    pub fn list_teams(&self, organization: &str) -> List<'_, TeamInfo> {
        List::new(self, Call::of(op::LIST_TEAMS, &[organization]))
    }

    /// Creates a team.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_team(&self, organization: &str, new: &CreateTeam) -> Result<TeamInfo> {
        self.read(&Call::of(op::CREATE_TEAM, &[organization]).sending(new)?)
    }

    /// Gives a team.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_team(&self, organization: &str, team: &str) -> Result<TeamInfo> {
        self.read(&Call::of(op::GET_TEAM, &[organization, team]))
    }

    /// Changes a team.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn change_team(&self, organization: &str, team: &str, change: &ChangeTeam) -> Result<TeamInfo> {
        self.read(&Call::of(op::CHANGE_TEAM, &[organization, team]).sending(change)?)
    }

    /// Deletes a team; its members stay members.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_team(&self, organization: &str, team: &str) -> Result<()> {
        self.run(&Call::of(op::DELETE_TEAM, &[organization, team])).map(|_| ())
    }

    /// Lists the members of a team by name.
    pub fn list_team_members(&self, organization: &str, team: &str) -> List<'_, TeamMember> {
        List::new(self, Call::of(op::LIST_TEAM_MEMBERS, &[organization, team]))
    }

    /// Puts a member of the organization into a team.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn add_team_member(&self, organization: &str, team: &str, user: &str) -> Result<()> {
        self.run(&Call::of(op::ADD_TEAM_MEMBER, &[organization, team, user])).map(|_| ())
    }

    /// Takes somebody out of a team.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_team_member(&self, organization: &str, team: &str, user: &str) -> Result<()> {
        self.run(&Call::of(op::DELETE_TEAM_MEMBER, &[organization, team, user])).map(|_| ())
    }

    /// Lists the repositories in which a team may do something, the oldest first.
    pub fn list_team_repositories(&self, organization: &str, team: &str) -> List<'_, TeamRepository> {
        List::new(self, Call::of(op::LIST_TEAM_REPOSITORIES, &[organization, team]))
    }

    /// Lists the invites of an organization that wait; at most a thousand.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn list_invites(&self, organization: &str) -> Result<Vec<InviteInfo>> {
        let page: Page<InviteInfo> = self.read(&Call::of(op::LIST_INVITES, &[organization]))?;
        Ok(page.items)
    }

    /// Invites people to an organization.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_invites(&self, organization: &str, new: &CreateInvites) -> Result<CreatedInvites> {
        self.read(&Call::of(op::CREATE_INVITES, &[organization]).sending(new)?)
    }

    /// Calls an invite back.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn cancel_invite(&self, id: &str) -> Result<()> {
        self.run(&Call::of(op::CANCEL_INVITE, &[id])).map(|_| ())
    }

    /// Sends the message of an invite again, with a new link.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn resend_invite(&self, id: &str) -> Result<()> {
        self.run(&Call::of(op::RESEND_INVITE, &[id])).map(|_| ())
    }

    /// Gives what an organization has decided.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_organization_settings(&self, organization: &str) -> Result<OrganizationSettings> {
        self.read(&Call::of(op::GET_ORGANIZATION_SETTINGS, &[organization]))
    }

    /// Decides what members of an organization may pull.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn set_organization_settings(
        &self,
        organization: &str,
        settings: &OrganizationSettings,
    ) -> Result<OrganizationSettings> {
        self.read(&Call::of(op::SET_ORGANIZATION_SETTINGS, &[organization]).sending(settings)?)
    }
}
