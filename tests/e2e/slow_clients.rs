//! Clients that do not do their part: bodies that do not come, answers that are not taken.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, connect, setsockopt, socket, sockopt,
};

use tests::folder::Folder;
use tests::http::{Client, is_close};
use tests::http2::{Connection, DATA, HEADERS, RST_STREAM};
use tests::server::{Server, Start};
use tests::stream::Address;

use super::program;

const WORKER: &str = r#"
let begun = 0;
const all = Promise.withResolvers();
const endless = (told) => new ReadableStream({
  type: "bytes",
  pull(controller) { controller.enqueue(new Uint8Array(65536)); },
  cancel() { console.error(told); },
});
const paths = {
  async caught(request) {
    return new Response(await request.text().catch((error) => "caught: " + error.message));
  },
  async late(request) {
    await scheduler.wait(2500);
    let bytes = 0;
    for await (const chunk of request.body) {
      bytes += chunk.length;
      if (bytes === chunk.length) await scheduler.wait(2500);
    }
    return new Response(String(bytes));
  },
  endless: () => new Response(endless("nobody reads")),
  counted() { begun++; return new Response(new Uint8Array(512 << 10)); },
  begun: () => new Response(String(begun)),
  large: () => new Response(new Uint8Array(64 << 20)),
  events() {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    const write = async () => {
      await writer.write(new TextEncoder().encode("one "));
      await scheduler.wait(3000);
      await writer.write(new TextEncoder().encode("two"));
      await writer.close();
    };
    write();
    return new Response(readable);
  },
  together() {
    if (++begun === 60) all.resolve();
    return all.promise.then(() => new Response("all"));
  },
  async unread() { await scheduler.wait(30000); return new Response("unread"); },
  async poll() { await scheduler.wait(3000); return new Response("polled"); },
};
export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname.slice(1);
    if (path.startsWith("through/")) return env.AGAIN.fetch("http://localhost/" + path.slice(8), request);
    if (paths[path]) return paths[path](request);
    return new Response("got " + (await request.text()).length);
  },
};
"#;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      bindings = [(name = "AGAIN", service = "again")])),
    (name = "again", external = (address = "unix:inner.sock", http = ())),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
    (name = "inner", address = "unix:inner.sock", http = (), service = "main"),
  ],
);
"#;

/// A server that waits this long for bodies to go on.
fn start(arguments: &[&str]) -> (Folder, Server) {
    let folder = Folder::new(&[("worker.js", WORKER), ("config.capnp", CONFIG)]);
    let mut start = Start::serve(&program(), &folder.path("config.capnp")).folder(folder.root());
    for argument in arguments {
        start = start.arg(argument);
    }
    (folder, start.start())
}

fn client(server: &Server) -> Client {
    Client::connect(&server.address("http")).unwrap()
}

/// Half of what is announced.
fn half_a_request(server: &Server, path: &str) -> Client {
    let mut client = client(server);
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello");
    client.send(head.as_bytes()).unwrap();
    client
}

#[test]
fn a_body_that_does_not_go_on_is_answered_408() {
    let (_folder, server) = start(&["--body-read-timeout=500ms"]);
    for path in ["/", "/through/"] {
        let mut client = half_a_request(&server, path);
        let answer = client.answer().unwrap();
        assert_eq!((answer.status, answer.closes()), (408, true), "{path}");
        assert_eq!(client.rest().unwrap(), b"");
    }
    server.complaint("the client took too long to send the request's body");
    // A worker may have another answer.
    let mut client = half_a_request(&server, "/caught");
    let answer = client.answer().unwrap();
    let told = "caught: The client took too long to send the request's body.";
    assert_eq!((answer.status, answer.text()), (200, told));
    assert_eq!(client.rest().unwrap_or_default(), b"");
}

#[test]
fn trickling_clients_do_not_keep_others_out() {
    let (_folder, server) = start(&["--max-connections=4"]);
    let tricklers: Vec<_> = (0..4)
        .map(|_| {
            let mut client = client(&server);
            let head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n";
            client.send(head).unwrap();
            std::thread::spawn(move || {
                // A byte each half second, until the answer comes.
                while !client.readable_within(Duration::from_millis(500))? {
                    client.send(b"x")?;
                }
                client.answer()
            })
        })
        .collect();
    let mut other = client(&server);
    assert_eq!(other.get("/").unwrap().text(), "got 0");
    for trickler in tricklers {
        match trickler.join().unwrap() {
            Ok(answer) => assert_eq!(answer.status, 408),
            // A byte that comes after the end can overtake the answer as a reset.
            Err(error) => assert!(is_close(&error), "{error}"),
        }
    }
}

