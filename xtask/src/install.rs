//! Installs what tests and benchmarks need, from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Programs that the end-to-end tests drive, and the packages that have them.
const CLIENTS: &[(&str, &str)] =
    &[("skopeo", "skopeo"), ("podman", "podman"), ("buildah", "buildah"), ("curl", "curl")];

/// Installs the clients that are missing.
pub fn clients() -> Result<()> {
    packages(CLIENTS)
}

/// Installs the packages of programs that are missing.
pub fn packages(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        programs.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("installing {}", missing.join(", "));
    apt(&["update", "--quiet"])?;
    let mut install = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

fn apt(arguments: &[&str]) -> Result<()> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0"));
    let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root {
        command.arg("apt-get");
    }
    let status = command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    let status = status.context(
        "the tests need Debian's packages skopeo, podman, buildah and curl; apt-get cannot be run",
    )?;
    if !status.success() {
        bail!("apt-get {} failed", arguments.join(" "));
    }
    Ok(())
}

/// Unpacks Debian's docker-registry into a folder, without starting its service.
pub fn peer_registry(folder: &Path) -> Result<PathBuf> {
    let binary = folder.join("usr/bin/docker-registry");
    if binary.exists() {
        return Ok(binary);
    }
    std::fs::create_dir_all(folder)?;
    let run = |program: &str, arguments: &[&str]| -> Result<()> {
        let status = Command::new(program).args(arguments).current_dir(folder).status()?;
        if !status.success() {
            bail!("{program} {} failed", arguments.join(" "));
        }
        Ok(())
    };
    if run("apt-get", &["download", "--quiet", "docker-registry"]).is_err() {
        apt(&["update", "--quiet"])?;
        run("apt-get", &["download", "--quiet", "docker-registry"])?;
    }
    let package = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("the package docker-registry was not downloaded")?;
    run("dpkg-deb", &["--extract", package.to_str().context("the path is UTF-8")?, "."])?;
    Ok(binary)
}
