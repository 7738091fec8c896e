//! What is particular to object stores; nothing is tested here when the test command did not start one.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use longshore_domain::ports::blobs::{
    BlobStore, BlobWriter, ByteRange, Certainty, ObjectToDelete, Progress, Staged, StorageKey, Synced,
};
use longshore_domain::{Error, Field};
use longshore_store_blob::{Credentials, Encryption, ObjectBlobs, ObjectOptions};
use longshore_testkit::entropy::SeededEntropy;
use longshore_testkit::proxy::{Fault, Proxy};
use longshore_testkit::stores::SharedStores;
use tempfile::TempDir;
use uuid::Uuid;

/// A prefix of its own.
pub struct Bucket {
    folder: TempDir,
    stores: SharedStores,
}

impl Bucket {
    pub fn find() -> Option<Self> {
        Some(Self { stores: SharedStores::needed()?, folder: tempfile::tempdir().unwrap() })
    }

    fn options(&self) -> ObjectOptions {
        self.stores.object_options(self.folder.path())
    }

    pub fn open(&self) -> ObjectBlobs {
        self.open_with(|_| {})
    }

    fn open_with(&self, change: impl FnOnce(&mut ObjectOptions)) -> ObjectBlobs {
        let mut options = self.options();
        change(&mut options);
        // As real chance, this does not repeat itself.
        static SEED: AtomicU64 = AtomicU64::new(0);
        let seed = SEED.fetch_add(1 << 32, Ordering::Relaxed);
        ObjectBlobs::open(&options, Arc::new(SeededEntropy::new(seed))).unwrap()
    }

    fn proxy(&self) -> Proxy {
        Proxy::http(self.stores.s3_endpoint.trim_start_matches("http://"))
    }
}

fn new_object(number: u128) -> Staged {
    Staged { key: StorageKey(Uuid::from_u128(number)), offset_bytes: 0, state: Vec::new() }
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at / 251 % 241) as u8 ^ (at as u8)).collect()
}

/// Writes, and records what the store has begun, as the registry does.
async fn write(writer: &mut dyn BlobWriter, recorded: &mut Staged, bytes: &[u8]) -> Result<(), Error> {
    for piece in bytes.chunks(900_000) {
        if let Progress::Begun(synced) = writer.write(Bytes::copy_from_slice(piece)).await? {
            recorded.state = synced.state;
        }
    }
    Ok(())
}

async fn sync(
    writer: &mut dyn BlobWriter,
    recorded: &mut Staged,
    offset: u64,
) -> Result<Vec<StorageKey>, Error> {
    let Synced { key, state, spent } = writer.sync().await?;
    *recorded = Staged { key, offset_bytes: offset, state };
    Ok(spent)
}

