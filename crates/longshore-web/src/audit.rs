//! Who did what, when, to what.

use askama::Template;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::access::actor::Actor;
use longshore_domain::event::{Event, EventFilter};
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Field, Result};
use longshore_identity::audit::WantedEvents;

use crate::context::Context;
use crate::format::{Age, count};
use crate::list::{self, Choice, Pager, choices};
use crate::organizations;
use crate::page::{Frame, Place, show};
use crate::profile;

/// What was done, in words; what it was done to follows.
const SENTENCES: &[(&str, &str)] = &[
    ("access_token.create", "made the access token"),
    ("access_token.update", "changed the access token"),
    ("access_token.enable", "switched on the access token"),
    ("access_token.disable", "switched off the access token"),
    ("access_token.delete", "deleted the access token"),
    ("org.access_token.create", "made the organization's access token"),
    ("org.access_token.update", "changed the organization's access token"),
    ("org.access_token.delete", "deleted the organization's access token"),
    ("org.create", "made the organization"),
    ("org.member.add", "made a member of"),
    ("org.member.role.change", "changed the role of"),
    ("org.member.remove", "removed the member"),
    ("org.member.deactivate", "deactivated the member"),
    ("org.member.reactivate", "reactivated the member"),
    ("org.member.invite.send", "invited"),
    ("org.member.invite.cancel", "cancelled the invite of"),
    ("org.member.invite.fail", "could not reach with an invite"),
    ("org.scim_token.create", "made the provisioning token"),
    ("org.scim_token.rotate", "rotated the provisioning token"),
    ("org.scim_token.revoke", "revoked the provisioning token"),
    ("org.settings.update", "changed the settings of"),
    ("org.team.create", "made the team"),
    ("org.team.update", "changed the team"),
    ("org.team.delete", "deleted the team"),
    ("org.team.member.add", "added to a team"),
    ("org.team.member.remove", "took out of a team"),
    ("repo.create", "made the repository"),
    ("repo.update", "changed the repository"),
    ("repo.immutable.tags.updated", "changed which tags are immutable in"),
    ("repo.change_privacy", "changed who sees"),
    ("repo.delete", "deleted the repository"),
    ("repo.restore", "brought back the repository"),
    ("repo.permission.grant", "gave a permission in"),
    ("repo.permission.revoke", "took a permission in"),
    ("repo.team.change_permission", "changed what a team may do in"),
    ("repo.share", "shared"),
    ("repo.unshare", "ended the sharing of"),
    ("repo.tag.push", "pushed"),
    ("repo.tag.delete", "deleted a tag of"),
    ("repo.tag.move", "moved a tag of"),
    ("repo.image.delete", "deleted an image of"),
    ("user.sign_in", "signed in"),
    ("user.sign_in.fail", "failed to sign in as"),
    ("user.end_session", "ended sessions of"),
    ("user.change_password", "changed the password of"),
    ("user.change_profile", "changed the profile of"),
    ("user.enable_second_factor", "set up the second factor of"),
    ("user.disable_second_factor", "removed the second factor of"),
    ("user.renew_recovery_codes", "made new recovery codes of"),
    ("user.use_recovery_code", "used a recovery code of"),
    ("user.refuse_credential", "was refused with a credential of"),
    ("user.create", "made the user"),
    ("user.enable", "switched on"),
    ("user.disable", "switched off"),
    ("user.delete", "deleted the user"),
];

struct Row {
    number: String,
    at: Age,
    who: String,
    sentence: &'static str,
    action: String,
    subject: String,
    times: String,
    details: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    heading: String,
    /// Whether it is one's own.
    is_own: bool,
    /// Of which organization it is; empty for none.
    organization: String,
    /// Whether it is that of all.
    is_all: bool,
    path: String,
    rows: Vec<Row>,
    pager: Pager,
    from: String,
    until: String,
    by: String,
    on: String,
    actions: Vec<Choice>,
    is_filtered: bool,
    script: String,
}

