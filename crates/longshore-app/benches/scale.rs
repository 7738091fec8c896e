//! What a registry of 1,000,000 tags, 10,000,000 blob links and 100,000 users of one organization costs beside one of a
//! thousandth of that, in one run.
//!
//! Before that, every operation whose work grows with rows, at a tenth of the tags: see `operations`.
//!
//! `cargo xtask bench --only scale` runs this on SQLite and on PostgreSQL. `LONGSHORE_SCALE` makes the large one smaller,
//! `LONGSHORE_SCALE_OPERATIONS` leaves the rest out, and `LONGSHORE_SCALE_LISTS` the operations.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it measured")]

#[path = "scale/operations.rs"]
mod operations;

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use longshore_content::history::NameRange;
use longshore_content::planning::Selection;
use longshore_domain::access::actor::Actor;
use longshore_domain::digest::Digest;
use longshore_domain::directory::query::{
    Condition, DirectoryAnswer, DirectoryFilter, DirectoryOrder, QueriedParts, UserQuery,
};
use longshore_domain::directory::{DirectoryChange, UserLookup, UserOrder, UserParts};
use longshore_domain::event::EventFilter;
use longshore_domain::image::{ImageFilter, ImageNature, TagFilter};
use longshore_domain::image_order::{ImageKey, ImageOrder, ImageSort};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::ManifestId;
use longshore_domain::tag_order::{SortValue, TagKey, TagOrder, TagSort, version_key};
use longshore_testkit::images::image;
use longshore_testkit::registry::{TestRegistry, name};
use longshore_testkit::stores::SharedStores;

const TAGS: u64 = 1_000_000;
/// Repositories that share all blobs.
const SHARING: u64 = 10;
const REFERRERS: u64 = 10_000;
const REPOSITORY: &str = "acme/big";
/// Numbers of records that the measurement makes begin here, those of the filling below.
const FIRST: u64 = 1_000_000_000;

/// Fills a registry whose repository `acme/big` exists. `HEX(n)` and `KEY(n)` stand for what each engine calls them.
const FILL: &str = "
INSERT INTO repositories (id, namespace_id, name, visibility, created_at)
    SELECT FIRST + n, a.id, 'acme/shared' || n, 'private', 1 FROM numbers JOIN accounts a ON a.name = 'acme' WHERE n <= 10;
INSERT INTO blobs (id, digest, size_bytes, store, storage_key, created_at)
    SELECT FIRST + n, 'sha256:' || HEX(n), 1, 'test', KEY(n), 1 FROM numbers;
INSERT INTO blob_links (repository_id, blob_id, namespace_id, lease_until)
    SELECT FIRST + r.n, FIRST + b.n, a.id, 9000000000000000
    FROM numbers r CROSS JOIN numbers b JOIN accounts a ON a.name = 'acme' WHERE r.n <= 10;
INSERT INTO namespace_blobs (namespace_id, blob_id)
    SELECT a.id, FIRST + n FROM numbers JOIN accounts a ON a.name = 'acme';
INSERT INTO manifests (id, repository_id, digest, media_type, kind, artifact_type, subject_digest, size_bytes,
        total_size_bytes, pushed_at, lease_until, annotations, content)
    SELECT FIRST + n, r.id, 'sha256:' || HEX(n), 'application/vnd.oci.image.manifest.v1+json', 'image', NULL,
        CASE WHEN n > 1 AND n <= REFERRERS THEN 'sha256:' || HEX(1) END, 1000, 1, 1, 9000000000000000, '{}', CONTENT
    FROM numbers JOIN repositories r ON r.name = 'acme/big' WHERE n <= MANIFESTS;
INSERT INTO tags (repository_id, name, manifest_id, created_at, updated_at, pulled_at, size_bytes, version_key)
    SELECT r.id, 'tag' || n, FIRST + 1 + n % MANIFESTS, 1, n, n % 1000, n % 100000,
        '0ttag 0' || substr('abcdefghijklm', length(CAST(n AS TEXT)) + 1, 1) || n
    FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO tag_history (repository_id, name, digest, from_at)
    SELECT r.id, 'tag' || n, 'sha256:' || HEX(1), 1 FROM numbers JOIN repositories r ON r.name = 'acme/big';
