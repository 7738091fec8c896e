//! The runner, on a program that behaves as tests do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::needs::Brought;
use super::programs::{self, Program, Test};
use super::report::{Outcome, Report};
use super::run::{Job, Runner, Stores};

/// Lists its tests, and does what their names say.
const PROGRAM: &str = r#"#!/bin/sh
test "$1" = --list && { printf 'passes: test\nfails: test\nlacks: test\nends: test\nlacks_and_fails: test\nhangs: test\nonly_shared: test\n'; exit 0; }
case "$2" in
fails) echo "why it fails"; exit 101 ;;
lacks) echo mounts >> "$LONGSHORE_TEST_SKIPS" ;;
ends) printf 'program nothing\nends\n' >> "$LONGSHORE_TEST_SKIPS"; exit 101 ;;
lacks_and_fails) echo stores >> "$LONGSHORE_TEST_SKIPS"; exit 101 ;;
hangs) sleep 600 & echo $! > pid; wait ;;
only_shared) test "$LONGSHORE_TEST_STORES" = shared || echo shared-run >> "$LONGSHORE_TEST_SKIPS" ;;
esac
"#;

fn program(folder: &Path) -> Program {
    let path = folder.join("program");
    std::fs::write(&path, PROGRAM).expect("the folder is there");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the file is there");
    Program { name: "longshore-server/it".into(), path, folder: folder.to_owned() }
}

fn is_running(pid: &str) -> bool {
    std::process::Command::new("kill")
        .args(["-0", pid.trim()])
        .output()
        .is_ok_and(|told| told.status.success())
}

#[test]
fn what_is_skipped_is_no_success_and_what_hangs_is_ended() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let programs = [program(folder.path())];
    let tests = programs::tests(&programs, &[]).expect("it lists its tests");
    assert_eq!(tests.len(), 7);
    assert_eq!(programs::tests(&programs, &["lack".into()]).expect("it lists its tests").len(), 2);
    let runner = Runner::new(folder.path(), 3, Duration::from_secs(2)).expect("it can write");
    let jobs: Vec<Job> = tests.iter().map(|test| Job { test, on: Stores::Embedded }).collect();
    let began_at = Instant::now();
    let results = runner.run(&jobs, &Brought::new(folder.path())).expect("it runs them");
    assert!(began_at.elapsed() < Duration::from_secs(30));
    let of = |name: &str| {
        let result = results.iter().find(|result| result.job.test.name == name);
        result.expect("it has run").clone()
    };
    let skipped = |need: &str| Outcome::Skipped(vec![need.to_owned()]);
    assert_eq!(of("passes").outcome, Outcome::Passed);
    assert_eq!(of("fails").outcome, Outcome::Failed);
    assert!(std::fs::read_to_string(of("fails").log).expect("a log").contains("why it fails"));
    assert_eq!(of("lacks").outcome, skipped("mounts"));
    assert_eq!(of("ends").outcome, skipped("program nothing"));
    assert_eq!(of("lacks_and_fails").outcome, Outcome::Failed, "a failure is no skip");
    assert_eq!(of("only_shared").outcome, skipped("shared-run"));
    assert_eq!(of("hangs").outcome, Outcome::TimedOut);
    let started = std::fs::read_to_string(folder.path().join("pid")).expect("what it started");
    let until = Instant::now() + Duration::from_secs(10);
    while is_running(&started) {
        assert!(Instant::now() < until, "what it started goes on");
        std::thread::sleep(Duration::from_millis(20));
    }

    let mut report = Report::default();
    report.add(results.into_iter().filter(|result| result.job.test.name == "passes").collect());
    report.check(true).expect("all is well");
    let only = |name: &str, on| -> Vec<Job> {
        let of_name = |test: &&Test| test.name == name;
        tests.iter().filter(of_name).map(|test| Job { test, on }).collect()
    };
    let brought = Brought::new(folder.path());
    report.add(runner.run(&only("only_shared", Stores::Embedded), &brought).expect("it runs"));
    report.check(false).expect("skipped tests are said, and fail nothing");
    assert!(report.check(true).is_err(), "unless none may be");
    // What is skipped here because it runs there is not skipped.
    report.add(runner.run(&only("only_shared", Stores::Shared), &brought).expect("it runs"));
    report.check(true).expect("nothing lacks");
    report.add(runner.run(&only("lacks", Stores::Embedded), &brought).expect("it runs"));
    assert!(report.check(true).is_err());
    report.add(runner.run(&only("fails", Stores::Embedded), &brought).expect("it runs"));
    assert!(report.check(false).is_err());
}
