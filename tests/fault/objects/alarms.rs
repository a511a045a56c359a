//! Alarms outlive the processes that set them.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use tests::DEADLINE;
use tests::server::Server;

use super::super::alone;
use super::{ask, folder, start, state};

/// Enough that every process owns some.
const OBJECTS: usize = 24;

fn objects() -> impl Iterator<Item = String> {
    (0..OBJECTS).map(|n| format!("o{n}"))
}

fn arm_all(server: &Server, millis: u64) {
    for object in objects() {
        assert_eq!(ask(server, &format!("/arm/{object}?millis={millis}")), "1");
    }
}

/// Waits until every alarm has fired: how often each has.
fn fired(server: &Server) -> Vec<u64> {
    let deadline = Instant::now() + DEADLINE;
    let runs = objects().map(|object| {
        while state(server, &object, "fired") == 0 {
            assert!(
                Instant::now() < deadline,
                "{object} has not fired\n{server:?}"
            );
        }
        state(server, &object, "runs")
    });
    runs.collect()
}

const ONCE: [u64; OBJECTS] = [1; OBJECTS];

#[test]
fn alarms_outlive_everything_and_fire_once_under_another_number_of_processes() {
    const DUE_MS: u64 = 8000;
    let _alone = alone();
    let folder = folder();
    let mut server = start(&folder, 4);
    let begun = Instant::now();
    arm_all(&server, DUE_MS);
    server.kill_all();
    let mut server = start(&folder, 3);
    server.kill_all();
    let undisturbed = begun.elapsed() < Duration::from_millis(DUE_MS);
    let fired = fired(&start(&folder, 1));
    // A machine so slow that the kills came while handlers ran may have seen some twice.
    assert!(!undisturbed || fired == ONCE, "{fired:?}");
}

#[test]
fn a_restarted_process_takes_up_the_alarms_of_the_one_before() {
    let _alone = alone();
    let folder = folder();
    let server = start(&folder, 2);
    arm_all(&server, 1000);
    for slot in [0, 1] {
        let moment = server.moment();
        kill(server.phase(slot, "serving", 0).pid, Signal::SIGKILL).unwrap();
        server.phase(slot, "serving", moment);
    }
    // A handler that ran when its process was killed has run again.
    assert!(fired(&server).iter().all(|runs| (1..=2).contains(runs)));
}

#[test]
fn alarms_of_a_process_that_ends_fire_in_the_one_that_replaces_it() {
    let _alone = alone();
    for processes in [1, 2] {
        let folder = folder();
        let server = start(&folder, processes);
        arm_all(&server, 1000);
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        assert!(server.reloaded(moment));
        assert_eq!(fired(&server), ONCE);
    }
}

/// Due while nobody serves, they fire when somebody does.
#[test]
fn alarms_that_are_overdue_fire_at_the_start() {
    let _alone = alone();
    let folder = folder();
    let mut server = start(&folder, 2);
    arm_all(&server, 1);
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(fired(&start(&folder, 3)), ONCE);
}
