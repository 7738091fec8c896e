//! What every blob store must do, one function per clause of the port.

use bytes::Bytes;
use futures::StreamExt;
use longshore_domain::ports::blobs::{
    BlobStore, BlobWriter, ByteRange, Certainty, ObjectToDelete, Staged, StorageKey, Synced,
};
use uuid::Uuid;

fn staged(number: u128, offset_bytes: u64, state: Vec<u8>) -> Staged {
    Staged { key: StorageKey(Uuid::from_u128(number)), offset_bytes, state }
}

async fn put(store: &dyn BlobStore, number: u128, pieces: &[&'static [u8]]) -> Staged {
    let object = staged(number, 0, Vec::new());
    let mut writer = store.open_writer(&object).await.unwrap();
    let mut written = 0;
    for piece in pieces {
        writer.write(Bytes::from_static(piece)).await.unwrap();
        written += piece.len() as u64;
    }
    finish(&mut *writer, written).await
}

async fn finish(writer: &mut dyn BlobWriter, offset_bytes: u64) -> Staged {
    let (synced, certainty) = writer.finish().await.unwrap();
    assert_eq!(certainty, Certainty::Sure);
    Staged { key: synced.key, offset_bytes, state: Vec::new() }
}

async fn sync(writer: &mut dyn BlobWriter, offset_bytes: u64) -> Staged {
    let Synced { key, state, .. } = writer.sync().await.unwrap();
    Staged { key, offset_bytes, state }
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

fn unneeded(object: &Staged) -> ObjectToDelete {
    ObjectToDelete { key: object.key, state: object.state.clone() }
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
    let mut writer = store.open_writer(&staged(2, 0, Vec::new())).await.unwrap();
    for chunk in object_bytes.chunks(700_000) {
        writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    let object = finish(&mut *writer, object_bytes.len() as u64).await;
    assert_eq!(read(store, &object, 0, object.offset_bytes).await.unwrap(), object_bytes);
    assert_eq!(read(store, &object, 999_999, 2_000_001).await.unwrap(), &object_bytes[999_999..2_000_001]);
}

/// Bytes behind the offset that counts are discarded when writing goes on.
pub async fn goes_on_at_the_saved_offset(store: &dyn BlobStore) {
    let mut writer = store.open_writer(&staged(3, 0, Vec::new())).await.unwrap();
    writer.write(Bytes::from_static(b"abc")).await.unwrap();
    let object = sync(&mut *writer, 3).await;
    writer.write(Bytes::from_static(b"LOST")).await.unwrap();
    drop(writer);
    let mut writer = store.open_writer(&object).await.unwrap();
    writer.write(Bytes::from_static(b"def")).await.unwrap();
    let object = finish(&mut *writer, 6).await;
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
        store.delete(&unneeded(&gone)).await.unwrap();
        assert_eq!(store.find_size(gone.key).await.unwrap(), None);
    }
    assert!(read(store, &gone, 0, 4).await.is_err());
    assert_eq!(read(store, &kept, 0, 4).await.unwrap(), b"kept");
}

/// Many objects are deleted with one call, also ones that are not there.
pub async fn deletes_many(store: &dyn BlobStore) {
    let mut objects = Vec::new();
    for number in 100..130 {
        objects.push(unneeded(&put(store, number, &[b"x"]).await));
    }
    objects.push(ObjectToDelete { key: StorageKey(Uuid::from_u128(999)), state: Vec::new() });
    let outcomes = store.delete_all(&objects).await;
    assert_eq!(outcomes.len(), objects.len());
    assert!(outcomes.iter().all(Result::is_ok));
    for object in &objects {
        assert_eq!(store.find_size(object.key).await.unwrap(), None);
    }
}

/// An object that is still being written can be given up, with all that belongs to it.
pub async fn gives_up_unfinished_objects(store: &dyn BlobStore) {
    let mut writer = store.open_writer(&staged(200, 0, Vec::new())).await.unwrap();
    writer.write(Bytes::from_static(b"half")).await.unwrap();
    let object = sync(&mut *writer, 4).await;
    drop(writer);
    store.delete(&unneeded(&object)).await.unwrap();
    assert!(listed(store).await.is_empty());
    // Its beginning is gone, so it can never be finished.
    if let Ok(mut writer) = store.open_writer(&object).await {
        assert!(writer.finish().await.is_err());
    }
}

/// All objects are listed, with their sizes.
pub async fn lists_what_is_there(store: &dyn BlobStore) {
    let mut expected = Vec::new();
    for number in 300..310 {
        expected.push((put(store, number, &[b"12345"]).await.key, 5));
    }
    expected.sort();
    assert_eq!(listed(store).await, expected);
}

async fn listed(store: &dyn BlobStore) -> Vec<(StorageKey, u64)> {
    let listing: Vec<_> = store.list().await.unwrap().collect().await;
    let mut found: Vec<_> = listing
        .into_iter()
        .map(|listed| {
            let listed = listed.unwrap();
            (listed.key, listed.size_bytes)
        })
        .collect();
    found.sort();
    found
}

/// An empty object can be made.
pub async fn keeps_empty_objects(store: &dyn BlobStore) {
    let object = put(store, 8, &[]).await;
    assert_eq!(store.find_size(object.key).await.unwrap(), Some(0));
    assert_eq!(read(store, &object, 0, 0).await.unwrap(), b"");
}

/// A store keeps the first id that it is given.
pub async fn has_an_identity(store: &dyn BlobStore) {
    let [first, second] = [Uuid::from_u128(1), Uuid::from_u128(2)];
    assert_eq!(store.find_identity().await.unwrap(), None);
    assert_eq!(store.ensure_identity(first).await.unwrap(), first);
    assert_eq!(store.ensure_identity(second).await.unwrap(), first);
    assert_eq!(store.find_identity().await.unwrap(), Some(first));
    assert!(listed(store).await.is_empty(), "it is no object");
}

/// The store says that it can be written to.
pub async fn is_ready(store: &dyn BlobStore) {
    store.check().await.unwrap();
}
