//! Images with their activity, tags with what they point at, and safe deletion against a model.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use longshore_content::images::{DeletionMode, DeletionOutcome, DeletionRequest};
use longshore_domain::access::actor::Actor;
use longshore_domain::credential::Scope;
use longshore_domain::digest::Digest;
use longshore_domain::image::{
    DeletionError, IgnoredWarning, Image, ImageFilter, ImageStatus, TagFilter, WarningKind,
};
use longshore_domain::image_order::ImageOrder;
use longshore_domain::page::PageSize;
use longshore_domain::tag_order::TagOrder;
use longshore_domain::{Error, Result};
use longshore_identity::access_tokens::WantedToken;
use longshore_testkit::budget::property_cases;
use longshore_testkit::images::{digest_of, image, index};
use longshore_testkit::registry::{TestRegistry, name};
use proptest::prelude::*;

const DAY: Duration = Duration::from_secs(86_400);
const APP: &str = "alice/app";

/// Pushes the image number `n`, whose config is its own.
async fn push(registry: &TestRegistry, actor: &Actor, reference: &str, n: usize) -> Digest {
    let config = format!("{{\"n\":{n}}}");
    registry.push_blob(actor, APP, config.as_bytes()).await.unwrap();
    let manifest = image(config.as_bytes(), &[]);
    let digest = digest_of(&manifest);
    let reference = if reference.is_empty() { digest.to_string() } else { reference.to_owned() };
    registry.push_manifest(actor, APP, &reference, &manifest).await.unwrap();
    digest
}

fn everything(registry: &TestRegistry) -> ImageFilter {
    ImageFilter { active_from: registry.app.platform.now() - DAY * 30, status: None, is_tagged: None }
}

async fn list(
    registry: &TestRegistry,
    actor: &Actor,
    filter: ImageFilter,
    order: ImageOrder,
) -> Result<(Vec<Image>, u64)> {
    registry.app.content.list_images(actor, &name(APP), filter, order, 0, PageSize::MAX).await
}

fn deletion(digests: &[&str]) -> DeletionRequest {
    DeletionRequest {
        digests: digests.iter().map(|digest| (*digest).to_owned()).collect(),
        active_from: None,
        ignored: Vec::new(),
        mode: DeletionMode::Delete,
    }
}

async fn delete(registry: &TestRegistry, actor: &Actor, request: DeletionRequest) -> DeletionOutcome {
    registry.app.content.delete_images(actor, &name(APP), request).await.unwrap()
}

