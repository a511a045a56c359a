//! Everything at once: clients append and count over HTTP and WebSocket while processes are killed, the config is reloaded
//! and the server is started anew with another number of processes. What clients were told has to be true in the end.
//!
//! `FAULT_SECONDS` is how long it goes on (20), `FAULT_SEED` which choices are made (random; printed), `FAULT_KILLS` how often
//! the second test kills everything (5).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use tests::DEADLINE;
use tests::folder::Folder;
use tests::history::{Entry, Log, Operation, check, longest};
use tests::http::{Client, get};
use tests::server::Server;
use tests::stream::Address;
use tests::websocket::Socket;

use super::super::alone;
use super::{folder, start};

const OBJECTS: usize = 200;
/// Half of everything is asked of these.
const HOT_OBJECTS: u64 = 8;
const HTTP_CLIENTS: usize = 12;
/// Clients of slow calls alone, to objects that others call meanwhile: some are under way at every reload.
const SLOW_CLIENTS: usize = 4;
const SOCKET_CLIENTS: usize = 4;
/// Operations that are made on one stub, or one WebSocket, without waiting.
const MAX_BURST: u64 = 5;
/// A slow call appends, waits for this long at most, and appends again.
const MAX_SLOW_MS: u64 = 2000;
/// Bursts after which a client opens another WebSocket.
const BURSTS: u64 = 20;
const BETWEEN_KILLS: Duration = Duration::from_secs(2);

/// SplitMix64.
pub(super) struct Random(pub u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound
    }

    fn object(&mut self) -> usize {
        let bound = [HOT_OBJECTS, OBJECTS as u64][self.below(2) as usize];
        self.below(bound) as usize
    }
}

pub(super) fn setting(name: &str, otherwise: impl FnOnce() -> u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or_else(otherwise, |value| {
        value.parse().unwrap_or_else(|_| panic!("{name}={value}"))
    })
}

/// The seed, said so that a run can be done again.
pub(super) fn seed() -> u64 {
    let seed = setting("FAULT_SEED", || RandomState::new().hash_one(0));
    eprintln!("FAULT_SEED={seed}");
    seed
}

/// What the clients of a run share.
struct Run {
    /// None while there is no server.
    address: Mutex<Option<Address>>,
    over: AtomicBool,
    next_name: AtomicU64,
    next_stream: AtomicU64,
}

/// What one client did.
#[derive(Default)]
struct Deeds {
    appended: Vec<Operation>,
    /// Counts asked for, and the counts and arms acknowledged, by object.
    increments: HashMap<usize, u64>,
    counts: Vec<(usize, u64)>,
    arms: HashMap<usize, u64>,
    /// Calls that were not answered in time, which must not be.
    hung: Vec<String>,
}

impl Run {
    fn new(server: &Server) -> Self {
        Self {
            address: Mutex::new(Some(server.address("http"))),
            over: AtomicBool::new(false),
            next_name: AtomicU64::new(1),
            next_stream: AtomicU64::new(1),
        }
    }

