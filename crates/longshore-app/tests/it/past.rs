//! Tags as they were: what they pointed at at any time, who sees that, and how long it is kept.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use longshore_domain::Error;
use longshore_domain::access::actor::{Actor, Proof};
use longshore_domain::clock::Clock;
use longshore_domain::digest::Digest;
use longshore_domain::name::{Reference, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::past::PastRefusal;
use longshore_domain::policy::UntaggedManifests;
use longshore_domain::ports::metadata::{MovedWith, TagInterval};
use longshore_domain::repository::{RepositoryChange, Visibility};
use longshore_lifecycle::gc::GcMode;
use longshore_testkit::budget;
use longshore_testkit::images::{digest_of, image};
use longshore_testkit::registry::{TestRegistry, name};

const APP: &str = "alice/app";
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn config(number: usize) -> String {
    format!("config {number}")
}

async fn push(registry: &TestRegistry, by: &Actor, tag: &str, number: usize) -> Digest {
    let config = config(number);
    registry.push_blob(by, APP, config.as_bytes()).await.unwrap();
    registry.push_manifest(by, APP, tag, &image(config.as_bytes(), &[])).await.unwrap().digest
}

/// Returns a tag as it was then, as a client writes it; of the past there are whole seconds only.
fn as_of(tag: &str, at: Timestamp) -> String {
    format!("{tag}.asof.{}", at.strftime("%Y%m%dT%H%M%SZ"))
}

async fn pull(registry: &TestRegistry, by: &Actor, reference: &str) -> Result<Digest, Error> {
    let reference: Reference = reference.parse()?;
    registry.app.content.pull_manifest(by, &name(APP), &reference).await.map(|pulled| pulled.digest)
}

fn refusal(pulled: Result<Digest, Error>) -> PastRefusal {
    match pulled {
        Err(Error::Past(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tag_is_pulled_as_it_was_by_everybody_who_may_pull_now() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let first = push(&registry, &alice, "latest", 1).await;
    let began = registry.clock.now();
    registry.clock.advance(SECOND);
    let second = push(&registry, &alice, "latest", 2).await;
    let moved = registry.clock.now();
    registry.clock.advance(SECOND);
    registry.app.content.delete_tag(&alice, &name(APP), &"latest".parse().unwrap()).await.unwrap();
    let deleted = registry.clock.now();
    registry.clock.advance(DAY);
    assert_eq!(pull(&registry, &alice, &as_of("latest", began)).await.unwrap(), first);
    assert_eq!(pull(&registry, &alice, &as_of("latest", moved)).await.unwrap(), second);
    let head: Reference = as_of("latest", began).parse().unwrap();
    let head = registry.app.content.check_manifest(&alice, &name(APP), &head).await.unwrap();
    assert_eq!(head.digest, first);
    for gone in [began - SECOND, deleted] {
        let refusal = refusal(pull(&registry, &alice, &as_of("latest", gone)).await);
        assert!(matches!(refusal, PastRefusal::NotThere { .. }), "{refusal:?}");
    }
    let content = &registry.app.content;
    let latest: Tag = "latest".parse().unwrap();
    let history = content
        .list_tag_history(&alice, &name(APP), &latest, Timestamp::MAX, PageSize::MAX)
        .await
        .unwrap()
        .items;
    let alices = || Some("alice".to_owned());
    let password = || Some(MovedWith { proof: Proof::Password, token: None });
    let interval = |digest, from, until| TagInterval {
        digest,
        from,
        until: Some(until),
        set_by: alices(),
        set_with: password(),
        ended_by: alices(),
        ended_with: password(),
    };
    assert_eq!(history, [interval(second, moved, deleted), interval(first, began, moved)]);
    let day = format!("latest.asof.{}", began.strftime("%Y%m%d"));
    let refusal = refusal(pull(&registry, &alice, &day).await);
    assert!(
        matches!(refusal, PastRefusal::NotThere { .. }),
        "there was none any more at the end of that day"
    );
    // Who sees nothing of the repository now sees nothing of its past, and is told the same.
    let bob = registry.sign_in("bob").await;
    let unseen = pull(&registry, &bob, &as_of("latest", began)).await;
    assert!(matches!(unseen, Err(Error::RepositoryUnknown(_))), "{unseen:?}");
    let visible = RepositoryChange { visibility: Some(Visibility::Public), ..RepositoryChange::default() };
    registry.app.content.change_repository(&alice, &name(APP), visible).await.unwrap();
    assert_eq!(pull(&registry, &bob, &as_of("latest", began)).await.unwrap(), first);
    let hidden = RepositoryChange { visibility: Some(Visibility::Private), ..RepositoryChange::default() };
    registry.app.content.change_repository(&alice, &name(APP), hidden).await.unwrap();
    assert!(pull(&registry, &bob, &as_of("latest", began)).await.is_err(), "public then is not public now");
}

#[tokio::test]
async fn what_is_not_past_is_not_known() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    push(&registry, &alice, "v1", 1).await;
    let now = registry.clock.now();
    for future in [as_of("v1", now + SECOND), format!("v1.asof.{}", now.strftime("%Y%m%d"))] {
        let refusal = refusal(pull(&registry, &alice, &future).await);
        assert!(matches!(refusal, PastRefusal::NotYet(_)), "{refusal:?}");
    }
    let no_time = pull(&registry, &alice, "v1.asof.20261301").await;
    assert!(matches!(no_time, Err(Error::ManifestUnknown { .. })), "{no_time:?}");
}

#[tokio::test]
async fn nobody_changes_the_past_and_a_tag_of_before_goes_first() {
    let registry = TestRegistry::with(|settings| settings.history.as_of_tags = false).await;
    let alice = registry.sign_in("alice").await;
    push(&registry, &alice, "v1", 1).await;
    let tag = as_of("v1", registry.clock.now());
    registry.clock.advance(SECOND);
    // While it was off, it was a tag like others.
    let own = push(&registry, &alice, &tag, 2).await;
    let registry = registry.restart_with(|settings| settings.history.as_of_tags = true).await;
    let alice = registry.sign_in("alice").await;
    assert_eq!(pull(&registry, &alice, &tag).await.unwrap(), own);
    push(&registry, &alice, &tag, 3).await;
    let other = as_of("v1", registry.clock.now());
    registry.push_blob(&alice, APP, b"config 4").await.unwrap();
    let pushed = registry.push_manifest(&alice, APP, &other, &image(b"config 4", &[])).await;
    assert!(
        matches!(pushed, Err(Error::Past(ref refusal)) if matches!(**refusal, PastRefusal::Reserved(_))),
        "{pushed:?}"
    );
    let content = &registry.app.content;
    let (from, to): (Tag, Tag) = ("v1".parse().unwrap(), other.parse().unwrap());
    let copied = content.copy_tag(&alice, &name(APP), &from, &to, true).await;
    assert!(matches!(copied, Err(Error::Past(_))), "{copied:?}");
    let deleted = content.delete_tag(&alice, &name(APP), &to).await;
    assert!(matches!(deleted, Err(Error::Unsupported(_))), "{deleted:?}");
    assert_eq!(pull(&registry, &alice, &other).await.unwrap(), digest_of(image(b"config 1", &[])));
    // The tag of before can go, and with it what is left is the past.
    content.delete_tag(&alice, &name(APP), &tag.parse().unwrap()).await.unwrap();
    assert_eq!(pull(&registry, &alice, &tag).await.unwrap(), digest_of(image(b"config 1", &[])));
}

#[tokio::test]
async fn what_was_deleted_since_is_named() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let digest = push(&registry, &alice, "v1", 1).await;
    let tag = as_of("v1", registry.clock.now());
    registry.clock.advance(SECOND);
    registry.app.content.delete_manifest(&alice, &name(APP), &digest).await.unwrap();
    match refusal(pull(&registry, &alice, &tag).await) {
        PastRefusal::Gone { digest: pointed_at, until: Some(until), .. } => {
            assert_eq!((pointed_at, until), (digest, registry.clock.now()));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn collection_leaves_what_history_keeps_until_its_time_is_over() {
    for (kept, days) in [(DAY * 30, 30), (Duration::ZERO, 1)] {
        let registry = TestRegistry::with(|settings| {
            settings.gc.untagged = UntaggedManifests::Collect;
            settings.history.keep = kept;
        })
        .await;
        let alice = registry.sign_in("alice").await;
        let first = push(&registry, &alice, "latest", 1).await;
        let tag = as_of("latest", registry.clock.now());
        registry.clock.advance(SECOND);
        push(&registry, &alice, "latest", 2).await;
        let collect =
            async || registry.app.lifecycle.run_gc(&Actor::OPERATOR, GcMode::Collect).await.unwrap();
        registry.clock.advance(DAY * days - SECOND * 2);
        collect().await;
        assert_eq!(pull(&registry, &alice, &tag).await.unwrap(), first, "{days} days");
        registry.clock.advance(SECOND * 4);
        let preview = registry.app.lifecycle.run_gc(&Actor::OPERATOR, GcMode::DryRun).await.unwrap();
        assert_eq!(preview.manifests_collected, 1, "{days} days");
        assert_eq!(collect().await.manifests_collected, 1, "{days} days");
        assert!(matches!(refusal(pull(&registry, &alice, &tag).await), PastRefusal::Gone { .. }));
    }
}

/// What a tag pointed at, as a list of when that began and ended.
#[derive(Default)]
struct Model(Vec<(Timestamp, Option<Timestamp>, Digest)>);

impl Model {
    fn end(&mut self, at: Timestamp) -> Timestamp {
        match self.0.last_mut() {
            Some((from, until @ None, _)) => *until.insert(at.max(*from + 1.microsecond())),
            Some((_, Some(until), _)) => *until,
            None => Timestamp::MIN,
        }
    }

    fn set(&mut self, at: Timestamp, digest: Digest) {
        if self.0.last().is_some_and(|(_, until, last)| until.is_none() && *last == digest) {
            return;
        }
        let ended = self.end(at);
        self.0.push((at.max(ended), None, digest));
    }

    fn at(&self, at: Timestamp) -> Option<Digest> {
        let held = |(from, until, _): &&(Timestamp, Option<Timestamp>, Digest)| {
            *from <= at && until.is_none_or(|until| at < until)
        };
        self.0.iter().find(held).map(|(_, _, digest)| *digest)
    }
}

#[tokio::test]
async fn any_history_is_what_a_list_of_it_says_at_each_microsecond() {
    const IMAGES: usize = 4;
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let mut digests = Vec::new();
    for number in 0..IMAGES {
        digests.push(push(&registry, &alice, "all", number).await);
    }
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |limit: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % limit
    };
    let repository = registry.app.access.access(&alice, &name(APP)).await.unwrap().repository.unwrap().id;
    for history in 0..budget::property_cases(48) {
        let tag: Tag = format!("t{history}").parse().unwrap();
        let mut model = Model::default();
        for _ in 0..2 + next(10) {
            // Often not at all, and back as well: another node's clock may be behind.
            match next(6) {
                0 | 1 => {}
                2 => registry.clock.go_back(Duration::from_micros(next(5))),
                _ => registry.clock.advance(Duration::from_micros(next(5))),
            }
            let now = registry.clock.now();
            let is_there = model.0.last().is_some_and(|(_, until, _)| until.is_none());
            if next(4) == 0 && is_there {
                registry.app.content.delete_tag(&alice, &name(APP), &tag).await.unwrap();
                model.end(now);
            } else {
                let number = usize::try_from(next(IMAGES as u64)).unwrap();
                let manifest = image(config(number).as_bytes(), &[]);
                registry.push_manifest(&alice, APP, tag.as_str(), &manifest).await.unwrap();
                model.set(now, digests[number]);
            }
        }
        let bounds = model.0.iter().flat_map(|(from, until, _)| [Some(*from), *until]).flatten();
        for at in bounds.flat_map(|at| [-1, 0, 1].map(|by| at + by.microseconds())) {
            let asked = (repository, tag.clone(), at);
            let found = registry
                .metadata()
                .read(asked, |tx, (id, tag, at)| {
                    Box::pin(tx.find_tags_at(*id, std::slice::from_ref(tag), *at))
                })
                .await
                .unwrap();
            let found = found.into_values().next();
            assert_eq!(found.map(|interval| interval.digest), model.at(at), "{tag} at {at}: {:?}", model.0);
        }
    }
}
