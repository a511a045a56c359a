//! `--inspector-addr`: what can be debugged, and debugging it, while other processes serve.

use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};
use tests::DEADLINE;
use tests::cdp::Debugger;
use tests::folder::Folder;
use tests::http::{Answer, exchange, get};
use tests::server::{Server, Start};
use tests::stream::Address;
use tests::websocket::{Heard, Socket};

use super::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [
        (name = "worker.js", esModule = embed "worker.js"),
        (name = "double.js", esModule = embed "double.js"),
      ],
      compatibilityDate = "2026-01-01",
      globalOutbound = "other",
    )),
    (name = "other", worker = (
      modules = [(name = "other.js", esModule = embed "other.js")],
      compatibilityDate = "2026-01-01",
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

const WORKER: &str = r#"import { double } from './double.js';
console.log('loaded');
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/say') console.warn('got', { a: 1 });
    if (pathname === '/throw') throw new TypeError('boom'); else if (pathname === '/misuse') new URL(pathname);
    if (pathname === '/catch') try { throw new Error('caught'); } catch {}
    if (pathname === '/spin') for (console.error('spins'); ; ) globalThis.turns = (globalThis.turns ?? 0) + 1;
    if (pathname === '/later') await new Promise((done) => setTimeout(function later() { debugger; done(); }, 1));
    if (pathname === '/sub') return fetch('http://there/x', { method: 'POST', headers: { 'X-A': 'b' }, body: 'hello' });
    return new Response(`it is ${double(21)}`);
  }
};
"#;

/// As a compiler makes it of TypeScript, whose line 3 (of 0, 1, 2, 3) has the return.
const DOUBLE: &str = "export function double(x) {
  const twice = x * 2;
  return twice;
}
//# sourceMappingURL=double.js.map
";

const OTHER: &str = "export default { async fetch(request) { return new Response('other: ' + await request.text(), { headers: { 'X-Q': '1' } }); } };";

fn folder() -> Folder {
    Folder::new(&[
        ("config.capnp", CONFIG),
        ("worker.js", WORKER),
        ("double.js", DOUBLE),
        ("other.js", OTHER),
    ])
}

fn inspector(server: &Server) -> Address {
    let event = server.wait("the inspector", 0, |event| {
        event["event"] == "listen-inspector"
    });
    let port = event["port"].as_u64().and_then(|port| port.try_into().ok());
    Address::Loopback(port.expect("a port"))
}

/// A server with an inspector, and where that is.
fn start(folder: &Folder, processes: u32, arguments: &[&str]) -> (Server, Address) {
    let mut start = Start::serve(&program(), &folder.path("config.capnp"))
        .processes(processes)
        .arg("--inspector-addr=127.0.0.1:0");
    for argument in arguments {
        start = start.arg(argument);
    }
    let server = start.start();
    let inspector = inspector(&server);
    (server, inspector)
}

/// Makes requests, each on a connection of its own, whose answers come as they are there.
fn ask(server: &Server, path: &'static str, count: usize) -> Receiver<Answer> {
    let address = server.address("http");
    let (sender, answers) = channel();
    for _ in 0..count {
        let (address, sender) = (address.clone(), sender.clone());
        thread::spawn(move || {
            if let Ok(answer) = get(&address, path) {
                let _ = sender.send(answer);
            }
        });
    }
    answers
}

fn next(answers: &Receiver<Answer>) -> String {
    let answer = answers.recv_timeout(DEADLINE).expect("an answer");
    format!("{} {}", answer.status, answer.text())
}

fn targets(inspector: &Address) -> Vec<Value> {
    let answer = get(inspector, "/json").unwrap();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_str(answer.text()).unwrap()
}

