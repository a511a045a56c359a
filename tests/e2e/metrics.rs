//! `/metrics`, `/healthz` and `/readyz` of `--admin-addr`: that they tell what has happened, to the last request, whatever becomes
//! of processes; and who may ask.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tests::DEADLINE;
use tests::folder::Folder;
use tests::http::{Answer, Client, get};
use tests::load::{End, Load};
use tests::program::output;
use tests::server::{Server, Start};
use tests::stream::Address;

use super::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      bindings = [
        (name = "ROOMS", durableObjectNamespace = "Room"),
        (name = "OTHER", service = (name = "other \"\\", entrypoint = "Other")),
      ],
      durableObjectNamespaces = [(className = "Room", uniqueKey = "rooms", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
    )),
    (name = "other \"\\", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      durableObjectNamespaces = [],
    )),
    (name = "disk", disk = (path = "objects", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

const WORKER: &str = r#"import { DurableObject, WorkerEntrypoint } from 'cloudflare:workers';
export class Room extends DurableObject {
  async fetch() {
    this.ctx.storage.kv.put('count', (this.ctx.storage.kv.get('count') ?? 0) + 1);
    return new Response('done');
  }
}
export class Other extends WorkerEntrypoint {
  call() {
    return 1;
  }
}
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const name = url.pathname.slice(1);
    if (name === 'throw') throw new Error('thrown');
    if (name === 'rpc') return new Response(String(await env.OTHER.call()));
    if (name === 'wait') await new Promise((done) => setTimeout(done, 3600000));
    if (name === 'slow') await new Promise((done) => setTimeout(done, 60));
    if (name === 'spin') for (;;) {}
    if (name === 'rooms') {
      for (let index = 0; index < 20; index++) await env.ROOMS.get(env.ROOMS.idFromName(`${index}`)).fetch('http://x/');
    }
    return new Response('hello', { status: Number(url.searchParams.get('status') ?? 200) });
  },
};
"#;

fn folder() -> Folder {
    let folder = Folder::new(&[("config.capnp", CONFIG), ("worker.js", WORKER)]);
    fs::create_dir(folder.path("objects")).unwrap();
    folder
}

fn serve(folder: &Folder) -> Start {
    let objects = folder.path("objects");
    Start::serve(&program(), &folder.path("config.capnp"))
        .arg(format!("--directory-path=disk={}", objects.display()))
}

fn starts(folder: &Folder, processes: u32) -> Start {
    let start = serve(folder).processes(processes);
    start.arg("--admin-addr=127.0.0.1:0")
}

fn admin_of(server: &Server, moment: usize) -> Address {
    let event = server.wait("admin pages", moment, |event| event["event"] == "admin");
    let port = event["port"].as_u64().and_then(|port| port.try_into().ok());
    Address::Loopback(port.unwrap())
}

fn start(folder: &Folder, processes: u32) -> (Server, Address) {
    let server = starts(folder, processes).start();
    let admin = admin_of(&server, 0);
    (server, admin)
}

/// The numbers of a scrape, by name and labels.
#[derive(Clone, Debug, Default, PartialEq)]
struct Scrape(BTreeMap<(String, BTreeMap<String, String>), f64>);

impl Scrape {
    fn of(admin: &Address) -> Self {
        let answer = get(admin, "/metrics").unwrap();
        assert_eq!(answer.status, 200);
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        assert_eq!(answer.header("content-type"), Some(kind));
        parse(answer.text(), false)
    }

    /// The sum of all numbers of that name that have these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |all: &BTreeMap<String, String>| {
            let mut wanted = labels.iter();
            wanted.all(|(label, value)| all.get(*label).is_some_and(|given| given == value))
        };
        let all = self.0.iter();
        let found = all.filter(|((other, labels), _)| other == name && has(labels));
        found.map(|(_, value)| value).sum()
    }

    /// Whether a counter or a part of a histogram is less than it was.
    fn went_back(&self, before: &Self) -> Vec<String> {
        let grows = |name: &str| {
            ["_total", "_bucket", "_count", "_sum"]
                .iter()
                .any(|end| name.ends_with(end))
        };
        let before = before.0.iter().filter(|((name, _), _)| grows(name));
        let back = before.filter(|(key, value)| self.0.get(key).is_none_or(|now| now < value));
        back.map(|(key, value)| format!("{key:?}: {value}, now {:?}", self.0.get(key)))
            .collect()
    }
}

