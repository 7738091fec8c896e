//! Deletions of more than one request takes: a job deletes what was planned and nothing else, as one deletion.

use longshore_app::bulk_deletions::Deleted;
use longshore_content::planning::Selection;
use longshore_content::trash::Restoring;
use longshore_domain::Error;
use longshore_domain::access::actor::Actor;
use longshore_domain::deletion::DeletionId;
use longshore_domain::image::ImageFilter;
use longshore_domain::job::JobState;
use longshore_domain::name::Tag;
use longshore_domain::page::PageSize;
use longshore_identity::accounts::AccountChange;
use longshore_testkit::images::{image, index};
use longshore_testkit::registry::{TestRegistry, name};
use serde_json::Value;

const REPOSITORY: &str = "alice/app";
/// More images than one request deletes.
const IMAGES: usize = 1010;

fn all() -> Selection {
    let filter = ImageFilter { active_from: jiff::Timestamp::MIN, status: None, is_tagged: None };
    Selection { filter: Some(filter), ..Selection::default() }
}

/// A manifest of its own, of the one configuration that all have.
fn numbered(number: usize) -> String {
    image(b"config", &[]).replacen('{', &format!("{{\"annotations\":{{\"number\":\"{number}\"}},"), 1)
}

async fn fill(registry: &TestRegistry, alice: &Actor) {
    registry.push_blob(alice, REPOSITORY, b"config").await.unwrap();
    for number in 0..IMAGES {
        registry.push_manifest(alice, REPOSITORY, &format!("t{number}"), &numbered(number)).await.unwrap();
    }
    let (first, last) = (numbered(0), numbered(IMAGES - 1));
    registry
        .push_manifest(alice, REPOSITORY, "index", &index(&[first.as_str(), last.as_str()]))
        .await
        .unwrap();
}

async fn tags(registry: &TestRegistry, alice: &Actor) -> Vec<Tag> {
    let content = &registry.app.content;
    let (mut all, mut after) = (Vec::new(), None::<Tag>);
    loop {
        let behind = after.as_ref().map(Tag::as_str);
        let page = content.list_tags(alice, &name(REPOSITORY), behind, PageSize::MAX).await.unwrap();
        after = page.items.last().cloned();
        all.extend(page.items);
        if !page.has_more {
            return all;
        }
    }
}

#[tokio::test]
async fn what_is_too_much_for_a_request_a_job_deletes_and_one_undo_brings_back() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    let (app, repository) = (&registry.app, name(REPOSITORY));
    fill(&registry, &alice).await;
    let (preview, deleted) = app.delete_selected(&alice, &repository, all(), None).await.unwrap();
    assert_eq!((preview.images.len(), preview.tags.len()), (IMAGES + 1, IMAGES + 1));
    let Deleted::Later(job) = deleted else { panic!("{deleted:?}") };
    assert_eq!(tags(&registry, &alice).await.len(), IMAGES + 1, "nothing is done in the request");
    // Whoever asked for it watches it, and nobody else but the operator.
    assert_eq!(app.get_job(&alice, job.id).await.unwrap().state, JobState::Waiting);
    assert!(matches!(app.get_job(&bob, job.id).await, Err(Error::JobUnknown)));
    assert!(matches!(app.cancel_job(&bob, job.id).await, Err(Error::JobUnknown)));
    app.get_job(&Actor::OPERATOR, job.id).await.unwrap();
    // What comes meanwhile is not touched, nor what it needs.
    registry.push_manifest(&alice, REPOSITORY, "kept", &numbered(7)).await.unwrap();
    registry.push_manifest(&alice, REPOSITORY, "new", &numbered(IMAGES)).await.unwrap();
    app.platform.do_due_work(&app.job_workers()).await.unwrap();
    let done = app.get_job(&alice, job.id).await.unwrap();
    assert_eq!((done.state, done.error), (JobState::Done, None));
    let result: Value = serde_json::from_str(&done.result.unwrap()).unwrap();
    assert_eq!((&result["images"], &result["stayed"]), (&IMAGES.into(), &1.into()), "{result}");
    let left: Vec<String> = tags(&registry, &alice).await.iter().map(Tag::to_string).collect();
    assert_eq!(left, ["kept", "new", "t7"]);
    // All of it is one deletion.
    let id: DeletionId = result["deletion"].as_str().unwrap().parse().unwrap();
    let mut restored = (0, 0);
    loop {
        let back = app.content.undo_deletion(&alice, id, Restoring::default()).await.unwrap();
        restored = (restored.0 + back.images, restored.1 + back.tags);
        if back.images == 0 {
            break;
        }
    }
    assert_eq!(restored, (IMAGES as u64, IMAGES as u64));
    assert_eq!(tags(&registry, &alice).await.len(), IMAGES + 3);
    // What the account may do is asked when it is done.
    let (_, deleted) = app.delete_selected(&alice, &repository, all(), None).await.unwrap();
    let Deleted::Later(job) = deleted else { panic!("{deleted:?}") };
    let change = AccountChange::active(false);
    let who = "alice".parse().unwrap();
    app.identity.change_account(&Actor::OPERATOR, None, &who, change).await.unwrap();
    app.platform.do_due_work(&app.job_workers()).await.unwrap();
    let ended = app.get_job(&Actor::OPERATOR, job.id).await.unwrap();
    assert_eq!(ended.state, JobState::Failed, "{ended:?}");
    assert_eq!(tags(&registry, &Actor::OPERATOR).await.len(), IMAGES + 3);
}
