//! The back-ends that come with the program: what they hold belongs to all processes and outlives them.

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
      modules = [(name = "worker", esModule = embed "bundled.js")],
      compatibilityDate = "2026-03-01",
      bindings = [
        (name = "KV", service = (name = "kv", props = (json = "{\"namespace\": \"n\"}"))),
        (name = "DB", service = (name = "d1", props = (json = "{\"database\": \"d\"}"))),
        (name = "QUEUE", service = (name = "queues", props = (json = "{\"queue\": \"q\"}"))),
        (name = "CRON", service = "cron"),
      ],
    )),
    (name = "kv", worker = (
      modules = [(name = "kv.js", bundled = "/workerd/kv.js")],
      compatibilityDate = "2026-01-01",
      durableObjectNamespaces = [(className = "KVNamespace", uniqueKey = "kv", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
      bindings = [
        (name = "SHARD", durableObjectNamespace = "KVNamespace"),
        (name = "BLOBS", service = "blobs"),
      ],
    )),
    (name = "d1", worker = (
      modules = [(name = "d1.js", bundled = "/workerd/d1.js")],
      compatibilityDate = "2026-01-01",
      durableObjectNamespaces = [(className = "D1Database", uniqueKey = "d1", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
      bindings = [(name = "DATABASE", durableObjectNamespace = "D1Database")],
    )),
    (name = "queues", worker = (
      modules = [(name = "queues.js", bundled = "/workerd/queues.js")],
      compatibilityDate = "2026-01-01",
      compatibilityFlags = ["service_binding_extra_handlers"],
      durableObjectNamespaces = [(className = "QueueShard", uniqueKey = "queues", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
      bindings = [
        (name = "SHARD", durableObjectNamespace = "QueueShard"),
        (name = "CONSUMERS", json = "{\"q\": {\"consumer\": \"main\", \"maxBatchTimeout\": 0}}"),
        (name = "main", service = "main"),
      ],
    )),
    (name = "cron", worker = (
      modules = [(name = "cron.js", bundled = "/workerd/cron.js")],
      compatibilityDate = "2026-01-01",
      compatibilityFlags = ["service_binding_extra_handlers"],
      durableObjectNamespaces = [(className = "Schedule", uniqueKey = "cron", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
      bindings = [
        (name = "SCHEDULE", durableObjectNamespace = "Schedule"),
        (name = "CRONS", json = "{\"main\": [\"0 0 1 1 *\"]}"),
        (name = "main", service = "main"),
        (name = "TEST_CLOCK", json = "true"),
      ],
    )),
    (name = "disk", disk = (path = "objects", writable = true)),
    (name = "blobs", disk = (path = "blobs", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

const PROCESSES: u32 = 3;

fn folder() -> Folder {
    Folder::new(&[
        ("config.capnp", CONFIG),
        ("bundled.js", include_str!("bundled.js")),
        ("objects/.keep", ""),
        ("blobs/.keep", ""),
    ])
}

fn start(folder: &Folder) -> Server {
    let start = Start::serve(&program(), &folder.path("config.capnp")).arg("--experimental");
    let start = start.folder(folder.root()).processes(PROCESSES);
    start.group().start()
}

/// An answer to a connection of its own, which comes to any of the processes.
fn ask(server: &Server, path: &str) -> String {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "GET {path}: {answer:?}\n{server:?}");
    answer.text().to_owned()
}

/// The keys with a prefix.
fn keys(server: &Server, prefix: &str) -> Vec<String> {
    let page: Value =
        serde_json::from_str(&ask(server, &format!("/list?prefix={prefix}"))).unwrap();
    assert_eq!(page["list_complete"], true);
    let keys = page["keys"].as_array().unwrap().iter();
    keys.map(|key| key["name"].as_str().unwrap().to_owned())
        .collect()
}

fn wait_for_keys(server: &Server, prefix: &str, count: usize) -> Vec<String> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let keys = keys(server, prefix);
        if keys.len() >= count {
            return keys;
        }
        assert!(Instant::now() < deadline, "{keys:?}\n{server:?}");
    }
}

#[test]
fn all_processes_have_one_namespace_and_one_database_that_outlive_them() {
    const KEYS: usize = 40;
    const LARGE_BYTES: usize = 200_000;
    let folder = folder();
    let mut server = start(&folder);
    ask(&server, "/sql?q=CREATE%20TABLE%20t%20(v)");
    let names: Vec<String> = (0..KEYS).map(|i| format!("k{i:02}")).collect();
    for name in &names {
        ask(&server, &format!("/put/{name}?v=of-{name}"));
        ask(&server, "/sql?q=INSERT%20INTO%20t%20VALUES(1)");
    }
    ask(&server, &format!("/large/big?bytes={LARGE_BYTES}"));
    assert_eq!(keys(&server, "k"), names);
    server.kill_all();
    let server = start(&folder);
    for name in &names {
        assert_eq!(ask(&server, &format!("/get/{name}")), format!("of-{name}"));
    }
    assert_eq!(ask(&server, "/get/big").len(), LARGE_BYTES);
    assert_eq!(keys(&server, "k"), names);
    let counted = ask(&server, "/sql?q=SELECT%20count(*)%20AS%20n%20FROM%20t");
    assert!(
        counted.contains(&format!("[{{\"n\":{KEYS}}}]")),
        "{counted}"
    );
}

#[test]
fn no_message_is_lost_with_the_processes() {
    const MESSAGES: usize = 60;
    let folder = folder();
    let mut server = start(&folder);
    for i in 0..MESSAGES {
        ask(&server, &format!("/send?v={i}"));
    }
    server.kill_all();
    let server = start(&folder);
    wait_for_keys(&server, "message%20", MESSAGES);
}

/// Once for all processes, and of what is missed while none runs, once at the start.
#[test]
fn an_occurrence_is_run_once() {
    let folder = folder();
    let mut server = start(&folder);
    let clock = |server: &Server, advance: i64| -> (i64, i64) {
        let told: Value =
            serde_json::from_str(&ask(server, &format!("/clock?advance={advance}"))).unwrap();
        let number = |value: &Value| value.as_f64().unwrap() as i64;
        (number(&told["now"]), number(&told["at"]["main"]))
    };
    let (now, at) = clock(&server, 0);
    // The alarm is set in real time: as late as that process's clock says.
    clock(&server, at - now - 500);
    let ticks = wait_for_keys(&server, "tick%20", 1);
    assert!(ticks[0].starts_with(&format!("tick {at} ")), "{ticks:?}");
    // It runs at least once: one whose end is not noted when its process dies runs again.
    let deadline = Instant::now() + DEADLINE;
    while clock(&server, 0).1 <= at {
        assert!(Instant::now() < deadline, "{server:?}");
    }
    server.kill_all();
    let server = start(&folder);
    let (_, next) = clock(&server, 0);
    assert!(next > at);
    assert_eq!(keys(&server, "tick%20").len(), 1);
}

fn refused(worker: &str, arguments: &[&str], why: &str) {
    let config = format!(
        "using Workerd = import \"/workerd/workerd.capnp\";
         const config :Workerd.Config = (services = [(name = \"main\", worker = (
           compatibilityDate = \"2026-01-01\", {worker}))]);"
    );
    let folder = Folder::new(&[("config.capnp", &config)]);
    let path = folder.path("config.capnp");
    let mut all = vec!["serve", path.to_str().unwrap()];
    all.extend(arguments);
    let output = program().run(&all);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(why), "{stderr}");
}

#[test]
fn what_is_wrong_with_their_configs_is_said_at_the_start() {
    let nope = "modules = [(name = \"m\", bundled = \"/workerd/nope.js\")]";
    refused(nope, &[], "Bundled modules are an experimental feature");
    let unknown = "service main: No bundled module named \"/workerd/nope.js\".";
    refused(nope, &["--experimental"], unknown);
    let own = |module: &str, bindings: &str| {
        format!(
            "modules = [(name = \"m\", bundled = \"/workerd/{module}.js\")],
             compatibilityFlags = [\"service_binding_extra_handlers\"],
             bindings = [{bindings}]"
        )
    };
    let main = "(name = \"main\", service = \"main\")";
    for (module, bindings, why) in [
        (
            "cron",
            r#"(name = "CRONS", json = "{\"main\": [\"* * * *\"]}"), MAIN"#,
            "cron trigger \"* * * *\": 4 fields, not 5",
        ),
        (
            "cron",
            r#"(name = "CRONS", json = "{\"other\": []}"), MAIN"#,
            "cron triggers of \"other\": no service binding \"other\"",
        ),
        (
            "cron",
            r#"(name = "CRONS", json = "{\"main\": 5}"), MAIN"#,
            "cron triggers of \"main\": not a list",
        ),
        (
            "queues",
            r#"(name = "CONSUMERS", json = "{\"q\": {\"consumer\": \"other\"}}"), MAIN"#,
            "queue \"q\": no service binding \"other\"",
        ),
        (
            "queues",
            r#"(name = "CONSUMERS", json = "{\"q\": {\"consumer\": \"main\", \"maxRetries\": \"x\"}}"), MAIN"#,
            "queue \"q\": maxRetries must not be \"x\"",
        ),
    ] {
        let worker = own(module, &bindings.replace("MAIN", main));
        refused(&worker, &["--experimental"], why);
    }
}
