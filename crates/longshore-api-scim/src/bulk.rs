//! Many operations in one request.
//!
//! RFC 7644, section 3.7. They are done one after the other, each by itself; what one makes, those after it can name.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::observe;
use longshore_domain::Result as DomainResult;
use serde_json::{Map, Value, json};

use crate::context::{Context, Reply, versions};
use crate::error::{self, Refusal};
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

/// What the operations before made, by the ids that the client gave them.
type Made = BTreeMap<String, String>;

/// One operation.
struct Operation {
    method: Method,
    bulk_id: Option<String>,
    path: String,
    version: Option<Vec<String>>,
    data: Map<String, Value>,
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
        path: path.ok_or_else(|| Refusal::syntax("path must be a text"))?,
        version: text(object, "version")?.flatten().and_then(|version| versions(&version)),
        data,
    })
}

/// Gives what was made under a name that a text refers to; the text itself when it refers to none.
fn resolved(text: &str, made: &Made) -> Result<String, Refusal> {
    match text.strip_prefix("bulkId:") {
        None => Ok(text.to_owned()),
        Some(name) => made
            .get(name)
            .cloned()
            .ok_or_else(|| Refusal::value(format!("nothing was made as {name:?} before this operation"))),
    }
}

fn resolve(value: &mut Value, made: &Made) -> Result<(), Refusal> {
    match value {
        Value::String(text) => {
            *text = resolved(text, made)?;
            Ok(())
        }
        Value::Array(values) => values.iter_mut().try_for_each(|value| resolve(value, made)),
        Value::Object(object) => object.values_mut().try_for_each(|value| resolve(value, made)),
        _ => Ok(()),
    }
}

async fn perform(context: &Context, operation: &mut Operation, made: &mut Made) -> Result<Reply, Refusal> {
    for value in operation.data.values_mut() {
        resolve(value, made)?;
    }
    let path = operation.path.strip_prefix(wire::BASE).unwrap_or(&operation.path);
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let nowhere = || Refusal::not_found("path", path);
    let (kind, id) = match parts.as_slice() {
        [kind] => (*kind, None),
        [kind, id] => (*kind, Some(resolved(id, made)?)),
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
        ("Users", &Method::PUT, Some(id)) => users::replace(context, &id, data, versions, &everything).await,
        ("Users", &Method::PATCH, Some(id)) => {
            users::change(context, &id, &patch::operations(data)?, versions, &everything).await
        }
        ("Users", &Method::DELETE, Some(id)) => users::remove(context, &id, versions).await,
        ("Groups", &Method::POST, None) => {
            groups::create(context, data).await.map(|group| of_group(StatusCode::CREATED, group))
        }
        ("Groups", &Method::PUT, Some(id)) => {
            groups::replace(context, &id, data, versions).await.map(|group| of_group(StatusCode::OK, group))
        }
        ("Groups", &Method::PATCH, Some(id)) => {
            let operations = patch::operations(data)?;
            let group = groups::change(context, &id, &operations, versions).await?;
            Ok(of_group(StatusCode::OK, group))
        }
        ("Groups", &Method::DELETE, Some(id)) => groups::remove(context, &id, versions).await,
        _ => Err(nowhere()),
    }
}

async fn run(context: &Context, body: RequestBody) -> Result<Response, Refusal> {
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
    let (mut made, mut done, mut errors) = (Made::new(), Vec::new(), 0);
    for value in operations {
        if errors >= errors_limit {
            break;
        }
        let mut answer = Map::new();
        let performed = match read(value) {
            Err(refusal) => Err(refusal),
            Ok(mut operation) => {
                answer.insert("method".into(), operation.method.as_str().into());
                if let Some(id) = &operation.bulk_id {
                    answer.insert("bulkId".into(), id.as_str().into());
                }
                let reply = perform(context, &mut operation, &mut made).await;
                if let (Ok(reply), Some(name)) = (&reply, &operation.bulk_id)
                    && let Some(id) = reply.body.as_ref().and_then(|body| body["id"].as_str())
                {
                    made.insert(name.clone(), id.to_owned());
                }
                // What was there has an address, also when it is not to be changed.
                if reply.is_err() && operation.method != Method::POST {
                    let path = operation.path.strip_prefix(wire::BASE).unwrap_or(&operation.path);
                    answer.insert("location".into(), context.location(path).into());
                }
                reply
            }
        };
        match performed {
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
                errors += 1;
                if let Refusal::Domain(error) = &refusal
                    && error.is_fault()
                {
                    observe::log_fault(&context.client, error);
                }
                answer.insert("status".into(), refusal.status().as_u16().to_string().into());
                answer.insert("response".into(), refusal.document());
            }
        }
        done.push(Value::from(answer));
    }
    Ok(wire::json(StatusCode::OK, &json!({ "schemas": [RESPONSE], "Operations": done })))
}

/// `POST /Bulk`.
pub(crate) async fn bulk(context: &Context, body: RequestBody) -> DomainResult<Response> {
    Ok(run(context, body).await.unwrap_or_else(|refusal| error::render(&refusal, &context.client)))
}
