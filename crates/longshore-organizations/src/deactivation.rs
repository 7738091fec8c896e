//! Deactivation of users by the organization that manages them.

use longshore_domain::Result;
use longshore_domain::account::Account;
use longshore_domain::conflict::Conflict;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::ports::metadata::OrganizationsTx;
use longshore_identity::accounts::check_not_last_administrator;

/// Writes an event into the log of a user.
pub(crate) async fn record_own(
    tx: &mut dyn OrganizationsTx,
    action: EventAction,
    account: &Account,
    event: &NewEvent,
) -> Result<()> {
    let account_id = Some(account.id);
    let event = NewEvent { action, account_id, subject: account.name.to_string(), ..event.clone() };
    tx.record_event(&event).await
}

/// Switches off an account for the organization that manages it: whatever it signed in with ends, and sessions do not come back
/// with it. `event` tells who does it.
pub(crate) async fn switch_off(
    tx: &mut dyn OrganizationsTx,
    account: &Account,
    event: &NewEvent,
) -> Result<()> {
    if tx.is_deprovisioned(account.id).await? {
        return Ok(());
    }
    check_not_last_administrator(tx, account).await?;
    tx.set_deprovisioned(account.id, true).await?;
    tx.advance_credential_epoch(account.id).await?;
    tx.delete_refresh_tokens(account.id).await?;
    tx.touch_directory_users(account.id, event.at).await?;
    record_own(tx, EventAction::UserDisabled, account, event).await
}

/// Checks that somebody is not deactivated by the identity provider of an organization, so that nothing is given past that.
pub(crate) async fn check_not_deactivated(
    tx: &mut dyn OrganizationsTx,
    namespace: &Account,
    user: &Account,
) -> Result<()> {
    let is_switched_off = tx.find_managing_organization(user.id).await? == Some(namespace.id)
        && tx.is_deprovisioned(user.id).await?;
    match is_switched_off || tx.find_suspended_role(namespace.id, user.id).await?.is_some() {
        false => Ok(()),
        true => {
            Err(Conflict::Deactivated { user: user.name.clone(), organization: namespace.name.clone() }
                .into())
        }
    }
}