/// Reads the text format strictly: every metric has its help and type once and before its numbers, which stand together; no line is
/// twice; buckets grow, up to the count.
fn parse(text: &str, is_open: bool) -> Scrape {
    let mut scrape = Scrape::default();
    let (mut family, mut kind, mut seen) = (String::new(), String::new(), BTreeSet::new());
    let mut lines = text
        .strip_suffix('\n')
        .expect("a last line break")
        .split('\n');
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            assert!(is_open && lines.next().is_none(), "an end before the end");
            return check(scrape);
        }
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help");
            assert!(!help.is_empty() && seen.insert(name.to_owned()), "{line}");
            let next = lines.next().unwrap_or_default();
            let named = next
                .strip_prefix("# TYPE ")
                .and_then(|rest| rest.split_once(' '));
            let (typed, of) = named.unwrap_or_else(|| panic!("{line} has no type: {next}"));
            assert_eq!(typed, name);
            (family, kind) = (name.to_owned(), of.to_owned());
            continue;
        }
        let (name, labels, value) = sample(line);
        let ends: &[&str] = match (&*kind, is_open) {
            ("counter", true) => &["_total"],
            ("counter", false) => &[""],
            ("gauge", _) => &[""],
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            _ => panic!("{family} is a {kind}"),
        };
        let end = name
            .strip_prefix(&family)
            .unwrap_or_else(|| panic!("{line} is not of {family}"));
        assert!(ends.contains(&end), "{line} is no {kind}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        assert!(value.is_finite() && value >= 0.0, "{line}");
        let before = scrape.0.insert((name, labels), value);
        assert_eq!(before, None, "{line} is twice");
    }
    assert!(!is_open, "no end");
    check(scrape)
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line:?}"));
    let (name, mut rest) = line.split_at(end);
    let is_name = |text: &str| {
        let good = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
        text.bytes().all(good) && text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
    };
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, quoted) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label), "{line}");
            let (mut value, mut chars) = (String::new(), quoted.char_indices());
            let end = loop {
                match chars.next() {
                    Some((at, '"')) => break at,
                    Some((_, '\\')) => value.push(match chars.next() {
                        Some((_, 'n')) => '\n',
                        Some((_, c @ ('\\' | '"'))) => c,
                        other => panic!("{line}: {other:?}"),
                    }),
                    Some((_, c)) => value.push(c),
                    None => panic!("{line}"),
                }
            };
            assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
            rest = &quoted[end + 1..];
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("{line}"));
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    (
        name.to_owned(),
        labels,
        value.parse().unwrap_or_else(|_| panic!("{line}")),
    )
}

fn check(scrape: Scrape) -> Scrape {
    let mut buckets = BTreeMap::<_, Vec<(f64, f64)>>::new();
    for ((name, labels), value) in &scrape.0 {
        if let Some(name) = name.strip_suffix("_bucket") {
            let mut labels = labels.clone();
            let bound = labels.remove("le").expect("a bound");
            let bound = if bound == "+Inf" {
                f64::INFINITY
            } else {
                bound.parse().unwrap()
            };
            buckets
                .entry((name, labels))
                .or_default()
                .push((bound, *value));
        }
    }
    for ((name, labels), mut all) in buckets {
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(
            all.is_sorted_by(|one, other| one.1 <= other.1),
            "{name} {labels:?}: {all:?}"
        );
        let count = scrape.0.get(&(format!("{name}_count"), labels.clone()));
        let last = all.last().unwrap();
        assert_eq!(
            (last.0, Some(&last.1)),
            (f64::INFINITY, count),
            "{name} {labels:?}"
        );
        assert!(scrape.0.contains_key(&(format!("{name}_sum"), labels)));
    }
    scrape
}

