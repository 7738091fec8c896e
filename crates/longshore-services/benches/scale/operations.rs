//! Every operation whose work grows with rows, at 100,000 of them: what it takes, and the slowest push beside it.
//!
//! `docs/decisions/0019-one-order-of-locks.md` says how each is bounded. Aim: no push waits for more than 250 ms on SQLite.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use longshore_domain::credential::Principal;
use longshore_domain::image::{IgnoredWarning, TagFilter, TagOrder, WarningKind};
use longshore_domain::page::PageSize;
use longshore_domain::repository::Visibility;
use longshore_domain::retention::{Kept, RetentionRule};
use longshore_services::authentication::Caller;
use longshore_services::images::{DeletionMode, DeletionOutcome, DeletionRequest};
use longshore_services::manifests::{Condition, ManifestPush};
use longshore_testkit::images::image;
use longshore_testkit::registry::{PASSWORD, TestRegistry, name};

use super::{REPOSITORY, make};

/// What a push may wait for.
const AIM: Duration = Duration::from_millis(250);

const ONE_MANIFEST: &str = "
INSERT INTO manifests (id, repository_id, digest, media_type, kind, size_bytes, total_size_bytes, pushed_at, lease_until,
        annotations, content)
    SELECT FIRST + n, r.id, 'sha256:' || HEX(n), 'application/vnd.oci.image.manifest.v1+json', 'image', 1000, 1, 1, 1, '{}', CONTENT
    FROM numbers JOIN repositories r ON r.name = 'acme/big' WHERE n <= MANIFESTS;
INSERT INTO images (manifest_id, repository_id, digest, tags, pushed_at, active_at)
    SELECT FIRST + n, r.id, 'sha256:' || HEX(n), ROWS / MANIFESTS, 1, 1
    FROM numbers JOIN repositories r ON r.name = 'acme/big' WHERE n <= MANIFESTS;
INSERT INTO tags (repository_id, name, manifest_id, created_at, updated_at)
    SELECT r.id, 'tag' || n, FIRST + 1 + n % MANIFESTS, 1, n FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO tag_history (repository_id, name, digest, from_at)
    SELECT r.id, 'tag' || n, m.digest, 1 FROM numbers JOIN repositories r ON r.name = 'acme/big'
        JOIN manifests m ON m.id = FIRST + 1 + n % MANIFESTS;
INSERT INTO tag_pulls (repository_id, name, pulls, last_pulled_at)
    SELECT r.id, 'tag' || n, 1, 1 FROM numbers JOIN repositories r ON r.name = 'acme/big';
UPDATE repository_totals SET tags = ROWS, images = MANIFESTS
    WHERE repository_id = (SELECT r.id FROM repositories r WHERE r.name = 'acme/big');
";
const UNUSED_BLOBS: &str = "
INSERT INTO blobs (id, digest, size_bytes, store, storage_key, created_at)
    SELECT FIRST + n, 'sha256:' || HEX(n), 1, 'test', KEY(n), 1 FROM numbers;
INSERT INTO blob_links (repository_id, blob_id, namespace_id, lease_until)
    SELECT r.id, FIRST + n, r.namespace_id, 1 FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO namespace_blobs (namespace_id, blob_id)
    SELECT r.namespace_id, FIRST + n FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO reviews (kind, scope_id, subject_id, due_at)
    SELECT 'link', r.id, FIRST + n, 1 FROM numbers JOIN repositories r ON r.name = 'acme/big';
";
const REFERRERS: &str = "
INSERT INTO manifests (id, repository_id, digest, media_type, kind, size_bytes, total_size_bytes, pushed_at, lease_until,
        deleted_at, annotations, content)
    SELECT FIRST + 1, r.id, 'sha256:' || HEX(1), 'application/vnd.oci.image.manifest.v1+json', 'image', 1000, 1, 1, 1, 1, '{}',
        CONTENT FROM repositories r WHERE r.name = 'acme/big';
INSERT INTO manifests (id, repository_id, digest, media_type, kind, subject_digest, size_bytes, total_size_bytes, pushed_at,
        lease_until, annotations, content)
    SELECT FIRST + 1 + n, r.id, 'sha256:' || HEX(n + 1), 'application/vnd.oci.image.manifest.v1+json', 'image', 'sha256:' || HEX(1),
        1000, 1, 1, 1, '{}', CONTENT FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO reviews (kind, scope_id, subject_id, due_at) VALUES ('manifest', 0, FIRST + 1, 1);
