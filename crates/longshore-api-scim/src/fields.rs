//! What SCIM calls the things whose value can be invalid.

use longshore_domain::Field;

/// Returns the name of a field in SCIM; of what no operation there takes, the neutral one. A new field does not compile
/// until it has an answer here.
pub(crate) fn wire_name(field: Field) -> &'static str {
    match field {
        Field::Body => "body",
        Field::DirectoryEmail => "emails.value",
        Field::DirectoryEmailKind => "emails.type",
        Field::DirectoryEmailLabel => "emails.display",
        Field::DirectoryEmails | Field::Email => "emails",
        Field::DisplayName | Field::TeamName => "displayName",
        Field::ExternalId => "externalId",
        Field::FamilyName => "name.familyName",
        Field::FullName => "name",
        Field::GivenName => "name.givenName",
        Field::Members => "members",
        Field::PageSize => "count",
        Field::Password => "password",
        Field::Request => "request",
        Field::UserName => "userName",
        Field::AccessKey
        | Field::AccountKind
        | Field::Category
        | Field::Code
        | Field::Company
        | Field::DeletedImages
        | Field::Description
        | Field::ExpiresAt
        | Field::FullDescription
        | Field::ImmutableTagRules
        | Field::Invitees
        | Field::Location
        | Field::Permission
        | Field::Permissions
        | Field::Plan
        | Field::PushedTags
        | Field::Region
        | Field::RegistryName
        | Field::RequestedScope
        | Field::RetentionRuleKind
        | Field::RetentionRules
        | Field::Role
        | Field::SearchQuery
        | Field::ShareAccount
        | Field::ShareEnd
        | Field::Tier
        | Field::TokenLabel
        | Field::TokenResources
        | Field::TokenScope
        | Field::Visibility
        | Field::WebPage
        | Field::Member(_)
        | Field::Parameter(_)
        | Field::Setting(_) => field.name(),
    }
}

#[cfg(test)]
mod tests {
    use longshore_domain::Error;
    use longshore_domain::existing::Existing;

    use super::*;

    /// Names that stand for different things in different operations.
    const SHARED: &[&str] = &["displayName", "emails"];

    #[test]
    fn every_field_has_a_name_that_is_not_confused_with_another() {
        longshore_testkit::fields::check_names(wire_name, SHARED);
    }

    #[test]
    fn what_exists_is_named_as_well() {
        let error = Error::Exists(Existing::DirectoryUser("jane".into()));
        assert_eq!(error.message(wire_name), "a user with the userName \"jane\" already exists");
        assert_eq!(error.to_string(), "a user with the user name \"jane\" already exists");
        let error = Error::Invalid { field: Field::DisplayName, reason: "must be given".into() };
        assert_eq!(error.message(wire_name), "displayName: must be given");
    }
}
