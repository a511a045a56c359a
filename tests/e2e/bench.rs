//! The benchmark: that it measures, and that what is wrong makes it fail. No number is asserted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tests::folder::Folder;
use tests::program::output;
use tests::root;

use crate::program;

const METRICS: [&str; 6] = ["rate", "p50_us", "p99_us", "cpu_us", "start_ms", "pss_mib"];

/// A server that answers every request with one text.
const IMPOSTOR: &str = r#"#!/usr/bin/env python3
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"Bye\n")
[address] = [argument for argument in sys.argv if "bench=" in argument]
http.server.HTTPServer(("127.0.0.1", int(address.rsplit(":", 1)[1])), Handler).serve_forever()
"#;

/// Whether what the benchmark needs is installed: `.ci/run` sees to that.
fn is_installed() -> bool {
    let missing = ["python3", "wrk", "openssl"]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err());
    if let Some(tool) = missing {
        assert!(std::env::var_os("CI_RUN").is_none(), "{tool} is missing");
        eprintln!("{tool} is missing: the benchmark is not run");
    }
    missing.is_none()
}

/// Runs workloads on a program alone, with the page and the numbers in the folder.
fn run(folder: &Folder, ours: &Path, workloads: &str) -> Output {
    let mut command = Command::new("python3");
    command
        .arg(root().join("tests/bench/run.py"))
        .args(["--peers=ours", "--rounds=2", "--seconds=0.5", "--only"])
        .arg(workloads)
        .arg("--ours")
        .arg(ours)
        .arg("--json")
        .arg(folder.path("bench.json"))
        .arg("--page")
        .arg(folder.path("bench.html"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    output(command, &[])
}

#[test]
fn a_run_has_every_number_of_every_workload() {
    if !is_installed() {
        return;
    }
    let folder = Folder::new(&[]);
    let ended = run(&folder, program().path(), "hello,echo,throw");
    assert!(ended.status.success(), "{ended:?}");
    let table = String::from_utf8(ended.stdout).expect("a table");
    let results: Value =
        serde_json::from_slice(&fs::read(folder.path("bench.json")).unwrap()).expect("the numbers");
    let page = fs::read_to_string(folder.path("bench.html")).unwrap();
    let workloads = results["workloads"].as_array().expect("workloads");
    assert_eq!(workloads.len(), 3);
    for workload in workloads {
        let title = workload["title"].as_str().expect("a title");
        let ours = &workload["peers"]["ours"];
        assert_eq!(ours["rounds"].as_array().map(Vec::len), Some(2), "{title}");
        for metric in METRICS {
            let value = ours["median"][metric].as_f64();
            assert!(value.is_some_and(|value| value > 0.0), "{title}: {metric}");
        }
        assert_eq!(ours["median"]["failed"], 0, "{title}");
        let mut lines = table.lines().skip_while(|line| !line.starts_with(title));
        let line = lines.nth(1).expect("a line of numbers");
        let numbers = line
            .split_whitespace()
            .filter(|word| word.as_bytes()[0].is_ascii_digit());
        assert_eq!(numbers.count(), METRICS.len() + 1, "{table}");
        assert!(page.contains(&format!("<h3>{title}</h3>")), "{title}");
    }
    assert!(
        page.contains("<svg") && page.ends_with("</html>\n"),
        "{page}"
    );
    assert!(!page.contains("src=") && !page.contains("href="), "{page}");
}

#[test]
fn a_wrong_answer_fails_the_run() {
    if !is_installed() {
        return;
    }
    let folder = Folder::new(&[("impostor", IMPOSTOR)]);
    let impostor = folder.path("impostor");
    fs::set_permissions(&impostor, fs::Permissions::from_mode(0o755)).unwrap();
    let ended = run(&folder, &impostor, "hello");
    let told = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(
        told.contains(r"hello on ours: 2 failed: WrongAnswer: answered 200: b'Bye\n'"),
        "{told}"
    );
}

#[test]
fn what_is_not_there_is_named() {
    if !is_installed() {
        return;
    }
    let folder = Folder::new(&[]);
    let ended = run(&folder, program().path(), "hello,bye");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{told}");
    assert!(
        told.contains("there is no workload 'bye'; there are hello, "),
        "{told}"
    );
}
