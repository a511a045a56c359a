//! What a process measures of itself while it serves, for its page of metrics: the event loop's lag, processor time, heaps.
//!
//! Run by `control`. What is counted where it happens is not looked for here.

use ipc::metrics::{TURN_INTERVAL, monotonic_us, page};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use tokio::time::{Instant, sleep_until};

use crate::isolate;

/// Turns between two looks at what costs more than a clock.
const TURNS_PER_LOOK: u32 = 4;

/// Measures, for as long as it is awaited.
pub async fn keep() {
    let process = &page().process;
    let mut turns: u32 = 0;
    loop {
        if turns.is_multiple_of(TURNS_PER_LOOK) {
            look();
        }
        turns = turns.wrapping_add(1);
        process.turned_us.set(monotonic_us());
        let due = Instant::now() + TURN_INTERVAL;
        sleep_until(due).await;
        process.lag.record_time(due.elapsed());
    }
}

fn look() {
    let micros = |time: TimeVal| {
        let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
        u64::try_from(micros).unwrap_or(0)
    };
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        let [user, system] = &page().process.cpu_us;
        user.set(micros(usage.user_time()));
        system.set(micros(usage.system_time()));
    }
    isolate::measure();
}
