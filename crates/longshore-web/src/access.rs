//! Who may do what in a repository, and why.

use askama::Template;
use longshore_access::explanation::Explanation;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::access::action::{Level, RepositoryAction};
use longshore_domain::access::policy::Ground;
use longshore_domain::account::OrganizationRole;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::organization::TeamName;
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::repository::Visibility;
use longshore_domain::share::ShareTerms;
use longshore_domain::{Error, Field, Result};
use longshore_organizations::repository_access::RepositoryAccess;
use longshore_organizations::user_permissions::PermissionOf;
use serde::Deserialize;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::{counted, date};
use crate::list::{Choice, choices};
use crate::page::{Frame, Kept, Message, lead, send, show};
use crate::repository::{RepositoryHead, Tab, frame, open};

struct Row {
    who: String,
    note: String,
    may: String,
    /// What a form sends to take it away: `team`, `user` or `share`, and the name.
    kind: &'static str,
    name: String,
}

#[derive(Template)]
#[template(path = "access.html")]
struct AccessPage {
    frame: Frame,
    head: RepositoryHead,
    rows: Vec<Row>,
    may_change: bool,
    is_of_organization: bool,
    permissions: Vec<Choice>,
    asked: String,
    explanation: Option<Explained>,
}

struct Explained {
    who: String,
    level: &'static str,
    reasons: Vec<String>,
    note: String,
}

fn level(level: Level) -> &'static str {
    match level {
        Level::None => "nothing",
        Level::Read => "pull",
        Level::Write => "pull and push",
        Level::Admin => "everything",
    }
}

fn permission(permission: RepositoryPermission) -> &'static str {
    level(permission.level())
}

fn rows(head: &RepositoryHead, namespace: &str, access: &RepositoryAccess) -> Vec<Row> {
    let plain = |who: String, note: &str, may: &str| Row {
        who,
        note: note.to_owned(),
        may: may.to_owned(),
        kind: "",
        name: String::new(),
    };
    let is_public = access.visibility == Visibility::Public;
    let mut rows = vec![plain(
        "Everybody".into(),
        if head.is_public { "public" } else { "private" },
        if is_public { "pull" } else { "nothing" },
    )];
    match access.is_of_organization {
        true => {
            rows.push(plain(format!("Owners and editors of {namespace}"), "", "everything"));
            let may = if access.members_pull { "pull" } else { "nothing by themselves" };
            rows.push(plain(format!("Members of {namespace}"), "decided for all of it", may));
        }
        false => rows.push(plain(namespace.to_owned(), "the owner", "everything")),
    }
    rows.extend(access.teams.iter().map(|(team, given)| Row {
        who: format!("Team {}", team.name),
        note: counted(team.member_count, "person", "people"),
        may: permission(*given).to_owned(),
        kind: "team",
        name: team.name.to_string(),
    }));
    rows.extend(access.users.iter().map(|user| Row {
        who: user.name.to_string(),
        note: String::new(),
        may: permission(user.permission).to_owned(),
        kind: "user",
        name: user.name.to_string(),
    }));
    rows.extend(access.shares.iter().map(|share| Row {
        who: format!("Shared with {}", share.account),
        note: share.description.clone(),
        may: match share.expires_at {
            Some(until) => format!("pull until {}", date(until)),
            None => "pull".to_owned(),
        },
        kind: "share",
        name: share.account.to_string(),
    }));
    rows
}

fn ground(ground: Ground, name: &str) -> String {
    match ground {
        Ground::Operator => "operates the registry".into(),
        Ground::Administrator => "administers the registry".into(),
        Ground::Own => "owns it".into(),
        Ground::Role(OrganizationRole::Owner) => format!("is an owner of {name}"),
        Ground::Role(OrganizationRole::Editor) => format!("is an editor of {name}"),
        Ground::Role(OrganizationRole::Member) => format!("is a member of {name}"),
        Ground::Permission => "was given it by name".into(),
        Ground::Team => format!("is in the team {name}"),
        Ground::Share => "it is shared with that account".into(),
        Ground::Public => "it is public".into(),
    }
}

fn explained(explanation: &Explanation) -> Explained {
    let reason = |grant: &longshore_access::explanation::Grant| {
        let name = grant.name.clone().unwrap_or_default();
        format!("{}: {}", ground(grant.ground, &name), level(grant.level))
    };
    let note = match (&explanation.blocked_by, explanation.is_active) {
        (Some(by), _) => format!("The settings of {by} restrict which images are pulled."),
        (None, false) => "The account is switched off.".into(),
        (None, true) => String::new(),
    };
    Explained {
        who: explanation.account.to_string(),
        level: level(explanation.level),
        reasons: explanation.grants.iter().map(reason).collect(),
        note,
    }
}

