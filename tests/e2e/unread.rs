//! Bodies that nobody reads to their end, up and down: nothing waits for a reader that will never come, in one process and across
//! two.

use std::io::Write;
use std::thread;

use tests::folder::Folder;
use tests::http::{Answer, Client, is_close};
use tests::server::{Server, Start};

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-05-01",
    durableObjectNamespaces = [(className = "Thing", uniqueKey = "thing")],
    durableObjectStorage = (inMemory = void),
    bindings = [
      (name = "THING", durableObjectNamespace = "Thing"),
      (name = "SERVICE", service = (name = "main", entrypoint = "Service")),
    ],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// `/N/what` asks the object of that name, `/service/what` a service, `/rpc/N/what` calls a method of the object.
const WORKER: &str = r#"
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

const first = new TextEncoder().encode("first");

/** Gives one chunk and then nothing for a long time; says how it ends. */
const idle = (name) => new ReadableStream({
  start: (controller) => controller.enqueue(first),
  pull: () => scheduler.wait(600_000),
  cancel: () => console.error(`${name} is cancelled`),
});

/** Gives one chunk, and nothing is left that could ever give another. */
const stuck = (name) => new ReadableStream({
  start: (controller) => controller.enqueue(first),
  cancel: () => console.error(`${name} is cancelled`),
});

async function answer(request) {
  const { pathname } = new URL(request.url);
  const what = pathname.split("/").at(-1);
  if (what === "stuck") return new Response(stuck(pathname));
  if (what === "idle") return new Response(idle(pathname));
  if (what === "echo") return new Response(request.body);
  if (what === "part") await request.body.getReader().read();
  if (what === "read") await request.arrayBuffer();
  if (what === "throw") throw new Error("thrown");
  return new Response(what);
}

export class Service extends WorkerEntrypoint {
  fetch = answer;
}

export class Thing extends DurableObject {
  async fetch(request) {
    const what = new URL(request.url).pathname.split("/").at(-1);
    if (what === "sockets") return new Response(`${this.ctx.getWebSockets().length}`);
    if (what === "accept") {
      const { 0: client, 1: server } = new WebSocketPair();
      this.ctx.acceptWebSocket(server);
      return new Response(null, { status: 101, webSocket: client });
    }
    return answer(request);
  }

  idle(name) {
    return idle(name);
  }

  webSocketClose(_, code, reason, wasClean) {
    console.error(`closed ${code} ${wasClean}`);
  }
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const [, first, second] = pathname.split("/");
    if (first === "service") return env.SERVICE.fetch(request);
    if (first === "rpc") return new Response(await env.THING.getByName(second).idle(pathname));
    return second === undefined ? answer(request) : env.THING.getByName(first).fetch(request);
  },
};
"#;

/// Objects enough that each of two processes has some.
const OBJECTS: usize = 6;

fn start(processes: u32) -> (Folder, Server) {
    let folder = Folder::new(&[("config.capnp", CONFIG), ("worker.js", WORKER)]);
    let server = Start::serve(&super::program(), &folder.path("config.capnp"))
        .processes(processes)
        .start();
    for slot in 0..processes {
        server.phase(u64::from(slot), "serving", 0);
    }
    (folder, server)
}

/// Everything that can be asked, by the prefix of its path.
fn everything() -> Vec<String> {
    let objects = (0..OBJECTS).map(|number| format!("/{number}"));
    ["".to_owned(), "/service".to_owned()]
        .into_iter()
        .chain(objects)
        .collect()
}

/// Posts a body of so many bytes, as long as it is taken; the answer, and the connection.
fn post(server: &Server, path: &str, bytes: usize, headers: &str) -> (Answer, Client) {
    let mut client = Client::connect(&server.address("http")).unwrap();
    let mut sender = client.sender().unwrap();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n{headers}\r\n");
    let mut request = head.into_bytes();
    request.resize(request.len() + bytes, b'a');
    let sending = thread::spawn(move || sender.write_all(&request));
    let answer = client.answer().unwrap();
    // A server that refuses the rest closes; what it has taken before does not matter.
    if let Err(error) = sending.join().unwrap() {
        assert!(is_close(&error), "{error}");
    }
    (answer, client)
}

const LARGE_BYTES: usize = 20_000_000;

