//! `moduleFallback`: modules that a service outside has, by both protocols, and services that answer badly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tests::folder::Folder;
use tests::server::{Server, Start};

use super::program;

/// Imports or requires what the query says, one after the other, and tells what each gave.
const WORKER: &str = r#"
import { createRequire } from "node:module";
const require = createRequire("/bundle/dir/worker.js");
function shown(value) {
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
  if (value instanceof WebAssembly.Module) return "a Wasm module";
  return value?.length > 100 ? value.length : value;
}
async function got(how, specifier) {
  try {
    if (how === "require") return shown(require(specifier));
    const options = how === "json" ? { with: { type: "json" } } : undefined;
    const module = await import(specifier, options);
    return Object.fromEntries(Object.keys(module).map((key) => [key, shown(module[key])]));
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}
export default {
  async fetch(request) {
    const results = [];
    for (const [how, specifier] of new URL(request.url).searchParams) results.push(await got(how, specifier));
    return Response.json(results);
  },
};"#;

/// What the service answers to a request for a module of that name: all that it writes.
type Answers = fn(&str) -> Vec<u8>;

/// A fallback service, and what it was asked.
struct Service {
    port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// First line, the header that names the way, body.
    requests: Vec<(String, String, String)>,
}

impl Service {
    fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let seen = shared.clone();
                seen.lock().unwrap().connections += 1;
                thread::spawn(move || speak(stream.unwrap(), answers, &seen));
            }
        });
        Self { port, seen }
    }

    fn requests(&self) -> Vec<(String, String, String)> {
        self.seen.lock().unwrap().requests.clone()
    }
}

/// Answers the requests of a connection until one side has enough.
fn speak(stream: TcpStream, answers: Answers, seen: &Mutex<Seen>) -> Option<()> {
    let mut from = BufReader::new(stream.try_clone().unwrap());
    let mut to = stream;
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let header = |name: &str| {
            let lines = lines.iter().map(|line| line.to_ascii_lowercase());
            let mut found =
                lines.filter_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
            found.next().unwrap_or_default()
        };
        let length = header("content-length:").parse().unwrap_or(0);
        let mut body = vec![0; length];
        from.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).unwrap();
        assert_eq!(header("host:"), "localhost");
        let asked = match serde_json::from_str::<Value>(&body) {
            Ok(body) => body["specifier"].as_str().unwrap().to_owned(),
            Err(_) => {
                let target = lines[0].split(' ').nth(1).unwrap();
                let value = target.split(['=', '&']).nth(1).unwrap();
                value.replace("%2F", "/").replace("%3A", ":")
            }
        };
        let request = (lines[0].clone(), header("x-resolve-method:"), body);
        seen.lock().unwrap().requests.push(request);
        let answer = answers(&asked);
        to.write_all(&answer).ok()?;
        if !answer.starts_with(b"HTTP/1.1 ") || answer.ends_with(CUT) {
            return None;
        }
    }
}

/// At its end an answer is cut off.
const CUT: &[u8] = b"<cut>";

