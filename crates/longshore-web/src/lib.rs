//! The pages, under `/ui/`: what people look at and do with a browser.
//!
//! Pages are made here, whole: a path answers with one document, always the same one, which works without script. [`routes`] is
//! the table of all pages; each group has a file. Nothing is decided here: every handler calls operations of `longshore-app` and
//! renders what they give. Who is signed in, a cookie says, which no other dialect reads.

mod access;
mod account;
mod admin;
mod assets;
mod audit;
mod chart;
mod compare;
mod compression;
mod context;
mod cookies;
mod error;
mod format;
mod guard;
mod health;
mod history;
mod home;
mod image;
mod invites;
mod jobs;
mod list;
mod manage;
mod markdown;
mod namespaces;
mod organization_settings;
mod organizations;
mod page;
mod preferences;
mod presence;
mod profile;
mod provisioning;
mod registry;
mod repositories;
mod repository;
mod retention;
pub mod routes;
mod search;
mod second_factor;
mod session_pages;
mod settings;
mod setup;
mod sign_in;
mod tags;
mod tokens;
mod trash;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use longshore_api_common::api_request::ApiRequest;
use longshore_api_common::body::RequestBody;
use longshore_api_common::client::Client;
use longshore_api_common::metrics::Metrics;
use longshore_api_common::table::{self, Answer, RateHeaders, RouteMatch, Table};
use longshore_api_common::{Response, body};
use longshore_app::App;
use longshore_domain::access::actor::Actor;
use longshore_domain::name::RepositoryName;

use crate::assets::Assets;
use crate::context::{Context, Here, Visitor};
use crate::cookies::Cookie;
use crate::preferences::Preferences;
use crate::routes::{Needs, SCREENS, Screen, Twin};

/// Beginning of all paths but the first.
const PREFIX: &str = "/ui/";
/// Beginning of the paths in which a repository is named with its slashes.
const REPOSITORIES: &str = "/ui/r/";

/// Stands for what is no page.
static NO_SCREEN: Screen = Screen {
    method: Method::GET,
    path: "",
    operation: "unknown",
    needs: Needs::Nobody,
    twin: Twin::Reads,
    handler: |context, _| Box::pin(async move { Ok(error::missing(context)) }),
};

/// Returns whether a path is one of this dialect.
pub fn owns(path: &str) -> bool {
    path == PREFIX.trim_end_matches('/') || path.starts_with(PREFIX)
}

/// Returns a path as the table knows it: with the slashes of the repository's name encoded.
pub fn with_name_in_one(path: &str) -> std::borrow::Cow<'_, str> {
    table::with_name_in_one(path, REPOSITORIES)
}

/// A setting as it is in force.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its key.
    pub key: String,
    /// Its value, without secrets.
    pub value: String,
    /// What set it.
    pub source: String,
    /// Its value when nothing does.
    pub default: String,
    /// What it means.
    pub help: String,
}

/// What pages have from the server.
pub(crate) struct Site {
    /// The configuration as it is in force.
    pub(crate) settings: Vec<Setting>,
    pub(crate) assets: Assets,
    /// What the operator has to say.
    pub(crate) notice: String,
}

/// The dialect.
pub struct Web {
    app: Arc<App>,
    table: Table,
    site: Arc<Site>,
}

impl Web {
    /// Makes the dialect. `notice` is shown above every page, empty for none; `settings` to administrators.
    ///
    /// # Errors
    /// `Internal` when two rows of the table have the same path in different words.
    pub fn new(
        app: Arc<App>,
        metrics: &Metrics,
        notice: String,
        settings: Vec<Setting>,
    ) -> longshore_domain::Result<Self> {
        let rows = SCREENS.iter().map(|screen| (&screen.method, screen.path, screen.operation));
        let table = Table::of("web", metrics, rows, RateHeaders::COMMON)?.reading_paths(with_name_in_one);
        Ok(Self { app, table, site: Arc::new(Site { settings, assets: Assets::new(), notice }) })
    }

