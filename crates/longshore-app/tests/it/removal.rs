//! Deletion of images with more tags than one transaction takes away, and of organizations with many members.

use std::collections::BTreeSet;

use longshore_content::images::{DeletionMode, DeletionOutcome, DeletionRequest};
use longshore_content::manifests::{Condition, ManifestPush};
use longshore_domain::access::actor::Actor;
use longshore_domain::account::OrganizationRole;
use longshore_domain::event::EventFilter;
use longshore_domain::image::{IgnoredWarning, TagFilter, WarningKind};
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::name::Tag;
use longshore_domain::page::PageSize;
use longshore_domain::repository::RepositoryChange;
use longshore_domain::tag_order::TagOrder;
use longshore_domain::{Error, Result};
use longshore_testkit::images::{digest_of, image};
use longshore_testkit::registry::{PASSWORD, TestRegistry, name};

const APP: &str = "acme/app";

/// Sets tags at an image, fifty with each push.
async fn tag(registry: &TestRegistry, alice: &Actor, manifest: &str, tags: &[String]) -> Result<()> {
    for tags in tags.chunks(50) {
        let push = ManifestPush {
            reference: tags[0].parse()?,
            tags: tags[1..].iter().map(|tag| tag.parse()).collect::<Result<_>>()?,
            media_type: None,
            content: manifest.to_owned().into(),
            condition: Condition::None,
        };
        registry.app.content.push_manifest(alice, &name(APP), push).await?;
    }
    Ok(())
}

async fn list_tags(registry: &TestRegistry, alice: &Actor) -> Vec<Tag> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page =
            registry.app.content.list_tags(alice, &name(APP), after.as_deref(), PageSize::MAX).await.unwrap();
        all.extend(page.items);
        if !page.has_more {
            return all;
        }
        after = all.last().map(Tag::to_string);
    }
}

async fn count_tags(registry: &TestRegistry, alice: &Actor) -> u64 {
    let page = PageSize::clamped(1).unwrap();
    registry
        .app
        .content
        .list_tag_details(alice, &name(APP), TagFilter::default(), TagOrder::NAME, 0, page)
        .await
        .unwrap()
        .2
}

async fn count_events(registry: &TestRegistry, action: &str) -> usize {
    let (mut count, acme) = (0, "acme".parse().unwrap());
    loop {
        let filter = EventFilter { action: Some(action.to_owned()), ..EventFilter::default() };
        let page = registry
            .app
            .identity
            .list_account_events(&Actor::OPERATOR, &acme, filter, count as u64, PageSize::MAX)
            .await
            .unwrap();
        count += page.len();
        if page.is_empty() {
            return count;
        }
    }
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number:05}")).collect()
}

/// distribution/distribution#3525, goharbor/harbor#15807: deletion of an image with many tags.
#[tokio::test]
async fn an_image_with_many_tags_is_deleted_in_steps_and_a_deletion_that_was_cut_off_goes_on() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    for config in [b"{}".as_slice(), b"{\"kept\":1}"] {
        registry.push_blob(&alice, APP, config).await.unwrap();
    }
    let (manifest, kept) = (image(b"{}", &[]), image(b"{\"kept\":1}", &[]));
    tag(&registry, &alice, &manifest, &names("t", 3500)).await.unwrap();
    tag(&registry, &alice, &kept, &names("kept", 3)).await.unwrap();
    assert_eq!(count_tags(&registry, &alice).await, 3503);
    let (services, actor, digest) =
        (std::sync::Arc::clone(&registry.app), std::sync::Arc::clone(&alice), digest_of(&manifest));
    let cut_off =
        tokio::spawn(async move { services.content.delete_manifest(&actor, &name(APP), &digest).await });
    while count_tags(&registry, &alice).await == 3503 {
        tokio::task::yield_now().await;
    }
    cut_off.abort();
    let _ = cut_off.await;
    // What is left is an image with some of its tags, or nothing of it.
    // The step that went on when it was cut off ends by itself.
    let mut left = list_tags(&registry, &alice).await;
    while count_tags(&registry, &alice).await != left.len() as u64 {
        left = list_tags(&registry, &alice).await;
    }
    assert_eq!((3503 - left.len()) % 500, 0, "whole steps");
    let by_digest = digest.to_string().parse().unwrap();
    let is_there = registry.app.content.check_manifest(&alice, &name(APP), &by_digest).await.is_ok();
    assert!(is_there || left.len() == 3);
    if is_there {
        registry.app.content.delete_manifest(&alice, &name(APP), &digest).await.unwrap();
    }
    assert_eq!(list_tags(&registry, &alice).await.len(), 3);
    assert_eq!(count_tags(&registry, &alice).await, 3);
    assert!(registry.app.content.check_manifest(&alice, &name(APP), &by_digest).await.is_err());
    assert_eq!(count_events(&registry, "repo.tag.delete").await, 3500, "each once");
    assert_eq!(count_events(&registry, "repo.manifest.delete").await, 1);
}

