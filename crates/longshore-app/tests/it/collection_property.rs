//! The promise of `docs/garbage-collection.md`, against the real code: whatever pushes, mounts, deletions, moves of
//! tags, crashes and collections do in whatever order, what was acknowledged and is referenced is whole, and in the
//! end all garbage is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use longshore_content::trash::{NotRestored, Restoring};
use longshore_domain::Error;
use longshore_domain::access::actor::Actor;
use longshore_domain::conflict::Conflict;
use longshore_domain::deletion::{Deletion, DeletionCause, DeletionId};
use longshore_domain::gc_run::{GcRun, RunKind, RunStatus};
use longshore_domain::name::Reference;
use longshore_domain::page::PageSize;
use longshore_domain::policy::UntaggedManifests;
use longshore_lifecycle::registries::WantedRegistry;
use longshore_testkit::budget::property_cases;
use longshore_testkit::images::{digest_of, image, index};
use longshore_testkit::registry::{TestRegistry, name};
use proptest::prelude::*;

const REPOSITORIES: [&str; 2] = ["alice/one", "alice/two"];
const LAYERS: u8 = 4;
const TAGS: u8 = 3;

#[derive(Clone, Debug)]
enum Step {
    /// Push the blobs of an image, then the image under a tag.
    Push {
        repository: usize,
        layers: Vec<u8>,
        tag: u8,
    },
    /// Only ask whether the blobs are there, push those that are not, then push the image: as clients do.
    PushMissing {
        repository: usize,
        layers: Vec<u8>,
        tag: u8,
    },
    /// Mount all blobs of an image from the other repository where that is possible, then push it.
    MountAndPush {
        repository: usize,
        layers: Vec<u8>,
        tag: u8,
    },
    /// Push an index over what a tag points at.
    PushIndex {
        repository: usize,
        child: u8,
        tag: u8,
    },
    PushOrphan {
        repository: usize,
        layer: u8,
    },
    DeleteTag {
        repository: usize,
        tag: u8,
    },
    DeleteManifest {
        repository: usize,
        tag: u8,
    },
    DeleteBlob {
        repository: usize,
        layer: u8,
    },
    /// Undo a deletion of before, which may be final by now.
    Undo {
        back: usize,
    },
    Collect,
    /// A collection in which a call of the blob store fails.
    CollectWithFault {
        call: u8,
    },
    /// The owner collects the garbage, perhaps with calls of the blob store that fail.
    OwnersRun {
        kind: RunKind,
        fault: u8,
    },
    /// The owner has that begun and cancels it, after a crash.
    CancelledRun,
    /// The process dies, and another one starts.
    Crash,
    Wait {
        hours: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let repository = 0..REPOSITORIES.len();
    let layers = prop::collection::vec(0..LAYERS, 0..3);
    let tag = 0..TAGS;
    prop_oneof![
        (repository.clone(), layers.clone(), tag.clone()).prop_map(|(repository, layers, tag)| Step::Push {
            repository,
            layers,
            tag
        }),
        (repository.clone(), layers.clone(), tag.clone())
            .prop_map(|(repository, layers, tag)| Step::PushMissing { repository, layers, tag }),
        (repository.clone(), layers, tag.clone()).prop_map(|(repository, layers, tag)| Step::MountAndPush {
            repository,
            layers,
            tag
        }),
        (repository.clone(), tag.clone(), tag.clone()).prop_map(|(repository, child, tag)| Step::PushIndex {
            repository,
            child,
            tag
        }),
        (repository.clone(), 0..LAYERS)
            .prop_map(|(repository, layer)| Step::PushOrphan { repository, layer }),
        (repository.clone(), tag.clone()).prop_map(|(repository, tag)| Step::DeleteTag { repository, tag }),
        (repository.clone(), tag).prop_map(|(repository, tag)| Step::DeleteManifest { repository, tag }),
        (repository, 0..LAYERS).prop_map(|(repository, layer)| Step::DeleteBlob { repository, layer }),
        (0..4_usize).prop_map(|back| Step::Undo { back }),
        Just(Step::Collect),
        (1..6_u8).prop_map(|call| Step::CollectWithFault { call }),
        (
            prop_oneof![
                Just(RunKind::UntaggedManifests),
                Just(RunKind::UnreferencedBlobs),
                Just(RunKind::Both)
            ],
            0..4_u8
        )
            .prop_map(|(kind, fault)| Step::OwnersRun { kind, fault }),
        Just(Step::CancelledRun),
        Just(Step::Crash),
        (1..40_u8).prop_map(|hours| Step::Wait { hours }),
    ]
}

/// What the registry has acknowledged: tags and the documents behind them.
#[derive(Default)]
struct Model {
    tags: BTreeMap<(usize, u8), String>,
    /// Documents by digest, for the children of indexes.
    documents: BTreeMap<String, (String, Vec<String>)>,
    /// Deletions, with the tags that they took.
    deletions: Vec<(DeletionId, Vec<TaggedDocument>)>,
}

/// A tag of a repository, and the document that it points at.
type TaggedDocument = ((usize, u8), String);

fn layer(number: u8) -> Vec<u8> {
    format!("layer {number}").into_bytes()
}

struct Run {
    registry: TestRegistry,
    model: Model,
}

impl Run {
    async fn actor(&self) -> std::sync::Arc<Actor> {
        self.registry.sign_in("alice").await
    }

