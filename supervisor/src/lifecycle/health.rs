//! Whether the server is as it should be, and what it counts: `/healthz`, `/readyz`, `/metrics`, and what the overview draws.
//!
//! Part of `supervisor`, called by `admin`.

use std::time::{Instant, UNIX_EPOCH};

use super::generation::Generation;
use super::supervisor::{Supervisor, key_of};
use crate::admin::http::{Response, TEXT};
use crate::admin::processes::resident_bytes;
use crate::cli::VERSION;
use crate::metrics::history::Source;
use crate::metrics::{Format, Id, Readings, stall_us, write};
use crate::observe::time::now_ms;
use crate::process::{Phase, Process};

impl Supervisor {
    /// `/healthz`: whoever is answered sees that it lives.
    pub(super) fn healthz() -> Response {
        Response {
            status: 200,
            kind: TEXT,
            body: "alive\n".into(),
        }
    }

    /// `/readyz`: whether every process that is wanted serves.
    pub(super) fn readyz(&self) -> Response {
        let (status, text) = match self.lacks() {
            None => (200, "ready".to_owned()),
            Some(why) => (503, why),
        };
        Response {
            status,
            kind: TEXT,
            body: format!("{text}\n"),
        }
    }

    /// Why it is not ready, if it is not.
    fn lacks(&self) -> Option<String> {
        if self.stopping.is_some() {
            return Some("draining: the server stops".into());
        }
        let wanted = self.launcher.processes() as usize;
        let Some(current) = &self.current else {
            return Some(format!("starting: 0 of {wanted} processes serve"));
        };
        // While a reload hands over, those of before still accept.
        let accepts = |process: &&Process| process.told_to_drain.is_none();
        let before = serving(self.retiring.iter().filter(accepts));
        let slots = current.slots.iter().filter(|slot| !slot.stalled);
        let count = serving(slots.filter_map(|slot| slot.process.as_ref()));
        if count == current.slots.len() || before >= wanted {
            return None;
        }
        let state = match current.announced {
            true => "degraded",
            false if self.reloading => "reloading",
            false => "starting",
        };
        let all = current.slots.len();
        let down = down(current);
        Some(format!("{state}: {count} of {all} processes serve{down}"))
    }

    /// `/metrics`.
    pub(super) fn metrics(&self, accept: &str) -> Response {
        let format = Format::accepted(accept);
        Response {
            status: 200,
            kind: format.content_type(),
            body: write(&self.readings(), format),
        }
    }

    /// All numbers, as they are now.
    fn readings(&self) -> Readings {
        let mut all = self.launcher.ledger.kept();
        for process in self.processes() {
            if let Some(tally) = &process.metrics {
                tally.read(&mut all);
            }
            let slot = process.slot.to_string();
            let resident = resident_bytes(process.pid().as_raw()).unwrap_or(0);
            all.add(Id::ResidentBytes, &[&slot], resident);
        }
        for phase in Phase::ALL {
            let count = self.processes().filter(|process| process.phase() == phase);
            all.add(Id::Processes, &[phase.name()], count.count() as u64);
        }
        let slots = self
            .current
            .iter()
            .flat_map(|current| 0..current.slots.len());
        for slot in slots.map(|slot| slot.to_string()) {
            for reason in ["exit", "signal", "watchdog", "killed"] {
                all.add(Id::Restarts, &[&slot, reason], 0);
            }
        }
        for result in ["success", "failure"] {
            all.add(Id::Reloads, &[result], 0);
        }
        all.add(Id::LastReload, &[], u64::from(self.last_reload));
        all.add(Id::ProcessesWanted, &[], self.launcher.processes().into());
        all.add(Id::BuildInfo, &[VERSION], 1);
        let since = self.started.duration_since(UNIX_EPOCH);
        all.add(Id::StartTime, &[], since.map_or(0, |since| since.as_secs()));
        all
    }

    /// Takes what the overview draws, when it is due.
    pub(super) fn take_sample(&mut self, now: Instant) {
        if self.history.due() > now {
            return;
        }
        let mut history = std::mem::take(&mut self.history);
        let sources = self.processes().filter_map(|process| {
            let page = process.metrics.as_ref()?.page();
            Some(Source {
                key: key_of(process),
                page,
                resident_bytes: resident_bytes(process.pid().as_raw()).unwrap_or(0),
                stall_us: stall_us(page),
            })
        });
        history.take(now, now_ms(), &sources.collect::<Vec<_>>());
        self.history = history;
    }
}

fn serving<'a>(processes: impl Iterator<Item = &'a Process>) -> usize {
    let serving = processes.filter(|process| process.phase() == Phase::Serving);
    serving.count()
}

/// What is known of the processes that do not serve.
fn down(generation: &Generation) -> String {
    let slots = generation.slots.iter().enumerate();
    let down = slots.filter(|(_, slot)| slot.stalled || !slot.serves());
    let told = down.map(|(number, slot)| {
        let what = match (&slot.process, slot.restart_at) {
            _ if slot.stalled => "does not turn its event loop".to_owned(),
            (Some(process), _) => format!("is {}", process.phase().name()),
            (None, Some(at)) => {
                let wait = at.saturating_duration_since(Instant::now()).as_millis();
                format!("starts again in {wait} ms")
            }
            (None, None) => "is not started again".to_owned(),
        };
        format!("; process {number} {what}")
    });
    told.collect()
}
