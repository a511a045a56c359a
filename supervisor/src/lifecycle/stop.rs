//! Stopping: drain with a deadline, then exit.
//!
//! Part of `supervisor`, which calls it for SIGTERM and SIGINT, and when there is nothing left to serve with.

use std::mem;
use std::time::{Duration, Instant};

use ipc::ToRuntime;

use super::generation::Generation;
use super::supervisor::{Key, Supervisor};
use super::under_way::Stopping;
use crate::observe::tell;
use crate::process::{Phase, Process};

/// What a process that has heard that it is to drain gets beyond the deadline, to cut off what is left and say so.
const GRACE: Duration = Duration::from_secs(1);

/// Who means it asks again after this long. Until then a second signal is an echo: terminals and tools such as `timeout` signal both a
/// process and its group.
const INSISTENCE: Duration = Duration::from_millis(100);

impl Supervisor {
    /// Drains every process and exits when the last has ended. Asked again, exits at once.
    pub(super) fn stop(&mut self) {
        if let Some(stopping) = &self.stopping {
            if stopping.since.elapsed() >= INSISTENCE {
                tell("Stopped at once, as asked again.");
                self.abort(1);
            }
            return;
        }
        self.stopping = Some(Stopping {
            status: 0,
            since: Instant::now(),
        });
        self.systemd.stopping();
        self.watcher = None;
        if let Some(mut generation) = self.incoming.take() {
            generation.kill();
        }
        if let Some(generation) = self.current.take() {
            self.retire(generation);
        }
        self.drain_retiring();
    }

    /// Ends every process at once and exits.
    pub(super) fn abort(&mut self, status: u8) {
        for generation in [self.current.take(), self.incoming.take()]
            .iter_mut()
            .flatten()
        {
            generation.kill();
        }
        for mut process in mem::take(&mut self.retiring) {
            process.kill();
        }
        self.stopping = Some(Stopping {
            status,
            since: Instant::now(),
        });
    }

    /// Moves the processes of a generation to those that are to drain. Its listeners close here as far as no other generation
    /// has them. A process that still starts has nothing to drain.
    pub(super) fn retire(&mut self, generation: Generation) {
        for mut process in generation.slots.into_iter().filter_map(|slot| slot.process) {
            if process.phase() == Phase::Starting {
                process.kill();
            } else {
                self.retiring.push(process);
            }
        }
    }

    /// Tells what is to drain to do so.
    pub(super) fn drain_retiring(&mut self) {
        let timeout = self.server.options.drain_timeout;
        let now = Instant::now();
        for process in self
            .retiring
            .iter_mut()
            .filter(|process| process.told_to_drain.is_none())
        {
            process.told_to_drain = Some(now);
            process.deadline = Some(now + timeout);
            process.end_inspection();
            process.send(&ToRuntime::Drain { deadline: timeout });
        }
    }

    /// A process has heard that it is to drain, so it will keep the deadline itself.
    pub(super) fn on_draining(&mut self, key: Key) {
        if let Some(process) = self.process_mut(key) {
            process.deadline = process.deadline.map(|deadline| deadline + GRACE);
        }
    }

    /// A process has answered what it accepted.
    pub(super) fn on_drained(&mut self, key: Key) {
        if let Some(process) = self.process_mut(key) {
            process.drained = true;
            // From here on it waits for others, which have a deadline.
            process.deadline = None;
        }
        self.let_leave();
    }

    /// Lets processes exit once all of their generation and of those before it have drained: until then one may need an
    /// object of another, or hand one over to it.
    pub(super) fn let_leave(&mut self) {
        let busy = self.retiring.iter().filter(|process| !process.drained);
        let first_busy = busy.map(|process| process.generation).min();
        let (now, timeout) = (Instant::now(), self.server.options.drain_timeout);
        for process in &mut self.retiring {
            let may_leave = first_busy.is_none_or(|busy| process.generation < busy);
            if may_leave && process.deadline.is_none() {
                // Until the end of the drain it answers what others have asked meanwhile.
                let end = process.told_to_drain.map_or(now, |told| told + timeout);
                process.deadline = Some(now.max(end) + GRACE);
                process.send(&ToRuntime::Leave);
            }
        }
    }

    /// The exit status, once nothing is left to wait for.
    pub(super) fn finished(&self) -> Option<u8> {
        let Stopping { status, .. } = self.stopping.as_ref()?;
        self.retiring
            .iter()
            .all(|process: &Process| process.phase() == Phase::Stopped)
            .then_some(*status)
    }
}
