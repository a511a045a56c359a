//! The program under test, run to its end.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use crate::DEADLINE;

/// A `workerd` binary.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// The program that Cargo built for the calling test, or the one that `WORKERD_BIN` names: that is how the same tests run
    /// on the published binary.
    pub fn new(built: &str) -> Self {
        Self(std::env::var_os("WORKERD_BIN").map_or_else(|| built.into(), PathBuf::from))
    }

    /// Any executable.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A command to add arguments to.
    pub fn command(&self) -> Command {
        Command::new(&self.0)
    }

    /// Runs a command to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Output {
        self.run_with_input(arguments, &[])
    }

    /// Runs a command to its end with bytes on its standard input.
    pub fn run_with_input<A: AsRef<OsStr>>(&self, arguments: &[A], input: &[u8]) -> Output {
        let mut command = self.command();
        command.args(arguments);
        output(command, input)
    }
}

/// Runs a command to its end; panics when that does not come within [`DEADLINE`].
pub fn output(mut command: Command, input: &[u8]) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that stops reading its input says why on its standard error.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let stdout = collect(child.stdout.take().expect("piped"));
    let stderr = collect(child.stderr.take().expect("piped"));
    // Both streams end with the program.
    let outcome = (stdout.recv_timeout(DEADLINE), stderr.recv_timeout(DEADLINE));
    let (Ok(stdout), Ok(stderr)) = outcome else {
        let _ = child.kill();
        panic!("{command:?} did not end within {DEADLINE:?}");
    };
    Output {
        status: child.wait().expect("a child"),
        stdout,
        stderr,
    }
}

fn collect(mut from: impl Read + Send + 'static) -> std::sync::mpsc::Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        // Nobody waits any more if the deadline is over.
        let _ = send.send(bytes);
        Ok(())
    });
    receive
}