INSERT INTO images (manifest_id, repository_id, digest, tags, pushed_at, active_at, size_bytes)
    SELECT FIRST + n, r.id, 'sha256:' || HEX(n), n % 2, 1, n, n % 1000
    FROM numbers JOIN repositories r ON r.name = 'acme/big' WHERE n <= MANIFESTS;
INSERT INTO manifests (id, repository_id, digest, media_type, kind, size_bytes, total_size_bytes, pushed_at, lease_until,
        annotations, content)
    SELECT FIRST + FIRST + n, FIRST + 1, 'sha256:' || HEX(n), 'application/vnd.oci.image.manifest.v1+json', 'image', 1000, 1, 1,
        9000000000000000, '{}', CONTENT FROM numbers WHERE n <= MANIFESTS;
INSERT INTO images (manifest_id, repository_id, digest, tags, pushed_at, active_at)
    SELECT FIRST + FIRST + n, FIRST + 1, 'sha256:' || HEX(n), 0, 1, n FROM numbers WHERE n <= MANIFESTS;
INSERT INTO manifest_blobs (manifest_id, repository_id, blob_id)
    SELECT FIRST + FIRST + n, FIRST + 1, FIRST + n FROM numbers WHERE n <= MANIFESTS
    UNION ALL SELECT FIRST + FIRST + n, FIRST + 1, FIRST + MANIFESTS + 1 + n % 100 FROM numbers WHERE n <= MANIFESTS;
UPDATE repository_totals SET tags = TAG_COUNT, images = MANIFESTS
    WHERE repository_id = (SELECT r.id FROM repositories r WHERE r.name = 'acme/big');
INSERT INTO events (account_id, actor_name, action, subject, data, at)
    SELECT a.id, 'alice', CASE WHEN n % 2 = 0 THEN 'repo.tag.push' ELSE 'repo.manifest.push' END, 'acme/app' || (n % 10), '{}', n
    FROM numbers JOIN accounts a ON a.name = 'acme';
INSERT INTO accounts (id, uuid, kind, name, created_at, email, email_key)
    SELECT FIRST + n, KEY(n), 'user', 'user' || n, 1, 'user' || n || '@example.org', 'user' || n || '@example.org'
    FROM numbers WHERE n <= MANIFESTS;
INSERT INTO organization_members (organization_id, user_id, role, created_at)
    SELECT a.id, FIRST + n, 'member', 1 FROM numbers JOIN accounts a ON a.name = 'acme' WHERE n <= MANIFESTS;
INSERT INTO directory_users (organization_id, user_id, uuid, position, user_name, user_name_lower, external_id, given_name,
        family_name, created_at, updated_at)
    SELECT a.id, FIRST + n, KEY(n), 1000 + n, 'user' || n || '@example.org', 'user' || n || '@example.org', 'ext' || n, 'User',
        'No. ' || n, 1, 1
    FROM numbers JOIN accounts a ON a.name = 'acme' WHERE n <= MANIFESTS;
INSERT INTO directory_emails (organization_id, user_id, number, address, address_lower, kind, is_primary)
    SELECT a.id, FIRST + n, 0, 'n' || n || '@work.org', 'n' || n || '@work.org', 'work', 1
    FROM numbers JOIN accounts a ON a.name = 'acme' WHERE n <= MANIFESTS;
INSERT INTO directory_blocks (organization_id, block, users)
    SELECT organization_id, position / 256, count(*) FROM directory_users WHERE position > 1000
    GROUP BY organization_id, position / 256;
";

fn filling(tags: u64) -> String {
    FILL.replace("TAG_COUNT", &tags.to_string())
        .replace("REFERRERS", &(REFERRERS * tags / TAGS).max(100).to_string())
        .replace("MANIFESTS", &(tags / 10).to_string())
}

/// Makes rows by statements that know `numbers` from 1 to `rows`, on either engine.
async fn make(registry: &TestRegistry, rows: u64, sql: &str) {
    let sql = sql.replace("FIRST", &FIRST.to_string());
    match SharedStores::chosen() {
        None => fill_sqlite(registry.folder(), rows, &sql),
        Some(stores) => fill_postgres(&stores.database(registry.folder()), rows, &sql).await,
    }
}

