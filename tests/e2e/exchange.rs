//! Folders of objects move between this program and the published one, with nothing lost.

use tests::folder::Folder;
use tests::program::Program;
use tests::server::Start;

use crate::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "exchange.js")],
      compatibilityDate = "2026-03-01",
      compatibilityFlags = ["nodejs_compat", "enhanced_error_serialization"],
      durableObjectNamespaces = [(className = "Box", uniqueKey = "boxes", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
      bindings = [(name = "boxes", durableObjectNamespace = "Box")],
    )),
    (name = "disk", disk = (path = "objects", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

const OBJECTS: usize = 1000;

/// Those of the program alone, which other tests look at as well.
const OWN_OBJECTS: usize = 200;

/// Objects that one request is about.
const BATCH: usize = 50;

/// Objects whose alarm is due after their writer has ended.
const ALARMS: usize = 20;
const ALARM_DELAY_MS: u32 = 2000;

fn exchange(writer: &Program, reader: &Program, objects: usize) {
    let folder = Folder::new(&[
        ("config.capnp", CONFIG),
        ("exchange.js", include_str!("exchange.js")),
        ("objects/.keep", ""),
    ]);
    let start = |program: &Program| {
        Start::serve(program, &folder.path("config.capnp"))
            .folder(folder.root())
            .start()
    };
    let batches = |what: &str| -> Vec<String> {
        let batch = |from| format!("/{what}?from={from}&to={}", from + BATCH);
        (0..objects).step_by(BATCH).map(batch).collect()
    };
    let mut server = start(writer);
    let get = |server: &tests::server::Server, path: &str| {
        let answer = server.get(path);
        assert_eq!(answer.text(), "ok", "{path}");
    };
    for path in batches("write") {
        get(&server, &path);
    }
    get(
        &server,
        &format!("/arm?from=0&to={ALARMS}&in={ALARM_DELAY_MS}"),
    );
    server.stop();
    let mut server = start(reader);
    for path in batches("read") {
        get(&server, &path);
    }
    get(&server, &format!("/fired?from=0&to={ALARMS}"));
    server.stop();
}

const STUBS: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "stubs.js")],
      compatibilityDate = "2026-03-01",
      compatibilityFlags = ["allow_irrevocable_stub_storage", "enable_ctx_exports", "experimental"],
      durableObjectNamespaces = [(className = "Keeper", uniqueKey = "keepers", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
    )),
    (name = "disk", disk = (path = "objects", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// What an object reads that keeps stubs, by calling them.
const GREETINGS: &str = "hello, a|outer, inner, b|child, c|kept|2|11|12|15|1";

fn exchange_stubs(writer: &Program, reader: &Program) {
    let folder = Folder::new(&[
        ("config.capnp", STUBS),
        ("stubs.js", include_str!("stubs.js")),
        ("objects/.keep", ""),
    ]);
    for (program, path) in [(writer, "/write"), (reader, "/read"), (writer, "/read")] {
        let mut server = Start::serve(program, &folder.path("config.capnp"))
            .folder(folder.root())
            .arg("--experimental")
            .start();
        assert_eq!(server.get(path).text(), GREETINGS);
        server.stop();
    }
}

#[test]
fn stubs_outlive_their_server() {
    exchange_stubs(&program(), &program());
}

#[test]
fn objects_outlive_their_server() {
    exchange(&program(), &program(), OWN_OBJECTS);
}

/// `PUBLISHED_WORKERD` names the published binary.
#[test]
fn objects_go_from_this_program_to_the_published_one_and_back() {
    let Some(published) = std::env::var_os("PUBLISHED_WORKERD") else {
        eprintln!("PUBLISHED_WORKERD names no published binary: objects are not exchanged with it");
        return;
    };
    let published = Program::at(published.as_ref());
    exchange(&program(), &published, OBJECTS);
    exchange(&published, &program(), OBJECTS);
    exchange_stubs(&program(), &published);
    exchange_stubs(&published, &program());
}
