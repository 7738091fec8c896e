//! Runs administration commands on the operations, as the operator.

use jiff::Timestamp;
use longshore_app::App;
use longshore_domain::Result;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::{Account, AccountKind, OrganizationRole, ProfileChange};
use longshore_domain::conflict::Conflict;
use longshore_domain::credential::AccessToken;
use longshore_domain::email::EmailAddress;
use longshore_domain::event::Event;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::repository::{Repository, RepositoryChange, Visibility};
use longshore_domain::work::WorkId;
use longshore_identity::access_tokens::WantedToken;
use longshore_identity::accounts::UserChange;
use longshore_lifecycle::gc::GcMode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::trash::Wanted;
use super::{Outcome, Request, scim_tokens, tags, trash, work};

pub(super) const OPERATOR: Actor = Actor::OPERATOR;

async fn enable_user(app: &App, name: &str) -> Result<Outcome> {
    let outcome = change_user(app, name, UserChange::Enable, "can sign in").await?;
    if app.identity.get_user(&OPERATOR, &name.parse()?).await?.is_active {
        return Ok(outcome);
    }
    let text = format!(
        "{name} is enabled, but stays switched off until the organization's identity provider reactivates the user; to take {name} from it, remove the member (longshore org remove-member ORG {name}) and enable the user again"
    );
    Ok(Outcome { text, ..outcome })
}

