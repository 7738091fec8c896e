//! The trash: every deletion is undone, by who could make it, until its garbage is collected.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use longshore_content::history::WayBack;
use longshore_content::images::{DeletionMode, DeletionOutcome, DeletionRequest};
use longshore_content::manifests::Condition;
use longshore_content::trash::{NotRestored, Restored, Restoring};
use longshore_domain::access::actor::Actor;
use longshore_domain::account::OrganizationRole;
use longshore_domain::conflict::Conflict;
use longshore_domain::deletion::{DeletedKind, Deletion, DeletionCause, DeletionId, NewDeletion};
use longshore_domain::digest::Digest;
use longshore_domain::event::EventAction;
use longshore_domain::image::{IgnoredWarning, WarningKind};
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::name::{Namespace, Reference, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::policy::{SparseIndexes, UntaggedManifests};
use longshore_domain::ports::metadata::{ContentRoom, LifecycleRoom, ManifestId, Records};
use longshore_domain::repository::RepositoryChange;
use longshore_domain::{Error, Result};
use longshore_lifecycle::gc::GcMode;
use longshore_organizations::user_permissions::{PermissionOf, WantedPermission};
use longshore_testkit::images::{digest_of, image, index};
use longshore_testkit::registry::{TestRegistry, name};

const APP: &str = "acme/app";
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// How long what is deleted can be restored, as it is by default.
const UNDO: Duration = Duration::from_secs(24 * 3600);

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// Pushes an image of its own under some tags, and gives its digest.
async fn push(registry: &TestRegistry, by: &Actor, repository: &str, tags: &[&str], note: &str) -> Digest {
    registry.push_blob(by, repository, note.as_bytes()).await.unwrap();
    let manifest = image(note.as_bytes(), &[]);
    for tag in tags {
        registry.push_manifest(by, repository, tag, &manifest).await.unwrap();
    }
    digest_of(&manifest)
}

async fn pull(registry: &TestRegistry, by: &Actor, repository: &str, reference: &str) -> Result<Digest> {
    let reference: Reference = reference.parse()?;
    registry.app.content.pull_manifest(by, &name(repository), &reference).await.map(|pulled| pulled.digest)
}

async fn list(registry: &TestRegistry, by: &Actor) -> Vec<Deletion> {
    let acme: Namespace = "acme".parse().unwrap();
    registry.app.content.list_deletions(by, &acme, None, None, PageSize::MAX).await.unwrap().items
}

/// The deletion that was made last; the next one is made a second later.
async fn last(registry: &TestRegistry, by: &Actor) -> Deletion {
    registry.clock.advance(SECOND);
    list(registry, by).await.remove(0)
}

async fn undo(registry: &TestRegistry, by: &Actor, id: DeletionId) -> Result<Restored> {
    registry.app.content.undo_deletion(by, id, Restoring::default()).await
}

async fn collect(registry: &TestRegistry) {
    registry.app.lifecycle.run_gc(&Actor::OPERATOR, GcMode::Collect).await.unwrap();
}

fn is_final<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::Conflict(Conflict::DeletionFinal)))
}

