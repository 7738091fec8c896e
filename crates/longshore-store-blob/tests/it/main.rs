//! Each store against the suite that every blob store must pass, and what is particular to one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod s3;

use longshore_domain::Error;
use longshore_domain::ports::blobs::{BlobStore, ByteRange, Staged, StorageKey};
use longshore_store_blob::{BoundedBlobs, FsBlobs, FsOptions};
use longshore_testkit::blob_suite;

macro_rules! clauses {
    ($($clause:ident),* $(,)?) => {
        $(
            mod $clause {
                #[tokio::test]
                async fn folder() {
                    let folder = tempfile::tempdir().unwrap();
                    let store = super::FsBlobs::open(&super::FsOptions { root: folder.path().join("blobs") }).unwrap();
                    super::blob_suite::$clause(&store).await;
                }

                #[tokio::test]
                async fn bounded() {
                    let folder = tempfile::tempdir().unwrap();
                    let store = super::FsBlobs::open(&super::FsOptions { root: folder.path().join("blobs") }).unwrap();
                    super::blob_suite::$clause(&super::BoundedBlobs::new(store, 8)).await;
                }

                #[tokio::test]
                async fn s3() {
                    let Some(bucket) = super::s3::Bucket::find() else { return };
                    super::blob_suite::$clause(&bucket.open()).await;
                }
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
    deletes_many,
    gives_up_unfinished_objects,
    lists_what_is_there,
    keeps_empty_objects,
    has_an_identity,
    is_ready,
);

#[test]
fn a_folder_that_cannot_be_made_is_a_clear_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(FsBlobs::open(&FsOptions { root: file.path().join("blobs") }).is_err());
}

#[tokio::test]
async fn more_open_objects_than_there_may_be_are_refused_as_a_load() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsBlobs::open(&FsOptions { root: folder.path().join("blobs") }).unwrap();
    let store = BoundedBlobs::new(store, 2);
    let staged = |number| Staged {
        key: StorageKey(uuid::Uuid::from_u128(number)),
        offset_bytes: 0,
        state: Vec::new(),
    };
    let mut first = store.open_writer(&staged(1)).await.unwrap();
    first.write("content".into()).await.unwrap();
    first.finish().await.unwrap();
    let range = ByteRange { start: 0, end: 7 };
    let read = store.read(staged(1).key, range).await.unwrap();
    assert!(matches!(store.read(staged(1).key, range).await, Err(Error::Overloaded(_))));
    assert!(matches!(store.open_writer(&staged(2)).await, Err(Error::Overloaded(_))));
    drop(read);
    assert!(store.open_writer(&staged(2)).await.is_ok());
    assert_eq!(store.find_size(staged(1).key).await.unwrap(), Some(7), "what is closed at once goes on");
}
