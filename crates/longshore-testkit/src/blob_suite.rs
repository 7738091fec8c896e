//! What every blob store must do, one function per clause of the port.

use bytes::Bytes;
use futures::StreamExt;
use longshore_domain::ports::blobs::{BlobStore, ByteRange, Staged, StorageKey};
use uuid::Uuid;

fn staged(number: u128, offset_bytes: u64, state: Vec<u8>) -> Staged {
    Staged { key: StorageKey(Uuid::from_u128(number)), offset_bytes, state }
}

async fn put(store: &dyn BlobStore, number: u128, pieces: &[&'static [u8]]) -> Staged {
    let mut object = staged(number, 0, Vec::new());
    let mut writer = store.open_writer(&object).await.unwrap();
    for piece in pieces {
        writer.write(Bytes::from_static(piece)).await.unwrap();
        object.offset_bytes += piece.len() as u64;
    }
    object.state = writer.sync().await.unwrap();
    store.finish(&object).await.unwrap();
    object
}

async fn read(
    store: &dyn BlobStore,
    object: &Staged,
    start: u64,
    end: u64,
) -> Result<Vec<u8>, longshore_domain::Error> {
    let mut stream = store.read(object.key, ByteRange { start, end }).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// What is written is read, whole and in ranges.
pub async fn reads_what_was_written(store: &dyn BlobStore) {
    let object = put(store, 1, &[b"hello ", b"world"]).await;
    assert_eq!(read(store, &object, 0, 11).await.unwrap(), b"hello world");
    assert_eq!(read(store, &object, 3, 8).await.unwrap(), b"lo wo");
    assert_eq!(read(store, &object, 4, 4).await.unwrap(), b"");
    assert_eq!(store.find_size(object.key).await.unwrap(), Some(11));
}

/// Objects of many read blocks come back in order.
pub async fn reads_large_objects(store: &dyn BlobStore) {
    let object_bytes: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[i as usize % 4]).collect();
    let mut object = staged(2, 0, Vec::new());
    let mut writer = store.open_writer(&object).await.unwrap();
    for chunk in object_bytes.chunks(700_000) {
        writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    object.state = writer.sync().await.unwrap();
    object.offset_bytes = object_bytes.len() as u64;
    store.finish(&object).await.unwrap();
    assert_eq!(read(store, &object, 0, object.offset_bytes).await.unwrap(), object_bytes);
    assert_eq!(read(store, &object, 999_999, 2_000_001).await.unwrap(), &object_bytes[999_999..2_000_001]);
}

/// Bytes behind the offset that counts are discarded when writing goes on.
pub async fn goes_on_at_the_saved_offset(store: &dyn BlobStore) {
    let mut object = staged(3, 0, Vec::new());
    let mut writer = store.open_writer(&object).await.unwrap();
    writer.write(Bytes::from_static(b"abc")).await.unwrap();
    object.state = writer.sync().await.unwrap();
    object.offset_bytes = 3;
    writer.write(Bytes::from_static(b"LOST")).await.unwrap();
    drop(writer);
    let mut writer = store.open_writer(&object).await.unwrap();
    writer.write(Bytes::from_static(b"def")).await.unwrap();
    object.state = writer.sync().await.unwrap();
    object.offset_bytes = 6;
    store.finish(&object).await.unwrap();
    assert_eq!(store.find_size(object.key).await.unwrap(), Some(6));
    assert_eq!(read(store, &object, 0, 6).await.unwrap(), b"abcdef");
}

/// An object that lacks acknowledged bytes is not written on.
pub async fn refuses_to_go_on_past_the_end(store: &dyn BlobStore) {
    let object = put(store, 4, &[b"abc"]).await;
    assert!(store.open_writer(&Staged { offset_bytes: 9, ..object }).await.is_err());
}

/// A truncated object ends in an error, never in silence.
pub async fn a_short_object_is_an_error(store: &dyn BlobStore) {
    let object = put(store, 5, &[b"abc"]).await;
    assert!(read(store, &object, 0, 10).await.is_err());
}

/// Deleting is final, may be repeated, and touches nothing else.
pub async fn deletes(store: &dyn BlobStore) {
    let kept = put(store, 6, &[b"kept"]).await;
    let gone = put(store, 7, &[b"gone"]).await;
    for _ in 0..2 {
        store.delete(gone.key, &gone.state).await.unwrap();
        assert_eq!(store.find_size(gone.key).await.unwrap(), None);
    }
    assert!(read(store, &gone, 0, 4).await.is_err());
    assert_eq!(read(store, &kept, 0, 4).await.unwrap(), b"kept");
}

/// An empty object can be made.
pub async fn keeps_empty_objects(store: &dyn BlobStore) {
    let object = put(store, 8, &[]).await;
    assert_eq!(store.find_size(object.key).await.unwrap(), Some(0));
    assert_eq!(read(store, &object, 0, 0).await.unwrap(), b"");
}

/// The store says that it can be written to.
pub async fn is_ready(store: &dyn BlobStore) {
    store.check().await.unwrap();
}
