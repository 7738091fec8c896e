//! `cargo xtask bench --only cluster`: one, two and three nodes on PostgreSQL and S3, and docker-registry on the same S3 server, in
//! one run on this machine. All of them, the stores and the load share its cores.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::bench::{
    Binaries, MIB, Subject, administer, block, digest, fresh, manifests, prepare, push_in_parallel,
    start_longshore, start_peer,
};
use crate::load::{Body, in_parallel};
use crate::stores::Stores;

/// Objects that are made and collected.
const GARBAGE: usize = 5000;

/// Measures and prints.
pub fn run(root: &Path) -> Result<()> {
    let binaries = Binaries::prepare(root)?;
    let stores = Stores::start(root)?;
    let value = |name: &str| value_of(&stores, name);
    let environment = environment_of(&stores)?;
    let peer_storage = format!(
        "  redirect:\n    disable: true\n  s3:\n    region: us-east-1\n    regionendpoint: {}\n    bucket: {}\n    accesskey: {}\n    secretkey: {}\n    rootdirectory: /peer\n    secure: false\n    v4auth: true",
        value("S3_ENDPOINT")?,
        value("S3_BUCKET")?,
        value("S3_ACCESS_KEY_ID")?,
        value("S3_SECRET_ACCESS_KEY")?
    );
    let start = |number: usize| {
        let data = fresh(&binaries.folder, &format!("node-{number}"))?;
        start_longshore(&binaries.longshore, &data, &environment, number == 1)
    };
    let peer = start_peer(&binaries.peer, &fresh(&binaries.folder, "peer-data")?, Some(&peer_storage))?;
    prepare(&peer)?;
    let mut nodes = vec![start(1)?];
    prepare(&nodes[0])?;

    let peers = manifests(&peer, 32)?.rate;
    println!("\nmanifest GET by tag, 32 connections in all [1/s]");
    println!("  docker-registry, S3   {peers:>10.0}");
    for count in 1..=3 {
        if nodes.len() < count {
            nodes.push(start(count)?);
        }
        let total = pull_from_all(&nodes)?;
        println!("  longshore, {count} node(s)   {total:>8.0}   {:>6.2}x", total / peers);
    }
    nodes.truncate(1);

    println!("\n100 parallel pushes of 100 MiB to S3");
    for (name, subject) in [("docker-registry", &peer), ("longshore", &nodes[0])] {
        let (idle, _) = subject.memory()?;
        let began_at = Instant::now();
        match push_in_parallel(subject) {
            Ok(()) => {
                let rate = 100.0 * 100.0 / began_at.elapsed().as_secs_f64();
                let (_, peak) = subject.memory()?;
                println!(
                    "  {name:<18} {rate:>8.1} MiB/s, memory {idle:.1} MiB before, {peak:.1} MiB at the peak"
                );
            }
            Err(error) => println!("  {name:<18} failed: {error:#}"),
        }
    }
    drop(peer);

    collect(&nodes[0], &binaries, &environment)
}

fn value_of(stores: &Stores, name: &str) -> Result<String> {
    let name = format!("LONGSHORE_TEST_{name}");
    let found = stores.environment.iter().find(|(variable, _)| *variable == name);
    found.map(|(_, value)| value.clone()).with_context(|| format!("the stores did not say {name}"))
}

/// Environment variables for nodes on the stores.
pub fn environment_of(stores: &Stores) -> Result<Vec<(String, String)>> {
    let value = |name: &str| value_of(stores, name);
    let environment = [
        ("DATABASE_URL", value("POSTGRES")?),
        ("STORAGE_URL", format!("s3://{}/longshore", value("S3_BUCKET")?)),
        ("STORAGE_ENDPOINT", value("S3_ENDPOINT")?),
        ("STORAGE_ACCESS_KEY_ID", value("S3_ACCESS_KEY_ID")?),
        ("STORAGE_SECRET_ACCESS_KEY", value("S3_SECRET_ACCESS_KEY")?),
        ("GC_LEASE_SECONDS", "0".into()),
        ("GC_UNDO_SECONDS", "0".into()),
        ("GC_INTERVAL_SECONDS", "0".into()),
    ];
    Ok(environment.map(|(name, value)| (format!("LONGSHORE_{name}"), value)).into())
}

fn pull_from_all(nodes: &[Subject]) -> Result<f64> {
    let rates: Vec<Result<f64>> = std::thread::scope(|scope| {
        let running: Vec<_> = nodes
            .iter()
            .map(|node| scope.spawn(|| manifests(node, 32 / nodes.len()).map(|measured| measured.rate)))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a load thread panicked"))))
            .collect()
    });
    rates.into_iter().sum()
}

fn collect(node: &Subject, binaries: &Binaries, environment: &[(String, String)]) -> Result<()> {
    let content = block(MIB / 1024, 5);
    let next = AtomicUsize::new(0);
    let began_at = Instant::now();
    in_parallel(16, |_| {
        let mut connection = node.connect()?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= GARBAGE {
                return Ok(());
            }
            let mut mine = content.clone();
            mine[..8].copy_from_slice(&(number as u64).to_le_bytes());
            let body = Body { block: &mine, times: 1 };
            connection.push_blob("bench/app", &digest(body), body)?;
        }
    })?;
    let pushed = GARBAGE as f64 / began_at.elapsed().as_secs_f64();
    println!("\npushes of 1 KiB to S3, 16 connections: {pushed:.0} 1/s");
    let data = binaries.folder.join("node-1");
    let began_at = Instant::now();
    let said = administer(&binaries.longshore, &data, environment, &["gc", "run"])?;
    let took = began_at.elapsed().as_secs_f64();
    let counts: serde_json::Value = serde_json::from_str(&said)?;
    let deleted = counts["blobs_deleted"].as_f64().unwrap_or_default();
    println!(
        "garbage collection: {deleted} objects in {took:.1} s, from review to deletion: {:.0} 1/s",
        deleted / took
    );
    Ok(())
}
