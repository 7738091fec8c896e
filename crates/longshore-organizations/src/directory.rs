//! Users of an organization's directory, as its identity provider makes, changes, deactivates and finds them.
//!
//! RFC 7644. An organization manages the accounts that it made: it names them, sets their passwords and switches them off. Of
//! other accounts it has only the membership: deactivated, that is suspended, and the account goes on.

use longshore_domain::access::actor::Actor;
use longshore_domain::access::actor::Credential;
use longshore_domain::account::{Account, AccountKind, OrganizationRole, ProfileChange};
use longshore_domain::conflict::Conflict;
use longshore_domain::directory::{
    COMPANY_TEAM, DIRECTORY_USERS_LIMIT, DirectoryChange, DirectoryUser, Provisioner, UserLookup, UserOrder,
    UserParts, account_names,
};
use longshore_domain::email::EmailAddress;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::existing::Existing;
use longshore_domain::limit::Limited;
use longshore_domain::name::Namespace;
use longshore_domain::organization::{Team, TeamName};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{DirectoryEntry, NewAccount, NewTeam, OrganizationsTx, WantedUsers};
use longshore_domain::{Error, Field, Result};
use uuid::Uuid;

use crate::Organizations;
use crate::deactivation::{record_own, switch_off};
use crate::organizations::{change_role, check_keeps_owner};
use longshore_identity::accounts::delete_invites;
use longshore_identity::passwords::check_new_password;
use longshore_platform::origins::RequestOrigin;

/// What a unit of work on a directory works with.
#[derive(Clone)]
struct DirectoryWork {
    provisioner: Provisioner,
    event: NewEvent,
    change: DirectoryChange,
    password_hash: Option<String>,
    /// The version that the entry must have.
    expected: Option<String>,
}

/// What a new user gets that has no account yet.
#[derive(Clone)]
struct NewUser {
    uuid: Uuid,
    names: Vec<Namespace>,
    company: NewTeam,
}

fn unknown(uuid: Uuid) -> Error {
    Error::UserUnknown(uuid.to_string())
}

impl DirectoryWork {
    /// Writes an event into the log of the organization.
    async fn record(
        &self,
        tx: &mut dyn OrganizationsTx,
        action: EventAction,
        user: &Namespace,
    ) -> Result<()> {
        tx.record_event(&NewEvent { action, subject: user.to_string(), ..self.event.clone() }).await
    }

