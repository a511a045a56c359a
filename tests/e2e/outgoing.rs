//! Connections to other servers: they are used again, and end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tests::DEADLINE;
use tests::folder::Folder;
use tests::server::{Server, Start};

use super::program;

const WORKER: &str = r#"
import { once } from "node:events";
import net from "node:net";
const paths = {
  async fetch(ports) {
    for (const port of ports) await (await fetch(`http://127.0.0.1:${port}/`)).text();
    return "fetched";
  },
  async reset([port]) {
    const socket = net.connect({ host: "127.0.0.1", port: Number(port) });
    await once(socket.resume(), "connect");
    socket.write("x");
    const [{ message, code, errno, syscall }] = await once(socket, "error");
    return JSON.stringify([message, code, errno, syscall]);
  },
};
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const path = paths[pathname.slice(1)];
    return new Response(path ? await path(searchParams.get("ports").split(",")) : "up");
  },
};
"#;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      compatibilityFlags = ["nodejs_compat"])),
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// Descriptors that the server may have.
const DESCRIPTORS: usize = 96;

fn start() -> (Folder, Server) {
    let folder = Folder::new(&[("worker.js", WORKER), ("config.capnp", CONFIG)]);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -n {DESCRIPTORS} && exec \"$@\""))
        .arg("sh")
        .arg(program().path())
        .arg("serve")
        .arg(folder.path("config.capnp"));
    (folder, Start::command(command).start())
}

/// A server that keeps its connections for as long as its client does.
struct Keeper {
    port: u16,
    accepted: Receiver<TcpStream>,
}

impl Keeper {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, accepted) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let kept = stream.try_clone().unwrap();
                thread::spawn(move || {
                    let mut request = [0; 4096];
                    while stream.read(&mut request).is_ok_and(|count| count > 0) {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
                        stream.write_all(answer).unwrap();
                    }
                    // The client is done, and sees that the server is, too.
                    let _ = stream.shutdown(Shutdown::Both);
                });
                if sender.send(kept).is_err() {
                    return;
                }
            }
        });
        Self { port, accepted }
    }

    /// Connections so far; waits until they have ended.
    fn ended(&self) -> usize {
        let all: Vec<_> = self.accepted.try_iter().collect();
        for mut stream in &all {
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            // The other thread reads the end, too, and then nothing blocks.
            assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        }
        all.len()
    }
}

fn ports(keepers: &[Keeper]) -> String {
    let ports: Vec<_> = keepers
        .iter()
        .map(|keeper| keeper.port.to_string())
        .collect();
    ports.join(",")
}

#[test]
fn idle_connections_end_and_there_are_never_many() {
    let (_folder, server) = start();
    let keepers: Vec<_> = (0..DESCRIPTORS + 40).map(|_| Keeper::new()).collect();
    let path = format!("/fetch?ports={}", ports(&keepers));
    let answer = server.get(&path);
    assert_eq!((answer.status, answer.text()), (200, "fetched"));
    // The youngest are used again.
    let path = format!("/fetch?ports={}", ports(&keepers[keepers.len() - 5..]));
    assert_eq!(server.get(&path).text(), "fetched");
    for keeper in &keepers {
        assert_eq!(keeper.ended(), 1);
    }
    assert!(server.get("/").text() == "up" && server.stderr().is_empty());
}

#[test]
fn node_is_told_that_a_connection_is_reset() {
    let (_folder, server) = start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let resetting = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        // What is closed with something unread is reset.
        assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    });
    let told = server.get(&format!("/reset?ports={port}"));
    assert_eq!(
        told.text(),
        r#"["read ECONNRESET","ECONNRESET",-104,"read"]"#
    );
    resetting.join().unwrap();
}
