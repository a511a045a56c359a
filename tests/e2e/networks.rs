//! Networks: what a rule keeps out is kept out, however its address is written and wherever a redirect leads.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::thread;

use tests::folder::Folder;
use tests::server::Start;

use super::program;

/// Asked for `/fetch?urls=..` or `/connect?urls=..`, the worker says for each what it comes to.
const WORKER: &str = r#"
import { connect } from "cloudflare:sockets";
const ways = {
  async fetch(url) {
    return (await fetch(url)).text();
  },
  async connect(address) {
    const socket = connect(address);
    await socket.opened;
    return "connected";
  },
};
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const told = [];
    for (const url of JSON.parse(searchParams.get("urls"))) {
      told.push(await ways[pathname.slice(1)](url).catch((error) => `refused: ${error.name}`));
    }
    return Response.json(told);
  },
};
"#;

fn config(allow: &str) -> String {
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01")),
    (name = "internet", network = (allow = [{allow}])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#
    )
}

/// What the worker says of each, with a network that allows this.
fn told(allow: &str, way: &str, urls: &[String]) -> Vec<String> {
    let folder = Folder::new(&[("worker.js", WORKER), ("config.capnp", &config(allow))]);
    let server = Start::serve(&program(), &folder.path("config.capnp")).start();
    let urls = serde_json::to_string(urls).expect("JSON");
    let encoded: String = urls.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = server.get(&format!("/{way}?urls={encoded}"));
    serde_json::from_str(answer.text()).expect("a list")
}

/// Ways to write this machine's addresses.
const OURSELVES: [&str; 20] = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.255.255.254",
    "0x7f.1",
    "0x7f000001",
    "0177.0.0.01",
    "017700000001",
    "2130706433",
    "0.0.0.0",
    "0",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
];

#[test]
fn no_way_to_write_an_address_gets_past_a_rule() {
    let inside = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = inside.local_addr().expect("an address").port();
    let mut urls: Vec<String> = OURSELVES
        .iter()
        .map(|host| format!("http://{host}:{port}/"))
        .collect();
    urls.push(format!("http://user:password@127.0.0.1:{port}/"));
    urls.push(format!("http://\u{2460}\u{2461}\u{2466}.0.0.1:{port}/"));
    urls.push(format!("http://127\u{3002}0\u{3002}0\u{3002}1:{port}/"));
    let found = told("\"public\"", "fetch", &urls);
    for (url, found) in urls.iter().zip(&found) {
        assert!(found.starts_with("refused: "), "{url}: {found}");
    }
    let addresses: Vec<String> = OURSELVES
        .iter()
        .map(|host| format!("{host}:{port}"))
        .collect();
    for (address, found) in addresses
        .iter()
        .zip(told("\"public\"", "connect", &addresses))
    {
        assert!(found.starts_with("refused: "), "{address}: {found}");
    }
    inside.set_nonblocking(true).expect("a socket");
    let came = inside.accept().expect_err("nobody has come");
    assert_eq!(came.kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_redirect_leads_to_no_address_that_is_kept_out() {
    let inside = TcpListener::bind("127.0.0.1:0").expect("a port");
    let kept_out = inside.local_addr().expect("an address");
    let outside = TcpListener::bind("127.0.0.2:0").expect("a port");
    let allowed = outside.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in outside.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap_or(0);
            let answer = match request[..count].starts_with(b"GET /away ") {
                true => format!(
                    "HTTP/1.1 302 Found\r\nLocation: http://{kept_out}/\r\nContent-Length: 0\r\n\r\n"
                ),
                false => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere".to_owned(),
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let urls = ["/here", "/away"].map(|path| format!("http://{allowed}{path}"));
    let found = told("\"127.0.0.2/32\"", "fetch", &urls);
    assert_eq!(found[0], "here");
    assert!(found[1].starts_with("refused: "), "{}", found[1]);
    inside.set_nonblocking(true).expect("a socket");
    let came = inside.accept().expect_err("nobody has come");
    assert_eq!(came.kind(), ErrorKind::WouldBlock);
}
