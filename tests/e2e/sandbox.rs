//! What runtime processes give up, seen from outside; and what works all the same.

use std::fs;
use std::process::Command;

use nix::unistd::Pid;
use tests::folder::Folder;
use tests::server::{Server, Start};

use crate::program;

/// Sorts more than SQLite keeps in memory, and reads the environment.
const WORKER: &str = r#"
import { DurableObject } from "cloudflare:workers";
export class Sorter extends DurableObject {
  sort() {
    const rows = this.ctx.storage.sql.exec(`
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
      SELECT hex(randomblob(200)) AS text FROM n ORDER BY text`);
    let last = "", count = 0;
    for (const { text } of rows) {
      if (text < last) throw new Error("not sorted");
      last = text;
      count++;
    }
    return count;
  }
}
export default {
  async fetch(request, env) {
    return new Response(`${await env.SORTERS.getByName("a").sort()} ${env.NAMED}`);
  },
};
"#;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      durableObjectNamespaces = [(className = "Sorter", uniqueKey = "sorter", enableSql = true)],
      durableObjectStorage = (localDisk = "data"),
      bindings = [
        (name = "SORTERS", durableObjectNamespace = "Sorter"),
        (name = "NAMED", fromEnvironment = "NAMED_BY_THE_CONFIG"),
      ],
    )),
    (name = "data", disk = (path = "data", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

fn folder() -> Folder {
    let folder = Folder::new(&[("worker.js", WORKER), ("config.capnp", CONFIG)]);
    fs::create_dir(folder.path("data")).unwrap();
    folder
}

fn start(folder: &Folder, arguments: &[&str]) -> Server {
    let mut command = program().command();
    command
        .env("NAMED_BY_THE_CONFIG", "value")
        .env("A_SECRET_OF_THE_OPERATORS", "secret")
        .arg("serve")
        .args(arguments)
        .arg(folder.path("config.capnp"));
    Start::command(command)
        .folder(folder.root())
        .processes(2)
        .start()
}

/// A line of a process's status.
fn status(pid: Pid, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim_start_matches(':').trim().to_owned()
}

fn environment(pid: Pid) -> String {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn runtime_processes_give_up_what_they_do_not_need() {
    let folder = folder();
    let mut server = start(&folder, &[]);
    for slot in 0..2 {
        let pid = server.phase(slot, "serving", 0).pid;
        assert_eq!(status(pid, "NoNewPrivs"), "1");
        assert_eq!(status(pid, "Seccomp"), "2");
        let kept = u64::from_str_radix(&status(pid, "CapPrm"), 16).unwrap();
        // CAP_DAC_OVERRIDE is the second.
        assert_eq!(kept & !0b10, 0);
        let environment = environment(pid);
        assert!(
            environment.contains("NAMED_BY_THE_CONFIG=value"),
            "{environment}"
        );
        assert!(!environment.contains("A_SECRET"), "{environment}");
    }
    assert_eq!(server.get("/").text(), "60000 value");
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn one_process_alone_sorts_as_well() {
    let folder = folder();
    let mut server = Start::serve(&program(), &folder.path("config.capnp"))
        .folder(folder.root())
        .start();
    assert_eq!(server.get("/").text(), "60000 null");
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn without_a_sandbox_they_keep_it() {
    let folder = folder();
    let mut server = start(&folder, &["--no-sandbox"]);
    let pid = server.phase(0, "serving", 0).pid;
    assert_eq!(status(pid, "Seccomp"), "0");
    assert!(environment(pid).contains("A_SECRET"));
    assert_eq!(server.get("/").text(), "60000 value");
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn the_doctor_tells_what_holds() {
    let told = Command::new(env!("CARGO_BIN_EXE_workerd"))
        .arg("doctor")
        .output()
        .unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    assert_eq!(told.status.success(), !text.contains("missing  "), "{text}");
    for part in [
        "Landlock",
        "capabilities",
        "seccomp",
        "descriptors",
        "processes",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
