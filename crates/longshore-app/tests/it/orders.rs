//! Lists of tags, images and repositories by key, in each of their orders and narrowed in each way, against sorting all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_content::inventory::Browsed;
use longshore_domain::access::actor::Actor;
use longshore_domain::image::{
    ImageFilter, ImageKind, ImageNature, ImageQuery, ImageStatus, ManifestDetails, TagDetails, TagFilter,
    TagQuery, status,
};
use longshore_domain::image_order::{ImageOrder, ImageSort};
use longshore_domain::page::PageSize;
use longshore_domain::repository::query::NamespaceFilter;
use longshore_domain::repository::{RepositoryId, RepositoryOrder, Visibility};
use longshore_domain::tag_order::{TagOrder, TagSort, version_key};
use longshore_testkit::budget::property_cases;
use longshore_testkit::images::{artifact, image, index};
use longshore_testkit::registry::{TestRegistry, name};

const HOUR: Duration = Duration::from_secs(3600);
const APP: &str = "alice/app";
const NAMES: &[&str] =
    &["latest", "v1.9", "v1.10", "1.10", "1.10-rc.1", "2", "nightly-9", "nightly-10", "sha256-short", "main"];

/// Draws numbers, always the same.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// Pushes images of several kinds, sizes and platforms, points tags at them, pulls some and deletes some.
async fn fill(registry: &TestRegistry, alice: &Actor, draw: &mut Draw) {
    let content = &registry.app.content;
    let platforms = [
        "linux\",\"architecture\":\"amd64",
        "linux\",\"architecture\":\"arm64",
        "plan9\",\"architecture\":\"mips",
    ];
    let mut manifests = Vec::new();
    for number in 0..6 {
        let filler = "x".repeat(draw.below(3) * 7);
        let config = format!(r#"{{"n":{number},"filler":"{filler}","os":"{}"}}"#, draw.of(&platforms));
        registry.push_blob(alice, APP, config.as_bytes()).await.unwrap();
        manifests.push(image(config.as_bytes(), &[]));
    }
    let parts = [manifests[0].as_str(), manifests[1].as_str()];
    manifests.push(index(&parts));
    registry.push_blob(alice, APP, b"{}").await.unwrap();
    manifests.push(artifact(&manifests[2], "application/example", "note"));
    for manifest in &manifests {
        let digest = longshore_testkit::images::digest_of(manifest).to_string();
        registry.push_manifest(alice, APP, &digest, manifest).await.unwrap();
    }
    let mut names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    names.push(format!("sha256-{}.sig", "0a".repeat(32)));
    for _ in 0..24 {
        // Some are pushed at the same time.
        registry.clock.advance(HOUR * u32::try_from(draw.below(3)).unwrap());
        let tag = draw.of(&names);
        let parsed = tag.parse().unwrap();
        match draw.below(8) {
            0 => drop(content.delete_tag(alice, &name(APP), &parsed).await),
            1 | 2 => {
                let reference = tag.parse().unwrap();
                if content.pull_manifest(alice, &name(APP), &reference).await.is_ok() {
                    content.record_pulls().await.unwrap();
                }
            }
            _ => drop(registry.push_manifest(alice, APP, &tag, &draw.of(&manifests)).await.unwrap()),
        }
    }
}

/// Whether anything runs on a platform, of what lists of tags show as images.
fn runs_on(images: &[ManifestDetails], os: &str, architecture: &str) -> bool {
    images.iter().any(|image| {
        let (has, on) = image.platform.as_ref().map_or(("unknown", "unknown"), |platform| {
            (platform.os.as_str(), platform.architecture.as_str())
        });
        (os.is_empty() || os == has) && (architecture.is_empty() || architecture == on)
    })
}

fn is_wanted(filter: &TagFilter, tag: &TagDetails) -> bool {
    let name = tag.tag.as_str();
    name.starts_with(&filter.name_beginning)
        && name.contains(&filter.name_part)
        && filter.status.is_none_or(|(wanted, from)| status(tag.updated_at, tag.pulled_at, from) == wanted)
        && runs_on(&tag.images, &filter.os, &filter.architecture)
        && !(filter.leaves_out_digests && name.starts_with("sha256-") && name.len() >= 71)
}

async fn repository_of(registry: &TestRegistry, alice: &Actor) -> RepositoryId {
    let (app, all, one) = (name(APP), TagFilter::default(), PageSize::MAX);
    let found = registry.app.content.list_tag_details(alice, &app, all, TagOrder::NAME, 0, one).await;
    found.unwrap().0
}

#[tokio::test]
async fn tags_are_listed_by_key_in_each_order_whatever_is_left_out() {
    for seed in 0..u64::from(property_cases(4)) {
        let registry = TestRegistry::new().await;
        let alice = registry.sign_in("alice").await;
        let mut draw = Draw(seed);
        fill(&registry, &alice, &mut draw).await;
        let repository = repository_of(&registry, &alice).await;
        let read = async |query: TagQuery| {
            let images = PageSize::MAX;
            let read = registry
                .metadata()
                .read((query, images), |tx, (query, images)| Box::pin(tx.list_tag_details(query, *images)));
            read.await.unwrap()
        };
        let all = read(TagQuery::by_name(repository, None, PageSize::MAX)).await.items;
        for by in [TagSort::Name, TagSort::Pushed, TagSort::Pulled, TagSort::Size, TagSort::Version] {
            for is_descending in [false, true] {
                for examined in [None, Some(1), Some(3), Some(1000)] {
                    let since = registry.app.platform.now() - HOUR * u32::try_from(draw.below(20)).unwrap();
                    let filter = TagFilter {
                        name_beginning: draw.of(&["", "", "v", "sha256-"]).to_owned(),
                        name_part: draw.of(&["", "", "1", "-"]).to_owned(),
                        status: draw.of(&[
                            None,
                            None,
                            Some((ImageStatus::Active, since)),
                            Some((ImageStatus::Inactive, since)),
                        ]),
                        os: draw.of(&["", "", "linux", "plan9"]).to_owned(),
                        architecture: draw.of(&["", "", "arm64"]).to_owned(),
                        leaves_out_digests: draw.below(3) == 0,
                    };
                    let order = TagOrder { by, is_descending };
                    let key = |tag: &&TagDetails| {
                        let name = tag.tag.to_string();
                        let number = |number: i64| (number, String::new(), name.clone());
                        match by {
                            TagSort::Name => number(0),
                            TagSort::Pushed => number(tag.updated_at.as_microsecond()),
                            TagSort::Pulled => number(tag.pulled_at.map_or(0, |at| at.as_microsecond())),
                            TagSort::Size => number(tag.manifest.total_size_bytes.try_into().unwrap()),
                            TagSort::Version => (0, version_key(&name), name),
                        }
                    };
                    let mut expected: Vec<&TagDetails> =
                        all.iter().filter(|tag| is_wanted(&filter, tag)).collect();
                    expected.sort_by_cached_key(key);
                    if is_descending {
                        expected.reverse();
                    }
                    let size = PageSize::clamped(1 + draw.below(4) as u64).unwrap();
                    let mut found = Vec::new();
                    let (filter, offset) = (filter.clone(), 0);
                    let mut query = TagQuery {
                        repository,
                        filter: filter.clone(),
                        after: None,
                        order,
                        offset,
                        size,
                        examined,
                    };
                    for pages in 0.. {
                        let page = read(query.clone()).await;
                        assert!(page.items.len() <= size.get() as usize && pages < 100);
                        found.extend(page.items.into_iter().map(|tag| tag.tag));
                        query.after = page.next;
                        if query.after.is_none() {
                            break;
                        }
                    }
                    let expected: Vec<_> = expected.into_iter().map(|tag| tag.tag.clone()).collect();
                    assert_eq!(found, expected, "seed {seed}: {order:?} {filter:?} {examined:?} {size:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn images_are_listed_by_key_in_each_order_whatever_is_left_out() {
    const IMAGE: &str = "application/vnd.oci.image.config.v1+json";
    for seed in 0..u64::from(property_cases(4)) {
        let registry = TestRegistry::new().await;
        let alice = registry.sign_in("alice").await;
        let mut draw = Draw(seed);
        fill(&registry, &alice, &mut draw).await;
        let repository = repository_of(&registry, &alice).await;
        let read = async |query: ImageQuery| {
            registry.metadata().read(query, |tx, query| Box::pin(tx.list_image_details(query))).await.unwrap()
        };
        let all = read(ImageQuery::all(repository, ImageOrder::DIGEST, PageSize::MAX)).await.items;
        let parts = all[..].iter().map(|image| (image.digest, image.clone())).collect::<BTreeMap<_, _>>();
        let mut behind = BTreeMap::new();
        for details in &all {
            let found = registry.app.content.get_image(&alice, &name(APP), &details.digest).await.unwrap();
            let images = if details.is_index { found.images } else { vec![parts[&details.digest].clone()] };
            behind.insert(details.digest, images);
        }
        for by in [ImageSort::Digest, ImageSort::Activity, ImageSort::Pushed, ImageSort::Size] {
            for is_descending in [false, true] {
                for examined in [None, Some(1), Some(2), Some(1000)] {
                    let active_from =
                        registry.app.platform.now() - HOUR * u32::try_from(draw.below(20)).unwrap();
                    let wanted = draw.of(&[None, Some(ImageStatus::Active), Some(ImageStatus::Inactive)]);
                    let filter = ImageFilter { active_from, status: wanted, is_tagged: None };
                    let kinds = [
                        None,
                        None,
                        Some(ImageKind::Index),
                        Some(ImageKind::Image),
                        Some(ImageKind::Artifact),
                    ];
                    let nature = ImageNature {
                        kind: draw.of(&kinds),
                        artifact_type: draw.of(&["", "", "", "application/example", IMAGE]).to_owned(),
                        os: draw.of(&["", "", "linux", "plan9"]).to_owned(),
                        architecture: draw.of(&["", "", "arm64"]).to_owned(),
                    };
                    let kind = |image: &ManifestDetails| match image.artifact_type.as_deref() {
                        _ if image.is_index => ImageKind::Index,
                        None | Some(IMAGE) => ImageKind::Image,
                        Some(_) => ImageKind::Artifact,
                    };
                    let is_wanted = |image: &&ManifestDetails| {
                        wanted.is_none_or(|wanted| {
                            status(image.pushed_at, image.pulled_at, active_from) == wanted
                        }) && nature.kind.is_none_or(|wanted| wanted == kind(image))
                            && (nature.artifact_type.is_empty()
                                || image.artifact_type.as_ref() == Some(&nature.artifact_type))
                            && runs_on(&behind[&image.digest], &nature.os, &nature.architecture)
                    };
                    let mut expected: Vec<&ManifestDetails> = all.iter().filter(is_wanted).collect();
                    expected.sort_by_key(|image| {
                        let value = match by {
                            ImageSort::Digest => 0,
                            ImageSort::Activity => image
                                .pulled_at
                                .map_or(image.pushed_at, |at| at.max(image.pushed_at))
                                .as_microsecond(),
                            ImageSort::Pushed => image.pushed_at.as_microsecond(),
                            ImageSort::Size => image.total_size_bytes.try_into().unwrap(),
                        };
                        (value, image.digest.to_string())
                    });
                    if is_descending {
                        expected.reverse();
                    }
                    let order = ImageOrder { by, is_descending };
                    let size = PageSize::clamped(1 + draw.below(4) as u64).unwrap();
                    let mut query = ImageQuery {
                        filter,
                        nature: nature.clone(),
                        examined,
                        ..ImageQuery::all(repository, order, size)
                    };
                    let mut found = Vec::new();
                    for pages in 0.. {
                        let page = read(query.clone()).await;
                        assert!(page.items.len() <= size.get() as usize && pages < 100);
                        found.extend(page.items.into_iter().map(|image| image.digest));
                        query.after = page.next;
                        if query.after.is_none() {
                            break;
                        }
                    }
                    let expected: Vec<_> = expected.into_iter().map(|image| image.digest).collect();
                    assert_eq!(found, expected, "seed {seed}: {order:?} {filter:?} {nature:?} {examined:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn repositories_of_a_namespace_are_listed_by_key_in_each_order() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    let start = registry.app.platform.now();
    // Name, bytes of its image, pulls.
    let repositories = [("alice/b", 3, 0), ("alice/a", 9, 2), ("alice/d", 3, 1), ("alice/c", 1, 2)];
    for (repository, size, pulls) in repositories {
        registry.clock.advance(HOUR);
        let config = format!("{{\"n\":\"{}\"}}", "x".repeat(size));
        registry.push_blob(&alice, repository, config.as_bytes()).await.unwrap();
        registry.push_manifest(&alice, repository, "v1", &image(config.as_bytes(), &[])).await.unwrap();
        for _ in 0..pulls {
            content.pull_manifest(&alice, &name(repository), &"v1".parse().unwrap()).await.unwrap();
        }
    }
    content.record_pulls().await.unwrap();
    content.set_visibility(&alice, &name("alice/c"), Visibility::Public).await.unwrap();
    registry.app.do_housekeeping().await.unwrap();
    let namespace = "alice".parse().unwrap();
    let of = async |filter: NamespaceFilter, order: RepositoryOrder, size: u64| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let among = Browsed::Namespace { name: &namespace, filter: filter.clone(), order };
            let size = PageSize::clamped(size).unwrap();
            let page = content.browse_repositories(&alice, among, after, size).await.unwrap();
            let names = page.items.iter().map(|held| held.details.repository.name.rest().to_owned());
            found.extend(names);
            after = page.next;
            if after.is_none() {
                return found.concat();
            }
        }
    };
    for size in [1, 2, 3, 4, 5] {
        let all = async |order| of(NamespaceFilter::default(), order, size).await;
        assert_eq!(all(RepositoryOrder::Name).await, "abcd");
        assert_eq!(all(RepositoryOrder::NameDescending).await, "dcba");
        assert_eq!(all(RepositoryOrder::Updated).await, "badc");
        assert_eq!(all(RepositoryOrder::UpdatedDescending).await, "cdab");
        assert_eq!(all(RepositoryOrder::Pulls).await, "bdac");
        assert_eq!(all(RepositoryOrder::PullsDescending).await, "cadb");
        assert_eq!(all(RepositoryOrder::Size).await, "cbda");
        assert_eq!(all(RepositoryOrder::SizeDescending).await, "adbc");
        let public = NamespaceFilter { visibility: Some(Visibility::Public), ..NamespaceFilter::default() };
        assert_eq!(of(public, RepositoryOrder::SizeDescending, size).await, "c");
        let since = Some(start + HOUR * 3);
        let pushed = NamespaceFilter { pushed_since: since, ..NamespaceFilter::default() };
        assert_eq!(of(pushed, RepositoryOrder::Name, size).await, "cd");
        let idle = NamespaceFilter { not_pushed_since: since, ..NamespaceFilter::default() };
        assert_eq!(of(idle, RepositoryOrder::Updated, size).await, "ba");
    }
}
