//! Teams of organizations: their members, and what they may do in repositories.

use longshore_domain::access::action::{OrganizationAction, RepositoryAction};
use longshore_domain::access::actor::Actor;
use longshore_domain::account::{Account, AccountId};
use longshore_domain::event::EventAction;
use longshore_domain::limit::Limited;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::organization::{
    TEAM_DESCRIPTION_LIMIT_CHARACTERS, TEAMS_LIMIT, Team, TeamId, TeamName,
};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::ports::metadata::{Clearing, NewTeam, OrganizationsTx, TeamChange, TeamRepository};
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Field, Result};

use crate::Organizations;
use crate::deactivation::check_not_deactivated;
use longshore_identity::accounts::get_user;
use longshore_platform::STEP;

async fn get_team(tx: &mut dyn OrganizationsTx, organization: &Account, name: &TeamName) -> Result<Team> {
    let found = tx.find_team(organization.id, name).await?;
    found.ok_or_else(|| Error::TeamUnknown(format!("{}/{name}", organization.name)))
}

/// Which team of the organization whose repository it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TeamOf {
    /// By its number.
    Id(TeamId),
    /// By its name.
    Name(TeamName),
}

impl From<TeamId> for TeamOf {
    fn from(id: TeamId) -> Self {
        Self::Id(id)
    }
}

impl From<TeamName> for TeamOf {
    fn from(name: TeamName) -> Self {
        Self::Name(name)
    }
}

impl TeamOf {
    async fn find(&self, tx: &mut dyn OrganizationsTx, organization: AccountId) -> Result<Team> {
        let found = match self {
            Self::Id(id) => tx.find_team_by_id(organization, *id).await?,
            Self::Name(name) => tx.find_team(organization, name).await?,
        };
        found.ok_or_else(|| self.unknown())
    }

    fn unknown(&self) -> Error {
        Error::TeamUnknown(match self {
            Self::Id(id) => id.0.to_string(),
            Self::Name(name) => name.to_string(),
        })
    }
}

fn checked_description(description: &str) -> Result<()> {
    match description.chars().count() <= TEAM_DESCRIPTION_LIMIT_CHARACTERS {
        true => Ok(()),
        false => Err(Error::Invalid {
            field: Field::Description,
            reason: format!("may have at most {TEAM_DESCRIPTION_LIMIT_CHARACTERS} characters"),
        }),
    }
}

