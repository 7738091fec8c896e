//! Holds answers, and requests that were taken, against what the API documents say (`tests/contract`).

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::server::{Answer, Server};

const DOCUMENTS: [(&str, &str); 8] = [
    ("docr-registries", include_str!("../contract/docr-registries.json")),
    ("docr-registry", include_str!("../contract/docr-registry.json")),
    ("hub-base", include_str!("../contract/hub-base.json")),
    ("hub-images", include_str!("../contract/hub-images.json")),
    ("hub-latest", include_str!("../contract/hub-latest.json")),
    ("native", include_str!("../../../longshore-api-native/openapi.json")),
    ("scim", include_str!("../contract/scim.json")),
    ("swr", include_str!("../contract/swr.json")),
];

/// hub-tool gets a bare list here, everybody else what the document says.
const BARE_LIST: &str = "/v2/orgs/{org_name}/groups/{group_name}/members";

struct Document {
    name: &'static str,
    root: Value,
    /// By method, path and status.
    validators: Mutex<HashMap<String, Option<&'static Validator>>>,
}

fn documents() -> &'static [Document] {
    static READ: OnceLock<Vec<Document>> = OnceLock::new();
    READ.get_or_init(|| {
        let read = |(name, text)| Document {
            name,
            root: nullable(serde_json::from_str(text).unwrap()),
            validators: Mutex::default(),
        };
        DOCUMENTS.into_iter().map(read).collect()
    })
}

/// Writes OpenAPI's `nullable` as JSON Schema does.
fn nullable(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(nullable).collect(),
        Value::Object(mut members) => {
            if members.remove("nullable") == Some(json!(true)) {
                let kind = members["type"].take();
                members.insert("type".into(), json!([kind, "null"]));
                if let Some(Value::Array(choices)) = members.get_mut("enum") {
                    choices.push(Value::Null);
                }
            }
            members.into_iter().map(|(name, value)| (name, nullable(value))).collect()
        }
        other => other,
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.trim_end_matches('/').split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(text)) if part == text || (part.starts_with('{') && !text.is_empty()) => {}
            _ => return false,
        }
    }
}

impl Document {
    /// Returns the pattern of a path, that without parameters first.
    fn find(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let paths = self.root["paths"].as_object().unwrap();
        let mut found: Vec<_> = paths.iter().filter(|(pattern, _)| matches(pattern, path)).collect();
        found.sort_by_key(|(pattern, _)| pattern.matches('{').count());
        let (pattern, operations) = found.first()?;
        operations.get(method.to_lowercase()).map(|operation| (pattern.as_str(), operation))
    }

    /// Follows a reference to a component that is no schema.
    fn resolved<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str().and_then(|text| text.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).unwrap(),
            None => value,
        }
    }

    /// Returns what an answer's body must be; `None` for anything.
    #[track_caller]
    fn of_answer(&self, key: &str, operation: &Value, status: u16) -> Option<&'static Validator> {
        let responses = &operation["responses"];
        let of_class = format!("{}XX", status / 100);
        let names = [status.to_string(), "default".into(), of_class];
        let response = names.iter().find_map(|name| responses.get(name));
        let response = response.unwrap_or_else(|| panic!("{} has no status {status} for {key}", self.name));
        self.validator(&format!("{key} {status}"), self.resolved(response))
    }

    /// Returns what a request's body must be; `None` for anything.
    fn of_request(&self, key: &str, operation: &Value) -> Option<&'static Validator> {
        self.validator(key, self.resolved(operation.get("requestBody")?))
    }

    fn validator(&self, key: &str, described: &Value) -> Option<&'static Validator> {
        let mut validators = self.validators.lock().unwrap();
        *validators.entry(key.to_owned()).or_insert_with(|| {
            let content = &described["content"];
            let kinds = ["application/json", "application/scim+json", "application/problem+json"];
            let schema = kinds.iter().map(|kind| &content[*kind]["schema"]).find(|schema| !schema.is_null());
            let schema = schema.unwrap_or(&Value::Null);
            if schema.is_null() {
                return None;
            }
            let schema = json!({ "allOf": [schema], "components": self.root["components"] });
            Some(Box::leak(Box::new(jsonschema::validator_for(&schema).unwrap())))
        })
    }
}

#[track_caller]
fn hold(validator: Option<&Validator>, body: &Value, what: &str) {
    let Some(validator) = validator else { return };
    let errors = validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path()));
    let errors: Vec<String> = errors.collect();
    assert!(errors.is_empty(), "{what} is not as documented: {errors:?}: {body}");
}