    async fn put_image(&mut self, repository: usize, layers: &[u8], tag: u8, how: &Step) {
        let actor = self.actor().await;
        let contents: Vec<Vec<u8>> = layers.iter().map(|number| layer(*number)).collect();
        let config = b"config".to_vec();
        for content in contents.iter().chain([&config]) {
            let here = name(REPOSITORIES[repository]);
            let is_there = match how {
                Step::PushMissing { .. } => {
                    self.registry.app.content.check_blob(&actor, &here, &digest_of(content)).await.is_ok()
                }
                Step::MountAndPush { .. } => {
                    let other = name(REPOSITORIES[1 - repository]);
                    self.registry
                        .app
                        .content
                        .mount_blob(&actor, &here, &digest_of(content), Some(&other))
                        .await
                        .unwrap()
                        .is_some()
                }
                _ => false,
            };
            if !is_there {
                self.registry.push_blob(&actor, REPOSITORIES[repository], content).await.unwrap();
            }
        }
        let layers: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let document = image(&config, &layers);
        let blobs = contents
            .iter()
            .chain([&config])
            .map(|content| String::from_utf8(content.clone()).unwrap())
            .collect();
        self.put_document(repository, tag, document, blobs).await;
    }

    async fn put_document(&mut self, repository: usize, tag: u8, document: String, needs: Vec<String>) {
        let actor = self.actor().await;
        // Everything that it needs was acknowledged within its lease, so this must not fail.
        self.registry
            .push_manifest(&actor, REPOSITORIES[repository], &format!("t{tag}"), &document)
            .await
            .unwrap();
        self.model.tags.insert((repository, tag), document.clone());
        self.model.documents.insert(digest_of(&document).to_string(), (document, needs));
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Push { repository, layers, tag }
            | Step::PushMissing { repository, layers, tag }
            | Step::MountAndPush { repository, layers, tag } => {
                self.put_image(*repository, layers, *tag, step).await
            }
            Step::PushIndex { repository, child, tag } => {
                if let Some(child) = self.model.tags.get(&(*repository, *child)).cloned() {
                    let needs = vec![child.clone()];
                    self.put_document(*repository, *tag, index(&[&child]), needs).await;
                }
            }
            Step::PushOrphan { repository, layer: number } => {
                let actor = self.actor().await;
                self.registry.push_blob(&actor, REPOSITORIES[*repository], &layer(*number)).await.unwrap();
            }
            Step::DeleteTag { repository, tag } => {
                let actor = self.actor().await;
                let tag_name = format!("t{tag}").parse().unwrap();
                let deleted = self
                    .registry
                    .app
                    .content
                    .delete_tag(&actor, &name(REPOSITORIES[*repository]), &tag_name)
                    .await;
                let place = (*repository, *tag);
                let document = self.model.tags.remove(&place);
                assert_eq!(deleted.is_ok(), document.is_some());
                if let Some(document) = document {
                    self.note_deletion(vec![(place, document)]).await;
                }
            }
            Step::DeleteManifest { repository, tag } => {
                if let Some(document) = self.model.tags.get(&(*repository, *tag)).cloned() {
                    let actor = self.actor().await;
                    let deleted = self
                        .registry
                        .app
                        .content
                        .delete_manifest(&actor, &name(REPOSITORIES[*repository]), &digest_of(&document))
                        .await;
                    // It is refused while an index lists the manifest.
                    if deleted.is_ok() {
                        let (gone, left) = std::mem::take(&mut self.model.tags)
                            .into_iter()
                            .partition(|((place, _), known)| *place == *repository && *known == document);
                        self.model.tags = left;
                        let gone: BTreeMap<_, _> = gone;
                        self.note_deletion(gone.into_iter().collect()).await;
                    }
                }
            }
            Step::DeleteBlob { repository, layer: number } => {
                let actor = self.actor().await;
                // Refused while a manifest needs it.
                let _ = self
                    .registry
                    .app
                    .content
                    .delete_blob(&actor, &name(REPOSITORIES[*repository]), &digest_of(layer(*number)))
                    .await;
            }
            Step::Undo { back } => self.undo(*back).await,
            Step::Collect => {
                self.registry.app.lifecycle.collect_garbage().await.unwrap();
            }
            Step::CollectWithFault { call } => {
                self.registry.fuse.fail_at(i64::from(*call));
                let _ = self.registry.app.lifecycle.collect_garbage().await;
                self.registry.fuse.fail_at(0);
            }
            Step::OwnersRun { kind, fault } => self.owners_run(*kind, *fault).await,
            Step::CancelledRun => {
                let run = self.start(RunKind::Both).await;
                self.registry.reopen().await;
                let (services, actor) = (&self.registry.app, self.actor().await);
                let alice = "alice".parse().unwrap();
                services.lifecycle.cancel_gc_run(&actor, &alice, run.uuid).await.unwrap();
                services.lifecycle.advance_gc_runs().await.unwrap();
            }
            Step::Crash => self.registry.reopen().await,
            Step::Wait { hours } => {
                self.registry.clock.advance(Duration::from_secs(u64::from(*hours) * 3600))
            }
        }
    }