fn fill_sqlite(folder: &Path, tags: u64, sql: &str) {
    let connection = rusqlite::Connection::open(folder.join("longshore.db")).unwrap();
    let settings =
        "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -1000000; BEGIN;";
    connection.execute_batch(settings).unwrap();
    let numbers = format!(
        "CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY);
         WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {tags})
         INSERT INTO numbers SELECT n FROM counted;"
    );
    connection.execute_batch(&numbers).unwrap();
    let sql = sql
        .replace("HEX(n + 1)", "printf('%064x', n + 1)")
        .replace("HEX(n)", "printf('%064x', n)")
        .replace("HEX(1)", "printf('%064x', 1)")
        .replace("KEY(n + 1)", "unhex(printf('%032x', n + 1))")
        .replace("KEY(n)", "unhex(printf('%032x', n))")
        .replace("KEY(1)", "unhex(printf('%032x', 1))")
        .replace("CONTENT", "zeroblob(1000)");
    connection.execute_batch(&sql).unwrap();
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
}

async fn fill_postgres(url: &str, tags: u64, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let begin = format!(
        "SET session_replication_role = replica; SET work_mem = '256MB'; SET maintenance_work_mem = '1GB';
         CREATE TEMP TABLE numbers AS SELECT generate_series(1, {tags})::BIGINT AS n; ANALYZE numbers"
    );
    client.batch_execute(&begin).await.unwrap();
    let sql = sql
        .replace("HEX(n + 1)", "lpad(to_hex(n + 1), 64, '0')")
        .replace("HEX(n)", "lpad(to_hex(n), 64, '0')")
        .replace("HEX(1)", "lpad('1', 64, '0')")
        .replace("KEY(n + 1)", "decode(lpad(to_hex(n + 1), 32, '0'), 'hex')")
        .replace("KEY(n)", "decode(lpad(to_hex(n), 32, '0'), 'hex')")
        .replace("KEY(1)", "decode(lpad('1', 32, '0'), 'hex')")
        .replace("CONTENT", "decode(repeat('00', 1000), 'hex')");
    client.batch_execute(&sql).await.unwrap();
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
}

/// What one thing takes: median and 99th of 100.
struct Took {
    p50: Duration,
    p99: Duration,
}

async fn measure(times: u64, mut work: impl AsyncFnMut(u64)) -> Took {
    let mut all = Vec::new();
    for number in 0..times {
        let began_at = Instant::now();
        work(number).await;
        all.push(began_at.elapsed());
    }
    all.sort();
    Took { p50: all[all.len() / 2], p99: all[all.len() * 99 / 100] }
}

struct Measured {
    rows: Vec<(String, Took)>,
}

