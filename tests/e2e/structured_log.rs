//! `structuredLogging`: the log as JSON lines, whoever writes them.

use std::fs::File;
use std::io::Read;
use std::thread;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use serde_json::Value;
use tests::folder::{Folder, ONE_WORKER};
use tests::http::get;
use tests::server::{Server, Start};

use super::program;

const WORKER: &str = "import process from 'node:process';
export default {
  fetch(request, env, ctx) {
    const path = new URL(request.url).pathname;
    if (path === '/console') {
      console.group('not told');
      for (const level of ['log', 'info', 'debug', 'warn', 'error']) console[level]('%s\\n\"', level, { a: 1 });
      console.table([1]);
    }
    if (path === '/streams') {
      process.stdout.write('one\\ntw');
      process.stdout.write('o\\n\\nthree');
      process.stderr.write('four');
    }
    if (path === '/throw') throw new TypeError('boom');
    if (path === '/later') ctx.waitUntil(Promise.reject(new Error('while waiting')));
    if (path === '/long') for (const letter of 'abcd') console.log(letter.repeat(LONG_CHARS));
    return new Response();
  },
};";

/// More than a pipe holds.
const LONG_CHARS: usize = 100_000;

/// The server of a worker whose config begins with `fields`, and all of its standard output once it has ended.
fn start(fields: &str, processes: u32) -> (Server, thread::JoinHandle<String>) {
    let config = ONE_WORKER
        .replace("Config = (", &format!("Config = ({fields}"))
        .replace(
            "compatibilityDate",
            "compatibilityFlags = [\"nodejs_compat\"], compatibilityDate",
        );
    let code = WORKER.replace("LONG_CHARS", &LONG_CHARS.to_string());
    let folder = Folder::new(&[("config.capnp", &config), ("worker.js", &code)]);
    let (read, write) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let start = Start::serve(&program(), &folder.path("config.capnp")).output(write);
    let start = match processes {
        1 => start,
        more => start.processes(more),
    };
    let output = thread::spawn(move || {
        let mut text = String::new();
        File::from(read).read_to_string(&mut text).unwrap();
        text
    });
    (start.start(), output)
}

/// The lines of an output, each an object.
fn entries(output: &str) -> Vec<Value> {
    let entries = output.lines().map(|line| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {:.200}", line))
    });
    entries.collect()
}

#[test]
fn each_line_is_an_object() {
    let logging = "logging = (structuredLogging = true, stderrPrefix = \"E>\"),";
    let (mut server, output) = start(logging, 1);
    for (path, status) in [
        ("/console", 200),
        ("/streams", 200),
        ("/throw", 500),
        ("/later", 200),
    ] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
    server.stop();
    let output = output.join().unwrap();
    let shown: Vec<_> = entries(&output)
        .iter()
        .map(|entry| {
            // A worker's own lines have a number, the program's a text.
            let own = entry["timestamp"].is_u64() && entry["source"].is_null();
            let told = entry["timestamp"].is_string() && entry["source"].is_string();
            assert!(own || told, "{entry}");
            let text = |name: &str| entry[name].as_str().unwrap().to_owned();
            (text("level"), text("message"))
        })
        .collect();
    let shown: Vec<_> = shown
        .iter()
        .map(|(l, m)| (l.as_str(), m.as_str()))
        .collect();
    assert_eq!(
        shown[..10],
        [
            ("log", "log\n\" { a: 1 }"),
            ("info", "info\n\" { a: 1 }"),
            ("debug", "debug\n\" { a: 1 }"),
            ("warn", "warn\n\" { a: 1 }"),
            ("error", "error\n\" { a: 1 }"),
            ("log", "stdout: one"),
            ("log", "stdout: two"),
            ("log", "stdout:"),
            ("log", "stdout: three"),
            ("log", "E> four"),
        ]
    );
    let (level, message) = shown[10];
    assert_eq!(level, "error");
    let uncaught = "failed: remote.jsg.TypeError: boom";
    assert!(message.starts_with("Uncaught exception: ") && message.ends_with(uncaught));
    let (level, message) = shown[11];
    assert_eq!(level, "error");
    assert!(message.contains("Error: while waiting"), "{message}");
    assert_eq!(shown.len(), 12, "{shown:?}");
}

#[test]
fn lines_of_several_processes_are_whole() {
    const CLIENTS: usize = 8;
    let (mut server, output) = start("structuredLogging = true,", 2);
    let address = server.address("http");
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| get(&address, "/long").unwrap());
        }
    });
    server.stop();
    let output = output.join().unwrap();
    let entries = entries(&output);
    let long = entries.iter().filter(|entry| entry["level"] == "log");
    let long = long.map(|entry| entry["message"].as_str().unwrap());
    let mut long: Vec<_> = long.map(|text| (text.len(), &text[..1])).collect();
    long.sort_unstable();
    let expected = ["a", "b", "c", "d"].map(|letter| [(LONG_CHARS, letter); CLIENTS]);
    assert_eq!(long, expected.concat());
}

#[test]
fn what_is_wrong_with_a_config_is_an_object_too() {
    let config = ONE_WORKER.replace("Config = (", "Config = (structuredLogging = true,");
    for (code, says) in [
        ("a syntax error", "Uncaught SyntaxError"),
        ("export default {}", "no such service is defined"),
    ] {
        let config = match says.starts_with("no") {
            true => config.replace("service = \"main\"", "service = \"nope\""),
            false => config.clone(),
        };
        let folder = Folder::new(&[("config.capnp", &config), ("worker.js", code)]);
        let path = folder.path("config.capnp");
        let output = program().run(&["serve".as_ref(), path.as_os_str()]);
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        let [entry] = &entries(&told)[..] else {
            panic!("{told}");
        };
        assert_eq!(entry["level"], "error");
        assert!(entry["message"].as_str().unwrap().contains(says), "{entry}");
    }
}
