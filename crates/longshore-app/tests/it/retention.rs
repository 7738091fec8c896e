use std::sync::Arc;
use std::time::Duration;

use longshore_domain::Error;
use longshore_domain::access::actor::Actor;
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::name::Tag;
use longshore_domain::page::PageSize;
use longshore_domain::policy::UntaggedManifests;
use longshore_domain::repository::RepositoryChange;
use longshore_domain::retention::{Kept, KeptBecause, RetentionPolicyId, RetentionRule, TagSelector};
use longshore_testkit::images::image;
use longshore_testkit::registry::{TestRegistry, name};

const DAY: Duration = Duration::from_secs(24 * 3600);
const REPOSITORY: &str = "acme/app";

async fn push(registry: &TestRegistry, actor: &Actor, tag: &str) {
    let config = format!("config of {tag}");
    registry.push_blob(actor, REPOSITORY, config.as_bytes()).await.unwrap();
    registry.push_manifest(actor, REPOSITORY, tag, &image(config.as_bytes(), &[])).await.unwrap();
    registry.clock.advance(Duration::from_secs(1));
}

async fn policy(registry: &TestRegistry, actor: &Actor, rules: &[RetentionRule]) -> RetentionPolicyId {
    let lifecycle = &registry.app.lifecycle;
    lifecycle.create_retention_policy(actor, &name(REPOSITORY), rules.to_vec()).await.unwrap().id
}

fn rule(kept: Kept) -> RetentionRule {
    RetentionRule { kept, exceptions: Vec::new() }
}

async fn tags(registry: &TestRegistry, actor: &Actor) -> Vec<String> {
    let page = registry.app.content.list_tags(actor, &name(REPOSITORY), None, PageSize::MAX).await.unwrap();
    page.items.iter().map(Tag::to_string).collect()
}

async fn logged(registry: &TestRegistry, actor: &Actor) -> Vec<String> {
    let (entries, total) =
        registry.app.lifecycle.list_retention_log(actor, &name(REPOSITORY), 0, PageSize::MAX).await.unwrap();
    assert_eq!(total, entries.len() as u64);
    entries.iter().map(|entry| entry.retired.tag.to_string()).collect()
}

async fn fixture(tags: &[&str]) -> (TestRegistry, Arc<Actor>) {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    for tag in tags {
        push(&registry, &alice, tag).await;
    }
    (registry, alice)
}

#[tokio::test]
async fn a_policy_is_applied_when_it_is_made_changed_and_every_day() {
    let (registry, alice) = fixture(&["v1", "v2", "v3", "v4"]).await;
    let id = policy(&registry, &alice, &[rule(Kept::Newest(3))]).await;
    registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&registry, &alice).await, ["v2", "v3", "v4"]);
    push(&registry, &alice, "v5").await;
    registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&registry, &alice).await.len(), 4, "it is not due yet");
    registry.clock.advance(DAY);
    registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&registry, &alice).await, ["v3", "v4", "v5"]);
    let changed = vec![rule(Kept::Newest(1))];
    registry.app.lifecycle.change_retention_policy(&alice, &name(REPOSITORY), id, changed).await.unwrap();
    let run = registry.app.lifecycle.dry_run_retention(&alice, &name(REPOSITORY), id).await.unwrap();
    let would: Vec<_> = run.tags.iter().map(|retired| retired.tag.to_string()).collect();
    assert_eq!((would, run.total, run.is_cut), (vec!["v4".to_owned(), "v3".to_owned()], 2, false));
    registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&registry, &alice).await, ["v5"]);
    assert_eq!(logged(&registry, &alice).await, ["v3", "v4", "v2", "v1"]);
    registry.app.lifecycle.delete_retention_policy(&alice, &name(REPOSITORY), id).await.unwrap();
    push(&registry, &alice, "v6").await;
    registry.clock.advance(DAY * 2);
    registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&registry, &alice).await.len(), 2);
}

