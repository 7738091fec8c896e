//! Users of an organization's directory, as its identity provider makes, changes, deactivates and finds them.
//!
//! RFC 7644. An organization manages the accounts that it made: it names them, sets their passwords and switches them off. Of
//! other accounts it has only the membership: deactivated, that rests, and the account goes on.

use longshore_domain::account::{Account, AccountKind, OrganizationRole, ProfileChange};
use longshore_domain::directory::{
    COMPANY_TEAM, DirectoryChange, DirectoryUser, Provisioner, UserMark, UserOrder, UserParts, UserProbe,
    account_names,
};
use longshore_domain::email::EmailAddress;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::name::Namespace;
use longshore_domain::organization::{Team, TeamName};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{DirectoryEntry, NewAccount, NewTeam, Tx, WantedUsers};
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Services;
use crate::accounts::check_not_last_administrator;
use crate::passwords::check_new_password;

/// What a unit of work on a directory has at hand.
#[derive(Clone)]
struct Desk {
    provisioner: Provisioner,
    event: NewEvent,
    change: DirectoryChange,
    password_hash: Option<String>,
    /// The version that the entry must have.
    expected: Option<String>,
}

/// A user to be made, if there is none yet.
#[derive(Clone)]
struct Newcomer {
    uuid: Uuid,
    names: Vec<Namespace>,
    company: NewTeam,
}

/// Which users of a directory a list shows.
#[derive(Clone, Debug)]
pub struct UserList {
    /// Found by an index.
    pub probe: UserProbe,
    /// In this order.
    pub order: UserOrder,
    /// The last first.
    pub is_descending: bool,
    /// Behind this one.
    pub after: Option<UserMark>,
    /// At most so many; probes for one value give all.
    pub size: PageSize,
    /// With these parts.
    pub parts: UserParts,
}

fn unknown(uuid: Uuid) -> Error {
    Error::UserUnknown(uuid.to_string())
}

impl Desk {
    /// Writes an event into the log of the organization.
    async fn record(&self, tx: &mut dyn Tx, action: EventAction, user: &Namespace) -> Result<()> {
        tx.record_event(&NewEvent { action, subject: user.to_string(), ..self.event.clone() }).await
    }

    /// Writes an event into the user's own log.
    async fn record_own(&self, tx: &mut dyn Tx, action: EventAction, user: &Account) -> Result<()> {
        let account_id = Some(user.id);
        let event = NewEvent { action, account_id, subject: user.name.to_string(), ..self.event.clone() };
        tx.record_event(&event).await
    }

    async fn find(&self, tx: &mut dyn Tx, uuid: Uuid) -> Result<(DirectoryUser, Account)> {
        let organization = self.provisioner.organization.id;
        let entry = find_user(tx, &self.provisioner, uuid).await?;
        let entry = tx.find_directory_user(organization, entry.account_id).await?;
        let entry = entry.ok_or_else(|| unknown(uuid))?;
        if self.expected.as_ref().is_some_and(|expected| *expected != entry.version()) {
            return Err(Error::PreconditionFailed);
        }
        let account = tx.find_account(entry.account_id).await?.ok_or_else(|| unknown(uuid))?;
        Ok((entry, account))
    }

    /// Checks that the organization may change the account itself.
    fn check_manages(&self, entry: &DirectoryUser, account: &Account, what: &str) -> Result<()> {
        let organization = &self.provisioner.organization.name;
        match (entry.is_managed, account.is_administrator) {
            (true, false) => Ok(()),
            (true, true) => Err(Error::Denied(format!(
                "{} is an administrator of the registry, so only its operator changes {what}",
                account.name
            ))),
            (false, _) => Err(Error::Denied(format!(
                "the account {} was not made by {organization}, so {organization} cannot change {what}",
                account.name
            ))),
        }
    }

    /// Checks that an organization keeps an owner who can act when this one cannot.
    async fn check_keeps_active_owner(&self, tx: &mut dyn Tx, account: &Account) -> Result<()> {
        let organization = &self.provisioner.organization;
        let role = tx.find_role(organization.id, account.id).await?;
        if role == Some(OrganizationRole::Owner)
            && tx.count_other_active_owners(organization.id, account.id).await? == 0
        {
            return Err(Error::Conflict(format!(
                "{} is the last owner of {}; make another member one first",
                account.name, organization.name
            )));
        }
        Ok(())
    }

