//! Changes of parts of a resource.
//!
//! RFC 7644, section 3.5.2, and what identity providers send besides: operations in any letter case, truth values as texts, paths
//! as names of members, `replace` for what is not there yet.

use longshore_domain::directory::EMAILS_LIMIT;
use serde_json::{Map, Value};

use crate::attribute::AttributePath;
use crate::error::Refusal;
use crate::evaluate::{self, member, truth_of};
use crate::filter::{Filter, Operator, Value as Compared};
use crate::patch_path::PatchPath;
use crate::schema::{Attribute, Found, Kind, Mutability, Schema};

/// Most operations of one change.
const OPERATIONS_LIMIT: usize = 1000;

/// Most values of one attribute while it is changed. No attribute of a user may have more in the end.
const VALUES_LIMIT: usize = EMAILS_LIMIT;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// A value comes in.
    Add,
    /// A value goes.
    Remove,
    /// A value takes the place of another.
    Replace,
}

/// One operation of a change.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) verb: Verb,
    pub(crate) path: Option<PatchPath>,
    pub(crate) value: Option<Value>,
}

/// Reads the operations of a change.
pub(crate) fn operations(body: &Map<String, Value>) -> Result<Vec<Operation>, Refusal> {
    let Some(Value::Array(operations)) = member(body, "Operations") else {
        return Err(Refusal::syntax("Operations must be a list"));
    };
    if operations.is_empty() || operations.len() > OPERATIONS_LIMIT {
        return Err(Refusal::syntax(format!("Operations must be 1 to {OPERATIONS_LIMIT}")));
    }
    operations.iter().map(operation).collect()
}

fn operation(value: &Value) -> Result<Operation, Refusal> {
    let Some(object) = value.as_object() else {
        return Err(Refusal::syntax("each of Operations must be an object"));
    };
    let verb = match member(object, "op").and_then(Value::as_str) {
        Some(op) if op.eq_ignore_ascii_case("add") => Verb::Add,
        Some(op) if op.eq_ignore_ascii_case("remove") => Verb::Remove,
        Some(op) if op.eq_ignore_ascii_case("replace") => Verb::Replace,
        _ => return Err(Refusal::syntax("op must be add, remove or replace")),
    };
    let path = match member(object, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.is_empty() => None,
        Some(Value::String(path)) => Some(parsed(path)?),
        Some(_) => return Err(Refusal::syntax("path must be a string")),
    };
    let value = member(object, "value").cloned();
    match (verb, &path, &value) {
        (Verb::Remove, None, _) => Err(Refusal::no_target("remove needs a path")),
        (Verb::Add | Verb::Replace, _, None) => Err(Refusal::value("add and replace need a value")),
        _ => Ok(Operation { verb, path, value }),
    }
}

fn parsed(path: &str) -> Result<PatchPath, Refusal> {
    PatchPath::parse(path)
        .map_err(|error| Refusal::path(format!("the path {path:?} cannot be read: {error}")))
}

/// Returns the operations that an operation without a path stands for: one for each member of its value. A member with the name
/// of the schema holds its attributes, and a path that is the schema's name alone is as good as none.
pub(crate) fn spread(operation: &Operation, schema: &Schema) -> Result<Vec<Operation>, Refusal> {
    let is_whole = match &operation.path {
        None => true,
        Some(PatchPath::Attribute(path)) => {
            operation.verb != Verb::Remove && path.part.is_none() && schema.is_itself(path)
        }
        Some(PatchPath::Elements { .. }) => false,
    };
    if !is_whole {
        return Ok(vec![operation.clone()]);
    }
    let Some(Value::Object(members)) = &operation.value else {
        return Err(Refusal::value("without a path, the value must be an object"));
    };
    let mut operations = Vec::new();
    for (name, value) in members {
        if name.eq_ignore_ascii_case(schema.id)
            && let Value::Object(attributes) = value
        {
            for (name, value) in attributes {
                let (path, value) = (Some(parsed(name)?), Some(value.clone()));
                operations.push(Operation { path, value, ..*operation });
            }
        } else {
            let (path, value) = (Some(parsed(name)?), Some(value.clone()));
            operations.push(Operation { path, value, ..*operation });
        }
    }
    Ok(operations)
}

/// Returns whether operations are about an attribute.
pub(crate) fn names(operations: &[Operation], name: &str, schema: &Schema) -> bool {
    let is_it = |operation: &Operation| match &operation.path {
        Some(PatchPath::Attribute(path)) => {
            matches!(schema.find(path), Found::Attribute(attribute, _) if attribute.name == name)
        }
        Some(PatchPath::Elements { .. }) | None => false,
    };
    let each = operations.iter().filter_map(|operation| spread(operation, schema).ok());
    each.flatten().any(|operation| is_it(&operation))
}

