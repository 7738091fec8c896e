//! Many operations in one request.
//!
//! RFC 7644, section 3.7. They are done one after the other, each by itself; what one makes, those after it can name.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::observe;
use serde_json::{Map, Value, json};

use crate::context::{Context, Reply, versions};
use crate::error::Refusal;
use crate::evaluate::member;
use crate::patch;
use crate::projection::Projection;
use crate::users::{check_schemas, text};
use crate::{groups, users, wire};

/// Most operations of one request.
pub(crate) const OPERATIONS_LIMIT: usize = 1000;
/// Largest body of one request.
pub(crate) const PAYLOAD_LIMIT_BYTES: usize = 1 << 20;
const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// What operations made, by the ids that the client gave them.
type Made = BTreeMap<String, String>;

/// One operation.
struct Operation {
    method: Method,
    bulk_id: Option<String>,
    path: String,
    version: Option<Vec<String>>,
    data: Map<String, Value>,
}

/// Returns the members of an answer that tell which operation it is of, as far as that can be read.
fn named(value: &Value) -> Map<String, Value> {
    let mut answer = Map::new();
    let Some(object) = value.as_object() else { return answer };
    if let Some(method) = member(object, "method").and_then(Value::as_str) {
        answer.insert("method".into(), method.to_ascii_uppercase().into());
    }
    if let Some(id) = member(object, "bulkId").and_then(Value::as_str) {
        answer.insert("bulkId".into(), id.into());
    }
    answer
}

fn read(value: &Value) -> Result<Operation, Refusal> {
    let object = value.as_object().ok_or_else(|| Refusal::syntax("each of Operations must be an object"))?;
    let method = match text(object, "method")?.flatten().map(|method| method.to_ascii_uppercase()).as_deref()
    {
        Some("POST") => Method::POST,
        Some("PUT") => Method::PUT,
        Some("PATCH") => Method::PATCH,
        Some("DELETE") => Method::DELETE,
        _ => return Err(Refusal::syntax("method must be POST, PUT, PATCH or DELETE")),
    };
    let bulk_id = text(object, "bulkId")?.flatten().filter(|id| !id.is_empty());
    if method == Method::POST && bulk_id.is_none() {
        return Err(Refusal::syntax("POST needs a bulkId"));
    }
    let path = text(object, "path")?.flatten();
    let data = match member(object, "data") {
        Some(Value::Object(data)) => data.clone(),
        _ if method == Method::DELETE => Map::new(),
        _ => return Err(Refusal::syntax("data must be an object")),
    };
    Ok(Operation {
        method,
        bulk_id,
        path: path.ok_or_else(|| Refusal::syntax("path must be a string"))?,
        version: text(object, "version")?.flatten().and_then(|version| versions(&version)),
        data,
    })
}

/// Returns the name that a text refers to.
fn reference(text: &str) -> Option<&str> {
    text.strip_prefix("bulkId:")
}

/// Puts the ids of what was made in place of references to it: in members `value`, where ids stand. Gives a name for which
/// there is nothing yet.
fn resolve(value: &mut Value, is_id: bool, made: &Made) -> Option<String> {
    match value {
        Value::String(text) if is_id => {
            let name = reference(text)?;
            match made.get(name) {
                None => Some(name.to_owned()),
                Some(id) => {
                    *text = id.clone();
                    None
                }
            }
        }
        Value::Array(values) => values.iter_mut().find_map(|value| resolve(value, is_id, made)),
        Value::Object(object) => object
            .iter_mut()
            .find_map(|(name, value)| resolve(value, name.eq_ignore_ascii_case("value"), made)),
        _ => None,
    }
}

impl Operation {
    /// Puts ids in place of references. Gives a name for which there is nothing yet.
    fn resolve(&mut self, made: &Made) -> Option<String> {
        let parts = self.path.rsplit_once('/').map(|(start, last)| (start.to_owned(), reference(last)));
        if let Some((start, Some(name))) = parts {
            match made.get(name) {
                None => return Some(name.to_owned()),
                Some(id) => self.path = format!("{start}/{id}"),
            }
        }
        self.data
            .iter_mut()
            .find_map(|(name, value)| resolve(value, name.eq_ignore_ascii_case("value"), made))
    }
}

async fn perform(context: &Context, operation: &Operation) -> Result<Reply, Refusal> {
    context.check_operation().await?;
    let path = operation.path.strip_prefix(wire::BASE).unwrap_or(&operation.path);
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let nowhere = || Refusal::not_found("path", path);
    let (kind, id) = match parts.as_slice() {
        [kind] => (*kind, None),
        [kind, id] => (*kind, Some(*id)),
        _ => return Err(nowhere()),
    };
    let everything = Projection::default();
    let (data, versions) = (&operation.data, operation.version.as_deref());
    let of_group = |status, group: longshore_domain::directory::DirectoryGroup| Reply {
        status,
        body: Some(json!({ "id": group.uuid.to_string() })),
        location: Some(context.location(&format!("/Groups/{}", group.uuid))),
        version: Some(group.version()),
    };
    match (kind, &operation.method, id) {
        ("Users", &Method::POST, None) => users::create(context, data, &everything).await,
        ("Users", &Method::PUT, Some(id)) => users::replace(context, id, data, versions, &everything).await,
        ("Users", &Method::PATCH, Some(id)) => {
            users::change(context, id, &patch::operations(data)?, versions, &everything).await
        }
        ("Users", &Method::DELETE, Some(id)) => users::remove(context, id, versions).await,
        ("Groups", &Method::POST, None) => {
            groups::create(context, data).await.map(|group| of_group(StatusCode::CREATED, group))
        }
        ("Groups", &Method::PUT, Some(id)) => {
            groups::replace(context, id, data, versions).await.map(|group| of_group(StatusCode::OK, group))
        }
        ("Groups", &Method::PATCH, Some(id)) => {
            let operations = patch::operations(data)?;
            let group = groups::change(context, id, &operations, versions).await?;
            Ok(of_group(StatusCode::OK, group))
        }
        ("Groups", &Method::DELETE, Some(id)) => groups::remove(context, id, versions).await,
        _ => Err(nowhere()),
    }
}

