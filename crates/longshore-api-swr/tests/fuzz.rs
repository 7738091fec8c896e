//! Whatever a client sends, the readers of filters and signatures answer and do not break.

use http::{HeaderName, HeaderValue, Request};
use longshore_api_swr::filter::Filter;
use longshore_api_swr::signature::{Authorization, is_signature, signed};
use proptest::prelude::*;

const KEYS: &[&str] = &["offset", "limit", "order_column", "order_type", "tag"];

/// Pieces of which filters and headers consist, and what does not belong there.
fn pieces(known: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(known).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const OF_FILTERS: &[&str] = &[
    "|",
    "::",
    ":",
    "offset",
    "limit",
    "tag",
    "order_column",
    "order_type",
    "1",
    "latest",
    "\0",
    "||",
    "%7C",
];
const OF_HEADERS: &[&str] = &[
    "SDK-HMAC-SHA256 ",
    "SDK-HMAC-SHA256",
    "V11-HMAC-SHA256 ",
    "Access=",
    "SignedHeaders=",
    "Signature=",
    ",",
    ", ",
    ";",
    "=",
    "host",
    "x-sdk-date",
    "00ff",
    "LSAAAAAAAAAAAAAAAAAA",
    " ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_is_read_or_refused(text in pieces(OF_FILTERS)) {
        if let Ok(filter) = Filter::parse(&text, KEYS) {
            // What was read stands in the text.
            for key in KEYS {
                if let Some(value) = filter.get(key) {
                    let item = format!("{key}::{value}");
                    prop_assert!(text.split('|').any(|found| found == item));
                }
            }
            prop_assert!(text.split('|').all(|item| item.contains("::")));
        }
    }

    #[test]
    fn what_is_written_as_documented_is_read_back(values in proptest::collection::vec("[^|]{0,20}", 5)) {
        let items: Vec<_> = KEYS.iter().zip(&values).map(|(key, value)| format!("{key}::{value}")).collect();
        let filter = Filter::parse(&items.join("|"), KEYS).unwrap();
        for (key, value) in KEYS.iter().zip(&values) {
            prop_assert_eq!(filter.get(key).unwrap_or_default(), value);
        }
    }

    #[test]
    fn a_signature_header_is_read_or_refused(text in pieces(OF_HEADERS)) {
        if let Ok(authorization) = Authorization::parse(&text) {
            prop_assert!(is_signature(&text));
            prop_assert!(text.contains(authorization.access_key));
            prop_assert!(!authorization.signed_headers.is_empty());
        }
    }

    #[test]
    fn a_signed_request_is_written_down_or_refused(
        path in "/[!-~]{0,40}",
        query in "[!-~]{0,60}",
        names in proptest::collection::vec("[a-z-]{1,12}", 0..6),
        headers in proptest::collection::vec(("[a-z-]{1,12}", proptest::collection::vec(any::<u8>(), 0..12)), 0..6),
        date in prop_oneof!["[0-9]{8}T[0-9]{6}Z", "[!-~]{0,20}"],
        body in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut request = Request::builder().uri(format!("{path}?{query}"));
        for (name, value) in &headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_bytes(value)) {
                request = request.header(name, value);
            }
        }
        request = request.header("host", "a").header("x-sdk-date", &date);
        let Ok(request) = request.body(()) else { return Ok(()) };
        let (parts, ()) = request.into_parts();
        let covered = names.iter().map(String::as_str).chain(["host", "x-sdk-date"]).collect::<Vec<_>>();
        let header = format!("SDK-HMAC-SHA256 Access=A, SignedHeaders={}, Signature=00", covered.join(";"));
        let authorization = Authorization::parse(&header).unwrap();
        if let Ok(found) = signed(&parts, &authorization, &body) {
            let lines: Vec<&str> = found.text.lines().collect();
            prop_assert_eq!(lines.len(), 3);
            prop_assert_eq!((lines[1], lines[2].len()), (date.as_str(), 64));
        }
    }
}