/// Applies operations to a resource.
pub(crate) fn apply(
    operations: &[Operation],
    resource: &mut Map<String, Value>,
    schema: &Schema,
) -> Result<(), Refusal> {
    for operation in operations {
        for single in spread(operation, schema)? {
            apply_one(&single, resource, schema)?;
        }
    }
    Ok(())
}

fn apply_one(
    operation: &Operation,
    resource: &mut Map<String, Value>,
    schema: &Schema,
) -> Result<(), Refusal> {
    let (path, elements) = match &operation.path {
        None => return Ok(()),
        Some(PatchPath::Attribute(path)) => (path, None),
        Some(PatchPath::Elements { attribute, filter, part }) => (attribute, Some((filter, part.as_deref()))),
    };
    let (attribute, part) = match schema.find(path) {
        Found::Attribute(attribute, part) => (attribute, part),
        // What the registry does not keep is taken and forgotten.
        Found::Absent => return Ok(()),
        Found::Unknown => return Err(unknown(path, schema)),
    };
    match check_writable(attribute, part, operation, resource)? {
        Writing::Ignored => return Ok(()),
        Writing::Allowed => {}
    }
    let value = operation.value.as_ref();
    match (elements, part) {
        (Some((filter, part)), _) => {
            change_elements(resource, attribute, filter, part, operation.verb, value)
        }
        (None, Some(part)) if attribute.is_multi => {
            change_parts(resource, attribute, part, operation.verb, value)
        }
        (None, Some(part)) => {
            let whole = resource.entry(attribute.name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(whole) = whole else { return Ok(()) };
            match (operation.verb, value) {
                (Verb::Remove, _) | (_, None | Some(Value::Null)) => {
                    whole.remove(part.name);
                }
                (_, Some(value)) => {
                    whole.insert(part.name.to_owned(), simple(value, part)?);
                }
            }
            if whole.is_empty() {
                resource.remove(attribute.name);
            }
            Ok(())
        }
        (None, None) => change_whole(resource, attribute, operation.verb, value),
    }
}

/// Refuses a path that leads to nothing: whoever misspells an attribute must not believe that it was changed.
pub(crate) fn unknown(path: &AttributePath, schema: &Schema) -> Refusal {
    Refusal::path(format!("there is no attribute {path}; {} has {}", schema.name, schema.names()))
}

enum Writing {
    Allowed,
    Ignored,
}

/// Returns whether a client may change an attribute. What identity providers send along without meaning it is ignored.
fn check_writable(
    attribute: &Attribute,
    part: Option<&Attribute>,
    operation: &Operation,
    resource: &Map<String, Value>,
) -> Result<Writing, Refusal> {
    let is_read_only = attribute.mutability == Mutability::ReadOnly
        || part.is_some_and(|part| part.mutability == Mutability::ReadOnly);
    if !is_read_only {
        return Ok(Writing::Allowed);
    }
    let is_same = resource.get(attribute.name) == operation.value.as_ref();
    match attribute.name {
        _ if is_same => Ok(Writing::Ignored),
        "displayName" | "schemas" => Ok(Writing::Ignored),
        name => Err(Refusal::mutability(format!("{name} is set by the registry and cannot be changed"))),
    }
}

/// Checks a value without parts.
fn simple(value: &Value, attribute: &Attribute) -> Result<Value, Refusal> {
    let name = attribute.name;
    match attribute.kind {
        Kind::Boolean => match truth_of(value) {
            Some(truth) => Ok(truth.into()),
            None => Err(Refusal::value(format!("{name} must be true or false"))),
        },
        _ => match value {
            Value::String(_) => Ok(value.clone()),
            _ => Err(Refusal::value(format!("{name} must be a string"))),
        },
    }
}

/// Checks a value with parts, of which those that are not known are left out.
fn complex(value: &Value, attribute: &Attribute) -> Result<Map<String, Value>, Refusal> {
    let object = match value {
        Value::Object(object) => object,
        // The part that stands for the whole.
        value if attribute.part("value").is_some() => {
            return Ok([("value".to_owned(), value.clone())].into_iter().collect());
        }
        _ => return Err(Refusal::value(format!("{} must be an object", attribute.name))),
    };
    let mut checked = Map::new();
    for (name, value) in object {
        if let Some(part) = attribute.part(name)
            && part.mutability != Mutability::ReadOnly
            && !value.is_null()
        {
            checked.insert(part.name.to_owned(), simple(value, part)?);
        }
    }
    Ok(checked)
}

fn list(value: &Value, attribute: &Attribute) -> Result<Vec<Value>, Refusal> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        Value::Null => &[],
        value => std::slice::from_ref(value),
    };
    check_number(values.len(), attribute)?;
    values.iter().map(|value| complex(value, attribute).map(Value::Object)).collect()
}

