//! `cargo bench -p longshore-platform`: what the span of a request costs while no traces are exported.
//!
//! The subscriber is as the server's: a filter that turns the target of spans off, and a layer that writes lines. It is printed
//! beside the processor time of a pull of a manifest, which `cargo xtask bench --only machine` measures.

#![allow(missing_docs, reason = "a benchmark")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;
use std::time::Instant;

use longshore_domain::access::actor::Actor;
use longshore_platform::spans;
use tracing::Instrument;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const REQUESTS: u32 = 2_000_000;
const ROUNDS: usize = 5;
/// What a pull of a manifest costs the server, on the machine where this was written.
const PULL_NS: f64 = 24_000.0;

#[inline(never)]
async fn answer(with_spans: bool) -> u64 {
    if with_spans {
        spans::record_actor(&Actor::ANONYMOUS);
        if let Ok(name) = "acme/app".parse() {
            spans::record_repository(&name);
        }
    } else if let Ok(name) = "acme/app".parse::<longshore_domain::name::RepositoryName>() {
        black_box(&name);
    }
    black_box(200)
}

async fn serve(with_spans: bool) -> u64 {
    if !with_spans {
        return Box::pin(answer(false)).await;
    }
    let span = spans::of_request("oci", "get_manifest", black_box("0192"));
    let status = Box::pin(answer(true)).instrument(span.clone()).await;
    span.record("status", status);
    status
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let filter = Targets::new().with_default(LevelFilter::INFO).with_target(spans::TARGET, LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    tracing_subscriber::registry().with(filter).with(lines).init();
    let mut best = [f64::MAX; 2];
    for _ in 0..ROUNDS {
        for (best, with_spans) in best.iter_mut().zip([false, true]) {
            let began = Instant::now();
            for _ in 0..REQUESTS {
                black_box(serve(with_spans).await);
            }
            *best = best.min(began.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS));
        }
    }
    let cost = best[1] - best[0];
    println!(
        "spans that are off: {cost:.0} ns a request, {:.2} % of a pull of a manifest ({} us)",
        cost / PULL_NS * 100.0,
        PULL_NS / 1000.0
    );
}