#[tokio::test]
async fn images_show_their_activity_and_tags() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let first = push(&registry, &alice, "latest", 1).await;
    registry.clock.advance(DAY);
    let second = push(&registry, &alice, "latest", 2).await;
    let untagged = push(&registry, &alice, "", 3).await;
    let all = everything(&registry);
    let (images, count) = list(&registry, &alice, all, ImageOrder::LEAST_ACTIVE).await.unwrap();
    assert_eq!(count, 3);
    assert_eq!(images[0].digest, first);
    let tags = |image: &Image| -> Vec<(String, bool)> {
        image.tags.iter().map(|tag| (tag.tag.to_string(), tag.is_current)).collect()
    };
    let by_digest = |images: &[Image], digest: Digest| -> Image {
        images.iter().find(|image| image.digest == digest).unwrap().clone()
    };
    assert_eq!(tags(&images[0]), [("latest".to_owned(), false)]);
    assert_eq!(tags(&by_digest(&images, second)), [("latest".to_owned(), true)]);
    assert_eq!(tags(&by_digest(&images, untagged)), []);
    let digests = async |filter, order| -> (BTreeSet<Digest>, u64) {
        let (images, count) = list(&registry, &alice, filter, order).await.unwrap();
        (images.into_iter().map(|image| image.digest).collect(), count)
    };
    let tagged = ImageFilter { is_tagged: Some(true), ..all };
    let not_tagged = ImageFilter { is_tagged: Some(false), ..all };
    assert_eq!(digests(tagged, ImageOrder::DIGEST).await, ([second].into(), 1));
    assert_eq!(digests(not_tagged, ImageOrder::DIGEST_DESCENDING).await, ([first, untagged].into(), 2));
    // Activity: by push and, to the hour, by pull.
    registry.clock.advance(DAY * 40);
    let now = everything(&registry);
    let active = ImageFilter { status: Some(ImageStatus::Active), ..now };
    let inactive = ImageFilter { status: Some(ImageStatus::Inactive), ..now };
    assert_eq!(digests(active, ImageOrder::LEAST_ACTIVE).await, (BTreeSet::new(), 0));
    let pull = async || {
        registry
            .app
            .content
            .pull_manifest(&alice, &name(APP), &first.to_string().parse().unwrap())
            .await
            .unwrap();
        registry.app.content.record_pulls().await.unwrap();
        let (images, _) = list(&registry, &alice, active, ImageOrder::LEAST_ACTIVE).await.unwrap();
        images[0].pulled_at.unwrap()
    };
    let pulled_at = pull().await;
    assert_eq!(digests(active, ImageOrder::MOST_ACTIVE).await, ([first].into(), 1));
    assert_eq!(digests(inactive, ImageOrder::DIGEST).await, ([second, untagged].into(), 2));
    let inactive_tagged = ImageFilter { is_tagged: Some(true), ..inactive };
    assert_eq!(digests(inactive_tagged, ImageOrder::LEAST_ACTIVE).await, ([second].into(), 1));
    registry.clock.advance(Duration::from_secs(1800));
    assert_eq!(pull().await, pulled_at, "at most once an hour");
    registry.clock.advance(Duration::from_secs(1800));
    assert_eq!(pull().await, registry.app.platform.now());
    let summary = registry.app.content.summarize_images(&alice, &name(APP), now.active_from).await.unwrap();
    assert_eq!((summary.active, summary.inactive), (1, 2));
}

#[tokio::test]
async fn counts_are_right_before_and_after_they_are_folded() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let services = &registry.app;
    let counts = async || {
        let (_, images) = list(&registry, &alice, everything(&registry), ImageOrder::DIGEST).await.unwrap();
        let tags = services
            .content
            .list_tag_details(&alice, &name(APP), TagFilter::default(), TagOrder::NAME, 0, PageSize::MAX)
            .await
            .unwrap();
        assert_eq!(tags.1.len() as u64, tags.2);
        (images, tags.2)
    };
    for n in 0..3 {
        push(&registry, &alice, &format!("v{n}"), n).await;
    }
    push(&registry, &alice, "v0", 0).await;
    push(&registry, &alice, "v0", 1).await;
    assert_eq!(counts().await, (3, 3));
    services.do_housekeeping().await.unwrap();
    assert_eq!(counts().await, (3, 3));
    services.content.delete_tag(&alice, &name(APP), &"v2".parse().unwrap()).await.unwrap();
    assert_eq!(counts().await, (3, 2));
    let second = push(&registry, &alice, "v1", 1).await;
    services.content.delete_manifest(&alice, &name(APP), &second).await.unwrap();
    assert_eq!(counts().await, (2, 0));
    services.do_housekeeping().await.unwrap();
    push(&registry, &alice, "back", 1).await;
    assert_eq!(counts().await, (3, 1));
    services.do_housekeeping().await.unwrap();
    assert_eq!(counts().await, (3, 1));
}

