//! THE TABLE: every operation, with its name in logs and metrics, its path, what it needs, and what takes it.
//!
//! The tests hold the table against `docs/api/hub.md` and against what the server really refuses.

use longshore_api_common::{route, table};

use crate::context::Context;
pub use crate::error::ErrorShape;
use crate::openapi::DescribeLists;
use crate::wire::Page;
use crate::{
    access_tokens, audit_logs, authentication, groups, images, invites, legacy, org_access_tokens,
    org_scim_tokens, org_settings, orgs, repositories, search, second_factor, tags, users,
};

/// What an actor needs for an operation; what it may do there, the operation itself decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: the request itself holds the credential.
    Nothing,
    /// Nothing for what is public.
    Nobody,
    /// A signed-in account, by password or access token.
    Account,
    /// An account that signed in by itself, not by an access token; for what is about an organization, also one of its
    /// own access tokens that includes it.
    Password,
}

/// A row of the table.
pub type Route = table::Route<Context, Needs, ErrorShape>;

/// Parameters that clients of the Hub narrow a list by, and that are not known here: they are refused, so that nobody takes
/// everything for what was asked for.
pub const REFUSED_PARAMETERS: &[(&str, &[&str])] = &[
    ("list_namespace_repositories", &["media_types", "content_types"]),
    ("list_namespace_repositories_legacy", &["media_types", "content_types"]),
];