/// Runs one command.
pub async fn run(app: &App, request: Request, on_progress: &(dyn Fn(String) + Sync)) -> Result<Outcome> {
    match request {
        Request::UserCreate { name, password, administrator } => {
            create_user(app, &name, password, administrator).await
        }
        Request::UserList => list_accounts(app, AccountKind::User).await,
        Request::UserShow { name } => {
            let user = app.identity.get_user(&OPERATOR, &name.parse()?).await?;
            Ok(Outcome::object(ACCOUNT_LINES, account_json(&user)))
        }
        Request::UserEnable { name } => enable_user(app, &name).await,
        Request::UserDisable { name } => {
            change_user(
                app,
                &name,
                UserChange::Disable,
                "can no longer sign in; all tokens of the user have stopped working",
            )
            .await
        }
        Request::UserMakeAdministrator { name } => {
            change_user(app, &name, UserChange::MakeAdministrator, "is now an administrator of the registry")
                .await
        }
        Request::UserRevokeAdministrator { name } => {
            change_user(app, &name, UserChange::RevokeAdministrator, "is no longer an administrator").await
        }
        Request::UserPassword { name, password } => set_password(app, &name, password).await,
        Request::UserResetSecondFactor { name } => {
            app.identity.reset_second_factor(&OPERATOR, &name.parse()?).await?;
            Ok(done(format!("{name} signs in with the password alone again"), &name))
        }
        Request::UserDelete { name } => {
            app.identity.delete_user(&OPERATOR, &name.parse()?).await?;
            Ok(done(format!("user {name} is deleted; the name stays taken"), &name))
        }
        Request::OrgCreate { name, owner } => {
            let account =
                app.organizations.create_organization(&OPERATOR, &name.parse()?, &owner.parse()?).await?;
            Ok(Outcome::said(
                format!("organization {name} is created, owned by {owner}"),
                account_json(&account),
            ))
        }
        Request::AccountSetProfile { name, full_name, email, company, location, url } => {
            let email = match email.as_deref() {
                None => None,
                Some("") => Some(None),
                Some(address) => Some(Some(address.parse()?)),
            };
            let change = ProfileChange { full_name, company, location, url, email };
            let account = app.identity.change_profile(&OPERATOR, &name.parse()?, change).await?;
            Ok(Outcome::said(format!("the profile of {name} is changed"), account_json(&account)))
        }
        Request::AccountSetPlan { name, plan } => {
            app.identity.set_plan(&OPERATOR, &name.parse()?, plan.parse()?).await?;
            Ok(done(format!("{name} now has the plan {plan}"), &name))
        }
        Request::AccountSetVerifiedPublisher { name, verified } => {
            app.identity.set_verified_publisher(&OPERATOR, &name.parse()?, verified).await?;
            let what = if verified { "now counts as" } else { "no longer counts as" };
            Ok(done(format!("{name} {what} a verified publisher"), &name))
        }
        Request::OrgList => list_accounts(app, AccountKind::Organization).await,
        Request::OrgShow { name } => show_organization(app, &name.parse()?).await,
        Request::OrgSetMember { name, user, role } => {
            let role: OrganizationRole = role.parse()?;
            app.organizations.put_member(&OPERATOR, &name.parse()?, &user.parse()?, role).await?;
            Ok(done(format!("{user} is now {role} of {name}"), &name))
        }
        Request::OrgRemoveMember { name, user } => {
            app.organizations.delete_member(&OPERATOR, &name.parse()?, &user.parse()?).await?;
            Ok(done(format!("{user} is no longer in {name}"), &name))
        }
        Request::OrgSetMembersPull { name, all } => {
            app.organizations.set_members_pull(&OPERATOR, &name.parse()?, all).await?;
            let what = if all { "all repositories" } else { "the repositories of their teams only" };
            Ok(done(format!("members of {name} now pull from {what}"), &name))
        }
        Request::OrgSetProvisioning { name, may } => {
            app.organizations.set_may_provision(&OPERATOR, &name.parse()?, may).await?;
            let what = if may { "may provision users now" } else { "provisions no users any more" };
            Ok(done(format!("{name} {what}"), &name))
        }
        Request::OrgSetActive { name, active } => {
            app.organizations.set_organization_active(&OPERATOR, &name.parse()?, active).await?;
            let what = if active {
                "works again"
            } else {
                "is disabled; only administrators reach its repositories"
            };
            Ok(done(format!("organization {name} {what}"), &name))
        }
        Request::OrgDelete { name } => {
            app.organizations.delete_organization(&OPERATOR, &name.parse()?).await?;
            Ok(done(format!("organization {name} is deleted; the name stays taken"), &name))
        }
        Request::TokenCreate { owner, label, scope, expires_in_days } => {
            create_token(app, &owner, &label, &scope, expires_in_days).await
        }
        Request::AccessKeyCreate { owner, label, scope, expires_in_days } => {
            create_access_key(app, &owner, &label, &scope, expires_in_days).await
        }
        Request::TokenList { owner } => list_tokens(app, &owner.parse()?).await,
        Request::TokenShow { owner, id } => {
            let owner: Namespace = owner.parse()?;
            let id = find_token(app, &owner, &id).await?;
            let token = app.identity.get_access_token(&OPERATOR, &owner, id).await?;
            Ok(Outcome::object(TOKEN_LINES, token_json(&token)))
        }
        Request::TokenEnable { owner, id } => switch_token(app, &owner, &id, true).await,
        Request::TokenDisable { owner, id } => switch_token(app, &owner, &id, false).await,
        Request::TokenDelete { owner, id } => {
            let owner: Namespace = owner.parse()?;
            let uuid = find_token(app, &owner, &id).await?;
            app.identity.delete_access_token(&OPERATOR, &owner, uuid).await?;
            Ok(done(format!("token {id} is deleted and no longer works"), &id))
        }
        Request::ScimTokenCreate { organization, label, expires_in_days } => {
            scim_tokens::create(app, &organization.parse()?, &label, expires_in_days).await
        }
        Request::ScimTokenRotate { organization, id } => {
            scim_tokens::rotate(app, &organization.parse()?, id.as_deref()).await
        }
        Request::ScimTokenRevoke { organization, id } => {
            scim_tokens::revoke(app, &organization.parse()?, id.as_deref()).await
        }
        Request::ScimTokenList { organization } => scim_tokens::list(app, &organization.parse()?).await,
        Request::RepoCreate { name, visibility } => {
            let (created, _) = app
                .content
                .create_repository(
                    &Actor::OPERATOR,
                    &name.parse()?,
                    visibility.parse()?,
                    RepositoryChange::default(),
                )
                .await?;
            Ok(Outcome::said(
                format!("repository {} is created, {visibility}", created.repository.name),
                repository_json(&created.repository),
            ))
        }
        Request::RepoList => list_repositories(app).await,
        Request::RepoShow { name } => {
            let repository = app.content.get_repository(&Actor::OPERATOR, &name.parse()?).await?;
            Ok(Outcome::object(REPOSITORY_LINES, repository_json(&repository)))
        }
        Request::RepoSetVisibility { name, visibility } => {
            let visibility: Visibility = visibility.parse()?;
            app.content.set_visibility(&Actor::OPERATOR, &name.parse()?, visibility).await?;
            Ok(done(format!("repository {name} is now {}", visibility.as_str()), &name))
        }
        Request::RepoDelete { name } => {
            let repository: RepositoryName = name.parse()?;
            app.content.delete_repository(&Actor::OPERATOR, &repository).await?;
            let namespace = repository.namespace();
            Ok(done(
                format!(
                    "repository {name} is deleted; its storage is freed when the undo window has ended; to undo it, see: longshore trash ls {namespace}"
                ),
                &name,
            ))
        }
        Request::TagHistory { repository, tag } => tags::history(app, &repository.parse()?, &tag).await,
        Request::TagAt { repository, at, tag } => {
            tags::at(app, &repository.parse()?, &at, tag.as_deref()).await
        }
        Request::TagDiff { repository, from, to } => {
            tags::diff(app, &repository.parse()?, &from, to.as_deref()).await
        }
        Request::TagRollback { repository, tag, to } => {
            tags::rollback(app, &repository.parse()?, &tag, &to).await
        }
        Request::DeletionPlan { repository, digests, tags, with_parts } => {
            let wanted = Wanted { repository: &repository, digests: &digests, tags: &tags, with_parts };
            trash::plan(app, &wanted).await
        }
        Request::Delete { repository, digests, tags, with_parts } => {
            let wanted = Wanted { repository: &repository, digests: &digests, tags: &tags, with_parts };
            trash::delete(app, &wanted).await
        }
        Request::TrashList { of } => trash::list(app, &of).await,
        Request::TrashShow { id } => trash::show(app, &id).await,
        Request::TrashRestore { id, overwrite, name } => {
            trash::restore(app, &id, overwrite, name.as_deref()).await
        }
        Request::KeyRotate => {
            let kid = app.identity.rotate_signing_key(&OPERATOR).await?;
            let text =
                format!("key {kid} signs from now on; tokens signed by the old one work until they expire");
            Ok(Outcome::said(text, json!({ "kid": kid })))
        }
        Request::GcRun { dry_run } => collect(app, dry_run, on_progress).await,
        Request::GcStatus => gc_status(app).await,
        Request::WorkList { dead } => work::list(app, dead).await,
        Request::WorkShow { id } => work::show(app, WorkId(id)).await,
        Request::WorkRetry { id } => work::retry(app, WorkId(id)).await,
        Request::WorkDrop { id } => work::drop(app, WorkId(id)).await,
        Request::AuditList { account, limit } => list_events(app, account, limit).await,
        Request::AuditExport { account, after } => {
            let account: Option<Namespace> = account.as_deref().map(str::parse).transpose()?;
            let events =
                app.identity.list_events_after(&OPERATOR, account.as_ref(), after, PageSize::MAX).await?;
            Ok(Outcome::said(String::new(), events.iter().map(event_json).collect()))
        }
        Request::Verify { store: false } => verify(app, on_progress).await,
        Request::Verify { store: true } => reconcile(app, on_progress).await,
    }
}