fn a_body_that_nobody_reads_is_refused(processes: u32) {
    let (_folder, server) = start(processes);
    for prefix in everything() {
        for (what, status) in [("ignore", 200), ("part", 200), ("throw", 500)] {
            let path = format!("{prefix}/{what}");
            let (answer, mut client) = post(&server, &path, LARGE_BYTES, "");
            assert_eq!(answer.status, status, "{path}");
            assert!(answer.closes(), "{path} {answer:?}");
            // Nothing of the body is taken for a request.
            match client.rest() {
                Ok(rest) => assert!(rest.is_empty(), "{path} {rest:?}"),
                Err(error) => assert!(is_close(&error), "{path} {error}"),
            }
        }
        for what in ["ignore", "read", "echo"] {
            let path = format!("{prefix}/{what}");
            let (answer, mut client) = post(&server, &path, 2000, "");
            assert!(!answer.closes(), "{path} {answer:?}");
            assert_eq!(client.get("/next").unwrap().text(), "next", "{path}");
        }
    }
}

#[test]
fn a_body_that_nobody_reads_is_refused_in_one_process() {
    a_body_that_nobody_reads_is_refused(1);
}

#[test]
fn a_body_that_nobody_reads_is_refused_across_processes() {
    a_body_that_nobody_reads_is_refused(2);
}

#[test]
fn a_body_that_was_not_asked_for_ends_the_connection() {
    let (_folder, server) = start(1);
    let mut client = Client::connect(&server.address("http")).unwrap();
    client
        .send(b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        .unwrap();
    // No 100: the worker has not asked.
    let answer = client.read(false).unwrap();
    assert_eq!((answer.status, answer.closes()), (200, true));
    let (answer, mut client) = post(&server, "/read", 5, "Expect: 100-continue\r\n");
    assert!(!answer.closes());
    assert_eq!(client.get("/next").unwrap().text(), "next");
    // One in chunks whose end has come, and one whose end has not.
    for (body, closes) in [("3\r\nabc\r\n0\r\n\r\n", false), ("3\r\nabc\r\n", true)] {
        let mut client = Client::connect(&server.address("http")).unwrap();
        let head = "POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.send(format!("{head}{body}").as_bytes()).unwrap();
        assert_eq!(client.answer().unwrap().closes(), closes, "{body:?}");
    }
}

fn a_client_that_goes_ends_an_idle_source(processes: u32) {
    let (_folder, server) = start(processes);
    let mut paths: Vec<_> = everything()
        .iter()
        .map(|prefix| format!("{prefix}/idle"))
        .collect();
    paths.extend((0..OBJECTS).map(|number| format!("/rpc/{number}/idle")));
    for path in paths {
        let mut client = Client::connect(&server.address("http")).unwrap();
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
            .unwrap();
        client.head().unwrap();
        assert_eq!(client.chunk().unwrap().unwrap(), b"first", "{path}");
        client.reset().unwrap();
        server.complaint(&format!("{path} is cancelled"));
    }
}

#[test]
fn a_client_that_goes_ends_an_idle_source_in_one_process() {
    a_client_that_goes_ends_an_idle_source(1);
}

#[test]
fn a_client_that_goes_ends_an_idle_source_across_processes() {
    a_client_that_goes_ends_an_idle_source(2);
}

#[test]
fn a_source_that_can_never_go_on_is_cut_off_and_told() {
    let (_folder, server) = start(1);
    for path in ["/stuck", "/service/stuck"] {
        let mut client = Client::connect(&server.address("http")).unwrap();
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
            .unwrap();
        server.complaint(&format!("{path} is cancelled"));
        let _ = client.rest();
    }
}

/// The published binary keeps such a socket for ever.
fn a_websocket_that_nobody_takes_is_closed(processes: u32) {
    let (_folder, server) = start(processes);
    for number in 0..OBJECTS {
        let refused = server.get(&format!("/{number}/accept"));
        assert_eq!(refused.status, 500);
        server.complaint("closed 1006 false");
        let sockets = format!("/{number}/sockets");
        while server.get(&sockets).text() != "0" {
            thread::yield_now();
        }
    }
}

#[test]
fn a_websocket_that_nobody_takes_is_closed_in_one_process() {
    a_websocket_that_nobody_takes_is_closed(1);
}

#[test]
fn a_websocket_that_nobody_takes_is_closed_across_processes() {
    a_websocket_that_nobody_takes_is_closed(2);
}
