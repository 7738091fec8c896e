//! Whether a resource meets a filter, and what of the filter helps to find it.
//!
//! RFC 7644, section 3.4.2.2. A filter is checked once against the schema; then it is asked of resources as they are answered.

use jiff::Timestamp;
use longshore_domain::directory::query::Condition;
use serde_json::{Map, Value as Json};

use crate::attribute::AttributePath;
use crate::error::Refusal;
use crate::filter::{Filter, Operator, Value};
use crate::schema::{Attribute, Found, Kind, Schema};

/// Checks that every attribute of a filter is one, and can be compared like that.
pub(crate) fn check(filter: &Filter, schema: &Schema) -> Result<(), Refusal> {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => {
            filters.iter().try_for_each(|filter| check(filter, schema))
        }
        Filter::Not(filter) => check(filter, schema),
        Filter::Present(path) => found(schema, path).map(|_| ()),
        Filter::Compare(path, operator, value) => match found(schema, path)? {
            None => Ok(()),
            Some((attribute, part)) => check_comparison(path, compared(attribute, part), *operator, value),
        },
        Filter::Element(path, filter) => match found(schema, path)? {
            None => Ok(()),
            Some((attribute, None)) if !attribute.parts.is_empty() => check_inside(filter, attribute),
            Some(_) => Err(Refusal::filter(format!(
                "{path} has no sub-attributes, so nothing can stand in brackets after it"
            ))),
        },
    }
}

fn found(
    schema: &Schema,
    path: &AttributePath,
) -> Result<Option<(&'static Attribute, Option<&'static Attribute>)>, Refusal> {
    match schema.find(path) {
        Found::Attribute(attribute, _) if attribute.returned == "never" => {
            Err(Refusal::filter(format!("{path} is never shown, so nothing can be found by it")))
        }
        Found::Attribute(attribute, part) => Ok(Some((attribute, part))),
        Found::Absent => Ok(None),
        Found::Unknown => Err(Refusal::filter(format!(
            "there is no attribute {path}; {} has {}",
            schema.name,
            schema.names()
        ))),
    }
}

/// Returns the attribute whose values are compared: of one with parts, the part `value`.
fn compared(attribute: &'static Attribute, part: Option<&'static Attribute>) -> &'static Attribute {
    part.or_else(|| attribute.part("value")).unwrap_or(attribute)
}

fn check_comparison(
    path: &AttributePath,
    attribute: &Attribute,
    operator: Operator,
    value: &Value,
) -> Result<(), Refusal> {
    let orders = matches!(
        operator,
        Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual
    );
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    let fits = match (attribute.kind, value) {
        (Kind::Complex, _) => false,
        (_, Value::Null) => is_equality,
        (Kind::Boolean, value) => is_equality && truth(value).is_some(),
        (Kind::DateTime, Value::Text(text)) if orders || is_equality => text.parse::<Timestamp>().is_ok(),
        (Kind::String | Kind::Reference | Kind::DateTime, Value::Text(_)) => true,
        _ => false,
    };
    match fits {
        true => Ok(()),
        false => Err(Refusal::filter(format!("{path} cannot be compared with {operator} and {value}"))),
    }
}

fn check_inside(filter: &Filter, attribute: &'static Attribute) -> Result<(), Refusal> {
    let part = |path: &AttributePath| {
        let part = attribute.part(&path.name).filter(|_| path.part.is_none() && path.schema.is_none());
        part.ok_or_else(|| Refusal::filter(format!("{} has no sub-attribute {path}", attribute.name)))
    };
    match filter {
        Filter::And(filters) | Filter::Or(filters) => {
            filters.iter().try_for_each(|filter| check_inside(filter, attribute))
        }
        Filter::Not(filter) => check_inside(filter, attribute),
        Filter::Present(path) => part(path).map(|_| ()),
        Filter::Compare(path, operator, value) => check_comparison(path, part(path)?, *operator, value),
        Filter::Element(path, _) => {
            Err(Refusal::filter(format!("{path}: brackets do not stand in brackets")))
        }
    }
}

/// Checks the filter of a path that chooses elements of an attribute.
pub(crate) fn check_elements(filter: &Filter, attribute: &'static Attribute) -> Result<(), Refusal> {
    check_inside(filter, attribute)
}

