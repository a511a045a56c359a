//! A server under test, from its start to its end.
//!
//! Its standard input is the write end of a pipe, given as `--control-fd=0`: what the server reports there is what tests wait
//! for.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, pipe2};
use serde_json::Value;

use crate::DEADLINE;
use crate::http::{Answer, get};
use crate::program::Program;
use crate::stream::Address;

/// How to start a server.
pub struct Start {
    command: Command,
    phases: bool,
    control_fd: Option<u8>,
    output: Option<OwnedFd>,
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    events: Arc<Log<Value>>,
    stderr: Arc<Log<String>>,
    status: Option<ExitStatus>,
}

/// A process of the server in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// The reload that it belongs to.
    pub generation: u64,
    /// Its place in its generation.
    pub slot: u64,
    /// Its process id.
    pub pid: Pid,
}

impl Start {
    /// `workerd serve` with a config file.
    pub fn serve(program: &Program, config: &Path) -> Self {
        let mut command = program.command();
        command.arg("serve").arg(config);
        Self::command(command)
    }

    /// Any command that takes the options of `serve` at its end.
    pub fn command(command: Command) -> Self {
        Self {
            command,
            phases: false,
            control_fd: Some(0),
            output: None,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Runs it in that folder.
    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Several processes, whose phases are reported.
    pub fn processes(mut self, count: u32) -> Self {
        self.phases = true;
        self.arg(format!("--processes={count}"))
    }

    /// In a process group of its own, for [`Server::kill_all`].
    pub fn group(mut self) -> Self {
        self.command.process_group(0);
        self
    }

    /// As another user.
    pub fn user(mut self, id: u32) -> Self {
        self.command.uid(id);
        self
    }

    /// Gives the server a descriptor as its number 0; it then reports on 1.
    pub fn give(mut self, fd: OwnedFd) -> Self {
        self.command.stdin(fd);
        self.control_fd = Some(1);
        self
    }

    /// Where its standard output goes.
    pub fn output(mut self, to: OwnedFd) -> Self {
        self.output = Some(to);
        self
    }

    /// Has the server report nothing: its starter leaves it no descriptor for that.
    pub fn without_control(mut self) -> Self {
        self.control_fd = None;
        self
    }

    /// Starts the server and returns at once.
    pub fn spawn(mut self) -> Server {
        let (reports, control) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        if let Some(fd) = self.control_fd {
            self.command.arg(format!("--control-fd={fd}"));
        }
        if self.phases {
            self.command.arg("--report-phases");
        }
        match self.control_fd {
            Some(0) => {
                let output = self.output.map_or_else(Stdio::null, Stdio::from);
                self.command.stdin(control).stdout(output)
            }
            _ => self.command.stdout(control),
        };
        self.command.stderr(Stdio::piped());
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        // The pipe's end for the server must have no other holder here, so that the pipe ends with the server.
        drop(self.command);
        let (events, stderr) = (Log::new(), Log::new());
        let to = events.clone();
        lines(std::fs::File::from(reports), move |line| match line {
            // What a worker prints may come this way too.
            Some(line) => serde_json::from_str(line)
                .into_iter()
                .for_each(|event| to.add(event)),
            None => to.end(),
        });
        let to = stderr.clone();
        lines(
            child.stderr.take().expect("piped"),
            move |line| match line {
                Some(line) => to.add(line.to_owned()),
                None => to.end(),
            },
        );
        Server {
            child,
            events,
            stderr,
            status: None,
        }
    }

    /// Starts the server and waits until it listens on the socket `http`.
    pub fn start(self) -> Server {
        let server = self.spawn();
        server.port("http");
        server
    }
}

impl Server {
    /// The supervisor's process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// The port of a socket, once the server listens on it.
    pub fn port(&self, socket: &str) -> u16 {
        let listens = |event: &Value| event["event"] == "listen" && event["socket"] == socket;
        let event = self.wait(&format!("listening on {socket}"), 0, listens);
        event["port"]
            .as_u64()
            .and_then(|port| port.try_into().ok())
            .expect("a port")
    }

    /// Where a socket of the config listens.
    pub fn address(&self, socket: &str) -> Address {
        Address::Loopback(self.port(socket))
    }

    /// `GET` from the socket `http`, on a connection of its own.
    pub fn get(&self, path: &str) -> Answer {
        get(&self.address("http"), path)
            .unwrap_or_else(|error| panic!("GET {path}: {error}\n{self:?}"))
    }

    /// How many events there have been; for [`Self::wait`] to look at later ones only.
    pub fn moment(&self) -> usize {
        self.events.len()
    }

    /// The events since `moment` that have come by now.
    pub fn since(&self, moment: usize) -> Vec<Value> {
        self.events.all().split_off(moment)
    }

    /// The first event since `moment` that passes; waits for it.
    pub fn wait(&self, what: &str, moment: usize, passes: impl Fn(&Value) -> bool) -> Value {
        self.events
            .find(moment, passes)
            .unwrap_or_else(|| panic!("no event of {what}\n{self:?}"))
    }

    /// The process of a slot that begins a phase after `moment`.
    pub fn phase(&self, slot: u64, phase: &str, moment: usize) -> Process {
        let event = self.wait(&format!("process {slot} {phase}"), moment, |event| {
            event["event"] == "phase" && event["process"] == slot && event["phase"] == phase
        });
        let pid = event["pid"]
            .as_i64()
            .and_then(|pid| pid.try_into().ok())
            .expect("a process id");
        Process {
            generation: event["generation"].as_u64().expect("a number"),
            slot,
            pid: Pid::from_raw(pid),
        }
    }

    /// Waits for the end of a reload that begins after `moment`: whether it succeeded.
    pub fn reloaded(&self, moment: usize) -> bool {
        let event = self.wait("reload", moment, |event| event["event"] == "reload");
        event["succeeded"] == true
    }

    /// Waits until nothing of the server is left that could report.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        assert!(self.events.ended(), "the server did not end\n{self:?}");
        assert!(
            self.stderr.ended(),
            "the server's standard error did not end\n{self:?}"
        );
        *self
            .status
            .get_or_insert_with(|| self.child.wait().expect("a child"))
    }

    /// Sends a signal to the supervisor.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a live server");
    }