    async fn list_deletions(&self) -> Vec<Deletion> {
        let (actor, alice) = (self.actor().await, "alice".parse().unwrap());
        let content = &self.registry.app.content;
        content.list_deletions(&actor, &alice, None, None, PageSize::MAX).await.unwrap().items
    }

    async fn note_deletion(&mut self, tags: Vec<TaggedDocument>) {
        let known: BTreeSet<DeletionId> = self.model.deletions.iter().map(|(id, _)| *id).collect();
        let by_request = self.list_deletions().await.into_iter().filter(|it| it.blobs == 0);
        let new: Vec<DeletionId> = by_request
            .filter(|it| it.cause == DeletionCause::Request)
            .map(|it| it.id)
            .filter(|id| !known.contains(id))
            .collect();
        let [id] = new[..] else { panic!("one deletion made {} of them", new.len()) };
        self.model.deletions.push((id, tags));
    }

    /// A deletion is undone as a whole, or is final; what is there by now stays.
    async fn undo(&mut self, back: usize) {
        let Some((id, tags)) = self.model.deletions.iter().rev().nth(back).cloned() else { return };
        let actor = self.actor().await;
        let deletion = self.list_deletions().await.into_iter().find(|deletion| deletion.id == id).unwrap();
        let undone = self.registry.app.content.undo_deletion(&actor, id, Restoring::default()).await;
        let restored = match undone {
            Ok(restored) => restored,
            Err(Error::Conflict(Conflict::DeletionFinal)) => return,
            Err(error) => panic!("{error:?}"),
        };
        // What a later deletion has taken is that one's to bring back.
        assert!(restored.deleted_since == 0 || back > 0, "{restored:?} of {deletion:?}");
        let of_images = restored.images + restored.present + restored.deleted_since;
        assert!(of_images >= deletion.images, "{restored:?} of {deletion:?}");
        for (place, document) in tags {
            let tag = format!("t{}", place.1);
            let stays_away = restored.conflicts.iter().any(|conflict| match conflict {
                NotRestored::PointsElsewhere { tag: other, .. }
                | NotRestored::ImageGone { tag: other, .. } => other.as_str() == tag,
            });
            if !stays_away {
                let there = self.model.tags.entry(place).or_insert_with(|| document.clone());
                assert_eq!(*there, document, "nothing is overwritten");
            }
        }
    }

    async fn start(&self, kind: RunKind) -> GcRun {
        let actor = self.actor().await;
        let alice = "alice".parse().unwrap();
        self.registry.app.lifecycle.start_gc_run(&actor, &alice, kind).await.unwrap()
    }

