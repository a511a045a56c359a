//! Objects in one process and their callers in another: RPC, bodies, cancellation, WebSockets.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::DEADLINE;
use tests::folder::Folder;
use tests::http::get;
use tests::server::{Server, Start};

use super::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-01-01",
    compatibilityFlags = ["enable_request_signal", "enable_abortsignal_rpc"],
    durableObjectNamespaces = [(className = "Thing", uniqueKey = "things")],
    durableObjectStorage = (inMemory = void),
    bindings = [
      (name = "THING", durableObjectNamespace = "Thing"),
      (name = "NAMED", service = (name = "main", entrypoint = "Named", props = (json = "{\"tag\":\"config\"}"))),
    ],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// The scenarios of `links.js`.
const SCENARIOS: [&str; 14] = [
    "calls",
    "errors",
    "order",
    "pipelines",
    "callbacks",
    "streams",
    "signals",
    "services",
    "messages",
    "fetches",
    "cancels",
    "overload",
    "sockets",
    "third",
];

fn start(processes: u32) -> (Folder, Server) {
    let folder = Folder::new(&[
        ("config.capnp", CONFIG),
        ("worker.js", include_str!("links.js")),
    ]);
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .arg("--experimental")
        .processes(processes)
        .start();
    for slot in 0..processes {
        server.phase(u64::from(slot), "serving", 0);
    }
    (folder, server)
}

fn play(processes: u32, scenarios: &[&str]) {
    let (_folder, server) = start(processes);
    let address = server.address("http");
    let failed: Vec<_> = scenarios
        .iter()
        .filter_map(|scenario| {
            let answer = get(&address, &format!("/{scenario}")).unwrap();
            (answer.text() != "ok").then(|| format!("{scenario}: {}", answer.text()))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn two_processes() {
    play(2, &SCENARIOS[..SCENARIOS.len() - 1]);
}

#[test]
fn four_processes() {
    play(4, &SCENARIOS);
}

/// A connection to the server's HTTP socket, and the process that has accepted it.
struct Connection {
    stream: TcpStream,
    accepted_by: Pid,
}

impl Connection {
    fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port("http"))).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut connection = Self {
            stream,
            accepted_by: server.pid(),
        };
        connection.get("/", "");
        let holders = connection.holders(server);
        assert_eq!(holders.len(), 1);
        connection.accepted_by = holders.into_iter().next().unwrap();
        connection
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The answer's head, and its body if that has a length.
    fn get(&mut self, path: &str, headers: &str) -> (String, String) {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes());
        self.answer()
    }

    fn answer(&mut self) -> (String, String) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(self.take::<1>()[0]));
        }
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    fn take<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Becomes a WebSocket to an object that another process has.
    fn upgrade(&mut self, path: &str) {
        let (head, _) = self.get(
            path,
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        );
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    }

    /// Sends a short text, which the object sends back.
    fn echo(&mut self, text: &str) {
        let length = u8::try_from(text.len()).unwrap();
        let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat();
        self.send(&frame);
        assert_eq!(self.take::<2>(), [0x81, length]);
        let mut back = vec![0; text.len()];
        self.stream.read_exact(&mut back).unwrap();
        assert_eq!(back, text.as_bytes());
    }

    /// The processes that have the server's end.
    fn holders(&self, server: &Server) -> HashSet<Pid> {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let ending = |address: SocketAddr| format!(":{:04X}", address.port());
        // The client's port alone may be another test's, too.
        let ends = [self.stream.peer_addr(), self.stream.local_addr()];
        let [here, there] = ends.map(|end| ending(end.unwrap()));
        let rows = table.lines().map(|line| line.split_whitespace().collect());
        let row: Vec<&str> = rows
            .into_iter()
            .find(|row: &Vec<&str>| {
                row.len() > 9 && row[1].ends_with(&here) && row[2].ends_with(&there)
            })
            .expect("the server's end");
        let socket = format!("socket:[{}]", row[9]);
        let holds = |pid: &Pid| {
            let fds = std::fs::read_dir(format!("/proc/{pid}/fd"));
            let mut links = fds
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|fd| std::fs::read_link(fd.path()).ok());
            links.any(|link| link.as_os_str() == socket.as_str())
        };
        server.tree().into_iter().filter(holds).collect()
    }
}

/// Waits for something that has no report.
fn wait_until(what: &str, mut passes: impl FnMut() -> bool) {
    let began = Instant::now();
    while !passes() {
        assert!(began.elapsed() < DEADLINE, "{what}");
        std::thread::yield_now();
    }
}

/// A WebSocket that has moved to its object's process.
fn moved(server: &Server, path: &str) -> (Connection, Pid) {
    let mut connection = Connection::open(server);
    connection.upgrade(path);
    connection.echo("hello");
    let accepted_by = connection.accepted_by;
    wait_until("one process has the connection", || {
        connection.holders(server).len() == 1
    });
    let owner = connection.holders(server).into_iter().next().unwrap();
    assert_ne!(owner, accepted_by);
    (connection, owner)
}

#[test]
fn a_websocket_outlives_the_process_that_accepted_it() {
    outlives("/socket");
}

#[test]
fn a_hibernating_websocket_outlives_the_process_that_accepted_it() {
    outlives("/hibernating");
}

