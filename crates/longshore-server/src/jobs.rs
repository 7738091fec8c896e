//! What the server does on its own: collect garbage, record pulls, number events, rotate keys.

use std::sync::Arc;
use std::time::Duration;

use longshore_app::App;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often what waits in memory is recorded.
const RECORDING: Duration = Duration::from_secs(60);
/// How often events about sign-ins are recorded.
const SIGN_INS: Duration = Duration::from_secs(1);
/// How often new signing keys of other nodes are taken over, and it is checked whether a rotation is due.
const KEY_CHECK: Duration = Duration::from_secs(60);
/// How often collections that owners asked for are looked for.
const RUN_CHECK: Duration = Duration::from_secs(1);
/// How often retention policies that are due are looked for.
const RETENTION_CHECK: Duration = Duration::from_secs(10);
/// How often the clocks are compared, and it is noticed that the clock went back: so soon all is right after it was set.
const CLOCK_CHECK: Duration = Duration::from_secs(1);
/// How often multipart uploads that nobody recorded are looked for.
const STRAY_UPLOADS: Duration = Duration::from_secs(6 * 3600);

/// How often it is counted how many blobs are damaged.
const DAMAGE_COUNT: Duration = Duration::from_secs(10);

/// Starts the jobs; they end when `stop` is cancelled, after what they are doing.
pub fn start(services: &Arc<App>, collection: Duration, stop: &CancellationToken, tasks: &TaskTracker) {
    let (stopped, jobs) = (stop.clone(), Arc::clone(services));
    tasks.spawn(async move {
        stopped.cancelled().await;
        jobs.platform.stop_jobs();
    });
    every(CLOCK_CHECK, services, stop, tasks, "compare clocks", |services| async move {
        // That the database does not answer is said by what needs it.
        if let Err(error) = services.platform.compare_clocks().await {
            tracing::debug!(cause = error.cause(), "the database does not say what time it is");
        }
        services.heal_times().await
    });
    every(RECORDING, services, stop, tasks, "record pulls", |services| async move {
        services.content.record_pulls().await
    });
    every(SIGN_INS, services, stop, tasks, "record sign-ins", |services| async move {
        services.identity.record_sign_ins().await
    });
    every(RECORDING, services, stop, tasks, "number events", |services| async move {
        services.fold_records().await
    });
    every(RETENTION_CHECK, services, stop, tasks, "apply retention policies", |services| async move {
        services.lifecycle.apply_retention().await
    });
    every(DAMAGE_COUNT, services, stop, tasks, "count damaged blobs", |services| async move {
        services.content.count_damage().await
    });
    every(KEY_CHECK, services, stop, tasks, "rotate keys", |services| async move {
        services.identity.rotate_signing_key_when_due().await
    });
    advance_runs(services, stop, tasks);
    every(STRAY_UPLOADS, services, stop, tasks, "give up stray uploads", |services| async move {
        let aborted = services.lifecycle.abort_stray_uploads_alone().await?;
        if aborted > 0 {
            tracing::info!(aborted, "gave up multipart uploads that a crash left behind");
        }
        Ok(())
    });
    if !collection.is_zero() {
        every(collection, services, stop, tasks, "collect garbage", |services| async move {
            let counts = services.lifecycle.collect_garbage().await?;
            if counts.blobs_deleted > 0 {
                tracing::info!(
                    blobs = counts.blobs_deleted,
                    freed_bytes = counts.freed_bytes,
                    "collected garbage"
                );
            }
            Ok(())
        });
    }
}

/// Goes on with collections that owners asked for, at once when this node has got the request.
fn advance_runs(services: &Arc<App>, stop: &CancellationToken, tasks: &TaskTracker) {
    let (services, stop) = (Arc::clone(services), stop.clone());
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = services.lifecycle.collection_run_requested() => {}
                () = tokio::time::sleep(RUN_CHECK) => {}
            }
            if let Err(error) = services.lifecycle.advance_collection_runs().await {
                let cause = error.cause();
                tracing::error!(job = "advance collection runs", error = %error, cause, "a job failed; it is tried again next time");
            }
        }
    });
}

fn every<F>(
    period: Duration,
    services: &Arc<App>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
    name: &'static str,
    job: fn(Arc<App>) -> F,
) where
    F: Future<Output = longshore_domain::Result<()>> + Send + 'static,
{
    let (services, stop) = (Arc::clone(services), stop.clone());
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(period) => {}
            }
            if let Err(error) = job(Arc::clone(&services)).await {
                let cause = error.cause();
                tracing::error!(job = name, error = %error, cause, "a job failed; it is tried again next time");
            }
        }
    });
}
