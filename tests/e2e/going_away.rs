//! Clients that go away: what they asked for ends at once, and `request.signal` tells the worker.

use tests::folder::{Folder, ONE_WORKER};
use tests::http::{Client, exchange};
use tests::http2;
use tests::server::Server;
use tests::stream::Address;

use super::serve;

/// Says what it sees on standard error, where tests wait for it.
const WAITER: &str = r#"
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    const { signal } = request;
    signal.onabort = () => console.error(`${pathname} aborted: ${signal.reason}`);
    if (pathname === "/stream") {
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      writer.write(new Uint8Array(10));
      console.error("/stream waits");
      return new Response(readable);
    }
    if (pathname === "/until") {
      ctx.waitUntil((async () => {
        while (!signal.aborted) await scheduler.wait(1);
        console.error("/until goes on");
      })());
    }
    if (pathname === "/body") {
      request.text().catch(() => console.error("/body is told"));
    }
    if (pathname === "/broken") return new Response(await request.text());
    console.error(`${pathname} waits`);
    await scheduler.wait(pathname === "/patient" ? 300 : 60_000);
    return new Response(`${pathname} answers`);
  },
};
"#;

fn waiter() -> Folder {
    let folder = Folder::worker(WAITER);
    let flags = "compatibilityFlags = [\"enable_request_signal\"],\n    compatibilityDate";
    let config = ONE_WORKER
        .replace("compatibilityDate", flags)
        .replace("sockets = [", "sockets = [(name = \"unix\", address = \"unix:unix.sock\", http = (), service = \"main\"),\n");
    folder.write("config.capnp", &config);
    folder
}

fn start(folder: &Folder) -> Server {
    let config = folder.path("config.capnp");
    tests::server::Start::serve(&super::program(), &config)
        .folder(folder.root())
        .start()
}

/// A client whose request the worker is handling.
fn waiting(server: &Server, address: &Address, path: &str) -> Client {
    let mut client = Client::connect(address).unwrap();
    client
        .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
        .unwrap();
    server.complaint(&format!("{path} waits"));
    client
}

const REASON: &str = "aborted: AbortError: The client has disconnected";

#[test]
fn a_reset_aborts_what_waits() {
    let folder = waiter();
    let server = start(&folder);
    let addresses = [
        ("/tcp", server.address("http")),
        ("/unix", Address::Unix(folder.path("unix.sock"))),
        ("/stream", server.address("http")),
    ];
    for (path, address) in addresses {
        waiting(&server, &address, path).reset().unwrap();
        server.complaint(&format!("{path} {REASON}"));
    }
}

#[test]
fn work_to_wait_for_goes_on_after_a_reset() {
    let folder = waiter();
    let server = start(&folder);
    waiting(&server, &server.address("http"), "/until")
        .reset()
        .unwrap();
    server.complaint("/until goes on");
}

#[test]
fn a_client_that_has_said_all_still_listens() {
    let folder = waiter();
    let server = start(&folder);
    let addresses = [
        server.address("http"),
        Address::Unix(folder.path("unix.sock")),
    ];
    for address in addresses {
        let answer = exchange(
            &address,
            b"GET /patient HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        let answer = String::from_utf8(answer.unwrap()).unwrap();
        assert!(answer.ends_with("/patient answers"), "{answer}");
    }
    assert!(!server.stderr().contains("aborted"));
}

#[test]
fn a_reset_stream_aborts_its_request() {
    let folder = waiter();
    let server = start(&folder);
    let mut client = Client::connect(&server.address("http")).unwrap();
    http2::send_root(&mut client).unwrap();
    server.complaint("/ waits");
    http2::reset_root(&mut client).unwrap();
    server.complaint(&format!("/ {REASON}"));
}

#[test]
fn nobody_reads_the_body_of_a_client_that_is_gone() {
    let folder = waiter();
    let server = start(&folder);
    let mut client = Client::connect(&server.address("http")).unwrap();
    client
        .send(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234")
        .unwrap();
    server.complaint("/body waits");
    client.reset().unwrap();
    server.complaint(&format!("/body {REASON}"));
    assert!(!server.stderr().contains("is told"));
}

#[test]
fn a_broken_body_is_no_exception_of_the_workers() {
    let folder = waiter();
    let server = start(&folder);
    let head = "POST /broken HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in ["zz\r\n", "5\r\n12"] {
        let moment = server.stderr().len();
        exchange(&server.address("http"), format!("{head}{body}").as_bytes()).unwrap();
        server.complaint("HTTP connection failed");
        assert!(!server.stderr()[moment..].contains("Uncaught"));
    }
}

/// Fails as its upstream does, which nobody listens for.
const PROXY: &str = r#"
export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/caught") return env.GONE.fetch(request).catch((error) => Response.json([`${error}`, error.retryable]));
    return env.GONE.fetch(request);
  },
};
"#;

#[test]
fn a_lost_upstream_is_no_answer() {
    let folder = Folder::worker(PROXY);
    let config = ONE_WORKER
        .replace(
            "compatibilityDate",
            "bindings = [(name = \"GONE\", service = \"gone\")],\n    compatibilityDate",
        )
        .replace(
            "services = [",
            "services = [(name = \"gone\", external = (address = \"unix:none.sock\", http = ())),\n",
        );
    folder.write("config.capnp", &config);
    let server = serve(&folder);
    assert_eq!(
        server.get("/caught").text(),
        r#"["Error: Network connection lost.",true]"#
    );
    let answer = exchange(
        &server.address("http"),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(answer.unwrap(), b"");
    server.complaint("HTTP connection failed: the handler sent no response");
    assert!(!server.stderr().contains("Uncaught"));
}
