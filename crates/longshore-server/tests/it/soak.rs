//! Everything at once: pushes, moves of tags, deletions and pulls over shared layers, garbage collection each second, and
//! kills. Whatever was acknowledged must be as it was left, byte for byte.
//!
//! `LONGSHORE_SOAK_SECONDS` sets for how long: `cargo xtask soak` runs twenty minutes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use longshore_domain::digest::Digest;
use longshore_testkit::images::{digest_of, image};
use longshore_testkit::stores::SharedStores;

use crate::hub::sign_in;
use crate::server::{Answer, Server, user};

const WORKERS: usize = 8;
/// Layers that all images are made of, so that each is needed, garbage, and needed again all the time.
const LAYERS: usize = 40;
const TAGS: usize = 12;
/// A worker deletes images rather than to have more of them in a repository.
const IMAGES: usize = 30;

const SETTINGS: &[&str] = &[
    "--set",
    "gc.interval_seconds=1",
    "--set",
    "gc.lease_seconds=15",
    "--set",
    "gc.grace_seconds=10",
    "--set",
    "gc.undo_seconds=1",
    "--set",
    "gc.takeover_seconds=5",
    "--set",
    "limits.requests_per_account=0",
    "--set",
    "limits.requests_per_address=0",
];

fn duration() -> Duration {
    let seconds = std::env::var("LONGSHORE_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(8))
}

/// Numbers that look random and are the same in each run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

fn layer(number: usize) -> Vec<u8> {
    let mut chance = Chance(number as u64);
    (0..1000 + number * 5000).map(|_| chance.below(256) as u8).collect()
}

/// The server went away; what it was asked for last may have happened or not.
struct Gone;

#[derive(Clone)]
struct Image {
    manifest: String,
    /// Numbers of its layers; its config is its own.
    layers: Vec<usize>,
    config: String,
}

/// What a repository has, as far as its only writer was told.
#[derive(Clone, Default)]
struct Repository {
    images: BTreeMap<String, Image>,
    tags: BTreeMap<String, String>,
}

/// What was asked for when the server went away.
enum Pending {
    Push { tag: String, image: Image },
    DeleteTag(String),
    DeleteImage(String),
    DeleteRepository,
}

struct Worker {
    number: usize,
    chance: Chance,
    images_made: usize,
    repositories: Vec<Repository>,
    pending: Option<(usize, Pending)>,
}

impl Worker {
    fn new(number: usize) -> Self {
        Self {
            number,
            chance: Chance(1000 + number as u64),
            images_made: 0,
            repositories: vec![Repository::default(); 2],
            pending: None,
        }
    }

    fn name(&self, repository: usize) -> String {
        format!("acme/w{}-{repository}", self.number)
    }

    /// Does one thing.
    fn step(&mut self, node: &Server, who: &str, session: &str) -> Result<(), Gone> {
        let at = self.chance.below(self.repositories.len());
        let name = self.name(at);
        let known = |map: &BTreeMap<String, String>, chance: &mut Chance| {
            (!map.is_empty())
                .then(|| map.iter().nth(chance.below(map.len())).unwrap())
                .map(|(tag, digest)| (tag.clone(), digest.clone()))
        };
        let images = self.repositories[at].images.len();
        match self.chance.below(100) {
            0..3 => {
                self.pending = Some((at, Pending::DeleteRepository));
                let path = format!("/v2/repositories/{name}/");
                let answer = send(node, "DELETE", &path, session, &[], b"")?;
                expect(&answer, if images == 0 { &[202, 404] } else { &[202] });
                self.repositories[at] = Repository::default();
            }
            3..15 => {
                let Some((tag, digest)) = known(&self.repositories[at].tags, &mut self.chance) else {
                    return Ok(());
                };
                let answer = send(node, "GET", &format!("/v2/{name}/manifests/{tag}"), who, &[], b"")?;
                expect(&answer, &[200]);
                let image = &self.repositories[at].images[&digest];
                assert_eq!(answer.body, image.manifest.as_bytes(), "{name}:{tag}");
                for number in &image.layers {
                    let content = layer(*number);
                    let path = format!("/v2/{name}/blobs/{}", digest_of(&content));
                    let answer = send(node, "GET", &path, who, &[], b"")?;
                    expect(&answer, &[200]);
                    assert!(answer.body == content, "layer {number} of {name}:{tag}");
                }
            }
            15..25 => {
                let Some((tag, _)) = known(&self.repositories[at].tags, &mut self.chance) else {
                    return Ok(());
                };
                self.pending = Some((at, Pending::DeleteTag(tag.clone())));
                let answer = send(node, "DELETE", &format!("/v2/{name}/manifests/{tag}"), who, &[], b"")?;
                expect(&answer, &[202]);
                self.repositories[at].tags.remove(&tag);
            }
            kind if images > IMAGES || (kind < 35 && images > 0) => {
                let number = self.chance.below(images);
                let digest = self.repositories[at].images.keys().nth(number).unwrap().clone();
                self.pending = Some((at, Pending::DeleteImage(digest.clone())));
                let answer = send(node, "DELETE", &format!("/v2/{name}/manifests/{digest}"), who, &[], b"")?;
                expect(&answer, &[202]);
                self.repositories[at].delete(&digest);
            }
            kind => {
                let tag = format!("t{}", self.chance.below(TAGS));
                // One in ten moves a tag to an image that is there.
                let image = if kind < 45 && images > 0 {
                    let number = self.chance.below(images);
                    self.repositories[at].images.values().nth(number).unwrap().clone()
                } else {
                    self.new_image(node, who, &name)?
                };
                self.pending = Some((at, Pending::Push { tag: tag.clone(), image: image.clone() }));
                let headers = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
                let path = format!("/v2/{name}/manifests/{tag}");
                let answer = send(node, "PUT", &path, who, &headers, image.manifest.as_bytes())?;
                expect(&answer, &[201]);
                self.repositories[at].push(tag, image);
            }
        }
        self.pending = None;
        Ok(())
    }

    /// Uploads what an image needs, as clients do: what is there is not sent again.
    fn new_image(&mut self, node: &Server, who: &str, name: &str) -> Result<Image, Gone> {
        self.images_made += 1;
        let config = format!("{{\"worker\":{},\"image\":{}}}", self.number, self.images_made);
        let numbers: BTreeSet<usize> =
            (0..=self.chance.below(3)).map(|_| self.chance.below(LAYERS)).collect();
        let contents: Vec<Vec<u8>> = numbers.iter().map(|number| layer(*number)).collect();
        for content in contents.iter().map(Vec::as_slice).chain([config.as_bytes()]) {
            let digest = digest_of(content);
            let answer = send(node, "HEAD", &format!("/v2/{name}/blobs/{digest}"), who, &[], b"")?;
            if answer.status == 200 {
                continue;
            }
            expect(&answer, &[404]);
            let uploads = format!("/v2/{name}/blobs/uploads/");
            match self.chance.below(3) {
                0 => {
                    let answer =
                        send(node, "POST", &format!("{uploads}?digest={digest}"), who, &[], content)?;
                    expect(&answer, &[201]);
                }
                1 => {
                    let begun = send(node, "POST", &uploads, who, &[], b"")?;
                    expect(&begun, &[202]);
                    let (first, rest) = content.split_at(content.len() / 2);
                    let sent = send(node, "PATCH", begun.header("location"), who, &[], first)?;
                    expect(&sent, &[202]);
                    let path = finishing(&sent, &digest);
                    expect(&send(node, "PUT", &path, who, &[], rest)?, &[201]);
                }
                _ => {
                    let other = format!("acme/w{}-0", self.chance.below(WORKERS));
                    let path = format!("{uploads}?mount={digest}&from={other}");
                    let mounted = send(node, "POST", &path, who, &[], b"")?;
                    expect(&mounted, &[201, 202]);
                    if mounted.status == 202 {
                        let path = finishing(&mounted, &digest);
                        expect(&send(node, "PUT", &path, who, &[], content)?, &[201]);
                    }
                }
            }
        }
        let layers: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let manifest = image(config.as_bytes(), &layers);
        Ok(Image { manifest, layers: numbers.into_iter().collect(), config })
    }

    /// Finds out whether what was asked for last has happened: it has wholly, or not at all.
    fn settle(&mut self, node: &Server, who: &str) {
        let Some((at, pending)) = self.pending.take() else { return };
        let name = self.name(at);
        let status = |path: String| {
            let answer = node.get(&path, who);
            expect(&answer, &[200, 404]);
            answer
        };
        let repository = &mut self.repositories[at];
        match pending {
            Pending::Push { tag, image } => {
                let answer = status(format!("/v2/{name}/manifests/{tag}"));
                if answer.status == 200 && answer.body == image.manifest.as_bytes() {
                    repository.push(tag, image);
                }
            }
            Pending::DeleteTag(tag) => {
                if status(format!("/v2/{name}/manifests/{tag}")).status == 404 {
                    repository.tags.remove(&tag);
                }
            }
            Pending::DeleteImage(digest) => {
                if status(format!("/v2/{name}/manifests/{digest}")).status == 404 {
                    repository.delete(&digest);
                }
            }
            Pending::DeleteRepository => {
                if status(format!("/v2/{name}/tags/list")).status == 404 {
                    *repository = Repository::default();
                }
            }
        }
    }

    /// Compares everything that it has with what it was told.
    fn check(&self, node: &Server, who: &str) {
        for (at, repository) in self.repositories.iter().enumerate() {
            let name = self.name(at);
            for (tag, digest) in &repository.tags {
                let answer = node.get(&format!("/v2/{name}/manifests/{tag}"), who).expect(200);
                assert_eq!(answer.header("docker-content-digest"), digest, "{name}:{tag}");
            }
            let gone = (0..TAGS).map(|number| format!("t{number}"));
            for tag in gone.filter(|tag| !repository.tags.contains_key(tag)) {
                node.get(&format!("/v2/{name}/manifests/{tag}"), who).expect(404);
            }
            let mut layers: BTreeSet<&usize> = BTreeSet::new();
            for (digest, image) in &repository.images {
                let answer = node.get(&format!("/v2/{name}/manifests/{digest}"), who).expect(200);
                assert_eq!(answer.body, image.manifest.as_bytes(), "{name}@{digest}");
                let path = format!("/v2/{name}/blobs/{}", digest_of(&image.config));
                assert_eq!(node.get(&path, who).expect(200).body, image.config.as_bytes());
                layers.extend(&image.layers);
            }
            for number in layers {
                let content = layer(*number);
                let path = format!("/v2/{name}/blobs/{}", digest_of(&content));
                assert!(node.get(&path, who).expect(200).body == content, "layer {number} in {name}");
            }
        }
    }
}

impl Repository {
    fn push(&mut self, tag: String, image: Image) {
        let digest = digest_of(&image.manifest).to_string();
        self.images.insert(digest.clone(), image);
        self.tags.insert(tag, digest);
    }

    fn delete(&mut self, digest: &str) {
        self.images.remove(digest);
        self.tags.retain(|_, tagged| tagged != digest);
    }
}

fn send(
    node: &Server,
    method: &str,
    path: &str,
    who: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, Gone> {
    node.try_send(method, path, who, headers, body).map_err(|_| Gone)
}

/// Where an upload is finished.
fn finishing(begun: &Answer, digest: &Digest) -> String {
    let location = begun.header("location");
    let separator = if location.contains('?') { '&' } else { '?' };
    format!("{location}{separator}digest={digest}")
}

#[track_caller]
fn expect(answer: &Answer, statuses: &[u16]) {
    let body = String::from_utf8_lossy(&answer.body);
    assert!(statuses.contains(&answer.status), "{} instead of {statuses:?}: {body}", answer.status);
}

#[test]
fn mixed_operations_with_collection_and_kills_lose_nothing_acknowledged() {
    let first = Server::with(SETTINGS);
    let mut nodes = vec![first];
    if SharedStores::chosen().is_some() {
        let second = nodes[0].another_node("second", &[]);
        nodes.push(second);
    }
    let who = user("alice");
    let mut workers: Vec<Worker> = (0..WORKERS).map(Worker::new).collect();
    let (steps, mut kills, mut chance) = (AtomicU64::new(0), 0_u64, Chance(1));
    let ends_at = Instant::now() + duration();
    while Instant::now() < ends_at {
        let is_over = AtomicBool::new(false);
        let session = sign_in(&nodes[0], "alice");
        let killed = chance.below(nodes.len());
        let pause = Duration::from_millis(300 + chance.below(5000) as u64);
        std::thread::scope(|scope| {
            for worker in &mut workers {
                let (node, who, session) = (&nodes[worker.number % nodes.len()], &who, &session);
                let (is_over, steps) = (&is_over, &steps);
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) && worker.step(node, who, session).is_ok() {
                        steps.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            std::thread::sleep(pause);
            nodes[killed].signal("KILL");
            // The others go on for a while without it.
            std::thread::sleep(Duration::from_millis(200));
            is_over.store(true, Ordering::Relaxed);
        });
        kills += 1;
        nodes[killed].kill();
        nodes[killed].start_again();
        for worker in &mut workers {
            worker.settle(&nodes[killed], &who);
            worker.check(&nodes[killed], &who);
        }
    }
    assert_eq!(nodes[0].admin(&["verify"])["problems"], 0);
    let (steps, images) = (
        steps.into_inner(),
        workers.iter().flat_map(|worker| &worker.repositories).map(|r| r.images.len()).sum::<usize>(),
    );
    assert!(steps > 20 && images > 5, "{steps} operations, {images} images");
    println!("{steps} operations, {kills} kills, {images} images at the end, nothing lost");
}