    /// Kills every process of a server that has its own group, all at the same instant.
    pub fn kill_all(&mut self) {
        killpg(self.pid(), Signal::SIGKILL).expect("a live server");
        self.wait_for_end();
    }

    /// Whether it has not ended yet.
    pub fn runs(&mut self) -> bool {
        self.status = self
            .status
            .or_else(|| self.child.try_wait().expect("a child"));
        self.status.is_none()
    }

    /// Stops with SIGTERM and waits for the end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_for_end()
    }

    /// Waits for a line on standard error that contains this.
    pub fn complaint(&self, part: &str) -> String {
        self.stderr
            .find(0, |line| line.contains(part))
            .unwrap_or_else(|| panic!("no {part:?} on standard error\n{self:?}"))
    }

    /// All that it has written to standard error by now.
    pub fn stderr(&self) -> String {
        self.stderr.all().join("\n")
    }

    /// The processes that run now, with all that they started.
    pub fn tree(&self) -> Vec<Pid> {
        let mut tree = vec![self.pid()];
        let mut index = 0;
        while let Some(pid) = tree.get(index).copied() {
            tree.extend(children(pid));
            index += 1;
        }
        tree
    }
}

/// The direct children of a process.
fn children(pid: Pid) -> Vec<Pid> {
    let tasks = std::fs::read_dir(PathBuf::from(format!("/proc/{pid}/task")))
        .into_iter()
        .flatten()
        .flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let pids: String = lists.collect::<Vec<_>>().join(" ");
    pids.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .map(Pid::from_raw)
        .collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.status.is_none() {
            // Its processes end with it.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "events:")?;
        self.events
            .all()
            .iter()
            .try_for_each(|event| writeln!(f, "  {event}"))?;
        writeln!(f, "standard error:\n{}", self.stderr())
    }
}

/// What has come so far, and whether more can come.
struct Log<T> {
    state: Mutex<(Vec<T>, bool)>,
    changed: Condvar,
}

impl<T: Clone> Log<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new((Vec::new(), false)),
            changed: Condvar::new(),
        })
    }

    fn add(&self, entry: T) {
        self.state.lock().expect("no panic").0.push(entry);
        self.changed.notify_all();
    }

    fn end(&self) {
        self.state.lock().expect("no panic").1 = true;
        self.changed.notify_all();
    }

    fn len(&self) -> usize {
        self.state.lock().expect("no panic").0.len()
    }

    fn all(&self) -> Vec<T> {
        self.state.lock().expect("no panic").0.clone()
    }

    /// The first entry from `start` that passes; waits for it, to the deadline or the end.
    fn find(&self, start: usize, passes: impl Fn(&T) -> bool) -> Option<T> {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self.state.lock().expect("no panic");
        loop {
            if let Some(entry) = state.0.iter().skip(start).find(|entry| passes(entry)) {
                return Some(entry.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.1 || left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).expect("no panic").0;
        }
    }

    /// Waits for the end; whether it came before the deadline.
    fn ended(&self) -> bool {
        let state = self.state.lock().expect("no panic");
        self.changed
            .wait_timeout_while(state, DEADLINE, |state| !state.1)
            .expect("no panic")
            .0
            .1
    }
}

/// Calls with every line, then with none.
fn lines(from: impl Read + Send + 'static, mut take: impl FnMut(Option<&str>) + Send + 'static) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from
            .read_until(b'\n', &mut line)
            .is_ok_and(|count| count > 0)
        {
            take(Some(String::from_utf8_lossy(&line).trim_end()));
            line.clear();
        }
        take(None);
    });
}