    /// A run of the owner ends, and has freed what the store has less.
    async fn owners_run(&mut self, kind: RunKind, fault: u8) {
        let before = self.registry.stored_bytes().await;
        let alice = "alice".parse().unwrap();
        let actor = self.actor().await;
        let forecast = self.registry.app.lifecycle.preview_gc_run(&actor, &alice, kind).await.unwrap();
        let started = self.start(kind).await;
        self.registry.fuse.fail_at(i64::from(fault));
        for _ in 0..20 {
            self.registry.app.lifecycle.advance_gc_runs().await.unwrap();
            let listed = self
                .registry
                .app
                .lifecycle
                .list_gc_runs(&Actor::OPERATOR, &alice, 0, PageSize::MAX)
                .await
                .unwrap();
            let run = listed.0.into_iter().find(|run| run.uuid == started.uuid).unwrap();
            if run.status.is_over() {
                assert_eq!(run.status, RunStatus::Succeeded);
                let after = self.registry.stored_bytes().await;
                assert_eq!(run.freed_bytes, before - after, "what the store has less");
                if fault == 0 {
                    // Nothing changed between the two.
                    let predicted = (forecast.blobs, forecast.freed_bytes);
                    assert_eq!(
                        (run.blobs_deleted, run.freed_bytes),
                        predicted,
                        "as it was said: {forecast:?}"
                    );
                    assert_eq!(run.found, Some(predicted));
                }
                self.registry.fuse.fail_at(0);
                return;
            }
            self.registry.clock.advance(Duration::from_secs(61));
        }
        panic!("the run does not end");
    }

    /// Every tag that was acknowledged points at its document, and everything below is readable.
    async fn check(&self) {
        let actor = self.actor().await;
        for ((repository, tag), document) in &self.model.tags {
            let place = name(REPOSITORIES[*repository]);
            let reference: Reference = format!("t{tag}").parse().unwrap();
            let pulled = self.registry.app.content.pull_manifest(&actor, &place, &reference).await.unwrap();
            assert_eq!(pulled.content, document.as_str());
            let mut open = vec![document.clone()];
            let mut seen = BTreeSet::new();
            while let Some(document) = open.pop() {
                let digest = digest_of(&document).to_string();
                if !seen.insert(digest.clone()) {
                    continue;
                }
                let (_, needs) = &self.model.documents[&digest];
                for need in needs {
                    if self.model.documents.contains_key(&digest_of(need).to_string()) {
                        let reference = Reference::Digest(digest_of(need));
                        self.registry.app.content.pull_manifest(&actor, &place, &reference).await.unwrap();
                        open.push(need.clone());
                    } else {
                        let read = self
                            .registry
                            .read_blob(&actor, REPOSITORIES[*repository], &digest_of(need))
                            .await
                            .unwrap();
                        assert_eq!(read, need.as_bytes());
                    }
                }
            }
        }
    }

    /// After everything was deleted and every window has ended, nothing is left.
    async fn end(&mut self) {
        let actor = self.actor().await;
        for ((repository, tag), _) in std::mem::take(&mut self.model.tags) {
            let tag = format!("t{tag}").parse().unwrap();
            self.registry
                .app
                .content
                .delete_tag(&actor, &name(REPOSITORIES[repository]), &tag)
                .await
                .unwrap();
        }
        for _ in 0..8 {
            self.registry.clock.advance(Duration::from_secs(3 * 24 * 3600));
            self.registry.app.lifecycle.collect_garbage().await.unwrap();
        }
        assert_eq!(self.registry.stored_objects().await.len(), 0, "all garbage is gone");
        let report = self.registry.app.lifecycle.verify(&Actor::OPERATOR, &|_| {}).await.unwrap();
        assert_eq!(report.findings, Vec::<String>::new());
        let alice = "alice".parse().unwrap();
        let details = self.registry.app.lifecycle.get_registry(&Actor::OPERATOR, &alice).await.unwrap();
        assert_eq!(details.storage_bytes, 0, "nothing is counted that is not there");
        for repository in REPOSITORIES {
            let content = &self.registry.app.content;
            let usage =
                content.get_repository_usage(&Actor::OPERATOR, &name(repository), Timestamp::MIN).await;
            assert_eq!(usage.map_or(0, |usage| usage.counts.stored_bytes), 0, "{repository}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: property_cases(60), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost_and_all_garbage_goes(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let registry = TestRegistry::with(|settings| settings.gc.untagged = UntaggedManifests::Collect).await;
            let alice = registry.sign_in("alice").await;
            let wanted = WantedRegistry { name: "alice".parse().unwrap(), tier: Some("professional".into()), region: None };
            registry.app.lifecycle.create_registry(&alice, wanted).await.unwrap();
            // No token for pushing is out any more.
            registry.clock.advance(Duration::from_secs(301));
            let mut run = Run { registry, model: Model::default() };
            for step in &steps {
                run.take(step).await;
                run.check().await;
            }
            run.end().await;
        });
    }
}
