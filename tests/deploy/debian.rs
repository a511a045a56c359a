//! The Debian package: what is in it, and its life in a Debian that systemd runs.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tests::folder::Folder;
use tests::load::{End, Load};
use tests::root;
use tests::stream::Address;

use crate::machine::Machine;
use crate::{has, made, printed, program, stand_in};

/// Keep-alive clients at work while the package is upgraded, and as many that connect anew each time.
const CLIENTS: usize = 8;

/// One test at a time: each needs the machine.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the package of a program.
pub fn make(program: &Path, to: &Path, version: &str) {
    let mut make = Command::new(root().join("deploy/debian/make.sh"));
    make.arg(program).args(["--fast", "--quiet"]);
    make.arg(format!("--output={}", to.display()));
    make.arg(format!("--deb-version={version}"));
    made(make);
}

fn dpkg_deb(arguments: &[&str], package: &Path) -> String {
    let mut command = Command::new("dpkg-deb");
    command.args(arguments).arg(package);
    printed(command)
}

/// Whether packages can be made here: with `cargo-deb`, on a Debian.
pub fn makes_packages() -> bool {
    let mut deb = Command::new("cargo");
    deb.args(["deb", "--version"]).stdout(Stdio::null());
    let deb = deb.stderr(Stdio::null()).status();
    deb.is_ok_and(|status| status.success()) && has("dpkg-deb")
}

#[test]
fn the_package_has_all_that_belongs_to_it() {
    if !makes_packages() {
        return;
    }
    let _alone = alone();
    let folder = Folder::new(&[]);
    let (package, again) = (folder.path("workerd.deb"), folder.path("again.deb"));
    let program = stand_in(&folder);
    make(&program, &package, "1.0-1");
    make(&program, &again, "1.0-1");
    assert!(
        fs::read(&package).unwrap() == fs::read(&again).unwrap(),
        "the same files make another package"
    );
    let listed = dpkg_deb(&["--contents"], &package);
    for (mode, path) in [
        ("-rwxr-xr-x", "/usr/bin/workerd"),
        ("-rw-r--r--", "/usr/lib/systemd/system/workerd.service"),
        ("-rw-r--r--", "/usr/lib/systemd/system/workerd@.service"),
        ("-rw-r--r--", "/usr/lib/systemd/system/workerd.socket"),
        ("-rw-r--r--", "/usr/lib/sysusers.d/workerd.conf"),
        ("-rw-r--r--", "/etc/workerd/config.capnp"),
        ("-rw-r--r--", "/etc/default/workerd"),
        ("-rw-r--r--", "/usr/share/man/man1/workerd-serve.1.gz"),
        (
            "-rw-r--r--",
            "/usr/share/bash-completion/completions/workerd",
        ),
        ("-rw-r--r--", "/usr/share/zsh/vendor-completions/_workerd"),
        (
            "-rw-r--r--",
            "/usr/share/fish/vendor_completions.d/workerd.fish",
        ),
        ("-rw-r--r--", "/usr/share/doc/workerd/tutorial.md"),
        ("-rw-r--r--", "/usr/share/doc/workerd/copyright"),
        (
            "-rw-r--r--",
            "/usr/share/doc/workerd/examples/low-ports.conf",
        ),
    ] {
        let has =
            |line: &str| line.starts_with(mode) && line.contains(" 0/0 ") && line.ends_with(path);
        assert!(listed.lines().any(has), "{mode} {path}: {listed}");
    }
    let control = dpkg_deb(&["--field"], &package);
    assert!(control.contains("\nVersion: 1.0-1\n"), "{control}");
    let conffiles = dpkg_deb(&["--ctrl-tarfile"], &package);
    assert!(conffiles.contains("/etc/workerd/config.capnp\n"));
    if has("lintian") {
        let mut lintian = Command::new("lintian");
        // What only Debian's own archive asks for, and symbols, which profiles are read with.
        let besides = "--suppress-tags=no-changelog,malformed-contact,unstripped-binary-or-object";
        lintian.args(["--fail-on=error", besides]).arg(&package);
        printed(lintian);
    }
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn the_package_lives_well_on_debian() {
    if !makes_packages() {
        return;
    }
    let Some(mut machine) = Machine::new() else {
        return;
    };
    let _alone = alone();
    make(program().path(), &machine.path("1.deb"), "1.0-1");
    make(program().path(), &machine.path("2.deb"), "1.0-2");
    let port = free_port();
    let options = format!("--processes=2 --socket-addr=http=127.0.0.1:{port}");
    machine.write(
        "workerd.default",
        &format!("WORKERD_OPTIONS=\"{options}\"\n"),
    );
    machine.boot(include_str!("debian.sh"), true);
    machine.done("installed");
    let address = Address::Loopback(port);
    let loads = [true, false].map(|keep_alive| Load::start(&address, CLIENTS, keep_alive));
    loads[0].wait_for(10 * CLIENTS);
    machine.go_on();
    machine.done("reloaded");
    loads[0].wait_for(10 * CLIENTS);
    machine.go_on();
    machine.done("upgraded");
    loads[0].wait_for(10 * CLIENTS);
    let mut answered = 0;
    for connection in loads.into_iter().flat_map(Load::stop) {
        assert_eq!(connection.end, End::Agreed, "after {answered} requests");
        let answers = connection.answers.iter().map(|(_, times)| times);
        answered += answers.sum::<usize>();
    }
    println!("{answered} requests over three reloads and an upgrade; failed: 0");
    machine.go_on();
    machine.done("purged");
}
