//! A row of the matrix: how one operation is asked for.

use serde_json::Value;

use super::door::{Door, Prepared};
use super::world::{Hands, Vars};
use crate::server::Answer;

/// What of an answer that was given is compared besides its status.
#[derive(Clone, Copy)]
pub enum Names {
    /// Nothing.
    None,
    /// What stands at a path of the document, `*` being each of a list.
    At(&'static str),
    /// What a function finds.
    By(fn(&Answer) -> Vec<String>),
}

/// An operation with all that its request needs.
pub struct Row {
    pub door: Door,
    /// Name of the operation, and after a slash what is special about this row.
    pub name: String,
    pub method: String,
    path: String,
    body: Value,
    raw: Option<(&'static str, String)>,
    header: Option<(&'static str, &'static str)>,
    /// Makes what the request destroys; it is made again after each request that was taken.
    pub made: Option<fn(&Hands<'_>) -> Vars>,
    /// Puts back what a request that was taken has changed.
    pub after: Option<fn(&Hands<'_>)>,
    pub names: Names,
    /// Whether the caller itself is called `self` in them.
    pub is_own: bool,
    /// When it is asked.
    pub phase: Phase,
}

/// When a row is asked: first what only looks, before anything is made, and last what disturbs others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Looking,
    Changing,
    Late,
    Last,
    /// What ends the callers' own sessions.
    End,
}

impl Phase {
    pub const ALL: &[Self] = &[Self::Looking, Self::Changing, Self::Late, Self::Last, Self::End];
}

impl Row {
    pub fn new(door: Door, name: &str, method: &str, path: &str) -> Self {
        Self {
            door,
            name: name.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            body: Value::Null,
            raw: None,
            header: None,
            made: None,
            after: None,
            names: Names::None,
            is_own: false,
            phase: if ["GET", "HEAD"].contains(&method) { Phase::Looking } else { Phase::Changing },
        }
    }

    /// The same operation, asked for in another way.
    pub fn named(mut self, special: &str) -> Self {
        self.name = format!("{}/{special}", self.name);
        self
    }

    /// The operation itself.
    pub fn operation(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    pub fn with(mut self, from: &str, to: &str) -> Self {
        self.path = self.path.replace(from, to);
        self
    }

    pub fn query(mut self, query: &str) -> Self {
        self.path = format!("{}?{query}", self.path);
        self
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    pub fn raw(mut self, kind: &'static str, body: String) -> Self {
        self.raw = Some((kind, body));
        self
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    pub fn made(mut self, make: fn(&Hands<'_>) -> Vars) -> Self {
        self.made = Some(make);
        self.in_phase(Phase::Changing)
    }

    pub fn after(mut self, restore: fn(&Hands<'_>)) -> Self {
        self.after = Some(restore);
        self
    }

    pub fn names(mut self, path: &'static str) -> Self {
        self.names = Names::At(path);
        self
    }

    pub fn names_by(mut self, find: fn(&Answer) -> Vec<String>) -> Self {
        self.names = Names::By(find);
        self
    }

    /// Calls the caller itself `self` in names.
    pub fn own(mut self) -> Self {
        self.is_own = true;
        self
    }

    pub fn in_phase(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self
    }

    /// Makes the request with names in the place of what stands for them.
    pub fn request(&self, vars: &[&Vars], number: u32) -> Prepared {
        let filled = |text: &str| {
            let mut text = text.replace("{n}", &number.to_string());
            for (name, value) in vars.iter().flat_map(|vars| vars.iter()) {
                // A number is written as a number.
                text =
                    text.replace(&format!("\"#{{{name}}}\""), value).replace(&format!("{{{name}}}"), value);
            }
            text
        };
        let (kind, body) = match &self.raw {
            Some((kind, body)) => (*kind, filled(body)),
            None if self.body.is_null() => ("application/json", String::new()),
            None => ("application/json", filled(&self.body.to_string())),
        };
        let kind = if self.door == Door::Scim { "application/scim+json" } else { kind };
        let mut headers = vec![("content-type", kind.to_owned())];
        headers.extend(self.header.map(|(name, value)| (name, filled(value))));
        Prepared { method: self.method.clone(), path: filled(&self.path), headers, body: body.into_bytes() }
    }

    /// Returns the names in an answer.
    pub fn names_in(&self, answer: &Answer) -> Option<Vec<String>> {
        let mut names = match self.names {
            Names::None => return None,
            Names::At(path) => {
                let mut found = Vec::new();
                collect(&answer.json(), &path.split('/').collect::<Vec<_>>(), &mut found);
                found
            }
            Names::By(find) => find(answer),
        };
        names.retain(|name| !name.is_empty());
        Some(names)
    }
}

fn collect(value: &Value, path: &[&str], found: &mut Vec<String>) {
    match (path, value) {
        ([], Value::String(text)) => found.push(text.clone()),
        ([], Value::Null) => {}
        ([], other) => found.push(other.to_string()),
        (["*", rest @ ..], Value::Array(items)) => items.iter().for_each(|item| collect(item, rest, found)),
        (["*", ..], _) => {}
        ([member, rest @ ..], value) => collect(&value[*member], rest, found),
    }
}
