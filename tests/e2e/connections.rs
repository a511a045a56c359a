//! Connections of bytes: TCP sockets of the config, and what workers connect to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tests::DEADLINE;
use tests::folder::Folder;
use tests::server::{Server, Start};
use tests::stream::Address;

use super::program;
use super::tls::certificates;

/// Asked for `/how?address=..`, the worker connects, says `hello` and answers with what it is told.
const WORKER: &str = r#"
import { connect } from "cloudflare:sockets";
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

const text = async (stream) => new Response(stream).text();

async function say(socket) {
  const writer = socket.writable.getWriter();
  await writer.write(new TextEncoder().encode("hello\n"));
  await writer.close();
}

const ways = {
  plain: (address) => connect(address),
  tls: (address) => connect(address, { secureTransport: "on" }),
  proxy: (address, env) => env.PROXY.connect(address),
  object: (address, env) => env.THING.getByName(address).connect(address),
  async later(address) {
    const socket = connect(address, { secureTransport: "starttls" });
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader();
    await writer.write(new TextEncoder().encode("STARTTLS\n"));
    const { value } = await reader.read();
    if (new TextDecoder().decode(value) !== "ready\n") throw new Error("not ready");
    writer.releaseLock();
    reader.releaseLock();
    return socket.startTls();
  },
};

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    try {
      const socket = await ways[pathname.slice(1)](searchParams.get("address"), env);
      const told = text(socket.readable);
      await socket.opened;
      await say(socket);
      return new Response(await told);
    } catch (error) {
      return new Response(`${error}`, { status: 500 });
    }
  },
  async connect(socket) {
    await socket.readable.pipeTo(socket.writable);
  },
};

export class Who extends WorkerEntrypoint {
  async connect(socket) {
    const { localAddress, remoteAddress } = await socket.opened;
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode(`${localAddress} ${remoteAddress}`));
    await writer.close();
  }
}

export class Waits extends WorkerEntrypoint {
  async connect(socket) {
    const reader = socket.readable.getReader();
    while (!(await reader.read().catch((error) => ({ done: `${error}` }))).done);
    console.error("the client has gone");
  }
}

/** Says that TLS may begin, and begins it. */
export class Later extends WorkerEntrypoint {
  async connect(socket) {
    const reader = socket.readable.getReader();
    const { value } = await reader.read();
    if (new TextDecoder().decode(value) !== "STARTTLS\n") throw new Error("not asked for TLS");
    const writer = socket.writable.getWriter();
    const before = socket.secureTransport;
    await writer.write(new TextEncoder().encode("ready\n"));
    await scheduler.wait(20);
    writer.releaseLock();
    reader.releaseLock();
    const secured = socket.startTls();
    await secured.opened;
    const line = await secured.readable.getReader().read();
    const answer = secured.writable.getWriter();
    await answer.write(new TextEncoder().encode(`${before} ${secured.secureTransport} `));
    await answer.write(line.value);
    await answer.close();
  }
}

export class Thing extends DurableObject {
  async connect(socket) {
    await socket.readable.pipeTo(socket.writable);
  }
}
"#;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      durableObjectNamespaces = [(className = "Thing", uniqueKey = "things")],
      durableObjectStorage = (inMemory = void),
      bindings = [(name = "THING", durableObjectNamespace = "Thing"), (name = "PROXY", service = "proxy")])),
    (name = "proxy", external = (address = "unix:proxy.sock", http = ())),
    (name = "internet", network = (allow = ["private"], tlsOptions = (trustedCertificates = [embed "ca.pem"]))),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
    (name = "echo", address = "127.0.0.1:0", tcp = (), service = "main"),
    (name = "who", address = "localhost:0", tcp = (), service = (name = "main", entrypoint = "Who")),
    (name = "waits", address = "127.0.0.1:0", tcp = (), service = (name = "main", entrypoint = "Waits")),
    (name = "tls", address = "127.0.0.1:0", service = "main",
     tcp = (tlsOptions = (keypair = (privateKey = embed "key.pem", certificateChain = embed "cert.pem")))),
    (name = "later", address = "127.0.0.1:0", service = (name = "main", entrypoint = "Later"),
     tcp = (tlsMode = startTls, tlsOptions = (keypair = (privateKey = embed "key.pem", certificateChain = embed "cert.pem")))),
    (name = "proxy", address = "unix:proxy.sock", http = (), service = "main"),
  ],
);
"#;

fn start(processes: u32) -> (Folder, Server) {
    start_with(processes, "--verbose")
}

