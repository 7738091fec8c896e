//! What operators ask for, and owners of accounts: users, organizations, tokens, the registry itself.

use crate::client::{Call, Client};
use crate::error::Result;
use crate::list::List;
use crate::operations as op;
use crate::types::{
    AccountInfo, ChangeAccount, ChangeToken, CreateGcRun, CreateJob, CreateOrganization, CreateRegistryGcRun,
    CreateScimToken, CreateToken, CreateUser, CreatedScimToken, CreatedToken, CreatedUser, EventInfo,
    GcForecast, GcRunInfo, GcStatus, Health, JobInfo, MemberInfo, Page, PasswordSet, ProvisionedUser,
    ProvisioningInfo, RegistryGcRun, ScimTokenInfo, SetMember, SetPassword, SigningKey, SigningKeyInfo,
    TokenInfo, WorkInfo,
};

/// Which events, in which order.
#[derive(Clone, Debug, Default)]
pub struct ListEvents {
    /// Only those of this user or organization; needed but for the operator.
    pub account: Option<String>,
    /// Only what an account of this name did.
    pub actor: Option<String>,
    /// Only this action, such as `repo.tag.delete`.
    pub action: Option<String>,
    /// Only what was done to something of this name, with or without its namespace.
    pub subject: Option<String>,
    /// Only what came from this IP address.
    pub address: Option<String>,
    /// Only what happened at this time (RFC 3339) or later.
    pub since: Option<String>,
    /// Only what happened at this time or earlier.
    pub until: Option<String>,
    /// In the order of recording, those with a higher number than this; the newest first, if it is left out.
    pub after_id: Option<i64>,
}

/// Which members of an organization.
#[derive(Clone, Debug, Default)]
pub struct ListMembers {
    /// Only those whose name begins so.
    pub prefix: Option<String>,
    /// `owner`, `editor` or `member`.
    pub role: Option<String>,
}

