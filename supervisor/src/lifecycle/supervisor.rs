//! The supervisor: its state, its poll loop, and what it does about each event.
//!
//! Called by `lifecycle::run`. The larger stories are told in `reload`, `restart`, `stop`, `admin` and `inspector`, each an `impl` of
//! [`Supervisor`]; here is what calls them.

use std::fmt::Display;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use ipc::{ChannelError, ToRuntime, ToSupervisor};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::folders::Folders;
use super::generation::Generation;
use super::hand_over::HandOver;
use super::server::Server;
use super::signals::{Ended, Request, Signals, reap};
use super::systemd::Systemd;
use super::under_way::{HEARING, Stopping, Upgrade};
use super::watch::Watcher;
use super::watchdog::Watchdog;
use crate::admin::Admin;
use crate::admin::objects::Gathering;
use crate::metrics::history::History;
use crate::observe::problem;
use crate::process::launch::Launcher;
use crate::process::main_thread::MainThread;
use crate::process::{Phase, Process};
use crate::{http, inspector};

/// How long a process may take to end when it has closed its channel.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// A process: the number of its generation, and its slot.
pub(super) type Key = (u64, u32);

pub(super) struct Supervisor {
    pub(super) server: Server,
    pub(super) launcher: Launcher,
    pub(super) systemd: Systemd,
    pub(super) watcher: Option<Watcher>,
    pub(super) watchdog: Watchdog,
    pub(super) folders: Folders,
    signals: Signals,
    /// How many generations there have been.
    pub(super) generations: u64,
    /// The generation that serves. `None` before the first, and while stopping.
    pub(super) current: Option<Generation>,
    /// The generation that starts beside it.
    pub(super) incoming: Option<Generation>,
    /// Processes of earlier generations, until they have drained.
    pub(super) retiring: Vec<Process>,
    /// A reload is under way: the service manager and `--report-phases` wait for its end.
    pub(super) reloading: bool,
    pub(super) upgrades: Vec<Upgrade>,
    pub(super) stopping: Option<Stopping>,
    pub(super) inspector: Option<http::Server>,
    pub(super) admin: Option<Admin>,
    /// Requests of the admin pages that wait for what processes say.
    pub(super) gatherings: Vec<Gathering>,
    /// What the admin pages draw.
    pub(super) history: History,
    /// When this program was started.
    pub(super) started: SystemTime,
    /// Whether the last reload has succeeded.
    pub(super) last_reload: bool,
}

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Current,
    Incoming,
    Retiring,
}

/// What a descriptor in the poll set stands for.
#[derive(Clone, Copy)]
enum Source {
    Signals,
    Watcher,
    Process(Key),
    /// The inspector of a process.
    Inspected(Key),
    /// A connection or listener of the inspector.
    Inspector(u64),
    /// The same of the admin pages.
    Admin(u64),
}

impl Supervisor {
    pub(super) fn new(mut server: Server, mut launcher: Launcher) -> io::Result<Self> {
        let (mut current, mut watcher, mut generations) = (None, None, 0);
        let mut folders = Folders::default();
        if let Some(HandOver {
            generation,
            files,
            folders: held,
            locks,
        }) = HandOver::take(&launcher.ledger)?
        {
            folders = held;
            launcher.continue_with(generation.slots.len() as u32, locks);
            generations = generation.number;
            current = Some(generation);
            server.reporter.upgraded();
            if server.watch {
                watcher = Some(Watcher::new(files.iter().map(PathBuf::as_path))?);
            }
        }
        let goes_on = current.is_some();
        let inspector = server.inspector.as_deref().map(inspector::open);
        let inspector = opened("--inspector-addr", inspector, goes_on)?;
        if let Some(inspector) = &inspector {
            server.reporter.inspector(inspector.port());
        }
        let admin = server.admin.as_ref().map(Admin::open);
        let admin = opened("--admin-addr", admin, goes_on)?;
        if let Some(admin) = &admin {
            server.reporter.admin(admin.server.port());
        }
        Ok(Self {
            watchdog: Watchdog::new(server.watchdog),
            server,
            launcher,
            systemd: Systemd::from_environment(),
            watcher,
            folders,
            signals: Signals::new()?,
            generations,
            current,
            incoming: None,
            retiring: Vec::new(),
            reloading: false,
            upgrades: Vec::new(),
            stopping: None,
            inspector,
            admin,
            gatherings: Vec::new(),
            history: History::default(),
            started: SystemTime::now(),
            last_reload: true,
        })
    }