    /// Switches off an account that the organization manages: whatever it signed in with ends.
    async fn switch_off(&self, tx: &mut dyn Tx, account: &Account) -> Result<()> {
        if !account.is_active {
            return Ok(());
        }
        check_not_last_administrator(tx, account).await?;
        tx.set_account_active(account.id, false).await?;
        tx.set_deprovisioned(account.id, true).await?;
        // Sessions do not come back with the account.
        tx.advance_credential_epoch(account.id).await?;
        tx.delete_refresh_tokens(account.id).await?;
        tx.touch_directory_users(account.id, self.event.at).await?;
        self.record_own(tx, EventAction::UserDisabled, account).await
    }

    async fn switch_on(&self, tx: &mut dyn Tx, account: &Account) -> Result<()> {
        if account.is_active {
            return Ok(());
        }
        if !tx.is_deprovisioned(account.id).await? {
            return Err(Error::Conflict(format!(
                "the operator of the registry has switched {} off, so only the operator can switch it on",
                account.name
            )));
        }
        tx.set_account_active(account.id, true).await?;
        tx.set_deprovisioned(account.id, false).await?;
        tx.touch_directory_users(account.id, self.event.at).await?;
        self.record_own(tx, EventAction::UserEnabled, account).await
    }

    async fn deactivate(&self, tx: &mut dyn Tx, entry: &DirectoryUser, account: &Account) -> Result<()> {
        let organization = self.provisioner.organization.id;
        self.check_keeps_active_owner(tx, account).await?;
        match entry.is_managed {
            true => self.switch_off(tx, account).await?,
            false => {
                tx.suspend_member(organization, account.id, self.event.at).await?;
                // Who does not act for the organization has no registry for it.
                tx.hand_over_registries(account.id, Some(organization), self.event.at).await?;
            }
        }
        self.record(tx, EventAction::MemberDeactivated, &account.name).await
    }

    async fn activate(&self, tx: &mut dyn Tx, entry: &DirectoryUser, account: &Account) -> Result<()> {
        if entry.is_suspended {
            tx.restore_member(self.provisioner.organization.id, account.id, self.event.at).await?;
        }
        if !account.is_active {
            match entry.is_managed {
                true => self.switch_on(tx, account).await?,
                false => {
                    return Err(Error::Conflict(format!(
                        "the account {} is switched off, and was not made by {}; its operator or organization can switch it on",
                        account.name, self.provisioner.organization.name
                    )));
                }
            }
        }
        self.record(tx, EventAction::MemberReactivated, &account.name).await
    }

