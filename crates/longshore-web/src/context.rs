//! A request for a page that is understood: its parameters, its form, and who sent it.

use std::ops::Deref;
use std::sync::Arc;

use longshore_api_common::api_request::ApiRequest;
use longshore_api_common::body::RequestBody;
use longshore_api_common::form;
use longshore_app::App;
use longshore_domain::access::actor::Actor;
use longshore_domain::digest::Digest;
use longshore_domain::name::{Namespace, RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use longshore_identity::web_sessions::SignedInBrowser;
use serde::de::DeserializeOwned;

use crate::Site;
use crate::preferences::Preferences;
use crate::routes::Screen;

/// Longest address of a page that one is led to.
const NEXT_LIMIT_BYTES: usize = 2000;
/// Where one is led to without an address.
const HOME: &str = "/ui/";

/// Somebody who is signed in.
pub(crate) struct Here {
    pub(crate) browser: SignedInBrowser,
    /// What the browser keeps.
    pub(crate) secret: String,
}

/// Who asks.
pub(crate) enum Visitor {
    /// Nobody who is signed in.
    Nobody,
    /// Somebody whose session has ended.
    Gone,
    /// Somebody who is signed in.
    Here(Box<Here>),
}

/// A request and what it is answered with.
pub struct Context {
    pub(crate) app: Arc<App>,
    pub(crate) site: Arc<Site>,
    pub(crate) screen: &'static Screen,
    asked: ApiRequest,
    pub(crate) visitor: Visitor,
    pub(crate) preferences: Preferences,
}

impl Deref for Context {
    type Target = ApiRequest;
    fn deref(&self) -> &ApiRequest {
        &self.asked
    }
}

impl Context {
    pub(crate) fn new(
        app: Arc<App>,
        site: Arc<Site>,
        screen: &'static Screen,
        asked: ApiRequest,
        visitor: Visitor,
        preferences: Preferences,
    ) -> Self {
        Self { app, site, screen, asked, visitor, preferences }
    }

    /// Returns who is signed in.
    pub(crate) fn here(&self) -> Option<&Here> {
        match &self.visitor {
            Visitor::Here(here) => Some(here),
            Visitor::Nobody | Visitor::Gone => None,
        }
    }

    /// Returns who is signed in, for pages that nobody else gets.
    pub(crate) fn signed_in(&self) -> Result<&Here> {
        self.here().ok_or(Error::Unauthenticated(longshore_domain::error::Unauthenticated::Missing))
    }

    /// Returns who acts.
    pub(crate) fn actor(&self) -> &Actor {
        self.here().map_or(&Actor::ANONYMOUS, |here| &here.browser.actor)
    }

    /// Returns whether somebody is signed in who administers the registry and may do so from afar.
    pub(crate) fn is_administrator(&self) -> bool {
        self.app.platform.settings().remote_administration
            && self.here().is_some_and(|here| here.browser.account.is_administrator)
    }

    /// Returns the operator, for an administrator. Whether that one is there is for what changes something to find out
    /// ([`presence`](crate::presence)).
    pub(crate) async fn operator(&self) -> Result<Actor> {
        self.app.access.operator_for(self.actor()).await?.ok_or(Error::JobUnknown)
    }

    /// Returns the repository that the path names.
    pub(crate) fn repository(&self) -> Result<RepositoryName> {
        self.parsed("repository")
    }

    /// Returns the namespace that the path names.
    pub(crate) fn namespace(&self) -> Result<Namespace> {
        self.parsed("namespace")
    }

    /// Returns the tag that the path names.
    pub(crate) fn tag(&self) -> Result<Tag> {
        self.parsed("tag")
    }

    /// Returns the digest that the path names.
    pub(crate) fn digest(&self) -> Result<Digest> {
        self.parsed("digest")
    }

    /// Returns a parameter of the query as it was sent; empty when it is left out.
    pub(crate) fn text(&self, name: &str) -> String {
        self.query(name).unwrap_or_default().into_owned()
    }

    /// Returns how many rows a page of a list has.
    pub(crate) fn page_size(&self) -> Result<PageSize> {
        PageSize::clamped(self.preferences.rows)
    }

    /// Reads a form.
    pub(crate) async fn form<T: DeserializeOwned>(&self, body: RequestBody) -> Result<T> {
        form::parse(&self.bytes(body, self.app.platform.settings().body_idle).await?)
    }
}

/// Returns an address that one may be led to: a page of ours.
pub(crate) fn next(text: &str) -> &str {
    let is_ours = text.starts_with(HOME)
        && text.len() <= NEXT_LIMIT_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !text.starts_with("/ui/sign-");
    if is_ours { text } else { HOME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_led_to_our_own_pages_alone() {
        for own in ["/ui/", "/ui/r/acme/app/-/tags?order=name", "/ui/account"] {
            assert_eq!(next(own), own);
        }
        for other in [
            "",
            "https://evil.example/",
            "//evil.example/",
            "/ui",
            "/v2/",
            "/ui/\\evil.example",
            "/ui/\r\nset-cookie: a=b",
            "/ui/ä",
            "/ui/sign-in",
            "/ui/sign-out",
        ] {
            assert_eq!(next(other), HOME, "{other}");
        }
    }
}
