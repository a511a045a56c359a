//! Processor time that the work of a thread may use. Who begins the work sets it; what takes long (SQL, cryptography) looks
//! now and then whether it is used up, and stops.
//!
//! `isolate` sets it for turns, `glue` for work on other threads. Without a limit a look costs next to nothing.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

static LIMIT: OnceLock<Duration> = OnceLock::new();

/// Sets the most that one event of the process may use, before there is any.
pub fn set_limit(limit: Duration) {
    LIMIT.get_or_init(|| limit);
}

/// The most that one event may use, if there is a limit.
pub fn limit() -> Option<Duration> {
    LIMIT.get().copied()
}

thread_local! {
    /// Processor time of the thread at which its work is to end.
    static DEADLINE: Cell<Option<Deadline>> = const { Cell::new(None) };
}

/// When work is to end.
#[derive(Clone, Copy)]
struct Deadline {
    /// As the thread's processor time tells it.
    at: Duration,
    /// Not before. A processor's time passes no faster than the clock's, which is cheaper to ask.
    ask_at: Instant,
}

impl Deadline {
    fn new(at: Duration) -> Self {
        let left = at.saturating_sub(thread_time());
        Self {
            at,
            ask_at: Instant::now() + left,
        }
    }
}

/// Processor time that this thread has used.
pub fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Says when the work of this thread is to end, as [`thread_time`] tells it; none for whenever it does.
pub fn set_deadline(deadline: Option<Duration>) {
    DEADLINE.set(deadline.map(Deadline::new));
}

/// Runs work that may use as much as it likes. Beside its result: what is set for the work around it.
pub fn unlimited<T>(work: impl FnOnce() -> T) -> (Option<Duration>, T) {
    let before = DEADLINE.take();
    let result = work();
    (before.map(|deadline| deadline.at), result)
}

/// Whether the work that calls it has used all that it may, and is to stop.
pub fn is_used_up() -> bool {
    let Some(deadline) = DEADLINE.get() else {
        return false;
    };
    if Instant::now() < deadline.ask_at {
        return false;
    }
    DEADLINE.set(Some(Deadline::new(deadline.at)));
    thread_time() >= deadline.at
}

/// Runs work that may use so much, if there is a limit, and says how much it has used.
pub fn metered<T>(allowance: Option<Duration>, work: impl FnOnce() -> T) -> (T, Duration) {
    let began = thread_time();
    let deadline = allowance.map(|allowance| Deadline::new(began + allowance));
    let before = DEADLINE.replace(deadline);
    let result = work();
    DEADLINE.set(before);
    (result, thread_time().saturating_sub(began))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_sees_when_it_has_used_what_it_may() {
        let allowance = Duration::from_millis(5);
        let ((), used) = metered(Some(allowance), || while !is_used_up() {});
        assert!(used >= allowance, "{used:?}");
        let (used_up, _) = metered(None, is_used_up);
        assert!(!used_up);
    }
}