fn row(context: &Context, event: &Event) -> Row {
    let known = SENTENCES.iter().find(|(action, _)| *action == event.action);
    let mut details: Vec<(String, String)> = event.data.clone().into_iter().collect();
    details.extend(event.address.clone().map(|address| ("address".to_owned(), address)));
    details.extend(event.program.clone().map(|program| ("program".to_owned(), program)));
    Row {
        number: event.id.to_string(),
        at: Age { at: event.at, now: context.app.platform.now() },
        who: event.actor_name.clone(),
        sentence: known.map_or("", |(_, sentence)| sentence),
        action: event.action.clone(),
        subject: event.subject.clone(),
        times: if event.times > 1 { format!("{} times", count(event.times)) } else { String::new() },
        details,
    }
}

/// Reads a day of the query, and gives its beginning or its end (UTC).
fn day(context: &Context, name: &'static str, is_end: bool) -> Result<Option<Timestamp>> {
    let invalid = |_| Error::Invalid {
        field: Field::Parameter(name),
        reason: "must be a day such as 2026-11-28".into(),
    };
    let Some(text) = context.query(name) else { return Ok(None) };
    let day: jiff::civil::Date = text.parse().map_err(invalid)?;
    let time = if is_end { day.at(23, 59, 59, 999_999_000) } else { day.at(0, 0, 0, 0) };
    Ok(Some(time.to_zoned(jiff::tz::TimeZone::UTC).map_err(invalid)?.timestamp()))
}

async fn audit(
    context: &Context,
    actor: &Actor,
    account: Option<&Namespace>,
    frame: Frame,
    is_own: bool,
) -> Result<Response> {
    let text = |name: &str| Some(context.text(name)).filter(|text| !text.is_empty());
    let filter = EventFilter {
        action: text("action"),
        subject: text("on"),
        actor: text("by"),
        from: day(context, "from", false)?,
        until: day(context, "until", true)?,
    };
    let list = format!("audit of {account:?} {filter:?}");
    let after = list::read_ahead(context, &list, |number: i64| Ok(number))?;
    let wanted = WantedEvents { filter, address: None, newest_first: true, after };
    let size = context.page_size()?;
    let found = context.app.identity.list_events(actor, account, wanted, size).await?;
    let pager = list::ahead(context, &list, after.is_none(), found.next)?;
    let mut words: Vec<(&str, &str)> = vec![("", "All")];
    words.extend(SENTENCES.iter().map(|(action, sentence)| (*action, *sentence)));
    let is_filtered =
        ["from", "until", "by", "on", "action"].iter().any(|name| context.query(name).is_some());
    let page = AuditPage {
        heading: match account {
            Some(account) => format!("Audit log of {account}"),
            None => "Audit log of the registry".to_owned(),
        },
        is_own,
        organization: account.filter(|_| !is_own).map(Namespace::to_string).unwrap_or_default(),
        is_all: account.is_none(),
        path: context.parts.uri.path().to_owned(),
        rows: found.items.iter().map(|event| row(context, event)).collect(),
        pager,
        from: context.text("from"),
        until: context.text("until"),
        by: context.text("by"),
        on: context.text("on"),
        actions: choices(&words, &context.text("action")),
        is_filtered,
        script: match account {
            Some(account) => format!("longshore audit export --account {account} --since 30d"),
            None => "longshore audit export --since 30d".to_owned(),
        },
        frame,
    };
    show(context, &page)
}

/// `GET /ui/account/audit`.
pub(crate) async fn show_own_audit(context: &Context, _body: RequestBody) -> Result<Response> {
    let name = context.signed_in()?.browser.account.name.clone();
    audit(context, context.actor(), Some(&name), profile::frame(context, "Audit log"), true).await
}

/// `GET /ui/orgs/{organization}/audit`.
pub(crate) async fn show_audit(context: &Context, _body: RequestBody) -> Result<Response> {
    let name: Namespace = context.parsed("organization")?;
    audit(context, context.actor(), Some(&name), organizations::frame(context, &name, "Audit log"), false)
        .await
}

/// `GET /ui/admin/audit`.
pub(crate) async fn show_all_audit(context: &Context, _body: RequestBody) -> Result<Response> {
    let operator = context.operator().await?;
    let frame = Frame::new(context, Place::Administration, "Audit log");
    audit(context, &operator, None, frame, false).await
}
