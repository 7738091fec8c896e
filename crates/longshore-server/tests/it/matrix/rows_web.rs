//! How the pages are asked for.

use longshore_web::routes::Screen;

use super::door::Door;
use super::rows::{Phase, Row};
use super::rows_docr::collection_is_over;
use super::rows_hub::{fresh_group, fresh_invite, fresh_repository, in_group};
use super::rows_native::{
    deleted_tag, fresh_member, fresh_policy, fresh_user, gc_run_is_on, nothing_given, organizations_token,
    policies_again, provider_tokens_again, scim_token, something_given,
};
use super::rows_oci::fresh_image;
use crate::server::Answer;

/// Returns what links of a page lead to, behind a beginning and before the next part of a path.
fn linked(answer: &Answer, beginning: &str, is_wanted: fn(&str) -> bool) -> Vec<String> {
    let html = String::from_utf8_lossy(&answer.body);
    let main = html.split("<main").nth(1).unwrap_or_default();
    let links = main.split("href=\"").skip(1).filter_map(|part| part.split('"').next());
    links
        .filter_map(|link| link.strip_prefix(beginning))
        .filter(|rest| is_wanted(rest))
        .map(str::to_owned)
        .collect()
}

fn repositories(answer: &Answer) -> Vec<String> {
    linked(answer, "/ui/r/", |rest| !rest.contains("/-/"))
}

fn tags(answer: &Answer) -> Vec<String> {
    let links = linked(answer, "/ui/r/", |rest| rest.contains("/-/tags/"));
    let names = links.iter().filter_map(|link| link.split("/-/tags/").nth(1));
    names.filter(|name| !name.contains('/')).map(str::to_owned).collect()
}

