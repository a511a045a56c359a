//! SIGHUP and `--watch`: new code answers, no request fails, and a bad config changes nothing.

use nix::sys::signal::{Signal, kill};
use tests::folder::{Folder, ONE_WORKER};
use tests::http::{Client, get};
use tests::load::{End, Load};
use tests::server::{Server, Start};

use super::{CLIENTS, alone, program, two_processes, who};

#[test]
fn reload_under_load_with_two_processes() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    reload_under_load(&two_processes(&folder), &folder);
}

#[test]
fn reload_under_load_with_one_process() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    reload_under_load(&start.processes(1).start(), &folder);
}

fn reload_under_load(server: &Server, folder: &Folder) {
    let address = server.address("http");
    let kept = Load::start(&address, CLIENTS, true);
    let fresh = Load::start(&address, 2, false);
    kept.wait_for(10 * CLIENTS);
    for version in 2..=4 {
        folder.write("worker.js", &who(&version.to_string()));
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        assert!(server.reloaded(moment));
        kept.wait_for(10 * CLIENTS);
    }
    let (kept, fresh) = (kept.stop(), fresh.stop());
    for connection in kept.iter().chain(&fresh) {
        assert_eq!(connection.end, End::Agreed, "{connection:?}\n{server:?}");
    }
    let is_new = |(body, _): &(String, usize)| body.starts_with("4 ");
    assert!(
        kept.iter()
            .any(|connection| connection.answers.iter().any(is_new))
    );
    assert!(
        fresh
            .last()
            .is_some_and(|connection| connection.answers.iter().all(is_new))
    );
}

#[test]
fn a_bad_config_is_refused_by_a_reload() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let server = two_processes(&folder);
    for bad in ["export default {", "throw new Error('it will not start');"] {
        folder.write("worker.js", bad);
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        assert!(!server.reloaded(moment));
        assert!(server.get("/").text().starts_with("1 "));
    }
    server.complaint("it will not start");
    folder.write("worker.js", &who("2"));
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    assert!(server.reloaded(moment));
    server.phase(0, "stopped", moment);
    server.phase(1, "stopped", moment);
    assert!(server.get("/").text().starts_with("2 "));
}

/// Takes a second or so to start; no clock ticks meanwhile.
const SLOW: &str = "for (let i = 0; i < 1e9; i++);\n";

#[test]
fn a_bad_config_leaves_what_is_starting_alone() {
    let _alone = alone();
    for processes in [1, 2] {
        let folder = Folder::worker(&(SLOW.to_owned() + &who("1")));
        let config = std::fs::read_to_string(folder.path("config.capnp")).unwrap();
        let start = Start::serve(&program(), &folder.path("config.capnp"));
        let server = start.processes(processes).spawn();
        server.phase(0, "starting", 0);
        folder.write("config.capnp", "no config");
        server.signal(Signal::SIGHUP);
        assert!(!server.reloaded(0));
        assert!(server.get("/").text().starts_with("1 "));

        // The same while another is served.
        folder.write("config.capnp", &config);
        folder.write("worker.js", &(SLOW.to_owned() + &who("2")));
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        server.phase(0, "starting", moment);
        folder.write("config.capnp", "no config");
        server.signal(Signal::SIGHUP);
        assert!(!server.reloaded(moment));
        server.phase(0, "stopped", moment);
        assert!(server.get("/").text().starts_with("2 "));
    }
}

#[test]
fn sockets_come_and_go_with_reloads() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let socket = r#"(name = "http", address = "127.0.0.1:0", http = (), service = "main")"#;
    let with = |name: &str, host: &str| {
        let other = socket
            .replace("http\",", &format!("{name}\","))
            .replace("127.0.0.1", host);
        ONE_WORKER.replace(socket, &format!("{other}, {socket}"))
    };
    folder.write("config.capnp", &with("old", "127.0.0.1"));
    let server = two_processes(&folder);
    let (kept, old) = (server.port("http"), server.address("old"));
    folder.write("config.capnp", &with("new", "localhost"));
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    assert!(server.reloaded(moment));
    let port = server.wait("listening", moment, |event| event["socket"] == "http")["port"].clone();
    assert_eq!(port, kept);
    assert!(
        get(&server.address("new"), "/")
            .unwrap()
            .text()
            .starts_with("1 ")
    );
    assert!(get(&old, "/").is_err());
    server.get("/");
}

#[test]
fn a_watched_config_is_waited_for() {
    let _alone = alone();
    let folder = Folder::worker("export default {");
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    let server = start.arg("--watch").processes(1).spawn();
    server.complaint("Waiting for a change of the config.");
    folder.write("worker.js", &who("1"));
    assert!(server.get("/").text().starts_with("1 "));
}

#[test]
fn watched_files_reload() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    let server = start.arg("--watch").processes(1).start();
    for version in ["2", "3"] {
        let moment = server.moment();
        folder.write("worker.js", &who(version));
        assert!(server.reloaded(moment));
        server.phase(0, "stopped", moment);
        assert!(server.get("/").text().starts_with(version));
    }
}

#[test]
fn a_request_that_came_while_its_process_stood_still_is_answered() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let mut server = two_processes(&folder);
    let mut client = Client::connect(&server.address("http")).unwrap();
    assert_eq!(client.get("/").unwrap().status, 200);
    let old = [0, 1].map(|slot| server.phase(slot, "serving", 0).pid);
    for pid in old {
        kill(pid, Signal::SIGSTOP).unwrap();
    }
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    for slot in [0, 1] {
        server.phase(slot, "serving", moment);
    }
    // By now the connection has been without an answer for longer than an idle one is kept in a drain.
    for pid in old {
        kill(pid, Signal::SIGCONT).unwrap();
    }
    assert_eq!(client.answer().unwrap().status, 200);
    assert!(server.reloaded(moment));
    assert_eq!(server.stop().code(), Some(0));
}