    /// Does to a user what was asked for; gives what was changed.
    async fn apply(
        &self,
        tx: &mut dyn Tx,
        entry: &DirectoryUser,
        account: &Account,
    ) -> Result<Vec<&'static str>> {
        let organization = self.provisioner.organization.id;
        let change = &self.change;
        let mut changed = Vec::new();
        let mut profile = ProfileChange::default();
        let mut wanted = DirectoryEntry {
            user_name: entry.user_name.clone(),
            external_id: entry.external_id.clone(),
            given_name: entry.given_name.clone(),
            family_name: entry.family_name.clone(),
        };
        if let Some(user_name) = change.user_name.as_ref().filter(|name| **name != entry.user_name) {
            self.check_manages(entry, account, "its userName")?;
            if let Ok(email) = user_name.parse::<EmailAddress>() {
                profile.email = Some(Some(email));
            }
            wanted.user_name.clone_from(user_name);
            changed.push("userName");
        }
        if let Some(id) = change.external_id.as_ref().filter(|id| **id != entry.external_id) {
            wanted.external_id.clone_from(id);
            changed.push("externalId");
        }
        for (name, place) in
            [(&change.given_name, &mut wanted.given_name), (&change.family_name, &mut wanted.family_name)]
        {
            if let Some(name) = name.as_ref().filter(|name| *name != place) {
                place.clone_from(name);
                changed.push("name");
            }
        }
        if changed.contains(&"name") && entry.is_managed {
            profile.full_name = Some(full_name(&wanted.given_name, &wanted.family_name));
        }
        if profile != ProfileChange::default() {
            profile.check()?;
            tx.change_profile(account.id, &profile).await?;
        }
        if !changed.is_empty() {
            tx.change_directory_entry(organization, account.id, &wanted, self.event.at).await?;
        }
        if let Some(emails) = change.emails.as_ref().filter(|emails| **emails != entry.emails) {
            tx.put_directory_emails(organization, account.id, emails).await?;
            tx.change_directory_entry(organization, account.id, &wanted, self.event.at).await?;
            changed.push("emails");
        }
        if let Some(hash) = &self.password_hash {
            self.check_manages(entry, account, "its password")?;
            tx.set_password_hash(account.id, hash).await?;
            tx.delete_refresh_tokens(account.id).await?;
            self.record_own(tx, EventAction::UserPasswordChanged, account).await?;
            changed.push("password");
        }
        changed.dedup();
        Ok(changed)
    }

    async fn change(&self, tx: &mut dyn Tx, uuid: Uuid) -> Result<DirectoryUser> {
        tx.hold_authority().await?;
        let (entry, account) = self.find(tx, uuid).await?;
        let changed = self.apply(tx, &entry, &account).await?;
        if !changed.is_empty() {
            let mut event = NewEvent {
                action: EventAction::DirectoryUserUpdated,
                subject: account.name.to_string(),
                ..self.event.clone()
            };
            event.data.insert("changed", changed.join(", "));
            tx.record_event(&event).await?;
        }
        match self.change.is_active {
            Some(true) if !entry.is_active => self.activate(tx, &entry, &account).await?,
            Some(false) if entry.is_active => self.deactivate(tx, &entry, &account).await?,
            _ => {}
        }
        reload(tx, &self.provisioner, &account).await
    }

    async fn delete(&self, tx: &mut dyn Tx, uuid: Uuid) -> Result<()> {
        tx.hold_authority().await?;
        let (entry, account) = self.find(tx, uuid).await?;
        let organization = self.provisioner.organization.id;
        self.check_keeps_active_owner(tx, &account).await?;
        if entry.is_managed {
            self.switch_off(tx, &account).await?;
        }
        tx.delete_member(organization, account.id).await?;
        tx.hand_over_registries(account.id, Some(organization), self.event.at).await?;
        self.record(tx, EventAction::MemberRemoved, &account.name).await
    }

    /// Gives the account of a new user: the one that has its e-mail address, or a new one.
    async fn take_account(&self, tx: &mut dyn Tx, user_name: &str, newcomer: &Newcomer) -> Result<Account> {
        let organization = self.provisioner.organization.id;
        let primary = self.change.emails.iter().flatten().find(|email| email.is_primary);
        let addresses = [Some(user_name), primary.map(|email| email.address.as_str())];
        let email = addresses.into_iter().flatten().find_map(|text| text.parse::<EmailAddress>().ok());
        if let Some(email) = &email
            && let Some(account) = tx.find_account_by_email(email).await?
        {
            let exists = || Err(Error::Exists(format!("a user with the e-mail address {email}")));
            if account.kind != AccountKind::User
                || tx.find_directory_user(organization, account.id).await?.is_some()
            {
                return exists();
            }
            if tx.find_managing_organization(account.id).await? == Some(organization) {
                self.switch_on(tx, &account).await?;
            }
            return Ok(account);
        }
        let mut free = None;
        for name in &newcomer.names {
            if !tx.is_name_taken(name).await? {
                free = Some(name.clone());
                break;
            }
        }
        let name = free.ok_or_else(|| Error::Conflict(format!("no name is left for {user_name:?}")))?;
        let account = NewAccount {
            uuid: newcomer.uuid,
            kind: AccountKind::User,
            name: name.clone(),
            password_hash: None,
            is_administrator: false,
            created_at: self.event.at,
        };
        let id = tx.create_account(&account).await?;
        tx.set_managing_organization(id, organization).await?;
        let profile = ProfileChange { email: Some(email), ..ProfileChange::default() };
        tx.change_profile(id, &profile).await?;
        let account =
            tx.find_account(id).await?.ok_or_else(|| Error::internal("the new account is not there"))?;
        self.record_own(tx, EventAction::UserCreated, &account).await?;
        Ok(account)
    }

    async fn create(&self, tx: &mut dyn Tx, newcomer: &Newcomer) -> Result<DirectoryUser> {
        tx.hold_authority().await?;
        let organization = self.provisioner.organization.id;
        let user_name = self.change.user_name.clone().unwrap_or_default();
        let probe = UserProbe::UserName(user_name.clone());
        if !tx.list_directory_users(&one(&self.provisioner, probe)).await?.is_empty() {
            return Err(Error::Exists(format!("a user with the userName {user_name:?}")));
        }
        let account = self.take_account(tx, &user_name, newcomer).await?;
        tx.put_member(organization, account.id, OrganizationRole::Member, self.event.at).await?;
        let subject = account.name.to_string();
        let mut added = NewEvent { action: EventAction::MemberAdded, subject, ..self.event.clone() };
        added.data.insert("role", OrganizationRole::Member.to_string());
        tx.record_event(&added).await?;
        let team = ensure_company(tx, self, &newcomer.company).await?;
        if tx.add_team_member(team.id, account.id, self.event.at).await? {
            let mut event = NewEvent {
                action: EventAction::TeamMemberAdded,
                subject: account.name.to_string(),
                ..self.event.clone()
            };
            event.data.insert("team", team.name.to_string());
            tx.record_event(&event).await?;
        }
        let entry = reload(tx, &self.provisioner, &account).await?;
        // What only its own organization may change stays as it is with an account that was there.
        let mut desk = self.clone();
        if !entry.is_managed {
            desk.change.user_name = None;
            desk.password_hash = None;
        }
        desk.apply(tx, &entry, &account).await?;
        let account = tx.find_account(account.id).await?.ok_or_else(|| unknown(entry.uuid))?;
        let entry = reload(tx, &self.provisioner, &account).await?;
        if self.change.is_active == Some(false) && entry.is_active {
            desk.deactivate(tx, &entry, &account).await?;
        }
        reload(tx, &self.provisioner, &account).await
    }
}

