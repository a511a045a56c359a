//! `--admin-addr`: the pages about processes and live objects, while they live, crash, hang, reload and drain.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tests::DEADLINE;
use tests::browser::browser;
use tests::folder::Folder;
use tests::http::{Answer, Client, exchange, get};
use tests::server::{Server, Start};
use tests::stream::Address;
use tests::websocket::Socket;

use super::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      bindings = [
        (name = "ROOMS", durableObjectNamespace = "Room"),
        (name = "USERS", durableObjectNamespace = "User"),
      ],
      durableObjectNamespaces = [
        (className = "Room", uniqueKey = "the-rooms", preventEviction = true),
        (className = "User", uniqueKey = "<users>", preventEviction = true),
      ],
      durableObjectStorage = (inMemory = void),
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// `/rooms/NAME` calls a room, `/users/NAME` a user; `?wait` takes until the server ends, `?spin` blocks the process,
/// `?alarm` sets an alarm for the year 2100, `?many=N` calls N objects. A WebSocket stays with the object.
const WORKER: &str = r#"import { DurableObject } from 'cloudflare:workers';
export class Room extends DurableObject {
  async fetch(request) {
    const what = new URL(request.url).search;
    if (request.headers.has('Upgrade')) {
      const { 0: client, 1: server } = new WebSocketPair();
      this.ctx.acceptWebSocket(server);
      return new Response(null, { status: 101, webSocket: client });
    }
    if (what === '?spin') for (const end = Date.now(); ;) {}
    if (what === '?wait') await new Promise((done) => setTimeout(done, 3600000));
    if (what === '?alarm') await this.ctx.storage.setAlarm(4102444800000);
    return new Response('done');
  }
  alarm() {}
}
export class User extends Room {}
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const [, kind, name] = url.pathname.split('/').map(decodeURIComponent);
    const namespace = kind === 'rooms' ? env.ROOMS : env.USERS;
    const many = Number(url.searchParams.get('many') ?? 0);
    for (let index = 0; index < many; index++) {
      await namespace.get(namespace.idFromName(`${name}${index}`)).fetch('http://x/');
    }
    return many ? new Response('done') : namespace.get(namespace.idFromName(name)).fetch(request);
  }
};
"#;

fn folder() -> Folder {
    Folder::new(&[("config.capnp", CONFIG), ("worker.js", WORKER)])
}

/// A server with admin pages, and where they are.
fn start(folder: &Folder, processes: u32) -> (Server, Address) {
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    let server = start
        .processes(processes)
        .arg("--admin-addr=127.0.0.1:0")
        .start();
    let event = server.wait("admin pages", 0, |event| event["event"] == "admin");
    let port = event["port"]
        .as_u64()
        .and_then(|port| port.try_into().ok())
        .unwrap();
    (server, Address::Loopback(port))
}

fn page(admin: &Address, path: &str) -> Answer {
    let answer = get(admin, path).unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer
}

fn json(admin: &Address, path: &str) -> Value {
    let answer = page(admin, path);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_str(answer.text()).unwrap()
}

