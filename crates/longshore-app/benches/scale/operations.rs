//! Every operation whose work grows with rows, at 100,000 of them: what it takes, and the slowest push beside it.
//!
//! `docs/decisions/0019-one-order-of-locks.md` says how each is bounded. Aim: no push waits for more than 250 ms on SQLite.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use longshore_content::images::{DeletionMode, DeletionOutcome, DeletionRequest};
use longshore_content::manifests::{Condition, ManifestPush};
use longshore_content::trash::Restoring;
use longshore_domain::access::actor::Actor;
use longshore_domain::directory::{DirectoryChange, GroupChange, MemberChange};
use longshore_domain::gc_run::{RunKind, RunStatus};
use longshore_domain::image::{IgnoredWarning, TagFilter, WarningKind};
use longshore_domain::name::{Reference, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::repository::Visibility;
use longshore_domain::retention::{Kept, RetentionRule};
use longshore_domain::share::ShareTerms;
use longshore_domain::tag_order::TagOrder;
use longshore_testkit::images::image;
use longshore_testkit::registry::{PASSWORD, TestRegistry, name};
use uuid::Uuid;

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
INSERT INTO repositories (id, namespace_id, name, visibility, created_at)
    SELECT FIRST + n, a.id, 'acme/r' || n, 'private', 1 FROM numbers JOIN accounts a ON a.name = 'acme';
INSERT INTO team_permissions (team_id, repository_id, permission) SELECT FIRST, FIRST + n, 'read' FROM numbers;
INSERT INTO teams (id, uuid, organization_id, name, description, created_at)
    SELECT FIRST + n, KEY(n + 1), a.id, 'team' || n, '', 1 FROM numbers JOIN accounts a ON a.name = 'crowd' WHERE n <= 5000;
INSERT INTO team_members (team_id, user_id, created_at) SELECT FIRST + n, FIRST + 1, 1 FROM numbers WHERE n <= 5000;
";
const USER: &str = "
INSERT INTO repositories (id, namespace_id, name, visibility, created_at)
    SELECT FIRST + n, a.id, 'acme/r' || n, 'private', 1 FROM numbers JOIN accounts a ON a.name = 'acme';
INSERT INTO repository_users (repository_id, user_id, permission, created_at)
    SELECT FIRST + n, a.id, 'read', 1 FROM numbers JOIN accounts a ON a.name = 'bob';
INSERT INTO repository_shares (repository_id, account_id, description, created_at, updated_at)
    SELECT FIRST + n, a.id, '', 1, 1 FROM numbers JOIN accounts a ON a.name = 'bob';
";
const ONE_OF_MANY: &str = "
INSERT INTO accounts (id, uuid, kind, name, created_at) SELECT FIRST + n, KEY(n), 'user', 'user' || n, 1 FROM numbers;
INSERT INTO repository_users (repository_id, user_id, permission, created_at)
    SELECT r.id, FIRST + n, 'read', 1 FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO repository_shares (repository_id, account_id, description, created_at, updated_at)
    SELECT r.id, FIRST + n, '', 1, 1 FROM numbers JOIN repositories r ON r.name = 'acme/big' WHERE n < 500;
";
/// In a registry of its own, for a collection run and for its deletion.
const UNTAGGED: &str = "
INSERT INTO manifests (id, repository_id, digest, media_type, kind, size_bytes, total_size_bytes, pushed_at, lease_until,
        annotations, content)
    SELECT FIRST + n, r.id, 'sha256:' || HEX(n), 'application/vnd.oci.image.manifest.v1+json', 'image', 1000, 1, 1, 1, '{}', CONTENT
    FROM numbers JOIN repositories r ON r.name = 'acme/big' WHERE n <= ROWS / 10;
INSERT INTO blobs (id, digest, size_bytes, store, storage_key, created_at)
    SELECT FIRST + n, 'sha256:' || HEX(n), 1, 'test', KEY(n), 1 FROM numbers;
INSERT INTO blob_links (repository_id, blob_id, namespace_id, lease_until)
    SELECT r.id, FIRST + n, r.namespace_id, 1 FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO namespace_blobs (namespace_id, blob_id)
    SELECT r.namespace_id, FIRST + n FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO reviews (kind, scope_id, subject_id, due_at)
    SELECT 'link', r.id, FIRST + n, 1 FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO registries (namespace_id, owner_id, region, created_at, write_tokens_until)
    SELECT r.namespace_id, a.id, 'local', 1, 1 FROM repositories r JOIN accounts a ON a.name = 'alice' WHERE r.name = 'acme/big';
INSERT INTO subscriptions (owner_id, tier, created_at, updated_at) SELECT a.id, 'professional', 1, 1 FROM accounts a WHERE a.name = 'alice';
INSERT INTO repositories (id, namespace_id, name, visibility, created_at)
    SELECT FIRST + n, a.id, 'acme/r' || n, 'private', 1 FROM numbers JOIN accounts a ON a.name = 'acme';
INSERT INTO repository_totals (repository_id, namespace_id, tags, images, pulls, updated_at)
    SELECT FIRST + n, a.id, 0, 0, 0, 1 FROM numbers JOIN accounts a ON a.name = 'acme';
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
    alice: Arc<Actor>,
}

