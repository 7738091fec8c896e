//! Groups: the teams of the organization.
//!
//! RFC 7643, section 4.2. A group may have more members than fit into memory, so members are read and written a page at a time,
//! and a change never reads those that it is not about.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, StatusCode, header};
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::{Response, ResponseBody};
use longshore_app::App;
use longshore_domain::Result as DomainResult;
use longshore_domain::account::AccountId;
use longshore_domain::directory::query::{
    DirectoryFilter, DirectoryOrder, DirectoryPage, GroupQuery, NamedMembers,
};
use longshore_domain::directory::{
    DirectoryGroup, GroupChange, GroupLookup, GroupMember, MemberChange, Provisioner,
};
use longshore_domain::page::PageSize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::attribute::AttributePath;
use crate::context::{Context, Reply, expected};
use crate::error::Refusal;
use crate::evaluate::{self, member};
use crate::filter::{Filter, Operator, Value as Compared};
use crate::patch::{self, Operation, Verb};
use crate::patch_path::PatchPath;
use crate::projection::Projection;
use crate::schema::{Found, GROUP, GROUPS};
use crate::search::{self, ListQuery, Search, Sort};
use crate::users::{check_schemas, text};
use crate::wire;

/// Members that are read at once.
const MEMBERS_PAGE: u64 = 1000;

/// A page of groups.
type Page = DirectoryPage<DirectoryGroup>;

/// Returns a group without its members.
fn resource(context: &Context, group: &DirectoryGroup) -> Map<String, Value> {
    let mut resource = Map::new();
    resource.insert("schemas".into(), json!([GROUP]));
    resource.insert("id".into(), group.uuid.to_string().into());
    if let Some(id) = &group.external_id {
        resource.insert("externalId".into(), id.as_str().into());
    }
    resource.insert("displayName".into(), group.display_name.as_str().into());
    resource.insert(
        "meta".into(),
        json!({
            "resourceType": "Group",
            "created": wire::time(group.created_at),
            "lastModified": wire::time(group.updated_at),
            "location": context.location(&format!("/Groups/{}", group.uuid)),
            "version": wire::entity_tag(&group.version()),
        }),
    );
    resource
}

/// Groups on their way to the client.
struct Writing {
    app: Arc<App>,
    provisioner: Provisioner,
    base: String,
    projection: Projection,
    /// Groups without members, each with what comes before its members.
    left: VecDeque<(DirectoryGroup, String)>,
    /// The group whose members are being written, the member behind which they go on, and whether one was written.
    current: Option<(DirectoryGroup, AccountId, bool)>,
    prefix: Option<String>,
    suffix: Option<String>,
    is_first: bool,
}

impl Writing {
    fn member(&self, member: &GroupMember) -> Value {
        let mut shown = Map::new();
        let value = json!({
            "value": member.uuid.to_string(), "$ref": format!("{}/Users/{}", self.base, member.uuid),
        });
        shown.insert("members".into(), json!([value]));
        self.projection.apply(&GROUPS, &mut shown);
        shown.get("members").and_then(|members| members.get(0)).cloned().unwrap_or_default()
    }

    async fn next(&mut self) -> DomainResult<Option<Bytes>> {
        if let Some(prefix) = self.prefix.take() {
            return Ok(Some(prefix.into()));
        }
        if let Some((group, after, mut has_begun)) = self.current.take() {
            let size = PageSize::clamped(MEMBERS_PAGE)?;
            let members = self
                .app
                .organizations
                .list_directory_group_members(&self.provisioner, &group, after, size)
                .await?;
            let mut text = String::new();
            for member in &members {
                if has_begun {
                    text.push(',');
                }
                has_begun = true;
                text.push_str(&self.member(member).to_string());
            }
            match members.last() {
                Some(last) => self.current = Some((group, last.account_id, has_begun)),
                None => text.push_str("]}"),
            }
            return Ok(Some(text.into()));
        }
        let Some((group, head)) = self.left.pop_front() else {
            return Ok(self.suffix.take().map(Bytes::from));
        };
        let separator = if self.is_first { "" } else { "," };
        self.is_first = false;
        if !self.projection.wants(&GROUPS, "members") {
            return Ok(Some(format!("{separator}{head}").into()));
        }
        // What is written of an object, without its end.
        let open = head.strip_suffix('}').unwrap_or(&head);
        let text = format!("{separator}{open},\"members\":[");
        self.current = Some((group, AccountId(0), false));
        Ok(Some(text.into()))
    }
}