/// Checks an answer, and the request if it was taken, when the operation is in a document.
#[track_caller]
pub fn check(method: &str, path: &str, request: &[u8], answer: &Answer) {
    // In our own API, the name of a repository is one part of the path.
    let path = longshore_api_native::with_name_in_one(path.split('?').next().unwrap());
    let path = path.as_ref();
    for document in documents() {
        let Some((pattern, operation)) = document.find(method, path) else { continue };
        if method == "HEAD" || (pattern == BARE_LIST && answer.body.starts_with(b"[")) {
            continue;
        }
        let (key, name) = (format!("{method} {pattern}"), document.name);
        // To have too much to do, with when to come again, and no room are HTTP's own; not every vendor's document has them,
        // but all documents that are served do.
        let is_https_own = match answer.status {
            503 => !answer.header("retry-after").is_empty(),
            status => status == 507,
        };
        let described = [answer.status.to_string().as_str(), "5XX", "default"]
            .iter()
            .any(|name| operation["responses"].get(name).is_some());
        if is_https_own && !described {
            continue;
        }
        let expected = document.of_answer(&key, operation, answer.status);
        if expected.is_some() {
            hold(expected, &answer.json(), &format!("{name}: the answer {} of {key}", answer.status));
        }
        // Forms are in no document.
        let is_json = request.starts_with(b"{") || request.starts_with(b"[");
        if answer.status < 300 && is_json {
            let body = serde_json::from_slice(request).unwrap();
            hold(document.of_request(&key, operation), &body, &format!("{name}: a request of {key}"));
        }
    }
}

#[test]
fn every_operation_of_the_documents_that_are_served_says_how_it_fails() {
    let server = Server::bare(&[]);
    for (name, full) in
        [("hub", "507"), ("digitalocean", "507"), ("native", "507"), ("scim", "507"), ("swr", "500")]
    {
        let document = server.get(&format!("/api/openapi/{name}.json"), "").expect(200).json();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, operations)| {
            operations.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
        });
        let mut seen = 0;
        for (path, method, operation) in operations {
            seen += 1;
            let responses = &operation["responses"];
            let is_identity = name == "swr" && responses["429"].is_object();
            for status in ["500", "503", if is_identity { "503" } else { full }] {
                let of = format!("{status} of {method} {path} of {name}");
                let content = responses[status]["content"].as_object().unwrap_or_else(|| panic!("{of}"));
                let schema = content.values().next().unwrap()["schema"]["$ref"].as_str().unwrap();
                assert!(document.pointer(schema.trim_start_matches('#')).is_some(), "{of}: {schema}");
            }
            assert!(responses["503"]["headers"]["Retry-After"].is_object(), "{method} {path} of {name}");
        }
        assert!(seen > 10, "{name}: {seen}");
    }
}

#[test]
fn answers_that_a_document_does_not_have_are_found() {
    let answer = |status, body: Value| Answer {
        status,
        headers: http::HeaderMap::new(),
        body: serde_json::to_vec(&body).unwrap(),
    };
    let finds = |method: &'static str, path: &'static str, status, body: Value| {
        std::panic::catch_unwind(move || check(method, path, b"", &answer(status, body))).is_err()
    };
    let tokens = "/v2/access-tokens?page=1";
    assert!(!finds("GET", tokens, 200, json!({ "count": 0, "next": null, "results": [] })));
    assert!(finds("GET", tokens, 200, json!({ "count": 0, "next": 1, "results": [] })));
    assert!(finds("GET", tokens, 200, json!({ "results": [{ "scopes": "repo:read" }] })));
    assert!(finds("GET", tokens, 201, json!({})));
    assert!(finds("GET", "/v2/orgs/acme/members/", 200, json!({ "results": [{ "role": "King" }] })));
    assert!(finds("POST", "/v2/invites/bulk", 500, json!({})));
    assert!(finds("POST", "/v2/invites/bulk", 418, json!({ "detail": 1 })));
    assert!(!finds("GET", "/v2/acme/app/manifests/v1", 500, json!({})));
    let run = "/v2/registry/shop/garbage-collection";
    assert!(finds("GET", run, 200, json!({ "garbage_collection": { "status": "sleeping" } })));
    assert!(finds("GET", "/v2/registries", 200, json!({ "registries": [{ "name": "shop" }] })));
    assert!(finds("GET", "/v2/registry", 418, json!({ "id": "teapot" })));
    let tags = "/v2/manage/namespaces/shop/repos/app/tags";
    assert!(finds("GET", tags, 200, json!([{ "Tag": "v1" }])));
    assert!(finds("GET", tags, 400, json!({ "errorCode": "1" })));
    assert!(finds("GET", "/v2/scim/2.0/Users", 200, json!({ "resources": [{ "active": "yes" }] })));
    assert!(finds("POST", "/v2/scim/2.0/Users", 409, json!({ "status": 409 })));
    let taken =
        || check("POST", "/v2/users/login", b"{\"username\":1}", &answer(200, json!({ "token": "x" })));
    assert!(std::panic::catch_unwind(taken).is_err());
}
