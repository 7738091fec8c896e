//! Teams of an organization as groups of its directory.
//!
//! RFC 7643, section 4.2.

use std::collections::BTreeSet;

use longshore_domain::account::AccountId;
use longshore_domain::conflict::Conflict;
use longshore_domain::directory::{
    DirectoryGroup, DirectoryUser, GroupChange, GroupLookup, GroupMember, MemberChange, Provisioner,
    team_names,
};
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::existing::Existing;
use longshore_domain::limit::Limited;
use longshore_domain::organization::{TEAMS_LIMIT, TeamId, TeamName};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{Clearing, GroupEntry, NewTeam, OrganizationsTx};
use longshore_domain::{Error, Field, Result};
use uuid::Uuid;

use crate::Organizations;
use crate::directory::find_user;
use longshore_platform::STEP;

/// Most members that one request adds, removes or puts in place of those before.
pub const MEMBERS_LIMIT: usize = 10_000;

/// Members that one transaction changes; others wait for it. What is more comes in several.
const MEMBERS_AT_ONCE: usize = 500;

/// What a unit of work on a group works with.
#[derive(Clone)]
struct GroupWork {
    provisioner: Provisioner,
    event: NewEvent,
    change: GroupChange,
    expected: Option<String>,
}

fn unknown(uuid: Uuid) -> Error {
    Error::TeamUnknown(uuid.to_string())
}

async fn find_group(
    tx: &mut dyn OrganizationsTx,
    provisioner: &Provisioner,
    uuid: Uuid,
) -> Result<DirectoryGroup> {
    let organization = provisioner.organization.id;
    let found = tx.list_directory_groups(organization, &GroupLookup::Id(uuid), 0, PageSize::MAX).await?;
    found.into_iter().next().ok_or_else(|| unknown(uuid))
}

/// Lists the ids of a group's members that are none of some, at most [`MEMBERS_LIMIT`].
async fn list_others(
    tx: &mut dyn OrganizationsTx,
    organization: AccountId,
    group: TeamId,
    kept: &BTreeSet<Uuid>,
) -> Result<Vec<Uuid>> {
    let (mut others, mut after) = (Vec::new(), AccountId(0));
    loop {
        let page = tx.list_group_members(organization, group, after, PageSize::MAX).await?;
        let Some(last) = page.last() else { return Ok(others) };
        after = last.account_id;
        others.extend(page.iter().map(|member| member.uuid).filter(|uuid| !kept.contains(uuid)));
        if others.len() > MEMBERS_LIMIT {
            return Err(too_many());
        }
    }
}

impl GroupWork {
    async fn find(&self, tx: &mut dyn OrganizationsTx, uuid: Uuid) -> Result<DirectoryGroup> {
        let group = find_group(tx, &self.provisioner, uuid).await?;
        match self.expected.as_ref().is_some_and(|expected| *expected != group.version()) {
            true => Err(Error::PreconditionFailed),
            false => Ok(group),
        }
    }

    fn member_event(&self, action: EventAction, group: &DirectoryGroup, user: String) -> NewEvent {
        let mut event = NewEvent { action, subject: user, ..self.event.clone() };
        event.data.insert("team", group.name.to_string());
        event
    }

    async fn add(&self, tx: &mut dyn OrganizationsTx, group: &DirectoryGroup, uuid: Uuid) -> Result<()> {
        let user = find_member(tx, &self.provisioner, uuid).await?;
        match tx.add_group_member(group.id, &user, self.event.at).await? {
            false => Ok(()),
            true => {
                let event = self.member_event(EventAction::TeamMemberAdded, group, user.name.to_string());
                tx.record_event(&event).await
            }
        }
    }

    async fn remove(&self, tx: &mut dyn OrganizationsTx, group: &DirectoryGroup, uuid: Uuid) -> Result<()> {
        let user = match find_user(tx, &self.provisioner, uuid).await {
            // Who has left is no member.
            Err(Error::UserUnknown(_)) => return Ok(()),
            found => found?,
        };
        match tx.delete_group_member(group.id, &user).await? {
            false => Ok(()),
            true => {
                let event = self.member_event(EventAction::TeamMemberRemoved, group, user.name.to_string());
                tx.record_event(&event).await
            }
        }
    }