#[test]
fn the_worker_may_take_its_time() {
    let (_folder, server) = start(&["--body-read-timeout=500ms", "--send-timeout=500ms"]);
    let mut uploading = client(&server);
    let mut sending = uploading.sender().unwrap();
    const BYTES: usize = 32 << 20;
    let sent = std::thread::spawn(move || {
        let head = format!("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: {BYTES}\r\n\r\n");
        sending.write_all(head.as_bytes()).unwrap();
        sending.write_all(&vec![b'x'; BYTES]).unwrap();
    });
    let others: Vec<_> = [
        ("/events", "one two"),
        ("/poll", "polled"),
        ("/through/events", "one two"),
    ]
    .into_iter()
    .map(|(path, expected)| {
        let mut client = client(&server);
        std::thread::spawn(move || assert_eq!(client.get(path).unwrap().text(), expected))
    })
    .collect();
    assert_eq!(uploading.answer().unwrap().text(), BYTES.to_string());
    sent.join().unwrap();
    for other in others {
        other.join().unwrap();
    }
}

#[test]
fn an_answer_that_nobody_reads_ends() {
    let (_folder, server) = start(&["--send-timeout=500ms"]);
    for path in ["/endless", "/large"] {
        let mut client = client(&server);
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
            .unwrap();
        let moment = server.stderr().len();
        let told = "the client took too long to read what it is sent";
        while !server.stderr()[moment..].contains(told) {
            assert!(server.get("/").status == 200);
        }
        // What the kernel had is all that comes.
        match client.rest() {
            Ok(bytes) => assert!(bytes.len() < 64 << 20, "{path}"),
            Err(error) => assert!(is_close(&error) && error.kind() != ErrorKind::TimedOut),
        }
    }
    server.complaint("nobody reads");
}

#[test]
fn http2_streams_end_alone() {
    const LATER: u32 = 1_000_001;
    let (_folder, server) = start(&["--send-timeout=500ms", "--body-read-timeout=500ms"]);
    let mut connection = Connection::open(&server.address("http"), 0).unwrap();
    // No window: nothing of these can be sent. Others are answered all the while.
    connection.get(1, "/endless").unwrap();
    connection.get(3, "/counted").unwrap();
    let mut reset = Vec::new();
    for stream in (101..).step_by(2) {
        connection.get(stream, "/begun").unwrap();
        connection.widen(stream, 10).unwrap();
        loop {
            let frame = connection.frame().unwrap();
            if frame.kind == RST_STREAM {
                reset.push(frame.stream);
            }
            if frame.stream == stream && frame.ends {
                break;
            }
        }
        if reset.len() == 2 {
            break;
        }
    }
    reset.sort_unstable();
    assert_eq!(reset, [1, 3]);
    server.complaint("nobody reads");
    connection.post(LATER, "/").unwrap();
    connection
        .wait(|frame| frame.stream == LATER && frame.has_status(408))
        .unwrap();
    connection.widen(LATER, 1000).unwrap();
    connection
        .wait(|frame| frame.stream == LATER && frame.ends)
        .unwrap();
    connection.get(LATER + 2, "/events").unwrap();
    connection.widen(LATER + 2, 1000).unwrap();
    let mut text: Vec<u8> = Vec::new();
    loop {
        let frame = connection.frame().unwrap();
        assert!(
            frame.kind != RST_STREAM || frame.stream == LATER,
            "{frame:?}"
        );
        if frame.kind == DATA && frame.stream == LATER + 2 {
            text.extend(&frame.payload);
            if frame.ends {
                break;
            }
        }
    }
    assert_eq!(text, b"one two");
}

#[test]
fn http2_connections_end_where_nothing_moves() {
    let (_folder, server) = start(&["--send-timeout=500ms"]);
    let mut connection = Connection::open(&server.address("http"), 0).unwrap();
    let streams = (0..100).map(|number| 2 * number + 1);
    connection.get_many(streams, "/counted").unwrap();
    let end = connection.wait(|_| false).unwrap_err();
    assert!(is_close(&end), "{end}");
    server.complaint("the client took too long to read what it is sent");
}