#[tokio::test]
async fn a_tag_an_image_and_a_blob_come_back() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    let first = push(&registry, &alice, APP, &["v1", "v2"], "one").await;
    content.delete_tag(&alice, &name(APP), &tag("v1")).await.unwrap();
    let deletion = last(&registry, &alice).await;
    assert_eq!((deletion.tags, deletion.images, deletion.actor_name.as_str()), (1, 0, "alice"));
    let restored = undo(&registry, &alice, deletion.id).await.unwrap();
    assert_eq!((restored.tags, restored.conflicts.len()), (1, 0));
    assert_eq!(pull(&registry, &alice, APP, "v1").await.unwrap(), first);

    content.delete_manifest(&alice, &name(APP), &first).await.unwrap();
    assert!(pull(&registry, &alice, APP, "v2").await.is_err());
    let deletion = last(&registry, &alice).await;
    assert_eq!((deletion.tags, deletion.images), (2, 1));
    let restored = undo(&registry, &alice, deletion.id).await.unwrap();
    assert_eq!((restored.tags, restored.images, restored.present), (2, 1, 0));
    for reference in ["v1", "v2", &first.to_string()] {
        assert_eq!(pull(&registry, &alice, APP, reference).await.unwrap(), first, "{reference}");
    }
    let again = undo(&registry, &alice, deletion.id).await.unwrap();
    assert_eq!((again.tags, again.images, again.present), (0, 0, 3), "again changes nothing");
    assert_eq!(last(&registry, &alice).await.undone.unwrap().1, "alice");

    let orphan = registry.push_blob(&alice, APP, b"orphan").await.unwrap();
    content.delete_blob(&alice, &name(APP), &orphan).await.unwrap();
    assert!(registry.read_blob(&alice, APP, &orphan).await.is_err());
    let restored = undo(&registry, &alice, last(&registry, &alice).await.id).await.unwrap();
    assert_eq!(restored.blobs, 1);
    assert_eq!(registry.read_blob(&alice, APP, &orphan).await.unwrap(), b"orphan");
    // All that is back stays when the time in which it could have been undone is over.
    registry.clock.advance(UNDO + SECOND);
    collect(&registry).await;
    assert_eq!(pull(&registry, &alice, APP, "v1").await.unwrap(), first);
    assert_eq!(registry.read_blob(&alice, APP, &digest_of("one")).await.unwrap(), b"one");
}

#[tokio::test]
async fn many_images_with_an_index_come_back_whole() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let mut digests = Vec::new();
    for number in 0..300 {
        digests
            .push(push(&registry, &alice, APP, &[&format!("t{number}")], &format!("image {number}")).await);
    }
    let (one, two) = (image(b"image 0", &[]), image(b"image 1", &[]));
    let of_both = index(&[&one, &two]);
    let of_both = registry.push_manifest(&alice, APP, "both", &of_both).await.unwrap().digest;
    digests.push(of_both);
    let texts: BTreeSet<String> = digests.iter().map(Digest::to_string).collect();
    let tags =
        (0..300).map(|number| format!("t{number}")).chain(["both".to_owned()]).collect::<BTreeSet<_>>();
    let ignored = texts.iter().flat_map(|digest| {
        [WarningKind::IsActive, WarningKind::CurrentTag].map(|kind| IgnoredWarning {
            digest: digest.clone(),
            kind,
            tags: tags.clone(),
        })
    });
    let request = DeletionRequest {
        ignored: ignored.collect(),
        digests: texts,
        active_from: None,
        mode: DeletionMode::Delete,
    };
    let outcome = registry.app.content.delete_images(&alice, &name(APP), request).await.unwrap();
    assert_eq!(outcome, DeletionOutcome::Deleted { manifests: 301, tags: 301 });
    let deletions = list(&registry, &alice).await;
    assert_eq!(deletions.len(), 1, "however many steps it took");
    assert_eq!((deletions[0].tags, deletions[0].images), (301, 301));
    let restored = undo(&registry, &alice, deletions[0].id).await.unwrap();
    assert_eq!((restored.tags, restored.images, restored.conflicts.len()), (301, 301, 0));
    assert_eq!(pull(&registry, &alice, APP, "both").await.unwrap(), of_both);
    assert_eq!(pull(&registry, &alice, APP, "t299").await.unwrap(), digests[299]);
    let held = registry.app.content.get_held_repository(&alice, &name(APP)).await.unwrap().0;
    assert_eq!((held.counts.tags, held.counts.images), (301, 301), "they are counted again");
}

