//! Who a client is and what it calls this registry, directly or through trusted proxies.
//!
//! Proxies say it in `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`, or in `Forwarded` (RFC 7239), which is read only
//! where none of the former is: most proxies set the ones that they know and pass on what clients write into the others.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use longshore_api_common::client::Client;
use longshore_api_common::origin::{Origin, is_authority};

use crate::dispatch;

/// Under which id a request is logged: asked for by a trusted proxy, told to every client.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Finds out who a client is and what it calls this registry.
pub struct Clients {
    /// The configured public origin, with its path prefix.
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

/// What proxies say about a request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Forwarded {
    /// For whom each proxy asked, the one nearest to the client first; `None` where that is no address.
    addresses: Vec<Option<IpAddr>>,
    scheme: Option<&'static str>,
    host: Option<String>,
    prefix: Option<String>,
    request_id: Option<String>,
}

impl Forwarded {
    /// Reads the headers of a request that a trusted proxy sent.
    fn of(headers: &HeaderMap) -> Self {
        let first = |name: &HeaderName| {
            let text = headers.get(name)?.to_str().ok()?;
            text.split(',').next().map(str::trim).filter(|value| !value.is_empty())
        };
        let prefix = first(&FORWARDED_PREFIX).map(|text| text.trim_end_matches('/'));
        let mut found = Self {
            prefix: prefix.filter(|prefix| dispatch::may_be_prefix(prefix)).map(str::to_owned),
            request_id: first(&REQUEST_ID).filter(|id| is_request_id(id)).map(str::to_owned),
            ..Self::default()
        };
        let (scheme, host) =
            if [FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST].iter().any(|name| headers.contains_key(name))
            {
                for value in headers.get_all(FORWARDED_FOR) {
                    let Ok(text) = value.to_str() else {
                        found.addresses.push(None);
                        continue;
                    };
                    found.addresses.extend(text.split(',').map(node_address));
                }
                (first(&FORWARDED_PROTO).map(str::to_owned), first(&FORWARDED_HOST).map(str::to_owned))
            } else {
                let values = headers.get_all(header::FORWARDED).iter();
                let elements: Vec<_> = values
                    .flat_map(|value| split(value.to_str().unwrap_or_default(), ','))
                    .map(Element::parse)
                    .collect();
                found.addresses = elements.iter().map(|element| element.address).collect();
                let scheme = elements.first().and_then(|element| element.proto.clone());
                (scheme, elements.first().and_then(|element| element.host.clone()))
            };
        found.scheme = scheme.and_then(|scheme| {
            ["https", "http"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))
        });
        found.host = host.filter(|host| is_authority(host));
        found
    }
}

/// What one proxy says in `Forwarded`.
#[derive(Default)]
struct Element {
    address: Option<IpAddr>,
    proto: Option<String>,
    host: Option<String>,
}

impl Element {
    fn parse(text: &str) -> Self {
        let mut element = Self::default();
        for pair in split(text, ';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let value = quoted.unwrap_or(value);
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => element.address = node_address(value),
                "proto" => element.proto = Some(value.to_owned()),
                "host" => element.host = Some(value.to_owned()),
                _ => {}
            }
        }
        element
    }
}

/// Cuts a text at a separator outside quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let parts = text.split(|letter| {
        is_quoted ^= letter == '"';
        letter == separator && !is_quoted
    });
    parts.map(str::trim).collect()
}

/// Reads an address as proxies write it: also with a port, and IPv6 in brackets. `unknown`, nothing, and names that are made
/// up are no address.
fn node_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let plain = || text.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address: Option<IpAddr> = match bracketed {
        Some(inside) => inside.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6),
        None => plain().or_else(with_port),
    };
    address.map(|address| address.to_canonical())
}

impl Clients {
    /// Returns whether an address is that of a trusted proxy.
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// The address with which somebody shares limits; `None` for a trusted proxy, which speaks for many.
    pub fn unless_trusted(&self, address: IpAddr) -> Option<IpAddr> {
        (!self.is_trusted(address)).then_some(address)
    }

