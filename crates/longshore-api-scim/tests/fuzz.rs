//! Whatever an identity provider sends, the readers answer, and what they read means the same when it is written.

use longshore_api_scim::attribute::AttributePath;
use longshore_api_scim::filter::{COMPARISONS_LIMIT, DEPTH_LIMIT, Filter, Operator, Value};
use longshore_api_scim::patch_path::PatchPath;
use proptest::prelude::*;

const PIECES: &[&str] = &[
    "userName",
    "emails",
    "active",
    "name.familyName",
    "type",
    "value",
    "urn:ietf:params:scim:schemas:core:2.0:User:",
    " ",
    " eq ",
    " ne ",
    " co ",
    " sw ",
    " pr",
    " and ",
    " or ",
    "not ",
    "not(",
    "(",
    ")",
    "[",
    "]",
    "].",
    ".",
    "\"",
    "\\",
    "\"work\"",
    "true",
    "null",
    "1",
    "-1.5",
    "1e400",
    "\0",
    "ä",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn attribute() -> impl Strategy<Value = AttributePath> {
    let name = "[a-z][a-z0-9_-]{0,8}";
    let schema = proptest::option::of(Just("urn:ietf:params:scim:schemas:core:2.0:user".to_owned()));
    (schema, name, proptest::option::of(name)).prop_map(|(schema, name, part)| AttributePath {
        schema,
        name,
        part,
    })
}

fn operator() -> impl Strategy<Value = Operator> {
    use Operator::*;
    proptest::sample::select(
        [Equal, NotEqual, Contains, StartsWith, EndsWith, Greater, GreaterOrEqual, Less, LessOrEqual]
            .as_slice(),
    )
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::Text),
        any::<i64>().prop_map(|number| Value::Number(number.into())),
        any::<bool>().prop_map(Value::Truth),
        Just(Value::Null),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        attribute().prop_map(Filter::Present),
        (attribute(), operator(), value())
            .prop_map(|(attribute, operator, value)| Filter::Compare(attribute, operator, value)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let several = || proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several().prop_map(Filter::And),
            several().prop_map(Filter::Or),
            inner.clone().prop_map(|filter| Filter::Not(Box::new(filter))),
            (attribute(), inner.clone())
                .prop_map(|(attribute, filter)| Filter::Element(attribute, Box::new(filter))),
        ]
    })
}

fn comparisons(filter: &Filter) -> usize {
    match filter {
        Filter::Present(_) | Filter::Compare(..) => 1,
        Filter::Element(_, inner) | Filter::Not(inner) => comparisons(inner),
        Filter::And(all) | Filter::Or(all) => all.iter().map(comparisons).sum(),
    }
}

fn depth(filter: &Filter) -> usize {
    match filter {
        Filter::Present(_) | Filter::Compare(..) => 0,
        Filter::Element(_, inner) | Filter::Not(inner) => 1 + depth(inner),
        Filter::And(all) | Filter::Or(all) => all.iter().map(depth).max().unwrap_or_default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_text_is_read_or_refused(text in text()) {
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert!(comparisons(&filter) <= COMPARISONS_LIMIT && depth(&filter) <= DEPTH_LIMIT);
        }
        if let Ok(path) = PatchPath::parse(&text) {
            prop_assert_eq!(PatchPath::parse(&path.to_string()), Ok(path));
        }
        if let Some(attribute) = AttributePath::parse(&text) {
            prop_assert_eq!(AttributePath::parse(&attribute.to_string()), Some(attribute));
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same(filter in filter()) {
        let text = filter.to_string();
        // What is too long, deep or much is refused, and nothing else.
        match Filter::parse(&text) {
            Ok(read) => prop_assert_eq!(read, filter),
            Err(error) => prop_assert!(
                error.reason.starts_with("it is nested") || error.reason.starts_with("it has more")
                    || error.reason.starts_with("it is longer"),
                "{}: {}", text, error,
            ),
        }
    }
}
