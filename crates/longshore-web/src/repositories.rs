//! Repositories: all that somebody may see, and a new one.

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::list_place::{REPOSITORY_ORDERS, repository_key, repository_place};
use longshore_content::inventory::{Browsed, HeldRepository};
use longshore_domain::name::{Namespace, RepositoryName, is_reserved};
use longshore_domain::repository::query::NamespaceFilter;
use longshore_domain::repository::{RepositoryChange, RepositoryOrder, Visibility};
use longshore_domain::{Error, Field, Result};
use longshore_organizations::namespaces::ListedNamespaces;
use serde::Deserialize;

use crate::context::Context;
use crate::error::{needs_presence, sentence, status};
use crate::format::{Age, Size, count, counted};
use crate::list::{self, Choice, Head, Pager, choices};
use crate::page::{Frame, Kept, Message, Place, lead, send, show};

/// A repository in a list.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) is_public: bool,
    pub(crate) description: String,
    pub(crate) tags: String,
    pub(crate) stored: Size,
    pub(crate) pushed: Age,
    pub(crate) pulls: String,
}

/// A page of repositories.
pub(crate) struct Rows {
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<Row>,
    pub(crate) pager: Pager,
    pub(crate) caption: String,
}

fn row(context: &Context, held: &HeldRepository) -> Row {
    let details = &held.details;
    Row {
        name: details.repository.name.to_string(),
        is_public: details.repository.visibility == Visibility::Public,
        description: details.description.clone(),
        tags: count(held.counts.tags),
        stored: Size(held.counts.stored_bytes),
        pushed: Age { at: details.updated_at, now: context.app.platform.now() },
        pulls: count(details.pulls),
    }
}

/// What narrows a list of repositories, as its form has it.
pub(crate) struct Filter {
    pub(crate) name_part: String,
    pub(crate) visibility: Vec<Choice>,
}

/// Reads a page of the repositories of a namespace, or of all by name; `None` when the first page is the one to show.
pub(crate) async fn find(context: &Context, namespace: Option<&Namespace>) -> Result<Option<(Rows, Filter)>> {
    let now_order = context.query("order").unwrap_or("name".into()).into_owned();
    let order = match namespace {
        Some(_) => context.choice("order", REPOSITORY_ORDERS)?,
        None => RepositoryOrder::Name,
    };
    let name_part = context.text("holds");
    let visibility = context.query("visibility").map(|text| text.parse()).transpose()?;
    let filter = NamespaceFilter { name_part: name_part.clone(), visibility, ..NamespaceFilter::default() };
    let list = format!("repositories {namespace:?} {order:?} {filter:?}");
    let from = list::read(context, &list, |place| repository_key(order, place))?;
    let read_order = if from.is_backward { order.reversed() } else { order };
    let among = match namespace {
        Some(name) => Browsed::Namespace { name, filter, order: read_order },
        None if from.is_backward => return Ok(None),
        None => Browsed::Registry,
    };
    let size = context.page_size()?;
    let found =
        context.app.content.browse_repositories(context.actor(), among, from.key.clone(), size).await?;
    let arranged = list::arrange(context, &list, &from, found, |held| held.key(order), repository_place)?;
    let Some((items, mut pager)) = arranged else { return Ok(None) };
    let heads = match namespace {
        None => {
            // Read by name, forwards.
            pager.newer = None;
            ["Repository", "Tags", "Stored", "Pushed", "Pulls"].map(Head::plain).into_iter().collect()
        }
        Some(_) => vec![
            Head::sorting(context, "Repository", "name", "-name", &now_order),
            Head::plain("Tags").number(),
            Head::sorting(context, "Stored", "-size", "size", &now_order).number(),
            Head::sorting(context, "Pushed", "-pushed", "pushed", &now_order),
            Head::sorting(context, "Pulls", "-pulls", "pulls", &now_order).number(),
        ],
    };
    let caption = match (items.len(), pager.is_empty()) {
        (0, _) => "No repository".to_owned(),
        (number, true) => counted(number as u64, "repository", "repositories"),
        (number, false) => format!("{} on this page", counted(number as u64, "repository", "repositories")),
    };
    let rows = items.iter().map(|held| row(context, held)).collect();
    let chosen = visibility.map_or("", Visibility::as_str);
    let words = [("", "All"), ("private", "Private"), ("public", "Public")];
    let filter = Filter { name_part, visibility: choices(&words, chosen) };
    Ok(Some((Rows { heads, rows, pager, caption }, filter)))
}