    async fn apply(&self, tx: &mut dyn OrganizationsTx, group: &DirectoryGroup) -> Result<()> {
        let organization = self.provisioner.organization.id;
        let GroupChange { display_name, external_id, members } = &self.change;
        let display = display_name.as_ref().filter(|name| **name != group.display_name);
        let external = external_id.as_ref().filter(|id| **id != group.external_id);
        if display.is_some() || external.is_some() {
            let shown = display.unwrap_or(&group.display_name);
            let entry = GroupEntry {
                display_name: shown.clone(),
                external_id: external.unwrap_or(&group.external_id).clone(),
            };
            tx.change_group_entry(organization, group, &entry, self.event.at).await?;
            let mut event = NewEvent {
                action: EventAction::TeamUpdated,
                subject: group.name.to_string(),
                ..self.event.clone()
            };
            event.data.insert("display_name", shown.clone());
            tx.record_event(&event).await?;
        }
        for change in members {
            match change {
                MemberChange::Add(users) => {
                    for user in users {
                        self.add(tx, group, *user).await?;
                    }
                }
                MemberChange::Remove(users) => {
                    for user in users {
                        self.remove(tx, group, *user).await?;
                    }
                }
                MemberChange::Replace(users) => {
                    let kept = users.iter().copied().collect();
                    for user in list_others(tx, organization, group.id, &kept).await? {
                        self.remove(tx, group, user).await?;
                    }
                    for user in kept {
                        self.add(tx, group, user).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn change(&self, tx: &mut dyn OrganizationsTx, uuid: Uuid) -> Result<DirectoryGroup> {
        tx.lock_authority().await?;
        let group = self.find(tx, uuid).await?;
        self.apply(tx, &group).await?;
        find_group(tx, &self.provisioner, uuid).await
    }

    async fn create(
        &self,
        tx: &mut dyn OrganizationsTx,
        uuid: Uuid,
        names: &[TeamName],
    ) -> Result<DirectoryGroup> {
        tx.lock_authority().await?;
        let organization = self.provisioner.organization.id;
        // Held, so that creations at the same time are counted.
        tx.lock_account(organization).await?;
        let display = self.change.display_name.clone().unwrap_or_default();
        let probe = GroupLookup::DisplayName(display.clone());
        if !tx.list_directory_groups(organization, &probe, 0, PageSize::MAX).await?.is_empty() {
            return Err(Error::Exists(Existing::DirectoryGroup(display)));
        }
        if tx.count_teams(organization, None, "").await? >= TEAMS_LIMIT {
            return Err(Error::LimitReached { what: Limited::Teams, limit: TEAMS_LIMIT });
        }
        let mut free = None;
        for name in names {
            if tx.find_team(organization, name).await?.is_none() {
                free = Some(name.clone());
                break;
            }
        }
        let name = free.ok_or_else(|| Conflict::NoNameLeft(display.clone()))?;
        let team =
            NewTeam { uuid, name: name.clone(), description: String::new(), created_at: self.event.at };
        tx.create_team(organization, &team).await?;
        let subject = name.to_string();
        tx.record_event(&NewEvent { action: EventAction::TeamCreated, subject, ..self.event.clone() })
            .await?;
        let group = find_group(tx, &self.provisioner, uuid).await?;
        self.apply(tx, &group).await?;
        find_group(tx, &self.provisioner, uuid).await
    }

    async fn delete(&self, tx: &mut dyn OrganizationsTx, uuid: Uuid) -> Result<()> {
        tx.lock_authority().await?;
        let group = self.find(tx, uuid).await?;
        tx.delete_team(group.id).await?;
        let subject = group.name.to_string();
        tx.record_event(&NewEvent { action: EventAction::TeamDeleted, subject, ..self.event.clone() }).await
    }
}

/// Returns how many members a change names.
fn changed(change: &GroupChange) -> usize {
    let count = |change: &MemberChange| match change {
        MemberChange::Add(users) | MemberChange::Remove(users) | MemberChange::Replace(users) => users.len(),
    };
    change.members.iter().map(count).sum()
}

/// Returns the ids of those that come in.
fn incoming(members: &[MemberChange]) -> Vec<Uuid> {
    let each = members.iter().map(|change| match change {
        MemberChange::Add(users) | MemberChange::Replace(users) => users.as_slice(),
        MemberChange::Remove(_) => &[],
    });
    each.flatten().copied().collect()
}

async fn find_member(
    tx: &mut dyn OrganizationsTx,
    provisioner: &Provisioner,
    uuid: Uuid,
) -> Result<DirectoryUser> {
    match find_user(tx, provisioner, uuid).await {
        Err(Error::UserUnknown(_)) => Err(Error::Invalid {
            field: Field::Members,
            reason: format!("there is no user with the id {uuid}"),
        }),
        found => found,
    }
}

fn too_many() -> Error {
    Error::Invalid {
        field: Field::Members,
        reason: format!("at most {MEMBERS_LIMIT} members can be changed in one request; use several"),
    }
}

impl Organizations {
    fn group_work(
        &self,
        provisioner: &Provisioner,
        change: GroupChange,
        expected: Option<String>,
    ) -> Result<GroupWork> {
        change.check()?;
        if changed(&change) > MEMBERS_LIMIT {
            return Err(too_many());
        }
        let event = self.provisioning_event(provisioner, EventAction::TeamUpdated);
        Ok(GroupWork { provisioner: provisioner.clone(), event, change, expected })
    }

    /// Takes what changes of members out of a change, to be made some at a time; checks first that those who come in are there.
    async fn take_members(
        &self,
        provisioner: &Provisioner,
        work: &mut GroupWork,
    ) -> Result<Vec<MemberChange>> {
        let members = std::mem::take(&mut work.change.members);
        self.metadata
            .read((provisioner.clone(), incoming(&members)), |tx, (provisioner, users)| {
                Box::pin(async move {
                    for user in users {
                        find_member(tx, provisioner, *user).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(members)
    }

    /// Changes who is in a group, some at a time, so that others are not kept waiting. What one time changed stays when the
    /// next one fails.
    async fn change_members(
        &self,
        provisioner: &Provisioner,
        group: &DirectoryGroup,
        members: Vec<MemberChange>,
    ) -> Result<()> {
        for change in members {
            // Each sees what those before it left.
            let (gone, come) = match change {
                MemberChange::Add(users) => (Vec::new(), users),
                MemberChange::Remove(users) => (users, Vec::new()),
                MemberChange::Replace(users) => {
                    let kept: BTreeSet<Uuid> = users.iter().copied().collect();
                    let input = (provisioner.organization.id, group.id, kept);
                    let others = self
                        .metadata
                        .read(input, |tx, (organization, group, kept)| {
                            Box::pin(list_others(tx, *organization, *group, kept))
                        })
                        .await?;
                    (others, users)
                }
            };
            let gone = gone.chunks(MEMBERS_AT_ONCE).map(|users| MemberChange::Remove(users.to_vec()));
            let come = come.chunks(MEMBERS_AT_ONCE).map(|users| MemberChange::Add(users.to_vec()));
            for batch in gone.chain(come) {
                let change = GroupChange { members: vec![batch], ..GroupChange::default() };
                let work = self.group_work(provisioner, change, None)?;
                self.metadata
                    .write((work, group.uuid), |tx, (work, uuid)| Box::pin(work.change(tx, *uuid)))
                    .await?;
            }
        }
        Ok(())
    }

    /// Returns a group.
    ///
    /// # Errors
    /// `TeamUnknown`.
    pub async fn get_directory_group(&self, provisioner: &Provisioner, uuid: Uuid) -> Result<DirectoryGroup> {
        self.metadata
            .look_up((provisioner.clone(), uuid), |tx, (provisioner, uuid)| {
                Box::pin(find_group(tx, provisioner, *uuid))
            })
            .await
    }

    /// Lists members of a group by the number of their account, behind `after`.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn list_directory_group_members(
        &self,
        provisioner: &Provisioner,
        group: &DirectoryGroup,
        after: AccountId,
        size: PageSize,
    ) -> Result<Vec<GroupMember>> {
        let input = (provisioner.organization.id, group.id, after, size);
        self.metadata
            .read(input, |tx, (organization, group, after, size)| {
                Box::pin(tx.list_group_members(*organization, *group, *after, *size))
            })
            .await
    }

    /// Makes a group, which is a team of the organization.
    ///
    /// # Errors
    /// `Invalid`, also for members that there are not; `Exists` for a display name that is there; `LimitReached` for too many.
    pub async fn create_directory_group(
        &self,
        provisioner: &Provisioner,
        change: GroupChange,
    ) -> Result<DirectoryGroup> {
        let display = change
            .display_name
            .clone()
            .ok_or_else(|| Error::Invalid { field: Field::DisplayName, reason: "must be given".into() })?;
        let mut chance = [0; 4];
        self.entropy.fill(&mut chance);
        let names = team_names(&display, u32::from_ne_bytes(chance));
        let mut work = self.group_work(provisioner, change, None)?;
        let members = match changed(&work.change) > MEMBERS_AT_ONCE {
            true => self.take_members(provisioner, &mut work).await?,
            false => Vec::new(),
        };
        let group = self
            .metadata
            .write((work, self.platform.new_uuid(), names), |tx, (work, uuid, names)| {
                Box::pin(work.create(tx, *uuid, names))
            })
            .await?;
        if members.is_empty() {
            return Ok(group);
        }
        self.change_members(provisioner, &group, members).await?;
        self.get_directory_group(provisioner, group.uuid).await
    }

    /// Changes a group and who is in it. `expected` is the version that it must have.
    ///
    /// # Errors
    /// `TeamUnknown`; `PreconditionFailed`; as [`Organizations::create_directory_group`].
    pub async fn change_directory_group(
        &self,
        provisioner: &Provisioner,
        uuid: Uuid,
        change: GroupChange,
        expected: Option<String>,
    ) -> Result<DirectoryGroup> {
        let mut work = self.group_work(provisioner, change, expected)?;
        if !self.is_large(provisioner, uuid, &work.change).await? {
            return self
                .metadata
                .write((work, uuid), |tx, (work, uuid)| Box::pin(work.change(tx, *uuid)))
                .await;
        }
        let members = self.take_members(provisioner, &mut work).await?;
        let group =
            self.metadata.write((work, uuid), |tx, (work, uuid)| Box::pin(work.change(tx, *uuid))).await?;
        self.change_members(provisioner, &group, members).await?;
        self.get_directory_group(provisioner, uuid).await
    }

    /// Returns whether a change is about more members than one transaction changes.
    async fn is_large(&self, provisioner: &Provisioner, uuid: Uuid, change: &GroupChange) -> Result<bool> {
        if changed(change) > MEMBERS_AT_ONCE {
            return Ok(true);
        }
        if !change.members.iter().any(|change| matches!(change, MemberChange::Replace(_))) {
            return Ok(false);
        }
        let group = self.get_directory_group(provisioner, uuid).await?;
        let page =
            self.list_directory_group_members(provisioner, &group, AccountId(0), PageSize::MAX).await?;
        Ok(page.len() > MEMBERS_AT_ONCE)
    }

    /// Deletes a group, with what its members could do by it.
    ///
    /// # Errors
    /// `TeamUnknown`; `PreconditionFailed`.
    pub async fn delete_directory_group(
        &self,
        provisioner: &Provisioner,
        uuid: Uuid,
        expected: Option<String>,
    ) -> Result<()> {
        let work = self.group_work(provisioner, GroupChange::default(), expected)?;
        self.metadata
            .drain((work.clone(), uuid), |tx, (work, uuid)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let group = work.find(tx, *uuid).await?;
                    tx.clear(Clearing::Team(group.id), PageSize::clamped(STEP)?).await
                })
            })
            .await?;
        self.metadata.write((work, uuid), |tx, (work, uuid)| Box::pin(work.delete(tx, *uuid))).await
    }
}