fn ids(inspector: &Address) -> Vec<String> {
    let all = targets(inspector).into_iter();
    all.map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The line of the top frame, and its function.
fn top(paused: &Value) -> (u64, &str) {
    let frame = &paused["callFrames"][0];
    let line = frame["location"]["lineNumber"].as_u64().unwrap();
    (line, frame["functionName"].as_str().unwrap())
}

#[test]
fn workers_are_listed_by_process() {
    let folder = folder();
    let (server, inspector) = start(&folder, 1, &[]);
    assert_eq!(ids(&inspector), ["main", "other"]);
    assert_eq!(targets(&inspector)[0]["title"], "workerd: worker main");
    drop(server);
    let (server, inspector) = start(&folder, 2, &[]);
    assert_eq!(ids(&inspector), ["main", "other", "main@1", "other@1"]);
    assert_eq!(
        targets(&inspector)[2]["title"],
        "workerd: worker main (process 1)"
    );
    // What is down cannot be debugged.
    let moment = server.moment();
    kill(server.phase(1, "serving", 0).pid, Signal::SIGKILL).unwrap();
    server.phase(1, "stopped", moment);
    assert_eq!(ids(&inspector), ["main", "other"]);
    let refused = Socket::open(&inspector, "/main@1").err().unwrap();
    assert_eq!(refused.to_string(), "status 404");
    server.phase(1, "serving", moment);
    Debugger::attach(&inspector, "main@1").unwrap();
}

#[test]
fn a_client_hears_the_console_and_exceptions() {
    let folder = folder();
    let (server, inspector) = start(&folder, 1, &[]);
    let mut client = Debugger::attach(&inspector, "main").unwrap();
    client.call("Runtime.enable", json!({}));
    let context = client.event("Runtime.executionContextCreated");
    assert_eq!(context["context"]["name"], "Worker");
    // What was said before anybody listened.
    let said = client.event("Runtime.consoleAPICalled");
    assert_eq!(said["args"][0]["value"], "loaded");
    assert_eq!(server.get("/say").text(), "it is 42");
    let said = client.event("Runtime.consoleAPICalled");
    assert_eq!(
        (&said["type"], &said["args"][0]["value"]),
        (&"warning".into(), &"got".into())
    );
    assert_eq!(said["args"][1]["preview"]["properties"][0]["name"], "a");
    assert!(said["timestamp"].as_f64().unwrap() > 1e12);
    let frame = &said["stackTrace"]["callFrames"][0];
    assert_eq!(
        (&frame["url"], &frame["functionName"]),
        (&"worker.js".into(), &"fetch".into())
    );
    assert_eq!(server.get("/throw").status, 500);
    let thrown = client.event("Runtime.exceptionThrown");
    let details = &thrown["exceptionDetails"];
    assert_eq!(details["url"], "worker.js");
    assert_eq!(details["lineNumber"], 6);
    assert_eq!(details["text"], "Uncaught TypeError: boom");
    assert_eq!(
        details["stackTrace"]["callFrames"][0]["functionName"],
        "fetch"
    );
    // Frames are the worker's own, also where an API throws: the JavaScript that APIs are made of is nobody's business.
    assert_eq!(server.get("/misuse").status, 500);
    let thrown = client.event("Runtime.exceptionThrown");
    let details = &thrown["exceptionDetails"];
    assert_eq!(
        (&details["url"], &details["lineNumber"]),
        (&"worker.js".into(), &6.into())
    );
    for stack in [&said["stackTrace"], &details["stackTrace"]] {
        let frames = stack["callFrames"].as_array().unwrap();
        assert!(
            frames.len() == 1 && frames[0]["url"] == "worker.js",
            "{stack}"
        );
    }
    for (method, code) in [
        ("Page.enable", -32601),
        ("Network.foo", -32601),
        ("Runtime.evaluate", -32000),
    ] {
        let answer = client.answer(method, json!({"expression": "1"}));
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    let context = &context["context"]["id"];
    let sum = json!({"expression": "40 + 2", "contextId": context});
    assert_eq!(client.call("Runtime.evaluate", sum)["result"]["value"], 42);
}

#[test]
fn one_process_stops_at_a_breakpoint_and_the_other_serves() {
    let folder = folder();
    let (server, inspector) = start(&folder, 2, &[]);
    let mut client = Debugger::attach(&inspector, "main@1").unwrap();
    client.call("Debugger.enable", json!({}));
    let parsed = client.event_that("Debugger.scriptParsed", |script| {
        script["url"] == "double.js"
    });
    assert_eq!(parsed["sourceMapURL"], "double.js.map");
    let place = json!({"url": "double.js", "lineNumber": 2});
    let set = client.call("Debugger.setBreakpointByUrl", place);
    assert_eq!(set["locations"][0]["lineNumber"], 2);
    // So many that the kernel gives some to each process.
    let answers = ask(&server, "/", 40);
    let stopped = client.event("Debugger.paused");
    assert_eq!(top(&stopped), (2, "double"));
    let frame = &stopped["callFrames"][0]["callFrameId"];
    let asked = json!({"callFrameId": frame, "expression": "twice + x"});
    let value = client.call("Debugger.evaluateOnCallFrame", asked);
    assert_eq!(value["result"]["value"], 63);
    // The other process goes on, and can be inspected.
    let mut second = Debugger::attach(&inspector, "main").unwrap();
    second.call("Runtime.enable", json!({}));
    let more = ask(&server, "/", 40);
    assert_eq!(
        (next(&answers), next(&more)),
        ("200 it is 42".into(), "200 it is 42".into())
    );
    client.call("Debugger.stepOut", json!({}));
    assert_eq!(top(&client.event("Debugger.paused")).1, "fetch");
    client.call("Debugger.disable", json!({}));
    for _ in 1..40 {
        assert_eq!(
            (next(&answers), next(&more)),
            ("200 it is 42".into(), "200 it is 42".into())
        );
    }
}

#[test]
fn whoever_has_stopped_the_code_lets_it_go_on_by_leaving() {
    let folder = folder();
    let limits = ["--limit-cpu-ms=50", "--limit-heap-mb=64"];
    let (server, inspector) = start(&folder, 1, &limits);
    let mut first = Debugger::attach(&inspector, "main").unwrap();
    first.call("Debugger.enable", json!({}));
    let caught = json!({"state": "all"});
    first.call("Debugger.setPauseOnExceptions", caught);
    let answers = ask(&server, "/catch", 1);
    let stopped = first.event("Debugger.paused");
    assert_eq!(
        (&stopped["reason"], top(&stopped).0),
        (&"exception".into(), 7)
    );
    // Another client comes while the code is stopped, and works it hard: that is not the event's processor time.
    let mut second = Debugger::attach(&inspector, "main").unwrap();
    second.call("Debugger.enable", json!({}));
    let stopped = second.event("Debugger.paused");
    let frame = stopped["callFrames"][0]["callFrameId"].clone();
    let hard = "for (let i = 0; i < 2e7; i++); 'done'";
    let asked = json!({"callFrameId": frame, "expression": hard});
    let value = second.call("Debugger.evaluateOnCallFrame", asked);
    assert_eq!(value["result"]["value"], "done");
    drop(second);
    first.call("Runtime.getIsolateId", json!({}));
    assert!(
        answers.try_recv().is_err(),
        "the first client has it stopped still"
    );
    drop(first);
    assert_eq!(next(&answers), "200 it is 42");
    assert_eq!(server.get("/").text(), "it is 42");
}

#[test]
fn code_that_runs_on_and_on_is_stopped_and_ended() {
    let folder = folder();
    let (server, inspector) = start(&folder, 1, &[]);
    let answers = ask(&server, "/spin", 1);
    server.complaint("spins");
    let mut client = Debugger::attach(&inspector, "main").unwrap();
    client.call("Debugger.enable", json!({}));
    client.send("Debugger.pause", json!({}));
    let stopped = client.event("Debugger.paused");
    assert_eq!(top(&stopped), (8, "fetch"));
    client.send("Runtime.terminateExecution", json!({}));
    client.call("Debugger.resume", json!({}));
    assert_eq!(next(&answers), "500 Internal Server Error");
    assert_eq!(server.get("/").text(), "it is 42");
}

#[test]
fn stacks_lead_back_over_timers() {
    let folder = folder();
    let (server, inspector) = start(&folder, 1, &[]);
    let mut client = Debugger::attach(&inspector, "main").unwrap();
    client.call("Debugger.enable", json!({}));
    client.call("Debugger.setAsyncCallStackDepth", json!({"maxDepth": 8}));
    let answers = ask(&server, "/later", 1);
    let stopped = client.event("Debugger.paused");
    assert_eq!(top(&stopped).1, "later");
    let parent = &stopped["asyncStackTrace"];
    assert_eq!(parent["description"], "setTimeout");
    let frames = parent["callFrames"].as_array().unwrap();
    assert!(
        frames.iter().any(|frame| frame["functionName"] == "fetch"),
        "{parent}"
    );
    client.call("Debugger.resume", json!({}));
    assert_eq!(next(&answers), "200 it is 42");
}

#[test]
fn a_client_that_wants_to_know_is_told_of_subrequests() {
    let folder = folder();
    let (server, inspector) = start(&folder, 1, &[]);
    let mut client = Debugger::attach(&inspector, "main").unwrap();
    assert_eq!(client.call("Network.enable", json!({})), json!({}));
    assert_eq!(server.get("/sub").text(), "other: hello");
    let sent = client.event("Network.requestWillBeSent");
    let request = &sent["request"];
    assert_eq!(
        (&request["method"], &request["url"]),
        (&"POST".into(), &"http://there/x".into())
    );
    let received = client.event("Network.responseReceived");
    assert_eq!(received["response"]["status"], 200);
    assert_eq!(received["response"]["mimeType"], "text/plain");
    assert_eq!(client.event("Network.dataReceived")["dataLength"], 12);
    let end = client.event("Network.loadingFinished");
    assert_eq!(
        (&end["requestId"], &end["encodedDataLength"]),
        (&sent["requestId"], &12.into())
    );
    assert_eq!(end["cfResponse"]["body"], "b3RoZXI6IGhlbGxv");
}

#[test]
fn profiles_and_heap_snapshots_are_taken() {
    let folder = folder();
    let (server, inspector) = start(&folder, 1, &[]);
    let mut client = Debugger::attach(&inspector, "main").unwrap();
    client.call("Profiler.enable", json!({}));
    client.call("Profiler.start", json!({}));
    server.get("/");
    let profile = client.call("Profiler.stop", json!({}));
    assert!(!profile["profile"]["nodes"].as_array().unwrap().is_empty());
    let id = client.send("HeapProfiler.takeHeapSnapshot", json!({}));
    let (mut snapshot, mut message) = (String::new(), client.message());
    while message["id"] != id {
        snapshot += message["params"]["chunk"].as_str().unwrap_or_default();
        message = client.message();
    }
    let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
    assert!(snapshot["snapshot"]["node_count"].as_u64().unwrap() > 1000);
}

#[test]
fn what_makes_no_sense_is_refused_and_harms_nobody() {
    let folder = folder();
    let (server, inspector) = start(&folder, 1, &[]);
    let mut client = Debugger::attach(&inspector, "main").unwrap();
    let deep = "[".repeat(20_000);
    for text in [
        "",
        "{nope",
        "[]",
        "\"x\"",
        "{}",
        "{\"id\":\"x\",\"method\":\"Runtime.enable\"}",
        "{\"id\":1e99,\"method\":7}",
        "{\"method\":\"Debugger.setBlackboxPatterns\",\"params\":7,\"id\":3}",
        "\u{fffd}\u{1f600}",
        &deep,
    ] {
        client.send_text(text);
    }
    assert!(client.call("Runtime.getIsolateId", json!({}))["id"].is_string());
    // Frames that break the protocol end the connection.
    for bytes in [
        &[0x81, 0x01, b'x'][..],
        &[0xff, 0x80, 0, 0, 0, 0],
        &[
            0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ],
    ] {
        let mut broken = Debugger::attach(&inspector, "main").unwrap();
        broken.socket().send_bytes(bytes).unwrap();
        let heard = broken.socket().hear().unwrap();
        assert!(
            matches!(heard, Heard::Close(Some(1002 | 1009))),
            "{bytes:?}: {heard:?}"
        );
    }
    let gone = Debugger::attach(&inspector, "main").unwrap();
    gone.into_socket().reset().unwrap();
    for (path, status) in [("/", 500), ("/main", 500), ("/json/version", 200)] {
        assert_eq!(get(&inspector, path).unwrap().status, status, "{path}");
    }
    let answer = exchange(&inspector, b"nonsense\r\n\r\n").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 "));
    assert_eq!(server.get("/").text(), "it is 42");
}

#[test]
fn a_server_stops_though_a_client_has_stopped_its_code() {
    let folder = folder();
    for processes in [1, 2] {
        let (mut server, inspector) = start(&folder, processes, &[]);
        let mut client = Debugger::attach(&inspector, "main").unwrap();
        client.call("Debugger.enable", json!({}));
        let everywhere = json!({"state": "all"});
        client.call("Debugger.setPauseOnExceptions", everywhere);
        let answers = ask(&server, "/catch", 40);
        client.event("Debugger.paused");
        assert!(server.stop().success());
        drop(answers);
    }
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let folder = folder();
    let (_server, inspector) = start(&folder, 1, &[]);
    let Address::Loopback(port) = inspector else {
        panic!("a port");
    };
    let second = Start::serve(&program(), &folder.path("config.capnp"));
    let mut second = second
        .arg(format!("--inspector-addr=127.0.0.1:{port}"))
        .spawn();
    second.complaint("bind(): Address already in use (os error 98)");
    assert_eq!(second.wait_for_end().code(), Some(1));
}
