//! Teams, their members and permissions, and lists of members.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::{Account, AccountId, Member, OrganizationRole};
use longshore_domain::existing::Existing;
use longshore_domain::name::Namespace;
use longshore_domain::organization::{
    MemberFilter, MemberQuery, OrganizationMember, OwnOrganization, Team, TeamId, TeamName,
};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::ports::metadata::{AccountRecords, NewTeam, TeamChange, TeamRecords, TeamRepository};
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};

use super::accounts::account;
use super::marks::{MEMBER, MEMBER_ACCOUNT, MEMBERS};
use super::{end_of, overfull};
use crate::tx::{Row, SqlTx, values};

/// Teams that a list shows of each member.
const LISTED_TEAMS: u32 = 100;

fn team(row: &Row<'_>) -> Result<Team> {
    Ok(Team {
        id: TeamId(row.int(0)?),
        uuid: row.uuid(1)?,
        name: row.parsed(2)?,
        description: row.text(3)?,
        member_count: row.size(4)?,
    })
}

impl SqlTx<'_> {
    /// Lists the teams of a member in an organization, the first hundred by name.
    async fn list_team_names(&mut self, organization: AccountId, user: AccountId) -> Result<Vec<TeamName>> {
        self.all(
            "SELECT t.name FROM team_members m JOIN teams t ON t.id = m.team_id
             WHERE m.user_id = $1 AND t.organization_id = $2 ORDER BY t.name LIMIT $3",
            values![user.0, organization.0, LISTED_TEAMS],
            |row| row.parsed(0),
        )
        .await
    }

    /// Finds the members of a query.
    async fn find_members<T: Send>(
        &mut self,
        query: &MemberQuery,
        columns: &'static str,
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Page<T>> {
        let MemberQuery { organization, filter, after, offset, size } = query;
        let prefix = filter.name_prefix.as_deref().unwrap_or_default();
        let sql = MEMBERS.put(
            "SELECT {member} FROM organization_members m JOIN accounts a ON a.id = m.user_id
             WHERE m.organization_id = $1 AND a.name > $2 AND a.name >= $3 AND a.name < $4
                 AND (CAST($5 AS TEXT) IS NULL OR m.role = $5)
             ORDER BY a.name LIMIT $6 OFFSET $7",
            columns,
        );
        let values = values![
            organization.0,
            after.as_ref().map_or("", Namespace::as_str),
            prefix,
            end_of(prefix),
            filter.role.map(OrganizationRole::as_str),
            overfull(*size),
            *offset
        ];
        Ok(Page::from_overfull(self.all(&sql, values, map).await?, *size))
    }

    /// Checks that no other team goes by this name at the identity provider.
    async fn check_not_shown(
        &mut self,
        organization: AccountId,
        name: &TeamName,
        own: Option<TeamId>,
    ) -> Result<()> {
        let shown = self
            .first(
                "SELECT id FROM teams WHERE organization_id = $1 AND display_name_lower = $2",
                values![organization.0, name.as_str()],
                |row| row.int(0),
            )
            .await?;
        match shown.is_some_and(|id| own != Some(TeamId(id))) {
            true => Err(Error::Exists(Existing::Team(name.clone()))),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl TeamRecords for SqlTx<'_> {
    async fn create_team(&mut self, organization: AccountId, team: &NewTeam) -> Result<TeamId> {
        self.check_not_shown(organization, &team.name, None).await?;
        let id = self
            .first(
                "INSERT INTO teams (uuid, organization_id, name, description, created_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (organization_id, name) DO NOTHING RETURNING id",
                values![
                    team.uuid,
                    organization.0,
                    team.name.as_str(),
                    team.description.as_str(),
                    team.created_at
                ],
                |row| row.int(0),
            )
            .await?;
        id.map(TeamId).ok_or_else(|| Error::Exists(Existing::Team(team.name.clone())))
    }

    async fn find_team(&mut self, organization: AccountId, name: &TeamName) -> Result<Option<Team>> {
        self.first(
            "SELECT t.id, t.uuid, t.name, t.description, (SELECT count(*) FROM team_members m WHERE m.team_id = t.id)
             FROM teams t WHERE t.organization_id = $1 AND t.name = $2",
            values![organization.0, name.as_str()],
            team,
        )
        .await
    }

    async fn find_team_by_id(&mut self, organization: AccountId, id: TeamId) -> Result<Option<Team>> {
        self.first(
            "SELECT t.id, t.uuid, t.name, t.description, (SELECT count(*) FROM team_members m WHERE m.team_id = t.id)
             FROM teams t WHERE t.id = $1 AND t.organization_id = $2",
            values![id.0, organization.0],
            team,
        )
        .await
    }

    async fn list_teams(
        &mut self,
        organization: AccountId,
        of_member: Option<AccountId>,
        name_prefix: &str,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Team>> {
        match of_member {
            None => {
                self.all(
                    "SELECT t.id, t.uuid, t.name, t.description, (SELECT count(*) FROM team_members m WHERE m.team_id = t.id)
                     FROM teams t WHERE t.organization_id = $1 AND t.name >= $2 AND t.name < $3
                     ORDER BY t.name LIMIT $4 OFFSET $5",
                    values![organization.0, name_prefix, end_of(name_prefix), size.get(), offset],
                    team,
                )
                .await
            }
            Some(user) => {
                self.all(
                    "SELECT t.id, t.uuid, t.name, t.description, (SELECT count(*) FROM team_members m WHERE m.team_id = t.id)
                     FROM team_members o JOIN teams t ON t.id = o.team_id
                     WHERE o.user_id = $1 AND t.organization_id = $2 AND t.name >= $3 AND t.name < $4
                     ORDER BY t.name LIMIT $5 OFFSET $6",
                    values![user.0, organization.0, name_prefix, end_of(name_prefix), size.get(), offset],
                    team,
                )
                .await
            }
        }
    }

    async fn count_teams(
        &mut self,
        organization: AccountId,
        of_member: Option<AccountId>,
        name_prefix: &str,
    ) -> Result<u64> {
        match of_member {
            None => {
                self.one(
                    "SELECT count(*) FROM teams WHERE organization_id = $1 AND name >= $2 AND name < $3",
                    values![organization.0, name_prefix, end_of(name_prefix)],
                    |row| row.size(0),
                )
                .await
            }
            Some(user) => {
                self.one(
                    "SELECT count(*) FROM team_members o JOIN teams t ON t.id = o.team_id
                     WHERE o.user_id = $1 AND t.organization_id = $2 AND t.name >= $3 AND t.name < $4",
                    values![user.0, organization.0, name_prefix, end_of(name_prefix)],
                    |row| row.size(0),
                )
                .await
            }
        }
    }

    async fn browse_teams(
        &mut self,
        organization: AccountId,
        after: &str,
        size: PageSize,
    ) -> Result<Page<Team>> {
        let teams = self
            .all(
                "SELECT t.id, t.uuid, t.name, t.description, (SELECT count(*) FROM team_members m WHERE m.team_id = t.id)
                 FROM teams t WHERE t.organization_id = $1 AND t.name > $2 ORDER BY t.name LIMIT $3",
                values![organization.0, after, overfull(size)],
                team,
            )
            .await?;
        Ok(Page::from_overfull(teams, size))
    }

    async fn browse_team_members(
        &mut self,
        team: TeamId,
        after: &str,
        size: PageSize,
    ) -> Result<Page<Account>> {
        let members = self
            .all(
                "SELECT a.id, a.uuid, a.kind, a.name, a.is_active, a.is_administrator, a.credential_epoch, a.created_at,
                     a.is_verified_publisher, a.plan, a.full_name, a.company, a.location, a.profile_url, a.email
                 FROM team_members m JOIN accounts a ON a.id = m.user_id
                 WHERE m.team_id = $1 AND a.name > $2 ORDER BY a.name LIMIT $3",
                values![team.0, after, overfull(size)],
                account,
            )
            .await?;
        Ok(Page::from_overfull(members, size))
    }

    async fn browse_team_repositories(
        &mut self,
        team: TeamId,
        after: RepositoryId,
        size: PageSize,
    ) -> Result<Page<TeamRepository>> {
        let repositories = self
            .all(
                "SELECT p.repository_id, r.name, p.permission
                 FROM team_permissions p JOIN repositories r ON r.id = p.repository_id
                 WHERE p.team_id = $1 AND p.repository_id > $2 AND r.deleted_at IS NULL
                 ORDER BY p.repository_id LIMIT $3",
                values![team.0, after.0, overfull(size)],
                |row| {
                    let (id, name, permission) = (RepositoryId(row.int(0)?), row.parsed(1)?, row.parsed(2)?);
                    Ok(TeamRepository { id, name, permission })
                },
            )
            .await?;
        Ok(Page::from_overfull(repositories, size))
    }

    async fn change_team(&mut self, organization: AccountId, id: TeamId, change: &TeamChange) -> Result<()> {
        if let Some(name) = &change.name
            && let Some(other) = self.find_team(organization, name).await?
            && other.id != id
        {
            return Err(Error::Exists(Existing::Team(name.clone())));
        }
        if let Some(name) = &change.name {
            self.check_not_shown(organization, name, Some(id)).await?;
        }
        self.execute(
            "UPDATE teams SET name = coalesce($1, name), description = coalesce($2, description),
                 display_name = CASE WHEN CAST($1 AS TEXT) IS NULL OR $1 = name THEN display_name ELSE NULL END,
                 display_name_lower = CASE WHEN CAST($1 AS TEXT) IS NULL OR $1 = name THEN display_name_lower ELSE NULL END
             WHERE id = $3",
            values![change.name.as_ref().map(TeamName::as_str), change.description.as_deref(), id.0],
        )
        .await
        .map(|_| ())
    }

    async fn delete_team(&mut self, id: TeamId) -> Result<()> {
        self.execute("DELETE FROM teams WHERE id = $1", values![id.0]).await?;
        self.advance_authority_epoch().await
    }

    async fn add_team_member(&mut self, team: TeamId, user: AccountId, at: Timestamp) -> Result<bool> {
        let added = self
            .execute(
                "INSERT INTO team_members (team_id, user_id, created_at) VALUES ($1, $2, $3)
                 ON CONFLICT (team_id, user_id) DO NOTHING",
                values![team.0, user.0, at],
            )
            .await?;
        if added > 0 {
            self.advance_team_revision(team).await?;
        }
        self.advance_authority_epoch().await?;
        Ok(added > 0)
    }

    async fn delete_team_member(&mut self, team: TeamId, user: AccountId) -> Result<bool> {
        let removed = self
            .execute("DELETE FROM team_members WHERE team_id = $1 AND user_id = $2", values![team.0, user.0])
            .await?;
        if removed > 0 {
            self.advance_team_revision(team).await?;
        }
        self.advance_authority_epoch().await?;
        Ok(removed > 0)
    }

    async fn delete_team_memberships(&mut self, organization: AccountId, user: AccountId) -> Result<()> {
        self.execute(
            "UPDATE teams SET revision = revision + 1 WHERE organization_id = $1 AND id IN (
                 SELECT m.team_id FROM team_members m WHERE m.user_id = $2)",
            values![organization.0, user.0],
        )
        .await?;
        self.execute(
            "DELETE FROM team_members WHERE user_id = $1 AND team_id IN (
                 SELECT t.id FROM teams t WHERE t.id = team_id AND t.organization_id = $2)",
            values![user.0, organization.0],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn list_team_members(
        &mut self,
        team: TeamId,
        name_prefix: &str,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Account>> {
        self.all(
            "SELECT a.id, a.uuid, a.kind, a.name, a.is_active, a.is_administrator, a.credential_epoch, a.created_at,
                 a.is_verified_publisher, a.plan, a.full_name, a.company, a.location, a.profile_url, a.email
             FROM team_members m JOIN accounts a ON a.id = m.user_id
             WHERE m.team_id = $1 AND a.name >= $2 AND a.name < $3 ORDER BY a.name LIMIT $4 OFFSET $5",
            values![team.0, name_prefix, end_of(name_prefix), size.get(), offset],
            account,
        )
        .await
    }

    async fn count_team_members(&mut self, team: TeamId, name_prefix: &str) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM team_members m JOIN accounts a ON a.id = m.user_id
             WHERE m.team_id = $1 AND a.name >= $2 AND a.name < $3",
            values![team.0, name_prefix, end_of(name_prefix)],
            |row| row.size(0),
        )
        .await
    }

    async fn put_team_permission(
        &mut self,
        team: TeamId,
        repository: RepositoryId,
        permission: RepositoryPermission,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO team_permissions (team_id, repository_id, permission) VALUES ($1, $2, $3)
             ON CONFLICT (team_id, repository_id) DO UPDATE SET permission = excluded.permission",
            values![team.0, repository.0, permission.as_str()],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn delete_team_permission(&mut self, team: TeamId, repository: RepositoryId) -> Result<bool> {
        let deleted = self
            .execute(
                "DELETE FROM team_permissions WHERE team_id = $1 AND repository_id = $2",
                values![team.0, repository.0],
            )
            .await?;
        self.advance_authority_epoch().await?;
        Ok(deleted > 0)
    }

    async fn find_team_permission(
        &mut self,
        team: TeamId,
        repository: RepositoryId,
    ) -> Result<Option<RepositoryPermission>> {
        self.first(
            "SELECT permission FROM team_permissions WHERE team_id = $1 AND repository_id = $2",
            values![team.0, repository.0],
            |row| row.parsed(0),
        )
        .await
    }

    async fn list_repository_teams(
        &mut self,
        repository: RepositoryId,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<(Team, RepositoryPermission)>> {
        self.all(
            "SELECT t.id, t.uuid, t.name, t.description, (SELECT count(*) FROM team_members m WHERE m.team_id = t.id),
                 p.permission
             FROM team_permissions p JOIN teams t ON t.id = p.team_id
             WHERE p.repository_id = $1 ORDER BY p.team_id LIMIT $2 OFFSET $3",
            values![repository.0, size.get(), offset],
            |row| Ok((team(row)?, row.parsed(5)?)),
        )
        .await
    }

    async fn count_repository_teams(&mut self, repository: RepositoryId) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM team_permissions WHERE repository_id = $1",
            values![repository.0],
            |row| row.size(0),
        )
        .await
    }

    async fn list_team_permissions(
        &mut self,
        repository: RepositoryId,
        user: AccountId,
    ) -> Result<Vec<RepositoryPermission>> {
        self.all(
            "SELECT DISTINCT p.permission FROM team_permissions p JOIN team_members m ON m.team_id = p.team_id
             WHERE p.repository_id = $1 AND m.user_id = $2",
            values![repository.0, user.0],
            |row| row.parsed(0),
        )
        .await
    }

    async fn list_granting_teams(
        &mut self,
        repository: RepositoryId,
        user: AccountId,
        size: PageSize,
    ) -> Result<Vec<(TeamName, RepositoryPermission)>> {
        self.all(
            "SELECT t.name, p.permission FROM team_permissions p JOIN team_members m ON m.team_id = p.team_id
             JOIN teams t ON t.id = p.team_id
             WHERE p.repository_id = $1 AND m.user_id = $2 ORDER BY t.name LIMIT $3",
            values![repository.0, user.0, size.get()],
            |row| Ok((row.parsed(0)?, row.parsed(1)?)),
        )
        .await
    }

    async fn find_members_pull(&mut self, organization: AccountId) -> Result<bool> {
        let found = self
            .first(
                "SELECT members_pull FROM organization_settings WHERE organization_id = $1",
                values![organization.0],
                |row| row.truth(0),
            )
            .await?;
        Ok(found.unwrap_or(true))
    }

    async fn put_members_pull(&mut self, organization: AccountId, members_pull: bool) -> Result<()> {
        self.execute(
            "INSERT INTO organization_settings (organization_id, restricts_images, allows_official_images,
                 allows_verified_publishers, members_pull) VALUES ($1, 0, 0, 0, $2)
             ON CONFLICT (organization_id) DO UPDATE SET members_pull = excluded.members_pull",
            values![organization.0, members_pull],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn list_members(&mut self, query: &MemberQuery) -> Result<Page<Member>> {
        self.find_members(query, MEMBER, |row| {
            Ok(Member { user: row.parsed(0)?, role: row.parsed(1)?, created_at: row.time(2)? })
        })
        .await
    }

    async fn list_organization_members(&mut self, query: &MemberQuery) -> Result<Page<OrganizationMember>> {
        let mut page = self
            .find_members(query, MEMBER_ACCOUNT, |row| {
                Ok(OrganizationMember {
                    account: account(row)?,
                    role: row.parsed(15)?,
                    joined_at: row.time(16)?,
                    teams: Vec::new(),
                })
            })
            .await?;
        for member in &mut page.items {
            member.teams = self.list_team_names(query.organization, member.account.id).await?;
        }
        Ok(page)
    }

    async fn count_organization_members(
        &mut self,
        organization: AccountId,
        filter: &MemberFilter,
    ) -> Result<u64> {
        let prefix = filter.name_prefix.clone().unwrap_or_default();
        self.one(
            "SELECT count(*) FROM organization_members m JOIN accounts a ON a.id = m.user_id
             WHERE m.organization_id = $1 AND a.name >= $2 AND a.name < $3
                 AND (CAST($4 AS TEXT) IS NULL OR m.role = $4)",
            values![
                organization.0,
                prefix.as_str(),
                end_of(&prefix),
                filter.role.map(OrganizationRole::as_str)
            ],
            |row| row.size(0),
        )
        .await
    }

    async fn find_first_owner(&mut self, organization: AccountId) -> Result<Option<Namespace>> {
        self.first(
            "SELECT a.name FROM organization_members m JOIN accounts a ON a.id = m.user_id
             WHERE m.organization_id = $1 AND m.role = 'owner' ORDER BY m.created_at, m.user_id LIMIT 1",
            values![organization.0],
            |row| row.parsed(0),
        )
        .await
    }

    async fn list_organizations_of(
        &mut self,
        user: AccountId,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<OwnOrganization>> {
        let mut organizations = self
            .all(
            "SELECT a.id, a.uuid, a.kind, a.name, a.is_active, a.is_administrator, a.credential_epoch, a.created_at,
                 a.is_verified_publisher, a.plan, a.full_name, a.company, a.location, a.profile_url, a.email,
                 m.role
             FROM organization_members m JOIN accounts a ON a.id = m.organization_id
             WHERE m.user_id = $1 AND a.deleted_at IS NULL ORDER BY a.name LIMIT $2 OFFSET $3",
            values![user.0, size.get(), offset],
            |row| {
                Ok(OwnOrganization {
                    account: account(row)?,
                    role: row.parsed(15)?,
                    teams: Vec::new(),
                    team_count: 0,
                })
            },
        )
        .await?;
        for organization in &mut organizations {
            let id = organization.account.id;
            organization.teams = self.list_team_names(id, user).await?;
            organization.team_count = self.count_teams(id, None, "").await?;
        }
        Ok(organizations)
    }

    async fn count_organizations_of(&mut self, user: AccountId) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM organization_members m JOIN accounts a ON a.id = m.organization_id
             WHERE m.user_id = $1 AND a.deleted_at IS NULL",
            values![user.0],
            |row| row.size(0),
        )
        .await
    }
}