async fn page(context: &Context, name: &RepositoryName, message: Option<Message>) -> Result<AccessPage> {
    let (head, _) = open(context, name, Tab::Access).await?;
    let access = context.app.organizations.get_repository_access(context.actor(), name).await?;
    let mut frame = frame(context, name, "Access");
    frame.messages.extend(message);
    let asked = context.text("who");
    let mut explanation = None;
    if !asked.is_empty() {
        let found = match asked.parse::<Namespace>() {
            Ok(user) => context.app.access.explain(context.actor(), name, &user).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(found) => explanation = Some(explained(&found)),
            Err(error) if error.is_fault() => return Err(error),
            // The same whether or not there is one.
            Err(_) => frame
                .messages
                .push(Message::problem(format!("There is no account {asked} that you may ask about."))),
        }
    }
    let words = [("read", "pull"), ("write", "pull and push"), ("admin", "everything")];
    Ok(AccessPage {
        rows: rows(&head, name.namespace().as_str(), &access),
        may_change: head.may.contains(RepositoryAction::AssignTeam),
        is_of_organization: access.is_of_organization,
        permissions: choices(&words, "read"),
        frame,
        head,
        asked,
        explanation,
    })
}

/// `GET /ui/r/{repository}/-/access`.
pub(crate) async fn show_access(context: &Context, _body: RequestBody) -> Result<Response> {
    let name = context.repository()?;
    let message = context.query("saved").map(|_| Message::done("It is so."));
    show(context, &page(context, &name, message).await?)
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    permission: String,
    /// A day.
    #[serde(default)]
    until: String,
}

fn unknown_kind() -> Error {
    Error::Invalid { field: Field::Permission, reason: "is for a team, a user or an account".into() }
}

async fn give(context: &Context, repository: &RepositoryName, sent: &Sent) -> Result<()> {
    let (actor, organizations) = (context.actor(), &context.app.organizations);
    let name = sent.name.trim();
    match sent.kind.as_str() {
        "team" => {
            let team: TeamName = name.parse()?;
            organizations
                .set_team_permission(actor, repository, team, sent.permission.parse()?)
                .await
                .map(|_| ())
        }
        "user" => {
            let (of, user): (_, Namespace) = (PermissionOf::Repository(repository), name.parse()?);
            organizations.put_permission(actor, of, &user, sent.permission.parse()?).await.map(|_| ())
        }
        "share" => {
            let invalid = |_| Error::Invalid {
                field: Field::ExpiresAt,
                reason: "must be a day such as 2027-01-31".into(),
            };
            let day: Option<jiff::civil::Date> = match sent.until.as_str() {
                "" => None,
                text => Some(text.parse().map_err(invalid)?),
            };
            let end = day.map(|day| day.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC)).transpose();
            let expires_at = end.map_err(invalid)?.map(|end| end.timestamp());
            let terms = ShareTerms { expires_at, description: String::new() };
            organizations.put_share(actor, repository, &name.parse()?, terms).await.map(|_| ())
        }
        _ => Err(unknown_kind()),
    }
}

async fn take(context: &Context, repository: &RepositoryName, sent: &Sent) -> Result<()> {
    let (actor, organizations) = (context.actor(), &context.app.organizations);
    match sent.kind.as_str() {
        "team" => {
            let team: TeamName = sent.name.parse()?;
            organizations.delete_team_permission(actor, repository, team).await.map(|_| ())
        }
        "user" => {
            let of = PermissionOf::Repository(repository);
            organizations.revoke_permission(actor, of, &sent.name.parse()?).await.map(|_| ())
        }
        "share" => organizations.delete_share(actor, repository, &sent.name.parse()?).await.map(|_| ()),
        _ => Err(unknown_kind()),
    }
}

async fn answer(context: &Context, name: &RepositoryName, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(lead(context, &format!("/ui/r/{name}/-/access?saved=1"))),
        Err(error @ (Error::Unauthenticated(_) | Error::RepositoryUnknown(_))) => Err(error),
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            let page = page(context, name, Some(Message::problem(sentence(&error)))).await?;
            send(context, status(&error), Kept::Never, &page)
        }
    }
}

/// `POST /ui/r/{repository}/-/access/give`.
pub(crate) async fn give_access(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, Sent) = (context.repository()?, context.form(body).await?);
    let done = give(context, &name, &sent).await;
    answer(context, &name, done).await
}

/// `POST /ui/r/{repository}/-/access/take`.
pub(crate) async fn take_access(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, Sent) = (context.repository()?, context.form(body).await?);
    let done = take(context, &name, &sent).await;
    answer(context, &name, done).await
}
