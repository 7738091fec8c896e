//! Teams as groups of directories.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::directory::{DirectoryGroup, DirectoryUser, GroupLookup, GroupMember};
use longshore_domain::existing::Existing;
use longshore_domain::organization::TeamId;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{DirectoryGroupRecords, GroupEntry, TeamRecords};
use longshore_domain::{Error, Result};

use crate::tx::{Row, SqlTx, values};

fn group(row: &Row<'_>) -> Result<DirectoryGroup> {
    Ok(DirectoryGroup {
        id: TeamId(row.int(0)?),
        uuid: row.uuid(1)?,
        name: row.parsed(2)?,
        display_name: row.text(3)?,
        external_id: row.optional_text(4)?,
        created_at: row.time(5)?,
        updated_at: row.time(6)?,
        revision: row.int(7)?,
        named_members: Vec::new(),
    })
}

fn group_member(row: &Row<'_>) -> Result<GroupMember> {
    Ok(GroupMember { uuid: row.uuid(0)?, account_id: AccountId(row.int(1)?), user_name: row.text(2)? })
}

impl SqlTx<'_> {
    /// Says that somebody came into a team or left it.
    pub(super) async fn advance_team_revision(&mut self, team: TeamId) -> Result<()> {
        self.execute("UPDATE teams SET revision = revision + 1 WHERE id = $1", values![team.0])
            .await
            .map(|_| ())
    }
}

