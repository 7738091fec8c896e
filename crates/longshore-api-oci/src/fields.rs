//! What the OCI distribution specification and the token service calls the things whose value can be invalid.

use longshore_domain::Field;

/// Returns the name of a field in the OCI distribution specification and the token service; of what no operation there
/// takes, the neutral one. A new field does not compile until it has an answer here.
pub(crate) fn wire_name(field: Field) -> &'static str {
    match field {
        Field::Body => "body",
        Field::PageSize => "n",
        Field::Password => "password",
        Field::PushedTags => "tag",
        Field::Request => "request",
        Field::RequestedScope => "scope",
        Field::AccessKey
        | Field::AccountKind
        | Field::Category
        | Field::Code
        | Field::Company
        | Field::DeletedImages
        | Field::Description
        | Field::DirectoryEmail
        | Field::DirectoryEmailKind
        | Field::DirectoryEmailLabel
        | Field::DirectoryEmails
        | Field::DisplayName
        | Field::Email
        | Field::ExpiresAt
        | Field::ExternalId
        | Field::FamilyName
        | Field::FullDescription
        | Field::FullName
        | Field::GivenName
        | Field::ImmutableTagRules
        | Field::Invitees
        | Field::Location
        | Field::Members
        | Field::Permission
        | Field::Permissions
        | Field::Plan
        | Field::Region
        | Field::RegistryName
        | Field::RetentionRuleKind
        | Field::RetentionRules
        | Field::Role
        | Field::SearchQuery
        | Field::ShareAccount
        | Field::ShareEnd
        | Field::TeamName
        | Field::Tier
        | Field::TokenLabel
        | Field::TokenResources
        | Field::TokenScope
        | Field::UserName
        | Field::Visibility
        | Field::WebPage
        | Field::Member(_)
        | Field::Parameter(_)
        | Field::Setting(_) => field.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that stand for different things in different operations.
    const SHARED: &[&str] = &[];

    #[test]
    fn every_field_has_a_name_that_is_not_confused_with_another() {
        longshore_testkit::fields::check_names(wire_name, SHARED);
    }
}
