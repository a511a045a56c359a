//! SIGTERM and SIGINT: what was accepted is answered, then the server ends.

use std::net::TcpListener;

use nix::sys::signal::{Signal, kill};
use tests::folder::Folder;
use tests::http::Client;
use tests::load::{End, Load};
use tests::server::{Server, Start};
use tests::stream::Address;

use super::{CLIENTS, alone, program, two_processes, who};

#[test]
fn stop_under_load_with_two_processes() {
    stop_under_load(2, Signal::SIGTERM);
}

#[test]
fn stop_under_load_with_one_process() {
    stop_under_load(1, Signal::SIGINT);
}

fn stop_under_load(processes: u32, signal: Signal) {
    let _alone = alone();
    let folder = Folder::worker(&who("1"));
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    let mut server = start.processes(processes).start();
    let load = Load::start(&server.address("http"), CLIENTS, true);
    load.wait_for(10 * CLIENTS);
    server.signal(signal);
    let connections = load.join();
    assert_eq!(server.wait_for_end().code(), Some(0));
    for connection in &connections {
        let ended_well = matches!(connection.end, End::Agreed | End::Refused(_));
        assert!(ended_well, "{connection:?}\n{server:?}");
    }
    assert!(
        connections
            .iter()
            .any(|connection| matches!(connection.end, End::Refused(_)))
    );
}

/// Answers with what was sent to it, once all of it has come.
const ECHO: &str =
    "export default { async fetch(request) { return new Response(await request.text()); } };";

/// Sends a request without its body; the worker waits for that when this returns.
fn hold_a_request(server: &Server) -> Client {
    let mut client = Client::connect(&server.address("http")).unwrap();
    client
        .send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .unwrap();
    assert_eq!(client.read(false).unwrap().status, 100);
    client
}

#[test]
fn a_request_that_is_under_way_is_answered() {
    let _alone = alone();
    let folder = Folder::worker(ECHO);
    let mut server = two_processes(&folder);
    let mut client = hold_a_request(&server);
    let moment = server.moment();
    server.signal(Signal::SIGTERM);
    server.phase(0, "draining", moment);
    server.phase(1, "draining", moment);
    client.send(b"late").unwrap();
    let answer = client.answer().unwrap();
    assert_eq!((answer.text(), answer.closes()), ("late", true));
    assert_eq!(server.wait_for_end().code(), Some(0));
}

/// Terminals and service managers signal every process of a server.
#[test]
fn a_signal_to_all_processes_is_the_supervisors() {
    let _alone = alone();
    let folder = Folder::worker(ECHO);
    let mut server = two_processes(&folder);
    let mut client = hold_a_request(&server);
    let moment = server.moment();
    let (supervisor, processes) = (server.pid(), server.tree().split_off(1));
    assert_eq!(processes.len(), 2);
    for process in processes.into_iter().chain([supervisor]) {
        kill(process, Signal::SIGINT).unwrap();
    }
    server.phase(0, "draining", moment);
    server.phase(1, "draining", moment);
    client.send(b"late").unwrap();
    assert_eq!(client.answer().unwrap().text(), "late");
    assert_eq!(server.wait_for_end().code(), Some(0));
}

#[test]
fn asked_again_it_stops_at_once() {
    let _alone = alone();
    let folder = Folder::worker(ECHO);
    for processes in [1, 2] {
        let start = Start::serve(&program(), &folder.path("config.capnp"));
        let mut server = start.processes(processes).start();
        let mut client = hold_a_request(&server);
        let moment = server.moment();
        server.signal(Signal::SIGTERM);
        server.phase(0, "draining", moment);
        // What follows at once is taken for an echo of the first signal.
        while server.runs() {
            server.signal(Signal::SIGTERM);
        }
        assert_eq!(server.wait_for_end().code(), Some(1));
        assert!(client.answer().is_err());
        server.complaint("Stopped at once, as asked again.");
    }
}

#[test]
fn the_drain_has_a_deadline() {
    let _alone = alone();
    let folder = Folder::worker(ECHO);
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    let mut server = start.arg("--drain-timeout=200ms").processes(2).start();
    let mut client = hold_a_request(&server);
    server.stop();
    assert!(client.answer().is_err());
}

/// Told to drain while it begins to serve, it has not heard of the one and has not told of the other.
#[test]
fn the_drain_of_one_that_serves_late_has_a_deadline() {
    let _alone = alone();
    let folder = Folder::worker("export default { fetch() { for (;;); } };");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = Address::Loopback(listener.local_addr().unwrap().port());
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    let mut server = start
        .arg("--socket-fd=http=0")
        .arg("--drain-timeout=1s")
        .give(listener.into())
        .processes(2)
        .spawn();
    let prompt = server.phase(1, "starting", 0);
    kill(prompt.pid, Signal::SIGSTOP).unwrap();
    let late = server.phase(0, "ready", 0);
    kill(late.pid, Signal::SIGSTOP).unwrap();
    kill(prompt.pid, Signal::SIGCONT).unwrap();
    server.phase(1, "serving", 0);
    // One for each process to hang in, and more.
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let mut client = Client::connect(&address).unwrap();
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            client
        })
        .collect();
    server.signal(Signal::SIGTERM);
    // The supervisor, which has nothing else to do, hears of the one before it hears of the other.
    kill(late.pid, Signal::SIGCONT).unwrap();
    server.wait_for_end();
    drop(clients);
}
