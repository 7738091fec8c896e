//! Lists: filters, order and pages; and searches by `POST`.
//!
//! RFC 7644, sections 3.4.2 and 3.4.3. How resources are found is planned by `longshore_organizations::directory_queries`.

use longshore_api_common::Response;
use longshore_api_common::api_request::whole;
use longshore_api_common::body::RequestBody;
use longshore_domain::directory::query::{DirectoryAnswer, DirectoryPage, SORTED_LIMIT};
use serde_json::{Map, Value, json};

use crate::attribute::AttributePath;
use crate::context::Context;
use crate::error::Refusal;
use crate::evaluate::{self, member};
use crate::filter::Filter;
use crate::projection::Projection;
use crate::schema::{Attribute, Found, GROUPS, Kind, Schema, USERS};
use crate::{groups, users, wire};

/// Resources of a page when the client does not say.
const DEFAULT_COUNT: i64 = 100;
/// Most resources of a page; who asks for more gets these.
pub(crate) const COUNT_LIMIT: i64 = 200;
/// Largest number of a first resource.
const START_LIMIT: i64 = 1_000_000_000;

/// What a client searches for.
pub(crate) struct Search {
    pub(crate) filter: Option<String>,
    pub(crate) sort_by: Option<String>,
    pub(crate) sort_order: Option<String>,
    pub(crate) start_index: Option<i64>,
    pub(crate) count: Option<i64>,
    pub(crate) projection: Projection,
}

/// What a list is sorted by.
#[derive(Clone, Copy)]
pub(crate) enum Sort {
    /// As the resources came.
    Unsorted,
    /// By an attribute, or a part of one.
    By(&'static Attribute, Option<&'static Attribute>),
}

/// A search that was read.
pub(crate) struct ListQuery {
    pub(crate) filter: Option<Filter>,
    pub(crate) sort: Sort,
    pub(crate) is_descending: bool,
    /// How many resources lie before the page.
    pub(crate) skip: u64,
    pub(crate) take: usize,
    pub(crate) projection: Projection,
}

impl Search {
    /// Reads a search for resources of one type.
    pub(crate) fn read(&self, schema: &'static Schema) -> Result<ListQuery, Refusal> {
        let filter =
            self.filter.as_deref().map(Filter::parse).transpose().map_err(Refusal::unreadable_filter)?;
        if let Some(filter) = &filter {
            evaluate::check(filter, schema)?;
        }
        let is_descending = match self.sort_order.as_deref() {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => return Err(Refusal::value("sortOrder must be ascending or descending")),
        };
        let sort = match self.sort_by.as_deref() {
            None => Sort::Unsorted,
            Some(text) => sort_by(text, schema)?,
        };
        let (skip, take) = self.window();
        let projection = self.projection.clone();
        // Without an attribute to sort by, an order means nothing.
        let is_descending = is_descending && self.sort_by.is_some();
        Ok(ListQuery { filter, sort, is_descending, skip, take, projection })
    }

    fn window(&self) -> (u64, usize) {
        let start = self.start_index.unwrap_or(1).clamp(1, START_LIMIT);
        let count = self.count.unwrap_or(DEFAULT_COUNT).clamp(0, COUNT_LIMIT);
        (u64::try_from(start - 1).unwrap_or_default(), usize::try_from(count).unwrap_or_default())
    }

    /// Reads what the body of a search says.
    fn of_body(body: &Map<String, Value>) -> Result<Self, Refusal> {
        let text = |name: &str| match member(body, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(Refusal::syntax(format!("{name} must be a string"))),
        };
        let number = |name: &str| match member(body, name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_number().and_then(|number| whole(&number.to_string()));
                number.map(Some).ok_or_else(|| Refusal::syntax(format!("{name} must be a whole number")))
            }
        };
        let list = |name: &str| match member(body, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) => {
                let texts: Option<Vec<_>> =
                    values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
                texts.map(Some).ok_or_else(|| Refusal::syntax(format!("{name} must be a list of strings")))
            }
            Some(_) => Err(Refusal::syntax(format!("{name} must be a list of strings"))),
        };
        let projection =
            Projection::new(list("attributes")?.as_deref(), list("excludedAttributes")?.as_deref())?;
        Ok(Self {
            filter: text("filter")?,
            sort_by: text("sortBy")?,
            sort_order: text("sortOrder")?,
            start_index: number("startIndex")?,
            count: number("count")?,
            projection,
        })
    }
}