async fn read(store: &dyn BlobStore, key: StorageKey, length: u64) -> Result<Vec<u8>, Error> {
    let mut stream = store.read(key, ByteRange { start: 0, end: length }).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

async fn keys(store: &dyn BlobStore) -> Vec<StorageKey> {
    store.list().await.unwrap().map(|listed| listed.unwrap().key).collect().await
}

#[tokio::test]
async fn any_node_goes_on_with_an_upload_of_many_parts() {
    let Some(bucket) = Bucket::find() else { return };
    let content = content(23_000_000);
    let mut recorded = new_object(1);
    let mut at = 0;
    let mut spent = Vec::new();
    // Chunks that fit parts badly, each to another node.
    for length in [3_000_000, 1, 9_000_000, 2_000_000, 5_242_880, 777] {
        let node = bucket.open();
        let mut writer = node.open_writer(&recorded).await.unwrap();
        write(&mut *writer, &mut recorded, &content[at..at + length]).await.unwrap();
        at += length;
        spent.extend(sync(&mut *writer, &mut recorded, at as u64).await.unwrap());
        // What is written after the last sync does not count.
        write(&mut *writer, &mut recorded.clone(), &[0xff; 6_000_000]).await.unwrap();
    }
    let node = bucket.open();
    let mut writer = node.open_writer(&recorded).await.unwrap();
    write(&mut *writer, &mut recorded, &content[at..]).await.unwrap();
    let (synced, certainty) = writer.finish().await.unwrap();
    spent.extend(synced.spent);
    assert_eq!(certainty, Certainty::Sure);
    assert_eq!(synced.key, recorded.key, "it lies where it was begun");
    assert!(read(&node, synced.key, 23_000_000).await.unwrap() == content);
    let unneeded: Vec<ObjectToDelete> =
        spent.into_iter().map(|key| ObjectToDelete { key, state: Vec::new() }).collect();
    assert!(node.delete_all(&unneeded).await.iter().all(Result::is_ok));
    assert_eq!(keys(&node).await, [synced.key], "nothing else is left");
}

#[tokio::test]
async fn many_small_chunks_are_put_together() {
    let Some(bucket) = Bucket::find() else { return };
    let node = bucket.open();
    let content = content(100_000);
    let mut recorded = new_object(1);
    let mut spent = Vec::new();
    for (number, chunk) in content.chunks(1000).enumerate() {
        let mut writer = node.open_writer(&recorded).await.unwrap();
        write(&mut *writer, &mut recorded, chunk).await.unwrap();
        spent.extend(sync(&mut *writer, &mut recorded, (number as u64 + 1) * 1000).await.unwrap());
        assert!(recorded.state.len() < 5000, "{}", recorded.state.len());
    }
    let mut writer = node.open_writer(&recorded).await.unwrap();
    let (synced, _) = writer.finish().await.unwrap();
    spent.extend(synced.spent);
    assert!(read(&node, synced.key, 100_000).await.unwrap() == content);
    for key in spent {
        node.delete(&ObjectToDelete { key, state: Vec::new() }).await.unwrap();
    }
    assert_eq!(keys(&node).await, [synced.key]);
}

#[tokio::test]
async fn finishing_again_is_noticed() {
    let Some(bucket) = Bucket::find() else { return };
    let node = bucket.open();
    for (number, length) in [(1, 1000), (2, 12_000_000)] {
        let content = content(length);
        let mut recorded = new_object(number);
        let mut writer = node.open_writer(&recorded).await.unwrap();
        write(&mut *writer, &mut recorded, &content).await.unwrap();
        sync(&mut *writer, &mut recorded, length as u64).await.unwrap();
        for expected in [Certainty::Sure, Certainty::Unsure] {
            // The answer to the first was lost.
            let mut writer = node.open_writer(&recorded).await.unwrap();
            assert_eq!(writer.finish().await.unwrap().1, expected);
            assert!(read(&node, recorded.key, length as u64).await.unwrap() == content);
        }
    }
}

#[tokio::test]
async fn a_writer_that_was_overtaken_changes_nothing() {
    let Some(bucket) = Bucket::find() else { return };
    let node = bucket.open();
    let mut recorded = new_object(1);
    let mut slow = node.open_writer(&recorded).await.unwrap();
    write(&mut *slow, &mut recorded, &[1; 6_000_000]).await.unwrap();
    let mut fast = node.open_writer(&recorded).await.unwrap();
    write(&mut *fast, &mut recorded.clone(), &[2; 12_000_000]).await.unwrap();
    fast.finish().await.unwrap();
    match slow.finish().await {
        Ok((_, certainty)) => assert_eq!(certainty, Certainty::Unsure),
        Err(error) => assert!(matches!(error, Error::UploadUnknown | Error::Conflict(_)), "{error:?}"),
    }
    assert!(read(&node, recorded.key, 12_000_000).await.unwrap() == vec![2; 12_000_000]);
}

#[tokio::test]
async fn multipart_uploads_that_nobody_recorded_are_found_and_given_up() {
    let Some(bucket) = Bucket::find() else { return };
    let node = bucket.open();
    for number in 0..3 {
        let mut recorded = new_object(number);
        let mut writer = node.open_writer(&recorded).await.unwrap();
        write(&mut *writer, &mut recorded, &[1; 6_000_000]).await.unwrap();
    }
    let hour = Duration::from_secs(3600);
    #[expect(clippy::disallowed_methods, reason = "the store's clock is a real one")]
    let now = Timestamp::now();
    assert_eq!(node.abort_orphans(now - hour).await.unwrap(), 0, "they are too young");
    assert_eq!(node.abort_orphans(now + hour).await.unwrap(), 3);
    assert_eq!(node.abort_orphans(now + hour).await.unwrap(), 0);
}

/// What a store that is not right in its mind answers to the nth request for a list: what it has, and where it goes on.
type Page = fn(usize) -> (&'static [&'static str], String);