#[tokio::test]
async fn nothing_is_overwritten_unless_that_is_wanted() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    let first = push(&registry, &alice, APP, &["latest", "v1", "frozen"], "one").await;
    content.delete_manifest(&alice, &name(APP), &first).await.unwrap();
    let deletion = last(&registry, &alice).await;
    let second = push(&registry, &alice, APP, &["latest", "frozen"], "two").await;
    let rules = ImmutableTags::new(true, vec!["^frozen$".into()]).unwrap();
    let change = RepositoryChange { immutable_tags: Some(rules), ..RepositoryChange::default() };
    content.change_repository(&alice, &name(APP), change).await.unwrap();
    let restored = undo(&registry, &alice, deletion.id).await.unwrap();
    assert_eq!((restored.tags, restored.images), (1, 1));
    let elsewhere =
        |text: &str| NotRestored::PointsElsewhere { tag: tag(text), digest: first, present: second };
    assert_eq!(
        restored.conflicts.iter().map(|conflict| format!("{conflict:?}")).collect::<BTreeSet<_>>(),
        ["latest", "frozen"].map(|text| format!("{:?}", elsewhere(text))).into()
    );
    assert_eq!(pull(&registry, &alice, APP, "latest").await.unwrap(), second);
    assert_eq!(pull(&registry, &alice, APP, "v1").await.unwrap(), first);
    let how = Restoring { overwrites: true, name: None };
    let restored = content.undo_deletion(&alice, deletion.id, how).await.unwrap();
    assert_eq!(
        (restored.tags, restored.conflicts),
        (1, vec![elsewhere("frozen")]),
        "what is immutable stays"
    );
    assert_eq!(pull(&registry, &alice, APP, "latest").await.unwrap(), first);
    // A tag whose image went by another deletion says by which.
    content.delete_tag(&alice, &name(APP), &tag("v1")).await.unwrap();
    let of_tag = last(&registry, &alice).await.id;
    registry.clock.advance(SECOND);
    content.delete_manifest(&alice, &name(APP), &first).await.unwrap();
    let of_image = last(&registry, &alice).await.id;
    let restored = undo(&registry, &alice, of_tag).await.unwrap();
    let gone = NotRestored::ImageGone { tag: tag("v1"), digest: first, deletion: Some(of_image) };
    assert_eq!(restored.conflicts, [gone]);
    undo(&registry, &alice, of_image).await.unwrap();
    assert_eq!(undo(&registry, &alice, of_tag).await.unwrap().tags, 1);
}

#[tokio::test]
async fn an_image_that_was_pushed_again_is_not_part_of_the_deletion_any_more() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    let digest = push(&registry, &alice, APP, &["v1"], "one").await;
    content.delete_manifest(&alice, &name(APP), &digest).await.unwrap();
    let first = last(&registry, &alice).await;
    push(&registry, &alice, APP, &["v1"], "one").await;
    registry.clock.advance(SECOND);
    content.delete_manifest(&alice, &name(APP), &digest).await.unwrap();
    let second = last(&registry, &alice).await;
    assert_ne!(first.id, second.id);
    let restored = undo(&registry, &alice, first.id).await.unwrap();
    assert_eq!((restored.images, restored.tags), (0, 0), "another deletion took it");
    assert!(pull(&registry, &alice, APP, "v1").await.is_err());
    assert_eq!(undo(&registry, &alice, second.id).await.unwrap().images, 1);
}

