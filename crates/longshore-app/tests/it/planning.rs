//! Plans of deletions: what they say goes, goes, and what they say is freed, is freed, to the byte.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_content::images::{DeletionMode, DeletionOutcome, DeletionRequest};
use longshore_content::manifests::Condition;
use longshore_content::planning::{DeletionPreview, KeptReason, SelectedDeletion, Selection};
use longshore_content::trash::Restoring;
use longshore_domain::access::actor::Actor;
use longshore_domain::clock::Clock;
use longshore_domain::conflict::Conflict;
use longshore_domain::digest::Digest;
use longshore_domain::image::IgnoredWarning;
use longshore_domain::image_order::ImageOrder;
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::name::{Reference, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::policy::UntaggedManifests;
use longshore_domain::repository::RepositoryChange;
use longshore_domain::{Error, Result};
use longshore_testkit::budget::property_cases;
use longshore_testkit::images::{artifact, digest_of, image, index};
use longshore_testkit::registry::{TestRegistry, name};
use proptest::prelude::*;

const REPOSITORIES: [&str; 3] = ["alice/app", "alice/copy", "acme/other"];
const LAYERS: u8 = 5;
const TAGS: u8 = 5;
/// Longer than the undo window and the lease.
const LONG: Duration = Duration::from_secs(3 * 24 * 3600);

#[derive(Clone, Debug)]
enum Step {
    Push { repository: usize, layers: Vec<u8>, tag: u8 },
    PushIndex { repository: usize, children: Vec<u8>, tag: u8 },
    PushReferrer { repository: usize, subject: u8, number: u8 },
    DeleteTag { repository: usize, tag: u8 },
    Undo,
}

fn step() -> impl Strategy<Value = Step> {
    let (repository, tag) = (0..REPOSITORIES.len(), 0..TAGS);
    prop_oneof![
        4 => (repository.clone(), prop::collection::vec(0..LAYERS, 0..3), tag.clone())
            .prop_map(|(repository, layers, tag)| Step::Push { repository, layers, tag }),
        2 => (repository.clone(), prop::collection::vec(0..TAGS, 1..3), tag.clone())
            .prop_map(|(repository, children, tag)| Step::PushIndex { repository, children, tag }),
        1 => (repository.clone(), tag.clone(), 0..LAYERS)
            .prop_map(|(repository, subject, number)| Step::PushReferrer { repository, subject, number }),
        1 => (repository, tag).prop_map(|(repository, tag)| Step::DeleteTag { repository, tag }),
        1 => Just(Step::Undo),
    ]
}

/// A layer, each of another size.
fn layer(number: u8) -> Vec<u8> {
    vec![number; 100 + usize::from(number) * 7]
}

struct World {
    registry: TestRegistry,
}

impl World {
    async fn alice(&self) -> std::sync::Arc<Actor> {
        self.registry.sign_in("alice").await
    }

    async fn tagged(&self, repository: usize, tag: u8) -> Option<String> {
        let reference: Reference = format!("t{tag}").parse().unwrap();
        let content = &self.registry.app.content;
        let pulled =
            content.pull_manifest(&*self.alice().await, &name(REPOSITORIES[repository]), &reference).await;
        pulled.ok().map(|pulled| String::from_utf8(pulled.content.to_vec()).unwrap())
    }

    async fn take(&self, step: &Step) {
        let (alice, registry) = (self.alice().await, &self.registry);
        match step {
            Step::Push { repository, layers, tag } => {
                let layers: Vec<Vec<u8>> = layers.iter().map(|number| layer(*number)).collect();
                let config = format!("config {}", layers.len()).into_bytes();
                for blob in layers.iter().chain([&config]) {
                    registry.push_blob(&alice, REPOSITORIES[*repository], blob).await.unwrap();
                }
                let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
                let manifest = image(&config, &layers);
                registry
                    .push_manifest(&alice, REPOSITORIES[*repository], &format!("t{tag}"), &manifest)
                    .await
                    .unwrap();
            }
            Step::PushIndex { repository, children, tag } => {
                let mut documents = Vec::new();
                for child in children {
                    documents.extend(self.tagged(*repository, *child).await);
                }
                let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
                let manifest = index(&documents);
                registry
                    .push_manifest(&alice, REPOSITORIES[*repository], &format!("t{tag}"), &manifest)
                    .await
                    .unwrap();
            }
            Step::PushReferrer { repository, subject, number } => {
                let Some(subject) = self.tagged(*repository, *subject).await else { return };
                registry.push_blob(&alice, REPOSITORIES[*repository], b"{}").await.unwrap();
                let manifest = artifact(&subject, "application/x", &format!("note {number}"));
                let digest = digest_of(&manifest).to_string();
                registry.push_manifest(&alice, REPOSITORIES[*repository], &digest, &manifest).await.unwrap();
            }
            Step::DeleteTag { repository, tag } => {
                let tag: Tag = format!("t{tag}").parse().unwrap();
                let _ = registry.app.content.delete_tag(&alice, &name(REPOSITORIES[*repository]), &tag).await;
            }
            Step::Undo => {
                let namespace = "alice".parse().unwrap();
                let content = &registry.app.content;
                let one = PageSize::clamped(1).unwrap();
                let last = content.list_deletions(&alice, &namespace, None, None, one).await.unwrap().items;
                if let Some(last) = last.first() {
                    let _ = content.undo_deletion(&alice, last.id, Restoring::default()).await;
                }
            }
        }
    }

    /// Lets all that is garbage go, however many windows and leases it takes.
    async fn settle(&self) {
        for _ in 0..8 {
            self.registry.clock.advance(LONG);
            self.registry.app.lifecycle.collect_garbage().await.unwrap();
        }
    }

    async fn images(&self, repository: usize) -> BTreeSet<Digest> {
        let content = &self.registry.app.content;
        let alice = self.alice().await;
        let (repository, order) = (name(REPOSITORIES[repository]), ImageOrder::NEWEST);
        let found =
            content.browse_images(&alice, &repository, Default::default(), order, None, PageSize::MAX).await;
        match found {
            Ok((page, _)) => page.items.into_iter().map(|image| image.manifest.digest).collect(),
            // Nothing was pushed there.
            Err(Error::RepositoryUnknown(_)) => BTreeSet::new(),
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn tags(&self, repository: usize) -> Vec<Tag> {
        let (alice, content) = (self.alice().await, &self.registry.app.content);
        let found = content.list_tags(&alice, &name(REPOSITORIES[repository]), None, PageSize::MAX).await;
        found.map(|page| page.items).unwrap_or_default()
    }
}

/// Which of the images and tags are selected, by their places.
#[derive(Clone, Debug)]
struct Wanted {
    images: Vec<usize>,
    tags: Vec<usize>,
    with_parts: bool,
    collects: bool,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let places = || prop::collection::vec(0..8_usize, 0..4);
    (places(), places(), any::<bool>(), any::<bool>())
        .prop_map(|(images, tags, with_parts, collects)| Wanted { images, tags, with_parts, collects })
}

/// Holds that the Hub's dry run, once all that it warns of was seen, says the same of images as a plan.
async fn agrees_with_hub(world: &World, digests: &BTreeSet<Digest>) {
    let (alice, app, content) = (world.alice().await, name(REPOSITORIES[0]), &world.registry.app.content);
    let selection = Selection { digests: digests.clone(), ..Selection::default() };
    let preview = content.preview_deletion(&alice, &app, selection).await.unwrap();
    let request = |ignored| DeletionRequest {
        digests: digests.iter().map(ToString::to_string).collect(),
        active_from: None,
        ignored,
        mode: DeletionMode::DryRun,
    };
    let warnings = match content.delete_images(&alice, &app, request(Vec::new())).await.unwrap() {
        DeletionOutcome::Refused { warnings, .. } => warnings,
        DeletionOutcome::Deleted { .. } => Vec::new(),
    };
    let seen = warnings.into_iter().map(|warning| IgnoredWarning {
        digest: warning.digest,
        kind: warning.kind,
        tags: warning.tags.iter().map(Tag::to_string).collect(),
    });
    match content.delete_images(&alice, &app, request(seen.collect())).await.unwrap() {
        DeletionOutcome::Deleted { manifests, tags } => {
            let planned = (preview.images.len() as u64, preview.tags.len() as u64);
            assert_eq!(planned, (manifests, tags), "{preview:?}");
            assert_eq!(preview.kept, []);
        }
        DeletionOutcome::Refused { errors, warnings } => {
            assert!(!preview.kept.is_empty(), "{errors:?} {warnings:?} {preview:?}");
        }
    }
}

async fn check(steps: Vec<Step>, wanted: Wanted) {
    let untagged = if wanted.collects { UntaggedManifests::Collect } else { UntaggedManifests::Keep };
    let world = World { registry: TestRegistry::with(|settings| settings.gc.untagged = untagged).await };
    for step in &steps {
        world.registry.clock.advance(Duration::from_secs(1));
        world.take(step).await;
    }
    world.settle().await;
    let (images, tags) = (world.images(0).await, world.tags(0).await);
    let selection = Selection {
        digests: wanted.images.iter().filter_map(|place| images.iter().nth(*place)).copied().collect(),
        tags: wanted.tags.iter().filter_map(|place| tags.get(*place)).cloned().collect(),
        with_parts: wanted.with_parts,
        ..Selection::default()
    };
    if images.is_empty() {
        return;
    }
    let (alice, app, content) = (world.alice().await, name(REPOSITORIES[0]), &world.registry.app.content);
    agrees_with_hub(&world, &selection.digests).await;
    let before = world.registry.stored_bytes().await;
    let others = [world.images(1).await, world.images(2).await];
    let preview = content.preview_deletion(&alice, &app, selection.clone()).await.unwrap();
    assert_eq!(world.images(0).await, images, "looking changes nothing");
    let (done, _) = content.delete_selected(&alice, &app, selection, Some(&preview.plan)).await.unwrap();
    let gone = |plan: &DeletionPreview| (plan.images.clone(), plan.tags.clone(), plan.freed_bytes);
    assert_eq!(gone(&done), gone(&preview), "one planner");
    let left: BTreeSet<Digest> = images.difference(&preview.images).copied().collect();
    assert_eq!(world.images(0).await, left, "{preview:?}");
    let freed_at = preview.freed_at;
    world.settle().await;
    assert!(freed_at <= world.registry.clock.now());
    let left: BTreeSet<Digest> = left.difference(&preview.collected_later).copied().collect();
    assert_eq!(world.images(0).await, left, "{preview:?}");
    assert_eq!([world.images(1).await, world.images(2).await], others, "others keep theirs");
    let after = world.registry.stored_bytes().await;
    assert_eq!(before - after, preview.freed_bytes, "{preview:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: property_cases(24), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_a_plan_says_happens(steps in prop::collection::vec(step(), 1..14), wanted in wanted()) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(check(steps, wanted));
    }
}

fn tags(names: &[&str]) -> Selection {
    let tags = names.iter().map(|name| name.parse().unwrap()).collect();
    Selection { tags, ..Selection::default() }
}

fn images(digests: &[Digest]) -> Selection {
    Selection { digests: digests.iter().copied().collect(), ..Selection::default() }
}

async fn push(registry: &TestRegistry, by: &Actor, tag: &str, layers: &[&[u8]]) -> (Digest, String) {
    for blob in layers.iter().chain([&b"{}".as_slice()]) {
        registry.push_blob(by, "alice/app", blob).await.unwrap();
    }
    let manifest = image(b"{}", layers);
    (registry.push_manifest(by, "alice/app", tag, &manifest).await.unwrap().digest, manifest)
}

#[tokio::test]
async fn a_plan_says_what_stays_and_why() {
    let registry = TestRegistry::new().await;
    let (alice, app) = (registry.sign_in("alice").await, name("alice/app"));
    let content = &registry.app.content;
    let (one, document) = push(&registry, &alice, "v1", &[b"base", b"one"]).await;
    let (two, _) = push(&registry, &alice, "frozen", &[b"base", b"two, longer"]).await;
    let whole =
        registry.push_manifest(&alice, "alice/app", "both", &index(&[&document])).await.unwrap().digest;
    let rules = ImmutableTags::new(true, vec!["^frozen$".into()]).unwrap();
    let change = RepositoryChange { immutable_tags: Some(rules), ..RepositoryChange::default() };
    content.change_repository(&alice, &app, change).await.unwrap();
    let plan = content.preview_deletion(&alice, &app, images(&[one, two])).await.unwrap();
    assert!(plan.images.is_empty() && plan.tags.is_empty() && plan.freed_bytes == 0);
    let kept: BTreeSet<String> = plan.kept.iter().map(|kept| format!("{kept:?}")).collect();
    let expected =
        [(one, KeptReason::PartOf(whole)), (two, KeptReason::ImmutableTag("frozen".parse().unwrap()))];
    assert_eq!(kept, expected.map(|kept| format!("{kept:?}")).into());
    // Together with its index it goes; what others need is counted as shared.
    let plan = content.preview_deletion(&alice, &app, images(&[one, whole])).await.unwrap();
    assert_eq!((plan.images.len(), plan.tags.len(), plan.kept.len()), (2, 2, 0));
    assert_eq!((plan.freed_bytes, plan.shared_bytes), (3, 4 + 2));
    // By its parts, it would stay for the tag that it has of its own.
    let with_parts = Selection { with_parts: true, ..images(&[whole]) };
    let plan = content.preview_deletion(&alice, &app, with_parts).await.unwrap();
    assert_eq!((plan.images.len(), plan.tags.len(), plan.freed_bytes), (1, 1, 0));
    let unknown = content.preview_deletion(&alice, &app, tags(&["nothing"])).await;
    assert!(matches!(unknown, Err(Error::ManifestUnknown { .. })), "{unknown:?}");
}

#[tokio::test]
async fn a_plan_that_is_another_one_by_now_is_not_carried_out() {
    let registry = TestRegistry::new().await;
    let (alice, app) = (registry.sign_in("alice").await, name("alice/app"));
    let content = &registry.app.content;
    let (one, document) = push(&registry, &alice, "v1", &[b"one"]).await;
    let plan = content.preview_deletion(&alice, &app, images(&[one])).await.unwrap();
    registry.push_manifest(&alice, "alice/app", "latest", &document).await.unwrap();
    let is_changed = |outcome: Result<_>| matches!(outcome, Err(Error::Conflict(Conflict::PlanChanged)));
    let done = content.delete_selected(&alice, &app, images(&[one]), Some(&plan.plan)).await;
    assert!(is_changed(done.map(|_| ())), "a tag has come");
    let plan = content.preview_deletion(&alice, &app, tags(&["latest", "v1"])).await.unwrap();
    push(&registry, &alice, "latest", &[b"two"]).await;
    let done = content.delete_selected(&alice, &app, tags(&["latest", "v1"]), Some(&plan.plan)).await;
    assert!(is_changed(done.map(|_| ())), "a tag points elsewhere");
    assert_eq!(content.list_tags(&alice, &app, None, PageSize::MAX).await.unwrap().items.len(), 2);
    // One deletion, of tags alone and of images, comes back as one.
    let all = Selection { tags: ["latest".parse().unwrap()].into(), ..images(&[one]) };
    let (done, id) = content.delete_selected(&alice, &app, all, None).await.unwrap();
    assert_eq!((done.images.len(), done.tags.len()), (1, 2));
    let SelectedDeletion::Done(id) = id else { panic!("{id:?}") };
    let restored = content.undo_deletion(&alice, id, Restoring::default()).await.unwrap();
    assert_eq!((restored.images, restored.tags), (1, 2));
}

#[tokio::test]
async fn plans_are_for_who_may_delete() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    let (one, _) = push(&registry, &alice, "v1", &[b"one"]).await;
    let content = &registry.app.content;
    for nobody in [&*bob, &Actor::ANONYMOUS] {
        for selection in [images(&[one]), tags(&["v1"])] {
            let seen = content.preview_deletion(nobody, &name("alice/app"), selection).await;
            assert!(matches!(seen, Err(Error::RepositoryUnknown(_) | Error::Unauthenticated(_))), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn no_more_is_named_than_one_request_takes() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    push(&registry, &alice, "v1", &[b"a"]).await;
    let content = &registry.app.content;
    let names: Vec<String> = (0..1001).map(|number| format!("t{number}")).collect();
    let too_many = tags(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = content.preview_deletion(&alice, &name("alice/app"), too_many).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    // More tags than one deletion takes are planned, and not deleted.
    let digest =
        content.check_manifest(&alice, &name("alice/app"), &"v1".parse().unwrap()).await.unwrap().digest;
    let to = Reference::Digest(digest);
    for name_of_tag in &names {
        let tag = name_of_tag.parse().unwrap();
        content.point_tag(&alice, &name("alice/app"), &tag, &to, Condition::None).await.unwrap();
    }
    let plan = content.preview_deletion(&alice, &name("alice/app"), images(&[digest])).await.unwrap();
    assert_eq!(plan.tags.len(), 1002);
    let (_, done) =
        content.delete_selected(&alice, &name("alice/app"), images(&[digest]), None).await.unwrap();
    assert_eq!(done, SelectedDeletion::TooMuch);
    let held = content.get_held_repository(&alice, &name("alice/app")).await.unwrap().0;
    assert_eq!((held.counts.tags, held.counts.images), (1002, 1), "nothing went");
}
