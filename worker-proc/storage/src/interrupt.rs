//! When a worker's SQL is to end before it is done: whoever limits its time says how to tell.

use std::sync::OnceLock;

static IS_OVER: OnceLock<fn() -> bool> = OnceLock::new();

/// Has statements of workers, on connections that are opened from now on, ask this often, on the thread they run on, and end where it says so.
pub fn interrupt_when(is_over: fn() -> bool) {
    IS_OVER.get_or_init(|| is_over);
}

/// Whether anything may ever be to stop.
pub(super) fn is_limited() -> bool {
    IS_OVER.get().is_some()
}

/// Whether the work that calls it is to stop.
pub(super) fn is_over() -> bool {
    IS_OVER.get().is_some_and(|is_over| is_over())
}
