//! What Docker Hub's API calls the things whose value can be invalid.

use longshore_domain::Field;

/// Returns the name of a field in Docker Hub's API; of what no operation there takes, the neutral one. A new field does not
/// compile until it has an answer here.
pub(crate) fn wire_name(field: Field) -> &'static str {
    match field {
        Field::Body => "body",
        Field::Category => "categories",
        Field::Code => "code",
        Field::Company => "company",
        Field::DeletedImages => "manifests",
        Field::Description => "description",
        Field::Email => "email",
        Field::ExpiresAt => "expires_at",
        Field::FullDescription => "full_description",
        Field::FullName => "full_name",
        Field::ImmutableTagRules => "immutable_tags_rules",
        Field::Invitees => "invitees",
        Field::Location => "location",
        Field::PageSize => "page_size",
        Field::Password => "password",
        Field::Permission => "permission",
        Field::Plan => "plan",
        Field::Request => "request",
        Field::Role => "role",
        Field::SearchQuery => "query",
        Field::TeamName => "name",
        Field::TokenLabel => "token_label",
        Field::TokenResources => "resources",
        Field::TokenScope => "scopes",
        Field::WebPage => "profile_url",
        Field::AccessKey
        | Field::AccountKind
        | Field::DirectoryEmail
        | Field::DirectoryEmailKind
        | Field::DirectoryEmailLabel
        | Field::DirectoryEmails
        | Field::DisplayName
        | Field::ExternalId
        | Field::FamilyName
        | Field::GivenName
        | Field::Members
        | Field::Permissions
        | Field::PushedTags
        | Field::Region
        | Field::RegistryName
        | Field::RequestedScope
        | Field::RetentionRuleKind
        | Field::RetentionRules
        | Field::ShareAccount
        | Field::ShareEnd
        | Field::Tier
        | Field::UserName
        | Field::Visibility
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