#[async_trait]
impl DirectoryGroupRecords for SqlTx<'_> {
    async fn list_directory_groups(
        &mut self,
        organization: AccountId,
        probe: &GroupLookup,
        after: i64,
        size: PageSize,
    ) -> Result<Vec<DirectoryGroup>> {
        match probe {
            GroupLookup::All => {
                self.all(
                    "SELECT t.id, t.uuid, t.name, coalesce(t.display_name, t.name), t.external_id, t.created_at,
                         coalesce(t.updated_at, t.created_at), t.revision
                     FROM teams t WHERE t.organization_id = $1 AND t.id > $2 ORDER BY t.id LIMIT $3",
                    values![organization.0, after, size.get()],
                    group,
                )
                .await
            }
            GroupLookup::Nothing => Ok(Vec::new()),
            GroupLookup::Id(uuid) => {
                self.all(
                    "SELECT t.id, t.uuid, t.name, coalesce(t.display_name, t.name), t.external_id, t.created_at,
                         coalesce(t.updated_at, t.created_at), t.revision
                     FROM teams t WHERE t.uuid = $1 AND t.organization_id = $2",
                    values![*uuid, organization.0],
                    group,
                )
                .await
            }
            GroupLookup::DisplayName(name) => {
                let lower = name.to_lowercase();
                let mut found = self
                    .all(
                        "SELECT t.id, t.uuid, t.name, coalesce(t.display_name, t.name), t.external_id, t.created_at,
                             coalesce(t.updated_at, t.created_at), t.revision
                         FROM teams t WHERE t.organization_id = $1 AND t.display_name_lower = $2",
                        values![organization.0, lower.as_str()],
                        group,
                    )
                    .await?;
                let of_name = self
                    .all(
                        "SELECT t.id, t.uuid, t.name, coalesce(t.display_name, t.name), t.external_id, t.created_at,
                             coalesce(t.updated_at, t.created_at), t.revision
                         FROM teams t WHERE t.organization_id = $1 AND t.name = $2 AND t.display_name_lower IS NULL",
                        values![organization.0, lower.as_str()],
                        group,
                    )
                    .await?;
                found.extend(of_name);
                Ok(found)
            }
            GroupLookup::ExternalId(id) => {
                self.all(
                    "SELECT t.id, t.uuid, t.name, coalesce(t.display_name, t.name), t.external_id, t.created_at,
                         coalesce(t.updated_at, t.created_at), t.revision
                     FROM teams t WHERE t.organization_id = $1 AND t.external_id = $2 LIMIT $3",
                    values![organization.0, id.as_str(), PageSize::MAX.get()],
                    group,
                )
                .await
            }
            GroupLookup::Member(uuid) => {
                let mut found = Vec::new();
                for teams in [
                    "SELECT t.id, t.uuid, t.name, coalesce(t.display_name, t.name), t.external_id, t.created_at,
                         coalesce(t.updated_at, t.created_at), t.revision
                     FROM directory_users d JOIN team_members m ON m.user_id = d.user_id JOIN teams t ON t.id = m.team_id
                     WHERE d.organization_id = $1 AND d.uuid = $2 AND t.organization_id = d.organization_id",
                    "SELECT t.id, t.uuid, t.name, coalesce(t.display_name, t.name), t.external_id, t.created_at,
                         coalesce(t.updated_at, t.created_at), t.revision
                     FROM directory_users d JOIN suspended_team_members m ON m.user_id = d.user_id JOIN teams t ON t.id = m.team_id
                     WHERE d.organization_id = $1 AND d.uuid = $2 AND t.organization_id = d.organization_id",
                ] {
                    found.extend(self.all(teams, values![organization.0, *uuid], group).await?);
                }
                found.sort_by_key(|group| group.id);
                Ok(found)
            }
        }
    }

    async fn find_group_cursor(&mut self, organization: AccountId, offset: u64) -> Result<Option<i64>> {
        let Some(before) = offset.checked_sub(1) else { return Ok(None) };
        self.first(
            "SELECT id FROM teams WHERE organization_id = $1 ORDER BY id LIMIT 1 OFFSET $2",
            values![organization.0, before],
            |row| row.int(0),
        )
        .await
    }

    async fn change_group_entry(
        &mut self,
        organization: AccountId,
        group: &DirectoryGroup,
        entry: &GroupEntry,
        at: Timestamp,
    ) -> Result<()> {
        let probe = GroupLookup::DisplayName(entry.display_name.clone());
        let others = self.list_directory_groups(organization, &probe, 0, PageSize::MAX).await?;
        if others.iter().any(|other| other.id != group.id) {
            return Err(Error::Exists(Existing::DirectoryGroup(entry.display_name.clone())));
        }
        let own = Some(entry.display_name.as_str()).filter(|name| *name != group.name.as_str());
        self.execute(
            "UPDATE teams SET display_name = $1, display_name_lower = $2, external_id = $3, updated_at = $4 WHERE id = $5",
            values![own, own.map(str::to_lowercase), entry.external_id.as_deref(), at, group.id.0],
        )
        .await
        .map(|_| ())
    }

    async fn list_group_members(
        &mut self,
        organization: AccountId,
        team: TeamId,
        after: AccountId,
        size: PageSize,
    ) -> Result<Vec<GroupMember>> {
        let mut found = Vec::new();
        for members in [
            "SELECT d.uuid, d.user_id, d.user_name
             FROM team_members m JOIN directory_users d ON d.organization_id = $1 AND d.user_id = m.user_id
             WHERE m.team_id = $2 AND m.user_id > $3 ORDER BY m.user_id LIMIT $4",
            "SELECT d.uuid, d.user_id, d.user_name
             FROM suspended_team_members m JOIN directory_users d ON d.organization_id = $1 AND d.user_id = m.user_id
             WHERE m.team_id = $2 AND m.user_id > $3 ORDER BY m.user_id LIMIT $4",
        ] {
            let page = values![organization.0, team.0, after.0, size.get()];
            found.extend(self.all(members, page, group_member).await?);
        }
        found.sort_by_key(|member| member.account_id);
        found.truncate(usize::try_from(size.get()).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn add_group_member(&mut self, team: TeamId, user: &DirectoryUser, at: Timestamp) -> Result<bool> {
        match user.is_suspended {
            false => self.add_team_member(team, user.account_id, at).await,
            true => {
                let added = self
                    .execute(
                        "INSERT INTO suspended_team_members (team_id, user_id, created_at) VALUES ($1, $2, $3)
                         ON CONFLICT (team_id, user_id) DO NOTHING",
                        values![team.0, user.account_id.0, at],
                    )
                    .await?;
                if added > 0 {
                    self.advance_team_revision(team).await?;
                }
                Ok(added > 0)
            }
        }
    }

    async fn delete_group_member(&mut self, team: TeamId, user: &DirectoryUser) -> Result<bool> {
        match user.is_suspended {
            false => self.delete_team_member(team, user.account_id).await,
            true => {
                let deleted = self
                    .execute(
                        "DELETE FROM suspended_team_members WHERE team_id = $1 AND user_id = $2",
                        values![team.0, user.account_id.0],
                    )
                    .await?;
                if deleted > 0 {
                    self.advance_team_revision(team).await?;
                }
                Ok(deleted > 0)
            }
        }
    }
}
