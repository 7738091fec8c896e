//! THE TABLE: every page, with its name in logs and metrics, its path, who gets it, and what does the same in an API.
//!
//! In paths, `/-/` separates the name of a repository, which has slashes, from what is wanted of it.

use http::Method;
use longshore_api_common::table::Handler;

use crate::context::Context;
use crate::{
    account, health, home, image, namespaces, repositories, repository, search, session_pages, sign_in, tags,
};

/// Who gets a page; what of it, the operations decide that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nobody in particular, and it is the same for everybody.
    Nobody,
    /// Whoever may see what it shows, signed in or not.
    Anybody,
    /// Whoever is signed in.
    Account,
}

/// What does the same as a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// The page changes nothing.
    Reads,
    /// An operation of the registry's own API.
    Operation(&'static str),
    /// Nothing does, for a reason.
    None(&'static str),
}

/// A row of the table.
pub struct Screen {
    /// Method.
    pub method: Method,
    /// Path, with its parameters in braces.
    pub path: &'static str,
    /// Name in logs and metrics.
    pub operation: &'static str,
    /// Who gets it.
    pub needs: Needs,
    /// What does the same.
    pub twin: Twin,
    /// Makes it.
    pub handler: Handler<Context>,
}

macro_rules! screens {
    ($($method:ident $path:literal $operation:ident $needs:ident $twin:expr => $handler:path;)*) => {
        &[$(Screen {
            method: Method::$method,
            path: $path,
            operation: stringify!($operation),
            needs: Needs::$needs,
            twin: $twin,
            handler: |context, body| Box::pin($handler(context, body)),
        }),*]
    };
}

const SESSION: Twin = Twin::None("a browser's session is the pages' own");

/// All pages.
pub const SCREENS: &[Screen] = screens! {
    GET "/ui" show_home Anybody Twin::Reads => home::show_home;
    GET "/ui/health" show_health Nobody Twin::Reads => health::show_health;
    GET "/ui/sign-in" show_sign_in Nobody Twin::Reads => sign_in::show_sign_in;
    POST "/ui/sign-in" sign_in Nobody SESSION => sign_in::sign_in;
    GET "/ui/sign-in/second-factor" show_second_step Nobody Twin::Reads => sign_in::show_second_step;
    POST "/ui/sign-in/second-factor" complete_sign_in Nobody SESSION => sign_in::complete_sign_in;
    POST "/ui/sign-out" sign_out Nobody SESSION => sign_in::sign_out;
    GET "/ui/preferences" show_preferences Nobody Twin::Reads => account::show_preferences;
    POST "/ui/preferences" set_preferences Nobody Twin::None("kept by the browser") => account::set_preferences;
    GET "/ui/account/sessions" show_sessions Account Twin::Reads => session_pages::show_sessions;
    POST "/ui/account/sessions/end-others" end_other_sessions Account Twin::Operation("end_own_sessions") => session_pages::end_other_sessions;
    POST "/ui/account/sessions/{id}/end" end_session Account Twin::Operation("end_own_session") => session_pages::end_session;
    GET "/ui/search" show_search Anybody Twin::Reads => search::show_search;
    GET "/ui/repositories" show_repositories Anybody Twin::Reads => repositories::show_repositories;
    GET "/ui/repositories/new" show_new_repository Account Twin::Reads => repositories::show_new_repository;
    POST "/ui/repositories/new" create_repository Account Twin::Operation("create_repository") => repositories::create_repository;
    GET "/ui/n/{namespace}" show_namespace Anybody Twin::Reads => namespaces::show_namespace;
    GET "/ui/r/{repository}" show_repository Anybody Twin::Reads => repository::show_repository;
    GET "/ui/r/{repository}/-/tags" show_tags Anybody Twin::Reads => tags::show_tags;
    GET "/ui/r/{repository}/-/tags/{tag}" show_tag Anybody Twin::Reads => image::show_tag;
    GET "/ui/r/{repository}/-/images/{digest}" show_image Anybody Twin::Reads => image::show_image;
};