    /// Answers a request to one of this dialect's paths.
    pub async fn handle(&self, request: Request<RequestBody>) -> Response {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if is_read && let Some(file) = self.site.assets.find(request.uri().path(), request.headers()) {
            return file;
        }
        self.table
            .serve(request, |wanted| async {
                match wanted {
                    RouteMatch::Operation(number, asked, body) => {
                        self.answer(&SCREENS[number], *asked, |context| {
                            Box::pin(async move { (context.screen.handler)(context, body).await })
                        })
                        .await
                    }
                    RouteMatch::OtherMethod(asked, allow) => {
                        self.answer(&NO_SCREEN, *asked, |context| {
                            Box::pin(async move { Ok(error::method_not_allowed(context, &allow)) })
                        })
                        .await
                    }
                    RouteMatch::Unknown(asked) => {
                        self.answer(&NO_SCREEN, *asked, |context| {
                            Box::pin(async move { Ok(error::missing(context)) })
                        })
                        .await
                    }
                }
            })
            .await
    }

    /// Finds out who asks.
    async fn visitor(&self, asked: &ApiRequest) -> longshore_domain::Result<Visitor> {
        let Some(secret) = Cookie::Session.read(&asked.client.origin, &asked.parts.headers) else {
            return Ok(Visitor::Nobody);
        };
        match self.app.identity.authenticate_web_session(&secret).await {
            Ok(browser) => {
                asked.note_signed_in();
                Ok(Visitor::Here(Box::new(Here { browser, secret })))
            }
            Err(longshore_domain::Error::Unauthenticated(_)) => Ok(Visitor::Gone),
            Err(other) => Err(other),
        }
    }

    async fn answer(
        &self,
        screen: &'static Screen,
        asked: ApiRequest,
        make: impl for<'c> FnOnce(
            &'c Context,
        ) -> futures::future::BoxFuture<'c, longshore_domain::Result<Response>>,
    ) -> Answer {
        let turn = asked.check_turn();
        let visitor = match &turn {
            Ok(()) => self.visitor(&asked).await,
            Err(_) => Ok(Visitor::Nobody),
        };
        let (visitor, found) = match visitor {
            Ok(visitor) => (visitor, turn),
            Err(error) => (Visitor::Nobody, Err(error)),
        };
        let preferences = Cookie::Preferences.read(&asked.client.origin, &asked.parts.headers);
        let preferences = preferences.map(|text| Preferences::read(&text)).unwrap_or_default();
        let context =
            Context::new(Arc::clone(&self.app), Arc::clone(&self.site), screen, asked, visitor, preferences);
        if let Err(error) = found {
            return Answer { response: error::answer(&context, &error), allowance: None };
        }
        let (method, headers) = (&context.parts.method, &context.parts.headers);
        if let Err(foreign) = guard::check(method, headers, &context.client.origin) {
            return Answer { response: error::foreign(&context, &foreign), allowance: None };
        }
        let is_again = context.query_names().iter().any(|name| name == "again");
        if matches!(context.visitor, Visitor::Nobody)
            && screen.needs != Needs::Nobody
            && guard::comes_from_elsewhere(method, headers, is_again)
        {
            return Answer { response: ask_again(&context), allowance: None };
        }
        let principal = context.here().map_or(&Actor::ANONYMOUS, |here| &here.browser.actor);
        let allowance = self.app.platform.count_request(principal, context.client.address).await;
        let made = match allowance {
            Some(allowance) if allowance.is_exceeded => Err(allowance.refusal(self.app.platform.now())),
            _ => match checked(&context) {
                Ok(()) => make(&context).await,
                Err(error) => Err(error),
            },
        };
        let mut response = made.unwrap_or_else(|error| error::answer(&context, &error));
        if matches!(context.visitor, Visitor::Gone) {
            forget_session(&context, &mut response);
        }
        Answer { response, allowance }
    }
}

/// Checks what every page needs.
fn checked(context: &Context) -> longshore_domain::Result<()> {
    if matches!(context.screen.needs, Needs::Account | Needs::Administrator) {
        context.signed_in()?;
    }
    if context.screen.needs == Needs::Administrator && !context.is_administrator() {
        // What there is for administrators is nobody else's business.
        return Err(longshore_domain::Error::JobUnknown);
    }
    context.check_query()
}