#[tokio::test]
async fn lists_that_do_not_get_on_end_with_an_error() {
    let Some(bucket) = Bucket::find() else { return };
    let proxy = bucket.proxy();
    let node = bucket.open_with(|options| options.endpoint = Some(format!("http://{}", proxy.host())));
    let kinds: [(&str, Page, u64); 5] = [
        ("the same page", |_| (&["1", "2"], "a".into()), 20),
        ("A, B, A", |n| (&["1"], ["a", "b"][n % 2].into()), 20),
        ("the same objects, and always another marker", |n| (&["1", "2"], n.to_string()), 20),
        ("empty pages that repeat themselves", |n| (&[], ["a", "b", "c"][n % 3].into()), 20),
        ("empty pages without end", |n| (&[], n.to_string()), 1100),
    ];
    for (kind, page, most_calls) in kinds {
        let mut n = 0;
        proxy.answer_by(move |line| {
            let is_of_uploads = line.contains("uploads");
            if !is_of_uploads && !line.contains("list-type=2") {
                return None;
            }
            n += 1;
            let (entries, next) = page(n);
            let at = "2020-01-01T00:00:00.000Z";
            Some(match is_of_uploads {
                true => {
                    let entry = |id: &&str| format!("<Upload><Key>k</Key><UploadId>{id}</UploadId><Initiated>{at}</Initiated></Upload>");
                    let entries: String = entries.iter().map(entry).collect();
                    format!("<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>{next}</NextUploadIdMarker>{entries}</ListMultipartUploadsResult>")
                }
                false => {
                    let entry = |key: &&str| format!("<Contents><Key>{key}</Key><LastModified>{at}</LastModified><Size>1</Size></Contents>");
                    let entries: String = entries.iter().map(entry).collect();
                    format!("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>{entries}</ListBucketResult>")
                }
            })
        });
        let before = proxy.calls();
        let listed: Vec<_> = node.list().await.unwrap().collect().await;
        let Some(Err(Error::Unavailable(error))) = listed.last() else { panic!("{kind}: it ends well") };
        assert!(error.to_string().contains("does not advance"), "{kind}: {error}");
        assert!(proxy.calls() - before <= most_calls, "{kind}");
        let before = proxy.calls();
        let Err(Error::Unavailable(error)) = node.abort_orphans(Timestamp::UNIX_EPOCH).await else {
            panic!("{kind}: uploads end well")
        };
        assert!(error.to_string().contains("does not advance"), "{kind}: {error}");
        assert!(proxy.calls() - before <= most_calls, "{kind}");
    }
}

