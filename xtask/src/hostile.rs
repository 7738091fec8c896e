//! `cargo xtask hostile`: thousands of connections that cost their owner nothing, and what others notice of them.
//!
//! All of it on the loopback network: attackers at 127.0.1.1 and on, everybody else at 127.0.0.2.

pub mod attacks;

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use self::attacks::{Attack, is_closed};
use crate::bench::{self, MIB, Subject, block, digest};
use crate::load::{Body, Connection, Head};

/// Hostile connections at a time.
const CONNECTIONS: usize = 4000;
/// Addresses in the second round.
const ADDRESSES: u8 = 64;
/// How long each round takes: longer than every default limit.
const ROUND: Duration = Duration::from_secs(150);
/// How often a connection that was closed is opened again.
const REPLACED_EVERY: Duration = Duration::from_secs(1);
/// Resident memory that the registry must not exceed.
const MEMORY_MIB: f64 = 160.0;
/// From where everybody else asks.
const HONEST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

/// Runs both rounds and prints what was measured.
pub fn run(root: &Path) -> Result<()> {
    crate::raise_file_limit(CONNECTIONS as u64 + 1000)?;
    let longshore = bench::build(root)?;
    let folder = root.join("target/bench");
    for (name, addresses) in [("one address", 1), ("64 addresses", ADDRESSES)] {
        let data = bench::fresh(&folder, "hostile-data")?;
        let subject = bench::start_longshore(&longshore, &data, &[], true)?;
        bench::administer(
            &longshore,
            &data,
            &[],
            &["repo", "create", "bench/app", "--visibility", "public"],
        )?;
        round(name, &subject, addresses)?;
    }
    Ok(())
}

/// The slowest of each thing that an honest client did.
#[derive(Default)]
struct Slowest {
    health: Duration,
    pull: Duration,
    push: Duration,
    times: usize,
}

fn round(name: &str, subject: &Subject, addresses: u8) -> Result<()> {
    let (idle, _) = subject.memory()?;
    let content = block(MIB, 3);
    let body = Body { block: &content, times: 1 };
    let blob = digest(body);
    bench::prepare(subject)?;
    subject.connect()?.push_blob("bench/app", &blob, body)?;
    let targets = [
        format!("/v2/bench/app/blobs/{blob}"),
        "/api/openapi/hub.json".to_owned(),
        "/api/openapi/swr.json".to_owned(),
    ];
    let to: SocketAddr = subject.host.parse()?;
    let (is_over, opened, held) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let slowest = std::thread::scope(|scope| {
        for part in 0..4 {
            let (is_over, opened, held, targets) = (&is_over, &opened, &held, &targets);
            scope.spawn(move || attack(to, part, addresses, targets, is_over, opened, held));
        }
        let slowest = ask(subject, &blob, ROUND);
        is_over.store(true, Ordering::Relaxed);
        slowest
    })?;
    let (_, peak) = subject.memory()?;
    println!(
        "{name}: {} connections opened, {} held at the end; memory {idle:.0} MiB idle, {peak:.0} MiB at its peak; {} times each: slowest health check {} ms, pull {} ms, push {} ms",
        opened.into_inner(),
        held.into_inner(),
        slowest.times,
        slowest.health.as_millis(),
        slowest.pull.as_millis(),
        slowest.push.as_millis(),
    );
    if peak > MEMORY_MIB {
        bail!("{name}: the registry took {peak:.0} MiB, more than {MEMORY_MIB:.0}");
    }
    Ok(())
}

/// Keeps a quarter of the connections open, and opens those anew that the registry closed.
fn attack(
    to: SocketAddr,
    part: usize,
    addresses: u8,
    targets: &[String],
    is_over: &AtomicBool,
    opened: &AtomicUsize,
    held: &AtomicUsize,
) {
    let mut sockets: Vec<Option<TcpStream>> = (0..CONNECTIONS / 4).map(|_| None).collect();
    while !is_over.load(Ordering::Relaxed) {
        let began_at = Instant::now();
        for (number, socket) in sockets.iter_mut().enumerate() {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            if socket.as_mut().is_some_and(|socket| !is_closed(socket)) {
                continue;
            }
            let number = number * 4 + part;
            let attack = Attack::ALL[number / usize::from(addresses) % Attack::ALL.len()];
            let from = IpAddr::from([127, 0, 1, (number % usize::from(addresses)) as u8 + 1]);
            *socket = attack.begin(from, to, targets).ok();
            opened.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(REPLACED_EVERY.saturating_sub(began_at.elapsed()));
    }
    let open = sockets.iter_mut().flatten().filter_map(|socket| (!is_closed(socket)).then_some(())).count();
    held.fetch_add(open, Ordering::Relaxed);
}

/// Checks the health, pulls and pushes from another address, over and over, each on a new connection.
fn ask(subject: &Subject, blob: &str, time: Duration) -> Result<Slowest> {
    let mut slowest = Slowest::default();
    let began_at = Instant::now();
    while began_at.elapsed() < time {
        let round = Instant::now();
        let connect = || Connection::open_from(HONEST, &subject.host, subject.authorization.as_deref());
        let expect = |what: &str, head: Head, status: u16| match head.status == status {
            true => Ok(()),
            false => bail!("{what} was answered with {} after {:?}", head.status, began_at.elapsed()),
        };
        let nothing = Body { block: b"", times: 0 };
        let context = || format!("after {:?}", began_at.elapsed());
        slowest.health = slowest.health.max(
            timed(|| {
                expect("a health check", connect()?.send("GET", "/healthz", "", nothing)?, 200)?;
                expect("a readiness check", connect()?.send("GET", "/readyz", "", nothing)?, 200)
            })
            .with_context(context)?,
        );
        slowest.pull = slowest.pull.max(
            timed(|| {
                let mut connection = connect()?;
                expect("a pull", connection.send("GET", "/v2/bench/app/manifests/v1", "", nothing)?, 200)?;
                expect(
                    "a pull",
                    connection.send("GET", &format!("/v2/bench/app/blobs/{blob}"), "", nothing)?,
                    200,
                )
            })
            .with_context(context)?,
        );
        slowest.push = slowest.push.max(
            timed(|| {
                let content = block(MIB, 1000 + slowest.times as u64);
                let body = Body { block: &content, times: 1 };
                let mut connection = connect()?;
                connection.push_blob("bench/app", &digest(body), body)?;
                bench::push_image(&mut connection, &format!("t{}", slowest.times))
            })
            .with_context(context)?,
        );
        slowest.times += 1;
        std::thread::sleep(Duration::from_millis(500).saturating_sub(round.elapsed()));
    }
    Ok(slowest)
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let began_at = Instant::now();
    work()?;
    Ok(began_at.elapsed())
}