/// Pages of tags and images in each order: the first, one in the midst, and the last.
async fn measure_orders(
    registry: &TestRegistry,
    actor: &Actor,
    some: impl Fn(u64) -> u64,
) -> Vec<(String, Took)> {
    let (content, repository) = (&registry.app.content, name(REPOSITORY));
    let page = PageSize::clamped(100).unwrap();
    let tags = async |order: TagOrder, after: Option<TagKey>| {
        let all = TagFilter::default();
        content.browse_tags(actor, &repository, all, order, after, page).await.unwrap().0
    };
    let images = async |order: ImageOrder, after: Option<ImageKey>| {
        let all = (ImageFilter::default(), ImageNature::default());
        content.browse_images(actor, &repository, all, order, after, page).await.unwrap().0
    };
    let mut rows = Vec::new();
    for by in [TagSort::Name, TagSort::Pushed, TagSort::Pulled, TagSort::Size, TagSort::Version] {
        for is_descending in [false, true] {
            let order = TagOrder { by, is_descending };
            // As many are before the first page's end in one direction as are behind it in the other.
            let last = tags(TagOrder { is_descending: !is_descending, ..order }, None).await.next;
            let midst = |number: u64| {
                let number = some(number);
                let name = format!("tag{number}");
                let value = match by {
                    TagSort::Name => SortValue::Name,
                    TagSort::Pushed => SortValue::Number(i64::try_from(number).unwrap()),
                    TagSort::Pulled => SortValue::Number(i64::try_from(number % 1000).unwrap()),
                    TagSort::Size => SortValue::Number(i64::try_from(number % 100_000).unwrap()),
                    TagSort::Version => SortValue::Text(version_key(&name)),
                };
                TagKey { value, name }
            };
            let what = format!("tags by {by:?}{}", if is_descending { " backwards" } else { "" });
            let took = measure(200, async |_| drop(tags(order, None).await)).await;
            rows.push((format!("{what}, first page"), took));
            let took = measure(200, async |number| drop(tags(order, Some(midst(number))).await)).await;
            rows.push((format!("{what}, in the midst"), took));
            let took = measure(200, async |_| drop(tags(order, last.clone()).await)).await;
            rows.push((format!("{what}, last page"), took));
        }
    }
    for by in [ImageSort::Digest, ImageSort::Activity, ImageSort::Pushed, ImageSort::Size] {
        let order = ImageOrder { by, is_descending: true };
        let last = images(ImageOrder { is_descending: false, ..order }, None).await.next;
        let took = measure(200, async |_| drop(images(order, None).await)).await;
        rows.push((format!("images by {by:?} backwards, first page"), took));
        let took = measure(200, async |_| drop(images(order, last).await)).await;
        rows.push((format!("images by {by:?} backwards, last page"), took));
    }
    // Nothing has it: ten thousand are looked at for each page.
    let rare = TagFilter { os: "plan9".to_owned(), ..TagFilter::default() };
    let took = measure(50, async |_| {
        let order = TagOrder::NEWEST;
        content.browse_tags(actor, &repository, rare.clone(), order, None, page).await.unwrap();
    });
    rows.push(("tags by a platform that none has, a page".to_owned(), took.await));
    rows
}

