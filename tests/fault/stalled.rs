//! A process whose event loop does not turn: it says where it stands, nobody else waits for it, and it is replaced.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use tests::folder::Folder;
use tests::http::Client;
use tests::server::{Server, Start};

use super::{alone, program};

/// Time enough to tell where it stands, on a busy machine.
const WATCHDOG: &str = "--watchdog=4s";

const PROCESSES: u64 = 2;

/// Objects enough for each process to have some.
const OBJECTS: usize = 8;

/// A guard against hanging.
const MAX_WAIT: Duration = Duration::from_secs(60);

const WORKER: &str = r#"
import { DurableObject } from "cloudflare:workers";
let name;
function spinsForEver() { while (true); }
export class Counter extends DurableObject { add() { return this.n = (this.n ?? 0) + 1; } }
export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    if (path === "/spin") spinsForEver();
    if (path === "/objects") {
      const calls = Array.from({ length: 8 }, (_, n) => env.COUNTERS.getByName("n" + n).add());
      const ends = await Promise.allSettled(calls);
      return Response.json(ends.map((end) => end.status === "fulfilled" || end.reason.retryable === true));
    }
    name ??= crypto.randomUUID();
    return new Response(name);
  },
};
"#;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "the-worker", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-01-01",
    durableObjectNamespaces = [(className = "Counter", uniqueKey = "counter")],
    durableObjectStorage = (inMemory = void),
    bindings = [(name = "COUNTERS", durableObjectNamespace = "Counter")],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "the-worker")],
);
"#;

fn folder() -> Folder {
    Folder::new(&[("worker.js", WORKER), ("config.capnp", CONFIG)])
}

fn start(folder: &Folder, processes: u64) -> Server {
    Start::serve(&program(), &folder.path("config.capnp"))
        .processes(processes as u32)
        .arg(WATCHDOG)
        .start()
}

/// Every process answers.
fn wait_for_all(server: &Server, processes: u64) {
    let began = Instant::now();
    let mut names = HashSet::new();
    while names.len() < processes as usize {
        names.insert(server.get("/").text().to_owned());
        assert!(began.elapsed() < MAX_WAIT, "{names:?} {server:?}");
    }
}

#[test]
fn code_that_does_not_return_is_named_and_ended() {
    let _alone = alone();
    for processes in [1, PROCESSES] {
        let folder = folder();
        let mut server = start(&folder, processes);
        let moment = server.moment();
        let mut client = Client::connect(&server.address("http")).unwrap();
        client
            .send(b"GET /spin HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        server.complaint("The event loop stands in service the-worker");
        // Before the process is gone, new clients are answered if another can.
        for _ in 0..20 * (processes - 1) {
            assert_eq!(server.get("/").status, 200);
        }
        server.complaint("in spinsForEver");
        server.complaint("its event loop has not turned for 4s (--watchdog)");
        server.wait("a new process", moment, |event| event["phase"] == "serving");
        wait_for_all(&server, processes);
        assert_eq!(server.stop().code(), Some(0));
    }
}

#[test]
fn a_stopped_process_is_replaced_and_its_objects_callers_are_told() {
    let _alone = alone();
    let folder = folder();
    let mut server = start(&folder, PROCESSES);
    wait_for_all(&server, PROCESSES);
    let victim = server.phase(1, "serving", 0);
    let all_well = format!("[{}]", ["true"; OBJECTS].join(","));
    assert_eq!(server.get("/objects").text(), all_well);
    kill(victim.pid, Signal::SIGSTOP).unwrap();
    let began = Instant::now();
    // Each object answers, or its caller learns that it is to try again.
    assert_eq!(server.get("/objects").text(), all_well);
    server.complaint("it is stopped (SIGSTOP, or a tracer)");
    wait_for_all(&server, PROCESSES);
    assert_eq!(server.get("/objects").text(), all_well);
    assert!(began.elapsed() < MAX_WAIT);
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn a_process_that_goes_on_is_left_alone() {
    let _alone = alone();
    let folder = folder();
    let mut server = start(&folder, PROCESSES);
    let victim = server.phase(1, "serving", 0);
    kill(victim.pid, Signal::SIGSTOP).unwrap();
    server.complaint("Process 1 has not turned its event loop");
    kill(victim.pid, Signal::SIGCONT).unwrap();
    server.complaint("Process 1 goes on.");
    wait_for_all(&server, PROCESSES);
    assert_eq!(server.phase(1, "serving", 0).pid, victim.pid);
    assert_eq!(server.stop().code(), Some(0));
}
