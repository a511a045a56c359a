//! What the supervisor has begun and not finished: an upgrade, its own end.

use std::time::{Duration, Instant};

use crate::process::launch::Executable;

/// A process that has not heard of the drain after this long runs JavaScript, and accepts nothing meanwhile.
pub(super) const HEARING: Duration = Duration::from_secs(1);

/// An upgrade that is not finished. Others may follow it before it is.
#[derive(Debug)]
pub(super) struct Upgrade {
    /// The program before.
    pub(super) from: Executable,
    /// The first generation of the new program.
    pub(super) generation: u64,
}

/// The end of the server has begun.
#[derive(Debug)]
pub(super) struct Stopping {
    pub(super) status: u8,
    pub(super) since: Instant,
}
