use std::time::Duration;

use longshore_content::usage::{Frequency, Reported};
use longshore_testkit::images::{digest_of, image};
use longshore_testkit::registry::{TestRegistry, name};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn reports_tell_what_was_stored_and_sent_day_by_day() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let push = async |tag: &'static str, size: usize| {
        let config = vec![b'c'; size];
        registry.push_blob(&alice, "acme/app", &config).await.unwrap();
        registry.push_manifest(&alice, "acme/app", tag, &image(&config, &[])).await.unwrap();
        registry.app.do_housekeeping().await.unwrap();
    };
    push("v1", 1000).await;
    registry.clock.advance(DAY * 2);
    push("v2", 500).await;
    let tag = longshore_domain::name::Reference::Tag("v1".parse().unwrap());
    registry.app.content.pull_manifest(&alice, &name("acme/app"), &tag).await.unwrap();
    registry.app.content.record_pulls().await.unwrap();
    registry.clock.advance(DAY);
    let report = async |reported, frequency| {
        let report = registry.app.content.report_usage(&alice, reported, frequency).await.unwrap();
        report.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>()
    };
    let stored = report(Reported::Stored, Frequency::Daily).await;
    assert_eq!(stored.len(), 30);
    let manifest = image(&vec![b'c'; 1000], &[]).len() as u64;
    let second = image(&vec![b'c'; 500], &[]).len() as u64;
    let (first, both) = (1000 + manifest, 1500 + manifest + second);
    assert_eq!(stored[25..], [0, first, first, both, both]);
    let sent = report(Reported::Sent, Frequency::Daily).await;
    assert_eq!(sent[26..], [0, 0, manifest, 0]);
    let months = report(Reported::Sent, Frequency::Monthly).await;
    assert_eq!((months.len(), months.iter().sum::<u64>()), (12, manifest));
    let overview = registry.app.content.get_overview(&alice).await.unwrap();
    assert_eq!((overview.namespaces, overview.repositories, overview.tags), (2, 1, 2));
    assert_eq!((overview.stored_bytes, overview.account.name.as_str()), (both, "alice"));
    // Somebody else has nothing.
    let bob = registry.sign_in("bob").await;
    let overview = registry.app.content.get_overview(&bob).await.unwrap();
    assert_eq!((overview.namespaces, overview.repositories, overview.stored_bytes), (1, 0, 0));
    // What is old is forgotten but for the last that is known.
    registry.clock.advance(DAY * 500);
    registry.app.do_housekeeping().await.unwrap();
    assert_eq!(report(Reported::Stored, Frequency::Monthly).await, [both; 12]);
}

#[tokio::test]
async fn a_repository_stores_each_layer_once_until_it_is_collected() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let (content, since) = (&registry.app.content, registry.app.platform.now());
    let usage = async |repository: &str, since| {
        content.get_repository_usage(&alice, &name(repository), since).await.unwrap()
    };
    // A base of 1,000 bytes under two images of one repository and one of another; configurations are as long as they say.
    let base = vec![b'b'; 1000];
    for (repository, tag, size) in [("acme/app", "v1", 10), ("acme/app", "v2", 20), ("acme/other", "v1", 30)]
    {
        let config = vec![b'0' + size; usize::from(size)];
        registry.push_blob(&alice, repository, &config).await.unwrap();
        registry.push_blob(&alice, repository, &base).await.unwrap();
        registry.push_manifest(&alice, repository, tag, &image(&config, &[&base])).await.unwrap();
    }
    // The same again adds nothing.
    registry.push_blob(&alice, "acme/app", &base).await.unwrap();
    let of_app = usage("acme/app", since).await;
    assert_eq!((of_app.counts.stored_bytes, of_app.counts.bytes), (1030, 2030));
    assert_eq!((of_app.only_here_bytes, of_app.inactive), (Some(30), 0));
    assert_eq!(usage("acme/other", since).await.counts.stored_bytes, 1030);
    registry.clock.advance(DAY);
    assert_eq!(usage("acme/app", registry.app.platform.now()).await.inactive, 2);
    registry.app.do_housekeeping().await.unwrap();
    assert_eq!(usage("acme/app", since).await.counts.stored_bytes, 1030, "also when it is added up");
    // What can be brought back is stored; then it is not.
    content
        .delete_manifest(&alice, &name("acme/other"), &digest_of(image(&[b'0' + 30; 30], &[&base])))
        .await
        .unwrap();
    assert_eq!(usage("acme/other", since).await.counts.stored_bytes, 1030);
    for _ in 0..5 {
        registry.clock.advance(DAY * 2);
        registry.app.lifecycle.collect_garbage().await.unwrap();
    }
    assert_eq!(usage("acme/other", since).await.counts.stored_bytes, 0);
    let of_app = usage("acme/app", since).await;
    assert_eq!((of_app.counts.stored_bytes, of_app.only_here_bytes), (1030, Some(1030)));
}
