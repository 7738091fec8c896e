//! Audit logs. Docker Hub API, "Audit Logs": `AuditLogs_ListAuditLogs`, `AuditLogs_ListAuditActions`.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::event::{Event, EventFilter};
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::wire;

/// Entries of a page when the client does not say.
const DEFAULT_PAGE_SIZE: u64 = 25;
/// Hexadecimal digits of a digest in a description.
const SHORT_DIGEST: usize = 13;

/// Groups of actions with their labels.
const GROUPS: &[(&str, &str)] = &[
    ("access_token", "Access token"),
    ("billing", "Billing"),
    ("org", "Organization"),
    ("registry", "Registry"),
    ("repo", "Repository"),
    ("signing_key", "Signing key"),
    ("user", "User"),
];

/// Actions: full name, label, and what its events are about.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("access_token.create", "Access Token Created", "access token create"),
    ("access_token.delete", "Access Token Deleted", "access token delete"),
    ("access_token.disable", "Access Token Disabled", "access token disable"),
    ("access_token.enable", "Access Token Enabled", "access token enable"),
    ("access_token.update", "Access Token Updated", "access token update"),
    ("billing.plan.change", "Plan Changed", "plan change"),
    ("org.access_token.create", "Organization Access Token Created", "organization access token create"),
    ("org.access_token.delete", "Organization Access Token Deleted", "organization access token delete"),
    ("org.access_token.update", "Organization Access Token Updated", "organization access token update"),
    ("org.create", "Organization Created", "organization create"),
    ("org.delete", "Organization Deleted", "organization delete"),
    ("org.disable", "Organization Disabled", "organization disable"),
    ("org.enable", "Organization Enabled", "organization enable"),
    ("org.directory.user.update", "Provisioned User Updated", "provisioned user update"),
    ("org.member.add", "Organization Member Added", "org member add"),
    ("org.member.deactivate", "Organization Member Deactivated", "org member deactivate"),
    ("org.member.invite.cancel", "Invite Cancelled", "org member invite cancel"),
    ("org.member.invite.fail", "Invite Not Delivered", "org member invite fail"),
    ("org.member.invite.send", "Organization Member Invited", "org member invite"),
    ("org.member.reactivate", "Organization Member Reactivated", "org member reactivate"),
    ("org.member.remove", "Organization Member Removed", "org member remove"),
    ("org.member.role.change", "Organization Member Role Changed", "org member role change"),
    ("org.scim_token.create", "SCIM Token Created", "SCIM token create"),
    ("org.scim_token.revoke", "SCIM Token Revoked", "SCIM token revoke"),
    ("org.scim_token.rotate", "SCIM Token Renewed", "SCIM token renewal"),
    ("org.settings.update", "Organization Settings Updated", "organization settings update"),
    ("org.team.create", "Team Created", "team create"),
    ("org.team.delete", "Team Deleted", "team delete"),
    ("org.team.member.add", "Team Member Added", "team member add"),
    ("org.team.member.remove", "Team Member Removed", "team member remove"),
    ("org.team.update", "Team Updated", "team update"),
    ("registry.create", "Registry Created", "registry create"),
    ("registry.delete", "Registry Deleted", "registry delete"),
    ("registry.gc.cancel", "Garbage Collection Cancelled", "garbage collection cancel"),
    ("registry.gc.start", "Garbage Collection Started", "garbage collection start"),
    ("registry.subscription.change", "Subscription Changed", "subscription change"),
    ("repo.blob.delete", "Blob Deleted", "blob delete"),
    ("repo.blob.mount", "Blob Mounted", "blob mount"),
    ("repo.blob.push", "Blob Pushed", "blob push"),
    ("repo.change_privacy", "Privacy Changed", "repository privacy change"),
    ("repo.create", "Repository Created", "repository create"),
    ("repo.delete", "Repository Deleted", "repository delete"),
    ("repo.deletion.undo", "Deletion Undone", "deletion undo"),
    ("repo.deletion.end", "Deletion Ended", "deletion end"),
    ("repo.immutable.tags.updated", "Immutable Tags Updated", "immutable tag settings update"),
    ("repo.manifest.collect", "Image Collected", "image removal by policy"),
    ("repo.manifest.delete", "Image Deleted", "image delete"),
    ("repo.manifest.push", "Image Pushed", "image push"),
    ("repo.tag.delete", "Tag Deleted", "image tag delete"),
    ("repo.permission.grant", "Permission Granted", "permission grant"),
    ("repo.permission.revoke", "Permission Revoked", "permission removal"),
    ("repo.retention.create", "Retention Policy Created", "retention policy create"),
    ("repo.retention.delete", "Retention Policy Deleted", "retention policy delete"),
    ("repo.retention.update", "Retention Policy Updated", "retention policy update"),
    ("repo.share", "Repository Shared", "repository share"),
    ("repo.share.change", "Repository Share Changed", "repository share change"),
    ("repo.tag.push", "Tag Pushed", "image tag push"),
    ("repo.team.change_permission", "Team Permission Changed", "team permission change"),
    ("repo.unshare", "Repository Unshared", "repository share end"),
    ("repo.update", "Repository Updated", "repository update"),
    ("signing_key.rotate", "Signing Key Rotated", "signing key rotation"),
    ("user.change_password", "Password Changed", "password change"),
    ("user.end_session", "Session Ended", "sign out"),
    ("user.change_profile", "Profile Changed", "profile change"),
    ("user.change_verified_publisher", "Verified Publisher Changed", "verified publisher change"),
    ("user.create", "User Created", "user create"),
    ("user.delete", "User Deleted", "user delete"),
    ("user.disable", "User Disabled", "user disable"),
    ("user.disable_second_factor", "Second Factor Disabled", "second factor disable"),
    ("user.enable", "User Enabled", "user enable"),
    ("user.enable_second_factor", "Second Factor Enabled", "second factor enable"),
    ("user.make_administrator", "Administrator Added", "administrator add"),
    ("user.renew_recovery_codes", "Recovery Codes Renewed", "recovery code renewal"),
    ("user.refuse_credential", "Credential Refused", "refused credential"),
    ("user.revoke_administrator", "Administrator Removed", "administrator remove"),
    ("user.sign_in", "Signed In", "sign in"),
    ("user.sign_in.fail", "Sign-In Failed", "failed sign in"),
    ("user.use_recovery_code", "Recovery Code Used", "recovery code use"),
];

