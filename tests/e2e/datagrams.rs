//! UDP sockets: each peer's datagrams are a flow of its own, with their bounds, and what is wrong is lost without harm.

use std::net::UdpSocket;
use std::time::Duration;

use tests::DEADLINE;
use tests::folder::Folder;
use tests::server::{Server, Start};

use super::program;

/// A datagram that is not answered by then was lost.
const RETRY: Duration = Duration::from_millis(200);

/// Echoes what it is sent, but for words; then says how many datagrams the flow had.
const WORKER: &str = r#"
const text = (datagram) => new TextDecoder().decode(datagram.data);
const datagram = (text) => new Datagram(new TextEncoder().encode(text));

export default {
  fetch: () => new Response(typeof Datagram),
  async connect(socket) {
    const { localAddress, remoteAddress } = await socket.opened;
    const writer = socket.writable.getWriter();
    let count = 0;
    for await (const received of socket.readable) {
      count++;
      const said = text(received);
      if (said === "who") await writer.write(datagram(`${socket.protocol} ${localAddress} ${remoteAddress}`));
      else if (said === "count") await writer.write(datagram(`${count}`));
      else if (said === "bad") await writer.write("text").catch(({ name, message }) => console.error(`${name}: ${message}`));
      else if (said === "throw") throw new Error("thrown by a flow");
      else if (said === "close") await socket.close();
      else await writer.write(received);
    }
    console.error(`ended after ${count}`);
  },
};
"#;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01", compatibilityFlags = ["experimental"])),
    (name = "plain", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01")),
    (name = "net", network = (allow = ["private"])),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
    (name = "none", address = "127.0.0.1:0", http = (), service = "plain"),
    (name = "udp", address = "127.0.0.1:0", udp = (), service = "main"),
    (name = "short", address = "127.0.0.1:0", udp = (idleTimeoutMs = 100), service = "main"),
    (name = "plain", address = "127.0.0.1:0", udp = (), service = "plain"),
    (name = "net", address = "127.0.0.1:0", udp = (), service = "net"),
  ],
);
"#;

fn start(processes: u32) -> (Folder, Server) {
    let folder = Folder::new(&[("worker.js", WORKER), ("config.capnp", CONFIG)]);
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .arg("--experimental")
        .processes(processes)
        .start();
    (folder, server)
}

struct Peer(UdpSocket);

impl Peer {
    fn of(server: &Server, socket: &str) -> Self {
        let peer = UdpSocket::bind("127.0.0.1:0").expect("a port");
        peer.connect(("127.0.0.1", server.port(socket)))
            .expect("an address");
        peer.set_read_timeout(Some(DEADLINE)).expect("a socket");
        Self(peer)
    }

    fn send(&self, datagram: &[u8]) {
        self.0.send(datagram).expect("a sent datagram");
    }

    fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 1 << 16];
        let count = self.0.recv(&mut buffer).expect("a datagram");
        buffer.truncate(count);
        buffer
    }

    /// The same, asked again where a flow that ends has lost it.
    fn insist(&self, datagram: &[u8]) -> Vec<u8> {
        self.0.set_read_timeout(Some(RETRY)).expect("a socket");
        let mut buffer = vec![0; 1 << 16];
        loop {
            self.send(datagram);
            if let Ok(count) = self.0.recv(&mut buffer) {
                buffer.truncate(count);
                return buffer;
            }
        }
    }

    fn ask(&self, datagram: &[u8]) -> Vec<u8> {
        self.send(datagram);
        self.receive()
    }
}

#[test]
fn datagrams_of_a_peer_are_a_flow() {
    for processes in [1, 2] {
        let (_folder, server) = start(processes);
        let peers: Vec<_> = (0..8).map(|_| Peer::of(&server, "udp")).collect();
        for peer in &peers {
            assert_eq!(peer.ask(b"hello"), b"hello");
            assert_eq!(peer.ask(b""), b"");
            let long = vec![7; 60_000];
            assert_eq!(peer.ask(&long), long);
            assert_eq!(peer.ask(b"who"), b"udp 127.0.0.1:0 undefined");
        }
        for peer in &peers {
            assert_eq!(peer.ask(b"count"), b"5", "no flow has another's");
        }
        assert_eq!(server.get("/").text(), "function");
        let without = tests::http::get(&server.address("none"), "/").expect("an answer");
        assert_eq!(without.text(), "undefined", "it is experimental");
    }
}

#[test]
fn a_flow_ends_when_it_is_idle() {
    let (_folder, server) = start(1);
    let peer = Peer::of(&server, "short");
    assert_eq!(peer.ask(b"count"), b"1");
    server.complaint("ended after 1");
    assert_eq!(peer.ask(b"count"), b"1", "the next one is another flow");
}

#[test]
fn what_a_handler_does_wrong_ends_its_flow_alone() {
    let (_folder, server) = start(1);
    let (peer, other) = (Peer::of(&server, "udp"), Peer::of(&server, "udp"));
    assert_eq!(other.ask(b"count"), b"1");
    peer.send(b"bad");
    server.complaint("TypeError: This socket's writable stream only accepts Datagram instances.");
    let peer = Peer::of(&server, "udp");
    peer.send(b"throw");
    server.complaint("thrown by a flow");
    assert_eq!(peer.insist(b"count"), b"1");
    let peer = Peer::of(&server, "udp");
    peer.send(b"close");
    server.complaint("ended after 1");
    Peer::of(&server, "plain").send(b"hello");
    server.complaint("UDP ingress requires the experimental flag.");
    Peer::of(&server, "net").send(b"hello");
    assert_eq!(other.ask(b"count"), b"2");
}