#[tokio::test]
async fn the_window_ends_for_all_of_a_deletion_at_once() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    // A second has passed already.
    for (advance, comes_back) in [(UNDO - 2 * SECOND, true), (UNDO - SECOND, false)] {
        let digest = push(&registry, &alice, APP, &["v1", "v2"], &format!("{comes_back}")).await;
        content.delete_manifest(&alice, &name(APP), &digest).await.unwrap();
        let deletion = last(&registry, &alice).await;
        registry.clock.advance(advance);
        if comes_back {
            collect(&registry).await;
        }
        let undone = undo(&registry, &alice, deletion.id).await;
        collect(&registry).await;
        if comes_back {
            assert_eq!(undone.unwrap().tags, 2);
            assert_eq!(pull(&registry, &alice, APP, "v1").await.unwrap(), digest);
        } else {
            assert!(is_final(&undone), "{undone:?}");
            assert!(pull(&registry, &alice, APP, &digest.to_string()).await.is_err());
        }
    }
    // An owner's collection ends the window before: then nothing of it comes back.
    let kept = push(&registry, &alice, APP, &["a"], "kept").await;
    content.delete_manifest(&alice, &name(APP), &kept).await.unwrap();
    let deletion = last(&registry, &alice).await;
    let images: Records<LifecycleRoom> = registry.app.platform.records();
    images
        .write(deletion.id, |tx, id| {
            Box::pin(async move {
                for item in tx.list_deleted_items(*id, DeletedKind::Image, i64::MAX, PageSize::MAX).await? {
                    tx.purge_manifest(ManifestId(item.subject), Timestamp::UNIX_EPOCH).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    assert!(is_final(&undo(&registry, &alice, deletion.id).await));
}

#[tokio::test]
async fn a_repository_comes_back_with_all_that_was_in_it() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    let digest = push(&registry, &alice, APP, &["v1", "v2"], "one").await;
    content.delete_repository(&alice, &name(APP)).await.unwrap();
    let deletion = last(&registry, &alice).await;
    assert_eq!((deletion.is_whole, deletion.tags, deletion.images), (true, 2, 1));
    assert!(pull(&registry, &alice, APP, "v1").await.is_err());
    // Its name was taken meanwhile.
    let other = push(&registry, &alice, APP, &["v1"], "two").await;
    let taken = undo(&registry, &alice, deletion.id).await;
    assert!(matches!(taken, Err(Error::Exists(_))), "{taken:?}");
    let as_name = |text: &str| Restoring { overwrites: false, name: Some(name(text)) };
    let elsewhere = content.undo_deletion(&alice, deletion.id, as_name("alice/app")).await;
    assert!(matches!(elsewhere, Err(Error::Denied(_))), "{elsewhere:?}");
    let restored = content.undo_deletion(&alice, deletion.id, as_name("acme/old-app")).await.unwrap();
    assert_eq!((restored.repository.as_str(), restored.tags, restored.images), ("acme/old-app", 2, 1));
    assert_eq!(pull(&registry, &alice, "acme/old-app", "v2").await.unwrap(), digest);
    assert_eq!(pull(&registry, &alice, APP, "v1").await.unwrap(), other);
    let found = content.search_repositories(&alice, "old-app", 0, PageSize::MAX).await.unwrap();
    assert_eq!(found.1, 1, "it is found by its new name");
    // When the window has ended there is nothing to bring back.
    content.delete_repository(&alice, &name(APP)).await.unwrap();
    let deletion = last(&registry, &alice).await;
    registry.clock.advance(UNDO);
    assert!(is_final(&undo(&registry, &alice, deletion.id).await));
    collect(&registry).await;
    assert!(is_final(&undo(&registry, &alice, deletion.id).await));
}

#[tokio::test]
async fn what_the_registry_deletes_by_itself_is_undone_too() {
    let registry = TestRegistry::with(|settings| settings.gc.untagged = UntaggedManifests::Collect).await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    let lease = registry.app.platform.settings().gc.lease;
    let digest = push(&registry, &alice, APP, &["v1"], "one").await;
    registry.clock.advance(lease);
    content.delete_tag(&alice, &name(APP), &tag("v1")).await.unwrap();
    let of_tag = last(&registry, &alice).await.id;
    registry.clock.advance(lease.min(UNDO - SECOND));
    collect(&registry).await;
    let deletion = last(&registry, &Actor::OPERATOR).await;
    if lease < UNDO {
        assert_eq!((deletion.cause, deletion.images), (DeletionCause::Untagged, 1));
        // Undoing the deletion of the tag brings its image along.
        let restored = undo(&registry, &alice, of_tag).await.unwrap();
        assert_eq!((restored.tags, restored.images), (1, 1));
        assert_eq!(pull(&registry, &alice, APP, "v1").await.unwrap(), digest);
    }
}

#[tokio::test]
async fn who_could_make_a_deletion_undoes_it() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let bob = registry.sign_in("bob").await;
    let content = &registry.app.content;
    let digest = push(&registry, &alice, APP, &["v1"], "one").await;
    content.delete_manifest(&alice, &name(APP), &digest).await.unwrap();
    let deletion = last(&registry, &alice).await;
    for nobody in [&*bob, &Actor::ANONYMOUS] {
        let undone = undo(&registry, nobody, deletion.id).await;
        assert!(matches!(undone, Err(Error::DeletionUnknown)), "{undone:?}");
    }
    assert!(list(&registry, &bob).await.is_empty());
    let (acme, user) = ("acme".parse().unwrap(), "bob".parse().unwrap());
    registry
        .app
        .organizations
        .put_member(&Actor::OPERATOR, &acme, &user, OrganizationRole::Member)
        .await
        .unwrap();
    let undone = undo(&registry, &bob, deletion.id).await;
    assert!(matches!(undone, Err(Error::Denied(_))), "a member looks: {undone:?}");
    registry
        .app
        .organizations
        .put_member(&Actor::OPERATOR, &acme, &user, OrganizationRole::Editor)
        .await
        .unwrap();
    assert_eq!(list(&registry, &bob).await.len(), 1);
    assert_eq!(undo(&registry, &bob, deletion.id).await.unwrap().images, 1);
    let unknown = undo(&registry, &alice, DeletionId(registry.app.platform.new_uuid())).await;
    assert!(matches!(unknown, Err(Error::DeletionUnknown)), "{unknown:?}");
}

#[tokio::test]
async fn deletions_are_forgotten_some_time_after_they_are_final() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    for number in 0..3 {
        let text = format!("t{number}");
        push(&registry, &alice, APP, &[&text], &text).await;
        registry.app.content.delete_tag(&alice, &name(APP), &tag(&text)).await.unwrap();
    }
    registry.clock.advance(UNDO * 2);
    assert_eq!(registry.app.content.forget_deletions().await.unwrap(), 0);
    assert_eq!(list(&registry, &alice).await.len(), 3, "they are still shown");
    registry.clock.advance(UNDO * 31);
    assert_eq!(registry.app.content.forget_deletions().await.unwrap(), 6, "and what went with them");
    assert!(list(&registry, &alice).await.is_empty());
}

#[tokio::test]
async fn what_was_brought_back_and_deleted_again_is_the_matter_of_that_deletion() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    let digest = push(&registry, &alice, APP, &["v1"], "one").await;
    content.delete_manifest(&alice, &name(APP), &digest).await.unwrap();
    let first = last(&registry, &alice).await.id;
    undo(&registry, &alice, first).await.unwrap();
    registry.clock.advance(SECOND);
    content.delete_manifest(&alice, &name(APP), &digest).await.unwrap();
    let again = undo(&registry, &alice, first).await.unwrap();
    assert_eq!((again.images, again.present, again.deleted_since), (0, 0, 1));
    registry.clock.advance(UNDO + Duration::from_secs(2 * 3600));
    collect(&registry).await;
    let gone = undo(&registry, &alice, first).await;
    assert!(is_final(&gone), "nothing says that it is there: {gone:?}");

    let orphan = registry.push_blob(&alice, APP, b"orphan").await.unwrap();
    content.delete_blob(&alice, &name(APP), &orphan).await.unwrap();
    let of_blob = last(&registry, &alice).await.id;
    assert_eq!(undo(&registry, &alice, of_blob).await.unwrap().blobs, 1);
    registry.clock.advance(SECOND);
    content.delete_blob(&alice, &name(APP), &orphan).await.unwrap();
    assert_eq!(undo(&registry, &alice, of_blob).await.unwrap().deleted_since, 1);
    registry.clock.advance(registry.app.platform.settings().gc.lease.max(UNDO) * 2);
    collect(&registry).await;
    let gone = undo(&registry, &alice, of_blob).await;
    assert!(is_final(&gone), "{gone:?}");
}

