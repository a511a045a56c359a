//! Loading a config: the first time, and again beside the generation that serves, without a failed request.
//!
//! Part of `supervisor`. A new generation gets the old one's listeners (and new ones where the config has new sockets), and
//! starts. When every process is ready, new sockets listen and the processes are told to serve; when every process serves,
//! the old ones are told to drain. Until then both accept on the same queues. A new generation that fails changes nothing, and
//! one that still starts when a newer one begins to is given up for that.

use std::mem;
use std::time::Instant;

use ipc::ToRuntime;
use ipc::fds::sealed_memory;

use super::generation::Generation;
use super::supervisor::{Key, Role, Supervisor};
use super::under_way::HEARING;
use super::watch::Watcher;
use crate::metrics::Id;
use crate::observe::{fail, problem, tell, warn};
use crate::process::{Phase, Process};
use crate::sockets::SocketSet;

impl Supervisor {
    /// Loads the config anew and replaces what serves with it.
    pub(super) fn reload(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        if self.current.is_some() {
            self.reloading = true;
            self.systemd.reloading();
        }
        self.load_generation();
    }

    /// Loads the config and starts a generation with it.
    pub(super) fn load_generation(&mut self) {
        self.generations += 1;
        let loaded = (self.server.load)();
        let files = match &loaded {
            Ok(loaded) => &loaded.files,
            Err(errors) => &errors.files,
        };
        if self.server.watch {
            let program = self.launcher.executable.path.as_path();
            let files = files.iter().map(|file| file.as_path()).chain([program]);
            match Watcher::new(files) {
                Ok(watcher) => self.watcher = Some(watcher),
                Err(error) => problem(format_args!("--watch: inotify: {error}")),
            }
        }
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(errors) => {
                (self.server.show)(&errors);
                return self.decline(Vec::new());
            }
        };
        warn(&loaded.warnings);
        let folders = match self.folders.take(&loaded.folders, self.server.lock_folder) {
            Ok(folders) => folders,
            Err(errors) => return self.decline(errors),
        };
        let none = SocketSet::default();
        let previous = self
            .incoming
            .as_ref()
            .or(self.current.as_ref())
            .map_or(&none, |generation| &generation.sockets);
        let sockets = SocketSet::bind(
            &loaded.sockets,
            self.launcher.processes(),
            &self.server.inherited,
            previous,
        );
        let generation = sockets.and_then(|sockets| {
            let config = sealed_memory(c"config", loaded.message.as_bytes());
            let generation = config.and_then(|config| {
                Generation::start(
                    self.generations,
                    config,
                    sockets,
                    folders,
                    loaded.workers,
                    &mut self.launcher,
                )
            });
            generation
                .map_err(|error| vec![format!("The runtime processes cannot be started: {error}")])
        });
        match generation {
            Err(errors) => self.decline(errors),
            Ok(generation) => {
                for process in generation.processes() {
                    let key = (process.generation, process.slot);
                    self.server
                        .reporter
                        .phase(key, process.pid(), Phase::Starting);
                }
                if let Some(mut older) = self.incoming.replace(generation) {
                    tell("What has not started yet is given up for what was asked next.");
                    older.kill();
                }
            }
        }
    }

    /// Says why what was asked for does not begin to start. What starts or serves goes on.
    fn decline(&mut self, errors: Vec<String>) {
        if self.incoming.is_none() {
            return self.abandon_incoming(errors);
        }
        fail(&errors);
        self.abandon_upgrades();
        problem("The reload failed; the config from before goes on starting.");
        self.reloaded(false);
    }

    pub(super) fn on_ready(&mut self, key: Key) {
        match self.role(key) {
            Role::Incoming => {
                self.link(key);
                self.commit_when_ready();
            }
            Role::Current => {
                // A replacement: its siblings serve already.
                self.link(key);
                let deadline = Instant::now() + self.launcher.start_timeout;
                if let Some(process) = self.process_mut(key) {
                    process.deadline = Some(deadline);
                    process.send(&ToRuntime::Serve);
                }
            }
            Role::Retiring => {}
        }
    }

    /// Makes the incoming generation the one that serves, once all of it is ready.
    fn commit_when_ready(&mut self) {
        let Some(generation) = self
            .incoming
            .take_if(|generation| generation.all_in(Phase::Ready))
        else {
            return;
        };
        if let Err(error) = generation.sockets.listen() {
            self.incoming = Some(generation);
            return self.abandon_incoming(vec![error]);
        }
        if let Some(old) = self.current.replace(generation) {
            self.retire(old);
        }
        self.link_generations();
        let deadline = Instant::now() + self.launcher.start_timeout;
        for process in self.current.iter_mut().flat_map(Generation::processes_mut) {
            process.deadline = Some(deadline);
            process.send(&ToRuntime::Serve);
        }
    }

    pub(super) fn on_serving(&mut self, key: Key) {
        let Some(generation) = self
            .current
            .as_mut()
            .filter(|generation| generation.number == key.0)
        else {
            return;
        };
        let slot = key.1 as usize;
        generation.restored(slot);
        generation.adopt_orphans();
        if generation.announced || !generation.all_in(Phase::Serving) {
            return self.show_status();
        }
        generation.announced = true;
        self.server.reporter.listening(&generation.sockets);
        self.drain_retiring();
        if !self.reloading {
            self.systemd.ready(&self.status());
        }
    }

    /// Ends a reload: the new generation serves, and no old process accepts any more; one that does not even hear of it is not
    /// waited for.
    pub(super) fn finish_reload(&mut self) {
        let serving = self.incoming.is_none()
            && self
                .current
                .as_ref()
                .is_some_and(|generation| generation.announced);
        let unheard = |process: &Process| {
            process
                .told_to_drain
                .is_some_and(|told| told.elapsed() >= HEARING)
        };
        if self.reloading
            && serving
            && self
                .retiring
                .iter()
                .all(|process| process.phase() >= Phase::Draining || unheard(process))
        {
            self.reloading = false;
            self.systemd.ready(&self.status());
            self.reloaded(true);
        }
    }

    fn reloaded(&mut self, succeeded: bool) {
        self.last_reload = succeeded;
        let result = if succeeded { "success" } else { "failure" };
        self.launcher.ledger.count(Id::Reloads, &[result]);
        self.server.reporter.reloaded(succeeded);
    }

    /// A process says that its config does not start.
    pub(super) fn on_start_failed(&mut self, key: Key, errors: Vec<String>) {
        match self.role(key) {
            // Every process fails with the same config: the first one tells why, once.
            Role::Incoming => self.abandon_incoming(errors),
            Role::Current => {
                fail(&errors);
                if let Some(generation) = &mut self.current {
                    generation.slots[key.1 as usize].given_up = true;
                }
            }
            Role::Retiring => {}
        }
    }

    /// Gives the incoming generation up. What serves goes on serving.
    pub(super) fn abandon_incoming(&mut self, errors: Vec<String>) {
        fail(&errors);
        if let Some(mut generation) = self.incoming.take() {
            generation.kill();
        }
        self.abandon_upgrades();
        if mem::take(&mut self.reloading) {
            problem("The reload failed; the config from before goes on serving.");
            self.systemd
                .ready(&format!("{}; the last reload failed", self.status()));
            self.reloaded(false);
        } else if self.watcher.is_some() {
            tell("Waiting for a change of the config.");
        } else {
            self.abort(1);
        }
    }

    /// `--watch` has seen changes come to rest.
    pub(super) fn on_files_settled(&mut self) {
        let changed = self
            .watcher
            .as_mut()
            .map(Watcher::changed)
            .unwrap_or_default();
        if changed.contains(&self.launcher.executable.path) {
            tell("The program has changed: upgrading.");
            self.upgrade();
        } else if !changed.is_empty() {
            tell("The config has changed: reloading.");
            self.reload();
        }
    }
}
