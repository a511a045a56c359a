//! Serving: processes, reports, options.

use tests::folder::{Folder, ONE_WORKER};
use tests::server::Start;

use super::{program, serve};

const HELLO: &str = "export default { fetch() { return new Response('hello'); } };";

#[test]
fn one_process_serves_alone() {
    let folder = Folder::worker(HELLO);
    let mut server = serve(&folder);
    assert_eq!(server.get("/").text(), "hello");
    assert_eq!(server.tree(), [server.pid()]);
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(server.stderr(), "");
}

#[test]
fn two_processes_serve_under_a_supervisor() {
    let folder = Folder::worker(HELLO);
    let mut server = Start::serve(&program(), &folder.path("config.capnp"))
        .processes(2)
        .start();
    assert_eq!(server.get("/").text(), "hello");
    let mut processes: Vec<_> = (0..2)
        .map(|slot| server.phase(slot, "serving", 0).pid)
        .collect();
    processes.insert(0, server.pid());
    assert_eq!(server.tree(), processes);
    let moment = server.moment();
    assert_eq!(server.stop().code(), Some(0));
    for slot in 0..2 {
        server.phase(slot, "draining", moment);
        server.phase(slot, "stopped", moment);
    }
    assert_eq!(server.stderr(), "");
}

#[test]
fn processes_by_the_number_of_cpus() {
    let folder = Folder::worker(HELLO);
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .arg("--processes=auto")
        .start();
    assert_eq!(server.get("/").text(), "hello");
}

#[test]
fn an_encoded_config_from_standard_input() {
    let folder = Folder::worker(HELLO);
    let config = folder.path("config.capnp");
    let encoded = program()
        .run(&[
            "compile".as_ref(),
            "--config-only".as_ref(),
            config.as_os_str(),
        ])
        .stdout;
    std::fs::write(folder.path("config.bin"), encoded).unwrap();
    let mut command = program().command();
    command.args(["serve", "--binary", "-"]);
    let input = std::fs::File::open(folder.path("config.bin")).unwrap();
    let server = Start::command(command).give(input.into()).start();
    assert_eq!(server.get("/").text(), "hello");
}

#[test]
fn one_of_several_constants() {
    let folder = Folder::worker(HELLO);
    let second = ONE_WORKER
        .replace("const config", "const other")
        .replace("using", "# using");
    folder.write("config.capnp", &format!("{ONE_WORKER}{second}"));
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .arg("other")
        .start();
    assert_eq!(server.get("/").text(), "hello");
}

#[test]
fn imports_from_beside_and_from_import_paths() {
    let folder = Folder::worker(HELLO);
    let config = r#"using Workerd = import "/workerd/workerd.capnp";
using Sockets = import "/lib/sockets.capnp";
using Worker = import "parts/worker.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = Worker.hello)], sockets = Sockets.all);
"#;
    let sockets = r#"using Workerd = import "/workerd/workerd.capnp";
const all :List(Workerd.Socket) = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")];
"#;
    let worker = r#"using Workerd = import "/workerd/workerd.capnp";
const hello :Workerd.Worker = (modules = [(name = "hello", esModule = embed "hello.js")], compatibilityDate = "2026-01-01");
"#;
    folder.write("config.capnp", config);
    folder.write("import/lib/sockets.capnp", sockets);
    folder.write("parts/worker.capnp", worker);
    folder.write(
        "parts/hello.js",
        "export default { fetch() { return new Response('imported'); } };",
    );
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    let server = start.arg("-I").arg(folder.path("import")).start();
    assert_eq!(server.get("/").text(), "imported");
}

#[test]
fn an_uncaught_error_is_logged_and_answered_500() {
    let folder = Folder::worker("export default { fetch() { throw new Error('it broke'); } };");
    let server = serve(&folder);
    let answer = server.get("/");
    assert_eq!(
        (answer.status, answer.text()),
        (500, "Internal Server Error")
    );
    assert!(server.complaint("it broke").contains("Error: it broke"));
}

#[test]
fn version_and_help() {
    for (arguments, part) in [
        (&["--version"][..], "workerd 2026-11-17"),
        (&["--help"][..], "serve"),
        (&["serve", "--help"][..], "--processes"),
        (&["compile", "--help"][..], "--config-only"),
        (&["test", "--help"][..], "filter"),
    ] {
        let output = program().run(arguments);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(stdout.contains(part), "{arguments:?}: {stdout}");
    }
}
