//! Directories of organizations, and memberships that rest.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::{AccountId, OrganizationRole};
use longshore_domain::directory::{
    COUNTED_LIMIT, DirectoryEmail, DirectoryState, DirectoryTeam, DirectoryUser, ProvisioningRefusal,
    SHOWN_TEAMS_LIMIT, UserCursor, UserLookup, UserOrder, UserParts, directory_id,
};
use longshore_domain::existing::Existing;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{
    AccountRecords, DirectoryEntry, DirectoryRecords, TeamRecords, UserPermissionRecords, WantedUsers,
};
use longshore_domain::{Error, Result};

use super::end_of;
use crate::tx::{Row, SqlTx, row, values};

/// Positions that are counted together.
const BLOCK: i64 = 256;

fn user(row: &Row<'_>) -> Result<DirectoryUser> {
    let (account_is_active, is_suspended, is_managed) = (row.truth(8)?, row.truth(9)?, row.truth(10)?);
    Ok(DirectoryUser {
        uuid: row.uuid(0)?,
        account_id: AccountId(row.int(1)?),
        name: row.parsed(2)?,
        user_name: row.text(3)?,
        external_id: row.optional_text(4)?,
        given_name: row.text(5)?,
        family_name: row.text(6)?,
        full_name: row.text(7)?,
        is_active: account_is_active && !is_suspended,
        is_suspended,
        is_deactivated: if is_managed { row.truth(14)? } else { is_suspended },
        is_managed,
        position: row.int(11)?,
        created_at: row.time(12)?,
        updated_at: row.time(13)?,
        emails: Vec::new(),
        teams: Vec::new(),
    })
}

fn email(row: &Row<'_>) -> Result<DirectoryEmail> {
    Ok(DirectoryEmail {
        address: row.text(0)?,
        kind: row.optional_text(1)?,
        display: row.optional_text(2)?,
        is_primary: row.truth(3)?,
    })
}

fn team(row: &Row<'_>) -> Result<DirectoryTeam> {
    Ok(DirectoryTeam { uuid: row.uuid(0)?, display_name: row.text(1)? })
}