pub(super) fn done(text: String, name: &str) -> Outcome {
    Outcome::said(text, json!({ "name": name, "done": true }))
}

pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// Collects all pages of a list; these lists are for people, who have few of them.
macro_rules! all_pages {
    ($last:ident, $page:expr, $key:expr) => {{
        let mut items = Vec::new();
        let mut $last = None;
        loop {
            let Page { items: page, has_more } = $page;
            $last = page.last().map($key);
            items.extend(page);
            if !has_more {
                break items;
            }
        }
    }};
}

async fn create_user(
    app: &App,
    name: &str,
    password: Option<String>,
    administrator: bool,
) -> Result<Outcome> {
    let generated = password.is_none();
    let password = password.unwrap_or_else(|| app.generate_password());
    let account = app.identity.create_user(&OPERATOR, &name.parse()?, &password, administrator).await?;
    let mut json = account_json(&account);
    let mut text = format!("user {name} is created");
    if generated {
        text.push_str(&format!("\npassword  {password}    (shown this once)"));
        json["password"] = Value::String(password);
    }
    Ok(Outcome::said(text, json))
}

async fn set_password(app: &App, name: &str, password: Option<String>) -> Result<Outcome> {
    let generated = password.is_none();
    let password = password.unwrap_or_else(|| app.generate_password());
    app.identity.set_password(&OPERATOR, &name.parse()?, &password).await?;
    let mut json = json!({ "name": name, "done": true });
    let mut text = format!(
        "the password of {name} is changed; everything signed in with the old one must sign in again"
    );
    if generated {
        text.push_str(&format!("\npassword  {password}    (shown this once)"));
        json["password"] = Value::String(password);
    }
    Ok(Outcome::said(text, json))
}

