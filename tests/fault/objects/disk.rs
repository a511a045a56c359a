//! The folder on disk: one server's at a time; and what becomes of a bad one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::geteuid;
use tests::folder::Folder;
use tests::program::Program;
use tests::server::{Server, Start};

use super::super::{alone, program};
use super::{CONFIG, ask, folder, prepare, start};

/// Starts another server of the same folder, which has to be refused; what it says.
fn refused(folder: &Folder, processes: u32) -> String {
    let mut second = prepare(folder, processes).spawn();
    assert_eq!(second.wait_for_end().code(), Some(1), "{second:?}");
    second.stderr()
}

fn assert_held_by(folder: &Folder, server: &Server) {
    let said = refused(folder, 2);
    let owner = format!(
        "data is in use by another running server (process {})",
        server.pid()
    );
    assert!(said.contains(&owner), "{said}");
}

#[test]
fn a_folder_is_one_servers_at_a_time() {
    let _alone = alone();
    for processes in [1, 2] {
        let folder = folder();
        let mut server = start(&folder, processes);
        assert_held_by(&folder, &server);
        let moment = server.moment();
        server.signal(Signal::SIGHUP);
        assert!(server.reloaded(moment));
        server.phase(0, "stopped", moment);
        assert_held_by(&folder, &server);
        // By now one process is a child, whatever the number.
        let victim = server.phase(0, "serving", moment);
        let moment = server.moment();
        kill(victim.pid, Signal::SIGKILL).unwrap();
        server.phase(0, "stopped", moment);
        assert_held_by(&folder, &server);
        server.phase(0, "serving", moment);
        ask(&server, "/append/a?name=a");

        server.kill_all();
        let mut server = start(&folder, processes);
        assert_eq!(
            ask(&server, "/append/a?name=b").split(' ').next(),
            Some("2")
        );
        assert_eq!(server.stop().code(), Some(0));
        start(&folder, 3 - processes);
    }
}

#[test]
fn an_upgraded_server_keeps_its_folder() {
    let _alone = alone();
    let folder = folder();
    let place = folder.path("workerd");
    fs::copy(program().path(), &place).unwrap();
    let start = Start::serve(&Program::at(&place), &folder.path("config.capnp"));
    let server = start.folder(folder.root()).processes(2).start();
    let moment = server.moment();
    server.signal(Signal::SIGUSR2);
    server.wait("upgrade", moment, |event| event["event"] == "upgraded");
    assert_held_by(&folder, &server);
    ask(&server, "/append/a?name=a");
}

#[test]
fn a_reload_takes_the_new_folder_and_lets_go_of_the_old() {
    let _alone = alone();
    let folder = folder();
    fs::create_dir(folder.path("other")).unwrap();
    let server = start(&folder, 2);
    let elsewhere = CONFIG.replace(r#"path = "data""#, r#"path = "other""#);
    folder.write("config.capnp", &elsewhere);
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    assert!(server.reloaded(moment));
    for slot in [0, 1] {
        server.phase(slot, "stopped", moment);
    }
    assert!(refused(&folder, 1).contains("other is in use"));
    folder.write("config.capnp", CONFIG);
    let second = start(&folder, 1);
    // The first cannot go back, and goes on with what it has.
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    assert!(!server.reloaded(moment));
    server.complaint(&format!("(process {})", second.pid()));
    ask(&server, "/append/a?name=a");
    ask(&second, "/append/a?name=a");
}

/// Even where the folder's lock was got around, an object is alive in one place.
#[test]
fn an_object_waits_for_its_end_in_another_server() {
    let _alone = alone();
    let folder = folder();
    let mut first = start(&folder, 2);
    for name in ["a", "b"] {
        ask(&first, &format!("/append/{name}?name={name}"));
    }
    fs::remove_file(folder.path("data/.server")).unwrap();
    let second = start(&folder, 3);
    thread::scope(|scope| {
        let waiting = ["a", "b"].map(|name| {
            let path = format!("/append/{name}?name=second");
            let second = &second;
            scope.spawn(move || ask(second, &path))
        });
        assert!(ask(&second, "/append/c?name=c").starts_with("1 1 "));
        assert!(ask(&first, "/append/a?name=first").starts_with("2 1 "));
        assert!(waiting.iter().all(|call| !call.is_finished()));
        assert_eq!(first.stop().code(), Some(0));
        let told = waiting.map(|call| call.join().unwrap());
        assert!(
            told[0].starts_with("3 2 ") && told[1].starts_with("2 2 "),
            "{told:?}"
        );
    });
}

/// What only looks at a config leaves the folder alone.
#[test]
fn compiling_takes_no_folder() {
    let _alone = alone();
    let folder = folder();
    let _server = start(&folder, 2);
    let config = folder.path("config.capnp");
    let config = config.to_str().unwrap();
    let compiled = program().run(&["compile", "--config-only", config]);
    assert!(compiled.status.success(), "{compiled:?}");
}

/// The files of the objects in the folder `data`.
fn object_files(folder: &Folder) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.path("data/log")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let is_object = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "sqlite")
            && path.file_stem().is_some_and(|stem| stem.len() == 64)
    };
    files.filter(is_object).collect()
}

#[test]
fn a_corrupt_file_fails_its_object_alone_and_is_left_as_it_is() {
    let _alone = alone();
    let folder = folder();
    let mut server = start(&folder, 2);
    ask(&server, "/append/bad?name=a");
    assert_eq!(server.stop().code(), Some(0));
    let [file] = &object_files(&folder)[..] else {
        panic!("one object has one file");
    };
    let garbage = b"no database".repeat(1000);
    fs::write(file, &garbage).unwrap();

    let server = start(&folder, 2);
    for _ in 0..2 {
        let answer = server.get("/append/bad?name=b");
        assert_eq!(answer.status, 500, "{answer:?}");
        server.complaint("file is not a database");
    }
    assert!(ask(&server, "/append/good?name=a").starts_with("1 "));
    assert_eq!(fs::read(file).unwrap(), garbage);
}

#[test]
fn a_schedule_that_is_no_database_is_an_error_of_the_start() {
    let _alone = alone();
    let folder = folder();
    folder.write("data/log/metadata.sqlite", &"no database".repeat(1000));
    let said = refused(&folder, 2);
    assert!(
        said.contains("data/log") && said.contains("file is not a database"),
        "{said}"
    );
}

/// Sets the mode of a folder and gives it back when dropped, so that it can be removed.
struct Mode<'a>(&'a Path);

impl<'a> Mode<'a> {
    fn set(path: &'a Path, mode: u32) -> Self {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        Self(path)
    }
}

impl Drop for Mode<'_> {
    fn drop(&mut self) {
        let _ = fs::set_permissions(self.0, fs::Permissions::from_mode(0o755));
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_of_the_start() {
    let _alone = alone();
    let folder = folder();
    let place = folder.path("workerd");
    fs::copy(program().path(), &place).unwrap();
    let data = folder.path("data");
    let _modes = [Mode::set(folder.root(), 0o755), Mode::set(&data, 0o555)];
    let mut start = Start::serve(&Program::at(&place), &folder.path("config.capnp"));
    start = start.folder(folder.root()).processes(2);
    if geteuid().is_root() {
        // Root may write anywhere.
        start = start.user(65_534);
    }
    let mut server = start.spawn();
    assert_eq!(server.wait_for_end().code(), Some(1), "{server:?}");
    let said = server.stderr();
    assert!(
        said.contains("data") && said.contains("Permission denied"),
        "{said}"
    );
}
