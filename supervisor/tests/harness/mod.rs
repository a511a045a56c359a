//! A server under test: started on free ports, watched by its phase reports, stopped with the test.
//!
//! Called by the process tests of this folder. Nothing here sleeps: every wait is for an event, a byte or an end of file, and
//! gives up after [`PATIENCE`].
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// What no wait of a test exceeds.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const WORKERD: &str = env!("CARGO_BIN_EXE_workerd");

/// A config of one worker, whose script is given, on the sockets `name=address`.
pub fn config(script: &str, sockets: &[(&str, &str)]) -> String {
    let sockets: Vec<_> = sockets
        .iter()
        .map(|(name, address)| {
            format!("(name = {name:?}, address = {address:?}, http = (), service = \"main\")")
        })
        .collect();
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";
        const config :Workerd.Config = (
          services = [(name = \"main\", worker = (
            modules = [(name = \"main\", esModule = {script:?})], compatibilityDate = \"2024-01-01\",
          ))],
          sockets = [{}],
        );",
        sockets.join(", ")
    )
}

/// A module that answers `body`, after `delay_ms`.
pub fn script(body: &str, delay_ms: u32) -> String {
    let wait = if delay_ms > 0 {
        format!("await scheduler.wait({delay_ms});")
    } else {
        String::new()
    };
    format!("export default {{ async fetch() {{ {wait} return new Response(\"{body}\"); }} }}")
}

/// A config that answers `body` on the socket `http`.
pub fn answers(body: &str) -> String {
    config(&script(body, 0), &[("http", "127.0.0.1:0")])
}

/// A folder with a config file, and the command line to serve it.
pub struct Setup {
    pub folder: tempfile::TempDir,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Descriptors that the server inherits, at numbers from 3.
    pub descriptors: Vec<OwnedFd>,
}

impl Setup {
    pub fn new(config: &str, arguments: &[&str]) -> Self {
        let setup = Self {
            folder: tempfile::tempdir().unwrap(),
            program: WORKERD.into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: BTreeMap::new(),
            descriptors: Vec::new(),
        };
        setup.write(config);
        setup
    }

    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("config.capnp")
    }

    /// Writes the config, as an editor does: a new file in place of the old one.
    pub fn write(&self, config: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, config).unwrap();
        fs::rename(new, self.config_path()).unwrap();
    }

    pub fn start(self) -> Server {
        // The shell puts the descriptors where they are wanted, and its process becomes the server.
        let mut line = String::new();
        for (number, descriptor) in self.descriptors.iter().enumerate() {
            let from = descriptor.as_raw_fd();
            ipc::fds::set_inheritable(descriptor.as_fd(), true).unwrap();
            line += &format!("exec {}<&{from}; ", number + 3);
        }
        line += "export LISTEN_PID=$$; exec \"$@\"";
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(line)
            .arg("sh")
            .arg(&self.program)
            .arg("serve")
            .arg(self.config_path())
            .args(&self.arguments)
            .args(["--control-fd=1", "--report-phases"])
            .envs(&self.environment)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, events) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines() {
                let event = serde_json::from_str(&line.unwrap()).unwrap();
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let (sender, errors) = channel();
        let mut stderr = child.stderr.take().unwrap();
        thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            let _ = sender.send(text);
        });
        Server {
            setup: self,
            child,
            events,
            errors,
            ports: BTreeMap::new(),
            processes: BTreeMap::new(),
        }
    }

    /// Starts a server and waits until it serves.
    pub fn serve(self) -> Server {
        let mut server = self.start();
        server.wait_until_serving();
        server
    }
}

/// A running server.
pub struct Server {
    pub setup: Setup,
    child: Child,
    events: Receiver<Value>,
    errors: Receiver<String>,
    /// The port of each socket.
    pub ports: BTreeMap<String, u16>,
    /// The process id and phase of each slot, as last reported, by generation and slot.
    pub processes: BTreeMap<(u64, u64), (i32, String)>,
}

impl Server {
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Signals every process of the server, as a terminal does.
    pub fn signal_all(&self, signal: Signal) {
        kill(Pid::from_raw(-self.pid()), signal).unwrap();
    }