impl SqlTx<'_> {
    /// Writes a member into the directory of an organization. A membership that rested goes on.
    pub(super) async fn enter_directory(
        &mut self,
        organization: AccountId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<()> {
        if let Some(entry) = self.find_directory_user(organization, account).await? {
            return match entry.is_suspended {
                true => self.restore_member(organization, account, at).await,
                false => Ok(()),
            };
        }
        let gone = || Error::internal("a member without an account");
        let own = self.find_account(account).await?.ok_or_else(gone)?;
        let of = self.find_account(organization).await?.ok_or_else(gone)?;
        // Held, so that no two get one place.
        self.lock_account(organization).await?;
        let position = self
            .one(
                "SELECT coalesce(max(position), 0) + 1 FROM directory_users WHERE organization_id = $1",
                values![organization.0],
                |row| row.int(0),
            )
            .await?;
        let names = [own.profile.email.as_ref().map(ToString::to_string), Some(own.name.to_string())];
        let numbered = (1_u64..).map(|number| format!("{} ({number})", own.name));
        let mut user_name = String::new();
        for name in names.into_iter().flatten().chain(numbered) {
            if self.find_by_user_name(organization, &name.to_lowercase()).await?.is_none() {
                user_name = name;
                break;
            }
        }
        self.execute(
            "INSERT INTO directory_users (organization_id, user_id, uuid, position, user_name, user_name_lower, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
            values![
                organization.0,
                account.0,
                directory_id(of.uuid, own.uuid),
                position,
                user_name.as_str(),
                user_name.to_lowercase(),
                at
            ],
        )
        .await?;
        self.execute(
            "INSERT INTO directory_blocks (organization_id, block, users) VALUES ($1, $2, 1)
             ON CONFLICT (organization_id, block) DO UPDATE SET users = directory_blocks.users + 1",
            values![organization.0, position / BLOCK],
        )
        .await
        .map(|_| ())
    }

    /// Takes a member out of the directory of an organization.
    pub(super) async fn leave_directory(
        &mut self,
        organization: AccountId,
        account: AccountId,
    ) -> Result<()> {
        let position = self
            .first(
                "DELETE FROM directory_users WHERE organization_id = $1 AND user_id = $2 RETURNING position",
                values![organization.0, account.0],
                |row| row.int(0),
            )
            .await?;
        if let Some(position) = position {
            self.execute(
                "UPDATE directory_blocks SET users = users - 1 WHERE organization_id = $1 AND block = $2",
                values![organization.0, position / BLOCK],
            )
            .await?;
        }
        self.forget_suspended(organization, account).await
    }

    /// Takes an account that is deleted out of all directories.
    pub(super) async fn leave_directories(&mut self, account: AccountId) -> Result<()> {
        let organizations = self
            .all(
                "SELECT organization_id FROM directory_users WHERE user_id = $1",
                values![account.0],
                |row| row.int(0),
            )
            .await?;
        for organization in organizations {
            self.leave_directory(AccountId(organization), account).await?;
        }
        for delete in [
            "DELETE FROM directory_users WHERE organization_id = $1",
            "DELETE FROM directory_blocks WHERE organization_id = $1",
            "DELETE FROM suspended_members WHERE organization_id = $1",
            "DELETE FROM suspended_namespace_users WHERE namespace_id = $1",
            "DELETE FROM scim_tokens WHERE organization_id = $1",
            "DELETE FROM provisioning_refusals WHERE organization_id = $1",
            "UPDATE accounts SET managed_by = NULL WHERE managed_by = $1",
        ] {
            self.execute(delete, values![account.0]).await?;
        }
        Ok(())
    }

    /// Renames an account in the directories where it goes by its e-mail address, or by its name for want of one.
    pub(super) async fn rename_in_directories(
        &mut self,
        account: AccountId,
        before: &str,
        after: &str,
    ) -> Result<()> {
        self.execute(
            "UPDATE directory_users SET user_name = $1, user_name_lower = $2
             WHERE user_id = $3 AND user_name_lower = $4 AND is_named = 0 AND NOT EXISTS (
                 SELECT 1 FROM directory_users o
                 WHERE o.organization_id = directory_users.organization_id AND o.user_name_lower = $2)",
            values![after, after.to_lowercase(), account.0, before.to_lowercase()],
        )
        .await
        .map(|_| ())
    }

    /// Ends what repositories of an organization were shared with somebody.
    pub(super) async fn delete_shares_of(
        &mut self,
        organization: AccountId,
        account: AccountId,
    ) -> Result<()> {
        self.execute(
            "DELETE FROM repository_shares WHERE account_id = $1 AND repository_id IN (
                 SELECT r.id FROM repositories r WHERE r.id = repository_id AND r.namespace_id = $2)",
            values![account.0, organization.0],
        )
        .await
        .map(|_| ())
    }

    async fn forget_suspended(&mut self, organization: AccountId, account: AccountId) -> Result<()> {
        for delete in [
            "DELETE FROM suspended_members WHERE organization_id = $1 AND user_id = $2",
            "DELETE FROM suspended_team_members WHERE team_id IN (
                 SELECT t.id FROM teams t WHERE t.id = team_id AND t.organization_id = $1) AND user_id = $2",
            "DELETE FROM suspended_namespace_users WHERE namespace_id = $1 AND user_id = $2",
            "DELETE FROM suspended_repository_users WHERE repository_id IN (
                 SELECT r.id FROM repositories r WHERE r.id = repository_id AND r.namespace_id = $1) AND user_id = $2",
        ] {
            self.execute(delete, values![organization.0, account.0]).await?;
        }
        Ok(())
    }

    async fn find_by_user_name(
        &mut self,
        organization: AccountId,
        lower: &str,
    ) -> Result<Option<DirectoryUser>> {
        self.first(
            "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                 a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                 d.position, d.created_at, d.updated_at, a.is_deprovisioned
             FROM directory_users d JOIN accounts a ON a.id = d.user_id
             WHERE d.organization_id = $1 AND d.user_name_lower = $2",
            values![organization.0, lower],
            user,
        )
        .await
    }

    /// Returns the users that a probe for one value finds; `None` for other probes.
    async fn probe(
        &mut self,
        organization: AccountId,
        probe: &UserLookup,
    ) -> Result<Option<Vec<DirectoryUser>>> {
        let found = match probe {
            UserLookup::All | UserLookup::UserNamePrefix(_) => return Ok(None),
            UserLookup::Nobody => Vec::new(),
            UserLookup::UserName(name) => {
                self.find_by_user_name(organization, &name.to_lowercase()).await?.into_iter().collect()
            }
            UserLookup::Id(uuid) => {
                self.all(
                    "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                         a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                         d.position, d.created_at, d.updated_at, a.is_deprovisioned
                     FROM directory_users d JOIN accounts a ON a.id = d.user_id
                     WHERE d.organization_id = $1 AND d.uuid = $2",
                    values![organization.0, *uuid],
                    user,
                )
                .await?
            }
            UserLookup::ExternalId(id) => {
                self.all(
                    "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                         a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                         d.position, d.created_at, d.updated_at, a.is_deprovisioned
                     FROM directory_users d JOIN accounts a ON a.id = d.user_id
                     WHERE d.organization_id = $1 AND d.external_id = $2 LIMIT $3",
                    values![organization.0, id.as_str(), PageSize::MAX.get()],
                    user,
                )
                .await?
            }
            UserLookup::Name(name) => {
                self.all(
                    "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                         a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                         d.position, d.created_at, d.updated_at, a.is_deprovisioned
                     FROM accounts a JOIN directory_users d ON d.user_id = a.id
                     WHERE a.name = $1 AND d.organization_id = $2",
                    values![name.to_lowercase(), organization.0],
                    user,
                )
                .await?
            }
            UserLookup::Email(address) => {
                let lower = address.to_lowercase();
                let mut found = self
                    .all(
                        "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                             a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                             d.position, d.created_at, d.updated_at, a.is_deprovisioned
                         FROM directory_emails e
                             JOIN directory_users d ON d.organization_id = e.organization_id AND d.user_id = e.user_id
                             JOIN accounts a ON a.id = d.user_id
                         WHERE e.organization_id = $1 AND e.address_lower = $2 LIMIT $3",
                        values![organization.0, lower.as_str(), PageSize::MAX.get()],
                        user,
                    )
                    .await?;
                // Of who was given none, the user name is one.
                let named = self.find_by_user_name(organization, &lower).await?;
                found.extend(named);
                found.sort_by_key(|user| user.position);
                found.dedup_by_key(|user| user.position);
                found
            }
        };
        Ok(Some(found))
    }

    async fn add_parts(
        &mut self,
        organization: AccountId,
        users: &mut [DirectoryUser],
        parts: UserParts,
    ) -> Result<()> {
        if parts.emails {
            let rows: Vec<_> = users.iter().map(|user| row![organization.0, user.account_id.0]).collect();
            let emails = self
                .all_each(
                    "SELECT address, kind, display, is_primary FROM directory_emails
                     WHERE organization_id = $1 AND user_id = $2 ORDER BY number",
                    &rows,
                    email,
                )
                .await?;
            for (user, emails) in users.iter_mut().zip(emails) {
                user.emails = emails;
            }
        }
        if parts.teams {
            for (teams, is_suspended) in [
                (
                    "SELECT t.uuid, coalesce(t.display_name, t.name) FROM team_members m JOIN teams t ON t.id = m.team_id
                     WHERE m.user_id = $1 AND t.organization_id = $2 ORDER BY m.team_id LIMIT $3",
                    false,
                ),
                (
                    "SELECT t.uuid, coalesce(t.display_name, t.name) FROM suspended_team_members m JOIN teams t ON t.id = m.team_id
                     WHERE m.user_id = $1 AND t.organization_id = $2 ORDER BY m.team_id LIMIT $3",
                    true,
                ),
            ] {
                let mut meant: Vec<_> =
                    users.iter_mut().filter(|user| user.is_suspended == is_suspended).collect();
                let rows: Vec<_> = meant
                    .iter()
                    .map(|user| row![user.account_id.0, organization.0, SHOWN_TEAMS_LIMIT])
                    .collect();
                let found = self.all_each(teams, &rows, team).await?;
                for (user, found) in meant.iter_mut().zip(found) {
                    user.teams = found;
                }
            }
        }
        Ok(())
    }

    /// Returns the place of the user that has so many before it.
    async fn find_position(&mut self, organization: AccountId, before: u64) -> Result<Option<i64>> {
        let blocks = self
            .all(
                "SELECT block, users FROM directory_blocks WHERE organization_id = $1 ORDER BY block",
                values![organization.0],
                |row| Ok((row.int(0)?, row.size(1)?)),
            )
            .await?;
        let mut left = before;
        for (block, users) in blocks {
            if left < users {
                return self
                    .first(
                        "SELECT position FROM directory_users WHERE organization_id = $1 AND position >= $2
                         ORDER BY position LIMIT 1 OFFSET $3",
                        values![organization.0, block * BLOCK, left],
                        |row| row.int(0),
                    )
                    .await;
            }
            left -= users;
        }
        Ok(None)
    }
}

