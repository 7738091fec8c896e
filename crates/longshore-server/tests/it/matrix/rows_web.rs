//! How the pages are asked for.

use longshore_web::routes::Screen;

use super::door::Door;
use super::rows::{Phase, Row};
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
    links.iter().filter_map(|link| link.split("/-/tags/").nth(1)).map(str::to_owned).collect()
}

/// Returns the rows of a page; none for one that is not known here.
pub fn rows(screen: &Screen) -> Vec<Row> {
    let path = screen.path.replace("{repository}", "{org}/{repository}").replace("{namespace}", "{org}");
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
        _ => Vec::new(),
    }
}