fn sort_by(text: &str, schema: &'static Schema) -> Result<Sort, Refusal> {
    let unknown = || Refusal::value(format!("sortBy must be one of {}, or a part of one", schema.names()));
    match schema.find(&AttributePath::parse(text).ok_or_else(unknown)?) {
        Found::Attribute(attribute, _) if attribute.returned == "never" => Err(unknown()),
        Found::Attribute(attribute, part) => Ok(Sort::By(attribute, part)),
        Found::Absent => Ok(Sort::Unsorted),
        Found::Unknown => Err(unknown()),
    }
}

/// Returns what a resource is sorted by: of an attribute with several values the first choice.
pub(crate) fn sort_key(resource: &Map<String, Value>, sort: Sort) -> Option<String> {
    let Sort::By(attribute, part) = sort else { return None };
    let value = member(resource, attribute.name)?;
    let value = match value {
        Value::Array(values) => {
            let is_primary =
                |value: &&Value| value.get("primary").and_then(evaluate::truth_of).unwrap_or_default();
            values.iter().find(is_primary).or_else(|| values.first())?
        }
        value => value,
    };
    let first = attribute.part("value").or_else(|| attribute.part("familyName"));
    let (value, attribute) = match part.or(first).filter(|_| attribute.kind == Kind::Complex) {
        Some(part) => (member(value.as_object()?, part.name)?, part),
        None => (value, attribute),
    };
    match value {
        Value::String(text) if attribute.is_case_exact => Some(text.clone()),
        Value::String(text) => Some(text.to_lowercase()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Returns what a query found, or refuses what is too much.
pub(crate) fn page<N>(answer: DirectoryAnswer<N>) -> Result<DirectoryPage<N>, Refusal> {
    match answer {
        DirectoryAnswer::Found(page) => Ok(page),
        DirectoryAnswer::TakesTooLong => Err(Refusal::too_many(
            "this takes too long: compare userName, externalId, id or emails with eq, so that an index finds them",
        )),
        DirectoryAnswer::TooManyToSort => Err(Refusal::too_many(format!(
            "at most {SORTED_LIMIT} resources are sorted by this attribute; narrow the filter, or sort by userName"
        ))),
    }
}

/// Returns the members of a list besides its resources.
pub(crate) fn envelope(total: u64, skip: u64, items: usize) -> Map<String, Value> {
    let envelope = json!({
        "schemas": [wire::LIST], "totalResults": total, "startIndex": skip + 1, "itemsPerPage": items,
    });
    envelope.as_object().cloned().unwrap_or_default()
}

/// `POST /Users/.search`.
pub(crate) async fn search_users(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    users::list(context, &Search::of_body(&context.object(body).await?)?).await
}

/// `POST /Groups/.search`.
pub(crate) async fn search_groups(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    groups::list(context, &Search::of_body(&context.object(body).await?)?).await
}

/// Searches users and groups, the users first. An attribute that only one of the types has finds only that.
async fn all(context: &Context, search: &Search) -> Result<Response, Refusal> {
    let (of_users, of_groups) = match (search.read(&USERS), search.read(&GROUPS)) {
        (Err(refusal), Err(_)) => return Err(refusal),
        (of_users, of_groups) => (of_users.ok(), of_groups.ok()),
    };
    let (skip, take) = search.window();
    let mut total = 0;
    let mut resources = Vec::new();
    if let Some(asking) = of_users {
        let page = users::find(context, &asking).await?;
        total += page.total;
        resources.extend(page.resources);
    }
    let mut found_groups = Vec::new();
    let mut projection = Projection::default();
    if let Some(mut asking) = of_groups {
        asking.skip = skip.saturating_sub(total);
        asking.take = take - resources.len();
        let page = groups::find(context, &asking).await?;
        total += page.total;
        found_groups = page.items;
        projection = asking.projection;
    }
    let envelope = envelope(total, skip, resources.len() + found_groups.len());
    groups::stream_list(context, envelope, resources, found_groups, projection)
}

/// `POST /.search`.
pub(crate) async fn search_all(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    all(context, &Search::of_body(&context.object(body).await?)?).await
}