#[async_trait]
impl DirectoryRecords for SqlTx<'_> {
    async fn list_directory_users(&mut self, wanted: &WantedUsers) -> Result<Vec<DirectoryUser>> {
        let WantedUsers { organization, probe, order, is_descending, after, size, parts } = wanted;
        if let Some(mut found) = self.probe(*organization, probe).await? {
            self.add_parts(*organization, &mut found, *parts).await?;
            return Ok(found);
        }
        let prefix = match probe {
            UserLookup::UserNamePrefix(prefix) => Some(prefix.to_lowercase()),
            _ => None,
        };
        let by_name = prefix.is_some() || *order == UserOrder::UserName;
        let prefix = prefix.unwrap_or_default();
        let is_descending = *is_descending && (by_name == (*order == UserOrder::UserName));
        let mut users = match (by_name, is_descending) {
            (false, false) => {
                self.all(
                    "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                         a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                         d.position, d.created_at, d.updated_at, a.is_deprovisioned
                     FROM directory_users d JOIN accounts a ON a.id = d.user_id
                     WHERE d.organization_id = $1 AND d.position > $2 ORDER BY d.position LIMIT $3",
                    values![organization.0, after.as_ref().map_or(0, |after| after.position), size.get()],
                    user,
                )
                .await?
            }
            (false, true) => {
                self.all(
                    "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                         a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                         d.position, d.created_at, d.updated_at, a.is_deprovisioned
                     FROM directory_users d JOIN accounts a ON a.id = d.user_id
                     WHERE d.organization_id = $1 AND d.position < $2 ORDER BY d.position DESC LIMIT $3",
                    values![
                        organization.0,
                        after.as_ref().map_or(i64::MAX, |after| after.position),
                        size.get()
                    ],
                    user,
                )
                .await?
            }
            (true, false) => {
                self.all(
                    "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                         a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                         d.position, d.created_at, d.updated_at, a.is_deprovisioned
                     FROM directory_users d JOIN accounts a ON a.id = d.user_id
                     WHERE d.organization_id = $1 AND d.user_name_lower > $2 AND d.user_name_lower >= $3 AND d.user_name_lower < $4
                     ORDER BY d.user_name_lower LIMIT $5",
                    values![
                        organization.0,
                        after.as_ref().map_or("", |after| after.user_name.as_str()),
                        prefix.as_str(),
                        end_of(&prefix),
                        size.get()
                    ],
                    user,
                )
                .await?
            }
            (true, true) => {
                let end = end_of(&prefix);
                self.all(
                    "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                         a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                         d.position, d.created_at, d.updated_at, a.is_deprovisioned
                     FROM directory_users d JOIN accounts a ON a.id = d.user_id
                     WHERE d.organization_id = $1 AND d.user_name_lower < $2 AND d.user_name_lower >= $3
                     ORDER BY d.user_name_lower DESC LIMIT $4",
                    values![
                        organization.0,
                        after.as_ref().map_or(end.as_str(), |after| after.user_name.as_str()),
                        prefix.as_str(),
                        size.get()
                    ],
                    user,
                )
                .await?
            }
        };
        self.add_parts(*organization, &mut users, *parts).await?;
        Ok(users)
    }

    async fn find_directory_state(&mut self, organization: AccountId) -> Result<DirectoryState> {
        let users = self.count_directory_users(organization).await?;
        let may_provision = self.find_may_provision(organization).await?;
        let refusal = self
            .first(
                "SELECT at, status, reason FROM provisioning_refusals WHERE organization_id = $1",
                values![organization.0],
                |row| {
                    let status = u16::try_from(row.int(1)?).unwrap_or_default();
                    Ok(ProvisioningRefusal { at: row.time(0)?, status, reason: row.text(2)? })
                },
            )
            .await?;
        self.one(
            "SELECT (SELECT count(*) FROM (SELECT user_id, is_suspended FROM directory_users WHERE organization_id = $1
                     ORDER BY user_id LIMIT $2) AS d JOIN accounts a ON a.id = d.user_id
                     WHERE a.is_active = 0 OR d.is_suspended = 1),
                 (SELECT count(*) FROM (SELECT 1 FROM teams WHERE organization_id = $1 LIMIT $2) AS counted),
                 (SELECT max(updated_at) FROM directory_users WHERE organization_id = $1),
                 (SELECT max(t.updated_at) FROM (SELECT updated_at FROM teams WHERE organization_id = $1
                     ORDER BY id LIMIT $2) AS t)",
            values![organization.0, COUNTED_LIMIT],
            |row| Ok((row.size(0)?, row.size(1)?, row.optional_time(2)?.max(row.optional_time(3)?))),
        )
        .await
        .map(|(inactive, groups, changed_at)| DirectoryState {
            may_provision,
            users,
            inactive,
            groups,
            changed_at,
            refusal,
        })
    }

    async fn note_refusal(&mut self, organization: AccountId, refusal: &ProvisioningRefusal) -> Result<()> {
        self.execute(
            "INSERT INTO provisioning_refusals (organization_id, at, status, reason) VALUES ($1, $2, $3, $4)
             ON CONFLICT (organization_id) DO UPDATE SET at = excluded.at, status = excluded.status, reason = excluded.reason",
            values![organization.0, refusal.at, u64::from(refusal.status), refusal.reason.as_str()],
        )
        .await
        .map(|_| ())
    }

    async fn count_directory_users(&mut self, organization: AccountId) -> Result<u64> {
        self.one(
            "SELECT CAST(coalesce(sum(users), 0) AS BIGINT) FROM directory_blocks WHERE organization_id = $1",
            values![organization.0],
            |row| row.size(0),
        )
        .await
    }

    async fn find_user_cursor(
        &mut self,
        organization: AccountId,
        order: UserOrder,
        is_descending: bool,
        offset: u64,
    ) -> Result<Option<UserCursor>> {
        let Some(before) = offset.checked_sub(1) else { return Ok(None) };
        match (order, is_descending) {
            (UserOrder::Position, _) => {
                let before = match is_descending {
                    false => Some(before),
                    true => self.count_directory_users(organization).await?.checked_sub(offset),
                };
                let position = match before {
                    None => None,
                    Some(before) => self.find_position(organization, before).await?,
                };
                Ok(position.map(|position| UserCursor { position, user_name: String::new() }))
            }
            (UserOrder::UserName, _) => {
                // From whichever end is nearer.
                let total = self.count_directory_users(organization).await?;
                let Some(behind) = total.checked_sub(offset) else { return Ok(None) };
                let (ascends, before) = match before <= behind {
                    true => (!is_descending, before),
                    false => (is_descending, behind),
                };
                let found = match ascends {
                    true => {
                        "SELECT user_name_lower FROM directory_users WHERE organization_id = $1
                         ORDER BY user_name_lower LIMIT 1 OFFSET $2"
                    }
                    false => {
                        "SELECT user_name_lower FROM directory_users WHERE organization_id = $1
                         ORDER BY user_name_lower DESC LIMIT 1 OFFSET $2"
                    }
                };
                let name = self.first(found, values![organization.0, before], |row| row.text(0)).await?;
                Ok(name.map(|user_name| UserCursor { position: 0, user_name }))
            }
        }
    }

    async fn find_directory_user(
        &mut self,
        organization: AccountId,
        account: AccountId,
    ) -> Result<Option<DirectoryUser>> {
        let found = self
            .first(
                "SELECT d.uuid, d.user_id, a.name, d.user_name, d.external_id, d.given_name, d.family_name, a.full_name,
                     a.is_active, d.is_suspended, CAST(CASE WHEN a.managed_by = d.organization_id THEN 1 ELSE 0 END AS BIGINT),
                     d.position, d.created_at, d.updated_at, a.is_deprovisioned
                 FROM directory_users d JOIN accounts a ON a.id = d.user_id
                 WHERE d.organization_id = $1 AND d.user_id = $2",
                values![organization.0, account.0],
                user,
            )
            .await?;
        let Some(mut found) = found else { return Ok(None) };
        self.add_parts(organization, std::slice::from_mut(&mut found), UserParts::ALL).await?;
        Ok(Some(found))
    }

    async fn change_directory_entry(
        &mut self,
        organization: AccountId,
        account: AccountId,
        entry: &DirectoryEntry,
        at: Timestamp,
    ) -> Result<()> {
        let lower = entry.user_name.to_lowercase();
        let other = self.find_by_user_name(organization, &lower).await?;
        if other.is_some_and(|other| other.account_id != account) {
            return Err(Error::Exists(Existing::DirectoryUser(entry.user_name.clone())));
        }
        self.execute(
            "UPDATE directory_users SET user_name = $1, user_name_lower = $2, external_id = $3, given_name = $4, family_name = $5,
                 updated_at = $6, is_named = 1
             WHERE organization_id = $7 AND user_id = $8",
            values![
                entry.user_name.as_str(),
                lower,
                entry.external_id.as_deref(),
                entry.given_name.as_str(),
                entry.family_name.as_str(),
                at,
                organization.0,
                account.0
            ],
        )
        .await
        .map(|_| ())
    }

    async fn put_directory_emails(
        &mut self,
        organization: AccountId,
        account: AccountId,
        emails: &[DirectoryEmail],
    ) -> Result<()> {
        self.execute(
            "DELETE FROM directory_emails WHERE organization_id = $1 AND user_id = $2",
            values![organization.0, account.0],
        )
        .await?;
        let rows: Vec<_> = (0_u32..)
            .zip(emails)
            .map(|(number, email)| {
                row![
                    organization.0,
                    account.0,
                    number,
                    email.address.as_str(),
                    email.address.to_lowercase(),
                    email.kind.as_deref(),
                    email.display.as_deref(),
                    email.is_primary
                ]
            })
            .collect();
        self.execute_each(
            "INSERT INTO directory_emails (organization_id, user_id, number, address, address_lower, kind, display, is_primary)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            rows,
        )
        .await
    }

    async fn touch_directory_users(&mut self, account: AccountId, at: Timestamp) -> Result<()> {
        self.execute("UPDATE directory_users SET updated_at = $1 WHERE user_id = $2", values![at, account.0])
            .await
            .map(|_| ())
    }

    async fn set_managing_organization(&mut self, account: AccountId, organization: AccountId) -> Result<()> {
        self.execute(
            "UPDATE accounts SET managed_by = $1 WHERE id = $2 AND managed_by IS NULL",
            values![organization.0, account.0],
        )
        .await
        .map(|_| ())
    }

    async fn find_managing_organization(&mut self, account: AccountId) -> Result<Option<AccountId>> {
        let found = self
            .first("SELECT managed_by FROM accounts WHERE id = $1", values![account.0], |row| {
                row.optional_int(0)
            })
            .await?;
        Ok(found.flatten().map(AccountId))
    }

    async fn set_deprovisioned(&mut self, account: AccountId, is_deprovisioned: bool) -> Result<()> {
        self.execute(
            "UPDATE accounts SET is_deprovisioned = CAST($1 AS BIGINT),
                 is_active = CASE WHEN is_disabled = 0 AND CAST($1 AS BIGINT) = 0 AND deleted_at IS NULL THEN 1 ELSE 0 END
             WHERE id = $2",
            values![is_deprovisioned, account.0],
        )
        .await?;
        if is_deprovisioned && let Some(organization) = self.find_managing_organization(account).await? {
            self.delete_shares_of(organization, account).await?;
        }
        self.advance_authority_epoch().await
    }

    async fn has_rights_elsewhere(&mut self, user: AccountId, organization: AccountId) -> Result<bool> {
        for rights in [
            "SELECT 1 FROM organization_members m JOIN accounts a ON a.id = m.organization_id
             WHERE m.user_id = $1 AND m.organization_id <> $2 AND a.deleted_at IS NULL LIMIT 1",
            "SELECT 1 FROM suspended_members m JOIN accounts a ON a.id = m.organization_id
             WHERE m.user_id = $1 AND m.organization_id <> $2 AND a.deleted_at IS NULL LIMIT 1",
            "SELECT 1 FROM namespace_users WHERE user_id = $1 AND namespace_id <> $2 LIMIT 1",
            "SELECT 1 FROM suspended_namespace_users WHERE user_id = $1 AND namespace_id <> $2 LIMIT 1",
            "SELECT 1 FROM repository_users u JOIN repositories r ON r.id = u.repository_id
             WHERE u.user_id = $1 AND r.namespace_id <> $2 LIMIT 1",
            "SELECT 1 FROM suspended_repository_users u JOIN repositories r ON r.id = u.repository_id
             WHERE u.user_id = $1 AND r.namespace_id <> $2 LIMIT 1",
            "SELECT 1 FROM repository_shares s JOIN repositories r ON r.id = s.repository_id
             WHERE s.account_id = $1 AND r.namespace_id <> $2 LIMIT 1",
        ] {
            if self.first(rights, values![user.0, organization.0], |row| row.size(0)).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn is_deprovisioned(&mut self, account: AccountId) -> Result<bool> {
        let found = self
            .first("SELECT is_deprovisioned FROM accounts WHERE id = $1", values![account.0], |row| {
                row.truth(0)
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    async fn set_may_provision(&mut self, organization: AccountId, may: bool) -> Result<()> {
        self.execute("UPDATE accounts SET may_provision = $1 WHERE id = $2", values![may, organization.0])
            .await
            .map(|_| ())
    }

    async fn find_may_provision(&mut self, organization: AccountId) -> Result<bool> {
        let found = self
            .first("SELECT may_provision FROM accounts WHERE id = $1", values![organization.0], |row| {
                row.truth(0)
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    async fn suspend_member(
        &mut self,
        organization: AccountId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<()> {
        for keep in [
            "INSERT INTO suspended_members (organization_id, user_id, role, created_at)
                 SELECT organization_id, user_id, role, created_at FROM organization_members
                 WHERE organization_id = $1 AND user_id = $2",
            "INSERT INTO suspended_team_members (team_id, user_id, created_at)
                 SELECT m.team_id, m.user_id, m.created_at FROM team_members m JOIN teams t ON t.id = m.team_id
                 WHERE t.organization_id = $1 AND m.user_id = $2",
            "INSERT INTO suspended_namespace_users (namespace_id, user_id, permission, created_at)
                 SELECT namespace_id, user_id, permission, created_at FROM namespace_users
                 WHERE namespace_id = $1 AND user_id = $2",
            "INSERT INTO suspended_repository_users (repository_id, user_id, permission, created_at)
                 SELECT u.repository_id, u.user_id, u.permission, u.created_at
                 FROM repository_users u JOIN repositories r ON r.id = u.repository_id
                 WHERE r.namespace_id = $1 AND u.user_id = $2",
            "DELETE FROM organization_members WHERE organization_id = $1 AND user_id = $2",
        ] {
            self.execute(keep, values![organization.0, account.0]).await?;
        }
        self.delete_team_memberships(organization, account).await?;
        self.delete_user_permissions(organization, account).await?;
        self.delete_shares_of(organization, account).await?;
        self.execute(
            "UPDATE directory_users SET is_suspended = 1, updated_at = $1 WHERE organization_id = $2 AND user_id = $3",
            values![at, organization.0, account.0],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn restore_member(
        &mut self,
        organization: AccountId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<()> {
        for restore in [
            "INSERT INTO organization_members (organization_id, user_id, role, created_at)
                 SELECT organization_id, user_id, role, created_at FROM suspended_members
                 WHERE organization_id = $1 AND user_id = $2
             ON CONFLICT (organization_id, user_id) DO NOTHING",
            "INSERT INTO team_members (team_id, user_id, created_at)
                 SELECT m.team_id, m.user_id, m.created_at FROM suspended_team_members m JOIN teams t ON t.id = m.team_id
                 WHERE t.organization_id = $1 AND m.user_id = $2
             ON CONFLICT (team_id, user_id) DO NOTHING",
            "INSERT INTO namespace_users (namespace_id, user_id, permission, created_at)
                 SELECT namespace_id, user_id, permission, created_at FROM suspended_namespace_users
                 WHERE namespace_id = $1 AND user_id = $2
             ON CONFLICT (namespace_id, user_id) DO NOTHING",
            "INSERT INTO repository_users (repository_id, user_id, permission, created_at)
                 SELECT u.repository_id, u.user_id, u.permission, u.created_at
                 FROM suspended_repository_users u JOIN repositories r ON r.id = u.repository_id
                 WHERE r.namespace_id = $1 AND u.user_id = $2
             ON CONFLICT (repository_id, user_id) DO NOTHING",
        ] {
            self.execute(restore, values![organization.0, account.0]).await?;
        }
        self.forget_suspended(organization, account).await?;
        self.execute(
            "UPDATE directory_users SET is_suspended = 0, updated_at = $1 WHERE organization_id = $2 AND user_id = $3",
            values![at, organization.0, account.0],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn find_suspended_role(
        &mut self,
        organization: AccountId,
        account: AccountId,
    ) -> Result<Option<OrganizationRole>> {
        self.first(
            "SELECT role FROM suspended_members WHERE organization_id = $1 AND user_id = $2",
            values![organization.0, account.0],
            |row| row.parsed(0),
        )
        .await
    }

    async fn count_other_active_owners(
        &mut self,
        organization: AccountId,
        account: AccountId,
    ) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM organization_members m JOIN accounts a ON a.id = m.user_id
             WHERE m.organization_id = $1 AND m.role = 'owner' AND a.is_active = 1 AND m.user_id <> $2",
            values![organization.0, account.0],
            |row| row.size(0),
        )
        .await
    }
}
