//! What DigitalOcean's API calls the things whose value can be invalid.

use longshore_domain::Field;

/// Returns the name of a field in DigitalOcean's API; of what no operation there takes, the neutral one. A new field does
/// not compile until it has an answer here.
pub(crate) fn wire_name(field: Field) -> &'static str {
    match field {
        Field::Body => "body",
        Field::Description => "description",
        Field::ExpiresAt => "expiry_seconds",
        Field::PageSize => "per_page",
        Field::Region => "region",
        Field::RegistryName => "name",
        Field::Request => "request",
        Field::Tier => "tier_slug",
        Field::AccessKey
        | Field::AccountKind
        | Field::Category
        | Field::Code
        | Field::Company
        | Field::DeletedImages
        | Field::DirectoryEmail
        | Field::DirectoryEmailKind
        | Field::DirectoryEmailLabel
        | Field::DirectoryEmails
        | Field::DisplayName
        | Field::Email
        | Field::ExternalId
        | Field::FamilyName
        | Field::FullDescription
        | Field::FullName
        | Field::GivenName
        | Field::ImmutableTagRules
        | Field::Invitees
        | Field::Location
        | Field::Members
        | Field::Password
        | Field::Permission
        | Field::Permissions
        | Field::Plan
        | Field::PushedTags
        | Field::RequestedScope
        | Field::RetentionRuleKind
        | Field::RetentionRules
        | Field::Role
        | Field::SearchQuery
        | Field::ShareAccount
        | Field::ShareEnd
        | Field::TeamName
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
    use http::StatusCode;
    use longshore_domain::Error;

    use super::*;

    /// Names that stand for different things in different operations.
    const SHARED: &[&str] = &[];

    #[test]
    fn every_field_has_a_name_that_is_not_confused_with_another() {
        longshore_testkit::fields::check_names(wire_name, SHARED);
    }

    #[test]
    fn only_a_request_that_cannot_be_read_is_malformed() {
        let status = |field| crate::error::status(&Error::Invalid { field, reason: String::new() });
        for field in Field::NAMED.iter().copied().filter(|field| *field != Field::Body) {
            assert_eq!(status(field), StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        }
        assert_eq!(status(Field::Member("registries")), StatusCode::UNPROCESSABLE_ENTITY);
        for field in [Field::Body, Field::Parameter("page")] {
            assert_eq!(status(field), StatusCode::BAD_REQUEST, "{field}");
        }
    }
}