#[tokio::test]
async fn a_preview_says_what_a_policy_does_and_why() {
    let registry = TestRegistry::with(|settings| settings.gc.untagged = UntaggedManifests::Collect).await;
    let alice = registry.sign_in("alice").await;
    for tag in ["v1", "latest", "v2", "keep", "v3"] {
        push(&registry, &alice, tag).await;
    }
    let immutable = ImmutableTags::new(true, vec!["^keep$".into()]).unwrap();
    let change = RepositoryChange { immutable_tags: Some(immutable), ..RepositoryChange::default() };
    registry.app.content.change_repository(&alice, &name(REPOSITORY), change).await.unwrap();
    let exceptions = vec![TagSelector::Tag("latest".into())];
    let rules = vec![RetentionRule { kept: Kept::Newest(1), exceptions }];
    let (lifecycle, app) = (&registry.app.lifecycle, name(REPOSITORY));
    let preview = lifecycle.preview_retention(&alice, &app, rules.clone()).await.unwrap();
    let going: Vec<_> = preview.retired.iter().map(|retired| retired.tag.to_string()).collect();
    assert_eq!(going, ["v2", "v1"]);
    let staying: Vec<_> = preview.kept.iter().map(|kept| (kept.tag.to_string(), kept.by)).collect();
    let expected = [
        ("v3".to_owned(), Some((0, KeptBecause::Newest))),
        ("keep".to_owned(), None),
        ("latest".to_owned(), Some((0, KeptBecause::Exception))),
    ];
    assert_eq!(staying, expected);
    assert_eq!(preview.plan.tags.len(), 2);
    assert_eq!((preview.plan.collected_later.len(), preview.is_cut), (2, false));
    // The same as what a saved policy says, and does.
    let id = policy(&registry, &alice, &rules).await;
    let run = lifecycle.dry_run_retention(&alice, &app, id).await.unwrap();
    assert_eq!(run.tags, preview.retired);
    let before = registry.stored_bytes().await;
    lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&registry, &alice).await, ["keep", "latest", "v3"]);
    for _ in 0..6 {
        registry.clock.advance(DAY * 3);
        lifecycle.collect_garbage().await.unwrap();
    }
    assert_eq!(before - registry.stored_bytes().await, preview.plan.freed_bytes);
    let bob = registry.sign_in("bob").await;
    assert!(lifecycle.preview_retention(&bob, &app, rules).await.is_err());
}

#[tokio::test]
async fn days_count_from_the_last_push() {
    let (registry, alice) = fixture(&["old", "again"]).await;
    policy(&registry, &alice, &[rule(Kept::Days(2))]).await;
    registry.clock.advance(DAY);
    push(&registry, &alice, "again").await;
    registry.clock.advance(DAY);
    registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&registry, &alice).await, ["again"]);
}

#[tokio::test]
async fn what_is_immutable_stays_and_is_not_logged() {
    let (registry, alice) = fixture(&["v1", "keep", "v2"]).await;
    let immutable = ImmutableTags::new(true, vec!["^keep$".into()]).unwrap();
    let change = RepositoryChange { immutable_tags: Some(immutable), ..RepositoryChange::default() };
    registry.app.content.change_repository(&alice, &name(REPOSITORY), change).await.unwrap();
    let id = policy(&registry, &alice, &[rule(Kept::Newest(1))]).await;
    let run = registry.app.lifecycle.dry_run_retention(&alice, &name(REPOSITORY), id).await.unwrap();
    assert_eq!(run.tags.len(), 1);
    registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&registry, &alice).await, ["keep", "v2"]);
    assert_eq!(logged(&registry, &alice).await, ["v1"]);
}