fn full_name(given: &str, family: &str) -> String {
    let name = format!("{given} {family}");
    name.trim().chars().take(longshore_domain::account::PROFILE_LIMIT_CHARACTERS).collect()
}

/// A list of the users that a probe for one value finds.
fn one(provisioner: &Provisioner, probe: UserProbe) -> WantedUsers {
    WantedUsers {
        organization: provisioner.organization.id,
        probe,
        order: UserOrder::Position,
        is_descending: false,
        after: None,
        size: PageSize::MAX,
        parts: UserParts::default(),
    }
}

pub(crate) async fn find_user(
    tx: &mut dyn Tx,
    provisioner: &Provisioner,
    uuid: Uuid,
) -> Result<DirectoryUser> {
    let found = tx.list_directory_users(&one(provisioner, UserProbe::Id(uuid))).await?;
    found.into_iter().next().ok_or_else(|| unknown(uuid))
}

async fn reload(tx: &mut dyn Tx, provisioner: &Provisioner, account: &Account) -> Result<DirectoryUser> {
    let found = tx.find_directory_user(provisioner.organization.id, account.id).await?;
    found.ok_or_else(|| Error::internal("a member without an entry in the directory"))
}

async fn ensure_company(tx: &mut dyn Tx, desk: &Desk, company: &NewTeam) -> Result<Team> {
    let organization = desk.provisioner.organization.id;
    if let Some(team) = tx.find_team(organization, &company.name).await? {
        return Ok(team);
    }
    tx.create_team(organization, company).await?;
    let subject = company.name.to_string();
    tx.record_event(&NewEvent { action: EventAction::TeamCreated, subject, ..desk.event.clone() }).await?;
    let made = tx.find_team(organization, &company.name).await?;
    made.ok_or_else(|| Error::internal("the new team is not there"))
}

impl Services {
    /// Makes an event of now, with an identity provider as who did it.
    pub(crate) fn provisioning_event(&self, provisioner: &Provisioner, action: EventAction) -> NewEvent {
        NewEvent {
            account_id: Some(provisioner.organization.id),
            actor_id: None,
            actor_name: provisioner.display_name(),
            action,
            subject: String::new(),
            data: [("scim_token", provisioner.token.uuid.to_string())].into(),
            at: self.clock.now(),
        }
    }

    async fn desk(
        &self,
        provisioner: &Provisioner,
        change: DirectoryChange,
        expected: Option<String>,
    ) -> Result<Desk> {
        change.check()?;
        let password_hash = match &change.password {
            None => None,
            Some(password) => {
                check_new_password(password)?;
                Some(self.passwords.hash(password, &*self.entropy).await?)
            }
        };
        let event = self.provisioning_event(provisioner, EventAction::DirectoryUserUpdated);
        Ok(Desk { provisioner: provisioner.clone(), event, change, password_hash, expected })
    }