/// Returns the rows of a page; none for one that is not known here.
pub fn rows(screen: &Screen) -> Vec<Row> {
    let path = screen
        .path
        .replace("{repository}", "{org}/{repository}")
        .replace("{namespace}", "{org}")
        .replace("{organization}", "{org}")
        .replace("{user}", "bystander");
    let row = || {
        Row::new(Door::Pages, screen.operation, screen.method.as_str(), &path)
            .header("sec-fetch-site", "same-origin")
    };
    let form = |text: &str| row().raw("application/x-www-form-urlencoded", text.to_owned());
    match screen.operation {
        "show_home"
        | "show_health"
        | "show_sign_in"
        | "show_second_step"
        | "show_preferences"
        | "show_sessions"
        | "show_new_repository"
        | "show_repository"
        | "show_tag"
        | "show_image" => vec![row()],
        "sign_in" => vec![form("user=bystander&password=not+the+password")],
        "complete_sign_in" => vec![form("code=123456")],
        "set_preferences" => vec![form("theme=dark")],
        "show_repositories" => vec![row().names_by(repositories)],
        "show_namespace" => vec![row().names_by(repositories)],
        "show_search" => vec![row().query("q=app").names_by(repositories)],
        "show_tags" => vec![row().names_by(tags)],
        "create_repository" => vec![form("namespace={org}&name=made{n}")],
        "end_session" => vec![row().with("{id}", "00000000-0000-4000-8000-000000000000")],
        "end_other_sessions" => vec![row().in_phase(Phase::End)],
        "sign_out" => vec![row().in_phase(Phase::End)],
        "show_account" | "show_password" | "show_tokens" | "show_second_factor" | "show_own_audit"
        | "show_organizations" | "show_audit" | "show_settings" | "show_tag_history" => vec![row()],
        "show_comparison" => vec![row().query("from=v1&to={digest}")],
        "change_account" => vec![form("full_name=")],
        "change_password" => {
            let new = "another+good+password";
            vec![form(&format!("current_password=wrong&new_password={new}&again_password={new}"))]
        }
        "create_token" => vec![form("label=made&scope=repo:read&ends=30")],
        "change_token" | "delete_token" => {
            vec![form("state=off").with("{id}", "00000000-0000-4000-8000-000000000000")]
        }
        "enrol_second_factor" => vec![form("password=wrong")],
        "confirm_second_factor" => vec![form("code=000000&url=otpauth://totp/x&secret=AAAA")],
        "disable_second_factor" | "renew_recovery_codes" => vec![form("password=wrong&code=000000")],
        // What may be made is another matter: no name is like that.
        "create_organization" => vec![form("name=No+Name")],
        "show_organization" => vec![row().names_by(members)],
        "set_member" => vec![form("role=member").made(fresh_member)],
        "delete_member" => vec![form("").made(fresh_member)],
        "create_invites" => vec![form("invitees=pages{n}@example.org&role=member")],
        "show_organization_tokens" | "show_organization_settings" | "show_provisioning" => vec![row()],
        "create_organization_token" => vec![form("label=made&scope=repo:read&ends=30")],
        "change_organization_token" => vec![form("state=on").made(organizations_token)],
        "delete_organization_token" => vec![form("").made(organizations_token)],
        "set_organization_settings" => vec![form("pull=all")],
        "create_scim_token" => vec![form("label=pages{n}").after(provider_tokens_again)],
        "rotate_scim_token" | "delete_scim_token" => {
            vec![form("").made(scim_token).after(provider_tokens_again)]
        }
        "cancel_invite" => vec![form("").with("{id}", "{invite}").made(fresh_invite)],
        "create_team" => vec![form("name=pages{n}")],
        "show_team" => vec![row().with("{team}", "readers").names_by(repositories)],
        "add_team_member" => vec![form("name=bystander").with("{team}", "ops").made(fresh_member)],
        "delete_team_member" => vec![form("").with("{team}", "ops").made(in_group)],
        "delete_team" => vec![form("name={group_name}").with("{team}", "{group_name}").made(fresh_group)],
        "show_job" | "cancel_job" => vec![row().with("{id}", "00000000-0000-4000-8000-000000000000")],
        "show_deletion" | "restore_deletion" => vec![form("").made(deleted_tag)],
        "show_deleted" | "show_namespace_deleted" => vec![row().made(deleted_tag).names_by(deletions)],
        "roll_back_tag" => vec![form("to={digest}&now={digest}")],
        "show_images" => vec![row().names_by(tags)],
        "preview_deletion" => vec![form("tag=v1"), form("digest={digest}").named("images")],
        "create_deletion" => vec![form("digest={digest}&tags_too=yes").made(fresh_image)],
        "show_access" => vec![row(), row().query("who=bystander").named("asking")],
        "give_access" => vec![form("kind=user&name=bystander&permission=read").after(nothing_given)],
        "take_access" => vec![form("kind=user&name=bystander").made(something_given)],
        "change_settings" => {
            vec![form("description=the+app&visibility=private&immutable=rules&rules=%5Efrozen%24")]
        }
        "show_retention" => vec![row()],
        "show_new_retention_policy" => {
            vec![row(), row().query("kind-1=newest&amount-1=100").named("preview")]
        }
        "create_retention_policy" => vec![form("kind-1=newest&amount-1=100000").after(policies_again)],
        "show_retention_policy" => vec![row().with("{id}", "{retention_id}")],
        "set_retention_policy" => {
            vec![form("kind-1=newest&amount-1=100000").with("{id}", "{retention_id}")]
        }
        "run_retention_policy" => vec![form("").with("{id}", "{retention_id}")],
        "delete_retention_policy" => {
            vec![form("").with("{id}", "{policy}").made(fresh_policy).after(policies_again)]
        }
        "show_delete" => vec![row().made(fresh_repository)],
        "delete_repository" => vec![form("").made(fresh_repository)],
        "show_setup"
        | "show_overview"
        | "show_users"
        | "show_all_organizations"
        | "show_configuration"
        | "show_all_audit" => vec![row()],
        "set_up" => {
            let new = "another+good+password";
            vec![form(&format!("secret=lsf_none&new_password={new}&again_password={new}"))]
        }
        "show_registry" => vec![row(), row().query("kind=both").named("both")],
        // Which it is already.
        "create_registry" => vec![form("")],
        "create_registry_gc_run" => {
            vec![form("kind=unused").after(collection_is_over).in_phase(Phase::Late)]
        }
        "show_registry_gc_run" | "cancel_registry_gc_run" => {
            vec![form("").made(gc_run_is_on).after(collection_is_over).in_phase(Phase::Late)]
        }
        "show_invite" => vec![row()],
        "open_invite" => vec![form("secret=lsi_none")],
        "accept_invite" => vec![form("")],
        "join_by_invite" => vec![form("user=fresh{n}&new_password=another+good+password")],
        "create_user" => vec![form("name=pages{n}")],
        "show_user" => vec![row().with("{account}", "bystander")],
        "change_user" => vec![form("change=disable").with("{account}", "{made}").made(fresh_user)],
        "set_user_password" => vec![form("").with("{account}", "{made}").made(fresh_user)],
        _ => Vec::new(),
    }
}

/// Returns who is shown to be a member, by the forms about each, or by the rows.
fn members(answer: &Answer) -> Vec<String> {
    let html = String::from_utf8_lossy(&answer.body);
    let table = html.split("id=\"members-caption\"").nth(1).and_then(|rest| rest.split("</table>").next());
    let rows = table.unwrap_or_default().split("<td><strong>").skip(1);
    rows.filter_map(|row| row.split("</strong>").next()).map(str::to_owned).collect()
}

/// Returns whether there are deletions.
fn deletions(answer: &Answer) -> Vec<String> {
    match linked(answer, "/ui/deletions/", |_| true).is_empty() {
        true => Vec::new(),
        false => vec!["some".into()],
    }
}