/// Older names that the first document has.
const FORMER_NAMES: &[(&str, &str)] =
    &[("org.member.removed", "org.member.remove"), ("org.team.member.invite", "org.member.invite.send")];

/// `GetAuditLogsResponse`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LogsDocument {
    /// The newest first; an empty page is behind the last one.
    logs: Vec<LogDocument>,
}

/// `AuditLog`.
#[derive(Serialize, JsonSchema)]
struct LogDocument {
    account: String,
    action: String,
    name: String,
    actor: String,
    data: BTreeMap<String, String>,
    timestamp: String,
    action_description: String,
}

/// `GetAuditActionsResponse`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ActionsDocument {
    actions: BTreeMap<&'static str, GroupDocument>,
}

#[derive(Serialize, JsonSchema)]
struct GroupDocument {
    actions: Vec<ActionDocument>,
    label: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct ActionDocument {
    name: &'static str,
    description: String,
    label: &'static str,
}

fn groups() -> BTreeMap<&'static str, GroupDocument> {
    let in_group = |(group, label): &(&'static str, &'static str)| {
        let of_it = ACTIONS.iter().filter_map(|(full, label, about)| {
            let name = full.strip_prefix(group)?.strip_prefix('.')?;
            Some(ActionDocument { name, description: format!("contains {about} events"), label })
        });
        (*group, GroupDocument { actions: of_it.collect(), label })
    };
    GROUPS.iter().map(in_group).collect()
}

fn time(context: &Context, name: &'static str) -> Result<Option<Timestamp>> {
    let wrong = |_| Error::Invalid {
        field: Field::Parameter(name),
        reason: "must be a time such as 2026-01-31T12:00:00Z".into(),
    };
    context.query(name).map(|text| text.parse().map_err(wrong)).transpose()
}

fn action(context: &Context) -> Result<Option<String>> {
    let Some(wanted) = context.query("action") else { return Ok(None) };
    let current = FORMER_NAMES.iter().find(|(former, _)| *former == wanted).map(|(_, current)| *current);
    let current = current.unwrap_or(&wanted);
    match ACTIONS.iter().any(|(known, ..)| *known == current) {
        true => Ok(Some(current.to_owned())),
        false => Err(Error::Invalid {
            field: Field::Parameter("action"),
            reason: "there is no such action; see the list of actions".into(),
        }),
    }
}