fn answer(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn redirect(to: &str) -> Vec<u8> {
    answer(&format!("301 Moved\r\nLocation: {to}"), "elsewhere")
}

/// A module of each kind, by the last part of its name.
fn modules(asked: &str) -> Vec<u8> {
    let name = asked.strip_prefix('/').unwrap_or(asked);
    let folder = asked.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut module = match name.rsplit('/').next().unwrap() {
        "es" => json!({"esModule": "export default 'es'; export const more = 1;"}),
        "common" => json!({
            "commonJsModule": "exports.a = require('./text'); exports.__filename = __filename;",
            "namedExports": ["a"],
        }),
        "text" => json!({"text": "a text"}),
        "json" => json!({"json": "{\"a\":[1]}"}),
        "data" => json!({"data": [0, 128, 255]}),
        "wasm" => json!({"wasm": [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]}),
        "python" => json!({"pythonModule": "x = 1"}),
        "nameless" => return answer("200 OK", r#"{"text":"no name"}"#),
        "other" => return answer("200 OK", r#"{"name":"x","text":""}"#),
        "moved" => return redirect(&format!("{folder}/twice")),
        "twice" => return redirect(&format!("{folder}/es")),
        "circle" => return redirect(&format!("{folder}/circle")),
        "own" => return redirect(&format!("{folder}/worker2.js")),
        "nowhere" => return answer("301 Moved", ""),
        number if number.parse::<u32>().is_ok() => {
            json!({"esModule": format!("export default {number}")})
        }
        _ => return answer("404 Not Found", "not here"),
    };
    module["name"] = json!(name);
    answer("200 OK", &module.to_string())
}

/// Answers that are none.
fn nonsense(asked: &str) -> Vec<u8> {
    match asked.rsplit('/').next().unwrap() {
        "closed" => Vec::new(),
        "garbage" => b"\x00\xff no HTTP\r\n\r\n".to_vec(),
        "short" => [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", CUT].concat(),
        "unchunked" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n<cut>".to_vec(),
        "not-json" => answer("200 OK", "export default 1"),
        "empty" => answer("200 OK", ""),
        "list" => answer("200 OK", "[]"),
        "number" => answer("200 OK", r#"{"esModule":5}"#),
        "bytes" => answer("200 OK", r#"{"data":[256]}"#),
        "deep" => answer("200 OK", &"[".repeat(1_000_000)),
        "huge" => {
            let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
            answer.resize(80 << 20, b' ');
            answer.extend_from_slice(CUT);
            answer
        }
        _ => answer("200 OK", r#"{"esModule":"export default 'still'"}"#),
    }
}

fn serve(service: &Service, flags: &str) -> Server {
    let folder = Folder::worker(WORKER);
    let config = format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
        const config :Workerd.Config = (
          services = [(name = "main", worker = (
            modules = [(name = "dir/worker.js", esModule = embed "worker.js"),
                       (name = "dir/worker2.js", esModule = "export default 'own'")],
            compatibilityDate = "2025-01-01",
            compatibilityFlags = ["nodejs_compat"{flags}],
            moduleFallback = "127.0.0.1:{}",
          ))],
          sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
        );"#,
        service.port
    );
    folder.write("config.capnp", &config);
    Start::serve(&program(), &folder.path("config.capnp"))
        .arg("--experimental")
        .start()
}

/// What the worker gets, in the order of the questions.
fn ask(server: &Server, questions: &[(&str, &str)]) -> Vec<Value> {
    let query: Vec<_> = questions
        .iter()
        .map(|(how, specifier)| format!("{how}={specifier}"))
        .collect();
    let answer = server.get(&format!("/?{}", query.join("&")));
    serde_json::from_str(answer.text()).unwrap()
}

#[test]
fn modules_whose_names_are_paths() {
    let service = Service::start(modules);
    let server = serve(&service, "");
    let got = ask(
        &server,
        &[
            ("import", "./es"),
            ("import", "es"),
            ("import", "./common"),
            ("import", "/json"),
            ("import", "./data"),
            ("require", "./wasm"),
            ("import", "./moved"),
            ("import", "./own"),
            ("import", "./nameless"),
            ("import", "node:nothing"),
            ("import", "./other"),
            ("import", "./circle"),
            ("import", "./nowhere"),
            ("import", "./python"),
            ("import", "https://a.example/es"),
        ],
    );
    let es = json!({"default": "es", "more": 1});
    let missing = |name: &str| json!(format!("Error: No such module \"{name}\"."));
    let common = json!({"a": "a text", "__filename": "/dir/common"});
    let expected = [
        es.clone(),
        es.clone(),
        json!({"a": "a text", "default": common}),
        json!({"default": {"a": [1]}}),
        json!({"default": [0, 128, 255]}),
        json!("a Wasm module"),
        es.clone(),
        json!({"default": "own"}),
        json!({"default": "no name"}),
        missing("node:nothing"),
        missing("dir/other"),
        missing("dir/circle"),
        missing("dir/nowhere"),
        missing("dir/python"),
        es,
    ];
    assert_eq!(got, expected);
    let requests = service.requests();
    let first =
        "GET /?specifier=%2Fdir%2Fes&referrer=%2Fdir%2Fworker.js&rawSpecifier=.%2Fes HTTP/1.1";
    assert_eq!(requests[0], (first.into(), "import".into(), String::new()));
    let asked = |index: usize| {
        let line = &requests[index].0;
        let query = line.strip_prefix("GET /?specifier=").unwrap();
        (query.split('&').next().unwrap(), requests[index].1.as_str())
    };
    let expected = [
        ("%2Fdir%2Fes", "import"),
        ("%2Fdir%2Fcommon", "import"),
        ("%2Fdir%2Ftext", "require"),
        ("%2Fjson", "import"),
        ("%2Fdir%2Fdata", "import"),
        ("%2Fbundle%2Fdir%2Fwasm", "require"),
        ("%2Fdir%2Fmoved", "import"),
        ("%2Fdir%2Ftwice", "import"),
        ("%2Fdir%2Fown", "import"),
        ("%2Fdir%2Fnameless", "import"),
        ("node%3Anothing", "import"),
        ("%2Fdir%2Fother", "import"),
        ("%2Fdir%2Fcircle", "import"),
        ("%2Fdir%2Fnowhere", "import"),
        ("%2Fdir%2Fpython", "import"),
        ("%2Fdir%2Fhttps%3A%2Fa.example%2Fes", "import"),
    ];
    let all: Vec<_> = (0..requests.len()).map(asked).collect();
    assert_eq!(all, expected);
}

#[test]
fn modules_whose_names_are_urls() {
    let service = Service::start(modules);
    let mut server = serve(&service, ", \"new_module_registry\"");
    let got = ask(
        &server,
        &[
            ("import", "./es%3Fq%23z"),
            ("import", "./es"),
            ("json", "./json"),
            ("json", "./es"),
            ("require", "./common"),
            ("import", "./moved"),
            ("import", "./own"),
            ("import", "./gone"),
        ],
    );
    let es = json!({"default": "es", "more": 1});
    let expected = [
        es.clone(),
        es.clone(),
        json!({"default": {"a": [1]}}),
        json!("TypeError: Module \"./es\" is not of type \"json\""),
        json!({"a": "a text", "__filename": "/bundle/dir/common"}),
        es,
        json!({"default": "own"}),
        json!("Error: Module not found: file:///bundle/dir/gone"),
    ];
    assert_eq!(got, expected);
    let bodies: Vec<_> = service
        .requests()
        .into_iter()
        .map(|(line, way, body)| {
            assert_eq!((line.as_str(), way.as_str()), ("POST / HTTP/1.1", ""));
            body
        })
        .collect();
    let body = |how: &str, name: &str, raw: &str, from: &str, more: &str| {
        format!(
            r#"{{"type":"{how}","specifier":"file:///bundle/dir/{name}","rawSpecifier":"./{raw}","referrer":"file:///bundle/dir/{from}"{more}}}"#
        )
    };
    let json = r#","attributes":[{"name":"type","value":"json"}]"#;
    let expected = [
        body("import", "es", "es?q#z", "worker.js", ""),
        body("import", "json", "json", "worker.js", json),
        body("require", "common", "common", "worker.js", ""),
        body("require", "text", "text", "common", ""),
        body("import", "moved", "moved", "worker.js", ""),
        body("import", "twice", "moved", "worker.js", ""),
        body("import", "own", "own", "worker.js", ""),
        body("import", "gone", "gone", "worker.js", ""),
    ];
    assert_eq!(bodies, expected);
    server.stop();
    let says = "Fallback service failed to fetch module; body = not here; specifier = file:///bundle/dir/gone";
    assert!(server.stderr().contains(says), "{server:?}");
}

#[test]
fn many_modules_need_one_connection() {
    const MODULES: u32 = 300;
    let service = Service::start(modules);
    let server = serve(&service, "");
    for from in (0..MODULES).step_by(100) {
        let names: Vec<_> = (from..from + 100).map(|n| format!("./{n}")).collect();
        let questions: Vec<_> = names.iter().map(|name| ("import", name.as_str())).collect();
        let expected: Vec<_> = (from..from + 100)
            .map(|n| json!({ "default": n }))
            .collect();
        assert_eq!(ask(&server, &questions), expected);
    }
    let seen = service.seen.lock().unwrap();
    assert_eq!(seen.connections, 1);
    assert_eq!(seen.requests.len(), MODULES as usize);
}

#[test]
fn a_service_that_answers_nonsense_has_no_modules() {
    let service = Service::start(nonsense);
    let mut server = serve(&service, "");
    let reasons = [
        ("closed", "disconnected: "),
        ("garbage", "disconnected: "),
        ("short", "disconnected: "),
        ("unchunked", "disconnected: "),
        ("not-json", "Unexpected input in JSON message."),
        ("empty", ""),
        ("list", "expected an object that describes a module"),
        ("number", "expected a string"),
        ("bytes", "expected u8"),
        ("deep", "exception = "),
        ("huge", "more than 67108864 bytes"),
    ];
    for (name, _) in reasons {
        let got = ask(&server, &[("import", &format!("./{name}"))]);
        let missing = format!("Error: No such module \"dir/{name}\".");
        assert_eq!(got, [json!(missing)], "{name}");
    }
    assert_eq!(
        ask(&server, &[("import", "./good")]),
        [json!({"default": "still"})]
    );
    server.stop();
    let stderr = server.stderr();
    for (name, reason) in reasons.iter().filter(|(_, reason)| !reason.is_empty()) {
        let place = format!("specifier=%2Fdir%2F{name}&");
        let line = stderr.lines().find(|line| line.contains(&place));
        let line = line.unwrap_or_else(|| panic!("{name}: {stderr}"));
        assert!(line.contains(reason), "{line}");
    }
}

#[test]
fn a_service_that_cannot_be_asked_is_told_of() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let seen = Arc::default();
    let mut server = serve(&Service { port, seen }, "");
    let got = ask(&server, &[("import", "./es")]);
    assert_eq!(got, [json!("Error: No such module \"dir/es\".")]);
    server.stop();
    assert!(
        server
            .stderr()
            .contains("Fallback service failed to fetch module")
    );
}
