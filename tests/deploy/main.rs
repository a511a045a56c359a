//! What is below `deploy` and installs or runs the program: units, packages, images, and the pages that come with them.

mod container;
mod debian;
mod machine;
mod npm;
mod pages;
mod release;
mod systemd;
mod template;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tests::folder::Folder;
use tests::program::{Program, output};
use tests::root;

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_workerd"))
}

/// A file of the repository.
fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Whether a tool is there, which a machine need not have.
fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

/// Runs a command that has to succeed, and returns all that it printed.
fn printed(command: Command) -> String {
    let what = format!("{command:?}");
    let output = output(command, &[]);
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text += &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {text}");
    text
}

/// Runs a command that makes a package, for as long as it takes.
fn made(mut command: Command) {
    let made = command.output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{command:?}: {said}");
}

/// What is packed where it does not matter how large it is: all that is asked of it is its version.
fn stand_in(folder: &Folder) -> PathBuf {
    folder.write("stand-in", "#!/bin/sh\necho workerd 2026-11-17\n");
    let path = folder.path("stand-in");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}
