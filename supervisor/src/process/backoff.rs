//! How long a crashed process stays down.
//!
//! Called by `lifecycle` for each slot. The first wait is short, so that one crash goes unnoticed; a process that keeps
//! crashing waits longer each time, so that it does not take the machine with it.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// A process that served this long has not crashed because of the crash before.
const HEALTHY: Duration = Duration::from_secs(60);
/// One that served this long is not missed for longer than it was there.
const SERVED: Duration = Duration::from_secs(5);
/// Waits vary by this part, so that slots that crash together do not come back together.
const JITTER: f64 = 0.1;

/// The waits of one slot.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The wait after a crash of a process that had lived for `lived`.
    pub fn after_crash(&mut self, lived: Duration) -> Duration {
        if lived >= HEALTHY {
            self.next = FIRST;
        }
        let longest = if lived >= SERVED { lived } else { LONGEST };
        let wait = self.next.min(longest);
        self.next = (wait * 2).min(LONGEST);
        wait.mul_f64(1.0 + JITTER * (2.0 * random_part() - 1.0))
    }
}

/// A number from 0 to 1.
fn random_part() -> f64 {
    // The keys of the standard hasher are the one random source of the standard library.
    f64::from(RandomState::new().hash_one(0) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(wait: Duration, millis: u64) -> bool {
        let expected = Duration::from_millis(millis);
        wait >= expected.mul_f64(0.89) && wait <= expected.mul_f64(1.11)
    }

    #[test]
    fn waits_double_up_to_the_longest_and_start_again_after_a_healthy_minute() {
        let mut backoff = Backoff::default();
        for millis in [
            100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000,
        ] {
            assert!(near(backoff.after_crash(Duration::from_secs(1)), millis));
        }
        assert!(near(backoff.after_crash(Duration::from_secs(7)), 7000));
        assert!(near(backoff.after_crash(Duration::from_secs(1)), 14_000));
        assert!(near(backoff.after_crash(Duration::from_secs(61)), 100));
        assert!(near(backoff.after_crash(Duration::from_secs(1)), 200));
    }
}
