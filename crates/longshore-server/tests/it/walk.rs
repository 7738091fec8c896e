//! Walks over a dialect's table of operations: each once as it is meant, and once with each input that it can be given
//! wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::server::{Answer, Client, Server};

/// An operation of a table.
pub struct Operation {
    pub name: &'static str,
    pub method: String,
    pub path: &'static str,
}

/// What a dialect answers wrong input with.
pub struct Refusals {
    /// A body or parameter that is not as documented.
    pub malformed: &'static [u16],
    /// A part of the path that cannot be a name.
    pub impossible_name: &'static [u16],
    /// Operations that take nothing, so that nothing can be wrong.
    pub without_input: &'static [&'static str],
}

pub struct Walk {
    pub server: Server,
    document: Value,
    operations: Vec<Operation>,
    refusals: Refusals,
    /// What stands for the parameters of paths.
    pub names: BTreeMap<&'static str, String>,
    pub who: String,
    /// Queries that operations need, by their names.
    pub queries: BTreeMap<&'static str, &'static str>,
    /// Whether bodies are sent as forms where the document has those.
    pub as_forms: bool,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    done: BTreeSet<&'static str>,
}

/// Sends a JSON request.
pub fn send(client: &Client, method: &str, path: &str, who: &str, body: &Value) -> Answer {
    let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
    client.send(method, path, who, &[("content-type", "application/json")], &bytes)
}

/// Writes a body as Python's clients write a form.
fn form(body: &Value) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in body.as_object().unwrap() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        if values.is_empty() {
            form.append_pair(name, "");
        }
        for value in values {
            match value {
                Value::Null => {}
                Value::String(text) => drop(form.append_pair(name, text)),
                Value::Bool(truth) => drop(form.append_pair(name, if *truth { "True" } else { "False" })),
                other => drop(form.append_pair(name, &other.to_string())),
            }
        }
    }
    form.finish().into_bytes()
}

impl Walk {
    /// Begins a walk over the operations that the server's own document at this path has too.
    pub fn new(server: Server, document: &str, operations: Vec<Operation>, refusals: Refusals) -> Self {
        let document = server.get(document, "").expect(200).json();
        Self {
            server,
            document,
            operations,
            refusals,
            names: BTreeMap::new(),
            who: String::new(),
            queries: BTreeMap::new(),
            as_forms: false,
            headers: Vec::new(),
            done: BTreeSet::new(),
        }
    }

    pub fn named(&mut self, name: &'static str, value: &Value) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.names.insert(name, text);
    }