fn streamed(
    context: &Context,
    status: StatusCode,
    groups: Vec<DirectoryGroup>,
    projection: Projection,
    prefix: String,
    suffix: String,
    is_first: bool,
) -> Result<Response, Refusal> {
    let head = |group: DirectoryGroup| {
        let mut shown = resource(context, &group);
        projection.apply(&GROUPS, &mut shown);
        let text = Value::from(shown).to_string();
        (group, text)
    };
    let writing = Writing {
        app: Arc::clone(&context.app),
        provisioner: context.provisioner()?.clone(),
        base: context.location(""),
        left: groups.into_iter().map(head).collect(),
        projection: projection.clone(),
        current: None,
        prefix: Some(prefix),
        suffix: Some(suffix),
        is_first,
    };
    let stream = stream::try_unfold(writing, |mut writing| async move {
        let next = writing.next().await?;
        Ok(next.map(|bytes| (bytes, writing)))
    });
    let content: ResponseBody = body::pieces(Box::pin(stream));
    let mut response = Response::new(content);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(wire::MEDIA_TYPE));
    Ok(response)
}

/// Answers a list of resources that are there and of groups.
pub(crate) fn stream_list(
    context: &Context,
    envelope: Map<String, Value>,
    resources: Vec<Map<String, Value>>,
    groups: Vec<DirectoryGroup>,
    projection: Projection,
) -> Result<Response, Refusal> {
    let envelope = Value::from(envelope).to_string();
    let open = envelope.strip_suffix('}').unwrap_or(&envelope);
    let is_first = resources.is_empty();
    let resources: Vec<String> =
        resources.into_iter().map(|resource| Value::from(resource).to_string()).collect();
    let prefix = format!("{open},\"Resources\":[{}", resources.join(","));
    streamed(context, StatusCode::OK, groups, projection, prefix, "]}".into(), is_first)
}