";
const MEMBERS: &str = "
INSERT INTO accounts (id, uuid, kind, name, created_at) SELECT FIRST + n, KEY(n), 'user', 'user' || n, 1 FROM numbers;
INSERT INTO organization_members (organization_id, user_id, role, created_at)
    SELECT a.id, FIRST + n, 'member', 1 FROM numbers JOIN accounts a ON a.name = 'crowd';
INSERT INTO directory_users (organization_id, user_id, uuid, position, user_name, user_name_lower, created_at, updated_at)
    SELECT a.id, FIRST + n, KEY(n), 1000 + n, 'user' || n, 'user' || n, 1, 1 FROM numbers JOIN accounts a ON a.name = 'crowd';
INSERT INTO directory_blocks (organization_id, block, users)
    SELECT organization_id, position / 256, count(*) FROM directory_users WHERE position > 1000
    GROUP BY organization_id, position / 256;
INSERT INTO teams (id, uuid, organization_id, name, description, created_at)
    SELECT FIRST, KEY(1), a.id, 'all', '', 1 FROM accounts a WHERE a.name = 'crowd';
INSERT INTO team_members (team_id, user_id, created_at) SELECT FIRST, FIRST + n, 1 FROM numbers;
";
const TOKENS: &str = "
INSERT INTO refresh_tokens (secret_hash, account_id, credential_epoch, service, created_at)
    SELECT KEY(n), a.id, 0, 's', 1 FROM numbers JOIN accounts a ON a.name = 'bob';
INSERT INTO access_tokens (id, uuid, account_id, label, scope, secret_hash, created_at)
    SELECT FIRST + n, KEY(n), a.id, 'l', 'repo:read', KEY(n), 1 FROM numbers JOIN accounts a ON a.name = 'bob';
";
const RECORDS: &str = "
INSERT INTO events (id, account_id, actor_name, action, subject, data, at)
    SELECT FIRST + n, a.id, 'alice', 'repo.tag.push', 'acme/big', '{}', 1 FROM numbers JOIN accounts a ON a.name = 'acme';
INSERT INTO events_unnumbered (event_id) SELECT FIRST + n FROM numbers;
INSERT INTO usage_changes (namespace_id, kind, amount, at)
    SELECT a.id, 'stored_bytes', 1, 1 FROM numbers JOIN accounts a ON a.name = 'acme';
INSERT INTO repository_changes (repository_id, tags, images, pulls)
    SELECT r.id, 0, 0, 1 FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO refresh_tokens (secret_hash, account_id, credential_epoch, service, created_at)
    SELECT KEY(n), a.id, 0, 's', 1 FROM numbers JOIN accounts a ON a.name = 'bob';
INSERT INTO sign_in_failures (subject, failures, began_at) SELECT 'account a' || n, 1, 1 FROM numbers;
INSERT INTO rate_counts (subject, began_at, ends_at, count) SELECT 's' || n, 1, 1, 1 FROM numbers;
INSERT INTO used_signatures (signature, taken_at, expires_at) SELECT KEY(n), 1, 1 FROM numbers;
INSERT INTO revoked_sessions (id, expires_at) SELECT KEY(n), 1 FROM numbers;
";

/// An operation as it was measured.
struct Row {
    what: &'static str,
    took: Duration,
    slowest_push: Duration,
    pushes: usize,
}

struct Bench {
    registry: Arc<TestRegistry>,
    alice: Arc<Caller>,
}

impl Bench {
    async fn new(rows: u64, manifests: u64, sql: &str) -> Self {
        let registry = TestRegistry::new().await;
        let alice = registry.sign_in("alice").await;
        registry.push_blob(&alice, REPOSITORY, b"{}").await.unwrap();
        registry.push_blob(&alice, "acme/beside", b"{}").await.unwrap();
        let (operator, crowd) = (Principal::Operator, "crowd".parse().unwrap());
        registry.services.create_organization(&operator, &crowd, &"alice".parse().unwrap()).await.unwrap();
        let sql = sql.replace("MANIFESTS", &manifests.to_string()).replace("ROWS", &rows.to_string());
        make(&registry, rows, &sql).await;
        Self { registry: Arc::new(registry), alice }
    }

