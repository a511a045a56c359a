//! What the server tells the program that started it, on `--control-fd`: one JSON object a line.
//!
//! Called by `lifecycle`. `{"event":"listen-inspector","port":PORT}` and `{"event":"admin","port":PORT}` come first if there is an
//! inspector and if there are admin pages. `{"event":"listen","socket":NAME,"port":PORT}` is upstream's, as is the first: once a
//! socket of each generation, when it accepts. With `--report-phases` also `{"event":"phase",...}` for every change of a process's phase, which is how tests and
//! tools wait for one.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, RawFd};

use nix::unistd::Pid;
use serde_json::json;

use super::SocketSet;
use crate::process::Phase;

/// The other end of `--control-fd`, if there is one.
#[derive(Debug, Default)]
pub struct Reporter {
    out: Option<File>,
    phases: bool,
}

impl Reporter {
    /// Takes the descriptor of `--control-fd`.
    pub fn new(fd: Option<RawFd>, phases: bool) -> Result<Self, String> {
        let take =
            |fd| ipc::fds::inherited(fd).map_err(|error| format!("--control-fd={fd}: {error}"));
        Ok(Self {
            out: fd.map(take).transpose()?.map(File::from),
            phases,
        })
    }

    /// The descriptor that was taken.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.out.as_ref().map(AsFd::as_fd)
    }

    /// Every socket accepts connections.
    pub fn listening(&mut self, sockets: &SocketSet) {
        for socket in sockets.iter() {
            // In upstream's order, which a reader without a JSON parser may lean on.
            let (name, port) = (json!(socket.plan.name), socket.port());
            self.line(&format!(
                r#"{{"event":"listen","socket":{name},"port":{port}}}"#
            ));
        }
    }

    /// The inspector is served.
    pub fn inspector(&mut self, port: u16) {
        self.line(&format!(r#"{{"event":"listen-inspector","port":{port}}}"#));
    }

    /// The admin pages are served.
    pub fn admin(&mut self, port: u16) {
        self.line(&json!({"event": "admin", "port": port}).to_string());
    }

    /// A process has changed its phase.
    pub fn phase(&mut self, (generation, slot): (u64, u32), pid: Pid, phase: Phase) {
        if self.phases {
            let (pid, phase) = (pid.as_raw(), phase.name());
            let event = json!({"event": "phase", "generation": generation, "process": slot, "pid": pid, "phase": phase});
            self.line(&event.to_string());
        }
    }

    /// A reload has ended.
    pub fn reloaded(&mut self, succeeded: bool) {
        if self.phases {
            self.line(&json!({"event": "reload", "succeeded": succeeded}).to_string());
        }
    }

    /// The program goes on in place of an earlier one.
    pub fn upgraded(&mut self) {
        if self.phases {
            self.line(&json!({"event": "upgraded"}).to_string());
        }
    }

    fn line(&mut self, event: &str) {
        if let Some(out) = &mut self.out
            && out.write_all(format!("{event}\n").as_bytes()).is_err()
        {
            // Nobody reads any more, which is no reason to stop serving.
            self.out = None;
        }
    }
}
