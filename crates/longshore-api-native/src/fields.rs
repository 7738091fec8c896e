//! What our own API calls the things whose value can be invalid.

use longshore_domain::Field;

/// Returns the name of a field: the domain's own, which this API speaks, but for what it calls otherwise.
pub(crate) fn wire_name(field: Field) -> &'static str {
    match field {
        Field::Email => "email",
        Field::ExpiresAt => "expires_at",
        Field::FullDescription => "readme",
        Field::FullName => "full_name",
        Field::ImmutableTagRules => "immutable_tags",
        Field::PageSize => "limit",
        Field::TokenLabel => "label",
        Field::TokenResources => "resources",
        Field::TokenScope => "scope",
        Field::WebPage => "url",
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
