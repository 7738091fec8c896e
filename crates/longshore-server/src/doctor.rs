//! `longshore doctor`: looks at what operators get wrong, and says what to do.

use std::time::Duration;

use anyhow::Result;
use longshore_cli::failure::Exit;
use longshore_cli::output::{Column, Kind, Output, column};
use longshore_client::Client;
use longshore_domain::clock::Clock;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;

use crate::config::Config;
use crate::descriptors;
use crate::registry::Registry;
use crate::system::SystemClock;
use crate::tls::Certificate;

/// A certificate that ends sooner is worth a word.
const CERTIFICATE_DAYS: i64 = 14;
/// A clock that is further off is worth a word.
const CLOCK: Duration = Duration::from_secs(1);

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// It is well.
    Ok,
    /// It works, and should be otherwise.
    Warning,
    /// It does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    /// What there is, and what to do when it is not well.
    text: String,
}

const COLUMNS: &[Column] = &[
    column("VERDICT", "verdict", Kind::Text, 0),
    column("WHAT", "what", Kind::Text, 0),
    column("FOUND", "text", Kind::Text, 0),
];

/// All that was found.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, what: &'static str, verdict: Verdict, text: impl Into<String>) {
        self.0.push(Finding { what, verdict, text: text.into() });
    }
}

/// Looks at everything.
///
/// # Errors
/// Those of writing what was found.
pub fn run(loaded: Result<Config>, output: &Output) -> Result<Exit> {
    let mut findings = Findings::default();
    match loaded {
        Err(error) => findings.add("configuration", Verdict::Wrong, format!("{error:#}")),
        Ok(config) => look(&config, &mut findings),
    }
    let is_wrong = findings.0.iter().any(|finding| finding.verdict == Verdict::Wrong);
    output.list(COLUMNS, "what", findings.0.iter().map(anyhow::Ok))?;
    Ok(if is_wrong { Exit::Problems } else { Exit::Done })
}

fn look(config: &Config, findings: &mut Findings) {
    match config.check_files() {
        Ok(()) => findings.add("configuration", Verdict::Ok, "it and the files that it names can be read"),
        Err(error) => findings.add("configuration", Verdict::Wrong, format!("{error:#}")),
    }
    if config.has_tls() && Certificate::load(&config.tls).is_ok() {
        look_at_certificate(config, findings);
    }
    let shared = descriptors::shared_out(config.max_connections);
    let (verdict, text) = match shared.connections < config.max_connections {
        false => (Verdict::Ok, format!("{} connections may be open", shared.connections)),
        true => (
            Verdict::Warning,
            format!(
                "only {} of {} connections may be open; raise the limit of open files (LimitNOFILE, ulimit -n)",
                shared.connections, config.max_connections
            ),
        ),
    };
    findings.add("open files", verdict, text);
    look_at_stores(config, findings);
    look_from_outside(config, findings);
}

fn look_at_certificate(config: &Config, findings: &mut Findings) {
    let chain = CertificateDer::pem_file_iter(&config.tls.certificate);
    let first = chain.ok().and_then(|mut chain| chain.next()?.ok());
    let parsed = first.as_ref().and_then(|first| x509_parser::parse_x509_certificate(first).ok());
    let Some((_, certificate)) = parsed else {
        return findings.add("certificate", Verdict::Warning, "its dates cannot be read");
    };
    let ends_at = certificate.validity().not_after.timestamp();
    let days = (ends_at - SystemClock::new().now().as_second()).div_euclid(86_400);
    let (verdict, text) = match days {
        ..0 => (Verdict::Wrong, "it has expired: renew it; the server reads new files by itself".to_owned()),
        0..CERTIFICATE_DAYS => (
            Verdict::Warning,
            format!(
                "it ends in {days} days: see that its renewal works; the server reads new files by itself"
            ),
        ),
        _ => (Verdict::Ok, format!("it is good for {days} days")),
    };
    findings.add("certificate", verdict, text);
}

/// What the registry needs, tried by the running server, or by this process where none runs.
fn look_at_stores(config: &Config, findings: &mut Findings) {
    let health = Registry::open(config).and_then(|registry| Ok(registry.client().get_health()?));
    let health = match health {
        Ok(health) => health,
        Err(error) => return findings.add("registry", Verdict::Wrong, format!("{error:#}")),
    };
    for part in &health.parts {
        let what = match (part.name.as_str(), part.is_for_pushes) {
            ("the database", false) => "database, to read",
            ("the database", true) => "database, to write",
            ("the blob store", false) => "blob store, to read",
            ("the blob store", true) => "blob store, to write",
            ("the disk of this machine", _) => "room on the disk",
            _ => "clock",
        };
        match &part.problem {
            None => findings.add(what, Verdict::Ok, "it works"),
            Some(problem) => findings.add(what, Verdict::Wrong, problem.clone()),
        }
    }
    if let Some(ahead) = health.clock_ahead_seconds {
        let (verdict, text) = match ahead.abs() > CLOCK.as_secs_f64() {
            true => (
                Verdict::Warning,
                format!("this machine is {ahead:.1} s ahead of the database: set both by NTP"),
            ),
            false => {
                (Verdict::Ok, format!("this machine and the database agree within {} s", CLOCK.as_secs()))
            }
        };
        findings.add("clock", verdict, text);
    }
    match health.dead_work {
        0 => findings.add("work", Verdict::Ok, "none was given up"),
        count => findings.add(
            "work",
            Verdict::Warning,
            format!("{count} pieces were given up; see: longshore work ls --dead"),
        ),
    }
}

/// Whether the registry is reached as its users do it, and knows by which name.
fn look_from_outside(config: &Config, findings: &mut Findings) {
    let what = "public_url";
    let url = match config.origin() {
        Ok(Some(url)) => url,
        Ok(None) => {
            let text = "it is not set: behind a proxy, links in answers may name the wrong host";
            return findings.add(what, Verdict::Warning, text);
        }
        Err(error) => return findings.add(what, Verdict::Wrong, format!("{error:#}")),
    };
    let about = match Client::new(&url).and_then(|client| client.about()) {
        Ok(about) => about,
        Err(error) => {
            let text =
                format!("{error}; does the server run, and does the proxy lead /api, /v2 and /token to it?");
            return findings.add(what, Verdict::Wrong, text);
        }
    };
    let host = url.split("://").nth(1).unwrap_or_default();
    let (verdict, text) = match about.registry == host {
        true => (Verdict::Ok, format!("{url} leads to longshore {}", about.version)),
        false => (
            Verdict::Wrong,
            format!("{url} leads to a registry that calls itself {}; is it this one?", about.registry),
        ),
    };
    findings.add(what, verdict, text);
}