#[tokio::test]
async fn a_deletion_belongs_to_its_repository_whatever_that_is_called() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let bob = registry.sign_in("bob").await;
    let content = &registry.app.content;
    let digest = push(&registry, &alice, APP, &["v1", "v2"], "one").await;
    content.delete_tag(&alice, &name(APP), &tag("v1")).await.unwrap();
    let of_tag = last(&registry, &alice).await.id;
    registry.clock.advance(SECOND);
    content.delete_repository(&alice, &name(APP)).await.unwrap();
    let of_repository = last(&registry, &alice).await.id;
    let deleted = undo(&registry, &alice, of_tag).await;
    assert!(matches!(deleted, Err(Error::Conflict(Conflict::RepositoryDeleted))), "{deleted:?}");
    // Who may do anything in another repository of that name has nothing to do with this one.
    push(&registry, &alice, APP, &["v1"], "two").await;
    let of = WantedPermission {
        uuid: registry.app.identity.get_user(&Actor::OPERATOR, &"bob".parse().unwrap()).await.unwrap().uuid,
        name: "bob".parse().unwrap(),
        permission: RepositoryPermission::Admin,
    };
    let (organizations, app) = (&registry.app.organizations, name(APP));
    organizations.grant_permissions(&alice, PermissionOf::Repository(&app), vec![of]).await.unwrap();
    content.delete_tag(&bob, &name(APP), &tag("v1")).await.unwrap();
    let visible = list(&registry, &bob).await;
    assert_eq!(visible.iter().filter(|deletion| [of_tag, of_repository].contains(&deletion.id)).count(), 0);
    assert_eq!(visible.len(), 1, "but its own");
    for id in [of_tag, of_repository] {
        let refused = undo(&registry, &bob, id).await;
        assert!(matches!(refused, Err(Error::DeletionUnknown | Error::Denied(_))), "{refused:?}");
    }
    // Under its new name all goes on.
    let how = Restoring { overwrites: false, name: Some(name("acme/old-app")) };
    content.undo_deletion(&alice, of_repository, how.clone()).await.unwrap();
    let again = content.undo_deletion(&alice, of_repository, how).await.unwrap();
    assert_eq!((again.repository.as_str(), again.present, again.images), ("acme/old-app", 1, 0));
    let restored = undo(&registry, &alice, of_tag).await.unwrap();
    assert_eq!((restored.repository.as_str(), restored.tags), ("acme/old-app", 1));
    assert_eq!(pull(&registry, &alice, "acme/old-app", "v1").await.unwrap(), digest);
    assert!(pull(&registry, &alice, APP, "v1").await.is_err(), "the other one has no part in it");
}