#[tokio::test]
async fn tags_show_who_pushed_them_and_the_images_of_an_index() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let services = &registry.app;
    let config = br#"{"os":"linux","architecture":"arm64","variant":"v8"}"#;
    registry.push_blob(&alice, APP, config).await.unwrap();
    registry.push_blob(&alice, APP, b"layer").await.unwrap();
    let arm = image(config, &[b"layer"]);
    registry.push_manifest(&alice, APP, "arm", &arm).await.unwrap();
    let other = push(&registry, &alice, "", 1).await;
    let both = index(&[&arm, &image(b"{\"n\":1}", &[])]);
    registry.push_manifest(&alice, APP, "multi", &both).await.unwrap();
    let (_, tag, _) =
        services.content.get_tag_details(&alice, &name(APP), &"multi".parse().unwrap(), true).await.unwrap();
    assert_eq!(tag.updated_by.unwrap().1, "alice");
    assert!(tag.manifest.is_index && tag.manifest.digest == digest_of(&both));
    assert_eq!(tag.images.iter().map(|image| image.digest).collect::<Vec<_>>(), [digest_of(&arm), other]);
    let platform = tag.images[0].platform.clone().unwrap();
    assert_eq!((platform.os.as_str(), platform.variant.as_str()), ("linux", "v8"));
    assert_eq!(tag.images[0].total_size_bytes, (config.len() + b"layer".len()) as u64);
    let order = async |order| -> Vec<String> {
        let tags = services
            .content
            .list_tag_details(&alice, &name(APP), TagFilter::default(), order, 0, PageSize::MAX)
            .await
            .unwrap()
            .1;
        tags.iter().map(|tag| tag.tag.to_string()).collect()
    };
    registry.clock.advance(DAY);
    push(&registry, &alice, "zulu", 7).await;
    assert_eq!(order(TagOrder::NEWEST).await[0], "zulu");
    assert_eq!(order(TagOrder::OLDEST).await[2], "zulu");
    assert_eq!(order(TagOrder::NAME).await, ["arm", "multi", "zulu"]);
    assert_eq!(order(TagOrder::NAME_DESCENDING).await, ["zulu", "multi", "arm"]);
    let one = PageSize::clamped(1).unwrap();
    let second = services
        .content
        .list_tag_details(&alice, &name(APP), TagFilter::default(), TagOrder::NAME, 1, one)
        .await;
    assert_eq!(second.unwrap().1[0].tag.as_str(), "multi");
    let missing = services.content.get_tag_details(&alice, &name(APP), &"none".parse().unwrap(), true).await;
    assert!(matches!(missing, Err(Error::ManifestUnknown { .. })));
}

#[tokio::test]
async fn an_image_tells_all_tags_that_it_ever_had() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let services = &registry.app;
    let first = push(&registry, &alice, "b", 1).await;
    push(&registry, &alice, "a", 1).await;
    push(&registry, &alice, "b", 2).await;
    push(&registry, &alice, "b", 1).await;
    push(&registry, &alice, "b", 2).await;
    services.content.delete_tag(&alice, &name(APP), &"a".parse().unwrap()).await.unwrap();
    push(&registry, &alice, "c", 1).await;
    let page = async |offset, size| {
        let size = PageSize::clamped(size).unwrap();
        let (tags, count) =
            services.content.list_image_tags(&alice, &name(APP), &first, offset, size).await.unwrap();
        assert_eq!(count, 3);
        tags.iter().map(|tag| (tag.tag.to_string(), tag.is_current)).collect::<Vec<_>>()
    };
    let expected = [("a".to_owned(), false), ("b".to_owned(), false), ("c".to_owned(), true)];
    assert_eq!(page(0, 10).await, expected);
    assert_eq!(page(1, 1).await, expected[1..2]);
    let missing =
        services.content.list_image_tags(&alice, &name(APP), &digest_of("x"), 0, PageSize::MAX).await;
    assert!(matches!(missing, Err(Error::ManifestUnknown { .. })));
}

#[tokio::test]
async fn deletion_is_refused_to_who_may_not() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let bob = registry.sign_in("bob").await;
    let services = &registry.app;
    let digest = push(&registry, &alice, "v1", 1).await.to_string();
    let request = || deletion(&[&digest]);
    let refused =
        |error| DeletionOutcome::Refused { errors: vec![(digest.clone(), error)], warnings: vec![] };
    assert_eq!(delete(&registry, &bob, request()).await, refused(DeletionError::NotFound));
    let anonymous = services.content.delete_images(&Actor::ANONYMOUS, &name(APP), request()).await;
    assert!(matches!(anonymous, Err(Error::Unauthenticated(_))));
    let wanted = WantedToken::new("ci", Scope::Write);
    let (_, secret) = services
        .identity
        .create_access_token(&Actor::OPERATOR, &"alice".parse().unwrap(), wanted)
        .await
        .unwrap();
    let writer = services.identity.authenticate_basic("alice", secret.expose(), None).await.unwrap();
    assert_eq!(delete(&registry, &writer, request()).await, refused(DeletionError::Unauthorized));
    let many: BTreeSet<String> = (0..1001).map(|n| n.to_string()).collect();
    let too_many = DeletionRequest { digests: many, ..request() };
    assert!(matches!(
        services.content.delete_images(&alice, &name(APP), too_many).await,
        Err(Error::Invalid { .. })
    ));
    let (images, _) = list(&registry, &alice, everything(&registry), ImageOrder::DIGEST).await.unwrap();
    assert_eq!(images.len(), 1);
}

