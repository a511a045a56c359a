//! The watchdog: a process that serves and whose event loop does not turn.
//!
//! Part of `supervisor`, which calls it every [`Watchdog::interval`]. Each process that serves is asked for a sign of life. After one
//! interval without, a sibling accepts in its place too, so that new clients do not wait for it. After three quarters of the
//! time it is asked where it stands, which it tells the log; when the time is over it is killed, and goes the way of
//! a crash: its objects' callers get an error that says `retryable`, and another process takes its slot. What a debugger
//! has stopped is left alone.

use std::time::{Duration, Instant};

use ipc::{ASKS_WHERE, ToRuntime};

use super::supervisor::{Key, Supervisor, key_of};
use crate::observe::{problem, tell};
use crate::process::{Phase, Process};

/// The watchdog looks no less often.
const MAX_INTERVAL: Duration = Duration::from_secs(1);

/// When to look, and what counts as too long.
pub(super) struct Watchdog {
    /// `--watchdog`; zero is never.
    patience: Duration,
    /// `None` without a watchdog.
    pub next_look: Option<Instant>,
}

impl Watchdog {
    pub(super) fn new(patience: Duration) -> Self {
        let next_look = (!patience.is_zero()).then(Instant::now);
        Self {
            patience,
            next_look,
        }
    }

    fn interval(&self) -> Duration {
        (self.patience / 4).min(MAX_INTERVAL)
    }
}

impl Supervisor {
    /// Asks who serves, and sees who has not answered.
    pub(super) fn watch_processes(&mut self, now: Instant) {
        let Some(due) = self.watchdog.next_look.filter(|due| *due <= now) else {
            return;
        };
        let (patience, interval) = (self.watchdog.patience, self.watchdog.interval());
        self.watchdog.next_look = Some(now + interval);
        // Whoever stopped this supervisor has stopped its processes too.
        let was_away = now - due > interval;
        let processes = self.current.iter().flat_map(|current| current.processes());
        let serving = processes.filter(|process| process.phase() == Phase::Serving);
        let keys: Vec<Key> = serving.map(key_of).collect();
        for key in keys {
            let Some(process) = self.process_mut(key) else {
                continue;
            };
            if was_away || process.paused {
                process.unanswered_since = None;
            }
            let Some(since) = process.unanswered_since else {
                process.unanswered_since = Some(now);
                process.send(&ToRuntime::Ping);
                continue;
            };
            let silence = now - since;
            if silence >= patience {
                let state = process.state();
                let reason =
                    format!("its event loop has not turned for {patience:?} (--watchdog); {state}");
                process.killed_for = Some("watchdog");
                self.kill(key, reason);
            } else if silence >= patience / 4 * 3 && !process.asked_where {
                process.asked_where = true;
                process.ask_where();
                problem(format_args!(
                    "Process {} has not turned its event loop for {silence:.1?}; it is replaced after {patience:?} (--watchdog).",
                    key.1
                ));
            }
            if silence >= interval {
                self.stand_in(key);
            }
        }
    }

    /// Has a sibling accept for a process that does not.
    fn stand_in(&mut self, key: Key) {
        if let Some(current) = &mut self.current
            && let Some(slot) = current.slots.get_mut(key.1 as usize)
            && !slot.stalled
        {
            slot.stalled = true;
            current.release_from(key.1 as usize);
            current.adopt_orphans();
        }
    }

    /// A process has said something: it turns.
    pub(super) fn on_sign_of_life(&mut self, key: Key) {
        let Some(process) = self.process_mut(key) else {
            return;
        };
        process.unanswered_since = None;
        if std::mem::take(&mut process.asked_where) {
            tell(format!("Process {} goes on.", key.1));
        }
        if let Some(current) = &mut self.current
            && current.number == key.0
            && let Some(slot) = current.slots.get_mut(key.1 as usize)
            && std::mem::take(&mut slot.stalled)
            && !slot.crashed
        {
            current.restored(key.1 as usize);
            current.adopt_orphans();
        }
    }
}

impl Process {
    /// Has it tell the log where it stands.
    fn ask_where(&self) {
        self.signal(ASKS_WHERE);
    }

    /// What the kernel says that it does.
    fn state(&self) -> &'static str {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        let state = stat.ok().and_then(|stat| {
            let (_, after) = stat.rsplit_once(") ")?;
            after.chars().next()
        });
        match state {
            Some('T' | 't') => "it is stopped (SIGSTOP, or a tracer)",
            Some('D') => "it waits for a disk, or for memory",
            Some('R') => "it runs",
            _ => "it waits",
        }
    }
}
