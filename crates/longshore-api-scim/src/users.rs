//! Users.
//!
//! RFC 7643, section 4.1; the Docker Hub API document, "SCIM": the user name is the e-mail address, the display name that of the
//! account.

use http::{StatusCode, header};
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::Error;
use longshore_domain::conflict::Conflict;
use longshore_domain::directory::query::{DirectoryFilter, DirectoryOrder, QueriedParts, UserQuery};
use longshore_domain::directory::{
    DirectoryChange, DirectoryEmail, DirectoryUser, UserLookup, UserOrder, UserParts,
};
use longshore_domain::email::EmailAddress;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::context::{Context, Reply, expected};
use crate::error::Refusal;
use crate::evaluate::{self, member, truth_of};
use crate::filter::Operator;
use crate::patch::{self, Operation};
use crate::projection::Projection;
use crate::schema::{Attribute, USER, USERS};
use crate::search::{self, ListQuery, Search, Sort};
use crate::wire;

/// How often a change is tried anew when others change the same user.
const ATTEMPTS: u32 = 20;

/// A page of users.
pub(crate) struct Page {
    pub(crate) total: u64,
    pub(crate) resources: Vec<Map<String, Value>>,
}

/// Returns the e-mail addresses of a user: as long as none are kept, the user name is one.
fn emails(user: &DirectoryUser) -> Vec<Value> {
    let address = &user.user_name;
    if user.emails.is_empty() && address.parse::<EmailAddress>().is_ok() {
        return vec![json!({ "value": address, "display": address, "type": "work", "primary": true })];
    }
    let each = user.emails.iter().map(|email| {
        let mut document = json!({ "value": email.address });
        if let Some(display) = &email.display {
            document["display"] = display.as_str().into();
        }
        if let Some(kind) = &email.kind {
            document["type"] = kind.as_str().into();
        }
        document["primary"] = email.is_primary.into();
        document
    });
    each.collect()
}

/// Returns a user as it is answered.
pub(crate) fn resource(context: &Context, user: &DirectoryUser) -> Map<String, Value> {
    let location = context.location(&format!("/Users/{}", user.uuid));
    let mut resource = Map::new();
    resource.insert("schemas".into(), json!([USER]));
    resource.insert("id".into(), user.uuid.to_string().into());
    if let Some(id) = &user.external_id {
        resource.insert("externalId".into(), id.as_str().into());
    }
    resource.insert("userName".into(), user.user_name.as_str().into());
    let (given, family) = user.names();
    let name: Map<String, Value> = [("givenName", given), ("familyName", family)]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    if !name.is_empty() {
        resource.insert("name".into(), name.into());
    }
    resource.insert("displayName".into(), user.name.as_str().into());
    resource.insert("active".into(), user.is_active.into());
    let emails = emails(user);
    if !emails.is_empty() {
        resource.insert("emails".into(), emails.into());
    }
    if !user.teams.is_empty() {
        let groups = user.teams.iter().map(|team| {
            json!({
                "value": team.uuid.to_string(),
                "$ref": context.location(&format!("/Groups/{}", team.uuid)),
                "display": team.display_name,
            })
        });
        resource.insert("groups".into(), groups.collect());
    }
    resource.insert(
        "meta".into(),
        json!({
            "resourceType": "User",
            "created": wire::time(user.created_at),
            "lastModified": wire::time(user.updated_at),
            "location": location,
            "version": wire::entity_tag(&user.version()),
        }),
    );
    resource
}

fn reply(context: &Context, status: StatusCode, user: &DirectoryUser, projection: &Projection) -> Reply {
    let mut shown = resource(context, user);
    projection.apply(&USERS, &mut shown);
    Reply {
        status,
        body: Some(shown.into()),
        location: Some(context.location(&format!("/Users/{}", user.uuid))),
        version: Some(user.version()),
    }
}

pub(crate) fn user_id(text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| Refusal::not_found("user", text))
}

