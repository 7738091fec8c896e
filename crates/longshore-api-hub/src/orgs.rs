//! Organizations and their members. Docker Hub API, "Orgs"; and the routes that Hub clients use for the own organizations.

use http::{HeaderValue, StatusCode, header};
use longshore_api_common::Response;
use longshore_api_common::body::{self, RequestBody};
use longshore_domain::account::{Account, OrganizationRole};
use longshore_domain::email::EmailAddress;
use longshore_domain::invite::{Invite, Invitee};
use longshore_domain::organization::{
    MemberFilter, MemberKinds, OrganizationMember, OwnOrganization, TeamName,
};
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Field, Result};
use longshore_organizations::organizations::ListedMember;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bare;
use crate::context::Context;
use crate::users::{self, ProfileDocument, UserDocument};
use crate::wire::{self, Page};

/// Most members that an export has; whoever has more takes the pages of the list.
const EXPORT_LIMIT: u64 = 10_000;

/// An organization as its members see it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OrgDocument {
    orgname: String,
    #[serde(flatten)]
    profile: ProfileDocument,
    badge: &'static str,
    plan_name: &'static str,
    parent_name: &'static str,
    /// The role of who asks, in a list of the own organizations.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_role: Option<&'static str>,
    /// The groups of who asks, there.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_groups: Option<Vec<String>>,
    /// How many groups there are, there.
    #[serde(skip_serializing_if = "Option::is_none")]
    org_groups_count: Option<u64>,
}

/// `org_member`. Of who is invited there is the name or the address, and the invite's id and time.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MemberDocument {
    #[serde(flatten)]
    user: UserDocument,
    /// For who may manage members; empty when there is none.
    email: String,
    /// Owner, Editor, Member or Invitee.
    role: &'static str,
    /// Names of teams.
    groups: Vec<String>,
    is_guest: bool,
}

/// A new role.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct RoleRequest {
    #[schemars(extend("enum" = ["owner", "editor", "member"]))]
    role: String,
}

fn document(account: &Account) -> OrgDocument {
    OrgDocument {
        orgname: account.name.to_string(),
        profile: users::profile(account),
        badge: if account.is_verified_publisher { "verified_publisher" } else { "" },
        plan_name: account.plan.as_str(),
        parent_name: "",
        user_role: None,
        user_groups: None,
        org_groups_count: None,
    }
}

fn own_document(own: &OwnOrganization) -> OrgDocument {
    OrgDocument {
        user_role: Some(role_name(own.role)),
        user_groups: Some(own.teams.iter().map(TeamName::to_string).collect()),
        org_groups_count: Some(own.team_count),
        ..document(&own.account)
    }
}

fn role_name(role: OrganizationRole) -> &'static str {
    match role {
        OrganizationRole::Owner => "Owner",
        OrganizationRole::Editor => "Editor",
        OrganizationRole::Member => "Member",
    }
}

fn member_document(member: &OrganizationMember) -> MemberDocument {
    MemberDocument {
        user: users::document(&member.account),
        email: member.account.profile.email.as_ref().map(EmailAddress::to_string).unwrap_or_default(),
        role: role_name(member.role),
        groups: member.teams.iter().map(TeamName::to_string).collect(),
        is_guest: false,
    }
}

fn invitee_document(invite: &Invite) -> MemberDocument {
    MemberDocument {
        user: users::invited(invite),
        email: match &invite.invitee {
            Invitee::Email(address) => address.to_string(),
            Invitee::User(_) => String::new(),
        },
        role: "Invitee",
        groups: invite.team.iter().map(|(_, name)| name.to_string()).collect(),
        is_guest: false,
    }
}

fn listed_document(listed: &ListedMember) -> MemberDocument {
    match listed {
        ListedMember::Member(member) => member_document(member),
        ListedMember::Invited(invite) => invitee_document(invite),
    }
}

/// Returns the beginning of names that a search is for.
pub(crate) fn prefix(context: &Context) -> String {
    context.query("search").map(|text| text.trim().to_lowercase()).unwrap_or_default()
}