/// Says in a sentence what happened.
fn describe(event: &Event) -> String {
    let of = |key: &str| event.data.get(key).map(String::as_str).unwrap_or_default();
    let short: String = match of("digest").split_once(':') {
        Some((algorithm, hex)) => {
            format!("{algorithm}:{}", hex.chars().take(SHORT_DIGEST).collect::<String>())
        }
        None => String::new(),
    };
    let name = &event.subject;
    match event.action.as_str() {
        "repo.tag.push" => {
            format!("pushed the tag {} with the digest {short} to the repository {name}", of("tag"))
        }
        "repo.tag.delete" => {
            format!("deleted the tag {} with the digest {short} from the repository {name}", of("tag"))
        }
        "repo.manifest.push" => format!("pushed the image {short} to the repository {name}"),
        "repo.manifest.delete" => format!("deleted the image {short} from the repository {name}"),
        "repo.create" => format!("created the {} repository {name}", of("visibility")),
        "repo.delete" => format!("deleted the repository {name}"),
        "repo.deletion.undo" => format!("undid a deletion in the repository {name}"),
        "repo.deletion.end" => format!("ended the time to undo a deletion in the repository {name}"),
        "repo.change_privacy" => format!("made the repository {name} {}", of("visibility")),
        "org.create" => format!("created the organization {name}"),
        "org.member.add" => format!("added {name} to the organization as {}", of("role")),
        "org.member.role.change" => format!("made {name} {} of the organization", of("role")),
        "org.member.remove" => format!("removed {name} from the organization"),
        action => {
            let known = ACTIONS.iter().find(|(known, ..)| *known == action);
            format!("{}: {name}", known.map_or(action, |(_, label, _)| label))
        }
    }
}

/// `GET /v2/auditlogs/{account}`.
pub(crate) async fn audit_logs_list_audit_logs(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    context.app.access.get_own_account(&actor).await?;
    let account = context.parsed("account")?;
    let wanted = context.page_of(DEFAULT_PAGE_SIZE)?;
    let subject = context.query("name").map(|name| {
        // `docker/example` in the log of `docker` is `example`.
        let prefix = format!("{account}/");
        name.strip_prefix(&prefix).unwrap_or(&name).to_owned()
    });
    let filter = EventFilter {
        action: action(context)?,
        subject,
        actor: context.query("actor").map(|actor| actor.into_owned()),
        from: time(context, "from")?,
        until: time(context, "to")?,
    };
    let events = context
        .app
        .identity
        .list_account_events(&actor, &account, filter, wanted.offset(), wanted.size)
        .await?;
    // Addresses and programs stay with the operator: Docker's document has no place for them, and an owner need not know
    // where the members of an organization are.
    let document = |event: Event| {
        let mut data = event.data.clone();
        if event.times > 1 {
            data.insert("times".into(), event.times.to_string());
        }
        LogDocument {
            account: account.to_string(),
            action_description: describe(&event),
            action: event.action,
            name: event.subject,
            actor: event.actor_name,
            data,
            timestamp: wire::time(event.at),
        }
    };
    Ok(wire::json(StatusCode::OK, &LogsDocument { logs: events.into_iter().map(document).collect() }))
}

/// `GET /v2/auditlogs/{account}/actions`.
pub(crate) async fn audit_logs_list_audit_actions(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    context.app.access.authorize_audit(&actor, &context.parsed("account")?).await?;
    Ok(wire::json(StatusCode::OK, &ActionsDocument { actions: groups() }))
}

#[cfg(test)]
mod tests {
    use longshore_domain::event::EventAction;

    use super::*;

    #[test]
    fn every_action_is_listed_in_a_group() {
        for action in EventAction::ALL {
            assert!(ACTIONS.iter().any(|(known, ..)| *known == action.as_str()), "{}", action.as_str());
        }
        let listed: usize = groups().values().map(|group| group.actions.len()).sum();
        assert_eq!(listed, ACTIONS.len());
        assert_eq!(ACTIONS.len(), EventAction::ALL.len());
    }
}