#[tokio::test]
async fn an_index_that_was_pushed_without_its_deleted_image_has_it_when_that_is_back() {
    let registry = TestRegistry::with(|settings| settings.sparse_indexes = SparseIndexes::Accept).await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    for is_pushed_again in [false, true] {
        let note = format!("part {is_pushed_again}");
        let digest = push(&registry, &alice, APP, &["part"], &note).await;
        content.delete_manifest(&alice, &name(APP), &digest).await.unwrap();
        let deletion = last(&registry, &alice).await.id;
        registry
            .push_manifest(&alice, APP, &note.replace(' ', "-"), &index(&[&image(note.as_bytes(), &[])]))
            .await
            .unwrap();
        if is_pushed_again {
            push(&registry, &alice, APP, &["part"], &note).await;
        } else {
            undo(&registry, &alice, deletion).await.unwrap();
        }
        let refused = content.delete_manifest(&alice, &name(APP), &digest).await;
        assert!(matches!(refused, Err(Error::InUse { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_tag_that_went_twice_with_a_deletion_comes_back_as_it_was_last() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let records: Records<ContentRoom> = registry.app.platform.records();
    push(&registry, &alice, APP, &["v1", "other"], "one").await;
    let access = registry.app.content.get_repository(&alice, &name(APP)).await.unwrap();
    let event =
        registry.app.platform.event(&alice, Some(access.namespace_id), EventAction::TagDeleted, APP, []);
    let id = registry.app.platform.new_uuid();
    let deletion = NewDeletion::new(id, access.id, DeletionCause::Request, &event);
    let mut second = None;
    for _ in 0..2 {
        // As somebody does who pushes between two steps.
        second = Some(push(&registry, &alice, APP, &["v1"], "two").await);
        records
            .write(deletion.clone(), |tx, deletion| {
                Box::pin(async move {
                    let held = tx.lock_tags(deletion.repository, &["v1".parse()?]).await?;
                    tx.delete_tags(&held, deletion).await
                })
            })
            .await
            .unwrap();
    }
    let restored = undo(&registry, &alice, deletion.id).await.unwrap();
    assert_eq!((restored.tags, restored.present, restored.conflicts.len()), (1, 0, 0));
    assert_eq!(pull(&registry, &alice, APP, "v1").await.ok(), second);
}

#[tokio::test]
async fn a_tag_goes_back_as_far_as_its_history_reaches() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    let first = push(&registry, &alice, APP, &["v1"], "one").await;
    let two = push(&registry, &alice, APP, &["two"], "two").await;
    let three = push(&registry, &alice, APP, &["three"], "three").await;
    for number in 0..1010 {
        registry.clock.advance(SECOND);
        let digest = if number % 2 == 0 { two } else { three };
        let to = Reference::Digest(digest);
        content.point_tag(&alice, &name(APP), &tag("v1"), &to, Condition::None).await.unwrap();
    }
    let to = WayBack::Digest(first);
    let head = content.roll_back_tag(&alice, &name(APP), &tag("v1"), &to, Condition::None).await.unwrap();
    assert_eq!(head.digest, first);
    assert_eq!(pull(&registry, &alice, APP, "v1").await.unwrap(), first);
}

#[tokio::test]
async fn what_is_ended_is_freed_at_once_and_does_not_come_back() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let content = &registry.app.content;
    push(&registry, &alice, APP, &["stays"], "stays").await;
    let gone = push(&registry, &alice, APP, &["v1"], "gone").await;
    let orphan = registry.push_blob(&alice, APP, b"orphan").await.unwrap();
    push(&registry, &alice, "acme/other", &["v1"], "other").await;
    // Leases keep what was pushed a moment ago.
    registry.clock.advance(2 * UNDO);
    let alice = registry.sign_in_again("alice").await.unwrap();
    content.delete_manifest(&alice, &name(APP), &gone).await.unwrap();
    let of_image = last(&registry, &alice).await;
    content.delete_blob(&alice, &name(APP), &orphan).await.unwrap();
    let of_blob = last(&registry, &alice).await;
    content.delete_repository(&alice, &name("acme/other")).await.unwrap();
    let of_repository = last(&registry, &alice).await;
    collect(&registry).await;
    let before = registry.stored_objects().await.len();
    for deletion in [&of_image, &of_blob, &of_repository] {
        content.end_deletion(&alice, deletion.id).await.unwrap();
        assert!(is_final(&undo(&registry, &alice, deletion.id).await), "{deletion:?}");
        collect(&registry).await;
    }
    let after = registry.stored_objects().await.len();
    assert_eq!((before, after), (4, 1), "what stays");
    // What somebody is bringing back is left alone.
    content.delete_tag(&alice, &name(APP), &tag("stays")).await.unwrap();
    let of_tag = last(&registry, &alice).await;
    undo(&registry, &alice, of_tag.id).await.unwrap();
    let busy = content.end_deletion(&alice, of_tag.id).await;
    assert!(matches!(busy, Err(Error::Conflict(Conflict::DeletionBusy))), "{busy:?}");
    registry.clock.advance(2 * HOUR);
    content.end_deletion(&alice, of_tag.id).await.unwrap();
    content.end_deletion(&alice, of_tag.id).await.unwrap();
    assert!(is_final(&undo(&registry, &alice, of_tag.id).await));
    assert!(pull(&registry, &alice, APP, "stays").await.is_ok());
}