#[tokio::test]
async fn a_policy_works_through_more_tags_than_fit_at_once() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, REPOSITORY, b"config").await.unwrap();
    let manifest = image(b"config", &[]);
    for number in 0..450 {
        registry.push_manifest(&alice, REPOSITORY, &format!("t{number:03}"), &manifest).await.unwrap();
    }
    // All at the same time: the order is that of the names.
    let exceptions = vec![TagSelector::Tag("t000".into()), TagSelector::Pattern("t1.5".into())];
    policy(&registry, &alice, &[RetentionRule { kept: Kept::Newest(5), exceptions }]).await;
    registry.app.lifecycle.apply_retention().await.unwrap();
    let left = tags(&registry, &alice).await;
    assert_eq!(left.len(), 16, "{left:?}");
    assert_eq!((left[0].as_str(), left[1].as_str(), left[15].as_str()), ("t000", "t105", "t449"));
    // Whoever pulls by digest still can, until what has no tag is collected.
    let digest = longshore_testkit::images::digest_of(&manifest);
    registry
        .app
        .content
        .pull_manifest(&alice, &name(REPOSITORY), &longshore_domain::name::Reference::Digest(digest))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_deleted_repository_is_left_alone() {
    let (registry, alice) = fixture(&["v1", "v2"]).await;
    policy(&registry, &alice, &[rule(Kept::Newest(1))]).await;
    registry.app.content.delete_repository(&alice, &name(REPOSITORY)).await.unwrap();
    registry.app.lifecycle.apply_retention().await.unwrap();
    // Not even when it is collected with its policies.
    registry.clock.advance(DAY * 3);
    for _ in 0..4 {
        registry.app.lifecycle.collect_garbage().await.unwrap();
        registry.clock.advance(DAY);
    }
    registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(registry.stored_bytes().await, 0);
}

#[tokio::test]
async fn policies_are_for_who_may_delete_tags() {
    let (registry, alice) = fixture(&["v1", "v2"]).await;
    let bob = registry.sign_in("bob").await;
    let make = |actor: Arc<Actor>| {
        let services = Arc::clone(&registry.app);
        async move {
            services
                .lifecycle
                .create_retention_policy(&actor, &name(REPOSITORY), vec![rule(Kept::Newest(1))])
                .await
        }
    };
    assert!(matches!(make(Arc::clone(&bob)).await, Err(Error::RepositoryUnknown(_))));
    let organization = "acme".parse().unwrap();
    registry
        .app
        .organizations
        .put_member(
            &Actor::OPERATOR,
            &organization,
            &"bob".parse().unwrap(),
            longshore_domain::account::OrganizationRole::Member,
        )
        .await
        .unwrap();
    assert!(matches!(make(Arc::clone(&bob)).await, Err(Error::Denied(_))));
    let id = make(alice).await.unwrap().id;
    // A member may look.
    registry.app.lifecycle.get_retention_policy(&bob, &name(REPOSITORY), id).await.unwrap();
    registry.app.lifecycle.dry_run_retention(&bob, &name(REPOSITORY), id).await.unwrap();
    let deleted = registry.app.lifecycle.delete_retention_policy(&bob, &name(REPOSITORY), id).await;
    assert!(matches!(deleted, Err(Error::Denied(_))), "{deleted:?}");
}

#[tokio::test]
async fn nothing_is_deleted_after_the_policy_was() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, REPOSITORY, b"config").await.unwrap();
    let manifest = image(b"config", &[]);
    for number in 0..1000 {
        registry.push_manifest(&alice, REPOSITORY, &format!("t{number:03}"), &manifest).await.unwrap();
    }
    let id = policy(&registry, &alice, &[rule(Kept::Newest(1))]).await;
    let services = Arc::clone(&registry.app);
    let job = tokio::spawn(async move { services.lifecycle.apply_retention().await });
    while tags(&registry, &alice).await.len() == 1000 {
        tokio::task::yield_now().await;
    }
    registry.app.lifecycle.delete_retention_policy(&alice, &name(REPOSITORY), id).await.unwrap();
    let left = tags(&registry, &alice).await.len();
    job.await.unwrap().unwrap();
    assert_eq!(tags(&registry, &alice).await.len(), left);
}
