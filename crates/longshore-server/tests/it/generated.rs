//! Generated requests of all operations of a dialect, by an independent program: whatever is asked, there is no fault, and
//! no status or shape that the document does not have. `cargo xtask test` installs it.

use std::process::Command;

use longshore_testkit::stores::SharedStores;
use longshore_testkit::{budget, skip};

use crate::server::Server;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";

/// Sends what is generated from a document, `examples` requests of each operation at most beside those at the limits of its parameters, and gives how many: a path of
/// the server, or a file of `tests/contract`. `names` is what paths name, so that most requests find something; with
/// `methods` (`--include-method` or `--exclude-method`, and one) only some operations are asked for.
#[track_caller]
pub fn run(
    server: &Server,
    document: &str,
    who: &str,
    names: &[(&str, &str)],
    methods: &[&str],
    examples: u32,
) -> u32 {
    let program = skip::variable("LONGSHORE_TEST_SCHEMATHESIS");
    let config = server.data().join("schemathesis.toml");
    let lines: Vec<String> =
        names.iter().map(|(name, value)| format!("\"path.{name}\" = \"{value}\"")).collect();
    std::fs::write(&config, format!("[parameters]\n{}\n", lines.join("\n"))).unwrap();
    let phases = match is_again(document) {
        true => "fuzzing",
        false => "coverage,fuzzing",
    };
    let document = match document.starts_with('/') {
        true => format!("{}{document}", server.url),
        false => format!("{}/tests/contract/{document}", env!("CARGO_MANIFEST_DIR")),
    };
    let credential = match who.strip_prefix("Token ") {
        Some(token) => format!("X-Auth-Token: {token}"),
        None => format!("Authorization: {who}"),
    };
    let output = Command::new(program)
        .current_dir(server.data())
        .args(["--config-file", config.to_str().unwrap(), "run", &document])
        .args(["--url", &server.url, "--header", &credential])
        .args([
            "--checks",
            CHECKS,
            "--phases",
            phases,
            "--max-examples",
            &budget::examples(examples).to_string(),
        ])
        .args(methods)
        .args(["--generation-deterministic", "--no-color"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let generated = text.lines().find_map(|line| line.trim().split_once(" generated, "));
    generated.and_then(|(number, _)| number.parse().ok()).unwrap_or_default()
}

/// Returns whether a document asks for operations whose limits have been asked for: on PostgreSQL and S3, a vendor's asks what
/// ours, which is served, asks as well.
fn is_again(document: &str) -> bool {
    !document.starts_with('/') && SharedStores::chosen().is_some()
}

/// How many requests a document must have led to at least, where so many are usual.
pub fn least(document: &str, usual: u32) -> u32 {
    if is_again(document) { usual / 10 } else { usual }
}
