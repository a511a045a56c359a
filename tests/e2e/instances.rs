//! Instances of workerd reach each other's services by debug ports, this program and the published one too.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tests::folder::Folder;
use tests::http::Client;
use tests::program::Program;
use tests::server::{Server, Start};

use crate::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "instances.js")],
      compatibilityDate = "2026-06-01",
      compatibilityFlags = ["nodejs_compat", "experimental", "enable_abortsignal_rpc"],
      durableObjectNamespaces = [(className = "Counter", uniqueKey = "counters")],
      durableObjectStorage = (inMemory = void),
      bindings = [
        (name = "PORT", workerdDebugPort = void),
        (name = "COUNTERS", durableObjectNamespace = "Counter"),
        (name = "ELSEWHERE", service = "elsewhere"),
      ],
    )),
    (name = "elsewhere", external = (address = "127.0.0.1:1", http = (capnpConnectHost = "calls:1"))),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
    (name = "calls", address = "127.0.0.1:0", http = (capnpConnectHost = "calls:1"),
      service = (name = "main", entrypoint = "Server")),
  ],
);
"#;

const CHECKS: [&str; 9] = [
    "requests",
    "bodies",
    "failures",
    "webSockets",
    "connections",
    "calls",
    "disposal",
    "values",
    "objects",
];

fn folder() -> Folder {
    Folder::new(&[
        ("config.capnp", CONFIG),
        ("instances.js", include_str!("instances.js")),
    ])
}

fn start(program: &Program, folder: &Folder) -> Start {
    Start::serve(program, &folder.path("config.capnp"))
        .folder(folder.root())
        .arg("--experimental")
}

fn open(start: Start) -> (Server, u16) {
    let server = start.arg("--debug-port=127.0.0.1:0").start();
    let port = server.port("debug-port");
    (server, port)
}

/// Has the client make a check of what is at the port, or of its external service.
fn check(client: &Server, port: Option<u16>, name: &str) {
    let port = port.map_or_else(String::new, |port| format!("x-port: 127.0.0.1:{port}\r\n"));
    let request = format!("GET /{name} HTTP/1.1\r\nHost: host\r\n{port}\r\n");
    let mut connection = Client::connect(&client.address("http")).expect("a connection");
    connection
        .send(request.as_bytes())
        .expect("a request that is sent");
    let answer = connection.answer().expect("an answer");
    assert_eq!(answer.text(), "ok", "{name}");
}

/// A body that the published binary only passes on it has us write to where it goes: our write becomes a call of its own, back to
/// us, which `capnp-rpc` never answers.
const ECHOES: &str = "echoes";

fn call(client: &Program, server: &Program, more: &[&str]) {
    let folder = folder();
    let (server, port) = open(start(server, &folder));
    let elsewhere = format!(
        "--external-addr=elsewhere=127.0.0.1:{}",
        server.port("calls")
    );
    let client = start(client, &folder).arg(elsewhere).start();
    for name in CHECKS.iter().chain(more) {
        check(&client, Some(port), name);
    }
    for name in ["calls", "disposal", "values"] {
        check(&client, None, name);
    }
}

#[test]
fn an_instance_reaches_another_one() {
    call(&program(), &program(), &[ECHOES]);
}

/// Whichever process takes the connection, an object is where it lives.
#[test]
fn every_process_serves_the_debug_port() {
    let folder = folder();
    let (_server, port) = open(start(&program(), &folder).processes(2));
    let client = start(&program(), &folder).start();
    for _ in 0..8 {
        check(&client, Some(port), "objects");
    }
}

/// `PUBLISHED_WORKERD` names the published binary.
#[test]
fn this_program_and_the_published_one_reach_each_other() {
    let Some(published) = std::env::var_os("PUBLISHED_WORKERD") else {
        eprintln!(
            "PUBLISHED_WORKERD names no published binary: it is not called, and calls nothing"
        );
        return;
    };
    let published = Program::at(published.as_ref());
    call(&program(), &published, &[]);
    call(&published, &program(), &[ECHOES]);
}

/// What is no message ends its connection, and no other.
#[test]
fn garbage_ends_its_connection_alone() {
    let folder = folder();
    let (server, port) = open(start(&program(), &folder));
    let client = start(&program(), &folder).start();
    let too_long = [&[0; 4][..], &[0xff; 4]].concat();
    // A message of one word, which is a pointer to nowhere.
    let nowhere = [
        &[0, 0, 0, 0, 1, 0, 0, 0][..],
        &[0xfc, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff],
    ]
    .concat();
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &too_long,
        &nowhere,
        &[0xff; 4096],
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        stream.write_all(garbage).expect("bytes that are sent");
        let mut rest = Vec::new();
        // Closed or reset: the other side is through with it.
        let ended = stream.read_to_end(&mut rest);
        let is_timeout = |error: std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
        assert!(!ended.is_err_and(is_timeout), "{garbage:?}");
        check(&client, Some(port), "requests");
    }
    assert_eq!(server.get("/none").status, 200);
}
