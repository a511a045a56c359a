//! Durable Objects under misfortune: hand-over at a reload, alarms after a crash, locks, and all of it at once.

mod alarms;
mod consistency;
mod disk;
mod hand_over;
mod rearm;

use tests::folder::Folder;
use tests::http::Answer;
use tests::server::{Server, Start};

use super::program;

/// A worker with objects that keep logs in the folder `data`, on the socket `http`.
const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "log.js", esModule = embed "log.js")],
      compatibilityDate = "2026-01-01",
      durableObjectNamespaces = [(className = "Log", uniqueKey = "log")],
      durableObjectStorage = (localDisk = "data"),
      bindings = [(name = "log", durableObjectNamespace = "Log")],
    )),
    (name = "data", disk = (path = "data", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// Its code.
const LOG: &str = include_str!("log.js");

fn folder() -> Folder {
    let folder = Folder::new(&[("config.capnp", CONFIG), ("log.js", LOG)]);
    std::fs::create_dir(folder.path("data")).unwrap();
    folder
}

/// A server of the folder's config, in a group of its own.
fn prepare(folder: &Folder, processes: u32) -> Start {
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    start.folder(folder.root()).processes(processes).group()
}

fn start(folder: &Folder, processes: u32) -> Server {
    prepare(folder, processes).start()
}

/// What a call brings that has to succeed.
fn ask(server: &Server, path: &str) -> String {
    let Answer { status, body, .. } = server.get(path);
    let body = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, 200, "GET {path}: {body}\n{server:?}");
    body
}

/// One number of an object's state.
fn state(server: &Server, object: &str, key: &str) -> u64 {
    let text = ask(server, &format!("/state/{object}"));
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    state[key].as_u64().unwrap_or_else(|| panic!("{text}"))
}