/// Names of the namespaces in which somebody may make repositories, the own one first.
async fn own_namespaces(context: &Context) -> Result<Vec<String>> {
    let Some(here) = context.here() else { return Ok(Vec::new()) };
    let found = context
        .app
        .organizations
        .list_own_namespaces(context.actor(), "", ListedNamespaces::Permitted)
        .await?;
    let own = here.browser.account.name.to_string();
    let mut names: Vec<String> = found.iter().map(|found| found.account.name.to_string()).collect();
    names.retain(|name| *name != own);
    names.insert(0, own);
    names.retain(|name| !is_reserved(name));
    Ok(names)
}

#[derive(Template)]
#[template(path = "repositories.html")]
struct RepositoriesPage {
    frame: Frame,
    namespaces: Vec<String>,
    list: Rows,
}

/// `GET /ui/repositories`.
pub(crate) async fn show_repositories(context: &Context, _body: RequestBody) -> Result<Response> {
    let Some((list, _)) = find(context, None).await? else { return Ok(lead(context, &list::first(context))) };
    let frame = Frame::new(context, Place::Repositories, "Repositories");
    show(context, &RepositoriesPage { frame, namespaces: own_namespaces(context).await?, list })
}

#[derive(Template)]
#[template(path = "new_repository.html")]
struct NewRepositoryPage {
    frame: Frame,
    namespaces: Vec<Choice>,
    name: String,
    description: String,
    is_public: bool,
    /// The field that is wrong.
    wrong: &'static str,
}

#[derive(Default, Deserialize)]
struct NewRepository {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    visibility: String,
}

async fn new_repository(
    context: &Context,
    sent: &NewRepository,
    error: Option<&Error>,
) -> Result<NewRepositoryPage> {
    let names = own_namespaces(context).await?;
    let chosen = if sent.namespace.is_empty() { context.text("namespace") } else { sent.namespace.clone() };
    let entries: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let wrong = match error {
        Some(Error::Invalid { field: Field::Description, .. }) => "description",
        Some(Error::NameInvalid { .. } | Error::NameReserved(_) | Error::Exists(_)) => "name",
        _ => "",
    };
    let frame = Frame::new(context, Place::Repositories, "New repository")
        .below([("Repositories", "/ui/repositories".into()), ("New repository", String::new())])
        .saying(error.map(|error| Message::problem(sentence(error))));
    Ok(NewRepositoryPage {
        frame,
        namespaces: choices(&entries, &chosen),
        name: sent.name.clone(),
        description: sent.description.clone(),
        is_public: sent.visibility == "public",
        wrong,
    })
}

/// `GET /ui/repositories/new`.
pub(crate) async fn show_new_repository(context: &Context, _body: RequestBody) -> Result<Response> {
    show(context, &new_repository(context, &NewRepository::default(), None).await?)
}

/// `POST /ui/repositories/new`.
pub(crate) async fn create_repository(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: NewRepository = context.form(body).await?;
    let made = create(context, &sent).await;
    match made {
        Ok(name) => Ok(lead(context, &format!("/ui/r/{name}?new=1"))),
        Err(error) if error.is_fault() || needs_presence(&error) => Err(error),
        Err(error) => {
            let page = new_repository(context, &sent, Some(&error)).await?;
            send(context, status(&error), Kept::Never, &page)
        }
    }
}

async fn create(context: &Context, sent: &NewRepository) -> Result<RepositoryName> {
    let name: RepositoryName = format!("{}/{}", sent.namespace, sent.name.trim()).parse()?;
    let visibility = match sent.visibility.as_str() {
        "" => Visibility::Private,
        other => other.parse()?,
    };
    let change = RepositoryChange {
        description: Some(sent.description.clone()).filter(|text| !text.is_empty()),
        ..RepositoryChange::default()
    };
    context.app.content.create_repository(context.actor(), &name, visibility, change).await?;
    Ok(name)
}
