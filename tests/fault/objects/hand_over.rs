//! A reload: objects go from the processes that end to those that begin, and are never in two.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tests::history::Entry;
use tests::http::Client;
use tests::server::Server;

use super::super::alone;
use super::{ask, folder, prepare, start, state};

/// Far less than an object's time to be evicted, or than a lock is waited for.
const SOON: Duration = Duration::from_secs(5);

fn reload(server: &Server) {
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    assert!(server.reloaded(moment), "{server:?}");
}

fn append(server: &Server, object: &str, name: &str) -> Entry {
    Entry::parse(&ask(server, &format!("/append/{object}?name={name}"))).unwrap()
}

#[test]
fn an_idle_object_moves_at_once() {
    let _alone = alone();
    for processes in [1, 2] {
        let folder = folder();
        let server = start(&folder, processes);
        let objects: Vec<String> = (0..8).map(|n| format!("o{n}")).collect();
        for round in 1..=3 {
            let begun = Instant::now();
            for object in &objects {
                let entry = append(&server, object, &format!("a{round}"));
                assert_eq!((entry.number, entry.life), (round, round), "{object}");
            }
            assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
            reload(&server);
        }
    }
}

/// Begins a request that the object answers once [`finish`] has ended it; returns when the object has it.
fn hold(server: &Server, what: &str, object: &str) -> Client {
    let mut client = Client::connect(&server.address("http")).unwrap();
    let head = format!("POST /{what}/{object} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    client.send(head.as_bytes()).unwrap();
    while ask(server, &format!("/read/{object}")).is_empty() {}
    client
}

fn finish(mut client: Client) -> Entry {
    client.send(b"end").unwrap();
    let answer = client.answer().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    Entry::parse(answer.text()).unwrap()
}

#[test]
fn an_object_ends_what_it_has_before_it_moves() {
    let _alone = alone();
    for processes in [1, 2] {
        let folder = folder();
        let server = start(&folder, processes);
        let held = hold(&server, "hold", "first");
        let moment = server.moment();
        reload(&server);
        // New processes accept this one, and wait for the object's end in the old.
        let (next, old) = thread::scope(|scope| {
            let next = scope.spawn(|| append(&server, "first", "next"));
            // Others are not held up.
            append(&server, "second", "a");
            assert!(!next.is_finished());
            let old = finish(held);
            (next.join().unwrap(), old)
        });
        assert_eq!((old.number, old.life), (1, 1));
        assert_eq!((next.number, next.life), (2, 2));
        server.phase(0, "stopped", moment);
    }
}

/// What an object waits for may call it where it is: there is no deadlock.
#[test]
fn an_object_that_is_to_leave_can_still_be_called_by_what_it_waits_for() {
    let _alone = alone();
    for processes in [1, 2] {
        let folder = folder();
        let server = start(&folder, processes);
        let held = hold(&server, "roundabout", "first");
        reload(&server);
        let begun = Instant::now();
        let entry = finish(held);
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        assert_eq!((entry.number, entry.life), (2, 1));
        let next = append(&server, "first", "next");
        assert_eq!((next.number, next.life), (3, 2));
    }
}

#[test]
fn work_after_the_answer_is_waited_for() {
    let _alone = alone();
    for signal in [Signal::SIGHUP, Signal::SIGTERM] {
        let folder = folder();
        let mut server = start(&folder, 2);
        assert_eq!(ask(&server, "/later/first?millis=2000"), "later");
        let moment = server.moment();
        server.signal(signal);
        if signal == Signal::SIGTERM {
            assert_eq!(server.wait_for_end().code(), Some(0));
            server = start(&folder, 2);
        } else {
            assert!(server.reloaded(moment));
        }
        assert_eq!(ask(&server, "/wasLater/first"), "true");
        assert_eq!(state(&server, "first", "life"), 2);
    }
}

#[test]
fn what_does_not_end_is_cut_off_at_the_deadline() {
    let _alone = alone();
    let folder = folder();
    let server = prepare(&folder, 2).arg("--drain-timeout=500ms").start();
    let mut held = hold(&server, "hold", "first");
    reload(&server);
    let begun = Instant::now();
    let next = append(&server, "first", "next");
    assert_eq!((next.number, next.life), (2, 2));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert!(held.answer().map_or(0, |answer| answer.status) != 200);
}
