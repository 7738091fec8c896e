//! Users, organizations, members, and the registry's own settings.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::{
    Account, AccountId, AccountKind, OrganizationRole, Plan, Profile, ProfileChange,
};
use longshore_domain::email::EmailAddress;
use longshore_domain::existing::Existing;
use longshore_domain::name::Namespace;
use longshore_domain::organization::{ImageRestriction, RestrictingOrganization};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{
    AccountRecords, Clearing, NewAccount, RegistryRecords, SecondFactorRecords, TeamRecords, TokenRecords,
    UserPermissionRecords,
};
use longshore_domain::{Error, Result};
use uuid::Uuid;

use super::overfull;
use crate::tx::{Row, SqlTx, values};

pub(super) fn account(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        id: AccountId(row.int(0)?),
        uuid: row.uuid(1)?,
        kind: row.parsed(2)?,
        name: row.parsed(3)?,
        is_active: row.truth(4)?,
        is_administrator: row.truth(5)?,
        credential_epoch: row.int(6)?,
        created_at: row.time(7)?,
        is_verified_publisher: row.truth(8)?,
        plan: row.parsed(9)?,
        profile: Profile {
            full_name: row.text(10)?,
            company: row.text(11)?,
            location: row.text(12)?,
            url: row.text(13)?,
            email: row.optional_text(14)?.map(|text| text.parse().map_err(Error::internal)).transpose()?,
        },
    })
}

fn restriction(row: &Row<'_>, from: usize) -> Result<ImageRestriction> {
    Ok(ImageRestriction {
        is_enabled: row.truth(from)?,
        allows_official_images: row.truth(from + 1)?,
        allows_verified_publishers: row.truth(from + 2)?,
    })
}