impl Organizations {
    /// Lists the teams of an organization by name, leaving out the first `offset`, and counts all: those of one member, or
    /// whose name begins with something.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for viewing teams; `UserUnknown`.
    pub async fn list_teams(
        &self,
        actor: &Actor,
        organization: &Namespace,
        of_member: Option<&Namespace>,
        name_prefix: &str,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<Team>, u64)> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ViewTeams).await?;
        let input = (organization.id, of_member.cloned(), name_prefix.to_owned(), offset, size);
        self.metadata
            .read(input, |tx, (id, of_member, prefix, offset, size)| {
                Box::pin(async move {
                    let member = match of_member {
                        None => None,
                        Some(name) => Some(get_user(tx, name).await?.id),
                    };
                    let teams = tx.list_teams(*id, member, prefix, *offset, *size).await?;
                    Ok((teams, tx.count_teams(*id, member, prefix).await?))
                })
            })
            .await
    }

    /// Lists the teams of an organization by name, those behind a name.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for viewing teams.
    pub async fn browse_teams(
        &self,
        actor: &Actor,
        organization: &Namespace,
        after: Option<String>,
        size: PageSize,
    ) -> Result<Page<Team>> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ViewTeams).await?;
        self.metadata
            .read((organization.id, after.unwrap_or_default(), size), |tx, (id, after, size)| {
                Box::pin(tx.browse_teams(*id, after, *size))
            })
            .await
    }

    /// Lists the members of a team by name, those behind a name.
    ///
    /// # Errors
    /// As [`Organizations::get_team`].
    pub async fn browse_team_members(
        &self,
        actor: &Actor,
        organization: &Namespace,
        name: &TeamName,
        after: Option<String>,
        size: PageSize,
    ) -> Result<Page<Account>> {
        let team = self.get_team(actor, organization, name).await?;
        self.metadata
            .read((team.id, after.unwrap_or_default(), size), |tx, (id, after, size)| {
                Box::pin(tx.browse_team_members(*id, after, *size))
            })
            .await
    }

    /// Lists the repositories in which a team may do something, by number, those behind a number.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing teams: names of
    /// repositories are not for every member. `TeamUnknown`.
    pub async fn browse_team_repositories(
        &self,
        actor: &Actor,
        organization: &Namespace,
        name: &TeamName,
        after: Option<RepositoryId>,
        size: PageSize,
    ) -> Result<Page<TeamRepository>> {
        self.access.authorize_organization(actor, organization, OrganizationAction::ManageTeams).await?;
        let team = self.get_team(actor, organization, name).await?;
        self.metadata
            .read((team.id, after.unwrap_or(RepositoryId(0)), size), |tx, (id, after, size)| {
                Box::pin(tx.browse_team_repositories(*id, *after, *size))
            })
            .await
    }

    /// Returns a team.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for viewing teams; `TeamUnknown`.
    pub async fn get_team(&self, actor: &Actor, organization: &Namespace, name: &TeamName) -> Result<Team> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ViewTeams).await?;
        self.metadata
            .look_up((organization, name.clone()), |tx, (organization, name)| {
                Box::pin(get_team(tx, organization, name))
            })
            .await
    }

    /// Creates a team.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing teams; `NameReserved`, `Exists`; `Invalid` for the description;
    /// `LimitReached` when there are too many.
    pub async fn create_team(
        &self,
        actor: &Actor,
        organization: &Namespace,
        name: &TeamName,
        description: &str,
    ) -> Result<Team> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ManageTeams).await?;
        name.check_available()?;
        checked_description(description)?;
        let team = NewTeam {
            uuid: self.platform.new_uuid(),
            name: name.clone(),
            description: description.to_owned(),
            created_at: self.clock.now(),
        };
        let event =
            self.platform.event(actor, Some(organization.id), EventAction::TeamCreated, name.as_str(), []);
        self.metadata
            .write((organization, team, event), |tx, (organization, team, event)| {
                Box::pin(async move {
                    // Held, so that creations at the same time are counted.
                    tx.lock_account(organization.id).await?;
                    if tx.count_teams(organization.id, None, "").await? >= TEAMS_LIMIT {
                        return Err(Error::LimitReached { what: Limited::Teams, limit: TEAMS_LIMIT });
                    }
                    tx.create_team(organization.id, team).await?;
                    tx.record_event(event).await?;
                    get_team(tx, organization, &team.name).await
                })
            })
            .await
    }

    /// Changes a team's name or description.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing teams; `TeamUnknown`; `NameReserved`, `Exists`; `Invalid` for the
    /// description.
    pub async fn change_team(
        &self,
        actor: &Actor,
        organization: &Namespace,
        name: &TeamName,
        change: TeamChange,
    ) -> Result<Team> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ManageTeams).await?;
        if let Some(new) = &change.name {
            new.check_available()?;
        }
        checked_description(change.description.as_deref().unwrap_or_default())?;
        let new = change.name.as_ref().unwrap_or(name).to_string();
        let data = [("name", new)];
        let event =
            self.platform.event(actor, Some(organization.id), EventAction::TeamUpdated, name.as_str(), data);
        self.metadata
            .write((organization, name.clone(), change, event), |tx, (organization, name, change, event)| {
                Box::pin(async move {
                    tx.lock_account(organization.id).await?;
                    let team = get_team(tx, organization, name).await?;
                    tx.change_team(organization.id, team.id, change).await?;
                    tx.record_event(event).await?;
                    get_team(tx, organization, change.name.as_ref().unwrap_or(name)).await
                })
            })
            .await
    }

    /// Deletes a team; what its members could do by it they can no longer.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing teams; `TeamUnknown`.
    pub async fn delete_team(&self, actor: &Actor, organization: &Namespace, name: &TeamName) -> Result<()> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ManageTeams).await?;
        let event =
            self.platform.event(actor, Some(organization.id), EventAction::TeamDeleted, name.as_str(), []);
        self.metadata
            .drain((organization.clone(), name.clone()), |tx, (organization, name)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let team = get_team(tx, organization, name).await?;
                    tx.clear(Clearing::Team(team.id), PageSize::clamped(STEP)?).await
                })
            })
            .await?;
        self.metadata
            .write((organization, name.clone(), event), |tx, (organization, name, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let team = get_team(tx, organization, name).await?;
                    tx.delete_team(team.id).await?;
                    tx.record_event(event).await
                })
            })
            .await
    }

    /// Lists the members of a team by name, leaving out the first `offset`, and counts all whose name begins with
    /// something.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for viewing teams; `TeamUnknown`.
    pub async fn list_team_members(
        &self,
        actor: &Actor,
        organization: &Namespace,
        name: &TeamName,
        name_prefix: &str,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<Account>, u64)> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ViewTeams).await?;
        let input = (organization, name.clone(), name_prefix.to_owned(), offset, size);
        self.metadata
            .read(input, |tx, (organization, name, prefix, offset, size)| {
                Box::pin(async move {
                    let team = get_team(tx, organization, name).await?;
                    let members = tx.list_team_members(team.id, prefix, *offset, *size).await?;
                    Ok((members, tx.count_team_members(team.id, prefix).await?))
                })
            })
            .await
    }

    /// Adds a member of the organization to a team; adding again changes nothing.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing teams; `TeamUnknown`; `UserUnknown` for who is no member.
    pub async fn add_team_member(
        &self,
        actor: &Actor,
        organization: &Namespace,
        name: &TeamName,
        user: &Namespace,
    ) -> Result<()> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ManageTeams).await?;
        let data = [("team", name.to_string())];
        let event = self.platform.event(
            actor,
            Some(organization.id),
            EventAction::TeamMemberAdded,
            user.as_str(),
            data,
        );
        self.metadata
            .write(
                (organization, name.clone(), user.clone(), event),
                |tx, (organization, name, user, event)| {
                    Box::pin(async move {
                        tx.lock_authority().await?;
                        let team = get_team(tx, organization, name).await?;
                        let user = get_user(tx, user).await?;
                        if tx.find_role(organization.id, user.id).await?.is_none() {
                            return Err(Error::MemberUnknown {
                                user: user.name.to_string(),
                                of: organization.name.to_string(),
                            });
                        }
                        check_not_deactivated(tx, organization, &user).await?;
                        match tx.add_team_member(team.id, user.id, event.at).await? {
                            true => tx.record_event(event).await,
                            false => Ok(()),
                        }
                    })
                },
            )
            .await
    }

    /// Removes a user from a team.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing teams; `TeamUnknown`; `UserUnknown` for who is not in it.
    pub async fn delete_team_member(
        &self,
        actor: &Actor,
        organization: &Namespace,
        name: &TeamName,
        user: &Namespace,
    ) -> Result<()> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ManageTeams).await?;
        let data = [("team", name.to_string())];
        let event = self.platform.event(
            actor,
            Some(organization.id),
            EventAction::TeamMemberRemoved,
            user.as_str(),
            data,
        );
        self.metadata
            .write(
                (organization, name.clone(), user.clone(), event),
                |tx, (organization, name, user, event)| {
                    Box::pin(async move {
                        tx.lock_authority().await?;
                        let team = get_team(tx, organization, name).await?;
                        let user = get_user(tx, user).await?;
                        if !tx.delete_team_member(team.id, user.id).await? {
                            return Err(Error::MemberUnknown {
                                user: user.name.to_string(),
                                of: name.to_string(),
                            });
                        }
                        tx.record_event(event).await
                    })
                },
            )
            .await
    }

    /// Sets what a team of the namespace's organization may do in a repository, and gives the team.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for assigning teams; `TeamUnknown`.
    pub async fn set_team_permission(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        team: impl Into<TeamOf>,
        permission: RepositoryPermission,
    ) -> Result<Team> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::AssignTeam).await?;
        let data = [("permission", permission.as_str().to_owned())];
        let event = self.platform.event(
            actor,
            Some(repository.namespace_id),
            EventAction::TeamPermissionChanged,
            name.as_str(),
            data,
        );
        self.metadata
            .write(
                (repository, team.into(), permission, event),
                |tx, (repository, team, permission, event)| {
                    Box::pin(async move {
                        let team = team.find(tx, repository.namespace_id).await?;
                        tx.put_team_permission(team.id, repository.id, *permission).await?;
                        let mut event = event.clone();
                        event.data.insert("team", team.name.to_string());
                        tx.record_event(&event).await?;
                        Ok(team)
                    })
                },
            )
            .await
    }

    /// Returns a team and what it may do in a repository.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing teams; `TeamUnknown`, also when it may do nothing there.
    pub async fn get_team_permission(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        team: TeamId,
    ) -> Result<(Team, RepositoryPermission)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTeams).await?;
        let found = self
            .metadata
            .look_up((repository, team), |tx, (repository, id)| {
                Box::pin(async move {
                    let team = tx.find_team_by_id(repository.namespace_id, *id).await?;
                    let permission = tx.find_team_permission(*id, repository.id).await?;
                    Ok(team.zip(permission))
                })
            })
            .await?;
        found.ok_or_else(|| Error::TeamUnknown(team.0.to_string()))
    }

    /// Lists the teams that may do something in a repository, the oldest first, leaving out the first `offset`, and counts all.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing teams.
    pub async fn list_repository_teams(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<(Team, RepositoryPermission)>, u64)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTeams).await?;
        self.metadata
            .read((repository.id, offset, size), |tx, (id, offset, size)| {
                Box::pin(async move {
                    let teams = tx.list_repository_teams(*id, *offset, *size).await?;
                    Ok((teams, tx.count_repository_teams(*id).await?))
                })
            })
            .await
    }

    /// Takes from a team what it may do in a repository.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for assigning teams; `TeamUnknown`, also when it may do nothing there.
    pub async fn delete_team_permission(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        team: impl Into<TeamOf>,
    ) -> Result<()> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::AssignTeam).await?;
        let event = self.platform.event(
            actor,
            Some(repository.namespace_id),
            EventAction::TeamPermissionChanged,
            name.as_str(),
            [("permission", "none".to_owned())],
        );
        self.metadata
            .write((repository, team.into(), event), |tx, (repository, wanted, event)| {
                Box::pin(async move {
                    let team = wanted.find(tx, repository.namespace_id).await?;
                    if !tx.delete_team_permission(team.id, repository.id).await? {
                        return Err(wanted.unknown());
                    }
                    let mut event = event.clone();
                    event.data.insert("team", team.name.to_string());
                    tx.record_event(&event).await
                })
            })
            .await
    }
}