/// `POST /Bulk`.
pub(crate) async fn bulk(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
    let body = context.object(body).await?;
    check_schemas(&body, REQUEST)?;
    let Some(Value::Array(operations)) = member(&body, "Operations") else {
        return Err(Refusal::syntax("Operations must be a list"));
    };
    if operations.len() > OPERATIONS_LIMIT {
        let detail = format!("at most {OPERATIONS_LIMIT} operations fit into one request; use several");
        return Err(Refusal::Scim { status: StatusCode::PAYLOAD_TOO_LARGE, kind: Some("tooMany"), detail });
    }
    let errors_limit = match member(&body, "failOnErrors") {
        None | Some(Value::Null) => usize::MAX,
        Some(value) => match value.as_u64().filter(|number| *number > 0) {
            Some(number) => usize::try_from(number).unwrap_or(usize::MAX),
            None => return Err(Refusal::syntax("failOnErrors must be a number from 1")),
        },
    };
    let done = vec![None; operations.len()];
    let mut run = Run { context, made: Made::new(), done, errors: 0, refused: None };
    let mut left = Vec::new();
    let mut names = BTreeSet::new();
    for (number, value) in operations.iter().enumerate() {
        let operation = match read(value) {
            Ok(operation) if operation.bulk_id.as_ref().is_some_and(|id| !names.insert(id.clone())) => {
                Err(Refusal::value("another operation has this bulkId"))
            }
            operation => operation,
        };
        left.push((number, operation, named(value)));
    }
    // What refers to something that comes later is done after it.
    loop {
        let before = left.len();
        let mut waiting = Vec::new();
        for (number, operation, answer) in left {
            if run.errors >= errors_limit {
                break;
            }
            match operation {
                Err(refusal) => run.answer(number, answer, Err(refusal)),
                Ok(mut operation) => match operation.resolve(&run.made) {
                    Some(_) => waiting.push((number, Ok(operation), answer)),
                    None => run.perform(number, &operation, answer).await,
                },
            }
        }
        left = waiting;
        if left.is_empty() || left.len() == before || run.errors >= errors_limit {
            break;
        }
    }
    for (number, operation, answer) in left {
        if run.errors >= errors_limit {
            break;
        }
        let name = operation.ok().and_then(|mut operation| operation.resolve(&run.made)).unwrap_or_default();
        let detail = format!("no operation made {name:?}, to which this one refers");
        run.answer(number, answer, Err(Refusal::Scim { status: StatusCode::CONFLICT, kind: None, detail }));
    }
    if let Some(refusal) = &run.refused {
        context.note_refusal(refusal).await;
    }
    let done: Vec<Value> = run.done.into_iter().flatten().collect();
    Ok(wire::json(StatusCode::OK, &json!({ "schemas": [RESPONSE], "Operations": done })))
}

/// A request that is being done.
struct Run<'c> {
    context: &'c Context,
    made: Made,
    /// What came of each operation, in their order.
    done: Vec<Option<Value>>,
    errors: usize,
    /// What was refused last.
    refused: Option<Refusal>,
}

impl Run<'_> {
    async fn perform(&mut self, number: usize, operation: &Operation, mut answer: Map<String, Value>) {
        let reply = perform(self.context, operation).await;
        if let (Ok(reply), Some(name)) = (&reply, &operation.bulk_id)
            && let Some(id) = reply.body.as_ref().and_then(|body| body["id"].as_str())
        {
            self.made.insert(name.clone(), id.to_owned());
        }
        // What was there has an address, also when it was not changed.
        if operation.method != Method::POST {
            let path = operation.path.strip_prefix(wire::BASE).unwrap_or(&operation.path);
            answer.insert("location".into(), self.context.location(path).into());
        }
        self.answer(number, answer, reply);
    }

    fn answer(&mut self, number: usize, mut answer: Map<String, Value>, reply: Result<Reply, Refusal>) {
        match reply {
            Ok(reply) => {
                answer.insert("status".into(), reply.status.as_u16().to_string().into());
                let version = reply.version.map(|version| wire::entity_tag(&version));
                for (name, value) in [("location", reply.location), ("version", version)] {
                    if let Some(value) = value {
                        answer.insert(name.into(), value.into());
                    }
                }
            }
            Err(refusal) => {
                self.errors += 1;
                if let Refusal::Domain(error) = &refusal
                    && error.is_fault()
                {
                    observe::log_fault(&self.context.client, error);
                }
                answer.insert("status".into(), refusal.status().as_u16().to_string().into());
                answer.insert("response".into(), refusal.document());
                self.refused = Some(refusal);
            }
        }
        if let Some(place) = self.done.get_mut(number) {
            *place = Some(answer.into());
        }
    }
}