/// As all calls, these fail for what the registry refuses, or when it is not reached.
impl Client {
    /// Lists users by name.
    pub fn list_users(&self) -> List<'_, AccountInfo> {
        List::new(self, Call::of(op::LIST_USERS, &[]))
    }

    /// Creates a user.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_user(&self, new: &CreateUser) -> Result<CreatedUser> {
        self.read(&Call::of(op::CREATE_USER, &[]).sending(new)?)
    }

    /// Gives a user.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_user(&self, name: &str) -> Result<AccountInfo> {
        self.read(&Call::of(op::GET_USER, &[name]))
    }

    /// Changes a user, all of it or nothing.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn change_user(&self, name: &str, change: &ChangeAccount) -> Result<AccountInfo> {
        self.read(&Call::of(op::CHANGE_USER, &[name]).sending(change)?)
    }

    /// Deletes a user without repositories; the name stays taken.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_user(&self, name: &str) -> Result<()> {
        self.run(&Call::of(op::DELETE_USER, &[name])).map(|_| ())
    }

    /// Sets a password; whatever was signed in with the one before must sign in again.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn set_user_password(&self, name: &str, password: &SetPassword) -> Result<PasswordSet> {
        self.read(&Call::of(op::SET_USER_PASSWORD, &[name]).sending(password)?)
    }

    /// Removes the second factor of a user who has lost it.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_user_second_factor(&self, name: &str) -> Result<()> {
        self.run(&Call::of(op::DELETE_USER_SECOND_FACTOR, &[name])).map(|_| ())
    }

    /// Lists organizations by name.
    pub fn list_organizations(&self) -> List<'_, AccountInfo> {
        List::new(self, Call::of(op::LIST_ORGANIZATIONS, &[]))
    }

    /// Creates an organization.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_organization(&self, new: &CreateOrganization) -> Result<AccountInfo> {
        self.read(&Call::of(op::CREATE_ORGANIZATION, &[]).sending(new)?)
    }

    /// Gives an organization.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_organization(&self, name: &str) -> Result<AccountInfo> {
        self.read(&Call::of(op::GET_ORGANIZATION, &[name]))
    }

    /// Changes an organization, all of it or nothing.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn change_organization(&self, name: &str, change: &ChangeAccount) -> Result<AccountInfo> {
        self.read(&Call::of(op::CHANGE_ORGANIZATION, &[name]).sending(change)?)
    }

    /// Deletes an organization without repositories; the name stays taken.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_organization(&self, name: &str) -> Result<()> {
        self.run(&Call::of(op::DELETE_ORGANIZATION, &[name])).map(|_| ())
    }

    /// Lists the members of an organization by name.
    pub fn list_members(&self, organization: &str, wanted: &ListMembers) -> List<'_, MemberInfo> {
        let call = Call::of(op::LIST_MEMBERS, &[organization])
            .with("prefix", wanted.prefix.as_deref())
            .with("role", wanted.role.as_deref());
        List::new(self, call)
    }

    /// Adds a member, or gives one another role.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn set_member(&self, organization: &str, user: &str, role: &SetMember) -> Result<()> {
        self.run(&Call::of(op::SET_MEMBER, &[organization, user]).sending(role)?).map(|_| ())
    }

    /// Removes a member, also from all teams.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_member(&self, organization: &str, user: &str) -> Result<()> {
        self.run(&Call::of(op::DELETE_MEMBER, &[organization, user])).map(|_| ())
    }

    /// Lists the tokens of an organization's identity provider; there are few.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn list_scim_tokens(&self, organization: &str) -> Result<Vec<ScimTokenInfo>> {
        let page: Page<ScimTokenInfo> = self.read(&Call::of(op::LIST_SCIM_TOKENS, &[organization]))?;
        Ok(page.items)
    }

    /// Creates a token that an identity provider manages an organization's users with.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_scim_token(&self, organization: &str, new: &CreateScimToken) -> Result<CreatedScimToken> {
        self.read(&Call::of(op::CREATE_SCIM_TOKEN, &[organization]).sending(new)?)
    }

    /// Gives a token of an identity provider another secret; the one before stops working at once.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn rotate_scim_token(&self, organization: &str, id: &str) -> Result<CreatedScimToken> {
        self.read(&Call::of(op::ROTATE_SCIM_TOKEN, &[organization, id]))
    }

    /// Revokes a token of an identity provider; it stops working at once.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_scim_token(&self, organization: &str, id: &str) -> Result<()> {
        self.run(&Call::of(op::DELETE_SCIM_TOKEN, &[organization, id])).map(|_| ())
    }

    /// Lists the access tokens of a user or an organization, the oldest first.
    pub fn list_tokens(&self, account: &str) -> List<'_, TokenInfo> {
        List::new(self, Call::of(op::LIST_TOKENS, &[account]))
    }

    /// Creates an access token, or a pair of keys.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_token(&self, account: &str, new: &CreateToken) -> Result<CreatedToken> {
        self.read(&Call::of(op::CREATE_TOKEN, &[account]).sending(new)?)
    }

    /// Gives an access token, without its secret.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_token(&self, account: &str, id: &str) -> Result<TokenInfo> {
        self.read(&Call::of(op::GET_TOKEN, &[account, id]))
    }

    /// Changes what an access token is called, or switches it off or on, at once.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn change_token(&self, account: &str, id: &str, change: &ChangeToken) -> Result<TokenInfo> {
        self.read(&Call::of(op::CHANGE_TOKEN, &[account, id]).sending(change)?)
    }

    /// Deletes an access token for good.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_token(&self, account: &str, id: &str) -> Result<()> {
        self.run(&Call::of(op::DELETE_TOKEN, &[account, id])).map(|_| ())
    }

    /// Lets a new key sign tokens.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn rotate_key(&self) -> Result<SigningKey> {
        self.read(&Call::of(op::ROTATE_KEY, &[]))
    }

    /// Lists the keys that sign tokens, or have signed some that still count, the newest first; there are few.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn list_keys(&self) -> Result<Vec<SigningKeyInfo>> {
        let page: Page<SigningKeyInfo> = self.read(&Call::of(op::LIST_KEYS, &[]))?;
        Ok(page.items)
    }

    /// Tells what garbage collection has to do, and has done.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_gc(&self) -> Result<GcStatus> {
        self.read(&Call::of(op::GET_GC, &[]))
    }

    /// Collects now what is due, or counts what a run would begin with.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_gc_run(&self, wanted: &CreateGcRun) -> Result<GcRunInfo> {
        self.read(&Call::of(op::CREATE_GC_RUN, &[]).sending(wanted)?)
    }

    /// Tells what a garbage collection of a registry would do now.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn preview_registry_gc(&self, namespace: &str, wanted: &CreateRegistryGcRun) -> Result<GcForecast> {
        self.read(&Call::of(op::PREVIEW_REGISTRY_GC, &[namespace]).sending(wanted)?)
    }

    /// Lists the garbage collections of a registry, the newest first.
    pub fn list_registry_gc_runs(&self, namespace: &str) -> List<'_, RegistryGcRun> {
        List::new(self, Call::of(op::LIST_REGISTRY_GC_RUNS, &[namespace]))
    }

    /// Starts to collect the garbage of a registry.
    ///
    /// # Errors
    /// As [`Client::about`]; `conflict` while it is being collected.
    pub fn create_registry_gc_run(
        &self,
        namespace: &str,
        wanted: &CreateRegistryGcRun,
    ) -> Result<RegistryGcRun> {
        self.read(&Call::of(op::CREATE_REGISTRY_GC_RUN, &[namespace]).sending(wanted)?)
    }

    /// Gives a garbage collection of a registry.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_registry_gc_run(&self, namespace: &str, id: &str) -> Result<RegistryGcRun> {
        self.read(&Call::of(op::GET_REGISTRY_GC_RUN, &[namespace, id]))
    }

    /// Lets a garbage collection of a registry end as soon as it can.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn cancel_registry_gc_run(&self, namespace: &str, id: &str) -> Result<RegistryGcRun> {
        self.read(&Call::of(op::CANCEL_REGISTRY_GC_RUN, &[namespace, id]))
    }

    /// Tells what an organization's identity provider does.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_provisioning(&self, organization: &str) -> Result<ProvisioningInfo> {
        self.read(&Call::of(op::GET_PROVISIONING, &[organization]))
    }

    /// Lists the users in an organization's directory, as they came.
    pub fn list_provisioned_users(&self, organization: &str) -> List<'_, ProvisionedUser> {
        List::new(self, Call::of(op::LIST_PROVISIONED_USERS, &[organization]))
    }

    /// Lists work that waits, is being done or was given up; of each the oldest thousand.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn list_work(&self, only_dead: bool) -> Result<Vec<WorkInfo>> {
        let state = only_dead.then_some("dead");
        let page: Page<WorkInfo> = self.read(&Call::of(op::LIST_WORK, &[]).with("state", state))?;
        Ok(page.items)
    }

    /// Gives a piece of work.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_work(&self, id: i64) -> Result<WorkInfo> {
        self.read(&Call::of(op::GET_WORK, &[&id.to_string()]))
    }

    /// Does work now that waits or was given up.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn retry_work(&self, id: i64) -> Result<()> {
        self.run(&Call::of(op::RETRY_WORK, &[&id.to_string()])).map(|_| ())
    }

    /// Removes work that waits or was given up; it is not done.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn delete_work(&self, id: i64) -> Result<()> {
        self.run(&Call::of(op::DELETE_WORK, &[&id.to_string()])).map(|_| ())
    }

    /// Lists jobs, the newest first.
    pub fn list_jobs(&self) -> List<'_, JobInfo> {
        List::new(self, Call::of(op::LIST_JOBS, &[]))
    }

    /// Starts a job.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn create_job(&self, wanted: &CreateJob) -> Result<JobInfo> {
        self.read(&Call::of(op::CREATE_JOB, &[]).sending(wanted)?)
    }

    /// Gives a job.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_job(&self, id: &str) -> Result<JobInfo> {
        self.read(&Call::of(op::GET_JOB, &[id]))
    }

    /// Lets a job end as soon as it can.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn cancel_job(&self, id: &str) -> Result<JobInfo> {
        self.read(&Call::of(op::CANCEL_JOB, &[id]))
    }

    /// Watches a job until it ends; `on_news` is told whenever something has changed. A stream that breaks is asked for again.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn follow_job(&self, id: &str, mut on_news: impl FnMut(&JobInfo)) -> Result<JobInfo> {
        loop {
            let mut last = None;
            let told = self.events(&Call::of(op::FOLLOW_JOB, &[id]), &mut |data| {
                if let Ok(job) = serde_json::from_str::<JobInfo>(data) {
                    on_news(&job);
                    last = Some(job);
                }
            });
            match last.filter(|job| job.state.is_final()) {
                Some(job) => return Ok(job),
                // Also whether it is still there.
                None => {
                    let job = self.get_job(id)?;
                    if job.state.is_final() {
                        return Ok(job);
                    }
                }
            }
            if told.is_err() {
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
        }
    }

    /// Tells whether the node can do what it must; its stores are tried.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub fn get_health(&self) -> Result<Health> {
        self.read(&Call::of(op::GET_HEALTH, &[]))
    }

    /// Lists the audit log.
    pub fn list_events(&self, wanted: &ListEvents) -> List<'_, EventInfo> {
        let after = wanted.after_id.map(|id| id.to_string());
        let call = Call::of(op::LIST_EVENTS, &[])
            .with("account", wanted.account.as_deref())
            .with("order", wanted.after_id.map(|_| "recorded"))
            .with("after_id", after.as_deref())
            .with("actor", wanted.actor.as_deref())
            .with("action", wanted.action.as_deref())
            .with("subject", wanted.subject.as_deref())
            .with("address", wanted.address.as_deref())
            .with("since", wanted.since.as_deref())
            .with("until", wanted.until.as_deref());
        List::new(self, call)
    }
}