#[test]
fn who_takes_no_answers_has_no_more_of_them_made() {
    const STREAMS: u32 = 100;
    let (_folder, server) = start(&[]);
    let mut connection = Connection::open(&server.address("http"), 0).unwrap();
    let streams = (0..STREAMS).map(|number| 2 * number + 1);
    connection.get_many(streams, "/counted").unwrap();
    connection
        .wait(|frame| frame.kind == HEADERS && frame.has_status(200))
        .unwrap();
    let begun = || server.get("/begun").text().parse::<u32>().unwrap();
    for _ in 0..50 {
        assert!(begun() <= 16);
    }
    // All are answered as soon as there is room for the answers.
    connection.set_window(1 << 20).unwrap();
    connection.widen(0, 1 << 30).unwrap();
    let (mut bytes, mut ended) = (0, 0);
    while ended < STREAMS {
        let frame = connection.frame().unwrap();
        ended += u32::from(frame.ends);
        if frame.kind == DATA {
            bytes += frame.payload.len();
        }
    }
    assert_eq!(bytes, (512 << 10) * STREAMS as usize);
    assert_eq!(begun(), STREAMS);
}

/// A client whose kernel takes little that it does not read.
fn narrow_client(server: &Server) -> TcpStream {
    let Address::Loopback(port) = server.address("http") else {
        panic!("a port is listened on");
    };
    let socket = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .unwrap();
    setsockopt(&socket, sockopt::RcvBuf, &(16 << 10)).unwrap();
    let address = SocketAddrV4::new([127, 0, 0, 1].into(), port);
    connect(socket.as_raw_fd(), &SockaddrIn::from(address)).unwrap();
    TcpStream::from(socket)
}

#[test]
fn who_reads_steadily_is_not_cut_off() {
    const BYTES_PER_SECOND: usize = 20_000;
    let (_folder, server) = start(&["--send-timeout=2s", "--min-body-rate=2000"]);
    let mut client = narrow_client(&server);
    client
        .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let began = Instant::now();
    let mut storage = [0; BYTES_PER_SECOND / 10];
    // What the server's kernel has ready lasts for longer.
    while began.elapsed() < Duration::from_secs(8) {
        client.read_exact(&mut storage).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_large_answer_that_is_read_does_not_stop_others() {
    const STEP: u32 = 256 << 10;
    let (_folder, server) = start(&[]);
    let mut connection = Connection::open(&server.address("http"), 0).unwrap();
    connection.widen(0, 1 << 30).unwrap();
    connection.get(1, "/large").unwrap();
    let (mut bytes, mut wanted) = (0, 0);
    loop {
        if bytes == wanted {
            wanted += STEP as usize;
            connection.widen(1, STEP).unwrap();
        }
        if bytes == 4 * STEP as usize {
            connection.get(3, "/begun").unwrap();
            connection.widen(3, 10).unwrap();
        }
        let frame = connection.frame().unwrap();
        if frame.stream == 3 && frame.ends {
            break;
        }
        if frame.stream == 1 && frame.kind == DATA {
            bytes += frame.payload.len();
        }
    }
    // The rest is more than a process may hold.
    assert!(bytes < 32 << 20, "{bytes}");
}

#[test]
fn requests_that_take_long_begin_together() {
    let (_folder, server) = start(&[]);
    let mut connection = Connection::open(&server.address("http"), 100).unwrap();
    let began = Instant::now();
    let streams = (0..60).map(|number| 2 * number + 1);
    connection.get_many(streams, "/together").unwrap();
    let mut ended = 0;
    while ended < 60 {
        ended += u32::from(connection.frame().unwrap().ends);
    }
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_body_that_is_not_read_excuses_no_other() {
    let (_folder, server) = start(&["--body-read-timeout=500ms"]);
    let mut connection = Connection::open(&server.address("http"), 100).unwrap();
    connection.post(1, "/unread").unwrap();
    connection.post(3, "/").unwrap();
    let answer = connection.wait(|frame| frame.kind == HEADERS).unwrap();
    assert!(answer.stream == 3 && answer.has_status(408), "{answer:?}");
}
