//! Crash and restart: a slot whose process died gets a new one, and a sibling accepts for it meanwhile.
//!
//! Part of `supervisor`, which calls it when a process of the serving generation ends, and when a wait is over.

use std::time::Instant;

use super::signals::Ended;
use super::supervisor::{Key, Supervisor};
use crate::metrics::Id;
use crate::observe::problem;

impl Supervisor {
    /// A process of the serving generation has ended without having been told to.
    pub(super) fn on_crash(&mut self, key: Key, how: Ended) {
        let Some(generation) = &mut self.current else {
            return;
        };
        let slot = key.1 as usize;
        let Some(process) = generation.slots[slot].process.take() else {
            return;
        };
        for orphan in &mut generation.slots {
            // What it had adopted needs someone else.
            orphan.adopter.take_if(|adopter| *adopter == slot);
        }
        let down = &mut generation.slots[slot];
        down.crashed = true;
        down.stalled = false;
        down.crashes += 1;
        if down.given_up {
            problem(format_args!(
                "Process {slot} is not started again, as the config no longer starts."
            ));
        } else {
            let reason = process.killed_for.unwrap_or(match how {
                Ended::Killed(_) => "signal",
                Ended::Exited(_) | Ended::Returned => "exit",
            });
            let number = slot.to_string();
            self.launcher.ledger.count(Id::Restarts, &[&number, reason]);
            let wait = down.backoff.after_crash(process.age());
            down.restart_at = Some(Instant::now() + wait);
            problem(format_args!(
                "Process {slot} {how}; it is started again in {} ms.",
                wait.as_millis()
            ));
        }
        generation.adopt_orphans();
        if generation.slots.iter().all(|slot| slot.given_up) {
            problem("No process is left that can serve.");
            self.abort(1);
        }
        self.show_status();
    }

    /// Starts what has waited long enough.
    pub(super) fn restart_due(&mut self, now: Instant) {
        let Some(generation) = &mut self.current else {
            return;
        };
        for slot in 0..generation.slots.len() {
            if generation.slots[slot]
                .restart_at
                .is_some_and(|at| at <= now)
                && let Err(error) = generation.launch(slot, &mut self.launcher)
            {
                let down = &mut generation.slots[slot];
                let wait = down.backoff.after_crash(std::time::Duration::ZERO);
                down.restart_at = Some(now + wait);
                let wait = wait.as_millis();
                problem(format_args!(
                    "Process {slot} cannot be started: {error}; the next attempt is in {wait} ms."
                ));
            }
        }
    }

    /// Tells the service manager how many processes serve.
    pub(super) fn show_status(&self) {
        self.systemd.status(&self.status());
    }

    pub(super) fn status(&self) -> String {
        let Some(generation) = &self.current else {
            return "Not serving".into();
        };
        let serving = generation.slots.iter().filter(|slot| slot.serves()).count();
        format!(
            "Serving with {serving} of {} processes",
            generation.slots.len()
        )
    }
}
