//! Where a request came from, as the server found it out.

use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;

/// Facts about a request that are not in it, put into its extensions by the server.
#[derive(Clone, Debug)]
pub struct Client {
    /// The address of the client, behind trusted proxies; that of the proxy when it does not say clearly for whom it asks.
    /// Limits are counted by it.
    pub address: IpAddr,
    /// Whether that is the client's own. What an address entitles to is refused when it is not.
    pub is_address_known: bool,
    /// The id under which the request is logged.
    pub request_id: Arc<str>,
    /// What the client calls this registry.
    pub origin: crate::origin::Origin,
    /// Whether it came over the administration socket, whose callers are the operator.
    pub is_operator: bool,
}

impl Client {
    /// Returns the facts about a request.
    ///
    /// # Panics
    /// When the server did not put them there, which every request goes through.
    pub fn of(extensions: &Extensions) -> &Self {
        extensions
            .get::<Self>()
            .expect("the server describes the client of every request before a dialect sees it")
    }
}