async fn change_user(app: &App, name: &str, change: UserChange, what: &str) -> Result<Outcome> {
    app.identity.change_user(&OPERATOR, &name.parse()?, change).await?;
    Ok(done(format!("{name} {what}"), name))
}

fn account_json(account: &Account) -> Value {
    json!({
        "name": account.name.as_str(),
        "id": account.uuid.to_string(),
        "kind": account.kind.as_str(),
        "full_name": account.profile.full_name,
        "email": account.profile.email.as_ref().map(EmailAddress::as_str),
        "active": account.is_active,
        "administrator": account.is_administrator,
        "plan": account.plan.as_str(),
        "verified_publisher": account.is_verified_publisher,
        "created_at": time(account.created_at),
    })
}

const ACCOUNT_LINES: &[(&str, &str)] = &[
    ("name", "name"),
    ("full name", "full_name"),
    ("e-mail", "email"),
    ("id", "id"),
    ("active", "active"),
    ("administrator", "administrator"),
    ("created", "created_at"),
];

async fn list_accounts(app: &App, kind: AccountKind) -> Result<Outcome> {
    let accounts: Vec<Account> = all_pages!(
        last,
        app.identity.list_accounts(&OPERATOR, kind, last.as_ref(), PageSize::MAX).await?,
        |account: &Account| account.name.clone()
    );
    let columns: &[(&str, &str)] = match kind {
        AccountKind::User => &[
            ("NAME", "name"),
            ("ACTIVE", "active"),
            ("ADMINISTRATOR", "administrator"),
            ("CREATED", "created_at"),
        ],
        AccountKind::Organization => &[("NAME", "name"), ("CREATED", "created_at")],
    };
    Ok(Outcome::table(columns, accounts.iter().map(account_json).collect()))
}

async fn show_organization(app: &App, name: &Namespace) -> Result<Outcome> {
    let account = app.organizations.get_organization(&OPERATOR, name).await?;
    let members: Vec<_> = all_pages!(
        last,
        app.organizations.list_members(&OPERATOR, name, last.as_ref(), PageSize::MAX).await?,
        |member: &longshore_domain::account::Member| member.user.clone()
    );
    let rows: Vec<Value> = members
        .iter()
        .map(|member| json!({ "user": member.user.as_str(), "role": member.role.as_str(), "since": time(member.created_at) }))
        .collect();
    let table = Outcome::table(&[("MEMBER", "user"), ("ROLE", "role"), ("SINCE", "since")], rows);
    let head =
        Outcome::object(&[("name", "name"), ("id", "id"), ("created", "created_at")], account_json(&account));
    let mut json = head.json;
    json["members"] = table.json;
    Ok(Outcome::said(format!("{}\n\n{}", head.text, table.text), json))
}

