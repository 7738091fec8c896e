//! What administrators do: users, organizations, and how the registry is.

use std::time::Duration;

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_app::readiness::{Part, Purpose};
use longshore_domain::account::{Account, AccountKind};
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Result};
use longshore_identity::accounts::AccountChange;
use longshore_platform::later;
use longshore_platform::nodes::SILENT;
use serde::Deserialize;

use crate::Setting;
use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::{Age, Size, count, date, percent};
use crate::list::{self, Pager};
use crate::page::{Crumb, Frame, Kept, Message, Place, lead, send, show};
use crate::presence::{self, Present};

/// Longest time that a store may take to show that it works.
const CHECK: Duration = Duration::from_secs(2);

fn frame(context: &Context, text: &str) -> Frame {
    let mut frame = Frame::new(context, Place::Administration, text);
    if text != "Administration" {
        frame = frame.below([("Administration", "/ui/admin".into())]);
        frame.crumbs.push(Crumb { text: text.to_owned(), path: String::new() });
    }
    frame
}

struct PartRow {
    name: &'static str,
    is_well: bool,
    problem: String,
}

struct NodeRow {
    name: String,
    version: String,
    since: Age,
    seen: Age,
    is_live: bool,
    is_this: bool,
}

#[derive(Template)]
#[template(path = "admin.html")]
struct OverviewPage {
    frame: Frame,
    parts: Vec<PartRow>,
    store_kind: &'static str,
    stored: Size,
    free: Option<(Size, u64)>,
    full_at: Option<String>,
    due: String,
    waiting: String,
    uploads: String,
    freed: Size,
    nodes: Vec<NodeRow>,
    version: &'static str,
}

async fn parts(context: &Context) -> Vec<PartRow> {
    let wanted =
        [(Part::Database, Purpose::Push), (Part::BlobStore, Purpose::Push), (Part::Disk, Purpose::Push)];
    let checks = wanted.map(|(part, purpose)| async move {
        let problem = match tokio::time::timeout(CHECK, context.app.check_part(part, purpose)).await {
            Ok(Ok(())) => String::new(),
            Ok(Err(error)) => error.cause(),
            Err(_) => format!("does not answer within {} seconds", CHECK.as_secs()),
        };
        PartRow { name: part.name(), is_well: problem.is_empty(), problem }
    });
    let mut found = futures::future::join_all(checks).await;
    if let Some(fault) = context.app.platform.clock_fault() {
        found.push(PartRow { name: "the clock", is_well: false, problem: fault });
    }
    found
}

/// `GET /ui/admin`.
pub(crate) async fn show_overview(context: &Context, _body: RequestBody) -> Result<Response> {
    let operator = context.operator().await?;
    let app = &context.app;
    let now = app.platform.now();
    let store = app.get_store_status(&operator).await?;
    let gc = app.lifecycle.gc_status(&operator).await?;
    let this = app.platform.node();
    let nodes = app.list_nodes(&operator).await?;
    let node = |node: &longshore_domain::node::Node| NodeRow {
        name: node.name.clone(),
        version: node.version.clone(),
        since: Age { at: node.started_at, now },
        seen: Age { at: node.seen_at, now },
        is_live: now < later(node.seen_at, SILENT),
        is_this: node.id == this,
    };
    let page = OverviewPage {
        frame: frame(context, "Administration"),
        parts: parts(context).await,
        store_kind: store.kind,
        stored: Size(store.stored_bytes),
        free: store.room.map(|room| {
            (
                Size(room.free_bytes),
                percent(room.total_bytes.saturating_sub(room.free_bytes), room.total_bytes),
            )
        }),
        full_at: store.full_at.map(date),
        due: count(gc.backlog.reviews_due),
        waiting: count(gc.backlog.reviews_waiting),
        uploads: count(gc.backlog.uploads),
        freed: Size(gc.totals.freed_bytes),
        nodes: nodes.iter().map(node).collect(),
        version: env!("CARGO_PKG_VERSION"),
    };
    show(context, &page)
}

