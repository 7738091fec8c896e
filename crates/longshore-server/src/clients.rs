//! Who a client is and what it calls this registry, directly or through trusted proxies.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use longshore_api_common::client::Client;
use longshore_api_common::origin::{Origin, is_authority};

/// Under which id a request is logged: asked for by a trusted proxy, told to every client.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Finds out who a client is and what it calls this registry.
pub struct Clients {
    /// The configured public origin.
    pub origin: Option<Arc<str>>,
    /// Proxies whose headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether this server itself speaks TLS.
    pub has_tls: bool,
    /// Beginning of the request ids of this process.
    pub id_prefix: String,
    /// Counts requests.
    pub requests: AtomicU64,
}

impl Clients {
    fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Describes the client of a request that came over a connection from `peer`.
    pub fn describe(&self, peer: IpAddr, authority: Option<&str>, headers: &HeaderMap) -> Client {
        let behind_proxy = self.is_trusted(peer);
        let forwarded = |name: &HeaderName| {
            headers.get(name).filter(|_| behind_proxy).and_then(|value| value.to_str().ok())
        };
        let address = if behind_proxy { self.forwarded_address(peer, headers) } else { peer.to_canonical() };
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let request_id = match forwarded(&REQUEST_ID).filter(|id| is_request_id(id)) {
            Some(id) => id.into(),
            None => format!("{}{number:x}", self.id_prefix).into(),
        };
        let origin = match &self.origin {
            Some(origin) => Origin::Known(Arc::clone(origin)),
            None => {
                let scheme = match forwarded(&FORWARDED_PROTO) {
                    Some("https") => "https",
                    Some("http") => "http",
                    _ if self.has_tls => "https",
                    _ => "http",
                };
                let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).or(authority);
                match (
                    forwarded(&FORWARDED_HOST).filter(|host| is_authority(host)),
                    host.filter(|host| is_authority(host)),
                ) {
                    (Some(host), _) => Origin::Known(format!("{scheme}://{host}").into()),
                    (None, Some(host)) => Origin::Addressed(format!("{scheme}://{host}").into()),
                    (None, None) => Origin::Addressed("http://localhost".into()),
                }
            }
        };
        Client { address, request_id, origin }
    }

    /// The last address that no trusted proxy has added.
    fn forwarded_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let listed = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','));
        let listed: Vec<Option<IpAddr>> = listed.map(|text| text.trim().parse().ok()).collect();
        let mut address = peer;
        for candidate in listed.into_iter().rev() {
            let Some(candidate) = candidate else { break };
            address = candidate;
            if !self.is_trusted(candidate) {
                break;
            }
        }
        address.to_canonical()
    }
}

fn is_request_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn clients(origin: Option<&str>) -> Clients {
        Clients {
            origin: origin.map(Into::into),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            has_tls: false,
            id_prefix: "t-".into(),
            requests: AtomicU64::new(0),
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    const FORWARDED: &[(&str, &str)] = &[
        ("host", "inside:5000"),
        ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "registry.example.org"),
        ("x-request-id", "abc-123"),
    ];

    #[test]
    fn a_trusted_proxy_is_believed() {
        let client = clients(None).describe([10, 0, 0, 1].into(), None, &headers(FORWARDED));
        assert_eq!(
            client.address,
            IpAddr::from([198, 51, 100, 7]),
            "the first address that no proxy of ours added"
        );
        assert_eq!(client.origin, Origin::Known("https://registry.example.org".into()));
        assert_eq!(&*client.request_id, "abc-123");
    }

    #[test]
    fn abuse_26_headers_of_others_are_not_believed() {
        let client = clients(None).describe([203, 0, 113, 5].into(), None, &headers(FORWARDED));
        assert_eq!(client.address, IpAddr::from([203, 0, 113, 5]));
        assert_eq!(client.origin, Origin::Addressed("http://inside:5000".into()));
        assert_ne!(&*client.request_id, "abc-123");
    }

    #[test]
    fn the_configured_origin_beats_every_header() {
        let client =
            clients(Some("https://r.example")).describe([10, 0, 0, 1].into(), None, &headers(FORWARDED));
        assert_eq!(client.origin, Origin::Known("https://r.example".into()));
    }

    #[test]
    fn a_hostile_host_header_is_not_echoed() {
        let hostile = headers(&[("host", "evil\",scope=\"x")]);
        let client = clients(None).describe([203, 0, 113, 5].into(), None, &hostile);
        assert_eq!(client.origin, Origin::Addressed("http://localhost".into()));
    }
}
