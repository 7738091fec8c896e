//! `cargo xtask bench --only contention`: 24 clients at three nodes that move one tag between known images, on PostgreSQL and S3, in
//! one run on this machine. The nodes, the stores and the load share its cores.
//!
//! `LONGSHORE_BENCH_BINARY` measures a program that is there already, for a comparison.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::{Subject, build, digest, fresh, start_longshore};
use crate::bench_cluster::environment_of;
use crate::load::{Body, Connection, in_parallel};
use crate::stores::Stores;

const CLIENTS: usize = 24;
const NODES: usize = 3;
const IMAGES: usize = 8;
const MEASURED: Duration = Duration::from_secs(20);
const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// How long pushes took, and how many the registry did not take.
#[derive(Default)]
struct Pushes {
    took: Vec<Duration>,
    failed: usize,
}

/// Measures and prints.
pub fn run(root: &Path) -> Result<()> {
    let longshore = build(root)?;
    let folder = root.join("target/bench");
    let stores = Stores::start(root)?;
    let environment = environment_of(&stores)?;
    let nodes: Vec<Subject> = (1..=NODES)
        .map(|number| {
            let data = fresh(&folder, &format!("node-{number}"))?;
            start_longshore(&longshore, &data, &environment, number == 1)
        })
        .collect::<Result<_>>()?;
    let mut first = nodes[0].connect()?;
    push_blob(&mut first, b"{}")?;
    let mut images = Vec::new();
    for number in 0..IMAGES {
        let layer = format!("layer {number}");
        push_blob(&mut first, layer.as_bytes())?;
        let image = manifest(layer.as_bytes());
        if push(&mut first, &format!("v{number}"), &image)? != 201 {
            bail!("an image could not be pushed");
        }
        images.push(image);
    }

    println!("\n{CLIENTS} clients at {NODES} nodes for {MEASURED:?}, each pushes an image that is known");
    measure("one tag", &nodes, &images, |_| "latest".into())?;
    measure("two tags, in either order", &nodes, &images, |client| {
        if client % 2 == 0 { "latest?tag=stable".into() } else { "stable?tag=latest".into() }
    })?;
    measure("a tag of its own for each", &nodes, &images, |client| format!("own{client}"))
}

fn measure(
    what: &str,
    nodes: &[Subject],
    images: &[String],
    reference: impl Fn(usize) -> String + Sync,
) -> Result<()> {
    let all = Mutex::new(Pushes::default());
    let end = Instant::now() + MEASURED;
    in_parallel(CLIENTS, |client| {
        let mut connection = nodes[client % nodes.len()].connect()?;
        let reference = reference(client);
        let mut pushes = Pushes::default();
        for number in 0.. {
            let began_at = Instant::now();
            if began_at > end {
                break;
            }
            let status = push(&mut connection, &reference, &images[(client * 5 + number) % images.len()])?;
            pushes.took.push(began_at.elapsed());
            pushes.failed += usize::from(status != 201);
        }
        let mut all = all.lock().map_err(|_| anyhow::anyhow!("a load thread panicked"))?;
        all.took.append(&mut pushes.took);
        all.failed += pushes.failed;
        Ok(())
    })?;
    let Pushes { mut took, failed } =
        all.into_inner().map_err(|_| anyhow::anyhow!("a load thread panicked"))?;
    took.sort();
    let at = |percent: usize| took.get((took.len().saturating_sub(1)) * percent / 100).copied();
    let (p50, p99, longest) = (at(50), at(99), at(100));
    let (p50, p99, longest) =
        p50.zip(p99).zip(longest).map(|((a, b), c)| (a, b, c)).context("nobody pushed")?;
    let rate = took.len() as f64 / MEASURED.as_secs_f64();
    println!(
        "{what:<28} {rate:>7.0} pushes/s, p50 {p50:.0?}, p99 {p99:.0?}, longest {longest:.0?}, {failed} failed"
    );
    Ok(())
}

fn push(connection: &mut Connection, reference: &str, manifest: &str) -> Result<u16> {
    let body = Body { block: manifest.as_bytes(), times: 1 };
    let path = format!("/v2/bench/app/manifests/{reference}");
    Ok(connection.send("PUT", &path, &format!("Content-Type: {MEDIA_TYPE}\r\n"), body)?.status)
}

fn push_blob(connection: &mut Connection, content: &[u8]) -> Result<()> {
    let body = Body { block: content, times: 1 };
    connection.push_blob("bench/app", &digest(body), body)
}

fn manifest(layer: &[u8]) -> String {
    let descriptor = |media_type: &str, content: &[u8]| {
        let digest = digest(Body { block: content, times: 1 });
        let media_type = format!("application/vnd.oci.image.{media_type}");
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#, content.len())
    };
    let (config, layer) = (descriptor("config.v1+json", b"{}"), descriptor("layer.v1.tar+gzip", layer));
    format!(r#"{{"schemaVersion":2,"mediaType":"{MEDIA_TYPE}","config":{config},"layers":[{layer}]}}"#)
}