    /// Describes the client of a request that came over a connection from `peer`.
    pub fn describe(&self, peer: IpAddr, authority: Option<&str>, headers: &HeaderMap) -> Client {
        let forwarded = self.is_trusted(peer).then(|| Forwarded::of(headers));
        let (address, is_address_known) = match &forwarded {
            Some(forwarded) => self.client_address(peer, &forwarded.addresses),
            None => (peer.to_canonical(), true),
        };
        let forwarded = forwarded.unwrap_or_default();
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let request_id = match forwarded.request_id {
            Some(id) => id.into(),
            None => format!("{}{number:x}", self.id_prefix).into(),
        };
        let origin = match &self.origin {
            Some(origin) => Origin::Known(Arc::clone(origin)),
            None => {
                let own = if self.has_tls { "https" } else { "http" };
                let scheme = forwarded.scheme.unwrap_or(own);
                let prefix = forwarded.prefix.unwrap_or_default();
                let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).or(authority);
                match (forwarded.host, host.filter(|host| is_authority(host))) {
                    (Some(host), _) => Origin::Known(format!("{scheme}://{host}{prefix}").into()),
                    (None, Some(host)) => Origin::Addressed(format!("{scheme}://{host}{prefix}").into()),
                    (None, None) => Origin::Addressed(format!("http://localhost{prefix}").into()),
                }
            }
        };
        Client { address, is_address_known, request_id, origin, is_operator: false }
    }

    /// The last address that no trusted proxy has added, and whether it is that of the client: a proxy that says nothing asks
    /// for itself, and one that says nothing clear leaves only its own.
    fn client_address(&self, peer: IpAddr, forwarded: &[Option<IpAddr>]) -> (IpAddr, bool) {
        let mut address = peer.to_canonical();
        for candidate in forwarded.iter().rev() {
            let Some(candidate) = candidate else { return (address, false) };
            address = *candidate;
            if !self.is_trusted(address) {
                return (address, true);
            }
        }
        (address, true)
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

    fn behind(pairs: &[(&'static str, &'static str)]) -> Client {
        clients(None).describe([10, 0, 0, 1].into(), None, &headers(pairs))
    }

    #[test]
    fn the_first_value_counts_in_any_letter_case() {
        for proto in ["https", "https,https", "HTTPS", "https, http", " Https "] {
            let client = behind(&[("host", "r.example"), ("x-forwarded-proto", proto)]);
            assert_eq!(client.origin, Origin::Addressed("https://r.example".into()), "{proto}");
        }
        let listed = behind(&[("host", "inside"), ("x-forwarded-host", "a.example:8443, b.example")]);
        assert_eq!(listed.origin, Origin::Known("http://a.example:8443".into()));
        for proto in ["", ",https", "ftp", "httpsx"] {
            let client = behind(&[("host", "r.example"), ("x-forwarded-proto", proto)]);
            assert_eq!(client.origin, Origin::Addressed("http://r.example".into()), "{proto}");
        }
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        let cases = [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("unknown, 198.51.100.7", "198.51.100.7"),
            ("198.51.100.7 , 10.0.0.2:80", "198.51.100.7"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ];
        for (text, address) in cases {
            let client = behind(&[("x-forwarded-for", text)]);
            let expected: IpAddr = address.parse().unwrap();
            assert_eq!((client.address, client.is_address_known), (expected, true), "{text}");
        }
    }

    #[test]
    fn an_unclear_address_is_not_known() {
        for text in [
            "unknown",
            "",
            ",",
            "198.51.100.7, unknown",
            "198.51.100.7,",
            "_hidden",
            "[::1",
            "1.2.3",
            "localhost",
        ] {
            let client = behind(&[("x-forwarded-for", text)]);
            assert!(!client.is_address_known, "{text}");
            assert_eq!(client.address, IpAddr::from([10, 0, 0, 1]), "{text}");
        }
        assert!(behind(&[]).is_address_known, "the proxy asks for itself");
        let client = clients(None).describe(
            [203, 0, 113, 5].into(),
            None,
            &headers(&[("x-forwarded-for", "unknown")]),
        );
        assert!(client.is_address_known, "who is no proxy asks for itself");
    }

    #[test]
    fn the_standard_header_is_read_where_no_other_is() {
        const STANDARD: &str =
            "For=\"[2001:db8::7]:4711\";proto=HTTPS;host=\"r.example:8443\", for=10.0.0.2;proto=http";
        let client = behind(&[("host", "inside"), ("forwarded", STANDARD)]);
        assert_eq!(client.address, "2001:db8::7".parse::<IpAddr>().unwrap());
        assert_eq!(client.origin, Origin::Known("https://r.example:8443".into()));
        // A client wrote it, and the proxy knows only the others.
        let client =
            behind(&[("forwarded", "for=127.0.0.1;host=evil.example"), ("x-forwarded-for", "198.51.100.7")]);
        assert_eq!((client.address, client.is_address_known), ([198, 51, 100, 7].into(), true));
        assert_eq!(client.origin, Origin::Addressed("http://localhost".into()));
        for unclear in ["for=unknown", "for=_hidden", "proto=https", "for", "\"", "for=\"1.2.3.4", ""] {
            assert!(!behind(&[("forwarded", unclear)]).is_address_known, "{unclear}");
        }
    }

    #[test]
    fn a_prefix_is_taken_from_a_proxy_unless_it_could_mean_another_path() {
        for (text, prefix) in [("/registry", "/registry"), ("/a/b/", "/a/b"), ("/a, /b", "/a")] {
            let client = behind(&[("host", "r.example"), ("x-forwarded-prefix", text)]);
            assert_eq!(client.origin.link("/v2/"), format!("{prefix}/v2/"), "{text}");
        }
        for bad in
            ["/", "", "registry", "//evil.example", "/v2", "/token/a", "/a/../b", "/a?b", "/a%2Fb", "/API"]
        {
            let client = behind(&[("host", "r.example"), ("x-forwarded-prefix", bad)]);
            let expected = if bad == "/API" { "/API/v2/" } else { "/v2/" };
            assert_eq!(client.origin.link("/v2/"), expected, "{bad}");
        }
        let others =
            clients(None).describe([203, 0, 113, 5].into(), None, &headers(&[("x-forwarded-prefix", "/a")]));
        assert_eq!(others.origin.prefix(), "");
    }
}
