//! What the server does on its own: durable work, and what each node does by itself.

use std::sync::Arc;
use std::time::Duration;

use longshore_app::App;
use longshore_platform::jobs::log_failure;
use longshore_platform::nodes::SIGN_OF_LIFE;
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
const ORPHAN_UPLOADS: Duration = Duration::from_secs(6 * 3600);

/// How often damaged blobs and waiting work are counted, for the figures of this node.
const COUNTS: Duration = Duration::from_secs(10);

/// Starts the jobs; they end when `stop` is cancelled, after what they are doing.
pub fn start(app: &Arc<App>, collection: Duration, stop: &CancellationToken, tasks: &TaskTracker) {
    let (stopped, jobs) = (stop.clone(), Arc::clone(app));
    tasks.spawn(async move {
        stopped.cancelled().await;
        jobs.platform.stop_jobs();
    });
    let (worker, stopped) = (Arc::clone(app), stop.clone());
    tasks.spawn(async move { worker.platform.do_work(&worker.workers(), &stopped).await });
    let schedule = Schedule { app, stop, tasks };
    schedule.every(CLOCK_CHECK, "compare-clocks", |app| async move {
        // That the database does not answer is said by what needs it.
        if let Err(error) = app.platform.compare_clocks().await {
            tracing::debug!(cause = error.cause(), "the database does not say what time it is");
        }
        app.heal_times().await
    });
    schedule.every(SIGN_OF_LIFE, "give-sign-of-life", |app| async move {
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        app.platform.give_sign_of_life(&machine, env!("CARGO_PKG_VERSION")).await.map(|()| 1)
    });
    schedule.every(RECORDING, "record-pulls", |app| async move { app.content.record_pulls().await });
    schedule.every(SIGN_INS, "record-sign-ins", |app| async move { app.identity.record_sign_ins().await });
    schedule.every(
        RETENTION_CHECK,
        "apply-retention",
        |app| async move { app.lifecycle.apply_retention().await },
    );
    schedule.every(COUNTS, "count-damage", |app| async move { app.content.count_damage().await });
    schedule.every(COUNTS, "count-work", |app| async move { app.count_work().await });
    schedule.every(KEY_CHECK, "rotate-keys", |app| async move {
        app.identity.rotate_signing_key_when_due().await
    });
    schedule.advance_runs();
    schedule.every(ORPHAN_UPLOADS, "abort-stray-uploads", |app| async move {
        let aborted = app.lifecycle.abort_orphan_uploads_alone().await?;
        if aborted > 0 {
            tracing::info!(aborted, "gave up multipart uploads that a crash left behind");
        }
        Ok(aborted)
    });
    if !collection.is_zero() {
        schedule.every(collection, "collect-garbage", |app| async move {
            let counts = app.lifecycle.collect_garbage().await?;
            if counts.blobs_deleted > 0 {
                tracing::info!(
                    blobs = counts.blobs_deleted,
                    freed_bytes = counts.freed_bytes,
                    "collected garbage"
                );
            }
            Ok(counts.blobs_deleted)
        });
    }
}

/// What each node does by itself, besides the durable work that all nodes share.
struct Schedule<'a> {
    app: &'a Arc<App>,
    stop: &'a CancellationToken,
    tasks: &'a TaskTracker,
}

impl Schedule<'_> {
    /// Goes on with collections that owners asked for, at once when this node has got the request.
    fn advance_runs(&self) {
        let (app, stop) = (Arc::clone(self.app), self.stop.clone());
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = app.lifecycle.gc_run_requested() => {}
                    () = tokio::time::sleep(RUN_CHECK) => {}
                }
                run(&app, "advance-collection-runs", app.lifecycle.advance_gc_runs()).await;
            }
        });
    }

    /// Does a job again and again; it returns how many things it dealt with.
    fn every<F>(&self, period: Duration, name: &'static str, job: fn(Arc<App>) -> F)
    where
        F: Future<Output = longshore_domain::Result<u64>> + Send + 'static,
    {
        let (app, stop) = (Arc::clone(self.app), self.stop.clone());
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(period) => {}
                }
                run(&app, name, job(Arc::clone(&app))).await;
            }
        });
    }
}

async fn run(app: &App, name: &'static str, job: impl Future<Output = longshore_domain::Result<u64>>) {
    if let Err(error) = app.platform.run_job(name, job).await {
        log_failure(name, &error);
    }
}