fn outlives(path: &str) {
    let (_folder, server) = start(2);
    let (mut connection, _) = moved(&server, path);
    let moment = server.moment();
    kill(connection.accepted_by, Signal::SIGKILL).unwrap();
    connection.echo("still here");
    server.wait("the restart", moment, |event| event["phase"] == "serving");
    connection.echo("and now");
    // Masked, code 1000; the object closes as its client does.
    connection.send(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
    assert_eq!(connection.take::<4>(), [0x88, 2, 0x03, 0xe8]);
    assert_eq!(connection.stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_websocket_counts_where_it_has_moved_to() {
    let (_folder, mut server) = start(2);
    let (mut connection, _) = moved(&server, "/socket");
    // Drained of everything else once these are closed for being idle.
    let mut idle: Vec<Connection> = Vec::new();
    while idle
        .iter()
        .all(|other| other.accepted_by == idle[0].accepted_by)
    {
        idle.push(Connection::open(&server));
    }
    server.signal(Signal::SIGTERM);
    for mut other in idle {
        assert_eq!(other.stream.read(&mut [0]).unwrap(), 0);
    }
    for _ in 0..100 {
        connection.echo("while it drains");
    }
    connection.send(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
    assert_eq!(connection.take::<4>(), [0x88, 2, 0x03, 0xe8]);
    drop(connection);
    assert!(server.wait_for_end().success());
}

#[test]
fn a_killed_owner_fails_its_callers() {
    let (_folder, server) = start(2);
    let mut connection = Connection::open(&server);
    let (_, name) = connection.get("/elsewhere", "");
    let name = name.replace(' ', "%20");
    connection
        .send(format!("GET /hang?name={name} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    let address = server.address("http");
    wait_until("the object hangs", || {
        get(&address, &format!("/hung?name={name}")).unwrap().text() == "1"
    });
    let pids = (0..2).map(|slot| server.phase(slot, "serving", 0).pid);
    let owner = pids.into_iter().find(|pid| *pid != connection.accepted_by);
    kill(owner.unwrap(), Signal::SIGKILL).unwrap();
    assert_eq!(connection.answer().1, "Network connection lost. true");
}

/// What is done for a request in all processes is one trace: each object's event is below the span of the call that made it.
#[test]
fn an_objects_events_belong_to_their_callers_trace() {
    let config = CONFIG
        .replace(
            "services = [",
            "services = [(name = \"tail\", worker = (compatibilityDate = \"2026-01-01\", \
            modules = [(name = \"tail.js\", esModule = embed \"tail.js\")])), ",
        )
        .replace("bindings = [", "streamingTails = [\"tail\"], bindings = [");
    let folder = Folder::new(&[
        ("config.capnp", &config),
        ("worker.js", TRACED),
        ("tail.js", TAIL),
    ]);
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .arg("--experimental")
        .processes(2)
        .start();
    for slot in 0..2 {
        server.phase(slot, "serving", 0);
    }
    // So many that some live in the other process.
    assert_eq!(server.get("/").text(), "2 processes");
    let told = |what: &str| -> HashSet<String> {
        let text = server.stderr();
        let lines = text.lines().filter_map(|line| line.split_once(what));
        lines.map(|(_, ids)| ids.to_owned()).collect()
    };
    wait_until("all events below the spans of their calls", || {
        let (spans, callers) = (told("span "), told("called by "));
        callers.len() == 16 && callers.is_subset(&spans)
    });
    let callers = told("called by ");
    let traces: HashSet<_> = callers.iter().map(|ids| ids.split(' ').next()).collect();
    assert_eq!(traces.len(), 1, "{callers:?}");
}

/// Calls 8 objects by fetch, and by RPC.
const TRACED: &str = r#"import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
let process;
const where = () => (process ??= crypto.randomUUID());
export class Thing extends DurableObject {
  fetch() { return new Response(where()); }
  where() { return where(); }
}
export class Named extends WorkerEntrypoint {}
export default {
  async fetch(request, env) {
    const all = new Set([where()]);
    for (let i = 0; i < 8; i++) {
      const stub = env.THING.getByName(`${i}`);
      all.add(await stub.where());
      all.add(await (await stub.fetch("http://thing/")).text());
    }
    return new Response(`${all.size} processes`);
  },
};
"#;

/// Tells of spans, and of those that objects are called by.
const TAIL: &str = r#"export default {
  tailStream({ event, spanContext }) {
    if (event.executionModel === "durableObject") console.error(`called by ${spanContext.traceId} ${spanContext.spanId}`);
    return ({ event, spanContext }) => {
      if (event.type === "spanOpen") console.error(`span ${spanContext.traceId} ${event.spanId}`);
    };
  },
};
"#;

#[test]
fn tests_reach_objects_of_all_processes() {
    let folder = Folder::new(&[
        (
            "config.capnp",
            "using Workerd = import \"/workerd/workerd.capnp\";
const config :Workerd.Config = (
  services = [(name = \"main\", worker = (
    modules = [(name = \"worker\", esModule = embed \"worker.js\")],
    compatibilityDate = \"2026-01-01\",
    bindings = [(name = \"OBJ\", durableObjectNamespace = \"Obj\")],
    durableObjectNamespaces = [(className = \"Obj\", uniqueKey = \"told\")],
    durableObjectStorage = (inMemory = void),
  ))],
);",
        ),
        (
            "worker.js",
            "import { DurableObject } from 'cloudflare:workers';
let own;
export class Obj extends DurableObject { isolate() { return (own ??= crypto.randomUUID()); } }
export default {
  async test(controller, { OBJ }) {
    const isolates = new Set();
    for (let i = 0; i < 60; i++) isolates.add(await OBJ.getByName(`object ${i}`).isolate());
    console.log(isolates.size, 'isolates');
  },
};",
        ),
    ]);
    for (processes, isolates) in [("1", "1 isolates\n"), ("3", "3 isolates\n")] {
        let config = folder.path("config.capnp");
        let output = program().run(&[
            "test".as_ref(),
            "--processes".as_ref(),
            processes.as_ref(),
            config.as_os_str(),
        ]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), isolates);
    }
}
