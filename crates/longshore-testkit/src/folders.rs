//! Folders that tests write to.

use tempfile::TempDir;

/// In the environment of a test: lets its folders stay.
pub const KEEP: &str = "LONGSHORE_TEST_KEEP";

/// Makes a folder for the data of a registry. It goes with the test, unless whoever looks for a fault wants to keep it.
#[expect(clippy::print_stderr, reason = "a person who looks for a fault reads it")]
pub fn temporary() -> TempDir {
    let mut folder = tempfile::tempdir().unwrap();
    if std::env::var_os(KEEP).is_some() {
        folder.disable_cleanup(true);
        eprintln!("the folder {} is kept", folder.path().display());
    }
    folder
}