    /// Serves until told to stop. Returns the exit status, and the main thread if it is to be waited for.
    pub(super) fn run(mut self) -> (u8, Option<MainThread>) {
        if self.current.is_none() {
            self.load_generation();
        }
        loop {
            self.finish_reload();
            self.release_folders();
            self.finish_upgrade();
            if let Some(status) = self.finished() {
                return (status, self.launcher.take_main_thread());
            }
            if let Err(error) = self.turn() {
                // Without its poll loop the supervisor is of no use; the processes go with it.
                problem(format_args!("poll(): {error}"));
                return (1, self.launcher.take_main_thread());
            }
        }
    }

    /// Lets go of the folders that the config no longer names, once no process is left that may use them.
    fn release_folders(&mut self) {
        if self.retiring.is_empty() && self.incoming.is_none() {
            let current = self.current.as_ref();
            let used = current.map_or(&[][..], |generation| &generation.folders);
            self.folders.keep(used);
        }
    }

    /// Waits for events, and handles those that have come.
    fn turn(&mut self) -> io::Result<()> {
        for source in self.wait()? {
            match source {
                Source::Process(key) => self.hear(key),
                Source::Inspected(key) => self.hear_inspector(key),
                Source::Inspector(source) => self.on_inspector(source),
                Source::Admin(source) => self.on_admin(source),
                Source::Signals => self.on_signals(),
                Source::Watcher => {
                    if let Some(watcher) = &mut self.watcher {
                        watcher.on_readable();
                    }
                }
            }
        }
        self.on_time(Instant::now());
        Ok(())
    }