/// All operations, in the order of the API's reference.
pub const ROUTES: &[Route] = &[
    route!(POST "/v2/users/login" post_users_login in "authentication", Nothing, Plain,
        "Signs in with a password or an access token.",
        |d| d.query("refresh_token", "boolean", "Whether to give a refresh token too.")
            .takes_or_form::<authentication::LoginRequest>()
            .gives::<authentication::SignedIn>(200, "Signed in.")
            .gives::<authentication::Refused>(401, "Refused, or the second factor must follow."),
        authentication::post_users_login),
    route!(POST "/v2/users/2fa-login" post_users_2fa_login in "authentication", Nothing, Plain,
        "Completes a sign-in with the second factor.",
        |d| d.query("refresh_token", "boolean", "Whether to give a refresh token too.")
            .takes_or_form::<authentication::SecondFactorRequest>()
            .gives::<authentication::SignedIn>(200, "Signed in.")
            .gives::<authentication::Refused>(401, "Refused."),
        authentication::post_users_2fa_login),
    route!(POST "/v2/auth/token" auth_create_access_token in "authentication", Nothing, Rich,
        "Exchanges a password or an access token for a session token of ten minutes.",
        |d| d.takes_or_form::<authentication::TokenRequest>()
            .gives::<authentication::TokenResponse>(200, "Signed in."),
        authentication::auth_create_access_token),
    route!(POST "/v2/access-tokens" post_access_tokens in "access-tokens", Password, Plain,
        "Creates an access token; its secret is shown this once.",
        |d| d.takes_or_form::<access_tokens::CreateRequest>()
            .gives::<access_tokens::AccessTokenDocument>(201, "Created."),
        access_tokens::post_access_tokens),
    route!(GET "/v2/access-tokens" get_access_tokens in "access-tokens", Password, Plain,
        "Lists your access tokens.",
        |d| d.page().gives::<access_tokens::AccessTokenPage>(200, "A page."),
        access_tokens::get_access_tokens),
    route!(PATCH "/v2/access-tokens/{uuid}" patch_access_tokens_uuid in "access-tokens", Password, Plain,
        "Changes the label of an access token, or switches it on or off.",
        |d| d.takes_or_form::<access_tokens::PatchRequest>()
            .gives::<access_tokens::AccessTokenDocument>(200, "Changed."),
        access_tokens::patch_access_tokens_uuid),
    route!(GET "/v2/access-tokens/{uuid}" get_access_tokens_uuid in "access-tokens", Password, Plain,
        "Gives an access token, without its secret.",
        |d| d.gives::<access_tokens::AccessTokenDocument>(200, "The access token."),
        access_tokens::get_access_tokens_uuid),
    route!(DELETE "/v2/access-tokens/{uuid}" delete_access_tokens_uuid in "access-tokens", Password, Plain,
        "Deletes an access token for good.",
        |d| d.gives_nothing(204, "Deleted."),
        access_tokens::delete_access_tokens_uuid),
    route!(POST "/v2/api_tokens" post_api_tokens in "access-tokens", Password, Plain,
        "Creates an access token, as older clients do: without scopes it is for everything.",
        |d| d.takes_or_form::<access_tokens::CreateRequest>()
            .gives::<access_tokens::AccessTokenDocument>(201, "Created."),
        access_tokens::post_api_tokens),
    route!(GET "/v2/api_tokens" get_api_tokens in "access-tokens", Password, Plain,
        "Lists your access tokens, for older clients.",
        |d| d.page().gives::<access_tokens::AccessTokenPage>(200, "A page."),
        access_tokens::get_access_tokens),
    route!(PATCH "/v2/api_tokens/{uuid}" patch_api_tokens_uuid in "access-tokens", Password, Plain,
        "Changes an access token, for older clients.",
        |d| d.takes_or_form::<access_tokens::PatchRequest>()
            .gives::<access_tokens::AccessTokenDocument>(200, "Changed."),
        access_tokens::patch_access_tokens_uuid),
    route!(GET "/v2/api_tokens/{uuid}" get_api_tokens_uuid in "access-tokens", Password, Plain,
        "Gives an access token, for older clients.",
        |d| d.gives::<access_tokens::AccessTokenDocument>(200, "The access token."),
        access_tokens::get_access_tokens_uuid),
    route!(DELETE "/v2/api_tokens/{uuid}" delete_api_tokens_uuid in "access-tokens", Password, Plain,
        "Deletes an access token, for older clients.",
        |d| d.gives_nothing(204, "Deleted."),
        access_tokens::delete_access_tokens_uuid),
    route!(GET "/v2/namespaces/{namespace}/repositories/{repository}/images" get_namespaces_repositories_images
        in "images", Account, Images,
        "Lists the images of a repository with their activity and tags.",
        |d| d.page()
            .choice("status", &["active", "inactive"], "Only images of this status.")
            .query("currently_tagged", "boolean", "Only images with, or only those without a current tag.")
            .choice("ordering", &["last_activity", "-last_activity", "digest", "-digest"], "`-last_activity` when absent.")
            .time("active_from", "Since when an image must have been active; a month ago when absent.")
            .gives::<Page<images::ImageDocument>>(200, "A page."),
        images::get_namespaces_repositories_images),
    route!(GET "/v2/namespaces/{namespace}/repositories/{repository}/images-summary"
        get_namespaces_repositories_images_summary in "images", Account, Images,
        "Counts the images of a repository by their activity.",
        |d| d.time("active_from", "Since when an image must have been active; a month ago when absent.")
            .gives::<images::SummaryDocument>(200, "The counts."),
        images::get_namespaces_repositories_images_summary),
    route!(GET "/v2/namespaces/{namespace}/repositories/{repository}/images/{digest}/tags"
        get_namespaces_repositories_images_tags in "images", Account, Images,
        "Lists the tags that an image has or had.",
        |d| d.page().gives::<Page<images::ImageTagDocument>>(200, "A page."),
        images::get_namespaces_repositories_images_tags),
    route!(POST "/v2/namespaces/{namespace}/delete-images" post_namespaces_delete_images in "images", Account, Images,
        "Deletes images of one repository, all or none.",
        |d| d.takes::<images::DeleteRequest>()
            .gives::<images::DeletedDocument>(200, "Deleted, or with `dry_run` what would be.")
            .gives::<images::RefusedDocument>(400, "Nothing was deleted; `errinfo.details` tells why."),
        images::post_namespaces_delete_images),
    route!(GET "/v2/namespaces/{namespace}/repositories" list_namespace_repositories in "repositories", Nobody, Rich,
        "Lists the repositories of a namespace that you may see.",
        |d| d.page().query("name", "string", "Only those whose name holds this.").choice("ordering", &["name", "-name", "last_updated", "-last_updated", "pull_count", "-pull_count"], "`name` when absent.").gives::<Page<repositories::EntryDocument>>(200, "A page."),
        repositories::list_namespace_repositories),
    route!(POST "/v2/namespaces/{namespace}/repositories" create_repository in "repositories", Account, Rich,
        "Creates a repository.",
        |d| d.takes_or_form::<repositories::CreateRequest>().gives::<repositories::InfoDocument>(201, "Created."),
        repositories::create_repository),
    route!(GET "/v2/namespaces/{namespace}/repositories/{repository}" get_repository in "repositories", Nobody, Rich,
        "Gives a repository.",
        |d| d.gives::<repositories::InfoDocument>(200, "The repository."),
        repositories::get_repository),
    route!(HEAD "/v2/namespaces/{namespace}/repositories/{repository}" check_repository in "repositories", Nobody, Rich,
        "Tells whether a repository exists.",
        |d| d.gives_nothing(200, "It does."),
        repositories::get_repository),
    route!(PATCH "/v2/namespaces/{namespace}/repositories/{repository}" patch_repository in "repositories", Account, Rich,
        "Changes the descriptions of a repository and who may see it.",
        |d| d.takes_or_form::<repositories::PatchRequest>().gives::<repositories::InfoDocument>(200, "Changed."),
        repositories::patch_repository),
    route!(DELETE "/v2/namespaces/{namespace}/repositories/{repository}" delete_repository in "repositories", Account, Rich,
        "Deletes a repository with all that is in it.",
        |d| d.gives_nothing(202, "Deleted."),
        repositories::delete_repository),
    route!(PATCH "/v2/namespaces/{namespace}/repositories/{repository}/immutabletags" update_repository_immutable_tags in "repositories", Account, Rich,
        "Decides which tags of a repository never move.",
        |d| d.takes_or_form::<repositories::ImmutableTagsRequest>().gives::<repositories::InfoDocument>(200, "Changed."),
        repositories::update_repository_immutable_tags),
    route!(POST "/v2/namespaces/{namespace}/repositories/{repository}/immutabletags/verify" verify_repository_immutable_tags in "repositories", Account, Rich,
        "Lists the tags that a rule would match.",
        |d| d.takes_or_form::<repositories::VerifyRequest>().gives::<repositories::VerifyDocument>(200, "The tags."),
        repositories::verify_repository_immutable_tags),
    route!(POST "/v2/repositories" create_repository_legacy in "repositories", Account, Rich,
        "Creates a repository, for older clients.",
        |d| d.takes_or_form::<repositories::CreateRequest>().gives::<repositories::InfoDocument>(201, "Created."),
        repositories::create_repository),
    route!(GET "/v2/repositories/{namespace}" list_namespace_repositories_legacy in "repositories", Nobody, Rich,
        "Lists the repositories of a namespace, for older clients.",
        |d| d.page().query("name", "string", "Only those whose name holds this.").choice("ordering", &["name", "-name", "last_updated", "-last_updated", "pull_count", "-pull_count"], "`name` when absent.").gives::<Page<repositories::EntryDocument>>(200, "A page."),
        repositories::list_namespace_repositories),
    route!(POST "/v2/repositories/{namespace}" create_namespace_repository_legacy in "repositories", Account, Rich,
        "Creates a repository, for older clients.",
        |d| d.takes_or_form::<repositories::CreateRequest>().gives::<repositories::InfoDocument>(201, "Created."),
        repositories::create_repository),
    route!(GET "/v2/repositories/{namespace}/{repository}" get_repository_legacy in "repositories", Nobody, Rich,
        "Gives a repository, for older clients.",
        |d| d.gives::<repositories::InfoDocument>(200, "The repository."),
        repositories::get_repository),
    route!(HEAD "/v2/repositories/{namespace}/{repository}" check_repository_legacy in "repositories", Nobody, Rich,
        "Tells whether a repository exists, for older clients.",
        |d| d.gives_nothing(200, "It does."),
        repositories::get_repository),
    route!(PATCH "/v2/repositories/{namespace}/{repository}" patch_repository_legacy in "repositories", Account, Rich,
        "Changes a repository, for older clients.",
        |d| d.takes_or_form::<repositories::PatchRequest>().gives::<repositories::InfoDocument>(200, "Changed."),
        repositories::patch_repository),
    route!(DELETE "/v2/repositories/{namespace}/{repository}" delete_repository_legacy in "repositories", Account, Rich,
        "Deletes a repository, for older clients.",
        |d| d.gives_nothing(202, "Deleted."),
        repositories::delete_repository),
    route!(POST "/v2/repositories/{namespace}/{repository}/privacy" set_repository_privacy in "repositories", Account, Rich,
        "Changes who may see a repository, for older clients.",
        |d| d.takes_or_form::<repositories::PrivacyRequest>().gives_nothing(200, "Changed."),
        repositories::set_repository_privacy),
    route!(GET "/v2/namespaces/{namespace}/repositories/{repository}/tags" list_repository_tags
        in "repositories", Nobody, Rich,
        "Lists the tags of a repository.",
        |d| d.page().tag_filters()
            .choice("ordering", &["last_updated", "-last_updated", "name", "-name"], "`last_updated`, the newest first, when absent.")
            .gives::<Page<tags::TagDocument>>(200, "A page."),
        tags::list_repository_tags),
    route!(HEAD "/v2/namespaces/{namespace}/repositories/{repository}/tags" check_repository_tags
        in "repositories", Nobody, Rich,
        "Tells whether a repository has tags.",
        |d| d.tag_filters().gives_nothing(200, "It has."),
        tags::check_repository_tags),
    route!(GET "/v2/namespaces/{namespace}/repositories/{repository}/tags/{tag}" get_repository_tag
        in "repositories", Nobody, Rich,
        "Gives a tag with the images behind it.",
        |d| d.gives::<tags::TagDocument>(200, "The tag."),
        tags::get_repository_tag),
    route!(HEAD "/v2/namespaces/{namespace}/repositories/{repository}/tags/{tag}" check_repository_tag
        in "repositories", Nobody, Rich,
        "Tells whether a tag exists.",
        |d| d.gives_nothing(200, "It does."),
        tags::get_repository_tag),
    route!(DELETE "/v2/namespaces/{namespace}/repositories/{repository}/tags/{tag}" delete_namespace_repository_tag
        in "repositories", Account, Rich,
        "Deletes a tag; its image stays.",
        |d| d.gives_nothing(204, "Deleted."),
        tags::delete_repository_tag),
    route!(GET "/v2/repositories/{namespace}/{repository}/tags" list_repository_tags_legacy
        in "repositories", Nobody, Rich,
        "Lists the tags of a repository, for older clients.",
        |d| d.page().tag_filters()
            .choice("ordering", &["last_updated", "-last_updated", "name", "-name"], "`last_updated`, the newest first, when absent.")
            .gives::<Page<tags::TagDocument>>(200, "A page."),
        tags::list_repository_tags),
    route!(GET "/v2/repositories/{namespace}/{repository}/tags/{tag}" get_repository_tag_legacy
        in "repositories", Nobody, Rich,
        "Gives a tag, for older clients.",
        |d| d.gives::<tags::TagDocument>(200, "The tag."),
        tags::get_repository_tag),
    route!(DELETE "/v2/repositories/{namespace}/{repository}/tags/{tag}" delete_repository_tag
        in "repositories", Account, Rich,
        "Deletes a tag, for older clients; its image stays.",
        |d| d.gives_nothing(204, "Deleted."),
        tags::delete_repository_tag),
    route!(GET "/v2/auditlogs/{account}" audit_logs_list_audit_logs in "audit-logs", Account, Rpc,
        "Lists the audit log of an account, newest first.",
        |d| d.page()
            .query("action", "string", "Only one action, such as `repo.tag.push`.")
            .query("name", "string", "Only what was done to a repository, organization or user of this name.")
            .query("actor", "string", "Only what was done by this user.")
            .time("from", "Only at or after this time.")
            .time("to", "Only at or before this time.")
            .gives::<audit_logs::LogsDocument>(200, "A page; an empty one is behind the last."),
        audit_logs::audit_logs_list_audit_logs),
    route!(GET "/v2/auditlogs/{account}/actions" audit_logs_list_audit_actions in "audit-logs", Account, Rpc,
        "Lists the actions that audit logs know.",
        |d| d.gives::<audit_logs::ActionsDocument>(200, "The actions, by group."),
        audit_logs::audit_logs_list_audit_actions),
    route!(GET "/v2/orgs/{org_name}/settings" get_orgs_name_settings in "org-settings", Password, Plain,
        "Tells which images an organization lets its members pull.",
        |d| d.gives::<org_settings::OrgSettingsDocument>(200, "The settings."),
        org_settings::get_orgs_name_settings),
    route!(PUT "/v2/orgs/{org_name}/settings" put_orgs_name_settings in "org-settings", Password, Plain,
        "Decides which images an organization lets its members pull.",
        |d| d.takes::<org_settings::OrgSettingsDocument>()
            .gives::<org_settings::OrgSettingsDocument>(200, "The settings."),
        org_settings::put_orgs_name_settings),
    route!(POST "/v2/orgs/{org_name}/access-tokens" post_orgs_access_tokens in "org-access-tokens", Password, Plain,
        "Creates an access token of an organization; its secret is shown this once.",
        |d| d.takes::<org_access_tokens::CreateRequest>()
            .gives::<org_access_tokens::CreatedToken>(201, "Created."),
        org_access_tokens::post_orgs_access_tokens),
    route!(GET "/v2/orgs/{org_name}/access-tokens" get_orgs_access_tokens in "org-access-tokens", Password, Plain,
        "Lists the access tokens of an organization.",
        |d| d.page().gives::<org_access_tokens::TokenPage>(200, "A page."),
        org_access_tokens::get_orgs_access_tokens),
    route!(GET "/v2/orgs/{org_name}/access-tokens/{access_token_id}" get_orgs_access_token
        in "org-access-tokens", Password, Plain,
        "Gives an access token of an organization, without its secret.",
        |d| d.gives::<org_access_tokens::TokenDetails>(200, "The access token."),
        org_access_tokens::get_orgs_access_token),
    route!(PATCH "/v2/orgs/{org_name}/access-tokens/{access_token_id}" patch_orgs_access_token
        in "org-access-tokens", Password, Plain,
        "Changes an access token of an organization, or switches it on or off.",
        |d| d.takes::<org_access_tokens::PatchRequest>()
            .gives::<org_access_tokens::TokenDetails>(200, "Changed."),
        org_access_tokens::patch_orgs_access_token),
    route!(DELETE "/v2/orgs/{org_name}/access-tokens/{access_token_id}" delete_orgs_access_token
        in "org-access-tokens", Password, Plain,
        "Deletes an access token of an organization for good.",
        |d| d.gives_nothing(204, "Deleted."),
        org_access_tokens::delete_orgs_access_token),
    route!(POST "/v2/orgs/{org_name}/scim-tokens" post_orgs_scim_tokens in "org-scim-tokens", Password, Plain,
        "Creates a SCIM token for an identity provider of an organization; its secret is shown this once.",
        |d| d.takes_or_form::<org_scim_tokens::CreateRequest>()
            .gives::<org_scim_tokens::NewToken>(201, "Created."),
        org_scim_tokens::post_orgs_scim_tokens),
    route!(GET "/v2/orgs/{org_name}/scim-tokens" get_orgs_scim_tokens in "org-scim-tokens", Password, Plain,
        "Lists the SCIM tokens of an organization.",
        |d| d.gives::<org_scim_tokens::TokenList>(200, "All of them."),
        org_scim_tokens::get_orgs_scim_tokens),
    route!(POST "/v2/orgs/{org_name}/scim-tokens/{scim_token_id}/rotate" rotate_orgs_scim_token
        in "org-scim-tokens", Password, Plain,
        "Gives a SCIM token another secret; the one before stops working at once.",
        |d| d.gives::<org_scim_tokens::NewToken>(200, "The token with its new secret."),
        org_scim_tokens::rotate_orgs_scim_token),
    route!(DELETE "/v2/orgs/{org_name}/scim-tokens/{scim_token_id}" delete_orgs_scim_token
        in "org-scim-tokens", Password, Plain,
        "Revokes a SCIM token.",
        |d| d.gives_nothing(204, "Revoked."),
        org_scim_tokens::delete_orgs_scim_token),
    route!(GET "/v2/user/orgs" get_user_orgs in "orgs", Account, Rich,
        "Lists the organizations that you belong to.",
        |d| d.page().gives::<Page<orgs::OrgDocument>>(200, "A page."),
        orgs::get_user_orgs),
    route!(GET "/v2/orgs/{org_name}" get_org in "orgs", Password, Rich,
        "Gives an organization that you belong to.",
        |d| d.gives::<orgs::OrgDocument>(200, "The organization."),
        orgs::get_org),
    route!(GET "/v2/orgs/{org_name}/members" get_orgs_members in "orgs", Password, Rich,
        "Lists the members of an organization.",
        |d| d.page().query("search", "string", "Only those whose name begins with this.").choice("role", &["owner", "editor", "member"], "Only those of this role.").choice("type", &["all", "member", "invitee"], "Members, who is invited, or both; `member` when absent.").query("invites", "boolean", "The same as the type `all`.").gives::<Page<orgs::MemberDocument>>(200, "A page."),
        orgs::get_orgs_members),
    route!(GET "/v2/orgs/{org_name}/members/export" export_orgs_members in "orgs", Password, Rich,
        "Gives the members of an organization as a CSV document.",
        |d| d.gives_nothing(200, "A CSV document."),
        orgs::export_orgs_members),
    route!(PUT "/v2/orgs/{org_name}/members/{username}" put_orgs_member in "orgs", Password, Rich,
        "Gives a member another role.",
        |d| d.takes_or_form::<orgs::RoleRequest>().gives::<orgs::MemberDocument>(200, "The member."),
        orgs::put_orgs_member),
    route!(DELETE "/v2/orgs/{org_name}/members/{username}" delete_orgs_member in "orgs", Password, Rich,
        "Removes a member, also from all groups.",
        |d| d.gives_nothing(204, "Removed."),
        orgs::delete_orgs_member),
    route!(GET "/v2/orgs/{org_name}/invites" get_orgs_invites in "invites", Password, Rich,
        "Lists the invites of an organization that wait.",
        |d| d.gives::<invites::InviteList>(200, "The invites."),
        invites::get_orgs_invites),
    route!(POST "/v2/invites/bulk" post_invites_bulk in "invites", Password, Rich,
        "Invites people to an organization, by e-mail address or name.",
        |d| d.takes_or_form::<invites::BulkRequest>().gives::<invites::BulkDocument>(202, "What came of each."),
        invites::post_invites_bulk),
    route!(DELETE "/v2/invites/{id}" delete_invite in "invites", Password, Rich,
        "Cancels an invite.",
        |d| d.gives_nothing(204, "Cancelled."),
        invites::delete_invite),
    route!(PATCH "/v2/invites/{id}/resend" resend_invite in "invites", Password, Rich,
        "Sends an invite again by mail, with a new link.",
        |d| d.gives_nothing(204, "It will be sent."),
        invites::resend_invite),
    route!(POST "/v2/invites/describe" describe_invite in "invites", Nothing, Rich,
        "Tells whoever has the link of an invite what it is for.",
        |d| d.takes_or_form::<invites::LinkRequest>().gives::<invites::DescribedInvite>(200, "The invite."),
        invites::describe_invite),
    route!(POST "/v2/invites/accept" accept_invite in "invites", Password, Rich,
        "Accepts an invite.",
        |d| d.takes_or_form::<invites::LinkRequest>().gives::<invites::AcceptedInvite>(200, "Accepted."),
        invites::accept_invite),
    route!(POST "/v2/invites/join" join_by_invite in "invites", Nothing, Rich,
        "Makes a new user of whoever has the link of an invite, and accepts it.",
        |d| d.takes_or_form::<invites::JoinRequest>().gives::<invites::AcceptedInvite>(201, "Joined."),
        invites::join_by_invite),
    route!(GET "/v2/orgs/{org_name}/groups" get_orgs_groups in "groups", Password, Rich,
        "Lists the groups of an organization.",
        |d| d.page().query("username", "string", "Only those of this member.").query("search", "string", "Only those whose name begins with this.").gives::<Page<groups::GroupDocument>>(200, "A page."),
        groups::get_orgs_groups),
    route!(POST "/v2/orgs/{org_name}/groups" post_orgs_groups in "groups", Password, Rich,
        "Creates a group.",
        |d| d.takes_or_form::<groups::GroupRequest>().gives::<groups::GroupDocument>(201, "Created."),
        groups::post_orgs_groups),
    route!(GET "/v2/orgs/{org_name}/groups/{group_name}" get_orgs_group in "groups", Password, Rich,
        "Gives a group.",
        |d| d.gives::<groups::GroupDocument>(200, "The group."),
        groups::get_orgs_group),
    route!(PUT "/v2/orgs/{org_name}/groups/{group_name}" put_orgs_group in "groups", Password, Rich,
        "Sets the name and description of a group.",
        |d| d.takes_or_form::<groups::GroupRequest>().gives::<groups::GroupDocument>(200, "Changed."),
        groups::put_orgs_group),
    route!(PATCH "/v2/orgs/{org_name}/groups/{group_name}" patch_orgs_group in "groups", Password, Rich,
        "Changes the name or description of a group.",
        |d| d.takes_or_form::<groups::GroupPatch>().gives::<groups::GroupDocument>(200, "Changed."),
        groups::patch_orgs_group),
    route!(DELETE "/v2/orgs/{org_name}/groups/{group_name}" delete_orgs_group in "groups", Password, Rich,
        "Deletes a group.",
        |d| d.gives_nothing(204, "Deleted."),
        groups::delete_orgs_group),
    route!(GET "/v2/orgs/{org_name}/groups/{group_name}/members" get_orgs_group_members in "groups", Password, Rich,
        "Lists the members of a group.",
        |d| d.page().query("search", "string", "Only those whose name begins with this.").gives::<Page<users::UserDocument>>(200, "A page."),
        groups::get_orgs_group_members),
    route!(POST "/v2/orgs/{org_name}/groups/{group_name}/members" post_orgs_group_members in "groups", Password, Rich,
        "Adds a member of the organization to a group.",
        |d| d.takes_or_form::<groups::MemberRequest>().gives_nothing(200, "Added, or there already."),
        groups::post_orgs_group_members),
    route!(DELETE "/v2/orgs/{org_name}/groups/{group_name}/members/{username}" delete_orgs_group_member in "groups", Password, Rich,
        "Removes a user from a group.",
        |d| d.gives_nothing(204, "Removed."),
        groups::delete_orgs_group_member),
    route!(GET "/v2/repositories/{namespace}/{repository}/groups" list_repository_groups in "repositories", Account, Rich,
        "Lists the groups that may do something in a repository.",
        |d| d.page().gives::<Page<groups::PermissionDocument>>(200, "A page."),
        groups::list_repository_groups),
    route!(GET "/v2/repositories/{namespace}/{repository}/groups/{group_id}" get_repository_group
        in "repositories", Account, Rich,
        "Tells what a group may do in a repository.",
        |d| d.gives::<groups::PermissionDocument>(200, "What it may do."),
        groups::get_repository_group),
    route!(PATCH "/v2/repositories/{namespace}/{repository}/groups/{group_id}" patch_repository_group
        in "repositories", Account, Rich,
        "Changes what a group may do in a repository.",
        |d| d.takes_or_form::<groups::PermissionPatch>().gives::<groups::PermissionDocument>(200, "Changed."),
        groups::patch_repository_group),
    route!(DELETE "/v2/repositories/{namespace}/{repository}/groups/{group_id}" delete_repository_group
        in "repositories", Account, Rich,
        "Takes from a group what it may do in a repository.",
        |d| d.gives_nothing(204, "Taken."),
        groups::delete_repository_group),
    route!(POST "/v2/repositories/{namespace}/{repository}/groups" create_repository_group in "repositories", Account, Rich,
        "Sets what a group may do in a repository.",
        |d| d.takes_or_form::<groups::PermissionRequest>().gives::<groups::PermissionDocument>(200, "The permission."),
        groups::create_repository_group),
    route!(GET "/v2/search/repositories" search_repositories in "search", Nobody, Plain,
        "Searches repositories by the beginning of a word of their names.",
        |d| d.page().query("query", "string", "What the word begins with.")
            .gives::<Page<search::RepositoryResult>>(200, "A page."),
        search::search_repositories),
    route!(GET "/api/search/v4" search_catalog in "search", Nobody, Plain,
        "Searches repositories, for hub-mcp.",
        |d| d.query("query", "string", "What a word of the name begins with.")
            .query("from", "integer", "How many results to leave out.")
            .query("size", "integer", "How many results, at most 100.")
            .gives::<search::CatalogDocument>(200, "The results."),
        search::search_catalog),
    route!(GET "/v1/search" search_classic in "search", Nobody, Plain,
        "Searches repositories, for `docker search`.",
        |d| d.query("q", "string", "What a word of the name begins with.")
            .query("n", "integer", "How many results, at most 100.")
            .query("page", "integer", "Number of the page, from 1.")
            .gives::<search::ClassicDocument>(200, "The results."),
        search::search_classic),
    route!(GET "/v1/_ping" ping_v1 in "search", Nothing, Plain,
        "Answers `docker search`, which asks this first.",
        |d| d.gives::<search::PingDocument>(200, "It is there."),
        search::ping),
    route!(GET "/v1/repositories/{name}/images" get_v1_images in "former", Nothing, Plain,
        "Gone.",
        |d| d.gives::<legacy::GoneDocument>(410, "Where to go instead."),
        legacy::gone),
    route!(GET "/v1/repositories/{name}/tags" get_v1_tags in "former", Nothing, Plain,
        "Gone.",
        |d| d.gives::<legacy::GoneDocument>(410, "Where to go instead."),
        legacy::gone),
    route!(GET "/v1/repositories/{name}/tags/{tag}" get_v1_tag in "former", Nothing, Plain,
        "Gone.",
        |d| d.gives::<legacy::GoneDocument>(410, "Where to go instead."),
        legacy::gone),
    route!(GET "/v1/repositories/{namespace}/{name}/images" get_v1_namespace_images in "former", Nothing, Plain,
        "Gone.",
        |d| d.gives::<legacy::GoneDocument>(410, "Where to go instead."),
        legacy::gone),
    route!(GET "/v1/repositories/{namespace}/{name}/tags" get_v1_namespace_tags in "former", Nothing, Plain,
        "Gone.",
        |d| d.gives::<legacy::GoneDocument>(410, "Where to go instead."),
        legacy::gone),
    route!(GET "/v1/repositories/{namespace}/{name}/tags/{tag}" get_v1_namespace_tag in "former", Nothing, Plain,
        "Gone.",
        |d| d.gives::<legacy::GoneDocument>(410, "Where to go instead."),
        legacy::gone),
    route!(GET "/api/billing/v4/accounts/{id}/hub-plan" get_hub_plan in "users", Account, Plain,
        "Tells what you, or an organization that you belong to, have subscribed to.",
        |d| d.gives::<users::PlanDocument>(200, "The plan."),
        users::get_hub_plan),
    route!(GET "/v2/user" get_user in "users", Account, Plain,
        "Tells who is signed in.",
        |d| d.gives::<users::UserDocument>(200, "The account."),
        users::get_user),
    route!(PATCH "/v2/user" patch_user in "user", Password, Plain,
        "Changes what your account says about itself.",
        |d| d.takes_or_form::<users::ProfileRequest>().gives::<users::UserDocument>(200, "Changed."),
        users::patch_user),
    route!(GET "/v2/user/2fa" get_second_factor in "second-factor", Password, Plain,
        "Tells whether the account has a second factor.",
        |d| d.gives::<second_factor::StatusDocument>(200, "The state."),
        second_factor::get_second_factor),
    route!(POST "/v2/user/2fa/enrol" enrol_second_factor in "second-factor", Password, Plain,
        "Begins to set a second factor up.",
        |d| d.takes_or_form::<second_factor::PasswordRequest>()
            .gives::<second_factor::EnrolmentDocument>(200, "To be put into an authenticator."),
        second_factor::enrol_second_factor),
    route!(POST "/v2/user/2fa/confirm" confirm_second_factor in "second-factor", Password, Plain,
        "Confirms a second factor; everything that was signed in before must sign in again.",
        |d| d.takes_or_form::<second_factor::CodeRequest>()
            .gives::<second_factor::ConfirmationDocument>(200, "Recovery codes, and a new session."),
        second_factor::confirm_second_factor),
    route!(POST "/v2/user/2fa/recovery-codes" renew_recovery_codes in "second-factor", Password, Plain,
        "Makes new recovery codes in the place of the old ones.",
        |d| d.takes_or_form::<second_factor::BothRequest>()
            .gives::<second_factor::RecoveryDocument>(200, "The new codes."),
        second_factor::renew_recovery_codes),
    route!(POST "/v2/user/2fa/disable" disable_second_factor in "second-factor", Password, Plain,
        "Removes the second factor.",
        |d| d.takes_or_form::<second_factor::BothRequest>().gives_nothing(204, "Removed."),
        second_factor::disable_second_factor),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::ROUTES;

    #[test]
    fn each_operation_has_a_name_and_a_place_of_its_own() {
        let names: HashSet<&str> = ROUTES.iter().map(|route| route.operation).collect();
        let places: HashSet<_> = ROUTES.iter().map(|route| (route.method.as_str(), route.path)).collect();
        assert_eq!((names.len(), places.len()), (ROUTES.len(), ROUTES.len()));
    }

    #[test]
    fn the_documentation_has_a_line_for_every_operation() {
        let table = include_str!("../../../docs/api/hub.md");
        for route in ROUTES {
            let line = format!("| `{}` | `{}` | `{}` | done |", route.operation, route.method, route.path);
            assert!(table.contains(&line), "docs/api/hub.md lacks: {line}");
        }
    }
}
