//! Installs what tests and benchmarks need, from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Programs that the end-to-end tests drive, and the packages that have them.
const CLIENTS: &[(&str, &str)] = &[
    ("skopeo", "skopeo"),
    ("podman", "podman"),
    ("buildah", "buildah"),
    ("curl", "curl"),
    ("/usr/sbin/nginx", "nginx"),
    ("/usr/sbin/haproxy", "haproxy"),
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
];

/// Installs the clients that are missing.
pub fn clients() -> Result<()> {
    packages(CLIENTS)
}

/// Installs one of the clients, by the name that tests know.
pub fn client(name: &str) -> Result<()> {
    let is_it = |program: &str| program.rsplit('/').next() == Some(name);
    let found: Vec<_> = CLIENTS.iter().filter(|(program, _)| is_it(program)).copied().collect();
    if found.is_empty() {
        bail!("no package is known that has it");
    }
    packages(&found)
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

/// Tells whether this runs as root.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

/// A command that runs as root.
fn privileged(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut command = privileged("apt-get");
    let status = command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    let status = status.context(
        "the tests need Debian's packages skopeo, podman, buildah, curl, nginx, haproxy, chromium, chromium-driver, postgresql, openssl and python3-venv; apt-get cannot be run",
    )?;
    if !status.success() {
        bail!("apt-get {} failed", arguments.join(" "));
    }
    Ok(())
}

/// Installs PostgreSQL if it is missing, without a cluster of its own, and gives the folder of its programs.
pub fn postgres() -> Result<PathBuf> {
    if let Some(folder) = newest_postgres() {
        packages(&[("openssl", "openssl")])?;
        return Ok(folder);
    }
    // Otherwise the package makes a cluster and starts it.
    let quiet = "mkdir -p /etc/postgresql-common && test -e /etc/postgresql-common/createcluster.conf \
                 || echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf";
    let status = privileged("sh").args(["-c", quiet]).status()?;
    if !status.success() {
        bail!("cannot write /etc/postgresql-common/createcluster.conf");
    }
    eprintln!("installing postgresql");
    apt(&["update", "--quiet"])?;
    apt(&[
        "install",
        "--yes",
        "--quiet",
        "--no-install-recommends",
        "--option=Dpkg::Options::=--force-confold",
        "postgresql",
        "openssl",
    ])?;
    newest_postgres().context("the package postgresql brought no server of version 15 or later")
}

fn newest_postgres() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| *version >= 15)
        .filter(|version| Path::new(&format!("/usr/lib/postgresql/{version}/bin/postgres")).exists())
        .max()?;
    Some(PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin")))
}

/// Installs Python packages, with blanks between them, into a folder of this repository's build output, and gives one of their
/// programs, or the interpreter that has them.
pub fn python_program(root: &Path, packages: &str, program: &str) -> Result<PathBuf> {
    let folder = root.join("target/python").join(packages.replace(' ', "+"));
    let path = folder.join("bin").join(program);
    // Written last: an installation that was interrupted begins anew.
    let mark = folder.join("installed");
    if mark.exists() {
        return Ok(path);
    }
    eprintln!("installing {packages}");
    let make = || Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).output();
    if !make().is_ok_and(|output| output.status.success()) {
        apt(&["update", "--quiet"])?;
        apt(&["install", "--yes", "--quiet", "--no-install-recommends", "python3", "python3-venv"])?;
        make().context("python3 -m venv failed")?;
    }
    let status = Command::new(folder.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(packages.split(' '))
        .status()
        .context("cannot run pip")?;
    if !status.success() {
        bail!("pip install {packages} failed");
    }
    std::fs::write(mark, "")?;
    Ok(path)
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
