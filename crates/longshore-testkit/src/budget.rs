//! How much a test does of what could go on without end: generated requests and histories. Each budget has a name, by which
//! longer runs get more (`docs/testing.md`).

use crate::stores::SharedStores;

/// On PostgreSQL and S3 a case takes several times as long, and the cases have had their run on SQLite and a folder.
const SHARE_ON_STORES: u32 = 4;

/// How many generated histories a property test tries, of as many as are usual: `LONGSHORE_PROPERTY_CASES`.
pub fn property_cases(usual: u32) -> u32 {
    budget("LONGSHORE_PROPERTY_CASES", usual)
}

/// How many requests are generated for an operation, beside those at the limits of its parameters: `LONGSHORE_TEST_EXAMPLES`.
pub fn examples(usual: u32) -> u32 {
    budget("LONGSHORE_TEST_EXAMPLES", usual)
}

fn budget(name: &str, usual: u32) -> u32 {
    let wanted = std::env::var(name).ok().map(|text| text.parse().expect("a budget is a number"));
    wanted.unwrap_or_else(|| match SharedStores::chosen() {
        None => usual,
        Some(_) => usual.div_ceil(SHARE_ON_STORES),
    })
}