/// Checks the number of values before anything is done with each of them.
fn check_number(number: usize, attribute: &Attribute) -> Result<(), Refusal> {
    match number > VALUES_LIMIT {
        true => Err(Refusal::value(format!("{} may have at most {VALUES_LIMIT} values", attribute.name))),
        false => Ok(()),
    }
}

/// Lets at most one element be the first choice: the one that became it last.
fn keep_one_primary(elements: &mut [Value], last: usize) {
    let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
    if elements.get(last).is_some_and(is_primary) {
        for (number, element) in elements.iter_mut().enumerate() {
            if number != last && is_primary(element) {
                element["primary"] = false.into();
            }
        }
    }
}

fn change_whole(
    resource: &mut Map<String, Value>,
    attribute: &Attribute,
    verb: Verb,
    value: Option<&Value>,
) -> Result<(), Refusal> {
    let name = attribute.name;
    let value = match (verb, value) {
        (Verb::Remove, Some(value)) if attribute.is_multi && !value.is_null() => {
            // Those elements that have what is named.
            let gone = list(value, attribute)?;
            if let Some(Value::Array(elements)) = resource.get_mut(name) {
                elements.retain(|element| !gone.iter().any(|gone| gone["value"] == element["value"]));
            }
            return Ok(());
        }
        (Verb::Remove, _) | (_, None | Some(Value::Null)) => {
            if attribute.is_required {
                return Err(Refusal::mutability(format!("{name} must have a value")));
            }
            resource.remove(name);
            return Ok(());
        }
        (_, Some(value)) => value,
    };
    if attribute.is_multi {
        let new = list(value, attribute)?;
        let elements = resource.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(elements) = elements else { return Ok(()) };
        if verb == Verb::Replace {
            elements.clear();
        }
        for element in new {
            if !elements.contains(&element) {
                check_number(elements.len() + 1, attribute)?;
                elements.push(element);
                let last = elements.len() - 1;
                keep_one_primary(elements, last);
            }
        }
        return Ok(());
    }
    match attribute.kind {
        Kind::Complex => {
            let parts = complex(value, attribute)?;
            let whole = resource.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(whole) = whole {
                whole.extend(parts);
            }
        }
        _ => {
            resource.insert(name.to_owned(), simple(value, attribute)?);
        }
    }
    Ok(())
}

/// Changes a part of all elements.
fn change_parts(
    resource: &mut Map<String, Value>,
    attribute: &Attribute,
    part: &Attribute,
    verb: Verb,
    value: Option<&Value>,
) -> Result<(), Refusal> {
    let elements = resource.entry(attribute.name).or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(elements) = elements else { return Ok(()) };
    if elements.is_empty() && verb != Verb::Remove {
        elements.push(Value::Object(Map::new()));
    }
    for element in elements.iter_mut().filter_map(Value::as_object_mut) {
        change_part(element, part, verb, value)?;
    }
    elements.retain(|element| element.get("value").is_some());
    Ok(())
}

fn change_part(
    element: &mut Map<String, Value>,
    part: &Attribute,
    verb: Verb,
    value: Option<&Value>,
) -> Result<(), Refusal> {
    match (verb, value) {
        (Verb::Remove, _) | (_, None | Some(Value::Null)) => {
            element.remove(part.name);
        }
        (_, Some(value)) => {
            element.insert(part.name.to_owned(), simple(value, part)?);
        }
    }
    Ok(())
}

/// Returns the element that a filter describes when there is none yet: what its parts are said to be equal to.
fn described(filter: &Filter, attribute: &Attribute) -> Option<Map<String, Value>> {
    match filter {
        Filter::Compare(path, Operator::Equal, value) => {
            let part = attribute.part(&path.name)?;
            let value = match value {
                Compared::Text(text) => Value::from(text.as_str()),
                Compared::Truth(truth) => Value::from(*truth),
                Compared::Number(_) | Compared::Null => return None,
            };
            Some([(part.name.to_owned(), simple(&value, part).ok()?)].into_iter().collect())
        }
        Filter::And(filters) => {
            let mut whole = Map::new();
            for filter in filters {
                whole.extend(described(filter, attribute)?);
            }
            Some(whole)
        }
        _ => None,
    }
}