#[tokio::test]
async fn a_tag_that_came_meanwhile_warns_again() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let digest = push(&registry, &alice, "v1", 1).await.to_string();
    registry.clock.advance(DAY * 60);
    let DeletionOutcome::Refused { warnings, .. } = delete(&registry, &alice, deletion(&[&digest])).await
    else {
        panic!("it has a tag");
    };
    let seen: Vec<IgnoredWarning> = warnings
        .iter()
        .map(|warning| IgnoredWarning {
            digest: warning.digest.clone(),
            kind: warning.kind,
            tags: warning.tags.iter().map(ToString::to_string).collect(),
        })
        .collect();
    push(&registry, &alice, "v2", 1).await;
    registry.clock.advance(DAY * 60);
    let request = DeletionRequest { ignored: seen, ..deletion(&[&digest]) };
    let DeletionOutcome::Refused { warnings, .. } = delete(&registry, &alice, request).await else {
        panic!("v2 was not seen");
    };
    assert_eq!(warnings[0].tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["v1", "v2"]);
}

#[tokio::test]
async fn what_a_current_tag_reaches_through_an_index_is_currently_tagged() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let services = &registry.app;
    let put = async |tag: &str, manifest: &str| {
        let digest = digest_of(manifest);
        let reference = if tag.is_empty() { digest.to_string() } else { tag.to_owned() };
        registry.push_manifest(&alice, APP, &reference, manifest).await.unwrap();
        digest
    };
    let mut images = Vec::new();
    let mut part = async |n: usize| {
        images.push(image(format!("{{\"n\":{n}}}").as_bytes(), &[]));
        push(&registry, &alice, "", n).await
    };
    let (kept, deep, former, alone) = (part(1).await, part(2).await, part(3).await, part(4).await);
    let current = put("multi", &index(&[&images[0]])).await;
    let inner = index(&[&images[1]]);
    let inner_digest = put("", &inner).await;
    let outer = put("outer", &index(&[&inner])).await;
    let past = put("multi2", &index(&[&images[2], &images[0]])).await;
    services.content.delete_tag(&alice, &name(APP), &"multi2".parse().unwrap()).await.unwrap();
    let of = async |is_tagged| {
        let mut found = Vec::new();
        for order in [
            ImageOrder::DIGEST,
            ImageOrder::DIGEST_DESCENDING,
            ImageOrder::LEAST_ACTIVE,
            ImageOrder::MOST_ACTIVE,
        ] {
            let filter = ImageFilter { is_tagged: Some(is_tagged), ..everything(&registry) };
            let (images, count) = list(&registry, &alice, filter, order).await.unwrap();
            assert_eq!(images.len() as u64, count);
            found.push(images.into_iter().map(|image| image.digest).collect::<BTreeSet<_>>());
        }
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
        found.remove(0)
    };
    assert_eq!(of(true).await, [kept, deep, current, inner_digest, outer].into());
    assert_eq!(of(false).await, [former, alone, past].into());
    // What is listed without a current tag goes in one request, indexes with their parts.
    registry.clock.advance(DAY * 60);
    let listed: Vec<String> = of(false).await.iter().map(ToString::to_string).collect();
    let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    let outcome = delete(&registry, &alice, deletion(&listed)).await;
    assert_eq!(outcome, DeletionOutcome::Deleted { manifests: 3, tags: 0 });
    assert_eq!(of(false).await, BTreeSet::new());
    // A part without its index stays, and with it warns of the index's tags.
    let (deep, inner, outer) = (deep.to_string(), inner_digest.to_string(), outer.to_string());
    let outcome = delete(&registry, &alice, deletion(&[&deep, &inner])).await;
    let DeletionOutcome::Refused { errors, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(errors, [(inner.clone(), DeletionError::ChildManifest)]);
    let all = [deep.as_str(), &inner, &outer];
    let outcome = delete(&registry, &alice, deletion(&all)).await;
    let DeletionOutcome::Refused { errors, warnings } = outcome else { panic!("{outcome:?}") };
    assert_eq!((errors.len(), warnings.len()), (0, 3));
    for warning in &warnings {
        assert_eq!(warning.kind, WarningKind::CurrentTag);
        assert_eq!(warning.tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["outer"]);
    }
    let ignored = warnings.into_iter().map(|warning| IgnoredWarning {
        digest: warning.digest,
        kind: warning.kind,
        tags: warning.tags.iter().map(ToString::to_string).collect(),
    });
    let request = DeletionRequest { ignored: ignored.collect(), ..deletion(&all) };
    assert_eq!(delete(&registry, &alice, request).await, DeletionOutcome::Deleted { manifests: 3, tags: 1 });
    assert_eq!(of(true).await, [kept, current].into());
}

