//! Fuzzes exchanges that a worker passes on: random requests, workers' ways with them, and origins' answers, right and wrong.
//!
//! `FUZZ_SECONDS` says for how long (default 4), `FUZZ_SEED` where to start, `FUZZ_SESSIONS` after how many sessions to stop:
//! a fault is printed with its seed and case, and `FUZZ_SEED=<seed> FUZZ_SESSIONS=1` makes it again. What must come of a case
//! is in `check.rs`: whole messages as the worker made them or an error that the receiver sees, and nothing of one in another.

mod case;
mod check;
mod http1;
mod http2;
mod origin;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tests::folder::Folder;
use tests::program::Program;
use tests::random::Random;
use tests::server::{Server, Start};

use case::{Case, Protocol, SESSION};
use check::{End, Got};
use origin::Origin;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-03-01",
      durableObjectNamespaces = [(className = "Thing", uniqueKey = "things")],
      durableObjectStorage = (inMemory = void),
      bindings = [
        (name = "ORIGIN", service = "origin"),
        (name = "INNER", service = (name = "main", entrypoint = "Inner")),
        (name = "OBJECTS", durableObjectNamespace = "Thing"),
      ],
      globalOutbound = "outside")),
    (name = "origin", external = (address = "127.0.0.1:PORT", http = ())),
    (name = "outside", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// Clients at a time.
const CLIENTS: usize = 6;

/// Faults that look alike are shown this often.
const SHOWN: usize = 3;

/// What a client or an origin sees for itself: a connection that ends too early. Under load that is now and then a race of
/// closing with sending, which costs nobody anything but the exchange.
/// What takes too long is not of these.
const SEEN_AS_LOST: [&str; 3] = [
    "the client's connection ended before an answer",
    "the origin was not asked",
    "the answer is cut after",
];

/// One exchange in so many may be lost, or a few in a short run.
const MAX_LOST_IN: u64 = 500;
const MAX_LOST_FEW: u64 = 4;

/// A client's connection.
enum Connection {
    Http1(http1::Connection),
    Http2(http2::Connection),
}

impl Connection {
    fn open(protocol: Protocol, port: u16) -> std::io::Result<Self> {
        Ok(match protocol {
            Protocol::Http1 => Self::Http1(http1::Connection::open(port)?),
            Protocol::Http2 => Self::Http2(http2::Connection::open(port)?),
        })
    }

    /// Several at once, as the protocol has it.
    fn exchange(&mut self, cases: &[Arc<Case>], port: u16) -> Vec<Got> {
        match self {
            Self::Http1(connection) => connection.exchange(cases, port),
            Self::Http2(connection) => connection.exchange(cases, port),
        }
    }

    /// Whether bytes came that belong to no answer.
    fn has_unread(&self) -> bool {
        matches!(self, Self::Http1(connection) if connection.has_unread())
    }
}

struct Run {
    origin: Arc<Origin>,
    ports: Vec<u16>,
    protocols: Vec<Protocol>,
    next: AtomicU64,
    end: u64,
    /// Whether every case is shown.
    replays: bool,
    until: Instant,
    exchanges: AtomicU64,
    lost: AtomicU64,
    /// How often a kind of fault was seen.
    faults: Mutex<HashMap<String, usize>>,
}

#[test]
fn what_is_passed_on_arrives_whole_or_fails() {
    let number = |name, default| {
        let value = std::env::var(name).ok();
        value.map_or(default, |value| value.parse().expect("a number"))
    };
    let time = Duration::from_secs(number("FUZZ_SECONDS", 4));
    let seed = number("FUZZ_SEED", u64::from(std::process::id()) << 20);
    println!("FUZZ_SEED={seed}");
    let origin = Origin::start();
    let folder = Folder::new(&[
        (
            "config.capnp",
            &CONFIG.replace("PORT", &origin.port.to_string()),
        ),
        ("worker.js", include_str!("worker.js")),
    ]);
    let program = Program::new(env!("CARGO_BIN_EXE_workerd"));
    let binary = std::env::var_os("WORKERD_BIN");
    let published = binary.is_some() && binary == std::env::var_os("PUBLISHED_WORKERD");
    let start = |processes| {
        let start = Start::serve(&program, &folder.path("config.capnp"));
        let start = if published {
            start.arg("--experimental")
        } else {
            start.processes(processes)
        };
        start.start()
    };
    let mut servers: Vec<Server> = if published {
        vec![start(1)]
    } else {
        vec![start(1), start(2)]
    };
    let processes: Vec<_> = servers.iter().map(Server::tree).collect();
    let begun = Instant::now();
    let run = Arc::new(Run {
        origin,
        ports: servers.iter().map(|server| server.port("http")).collect(),
        // The published binary has no HTTP/2 for clients.
        protocols: if published {
            vec![Protocol::Http1]
        } else {
            vec![Protocol::Http1, Protocol::Http1, Protocol::Http2]
        },
        next: AtomicU64::new(seed),
        end: seed.saturating_add(number("FUZZ_SESSIONS", u64::MAX)),
        replays: std::env::var_os("FUZZ_SESSIONS").is_some(),
        until: begun + time,
        exchanges: AtomicU64::new(0),
        lost: AtomicU64::new(0),
        faults: Mutex::default(),
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let run = run.clone();
            thread::spawn(move || run.client())
        })
        .collect();
    for client in clients {
        client.join().expect("no panic");
    }
    println!(
        "{} exchanges in {:?}",
        run.exchanges.load(Relaxed),
        begun.elapsed()
    );
    for (server, processes) in servers.iter_mut().zip(processes) {
        assert_eq!(
            server.tree(),
            processes,
            "a process ended\n{}",
            server.stderr()
        );
        server.stop();
        let log = server.stderr();
        assert!(!log.contains("panicked"), "{log}");
    }
    let (lost, exchanges) = (run.lost.load(Relaxed), run.exchanges.load(Relaxed));
    println!("{lost} of them lost");
    assert!(
        lost <= MAX_LOST_FEW.max(exchanges / MAX_LOST_IN),
        "{lost} of {exchanges} exchanges were lost, from FUZZ_SEED={seed} on"
    );
    let faults = run.faults.lock().expect("no panic");
    let mut kinds: Vec<_> = faults.iter().map(|(kind, count)| (count, kind)).collect();
    kinds.sort_unstable_by(|a, b| b.cmp(a));
    for (count, kind) in &kinds {
        println!("{count} times: {kind}");
    }
    assert!(
        kinds.is_empty(),
        "{} kinds of faults, from FUZZ_SEED={seed} on",
        kinds.len()
    );
}

impl Run {
    fn client(&self) {
        while Instant::now() < self.until {
            let seed = self.next.fetch_add(1, Relaxed);
            if seed >= self.end {
                return;
            }
            self.session(seed);
        }
    }

    /// The cases of one seed, on as few connections as it takes.
    fn session(&self, seed: u64) {
        let mut random = Random::new(seed);
        let port = self.ports[random.below(self.ports.len())];
        let protocol = random.pick(&self.protocols);
        let (mut open, mut must_go_on) = (None, false);
        let mut ids = (1..=1 + random.below(SESSION as usize - 1) as u64).peekable();
        while ids.peek().is_some() {
            let mut cases: Vec<_> = ids
                .by_ref()
                .take(random.pick(&[1, 1, 1, 2, 3]))
                .map(|n| Case::new(&mut random, seed * SESSION + n, protocol))
                .collect();
            // One that ends the connection with bytes unread may reset it, and answers that are still on their way with it.
            if protocol == Protocol::Http1 && cases.len() > 1 {
                cases = cases.into_iter().map(Case::followed).collect();
            }
            let cases: Vec<_> = cases.into_iter().map(Arc::new).collect();
            cases.iter().for_each(|case| self.origin.expect(case));
            let fresh = open.is_none();
            let opened = open
                .take()
                .map_or_else(|| Connection::open(protocol, port), Ok);
            let mut connection = match opened {
                Ok(connection) => connection,
                Err(error) => {
                    return self.fault(seed, &cases[0], &format!("no connection: {error}"));
                }
            };
            must_go_on |= fresh;
            let mut may_go_on = true;
            let gots = connection.exchange(&cases, self.origin.port);
            for (case, got) in cases.iter().zip(&gots) {
                // A connection that was to be closed anyway may be so already.
                let lost = !must_go_on && got.end == End::Closed;
                self.look(seed, case, got, lost);
                must_go_on = case.must_go_on(got);
                may_go_on &= case.may_go_on(got);
            }
            if may_go_on && connection.has_unread() {
                self.fault(seed, &cases[0], "bytes follow the answer");
            } else if may_go_on {
                open = Some(connection);
            }
        }
    }

    /// Compares what came of a case with what had to; a lost one was perhaps not even read.
    fn look(&self, seed: u64, case: &Case, got: &Got, lost: bool) {
        self.exchanges.fetch_add(1, Relaxed);
        if self.replays {
            println!(
                "{case}\n  {} {:?}, {} bytes",
                got.status,
                got.end,
                got.body.len()
            );
        }
        let asked = self
            .origin
            .asked(case.id, case.has_answer(got), check::PATIENCE);
        if !lost {
            for fault in case.faults(got, &asked, self.origin.port) {
                self.fault(seed, case, &fault);
            }
        }
        for stray in self.origin.strays() {
            self.fault(seed, case, &format!("a stray at the origin: {stray}"));
        }
    }

    fn fault(&self, seed: u64, case: &Case, text: &str) {
        // What a kind's faults have in common is the words before the first number.
        let words = text
            .find(|c: char| c.is_ascii_digit())
            .map_or(text, |end| &text[..end]);
        let kind = format!("{words} ({:?} {:?} {:?})", case.up, case.down, case.framing);
        if SEEN_AS_LOST.iter().any(|lost| text.starts_with(lost)) {
            self.lost.fetch_add(1, Relaxed);
            println!("FUZZ_SEED={seed} FUZZ_SESSIONS=1, lost: {text}\n  {case}");
            return;
        }
        let mut faults = self.faults.lock().expect("no panic");
        let count = faults.entry(kind).or_default();
        *count += 1;
        if *count <= SHOWN {
            println!("FUZZ_SEED={seed} FUZZ_SESSIONS=1: {text}\n  {case}");
        }
    }
}
