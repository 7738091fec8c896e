//! Which attributes of a resource are answered.
//!
//! RFC 7644, section 3.9.

use serde_json::{Map, Value};

use crate::attribute::AttributePath;
use crate::error::Refusal;
use crate::schema::{Found, Schema};

/// Most attributes that are named.
const NAMED_LIMIT: usize = 100;

/// What is answered of a resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Projection {
    only: Option<Vec<AttributePath>>,
    without: Vec<AttributePath>,
}

fn parsed(names: &[String]) -> Result<Vec<AttributePath>, Refusal> {
    if names.len() > NAMED_LIMIT {
        return Err(Refusal::value(format!("at most {NAMED_LIMIT} attributes can be named")));
    }
    let names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let read = AttributePath::parse(name);
            read.ok_or_else(|| Refusal::value(format!("{name:?} is not the name of an attribute")))
        })
        .collect()
}

impl Projection {
    /// Makes one from the names of attributes that are wanted, and of those that are not.
    pub(crate) fn new(only: Option<&[String]>, without: Option<&[String]>) -> Result<Self, Refusal> {
        let only = only.map(parsed).transpose()?.filter(|only| !only.is_empty());
        Ok(Self { only, without: without.map(parsed).transpose()?.unwrap_or_default() })
    }

    /// Returns whether an attribute, or some of it, is wanted.
    pub(crate) fn wants(&self, schema: &Schema, name: &str) -> bool {
        let is_it = |path: &&AttributePath| match schema.find(path) {
            Found::Attribute(attribute, _) => attribute.name == name,
            Found::Absent | Found::Unknown => false,
        };
        match &self.only {
            Some(only) => only.iter().any(|path| is_it(&path)),
            None => !self.without.iter().filter(|path| path.part.is_none()).any(|path| is_it(&path)),
        }
    }

    /// Leaves out what is not wanted. What is always answered stays.
    pub(crate) fn apply(&self, schema: &Schema, resource: &mut Map<String, Value>) {
        let named = |paths: &[AttributePath], name: &str| -> Option<Vec<Option<String>>> {
            let of = paths.iter().filter_map(|path| match schema.find(path) {
                Found::Attribute(attribute, part) if attribute.name == name => {
                    Some(part.map(|part| part.name.to_owned()))
                }
                _ => None,
            });
            let parts: Vec<_> = of.collect();
            (!parts.is_empty()).then_some(parts)
        };
        let keep = |name: &str, value: &mut Value| {
            let path = AttributePath { schema: None, name: name.to_ascii_lowercase(), part: None };
            let is_always = matches!(schema.find(&path), Found::Attribute(attribute, _) if attribute.returned == "always");
            if is_always {
                return true;
            }
            match &self.only {
                Some(only) => match named(only, name) {
                    None => false,
                    Some(parts) if parts.contains(&None) => true,
                    Some(parts) => {
                        keep_parts(value, &|part| parts.iter().flatten().any(|kept| kept == part));
                        true
                    }
                },
                None => match named(&self.without, name) {
                    None => true,
                    Some(parts) if parts.contains(&None) => false,
                    Some(parts) => {
                        keep_parts(value, &|part| !parts.iter().flatten().any(|gone| gone == part));
                        true
                    }
                },
            }
        };
        resource.retain(|name, value| keep(name, value));
    }
}

fn keep_parts(value: &mut Value, keeps: &dyn Fn(&str) -> bool) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| keep_parts(value, keeps)),
        Value::Object(object) => object.retain(|name, _| keeps(name)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::USERS;

    #[test]
    fn what_is_always_answered_stays() {
        let resource = json!({
            "schemas": ["x"], "id": "1", "userName": "a", "name": { "givenName": "b", "familyName": "c" },
            "emails": [{ "value": "d", "type": "work" }],
        });
        let left = |only: Option<&str>, without: Option<&str>| {
            let split = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
            let (only, without) = (only.map(split), without.map(split));
            let projection = Projection::new(only.as_deref(), without.as_deref()).unwrap();
            let mut left = resource.as_object().unwrap().clone();
            projection.apply(&USERS, &mut left);
            Value::from(left)
        };
        assert_eq!(
            left(Some("USERNAME,name.givenname"), None),
            json!({ "schemas": ["x"], "id": "1", "userName": "a", "name": { "givenName": "b" } })
        );
        assert_eq!(
            left(None, Some("id,emails.type,name,other")),
            json!({ "schemas": ["x"], "id": "1", "userName": "a", "emails": [{ "value": "d" }] })
        );
        assert_eq!(left(Some(" "), None), resource);
        assert!(Projection::new(Some(&["a b".into()]), None).is_err());
    }
}