/// Asks until the answer passes.
fn until(admin: &Address, path: &str, passes: impl Fn(&Value) -> bool) -> Value {
    let begin = Instant::now();
    loop {
        let found = json(admin, path);
        if passes(&found) {
            return found;
        }
        assert!(begin.elapsed() < DEADLINE, "{path}: {found:#}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn objects_of_all_processes_are_one_list() {
    let folder = folder();
    for processes in [1, 3] {
        let (server, admin) = start(&folder, processes);
        assert_eq!(json(&admin, "/objects.json")["total"], 0);
        server.get("/rooms/r?many=40");
        server.get("/users/%3Cu%3E?many=2");
        server.get("/rooms/r7");
        server.get("/rooms/r7?alarm");
        let mut waiting = Client::connect(&server.address("http")).unwrap();
        waiting
            .send(b"GET /rooms/r9?wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let all = until(&admin, "/objects.json?order=calls&limit=500", |all| {
            all["objects"][0]["calls"] == 1
        });
        assert_eq!((&all["total"], &all["matching"]), (&42.into(), &42.into()));
        assert_eq!(all["objects"].as_array().unwrap().len(), 42);
        assert_eq!(all["objects"][0]["name"], "r9");
        let room = |name: &str| {
            all["objects"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["name"] == name)
                .unwrap()
                .clone()
        };
        assert_eq!(
            (&room("r7")["totalCalls"], &room("r8")["totalCalls"]),
            (&3.into(), &1.into())
        );
        assert_eq!(room("r7")["nextAlarmMs"], 4_102_444_800_000_u64);
        assert!(room("r7")["storageBytes"].as_u64().unwrap() > 0);
        let slots: std::collections::BTreeSet<_> = all["objects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["process"].as_u64().unwrap())
            .collect();
        assert_eq!(slots.len(), processes as usize, "every process has some");
        let heap = |one: &Value| one["heapBytes"].as_u64().unwrap() > 100_000;
        assert!(all["processes"].as_array().unwrap().iter().all(heap));
        let namespaces: Vec<_> = all["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (&one["namespace"], &one["objects"]))
            .collect();
        assert_eq!(
            namespaces,
            [
                (&"<users>".into(), &2.into()),
                (&"the-rooms".into(), &40.into())
            ]
        );

        let _socket = Socket::open(&server.address("http"), "/rooms/r5").unwrap();
        let held = json(&admin, "/objects.json?order=sockets&limit=1");
        let holder = &held["objects"][0];
        assert_eq!(
            (&holder["name"], &holder["sockets"]),
            (&"r5".into(), &1.into())
        );
        assert_eq!(held["namespaces"][1]["sockets"], 1);

        // Page by page, nothing is lost or twice.
        for order in ["id", "total", "alarm", "memory"] {
            let (mut path, mut ids) = (
                format!("/objects.json?order={order}&limit=7&namespace=the-rooms"),
                Vec::new(),
            );
            loop {
                let part = json(&admin, &path);
                ids.extend(
                    part["objects"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|one| one["id"].to_string()),
                );
                match part["next"].as_str() {
                    Some(next) => path = next.to_owned(),
                    None => break,
                }
            }
            assert_eq!(ids.len(), 40, "{order}");
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 40, "{order}");
        }
        assert_eq!(json(&admin, "/objects.json?q=R3")["matching"], 11);
        let id = room("r7")["id"].as_str().unwrap().to_owned();
        assert_eq!(
            json(&admin, &format!("/objects.json?q={}", &id[..16]))["objects"][0]["name"],
            "r7"
        );

        let html = page(&admin, "/objects?refresh=5&order=alarm");
        assert!(
            html.header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
        assert!(
            html.header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'")
        );
        let text = html.text();
        assert!(text.contains("&lt;u&gt;1") && !text.contains("<u>") && !text.contains("<users>"));
        assert!(text.contains("2100-01-01 00:00:00Z") && text.contains(&id));
    }
}

#[test]
fn processes_are_shown_through_crash_reload_and_drain() {
    let folder = folder();
    let (mut server, admin) = start(&folder, 2);
    server.get("/rooms/r?many=20");
    let first = server.phase(1, "serving", 0);
    let moment = server.moment();
    kill(first.pid, Signal::SIGKILL).unwrap();
    server.phase(1, "serving", moment);
    let after = json(&admin, "/processes.json");
    let row = |slot: usize| &after["processes"][slot];
    assert_eq!(
        (&row(0)["crashes"], &row(1)["crashes"]),
        (&0.into(), &1.into())
    );
    assert_ne!(row(1)["pid"], first.pid.as_raw());
    assert_eq!(
        (&row(1)["phase"], &row(1)["role"]),
        (&"serving".into(), &"serves".into())
    );
    assert!(row(0)["residentBytes"].as_u64().unwrap() > 1 << 20);
    server.get("/rooms/r1");
    until(&admin, "/processes.json", |all| {
        all["processes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["requests"].as_u64() > Some(0))
    });
    let objects = json(&admin, "/objects.json");
    assert!(
        objects["total"].as_u64().unwrap() < 20,
        "those of the process that was killed are gone"
    );

    // A reload: a request that does not end keeps the old process.
    let mut waiting = Client::connect(&server.address("http")).unwrap();
    waiting
        .send(b"GET /rooms/r1?wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    until(&admin, "/objects.json?order=calls", |all| {
        all["objects"][0]["calls"] == 1
    });
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    server.phase(0, "serving", moment);
    server.phase(1, "serving", moment);
    let during = until(&admin, "/processes.json", |all| {
        let rows = all["processes"].as_array().unwrap();
        rows.iter().any(|row| row["phase"] == "draining")
    });
    assert!(
        during["processes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["generation"] == 2),
        "{during:#}"
    );
    assert!(page(&admin, "/processes").text().contains("draining"));
    let begin = Instant::now();
    server.signal(Signal::SIGTERM);
    until(&admin, "/processes.json", |all| {
        all["status"] == "Not serving"
    });
    assert!(begin.elapsed() < DEADLINE);
    std::thread::park_timeout(Duration::from_millis(150));
    server.signal(Signal::SIGTERM);
    server.wait_for_end();
}

#[test]
fn a_process_that_hangs_is_named() {
    let folder = folder();
    for processes in [1, 2] {
        let (server, admin) = start(&folder, processes);
        server.get("/rooms/r?many=10");
        let mut spinning = Client::connect(&server.address("http")).unwrap();
        spinning
            .send(b"GET /rooms/r1?spin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let found = until(&admin, "/objects.json", |all| {
            !all["missing"].as_array().unwrap().is_empty()
        });
        assert_eq!(found["missing"].as_array().unwrap().len(), 1);
        assert_eq!(
            found["processes"].as_array().unwrap().len(),
            processes as usize - 1
        );
        assert!(page(&admin, "/objects").text().contains("did not answer"));
        assert_eq!(
            json(&admin, "/processes.json")["processes"]
                .as_array()
                .unwrap()
                .len(),
            processes as usize
        );
    }
}

#[test]
fn bad_requests_are_answered_and_slow_ones_ended() {
    let folder = folder();
    let (_server, admin) = start(&folder, 1);
    let status = |request: &[u8]| -> u16 {
        let answer = exchange(&admin, request).unwrap();
        let text = String::from_utf8_lossy(&answer);
        text.split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("{text:?}"))
    };
    let ask = |line: &str| status(format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    assert_eq!(
        [
            ask("GET /"),
            ask("HEAD /objects"),
            ask("GET /processes?x=1")
        ],
        [200; 3]
    );
    assert_eq!(
        [
            ask("GET /nothing"),
            ask("GET /objects/"),
            ask("GET /favicon.ico")
        ],
        [404; 3]
    );
    assert_eq!(
        [ask("POST /objects"), ask("DELETE /"), ask("OPTIONS /")],
        [405; 3]
    );
    assert_eq!(
        [
            ask("GET /objects?limit=0"),
            ask("GET /objects?order=x"),
            ask("GET"),
            ask("GET /%")
        ],
        [400; 4]
    );
    assert_eq!(status(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 403);
    assert_eq!(status(b"PRI * HTTP/2.0\r\n\r\n"), 400);
    assert_eq!(
        status(&[b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 9000]].concat()),
        431
    );
    assert_eq!(
        status(&[b"\x16\x03\x01\0\r\n\r\n".as_slice(), &[0xff; 100]].concat()),
        400
    );
    // With a body that nobody reads.
    let body = [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000\r\n\r\n".as_slice(),
        &[0; 40_000],
    ]
    .concat();
    assert_eq!(status(&body), 405);
    // Connections that say nothing fill the house, and are ended; who comes then waits, and is answered.
    let idle: Vec<_> = (0..40).map(|_| Client::connect(&admin).unwrap()).collect();
    assert_eq!(ask("GET /"), 200);
    drop(idle);
    let mut head = Client::connect(&admin).unwrap();
    head.send(b"HEAD /objects.json HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n")
        .unwrap();
    let answer = head.read(true).unwrap();
    assert!(
        answer.status == 200
            && answer
                .header("content-length")
                .is_some_and(|length| length != "0")
    );
    assert_eq!(head.rest().unwrap(), b"");
}

#[test]
fn the_pages_are_for_this_machine_alone() {
    let folder = folder();
    let (login, port) = (
        "the admin pages have no login",
        "expected an address with a port",
    );
    for (address, complaint) in [
        ("0.0.0.0:0", login),
        ("*:0", login),
        ("192.0.2.1:80", login),
        ("[::]:0", login),
        ("unix:", port),
        ("9090", port),
    ] {
        let config = folder.path("config.capnp");
        let run = program().run(&[
            "serve".as_ref(),
            config.as_os_str(),
            format!("--admin-addr={address}").as_ref(),
        ]);
        let stderr = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(1));
        assert!(stderr.contains(complaint), "{address}: {stderr}");
    }
    let path = folder.path("admin.sock");
    let start = || {
        let start = Start::serve(&program(), &folder.path("config.capnp"));
        let start = start.arg(format!("--admin-addr=unix:{}", path.display()));
        start.processes(2)
    };
    let mut server = start().start();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let admin = Address::Unix(path.clone());
    assert_eq!(json(&admin, "/objects.json")["total"], 0);
    // In use; and not a server without its pages.
    let mut second = start().spawn();
    assert_eq!(second.wait_for_end().code(), Some(1));
    assert!(
        second
            .stderr()
            .contains("--admin-addr: Address already in use"),
        "{}",
        second.stderr()
    );
    // A new program takes the file over.
    let moment = server.moment();
    server.signal(Signal::SIGUSR2);
    server.wait("admin pages", moment, |event| event["event"] == "admin");
    assert_eq!(
        json(&admin, "/objects.json")["processes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(server.stop().success());
    assert!(!path.exists());
}

#[test]
fn without_the_option_there_is_nothing() {
    let folder = folder();
    let server = Start::serve(&program(), &folder.path("config.capnp")).start();
    assert_eq!(server.get("/rooms/r").text(), "done");
    assert_eq!(
        server.moment(),
        1,
        "nothing but the socket is reported: {server:?}"
    );
}

/// A browser, if there is one: it has to lay the pages out without a complaint, follow their links, and show what is in them.
#[test]
fn a_browser_shows_the_pages() {
    let folder = folder();
    if browser(&folder).is_none() {
        return;
    }
    let (server, admin) = start(&folder, 2);
    server.get("/rooms/r?many=30");
    server.get("/users/%3Cimg%20src=x%20onerror=alert(1)%3E");
    until(&admin, "/overview.json", |all| {
        all["samples"].as_array().unwrap().len() >= 2
    });
    let Address::Loopback(port) = admin else {
        unreachable!()
    };
    for (path, parts) in [
        (
            "/",
            &[
                "Serving with 2 of 2 processes",
                "Requests a second by process",
                "Event-loop lag by process",
                "Memory by service",
                "class=\"curve\"",
                "process 1 <b>",
                "main <b>",
                "data-samples",
            ][..],
        ),
        (
            "/objects?order=total",
            &["31", "aria-sort=\"descending\"", "&lt;img src=x"],
        ),
        (
            "/objects?limit=5",
            &["rel=\"next\"", "5 of 31 live objects"],
        ),
        ("/processes", &["phase serving", "Crashes"]),
    ] {
        let shown = load(
            browser(&folder).unwrap(),
            &format!("http://127.0.0.1:{port}{path}"),
        );
        for part in parts {
            assert!(shown.contains(part), "{path} lacks {part}: {shown}");
        }
        assert!(!shown.contains("<img"), "{path}: {shown}");
    }
}

/// The document that a browser has made of a page.
fn load(mut browser: Command, url: &str) -> String {
    let shown = browser
        // The overview's script asks for what it draws.
        .args(["--virtual-time-budget=1000", "--dump-dom"])
        .arg(url)
        .output()
        .unwrap();
    assert!(shown.status.success(), "{shown:?}");
    String::from_utf8(shown.stdout).unwrap()
}