impl Bench {
    async fn new(rows: u64, manifests: u64, sql: &str) -> Self {
        let registry = TestRegistry::with(|settings| {
            settings.audit_retention = Some(Duration::from_secs(365 * 24 * 3600));
        })
        .await;
        let alice = registry.sign_in("alice").await;
        registry.push_blob(&alice, REPOSITORY, b"{}").await.unwrap();
        registry.push_blob(&alice, "alice/beside", b"{}").await.unwrap();
        let (operator, crowd) = (Actor::OPERATOR, "crowd".parse().unwrap());
        registry
            .app
            .organizations
            .create_organization(&operator, &crowd, &"alice".parse().unwrap())
            .await
            .unwrap();
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
                let manifest = of_number(number);
                let began_at = Instant::now();
                registry.push_manifest(&alice, "alice/beside", "latest", &manifest).await.unwrap();
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
    let services = &bench.registry.app;
    bench
        .measure("delete a digest with its tags", async {
            services.content.delete_manifest(&bench.alice, &name(REPOSITORY), &first_digest()).await.unwrap();
        })
        .await
}

async fn delete_images(rows: u64) -> Vec<Row> {
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
    let services = &bench.registry.app;
    let deleted = bench.measure("delete 1,000 images with their tags", async {
        let done = services.content.delete_images(&bench.alice, &name(REPOSITORY), request).await.unwrap();
        assert!(matches!(done, DeletionOutcome::Deleted { .. }), "{done:?}");
    });
    let deleted = deleted.await;
    let (acme, one) = ("acme".parse().unwrap(), PageSize::clamped(1).unwrap());
    let undone = bench.measure("undo that", async {
        let found = services.content.list_deletions(&bench.alice, &acme, None, None, one).await.unwrap();
        let id = found.items[0].id;
        let restored = services.content.undo_deletion(&bench.alice, id, Restoring::default()).await.unwrap();
        assert_eq!(restored.images, images, "{restored:?}");
    });
    vec![deleted, undone.await]
}

async fn of_repository(rows: u64) -> Vec<Row> {
    let bench = Bench::new(rows, rows / 10, ONE_MANIFEST).await;
    let (services, repository) = (&bench.registry.app, name(REPOSITORY));
    let mut measured = Vec::new();
    let visible = bench.measure("change a repository's visibility", async {
        services.content.set_visibility(&bench.alice, &repository, Visibility::Public).await.unwrap();
    });
    measured.push(visible.await);
    let matched = bench.measure("try an immutability rule on its tags", async {
        services.content.match_tags(&bench.alice, &repository, "nothing-.*").await.unwrap();
    });
    measured.push(matched.await);
    let rules = vec![RetentionRule { kept: Kept::Newest(1), exceptions: Vec::new() }];
    services.lifecycle.create_retention_policy(&bench.alice, &repository, rules).await.unwrap();
    let retired = bench.measure("apply a retention policy that keeps one tag", async {
        services.lifecycle.apply_retention().await.unwrap();
    });
    measured.push(retired.await);
    let deleted = bench.measure("delete a repository", async {
        services.content.delete_repository(&bench.alice, &repository).await.unwrap();
    });
    measured.push(deleted.await);
    bench.registry.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let purged = bench.measure("purge it (manifests, history, pulls, log)", async {
        services.lifecycle.collect_garbage().await.unwrap();
    });
    measured.push(purged.await);
    measured
}

async fn collect(rows: u64, what: &'static str, sql: &str) -> Row {
    let bench = Bench::new(rows, 1, sql).await;
    let services = &bench.registry.app;
    bench
        .measure(what, async {
            services.lifecycle.collect_garbage().await.unwrap();
        })
        .await
}

async fn of_members(rows: u64) -> Vec<Row> {
    let bench = Bench::new(rows, 1, MEMBERS).await;
    let services = &bench.registry.app;
    let (operator, crowd) = (Actor::OPERATOR, "crowd".parse().unwrap());
    let mut measured = Vec::new();
    let token = services.identity.create_scim_token(&operator, &crowd, "bench", None).await.unwrap();
    let provisioner = services.identity.authenticate_provisioner(token.1.expose()).await.unwrap();
    let count = (rows / 10).min(10_000);
    let users = |from: u64| (from + 1..=from + count).map(|n| Uuid::from_u128(u128::from(n))).collect();
    let change = |members| GroupChange {
        display_name: Some("bench".into()),
        members: vec![MemberChange::Replace(members)],
        ..GroupChange::default()
    };
    let mut group = None;
    let created = bench.measure("SCIM: create a group of 10,000", async {
        group = Some(
            services.organizations.create_directory_group(&provisioner, change(users(0))).await.unwrap(),
        );
    });
    measured.push(created.await);
    let group = group.unwrap();
    let replaced = bench.measure("SCIM: replace its members by 10,000 others", async {
        services
            .organizations
            .change_directory_group(&provisioner, group.uuid, change(users(count)), None)
            .await
            .unwrap();
    });
    measured.push(replaced.await);
    let deleted = bench.measure("SCIM: delete it", async {
        services.organizations.delete_directory_group(&provisioner, group.uuid, None).await.unwrap();
    });
    measured.push(deleted.await);
    let gone = bench.measure("SCIM: a user of 5,000 teams is deactivated", async {
        let change = DirectoryChange { is_active: Some(false), ..DirectoryChange::default() };
        services
            .organizations
            .change_directory_user(&provisioner, Uuid::from_u128(1), change, None)
            .await
            .unwrap();
    });
    measured.push(gone.await);
    let back = bench.measure("SCIM: and comes back", async {
        let change = DirectoryChange { is_active: Some(true), ..DirectoryChange::default() };
        services
            .organizations
            .change_directory_user(&provisioner, Uuid::from_u128(1), change, None)
            .await
            .unwrap();
    });
    measured.push(back.await);
    let deleted = bench.measure("SCIM: and is deleted", async {
        services.organizations.delete_directory_user(&provisioner, Uuid::from_u128(1), None).await.unwrap();
    });
    measured.push(deleted.await);
    let team = bench.measure("delete a team with members and repositories", async {
        services.organizations.delete_team(&bench.alice, &crowd, &"all".parse().unwrap()).await.unwrap();
    });
    measured.push(team.await);
    let organization = bench.measure("delete an organization with its members", async {
        services.organizations.delete_organization(&operator, &crowd).await.unwrap();
    });
    measured.push(organization.await);
    measured
}

async fn of_user(rows: u64) -> Row {
    let bench = Bench::new(rows, 1, USER).await;
    let services = &bench.registry.app;
    bench
        .measure("delete a user with permissions and shares", async {
            services.identity.delete_user(&Actor::OPERATOR, &"bob".parse().unwrap()).await.unwrap();
        })
        .await
}

async fn of_one_repository(rows: u64) -> Vec<Row> {
    let bench = Bench::new(rows, 1, ONE_OF_MANY).await;
    let (services, repository) = (&bench.registry.app, name(REPOSITORY));
    let mut measured = Vec::new();
    let shared = bench.measure("share a repository, and end that", async {
        let (alice, bob) = (&bench.alice, "bob".parse().unwrap());
        services
            .organizations
            .create_share(
                alice,
                &repository,
                &bob,
                ShareTerms { expires_at: None, description: String::new() },
            )
            .await
            .unwrap();
        services.organizations.delete_share(alice, &repository, &bob).await.unwrap();
    });
    measured.push(shared.await);
    services.content.delete_repository(&bench.alice, &repository).await.unwrap();
    bench.registry.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let purged = bench.measure("purge a repository with permissions of users", async {
        services.lifecycle.collect_garbage().await.unwrap();
    });
    measured.push(purged.await);
    measured
}

async fn of_registry(rows: u64) -> Vec<Row> {
    let bench = Bench::new(rows, 1, UNTAGGED).await;
    let (services, acme) = (&bench.registry.app, "acme".parse().unwrap());
    bench.registry.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let mut measured = Vec::new();
    services.lifecycle.start_gc_run(&bench.alice, &acme, RunKind::Both).await.unwrap();
    let run = bench.measure("a collection run of an owner", async {
        services.lifecycle.advance_gc_runs().await.unwrap();
    });
    measured.push(run.await);
    let runs = services.lifecycle.list_gc_runs(&Actor::OPERATOR, &acme, 0, PageSize::MAX).await.unwrap();
    let run = &runs.0[0];
    assert!(run.status == RunStatus::Succeeded && run.blobs_deleted >= rows, "{run:?}");
    let deleted = bench.measure("delete a registry with its repositories", async {
        services.lifecycle.delete_registry(&bench.alice, &acme).await.unwrap();
    });
    measured.push(deleted.await);
    measured
}

/// Pushes of 50 tags each, beside pushes of one.
async fn of_pushes(rows: u64) -> Row {
    let bench = Bench::new(rows, 2, ONE_MANIFEST).await;
    bench
        .measure("200 pushes of 50 tags", async {
            for number in 0..200 {
                push_tags(&bench, number, rows, &of_number(number % 2)).await;
            }
        })
        .await
}

fn of_number(number: u64) -> String {
    image(b"{}", &[]).replace("\"layers\"", &format!("\"annotations\":{{\"n\":\"{number}\"}},\"layers\""))
}

/// Moves the next 50 of all tags.
async fn push_tags(bench: &Bench, number: u64, rows: u64, manifest: &str) {
    let tags: Vec<Tag> =
        (0..50).map(|n| format!("tag{}", (number * 50 + n) % rows + 1).parse().unwrap()).collect();
    let push = ManifestPush {
        reference: Reference::Tag(tags[0].clone()),
        tags,
        media_type: None,
        content: manifest.to_owned().into(),
        condition: Condition::None,
    };
    bench.registry.app.content.push_manifest(&bench.alice, &name(REPOSITORY), push).await.unwrap();
}

async fn of_tokens(rows: u64) -> Vec<Row> {
    let bench = Bench::new(rows, 1, TOKENS).await;
    let services = &bench.registry.app;
    let (operator, bob) = (Actor::OPERATOR, "bob".parse().unwrap());
    let mut measured = Vec::new();
    let password = bench.measure("set a password (refresh tokens end)", async {
        services.identity.set_password(&operator, &bob, PASSWORD).await.unwrap();
    });
    measured.push(password.await);
    let user = bench.measure("delete a user (access tokens end)", async {
        services.identity.delete_user(&operator, &bob).await.unwrap();
    });
    measured.push(user.await);
    measured
}

async fn fold(rows: u64) -> Row {
    let bench = Bench::new(rows, 1, RECORDS).await;
    bench.registry.clock.advance(Duration::from_secs(400 * 24 * 3600));
    let services = &bench.registry.app;
    bench
        .measure("number events, fold counts, forget what expired", async {
            services.do_housekeeping().await.unwrap();
        })
        .await
}

/// Measures the first page of the Hub's list of tags before a burst of moves and at once after it.
async fn burst(rows: u64) {
    let bench = Bench::new(rows, 2, ONE_MANIFEST).await;
    let (services, repository) = (&bench.registry.app, name(REPOSITORY));
    let page = async || {
        let mut all = Vec::new();
        for _ in 0..50 {
            let began_at = Instant::now();
            let size = PageSize::clamped(100).unwrap();
            services
                .content
                .list_tag_details(&bench.alice, &repository, TagFilter::default(), TagOrder::NEWEST, 0, size)
                .await
                .unwrap();
            all.push(began_at.elapsed());
        }
        all.sort();
        all[25]
    };
    let before = page().await;
    let manifests = [1, 2].map(of_number);
    let began_at = Instant::now();
    let mut moves = 0;
    while moves < rows * 10 {
        let number = moves / 50;
        let manifest = &manifests[usize::try_from(number / (rows / 50) % 2).unwrap()];
        push_tags(&bench, number, rows, manifest).await;
        moves += 50;
    }
    let took = began_at.elapsed();
    let after = page().await;
    services.do_housekeeping().await.unwrap();
    println!(
        "\nHub's first page of tags: {before:.1?} before {moves} moves (in {took:.1?}), {after:.1?} at once after, {:.1?} at rest",
        page().await
    );
}

/// Measures everything and prints a table.
pub async fn run(rows: u64) {
    let mut measured = vec![delete_digest(rows).await];
    measured.extend(delete_images(rows).await);
    measured.extend(of_repository(rows).await);
    measured.push(collect(rows, "collect blobs that nothing needs", UNUSED_BLOBS).await);
    measured.push(collect(rows, "purge a manifest with referrers", REFERRERS).await);
    measured.extend(of_members(rows).await);
    measured.extend(of_tokens(rows).await);
    measured.push(of_user(rows).await);
    measured.extend(of_one_repository(rows).await);
    measured.extend(of_registry(rows).await);
    measured.push(of_pushes(rows).await);
    measured.push(fold(rows).await);
    println!("\n{rows} rows; pushes of a tagged manifest beside each, one after the other; aim {AIM:?}");
    println!("{:<50} {:>10} {:>14} {:>8}", "", "took", "slowest push", "pushes");
    for Row { what, took, slowest_push, pushes } in &measured {
        let mark = if *slowest_push > AIM { "  over" } else { "" };
        println!("{what:<50} {took:>10.1?} {slowest_push:>14.1?} {pushes:>8}{mark}");
    }
    burst(rows).await;
}