#[tokio::test]
async fn anybody_reads_by_a_signed_url_for_a_while() {
    let Some(bucket) = Bucket::find() else { return };
    let node = bucket.open();
    let mut writer = node.open_writer(&new_object(1)).await.unwrap();
    writer.write(Bytes::from_static(b"hello world")).await.unwrap();
    let key = writer.finish().await.unwrap().0.key;
    let url = node.sign_url(key, Duration::from_secs(60)).await.unwrap().unwrap();
    let forged = url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000");
    let other =
        node.sign_url(StorageKey(Uuid::from_u128(9)), Duration::from_secs(60)).await.unwrap().unwrap();
    let ask = |url: &str, range: &str| {
        let output = std::process::Command::new("curl")
            .args(["--silent", "--header", range, "--write-out", " %{http_code}", url])
            .output()
            .unwrap();
        let mut text = String::new();
        output.stdout.as_slice().read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(ask(&url, "x: y"), "hello world 200");
    assert_eq!(ask(&url, "range: bytes=6-8"), "wor 206");
    assert!(ask(&forged, "x: y").ends_with(" 403"));
    assert!(ask(&other, "x: y").ends_with(" 404"));
    let elsewhere =
        bucket.open_with(|options| options.public_endpoint = Some("https://s3.example.org".into()));
    let url = elsewhere.sign_url(key, Duration::from_secs(60)).await.unwrap().unwrap();
    assert!(url.starts_with("https://s3.example.org/"), "{url}");
}

#[tokio::test]
async fn every_fault_of_every_call_ends_in_success_or_a_clean_failure() {
    let Some(bucket) = Bucket::find() else { return };
    let proxy = bucket.proxy();
    let node = bucket.open_with(|options| options.endpoint = Some(format!("http://{}", proxy.host())));
    let content = content(11_000_000);
    let mut number = 0;
    for fault in Fault::HTTP {
        for n in 1.. {
            number += 1;
            let mut recorded = new_object(number);
            let upload = async |recorded: &mut Staged| -> Result<StorageKey, Error> {
                let mut writer = node.open_writer(recorded).await?;
                write(&mut *writer, recorded, &content[..6_000_000]).await?;
                sync(&mut *writer, recorded, 6_000_000).await?;
                let mut writer = node.open_writer(recorded).await?;
                write(&mut *writer, recorded, &content[6_000_000..]).await?;
                Ok(writer.finish().await?.0.key)
            };
            proxy.fail_at(n, fault);
            let uploaded = match upload(&mut recorded).await {
                Ok(key) => key,
                Err(error) => {
                    assert!(matches!(error, Error::Unavailable(_)), "{fault:?} {n}: {error:?}");
                    recorded = new_object(number + 1_000_000);
                    upload(&mut recorded).await.unwrap()
                }
            };
            assert!(read(&node, uploaded, 11_000_000).await.unwrap() == content, "{fault:?} {n}");
            let unneeded = ObjectToDelete { key: uploaded, state: Vec::new() };
            if node.delete(&unneeded).await.is_err() {
                node.delete(&unneeded).await.unwrap();
            }
            assert_eq!(node.find_size(uploaded).await.unwrap(), None);
            if !proxy.mend() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_outage_is_told_at_once_and_its_end_is_noticed() {
    let Some(bucket) = Bucket::find() else { return };
    let proxy = bucket.proxy();
    let node = bucket.open_with(|options| {
        options.endpoint = Some(format!("http://{}", proxy.host()));
        options.patience.retries = 1;
    });
    node.check().await.unwrap();
    proxy.set_outage(Some(Fault::Status(503)));
    for _ in 0..6 {
        assert!(matches!(node.find_size(StorageKey(Uuid::from_u128(1))).await, Err(Error::Unavailable(_))));
    }
    assert!(matches!(node.check().await, Err(Error::Unavailable(_))));
    let calls = proxy.calls();
    assert!(node.find_size(StorageKey(Uuid::from_u128(1))).await.is_err());
    assert_eq!(proxy.calls(), calls, "the store is left alone");
    proxy.set_outage(None);
    node.check().await.unwrap();
    assert_eq!(node.find_size(StorageKey(Uuid::from_u128(1))).await.unwrap(), None);
}

#[tokio::test]
async fn wrong_credentials_and_missing_buckets_are_clear_errors() {
    let Some(bucket) = Bucket::find() else { return };
    let wrong = Credentials::Keys { id: "tester".into(), secret: "SECRET-and-wrong".into() };
    let node = bucket.open_with(|options| options.credentials = wrong);
    let Err(Error::Unavailable(cause)) = node.check().await else { panic!("it was let in") };
    assert!(!cause.to_string().contains("SECRET"), "{cause}");
    let file = bucket.folder.path().join("credentials");
    let (id, secret) = (&bucket.stores.s3_access_key_id, &bucket.stores.s3_secret_access_key);
    std::fs::write(&file, format!("[default]\naws_access_key_id={id}\naws_secret_access_key={secret}\n"))
        .unwrap();
    bucket.open_with(|options| options.credentials = Credentials::File(file)).check().await.unwrap();
    let mut options = bucket.options();
    for part_bytes in [0, (5 << 20) - 1] {
        options.part_bytes = part_bytes;
        assert!(matches!(
            ObjectBlobs::open(&options, Arc::new(SeededEntropy::new(1))),
            Err(Error::Invalid { field: Field::Setting("storage.part_bytes"), .. })
        ));
    }
}

#[tokio::test]
async fn the_store_is_asked_to_encrypt() {
    let Some(bucket) = Bucket::find() else { return };
    let proxy = bucket.proxy();
    let node = bucket.open_with(|options| {
        options.endpoint = Some(format!("http://{}", proxy.host()));
        options.encryption = Encryption::Kms { key: "key-1".into() };
        options.patience.retries = 0;
    });
    for (number, length) in [(1, 100), (2, 6_000_000)] {
        let mut recorded = new_object(number);
        let mut writer = node.open_writer(&recorded).await.unwrap();
        // The test's S3 server has no keys, and refuses.
        let _ = write(&mut *writer, &mut recorded, &content(length)).await;
        let _ = writer.finish().await;
    }
    let heads = proxy.heads();
    assert!(heads.len() >= 2, "{heads:?}");
    for (head, method) in heads.iter().zip(["put", "post"]) {
        assert!(head.starts_with(method), "{head}");
        for line in ["encryption: aws:kms", "aws-kms-key-id: key-1", "x-amz-content-sha256: "] {
            assert!(head.contains(line), "{line}: {head}");
        }
    }
}

#[tokio::test]
async fn no_object_is_made_of_bytes_that_came_back_changed() {
    let Some(bucket) = Bucket::find() else { return };
    let proxy = bucket.proxy();
    let node = bucket.open_with(|options| options.endpoint = Some(format!("http://{}", proxy.host())));
    let direct = bucket.open();
    let mut number = 5_000_000;
    // A small object of two tails, and one of parts with a tail between two nodes.
    for (content, first) in [(content(300_000), 100_000), (content(11_000_000), 6_000_000)] {
        for fault in [Fault::Flipped, Fault::Halved] {
            for n in 1.. {
                number += 1;
                let mut recorded = new_object(number);
                let upload = async |recorded: &mut Staged| -> Result<StorageKey, Error> {
                    let mut writer = node.open_writer(recorded).await?;
                    write(&mut *writer, recorded, &content[..first]).await?;
                    sync(&mut *writer, recorded, first as u64).await?;
                    let mut writer = node.open_writer(recorded).await?;
                    write(&mut *writer, recorded, &content[first..]).await?;
                    Ok(writer.finish().await?.0.key)
                };
                proxy.fail_at(n, fault);
                let uploaded = match upload(&mut recorded).await {
                    Ok(key) => key,
                    Err(_) => {
                        recorded = new_object(number + 1_000_000);
                        upload(&mut recorded).await.unwrap()
                    }
                };
                let read = read(&direct, uploaded, content.len() as u64).await.unwrap();
                assert!(read == content, "{fault:?} {n}");
                if !proxy.mend() {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_tail_that_never_comes_back_whole_ends_its_upload() {
    let Some(bucket) = Bucket::find() else { return };
    let proxy = bucket.proxy();
    let node = bucket.open_with(|options| options.endpoint = Some(format!("http://{}", proxy.host())));
    let mut recorded = new_object(1);
    let mut writer = node.open_writer(&recorded).await.unwrap();
    write(&mut *writer, &mut recorded, &content(1000)).await.unwrap();
    sync(&mut *writer, &mut recorded, 1000).await.unwrap();
    proxy.set_outage(Some(Fault::Flipped));
    let mut writer = node.open_writer(&recorded).await.unwrap();
    assert!(matches!(writer.finish().await, Err(Error::UploadDamaged)));
    proxy.set_outage(None);
    // What was recorded is as it was: it can go on when the store has recovered.
    let mut writer = node.open_writer(&recorded).await.unwrap();
    let key = writer.finish().await.unwrap().0.key;
    assert!(read(&node, key, 1000).await.unwrap() == content(1000));
}