/// `GET /v2/user/orgs`.
pub(crate) async fn get_user_orgs(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let wanted = context.page()?;
    let (organizations, count) =
        context.app.organizations.list_own_organizations(&actor, wanted.offset(), wanted.size).await?;
    let results = organizations.iter().map(own_document).collect();
    Ok(wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)))
}

/// `GET /v2/orgs/{org_name}`.
pub(crate) async fn get_org(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let account =
        context.app.organizations.get_own_organization(&actor, &context.parsed("org_name")?).await?;
    Ok(wire::json(StatusCode::OK, &document(&account)))
}

/// `GET /v2/orgs/{org_name}/members`.
pub(crate) async fn get_orgs_members(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let wanted = context.page()?;
    let role = context.query("role").map(|role| role.to_lowercase().parse()).transpose()?;
    let kinds = match (context.query("type").as_deref(), context.truth("invites")?) {
        (Some("all"), _) | (None, Some(true)) => MemberKinds::All,
        (Some("member"), _) | (None, None | Some(false)) => MemberKinds::Members,
        (Some("invitee"), _) => MemberKinds::Invitees,
        (Some(_), _) => {
            return Err(Error::Invalid {
                field: Field::Parameter("type"),
                reason: "must be all, member or invitee".into(),
            });
        }
    };
    let filter = MemberFilter { name_prefix: Some(prefix(context)), role, kinds };
    let (members, count) = context
        .app
        .organizations
        .list_organization_members(&actor, &context.parsed("org_name")?, filter, wanted.offset(), wanted.size)
        .await?;
    let results = members.iter().map(listed_document).collect();
    Ok(wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)))
}

/// Writes a field of a CSV document (RFC 4180). One that a spreadsheet would take for a formula is made text.
fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// `GET /v2/orgs/{org_name}/members/export`.
pub(crate) async fn export_orgs_members(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization = context.parsed("org_name")?;
    let mut lines = vec!["Name,Username,Email,Type,Permission,Teams,Date Joined".to_owned()];
    let mut offset = 0;
    loop {
        let (members, count) = context
            .app
            .organizations
            .list_organization_members(
                &actor,
                &organization,
                MemberFilter { kinds: MemberKinds::All, ..MemberFilter::default() },
                offset,
                PageSize::MAX,
            )
            .await?;
        if count > EXPORT_LIMIT {
            return Err(Error::Invalid {
                field: Field::Parameter("org_name"),
                reason: format!(
                    "the organization has more than {EXPORT_LIMIT} members; list them page by page"
                ),
            });
        }
        if members.is_empty() {
            break;
        }
        offset += members.len() as u64;
        for listed in members {
            let MemberDocument { user, email, role, groups, .. } = listed_document(&listed);
            let (kind, role, joined) = match &listed {
                ListedMember::Member(member) => ("User", role, wire::time(member.joined_at)),
                ListedMember::Invited(invite) => ("Invitee", role_name(invite.role), String::new()),
            };
            let (name, user) = (user.full_name(), user.username());
            let fields = [name, user, &email, kind, role, &groups.join(", "), &joined];
            lines.push(fields.map(csv_field).join(","));
        }
    }
    let mut response = Response::new(body::full(format!("{}\r\n", lines.join("\r\n"))));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let file = format!(
        "attachment;filename=\"{organization}-members-{}.csv\"",
        context.app.platform.now().as_second()
    );
    if let Ok(file) = HeaderValue::from_str(&file) {
        headers.insert(header::CONTENT_DISPOSITION, file);
    }
    Ok(response)
}

/// `PUT /v2/orgs/{org_name}/members/{username}`.
pub(crate) async fn put_orgs_member(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let (organization, user) = (context.parsed("org_name")?, context.parsed("username")?);
    let request: RoleRequest = context.document(body).await?;
    let role = request.role.parse()?;
    let member = context.app.organizations.change_member_role(&actor, &organization, &user, role).await?;
    Ok(wire::json(StatusCode::OK, &member_document(&member)))
}

/// `DELETE /v2/orgs/{org_name}/members/{username}`.
pub(crate) async fn delete_orgs_member(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let (organization, user) = (context.parsed("org_name")?, context.parsed("username")?);
    context.app.organizations.delete_member(&actor, &organization, &user).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