/// Finds the token that is meant, by id or label.
async fn find_token(app: &App, owner: &Namespace, text: &str) -> Result<Uuid> {
    if let Ok(uuid) = text.parse() {
        return Ok(uuid);
    }
    let tokens = owned_tokens(app, owner).await?;
    let found: Vec<Uuid> =
        tokens.iter().filter(|token| token.label == text).map(|token| token.uuid).collect();
    match found.as_slice() {
        [uuid] => Ok(*uuid),
        [] => Err(Conflict::Setup(format!(
            "{owner} has no access token {text:?}; see: longshore token list {owner}"
        )).into()),
        _ => Err(Conflict::Setup(format!(
            "{owner} has several access tokens {text:?}; say which one by its id (see: longshore token list {owner})"
        )).into()),
    }
}

async fn owned_tokens(app: &App, owner: &Namespace) -> Result<Vec<AccessToken>> {
    Ok(all_pages!(
        last,
        app.identity.list_access_tokens(&OPERATOR, owner, last, PageSize::MAX).await?,
        |token: &AccessToken| token.uuid
    ))
}

fn token_json(token: &AccessToken) -> Value {
    json!({
        "id": token.uuid.to_string(),
        "label": token.label,
        "scope": token.restriction.to_string(),
        "access_key": token.access_key.as_ref().map(ToString::to_string),
        "active": token.is_active,
        "expires_at": token.expires_at.map(time),
        "last_used_at": token.last_used_at.map(time),
        "created_at": time(token.created_at),
    })
}

const TOKEN_LINES: &[(&str, &str)] = &[
    ("id", "id"),
    ("label", "label"),
    ("scope", "scope"),
    ("access key", "access_key"),
    ("active", "active"),
    ("expires", "expires_at"),
    ("last used", "last_used_at"),
    ("created", "created_at"),
];

/// Returns when something expires that is to work for so many days.
pub(super) fn expiry(app: &App, days: Option<u32>) -> Option<Timestamp> {
    let day = std::time::Duration::from_secs(86_400);
    days.map(|days| app.platform.now() + day * days)
}

fn wanted_token<'t>(
    app: &App,
    label: &'t str,
    scope: &str,
    expires_in_days: Option<u32>,
) -> Result<WantedToken<'t>> {
    let expires_at = expiry(app, expires_in_days);
    Ok(WantedToken { expires_at, ..WantedToken::new(label, scope.parse()?) })
}

async fn create_token(
    app: &App,
    owner: &str,
    label: &str,
    scope: &str,
    expires_in_days: Option<u32>,
) -> Result<Outcome> {
    let wanted = wanted_token(app, label, scope, expires_in_days)?;
    let (token, secret) = app.identity.create_access_token(&OPERATOR, &owner.parse()?, wanted).await?;
    let mut json = token_json(&token);
    json["token"] = Value::String(secret.expose().to_owned());
    let text = format!(
        "token {} is created for {owner}, {}\ntoken  {}    (shown this once; use it as the password of {owner})",
        token.uuid,
        token.restriction,
        secret.expose()
    );
    Ok(Outcome::said(text, json))
}

async fn create_access_key(
    app: &App,
    owner: &str,
    label: &str,
    scope: &str,
    expires_in_days: Option<u32>,
) -> Result<Outcome> {
    let wanted = wanted_token(app, label, scope, expires_in_days)?;
    let (token, secret) = app.identity.create_access_key(&OPERATOR, &owner.parse()?, wanted).await?;
    let mut json = token_json(&token);
    json["secret_key"] = Value::String(secret.expose().to_owned());
    let text = format!(
        "token {} is created for {owner}, {}\naccess key  {}\nsecret key  {}    (shown this once)",
        token.uuid,
        token.restriction,
        token.access_key.as_ref().map(ToString::to_string).unwrap_or_default(),
        secret.expose()
    );
    Ok(Outcome::said(text, json))
}