/// Checks that a document says what it is.
pub(crate) fn check_schemas(body: &Map<String, Value>, wanted: &str) -> Result<(), Refusal> {
    let Some(Value::Array(schemas)) = member(body, "schemas") else {
        return Err(Refusal::syntax("schemas must be a list that tells what the body is"));
    };
    let is_it = |schema: &Value| schema.as_str().is_some_and(|schema| schema.eq_ignore_ascii_case(wanted));
    match schemas.iter().any(is_it) {
        true => Ok(()),
        false => Err(Refusal::value(format!("schemas must have {wanted}"))),
    }
}

/// Returns a text, `None` when it is absent, `Some(None)` when it is null.
pub(crate) fn text(body: &Map<String, Value>, name: &str) -> Result<Option<Option<String>>, Refusal> {
    match member(body, name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) => Ok(Some(Some(text.clone()))),
        Some(_) => Err(Refusal::value(format!("{name} must be a string"))),
    }
}

fn read_email(value: &Value) -> Result<DirectoryEmail, Refusal> {
    let object = match value {
        Value::String(address) => {
            return Ok(DirectoryEmail {
                address: address.clone(),
                kind: None,
                display: None,
                is_primary: false,
            });
        }
        Value::Object(object) => object,
        _ => return Err(Refusal::value("each of emails must be an object with a value")),
    };
    let address = text(object, "value")?.flatten();
    let is_primary = match member(object, "primary") {
        None | Some(Value::Null) => false,
        Some(value) => {
            truth_of(value).ok_or_else(|| Refusal::value("emails.primary must be true or false"))?
        }
    };
    Ok(DirectoryEmail {
        address: address.ok_or_else(|| Refusal::value("each of emails must have a value"))?,
        kind: text(object, "type")?.flatten(),
        display: text(object, "display")?.flatten(),
        is_primary,
    })
}

fn read_emails(value: &Value) -> Result<Vec<DirectoryEmail>, Refusal> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(values) => values.iter().map(read_email).collect(),
        value => Ok(vec![read_email(value)?]),
    }
}

/// Reads a whole user. What is absent, and a name that is empty, stays as it is.
fn read(body: &Map<String, Value>) -> Result<DirectoryChange, Refusal> {
    check_schemas(body, USER)?;
    let truth = |name: &str| match member(body, name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match truth_of(value) {
            Some(truth) => Ok(Some(truth)),
            None => Err(Refusal::value(format!("{name} must be true or false"))),
        },
    };
    let mut change = DirectoryChange {
        user_name: text(body, "userName")?.flatten(),
        external_id: text(body, "externalId")?.map(|id| id.filter(|id| !id.is_empty())),
        emails: member(body, "emails").map(read_emails).transpose()?,
        is_active: truth("active")?.or(truth("enabled")?),
        password: text(body, "password")?.flatten(),
        ..DirectoryChange::default()
    };
    match member(body, "name") {
        None | Some(Value::Null) => {}
        Some(Value::Object(name)) => {
            change.given_name = text(name, "givenName")?.flatten().filter(|name| !name.is_empty());
            change.family_name = text(name, "familyName")?.flatten().filter(|name| !name.is_empty());
        }
        Some(_) => return Err(Refusal::value("name must be an object")),
    }
    Ok(change)
}