    async fn find(&self, tx: &mut dyn OrganizationsTx, uuid: Uuid) -> Result<(DirectoryUser, Account)> {
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

    /// Checks that the organization may set the password of an account.
    async fn check_sets_password(
        &self,
        tx: &mut dyn OrganizationsTx,
        entry: &DirectoryUser,
        account: &Account,
    ) -> Result<()> {
        let organization = &self.provisioner.organization.name;
        match (entry.is_managed, account.is_administrator) {
            // Whoever sets the password signs in as the user, also to what others have let the user into.
            (true, false)
                if tx.has_rights_elsewhere(account.id, self.provisioner.organization.id).await? =>
            {
                Err(Error::denied(format!(
                    "{} has rights in another organization or namespace too, so only the user or the operator sets the password",
                    account.name
                )))
            }
            (true, false) => Ok(()),
            (true, true) => Err(Error::denied(format!(
                "{} is an administrator of the registry, so only its operator sets the password",
                account.name
            ))),
            (false, _) => Err(Error::denied(format!(
                "the account {} was not made by {organization}, so {organization} cannot set its password",
                account.name
            ))),
        }
    }

    async fn deactivate(
        &self,
        tx: &mut dyn OrganizationsTx,
        entry: &DirectoryUser,
        account: &Account,
    ) -> Result<()> {
        let organization = &self.provisioner.organization;
        let role = tx.find_role(organization.id, account.id).await?;
        check_keeps_owner(tx, organization, account, role).await?;
        delete_invites(tx, organization, account).await?;
        match entry.is_managed {
            true => switch_off(tx, account, &self.event).await?,
            false => {
                tx.suspend_member(organization.id, account.id, self.event.at).await?;
                // Who does not act for the organization has no registry for it.
                tx.hand_over_registries(account.id, Some(organization.id), self.event.at).await?;
            }
        }
        self.record(tx, EventAction::MemberDeactivated, &account.name).await
    }

    async fn activate(
        &self,
        tx: &mut dyn OrganizationsTx,
        entry: &DirectoryUser,
        account: &Account,
    ) -> Result<()> {
        if entry.is_suspended {
            tx.restore_member(self.provisioner.organization.id, account.id, self.event.at).await?;
        }
        if entry.is_managed && entry.is_deactivated {
            self.switch_on(tx, account).await?;
        }
        check_works(tx, account).await?;
        self.record(tx, EventAction::MemberReactivated, &account.name).await
    }

    async fn switch_on(&self, tx: &mut dyn OrganizationsTx, account: &Account) -> Result<()> {
        tx.set_deprovisioned(account.id, false).await?;
        tx.touch_directory_users(account.id, self.event.at).await?;
        record_own(tx, EventAction::UserEnabled, account, &self.event).await
    }

    /// Does to a user what was asked for; gives what was changed.
    async fn apply(
        &self,
        tx: &mut dyn OrganizationsTx,
        entry: &DirectoryUser,
        account: &Account,
    ) -> Result<Vec<Field>> {
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
        // The account itself is changed by the organization that made it, unless the operator trusts it with the registry.
        let changes_account = entry.is_managed && !account.is_administrator;
        if let Some(user_name) = change.user_name.as_ref().filter(|name| **name != entry.user_name) {
            let was_address =
                account.profile.email.as_ref().is_some_and(|email| email.as_str() == entry.user_name);
            match user_name.parse::<EmailAddress>() {
                Ok(email) if changes_account => profile.email = Some(Some(email)),
                // An address that is not used any more is free for others.
                Err(_) if changes_account && was_address => profile.email = Some(None),
                _ => {}
            }
            wanted.user_name.clone_from(user_name);
            changed.push(Field::UserName);
        }
        if let Some(id) = change.external_id.as_ref().filter(|id| **id != entry.external_id) {
            wanted.external_id.clone_from(id);
            changed.push(Field::ExternalId);
        }
        let (given, family) = entry.names();
        let given_name = change.given_name.as_deref().unwrap_or(given);
        let family_name = change.family_name.as_deref().unwrap_or(family);
        if (given_name, family_name) != (given, family) {
            (wanted.given_name, wanted.family_name) = (given_name.to_owned(), family_name.to_owned());
            if changes_account {
                profile.full_name = Some(full_name(given_name, family_name));
            }
            changed.push(Field::FullName);
        }
        let emails = change.emails.as_ref().filter(|emails| **emails != entry.emails);
        if let Some(emails) = emails {
            tx.put_directory_emails(organization, account.id, emails).await?;
            changed.push(Field::DirectoryEmails);
        }
        if profile != ProfileChange::default() {
            profile.check()?;
            tx.change_profile(account.id, &profile).await?;
            let mut event = self.own_event(EventAction::ProfileChanged, account);
            if let Some(Some(email)) = &profile.email {
                event.data.insert("email", email.to_string());
            }
            tx.record_event(&event).await?;
        }
        if !changed.is_empty() {
            tx.change_directory_entry(organization, account.id, &wanted, self.event.at).await?;
        }
        if let Some(hash) = &self.password_hash {
            self.check_sets_password(tx, entry, account).await?;
            tx.set_password_hash(account.id, hash).await?;
            tx.delete_refresh_tokens(account.id).await?;
            record_own(tx, EventAction::UserPasswordChanged, account, &self.event).await?;
            changed.push(Field::Password);
        }
        Ok(changed)
    }

    fn own_event(&self, action: EventAction, account: &Account) -> NewEvent {
        NewEvent {
            action,
            account_id: Some(account.id),
            subject: account.name.to_string(),
            ..self.event.clone()
        }
    }

    async fn change(&self, tx: &mut dyn OrganizationsTx, uuid: Uuid) -> Result<DirectoryUser> {
        tx.lock_authority().await?;
        let (entry, account) = self.find(tx, uuid).await?;
        let is_renamed = self.change.user_name.as_ref().is_some_and(|name| *name != entry.user_name);
        if is_renamed || self.change.emails.as_ref().is_some_and(|emails| *emails != entry.emails) {
            // Whoever is a member needs none, and nobody finds them by an address that is not the user's any more.
            delete_invites(tx, &self.provisioner.organization, &account).await?;
        }
        let changed = self.apply(tx, &entry, &account).await?;
        if !changed.is_empty() {
            let mut event = NewEvent {
                action: EventAction::DirectoryUserUpdated,
                subject: account.name.to_string(),
                ..self.event.clone()
            };
            event
                .data
                .insert("changed", changed.iter().map(|field| field.name()).collect::<Vec<_>>().join(", "));
            if let Some(user_name) =
                self.change.user_name.as_ref().filter(|_| changed.contains(&Field::UserName))
            {
                event.data.insert("before", entry.user_name.clone());
                event.data.insert("user_name", user_name.clone());
            }
            tx.record_event(&event).await?;
        }
        match self.change.is_active {
            Some(true) if !entry.is_active => self.activate(tx, &entry, &account).await?,
            // Also of whom somebody else has switched off: who switches the user on again must not undo this.
            Some(false) if !entry.is_deactivated => self.deactivate(tx, &entry, &account).await?,
            _ => {}
        }
        reload(tx, &self.provisioner, &account).await
    }

    async fn delete(&self, tx: &mut dyn OrganizationsTx, uuid: Uuid) -> Result<()> {
        tx.lock_authority().await?;
        let (_, account) = self.find(tx, uuid).await?;
        let event = NewEvent { action: EventAction::MemberRemoved, ..self.event.clone() };
        change_role(tx, &Actor::OPERATOR, &self.provisioner.organization, &account, None, event).await
    }

    /// Returns the account of a new user: the one that has its e-mail address, or a new one.
    async fn take_account(
        &self,
        tx: &mut dyn OrganizationsTx,
        user_name: &str,
        new_user: &NewUser,
    ) -> Result<Account> {
        let organization = self.provisioner.organization.id;
        let primary = self.change.emails.iter().flatten().find(|email| email.is_primary);
        let addresses = [Some(user_name), primary.map(|email| email.address.as_str())];
        let email = addresses.into_iter().flatten().find_map(|text| text.parse::<EmailAddress>().ok());
        if let Some(email) = &email
            && let Some(account) = tx.find_account_by_email(email).await?
        {
            let exists = || Err(Error::Exists(Existing::DirectoryUserWithEmail(email.clone())));
            if account.kind != AccountKind::User
                || tx.find_directory_user(organization, account.id).await?.is_some()
            {
                return exists();
            }
            let is_managed = tx.find_managing_organization(account.id).await? == Some(organization);
            if self.change.is_active != Some(false) {
                if is_managed && tx.is_deprovisioned(account.id).await? {
                    self.switch_on(tx, &account).await?;
                }
                check_works(tx, &account).await?;
            }
            return Ok(account);
        }
        let mut free = None;
        for name in &new_user.names {
            if !tx.is_name_taken(name).await? {
                free = Some(name.clone());
                break;
            }
        }
        let name = free.ok_or_else(|| Conflict::NoNameLeft(user_name.to_string()))?;
        let account = NewAccount {
            uuid: new_user.uuid,
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
        record_own(tx, EventAction::UserCreated, &account, &self.event).await?;
        Ok(account)
    }

    async fn create(&self, tx: &mut dyn OrganizationsTx, new_user: &NewUser) -> Result<DirectoryUser> {
        tx.lock_authority().await?;
        let organization = self.provisioner.organization.id;
        let user_name = self.change.user_name.clone().unwrap_or_default();
        let probe = UserLookup::UserName(user_name.clone());
        if !tx.list_directory_users(&one(&self.provisioner, probe)).await?.is_empty() {
            return Err(Error::Exists(Existing::DirectoryUser(user_name)));
        }
        if tx.count_directory_users(organization).await? >= DIRECTORY_USERS_LIMIT {
            return Err(Error::LimitReached { what: Limited::DirectoryUsers, limit: DIRECTORY_USERS_LIMIT });
        }
        let account = self.take_account(tx, &user_name, new_user).await?;
        tx.put_member(organization, account.id, OrganizationRole::Member, self.event.at).await?;
        let subject = account.name.to_string();
        let mut added = NewEvent { action: EventAction::MemberAdded, subject, ..self.event.clone() };
        added.data.insert("role", OrganizationRole::Member.to_string());
        tx.record_event(&added).await?;
        let mut own = self.own_event(EventAction::MemberAdded, &account);
        own.data.insert("organization", self.provisioner.organization.name.to_string());
        tx.record_event(&own).await?;
        let team = ensure_company(tx, self, &new_user.company).await?;
        if tx.add_team_member(team.id, account.id, self.event.at).await? {
            let mut event = NewEvent {
                action: EventAction::TeamMemberAdded,
                subject: account.name.to_string(),
                ..self.event.clone()
            };
            event.data.insert("team", team.name.to_string());
            tx.record_event(&event).await?;
        }
        // As the identity provider has it, also where the account says the same.
        let named = DirectoryEntry {
            user_name,
            external_id: None,
            given_name: String::new(),
            family_name: String::new(),
        };
        tx.change_directory_entry(organization, account.id, &named, self.event.at).await?;
        let entry = reload(tx, &self.provisioner, &account).await?;
        let mut work = self.clone();
        work.change.user_name = None;
        if !entry.is_managed {
            // The password of an account that was there stays as it is.
            work.password_hash = None;
        }
        work.apply(tx, &entry, &account).await?;
        let entry = reload(tx, &self.provisioner, &account).await?;
        if self.change.is_active == Some(false) && !entry.is_deactivated {
            work.deactivate(tx, &entry, &account).await?;
        }
        reload(tx, &self.provisioner, &account).await
    }
}

/// Checks that nobody but the organization keeps an account switched off.
async fn check_works(tx: &mut dyn OrganizationsTx, account: &Account) -> Result<()> {
    let now = tx.find_account(account.id).await?;
    match now.is_some_and(|now| now.is_active) {
        true => Ok(()),
        false => Err(Conflict::SwitchedOff(account.name.clone()).into()),
    }
}

fn full_name(given: &str, family: &str) -> String {
    let name = format!("{given} {family}");
    name.trim().chars().take(longshore_domain::account::PROFILE_LIMIT_CHARACTERS).collect()
}

/// A list of the users that a probe for one value finds.
fn one(provisioner: &Provisioner, probe: UserLookup) -> WantedUsers {
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
    tx: &mut dyn OrganizationsTx,
    provisioner: &Provisioner,
    uuid: Uuid,
) -> Result<DirectoryUser> {
    let found = tx.list_directory_users(&one(provisioner, UserLookup::Id(uuid))).await?;
    found.into_iter().next().ok_or_else(|| unknown(uuid))
}

async fn reload(
    tx: &mut dyn OrganizationsTx,
    provisioner: &Provisioner,
    account: &Account,
) -> Result<DirectoryUser> {
    let found = tx.find_directory_user(provisioner.organization.id, account.id).await?;
    found.ok_or_else(|| Error::internal("a member without an entry in the directory"))
}

async fn ensure_company(
    tx: &mut dyn OrganizationsTx,
    work: &DirectoryWork,
    company: &NewTeam,
) -> Result<Team> {
    let organization = work.provisioner.organization.id;
    if let Some(team) = tx.find_team(organization, &company.name).await? {
        return Ok(team);
    }
    tx.create_team(organization, company).await?;
    let subject = company.name.to_string();
    tx.record_event(&NewEvent { action: EventAction::TeamCreated, subject, ..work.event.clone() }).await?;
    let made = tx.find_team(organization, &company.name).await?;
    made.ok_or_else(|| Error::internal("the new team is not there"))
}

impl Organizations {
    /// Makes an event of now, with an identity provider as who did it.
    pub(crate) fn provisioning_event(&self, provisioner: &Provisioner, action: EventAction) -> NewEvent {
        let RequestOrigin { address, program } = RequestOrigin::current();
        NewEvent {
            account_id: Some(provisioner.organization.id),
            actor_id: None,
            actor_name: provisioner.display_name(),
            credential: Credential::NONE,
            action,
            subject: String::new(),
            data: [("scim_token", provisioner.token.uuid.to_string())].into(),
            at: self.clock.now(),
            address,
            program,
        }
    }

    async fn work(
        &self,
        provisioner: &Provisioner,
        change: DirectoryChange,
        expected: Option<String>,
    ) -> Result<DirectoryWork> {
        change.check()?;
        let password_hash = match &change.password {
            None => None,
            Some(password) => {
                check_new_password(password)?;
                Some(self.identity.hash_password(password).await?)
            }
        };
        let event = self.provisioning_event(provisioner, EventAction::DirectoryUserUpdated);
        Ok(DirectoryWork { provisioner: provisioner.clone(), event, change, password_hash, expected })
    }

    /// Returns a user of a directory.
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
    /// `Invalid`; `Exists` when the directory has the user; `LimitReached`; `Conflict` when the operator has switched the account
    /// off.
    pub async fn create_directory_user(
        &self,
        provisioner: &Provisioner,
        change: DirectoryChange,
    ) -> Result<DirectoryUser> {
        let user_name = change.user_name.clone().ok_or_else(|| Error::Invalid {
            field: Field::UserName,
            reason: "must be given; it is the e-mail address of the user".into(),
        })?;
        let mut chance = [0; 4];
        self.entropy.fill(&mut chance);
        let company = NewTeam {
            uuid: self.platform.new_uuid(),
            name: COMPANY_TEAM.parse::<TeamName>()?,
            description: String::new(),
            created_at: self.clock.now(),
        };
        let new_user = NewUser {
            uuid: self.platform.new_uuid(),
            names: account_names(&user_name, u32::from_ne_bytes(chance)),
            company,
        };
        // Before the password is hashed, which takes its time.
        let known = one(provisioner, UserLookup::UserName(user_name.clone()));
        let known =
            self.metadata.look_up(known, |tx, known| Box::pin(tx.list_directory_users(known))).await?;
        if !known.is_empty() {
            return Err(Error::Exists(Existing::DirectoryUser(user_name)));
        }
        let work = self.work(provisioner, change, None).await?;
        self.metadata
            .write((work, new_user), |tx, (work, new_user)| Box::pin(work.create(tx, new_user)))
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
        mut change: DirectoryChange,
        expected: Option<String>,
    ) -> Result<DirectoryUser> {
        if change.is_active == Some(false) {
            // A password that is refused must not keep somebody active who has left; nobody signs in with it now.
            change.password = None;
        }
        let work = self.work(provisioner, change, expected).await?;
        self.metadata.write((work, uuid), |tx, (work, uuid)| Box::pin(work.change(tx, *uuid))).await
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
        let work = self.work(provisioner, DirectoryChange::default(), expected).await?;
        self.metadata.write((work, uuid), |tx, (work, uuid)| Box::pin(work.delete(tx, *uuid))).await
    }
}
