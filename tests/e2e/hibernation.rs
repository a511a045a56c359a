//! WebSockets over TCP that a Durable Object's sleep does not end.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tests::folder::Folder;
use tests::server::{Server, Start};
use tests::websocket::{Heard, Socket};

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-05-01",
    compatibilityFlags = ["unsafe_module"],
    durableObjectNamespaces = [(className = "Room", uniqueKey = "room")],
    durableObjectStorage = (inMemory = void),
    bindings = [(name = "rooms", durableObjectNamespace = "Room")],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// Each object counts its messages, so that one that was made anew tells.
const ROOMS: &str = r#"
import { DurableObject } from "cloudflare:workers";
import unsafe from "workerd:unsafe";

export class Room extends DurableObject {
  messages = 0;

  fetch(request) {
    const { pathname, search } = new URL(request.url);
    if (pathname.endsWith("/open")) return new Response(`${this.ctx.getWebSockets().length}`);
    const { 0: client, 1: server } = new WebSocketPair();
    if (pathname.endsWith("/ordinary")) {
      server.accept();
      server.addEventListener("message", () => server.send(`${++this.messages}`));
    } else {
      this.ctx.acceptWebSocket(server, [search]);
      server.serializeAttachment(`attached ${search}`);
    }
    return new Response(null, { status: 101, webSocket: client });
  }

  webSocketMessage(ws, message) {
    ws.send(`${++this.messages} ${message} ${this.ctx.getTags(ws)} ${ws.deserializeAttachment()}`);
  }

  webSocketClose(ws, code, reason, wasClean) {
    console.error(`closed ${code} ${wasClean}`);
    ws.close(code);
  }
}

export default {
  async fetch(request, { rooms }) {
    const [, name, action] = new URL(request.url).pathname.split("/");
    const room = rooms.getByName(name);
    if (action === "evict") return new Response(`${await unsafe.evict(room)}`);
    return room.fetch(request);
  },
};
"#;

fn start(folder: &Folder) -> Server {
    Start::serve(&super::program(), &folder.path("config.capnp"))
        .arg("--experimental")
        .start()
}

fn rooms() -> Folder {
    Folder::new(&[("config.capnp", CONFIG), ("worker.js", ROOMS)])
}

fn connect(server: &Server, path: &str) -> Socket {
    Socket::open(&server.address("http"), path).unwrap()
}

fn ask(socket: &mut Socket, message: &str) -> String {
    socket.send(message).unwrap();
    socket.receive().unwrap()
}

#[test]
fn sockets_outlive_their_object() {
    let folder = rooms();
    let server = start(&folder);
    let mut one = connect(&server, "/a/join?one");
    let mut two = connect(&server, "/a/join?two");
    assert_eq!(ask(&mut one, "hello"), "1 hello ?one attached ?one");
    assert_eq!(ask(&mut two, "hello"), "2 hello ?two attached ?two");
    server.get("/a/evict");
    assert_eq!(ask(&mut two, "again"), "1 again ?two attached ?two");
    assert_eq!(ask(&mut one, "again"), "2 again ?one attached ?one");
    server.get("/a/evict");
    // A client that is lost wakes the object, too.
    one.reset().unwrap();
    server.complaint("closed 1006 false");
    assert_eq!(server.get("/a/open").text(), "1");
    server.get("/a/evict");
    two.close(3000).unwrap();
    server.complaint("closed 3000 true");
    assert_eq!(two.hear().unwrap(), Heard::Close(Some(3000)));
    assert_eq!(two.hear().unwrap(), Heard::End);
    assert_eq!(server.get("/a/open").text(), "0");
}

/// The time after which an object without callers goes, and some.
const IDLE: Duration = Duration::from_millis(10_500);

#[test]
fn idle_objects_sleep_but_for_ordinary_sockets() {
    let folder = rooms();
    let server = start(&folder);
    let mut asleep = connect(&server, "/asleep/join?a");
    let mut awake = connect(&server, "/awake/ordinary");
    assert_eq!(ask(&mut asleep, "x"), "1 x ?a attached ?a");
    assert_eq!(ask(&mut awake, "x"), "1");
    // Nothing tells of the sleep, and any question would end it.
    thread::sleep(IDLE);
    assert_eq!(ask(&mut asleep, "y"), "1 y ?a attached ?a");
    assert_eq!(ask(&mut awake, "y"), "2");
}

#[test]
fn a_server_that_stops_tells_them_to_go_away() {
    let folder = rooms();
    let mut server = start(&folder);
    let mut awake = connect(&server, "/awake/join?a");
    let mut asleep = connect(&server, "/asleep/join?b");
    assert_eq!(ask(&mut awake, "x"), "1 x ?a attached ?a");
    server.get("/asleep/evict");
    let begun = Instant::now();
    server.signal(Signal::SIGTERM);
    for socket in [&mut awake, &mut asleep] {
        assert_eq!(socket.hear().unwrap(), Heard::Close(Some(1001)));
    }
    // Their connections do not hold the server up to its deadline.
    assert!(server.wait_for_end().success());
    assert!(begun.elapsed() < Duration::from_secs(20));
}