    /// The next event, taken note of. `None` when there are no more.
    pub fn next_event(&mut self) -> Option<Value> {
        let event = match self.events.recv_timeout(PATIENCE) {
            Ok(event) => event,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                panic!("no event: {:?}", self.processes)
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return None,
        };
        match event["event"].as_str() {
            Some("listen") => {
                let name = event["socket"].as_str().unwrap().to_owned();
                self.ports
                    .insert(name, event["port"].as_u64().unwrap() as u16);
            }
            Some("phase") => {
                let key = (
                    event["generation"].as_u64().unwrap(),
                    event["process"].as_u64().unwrap(),
                );
                let phase = event["phase"].as_str().unwrap().to_owned();
                self.processes
                    .insert(key, (event["pid"].as_i64().unwrap() as i32, phase));
            }
            _ => {}
        }
        Some(event)
    }

    /// Takes events until one is as wanted.
    pub fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.next_event() {
                Some(event) if wanted(&event) => return event,
                Some(_) => {}
                None => panic!("the server ended: {}", self.errors()),
            }
        }
    }

    pub fn wait_until_serving(&mut self) {
        self.wait_for(|event| event["event"] == "listen");
    }

    /// Waits for the end of a reload; whether it succeeded.
    pub fn wait_for_reload(&mut self) -> bool {
        self.wait_for(|event| event["event"] == "reload")["succeeded"]
            .as_bool()
            .unwrap()
    }

    /// Waits until both processes of a generation have ended.
    pub fn wait_until_stopped(&mut self, generation: u64) {
        let alive = |server: &Self| {
            server
                .processes
                .iter()
                .any(|((number, _), (_, phase))| *number == generation && phase != "stopped")
        };
        while alive(self) {
            self.wait_for(|event| event["phase"] == "stopped");
        }
    }

    pub fn wait_for_phase(&mut self, process: u64, phase: &str) -> i32 {
        let event = self.wait_for(|event| event["phase"] == phase && event["process"] == process);
        event["pid"].as_i64().unwrap() as i32
    }

    /// The process ids of those that serve.
    pub fn serving(&self) -> BTreeSet<i32> {
        self.processes
            .values()
            .filter(|(_, phase)| phase == "serving")
            .map(|(pid, _)| *pid)
            .collect()
    }

    pub fn port(&self) -> u16 {
        self.ports["http"]
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.port()).unwrap()
    }

    /// One request on a connection of its own.
    pub fn get(&self) -> String {
        self.connect().get().unwrap()
    }

    /// Waits for the end of the server: its exit status and what it said on standard error.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        while self.next_event().is_some() {}
        (self.child.wait().unwrap(), self.errors())
    }

    /// Stops the server as a service manager would.
    pub fn stop(mut self) -> String {
        self.signal(Signal::SIGTERM);
        let (status, errors) = self.wait();
        assert!(status.success(), "{status}: {errors}");
        errors
    }

    /// What was said on standard error, when every process that holds it has ended.
    pub fn errors(&self) -> String {
        self.errors
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| "(standard error is still open)".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One client connection.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn connect(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub fn send(&mut self) -> std::io::Result<()> {
        self.0
            .get_mut()
            .write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    }

    /// The body of the next answer, which must be 200 with a length.
    pub fn receive(&mut self) -> std::io::Result<String> {
        read_answer(&mut self.0)
    }

    pub fn get(&mut self) -> std::io::Result<String> {
        self.send()?;
        self.receive()
    }
}

/// Reads one answer: the body of a 200 with a length.
pub fn read_answer(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut length = None;
    let mut line = String::new();
    stream.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(std::io::Error::other(format!("answered {line:?}")));
    }
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body =
        vec![0; length.ok_or_else(|| std::io::Error::other("an answer without a length"))?];
    stream.read_exact(&mut body)?;
    String::from_utf8(body).map_err(std::io::Error::other)
}

/// How many established connections to `port` a process holds.
pub fn connections_of(pid: i32, port: u16) -> usize {
    let held: BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| {
            Some(
                fs::read_link(entry.ok()?.path())
                    .ok()?
                    .to_string_lossy()
                    .into_owned(),
            )
        })
        .collect();
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let established = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let ours = columns[1].ends_with(&format!(":{port:04X}")) && columns[3] == "01";
        ours.then(|| format!("socket:[{}]", columns[9]))
    });
    established.filter(|socket| held.contains(socket)).count()
}

/// Waits until a process is gone.
pub fn wait_until_gone(pid: i32) {
    let end = Instant::now() + PATIENCE;
    while Path::new(&format!("/proc/{pid}/exe")).exists() {
        assert!(Instant::now() < end, "process {pid} is still there");
        thread::yield_now();
    }
}

/// Runs the program to its end: exit code, standard output, standard error.
pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(WORKERD)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}