    /// Processes first, so that what a process said before it ended is heard before its end.
    fn wait(&self) -> io::Result<Vec<Source>> {
        let mut sources = Vec::new();
        let mut fds = Vec::new();
        let mut add_for = |source, fd, flags| {
            sources.push(source);
            fds.push(PollFd::new(fd, flags));
        };
        let mut add = |source, fd| add_for(source, fd, PollFlags::POLLIN);
        for process in self.processes() {
            if let Some(fd) = process.link_fd() {
                add(Source::Process(key_of(process)), fd);
            }
            if let Some(fd) = process.inspector_fd() {
                add(Source::Inspected(key_of(process)), fd);
            }
        }
        add(Source::Signals, self.signals.as_fd());
        if let Some(watcher) = &self.watcher {
            add(Source::Watcher, watcher.as_fd());
        }
        let admin = self.admin.as_ref().map(|admin| &admin.server);
        let inspector = (self.inspector.as_ref(), Source::Inspector as fn(u64) -> _);
        let servers = [inspector, (admin, Source::Admin)];
        for (server, source) in servers {
            for (number, fd, writes) in server.into_iter().flat_map(http::Server::sources) {
                let flags = match writes {
                    true => PollFlags::POLLOUT,
                    false => PollFlags::POLLIN,
                };
                add_for(source(number), fd, flags);
            }
        }
        let timeout = self.next_deadline().map_or(PollTimeout::NONE, |deadline| {
            let wait = deadline.saturating_duration_since(Instant::now());
            // Rounded up, so that the deadline has passed when the wait ends.
            let millis = wait.as_micros().div_ceil(1000);
            PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = sources
            .into_iter()
            .zip(fds)
            .filter(|(_, fd)| fd.any().unwrap_or(false));
        Ok(ready.map(|(source, _)| source).collect())
    }

    fn next_deadline(&self) -> Option<Instant> {
        let restarts = self
            .current
            .iter()
            .flat_map(|generation| generation.slots.iter().filter_map(|slot| slot.restart_at));
        let processes = self.processes().filter_map(|process| process.deadline);
        let unheard = self
            .retiring
            .iter()
            .filter(|process| self.reloading && process.phase() < Phase::Draining)
            .filter_map(|process| Some(process.told_to_drain? + HEARING))
            .filter(|heard| *heard > Instant::now());
        let settled = self.watcher.iter().filter_map(|watcher| watcher.settled_at);
        restarts
            .chain(processes)
            .chain(unheard)
            .chain(settled)
            .chain(self.systemd.next_check)
            .chain(self.watchdog.next_look)
            .chain(
                self.inspector
                    .as_ref()
                    .and_then(http::Server::next_deadline),
            )
            .chain(
                self.admin
                    .as_ref()
                    .and_then(|admin| admin.server.next_deadline()),
            )
            .chain(self.gatherings.iter().map(|gathering| gathering.deadline))
            .chain(self.admin.iter().map(|_| self.history.due()))
            .min()
    }

    fn on_time(&mut self, now: Instant) {
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        let overdue: Vec<Key> = self
            .processes()
            .filter(|process| passed(process.deadline))
            .map(key_of)
            .collect();
        for key in overdue {
            self.on_overdue(key);
        }
        self.restart_due(now);
        self.watch_processes(now);
        self.finish_gathering();
        if let Some(inspector) = &mut self.inspector {
            inspector.on_time(now);
        }
        if let Some(admin) = &mut self.admin {
            admin.server.on_time(now);
            self.take_sample(now);
        }
        if self
            .watcher
            .as_ref()
            .is_some_and(|watcher| passed(watcher.settled_at))
        {
            self.on_files_settled();
        }
        if passed(self.systemd.next_check) {
            let serving = || {
                self.processes()
                    .filter(|process| process.phase() == Phase::Serving)
            };
            let silence = serving().map(Process::silence).min();
            serving().for_each(|process| _ = process.send(&ToRuntime::Ping));
            self.systemd.check(silence);
        }
    }

    fn on_signals(&mut self) {
        while let Some(request) = self.signals.next() {
            match request {
                Request::Stop => self.stop(),
                Request::Reload => self.reload(),
                Request::Upgrade => self.upgrade(),
                Request::Child => {
                    while let Some((pid, ended)) = reap() {
                        let child = self
                            .processes()
                            .find(|process| process.is_child(pid))
                            .map(key_of);
                        if let Some(key) = child {
                            self.hear(key);
                            self.on_ended(key, ended);
                        }
                    }
                }
            }
        }
    }

    /// Handles all that a process has said.
    fn hear(&mut self, key: Key) {
        while let Some(process) = self.process_mut(key) {
            match process.receive() {
                Ok(message) => {
                    self.on_sign_of_life(key);
                    self.on_message(key, message);
                }
                Err(ChannelError::WouldBlock) => return,
                Err(ChannelError::Closed) => return self.on_closed(key),
                Err(error) => return self.kill(key, error),
            }
        }
    }

    fn on_message(&mut self, key: Key, message: ToSupervisor) {
        match message {
            ToSupervisor::Ready if self.advance(key, Phase::Ready) => self.on_ready(key),
            ToSupervisor::Serving if self.advance(key, Phase::Serving) => self.on_serving(key),
            ToSupervisor::Draining if self.advance(key, Phase::Draining) => self.on_draining(key),
            ToSupervisor::Failed { errors } => self.on_start_failed(key, errors),
            ToSupervisor::Drained => self.on_drained(key),
            ToSupervisor::Stats {
                live_connections,
                requests_served,
            } => {
                if let Some(process) = self.process_mut(key) {
                    (process.connections, process.requests) = (live_connections, requests_served);
                }
            }
            ToSupervisor::Objects(answer) => self.on_objects(key, *answer),
            ToSupervisor::Pong => {}
            ToSupervisor::Ready | ToSupervisor::Serving | ToSupervisor::Draining => {}
        }
    }

    /// Changes the phase of a process and reports it. One that is out of turn is killed.
    pub(super) fn advance(&mut self, key: Key, to: Phase) -> bool {
        let Some(process) = self.process_mut(key) else {
            return false;
        };
        if let Err(error) = process.advance(to) {
            self.kill(key, format_args!("it {error}"));
            return false;
        }
        // One that was told to drain before it served has the deadline of that.
        if process.told_to_drain.is_none() {
            process.deadline = None;
        }
        let pid = process.pid();
        self.server.reporter.phase(key, pid, to);
        true
    }

    /// The process has closed its channel, so it has ended or soon will.
    fn on_closed(&mut self, key: Key) {
        let Some(process) = self.process_mut(key) else {
            return;
        };
        if process.is_local() {
            self.on_ended(key, Ended::Returned);
        } else {
            process.deadline = Some(Instant::now() + EXIT_TIMEOUT);
        }
    }

    /// A process has not left its phase in time.
    fn on_overdue(&mut self, key: Key) {
        let start = self.launcher.start_timeout;
        let drain = self.server.options.drain_timeout;
        let Some(process) = self.process_mut(key) else {
            return;
        };
        process.deadline = None;
        let late = match process.phase() {
            _ if process.link_fd().is_none() => "it does not end".to_owned(),
            _ if process.told_to_drain.is_some() => {
                format!("it has not drained within {drain:?} (--drain-timeout)")
            }
            Phase::Starting | Phase::Ready => {
                format!("it has not started within {start:?} (--start-timeout)")
            }
            phase => format!("it has been {} for too long", phase.name()),
        };
        if self.role(key) == Role::Incoming {
            let hint = "Does the code of a worker not return when it is loaded?";
            return self
                .abandon_incoming(vec![format!("Process {} is killed: {late}. {hint}", key.1)]);
        }
        self.kill(key, late);
    }

    /// Ends a process that misbehaves. Its end follows as an event.
    pub(super) fn kill(&mut self, key: Key, reason: impl Display) {
        let Some(process) = self.process_mut(key) else {
            return;
        };
        problem(format_args!("Process {} is killed: {reason}.", key.1));
        process.kill();
        if process.is_local() {
            // It cannot be killed alone, so it counts as ended; it ends with the program.
            self.on_ended(key, Ended::Returned);
        }
    }

    fn on_ended(&mut self, key: Key, how: Ended) {
        if !self.advance(key, Phase::Stopped) {
            return;
        }
        self.forget_in_gatherings(key);
        match self.role(key) {
            Role::Retiring => {
                self.retiring.retain(|process| key_of(process) != key);
                self.let_leave();
            }
            Role::Incoming => {
                let error = format!("Process {} {how} before it was ready.", key.1);
                self.abandon_incoming(vec![error]);
            }
            Role::Current => self.on_crash(key, how),
        }
    }

    pub(super) fn role(&self, key: Key) -> Role {
        let is = |generation: &Option<Generation>| {
            generation.as_ref().is_some_and(|g| g.number == key.0)
        };
        if is(&self.current) {
            Role::Current
        } else if is(&self.incoming) {
            Role::Incoming
        } else {
            Role::Retiring
        }
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> {
        let generations = self.current.iter().chain(&self.incoming);
        generations
            .flat_map(Generation::processes)
            .chain(&self.retiring)
    }

    pub(super) fn process_mut(&mut self, key: Key) -> Option<&mut Process> {
        let generations = self.current.iter_mut().chain(&mut self.incoming);
        let mut processes = generations
            .flat_map(Generation::processes_mut)
            .chain(&mut self.retiring);
        processes.find(|process| key_of(process) == key)
    }
}

/// What an option has opened. A server that goes on after an upgrade goes on without.
fn opened<T>(option: &str, result: Option<io::Result<T>>, goes_on: bool) -> io::Result<Option<T>> {
    match result.transpose() {
        Ok(opened) => Ok(opened),
        Err(error) if goes_on => {
            problem(format_args!("{option}: {error}"));
            Ok(None)
        }
        Err(error) => Err(io::Error::new(error.kind(), format!("{option}: {error}"))),
    }
}

pub(super) fn key_of(process: &Process) -> Key {
    (process.generation, process.slot)
}