#[tokio::test]
async fn an_immutable_tag_behind_a_thousand_others_keeps_all_of_them() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, APP, b"{}").await.unwrap();
    let manifest = image(b"{}", &[]);
    tag(&registry, &alice, &manifest, &names("t", 1200)).await.unwrap();
    tag(&registry, &alice, &manifest, &["v1".to_owned()]).await.unwrap();
    let immutable_tags = Some(ImmutableTags::new(true, vec!["v.*".to_owned()]).unwrap());
    let change = RepositoryChange { immutable_tags, ..RepositoryChange::default() };
    registry.app.content.change_repository(&alice, &name(APP), change).await.unwrap();
    let refused = registry.app.content.delete_manifest(&alice, &name(APP), &digest_of(&manifest)).await;
    assert!(matches!(refused, Err(Error::TagImmutable(_))), "{refused:?}");
    assert_eq!(list_tags(&registry, &alice).await.len(), 1201);
}

#[tokio::test]
async fn many_images_with_many_tags_are_deleted_with_one_request() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let (mut digests, mut ignored) = (BTreeSet::new(), Vec::new());
    for number in 0..25 {
        let config = format!("{{\"n\":{number}}}");
        registry.push_blob(&alice, APP, config.as_bytes()).await.unwrap();
        let manifest = image(config.as_bytes(), &[]);
        let tags = names(&format!("i{number}-"), 50);
        tag(&registry, &alice, &manifest, &tags).await.unwrap();
        let digest = digest_of(&manifest).to_string();
        for kind in [WarningKind::IsActive, WarningKind::CurrentTag] {
            let tags = tags.iter().cloned().collect();
            ignored.push(IgnoredWarning { digest: digest.clone(), kind, tags });
        }
        digests.insert(digest);
    }
    let request =
        |mode, ignored| DeletionRequest { digests: digests.clone(), active_from: None, ignored, mode };
    let delete =
        async |request| registry.app.content.delete_images(&alice, &name(APP), request).await.unwrap();
    let refused = delete(request(DeletionMode::Delete, ignored[..40].to_vec())).await;
    assert!(matches!(refused, DeletionOutcome::Refused { .. }));
    assert_eq!(count_tags(&registry, &alice).await, 1250, "all or none");
    let expected = DeletionOutcome::Deleted { manifests: 25, tags: 1250 };
    assert_eq!(delete(request(DeletionMode::DryRun, ignored.clone())).await, expected);
    assert_eq!(count_tags(&registry, &alice).await, 1250);
    assert_eq!(delete(request(DeletionMode::Delete, ignored)).await, expected);
    assert_eq!(count_tags(&registry, &alice).await, 0);
    assert_eq!(count_events(&registry, "repo.manifest.delete").await, 25);
}

#[tokio::test]
async fn an_organization_with_more_members_than_one_step_is_deleted() {
    let registry = TestRegistry::new().await;
    let operator = Actor::OPERATOR;
    let (crowd, alice) = ("crowd".parse().unwrap(), "alice".parse().unwrap());
    registry.app.organizations.create_organization(&operator, &crowd, &alice).await.unwrap();
    for number in 0..203 {
        let user = format!("member{number}").parse().unwrap();
        registry.app.identity.create_user(&operator, &user, PASSWORD, false).await.unwrap();
        let role = OrganizationRole::Member;
        registry.app.organizations.put_member(&operator, &crowd, &user, role).await.unwrap();
    }
    registry.app.organizations.delete_organization(&operator, &crowd).await.unwrap();
    assert!(registry.app.organizations.get_own_organization(&operator, &crowd).await.is_err());
    // Who was a member only can go, too.
    registry.app.identity.delete_user(&operator, &"member0".parse().unwrap()).await.unwrap();
}