/// Lets the browser forget a session that has ended, unless it gets another one.
fn forget_session(context: &Context, response: &mut Response) {
    if !response.headers().contains_key(header::SET_COOKIE)
        && let Some(cookie) = Cookie::Session.header(&context.client.origin, "", Duration::ZERO)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Lets the browser ask for the same page once more, from here: the cookie comes then.
fn ask_again(context: &Context) -> Response {
    let origin = &context.client.origin;
    let uri = &context.parts.uri;
    let joint = if uri.query().is_some() { '&' } else { '?' };
    let path = uri.path_and_query().map_or("/ui/", |path| path.as_str());
    let address = markdown::escape(&format!("{}{path}{joint}again", origin.prefix()));
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Longshore</title><meta http-equiv=\"refresh\" content=\"0; url={address}\"><p><a href=\"{address}\">Go on</a></p></html>"
    );
    page::respond(&context.parts.headers, cookies::is_https(origin), StatusCode::OK, page::Kept::Never, html)
}

/// Leads a browser that asks for the start or for a reference of an image to its page; `None` for other clients and paths.
pub fn lead_browser(request: &Request<RequestBody>) -> Option<Response> {
    if *request.method() != Method::GET || !guard::accepts_pages(request.headers()) {
        return None;
    }
    let target = match request.uri().path() {
        "/" => PREFIX.to_owned(),
        // Browsers keep what stands behind the # of a link.
        "/invite" => "/ui/invite".to_owned(),
        path => page_of_reference(path.strip_prefix('/')?)?,
    };
    let origin = &Client::of(request.extensions()).origin;
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::from_str(&format!("{}{target}", origin.prefix())).ok()?;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(response)
}

/// Returns the page of what a reference names: `acme/app`, `acme/app:v1`, `acme/app@sha256:…`; or of a namespace, `acme`.
fn page_of_reference(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if let Some((name, digest)) = text.split_once('@') {
        let name: RepositoryName = name.split(':').next()?.parse().ok()?;
        let digest: longshore_domain::digest::Digest = digest.parse().ok()?;
        return Some(format!("{REPOSITORIES}{name}/-/images/{digest}"));
    }
    if let Some((name, tag)) = text.split_once(':') {
        let (name, tag): (RepositoryName, longshore_domain::name::Tag) =
            (name.parse().ok()?, tag.parse().ok()?);
        return Some(format!("{REPOSITORIES}{name}/-/tags/{tag}"));
    }
    match text.contains('/') {
        true => text.parse::<RepositoryName>().ok().map(|name| format!("{REPOSITORIES}{name}")),
        false => text.parse::<longshore_domain::name::Namespace>().ok().map(|name| format!("/ui/n/{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_in_the_address_bar_is_a_page() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let cases = [
            ("acme/app", Some("/ui/r/acme/app".to_owned())),
            ("acme/app/", Some("/ui/r/acme/app".to_owned())),
            ("acme/team/app:v1.0", Some("/ui/r/acme/team/app/-/tags/v1.0".to_owned())),
            (&format!("acme/app@{digest}"), Some(format!("/ui/r/acme/app/-/images/{digest}"))),
            (&format!("acme/app:v1@{digest}"), Some(format!("/ui/r/acme/app/-/images/{digest}"))),
            ("acme", Some("/ui/n/acme".to_owned())),
            ("acme/app:", None),
            ("acme/app@sha256:0", None),
            ("Acme/App", None),
            ("acme//app", None),
            ("acme/../app", None),
            ("", None),
        ];
        for (text, page) in cases {
            assert_eq!(page_of_reference(text), page, "{text}");
        }
    }

    #[test]
    fn every_page_that_changes_something_says_what_does_the_same() {
        for screen in SCREENS {
            let reads = screen.method == Method::GET;
            assert_eq!(screen.twin == Twin::Reads, reads, "{}", screen.operation);
        }
    }
}