#[async_trait]
impl AccountRecords for SqlTx<'_> {
    async fn create_account(&mut self, account: &NewAccount) -> Result<AccountId> {
        let id = self
            .first(
                "INSERT INTO accounts (uuid, kind, name, password_hash, is_administrator, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING RETURNING id",
                values![
                    account.uuid,
                    account.kind.as_str(),
                    account.name.as_str(),
                    account.password_hash.as_deref(),
                    account.is_administrator,
                    account.created_at
                ],
                |row| row.int(0),
            )
            .await?;
        id.map(AccountId).ok_or_else(|| Error::Exists(Existing::Account(account.name.clone())))
    }

    async fn lock_authority(&mut self) -> Result<()> {
        self.one("SELECT epoch FROM authority FOR UPDATE", values![], |row| row.int(0)).await.map(|_| ())
    }

    async fn lock_account(&mut self, id: AccountId) -> Result<()> {
        self.first("SELECT id FROM accounts WHERE id = $1 FOR UPDATE", values![id.0], |row| row.int(0))
            .await
            .map(|_| ())
    }

    async fn find_account(&mut self, id: AccountId) -> Result<Option<Account>> {
        self.first(
            "SELECT id, uuid, kind, name, is_active, is_administrator, credential_epoch, created_at,
                 is_verified_publisher, plan, full_name, company, location, profile_url, email
             FROM accounts WHERE id = $1 AND deleted_at IS NULL",
            values![id.0],
            account,
        )
        .await
    }

    async fn find_account_by_name(&mut self, name: &Namespace) -> Result<Option<Account>> {
        self.first(
            "SELECT id, uuid, kind, name, is_active, is_administrator, credential_epoch, created_at,
                 is_verified_publisher, plan, full_name, company, location, profile_url, email
             FROM accounts WHERE name = $1 AND deleted_at IS NULL",
            values![name.as_str()],
            account,
        )
        .await
    }

    async fn find_account_by_uuid(&mut self, uuid: Uuid) -> Result<Option<Account>> {
        self.first(
            "SELECT id, uuid, kind, name, is_active, is_administrator, credential_epoch, created_at,
                 is_verified_publisher, plan, full_name, company, location, profile_url, email
             FROM accounts WHERE uuid = $1 AND deleted_at IS NULL",
            values![uuid],
            account,
        )
        .await
    }

    async fn find_account_by_email(&mut self, email: &EmailAddress) -> Result<Option<Account>> {
        self.first(
            "SELECT id, uuid, kind, name, is_active, is_administrator, credential_epoch, created_at,
                 is_verified_publisher, plan, full_name, company, location, profile_url, email
             FROM accounts WHERE email_key = $1 AND deleted_at IS NULL",
            values![email.key()],
            account,
        )
        .await
    }

    async fn change_profile(&mut self, id: AccountId, change: &ProfileChange) -> Result<()> {
        self.execute(
            "UPDATE accounts SET full_name = coalesce($1, full_name), company = coalesce($2, company),
                 location = coalesce($3, location), profile_url = coalesce($4, profile_url) WHERE id = $5",
            values![
                change.full_name.as_deref(),
                change.company.as_deref(),
                change.location.as_deref(),
                change.url.as_deref(),
                id.0
            ],
        )
        .await?;
        let Some(email) = &change.email else { return Ok(()) };
        if let Some(email) = email
            && self.find_account_by_email(email).await?.is_some_and(|other| other.id != id)
        {
            return Err(Error::Exists(Existing::AccountWithEmail(email.clone())));
        }
        let before =
            self.find_account(id).await?.ok_or_else(|| Error::internal("the account is not there"))?;
        self.execute(
            "UPDATE accounts SET email = $1, email_key = $2 WHERE id = $3",
            values![email.as_ref().map(EmailAddress::as_str), email.as_ref().map(EmailAddress::key), id.0],
        )
        .await?;
        let name = before.name.as_str();
        let known_as = |email: Option<&EmailAddress>| email.map_or(name, EmailAddress::as_str).to_owned();
        let (before, after) = (known_as(before.profile.email.as_ref()), known_as(email.as_ref()));
        self.rename_in_directories(id, &before, &after).await
    }

    async fn find_password_hash(&mut self, id: AccountId) -> Result<Option<String>> {
        let found = self
            .first(
                "SELECT password_hash FROM accounts WHERE id = $1 AND deleted_at IS NULL",
                values![id.0],
                |row| row.optional_text(0),
            )
            .await?;
        Ok(found.flatten())
    }

    async fn list_accounts(
        &mut self,
        kind: AccountKind,
        after: Option<&Namespace>,
        size: PageSize,
    ) -> Result<Vec<Account>> {
        self.all(
            "SELECT id, uuid, kind, name, is_active, is_administrator, credential_epoch, created_at,
                 is_verified_publisher, plan, full_name, company, location, profile_url, email
             FROM accounts WHERE kind = $1 AND name > $2 AND deleted_at IS NULL ORDER BY name LIMIT $3",
            values![kind.as_str(), after.map_or("", Namespace::as_str), overfull(size)],
            account,
        )
        .await
    }

    async fn set_account_active(&mut self, id: AccountId, is_active: bool) -> Result<()> {
        self.execute(
            "UPDATE accounts SET is_disabled = CAST($1 AS BIGINT),
                 is_active = CASE WHEN is_deprovisioned = 0 AND CAST($1 AS BIGINT) = 0 AND deleted_at IS NULL THEN 1 ELSE 0 END
             WHERE id = $2",
            values![!is_active, id.0],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn set_administrator(&mut self, id: AccountId, is_administrator: bool) -> Result<()> {
        self.execute(
            "UPDATE accounts SET is_administrator = $1 WHERE id = $2",
            values![is_administrator, id.0],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn set_plan(&mut self, id: AccountId, plan: Plan) -> Result<()> {
        self.execute("UPDATE accounts SET plan = $1 WHERE id = $2", values![plan.as_str(), id.0]).await?;
        self.advance_authority_epoch().await
    }

    async fn set_verified_publisher(&mut self, id: AccountId, is_verified_publisher: bool) -> Result<()> {
        self.execute(
            "UPDATE accounts SET is_verified_publisher = $1 WHERE id = $2",
            values![is_verified_publisher, id.0],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn find_image_restriction(&mut self, organization: AccountId) -> Result<ImageRestriction> {
        let found = self
            .first(
                "SELECT restricts_images, allows_official_images, allows_verified_publishers FROM organization_settings
                 WHERE organization_id = $1",
                values![organization.0],
                |row| restriction(row, 0),
            )
            .await?;
        Ok(found.unwrap_or_default())
    }

    async fn put_image_restriction(
        &mut self,
        organization: AccountId,
        restriction: ImageRestriction,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO organization_settings (organization_id, restricts_images, allows_official_images, allows_verified_publishers)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (organization_id) DO UPDATE SET restricts_images = excluded.restricts_images,
                 allows_official_images = excluded.allows_official_images,
                 allows_verified_publishers = excluded.allows_verified_publishers",
            values![
                organization.0,
                restriction.is_enabled,
                restriction.allows_official_images,
                restriction.allows_verified_publishers
            ],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn list_restricting_organizations(
        &mut self,
        user: AccountId,
    ) -> Result<Vec<RestrictingOrganization>> {
        self.all(
            "SELECT o.name, s.restricts_images, s.allows_official_images, s.allows_verified_publishers
             FROM organization_members m JOIN organization_settings s ON s.organization_id = m.organization_id
                 JOIN accounts o ON o.id = m.organization_id
             WHERE m.user_id = $1 AND s.restricts_images = 1 AND o.is_active = 1 AND o.plan = 'business'",
            values![user.0],
            |row| Ok(RestrictingOrganization { name: row.parsed(0)?, restriction: restriction(row, 1)? }),
        )
        .await
    }

    async fn set_password_hash(&mut self, id: AccountId, password_hash: &str) -> Result<()> {
        self.execute(
            "UPDATE accounts SET password_hash = $1, credential_epoch = credential_epoch + 1 WHERE id = $2",
            values![password_hash, id.0],
        )
        .await?;
        self.delete_logins_of_sessions(id).await?;
        self.advance_authority_epoch().await
    }

    async fn advance_credential_epoch(&mut self, id: AccountId) -> Result<()> {
        self.execute(
            "UPDATE accounts SET credential_epoch = credential_epoch + 1 WHERE id = $1",
            values![id.0],
        )
        .await?;
        self.delete_logins_of_sessions(id).await?;
        self.advance_authority_epoch().await
    }

    async fn clear_organization(&mut self, id: AccountId, size: PageSize) -> Result<u64> {
        let members = self
            .all(
                "SELECT user_id FROM organization_members WHERE organization_id = $1 AND role <> 'owner' LIMIT $2",
                values![id.0, size.get()],
                |row| row.int(0),
            )
            .await?;
        for user in &members {
            self.delete_member(id, AccountId(*user)).await?;
        }
        // Those who are no members any more, or whose membership is suspended; looked for when no others are left, so that each step
        // finds them at once.
        let mut listed = Vec::new();
        if (members.len() as u64) < u64::from(size.get()) {
            listed = self
                .all(
                    "SELECT d.user_id FROM directory_users d WHERE d.organization_id = $1 AND NOT EXISTS (
                         SELECT 1 FROM organization_members m
                         WHERE m.organization_id = d.organization_id AND m.user_id = d.user_id)
                     LIMIT $2",
                    values![id.0, size.get()],
                    |row| row.int(0),
                )
                .await?;
        }
        for user in &listed {
            self.leave_directory(id, AccountId(*user)).await?;
        }
        let managed = self
            .execute(
                "UPDATE accounts SET managed_by = NULL WHERE id IN (
                     SELECT id FROM accounts WHERE managed_by = $1 LIMIT $2)",
                values![id.0, size.get()],
            )
            .await?;
        Ok(members.len().max(listed.len()).max(managed) as u64)
    }

    async fn clear(&mut self, what: Clearing, size: PageSize) -> Result<u64> {
        let cleared = self.clear_rows(what, size).await?;
        if cleared > 0 {
            self.advance_authority_epoch().await?;
        }
        Ok(cleared)
    }

    async fn delete_account(&mut self, id: AccountId, at: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE accounts SET deleted_at = $1, is_active = 0, password_hash = NULL, email = NULL, email_key = NULL
             WHERE id = $2",
            values![at, id.0],
        )
        .await?;
        self.execute("DELETE FROM email_changes WHERE account_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM web_sessions WHERE account_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM invites WHERE user_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM invites WHERE organization_id = $1", values![id.0]).await?;
        self.leave_directories(id).await?;
        self.execute("DELETE FROM team_members WHERE user_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM teams WHERE organization_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM organization_members WHERE user_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM organization_members WHERE organization_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM namespace_users WHERE user_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM namespace_users WHERE namespace_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM repository_users WHERE user_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM usage_days WHERE namespace_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM repository_shares WHERE account_id = $1", values![id.0]).await?;
        self.delete_second_factor(id).await?;
        self.execute("DELETE FROM refresh_tokens WHERE account_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM access_tokens WHERE account_id = $1", values![id.0]).await?;
        self.hand_over_registries(id, None, at).await?;
        self.execute("DELETE FROM registries WHERE namespace_id = $1", values![id.0]).await?;
        self.execute("DELETE FROM subscriptions WHERE owner_id = $1", values![id.0]).await?;
        self.advance_authority_epoch().await
    }

    async fn count_active_administrators(&mut self) -> Result<i64> {
        self.one(
            "SELECT count(*) FROM accounts
             WHERE kind = 'user' AND is_administrator = 1 AND is_active = 1 AND deleted_at IS NULL",
            values![],
            |row| row.int(0),
        )
        .await
    }

    async fn find_role(
        &mut self,
        organization: AccountId,
        user: AccountId,
    ) -> Result<Option<OrganizationRole>> {
        self.first(
            "SELECT role FROM organization_members WHERE organization_id = $1 AND user_id = $2",
            values![organization.0, user.0],
            |row| row.parsed(0),
        )
        .await
    }

    async fn put_member(
        &mut self,
        organization: AccountId,
        user: AccountId,
        role: OrganizationRole,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO organization_members (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role",
            values![organization.0, user.0, role.as_str(), at],
        )
        .await?;
        self.enter_directory(organization, user, at).await?;
        self.advance_authority_epoch().await
    }

    async fn delete_member(&mut self, organization: AccountId, user: AccountId) -> Result<bool> {
        self.delete_team_memberships(organization, user).await?;
        self.delete_user_permissions(organization, user).await?;
        self.delete_shares_of(organization, user).await?;
        self.leave_directory(organization, user).await?;
        let removed = self
            .execute(
                "DELETE FROM organization_members WHERE organization_id = $1 AND user_id = $2",
                values![organization.0, user.0],
            )
            .await?;
        self.advance_authority_epoch().await?;
        Ok(removed > 0)
    }

    async fn is_name_taken(&mut self, name: &Namespace) -> Result<bool> {
        let found = self
            .first("SELECT id FROM accounts WHERE name = $1", values![name.as_str()], |row| row.int(0))
            .await?;
        Ok(found.is_some())
    }

    async fn count_owned_organizations(&mut self, user: AccountId) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM organization_members WHERE user_id = $1 AND role = 'owner'",
            values![user.0],
            |row| row.size(0),
        )
        .await
    }

    async fn find_organization_owned_only_by(&mut self, user: AccountId) -> Result<Option<Namespace>> {
        self.first(
            "SELECT a.name FROM organization_members m JOIN accounts a ON a.id = m.organization_id
             WHERE m.user_id = $1 AND m.role = 'owner' AND NOT EXISTS (
                 SELECT 1 FROM organization_members o JOIN accounts u ON u.id = o.user_id
                 WHERE o.organization_id = m.organization_id AND o.role = 'owner' AND o.user_id <> m.user_id
                     AND u.is_active = 1)
             ORDER BY a.name LIMIT 1",
            values![user.0],
            |row| row.parsed(0),
        )
        .await
    }

    async fn advance_authority_epoch(&mut self) -> Result<()> {
        self.authority_changed = true;
        Ok(())
    }
}
