//! The test programs, and the tests in them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Packages whose tests run on either kind of stores, in their one program `it`.
const EITHER: [&str; 2] = ["longshore-app", "longshore-server"];

/// A program that has tests.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its package and, for tests beside the sources, the name of the target.
    pub name: String,
    pub path: PathBuf,
    /// The folder of its package, in which its tests run.
    pub folder: PathBuf,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    pub program: Program,
    /// Its path in the program.
    pub name: String,
}

impl Test {
    /// Tells whether it runs on SQLite and a folder as well as on PostgreSQL and S3.
    pub fn runs_on_either(&self) -> bool {
        EITHER.iter().any(|package| self.program.name == format!("{package}/it"))
    }
}

/// Builds the test programs of some packages, or of all.
pub fn build(root: &Path, packages: &[String]) -> Result<Vec<Program>> {
    let mut command = Command::new("cargo");
    command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).current_dir(root);
    match packages {
        [] => command.arg("--workspace"),
        packages => command.args(packages.iter().map(|name| format!("--package={name}"))),
    };
    let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the tests cannot be built");
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(program).collect())
}

/// Reads a line of what cargo says about a program that it built.
fn program(line: &str) -> Option<Program> {
    let said: Value = serde_json::from_str(line).ok()?;
    if said["reason"] != "compiler-artifact" || said["profile"]["test"] != true {
        return None;
    }
    let path = said["executable"].as_str()?.into();
    let folder = Path::new(said["manifest_path"].as_str()?).parent()?.to_owned();
    let package = folder.file_name()?.to_str()?;
    let name = match said["target"]["kind"][0].as_str()? {
        "test" => format!("{package}/{}", said["target"]["name"].as_str()?),
        _ => package.to_owned(),
    };
    Some(Program { name, path, folder })
}

/// Lists the tests whose names contain one of these texts, or all.
pub fn tests(programs: &[Program], names: &[String]) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    for program in programs {
        let output = Command::new(&program.path).args(["--list", "--format=terse"]).output()?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Some(name) = line.strip_suffix(": test") else { continue };
            if names.is_empty() || names.iter().any(|wanted| name.contains(wanted.as_str())) {
                tests.push(Test { program: program.clone(), name: name.to_owned() });
            }
        }
    }
    Ok(tests)
}