    /// Does something while another client pushes all the time.
    async fn measure(&self, what: &'static str, work: impl Future<Output = ()>) -> Row {
        let done = Arc::new(AtomicBool::new(false));
        let (registry, alice, stop) =
            (Arc::clone(&self.registry), Arc::clone(&self.alice), Arc::clone(&done));
        let pushing = tokio::spawn(async move {
            let mut all = Vec::new();
            for number in 0.. {
                let manifest = image(b"{}", &[])
                    .replace("\"layers\"", &format!("\"annotations\":{{\"n\":\"{number}\"}},\"layers\""));
                let began_at = Instant::now();
                registry.push_manifest(&alice, "acme/beside", "latest", &manifest).await.unwrap();
                all.push(began_at.elapsed());
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
            all
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let began_at = Instant::now();
        work.await;
        let took = began_at.elapsed();
        done.store(true, Ordering::SeqCst);
        let pushes = pushing.await.unwrap();
        let row =
            Row { what, took, slowest_push: pushes.iter().max().copied().unwrap(), pushes: pushes.len() };
        eprintln!("{what}: {took:.2?}, slowest push {:.1?}", row.slowest_push);
        row
    }
}

fn first_digest() -> longshore_domain::digest::Digest {
    format!("sha256:{:064x}", 1).parse().unwrap()
}

async fn delete_digest(rows: u64) -> Row {
    let bench = Bench::new(rows, 1, ONE_MANIFEST).await;
    let services = &bench.registry.services;
    bench
        .measure("delete a digest with its tags", async {
            services.delete_manifest(&bench.alice, &name(REPOSITORY), &first_digest()).await.unwrap();
        })
        .await
}

async fn delete_images(rows: u64) -> Row {
    let images = 1000.min(rows / 10);
    let bench = Bench::new(rows, images, ONE_MANIFEST).await;
    let digests: BTreeSet<String> = (1..=images).map(|n| format!("sha256:{n:064x}")).collect();
    let tags_of = |image: u64| (0..rows / images).map(move |n| format!("tag{}", n * images + image - 1));
    let ignored = (1..=images).map(|n| IgnoredWarning {
        digest: format!("sha256:{n:064x}"),
        kind: WarningKind::CurrentTag,
        tags: tags_of(n).chain([format!("tag{rows}")]).collect(),
    });
    let request = DeletionRequest {
        digests,
        active_from: Some(Timestamp::from_second(1).unwrap()),
        ignored: ignored.collect(),
        mode: DeletionMode::Delete,
    };
    let services = &bench.registry.services;
    bench
        .measure("delete 1,000 images with their tags", async {
            let done = services.delete_images(&bench.alice, &name(REPOSITORY), request).await.unwrap();
            assert!(matches!(done, DeletionOutcome::Deleted { .. }), "{done:?}");
        })
        .await
}

async fn of_repository(rows: u64) -> Vec<Row> {
    let bench = Bench::new(rows, rows / 10, ONE_MANIFEST).await;
    let (services, repository) = (&bench.registry.services, name(REPOSITORY));
    let mut measured = Vec::new();
    let visible = bench.measure("change a repository's visibility", async {
        services.set_visibility(&bench.alice, &repository, Visibility::Public).await.unwrap();
    });
    measured.push(visible.await);
    let matched = bench.measure("try an immutability rule on its tags", async {
        services.match_tags(&bench.alice, &repository, "nothing-.*").await.unwrap();
    });
    measured.push(matched.await);
    let rules = vec![RetentionRule { kept: Kept::Newest(1), exceptions: Vec::new() }];
    services.create_retention_policy(&bench.alice, &repository, rules).await.unwrap();
    let retired = bench.measure("apply a retention policy that keeps one tag", async {
        services.apply_retention().await.unwrap();
    });
    measured.push(retired.await);
    let deleted = bench.measure("delete a repository", async {
        services.delete_repository(&bench.alice, &repository).await.unwrap();
    });
    measured.push(deleted.await);
    bench.registry.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let purged = bench.measure("purge it (manifests, history, pulls, log)", async {
        services.collect_garbage().await.unwrap();
    });
    measured.push(purged.await);
    measured
}

async fn collect(rows: u64, what: &'static str, sql: &str) -> Row {
    let bench = Bench::new(rows, 1, sql).await;
    let services = &bench.registry.services;
    bench
        .measure(what, async {
            services.collect_garbage().await.unwrap();
        })
        .await
}

async fn of_members(rows: u64) -> Vec<Row> {
    let bench = Bench::new(rows, 1, MEMBERS).await;
    let services = &bench.registry.services;
    let (operator, crowd) = (Principal::Operator, "crowd".parse().unwrap());
    let mut measured = Vec::new();
    let team = bench.measure("delete a team with its members", async {
        services.delete_team(&bench.alice.principal, &crowd, &"all".parse().unwrap()).await.unwrap();
    });
    measured.push(team.await);
    let organization = bench.measure("delete an organization with its members", async {
        services.delete_organization(&operator, &crowd).await.unwrap();
    });
    measured.push(organization.await);
    measured
}

async fn of_tokens(rows: u64) -> Vec<Row> {
    let bench = Bench::new(rows, 1, TOKENS).await;
    let services = &bench.registry.services;
    let (operator, bob) = (Principal::Operator, "bob".parse().unwrap());
    let mut measured = Vec::new();
    let password = bench.measure("set a password (refresh tokens end)", async {
        services.set_password(&operator, &bob, PASSWORD).await.unwrap();
    });
    measured.push(password.await);
    let user = bench.measure("delete a user (access tokens end)", async {
        services.delete_user(&operator, &bob).await.unwrap();
    });
    measured.push(user.await);
    measured
}

async fn fold(rows: u64) -> Row {
    let bench = Bench::new(rows, 1, RECORDS).await;
    bench.registry.clock.advance(Duration::from_secs(400 * 24 * 3600));
    let services = &bench.registry.services;
    bench
        .measure("number events, fold counts, forget what expired", async {
            services.fold_records().await.unwrap();
        })
        .await
}

/// Measures the first page of the Hub's list of tags before a burst of moves and at once after it.
async fn burst(rows: u64) {
    let bench = Bench::new(rows, 2, ONE_MANIFEST).await;
    let (services, repository) = (&bench.registry.services, name(REPOSITORY));
    let page = async || {
        let mut all = Vec::new();
        for _ in 0..50 {
            let began_at = Instant::now();
            let size = PageSize::clamped(100).unwrap();
            services
                .list_tag_details(&bench.alice, &repository, TagFilter::default(), TagOrder::Newest, 0, size)
                .await
                .unwrap();
            all.push(began_at.elapsed());
        }
        all.sort();
        all[25]
    };
    let before = page().await;
    let manifests = [1, 2].map(|n| {
        image(b"{}", &[]).replace("\"layers\"", &format!("\"annotations\":{{\"n\":\"{n}\"}},\"layers\""))
    });
    let began_at = Instant::now();
    let mut moves = 0;
    while moves < rows * 10 {
        let number = moves / 50;
        let tags: Vec<longshore_domain::name::Tag> =
            (0..50).map(|n| format!("tag{}", (number * 50 + n) % rows + 1).parse().unwrap()).collect();
        let push = ManifestPush {
            reference: longshore_domain::name::Reference::Tag(tags[0].clone()),
            tags,
            media_type: None,
            content: manifests[usize::try_from(number / (rows / 50) % 2).unwrap()].clone().into(),
            condition: Condition::None,
        };
        services.push_manifest(&bench.alice, &repository, push).await.unwrap();
        moves += 50;
    }
    let took = began_at.elapsed();
    let after = page().await;
    services.fold_records().await.unwrap();
    println!(
        "\nHub's first page of tags: {before:.1?} before {moves} moves (in {took:.1?}), {after:.1?} at once after, {:.1?} at rest",
        page().await
    );
}

/// Measures everything and prints a table.
pub async fn run(rows: u64) {
    let mut measured = vec![delete_digest(rows).await, delete_images(rows).await];
    measured.extend(of_repository(rows).await);
    measured.push(collect(rows, "collect blobs that nothing needs", UNUSED_BLOBS).await);
    measured.push(collect(rows, "purge a manifest with referrers", REFERRERS).await);
    measured.extend(of_members(rows).await);
    measured.extend(of_tokens(rows).await);
    measured.push(fold(rows).await);
    println!("\n{rows} rows; pushes of a tagged manifest beside each, one after the other; aim {AIM:?}");
    println!("{:<50} {:>10} {:>14} {:>8}", "", "took", "slowest push", "pushes");
    for Row { what, took, slowest_push, pushes } in &measured {
        let mark = if *slowest_push > AIM { "  over" } else { "" };
        println!("{what:<50} {took:>10.1?} {slowest_push:>14.1?} {pushes:>8}{mark}");
    }
    burst(rows).await;
}
