//! What objects store, on disks that are good and on disks that are not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use nix::unistd::geteuid;
use tests::DEADLINE;
use tests::folder::Folder;
use tests::http::Answer;
use tests::program::Program;
use tests::server::{Server, Start};

use crate::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "storage.js")],
      compatibilityDate = "2026-03-01",
      durableObjectNamespaces = [(className = "Store", uniqueKey = "stores", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
      bindings = [(name = "stores", durableObjectNamespace = "Store")],
    )),
    (name = "disk", disk = (path = "objects", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

fn folder() -> Folder {
    Folder::new(&[
        ("config.capnp", CONFIG),
        ("storage.js", include_str!("storage.js")),
        ("objects/.keep", ""),
    ])
}

fn start(folder: &Folder) -> Server {
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    start.folder(folder.root()).start()
}

fn ask(server: &Server, path: &str) -> String {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "GET {path}: {answer:?}\n{server:?}");
    answer.text().to_owned()
}

fn refused(server: &Server, path: &str, why: &str) {
    let answer: Answer = server.get(path);
    assert_eq!(answer.status, 500, "GET {path}: {answer:?}");
    assert!(answer.text().contains(why), "GET {path}: {answer:?}");
}

/// The files of the objects.
fn object_files(folder: &Folder) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.path("objects/stores")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let is_object = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "sqlite")
            && path.file_stem().is_some_and(|stem| stem.len() == 64)
    };
    files.filter(is_object).collect()
}

/// Also one that is set to the time that it had. The published binary loses that one.
#[test]
fn an_alarm_that_its_handler_sets_rings_again() {
    let folder = folder();
    let server = start(&folder);
    let ways = [
        ("set", "10 null"),
        ("late", "10 null"),
        ("transaction", "10 null"),
        ("sync", "10 null"),
        ("deleted", "10 null"),
        ("failing", "10 null"),
        ("undone", "1 null"),
    ];
    for (way, _) in ways {
        ask(&server, &format!("/ring/{way}?{way}"));
    }
    for (way, end) in ways {
        let path = format!("/rings/{way}");
        let deadline = Instant::now() + DEADLINE;
        while ask(&server, &path) != end {
            assert!(
                Instant::now() < deadline,
                "{way}: {}\n{server:?}",
                ask(&server, &path)
            );
        }
    }
}

#[test]
fn an_object_goes_back_in_time_and_forth_again() {
    let folder = folder();
    let server = start(&folder);
    assert_eq!(ask(&server, "/append/a?10"), "1");
    let one = ask(&server, "/bookmark/a");
    assert_eq!(ask(&server, "/append/a?10"), "2");
    assert_eq!(ask(&server, "/append/a?10"), "3");
    assert_eq!(ask(&server, "/append/b?10"), "1");
    let undo = ask(&server, &format!("/restore/a?{one}"));
    assert!(undo > one);
    // The call that meets the end of the old life is refused; the next begins the new one.
    let answers = std::iter::repeat_with(|| server.get("/count/a"));
    let back = answers.take(1000).find(|answer| answer.text() == "1 1");
    assert!(back.is_some(), "{server:?}");
    assert_eq!(
        ask(&server, "/count/b"),
        "1 1",
        "another object stays as it is"
    );

    ask(&server, &format!("/restore/a?{undo}"));
    let mut answers = std::iter::repeat_with(|| server.get("/count/a")).take(1000);
    assert!(answers.any(|answer| answer.text() == "3 3"), "{server:?}");
    refused(&server, "/restore/a?nonsense", "Invalid bookmark.");
    refused(&server, "/bookmarkAt/a?0", "before the oldest point");
}

/// Most bytes of a file; more makes a write fail as a full disk does.
const MAX_FILE_BYTES: usize = 1024 * 1024;

/// The object whose write fails is reset to what was acknowledged; it reads on, and others write on.
#[test]
fn a_full_disk_fails_the_write_and_nothing_else() {
    let folder = folder();
    let mut limited = Command::new("sh");
    let script = format!(
        r#"trap "" XFSZ; ulimit -f {}; exec "$0" "$@""#,
        MAX_FILE_BYTES / 512
    );
    limited.args(["-c", &script]).arg(program().path());
    limited.arg("serve").arg(folder.path("config.capnp"));
    let server = Start::command(limited).folder(folder.root()).start();
    assert_eq!(ask(&server, "/append/small?10"), "1");
    let mut acknowledged = 0;
    let failed = loop {
        let answer = server.get("/append/big?100000");
        if answer.status != 200 {
            break answer;
        }
        acknowledged += 1;
        assert_eq!(answer.text(), acknowledged.to_string());
        assert!(acknowledged < 100, "the limit counts");
    };
    assert!(acknowledged > 2, "{failed:?}");
    assert!(failed.text().contains("durableObjectReset"), "{failed:?}");
    for _ in 0..2 {
        let count = format!("{acknowledged} {acknowledged}");
        assert_eq!(ask(&server, "/count/big"), count);
    }
    assert_eq!(ask(&server, "/append/small?10"), "2");
}

/// Sets the mode of a file and gives it back when dropped.
struct Mode(PathBuf);

impl Mode {
    fn set(path: PathBuf, mode: u32) -> Self {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Self(path)
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, fs::Permissions::from_mode(0o644));
    }
}

/// The object can be read, what it writes fails, and its file stays as it is; others write on.
#[test]
fn a_file_that_cannot_be_written_fails_its_object_alone() {
    let folder = folder();
    let place = folder.path("workerd");
    fs::copy(program().path(), &place).unwrap();
    let start = || {
        let start = Start::serve(&Program::at(&place), &folder.path("config.capnp"));
        let start = start.folder(folder.root());
        // Root may write anywhere.
        let start = if geteuid().is_root() {
            start.user(65_534)
        } else {
            start
        };
        start.start()
    };
    for (path, mode) in [("", 0o755), ("objects", 0o777)] {
        fs::set_permissions(folder.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut server = start();
    ask(&server, "/append/a?10");
    server.stop();
    let [file] = &object_files(&folder)[..] else {
        panic!("one object has one file");
    };
    let before = fs::read(file).unwrap();
    let _mode = Mode::set(file.clone(), 0o444);
    let server = start();
    refused(&server, "/append/a?10", "readonly database");
    assert_eq!(ask(&server, "/append/b?10"), "1");
    assert_eq!(fs::read(file).unwrap(), before);
}
