//! Kills: everything acknowledged is there and whole after a restart, nothing half-written is visible, retries succeed.
//!
//! `LONGSHORE_CRASH_ROUNDS` sets the number of rounds: `cargo xtask crash` runs fifty.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use longshore_testkit::images::{digest_of, image};

use crate::server::{Server, user};

const PUSHES: usize = 200;
const CONFIG: &[u8] = b"{}";

fn rounds() -> usize {
    std::env::var("LONGSHORE_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// What was acknowledged: tag, manifest, layer.
type Acknowledged = Mutex<BTreeMap<String, (String, Vec<u8>)>>;

fn layer(round: usize, number: usize) -> Vec<u8> {
    let seed = format!("round {round}, push {number}; ");
    seed.repeat(500 + number * 37)[..].as_bytes().to_vec()
}

/// Pushes one image; every step may fail because the server is killed.
fn push(server: &Server, who: &str, round: usize, number: usize, acknowledged: &Acknowledged) -> Option<()> {
    let repository = format!("acme/app{}", number % 7);
    let layer = layer(round, number);
    for blob in [CONFIG, &layer] {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", digest_of(blob));
        let answer = server.try_send("POST", &path, who, &[], blob).ok()?;
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    }
    let manifest = image(CONFIG, &[&layer]);
    let tag = format!("r{round}-p{number}");
    let headers = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
    let path = format!("/v2/{repository}/manifests/{tag}");
    let answer = server.try_send("PUT", &path, who, &headers, manifest.as_bytes()).ok()?;
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    acknowledged.lock().unwrap().insert(path, (manifest, layer));
    Some(())
}

fn check(server: &Server, who: &str, acknowledged: &Acknowledged) {
    for (path, (manifest, layer)) in acknowledged.lock().unwrap().iter() {
        assert_eq!(server.get(path, who).expect(200).body, manifest.as_bytes(), "{path}");
        let repository = path.split("/manifests/").next().unwrap();
        assert!(
            server.get(&format!("{repository}/blobs/{}", digest_of(layer)), who).expect(200).body == *layer,
            "{path}"
        );
    }
}

#[test]
fn kills_during_concurrent_pushes_lose_nothing_acknowledged() {
    let mut server = Server::new();
    let who = user("alice");
    for round in 0..rounds() {
        let acknowledged = Acknowledged::default();
        // Different moments in each round, from almost at once to almost done.
        let moment = Duration::from_millis(20 + (round as u64 * 397) % 900);
        let began_at = Instant::now();
        let next = Mutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    loop {
                        let number = {
                            let mut next = next.lock().unwrap();
                            *next += 1;
                            *next - 1
                        };
                        if number >= PUSHES || push(&server, &who, round, number, &acknowledged).is_none() {
                            return;
                        }
                    }
                });
            }
            std::thread::sleep(moment.saturating_sub(began_at.elapsed()));
            server.signal("KILL");
        });
        server.kill();
        server.start_again();
        check(&server, &who, &acknowledged);
        // What was not acknowledged is either whole or not there.
        for number in 0..PUSHES {
            let path = format!("/v2/acme/app{}/manifests/r{round}-p{number}", number % 7);
            let answer = server.get(&path, &who);
            if answer.status == 200 {
                let blob = format!("/v2/acme/app{}/blobs/{}", number % 7, digest_of(layer(round, number)));
                assert!(server.get(&blob, &who).expect(200).body == layer(round, number));
            } else {
                assert_eq!(answer.status, 404);
            }
        }
        assert_eq!(server.admin(&["verify"])["problems"], 0);
        // The client's retry succeeds.
        for number in 0..8 {
            push(&server, &who, round, number, &acknowledged).unwrap();
        }
        check(&server, &who, &acknowledged);
    }
}