/// Returns a member of a JSON object in any letter case.
pub(crate) fn member<'j>(object: &'j Map<String, Json>, name: &str) -> Option<&'j Json> {
    let exact = object.get(name);
    exact
        .or_else(|| object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Returns a truth value that may be written as text.
pub(crate) fn truth_of(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(truth) => Some(*truth),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Truth(truth) => Some(*truth),
        Value::Text(text) => truth_of(&Json::from(text.as_str())),
        Value::Number(_) | Value::Null => None,
    }
}

fn values(value: Option<&Json>) -> Vec<&Json> {
    match value {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
    }
}

fn parts<'j>(values: Vec<&'j Json>, name: &str) -> Vec<&'j Json> {
    values.into_iter().filter_map(|value| member(value.as_object()?, name)).collect()
}

/// Returns whether a resource meets a filter that was checked.
pub(crate) fn meets(filter: &Filter, resource: &Map<String, Json>, schema: &Schema) -> bool {
    match filter {
        Filter::And(filters) => filters.iter().all(|filter| meets(filter, resource, schema)),
        Filter::Or(filters) => filters.iter().any(|filter| meets(filter, resource, schema)),
        Filter::Not(filter) => !meets(filter, resource, schema),
        Filter::Present(path) => match schema.find(path) {
            Found::Attribute(attribute, part) => {
                let found = values(member(resource, attribute.name));
                match part {
                    None => !found.is_empty(),
                    Some(part) => !parts(found, part.name).is_empty(),
                }
            }
            Found::Absent | Found::Unknown => false,
        },
        Filter::Compare(path, operator, value) => match schema.find(path) {
            Found::Attribute(attribute, part) => {
                let found = values(member(resource, attribute.name));
                let target = compared(attribute, part);
                let found = match std::ptr::eq(target, attribute) {
                    true => found,
                    false => parts(found, target.name),
                };
                compares(&found, target, *operator, value)
            }
            Found::Absent | Found::Unknown => compares(&[], &ANY, *operator, value),
        },
        Filter::Element(path, filter) => match schema.find(path) {
            Found::Attribute(attribute, _) => values(member(resource, attribute.name))
                .into_iter()
                .filter_map(Json::as_object)
                .any(|element| element_meets(filter, element, attribute)),
            Found::Absent | Found::Unknown => false,
        },
    }
}

/// What nobody has.
static ANY: Attribute = Attribute {
    name: "",
    kind: Kind::String,
    is_multi: false,
    is_required: false,
    is_case_exact: false,
    mutability: crate::schema::Mutability::ReadOnly,
    returned: "default",
    uniqueness: "none",
    description: "",
    parts: &[],
    references: &[],
};

/// Returns whether an element of an attribute meets a filter that was checked.
pub(crate) fn element_meets(
    filter: &Filter,
    element: &Map<String, Json>,
    attribute: &'static Attribute,
) -> bool {
    match filter {
        Filter::And(filters) => filters.iter().all(|filter| element_meets(filter, element, attribute)),
        Filter::Or(filters) => filters.iter().any(|filter| element_meets(filter, element, attribute)),
        Filter::Not(filter) => !element_meets(filter, element, attribute),
        Filter::Present(path) => !values(member(element, &path.name)).is_empty(),
        Filter::Compare(path, operator, value) => match attribute.part(&path.name) {
            Some(part) => compares(&values(member(element, part.name)), part, *operator, value),
            None => false,
        },
        Filter::Element(..) => false,
    }
}

fn compares(found: &[&Json], attribute: &Attribute, operator: Operator, value: &Value) -> bool {
    match (operator, value) {
        (Operator::Equal, Value::Null) => found.is_empty(),
        (Operator::NotEqual, Value::Null) => !found.is_empty(),
        // What has no value differs from every one.
        (Operator::NotEqual, _) => !found.iter().any(|found| holds(found, attribute, Operator::Equal, value)),
        _ => found.iter().any(|found| holds(found, attribute, operator, value)),
    }
}

