//! `workerd objects`: what is stored, listed, checked, exported and imported; beside a running server and without one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tests::folder::Folder;
use tests::program::{Program, output};
use tests::server::{Server, Start};

use super::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      bindings = [(name = "ROOMS", durableObjectNamespace = "Room")],
      durableObjectNamespaces = [(className = "Room", uniqueKey = "the-rooms", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
    )),
    (name = "disk", disk = (path = "disk", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// `/NAME/set/N` stores, `/NAME/get` reads, `/NAME/alarm` sets an alarm for the year 2100.
const WORKER: &str = r#"import { DurableObject } from 'cloudflare:workers';
export class Room extends DurableObject {
  async fetch(request) {
    const [, , what, value] = new URL(request.url).pathname.split('/');
    if (what === 'set') await this.ctx.storage.put('value', value);
    if (what === 'alarm') await this.ctx.storage.setAlarm(4102444800000);
    return new Response(`${this.ctx.id}=${await this.ctx.storage.get('value')}`);
  }
  alarm() {}
}
export default {
  fetch(request, env) {
    const name = new URL(request.url).pathname.split('/')[1];
    return env.ROOMS.get(env.ROOMS.idFromName(name)).fetch(request);
  }
};
"#;

fn folder() -> Folder {
    let folder = Folder::new(&[("config.capnp", CONFIG), ("worker.js", WORKER)]);
    fs::create_dir(folder.path("disk")).unwrap();
    folder
}

fn start(program: &Program, folder: &Folder) -> Server {
    Start::serve(program, Path::new("config.capnp"))
        .folder(folder.root())
        .start()
}

/// The id of an object and what it has stored.
fn ask(server: &Server, path: &str) -> (String, String) {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (id, value) = answer.text().split_once('=').unwrap();
    (id.to_owned(), value.to_owned())
}

/// Runs a command of `workerd objects` in the folder: exit status, standard output, standard error.
fn objects(folder: &Folder, arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = objects_with_input(folder, arguments, &[]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn objects_with_input(folder: &Folder, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = program().command();
    command
        .current_dir(folder.root())
        .arg("objects")
        .args(arguments);
    output(command, input)
}

fn lines(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let (status, stdout, stderr) = objects(folder, arguments);
    assert_eq!(status, 0, "{stdout}{stderr}");
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn names(path: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
}

#[test]
fn stored_objects_are_listed_and_checked() {
    let folder = folder();
    let (status, _, stderr) = objects(&folder, &["list", "config.capnp"]);
    assert_eq!(status, 1);
    assert!(
        stderr.contains("no object of the namespace the-rooms has been stored"),
        "{stderr}"
    );
    let mut server = start(&program(), &folder);
    let (a, _) = ask(&server, "/a/set/1");
    let (b, _) = ask(&server, "/b/alarm");
    // Also of live objects, and by the folder as well as by the config.
    let live = lines(&folder, &["list", "--json", "config.capnp", "main:Room"]);
    assert!(server.stop().success());
    let stored = names(&folder.path("disk/the-rooms"));
    for listed in [live, lines(&folder, &["list", "--json", "disk/the-rooms"])] {
        assert_eq!(listed.len(), 2);
        let object = |id: &str| listed.iter().find(|object| object["id"] == id).unwrap();
        assert_eq!(
            (&object(&a)["keys"], &object(&a)["nextAlarmMs"]),
            (&1.into(), &Value::Null)
        );
        assert_eq!(object(&b)["nextAlarmMs"], 4_102_444_800_000_u64);
        assert_eq!(object(&b)["name"], "b");
        assert!(object(&a)["bytes"].as_u64().unwrap() > 4096);
        assert_eq!(object(&a)["problems"], Value::Array(Vec::new()));
        assert!(
            object(&a)["history"]["fromMs"]
                .as_u64()
                .is_some_and(|from| from > 1_700_000_000_000)
                || object(&a)["history"].is_null()
        );
    }
    let (status, table, stderr) = objects(&folder, &["list", "config.capnp"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    let row = table.lines().find(|line| line.starts_with(&b)).unwrap();
    assert!(
        row.contains("2100-01-01 00:00:00Z") && row.contains(" ok ") && row.ends_with("  b"),
        "{row}"
    );
    let one = lines(
        &folder,
        &["list", "--json", "--brief", "--name", "a", "config.capnp"],
    );
    assert_eq!(one.len(), 1);
    assert_eq!(
        (&one[0]["id"], one[0].get("keys")),
        (&a.as_str().into(), None)
    );
    let (status, _, stderr) = objects(&folder, &["check", "config.capnp"]);
    assert_eq!(
        (status, stderr.as_str()),
        (0, "2 objects of the-rooms checked: no problem.\n")
    );
    assert_eq!(
        names(&folder.path("disk/the-rooms")),
        stored,
        "looking leaves nothing behind"
    );
}

#[test]
fn what_is_damaged_is_named_and_can_be_put_back() {
    let folder = folder();
    let mut server = start(&program(), &folder);
    let (a, _) = ask(&server, "/a/set/1");
    ask(&server, "/b/set/2");
    // The server runs on: each file of the archive is of one instant.
    let (status, _, stderr) = objects(&folder, &["export", "config.capnp", "-o", "rooms.tar.gz"]);
    assert_eq!(
        (status, stderr.as_str()),
        (0, "2 objects of the-rooms exported.\n")
    );
    let (status, _, stderr) = objects(
        &folder,
        &[
            "import",
            "config.capnp",
            "--overwrite",
            "-i",
            "rooms.tar.gz",
        ],
    );
    assert_eq!(status, 1);
    assert!(stderr.contains("running server"), "{stderr}");
    ask(&server, "/a/set/3");
    assert!(server.stop().success());

    let file = folder.path(&format!("disk/the-rooms/{a}.sqlite"));
    let mut bytes = fs::read(&file).unwrap();
    bytes[4096..].fill(0x55);
    fs::write(&file, bytes).unwrap();
    let (status, table, _) = objects(&folder, &["list", "config.capnp"]);
    assert!(status == 1 && table.contains("DAMAGED"), "{table}");
    let (status, found, stderr) = objects(&folder, &["check", "disk/the-rooms"]);
    assert_eq!(status, 1);
    assert!(
        found.contains(&format!("{a}.sqlite: "))
            && found.contains("workerd objects import --overwrite"),
        "{found}"
    );
    assert!(
        stderr.ends_with("problems.\n") || stderr.ends_with("1 problem.\n"),
        "{stderr}"
    );
    // It is not exported; the other is.
    let exported = objects_with_input(&folder, &["export", "disk/the-rooms"], &[]);
    let stderr = String::from_utf8(exported.stderr).unwrap();
    assert_eq!(exported.status.code(), Some(1));
    assert!(
        stderr.contains(&format!("Left out. {a}.sqlite")) && stderr.contains("1 objects"),
        "{stderr}"
    );
    // Its other object is there already.
    let refused = objects_with_input(&folder, &["import", "disk/the-rooms"], &exported.stdout);
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr.contains("nothing was imported") && stderr.contains("--overwrite"),
        "{stderr}"
    );

    let (status, _, stderr) = objects(
        &folder,
        &[
            "import",
            "config.capnp",
            "--overwrite",
            "--id",
            &a,
            "-i",
            "rooms.tar.gz",
        ],
    );
    assert_eq!(
        (status, stderr.as_str()),
        (0, "1 objects of the-rooms imported.\n")
    );
    let server = start(&program(), &folder);
    assert_eq!(ask(&server, "/a/get"), (a, "1".into()));
    assert_eq!(ask(&server, "/b/get").1, "2");
}

#[test]
fn archives_and_folders_of_others_are_refused() {
    let folder = folder();
    let mut server = start(&program(), &folder);
    let (a, _) = ask(&server, "/a/set/1");
    ask(&server, "/b/alarm");
    assert!(server.stop().success());
    let refuses = |arguments: &[&str], part: &str| {
        let (status, _, stderr) = objects(&folder, arguments);
        assert_eq!(status, 1, "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    };
    assert_eq!(
        objects(&folder, &["export", "disk/the-rooms", "-o", "all"]).0,
        0
    );
    refuses(
        &["import", "disk/others", "-i", "all"],
        "whose ids are not valid for others",
    );
    refuses(
        &["import", "disk/the-rooms", "-i", "config.capnp"],
        "no archive of objects",
    );
    refuses(
        &["import", "disk/the-rooms", "-i", "nothing"],
        "nothing: No such file",
    );
    refuses(&["list", "config.capnp", "Hall"], "give one of main:Room");
    refuses(&["list", "disk/the-rooms", "Room"], "is no config file");
    refuses(&["list", "nowhere"], "there is no such folder");
    refuses(
        &["list", "config.capnp", "--id", "12"],
        "12 is no id of the namespace the-rooms",
    );
    refuses(
        &["list", "config.capnp", "--name", "c"],
        "there is no object",
    );
    // Files that were moved from another namespace.
    fs::rename(folder.path("disk/the-rooms"), folder.path("disk/halls")).unwrap();
    let (status, found, _) = objects(&folder, &["check", "disk/halls"]);
    assert_eq!(status, 1);
    assert!(
        found.contains(&format!("{a}.sqlite: no id of this namespace")),
        "{found}"
    );
    assert!(
        found.contains("metadata.sqlite: it has an alarm of"),
        "{found}"
    );
    // Into a new folder, whole.
    let (status, _, stderr) = objects(&folder, &["import", "disk/the-rooms", "-i", "all"]);
    assert_eq!(
        (status, stderr.as_str()),
        (0, "2 objects of the-rooms imported.\n")
    );
    let listed = lines(
        &folder,
        &["list", "--json", "disk/the-rooms", "--name", "b"],
    );
    assert_eq!(listed[0]["nextAlarmMs"], 4_102_444_800_000_u64);
}

/// Needs the published binary, in PUBLISHED_WORKERD.
#[test]
fn a_folder_that_the_published_binary_wrote() {
    let Some(published) = std::env::var_os("PUBLISHED_WORKERD") else {
        eprintln!("skipped: PUBLISHED_WORKERD names no published binary");
        return;
    };
    let published = Program::at(Path::new(&published));
    let folder = folder();
    let mut server = start(&published, &folder);
    let (a, _) = ask(&server, "/a/set/1");
    ask(&server, "/b/alarm");
    // While it runs, and has its files open.
    assert_eq!(lines(&folder, &["list", "--json", "config.capnp"]).len(), 2);
    assert_eq!(
        objects(&folder, &["export", "config.capnp", "-o", "all"]).0,
        0
    );
    let (status, _, stderr) = objects(
        &folder,
        &["import", "config.capnp", "--overwrite", "-i", "all"],
    );
    assert_eq!(status, 1);
    assert!(stderr.contains("in use by another program"), "{stderr}");
    server.signal(nix::sys::signal::Signal::SIGTERM);
    server.wait_for_end();
    assert_eq!(objects(&folder, &["check", "config.capnp"]).0, 0);
    let listed = lines(&folder, &["list", "--json", "config.capnp"]);
    assert!(
        listed
            .iter()
            .any(|object| object["id"] == a.as_str() && object["keys"] == 1)
    );
    // Back into a folder that it then serves.
    fs::remove_dir_all(folder.path("disk/the-rooms")).unwrap();
    assert_eq!(
        objects(&folder, &["import", "config.capnp", "-i", "all"]).0,
        0
    );
    let server = start(&published, &folder);
    assert_eq!(ask(&server, "/a/get"), (a, "1".into()));
}
