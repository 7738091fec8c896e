//! What tests need beyond their programs: servers and clients, brought when they are asked for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::report::{Outcome, Report};
use super::run::{Job, Stores as On};
use crate::install;
use crate::stores::Stores;

/// Variables by which tests find programs, the Python packages that have those, and their names.
const VARIABLES: [(&str, &str, &str); 5] = [
    ("LONGSHORE_TEST_SCHEMATHESIS", SCHEMATHESIS, "schemathesis"),
    ("LONGSHORE_TEST_PYDO", PYDO, "python"),
    ("LONGSHORE_TEST_SWR_CLIENTS", SWR_CLIENTS, "python"),
    ("LONGSHORE_TEST_SCIM", SCIM_TESTER, "scim2"),
    ("LONGSHORE_TEST_AXE", AXE, "python"),
];

/// Asks what an OpenAPI document allows.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// DigitalOcean's Python client.
const PYDO: &str = "pydo==0.44.0";
/// The SDK of Huawei Cloud, and OpenStack's with the extensions of Open Telekom Cloud, which need an older version of it.
const SWR_CLIENTS: &str = "huaweicloudsdkswr==3.1.219 otcextensions==0.34.8 openstacksdk==4.4.1";
/// What identity providers do, by an independent tester of SCIM servers.
const SCIM_TESTER: &str = "scim2-cli==0.6.0 scim2-tester==0.5.2 scim2-client==0.13.2 scim2-models==0.12.3";

/// Rules of accessibility (axe-core 4.12.1), in a package that brings them as a file; what else it needs is not.
const AXE: &str = "--no-deps axe-playwright-python==0.1.8";

/// What has been brought so far.
pub struct Brought {
    root: PathBuf,
    stores: Option<Stores>,
    variables: Vec<(String, String)>,
    refusals: Vec<String>,
}

impl Brought {
    /// Nothing yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), stores: None, variables: Vec::new(), refusals: Vec::new() }
    }

    /// Brings everything that any test may need.
    pub fn bring_all(&mut self) {
        self.attempt("clients", |_| install::clients());
        for (variable, _, _) in VARIABLES {
            self.bring_variable(variable);
        }
        self.bring_stores();
    }

    /// Starts PostgreSQL and S3.
    pub fn bring_stores(&mut self) {
        if self.stores.is_none() {
            self.attempt("PostgreSQL and S3", |here| {
                let stores = Stores::start(&here.root)?;
                here.variables.extend(stores.environment.iter().cloned());
                here.stores = Some(stores);
                Ok(())
            });
        }
    }

    fn bring_variable(&mut self, wanted: &str) {
        let Some((variable, packages, program)) = VARIABLES.iter().find(|(name, _, _)| *name == wanted)
        else {
            return;
        };
        self.attempt(packages, |here| {
            let path = install::python_program(&here.root, packages, program)?;
            let path = path.to_str().context("the path of the build folder is no text")?;
            here.variables.push(((*variable).to_owned(), path.to_owned()));
            Ok(())
        });
    }

    fn attempt(&mut self, what: &str, bring: impl FnOnce(&mut Self) -> Result<()>) {
        if let Err(error) = bring(self) {
            self.refusals.push(format!("{what}: {error:#}"));
        }
    }

    /// Brings what the tests of a report lacked, as far as it can be brought, and gives those to run again.
    pub fn bring_what_lacks<'t>(&mut self, report: &Report<'t>, has_shared_run: bool) -> Vec<Job<'t>> {
        let mut again = Vec::new();
        for result in report.results() {
            let Outcome::Skipped(needs) = &result.outcome else { continue };
            let before = (self.variables.len(), self.refusals.len());
            let mut on = result.job.on;
            for need in needs {
                match need.split_once(' ') {
                    None if need == "stores" => self.bring_stores(),
                    // It runs there anyway.
                    None if need == "shared-run" && has_shared_run => {}
                    None if need == "shared-run" => {
                        self.bring_stores();
                        on = On::Shared;
                    }
                    Some(("variable", name)) if !self.has(name) => self.bring_variable(name),
                    Some(("program", name)) => self.attempt(name, |_| install::client(name)),
                    _ => {}
                }
            }
            let can_help = before.1 == self.refusals.len() && needs.iter().all(|need| self.is_there(need));
            if can_help && !(has_shared_run && needs.iter().any(|need| need == "shared-run")) {
                again.push(Job { test: result.job.test, on });
            }
        }
        again
    }

    fn has(&self, variable: &str) -> bool {
        self.variables.iter().any(|(name, _)| name == variable)
    }

    fn is_there(&self, need: &str) -> bool {
        match need.split_once(' ') {
            None => matches!(need, "stores" | "shared-run") && self.has_stores(),
            Some(("variable", name)) => self.has(name),
            Some(("program", _)) => true,
            Some(_) => false,
        }
    }

    /// Tells whether PostgreSQL and S3 are there.
    pub fn has_stores(&self) -> bool {
        self.stores.is_some()
    }

    /// PostgreSQL and S3, if they are there.
    pub fn stores(&self) -> Option<&Stores> {
        self.stores.as_ref()
    }

    /// Variables by which tests find what was brought.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// What could not be brought, and why.
    pub fn refusals(&self) -> &[String] {
        &self.refusals
    }
}
