//! What is below `deploy` and installs or runs the program: units.

mod systemd;

use std::fs;
use std::process::Command;

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
