//! What each dialect's table of field names must hold.

use std::collections::BTreeMap;

use longshore_domain::Field;

/// Checks that every field has a name, and that no two are confused but for the shared ones: names that stand for different
/// things in different operations. What only a request knows keeps its name.
#[track_caller]
pub fn check_names(wire_name: fn(Field) -> &'static str, shared: &[&str]) {
    let mut names: BTreeMap<&str, Vec<Field>> = BTreeMap::new();
    for field in Field::NAMED {
        names.entry(wire_name(*field)).or_default().push(*field);
    }
    for (name, fields) in names {
        assert!(!name.is_empty(), "{fields:?}");
        assert_eq!(fields.len() > 1, shared.contains(&name), "{name}: {fields:?}");
    }
    assert_eq!(wire_name(Field::Parameter("page")), "page");
}
