//! What SWR and its identity service calls the things whose value can be invalid.

use longshore_domain::Field;

/// The filter of a list.
pub(crate) const FILTER: Field = Field::Parameter("filter");
/// The size of a page.
pub(crate) const LIMIT: Field = Field::Parameter("limit");
/// The user whom a permission is for.
pub(crate) const USER_ID: Field = Field::Member("user_id");

/// Returns the name of a field in SWR and its identity service; of what no operation there takes, the neutral one. A new
/// field does not compile until it has an answer here.
pub(crate) fn wire_name(field: Field) -> &'static str {
    match field {
        Field::Body => "body",
        Field::Category => "category",
        Field::Description | Field::FullDescription | Field::TokenLabel => "description",
        Field::PageSize => "limit",
        Field::Permission => "auth",
        Field::Permissions => "permissions",
        Field::Request => "request",
        Field::RetentionRuleKind => "template",
        Field::RetentionRules => "rules",
        Field::ShareAccount => "access_domain",
        Field::ShareEnd => "deadline",
        Field::AccessKey
        | Field::AccountKind
        | Field::Code
        | Field::Company
        | Field::DeletedImages
        | Field::DirectoryEmail
        | Field::DirectoryEmailKind
        | Field::DirectoryEmailLabel
        | Field::DirectoryEmails
        | Field::DisplayName
        | Field::Email
        | Field::ExpiresAt
        | Field::ExternalId
        | Field::FamilyName
        | Field::FullName
        | Field::GivenName
        | Field::ImmutableTagRules
        | Field::Invitees
        | Field::Location
        | Field::Members
        | Field::Password
        | Field::Plan
        | Field::PushedTags
        | Field::Region
        | Field::RegistryName
        | Field::RequestedScope
        | Field::Role
        | Field::SearchQuery
        | Field::TeamName
        | Field::Tier
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
    const SHARED: &[&str] = &["description"];

    #[test]
    fn every_field_has_a_name_that_is_not_confused_with_another() {
        longshore_testkit::fields::check_names(wire_name, SHARED);
    }
}
