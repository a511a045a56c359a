//! Starting runtime processes, and being one.
//!
//! [`Launcher`] is called by `lifecycle`; [`enter`] is called by `main` in the new process. A child is this same program,
//! executed through a descriptor that was opened at the start: a new file in its place on disk is used only by an upgrade.
//! The child gets one inherited descriptor, its channel; all else comes over that (`ipc::handshake`).

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ipc::fds::{Mapping, inherited, packet_pair, set_inheritable, shared_file};
use ipc::handshake::{HandshakeError, StartFiles, receive_start, send_start};
use ipc::metrics::SharedPage;
use ipc::{
    ASKS_WHERE, ConfigBytes, Control, InspectorEnd, InspectorLink, Listener, Options, RuntimeLink,
    Start,
};
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;

use super::main_thread::MainThread;
use super::{Body, Process};
use crate::config;
use crate::metrics::{Ledger, Tally};

/// The hidden subcommand of a runtime process.
pub const SUBCOMMAND: &str = "runtime-process";

/// Signals that mean something to the supervisor alone.
pub const SUPERVISOR_SIGNALS: [Signal; 4] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGUSR2,
];

/// Variables that are for the supervisor alone.
const PRIVATE_VARIABLES: [&str; 7] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    HAND_OVER_VARIABLE,
];

/// Variables that libraries and the program itself read, with all that begin with some of them.
const KEPT_VARIABLES: [&str; 10] = [
    "CI",
    "FORCE_COLOR",
    "HOSTALIASES",
    "LANG",
    "LOCALDOMAIN",
    "NO_COLOR",
    "RES_OPTIONS",
    "TMPDIR",
    "TZ",
    "TZDIR",
];
const KEPT_PREFIXES: [&str; 6] = ["LC_", "LD_", "MALLOC_", "MIMALLOC_", "RUST_", "WORKERD_"];

fn is_kept(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        KEPT_VARIABLES.contains(&name) || KEPT_PREFIXES.iter().any(|kept| name.starts_with(kept))
    })
}

/// Names the descriptor that a replaced supervisor leaves to the one that replaces it.
pub const HAND_OVER_VARIABLE: &str = "WORKERD_HAND_OVER";

/// The program that runtime processes execute.
#[derive(Debug)]
pub struct Executable {
    file: File,
    /// Where it was when it started, which is where an upgrade looks for the new one.
    pub path: PathBuf,
}

impl Executable {
    /// This very program, also if its file has been replaced since.
    pub fn own() -> io::Result<Self> {
        Ok(Self {
            path: std::env::current_exe()?,
            file: File::open("/proc/self/exe")?,
        })
    }

    /// The program that is now where this one was.
    pub fn on_disk(&self) -> io::Result<Self> {
        Ok(Self {
            file: File::open(&self.path)?,
            path: self.path.clone(),
        })
    }

    /// A path that stays good while this value lives.
    pub fn command_path(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_raw_fd())
    }
}

/// Starts the processes of a server.
#[derive(Debug)]
pub struct Launcher {
    pub executable: Executable,
    options: Options,
    /// Whether processes have an inspector.
    inspected: bool,
    /// What all processes lock bytes of.
    locks: OwnedFd,
    /// Where the counts of processes go that have ended.
    pub ledger: Ledger,
    /// How long a process may take to be ready, and then to serve when it is told to.
    pub start_timeout: Duration,
    /// Where the first process to start is to run, if that is in this program.
    main_thread: Option<MainThread>,
}

impl Launcher {
    /// `options` are those of every process but for its slot and generation. With a main thread, the first process to start runs there.
    pub fn new(
        executable: Executable,
        options: Options,
        inspected: bool,
        start_timeout: Duration,
        main_thread: Option<MainThread>,
    ) -> io::Result<Self> {
        Ok(Self {
            executable,
            options,
            inspected,
            locks: shared_file()?,
            ledger: Ledger::default(),
            start_timeout,
            main_thread,
        })
    }

    /// Goes on with as many processes as there are, none of which is to run in this program, and what they lock.
    pub fn continue_with(&mut self, processes: u32, locks: OwnedFd) {
        self.options.processes = processes;
        self.locks = locks;
        self.main_thread = None;
    }

    /// The main thread, if a process could run or runs there. None starts there any more.
    pub fn take_main_thread(&mut self) -> Option<MainThread> {
        self.main_thread.take()
    }

    /// Nothing ends it but the end of the program.
    pub fn let_main_thread_hang(&mut self) {
        self.main_thread.iter_mut().for_each(MainThread::let_hang);
    }

    /// A process that runs in this program has been given up, and does not end.
    pub fn main_thread_hangs(&self) -> bool {
        self.main_thread.as_ref().is_some_and(MainThread::hangs)
    }

