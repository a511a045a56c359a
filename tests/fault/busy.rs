//! Workers whose code does not return: no start, reload or stop waits for them.

use nix::sys::signal::Signal;
use tests::folder::Folder;
use tests::http::Client;
use tests::server::{Server, Start};

use super::{alone, program, who};

/// Does not return when it is loaded.
const SPINS_AT_START: &str = "while (true);";

/// Says that it is busy, and is.
const SPINS: &str = r#"export default { fetch() { console.error("busy now"); while (true); } };"#;

fn serve(folder: &Folder, processes: u32) -> Start {
    Start::serve(&program(), &folder.path("config.capnp")).processes(processes)
}

/// Has a process of the server run JavaScript that does not return. The request lasts as long as what this returns.
fn make_busy(server: &Server) -> Client {
    let mut client = Client::connect(&server.address("http")).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    server.complaint("busy now");
    client
}

#[test]
fn a_start_has_a_time() {
    let _alone = alone();
    let folder = Folder::worker(SPINS_AT_START);
    for processes in [1, 2] {
        let mut server = serve(&folder, processes)
            .arg("--start-timeout=300ms")
            .spawn();
        assert_eq!(server.wait_for_end().code(), Some(1));
        server.complaint("has not started within 300ms (--start-timeout)");
    }
}

#[test]
fn a_reload_over_its_time_changes_nothing() {
    let _alone = alone();
    for processes in [1, 2] {
        let folder = Folder::worker(&who("1"));
        let mut server = serve(&folder, processes).arg("--start-timeout=5s").start();
        folder.write("worker.js", SPINS_AT_START);
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        assert!(!server.reloaded(moment));
        server.complaint("has not started within 5s (--start-timeout)");
        assert!(server.get("/").text().starts_with("1 "));
        assert_eq!(server.stop().code(), Some(0));
    }
}

#[test]
fn a_newer_request_replaces_a_reload_that_does_not_end() {
    let _alone = alone();
    for (processes, newer) in [
        (1, Signal::SIGHUP),
        (2, Signal::SIGHUP),
        (1, Signal::SIGUSR2),
        (2, Signal::SIGUSR2),
        (1, Signal::SIGTERM),
        (2, Signal::SIGTERM),
    ] {
        let folder = Folder::worker(&who("1"));
        let mut server = serve(&folder, processes).start();
        folder.write("worker.js", SPINS_AT_START);
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        server.phase(0, "starting", moment);
        folder.write("worker.js", &who("2"));
        server.signal(newer);
        if newer != Signal::SIGTERM {
            assert!(server.reloaded(moment));
            if newer == Signal::SIGUSR2 {
                server.wait("upgrade", moment, |event| event["event"] == "upgraded");
            }
            assert!(server.get("/").text().starts_with("2 "));
            server.signal(Signal::SIGTERM);
        }
        assert_eq!(server.wait_for_end().code(), Some(0));
    }
}

#[test]
fn a_newer_request_replaces_a_first_start_that_does_not_end() {
    let _alone = alone();
    for (processes, newer) in [
        (1, Signal::SIGHUP),
        (2, Signal::SIGHUP),
        (1, Signal::SIGTERM),
        (2, Signal::SIGTERM),
    ] {
        let folder = Folder::worker(SPINS_AT_START);
        let mut server = serve(&folder, processes).spawn();
        server.phase(0, "starting", 0);
        folder.write("worker.js", &who("1"));
        server.signal(newer);
        if newer == Signal::SIGHUP {
            assert!(server.get("/").text().starts_with("1 "));
            if processes == 1 {
                // A thread that spins cannot be ended in any other way.
                server.wait("execution", 0, |event| event["event"] == "upgraded");
                assert!(server.get("/").text().starts_with("1 "));
            }
            server.signal(Signal::SIGTERM);
        }
        assert_eq!(server.wait_for_end().code(), Some(0));
    }
}

#[test]
fn a_drain_that_nobody_hears_ends_at_its_deadline() {
    let _alone = alone();
    let folder = Folder::worker(SPINS);
    for processes in [1, 2] {
        let mut server = serve(&folder, processes)
            .arg("--drain-timeout=300ms")
            .start();
        let mut client = make_busy(&server);
        assert_eq!(server.stop().code(), Some(0));
        server.complaint("has not drained within 300ms (--drain-timeout)");
        assert!(client.answer().is_err());
    }
}

#[test]
fn asked_again_a_busy_server_stops_at_once() {
    let _alone = alone();
    let folder = Folder::worker(SPINS);
    for processes in [1, 2] {
        let mut server = serve(&folder, processes).arg("--drain-timeout=1m").start();
        let _client = make_busy(&server);
        server.signal(Signal::SIGTERM);
        while server.runs() {
            server.signal(Signal::SIGTERM);
        }
        assert_eq!(server.wait_for_end().code(), Some(1));
    }
}

#[test]
fn a_reload_leaves_a_busy_process_behind() {
    let _alone = alone();
    for processes in [1, 2] {
        let folder = Folder::worker(SPINS);
        let mut server = serve(&folder, processes).arg("--drain-timeout=3s").start();
        let mut client = make_busy(&server);
        folder.write("worker.js", &who("2"));
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        assert!(server.reloaded(moment));
        assert!(server.get("/").text().starts_with("2 "));
        server.complaint("has not drained within 3s (--drain-timeout)");
        assert!(client.answer().is_err());
        assert!(server.get("/").text().starts_with("2 "));
        assert_eq!(server.stop().code(), Some(0));
    }
}