struct AccountRow {
    name: String,
    full_name: String,
    is_active: bool,
    is_administrator: bool,
    created: Age,
}

#[derive(Template)]
#[template(path = "admin_accounts.html")]
struct AccountsPage {
    frame: Frame,
    heading: &'static str,
    is_users: bool,
    rows: Vec<AccountRow>,
    pager: Pager,
    typed: String,
    is_wrong: bool,
}

async fn accounts_page(
    context: &Context,
    kind: AccountKind,
    typed: &str,
    message: Option<Message>,
) -> Result<AccountsPage> {
    let operator = context.operator().await?;
    let list = format!("all accounts {}", kind.as_str());
    let after = list::read_ahead(context, &list, |name: String| name.parse::<Namespace>())?;
    let size = context.page_size()?;
    let found = context.app.identity.list_accounts(&operator, kind, after.as_ref(), size).await?;
    let next = found.items.last().filter(|_| found.has_more).map(|last| last.name.as_str());
    let pager = list::ahead(context, &list, after.is_none(), next)?;
    let now = context.app.platform.now();
    let row = |account: &Account| AccountRow {
        name: account.name.to_string(),
        full_name: account.profile.full_name.clone(),
        is_active: account.is_active,
        is_administrator: account.is_administrator,
        created: Age { at: account.created_at, now },
    };
    let is_users = kind == AccountKind::User;
    let heading = if is_users { "Users" } else { "All organizations" };
    let is_wrong = message.is_some();
    Ok(AccountsPage {
        frame: frame(context, heading).saying(message),
        heading,
        is_users,
        rows: found.items.iter().map(row).collect(),
        pager,
        typed: typed.to_owned(),
        is_wrong,
    })
}

/// `GET /ui/admin/users`.
pub(crate) async fn show_users(context: &Context, _body: RequestBody) -> Result<Response> {
    show(context, &accounts_page(context, AccountKind::User, "", None).await?)
}

/// `GET /ui/admin/organizations`.
pub(crate) async fn show_all_organizations(context: &Context, _body: RequestBody) -> Result<Response> {
    show(context, &accounts_page(context, AccountKind::Organization, "", None).await?)
}

#[derive(Template)]
#[template(path = "password_made.html")]
struct MadePage {
    frame: Frame,
    heading: String,
    name: String,
    password: String,
}

#[derive(Default, Deserialize)]
struct SentUser {
    #[serde(default)]
    name: String,
}

/// `POST /ui/admin/users`.
pub(crate) async fn create_user(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: SentUser = match presence::form(context, body).await? {
        Present::Form(sent) => sent,
        Present::Asks(page) => return Ok(page),
    };
    let operator = context.operator().await?;
    let password = context.app.generate_password();
    let made = match sent.name.trim().parse::<Namespace>() {
        Ok(name) => context.app.identity.create_user(&operator, &name, &password, false).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(account) => {
            let page = MadePage {
                frame: frame(context, "New user"),
                heading: format!("The user {} is made", account.name),
                name: account.name.to_string(),
                password,
            };
            send(context, StatusCode::OK, Kept::Never, &page)
        }
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            let message = Some(Message::problem(sentence(&error)));
            let page = accounts_page(context, AccountKind::User, &sent.name, message).await?;
            send(context, status(&error), Kept::Never, &page)
        }
    }
}

#[derive(Template)]
#[template(path = "admin_user.html")]
struct UserPage {
    frame: Frame,
    name: String,
    full_name: String,
    email: String,
    is_active: bool,
    is_administrator: bool,
    created: Age,
    is_self: bool,
}

fn user(context: &Context) -> Result<Namespace> {
    context.parsed("account")
}

