//! What many tests begin with, made once and copied: a registry that is set up, with its accounts.
//!
//! A template belongs to a program as it was built, whose migrations it holds, and to an hour, so that nothing in it is old.
//! Signing keys are the same in all copies; each copy gets a blob store with an id of its own ([`chosen_for`]).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use longshore_domain::digest::{Algorithm, Digest};
use tempfile::TempDir;
use uuid::Uuid;

/// How long a template is used for new tests.
const FRESH: Duration = Duration::from_secs(3600);
/// When nobody can be copying a template any more.
const STALE: Duration = Duration::from_secs(3 * 3600);

/// Returns what the setting [`BLOB_STORE`](longshore_content::damage::BLOB_STORE) says in the copy for a test that owns a temporary folder: the next start gives this id, which no
/// other test has, to the blob store.
pub fn chosen_for(folder: &Path) -> String {
    let seed = format!("{} {}", std::process::id(), folder.display());
    let digest = Digest::of(Algorithm::Sha256, seed.as_bytes()).to_string();
    let (_, hex) = digest.split_once(':').unwrap();
    format!("chosen {}", Uuid::parse_str(&hex[..32]).unwrap())
}

/// Names what is made once.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    /// Where templates are: beside the test programs.
    folder: PathBuf,
}

impl Template {
    /// Names the template of a kind that a program as it is now makes.
    pub fn of(program: &Path, kind: &str) -> Self {
        let built = program.metadata().unwrap();
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let hour = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / FRESH.as_secs();
        let name = format!(
            "template_{kind}_{:x}_{:x}_{hour}",
            built.len(),
            since(built.modified().unwrap()).as_micros()
        );
        let tests = std::env::current_exe().unwrap();
        let folder = tests.parent().unwrap().join("templates");
        std::fs::create_dir_all(&folder).unwrap();
        Self { name, folder }
    }

    /// The database that is the template, on a server that has it.
    pub fn database(&self) -> &str {
        &self.name
    }

    /// The folder that is the template, once it is made.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Begins to make it, unless somebody else has meanwhile: then the caller waits and gets nothing.
    pub fn begin(&self, is_made: impl Fn() -> bool) -> Option<Making> {
        let turn = File::create(self.folder.join("lock")).unwrap();
        turn.lock().unwrap();
        if is_made() {
            return None;
        }
        for old in std::fs::read_dir(&self.folder).unwrap().flatten() {
            let age = old.metadata().ok().and_then(|known| known.modified().ok()?.elapsed().ok());
            if age.is_some_and(|age| age > STALE) {
                let _ = std::fs::remove_dir_all(old.path());
            }
        }
        Some(Making { folder: TempDir::new_in(&self.folder).unwrap(), _turn: turn })
    }

    /// Lets the files that were made be the template.
    pub fn finish(&self, making: Making) {
        std::fs::rename(making.folder.path(), self.path()).unwrap();
    }

    /// Copies the files of the template to a folder.
    pub fn copy_to(&self, folder: &Path) {
        for file in std::fs::read_dir(self.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
}

/// A template that is being made; others wait.
pub struct Making {
    folder: TempDir,
    _turn: File,
}

impl Making {
    /// The folder that its files are made in.
    pub fn folder(&self) -> &TempDir {
        &self.folder
    }
}