async fn run(tags: u64) -> Measured {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let config = registry.push_blob(&alice, REPOSITORY, b"{}").await.unwrap();
    assert_eq!(config, longshore_testkit::images::digest_of(b"{}"));
    let began_at = Instant::now();
    make(&registry, tags, &filling(tags)).await;
    eprintln!("{tags} tags and {} links were made in {:.1?}", tags * SHARING, began_at.elapsed());
    let (repository, shared) = (name(REPOSITORY), name("acme/shared1"));
    let services = &registry.app;
    let actor: &Actor = &alice;
    // The same walk through the tags in each registry, in no order.
    let some = |number: u64| number.wrapping_mul(7_919_777) % tags + 1;
    let page = PageSize::clamped(100).unwrap();
    let subject: Digest = format!("sha256:{:064x}", 1).parse().unwrap();
    let referrers = (REFERRERS * tags / TAGS).max(100);
    let last_tag = format!("tag{}", "9".repeat(5));
    let acme = "acme".parse().unwrap();
    let log = async |filter: EventFilter| {
        services.identity.list_account_events(actor, &acme, filter, 0, page).await.unwrap();
    };
    let users = tags / 10;
    let token = services.identity.create_scim_token(&Actor::OPERATOR, &acme, "bench", None).await.unwrap();
    let provisioner = services.identity.authenticate_provisioner(token.1.expose()).await.unwrap();
    let a_user = |number: u64| number.wrapping_mul(7_919_777) % users + 1;
    let users_of = async |filter: Option<UserLookup>, order: UserOrder, skip: u64| {
        let query = UserQuery {
            filter: filter
                .map(|lookup| DirectoryFilter { condition: Condition::Lookup(lookup), meets: &|_| true }),
            order: DirectoryOrder::By { index: Some(order), key: &|_| None, is_descending: false },
            parts: QueriedParts { examined: UserParts::ALL, shown: UserParts::ALL },
            skip,
            take: 100,
        };
        services.organizations.find_directory_users(&provisioner, &query).await.unwrap()
    };
    let probe = async |lookup: UserLookup| {
        let found = users_of(Some(lookup), UserOrder::Position, 0).await;
        assert!(matches!(found, DirectoryAnswer::Found(page) if page.items.len() == 1));
    };
    let page_behind = async |order: UserOrder, skip: u64| {
        users_of(None, order, skip).await;
    };
    let browse = async |order: TagOrder, after: Option<TagKey>| {
        let (filter, content) = (TagFilter::default(), &services.content);
        content.browse_tags(actor, &repository, filter, order, after, page).await.unwrap();
    };
    let rows = vec![
        (
            "SCIM: users by user name",
            measure(2000, async |number| {
                probe(UserLookup::UserName(format!("User{}@example.org", a_user(number)))).await;
            })
            .await,
        ),
        (
            "SCIM: users by external id",
            measure(2000, async |number| {
                probe(UserLookup::ExternalId(format!("ext{}", a_user(number)))).await;
            })
            .await,
        ),
        (
            "SCIM: emails eq",
            measure(2000, async |number| {
                probe(UserLookup::Email(format!("n{}@work.org", a_user(number)))).await;
            })
            .await,
        ),
        (
            "SCIM: first page of 100 users",
            measure(300, async |_| page_behind(UserOrder::Position, 0).await).await,
        ),
        (
            "SCIM: page of users in the midst",
            measure(300, async |_| page_behind(UserOrder::Position, users / 2).await).await,
        ),
        (
            "SCIM: last full page of users",
            measure(300, async |_| page_behind(UserOrder::Position, users - 100).await).await,
        ),
        (
            "SCIM: last page by user name",
            measure(300, async |_| page_behind(UserOrder::UserName, users - 100).await).await,
        ),
        (
            "SCIM: a user comes",
            measure(500, async |number| {
                let user_name = Some(format!("new{number}@example.org"));
                let change = DirectoryChange { user_name, ..DirectoryChange::default() };
                services.organizations.create_directory_user(&provisioner, change).await.unwrap();
            })
            .await,
        ),
        (
            "tag look-up",
            measure(20_000, async |number| {
                let reference = format!("tag{}", some(number)).parse().unwrap();
                services.content.check_manifest(actor, &repository, &reference).await.unwrap();
            })
            .await,
        ),
        (
            "first page of 100 tags",
            measure(2000, async |_| {
                services.content.list_tags(actor, &repository, None, page).await.unwrap();
            })
            .await,
        ),
        (
            "last page of tags",
            measure(2000, async |_| {
                services.content.list_tags(actor, &repository, Some(&last_tag), page).await.unwrap();
            })
            .await,
        ),
        (
            "push commit of a tagged manifest",
            measure(2000, async |number| {
                let manifest = image(b"{}", &[])
                    .replace("\"layers\"", &format!("\"annotations\":{{\"n\":\"{number}\"}},\"layers\""));
                let tag = format!("tag{}", some(number));
                registry.push_manifest(actor, REPOSITORY, &tag, &manifest).await.unwrap();
            })
            .await,
        ),
        (
            "first page of 100 referrers",
            measure(500, async |_| {
                let after = ManifestId(0);
                services
                    .content
                    .list_referrers(actor, &repository, &subject, None, after, page)
                    .await
                    .unwrap();
            })
            .await,
        ),
        (
            "last page of referrers",
            measure(500, async |_| {
                let after = ManifestId(i64::try_from(FIRST + referrers - 5).unwrap());
                services
                    .content
                    .list_referrers(actor, &repository, &subject, None, after, page)
                    .await
                    .unwrap();
            })
            .await,
        ),
        (
            "Hub: first page of 100 tags",
            measure(300, async |_| {
                services
                    .content
                    .list_tag_details(actor, &repository, TagFilter::default(), TagOrder::NEWEST, 0, page)
                    .await
                    .unwrap();
            })
            .await,
        ),
        (
            "Hub: page 1,000 of tags, or the last",
            measure(300, async |_| {
                let offset = u64::from(page.get()) * 999.min(tags / u64::from(page.get()) - 1);
                let (filter, order) = (TagFilter::default(), TagOrder::NEWEST);
                services
                    .content
                    .list_tag_details(actor, &repository, filter, order, offset, page)
                    .await
                    .unwrap();
            })
            .await,
        ),
        (
            "tags by name, in the midst",
            measure(1000, async |number| {
                let after = TagKey { value: SortValue::Name, name: format!("tag{}", some(number)) };
                browse(TagOrder::NAME, Some(after)).await;
            })
            .await,
        ),
        (
            "tags by push, in the midst",
            measure(1000, async |number| {
                let value = SortValue::Number(i64::try_from(some(number)).unwrap());
                let name = format!("tag{}", some(number));
                browse(TagOrder::NEWEST, Some(TagKey { name, value })).await;
            })
            .await,
        ),
        (
            "tags as of a time, in the midst",
            measure(1000, async |number| {
                let after = format!("tag{}", some(number));
                let names = NameRange { beginning: "", after: Some(&after) };
                let at = Timestamp::from_second(1_000_000).unwrap();
                services.content.list_tags_at(actor, &repository, at, names, page).await.unwrap();
            })
            .await,
        ),
        (
            "images by push, in the midst",
            measure(1000, async |number| {
                let digest = format!("sha256:{:064x}", some(number) % users + 1).parse().unwrap();
                let (order, after) = (ImageOrder::NEWEST, Some(ImageKey { value: 1, digest }));
                let all = Default::default();
                services.content.browse_images(actor, &repository, all, order, after, page).await.unwrap();
            })
            .await,
        ),
        (
            "plan to delete as many images as a tenth",
            measure(3, async |_| {
                let filter =
                    ImageFilter { active_from: Timestamp::UNIX_EPOCH, status: None, is_tagged: Some(false) };
                let selection = Selection { filter: Some(filter), ..Selection::default() };
                let plan = services.content.preview_deletion(actor, &shared, selection).await.unwrap();
                assert_eq!(plan.images.len() as u64, users);
            })
            .await,
        ),
        (
            "Hub: last page of images",
            measure(300, async |_| {
                let filter =
                    ImageFilter { active_from: Timestamp::UNIX_EPOCH, status: None, is_tagged: None };
                let (order, offset) = (ImageOrder::MOST_ACTIVE, tags / 10 - u64::from(page.get()));
                services.content.list_images(actor, &repository, filter, order, offset, page).await.unwrap();
            })
            .await,
        ),
        (
            "Hub: first page of 100 images",
            measure(300, async |_| {
                let filter =
                    ImageFilter { active_from: Timestamp::UNIX_EPOCH, status: None, is_tagged: None };
                let order = ImageOrder::MOST_ACTIVE;
                services.content.list_images(actor, &repository, filter, order, 0, page).await.unwrap();
            })
            .await,
        ),
        ("audit log: first page of 100", measure(300, async |_| log(EventFilter::default()).await).await),
        (
            "audit log: of one action",
            measure(300, async |_| {
                let action = Some("repo.tag.push".to_owned());
                log(EventFilter { action, ..EventFilter::default() }).await;
            })
            .await,
        ),
        (
            "audit log: of one repository",
            measure(300, async |_| {
                let subject = Some("app7".to_owned());
                log(EventFilter { subject, ..EventFilter::default() }).await;
            })
            .await,
        ),
    ];
    let mut rows: Vec<(String, Took)> =
        rows.into_iter().map(|(name, took)| (name.to_owned(), took)).collect();
    rows.extend(measure_orders(&registry, actor, some).await);
    services.close().await;
    Measured { rows }
}

#[tokio::main]
async fn main() {
    let tags = std::env::var("LONGSHORE_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(TAGS);
    if std::env::var_os("LONGSHORE_SCALE_LISTS").is_none() {
        operations::run(tags / 10).await;
    }
    if std::env::var_os("LONGSHORE_SCALE_OPERATIONS").is_some() {
        return;
    }
    let engine = if SharedStores::chosen().is_some() { "PostgreSQL" } else { "SQLite" };
    let small = run((tags / 1000).max(1000)).await;
    let large = run(tags).await;
    println!(
        "\n{engine}: {tags} tags, {} blob links, {} users; beside a thousandth of that",
        tags * SHARING,
        tags / 10
    );
    println!("{:<44} {:>10} {:>10} {:>12} {:>8}", "", "p50", "p99", "p99 small", "ratio");
    for ((what, took), (_, small)) in large.rows.iter().zip(&small.rows) {
        let ratio = took.p99.as_secs_f64() / small.p99.as_secs_f64();
        println!("{what:<44} {:>10.1?} {:>10.1?} {:>12.1?} {ratio:>7.2}x", took.p50, took.p99, small.p99);
    }
}