    pub fn locks(&self) -> BorrowedFd<'_> {
        self.locks.as_fd()
    }

    /// How many processes a generation has.
    pub fn processes(&self) -> u32 {
        self.options.processes
    }

    /// Starts a process, which will say when it is ready, or is over its deadline. `config` is sealed memory.
    pub fn launch(
        &mut self,
        slot: u32,
        generation: u64,
        config: BorrowedFd,
        listeners: Vec<Listener>,
    ) -> io::Result<Process> {
        let options = Options {
            process: slot,
            generation,
            ..self.options.clone()
        };
        let (ours, theirs) = packet_pair()?;
        let link = RuntimeLink::new(ours)?;
        let (inspector, inspected) = match self.inspected {
            true => {
                let (ours, theirs) = packet_pair()?;
                (Some(InspectorLink::new(ours)?), Some(theirs))
            }
            false => (None, None),
        };
        let deadline = Some(Instant::now() + self.start_timeout);
        let metrics = SharedPage::create(c"metrics")?;
        let metrics = Tally::new(metrics, slot, &self.ledger);
        let page = metrics.file().try_clone_to_owned()?;
        let process = |link, body| Process {
            inspector,
            metrics: Some(metrics),
            ..Process::new(slot, generation, link, body, deadline)
        };
        if let Some(main_thread) = self.main_thread.as_mut().filter(|thread| thread.is_free()) {
            let config = ConfigBytes::from(Mapping::new(config)?);
            let start = Start {
                config,
                listeners,
                locks: Some(self.locks.try_clone()?),
                metrics: Some(page),
                options,
                control: Some(Control::new(theirs)?),
                inspector: inspected.map(InspectorEnd::new).transpose()?,
            };
            return Ok(process(link, Body::Local(main_thread.run(start)?)));
        }
        let named = self.variables(config)?;
        let pid = self.execute(slot, generation, theirs, &named)?;
        let files = StartFiles {
            config: config.try_clone_to_owned()?,
            locks: self.locks.try_clone()?,
            metrics: page,
            inspector: inspected,
        };
        send_start(&link, options, files, listeners)?;
        Ok(process(link, Body::Child(pid)))
    }

    /// The environment variables that a process gets for its config.
    fn variables(&self, config: BorrowedFd) -> io::Result<Vec<OsString>> {
        let config = ConfigBytes::from(Mapping::new(config)?);
        config::variables(&config).map_err(io::Error::other)
    }

    fn execute(
        &self,
        slot: u32,
        generation: u64,
        channel: OwnedFd,
        named: &[OsString],
    ) -> io::Result<Pid> {
        let mut command = Command::new(self.executable.command_path());
        command
            .arg0("workerd")
            .arg(SUBCOMMAND)
            .arg(channel.as_raw_fd().to_string());
        // Only for people who list processes.
        command
            .arg(format!("process={slot}"))
            .arg(format!("generation={generation}"));
        if self.options.sandbox {
            command.env_clear();
            let kept =
                std::env::vars_os().filter(|(name, _)| is_kept(name) || named.contains(name));
            command.envs(kept);
        }
        for variable in PRIVATE_VARIABLES {
            command.env_remove(variable);
        }
        set_inheritable(channel.as_fd(), true)?;
        let child = command.spawn()?;
        Ok(Pid::from_raw(child.id().cast_signed()))
    }
}

/// Has a program that was executed by a descriptor, after which the kernel calls it, be called after its command again.
pub fn keep_name() {
    let name = std::env::args_os().next().map(PathBuf::from);
    let name = name.as_deref().and_then(Path::file_name);
    if std::env::var_os(HAND_OVER_VARIABLE).is_some()
        && let Some(name) = name.and_then(|name| CString::new(name.as_bytes()).ok())
    {
        // Only for people who list processes.
        let _ = set_name(&name);
    }
}

/// Ends the program without waiting for its other threads, one of which runs JavaScript that may never return.
#[allow(unsafe_code)]
pub fn exit_now(status: u8) -> ! {
    // SAFETY: `_exit` runs no code of this program; there is nothing left that has to.
    unsafe { libc::_exit(i32::from(status)) }
}

/// Becomes a runtime process: `arguments` are those after the subcommand. Returns what it is to run.
pub fn enter(arguments: &[OsString]) -> Result<Start, String> {
    let channel = arguments.first().and_then(|fd| fd.to_str()?.parse().ok());
    let channel = channel.and_then(|fd| inherited(fd).ok());
    let channel =
        channel.ok_or_else(|| format!("{SUBCOMMAND} is started by workerd itself, not by hand"))?;
    let failed = |what: &str, error: nix::Error| format!("{what}: {error}");
    // The channel closes too when the supervisor dies, but only a process that listens to it sees that.
    set_pdeathsig(Signal::SIGKILL).map_err(|error| failed("PR_SET_PDEATHSIG", error))?;
    // A supervisor that died before that line has closed the channel, which the runtime sees when it gets there.
    set_name(c"workerd").map_err(|error| failed("PR_SET_NAME", error))?;
    // Terminals and service managers signal whole groups of processes. What to do about it is the supervisor's to say, so that
    // no request is lost; SIGKILL remains.
    let blocked = SigSet::from_iter(SUPERVISOR_SIGNALS.into_iter().chain([ASKS_WHERE]));
    blocked
        .thread_set_mask()
        .map_err(|error| failed("sigprocmask", error))?;
    receive_start(channel).map_err(|error: HandshakeError| error.to_string())
}