fn one(
    context: &Context,
    status: StatusCode,
    group: DirectoryGroup,
    projection: Projection,
) -> Result<Response, Refusal> {
    let location = context.location(&format!("/Groups/{}", group.uuid));
    let tag = wire::entity_tag(&group.version());
    let mut response =
        streamed(context, status, vec![group], projection, String::new(), String::new(), true)?;
    for (name, value) in [(header::LOCATION, location), (header::ETAG, tag)] {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn group_id(text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| Refusal::not_found("group", text))
}

/// Returns the ids of members from a value of `members`.
fn member_ids(value: &Value) -> Result<Vec<Uuid>, Refusal> {
    let values = match value {
        Value::Null => &[],
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let each = values.iter().map(|value| {
        let id = match value {
            Value::String(id) => Some(id.as_str()),
            Value::Object(object) => member(object, "value").and_then(Value::as_str),
            _ => None,
        };
        let id = id.ok_or_else(|| Refusal::value("each of members must be an object with a value"))?;
        id.parse().map_err(|_| Refusal::value(format!("members: there is no user with the id {id:?}")))
    });
    each.collect()
}

/// Reads a whole group. What is absent stays as it is.
fn read(body: &Map<String, Value>) -> Result<GroupChange, Refusal> {
    check_schemas(body, GROUP)?;
    let members = match member(body, "members") {
        None => Vec::new(),
        Some(value) => vec![MemberChange::Replace(member_ids(value)?)],
    };
    Ok(GroupChange {
        display_name: text(body, "displayName")?.flatten(),
        external_id: text(body, "externalId")?.map(|id| id.filter(|id| !id.is_empty())),
        members,
    })
}

/// Returns the ids that a filter in brackets chooses: members are chosen by `value`.
fn chosen_ids(filter: &Filter) -> Result<Vec<Uuid>, Refusal> {
    match filter {
        Filter::Compare(path, Operator::Equal, Compared::Text(id)) if path.name == "value" => {
            // Whoever cannot be is no member.
            Ok(id.parse().into_iter().collect())
        }
        Filter::Or(filters) => {
            let each: Result<Vec<_>, _> = filters.iter().map(chosen_ids).collect();
            Ok(each?.into_iter().flatten().collect())
        }
        _ => Err(Refusal::filter("members are chosen by value: members[value eq \"…\"]")),
    }
}

/// Reads what operations change of a group.
fn read_operations(operations: &[Operation]) -> Result<GroupChange, Refusal> {
    let mut change = GroupChange::default();
    for operation in operations {
        for single in patch::spread(operation, &GROUPS)? {
            read_operation(&single, &mut change)?;
        }
    }
    Ok(change)
}

fn text_value(value: Option<&Value>, name: &str) -> Result<String, Refusal> {
    let text = value.and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Refusal::value(format!("{name} must be a string")))
}

fn read_operation(operation: &Operation, change: &mut GroupChange) -> Result<(), Refusal> {
    let value = operation.value.as_ref();
    let (path, filter) = match &operation.path {
        None => return Ok(()),
        Some(PatchPath::Attribute(path)) => (path, None),
        Some(PatchPath::Elements { attribute, filter, part }) => {
            if part.is_some() {
                return Err(Refusal::mutability("a member comes and goes as a whole"));
            }
            (attribute, Some(filter))
        }
    };
    let (attribute, part) = match GROUPS.find(path) {
        Found::Attribute(attribute, part) => (attribute, part),
        Found::Absent => return Ok(()),
        Found::Unknown => return Err(patch::unknown(path, &GROUPS)),
    };
    match (attribute.name, operation.verb) {
        ("displayName", Verb::Remove) => return Err(Refusal::mutability("displayName must have a value")),
        ("displayName", _) => change.display_name = Some(text_value(value, "displayName")?),
        ("externalId", Verb::Remove) => change.external_id = Some(None),
        ("externalId", _) => {
            let id = match value {
                None | Some(Value::Null) => None,
                value => Some(text_value(value, "externalId")?).filter(|id| !id.is_empty()),
            };
            change.external_id = Some(id);
        }
        ("members", verb) => {
            if part.is_some_and(|part| part.name != "value") {
                return Err(Refusal::mutability("a member comes and goes as a whole"));
            }
            let named = value.filter(|value| !value.is_null());
            change.members.push(match (verb, filter, named) {
                (Verb::Remove, Some(filter), _) => MemberChange::Remove(chosen_ids(filter)?),
                (Verb::Remove, None, Some(value)) => MemberChange::Remove(member_ids(value)?),
                (Verb::Remove, None, None) => MemberChange::Replace(Vec::new()),
                (Verb::Add, None, value) => MemberChange::Add(member_ids(value.unwrap_or(&Value::Null))?),
                (Verb::Replace, None, value) => {
                    MemberChange::Replace(member_ids(value.unwrap_or(&Value::Null))?)
                }
                (Verb::Add | Verb::Replace, Some(_), _) => {
                    return Err(Refusal::mutability("a member comes and goes as a whole"));
                }
            });
        }
        ("schemas" | "id", _) => {}
        (name, _) => {
            return Err(Refusal::mutability(format!("{name} is set by the registry and cannot be changed")));
        }
    }
    Ok(())
}

/// Makes a group.
pub(crate) async fn create(context: &Context, body: &Map<String, Value>) -> Result<DirectoryGroup, Refusal> {
    let change = read(body)?;
    Ok(context.app.organizations.create_directory_group(context.provisioner()?, change).await?)
}

async fn change_with(
    context: &Context,
    id: &str,
    change: GroupChange,
    versions: Option<&[String]>,
) -> Result<DirectoryGroup, Refusal> {
    let (id, provisioner) = (group_id(id)?, context.provisioner()?);
    let group = context.app.organizations.get_directory_group(provisioner, id).await?;
    let expected = expected(group.version(), versions)?;
    Ok(context.app.organizations.change_directory_group(provisioner, id, change, expected).await?)
}

/// Puts a group in place of the one before.
pub(crate) async fn replace(
    context: &Context,
    id: &str,
    body: &Map<String, Value>,
    versions: Option<&[String]>,
) -> Result<DirectoryGroup, Refusal> {
    change_with(context, id, read(body)?, versions).await
}

/// Changes parts of a group.
pub(crate) async fn change(
    context: &Context,
    id: &str,
    operations: &[Operation],
    versions: Option<&[String]>,
) -> Result<DirectoryGroup, Refusal> {
    change_with(context, id, read_operations(operations)?, versions).await
}

/// Deletes a group.
pub(crate) async fn remove(
    context: &Context,
    id: &str,
    versions: Option<&[String]>,
) -> Result<Reply, Refusal> {
    let (id, provisioner) = (group_id(id)?, context.provisioner()?);
    let group = context.app.organizations.get_directory_group(provisioner, id).await?;
    let expected = expected(group.version(), versions)?;
    context.app.organizations.delete_directory_group(provisioner, id, expected).await?;
    Ok(Reply::nothing())
}

/// Returns what finds the groups with an attribute that compares so with a text.
fn lookup(attribute: &str, operator: Operator, text: &str) -> Option<GroupLookup> {
    match (attribute, operator) {
        ("displayName", Operator::Equal) => Some(GroupLookup::DisplayName(text.to_owned())),
        ("externalId", Operator::Equal) => Some(GroupLookup::ExternalId(text.to_owned())),
        ("id", Operator::Equal) => Some(text.parse().map_or(GroupLookup::Nothing, GroupLookup::Id)),
        ("members", Operator::Equal) => Some(text.parse().map_or(GroupLookup::Nothing, GroupLookup::Member)),
        _ => None,
    }
}

/// Returns the members that a filter compares with; other comparisons of members would need all of them.
fn compared_members(filter: &Filter, found: &mut BTreeSet<String>) -> Result<(), Refusal> {
    let refused = || Refusal::filter("members are compared by value, and with eq: members[value eq \"…\"]");
    let is_members = |path: &AttributePath| matches!(GROUPS.find(path), Found::Attribute(attribute, _) if attribute.name == "members");
    match filter {
        Filter::And(filters) | Filter::Or(filters) => {
            filters.iter().try_for_each(|filter| compared_members(filter, found))
        }
        Filter::Not(filter) => compared_members(filter, found),
        Filter::Compare(path, Operator::Equal, Compared::Text(id))
            if is_members(path) && path.part.as_deref().is_none_or(|part| part == "value") =>
        {
            found.insert(id.clone());
            Ok(())
        }
        Filter::Element(path, filter) if is_members(path) => {
            for id in chosen_ids(filter).map_err(|_| refused())? {
                found.insert(id.to_string());
            }
            Ok(())
        }
        Filter::Present(path) | Filter::Compare(path, ..) if is_members(path) => Err(refused()),
        Filter::Present(_) | Filter::Compare(..) | Filter::Element(..) => Ok(()),
    }
}

/// Finds the groups of a page.
pub(crate) async fn find(context: &Context, asking: &ListQuery) -> Result<Page, Refusal> {
    let ListQuery { filter, sort, is_descending, skip, take, .. } = asking;
    // Of members, a group is asked only for those that the filter names, as it writes their ids.
    let mut ids = BTreeSet::new();
    if let Some(filter) = filter {
        compared_members(filter, &mut ids)?;
    }
    let named: Vec<(String, Uuid)> =
        ids.into_iter().filter_map(|id| id.parse().ok().map(|uuid| (id, uuid))).collect();
    let asked = |group: &DirectoryGroup| {
        let mut shown = resource(context, group);
        let members = named.iter().filter(|(_, uuid)| group.named_members.contains(uuid));
        let members: Vec<Value> = members.map(|(id, _)| json!({ "value": id })).collect();
        if !members.is_empty() {
            shown.insert("members".into(), members.into());
        }
        shown
    };
    let meets = |group: &DirectoryGroup| {
        filter.as_ref().is_none_or(|filter| evaluate::meets(filter, &asked(group), &GROUPS))
    };
    let key = |group: &DirectoryGroup| search::sort_key(&resource(context, group), *sort);
    let query = GroupQuery {
        filter: filter.as_ref().map(|filter| DirectoryFilter {
            condition: evaluate::condition(filter, &GROUPS, &lookup),
            meets: &meets,
        }),
        order: match sort {
            Sort::Unsorted => DirectoryOrder::Any,
            Sort::By(..) => DirectoryOrder::By { index: None, key: &key, is_descending: *is_descending },
        },
        parts: NamedMembers(named.iter().map(|(_, uuid)| *uuid).collect()),
        skip: *skip,
        take: *take,
    };
    let found = context.app.organizations.find_directory_groups(context.provisioner()?, &query).await?;
    search::page(found)
}

/// Answers a list of groups.
pub(crate) async fn list(context: &Context, search: &Search) -> Result<Response, Refusal> {
    let asking = search.read(&GROUPS)?;
    let page = find(context, &asking).await?;
    let envelope = search::envelope(page.total, asking.skip, page.items.len());
    stream_list(context, envelope, Vec::new(), page.items, asking.projection)
}

/// `GET /Groups`.
pub(crate) async fn list_groups(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    list(context, &context.search()?).await
}

/// `POST /Groups`.
pub(crate) async fn create_group(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    let projection = context.projection()?;
    let group = create(context, &context.object(body).await?).await?;
    one(context, StatusCode::CREATED, group, projection)
}

/// `GET /Groups/{id}`.
pub(crate) async fn get_group(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    let (id, projection) = (group_id(context.parameter("id"))?, context.projection()?);
    let group = context.app.organizations.get_directory_group(context.provisioner()?, id).await?;
    if context.has(&group.version()) {
        let version = Some(group.version());
        let reply = Reply { status: StatusCode::NOT_MODIFIED, body: None, location: None, version };
        return Ok(reply.response());
    }
    one(context, StatusCode::OK, group, projection)
}

/// `PUT /Groups/{id}`.
pub(crate) async fn replace_group(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    let versions = context.versions(header::IF_MATCH);
    let (body, projection) = (context.object(body).await?, context.projection()?);
    let group = replace(context, context.parameter("id"), &body, versions.as_deref()).await?;
    one(context, StatusCode::OK, group, projection)
}

/// `PATCH /Groups/{id}`.
pub(crate) async fn change_group(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    let versions = context.versions(header::IF_MATCH);
    let operations = patch::operations(&context.object(body).await?)?;
    let projection = context.projection()?;
    let group = change(context, context.parameter("id"), &operations, versions.as_deref()).await?;
    one(context, StatusCode::OK, group, projection)
}

/// `DELETE /Groups/{id}`.
pub(crate) async fn delete_group(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    let versions = context.versions(header::IF_MATCH);
    Ok(remove(context, context.parameter("id"), versions.as_deref()).await?.response())
}