#[tokio::test]
async fn tags_are_filtered_by_a_part_of_their_name_by_their_activity_and_by_what_they_run_on() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let services = &registry.app;
    let config = br#"{"os":"linux","architecture":"arm64"}"#;
    registry.push_blob(&alice, APP, config).await.unwrap();
    let arm = image(config, &[]);
    registry.push_manifest(&alice, APP, "dev-PR-1", &arm).await.unwrap();
    registry.push_manifest(&alice, APP, "all", &index(&[&arm])).await.unwrap();
    push(&registry, &alice, "1.0_x", 1).await;
    registry.clock.advance(DAY * 60);
    for tag in ["dev-PR-2", "dev-pr-3", "latest"] {
        push(&registry, &alice, tag, 2).await;
    }
    let since = services.platform.now() - DAY;
    let found = async |filter: TagFilter| {
        let mut all = Vec::new();
        for order in [TagOrder::NAME, TagOrder::NAME_DESCENDING, TagOrder::NEWEST, TagOrder::OLDEST] {
            let filter = filter.clone();
            let page =
                services.content.list_tag_details(&alice, &name(APP), filter, order, 0, PageSize::MAX).await;
            let (_, tags, count) = page.unwrap();
            assert_eq!(tags.len() as u64, count);
            let mut names: Vec<String> = tags.iter().map(|tag| tag.tag.to_string()).collect();
            names.sort();
            all.push(names);
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
        all.remove(0)
    };
    let part = |part: &str| TagFilter { name_part: part.to_owned(), ..TagFilter::default() };
    assert_eq!(found(part("PR")).await, ["dev-PR-1", "dev-PR-2"]);
    for all in ["_", ".0_", "1.0_x"] {
        assert_eq!(found(part(all)).await, ["1.0_x"]);
    }
    for none in ["nothing", "%", "?", "é", "dev-PR-22", &"x".repeat(128), &"x".repeat(100_000)] {
        assert_eq!(found(part(none)).await, Vec::<String>::new());
    }
    let status = |status| TagFilter { status: Some((status, since)), ..part("dev") };
    assert_eq!(found(status(ImageStatus::Active)).await, ["dev-PR-2", "dev-pr-3"]);
    assert_eq!(found(status(ImageStatus::Inactive)).await, ["dev-PR-1"]);
    services.content.pull_manifest(&alice, &name(APP), &"dev-PR-1".parse().unwrap()).await.unwrap();
    services.content.record_pulls().await.unwrap();
    assert_eq!(found(status(ImageStatus::Inactive)).await, Vec::<String>::new());
    let on = |os: &str, architecture: &str| TagFilter {
        os: os.to_owned(),
        architecture: architecture.to_owned(),
        ..TagFilter::default()
    };
    assert_eq!(found(on("linux", "arm64")).await, ["all", "dev-PR-1"]);
    assert_eq!(found(on("", "arm64")).await, ["all", "dev-PR-1"]);
    assert_eq!(found(on("windows", "arm64")).await, Vec::<String>::new());
    assert_eq!(found(on("unknown", "")).await, ["1.0_x", "dev-PR-2", "dev-pr-3", "latest"]);
}