/// Asks until the numbers pass.
fn until(admin: &Address, passes: impl Fn(&Scrape) -> bool) -> Scrape {
    let begin = Instant::now();
    loop {
        let scrape = Scrape::of(admin);
        if passes(&scrape) {
            return scrape;
        }
        assert!(begin.elapsed() < DEADLINE, "{scrape:#?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

const REQUESTS: &str = "workerd_http_requests_total";

/// Runs a load, with something happening under it: requests that were answered, and those that were lost.
fn loaded(server: &Server, happens: impl FnOnce()) -> (f64, f64) {
    let load = Load::start(&server.address("http"), 6, true);
    load.wait_for(200);
    happens();
    load.wait_for(200);
    let connections = load.stop();
    let answers = connections
        .iter()
        .flat_map(|connection| &connection.answers);
    let answered: usize = answers.map(|(_, count)| count).sum();
    let lost = connections
        .iter()
        .filter(|connection| matches!(connection.end, End::Lost(_)));
    (answered as f64, lost.count() as f64)
}

#[test]
fn what_clients_counted_is_counted_over_kills_reloads_and_upgrades() {
    let folder = folder();
    let (server, mut admin) = start(&folder, 2);
    let good = [("code", "2xx"), ("socket", "http"), ("service", "main")];
    let (mut sum, lost) = loaded(&server, || {});
    assert_eq!(lost, 0.0);
    let mut last = Scrape::of(&admin);
    assert_eq!(last.sum(REQUESTS, &good), sum);
    assert_eq!(
        last.sum(
            "workerd_worker_events_total",
            &[("service", "main"), ("event", "fetch"), ("outcome", "ok")]
        ),
        sum
    );
    // Killed with nothing under way: not one is lost. Killed at work: what was under way may be, on either side.
    for idle in [true, false] {
        let moment = server.moment();
        let victim = server.phase(1, "serving", 0).pid;
        let victim = if idle { victim } else { current(&admin, 1) };
        let mut unsure = 0.0;
        if idle {
            kill(victim, Signal::SIGKILL).unwrap();
        } else {
            let (answered, lost) = loaded(&server, || kill(victim, Signal::SIGKILL).unwrap());
            (sum, unsure) = (sum + answered, lost);
        }
        server.phase(1, "serving", moment);
        let now = Scrape::of(&admin);
        let counted = now.sum(REQUESTS, &good);
        assert!(
            (sum..=sum + unsure).contains(&counted),
            "{counted}, not {sum} to {}",
            sum + unsure
        );
        sum = counted;
        assert_eq!(now.went_back(&last), Vec::<String>::new());
        last = now;
    }
    assert_eq!(
        last.sum(
            "workerd_process_restarts_total",
            &[("process", "1"), ("reason", "signal")]
        ),
        2.0
    );
    for signal in [Signal::SIGHUP, Signal::SIGUSR2] {
        let moment = server.moment();
        let (answered, lost) = loaded(&server, || {
            server.signal(signal);
            assert!(server.reloaded(moment));
        });
        assert_eq!(lost, 0.0);
        sum += answered;
        if signal == Signal::SIGUSR2 {
            admin = admin_of(&server, moment);
        }
        let now = until(&admin, |now| {
            now.sum("workerd_processes", &[("phase", "draining")]) == 0.0
        });
        assert_eq!(now.sum(REQUESTS, &good), sum, "{signal}");
        assert_eq!(now.went_back(&last), Vec::<String>::new(), "{signal}");
        last = now;
    }
    assert_eq!(
        last.sum("workerd_reloads_total", &[("result", "success")]),
        2.0
    );
    let (answered, _) = loaded(&server, || {});
    let now = Scrape::of(&admin);
    assert_eq!(now.sum(REQUESTS, &good), sum + answered);
    assert_eq!(
        now.sum(REQUESTS, &[]),
        sum + answered,
        "nothing but good answers"
    );
}

/// The process that serves in a slot.
fn current(admin: &Address, slot: usize) -> nix::unistd::Pid {
    let text = get(admin, "/processes.json").unwrap();
    let all: Value = serde_json::from_str(text.text()).unwrap();
    let pid = all["processes"][slot]["pid"].as_i64().unwrap();
    nix::unistd::Pid::from_raw(pid.try_into().unwrap())
}

#[test]
fn all_that_happens_is_counted() {
    let folder = folder();
    let (server, admin) = start(&folder, 2);
    server.get("/throw");
    server.get("/?status=404");
    server.get("/rpc");
    server.get("/slow");
    assert_eq!(server.get("/rooms").text(), "hello");
    let http = server.address("http");
    let mut bad = Client::connect(&http).unwrap();
    bad.send(b"nonsense\r\n\r\n").unwrap();
    assert_eq!(bad.answer().unwrap().status, 400);
    let mut large = Client::connect(&http).unwrap();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "a".repeat(200_000)
    );
    let _ = large.send(head.as_bytes());
    let mut waiting = Client::connect(&http).unwrap();
    waiting
        .send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let now = until(&admin, |now| {
        now.sum("workerd_http_requests_in_flight", &[]) == 1.0
            && now.sum("workerd_limits_hit_total", &[("limit", "headers")]) == 1.0
            && now.sum("workerd_isolate_heap_used_bytes", &[("service", "main")]) > 1e5
    });
    let codes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
    let counted = codes.map(|code| now.sum(REQUESTS, &[("code", code)]));
    assert_eq!(counted, [0.0, 0.0, 3.0, 0.0, 3.0, 1.0]);
    let event = |service, event, outcome| {
        let labels = [("service", service), ("event", event), ("outcome", outcome)];
        now.sum("workerd_worker_events_total", &labels)
    };
    assert_eq!(event("main", "fetch", "ok"), 4.0);
    assert_eq!(event("main", "fetch", "error"), 1.0);
    assert_eq!(event("main", "object", "ok"), 20.0);
    assert_eq!(event("other \"\\", "rpc", "ok"), 1.0);
    assert_eq!(now.sum("workerd_object_starts_total", &[]), 20.0);
    assert_eq!(now.sum("workerd_objects_live", &[]), 20.0);
    assert!(now.sum("workerd_storage_commit_duration_seconds_count", &[]) >= 20.0);
    assert!(now.sum("workerd_storage_sync_duration_seconds_count", &[]) >= 20.0);
    let hops = ["out", "in"]
        .map(|direction| now.sum("workerd_peer_calls_total", &[("direction", direction)]));
    assert!(hops[0] > 0.0 && hops[0] == hops[1], "{hops:?}");
    assert_eq!(
        now.sum("workerd_http_request_duration_seconds_count", &[]),
        7.0
    );
    // The slow one alone takes longer than 50 ms by its own doing.
    let fast = now.sum(
        "workerd_http_request_duration_seconds_bucket",
        &[("le", "0.05")],
    );
    assert!(fast <= 6.0 && now.sum("workerd_http_request_duration_seconds_sum", &[]) >= 0.06);
    assert!(now.sum("workerd_http_received_bytes_total", &[]) > 8192.0);
    assert!(now.sum("workerd_http_sent_bytes_total", &[]) > 500.0);
    assert_eq!(
        now.sum("workerd_connections_accepted_total", &[("socket", "http")]),
        8.0
    );
    assert!(now.sum("workerd_connections_open", &[]) >= 1.0);
    assert_eq!(now.sum("workerd_processes", &[("phase", "serving")]), 2.0);
    assert_eq!(now.sum("workerd_processes_wanted", &[]), 2.0);
    assert!(now.sum("workerd_process_cpu_seconds_total", &[]) > 0.01);
    assert!(now.sum("workerd_process_resident_memory_bytes", &[("process", "1")]) > 1e6);
    // A client that goes away before its answer has none.
    waiting.reset().unwrap();
    until(&admin, |now| {
        now.sum(REQUESTS, &[("code", "none")]) == 1.0
            && now.sum("workerd_http_requests_in_flight", &[]) == 0.0
            && now.sum("workerd_worker_events_total", &[("outcome", "canceled")]) == 1.0
    });
    // A loop that does not turn is seen while it does not.
    let mut spinning = Client::connect(&http).unwrap();
    spinning
        .send(b"GET /spin HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    until(&admin, |now| {
        now.sum("workerd_event_loop_stall_seconds", &[]) > 0.3
    });
}

#[test]
fn limits_of_workers_are_counted() {
    let folder = folder();
    let server = starts(&folder, 1).arg("--limit-cpu-ms=50").start();
    let admin = admin_of(&server, 0);
    assert_eq!(server.get("/spin").status, 503);
    let now = Scrape::of(&admin);
    assert_eq!(
        now.sum("workerd_limits_hit_total", &[("limit", "cpu")]),
        1.0
    );
    assert_eq!(
        now.sum("workerd_worker_events_total", &[("outcome", "limit")]),
        1.0
    );
    assert!(now.sum("workerd_worker_cpu_seconds_total", &[("service", "main")]) >= 0.05);
}

#[test]
fn both_formats_are_well_formed() {
    let folder = folder();
    let (server, admin) = start(&folder, 2);
    server.get("/rpc");
    let open = ask(
        &admin,
        "/metrics",
        "localhost",
        "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n",
    );
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.header("content-type"), Some(kind));
    let names = |scrape: Scrape| scrape.0.into_keys().collect::<BTreeSet<_>>();
    assert_eq!(names(parse(open.text(), true)), names(Scrape::of(&admin)));
    let Some(promtool) = installed("promtool") else {
        return eprintln!("skipped: there is no promtool on this machine");
    };
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]);
    let text = get(&admin, "/metrics").unwrap().body;
    let checked = output(command, &text);
    let said = [checked.stdout, checked.stderr].concat();
    assert!(
        checked.status.success() && said.is_empty(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut all = std::env::split_paths(&path).map(|folder| folder.join(program));
    all.find(|path| path.is_file())
}

fn ask(admin: &Address, path: &str, host: &str, headers: &str) -> Answer {
    let mut client = Client::connect(admin).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
    client.send(request.as_bytes()).unwrap();
    client.answer().unwrap()
}

/// What `/readyz` says, once it passes.
fn ready_until(admin: &Address, passes: impl Fn(u16, &str) -> bool) -> String {
    let begin = Instant::now();
    loop {
        let answer = get(admin, "/readyz").unwrap();
        if passes(answer.status, answer.text()) {
            return answer.text().to_owned();
        }
        assert!(begin.elapsed() < DEADLINE, "{answer:?}");
        assert_eq!(get(admin, "/healthz").unwrap().status, 200);
    }
}

#[test]
fn readiness_is_told_from_life() {
    let folder = folder();
    let start_up = format!("for (let i = 0; i < 2e7; i++) globalThis.x = i;\n{WORKER}");
    fs::write(folder.path("worker.js"), start_up).unwrap();
    let server = starts(&folder, 2).spawn();
    let admin = admin_of(&server, 0);
    let why = ready_until(&admin, |status, _| status == 503);
    assert!(why.starts_with("starting: "), "{why}");
    server.port("http");
    assert_eq!(ready_until(&admin, |status, _| status == 200), "ready\n");

    kill(current(&admin, 1), Signal::SIGKILL).unwrap();
    let why = ready_until(&admin, |status, _| status == 503);
    assert!(
        why.starts_with("degraded: 1 of 2 processes serve; process 1 "),
        "{why}"
    );
    ready_until(&admin, |status, _| status == 200);

    // A reload that fails changes nothing of what serves; one that succeeds hands over without a gap.
    for (worker, succeeds) in [("throw 1;", false), (WORKER, true)] {
        fs::write(folder.path("worker.js"), worker).unwrap();
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        let told = |event: &Value| event["event"] == "reload";
        while !server.since(moment).iter().any(told) {
            assert_eq!(get(&admin, "/readyz").unwrap().text(), "ready\n");
        }
        assert_eq!(server.reloaded(moment), succeeds);
        let now = Scrape::of(&admin);
        assert_eq!(
            now.sum("workerd_last_reload_successful", &[]),
            f64::from(u8::from(succeeds))
        );
    }
    assert_eq!(
        Scrape::of(&admin).sum("workerd_reloads_total", &[("result", "failure")]),
        1.0
    );

    let mut waiting = Client::connect(&server.address("http")).unwrap();
    waiting
        .send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    until(&admin, |now| {
        now.sum("workerd_http_requests_in_flight", &[]) == 1.0
    });
    server.signal(Signal::SIGTERM);
    let why = ready_until(&admin, |status, _| status == 503);
    assert_eq!(why, "draining: the server stops\n");
}

#[test]
fn others_need_a_token_and_a_host_that_is_known() {
    let folder = folder();
    let token = "0123456789abcdef0123";
    fs::write(folder.path("token"), format!("{token}\n")).unwrap();
    let file = format!("--admin-token-file={}", folder.path("token").display());
    let config = folder.path("config.capnp");
    let server = serve(&folder)
        .arg("--admin-addr=0.0.0.0:0")
        .arg("--admin-host=metrics.example")
        .arg(&file)
        .start();
    let admin = admin_of(&server, 0);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for path in [
        "/",
        "/metrics",
        "/objects.json",
        "/processes",
        "/overview.json",
        "/nothing",
    ] {
        let refused = ask(&admin, path, "localhost", "");
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Bearer realm=\"workerd\"")
        );
        let allowed = ask(&admin, path, "metrics.example:9090", &bearer).status;
        assert_eq!(
            allowed,
            if path == "/nothing" { 404 } else { 200 },
            "{path}"
        );
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(&admin, path, "10.1.2.3:9090", "").status, 200);
        assert_eq!(ask(&admin, path, "evil.example", "").status, 403);
    }
    assert_eq!(ask(&admin, "/metrics", "evil.example", &bearer).status, 403);
    assert_eq!(
        ask(
            &admin,
            "/metrics",
            "localhost",
            "Authorization: Bearer 0123456789abcdef0124\r\n"
        )
        .status,
        401
    );
    drop(server);

    fs::write(folder.path("short"), "secret").unwrap();
    let short = format!("--admin-token-file={}", folder.path("short").display());
    for (arguments, complaint) in [
        (
            &[
                "--admin-addr=127.0.0.1:0",
                "--admin-token-file=/nowhere/token",
            ][..],
            "--admin-token-file=/nowhere/token cannot be read: No such file",
        ),
        (
            &["--admin-addr=127.0.0.1:0", short.as_str()],
            "has 6 bytes: write 16 to 4096",
        ),
        (
            &["--admin-addr=0.0.0.0:0"],
            "give them a token by --admin-token-file",
        ),
        (&[file.as_str()], "--admin-addr <addr>"),
        (&["--admin-host=a"], "--admin-addr <addr>"),
        (
            &["--admin-addr=127.0.0.1:0", "--admin-host=a:80"],
            "Expected a host name or an address, without a port.",
        ),
        (
            &["--admin-addr=127.0.0.1:0", "--admin-host="],
            "Expected a host name",
        ),
    ] {
        let mut all = vec!["serve".as_ref(), config.as_os_str()];
        all.extend(
            arguments
                .iter()
                .map(|argument| std::ffi::OsStr::new(*argument)),
        );
        let run = program().run(&all);
        let stderr = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains(complaint), "{arguments:?}: {stderr}");
    }
}

/// Every metric that the dashboard asks for is one that a server tells.
#[test]
fn the_dashboard_shows_what_there_is() {
    let folder = folder();
    let (server, admin) = start(&folder, 2);
    server.get("/rpc");
    let told: BTreeSet<String> = Scrape::of(&admin)
        .0
        .into_keys()
        .map(|(name, _)| name)
        .collect();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../deploy/grafana/workerd.json"
    );
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let asked: Vec<&str> = targets
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(asked.len() >= 20, "{asked:?}");
    for expression in &asked {
        let words = expression.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        let names: Vec<&str> = words.filter(|word| word.starts_with("workerd_")).collect();
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            assert!(told.contains(name), "{expression}: there is no {name}");
        }
    }
}
