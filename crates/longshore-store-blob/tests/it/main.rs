//! The folder against the suite that every blob store must pass.

use longshore_store_blob::{FsBlobs, FsOptions};
use longshore_testkit::blob_suite;

macro_rules! clauses {
    ($($clause:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $clause() {
                let folder = tempfile::tempdir().unwrap();
                let store = FsBlobs::open(&FsOptions { root: folder.path().join("blobs") }).unwrap();
                blob_suite::$clause(&store).await;
            }
        )*
    };
}

clauses!(
    reads_what_was_written,
    reads_large_objects,
    goes_on_at_the_saved_offset,
    refuses_to_go_on_past_the_end,
    a_short_object_is_an_error,
    deletes,
    keeps_empty_objects,
    is_ready,
);

#[test]
fn a_folder_that_cannot_be_made_is_a_clear_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(FsBlobs::open(&FsOptions { root: file.path().join("blobs") }).is_err());
}
