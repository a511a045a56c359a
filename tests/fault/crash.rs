//! A process is killed: only what was in flight on it is lost.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use tests::folder::Folder;
use tests::load::{Connection, End, Load};
use tests::server::Start;
use tests::stream::Address;

use super::{CLIENTS, alone, program, two_processes, who};

/// A crashed process serves again after this long.
const BACK_WITHIN: Duration = Duration::from_secs(1);

#[test]
fn kill_of_the_first_process() {
    kill_under_load(0);
}

#[test]
fn kill_of_the_second_process() {
    kill_under_load(1);
}

fn kill_under_load(slot: u64) {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let server = two_processes(&folder);
    let victim = server.phase(slot, "serving", 0);
    let address = server.address("http");
    let kept = Load::start(&address, CLIENTS, true);
    let fresh = Load::start(&address, 2, false);
    kept.wait_for(20 * CLIENTS);

    let moment = server.moment();
    let killed_at = Instant::now();
    kill(victim.pid, Signal::SIGKILL).unwrap();
    let back = server.phase(slot, "serving", moment);
    let down_for = killed_at.elapsed();
    assert_ne!(back.pid, victim.pid);
    assert!(down_for < BACK_WITHIN, "down for {down_for:?}");
    server.complaint("it is started again");
    // It gets its share of new connections again.
    let names = names_of_new_connections(&address);
    assert_eq!(names.len(), 2, "{names:?}");
    fresh.wait_for(200);

    let (kept, fresh) = (kept.stop(), fresh.stop());
    for connection in kept
        .iter()
        .chain(&fresh)
        .filter(|connection| connection.end != End::Agreed)
    {
        assert!(matches!(connection.end, End::Lost(_)), "{connection:?}");
        assert!(
            connection.opened < killed_at,
            "opened after the kill, and lost: {connection:?}"
        );
        for (body, _) in &connection.answers {
            assert!(
                !names.contains(body),
                "lost by the process that was not killed: {connection:?}"
            );
        }
    }
    let lost = |connections: &[Connection]| {
        connections
            .iter()
            .filter(|connection| connection.end != End::Agreed)
            .count()
    };
    // One request each can have been under way.
    assert!(lost(&kept) <= CLIENTS && lost(&fresh) <= 2);
    assert!(lost(&kept) > 0, "the killed process had no connection");
    let untouched = kept
        .iter()
        .any(|connection| connection.opened < killed_at && connection.end == End::Agreed);
    assert!(untouched, "the other process had no connection");
}

fn names_of_new_connections(address: &Address) -> HashSet<String> {
    let names = (0..200).map(|_| tests::http::get(address, "/").unwrap().text().to_owned());
    names.collect()
}

/// From its first reload on, a server of one process has that in a child.
#[test]
fn one_process_comes_back_after_a_reload() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    let server = start.processes(1).start();
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    assert!(server.reloaded(moment));
    let child = server.phase(0, "serving", moment);
    assert_ne!(child.pid, server.pid());
    let moment = server.moment();
    kill(child.pid, Signal::SIGKILL).unwrap();
    server.phase(0, "stopped", moment);
    // Nobody accepts now: the connection waits in the queue.
    assert!(server.get("/").text().starts_with("1 "));
    server.phase(0, "serving", moment);
}

#[test]
fn new_connections_reach_both_processes() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let server = two_processes(&folder);
    assert_eq!(names_of_new_connections(&server.address("http")).len(), 2);
}

#[test]
fn processes_end_with_their_supervisor() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let mut server = two_processes(&folder);
    server.get("/");
    kill(server.pid(), Signal::SIGKILL).unwrap();
    // The processes hold the server's standard error open for as long as they live.
    server.wait_for_end();
}