    fn moves_to(&self, server: Option<&Server>) {
        let address = server.map(|server| server.address("http"));
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    fn address(&self) -> Option<Address> {
        let address = self.address.lock();
        address.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Operations about to be made in a row.
    fn burst(&self, object: usize, stream: u64, length: u64) -> Vec<Operation> {
        let begun = Instant::now();
        let name = |_| format!("n{}", self.next_name.fetch_add(1, Relaxed));
        let names = (0..length).map(name);
        let operations = names.map(|name| Operation {
            object,
            name,
            stream,
            begun,
            ended: begun,
            told: None,
        });
        operations.collect()
    }

    fn stream(&self) -> u64 {
        self.next_stream.fetch_add(1, Relaxed)
    }

    /// Asks for one thing after another on a connection, and opens another when that breaks.
    fn http_client(&self, mut random: Random, slow: bool) -> Deeds {
        let mut deeds = Deeds::default();
        let mut client = None;
        while !self.is_over() {
            let open = client
                .take()
                .map(Ok)
                .or_else(|| Some(Client::connect(&self.address()?)));
            let Some(Ok(mut open)) = open else {
                thread::park_timeout(Duration::from_millis(10));
                continue;
            };
            match self.http_deed(&mut open, &mut random, slow, &mut deeds) {
                Ok(closes) if !closes => client = Some(open),
                Err(error) if is_timeout(&error) => deeds.hung.push(error.to_string()),
                _ => {}
            }
        }
        deeds
    }

    /// One request; whether the connection closes after it.
    fn http_deed(
        &self,
        client: &mut Client,
        random: &mut Random,
        slow: bool,
        deeds: &mut Deeds,
    ) -> std::io::Result<bool> {
        let (object, kind) = match slow {
            true => (random.below(HOT_OBJECTS) as usize, 0),
            false => (random.object(), 1 + random.below(9)),
        };
        match kind {
            kind @ 0..=5 => {
                let (what, length) = match kind {
                    0 => ("slow", 2),
                    _ => ("batch", 1 + random.below(MAX_BURST)),
                };
                let mut burst = self.burst(object, self.stream(), length);
                let names: Vec<_> = burst.iter().map(|operation| &*operation.name).collect();
                let (names, millis) = (names.join(","), random.below(MAX_SLOW_MS));
                let path = format!("/{what}/o{object}?names={names}&millis={millis}");
                let answer = client.get(&path);
                let ended = Instant::now();
                if let Ok(answer) = &answer
                    && answer.status == 200
                {
                    for (operation, line) in burst.iter_mut().zip(answer.text().lines()) {
                        operation.told = Entry::parse(line);
                        operation.ended = ended;
                    }
                }
                deeds.appended.extend(burst);
                answer.map(|answer| answer.closes())
            }
            6..=8 => {
                *deeds.increments.entry(object).or_default() += 1;
                let answer = client.get(&format!("/increment/o{object}"))?;
                if answer.status == 200 {
                    deeds
                        .counts
                        .push((object, answer.text().parse().expect("a count")));
                }
                Ok(answer.closes())
            }
            _ => {
                let millis = random.below(3000);
                let answer = client.get(&format!("/arm/o{object}?millis={millis}"))?;
                if answer.status == 200 {
                    *deeds.arms.entry(object).or_default() += 1;
                }
                Ok(answer.closes())
            }
        }
    }

    /// Sends bursts of messages on WebSockets that end in the object, and on such as end in a worker, which calls it.
    fn socket_client(&self, mut random: Random) -> Deeds {
        let mut deeds = Deeds::default();
        while !self.is_over() {
            let object = random.object();
            let what = ["socket", "relay"][random.below(2) as usize];
            let path = format!("/{what}/o{object}");
            let socket = self.address().map(|address| Socket::open(&address, &path));
            let Some(Ok(mut socket)) = socket else {
                thread::park_timeout(Duration::from_millis(10));
                continue;
            };
            let stream = self.stream();
            for _ in 0..BURSTS {
                let mut burst = self.burst(object, stream, 1 + random.below(MAX_BURST));
                let exchanged = exchange(&mut socket, &mut burst);
                deeds.appended.extend(burst);
                match exchanged {
                    Ok(()) if !self.is_over() => {}
                    Err(error) if is_timeout(&error) => {
                        deeds.hung.push(error.to_string());
                        break;
                    }
                    _ => break,
                }
            }
        }
        deeds
    }

    /// Clients at work while `fate` does its part; then what all of them did.
    fn with_clients(&self, seed: u64, fate: impl FnOnce()) -> Deeds {
        thread::scope(|scope| {
            let http = (0..HTTP_CLIENTS).map(|n| {
                let random = Random(seed ^ (n as u64 + 1));
                scope.spawn(move || self.http_client(random, n < SLOW_CLIENTS))
            });
            let sockets = (0..SOCKET_CLIENTS).map(|n| {
                let random = Random(seed ^ (n as u64 + 1000));
                scope.spawn(move || self.socket_client(random))
            });
            let clients: Vec<_> = http.chain(sockets).collect();
            // However it ends, the clients have to.
            let fate = std::panic::catch_unwind(std::panic::AssertUnwindSafe(fate));
            self.over.store(true, Relaxed);
            let mut all = Deeds::default();
            for client in clients {
                all.add(client.join().expect("no panic"));
            }
            fate.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all
        })
    }
}

fn exchange(socket: &mut Socket, burst: &mut [Operation]) -> std::io::Result<()> {
    for operation in burst.iter() {
        socket.send(&operation.name)?;
    }
    for operation in burst {
        let told = socket.receive()?;
        operation.told = Some(Entry::parse(&told).expect("an entry"));
        operation.ended = Instant::now();
    }
    Ok(())
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// What a call brings in the end: the last process that was killed may still take it down with itself.
pub(super) fn ask_after_kills(server: &Server, path: &str) -> String {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match get(&server.address("http"), path) {
            Ok(answer) if answer.status == 200 => {
                return String::from_utf8(answer.body).expect("text");
            }
            other => assert!(
                Instant::now() < deadline,
                "GET {path}: {other:?}\n{server:?}"
            ),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

impl Deeds {
    fn add(&mut self, other: Self) {
        self.appended.extend(other.appended);
        self.counts.extend(other.counts);
        self.hung.extend(other.hung);
        for (to, from) in [
            (&mut self.increments, other.increments),
            (&mut self.arms, other.arms),
        ] {
            for (object, more) in from {
                *to.entry(object).or_default() += more;
            }
        }
    }

    /// Asks every object what it has, and says all that cannot be.
    fn judge(&self, server: &Server) -> Vec<String> {
        let logs = (0..OBJECTS).map(|object| ask_after_kills(server, &format!("/read/o{object}")));
        let logs: Vec<_> = logs.map(|text| Log::parse(&text).expect("a log")).collect();
        let mut wrong = check(&self.appended, &logs);
        wrong.extend(
            self.hung
                .iter()
                .map(|error| format!("a call hung: {error}")),
        );
        let mut counts: HashMap<usize, Vec<u64>> = HashMap::new();
        for (object, count) in &self.counts {
            counts.entry(*object).or_default().push(*count);
        }
        let deadline = Instant::now() + DEADLINE;
        for object in 0..OBJECTS {
            let mut state = read_state(server, object);
            while state["fired"] != state["armed"] && Instant::now() < deadline {
                state = read_state(server, object);
            }
            let number = |key: &str| state[key].as_u64().expect("a number");
            if number("fired") != number("armed") {
                wrong.push(format!("object {object}: an alarm is lost: {state}"));
            }
            let of = |counted: &HashMap<usize, u64>| counted.get(&object).copied().unwrap_or(0);
            if number("armed") < of(&self.arms) {
                wrong.push(format!(
                    "object {object}: armed {} times: {state}",
                    of(&self.arms)
                ));
            }
            let mut told = counts.remove(&object).unwrap_or_default();
            told.sort_unstable();
            let heard = told.len() as u64;
            let twice = told.windows(2).any(|pair| pair[0] == pair[1]);
            let possible = heard..=of(&self.increments);
            let last = told.last().copied().unwrap_or(0);
            if twice || last > number("count") || !possible.contains(&number("count")) {
                wrong.push(format!(
                    "object {object}: counts {told:?}, {possible:?} possible: {state}"
                ));
            }
        }
        wrong
    }

    fn conclude(&self, server: &Server, what: &str) {
        let wrong = self.judge(server);
        let told = self
            .appended
            .iter()
            .filter(|operation| operation.told.is_some());
        eprintln!(
            "{what}; of {} entries {} were acknowledged, and {} counts; the longest took {:?}",
            self.appended.len(),
            told.count(),
            self.counts.len(),
            longest(&self.appended),
        );
        let shown = wrong.iter().take(20).cloned().collect::<Vec<_>>();
        assert!(
            wrong.is_empty(),
            "{} things are wrong:\n{}\n{server:?}",
            wrong.len(),
            shown.join("\n")
        );
        assert!(
            self.appended
                .iter()
                .any(|operation| operation.told.is_some())
        );
    }
}

fn read_state(server: &Server, object: usize) -> serde_json::Value {
    serde_json::from_str(&ask_after_kills(server, &format!("/state/o{object}"))).expect("JSON")
}

/// Kills one of the processes that run, if the draw falls on one.
pub(super) fn kill_one(server: &Server, random: &mut Random) -> bool {
    let processes = server.tree().split_off(1);
    let Some(count @ 1..) = Some(processes.len() as u64) else {
        return false;
    };
    let victim = processes[random.below(count) as usize];
    kill(victim, Signal::SIGKILL).is_ok()
}

pub(super) fn reload(server: &Server) {
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    assert!(server.reloaded(moment), "{server:?}");
}

fn start_anew(folder: &Folder, server: &mut Server, run: &Run, processes: u32) {
    assert_eq!(server.stop().code(), Some(0));
    run.moves_to(None);
    *server = start(folder, processes);
    run.moves_to(Some(server));
}

#[test]
fn nothing_acknowledged_is_lost_and_no_object_is_alive_twice() {
    let _alone = alone();
    let seed = seed();
    let time = Duration::from_secs(setting("FAULT_SECONDS", || 20));
    let folder = folder();
    let mut server = start(&folder, 4);
    let run = Run::new(&server);
    let mut random = Random(seed);
    let mut kills = 0;
    let deeds = run.with_clients(seed, || {
        let begun = Instant::now();
        let (mut reloaded, mut anew) = (false, false);
        while begun.elapsed() < time {
            thread::sleep(BETWEEN_KILLS);
            if !reloaded && begun.elapsed() >= time / 3 {
                reload(&server);
                reloaded = true;
            }
            if !anew && begun.elapsed() >= time * 2 / 3 {
                start_anew(&folder, &mut server, &run, 3);
                anew = true;
            }
            kills += u32::from(kill_one(&server, &mut random));
        }
        assert!(reloaded && anew, "too short for a reload and a start anew");
    });
    deeds.conclude(&server, &format!("{kills} processes were killed"));
}

/// As if power was lost, as far as a test can do that: everything ends at one instant.
#[test]
fn what_is_acknowledged_outlives_the_death_of_all_processes() {
    let _alone = alone();
    let seed = seed();
    let kills = setting("FAULT_KILLS", || 5);
    let folder = folder();
    let mut server = start(&folder, 2);
    let run = Run::new(&server);
    let mut random = Random(seed);
    let deeds = run.with_clients(seed, || {
        for kill in 0..kills {
            thread::sleep(Duration::from_millis(200 + random.below(800)));
            server.kill_all();
            run.moves_to(None);
            // 2, 3, 1, 2, ...
            server = start(&folder, 1 + (kill as u32 + 2) % 3);
            run.moves_to(Some(&server));
        }
    });
    deeds.conclude(&server, &format!("everything was killed {kills} times"));
}
