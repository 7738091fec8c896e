//! What our own API calls the things whose value can be invalid.

use longshore_domain::Field;

/// Returns the name of a field: the domain's own, which this API speaks, but for what it calls otherwise.
pub(crate) fn wire_name(field: Field) -> &'static str {
    match field {
        Field::FullDescription => "readme",
        Field::ImmutableTagRules => "immutable_tags",
        Field::PageSize => "limit",
        _ => field.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_name_that_is_not_confused_with_another() {
        longshore_testkit::fields::check_names(wire_name, &[]);
    }
}
