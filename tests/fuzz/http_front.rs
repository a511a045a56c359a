//! Fuzzes the HTTP front of a running server: mutated requests, each on a connection of its own.
//!
//! `FUZZ_SECONDS` says for how long (default 1), `FUZZ_SEED` where to start. What a server may do with any bytes: answer with
//! HTTP, or close. It may not end, and it goes on answering. The worker reads bodies and throws what that throws.

use std::time::{Duration, Instant};

use tests::folder::Folder;
use tests::http::{exchange, get};
use tests::program::Program;
use tests::random::Random;
use tests::server::Start;

const SEEDS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /a?b=c HTTP/1.0\r\nHost: [::1]:80\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=\"y\"\r\nbody\r\n0\r\nTrailer: 1\r\n\r\n",
    b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://user:pass@a/%ff%00?\xc3\xa4 HTTP/1.1\r\nHost: a\r\nX: \xff\r\n folded\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x05\x01\x05\x00\x00\x00\x01\x82\x84\x86\x41\x01a",
];

/// Bytes and words that parsers trip over.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"0",
    b"-1",
    b"18446744073709551616",
    b"ffffffffffffffff",
    b"chunked",
    b"Content-Length: ",
    b"Transfer-Encoding: ",
    b"Host: ",
    b"HTTP/1.1",
    b"HTTP/0.9",
    b"%",
    b"//",
    b"..",
    b"\xff\xfe",
];

const WORKER: &str = "export default {
  async fetch(r) { return new Response(r.method + r.url + [...r.headers] + await r.text()); },
  async connect(socket) { await socket.readable.pipeTo(socket.writable); },
};";

#[test]
fn any_bytes_get_an_answer_or_a_close() {
    let number = |name, default| {
        std::env::var(name)
            .ok()
            .map_or(default, |value| value.parse().expect("a number"))
    };
    let time = Duration::from_secs(number("FUZZ_SECONDS", 1));
    let seed = number("FUZZ_SEED", u64::from(std::process::id()));
    println!("FUZZ_SEED={seed}");
    let mut random = Random::new(seed);
    let folder = Folder::worker(WORKER);
    let program = Program::new(env!("CARGO_BIN_EXE_workerd"));
    let start = Start::serve(&program, &folder.path("config.capnp"));
    let server = start.arg("--header-read-timeout=1s").processes(2).start();
    let address = server.address("http");
    let (begun, mut count) = (Instant::now(), 0_u64);
    while begun.elapsed() < time {
        let request = mutate(&mut random);
        let shown = || String::from_utf8_lossy(&request).into_owned();
        let answer = exchange(&address, &request).unwrap_or_else(|error| {
            panic!("{error} after {count} requests:\n{:?}\n{server:?}", shown())
        });
        let is_http1 = answer.is_empty() || answer.starts_with(b"HTTP/1.");
        // An HTTP/2 server's first frame is SETTINGS.
        let is_http2 = request.starts_with(b"PRI") && answer.get(3) == Some(&4);
        assert!(
            is_http1 || is_http2,
            "{:?}\n{:?}",
            shown(),
            String::from_utf8_lossy(&answer)
        );
        // The worker fails only for want of a body.
        assert!(
            !answer.starts_with(b"HTTP/1.1 500"),
            "{:?}\n{server:?}",
            shown()
        );
        count += 1;
    }
    assert_eq!(get(&address, "/").unwrap().status, 200);
    let stderr = server.stderr();
    let unexpected: Vec<_> = stderr
        .lines()
        .filter(|line| !line.starts_with("error: HTTP connection failed: "))
        .collect();
    assert!(
        unexpected.is_empty(),
        "after {count} requests: {unexpected:?}"
    );
    println!("{count} requests in {time:?}");
}

fn mutate(random: &mut Random) -> Vec<u8> {
    let mut bytes = random.pick(SEEDS).to_vec();
    for _ in 0..random.below(6) {
        let at = random.below(bytes.len() + 1);
        let to = at + random.below((bytes.len() - at).min(16) + 1);
        match random.below(6) {
            0 => drop(bytes.drain(at..to)),
            1 => drop(bytes.splice(at..at, random.pick(TOKENS).iter().copied())),
            2 => drop(bytes.splice(at..to, random.pick(TOKENS).iter().copied())),
            3 => bytes[at..to]
                .iter_mut()
                .for_each(|byte| *byte ^= 1 << random.below(8)),
            4 => drop(bytes.splice(at..at, bytes[at..to].to_vec().repeat(1 + random.below(200)))),
            _ => drop(bytes.splice(
                at..,
                random.pick(SEEDS).iter().skip(random.below(40)).copied(),
            )),
        }
    }
    bytes
}
