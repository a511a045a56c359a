//! Workflows: instances belong to all processes, and go on where they were after the death of all.

use std::time::Instant;

use serde_json::Value;
use tests::DEADLINE;
use tests::folder::Folder;
use tests::server::{Server, Start};

use crate::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "workflows.js")],
      compatibilityDate = "2026-03-01",
      workflowsEngine = (
        actorClass = (name = "engine", entrypoint = "Engine"),
        workflows = [(className = "Flow", name = "flow",
          bindingService = (name = "engine", entrypoint = "WorkflowBinding", props = (json = "{\"workflow\": \"flow\"}")))],
      ),
    )),
    (name = "engine", worker = (
      modules = [(name = "workflows.js", bundled = "/workerd/workflows.js")],
      compatibilityDate = "2026-01-01",
      durableObjectStorage = (localDisk = "disk"),
      bindings = [(name = "workflow:flow",
        durableObjectNamespace = (className = "miniflare-workflows-flow", serviceName = "main"))],
    )),
    (name = "disk", disk = (path = "objects", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

const PROCESSES: u32 = 3;
const INSTANCES: usize = 12;

fn folder(config: &str) -> Folder {
    Folder::new(&[
        ("config.capnp", config),
        ("workflows.js", include_str!("workflows.js")),
        ("objects/.keep", ""),
    ])
}

fn start(folder: &Folder) -> Server {
    let start = Start::serve(&program(), &folder.path("config.capnp")).arg("--experimental");
    let start = start.folder(folder.root()).processes(PROCESSES);
    start.group().start()
}

/// An answer to a connection of its own, which comes to any of the processes.
fn ask(server: &Server, path: &str) -> Value {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "GET {path}: {answer:?}\n{server:?}");
    serde_json::from_str(answer.text()).unwrap()
}

/// An instance once its status is that one.
fn wait_for(server: &Server, id: usize, status: &str) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let told = ask(server, &format!("/status/i{id}"));
        if told["status"] == status {
            return told;
        }
        assert!(Instant::now() < deadline, "{told}\n{server:?}");
    }
}

#[test]
fn instances_go_on_after_the_death_of_all_processes() {
    let folder = folder(CONFIG);
    let mut server = start(&folder);
    for id in 0..INSTANCES {
        ask(&server, &format!("/create/i{id}"));
    }
    for id in 0..INSTANCES {
        wait_for(&server, id, "waiting");
    }
    server.kill_all();
    let mut server = start(&folder);
    // The next attempt dies with its process.
    for id in 0..INSTANCES {
        ask(&server, &format!("/send/i{id}"));
        wait_for(&server, id, "running");
    }
    server.kill_all();
    let server = start(&folder);
    for id in 0..INSTANCES {
        let told = wait_for(&server, id, "complete");
        let [first, event, second] = [0, 1, 2].map(|i| told["output"][i].clone());
        assert_eq!(event, "sent", "{told}");
        // What was done before is not done again; what did not end is.
        assert_ne!(first["process"], second["process"], "{told}");
        assert_eq!(
            (&first["attempt"], &second["attempt"]),
            (&1.into(), &2.into()),
            "{told}"
        );
    }
}

#[test]
fn what_the_workers_lack_is_said_at_the_start() {
    for (from, to, why) in [
        (
            "className = \"Flow\"",
            "className = \"Nope\"",
            "service main: Workflow \"flow\" refers to class \"Nope\", but the Worker exports no such WorkflowEntrypoint.",
        ),
        (
            "className = \"Flow\"",
            "className = \"default\"",
            "service main: Workflow \"flow\" refers to class \"default\", but the Worker exports no such WorkflowEntrypoint.",
        ),
        (
            "entrypoint = \"Engine\"",
            "entrypoint = \"WorkflowBinding\"",
            "service main: workflowsEngine.actorClass refers to service \"engine\" with Durable Object entrypoint \
             \"WorkflowBinding\", but no such class is exported.",
        ),
        (
            "entrypoint = \"WorkflowBinding\"",
            "entrypoint = \"Nope\"",
            "service main: Workflow \"flow\"'s bindingService Worker does not export WorkerEntrypoint \"Nope\".",
        ),
    ] {
        let folder = folder(&CONFIG.replace(from, to));
        let path = folder.path("config.capnp");
        let disk = format!("--directory-path=disk={}", folder.root().display());
        let arguments = ["serve", "--experimental", &disk, path.to_str().unwrap()];
        let output = program().run(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
    }
}