    /// Lists users of a directory.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn list_directory_users(
        &self,
        provisioner: &Provisioner,
        list: UserList,
    ) -> Result<Vec<DirectoryUser>> {
        let UserList { probe, order, is_descending, after, size, parts } = list;
        let organization = provisioner.organization.id;
        let wanted = WantedUsers { organization, probe, order, is_descending, after, size, parts };
        self.metadata.read(wanted, |tx, wanted| Box::pin(tx.list_directory_users(wanted))).await
    }

    /// Counts the users of a directory.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn count_directory_users(&self, provisioner: &Provisioner) -> Result<u64> {
        self.metadata
            .look_up(provisioner.organization.id, |tx, id| Box::pin(tx.count_directory_users(*id)))
            .await
    }

    /// Gives the mark behind the first `offset` users of a directory; `None` when there are not so many.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn find_user_mark(
        &self,
        provisioner: &Provisioner,
        order: UserOrder,
        is_descending: bool,
        offset: u64,
    ) -> Result<Option<UserMark>> {
        let input = (provisioner.organization.id, order, is_descending, offset);
        self.metadata
            .read(input, |tx, (id, order, is_descending, offset)| {
                Box::pin(tx.find_user_mark(*id, *order, *is_descending, *offset))
            })
            .await
    }

    /// Gives a user of a directory.
    ///
    /// # Errors
    /// `UserUnknown`.
    pub async fn get_directory_user(&self, provisioner: &Provisioner, uuid: Uuid) -> Result<DirectoryUser> {
        self.metadata
            .look_up((provisioner.clone(), uuid), |tx, (provisioner, uuid)| {
                Box::pin(async move {
                    let found = find_user(tx, provisioner, *uuid).await?;
                    let found = tx.find_directory_user(provisioner.organization.id, found.account_id).await?;
                    found.ok_or_else(|| unknown(*uuid))
                })
            })
            .await
    }

    /// Brings a user into a directory: the account that has the e-mail address becomes a member, or a new account is made. The
    /// user joins the team `company`.
    ///
    /// # Errors
    /// `Invalid`; `Exists` when the directory has the user; `Conflict` when the operator has switched the account off.
    pub async fn create_directory_user(
        &self,
        provisioner: &Provisioner,
        change: DirectoryChange,
    ) -> Result<DirectoryUser> {
        let user_name = change.user_name.clone().ok_or_else(|| Error::Invalid {
            field: "userName",
            reason: "must be given; it is the e-mail address of the user".into(),
        })?;
        let mut chance = [0; 4];
        self.entropy.fill(&mut chance);
        let company = NewTeam {
            uuid: self.new_uuid(),
            name: COMPANY_TEAM.parse::<TeamName>()?,
            description: String::new(),
            created_at: self.clock.now(),
        };
        let newcomer = Newcomer {
            uuid: self.new_uuid(),
            names: account_names(&user_name, u32::from_ne_bytes(chance)),
            company,
        };
        let desk = self.desk(provisioner, change, None).await?;
        self.metadata
            .write((desk, newcomer), |tx, (desk, newcomer)| Box::pin(desk.create(tx, newcomer)))
            .await
    }

    /// Changes a user, or switches it on or off. `expected` is the version that it must have.
    ///
    /// # Errors
    /// `UserUnknown`; `PreconditionFailed` for another version; `Invalid`; `Exists` for the user name or e-mail address of
    /// another; `Denied` for what only others may change; `Conflict` for the last owner, and for what the operator switched
    /// off.
    pub async fn change_directory_user(
        &self,
        provisioner: &Provisioner,
        uuid: Uuid,
        change: DirectoryChange,
        expected: Option<String>,
    ) -> Result<DirectoryUser> {
        let desk = self.desk(provisioner, change, expected).await?;
        self.metadata.write((desk, uuid), |tx, (desk, uuid)| Box::pin(desk.change(tx, *uuid))).await
    }

    /// Takes a user out of a directory and the organization. An account that the organization made is switched off; what it
    /// pushed to its own namespace stays.
    ///
    /// # Errors
    /// `UserUnknown`; `PreconditionFailed`; `Conflict` for the last owner.
    pub async fn delete_directory_user(
        &self,
        provisioner: &Provisioner,
        uuid: Uuid,
        expected: Option<String>,
    ) -> Result<()> {
        let desk = self.desk(provisioner, DirectoryChange::default(), expected).await?;
        self.metadata.write((desk, uuid), |tx, (desk, uuid)| Box::pin(desk.delete(tx, *uuid))).await
    }
}