fn start_with(processes: u32, option: &str) -> (Folder, Server) {
    let folder = Folder::new(&[("worker.js", WORKER), ("config.capnp", CONFIG)]);
    for (name, pem) in certificates() {
        folder.write(name, &pem);
    }
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .folder(folder.root())
        .arg(option)
        .processes(processes)
        .start();
    (folder, server)
}

fn port(server: &Server, socket: &str) -> u16 {
    match server.address(socket) {
        Address::Loopback(port) => port,
        other => panic!("{other:?} has no port"),
    }
}

fn connect(server: &Server, socket: &str) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port(server, socket))).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn rest(mut stream: impl Read) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    rest
}

#[test]
fn a_tcp_socket_is_a_workers() {
    let (_folder, server) = start(2);
    let who = connect(&server, "who");
    let remote = who.local_addr().unwrap();
    assert_eq!(rest(who), format!("localhost:0 {remote}"));
    for _ in 0..8 {
        let mut echo = connect(&server, "echo");
        let mut writer = echo.try_clone().unwrap();
        let sent: Vec<u8> = (0..4_000_000_u32).map(|i| i as u8).collect();
        let expected = sent.clone();
        let writing = thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut got = Vec::new();
        echo.read_to_end(&mut got).unwrap();
        writing.join().unwrap();
        assert!(got == expected);
    }
}

#[test]
fn a_handler_learns_that_its_client_has_gone() {
    let (_folder, server) = start(1);
    let mut waits = connect(&server, "waits");
    waits.write_all(b"x").unwrap();
    drop(waits);
    server.complaint("the client has gone");
}

#[test]
fn a_silent_handshake_is_cut_off() {
    let (_folder, server) = start_with(1, "--header-read-timeout=100ms");
    assert_eq!(rest(connect(&server, "tls")), "");
    // Without TLS there is nothing to wait for.
    let echo = connect(&server, "echo");
    thread::sleep(std::time::Duration::from_millis(300));
    (&echo).write_all(b"late").unwrap();
    echo.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(echo), "late");
}

#[test]
fn workers_connect() {
    let (_folder, server) = start(2);
    let echo = format!("localhost:{}", port(&server, "echo"));
    let tls = format!("localhost:{}", port(&server, "tls"));
    for (way, address) in [
        ("plain", &*echo),
        ("tls", &*tls),
        ("proxy", "any.example:1"),
        ("object", "a:1"),
        ("object", "b:1"),
        ("object", "c:1"),
        ("object", "d:1"),
    ] {
        let answer = server.get(&format!("/{way}?address={address}"));
        assert_eq!(answer.text(), "hello\n", "{way} {address}");
    }
    // A certificate is for a name.
    let other = tls.replace("localhost", "127.0.0.1");
    let answer = server.get(&format!("/tls?address={other}"));
    assert!(
        answer.text().starts_with("Error: proxy request failed"),
        "{answer:?}"
    );
    server.complaint("TLS handshake failed: invalid peer certificate");
}

#[test]
fn tls_begins_when_a_handler_says_so() {
    let (_folder, server) = start(1);
    let address = format!("localhost:{}", port(&server, "later"));
    let answer = server.get(&format!("/later?address={address}"));
    assert_eq!(answer.text(), "starttls on hello\n");
    // Who never gets to TLS is talked to in plaintext, and a bad handshake is the client's own.
    let mut plain = connect(&server, "later");
    plain.write_all(b"nothing\n").unwrap();
    server.complaint("not asked for TLS");
    assert_eq!(rest(plain), "");
    let mut broken = connect(&server, "later");
    broken.write_all(b"STARTTLS\n").unwrap();
    let mut ready = [0; 6];
    broken.read_exact(&mut ready).unwrap();
    broken.write_all(b"this is no handshake\n").unwrap();
    let mut end = Vec::new();
    let _ = broken.read_to_end(&mut end);
    server.complaint("TLS handshake failed");
    assert_eq!(
        server.get(&format!("/later?address={address}")).text(),
        "starttls on hello\n"
    );
}

#[test]
fn tls_begins_when_both_sides_say_so() {
    let (folder, server) = start(1);
    let read = |name| std::fs::read(folder.path(name)).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificate = CertificateDer::from_pem_slice(&read("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&read("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let serving = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut lines = BufReader::new(&socket);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, "STARTTLS\n");
        assert_eq!(lines.buffer(), b"", "the handshake waits for the answer");
        (&socket).write_all(b"ready\n").unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        let mut line = [0; 6];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(b"secretly ").unwrap();
        stream.write_all(&line).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        // To close with bytes unread would take back what was sent.
        let _ = stream.sock.read_to_end(&mut Vec::new());
    });
    let answer = server.get(&format!("/later?address={address}"));
    assert_eq!(answer.text(), "secretly hello\n");
    serving.join().unwrap();
}
