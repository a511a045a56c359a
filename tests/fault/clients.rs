//! Clients that take a place and do not use it: idle ones, ones that trickle, ones that do not read. Others are served as if
//! they were not there, and they are gone after a while.
//!
//! `FAULT_CLIENTS=full` has them in the numbers that the bounds are made for, with the options' defaults; it takes some
//! minutes, wants a release build, and also compares latencies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use tests::folder::Folder;
use tests::http::Client;
use tests::http2::Connection;
use tests::server::{Server, Start};
use tests::stream::Address;

use super::{alone, program};

const WORKER: &str = r#"
export default {
  async fetch(request) {
    if (request.method === "POST") return new Response(String((await request.text()).length));
    return new Response(request.url.endsWith("/large") ? new Uint8Array(1 << 20) : "fine");
  },
};
"#;

/// How long latencies are measured.
const MEASURED: Duration = Duration::from_secs(3);

const SECOND: Duration = Duration::from_secs(1);

/// In a second so many groups of clients send their bytes.
const PARTS: usize = 50;

/// Requests of an HTTP/2 client, more than a server lets it have under way.
const STREAMS: u32 = 200;

const MAX_RESIDENT_MIB: usize = 600;

struct Scale {
    idle: usize,
    trickling: usize,
    stalled: usize,
    options: &'static [&'static str],
    /// In which they are gone.
    patience: Duration,
    max_p99_factor: Option<u32>,
}

const SMALL: Scale = Scale {
    idle: 200,
    trickling: 50,
    stalled: 10,
    options: &[
        "--idle-timeout=5s",
        "--body-read-timeout=5s",
        "--send-timeout=2s",
    ],
    patience: Duration::from_secs(60),
    max_p99_factor: None,
};

const FULL: Scale = Scale {
    idle: 5000,
    trickling: 2000,
    stalled: 200,
    options: &[],
    patience: Duration::from_secs(180),
    max_p99_factor: Some(5),
};

fn resident_mib(pid: Pid, which: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(which))
        .unwrap();
    let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024
}

fn descriptors(pid: Pid) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}

/// The 99th percentile of how long answers take that two clients ask for.
fn p99(address: &Address) -> Duration {
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || {
                let mut client = Client::connect(&address).unwrap();
                let (start, mut all) = (Instant::now(), Vec::new());
                while start.elapsed() < MEASURED {
                    let began = Instant::now();
                    assert_eq!(client.get("/").unwrap().text(), "fine");
                    all.push(began.elapsed());
                }
                all
            })
        })
        .collect();
    let mut all: Vec<_> = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect();
    all.sort();
    all[all.len() * 99 / 100]
}

/// Sends a byte a second on each connection until told to stop.
fn trickle(address: &Address, count: usize, stop: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let mut clients: Vec<_> = (0..count)
        .map(|_| Client::connect(address).unwrap())
        .collect();
    for client in &mut clients {
        let head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
        client.send(head).unwrap();
    }
    thread::spawn(move || {
        while !stop.load(Relaxed) {
            // They know nothing of each other.
            for part in clients.chunks_mut(count / PARTS) {
                let began = Instant::now();
                // Those that were refused stay, as they would.
                for client in part {
                    let _ = client.send(b"x");
                }
                thread::sleep((SECOND / PARTS as u32).saturating_sub(began.elapsed()));
            }
        }
    })
}

fn start(scale: &Scale) -> (Folder, Server) {
    let folder = Folder::worker(WORKER);
    let mut start = Start::serve(&program(), &folder.path("config.capnp"));
    for option in scale.options {
        start = start.arg(option);
    }
    let server = start.start();
    (folder, server)
}

#[test]
fn clients_that_do_nothing_cost_the_others_nothing() {
    let _alone = alone();
    let is_full = std::env::var("FAULT_CLIENTS").is_ok_and(|size| size == "full");
    let scale = if is_full { FULL } else { SMALL };
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let (_folder, server) = start(&scale);
    let (pid, address) = (server.pid(), server.address("http"));
    let unloaded = p99(&address);
    // The clients that have measured are gone when they are seen to be.
    let deadline = Instant::now() + scale.patience;
    let before = loop {
        let now = descriptors(pid);
        thread::sleep(Duration::from_millis(300));
        if descriptors(pid) == now {
            break now;
        }
        assert!(Instant::now() < deadline);
    };

    let idle: Vec<_> = (0..scale.idle)
        .map(|_| {
            let mut client = Client::connect(&address).unwrap();
            assert_eq!(client.get("/").unwrap().text(), "fine");
            client
        })
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let trickling = trickle(&address, scale.trickling, stop.clone());
    let stalled: Vec<_> = (0..scale.stalled)
        .map(|_| {
            let mut connection = Connection::open(&address, 0).unwrap();
            let streams = (0..STREAMS).map(|number| 2 * number + 1);
            connection.get_many(streams, "/large").unwrap();
            connection
        })
        .collect();
    let loaded = p99(&address);
    let most = descriptors(pid);
    let began = Instant::now();
    while descriptors(pid) > before {
        assert!(
            began.elapsed() < scale.patience,
            "{} descriptors",
            descriptors(pid)
        );
        assert_eq!(server.get("/").text(), "fine");
        thread::sleep(Duration::from_millis(100));
    }
    let gone_after = began.elapsed();
    stop.store(true, Relaxed);
    trickling.join().unwrap();
    drop((idle, stalled));
    let (peak, now) = (resident_mib(pid, "VmHWM:"), resident_mib(pid, "VmRSS:"));
    eprintln!(
        "{} idle, {} trickling, {} stalled: p99 {loaded:?} (unloaded {unloaded:?}); {most} descriptors, {before} again \
         after {gone_after:?}; at most {peak} MiB resident, {now} MiB at the end",
        scale.idle, scale.trickling, scale.stalled
    );
    assert!(peak < MAX_RESIDENT_MIB, "{peak} MiB resident");
    if let Some(factor) = scale.max_p99_factor {
        assert!(
            loaded < factor * unloaded,
            "p99 {loaded:?}, unloaded {unloaded:?}"
        );
    }
}
