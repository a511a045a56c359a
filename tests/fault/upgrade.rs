//! SIGUSR2: the server goes on with the program that is now on disk, and keeps what it holds.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::folder::Folder;
use tests::http::Client;
use tests::program::Program;
use tests::server::{Server, Start};

use super::{alone, program, who};

/// Puts a program where another runs; that one keeps its file.
fn install(contents: impl AsRef<[u8]>, place: &Path) {
    let new = place.with_extension("new");
    fs::write(&new, contents).unwrap();
    let mode = fs::metadata(program().path()).unwrap().permissions();
    fs::set_permissions(&new, mode).unwrap();
    fs::rename(&new, place).unwrap();
}

fn executable_of(pid: Pid) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/exe")).unwrap()
}

/// A server whose program can be replaced, and where that is.
fn replaceable(folder: &Folder, processes: u32) -> (Server, PathBuf) {
    let place = folder.path("workerd");
    install(fs::read(program().path()).unwrap(), &place);
    let start = Start::serve(&Program::at(&place), &folder.path("config.capnp"));
    (start.processes(processes).start(), place)
}

#[test]
fn an_upgrade_keeps_process_id_and_listeners() {
    let _alone = alone();
    for processes in [1, 2] {
        let folder = Folder::worker(&who("1"));
        let (server, place) = replaceable(&folder, processes);
        let port = server.port("http");

        install(fs::read(program().path()).unwrap(), &place);
        let moment = server.moment();
        server.signal(Signal::SIGUSR2);
        assert!(server.reloaded(moment));
        server.wait("upgrade", moment, |event| event["event"] == "upgraded");
        let name = fs::read_to_string(format!("/proc/{}/comm", server.pid()));
        assert_eq!(name.unwrap(), "workerd\n");
        assert_eq!(executable_of(server.pid()), place);
        for slot in 0..u64::from(processes) {
            let process = server.phase(slot, "serving", moment);
            assert_eq!(
                (process.generation, executable_of(process.pid)),
                (2, place.clone())
            );
        }
        assert!(server.get("/").text().starts_with("1 "));

        // The new program reloads and restarts what the old one started.
        folder.write("worker.js", &who("2"));
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        assert!(server.reloaded(moment));
        assert!(server.get("/").text().starts_with("2 "));
        assert_eq!(server.port("http"), port);
        let victim = server.phase(0, "serving", moment);
        let moment = server.moment();
        kill(victim.pid, Signal::SIGKILL).unwrap();
        server.phase(0, "serving", moment);
        assert!(server.get("/").text().starts_with("2 "));
        let mut server = server;
        assert_eq!(server.stop().code(), Some(0));
    }
}

#[test]
fn a_program_that_does_not_start_changes_nothing() {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let (mut server, place) = replaceable(&folder, 2);
    let before = server.tree();
    for bad in ["no program", "#!/bin/false\n"] {
        install(bad, &place);
        let moment = server.moment();
        server.signal(Signal::SIGUSR2);
        assert!(!server.reloaded(moment));
        assert!(server.get("/").text().starts_with("1 "));
    }
    assert!(before.iter().all(|pid| server.tree().contains(pid)));
    assert_eq!(server.stop().code(), Some(0));
}

/// Answers once its request's body has come.
const WAITS: &str =
    "export default { async fetch(request) { return new Response(await request.text()); } };";

#[test]
fn an_upgrade_that_fails_leaves_the_one_before_it() {
    let _alone = alone();
    let folder = Folder::worker(WAITS);
    let (mut server, place) = replaceable(&folder, 2);
    // Keeps the first generation.
    let mut client = Client::connect(&server.address("http")).unwrap();
    client
        .send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .unwrap();
    assert_eq!(client.read(false).unwrap().status, 100);

    install(fs::read(program().path()).unwrap(), &place);
    let moment = server.moment();
    server.signal(Signal::SIGUSR2);
    assert!(server.reloaded(moment));
    assert_ne!(executable_of(server.pid()), place, "not before the drain");
    install("#!/bin/false\n", &place);
    let moment = server.moment();
    server.signal(Signal::SIGUSR2);
    assert!(!server.reloaded(moment));

    let moment = server.moment();
    client.send(b"late").unwrap();
    assert_eq!(client.answer().unwrap().text(), "late");
    server.wait("upgrade", moment, |event| event["event"] == "upgraded");
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.stop().code(), Some(0));
}