/// A random repository: images with tags, parts of indexes, and ages in days.
#[derive(Clone, Debug)]
struct Case {
    /// For each image: tags, days since the push, days since the pull.
    images: Vec<(Vec<u8>, u64, Option<u64>)>,
    /// Which two images the index lists, if there is one, whether it has a tag, and whether it is to be deleted too.
    index: Option<(usize, usize, bool, bool)>,
    /// Images to delete, by number; those that do not exist too.
    wanted: Vec<usize>,
    /// Warnings that are ignored: image, kind, whether all its tags are listed.
    ignored: Vec<(usize, bool, bool)>,
}

fn case() -> impl Strategy<Value = Case> {
    let tags = proptest::collection::vec(0u8..6, 0..3);
    let image = (tags, 0u64..60, proptest::option::of(0u64..60));
    (
        proptest::collection::vec(image, 1..5),
        proptest::option::weighted(0.5, (0usize..5, 0usize..5, any::<bool>(), any::<bool>())),
        proptest::collection::vec(0usize..6, 1..5),
        proptest::collection::vec((0usize..6, any::<bool>(), any::<bool>()), 0..8),
        any::<bool>(),
    )
        .prop_map(|(images, index, mut wanted, mut ignored, is_informed)| {
            // Somebody who has looked at everything asks for what there is and has seen all warnings.
            if is_informed {
                wanted.iter_mut().for_each(|n| *n %= images.len());
                // The index comes last.
                ignored.extend((0..=images.len()).flat_map(|n| [(n, true, true), (n, false, true)]));
            }
            Case { images, index, wanted, ignored }
        })
}

/// What the model knows of an image.
#[derive(Clone, Debug, Default)]
struct Known {
    tags: BTreeSet<String>,
    index_tags: BTreeSet<String>,
    is_child: bool,
    is_active: bool,
}