async fn list_tokens(app: &App, owner: &Namespace) -> Result<Outcome> {
    let tokens = owned_tokens(app, owner).await?;
    let columns = &[
        ("ID", "id"),
        ("LABEL", "label"),
        ("SCOPE", "scope"),
        ("ACTIVE", "active"),
        ("EXPIRES", "expires_at"),
        ("LAST USED", "last_used_at"),
    ];
    Ok(Outcome::table(columns, tokens.iter().map(token_json).collect()))
}

async fn switch_token(app: &App, owner: &str, id: &str, is_active: bool) -> Result<Outcome> {
    let change = AccessTokenChange { is_active: Some(is_active), ..AccessTokenChange::default() };
    let owner: Namespace = owner.parse()?;
    let uuid = find_token(app, &owner, id).await?;
    app.identity.change_access_token(&OPERATOR, &owner, uuid, change).await?;
    Ok(done(format!("token {id} {}", if is_active { "works again" } else { "no longer works" }), id))
}

fn repository_json(repository: &Repository) -> Value {
    json!({
        "name": repository.name.as_str(),
        "visibility": repository.visibility.as_str(),
        "created_at": time(repository.created_at),
    })
}

const REPOSITORY_LINES: &[(&str, &str)] =
    &[("name", "name"), ("visibility", "visibility"), ("created", "created_at")];

async fn list_repositories(app: &App) -> Result<Outcome> {
    let repositories: Vec<Repository> = all_pages!(
        last,
        app.content.list_repositories(&Actor::OPERATOR, last.as_deref(), PageSize::MAX).await?,
        |repository: &Repository| repository.name.as_str().to_owned()
    );
    let columns = &[("NAME", "name"), ("VISIBILITY", "visibility"), ("CREATED", "created_at")];
    Ok(Outcome::table(columns, repositories.iter().map(repository_json).collect()))
}

async fn collect(app: &App, dry_run: bool, on_progress: &(dyn Fn(String) + Sync)) -> Result<Outcome> {
    on_progress("collecting".into());
    let mode = if dry_run { GcMode::DryRun } else { GcMode::Collect };
    let counts = app.lifecycle.run_gc(&OPERATOR, mode).await?;
    let lines: &[(&str, &str)] = &[
        ("uploads given up", "uploads_expired"),
        ("untagged manifests deleted", "manifests_collected"),
        ("deleted manifests removed", "manifests_purged"),
        ("blob links removed", "links_removed"),
        ("objects deleted", "blobs_deleted"),
        ("bytes freed", "freed_bytes"),
    ];
    let mut outcome = Outcome::object(lines, counts_json(&counts));
    outcome.json["dry_run"] = Value::Bool(dry_run);
    if dry_run {
        outcome.text = format!("a run would begin with this; nothing was changed\n{}", outcome.text);
    }
    Ok(outcome)
}

fn counts_json(counts: &longshore_domain::ports::metadata::GcCounts) -> Value {
    json!({
        "uploads_expired": counts.uploads_expired,
        "manifests_collected": counts.manifests_collected,
        "manifests_purged": counts.manifests_purged,
        "links_removed": counts.links_removed,
        "blobs_deleted": counts.blobs_deleted,
        "freed_bytes": counts.freed_bytes,
    })
}

async fn gc_status(app: &App) -> Result<Outcome> {
    let status = app.lifecycle.gc_status(&OPERATOR).await?;
    let mut json = counts_json(&status.totals);
    json["reviews_due"] = status.backlog.reviews_due.into();
    json["reviews_waiting"] = status.backlog.reviews_waiting.into();
    json["objects_to_delete"] = status.backlog.tombstones.into();
    json["uploads_in_progress"] = status.backlog.uploads.into();
    json["last_at"] = status.last_at.map(time).into();
    let lines: &[(&str, &str)] = &[
        ("reviews due now", "reviews_due"),
        ("reviews later", "reviews_waiting"),
        ("objects to delete", "objects_to_delete"),
        ("uploads in progress", "uploads_in_progress"),
        ("objects deleted so far", "blobs_deleted"),
        ("bytes freed so far", "freed_bytes"),
        ("last collected", "last_at"),
    ];
    Ok(Outcome::object(lines, json))
}

