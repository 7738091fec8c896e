//! THE TABLE: every operation, with its name in logs and metrics, its path, what it needs, and what takes it.
//!
//! In paths, `/-/` separates the name of a repository, which has slashes, from what is wanted of it. The tests hold the table
//! against `docs/api/native.md` and against what the server really refuses.

use longshore_api_common::{route, table};

use crate::context::Context;
use crate::openapi::DescribeLists;
use crate::{about, compare, deletions, history, images, planning, repositories, tags};

/// What an actor needs for an operation; what it may do there, the operation itself decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing; a credential changes nothing either.
    Nothing,
    /// Nothing, where the registry lets everybody look; with a credential there is more to see.
    Nobody,
    /// To be signed in.
    Account,
}

/// A row of the table.
pub type Route = table::Route<Context, Needs>;

/// All operations.
pub const ROUTES: &[Route] = &[
    route!(GET "/api/v1" get_about in "About", Nothing,
        "Tells which registry this is, what it can do, and its limits.",
        |d| d.gives::<about::About>(200, "The registry."),
        about::get_about),
    route!(GET "/api/v1/whoami" get_whoami in "About", Account,
        "Tells who calls, and what the credential is for.",
        |d| d.gives::<about::Caller>(200, "Who calls."),
        about::get_whoami),
    route!(GET "/api/v1/repositories" list_repositories in "Repositories", Nobody,
        "Lists the repositories that the caller may see, by name.",
        |d| d.gives::<repositories::RepositoryPage>(200, "A page.").page().query("namespace", "string", "Only those of this namespace.").query("name_part", "string", "Only those whose name after the namespace holds this; needs namespace."),
        repositories::list_repositories),
    route!(POST "/api/v1/repositories" create_repository in "Repositories", Account,
        "Creates an empty repository.",
        |d| d.takes::<repositories::CreateRequest>().gives::<repositories::RepositoryInfo>(201, "Created.").versioned(201).with_header(201, "Location", "Where it is."),
        repositories::create_repository),
    route!(GET "/api/v1/repositories/{repository}" get_repository in "Repositories", Nobody,
        "Gives a repository.",
        |d| d.gives::<repositories::RepositoryInfo>(200, "The repository.").versioned(200),
        repositories::get_repository),
    route!(PATCH "/api/v1/repositories/{repository}" change_repository in "Repositories", Account,
        "Changes the settings of a repository (JSON merge patch, RFC 7396).",
        |d| d.takes_patch::<repositories::ChangeRequest>().gives::<repositories::RepositoryInfo>(200, "Changed.").versioned(200).problem(412, "Somebody else changed it."),
        repositories::change_repository),
    route!(DELETE "/api/v1/repositories/{repository}" delete_repository in "Repositories", Account,
        "Deletes a repository with all that is in it.",
        |d| d.gives_nothing(204, "Deleted.").deletes(204).problem(412, "Somebody else changed its settings."),
        repositories::delete_repository),
    route!(GET "/api/v1/repositories/{repository}/-/tags" list_tags in "Tags", Nobody,
        "Lists tags, now or as they were at a time.",
        |d| d.gives::<tags::TagPage>(200, "A page.").page().as_of().query("prefix", "string", "Only those that begin so.").choice("order", tags::ORDERS, "In which order; at a time, by name only.").query("os", "string", "Only those with an image for this operating system; not at a time.").query("architecture", "string", "Only those with an image for this architecture; not at a time."),
        tags::list_tags),
    route!(GET "/api/v1/repositories/{repository}/-/tags/{tag}" get_tag in "Tags", Nobody,
        "Gives a tag, now or as it was at a time.",
        |d| d.gives::<tags::TagInfo>(200, "The tag.").as_of().versioned(200).problem(410, "What it pointed at then was deleted since."),
        tags::get_tag),
    route!(PUT "/api/v1/repositories/{repository}/-/tags/{tag}" set_tag in "Tags", Account,
        "Points a tag at an image of the repository.",
        |d| d.takes::<tags::SetRequest>().gives::<tags::PointedTag>(200, "It points there.").versioned(200).problem(410, "What it pointed at then was deleted since.").problem(412, "It points elsewhere than If-Match says, or is there already."),
        tags::set_tag),
    route!(DELETE "/api/v1/repositories/{repository}/-/tags/{tag}" delete_tag in "Tags", Account,
        "Deletes a tag; its image stays.",
        |d| d.gives_nothing(204, "Deleted.").deletes(204).problem(412, "It points elsewhere than If-Match says."),
        tags::delete_tag),
    route!(GET "/api/v1/repositories/{repository}/-/tags/{tag}/history" list_tag_history in "History", Nobody,
        "Lists what a tag pointed at, the newest first, also of a tag that was deleted.",
        |d| d.gives::<history::IntervalPage>(200, "A page.").page(),
        history::list_tag_history),
    route!(POST "/api/v1/repositories/{repository}/-/tags/{tag}/rollback" roll_back_tag in "History", Account,
        "Points a tag at what it pointed at before, at a time, or whenever it was this digest.",
        |d| d.takes::<history::RollbackRequest>().gives::<tags::PointedTag>(200, "It points there.").versioned(200).problem(410, "What it pointed at was deleted since.").problem(412, "It points elsewhere than If-Match says."),
        history::roll_back_tag),
    route!(GET "/api/v1/repositories/{repository}/-/changes" list_changes in "History", Nobody,
        "Lists the tags that were made, moved or deleted between two times, by name.",
        |d| d.gives::<history::ChangePage>(200, "A page.").page().time("from", "The first time; needed.").time("to", "The second time; now, if it is left out.").query("prefix", "string", "Only tags that begin so."),
        history::list_changes),
    route!(GET "/api/v1/repositories/{repository}/-/compare" compare_images in "Images", Nobody,
        "Compares two images, each named by a tag, a tag at a time or a digest.",
        |d| d.gives::<compare::Comparison>(200, "What differs.").query("from", "string", "The first image; needed.").query("to", "string", "The second image; needed.").problem(410, "What a tag pointed at then was deleted since."),
        compare::compare_images),
    route!(GET "/api/v1/repositories/{repository}/-/images" list_images in "Images", Nobody,
        "Lists images with or without tags, the one that was pushed last first.",
        |d| d.gives::<images::ImagePage>(200, "A page.").page(),
        images::list_images),
    route!(GET "/api/v1/repositories/{repository}/-/images/{digest}" get_image in "Images", Nobody,
        "Gives an image: what it is made of, and what it is part of.",
        |d| d.gives::<images::ImageInfo>(200, "The image."),
        images::get_image),
    route!(POST "/api/v1/repositories/{repository}/-/deletions" create_deletion in "Deletions", Account,
        "Deletes images and tags, or says to the byte what that would do.",
        |d| d.takes::<planning::DeletionRequest>().gives::<planning::PlanInfo>(200, "What went, or would go.").deletes(200),
        planning::create_deletion),
    route!(GET "/api/v1/deletions" list_deletions in "Deletions", Account,
        "Lists deletions that the caller may undo, the newest first: those of a namespace, its own if none is named, or of a repository.",
        |d| d.gives::<deletions::DeletionPage>(200, "A page.").page().query("namespace", "string", "Those of this namespace, also of repositories that are gone.").query("repository", "string", "Those of this repository."),
        deletions::list_deletions),
    route!(GET "/api/v1/deletions/{id}" get_deletion in "Deletions", Account,
        "Gives a deletion with what went.",
        |d| d.gives::<deletions::DeletionInfo>(200, "The deletion."),
        deletions::get_deletion),
    route!(POST "/api/v1/deletions/{id}/restore" restore_deletion in "Deletions", Account,
        "Undoes a deletion; what stands in the way is reported, and nothing is overwritten unless that is wanted.",
        |d| d.may_take::<deletions::RestoreRequest>().gives::<deletions::RestoreResult>(200, "What came back."),
        deletions::restore_deletion),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_api_lists_every_operation() {
        let page = include_str!("../../../docs/api/native.md");
        for route in ROUTES {
            let line = format!("| `{}` | `{}` | `{}` |", route.operation, route.method, route.path);
            assert!(page.contains(&line), "docs/api/native.md lacks: {line}");
        }
        let listed =
            page.lines().filter(|line| line.starts_with("| `") && line.contains("` | `/api/v1")).count();
        assert_eq!(listed, ROUTES.len(), "docs/api/native.md lists what is not there");
    }
}