fn holds(found: &Json, attribute: &Attribute, operator: Operator, value: &Value) -> bool {
    if attribute.kind == Kind::Boolean {
        return truth_of(found).is_some() && truth_of(found) == truth(value);
    }
    let (Json::String(found), Value::Text(wanted)) = (found, value) else { return false };
    if attribute.kind == Kind::DateTime
        && let (Ok(found), Ok(wanted)) = (found.parse::<Timestamp>(), wanted.parse::<Timestamp>())
        && !matches!(operator, Operator::Contains | Operator::StartsWith | Operator::EndsWith)
    {
        return compare_order(&found, &wanted, operator);
    }
    let (found, wanted) = match attribute.is_case_exact {
        true => (found.clone(), wanted.clone()),
        false => (found.to_lowercase(), wanted.to_lowercase()),
    };
    match operator {
        Operator::Contains => found.contains(&wanted),
        Operator::StartsWith => found.starts_with(&wanted),
        Operator::EndsWith => found.ends_with(&wanted),
        _ => compare_order(&found, &wanted, operator),
    }
}

fn compare_order<T: Ord>(found: &T, wanted: &T, operator: Operator) -> bool {
    match operator {
        Operator::Equal => found == wanted,
        Operator::Greater => found > wanted,
        Operator::GreaterOrEqual => found >= wanted,
        Operator::Less => found < wanted,
        Operator::LessOrEqual => found <= wanted,
        Operator::NotEqual | Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    }
}

/// Returns what of a filter helps to find resources. `lookup` returns what finds those with an attribute, or its part `value`, that
/// compares so with a text; all else is decided by looking at resources, with [`meets`].
pub(crate) fn condition<L>(
    filter: &Filter,
    schema: &Schema,
    lookup: &dyn Fn(&str, Operator, &str) -> Option<L>,
) -> Condition<L> {
    let each = |filters: &[Filter]| filters.iter().map(|filter| condition(filter, schema, lookup)).collect();
    match filter {
        Filter::And(filters) => Condition::All(each(filters)),
        Filter::Or(filters) => Condition::Any(each(filters)),
        Filter::Compare(path, operator, Value::Text(text)) => {
            let found = match schema.find(path) {
                Found::Attribute(attribute, part) if part.is_none_or(|part| part.name == "value") => {
                    lookup(attribute.name, *operator, text)
                }
                Found::Attribute(..) | Found::Absent | Found::Unknown => None,
            };
            found.map_or(Condition::Unindexed, Condition::Lookup)
        }
        Filter::Element(path, inner) => match schema.find(path) {
            Found::Attribute(attribute, None) => element_condition(inner, attribute.name, lookup),
            Found::Attribute(..) | Found::Absent | Found::Unknown => Condition::Unindexed,
        },
        Filter::Present(_) | Filter::Compare(..) | Filter::Not(_) => Condition::Unindexed,
    }
}

fn element_condition<L>(
    filter: &Filter,
    attribute: &str,
    lookup: &dyn Fn(&str, Operator, &str) -> Option<L>,
) -> Condition<L> {
    let each = |filters: &[Filter]| {
        filters.iter().map(|filter| element_condition(filter, attribute, lookup)).collect()
    };
    match filter {
        Filter::And(filters) => Condition::All(each(filters)),
        Filter::Or(filters) => Condition::Any(each(filters)),
        Filter::Compare(path, operator, Value::Text(text)) if path.name == "value" => {
            lookup(attribute, *operator, text).map_or(Condition::Unindexed, Condition::Lookup)
        }
        Filter::Present(_) | Filter::Compare(..) | Filter::Element(..) | Filter::Not(_) => {
            Condition::Unindexed
        }
    }
}