fn event_json(event: &Event) -> Value {
    json!({
        "id": event.id,
        "at": time(event.at),
        "account": event.account,
        "actor": event.actor_name,
        "action": event.action,
        "subject": event.subject,
        "data": event.data,
        "times": event.times,
        "address": event.address,
        "program": event.program,
    })
}

async fn list_events(app: &App, account: Option<String>, limit: u32) -> Result<Outcome> {
    let account: Option<Namespace> = account.as_deref().map(str::parse).transpose()?;
    let size = PageSize::clamped(u64::from(limit))?;
    let page = app.identity.list_events(&OPERATOR, account.as_ref(), None, size).await?;
    let rows = page.items.iter().map(event_json).collect();
    let columns = &[
        ("AT", "at"),
        ("ACCOUNT", "account"),
        ("WHO", "actor"),
        ("ACTION", "action"),
        ("WHAT", "subject"),
        ("TIMES", "times"),
        ("DETAILS", "data"),
        ("FROM", "address"),
        ("PROGRAM", "program"),
    ];
    Ok(Outcome::table(columns, rows))
}

async fn verify(app: &App, on_progress: &(dyn Fn(String) + Sync)) -> Result<Outcome> {
    let progress = |report: &longshore_lifecycle::verification::VerificationReport| {
        on_progress(format!(
            "{} manifests, {} blobs, {} MiB read, {} problems",
            report.manifests,
            report.blobs,
            report.blob_bytes >> 20,
            report.findings_total
        ));
    };
    let report = app.lifecycle.verify(&OPERATOR, &progress).await?;
    let mut text = format!(
        "checked the database, {} manifests and {} blobs ({} bytes)\n",
        report.manifests, report.blobs, report.blob_bytes
    );
    for finding in &report.findings {
        text.push_str(finding);
        text.push('\n');
    }
    let found_problems = report.findings_total > 0;
    text.push_str(&match report.findings_total {
        0 => "everything is whole".to_owned(),
        total => format!("{total} problems; push a damaged blob again to replace it, or restore a backup"),
    });
    let json = json!({
        "manifests": report.manifests,
        "blobs": report.blobs,
        "blob_bytes": report.blob_bytes,
        "problems": report.findings_total,
        "findings": report.findings,
    });
    Ok(Outcome { text, json, found_problems })
}

async fn reconcile(app: &App, on_progress: &(dyn Fn(String) + Sync)) -> Result<Outcome> {
    let progress = |report: &longshore_lifecycle::reconciliation::ReconciliationReport| {
        on_progress(format!(
            "{} objects listed, {} blobs looked for, {} problems",
            report.objects, report.blobs, report.damaged
        ));
    };
    let report = app.lifecycle.reconcile_store(&OPERATOR, &progress).await?;
    let mut text = format!(
        "the store has {} objects ({} bytes), and should have {} or more; {} blobs were looked for in it\n",
        report.objects, report.object_bytes, report.expected, report.blobs
    );
    if report.uploads_aborted > 0 {
        text.push_str(&format!("{} unfinished multipart uploads were given up\n", report.uploads_aborted));
    }
    text.push_str(&format!(
        "{} objects ({} bytes) that no record names are in quarantine, {} of them new\n",
        report.quarantined, report.quarantined_bytes, report.newly_quarantined
    ));
    for finding in &report.findings {
        text.push_str(finding);
        text.push('\n');
    }
    let found_problems = report.damaged > 0;
    text.push_str(&match report.damaged {
        0 => "nothing is missing".to_owned(),
        total => format!("{total} problems; push a damaged blob again to replace it, or restore its object"),
    });
    let json = json!({
        "objects": report.objects,
        "object_bytes": report.object_bytes,
        "expected": report.expected,
        "quarantined": report.quarantined,
        "quarantined_bytes": report.quarantined_bytes,
        "newly_quarantined": report.newly_quarantined,
        "uploads_aborted": report.uploads_aborted,
        "blobs": report.blobs,
        "problems": report.damaged,
        "findings": report.findings,
    });
    Ok(Outcome { text, json, found_problems })
}
