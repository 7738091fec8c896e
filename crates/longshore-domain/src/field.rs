//! Things whose value can be invalid.

use std::fmt;

/// What an invalid value is a value of, in the domain's words. A dialect has names of its own for these, in one table; what it
/// has besides, only it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The public half of an access key.
    AccessKey,
    /// Whether an account is a user or an organization.
    AccountKind,
    /// What kind of software a repository holds.
    Category,
    /// A code of a second factor, or a recovery code.
    Code,
    /// The company in a profile.
    Company,
    /// The images that are to be deleted.
    DeletedImages,
    /// The short description of a repository, a team, a token or a share.
    Description,
    /// One address of a user in the directory of an organization.
    DirectoryEmail,
    /// What such an address is for.
    DirectoryEmailKind,
    /// What such an address is called.
    DirectoryEmailLabel,
    /// All addresses of such a user.
    DirectoryEmails,
    /// What an identity provider calls a team.
    DisplayName,
    /// The e-mail address of an account.
    Email,
    /// Until when a credential works.
    ExpiresAt,
    /// The id that an identity provider gives a user or a team.
    ExternalId,
    /// The family name of a user in the directory of an organization.
    FamilyName,
    /// The page about a repository.
    FullDescription,
    /// The name of a person or organization in a profile.
    FullName,
    /// The given name of a user in the directory of an organization.
    GivenName,
    /// Which tags of a repository stay where they are.
    ImmutableTagRules,
    /// Who is invited to an organization.
    Invitees,
    /// The place in a profile.
    Location,
    /// Who is in a team, as an identity provider changes it.
    Members,
    /// How many entries a page has.
    PageSize,
    /// A new password.
    Password,
    /// What a user or a team may do.
    Permission,
    /// The permissions that one request changes.
    Permissions,
    /// What an account has subscribed to.
    Plan,
    /// The tags that come with one push.
    PushedTags,
    /// Where a registry is.
    Region,
    /// The name of a registry.
    RegistryName,
    /// What a bearer token is to cover.
    RequestedScope,
    /// By what a rule of a retention policy keeps tags.
    RetentionRuleKind,
    /// The rules of a retention policy.
    RetentionRules,
    /// What a member may do in an organization.
    Role,
    /// What is searched for.
    SearchQuery,
    /// Whom a repository is shared with.
    ShareAccount,
    /// Until when a repository is shared.
    ShareEnd,
    /// The name of a team.
    TeamName,
    /// The tier of a registry's subscription.
    Tier,
    /// What its owner calls an access token.
    TokenLabel,
    /// What an access token of an organization covers.
    TokenResources,
    /// How far an access token goes.
    TokenScope,
    /// What an identity provider calls a user.
    UserName,
    /// Whether a repository is private or public.
    Visibility,
    /// The web page in a profile.
    WebPage,
    /// The body of a request, which cannot be read.
    Body,
    /// A request as a whole.
    Request,
    /// A member of a request's body that only the dialect of the request knows, by its name there. Made by dialects only.
    Member(&'static str),
    /// A parameter of a request's path, query or headers, by its name there. Made by dialects only.
    Parameter(&'static str),
    /// A setting of the server, by its name in the configuration.
    Setting(&'static str),
}

impl Field {
    /// Every field that has a name of the domain's.
    pub const NAMED: &[Self] = &[
        Self::AccessKey,
        Self::AccountKind,
        Self::Category,
        Self::Code,
        Self::Company,
        Self::DeletedImages,
        Self::Description,
        Self::DirectoryEmail,
        Self::DirectoryEmailKind,
        Self::DirectoryEmailLabel,
        Self::DirectoryEmails,
        Self::DisplayName,
        Self::Email,
        Self::ExpiresAt,
        Self::ExternalId,
        Self::FamilyName,
        Self::FullDescription,
        Self::FullName,
        Self::GivenName,
        Self::ImmutableTagRules,
        Self::Invitees,
        Self::Location,
        Self::Members,
        Self::PageSize,
        Self::Password,
        Self::Permission,
        Self::Permissions,
        Self::Plan,
        Self::PushedTags,
        Self::Region,
        Self::RegistryName,
        Self::RequestedScope,
        Self::RetentionRuleKind,
        Self::RetentionRules,
        Self::Role,
        Self::SearchQuery,
        Self::ShareAccount,
        Self::ShareEnd,
        Self::TeamName,
        Self::Tier,
        Self::TokenLabel,
        Self::TokenResources,
        Self::TokenScope,
        Self::UserName,
        Self::Visibility,
        Self::WebPage,
        Self::Body,
        Self::Request,
    ];

    /// Returns the neutral name; of what only a request or the configuration knows, the name there.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessKey => "access key",
            Self::AccountKind => "account kind",
            Self::Category => "category",
            Self::Code => "code",
            Self::Company => "company",
            Self::DeletedImages => "images",
            Self::Description => "description",
            Self::DirectoryEmail => "e-mail address of the user",
            Self::DirectoryEmailKind => "kind of the e-mail address",
            Self::DirectoryEmailLabel => "label of the e-mail address",
            Self::DirectoryEmails => "e-mail addresses of the user",
            Self::DisplayName => "display name",
            Self::Email => "e-mail address",
            Self::ExpiresAt => "expiry",
            Self::ExternalId => "external id",
            Self::FamilyName => "family name",
            Self::FullDescription => "full description",
            Self::FullName => "full name",
            Self::GivenName => "given name",
            Self::ImmutableTagRules => "immutable tag rules",
            Self::Invitees => "invitees",
            Self::Location => "location",
            Self::Members => "members",
            Self::PageSize => "page size",
            Self::Password => "password",
            Self::Permission => "permission",
            Self::Permissions => "permissions",
            Self::Plan => "plan",
            Self::PushedTags => "tags of a push",
            Self::Region => "region",
            Self::RegistryName => "name of a registry",
            Self::RequestedScope => "requested scope",
            Self::RetentionRuleKind => "kind of retention rule",
            Self::RetentionRules => "retention rules",
            Self::Role => "role",
            Self::SearchQuery => "search words",
            Self::ShareAccount => "account that it is shared with",
            Self::ShareEnd => "end of the share",
            Self::TeamName => "name of a team",
            Self::Tier => "subscription tier",
            Self::TokenLabel => "token label",
            Self::TokenResources => "token resources",
            Self::TokenScope => "token scope",
            Self::UserName => "user name",
            Self::Visibility => "visibility",
            Self::WebPage => "web page",
            Self::Body => "body",
            Self::Request => "request",
            Self::Member(name) | Self::Parameter(name) | Self::Setting(name) => name,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_field_has_a_name_of_its_own_in_plain_words() {
        let names: BTreeSet<&str> = Field::NAMED.iter().map(|field| field.name()).collect();
        assert_eq!(names.len(), Field::NAMED.len());
        for name in names {
            let is_plain = |letter: char| letter.is_ascii_lowercase() || letter == ' ' || letter == '-';
            assert!(!name.is_empty() && name.chars().all(is_plain), "{name}");
        }
    }
}