async fn user_page(context: &Context, message: Option<Message>) -> Result<UserPage> {
    let operator = context.operator().await?;
    let name = user(context)?;
    let account = context.app.identity.get_user(&operator, &name).await?;
    Ok(UserPage {
        frame: frame(context, &format!("User {name}")).saying(message),
        is_self: context.signed_in()?.browser.account.id == account.id,
        name: account.name.to_string(),
        full_name: account.profile.full_name,
        email: account.profile.email.map(|email| email.to_string()).unwrap_or_default(),
        is_active: account.is_active,
        is_administrator: account.is_administrator,
        created: Age { at: account.created_at, now: context.app.platform.now() },
    })
}

/// `GET /ui/admin/users/{account}`.
pub(crate) async fn show_user(context: &Context, _body: RequestBody) -> Result<Response> {
    let message = context.query("saved").map(|_| Message::done("It is so."));
    show(context, &user_page(context, message).await?)
}

#[derive(Deserialize)]
struct SentChange {
    /// `enable`, `disable`, `promote`, `demote`, `reset-second-factor`, `delete`.
    #[serde(default)]
    change: String,
    /// The name again, for what has no way back.
    #[serde(default)]
    name: String,
}

async fn change(context: &Context, name: &Namespace, sent: &SentChange) -> Result<()> {
    let operator = context.operator().await?;
    let identity = &context.app.identity;
    let set = |change: AccountChange| async {
        identity.change_account(&operator, AccountKind::User, name, change).await.map(|_| ())
    };
    match sent.change.as_str() {
        "enable" => set(AccountChange { is_active: Some(true), ..AccountChange::default() }).await,
        "disable" => set(AccountChange { is_active: Some(false), ..AccountChange::default() }).await,
        "promote" => set(AccountChange { is_administrator: Some(true), ..AccountChange::default() }).await,
        "demote" => set(AccountChange { is_administrator: Some(false), ..AccountChange::default() }).await,
        "reset-second-factor" => identity.reset_second_factor(&operator, name).await,
        "delete" if sent.name.trim() == name.as_str() => {
            identity.delete_user(&operator, name).await.map(|_| ())
        }
        "delete" => Err(Error::Unsupported(format!("the name typed is not {name}; nothing was deleted"))),
        _ => Err(Error::Unsupported("there is no such change".into())),
    }
}

/// `POST /ui/admin/users/{account}`.
pub(crate) async fn change_user(context: &Context, body: RequestBody) -> Result<Response> {
    let name = user(context)?;
    let sent: SentChange = match presence::form(context, body).await? {
        Present::Form(sent) => sent,
        Present::Asks(page) => return Ok(page),
    };
    match change(context, &name, &sent).await {
        Ok(()) if sent.change == "delete" => Ok(lead(context, "/ui/admin/users")),
        Ok(()) => Ok(lead(context, &format!("/ui/admin/users/{name}?saved=1"))),
        Err(error @ Error::UserUnknown(_)) => Err(error),
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            let page = user_page(context, Some(Message::problem(sentence(&error)))).await?;
            send(context, status(&error), Kept::Never, &page)
        }
    }
}

/// `POST /ui/admin/users/{account}/password`: another one, made here.
pub(crate) async fn set_user_password(context: &Context, body: RequestBody) -> Result<Response> {
    let name = user(context)?;
    match presence::form::<SentUser>(context, body).await? {
        Present::Form(_) => {}
        Present::Asks(page) => return Ok(page),
    }
    let operator = context.operator().await?;
    let password = context.app.generate_password();
    context.app.identity.set_password(&operator, &name, &password).await?;
    let page = MadePage {
        frame: frame(context, "New password"),
        heading: format!("{name} has another password"),
        name: name.to_string(),
        password,
    };
    send(context, StatusCode::OK, Kept::Never, &page)
}

#[derive(Template)]
#[template(path = "admin_settings.html")]
struct SettingsPage {
    frame: Frame,
    settings: Vec<Setting>,
}

/// `GET /ui/admin/settings`.
pub(crate) async fn show_configuration(context: &Context, _body: RequestBody) -> Result<Response> {
    context.operator().await?;
    let page =
        SettingsPage { frame: frame(context, "Configuration"), settings: context.site.settings.clone() };
    show(context, &page)
}