/// Returns whether a filter names an attribute.
pub(crate) fn names(filter: &Filter, attribute: &str) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().any(|filter| names(filter, attribute)),
        Filter::Not(filter) => names(filter, attribute),
        Filter::Present(path) | Filter::Compare(path, ..) | Filter::Element(path, _) => {
            path.name.eq_ignore_ascii_case(attribute)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::USERS;

    fn resource() -> Map<String, Json> {
        let resource = json!({
            "id": "0A", "userName": "Jon.Snow@Docker.com", "externalId": "00u1", "active": true,
            "name": { "givenName": "Jon", "familyName": "Snow" },
            "emails": [
                { "value": "jon@work.org", "type": "work", "primary": true },
                { "value": "jon@home.org", "type": "home" },
            ],
            "meta": { "lastModified": "2030-01-02T03:04:05.000Z" },
        });
        resource.as_object().unwrap().clone()
    }

    fn asks(text: &str) -> bool {
        let filter = Filter::parse(text).unwrap();
        check(&filter, &USERS).unwrap_or_else(|_| panic!("{text}"));
        meets(&filter, &resource(), &USERS)
    }

    #[test]
    fn filters_hold_by_the_rules_of_each_attribute() {
        for text in [
            r#"userName eq "jon.snow@docker.COM""#,
            r#"externalId eq "00u1""#,
            r#"name.familyName sw "sn""#,
            r#"emails co "WORK.org""#,
            r#"emails.value ew "home.org""#,
            r#"emails[type eq "work" and primary eq true]"#,
            r#"emails[type eq "home"].value eq "jon@home.org""#,
            "emails pr and not (title pr)",
            r#"active eq "True""#,
            "active ne false",
            r#"title ne "boss""#,
            "title eq null",
            r#"meta.lastModified gt "2030-01-02T04:04:04+01:00""#,
            r#"meta.lastModified eq "2030-01-02T03:04:05Z""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName gt "a""#,
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department ne "x""#,
        ] {
            assert!(asks(text), "{text}");
        }
        for text in [
            r#"externalId eq "00U1""#,
            r#"id eq "0a""#,
            r#"emails[type eq "home" and primary eq true]"#,
            r#"emails ne "jon@home.org""#,
            "name.givenName eq null",
            r#"title eq "boss""#,
            r#"meta.lastModified lt "2030-01-02T03:04:05Z""#,
        ] {
            assert!(!asks(text), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for text in [
            r#"surname eq "x""#,
            r#"emails.other eq "x""#,
            r#"emails[other eq "x"]"#,
            r#"emails[value[type eq "x"]]"#,
            r#"userName[value eq "x"]"#,
            "active gt true",
            "active eq 1",
            "userName eq 1",
            "userName gt null",
            r#"name eq "x""#,
            r#"meta.created gt "yesterday""#,
            r#"password sw "a""#,
        ] {
            assert!(check(&Filter::parse(text).unwrap(), &USERS).is_err(), "{text}");
        }
    }

    #[test]
    fn what_helps_to_find_is_told_through_and_or_and_brackets() {
        let lookup = |name: &str, operator: Operator, text: &str| {
            let is_indexed = matches!(
                (name, operator),
                ("userName", Operator::StartsWith) | ("userName" | "externalId" | "emails", Operator::Equal)
            );
            is_indexed.then(|| format!("{name} {operator} {text}"))
        };
        let shown = |text: &str| shown(&condition(&Filter::parse(text).unwrap(), &USERS, &lookup));
        for (text, expected) in [
            (r#"userName eq "a""#, "userName eq a"),
            (r#"USERNAME sw "a""#, "userName sw a"),
            (r#"active eq true and userName eq "a""#, "all(?, userName eq a)"),
            (r#"userName sw "a" or externalId eq "b""#, "any(userName sw a, externalId eq b)"),
            (r#"emails eq "b""#, "emails eq b"),
            (r#"emails.value eq "b""#, "emails eq b"),
            (r#"emails.type eq "b""#, "?"),
            (r#"emails[type eq "work"].value eq "b""#, "all(?, emails eq b)"),
            (r#"emails[value eq "a" or value eq "b"]"#, "any(emails eq a, emails eq b)"),
            (r#"emails[type eq "work"]"#, "?"),
            (r#"emails[not (value eq "b")]"#, "?"),
            (r#"userName ne "a""#, "?"),
            (r#"not (userName eq "a")"#, "?"),
            (r#"userName co "a""#, "?"),
            ("userName eq null", "?"),
            (r#"title eq "a""#, "?"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    fn shown(condition: &Condition<String>) -> String {
        let several =
            |conditions: &[Condition<String>]| conditions.iter().map(shown).collect::<Vec<_>>().join(", ");
        match condition {
            Condition::Lookup(lookup) => lookup.clone(),
            Condition::Unindexed => "?".into(),
            Condition::All(conditions) => format!("all({})", several(conditions)),
            Condition::Any(conditions) => format!("any({})", several(conditions)),
        }
    }
}