/// Returns what differs between a user before and after a change.
fn difference(before: &Map<String, Value>, after: &Map<String, Value>) -> Result<DirectoryChange, Refusal> {
    let changed = |name: &str| before.get(name) != after.get(name);
    let mut change = DirectoryChange::default();
    if changed("userName") {
        change.user_name = text(after, "userName")?.flatten();
    }
    if changed("externalId") {
        change.external_id = Some(text(after, "externalId")?.flatten().filter(|id| !id.is_empty()));
    }
    if changed("emails") {
        change.emails = Some(read_emails(after.get("emails").unwrap_or(&Value::Null))?);
    }
    if changed("name") {
        let part = |whole: &Map<String, Value>, part: &str| {
            let name = whole.get("name").and_then(Value::as_object);
            name.and_then(|name| name.get(part)).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let new = |name: &str| Some(part(after, name)).filter(|new| *new != part(before, name));
        change.given_name = new("givenName");
        change.family_name = new("familyName");
    }
    change.password = text(after, "password")?.flatten();
    Ok(change)
}

/// Makes a user.
pub(crate) async fn create(
    context: &Context,
    body: &Map<String, Value>,
    projection: &Projection,
) -> Result<Reply, Refusal> {
    let change = read(body)?;
    let user = context.app.organizations.create_directory_user(context.provisioner()?, change).await?;
    Ok(reply(context, StatusCode::CREATED, &user, projection))
}

/// Returns a user, unless the client has this version.
pub(crate) async fn get(context: &Context, id: &str, projection: &Projection) -> Result<Reply, Refusal> {
    let user = context.app.organizations.get_directory_user(context.provisioner()?, user_id(id)?).await?;
    let found = reply(context, StatusCode::OK, &user, projection);
    match context.has(&user.version()) {
        true => Ok(Reply { status: StatusCode::NOT_MODIFIED, body: None, ..found }),
        false => Ok(found),
    }
}

/// Puts a user in place of the one before.
pub(crate) async fn replace(
    context: &Context,
    id: &str,
    body: &Map<String, Value>,
    versions: Option<&[String]>,
    projection: &Projection,
) -> Result<Reply, Refusal> {
    let (id, provisioner) = (user_id(id)?, context.provisioner()?);
    let mut change = read(body)?;
    // As documented: whoever is neither said to be active nor enabled is deactivated.
    change.is_active = change.is_active.or(Some(false));
    let user = context.app.organizations.get_directory_user(provisioner, id).await?;
    let expected = expected(user.version(), versions)?;
    let user = context.app.organizations.change_directory_user(provisioner, id, change, expected).await?;
    Ok(reply(context, StatusCode::OK, &user, projection))
}

/// Changes parts of a user.
pub(crate) async fn change(
    context: &Context,
    id: &str,
    operations: &[Operation],
    versions: Option<&[String]>,
    projection: &Projection,
) -> Result<Reply, Refusal> {
    let (id, provisioner) = (user_id(id)?, context.provisioner()?);
    for _ in 0..ATTEMPTS {
        let user = context.app.organizations.get_directory_user(provisioner, id).await?;
        expected(user.version(), versions)?;
        let before = resource(context, &user);
        let mut after = before.clone();
        patch::apply(operations, &mut after, &USERS)?;
        let mut change = difference(&before, &after)?;
        // Also when it is so already: others may have switched the account off, and on again later.
        if patch::names(operations, "active", &USERS) {
            change.is_active = after.get("active").and_then(truth_of);
        }
        // What was read must still be so when it is changed.
        let version = Some(user.version());
        match context.app.organizations.change_directory_user(provisioner, id, change, version).await {
            Err(Error::PreconditionFailed) if versions.is_none() => {}
            changed => return Ok(reply(context, StatusCode::OK, &changed?, projection)),
        }
    }
    Err(Refusal::Domain(Conflict::DirectoryUserBusy.into()))
}

/// Takes a user out of the organization.
pub(crate) async fn remove(
    context: &Context,
    id: &str,
    versions: Option<&[String]>,
) -> Result<Reply, Refusal> {
    let (id, provisioner) = (user_id(id)?, context.provisioner()?);
    let user = context.app.organizations.get_directory_user(provisioner, id).await?;
    let expected = expected(user.version(), versions)?;
    context.app.organizations.delete_directory_user(provisioner, id, expected).await?;
    Ok(Reply::nothing())
}

/// Returns what finds the users with an attribute that compares so with a text.
fn lookup(attribute: &str, operator: Operator, text: &str) -> Option<UserLookup> {
    let value = || text.to_owned();
    match (attribute, operator) {
        ("userName", Operator::Equal) => Some(UserLookup::UserName(value())),
        ("userName", Operator::StartsWith) if !text.is_empty() => Some(UserLookup::UserNamePrefix(value())),
        ("externalId", Operator::Equal) => Some(UserLookup::ExternalId(value())),
        ("displayName", Operator::Equal) => Some(UserLookup::Name(value())),
        ("emails", Operator::Equal) => Some(UserLookup::Email(value())),
        ("id", Operator::Equal) => Some(text.parse().map_or(UserLookup::Nobody, UserLookup::Id)),
        _ => None,
    }
}

/// Returns the order that an index has, if one has that by an attribute.
fn index(attribute: &Attribute, part: Option<&Attribute>) -> Option<UserOrder> {
    match (attribute.name, part.map(|part| part.name)) {
        ("userName", None) => Some(UserOrder::UserName),
        ("meta", Some("created")) => Some(UserOrder::Position),
        _ => None,
    }
}

/// Finds the users of a page.
pub(crate) async fn find(context: &Context, asking: &ListQuery) -> Result<Page, Refusal> {
    let ListQuery { filter, sort, is_descending, skip, take, projection } = asking;
    let names = |attribute| filter.as_ref().is_some_and(|filter| evaluate::names(filter, attribute));
    let looks_at = |name| names(name) || matches!(sort, Sort::By(attribute, _) if attribute.name == name);
    let parts = QueriedParts {
        examined: UserParts { emails: looks_at("emails"), teams: looks_at("groups") },
        shown: UserParts {
            emails: projection.wants(&USERS, "emails"),
            teams: projection.wants(&USERS, "groups"),
        },
    };
    let meets = |user: &DirectoryUser| {
        filter.as_ref().is_none_or(|filter| evaluate::meets(filter, &resource(context, user), &USERS))
    };
    let key = |user: &DirectoryUser| search::sort_key(&resource(context, user), *sort);
    let query = UserQuery {
        filter: filter.as_ref().map(|filter| DirectoryFilter {
            condition: evaluate::condition(filter, &USERS, &lookup),
            meets: &meets,
        }),
        order: match *sort {
            Sort::Unsorted => DirectoryOrder::Any,
            Sort::By(attribute, part) => {
                DirectoryOrder::By { index: index(attribute, part), key: &key, is_descending: *is_descending }
            }
        },
        parts,
        skip: *skip,
        take: *take,
    };
    let found = context.app.organizations.find_directory_users(context.provisioner()?, &query).await?;
    let page = search::page(found)?;
    let show = |user: &DirectoryUser| {
        let mut shown = resource(context, user);
        projection.apply(&USERS, &mut shown);
        shown
    };
    Ok(Page { total: page.total, resources: page.items.iter().map(show).collect() })
}

/// Answers a list of users. Clients of Docker Hub read `resources`, all others `Resources`.
pub(crate) async fn list(context: &Context, search: &Search) -> Result<Response, Refusal> {
    let asking = search.read(&USERS)?;
    let page = find(context, &asking).await?;
    let mut list = search::envelope(page.total, asking.skip, page.resources.len());
    list.insert("resources".into(), page.resources.clone().into());
    list.insert("Resources".into(), page.resources.into());
    Ok(wire::json(StatusCode::OK, &list.into()))
}

/// `GET /Users`.
pub(crate) async fn list_users(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    list(context, &context.search()?).await
}

/// `POST /Users`.
pub(crate) async fn create_user(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    let made = create(context, &context.object(body).await?, &context.projection()?).await?;
    Ok(made.response())
}

/// `GET /Users/{id}`.
pub(crate) async fn get_user(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    let found = get(context, context.parameter("id"), &context.projection()?).await?;
    Ok(found.response())
}

/// `PUT /Users/{id}`.
pub(crate) async fn replace_user(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    let versions = context.versions(header::IF_MATCH);
    let (body, projection) = (context.object(body).await?, context.projection()?);
    let put = replace(context, context.parameter("id"), &body, versions.as_deref(), &projection).await?;
    Ok(put.response())
}

/// `PATCH /Users/{id}`.
pub(crate) async fn change_user(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    let versions = context.versions(header::IF_MATCH);
    let operations = patch::operations(&context.object(body).await?)?;
    let projection = context.projection()?;
    let changed =
        change(context, context.parameter("id"), &operations, versions.as_deref(), &projection).await?;
    Ok(changed.response())
}

/// `DELETE /Users/{id}`.
pub(crate) async fn delete_user(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    let versions = context.versions(header::IF_MATCH);
    Ok(remove(context, context.parameter("id"), versions.as_deref()).await?.response())
}