fn change_elements(
    resource: &mut Map<String, Value>,
    attribute: &'static Attribute,
    filter: &Filter,
    part: Option<&str>,
    verb: Verb,
    value: Option<&Value>,
) -> Result<(), Refusal> {
    let name = attribute.name;
    if !attribute.is_multi {
        return Err(Refusal::path(format!("{name} has one value, so brackets choose nothing")));
    }
    evaluate::check_elements(filter, attribute)?;
    let part = match part {
        None => None,
        Some(part) => {
            let found = attribute.part(part);
            Some(found.ok_or_else(|| Refusal::path(format!("{name} has no sub-attribute {part}")))?)
        }
    };
    let elements = resource.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(elements) = elements else { return Ok(()) };
    let meets = |element: &Value| {
        element.as_object().is_some_and(|element| evaluate::element_meets(filter, element, attribute))
    };
    let mut chosen: Vec<usize> =
        elements.iter().enumerate().filter(|(_, element)| meets(element)).map(|(number, _)| number).collect();
    if chosen.is_empty() {
        let none = || Refusal::no_target(format!("none of {name} meets [{filter}]"));
        if verb == Verb::Remove {
            return Err(none());
        }
        // Identity providers change what is not there yet, and mean that it comes in.
        check_number(elements.len() + 1, attribute)?;
        elements.push(described(filter, attribute).ok_or_else(none)?.into());
        chosen.push(elements.len() - 1);
    }
    if let (Verb::Remove, None) = (verb, part) {
        elements.retain(|element| !meets(element));
        return Ok(());
    }
    for number in chosen {
        let Some(Value::Object(element)) = elements.get_mut(number) else { continue };
        match (part, value) {
            (Some(part), value) => change_part(element, part, verb, value)?,
            (None, Some(value)) => element.extend(complex(value, attribute)?),
            (None, None) => {}
        }
        keep_one_primary(elements, number);
    }
    elements.retain(|element| element.get("value").is_some());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::USERS;

    fn changed(operations: Value) -> Result<Value, &'static str> {
        let mut resource = json!({
            "id": "1", "userName": "a@x.org", "active": true, "displayName": "a",
            "name": { "givenName": "A" },
            "emails": [{ "value": "a@x.org", "type": "work", "primary": true }, { "value": "a@home.org", "type": "home" }],
        });
        let body = json!({ "Operations": operations });
        let resource = resource.as_object_mut().unwrap();
        let parsed = super::operations(body.as_object().unwrap());
        match parsed.and_then(|operations| apply(&operations, resource, &USERS)) {
            Ok(()) => Ok(Value::from(resource.clone())),
            Err(Refusal::Scim { kind, .. }) => Err(kind.unwrap_or_default()),
            Err(Refusal::Domain(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn what_identity_providers_send_is_understood() {
        let after = changed(json!([
            { "op": "Replace", "path": "active", "value": "False" },
            { "op": "replace", "value": { "name.familyName": "B", "userName": "b@x.org", "externalId": "1" } },
            { "op": "Add", "path": "emails[type eq \"work\"].value", "value": "b@x.org" },
            { "op": "add", "path": "emails[type eq \"other\"].value", "value": "c@x.org" },
            { "op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "d" },
            { "op": "replace", "path": "title", "value": "boss" },
            { "op": "replace", "value": { "urn:ietf:params:scim:schemas:core:2.0:User": { "externalId": "1" } } },
            { "op": "replace", "path": "name.formatted", "value": "A B" },
            { "op": "Replace", "path": "displayName", "value": "Other" },
        ]))
        .unwrap();
        assert_eq!((&after["active"], &after["displayName"]), (&json!(false), &json!("a")));
        assert_eq!(after["name"], json!({ "givenName": "A", "familyName": "B" }));
        assert_eq!((&after["userName"], &after["externalId"]), (&json!("b@x.org"), &json!("1")));
        assert_eq!(
            after["emails"],
            json!([
                { "value": "b@x.org", "type": "work", "primary": true },
                { "value": "a@home.org", "type": "home" },
                { "value": "c@x.org", "type": "other" },
            ])
        );
        assert!(after.get("title").is_none());
    }

    #[test]
    fn the_name_of_the_schema_stands_for_the_whole() {
        const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
        for value in [json!({ "active": false }), json!({ CORE: { "active": false } })] {
            let after = changed(json!([{ "op": "replace", "path": CORE, "value": value }])).unwrap();
            assert_eq!(after["active"], false);
        }
        for wrong in [
            json!([{ "op": "remove", "path": CORE }]),
            json!([{ "op": "replace", "path": format!("{CORE}.active"), "value": false }]),
            json!([{ "op": "replace", "value": { CORE: false } }]),
        ] {
            assert!(changed(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(changed(json!([{ "op": "replace", "path": CORE, "value": false }])).is_err());
    }

    #[test]
    fn elements_come_and_go() {
        let emails = |operations| changed(operations).map(|after| after["emails"].clone());
        assert_eq!(
            emails(
                json!([{ "op": "add", "path": "emails", "value": [{ "value": "n@x.org", "primary": true }] }])
            ),
            Ok(json!([
                { "value": "a@x.org", "type": "work", "primary": false },
                { "value": "a@home.org", "type": "home" },
                { "value": "n@x.org", "primary": true },
            ]))
        );
        assert_eq!(
            emails(
                json!([{ "op": "replace", "path": "emails[type eq \"home\"]", "value": { "primary": true } }])
            ),
            Ok(json!([
                { "value": "a@x.org", "type": "work", "primary": false },
                { "value": "a@home.org", "type": "home", "primary": true },
            ]))
        );
        let only = Ok(json!([{ "value": "a@x.org", "type": "work", "primary": true }]));
        assert_eq!(emails(json!([{ "op": "remove", "path": "emails[type eq \"home\"]" }])), only);
        let gone = json!([{ "op": "remove", "path": "emails", "value": [{ "value": "a@home.org" }] }]);
        assert_eq!(emails(gone), only);
        assert_eq!(emails(json!([{ "op": "remove", "path": "emails[type eq \"home\"].value" }])), only);
        assert_eq!(emails(json!([{ "op": "remove", "path": "emails" }])), Ok(Value::Null));
        assert_eq!(
            emails(json!([{ "op": "replace", "path": "emails", "value": { "value": "z@x.org" } }])),
            Ok(json!([{ "value": "z@x.org" }]))
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_kind() {
        for (operation, kind) in [
            (json!({ "op": "move", "path": "active" }), "invalidSyntax"),
            (json!({ "op": "remove" }), "noTarget"),
            (json!({ "op": "replace", "path": "active" }), "invalidValue"),
            (json!({ "op": "replace", "path": "active", "value": "maybe" }), "invalidValue"),
            (json!({ "op": "replace", "path": "active[", "value": true }), "invalidPath"),
            (json!({ "op": "replace", "path": "active[value eq 1]", "value": true }), "invalidPath"),
            (json!({ "op": "replace", "path": "emails[type eq \"work\"].x", "value": "y" }), "invalidPath"),
            (json!({ "op": "replace", "path": "emails[x eq \"work\"]", "value": {} }), "invalidFilter"),
            (json!({ "op": "remove", "path": "emails[type eq \"none\"]" }), "noTarget"),
            (json!({ "op": "replace", "path": "emails[type co \"none\"].value", "value": "x" }), "noTarget"),
            (json!({ "op": "remove", "path": "userName" }), "mutability"),
            (json!({ "op": "replace", "path": "id", "value": "2" }), "mutability"),
            (json!({ "op": "add", "path": "groups", "value": [{ "value": "x" }] }), "mutability"),
            (json!({ "op": "replace", "value": "x" }), "invalidValue"),
            (json!({ "op": "replace", "path": "actve", "value": false }), "invalidPath"),
            (json!({ "op": "replace", "value": { "actve": false } }), "invalidPath"),
            (json!({ "op": "replace", "path": "userName", "value": 1 }), "invalidValue"),
        ] {
            assert_eq!(changed(json!([operation.clone()])), Err(kind), "{operation}");
        }
        assert_eq!(changed(json!([])), Err("invalidSyntax"));
        // What is too much is refused before it takes time.
        let many: Vec<String> = (0..50_000).map(|number| number.to_string()).collect();
        for verb in ["add", "replace", "remove"] {
            let operation = json!([{ "op": verb, "path": "emails", "value": many }]);
            assert_eq!(changed(operation), Err("invalidValue"), "{verb}");
        }
        let each: Vec<Value> = (0..25)
            .map(|number| json!({ "op": "add", "path": format!("emails[type eq \"t{number}\"].value"), "value": "x" }))
            .collect();
        assert_eq!(changed(each.into()), Err("invalidValue"));
        assert!(changed(json!([{ "op": "replace", "path": "id", "value": "1" }])).is_ok());
    }
}