    fn with_names(&self, path: &str) -> String {
        self.names.iter().fold(path.to_owned(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), &value.replace('/', "%2F"))
        })
    }

    /// Does an operation, with `body` when it takes one, after having asked for it with wrong input.
    #[track_caller]
    pub fn does(&mut self, name: &str, body: &Value, status: u16) -> Value {
        let found = self.operations.iter().position(|operation| operation.name == name);
        let operation = &self.operations[found.unwrap_or_else(|| panic!("there is no operation {name}"))];
        self.refuses_bad_input(operation);
        let mut path = self.with_names(operation.path);
        if let Some(query) = self.queries.get(operation.name) {
            path = format!("{path}?{query}");
        }
        let described = &self.document["paths"][operation.path][operation.method.to_lowercase()];
        let takes_form = described["requestBody"]["content"]["application/x-www-form-urlencoded"].is_object();
        let (kind, bytes) = match body {
            Value::Null => ("application/json", Vec::new()),
            body if self.as_forms && takes_form => ("application/x-www-form-urlencoded", form(body)),
            body => ("application/json", serde_json::to_vec(body).unwrap()),
        };
        let further = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = [("content-type", kind)].into_iter().chain(further).collect();
        let answer = self.server.send(&operation.method, &path, &self.who, &headers, &bytes).expect(status);
        self.done.insert(operation.name);
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Does an operation that takes a form.
    #[track_caller]
    pub fn does_form(&mut self, name: &str, form: &str, status: u16) {
        let operation = self.operations.iter().find(|operation| operation.name == name).unwrap();
        self.refuses_bad_input(operation);
        let path = self.with_names(operation.path);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.server.send(&operation.method, &path, &self.who, &headers, form.as_bytes()).expect(status);
        self.done.insert(operation.name);
    }

    #[track_caller]
    fn refuses_bad_input(&self, operation: &Operation) {
        let method = operation.method.as_str();
        let described = &self.document["paths"][operation.path][method.to_lowercase()];
        let malformed = self.refusals.malformed;
        let mut asked = 0;
        let mut ask = |path: &str, body: &[u8], allowed: &[u16]| {
            let headers = [("content-type", "application/json")];
            let Answer { status, .. } = self.server.send(method, path, &self.who, &headers, body);
            let what = String::from_utf8_lossy(body);
            assert!(allowed.contains(&status), "{method} {path} {what:?} answers {status}");
            asked += 1;
        };
        let path = self.with_names(operation.path);
        if let Some(required) = described["requestBody"]["required"].as_bool() {
            for body in ["{", "[]", "{\"", "null", "\"\\u0000\""] {
                // Nothing is what an optional body may be.
                if required || body != "null" {
                    ask(&path, body.as_bytes(), malformed);
                }
            }
        }
        for parameter in described["parameters"].as_array().unwrap() {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            if parameter["in"] == "path" {
                for wrong in ["%00", "%FF", "..%2F..", "%20"] {
                    let wrong = operation.path.replace(&format!("{{{name}}}"), wrong);
                    ask(&self.with_names(&wrong), b"{}", self.refusals.impossible_name);
                }
            } else if schema["type"] == "integer" {
                for wrong in ["-1", "x", "1.5", "99999999999999999999"] {
                    ask(&format!("{path}?{name}={wrong}"), b"", malformed);
                }
                if method == "GET" {
                    self.takes_alike(&path, name, "10", "10.0");
                }
            } else if schema["type"] == "boolean" {
                ask(&format!("{path}?{name}=wrong"), b"", malformed);
                if method == "GET" {
                    self.takes_alike(&path, name, "true", "True");
                }
            } else if schema["enum"].is_array() || schema["format"] == "date-time" {
                ask(&format!("{path}?{name}=wrong"), b"", malformed);
            } else if schema["type"] == "string" {
                ask(&format!("{path}?{name}=%00"), b"", malformed);
                if method == "GET" {
                    self.answers_long_text(operation, name);
                }
            }
        }
        let takes_nothing = self.refusals.without_input.contains(&operation.name);
        assert_eq!(asked == 0, takes_nothing, "{} was asked {asked} times with bad input", operation.name);
    }

    /// A value in two spellings is one value.
    #[track_caller]
    fn takes_alike(&self, path: &str, name: &str, one: &str, other: &str) {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = |value: &str| {
            let path = format!("{path}?{name}={value}");
            self.server.send("GET", &path, &self.who, &headers, b"").status
        };
        assert_eq!(answer(one), answer(other), "{path}: {name}={other} is not {name}={one}");
    }

    /// What is longer than anything that could be found is no fault of the registry's.
    #[track_caller]
    fn answers_long_text(&self, operation: &Operation, name: &str) {
        let path = self.with_names(operation.path);
        let further = self.queries.get(operation.name).map_or_else(String::new, |query| format!("{query}&"));
        let path = format!("{path}?{further}{name}={}", "x".repeat(60_000));
        let Answer { status, .. } = self.server.send("GET", &path, &self.who, &[], b"");
        assert!(status < 500, "{} answers {status} to a long {name}", operation.name);
    }

    /// Ends the walk, which must have been over all operations.
    #[track_caller]
    pub fn end(self) {
        let all: BTreeSet<&str> = self.operations.iter().map(|operation| operation.name).collect();
        let missing: Vec<_> = all.difference(&self.done).collect();
        assert!(missing.is_empty(), "these operations need a step here: {missing:?}");
    }
}