async fn check(case: Case) {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let services = &registry.app;
    let mut digests = Vec::new();
    let mut model: BTreeMap<String, Known> = BTreeMap::new();
    // From the oldest push to the newest.
    let mut order: Vec<usize> = (0..case.images.len()).collect();
    order.sort_by_key(|n| std::cmp::Reverse(case.images[*n].1));
    let begin = services.platform.now();
    let at = |days_ago: u64| begin + DAY * u32::try_from(100 - days_ago).unwrap();
    let wait_until = |time: jiff::Timestamp| {
        let seconds = time.as_second() - services.platform.now().as_second();
        registry.clock.advance(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()));
    };
    let contents: Vec<String> =
        (0..case.images.len()).map(|n| image(format!("{{\"n\":{n}}}").as_bytes(), &[])).collect();
    for content in &contents {
        digests.push(digest_of(content).to_string());
    }
    for n in order {
        let (tags, pushed_days, _) = &case.images[n];
        wait_until(at(*pushed_days));
        push(&registry, &alice, "", n).await;
        model.entry(digests[n].clone()).or_default().is_active = *pushed_days <= 30;
        for tag in tags {
            let tag = format!("t{tag}");
            push(&registry, &alice, &tag, n).await;
            model.values_mut().for_each(|known| {
                known.tags.remove(&tag);
            });
            model.get_mut(&digests[n]).unwrap().tags.insert(tag);
        }
    }
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    if let Some((one, other, is_tagged, is_wanted)) = case.index {
        let (one, other) = (one % contents.len(), other % contents.len());
        let listed = index(&[&contents[one], &contents[other]]);
        let digest = digest_of(&listed).to_string();
        let tags: BTreeSet<String> = is_tagged.then(|| "index".to_owned()).into_iter().collect();
        let reference = tags.first().unwrap_or(&digest);
        registry.push_manifest(&alice, APP, reference, &listed).await.unwrap();
        let is_active = services.platform.now() >= at(30);
        for n in [one, other] {
            let child = model.get_mut(&digests[n]).unwrap();
            child.is_child = true;
            child.index_tags = tags.clone();
        }
        model.insert(digest.clone(), Known { tags, is_active, ..Known::default() });
        wanted.extend(is_wanted.then(|| digest.clone()));
        digests.push(digest);
    }
    let mut pulls: Vec<(u64, usize)> = case
        .images
        .iter()
        .enumerate()
        .filter_map(|(n, (_, pushed, pulled))| pulled.filter(|days| days < pushed).map(|days| (days, n)))
        .collect();
    pulls.sort_unstable_by(|a, b| b.cmp(a));
    for (days, n) in pulls {
        if at(days) >= services.platform.now() {
            wait_until(at(days));
            let reference = digests[n].parse().unwrap();
            services.content.pull_manifest(&alice, &name(APP), &reference).await.unwrap();
            services.content.record_pulls().await.unwrap();
            model.get_mut(&digests[n]).unwrap().is_active |= days <= 30;
        }
    }
    wait_until(at(0));
    let text = |n: usize| digests.get(n).cloned().unwrap_or_else(|| digest_of(n.to_string()).to_string());
    let ignored: Vec<IgnoredWarning> = case
        .ignored
        .iter()
        .map(|(n, is_activity, whole)| {
            let digest = text(*n);
            let tags = model.get(&digest).map(|known| &known.tags | &known.index_tags).unwrap_or_default();
            IgnoredWarning {
                kind: if *is_activity { WarningKind::IsActive } else { WarningKind::CurrentTag },
                tags: if *whole { tags } else { tags.into_iter().skip(1).collect() },
                digest,
            }
        })
        .collect();
    wanted.extend(case.wanted.iter().map(|n| text(*n)));
    // Children go with their index.
    if case.index.is_some() && wanted.contains(digests.last().unwrap()) {
        model.values_mut().for_each(|known| known.is_child = false);
    }
    let request = DeletionRequest {
        digests: wanted,
        active_from: Some(at(30)),
        ignored: ignored.clone(),
        mode: DeletionMode::DryRun,
    };
    // The model's verdict.
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    let mut tags = 0;
    for digest in &request.digests {
        let Some(known) = model.get(digest) else {
            errors.push((digest.clone(), DeletionError::NotFound));
            continue;
        };
        if known.is_child {
            errors.push((digest.clone(), DeletionError::ChildManifest));
            continue;
        }
        tags += known.tags.len() as u64;
        let reached = &known.tags | &known.index_tags;
        let seen = |kind: WarningKind| {
            ignored.iter().any(|entry| {
                entry.digest == *digest
                    && entry.kind == kind
                    && (kind == WarningKind::IsActive || reached.is_subset(&entry.tags))
            })
        };
        if known.is_active && !seen(WarningKind::IsActive) {
            warnings.push((digest.clone(), WarningKind::IsActive));
        }
        if !reached.is_empty() && !seen(WarningKind::CurrentTag) {
            warnings.push((digest.clone(), WarningKind::CurrentTag));
        }
    }
    let state = async || {
        let filter = ImageFilter { active_from: at(30), status: None, is_tagged: None };
        list(&registry, &alice, filter, ImageOrder::DIGEST).await.unwrap()
    };
    let before = state().await;
    let predicted = delete(&registry, &alice, request.clone()).await;
    assert_eq!(state().await, before, "a dry run changes nothing");
    let outcome =
        delete(&registry, &alice, DeletionRequest { mode: DeletionMode::Delete, ..request.clone() }).await;
    assert_eq!(outcome, predicted, "a dry run predicts what happens");
    match outcome {
        DeletionOutcome::Deleted { manifests, tags: deleted } => {
            assert!(errors.is_empty() && warnings.is_empty(), "{errors:?} {warnings:?}");
            assert_eq!((manifests, deleted), (request.digests.len() as u64, tags));
            let left: BTreeSet<String> =
                state().await.0.iter().map(|image| image.digest.to_string()).collect();
            assert!(request.digests.is_disjoint(&left));
            assert_eq!(left.len() as u64 + manifests, before.1);
        }
        DeletionOutcome::Refused { errors: found, warnings: warned } => {
            let warned: Vec<_> = warned.into_iter().map(|warning| (warning.digest, warning.kind)).collect();
            assert_eq!((found, warned), (errors, warnings));
            assert_eq!(state().await, before, "nothing is deleted on refusal");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: property_cases(48), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deletion_does_what_its_model_does(case in case()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(check(case));
    }
}
